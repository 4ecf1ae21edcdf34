/* nearest.c - see nearest.h. */
#include "processor/nearest.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (1u << 20) /* for VECTOR_MAX_K matches */

static enum err_code find(struct store *s, const struct vector_search *q,
                          struct vector_hit *hits, size_t *n, struct err *e)
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

enum err_code nearest_find(struct store *s, enum vector_set set,
                           const struct model_id *m, const float *vector,
                           const struct vector_ids *keep, size_t k,
                           struct vector_hit *hits, size_t *n, struct err *e)
{
    struct vector_search q = {.set = set,
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
    code = find(s, &q, hits, n, e);
    free(ids);
    return code;
}

/* One more is asked for: it is the nearest to itself, or as near as others. */
enum err_code nearest_like(struct store *s, enum vector_set set,
                           const struct model_id *m, int64_t id, size_t k,
                           struct vector_hit *hits, size_t *n, struct err *e)
{
    struct vector_hit *more = malloc((k + 1) * sizeof(*more));
    float vector[STORE_VECTOR_DIM];
    size_t n_more = 0;
    enum err_code code = more ? store_vector_get(s, set, m, id, vector, e)
                              : err_set(e, ERR_INTERNAL, "out of memory");

    if (code == ERR_NONE)
        code = nearest_find(s, set, m, vector, NULL, k + 1, more, &n_more, e);
    *n = 0;
    for (size_t i = 0; code == ERR_NONE && i < n_more && *n < k; i++)
        if (more[i].id != id)
            hits[(*n)++] = more[i];
    free(more);
    return code;
}
