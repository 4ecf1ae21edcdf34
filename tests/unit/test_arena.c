/* test_arena.c - pieces, the cap, reset.
 *
 * The sanitizer build gives each piece its own malloc; the other build cuts
 * pieces from blocks.  Both must pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

/* Pieces of all sizes: aligned, not overlapping, still whole at the end. */
static void test_many_pieces(void **state)
{
    struct arena *a = arena_new(64u << 20);
    unsigned char *pieces[2000];
    size_t sizes[2000], i, k, total = 0;
    unsigned seed = 1;

    (void)state;
    assert_non_null(a);
    for (i = 0; i < 2000; i++) {
        seed = seed * 1103515245u + 12345u;
        sizes[i] = (seed >> 16) % (i % 50 == 0 ? 100000 : 300);
        pieces[i] = arena_alloc(a, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i & 0xFF), sizes[i]);
        total += ((sizes[i] ? sizes[i] : 1) + 15) & ~(size_t)15;
    }
    assert_int_equal(arena_used(a), total);
    for (i = 0; i < 2000; i++)
        for (k = 0; k < sizes[i]; k++)
            if (pieces[i][k] != (i & 0xFF))
                fail_msg("piece %zu was overwritten", i);
    arena_free(a);
}

static void test_cap(void **state)
{
    struct arena *a = arena_new(100); /* six pieces of 16 */
    int i;

    (void)state;
    assert_non_null(a);
    assert_null(arena_alloc(a, 101));
    assert_null(arena_alloc(a, 97));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 8));
    for (i = 0; i < 6; i++)
        assert_non_null(arena_alloc(a, 10));
    assert_null(arena_alloc(a, 1));
    assert_int_equal(arena_used(a), 96);
    arena_reset(a);
    assert_int_equal(arena_used(a), 0);
    assert_non_null(arena_alloc(a, 96));
    arena_free(a);
    arena_free(NULL);
}

static void test_cleared(void **state)
{
    struct arena *a = arena_new(1 << 20);
    unsigned char *p;
    size_t i;

    (void)state;
    assert_non_null(a);
    p = arena_alloc(a, 1000);
    assert_non_null(p);
    memset(p, 0xFF, 1000);
    arena_reset(a); /* so that the next piece is used memory */
    p = arena_calloc(a, 100, 10);
    assert_non_null(p);
    for (i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    assert_null(arena_calloc(a, SIZE_MAX / 2, 3));
    assert_null(arena_calloc(a, SIZE_MAX, SIZE_MAX));
    arena_free(a);
}

static void test_texts(void **state)
{
    struct arena *a = arena_new(1 << 20), *tiny = arena_new(16);
    struct slice s;
    char *text;

    (void)state;
    assert_non_null(a);
    assert_non_null(tiny);
    text = arena_strdup(a, "hello");
    assert_string_equal(text, "hello");
    text = arena_strndup(a, "hello", 3);
    assert_string_equal(text, "hel");
    s = arena_slice(a, SLICE("a\0b"));
    assert_true(slice_eq(s, SLICE("a\0b")));
    assert_int_equal(s.p[3], '\0');
    s = arena_slice(a, SLICE_NONE);
    assert_non_null(s.p);
    assert_int_equal(s.len, 0);
    text = arena_printf(a, "%s-%d", "job", 17);
    assert_string_equal(text, "job-17");
    text = arena_printf(a, "%10000s", "x");
    assert_int_equal(strlen(text), 10000);
    assert_null(arena_strdup(tiny, "more than sixteen"));
    assert_null(arena_slice(tiny, SLICE("more than sixteen")).p);
    assert_null(arena_printf(tiny, "%s", "more than sixteen"));
    assert_null(arena_strndup(tiny, "x", SIZE_MAX));
    assert_int_equal(arena_used(tiny), 0);
    arena_free(a);
    arena_free(tiny);
}

/* Large and small in turn, reset between: what an owner of many requests does.
 */
static void test_reset_and_reuse(void **state)
{
    struct arena *a = arena_new(8u << 20);
    int round, i;

    (void)state;
    assert_non_null(a);
    for (round = 0; round < 50; round++) {
        for (i = 0; i < 100; i++) {
            size_t n = i == 40 ? 300000 : (size_t)(i * round) % 5000;
            char *p = arena_alloc(a, n);

            assert_non_null(p);
            memset(p, round, n);
        }
        arena_reset(a);
    }
    arena_free(a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_pieces),     cmocka_unit_test(test_cap),
        cmocka_unit_test(test_cleared),         cmocka_unit_test(test_texts),
        cmocka_unit_test(test_reset_and_reuse),
    };

    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
