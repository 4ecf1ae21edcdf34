/* test_json_scan.c - the scanner agrees with jansson where both look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/json_scan.h"

static const char *const good[] = {
    "0",
    "-0",
    "1.5e-7",
    "12E+3",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\\\"b\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
    "[]",
    "{}",
    " [ ] ",
    "[1,2]",
    "{\"a\":1}",
    "{\"a\" : [ {\"b\":null} , [] ] , \"c\":{}}\n",
    "[[[[]]]]",
    "[{},{\"a\":{}}]",
    "\"\xc3\xa9\"",
};

static const char *const bad[] = {
    "",          " ",    "01",      "-",         "1.",          ".5",
    "1e",        "1e+",  "+1",      "0x1",       "tru",         "True",
    "nul",       "\"",   "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"",
    "[",         "]",    "[1",      "[1,]",      "[,1]",        "[1 2]",
    "{",         "}",    "{a:1}",   "{\"a\"}",   "{\"a\":}",    "{\"a\":1,}",
    "{1:1}",     "[}",   "{]",      "[1]]",      "1 1",         "[1}",
    "{\"a\":1]", "\"\\", "nan",     "[1]x",
};

/* Only what a peer may write and jansson will not take. */
static const char *const wider[] = {
    "123456789012345678901234567890",
    "1e400",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "{\"a\":1,\"a\":2}",
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static bool jansson_takes(const char *text)
{
    json_t *v = NULL;
    bool ok = json_parse(&v, slice_of(text), NULL) == ERR_NONE;

    json_decref(v);
    return ok;
}

static void test_valid(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < N(good); i++) {
        if (!json_scan_valid(slice_of(good[i])) || !jansson_takes(good[i]))
            fail_msg("should be valid: %s", good[i]);
    }
    for (i = 0; i < N(bad); i++)
        if (json_scan_valid(slice_of(bad[i])) || jansson_takes(bad[i]))
            fail_msg("should not be valid: %s", bad[i]);
    for (i = 0; i < N(wider); i++)
        if (!json_scan_valid(slice_of(wider[i])) || jansson_takes(wider[i]))
            fail_msg("should be valid here only: %s", wider[i]);
}

/* Every prefix of a valid object is invalid, and nothing reads past it. */
static void test_prefixes(void **state)
{
    static const char text[] = "{\"a\":[1.5e3,\"\\u00e9\",true,{}],\"b\":null}";
    size_t n;
    char *copy;

    (void)state;
    for (n = 0; n < sizeof(text) - 1; n++) {
        copy = malloc(n ? n : 1); /* ASan guards its end */
        memcpy(copy, text, n);
        assert_false(json_scan_valid((struct slice){copy, n}));
        free(copy);
    }
    assert_true(json_scan_valid(slice_of(text)));
}

static void test_depth(void **state)
{
    char text[2 * JSON_MAX_DEPTH + 3];

    (void)state;
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    assert_true(json_scan_valid((struct slice){text, 2 * JSON_MAX_DEPTH}));
    memset(text, '[', JSON_MAX_DEPTH + 1);
    memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    assert_false(json_scan_valid((struct slice){text, 2 * JSON_MAX_DEPTH + 2}));
}

static void test_elements(void **state)
{
    struct slice array = SLICE(" [ 1 , \"a,]\" ,{\"b\":[2,3]},[ ] ] ");
    static const char *const want[] = {"1", "\"a,]\"", "{\"b\":[2,3]}", "[ ]"};
    struct slice element;
    size_t pos = 0, i;

    (void)state;
    for (i = 0; i < N(want); i++) {
        assert_true(json_scan_next(array, &pos, &element));
        assert_true(slice_is(element, want[i]));
    }
    assert_false(json_scan_next(array, &pos, &element));
    pos = 0;
    assert_false(json_scan_next(SLICE("[ ]"), &pos, &element));
}

static void test_members(void **state)
{
    struct slice object = SLICE(" { \"a\" : 1 ,\"b}\\\"\":[ {} ], \"\":{ } } ");
    static const char *const want[] = {"\"a\"",  "1",    "\"b}\\\"\"",
                                       "[ {} ]", "\"\"", "{ }"};
    struct slice key, value;
    size_t pos = 0, i;

    (void)state;
    for (i = 0; i < N(want); i += 2) {
        assert_true(json_scan_member(object, &pos, &key, &value));
        assert_true(slice_is(key, want[i]));
        assert_true(slice_is(value, want[i + 1]));
    }
    assert_false(json_scan_member(object, &pos, &key, &value));
    pos = 0;
    assert_false(json_scan_member(SLICE("{ }"), &pos, &key, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),   cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_depth),   cmocka_unit_test(test_elements),
        cmocka_unit_test(test_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
