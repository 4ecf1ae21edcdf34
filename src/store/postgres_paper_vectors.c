/* postgres_paper_vectors.c - vectors of papers.
 *
 * What waits for one is in papers_unembedded, which triggers keep
 * (postgres_migrations.c).
 */
#include <string.h>

#include "store/postgres_documents.h"

struct putting {
    int64_t model;
    const struct paper_vector *papers;
    size_t n;
    const struct vector_form *form;
};

static void read_paper_text(struct pg_row *w, void *element)
{
    struct paper_text *t = element;
    struct slice title, abstract;
    struct buf buf;

    t->id = pg_row_i64(w);
    title = pg_slice(w->r, w->row, w->col++);
    abstract = pg_slice(w->r, w->row, w->col++);
    buf_init(&buf, STORE_MAX_DOCUMENT);
    document_paper_text(&buf, title, abstract, t->sha256);
    t->text = arena_slice(w->a, buf_slice(&buf));
    w->full |= !t->text.p;
    buf_release(&buf);
}

enum err_code postgres_papers_unembedded(struct store *s, struct arena *a,
                                         const struct model_id *m, int limit,
                                         struct paper_text **out, size_t *n,
                                         struct err *e)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, document_model(m));
    pg_arg_i64(&args, limit);
    return postgres_select(
        s, a,
        &(struct pg_select){
            .sql = "SELECT p.id, p.title, p.abstract FROM (SELECT paper_id AS"
                   " id FROM papers_unembedded UNION SELECT paper_id"
                   " FROM paper_vectors WHERE model < $1 OR model > $1"
                   " ORDER BY 1 LIMIT $2) o JOIN papers p ON p.id = o.id"
                   " ORDER BY p.id",
            .args = &args,
            .size = sizeof(**out),
            .read = read_paper_text},
        out, n, NULL, e);
}

/* Their texts, and no change of them until the transaction ends. */
static enum err_code ask_papers(struct pg_conn *c, const struct putting *p,
                                PGresult **out, struct err *e)
{
    struct pg_args args = {0};
    struct buf ids;
    enum err_code code;

    pg_array_init(&ids, PG_INT8);
    for (size_t i = 0; i < p->n; i++)
        pg_array_i64(&ids, p->papers[i].id);
    pg_arg_array(&args, PG_INT8_ARRAY, &ids);
    code = postgres_ask(c, out,
                        "SELECT p.id, p.title, p.abstract FROM papers p"
                        " WHERE p.id = ANY($1) AND p.deleted_at = 0"
                        " ORDER BY p.id FOR SHARE",
                        &args, e);
    buf_release(&ids);
    return code;
}

static bool is_current(const struct paper_vector *v, const PGresult *texts)
{
    for (int i = 0; i < postgres_lib.PQntuples(texts); i++) {
        uint8_t sha256[32];
        struct buf buf;

        if (pg_i64(texts, i, 0) != v->id)
            continue;
        buf_init(&buf, STORE_MAX_DOCUMENT);
        document_paper_text(&buf, pg_slice(texts, i, 1), pg_slice(texts, i, 2),
                            sha256);
        buf_release(&buf);
        return memcmp(sha256, v->sha256, sizeof(sha256)) == 0;
    }
    return false;
}

/* The last of those with the same id counts, and only if its text is current.
 */
static bool is_put(const struct putting *p, size_t i, const PGresult *texts)
{
    for (size_t k = i + 1; k < p->n; k++)
        if (p->papers[k].id == p->papers[i].id)
            return false;
    return is_current(&p->papers[i], texts);
}

static enum err_code do_put_papers(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct putting *p = ctx;
    struct pg_args put = {0}, done = {0};
    struct buf ids, sha256, vectors;
    PGresult *texts;
    enum err_code code = ask_papers(c, p, &texts, e);

    if (code != ERR_NONE)
        return code;
    pg_array_init(&ids, PG_INT8);
    pg_array_init(&sha256, PG_BYTEA);
    pg_array_init(&vectors, p->form->type);
    for (size_t i = 0; i < p->n; i++) {
        const struct paper_vector *v = &p->papers[i];

        if (!is_put(p, i, texts))
            continue;
        pg_array_i64(&ids, v->id);
        pg_array_bytes(&sha256, v->sha256, sizeof(v->sha256));
        vector_form_add(&vectors, p->form, v->vector);
    }
    postgres_lib.PQclear(texts);
    postgres_vectors_touch(c, VECTORS_PAPERS);
    pg_arg_i64(&put, p->model);
    pg_arg_array(&put, PG_INT8_ARRAY, &ids);
    pg_arg_array(&put, PG_BYTEA_ARRAY, &sha256);
    pg_arg_array(&put, p->form->array, &vectors);
    pg_do(c,
          "INSERT INTO paper_vectors(paper_id, model, generation, sha256,"
          " vector) SELECT o.id, $1, s.generation, o.sha256, o.vector"
          " FROM unnest($2, $3, $4) o(id, sha256, vector), vector_sets s"
          " WHERE s.id = 1 ON CONFLICT (paper_id) DO UPDATE SET"
          " model = excluded.model, generation = excluded.generation,"
          " sha256 = excluded.sha256, vector = excluded.vector",
          &put);
    pg_arg_array(&done, PG_INT8_ARRAY, &ids);
    pg_do(c, "DELETE FROM papers_unembedded WHERE paper_id = ANY($1)", &done);
    buf_release(&vectors);
    buf_release(&sha256);
    buf_release(&ids);
    return ERR_NONE;
}

enum err_code postgres_paper_vectors_put(struct store *s,
                                         const struct model_id *m,
                                         const struct paper_vector *v, size_t n,
                                         struct err *e)
{
    struct putting p = {document_model(m), v, n, &postgres_of(s)->vectors};

    return postgres_transact(s, do_put_papers, &p, e);
}

/* A row of the walk in the order of (generation, paper). */
struct paper_row {
    struct paper_vector v;
    int64_t generation;
};

static void read_paper_vector(struct pg_row *w, void *element)
{
    struct paper_row *p = element;
    struct slice sha256;

    p->generation = pg_row_i64(w);
    p->v.id = pg_row_i64(w);
    sha256 = pg_slice(w->r, w->row, w->col++);
    if (sha256.len == sizeof(p->v.sha256))
        memcpy(p->v.sha256, sha256.p, sha256.len);
    p->v.vector = vector_form_row(w);
}

static enum err_code read_papers(struct store *s, struct arena *a,
                                 const struct model_id *m, int64_t generation,
                                 int64_t id, struct paper_row **out, size_t *n,
                                 struct err *e)
{
    struct pg_args args = {0};

    pg_arg_bool(&args, m != NULL);
    pg_arg_i64(&args, m ? document_model(m) : 0);
    pg_arg_i64(&args, generation);
    pg_arg_i64(&args, id);
    pg_arg_i64(&args, BATCH);
    return postgres_select(
        s, a,
        &(struct pg_select){.sql = "SELECT generation, paper_id, sha256,"
                                   " CASE WHEN $1 AND model = $2 THEN vector"
                                   " END FROM paper_vectors"
                                   " WHERE (generation, paper_id) > ($3, $4)"
                                   " ORDER BY generation, paper_id LIMIT $5",
                            .args = &args,
                            .size = sizeof(**out),
                            .read = read_paper_vector},
        out, n, NULL, e);
}

enum err_code postgres_paper_vectors_each(
    struct store *s, const struct model_id *m, uint64_t since,
    enum err_code (*each)(void *ctx, const struct paper_vector *v,
                          struct err *e),
    void *ctx, uint64_t *generation, struct err *e)
{
    struct arena *a = arena_new(BATCH_BYTES);
    int64_t at = (int64_t)since, id = INT64_MAX;
    size_t n = BATCH;
    enum err_code code =
        a ? postgres_vectors_generation(s, VECTORS_PAPERS, generation, e)
          : err_set(e, ERR_INTERNAL, "out of memory");

    while (n == BATCH && code == ERR_NONE) {
        struct paper_row *p;

        arena_reset(a);
        code = read_papers(s, a, m, at, id, &p, &n, e);
        for (size_t i = 0; code == ERR_NONE && i < n; i++) {
            at = p[i].generation;
            id = p[i].v.id;
            code = each(ctx, &p[i].v, e);
        }
    }
    arena_free(a);
    return code;
}
