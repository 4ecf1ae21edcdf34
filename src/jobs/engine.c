/* engine.c - worker threads over the durable queue.
 *
 *   worker 1..n:  claim -> run the kind's function -> write the end
 *   keeper:       prolongs leases, learns of cancels, ticks the schedules
 *
 * The database decides who runs what; memory only holds who is busy here.
 * So there is nothing to recover after kill -9 but the leases, and those run
 * out by themselves.
 *
 * Waking.  Of the idle workers one, the watcher, sleeps until the earliest
 * run_at; the others sleep until they are woken.  A worker that got a job wakes
 * the next, which looks for more: n new jobs need n wake-ups, not n squared.
 * `wakes` closes the gap between "nothing is due" and falling asleep.
 *
 * Cancels.  A cancel asked for in this process comes with jobs_wake and is seen
 * at once; one from another process by reading the job's row twice a second
 * while it runs (a read; the writes that prolong the lease come every third of
 * it).  All waits are on condition variables over the monotonic clock.
 *
 * Claims go one at a time through claim_mu, so that a kind's max_running holds
 * exactly: whoever claims has counted everybody before him.
 */
#include "jobs/engine.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/thread.h"

#define MAX_KINDS 16
#define MAX_WORKERS 64
#define RUN_ARENA_MAX (64u << 20)
#define CANCEL_LOOK_US (500 * US_PER_MS) /* half of the second promised */
#define BACKOFF_MAX_MS INT64_C(3600000)
#define STORE_PAUSE_US                                                         \
    (1 * US_PER_S)  /* between claims of a store that is down */
#define END_TRIES 6 /* of writing an end: 0.1 s doubling, 6.3 s in all */

struct worker {
    struct job_run run; /* first: a job_run leads back to its worker */
    struct jobs *engine;
    pthread_t thread;
    struct arena *arena;
    char owner[40];
    /* under engine->mu */
    bool busy;
    const struct job_kind *kind;
    struct job job;
    struct job_lease lease;
    int64_t lease_until;  /* as written last */
    int64_t heartbeat_at; /* when to write it again */
    int64_t look_at;      /* when to look for a cancel */
    /* read without the lock by the running job */
    atomic_bool cancel; /* a person asked */
    atomic_bool lost;   /* the lease is somebody else's */
};

struct jobs {
    struct store *store;
    struct jobs_options opt;
    const struct job_kind *kinds[MAX_KINDS];
    int running[MAX_KINDS]; /* under claim_mu and mu */
    int n_kinds;
    bool started;

    pthread_mutex_t claim_mu; /* taken before mu */
    pthread_mutex_t mu;
    pthread_cond_t idle;      /* workers without a job */
    pthread_cond_t attention; /* the keeper */
    pthread_cond_t changed;   /* running jobs that wait; jobs_stop */
    uint64_t wakes;
    int64_t watched_until; /* monotonic: an idle worker wakes then; 0: none */
    int alive;             /* workers and keeper */
    atomic_bool stopping;

    pthread_t keeper;
    struct arena *keeper_arena;
    int n_workers;
    struct worker workers[];
};

static void cond_init_mono(pthread_cond_t *c)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

/* Wait for at most `us`.  Under j->mu. */
static void wait_us(struct jobs *j, pthread_cond_t *c, int64_t us)
{
    int64_t until = clock_mono_us() + (us > 0 ? us : 0);
    struct timespec ts = {.tv_sec = until / US_PER_S,
                          .tv_nsec = until % US_PER_S * 1000};

    pthread_cond_timedwait(c, &j->mu, &ts);
}

static uint32_t random_below(uint32_t n)
{
    uint32_t v;

    crypto_random(&v, sizeof(v));
    return v % n;
}

struct jobs *jobs_new(struct store *s, const struct jobs_options *opt)
{
    struct jobs *j;

    assert(opt->workers >= 1 && opt->workers <= MAX_WORKERS);
    assert(opt->lease_ms > 0 && opt->backoff_ms > 0);
    j = calloc(1, sizeof(*j) + (size_t)opt->workers * sizeof(j->workers[0]));
    if (!j)
        abort();
    j->store = s;
    j->opt = *opt;
    j->n_workers = opt->workers;
    pthread_mutex_init(&j->claim_mu, NULL);
    pthread_mutex_init(&j->mu, NULL);
    cond_init_mono(&j->idle);
    cond_init_mono(&j->attention);
    cond_init_mono(&j->changed);
    return j;
}

void jobs_register(struct jobs *j, const struct job_kind *kind)
{
    assert(!j->started && j->n_kinds < MAX_KINDS);
    assert(kind->name && kind->run && kind->max_running >= 0);
    j->kinds[j->n_kinds++] = kind;
}

/* ---- what a running job asks ---- */

static struct worker *worker_of(struct job_run *r)
{
    return (struct worker *)r;
}

bool job_run_cancelled(void *job_run)
{
    struct worker *w = worker_of(job_run);

    return atomic_load(&w->cancel) || atomic_load(&w->lost) ||
           atomic_load(&w->engine->stopping);
}

/* Until `ready` says so (NULL: never), time is up or the run is cancelled. */
static void wait_run(struct job_run *r, int64_t until_us,
                     bool (*ready)(void *ctx), void *ctx, bool *is_ready,
                     bool *cancelled)
{
    struct jobs *j = worker_of(r)->engine;

    pthread_mutex_lock(&j->mu);
    for (;;) {
        int64_t left = until_us - clock_now_us();

        *cancelled = job_run_cancelled(r);
        *is_ready = !*cancelled && ready && ready(ctx);
        if (*cancelled || *is_ready || left <= 0)
            break;
        /* In pieces, because the wall clock may be set. */
        wait_us(j, &j->changed, left < US_PER_S ? left : US_PER_S);
    }
    pthread_mutex_unlock(&j->mu);
}

bool job_run_wait(struct job_run *r, int64_t until_us)
{
    bool is_ready, cancelled;

    wait_run(r, until_us, NULL, NULL, &is_ready, &cancelled);
    return !cancelled;
}

bool job_run_wait_for(struct job_run *r, int64_t until_us,
                      bool (*ready)(void *ctx), void *ctx)
{
    bool is_ready, cancelled;

    wait_run(r, until_us, ready, ctx, &is_ready, &cancelled);
    return is_ready;
}

void jobs_nudge(struct jobs *j)
{
    pthread_mutex_lock(&j->mu);
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->mu);
}

/* ---- writing a run's end ---- */

struct end_write {
    enum { END_FINISH, END_RELEASE } what;
    enum job_state state; /* FINISH */
    int64_t run_at;       /* RELEASE */
    bool count;           /* RELEASE */
    struct slice error;
};

static enum err_code write_end_once(struct worker *w, const struct end_write *x,
                                    struct err *e)
{
    struct store *s = w->engine->store;

    if (x->what == END_RELEASE)
        return store_job_release(s, &w->lease, x->run_at, x->count, x->error,
                                 clock_now_us(), e);
    return store_job_finish(s, &w->lease, x->state, SLICE_NONE, x->error,
                            clock_now_us(), e);
}

/* A database that is away for a moment must not make a finished job run
 * again; if it stays away, the lease runs out and the job is repeated. */
static void write_end(struct worker *w, const struct end_write *x)
{
    int64_t pause = US_PER_S / 10;

    for (int i = 0; i < END_TRIES; i++, pause *= 2) {
        struct err e = {0};
        enum err_code rc = write_end_once(w, x, &e);

        if (rc == ERR_NONE)
            return;
        if (rc == ERR_CONFLICT) {
            log_warn("jobs", "lease was lost before the end was written",
                     LOG_S("job", w->lease.job_id));
            return;
        }
        log_error("jobs", "cannot write the end of a job",
                  LOG_S("job", w->lease.job_id), LOG_S("error", e.msg));
        pthread_mutex_lock(&w->engine->mu);
        if (!atomic_load(&w->engine->stopping))
            wait_us(w->engine, &w->engine->changed, pause);
        pthread_mutex_unlock(&w->engine->mu);
    }
}

static void finish(struct worker *w, enum job_state state, const char *error)
{
    struct end_write x = {
        .what = END_FINISH, .state = state, .error = slice_of(error)};

    write_end(w, &x);
}

static void release(struct worker *w, int64_t run_at, bool count,
                    const char *error)
{
    struct end_write x = {.what = END_RELEASE,
                          .run_at = run_at,
                          .count = count,
                          .error = slice_of(error)};

    write_end(w, &x);
}

/* Doubling from backoff_ms, at most an hour, +-20 %: many jobs that failed
 * together must not come back together. */
static int64_t backoff_us(const struct jobs *j, int attempts)
{
    int64_t ms = j->opt.backoff_ms;

    for (int i = 1; i < attempts && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    return ms * (800 + random_below(401));
}

/* Claims since the last committed progress; the claimed copy does not know of
 * progress made in this run. */
static int attempts_now(struct worker *w)
{
    struct job job;
    struct err e = {0};

    if (store_job_get(w->engine->store, w->arena, w->job.id, &job, &e) !=
        ERR_NONE)
        return w->job.attempts;
    return job.attempts;
}

static void end_failed(struct worker *w, const struct err *why)
{
    log_warn("jobs", "job failed", LOG_S("job", w->lease.job_id),
             LOG_SL("kind", w->job.kind), LOG_S("error", why->msg));
    if (w->kind->failed)
        w->kind->failed(&w->run, why);
    else
        finish(w, JOB_FAILED, why->msg);
}

/* It was started often enough, and nobody came back to say what happened. */
static void end_poison(struct worker *w)
{
    struct err why = {0};

    if (w->job.error.len)
        err_set(&why, ERR_INTERNAL, "%.*s", SLICE_ARG(w->job.error));
    else
        err_set(&why, ERR_INTERNAL,
                "given up: it was started %d times and never got on",
                w->job.attempts - 1);
    end_failed(w, &why);
}

static void end_retry(struct worker *w, const struct job_end *end,
                      const struct err *why)
{
    int attempts = attempts_now(w);
    int64_t at = end->retry_at;

    if (attempts >= w->job.max_attempts) {
        end_failed(w, why);
        return;
    }
    if (!at)
        at = clock_now_us() + backoff_us(w->engine, attempts);
    log_info("jobs", "job will be tried again", LOG_S("job", w->lease.job_id),
             LOG_I("attempt", attempts), LOG_S("error", why->msg));
    release(w, at, true, why->msg);
}

static void end_run(struct worker *w, const struct job_end *end,
                    const struct err *e)
{
    bool cancel = atomic_load(&w->cancel);
    bool interrupted =
        e->code == ERR_CANCELLED || (cancel && end->outcome == JOB_RUN_RETRY);

    if (end->outcome == JOB_RUN_WRITTEN || atomic_load(&w->lost))
        return;
    if (interrupted && cancel) {
        log_info("jobs", "job cancelled", LOG_S("job", w->lease.job_id));
        finish(w, JOB_CANCELLED, NULL);
    } else if (interrupted) {
        release(w, clock_now_us(), false, NULL);
    } else if (end->outcome == JOB_RUN_COMPLETED) {
        finish(w, JOB_COMPLETED, NULL);
    } else if (end->outcome == JOB_RUN_RETRY) {
        end_retry(w, end, e);
    } else {
        end_failed(w, e);
    }
}

/* ---- workers ---- */

static int kind_index(const struct jobs *j, struct slice name)
{
    for (int i = 0; i < j->n_kinds; i++)
        if (slice_is(name, j->kinds[i]->name))
            return i;
    return -1;
}

/* Kinds that may start another run, NULL-ended.  Under claim_mu. */
static int eligible_kinds(struct jobs *j, const char *names[MAX_KINDS + 1])
{
    int n = 0;

    pthread_mutex_lock(&j->mu);
    for (int i = 0; i < j->n_kinds; i++)
        if (!j->kinds[i]->max_running ||
            j->running[i] < j->kinds[i]->max_running)
            names[n++] = j->kinds[i]->name;
    pthread_mutex_unlock(&j->mu);
    names[n] = NULL;
    return n;
}

static void begin(struct worker *w, int kind)
{
    struct jobs *j = w->engine;
    int64_t now = clock_now_us();

    pthread_mutex_lock(&j->mu);
    w->kind = j->kinds[kind];
    w->run = (struct job_run){.store = j->store,
                              .job = &w->job,
                              .lease = &w->lease,
                              .arena = w->arena,
                              .ctx = w->kind->ctx,
                              .engine = j};
    atomic_store(&w->cancel, w->job.cancel_requested);
    atomic_store(&w->lost, false);
    w->lease_until = now + j->opt.lease_ms * US_PER_MS;
    w->heartbeat_at = now + j->opt.lease_ms * US_PER_MS / 3;
    w->look_at = now + CANCEL_LOOK_US;
    w->busy = true;
    j->running[kind]++;
    /* There may be more; and the keeper has somebody to keep. */
    pthread_cond_signal(&j->idle);
    pthread_cond_signal(&j->attention);
    pthread_mutex_unlock(&j->mu);
}

/* Claim one job and mark the worker busy.  ERR_NOT_FOUND as the store says. */
static enum err_code claim(struct worker *w, int64_t *next_run_at,
                           struct err *e)
{
    struct jobs *j = w->engine;
    const char *names[MAX_KINDS + 1];
    enum err_code rc = ERR_NOT_FOUND;

    *next_run_at = 0;
    arena_reset(w->arena);
    pthread_mutex_lock(&j->claim_mu);
    if (eligible_kinds(j, names) > 0) {
        rc = store_job_claim(j->store, w->arena, names, w->owner,
                             clock_now_us(), j->opt.lease_ms * US_PER_MS,
                             &w->job, &w->lease, next_run_at, e);
        if (rc == ERR_NONE) {
            int kind = kind_index(j, w->job.kind);

            assert(kind >= 0);
            begin(w, kind);
        }
    }
    pthread_mutex_unlock(&j->claim_mu);
    return rc;
}

static void run_claimed(struct worker *w)
{
    struct jobs *j = w->engine;
    struct err e = {0};
    struct job_end end;

    log_debug("jobs", "job starts", LOG_S("job", w->lease.job_id),
              LOG_SL("kind", w->job.kind), LOG_I("attempts", w->job.attempts));
    if (w->job.attempts > w->job.max_attempts) {
        end_poison(w);
    } else {
        end = w->kind->run(&w->run, &e);
        end_run(w, &end, &e);
    }

    pthread_mutex_lock(&j->mu);
    w->busy = false;
    j->running[kind_index(j, slice_of(w->kind->name))]--;
    pthread_cond_signal(&j->idle); /* its kind has room again */
    pthread_mutex_unlock(&j->mu);
}

/* Sleep until woken, or, as the watcher, until something may be due.  Who knows
 * of something that is due earlier than the watcher does watches too. */
static void sleep_idle(struct jobs *j, uint64_t seen, int64_t next_run_at,
                       int64_t at_most_us)
{
    int64_t us = at_most_us, until;

    if (next_run_at && next_run_at - clock_now_us() < us)
        us = next_run_at - clock_now_us();
    if (us < US_PER_MS) /* a clock that reads a little less than the */
        us = US_PER_MS; /* database's must not make us spin */
    until = clock_mono_us() + us;
    pthread_mutex_lock(&j->mu);
    if (j->wakes != seen || atomic_load(&j->stopping)) {
        /* look again at once */
    } else if (j->watched_until && j->watched_until <= until) {
        pthread_cond_wait(&j->idle, &j->mu);
    } else {
        j->watched_until = until;
        wait_us(j, &j->idle, us);
        if (j->watched_until == until)
            j->watched_until = 0;
    }
    pthread_mutex_unlock(&j->mu);
}

static void leave(struct jobs *j)
{
    pthread_mutex_lock(&j->mu);
    j->alive--;
    pthread_cond_broadcast(&j->changed);
    pthread_cond_signal(&j->attention); /* the keeper leaves last */
    pthread_mutex_unlock(&j->mu);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct jobs *j = w->engine;

    while (!atomic_load(&j->stopping)) {
        struct err e = {0};
        int64_t next_run_at;
        uint64_t seen;
        enum err_code rc;

        pthread_mutex_lock(&j->mu);
        seen = j->wakes;
        pthread_mutex_unlock(&j->mu);
        rc = claim(w, &next_run_at, &e);
        if (rc == ERR_NONE) {
            run_claimed(w);
        } else if (rc == ERR_NOT_FOUND) {
            sleep_idle(j, seen, next_run_at, j->opt.lease_ms * US_PER_MS / 2);
        } else {
            log_error("jobs", "cannot claim", LOG_S("error", e.msg));
            sleep_idle(j, seen, 0, STORE_PAUSE_US);
        }
    }
    leave(j);
    return NULL;
}

/* ---- keeper ---- */

/* What the keeper knows of a run while it talks to the store without the
 * lock.  The worker may end that run and begin another meanwhile: the lease
 * tells them apart. */
struct kept {
    struct worker *worker;
    struct job_lease lease;
    bool heartbeat; /* else only look */
};

static bool same_lease(const struct job_lease *a, const struct job_lease *b)
{
    return a->attempt == b->attempt && !strcmp(a->job_id, b->job_id) &&
           !strcmp(a->owner, b->owner);
}

static enum err_code look(struct jobs *j, const struct kept *k, bool *cancel,
                          struct err *e)
{
    struct job job;
    enum err_code rc;

    arena_reset(j->keeper_arena);
    rc = store_job_get(j->store, j->keeper_arena, slice_of(k->lease.job_id),
                       &job, e);
    if (rc == ERR_NONE) {
        *cancel = job.cancel_requested;
        if (job.state != JOB_RUNNING)
            rc = ERR_CONFLICT;
    }
    return rc;
}

/* Tell the worker, if it still runs what was looked at.  Under mu. */
static void note(struct jobs *j, const struct kept *k, enum err_code rc,
                 bool cancel, int64_t lease_until)
{
    struct worker *w = k->worker;

    if (!w->busy || !same_lease(&w->lease, &k->lease))
        return;
    if (rc == ERR_NONE && k->heartbeat)
        w->lease_until = lease_until;
    if (rc == ERR_CONFLICT || rc == ERR_NOT_FOUND ||
        clock_now_us() > w->lease_until)
        atomic_store(&w->lost, true);
    if (rc == ERR_NONE && cancel)
        atomic_store(&w->cancel, true);
    if (job_run_cancelled(&w->run))
        pthread_cond_broadcast(&j->changed);
}

static void keep(struct jobs *j, const struct kept *k)
{
    struct err e = {0};
    bool cancel = false;
    int64_t until = clock_now_us() + j->opt.lease_ms * US_PER_MS;
    enum err_code rc = k->heartbeat ? store_job_heartbeat(j->store, &k->lease,
                                                          until, &cancel, &e)
                                    : look(j, k, &cancel, &e);

    if (rc == ERR_CONFLICT)
        log_debug("jobs", "a run is over or lost its lease",
                  LOG_S("job", k->lease.job_id));
    else if (rc != ERR_NONE)
        log_warn("jobs", "cannot keep a lease", LOG_S("job", k->lease.job_id),
                 LOG_S("error", e.msg));
    pthread_mutex_lock(&j->mu);
    note(j, k, rc, cancel, until);
    pthread_mutex_unlock(&j->mu);
}

/* Runs to be kept now; *next is when the next one is due.  Under mu. */
static int due_runs(struct jobs *j, bool all, struct kept out[MAX_WORKERS],
                    int64_t *next)
{
    int64_t now = clock_now_us();
    int n = 0;

    for (int i = 0; i < j->n_workers; i++) {
        struct worker *w = &j->workers[i];
        bool heartbeat = now >= w->heartbeat_at;

        if (!w->busy || atomic_load(&w->lost))
            continue;
        if (heartbeat || all || now >= w->look_at) {
            out[n++] = (struct kept){w, w->lease, heartbeat};
            if (heartbeat)
                w->heartbeat_at = now + j->opt.lease_ms * US_PER_MS / 3;
            w->look_at = now + CANCEL_LOOK_US;
        }
        if (w->look_at < *next)
            *next = w->look_at;
        if (w->heartbeat_at < *next)
            *next = w->heartbeat_at;
    }
    return n;
}

static int busy_workers(const struct jobs *j)
{
    int n = 0;

    for (int i = 0; i < j->n_workers; i++)
        n += j->workers[i].busy;
    return n;
}

/* One round: tick, then keep what is due.  Returns when the next is due. */
static int64_t keeper_round(struct jobs *j, bool all, int64_t *tick_at)
{
    struct kept due[MAX_WORKERS];
    int64_t now = clock_now_us(), next = now + US_PER_DAY;
    bool stopping = atomic_load(&j->stopping);
    int n;

    if (j->opt.tick && !stopping && now >= *tick_at) {
        j->opt.tick(j->opt.tick_ctx, now);
        *tick_at = now + j->opt.tick_ms * US_PER_MS;
    }
    pthread_mutex_lock(&j->mu);
    n = due_runs(j, all, due, &next);
    pthread_mutex_unlock(&j->mu);
    for (int i = 0; i < n; i++)
        keep(j, &due[i]);
    if (j->opt.tick && !stopping && *tick_at < next)
        next = *tick_at;
    return next;
}

/* Lives until the last run has ended: leases must hold during a stop too. */
static void *keeper_main(void *arg)
{
    struct jobs *j = arg;
    int64_t tick_at = 0;
    uint64_t seen = 0;
    bool all = false;

    for (;;) {
        int64_t next = keeper_round(j, all, &tick_at);
        bool over;

        pthread_mutex_lock(&j->mu);
        over = atomic_load(&j->stopping) && j->alive == 1;
        /* A worker that took a job meanwhile has shortened `next` to now. */
        if (!over && j->wakes == seen)
            wait_us(j, &j->attention,
                    busy_workers(j) && next - clock_now_us() > CANCEL_LOOK_US
                        ? CANCEL_LOOK_US
                        : next - clock_now_us());
        all = j->wakes != seen;
        seen = j->wakes;
        pthread_mutex_unlock(&j->mu);
        if (over)
            break;
    }
    leave(j);
    return NULL;
}

/* ---- life ---- */

static void start_thread(pthread_t *t, const char *name, void *(*main)(void *),
                         void *arg)
{
    if (!thread_start(t, name, main, arg)) {
        log_error("jobs", "cannot start a thread");
        abort();
    }
}

enum err_code jobs_start(struct jobs *j, struct err *e)
{
    char id[9];
    enum err_code rc = store_jobs_recover(j->store, clock_now_us(), e);

    if (rc != ERR_NONE)
        return rc;
    crypto_token(id, sizeof(id) - 1);
    j->keeper_arena = arena_new(RUN_ARENA_MAX);
    if (!j->keeper_arena)
        return err_set(e, ERR_INTERNAL, "out of memory for the job engine");
    j->started = true;
    j->alive = j->n_workers + 1;
    start_thread(&j->keeper, "keeper", keeper_main, j);
    for (int i = 0; i < j->n_workers; i++) {
        struct worker *w = &j->workers[i];

        w->engine = j;
        w->arena = arena_new(RUN_ARENA_MAX);
        if (!w->arena)
            abort();
        snprintf(w->owner, sizeof(w->owner), "%ld-%s-%d", (long)getpid(), id,
                 i + 1);
        start_thread(&w->thread, "job", worker_main, w);
    }
    return ERR_NONE;
}

void jobs_wake(struct jobs *j)
{
    pthread_mutex_lock(&j->mu);
    j->wakes++;
    pthread_cond_signal(&j->idle);
    pthread_cond_signal(&j->attention);
    pthread_mutex_unlock(&j->mu);
}

void jobs_stop_begin(struct jobs *j)
{
    pthread_mutex_lock(&j->mu);
    atomic_store(&j->stopping, true);
    pthread_cond_broadcast(&j->idle);
    pthread_cond_broadcast(&j->attention);
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->mu);
}

void jobs_stop(struct jobs *j, int64_t timeout_ms)
{
    int64_t end = clock_mono_us() + timeout_ms * US_PER_MS;

    jobs_stop_begin(j);
    pthread_mutex_lock(&j->mu);
    while (j->alive > 0 && clock_mono_us() < end)
        wait_us(j, &j->changed, end - clock_mono_us());
    if (j->alive > 0)
        log_warn("jobs", "jobs did not stop in time",
                 LOG_I("threads", j->alive));
    pthread_mutex_unlock(&j->mu);
}

void jobs_free(struct jobs *j)
{
    if (!j)
        return;
    if (j->started) {
        jobs_stop(j, INT64_C(1) << 40);
        pthread_join(j->keeper, NULL);
        for (int i = 0; i < j->n_workers; i++) {
            pthread_join(j->workers[i].thread, NULL);
            arena_free(j->workers[i].arena);
        }
    }
    arena_free(j->keeper_arena);
    pthread_cond_destroy(&j->idle);
    pthread_cond_destroy(&j->attention);
    pthread_cond_destroy(&j->changed);
    pthread_mutex_destroy(&j->mu);
    pthread_mutex_destroy(&j->claim_mu);
    free(j);
}

const char *job_status_word(struct slice kind, enum job_state state)
{
    bool scrape = slice_is(kind, "scrape");

    switch (state) {
    case JOB_QUEUED:
        return scrape ? "running" : "pending";
    case JOB_RUNNING:
        return scrape ? "running" : "processing";
    case JOB_COMPLETED:
        return "completed";
    case JOB_FAILED:
        return "failed";
    case JOB_CANCELLED:
        return "cancelled";
    case JOB_N_STATES:
        break;
    }
    assert(!"a job state");
    return "";
}
