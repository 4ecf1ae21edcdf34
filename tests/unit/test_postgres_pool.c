/* test_postgres_pool.c - who gets which connection when, without a server:
 * connecting is ours here. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/postgres_lib.h"
#include "store/postgres_pool.h"

struct pg_conn {
    int number;
};

static struct pg_conn conns[4];
static int n_conns;
static int room = 4;             /* connections that the server grants */
static struct pg_pool *busy;     /* one comes back into it ... */
static struct pg_conn *returned; /* ... while the next attempt is made */

__typeof__(pg_open) __wrap_pg_open;
__typeof__(pg_close) __wrap_pg_close;
__typeof__(pg_alive) __wrap_pg_alive;
__typeof__(pg_reset) __wrap_pg_reset;
__typeof__(pg_was_silent) __wrap_pg_was_silent;
__typeof__(pg_is_retired) __wrap_pg_is_retired;
__typeof__(pthread_cond_timedwait) __wrap_pthread_cond_timedwait;

enum err_code __wrap_pg_open(struct pg_conn **out, const struct pg_target *to,
                             struct err *e)
{
    (void)to;
    if (busy) {
        struct pg_pool *p = busy;

        busy = NULL;
        pg_pool_give(p, returned);
    }
    if (n_conns == room)
        return err_set(e, ERR_UNAVAILABLE, "too many connections");
    *out = &conns[n_conns++];
    return ERR_NONE;
}

void __wrap_pg_close(struct pg_conn *c)
{
    (void)c;
}

bool __wrap_pg_alive(struct pg_conn *c)
{
    (void)c;
    return true;
}

void __wrap_pg_reset(struct pg_conn *c)
{
    (void)c;
}

bool __wrap_pg_was_silent(const struct pg_conn *c)
{
    (void)c;
    return false;
}

bool __wrap_pg_is_retired(const struct pg_conn *c)
{
    (void)c;
    return false;
}

/* Nobody is here who could wake a sleeper. */
int __wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
                                  const struct timespec *until)
{
    (void)c;
    (void)m;
    (void)until;
    fail_msg("sleeps though a connection is idle");
    return 0;
}

static struct pg_pool *make(void)
{
    struct pg_pool *p = NULL;
    struct err e = {0};

    n_conns = 0;
    assert_int_equal(postgres_lib_load(&e), ERR_NONE);
    assert_int_equal(pg_pool_new(&p, "postgresql://localhost/", 4, 1000, &e),
                     ERR_NONE);
    return p;
}

static void goes_round(void **state)
{
    struct pg_pool *p = make();
    struct pg_conn *a, *b;
    struct err e = {0};

    (void)state;
    room = 4;
    assert_int_equal(pg_pool_take(p, &a, &e), ERR_NONE);
    assert_int_equal(pg_pool_take(p, &b, &e), ERR_NONE);
    assert_ptr_not_equal(a, b);
    pg_pool_give(p, a);
    pg_pool_give(p, b);
    assert_int_equal(pg_pool_take(p, &a, &e), ERR_NONE);
    assert_ptr_equal(a, b); /* the last given is the first taken */
    pg_pool_give(p, a);
    pg_pool_free(p);
}

static void returned_while_another_is_refused(void **state)
{
    struct pg_pool *p = make();
    struct pg_conn *c;
    struct err e = {0};

    (void)state;
    room = 1;
    assert_int_equal(pg_pool_take(p, &returned, &e), ERR_NONE);
    busy = p;
    assert_int_equal(pg_pool_take(p, &c, &e), ERR_NONE);
    assert_ptr_equal(c, returned);
    pg_pool_give(p, c);
    pg_pool_free(p);
}

static void refused_when_there_is_none(void **state)
{
    struct pg_pool *p = make();
    struct pg_conn *c;
    struct err e = {0};

    (void)state;
    room = 0;
    for (int i = 0; i < 2; i++) { /* also while it is not tried again */
        assert_int_equal(pg_pool_take(p, &c, &e), ERR_UNAVAILABLE);
        assert_string_equal(e.msg, "too many connections");
    }
    pg_pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_round),
        cmocka_unit_test(returned_while_another_is_refused),
        cmocka_unit_test(refused_when_there_is_none),
    };

    return cmocka_run_group_tests_name("postgres_pool", tests, NULL, NULL);
}
