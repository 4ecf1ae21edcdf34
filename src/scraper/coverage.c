/* coverage.c - the job "coverage": how many papers arXiv has of a category and
 * a day, to be compared with those stored.
 *
 *     input {"days":3,"arxiv_categories":["cs.AI","cs.LG"]}
 *
 * For each category and each of the last complete days (UTC) one question for a
 * single paper; its totalResults is the number expected.  One step is one
 * question; the checkpoint counts the steps.
 */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "scraper/coverage.h"
#include "scraper/scraper_impl.h"
#include "store/scrape.h"

#define PAGE_ARENA_MAX (8u << 20)

struct checking {
    struct scraper *scraper;
    struct job_run *run;
    struct scrape_input in;  /* for its categories */
    struct arena *arena;     /* of one answer */
    int64_t days, first_day; /* the newest complete day */
    int64_t done;
    bool progressed;
};

static enum err_code begin(struct checking *x, struct err *e)
{
    const struct job *job = x->run->job;
    json_t *o;
    enum err_code rc = json_parse(&o, job->input, e);

    if (rc != ERR_NONE)
        return rc;
    x->days = json_get_int(o, "days", 1);
    rc = scrape_input_categories(&x->in, x->run->arena,
                                 json_object_get(o, "arxiv_categories"), e);
    json_decref(o);
    x->in.category = SLICE("all");
    scrape_input_defaults(&x->in, x->scraper->rules);
    x->first_day = job->created_at / US_PER_DAY - 1;
    if (rc != ERR_NONE || !job->checkpoint.len)
        return rc;
    rc = json_parse(&o, job->checkpoint, e);
    if (rc != ERR_NONE)
        return rc;
    x->done = json_get_int(o, "done", 0);
    json_decref(o);
    return ERR_NONE;
}

static enum err_code commit(struct checking *x, struct slice category,
                            int64_t day, int64_t expected, int64_t steps,
                            struct err *e)
{
    char text[60];
    int64_t now = clock_now_us();
    struct buf b;
    enum err_code rc;

    rc = store_coverage_put(x->run->store, category, day, expected, now, e);
    if (rc != ERR_NONE)
        return rc;
    buf_init(&b, sizeof(text));
    buf_printf(&b, "{\"done\":%lld}", (long long)++x->done);
    rc = store_job_progress(x->run->store, x->run->lease,
                            100.0 * (double)x->done / (double)steps,
                            buf_slice(&b), SLICE_NONE, now, e);
    buf_release(&b);
    x->progressed = rc == ERR_NONE;
    return rc;
}

static enum arxiv_result ask(struct checking *x, struct slice category,
                             int64_t day, struct atom_feed *feed,
                             int64_t *retry_at, struct err *e)
{
    struct arxiv_question q = {
        .categories = &category,
        .n_categories = 1,
        .from_us = day * US_PER_DAY,
        .to_us = (day + 1) * US_PER_DAY - 60 * US_PER_S, /* its last minute */
        .max_results = 1,
    };
    enum arxiv_result result;

    arena_reset(x->arena);
    result = arxiv_page(&x->scraper->arxiv, x->run, x->arena, &q, -1, feed,
                        retry_at, e);
    if (result == ARXIV_OK && feed->total < 0) {
        err_set(e, ERR_INVALID, "arXiv's answer has no totalResults");
        return ARXIV_GARBLED;
    }
    return result;
}

static struct job_end check_all(struct checking *x, struct err *e)
{
    int64_t steps = x->days * (int64_t)x->in.n_categories;

    while (x->done < steps) {
        struct slice category = x->in.categories[x->done / x->days];
        int64_t day = x->first_day - x->done % x->days, retry_at = 0;
        struct atom_feed feed;
        enum arxiv_result result;

        if (job_run_cancelled(x->run)) {
            err_set(e, ERR_CANCELLED, "cancelled");
            return (struct job_end){.outcome = JOB_RUN_RETRY};
        }
        result = ask(x, category, day, &feed, &retry_at, e);
        if (result != ARXIV_OK)
            return arxiv_end(x->scraper, result,
                             x->progressed ? 1 : x->run->job->attempts,
                             retry_at, e);
        if (commit(x, category, day, feed.total, steps, e) != ERR_NONE)
            return (struct job_end){.outcome = JOB_RUN_RETRY};
    }
    return (struct job_end){.outcome = JOB_RUN_COMPLETED};
}

struct job_end coverage_run(struct job_run *r, struct err *e)
{
    struct checking x = {.scraper = r->ctx, .run = r};
    struct job_end end = {.outcome = JOB_RUN_FAILED};

    x.arena = arena_new(PAGE_ARENA_MAX);
    if (!x.arena)
        err_set(e, ERR_INTERNAL, "out of memory");
    else if (begin(&x, e) == ERR_NONE)
        end = check_all(&x, e);
    arena_free(x.arena);
    return end;
}

enum err_code coverage_queue(struct scraper *s, struct arena *a,
                             const struct scrape_input *in, int64_t days,
                             struct job_new *spec, struct job *out,
                             bool *existing, struct err *e)
{
    struct buf text;
    struct jw j;
    enum err_code rc;

    buf_init(&text, 4096);
    jw_init(&j, &text);
    jw_obj(&j);
    jw_kint(&j, "days", days);
    jw_key(&j, "arxiv_categories");
    jw_arr(&j);
    for (size_t i = 0; i < in->n_categories; i++)
        jw_slice(&j, in->categories[i]);
    jw_end_arr(&j);
    jw_end_obj(&j);
    spec->kind = "coverage";
    spec->id_prefix = "coverage";
    spec->input = buf_slice(&text);
    spec->max_attempts = COVERAGE_MAX_ATTEMPTS;
    spec->now_us = spec->run_at = clock_now_us();
    rc = buf_ok(&text) ? store_job_create(s->store, a, spec, out, existing, e)
                       : err_set(e, ERR_TOO_LARGE, "too many categories");
    buf_release(&text);
    return rc;
}
