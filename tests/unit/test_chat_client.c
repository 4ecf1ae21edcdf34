/* test_chat_client.c - what servers send, whole and cut, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "net_fixture.h"
#include "processor/chat_client.h"

/* ---- the request ---- */

static void request(void **state)
{
    const struct prompt_message m[] = {{"system", SLICE_INIT("Be \"brief\".")},
                                       {"user", SLICE_INIT("h\xC3\xA9\n")}};
    struct chat_request r = {"tiny", m, 2, 256, 0.5};
    struct buf b;

    (void)state;
    buf_init(&b, 10000);
    assert_int_equal(chat_request_write(&b, &r, NULL), ERR_NONE);
    assert_string_equal(
        b.p, "{\"model\":\"tiny\",\"messages\":[{\"role\":\"system\","
             "\"content\":\"Be \\\"brief\\\".\"},{\"role\":\"user\","
             "\"content\":\"h\xC3\xA9\\n\"}],\"max_tokens\":256,"
             "\"temperature\":0.5,\"stream\":true}");
    buf_clear(&b);
    r = (struct chat_request){"m", m, 0, 0, -1};
    assert_int_equal(chat_request_write(&b, &r, NULL), ERR_NONE);
    assert_string_equal(b.p, "{\"model\":\"m\",\"messages\":[],"
                             "\"stream\":true}");
    buf_release(&b);
    buf_init(&b, 10);
    assert_int_equal(chat_request_write(&b, &r, NULL), ERR_TOO_LARGE);
    buf_release(&b);
}

static void addresses(void **state)
{
    static const char *const bad[] = {
        "",          "ftp://x/v1",   "127.0.0.1:8080",  "http://x/v1?a=1",
        "http://x#", "http://x /v1", "http://x\r\nY: z"};
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(chat_url_write(&b, SLICE("http://x:8080/v1"), NULL),
                     ERR_NONE);
    assert_string_equal(b.p, "http://x:8080/v1/chat/completions");
    buf_clear(&b);
    assert_int_equal(chat_url_write(&b, SLICE("https://x/v1//"), NULL),
                     ERR_NONE);
    assert_string_equal(b.p, "https://x/v1/chat/completions");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(chat_url_write(&b, slice_of(bad[i]), NULL),
                         ERR_INVALID);
    buf_release(&b);
}

static void statuses(void **state)
{
    static const struct {
        int status;
        enum err_code code;
    } cases[] = {
        {400, ERR_UNPROCESSABLE}, {401, ERR_UNAVAILABLE},
        {404, ERR_UNAVAILABLE},   {408, ERR_TIMEOUT},
        {429, ERR_LIMIT},         {500, ERR_UNAVAILABLE},
        {503, ERR_UNAVAILABLE},   {504, ERR_TIMEOUT},
        {302, ERR_UNAVAILABLE},
    };
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(chat_status_error(cases[i].status, -1, SLICE("x"), &e),
                         cases[i].code);
    assert_int_equal(
        chat_status_error(400, -1,
                          SLICE("{\"error\":{\"message\":\"too long\"}}"), &e),
        ERR_UNPROCESSABLE);
    assert_string_equal(e.msg, "the model server does not accept the question "
                               "(status 400: too long)");
    assert_int_equal(chat_status_error(429, 17, SLICE("x"), &e), ERR_LIMIT);
    assert_string_equal(e.msg, "the model server is busy (status 429); it asks "
                               "to wait for 17 s");
}

/* ---- streams ---- */

struct seen {
    struct buf text;
    size_t pieces, stop_after;
};

static bool on_text(void *ctx, struct slice text)
{
    struct seen *s = ctx;

    assert_true(text.len > 0);
    buf_add_slice(&s->text, text);
    return ++s->pieces != s->stop_after;
}

/* Feed in pieces of `step` bytes (0: whole), then end. */
static enum err_code stream(const char *bytes, size_t step, struct seen *seen,
                            struct chat_result *r, struct err *e)
{
    struct slice all = slice_of(bytes);
    struct chat_stream *s;
    enum err_code rc = ERR_NONE;

    *e = (struct err){0};
    buf_clear(&seen->text);
    seen->pieces = 0;
    s = chat_stream_new(on_text, seen);
    assert_non_null(s);
    if (step == 0)
        step = all.len ? all.len : 1;
    for (size_t i = 0; i < all.len && rc == ERR_NONE; i += step)
        rc = chat_stream_feed(s, slice_sub(all, i, i + step), e);
    if (rc == ERR_NONE)
        rc = chat_stream_end(s, r, e);
    else
        assert_int_equal(chat_stream_end(s, r, e), rc); /* it stays */
    chat_stream_free(s);
    return rc;
}

static struct seen seen;

static void streams_to(const char *bytes, const char *expected)
{
    struct chat_result r;
    struct err e;

    for (size_t step = 0; step < 12; step++) {
        if (stream(bytes, step, &seen, &r, &e) != ERR_NONE)
            fail_msg("'%s' in %zu: %s", bytes, step, e.msg);
        if (!slice_is(buf_slice(&seen.text), expected))
            fail_msg("'%s' gives '%.*s'", bytes,
                     SLICE_ARG(buf_slice(&seen.text)));
    }
}

static void stream_fails(const char *bytes, enum err_code code,
                         const char *message)
{
    struct chat_result r;
    struct err e;

    for (size_t step = 0; step < 12; step++) {
        assert_int_equal(stream(bytes, step, &seen, &r, &e), code);
        if (!strstr(e.msg, message))
            fail_msg("'%s': %s", bytes, e.msg);
    }
}

/* ---- whole answers: servers without streams ---- */

#define ANSWER                                                                 \
    "{\"model\":\"tiny\",\"choices\":[{\"index\":0,\"finish_reason\":"         \
    "\"length\",\"message\":{\"role\":\"assistant\",\"content\":\"Hi "         \
    "\\u00e9\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}"

static void whole_answers(void **state)
{
    struct chat_result r;
    struct err e;

    (void)state;
    assert_int_equal(stream(ANSWER, 0, &seen, &r, &e), ERR_NONE);
    assert_true(slice_is(buf_slice(&seen.text), "Hi \xC3\xA9"));
    assert_int_equal(r.finish, CHAT_LENGTH);
    assert_string_equal(r.model, "tiny");
    assert_int_equal(r.prompt_tokens, 7);
    assert_int_equal(r.completion_tokens, 2);
    assert_int_equal(stream("{\"choices\":[{\"message\":{\"content\":\"\"}}]}",
                            0, &seen, &r, &e),
                     ERR_UNAVAILABLE);
    assert_string_equal(e.msg, "the model server sent no text");
    assert_int_equal(stream("{\"choices\":[{\"message\":{\"content\":\"a\"}}]}",
                            0, &seen, &r, &e),
                     ERR_NONE);
    assert_int_equal(r.prompt_tokens, -1);
    assert_int_equal(r.finish, CHAT_UNFINISHED);
    assert_int_equal(
        stream("{\"error\":{\"message\":\"no\\nGPU\"}}", 0, &seen, &r, &e),
        ERR_UNAVAILABLE);
    assert_string_equal(e.msg, "the model server failed: no GPU");
    assert_int_equal(stream("{\"error\":\"boom\"}", 0, &seen, &r, &e),
                     ERR_UNAVAILABLE);
    assert_string_equal(e.msg, "the model server failed: boom");
    assert_int_equal(stream("<html>", 0, &seen, &r, &e), ERR_UNAVAILABLE);
    assert_int_equal(stream("", 0, &seen, &r, &e), ERR_UNAVAILABLE);
    assert_int_equal(stream("{}", 0, &seen, &r, &e), ERR_UNAVAILABLE);
    assert_int_equal(stream("[]", 0, &seen, &r, &e), ERR_UNAVAILABLE);
    assert_int_equal(stream("{\"choices\":[]}", 0, &seen, &r, &e),
                     ERR_UNAVAILABLE);
    assert_int_equal(stream("{\"choices\":[{\"message\":{\"content\":null}}]}",
                            0, &seen, &r, &e),
                     ERR_UNAVAILABLE);
}

#define DELTA(json) "{\"choices\":[{\"index\":0,\"delta\":" json "}]}"
#define TEXT(text) DELTA("{\"content\":\"" text "\"}")

static void streams(void **state)
{
    static const char full[] = "data: " DELTA(
        "{\"role\":\"assistant\",\"content\":null}") "\n\n"
                                                     ": keep alive\n\n"
                                                     "data: " TEXT(
                                                         "Hi") "\n\n"
                                                               "event: x\nid: "
                                                               "1\nretry: "
                                                               "3\ndata:" TEXT(
                                                                   " \xC3\xA9\\"
                                                                   "u00e9") "\n"
                                                                            "\n"
                                                                            "da"
                                                                            "ta"
                                                                            ": "
                                                                            "{"
                                                                            "\""
                                                                            "mo"
                                                                            "de"
                                                                            "l"
                                                                            "\""
                                                                            ":"
                                                                            "\""
                                                                            "ti"
                                                                            "ny"
                                                                            "\""
                                                                            ","
                                                                            "\""
                                                                            "ch"
                                                                            "oi"
                                                                            "ce"
                                                                            "s"
                                                                            "\""
                                                                            ":["
                                                                            "{"
                                                                            "\""
                                                                            "in"
                                                                            "de"
                                                                            "x"
                                                                            "\""
                                                                            ":0"
                                                                            ","
                                                                            "\""
                                                                            "de"
                                                                            "lt"
                                                                            "a"
                                                                            "\""
                                                                            ":{"
                                                                            "},"
                                                                            "\""
                                                                            "fi"
                                                                            "ni"
                                                                            "sh"
                                                                            "_r"
                                                                            "ea"
                                                                            "so"
                                                                            "n"
                                                                            "\""
                                                                            ":"
                                                                            "\""
                                                                            "st"
                                                                            "op"
                                                                            "\""
                                                                            "}]"
                                                                            "}"
                                                                            "\n"
                                                                            "\n"
                                                                            "da"
                                                                            "ta"
                                                                            ": "
                                                                            "{"
                                                                            "\""
                                                                            "ch"
                                                                            "oi"
                                                                            "ce"
                                                                            "s"
                                                                            "\""
                                                                            ":["
                                                                            "],"
                                                                            "\""
                                                                            "us"
                                                                            "ag"
                                                                            "e"
                                                                            "\""
                                                                            ":{"
                                                                            "\""
                                                                            "pr"
                                                                            "om"
                                                                            "pt"
                                                                            "_t"
                                                                            "ok"
                                                                            "en"
                                                                            "s"
                                                                            "\""
                                                                            ":3"
                                                                            ","
                                                                            "\""
                                                                            "co"
                                                                            "mp"
                                                                            "le"
                                                                            "ti"
                                                                            "on"
                                                                            "_t"
                                                                            "ok"
                                                                            "en"
                                                                            "s"
                                                                            "\""
                                                                            ":4"
                                                                            "}}"
                                                                            "\n"
                                                                            "\n"
                                                                            "da"
                                                                            "ta"
                                                                            ": "
                                                                            "[D"
                                                                            "ON"
                                                                            "E]"
                                                                            "\n"
                                                                            "\n";
    struct chat_result r;
    struct err e;

    (void)state;
    streams_to(full, "Hi \xC3\xA9\xC3\xA9");
    assert_int_equal(stream(full, 0, &seen, &r, &e), ERR_NONE);
    assert_int_equal(seen.pieces, 2);
    assert_int_equal(r.finish, CHAT_STOP);
    assert_string_equal(r.model, "tiny");
    assert_int_equal(r.prompt_tokens, 3);
    assert_int_equal(r.completion_tokens, 4);
    streams_to("data: " TEXT("a") "\r\n\r\ndata: " TEXT(
                   "b") "\r\n\r\ndata: [DONE]\r\n\r\n",
               "ab");
    streams_to("data: " TEXT("a") "\r\rdata: [DONE]\r\r", "a");
    streams_to("\xEF\xBB\xBF\ndata: " TEXT("a") "\n\ndata: [DONE]", "a");
    streams_to("data: {\"choices\":[{\ndata: \"delta\":{\"content\":\"a\"}}]}"
               "\n\ndata: [DONE]\n",
               "a");
    streams_to("data: {\"choices\":[{\r\ndata: \"delta\":{\"content\":\"a\"}}]}"
               "\r\n\r\ndata: [DONE]\r\n",
               "a");
    streams_to("data: " TEXT("a") "\n\ndata: [DONE]\n\ngarbage after it {",
               "a");
    streams_to("data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":"
               "\"x\"}}]}\n\ndata: " TEXT("a") "\n\ndata: [DONE]\n\n",
               "a");
    streams_to("event: message\ndata: " TEXT("a") "\n\ndata: [DONE]\n\n", "a");
    streams_to(ANSWER, "Hi \xC3\xA9"); /* a server without streams */
    streams_to("\n " ANSWER "\n", "Hi \xC3\xA9");
}

static void broken_streams(void **state)
{
    (void)state;
    stream_fails("", ERR_UNAVAILABLE, "something that is no answer");
    stream_fails("data: [DONE]\n\n", ERR_UNAVAILABLE, "sent no text");
    stream_fails("event: error\ndata: {\"error\":\"no slot\"}\n\n",
                 ERR_UNAVAILABLE, "the model server failed: no slot");
    stream_fails("data: " TEXT("a") "\n\n", ERR_UNAVAILABLE,
                 "the model's answer broke off");
    assert_true(slice_is(buf_slice(&seen.text), "a"));
    stream_fails("data: " TEXT("a") "\n\ndata: {\"choi", ERR_UNAVAILABLE,
                 "the model's answer broke off");
    stream_fails("<html>\nno\n", ERR_UNAVAILABLE, "no answer");
    stream_fails("data: nonsense\n\n", ERR_UNAVAILABLE, "malformed JSON");
    stream_fails("data: {\"a\":1}\n\n", ERR_UNAVAILABLE, "no answer");
    stream_fails("data: \xff\n\n", ERR_UNAVAILABLE, "not UTF-8");
    stream_fails("data: " TEXT("a") "\n\ndata: {\"error\":{\"message\":"
                                    "\"out of memory\",\"code\":500}}\n\n",
                 ERR_UNAVAILABLE, "the model server failed: out of memory");
    stream_fails("error: {\"code\":500,\"message\":\"slot\"}\n\n",
                 ERR_UNAVAILABLE, "the model server failed: slot");
    stream_fails("{\"error\":\"no model\"}", ERR_UNAVAILABLE,
                 "the model server failed: no model");
    stream_fails("{\"choices\":[{\"mess", ERR_UNAVAILABLE, "malformed JSON");
}

static void cancelled(void **state)
{
    (void)state;
    seen.stop_after = 2;
    stream_fails("data: " TEXT("a") "\n\ndata: " TEXT("b") "\n\ndata: " TEXT(
                     "c") "\n\ndata: [DONE]\n\n",
                 ERR_CANCELLED, "cancelled");
    assert_true(slice_is(buf_slice(&seen.text), "ab"));
    seen.stop_after = 0;
}

/* `head`, then `unit` until the stream fails or n bytes are sent. */
static enum err_code flood(const char *head, const char *unit, size_t n)
{
    struct chat_stream *s = chat_stream_new(on_text, &seen);
    enum err_code rc = chat_stream_feed(s, slice_of(head), NULL);
    struct buf b;

    buf_clear(&seen.text);
    buf_init(&b, 1u << 17);
    while (b.len < 60000)
        buf_add_str(&b, unit);
    for (size_t sent = 0; sent < n && rc == ERR_NONE; sent += b.len)
        rc = chat_stream_feed(s, buf_slice(&b), NULL);
    buf_release(&b);
    chat_stream_free(s);
    return rc;
}

static void floods(void **state)
{
    (void)state;
    assert_int_equal(flood("data: ", "x", 2 * CHAT_MAX_EVENT), ERR_TOO_LARGE);
    assert_int_equal(flood("", "data: x\n", 8 * CHAT_MAX_EVENT), ERR_TOO_LARGE);
    assert_int_equal(flood("{", "x", 2 * CHAT_MAX_EVENT), ERR_TOO_LARGE);
    assert_int_equal(flood("", ": comment\n\n", CHAT_MAX_BYTES + 100000),
                     ERR_TOO_LARGE);
    assert_int_equal(flood("", ": comment\n\n", CHAT_MAX_BYTES / 4), ERR_NONE);
    assert_int_equal(
        flood("", "data: " TEXT("0123456789") "\n\n", 16 * CHAT_MAX_ANSWER),
        ERR_TOO_LARGE);
    assert_in_range(seen.text.len, CHAT_MAX_ANSWER - 10, CHAT_MAX_ANSWER);
}

/* ---- over the network ---- */

static enum err_code completions(struct request *r, struct err *e)
{
    static const char events[] =
        "data: " TEXT("Hi") "\n\ndata: " TEXT(" there") "\n\ndata: [DONE]\n\n";
    enum err_code rc;
    struct buf *b;

    if (slice_find(r->body, SLICE("\"stream\":true")) < 0 ||
        !slice_is(request_header(r, "Authorization"), "Bearer key")) {
        b = reply_text(r, 401, "application/json");
        buf_add_str(b, "{\"error\":{\"message\":\"bad key\"}}");
        return ERR_NONE;
    }
    rc = stream_begin(r, 200, "text/event-stream", e);
    return rc ? rc : stream_write(r, slice_of(events), e);
}

/* Says that it is done, and stays. */
static enum err_code lingers(struct request *r, struct err *e)
{
    enum err_code rc = completions(r, e);

    while (rc == ERR_NONE)
        rc = stream_write(r, SLICE(": still here\n\n"), e);
    return rc;
}

static enum err_code cuts(struct request *r, struct err *e)
{
    enum err_code rc = stream_begin(r, 200, "text/event-stream", e);

    if (rc == ERR_NONE)
        rc = stream_write(r, SLICE("data: " TEXT("Hi") "\n\n"), e);
    return rc ? rc : err_set(e, ERR_INTERNAL, "half an answer");
}

static const struct route rows[] = {
    {HTTP_POST, "/v1/chat/completions", completions, .policy = POLICY_READ,
     .run = ON_STREAM, .raw_body = true},
    {HTTP_POST, "/lingers/chat/completions", lingers, .policy = POLICY_READ,
     .run = ON_STREAM, .raw_body = true},
    {HTTP_POST, "/cuts/chat/completions", cuts, .policy = POLICY_READ,
     .run = ON_STREAM, .raw_body = true},
    {0},
};

static bool always(void *ctx)
{
    (void)ctx;
    return true;
}

static enum err_code ask(struct chat_server *server, const char *base,
                         const char *path, struct err *e)
{
    const struct chat_request r = {.model = "m"};
    struct chat_result result;
    char url[100];

    *e = (struct err){0};
    snprintf(url, sizeof(url), "%s%s", base, path);
    server->url = url;
    buf_clear(&seen.text);
    return chat_ask(server, &r, &result, e);
}

static void asks(void **state)
{
    struct net_fixture *f = fixture_new(rows, NULL, NULL, NULL);
    const char *base = server_url(fixture_server(f));
    struct http_client *http = http_client_new("test");
    struct chat_server server = {.http = http,
                                 .api_key = "key",
                                 .timeout_ms = 5000,
                                 .on_text = on_text,
                                 .ctx = &seen};
    struct err e;

    (void)state;
    if (ask(&server, base, "/v1", &e) != ERR_NONE)
        fail_msg("%s", e.msg);
    assert_true(slice_is(buf_slice(&seen.text), "Hi there"));
    assert_int_equal(ask(&server, base, "/lingers", &e), ERR_NONE);
    assert_true(slice_is(buf_slice(&seen.text), "Hi there"));
    assert_int_equal(ask(&server, base, "/cuts", &e), ERR_UNAVAILABLE);
    assert_string_equal(e.msg, "the model's answer broke off");
    assert_true(slice_is(buf_slice(&seen.text), "Hi"));
    assert_int_equal(ask(&server, "http://127.0.0.1:1", "", &e),
                     ERR_UNAVAILABLE);
    assert_string_equal(e.msg, "the model server cannot be reached");
    server.api_key = "wrong";
    assert_int_equal(ask(&server, base, "/v1", &e), ERR_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "refuses the key"));
    assert_non_null(strstr(e.msg, "bad key"));
    server.api_key = "a\r\nX: y";
    assert_int_equal(ask(&server, base, "/v1", &e), ERR_INVALID);
    server.api_key = "key";
    server.cancelled = always;
    assert_int_equal(ask(&server, base, "/v1", &e), ERR_CANCELLED);
    http_client_free(http);
    assert_true(fixture_free(f));
}

static int setup(void **state)
{
    (void)state;
    buf_init(&seen.text, 1u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&seen.text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request),       cmocka_unit_test(addresses),
        cmocka_unit_test(whole_answers), cmocka_unit_test(statuses),
        cmocka_unit_test(streams),       cmocka_unit_test(broken_streams),
        cmocka_unit_test(cancelled),     cmocka_unit_test(floods),
        cmocka_unit_test(asks),
    };

    log_setup(LOG_OFF, false);
    return cmocka_run_group_tests_name("chat_client", tests, setup, teardown);
}
