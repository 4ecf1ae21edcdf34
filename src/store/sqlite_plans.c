/* sqlite_plans.c - schedules, coverage, and the politeness limiter's state. */
#include "store/sqlite_impl.h"

#include <string.h>

#include "base/clock.h"

/* ---- schedules ---- */

#define SCHEDULE_COLUMNS                                                       \
    "id, source, category, query, arxiv_categories, at, tz, every_s, days,"    \
    " max_results, enabled, next_run_at, last_run_at, last_confirmed_at,"      \
    " last_job_id, created_at, updated_at"

static enum err_code no_schedule(int64_t id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no schedule '%lld'", (long long)id);
}

static void read_schedule(struct query *q, struct arena *a, void *row)
{
    struct schedule *s = row;

    s->id = q_get_int(q);
    s->source = q_get_text(q, a);
    s->category = q_get_text(q, a);
    s->query = q_get_text(q, a);
    s->arxiv_categories = q_get_text(q, a);
    s->at = q_get_text(q, a);
    s->tz = q_get_text(q, a);
    s->every_s = q_get_int(q);
    s->days = q_get_int(q);
    s->max_results = q_get_int(q);
    s->enabled = q_get_int(q);
    s->next_run_at = q_get_int(q);
    s->last_run_at = q_get_int(q);
    s->last_confirmed_at = q_get_int(q);
    s->last_job_id = q_get_text(q, a);
    s->created_at = q_get_int(q);
    s->updated_at = q_get_int(q);
}

static void bind_schedule(struct query *q, const struct schedule *s)
{
    q_text(q, s->source);
    q_text(q, s->category);
    q_text(q, s->query);
    q_text(q, s->arxiv_categories);
    q_text(q, s->at);
    q_text(q, s->tz);
    q_int(q, s->every_s);
    q_int(q, s->days);
    q_int(q, s->max_results);
    q_int(q, s->enabled);
    q_int(q, s->next_run_at);
}

struct putting {
    const struct schedule *sch;
    int64_t now_us, id;
};

static enum err_code do_put(struct sqlite_store *s, struct db *c, void *ctx,
                            struct err *e)
{
    struct putting *p = ctx;
    struct query q;
    int64_t changed = 0;
    enum err_code code;

    (void)s;
    p->id = p->sch->id;
    if (p->id)
        q_start(&q, c,
                "UPDATE schedules SET source = ?, category = ?, query = ?,"
                " arxiv_categories = ?, at = ?, tz = ?, every_s = ?, days = ?,"
                " max_results = ?, enabled = ?, next_run_at = ?,"
                " updated_at = ? WHERE id = ?");
    else
        q_start(&q, c,
                "INSERT INTO schedules(source, category, query,"
                " arxiv_categories, at, tz, every_s, days, max_results,"
                " enabled, next_run_at, updated_at, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_schedule(&q, p->sch);
    q_int(&q, p->now_us);
    q_int(&q, p->id ? p->id : p->now_us);
    code = q_run(&q, &changed, e);
    if (code == ERR_NONE && !changed)
        return no_schedule(p->id, e);
    if (!p->id)
        p->id = sqlite3_last_insert_rowid(c->db);
    return code;
}

enum err_code sqlite_schedule_put(struct store *s, const struct schedule *sch,
                                  int64_t now_us, int64_t *id, struct err *e)
{
    struct putting p = {.sch = sch, .now_us = now_us};
    enum err_code code = writer_run(sqlite_downcast(s), do_put, &p, e);

    if (code == ERR_NONE)
        *id = p.id;
    return code;
}

enum err_code sqlite_schedule_get(struct store *base, struct arena *a,
                                  int64_t id, struct schedule *out,
                                  struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    bool found;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT " SCHEDULE_COLUMNS " FROM schedules WHERE id = ?");
    q_int(&q, id);
    found = q_next(&q);
    if (found)
        read_schedule(&q, a, out);
    code = q_end(&q, e);
    db_put(s, c);
    return code == ERR_NONE && !found ? no_schedule(id, e) : code;
}

static enum err_code do_delete(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    const int64_t *id = ctx;
    struct query q;
    int64_t changed = 0;
    enum err_code code;

    (void)s;
    q_start(&q, c, "DELETE FROM schedules WHERE id = ?");
    q_int(&q, *id);
    code = q_run(&q, &changed, e);
    return code == ERR_NONE && !changed ? no_schedule(*id, e) : code;
}

enum err_code sqlite_schedule_delete(struct store *s, int64_t id, struct err *e)
{
    return writer_run(sqlite_downcast(s), do_delete, &id, e);
}

#define LISTED                                                                 \
    " FROM schedules WHERE ?1 <= 0 OR (enabled AND next_run_at <= ?1)"

static enum err_code read_schedules(struct db *c, int64_t due_by,
                                    int64_t offset, int limit,
                                    struct rows *rows, int64_t *count,
                                    struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c, "SELECT count(*)" LISTED);
    q_int(&q, due_by);
    code = q_one_int(&q, 0, count, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT " SCHEDULE_COLUMNS LISTED " ORDER BY id LIMIT ? OFFSET ?");
    q_int(&q, due_by);
    q_int(&q, limit);
    q_int(&q, offset);
    return q_rows(&q, rows, read_schedule, e);
}

enum err_code sqlite_schedules_list(struct store *base, struct arena *a,
                                    int64_t due_by, int64_t offset, int limit,
                                    struct schedule **out, size_t *n,
                                    int64_t *count, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct schedule)};
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_schedules(c, due_by, offset, limit, &rows, count, e);
    db_put(s, c);
    *out = (struct schedule *)(void *)rows.p;
    *n = rows.n;
    return code;
}

struct firing {
    struct arena *a;
    int64_t id, expected, next;
    const struct job_new *spec;
    struct job *out;
};

static enum err_code do_fire(struct sqlite_store *s, struct db *c, void *ctx,
                             struct err *e)
{
    struct firing *f = ctx;
    struct job_new spec = *f->spec;
    struct query q;
    int64_t changed = 0;
    bool existing;
    enum err_code code;

    spec.schedule_id = f->id;
    q_start(&q, c,
            "UPDATE schedules SET next_run_at = ?, last_run_at = ?"
            " WHERE id = ? AND next_run_at = ?");
    q_int(&q, f->next);
    q_int(&q, spec.now_us);
    q_int(&q, f->id);
    q_int(&q, f->expected);
    code = q_run(&q, &changed, e);
    if (code == ERR_NONE && !changed)
        code = err_set(e, ERR_CONFLICT, "schedule '%lld' was fired by another",
                       (long long)f->id);
    if (code == ERR_NONE)
        code = job_insert(c, f->a, &spec, s->idempotency_ttl_us, f->out,
                          &existing, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "UPDATE schedules SET last_job_id = ? WHERE id = ?");
    q_text(&q, f->out->id);
    q_int(&q, f->id);
    return q_run(&q, NULL, e);
}

enum err_code sqlite_schedule_fire(struct store *s, struct arena *a, int64_t id,
                                   int64_t expected, int64_t next,
                                   const struct job_new *spec, struct job *out,
                                   struct err *e)
{
    struct firing f = {a, id, expected, next, spec, out};

    return writer_run(sqlite_downcast(s), do_fire, &f, e);
}

/* ---- coverage ---- */

struct covering {
    struct slice category;
    int64_t day, expected, now_us;
};

static enum err_code do_cover(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    const struct covering *cov = ctx;
    struct query q;

    (void)s;
    q_start(&q, c, "INSERT OR REPLACE INTO coverage VALUES (?, ?, ?, ?)");
    q_text(&q, cov->category);
    q_int(&q, cov->day);
    q_int(&q, cov->expected);
    q_int(&q, cov->now_us);
    return q_run(&q, NULL, e);
}

enum err_code sqlite_coverage_put(struct store *s, struct slice category,
                                  int64_t day, int64_t expected, int64_t now_us,
                                  struct err *e)
{
    struct covering cov = {category, day, expected, now_us};

    return writer_run(sqlite_downcast(s), do_cover, &cov, e);
}

static enum err_code count_stored(struct db *c, struct coverage *row,
                                  struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT count(*) FROM papers INDEXED BY papers_by_published"
            " WHERE deleted_at = 0 AND published_at >= ? AND published_at < ?"
            " AND instr(arxiv_categories, '\"' || ? || '\"')");
    q_int(&q, row->day * US_PER_DAY);
    q_int(&q, (row->day + 1) * US_PER_DAY);
    q_text(&q, row->category);
    return q_one_int(&q, 0, &row->stored, e);
}

static void read_day(struct query *q, struct arena *a, void *row)
{
    struct coverage *cov = row;

    cov->category = q_get_text(q, a);
    cov->day = q_get_int(q);
    cov->expected = q_get_int(q);
    cov->checked_at = q_get_int(q);
}

static enum err_code read_coverage(struct db *c, struct slice category,
                                   int64_t offset, int limit, struct rows *rows,
                                   int64_t *count, struct err *e)
{
    struct query q;
    struct coverage *cov;
    enum err_code code;

    q_start(&q, c, "SELECT count(*) FROM coverage WHERE ?1 IN ('', category)");
    q_text(&q, category);
    code = q_one_int(&q, 0, count, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT category, day, expected, checked_at FROM coverage"
            " WHERE ?1 IN ('', category) ORDER BY day DESC, category"
            " LIMIT ? OFFSET ?");
    q_text(&q, category);
    q_int(&q, limit);
    q_int(&q, offset);
    code = q_rows(&q, rows, read_day, e);
    cov = (struct coverage *)(void *)rows->p;
    for (size_t i = 0; i < rows->n && code == ERR_NONE; i++)
        code = count_stored(c, &cov[i], e);
    return code;
}

enum err_code sqlite_coverage_list(struct store *base, struct arena *a,
                                   struct slice category, int64_t offset,
                                   int limit, struct coverage **out, size_t *n,
                                   int64_t *count, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct coverage)};
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_coverage(c, category, offset, limit, &rows, count, e);
    db_put(s, c);
    *out = (struct coverage *)(void *)rows.p;
    *n = rows.n;
    return code;
}

/* ---- the limiter ---- */

struct limiting {
    const char *name;
    bool (*change)(struct limiter_state *st, void *ctx);
    void *ctx;
    struct limiter_state *after;
};

static enum err_code do_limit(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    struct limiting *l = ctx;
    struct limiter_state st = {0}, read;
    struct query q;
    enum err_code code;

    (void)s;
    q_start(&q, c,
            "SELECT next_at, busy_until, open_until, failures FROM limiter"
            " WHERE name = ?");
    q_text(&q, slice_of(l->name));
    if (q_next(&q)) {
        st.next_at = q_get_int(&q);
        st.busy_until = q_get_int(&q);
        st.open_until = q_get_int(&q);
        st.failures = q_get_int(&q);
    }
    code = q_end(&q, e);
    if (code != ERR_NONE)
        return code;
    read = st;
    if (!l->change(&st, l->ctx)) {
        st = read;
    } else {
        q_start(&q, c, "INSERT OR REPLACE INTO limiter VALUES (?, ?, ?, ?, ?)");
        q_text(&q, slice_of(l->name));
        q_int(&q, st.next_at);
        q_int(&q, st.busy_until);
        q_int(&q, st.open_until);
        q_int(&q, st.failures);
        code = q_run(&q, NULL, e);
    }
    *l->after = st;
    return code;
}

enum err_code
sqlite_limiter_update(struct store *s, const char *name,
                      bool (*change)(struct limiter_state *st, void *ctx),
                      void *ctx, struct limiter_state *after, struct err *e)
{
    struct limiter_state st = {0};
    struct limiting l = {name, change, ctx, &st};
    enum err_code code = writer_run(sqlite_downcast(s), do_limit, &l, e);

    if (code == ERR_NONE && after)
        *after = st;
    return code;
}
