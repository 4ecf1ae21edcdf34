/* test_http_parse.c - the request parser: what it takes, what it refuses, that
 * cuts in the input change nothing, and that libhttp-parser agrees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "net/http_parse.h"
#include "http_peer.h"

/* What one parse of a whole input came to. */
struct outcome {
    enum http_progress end; /* of head or body */
    int status;             /* of the fault */
    size_t at;
    const char *why;
    size_t used;
    struct http_head head;
    struct buf body;
};

/* Feed in pieces: [0, cut), [cut, len); step > 0 cuts every `step` bytes. */
static void parse(struct arena *a, const char *p, size_t len, size_t cut,
                  size_t step, struct outcome *o)
{
    struct http_parse hp;
    struct http_body hb;
    struct slice piece;
    size_t from = 0, to, used;
    bool in_body = false;

    memset(o, 0, sizeof(*o));
    buf_init(&o->body, 1 << 20);
    http_parse_init(&hp, a);
    o->end = HTTP_MORE;
    while (from < len && o->end == HTTP_MORE) {
        to = step ? from + step : from < cut ? cut : len;
        to = to < len ? to : len;
        while (from < to && o->end == HTTP_MORE) {
            if (!in_body) {
                o->end =
                    http_parse_feed(&hp, p + from, to - from, &used, &o->head);
                if (o->end == HTTP_BAD)
                    o->status = hp.fault.status, o->at = hp.fault.at,
                    o->why = hp.fault.why;
                if (o->end == HTTP_DONE) {
                    in_body = true;
                    http_body_init(&hb, &o->head);
                    o->end = hb.state == BODY_FINISHED ? HTTP_DONE : HTTP_MORE;
                }
            } else {
                o->end =
                    http_body_feed(&hb, p + from, to - from, &used, &piece);
                if (o->end == HTTP_BAD)
                    o->status = hb.fault.status, o->at = hb.fault.at,
                    o->why = hb.fault.why;
                else
                    buf_add_slice(&o->body, piece);
            }
            from += used;
        }
    }
    o->used = from;
}

static void same(const struct outcome *a, const struct outcome *b)
{
    size_t i;

    assert_int_equal(a->end, b->end);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->at, b->at);
    assert_ptr_equal(a->why, b->why);
    if (a->end != HTTP_DONE)
        return;
    assert_int_equal(a->used, b->used);
    assert_true(slice_eq(a->head.method_text, b->head.method_text));
    assert_true(slice_eq(a->head.path, b->head.path));
    assert_true(slice_eq(a->head.query, b->head.query));
    assert_true(slice_eq(a->head.host, b->head.host));
    assert_int_equal(a->head.n_headers, b->head.n_headers);
    for (i = 0; i < a->head.n_headers; i++) {
        assert_true(slice_eq(a->head.headers[i].name, b->head.headers[i].name));
        assert_true(
            slice_eq(a->head.headers[i].value, b->head.headers[i].value));
    }
    assert_true(slice_eq(buf_slice(&a->body), buf_slice(&b->body)));
}

/* Parse whole, at every cut, and byte by byte: one outcome. */
static void parse_every_way(struct arena *a, const char *p, size_t len,
                            struct outcome *whole)
{
    struct arena *other = arena_new(64 << 20);
    struct outcome o;
    size_t cut, step = len > 3000 ? 97 : 1;

    parse(a, p, len, len, 0, whole);
    for (cut = 1; cut < len; cut += step) {
        parse(other, p, len, cut, 0, &o);
        same(whole, &o);
        buf_release(&o.body);
        arena_reset(other);
    }
    parse(other, p, len, 0, 1, &o);
    same(whole, &o);
    buf_release(&o.body);
    arena_free(other);
}

#define H "Host: localhost\r\n"

static void test_accepts(void **state)
{
    static const struct {
        const char *text;
        const char *method, *path, *query, *host, *body;
        int minor;
        bool keep_alive;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" H "\r\n", "GET", "/", "", "localhost", "", 1, 1},
        {"\r\nGET /a?b=c HTTP/1.1\r\n" H "\r\n", "GET", "/a", "b=c",
         "localhost", "", 1, 1},
        {"GET /a? HTTP/1.0\r\n\r\n", "GET", "/a", "", "", "", 0, 0},
        {"GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/a", "",
         "", "", 0, 1},
        {"GET /a HTTP/1.1\r\n" H "Connection: x, close\r\n\r\n", "GET", "/a",
         "", "localhost", "", 1, 0},
        {"GET http://h.example:81/x/y?z HTTP/1.1\r\n" H "\r\n", "GET", "/x/y",
         "z", "h.example:81", "", 1, 1},
        {"GET http://h.example?z HTTP/1.1\r\n" H "\r\n", "GET", "/", "z",
         "h.example", "", 1, 1},
        {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS", "*", "", "localhost", "",
         1, 1},
        {"POST /p HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "POST",
         "/p", "", "localhost", "hello", 1, 1},
        {"POST /p HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "POST", "/p", "",
         "localhost", "", 1, 1},
        {"POST /p HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
         "3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
         "POST", "/p", "", "localhost", "abc0123456789", 1, 1},
        {"DELETE /p HTTP/1.1\r\nhOST:[::1]:80\r\nX:\r\nY: \t a b \t\r\n\r\n",
         "DELETE", "/p", "", "[::1]:80", "", 1, 1},
        {"PURGE /p HTTP/1.1\r\n" H "\r\n", "PURGE", "/p", "", "localhost", "",
         1, 1},
    };
    struct arena *a = arena_new(64 << 20);
    struct outcome o;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parse_every_way(a, cases[i].text, strlen(cases[i].text), &o);
        if (o.end != HTTP_DONE)
            fail_msg("case %zu: %d %s", i, o.status, o.why);
        assert_int_equal(o.used, strlen(cases[i].text));
        assert_true(slice_is(o.head.method_text, cases[i].method));
        assert_true(slice_is(o.head.path, cases[i].path));
        assert_true(slice_is(o.head.query, cases[i].query));
        assert_true(slice_is(o.head.host, cases[i].host));
        assert_int_equal(o.head.minor, cases[i].minor);
        assert_int_equal(o.head.keep_alive, cases[i].keep_alive);
        assert_true(slice_is(buf_slice(&o.body), cases[i].body));
        buf_release(&o.body);
    }
    arena_free(a);
}

static void test_refuses(void **state)
{
    static const struct {
        int status;
        const char *text;
    } cases[] = {
        {400, "\x16\x03\x01\x02 GET / HTTP/1.1\r\n\r\n"},
        {400, "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"},
        {400, "GET / HTTP/1.1\n" H "\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" H H "\r\n"},
        {400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" H "A : b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" H "A\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" H ": b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" H "A(: b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" H "A: b\x01\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n"},
        {400, "GET /\x7f HTTP/1.1\r\n" H "\r\n"},
        {400, "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n"},
        {400, "GET /a#b HTTP/1.1\r\n" H "\r\n"},
        {400, "GET  / HTTP/1.1\r\n" H "\r\n"},
        {400, "GET /  HTTP/1.1\r\n" H "\r\n"},
        {400, "GET / HTTP/1.1 \r\n" H "\r\n"},
        {400, "GET /\r\n" H "\r\n"},
        {400, "GET a HTTP/1.1\r\n" H "\r\n"},
        {400, "GET https://a/ HTTP/1.1\r\n" H "\r\n"},
        {400, "GET http:///x HTTP/1.1\r\n" H "\r\n"},
        {400, "GET * HTTP/1.1\r\n" H "\r\n"},
        {400, "CONNECT a:80 HTTP/1.1\r\n" H "\r\n"},
        {400, "GET / HTTP/11\r\n" H "\r\n"},
        {400, "GET / http/1.1\r\n" H "\r\n"},
        {505, "GET / HTTP/2.0\r\n" H "\r\n"},
        {505, "GET / HTTP/1.2\r\n" H "\r\n"},
        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n"
              "Content-Length: 1\r\n\r\na"},
        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\na"},
        {400, "POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\na"},
        {400, "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\na"},
        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\na"},
        {400, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n"
              "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n"
              "\r\n0\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
              "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {417, "POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n"},
#define C "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
        {400, C "x\r\n"},
        {400, C "\r\n"},
        {400, C "0x1\r\na\r\n0\r\n\r\n"},
        {400, C "1 \r\na\r\n0\r\n\r\n"},
        {400, C "1\na\r\n0\r\n\r\n"},
        {400, C "1\r\nab\r\n0\r\n\r\n"},
        {400, C "1\r\na\n0\r\n\r\n"},
        {400, C "1;a\x01\r\na\r\n0\r\n\r\n"},
        {400, C "11111111111\r\n"},
        {400, C "0\r\n\n"},
        {400, C "0\r\nA: b\n\r\n"},
        {400, C "0\r\n A: b\r\n\r\n"},
        {400, C "0\r\nA : b\r\n\r\n"},
        {400, C "0\r\nA: \x01\r\n\r\n"},
    };
    struct arena *a = arena_new(64 << 20);
    struct outcome o;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parse_every_way(a, cases[i].text, strlen(cases[i].text), &o);
        if (o.end != HTTP_BAD || o.status != cases[i].status)
            fail_msg("case %zu: end %d status %d (%s)", i, o.end, o.status,
                     o.why ? o.why : "accepted");
        buf_release(&o.body);
    }
    arena_free(a);
}

static void test_nul_is_refused(void **state)
{
    static const char texts[][64] = {"GET /a\0b HTTP/1.1\r\n" H "\r\n",
                                     "GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n",
                                     "GET / HTTP/1.1\r\n" H "A\0: c\r\n\r\n"};
    static const size_t lengths[] = {38, 46, 44};
    struct arena *a = arena_new(64 << 20);
    struct outcome o;
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        parse_every_way(a, texts[i], lengths[i], &o);
        assert_int_equal(o.status, 400);
        buf_release(&o.body);
    }
    arena_free(a);
}

/* "GET /xxx... HTTP/1.1" with a request line of n bytes. */
static void long_line(struct buf *b, size_t n)
{
    buf_clear(b);
    buf_add_str(b, "GET /");
    while (b->len < n - 9)
        buf_add_char(b, 'x');
    buf_add_str(b, " HTTP/1.1\r\n" H "\r\n");
}

static void test_limits(void **state)
{
    struct arena *a = arena_new(64 << 20);
    struct outcome o;
    struct buf b;
    int i, n;

    (void)state;
    buf_init(&b, 1 << 20);
    long_line(&b, HTTP_MAX_LINE);
    parse_every_way(a, b.p, b.len, &o);
    assert_int_equal(o.end, HTTP_DONE);
    long_line(&b, HTTP_MAX_LINE + 1);
    parse_every_way(a, b.p, b.len, &o);
    assert_int_equal(o.status, 414);

    for (n = HTTP_MAX_HEADERS; n <= HTTP_MAX_HEADERS + 1; n++) {
        buf_clear(&b);
        buf_add_str(&b, "GET / HTTP/1.1\r\n" H);
        for (i = 1; i < n; i++)
            buf_add_str(&b, "A: b\r\n");
        buf_add_str(&b, "\r\n");
        parse_every_way(a, b.p, b.len, &o);
        assert_int_equal(o.status, n > HTTP_MAX_HEADERS ? 431 : 0);
    }
    for (n = 0; n <= 1; n++) { /* a head of exactly the limit, and one over */
        buf_clear(&b);
        buf_add_str(&b, "GET / HTTP/1.1\r\n" H "A: ");
        while (b.len < (size_t)(HTTP_MAX_HEAD - 4 + n))
            buf_add_char(&b, 'x');
        buf_add_str(&b, "\r\n\r\n");
        parse_every_way(a, b.p, b.len, &o);
        assert_int_equal(o.status, n ? 431 : 0);
    }
    buf_clear(&b);
    buf_add_str(&b,
                "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;");
    for (i = 0; i <= HTTP_MAX_EXTENSIONS; i++)
        buf_add_char(&b, 'x');
    parse_every_way(a, b.p, b.len, &o);
    assert_int_equal(o.status, 400);
    buf_clear(&b);
    buf_add_str(&b, "POST / HTTP/1.1\r\n" H
                    "Transfer-Encoding: chunked\r\n\r\n0\r\nA: ");
    for (i = 0; i <= HTTP_MAX_TRAILERS; i++)
        buf_add_char(&b, 'x');
    parse_every_way(a, b.p, b.len, &o);
    assert_int_equal(o.status, 431);
    buf_release(&b);
    arena_free(a);
}

/* A length that no limit allows is a number still: the limit answers it. */
static void test_huge_length(void **state)
{
    static const char text[] =
        "POST / HTTP/1.1\r\n" H
        "Content-Length: 99999999999999999999999\r\n\r\n";
    struct arena *a = arena_new(1 << 20);
    struct outcome o;

    (void)state;
    parse(a, text, strlen(text), strlen(text), 0, &o);
    assert_int_equal(o.end, HTTP_MORE);
    assert_true(o.head.content_length == INT64_MAX);
    arena_free(a);
}

static void test_pipelined(void **state)
{
    static const char text[] =
        "POST /1 HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab"
        "GET /2 HTTP/1.1\r\n" H "\r\n";
    struct arena *a = arena_new(1 << 20);
    struct outcome o;
    size_t used;

    (void)state;
    parse_every_way(a, text, strlen(text), &o);
    assert_true(slice_is(buf_slice(&o.body), "ab"));
    used = o.used;
    buf_release(&o.body);
    parse_every_way(a, text + used, strlen(text) - used, &o);
    assert_true(slice_is(o.head.path, "/2"));
    buf_release(&o.body);
    arena_free(a);
}

static void test_position(void **state)
{
    static const char text[] =
        "GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n";
    struct arena *a = arena_new(1 << 20);
    struct outcome o;

    (void)state;
    parse_every_way(a, text, strlen(text), &o);
    assert_int_equal(o.at, strstr(text, " Name") - text);
    arena_free(a);
}

/* ---- against libhttp-parser ---- */

/* Whatever we accept, http-parser accepts, and sees the same. */
static bool compare(const char *p, size_t len)
{
    struct arena *a = arena_new(8 << 20);
    struct outcome o;
    struct http_peer t;
    struct buf ours;
    size_t i;
    bool accepted;

    parse(a, p, len, len, 0, &o);
    accepted = o.end == HTTP_DONE && o.head.method != HTTP_OTHER;
    if (accepted) {
        if (!http_peer_parse(p, len, &t)) {
            /* It takes "Transfer-EncodingX" for Transfer-Encoding, and no
             * tab behind a length, which is white space (RFC 9110, 5.6.3). */
            if (!(t.bad_coding && !o.head.chunked) &&
                !(t.bad_length && memchr(p, '\t', len)))
                fail_msg("http-parser refuses: %.*s", (int)len, p);
            goto out;
        }
        assert_true(slice_is(o.head.method_text, t.method));
        assert_true(slice_eq(o.head.target, buf_slice(&t.url)));
        assert_true(slice_eq(buf_slice(&o.body), buf_slice(&t.body)));
        buf_init(&ours, 1 << 20);
        for (i = 0; i < o.head.n_headers; i++) {
            buf_add_slice(&ours, o.head.headers[i].name);
            buf_add_char(&ours, ':');
            buf_add_slice(&ours, o.head.headers[i].value);
            buf_add_char(&ours, '\n');
        }
        if (!slice_eq(buf_slice(&ours), buf_slice(&t.headers)))
            fail_msg("headers differ:\n%.*s\n---\n%.*s", (int)ours.len, ours.p,
                     (int)t.headers.len, t.headers.p);
        buf_release(&ours);
    out:
        http_peer_release(&t);
    }
    buf_release(&o.body);
    arena_free(a);
    return accepted;
}

static const char *const seeds[] = {
    "GET /api/papers/?page=2&search=%22a%20b%22 HTTP/1.1\r\nHost: a:1\r\n"
    "Accept: */*\r\nUser-Agent: x/1 (y; z)\r\nAccept-Encoding: "
    "gzip;q=0\r\n\r\n",
    "POST /scrape HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n"
    "Content-Type: application/json\r\nConnection: "
    "close\r\n\r\n{\"days\":\"77\"}",
    "POST /p HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nTrail: er\r\n\r\n",
    "\r\nDELETE /x HTTP/1.0\r\nConnection: keep-alive\r\nX-Y: \r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    "GET http://example.org:80/a/b?c=d HTTP/1.1\r\nHost: example.org\r\n\r\n",
};

static void test_agrees_on_seeds(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
        assert_true(compare(seeds[i], strlen(seeds[i])));
}

static uint32_t next_random(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    *s ^= *s << 5;
    return *s;
}

/* Change, insert or delete a few bytes, mostly to bytes that mean something. */
static size_t mutate(char *p, size_t len, size_t cap, uint32_t *rng)
{
    static const char special[] =
        "\r\n :;,\t0123456789abcdefGHx\0/?#%[]*\x7f\xc3";
    int n = 1 + (int)(next_random(rng) % 3);

    while (n-- > 0 && len > 0) {
        size_t at = next_random(rng) % len;
        char c = next_random(rng) % 4
                     ? special[next_random(rng) % (sizeof(special) - 1)]
                     : (char)next_random(rng);

        switch (next_random(rng) % 4) {
        case 0:
            if (len < cap) {
                memmove(p + at + 1, p + at, len - at);
                p[at] = c;
                len++;
            }
            break;
        case 1:
            memmove(p + at, p + at + 1, len - at - 1);
            len--;
            break;
        default:
            p[at] = c;
            break;
        }
    }
    return len;
}

static void test_agrees_on_mutations(void **state)
{
    uint32_t rng = 20251103;
    int i, accepted = 0;
    char text[1024];
    size_t len;

    (void)state;
    for (i = 0; i < 60000; i++) {
        const char *seed =
            seeds[next_random(&rng) % (sizeof(seeds) / sizeof(seeds[0]))];

        len = strlen(seed);
        memcpy(text, seed, len);
        len = mutate(text, len, sizeof(text), &rng);
        accepted += compare(text, len);
    }
    /* The test means something only if many mutants are still requests. */
    assert_true(accepted > 6000);
}

/* The other direction: what http-parser takes and we do not, on purpose. */
static void test_stricter_than_http_parser(void **state)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\n" H "\r\n",                 /* bare LF */
        "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", /* folding */
        "GET / HTTP/1.1\r\n\r\n",                    /* no Host */
        "GET / HTTP/1.1\r\n" H H "\r\n",             /* two Hosts */
        "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n",       /* empty lines */
    };
    struct arena *a = arena_new(1 << 20);
    struct outcome o;
    struct http_peer t;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(http_peer_parse(texts[i], strlen(texts[i]), &t));
        http_peer_release(&t);
        parse(a, texts[i], strlen(texts[i]), strlen(texts[i]), 0, &o);
        assert_int_equal(o.end, HTTP_BAD);
        buf_release(&o.body);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_nul_is_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_huge_length),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_position),
        cmocka_unit_test(test_agrees_on_seeds),
        cmocka_unit_test(test_agrees_on_mutations),
        cmocka_unit_test(test_stricter_than_http_parser),
    };

    return cmocka_run_group_tests_name("http_parse", tests, NULL, NULL);
}
