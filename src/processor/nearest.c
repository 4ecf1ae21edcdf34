/* nearest.c - see nearest.h. */
#include "processor/nearest.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (1u << 20) /* for VECTOR_MAX_K matches */

/* ---- found by the store ---- */

static enum err_code ask_store(struct store *s, const struct vector_search *q,
                               struct vector_hit *hits, size_t *n,
                               struct err *e)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct vector_match *found;
    enum err_code code;

    if (!a)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    code = store_vectors_nearest(s, a, q, &found, n, e);
    for (size_t i = 0; code == ERR_NONE && i < *n; i++)
        hits[i] = (struct vector_hit){.id = found[i].id,
                                      .score = 1 - found[i].distance,
                                      .distance = found[i].distance};
    arena_free(a);
    return code;
}

static enum err_code find_in_store(struct nearest *f, const struct model_id *m,
                                   const float *vector,
                                   const struct vector_ids *keep, size_t k,
                                   struct vector_hit *hits, size_t *n,
                                   struct err *e)
{
    struct vector_search q = {.set = f->set,
                              .model = *m,
                              .vector = vector,
                              .distance = DISTANCE_COSINE,
                              .k = (int)k};
    int64_t *ids = NULL;
    enum err_code code;

    if (keep) {
        q.n_ids = vector_ids_count(keep);
        q.ids = ids = malloc((q.n_ids + 1) * sizeof(*ids));
        if (!ids)
            return err_set(e, ERR_UNAVAILABLE, "out of memory");
        vector_ids_list(keep, ids);
    }
    code = ask_store(f->store, &q, hits, n, e);
    free(ids);
    return code;
}

static void free_plain(struct nearest *f)
{
    free(f);
}

static const struct nearest_ops in_store = {
    .name = "pgvector", .find = find_in_store, .free = free_plain};

struct nearest *nearest_in_store(struct store *s, enum vector_set set)
{
    struct nearest *f = calloc(1, sizeof(*f));

    if (f)
        *f = (struct nearest){&in_store, s, set};
    return f;
}

/* ---- whoever finds them ---- */

void nearest_free(struct nearest *f)
{
    if (f)
        f->ops->free(f);
}

enum err_code nearest_find(struct nearest *f, const struct model_id *m,
                           const float *vector, const struct vector_ids *keep,
                           size_t k, struct vector_hit *hits, size_t *n,
                           struct err *e)
{
    *n = 0;
    return f->ops->find(f, m, vector, keep, k, hits, n, e);
}

/* One more is asked for: it is the nearest to itself, or as near as others. */
enum err_code nearest_like(struct nearest *f, const struct model_id *m,
                           int64_t id, size_t k, struct vector_hit *hits,
                           size_t *n, struct err *e)
{
    struct vector_hit *more = malloc((k + 1) * sizeof(*more));
    float vector[STORE_VECTOR_DIM];
    size_t n_more = 0;
    enum err_code code =
        more ? store_vector_get(f->store, f->set, m, id, vector, e)
             : err_set(e, ERR_INTERNAL, "out of memory");

    if (code == ERR_NONE)
        code = nearest_find(f, m, vector, NULL, k + 1, more, &n_more, e);
    *n = 0;
    for (size_t i = 0; code == ERR_NONE && i < n_more && *n < k; i++)
        if (more[i].id != id)
            hits[(*n)++] = more[i];
    free(more);
    return code;
}
