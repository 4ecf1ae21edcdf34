/* routes.c - the scraper's own paths: /scrape, /papers, coverage. */
#include <string.h>

#include "base/clock.h"
#include "net/paging.h"
#include "scraper/coverage.h"
#include "scraper/payload.h"
#include "scraper/replay.h"
#include "scraper/scraper_impl.h"
#include "store/scrape.h"

#define PAPERS_LIMIT_MAX 1000
#define REPLAY_ARENA_MAX (192u << 20)

static const char *const sources[] = {"arxiv", NULL};

/* ---- POST /scrape, POST /scrape/replay ---- */

static enum err_code queue_scrape(struct request *r,
                                  const struct scrape_input *in,
                                  struct job *job, struct err *e)
{
    struct scraper *s = r->ctx;
    int64_t now = clock_now_us();
    struct job_new spec = {.kind = "scrape",
                           .id_prefix = "arxiv",
                           .max_attempts = SCRAPE_MAX_ATTEMPTS,
                           .run_at = now,
                           .now_us = now};
    enum err_code rc = scrape_input_write(in, r->arena, &spec.input, e);

    return rc == ERR_NONE ? job_submit(r, s->store, s->jobs, &spec, job, e)
                          : rc;
}

static void reply_accepted(struct request *r, const struct job *job)
{
    struct jw j;

    job_accepted(&j, r, job);
    jw_end_obj(&j);
}

static enum err_code post_scrape(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    struct scrape_input in = {.source = request_str(r, "source"),
                              .category = request_str(r, "category"),
                              .query = request_str(r, "query"),
                              .days = request_int(r, "days"),
                              .max_results = request_int(r, "max_results")};
    struct job job;
    enum err_code rc = scrape_input_categories(
        &in, r->arena, request_value(r, "arxiv_categories"), e);

    if (rc == ERR_NONE)
        rc = scrape_input_check(&in, s->rules, e);
    if (rc == ERR_NONE)
        rc = queue_scrape(r, &in, &job, e);
    if (rc == ERR_NONE)
        reply_accepted(r, &job);
    return rc;
}

/* Look at the whole feed before it is accepted: what is wrong with it is said
 * at once, and to who sent it. */
static enum err_code check_feed(struct slice feed, int64_t *entries,
                                struct err *e)
{
    struct arena *a = arena_new(REPLAY_ARENA_MAX);
    struct atom_feed parsed;
    enum err_code rc;

    if (!a)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    rc = atom_parse(a, feed, &parsed, e);
    *entries = (int64_t)parsed.n_papers;
    arena_free(a);
    return rc;
}

static enum err_code post_replay(struct request *r, struct err *e)
{
    struct scrape_input in = {.source = SLICE("arxiv"),
                              .category = SLICE("all"),
                              .days = 1,
                              .max_results = SCRAPE_RESULTS_MAX};
    int64_t entries = 0;
    struct buf feed;
    struct job job;
    struct jw j;
    enum err_code rc;

    buf_init(&feed, ATOM_MAX_BYTES + (64u << 10));
    rc = replay_unzip(&feed, r->body, e);
    if (rc == ERR_NONE)
        rc = check_feed(buf_slice(&feed), &entries, e);
    if (rc == ERR_NONE)
        rc = replay_pack(r->arena, buf_slice(&feed), &in.replay, e);
    buf_release(&feed);
    if (rc == ERR_NONE)
        rc = queue_scrape(r, &in, &job, e);
    if (rc != ERR_NONE)
        return rc;
    job_accepted(&j, r, &job);
    jw_kint(&j, "entries", entries);
    jw_end_obj(&j);
    return ERR_NONE;
}

/* ---- GET /papers ---- */

static enum err_code get_papers(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    struct paper *papers;
    size_t n;
    struct buf body;
    struct jw j;
    enum err_code rc = store_scrape_latest(
        s->store, r->arena, (int)request_int(r, "limit"), &papers, &n, e);

    if (rc != ERR_NONE)
        return rc;
    buf_init(&body, 48u << 20);
    jw_init(&j, &body);
    jw_obj(&j);
    jw_key(&j, "papers");
    jw_arr(&j);
    for (size_t i = 0; i < n; i++)
        payload_write_paper(&j, &papers[i]);
    jw_end_arr(&j);
    jw_kint(&j, "count", (int64_t)n);
    jw_end_obj(&j);
    if (buf_ok(&body)) /* one that failed half-way is not sent */
        buf_add_slice(reply_json(r, 200), buf_slice(&body));
    else
        rc = err_set(e, ERR_INTERNAL, "the reply is too large");
    buf_release(&body);
    return rc;
}

/* ---- coverage ---- */

static void write_day(struct jw *j, const void *row)
{
    const struct coverage *day = row;
    int64_t missing = day->expected - day->stored;
    char date[CLOCK_TEXT];

    clock_format_date(date, day->day * US_PER_DAY);
    jw_obj(j);
    jw_kslice(j, "category", day->category);
    jw_kstr(j, "day", date);
    jw_kint(j, "expected", day->expected);
    jw_kint(j, "stored", day->stored);
    jw_kint(j, "missing", missing > 0 ? missing : 0);
    jw_ktime(j, "checked_at", day->checked_at);
    jw_end_obj(j);
}

static enum err_code get_coverage(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    struct page page = paging_read(r);
    struct coverage *rows;
    size_t n;
    int64_t count;
    enum err_code rc =
        store_coverage_list(s->store, r->arena, request_str(r, "category"),
                            page.offset, (int)page.size, &rows, &n, &count, e);

    return rc == ERR_NONE ? paging_reply(r, &page, count, rows, n,
                                         sizeof(*rows), write_day, e)
                          : rc;
}

static enum err_code post_coverage(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    struct scrape_input in = {.category = SLICE("all")};
    struct job_new spec = {0};
    struct job job;
    bool existing;
    enum err_code rc = scrape_input_categories(
        &in, r->arena, request_value(r, "arxiv_categories"), e);

    if (rc == ERR_NONE)
        rc = scrape_input_check(&in, s->rules, e);
    scrape_input_defaults(&in, s->rules);
    if (rc == ERR_NONE)
        rc = job_new_idempotency(&spec, r, e);
    if (rc == ERR_NONE)
        rc = coverage_queue(s, r->arena, &in, request_int(r, "days"), &spec,
                            &job, &existing, e);
    if (rc != ERR_NONE)
        return rc;
    scraper_wake(s);
    reply_accepted(r, &job);
    return ERR_NONE;
}

/* ---- the tables ---- */

static const struct param scrape_params[] = {
    {"source", IN_BODY, PARAM_ENUM, .choices = sources, .dflt = "arxiv",
     .doc = "Where to look."},
    {"days", IN_BODY, PARAM_INT, .min = 1, .max = SCRAPE_DAYS_MAX, .dflt = "7",
     .doc = "Papers submitted in the last so many days."},
    {"max_results", IN_BODY, PARAM_INT, .min = 1, .max = SCRAPE_RESULTS_MAX,
     .dflt = "50",
     .doc = "At most so many papers are kept; at most 2,000 are looked at."},
    {"category", IN_BODY, PARAM_STR, .min = 1, .max = 32, .dflt = "all",
     .doc = "Keep only papers of this category of ours, or all.",
     .example = "llm"},
    {"query", IN_BODY, PARAM_STR, .min = 1, .max = ARXIV_QUERY_MAX,
     .doc = "More words that a paper must hold, or terms in arXiv's own "
            "syntax.",
     .example = "ti:\"deep dream\" OR au:lecun"},
    {"arxiv_categories", IN_BODY, PARAM_LIST, .max = ARXIV_CATEGORIES_MAX,
     .doc = "arXiv's categories to look in, instead of those that the category "
            "implies (cs.AI and cs.LG without one).",
     .example = "[\"cs.AI\",\"cs.LG\"]"},
    {.name = NULL}};

static const struct param papers_params[] = {
    {"limit", IN_QUERY, PARAM_INT, .min = 1, .max = PAPERS_LIMIT_MAX,
     .dflt = "50", .doc = "At most so many."},
    {.name = NULL}};

static const struct param coverage_params[] = {
    {"category", IN_QUERY, PARAM_STR, .min = 1, .max = 40,
     .doc = "Only this category of arXiv's.", .example = "cs.AI"},
    PAGING_PARAMS,
    {.name = NULL}};

static const struct param check_params[] = {
    {"days", IN_BODY, PARAM_INT, .min = 1, .max = COVERAGE_DAYS_MAX,
     .dflt = "3", .doc = "The last so many complete days (UTC)."},
    {"arxiv_categories", IN_BODY, PARAM_LIST, .max = ARXIV_CATEGORIES_MAX,
     .doc = "arXiv's categories; cs.AI and cs.LG if there are none.",
     .example = "[\"cs.CL\"]"},
    {.name = NULL}};

#define ACCEPTED "{\"job_id\":\"arxiv-1762123331\",\"status\":\"running\"}"

const struct route scraper_routes[] = {
    {.method = HTTP_POST,
     .pattern = "/scrape",
     .handle = post_scrape,
     .policy = POLICY_WRITE,
     .params = scrape_params,
     .tag = "Scraper",
     .summary = "Scrape papers",
     .status = 202,
     .doc = "Queues a job and answers at once; what is found is delivered to "
            "the backend by webhook. An Idempotency-Key is honoured for 24 h.",
     .schema = "JobAccepted",
     .returns = ACCEPTED},
    {.method = HTTP_POST,
     .pattern = "/scrape/replay",
     .handle = post_replay,
     .policy = POLICY_ADMIN,
     .max_body = ATOM_MAX_BYTES,
     .raw_body = true,
     .tag = "Scraper",
     .summary = "Import a recorded answer of arXiv",
     .status = 202,
     .doc = "The body is an Atom feed (or its gzip form) as arXiv's API gave "
            "it.  Its papers take the same way as those of a scrape. A feed "
            "that is not whole is refused: 400 with the line.",
     .schema = "ReplayAccepted",
     .returns = "{\"job_id\":\"arxiv-1762123331\",\"status\":\"running\","
                "\"entries\":100}"},
    {.method = HTTP_GET,
     .pattern = "/papers",
     .handle = get_papers,
     .policy = POLICY_READ,
     .params = papers_params,
     .tag = "Scraper",
     .summary = "Latest papers that the scraper found",
     .schema = "FoundPapers",
     .returns = "{\"papers\":[{\"title\":\"A Title\",\"abstract\":\"...\","
                "\"authors\":[\"Ann Author\"],"
                "\"url\":\"https://arxiv.org/abs/2511.01234\","
                "\"pdf_url\":\"https://arxiv.org/pdf/2511.01234v1\","
                "\"source\":\"arxiv\",\"source_id\":\"2511.01234\","
                "\"version\":1,\"published_at\":\"2025-11-03T17:57:34Z\","
                "\"updated_at\":\"2025-11-03T17:57:34Z\","
                "\"arxiv_categories\":[\"cs.CL\"],"
                "\"primary_category\":\"cs.CL\",\"doi\":null,"
                "\"journal_ref\":null,\"comment\":null,"
                "\"category\":\"llm\",\"relevance_score\":0.86,"
                "\"relevance\":{\"base\":0.5,\"recency\":0.2,"
                "\"keywords\":0.16},"
                "\"tags\":[\"transformer\"]}],\"count\":1}"},
    {.method = HTTP_GET,
     .pattern = "/api/coverage/",
     .handle = get_coverage,
     .policy = POLICY_READ,
     .envelope = ENVELOPE_DRF,
     .params = coverage_params,
     .tag = "Scraper",
     .summary = "What arXiv has and what is stored, by category and day",
     .schema = "CoveragePage",
     .returns = "{\"count\":1,\"next\":null,\"previous\":null,\"results\":["
                "{\"category\":\"cs.AI\",\"day\":\"2025-11-02\","
                "\"expected\":120,\"stored\":118,\"missing\":2,"
                "\"checked_at\":\"2025-11-03T06:00:12Z\"}]}"},
    {.method = HTTP_POST,
     .pattern = "/api/coverage/check",
     .handle = post_coverage,
     .policy = POLICY_WRITE,
     .envelope = ENVELOPE_DRF,
     .params = check_params,
     .tag = "Scraper",
     .summary = "Ask arXiv how many papers each day has",
     .status = 202,
     .schema = "JobAccepted",
     .returns = "{\"job_id\":\"coverage-1762123331\","
                "\"status\":\"pending\"}"},
    {.pattern = NULL}};
