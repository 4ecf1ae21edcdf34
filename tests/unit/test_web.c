/* test_web.c - the desk's files over a real connection: which file a path
 * means, how long it may be kept, packed and plain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "net/gzip.h"
#include "net_fixture.h"
#include "web/web.h"

#define PAGE "<!doctype html><title>the desk</title>"

static char script[5000]; /* text that packing makes smaller */
static struct buf packed_page, packed_script;
static struct web_file list[] = {
    {"assets/a-1.js", {.gzip = true, .type = "text/javascript; charset=utf-8"}},
    {"assets/f-2.woff2",
     {{"\0font\xff", 6}, false, 6, "font/woff2", "\"f00\""}},
    {"broken.json", {{"no gzip", 7}, true, 100, "application/json", "\"b0\""}},
    {"index.html", {.gzip = true, .type = "text/html; charset=utf-8"}},
};
static const struct web_files files = {list, sizeof(list) / sizeof(list[0])};
static const struct web_files none = {NULL, 0};

static void pack(struct static_body *b, struct buf *to, struct slice plain,
                 const char *etag)
{
    buf_init(to, 1 << 16);
    assert_true(gzip_bytes(plain, to));
    b->kept = buf_slice(to);
    b->len = plain.len;
    b->etag = etag;
}

static int setup(void **state)
{
    static char page[2000];

    (void)state;
    memset(script, 'x', sizeof(script) - 1);
    snprintf(page, sizeof(page), "%s%*s", PAGE, 1900, "");
    pack(&list[0].body, &packed_script, slice_of(script), "\"a11\"");
    pack(&list[3].body, &packed_page, slice_of(page), "\"d35c\"");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&packed_script);
    buf_release(&packed_page);
    return 0;
}

static struct net_fixture *start(const struct web_files *desk)
{
    return fixture_new(web_routes, (void *)desk, NULL, NULL);
}

/* Headers each with CRLF. */
static char *ask(struct net_fixture *f, const char *line, const char *headers)
{
    char request[600];

    snprintf(request, sizeof(request),
             "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n",
             line, headers);
    return fixture_talk(f, request);
}

static void has_header(const char *text, const char *name, const char *value)
{
    if (strcmp(reply_value(text, name), value) != 0)
        fail_msg("wanted %s: %s\ngot %s", name, value, text);
}

static void check(struct net_fixture *f, const char *path, int status,
                  const char *begin)
{
    char line[300], *text;

    snprintf(line, sizeof(line), "GET %s", path);
    text = ask(f, line, "");
    if (reply_status(text) != status ||
        strncmp(reply_body(text), begin, strlen(begin)) != 0)
        fail_msg("%s\nwanted %d %s\ngot %s", path, status, begin, text);
    free(text);
}

static void test_paths(void **state)
{
    struct net_fixture *f = start(&files);

    (void)state;
    check(f, "/app/", 200, PAGE);
    check(f, "/app/index.html", 200, PAGE);
    check(f, "/app/assets/a-1.js", 200, "xxx");
    /* pages of the desk are the business of its script */
    check(f, "/app/papers", 200, PAGE);
    check(f, "/app/papers/", 200, PAGE);
    check(f, "/app/papers/17/notes?from=mail", 200, PAGE);
    check(f, "/app/papers/2511.00001v2", 200, PAGE);
    check(f, "/app/caf%C3%A9", 200, PAGE);
    check(f, "/app/a.b/c", 200, PAGE);
    check(f, "/app/dot.", 200, PAGE);
    /* what is asked for as a file and is none */
    check(f, "/app/assets/a-2.js", 404, "{\"error\"");
    check(f, "/app/assets/papers", 404, "{\"error\"");
    check(f, "/app/papers/x.js", 404, "{\"error\"");
    check(f, "/app/index.htm", 404, "{\"error\"");
    check(f, "/app/.env", 404, "{\"error\"");
    check(f, "/app/..%2fetc/passwd", 400, "{\"error\"");
    check(f, "/app/%2e%2e/healthz", 400, "{\"error\"");
    check(f, "/application", 404, "{\"error\":\"not found\"}");
    fixture_free(f);
}

static void test_redirects(void **state)
{
    struct net_fixture *f = start(&files);
    static const char *const lines[] = {"GET /", "GET /app", "HEAD /app"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char *text = ask(f, lines[i], "");

        assert_int_equal(reply_status(text), 302);
        has_header(text, "Location", "/app/");
        free(text);
    }
    fixture_free(f);
}

static void test_how_long_kept(void **state)
{
    struct net_fixture *f = start(&files);
    char *text = ask(f, "GET /app/assets/a-1.js", "");

    (void)state;
    has_header(text, "Cache-Control", "public, max-age=31536000, immutable");
    has_header(text, "Content-Type", "text/javascript; charset=utf-8");
    free(text);
    text = ask(f, "GET /app/assets/a-9.js", "");
    has_header(text, "Cache-Control", "no-store"); /* it may come yet */
    free(text);
    text = ask(f, "GET /app/papers", "");
    has_header(text, "Cache-Control", "no-cache");
    has_header(text, "ETag", "\"d35c\"");
    free(text);
    text = ask(f, "GET /app/", "If-None-Match: \"d35c-gz\"\r\n");
    assert_int_equal(reply_status(text), 304);
    has_header(text, "Vary", "Accept-Encoding");
    assert_string_equal(reply_body(text), "");
    free(text);
    text = ask(f, "GET /app/", "If-None-Match: \"a11\"\r\n");
    assert_int_equal(reply_status(text), 200);
    free(text);
    fixture_free(f);
}

static void test_packed_and_plain(void **state)
{
    struct net_fixture *f = start(&files);
    char *text = ask(f, "GET /app/assets/a-1.js", "");
    size_t len;
    int fd;

    (void)state;
    has_header(text, "Content-Encoding", "");
    has_header(text, "Vary", "Accept-Encoding");
    has_header(text, "ETag", "\"a11\"");
    assert_string_equal(reply_body(text), script);
    free(text);
    fd = fixture_connect(f);
    text = "GET /app/assets/a-1.js HTTP/1.1\r\nHost: localhost\r\n"
           "Connection: close\r\nAccept-Encoding: br, gzip\r\n\r\n";
    fixture_send(fd, text, strlen(text));
    text = fixture_read_all(fd, &len);
    has_header(text, "Content-Encoding", "gzip");
    has_header(text, "ETag", "\"a11-gz\"");
    len -= (size_t)(reply_body(text) - text);
    assert_int_equal(len, packed_script.len);
    assert_memory_equal(reply_body(text), packed_script.p, len);
    free(text);
    text = ask(f, "HEAD /app/assets/a-1.js", "");
    has_header(text, "Content-Length", "4999");
    assert_string_equal(reply_body(text), "");
    free(text);
    text = ask(f, "GET /app/assets/f-2.woff2", "Accept-Encoding: gzip\r\n");
    has_header(text, "Content-Encoding", "");
    has_header(text, "Vary", "");
    has_header(text, "Content-Length", "6");
    free(text);
    fixture_free(f);
}

/* A file that does not unpack is our fault, and is not sent in half. */
static void test_broken_file(void **state)
{
    struct net_fixture *f = start(&files);
    char *text = ask(f, "GET /app/broken.json", "");

    (void)state;
    assert_int_equal(reply_status(text), 500);
    assert_non_null(strstr(reply_body(text), "error_id"));
    free(text);
    fixture_free(f);
}

static void test_policy(void **state)
{
    struct net_fixture *f = start(&files);
    static const char *const lines[] = {"GET /app/", "GET /app/papers",
                                        "GET /app/assets/a-1.js",
                                        "GET /app/assets/nothing.js"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char *text = ask(f, lines[i], "");
        const char *policy = reply_value(text, "Content-Security-Policy");

        assert_true(strncmp(policy, "default-src 'none'; ", 20) == 0);
        assert_null(strstr(policy, "unsafe"));
        free(text);
    }
    fixture_free(f);
}

static void test_without_the_desk(void **state)
{
    struct net_fixture *f = start(&none);

    (void)state;
    check(f, "/app/", 200, "<!doctype html>");
    check(f, "/app/papers", 200, "<!doctype html>");
    check(f, "/app/assets/a-1.js", 404, "{\"error\"");
    check(f, "/app/index.js", 404, "{\"error\"");
    /* what this test is linked with */
    assert_int_equal(web_files.n, 0);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_how_long_kept),
        cmocka_unit_test(test_packed_and_plain),
        cmocka_unit_test(test_broken_file),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_without_the_desk),
    };

    log_setup(LOG_OFF, false);
    return cmocka_run_group_tests_name("web", tests, setup, teardown);
}
