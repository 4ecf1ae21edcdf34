/* test_feed.c - snapshots for who comes, and counts that move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "analytics/feed.h"
#include "base/buf.h"

/* ---- a Socket.IO server that only notes ---- */

struct sio_socket {
    char id[21];
    bool gone;
};

static struct sio_socket sockets[3];
static struct sio_handlers on;
static struct buf said; /* "id event args\n"; broadcasts: "* event args\n" */
static int n_asked;

struct sio_namespace *__wrap_sio_namespace(struct sio *sio, const char *name,
                                           const struct sio_handlers *handlers);
const char *__wrap_sio_id(const struct sio_socket *s);
struct sio_socket *__wrap_sio_find(struct sio_namespace *ns, struct slice id);
size_t __wrap_sio_count(const struct sio_namespace *ns);
bool __wrap_sio_is_heard(const struct sio_namespace *ns,
                         const struct sio_target *to);
void __wrap_sio_emit(struct sio_socket *s, const struct sio_message *m);
void __wrap_sio_broadcast(struct sio_namespace *ns, const struct sio_target *to,
                          const struct sio_message *m);
void __wrap_server_timer_set(struct server *s, struct server_timer *t,
                             int64_t in_ms);
void __wrap_server_timer_cancel(struct server *s, struct server_timer *t);

struct sio_namespace *__wrap_sio_namespace(struct sio *sio, const char *name,
                                           const struct sio_handlers *handlers)
{
    (void)sio;
    assert_string_equal(name, "/");
    on = *handlers;
    return NULL;
}

const char *__wrap_sio_id(const struct sio_socket *s)
{
    return s->id;
}

struct sio_socket *__wrap_sio_find(struct sio_namespace *ns, struct slice id)
{
    (void)ns;
    for (size_t i = 0; i < 3; i++)
        if (slice_is(id, sockets[i].id))
            return sockets[i].gone ? NULL : &sockets[i];
    fail_msg("no socket was ever named %.*s", SLICE_ARG(id));
    return NULL;
}

size_t __wrap_sio_count(const struct sio_namespace *ns)
{
    (void)ns;
    return 2;
}

bool __wrap_sio_is_heard(const struct sio_namespace *ns,
                         const struct sio_target *to)
{
    (void)ns;
    (void)to;
    return true;
}

void __wrap_sio_emit(struct sio_socket *s, const struct sio_message *m)
{
    buf_printf(&said, "%s %.*s %.*s\n", s->id, SLICE_ARG(m->event),
               SLICE_ARG(m->args));
}

void __wrap_sio_broadcast(struct sio_namespace *ns, const struct sio_target *to,
                          const struct sio_message *m)
{
    (void)ns;
    assert_true(to && to->n_rooms == 0 && to->n_except == 0 && !to->local);
    buf_printf(&said, "* %.*s %.*s\n", SLICE_ARG(m->event), SLICE_ARG(m->args));
}

void __wrap_server_timer_set(struct server *s, struct server_timer *t,
                             int64_t in_ms)
{
    (void)s;
    (void)t;
    assert_int_equal(in_ms, 50); /* 20 a second */
}

void __wrap_server_timer_cancel(struct server *s, struct server_timer *t)
{
    (void)s;
    (void)t;
}

static void says(const char *expected)
{
    assert_true(buf_ok(&said));
    assert_string_equal(said.len ? said.p : "", expected);
    buf_clear(&said);
}

static void ask(void *ctx)
{
    assert_null(ctx);
    n_asked++;
}

static void come(size_t i)
{
    sockets[i].gone = false;
    on.connected(&sockets[i], on.ctx);
}

static int setup(void **state)
{
    for (int i = 0; i < 3; i++)
        snprintf(sockets[i].id, sizeof(sockets[i].id), "socket-%d", i);
    buf_init(&said, 10000);
    n_asked = 0;
    *state = feed_new(&(struct feed_options){.ask = ask});
    return 0;
}

static int teardown(void **state)
{
    feed_stop(*state);
    feed_free(*state);
    buf_release(&said);
    return 0;
}

/* ---- tests ---- */

#define SNAPSHOT                                                               \
    "snapshot {\"totals\":{\"views\":5,\"pages\":2,\"bot_views\":1},"          \
    "\"top_pages\":[{\"page\":\"/a\",\"title\":\"A \\\"q\\\"\",\"count\":4}]," \
    "\"online\":2}\n"

static void a_snapshot_for_all_who_wait(void **state)
{
    struct page_count top = {SLICE("/a"), SLICE("A \"q\""), 4};
    struct view_totals t = {5, 2, 1, &top, 1};

    feed_snapshot(*state, &t);
    says("");
    come(0);
    come(1);
    come(2);
    assert_int_equal(n_asked, 3);
    sockets[1].gone = true; /* before the answer */
    feed_snapshot(*state, &t);
    says("socket-0 " SNAPSHOT "socket-2 " SNAPSHOT);
    feed_snapshot(*state, &t);
    says(""); /* once each */
    come(1);
    feed_snapshot(*state, &t);
    says("socket-1 " SNAPSHOT);
}

static void pages(void **state)
{
    feed_page(*state, SLICE("/a\"b"), 7);
    says("* new_pageview {\"page\":\"/a\\\"b\",\"count\":7}\n");
    feed_page(*state, SLICE("/a\"b"), 8);
    says("");
    feed_page(*state, SLICE("/c"), 1);
    says("* new_pageview {\"page\":\"/c\",\"count\":1}\n");
    feed_stop(*state);
    says("* new_pageview {\"page\":\"/a\\\"b\",\"count\":8}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_snapshot_for_all_who_wait, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(pages, setup, teardown),
    };

    return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
