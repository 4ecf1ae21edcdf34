/* job_views.c - what the scraper's jobs show of themselves on /jobs. */
#include "scraper/scraper.h"

#include "scraper/payload.h"
#include "scraper/scraper_impl.h"

/* The deliveries of a scrape, taken together. */
struct summary {
    bool any, pending, dead;
    int attempts;
    int64_t next_attempt_at;
    int64_t created, updated, unchanged; /* -1: not known */
};

static void add(int64_t *sum, int64_t v)
{
    *sum = *sum < 0 || v < 0 ? -1 : *sum + v;
}

static enum err_code summarise(struct store *s, struct arena *a,
                               struct slice job_id, struct summary *out,
                               struct err *e)
{
    struct delivery *d;
    size_t n;
    int64_t count;
    enum err_code rc = store_deliveries_list(
        s, a, -1, job_id, 0, PAYLOAD_MAX_BODIES, &d, &n, &count, e);

    *out = (struct summary){0};
    if (rc != ERR_NONE)
        return rc;
    for (size_t i = 0; i < n; i++) {
        out->any = true;
        out->pending = out->pending || d[i].status == DELIVERY_PENDING;
        out->dead = out->dead || d[i].status == DELIVERY_DEAD;
        if (d[i].attempts > out->attempts)
            out->attempts = d[i].attempts;
        if (d[i].next_attempt_at &&
            (!out->next_attempt_at ||
             d[i].next_attempt_at < out->next_attempt_at))
            out->next_attempt_at = d[i].next_attempt_at;
        add(&out->created, d[i].papers_created);
        add(&out->updated, d[i].papers_updated);
        add(&out->unchanged, d[i].papers_unchanged);
    }
    return ERR_NONE;
}

static void write_count(struct jw *j, const char *key, bool known, int64_t n)
{
    if (known && n >= 0)
        jw_kint(j, key, n);
    else
        jw_knull(j, key);
}

static const char *webhook_word(const struct summary *sum,
                                const struct job *job)
{
    bool ended = job->state != JOB_QUEUED && job->state != JOB_RUNNING;

    if (!sum->any)
        return ended ? "none" : "pending"; /* a cancelled scrape reports none */
    return sum->pending ? "pending" : sum->dead ? "dead" : "delivered";
}

static void write_webhook(struct jw *j, const struct summary *sum,
                          const struct job *job)
{
    jw_key(j, "webhook");
    jw_obj(j);
    jw_kstr(j, "status", webhook_word(sum, job));
    jw_kint(j, "attempts", sum->attempts);
    jw_ktime(j, "next_attempt_at", sum->next_attempt_at);
    jw_end_obj(j);
}

/* Members of a JSON object that the job keeps. */
static json_t *object_of(struct slice text)
{
    struct err e = {0};
    json_t *o;

    if (!text.len || json_parse(&o, text, &e) != ERR_NONE)
        return NULL;
    return o;
}

static void write_input(struct jw *j, struct arena *a, struct slice text)
{
    struct scrape_input in;
    struct err e = {0};

    if (scrape_input_read(&in, a, text, &e) != ERR_NONE)
        return; /* a list leaves very long inputs out */
    jw_kslice(j, "source", in.source);
    jw_kslice(j, "category", in.category);
    jw_kbool(j, "replay", in.replay.p != NULL);
    if (in.replay.p)
        return;
    jw_kint(j, "days", in.days);
    jw_kint(j, "max_results", in.max_results);
}

static enum err_code view_scrape(struct store *s, struct arena *a,
                                 const struct job *job, struct jw *j,
                                 struct err *e)
{
    struct summary sum;
    json_t *result;
    enum err_code rc = summarise(s, a, job->id, &sum, e);
    bool counted = rc == ERR_NONE && sum.any && !sum.pending && !sum.dead &&
                   job->state == JOB_COMPLETED;

    if (rc != ERR_NONE)
        return rc;
    result = object_of(job->result);
    write_input(j, a, job->input);
    jw_kint(j, "papers_found", json_get_int(result, "papers_found", 0));
    jw_kint(j, "papers_looked_at", json_get_int(result, "papers_looked_at", 0));
    write_count(j, "total_results", true,
                json_get_int(result, "total_results", -1));
    jw_kbool(j, "suspect", json_is_true(json_object_get(result, "suspect")));
    write_count(j, "papers_created", counted, sum.created);
    write_count(j, "papers_updated", counted, sum.updated);
    write_count(j, "papers_unchanged", counted, sum.unchanged);
    write_webhook(j, &sum, job);
    json_decref(result);
    return ERR_NONE;
}

static enum err_code view_webhook(struct store *s, struct arena *a,
                                  const struct job *job, struct jw *j,
                                  struct err *e)
{
    json_t *input = object_of(job->input);

    (void)s;
    (void)a;
    (void)e;
    jw_kint(j, "delivery_id", json_get_int(input, "delivery_id", 0));
    json_decref(input);
    return ERR_NONE;
}

static enum err_code view_coverage(struct store *s, struct arena *a,
                                   const struct job *job, struct jw *j,
                                   struct err *e)
{
    json_t *input = object_of(job->input);

    (void)s;
    (void)a;
    (void)e;
    jw_kint(j, "days", json_get_int(input, "days", 0));
    jw_key(j, "arxiv_categories");
    if (json_is_array(json_object_get(input, "arxiv_categories")))
        jw_value(j, json_object_get(input, "arxiv_categories"));
    else
        jw_null(j);
    json_decref(input);
    return ERR_NONE;
}

const struct job_view scraper_job_views[] = {
    {.kind = "scrape", .fields = view_scrape, .starts_running = true},
    {.kind = "webhook", .fields = view_webhook},
    {.kind = "coverage", .fields = view_coverage},
    {.kind = NULL}};
