/* test_http_client.c - exchanges with a server of our own, and with peers that
 * behave badly. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/http_client.h"
#include "net_fixture.h"

static enum err_code echo(struct request *r, struct err *e)
{
    struct slice type = request_header(r, "Content-Type");
    struct buf *b = reply_text(r, 201, "text/x-echo");

    (void)e;
    buf_printf(b, "%.*s|%.*s|", SLICE_ARG(type),
               SLICE_ARG(request_header(r, "User-Agent")));
    buf_add_slice(b, r->body);
    return ERR_NONE;
}

static enum err_code busy(struct request *r, struct err *e)
{
    char date[CLOCK_TEXT];

    (void)e;
    clock_format_http(date, clock_now_us() + 60 * US_PER_S);
    reply_empty(r, 503);
    reply_header(r, "Retry-After", request_has(r, "date") ? date : "17");
    return ERR_NONE;
}

static enum err_code away(struct request *r, struct err *e)
{
    (void)e;
    reply_empty(r, 302);
    reply_header(r, "Location", "http://127.0.0.1:1/");
    return ERR_NONE;
}

static enum err_code large(struct request *r, struct err *e)
{
    struct buf *b = reply_text(r, 200, "text/plain");
    int i;

    (void)e;
    for (i = 0; i < 100000; i++)
        buf_add_char(b, 'x'); /* travels as a few hundred bytes of gzip */
    return ERR_NONE;
}

/* ---- answers that come over a long time ---- */

/* What the streaming handlers and the test tell each other. */
static sem_t go_on, seen_gone;

static void await(sem_t *s)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    if (sem_timedwait(s, &until) != 0)
        abort(); /* also on the server's threads */
}

static enum err_code begin(struct request *r, struct err *e)
{
    enum err_code rc = stream_begin(r, 200, "text/plain", e);

    return rc ? rc : stream_write(r, SLICE("one "), e);
}

/* "one ", and each further word once the test says so; then the end. */
static enum err_code words(struct request *r, struct err *e)
{
    enum err_code rc = begin(r, e);

    for (int i = 0; i < 2 && rc == ERR_NONE; i++) {
        await(&go_on);
        rc = stream_write(r, i == 0 ? SLICE("two ") : SLICE("three"), e);
    }
    return rc;
}

/* "one ", and then nothing while the test does not say so. */
static enum err_code stalls(struct request *r, struct err *e)
{
    enum err_code rc = begin(r, e);

    await(&go_on);
    return rc;
}

static enum err_code breaks(struct request *r, struct err *e)
{
    enum err_code rc = begin(r, e);

    return rc ? rc : err_set(e, ERR_INTERNAL, "half an answer");
}

/* Without an end, until the client leaves. */
static enum err_code endless(struct request *r, struct err *e)
{
    enum err_code rc = begin(r, e);

    while (rc == ERR_NONE)
        rc = stream_write(r, SLICE("and "), e);
    if (rc == ERR_CANCELLED)
        sem_post(&seen_gone);
    return rc;
}

static enum err_code broken(struct request *r, struct err *e)
{
    (void)e;
    buf_add_str(reply_text(r, 500, "text/plain"), "why");
    return ERR_NONE;
}

static const struct param busy_params[] = {
    {"date", IN_QUERY, .type = PARAM_STR}, {0}};

static const struct route rows[] = {
    {HTTP_POST, "/echo", echo, .policy = POLICY_WRITE, .raw_body = true},
    {HTTP_GET, "/busy", busy, .policy = POLICY_READ, .params = busy_params},
    {HTTP_GET, "/away", away, .policy = POLICY_READ},
    {HTTP_GET, "/large", large, .policy = POLICY_READ},
    {HTTP_GET, "/words", words, .policy = POLICY_READ, .run = ON_STREAM},
    {HTTP_GET, "/stalls", stalls, .policy = POLICY_READ, .run = ON_STREAM},
    {HTTP_GET, "/breaks", breaks, .policy = POLICY_READ, .run = ON_STREAM},
    {HTTP_GET, "/endless", endless, .policy = POLICY_READ, .run = ON_STREAM},
    {HTTP_GET, "/broken", broken, .policy = POLICY_READ},
    {0},
};

static struct net_fixture *fixture;
static struct http_client *client;

static int setup(void **state)
{
    (void)state;
    sem_init(&go_on, 0, 0);
    sem_init(&seen_gone, 0, 0);
    fixture = fixture_new(rows, NULL, NULL, NULL);
    client = http_client_new("tester/1");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_client_free(client);
    fixture_free(fixture);
    return 0;
}

static enum err_code fetch(const char *base, const char *path,
                           struct http_fetch f, struct http_answer *out,
                           struct err *e)
{
    char url[300];

    snprintf(url, sizeof(url), "%s%s", base, path);
    f.method = f.method ? f.method : "GET";
    f.url = url;
    f.timeout_ms = f.timeout_ms ? f.timeout_ms : 5000;
    f.connect_timeout_ms = 2000;
    f.max_body = f.max_body ? f.max_body : 1 << 20;
    return http_fetch(client, &f, out, e);
}

static void test_post(void **state)
{
    static const char *const headers[] = {"Content-Type: text/x-test", NULL};
    struct http_fetch f = {
        .method = "POST", .headers = headers, .body = SLICE("hello\0there")};
    struct http_answer a;
    struct err e;

    (void)state;
    assert_int_equal(
        fetch(server_url(fixture_server(fixture)), "/echo", f, &a, &e),
        ERR_NONE);
    assert_int_equal(a.status, 201);
    assert_string_equal(a.content_type, "text/x-echo");
    assert_int_equal(a.retry_after_s, -1);
    assert_true(slice_starts(buf_slice(&a.body), "text/x-test|tester/1|hello"));
    assert_int_equal(a.body.len, 32);
    http_answer_release(&a);
}

static void test_retry_after(void **state)
{
    const char *url = server_url(fixture_server(fixture));
    struct http_answer a;
    struct err e;

    (void)state;
    assert_int_equal(fetch(url, "/busy", (struct http_fetch){0}, &a, &e), 0);
    assert_int_equal(a.status, 503);
    assert_int_equal(a.retry_after_s, 17);
    http_answer_release(&a);
    assert_int_equal(fetch(url, "/busy?date=1", (struct http_fetch){0}, &a, &e),
                     0);
    assert_in_range(a.retry_after_s, 55, 61);
    http_answer_release(&a);
}

static void test_redirects_are_not_followed(void **state)
{
    struct http_answer a;
    struct err e;

    (void)state;
    assert_int_equal(fetch(server_url(fixture_server(fixture)), "/away",
                           (struct http_fetch){0}, &a, &e),
                     ERR_NONE);
    assert_int_equal(a.status, 302);
    http_answer_release(&a);
}

static void test_maximum_counts_unpacked_bytes(void **state)
{
    const char *url = server_url(fixture_server(fixture));
    struct http_answer a;
    struct err e;

    (void)state;
    assert_int_equal(
        fetch(url, "/large", (struct http_fetch){.max_body = 100000}, &a, &e),
        ERR_NONE);
    assert_int_equal(a.body.len, 100000);
    http_answer_release(&a);
    assert_int_equal(
        fetch(url, "/large", (struct http_fetch){.max_body = 99999}, &a, &e),
        ERR_TOO_LARGE);
}

static void test_bad_urls(void **state)
{
    static const char *const urls[] = {"file:///etc/passwd", "ftp://a/",
                                       "http://", "nonsense://x"};
    struct http_answer a;
    struct err e;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        assert_int_equal(fetch(urls[i], "", (struct http_fetch){0}, &a, &e),
                         ERR_INVALID);
    assert_int_equal(
        fetch("http://127.0.0.1:1", "/", (struct http_fetch){0}, &a, &e),
        ERR_UNAVAILABLE);
}

/* A peer that accepts (in the kernel) and never says a word. */
static int silent_peer(char url[64])
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(url, 64, "http://127.0.0.1:%d", ntohs(a.sin_port));
    return fd;
}

static bool after_a_while(void *ctx)
{
    return clock_mono_us() > *(int64_t *)ctx;
}

static void test_timeout_and_cancel(void **state)
{
    char url[64];
    int fd = silent_peer(url);
    int64_t begin = clock_mono_us(), until = begin + 200000;
    struct http_answer a;
    struct err e;

    (void)state;
    assert_int_equal(
        fetch(url, "/",
              (struct http_fetch){.cancelled = after_a_while, .ctx = &until},
              &a, &e),
        ERR_CANCELLED);
    assert_true(clock_mono_us() - begin < US_PER_S);
    assert_int_equal(
        fetch(url, "/", (struct http_fetch){.timeout_ms = 200}, &a, &e),
        ERR_TIMEOUT);
    close(fd);
}

/* After a failure the same client works again. */
static void test_recovers(void **state)
{
    struct http_answer a;
    struct err e;
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        assert_int_equal(
            fetch("http://127.0.0.1:1", "/", (struct http_fetch){0}, &a, &e),
            ERR_UNAVAILABLE);
        assert_int_equal(fetch(server_url(fixture_server(fixture)), "/away",
                               (struct http_fetch){0}, &a, &e),
                         ERR_NONE);
        http_answer_release(&a);
    }
}

/* What on_body sees, and what it does about it. */
struct listener {
    char text[64]; /* the beginning */
    size_t len, all, pieces;
    size_t stop_at;  /* pieces; 0: never */
    size_t asked_at; /* pieces, when the server was last let go on */
    unsigned slow_us;
    size_t lets_go_on; /* times; the server waits for each piece to be seen */
    bool leaves;       /* cancelled, once a piece was seen */
};

static enum err_code listen_to(void *ctx, struct slice piece, struct err *e)
{
    struct listener *l = ctx;

    assert_true(piece.len > 0);
    for (size_t i = 0; i < piece.len && l->len < sizeof(l->text) - 1; i++)
        l->text[l->len++] = piece.p[i];
    l->all += piece.len;
    if (l->slow_us)
        usleep(l->slow_us);
    if (++l->pieces == l->stop_at)
        return err_set(e, ERR_CONFLICT, "enough");
    return ERR_NONE;
}

static bool has_left(void *ctx)
{
    struct listener *l = ctx;

    if (l->lets_go_on > 0 && l->asked_at < l->pieces) {
        l->asked_at = l->pieces;
        l->lets_go_on--;
        sem_post(&go_on);
    }
    return l->leaves && l->pieces > 0;
}

static enum err_code listening(const char *path, struct listener *l,
                               struct http_fetch f, struct http_answer *a,
                               struct err *e)
{
    f.on_body = listen_to;
    f.cancelled = has_left;
    f.ctx = l;
    return fetch(server_url(fixture_server(fixture)), path, f, a, e);
}

/* Were it collected, the server would wait for ever. */
static void test_streamed(void **state)
{
    struct listener l = {.lets_go_on = 2};
    struct http_answer a;
    struct err e;

    (void)state;
    assert_int_equal(listening("/words", &l, (struct http_fetch){0}, &a, &e),
                     ERR_NONE);
    assert_string_equal(l.text, "one two three");
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.len, 0);
    http_answer_release(&a);
}

static void test_other_statuses_are_collected(void **state)
{
    struct listener l = {0};
    struct http_answer a;
    struct err e;

    (void)state;
    assert_int_equal(listening("/broken", &l, (struct http_fetch){0}, &a, &e),
                     ERR_NONE);
    assert_int_equal(a.status, 500);
    assert_true(slice_is(buf_slice(&a.body), "why"));
    assert_int_equal(l.pieces, 0);
    http_answer_release(&a);
}

static void test_streamed_maximum(void **state)
{
    struct listener l = {0};
    struct http_answer a;
    struct err e;

    (void)state;
    assert_int_equal(listening("/large", &l,
                               (struct http_fetch){.max_body = 100000}, &a, &e),
                     ERR_NONE);
    assert_int_equal(l.all, 100000);
    http_answer_release(&a);
    l = (struct listener){0};
    assert_int_equal(
        listening("/large", &l, (struct http_fetch){.max_body = 99999}, &a, &e),
        ERR_TOO_LARGE);
    assert_true(l.all < 100000);
    l = (struct listener){0};
    assert_int_equal(listening("/endless", &l,
                               (struct http_fetch){.max_body = 99999}, &a, &e),
                     ERR_TOO_LARGE);
    await(&seen_gone);
}

static void test_breaks_off(void **state)
{
    struct listener l = {0};
    struct http_answer a;
    struct err e;

    (void)state;
    assert_int_equal(listening("/breaks", &l, (struct http_fetch){0}, &a, &e),
                     ERR_UNAVAILABLE);
    assert_int_equal(a.status, 200);
    assert_string_equal(l.text, "one ");
}

/* The server is told, by the connection's end. */
static void test_listener_stops(void **state)
{
    struct listener l = {.stop_at = 2};
    struct http_answer a;
    struct err e;

    (void)state;
    assert_int_equal(listening("/endless", &l, (struct http_fetch){0}, &a, &e),
                     ERR_CONFLICT);
    assert_string_equal(e.msg, "enough");
    await(&seen_gone);
    l = (struct listener){.leaves = true};
    assert_int_equal(listening("/endless", &l, (struct http_fetch){0}, &a, &e),
                     ERR_CANCELLED);
    await(&seen_gone);
}

static void test_silence(void **state)
{
    struct http_fetch f = {.silence_timeout_ms = 150};
    struct listener l = {0};
    struct http_answer a;
    struct err e;
    char url[64];
    int fd = silent_peer(url);

    (void)state;
    assert_int_equal(fetch(url, "/", f, &a, &e), ERR_TIMEOUT);
    close(fd);
    assert_int_equal(listening("/stalls", &l, f, &a, &e), ERR_TIMEOUT);
    assert_string_equal(l.text, "one ");
    assert_non_null(strstr(e.msg, "sent nothing for 150 ms"));
    sem_post(&go_on);
    /* A slow listener is not a silent server; time in all is limited too. */
    l = (struct listener){.slow_us = 200000, .lets_go_on = 2};
    assert_int_equal(listening("/words", &l, f, &a, &e), ERR_NONE);
    http_answer_release(&a);
    f.timeout_ms = 300;
    f.max_body = (size_t)1 << 40;
    l = (struct listener){0};
    assert_int_equal(listening("/endless", &l, f, &a, &e), ERR_TIMEOUT);
    await(&seen_gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_redirects_are_not_followed),
        cmocka_unit_test(test_maximum_counts_unpacked_bytes),
        cmocka_unit_test(test_bad_urls),
        cmocka_unit_test(test_timeout_and_cancel),
        cmocka_unit_test(test_recovers),
        cmocka_unit_test(test_streamed),
        cmocka_unit_test(test_other_statuses_are_collected),
        cmocka_unit_test(test_streamed_maximum),
        cmocka_unit_test(test_breaks_off),
        cmocka_unit_test(test_listener_stops),
        cmocka_unit_test(test_silence),
    };

    log_setup(LOG_OFF, false);
    return cmocka_run_group_tests_name("http_client", tests, setup, teardown);
}
