/* nearest.h - the nearest vectors, asked of a store that finds them itself, in
 * the words of vector/index.h.
 *
 * Threads: any.
 */
#ifndef PROCESSOR_NEAREST_H
#define PROCESSOR_NEAREST_H

#include "store/documents.h"
#include "vector/index.h"

/* By cosine; hits has room for k; keep (NULL: all): only these. */
enum err_code nearest_find(struct store *s, enum vector_set set,
                           const struct model_id *m, const float *vector,
                           const struct vector_ids *keep, size_t k,
                           struct vector_hit *hits, size_t *n, struct err *e)
    CHECKED;
/* Nearest to the chunk or paper `id`, itself left out; k < VECTOR_MAX_K.
 * ERR_NOT_FOUND: it has no vector of this model. */
enum err_code nearest_like(struct store *s, enum vector_set set,
                           const struct model_id *m, int64_t id, size_t k,
                           struct vector_hit *hits, size_t *n, struct err *e)
    CHECKED;

#endif
