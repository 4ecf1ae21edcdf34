/* sqlite_events.c - page views.
 *
 * A view is two upserts: the page's total, which also gives its id, and the
 * count of its minute.  Both are found by key, so a batch costs one commit and
 * little besides.
 */
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "store/sqlite_impl.h"

struct adding {
    struct page_view *views;
    size_t n;
};

static enum err_code count_page(struct db *c, struct page_view *v,
                                int64_t *page_id, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "INSERT INTO pages(page, title, views, bot_views)"
            " VALUES (?, ?, ?, ?) ON CONFLICT(page) DO UPDATE SET"
            " views = views + excluded.views,"
            " bot_views = bot_views + excluded.bot_views,"
            " title = CASE excluded.title WHEN '' THEN title"
            "  ELSE excluded.title END"
            " RETURNING id, views");
    q_text(&q, v->page);
    q_text(&q, v->bot.len ? SLICE_NONE : v->title);
    q_int(&q, v->bot.len == 0);
    q_int(&q, v->bot.len > 0);
    if (q_next(&q)) {
        *page_id = q_get_int(&q);
        v->count = q_get_int(&q);
    }
    return q_end(&q, e);
}

static enum err_code count_minute(struct db *c, const struct page_view *v,
                                  int64_t page_id, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "INSERT INTO page_views(minute, page_id, bot, referrer, views)"
            " VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE"
            " SET views = views + 1");
    q_int(&q, v->at_us / US_PER_MINUTE);
    q_int(&q, page_id);
    q_text(&q, v->bot);
    q_text(&q, v->referrer);
    return q_run(&q, NULL, e);
}

static enum err_code count_visitor(struct db *c, const struct page_view *v,
                                   struct err *e)
{
    struct query q;
    int64_t fresh = 0;
    enum err_code code;

    q_start(&q, c,
            "INSERT INTO visitors(day, hash, seen_at) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING");
    q_int(&q, v->at_us / US_PER_DAY);
    q_blob(&q, v->visitor, VISITOR_HASH);
    q_int(&q, v->at_us);
    code = q_run(&q, &fresh, e);
    if (code != ERR_NONE)
        return code;
    if (fresh) {
        q_start(&q, c,
                "INSERT INTO visitor_days(day, visitors) VALUES (?, 1)"
                " ON CONFLICT DO UPDATE SET visitors = visitors + 1");
        q_int(&q, v->at_us / US_PER_DAY);
    } else {
        q_start(&q, c,
                "UPDATE visitors SET seen_at = max(seen_at, ?)"
                " WHERE day = ? AND hash = ?");
        q_int(&q, v->at_us);
        q_int(&q, v->at_us / US_PER_DAY);
        q_blob(&q, v->visitor, VISITOR_HASH);
    }
    return q_run(&q, NULL, e);
}

static enum err_code do_add(struct sqlite_store *s, struct db *c, void *ctx,
                            struct err *e)
{
    struct adding *add = ctx;
    enum err_code code = ERR_NONE;

    (void)s;
    for (size_t i = 0; i < add->n && code == ERR_NONE; i++) {
        int64_t page_id = 0;

        code = count_page(c, &add->views[i], &page_id, e);
        if (code == ERR_NONE)
            code = count_minute(c, &add->views[i], page_id, e);
        if (code == ERR_NONE && add->views[i].has_visitor)
            code = count_visitor(c, &add->views[i], e);
    }
    return code;
}

static enum err_code add(struct store *s, struct page_view *views, size_t n,
                         struct err *e)
{
    return writer_run(sqlite_downcast(s), do_add, &(struct adding){views, n},
                      e);
}

static void read_page(struct query *q, struct arena *a, void *row)
{
    struct page_count *p = row;

    p->page = q_get_text(q, a);
    p->title = q_get_text(q, a);
    p->count = q_get_int(q);
}

static enum err_code read_totals(struct db *c, struct rows *top, int limit,
                                 struct view_totals *out, struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "SELECT ifnull(sum(views), 0), count(*) FILTER (WHERE views > 0),"
            " ifnull(sum(bot_views), 0) FROM pages");
    if (q_next(&q)) {
        out->views = q_get_int(&q);
        out->pages = q_get_int(&q);
        out->bot_views = q_get_int(&q);
    }
    code = q_end(&q, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT page, title, views FROM pages WHERE views > 0"
            " ORDER BY views DESC, page LIMIT ?");
    q_int(&q, limit);
    return q_rows(&q, top, read_page, e);
}

static enum err_code totals(struct store *base, struct arena *a, int limit,
                            struct view_totals *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows top = {.a = a, .size = sizeof(struct page_count)};
    struct view_totals t = {0};
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_totals(c, &top, limit, &t, e);
    db_put(s, c);
    if (code != ERR_NONE)
        return code;
    t.top = (struct page_count *)(void *)top.p;
    t.n_top = top.n;
    *out = t;
    return ERR_NONE;
}

/* The rows come in the order of their minutes, as the bounds do. */
static enum err_code add_up(struct query *q, const int64_t *bounds,
                            struct view_count *out, struct err *e)
{
    size_t i = 0;

    while (q_next(q)) {
        int64_t minute = q_get_int(q);

        while (minute >= bounds[i + 1])
            i++;
        out[i].views += q_get_int(q);
        out[i].bot_views += q_get_int(q);
    }
    return q_end(q, e);
}

#define SERIES_SQL(from, of_page)                                              \
    "SELECT minute, ifnull(sum(views) FILTER (WHERE bot = ''), 0),"            \
    " ifnull(sum(views) FILTER (WHERE bot <> ''), 0) FROM page_views" from     \
    " WHERE minute >= ?1 AND minute < ?2" of_page                              \
    " GROUP BY minute ORDER BY minute"

static enum err_code series(struct store *base, struct slice page,
                            const int64_t *bounds, size_t n,
                            struct view_count *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            page.len ? SERIES_SQL(" INDEXED BY page_views_by_page",
                                  " AND page_id ="
                                  " (SELECT id FROM pages WHERE page = ?3)")
                     : SERIES_SQL("", ""));
    q_int(&q, bounds[0]);
    q_int(&q, bounds[n]);
    if (page.len)
        q_text(&q, page);
    code = add_up(&q, bounds, out, e);
    db_put(s, c);
    return code;
}

static const char *const top_sql[] = {
    [VIEWS_BY_PAGE] =
        "SELECT page, title, n FROM (SELECT page_id, sum(views) AS n"
        "  FROM page_views WHERE minute >= ? AND minute < ? AND bot = ''"
        "  GROUP BY page_id) JOIN pages ON id = page_id"
        " ORDER BY n DESC, page LIMIT ?",
    [VIEWS_BY_REFERRER] =
        "SELECT referrer, '', sum(views) AS n FROM page_views"
        " WHERE minute >= ? AND minute < ? AND bot = '' AND referrer <> ''"
        " GROUP BY referrer ORDER BY n DESC, referrer LIMIT ?",
    [VIEWS_BY_BOT] = "SELECT bot, '', sum(views) AS n FROM page_views"
                     " WHERE minute >= ? AND minute < ? AND bot <> ''"
                     " GROUP BY bot ORDER BY n DESC, bot LIMIT ?",
};

static enum err_code top(struct store *base, struct arena *a,
                         enum view_group by, int64_t from, int64_t to,
                         int limit, struct page_count **out, size_t *n,
                         struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct page_count)};
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, top_sql[by]);
    q_int(&q, from);
    q_int(&q, to);
    q_int(&q, limit);
    code = q_rows(&q, &rows, read_page, e);
    db_put(s, c);
    *out = (struct page_count *)(void *)rows.p;
    *n = rows.n;
    return code;
}

static void read_change(struct query *q, struct arena *a, void *row)
{
    struct page_change *p = row;

    p->id = q_get_int(q);
    p->page = q_get_text(q, a);
    p->count = q_get_int(q);
}

static enum err_code changed(struct store *base, struct arena *a, int64_t from,
                             int64_t after, int limit, struct page_change **out,
                             size_t *n, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct page_change)};
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT id, page, views FROM pages WHERE id IN"
            " (SELECT page_id FROM page_views"
            "   WHERE minute >= ? AND bot = '' AND page_id > ?)"
            " ORDER BY id LIMIT ?");
    q_int(&q, from);
    q_int(&q, after);
    q_int(&q, limit);
    code = q_rows(&q, &rows, read_change, e);
    db_put(s, c);
    *out = (struct page_change *)(void *)rows.p;
    *n = rows.n;
    return code;
}

/* ---- retention and erasure ---- */

static enum err_code do_erase(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    const struct slice *page = ctx;
    int64_t found = 0;
    struct query q;
    enum err_code code;

    (void)s;
    q_start(&q, c,
            "DELETE FROM page_views WHERE page_id ="
            " (SELECT id FROM pages WHERE page = ?)");
    q_text(&q, *page);
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "DELETE FROM pages WHERE page = ?");
    q_text(&q, *page);
    code = q_run(&q, &found, e);
    if (code == ERR_NONE && found == 0)
        return err_set(e, ERR_NOT_FOUND, "no view of that page was counted");
    return code;
}

static enum err_code erase(struct store *s, struct slice page, struct err *e)
{
    return writer_run(sqlite_downcast(s), do_erase, &page, e);
}

struct rolling {
    int64_t before_day, day; /* day: -1 if there is none */
};

static enum err_code move_day(struct db *c, int64_t first, struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "INSERT INTO page_views(minute, page_id, bot, referrer, views)"
            " SELECT ?1, page_id, bot, referrer, sum(views) FROM page_views"
            "  WHERE minute > ?1 AND minute < ?1 + 1440"
            "  GROUP BY page_id, bot, referrer"
            " ON CONFLICT DO UPDATE SET views = views + excluded.views");
    q_int(&q, first);
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "DELETE FROM page_views WHERE minute > ?1 AND minute < ?1 + 1440");
    q_int(&q, first);
    return q_run(&q, NULL, e);
}

static enum err_code do_roll_up(struct sqlite_store *s, struct db *c, void *ctx,
                                struct err *e)
{
    struct rolling *roll = ctx;
    struct query q;
    enum err_code code;

    (void)s;
    q_start(&q, c,
            "SELECT minute / 1440 FROM page_views WHERE minute < ? * 1440"
            " AND minute % 1440 <> 0 ORDER BY minute LIMIT 1");
    q_int(&q, roll->before_day);
    code = q_one_int(&q, -1, &roll->day, e);
    if (code != ERR_NONE || roll->day < 0)
        return code;
    return move_day(c, roll->day * 1440, e);
}

static enum err_code roll_up(struct store *s, int64_t before_day, bool *more,
                             struct err *e)
{
    struct rolling roll = {before_day, -1};
    enum err_code code = writer_run(sqlite_downcast(s), do_roll_up, &roll, e);

    *more = roll.day >= 0;
    return code;
}

/* ---- visitors ---- */

struct salting {
    int64_t day;
    uint8_t *salt;
    bool found;
};

static enum err_code make_salt(struct db *c, int64_t day, struct err *e)
{
    uint8_t fresh[VISITOR_SALT];
    struct query q;

    crypto_random(fresh, sizeof(fresh));
    q_start(&q, c,
            "INSERT INTO visitor_salts(day, salt) SELECT ?1, ?2 WHERE NOT"
            " EXISTS (SELECT 1 FROM visitor_salts WHERE day >= ?1)");
    q_int(&q, day);
    q_blob(&q, fresh, sizeof(fresh));
    return q_run(&q, NULL, e);
}

static enum err_code forget_before(struct db *c, int64_t day, struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c, "DELETE FROM visitor_salts WHERE day < ?");
    q_int(&q, day);
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "DELETE FROM visitors WHERE day < ?");
    q_int(&q, day);
    return q_run(&q, NULL, e);
}

static enum err_code do_salt(struct sqlite_store *s, struct db *c, void *ctx,
                             struct err *e)
{
    struct salting *salting = ctx;
    struct query q;
    enum err_code code = make_salt(c, salting->day, e);

    (void)s;
    if (code == ERR_NONE)
        code = forget_before(c, salting->day, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT salt FROM visitor_salts WHERE day = ?");
    q_int(&q, salting->day);
    if (q_next(&q)) {
        struct slice salt = q_peek_blob(&q);

        salting->found = salt.len == VISITOR_SALT;
        if (salting->found)
            memcpy(salting->salt, salt.p, VISITOR_SALT);
    }
    return q_end(&q, e);
}

static enum err_code salt(struct store *s, int64_t day,
                          uint8_t out[VISITOR_SALT], bool *found, struct err *e)
{
    struct salting salting = {.day = day, .salt = out};
    enum err_code code = writer_run(sqlite_downcast(s), do_salt, &salting, e);

    *found = salting.found;
    return code;
}

static void read_visitors(struct query *q, struct arena *a, void *row)
{
    struct visitor_count *v = row;

    (void)a;
    v->day = q_get_int(q);
    v->visitors = q_get_int(q);
}

static enum err_code visitors(struct store *base, struct arena *a, int limit,
                              int64_t since_us, struct visitor_count **out,
                              size_t *n, int64_t *recent, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(**out)};
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT count(*) FROM visitors WHERE seen_at >= ?");
    q_int(&q, since_us);
    code = q_one_int(&q, 0, recent, e);
    if (code == ERR_NONE) {
        q_start(&q, c,
                "SELECT day, visitors FROM visitor_days ORDER BY day DESC"
                " LIMIT ?");
        q_int(&q, limit);
        code = q_rows(&q, &rows, read_visitors, e);
    }
    db_put(s, c);
    *out = (struct visitor_count *)(void *)rows.p;
    *n = rows.n;
    return code;
}

const struct event_ops sqlite_event_ops = {
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
