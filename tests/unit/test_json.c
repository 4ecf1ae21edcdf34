/* test_json.c - what we write reads back, what we refuse says where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

/* The string as JSON, in a buffer of its own. */
static char *quoted(const char *p, size_t n)
{
    struct buf out;
    struct jw j;

    buf_init(&out, 1 << 20);
    jw_init(&j, &out);
    jw_slice(&j, (struct slice){p, n});
    return buf_take(&out, NULL);
}

static void assert_quoted(const char *p, size_t n, const char *expected)
{
    char *got = quoted(p, n);

    assert_non_null(got);
    assert_string_equal(got, expected);
    free(got);
}

static void test_structure(void **state)
{
    struct buf out;
    struct jw j;

    (void)state;
    buf_init(&out, 1000);
    jw_init(&j, &out);
    jw_obj(&j);
    jw_kint(&j, "a", INT64_MIN);
    jw_kstr(&j, "b", NULL);
    jw_kslice(&j, "c", SLICE("x\"y"));
    jw_key(&j, "d");
    jw_arr(&j);
    jw_obj(&j);
    jw_end_obj(&j);
    jw_arr(&j);
    jw_end_arr(&j);
    jw_bool(&j, true);
    jw_int(&j, 0);
    jw_end_arr(&j);
    jw_kbool(&j, "e", false);
    jw_knull(&j, "f");
    jw_ktime(&j, "g", 0);
    jw_ktime(&j, "h", INT64_C(1762173296500000));
    jw_kraw(&j, "i", SLICE("[1,2]"));
    jw_kdouble(&j, "j", 0.85);
    jw_key_slice(&j, SLICE("k\n"));
    jw_str(&j, "");
    jw_end_obj(&j);
    assert_true(buf_ok(&out));
    assert_int_equal(j.depth, 0);
    assert_string_equal(
        out.p, "{\"a\":-9223372036854775808,\"b\":null,\"c\":\"x\\\"y\","
               "\"d\":[{},[],true,0],\"e\":false,\"f\":null,\"g\":null,"
               "\"h\":\"2025-11-03T12:34:56.500000Z\",\"i\":[1,2],\"j\":0.85,"
               "\"k\\n\":\"\"}");
    buf_release(&out);
}

static void test_deep_nesting(void **state)
{
    struct buf out;
    struct jw j;
    int i;

    (void)state;
    buf_init(&out, 1000);
    jw_init(&j, &out);
    for (i = 0; i < JSON_MAX_DEPTH / 2; i++) {
        jw_arr(&j);
        jw_int(&j, 1);
        jw_obj(&j);
        jw_key(&j, "k");
    }
    jw_null(&j);
    for (i = 0; i < JSON_MAX_DEPTH / 2; i++) {
        jw_end_obj(&j);
        jw_int(&j, 2);
        jw_end_arr(&j);
    }
    assert_true(buf_ok(&out));
    assert_memory_equal(out.p, "[1,{\"k\":[1,", 11);
    assert_memory_equal(out.p + out.len - 8, "},2]},2]", 8);
    buf_release(&out);
}

static void test_escapes(void **state)
{
    (void)state;
    assert_quoted("", 0, "\"\"");
    assert_quoted("\"\\/\b\f\n\r\t", 8, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    assert_quoted("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"");
    assert_quoted("a\xC3\xA9\xF0\x9F\x98\x80", 7,
                  "\"a\xC3\xA9\xF0\x9F\x98\x80\"");
    /* not UTF-8: stray tail, cut sequence, overlong, surrogate */
    assert_quoted("x\x80y", 3, "\"x\xEF\xBF\xBDy\"");
    assert_quoted("x\xC3", 2, "\"x\xEF\xBF\xBD\"");
    assert_quoted("\xC0\xAF", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    assert_quoted("\xED\xA0\x80\n", 4,
                  "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\\n\"");
}

/* Every byte at every position of a run: what comes out reads back equal, by
 * jansson's judgement, which is not ours. */
static void test_every_byte_everywhere(void **state)
{
    char text[40], *got;
    unsigned byte, at;

    (void)state;
    for (byte = 0; byte < 0x80; byte++) {
        for (at = 0; at < sizeof(text); at++) {
            json_t *v;

            memset(text, 'a', sizeof(text));
            memcpy(text + (at + 20) % 38, "\xC3\xA9", 2);
            text[(at + 20) % 38 == at || (at + 20) % 38 + 1 == at ? 0 : at] =
                (char)byte;
            if ((at + 20) % 38 == 0)
                memcpy(text, "\xC3\xA9", 2);
            got = quoted(text, sizeof(text));
            assert_non_null(got);
            v = json_loads(got, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            assert_non_null(v);
            assert_int_equal(json_string_length(v), sizeof(text));
            assert_memory_equal(json_string_value(v), text, sizeof(text));
            json_decref(v);
            free(got);
        }
    }
}

static void assert_double(double v, const char *expected)
{
    struct buf out;
    struct jw j;

    buf_init(&out, 100);
    jw_init(&j, &out);
    jw_double(&j, v);
    assert_true(buf_ok(&out));
    assert_string_equal(out.p, expected);
    buf_release(&out);
}

/* Expected texts are Python's repr(). */
static void test_doubles(void **state)
{
    (void)state;
    assert_double(0.0, "0.0");
    assert_double(-0.0, "-0.0");
    assert_double(1.0, "1.0");
    assert_double(-100.0, "-100.0");
    assert_double(0.85, "0.85");
    assert_double(0.1 + 0.2, "0.30000000000000004");
    assert_double(1.0 / 3, "0.3333333333333333");
    assert_double(66.66666666666667, "66.66666666666667");
    assert_double(1e-7, "1e-07");
    assert_double(0.0001, "0.0001");
    assert_double(0.00012, "0.00012");
    assert_double(0.000001, "1e-06");
    assert_double(9007199254740991.0, "9007199254740991.0");
    assert_double(9007199254740993.0, "9007199254740992.0");
    assert_double(1e22, "1e+22");
    assert_double(1.7976931348623157e308, "1.7976931348623157e+308");
    assert_double(5e-324, "5e-324");
    assert_double(123456789.123456, "123456789.123456");
    assert_double(3999999999.999999, "3999999999.999999");
    assert_double(8930499157.40552, "8930499157.40552");
    assert_double(0.0 / 0.0, "null");
    assert_double(1.0 / 0.0, "null");
}

static void test_full_buffer_is_sticky(void **state)
{
    struct buf out;
    struct jw j;

    (void)state;
    buf_init(&out, 20);
    jw_init(&j, &out);
    jw_obj(&j);
    jw_kstr(&j, "key", "much too long for this buffer");
    jw_kint(&j, "n", 1);
    jw_end_obj(&j);
    assert_false(buf_ok(&out));
    assert_true(out.len <= 20);
    buf_release(&out);
}

/* ---- reading --------------------------------------------------------------
 */

static json_t *parsed(const char *text)
{
    json_t *v = NULL;
    struct err e = {0};

    if (json_parse(&v, slice_of(text), &e))
        fail_msg("%s", e.msg);
    return v;
}

static void test_parse_and_get(void **state)
{
    json_t *v = parsed("{\"s\":\"h\\u00e9\",\"i\":7,\"d\":1.5,\"n\":null}");

    (void)state;
    assert_true(slice_is(json_get_slice(v, "s"), "h\xC3\xA9"));
    assert_null(json_get_slice(v, "i").p);
    assert_null(json_get_slice(v, "absent").p);
    assert_int_equal(json_get_int(v, "i", -1), 7);
    assert_int_equal(json_get_int(v, "d", -1), -1);
    assert_int_equal(json_get_int(v, "n", -1), -1);
    assert_true(json_get_double(v, "d", -1) == 1.5);
    assert_true(json_get_double(v, "i", -1) == 7);
    assert_true(json_get_double(v, "s", -1) == -1);
    assert_true(json_get_double(NULL, "s", -1) == -1);
    json_decref(v);
    v = parsed(" 12 ");
    assert_int_equal(json_integer_value(v), 12);
    assert_null(json_get_slice(v, "s").p);
    json_decref(v);
}

/* A tree written by jw_value and read again is the same tree. */
static void test_value_round_trip(void **state)
{
    json_t *v = parsed("{\"a\":[1,-2,3.25,true,false,null,\"\\u0001\\\"\"],"
                       "\"b\":{\"c\":{}},\"d\":[],\"e\":1.0}");
    struct buf out;
    struct jw j;
    json_t *again = NULL;

    (void)state;
    buf_init(&out, 1000);
    jw_init(&j, &out);
    jw_value(&j, v);
    assert_true(buf_ok(&out));
    assert_int_equal(json_parse(&again, buf_slice(&out), NULL), ERR_NONE);
    assert_true(json_equal(v, again));
    json_decref(v);
    json_decref(again);
    buf_release(&out);
}

static void test_parse_refuses(void **state)
{
    static const struct {
        struct slice text;
        const char *message;
    } cases[] = {
        {SLICE_INIT(""), "unexpected end at line 1, column 1 (byte 0)"},
        {SLICE_INIT("{\"a\":1"), "unexpected end at line 1, column 7 (byte 6)"},
        {SLICE_INIT("{\n \"\xC3\xA9\": x}"),
         "syntax error near line 2, column 8 "},
        {SLICE_INIT("[1,]"), "syntax error near line 1, column 5 (byte 4)"},
        {SLICE_INIT("{'a':1}"), "syntax error near line 1"},
        {SLICE_INIT("[01]"), "near line 1"},
        {SLICE_INIT("NaN"), "syntax error"},
        {SLICE_INIT("{} x"), "something after the end"},
        {SLICE_INIT("{\"a\":1,\"a\":2}"), "duplicate key"},
        {SLICE_INIT("\"a\\u0000b\""), "NUL character"},
        {SLICE_INIT("{\"a\\u0000b\":1}"), "NUL character"},
        {SLICE_INIT("\"a\0b\""), "NUL byte at line 1, column 3 (byte 2)"},
        {SLICE_INIT("12\0"), "NUL byte at line 1, column 3 (byte 2)"},
        {SLICE_INIT("{\"a\":1\0}"), "NUL byte at"},
        {SLICE_INIT("99999999999999999999"), "number out of range"},
        {SLICE_INIT("1e999"), "number out of range"},
        {SLICE_INIT("\"\\ud800\""), "syntax error"},
        {SLICE_INIT("\"ab\xFF\""), "not UTF-8 at line 1, column 4 (byte 3)"},
        {SLICE_INIT("[\n\"\xC3\xA9\xC3\"]"),
         "not UTF-8 at line 2, column 3 (byte 5)"},
        {SLICE_INIT("\xEF\xBB\xBF{}"), "syntax error"},
    };
    json_t *v = NULL;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = {0};

        assert_int_equal(json_parse(&v, cases[i].text, &e), ERR_INVALID);
        if (!strstr(e.msg, cases[i].message))
            fail_msg("'%s' does not say '%s'", e.msg, cases[i].message);
    }
    assert_null(v);
}

static void test_depth_limit(void **state)
{
    char text[2 * JSON_MAX_DEPTH + 3];
    json_t *v = NULL;
    struct err e = {0};
    size_t n = JSON_MAX_DEPTH;

    (void)state;
    memset(text, '[', n);
    memset(text + n, ']', n);
    assert_int_equal(json_parse(&v, (struct slice){text, 2 * n}, &e), ERR_NONE);
    json_decref(v);
    memset(text, '[', n + 1);
    memset(text + n + 1, ']', n + 1);
    assert_int_equal(json_parse(&v, (struct slice){text, 2 * n + 2}, &e),
                     ERR_INVALID);
    assert_non_null(strstr(e.msg, "nested too deeply"));
    /* brackets in strings are no nesting, nor behind an escaped quote */
    v = parsed("\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
               "[[[[[[[[[[[[[[[[[[[[[[\"");
    json_decref(v);
}

static void test_size_limit(void **state)
{
    struct slice big = {"", (size_t)JSON_MAX_BYTES + 1};
    json_t *v = NULL;
    struct err e = {0};

    (void)state;
    /* the bytes are never looked at */
    assert_int_equal(json_parse(&v, big, &e), ERR_TOO_LARGE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_every_byte_everywhere),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_full_buffer_is_sticky),
        cmocka_unit_test(test_parse_and_get),
        cmocka_unit_test(test_value_round_trip),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_depth_limit),
        cmocka_unit_test(test_size_limit),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
