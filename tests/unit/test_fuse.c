/* test_fuse.c - rank fusion and the choice without three in a row. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "processor/fuse.h"

#define LIST(...)                                                              \
    {                                                                          \
        .ids = (const int64_t[]){__VA_ARGS__},                                 \
        .n = sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)          \
    }

static struct arena *arena;
static struct fused *out;
static size_t n_out;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64u << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void fused_to(const struct fuse_list *lists, size_t n, size_t max,
                     const int64_t *ids, size_t n_ids)
{
    assert_int_equal(fuse_ranks(lists, n, 0, max, arena, &out, &n_out, NULL),
                     ERR_NONE);
    assert_int_equal(n_out, n_ids);
    for (size_t i = 0; i < n_ids; i++)
        assert_int_equal(out[i].id, ids[i]);
}

static void scores(void **state)
{
    const struct fuse_list lists[] = {LIST(10, 20, 30), LIST(30, 10, 40)};
    const int64_t order[] = {10, 30, 20, 40};

    (void)state;
    fused_to(lists, 2, 10, order, 4);
    assert_true(fabs(out[0].score - (1 / (FUSE_K + 1) + 1 / (FUSE_K + 2))) <
                1e-15);
    assert_true(fabs(out[1].score - (1 / (FUSE_K + 3) + 1 / (FUSE_K + 1))) <
                1e-15);
    assert_true(fabs(out[2].score - 1 / (FUSE_K + 2)) < 1e-15);
    assert_int_equal(out[0].lists, 3);
    assert_int_equal(out[2].lists, 1);
    assert_int_equal(out[3].lists, 2);
    assert_int_equal(out[1].best_rank, 1);
    assert_int_equal(out[3].best_rank, 3);
}

static void ties(void **state)
{
    /* equal scores: the earlier list first, then the smaller id */
    const struct fuse_list crossed[] = {LIST(7, 3), LIST(3, 7)};
    const struct fuse_list apart[] = {LIST(9), LIST(1), LIST(5)};
    const int64_t first[] = {7, 3}, second[] = {9, 1, 5};

    (void)state;
    fused_to(crossed, 2, 10, first, 2);
    fused_to(apart, 3, 10, second, 3);
}

static void weights_and_limits(void **state)
{
    struct fuse_list lists[] = {LIST(1, 2), LIST(2, 1)};
    const struct fuse_list twice[] = {LIST(5, 5, 6, 5)};
    const int64_t order[] = {2, 1}, once[] = {5, 6};
    struct fuse_list many[FUSE_MAX_LISTS + 1] = {{0}};

    (void)state;
    lists[1].weight = 2;
    fused_to(lists, 2, 10, order, 2);
    fused_to(lists, 2, 1, order, 1);
    fused_to(lists, 2, 0, order, 0);
    fused_to(lists, 0, 5, order, 0);
    fused_to(twice, 1, 10, once, 2);
    assert_true(fabs(out[0].score - 1 / (FUSE_K + 1)) < 1e-15);
    assert_true(fabs(out[1].score - 1 / (FUSE_K + 3)) <
                1e-15); /* its own rank */
    lists[0].weight = -1;
    assert_int_equal(fuse_ranks(lists, 2, 0, 9, arena, &out, &n_out, NULL),
                     ERR_INVALID);
    lists[0].weight = NAN;
    assert_int_equal(fuse_ranks(lists, 2, 0, 9, arena, &out, &n_out, NULL),
                     ERR_INVALID);
    assert_int_equal(
        fuse_ranks(many, FUSE_MAX_LISTS + 1, 0, 9, arena, &out, &n_out, NULL),
        ERR_INVALID);
    many[0].n = FUSE_MAX_ITEMS;
    many[1].n = 1;
    assert_int_equal(fuse_ranks(many, 2, 0, 9, arena, &out, &n_out, NULL),
                     ERR_INVALID);
}

static void no_three_in_a_row(void **state)
{
    const struct fuse_span in[] = {
        {1, 800, 1800}, {1, 1600, 2600}, {1, 0, 1000},    {1, 2400, 3400},
        {2, 800, 1800}, {1, 4000, 5000}, {1, 3200, 4200},
    };
    /* 2 would give the first a second neighbour, 3 the second */
    const size_t expected[] = {0, 1, 4, 5, 6};
    size_t picked[7];

    (void)state;
    assert_int_equal(fuse_pick(in, 7, 7, picked), 5);
    assert_memory_equal(picked, expected, sizeof(expected));
    assert_int_equal(fuse_pick(in, 7, 2, picked), 2);
    assert_int_equal(fuse_pick(in, 0, 2, picked), 0);
}

static unsigned pick(unsigned n)
{
    static uint64_t x = 88172645463325252;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (unsigned)(x >> 33) % n;
}

static bool meets(const struct fuse_span *a, const struct fuse_span *b)
{
    return a->document == b->document && a->start < b->end && b->start < a->end;
}

/* No pick meets two others, and each that was left out would have broken that
 * (or there were enough). */
static void pick_property(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct fuse_span in[30];
        size_t picked[30], n = pick(30), want = pick(30), got;

        for (size_t i = 0; i < n; i++) {
            in[i].document = pick(3);
            in[i].start = pick(40);
            in[i].end = in[i].start + 1 + pick(8);
        }
        got = fuse_pick(in, n, want, picked);
        assert_true(got <= want && got <= n);
        if (n > 0 && want > 0)
            assert_int_equal(picked[0], 0);
        for (size_t a = 0; a < got; a++) {
            size_t neighbours = 0;

            assert_true(a == 0 || picked[a] > picked[a - 1]);
            for (size_t b = 0; b < got; b++)
                neighbours += a != b && meets(&in[picked[a]], &in[picked[b]]);
            assert_true(neighbours <= 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores),
        cmocka_unit_test(ties),
        cmocka_unit_test(weights_and_limits),
        cmocka_unit_test(no_three_in_a_row),
        cmocka_unit_test(pick_property),
    };

    return cmocka_run_group_tests_name("fuse", tests, setup, teardown);
}
