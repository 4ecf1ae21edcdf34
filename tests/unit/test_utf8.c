/* test_utf8.c - the whole of RFC 3629, exhaustively where that is possible. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

/* Every code point there is goes out, comes back, and is valid. */
static void test_every_code_point(void **state)
{
    uint32_t cp;

    (void)state;
    for (cp = 0; cp <= 0x10FFFF; cp++) {
        char text[4];
        struct slice s = {text, utf8_put(text, cp)};
        size_t at = 0;
        uint32_t back = utf8_next(s, &at);

        if (cp >= 0xD800 && cp <= 0xDFFF) {
            assert_int_equal(back, 0xFFFD);
            continue;
        }
        if (back != cp || at != s.len || !utf8_valid(s) ||
            utf8_sequence(s, 0) != s.len || utf8_count(s) != 1)
            fail_msg("U+%04X did not come back", cp);
    }
    {
        char text[4];

        assert_int_equal(utf8_put(text, 0x110000), 3);
        assert_memory_equal(text, "\xEF\xBF\xBD", 3);
    }
}

/* The same rules written a second way: decode by bits, then judge the value. */
static size_t reference_length(const unsigned char *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t want = p[0] < 0x80             ? 1
                  : (p[0] & 0xE0) == 0xC0 ? 2
                  : (p[0] & 0xF0) == 0xE0 ? 3
                  : (p[0] & 0xF8) == 0xF0 ? 4
                                          : 0;
    uint32_t cp;
    size_t i;

    if (want < 2)
        return want;
    if (want > n)
        return 0;
    cp = p[0] & (0x7Fu >> want);
    for (i = 1; i < want; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        cp = cp << 6 | (p[i] & 0x3F);
    }
    if (cp < least[want] || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        return 0;
    return want;
}

/* All sequences of up to three bytes, and all four-byte heads. */
static void test_every_sequence(void **state)
{
    uint32_t v;
    size_t n;

    (void)state;
    for (v = 0; v < 1u << 24; v += v >= 0x800000 ? 1 : 251) {
        unsigned char p[4] = {(unsigned char)(v >> 16), (unsigned char)(v >> 8),
                              (unsigned char)v,
                              (unsigned char)(0x80 | (v & 0x3F))};

        for (n = 1; n <= 4; n++)
            if (utf8_sequence((struct slice){(char *)p, n}, 0) !=
                reference_length(p, n))
                fail_msg("%06X cut at %zu", v, n);
    }
}

/* A wrong byte at every place of texts of every length: words, tails. */
static void test_valid_prefix(void **state)
{
    char text[100];
    size_t n, at;

    (void)state;
    memset(text, 'a', sizeof(text));
    for (n = 0; n <= sizeof(text); n++) {
        assert_int_equal(utf8_valid_prefix((struct slice){text, n}), n);
        for (at = 0; at < n; at++) {
            text[at] = '\xFF';
            if (utf8_valid_prefix((struct slice){text, n}) != at)
                fail_msg("a wrong byte at %zu of %zu was not seen", at, n);
            text[at] = 'a';
        }
    }
    assert_true(utf8_valid(SLICE_NONE));
    assert_int_equal(utf8_valid_prefix(SLICE("ab\xE4\xBD")), 2);
    assert_int_equal(utf8_valid_prefix(SLICE("\xE4\xBD\xA0\xC0\x80")), 3);
}

static void test_next_on_rubbish(void **state)
{
    struct slice s = SLICE("a\xFF\xE4\xBD"
                           "b");
    static const uint32_t expected[] = {'a', 0xFFFD, 0xFFFD, 0xFFFD, 'b'};
    size_t at = 0, i;

    (void)state;
    for (i = 0; i < 5; i++)
        assert_int_equal(utf8_next(s, &at), expected[i]);
    assert_int_equal(at, s.len);
    assert_int_equal(utf8_count(s), 5);
}

static void test_cut(void **state)
{
    struct slice s = SLICE("a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80z");
    static const size_t lengths[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        if (utf8_cut(s, i).len != lengths[i])
            fail_msg("cut at %zu: %zu", i, utf8_cut(s, i).len);
    assert_int_equal(utf8_cut(SLICE_NONE, 5).len, 0);
    /* s itself ends inside a code point */
    assert_int_equal(utf8_cut(SLICE("ab\xE4\xBD"), 10).len, 2);
    /* these belong to nothing */
    assert_int_equal(utf8_cut(SLICE("ab\xFF"), 10).len, 3);
    assert_int_equal(utf8_cut(SLICE("\x80\x80\x80\x80\x80"), 4).len, 4);
}

static void test_count(void **state)
{
    char text[64];

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text + 30, "\xC3\xA9\xE4\xBD\xA0", 5);
    assert_int_equal(utf8_count((struct slice){text, 64}), 61);
    assert_int_equal(utf8_count(SLICE_NONE), 0);
}

static void test_unspaced(void **state)
{
    static const uint32_t yes[] = {0x4E00, 0x9FFF,  0x3042, 0x30AB, 0xAC00,
                                   0x0E01, 0x20000, 0xFF66, 0x0EFF, 0x3005};
    static const uint32_t no[] = {'a',    0xE9,       0x0416,   0x05D0,
                                  0x0645, 0x0915,     0x1F600,  0x3000,
                                  0x3001, 0x3400 - 1, 0x10FFFF, 0xFF21};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (!utf8_is_unspaced(yes[i]))
            fail_msg("U+%04X is written without spaces", yes[i]);
    for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (utf8_is_unspaced(no[i]))
            fail_msg("U+%04X is written with spaces", no[i]);
}

static void steering(void **state)
{
    static const uint32_t bad[] = {0,    1,    8,      0xB,    0x1B,   0x1F,
                                   0x7F, 0x9B, 0x202A, 0x202E, 0x2066, 0x2069};
    static const uint32_t good[] = {'\t', '\n',   ' ',    '~',    0xA0,
                                    0xE9, 0x200D, 0x2029, 0x2065, 0x206A};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_true(utf8_steers(bad[i]));
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_false(utf8_steers(good[i]));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(steering),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_every_sequence),
        cmocka_unit_test(test_valid_prefix),
        cmocka_unit_test(test_next_on_rubbish),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_unspaced),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
