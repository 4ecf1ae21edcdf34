/* collection.c - see collection.h.
 *
 * Entries lie in groups: the chunks of a document, which share its metadata, or
 * one paper.  A group that changes comes whole.  What a filter asks is read
 * when the first filter comes; a document's as JSON, a paper's as text, of
 * which it needs a third of the memory.
 */
#include "processor/collection.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "processor/nearest.h"
#include "processor/passage.h"

#define SCRATCH_BYTES (64u << 20)
#define PUT_BATCH 256

/* What a filter may ask of a chunk; of a paper only the id counts. */
struct entry {
    int64_t id;
    int32_t index, start_char, end_char, page;
};

struct group {
    int64_t key;        /* of the document; the paper's id */
    json_t *document;   /* its metadata, with our own keys; NULL: not read */
    struct slice paper; /* the same of a paper, malloc'ed; p NULL: not read */
    struct entry *list;
    uint32_t n, cap, stale; /* stale: of n, with a vector of another model */
};

struct collection {
    enum vector_set set;
    struct store *store;
    struct vector_index *index; /* NULL: `outside` finds vectors */
    struct nearest *outside;
    pthread_mutex_t refreshing;
    pthread_rwlock_t lock; /* of what follows */
    struct group *groups;  /* by key */
    size_t n, cap, n_entries, n_stale;
    uint64_t generation;
    uint64_t version; /* grows when what filters see changes; from 1 */
    uint64_t papers;  /* store_papers_generation(), of papers */
    struct model_id model;
    struct where_cache *filters;
    /* without an index: how many the store has, at a generation of its own */
    struct vector_count count;
    uint64_t counted;
};

/* ---- groups; under the lock for writing ---- */

/* Where the group is, or belongs. */
static size_t place_of(const struct collection *c, int64_t key)
{
    size_t low = 0, high = c->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (c->groups[mid].key < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void group_clear(struct collection *c, struct group *g)
{
    c->n_entries -= g->n;
    c->n_stale -= g->stale;
    json_decref(g->document);
    free((char *)g->paper.p);
    free(g->list);
    *g = (struct group){.key = g->key};
}

/* NULL: out of memory. */
static struct group *group_at(struct collection *c, int64_t key)
{
    size_t at = place_of(c, key);

    if (at < c->n && c->groups[at].key == key)
        return &c->groups[at];
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct group *p = realloc(c->groups, cap * sizeof(*p));

        if (!p)
            return NULL;
        c->groups = p;
        c->cap = cap;
    }
    memmove(&c->groups[at + 1], &c->groups[at],
            (c->n - at) * sizeof(*c->groups));
    c->groups[at] = (struct group){.key = key};
    c->n++;
    return &c->groups[at];
}

static bool add_entry(struct collection *c, struct group *g,
                      const struct chunk_vector *v)
{
    if (g->n == g->cap) {
        uint32_t cap = g->cap ? g->cap * 2 : c->set == VECTORS_PAPERS ? 1 : 8;
        struct entry *p = realloc(g->list, cap * sizeof(*p));

        if (!p)
            return false;
        g->list = p;
        g->cap = cap;
    }
    g->list[g->n++] = (struct entry){
        .id = v->chunk_id,
        .index = (int32_t)v->index,
        .start_char = (int32_t)v->start_char,
        .end_char = (int32_t)v->end_char,
        .page = (int32_t)v->page,
    };
    c->n_entries++;
    g->stale += !v->vector;
    c->n_stale += !v->vector;
    return true;
}

/* ---- refresh ---- */

/* Vectors on their way into the index, PUT_BATCH at a time. */
struct filling {
    struct collection *c;
    int64_t key; /* of the last group */
    int64_t ids[PUT_BATCH];
    float (*vectors)[STORE_VECTOR_DIM];
    size_t n;
};

static enum err_code flush(struct filling *f, struct err *e)
{
    size_t n = f->n;

    f->n = 0;
    return n ? vector_index_put(f->c->index, f->ids, f->vectors[0], n, e)
             : ERR_NONE;
}

/* A group that comes again comes whole. */
static enum err_code take_chunk(void *ctx, const struct chunk_vector *v,
                                struct err *e)
{
    struct filling *f = ctx;
    struct group *g;
    bool ok;

    pthread_rwlock_wrlock(&f->c->lock);
    f->c->version++;
    g = group_at(f->c, v->document_key);
    if (g && v->document_key != f->key)
        group_clear(f->c, g);
    ok = g && add_entry(f->c, g, v);
    pthread_rwlock_unlock(&f->c->lock);
    if (!ok)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    f->key = v->document_key;
    if (!v->vector) /* not read, or the one of the model before is taken out by
                       now */
        return ERR_NONE;
    f->ids[f->n] = v->chunk_id;
    memcpy(f->vectors[f->n], v->vector, sizeof(*f->vectors));
    return ++f->n == PUT_BATCH ? flush(f, e) : ERR_NONE;
}

static enum err_code take_paper(void *ctx, const struct paper_vector *v,
                                struct err *e)
{
    const struct chunk_vector as_chunk = {
        .chunk_id = v->id, .document_key = v->id, .vector = v->vector};

    return take_chunk(ctx, &as_chunk, e);
}

static enum err_code take_all(struct filling *f, uint64_t *generation,
                              struct err *e)
{
    struct collection *c = f->c;
    const struct model_id *m = c->index ? &c->model : NULL;

    return c->set == VECTORS_PAPERS
               ? store_paper_vectors_each(c->store, m, c->generation,
                                          take_paper, f, generation, e)
               : store_chunks_each(c->store, m, c->generation, take_chunk, f,
                                   generation, e);
}

/* Is it in present[0..n), which is ascending, as the keys asked for are?  *at
 * begins at 0. */
static bool is_present(const int64_t *present, size_t n, size_t *at,
                       int64_t key)
{
    while (*at < n && present[*at] < key)
        ++*at;
    return *at < n && present[*at] == key;
}

/* Take out the groups that are not in present[0..n): their vectors in one
 * change of the index, then what is kept beside it.  Only who refreshes writes
 * here, so reading needs no lock. */
static enum err_code drop_absent(struct collection *c, const int64_t *present,
                                 size_t n, struct err *e)
{
    struct buf ids;
    size_t kept = 0, at = 0;
    enum err_code code = ERR_NONE;

    buf_init(&ids, (size_t)VECTOR_MAX_COUNT * sizeof(int64_t));
    for (size_t i = 0; i < c->n; i++) {
        const struct group *g = &c->groups[i];

        if (!is_present(present, n, &at, g->key))
            for (size_t k = 0; k < g->n; k++)
                buf_add(&ids, &g->list[k].id, sizeof(g->list[k].id));
    }
    if (!buf_ok(&ids))
        code = err_set(e, ERR_UNAVAILABLE, "out of memory");
    else if (ids.len && c->index)
        code = vector_index_remove(c->index, (const int64_t *)(void *)ids.p,
                                   ids.len / sizeof(int64_t), NULL, e);
    buf_release(&ids);
    if (code != ERR_NONE)
        return code;
    at = 0;
    pthread_rwlock_wrlock(&c->lock);
    for (size_t i = 0; i < c->n; i++) {
        if (is_present(present, n, &at, c->groups[i].key))
            c->groups[kept++] = c->groups[i];
        else
            group_clear(c, &c->groups[i]);
    }
    c->version += kept < c->n;
    c->n = kept;
    pthread_rwlock_unlock(&c->lock);
    return ERR_NONE;
}

static enum err_code drop_all(struct collection *c, struct err *e)
{
    c->generation = 0;
    return drop_absent(c, NULL, 0, e);
}

/* Whom the store no longer has.  To list all takes 100 ms where there are
 * 100,000, and queries wait; mostly something came and nothing went, and then
 * there are as many as we know.  (If, since we read what came, one went and
 * another came, we know one too many at the next refresh.) */
static enum err_code drop_gone(struct collection *c, struct err *e)
{
    int64_t *present, count = 0;
    size_t n;
    enum err_code code = store_present_count(c->store, c->set, &count, e);

    if (code != ERR_NONE || count == (int64_t)c->n)
        return code;
    code = store_vectors_present(c->store, c->set, &present, &n, e);
    if (code != ERR_NONE)
        return code;
    code = drop_absent(c, present, n, e);
    free(present);
    return code;
}

static enum err_code fill(struct collection *c, struct err *e)
{
    struct filling f = {.c = c, .key = -1};
    uint64_t generation = 0;
    enum err_code code;

    f.vectors = calloc(PUT_BATCH, sizeof(*f.vectors));
    if (!f.vectors)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    code = take_all(&f, &generation, e);
    if (code == ERR_NONE)
        code = flush(&f, e);
    free(f.vectors);
    if (code == ERR_NONE)
        code = drop_gone(c, e);
    if (code == ERR_NONE)
        c->generation = generation;
    return code;
}

/* Without an index there are only numbers to be had.  Under `refreshing`. */
static enum err_code count_vectors(struct collection *c, struct err *e)
{
    struct vector_count count;
    enum err_code code =
        store_vectors_count(c->store, c->set, &c->model, &count, e);

    if (code != ERR_NONE)
        return code;
    pthread_rwlock_wrlock(&c->lock);
    c->count = count;
    pthread_rwlock_unlock(&c->lock);
    return code;
}

static enum err_code change_model(struct collection *c,
                                  const struct model_id *m, struct err *e)
{
    enum err_code code = c->index ? drop_all(c, e) : ERR_NONE;

    c->counted = 0;
    pthread_rwlock_wrlock(&c->lock);
    c->model = *m;
    pthread_rwlock_unlock(&c->lock);
    return code;
}

/* Papers without a vector are not in memory, but filters see them. */
static enum err_code see_papers(struct collection *c, struct err *e)
{
    uint64_t now = 0;
    enum err_code code = store_papers_generation(c->store, &now, e);

    if (code != ERR_NONE || now == c->papers)
        return code;
    pthread_rwlock_wrlock(&c->lock);
    c->version++;
    pthread_rwlock_unlock(&c->lock);
    c->papers = now;
    return code;
}

/* entries: what is in memory too. */
static enum err_code update(struct collection *c, const struct model_id *m,
                            bool entries, struct err *e)
{
    uint64_t now = 0;
    enum err_code code = store_vectors_generation(c->store, c->set, &now, e);

    if (code != ERR_NONE)
        return code;
    pthread_mutex_lock(&c->refreshing);
    if (m && memcmp(&c->model, m, sizeof(*m)) != 0)
        code = change_model(c, m, e);
    if (code == ERR_NONE && entries && c->generation != now)
        code = fill(c, e);
    if (code == ERR_NONE && entries && c->set == VECTORS_PAPERS)
        code = see_papers(c, e);
    if (code == ERR_NONE && !c->index && c->counted != now) {
        code = count_vectors(c, e);
        c->counted = code == ERR_NONE ? now : 0;
    }
    pthread_mutex_unlock(&c->refreshing);
    return code;
}

enum err_code collection_refresh(struct collection *c, const struct model_id *m,
                                 struct err *e)
{
    return update(c, m, c->index != NULL, e);
}

/* What is known is as new as the index; without one it is brought up here. */
static enum err_code know_entries(struct collection *c, struct err *e)
{
    return c->index ? ERR_NONE : update(c, NULL, true, e);
}

/* ---- filters ---- */

/* Read the metadata of a document, through its first chunk. */
static enum err_code read_document(struct collection *c, struct arena *a,
                                   struct group *g, struct err *e)
{
    struct chunk *chunk;
    size_t n = 0;
    enum err_code code;

    code = store_chunks_get(c->store, a, &g->list[0].id, 1, &chunk, &n, e);
    if (code == ERR_NONE && n) /* gone meanwhile: it is not found */
        g->document = chunk_document_metadata(chunk);
    return code;
}

/* The metadata of up to PUT_BATCH papers from number *from on that have none
 * yet; *from moves on. */
static enum err_code read_papers(struct collection *c, struct arena *a,
                                 size_t *from, struct err *e)
{
    int64_t ids[PUT_BATCH];
    struct paper *papers;
    size_t n = 0;
    enum err_code code;

    for (; *from < c->n && n < PUT_BATCH; ++*from)
        if (!c->groups[*from].paper.p)
            ids[n++] = c->groups[*from].key;
    if (n == 0)
        return ERR_NONE;
    code = store_papers_get(c->store, a, ids, n, &papers, &n, e);
    for (size_t i = 0; i < n && code == ERR_NONE; i++)
        code = paper_metadata_text(
            &papers[i], &c->groups[place_of(c, papers[i].id)].paper, e);
    return code;
}

/* Under the lock for writing. */
static enum err_code read_metadata(struct collection *c, struct arena *a,
                                   struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < c->n && code == ERR_NONE;) {
        struct group *g = &c->groups[i];

        arena_reset(a);
        if (c->set == VECTORS_PAPERS) {
            code = read_papers(c, a, &i, e);
        } else {
            if (!g->document && g->n)
                code = read_document(c, a, g, e);
            i++;
        }
    }
    return code;
}

static enum err_code read_all_metadata(struct collection *c, struct err *e)
{
    struct arena *a = arena_new(SCRATCH_BYTES);
    enum err_code code;

    if (!a)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    pthread_rwlock_wrlock(&c->lock);
    code = read_metadata(c, a, e);
    pthread_rwlock_unlock(&c->lock);
    arena_free(a);
    return code;
}

static enum err_code match_paper(const struct group *g, const struct where *w,
                                 struct buf *ids, struct err *e)
{
    bool matches = false;
    enum err_code code = ERR_NONE;

    if (g->paper.p) /* else gone meanwhile */
        code = where_matches_text(w, g->paper, &matches, e);
    if (matches)
        buf_add(ids, &g->key, sizeof(g->key));
    return code;
}

/* Of those that have no vector: few, as long as there is a model. */
static enum err_code match_waiting_batch(struct collection *c, struct arena *a,
                                         const int64_t *waiting, size_t n,
                                         const struct where *w, struct buf *ids,
                                         struct err *e)
{
    struct paper *papers;
    enum err_code code =
        store_papers_get(c->store, a, waiting, n, &papers, &n, e);

    for (size_t i = 0; code == ERR_NONE && i < n; i++) {
        struct group g = {.key = papers[i].id};

        code = paper_metadata_text(&papers[i], &g.paper, e);
        if (code == ERR_NONE)
            code = match_paper(&g, w, ids, e);
        free((char *)g.paper.p);
    }
    return code;
}

static enum err_code match_waiting(struct collection *c, const struct where *w,
                                   struct buf *ids, struct err *e)
{
    struct arena *a = arena_new(SCRATCH_BYTES);
    int64_t *waiting = NULL;
    size_t n = 0;
    enum err_code code = a ? store_papers_waiting(c->store, &waiting, &n, e)
                           : err_set(e, ERR_UNAVAILABLE, "out of memory");

    for (size_t i = 0; code == ERR_NONE && i < n; i += PUT_BATCH) {
        arena_reset(a);
        code = match_waiting_batch(c, a, waiting + i,
                                   n - i < PUT_BATCH ? n - i : PUT_BATCH, w,
                                   ids, e);
    }
    free(waiting);
    arena_free(a);
    return code;
}

static void match_chunks(const struct group *g, const struct where *w,
                         struct buf *ids)
{
    json_t *o = json_copy(g->document); /* NULL: gone meanwhile */

    for (size_t k = 0; o && k < g->n; k++) {
        const struct entry *at = &g->list[k];

        chunk_metadata_numbers(o, at->index, at->start_char, at->end_char,
                               at->page);
        if (where_matches(w, o))
            buf_add(ids, &at->id, sizeof(at->id));
    }
    json_decref(o);
}

static enum err_code match_groups(struct collection *c, const struct where *w,
                                  struct buf *ids, struct err *e)
{
    enum err_code code = ERR_NONE;

    pthread_rwlock_rdlock(&c->lock);
    for (size_t i = 0; i < c->n && code == ERR_NONE; i++) {
        if (c->set == VECTORS_PAPERS)
            code = match_paper(&c->groups[i], w, ids, e);
        else
            match_chunks(&c->groups[i], w, ids);
    }
    pthread_rwlock_unlock(&c->lock);
    return code;
}

/* Evaluate it.  Those that wait first: a paper that gets its vector meanwhile
 * is then there twice, and not never. */
static enum err_code evaluate(struct collection *c, const struct where *w,
                              struct vector_ids **out, struct err *e)
{
    struct buf ids;
    enum err_code code = read_all_metadata(c, e);

    if (code != ERR_NONE)
        return code;
    buf_init(&ids, (size_t)VECTOR_MAX_COUNT * sizeof(int64_t));
    if (c->set == VECTORS_PAPERS)
        code = match_waiting(c, w, &ids, e);
    if (code == ERR_NONE)
        code = match_groups(c, w, &ids, e);
    if (code == ERR_NONE)
        code = vector_ids_of(out, &ids, e);
    buf_release(&ids);
    return code;
}

enum err_code collection_filter(struct collection *c, const struct where *w,
                                struct where_set **out, struct err *e)
{
    struct vector_ids *ids;
    uint64_t version;
    enum err_code code = know_entries(c, e);

    if (code != ERR_NONE)
        return code;
    pthread_rwlock_rdlock(&c->lock);
    version = c->version;
    pthread_rwlock_unlock(&c->lock);
    *out = where_cache_get(c->filters, w, version);
    if (*out)
        return ERR_NONE;
    code = evaluate(c, w, &ids, e);
    if (code != ERR_NONE)
        return code;
    *out = where_cache_put(c->filters, w, version, ids);
    return *out ? ERR_NONE : err_set(e, ERR_UNAVAILABLE, "out of memory");
}

/* ---- search ---- */

static struct model_id model_of(struct collection *c)
{
    struct model_id m;

    pthread_rwlock_rdlock(&c->lock);
    m = c->model;
    pthread_rwlock_unlock(&c->lock);
    return m;
}

enum err_code collection_search(struct collection *c, const float *vector,
                                const struct vector_ids *keep, size_t k,
                                struct vector_hit *hits, size_t *n,
                                struct err *e)
{
    const struct vector_filter filter = {.ids = keep};
    const struct vector_query q = {.vector = vector,
                                   .metric = VECTOR_COSINE,
                                   .k = k,
                                   .filter = keep ? &filter : NULL};
    struct model_id m;

    if (c->index)
        return vector_index_search(c->index, &q, hits, n, e);
    m = model_of(c);
    return nearest_find(c->outside, &m, vector, keep, k, hits, n, e);
}

enum err_code collection_similar(struct collection *c, int64_t id, size_t k,
                                 struct vector_hit *hits, size_t *n,
                                 struct err *e)
{
    struct vector_ids *self;
    struct model_id m;
    float vector[STORE_VECTOR_DIM];
    enum err_code code;

    if (!c->index) {
        m = model_of(c);
        return nearest_like(c->outside, &m, id, k, hits, n, e);
    }
    code = vector_index_get(c->index, id, vector, e);
    if (code == ERR_NONE)
        code = vector_ids_new(&self, &id, 1, e);
    if (code != ERR_NONE)
        return code;
    code = vector_index_search(
        c->index,
        &(struct vector_query){
            .vector = vector,
            .metric = VECTOR_COSINE,
            .k = k,
            .filter = &(struct vector_filter){.ids = self, .exclude = true}},
        hits, n, e);
    vector_ids_free(self);
    return code;
}

/* ---- one by one ---- */

enum err_code collection_count(struct collection *c, int64_t *out,
                               struct err *e)
{
    enum err_code code = know_entries(c, e);

    if (code != ERR_NONE)
        return code;
    pthread_rwlock_rdlock(&c->lock);
    *out = (int64_t)c->n_entries;
    pthread_rwlock_unlock(&c->lock);
    return ERR_NONE;
}

enum err_code collection_ids(struct collection *c, int64_t **out, size_t *n,
                             struct err *e)
{
    enum err_code code = know_entries(c, e);

    if (code != ERR_NONE)
        return code;
    *n = 0;
    pthread_rwlock_rdlock(&c->lock);
    *out = malloc((c->n_entries + 1) * sizeof(**out));
    for (size_t i = 0; *out && i < c->n; i++)
        for (size_t k = 0; k < c->groups[i].n; k++)
            (*out)[(*n)++] = c->groups[i].list[k].id;
    pthread_rwlock_unlock(&c->lock);
    if (!*out)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    qsort(*out, *n, sizeof(**out), num_order_i64);
    return ERR_NONE;
}

enum err_code collection_vector(struct collection *c, int64_t id, float *out,
                                struct err *e)
{
    struct model_id m = model_of(c);

    return c->index ? vector_index_get(c->index, id, out, e)
                    : store_vector_get(c->store, c->set, &m, id, out, e);
}

/* ---- life ---- */

/* Who finds the vectors: somebody outside, or an index here. */
static enum err_code choose_finder(struct collection *c,
                                   const struct collection_options *opt,
                                   struct err *e)
{
    const struct vector_options index = {.dim = STORE_VECTOR_DIM,
                                         .dir = opt->dir,
                                         .kernel = opt->kernel,
                                         .crew = opt->crew};

    if (opt->outside)
        c->outside = opt->outside;
    else if (!store_finds_vectors(c->store))
        return vector_index_open(&c->index, &index, e);
    else
        c->outside = nearest_in_store(c->store, c->set);
    return c->outside ? ERR_NONE : err_set(e, ERR_UNAVAILABLE, "out of memory");
}

enum err_code collection_new(struct collection **out,
                             const struct collection_options *opt,
                             struct err *e)
{
    struct collection *c = calloc(1, sizeof(*c));
    enum err_code code;

    if (!c) {
        nearest_free(opt->outside);
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    }
    c->store = opt->store;
    c->set = opt->set;
    c->version = 1;
    pthread_mutex_init(&c->refreshing, NULL);
    pthread_rwlock_init(&c->lock, NULL);
    code = choose_finder(c, opt, e);
    c->filters = where_cache_new();
    if (code == ERR_NONE && !c->filters)
        code = err_set(e, ERR_UNAVAILABLE, "out of memory");
    if (code != ERR_NONE) {
        collection_free(c);
        return code;
    }
    *out = c;
    return ERR_NONE;
}

void collection_free(struct collection *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        group_clear(c, &c->groups[i]);
    free(c->groups);
    where_cache_free(c->filters);
    vector_index_close(c->index);
    nearest_free(c->outside);
    pthread_rwlock_destroy(&c->lock);
    pthread_mutex_destroy(&c->refreshing);
    free(c);
}

void collection_info(struct collection *c, struct collection_info *out)
{
    struct vector_info info = {.count = 0};

    if (c->index)
        vector_index_info(c->index, &info);
    else
        info.kernel = c->outside->ops->name;
    *out = (struct collection_info){.vectors = info.count,
                                    .memory_bytes = info.memory_bytes,
                                    .kernel = info.kernel};
    pthread_rwlock_rdlock(&c->lock);
    out->stale = c->n_stale;
    out->memory_bytes += c->n_entries * sizeof(struct entry);
    if (!c->index) {
        out->stale = (size_t)c->count.stale;
        out->vectors = (size_t)(c->count.all - c->count.stale);
    }
    pthread_rwlock_unlock(&c->lock);
}
