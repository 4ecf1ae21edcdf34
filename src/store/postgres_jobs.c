/* postgres_jobs.c - durable jobs; the rules are in jobs.h.
 *
 * Many processes claim at once: a row that another is about to take is skipped
 * (SKIP LOCKED), nobody waits.  Times are those of the callers, as everywhere;
 * processes whose clocks differ by more than a lease would take jobs from each
 * other, and fencing by `claims` keeps even that harmless.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/postgres_jobs.h"

_Static_assert(JOB_QUEUED == 0 && JOB_RUNNING == 1 && JOB_COMPLETED == 2 &&
                   JOB_FAILED == 3 && JOB_CANCELLED == 4,
               "the SQL below has the numbers");

#define COLUMNS_WITH(input)                                                    \
    "id, kind, state, progress, created_at, updated_at, run_at, lease_until,"  \
    " attempts, max_attempts, cancel_requested, schedule_id, " input           \
    ", checkpoint, result, error"
#define JOB_COLUMNS COLUMNS_WITH("input")
#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
#define LISTED_COLUMNS                                                         \
    COLUMNS_WITH("CASE WHEN length(input) > " TEXT_OF(                         \
        JOB_LISTED_INPUT) " THEN '' ELSE input END")

/* The lease's holder may write: these say that it is held. */
#define HELD(a, b, c)                                                          \
    " WHERE id = $" #a " AND state = 1 AND owner = $" #b " AND claims = $" #c

/* A worker that finds the only due job locked looks again after this. */
#define LOCKED_RETRY_US (20 * US_PER_MS)

/* ---- rows ---- */

static void read_job(struct pg_row *w, void *element)
{
    struct job *j = element;

    j->id = pg_row_text(w);
    j->kind = pg_row_text(w);
    j->state = (enum job_state)pg_row_i64(w);
    j->progress = pg_row_f64(w);
    j->created_at = pg_row_i64(w);
    j->updated_at = pg_row_i64(w);
    j->run_at = pg_row_i64(w);
    j->lease_until = pg_row_i64(w);
    j->attempts = (int)pg_row_i64(w);
    j->max_attempts = (int)pg_row_i64(w);
    j->cancel_requested = pg_row_bool(w);
    j->schedule_id = pg_row_i64(w);
    j->input = pg_row_text(w);
    j->checkpoint = pg_row_text(w);
    j->result = pg_row_text(w);
    j->error = pg_row_text(w);
}

static enum err_code no_job(struct slice id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no job '%.*s'", SLICE_ARG(id));
}

/* Send, and fetch the result of the only pg_ask() that waits. */
static enum err_code fetch(struct pg_conn *c, PGresult **r, struct err *e)
{
    enum err_code code = pg_flush(c, e);

    return code == ERR_NONE ? pg_next(c, r, e) : code;
}

/* The first row of r as a job, or *found == false; r is cleared. */
static enum err_code take_job(PGresult *r, struct arena *a, int first_column,
                              struct job *out, bool *found, struct err *e)
{
    struct pg_row w = {.r = r, .a = a, .col = first_column};
    enum err_code code = ERR_NONE;

    *found = postgres_lib.PQntuples(r) > 0;
    if (*found) {
        read_job(&w, out);
        code = pg_row_end(&w, e);
    }
    postgres_lib.PQclear(r);
    return code;
}

/* ---- create ---- */

/* Queue the insert; no row comes back when the id is taken.  A transaction that
 * is taking it just now is waited for. */
static void ask_insert(struct pg_conn *c, const char *id,
                       const struct job_new *spec)
{
    struct pg_args a = {0};

    pg_arg_text(&a, slice_of(id));
    pg_arg_text(&a, slice_of(spec->kind));
    pg_arg_i64(&a, spec->now_us);
    pg_arg_i64(&a, spec->run_at);
    pg_arg_i64(&a, spec->max_attempts);
    pg_arg_i64(&a, spec->schedule_id);
    pg_arg_text(&a, spec->input);
    pg_ask(c,
           "INSERT INTO jobs(id, kind, state, progress, created_at, updated_at,"
           " run_at, lease_until, owner, claims, attempts, max_attempts,"
           " cancel_requested, schedule_id, input, checkpoint, result, error)"
           " VALUES ($1, $2, 0, 0, $3, $3, $4, 0, '', 0, 0, $5, false, $6, $7,"
           " '', '', '') ON CONFLICT (id) DO NOTHING RETURNING " JOB_COLUMNS,
           &a);
}

/* How many ids there are of this second: '.' is the character after '-'. */
static enum err_code count_ids(struct pg_conn *c, const char *base, int64_t *n,
                               struct err *e)
{
    struct pg_args a = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_text(&a, slice_of(base));
    pg_ask(c,
           "SELECT count(*) FROM jobs WHERE id = $1"
           " OR (id > $1 || '-' AND id < $1 || '.')",
           &a);
    code = fetch(c, &r, e);
    if (code != ERR_NONE)
        return code;
    *n = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

/* "<prefix>-<seconds>", then "-2", "-3"... */
static enum err_code insert_job(struct pg_conn *c, struct arena *a,
                                const struct job_new *spec, struct job *out,
                                struct err *e)
{
    char id[sizeof(((struct job_lease *)0)->job_id)];
    int64_t n = 0;
    int base = snprintf(id, sizeof(id), "%s-%lld", spec->id_prefix,
                        (long long)(spec->now_us / US_PER_S));
    bool made = false;
    PGresult *r;
    enum err_code code = ERR_NONE;

    for (int i = 0; code == ERR_NONE; i++) {
        ask_insert(c, id, spec);
        code = fetch(c, &r, e);
        if (code == ERR_NONE)
            code = take_job(r, a, 0, out, &made, e);
        if (code != ERR_NONE || made)
            break;
        id[base] = 0;
        if (i == 0)
            code = count_ids(c, id, &n, e);
        n++;
        snprintf(id + base, sizeof(id) - (size_t)base, "-%lld", (long long)n);
    }
    return code;
}

/* Take the Idempotency-Key, or find whose it is.  Who takes it at the same time
 * is waited for. */
static enum err_code take_key(struct pg_conn *c, const struct job_new *spec,
                              int64_t ttl_us, struct arena *a,
                              struct slice *job_id, struct err *e)
{
    struct pg_args old = {0}, key = {0};
    PGresult *r;
    bool same;
    enum err_code code;

    pg_arg_i64(&old, spec->now_us - ttl_us);
    pg_do(c, "DELETE FROM idempotency WHERE created_at <= $1", &old);
    pg_arg_text(&key, spec->idem_route);
    pg_arg_text(&key, spec->idem_key);
    pg_arg_bytes(&key, spec->body_sha256, sizeof(spec->body_sha256));
    pg_arg_i64(&key, spec->now_us);
    pg_do(c,
          "INSERT INTO idempotency VALUES ($1, $2, $3, '', $4)"
          " ON CONFLICT DO NOTHING",
          &key);
    key.n = 3;
    pg_ask(c,
           "SELECT body_sha256 = $3, job_id FROM idempotency"
           " WHERE route = $1 AND key = $2",
           &key);
    code = fetch(c, &r, e);
    if (code != ERR_NONE)
        return code;
    same = pg_bool(r, 0, 0);
    *job_id = arena_slice(a, pg_slice(r, 0, 1));
    postgres_lib.PQclear(r);
    if (!same)
        return err_set(e, ERR_UNPROCESSABLE,
                       "the Idempotency-Key was used with another request");
    return job_id->p ? ERR_NONE
                     : err_set(e, ERR_TOO_LARGE, "the answer is too large");
}

static void keep_file(struct pg_conn *c, struct slice job_id, struct slice file)
{
    struct pg_args a = {0};

    pg_arg_text(&a, job_id);
    pg_arg_bytes(&a, file.p, file.len);
    pg_do(c, "INSERT INTO job_files VALUES ($1, $2)", &a);
}

static void keep_key(struct pg_conn *c, const struct job_new *spec,
                     struct slice job_id)
{
    struct pg_args a = {0};

    pg_arg_text(&a, spec->idem_route);
    pg_arg_text(&a, spec->idem_key);
    pg_arg_text(&a, job_id);
    pg_do(c, "UPDATE idempotency SET job_id = $3 WHERE route = $1 AND key = $2",
          &a);
}

static enum err_code load_job(struct pg_conn *c, struct arena *a,
                              struct slice id, struct job *out, struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    PGresult *r;
    enum err_code code;

    pg_arg_text(&args, id);
    pg_ask(c, "SELECT " JOB_COLUMNS " FROM jobs WHERE id = $1", &args);
    code = fetch(c, &r, e);
    if (code == ERR_NONE)
        code = take_job(r, a, 0, out, &found, e);
    return code == ERR_NONE && !found ? no_job(id, e) : code;
}

enum err_code postgres_job_insert(struct pg_conn *c, struct arena *a,
                                  const struct job_new *spec, int64_t ttl_us,
                                  struct job *out, bool *existing,
                                  struct err *e)
{
    struct slice known = SLICE_NONE;
    enum err_code code = ERR_NONE;

    if (spec->idem_key.len)
        code = take_key(c, spec, ttl_us, a, &known, e);
    if (code != ERR_NONE)
        return code;
    *existing = known.len > 0;
    if (*existing)
        return load_job(c, a, known, out, e);
    code = insert_job(c, a, spec, out, e);
    if (code == ERR_NONE && spec->file.len)
        keep_file(c, out->id, spec->file);
    if (code == ERR_NONE && spec->idem_key.len)
        keep_key(c, spec, out->id);
    return code;
}

struct creation {
    struct arena *a;
    const struct job_new *spec;
    int64_t ttl_us;
    struct job *out;
    bool *existing;
};

static enum err_code do_create(struct pg_conn *c, void *ctx, struct err *e)
{
    struct creation *cr = ctx;

    return postgres_job_insert(c, cr->a, cr->spec, cr->ttl_us, cr->out,
                               cr->existing, e);
}

static enum err_code create(struct store *s, struct arena *a,
                            const struct job_new *spec, struct job *out,
                            bool *existing, struct err *e)
{
    struct creation cr = {a, spec, postgres_of(s)->idempotency_ttl_us, out,
                          existing};

    return postgres_transact(s, do_create, &cr, e);
}

/* ---- reading ---- */

static enum err_code get(struct store *s, struct arena *a, struct slice id,
                         struct job *out, struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    pg_arg_text(&args, id);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql = "SELECT " JOB_COLUMNS
                                   " FROM jobs WHERE id = $1",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = read_job},
        out, &found, e);
    return code == ERR_NONE && !found ? no_job(id, e) : code;
}

static void read_file(struct pg_row *w, void *element)
{
    *(struct slice *)element = pg_row_text(w);
}

static enum err_code file(struct store *s, struct arena *a, struct slice id,
                          struct slice *out, struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    pg_arg_text(&args, id);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql =
                                "SELECT file FROM job_files WHERE job_id = $1",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = read_file},
        out, &found, e);
    return code == ERR_NONE && !found
               ? err_set(e, ERR_NOT_FOUND, "job '%.*s' has no file",
                         SLICE_ARG(id))
               : code;
}

static void arg_kinds(struct pg_args *a, struct buf *b,
                      const char *const *kinds)
{
    pg_array_init(b, PG_TEXT);
    for (; kinds && *kinds; kinds++)
        pg_array_text(b, slice_of(*kinds));
    pg_arg_array(a, PG_TEXT_ARRAY, b);
}

#define LISTED                                                                 \
    " FROM jobs WHERE (cardinality($1) = 0 OR kind = ANY ($1))"                \
    " AND ($2 = 0 OR ($2 >> state) & 1 = 1)"

static enum err_code list(struct store *s, struct arena *a,
                          const struct job_query *q, struct job **out,
                          size_t *n, int64_t *count, struct err *e)
{
    struct pg_args args = {0}, count_args;
    struct buf kinds;
    enum err_code code;

    arg_kinds(&args, &kinds, q->kinds);
    pg_arg_i64(&args, q->states);
    count_args = args;
    pg_arg_i64(&args, q->limit);
    pg_arg_i64(&args, q->offset);
    code = postgres_select(
        s, a,
        &(struct pg_select){.sql = "SELECT " LISTED_COLUMNS LISTED
                                   " ORDER BY seq DESC LIMIT $3 OFFSET $4",
                            .args = &args,
                            .count_sql = "SELECT count(*)" LISTED,
                            .count_args = &count_args,
                            .size = sizeof(**out),
                            .read = read_job},
        out, n, count, e);
    buf_release(&kinds);
    return code;
}

static enum err_code counts(struct store *s, int64_t out[JOB_N_STATES],
                            struct err *e)
{
    PGresult *r;
    enum err_code code = postgres_query(
        s, &r, "SELECT state, count(*) FROM jobs GROUP BY state", NULL, e);

    if (code != ERR_NONE)
        return code;
    memset(out, 0, JOB_N_STATES * sizeof(*out));
    for (int i = 0; i < postgres_lib.PQntuples(r); i++) {
        int64_t state = pg_i64(r, i, 0);

        if (state >= 0 && state < JOB_N_STATES)
            out[state] = pg_i64(r, i, 1);
    }
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

/* ---- claim ---- */

struct claim {
    struct arena *a;
    const struct buf *kinds;
    const char *owner;
    int64_t now_us, lease_us;
    struct job *out;
    struct job_lease *lease;
    bool found;
};

/* The job moves to its worker; or it ends, if nobody is to get it again: its
 * cancel was asked for and its worker is gone, or it took even the worker along
 * that was to end it.  What went wrong last is kept if it is known. */
#define HOPELESS "(j.cancel_requested OR j.attempts > j.max_attempts)"
#define SQL_CLAIM                                                              \
    "UPDATE jobs j SET"                                                        \
    " state = CASE WHEN j.cancel_requested THEN 4"                             \
    "   WHEN " HOPELESS " THEN 3 ELSE 1 END,"                                  \
    " owner = CASE WHEN " HOPELESS " THEN '' ELSE $3 END,"                     \
    " lease_until = CASE WHEN " HOPELESS " THEN 0 ELSE $4 END,"                \
    " claims = j.claims + CASE WHEN " HOPELESS " THEN 0 ELSE 1 END,"           \
    " attempts = j.attempts + CASE WHEN " HOPELESS " THEN 0 ELSE 1 END,"       \
    " error = CASE WHEN NOT " HOPELESS " OR j.cancel_requested"                \
    "   OR j.error <> '' THEN j.error"                                         \
    "   ELSE 'given up: it was started ' || j.attempts ||"                     \
    "   ' times and never got on' END,"                                        \
    " updated_at = $2"                                                         \
    " WHERE j.seq = (SELECT d.seq FROM jobs d WHERE d.due_at <= $2"            \
    "   AND d.kind = ANY ($1) ORDER BY d.due_at, d.seq LIMIT 1"                \
    "   FOR UPDATE SKIP LOCKED)"                                               \
    " RETURNING j.claims, " JOB_COLUMNS

static void move_delivery(struct pg_conn *c, struct slice job_id, bool alive,
                          int64_t now_us)
{
    struct pg_args a = {0};

    pg_arg_text(&a, job_id);
    pg_arg_bool(&a, alive);
    pg_arg_i64(&a, now_us);
    pg_do(c,
          "UPDATE deliveries SET status = CASE WHEN $2 THEN 0 ELSE 2 END,"
          " next_attempt_at = CASE WHEN $2 THEN $3 ELSE 0 END, updated_at = $3"
          " WHERE status <> 1 AND id = (SELECT (input::json ->> 'delivery_id')"
          "::bigint FROM jobs WHERE id = $1 AND kind = 'webhook')",
          &a);
}

static enum err_code do_claim(struct pg_conn *c, void *ctx, struct err *e)
{
    struct claim *cl = ctx;

    cl->found = false;
    for (;;) {
        struct pg_args a = {0};
        PGresult *r;
        bool some;
        enum err_code code;

        pg_arg_array(&a, PG_TEXT_ARRAY, cl->kinds);
        pg_arg_i64(&a, cl->now_us);
        pg_arg_text(&a, slice_of(cl->owner));
        pg_arg_i64(&a, cl->now_us + cl->lease_us);
        pg_ask(c, SQL_CLAIM, &a);
        code = fetch(c, &r, e);
        if (code != ERR_NONE)
            return code;
        if (postgres_lib.PQntuples(r) > 0)
            cl->lease->attempt = (int)pg_i64(r, 0, 0);
        code = take_job(r, cl->a, 1, cl->out, &some, e);
        if (code != ERR_NONE || !some)
            return code;
        cl->found = cl->out->state == JOB_RUNNING;
        if (cl->found)
            return ERR_NONE;
        move_delivery(c, cl->out->id, false, cl->now_us);
    }
}

/* When is the next job of these kinds due?  0: none. */
static enum err_code next_due(struct store *s, const struct buf *kinds,
                              int64_t *at, struct err *e)
{
    struct pg_args a = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_array(&a, PG_TEXT_ARRAY, kinds);
    code = postgres_query(s, &r,
                          "SELECT due_at FROM jobs WHERE due_at IS NOT NULL"
                          " AND kind = ANY ($1) ORDER BY due_at, seq LIMIT 1",
                          &a, e);
    if (code != ERR_NONE)
        return code;
    *at = postgres_lib.PQntuples(r) ? pg_i64(r, 0, 0) : 0;
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

/* Workers ask again and again; only when something is due is it worth a
 * transaction. */
static enum err_code claim_due(struct store *s, struct claim *cl,
                               int64_t *next_run_at, struct err *e)
{
    enum err_code code = next_due(s, cl->kinds, next_run_at, e);

    if (code != ERR_NONE || !*next_run_at || *next_run_at > cl->now_us)
        return code;
    code = postgres_transact(s, do_claim, cl, e);
    if (code != ERR_NONE || cl->found)
        return code;
    /* Others were faster, or jobs ended on the way. */
    code = next_due(s, cl->kinds, next_run_at, e);
    if (code == ERR_NONE && *next_run_at && *next_run_at <= cl->now_us)
        *next_run_at = cl->now_us + LOCKED_RETRY_US;
    return code;
}

static enum err_code claim(struct store *s, struct arena *a,
                           const char *const *kinds, const char *owner,
                           int64_t now_us, int64_t lease_us, struct job *out,
                           struct job_lease *lease, int64_t *next_run_at,
                           struct err *e)
{
    struct buf names;
    struct pg_args unused = {0};
    struct claim cl = {a, &names, owner, now_us, lease_us, out, lease, false};
    enum err_code code;

    arg_kinds(&unused, &names, kinds);
    code = claim_due(s, &cl, next_run_at, e);
    buf_release(&names);
    if (code != ERR_NONE)
        return code;
    if (!cl.found)
        return err_set(e, ERR_NOT_FOUND, "no job is due");
    snprintf(lease->job_id, sizeof(lease->job_id), "%.*s", SLICE_ARG(out->id));
    snprintf(lease->owner, sizeof(lease->owner), "%s", owner);
    return ERR_NONE;
}

/* ---- under a lease ---- */

static void arg_lease(struct pg_args *a, const struct job_lease *l)
{
    pg_arg_text(a, slice_of(l->job_id));
    pg_arg_text(a, slice_of(l->owner));
    pg_arg_i64(a, l->attempt);
}

static enum err_code lease_lost(const struct job_lease *l, struct err *e)
{
    return err_set(e, ERR_CONFLICT, "the lease of job '%s' is lost", l->job_id);
}

/* Each of these gives a row when the lease is held. */

void postgres_ask_progress(struct pg_conn *c, const struct job_lease *l,
                           double progress, struct slice checkpoint,
                           struct slice result, int64_t now_us)
{
    struct pg_args a = {0};

    arg_lease(&a, l);
    pg_arg_f64(&a, progress);
    pg_arg_text_or_null(&a, checkpoint);
    pg_arg_text_or_null(&a, result);
    pg_arg_i64(&a, now_us);
    pg_ask(c,
           "UPDATE jobs SET progress = $4,"
           " checkpoint = coalesce($5, checkpoint),"
           " result = coalesce($6, result), attempts = 1, updated_at = $7" HELD(
               1, 2, 3) " RETURNING cancel_requested",
           &a);
}

void postgres_ask_end(struct pg_conn *c, const struct job_lease *l,
                      enum job_state state, struct slice result,
                      struct slice error, int64_t now_us)
{
    struct pg_args a = {0};

    arg_lease(&a, l);
    pg_arg_i64(&a, state);
    pg_arg_text_or_null(&a, result);
    pg_arg_text(&a, error);
    pg_arg_i64(&a, now_us);
    pg_ask(c,
           "UPDATE jobs SET state = $4, result = coalesce($5, result),"
           " error = $6, updated_at = $7, lease_until = 0, owner = '',"
           " progress = CASE $4 WHEN 2 THEN 100 ELSE progress END" HELD(
               1, 2, 3) " RETURNING cancel_requested",
           &a);
}

void postgres_ask_release(struct pg_conn *c, const struct job_lease *l,
                          int64_t run_at, bool count, struct slice error,
                          int64_t now_us)
{
    struct pg_args a = {0};

    arg_lease(&a, l);
    pg_arg_i64(&a, run_at);
    pg_arg_i64(&a, !count);
    pg_arg_text(&a, error);
    pg_arg_i64(&a, now_us);
    pg_ask(c,
           "UPDATE jobs SET"
           " state = CASE WHEN cancel_requested THEN 4 ELSE 0 END,"
           " run_at = $4, attempts = greatest(0, attempts - $5), error = $6,"
           " updated_at = $7, lease_until = 0, owner = ''" HELD(
               1, 2, 3) " RETURNING cancel_requested",
           &a);
}

enum err_code postgres_next_held(struct pg_conn *c, const struct job_lease *l,
                                 bool *cancel, struct err *e)
{
    PGresult *r;
    enum err_code code = fetch(c, &r, e);

    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 0)
        code = lease_lost(l, e);
    else if (cancel)
        *cancel = pg_bool(r, 0, 0);
    postgres_lib.PQclear(r);
    return code;
}

/* A use case that is one statement under a lease: it commits by itself. */
struct leased {
    struct postgres *p;
    struct pg_conn *c;
};

static enum err_code leased_begin(struct leased *w, struct store *s,
                                  struct err *e)
{
    w->p = postgres_of(s);
    return postgres_take(w->p, &w->c, e);
}

static enum err_code leased_end(struct leased *w, const struct job_lease *l,
                                bool *cancel, struct err *e)
{
    PGresult *r;
    enum err_code code = pg_run(w->c, &r, e);

    postgres_give(w->p, w->c);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 0)
        code = lease_lost(l, e);
    else if (cancel)
        *cancel = pg_bool(r, 0, 0);
    postgres_lib.PQclear(r);
    return code;
}

static enum err_code heartbeat(struct store *s, const struct job_lease *l,
                               int64_t lease_until, bool *cancel, struct err *e)
{
    struct leased w;
    struct pg_args a = {0};
    enum err_code code = leased_begin(&w, s, e);

    if (code != ERR_NONE)
        return code;
    arg_lease(&a, l);
    pg_arg_i64(&a, lease_until);
    pg_ask(w.c,
           "UPDATE jobs SET lease_until = $4" HELD(
               1, 2, 3) " RETURNING cancel_requested",
           &a);
    return leased_end(&w, l, cancel, e);
}

static enum err_code progress(struct store *s, const struct job_lease *l,
                              double done, struct slice checkpoint,
                              struct slice result, int64_t now_us,
                              struct err *e)
{
    struct leased w;
    enum err_code code = leased_begin(&w, s, e);

    if (code != ERR_NONE)
        return code;
    postgres_ask_progress(w.c, l, done, checkpoint, result, now_us);
    return leased_end(&w, l, NULL, e);
}

static enum err_code finish(struct store *s, const struct job_lease *l,
                            enum job_state state, struct slice result,
                            struct slice error, int64_t now_us, struct err *e)
{
    struct leased w;
    enum err_code code = leased_begin(&w, s, e);

    if (code != ERR_NONE)
        return code;
    postgres_ask_end(w.c, l, state, result, error, now_us);
    return leased_end(&w, l, NULL, e);
}

static enum err_code release(struct store *s, const struct job_lease *l,
                             int64_t run_at, bool count, struct slice error,
                             int64_t now_us, struct err *e)
{
    struct leased w;
    enum err_code code = leased_begin(&w, s, e);

    if (code != ERR_NONE)
        return code;
    postgres_ask_release(w.c, l, run_at, count, error, now_us);
    return leased_end(&w, l, NULL, e);
}

/* ---- from outside ---- */

/* An order to a job: its UPDATE gives the new state; where it changes nothing,
 * the second query tells why. */
struct order {
    struct slice id;
    int64_t now_us;
    const char *sql, *why_not;
};

static enum err_code run_order(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct order *o = ctx;
    struct pg_args a = {0}, id = {0};
    PGresult *changed, *there;
    int64_t state = -1;
    enum err_code code;

    pg_arg_text(&id, o->id);
    a = id;
    pg_arg_i64(&a, o->now_us);
    pg_ask(c, o->sql, &a);
    pg_ask(c, "SELECT 1 FROM jobs WHERE id = $1", &id);
    code = fetch(c, &changed, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(changed))
        state = pg_i64(changed, 0, 0);
    postgres_lib.PQclear(changed);
    code = pg_next(c, &there, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(there) == 0)
        code = no_job(o->id, e);
    else if (state < 0)
        code = err_set(e, ERR_CONFLICT, "job '%.*s' %s", SLICE_ARG(o->id),
                       o->why_not);
    else if (state != JOB_RUNNING)
        move_delivery(c, o->id, state == JOB_QUEUED, o->now_us);
    postgres_lib.PQclear(there);
    return code;
}

static enum err_code cancel(struct store *s, struct slice id, int64_t now_us,
                            struct err *e)
{
    struct order o = {
        id, now_us,
        "UPDATE jobs SET updated_at = $2, cancel_requested = true,"
        " state = CASE state WHEN 0 THEN 4 ELSE state END"
        " WHERE id = $1 AND state IN (0, 1) RETURNING state",
        "has ended already"};

    return postgres_transact(s, run_order, &o, e);
}

static enum err_code restart(struct store *s, struct slice id, int64_t now_us,
                             struct err *e)
{
    struct order o = {id, now_us,
                      "UPDATE jobs SET updated_at = $2, run_at = $2, state = 0,"
                      " attempts = 0, cancel_requested = false, error = ''"
                      " WHERE id = $1 AND state IN (3, 4) RETURNING state",
                      "has neither failed nor been cancelled"};

    return postgres_transact(s, run_order, &o, e);
}

/* Other processes hold leases too, and which are dead only time can tell. */
static enum err_code recover(struct store *s, int64_t now_us, struct err *e)
{
    (void)s;
    (void)now_us;
    (void)e;
    return ERR_NONE;
}

const struct job_ops postgres_job_ops = {
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
