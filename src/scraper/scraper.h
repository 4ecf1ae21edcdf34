/* scraper.h - service 1: follow arXiv and deliver what is found by webhook.
 *
 *     POST /scrape -> job "scrape": ask arXiv page by page (politely), parse,
 *     categorise, score, tag -> scrape_results and outbox in one commit ->
 *     job "webhook": POST to the backend, signed, until it is accepted
 *
 * Job "coverage" compares what arXiv has with what is stored.  Schedules start
 * scrapes by themselves.
 *
 * Wiring:
 *     scraper_new(&s, &options, &e);
 *     jobs = jobs_new(store, &(struct jobs_options){..., .tick = scraper_tick,
 *                                                   .tick_ctx = s});
 *     scraper_register(s, jobs);
 *     router_add(rt, scraper_routes, s);
 *     router_add(rt, scraper_delivery_routes, s);
 *     router_add(rt, jobs_routes, &(struct jobs_api){store, jobs, views...});
 *     scraper_set_backend_url(s, server_url(server)) unless it was given
 *     jobs_start(jobs, &e);
 *
 * Threads: the routes and jobs call it from any; the functions below are for
 * the thread that wires.
 */
#ifndef SCRAPER_SCRAPER_H
#define SCRAPER_SCRAPER_H

#include <stddef.h>

#include "base/err.h"
#include "jobs/engine.h"
#include "jobs/routes.h"
#include "net/router.h"

struct scraper;

struct scraper_options {
    struct store *store;
    const char *arxiv_url;      /* "https://export.arxiv.org/api/query" */
    int64_t arxiv_interval_ms;  /* between an answer and the next request */
    int64_t arxiv_timeout_ms;   /* of one exchange */
    const char *contact;        /* for the User-Agent; "" : none */
    const char *backend_url;    /* "" : scraper_set_backend_url follows */
    const char *webhook_secret; /* Bearer */
    const char *webhook_signing_secret; /* "whsec_..."; "" : not signed */
    int64_t webhook_timeout_ms;
    const char
        *webhook_retry_ms; /* "0,5000,300000": waits before each attempt */
    const char *rules_dir; /* "" : built-in tables */
};

/* Copies the options, loads the tables.  ERR_INVALID: a table (with file and
 * line) or a setting. */
enum err_code scraper_new(struct scraper **out,
                          const struct scraper_options *opt, struct err *e)
    CHECKED;
/* After the jobs that it registered have ended.  Takes NULL. */
void scraper_free(struct scraper *s);
/* Where to deliver: "http://127.0.0.1:8642", without the webhook's path.
 * Before jobs_start. */
void scraper_set_backend_url(struct scraper *s, const char *url);
/* Register the kinds "scrape", "webhook" and "coverage"; `j` is also woken when
 * a request queues a job.  Before jobs_start. */
void scraper_register(struct scraper *s, struct jobs *j);
/* For jobs_options.tick: start the scrapes that are due by their schedule. */
void scraper_tick(void *scraper, int64_t now_us);

/* Contexts: the struct scraper. */
extern const struct route scraper_routes[];          /* /scrape, /papers, ... */
extern const struct route scraper_schedule_routes[]; /* /schedules */
extern const struct route scraper_delivery_routes[]; /* webhook deliveries */
/* How its jobs look on /jobs, in every process. */
extern const struct job_view scraper_job_views[];

#endif
