/* test_where_cache.c - what is kept, for how long, and how much of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "processor/where_cache.h"

static struct where *filter(int number)
{
    struct where *w;
    char text[60];

    snprintf(text, sizeof(text), "{\"n\": %d}", number);
    assert_int_equal(where_parse(&w, slice_of(text), NULL), ERR_NONE);
    return w;
}

static struct vector_ids *ids_of(const int64_t *ids, size_t n)
{
    struct vector_ids *s;

    assert_int_equal(vector_ids_new(&s, ids, n, NULL), ERR_NONE);
    return s;
}

static struct where_set *get(struct where_cache *c, int number,
                             uint64_t version)
{
    struct where *w = filter(number);
    struct where_set *s = where_cache_get(c, w, version);

    where_free(w);
    return s;
}

static bool has(struct where_cache *c, int number, uint64_t version)
{
    struct where_set *s = get(c, number, version);

    where_set_release(s);
    return s;
}

/* A set that holds `number`, and takes about `bytes`. */
static void put(struct where_cache *c, int number, uint64_t version,
                size_t bytes)
{
    const int64_t ids[] = {number, number + (int64_t)bytes * 8};
    struct where *w = filter(number);
    struct where_set *s = where_cache_put(c, w, version, ids_of(ids, 2));

    where_free(w);
    assert_non_null(s);
    assert_true(vector_ids_has(where_set_ids(s), number));
    where_set_release(s);
}

static void keeps(void **state)
{
    struct where_cache *c = where_cache_new();
    struct where_set *s;
    struct where *same;

    (void)state;
    assert_non_null(c);
    assert_false(has(c, 1, 1));
    put(c, 1, 1, 8);
    put(c, 2, 1, 8);
    s = get(c, 1, 1);
    assert_non_null(s);
    assert_true(vector_ids_has(where_set_ids(s), 1));
    assert_false(vector_ids_has(where_set_ids(s), 2));
    where_set_release(s);
    /* written alike but for white space */
    assert_int_equal(where_parse(&same, SLICE(" {\"n\":1}\n"), NULL), ERR_NONE);
    s = where_cache_get(c, same, 1);
    assert_non_null(s);
    where_set_release(s);
    where_free(same);
    where_cache_free(c);
}

/* Who has a set keeps it, whatever becomes of the cache. */
static void versions(void **state)
{
    struct where_cache *c = where_cache_new();
    struct where_set *old;

    (void)state;
    put(c, 1, 1, 8);
    old = get(c, 1, 1);
    assert_false(has(c, 1, 2));
    assert_false(has(c, 1, 1)); /* an older reader does not bring it back */
    put(c, 1, 1, 8);
    assert_false(has(c, 1, 1));
    assert_false(has(c, 1, 2));
    put(c, 1, 2, 8);
    assert_true(has(c, 1, 2));
    where_cache_free(c);
    assert_true(vector_ids_has(where_set_ids(old), 1));
    where_set_release(old);
}

static void bounds(void **state)
{
    struct where_cache *c = where_cache_new();
    int kept = 0;

    (void)state;
    for (int i = 0; i < WHERE_CACHE_SETS; i++)
        put(c, i, 1, 8);
    put(c, 0, 1, 8);           /* again: it takes its own place */
    assert_true(has(c, 1, 1)); /* and is used last */
    put(c, 1000, 1, 8);
    assert_false(has(c, 2, 1));
    assert_true(has(c, 0, 1) && has(c, 1, 1) && has(c, 3, 1));
    /* a megabyte each */
    for (int i = 2000; i < 2020; i++)
        put(c, i, 1, 1000000);
    for (int i = 2000; i < 2020; i++)
        kept += has(c, i, 1);
    assert_int_equal(kept, WHERE_CACHE_BYTES / 1000100);
    assert_true(has(c, 2019, 1));
    where_cache_free(c);
}

/* One that is too large is given out, but not kept. */
static void too_large(void **state)
{
    struct where_cache *c = where_cache_new();
    static int64_t ids[200000];
    struct where *w = filter(1);
    struct where_set *s;

    (void)state;
    put(c, 2, 1, 8);
    for (int i = 0; i < 200000; i++)
        ids[i] = (int64_t)i * 1000003;
    s = where_cache_put(c, w, 1, ids_of(ids, 200000));
    assert_non_null(s);
    assert_true(vector_ids_has(where_set_ids(s), 1000003));
    where_set_release(s);
    assert_false(has(c, 1, 1));
    assert_true(has(c, 2, 1));
    where_free(w);
    where_cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps),
        cmocka_unit_test(versions),
        cmocka_unit_test(bounds),
        cmocka_unit_test(too_large),
    };

    return cmocka_run_group_tests_name("where_cache", tests, NULL, NULL);
}
