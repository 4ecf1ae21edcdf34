/* test_wheel.c - deadlines fire once, in time, however far away they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/wheel.h"

#define TICK 100

struct timer {
    struct wheel_entry entry; /* first, so that the two convert */
    int64_t fired_ms;         /* -1: not yet */
    struct timer *cancels;    /* when it fires */
};

static int64_t now;
static struct wheel wheel;

static void fire(struct wheel_entry *e, void *ctx)
{
    struct timer *t = (struct timer *)e;

    assert_ptr_equal(ctx, &wheel);
    assert_int_equal(t->fired_ms, -1);
    t->fired_ms = now;
    if (t->cancels)
        wheel_cancel(&wheel, &t->cancels->entry);
}

static void run_until(int64_t end)
{
    for (; now <= end; now += TICK)
        wheel_turn(&wheel, now, fire, &wheel);
}

static void test_in_time(void **state)
{
    static const int64_t at[] = {0,     1,     99,    100,   101,   5000,
                                 25500, 25600, 25700, 75000, 600000};
    struct timer t[sizeof(at) / sizeof(at[0])] = {0};
    size_t i;

    (void)state;
    now = 1000000;
    wheel_init(&wheel, TICK, now);
    for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        t[i].fired_ms = -1;
        wheel_set(&wheel, &t[i].entry, 1000000 + at[i]);
    }
    run_until(1000000 + 700000);
    assert_int_equal(wheel.n, 0);
    for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        assert_in_range(t[i].fired_ms, 1000000 + at[i],
                        1000000 + at[i] + 2 * TICK);
}

static void test_moved_and_cancelled(void **state)
{
    struct timer a = {.fired_ms = -1}, b = {.fired_ms = -1};

    (void)state;
    now = 0;
    wheel_init(&wheel, TICK, now);
    wheel_set(&wheel, &a.entry, 500);
    wheel_set(&wheel, &a.entry, 3000); /* later */
    wheel_set(&wheel, &b.entry, 3000);
    run_until(1000);
    wheel_cancel(&wheel, &b.entry);
    wheel_cancel(&wheel, &b.entry); /* twice is fine */
    assert_int_equal(wheel.n, 1);
    run_until(5000);
    assert_in_range(a.fired_ms, 3000, 3200);
    assert_int_equal(b.fired_ms, -1);
}

/* One that fires may cancel another that is due in the same turn. */
static void test_cancel_while_firing(void **state)
{
    struct timer a = {.fired_ms = -1}, b = {.fired_ms = -1};

    (void)state;
    now = 0;
    wheel_init(&wheel, TICK, now);
    a.cancels = &b;
    b.cancels = &a;
    wheel_set(&wheel, &a.entry, 250);
    wheel_set(&wheel, &b.entry, 250);
    run_until(1000);
    assert_true((a.fired_ms == -1) != (b.fired_ms == -1));
    assert_int_equal(wheel.n, 0);
}

static void test_after_a_long_sleep(void **state)
{
    struct timer a = {.fired_ms = -1};

    (void)state;
    now = 0;
    wheel_init(&wheel, TICK, now);
    wheel_set(&wheel, &a.entry, 200);
    now = 10000000;
    wheel_turn(&wheel, now, fire, &wheel);
    assert_int_equal(a.fired_ms, now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_time),
        cmocka_unit_test(test_moved_and_cancelled),
        cmocka_unit_test(test_cancel_while_firing),
        cmocka_unit_test(test_after_a_long_sleep),
    };

    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
