/* test_paced.c - broadcasts at most so often, with a server that only notes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "socketio/paced.h"

bool __wrap_sio_is_heard(const struct sio_namespace *ns,
                         const struct sio_target *to);
void __wrap_sio_broadcast(struct sio_namespace *ns, const struct sio_target *to,
                          const struct sio_message *m);
void __wrap_server_timer_set(struct server *s, struct server_timer *t,
                             int64_t in_ms);
void __wrap_server_timer_cancel(struct server *s, struct server_timer *t);

static size_t clients;
static bool local;                  /* only those of this process are told */
static struct buf said;             /* "event args\n" each */
static struct server_timer *set[8]; /* in the order in which they were set */

bool __wrap_sio_is_heard(const struct sio_namespace *ns,
                         const struct sio_target *to)
{
    (void)ns;
    assert_int_equal(to->local, local);
    return clients > 0;
}

void __wrap_sio_broadcast(struct sio_namespace *ns, const struct sio_target *to,
                          const struct sio_message *m)
{
    (void)ns;
    assert_true(to->n_rooms == 0 && to->n_except == 0);
    assert_int_equal(to->local, local);
    buf_printf(&said, "%.*s %.*s\n", SLICE_ARG(m->event), SLICE_ARG(m->args));
}

void __wrap_server_timer_cancel(struct server *s, struct server_timer *t)
{
    (void)s;
    for (size_t i = 0; i < 8; i++)
        if (set[i] == t)
            set[i] = NULL;
}

void __wrap_server_timer_set(struct server *s, struct server_timer *t,
                             int64_t in_ms)
{
    assert_int_equal(in_ms, 50);
    __wrap_server_timer_cancel(s, t);
    for (size_t i = 0; i < 8; i++) {
        if (!set[i]) {
            set[i] = t;
            return;
        }
    }
    fail_msg("too many timers");
}

static void pause_over(size_t i)
{
    struct server_timer *t = set[i];

    assert_non_null(t);
    set[i] = NULL;
    t->fire(t);
}

static void says(const char *expected)
{
    assert_true(buf_ok(&said));
    assert_string_equal(said.len ? said.p : "", expected);
    buf_clear(&said);
}

static void tell(struct paced *p, const char *key, int64_t version,
                 const char *args)
{
    paced_tell(p, slice_of(key), version, slice_of(args));
}

static int setup(void **state)
{
    buf_init(&said, 10000);
    memset(set, 0, sizeof(set));
    clients = 1;
    local = false;
    *state = paced_new(NULL, "moved", 50);
    return 0;
}

static int teardown(void **state)
{
    paced_stop(*state);
    paced_free(*state);
    buf_release(&said);
    for (size_t i = 0; i < 8; i++)
        assert_null(set[i]);
    return 0;
}

static void at_once_then_the_last(void **state)
{
    tell(*state, "a", 1, "1");
    says("moved 1\n");
    tell(*state, "a", 2, "2");
    tell(*state, "a", 3, "3");
    tell(*state, "b", 1, "10");
    says("moved 10\n");
    pause_over(0);
    says("moved 3\n");
    tell(*state, "a", 4, "4");
    says("");
    pause_over(0);
    says("moved 4\n");
}

static void cools_down(void **state)
{
    tell(*state, "a", 1, "1");
    pause_over(0);
    assert_null(set[0]);
    tell(*state, "a", 2, "2");
    says("moved 1\nmoved 2\n");
}

static void never_backwards(void **state)
{
    tell(*state, "a", 7, "7");
    tell(*state, "a", 6, "6");
    pause_over(0);
    says("moved 7\n");
    tell(*state, "a", 9, "9");
    tell(*state, "a", 9, "9, and more");
    tell(*state, "a", 8, "8");
    says("moved 9\n");
    pause_over(0);
    says("moved 9, and more\n");
}

/* What waits is replaced also when nobody is there to hear: who comes now
 * knows the newest by other means, and must not hear an old one. */
static void nobody_there(void **state)
{
    clients = 0;
    tell(*state, "a", 1, "1");
    says("");
    assert_null(set[0]);
    clients = 1;
    tell(*state, "a", 2, "2");
    tell(*state, "a", 3, "3");
    clients = 0;
    tell(*state, "a", 4, "4");
    clients = 1;
    pause_over(0);
    says("moved 2\nmoved 4\n");
}

static void forgotten(void **state)
{
    local = true;
    paced_keep_local(*state);
    tell(*state, "a", 5, "5");
    tell(*state, "a", 6, "6");
    paced_forget(*state, SLICE("a"));
    paced_forget(*state, SLICE("b"));
    tell(*state, "a", 1, "1");
    says("moved 5\nmoved 1\n");
}

static void stop_says_what_waits(void **state)
{
    tell(*state, "a", 1, "1");
    tell(*state, "a", 2, "2");
    tell(*state, "b", 1, "1");
    says("moved 1\nmoved 1\n");
    paced_stop(*state);
    says("moved 2\n");
    tell(*state, "a", 3, "3");
    tell(*state, "c", 1, "1");
    says("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_once_then_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(cools_down, setup, teardown),
        cmocka_unit_test_setup_teardown(never_backwards, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_there, setup, teardown),
        cmocka_unit_test_setup_teardown(forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_says_what_waits, setup, teardown),
    };

    return cmocka_run_group_tests_name("paced", tests, NULL, NULL);
}
