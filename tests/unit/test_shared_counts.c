/* test_shared_counts.c - counts that come in any order, without a Redis: what
 * it is asked is kept here, and answered by the tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analytics/shared_counts.h"

#define PAGE SLICE("/p")

/* ---- stand-ins ---- */

static bool is_up;
static struct {
    int64_t count;
    char pause[8];
    redis_answered *answered; /* NULL: nobody asks */
    void *ctx;
} asked;
static int deleted, published;
static struct server_timer *timer; /* set last; there is one page */
static int64_t timer_ms;
static int64_t told[100];
static int n_told;

bool __wrap_redis_is_up(const struct redis *r);
bool __wrap_redis_is_up(const struct redis *r)
{
    (void)r;
    return is_up;
}

void __wrap_redis_call(struct redis *r, struct slice key,
                       const struct slice *args, size_t n_args,
                       redis_answered *answered, void *ctx);
void __wrap_redis_call(struct redis *r, struct slice key,
                       const struct slice *args, size_t n_args,
                       redis_answered *answered, void *ctx)
{
    (void)r;
    assert_true(slice_starts(key, "k:sheaf:/p:"));
    if (slice_is(args[0], "DEL")) {
        deleted++;
        answered(ctx, ERR_NONE, 1);
        return;
    }
    assert_null(asked.answered); /* one question at a time */
    assert_int_equal(n_args, 8);
    assert_true(slice_to_i64(args[4], &asked.count));
    snprintf(asked.pause, sizeof(asked.pause), "%.*s", SLICE_ARG(args[7]));
    asked.answered = answered;
    asked.ctx = ctx;
}

void __wrap_redis_publish(struct redis *r, struct slice channel,
                          struct slice message);
void __wrap_redis_publish(struct redis *r, struct slice channel,
                          struct slice message)
{
    (void)r;
    (void)channel;
    (void)message;
    published++;
}

bool __wrap_sio_pack(struct sio_namespace *ns, const struct sio_message *m,
                     struct buf *channel, struct buf *message);
bool __wrap_sio_pack(struct sio_namespace *ns, const struct sio_message *m,
                     struct buf *channel, struct buf *message)
{
    (void)ns;
    buf_add_str(channel, "c");
    buf_add_slice(message, m->args);
    return true;
}

void __wrap_server_timer_set(struct server *s, struct server_timer *t,
                             int64_t in_ms);
void __wrap_server_timer_set(struct server *s, struct server_timer *t,
                             int64_t in_ms)
{
    (void)s;
    timer = t;
    timer_ms = in_ms;
}

void __wrap_server_timer_cancel(struct server *s, struct server_timer *t);
void __wrap_server_timer_cancel(struct server *s, struct server_timer *t)
{
    (void)s;
    if (timer == t)
        timer = NULL;
}

static void tell(void *ctx, struct slice page, int64_t count)
{
    (void)ctx;
    assert_true(slice_eq(page, PAGE));
    assert_true(n_told == 0 || count > told[n_told - 1]);
    told[n_told++] = count;
}

/* ---- helpers ---- */

static struct shared_counts *begin(void)
{
    struct shared_counts *c = shared_counts_new(&(struct shared_counts_options){
        .key = "k", .event = "e", .tell = tell});

    shared_counts_start(c, NULL);
    is_up = true;
    memset(&asked, 0, sizeof(asked));
    deleted = published = n_told = 0;
    timer = NULL;
    return c;
}

static void end(struct shared_counts *c)
{
    shared_counts_stop(c);
    shared_counts_free(c);
}

static void answer(enum err_code rc, int64_t number)
{
    redis_answered *answered = asked.answered;

    assert_non_null(answered);
    asked.answered = NULL;
    answered(asked.ctx, rc, number);
}

static void time_passes(int64_t ms)
{
    struct server_timer *t = timer;

    assert_non_null(t);
    assert_int_equal(timer_ms, ms);
    timer = NULL;
    t->fire(t);
}

/* ---- tests ---- */

static void test_shared_at_once_then_paced(void **state)
{
    struct shared_counts *c = begin();

    (void)state;
    shared_counts_own(c, PAGE, 1);
    assert_int_equal(n_told, 1);
    assert_int_equal(asked.count, 1);
    assert_string_equal(asked.pause, "50");
    shared_counts_own(c, PAGE, 2); /* while Redis thinks */
    answer(ERR_NONE, 1);
    shared_counts_own(c, PAGE, 3); /* in the pause */
    assert_null(asked.answered);
    assert_int_equal(n_told, 3);
    time_passes(SHARED_PAUSE_MS);
    assert_int_equal(asked.count, 3); /* the last one alone */
    answer(ERR_NONE, 1);
    time_passes(SHARED_PAUSE_MS);
    assert_null(asked.answered);
    time_passes(5000);
    assert_null(timer); /* forgotten */
    end(c);
}

static void test_never_back(void **state)
{
    struct shared_counts *c = begin();

    (void)state;
    shared_counts_other(c, PAGE, 5);
    assert_int_equal(told[0], 5);
    shared_counts_own(c, PAGE, 4); /* was committed before that */
    shared_counts_other(c, PAGE, 3);
    shared_counts_other(c, PAGE, 5);
    assert_int_equal(n_told, 1);
    assert_null(asked.answered); /* 5 was shared already */
    shared_counts_own(c, PAGE, 6);
    assert_int_equal(told[1], 6);
    assert_int_equal(asked.count, 6);
    answer(ERR_NONE, 0);
    end(c);
}

/* A snapshot knew of 7: whoever got it must not hear 6 then, and whoever did
 * not must hear of 7. */
static void test_snapshot(void **state)
{
    struct shared_counts *c = begin();

    (void)state;
    shared_counts_known(c, PAGE, 7);
    assert_int_equal(n_told, 0);
    shared_counts_other(c, PAGE, 6);
    assert_int_equal(n_told, 1);
    assert_int_equal(told[0], 7);
    shared_counts_other(c, PAGE, 7);
    assert_int_equal(n_told, 1);
    assert_null(asked.answered); /* nothing was counted here */
    end(c);
}

static void test_said_again_until_it_is_through(void **state)
{
    struct shared_counts *c = begin();

    (void)state;
    shared_counts_own(c, PAGE, 1);
    answer(ERR_NONE, -1); /* another process has just said something */
    time_passes(SHARED_PAUSE_MS);
    assert_int_equal(asked.count, 1);
    answer(ERR_UNAVAILABLE, 0); /* a node has gone */
    time_passes(SHARED_PAUSE_MS);
    assert_int_equal(asked.count, 1);
    answer(ERR_INTERNAL, 0); /* no scripts here */
    assert_int_equal(published, 1);
    time_passes(SHARED_PAUSE_MS);
    assert_null(asked.answered);
    end(c);
}

static void test_away(void **state)
{
    struct shared_counts *c = begin();

    (void)state;
    is_up = false;
    shared_counts_own(c, PAGE, 1);
    shared_counts_own(c, PAGE, 2);
    assert_int_equal(n_told, 2);
    assert_null(asked.answered);
    is_up = true;
    shared_counts_own(c, PAGE, 2); /* read from the database */
    assert_int_equal(n_told, 2);
    assert_int_equal(asked.count, 2);
    answer(ERR_NONE, 1);
    end(c);
}

static void test_erased(void **state)
{
    struct shared_counts *c = begin();

    (void)state;
    shared_counts_own(c, PAGE, 9);
    shared_counts_forget(c, PAGE);
    assert_int_equal(deleted, 1);
    n_told = 0;
    answer(ERR_NONE, 1); /* of the page that is no more */
    shared_counts_own(c, PAGE, 1);
    assert_int_equal(n_told, 1);
    assert_int_equal(asked.count, 1);
    answer(ERR_NONE, 1);
    end(c);
}

static void test_stop(void **state)
{
    struct shared_counts *c = begin();

    (void)state;
    shared_counts_own(c, PAGE, 1);
    answer(ERR_NONE, 1);
    shared_counts_own(c, PAGE, 2); /* in the pause */
    shared_counts_stop(c);
    assert_int_equal(asked.count, 2);
    assert_string_equal(asked.pause, "0");
    shared_counts_own(c, PAGE, 3);
    assert_int_equal(n_told, 2);
    answer(ERR_UNAVAILABLE, 0);
    shared_counts_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_at_once_then_paced),
        cmocka_unit_test(test_never_back),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_said_again_until_it_is_through),
        cmocka_unit_test(test_away),
        cmocka_unit_test(test_erased),
        cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
