/* jobs.h - store area: durable jobs.
 *
 *     queued -> running -> completed | failed | cancelled
 *        ^---------'  (retry, released, or lease run out)
 *
 * A running job is held under a lease: owner and attempt.  Every write by a
 * worker names its lease; if the lease was lost (expired and claimed by
 * another, or cancelled) the write fails with ERR_CONFLICT and changes nothing,
 * so that a slow worker cannot double the work of its successor.
 * `attempts` counts claims since the last committed progress: a job that
 * brings the process down again and again (poison) is run max_attempts times,
 * one that makes progress goes on for ever.
 *
 * See store.h for errors, ownership and threads.
 */
#ifndef STORE_JOBS_H
#define STORE_JOBS_H

#include "store/store.h"

enum job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_COMPLETED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_N_STATES
};

struct job {
    struct slice id;   /* "arxiv-1762123331" */
    struct slice kind; /* "scrape", "webhook", "coverage" */
    enum job_state state;
    double progress;                                     /* 0..100 */
    int64_t created_at, updated_at, run_at, lease_until; /* us */
    int attempts, max_attempts;
    bool cancel_requested;
    int64_t schedule_id;     /* 0: none */
    struct slice input;      /* JSON object, as accepted */
    struct slice checkpoint; /* JSON object: where to go on; empty at first */
    struct slice result;     /* JSON object: kind's own public numbers */
    struct slice error;      /* empty: none */
};

struct job_new {
    const char *kind;
    const char
        *id_prefix; /* id = <prefix>-<unix seconds>, "-2", "-3"... if taken */
    struct slice input;
    /* Bytes that it works on, beside the input: at most STORE_MAX_FILE; empty:
     * none. */
    struct slice file;
    int max_attempts;
    int64_t run_at, now_us;
    int64_t schedule_id;
    /* Idempotency-Key, kept 24 h per route; empty key: none */
    struct slice idem_key, idem_route;
    uint8_t body_sha256[32];
};

/* ERR_UNPROCESSABLE: key known with another body.  *existing: the key is
 * known with this body; `out` is the job made then. */
enum err_code store_job_create(struct store *s, struct arena *a,
                               const struct job_new *spec, struct job *out,
                               bool *existing, struct err *e) CHECKED;
/* The file of a job, which goes in the commit that makes the job COMPLETED; one
 * that failed or was cancelled keeps it, for it may be restarted.
 * ERR_NOT_FOUND: it has none (any more). */
#define STORE_MAX_FILE ((size_t)64 << 20)
enum err_code store_job_file(struct store *s, struct arena *a, struct slice id,
                             struct slice *out, struct err *e) CHECKED;
/* ERR_NOT_FOUND. */
enum err_code store_job_get(struct store *s, struct arena *a, struct slice id,
                            struct job *out, struct err *e) CHECKED;

struct job_query {
    const char *const *kinds; /* NULL-ended; NULL: all */
    int states;               /* bit 1 << state; 0: all */
    int64_t offset;
    int limit;
};
/* Newest first; *count is exact.  An input of more than JOB_LISTED_INPUT
 * characters (a document, a recorded feed) is left out: ''. */
#define JOB_LISTED_INPUT 65536
enum err_code store_jobs_list(struct store *s, struct arena *a,
                              const struct job_query *q, struct job **out,
                              size_t *n, int64_t *count, struct err *e) CHECKED;

struct job_lease {
    char job_id[80];
    char owner[40]; /* of the process and worker */
    int attempt;    /* fencing: claims of this job ever, not `attempts` */
};

/* Take the due job (run_at <= now, or running with an expired lease) of these
 * kinds that waits longest.  out->attempts > max_attempts: it is not to be run
 * but to be ended, as its kind ends what failed; who dies of that too is failed
 * by the next claim on the way.
 * ERR_NOT_FOUND: nothing due; *next_run_at is then the earliest time at which
 * something may be (0: nothing waits). */
enum err_code store_job_claim(struct store *s, struct arena *a,
                              const char *const *kinds, const char *owner,
                              int64_t now_us, int64_t lease_us, struct job *out,
                              struct job_lease *lease, int64_t *next_run_at,
                              struct err *e) CHECKED;
/* Prolong; *cancel tells that a cancel was asked for.  ERR_CONFLICT: lost. */
enum err_code store_job_heartbeat(struct store *s, const struct job_lease *l,
                                  int64_t lease_until, bool *cancel,
                                  struct err *e) CHECKED;
/* Committed progress: checkpoint and result replace the old ones unless
 * p == NULL; attempts starts again at 1.  ERR_CONFLICT: lost. */
enum err_code store_job_progress(struct store *s, const struct job_lease *l,
                                 double progress, struct slice checkpoint,
                                 struct slice result, int64_t now_us,
                                 struct err *e) CHECKED;
/* End it: COMPLETED, FAILED or CANCELLED.  result.p == NULL keeps the old. */
enum err_code store_job_finish(struct store *s, const struct job_lease *l,
                               enum job_state state, struct slice result,
                               struct slice error, int64_t now_us,
                               struct err *e) CHECKED;
/* Back to queued, to run at `run_at`; `error` is kept for people.  With
 * count == false the claim does not count as an attempt (orderly stop). */
enum err_code store_job_release(struct store *s, const struct job_lease *l,
                                int64_t run_at, bool count, struct slice error,
                                int64_t now_us, struct err *e) CHECKED;
/* A webhook job that is cancelled or given up makes its delivery DEAD, one that
 * is restarted makes it PENDING again (unless it was DELIVERED; scrape.h).
 *
 * Ask for a cancel: a queued job is cancelled at once, a running one when its
 * worker notices.  ERR_NOT_FOUND; ERR_CONFLICT: already ended. */
enum err_code store_job_cancel(struct store *s, struct slice id, int64_t now_us,
                               struct err *e) CHECKED;
/* A failed or cancelled job again, from its checkpoint.  ERR_NOT_FOUND;
 * ERR_CONFLICT: not ended. */
enum err_code store_job_restart(struct store *s, struct slice id,
                                int64_t now_us, struct err *e) CHECKED;
/* At start of an embedded process: leases of dead predecessors are given back,
 * and the limiters' holds (SQLite; PostgreSQL waits for them to expire). */
enum err_code store_jobs_recover(struct store *s, int64_t now_us, struct err *e)
    CHECKED;
/* Jobs by state, for /metrics and doctor. */
enum err_code store_jobs_counts(struct store *s, int64_t out[JOB_N_STATES],
                                struct err *e) CHECKED;

#endif
