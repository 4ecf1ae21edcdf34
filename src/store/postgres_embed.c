/* postgres_embed.c - the one job that makes vectors.
 *
 * Who makes or ends it holds a lock until the end of his transaction: so who
 * makes it sees whether it has ended, and who ends it all papers of those that
 * found it alive.
 */
#include "store/postgres_documents.h"
#include "store/postgres_jobs.h"

#include "base/clock.h"

static void lock(struct pg_conn *c)
{
    pg_do(
        c,
        "SELECT pg_advisory_xact_lock(1936221544, hashtext(current_schema()))",
        NULL);
}

_Static_assert(JOB_QUEUED == 0 && JOB_RUNNING == 1, "the SQL has the numbers");

/* In one statement, for a webhook must not wait for an answer: ids as of
 * store_job_create(), and nobody else makes any with this prefix. */
void postgres_embed_job_insert(struct pg_conn *c, int64_t now_us)
{
    struct pg_args a = {0};

    pg_arg_text(&a, slice_of(EMBED_JOB));
    pg_arg_i64(&a, now_us);
    pg_arg_i64(&a, now_us / US_PER_S);
    pg_arg_i64(&a, EMBED_JOB_MAX_ATTEMPTS);
    lock(c);
    pg_do(c,
          "INSERT INTO jobs(id, kind, state, progress, created_at, updated_at,"
          " run_at, lease_until, owner, claims, attempts, max_attempts,"
          " cancel_requested, schedule_id, input, checkpoint, result, error)"
          " SELECT b.id || CASE WHEN o.n > 0 THEN '-' || (o.n + 1) ELSE '' END,"
          " $1, 0, 0, $2, $2, $2, 0, '', 0, 0, $4, false, 0, '{}', '', '', ''"
          " FROM (SELECT $1 || '-' || $3 AS id) b CROSS JOIN LATERAL"
          " (SELECT count(*) AS n FROM jobs j WHERE j.id = b.id"
          "   OR (j.id > b.id || '-' AND j.id < b.id || '.')) o"
          " WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE kind = $1"
          "   AND state IN (0, 1))",
          &a);
}

static enum err_code do_embed_job(struct pg_conn *c, void *ctx, struct err *e)
{
    const int64_t *now_us = ctx;

    (void)e;
    postgres_embed_job_insert(c, *now_us);
    return ERR_NONE;
}

enum err_code postgres_embed_job(struct store *s, int64_t now_us, struct err *e)
{
    return postgres_transact(s, do_embed_job, &now_us, e);
}

/* ---- what waits ---- */

#define SQL_UNEMBEDDED                                                         \
    "SELECT (SELECT count(*) FROM chunk_vectors v JOIN documents d"            \
    "   ON d.key = v.document AND d.visible"                                   \
    "   WHERE v.model < $1 OR v.model > $1),"                                  \
    " (SELECT count(*) FROM papers_unembedded) + (SELECT count(*)"             \
    "   FROM paper_vectors WHERE model < $1 OR model > $1)"

static void read_counts(PGresult *r, struct unembedded *out)
{
    out->chunks = pg_i64(r, 0, 0);
    out->papers = pg_i64(r, 0, 1);
    postgres_lib.PQclear(r);
}

enum err_code postgres_unembedded(struct store *s, const struct model_id *m,
                                  struct unembedded *out, struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&args, document_model(m));
    code = postgres_query(s, &r, SQL_UNEMBEDDED, &args, e);
    if (code == ERR_NONE)
        read_counts(r, out);
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

static enum err_code do_finish(struct pg_conn *c, void *ctx, struct err *e)
{
    struct ending *end = ctx;
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&args, document_model(end->m));
    lock(c);
    code = postgres_ask(c, &r, SQL_UNEMBEDDED, &args, e);
    if (code != ERR_NONE)
        return code;
    read_counts(r, end->left);
    if (end->left->chunks || end->left->papers)
        return ERR_NONE;
    postgres_ask_end(c, end->l, JOB_COMPLETED, end->result, SLICE_NONE,
                     end->now_us);
    return postgres_next_held(c, end->l, NULL, e);
}

enum err_code postgres_embed_finish(struct store *s, const struct job_lease *l,
                                    const struct model_id *m,
                                    struct slice result, int64_t now_us,
                                    struct unembedded *left, struct err *e)
{
    struct ending end = {l, m, result, now_us, left};

    return postgres_transact(s, do_finish, &end, e);
}
