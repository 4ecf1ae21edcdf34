/* test_pool.c - bounded, first come first served, and an orderly stop. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/pool.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool open_gate;
static int inside, order[100], n_done;

static void reset(void)
{
    open_gate = false;
    inside = 0;
    n_done = 0;
}

static void wait_at_gate(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    inside++;
    pthread_cond_broadcast(&changed);
    while (!open_gate)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void note(void *arg)
{
    pthread_mutex_lock(&lock);
    order[n_done++] = (int)(intptr_t)arg;
    pthread_mutex_unlock(&lock);
}

static void let_go(void)
{
    pthread_mutex_lock(&lock);
    open_gate = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void await_inside(int n)
{
    pthread_mutex_lock(&lock);
    while (inside < n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void test_bound_and_order(void **state)
{
    struct pool *p = NULL;
    struct err e;
    int i;

    (void)state;
    reset();
    assert_int_equal(pool_new(&p, "tester", 1, 3, &e), ERR_NONE);
    assert_true(pool_submit(p, wait_at_gate, NULL));
    await_inside(1);
    for (i = 0; i < 3; i++)
        assert_true(pool_submit(p, note, (void *)(intptr_t)i));
    assert_int_equal(pool_waiting(p), 3);
    assert_false(pool_submit(p, note, NULL)); /* full */
    assert_false(pool_stop(p, 20));           /* not yet */
    assert_false(pool_submit(p, note, NULL)); /* stopping */
    let_go();
    assert_true(pool_stop(p, 5000)); /* what was queued has run */
    assert_int_equal(n_done, 3);
    for (i = 0; i < 3; i++)
        assert_int_equal(order[i], i);
    pool_free(p);
    pool_free(NULL);
}

static void test_threads_run_side_by_side(void **state)
{
    struct pool *p = NULL;
    struct err e;
    int i;

    (void)state;
    reset();
    assert_int_equal(pool_new(&p, "tester", 4, 8, &e), ERR_NONE);
    for (i = 0; i < 4; i++)
        assert_true(pool_submit(p, wait_at_gate, NULL));
    await_inside(4); /* hangs unless all four run at once */
    let_go();
    pool_free(p); /* waits */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_and_order),
        cmocka_unit_test(test_threads_run_side_by_side),
    };

    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
