/* search.c - see search.h.
 *
 * In several collections at once vectors are one list: cosines of one model
 * can be compared.  Scores of words cannot, for how rare a word is differs from
 * collection to collection: their lists meet by rank.
 */
#include "processor/search.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "processor/fuse.h"

/* How far down hybrid looks in each of its lists. */
#define HYBRID_DEPTH 100
#define MAX_DEPTH (SEARCH_MAX_K > HYBRID_DEPTH ? SEARCH_MAX_K : HYBRID_DEPTH)

const char *const search_modes[] = {"semantic", "keyword", "hybrid", NULL};

const char *const search_set_names[N_SETS] = {
    [VECTORS_CHUNKS] = SEARCH_DOCUMENTS, [VECTORS_PAPERS] = SEARCH_PAPERS};

enum err_code search_collections_read(unsigned *sets, struct slice name,
                                      struct err *e)
{
    for (unsigned i = 0; i < N_SETS; i++) {
        if (slice_is(name, search_set_names[i])) {
            *sets = 1U << i;
            return ERR_NONE;
        }
    }
    return err_set(e, ERR_NOT_FOUND,
                   "no collection '%.*s'; there are '%s' and '%s'",
                   SLICE_ARG(name), SEARCH_DOCUMENTS, SEARCH_PAPERS);
}

/* A result on its way.  Its key is the chunk's number, or that of the paper
 * with a minus. */
struct found {
    int64_t key;
    struct search_rank rank;
};

static int64_t key_of(enum vector_set set, int64_t id)
{
    return set == VECTORS_PAPERS ? -id : id;
}

/* A collection and what it gave. */
struct place {
    enum vector_set set;
    struct collection *c;
    struct where_set *matches;     /* what `where` lets through */
    const struct vector_ids *keep; /* the same; NULL: all */
    struct word_match *words;
    size_t n_words;
};

struct lists {
    struct place places[N_SETS];
    size_t n_places;
    struct found near[N_SETS * MAX_DEPTH]; /* of all places, best first */
    size_t n_near;
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

/* ---- the question's vector ---- */

/* There is none.  What was asked by words too is answered by words. */
static enum err_code without_vector(struct search *s, const struct err *why,
                                    struct err *e)
{
    if (s->mode == SEARCH_SEMANTIC) {
        *e = *why;
        if (why->code == ERR_UNAVAILABLE)
            s->problem = arena_strdup(s->arena, why->msg);
        return why->code;
    }
    if (s->mode == SEARCH_HYBRID)
        s->warning =
            arena_printf(s->arena, "found by words alone: %s", why->msg);
    s->mode = SEARCH_KEYWORD;
    return ERR_NONE;
}

static enum err_code check_stale(const struct lists *l, struct err *e)
{
    size_t stale = 0, all = 0;

    for (size_t i = 0; i < l->n_places; i++) {
        struct collection_info info;

        collection_info(l->places[i].c, &info);
        stale += info.stale;
        all += info.stale + info.vectors;
    }
    return stale ? err_set(e, ERR_UNAVAILABLE,
                           "the model has changed, and %zu of %zu passages "
                           "wait to be embedded again; mode=keyword works "
                           "meanwhile",
                           stale, all)
                 : ERR_NONE;
}

static enum err_code refresh(struct lists *l, const struct model_id *m,
                             struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < l->n_places && code == ERR_NONE; i++)
        code = collection_refresh(l->places[i].c, m, e);
    return code;
}

static enum err_code embed_query(struct search *s, struct lists *l,
                                 float *vector, struct err *e)
{
    struct err why = {0};
    struct embed *m = NULL;
    struct model_id id;
    enum err_code code = processor_embed(s->p, &m, &why);

    if (code == ERR_NONE && s->mode != SEARCH_KEYWORD)
        code = embed_texts(m, NULL, &s->text, 1, vector, NULL, &why);
    s->embed_ms = search_lap(s);
    if (code != ERR_NONE)
        code = without_vector(s, &why, e);
    if (code != ERR_NONE)
        return code;
    if (m)
        id = processor_model(m);
    code = refresh(l, m ? &id : NULL, e);
    if (code == ERR_NONE && s->mode != SEARCH_KEYWORD &&
        check_stale(l, &why) != ERR_NONE)
        code = without_vector(s, &why, e);
    return code;
}

/* ---- looking up ---- */

static bool is_kept(void *ctx, int64_t id)
{
    const struct place *at = ctx;

    return vector_ids_has(at->keep, id);
}

static int by_score(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    if (x->rank.score != y->rank.score)
        return x->rank.score < y->rank.score ? 1 : -1;
    return (x->key > y->key) - (x->key < y->key);
}

static enum err_code look_near(struct lists *l, const struct place *at,
                               const float *vector, size_t depth, struct err *e)
{
    struct vector_hit hits[MAX_DEPTH];
    size_t n = 0;
    enum err_code code =
        collection_search(at->c, vector, at->keep, depth, hits, &n, e);

    for (size_t i = 0; i < n && code == ERR_NONE; i++)
        l->near[l->n_near++] = (struct found){
            key_of(at->set, hits[i].id), {hits[i].score, hits[i].distance}};
    return code;
}

static enum err_code look_words(struct search *s, struct place *at,
                                size_t depth, struct err *e)
{
    bool (*keep)(void *, int64_t) = at->keep ? is_kept : NULL;
    struct store *store = s->p->store;

    return at->set == VECTORS_PAPERS
               ? store_papers_words(store, s->arena, s->text, (int)depth, keep,
                                    at, &at->words, &at->n_words, e)
               : store_chunks_search(store, s->arena, s->text, (int)depth, keep,
                                     at, &at->words, &at->n_words, e);
}

/* Is more than one list to become one by rank? */
static bool fuses(const struct search *s, const struct lists *l)
{
    return s->mode == SEARCH_HYBRID ||
           (s->mode == SEARCH_KEYWORD && l->n_places > 1);
}

static size_t depth_of(const struct search *s, const struct lists *l)
{
    return fuses(s, l) && s->k < HYBRID_DEPTH ? HYBRID_DEPTH : s->k;
}

/* Who finds vectors may be away; then words will have to do. */
static enum err_code look_near_all(struct search *s, struct lists *l,
                                   const float *vector, struct err *e)
{
    size_t depth = depth_of(s, l);
    struct err why = {0};
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < l->n_places && code == ERR_NONE; i++)
        code = look_near(l, &l->places[i], vector, depth, &why);
    if (code == ERR_UNAVAILABLE) {
        l->n_near = 0;
        return without_vector(s, &why, e);
    }
    if (code != ERR_NONE) {
        *e = why;
        return code;
    }
    qsort(l->near, l->n_near, sizeof(*l->near), by_score);
    if (l->n_near > depth)
        l->n_near = depth;
    return ERR_NONE;
}

static enum err_code look_up(struct search *s, struct lists *l,
                             const float *vector, struct err *e)
{
    enum err_code code = ERR_NONE;

    if (s->mode != SEARCH_KEYWORD)
        code = look_near_all(s, l, vector, e);
    for (size_t i = 0; i < l->n_places && code == ERR_NONE; i++)
        if (s->mode != SEARCH_SEMANTIC)
            code = look_words(s, &l->places[i], depth_of(s, l), e);
    return code;
}

/* ---- ranking ---- */

static double distance_of(const struct lists *l, int64_t key)
{
    for (size_t i = 0; i < l->n_near; i++)
        if (l->near[i].key == key)
            return l->near[i].rank.distance;
    return NAN;
}

/* Room for the keys of a list; NULL: out of memory. */
static int64_t *add_list(struct search *s, struct fuse_list *out, size_t n)
{
    int64_t *ids = arena_calloc(s->arena, n + 1, sizeof(*ids));

    *out = (struct fuse_list){.ids = ids, .n = n, .weight = 1};
    return ids;
}

static enum err_code fuse(struct search *s, struct lists *l, struct err *e)
{
    struct fuse_list lists[1 + N_SETS];
    struct fused *fused;
    int64_t *ids = add_list(s, &lists[0], l->n_near);
    bool room = ids;
    enum err_code code;

    for (size_t i = 0; room && i < l->n_near; i++)
        ids[i] = l->near[i].key;
    for (size_t p = 0; room && p < l->n_places; p++) {
        const struct place *at = &l->places[p];

        ids = add_list(s, &lists[1 + p], at->n_words);
        room = ids;
        for (size_t i = 0; room && i < at->n_words; i++)
            ids[i] = key_of(at->set, at->words[i].id);
    }
    if (!room)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    code = fuse_ranks(lists, 1 + l->n_places, FUSE_K, s->k, s->arena, &fused,
                      &l->n, e);
    for (size_t i = 0; code == ERR_NONE && i < l->n; i++)
        l->found[i] = (struct found){
            fused[i].id, {fused[i].score, distance_of(l, fused[i].id)}};
    return code;
}

static enum err_code rank(struct search *s, struct lists *l, struct err *e)
{
    const struct place *at = &l->places[0];

    if (fuses(s, l))
        return fuse(s, l, e);
    if (s->mode == SEARCH_SEMANTIC) {
        l->n = l->n_near < s->k ? l->n_near : s->k;
        memcpy(l->found, l->near, l->n * sizeof(*l->found));
        return ERR_NONE;
    }
    l->n = at->n_words;
    for (size_t i = 0; i < l->n; i++)
        l->found[i] = (struct found){key_of(at->set, at->words[i].id),
                                     {at->words[i].score, NAN}};
    return ERR_NONE;
}

/* ---- loading ---- */

/* What was found of one set, in the order of `found`. */
struct loaded {
    struct chunk *chunks;
    struct paper *papers;
    size_t n_chunks, n_papers;
};

static enum err_code load_sets(struct search *s, const struct lists *l,
                               struct loaded *out, struct err *e)
{
    int64_t chunks[SEARCH_MAX_K], papers[SEARCH_MAX_K];
    size_t n_chunks = 0, n_papers = 0;
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < l->n; i++) {
        if (l->found[i].key < 0)
            papers[n_papers++] = -l->found[i].key;
        else
            chunks[n_chunks++] = l->found[i].key;
    }
    if (n_chunks)
        code = store_chunks_get(s->p->store, s->arena, chunks, n_chunks,
                                &out->chunks, &out->n_chunks, e);
    if (code == ERR_NONE && n_papers)
        code = store_papers_get(s->p->store, s->arena, papers, n_papers,
                                &out->papers, &out->n_papers, e);
    return code;
}

/* The next result, if it is the one that was found: both are in the same order,
 * but what was removed meanwhile is not there. */
static enum err_code take_next(struct search *s, struct loaded *from,
                               const struct found *f, struct err *e)
{
    size_t at = s->n;
    enum err_code code = ERR_NONE;

    if (from->n_chunks && from->chunks->id == f->key) {
        s->chunks[at] = *from->chunks++;
        from->n_chunks--;
    } else if (from->n_papers && from->papers->id == -f->key) {
        s->papers[at] = from->papers++;
        from->n_papers--;
        code = paper_as_chunk(s->papers[at], s->arena, &s->chunks[at], e);
    } else {
        return ERR_NONE;
    }
    s->ranks[s->n++] = f->rank;
    return code;
}

static enum err_code load(struct search *s, const struct lists *l,
                          struct err *e)
{
    struct loaded from = {0};
    enum err_code code = load_sets(s, l, &from, e);

    s->chunks = arena_calloc(s->arena, l->n + 1, sizeof(*s->chunks));
    s->papers = arena_calloc(s->arena, l->n + 1, sizeof(*s->papers));
    if (code == ERR_NONE && (!s->chunks || !s->papers))
        code = err_set(e, ERR_UNAVAILABLE, "out of memory");
    for (size_t i = 0; i < l->n && code == ERR_NONE; i++)
        code = take_next(s, &from, &l->found[i], e);
    s->load_ms = search_lap(s);
    return code;
}

static enum err_code filter_place(struct search *s, struct place *at,
                                  struct err *e)
{
    enum err_code code = collection_filter(at->c, s->where, &at->matches, e);

    if (code == ERR_NONE)
        at->keep = where_set_ids(at->matches);
    return code;
}

static enum err_code filter(struct search *s, struct lists *l, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; s->where && i < l->n_places && code == ERR_NONE; i++)
        code = filter_place(s, &l->places[i], e);
    s->filter_ms = search_lap(s);
    return code;
}

static enum err_code run(struct search *s, struct lists *l, struct err *e)
{
    float vector[EMBED_DIM];
    enum err_code code;

    s->lap_us = clock_mono_us();
    code = embed_query(s, l, vector, e);
    if (code == ERR_NONE)
        code = filter(s, l, e);
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
    for (unsigned i = 0; i < N_SETS; i++)
        if (s->sets & 1U << i)
            l->places[l->n_places++] = (struct place){
                .set = (enum vector_set)i, .c = s->p->collections[i]};
    code = run(s, l, e);
    for (size_t i = 0; i < l->n_places; i++)
        where_set_release(l->places[i].matches);
    return code;
}

/* ---- papers like a paper ---- */

static enum err_code similar_hits(struct processor *p, int64_t id, size_t k,
                                  struct vector_hit *hits, size_t *n,
                                  struct err *e)
{
    struct lists l = {.places[0].c = p->collections[VECTORS_PAPERS],
                      .n_places = 1};
    struct model_id model;
    struct embed *m;
    enum err_code code = processor_embed(p, &m, e);

    if (code != ERR_NONE)
        return code;
    model = processor_model(m);
    code = refresh(&l, &model, e);
    if (code == ERR_NONE)
        code = check_stale(&l, e);
    return code == ERR_NONE
               ? collection_similar(l.places[0].c, id, k, hits, n, e)
               : code;
}

enum err_code processor_similar_papers(struct processor *p, int64_t id, int k,
                                       int64_t *ids, double *scores, size_t *n,
                                       struct err *e)
{
    struct vector_hit hits[SEARCH_MAX_K];
    enum err_code code;

    assert(k >= 1 && k <= SEARCH_MAX_K);
    code = similar_hits(p, id, (size_t)k, hits, n, e);
    for (size_t i = 0; code == ERR_NONE && i < *n; i++) {
        ids[i] = hits[i].id;
        scores[i] = hits[i].score;
    }
    return code;
}

void search_end(struct search *s)
{
    where_free(s->where);
    s->where = NULL;
}
