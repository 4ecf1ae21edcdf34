/* test_err.c - messages are set whole, cut at code points, and prefixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/utf8.h"

static void test_set(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(err_set(&e, ERR_NOT_FOUND, "no paper '%d'", 7),
                     ERR_NOT_FOUND);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_string_equal(e.msg, "no paper '7'");
    assert_string_equal(e.field, "");
    assert_int_equal(err_set(NULL, ERR_LIMIT, "nobody listens"), ERR_LIMIT);
}

static void test_field(void **state)
{
    char name[100];
    struct err e = {0};

    (void)state;
    assert_int_equal(err_field(&e, "days", "'days' is %s", "wrong"),
                     ERR_INVALID);
    assert_string_equal(e.field, "days");
    assert_string_equal(e.msg, "'days' is wrong");
    assert_int_equal(err_set(&e, ERR_INTERNAL, "later"), ERR_INTERNAL);
    assert_string_equal(e.field, "");
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(err_field(&e, name, "long"), ERR_INVALID);
    assert_int_equal(strlen(e.field), sizeof(e.field) - 1);
    assert_int_equal(err_field(NULL, "days", "nobody"), ERR_INVALID);
}

/* 3-byte characters: 399 bytes hold 133 of them, 398 only 132. */
static void test_cut_at_code_point(void **state)
{
    char text[1000];
    struct err e = {0};
    size_t i;

    (void)state;
    for (i = 0; i + 3 < sizeof(text); i += 3)
        memcpy(text + i, "\xE4\xBD\xA0", 3);
    text[i] = '\0';
    assert_int_equal(err_set(&e, ERR_INVALID, "%s", text), ERR_INVALID);
    assert_int_equal(strlen(e.msg), 399);
    assert_int_equal(err_set(&e, ERR_INVALID, "x%s", text), ERR_INVALID);
    assert_int_equal(strlen(e.msg), 397);
    assert_true(utf8_valid(slice_of(e.msg)));
    err_prefix(&e, "ab");
    assert_int_equal(strlen(e.msg), 398); /* "ab: x" and 131 characters */
    assert_true(utf8_valid(slice_of(e.msg)));
}

static void test_prefix(void **state)
{
    char text[500];
    struct err e = {0};

    (void)state;
    err_prefix(&e, "no error yet");
    assert_string_equal(e.msg, "");
    assert_int_equal(err_field(&e, "f", "cause"), ERR_INVALID);
    err_prefix(&e, "line %d", 3);
    err_prefix(&e, "file");
    assert_string_equal(e.msg, "file: line 3: cause");
    assert_string_equal(e.field, "f");
    assert_int_equal(e.code, ERR_INVALID);
    err_prefix(NULL, "nobody");
    memset(text, 'p', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_prefix(&e, "%s", text);
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void test_message_as_argument(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(err_set(&e, ERR_INVALID, "inner"), ERR_INVALID);
    assert_int_equal(err_set(&e, ERR_INTERNAL, "outer of %s", e.msg),
                     ERR_INTERNAL);
    assert_string_equal(e.msg, "outer of inner");
    assert_int_equal(err_field(&e, e.msg, "x"), ERR_INVALID);
    assert_string_equal(e.field, "outer of inner");
}

static void test_names(void **state)
{
    int i, k;

    (void)state;
    for (i = 0; i < ERR_N; i++)
        for (k = 0; k < i; k++)
            assert_string_not_equal(err_name((enum err_code)i),
                                    err_name((enum err_code)k));
    assert_string_equal(err_name(ERR_TOO_LARGE), "too_large");
    assert_string_equal(err_name(ERR_N), "unknown");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_field),
        cmocka_unit_test(test_cut_at_code_point),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_message_as_argument),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
