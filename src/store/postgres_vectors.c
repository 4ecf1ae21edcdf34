/* postgres_vectors.c - keyword search over chunks, and vectors.
 *
 * BM25 is computed by the server, exactly, from its own full-text index: a word
 * is looked up, ts_rank() of each chunk that has it tells how often, and how
 * many there are tells how rare it is.  For with all weights 1 ts_rank() of one
 * word is (1/1 + 1/4 + ... + 1/n^2) / 1.64493406685 for a word that is there n
 * times; the sum's distance from its limit is nearly 1/(n + 1/2), which rounds
 * to n as far as a tsvector counts.  (ts_rank_cd() knows no rare words; a table
 * with a row for each word of each chunk would be larger than the vectors.)
 */
#include <stdlib.h>
#include <string.h>

#include "store/postgres_documents.h"
#include "store/postgres_text.h"

/* ---- keyword search ---- */

#define SQL_SEARCH                                                             \
    "WITH hits AS MATERIALIZED (SELECT q.n, c.id, c.n_words, c.rank"           \
    "  FROM unnest($1) WITH ORDINALITY q(word, n) CROSS JOIN LATERAL"          \
    "  (SELECT c.id, c.n_words, ts_rank('{1,1,1,1}', c.words,"                 \
    "     q.word::tsquery)::float8 AS rank FROM chunks c JOIN documents d"     \
    "   ON d.key = c.document AND d.visible"                                   \
    "   WHERE c.words @@ q.word::tsquery OFFSET 0) c),"                        \
    " rare AS (SELECT n, greatest(1e-6, ln((s.n_chunks - count(*) + 0.5)"      \
    "   / (count(*) + 0.5))::float8) AS idf FROM hits,"                        \
    "   (SELECT n_chunks FROM vector_sets WHERE id = 0) s"                     \
    "  GROUP BY n, s.n_chunks)"                                                \
    " SELECT h.id, sum(idf * 2.2 * tf / (tf + 1.2 * (0.25 + 0.75"              \
    "   * h.n_words * s.n_chunks / s.n_words))) AS score"                      \
    " FROM (SELECT id, n, n_words::float8, greatest(1, round(1 /"              \
    "   (1.6449340668482264 - rank * 1.64493406685) - 0.5)) AS tf FROM hits)"  \
    "  h JOIN rare USING (n), (SELECT greatest(1, n_chunks)::float8"           \
    "   AS n_chunks, greatest(1, n_words)::float8 AS n_words"                  \
    "   FROM vector_sets WHERE id = 0) s"                                      \
    " GROUP BY h.id ORDER BY score DESC, h.id LIMIT $2"

/* As an array of one tsquery for each word; how many. */
static size_t word_queries(struct buf *out, struct slice text)
{
    struct slice words[DOCUMENT_MAX_WORDS];
    size_t n = document_words(text, words), used = 0;

    pg_array_init(out, PG_TEXT);
    for (size_t i = 0; i < n; i++) {
        struct search_query q = {.terms = {{.text = words[i]}}, .n = 1};
        struct buf one;

        buf_init(&one, 4096);
        pg_text_query(&one, &q, SLICE_NONE);
        if (one.len && buf_ok(&one)) {
            pg_array_text(out, buf_slice(&one));
            used++;
        }
        buf_release(&one);
    }
    return used;
}

enum err_code postgres_word_matches(struct store *s, struct arena *a,
                                    const char *sql, struct slice text, int k,
                                    bool (*keep)(void *ctx, int64_t id),
                                    void *ctx, struct word_match **out,
                                    size_t *n, struct err *e)
{
    struct pg_args args = {0};
    struct buf words;
    PGresult *r = NULL;
    enum err_code code = ERR_NONE;
    int rows = 0;

    *n = 0;
    *out = arena_calloc(a, (size_t)k + 1, sizeof(**out));
    if (!*out)
        return err_set(e, ERR_TOO_LARGE, "the answer is too large");
    if (word_queries(&words, text) && k) {
        pg_arg_array(&args, PG_TEXT_ARRAY, &words);
        pg_arg_i64(&args, keep ? INT64_MAX : k);
        code = postgres_query(s, &r, sql, &args, e);
        rows = code == ERR_NONE ? postgres_lib.PQntuples(r) : 0;
    }
    buf_release(&words);
    for (int i = 0; i < rows && *n < (size_t)k; i++) {
        struct word_match m = {pg_i64(r, i, 0), pg_f64(r, i, 1)};

        if (!keep || keep(ctx, m.id))
            (*out)[(*n)++] = m;
    }
    if (code == ERR_NONE && r)
        postgres_lib.PQclear(r);
    return code;
}

enum err_code postgres_chunks_search(struct store *s, struct arena *a,
                                     struct slice text, int k,
                                     bool (*keep)(void *ctx, int64_t chunk_id),
                                     void *ctx, struct word_match **out,
                                     size_t *n, struct err *e)
{
    return postgres_word_matches(s, a, SQL_SEARCH, text, k, keep, ctx, out, n,
                                 e);
}

/* ---- sets ---- */

enum err_code postgres_vectors_generation(struct store *s, enum vector_set set,
                                          uint64_t *out, struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&args, set);
    code = postgres_query(
        s, &r, "SELECT generation FROM vector_sets WHERE id = $1", &args, e);
    if (code != ERR_NONE)
        return code;
    *out = (uint64_t)pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

enum err_code postgres_vectors_model(struct store *s, enum vector_set set,
                                     struct model_id *out, bool *known,
                                     struct err *e)
{
    struct pg_args args = {0};
    struct slice model;
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&args, set);
    code = postgres_query(s, &r, "SELECT model FROM vector_sets WHERE id = $1",
                          &args, e);
    if (code != ERR_NONE)
        return code;
    model = pg_slice(r, 0, 0);
    *known = model.len == sizeof(out->fingerprint);
    if (*known)
        memcpy(out->fingerprint, model.p, model.len);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

enum err_code postgres_vectors_model_set(struct store *s, enum vector_set set,
                                         const struct model_id *m,
                                         struct err *e)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, set);
    pg_arg_bytes(&args, m->fingerprint, sizeof(m->fingerprint));
    return postgres_query(
        s, NULL, "UPDATE vector_sets SET model = $2 WHERE id = $1", &args, e);
}

/* Numbers in column `col` of r, malloc'ed; NULL: out of memory. */
static int64_t *numbers(const PGresult *r, int col, size_t *n)
{
    int64_t *p;

    *n = (size_t)postgres_lib.PQntuples(r);
    p = malloc((*n + 1) * sizeof(*p));
    for (size_t i = 0; i < *n && p; i++)
        p[i] = pg_i64(r, (int)i, col);
    return p;
}

/* The numbers that a statement without arguments gives, malloc'ed. */
static enum err_code list_ids(struct store *s, const char *sql, int64_t **out,
                              size_t *n, struct err *e)
{
    PGresult *r;
    enum err_code code = postgres_query(s, &r, sql, NULL, e);
    int64_t *p;

    if (code != ERR_NONE)
        return code;
    p = numbers(r, 0, n);
    postgres_lib.PQclear(r);
    if (!p)
        return err_set(e, ERR_INTERNAL, "out of memory");
    *out = p;
    return ERR_NONE;
}

enum err_code postgres_vectors_present(struct store *s, enum vector_set set,
                                       int64_t **out, size_t *n, struct err *e)
{
    return list_ids(
        s,
        set == VECTORS_CHUNKS
            ? "SELECT key FROM documents WHERE visible ORDER BY key"
            : "SELECT paper_id FROM paper_vectors ORDER BY paper_id",
        out, n, e);
}

enum err_code postgres_papers_waiting(struct store *s, int64_t **out, size_t *n,
                                      struct err *e)
{
    return list_ids(s, "SELECT paper_id FROM papers_unembedded ORDER BY 1", out,
                    n, e);
}

enum err_code postgres_present_count(struct store *s, enum vector_set set,
                                     int64_t *out, struct err *e)
{
    PGresult *r;
    enum err_code code = postgres_query(
        s, &r,
        set == VECTORS_CHUNKS ? "SELECT count(*) FROM documents WHERE visible"
                              : "SELECT count(*) FROM paper_vectors",
        NULL, e);

    if (code != ERR_NONE)
        return code;
    *out = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

/* ---- each chunk ---- */

static void read_chunk_vector(struct pg_row *w, void *element)
{
    struct chunk_vector *v = element;

    v->chunk_id = pg_row_i64(w);
    v->document_key = pg_row_i64(w);
    v->index = pg_row_i64(w);
    v->start_char = pg_row_i64(w);
    v->end_char = pg_row_i64(w);
    v->page = pg_row_i64(w);
    v->tokens = pg_row_i64(w);
    v->metadata = pg_row_text(w);
}

static void read_whole_chunk_vector(struct pg_row *w, void *element)
{
    struct chunk_vector *v = element;

    read_chunk_vector(w, v);
    v->vector = vector_form_row(w);
}

struct chunk_visitor {
    struct store *s;
    enum err_code (*each)(void *ctx, const struct chunk_vector *v,
                          struct err *e);
    void *ctx;
    const struct model_id *model; /* or NULL */
    struct arena *a;
};

#define CHUNK_NUMBERS                                                          \
    "SELECT c.id, c.document, c.idx, c.start_char, c.end_char, c.page,"        \
    " c.tokens, c.metadata"
#define OF_DOCUMENTS                                                           \
    " WHERE c.document = ANY($1) AND c.idx >= $2 AND c.idx < $3"
#define IN_ORDER " ORDER BY c.document, c.idx"

/* Chunks from..from + BATCH - 1 of n documents. */
static enum err_code visit(struct chunk_visitor *w, const int64_t *keys,
                           size_t n, int64_t from, struct err *e)
{
    struct pg_args args = {0};
    struct chunk_vector *v;
    struct buf list;
    size_t rows = 0;
    enum err_code code;

    pg_array_init(&list, PG_INT8);
    for (size_t i = 0; i < n; i++)
        pg_array_i64(&list, keys[i]);
    pg_arg_array(&args, PG_INT8_ARRAY, &list);
    pg_arg_i64(&args, from);
    pg_arg_i64(&args, from + BATCH);
    if (w->model)
        pg_arg_i64(&args, document_model(w->model));
    arena_reset(w->a);
    code = postgres_select(
        w->s, w->a,
        &(struct pg_select){
            .sql = w->model ? CHUNK_NUMBERS
                       ", v.vector FROM chunks c"
                       " LEFT JOIN chunk_vectors v ON v.chunk = c.id"
                       "  AND v.model = $4" OF_DOCUMENTS IN_ORDER
                            : CHUNK_NUMBERS
                       " FROM chunks c" OF_DOCUMENTS IN_ORDER,
            .args = &args,
            .size = sizeof(*v),
            .read = w->model ? read_whole_chunk_vector : read_chunk_vector},
        &v, &rows, NULL, e);
    buf_release(&list);
    for (size_t i = 0; i < rows && code == ERR_NONE; i++)
        code = w->each(w->ctx, &v[i], e);
    return code;
}

/* Many small documents at once, a large one in parts. */
static enum err_code visit_all(struct chunk_visitor *w, const int64_t *keys,
                               const int64_t *sizes, size_t n, struct err *e)
{
    enum err_code code = ERR_NONE;
    size_t next;

    for (size_t i = 0; i < n && code == ERR_NONE; i = next) {
        int64_t sum = sizes[i];

        for (next = i + 1; next < n && sum + sizes[next] <= BATCH; next++)
            sum += sizes[next];
        for (int64_t from = 0; from < sum && code == ERR_NONE; from += BATCH)
            code = visit(w, keys + i, next - i, from, e);
    }
    return code;
}

enum err_code postgres_chunks_each(
    struct store *s, const struct model_id *m, uint64_t since,
    enum err_code (*each)(void *ctx, const struct chunk_vector *v,
                          struct err *e),
    void *ctx, uint64_t *generation, struct err *e)
{
    struct chunk_visitor w = {s, each, ctx, m, NULL};
    struct pg_args args = {0};
    int64_t *keys, *sizes;
    PGresult *r;
    size_t n;
    enum err_code code =
        postgres_vectors_generation(s, VECTORS_CHUNKS, generation, e);

    pg_arg_i64(&args, (int64_t)since);
    if (code == ERR_NONE)
        code = postgres_query(s, &r,
                              "SELECT key, total_chunks FROM documents"
                              " WHERE visible AND generation > $1 ORDER BY key",
                              &args, e);
    if (code != ERR_NONE)
        return code;
    keys = numbers(r, 0, &n);
    sizes = numbers(r, 1, &n);
    postgres_lib.PQclear(r);
    w.a = arena_new(BATCH_BYTES);
    code = keys && sizes && w.a ? visit_all(&w, keys, sizes, n, e)
                                : err_set(e, ERR_INTERNAL, "out of memory");
    arena_free(w.a);
    free(sizes);
    free(keys);
    return code;
}

/* ---- texts that have a vector ---- */

enum err_code postgres_vectors_cached(struct store *s, const struct model_id *m,
                                      const uint8_t (*sha256)[32], size_t n,
                                      float *out, bool *found, struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    if (n == 0)
        return ERR_NONE;
    pg_arg_bytes(&args, sha256, n * sizeof(*sha256));
    pg_arg_i64(&args, document_model(m));
    pg_arg_i64(&args, (int64_t)n);
    code = postgres_query(
        s, &r,
        "SELECT (SELECT v.vector FROM chunks c"
        "  JOIN chunk_vectors v ON v.chunk = c.id AND v.model = $2 WHERE"
        "  c.sha256 = substring($1 FROM (i * 32 + 1)::int FOR 32) LIMIT 1)"
        " FROM generate_series(0, $3 - 1) i ORDER BY i",
        &args, e);
    if (code != ERR_NONE)
        return code;
    for (size_t i = 0; i < n; i++)
        found[i] = vector_form_read(pg_slice(r, (int)i, 0),
                                    out + i * STORE_VECTOR_DIM);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

/* ---- another model ---- */

static void read_chunk_text(struct pg_row *w, void *element)
{
    struct chunk_text *t = element;

    t->id = pg_row_i64(w);
    t->text = pg_row_text(w);
}

enum err_code postgres_chunks_unembedded(struct store *s, struct arena *a,
                                         const struct model_id *m,
                                         int64_t after_id, int limit,
                                         struct chunk_text **out, size_t *n,
                                         struct err *e)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, document_model(m));
    pg_arg_i64(&args, after_id);
    pg_arg_i64(&args, limit);
    return postgres_select(
        s, a,
        &(struct pg_select){
            .sql = "SELECT c.id, substring(x.text FROM (c.start_byte + 1)::int"
                   " FOR (c.end_byte - c.start_byte)::int)"
                   " FROM chunk_vectors v JOIN chunks c ON c.id = v.chunk"
                   " JOIN documents d ON d.key = c.document AND d.visible"
                   " JOIN document_texts x ON x.document = c.document"
                   " WHERE (v.model < $1 OR v.model > $1) AND v.chunk > $2"
                   " ORDER BY v.chunk LIMIT $3",
            .args = &args,
            .size = sizeof(**out),
            .read = read_chunk_text},
        out, n, NULL, e);
}

struct putting {
    int64_t model;
    const struct vector_form *form;
    const int64_t *ids;
    const float *vectors;
    size_t n;
};

static enum err_code do_put_chunks(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct putting *p = ctx;
    struct pg_args args = {0}, touched = {0};
    struct buf ids, vectors;

    (void)e;
    pg_array_init(&ids, PG_INT8);
    pg_array_init(&vectors, p->form->type);
    for (size_t i = 0; i < p->n; i++) {
        pg_array_i64(&ids, p->ids[i]);
        vector_form_add(&vectors, p->form, p->vectors + i * STORE_VECTOR_DIM);
    }
    postgres_vectors_touch(c, VECTORS_CHUNKS);
    pg_arg_i64(&args, p->model);
    pg_arg_array(&args, PG_INT8_ARRAY, &ids);
    pg_arg_array(&args, p->form->array, &vectors);
    pg_do(c,
          "UPDATE chunk_vectors v SET model = $1, vector = o.vector"
          " FROM unnest($2, $3) o(chunk, vector) WHERE v.chunk = o.chunk",
          &args);
    pg_arg_array(&touched, PG_INT8_ARRAY, &ids);
    pg_do(c,
          "UPDATE documents SET generation = (SELECT generation FROM"
          " vector_sets WHERE id = 0) WHERE visible AND key IN"
          " (SELECT document FROM chunk_vectors WHERE chunk = ANY($1))",
          &touched);
    buf_release(&vectors);
    buf_release(&ids);
    return ERR_NONE;
}

enum err_code postgres_chunk_vectors_put(struct store *s,
                                         const struct model_id *m,
                                         const int64_t *ids,
                                         const float *vectors, size_t n,
                                         struct err *e)
{
    struct putting p = {document_model(m), &postgres_of(s)->vectors, ids,
                        vectors, n};

    return n ? postgres_transact(s, do_put_chunks, &p, e) : ERR_NONE;
}
