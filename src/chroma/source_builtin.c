/* source_builtin.c - our own collections, as Chroma's clients see them: the
 * chunks of documents and the papers, with the ids and metadata that GET /query
 * gives them.  What has its vector from another model is there, but without it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "chroma/chroma_impl.h"
#include "processor/chroma_record.h"
#include "processor/collection.h"
#include "processor/passage.h"
#include "processor/search.h"

#define MAX_METADATA ((size_t)2 << 20)
#define SCRATCH_BYTES ((size_t)256 << 20)
#define FILTER_MAX_US (20 * US_PER_S)

static const struct builtin {
    const char *name, *id, *writer;
    enum vector_set set;
} builtins[N_BUILTIN] = {
    {SEARCH_DOCUMENTS, "5eaf0000-0000-4000-8000-000000000001",
     "the document processor: POST /process/text, /process/file",
     VECTORS_CHUNKS},
    {SEARCH_PAPERS, "5eaf0000-0000-4000-8000-000000000002",
     "from the stored papers", VECTORS_PAPERS},
};

static const struct builtin *of(const struct source *s)
{
    return s->impl;
}

static enum err_code collection_of(struct source *s, bool needs_model,
                                   struct collection **out, struct err *e)
{
    return processor_collection(s->chroma->processor, of(s)->set, needs_model,
                                out, e);
}

/* ---- numbers ---- */

static enum err_code all_numbers(struct source *s, int64_t **out, size_t *n,
                                 struct err *e)
{
    struct collection *c = NULL;
    enum err_code code = collection_of(s, false, &c, e);

    return code == ERR_NONE ? collection_ids(c, out, n, e) : code;
}

static enum err_code count(struct source *s, int64_t *out, struct err *e)
{
    struct collection *c = NULL;
    enum err_code code = collection_of(s, false, &c, e);

    return code == ERR_NONE ? collection_count(c, out, e) : code;
}

static enum err_code list(struct source *s, int64_t offset, int64_t limit,
                          int64_t **out, size_t *n, struct err *e)
{
    size_t all = 0, from;
    enum err_code code = all_numbers(s, out, &all, e);

    if (code != ERR_NONE)
        return code;
    from = (uint64_t)offset < all ? (size_t)offset : all;
    *n = (uint64_t)limit < all - from ? (size_t)limit : all - from;
    memmove(*out, *out + from, *n * sizeof(**out));
    return ERR_NONE;
}

static enum err_code find(struct source *s, const struct slice *ids, size_t n,
                          int64_t *out, struct err *e)
{
    return chroma_names_find(s->chroma->store, of(s)->set, ids, n, out, e);
}

/* ---- records ---- */

static enum err_code too_large(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the answer is too large");
}

static enum err_code keep_json(struct arena *a, json_t *o, struct slice *out,
                               struct err *e)
{
    struct buf b;
    struct jw j;

    buf_init(&b, MAX_METADATA);
    jw_init(&j, &b);
    jw_value(&j, o);
    *out = o && buf_ok(&b) ? arena_slice(a, buf_slice(&b)) : SLICE_NONE;
    buf_release(&b);
    json_decref(o);
    return out->p ? ERR_NONE : too_large(e);
}

static enum err_code from_chunk(struct arena *a, const struct chunk *c,
                                unsigned fields, struct record *out,
                                struct err *e)
{
    char id[CHROMA_NAME];

    *out = (struct record){.number = c->id};
    if (chroma_name_write(id, VECTORS_CHUNKS,
                          (struct copy_name){c->document_id, c->index}))
        out->id = arena_slice(a, slice_of(id));
    if (!out->id.p)
        return too_large(e);
    if (fields & RECORD_DOCUMENT)
        out->document = c->text;
    return fields & RECORD_METADATA
               ? keep_json(a, chunk_metadata(c), &out->metadata, e)
               : ERR_NONE;
}

static enum err_code from_paper(struct arena *a, const struct paper *p,
                                unsigned fields, struct record *out,
                                struct err *e)
{
    struct chunk whole;
    struct slice text = SLICE_NONE;
    enum err_code code = paper_as_chunk(p, a, &whole, e);

    if (code != ERR_NONE)
        return code;
    *out = (struct record){.number = p->id, .id = whole.document_id};
    if (fields & RECORD_DOCUMENT)
        out->document = whole.text;
    if (!(fields & RECORD_METADATA))
        return ERR_NONE;
    code = paper_metadata_text(p, &text, e);
    if (code == ERR_NONE)
        out->metadata = arena_slice(a, text);
    free((char *)text.p);
    return code == ERR_NONE && !out->metadata.p ? too_large(e) : code;
}

static enum err_code add_vectors(struct source *s, struct arena *a,
                                 struct record *records, size_t n,
                                 struct err *e)
{
    struct collection *c = NULL;
    enum err_code code = collection_of(s, false, &c, e);

    for (size_t i = 0; i < n && code == ERR_NONE; i++) {
        float *v = arena_calloc(a, STORE_VECTOR_DIM, sizeof(*v));
        struct err why = {0};

        if (!v)
            return too_large(e);
        code = collection_vector(c, records[i].number, v, &why);
        if (code == ERR_NONE)
            records[i].vector = v;
        else if (code == ERR_NOT_FOUND)
            code = ERR_NONE;
        else
            *e = why;
    }
    return code;
}

/* At most STORE_MAX_BATCH. */
static enum err_code load_some(struct source *s, struct arena *a,
                               const int64_t *numbers, size_t n,
                               unsigned fields, struct record *out,
                               size_t *n_out, struct err *e)
{
    struct chunk *chunks = NULL;
    struct paper *papers = NULL;
    bool is_paper = of(s)->set == VECTORS_PAPERS;
    enum err_code code = is_paper
                             ? store_papers_get(s->chroma->store, a, numbers, n,
                                                &papers, n_out, e)
                             : store_chunks_get(s->chroma->store, a, numbers, n,
                                                &chunks, n_out, e);

    for (size_t i = 0; code == ERR_NONE && i < *n_out; i++)
        code = is_paper ? from_paper(a, &papers[i], fields, &out[i], e)
                        : from_chunk(a, &chunks[i], fields, &out[i], e);
    return code;
}

static enum err_code load(struct source *s, struct arena *a,
                          const int64_t *numbers, size_t n, unsigned fields,
                          struct record **out, size_t *n_out, struct err *e)
{
    enum err_code code = ERR_NONE;

    *n_out = 0;
    *out = arena_calloc(a, n + 1, sizeof(**out));
    if (!*out)
        return too_large(e);
    for (size_t i = 0; i < n && code == ERR_NONE; i += STORE_MAX_BATCH) {
        size_t got = 0;

        code = load_some(s, a, numbers + i,
                         n - i < STORE_MAX_BATCH ? n - i : STORE_MAX_BATCH,
                         fields, *out + *n_out, &got, e);
        *n_out += got;
    }
    return code == ERR_NONE && fields & RECORD_VECTOR
               ? add_vectors(s, a, *out, *n_out, e)
               : code;
}

/* ---- filter, search ---- */

static enum err_code sift_batch(struct source *s, const struct where *w,
                                struct arena *a, const int64_t *numbers,
                                size_t n, struct buf *yes, struct err *e)
{
    struct record *records = NULL;
    size_t got = 0;
    enum err_code code = load(
        s, a, numbers, n, RECORD_DOCUMENT | RECORD_METADATA, &records, &got, e);

    for (size_t i = 0; i < got && code == ERR_NONE; i++) {
        bool matches = false;

        code = where_matches_record(w, records[i].metadata, records[i].document,
                                    &matches, e);
        if (matches)
            buf_add(yes, &records[i].number, sizeof(records[i].number));
    }
    return code;
}

/* All of them, for a filter that asks documents. */
static enum err_code sift(struct source *s, const struct where *w,
                          const int64_t *numbers, size_t n, struct buf *yes,
                          struct err *e)
{
    int64_t began_us = clock_mono_us();
    struct arena *a = arena_new(SCRATCH_BYTES);
    enum err_code code =
        a ? ERR_NONE : err_set(e, ERR_UNAVAILABLE, "out of memory");

    for (size_t i = 0; i < n && code == ERR_NONE; i += STORE_MAX_BATCH) {
        arena_reset(a);
        code = sift_batch(s, w, a, numbers + i,
                          n - i < STORE_MAX_BATCH ? n - i : STORE_MAX_BATCH,
                          yes, e);
        if (code == ERR_NONE && clock_mono_us() - began_us > FILTER_MAX_US)
            code = err_set(e, ERR_UNPROCESSABLE,
                           "the filter takes longer than %d s",
                           (int)(FILTER_MAX_US / US_PER_S));
    }
    arena_free(a);
    return code;
}

static enum err_code filter_documents(struct source *s, const struct where *w,
                                      struct where_set **out, struct err *e)
{
    int64_t *numbers = NULL;
    size_t n = 0;
    struct vector_ids *ids = NULL;
    struct buf yes;
    enum err_code code = all_numbers(s, &numbers, &n, e);

    buf_init(&yes, (size_t)VECTOR_MAX_COUNT * sizeof(int64_t));
    if (code == ERR_NONE)
        code = sift(s, w, numbers, n, &yes, e);
    if (code == ERR_NONE)
        code = vector_ids_of(&ids, &yes, e);
    buf_release(&yes);
    free(numbers);
    if (code != ERR_NONE)
        return code;
    *out = where_set_new(ids);
    return *out ? ERR_NONE : err_set(e, ERR_UNAVAILABLE, "out of memory");
}

static enum err_code filter(struct source *s, const struct where *w,
                            struct where_set **out, struct err *e)
{
    struct collection *c = NULL;
    enum err_code code;

    if (where_asks_document(w))
        return filter_documents(s, w, out, e);
    code = collection_of(s, false, &c, e);
    return code == ERR_NONE ? collection_filter(c, w, out, e) : code;
}

static enum err_code search(struct source *s, const struct vector_query *q,
                            size_t n, struct vector_hit *const *hits,
                            size_t *n_hits, struct err *e)
{
    struct collection *c = NULL;
    enum err_code code = collection_of(s, true, &c, e);

    for (size_t i = 0; i < n && code == ERR_NONE; i++)
        code = collection_search(c, q[i].vector,
                                 q[i].filter ? q[i].filter->ids : NULL, q[i].k,
                                 hits[i], &n_hits[i], e);
    return code;
}

static void close_source(struct source *s)
{
    (void)s;
}

static const struct source_ops ops = {.count = count,
                                      .find = find,
                                      .list = list,
                                      .filter = filter,
                                      .search = search,
                                      .load = load,
                                      .close = close_source};

/* ---- which ---- */

void builtin_nth(struct source *out, struct chroma_api *c, size_t i)
{
    struct configuration cosine;

    (void)!configuration_read(&cosine, NULL, SLICE_NONE, NULL);
    cosine.space = VECTOR_COSINE;
    *out = (struct source){.ops = &ops,
                           .chroma = c,
                           .collection = {.id = slice_of(builtins[i].id),
                                          .name = slice_of(builtins[i].name),
                                          .tenant = SLICE(DEFAULT_TENANT),
                                          .database = SLICE(DEFAULT_DATABASE),
                                          .dim = STORE_VECTOR_DIM},
                           .configuration = cosine,
                           .writer = builtins[i].writer,
                           .impl = (void *)&builtins[i]};
}

bool builtin_is_home(struct slice tenant, struct slice database)
{
    return slice_is(tenant, DEFAULT_TENANT) &&
           slice_is(database, DEFAULT_DATABASE);
}

bool builtin_find(struct source *out, struct chroma_api *c, struct slice tenant,
                  struct slice database, struct slice name)
{
    for (size_t i = 0; builtin_is_home(tenant, database) && i < N_BUILTIN;
         i++) {
        if (slice_is(name, builtins[i].name)) {
            builtin_nth(out, c, i);
            return true;
        }
    }
    return false;
}

bool builtin_open(struct source *out, struct chroma_api *c, struct slice id)
{
    for (size_t i = 0; i < N_BUILTIN; i++) {
        if (slice_is(id, builtins[i].id)) {
            builtin_nth(out, c, i);
            return true;
        }
    }
    return false;
}
