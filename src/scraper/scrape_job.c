/* scrape_job.c - the job "scrape": page after page of arXiv's answer.
 *
 *     ask for a page -> leave out what was met before -> category, score, tags
 *     -> keep what is wanted -> commit papers and checkpoint together -> next
 *
 * A step is a page, and its commit (store_scrape_page) carries the place to go
 * on from, so after kill -9 at most one page is asked for again, and its papers
 * replace themselves.  The last commit (store_scrape_finish) ends the job and
 * puts the deliveries into the outbox.
 *
 * Newest first, papers that arrive while we read push others to the next page:
 * they are met twice, never missed, and counted once.
 *
 * A replay takes its pages from a recorded answer and is otherwise the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "scraper/id_set.h"
#include "scraper/payload.h"
#include "scraper/replay.h"
#include "scraper/scraper_impl.h"

#define PAGE_SIZE 100
#define PAGE_ARENA_MAX (192u << 20) /* a replay of 32 MiB is parsed in one */
#define CHECKPOINT_BYTES 300
#define SKEW_US US_PER_DAY /* of arXiv's clock against ours */

struct scrape {
    struct scraper *scraper;
    struct job_run *run;
    struct scrape_input in;
    struct arena *pages;       /* of one page, or of the whole replay */
    struct atom_feed recorded; /* replay */
    struct id_set met;         /* ids kept so far */
    int64_t start;             /* place of the next page */
    int64_t total;             /* as arXiv said last; -1: not yet */
    int64_t kept, looked;
    int64_t now_us;  /* of acceptance: scores do not depend on retries */
    bool progressed; /* a page was committed in this run */
};

static enum err_code full(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the papers need too much memory");
}

/* ---- where we are ---- */

static enum err_code read_checkpoint(struct scrape *x, struct err *e)
{
    struct slice text = x->run->job->checkpoint;
    json_t *o;
    enum err_code rc;

    x->total = -1;
    if (!text.len)
        return ERR_NONE;
    rc = json_parse(&o, text, e);
    if (rc != ERR_NONE)
        return rc;
    x->start = json_get_int(o, "start", 0);
    x->total = json_get_int(o, "total", -1);
    x->looked = json_get_int(o, "looked", 0);
    json_decref(o);
    return ERR_NONE;
}

/* What was kept before a restart. */
static enum err_code read_kept(struct scrape *x, struct err *e)
{
    struct paper *papers;
    size_t n, max = SCRAPE_LOOK_MAX + 8 * PAGE_SIZE;
    enum err_code rc;

    if (x->in.replay.p)
        max = ATOM_MAX_ENTRIES;
    if (!id_set_init(&x->met, x->run->arena, max))
        return full(e);
    if (!x->run->job->checkpoint.len)
        return ERR_NONE;
    rc = store_scrape_papers(x->run->store, x->pages, x->run->job->id, &papers,
                             &n, e);
    for (size_t i = 0; i < n && rc == ERR_NONE; i++)
        if (!id_set_add(&x->met, papers[i].source_id))
            rc = full(e);
    x->kept = (int64_t)x->met.n;
    arena_reset(x->pages);
    return rc;
}

static enum err_code read_recorded(struct scrape *x, struct err *e)
{
    struct buf feed;
    struct arena *a = x->pages;
    enum err_code rc;

    buf_init(&feed, ATOM_MAX_BYTES + (64u << 10));
    rc = replay_unpack(&feed, x->in.replay, e);
    if (rc == ERR_NONE)
        rc = atom_parse(a, buf_slice(&feed), &x->recorded, e);
    buf_release(&feed);
    return rc;
}

/* Pages of a replay live in the arena of the whole recording. */
static enum err_code begin(struct scrape *x, struct job_run *r, struct err *e)
{
    enum err_code rc;

    *x = (struct scrape){
        .scraper = r->ctx, .run = r, .now_us = r->job->created_at};
    x->pages = arena_new(PAGE_ARENA_MAX);
    if (!x->pages)
        return full(e);
    rc = scrape_input_read(&x->in, r->arena, r->job->input, e);
    if (rc == ERR_NONE)
        rc = read_checkpoint(x, e);
    if (rc == ERR_NONE)
        rc = read_kept(x, e);
    if (rc == ERR_NONE && x->in.replay.p)
        rc = read_recorded(x, e);
    scrape_input_defaults(&x->in, x->scraper->rules);
    return rc;
}

/* ---- a page ---- */

struct page {
    struct paper *papers;
    size_t n;
    bool last;
};

/* Under "all" every paper counts, so no more is asked for than is wanted. */
static int64_t page_size(const struct scrape *x)
{
    int64_t n = PAGE_SIZE;

    if (slice_is(x->in.category, "all") && x->in.max_results - x->kept < n)
        n = x->in.max_results - x->kept;
    if (SCRAPE_LOOK_MAX - x->looked < n)
        n = SCRAPE_LOOK_MAX - x->looked;
    return n;
}

static enum arxiv_result ask_page(struct scrape *x, struct page *p,
                                  int64_t *retry_at, struct err *e)
{
    struct arxiv_question q = {
        .categories = x->in.categories,
        .n_categories = x->in.n_categories,
        .query = x->in.query,
        .from_us = x->now_us - x->in.days * US_PER_DAY,
        .to_us = x->now_us + SKEW_US,
        .start = x->start,
        .max_results = page_size(x),
    };
    struct atom_feed feed;
    enum arxiv_result result;

    arena_reset(x->pages);
    result = arxiv_page(&x->scraper->arxiv, x->run, x->pages, &q, x->total,
                        &feed, retry_at, e);
    if (result != ARXIV_OK)
        return result;
    x->total = feed.total;
    x->start += (int64_t)feed.n_papers;
    *p = (struct page){.papers = feed.papers, .n = feed.n_papers};
    p->last = feed.n_papers == 0 ||
              (feed.total >= 0 ? x->start >= feed.total
                               : (int64_t)feed.n_papers < q.max_results);
    return ARXIV_OK;
}

static void recorded_page(struct scrape *x, struct page *p)
{
    size_t at = (size_t)x->start, left;

    if (at > x->recorded.n_papers)
        at = x->recorded.n_papers;
    left = x->recorded.n_papers - at;
    p->papers = x->recorded.papers + at;
    p->n = left < PAGE_SIZE ? left : PAGE_SIZE;
    p->last = p->n == left;
    x->total = (int64_t)x->recorded.n_papers;
    x->start += (int64_t)p->n;
}

static bool is_wanted(const struct scrape *x, const struct paper *p)
{
    return slice_is(x->in.category, "all") ||
           slice_eq(x->in.category, p->category);
}

/* Rate the page's papers and move those to be kept to its front. */
static enum err_code choose(struct scrape *x, struct page *p, struct err *e)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->n; i++) {
        struct paper *paper = &p->papers[i];
        enum err_code rc;

        if (!x->in.replay.p && x->kept >= x->in.max_results)
            break;
        if (id_set_has(&x->met, paper->source_id))
            continue;
        rc = relevance_rate(x->scraper->rules, x->scraper->tags, x->pages,
                            x->in.category, x->now_us, paper, e);
        if (rc != ERR_NONE)
            return rc;
        if (!is_wanted(x, paper))
            continue;
        if (!id_set_add(&x->met, paper->source_id))
            return full(e);
        p->papers[kept++] = *paper;
        x->kept++;
    }
    x->looked += (int64_t)p->n;
    p->n = kept;
    return ERR_NONE;
}

/* ---- committing ---- */

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 100.0;
}

/* The nearest of the three ends: enough kept, all looked at, nothing left. */
static double progress(const struct scrape *x)
{
    int64_t left = x->total < SCRAPE_LOOK_MAX || x->in.replay.p
                       ? x->total
                       : SCRAPE_LOOK_MAX;
    double done = share(x->start, left), p;

    p = x->in.replay.p ? 0 : share(x->kept, x->in.max_results);
    if (done > p)
        p = done;
    return p < 99 ? p : 99; /* 100 is the end itself */
}

static void write_result(struct buf *out, const struct scrape *x, bool suspect)
{
    struct jw j;

    jw_init(&j, out);
    jw_obj(&j);
    jw_kint(&j, "papers_found", x->kept);
    jw_kint(&j, "papers_looked_at", x->looked);
    if (x->total >= 0)
        jw_kint(&j, "total_results", x->total);
    else
        jw_knull(&j, "total_results");
    jw_kbool(&j, "suspect", suspect);
    jw_end_obj(&j);
}

static enum err_code commit_page(struct scrape *x, const struct page *p,
                                 struct err *e)
{
    struct buf checkpoint, result;
    enum err_code rc;

    buf_init(&checkpoint, CHECKPOINT_BYTES);
    buf_init(&result, CHECKPOINT_BYTES);
    buf_printf(&checkpoint, "{\"start\":%lld,\"total\":%lld,\"looked\":%lld}",
               (long long)x->start, (long long)x->total, (long long)x->looked);
    write_result(&result, x, false);
    rc = store_scrape_page(x->run->store, x->run->lease, p->papers, p->n,
                           progress(x), buf_slice(&checkpoint),
                           buf_slice(&result), clock_now_us(), e);
    buf_release(&checkpoint);
    buf_release(&result);
    if (rc == ERR_NONE)
        x->progressed = true;
    return rc;
}

/* End the job in `state`, with its report in the outbox. */
static enum err_code finish(struct scrape *x, enum job_state state,
                            struct slice error, bool suspect, struct err *e)
{
    const struct job *job = x->run->job;
    struct payload *payload = calloc(1, sizeof(*payload));
    struct payload_report report = {.job_id = job->id,
                                    .source = x->in.source,
                                    .error = error,
                                    .started_at = job->created_at,
                                    .ended_at = clock_now_us()};
    struct paper *papers = NULL;
    struct buf result;
    enum err_code rc = ERR_NONE;

    if (!payload)
        return full(e);
    arena_reset(x->pages);
    if (state == JOB_COMPLETED)
        rc = store_scrape_papers(x->run->store, x->pages, job->id, &papers,
                                 &report.n_papers, e);
    report.papers = papers;
    if (rc == ERR_NONE)
        rc = payload_build(payload, &report, e);
    buf_init(&result, CHECKPOINT_BYTES);
    write_result(&result, x, suspect);
    if (rc == ERR_NONE)
        rc = store_scrape_finish(x->run->store, x->run->lease, state,
                                 buf_slice(&result), error, payload->items,
                                 payload->n, clock_now_us(), e);
    buf_release(&result);
    payload_release(payload);
    free(payload);
    return rc;
}

/* ---- the run ---- */

struct job_end arxiv_end(struct scraper *s, enum arxiv_result result,
                         int attempts, int64_t retry_at, struct err *e)
{
    struct job_end end = {.outcome = JOB_RUN_RETRY};

    if (result == ARXIV_CANCELLED) {
        err_set(e, ERR_CANCELLED, "cancelled");
    } else if (result == ARXIV_REFUSED ||
               (result != ARXIV_AGAIN && attempts >= GARBLED_MAX_ATTEMPTS)) {
        end.outcome = JOB_RUN_FAILED;
    } else {
        end.retry_at = arxiv_retry_at(&s->arxiv, attempts, retry_at);
    }
    return end;
}

/* An error of our own store or memory. */
static struct job_end own_end(const struct err *e)
{
    bool passes = e->code == ERR_UNAVAILABLE || e->code == ERR_NO_SPACE ||
                  e->code == ERR_TIMEOUT || e->code == ERR_INTERNAL;

    /* ERR_CONFLICT: the lease is lost; nothing is ours to write. */
    if (e->code == ERR_CONFLICT)
        return (struct job_end){.outcome = JOB_RUN_WRITTEN};
    return (struct job_end){.outcome = passes ? JOB_RUN_RETRY : JOB_RUN_FAILED};
}

static struct job_end run_pages(struct scrape *x, struct err *e)
{
    struct page p = {.last = false};

    while (!p.last && x->looked < SCRAPE_LOOK_MAX &&
           x->kept < x->in.max_results) {
        int64_t retry_at = 0;
        enum arxiv_result result;

        if (job_run_cancelled(x->run)) {
            err_set(e, ERR_CANCELLED, "cancelled");
            return (struct job_end){.outcome = JOB_RUN_RETRY};
        }
        result = ask_page(x, &p, &retry_at, e);
        if (result != ARXIV_OK)
            return arxiv_end(x->scraper, result,
                             x->progressed ? 1 : x->run->job->attempts,
                             retry_at, e);
        if (choose(x, &p, e) != ERR_NONE || commit_page(x, &p, e) != ERR_NONE)
            return own_end(e);
    }
    if (finish(x, JOB_COMPLETED, SLICE_NONE, false, e) != ERR_NONE)
        return own_end(e);
    return (struct job_end){.outcome = JOB_RUN_WRITTEN};
}

static struct job_end run_recorded(struct scrape *x, struct err *e)
{
    struct page p = {.last = false};

    while (!p.last) {
        if (job_run_cancelled(x->run)) {
            err_set(e, ERR_CANCELLED, "cancelled");
            return (struct job_end){.outcome = JOB_RUN_RETRY};
        }
        recorded_page(x, &p);
        if (choose(x, &p, e) != ERR_NONE || commit_page(x, &p, e) != ERR_NONE)
            return own_end(e);
    }
    if (finish(x, JOB_COMPLETED, SLICE_NONE, false, e) != ERR_NONE)
        return own_end(e);
    return (struct job_end){.outcome = JOB_RUN_WRITTEN};
}

struct job_end scrape_job_run(struct job_run *r, struct err *e)
{
    struct scrape x;
    struct job_end end;

    if (begin(&x, r, e) != ERR_NONE)
        end = own_end(e);
    else
        end = x.in.replay.p ? run_recorded(&x, e) : run_pages(&x, e);
    if (end.outcome == JOB_RUN_WRITTEN)
        scraper_wake(x.scraper); /* the deliveries wait */
    arena_free(x.pages);
    return end;
}

void scrape_job_failed(struct job_run *r, const struct err *why)
{
    struct scrape x;
    struct err e = {0};
    enum err_code rc = begin(&x, r, &e);

    /* Even an input that cannot be read has ended, and says so. */
    if (!x.in.source.p)
        x.in.source = SLICE("arxiv");
    if (rc == ERR_NONE || x.pages)
        rc = finish(&x, JOB_FAILED, slice_of(why->msg),
                    why->code == ERR_UNPROCESSABLE, &e);
    if (rc != ERR_NONE)
        log_error("scraper", "cannot report a failed scrape",
                  LOG_SL("job", r->job->id), LOG_S("error", e.msg));
    else
        scraper_wake(x.scraper);
    arena_free(x.pages);
}
