/* search.c - see search.h. */
#include "processor/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "processor/fuse.h"

/* How far down hybrid looks in each of its two lists. */
#define HYBRID_DEPTH 100
#define MAX_DEPTH (SEARCH_MAX_K > HYBRID_DEPTH ? SEARCH_MAX_K : HYBRID_DEPTH)

const char *const search_modes[] = {"semantic", "keyword", "hybrid", NULL};

/* A result on its way. */
struct found {
    int64_t id;
    struct search_rank rank;
};

struct lists {
    struct vector_ids *keep; /* what `where` lets through; NULL: all */
    struct vector_hit near[MAX_DEPTH];
    size_t n_near;
    struct word_match *words;
    size_t n_words;
    struct found found[SEARCH_MAX_K];
    size_t n;
};

double search_lap(struct search *s)
{
    int64_t now = clock_mono_us();
    double ms = (double)(now - s->lap_us) / (double)US_PER_MS;

    s->lap_us = now;
    return ms;
}

/* The model is needed by words too: its documents are the ones we know. */
static enum err_code embed_query(struct search *s, float *vector, struct err *e)
{
    struct embed *m;
    struct model_id id;
    enum err_code code = processor_embed(s->p, &m, e);

    if (code != ERR_NONE)
        return code;
    if (s->mode != SEARCH_KEYWORD)
        code = embed_texts(m, NULL, &s->text, 1, vector, NULL, e);
    s->embed_ms = search_lap(s);
    id = processor_model(m);
    return code == ERR_NONE ? collection_refresh(s->p->documents, &id, e)
                            : code;
}

static bool is_kept(void *ctx, int64_t id)
{
    return vector_ids_has(ctx, id);
}

static enum err_code look_up(struct search *s, struct lists *l,
                             const float *vector, struct err *e)
{
    size_t depth =
        s->mode == SEARCH_HYBRID && s->k < HYBRID_DEPTH ? HYBRID_DEPTH : s->k;
    enum err_code code = ERR_NONE;

    if (s->mode != SEARCH_KEYWORD)
        code = collection_search(s->p->documents, vector, l->keep, depth,
                                 l->near, &l->n_near, e);
    if (code == ERR_NONE && s->mode != SEARCH_SEMANTIC)
        code = store_chunks_search(s->p->store, s->arena, s->text, (int)depth,
                                   l->keep ? is_kept : NULL, l->keep, &l->words,
                                   &l->n_words, e);
    return code;
}

static double distance_of(const struct lists *l, int64_t id)
{
    for (size_t i = 0; i < l->n_near; i++)
        if (l->near[i].id == id)
            return l->near[i].distance;
    return NAN;
}

static enum err_code fuse(struct search *s, struct lists *l, struct err *e)
{
    int64_t *near = arena_calloc(s->arena, l->n_near + 1, sizeof(*near));
    int64_t *words = arena_calloc(s->arena, l->n_words + 1, sizeof(*words));
    struct fused *fused;
    enum err_code code;

    if (!near || !words)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    for (size_t i = 0; i < l->n_near; i++)
        near[i] = l->near[i].id;
    for (size_t i = 0; i < l->n_words; i++)
        words[i] = l->words[i].id;
    code = fuse_ranks(
        (struct fuse_list[]){{near, l->n_near, 1}, {words, l->n_words, 1}}, 2,
        FUSE_K, s->k, s->arena, &fused, &l->n, e);
    for (size_t i = 0; code == ERR_NONE && i < l->n; i++)
        l->found[i] = (struct found){
            fused[i].id, {fused[i].score, distance_of(l, fused[i].id)}};
    return code;
}

static enum err_code rank(struct search *s, struct lists *l, struct err *e)
{
    if (s->mode == SEARCH_HYBRID)
        return fuse(s, l, e);
    l->n = s->mode == SEARCH_SEMANTIC ? l->n_near : l->n_words;
    for (size_t i = 0; i < l->n; i++)
        l->found[i] =
            s->mode == SEARCH_SEMANTIC
                ? (struct found){l->near[i].id,
                                 {l->near[i].score, l->near[i].distance}}
                : (struct found){l->words[i].id, {l->words[i].score, NAN}};
    return ERR_NONE;
}

/* The chunks, and the rank of each that is still there; both are in the same
 * order. */
static enum err_code load(struct search *s, const struct lists *l,
                          struct err *e)
{
    int64_t ids[SEARCH_MAX_K];
    size_t at = 0;
    enum err_code code;

    for (size_t i = 0; i < l->n; i++)
        ids[i] = l->found[i].id;
    code = store_chunks_get(s->p->store, s->arena, ids, l->n, &s->chunks, &s->n,
                            e);
    for (size_t i = 0; code == ERR_NONE && i < l->n && at < s->n; i++)
        if (l->found[i].id == s->chunks[at].id)
            s->ranks[at++] = l->found[i].rank;
    s->load_ms = search_lap(s);
    return code;
}

static enum err_code run(struct search *s, struct lists *l, struct err *e)
{
    float vector[EMBED_DIM];
    enum err_code code;

    s->lap_us = clock_mono_us();
    code = embed_query(s, vector, e);
    if (code == ERR_NONE && s->where)
        code = collection_filter(s->p->documents, s->where, &l->keep, e);
    s->filter_ms = search_lap(s);
    if (code == ERR_NONE)
        code = look_up(s, l, vector, e);
    if (code == ERR_NONE)
        code = rank(s, l, e);
    s->search_ms = search_lap(s);
    return code == ERR_NONE ? load(s, l, e) : code;
}

enum err_code search_run(struct search *s, struct err *e)
{
    struct lists *l = arena_calloc(s->arena, 1, sizeof(*l));
    enum err_code code;

    if (!l)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    code = run(s, l, e);
    vector_ids_free(l->keep);
    return code;
}

void search_end(struct search *s)
{
    where_free(s->where);
    s->where = NULL;
}
