/* encoder_impl.h - a look inside the pass, for the tests. */
#ifndef EMBED_ENCODER_IMPL_H
#define EMBED_ENCODER_IMPL_H

#include "embed/encoder.h"

/* The hidden states of one sequence after n_layers (0: the embeddings): out has
 * len x EMBED_DIM. */
void encoder_hidden(const struct encoder *m, struct encoder_scratch *s,
                    const uint16_t *ids, uint16_t len, size_t n_layers,
                    float *out);

#endif
