/* chroma_find.c - see chroma_find.h.
 *
 * A filter is a set of our ids.  Chroma could be sent the names of those that
 * may be found, but one that it does not know makes it fail as a whole (status
 * 500, "Error finding id", 1.5.9), and its own `where` takes 15 to 95 ms over
 * 20,000 records where a search without takes 2.5.  So a filter is applied
 * here: few are compared exactly, from the vectors that the database has; for
 * many, more hits are asked for than are wanted (1,000 of 20,000 took 7 ms, all
 * of them 60), and if that does not give enough, all that may be found are
 * compared exactly.  Filters are exact therefore, whatever Chroma finds.
 */
#include "processor/chroma_find.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "processor/chroma_record.h"

#define TIMEOUT_MS 5000
#define QUIET_US (2 * US_PER_S) /* after a failure nobody asks for so long */
#define MAX_CHANGED 20000       /* 40 MB; more is not searched until sent */
#define FEW STORE_MAX_BATCH     /* that a filter lets through: exact at once */
#define MAX_HITS 100000
#define ARENA_BYTES ((size_t)64 << 20)
#define TRIES 4 /* when the server fails by itself */
#define PAUSE_NS 20000000
#define MORE 8 /* times, when the first hits were too few */

/* What is newer than the copy, as of `generation`. */
struct changed {
    struct vector_index *index; /* NULL: nothing */
    struct vector_ids *ids;
    char collection[COPY_MAX_COLLECTION + 1];
    uint64_t generation, delivered;
    struct model_id model;
};

struct chroma_find {
    struct nearest base;
    struct chroma_find_options opt;
    pthread_mutex_t lock; /* of what follows */
    struct changed changed;
    int64_t quiet_until;
    struct err problem; /* why */
};

/* The best k so far: nearest first, equal ones by id. */
struct best {
    struct vector_hit *hits;
    size_t n, k;
};

static void best_add(struct best *b, int64_t id, double distance)
{
    size_t at = b->n;

    while (at > 0 &&
           (b->hits[at - 1].distance > distance ||
            (b->hits[at - 1].distance == distance && b->hits[at - 1].id > id)))
        at--;
    if (at == b->k)
        return;
    b->n += b->n < b->k;
    memmove(&b->hits[at + 1], &b->hits[at], (b->n - at - 1) * sizeof(*b->hits));
    b->hits[at] = (struct vector_hit){
        .id = id, .score = 1 - distance, .distance = distance};
}

/* One search. */
struct finding {
    struct chroma_find *f;
    const struct model_id *model;
    const float *vector;
    const struct vector_ids *keep; /* NULL: all */
    struct best best;
    struct copy_state state;
    struct vector_ids *newer; /* counted already, whatever the server says */
    struct arena *arena;
};

/* ---- exactly, from the database ---- */

static double cosine(const float *a, const float *b)
{
    double dot = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < STORE_VECTOR_DIM; i++) {
        dot += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? dot / sqrt(aa * bb) : 0;
}

static enum err_code compare_batch(struct finding *s, const int64_t *ids,
                                   size_t n, float *vectors, struct err *e)
{
    bool found[STORE_MAX_BATCH];
    enum err_code code = store_vectors_get(s->f->base.store, s->f->base.set,
                                           s->model, ids, n, vectors, found, e);

    for (size_t i = 0; i < n && code == ERR_NONE; i++)
        if (found[i])
            best_add(&s->best, ids[i],
                     1 - cosine(s->vector, vectors + i * STORE_VECTOR_DIM));
    return code;
}

/* All that may be found. */
static enum err_code compare_kept(struct finding *s, struct err *e)
{
    size_t n = vector_ids_count(s->keep);
    int64_t *ids = malloc((n + 1) * sizeof(*ids));
    float *vectors =
        malloc(STORE_MAX_BATCH * STORE_VECTOR_DIM * sizeof(*vectors));
    enum err_code code = ids && vectors
                             ? ERR_NONE
                             : err_set(e, ERR_UNAVAILABLE, "out of memory");

    s->best.n = 0;
    if (code == ERR_NONE)
        vector_ids_list(s->keep, ids);
    for (size_t at = 0; at < n && code == ERR_NONE; at += STORE_MAX_BATCH) {
        size_t left = n - at;

        code = compare_batch(s, ids + at,
                             left < STORE_MAX_BATCH ? left : STORE_MAX_BATCH,
                             vectors, e);
    }
    free(ids);
    free(vectors);
    return code;
}

/* ---- what is newer than the copy ---- */

struct filling {
    struct changed *to;
    struct buf ids;
};

static enum err_code take(struct filling *f, int64_t id, const float *vector,
                          struct err *e)
{
    buf_add(&f->ids, &id, sizeof(id));
    if (!buf_ok(&f->ids))
        return err_set(e, ERR_UNAVAILABLE,
                       "more than %d passages wait to be sent to the Chroma "
                       "server; mode=keyword works meanwhile",
                       MAX_CHANGED);
    return vector ? vector_index_put(f->to->index, &id, vector, 1, e)
                  : ERR_NONE;
}

static enum err_code take_chunk(void *ctx, const struct chunk_vector *v,
                                struct err *e)
{
    return take(ctx, v->chunk_id, v->vector, e);
}

static enum err_code take_paper(void *ctx, const struct paper_vector *v,
                                struct err *e)
{
    return take(ctx, v->id, v->vector, e);
}

static void clear(struct changed *c)
{
    vector_index_close(c->index);
    vector_ids_free(c->ids);
    *c = (struct changed){.generation = 0};
}

static enum err_code read_changed(struct chroma_find *f, uint64_t since,
                                  const struct model_id *m, struct changed *c,
                                  struct err *e)
{
    const struct vector_options opt = {.dim = STORE_VECTOR_DIM};
    struct filling fill = {.to = c};
    struct store *s = f->base.store;
    enum err_code code = vector_index_open(&c->index, &opt, e);

    buf_init(&fill.ids, MAX_CHANGED * sizeof(int64_t) + 1);
    if (code == ERR_NONE)
        code = f->base.set == VECTORS_PAPERS
                   ? store_paper_vectors_each(s, m, since, take_paper, &fill,
                                              &c->generation, e)
                   : store_chunks_each(s, m, since, take_chunk, &fill,
                                       &c->generation, e);
    if (code == ERR_NONE)
        code = vector_ids_of(&c->ids, &fill.ids, e);
    buf_release(&fill.ids);
    return code;
}

static bool is_current(const struct changed *c, const struct finding *s,
                       uint64_t generation)
{
    return c->ids && c->generation == generation &&
           c->delivered == s->state.generation &&
           strcmp(c->collection, s->state.collection) == 0 &&
           memcmp(&c->model, s->model, sizeof(c->model)) == 0;
}

/* Under the lock. */
static enum err_code refresh(struct finding *s, struct err *e)
{
    struct chroma_find *f = s->f;
    struct changed now = {.delivered = s->state.generation, .model = *s->model};
    uint64_t generation = 0;
    enum err_code code =
        store_vectors_generation(f->base.store, f->base.set, &generation, e);

    if (code != ERR_NONE || is_current(&f->changed, s, generation))
        return code;
    memcpy(now.collection, s->state.collection, sizeof(now.collection));
    code = read_changed(f, s->state.generation, s->model, &now, e);
    if (code != ERR_NONE) {
        clear(&now);
        return code;
    }
    clear(&f->changed);
    f->changed = now;
    return ERR_NONE;
}

/* Under the lock: the best of what is newer, and a copy of its ids. */
static enum err_code search_changed(struct finding *s, struct err *e)
{
    struct changed *c = &s->f->changed;
    const struct vector_filter filter = {.ids = s->keep};
    size_t n = vector_ids_count(c->ids);
    int64_t *ids;
    enum err_code code = vector_index_search(
        c->index,
        &(struct vector_query){.vector = s->vector,
                               .metric = VECTOR_COSINE,
                               .k = s->best.k,
                               .filter = s->keep ? &filter : NULL},
        s->best.hits, &s->best.n, e);

    if (code != ERR_NONE || n == 0)
        return code;
    ids = malloc(n * sizeof(*ids));
    if (!ids)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    vector_ids_list(c->ids, ids);
    code = vector_ids_new(&s->newer, ids, n, e);
    free(ids);
    return code;
}

static enum err_code look_at_changed(struct finding *s, struct err *e)
{
    enum err_code code;

    pthread_mutex_lock(&s->f->lock);
    code = refresh(s, e);
    if (code == ERR_NONE)
        code = search_changed(s, e);
    pthread_mutex_unlock(&s->f->lock);
    return code;
}

/* ---- what the server finds ---- */

/* Was there a failure just now? */
static enum err_code check_quiet(struct chroma_find *f, struct err *e)
{
    enum err_code code = ERR_NONE;

    pthread_mutex_lock(&f->lock);
    if (clock_mono_us() < f->quiet_until) {
        *e = f->problem;
        code = f->problem.code;
    }
    pthread_mutex_unlock(&f->lock);
    return code;
}

static void be_quiet(struct chroma_find *f, const struct err *why)
{
    pthread_mutex_lock(&f->lock);
    f->problem = *why;
    f->quiet_until = clock_mono_us() + QUIET_US;
    pthread_mutex_unlock(&f->lock);
}

static enum err_code lost(struct finding *s, struct err *e)
{
    struct slice job;
    enum err_code code =
        store_copies_repair(s->f->base.store, s->arena, &job, e);

    if (code != ERR_NONE)
        return code;
    if (s->f->opt.lost)
        s->f->opt.lost(s->f->opt.ctx);
    return err_set(e, ERR_UNAVAILABLE,
                   "the Chroma server no longer has the collection, which is "
                   "filled anew; mode=keyword works meanwhile");
}

/* While a collection gets its first records, the server (1.5.9) fails with
 * status 500 for some milliseconds who asks for the nearest: so again. */
static enum err_code ask_again_and_again(struct finding *s, size_t n,
                                         struct chroma_hit **hits,
                                         size_t *n_hits, struct err *e)
{
    const struct chroma_how how = {.timeout_ms = TIMEOUT_MS};
    enum err_code code = ERR_INTERNAL;

    for (int tries = 0; code == ERR_INTERNAL && tries < TRIES; tries++) {
        struct timespec pause = {.tv_nsec = tries * PAUSE_NS};

        if (tries)
            nanosleep(&pause, NULL);
        arena_reset(s->arena);
        code =
            chroma_query(s->f->opt.chroma, &how, s->state.collection, s->vector,
                         STORE_VECTOR_DIM, n, s->arena, hits, n_hits, e);
    }
    if (code == ERR_INTERNAL)
        code = e->code = ERR_UNAVAILABLE;
    return code;
}

static enum err_code ask(struct finding *s, size_t n, struct chroma_hit **hits,
                         size_t *n_hits, struct err *e)
{
    struct err why = {0};
    enum err_code code = check_quiet(s->f, e);

    if (code != ERR_NONE)
        return code;
    code = ask_again_and_again(s, n, hits, n_hits, &why);
    if (code == ERR_NOT_FOUND)
        return lost(s, e);
    if (code == ERR_NONE)
        return code;
    be_quiet(s->f, &why);
    *e = why;
    return code;
}

/* Which of ours are they?  ids[i]: 0 for what we do not have.
 * n <= STORE_MAX_BATCH. */
static enum err_code identify(struct finding *s, const struct chroma_hit *hits,
                              size_t n, int64_t *ids, struct err *e)
{
    struct slice names[STORE_MAX_BATCH];

    for (size_t i = 0; i < n; i++)
        names[i] = hits[i].name;
    return chroma_names_find(s->f->base.store, s->f->base.set, names, n, ids,
                             e);
}

static bool counts(const struct finding *s, int64_t id)
{
    return id != 0 && !(s->newer && vector_ids_has(s->newer, id)) &&
           (!s->keep || vector_ids_has(s->keep, id));
}

/* Add those that count, k at most; *taken is how many. */
static enum err_code take_hits(struct finding *s, const struct chroma_hit *hits,
                               size_t n, size_t *taken, struct err *e)
{
    int64_t ids[STORE_MAX_BATCH];
    enum err_code code = ERR_NONE;

    *taken = 0;
    for (size_t at = 0; at < n && *taken < s->best.k && code == ERR_NONE;
         at += STORE_MAX_BATCH) {
        size_t m = n - at < STORE_MAX_BATCH ? n - at : STORE_MAX_BATCH;

        code = identify(s, hits + at, m, ids, e);
        for (size_t i = 0; i < m && *taken < s->best.k && code == ERR_NONE; i++)
            if (counts(s, ids[i])) {
                best_add(&s->best, ids[i], hits[at + i].distance);
                ++*taken;
            }
    }
    return code;
}

/* How many hits give k that the filter lets through, if it picks them as it
 * picks others. */
static enum err_code first_guess(struct finding *s, size_t *out, struct err *e)
{
    struct vector_count count = {0};
    double all, kept;
    enum err_code code = ERR_NONE;

    *out = s->best.k + 16;
    if (!s->keep)
        return ERR_NONE;
    code = store_vectors_count(s->f->base.store, s->f->base.set, s->model,
                               &count, e);
    all = (double)count.all;
    kept = (double)vector_ids_count(s->keep);
    if (code == ERR_NONE && all > kept)
        *out += (size_t)(1.5 * all / kept * (double)s->best.k);
    return code;
}

/* On top of what is newer, which is in `best` already. */
static enum err_code ask_until_enough(struct finding *s, struct err *e)
{
    size_t n_newer = s->best.n, n = 0, taken = 0;
    struct vector_hit *newer = malloc((n_newer + 1) * sizeof(*newer));
    enum err_code code = newer ? first_guess(s, &n, e)
                               : err_set(e, ERR_UNAVAILABLE, "out of memory");
    bool enough = false;

    if (newer)
        memcpy(newer, s->best.hits, n_newer * sizeof(*newer));
    for (int tries = 0; code == ERR_NONE && !enough; tries++, n *= MORE) {
        struct chroma_hit *hits;
        size_t n_hits = 0;

        if (n > MAX_HITS)
            n = MAX_HITS;
        memcpy(s->best.hits, newer, n_newer * sizeof(*newer));
        s->best.n = n_newer;
        code = ask(s, n, &hits, &n_hits, e);
        if (code == ERR_NONE)
            code = take_hits(s, hits, n_hits, &taken, e);
        enough = taken == s->best.k;
        if (code == ERR_NONE && !enough && s->keep && tries > 0) {
            code = compare_kept(s, e);
            enough = true;
        }
        if (!s->keep && (n_hits < n || n == MAX_HITS))
            enough = true; /* there are no more */
    }
    free(newer);
    return code;
}

/* ---- a search ---- */

static enum err_code search(struct finding *s, struct err *e)
{
    struct chroma_find *f = s->f;
    enum err_code code;

    if (s->keep && vector_ids_count(s->keep) <= FEW)
        return compare_kept(s, e);
    code = store_copy_state(f->base.store, f->base.set, &s->state, e);
    if (code != ERR_NONE)
        return code;
    if (!s->state.on)
        return err_set(e, ERR_UNAVAILABLE,
                       "another process has switched the Chroma server off: "
                       "all processes of a database are to have the same "
                       "'vectors'");
    code = look_at_changed(s, e);
    if (code == ERR_NONE && s->state.collection[0])
        code = ask_until_enough(s, e);
    return code;
}

static enum err_code find(struct nearest *base, const struct model_id *m,
                          const float *vector, const struct vector_ids *keep,
                          size_t k, struct vector_hit *hits, size_t *n,
                          struct err *e)
{
    struct finding s = {.f = (struct chroma_find *)base,
                        .model = m,
                        .vector = vector,
                        .keep = keep,
                        .best = {.hits = hits, .k = k},
                        .arena = arena_new(ARENA_BYTES)};
    struct err why = {0};
    enum err_code code = s.arena
                             ? search(&s, &why)
                             : err_set(&why, ERR_UNAVAILABLE, "out of memory");

    vector_ids_free(s.newer);
    arena_free(s.arena);
    *n = s.best.n;
    if (code != ERR_NONE && e)
        *e = why;
    return code;
}

static void free_find(struct nearest *base)
{
    struct chroma_find *f = (struct chroma_find *)base;

    clear(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static const struct nearest_ops ops = {
    .name = "chroma", .find = find, .free = free_find};

struct nearest *chroma_find_new(const struct chroma_find_options *opt)
{
    struct chroma_find *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->base = (struct nearest){&ops, opt->store, opt->set};
    f->opt = *opt;
    pthread_mutex_init(&f->lock, NULL);
    return &f->base;
}
