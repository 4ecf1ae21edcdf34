/* sqlite_jobs.c - durable jobs; the rules are in jobs.h. */
#include "store/sqlite_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

#define COLUMNS_WITH(input)                                                    \
    "id, kind, state, progress, created_at, updated_at, run_at, lease_until,"  \
    " attempts, max_attempts, cancel_requested, schedule_id, " input           \
    ", checkpoint, result, error"
#define JOB_COLUMNS COLUMNS_WITH("input")
#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
#define LISTED_COLUMNS                                                         \
    COLUMNS_WITH(                                                              \
        "iif(length(input) > " TEXT_OF(JOB_LISTED_INPUT) ", '', input)")

/* The lease's holder may write: these three say that it is held. */
#define HELD " WHERE id = ? AND state = 1 AND owner = ? AND claims = ?"

_Static_assert(JOB_QUEUED == 0 && JOB_RUNNING == 1 && JOB_CANCELLED == 4,
               "the SQL below has the numbers");

/* ---- rows ---- */

static void read_job(struct query *q, struct arena *a, void *row)
{
    struct job *j = row;

    j->id = q_get_text(q, a);
    j->kind = q_get_text(q, a);
    j->state = (enum job_state)q_get_int(q);
    j->progress = q_get_double(q);
    j->created_at = q_get_int(q);
    j->updated_at = q_get_int(q);
    j->run_at = q_get_int(q);
    j->lease_until = q_get_int(q);
    j->attempts = (int)q_get_int(q);
    j->max_attempts = (int)q_get_int(q);
    j->cancel_requested = q_get_int(q);
    j->schedule_id = q_get_int(q);
    j->input = q_get_text(q, a);
    j->checkpoint = q_get_text(q, a);
    j->result = q_get_text(q, a);
    j->error = q_get_text(q, a);
}

static enum err_code load_job(struct db *c, struct arena *a, struct slice id,
                              struct job *out, struct err *e)
{
    struct query q;
    bool found;
    enum err_code code;

    q_start(&q, c, "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?");
    q_text(&q, id);
    found = q_next(&q);
    if (found)
        read_job(&q, a, out);
    code = q_end(&q, e);
    if (code == ERR_NONE && !found)
        code = err_set(e, ERR_NOT_FOUND, "no job '%.*s'", SLICE_ARG(id));
    return code;
}

/* ---- create ---- */

/* "<prefix>-<seconds>", then "-2", "-3"...: '.' is the character after '-', so
 * the first count is near enough to start from. */
static enum err_code free_id(struct db *c, const struct job_new *spec, char *id,
                             size_t size, struct err *e)
{
    int64_t taken = 0, n = 0;
    struct query q;
    int base = snprintf(id, size, "%s-%lld", spec->id_prefix,
                        (long long)(spec->now_us / US_PER_S));
    enum err_code code;

    q_start(&q, c,
            "SELECT count(*) FROM jobs WHERE id = ?1"
            " OR (id > ?1 || '-' AND id < ?1 || '.')");
    q_text(&q, slice_of(id));
    code = q_one_int(&q, 0, &n, e);
    for (taken = n; code == ERR_NONE && taken; n++) {
        snprintf(id + base, size - (size_t)base, "-%lld", (long long)n + 1);
        q_start(&q, c, "SELECT count(*) FROM jobs WHERE id = ?");
        q_text(&q, slice_of(id));
        code = q_one_int(&q, 0, &taken, e);
    }
    return code;
}

static enum err_code insert_row(struct db *c, struct slice id,
                                const struct job_new *spec, struct err *e)
{
    struct query q;

    q_start(
        &q, c,
        "INSERT INTO jobs(id, kind, state, progress, created_at,"
        " updated_at, run_at, lease_until, owner, claims, attempts,"
        " max_attempts, cancel_requested, schedule_id, input, checkpoint,"
        " result, error)"
        " VALUES (?, ?, 0, 0, ?, ?, ?, 0, '', 0, 0, ?, 0, ?, ?, '', '', '')");
    q_text(&q, id);
    q_text(&q, slice_of(spec->kind));
    q_int(&q, spec->now_us);
    q_int(&q, spec->now_us);
    q_int(&q, spec->run_at);
    q_int(&q, spec->max_attempts);
    q_int(&q, spec->schedule_id);
    q_text(&q, spec->input);
    return q_run(&q, NULL, e);
}

static enum err_code insert_file(struct db *c, struct slice id,
                                 struct slice file, struct err *e)
{
    struct query q;

    q_start(&q, c, "INSERT INTO job_files VALUES (?, ?)");
    q_text(&q, id);
    q_blob(&q, file.p, file.len);
    return q_run(&q, NULL, e);
}

/* The job of this Idempotency-Key: its id in *id (in arena), or p == NULL. */
static enum err_code find_key(struct db *c, struct arena *a,
                              const struct job_new *spec, int64_t ttl_us,
                              struct slice *id, struct err *e)
{
    bool same = true;
    struct query q;
    enum err_code code;

    q_start(&q, c, "DELETE FROM idempotency WHERE created_at <= ?");
    q_int(&q, spec->now_us - ttl_us);
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT body_sha256 = ?, job_id FROM idempotency"
            " WHERE route = ? AND key = ?");
    q_blob(&q, spec->body_sha256, sizeof(spec->body_sha256));
    q_text(&q, spec->idem_route);
    q_text(&q, spec->idem_key);
    if (q_next(&q)) {
        same = q_get_int(&q);
        *id = q_get_text(&q, a);
    }
    code = q_end(&q, e);
    if (code == ERR_NONE && !same)
        code = err_set(e, ERR_UNPROCESSABLE,
                       "the Idempotency-Key was used with another request");
    return code;
}

static enum err_code keep_key(struct db *c, const struct job_new *spec,
                              struct slice job_id, struct err *e)
{
    struct query q;

    q_start(&q, c, "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)");
    q_text(&q, spec->idem_route);
    q_text(&q, spec->idem_key);
    q_blob(&q, spec->body_sha256, sizeof(spec->body_sha256));
    q_text(&q, job_id);
    q_int(&q, spec->now_us);
    return q_run(&q, NULL, e);
}

enum err_code job_insert(struct db *c, struct arena *a,
                         const struct job_new *spec, int64_t ttl_us,
                         struct job *out, bool *existing, struct err *e)
{
    char buffer[sizeof(((struct job_lease *)0)->job_id)];
    struct slice id = SLICE_NONE;
    enum err_code code = ERR_NONE;

    *existing = false;
    if (spec->idem_key.len)
        code = find_key(c, a, spec, ttl_us, &id, e);
    if (code != ERR_NONE)
        return code;
    *existing = id.p != NULL;
    if (!*existing) {
        code = free_id(c, spec, buffer, sizeof(buffer), e);
        id = slice_of(buffer);
        if (code == ERR_NONE)
            code = insert_row(c, id, spec, e);
        if (code == ERR_NONE && spec->file.len)
            code = insert_file(c, id, spec->file, e);
        if (code == ERR_NONE && spec->idem_key.len)
            code = keep_key(c, spec, id, e);
    }
    return code == ERR_NONE ? load_job(c, a, id, out, e) : code;
}

struct creation {
    struct arena *a;
    const struct job_new *spec;
    struct job *out;
    bool *existing;
};

static enum err_code do_create(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    struct creation *cr = ctx;

    return job_insert(c, cr->a, cr->spec, s->idempotency_ttl_us, cr->out,
                      cr->existing, e);
}

static enum err_code create(struct store *s, struct arena *a,
                            const struct job_new *spec, struct job *out,
                            bool *existing, struct err *e)
{
    struct creation cr = {a, spec, out, existing};

    return writer_run(sqlite_downcast(s), do_create, &cr, e);
}

/* ---- reading ---- */

static enum err_code get(struct store *base, struct arena *a, struct slice id,
                         struct job *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    code = load_job(c, a, id, out, e);
    db_put(s, c);
    return code;
}

static enum err_code file(struct store *base, struct arena *a, struct slice id,
                          struct slice *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    bool found, fits = true;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT file FROM job_files WHERE job_id = ?");
    q_text(&q, id);
    found = q_next(&q);
    if (found) {
        *out = arena_slice(a, q_peek_blob(&q));
        fits = out->p != NULL;
    }
    code = q_end(&q, e);
    db_put(s, c);
    if (code == ERR_NONE && !fits)
        code = arena_full(e);
    else if (code == ERR_NONE && !found)
        code =
            err_set(e, ERR_NOT_FOUND, "job '%.*s' has no file", SLICE_ARG(id));
    return code;
}

/* "|scrape|webhook|": no kind has a bar in its name.  Empty: all. */
static struct slice kinds_text(struct buf *b, const char *const *kinds)
{
    for (; kinds && *kinds; kinds++)
        buf_printf(b, "%s%s|", b->len ? "" : "|", *kinds);
    return buf_slice(b);
}

#define LISTED                                                                 \
    " WHERE (?1 = '' OR instr(?1, '|' || kind || '|') > 0)"                    \
    " AND (?2 = 0 OR (?2 >> state) & 1)"

static enum err_code read_list(struct db *c, const struct job_query *jq,
                               struct slice kinds, struct rows *rows,
                               int64_t *count, struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c, "SELECT count(*) FROM jobs" LISTED);
    q_text(&q, kinds);
    q_int(&q, jq->states);
    code = q_one_int(&q, 0, count, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT " LISTED_COLUMNS " FROM jobs" LISTED
            " ORDER BY seq DESC LIMIT ? OFFSET ?");
    q_text(&q, kinds);
    q_int(&q, jq->states);
    q_int(&q, jq->limit);
    q_int(&q, jq->offset);
    return q_rows(&q, rows, read_job, e);
}

static enum err_code list(struct store *base, struct arena *a,
                          const struct job_query *jq, struct job **out,
                          size_t *n, int64_t *count, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct job)};
    struct buf kinds;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    buf_init(&kinds, 4096);
    code = read_list(c, jq, kinds_text(&kinds, jq->kinds), &rows, count, e);
    buf_release(&kinds);
    db_put(s, c);
    *out = (struct job *)(void *)rows.p;
    *n = rows.n;
    return code;
}

static enum err_code counts(struct store *base, int64_t out[JOB_N_STATES],
                            struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    memset(out, 0, JOB_N_STATES * sizeof(*out));
    q_start(&q, c, "SELECT state, count(*) FROM jobs GROUP BY state");
    while (q_next(&q)) {
        int64_t state = q_get_int(&q);

        if (state >= 0 && state < JOB_N_STATES)
            out[state] = q_get_int(&q);
    }
    code = q_end(&q, e);
    db_put(s, c);
    return code;
}

/* ---- claim ---- */

struct claim {
    struct arena *a;
    const char *const *kinds;
    const char *owner;
    int64_t now_us, lease_us;
    struct job *out;
    struct job_lease *lease;
    int64_t *next_run_at;
    bool found;
};

/* The earliest job of a kind by one of its two clocks. */
struct due {
    int64_t seq, at;
};

static enum err_code earliest(struct db *c, const char *sql, const char *kind,
                              struct due *best, struct err *e)
{
    struct query q;

    q_start(&q, c, sql);
    q_text(&q, slice_of(kind));
    if (q_next(&q)) {
        int64_t seq = q_get_int(&q), at = q_get_int(&q);

        if (!best->seq || at < best->at || (at == best->at && seq < best->seq))
            *best = (struct due){seq, at};
    }
    return q_end(&q, e);
}

/* Among these kinds, the job that is due first, now or later; seq 0: none. */
static enum err_code find_due(struct db *c, const char *const *kinds,
                              struct due *best, struct err *e)
{
    enum err_code code = ERR_NONE;

    *best = (struct due){0, 0};
    for (; *kinds && code == ERR_NONE; kinds++) {
        code = earliest(c,
                        "SELECT seq, run_at FROM jobs"
                        " WHERE state = 0 AND kind = ?"
                        " ORDER BY run_at, seq LIMIT 1",
                        *kinds, best, e);
        if (code == ERR_NONE)
            code = earliest(c,
                            "SELECT seq, lease_until FROM jobs"
                            " WHERE state = 1 AND kind = ?"
                            " ORDER BY lease_until, seq LIMIT 1",
                            *kinds, best, e);
    }
    return code;
}

enum err_code job_move_delivery(struct db *c, struct slice job_id, bool alive,
                                int64_t now_us, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE deliveries SET status = iif(?1, 0, 2),"
            " next_attempt_at = iif(?1, ?2, 0), updated_at = ?2"
            " WHERE status <> 1 AND id = (SELECT input ->> '$.delivery_id'"
            "   FROM jobs WHERE id = ?3 AND kind = 'webhook')");
    q_int(&q, alive);
    q_int(&q, now_us);
    q_text(&q, job_id);
    return q_run(&q, NULL, e);
}

/* A due job that nobody is to get again ends here: its cancel was asked for and
 * its worker is gone, or it took even the worker along that was to end it. What
 * went wrong last is kept if it is known. */
static enum err_code end_hopeless(struct db *c, struct arena *a, int64_t seq,
                                  int64_t now_us, bool *ended, struct err *e)
{
    struct slice id = SLICE_NONE;
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "UPDATE jobs SET state = iif(cancel_requested, 4, 3),"
            " error = CASE WHEN cancel_requested OR error <> '' THEN error"
            "   ELSE 'given up: it was started ' || attempts ||"
            "   ' times and never got on' END,"
            " owner = '', lease_until = 0, updated_at = ?"
            " WHERE seq = ? AND (cancel_requested"
            "                    OR attempts > max_attempts) RETURNING id");
    q_int(&q, now_us);
    q_int(&q, seq);
    if (q_next(&q))
        id = q_get_text(&q, a);
    while (q_next(&q))
        ;
    code = q_end(&q, e);
    *ended = id.p != NULL;
    if (code == ERR_NONE && *ended)
        code = job_move_delivery(c, id, false, now_us, e);
    return code;
}

static enum err_code take(struct db *c, struct claim *cl, int64_t seq,
                          struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "UPDATE jobs SET state = 1, owner = ?, lease_until = ?,"
            " claims = claims + 1, attempts = attempts + 1, updated_at = ?"
            " WHERE seq = ? RETURNING claims, " JOB_COLUMNS);
    q_text(&q, slice_of(cl->owner));
    q_int(&q, cl->now_us + cl->lease_us);
    q_int(&q, cl->now_us);
    q_int(&q, seq);
    if (q_next(&q)) {
        cl->lease->attempt = (int)q_get_int(&q);
        read_job(&q, cl->a, cl->out);
    }
    while (q_next(&q))
        ;
    code = q_end(&q, e);
    if (code != ERR_NONE)
        return code;
    snprintf(cl->lease->job_id, sizeof(cl->lease->job_id), "%.*s",
             SLICE_ARG(cl->out->id));
    snprintf(cl->lease->owner, sizeof(cl->lease->owner), "%s", cl->owner);
    cl->found = true;
    return ERR_NONE;
}

static enum err_code do_claim(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    struct claim *cl = ctx;
    struct due due;
    bool ended = true;
    enum err_code code = ERR_NONE;

    (void)s;
    while (ended && code == ERR_NONE) {
        code = find_due(c, cl->kinds, &due, e);
        *cl->next_run_at = due.at;
        if (code != ERR_NONE || !due.seq || due.at > cl->now_us)
            return code;
        code = end_hopeless(c, cl->a, due.seq, cl->now_us, &ended, e);
    }
    return code == ERR_NONE ? take(c, cl, due.seq, e) : code;
}

/* Workers ask again and again; only when something is due is it worth a
 * transaction. */
static enum err_code claim(struct store *base, struct arena *a,
                           const char *const *kinds, const char *owner,
                           int64_t now_us, int64_t lease_us, struct job *out,
                           struct job_lease *lease, int64_t *next_run_at,
                           struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct claim cl = {a,   kinds, owner,       now_us, lease_us,
                       out, lease, next_run_at, false};
    struct due due = {0, 0};
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    code = find_due(c, kinds, &due, e);
    db_put(s, c);
    *next_run_at = due.at;
    if (code == ERR_NONE && due.seq && due.at <= now_us)
        code = writer_run(s, do_claim, &cl, e);
    if (code == ERR_NONE && !cl.found)
        code = err_set(e, ERR_NOT_FOUND, "no job is due");
    return code;
}

/* ---- under a lease ---- */

static void bind_lease(struct query *q, const struct job_lease *l)
{
    q_text(q, slice_of(l->job_id));
    q_text(q, slice_of(l->owner));
    q_int(q, l->attempt);
}

static enum err_code lost(const struct job_lease *l, struct err *e)
{
    return err_set(e, ERR_CONFLICT, "the lease of job '%s' is lost", l->job_id);
}

/* Run q, which writes the row of a held lease. */
static enum err_code run_held(struct query *q, const struct job_lease *l,
                              struct err *e)
{
    int64_t changed = 0;
    enum err_code code = q_run(q, &changed, e);

    return code == ERR_NONE && changed == 0 ? lost(l, e) : code;
}

enum err_code job_check_lease(struct db *c, const struct job_lease *l,
                              struct err *e)
{
    struct query q;
    int64_t held = 0;
    enum err_code code;

    q_start(&q, c, "SELECT count(*) FROM jobs" HELD);
    bind_lease(&q, l);
    code = q_one_int(&q, 0, &held, e);
    return code == ERR_NONE && !held ? lost(l, e) : code;
}

enum err_code job_write_progress(struct db *c, const struct job_lease *l,
                                 double progress, struct slice checkpoint,
                                 struct slice result, int64_t now_us,
                                 struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE jobs SET progress = ?, checkpoint = ifnull(?, checkpoint),"
            " result = ifnull(?, result), attempts = 1, updated_at = ?" HELD);
    q_double(&q, progress);
    q_text_or_null(&q, checkpoint);
    q_text_or_null(&q, result);
    q_int(&q, now_us);
    bind_lease(&q, l);
    return run_held(&q, l, e);
}

enum err_code job_write_end(struct db *c, const struct job_lease *l,
                            enum job_state state, struct slice result,
                            struct slice error, int64_t now_us, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE jobs SET state = ?1, result = ifnull(?2, result),"
            " error = ?3, updated_at = ?4, lease_until = 0, owner = '',"
            " progress = iif(?1 = 2, 100.0, progress)"
            " WHERE id = ?5 AND state = 1 AND owner = ?6 AND claims = ?7");
    q_int(&q, state);
    q_text_or_null(&q, result);
    q_text(&q, error);
    q_int(&q, now_us);
    bind_lease(&q, l);
    return run_held(&q, l, e);
}

enum err_code job_write_release(struct db *c, const struct job_lease *l,
                                int64_t run_at, bool count, struct slice error,
                                int64_t now_us, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE jobs SET state = iif(cancel_requested, 4, 0), run_at = ?,"
            " attempts = max(0, attempts - ?), error = ?, updated_at = ?,"
            " lease_until = 0, owner = ''" HELD);
    q_int(&q, run_at);
    q_int(&q, !count);
    q_text(&q, error);
    q_int(&q, now_us);
    bind_lease(&q, l);
    return run_held(&q, l, e);
}

/* One call with a lease, on its way to the writer. */
struct leased {
    const struct job_lease *l;
    double progress;
    enum job_state state;
    struct slice checkpoint, result, error;
    int64_t at, now_us;
    bool flag; /* count; cancel */
};

static enum err_code do_heartbeat(struct sqlite_store *s, struct db *c,
                                  void *ctx, struct err *e)
{
    struct leased *w = ctx;
    struct query q;
    bool held;
    enum err_code code;

    (void)s;
    q_start(&q, c,
            "UPDATE jobs SET lease_until = ?" HELD
            " RETURNING cancel_requested");
    q_int(&q, w->at);
    bind_lease(&q, w->l);
    held = q_next(&q);
    if (held)
        w->flag = q_get_int(&q);
    while (q_next(&q))
        ;
    code = q_end(&q, e);
    return code == ERR_NONE && !held ? lost(w->l, e) : code;
}

static enum err_code heartbeat(struct store *s, const struct job_lease *l,
                               int64_t lease_until, bool *cancel, struct err *e)
{
    struct leased w = {.l = l, .at = lease_until};
    enum err_code code = writer_run(sqlite_downcast(s), do_heartbeat, &w, e);

    if (code == ERR_NONE)
        *cancel = w.flag;
    return code;
}

static enum err_code do_progress(struct sqlite_store *s, struct db *c,
                                 void *ctx, struct err *e)
{
    struct leased *w = ctx;

    (void)s;
    return job_write_progress(c, w->l, w->progress, w->checkpoint, w->result,
                              w->now_us, e);
}

static enum err_code progress(struct store *s, const struct job_lease *l,
                              double done, struct slice checkpoint,
                              struct slice result, int64_t now_us,
                              struct err *e)
{
    struct leased w = {.l = l,
                       .progress = done,
                       .checkpoint = checkpoint,
                       .result = result,
                       .now_us = now_us};

    return writer_run(sqlite_downcast(s), do_progress, &w, e);
}

static enum err_code do_finish(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    struct leased *w = ctx;

    (void)s;
    return job_write_end(c, w->l, w->state, w->result, w->error, w->now_us, e);
}

static enum err_code finish(struct store *s, const struct job_lease *l,
                            enum job_state state, struct slice result,
                            struct slice error, int64_t now_us, struct err *e)
{
    struct leased w = {.l = l,
                       .state = state,
                       .result = result,
                       .error = error,
                       .now_us = now_us};

    return writer_run(sqlite_downcast(s), do_finish, &w, e);
}

static enum err_code do_release(struct sqlite_store *s, struct db *c, void *ctx,
                                struct err *e)
{
    struct leased *w = ctx;

    (void)s;
    return job_write_release(c, w->l, w->at, w->flag, w->error, w->now_us, e);
}

static enum err_code release(struct store *s, const struct job_lease *l,
                             int64_t run_at, bool count, struct slice error,
                             int64_t now_us, struct err *e)
{
    struct leased w = {
        .l = l, .at = run_at, .flag = count, .error = error, .now_us = now_us};

    return writer_run(sqlite_downcast(s), do_release, &w, e);
}

/* ---- from outside ---- */

struct order {
    struct slice id;
    int64_t now_us;
};

/* Run the order's UPDATE, which gives the job's state; where it changes
 * nothing, find out why. */
static enum err_code run_order(struct db *c, const char *sql,
                               const struct order *o, const char *why_not,
                               struct err *e)
{
    struct query q;
    int64_t state = -1, there = 0;
    enum err_code code;

    q_start(&q, c, sql);
    q_int(&q, o->now_us);
    q_text(&q, o->id);
    while (q_next(&q))
        state = q_get_int(&q);
    code = q_end(&q, e);
    if (code == ERR_NONE && (state == JOB_QUEUED || state == JOB_CANCELLED))
        code = job_move_delivery(c, o->id, state == JOB_QUEUED, o->now_us, e);
    if (code != ERR_NONE || state >= 0)
        return code;
    q_start(&q, c, "SELECT count(*) FROM jobs WHERE id = ?");
    q_text(&q, o->id);
    code = q_one_int(&q, 0, &there, e);
    if (code != ERR_NONE)
        return code;
    return there ? err_set(e, ERR_CONFLICT, "job '%.*s' %s", SLICE_ARG(o->id),
                           why_not)
                 : err_set(e, ERR_NOT_FOUND, "no job '%.*s'", SLICE_ARG(o->id));
}

static enum err_code do_cancel(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    (void)s;
    return run_order(c,
                     "UPDATE jobs SET updated_at = ?, cancel_requested = 1,"
                     " state = iif(state = 0, 4, state)"
                     " WHERE id = ? AND state IN (0, 1) RETURNING state",
                     ctx, "has ended already", e);
}

static enum err_code cancel(struct store *s, struct slice id, int64_t now_us,
                            struct err *e)
{
    struct order o = {id, now_us};

    return writer_run(sqlite_downcast(s), do_cancel, &o, e);
}

static enum err_code do_restart(struct sqlite_store *s, struct db *c, void *ctx,
                                struct err *e)
{
    (void)s;
    return run_order(c,
                     "UPDATE jobs SET updated_at = ?1, run_at = ?1, state = 0,"
                     " attempts = 0, cancel_requested = 0, error = ''"
                     " WHERE id = ?2 AND state IN (3, 4) RETURNING state",
                     ctx, "has neither failed nor been cancelled", e);
}

static enum err_code restart(struct store *s, struct slice id, int64_t now_us,
                             struct err *e)
{
    struct order o = {id, now_us};

    return writer_run(sqlite_downcast(s), do_restart, &o, e);
}

static enum err_code do_recover(struct sqlite_store *s, struct db *c, void *ctx,
                                struct err *e)
{
    struct query q;
    const int64_t *now_us = ctx;
    enum err_code code;

    (void)s;
    q_start(&q, c,
            "UPDATE jobs SET state = iif(cancel_requested, 4, 0), owner = '',"
            " lease_until = 0, updated_at = ? WHERE state = 1");
    q_int(&q, *now_us);
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        return code;
    /* nor is a request under way that somebody else began */
    q_start(&q, c, "UPDATE limiter SET busy_until = 0");
    return q_run(&q, NULL, e);
}

static enum err_code recover(struct store *s, int64_t now_us, struct err *e)
{
    return writer_run(sqlite_downcast(s), do_recover, &now_us, e);
}

const struct job_ops sqlite_job_ops = {
    .create = create,
    .get = get,
    .file = file,
    .list = list,
    .claim = claim,
    .heartbeat = heartbeat,
    .progress = progress,
    .finish = finish,
    .release = release,
    .cancel = cancel,
    .restart = restart,
    .recover = recover,
    .counts = counts,
};
