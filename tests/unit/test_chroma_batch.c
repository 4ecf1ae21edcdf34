/* test_chroma_batch.c - bodies of add, upsert and update. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_scan.h"
#include "chroma/batch.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64u << 20);
    return arena ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct record_batch read_as(enum records_put how, const char *body)
{
    struct record_batch b;
    struct err e = {0};

    if (batch_read(&b, arena, slice_of(body), how, &e) != ERR_NONE)
        fail_msg("%s: %s", body, e.msg);
    return b;
}

static void columns(void **state)
{
    struct record_batch b = read_as(
        RECORDS_ADD, " {\"metadatas\":[{\"b\":1.0,\"a\":[true]},null,{}], "
                     "\"later\":{\"x\":[1]},"
                     "\"uris\":null,\"documents\":[\"a "
                     "\\u00e9\\n\\ud83d\\ude00\",\"\",null],"
                     "\"embeddings\":[[1,-2.5],\"AACAPwAAAEA=\",[1e2 , 5E-1]],"
                     "\"ids\":[\"one\",\"t\\\"wo\",\"three\"]} ");

    (void)state;
    assert_int_equal(b.n, 3);
    assert_int_equal(b.dim, 2);
    assert_int_equal(b.how, RECORDS_ADD);
    assert_true(slice_is(b.records[0].id, "one"));
    assert_true(slice_is(b.records[1].id, "t\"wo"));
    assert_true(
        slice_is(b.records[0].document, "a \xc3\xa9\n\xf0\x9f\x98\x80"));
    assert_non_null(b.records[1].document.p);
    assert_int_equal(b.records[1].document.len, 0);
    assert_null(b.records[2].document.p);
    assert_null(b.records[0].uri.p);
    assert_true(slice_is(b.records[0].metadata, "{\"b\":1.0,\"a\":[true]}"));
    assert_null(b.records[1].metadata.p);
    assert_null(b.records[2].metadata.p);
    assert_true(b.records[0].vector[0] == 1.0f);
    assert_true(b.records[0].vector[1] == -2.5f);
    assert_true(b.records[1].vector[0] == 1.0f);
    assert_true(b.records[1].vector[1] == 2.0f);
    assert_true(b.records[2].vector[0] == 100.0f);
    assert_true(b.records[2].vector[1] == 0.5f);
}

static void updates(void **state)
{
    struct record_batch b = read_as(
        RECORDS_UPDATE, "{\"ids\":[\"a\",\"b\"],\"embeddings\":[null,[1]],"
                        "\"metadatas\":[{\"gone\":null},null]}");

    (void)state;
    assert_null(b.records[0].vector);
    assert_true(b.records[1].vector[0] == 1.0f);
    assert_true(slice_is(b.records[0].metadata, "{\"gone\":null}"));
    b = read_as(RECORDS_UPDATE, "{\"ids\":[\"a\"],\"embeddings\":null}");
    assert_int_equal(b.dim, 0);
    assert_null(b.records[0].vector);
    b = read_as(RECORDS_ADD, "{\"ids\":[],\"embeddings\":[]}");
    assert_int_equal(b.n, 0);
}

static void refused(void **state)
{
    static const struct {
        const char *body;
        enum err_code code;
        const char *says;
    } cases[] = {
        {"", ERR_INVALID, "parse the request body"},
        {"{\"ids\":[\"a\"],}", ERR_INVALID, "at byte"},
        {"{} x", ERR_INVALID, "at byte"},
        {"{}\v", ERR_INVALID, "at byte 2"},
        {"[]", ERR_UNPROCESSABLE, "object"},
        {"{\"ids\":[\"a\"]}", ERR_UNPROCESSABLE, "missing field `embeddings`"},
        {"{\"embeddings\":[[1]]}", ERR_UNPROCESSABLE, "missing field `ids`"},
        {"{\"ids\":[\"a\"],\"ids\":[],\"embeddings\":[[1]]}", ERR_UNPROCESSABLE,
         "duplicate field `ids`"},
        {"{\"ids\":{},\"embeddings\":[[1]]}", ERR_UNPROCESSABLE,
         "ids: must be a list"},
        {"{\"ids\":[1],\"embeddings\":[[1]]}", ERR_UNPROCESSABLE, "ids[0]"},
        {"{\"ids\":[\"\"],\"embeddings\":[[1]]}", ERR_INVALID, "Empty ID"},
        {"{\"ids\":[\"a\"],\"embeddings\":[[1],[2]]}", ERR_INVALID,
         "Inconsistent number"},
        {"{\"ids\":[\"a\"],\"embeddings\":[[1,[2]]]}", ERR_UNPROCESSABLE,
         "embeddings[0]"},
        {"{\"ids\":[\"a\"],\"embeddings\":[[1,null]]}", ERR_UNPROCESSABLE,
         "embeddings[0]"},
        {"{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1,2],[1,2,3]]}", ERR_INVALID,
         "Inconsistent dimensions"},
        {"{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1,2],[1]]}", ERR_INVALID,
         "Inconsistent dimensions"},
        {"{\"ids\":[\"a\"],\"embeddings\":[[1e39]]}", ERR_INVALID, "Infinity"},
        {"{\"ids\":[\"a\"],\"embeddings\":[[-1e400]]}", ERR_INVALID,
         "Infinity"},
        {"{\"ids\":[\"a\"],\"embeddings\":[[1]],\"uris\":[\"a\\u0000\"]}",
         ERR_INVALID, "uris[0]"},
        {"{\"ids\":[\"a\"],\"embeddings\":[[1]],\"metadatas\":[[]]}",
         ERR_UNPROCESSABLE, "metadatas[0]"},
        {"{\"ids\":[\"a\"],\"embeddings\":[[1]],\"metadatas\":[{\"a\":1,"
         "\"a\":2}]}",
         ERR_INVALID, "metadatas[0]: malformed JSON: duplicate key"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct record_batch b;
        struct err e = {0};

        if (batch_read(&b, arena, slice_of(cases[i].body), RECORDS_ADD, &e) !=
            cases[i].code)
            fail_msg("%s: %d %s", cases[i].body, (int)e.code, e.msg);
        if (!strstr(e.msg, cases[i].says))
            fail_msg("%s: '%s' does not say '%s'", cases[i].body, e.msg,
                     cases[i].says);
    }
}

/* ---- numbers ---- */

static void check_number(const char *text)
{
    char array[600];
    float got = 0;
    size_t n = 0;

    snprintf(array, sizeof(array), "[%s]", text);
    if (!batch_read_floats(slice_of(array), &got, 1, &n) || n != 1 ||
        got != (float)strtod(text, NULL))
        fail_msg("%s became %.9g", text, (double)got);
}

static void numbers(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "-1.5",
        "0.1",
        "1e-45",
        "1E+38",
        "3.4028234663852886e38",
        "1e22",
        "1e23",
        "123456789",
        "0.000000000000000000000123",
        "1e-400",
        "1e39",
        "-1e999",
        "1.00000005960464477539",
        "9007199254740993",
        "12345678901234567890123",
        "0.30000001192092896",
        "100000000000000000000000e-10",
        "16777217",
        "0e999999999999",
        "1e-99999999999",
    };
    uint32_t bits = 12345;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        check_number(texts[i]);
    for (int i = 0; i < 200000; i++) {
        char text[60];
        float v;

        bits = bits * 1664525u + 1013904223u;
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v))
            continue;
        snprintf(text, sizeof(text), "%.*g", 6 + i % 14, (double)v);
        check_number(text);
    }
}

/* The walk over strings takes eight bytes at a time. */
static void strings_of_every_length(void **state)
{
    static const char odd[] = {'"', '\\', '\n', 0x1F, ' ', 0x7F, (char)0xC3};

    (void)state;
    for (size_t len = 0; len < 40; len++) {
        for (size_t at = 0; at < len; at++) {
            for (size_t k = 0; k < sizeof(odd); k++) {
                char text[64] = "\"";
                size_t pos = 0;
                bool plain = k >= 4;

                memset(text + 1, 'a', len);
                text[1 + at] = odd[k];
                text[1 + len] = '"';
                if (json_skip((struct slice){text, len + 2}, &pos) &&
                    pos == len + 2) {
                    if (!plain)
                        fail_msg("byte %d at %zu of %zu is taken", odd[k], at,
                                 len);
                } else if (plain) {
                    fail_msg("byte %d at %zu of %zu is refused", odd[k], at,
                             len);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(columns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(updates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused, set_up, tear_down),
        cmocka_unit_test(numbers),
        cmocka_unit_test(strings_of_every_length),
    };

    return cmocka_run_group_tests_name("chroma_batch", tests, NULL, NULL);
}
