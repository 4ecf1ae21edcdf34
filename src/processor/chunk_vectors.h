/* chunk_vectors.h - vectors of chunks of any length.
 *
 * The model sees 256 tokens, two of them special.  A longer chunk is embedded
 * in parts: halved at a space near its middle until every part fits; its vector
 * is the mean of theirs, weighted by their tokens, at length 1 again.  So no
 * word of a chunk is without influence, as it would be by cutting it off.
 *
 * Threads: any; a call blocks until its vectors are there.
 */
#ifndef PROCESSOR_CHUNK_VECTORS_H
#define PROCESSOR_CHUNK_VECTORS_H

#include "embed/embed.h"

#define CHUNK_PART_TOKENS 254 /* and two special ones */

/* out: n x EMBED_DIM.  tokens: of each whole text, special ones not counted;
 * more than CHUNK_PART_TOKENS: it was embedded in parts.  Errors are those of
 * embed_texts. */
enum err_code chunk_vectors(struct embed *m, const struct embed_how *how,
                            const struct slice *texts, size_t n, float *out,
                            int64_t *tokens, struct err *e) CHECKED;

#endif
