/* postgres_scrape.c - results of scrapes and the webhook outbox.  Schedules,
 * coverage and the limiter are in postgres_plans.c. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "store/postgres_jobs.h"
#include "store/postgres_plans.h"

/* A job made here is read back into an arena and dropped. */
#define SCRATCH_BYTES (1u << 20)
#define RESPONSE_BYTES 2000

_Static_assert(DELIVERY_PENDING == 0 && DELIVERY_DELIVERED == 1 &&
                   DELIVERY_DEAD == 2,
               "the SQL below has the numbers");

/* ---- results ---- */

struct scraped {
    const struct job_lease *l;
    const struct paper *papers;
    size_t n;
    double progress;
    struct slice checkpoint, result;
    int64_t now_us;
};

/* The last paper of that URL in the page: it replaces those before it. */
static const struct paper *last_of(const struct scraped *sc, size_t i)
{
    const struct paper *last = &sc->papers[i];

    for (size_t k = i + 1; k < sc->n; k++)
        if (slice_eq(sc->papers[k].url, sc->papers[i].url))
            last = &sc->papers[k];
    return last;
}

static bool is_repeated(const struct scraped *sc, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (slice_eq(sc->papers[k].url, sc->papers[i].url))
            return true;
    return false;
}

static void put_results(struct pg_conn *c, const struct scraped *sc)
{
    struct pg_args a = {0};
    struct pg_columns t;

    postgres_columns_init(&t);
    for (size_t i = 0; i < sc->n; i++)
        if (!is_repeated(sc, i))
            postgres_columns_add(&t, last_of(sc, i));
    postgres_columns_args(&t, &a);
    pg_arg_text(&a, slice_of(sc->l->job_id));
    pg_arg_i64(&a, sc->now_us);
    pg_do(c,
          "INSERT INTO scrape_results(" ARRIVAL_COLUMNS ", job_id, found_at)"
          " SELECT u.*, $21, $22 FROM unnest(" PG_ARRIVAL_PARAMS ") u"
          " ON CONFLICT (job_id, url) DO UPDATE SET"
          " title = excluded.title, abstract = excluded.abstract,"
          " authors = excluded.authors, author_list = excluded.author_list,"
          " pdf_url = excluded.pdf_url, source = excluded.source,"
          " source_id = excluded.source_id, version = excluded.version,"
          " published_at = excluded.published_at,"
          " source_updated_at = excluded.source_updated_at,"
          " arxiv_categories = excluded.arxiv_categories,"
          " primary_category = excluded.primary_category,"
          " doi = excluded.doi, journal_ref = excluded.journal_ref,"
          " comment = excluded.comment, category = excluded.category,"
          " relevance_score = excluded.relevance_score,"
          " relevance = excluded.relevance, tags = excluded.tags",
          &a);
    postgres_columns_release(&t);
}

static enum err_code do_page(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct scraped *sc = ctx;

    postgres_ask_progress(c, sc->l, sc->progress, sc->checkpoint, sc->result,
                          sc->now_us);
    if (sc->n)
        put_results(c, sc);
    return postgres_next_held(c, sc->l, NULL, e);
}

static enum err_code page(struct store *s, const struct job_lease *l,
                          const struct paper *found, size_t n, double progress,
                          struct slice checkpoint, struct slice result,
                          int64_t now_us, struct err *e)
{
    struct scraped sc = {l, found, n, progress, checkpoint, result, now_us};

    return postgres_transact(s, do_page, &sc, e);
}

static enum err_code papers(struct store *s, struct arena *a,
                            struct slice job_id, struct paper **out, size_t *n,
                            struct err *e)
{
    struct pg_args args = {0};

    pg_arg_text(&args, job_id);
    return postgres_select(
        s, a,
        &(struct pg_select){.sql = "SELECT " ARRIVAL_COLUMNS
                                   " FROM scrape_results WHERE job_id = $1"
                                   " ORDER BY seq",
                            .args = &args,
                            .size = sizeof(**out),
                            .read = postgres_read_arrival},
        out, n, NULL, e);
}

static enum err_code latest(struct store *s, struct arena *a, int limit,
                            struct paper **out, size_t *n, struct err *e)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, limit);
    return postgres_select(
        s, a,
        &(struct pg_select){.sql =
                                "SELECT " ARRIVAL_COLUMNS " FROM scrape_results"
                                " ORDER BY seq DESC LIMIT $1",
                            .args = &args,
                            .size = sizeof(**out),
                            .read = postgres_read_arrival},
        out, n, NULL, e);
}

/* ---- the end of a scrape ---- */

/* The job that sends a delivery. */
static enum err_code make_webhook_job(struct pg_conn *c, int64_t delivery_id,
                                      int64_t now_us, struct err *e)
{
    struct arena *a = arena_new(SCRATCH_BYTES);
    char input[64];
    struct job_new spec = {
        .kind = "webhook",
        .id_prefix = "webhook",
        .max_attempts = WEBHOOK_JOB_MAX_ATTEMPTS,
        .run_at = now_us,
        .now_us = now_us,
    };
    struct job made;
    bool existing;
    enum err_code code;

    if (!a)
        return err_set(e, ERR_INTERNAL, "out of memory");
    snprintf(input, sizeof(input), "{\"delivery_id\":%lld}",
             (long long)delivery_id);
    spec.input = slice_of(input);
    code = postgres_job_insert(c, a, &spec, 0, &made, &existing, e);
    arena_free(a);
    return code;
}

static enum err_code insert_delivery(struct pg_conn *c, const char *job_id,
                                     const struct delivery_new *d,
                                     int64_t now_us, struct err *e)
{
    struct pg_args a = {0};
    PGresult *r;
    int64_t id;
    enum err_code code;

    pg_arg_text(&a, d->webhook_id);
    pg_arg_text(&a, slice_of(job_id));
    pg_arg_i64(&a, now_us);
    pg_arg_i64(&a, (int64_t)d->body.len);
    pg_arg_text(&a, d->body);
    pg_ask(c,
           "INSERT INTO deliveries(webhook_id, job_id, status, attempts,"
           " next_attempt_at, created_at, updated_at, delivered_at,"
           " last_status, last_error, body_bytes, papers_created,"
           " papers_updated, papers_unchanged, body)"
           " VALUES ($1, $2, 0, 0, $3, $3, $3, 0, 0, '', $4, -1, -1, -1, $5)"
           " RETURNING id",
           &a);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    id = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    return make_webhook_job(c, id, now_us, e);
}

/* The schedule of a scrape has a success when the scrape completed and nothing
 * of it waits or is dead. */
#define SQL_CONFIRM(job_id)                                                    \
    "UPDATE schedules SET last_confirmed_at = greatest(last_confirmed_at,"     \
    "  j.created_at) FROM jobs j WHERE j.id = " job_id " AND j.state = 2"      \
    " AND schedules.id = j.schedule_id AND NOT EXISTS (SELECT 1"               \
    "  FROM deliveries d WHERE d.job_id = j.id AND d.status <> 1)"

struct ending {
    const struct job_lease *l;
    enum job_state state;
    struct slice result, error;
    const struct delivery_new *deliveries;
    size_t n;
    int64_t now_us;
};

static enum err_code do_finish(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct ending *end = ctx;
    struct pg_args a = {0};
    enum err_code code;

    postgres_ask_end(c, end->l, end->state, end->result, end->error,
                     end->now_us);
    code = postgres_next_held(c, end->l, NULL, e);
    for (size_t i = 0; i < end->n && code == ERR_NONE; i++)
        code = insert_delivery(c, end->l->job_id, &end->deliveries[i],
                               end->now_us, e);
    pg_arg_text(&a, slice_of(end->l->job_id));
    pg_do(c, SQL_CONFIRM("$1"), &a);
    return code;
}

static enum err_code finish(struct store *s, const struct job_lease *l,
                            enum job_state state, struct slice result,
                            struct slice error,
                            const struct delivery_new *deliveries, size_t n,
                            int64_t now_us, struct err *e)
{
    struct ending end = {l, state, result, error, deliveries, n, now_us};

    return postgres_transact(s, do_finish, &end, e);
}

/* ---- reading the outbox ---- */

#define DELIVERY_COLUMNS                                                       \
    "id, webhook_id, job_id, status, attempts, next_attempt_at, created_at,"   \
    " updated_at, delivered_at, last_status, last_error, body_bytes,"          \
    " papers_created, papers_updated, papers_unchanged"

static void read_delivery(struct pg_row *w, void *element)
{
    struct delivery *d = element;

    d->id = pg_row_i64(w);
    d->webhook_id = pg_row_text(w);
    d->job_id = pg_row_text(w);
    d->status = (enum delivery_status)pg_row_i64(w);
    d->attempts = (int)pg_row_i64(w);
    d->next_attempt_at = pg_row_i64(w);
    d->created_at = pg_row_i64(w);
    d->updated_at = pg_row_i64(w);
    d->delivered_at = pg_row_i64(w);
    d->last_status = (int)pg_row_i64(w);
    d->last_error = pg_row_text(w);
    d->body_bytes = pg_row_i64(w);
    d->papers_created = pg_row_i64(w);
    d->papers_updated = pg_row_i64(w);
    d->papers_unchanged = pg_row_i64(w);
}

static void read_whole_delivery(struct pg_row *w, void *element)
{
    read_delivery(w, element);
    ((struct delivery *)element)->body = pg_row_text(w);
}

static enum err_code no_delivery(int64_t id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no delivery '%lld'", (long long)id);
}

static enum err_code delivery_get(struct store *s, struct arena *a, int64_t id,
                                  struct delivery *out, struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    pg_arg_i64(&args, id);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql = "SELECT " DELIVERY_COLUMNS
                                   ", body FROM deliveries WHERE id = $1",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = read_whole_delivery},
        out, &found, e);
    return code == ERR_NONE && !found ? no_delivery(id, e) : code;
}

static void read_attempt(struct pg_row *w, void *element)
{
    struct delivery_attempt *at = element;

    at->n = (int)pg_row_i64(w);
    at->at = pg_row_i64(w);
    at->took_ms = pg_row_i64(w);
    at->status = (int)pg_row_i64(w);
    at->error = pg_row_text(w);
    at->response = pg_row_text(w);
}

static enum err_code delivery_attempts(struct store *s, struct arena *a,
                                       int64_t id,
                                       struct delivery_attempt **out, size_t *n,
                                       struct err *e)
{
    struct pg_args args = {0};
    int64_t there;
    enum err_code code;

    pg_arg_i64(&args, id);
    code = postgres_select(
        s, a,
        &(struct pg_select){
            .sql = "SELECT n, at, took_ms, status, error, response"
                   " FROM delivery_attempts WHERE delivery_id = $1 ORDER BY n",
            .args = &args,
            .count_sql = "SELECT count(*) FROM deliveries WHERE id = $1",
            .count_args = &args,
            .size = sizeof(**out),
            .read = read_attempt},
        out, n, &there, e);
    return code == ERR_NONE && there == 0 ? no_delivery(id, e) : code;
}

#define LISTED                                                                 \
    " FROM deliveries WHERE ($1 < 0 OR status = $1)"                           \
    " AND ($2 = '' OR job_id = $2)"

static enum err_code deliveries_list(struct store *s, struct arena *a,
                                     int status, struct slice job_id,
                                     int64_t offset, int limit,
                                     struct delivery **out, size_t *n,
                                     int64_t *count, struct err *e)
{
    struct pg_args args = {0}, count_args;

    pg_arg_i64(&args, status);
    pg_arg_text(&args, job_id);
    count_args = args;
    pg_arg_i64(&args, limit);
    pg_arg_i64(&args, offset);
    return postgres_select(
        s, a,
        &(struct pg_select){.sql = "SELECT " DELIVERY_COLUMNS LISTED
                                   " ORDER BY id DESC LIMIT $3 OFFSET $4",
                            .args = &args,
                            .count_sql = "SELECT count(*)" LISTED,
                            .count_args = &count_args,
                            .size = sizeof(**out),
                            .read = read_delivery},
        out, n, count, e);
}

/* ---- reports ---- */

struct reporting {
    const struct job_lease *l;
    const struct delivery_outcome *o;
};

static void ask_webhook_job(struct pg_conn *c, const struct job_lease *l,
                            const struct delivery_outcome *o)
{
    switch (o->status) {
    case DELIVERY_DELIVERED:
        postgres_ask_end(c, l, JOB_COMPLETED, SLICE_NONE, SLICE_NONE,
                         o->now_us);
        return;
    case DELIVERY_DEAD:
        postgres_ask_end(c, l, JOB_FAILED, SLICE_NONE, o->attempt.error,
                         o->now_us);
        return;
    case DELIVERY_PENDING:
        break;
    }
    /* A report is progress: the process lives. */
    postgres_ask_release(c, l, o->retry_at, false, o->attempt.error, o->now_us);
}

static void ask_attempt(struct pg_conn *c, const struct delivery_outcome *o)
{
    const struct delivery_attempt *at = &o->attempt;
    struct pg_args a = {0};

    pg_arg_i64(&a, at->at);
    pg_arg_i64(&a, at->took_ms);
    pg_arg_i64(&a, at->status);
    pg_arg_text(&a, at->error);
    pg_arg_text(&a, utf8_cut(at->response, RESPONSE_BYTES));
    pg_arg_i64(&a, o->delivery_id);
    pg_ask(c,
           "INSERT INTO delivery_attempts SELECT id, attempts + 1, $1, $2, $3,"
           " $4, $5 FROM deliveries WHERE id = $6 RETURNING n",
           &a);
}

static void update_delivery(struct pg_conn *c, const struct delivery_outcome *o,
                            enum delivery_status status)
{
    struct pg_args a = {0};

    pg_arg_i64(&a, status);
    pg_arg_i64(&a, o->retry_at);
    pg_arg_i64(&a, o->attempt.status);
    pg_arg_text(&a, o->attempt.error);
    pg_arg_i64(&a, o->now_us);
    pg_arg_i64(&a, o->papers_created);
    pg_arg_i64(&a, o->papers_updated);
    pg_arg_i64(&a, o->papers_unchanged);
    pg_arg_i64(&a, o->delivery_id);
    pg_do(c,
          "UPDATE deliveries SET status = $1, attempts = attempts + 1,"
          " next_attempt_at = CASE $1 WHEN 0 THEN $2 ELSE 0 END,"
          " last_status = $3, last_error = $4, updated_at = $5,"
          " delivered_at = CASE $1 WHEN 1 THEN $5 ELSE delivered_at END,"
          " papers_created = CASE $1 WHEN 1 THEN $6 ELSE papers_created END,"
          " papers_updated = CASE $1 WHEN 1 THEN $7 ELSE papers_updated END,"
          " papers_unchanged ="
          "   CASE $1 WHEN 1 THEN $8 ELSE papers_unchanged END WHERE id = $9",
          &a);
}

/* The job's row first: it is locked by whoever reports, cancels or claims. */
static enum err_code do_report(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct reporting *r = ctx;
    const struct delivery_outcome *o = r->o;
    enum delivery_status status = o->status;
    struct pg_args a = {0};
    bool cancelled = false;
    PGresult *attempt;
    enum err_code code;

    ask_webhook_job(c, r->l, o);
    ask_attempt(c, o);
    code = postgres_next_held(c, r->l, &cancelled, e);
    if (code == ERR_NONE)
        code = pg_next(c, &attempt, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(attempt) == 0)
        code = no_delivery(o->delivery_id, e);
    postgres_lib.PQclear(attempt);
    if (code != ERR_NONE)
        return code;
    if (status == DELIVERY_PENDING && cancelled)
        status = DELIVERY_DEAD;
    update_delivery(c, o, status);
    if (status == DELIVERY_DELIVERED) {
        pg_arg_i64(&a, o->delivery_id);
        pg_do(c, SQL_CONFIRM("(SELECT job_id FROM deliveries WHERE id = $1)"),
              &a);
    }
    return ERR_NONE;
}

static enum err_code delivery_report(struct store *s, const struct job_lease *l,
                                     const struct delivery_outcome *o,
                                     struct err *e)
{
    struct reporting r = {l, o};

    return postgres_transact(s, do_report, &r, e);
}

struct replaying {
    int64_t id, now_us;
};

static enum err_code do_replay(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct replaying *w = ctx;
    struct pg_args a = {0}, id = {0};
    PGresult *r;
    int64_t status = -1;
    enum err_code code;

    pg_arg_i64(&id, w->id);
    a = id;
    pg_arg_i64(&a, w->now_us);
    pg_ask(c, "SELECT status FROM deliveries WHERE id = $1 FOR UPDATE", &id);
    pg_do(c,
          "UPDATE deliveries SET status = 0, next_attempt_at = $2,"
          " updated_at = $2 WHERE id = $1 AND status <> 0",
          &a);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r))
        status = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    if (status < 0)
        return no_delivery(w->id, e);
    if (status == DELIVERY_PENDING)
        return err_set(e, ERR_CONFLICT, "delivery '%lld' is still pending",
                       (long long)w->id);
    return make_webhook_job(c, w->id, w->now_us, e);
}

static enum err_code delivery_replay(struct store *s, int64_t id,
                                     int64_t now_us, struct err *e)
{
    struct replaying w = {id, now_us};

    return postgres_transact(s, do_replay, &w, e);
}

const struct scrape_ops postgres_scrape_ops = {
    .page = page,
    .papers = papers,
    .latest = latest,
    .finish = finish,

    .delivery_get = delivery_get,
    .delivery_attempts = delivery_attempts,
    .deliveries_list = deliveries_list,
    .delivery_report = delivery_report,
    .delivery_replay = delivery_replay,

    .schedule_put = postgres_schedule_put,
    .schedule_get = postgres_schedule_get,
    .schedule_delete = postgres_schedule_delete,
    .schedules_list = postgres_schedules_list,
    .schedule_fire = postgres_schedule_fire,

    .coverage_put = postgres_coverage_put,
    .coverage_list = postgres_coverage_list,

    .limiter_update = postgres_limiter_update,
};
