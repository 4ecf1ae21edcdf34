/* test_msgpack.c - MessagePack against what the official library writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "socketio/msgpack.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* As notepack.io 3.0.1 writes them. */
static const struct {
    const char *json, *hex;
    const char *back; /* NULL: the same */
} pairs[] = {
    {"null", "c0", NULL},
    {"true", "c3", NULL},
    {"[false,0,127,128,255,256,65535,65536,4294967295,4294967296,"
     "9007199254740991]",
     "9bc2007fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000cf001f"
     "ffffffffffff",
     NULL},
    {"[-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649,"
     "-9007199254740991]",
     "9affe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd3ffe000"
     "0000000001",
     NULL},
    {"[1.5,-0.25,1e3,1.0]", "94cb3ff8000000000000cbbfd0000000000000cd03e801",
     "[1.5,-0.25,1000,1]"},
    {"\"\xC3\xA9\\u20ac\\ud83c\\udf5c\\n\\\"\\\\/\"",
     "adc3a9e282acf09f8d9c0a225c2f",
     "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8D\x9C\\n\\\"\\\\/\""},
    {"{\"a\":1,\"b\":[],\"c\":{}}", "83a16101a16290a16380", NULL},
    {" { \"a\" : [ 1 , 2 ] } ", "81a161920102", "{\"a\":[1,2]}"},
    {"\"\"", "a0", NULL},
    /* our own: beyond JavaScript's numbers, and halves of surrogates */
    {"[18446744073709551615,-9223372036854775808]",
     "92cfffffffffffffffffd38000000000000000",
     "[1.8446744073709552e+19,-9223372036854775808]"},
    {"[1e300,1e999]", "92cb7e37e43c8800759cc0", "[1e+300,null]"},
    {"[\"\\ud83c\",\"\\udf5c\\ud83cx\"]", "92a3efbfbda7efbfbdefbfbd78",
     "[\"\xEF\xBF\xBD\",\"\xEF\xBF\xBD\xEF\xBF\xBDx\"]"},
};

static struct slice bytes_of(const char *hex, char *out)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        out[i] = (char)strtoul(two, NULL, 16);
    }
    return (struct slice){out, n};
}

static bool convert(struct slice bytes, struct buf *json,
                    struct msgpack_parts *parts)
{
    *parts = (struct msgpack_parts){.n = 0};
    buf_clear(json);
    return msgpack_to_json(&bytes, json, parts) && bytes.len == 0;
}

static void test_pairs(void **state)
{
    struct msgpack_parts parts;
    struct buf b, json;
    char hex[600], bytes[300];

    (void)state;
    buf_init(&b, 1000);
    buf_init(&json, 1000);
    for (size_t i = 0; i < N(pairs); i++) {
        buf_clear(&b);
        msgpack_from_json(&b, slice_of(pairs[i].json), NULL, 0);
        crypto_hex(hex, (const uint8_t *)b.p, b.len);
        assert_string_equal(hex, pairs[i].hex);
        assert_true(convert(bytes_of(pairs[i].hex, bytes), &json, &parts));
        assert_string_equal(json.p,
                            pairs[i].back ? pairs[i].back : pairs[i].json);
        assert_int_equal(parts.n, 0);
    }
    buf_release(&b);
    buf_release(&json);
}

/* Forms that we do not write, and times. */
static void test_read(void **state)
{
    static const struct {
        const char *hex, *json;
    } cases[] = {
        {"ca3fc00000", "1.5"},
        {"ca40000000", "2"},
        {"cb7ff8000000000000", "null"},
        {"cb7ff0000000000000", "null"},
        {"cf0000000000000001", "1"},
        {"d3ffffffffffffffff", "-1"},
        {"d300000000000000ff", "255"},
        {"d07f", "127"},
        {"d90161", "\"a\""},
        {"da000161", "\"a\""},
        {"db0000000161", "\"a\""},
        {"dc0001c0", "[null]"},
        {"dd00000001c0", "[null]"},
        {"de0001a161c0", "{\"a\":null}"},
        {"df00000001a161c0", "{\"a\":null}"},
        {"8205c0ffc0", "{\"5\":null,\"-1\":null}"},
        {"a1ff", "\"\xEF\xBF\xBD\""},
        {"d6ff00000000", "\"1970-01-01T00:00:00.000Z\""},
        {"d7ff1d5353006747b280", "\"2024-11-28T00:00:00.123Z\""},
        {"c70cff3b8b87c0ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\""},
        {"c70cff3b8b87c00000003afff4417f", "\"9999-12-31T23:59:59.999Z\""},
        {"c70cff000000007fffffffffffffff", "null"},
        {"d4007f", "null"},
        {"d700000001937011447b", "\"2024-11-28T00:00:00.123Z\""},
        {"d700ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\""},
        {"d7008000000000000000", "null"},
    };
    struct msgpack_parts parts;
    struct buf json;
    char bytes[300];

    (void)state;
    buf_init(&json, 1000);
    for (size_t i = 0; i < N(cases); i++) {
        struct slice s = bytes_of(cases[i].hex, bytes), skipped = s;

        if (!convert(s, &json, &parts))
            fail_msg("refused: %s", cases[i].hex);
        assert_string_equal(json.p, cases[i].json);
        assert_true(msgpack_skip(&skipped));
        assert_int_equal(skipped.len, 0);
    }
    buf_release(&json);
}

static void test_attachments(void **state)
{
    static const struct slice att[] = {SLICE_INIT("\x00\xff"), SLICE_INIT("z")};
    struct slice json = SLICE("[{\"num\":1,\"_placeholder\":true},"
                              "{\"_placeholder\":true,\"num\":0},"
                              "{\"_placeholder\":true,\"num\":2},"
                              "{\"_placeholder\":false,\"num\":0}]");
    struct msgpack_parts parts;
    struct buf b, out;
    char bytes[100];

    (void)state;
    buf_init(&b, 1000);
    buf_init(&out, 1000);
    msgpack_from_json(&b, json, att, 2);
    assert_true(convert(buf_slice(&b), &out, &parts));
    assert_string_equal(out.p, "[{\"_placeholder\":true,\"num\":0},"
                               "{\"_placeholder\":true,\"num\":1},"
                               "{\"_placeholder\":true,\"num\":2},"
                               "{\"_placeholder\":false,\"num\":0}]");
    assert_int_equal(parts.n, 2);
    assert_true(slice_eq(parts.part[0], att[1]));
    assert_true(slice_eq(parts.part[1], att[0]));
    /* without attachments it is an object like others */
    buf_clear(&b);
    msgpack_from_json(&b, json, NULL, 0);
    assert_true(convert(buf_slice(&b), &out, &parts));
    assert_int_equal(parts.n, 0);
    /* kinds that mean nothing to us; bytes of old */
    assert_true(convert(bytes_of("92d50561ffc702007a79", bytes), &out, &parts));
    assert_string_equal(out.p, "[[5,{\"_placeholder\":true,\"num\":0}],"
                               "{\"_placeholder\":true,\"num\":1}]");
    assert_true(slice_is(parts.part[1], "zy"));
    buf_release(&b);
    buf_release(&out);
}

/* The sizes at which the form changes. */
static void test_sizes(void **state)
{
    static const struct {
        size_t n;
        const char *str, *array, *bin;
    } cases[] = {
        {15, "af", "9f", "c40f"},
        {16, "b0", "dc0010", "c410"},
        {31, "bf", "dc001f", "c41f"},
        {32, "d920", "dc0020", "c420"},
        {255, "d9ff", "dc00ff", "c4ff"},
        {256, "da0100", "dc0100", "c50100"},
        {65535, "daffff", "dcffff", "c5ffff"},
        {65536, "db00010000", "dd00010000", "c600010000"},
    };
    struct buf b;
    char hex[20];

    (void)state;
    buf_init(&b, 200000);
    for (size_t i = 0; i < N(cases); i++) {
        char *zeros = mem_need(cases[i].n);
        struct slice s = {zeros, cases[i].n};

        buf_clear(&b);
        msgpack_put_str(&b, s);
        crypto_hex(hex, (const uint8_t *)b.p, strlen(cases[i].str) / 2);
        assert_string_equal(hex, cases[i].str);
        buf_clear(&b);
        msgpack_put_array(&b, s.len);
        crypto_hex(hex, (const uint8_t *)b.p, b.len);
        assert_string_equal(hex, cases[i].array);
        buf_clear(&b);
        msgpack_from_json(&b, SLICE("{\"_placeholder\":true,\"num\":0}"), &s,
                          1);
        crypto_hex(hex, (const uint8_t *)b.p, strlen(cases[i].bin) / 2);
        assert_string_equal(hex, cases[i].bin);
        assert_int_equal(b.len, s.len + strlen(cases[i].bin) / 2);
        mem_free(zeros);
    }
    buf_release(&b);
}

static void test_malformed(void **state)
{
    static const char *const texts[] = {
        "",
        "c1",
        "a161"
        "c1",
        "a2",
        "91",
        "81a161",
        "81c0c0",
        "81a1",
        "cc",
        "cd00",
        "ce000000",
        "cf00",
        "d0",
        "ca000000",
        "cb00",
        "c4",
        "c405",
        "c6ffffff",
        "c6ffffffff00",
        "d9",
        "dbffffffff00",
        "dcffff",
        "ddffffffffc0",
        "deffff",
        "dfffffffffc0c0",
        "d4",
        "d5ff",
        "c7ff",
        "c9ffffffff0000",
        "9bc400c400c400c400c400c400c400c400c400c400c400",
    };
    struct msgpack_parts parts;
    struct buf json;
    char bytes[300], deep[200];

    (void)state;
    buf_init(&json, 1000);
    for (size_t i = 0; i < N(texts); i++)
        if (convert(bytes_of(texts[i], bytes), &json, &parts))
            fail_msg("taken: %s", texts[i]);
    memset(deep, 0x91, sizeof(deep));
    deep[JSON_MAX_DEPTH - 3] = 0;
    assert_true(
        convert((struct slice){deep, JSON_MAX_DEPTH - 2}, &json, &parts));
    assert_true(json_scan_valid(buf_slice(&json)));
    deep[JSON_MAX_DEPTH - 3] = (char)0x91;
    deep[JSON_MAX_DEPTH - 2] = 0;
    assert_false(
        convert((struct slice){deep, JSON_MAX_DEPTH - 1}, &json, &parts));
    /* a kind of its own at the deepest place there is */
    memcpy(deep + JSON_MAX_DEPTH - 3, "\xd4\x05\x00", 3);
    assert_true(convert((struct slice){deep, JSON_MAX_DEPTH}, &json, &parts));
    buf_release(&json);
    buf_init(&json, 3); /* full */
    assert_false(convert(bytes_of("a474657874", bytes), &json, &parts));
    buf_release(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),       cmocka_unit_test(test_read),
        cmocka_unit_test(test_attachments), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
