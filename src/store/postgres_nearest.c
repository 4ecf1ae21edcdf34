/* postgres_nearest.c - the nearest vectors, found by pgvector.
 *
 * The server reads all vectors of the set and sorts: exact under any filter,
 * about 2 us a vector.  (An index of pgvector's, HNSW or IVFFlat, is
 * approximate, and with a filter it may return too few.)
 *
 * Unlike all other statements these are planned each time, by what they are
 * asked for: few ids are looked up, for many the table is read in its order.
 *
 * pgvector's cosine distance to a vector of length zero is not a number.
 */
#include <stdio.h>

#include "store/postgres_documents.h"

/* $1 is the vector; between the two is the extension's schema. */
static const struct {
    const char *before, *behind;
} distances[] = {
    [DISTANCE_COSINE] = {"coalesce(nullif(v.vector OPERATOR(",
                         ".<=>) $1, 'NaN'), 1)"},
    [DISTANCE_IP] = {"1 + (v.vector OPERATOR(", ".<#>) $1)"},
    [DISTANCE_L2] = {"", ".vector_l2_squared_distance(v.vector, $1)"},
};

#define VISIBLE_CHUNKS                                                         \
    "chunk_vectors v JOIN documents d ON d.key = v.document AND d.visible"

static void write_sql(char *out, size_t size, const struct vector_search *q,
                      const char *schema)
{
    bool chunks = q->set == VECTORS_CHUNKS;
    const char *key = chunks ? "v.chunk" : "v.paper_id";

    snprintf(out, size,
             "SELECT %s AS id, %s%s%s AS distance FROM %s"
             " WHERE v.model = $2%s%s%s ORDER BY distance, id LIMIT $3",
             key, distances[q->distance].before, schema,
             distances[q->distance].behind,
             chunks ? VISIBLE_CHUNKS : "paper_vectors v", q->ids ? " AND " : "",
             q->ids ? key : "", q->ids ? " = ANY($4)" : "");
}

static void read_match(struct pg_row *w, void *element)
{
    struct vector_match *m = element;

    m->id = pg_row_i64(w);
    m->distance = pg_row_f64(w);
}

static enum err_code ask(struct pg_conn *c, const char *sql,
                         const struct pg_args *args, PGresult **out,
                         struct err *e)
{
    pg_do(c, "BEGIN READ ONLY", NULL);
    pg_do(c,
          "SELECT set_config('enable_seqscan', 'on', true),"
          " set_config('enable_sort', 'on', true),"
          " set_config('plan_cache_mode', 'force_custom_plan', true)",
          NULL);
    pg_ask(c, sql, args);
    pg_do(c, "COMMIT", NULL);
    return pg_run(c, out, e);
}

enum err_code postgres_vectors_nearest(struct store *s, struct arena *a,
                                       const struct vector_search *q,
                                       struct vector_match **out, size_t *n,
                                       struct err *e)
{
    struct postgres *p = postgres_of(s);
    struct pg_args args = {0};
    struct buf vector, ids;
    char sql[1000];
    struct pg_conn *c;
    PGresult *r = NULL;
    enum err_code code;

    if (!s->finds_vectors)
        return document_no_nearest(e);
    code = postgres_take(p, &c, e);
    if (code != ERR_NONE)
        return code;
    write_sql(sql, sizeof(sql), q, p->vectors.schema);
    vector_form_arg(&args, &vector, &p->vectors, q->vector);
    pg_arg_i64(&args, document_model(&q->model));
    pg_arg_i64(&args, q->k);
    pg_array_init(&ids, PG_INT8);
    for (size_t i = 0; q->ids && i < q->n_ids; i++)
        pg_array_i64(&ids, q->ids[i]);
    if (q->ids)
        pg_arg_array(&args, PG_INT8_ARRAY, &ids);
    code = ask(c, sql, &args, &r, e);
    if (code == ERR_NONE)
        code = postgres_read_rows(
            r, a,
            &(struct pg_select){.size = sizeof(**out), .read = read_match}, out,
            n, e);
    buf_release(&ids);
    buf_release(&vector);
    postgres_give(p, c);
    return code;
}

enum err_code postgres_vector_get(struct store *s, enum vector_set set,
                                  const struct model_id *m, int64_t id,
                                  float *out, struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    bool found;
    enum err_code code;

    pg_arg_i64(&args, id);
    pg_arg_i64(&args, document_model(m));
    code = postgres_query(s, &r,
                          set == VECTORS_CHUNKS
                              ? "SELECT v.vector FROM " VISIBLE_CHUNKS
                                " WHERE v.chunk = $1 AND v.model = $2"
                              : "SELECT vector FROM paper_vectors"
                                " WHERE paper_id = $1 AND model = $2",
                          &args, e);
    if (code != ERR_NONE)
        return code;
    found = postgres_lib.PQntuples(r) == 1 &&
            vector_form_read(pg_slice(r, 0, 0), out);
    postgres_lib.PQclear(r);
    return found ? ERR_NONE : document_no_vector(id, e);
}

enum err_code postgres_vectors_count(struct store *s, enum vector_set set,
                                     const struct model_id *m,
                                     struct vector_count *out, struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&args, document_model(m));
    code = postgres_query(
        s, &r,
        set == VECTORS_CHUNKS
            ? "SELECT (SELECT n_chunks FROM vector_sets WHERE id = 0),"
              " (SELECT count(*) FROM " VISIBLE_CHUNKS
              "  WHERE v.model < $1 OR v.model > $1)"
            : "SELECT (SELECT count(*) FROM paper_vectors),"
              " (SELECT count(*) FROM paper_vectors"
              "  WHERE model < $1 OR model > $1)",
        &args, e);
    if (code != ERR_NONE)
        return code;
    *out = (struct vector_count){pg_i64(r, 0, 0), pg_i64(r, 0, 1)};
    postgres_lib.PQclear(r);
    return ERR_NONE;
}
