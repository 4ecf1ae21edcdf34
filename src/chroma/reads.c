/* reads.c - get, query, count. */
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "chroma/chroma_impl.h"
#include "chroma/columns.h"

#define MAX_BODY ((size_t)16 << 20)
#define MAX_IDS 100000
#define MAX_RESULTS 1000000 /* of all queries of a call */
#define DEFAULT_RESULTS 10
#define TOGETHER 64 /* queries */

static enum err_code no_memory(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "out of memory");
}

/* ---- which records ---- */

static bool is_given(const json_t *v)
{
    return v && !json_is_null(v);
}

static enum err_code read_filter(struct request *r, struct where **out,
                                 struct err *e)
{
    const json_t *where = request_value(r, "where"),
                 *document = request_value(r, "where_document");
    enum err_code code;

    if (!is_given(where) && !is_given(document))
        return ERR_NONE;
    code = where_compile_records(out, where, document, e);
    if (code == ERR_INVALID)
        err_prefix(e, slice_starts(slice_of(e->msg), "where_document")
                          ? "Invalid where document clause"
                          : "Invalid where clause");
    return code;
}

/* The numbers of the ids of the body that are there, and in `set` if there is
 * one. */
static enum err_code find_ids(struct request *r, struct source *s,
                              const struct where_set *set,
                              struct vector_ids **out, struct err *e)
{
    const json_t *list = request_value(r, "ids"), *item;
    size_t n = json_array_size(list), i, kept = 0;
    struct slice *ids = arena_calloc(r->arena, n + 1, sizeof(*ids));
    int64_t *numbers = arena_calloc(r->arena, n + 1, sizeof(*numbers));
    enum err_code code;

    if (!ids || !numbers)
        return err_set(e, ERR_TOO_LARGE, "the request is too large");
    json_array_foreach(list, i, item) ids[i] =
        (struct slice){json_string_value(item), json_string_length(item)};
    code = s->ops->find(s, ids, n, numbers, e);
    if (code != ERR_NONE)
        return code;
    for (i = 0; i < n; i++)
        if (numbers[i] &&
            (!set || vector_ids_has(where_set_ids(set), numbers[i])))
            numbers[kept++] = numbers[i];
    return vector_ids_new(out, numbers, kept, e);
}

enum err_code selection_read(struct selection *out, struct request *r,
                             struct source *s, struct err *e)
{
    struct where *w = NULL;
    enum err_code code = read_filter(r, &w, e);

    *out = (struct selection){.all = !w && !request_has(r, "ids")};
    if (code == ERR_NONE && w)
        code = s->ops->filter(s, w, &out->set, e);
    where_free(w);
    if (code == ERR_NONE && request_has(r, "ids"))
        code = find_ids(r, s, out->set, &out->ids, e);
    return code;
}

void selection_release(struct selection *s)
{
    where_set_release(s->set);
    vector_ids_free(s->ids);
}

const struct vector_ids *selection_ids(const struct selection *s)
{
    if (s->ids)
        return s->ids;
    return s->set ? where_set_ids(s->set) : NULL;
}

enum err_code selection_list(const struct selection *sel, struct source *s,
                             int64_t offset, int64_t limit, int64_t **out,
                             size_t *n, struct err *e)
{
    const struct vector_ids *ids = selection_ids(sel);
    size_t count, from;

    if (limit < 0)
        limit = INT64_MAX;
    if (sel->all)
        return s->ops->list(s, offset, limit, out, n, e);
    count = vector_ids_count(ids);
    *out = malloc((count + 1) * sizeof(**out));
    if (!*out)
        return no_memory(e);
    vector_ids_list(ids, *out);
    qsort(*out, count, sizeof(**out), num_order_i64);
    from = (uint64_t)offset < count ? (size_t)offset : count;
    *n = (uint64_t)limit < count - from ? (size_t)limit : count - from;
    for (size_t i = 0; from && i < *n; i++)
        (*out)[i] = (*out)[from + i];
    return ERR_NONE;
}

/* ---- get ---- */

static enum err_code get_from(struct request *r, struct source *s,
                              struct err *e)
{
    int64_t limit = request_has(r, "limit") ? request_int(r, "limit") : -1;
    struct selection sel = {0};
    struct columns c = {.may_stream = true};
    enum err_code code =
        include_read(&c.include, r, INCLUDE_DOCUMENTS | INCLUDE_METADATAS, e);

    if (code == ERR_NONE)
        code = selection_read(&sel, r, s, e);
    if (code == ERR_NONE)
        code = selection_list(&sel, s, request_int(r, "offset"), limit,
                              &c.numbers, &c.n, e);
    selection_release(&sel);
    if (code == ERR_NONE)
        code = columns_reply(&c, s, r, e);
    free(c.numbers);
    return code;
}

static enum err_code get_records(struct request *r, struct err *e)
{
    struct source s = {0};
    enum err_code code = source_open(&s, r, e);

    if (code == ERR_NONE)
        code = get_from(r, &s, e);
    source_close(&s);
    return code;
}

/* ---- query ---- */

struct query {
    struct request *r;
    struct source *s;
    const json_t *vectors;
    size_t n; /* queries */
    struct selection selection;
    size_t k;
    struct columns c;
};

/* One vector of the body, into out[dim]. */
static enum err_code read_vector(const struct query *q, size_t i, float *out,
                                 struct err *e)
{
    const json_t *v = json_array_get(q->vectors, i), *x;
    size_t dim = (size_t)q->s->collection.dim, k,
           first = json_array_size(json_array_get(q->vectors, 0));

    if (!json_is_array(v))
        return err_set(e, ERR_UNPROCESSABLE,
                       "query_embeddings[%zu]: must be a list of numbers", i);
    json_array_foreach(v, k, x)
    {
        if (!json_is_number(x))
            return err_set(e, ERR_UNPROCESSABLE,
                           "query_embeddings[%zu][%zu]: must be a number", i,
                           k);
        if (k < dim)
            out[k] = (float)json_number_value(x);
    }
    if (json_array_size(v) != first)
        return err_set(e, ERR_INVALID,
                       "Inconsistent dimensions in provided embeddings: "
                       "query_embeddings[%zu] has %zu, and those before it %zu",
                       i, json_array_size(v), first);
    return !dim || json_array_size(v) == dim
               ? ERR_NONE
               : err_set(e, ERR_INVALID,
                         "Collection expecting embedding with dimension of "
                         "%zu, got %zu",
                         dim, json_array_size(v));
}

static void keep(struct query *q, const struct vector_hit *hits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        q->c.numbers[q->c.n] = hits[i].id;
        q->c.distances[q->c.n++] = (float)hits[i].distance;
    }
}

/* Queries from..from+n; there is room for their vectors and hits. */
static enum err_code run_some(struct query *q, size_t from, size_t n,
                              float *vectors, struct vector_hit *hits,
                              struct err *e)
{
    const struct vector_filter filter = {.ids = selection_ids(&q->selection)};
    struct vector_query queries[TOGETHER];
    struct vector_hit *found[TOGETHER];
    size_t n_found[TOGETHER] = {0};
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < n && code == ERR_NONE; i++) {
        float *vector = vectors + i * (size_t)q->s->collection.dim;

        found[i] = hits + i * q->k;
        queries[i] =
            (struct vector_query){.vector = vector,
                                  .metric = q->s->configuration.space,
                                  .k = q->k,
                                  .filter = q->selection.all ? NULL : &filter};
        code = read_vector(q, from + i, vector, e);
    }
    if (code == ERR_NONE && q->k)
        code = q->s->ops->search(q->s, queries, n, found, n_found, e);
    for (size_t i = 0; i < n && code == ERR_NONE; i++) {
        keep(q, found[i], n_found[i]);
        q->c.ends[from + i] = q->c.n;
    }
    return code;
}

static enum err_code run_queries(struct query *q, struct err *e)
{
    size_t most = q->n < TOGETHER ? q->n : TOGETHER;
    float *vectors =
        calloc(most * (size_t)q->s->collection.dim + 1, sizeof(*vectors));
    struct vector_hit *hits = malloc((most * q->k + 1) * sizeof(*hits));
    enum err_code code = vectors && hits ? ERR_NONE : no_memory(e);

    for (size_t i = 0; i < q->n && code == ERR_NONE; i += most)
        code =
            run_some(q, i, q->n - i < most ? q->n - i : most, vectors, hits, e);
    free(vectors);
    free(hits);
    return code;
}

static enum err_code make_room(struct query *q, struct err *e)
{
    int64_t want = request_has(q->r, "n_results")
                       ? request_int(q->r, "n_results")
                       : DEFAULT_RESULTS,
            count = 0;
    enum err_code code = q->s->ops->count(q->s, &count, e);

    if (code != ERR_NONE)
        return code;
    if (want > count)
        want = count;
    if (!q->selection.all &&
        (uint64_t)want > vector_ids_count(selection_ids(&q->selection)))
        want = (int64_t)vector_ids_count(selection_ids(&q->selection));
    if (q->s->collection.dim == 0)
        want = 0;
    if (want > VECTOR_MAX_K || (uint64_t)want * q->n > MAX_RESULTS)
        return err_set(e, ERR_INVALID,
                       "n_results: at most %d for each of the queries, and %d "
                       "for all of them",
                       VECTOR_MAX_K, MAX_RESULTS);
    q->k = (size_t)want;
    q->c.numbers = calloc(q->k * q->n + 1, sizeof(*q->c.numbers));
    q->c.distances = calloc(q->k * q->n + 1, sizeof(*q->c.distances));
    q->c.ends = calloc(q->n + 1, sizeof(*q->c.ends));
    q->c.n_ends = q->n;
    return q->c.numbers && q->c.distances && q->c.ends ? ERR_NONE
                                                       : no_memory(e);
}

static enum err_code query_source(struct request *r, struct source *s,
                                  struct err *e)
{
    struct query q = {
        .r = r, .s = s, .vectors = request_value(r, "query_embeddings")};
    enum err_code code = include_read(
        &q.c.include, r,
        INCLUDE_DOCUMENTS | INCLUDE_METADATAS | INCLUDE_DISTANCES, e);

    if (code == ERR_NONE && !json_is_array(q.vectors))
        return err_set(e, ERR_UNPROCESSABLE,
                       "query_embeddings: must be a list of lists of numbers");
    q.n = json_array_size(q.vectors);
    if (code == ERR_NONE)
        code = selection_read(&q.selection, r, s, e);
    if (code == ERR_NONE)
        code = make_room(&q, e);
    if (code == ERR_NONE)
        code = run_queries(&q, e);
    if (code == ERR_NONE)
        code = columns_reply(&q.c, s, r, e);
    selection_release(&q.selection);
    free(q.c.numbers);
    free(q.c.distances);
    free(q.c.ends);
    return code;
}

static enum err_code query_records(struct request *r, struct err *e)
{
    struct source s = {0};
    enum err_code code = source_open(&s, r, e);

    if (code == ERR_NONE)
        code = query_source(r, &s, e);
    source_close(&s);
    return code;
}

/* ---- count ---- */

static enum err_code count_records(struct request *r, struct err *e)
{
    struct source s = {0};
    int64_t n = 0;
    enum err_code code = source_open(&s, r, e);

    if (code == ERR_NONE)
        code = s.ops->count(&s, &n, e);
    source_close(&s);
    if (code == ERR_NONE)
        buf_add_i64(reply_json(r, 200), n);
    return code;
}

/* ---- the table ---- */

#define COMMON_PARAMS                                                          \
    TENANT_PARAM, DATABASE_PARAM, COLLECTION_PARAM("Its id, a UUID."),         \
        {.name = "ids",                                                        \
         .in = IN_BODY,                                                        \
         .type = PARAM_LIST,                                                   \
         .max = MAX_IDS,                                                       \
         .doc = "Only these; those that are not there are passed over."},      \
        {.name = "where",                                                      \
         .in = IN_BODY,                                                        \
         .type = PARAM_ANY,                                                    \
         .doc = "Filter over metadata: $eq $ne $gt $gte $lt $lte $in $nin, "   \
                "$contains $not_contains of lists, $and $or.",                 \
         .example = "{\"year\":{\"$gte\":2020}}"},                             \
        {.name = "where_document",                                             \
         .in = IN_BODY,                                                        \
         .type = PARAM_ANY,                                                    \
         .doc = "Filter over the document: $contains $not_contains $regex "    \
                "$not_regex $and $or.",                                        \
         .example = "{\"$contains\":\"retrieval\"}"},                          \
    {                                                                          \
        .name = "include", .in = IN_BODY, .type = PARAM_LIST, .max = 100,      \
        .doc = "Which of documents, embeddings, metadatas, uris and, of a "    \
               "query, distances; not given: documents, metadatas, "           \
               "distances."                                                    \
    }

static const struct param get_params[] = {
    COMMON_PARAMS, LIMIT_PARAMS(IN_BODY), {0}};

static const struct param query_params[] = {
    COMMON_PARAMS,
    {.name = "query_embeddings",
     .in = IN_BODY,
     .type = PARAM_ANY,
     .required = true,
     .doc = "Vectors, each as long as those of the collection.",
     .example = "[[0.1,0.2]]"},
    {.name = "n_results",
     .in = IN_BODY,
     .type = PARAM_INT,
     .min = 0,
     .max = 4294967295.0,
     .doc = "Of each query, at most; not given: 10."},
    {0}};

static const char *const read_levels[] = {"index_and_wal", "index_only",
                                          "index_and_bounded_wal", NULL};
static const struct param count_params[] = {
    TENANT_PARAM,
    DATABASE_PARAM,
    COLLECTION_PARAM("Its id, a UUID."),
    {.name = "read_level",
     .in = IN_QUERY,
     .type = PARAM_ENUM,
     .choices = read_levels,
     .doc = "Taken and not looked at: what was written is always seen."},
    {0}};

const struct route chroma_read_routes[] = {
    {.method = HTTP_POST,
     .pattern = COLLECTIONS "/{collection}/get",
     .handle = get_records,
     .policy = POLICY_READ,
     .run = ON_STREAM,
     .envelope = ENVELOPE_CHROMA,
     .params = get_params,
     .max_body = MAX_BODY,
     .open_query = true,
     .open_body = true,
     .per_minute = READS_A_MINUTE,
     .tag = "Chroma",
     .summary = "Get records",
     .doc = "In the order in which they were added.",
     .schema = "ChromaRecords",
     .returns = "{\"ids\":[\"a\"],\"embeddings\":null,\"documents\":[\"A "
                "text.\"],\"uris\":null,\"metadatas\":[{\"year\":2024}],"
                "\"include\":[\"documents\",\"metadatas\"]}"},
    {.method = HTTP_POST,
     .pattern = COLLECTIONS "/{collection}/query",
     .handle = query_records,
     .policy = POLICY_READ,
     .envelope = ENVELOPE_CHROMA,
     .params = query_params,
     .max_body = MAX_BODY,
     .open_query = true,
     .open_body = true,
     .per_minute = READS_A_MINUTE,
     .tag = "Chroma",
     .summary = "Find the nearest records",
     .doc = "Exactly, by the collection's space; the nearest first, a list for "
            "each vector.",
     .schema = "ChromaNearest",
     .returns = "{\"ids\":[[\"a\"]],\"embeddings\":null,\"documents\":[[\"A "
                "text.\"]],\"uris\":null,\"metadatas\":[[null]],"
                "\"distances\":[[0.25]],\"include\":[\"distances\","
                "\"documents\",\"metadatas\"]}"},
    {.method = HTTP_GET,
     .pattern = COLLECTIONS "/{collection}/count",
     .handle = count_records,
     .policy = POLICY_READ,
     .envelope = ENVELOPE_CHROMA,
     .params = count_params,
     .open_query = true,
     .tag = "Chroma",
     .summary = "Count records",
     .schema = "Count"},
    {0}};
