/* scraper_impl.h - the inside of the scraper, shared by its files.
 *
 * Threads: read-only after the jobs have started, but for what arxiv.h and
 * limiter.h guard themselves.
 */
#ifndef SCRAPER_SCRAPER_IMPL_H
#define SCRAPER_SCRAPER_IMPL_H

#include "scraper/arxiv.h"
#include "scraper/relevance.h"
#include "scraper/scrape_input.h"
#include "scraper/scraper.h"
#include "scraper/webhook_sign.h"

#define SCRAPE_MAX_ATTEMPTS 10 /* of one page, some hours in all */
#define COVERAGE_MAX_ATTEMPTS 10
#define GARBLED_MAX_ATTEMPTS 4 /* of an answer that makes no sense */
#define WEBHOOK_MAX_RETRIES 32
#define SCRAPER_N_KINDS 3

struct scraper {
    struct store *store;
    struct jobs *jobs; /* NULL until scraper_register */
    struct rules *rules;
    struct tags *tags;
    struct arxiv arxiv;
    /* the strings below are owned */
    char *arxiv_url;
    char *webhook_url;    /* whole; NULL until the backend is known */
    char *webhook_bearer; /* "Authorization: Bearer ..." */
    struct webhook_key webhook_key;
    int64_t webhook_timeout_ms;
    int64_t webhook_waits_ms[WEBHOOK_MAX_RETRIES]; /* before each attempt */
    int n_webhook_waits;
    struct job_kind kinds[SCRAPER_N_KINDS];
};

/* scrape_job.c, webhook_out.c, coverage.c: kinds' functions, ctx = scraper */
struct job_end scrape_job_run(struct job_run *r, struct err *e);
void scrape_job_failed(struct job_run *r, const struct err *why);
struct job_end webhook_out_run(struct job_run *r, struct err *e);
void webhook_out_failed(struct job_run *r, const struct err *why);
struct job_end coverage_run(struct job_run *r, struct err *e);

/* The end of a run that arXiv did not answer as it should. */
struct job_end arxiv_end(struct scraper *s, enum arxiv_result result,
                         int attempts, int64_t retry_at, struct err *e);

/* Something was queued: wake the workers of this process. */
void scraper_wake(struct scraper *s);

#endif
