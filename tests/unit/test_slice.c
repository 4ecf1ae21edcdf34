/* test_slice.c - comparing, searching, splitting, and numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/slice.h"

static void test_compare(void **state)
{
    (void)state;
    assert_true(slice_eq(SLICE_NONE, SLICE("")));
    assert_true(slice_eq(SLICE("a\0b"), SLICE("a\0b")));
    assert_false(slice_eq(SLICE("a\0b"), SLICE("a\0c")));
    assert_false(slice_eq(SLICE("a"), SLICE("ab")));
    assert_true(slice_is(SLICE("abc"), "abc"));
    assert_false(slice_is(SLICE("abc"), "abC"));
    assert_true(slice_is_nocase(SLICE("Content-LENGTH"), "content-length"));
    assert_false(slice_is_nocase(SLICE("ab"), "abc"));
    assert_false(slice_is_nocase(SLICE("a@"), "a`")); /* differ by 0x20 */
    assert_true(slice_cmp(SLICE("a"), SLICE("ab")) < 0);
    assert_true(slice_cmp(SLICE("b"), SLICE("ab")) > 0);
    assert_true(slice_cmp(SLICE("\xFF"), SLICE("a")) > 0);
    assert_int_equal(slice_cmp(SLICE_NONE, SLICE("")), 0);
    assert_null(slice_of(NULL).p);
}

static void test_search(void **state)
{
    (void)state;
    assert_true(slice_starts(SLICE("abc"), "ab"));
    assert_false(slice_starts(SLICE("a"), "ab"));
    assert_true(slice_starts(SLICE_NONE, ""));
    assert_true(slice_ends(SLICE("abc"), "bc"));
    assert_false(slice_ends(SLICE("c"), "bc"));
    assert_int_equal(slice_find_byte(SLICE("a\0b"), 'b'), 2);
    assert_int_equal(slice_find_byte(SLICE_NONE, 'b'), -1);
    assert_int_equal(slice_find(SLICE("ababc"), SLICE("abc")), 2);
    assert_int_equal(slice_find(SLICE("ab"), SLICE("abc")), -1);
    assert_int_equal(slice_find(SLICE_NONE, SLICE("")), 0);
    assert_true(slice_is(slice_trim(SLICE(" \t\r\n a b \v\f")), "a b"));
    assert_int_equal(slice_trim(SLICE(" \n ")).len, 0);
    assert_true(slice_is(slice_sub(SLICE("hello"), 1, 3), "el"));
    assert_true(slice_is(slice_sub(SLICE("hello"), 3, 99), "lo"));
    assert_int_equal(slice_sub(SLICE("hello"), 4, 2).len, 0);
    assert_int_equal(slice_sub(SLICE_NONE, 1, 2).len, 0);
}

static void test_split(void **state)
{
    struct slice rest = SLICE("a,,bc,"), part;

    (void)state;
    assert_true(slice_split(&rest, ',', &part) && slice_is(part, "a"));
    assert_true(slice_split(&rest, ',', &part) && slice_is(part, ""));
    assert_true(slice_split(&rest, ',', &part) && slice_is(part, "bc"));
    assert_true(slice_split(&rest, ',', &part) && slice_is(part, ""));
    assert_false(slice_split(&rest, ',', &part));
    rest = SLICE("");
    assert_true(slice_split(&rest, ',', &part) && part.len == 0);
    assert_false(slice_split(&rest, ',', &part));
    rest = SLICE_NONE;
    assert_false(slice_split(&rest, ',', &part));
}

static void test_integers(void **state)
{
    static const char *const bad[] = {"",    "-",
                                      "+1",  " 1",
                                      "1 ",  "1.0",
                                      "0x1", "18446744073709551616",
                                      "1e3", "99999999999999999999"};
    uint64_t u = 5;
    int64_t i = 5;
    size_t k;

    (void)state;
    for (k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        assert_false(slice_to_u64(slice_of(bad[k]), &u));
        assert_false(slice_to_i64(slice_of(bad[k]), &i));
    }
    assert_false(slice_to_u64(SLICE("-1"), &u));
    assert_false(slice_to_i64(SLICE("--1"), &i));
    assert_false(slice_to_i64(SLICE("9223372036854775808"), &i));
    assert_false(slice_to_i64(SLICE("-9223372036854775809"), &i));
    assert_int_equal(u, 5);
    assert_int_equal(i, 5);
    assert_true(slice_to_u64(SLICE("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    assert_true(slice_to_u64(SLICE("007"), &u) && u == 7);
    assert_true(slice_to_i64(SLICE("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_true(slice_to_i64(SLICE("9223372036854775807"), &i));
    assert_true(i == INT64_MAX);
    assert_true(slice_to_i64(SLICE("-0"), &i) && i == 0);
}

static void test_doubles(void **state)
{
    static const char *const bad[] = {
        "",      "-",   ".5",  "5.",    "+1",     "01", "-01", "1e",  "1e+",
        "0x1p3", "inf", "nan", "1e999", "-1e999", " 1", "1 ",  "1,5", "1.5.5"};
    char longest[SLICE_DOUBLE_MAX + 1];
    double d = 5;
    size_t k;

    (void)state;
    for (k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
        if (slice_to_double(slice_of(bad[k]), &d))
            fail_msg("'%s' was taken as a number", bad[k]);
    assert_true(d == 5);
    assert_true(slice_to_double(SLICE("-0.25"), &d) && d == -0.25);
    assert_true(slice_to_double(SLICE("1E-2"), &d) && d == 0.01);
    assert_true(slice_to_double(SLICE("0"), &d) && d == 0);
    assert_true(slice_to_double((struct slice){"12", 1}, &d) && d == 1);
    memset(longest, '1', sizeof(longest));
    assert_false(slice_to_double((struct slice){longest, sizeof(longest)}, &d));
    longest[1] = '.';
    assert_true(slice_to_double((struct slice){longest, SLICE_DOUBLE_MAX}, &d));
}

/* Numbers as text: the edges, and all against printf. */
static void test_num(void **state)
{
    static const uint64_t values[] = {0,   9,     10,      99,
                                      100, 12345, 1000000, UINT64_MAX};
    char text[NUM_TEXT], expected[NUM_TEXT];
    size_t k;

    (void)state;
    for (k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
        snprintf(expected, sizeof(expected), "%llu",
                 (unsigned long long)values[k]);
        assert_int_equal(num_u64(text, values[k]), strlen(expected));
        assert_string_equal(text, expected);
    }
    assert_int_equal(num_i64(text, INT64_MIN), 20);
    assert_string_equal(text, "-9223372036854775808");
    assert_int_equal(num_i64(text, -5), 2);
    assert_string_equal(text, "-5");
}

/* Random doubles read back equal; under a locale with a decimal comma too,
 * where one is installed. */
static void test_num_double_reads_back(void **state)
{
    uint64_t seed = 88172645463325252ull;
    char text[NUM_TEXT];
    double v, back;
    int k;

    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        setlocale(LC_ALL, "fr_FR.UTF-8");
    for (k = 0; k < 200000; k++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        if (k % 2) /* any bit pattern */
            memcpy(&v, &seed, sizeof(v));
        else /* few decimals, the fast way */
            v = (double)(seed % 100000000000) / (k % 4 ? 1e6 : 1e3);
        if (v != v || v - v != 0)
            continue;
        if (num_double(text, v) != strlen(text))
            fail_msg("%a: length of %s", v, text);
        if (!slice_to_double(slice_of(text), &back) || back != v)
            fail_msg("%a became '%s'", v, text);
    }
    setlocale(LC_ALL, "C");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_num),
        cmocka_unit_test(test_num_double_reads_back),
    };

    return cmocka_run_group_tests_name("slice", tests, NULL, NULL);
}
