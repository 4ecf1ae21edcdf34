/* index.c - see index.h.
 *
 * Rows are sorted by number; new records have greater numbers, so they are
 * appended.  Vectors and metadata follow the store each at a generation of
 * their own, but what is removed is removed from both: store_records_present()
 * is asked only when the count of removed records has moved.
 */
#include "chroma/index.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

#define PUT_BATCH 256
/* Documents that are read at once; where they are so long that they do not fit,
 * as many as fit in any case. */
#define DOCUMENT_BATCH 1000
#define DOCUMENT_FEW 24
#define SCRATCH_BYTES ((size_t)128 << 20)
#define IDLE_US (INT64_C(3600) * US_PER_S)
/* Of a filter that reads documents. */
#define FILTER_MAX_US (20 * US_PER_S)

struct row {
    int64_t number;
    char *metadata; /* malloc'ed; NULL: it has none, or it was not read */
    uint32_t len;
};

/* How far one kind of data follows. */
struct part {
    bool loaded;
    uint64_t generation;
};

struct index {
    struct index *next; /* in the list of all */
    int64_t collection; /* number */
    struct store *store;
    int64_t used_us; /* under the lock of all */
    unsigned refs;   /* the same */
    pthread_mutex_t refreshing;
    struct part of_vectors, of_metadata;
    int64_t removed; /* as of the last look at what is present */
    struct vector_index *_Atomic vectors; /* NULL: not yet */
    struct where_cache *filters;
    pthread_rwlock_t lock; /* of what follows; written while refreshing */
    struct row *rows;
    size_t n, cap;
    atomic_size_t bytes; /* of rows and metadata */
};

struct indexes {
    struct store *store;
    char *dir, *kernel;
    struct vector_crew *crew;
    size_t memory;
    pthread_mutex_t lock; /* of what follows */
    struct index *first;
};

static enum err_code no_memory(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "out of memory");
}

/* ---- rows ---- */

/* Where the row is, or belongs. */
static size_t place_of(const struct index *ix, int64_t number)
{
    size_t low = 0, high = ix->n;

    if (ix->n && ix->rows[ix->n - 1].number < number)
        return ix->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (ix->rows[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Under the lock for writing.  NULL: out of memory. */
static struct row *row_at(struct index *ix, int64_t number)
{
    size_t at = place_of(ix, number);

    if (at < ix->n && ix->rows[at].number == number)
        return &ix->rows[at];
    if (ix->n == ix->cap) {
        size_t cap = ix->cap ? ix->cap * 2 : 256;
        struct row *p = realloc(ix->rows, cap * sizeof(*p));

        if (!p)
            return NULL;
        atomic_fetch_add(&ix->bytes, (cap - ix->cap) * sizeof(*p));
        ix->rows = p;
        ix->cap = cap;
    }
    memmove(&ix->rows[at + 1], &ix->rows[at], (ix->n - at) * sizeof(*ix->rows));
    ix->rows[at] = (struct row){.number = number};
    ix->n++;
    return &ix->rows[at];
}

static void forget_metadata(struct index *ix, struct row *row)
{
    atomic_fetch_sub(&ix->bytes, row->len);
    free(row->metadata);
    row->metadata = NULL;
    row->len = 0;
}

/* Takes over a copy of the text. */
static bool set_metadata(struct index *ix, int64_t number, struct slice text)
{
    char *copy = text.p ? malloc(text.len + 1) : NULL;
    struct row *row;
    bool ok = copy || !text.p;

    if (copy)
        memcpy(copy, text.p, text.len);
    pthread_rwlock_wrlock(&ix->lock);
    row = ok ? row_at(ix, number) : NULL;
    if (row) {
        forget_metadata(ix, row);
        row->metadata = copy;
        row->len = (uint32_t)text.len;
        atomic_fetch_add(&ix->bytes, text.len);
        copy = NULL;
    }
    pthread_rwlock_unlock(&ix->lock);
    free(copy);
    return row;
}

/* ---- following the store; under `refreshing` ---- */

/* Vectors on their way into the index, PUT_BATCH at a time. */
struct filling {
    struct index *ix;
    size_t dim;
    int64_t numbers[PUT_BATCH];
    float *vectors; /* (PUT_BATCH, dim) */
    size_t n;
};

static enum err_code flush(struct filling *f, struct err *e)
{
    size_t n = f->n;
    bool ok = true;

    if (n == 0)
        return ERR_NONE;
    f->n = 0;
    pthread_rwlock_wrlock(&f->ix->lock);
    for (size_t i = 0; i < n && ok; i++)
        ok = row_at(f->ix, f->numbers[i]) != NULL;
    pthread_rwlock_unlock(&f->ix->lock);
    return ok ? vector_index_put(f->ix->vectors, f->numbers, f->vectors, n, e)
              : no_memory(e);
}

static enum err_code take_vector(void *ctx, const struct record *r,
                                 struct err *e)
{
    struct filling *f = ctx;

    if (!r->vector)
        return ERR_NONE;
    f->numbers[f->n] = r->number;
    memcpy(f->vectors + f->n * f->dim, r->vector, f->dim * sizeof(float));
    return ++f->n == PUT_BATCH ? flush(f, e) : ERR_NONE;
}

static enum err_code take_metadata(void *ctx, const struct record *r,
                                   struct err *e)
{
    return set_metadata(ctx, r->number, r->metadata) ? ERR_NONE : no_memory(e);
}

static enum err_code fill_vectors(struct index *ix, size_t dim,
                                  struct records_state *state, struct err *e)
{
    struct filling f = {.ix = ix, .dim = dim};
    enum err_code code;

    f.vectors = calloc(PUT_BATCH, dim * sizeof(float));
    if (!f.vectors)
        return no_memory(e);
    code =
        store_records_each(ix->store, ix->collection, ix->of_vectors.generation,
                           RECORD_VECTOR, take_vector, &f, state, e);
    if (code == ERR_NONE)
        code = flush(&f, e);
    free(f.vectors);
    return code;
}

/* Both lists are ascending. */
static enum err_code drop_absent(struct index *ix, const int64_t *present,
                                 size_t n, struct err *e)
{
    int64_t *gone = malloc((ix->n + 1) * sizeof(*gone));
    size_t n_gone = 0, kept = 0, at = 0;
    enum err_code code = ERR_NONE;

    if (!gone)
        return no_memory(e);
    pthread_rwlock_wrlock(&ix->lock);
    for (size_t i = 0; i < ix->n; i++) {
        struct row *row = &ix->rows[i];

        while (at < n && present[at] < row->number)
            at++;
        if (at < n && present[at] == row->number) {
            ix->rows[kept++] = *row;
        } else {
            gone[n_gone++] = row->number;
            forget_metadata(ix, row);
        }
    }
    ix->n = kept;
    pthread_rwlock_unlock(&ix->lock);
    if (ix->vectors && n_gone)
        code = vector_index_remove(ix->vectors, gone, n_gone, NULL, e);
    free(gone);
    return code;
}

static enum err_code
drop_removed(struct index *ix, const struct records_state *state, struct err *e)
{
    int64_t *present = NULL;
    size_t n = 0;
    enum err_code code;

    if (state->removed == ix->removed)
        return ERR_NONE;
    code = store_records_present(ix->store, ix->collection, &present, &n, e);
    if (code == ERR_NONE)
        code = drop_absent(ix, present, n, e);
    free(present);
    if (code == ERR_NONE)
        ix->removed = state->removed;
    return code;
}

static enum err_code follow(struct index *ix, struct part *part, size_t dim,
                            struct err *e)
{
    struct records_state state = {0};
    enum err_code code;

    code =
        part == &ix->of_vectors
            ? fill_vectors(ix, dim, &state, e)
            : store_records_each(ix->store, ix->collection, part->generation,
                                 RECORD_METADATA, take_metadata, ix, &state, e);
    if (code == ERR_NONE)
        code = drop_removed(ix, &state, e);
    if (code == ERR_NONE) {
        part->generation = state.generation;
        part->loaded = true;
    }
    return code;
}

static enum err_code refresh(struct index *ix, struct part *part,
                             const struct record_collection *c, struct err *e)
{
    enum err_code code = ERR_NONE;

    pthread_mutex_lock(&ix->refreshing);
    if (!part->loaded || part->generation != c->state.generation)
        code = follow(ix, part, (size_t)c->dim, e);
    pthread_mutex_unlock(&ix->refreshing);
    return code;
}

/* ---- searching ---- */

static enum err_code open_vectors(struct index *ix, const struct indexes *all,
                                  size_t dim, struct err *e)
{
    const struct vector_options opt = {
        .dim = dim, .dir = all->dir, .kernel = all->kernel, .crew = all->crew};
    struct vector_index *vectors = NULL;
    enum err_code code = ERR_NONE;

    pthread_mutex_lock(&ix->refreshing);
    if (!ix->vectors && dim) {
        code = vector_index_open(&vectors, &opt, e);
        ix->vectors = vectors;
    }
    pthread_mutex_unlock(&ix->refreshing);
    return code;
}

enum err_code index_search(struct index *ix, const struct record_collection *c,
                           const struct vector_query *q, size_t n,
                           struct vector_hit *const *hits, size_t *n_hits,
                           struct err *e)
{
    enum err_code code = refresh(ix, &ix->of_vectors, c, e);

    return code == ERR_NONE
               ? vector_index_search_many(ix->vectors, q, n, hits, n_hits, e)
               : code;
}

/* ---- filters ---- */

/* Numbers, as a filter goes through the rows. */
struct sifting {
    struct index *ix;
    const struct where *w;
    struct buf yes, ask; /* of int64_t */
    int64_t began_us;
};

static enum err_code sift_rows(struct sifting *s, struct err *e)
{
    const struct index *ix = s->ix;
    enum err_code code = ERR_NONE;

    pthread_rwlock_rdlock(&s->ix->lock);
    for (size_t i = 0; i < ix->n && code == ERR_NONE; i++) {
        const struct row *row = &ix->rows[i];
        struct slice text = {row->metadata, row->len};
        enum where_verdict verdict = WHERE_NO;

        code = where_matches_metadata(s->w, text, &verdict, e);
        if (verdict == WHERE_YES)
            buf_add(&s->yes, &row->number, sizeof(row->number));
        else if (verdict == WHERE_ASK_DOCUMENT)
            buf_add(&s->ask, &row->number, sizeof(row->number));
    }
    pthread_rwlock_unlock(&s->ix->lock);
    return code;
}

static enum err_code sift_batch(struct sifting *s, struct arena *a,
                                const int64_t *numbers, size_t n, struct err *e)
{
    struct record *records = NULL;
    size_t n_records = 0;
    enum err_code code = store_records_get(
        s->ix->store, a, s->ix->collection, numbers, n,
        RECORD_DOCUMENT | RECORD_METADATA, &records, &n_records, e);

    for (size_t i = 0; i < n_records && code == ERR_NONE; i++) {
        const struct record *r = &records[i];
        bool matches = false;

        code =
            where_matches_record(s->w, r->metadata, r->document, &matches, e);
        if (matches)
            buf_add(&s->yes, &r->number, sizeof(r->number));
        if (code == ERR_NONE && clock_mono_us() - s->began_us > FILTER_MAX_US)
            code = err_set(e, ERR_UNPROCESSABLE,
                           "the filter takes longer than %d s over this "
                           "collection's documents; narrow it by metadata",
                           (int)(FILTER_MAX_US / US_PER_S));
    }
    return code;
}

static enum err_code sift_documents(struct sifting *s, struct err *e)
{
    const int64_t *numbers = (const int64_t *)(void *)s->ask.p;
    size_t n = s->ask.len / sizeof(*numbers);
    struct arena *a = arena_new(SCRATCH_BYTES);
    size_t batch = DOCUMENT_BATCH, i = 0;
    enum err_code code = a ? ERR_NONE : no_memory(e);

    while (i < n && code == ERR_NONE) {
        size_t part = n - i < batch ? n - i : batch;

        arena_reset(a);
        code = sift_batch(s, a, numbers + i, part, e);
        if (code == ERR_TOO_LARGE && batch > DOCUMENT_FEW) {
            batch = DOCUMENT_FEW;
            code = ERR_NONE;
        } else {
            i += part;
        }
    }
    arena_free(a);
    return code;
}

static enum err_code sift(struct index *ix, const struct where *w,
                          struct vector_ids **out, struct err *e)
{
    struct sifting s = {.ix = ix, .w = w, .began_us = clock_mono_us()};
    enum err_code code;

    buf_init(&s.yes, (size_t)VECTOR_MAX_COUNT * sizeof(int64_t));
    buf_init(&s.ask, (size_t)VECTOR_MAX_COUNT * sizeof(int64_t));
    code = sift_rows(&s, e);
    if (code == ERR_NONE && s.ask.len)
        code = sift_documents(&s, e);
    if (code == ERR_NONE && !buf_ok(&s.ask))
        code = no_memory(e);
    if (code == ERR_NONE)
        code = vector_ids_of(out, &s.yes, e);
    buf_release(&s.yes);
    buf_release(&s.ask);
    return code;
}

enum err_code index_filter(struct index *ix, const struct record_collection *c,
                           const struct where *w, struct where_set **out,
                           struct err *e)
{
    uint64_t version = c->state.generation;
    struct vector_ids *ids = NULL;
    enum err_code code;

    *out = where_cache_get(ix->filters, w, version);
    if (*out)
        return ERR_NONE;
    code = refresh(ix, &ix->of_metadata, c, e);
    if (code == ERR_NONE)
        code = sift(ix, w, &ids, e);
    if (code != ERR_NONE)
        return code;
    *out = where_cache_put(ix->filters, w, version, ids);
    return *out ? ERR_NONE : no_memory(e);
}

/* ---- all of them ---- */

static void index_free(struct index *ix)
{
    for (size_t i = 0; i < ix->n; i++)
        free(ix->rows[i].metadata);
    free(ix->rows);
    vector_index_close(ix->vectors);
    where_cache_free(ix->filters);
    pthread_mutex_destroy(&ix->refreshing);
    pthread_rwlock_destroy(&ix->lock);
    free(ix);
}

static struct index *index_new(const struct indexes *all, int64_t collection)
{
    struct index *ix = calloc(1, sizeof(*ix));

    if (!ix)
        return NULL;
    ix->filters = where_cache_new();
    if (!ix->filters) {
        free(ix);
        return NULL;
    }
    ix->collection = collection;
    ix->store = all->store;
    pthread_mutex_init(&ix->refreshing, NULL);
    pthread_rwlock_init(&ix->lock, NULL);
    return ix;
}

static size_t bytes_of(struct index *ix, size_t *n_vectors)
{
    struct vector_info info = {0};
    struct vector_index *vectors = ix->vectors;

    if (vectors)
        vector_index_info(vectors, &info);
    *n_vectors = info.count;
    return info.memory_bytes + atomic_load(&ix->bytes) + sizeof(*ix);
}

/* Under the lock. */
static void drop(struct indexes *all, struct index *ix)
{
    struct index **at = &all->first;

    while (*at != ix)
        at = &(*at)->next;
    *at = ix->next;
    index_free(ix);
}

/* Under the lock: those that are not in use go, the one used longest ago first.
 * One that is being filled is in use, so nobody is waited for. */
static void make_room(struct indexes *all)
{
    for (;;) {
        struct index *oldest = NULL;
        size_t bytes = 0, n;

        for (struct index *ix = all->first; ix; ix = ix->next) {
            if (ix->refs)
                continue;
            bytes += bytes_of(ix, &n);
            if (!oldest || ix->used_us < oldest->used_us)
                oldest = ix;
        }
        if (!oldest || (bytes <= all->memory &&
                        clock_mono_us() - oldest->used_us < IDLE_US))
            return;
        drop(all, oldest);
    }
}

enum err_code index_get(struct index **out, struct indexes *all,
                        const struct record_collection *c, struct err *e)
{
    struct index *ix;
    enum err_code code;

    pthread_mutex_lock(&all->lock);
    for (ix = all->first; ix && ix->collection != c->number; ix = ix->next)
        ;
    if (!ix) {
        make_room(all);
        ix = index_new(all, c->number);
        if (ix) {
            ix->next = all->first;
            all->first = ix;
        }
    }
    if (ix)
        ix->refs++;
    pthread_mutex_unlock(&all->lock);
    if (!ix)
        return no_memory(e);
    code = open_vectors(ix, all, (size_t)c->dim, e);
    if (code != ERR_NONE) {
        index_release(all, ix);
        return code;
    }
    *out = ix;
    return ERR_NONE;
}

void index_release(struct indexes *all, struct index *ix)
{
    if (!ix)
        return;
    pthread_mutex_lock(&all->lock);
    ix->used_us = clock_mono_us();
    ix->refs--;
    make_room(all);
    pthread_mutex_unlock(&all->lock);
}

void index_forget(struct indexes *all, int64_t collection)
{
    struct index *ix;

    pthread_mutex_lock(&all->lock);
    for (ix = all->first; ix && ix->collection != collection; ix = ix->next)
        ;
    if (ix && ix->refs == 0)
        drop(all, ix);
    pthread_mutex_unlock(&all->lock);
}

void indexes_info(struct indexes *all, struct indexes_info *out)
{
    *out = (struct indexes_info){0};
    pthread_mutex_lock(&all->lock);
    make_room(all);
    for (struct index *ix = all->first; ix; ix = ix->next) {
        size_t n;

        out->memory_bytes += bytes_of(ix, &n);
        out->vectors += n;
        out->collections++;
    }
    pthread_mutex_unlock(&all->lock);
}

static char *copy(const char *s)
{
    return s ? strdup(s) : NULL;
}

enum err_code indexes_new(struct indexes **out,
                          const struct indexes_options *opt, struct err *e)
{
    struct indexes *all = calloc(1, sizeof(*all));

    if (!all)
        return no_memory(e);
    *all = (struct indexes){.store = opt->store,
                            .dir = copy(opt->dir),
                            .kernel = copy(opt->kernel),
                            .crew = opt->crew,
                            .memory = opt->memory};
    pthread_mutex_init(&all->lock, NULL);
    *out = all;
    return ERR_NONE;
}

void indexes_free(struct indexes *all)
{
    if (!all)
        return;
    while (all->first)
        drop(all, all->first);
    pthread_mutex_destroy(&all->lock);
    free(all->dir);
    free(all->kernel);
    free(all);
}
