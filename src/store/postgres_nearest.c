/* postgres_nearest.c - the nearest vectors, found by pgvector.
 *
 * The server reads all vectors of the set and sorts: exact under any filter,
 * about 2 us a vector.  A large set has an approximate index too
 * (postgres_hnsw.c), which answers what has no filter; should it give fewer
 * than k, they are looked for exactly after all.  Whether it is there is learnt
 * with each search, for the next one: if it is not any more, the statement made
 * for it reads all, too.
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

static const char *source_of(enum vector_set set)
{
    return set == VECTORS_CHUNKS ? VISIBLE_CHUNKS : "paper_vectors v";
}

static void write_exact(char *out, size_t size, const struct vector_search *q,
                        const char *schema)
{
    const char *key = q->set == VECTORS_CHUNKS ? "v.chunk" : "v.paper_id";

    snprintf(out, size,
             "SELECT %s AS id, %s%s%s AS distance FROM %s"
             " WHERE v.model = $2%s%s%s ORDER BY distance, id LIMIT $3",
             key, distances[q->distance].before, schema,
             distances[q->distance].behind, source_of(q->set),
             q->ids ? " AND " : "", q->ids ? key : "",
             q->ids ? " = ANY($4)" : "");
}

/* The index serves this form of ORDER BY alone. */
static void write_approximate(char *out, size_t size,
                              const struct vector_search *q, const char *schema)
{
    snprintf(out, size,
             "SELECT id, coalesce(nullif(d, 'NaN'), 1) AS distance FROM"
             " (SELECT %s AS id, v.vector OPERATOR(%s.<=>) $1 AS d FROM %s"
             "  WHERE v.model = $2"
             "  ORDER BY v.vector OPERATOR(%s.<=>) $1 LIMIT $3) n"
             " ORDER BY distance, id",
             q->set == VECTORS_CHUNKS ? "v.chunk" : "v.paper_id", schema,
             source_of(q->set), schema);
}

static void read_match(struct pg_row *w, void *element)
{
    struct vector_match *m = element;

    m->id = pg_row_i64(w);
    m->distance = pg_row_f64(w);
}

/* Vectors that the graph compares at least: decision 0019 has what fewer would
 * miss. */
#define EF_SEARCH "200"

static const char settings[] =
    "SELECT set_config('enable_seqscan', 'on', true),"
    " set_config('enable_sort', 'on', true),"
    " set_config('plan_cache_mode', 'force_custom_plan', true)";
static const char settings_of_index[] =
    "SELECT set_config('hnsw.ef_search', '" EF_SEARCH "', true),"
    " set_config('hnsw.iterative_scan', 'strict_order', true),"
    " set_config('plan_cache_mode', 'force_custom_plan', true)";

/* One search in a transaction of its own; *indexed: is there an index? */
static enum err_code ask(struct pg_conn *c, bool approximately,
                         const struct vector_search *q, const char *sql,
                         const struct pg_args *args, bool *indexed,
                         PGresult **out, struct err *e)
{
    PGresult *has;
    enum err_code code;

    pg_do(c, "BEGIN READ ONLY", NULL);
    pg_do(c, approximately ? settings_of_index : settings, NULL);
    postgres_ask_index(c, q->set);
    pg_ask(c, sql, args);
    pg_do(c, "COMMIT", NULL);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &has, e);
    if (code != ERR_NONE)
        return code;
    *indexed = pg_bool(has, 0, 0);
    postgres_lib.PQclear(has);
    return pg_run(c, out, e);
}

static enum err_code search(struct postgres *p, struct pg_conn *c,
                            bool approximately, const struct vector_search *q,
                            PGresult **out, struct err *e)
{
    struct pg_args args = {0};
    struct buf vector, ids;
    char sql[1000];
    bool indexed = false;
    enum err_code code;

    if (approximately)
        write_approximate(sql, sizeof(sql), q, p->vectors.schema);
    else
        write_exact(sql, sizeof(sql), q, p->vectors.schema);
    vector_form_arg(&args, &vector, &p->vectors, q->vector);
    pg_arg_i64(&args, document_model(&q->model));
    pg_arg_i64(&args, q->k);
    pg_array_init(&ids, PG_INT8);
    for (size_t i = 0; q->ids && i < q->n_ids; i++)
        pg_array_i64(&ids, q->ids[i]);
    if (q->ids)
        pg_arg_array(&args, PG_INT8_ARRAY, &ids);
    code = ask(c, approximately, q, sql, &args, &indexed, out, e);
    buf_release(&ids);
    buf_release(&vector);
    if (code == ERR_NONE)
        atomic_store(&p->indexed[q->set], indexed);
    return code;
}

enum err_code postgres_vectors_nearest(struct store *s, struct arena *a,
                                       const struct vector_search *q,
                                       struct vector_match **out, size_t *n,
                                       struct err *e)
{
    struct postgres *p = postgres_of(s);
    struct pg_conn *c;
    PGresult *r = NULL;
    bool approximately;
    enum err_code code;

    if (!s->finds_vectors)
        return document_no_nearest(e);
    code = postgres_take(p, &c, e);
    if (code != ERR_NONE)
        return code;
    approximately = s->makes_index && !q->ids &&
                    q->distance == DISTANCE_COSINE &&
                    atomic_load(&p->indexed[q->set]);
    code = search(p, c, approximately, q, &r, e);
    if (code == ERR_NONE && approximately && postgres_lib.PQntuples(r) < q->k) {
        postgres_lib.PQclear(r);
        approximately = false;
        code = search(p, c, approximately, q, &r, e);
    }
    if (code == ERR_NONE) {
        atomic_fetch_add(approximately ? &p->n_approximate : &p->n_exact, 1);
        code = postgres_read_rows(
            r, a,
            &(struct pg_select){.size = sizeof(**out), .read = read_match}, out,
            n, e);
    }
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
