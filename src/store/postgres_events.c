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

const struct event_ops postgres_event_ops = {
    .add = add,
    .totals = totals,
};
