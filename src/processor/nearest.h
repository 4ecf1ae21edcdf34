/* nearest.h - the nearest vectors, asked of who finds them outside of this
 * process, in the words of vector/index.h.
 *
 * One table of operations for each: the database itself (pgvector), and a
 * Chroma server (chroma_find.h).  An index in memory is not among them: it is
 * filled by its collection.
 *
 * Threads: any.
 */
#ifndef PROCESSOR_NEAREST_H
#define PROCESSOR_NEAREST_H

#include "store/documents.h"
#include "vector/index.h"

struct nearest;

struct nearest_ops {
    const char *name; /* as metrics show it */
    /* By cosine; hits has room for k; keep (NULL: all): only these. */
    enum err_code (*find)(struct nearest *f, const struct model_id *m,
                          const float *vector, const struct vector_ids *keep,
                          size_t k, struct vector_hit *hits, size_t *n,
                          struct err *e);
    void (*free)(struct nearest *f); /* not called with NULL */
};

/* First member of every finder's own struct. */
struct nearest {
    const struct nearest_ops *ops;
    struct store *store;
    enum vector_set set;
};

/* The store finds them (store_finds_vectors).  NULL: out of memory. */
struct nearest *nearest_in_store(struct store *s, enum vector_set set);
void nearest_free(struct nearest *f); /* takes NULL */

enum err_code nearest_find(struct nearest *f, const struct model_id *m,
                           const float *vector, const struct vector_ids *keep,
                           size_t k, struct vector_hit *hits, size_t *n,
                           struct err *e) CHECKED;
/* Nearest to the chunk or paper `id`, itself left out; k < VECTOR_MAX_K.
 * ERR_NOT_FOUND: it has no vector of this model. */
enum err_code nearest_like(struct nearest *f, const struct model_id *m,
                           int64_t id, size_t k, struct vector_hit *hits,
                           size_t *n, struct err *e) CHECKED;

#endif
