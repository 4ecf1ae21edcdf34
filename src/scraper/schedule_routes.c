/* schedule_routes.c - scrapes that repeat: POST, GET, PATCH, DELETE /schedules.
 *
 * A PATCH that changes when to run (every, at, tz, or enabled to true) plans
 * the next run anew from now on; any other leaves the plan alone.
 */
#include <string.h>

#include "base/clock.h"
#include "net/paging.h"
#include "scraper/schedules.h"
#include "scraper/scraper_impl.h"

static const char *const sources[] = {"arxiv", NULL};

static void write_schedule(struct jw *j, const void *row)
{
    const struct schedule *s = row;
    char every[24];

    schedule_every_write(every, s->every_s);
    jw_obj(j);
    jw_kint(j, "id", s->id);
    jw_kslice(j, "source", s->source);
    jw_kslice(j, "category", s->category);
    jw_kstr(j, "every", every);
    jw_ktext(j, "at", s->at);
    jw_kslice(j, "tz", s->tz.len ? s->tz : SLICE("UTC"));
    jw_kint(j, "days", s->days);
    jw_kint(j, "max_results", s->max_results);
    jw_ktext(j, "query", s->query);
    if (s->arxiv_categories.len)
        jw_kraw(j, "arxiv_categories", s->arxiv_categories);
    else
        jw_knull(j, "arxiv_categories");
    jw_kbool(j, "enabled", s->enabled);
    if (s->enabled)
        jw_ktime(j, "next_run_at", s->next_run_at);
    else
        jw_knull(j, "next_run_at");
    jw_ktime(j, "last_run_at", s->last_run_at);
    jw_ktext(j, "last_job_id", s->last_job_id);
    jw_ktime(j, "last_confirmed_at", s->last_confirmed_at);
    jw_ktime(j, "created_at", s->created_at);
    jw_ktime(j, "updated_at", s->updated_at);
    jw_end_obj(j);
}

static enum err_code reply_schedule(struct request *r, int status, int64_t id,
                                    struct err *e)
{
    struct scraper *s = r->ctx;
    struct schedule sch;
    struct jw j;
    enum err_code rc = store_schedule_get(s->store, r->arena, id, &sch, e);

    if (rc != ERR_NONE)
        return rc;
    jw_init(&j, reply_json(r, status));
    write_schedule(&j, &sch);
    return ERR_NONE;
}

/* ---- reading the body ---- */

/* The list as JSON text, checked. */
static enum err_code read_list(struct request *r, struct scrape_input *in,
                               struct slice *out, struct err *e)
{
    const json_t *list = request_value(r, "arxiv_categories");
    struct buf text;
    struct jw j;
    enum err_code rc = scrape_input_categories(in, r->arena, list, e);

    if (rc != ERR_NONE)
        return rc;
    *out = SLICE("");
    if (!in->n_categories)
        return ERR_NONE;
    buf_init(&text, 8192);
    jw_init(&j, &text);
    jw_arr(&j);
    for (size_t i = 0; i < in->n_categories; i++)
        jw_slice(&j, in->categories[i]);
    jw_end_arr(&j);
    *out = buf_ok(&text) ? arena_slice(r->arena, buf_slice(&text)) : SLICE_NONE;
    buf_release(&text);
    return out->p ? ERR_NONE
                  : err_set(e, ERR_TOO_LARGE, "the request is too large");
}

static enum err_code read_what(struct request *r, struct schedule *s,
                               struct err *e)
{
    struct scraper *scraper = r->ctx;
    struct scrape_input in = {0};
    enum err_code rc = ERR_NONE;

    if (request_has(r, "source"))
        s->source = request_str(r, "source");
    if (request_has(r, "category"))
        s->category = request_str(r, "category");
    if (request_has(r, "query"))
        s->query = request_str(r, "query");
    if (request_has(r, "days"))
        s->days = request_int(r, "days");
    if (request_has(r, "max_results"))
        s->max_results = request_int(r, "max_results");
    if (request_has(r, "enabled"))
        s->enabled = request_bool(r, "enabled");
    if (request_has(r, "arxiv_categories"))
        rc = read_list(r, &in, &s->arxiv_categories, e);
    in.category = s->category;
    in.query = s->query;
    return rc == ERR_NONE ? scrape_input_check(&in, scraper->rules, e) : rc;
}

static enum err_code read_when(struct request *r, struct schedule *s,
                               struct err *e)
{
    enum err_code rc = ERR_NONE;
    int minutes;

    if (request_has(r, "every"))
        rc = schedule_every_parse(request_str(r, "every"), &s->every_s, e);
    if (rc == ERR_NONE && request_has(r, "at")) {
        s->at = request_str(r, "at");
        if (s->at.len) /* "" takes it away */
            rc = schedule_at_parse(s->at, &minutes, e);
    }
    if (request_has(r, "tz"))
        s->tz = request_str(r, "tz");
    return rc;
}

/* A zone is wrong even where no `at` needs it. */
static enum err_code check_zone(struct slice tz, struct err *e)
{
    struct schedule probe = {.at = SLICE("00:00"), .tz = tz, .every_s = 86400};
    int64_t next;

    return schedule_next(&probe, 0, clock_now_us(), &next, e);
}

static enum err_code plan(struct schedule *s, struct err *e)
{
    int64_t now = clock_now_us();
    enum err_code rc = check_zone(s->tz, e);

    if (rc == ERR_NONE)
        rc = schedule_next(s, 0, now, &s->next_run_at, e);
    return rc;
}

/* ---- handlers ---- */

static enum err_code post_schedule(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    struct schedule sch = {0};
    int64_t id;
    enum err_code rc = read_what(r, &sch, e);

    if (rc == ERR_NONE)
        rc = read_when(r, &sch, e);
    if (rc == ERR_NONE)
        rc = plan(&sch, e);
    if (rc == ERR_NONE)
        rc = store_schedule_put(s->store, &sch, clock_now_us(), &id, e);
    return rc == ERR_NONE ? reply_schedule(r, 201, id, e) : rc;
}

static enum err_code patch_schedule(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    int64_t id = request_int(r, "id");
    struct schedule sch;
    bool was_enabled;
    enum err_code rc = store_schedule_get(s->store, r->arena, id, &sch, e);

    if (rc != ERR_NONE)
        return rc;
    was_enabled = sch.enabled;
    rc = read_what(r, &sch, e);
    if (rc == ERR_NONE)
        rc = read_when(r, &sch, e);
    if (rc == ERR_NONE &&
        (request_has(r, "every") || request_has(r, "at") ||
         request_has(r, "tz") || (sch.enabled && !was_enabled)))
        rc = plan(&sch, e);
    if (rc == ERR_NONE)
        rc = store_schedule_put(s->store, &sch, clock_now_us(), &id, e);
    return rc == ERR_NONE ? reply_schedule(r, 200, id, e) : rc;
}

static enum err_code get_schedule(struct request *r, struct err *e)
{
    return reply_schedule(r, 200, request_int(r, "id"), e);
}

static enum err_code delete_schedule(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    enum err_code rc = store_schedule_delete(s->store, request_int(r, "id"), e);

    if (rc == ERR_NONE)
        reply_empty(r, 204);
    return rc;
}

static enum err_code list_schedules(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    struct page page = paging_read(r);
    struct schedule *rows;
    size_t n;
    int64_t count;
    enum err_code rc =
        store_schedules_list(s->store, r->arena, 0, page.offset, (int)page.size,
                             &rows, &n, &count, e);

    return rc == ERR_NONE ? paging_reply(r, &page, count, rows, n,
                                         sizeof(*rows), write_schedule, e)
                          : rc;
}

/* ---- the table ---- */

#define ID_PARAM                                                               \
    {                                                                          \
        "id", IN_PATH, PARAM_INT, .required = true, .min = 1, .max = 9e15,     \
                                  .doc = "The schedule's id."                  \
    }

#define WHAT_PARAMS(d_source, d_category, d_days, d_max, d_enabled)            \
    {"source",           IN_BODY,                                              \
     PARAM_ENUM,         .choices = sources,                                   \
     .dflt = (d_source), .doc = "Where to look."},                             \
        {"category",                                                           \
         IN_BODY,                                                              \
         PARAM_STR,                                                            \
         .min = 1,                                                             \
         .max = 32,                                                            \
         .dflt = (d_category),                                                 \
         .doc = "Keep only papers of this category of ours, or all."},         \
        {"days",                                                               \
         IN_BODY,                                                              \
         PARAM_INT,                                                            \
         .min = 1,                                                             \
         .max = SCRAPE_DAYS_MAX,                                               \
         .dflt = (d_days),                                                     \
         .doc =                                                                \
             "Papers submitted in the last so many days; more when earlier "   \
             "runs failed."},                                                  \
        {"max_results",                                                        \
         IN_BODY,                                                              \
         PARAM_INT,                                                            \
         .min = 1,                                                             \
         .max = SCRAPE_RESULTS_MAX,                                            \
         .dflt = (d_max),                                                      \
         .doc = "At most so many papers are kept."},                           \
        {"query", IN_BODY, PARAM_STR, .max = ARXIV_QUERY_MAX,                  \
         .doc = "More words or terms; empty: none."},                          \
        {"arxiv_categories", IN_BODY, PARAM_LIST, .max = ARXIV_CATEGORIES_MAX, \
         .doc = "arXiv's categories to look in; empty: by the category."},     \
        {"enabled", IN_BODY, PARAM_BOOL, .dflt = (d_enabled),                  \
         .doc = "Does it run?"},                                               \
    {                                                                          \
        "at", IN_BODY, PARAM_STR,                                              \
            .max = 5,                                                          \
            .doc = "Time of the day in tz; empty: counted from now on.",       \
            .example = "06:00"                                                 \
    }

static const struct param post_params[] = {
    {"every", IN_BODY, PARAM_STR, .required = true, .min = 2, .max = 8,
     .doc = "From 15m to 365d.", .example = "24h"},
    {"tz", IN_BODY, PARAM_STR, .min = 1, .max = 60, .dflt = "UTC",
     .doc = "Time zone of `at`.", .example = "Europe/Berlin"},
    WHAT_PARAMS("arxiv", "all", "7", "50", "true"),
    {.name = NULL}};

static const struct param patch_params[] = {
    ID_PARAM,
    {"every", IN_BODY, PARAM_STR, .min = 2, .max = 8,
     .doc = "From 15m to 365d.", .example = "24h"},
    {"tz", IN_BODY, PARAM_STR, .min = 1, .max = 60, .doc = "Time zone of `at`.",
     .example = "Europe/Berlin"},
    WHAT_PARAMS(NULL, NULL, NULL, NULL, NULL),
    {.name = NULL}};

static const struct param id_params[] = {ID_PARAM, {.name = NULL}};
static const struct param list_params[] = {PAGING_PARAMS, {.name = NULL}};

#define SCHEDULE_EXAMPLE                                                       \
    "{\"id\":1,\"source\":\"arxiv\",\"category\":\"llm\",\"every\":\"24h\","   \
    "\"at\":\"06:00\",\"tz\":\"Europe/Berlin\",\"days\":7,"                    \
    "\"max_results\":50,\"query\":null,\"arxiv_categories\":null,"             \
    "\"enabled\":true,\"next_run_at\":\"2025-11-04T05:00:00Z\","               \
    "\"last_run_at\":null,\"last_job_id\":null,\"last_confirmed_at\":null,"    \
    "\"created_at\":\"2025-11-03T10:00:00Z\","                                 \
    "\"updated_at\":\"2025-11-03T10:00:00Z\"}"

const struct route scraper_schedule_routes[] = {
    {.method = HTTP_POST,
     .pattern = "/schedules/",
     .handle = post_schedule,
     .policy = POLICY_WRITE,
     .params = post_params,
     .tag = "Schedules",
     .summary = "Scrape again and again",
     .status = 201,
     .doc = "A run that was missed is caught up once, with a window that "
            "covers the time since the last confirmed delivery.",
     .schema = "Schedule",
     .returns = SCHEDULE_EXAMPLE},
    {.method = HTTP_GET,
     .pattern = "/schedules/",
     .handle = list_schedules,
     .policy = POLICY_READ,
     .params = list_params,
     .tag = "Schedules",
     .summary = "List schedules",
     .schema = "SchedulePage",
     .returns = "{\"count\":1,\"next\":null,\"previous\":null,\"results\":"
                "[" SCHEDULE_EXAMPLE "]}"},
    {.method = HTTP_GET,
     .pattern = "/schedules/{id}",
     .handle = get_schedule,
     .policy = POLICY_READ,
     .params = id_params,
     .tag = "Schedules",
     .summary = "One schedule",
     .schema = "Schedule",
     .returns = SCHEDULE_EXAMPLE},
    {.method = HTTP_PATCH,
     .pattern = "/schedules/{id}",
     .handle = patch_schedule,
     .policy = POLICY_WRITE,
     .params = patch_params,
     .tag = "Schedules",
     .summary = "Change a schedule",
     .doc = "A change of every, at or tz plans the next run anew.",
     .schema = "Schedule",
     .returns = SCHEDULE_EXAMPLE},
    {.method = HTTP_DELETE,
     .pattern = "/schedules/{id}",
     .handle = delete_schedule,
     .policy = POLICY_WRITE,
     .params = id_params,
     .tag = "Schedules",
     .summary = "Delete a schedule",
     .status = 204},
    {.pattern = NULL}};
