/* sqlite_scrape.c - results of scrapes and the webhook outbox.  Schedules,
 * coverage and the limiter are in sqlite_plans.c. */
#include "store/sqlite_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

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

static enum err_code put_result(struct db *c, const struct scraped *sc,
                                const struct paper *p, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "INSERT INTO scrape_results(" ARRIVAL_COLUMNS ", job_id, found_at)"
            " VALUES (" ARRIVAL_MARKS ", ?, ?)"
            " ON CONFLICT(job_id, url) DO UPDATE SET"
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
            " relevance = excluded.relevance, tags = excluded.tags");
    arrival_bind(&q, p);
    q_text(&q, slice_of(sc->l->job_id));
    q_int(&q, sc->now_us);
    return q_run(&q, NULL, e);
}

static enum err_code do_page(struct sqlite_store *s, struct db *c, void *ctx,
                             struct err *e)
{
    struct scraped *sc = ctx;
    enum err_code code = job_write_progress(
        c, sc->l, sc->progress, sc->checkpoint, sc->result, sc->now_us, e);

    (void)s;
    for (size_t i = 0; i < sc->n && code == ERR_NONE; i++)
        code = put_result(c, sc, &sc->papers[i], e);
    return code;
}

static enum err_code page(struct store *s, const struct job_lease *l,
                          const struct paper *found, size_t n, double progress,
                          struct slice checkpoint, struct slice result,
                          int64_t now_us, struct err *e)
{
    struct scraped sc = {l, found, n, progress, checkpoint, result, now_us};

    return writer_run(sqlite_downcast(s), do_page, &sc, e);
}

static void read_arrival(struct query *q, struct arena *a, void *row)
{
    arrival_read(q, a, row);
}

/* The rows of q are arrivals; q is ended. */
static enum err_code read_arrivals(struct query *q, struct arena *a,
                                   struct paper **out, size_t *n, struct err *e)
{
    struct rows rows = {.a = a, .size = sizeof(struct paper)};
    enum err_code code = q_rows(q, &rows, read_arrival, e);

    *out = (struct paper *)(void *)rows.p;
    *n = rows.n;
    return code;
}

static enum err_code papers(struct store *base, struct arena *a,
                            struct slice job_id, struct paper **out, size_t *n,
                            struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT " ARRIVAL_COLUMNS " FROM scrape_results WHERE job_id = ?"
            " ORDER BY seq");
    q_text(&q, job_id);
    code = read_arrivals(&q, a, out, n, e);
    db_put(s, c);
    return code;
}

static enum err_code latest(struct store *base, struct arena *a, int limit,
                            struct paper **out, size_t *n, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT " ARRIVAL_COLUMNS " FROM scrape_results"
            " ORDER BY seq DESC LIMIT ?");
    q_int(&q, limit);
    code = read_arrivals(&q, a, out, n, e);
    db_put(s, c);
    return code;
}

/* ---- the end of a scrape ---- */

/* The job that sends a delivery. */
static enum err_code make_webhook_job(struct db *c, int64_t delivery_id,
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
    code = job_insert(c, a, &spec, 0, &made, &existing, e);
    arena_free(a);
    return code;
}

static enum err_code insert_delivery(struct db *c, const char *job_id,
                                     const struct delivery_new *d,
                                     int64_t now_us, struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "INSERT INTO deliveries(webhook_id, job_id, status, attempts,"
            " next_attempt_at, created_at, updated_at, delivered_at,"
            " last_status, last_error, body_bytes, papers_created,"
            " papers_updated, papers_unchanged, body)"
            " VALUES (?, ?, 0, 0, ?, ?, ?, 0, 0, '', ?, -1, -1, -1, ?)");
    q_text(&q, d->webhook_id);
    q_text(&q, slice_of(job_id));
    q_int(&q, now_us);
    q_int(&q, now_us);
    q_int(&q, now_us);
    q_int(&q, (int64_t)d->body.len);
    q_text(&q, d->body);
    code = q_run(&q, NULL, e);
    return code == ERR_NONE
               ? make_webhook_job(c, sqlite3_last_insert_rowid(c->db), now_us,
                                  e)
               : code;
}

/* The schedule of a scrape has a success when the scrape completed and nothing
 * of it waits or is dead. */
static enum err_code confirm_schedule(struct db *c, struct slice job_id,
                                      struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE schedules SET last_confirmed_at = max(last_confirmed_at,"
            "   (SELECT created_at FROM jobs WHERE id = ?1))"
            " WHERE id = (SELECT schedule_id FROM jobs"
            "   WHERE id = ?1 AND state = 2 AND schedule_id <> 0)"
            " AND NOT EXISTS (SELECT 1 FROM deliveries"
            "   WHERE job_id = ?1 AND status <> 1)");
    q_text(&q, job_id);
    return q_run(&q, NULL, e);
}

static enum err_code confirm_delivery(struct db *c, int64_t id, struct err *e)
{
    struct arena *a = arena_new(SCRATCH_BYTES);
    struct slice job_id = SLICE_NONE;
    struct query q;
    enum err_code code;

    if (!a)
        return err_set(e, ERR_INTERNAL, "out of memory");
    q_start(&q, c, "SELECT job_id FROM deliveries WHERE id = ?");
    q_int(&q, id);
    if (q_next(&q))
        job_id = q_get_text(&q, a);
    code = q_end(&q, e);
    if (code == ERR_NONE)
        code = confirm_schedule(c, job_id, e);
    arena_free(a);
    return code;
}

struct ending {
    const struct job_lease *l;
    enum job_state state;
    struct slice result, error;
    const struct delivery_new *deliveries;
    size_t n;
    int64_t now_us;
};

static enum err_code do_finish(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    struct ending *end = ctx;
    enum err_code code = job_write_end(c, end->l, end->state, end->result,
                                       end->error, end->now_us, e);

    (void)s;
    for (size_t i = 0; i < end->n && code == ERR_NONE; i++)
        code = insert_delivery(c, end->l->job_id, &end->deliveries[i],
                               end->now_us, e);
    if (code == ERR_NONE)
        code = confirm_schedule(c, slice_of(end->l->job_id), e);
    return code;
}

static enum err_code finish(struct store *s, const struct job_lease *l,
                            enum job_state state, struct slice result,
                            struct slice error,
                            const struct delivery_new *deliveries, size_t n,
                            int64_t now_us, struct err *e)
{
    struct ending end = {l, state, result, error, deliveries, n, now_us};

    return writer_run(sqlite_downcast(s), do_finish, &end, e);
}

/* ---- reading the outbox ---- */

#define DELIVERY_COLUMNS                                                       \
    "id, webhook_id, job_id, status, attempts, next_attempt_at, created_at,"   \
    " updated_at, delivered_at, last_status, last_error, body_bytes,"          \
    " papers_created, papers_updated, papers_unchanged"

static void read_delivery(struct query *q, struct arena *a, void *row)
{
    struct delivery *d = row;

    d->id = q_get_int(q);
    d->webhook_id = q_get_text(q, a);
    d->job_id = q_get_text(q, a);
    d->status = (enum delivery_status)q_get_int(q);
    d->attempts = (int)q_get_int(q);
    d->next_attempt_at = q_get_int(q);
    d->created_at = q_get_int(q);
    d->updated_at = q_get_int(q);
    d->delivered_at = q_get_int(q);
    d->last_status = (int)q_get_int(q);
    d->last_error = q_get_text(q, a);
    d->body_bytes = q_get_int(q);
    d->papers_created = q_get_int(q);
    d->papers_updated = q_get_int(q);
    d->papers_unchanged = q_get_int(q);
}

static enum err_code no_delivery(int64_t id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no delivery '%lld'", (long long)id);
}

static enum err_code delivery_get(struct store *base, struct arena *a,
                                  int64_t id, struct delivery *out,
                                  struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    bool found;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT " DELIVERY_COLUMNS ", body FROM deliveries WHERE id = ?");
    q_int(&q, id);
    found = q_next(&q);
    if (found) {
        read_delivery(&q, a, out);
        out->body = q_get_text(&q, a);
    }
    code = q_end(&q, e);
    db_put(s, c);
    return code == ERR_NONE && !found ? no_delivery(id, e) : code;
}

static void read_attempt(struct query *q, struct arena *a, void *row)
{
    struct delivery_attempt *at = row;

    at->n = (int)q_get_int(q);
    at->at = q_get_int(q);
    at->took_ms = q_get_int(q);
    at->status = (int)q_get_int(q);
    at->error = q_get_text(q, a);
    at->response = q_get_text(q, a);
}

static enum err_code read_attempts(struct db *c, int64_t id, struct rows *rows,
                                   struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT n, at, took_ms, status, error, response"
            " FROM delivery_attempts WHERE delivery_id = ? ORDER BY n");
    q_int(&q, id);
    return q_rows(&q, rows, read_attempt, e);
}

static enum err_code delivery_attempts(struct store *base, struct arena *a,
                                       int64_t id,
                                       struct delivery_attempt **out, size_t *n,
                                       struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct delivery_attempt)};
    int64_t there = 0;
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT count(*) FROM deliveries WHERE id = ?");
    q_int(&q, id);
    code = q_one_int(&q, 0, &there, e);
    if (code == ERR_NONE)
        code = there ? read_attempts(c, id, &rows, e) : no_delivery(id, e);
    db_put(s, c);
    *out = (struct delivery_attempt *)(void *)rows.p;
    *n = rows.n;
    return code;
}

#define LISTED                                                                 \
    " FROM deliveries WHERE (?1 < 0 OR status = ?1)"                           \
    " AND (?2 = '' OR job_id = ?2)"

static enum err_code read_deliveries(struct db *c, int status,
                                     struct slice job_id, int64_t offset,
                                     int limit, struct rows *rows,
                                     int64_t *count, struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c, "SELECT count(*)" LISTED);
    q_int(&q, status);
    q_text(&q, job_id);
    code = q_one_int(&q, 0, count, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT " DELIVERY_COLUMNS LISTED
            " ORDER BY id DESC LIMIT ? OFFSET ?");
    q_int(&q, status);
    q_text(&q, job_id);
    q_int(&q, limit);
    q_int(&q, offset);
    return q_rows(&q, rows, read_delivery, e);
}

static enum err_code deliveries_list(struct store *base, struct arena *a,
                                     int status, struct slice job_id,
                                     int64_t offset, int limit,
                                     struct delivery **out, size_t *n,
                                     int64_t *count, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct delivery)};
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_deliveries(c, status, job_id, offset, limit, &rows, count, e);
    db_put(s, c);
    *out = (struct delivery *)(void *)rows.p;
    *n = rows.n;
    return code;
}

/* ---- reports ---- */

struct reporting {
    const struct job_lease *l;
    const struct delivery_outcome *o;
};

static enum err_code
insert_attempt(struct db *c, const struct delivery_outcome *o, struct err *e)
{
    const struct delivery_attempt *at = &o->attempt;
    struct query q;
    int64_t changed = 0;
    enum err_code code;

    q_start(&q, c,
            "INSERT INTO delivery_attempts SELECT id, attempts + 1, ?, ?, ?,"
            " ?, ? FROM deliveries WHERE id = ?");
    q_int(&q, at->at);
    q_int(&q, at->took_ms);
    q_int(&q, at->status);
    q_text(&q, at->error);
    q_text(&q, utf8_cut(at->response, RESPONSE_BYTES));
    q_int(&q, o->delivery_id);
    code = q_run(&q, &changed, e);
    return code == ERR_NONE && !changed ? no_delivery(o->delivery_id, e) : code;
}

static enum err_code update_delivery(struct db *c,
                                     const struct delivery_outcome *o,
                                     enum delivery_status status, struct err *e)
{
    bool delivered = status == DELIVERY_DELIVERED;
    struct query q;

    q_start(&q, c,
            "UPDATE deliveries SET status = ?1, attempts = attempts + 1,"
            " next_attempt_at = iif(?1 = 0, ?2, 0), last_status = ?3,"
            " last_error = ?4, updated_at = ?5,"
            " delivered_at = iif(?1 = 1, ?5, delivered_at),"
            " papers_created = ifnull(?6, papers_created),"
            " papers_updated = ifnull(?7, papers_updated),"
            " papers_unchanged = ifnull(?8, papers_unchanged) WHERE id = ?9");
    q_int(&q, status);
    q_int(&q, o->retry_at);
    q_int(&q, o->attempt.status);
    q_text(&q, o->attempt.error);
    q_int(&q, o->now_us);
    q_int_or_null(&q, delivered, o->papers_created);
    q_int_or_null(&q, delivered, o->papers_updated);
    q_int_or_null(&q, delivered, o->papers_unchanged);
    q_int(&q, o->delivery_id);
    return q_run(&q, NULL, e);
}

static enum err_code end_webhook_job(struct db *c, const struct job_lease *l,
                                     const struct delivery_outcome *o,
                                     struct err *e)
{
    struct slice error = o->attempt.error;

    switch (o->status) {
    case DELIVERY_DELIVERED:
        return job_write_end(c, l, JOB_COMPLETED, SLICE_NONE, SLICE_NONE,
                             o->now_us, e);
    case DELIVERY_DEAD:
        return job_write_end(c, l, JOB_FAILED, SLICE_NONE, error, o->now_us, e);
    case DELIVERY_PENDING:
        break;
    }
    /* A report is progress: the process lives. */
    return job_write_release(c, l, o->retry_at, false, error, o->now_us, e);
}

static enum err_code do_report(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    struct reporting *r = ctx;
    const struct delivery_outcome *o = r->o;
    enum delivery_status status = o->status;
    int64_t cancelled = 0;
    struct query q;
    enum err_code code = job_check_lease(c, r->l, e);

    (void)s;
    if (code == ERR_NONE) {
        q_start(&q, c, "SELECT cancel_requested FROM jobs WHERE id = ?");
        q_text(&q, slice_of(r->l->job_id));
        code = q_one_int(&q, 0, &cancelled, e);
    }
    if (status == DELIVERY_PENDING && cancelled)
        status = DELIVERY_DEAD;
    if (code == ERR_NONE)
        code = insert_attempt(c, o, e);
    if (code == ERR_NONE)
        code = update_delivery(c, o, status, e);
    if (code == ERR_NONE)
        code = end_webhook_job(c, r->l, o, e);
    if (code == ERR_NONE && status == DELIVERY_DELIVERED)
        code = confirm_delivery(c, o->delivery_id, e);
    return code;
}

static enum err_code delivery_report(struct store *s, const struct job_lease *l,
                                     const struct delivery_outcome *o,
                                     struct err *e)
{
    struct reporting r = {l, o};

    return writer_run(sqlite_downcast(s), do_report, &r, e);
}

struct replaying {
    int64_t id, now_us;
};

static enum err_code do_replay(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    struct replaying *r = ctx;
    int64_t status = -1;
    struct query q;
    enum err_code code;

    (void)s;
    q_start(&q, c, "SELECT status FROM deliveries WHERE id = ?");
    q_int(&q, r->id);
    code = q_one_int(&q, -1, &status, e);
    if (code != ERR_NONE)
        return code;
    if (status < 0)
        return no_delivery(r->id, e);
    if (status == DELIVERY_PENDING)
        return err_set(e, ERR_CONFLICT, "delivery '%lld' is still pending",
                       (long long)r->id);
    q_start(&q, c,
            "UPDATE deliveries SET status = 0, next_attempt_at = ?1,"
            " updated_at = ?1 WHERE id = ?2");
    q_int(&q, r->now_us);
    q_int(&q, r->id);
    code = q_run(&q, NULL, e);
    return code == ERR_NONE ? make_webhook_job(c, r->id, r->now_us, e) : code;
}

static enum err_code delivery_replay(struct store *s, int64_t id,
                                     int64_t now_us, struct err *e)
{
    struct replaying r = {id, now_us};

    return writer_run(sqlite_downcast(s), do_replay, &r, e);
}

const struct scrape_ops sqlite_scrape_ops = {
    .page = page,
    .papers = papers,
    .latest = latest,
    .finish = finish,

    .delivery_get = delivery_get,
    .delivery_attempts = delivery_attempts,
    .deliveries_list = deliveries_list,
    .delivery_report = delivery_report,
    .delivery_replay = delivery_replay,

    .schedule_put = sqlite_schedule_put,
    .schedule_get = sqlite_schedule_get,
    .schedule_delete = sqlite_schedule_delete,
    .schedules_list = sqlite_schedules_list,
    .schedule_fire = sqlite_schedule_fire,

    .coverage_put = sqlite_coverage_put,
    .coverage_list = sqlite_coverage_list,

    .limiter_update = sqlite_limiter_update,
};
