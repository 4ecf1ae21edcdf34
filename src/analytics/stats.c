/* stats.c - GET /stats/...: what has been counted. */
#include "analytics/analytics_impl.h"

#include <stdio.h>

#include "analytics/periods.h"

#define LIVE_MINUTES 5
#define TOP_DEFAULT 10

static const char *const intervals[] = {
    [BY_MINUTE] = "minute", [BY_HOUR] = "hour", [BY_DAY] = "day", NULL};
static const char *const groups[] = {[VIEWS_BY_PAGE] = "page",
                                     [VIEWS_BY_REFERRER] = "referrer",
                                     [VIEWS_BY_BOT] = "bot",
                                     NULL};

static int choice(struct slice s, const char *const *list)
{
    int i = 0;

    while (list[i] && !slice_is(s, list[i]))
        i++;
    return i;
}

/* ---- the stretch of time that a request is about ---- */

struct stretch {
    struct zone *zone; /* to be closed */
    int64_t from, to;  /* us */
};

static enum err_code read_moment(struct request *r, const char *name,
                                 const struct zone *z, bool end, int64_t *us,
                                 struct err *e)
{
    if (request_has(r, name) &&
        !periods_moment(request_str(r, name), z, end, us))
        return err_field(e, name, "'%s' must be a date or an RFC 3339 time",
                         name);
    return ERR_NONE;
}

/* `from` and `to` come with their defaults.  On success the zone is open. */
static enum err_code read_stretch(struct request *r, struct stretch *out,
                                  struct err *e)
{
    struct slice tz = request_str(r, "tz");
    const char *name = arena_strndup(r->arena, tz.p, tz.len);
    enum err_code rc;

    rc = zone_open(&out->zone, name ? name : "UTC", NULL);
    if (rc != ERR_NONE)
        return rc == ERR_INVALID
                   ? err_field(e, "tz", "'tz' is no zone: \"Europe/Berlin\"")
                   : err_set(e, rc, "cannot read the zone");
    rc = read_moment(r, "from", out->zone, false, &out->from, e);
    if (rc == ERR_NONE)
        rc = read_moment(r, "to", out->zone, true, &out->to, e);
    if (rc != ERR_NONE)
        zone_close(out->zone);
    return rc;
}

/* ---- GET /stats/pageviews ---- */

/* "2025-11-03T06:00:00+05:30" */
static void write_local(struct jw *j, const struct zone *z, int64_t us)
{
    int offset = zone_offset(z, us) / 60, shown = offset < 0 ? -offset : offset;
    char text[CLOCK_TEXT + 8];
    size_t n = clock_format(text, us + offset * US_PER_MINUTE);

    snprintf(text + n - 1, 8, "%c%02d:%02d", offset < 0 ? '-' : '+',
             shown / 60 % 100, shown % 60);
    jw_kstr(j, "local", text);
}

static void write_points(struct jw *j, const struct stretch *st,
                         const struct periods *p,
                         const struct view_count *counts)
{
    struct view_count all = {0};

    jw_key(j, "points");
    jw_arr(j);
    for (size_t i = 0; i < p->n; i++) {
        int64_t at = p->bounds[i] * US_PER_MINUTE;

        jw_obj(j);
        jw_ktime(j, "start", at);
        write_local(j, st->zone, at);
        jw_kint(j, "views", counts[i].views);
        jw_kint(j, "bot_views", counts[i].bot_views);
        jw_end_obj(j);
        all.views += counts[i].views;
        all.bot_views += counts[i].bot_views;
    }
    jw_end_arr(j);
    jw_kint(j, "views", all.views);
    jw_kint(j, "bot_views", all.bot_views);
}

static enum err_code series(struct request *r, const struct stretch *st,
                            struct err *e)
{
    struct analytics *a = r->ctx;
    enum interval by =
        (enum interval)choice(request_str(r, "interval"), intervals);
    struct view_count *counts;
    struct slice page = SLICE_NONE;
    struct periods p;
    struct jw j;
    enum err_code rc = ERR_NONE;

    if (request_has(r, "page"))
        rc = page_path(request_str(r, "page"), &page, e);
    if (rc == ERR_NONE)
        rc = periods_cut(&p, r->arena, st->zone, by, st->from, st->to, e);
    if (rc != ERR_NONE)
        return rc;
    counts = arena_calloc(r->arena, p.n, sizeof(*counts));
    if (!counts)
        return err_set(e, ERR_TOO_LARGE, "the answer is too large");
    rc = store_views_series(a->store, page, p.bounds, p.n, counts, e);
    if (rc != ERR_NONE)
        return rc;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kstr(&j, "interval", intervals[by]);
    jw_kslice(&j, "tz", request_str(r, "tz"));
    jw_ktext(&j, "page", page);
    write_points(&j, st, &p, counts);
    jw_end_obj(&j);
    return ERR_NONE;
}

static enum err_code stats_pageviews(struct request *r, struct err *e)
{
    static const int64_t shown[] = {/* without "from" */
                                    [BY_MINUTE] = 60 * US_PER_MINUTE,
                                    [BY_HOUR] = US_PER_DAY,
                                    [BY_DAY] = 30 * US_PER_DAY};
    struct stretch st = {.to = clock_now_us()};
    enum err_code rc;

    st.from = INT64_MIN;
    rc = read_stretch(r, &st, e);
    if (rc != ERR_NONE)
        return rc;
    if (!request_has(r, "from"))
        st.from = st.to - shown[choice(request_str(r, "interval"), intervals)];
    rc = series(r, &st, e);
    zone_close(st.zone);
    return rc;
}

/* ---- GET /stats/top ---- */

static void write_top(struct jw *j, const char *name,
                      const struct page_count *top, size_t n, bool titles)
{
    jw_arr(j);
    for (size_t i = 0; i < n; i++) {
        jw_obj(j);
        jw_kslice(j, name, top[i].page);
        if (titles)
            jw_kslice(j, "title", top[i].title);
        jw_kint(j, "count", top[i].count);
        jw_end_obj(j);
    }
    jw_end_arr(j);
}

static enum err_code stats_top(struct request *r, struct err *e)
{
    struct analytics *a = r->ctx;
    enum view_group by = (enum view_group)choice(request_str(r, "by"), groups);
    struct stretch st = {.from = 0, .to = clock_now_us() + 1};
    struct page_count *top;
    struct jw j;
    size_t n;
    enum err_code rc = read_stretch(r, &st, e);

    if (rc != ERR_NONE)
        return rc;
    zone_close(st.zone);
    rc = store_views_top(a->store, r->arena, by, st.from / US_PER_MINUTE,
                         (st.to + US_PER_MINUTE - 1) / US_PER_MINUTE,
                         (int)request_int(r, "limit"), &top, &n, e);
    if (rc != ERR_NONE)
        return rc;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kstr(&j, "by", groups[by]);
    jw_key(&j, "results");
    write_top(&j, groups[by], top, n, by == VIEWS_BY_PAGE);
    jw_end_obj(&j);
    return ERR_NONE;
}

/* ---- GET /stats/visitors ---- */

static enum err_code stats_visitors(struct request *r, struct err *e)
{
    struct analytics *a = r->ctx;
    struct visitor_count *days;
    char date[CLOCK_TEXT];
    int64_t recent;
    struct jw j;
    size_t n;
    enum err_code rc =
        store_visitors(a->store, r->arena, (int)request_int(r, "days"),
                       clock_now_us(), &days, &n, &recent, e);

    if (rc != ERR_NONE)
        return rc;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_key(&j, "days");
    jw_arr(&j);
    for (size_t i = 0; i < n; i++) {
        clock_format_date(date, days[i].day * US_PER_DAY);
        jw_obj(&j);
        jw_kstr(&j, "day", date);
        jw_kint(&j, "visitors", days[i].visitors);
        jw_end_obj(&j);
    }
    jw_end_arr(&j);
    jw_end_obj(&j);
    return ERR_NONE;
}

/* ---- GET /stats/live ---- */

static enum err_code stats_live(struct request *r, struct err *e)
{
    struct analytics *a = r->ctx;
    int64_t now = clock_now_us() / US_PER_MINUTE;
    int64_t bounds[] = {now - LIVE_MINUTES + 1, now + 1};
    struct view_count recent;
    struct page_count *top;
    struct view_totals t;
    struct sio_stats live;
    struct visitor_count *days;
    int64_t visitors;
    size_t n_days;
    struct jw j;
    size_t n;
    enum err_code rc;

    rc = store_views_totals(a->store, r->arena, 0, &t, e);
    if (rc == ERR_NONE)
        rc = store_views_series(a->store, SLICE_NONE, bounds, 1, &recent, e);
    if (rc == ERR_NONE)
        rc = store_views_top(a->store, r->arena, VIEWS_BY_PAGE, bounds[0],
                             bounds[1], TOP_DEFAULT, &top, &n, e);
    if (rc == ERR_NONE)
        rc = store_visitors(a->store, r->arena, 0, bounds[0] * US_PER_MINUTE,
                            &days, &n_days, &visitors, e);
    if (rc != ERR_NONE)
        return rc;
    sio_stats(a->sio, &live);
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kint(&j, "online", live.sessions + feed_online_elsewhere(a->feed));
    jw_key(&j, "totals");
    totals_write(&j, &t);
    jw_kint(&j, "minutes", LIVE_MINUTES);
    jw_kint(&j, "visitors", visitors);
    jw_kint(&j, "views", recent.views);
    jw_key(&j, "pages");
    write_top(&j, "page", top, n, true);
    jw_end_obj(&j);
    return ERR_NONE;
}

/* ---- DELETE /stats/pages ---- */

static enum err_code stats_erase(struct request *r, struct err *e)
{
    struct analytics *a = r->ctx;
    struct slice page;
    enum err_code rc = page_path(request_str(r, "page"), &page, e);

    if (rc == ERR_NONE)
        rc = store_page_erase(a->store, page, e);
    if (rc != ERR_NONE)
        return rc;
    analytics_erased(a, page);
    reply_empty(r, 204);
    return ERR_NONE;
}

/* ---- rows ---- */

#define TZ_PARAM                                                               \
    {                                                                          \
        .name = "tz", .in = IN_QUERY, .type = PARAM_STR, .max = 100,           \
        .dflt = "UTC",                                                         \
        .doc = "Zone of dates, hours and days, as IANA names "                 \
               "it.",                                                          \
        .example = "\"Europe/Berlin\""                                         \
    }

static const struct param series_params[] = {
    {.name = "from",
     .in = IN_QUERY,
     .type = PARAM_STR,
     .max = 40,
     .doc = "A time, or a date in the zone; by default an hour, a day or 30 "
            "days before \"to\", as the interval is."},
    {.name = "to",
     .in = IN_QUERY,
     .type = PARAM_STR,
     .max = 40,
     .doc = "A time, or a date whose day is included; by default now."},
    {.name = "interval",
     .in = IN_QUERY,
     .type = PARAM_ENUM,
     .choices = intervals,
     .dflt = "day",
     .doc = "Length of a point."},
    TZ_PARAM,
    {.name = "page",
     .in = IN_QUERY,
     .type = PARAM_STR,
     .doc = "Only this page."},
    {0},
};

static const struct param top_params[] = {
    {.name = "by",
     .in = IN_QUERY,
     .type = PARAM_ENUM,
     .choices = groups,
     .dflt = "page",
     .doc = "What is ranked."},
    {.name = "limit",
     .in = IN_QUERY,
     .type = PARAM_INT,
     .min = 1,
     .max = 1000,
     .dflt = "10",
     .doc = "How many."},
    {.name = "from",
     .in = IN_QUERY,
     .type = PARAM_STR,
     .max = 40,
     .doc = "A time, or a date in the zone; by default the beginning."},
    {.name = "to",
     .in = IN_QUERY,
     .type = PARAM_STR,
     .max = 40,
     .doc = "A time, or a date whose day is included; by default now."},
    TZ_PARAM,
    {0},
};

static const struct param visitors_params[] = {
    {.name = "days",
     .in = IN_QUERY,
     .type = PARAM_INT,
     .min = 1,
     .max = 10000,
     .dflt = "30",
     .doc = "At most so many, the newest first."},
    {0},
};

static const struct param erase_params[] = {
    {.name = "page",
     .in = IN_QUERY,
     .type = PARAM_STR,
     .required = true,
     .doc = "Its path.",
     .example = "\"/projects\""},
    {0},
};

const struct route analytics_stats_routes[] = {
    {
        .method = HTTP_DELETE,
        .pattern = "/stats/pages",
        .handle = stats_erase,
        .policy = POLICY_ADMIN,
        .params = erase_params,
        .tag = "Analytics",
        .summary = "Forget a page and its views",
        .doc = "Its next view is its first.",
        .status = 204,
    },
    {
        .method = HTTP_GET,
        .pattern = "/stats/visitors",
        .handle = stats_visitors,
        .policy = POLICY_READ,
        .params = visitors_params,
        .tag = "Analytics",
        .summary = "Different readers by day (UTC)",
        .doc = "A reader is an address and a browser, told apart within a day "
               "only.  Days without any are left out.",
        .schema = "VisitorDays",
        .returns = "{\"days\":[{\"day\":\"2025-11-03\",\"visitors\":9}]}",
    },
    {
        .method = HTTP_GET,
        .pattern = "/stats/pageviews",
        .handle = stats_pageviews,
        .policy = POLICY_READ,
        .params = series_params,
        .tag = "Analytics",
        .summary = "Page views over time",
        .doc = "Points are minutes, hours or days of the zone; each has its "
               "beginning in UTC and as the zone's clock shows it.  At most "
               "10,000 points.",
        .schema = "ViewSeries",
        .returns = "{\"interval\":\"day\",\"tz\":\"Europe/Berlin\",\"page\":"
                   "null,\"points\":[{\"start\":\"2025-11-02T23:00:00Z\","
                   "\"local\":\"2025-11-03T00:00:00+01:00\",\"views\":142,"
                   "\"bot_views\":7}],\"views\":142,\"bot_views\":7}",
    },
    {
        .method = HTTP_GET,
        .pattern = "/stats/top",
        .handle = stats_top,
        .policy = POLICY_READ,
        .params = top_params,
        .tag = "Analytics",
        .summary = "Pages, referrers or kinds of robots with the most views",
        .doc = "Robots are in no other number; by=bot tells why each is taken "
               "for one.",
        .schema = "TopViews",
        .returns = "{\"by\":\"page\",\"results\":[{\"page\":\"/projects\","
                   "\"title\":\"Projects\",\"count\":142}]}",
    },
    {
        .method = HTTP_GET,
        .pattern = "/stats/live",
        .handle = stats_live,
        .policy = POLICY_READ,
        .tag = "Analytics",
        .summary = "Who is here, and what was read in the last five minutes",
        .schema = "Live",
        .returns = "{\"online\":3,\"totals\":{\"views\":142,\"pages\":5,"
                   "\"bot_views\":7},\"minutes\":5,\"visitors\":4,\"views\":9,"
                   "\"pages\":[{"
                   "\"page\":\"/projects\",\"title\":\"Projects\","
                   "\"count\":9}]}",
    },
    {0},
};
