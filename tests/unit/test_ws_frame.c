/* test_ws_frame.c - frames cut at every place; what may not be sent; what a
 * claimed length may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/ws_frame.h"
#include "net/ws_message.h"

#define MAX_MESSAGE 70000

/* Append a client's frame. */
static void add_frame(struct buf *b, int first, const char *payload, size_t n)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t head[WS_MAX_HEAD];
    size_t len = ws_head(head, WS_TEXT, n), i;

    head[0] = (uint8_t)first;
    head[1] |= 0x80;
    buf_add(b, head, len);
    buf_add(b, mask, 4);
    for (i = 0; i < n; i++)
        buf_add_char(b, (char)((uint8_t)payload[i] ^ mask[i & 3]));
}

/* What a reader says about bytes that come in pieces: one letter an event. */
static void transcript(struct slice bytes, size_t cut, struct buf *out)
{
    struct ws_reader r;
    char *copy = malloc(bytes.len + 1);
    size_t at = 0, used;
    struct slice payload;
    enum ws_read got;

    memcpy(copy, bytes.p, bytes.len);
    ws_reader_init(&r, MAX_MESSAGE);
    buf_clear(out);
    while (at < bytes.len) {
        size_t end = at < cut ? cut : bytes.len;

        got = ws_reader_feed(&r, copy + at, end - at, &used, &payload);
        assert_in_range(used, 0, end - at);
        assert_true(used > 0 || got != WS_READ_MORE);
        at += used;
        if (got == WS_READ_MORE)
            continue;
        buf_add_char(out, ".tbpoCX"[got]);
        if (got == WS_READ_CLOSE || got == WS_READ_BAD)
            buf_add_u64(out, r.close_code);
        if (got == WS_READ_BAD)
            break;
        buf_add_char(out, '(');
        buf_add_slice(out, payload);
        buf_add_char(out, ')');
    }
    ws_reader_release(&r);
    free(copy);
}

static void expect(const struct buf *bytes, const char *want)
{
    struct slice s = buf_slice(bytes);
    struct buf got;
    size_t cut;

    buf_init(&got, 1 << 20);
    for (cut = 0; cut <= s.len; cut++) {
        transcript(s, cut, &got);
        if (!slice_is(buf_slice(&got), want))
            fail_msg("cut at %zu: %s, not %s", cut, got.p, want);
    }
    buf_release(&got);
}

static void test_messages(void **state)
{
    struct buf b, got;
    struct slice want;
    size_t cut;

    (void)state;
    buf_init(&b, 1 << 20);
    add_frame(&b, 0x81, "Hello", 5);
    add_frame(&b, 0x82, "\0\xff", 2);
    add_frame(&b, 0x81, "", 0);
    add_frame(&b, 0x01, "He", 2);
    add_frame(&b, 0x89, "ping", 4);
    add_frame(&b, 0x00, "", 0);
    add_frame(&b, 0x8A, "", 0);
    add_frame(&b, 0x80, "llo \xc3\xa9", 6);
    add_frame(&b, 0x02, "", 0);
    add_frame(&b, 0x80, "", 0);
    add_frame(&b, 0x88,
              "\x03\xe8"
              "bye",
              5);
    want = SLICE("t(Hello)b(\0\xff)t()p(ping)o()t(Hello \xc3\xa9)b()"
                 "C1000(bye)");
    buf_init(&got, 1 << 20);
    for (cut = 0; cut <= b.len; cut++) {
        transcript(buf_slice(&b), cut, &got);
        assert_true(slice_eq(buf_slice(&got), want));
    }
    buf_release(&got);
    buf_release(&b);
}

static void test_split_code_point(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    add_frame(&b, 0x01, "\xe2\x82", 2); /* the euro sign, in two frames */
    add_frame(&b, 0x80, "\xac", 1);
    expect(&b, "t(\xe2\x82\xac)");
    buf_release(&b);
}

static void test_lengths(void **state)
{
    static const size_t sizes[] = {125, 126, 127, 65535, 65536, MAX_MESSAGE};
    char *text = malloc(MAX_MESSAGE + 1);
    size_t i, cut;
    struct buf b, got;

    (void)state;
    memset(text, 'x', MAX_MESSAGE + 1);
    buf_init(&b, 1 << 20);
    buf_init(&got, 1 << 20);
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        buf_clear(&b);
        add_frame(&b, 0x81, text, sizes[i]);
        for (cut = 0; cut < 20; cut++) {
            transcript(buf_slice(&b), cut < 16 ? cut : b.len / cut, &got);
            assert_int_equal(got.len, sizes[i] + 3);
        }
    }
    buf_clear(&b);
    add_frame(&b, 0x81, text, MAX_MESSAGE + 1);
    transcript(buf_slice(&b), 0, &got);
    assert_string_equal(got.p, "X1009");
    buf_clear(&b); /* in fragments */
    add_frame(&b, 0x01, text, MAX_MESSAGE);
    add_frame(&b, 0x80, text, 1);
    transcript(buf_slice(&b), 0, &got);
    assert_string_equal(got.p, "X1009");
    free(text);
    buf_release(&b);
    buf_release(&got);
}

static void test_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *want;
    } cases[] = {
        {"\x81\x05", 2, "X1002"}, /* not masked */
        {"\xc1\x80", 2, "X1002"}, /* reserved bits */
        {"\xa1\x80", 2, "X1002"},
        {"\x91\x80", 2, "X1002"},
        {"\x83\x80", 2, "X1002"}, /* unknown opcodes */
        {"\x8b\x80", 2, "X1002"},
        {"\x09\x80", 2, "X1002"},                 /* a fragmented ping */
        {"\x89\xfe", 2, "X1002"},                 /* a long one */
        {"\x80\x80", 2, "X1002"},                 /* continues nothing */
        {"\x01\x80\0\0\0\0\x81\x80", 8, "X1002"}, /* in a message */
        {"\x81\xfe\0\x7d\0\0\0\0", 8, "X1002"},   /* not the shortest */
        {"\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14, "X1002"},
        {"\x81\xff\xff\0\0\0\0\0\0\0\0\0\0\0", 14, "X1002"},
        {"\x81\xff\0\0\xff\0\0\0\0\0\0\0\0\0", 14, "X1009"},
        {"\x81\x81\0\0\0\0\xff", 7, "X1007"},
        {"\x88\x81\0\0\0\0\x03", 7, "X1002"},     /* half a code */
        {"\x88\x82\0\0\0\0\x03\xec", 8, "X1002"}, /* 1004 */
        {"\x88\x82\0\0\0\0\x03\xed", 8, "X1002"}, /* 1005 */
        {"\x88\x82\0\0\0\0\x03\xf7", 8, "X1002"}, /* 1015 */
        {"\x88\x82\0\0\0\0\x0b\xb7", 8, "X1002"}, /* 2999 */
        {"\x88\x82\0\0\0\0\x13\x88", 8, "X1002"}, /* 5000 */
        {"\x88\x82\0\0\0\0\x0b\xb8", 8, "C3000()"},
        {"\x88\x82\0\0\0\0\x13\x87", 8, "C4999()"},
        {"\x88\x80\0\0\0\0", 6, "C1005()"},
        {"\x88\x83\0\0\0\0\x03\xe8\xff", 9, "X1007"},
    };
    struct buf b;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_init(&b, 100);
        buf_add(&b, cases[i].bytes, cases[i].len);
        expect(&b, cases[i].want);
        buf_release(&b);
    }
}

/* A frame that says it is long takes no memory before its bytes come, and an
 * idle reader none at all. */
static void test_memory(void **state)
{
    char head[] = "\x81\xff\0\0\0\0\0\x01\0\0\0\0\0\0x";
    struct ws_reader r;
    struct slice payload;
    size_t used;

    (void)state;
    ws_reader_init(&r, 1 << 20);
    assert_int_equal(ws_reader_feed(&r, head, 15, &used, &payload),
                     WS_READ_MORE);
    assert_in_range(r.message.cap, 1, 256);
    ws_reader_release(&r);
    ws_reader_init(&r, 1 << 20);
    memcpy(head, "\x81\x81\0\0\0\0x", 7);
    assert_int_equal(ws_reader_feed(&r, head, 7, &used, &payload),
                     WS_READ_TEXT);
    assert_int_equal(r.message.cap, 0);
    ws_reader_release(&r);
}

static void test_accept(void **state)
{
    char out[WS_ACCEPT_TEXT];

    (void)state;
    assert_true(ws_accept_key(out, SLICE("dGhlIHNhbXBsZSBub25jZQ==")));
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* RFC, 1.3 */
    assert_false(ws_accept_key(out, SLICE("dGhlIHNhbXBsZSBub25jZQ=")));
    assert_false(ws_accept_key(out, SLICE("dGhlIHNhbXBsZSBub25jZQ==\n")));
    assert_false(ws_accept_key(out, SLICE("dGhlIHNhbXBsZSBub25jZSAh")));
    assert_false(ws_accept_key(out, SLICE("dGhlIHNhbXBsZSBub25jZ!==")));
    assert_false(ws_accept_key(out, SLICE_NONE));
}

static void test_shared_messages(void **state)
{
    struct slice parts[] = {SLICE("4"), SLICE("2[]")};
    struct ws_message *m = ws_message_new(WS_TEXT, parts, 2);
    struct ws_message *raw = ws_message_new(0, parts, 1);
    struct ws_queue q = {0};
    int i;

    (void)state;
    assert_int_equal(m->len, 6);
    assert_memory_equal(m->bytes,
                        "\x81\x04"
                        "42[]",
                        6);
    assert_true(slice_is(ws_message_payload(m), "42[]"));
    assert_int_equal(raw->len, 1);
    for (i = 0; i < 10; i++) { /* round the ring */
        ws_queue_push(&q, m);
        ws_queue_push(&q, raw);
        ws_queue_push(&q, m);
        ws_queue_drop(&q, 2);
    }
    assert_int_equal(q.n, 10);
    assert_int_equal(q.bytes, 7 * 6 + 3);
    assert_int_equal(m->refs + raw->refs, 2 + 10);
    ws_queue_drop(&q, 9);
    assert_ptr_equal(ws_queue_at(&q, 0), m);
    ws_queue_release(&q);
    assert_null(q.ring);
    assert_int_equal(m->refs + raw->refs, 2);
    ws_message_unref(m);
    ws_message_unref(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_split_code_point),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_shared_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
