/* engine.h - run durable jobs: claim, heartbeat, retry, cancel, schedule.
 *
 * The engine has its own worker threads (pool_jobs).  Each claims the due job
 * that waits longest among the registered kinds, runs the kind's function, and
 * writes the outcome.  While it runs, a keeper thread prolongs its lease and
 * learns of cancels.  A job's function commits its steps itself (store_job_
 * progress, store_scrape_page, ...) under its lease; each step must be
 * repeatable, for after kill -9 the job goes on from its last checkpoint.
 *
 * Idle workers wait for jobs_wake (new work here) or the earliest run_at; no
 * polling except a slow look for work left by other processes.
 *
 * Threads: jobs_wake and jobs_stop_begin from any thread; the rest from the
 * thread that owns the engine.
 */
#ifndef JOBS_ENGINE_H
#define JOBS_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/jobs.h"

struct jobs; /* the engine */

/* What a job's function gets.  Lives until it returns. */
struct job_run {
    struct store *store;
    const struct job *job; /* input, checkpoint, attempts */
    const struct job_lease *lease;
    struct arena *arena; /* for the whole run; 64 MiB */
    void *ctx;           /* of the kind */
    struct jobs *engine;
};

/* How a run ended, when the function has not already written the end itself
 * (JOB_RUN_WRITTEN: store_scrape_finish, store_delivery_report...). */
enum job_outcome {
    JOB_RUN_WRITTEN,
    JOB_RUN_COMPLETED, /* engine writes: completed, result as last committed */
    JOB_RUN_RETRY,     /* e says why; backoff with jitter, or at retry_at */
    JOB_RUN_FAILED     /* e says why; no further attempt */
};

struct job_end {
    enum job_outcome outcome;
    int64_t retry_at; /* us; 0: by backoff */
};

struct job_kind {
    const char *name; /* "scrape" */
    /* Run it.  e carries the reason of RETRY and FAILED.  When asked to stop
     * (job_run_cancelled) return soon with ERR_CANCELLED in e->code and any
     * outcome: the engine then writes cancelled, or gives the lease back if
     * it is only the process that stops. */
    struct job_end (*run)(struct job_run *r, struct err *e);
    /* The attempts are used up (or FAILED): write the end, e.g. report it by
     * webhook.  NULL: the engine writes JOB_FAILED. */
    void (*failed)(struct job_run *r, const struct err *why);
    int max_running; /* 0: no limit of its own */
    void *ctx;
};

struct jobs_options {
    int workers;        /* 1..64 */
    int64_t lease_ms;   /* 30,000 */
    int64_t backoff_ms; /* first retry; doubles, at most an hour, +-20 % */
    int64_t tick_ms;    /* schedule tick */
    void (*tick)(void *ctx, int64_t now_us); /* on the keeper thread; NULL ok */
    void *tick_ctx;
};

struct jobs *jobs_new(struct store *s, const struct jobs_options *opt);
/* Before jobs_start.  Kept by pointer. */
void jobs_register(struct jobs *j, const struct job_kind *kind);
enum err_code jobs_start(struct jobs *j, struct err *e) CHECKED;
/* Something was queued: look now. */
void jobs_wake(struct jobs *j);
/* No new claims from now on, and running jobs are asked to stop; returns at
 * once.  Any thread, also the loop. */
void jobs_stop_begin(struct jobs *j);
/* The same, then wait until every run has ended and given its lease back, or
 * timeout_ms is over. */
void jobs_stop(struct jobs *j, int64_t timeout_ms);
void jobs_free(struct jobs *j);

/* A running job should stop: cancelled by a person, lease lost, or the engine
 * is stopping.  Cheap; also usable as http_fetch's `cancelled` with the
 * job_run as ctx. */
bool job_run_cancelled(void *job_run);
/* Wait until `until_us` (wall clock) or until cancelled: true = time is up. */
bool job_run_wait(struct job_run *r, int64_t until_us);
/* Wait until ready(ctx): true; or until time is up or cancelled: false.  Asked
 * again after jobs_nudge; `ready` must not block. */
bool job_run_wait_for(struct job_run *r, int64_t until_us,
                      bool (*ready)(void *ctx), void *ctx);
/* What a waiting run asked for may be so now.  Any thread. */
void jobs_nudge(struct jobs *j);

/* For readers of jobs: the drawing's words.  ("scrape", JOB_QUEUED) ->
 * "running"; others "pending", "processing"; then "completed", "failed",
 * "cancelled". */
const char *job_status_word(struct slice kind, enum job_state state);

#endif
