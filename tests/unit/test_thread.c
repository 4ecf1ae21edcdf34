/* test_thread.c - what a thread that we start has: a name, and no signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <signal.h>
#include <string.h>

#include <cmocka.h>

#include "base/thread.h"

struct seen {
    pthread_mutex_t go; /* it lives until this is free */
    char name[16];
    sigset_t blocked;
};

static void *look(void *arg)
{
    struct seen *s = arg;

    pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
    pthread_mutex_lock(&s->go);
    pthread_mutex_unlock(&s->go);
    return NULL;
}

/* The name is given from outside: it is there when thread_start() is over. */
static void name_and_mask(void **state)
{
    sigset_t before, after;
    struct seen seen = {.go = PTHREAD_MUTEX_INITIALIZER};
    pthread_t t;

    (void)state;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    pthread_mutex_lock(&seen.go);
    assert_true(thread_start(&t, "longer than fifteen", look, &seen));
    assert_int_equal(pthread_getname_np(t, seen.name, sizeof(seen.name)), 0);
    assert_string_equal(seen.name, "longer than fif");
    pthread_mutex_unlock(&seen.go);
    pthread_join(t, NULL);
    assert_true(sigismember(&seen.blocked, SIGTERM));
    assert_true(sigismember(&seen.blocked, SIGINT));
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGTERM),
                     sigismember(&before, SIGTERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_and_mask),
    };

    return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
