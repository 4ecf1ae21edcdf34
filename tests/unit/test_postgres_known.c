/* test_postgres_known.c - counts and anchors that are kept for a generation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/postgres_known.h"

static int set_up(void **state)
{
    *state = known_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    known_free(*state);
    return 0;
}

static void counts(void **state)
{
    uint64_t generation = 0;
    int64_t count = 0;

    assert_false(known_count(*state, SLICE("a"), &generation, &count));
    known_put_count(*state, SLICE("a"), 7, 50);
    known_put_count(*state, SLICE("b"), 7, 3);
    assert_true(known_count(*state, SLICE("a"), &generation, &count));
    assert_int_equal(generation, 7);
    assert_int_equal(count, 50);
    /* what somebody found out earlier does not replace what is newer */
    known_put_count(*state, SLICE("a"), 6, 49);
    assert_true(known_count(*state, SLICE("a"), &generation, &count));
    assert_int_equal(count, 50);
    known_put_count(*state, SLICE("a"), 8, 51);
    assert_true(known_count(*state, SLICE("a"), &generation, &count));
    assert_int_equal(generation, 8);
    assert_int_equal(count, 51);
}

static int64_t *three_ids(void)
{
    int64_t *ids = malloc(3 * sizeof(*ids));

    for (int i = 0; ids && i < 3; i++)
        ids[i] = 100 + i;
    return ids;
}

static void anchors(void **state)
{
    size_t i = 1;
    int64_t id = 0;

    assert_false(known_anchor(*state, SLICE("a"), 7, &i, &id));
    known_put_ids(*state, SLICE("a"), 7, three_ids(), 3);
    assert_true(known_anchor(*state, SLICE("a"), 7, &i, &id));
    assert_int_equal(i, 1);
    assert_int_equal(id, 101);
    i = 1000; /* deeper than known: the last one */
    assert_true(known_anchor(*state, SLICE("a"), 7, &i, &id));
    assert_int_equal(i, 2);
    assert_int_equal(id, 102);
    assert_false(known_anchor(*state, SLICE("a"), 8, &i, &id));
    known_put_ids(*state, SLICE("a"), 6, three_ids(), 3);
    assert_true(known_anchor(*state, SLICE("a"), 7, &i, &id));
    known_put_ids(*state, SLICE("b"), 7, NULL, 3);
    assert_false(known_anchor(*state, SLICE("b"), 7, &i, &id));
}

static void lists(void **state)
{
    int64_t ids[3] = {0};

    assert_int_equal(known_ids(*state, SLICE("a"), 7, 0, ids, 3), 0);
    known_put_ids(*state, SLICE("a"), 7, three_ids(), 3);
    assert_int_equal(known_ids(*state, SLICE("a"), 7, 0, ids, 2), 2);
    assert_int_equal(ids[0], 100);
    assert_int_equal(ids[1], 101);
    assert_int_equal(ids[2], 0);
    assert_int_equal(known_ids(*state, SLICE("a"), 7, 2, ids, 3), 1);
    assert_int_equal(ids[0], 102);
    assert_int_equal(known_ids(*state, SLICE("a"), 7, 3, ids, 3), 0);
    assert_int_equal(known_ids(*state, SLICE("a"), 8, 0, ids, 3), 0);
}

/* 16 MB of ids: the list unused for longest goes, counts stay. */
static void bounded_ids(void **state)
{
    enum { N = 65536, FIT = 32 };
    uint64_t generation;
    int64_t count, id;
    char key[20];

    known_put_count(*state, SLICE("count"), 1, 5);
    for (int i = 0; i <= FIT; i++) {
        int n = snprintf(key, sizeof(key), "k%d", i);

        if (i == FIT) /* used again */
            assert_int_equal(known_ids(*state, SLICE("k0"), 1, 9, &id, 1), 1);
        known_put_ids(*state, (struct slice){key, (size_t)n}, 1,
                      calloc(N, sizeof(int64_t)), N);
    }
    assert_int_equal(known_ids(*state, SLICE("k0"), 1, 9, &id, 1), 1);
    assert_int_equal(known_ids(*state, SLICE("k1"), 1, 9, &id, 1), 0);
    assert_int_equal(known_ids(*state, SLICE("k2"), 1, 9, &id, 1), 1);
    assert_int_equal(known_ids(*state, SLICE("k32"), 1, 9, &id, 1), 1);
    assert_true(known_count(*state, SLICE("count"), &generation, &count));
    /* the room of one that is replaced is free again */
    known_put_ids(*state, SLICE("k32"), 2, three_ids(), 3);
    known_put_ids(*state, SLICE("k1"), 2, calloc(N - 3, sizeof(int64_t)),
                  N - 3);
    assert_int_equal(known_ids(*state, SLICE("k2"), 1, 9, &id, 1), 1);
}

/* 256 lists: the one unused for longest goes. */
static void bounded(void **state)
{
    uint64_t generation;
    int64_t count;
    char key[20];

    for (int i = 0; i < 256; i++) {
        int n = snprintf(key, sizeof(key), "k%d", i);

        known_put_count(*state, (struct slice){key, (size_t)n}, 1, i);
    }
    assert_true(known_count(*state, SLICE("k0"), &generation, &count));
    known_put_count(*state, SLICE("one more"), 1, 1);
    assert_true(known_count(*state, SLICE("k0"), &generation, &count));
    assert_false(known_count(*state, SLICE("k1"), &generation, &count));
    assert_true(known_count(*state, SLICE("k2"), &generation, &count));
    assert_true(known_count(*state, SLICE("one more"), &generation, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(anchors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounded_ids, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("postgres_known", tests, NULL, NULL);
}
