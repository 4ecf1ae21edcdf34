/* postgres_events.c - page views.
 *
 * A batch is one statement: the views arrive as arrays, are added up by page
 * and by minute, and come back with the number that each had when the views
 * before it were counted.  Pages are locked in the order of their names, so
 * that processes that count the same ones wait for each other in one direction.
 */
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "store/postgres.h"

struct adding {
    struct page_view *views;
    size_t n;
};

enum { PAGES, TITLES, REFERRERS, BOTS, MINUTES, N_COLUMNS };

static const char add_sql[] =
    "WITH v AS (SELECT page, title, referrer, bot, minute, ord,"
    "   (bot = '')::int AS human FROM unnest($1::text[], $2::text[],"
    "    $3::text[], $4::text[], $5::int8[]) WITH ORDINALITY"
    "    AS t(page, title, referrer, bot, minute, ord)),"
    " p AS (INSERT INTO pages AS old (page, title, views, bot_views)"
    "  SELECT page, coalesce((array_agg(title ORDER BY ord DESC)"
    "    FILTER (WHERE title <> '' AND bot = ''))[1], ''),"
    "   sum(human), sum(1 - human) FROM v GROUP BY page"
    "   ORDER BY page COLLATE \"C\""
    "  ON CONFLICT (page) DO UPDATE SET views = old.views + excluded.views,"
    "   bot_views = old.bot_views + excluded.bot_views,"
    "   title = CASE excluded.title WHEN '' THEN old.title"
    "    ELSE excluded.title END"
    "  RETURNING id, page, views),"
    " m AS (INSERT INTO page_views AS old (minute, page_id, bot, referrer,"
    "   views)"
    "  SELECT minute, p.id, bot, referrer, count(*) FROM v JOIN p USING (page)"
    "   GROUP BY minute, p.id, bot, referrer"
    "  ON CONFLICT (minute, page_id, bot, referrer)"
    "   DO UPDATE SET views = old.views + excluded.views)"
    " SELECT p.views - sum(v.human) OVER (PARTITION BY page)"
    "   + sum(v.human) OVER (PARTITION BY page ORDER BY v.ord)"
    "  FROM v JOIN p USING (page) ORDER BY v.ord";

static void fill(struct buf col[N_COLUMNS], const struct page_view *views,
                 size_t n)
{
    for (int k = 0; k < N_COLUMNS; k++)
        pg_array_init(&col[k], k == MINUTES ? PG_INT8 : PG_TEXT);
    for (size_t i = 0; i < n; i++) {
        pg_array_text(&col[PAGES], views[i].page);
        pg_array_text(&col[TITLES], views[i].title);
        pg_array_text(&col[REFERRERS], views[i].referrer);
        pg_array_text(&col[BOTS], views[i].bot);
        pg_array_i64(&col[MINUTES], views[i].at_us / US_PER_MINUTE);
    }
}

static const char visitors_sql[] =
    "WITH v AS (SELECT day, hash, max(at) AS at"
    "  FROM unnest($1::int8[], $2::bytea[], $3::int8[]) t(day, hash, at)"
    "  GROUP BY day, hash ORDER BY day, hash),"
    " i AS (INSERT INTO visitors AS old (day, hash, seen_at)"
    "  SELECT day, hash, at FROM v ON CONFLICT (day, hash)"
    "  DO UPDATE SET seen_at = greatest(old.seen_at, excluded.seen_at)"
    "  RETURNING day, xmax = 0 AS fresh)" /* inserted, not updated */
    " INSERT INTO visitor_days AS old (day, visitors)"
    "  SELECT day, count(*) FROM i WHERE fresh GROUP BY day ORDER BY day"
    "  ON CONFLICT (day) DO UPDATE SET visitors = old.visitors +"
    "   excluded.visitors";

static void count_visitors(struct pg_conn *c, const struct page_view *views,
                           size_t n)
{
    struct buf days, hashes, times;
    struct pg_args args = {0};
    size_t known = 0;

    pg_array_init(&days, PG_INT8);
    pg_array_init(&hashes, PG_BYTEA);
    pg_array_init(&times, PG_INT8);
    for (size_t i = 0; i < n; i++) {
        if (!views[i].has_visitor)
            continue;
        pg_array_i64(&days, views[i].at_us / US_PER_DAY);
        pg_array_bytes(&hashes, views[i].visitor, VISITOR_HASH);
        pg_array_i64(&times, views[i].at_us);
        known++;
    }
    pg_arg_array(&args, PG_INT8_ARRAY, &days);
    pg_arg_array(&args, PG_BYTEA_ARRAY, &hashes);
    pg_arg_array(&args, PG_INT8_ARRAY, &times);
    if (known)
        pg_do(c, visitors_sql, &args);
    buf_release(&days);
    buf_release(&hashes);
    buf_release(&times);
}

static enum err_code do_add(struct pg_conn *c, void *ctx, struct err *e)
{
    struct adding *add = ctx;
    struct buf col[N_COLUMNS];
    struct pg_args args = {0};
    PGresult *r = NULL;
    enum err_code code;

    fill(col, add->views, add->n);
    for (int k = 0; k < N_COLUMNS; k++)
        pg_arg_array(&args, k == MINUTES ? PG_INT8_ARRAY : PG_TEXT_ARRAY,
                     &col[k]);
    pg_ask(c, add_sql, &args);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    for (size_t i = 0; i < add->n && code == ERR_NONE; i++)
        add->views[i].count = pg_i64(r, (int)i, 0);
    if (code == ERR_NONE) {
        postgres_lib.PQclear(r);
        count_visitors(c, add->views, add->n);
    }
    for (int k = 0; k < N_COLUMNS; k++)
        buf_release(&col[k]);
    return code;
}

static enum err_code add(struct store *s, struct page_view *views, size_t n,
                         struct err *e)
{
    return postgres_transact(s, do_add, &(struct adding){views, n}, e);
}

struct page_row {
    struct page_count page;
    struct view_totals all;
};

static void read_row(struct pg_row *w, void *element)
{
    struct page_row *row = element;

    row->page.page = pg_row_text(w);
    row->page.title = pg_row_text(w);
    row->page.count = pg_row_i64(w);
    row->all.views = pg_row_i64(w);
    row->all.pages = pg_row_i64(w);
    row->all.bot_views = pg_row_i64(w);
}

/* One statement, so that all of it is of one moment; a row without a page says
 * what there is when nothing has been viewed. */
static enum err_code totals(struct store *s, struct arena *a, int limit,
                            struct view_totals *out, struct err *e)
{
    struct pg_args args = {0};
    struct page_row *rows;
    struct view_totals t = {0};
    size_t n;
    enum err_code code;

    pg_arg_i64(&args, limit);
    code = postgres_select(
        s, a,
        &(struct pg_select){
            .sql = "SELECT p.page, p.title, p.views, t.* FROM"
                   " (SELECT coalesce(sum(views), 0)::int8,"
                   "   count(*) FILTER (WHERE views > 0),"
                   "   coalesce(sum(bot_views), 0)::int8 FROM pages) t"
                   " LEFT JOIN (SELECT page, title, views FROM pages"
                   "   WHERE views > 0"
                   "   ORDER BY views DESC, page COLLATE \"C\" LIMIT $1) p"
                   "  ON true ORDER BY p.views DESC, p.page COLLATE \"C\"",
            .args = &args,
            .size = sizeof(*rows),
            .read = read_row},
        &rows, &n, NULL, e);
    if (code != ERR_NONE)
        return code;
    t = rows[0].all;
    t.top = arena_alloc(a, n * sizeof(*t.top));
    if (!t.top)
        return err_set(e, ERR_TOO_LARGE, "the answer is too large");
    for (size_t i = 0; i < n && rows[i].page.page.len; i++)
        t.top[t.n_top++] = rows[i].page;
    *out = t;
    return ERR_NONE;
}

#define SERIES_SQL(of_page)                                                    \
    "SELECT width_bucket(minute, $1::int8[]),"                                 \
    " coalesce(sum(views) FILTER (WHERE bot = ''), 0)::int8,"                  \
    " coalesce(sum(views) FILTER (WHERE bot <> ''), 0)::int8"                  \
    " FROM page_views WHERE minute >= $2 AND minute < $3" of_page              \
    " GROUP BY 1"

static enum err_code series(struct store *s, struct slice page,
                            const int64_t *bounds, size_t n,
                            struct view_count *out, struct err *e)
{
    struct pg_args args = {0};
    struct buf list;
    PGresult *r;
    enum err_code code;

    pg_array_init(&list, PG_INT8);
    for (size_t i = 0; i <= n; i++)
        pg_array_i64(&list, bounds[i]);
    pg_arg_array(&args, PG_INT8_ARRAY, &list);
    pg_arg_i64(&args, bounds[0]);
    pg_arg_i64(&args, bounds[n]);
    if (page.len)
        pg_arg_text(&args, page);
    code = postgres_query(
        s, &r,
        page.len ? SERIES_SQL(" AND page_id ="
                              " (SELECT id FROM pages WHERE page = $4)")
                 : SERIES_SQL(""),
        &args, e);
    buf_release(&list);
    if (code != ERR_NONE)
        return code;
    for (int i = 0; i < postgres_lib.PQntuples(r); i++) {
        int64_t bucket = pg_i64(r, i, 0); /* the first is 1 */

        if (bucket >= 1 && bucket <= (int64_t)n)
            out[bucket - 1] =
                (struct view_count){pg_i64(r, i, 1), pg_i64(r, i, 2)};
    }
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static void read_page(struct pg_row *w, void *element)
{
    struct page_count *p = element;

    p->page = pg_row_text(w);
    p->title = pg_row_text(w);
    p->count = pg_row_i64(w);
}

static const char *const top_sql[] = {
    [VIEWS_BY_PAGE] =
        "SELECT page, title, n FROM (SELECT page_id, sum(views)::int8 AS n"
        "  FROM page_views WHERE minute >= $1 AND minute < $2 AND bot = ''"
        "  GROUP BY page_id) v JOIN pages ON id = page_id"
        " ORDER BY n DESC, page LIMIT $3",
    [VIEWS_BY_REFERRER] =
        "SELECT referrer, '', sum(views)::int8 AS n FROM page_views"
        " WHERE minute >= $1 AND minute < $2 AND bot = '' AND referrer <> ''"
        " GROUP BY referrer ORDER BY n DESC, referrer LIMIT $3",
    [VIEWS_BY_BOT] = "SELECT bot, '', sum(views)::int8 AS n FROM page_views"
                     " WHERE minute >= $1 AND minute < $2 AND bot <> ''"
                     " GROUP BY bot ORDER BY n DESC, bot LIMIT $3",
};

static enum err_code top(struct store *s, struct arena *a, enum view_group by,
                         int64_t from, int64_t to, int limit,
                         struct page_count **out, size_t *n, struct err *e)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, from);
    pg_arg_i64(&args, to);
    pg_arg_i64(&args, limit);
    return postgres_select(s, a,
                           &(struct pg_select){.sql = top_sql[by],
                                               .args = &args,
                                               .size = sizeof(**out),
                                               .read = read_page},
                           out, n, NULL, e);
}

static void read_change(struct pg_row *w, void *element)
{
    struct page_change *p = element;

    p->id = pg_row_i64(w);
    p->page = pg_row_text(w);
    p->count = pg_row_i64(w);
}

static enum err_code changed(struct store *s, struct arena *a, int64_t from,
                             int64_t after, int limit, struct page_change **out,
                             size_t *n, struct err *e)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, from);
    pg_arg_i64(&args, after);
    pg_arg_i64(&args, limit);
    return postgres_select(
        s, a,
        &(struct pg_select){
            .sql = "SELECT id, page, views FROM pages JOIN"
                   " (SELECT DISTINCT page_id FROM page_views"
                   "   WHERE minute >= $1 AND bot = '' AND page_id > $2) v"
                   " ON id = page_id ORDER BY id LIMIT $3",
            .args = &args,
            .size = sizeof(**out),
            .read = read_change},
        out, n, NULL, e);
}

/* ---- retention and erasure ---- */

static enum err_code do_erase(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct slice *page = ctx;
    struct pg_args args = {0};
    PGresult *r;
    int64_t found;
    enum err_code code;

    /* first, as who counts it does: its views come and go under this lock */
    pg_arg_text(&args, *page);
    pg_do(c, "SELECT id FROM pages WHERE page = $1 FOR UPDATE", &args);
    pg_do(c,
          "DELETE FROM page_views WHERE page_id ="
          " (SELECT id FROM pages WHERE page = $1)",
          &args);
    pg_ask(c, "DELETE FROM pages WHERE page = $1", &args);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    found = pg_changed(r);
    postgres_lib.PQclear(r);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "no view of that page was counted");
    return ERR_NONE;
}

static enum err_code erase(struct store *s, struct slice page, struct err *e)
{
    return postgres_transact(s, do_erase, &page, e);
}

/* What is deleted is what is added: views that come meanwhile stay. */
static const char roll_up_sql[] =
    "WITH d AS (SELECT minute / 1440 * 1440 AS first FROM page_views"
    "   WHERE minute < $1 * 1440 AND minute % 1440 <> 0"
    "   ORDER BY minute LIMIT 1),"
    " gone AS (DELETE FROM page_views v USING d WHERE v.minute > d.first"
    "   AND v.minute < d.first + 1440"
    "   RETURNING d.first, v.page_id, v.bot, v.referrer, v.views)"
    " INSERT INTO page_views AS old (minute, page_id, bot, referrer, views)"
    "  SELECT first, page_id, bot, referrer, sum(views) FROM gone"
    "   GROUP BY first, page_id, bot, referrer"
    "   ORDER BY page_id, bot, referrer"
    "  ON CONFLICT (minute, page_id, bot, referrer)"
    "   DO UPDATE SET views = old.views + excluded.views";

struct rolling {
    int64_t before_day;
    bool more;
};

static enum err_code do_roll_up(struct pg_conn *c, void *ctx, struct err *e)
{
    struct rolling *roll = ctx;
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&args, roll->before_day);
    pg_ask(c, roll_up_sql, &args);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    roll->more = pg_changed(r) > 0;
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code roll_up(struct store *s, int64_t before_day, bool *more,
                             struct err *e)
{
    struct rolling roll = {before_day, false};
    enum err_code code = postgres_transact(s, do_roll_up, &roll, e);

    *more = roll.more;
    return code;
}

/* ---- visitors ---- */

struct salting {
    int64_t day;
    uint8_t *salt;
    bool found;
};

static enum err_code do_salt(struct pg_conn *c, void *ctx, struct err *e)
{
    struct salting *salting = ctx;
    uint8_t fresh[VISITOR_SALT];
    struct pg_args args = {0}, day;
    PGresult *r;
    enum err_code code;

    crypto_random(fresh, sizeof(fresh));
    pg_arg_i64(&args, salting->day);
    day = args;
    pg_arg_bytes(&args, fresh, sizeof(fresh));
    pg_do(c,
          "INSERT INTO visitor_salts(day, salt) SELECT $1, $2 WHERE NOT EXISTS"
          " (SELECT 1 FROM visitor_salts WHERE day > $1)"
          " ON CONFLICT DO NOTHING",
          &args);
    pg_do(c, "DELETE FROM visitor_salts WHERE day < $1", &day);
    pg_do(c, "DELETE FROM visitors WHERE day < $1", &day);
    pg_ask(c, "SELECT salt FROM visitor_salts WHERE day = $1", &day);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    salting->found =
        postgres_lib.PQntuples(r) == 1 && pg_slice(r, 0, 0).len == VISITOR_SALT;
    if (salting->found)
        memcpy(salting->salt, pg_slice(r, 0, 0).p, VISITOR_SALT);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code salt(struct store *s, int64_t day,
                          uint8_t out[VISITOR_SALT], bool *found, struct err *e)
{
    struct salting salting = {.day = day, .salt = out};
    enum err_code code = postgres_transact(s, do_salt, &salting, e);

    *found = salting.found;
    return code;
}

static void read_visitors(struct pg_row *w, void *element)
{
    struct visitor_count *v = element;

    v->day = pg_row_i64(w);
    v->visitors = pg_row_i64(w);
}

static enum err_code visitors(struct store *s, struct arena *a, int limit,
                              int64_t since_us, struct visitor_count **out,
                              size_t *n, int64_t *recent, struct err *e)
{
    struct pg_args args = {0}, since = {0};

    pg_arg_i64(&args, limit);
    pg_arg_i64(&since, since_us);
    return postgres_select(
        s, a,
        &(struct pg_select){
            .sql = "SELECT day, visitors FROM visitor_days"
                   " ORDER BY day DESC LIMIT $1",
            .args = &args,
            .count_sql = "SELECT count(*) FROM visitors WHERE seen_at >= $1",
            .count_args = &since,
            .size = sizeof(**out),
            .read = read_visitors},
        out, n, recent, e);
}

const struct event_ops postgres_event_ops = {
    .add = add,
    .totals = totals,
    .erase = erase,
    .roll_up = roll_up,
    .salt = salt,
    .visitors = visitors,
    .series = series,
    .top = top,
    .changed = changed,
};
