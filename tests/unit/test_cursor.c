/* test_cursor.c - a place survives its trip through a link, and nothing else
 * is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/cursor.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(4 * 1024 * 1024);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct cursor samples[] = {
    {PAPER_BY_PUBLISHED, false, false, {.i = 1762123331000000, .id = 7}},
    {PAPER_BY_PUBLISHED, true, true, {.i = 0, .id = INT64_MAX}},
    {PAPER_BY_PUBLISHED, false, true, {.i = INT64_MIN, .id = 1}},
    {PAPER_BY_CREATED, true, false, {.i = -1, .id = 2}},
    {PAPER_BY_RELEVANCE, false, false, {.d = 0.92, .id = 3}},
    {PAPER_BY_RELEVANCE, true, false, {.d = 0, .id = 4}},
    {PAPER_BY_TITLE, true, false, {.text = {"", 0}, .id = 5}},
    {PAPER_BY_TITLE,
     false,
     true,
     {.text = {"\xC3\x9C"
               "ber >>> ???",
               13},
      .id = 6}},
};
#define N_SAMPLES (sizeof(samples) / sizeof(*samples))

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        const struct cursor *c = &samples[i];
        struct slice text = cursor_write(arena, c);
        struct cursor back;
        struct err e;

        for (size_t k = 0; k < text.len; k++)
            assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
                                   "qrstuvwxyz0123456789-_",
                                   text.p[k]));
        assert_int_equal(cursor_read(&back, arena, text, &e), ERR_NONE);
        assert_int_equal(back.order, c->order);
        assert_int_equal(back.ascending, c->ascending);
        assert_int_equal(back.backward, c->backward);
        assert_int_equal(back.key.id, c->key.id);
        assert_int_equal(back.key.i, c->key.i);
        assert_true(back.key.d == c->key.d);
        assert_true(slice_eq(back.key.text, c->key.text));
    }
}

static void assert_refused(struct slice text)
{
    struct cursor c;
    struct err e = {0};

    if (cursor_read(&c, arena, text, &e) != ERR_INVALID)
        fail_msg("taken: %.*s", SLICE_ARG(text));
    assert_string_equal(e.msg, "Invalid cursor");
    assert_string_equal(e.field, "cursor");
}

/* Every character changed, every shortening, and additions. */
static void test_damage(void **state)
{
    char copy[200];

    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        struct slice text = cursor_write(arena, &samples[i]);

        assert_true(text.len < sizeof(copy) - 4);
        memcpy(copy, text.p, text.len);
        for (size_t k = 0; k < text.len; k++) {
            copy[k] = text.p[k] == 'A' ? 'B' : 'A';
            assert_refused((struct slice){copy, text.len});
            copy[k] = text.p[k];
            assert_refused((struct slice){copy, k});
        }
        for (size_t n = 1; n <= 4; n++) {
            copy[text.len + n - 1] = 'A';
            assert_refused((struct slice){copy, text.len + n});
        }
        copy[text.len] = '=';
        assert_refused((struct slice){copy, text.len + 1});
    }
}

static void test_nonsense(void **state)
{
    static char longest[CURSOR_MAX + 1];

    (void)state;
    assert_refused(SLICE_NONE);
    assert_refused(SLICE(""));
    assert_refused(SLICE("garbage"));
    assert_refused(SLICE("AAAA"));
    assert_refused(SLICE("!!!!"));
    assert_refused(SLICE("\xFF\xFF\xFF\xFF"));
    memset(longest, 'A', sizeof(longest));
    assert_refused((struct slice){longest, CURSOR_MAX});
    assert_refused((struct slice){longest, sizeof(longest)});
}

/* Well-formed bytes that mean nothing: only the digest is right. */
static void test_impossible_values(void **state)
{
    struct cursor c = samples[0];

    (void)state;
    c.key.id = 0;
    assert_refused(cursor_write(arena, &c));
    c.key.id = -5;
    assert_refused(cursor_write(arena, &c));
    c = samples[4];
    c.key.d = 0.0 / 0.0;
    assert_refused(cursor_write(arena, &c));
    c = samples[7];
    c.key.text = SLICE("\xFF");
    assert_refused(cursor_write(arena, &c));
    c = samples[0];
    c.order = PAPER_BY_RANK;
    assert_refused(cursor_write(arena, &c));
}

/* The longest title there can be still fits into a link. */
static void test_longest_title(void **state)
{
    static char title[4000];
    struct cursor c = {PAPER_BY_TITLE,
                       true,
                       false,
                       {.text = {title, sizeof(title)}, .id = 1}},
                  back;
    struct slice text;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof(title); i += 4)
        memcpy(title + i, "\xF0\x9F\x98\x80", 4);
    text = cursor_write(arena, &c);
    assert_true(text.len <= CURSOR_MAX);
    assert_int_equal(cursor_read(&back, arena, text, &e), ERR_NONE);
    assert_true(slice_eq(back.key.text, c.key.text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(test_impossible_values, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_longest_title, setup, teardown),
    };

    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
