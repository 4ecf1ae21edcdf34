/* postgres_events.c - page views.
 *
 * A batch is one statement: the views arrive as arrays, are added up by page
 * and by minute, and come back with the number that each had when the views
 * before it were counted.  Pages are locked in the order of their names, so
 * that processes that count the same ones wait for each other in one direction.
 */
#include "base/clock.h"
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
    if (code == ERR_NONE)
        postgres_lib.PQclear(r);
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
    pg_arg_text(&args, page);
    code = postgres_query(
        s, &r,
        "SELECT width_bucket(minute, $1::int8[]),"
        " coalesce(sum(views) FILTER (WHERE bot = ''), 0)::int8,"
        " coalesce(sum(views) FILTER (WHERE bot <> ''), 0)::int8"
        " FROM page_views WHERE minute >= $2 AND minute < $3"
        " AND ($4 = '' OR page_id = (SELECT id FROM pages WHERE page = $4))"
        " GROUP BY 1",
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

static const char by_page_sql[] =
    "SELECT page, title, n FROM (SELECT page_id, sum(views)::int8 AS n"
    "  FROM page_views WHERE minute >= $1 AND minute < $2 AND bot = ''"
    "  GROUP BY page_id) v JOIN pages ON id = page_id"
    " ORDER BY n DESC, page LIMIT $3";
static const char by_referrer_sql[] =
    "SELECT referrer, '', sum(views)::int8 AS n FROM page_views"
    " WHERE minute >= $1 AND minute < $2 AND bot = '' AND referrer <> ''"
    " GROUP BY referrer ORDER BY n DESC, referrer LIMIT $3";

static enum err_code top(struct store *s, struct arena *a, enum view_group by,
                         int64_t from, int64_t to, int limit,
                         struct page_count **out, size_t *n, struct err *e)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, from);
    pg_arg_i64(&args, to);
    pg_arg_i64(&args, limit);
    return postgres_select(s, a,
                           &(struct pg_select){.sql = by == VIEWS_BY_PAGE
                                                          ? by_page_sql
                                                          : by_referrer_sql,
                                               .args = &args,
                                               .size = sizeof(**out),
                                               .read = read_page},
                           out, n, NULL, e);
}

const struct event_ops postgres_event_ops = {
    .add = add,
    .totals = totals,
    .series = series,
    .top = top,
};
