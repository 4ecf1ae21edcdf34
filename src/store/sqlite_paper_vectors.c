/* sqlite_paper_vectors.c - vectors of papers.
 *
 * What waits for one is in papers_unembedded, which triggers keep
 * (sqlite_migrations.c).
 */
#include <string.h>

#include "store/sqlite_documents.h"

struct putting {
    int64_t model;
    const struct paper_vector *papers;
    size_t n;
};

/* Into the arena; q is at id, title, abstract. */
static void read_paper_text(struct query *q, struct arena *a, struct buf *buf,
                            struct paper_text *t)
{
    struct slice title, abstract;

    t->id = q_get_int(q);
    title = q_peek_text(q);
    abstract = q_peek_text(q);
    document_paper_text(buf, title, abstract, t->sha256);
    t->text = arena_slice(a, buf_slice(buf));
    if (!t->text.p)
        q->no_memory = true;
}

enum err_code sqlite_papers_unembedded(struct store *base, struct arena *a,
                                       const struct model_id *m, int limit,
                                       struct paper_text **out, size_t *n,
                                       struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct paper_text)};
    struct buf buf;
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    buf_init(&buf, STORE_MAX_DOCUMENT);
    q_start(&q, c,
            "SELECT p.id, p.title, p.abstract FROM (SELECT paper_id AS id"
            "  FROM papers_unembedded"
            "  UNION SELECT paper_id FROM paper_vectors WHERE model < ?1"
            "  UNION SELECT paper_id FROM paper_vectors WHERE model > ?1"
            "  ORDER BY 1 LIMIT ?2) o JOIN papers p ON p.id = o.id"
            " ORDER BY p.id");
    q_int(&q, document_model(m));
    q_int(&q, limit);
    while (q_next(&q)) {
        struct paper_text *t = rows_add(&rows);

        if (t)
            read_paper_text(&q, a, &buf, t);
        else
            q.no_memory = true;
    }
    code = q_end(&q, e);
    buf_release(&buf);
    db_put(s, c);
    *out = (struct paper_text *)(void *)rows.p;
    *n = rows.n;
    return code;
}

/* Is it still the text the vector was made from? */
static enum err_code is_current(struct db *c, const struct paper_vector *v,
                                struct buf *buf, bool *current, struct err *e)
{
    uint8_t sha256[32];
    struct query q;

    *current = false;
    q_start(&q, c,
            "SELECT title, abstract FROM papers"
            " WHERE id = ? AND deleted_at = 0");
    q_int(&q, v->id);
    if (q_next(&q)) {
        struct slice title = q_peek_text(&q), abstract = q_peek_text(&q);

        document_paper_text(buf, title, abstract, sha256);
        *current = memcmp(sha256, v->sha256, sizeof(sha256)) == 0;
    }
    return q_end(&q, e);
}

static enum err_code put_paper_vector(struct db *c, int64_t model,
                                      int64_t generation,
                                      const struct paper_vector *v,
                                      struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "INSERT OR REPLACE INTO paper_vectors(paper_id, model, generation,"
            " sha256, vector) VALUES (?, ?, ?, ?, ?)");
    q_int(&q, v->id);
    q_int(&q, model);
    q_int(&q, generation);
    q_blob(&q, v->sha256, sizeof(v->sha256));
    q_blob(&q, v->vector, VECTOR_BYTES);
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "DELETE FROM papers_unembedded WHERE paper_id = ?");
    q_int(&q, v->id);
    return q_run(&q, NULL, e);
}

static enum err_code do_put_papers(struct sqlite_store *s, struct db *c,
                                   void *ctx, struct err *e)
{
    const struct putting *p = ctx;
    int64_t generation = 0;
    struct buf buf;
    enum err_code code = vectors_touch(c, VECTORS_PAPERS, &generation, e);

    (void)s;
    buf_init(&buf, STORE_MAX_DOCUMENT);
    for (size_t i = 0; i < p->n && code == ERR_NONE; i++) {
        bool current = false;

        code = is_current(c, &p->papers[i], &buf, &current, e);
        if (code == ERR_NONE && current)
            code = put_paper_vector(c, p->model, generation, &p->papers[i], e);
    }
    buf_release(&buf);
    return code;
}

enum err_code sqlite_paper_vectors_put(struct store *s,
                                       const struct model_id *m,
                                       const struct paper_vector *v, size_t n,
                                       struct err *e)
{
    struct putting p = {document_model(m), v, n};

    return writer_run(sqlite_downcast(s), do_put_papers, &p, e);
}

/* Where a walk in the order of (generation, paper) has come to. */
struct paper_walk {
    const struct model_id *model; /* or NULL */
    int64_t generation, id;
};

static enum err_code read_papers(struct sqlite_store *s,
                                 struct paper_walk *walk, struct rows *rows,
                                 struct err *e)
{
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT generation, paper_id, sha256,"
            " iif(? AND model = ?, vector, NULL)"
            " FROM paper_vectors WHERE (generation, paper_id) > (?, ?)"
            " ORDER BY generation, paper_id LIMIT ?");
    q_int(&q, walk->model != NULL);
    q_int(&q, walk->model ? document_model(walk->model) : 0);
    q_int(&q, walk->generation);
    q_int(&q, walk->id);
    q_int(&q, BATCH);
    while (q_next(&q)) {
        struct paper_vector *v = rows_add(rows);
        struct slice sha256;

        if (!v) {
            q.no_memory = true;
            break;
        }
        walk->generation = q_get_int(&q);
        walk->id = v->id = q_get_int(&q);
        sha256 = q_peek_blob(&q);
        if (sha256.len == sizeof(v->sha256))
            memcpy(v->sha256, sha256.p, sha256.len);
        v->vector = vector_read(&q, rows->a);
    }
    code = q_end(&q, e);
    db_put(s, c);
    return code;
}

enum err_code sqlite_paper_vectors_each(
    struct store *base, const struct model_id *m, uint64_t since,
    enum err_code (*each)(void *ctx, const struct paper_vector *v,
                          struct err *e),
    void *ctx, uint64_t *generation, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct paper_walk walk = {m, (int64_t)since, INT64_MAX};
    struct arena *a = arena_new(BATCH_BYTES);
    size_t n = BATCH;
    enum err_code code =
        a ? sqlite_vectors_generation(base, VECTORS_PAPERS, generation, e)
          : err_set(e, ERR_INTERNAL, "out of memory");

    while (n == BATCH && code == ERR_NONE) {
        struct rows rows = {.a = a, .size = sizeof(struct paper_vector)};
        const struct paper_vector *v;

        arena_reset(a);
        code = read_papers(s, &walk, &rows, e);
        v = (const struct paper_vector *)(void *)rows.p;
        n = rows.n;
        for (size_t i = 0; i < n && code == ERR_NONE; i++)
            code = each(ctx, &v[i], e);
    }
    arena_free(a);
    return code;
}
