/* test_server.c - the server over real sockets: framing, order, deadlines,
 * limits, streams, and stopping. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/shared_body.h"
#include "net_fixture.h"

#define H "Host: localhost\r\n"

/* What the handlers share with the tests. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside; /* handlers that wait */
    bool open;
    atomic_int cancelled; /* streams that were told the client has gone */
    atomic_long streamed;
    struct shared_body *shared;
};

static struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER,
                           .changed = PTHREAD_COND_INITIALIZER};

static void gate_set(bool open)
{
    pthread_mutex_lock(&gate.lock);
    gate.open = open;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void gate_await(int inside)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.inside != inside)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static enum err_code tiny(struct request *r, struct err *e)
{
    (void)e;
    buf_add_str(reply_json(r, 200), "{\"ok\":true}");
    return ERR_NONE;
}

static enum err_code echo(struct request *r, struct err *e)
{
    (void)e;
    buf_add_slice(reply_text(r, 200, "text/plain"), r->body);
    return ERR_NONE;
}

static enum err_code waits(struct request *r, struct err *e)
{
    (void)e;
    pthread_mutex_lock(&gate.lock);
    gate.inside++;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.open)
        pthread_cond_wait(&gate.changed, &gate.lock);
    gate.inside--;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
    buf_add_slice(reply_text(r, 200, "text/plain"), r->query);
    return ERR_NONE;
}

static enum err_code large(struct request *r, struct err *e)
{
    struct buf *b = reply_text(r, 200, "text/plain");
    int i;

    (void)e;
    for (i = 0; i < 400000; i++)
        buf_printf(b, "line %07d\n", i);
    return ERR_NONE;
}

static enum err_code shared(struct request *r, struct err *e)
{
    (void)e;
    reply_shared(r, 200, gate.shared);
    return ERR_NONE;
}

static enum err_code breaks(struct request *r, struct err *e)
{
    (void)r;
    return err_set(e, ERR_INTERNAL, "secret inside");
}

static enum err_code three_lines(struct request *r, struct err *e)
{
    enum err_code rc = stream_begin(r, 200, "text/plain", e);
    int i;

    for (i = 0; i < 3 && !rc; i++)
        rc = stream_write(r, SLICE("line\n"), e);
    return rc;
}

static enum err_code endless(struct request *r, struct err *e)
{
    static char piece[10000];
    enum err_code rc = stream_begin(r, 200, "text/plain", e);

    while (!rc) {
        rc = stream_write(r, (struct slice){piece, sizeof(piece)}, e);
        atomic_fetch_add(&gate.streamed, (long)sizeof(piece));
    }
    atomic_fetch_add(&gate.cancelled, rc == ERR_CANCELLED);
    return rc;
}

static enum err_code half_a_stream(struct request *r, struct err *e)
{
    enum err_code rc = stream_begin(r, 200, "text/plain", e);

    if (!rc)
        rc = stream_write(r, SLICE("half"), e);
    return rc ? rc : err_set(e, ERR_INTERNAL, "the source broke");
}

static const struct route rows[] = {
    {HTTP_GET, "/tiny", tiny, POLICY_READ, .run = ON_LOOP},
    {HTTP_GET, "/worker", tiny, POLICY_READ, .run = ON_WORKER},
    {HTTP_GET, "/wait", waits, POLICY_READ, ON_WORKER, .open_query = true},
    {HTTP_GET, "/large", large, POLICY_READ, .run = ON_WORKER},
    {HTTP_GET, "/shared", shared, POLICY_READ, .run = ON_WORKER},
    {HTTP_GET, "/breaks", breaks, POLICY_READ, .run = ON_WORKER},
    {HTTP_POST, "/echo", echo, POLICY_WRITE, ON_WORKER, .raw_body = true,
     .max_body = 100000},
    {HTTP_POST, "/echo-loop", echo, POLICY_WRITE, ON_LOOP, .raw_body = true},
    {HTTP_GET, "/lines", three_lines, POLICY_READ, .run = ON_STREAM},
    {HTTP_GET, "/endless", endless, POLICY_READ, .run = ON_STREAM},
    {HTTP_GET, "/half", half_a_stream, POLICY_READ, .run = ON_STREAM},
    {0},
};

static struct net_fixture *start(const struct server_options *so)
{
    gate_set(false);
    atomic_store(&gate.cancelled, 0);
    atomic_store(&gate.streamed, 0);
    return fixture_new(rows, NULL, NULL, so);
}

static void expect(struct net_fixture *f, const char *request, int status)
{
    char *text = fixture_talk(f, request);

    if (reply_status(text) != status)
        fail_msg("%s-> %s", request, text);
    free(text);
}

static void say(int fd, const char *text)
{
    fixture_send(fd, text, strlen(text));
}

static int number(const char *digits)
{
    return (int)strtol(digits, NULL, 10);
}

static int count(const char *text, const char *word)
{
    int n = 0;

    for (; (text = strstr(text, word)); text++)
        n++;
    return n;
}

static void test_statuses(void **state)
{
    struct net_fixture *f = start(NULL);

    (void)state;
    expect(f, "GET /tiny HTTP/1.1\r\n" H "\r\n", 200);
    expect(f, "GET /tiny/ HTTP/1.1\r\n" H "\r\n", 200);
    expect(f, "GET /worker HTTP/1.0\r\n\r\n", 200);
    expect(f, "GET /none HTTP/1.1\r\n" H "\r\n", 404);
    expect(f, "GET /../etc HTTP/1.1\r\n" H "\r\n", 400);
    expect(f, "GET /tiny%2fx HTTP/1.1\r\n" H "\r\n", 400);
    expect(f, "GET /%zz HTTP/1.1\r\n" H "\r\n", 400);
    expect(f, "GET /%ff HTTP/1.1\r\n" H "\r\n", 400);
    expect(f, "GET /%00 HTTP/1.1\r\n" H "\r\n", 400);
    expect(f, "GET //tiny HTTP/1.1\r\n" H "\r\n", 400);
    expect(f, "GET /tiny HTTP/1.1\r\n\r\n", 400);
    expect(f, "GET /tiny HTTP/3.0\r\n" H "\r\n", 505);
    expect(f, "PUT /tiny HTTP/1.1\r\n" H "\r\n", 405);
    expect(f, "BREW /tiny HTTP/1.1\r\n" H "\r\n", 405);
    expect(f, "OPTIONS /tiny HTTP/1.1\r\n" H "\r\n", 204);
    expect(f, "OPTIONS * HTTP/1.1\r\n" H "\r\n", 204);
    expect(f, "POST /echo HTTP/1.1\r\n" H "\r\n", 411);
    expect(f, "POST /echo HTTP/1.1\r\n" H "Content-Length: 100001\r\n\r\n",
           413);
    expect(f, "GET /tiny HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", 413);
    expect(f, "POST /echo HTTP/1.1\r\n" H "Expect: tea\r\n\r\n", 417);
    expect(f, "POST /echo HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nshort",
           400);
    expect(f, "GET /breaks HTTP/1.1\r\n" H "\r\n", 500);
    fixture_free(f);
}

static void test_internal_errors_stay_inside(void **state)
{
    struct net_fixture *f = start(NULL);
    char *text = fixture_talk(f, "GET /breaks HTTP/1.1\r\n" H "\r\n");
    char id[64];

    (void)state;
    assert_null(strstr(text, "secret"));
    snprintf(id, sizeof(id), "\"error_id\":\"%s\"",
             reply_value(text, "X-Request-Id"));
    assert_non_null(strstr(text, id));
    free(text);
    fixture_free(f);
}

static void test_head_and_conditions(void **state)
{
    struct net_fixture *f = start(NULL);
    char *got = fixture_talk(f, "GET /tiny HTTP/1.1\r\n" H "\r\n"), *text;
    char request[300], etag[64];

    (void)state;
    assert_string_equal(reply_body(got), "{\"ok\":true}");
    assert_string_equal(reply_value(got, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(reply_value(got, "Server"), "");
    snprintf(etag, sizeof(etag), "%s", reply_value(got, "ETag"));
    assert_int_equal(strlen(etag), 34);

    text = fixture_talk(f, "HEAD /tiny HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(reply_status(text), 200);
    assert_string_equal(reply_body(text), "");
    assert_string_equal(reply_value(text, "Content-Length"), "11");
    assert_string_equal(reply_value(text, "ETag"), etag);
    free(text);

    snprintf(request, sizeof(request),
             "GET /tiny HTTP/1.1\r\n" H "If-None-Match: \"x\", W/%s\r\n\r\n",
             etag);
    text = fixture_talk(f, request);
    assert_int_equal(reply_status(text), 304);
    assert_string_equal(reply_body(text), "");
    assert_string_equal(reply_value(text, "ETag"), etag);
    free(text);
    free(got);
    fixture_free(f);
}

static void test_keep_alive_and_pipelining(void **state)
{
    static const char many[] =
        "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\none"
        "POST /echo-loop HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\ntwo"
        "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
        "2\r\nth\r\n3\r\nree\r\n0\r\n\r\n"
        "GET /tiny HTTP/1.1\r\n" H "\r\n"
        "POST /echo HTTP/1.1\r\n" H "Connection: close\r\n"
        "Content-Length: 4\r\n\r\nfour"
        "GET /never HTTP/1.1\r\n" H "\r\n";
    struct net_fixture *f = start(NULL);
    size_t cut, len = sizeof(many) - 1;
    const char *p;
    char *text;
    int fd;

    (void)state;
    for (cut = 0; cut < len; cut += 7) {
        fd = fixture_connect(f);
        fixture_send(fd, many, cut);
        fixture_send(fd, many + cut, len - cut);
        text = fixture_read_all(fd, NULL);
        close(fd);
        assert_int_equal(count(text, "HTTP/1.1 200 OK"), 5);
        p = strstr(text, "\r\n\r\none");
        assert_non_null(p);
        p = strstr(p, "\r\n\r\ntwo");
        assert_non_null(p);
        p = strstr(p, "\r\n\r\nthree");
        assert_non_null(p);
        p = strstr(p, "\r\n\r\n{\"ok\":true}");
        assert_non_null(p);
        assert_non_null(strstr(p, "\r\n\r\nfour"));
        free(text);
    }
    fixture_free(f);
}

/* While a request runs, what comes behind it waits; then it is answered. */
static void test_pipelined_behind_a_slow_one(void **state)
{
    struct net_fixture *f = start(NULL);
    int fd = fixture_connect(f), i;
    char *text;

    (void)state;
    say(fd, "GET /wait?first HTTP/1.1\r\n" H "\r\n");
    gate_await(1);
    for (i = 0; i < 50; i++)
        say(fd, "GET /tiny HTTP/1.1\r\n" H "\r\n");
    shutdown(fd, SHUT_WR);
    gate_set(true);
    text = fixture_read_all(fd, NULL);
    close(fd);
    assert_int_equal(count(text, "HTTP/1.1 200 OK"), 51);
    assert_true(strstr(text, "first") < strstr(text, "{\"ok\""));
    free(text);
    fixture_free(f);
}

static void test_expect_continue(void **state)
{
    struct net_fixture *f = start(NULL);
    int fd = fixture_connect(f);
    static const char head[] =
        "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
        "Content-Length: 2\r\n"
        "Connection: close\r\n\r\n";
    char *text;

    (void)state;
    say(fd, head);
    text = fixture_read_until(fd, "\r\n\r\n");
    assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
    free(text);
    say(fd, "hi");
    text = fixture_read_all(fd, NULL);
    close(fd);
    assert_string_equal(reply_body(text), "hi");
    free(text);
    /* What is refused is refused before the body is asked for. */
    text =
        fixture_talk(f, "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
                        "Content-Length: 999999\r\n\r\n");
    assert_int_equal(reply_status(text), 413);
    free(text);
    fixture_free(f);
}

/* A client that sends far more than is taken still reads the refusal. */
static void test_early_refusal_is_seen(void **state)
{
    struct net_fixture *f = start(NULL);
    char *big = calloc(1, 900000), *text;
    int fd = fixture_connect(f);
    static const char head[] =
        "POST /echo HTTP/1.1\r\n" H "Content-Length: 900000\r\n\r\n";

    (void)state;
    memset(big, 'x', 900000);
    say(fd, head);
    fixture_send(fd, big, 900000);
    text = fixture_read_all(fd, NULL);
    assert_int_equal(reply_status(text), 413);
    close(fd);
    free(text);
    free(big);
    fixture_free(f);
}

static void test_chunked_over_the_limit(void **state)
{
    struct net_fixture *f = start(NULL);
    struct buf b;
    char *text;

    (void)state;
    buf_init(&b, 1 << 20);
    buf_add_str(&b, "POST /echo HTTP/1.1\r\n" H
                    "Transfer-Encoding: chunked\r\n\r\n186A1\r\n");
    while (b.len < 101000)
        buf_add_char(&b, 'x');
    text = fixture_talk(f, b.p);
    assert_int_equal(reply_status(text), 413);
    free(text);
    buf_release(&b);
    fixture_free(f);
}

static void gunzip(const char *p, size_t len, char *out, size_t cap)
{
    z_stream z = {0};

    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (Bytef *)p;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)cap - 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    out[z.total_out] = '\0';
    inflateEnd(&z);
}

static void test_gzip(void **state)
{
    static char plain[200000], out[200000];
    struct net_fixture *f;
    struct buf b;
    char *text, etag[64];
    size_t len;
    int fd, i, k;
    static const char *const accepted[] = {"gzip",
                                           "br;q=1.0, gzip;q=0.8, *;q=0", "*"};
    static const char *const refused[] = {
        "br", "gzip;q=0", "identity", "gzip;q=0.5, identity;q=0.9", "*;q=0"};
    char request[300];

    (void)state;
    buf_init(&b, 1 << 20);
    for (i = 0; i < 3000; i++)
        buf_printf(&b, "{\"n\":%d},", i * 7919 % 10007);
    memcpy(plain, b.p, b.len + 1);
    gate.shared = shared_body_new(&b, "application/json");
    f = start(NULL);
    for (i = 0; i < 3; i++) {
        for (k = 0; k < 2; k++) { /* the second time from the cached form */
            snprintf(request, sizeof(request),
                     "GET /shared HTTP/1.1\r\n" H
                     "Connection: close\r\nAccept-Encoding: %s\r\n\r\n",
                     accepted[i]);
            fd = fixture_connect(f);
            say(fd, request);
            text = fixture_read_all(fd, &len);
            close(fd);
            assert_string_equal(reply_value(text, "Content-Encoding"), "gzip");
            assert_string_equal(reply_value(text, "Vary"), "Accept-Encoding");
            gunzip(reply_body(text), len - (size_t)(reply_body(text) - text),
                   out, sizeof(out));
            assert_string_equal(out, plain);
            snprintf(etag, sizeof(etag), "%s", reply_value(text, "ETag"));
            assert_non_null(strstr(etag, "-gz\""));
            free(text);
        }
    }
    for (i = 0; i < 5; i++) {
        snprintf(request, sizeof(request),
                 "GET /shared HTTP/1.1\r\n" H "Accept-Encoding: %s\r\n\r\n",
                 refused[i]);
        text = fixture_talk(f, request);
        assert_string_equal(reply_value(text, "Content-Encoding"), "");
        assert_string_equal(reply_value(text, "Vary"), "Accept-Encoding");
        assert_string_equal(reply_body(text), plain);
        free(text);
    }
    snprintf(request, sizeof(request),
             "GET /shared HTTP/1.1\r\n" H
             "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n\r\n",
             etag);
    expect(f, request, 304);
    fixture_free(f);
    shared_body_unref(gate.shared);
    gate.shared = NULL;
}

static void test_streams(void **state)
{
    struct net_fixture *f = start(NULL);
    int fd = fixture_connect(f);
    char *text;
    static const char two[] = "GET /lines HTTP/1.1\r\n" H "\r\n"
                              "GET /lines HTTP/1.0\r\n\r\n";

    (void)state;
    say(fd, two);
    text = fixture_read_all(fd, NULL);
    close(fd);
    assert_string_equal(reply_value(text, "Transfer-Encoding"), "chunked");
    assert_non_null(strstr(text, "5\r\nline\n\r\n5\r\nline\n\r\n5\r\nline\n"
                                 "\r\n0\r\n\r\nHTTP/1.1 200"));
    assert_non_null(strstr(text, "\r\n\r\nline\nline\nline\n"));
    free(text);
    text = fixture_talk(f, "HEAD /lines HTTP/1.1\r\n" H
                           "Connection: close\r\n\r\n");
    assert_string_equal(reply_body(text), "");
    free(text);
    fixture_free(f);
}

/* A stream that breaks must not look complete. */
static void test_broken_stream_is_cut(void **state)
{
    struct net_fixture *f = start(NULL);
    int fd = fixture_connect(f);
    char *text;

    (void)state;
    say(fd, "GET /half HTTP/1.1\r\n" H "\r\n");
    text = fixture_read_all(fd, NULL);
    close(fd);
    assert_null(strstr(text, "0\r\n\r\n"));
    free(text);
    fixture_free(f);
}

/* The handler of a client that does not read sleeps at the bound; when the
 * client goes, it is told. */
static void test_stream_backpressure_and_cancel(void **state)
{
    struct net_fixture *f = start(NULL);
    int fd = fixture_connect(f), small = 4096;
    char *text;
    long before = -1, now;

    (void)state;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    say(fd, "GET /endless HTTP/1.1\r\n" H "\r\n");
    text = fixture_read_until(fd, "\r\n\r\n");
    free(text);
    /* It has stopped when two looks some time apart see the same. */
    for (;;) {
        now = atomic_load(&gate.streamed);
        if (now == before)
            break;
        before = now;
        usleep(200000);
    }
    assert_true(now < 16 << 20); /* socket buffers and our 256 kB */
    close(fd);
    while (atomic_load(&gate.cancelled) == 0)
        usleep(1000);
    assert_true(fixture_free(f));
}

static void test_large_reply_to_slow_reader(void **state)
{
    struct net_fixture *f = start(NULL);
    int fd = fixture_connect(f);
    size_t len;
    char *text;

    (void)state;
    say(fd, "GET /large HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    usleep(50000); /* let the socket fill, so that the rest must wait */
    text = fixture_read_all(fd, &len);
    close(fd);
    assert_int_equal(len - (size_t)(reply_body(text) - text), 400000 * 13);
    free(text);
    fixture_free(f);
}

/* ---- limits and deadlines ---- */

static void test_queue_full(void **state)
{
    struct server_options so = {.pool_requests = 1};
    struct net_fixture *f = start(&so);
    int fds[200], i, refused = 0;
    char *text;

    (void)state;
    for (i = 0; i < 200; i++) { /* 1 runs, 128 wait, the rest is refused */
        fds[i] = fixture_connect(f);
        say(fds[i], "GET /wait HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    }
    gate_await(1);
    text = fixture_read_all(fds[199], NULL);
    assert_int_equal(reply_status(text), 503);
    assert_string_equal(reply_value(text, "Retry-After"), "1");
    free(text);
    expect(f, "GET /tiny HTTP/1.1\r\n" H "\r\n", 200); /* the loop is free */
    gate_set(true);
    for (i = 0; i < 199; i++) {
        text = fixture_read_all(fds[i], NULL);
        refused += reply_status(text) == 503;
        free(text);
        close(fds[i]);
    }
    close(fds[199]);
    assert_int_equal(refused, 200 - 1 - 128 - 1);
    fixture_free(f);
}

static void test_too_many_connections(void **state)
{
    struct server_options total = {.max_connections = 3};
    struct server_options per_ip = {.max_connections_per_ip = 3};
    int fds[3], i, k;
    char *text;

    (void)state;
    for (k = 0; k < 2; k++) {
        struct net_fixture *f = start(k ? &per_ip : &total);

        for (i = 0; i < 3; i++) {
            fds[i] = fixture_connect(f);
            say(fds[i], "GET /tiny HTTP/1.1\r\n" H "\r\n");
            free(fixture_read_until(fds[i], "true}"));
        }
        text = fixture_talk(f, "GET /tiny HTTP/1.1\r\n" H "\r\n");
        assert_int_equal(reply_status(text), k ? 429 : 503);
        assert_int_equal(number(reply_value(text, "Content-Length")),
                         strlen(reply_body(text)));
        free(text);
        for (i = 0; i < 3; i++)
            close(fds[i]);
        fixture_free(f);
    }
}

/* Say one byte every 30 ms for as long as anybody listens; return the reply. */
static char *trickle(struct net_fixture *f, const char *begin, int *took_ms)
{
    int fd = fixture_connect(f), i;
    int64_t t = clock_mono_us();
    char *text, byte;

    fixture_send(fd, begin, strlen(begin));
    for (i = 0; i < 100; i++) {
        if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
            break;
        say(fd, "x");
        usleep(30000);
    }
    *took_ms = (int)((clock_mono_us() - t) / 1000);
    text = fixture_read_all(fd, NULL);
    close(fd);
    return text;
}

static void test_deadlines_against_trickles(void **state)
{
    struct server_options so = {.header_timeout_ms = 300,
                                .body_timeout_ms = 300,
                                .idle_timeout_ms = 300};
    struct net_fixture *f = start(&so);
    int took, fd;
    char *text;

    (void)state;
    text = trickle(f, "GET /tiny HTTP/1.1\r\nX: ", &took);
    assert_int_equal(reply_status(text), 408);
    assert_in_range(took, 250, 1500);
    free(text);
    text = trickle(
        f, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5000\r\n\r\n", &took);
    assert_int_equal(reply_status(text), 408);
    assert_in_range(took, 250, 1500);
    free(text);
    fd = fixture_connect(f); /* silent from the start: closed, not answered */
    text = fixture_read_all(fd, NULL);
    assert_string_equal(text ? text : "", "");
    free(text);
    close(fd);
    fixture_free(f);
}

static void test_reader_that_stops_is_cut(void **state)
{
    struct server_options so = {.write_timeout_ms = 300};
    struct net_fixture *f = start(&so);
    struct server_stats st;
    int fd = fixture_connect(f), small = 4096;

    (void)state;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    say(fd, "GET /large HTTP/1.1\r\n" H "\r\n");
    do {
        usleep(20000);
        server_stats(fixture_server(f), &st);
    } while (st.connections_total == 0 || st.connections > 0);
    close(fd);
    fixture_free(f);
}

static void test_out_of_descriptors(void **state)
{
    struct net_fixture *f = start(NULL);
    struct rlimit old, low;
    int fd = fixture_connect(f), fds[64], i, n;
    char *text;

    (void)state;
    say(fd, "GET /tiny HTTP/1.1\r\n" H "\r\n");
    free(fixture_read_until(fd, "true}"));
    for (n = 0; n < 8; n++) /* connections whose accept will fail */
        fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)fds[n - 1] + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (i = 0; i < n; i++) {
        struct sockaddr_storage a;
        socklen_t len = sizeof(a);

        assert_int_equal(getpeername(fd, (struct sockaddr *)&a, &len), 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&a, len), 0);
        text = fixture_read_all(fds[i], NULL); /* accepted and closed */
        free(text);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    for (i = 0; i < n; i++)
        close(fds[i]);
    say(fd, "GET /tiny HTTP/1.1\r\n" H "\r\n");
    free(fixture_read_until(fd, "true}"));
    close(fd);
    expect(f, "GET /tiny HTTP/1.1\r\n" H "\r\n", 200);
    fixture_free(f);
}

/* ---- leaving and stopping ---- */

static void test_client_leaves_while_handler_runs(void **state)
{
    struct net_fixture *f = start(NULL);
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    int fd = fixture_connect(f);

    (void)state;
    say(fd, "GET /wait HTTP/1.1\r\n" H "\r\n");
    gate_await(1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)); /* reset */
    close(fd);
    gate_set(true);
    gate_await(0);
    expect(f, "GET /worker HTTP/1.1\r\n" H "\r\n", 200);
    assert_true(fixture_free(f));
}

static void test_stop_lets_requests_finish(void **state)
{
    struct net_fixture *f = start(NULL);
    int fd = fixture_connect(f), idle = fixture_connect(f);
    char *text;

    (void)state;
    say(idle, "GET /tiny HTTP/1.1\r\n" H "\r\n");
    free(fixture_read_until(idle, "true}"));
    say(fd, "GET /wait?late HTTP/1.1\r\n" H "\r\n");
    gate_await(1);
    server_stop(fixture_server(f));
    while (!server_stopping(fixture_server(f)))
        usleep(1000);
    /* Who is connected can still ask, once. */
    say(idle, "GET /tiny HTTP/1.1\r\n" H "\r\n");
    text = fixture_read_all(idle, NULL);
    assert_int_equal(reply_status(text), 200);
    assert_string_equal(reply_value(text, "Connection"), "close");
    free(text);
    close(idle);
    gate_set(true);
    text = fixture_read_all(fd, NULL);
    assert_string_equal(reply_body(text), "late");
    free(text);
    close(fd);
    assert_true(fixture_free(f));
}

static void test_stop_cuts_what_does_not_end(void **state)
{
    struct server_options so = {.stop_timeout_ms = 200};
    struct net_fixture *f = start(&so);
    int fd = fixture_connect(f);

    (void)state;
    say(fd, "GET /endless HTTP/1.1\r\n" H "\r\n");
    free(fixture_read_until(fd, "\r\n\r\n"));
    assert_true(fixture_free(f)); /* the handler was told, and returned */
    assert_int_equal(atomic_load(&gate.cancelled), 1);
    close(fd);
}

static void test_bad_addresses(void **state)
{
    struct router_options ro = {.local_only = true};
    struct server_options so = {.pool_requests = 1, .pool_streams = 1};
    struct net_fixture *f = start(NULL);
    struct err e = {0};
    struct router *rt = router_new(&ro, &e);
    struct server *s = NULL;
    char taken[64];

    (void)state;
    snprintf(taken, sizeof(taken), "%s",
             server_url(fixture_server(f)) + strlen("http://"));
    so.listen = taken;
    assert_int_equal(server_new(&s, &so, rt, &e), ERR_CONFLICT);
    so.listen = "nonsense";
    assert_int_equal(server_new(&s, &so, rt, &e), ERR_INVALID);
    so.listen = "127.0.0.1:99999";
    assert_int_equal(server_new(&s, &so, rt, &e), ERR_INVALID);
    assert_true(server_listen_is_local("127.0.0.1:80"));
    assert_true(server_listen_is_local("[::1]:80"));
    assert_true(server_listen_is_local("localhost:0"));
    assert_false(server_listen_is_local("0.0.0.0:80"));
    assert_false(server_listen_is_local("[::]:80"));
    router_free(rt);
    fixture_free(f);
}

/* Who may have more descriptors takes them. */
static void test_room_for_connections(void **state)
{
    struct server_options so = {.max_connections = 700};
    struct rlimit old, now;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    if (old.rlim_max < 1000)
        skip();
    now = (struct rlimit){300, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    assert_true(fixture_free(fixture_new(rows, &gate, NULL, &so)));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_in_range(now.rlim_cur, 700, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_internal_errors_stay_inside),
        cmocka_unit_test(test_head_and_conditions),
        cmocka_unit_test(test_keep_alive_and_pipelining),
        cmocka_unit_test(test_pipelined_behind_a_slow_one),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_early_refusal_is_seen),
        cmocka_unit_test(test_chunked_over_the_limit),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_broken_stream_is_cut),
        cmocka_unit_test(test_stream_backpressure_and_cancel),
        cmocka_unit_test(test_large_reply_to_slow_reader),
        cmocka_unit_test(test_queue_full),
        cmocka_unit_test(test_too_many_connections),
        cmocka_unit_test(test_deadlines_against_trickles),
        cmocka_unit_test(test_reader_that_stops_is_cut),
        cmocka_unit_test(test_out_of_descriptors),
        cmocka_unit_test(test_client_leaves_while_handler_runs),
        cmocka_unit_test(test_stop_lets_requests_finish),
        cmocka_unit_test(test_stop_cuts_what_does_not_end),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_room_for_connections),
    };

    log_setup(LOG_OFF, false);
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
