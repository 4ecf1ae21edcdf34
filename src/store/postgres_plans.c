/* postgres_plans.c - schedules, coverage, and the politeness limiter's state.
 */
#include "store/postgres_plans.h"

#include "store/postgres_jobs.h"

/* ---- schedules ---- */

#define SCHEDULE_COLUMNS                                                       \
    "id, source, category, query, arxiv_categories, at, tz, every_s, days,"    \
    " max_results, enabled, next_run_at, last_run_at, last_confirmed_at,"      \
    " last_job_id, created_at, updated_at"

static enum err_code no_schedule(int64_t id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no schedule '%lld'", (long long)id);
}

static void read_schedule(struct pg_row *w, void *element)
{
    struct schedule *s = element;

    s->id = pg_row_i64(w);
    s->source = pg_row_text(w);
    s->category = pg_row_text(w);
    s->query = pg_row_text(w);
    s->arxiv_categories = pg_row_text(w);
    s->at = pg_row_text(w);
    s->tz = pg_row_text(w);
    s->every_s = pg_row_i64(w);
    s->days = pg_row_i64(w);
    s->max_results = pg_row_i64(w);
    s->enabled = pg_row_bool(w);
    s->next_run_at = pg_row_i64(w);
    s->last_run_at = pg_row_i64(w);
    s->last_confirmed_at = pg_row_i64(w);
    s->last_job_id = pg_row_text(w);
    s->created_at = pg_row_i64(w);
    s->updated_at = pg_row_i64(w);
}

enum err_code postgres_schedule_put(struct store *s, const struct schedule *sch,
                                    int64_t now_us, int64_t *id, struct err *e)
{
    struct pg_args a = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_text(&a, sch->source);
    pg_arg_text(&a, sch->category);
    pg_arg_text(&a, sch->query);
    pg_arg_text(&a, sch->arxiv_categories);
    pg_arg_text(&a, sch->at);
    pg_arg_text(&a, sch->tz);
    pg_arg_i64(&a, sch->every_s);
    pg_arg_i64(&a, sch->days);
    pg_arg_i64(&a, sch->max_results);
    pg_arg_bool(&a, sch->enabled);
    pg_arg_i64(&a, sch->next_run_at);
    pg_arg_i64(&a, now_us);
    if (sch->id)
        pg_arg_i64(&a, sch->id);
    code = postgres_query(
        s, &r,
        sch->id ? "UPDATE schedules SET source = $1, category = $2, query = $3,"
                  " arxiv_categories = $4, at = $5, tz = $6, every_s = $7,"
                  " days = $8, max_results = $9, enabled = $10,"
                  " next_run_at = $11, updated_at = $12 WHERE id = $13"
                  " RETURNING id"
                : "INSERT INTO schedules(source, category, query,"
                  " arxiv_categories, at, tz, every_s, days, max_results,"
                  " enabled, next_run_at, updated_at, created_at)"
                  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
                  " $12) RETURNING id",
        &a, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 0)
        code = no_schedule(sch->id, e);
    else
        *id = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    return code;
}

enum err_code postgres_schedule_get(struct store *s, struct arena *a,
                                    int64_t id, struct schedule *out,
                                    struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    pg_arg_i64(&args, id);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql = "SELECT " SCHEDULE_COLUMNS
                                   " FROM schedules WHERE id = $1",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = read_schedule},
        out, &found, e);
    return code == ERR_NONE && !found ? no_schedule(id, e) : code;
}

enum err_code postgres_schedule_delete(struct store *s, int64_t id,
                                       struct err *e)
{
    struct pg_args a = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&a, id);
    code = postgres_query(s, &r, "DELETE FROM schedules WHERE id = $1", &a, e);
    if (code != ERR_NONE)
        return code;
    if (pg_changed(r) == 0)
        code = no_schedule(id, e);
    postgres_lib.PQclear(r);
    return code;
}

#define LISTED                                                                 \
    " FROM schedules WHERE ($1 <= 0 OR (enabled AND next_run_at <= $1))"

enum err_code postgres_schedules_list(struct store *s, struct arena *a,
                                      int64_t due_by, int64_t offset, int limit,
                                      struct schedule **out, size_t *n,
                                      int64_t *count, struct err *e)
{
    struct pg_args args = {0}, count_args;

    pg_arg_i64(&args, due_by);
    count_args = args;
    pg_arg_i64(&args, limit);
    pg_arg_i64(&args, offset);
    return postgres_select(
        s, a,
        &(struct pg_select){.sql = "SELECT " SCHEDULE_COLUMNS LISTED
                                   " ORDER BY id LIMIT $2 OFFSET $3",
                            .args = &args,
                            .count_sql = "SELECT count(*)" LISTED,
                            .count_args = &count_args,
                            .size = sizeof(**out),
                            .read = read_schedule},
        out, n, count, e);
}

struct firing {
    struct arena *a;
    int64_t id, expected, next, ttl_us;
    const struct job_new *spec;
    struct job *out;
};

static enum err_code do_fire(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct firing *f = ctx;
    struct job_new spec = *f->spec;
    struct pg_args a = {0}, last = {0};
    PGresult *r;
    bool existing;
    enum err_code code;

    spec.schedule_id = f->id;
    pg_arg_i64(&a, f->next);
    pg_arg_i64(&a, spec.now_us);
    pg_arg_i64(&a, f->id);
    pg_arg_i64(&a, f->expected);
    pg_ask(c,
           "UPDATE schedules SET next_run_at = $1, last_run_at = $2"
           " WHERE id = $3 AND next_run_at = $4",
           &a);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    if (pg_changed(r) == 0)
        code = err_set(e, ERR_CONFLICT, "schedule '%lld' was fired by another",
                       (long long)f->id);
    postgres_lib.PQclear(r);
    if (code == ERR_NONE)
        code = postgres_job_insert(c, f->a, &spec, f->ttl_us, f->out, &existing,
                                   e);
    if (code != ERR_NONE)
        return code;
    pg_arg_text(&last, f->out->id);
    pg_arg_i64(&last, f->id);
    pg_do(c, "UPDATE schedules SET last_job_id = $1 WHERE id = $2", &last);
    return ERR_NONE;
}

enum err_code postgres_schedule_fire(struct store *s, struct arena *a,
                                     int64_t id, int64_t expected, int64_t next,
                                     const struct job_new *spec,
                                     struct job *out, struct err *e)
{
    struct firing f = {
        a, id, expected, next, postgres_of(s)->idempotency_ttl_us, spec, out};

    return postgres_transact(s, do_fire, &f, e);
}

/* ---- coverage ---- */

enum err_code postgres_coverage_put(struct store *s, struct slice category,
                                    int64_t day, int64_t expected,
                                    int64_t now_us, struct err *e)
{
    struct pg_args a = {0};

    pg_arg_text(&a, category);
    pg_arg_i64(&a, day);
    pg_arg_i64(&a, expected);
    pg_arg_i64(&a, now_us);
    return postgres_query(
        s, NULL,
        "INSERT INTO coverage VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (category, day) DO UPDATE SET"
        " expected = excluded.expected, checked_at = excluded.checked_at",
        &a, e);
}

static void read_coverage(struct pg_row *w, void *element)
{
    struct coverage *cov = element;

    cov->category = pg_row_text(w);
    cov->day = pg_row_i64(w);
    cov->expected = pg_row_i64(w);
    cov->stored = pg_row_i64(w);
    cov->checked_at = pg_row_i64(w);
}

/* What is stored of a day is read by the index of the dates, a few hundred
 * papers, and each one's labels looked at. */
enum err_code postgres_coverage_list(struct store *s, struct arena *a,
                                     struct slice category, int64_t offset,
                                     int limit, struct coverage **out,
                                     size_t *n, int64_t *count, struct err *e)
{
    struct pg_args args = {0}, count_args;

    pg_arg_text(&args, category);
    count_args = args;
    pg_arg_i64(&args, limit);
    pg_arg_i64(&args, offset);
    return postgres_select(
        s, a,
        &(struct pg_select){
            .sql = "SELECT v.category, v.day, v.expected, (SELECT count(*)"
                   "  FROM papers p WHERE p.deleted_at = 0"
                   "  AND p.published_at >= v.day * 86400000000"
                   "  AND p.published_at < (v.day + 1) * 86400000000"
                   "  AND 'a:' || v.category = ANY (p.labels)), v.checked_at"
                   " FROM (SELECT * FROM coverage WHERE $1 IN ('', category)"
                   "  ORDER BY day DESC, category LIMIT $2 OFFSET $3) v"
                   " ORDER BY v.day DESC, v.category",
            .args = &args,
            .count_sql = "SELECT count(*) FROM coverage"
                         " WHERE $1 IN ('', category)",
            .count_args = &count_args,
            .size = sizeof(**out),
            .read = read_coverage},
        out, n, count, e);
}

/* ---- the limiter ---- */

struct limiting {
    const char *name;
    bool (*change)(struct limiter_state *st, void *ctx);
    void *ctx;
    struct limiter_state after;
};

static void write_limiter(struct pg_conn *c, const char *name,
                          const struct limiter_state *st)
{
    struct pg_args a = {0};

    pg_arg_text(&a, slice_of(name));
    pg_arg_i64(&a, st->next_at);
    pg_arg_i64(&a, st->busy_until);
    pg_arg_i64(&a, st->open_until);
    pg_arg_i64(&a, st->failures);
    pg_do(c,
          "UPDATE limiter SET next_at = $2, busy_until = $3, open_until = $4,"
          " failures = $5 WHERE name = $1",
          &a);
}

/* The row's lock makes all processes take turns; so there must be one. */
static enum err_code do_limit(struct pg_conn *c, void *ctx, struct err *e)
{
    struct limiting *l = ctx;
    struct limiter_state st;
    struct pg_args a = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_text(&a, slice_of(l->name));
    pg_do(c,
          "INSERT INTO limiter VALUES ($1, 0, 0, 0, 0) ON CONFLICT DO NOTHING",
          &a);
    pg_ask(c,
           "SELECT next_at, busy_until, open_until, failures FROM limiter"
           " WHERE name = $1 FOR UPDATE",
           &a);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    st = (struct limiter_state){pg_i64(r, 0, 0), pg_i64(r, 0, 1),
                                pg_i64(r, 0, 2), pg_i64(r, 0, 3)};
    postgres_lib.PQclear(r);
    l->after = st;
    if (l->change(&st, l->ctx)) {
        write_limiter(c, l->name, &st);
        l->after = st;
    }
    return ERR_NONE;
}

enum err_code
postgres_limiter_update(struct store *s, const char *name,
                        bool (*change)(struct limiter_state *st, void *ctx),
                        void *ctx, struct limiter_state *after, struct err *e)
{
    struct limiting l = {name, change, ctx, {0}};
    enum err_code code = postgres_transact(s, do_limit, &l, e);

    if (code == ERR_NONE)
        *after = l.after;
    return code;
}
