/* test_later.c - requests that are answered later, and what others may do on
 * the loop: posts from threads, timers, the hook before it waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_fixture.h"

#define H "Host: localhost\r\n"
#define PARK "GET /park HTTP/1.1\r\n" H "\r\n"

static struct parked *parked; /* loop only */
static struct net_fixture *fixture;
static atomic_int n_gone, n_parked;

static void gone(void *ctx)
{
    assert_ptr_equal(ctx, &parked);
    parked = NULL;
    atomic_fetch_add(&n_gone, 1);
}

static enum err_code park(struct request *r, struct err *e)
{
    (void)e;
    parked = request_park(r, gone, &parked);
    atomic_fetch_add(&n_parked, 1);
    return ERR_NONE;
}

static void answer_now(void)
{
    struct request *r = parked_request(parked);

    parked = NULL;
    buf_add_str(reply_text(r, 200, "text/plain"), "at last");
    reply_momentary(r);
    reply_header(r, "X-Mine", "yes");
    request_answer(r);
}

static enum err_code answer(struct request *r, struct err *e)
{
    (void)e;
    answer_now();
    buf_add_str(reply_text(r, 200, "text/plain"), "done");
    return ERR_NONE;
}

static const struct route rows[] = {
    {HTTP_GET, "/park", park, POLICY_PUBLIC, .run = ON_LOOP},
    {HTTP_GET, "/answer", answer, POLICY_PUBLIC, .run = ON_LOOP},
    {0},
};

/* Somebody else asks that the parked request be answered. */
static void send_answer(void)
{
    char *text = fixture_talk(fixture, "GET /answer HTTP/1.1\r\n" H "\r\n");

    assert_int_equal(reply_status(text), 200);
    free(text);
}

static void await(atomic_int *n, int want)
{
    while (atomic_load(n) < want)
        usleep(1000);
}

static int setup(void **state)
{
    (void)state;
    atomic_store(&n_gone, 0);
    atomic_store(&n_parked, 0);
    fixture = fixture_new(rows, NULL, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return fixture_free(fixture) ? 0 : -1;
}

static void test_answered_later(void **state)
{
    int fd = fixture_connect(fixture);
    char *text;

    (void)state;
    fixture_send(fd, PARK, strlen(PARK));
    await(&n_parked, 1);
    send_answer();
    text = fixture_read_until(fd, "at last");
    assert_int_equal(reply_status(text), 200);
    assert_string_equal(reply_value(text, "X-Mine"), "yes");
    assert_string_equal(reply_value(text, "ETag"), "");
    assert_string_equal(reply_value(text, "Cache-Control"), "no-store");
    assert_string_equal(reply_value(text, "Access-Control-Allow-Origin"), "*");
    free(text);
    fixture_send(fd, PARK, strlen(PARK)); /* the connection goes on */
    await(&n_parked, 2);
    send_answer();
    free(fixture_read_until(fd, "at last"));
    close(fd);
    assert_int_equal(atomic_load(&n_gone), 0);
}

/* What is sent behind a parked request waits, and is then answered. */
static void test_pipelined(void **state)
{
    static const char both[] = PARK "GET /nothing HTTP/1.1\r\n" H "\r\n";
    int fd = fixture_connect(fixture);
    char *text;

    (void)state;
    fixture_send(fd, both, sizeof(both) - 1);
    await(&n_parked, 1);
    send_answer();
    text = fixture_read_until(fd, "not found");
    assert_non_null(strstr(text, "at last"));
    free(text);
    close(fd);
}

static void test_leaver_is_noticed(void **state)
{
    int fd = fixture_connect(fixture);

    (void)state;
    fixture_send(fd, PARK, strlen(PARK));
    await(&n_parked, 1);
    close(fd);
    await(&n_gone, 1);
    fd = fixture_connect(fixture); /* by half a close, too */
    fixture_send(fd, PARK, strlen(PARK));
    await(&n_parked, 2);
    shutdown(fd, SHUT_WR);
    await(&n_gone, 2);
    close(fd);
}

/* A server that stops does not wait for them, and tells their owner. */
static void test_stop(void **state)
{
    int fd = fixture_connect(fixture);
    char *text;
    size_t len;

    (void)state;
    fixture_send(fd, PARK, strlen(PARK));
    await(&n_parked, 1);
    server_stop(fixture_server(fixture));
    text = fixture_read_all(fd, &len);
    assert_int_equal(len, 0);
    free(text);
    close(fd);
    await(&n_gone, 1);
}

/* ---- the loop ---- */

struct job {
    struct server_post post; /* first, so that the two convert */
    struct server_timer timer;
    int number;
};

static atomic_int n_run, n_hook, order_ok;

static void run_job(struct server_post *p)
{
    struct job *j = (struct job *)p;

    if (atomic_fetch_add(&n_run, 1) == j->number)
        atomic_fetch_add(&order_ok, 1);
}

static void run_hook(struct server_hook *h)
{
    (void)h;
    atomic_fetch_add(&n_hook, 1);
}

static void test_posts_in_order(void **state)
{
    enum { COUNT = 100 };
    static struct job jobs[COUNT];
    int i;

    (void)state;
    atomic_store(&n_run, 0);
    atomic_store(&order_ok, 0);
    for (i = 0; i < COUNT; i++) {
        jobs[i] = (struct job){.post.run = run_job, .number = i};
        server_post(fixture_server(fixture), &jobs[i].post);
    }
    await(&n_run, COUNT);
    assert_int_equal(atomic_load(&order_ok), COUNT);
}

static atomic_int n_fired;

static void fired(struct server_timer *t)
{
    (void)t;
    atomic_fetch_add(&n_fired, 1);
}

static struct job timed[2];

static void set_timers(struct server_post *p)
{
    struct server *s = fixture_server(fixture);
    static struct server_hook hook;

    (void)p;
    hook.run = run_hook;
    server_before_wait(s, &hook);
    timed[0].timer.fire = timed[1].timer.fire = fired;
    server_timer_set(s, &timed[0].timer, 10);
    server_timer_set(s, &timed[1].timer, 10);
    server_timer_cancel(s, &timed[1].timer);
    server_timer_cancel(s, &timed[1].timer); /* also if not set */
}

static void test_timers_and_hook(void **state)
{
    static struct job first = {.post.run = set_timers};
    static struct job later = {.post.run = run_job, .number = 0};

    (void)state;
    atomic_store(&n_fired, 0);
    atomic_store(&n_hook, 0);
    atomic_store(&n_run, 0);
    server_post(fixture_server(fixture), &first.post);
    await(&n_fired, 1);
    await(&n_hook, 1);
    server_post(fixture_server(fixture), &later.post);
    await(&n_run, 1);
    assert_int_equal(atomic_load(&n_fired), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_answered_later),    TEST(test_pipelined),
        TEST(test_leaver_is_noticed), TEST(test_stop),
        TEST(test_posts_in_order),    TEST(test_timers_and_hook),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
