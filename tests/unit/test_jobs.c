/* test_jobs.c - the engine over a real store in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "jobs/engine.h"
#include "store/store.h"

#define PATIENCE_US (20 * US_PER_S)

/* What a kind of job does here: counts, and does as told. */
struct told {
    atomic_int runs, running, most_running, failed_called;
    atomic_bool hold; /* run until let go or cancelled */
    enum job_outcome outcome;
    int64_t retry_in_us;
    int fails_before_ok; /* RETRY so many times, then COMPLETED */
    bool progress_first;
};

struct fixture {
    struct store *s;
    struct arena *a;
    struct jobs *j;
    struct told told;
    struct job_kind kind;
    struct jobs_options opt;
};

static void ok(enum err_code rc, const struct err *e)
{
    if (rc != ERR_NONE)
        fail_msg("%s: %s", err_name(rc), e->msg);
}

/* Poll a condition that other threads bring about. */
#define WAIT_FOR(cond)                                                         \
    do {                                                                       \
        int64_t end_ = clock_mono_us() + PATIENCE_US;                          \
        while (!(cond)) {                                                      \
            if (clock_mono_us() > end_)                                        \
                fail_msg("waited in vain for %s", #cond);                      \
            usleep(500);                                                       \
        }                                                                      \
    } while (0)

static bool let_go(void *ctx)
{
    return !atomic_load(&((struct told *)ctx)->hold);
}

static struct job_end run(struct job_run *r, struct err *e)
{
    struct told *t = r->ctx;
    int n = atomic_fetch_add(&t->running, 1) + 1, runs;

    if (n > atomic_load(&t->most_running))
        atomic_store(&t->most_running, n);
    runs = atomic_fetch_add(&t->runs, 1) + 1;
    if (t->progress_first) {
        struct err why = {0};

        assert_int_equal(store_job_progress(r->store, r->lease, 50,
                                            SLICE("{\"step\":1}"), SLICE("{}"),
                                            clock_now_us(), &why),
                         ERR_NONE);
    }
    while (atomic_load(&t->hold) && !job_run_cancelled(r))
        job_run_wait_for(r, clock_now_us() + PATIENCE_US, let_go, t);
    atomic_fetch_sub(&t->running, 1);
    if (job_run_cancelled(r)) {
        err_set(e, ERR_CANCELLED, "cancelled");
        return (struct job_end){.outcome = JOB_RUN_RETRY};
    }
    if (runs <= t->fails_before_ok) {
        err_set(e, ERR_UNAVAILABLE, "not yet");
        return (struct job_end){
            .outcome = JOB_RUN_RETRY,
            .retry_at = t->retry_in_us ? clock_now_us() + t->retry_in_us : 0};
    }
    if (t->outcome == JOB_RUN_FAILED)
        err_set(e, ERR_INVALID, "told to fail");
    return (struct job_end){.outcome = t->outcome};
}

static void failed(struct job_run *r, const struct err *why)
{
    struct told *t = r->ctx;
    struct err e = {0};

    atomic_fetch_add(&t->failed_called, 1);
    ok(store_job_finish(r->store, r->lease, JOB_FAILED,
                        SLICE("{\"by\":\"hook\"}"), slice_of(why->msg),
                        clock_now_us(), &e),
       &e);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct store_options so = {.database_url = "sqlite::memory:"};
    struct err e = {0};

    log_setup(LOG_OFF, false);
    ok(store_open(&f->s, &so, &e), &e);
    f->a = arena_new(16u << 20);
    f->told.outcome = JOB_RUN_COMPLETED;
    f->kind = (struct job_kind){.name = "work", .run = run, .ctx = &f->told};
    f->opt = (struct jobs_options){
        .workers = 2, .lease_ms = 30000, .backoff_ms = 20};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    jobs_free(f->j);
    store_close(f->s);
    arena_free(f->a);
    test_free(f);
    return 0;
}

static void start(struct fixture *f)
{
    struct err e = {0};

    f->j = jobs_new(f->s, &f->opt);
    jobs_register(f->j, &f->kind);
    ok(jobs_start(f->j, &e), &e);
}

static struct slice add(struct fixture *f, int max_attempts)
{
    struct job_new spec = {.kind = "work",
                           .id_prefix = "work",
                           .input = SLICE("{}"),
                           .max_attempts = max_attempts,
                           .now_us = clock_now_us()};
    struct job job;
    struct err e = {0};
    bool existing;

    spec.run_at = spec.now_us;
    ok(store_job_create(f->s, f->a, &spec, &job, &existing, &e), &e);
    if (f->j)
        jobs_wake(f->j);
    return job.id;
}

static struct job get(struct fixture *f, struct slice id)
{
    struct job job;
    struct err e = {0};

    ok(store_job_get(f->s, f->a, id, &job, &e), &e);
    return job;
}

/* ---- tests ---- */

static void test_completes(void **state)
{
    struct fixture *f = *state;
    struct slice id;

    start(f);
    id = add(f, 3);
    WAIT_FOR(get(f, id).state == JOB_COMPLETED);
    assert_int_equal(atomic_load(&f->told.runs), 1);
    assert_true(get(f, id).progress == 100.0);
}

static void test_200_jobs_once_each(void **state)
{
    struct fixture *f = *state;
    int64_t counts[JOB_N_STATES];
    struct err e = {0};

    f->opt.workers = 4;
    start(f);
    for (int i = 0; i < 200; i++)
        add(f, 3);
    WAIT_FOR(store_jobs_counts(f->s, counts, &e) == ERR_NONE &&
             counts[JOB_COMPLETED] == 200);
    assert_int_equal(atomic_load(&f->told.runs), 200);
}

static void test_waits_without_a_wake(void **state)
{
    struct fixture *f = *state;
    struct job_new spec = {.kind = "work",
                           .id_prefix = "later",
                           .input = SLICE("{}"),
                           .max_attempts = 1,
                           .now_us = clock_now_us()};
    struct job job;
    struct err e = {0};
    bool existing;

    /* Due in 0.2 s, known before the workers fall asleep. */
    spec.run_at = spec.now_us + US_PER_S / 5;
    ok(store_job_create(f->s, f->a, &spec, &job, &existing, &e), &e);
    start(f);
    WAIT_FOR(get(f, job.id).state == JOB_COMPLETED);
    assert_true(clock_now_us() >= spec.run_at);
    assert_true(clock_now_us() < spec.run_at + 5 * US_PER_S);
}

static void test_retries_with_backoff(void **state)
{
    struct fixture *f = *state;
    struct slice id;
    int64_t began = clock_mono_us();

    /* idle workers hold a timer that is much too late */
    f->opt.workers = 4;
    f->told.fails_before_ok = 2;
    start(f);
    id = add(f, 5);
    WAIT_FOR(get(f, id).state == JOB_COMPLETED);
    assert_int_equal(atomic_load(&f->told.runs), 3);
    /* 20 ms and 40 ms, each 20 % shorter at the most */
    assert_true(clock_mono_us() - began >= 48 * US_PER_MS);
    assert_true(clock_mono_us() - began < 5 * US_PER_S);
}

static void test_attempts_are_used_up(void **state)
{
    struct fixture *f = *state;
    struct slice id;

    f->told.fails_before_ok = 100;
    start(f);
    id = add(f, 3);
    WAIT_FOR(get(f, id).state == JOB_FAILED);
    assert_int_equal(atomic_load(&f->told.runs), 3);
    assert_true(slice_is(get(f, id).error, "not yet"));
}

static void test_progress_starts_attempts_anew(void **state)
{
    struct fixture *f = *state;
    struct slice id;

    f->told.fails_before_ok = 6;
    f->told.progress_first = true;
    start(f);
    id = add(f, 2);
    WAIT_FOR(get(f, id).state == JOB_COMPLETED);
    assert_int_equal(atomic_load(&f->told.runs), 7);
    assert_true(slice_is(get(f, id).checkpoint, "{\"step\":1}"));
}

static void test_failed_hook_writes_the_end(void **state)
{
    struct fixture *f = *state;
    struct slice id;

    f->told.outcome = JOB_RUN_FAILED;
    f->kind.failed = failed;
    start(f);
    id = add(f, 3);
    WAIT_FOR(get(f, id).state == JOB_FAILED);
    assert_int_equal(atomic_load(&f->told.failed_called), 1);
    assert_int_equal(atomic_load(&f->told.runs), 1);
    assert_true(slice_is(get(f, id).result, "{\"by\":\"hook\"}"));
    assert_true(slice_is(get(f, id).error, "told to fail"));
}

static void test_cancel_within_a_second(void **state)
{
    struct fixture *f = *state;
    struct slice id;
    struct err e = {0};
    int64_t began;

    f->told.hold = true;
    start(f);
    id = add(f, 3);
    WAIT_FOR(atomic_load(&f->told.running) == 1);
    began = clock_mono_us();
    ok(store_job_cancel(f->s, id, clock_now_us(), &e), &e);
    jobs_wake(f->j);
    WAIT_FOR(get(f, id).state == JOB_CANCELLED);
    assert_true(clock_mono_us() - began < US_PER_S / 2);
}

/* As another process would ask: nobody wakes us. */
static void test_cancel_from_elsewhere(void **state)
{
    struct fixture *f = *state;
    struct slice id;
    struct err e = {0};
    int64_t began;

    f->told.hold = true;
    start(f);
    id = add(f, 3);
    WAIT_FOR(atomic_load(&f->told.running) == 1);
    began = clock_mono_us();
    ok(store_job_cancel(f->s, id, clock_now_us(), &e), &e);
    WAIT_FOR(get(f, id).state == JOB_CANCELLED);
    assert_true(clock_mono_us() - began < US_PER_S);
}

static void test_stop_gives_the_lease_back(void **state)
{
    struct fixture *f = *state;
    struct slice id;
    struct job job;

    f->told.hold = true;
    start(f);
    id = add(f, 3);
    WAIT_FOR(atomic_load(&f->told.running) == 1);
    jobs_stop(f->j, 5000);
    job = get(f, id);
    assert_int_equal(job.state, JOB_QUEUED);
    assert_int_equal(job.attempts, 0); /* it was no fault of the job */
    assert_true(job.run_at <= clock_now_us());
    jobs_free(f->j);

    /* and the next engine does it */
    f->told.hold = false;
    start(f);
    WAIT_FOR(get(f, id).state == JOB_COMPLETED);
}

static void test_stop_without_work_is_quick(void **state)
{
    struct fixture *f = *state;
    int64_t began;

    start(f);
    began = clock_mono_us();
    jobs_stop(f->j, 5000);
    assert_true(clock_mono_us() - began < US_PER_S);
}

/* A worker whose lease was taken by another must notice and write nothing. */
static void test_lost_lease(void **state)
{
    struct fixture *f = *state;
    static const char *const kinds[] = {"work", NULL};
    struct job_lease other;
    struct job job;
    struct err e = {0};
    struct slice id;
    int64_t next;

    f->opt.lease_ms = 600; /* heartbeats every 200 ms */
    f->told.hold = true;
    start(f);
    id = add(f, 5);
    WAIT_FOR(atomic_load(&f->told.running) == 1);
    /* Another process, whose clock is an hour ahead, sees it expired. */
    ok(store_job_claim(f->s, f->a, kinds, "other",
                       clock_now_us() + 3600 * US_PER_S, 60 * US_PER_S, &job,
                       &other, &next, &e),
       &e);
    WAIT_FOR(atomic_load(&f->told.running) == 0);
    job = get(f, id);
    assert_int_equal(job.state, JOB_RUNNING); /* the other's */
    ok(store_job_finish(f->s, &other, JOB_COMPLETED,
                        SLICE("{\"by\":\"other\"}"), SLICE_NONE, clock_now_us(),
                        &e),
       &e);
    assert_true(slice_is(get(f, id).result, "{\"by\":\"other\"}"));
    assert_int_equal(atomic_load(&f->told.runs), 1);
}

/* A lease of 0.3 s holds for a run of 1 s: the keeper prolongs it. */
static void test_heartbeat_keeps_the_lease(void **state)
{
    struct fixture *f = *state;
    struct slice id;
    int64_t until;

    f->opt.lease_ms = 300;
    f->told.hold = true;
    start(f);
    id = add(f, 5);
    WAIT_FOR(atomic_load(&f->told.running) == 1);
    until = clock_mono_us() + US_PER_S;
    while (clock_mono_us() < until) {
        assert_int_equal(atomic_load(&f->told.runs), 1);
        usleep(20000);
    }
    atomic_store(&f->told.hold, false);
    jobs_nudge(f->j);
    WAIT_FOR(get(f, id).state == JOB_COMPLETED);
    assert_int_equal(atomic_load(&f->told.runs), 1);
}

/* What a process that died left behind is taken up at the next start. */
static void test_recovers_after_a_crash(void **state)
{
    struct fixture *f = *state;
    static const char *const kinds[] = {"work", NULL};
    struct job_lease dead;
    struct job job;
    struct err e = {0};
    struct slice id = add(f, 5);
    int64_t next;

    ok(store_job_claim(f->s, f->a, kinds, "dead", clock_now_us(),
                       3600 * US_PER_S, &job, &dead, &next, &e),
       &e);
    start(f);
    WAIT_FOR(get(f, id).state == JOB_COMPLETED);
    /* the dead one's late write is refused */
    assert_int_equal(store_job_progress(f->s, &dead, 1, SLICE("{}"),
                                        SLICE("{}"), clock_now_us(), &e),
                     ERR_CONFLICT);
}

static void test_max_running(void **state)
{
    struct fixture *f = *state;
    int64_t counts[JOB_N_STATES];
    struct err e = {0};

    f->opt.workers = 4;
    f->kind.max_running = 1;
    start(f);
    for (int i = 0; i < 30; i++)
        add(f, 3);
    WAIT_FOR(store_jobs_counts(f->s, counts, &e) == ERR_NONE &&
             counts[JOB_COMPLETED] == 30);
    assert_int_equal(atomic_load(&f->told.most_running), 1);
}

/* A job that brought the process down as often as it may is not run again: its
 * kind ends it, as it ends what failed. */
static void test_poison_is_ended_by_its_kind(void **state)
{
    struct fixture *f = *state;
    const char *const kinds[] = {"work", NULL};
    struct slice id = add(f, 1);
    struct job_lease lease;
    struct job job;
    struct err e = {0};
    int64_t next;

    ok(store_job_claim(f->s, f->a, kinds, "a dead process", clock_now_us(), 1,
                       &job, &lease, &next, &e),
       &e);
    f->kind.failed = failed;
    start(f);
    WAIT_FOR(get(f, id).state == JOB_FAILED);
    assert_int_equal(atomic_load(&f->told.failed_called), 1);
    assert_int_equal(atomic_load(&f->told.runs), 0);
}

/* While one kind is at its limit the others go on. */
static void test_limit_does_not_block_others(void **state)
{
    struct fixture *f = *state;
    struct told other = {.outcome = JOB_RUN_COMPLETED};
    struct job_kind kind = {.name = "other", .run = run, .ctx = &other};
    struct job_new spec = {.kind = "other",
                           .id_prefix = "other",
                           .input = SLICE("{}"),
                           .max_attempts = 1,
                           .now_us = clock_now_us()};
    struct job job;
    struct err e = {0};
    bool existing;

    f->kind.max_running = 1;
    f->told.hold = true;
    f->j = jobs_new(f->s, &f->opt);
    jobs_register(f->j, &f->kind);
    jobs_register(f->j, &kind);
    ok(jobs_start(f->j, &e), &e);
    add(f, 1);
    add(f, 1);
    WAIT_FOR(atomic_load(&f->told.running) == 1);
    spec.run_at = spec.now_us;
    ok(store_job_create(f->s, f->a, &spec, &job, &existing, &e), &e);
    jobs_wake(f->j);
    WAIT_FOR(get(f, job.id).state == JOB_COMPLETED);
    assert_int_equal(atomic_load(&f->told.running), 1);
    atomic_store(&f->told.hold, false);
    jobs_nudge(f->j);
    jobs_stop(f->j, 10000); /* it still looks at `kind` */
}

/* A store that fails a call must not lose or double a job. */
static void test_store_faults(void **state)
{
    struct fixture *f = *state;

    f->opt.lease_ms = 500;
    start(f);
    for (int n = 1; n <= 8; n++) {
        int before = atomic_load(&f->told.runs);
        struct slice id = add(f, 5);

        store_fault_after(f->s, n, ERR_UNAVAILABLE);
        jobs_wake(f->j);
        for (int64_t end = clock_mono_us() + PATIENCE_US;;) {
            struct job job = {0};
            struct err e = {0};

            if (store_job_get(f->s, f->a, id, &job, &e) == ERR_NONE &&
                job.state == JOB_COMPLETED)
                break;
            assert_true(clock_mono_us() < end);
            usleep(2000);
        }
        store_fault_after(f->s, 0, ERR_NONE);
        assert_int_equal(atomic_load(&f->told.runs), before + 1);
    }
}

struct ticks {
    atomic_int n;
};

static void tick(void *ctx, int64_t now_us)
{
    struct ticks *t = ctx;

    assert_true(now_us > 0);
    atomic_fetch_add(&t->n, 1);
}

static void test_tick(void **state)
{
    struct fixture *f = *state;
    struct ticks t = {0};

    f->opt.tick = tick;
    f->opt.tick_ctx = &t;
    f->opt.tick_ms = 20;
    start(f);
    WAIT_FOR(atomic_load(&t.n) >= 3);
    jobs_free(f->j);
    f->j = NULL;
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(job_status_word(SLICE("scrape"), JOB_QUEUED),
                        "running");
    assert_string_equal(job_status_word(SLICE("text"), JOB_QUEUED), "pending");
    assert_string_equal(job_status_word(SLICE("text"), JOB_RUNNING),
                        "processing");
    assert_string_equal(job_status_word(SLICE("scrape"), JOB_FAILED), "failed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_completes),
        TEST(test_200_jobs_once_each),
        TEST(test_waits_without_a_wake),
        TEST(test_retries_with_backoff),
        TEST(test_attempts_are_used_up),
        TEST(test_progress_starts_attempts_anew),
        TEST(test_failed_hook_writes_the_end),
        TEST(test_cancel_within_a_second),
        TEST(test_cancel_from_elsewhere),
        TEST(test_stop_gives_the_lease_back),
        TEST(test_stop_without_work_is_quick),
        TEST(test_lost_lease),
        TEST(test_heartbeat_keeps_the_lease),
        TEST(test_recovers_after_a_crash),
        TEST(test_max_running),
        TEST(test_poison_is_ended_by_its_kind),
        TEST(test_limit_does_not_block_others),
        TEST(test_store_faults),
        TEST(test_tick),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
