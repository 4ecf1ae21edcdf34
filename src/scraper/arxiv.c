/* arxiv.c - see arxiv.h.
 *
 * What others met (public threads of arxiv.py and aRxiv): empty pages in the
 * middle of a result and at its start, 200 with no result for a query that had
 * some, totals that differ from page to page, HTML ("Rate exceeded.") with
 * status 200, 429 well below the stated rate.
 */
#include "scraper/arxiv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "net/http_client.h"

#ifndef SHEAF_VERSION
#define SHEAF_VERSION "dev"
#endif

#define URL_MAX 16384
#define CONNECT_TIMEOUT_MS 15000
#define TRIES 3 /* of a page before it is called suspect */
#define PAUSE_MIN_US (US_PER_S / 2)
#define PAUSE_MAX_US (3600 * US_PER_S)

void arxiv_init(struct arxiv *x, struct store *s, const char *url,
                const char *contact, int64_t interval_ms, int64_t timeout_ms)
{
    char agent[400];

    snprintf(agent, sizeof(agent), "sheaf/%s%s%s%s", SHEAF_VERSION,
             contact[0] ? " (" : "", contact, contact[0] ? ")" : "");
    *x = (struct arxiv){.url = url,
                        .user_agent = strdup(agent),
                        .timeout_ms = timeout_ms,
                        .pause_us = 3 * interval_ms * US_PER_MS};
    if (!x->user_agent)
        abort();
    if (x->pause_us < PAUSE_MIN_US)
        x->pause_us = PAUSE_MIN_US;
    limiter_init(&x->limiter, s, "arxiv", interval_ms);
}

void arxiv_release(struct arxiv *x)
{
    http_client_free(x->client);
    free(x->user_agent);
}

int64_t arxiv_retry_at(const struct arxiv *x, int attempts, int64_t not_before)
{
    int64_t pause = x->pause_us, at;
    uint32_t random;

    for (int i = 1; i < attempts && pause < PAUSE_MAX_US; i++)
        pause *= 2;
    if (pause > PAUSE_MAX_US)
        pause = PAUSE_MAX_US;
    crypto_random(&random, sizeof(random));
    at = clock_now_us() + pause / 1000 * (800 + random % 401);
    return at > not_before ? at : not_before;
}

/* ---- one exchange ---- */

struct asking {
    struct arxiv *x;
    struct job_run *run;
};

static bool asking_cancelled(void *ctx)
{
    struct asking *a = ctx;

    limiter_hold(&a->x->limiter);
    return job_run_cancelled(a->run);
}

static bool is_html(const struct http_answer *answer)
{
    return slice_starts(slice_of(answer->content_type), "text/html");
}

/* Does this status pass by itself?  403 is how arXiv shuts out who asks too
 * much. */
static bool passes(int status)
{
    return status >= 500 || status == 429 || status == 408 || status == 403;
}

static enum limiter_outcome outcome_of(enum err_code rc,
                                       const struct http_answer *answer)
{
    if (rc == ERR_CANCELLED || rc == ERR_INVALID)
        return LIMITER_UNKNOWN;
    if (rc != ERR_NONE || passes(answer->status) ||
        (answer->status == 200 && is_html(answer)))
        return LIMITER_FAILED;
    return LIMITER_ANSWERED;
}

static enum arxiv_result fetch(struct arxiv *x, struct job_run *r,
                               const char *url, struct http_answer *answer,
                               struct err *e)
{
    static const char *const headers[] = {"Accept: application/atom+xml", NULL};
    struct asking asking = {x, r};
    struct http_fetch f = {.method = "GET",
                           .url = url,
                           .headers = headers,
                           .timeout_ms = x->timeout_ms,
                           .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                           .max_body = ATOM_MAX_BYTES,
                           .cancelled = asking_cancelled,
                           .ctx = &asking};
    enum err_code rc;

    if (!x->client)
        x->client = http_client_new(x->user_agent);
    rc = http_fetch(x->client, &f, answer, e);
    limiter_leave(&x->limiter, r, outcome_of(rc, answer),
                  rc == ERR_NONE ? answer->retry_after_s : -1);
    if (rc == ERR_NONE)
        return ARXIV_OK;
    if (rc == ERR_CANCELLED)
        return ARXIV_CANCELLED;
    err_prefix(e, "asking arXiv");
    return rc == ERR_INVALID ? ARXIV_REFUSED : ARXIV_AGAIN;
}

/* A status other than 200: its own words, where it is an error feed. */
static enum arxiv_result read_refusal(struct arena *a,
                                      const struct http_answer *answer,
                                      struct atom_feed *out, struct err *e)
{
    struct err why = {0};

    if (passes(answer->status)) {
        err_set(e, ERR_UNAVAILABLE, "arXiv answered %d", answer->status);
        return ARXIV_AGAIN;
    }
    if (atom_parse(a, buf_slice(&answer->body), out, &why) != ERR_NONE &&
        out->refused)
        err_set(e, ERR_INVALID, "%s", why.msg);
    else if (answer->status >= 300 && answer->status < 400)
        err_set(e, ERR_INVALID,
                "arXiv answered %d: it wants to be asked elsewhere; set "
                "arxiv_url to its new address",
                answer->status);
    else
        err_set(e, ERR_INVALID, "arXiv answered %d", answer->status);
    return ARXIV_REFUSED;
}

static enum arxiv_result read_answer(struct arena *a,
                                     const struct http_answer *answer,
                                     struct atom_feed *out, struct err *e)
{
    if (answer->status != 200)
        return read_refusal(a, answer, out, e);
    if (atom_parse(a, buf_slice(&answer->body), out, e) == ERR_NONE)
        return ARXIV_OK;
    if (out->refused)
        return ARXIV_REFUSED;
    err_prefix(e, "arXiv's answer");
    return ARXIV_GARBLED;
}

enum arxiv_result arxiv_ask(struct arxiv *x, struct job_run *r, struct arena *a,
                            const struct arxiv_question *q,
                            struct atom_feed *out, int64_t *retry_at,
                            struct err *e)
{
    struct http_answer answer = {0};
    enum arxiv_result result;
    enum err_code rc;
    struct buf url;

    *retry_at = 0;
    rc = limiter_enter(&x->limiter, r, retry_at, e);
    if (rc != ERR_NONE)
        return rc == ERR_CANCELLED ? ARXIV_CANCELLED : ARXIV_AGAIN;
    buf_init(&url, URL_MAX);
    arxiv_query_url(&url, x->url, q);
    if (!buf_ok(&url)) {
        limiter_leave(&x->limiter, r, LIMITER_UNKNOWN, -1);
        err_set(e, ERR_INVALID, "the question is too long for arXiv");
        result = ARXIV_REFUSED;
    } else {
        result = fetch(x, r, url.p, &answer, e);
    }
    buf_release(&url);
    if (result != ARXIV_OK)
        return result;
    if (answer.retry_after_s > 0)
        *retry_at = clock_now_us() + answer.retry_after_s * US_PER_S;
    result = read_answer(a, &answer, out, e);
    log_debug("scraper", "arXiv answered", LOG_I("status", answer.status),
              LOG_I("ms", answer.took_ms), LOG_I("start", q->start),
              LOG_I("entries", (int64_t)out->n_papers),
              LOG_I("total", out->total));
    http_answer_release(&answer);
    return result;
}

/* ---- a page that can be believed ---- */

enum doubt { DOUBT_NONE, DOUBT_NOTHING, DOUBT_SHRUNK, DOUBT_MISSING };

/* A paper or two may leave a category while we read; a tenth does not. */
static bool has_shrunk(int64_t total, int64_t known)
{
    return known > 0 && total < known - known / 10 - 10;
}

static enum doubt doubt_about(const struct atom_feed *f,
                              const struct arxiv_question *q,
                              int64_t known_total)
{
    int64_t n = (int64_t)f->n_papers, promised = f->total - q->start;

    if (promised > q->max_results)
        promised = q->max_results;
    if (f->total < 0) /* no total: all we can doubt is nothing */
        return n == 0 ? DOUBT_NOTHING : DOUBT_NONE;
    if (n < promised)
        return DOUBT_MISSING;
    if (has_shrunk(f->total, known_total))
        return DOUBT_SHRUNK;
    return n == 0 && q->start == 0 ? DOUBT_NOTHING : DOUBT_NONE;
}

static void explain(enum doubt doubt, const struct atom_feed *f,
                    const struct arxiv_question *q, int64_t known_total,
                    struct err *e)
{
    if (doubt == DOUBT_MISSING)
        err_set(e, ERR_UNPROCESSABLE,
                "suspect answer: arXiv has %lld papers, but gave %zu of the "
                "%lld asked for from %lld on",
                (long long)f->total, f->n_papers, (long long)q->max_results,
                (long long)q->start);
    else if (doubt == DOUBT_SHRUNK)
        err_set(e, ERR_UNPROCESSABLE,
                "suspect answer: arXiv had %lld papers, and now %lld",
                (long long)known_total, (long long)f->total);
    else
        err_set(e, ERR_UNPROCESSABLE, "suspect answer: arXiv gave nothing");
}

/* The same doubt twice: nothing and a smaller total become facts when two
 * requests agree on them.  Entries that are promised and not given never do. */
static bool is_confirmed(enum doubt now, enum doubt before, int64_t total,
                         int64_t total_before)
{
    return now == before && total == total_before &&
           (now == DOUBT_NOTHING || now == DOUBT_SHRUNK);
}

enum arxiv_result arxiv_page(struct arxiv *x, struct job_run *r,
                             struct arena *a, const struct arxiv_question *q,
                             int64_t known_total, struct atom_feed *out,
                             int64_t *retry_at, struct err *e)
{
    enum doubt before = DOUBT_NONE;
    int64_t total_before = -1;

    for (int i = 0; i < TRIES; i++) {
        struct arxiv_question now = *q;
        enum arxiv_result result;
        enum doubt doubt;

        /* The cross-check: a question that no cache has the answer to. */
        if (i == TRIES - 1 && q->max_results > 1)
            now.max_results = (q->max_results + 1) / 2;
        if (i > 0 && !job_run_wait(r, arxiv_retry_at(x, i, 0)))
            return ARXIV_CANCELLED;
        result = arxiv_ask(x, r, a, &now, out, retry_at, e);
        if (result != ARXIV_OK)
            return result;
        doubt = doubt_about(out, &now, known_total);
        if (doubt == DOUBT_NONE ||
            is_confirmed(doubt, before, out->total, total_before))
            return ARXIV_OK;
        explain(doubt, out, &now, known_total, e);
        log_warn("scraper", "an answer is not believed",
                 LOG_SL("job", r->job->id), LOG_S("why", e->msg));
        before = doubt;
        total_before = out->total;
    }
    return ARXIV_SUSPECT;
}
