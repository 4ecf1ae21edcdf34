/* routes.c - see routes.h. */
#include "jobs/routes.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "net/paging.h"

#define IDEMPOTENCY_KEY_MAX 200
#define MAX_VIEWS 16

enum err_code job_new_idempotency(struct job_new *spec, const struct request *r,
                                  struct err *e)
{
    struct slice key = request_header(r, "Idempotency-Key");

    if (!key.len)
        return ERR_NONE;
    if (key.len > IDEMPOTENCY_KEY_MAX)
        return err_field(e, "Idempotency-Key",
                         "\"Idempotency-Key\" is over %d bytes",
                         IDEMPOTENCY_KEY_MAX);
    for (size_t i = 0; i < key.len; i++)
        if (key.p[i] < 0x20 || key.p[i] > 0x7E)
            return err_field(e, "Idempotency-Key",
                             "\"Idempotency-Key\" must be printable ASCII");
    spec->idem_key = key;
    spec->idem_route = slice_of(r->route->pattern);
    request_digest(r, spec->body_sha256);
    return ERR_NONE;
}

enum err_code job_submit(struct request *r, struct store *s, struct jobs *jobs,
                         struct job_new *spec, struct job *out, struct err *e)
{
    bool existing;
    enum err_code rc = job_new_idempotency(spec, r, e);

    if (rc == ERR_NONE)
        rc = store_job_create(s, r->arena, spec, out, &existing, e);
    if (rc == ERR_NONE && jobs)
        jobs_wake(jobs);
    return rc;
}

void job_accepted(struct jw *j, struct request *r, const struct job *job)
{
    jw_init(j, reply_json(r, 202));
    jw_obj(j);
    jw_kslice(j, "job_id", job->id);
    jw_kstr(j, "status", job_status_word(job->kind, JOB_QUEUED));
}

enum err_code job_write(const struct jobs_api *api, struct arena *a,
                        const struct job *job, struct jw *j, struct err *e)
{
    enum err_code rc = ERR_NONE;

    jw_obj(j);
    jw_kslice(j, "job_id", job->id);
    jw_kslice(j, "kind", job->kind);
    jw_kstr(j, "status", job_status_word(job->kind, job->state));
    jw_kdouble(j, "progress", job->progress);
    jw_ktime(j, "created_at", job->created_at);
    jw_ktime(j, "updated_at", job->updated_at);
    jw_ktext(j, "error", job->error);
    jw_kint(j, "attempts", job->attempts);
    if (job->state == JOB_QUEUED && job->run_at > clock_now_us())
        jw_ktime(j, "next_attempt_at", job->run_at);
    else
        jw_knull(j, "next_attempt_at");
    for (size_t i = 0; i < api->n_views && rc == ERR_NONE; i++)
        if (slice_is(job->kind, api->views[i].kind))
            rc = api->views[i].fields(api->store, a, job, j, e);
    jw_end_obj(j);
    return rc;
}

/* Answer with the job as it is now. */
static enum err_code reply_job(struct request *r, int status, struct slice id,
                               struct err *e)
{
    const struct jobs_api *api = r->ctx;
    struct job job;
    struct buf body;
    struct jw j;
    enum err_code rc = store_job_get(api->store, r->arena, id, &job, e);

    if (rc != ERR_NONE)
        return rc;
    buf_init(&body, 4 << 20);
    jw_init(&j, &body);
    rc = job_write(api, r->arena, &job, &j, e);
    if (rc == ERR_NONE && !buf_ok(&body))
        rc = err_set(e, ERR_INTERNAL, "a job is too large to show");
    if (rc == ERR_NONE)
        buf_add_slice(reply_json(r, status), buf_slice(&body));
    buf_release(&body);
    return rc;
}

static enum err_code get_job(struct request *r, struct err *e)
{
    return reply_job(r, 200, request_str(r, "id"), e);
}

static enum err_code cancel_job(struct request *r, struct err *e)
{
    const struct jobs_api *api = r->ctx;
    struct slice id = request_str(r, "id");
    enum err_code rc = store_job_cancel(api->store, id, clock_now_us(), e);

    if (rc != ERR_NONE)
        return rc;
    if (api->jobs)
        jobs_wake(api->jobs);
    return reply_job(r, 202, id, e);
}

static enum err_code retry_job(struct request *r, struct err *e)
{
    const struct jobs_api *api = r->ctx;
    struct slice id = request_str(r, "id");
    enum err_code rc = store_job_restart(api->store, id, clock_now_us(), e);

    if (rc != ERR_NONE)
        return rc;
    if (api->jobs)
        jobs_wake(api->jobs);
    return reply_job(r, 202, id, e);
}

/* ---- list ---- */

static const char *const status_words[] = {"pending",   "running", "processing",
                                           "completed", "failed",  "cancelled",
                                           NULL};

static bool starts_running(const struct jobs_api *api, struct slice kind)
{
    for (size_t i = 0; i < api->n_views; i++)
        if (slice_is(kind, api->views[i].kind))
            return api->views[i].starts_running;
    return false;
}

/* The public words are not the same for all kinds: a scrape is "running" from
 * its acceptance on, others are "pending" and then "processing".  So a word
 * picks states and kinds: those for which it is the word. */
static void pick(const struct jobs_api *api, struct slice word,
                 struct slice kind, struct job_query *q,
                 const char *kinds[MAX_VIEWS + 1])
{
    bool running = slice_is(word, "running");
    int n = 0;

    if (slice_is(word, "completed"))
        q->states = 1 << JOB_COMPLETED;
    else if (slice_is(word, "failed"))
        q->states = 1 << JOB_FAILED;
    else if (slice_is(word, "cancelled"))
        q->states = 1 << JOB_CANCELLED;
    else if (slice_is(word, "pending"))
        q->states = 1 << JOB_QUEUED;
    else if (slice_is(word, "processing"))
        q->states = 1 << JOB_RUNNING;
    else if (running)
        q->states = 1 << JOB_QUEUED | 1 << JOB_RUNNING;
    if (kind.len) {
        kinds[n++] = running != starts_running(api, kind) &&
                             (q->states & (1 << JOB_QUEUED | 1 << JOB_RUNNING))
                         ? "" /* no job is of this kind: an empty list */
                         : kind.p;
    } else if (q->states & (1 << JOB_QUEUED | 1 << JOB_RUNNING)) {
        for (size_t i = 0; i < api->n_views; i++)
            if (api->views[i].starts_running == running)
                kinds[n++] = api->views[i].kind;
        if (n == 0)
            kinds[n++] = "";
    }
    kinds[n] = NULL;
    q->kinds = n ? kinds : NULL;
}

/* A kind that nobody here knows is a slip of the pen. */
static enum err_code check_kind(const struct jobs_api *api, struct slice kind,
                                struct err *e)
{
    struct buf known;

    for (size_t i = 0; i < api->n_views; i++)
        if (slice_is(kind, api->views[i].kind))
            return ERR_NONE;
    if (!kind.len || api->n_views == 0)
        return ERR_NONE;
    buf_init(&known, 300);
    for (size_t i = 0; i < api->n_views; i++)
        buf_printf(&known, "%s\"%s\"", i ? ", " : "", api->views[i].kind);
    err_field(e, "kind", "\"kind\" must be one of %.*s",
              SLICE_ARG(buf_slice(&known)));
    buf_release(&known);
    return ERR_INVALID;
}

static enum err_code list_jobs(struct request *r, struct err *e)
{
    const struct jobs_api *api = r->ctx;
    struct page page = paging_read(r);
    struct slice kind = request_str(r, "kind");
    const char *kinds[MAX_VIEWS + 1];
    struct job_query q = {.offset = page.offset, .limit = (int)page.size};
    struct job *jobs;
    size_t n;
    int64_t count;
    struct buf body;
    struct jw j;
    enum err_code rc = check_kind(api, kind, e);

    assert(api->n_views <= MAX_VIEWS);
    if (rc != ERR_NONE)
        return rc;
    if (kind.len) {
        kind = arena_slice(r->arena, kind); /* with a NUL behind */
        if (!kind.p)
            return err_set(e, ERR_TOO_LARGE, "the request is too large");
    }
    pick(api, request_str(r, "status"), kind, &q, kinds);
    rc = store_jobs_list(api->store, r->arena, &q, &jobs, &n, &count, e);
    if (rc == ERR_NONE)
        rc = paging_check(&page, count, e);
    if (rc != ERR_NONE)
        return rc;
    buf_init(&body, 32 << 20);
    jw_init(&j, &body);
    paging_open(&j, r, &page, count);
    jw_arr(&j);
    for (size_t i = 0; i < n && rc == ERR_NONE; i++)
        rc = job_write(api, r->arena, &jobs[i], &j, e);
    jw_end_arr(&j);
    jw_end_obj(&j);
    if (rc == ERR_NONE && !buf_ok(&body))
        rc = err_set(e, ERR_INTERNAL, "the list is too large to show");
    if (rc == ERR_NONE)
        buf_add_slice(reply_json(r, 200), buf_slice(&body));
    buf_release(&body);
    return rc;
}

#define JOB_EXAMPLE                                                            \
    "{\"job_id\":\"arxiv-1762123331\",\"kind\":\"scrape\","                    \
    "\"status\":\"completed\",\"progress\":100.0,"                             \
    "\"created_at\":\"2025-11-02T22:42:11Z\","                                 \
    "\"updated_at\":\"2025-11-02T22:42:19Z\",\"error\":null,\"attempts\":1,"   \
    "\"next_attempt_at\":null,\"source\":\"arxiv\",\"category\":\"llm\","      \
    "\"replay\":false,\"days\":7,\"max_results\":50,\"papers_found\":50,"      \
    "\"papers_looked_at\":120,\"total_results\":120,\"suspect\":false,"        \
    "\"papers_created\":35,\"papers_updated\":15,\"papers_unchanged\":15,"     \
    "\"webhook\":{\"status\":\"delivered\",\"attempts\":1,"                    \
    "\"next_attempt_at\":null}}"

static const struct param id_params[] = {
    {"id", IN_PATH, PARAM_STR, .required = true, .min = 1, .max = 80,
     .doc = "The job's id.", .example = "arxiv-1762123331"},
    {.name = NULL}};

static const struct param list_params[] = {
    {"status", IN_QUERY, PARAM_ENUM, .choices = status_words,
     .doc = "Only jobs in this state.  A scrape is running from its acceptance "
            "on; others are pending, then processing."},
    {"kind", IN_QUERY, PARAM_STR, .min = 1, .max = 40,
     .doc = "Only jobs of this kind.", .example = "scrape"},
    PAGING_PARAMS,
    {.name = NULL}};

const struct route jobs_routes[] = {
    {.method = HTTP_GET,
     .pattern = "/jobs/",
     .handle = list_jobs,
     .policy = POLICY_READ,
     .params = list_params,
     .tag = "Jobs",
     .summary = "List jobs",
     .doc = "Newest first.",
     .schema = "JobPage",
     .returns = "{\"count\":1,\"next\":null,\"previous\":null,\"results\":"
                "[" JOB_EXAMPLE "]}"},
    {.method = HTTP_GET,
     .pattern = "/jobs/{id}",
     .handle = get_job,
     .policy = POLICY_READ,
     .params = id_params,
     .tag = "Jobs",
     .summary = "State of a job",
     .doc = "The members every job has, and those of its kind.",
     .schema = "Job",
     .returns = JOB_EXAMPLE},
    {.method = HTTP_DELETE,
     .pattern = "/jobs/{id}",
     .handle = cancel_job,
     .policy = POLICY_WRITE,
     .params = id_params,
     .tag = "Jobs",
     .summary = "Cancel a job",
     .status = 202,
     .doc = "A waiting job is cancelled at once, a running one within a "
            "second.  409 when it has ended already.",
     .schema = "Job",
     .returns = JOB_EXAMPLE},
    {.method = HTTP_POST,
     .pattern = "/jobs/{id}/retry",
     .handle = retry_job,
     .policy = POLICY_WRITE,
     .params = id_params,
     .tag = "Jobs",
     .summary = "Run a failed or cancelled job again",
     .status = 202,
     .doc = "It goes on from what it has already stored.  409 unless it has "
            "failed or was cancelled.",
     .schema = "Job",
     .returns = JOB_EXAMPLE},
    {.pattern = NULL}};
