/* scrape.h - store area: what the scraper keeps.
 *
 * scrape_results (papers a scrape found), the webhook outbox with its attempts,
 * schedules, coverage, and the politeness limiter's state.
 *
 * See store.h for errors, ownership and threads.
 */
#ifndef STORE_SCRAPE_H
#define STORE_SCRAPE_H

#include "store/jobs.h"
#include "store/papers.h"

/* ---- results ---- */

/* One page of a scrape, one commit: the papers (by job and URL; again is
 * replaced) and the job's progress.  Uses the arrival fields of struct paper.
 * ERR_CONFLICT: lease lost. */
enum err_code store_scrape_page(struct store *s, const struct job_lease *l,
                                const struct paper *papers, size_t n,
                                double progress, struct slice checkpoint,
                                struct slice result, int64_t now_us,
                                struct err *e) CHECKED;
/* The papers of a job in the order found / the newest results of any job. */
enum err_code store_scrape_papers(struct store *s, struct arena *a,
                                  struct slice job_id, struct paper **out,
                                  size_t *n, struct err *e) CHECKED;
enum err_code store_scrape_latest(struct store *s, struct arena *a, int limit,
                                  struct paper **out, size_t *n, struct err *e)
    CHECKED;

/* ---- outbox ---- */

/* Its job (kind "webhook", input {"delivery_id":n}) is made in the same
 * commit. */
struct delivery_new {
    struct slice webhook_id; /* "msg_..." unique */
    struct slice body;       /* JSON as it will be sent, at most 16 MiB */
};

/* One commit: the scrape job ends in `state` and its deliveries wait in the
 * outbox.  ERR_CONFLICT: lease lost. */
enum err_code store_scrape_finish(struct store *s, const struct job_lease *l,
                                  enum job_state state, struct slice result,
                                  struct slice error,
                                  const struct delivery_new *deliveries,
                                  size_t n, int64_t now_us, struct err *e)
    CHECKED;

enum delivery_status {
    DELIVERY_PENDING,
    DELIVERY_DELIVERED,
    DELIVERY_DEAD /* gave up; can be replayed */
};

struct delivery {
    int64_t id;
    struct slice webhook_id;
    struct slice job_id; /* of the scrape */
    enum delivery_status status;
    int attempts;
    int64_t next_attempt_at; /* us; 0: none */
    int64_t created_at, updated_at, delivered_at;
    int last_status; /* HTTP; 0: no answer */
    struct slice last_error;
    struct slice body; /* only from store_delivery_get */
    int64_t body_bytes;
    int64_t papers_created, papers_updated, papers_unchanged; /* -1: unknown */
};

struct delivery_attempt {
    int n; /* from 1 */
    int64_t at, took_ms;
    int status; /* HTTP; 0: no answer */
    struct slice error;
    struct slice response; /* first 2,000 bytes */
};

enum err_code store_delivery_get(struct store *s, struct arena *a, int64_t id,
                                 struct delivery *out, struct err *e) CHECKED;
enum err_code store_delivery_attempts(struct store *s, struct arena *a,
                                      int64_t id, struct delivery_attempt **out,
                                      size_t *n, struct err *e) CHECKED;
/* Newest first.  status -1: all; job_id empty: all. */
enum err_code store_deliveries_list(struct store *s, struct arena *a,
                                    int status, struct slice job_id,
                                    int64_t offset, int limit,
                                    struct delivery **out, size_t *n,
                                    int64_t *count, struct err *e) CHECKED;

struct delivery_outcome {
    int64_t delivery_id;
    struct slice scrape_id; /* delivery.job_id: its state changes, too */
    struct delivery_attempt attempt; /* n is set by the store */
    enum delivery_status status;     /* PENDING: try again at retry_at */
    int64_t retry_at;
    int64_t papers_created, papers_updated, papers_unchanged; /* if DELIVERED */
    int64_t now_us;
};
/* One commit: the attempt, the delivery, and the webhook job (completed,
 * failed, or queued for retry_at).  When all deliveries of a scheduled scrape
 * are DELIVERED and the scrape completed, its schedule's last_confirmed_at
 * becomes the scrape job's created_at (store_scrape_finish does so if there are
 * no deliveries).  PENDING for a job whose cancel was asked for becomes DEAD.
 * ERR_CONFLICT: lease lost. */
enum err_code store_delivery_report(struct store *s, const struct job_lease *l,
                                    const struct delivery_outcome *o,
                                    struct err *e) CHECKED;
/* Send again: pending, attempts go on counting, a new webhook job due now, the
 * same webhook_id.  ERR_NOT_FOUND; ERR_CONFLICT: still pending. */
enum err_code store_delivery_replay(struct store *s, int64_t id, int64_t now_us,
                                    struct err *e) CHECKED;

/* ---- schedules ---- */

struct schedule {
    int64_t id;
    struct slice source, category, query;
    struct slice arxiv_categories; /* JSON array; empty: default */
    struct slice at;               /* "06:00" in tz; empty: from creation on */
    struct slice tz;               /* IANA name */
    int64_t every_s;               /* seconds */
    int64_t days, max_results;
    bool enabled;
    int64_t next_run_at, last_run_at, last_confirmed_at; /* us; 0: none */
    struct slice last_job_id;
    int64_t created_at, updated_at;
};
/* Insert (id 0; *id is set) or replace the person's fields (source ... enabled,
 * next_run_at).  ERR_NOT_FOUND: id not there. */
enum err_code store_schedule_put(struct store *s, const struct schedule *sch,
                                 int64_t now_us, int64_t *id, struct err *e)
    CHECKED;
enum err_code store_schedule_get(struct store *s, struct arena *a, int64_t id,
                                 struct schedule *out, struct err *e) CHECKED;
enum err_code store_schedule_delete(struct store *s, int64_t id, struct err *e)
    CHECKED;
/* By id; due_by > 0: only enabled ones with next_run_at <= due_by. */
enum err_code store_schedules_list(struct store *s, struct arena *a,
                                   int64_t due_by, int64_t offset, int limit,
                                   struct schedule **out, size_t *n,
                                   int64_t *count, struct err *e) CHECKED;
/* One commit: next_run_at moves from `expected` to `next`, last_run_at and
 * last_job_id are set, the job is made (spec->schedule_id = id).
 * ERR_CONFLICT: another process was first. */
enum err_code store_schedule_fire(struct store *s, struct arena *a, int64_t id,
                                  int64_t expected, int64_t next,
                                  const struct job_new *spec, struct job *out,
                                  struct err *e) CHECKED;

/* ---- coverage ---- */

struct coverage {
    struct slice category; /* arXiv's: "cs.AI" */
    int64_t day;           /* days since 1970-01-01, UTC */
    int64_t expected;      /* arXiv's totalResults */
    int64_t stored;        /* papers we have of that category and day; counted
                              when asked */
    int64_t checked_at;
};
enum err_code store_coverage_put(struct store *s, struct slice category,
                                 int64_t day, int64_t expected, int64_t now_us,
                                 struct err *e) CHECKED;
/* Newest day first, then category; category empty: all. */
enum err_code store_coverage_list(struct store *s, struct arena *a,
                                  struct slice category, int64_t offset,
                                  int limit, struct coverage **out, size_t *n,
                                  int64_t *count, struct err *e) CHECKED;

/* ---- politeness limiter: shared by all processes, survives restarts ---- */

struct limiter_state {
    int64_t next_at;    /* us: no request before */
    int64_t busy_until; /* us: somebody's request is under way until then */
    int64_t open_until; /* us: circuit breaker open until then */
    int64_t failures;   /* in a row */
};
/* Read, let `change` alter, write: one transaction, one at a time over all
 * processes.  `change` returns false to leave it unwritten. */
enum err_code store_limiter_update(struct store *s, const char *name,
                                   bool (*change)(struct limiter_state *st,
                                                  void *ctx),
                                   void *ctx, struct limiter_state *after,
                                   struct err *e) CHECKED;

#endif
