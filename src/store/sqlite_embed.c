/* sqlite_embed.c - the one job that makes vectors. */
#include "store/sqlite_documents.h"

enum err_code embed_job_insert(struct db *c, struct arena *a, int64_t now_us,
                               struct err *e)
{
    const struct job_new spec = {.kind = EMBED_JOB,
                                 .id_prefix = EMBED_JOB,
                                 .input = SLICE("{}"),
                                 .max_attempts = EMBED_JOB_MAX_ATTEMPTS,
                                 .run_at = now_us,
                                 .now_us = now_us};
    int64_t alive = 0;
    bool existing;
    struct job made;
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE kind = ?"
            " AND state IN (0, 1))");
    q_text(&q, slice_of(EMBED_JOB));
    code = q_one_int(&q, 0, &alive, e);
    return code == ERR_NONE && !alive
               ? job_insert(c, a, &spec, 0, &made, &existing, e)
               : code;
}

_Static_assert(JOB_QUEUED == 0 && JOB_RUNNING == 1, "the SQL has the numbers");

static enum err_code do_embed_job(struct sqlite_store *s, struct db *c,
                                  void *ctx, struct err *e)
{
    const int64_t *now_us = ctx;
    struct arena *a = arena_new((size_t)1 << 20);
    enum err_code code = a ? embed_job_insert(c, a, *now_us, e)
                           : err_set(e, ERR_INTERNAL, "out of memory");

    (void)s;
    arena_free(a);
    return code;
}

enum err_code sqlite_embed_job(struct store *s, int64_t now_us, struct err *e)
{
    return writer_run(sqlite_downcast(s), do_embed_job, &now_us, e);
}

/* ---- what waits ---- */

static enum err_code count_chunks(struct db *c, int64_t model, int64_t *out,
                                  struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT count(*) FROM chunks c JOIN documents d"
            " ON d.key = c.document WHERE (c.model < ?1 OR c.model > ?1)"
            " AND d.visible = 1");
    q_int(&q, model);
    return q_one_int(&q, 0, out, e);
}

static enum err_code count_papers(struct db *c, int64_t model, int64_t *out,
                                  struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT (SELECT count(*) FROM papers_unembedded)"
            " + (SELECT count(*) FROM paper_vectors WHERE model < ?1)"
            " + (SELECT count(*) FROM paper_vectors WHERE model > ?1)");
    q_int(&q, model);
    return q_one_int(&q, 0, out, e);
}

static enum err_code count_all(struct db *c, const struct model_id *m,
                               struct unembedded *out, struct err *e)
{
    enum err_code code = count_chunks(c, document_model(m), &out->chunks, e);

    return code == ERR_NONE
               ? count_papers(c, document_model(m), &out->papers, e)
               : code;
}

enum err_code sqlite_unembedded(struct store *base, const struct model_id *m,
                                struct unembedded *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = count_all(c, m, out, e);
    db_put(s, c);
    return code;
}

/* ---- the end ---- */

struct ending {
    const struct job_lease *l;
    const struct model_id *m;
    struct slice result;
    int64_t now_us;
    struct unembedded *left;
};

static enum err_code do_finish(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    struct ending *end = ctx;
    enum err_code code = count_all(c, end->m, end->left, e);

    (void)s;
    if (code != ERR_NONE || end->left->chunks || end->left->papers)
        return code;
    return job_write_end(c, end->l, JOB_COMPLETED, end->result, SLICE_NONE,
                         end->now_us, e);
}

enum err_code sqlite_embed_finish(struct store *s, const struct job_lease *l,
                                  const struct model_id *m, struct slice result,
                                  int64_t now_us, struct unembedded *left,
                                  struct err *e)
{
    struct ending end = {l, m, result, now_us, left};

    return writer_run(sqlite_downcast(s), do_finish, &end, e);
}
