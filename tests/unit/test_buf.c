/* test_buf.c - growth up to the maximum, sticky failure, taking and dropping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_append(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    assert_true(buf_ok(&b));
    assert_int_equal(buf_slice(&b).len, 0);
    buf_add(&b, "a\0b", 3);
    buf_add(&b, NULL, 0);
    buf_add_slice(&b, SLICE_NONE);
    buf_add_slice(&b, SLICE("cd"));
    buf_add_str(&b, "ef");
    buf_add_char(&b, 'g');
    buf_add_u64(&b, UINT64_MAX);
    buf_add_i64(&b, -42);
    buf_printf(&b, "<%s %d>", "x", 7);
    assert_true(buf_ok(&b));
    assert_true(slice_eq(buf_slice(&b),
                         SLICE("a\0bcdefg18446744073709551615-42<x 7>")));
    assert_int_equal(b.p[b.len], '\0');
    buf_release(&b);
    assert_null(b.p);
}

static void test_maximum(void **state)
{
    char block[100];
    struct buf b;

    (void)state;
    memset(block, 'x', sizeof(block));
    buf_init(&b, 100);
    buf_add(&b, block, 100); /* exactly full is fine */
    assert_true(buf_ok(&b));
    buf_add_char(&b, 'y');
    assert_false(buf_ok(&b));
    assert_int_equal(b.len, 100);
    buf_cut(&b, 10);
    buf_add_char(&b, 'z'); /* would fit, but failure is sticky */
    assert_int_equal(b.len, 10);
    assert_false(buf_ok(&b));
    buf_clear(&b);
    assert_true(buf_ok(&b));
    buf_add_char(&b, 'z');
    assert_true(slice_is(buf_slice(&b), "z"));
    buf_release(&b);

    buf_init(&b, 0);
    buf_add(&b, "", 0);
    assert_true(buf_ok(&b));
    buf_add_char(&b, 'x');
    assert_false(buf_ok(&b));
    buf_release(&b);
}

static void test_printf_at_the_edges(void **state)
{
    struct buf b;
    int n;

    (void)state;
    /* around the first capacity, and around the maximum */
    for (n = 240; n <= 270; n++) {
        buf_init(&b, 260);
        buf_add_char(&b, '>');
        buf_printf(&b, "%*d", n, 5);
        if (n + 1 <= 260) {
            assert_true(buf_ok(&b));
            assert_int_equal(b.len, n + 1);
            assert_int_equal(b.p[n], '5');
        } else {
            assert_false(buf_ok(&b));
            assert_true(slice_is(buf_slice(&b), ">"));
        }
        assert_int_equal(b.p[b.len], '\0');
        buf_release(&b);
    }
}

static void test_take(void **state)
{
    size_t n = 99;
    struct buf b;
    char *p;

    (void)state;
    buf_init(&b, 100);
    p = buf_take(&b, &n);
    assert_string_equal(p, "");
    assert_int_equal(n, 0);
    free(p);
    buf_add_str(&b, "again");
    p = buf_take(&b, &n);
    assert_string_equal(p, "again");
    assert_int_equal(n, 5);
    free(p);
    assert_int_equal(b.len, 0);
    buf_printf(&b, "%200d", 1);
    assert_null(buf_take(&b, &n));
    assert_true(buf_ok(&b)); /* it has been released */
}

static void test_room(void **state)
{
    struct buf b;
    char *p;
    int i;

    (void)state;
    buf_init(&b, 10000);
    for (i = 0; i < 100; i++) {
        p = buf_room(&b, 100);
        assert_non_null(p);
        memset(p, 'a' + i % 26, 100);
        buf_grew(&b, 100);
    }
    assert_int_equal(b.len, 10000);
    assert_int_equal(b.p[9999], 'a' + 99 % 26);
    assert_null(buf_room(&b, 1));
    assert_false(buf_ok(&b));
    buf_release(&b);
    p = buf_room(&b, SIZE_MAX);
    assert_null(p);
    buf_release(&b);
}

static void test_cut_and_drop(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_drop(&b, 0);
    buf_cut(&b, 0);
    buf_add_str(&b, "0123456789");
    buf_drop(&b, 3);
    assert_string_equal(b.p, "3456789");
    buf_cut(&b, 5);
    assert_string_equal(b.p, "34567");
    buf_drop(&b, 5);
    assert_int_equal(b.len, 0);
    buf_add_str(&b, "x");
    assert_string_equal(b.p, "x");
    buf_release(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_printf_at_the_edges),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_cut_and_drop),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
