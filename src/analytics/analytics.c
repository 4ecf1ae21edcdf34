/* analytics.c - see analytics.h.
 *
 *   POST /events/pageview -> recorder (a thread, a commit for many)
 *                              -> answer, and feed (live clients)
 */
#include "analytics/analytics_impl.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "analytics/user_agent.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gen/assets.h"

/* ---- POST /events/pageview ---- */

static void sender_left(void *ctx)
{
    struct recorded *v = ctx;

    v->parked = NULL;
}

static void answer(struct recorded *v)
{
    struct request *r = parked_request(v->parked);
    struct jw j;

    if (v->code != ERR_NONE) {
        request_answer_err(r, &v->err);
        return;
    }
    jw_init(&j, reply_json(r, 202));
    jw_obj(&j);
    jw_kslice(&j, "page", v->view.page);
    jw_kint(&j, "count", v->view.count);
    jw_end_obj(&j);
    request_answer(r);
}

static void recorded(void *ctx, struct recorded *v)
{
    struct analytics *a = ctx;

    if (v->code == ERR_NONE && v->view.bot.len == 0)
        feed_page(a->feed, v->view.page, v->view.count);
    if (v->parked)
        answer(v);
}

/* Address and browser: the same for one reader's views, and seldom for two.
 * Empty for robots, and for who asks not to be told apart. */
static struct slice reader(struct request *r, struct slice bot)
{
    struct slice agent = request_header(r, "User-Agent");
    const char *who;

    if (bot.len || slice_is(request_header(r, "DNT"), "1") ||
        slice_is(request_header(r, "Sec-GPC"), "1"))
        return SLICE_NONE;
    who = arena_printf(r->arena, "%.*s %.*s", SLICE_ARG(r->client),
                       SLICE_ARG(agent));
    return slice_of(who);
}

static enum err_code pageview(struct request *r, struct err *e)
{
    struct analytics *a = r->ctx;
    struct page_view view = {.title = request_str(r, "title"),
                             .at_us = clock_now_us()};
    struct referrer from;
    struct recorded *v;
    enum err_code rc = page_path(request_str(r, "page"), &view.page, e);

    if (rc == ERR_NONE)
        rc = referrer_host(request_str(r, "referrer"), &from, e);
    if (rc != ERR_NONE)
        return rc;
    view.referrer = (struct slice){from.host, from.len};
    view.bot = user_agent_bot(request_header(r, "User-Agent"));
    rc = recorder_add(a->recorder, &view, reader(r, view.bot), &v, e);
    if (rc == ERR_NONE)
        v->parked = request_park(r, sender_left, v);
    return rc;
}

/* ---- live clients ---- */

static void ask_totals(void *ctx)
{
    struct analytics *a = ctx;

    recorder_ask_totals(a->recorder);
}

static void totals(void *ctx, const struct view_totals *t)
{
    struct analytics *a = ctx;

    feed_snapshot(a->feed, t);
}

/* ---- other processes ---- */

/* Minutes before the moment from which on something may be missing: clocks may
 * differ, and views may have waited for the database. */
#define MARGIN_MINUTES 2
#define PART_PAUSE_MS 100
#define RETRY_MS 5000

static void next_part(struct server_timer *t)
{
    struct analytics *a =
        (void *)((char *)t - offsetof(struct analytics, next_part));

    recorder_ask_changes(a->recorder, a->from, a->after);
}

static void begin_catching_up(struct analytics *a, int64_t from)
{
    a->catching_up = true;
    a->from = from;
    a->after = 0;
    a->again_from = INT64_MAX;
    recorder_ask_changes(a->recorder, from, 0);
}

static void catch_up(void *ctx, int64_t since_us)
{
    struct analytics *a = ctx;
    int64_t from = since_us / US_PER_MINUTE - MARGIN_MINUTES;

    if (!a->catching_up)
        begin_catching_up(a, from);
    else if (from < a->again_from)
        a->again_from = from;
}

static void changes(void *ctx, enum err_code rc, const struct page_change *list,
                    size_t n)
{
    struct analytics *a = ctx;

    for (size_t i = 0; i < n; i++)
        feed_page(a->feed, list[i].page, list[i].count);
    if (rc == ERR_NONE && n < RECORDER_CHANGES) {
        a->catching_up = false;
        if (a->again_from < INT64_MAX)
            begin_catching_up(a, a->again_from);
        return;
    }
    if (n > 0)
        a->after = list[n - 1].id;
    server_timer_set(a->server, &a->next_part,
                     rc == ERR_NONE ? PART_PAUSE_MS : RETRY_MS);
}

struct erased {
    struct server_post post; /* first, so that the two convert */
    struct analytics *analytics;
    size_t len;
    char page[];
};

static void run_erased(struct server_post *post)
{
    struct erased *e = (struct erased *)post;

    feed_erased(e->analytics->feed, (struct slice){e->page, e->len});
    mem_free(e);
}

void analytics_erased(struct analytics *a, struct slice page)
{
    struct erased *e = mem_need(sizeof(*e) + page.len);

    *e = (struct erased){
        .post.run = run_erased, .analytics = a, .len = page.len};
    memcpy(e->page, page.p, page.len);
    server_post(a->server, &e->post);
}

/* ---- GET /sheaf.js ---- */

static struct shared_body *make_tracker(void)
{
    struct buf bytes;
    struct shared_body *body;

    buf_init(&bytes, asset_sheaf_js_len);
    buf_add(&bytes, asset_sheaf_js, asset_sheaf_js_len);
    body = shared_body_new(&bytes, "text/javascript; charset=utf-8");
    if (!body)
        abort();
    return body;
}

static enum err_code tracker(struct request *r, struct err *e)
{
    const struct analytics *a = r->ctx;

    (void)e;
    reply_header(r, "Cache-Control", "public, max-age=3600");
    reply_shared(r, 200, a->tracker);
    return ERR_NONE;
}

/* ---- life ---- */

enum err_code analytics_new(struct analytics **out,
                            const struct analytics_options *opt, struct err *e)
{
    struct analytics *a = mem_need(sizeof(*a));
    enum err_code rc;

    rc = recorder_new(
        &a->recorder,
        &(struct recorder_options){.store = opt->store,
                                   .retention_days = opt->retention_days,
                                   .recorded = recorded,
                                   .totals = totals,
                                   .changes = changes,
                                   .ctx = a},
        e);
    if (rc != ERR_NONE) {
        mem_free(a);
        return rc;
    }
    a->tracker = make_tracker();
    a->store = opt->store;
    a->sio = opt->sio;
    a->next_part.fire = next_part;
    a->feed = feed_new(&(struct feed_options){.sio = opt->sio,
                                              .redis = opt->redis,
                                              .key = opt->redis_key,
                                              .ask = ask_totals,
                                              .catch_up = catch_up,
                                              .ctx = a});
    *out = a;
    return ERR_NONE;
}

void analytics_start(struct analytics *a, struct server *s)
{
    a->server = s;
    recorder_start(a->recorder, s);
    feed_start(a->feed, s);
}

void analytics_stop(struct analytics *a)
{
    recorder_stop(a->recorder);
    feed_stop(a->feed);
    server_timer_cancel(a->server, &a->next_part);
}

void analytics_free(struct analytics *a)
{
    if (!a)
        return;
    recorder_free(a->recorder);
    feed_free(a->feed);
    shared_body_unref(a->tracker);
    mem_free(a);
}

/* ---- routes ---- */

static const struct param pageview_params[] = {
    {.name = "page",
     .in = IN_BODY,
     .type = PARAM_STR,
     .required = true,
     .doc = "The page's path; query and fragment are dropped.  At most 2,048 "
            "bytes.",
     .example = "\"/projects\""},
    {.name = "referrer",
     .in = IN_BODY,
     .type = PARAM_STR,
     .doc = "The URL that the reader came from; only its host is kept."},
    {.name = "title",
     .in = IN_BODY,
     .type = PARAM_STR,
     .max = 500,
     .doc = "The page's title, as it is now."},
    {0},
};

const struct route analytics_routes[] = {
    {
        .method = HTTP_POST,
        .pattern = "/events/pageview",
        .handle = pageview,
        .policy = POLICY_PUBLIC,
        .run = ON_LOOP,
        .params = pageview_params,
        .text_body = true,
        .per_minute = 600, /* an office behind one address, not a flood */
        .tag = "Analytics",
        .summary = "Count a page view",
        .doc = "Answered when it is on disk.  Live clients get "
               "\"new_pageview\" with the same two fields.  The body may also "
               "be sent as text/plain, so that pages of other sites need not "
               "ask first.  Robots are counted apart.",
        .status = 202,
        .schema = "PageCount",
        .returns = "{\"page\":\"/projects\",\"count\":142}",
    },
    {
        .method = HTTP_GET,
        .pattern = "/sheaf.js",
        .handle = tracker,
        .policy = POLICY_PUBLIC,
        .run = ON_LOOP,
        .open_query = true, /* "?v=2" */
        .tag = "Analytics",
        .summary = "The tracker: a script for any site",
        .doc = "Sends a page view when a page is shown and when a "
               "single-page application moves on.  No cookies; of a referrer "
               "it sends the site alone.",
        .media = "text/javascript",
    },
    {0},
};
