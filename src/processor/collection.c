/* collection.c - see collection.h. */
#include "processor/collection.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define SCRATCH_BYTES (64u << 20)
#define PUT_BATCH 256

/* What a filter may ask of a chunk. */
struct entry {
    int64_t id;
    int32_t index, start_char, end_char, page;
};

struct entries {
    int64_t document_key;
    json_t *metadata; /* of the document, with our own keys; NULL: not read */
    struct entry *list;
    size_t n, cap;
};

struct collection {
    struct store *store;
    struct vector_index *index;
    pthread_mutex_t refreshing;
    pthread_rwlock_t lock;     /* of what follows */
    struct entries *documents; /* by key */
    size_t n, cap;
    uint64_t generation;
    struct model_id model;
};

/* ---- metadata ---- */

static void set_text(json_t *o, const char *key, struct slice v)
{
    json_object_set_new(o, key, json_stringn(v.p ? v.p : "", v.len));
}

/* Keys of the document and of its version. */
static json_t *document_metadata(const struct chunk *c)
{
    json_t *o = NULL;

    if (json_parse(&o, c->document_metadata, NULL) != ERR_NONE ||
        !json_is_object(o)) {
        json_decref(o);
        o = json_object();
    }
    set_text(o, "title", c->title);
    set_text(o, "document_id", c->document_id);
    set_text(o, "job_id", c->job_id);
    return o;
}

static void set_numbers(json_t *o, int64_t index, int64_t start, int64_t end,
                        int64_t page)
{
    json_object_set_new(o, "chunk_index", json_integer(index));
    json_object_set_new(o, "start_char", json_integer(start));
    json_object_set_new(o, "end_char", json_integer(end));
    if (page > 0)
        json_object_set_new(o, "page", json_integer(page));
    else
        json_object_del(o, "page");
}

json_t *chunk_metadata(const struct chunk *c)
{
    json_t *o = document_metadata(c), *own = NULL;

    if (!o)
        return NULL;
    if (c->metadata.len && json_parse(&own, c->metadata, NULL) == ERR_NONE)
        json_object_update(o, own);
    json_decref(own);
    set_numbers(o, c->index, c->start_char, c->end_char, c->page);
    return o;
}

/* ---- the documents in memory; under the lock for writing ---- */

/* Where the document is, or belongs. */
static size_t place_of(const struct collection *c, int64_t key)
{
    size_t low = 0, high = c->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (c->documents[mid].document_key < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void entries_clear(struct entries *d)
{
    json_decref(d->metadata);
    free(d->list);
    d->metadata = NULL;
    d->list = NULL;
    d->n = d->cap = 0;
}

/* NULL: out of memory. */
static struct entries *document_at(struct collection *c, int64_t key)
{
    size_t at = place_of(c, key);

    if (at < c->n && c->documents[at].document_key == key)
        return &c->documents[at];
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct entries *p = realloc(c->documents, cap * sizeof(*p));

        if (!p)
            return NULL;
        c->documents = p;
        c->cap = cap;
    }
    memmove(&c->documents[at + 1], &c->documents[at],
            (c->n - at) * sizeof(*c->documents));
    c->documents[at] = (struct entries){.document_key = key};
    c->n++;
    return &c->documents[at];
}

static bool add_entry(struct entries *d, const struct chunk_vector *v)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 8;
        struct entry *p = realloc(d->list, cap * sizeof(*p));

        if (!p)
            return false;
        d->list = p;
        d->cap = cap;
    }
    d->list[d->n++] = (struct entry){
        .id = v->chunk_id,
        .index = (int32_t)v->index,
        .start_char = (int32_t)v->start_char,
        .end_char = (int32_t)v->end_char,
        .page = (int32_t)v->page,
    };
    return true;
}

/* ---- refresh ---- */

/* Chunks on their way into the index, PUT_BATCH at a time. */
struct filling {
    struct collection *c;
    int64_t document_key; /* of the last chunk */
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

/* A document that comes again comes whole. */
static enum err_code take_chunk(void *ctx, const struct chunk_vector *v,
                                struct err *e)
{
    struct filling *f = ctx;
    struct entries *d;
    bool ok;

    pthread_rwlock_wrlock(&f->c->lock);
    d = document_at(f->c, v->document_key);
    if (d && v->document_key != f->document_key)
        entries_clear(d);
    ok = d && add_entry(d, v);
    pthread_rwlock_unlock(&f->c->lock);
    if (!ok)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    f->document_key = v->document_key;
    f->ids[f->n] = v->chunk_id;
    memcpy(f->vectors[f->n], v->vector, sizeof(*f->vectors));
    return ++f->n == PUT_BATCH ? flush(f, e) : ERR_NONE;
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

/* Take out the documents that are not in present[0..n): their vectors in one
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
        const struct entries *d = &c->documents[i];

        if (!is_present(present, n, &at, d->document_key))
            for (size_t k = 0; k < d->n; k++)
                buf_add(&ids, &d->list[k].id, sizeof(d->list[k].id));
    }
    if (!buf_ok(&ids))
        code = err_set(e, ERR_UNAVAILABLE, "out of memory");
    else if (ids.len)
        code = vector_index_remove(c->index, (const int64_t *)(void *)ids.p,
                                   ids.len / sizeof(int64_t), NULL, e);
    buf_release(&ids);
    if (code != ERR_NONE)
        return code;
    at = 0;
    pthread_rwlock_wrlock(&c->lock);
    for (size_t i = 0; i < c->n; i++) {
        if (is_present(present, n, &at, c->documents[i].document_key))
            c->documents[kept++] = c->documents[i];
        else
            entries_clear(&c->documents[i]);
    }
    c->n = kept;
    pthread_rwlock_unlock(&c->lock);
    return ERR_NONE;
}

static enum err_code drop_all(struct collection *c, struct err *e)
{
    c->generation = 0;
    return drop_absent(c, NULL, 0, e);
}

static enum err_code fill(struct collection *c, const struct model_id *m,
                          struct err *e)
{
    struct filling f = {.c = c, .document_key = -1};
    uint64_t generation = 0;
    int64_t *present = NULL;
    size_t n;
    enum err_code code;

    f.vectors = calloc(PUT_BATCH, sizeof(*f.vectors));
    if (!f.vectors)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    code = store_chunks_each(c->store, m, c->generation, take_chunk, &f,
                             &generation, e);
    if (code == ERR_NONE)
        code = flush(&f, e);
    free(f.vectors);
    if (code == ERR_NONE)
        code = store_vectors_present(c->store, VECTORS_CHUNKS, &present, &n, e);
    if (code == ERR_NONE)
        code = drop_absent(c, present, n, e);
    free(present);
    if (code == ERR_NONE)
        c->generation = generation;
    return code;
}

enum err_code collection_refresh(struct collection *c, const struct model_id *m,
                                 struct err *e)
{
    uint64_t now = 0;
    enum err_code code =
        store_vectors_generation(c->store, VECTORS_CHUNKS, &now, e);

    if (code != ERR_NONE)
        return code;
    pthread_mutex_lock(&c->refreshing);
    if (memcmp(&c->model, m, sizeof(*m)) != 0) {
        code = drop_all(c, e);
        c->model = *m;
    }
    if (code == ERR_NONE && c->generation != now)
        code = fill(c, m, e);
    pthread_mutex_unlock(&c->refreshing);
    return code;
}

/* ---- search ---- */

/* Read the metadata of a document, through its first chunk.  Under the lock for
 * writing. */
static enum err_code load_metadata(struct collection *c, struct arena *a,
                                   struct entries *d, struct err *e)
{
    struct chunk *chunk;
    size_t n = 0;
    enum err_code code;

    arena_reset(a);
    code = store_chunks_get(c->store, a, &d->list[0].id, 1, &chunk, &n, e);
    if (code == ERR_NONE && n) /* gone meanwhile: it is not found */
        d->metadata = document_metadata(chunk);
    return code;
}

static enum err_code load_all_metadata(struct collection *c, struct err *e)
{
    struct arena *a = arena_new(SCRATCH_BYTES);
    enum err_code code = ERR_NONE;

    if (!a)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    pthread_rwlock_wrlock(&c->lock);
    for (size_t i = 0; i < c->n && code == ERR_NONE; i++)
        if (!c->documents[i].metadata && c->documents[i].n)
            code = load_metadata(c, a, &c->documents[i], e);
    pthread_rwlock_unlock(&c->lock);
    arena_free(a);
    return code;
}

enum err_code collection_filter(struct collection *c, const struct where *w,
                                struct vector_ids **out, struct err *e)
{
    struct buf ids;
    enum err_code code = load_all_metadata(c, e);

    if (code != ERR_NONE)
        return code;
    buf_init(&ids, (size_t)VECTOR_MAX_COUNT * sizeof(int64_t));
    pthread_rwlock_rdlock(&c->lock);
    for (size_t i = 0; i < c->n; i++) {
        const struct entries *d = &c->documents[i];
        json_t *o = json_copy(d->metadata); /* NULL: empty document */

        for (size_t k = 0; o && k < d->n; k++) {
            const struct entry *at = &d->list[k];

            set_numbers(o, at->index, at->start_char, at->end_char, at->page);
            if (where_matches(w, o))
                buf_add(&ids, &at->id, sizeof(at->id));
        }
        json_decref(o);
    }
    pthread_rwlock_unlock(&c->lock);
    code = buf_ok(&ids) ? vector_ids_new(out, (const int64_t *)(void *)ids.p,
                                         ids.len / sizeof(int64_t), e)
                        : err_set(e, ERR_UNAVAILABLE, "out of memory");
    buf_release(&ids);
    return code;
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

    return vector_index_search(c->index, &q, hits, n, e);
}

/* ---- life ---- */

enum err_code collection_new(struct collection **out, struct store *s,
                             const char *dir, const char *kernel, struct err *e)
{
    const struct vector_options opt = {
        .dim = STORE_VECTOR_DIM, .dir = dir, .kernel = kernel};
    struct collection *c = calloc(1, sizeof(*c));
    enum err_code code;

    if (!c)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    c->store = s;
    code = vector_index_open(&c->index, &opt, e);
    if (code != ERR_NONE) {
        free(c);
        return code;
    }
    pthread_mutex_init(&c->refreshing, NULL);
    pthread_rwlock_init(&c->lock, NULL);
    *out = c;
    return ERR_NONE;
}

void collection_free(struct collection *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        entries_clear(&c->documents[i]);
    free(c->documents);
    vector_index_close(c->index);
    pthread_rwlock_destroy(&c->lock);
    pthread_mutex_destroy(&c->refreshing);
    free(c);
}

void collection_info(struct collection *c, struct collection_info *out)
{
    struct vector_info info;

    vector_index_info(c->index, &info);
    *out = (struct collection_info){
        .chunks = info.count,
        .memory_bytes = info.memory_bytes + info.count * sizeof(struct entry),
        .kernel = info.kernel};
    pthread_rwlock_rdlock(&c->lock);
    out->documents = c->n;
    pthread_rwlock_unlock(&c->lock);
}
