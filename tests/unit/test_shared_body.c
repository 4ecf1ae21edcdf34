/* test_shared_body.c - shared bytes, their tags and gzip form, and the cache.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/etag.h"
#include "net/gzip.h"
#include "net/shared_body.h"

static struct shared_body *body_of(const char *word, int times)
{
    struct buf b;

    buf_init(&b, 10 << 20);
    while (times-- > 0)
        buf_add_str(&b, word);
    return shared_body_new(&b, "application/json");
}

static void test_bytes_and_tag(void **state)
{
    struct shared_body *a = body_of("abc", 2), *b = body_of("abcabc", 1),
                       *c = body_of("abcabd", 1);

    (void)state;
    assert_true(slice_is(shared_body_bytes(a), "abcabc"));
    assert_string_equal(shared_body_type(a), "application/json");
    assert_string_equal(shared_body_etag(a), shared_body_etag(b));
    assert_string_not_equal(shared_body_etag(a), shared_body_etag(c));
    assert_null(shared_body_gzip(a).p); /* too small to pay */
    shared_body_unref(a);
    shared_body_unref(b);
    shared_body_unref(c);
    shared_body_unref(NULL);
}

static void test_empty_and_failed(void **state)
{
    struct buf b;
    struct shared_body *s;

    (void)state;
    buf_init(&b, 4);
    s = shared_body_new(&b, "text/plain");
    assert_non_null(s);
    assert_int_equal(shared_body_bytes(s).len, 0);
    shared_body_unref(s);
    buf_init(&b, 4);
    buf_add_str(&b, "too long");
    assert_null(shared_body_new(&b, "text/plain"));
    buf_release(&b);
}

/* Reference values of MurmurHash3_x64_128, seed 0. */
static void test_hash_is_murmur3(void **state)
{
    char tag[ETAG_TEXT];

    (void)state;
    etag_of(SLICE("The quick brown fox jumps over the lazy dog"), tag);
    assert_string_equal(tag, "\"e34bbc7bbc071b6c7a433ca9c49a9347\"");
    etag_of(SLICE("hello"), tag);
    assert_string_equal(tag, "\"cbd8a7b341bd9b025b1e906a48ae1d19\"");
    etag_of(SLICE(""), tag);
    assert_string_equal(tag, "\"00000000000000000000000000000000\"");
}

static void test_etag_lists(void **state)
{
    static const struct {
        const char *list;
        bool matches;
    } cases[] = {
        {"\"abc\"", true},
        {"W/\"abc\"", true},
        {"\"abc-gz\"", true},
        {"\"x\", \"abc\"", true},
        {"\"x\" , W/\"abc-gz\"", true},
        {"*", true},
        {" * ", true},
        {"\"ab\"", false},
        {"abc", false},
        {"\"abc", false},
        {"", false},
        {"\"\"", false},
        {"W/", false},
        {"\"x\",", false},
        {"\"-gz\"", false},
        {"\"", false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (etag_matches(slice_of(cases[i].list), "\"abc\"") !=
            cases[i].matches)
            fail_msg("%s", cases[i].list);
}

static void *ask_for_gzip(void *arg)
{
    return (void *)shared_body_gzip(arg).p;
}

static void test_gzip_is_made_once(void **state)
{
    struct shared_body *b = body_of("some text that repeats. ", 5000);
    pthread_t threads[4];
    void *p, *first = NULL;
    int i;

    (void)state;
    for (i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, ask_for_gzip, b);
    for (i = 0; i < 4; i++) {
        pthread_join(threads[i], &p);
        assert_non_null(p);
        if (i > 0)
            assert_ptr_equal(p, first);
        first = p;
    }
    assert_true(shared_body_gzip(b).len < 5000);
    shared_body_unref(b);
}

static void test_gzip_only_where_it_pays(void **state)
{
    char noise[4096];
    uint32_t x = 1;
    struct buf b, out;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(noise); i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (char)(x >> 24);
    }
    buf_init(&out, 8192);
    assert_false(gzip_bytes((struct slice){noise, sizeof(noise)}, &out));
    assert_int_equal(out.len, 0);
    buf_release(&out);
    buf_init(&b, 8192);
    for (i = 0; i < 4096; i++)
        buf_add_char(&b, 'x');
    {
        struct shared_body *png = shared_body_new(&b, "image/png");

        assert_null(shared_body_gzip(png).p);
        shared_body_unref(png);
    }
    assert_true(gzip_type("application/problem+json"));
    assert_true(gzip_type("text/html; charset=utf-8"));
    assert_false(gzip_type("application/zip"));
}

static void test_cache_generations(void **state)
{
    struct reply_cache *c = reply_cache_new(1 << 20);
    struct shared_body *a = body_of("a", 10), *b = body_of("b", 10), *got;

    (void)state;
    assert_null(reply_cache_get(c, SLICE("k"), 1));
    reply_cache_put(c, SLICE("k"), 1, a);
    got = reply_cache_get(c, SLICE("k"), 1);
    assert_ptr_equal(got, a);
    shared_body_unref(got);
    assert_null(reply_cache_get(c, SLICE("k"), 2)); /* gone */
    assert_null(reply_cache_get(c, SLICE("k"), 1));
    reply_cache_put(c, SLICE("k"), 2, a);
    reply_cache_put(c, SLICE("k"), 3, b); /* replaces */
    got = reply_cache_get(c, SLICE("k"), 3);
    assert_ptr_equal(got, b);
    shared_body_unref(got);
    assert_null(reply_cache_get(c, SLICE("k"), 2)); /* a late reader ... */
    got = reply_cache_get(c, SLICE("k"), 3);        /* ... spoils nothing */
    assert_ptr_equal(got, b);
    shared_body_unref(got);
    shared_body_unref(a);
    shared_body_unref(b);
    reply_cache_free(c);
}

static void test_cache_is_bounded(void **state)
{
    struct reply_cache *c = reply_cache_new(100000);
    struct shared_body *b, *got;
    char key[16];
    int i, held = 0;

    (void)state;
    for (i = 0; i < 50; i++) {
        b = body_of("x", 8000);
        snprintf(key, sizeof(key), "%d", i);
        reply_cache_put(c, slice_of(key), 1, b);
        shared_body_unref(b);
        got = reply_cache_get(c, SLICE("0"), 1); /* used, so it stays */
        assert_non_null(got);
        shared_body_unref(got);
    }
    for (i = 0; i < 50; i++) {
        snprintf(key, sizeof(key), "%d", i);
        got = reply_cache_get(c, slice_of(key), 1);
        held += got != NULL;
        shared_body_unref(got);
    }
    assert_in_range(held, 5, 12);
    got = reply_cache_get(c, SLICE("49"), 1);
    assert_non_null(got);
    shared_body_unref(got);
    b = body_of("x", 90000); /* too large a share: not taken */
    reply_cache_put(c, SLICE("big"), 1, b);
    assert_null(reply_cache_get(c, SLICE("big"), 1));
    shared_body_unref(b);
    reply_cache_free(c);
    reply_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_and_tag),
        cmocka_unit_test(test_empty_and_failed),
        cmocka_unit_test(test_hash_is_murmur3),
        cmocka_unit_test(test_etag_lists),
        cmocka_unit_test(test_gzip_is_made_once),
        cmocka_unit_test(test_gzip_only_where_it_pays),
        cmocka_unit_test(test_cache_generations),
        cmocka_unit_test(test_cache_is_bounded),
    };

    return cmocka_run_group_tests_name("shared_body", tests, NULL, NULL);
}
