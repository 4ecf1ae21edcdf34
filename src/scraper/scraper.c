/* scraper.c - see scraper.h: options, kinds of jobs, the schedule's tick. */
#include "scraper/scraper.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "scraper/coverage.h"
#include "scraper/schedules.h"
#include "scraper/scraper_impl.h"

#define WEBHOOK_PATH "/api/webhooks/scraper-complete/"
#define TICK_ARENA_MAX (4u << 20)
#define TICK_MAX 100 /* schedules started in one tick */
#define MAX_WAIT_MS (INT64_C(30) * 86400 * 1000)
/* Of the instance's one connection to arXiv two jobs take turns; the other
 * workers stay free for deliveries. */
#define MAX_SCRAPES 2

static char *joined(const char *a, const char *b)
{
    char *p;

    if (asprintf(&p, "%s%s", a, b) < 0)
        abort();
    return p;
}

static enum err_code read_waits(struct scraper *s, const char *text,
                                struct err *e)
{
    struct slice rest = slice_of(text), part;

    while (slice_split(&rest, ',', &part)) {
        int64_t ms;

        if (s->n_webhook_waits == WEBHOOK_MAX_RETRIES ||
            !slice_to_i64(slice_trim(part), &ms) || ms < 0 || ms > MAX_WAIT_MS)
            return err_field(e, "webhook_retry_ms",
                             "webhook_retry_ms must be 1 to %d waits in "
                             "milliseconds, parted by commas",
                             WEBHOOK_MAX_RETRIES);
        s->webhook_waits_ms[s->n_webhook_waits++] = ms;
    }
    if (s->n_webhook_waits == 0)
        return err_field(e, "webhook_retry_ms", "webhook_retry_ms is empty");
    return ERR_NONE;
}

/* It becomes a header: nothing may end the line. */
static enum err_code check_header(const char *field, const char *text,
                                  struct err *e)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return err_field(e, field, "%s must not hold control characters",
                             field);
    return ERR_NONE;
}

static void set_kinds(struct scraper *s)
{
    s->kinds[0] = (struct job_kind){.name = "scrape",
                                    .run = scrape_job_run,
                                    .failed = scrape_job_failed,
                                    .max_running = MAX_SCRAPES,
                                    .ctx = s};
    s->kinds[1] = (struct job_kind){.name = "webhook",
                                    .run = webhook_out_run,
                                    .failed = webhook_out_failed,
                                    .ctx = s};
    s->kinds[2] = (struct job_kind){
        .name = "coverage", .run = coverage_run, .max_running = 1, .ctx = s};
}

enum err_code scraper_new(struct scraper **out,
                          const struct scraper_options *opt, struct err *e)
{
    struct scraper *s = calloc(1, sizeof(*s));
    enum err_code rc;

    if (!s)
        abort();
    s->store = opt->store;
    s->webhook_timeout_ms = opt->webhook_timeout_ms;
    s->arxiv_url = joined(opt->arxiv_url, "");
    s->webhook_bearer = joined("Authorization: Bearer ", opt->webhook_secret);
    arxiv_init(&s->arxiv, s->store, s->arxiv_url, opt->contact,
               opt->arxiv_interval_ms, opt->arxiv_timeout_ms);
    set_kinds(s);
    if (opt->backend_url[0])
        scraper_set_backend_url(s, opt->backend_url);
    if ((rc = check_header("contact", opt->contact, e)) != ERR_NONE ||
        (rc = check_header("webhook_secret", opt->webhook_secret, e)) !=
            ERR_NONE ||
        (rc = webhook_key_parse(&s->webhook_key, opt->webhook_signing_secret,
                                e)) != ERR_NONE ||
        (rc = read_waits(s, opt->webhook_retry_ms, e)) != ERR_NONE ||
        (rc = rules_load(&s->rules, opt->rules_dir, e)) != ERR_NONE ||
        (rc = tags_load(&s->tags, opt->rules_dir, e)) != ERR_NONE) {
        scraper_free(s);
        return rc;
    }
    *out = s;
    return ERR_NONE;
}

void scraper_free(struct scraper *s)
{
    if (!s)
        return;
    arxiv_release(&s->arxiv);
    rules_free(s->rules);
    tags_free(s->tags);
    free(s->arxiv_url);
    free(s->webhook_url);
    free(s->webhook_bearer);
    free(s);
}

void scraper_set_backend_url(struct scraper *s, const char *url)
{
    size_t len = strlen(url);
    char *base = strndup(url, len);

    if (!base)
        abort();
    while (len > 0 && base[len - 1] == '/')
        base[--len] = '\0';
    free(s->webhook_url);
    s->webhook_url = joined(base, WEBHOOK_PATH);
    free(base);
}

void scraper_register(struct scraper *s, struct jobs *j)
{
    s->jobs = j;
    for (int i = 0; i < SCRAPER_N_KINDS; i++)
        jobs_register(j, &s->kinds[i]);
}

void scraper_wake(struct scraper *s)
{
    if (s->jobs)
        jobs_wake(s->jobs);
}

/* ---- the tick ---- */

static enum err_code input_of(const struct schedule *sch, struct arena *a,
                              int64_t now_us, struct scrape_input *in,
                              struct err *e)
{
    json_t *list;
    enum err_code rc;

    *in = (struct scrape_input){.source = sch->source,
                                .category = sch->category,
                                .query = sch->query,
                                .days = schedule_days(sch, now_us),
                                .max_results = sch->max_results};
    if (!sch->arxiv_categories.len)
        return ERR_NONE;
    rc = json_parse(&list, sch->arxiv_categories, e);
    if (rc != ERR_NONE)
        return rc;
    rc = scrape_input_categories(in, a, list, e);
    json_decref(list);
    return rc;
}

/* A look at what the last complete days hold, once a day for each schedule. */
static void queue_coverage(struct scraper *s, struct arena *a,
                           const struct schedule *sch,
                           const struct scrape_input *asked, int64_t now_us)
{
    struct scrape_input in = *asked;
    struct job_new spec = {0};
    struct job job;
    struct err e = {0};
    bool existing;
    char *key = arena_printf(a, "schedule-%lld-%lld", (long long)sch->id,
                             (long long)(now_us / US_PER_DAY));

    if (!key)
        return;
    spec.idem_key = slice_of(key);
    spec.idem_route = SLICE("schedule");
    scrape_input_defaults(&in, s->rules);
    if (coverage_queue(s, a, &in, 1 + SCHEDULE_OVERLAP_DAYS, &spec, &job,
                       &existing, &e) != ERR_NONE)
        log_warn("scraper", "cannot queue a check of coverage",
                 LOG_I("schedule", sch->id), LOG_S("error", e.msg));
}

static enum err_code fire(struct scraper *s, struct arena *a,
                          const struct schedule *sch, int64_t now_us,
                          struct err *e)
{
    struct job_new spec = {.kind = "scrape",
                           .id_prefix = "arxiv",
                           .max_attempts = SCRAPE_MAX_ATTEMPTS,
                           .run_at = now_us,
                           .now_us = now_us,
                           .schedule_id = sch->id};
    struct scrape_input in;
    struct job job;
    int64_t next;
    enum err_code rc = schedule_next(sch, sch->next_run_at, now_us, &next, e);

    if (rc == ERR_NONE)
        rc = input_of(sch, a, now_us, &in, e);
    if (rc == ERR_NONE)
        rc = scrape_input_write(&in, a, &spec.input, e);
    if (rc == ERR_NONE)
        rc = store_schedule_fire(s->store, a, sch->id, sch->next_run_at, next,
                                 &spec, &job, e);
    if (rc == ERR_CONFLICT) /* another process was first */
        return ERR_NONE;
    if (rc != ERR_NONE)
        return rc;
    log_info("scraper", "scheduled scrape", LOG_I("schedule", sch->id),
             LOG_SL("job", job.id), LOG_I("days", in.days));
    queue_coverage(s, a, sch, &in, now_us);
    return ERR_NONE;
}

void scraper_tick(void *scraper, int64_t now_us)
{
    struct scraper *s = scraper;
    struct arena *a = arena_new(TICK_ARENA_MAX);
    struct schedule *due;
    struct err e = {0};
    size_t n = 0;
    int64_t count;

    if (!a)
        return;
    if (store_schedules_list(s->store, a, now_us, 0, TICK_MAX, &due, &n, &count,
                             &e) != ERR_NONE) {
        log_warn("scraper", "cannot look for schedules", LOG_S("error", e.msg));
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct err why = {0};

        if (fire(s, a, &due[i], now_us, &why) != ERR_NONE)
            log_error("scraper", "cannot start a scheduled scrape",
                      LOG_I("schedule", due[i].id), LOG_S("error", why.msg));
    }
    if (n > 0)
        scraper_wake(s);
    arena_free(a);
}
