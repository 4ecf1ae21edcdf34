/* test_limiter.c - one request at a time and a pause after each, over threads,
 * restarts and failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "scraper/limiter.h"
#include "store/store.h"

#define INTERVAL_MS 40
#define PATIENCE_US (20 * US_PER_S)
#define MAX_SPANS 64
#define HOLD_US (6 * US_PER_S) /* as in limiter.c */

/* Each run of the kind asks once. */
struct asked {
    struct limiter limiter;
    enum limiter_outcome outcome;
    int64_t retry_after_s;
    int64_t begin[MAX_SPANS], end[MAX_SPANS];
    atomic_int n, inside, most_inside, refused;
    _Atomic int64_t refused_until;
};

/* Another process gets at the state between our call and our turn. */
static struct {
    atomic_bool armed;
    int64_t busy_until, found; /* before and after our turn */
} overtaken;

static bool overwrite(struct limiter_state *st, void *ctx)
{
    *st = *(struct limiter_state *)ctx;
    return true;
}

enum err_code
__real_store_limiter_update(struct store *s, const char *name,
                            bool (*change)(struct limiter_state *st, void *ctx),
                            void *ctx, struct limiter_state *after,
                            struct err *e);
enum err_code
__wrap_store_limiter_update(struct store *s, const char *name,
                            bool (*change)(struct limiter_state *st, void *ctx),
                            void *ctx, struct limiter_state *after,
                            struct err *e);

enum err_code
__wrap_store_limiter_update(struct store *s, const char *name,
                            bool (*change)(struct limiter_state *st, void *ctx),
                            void *ctx, struct limiter_state *after,
                            struct err *e)
{
    bool now = atomic_exchange(&overtaken.armed, false);
    struct limiter_state theirs = {.busy_until = clock_now_us() + HOLD_US},
                         ignored;
    enum err_code rc;

    if (now && __real_store_limiter_update(s, name, overwrite, &theirs,
                                           &ignored, e) != ERR_NONE)
        return e->code;
    rc = __real_store_limiter_update(s, name, change, ctx, after, e);
    if (now && rc == ERR_NONE) {
        overtaken.busy_until = theirs.busy_until;
        overtaken.found = after->busy_until;
        theirs.busy_until = 0; /* they leave */
        rc = __real_store_limiter_update(s, name, overwrite, &theirs, &ignored,
                                         e);
    }
    return rc;
}

struct fixture {
    struct store *s;
    struct arena *a;
    struct jobs *j;
    struct asked asked;
    struct job_kind kind;
};

static void ok(enum err_code rc, const struct err *e)
{
    if (rc != ERR_NONE)
        fail_msg("%s: %s", err_name(rc), e->msg);
}

static struct job_end run(struct job_run *r, struct err *e)
{
    struct asked *x = r->ctx;
    int64_t retry_at;
    enum err_code rc = limiter_enter(&x->limiter, r, &retry_at, e);
    int i, inside;

    if (rc == ERR_LIMIT) {
        atomic_store(&x->refused_until, retry_at);
        atomic_fetch_add(&x->refused, 1);
        return (struct job_end){.outcome = JOB_RUN_FAILED};
    }
    if (rc != ERR_NONE)
        return (struct job_end){.outcome = JOB_RUN_RETRY};
    i = atomic_fetch_add(&x->n, 1);
    x->begin[i] = clock_now_us();
    inside = atomic_fetch_add(&x->inside, 1) + 1;
    if (inside > atomic_load(&x->most_inside))
        atomic_store(&x->most_inside, inside);
    limiter_hold(&x->limiter);
    job_run_wait(r, clock_now_us() + 2 * US_PER_MS); /* the exchange */
    atomic_fetch_sub(&x->inside, 1);
    x->end[i] = clock_now_us();
    limiter_leave(&x->limiter, r, x->outcome, x->retry_after_s);
    return (struct job_end){.outcome = JOB_RUN_COMPLETED};
}

static void start(struct fixture *f)
{
    struct jobs_options opt = {
        .workers = 4, .lease_ms = 30000, .backoff_ms = 10};
    struct err e = {0};

    f->kind = (struct job_kind){.name = "ask", .run = run, .ctx = &f->asked};
    f->j = jobs_new(f->s, &opt);
    jobs_register(f->j, &f->kind);
    ok(jobs_start(f->j, &e), &e);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct store_options so = {.database_url = "sqlite::memory:"};
    struct err e = {0};

    log_setup(LOG_OFF, false);
    ok(store_open(&f->s, &so, &e), &e);
    f->a = arena_new(16u << 20);
    limiter_init(&f->asked.limiter, f->s, "test", INTERVAL_MS);
    f->asked.retry_after_s = -1;
    start(f);
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

static void ask(struct fixture *f, int times)
{
    for (int i = 0; i < times; i++) {
        struct job_new spec = {.kind = "ask",
                               .id_prefix = "ask",
                               .input = SLICE("{}"),
                               .max_attempts = 3,
                               .now_us = clock_now_us()};
        struct job job;
        struct err e = {0};
        bool existing;

        spec.run_at = spec.now_us;
        ok(store_job_create(f->s, f->a, &spec, &job, &existing, &e), &e);
        jobs_wake(f->j);
    }
}

static void wait_ended(struct fixture *f, int64_t n)
{
    int64_t end = clock_mono_us() + PATIENCE_US, counts[JOB_N_STATES];
    struct err e = {0};

    for (;;) {
        ok(store_jobs_counts(f->s, counts, &e), &e);
        if (counts[JOB_COMPLETED] + counts[JOB_FAILED] == n)
            return;
        assert_true(clock_mono_us() < end);
        usleep(500);
    }
}

static bool read_only(struct limiter_state *st, void *ctx)
{
    *(struct limiter_state *)ctx = *st;
    return false;
}

static struct limiter_state state_of(struct fixture *f)
{
    struct limiter_state st, after;
    struct err e = {0};

    ok(store_limiter_update(f->s, "test", read_only, &st, &after, &e), &e);
    return st;
}

static void set_state(struct fixture *f, struct limiter_state st)
{
    struct limiter_state after;
    struct err e = {0};

    ok(store_limiter_update(f->s, "test", overwrite, &st, &after, &e), &e);
}

static void test_one_at_a_time_with_pauses(void **state)
{
    struct fixture *f = *state;
    struct asked *x = &f->asked;

    ask(f, 8);
    wait_ended(f, 8);
    assert_int_equal(atomic_load(&x->n), 8);
    assert_int_equal(atomic_load(&x->most_inside), 1);
    for (int i = 1; i < 8; i++)
        assert_true(x->begin[i] - x->end[i - 1] >= INTERVAL_MS * US_PER_MS);
    assert_int_equal(state_of(f).busy_until, 0);
}

static void test_pause_survives_a_restart(void **state)
{
    struct fixture *f = *state;

    ask(f, 1);
    wait_ended(f, 1);
    jobs_free(f->j);
    /* another process: only the store knows of the first request */
    limiter_init(&f->asked.limiter, f->s, "test", INTERVAL_MS);
    start(f);
    ask(f, 1);
    wait_ended(f, 2);
    assert_true(f->asked.begin[1] - f->asked.end[0] >= INTERVAL_MS * US_PER_MS);
}

static void test_other_process_is_waited_for(void **state)
{
    struct fixture *f = *state;
    int64_t until = clock_now_us() + US_PER_S / 5;

    set_state(f, (struct limiter_state){.busy_until = until});
    ask(f, 1);
    wait_ended(f, 1);
    assert_true(f->asked.begin[0] >= until);
}

static void test_other_process_came_first(void **state)
{
    struct fixture *f = *state;

    atomic_store(&overtaken.armed, true);
    ask(f, 1);
    wait_ended(f, 1);
    assert_false(atomic_load(&overtaken.armed));
    assert_int_equal(overtaken.found, overtaken.busy_until);
    assert_int_equal(atomic_load(&f->asked.n), 1);
}

static void test_breaker(void **state)
{
    struct fixture *f = *state;
    int64_t open;

    f->asked.outcome = LIMITER_FAILED;
    ask(f, LIMITER_TRIP - 1);
    wait_ended(f, LIMITER_TRIP - 1);
    assert_int_equal(state_of(f).open_until, 0);
    ask(f, 1);
    wait_ended(f, LIMITER_TRIP);
    open = state_of(f).open_until - clock_now_us();
    assert_true(open > 290 * US_PER_S && open <= 300 * US_PER_S);

    /* nobody gets in, and nobody waits for it on a worker */
    ask(f, 1);
    wait_ended(f, LIMITER_TRIP + 1);
    assert_int_equal(atomic_load(&f->asked.n), LIMITER_TRIP);
    assert_int_equal(atomic_load(&f->asked.refused), 1);
    assert_true(atomic_load(&f->asked.refused_until) == state_of(f).open_until);

    /* half-open later: another failure doubles it, a success closes it */
    set_state(f, (struct limiter_state){.failures = LIMITER_TRIP});
    ask(f, 1);
    wait_ended(f, LIMITER_TRIP + 2);
    open = state_of(f).open_until - clock_now_us();
    assert_true(open > 590 * US_PER_S && open <= 600 * US_PER_S);
    set_state(f, (struct limiter_state){.failures = 40});
    ask(f, 1);
    wait_ended(f, LIMITER_TRIP + 3);
    open = state_of(f).open_until - clock_now_us();
    assert_true(open > 3590 * US_PER_S && open <= 3600 * US_PER_S);
    set_state(f, (struct limiter_state){.failures = 6});
    f->asked.outcome = LIMITER_ANSWERED;
    ask(f, 1);
    wait_ended(f, LIMITER_TRIP + 4);
    assert_int_equal(state_of(f).failures, 0);
    assert_int_equal(state_of(f).open_until, 0);
}

static void test_unknown_counts_for_nothing(void **state)
{
    struct fixture *f = *state;

    set_state(f, (struct limiter_state){.failures = 3});
    f->asked.outcome = LIMITER_UNKNOWN;
    ask(f, 1);
    wait_ended(f, 1);
    assert_int_equal(state_of(f).failures, 3);
}

static void test_retry_after_holds_for_all(void **state)
{
    struct fixture *f = *state;

    f->asked.outcome = LIMITER_FAILED;
    f->asked.retry_after_s = 120;
    ask(f, 1);
    wait_ended(f, 1);
    assert_true(state_of(f).next_at > clock_now_us() + 110 * US_PER_S);
    ask(f, 1);
    wait_ended(f, 2);
    assert_int_equal(atomic_load(&f->asked.n), 1);
    assert_int_equal(atomic_load(&f->asked.refused), 1);
}

/* A state from a clock that was far ahead must not stop us for ever. */
static void test_nonsense_from_the_future(void **state)
{
    struct fixture *f = *state;
    int64_t far = clock_now_us() + 400 * US_PER_DAY;

    set_state(f, (struct limiter_state){
                     .next_at = far, .busy_until = far, .open_until = far});
    ask(f, 1);
    wait_ended(f, 1);
    assert_int_equal(atomic_load(&f->asked.n), 1);
}

/* While it waits for its turn a job can be cancelled, and the turn is free. */
static void test_stop_while_waiting(void **state)
{
    struct fixture *f = *state;
    int64_t began;

    set_state(
        f, (struct limiter_state){.next_at = clock_now_us() + 10 * US_PER_S});
    ask(f, 2);
    began = clock_mono_us();
    jobs_stop(f->j, 5000);
    assert_true(clock_mono_us() - began < US_PER_S);
    assert_false(atomic_load(&f->asked.limiter.in_use));
    assert_int_equal(atomic_load(&f->asked.n), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_at_a_time_with_pauses),
        TEST(test_pause_survives_a_restart),
        TEST(test_other_process_is_waited_for),
        TEST(test_other_process_came_first),
        TEST(test_breaker),
        TEST(test_unknown_counts_for_nothing),
        TEST(test_retry_after_holds_for_all),
        TEST(test_nonsense_from_the_future),
        TEST(test_stop_while_waiting),
    };

    return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}
