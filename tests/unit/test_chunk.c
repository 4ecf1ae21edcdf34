/* test_chunk.c - the worked example, each rule by itself, and a second, slow
 * way to say the same over random Unicode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "processor/chunk.h"

#define MAX_CHUNKS 20000

static const struct chunk_options usual = {CHUNK_SIZE, CHUNK_OVERLAP};

/* A text of n letters with other characters put in at some places. */
static char *letters(size_t n)
{
    char *p = malloc(n + 1);

    assert_non_null(p);
    memset(p, 'x', n);
    p[n] = '\0';
    return p;
}

static size_t cut_all(struct slice text, const struct chunk_options *opt,
                      struct text_chunk *out)
{
    struct chunker c;
    struct err e = {0};
    size_t n = 0, total;

    assert_int_equal(chunker_init(&c, text, opt, &e), ERR_NONE);
    total = chunker_left(&c);
    while (n < MAX_CHUNKS && chunker_next(&c, &out[n]))
        n++;
    assert_true(n < MAX_CHUNKS);
    assert_int_equal(n, total);
    assert_int_equal(chunker_left(&c), 0);
    assert_false(chunker_next(&c, &out[n]));
    return n;
}

/* ---- the rules, one by one ---- */

static void test_worked_example(void **state)
{
    char *text = letters(5000);
    struct text_chunk got[8];
    size_t n;

    (void)state;
    n = cut_all((struct slice){text, 5000}, &usual, got);
    assert_int_equal(n, 6);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got[i].index, i);
        assert_int_equal(got[i].start_char, i * 800);
        assert_int_equal(got[i].end_char, i * 800 + 1000);
        assert_ptr_equal(got[i].text.p, text + i * 800);
    }
    free(text);
}

/* The same in characters of one to four bytes: positions do not change. */
static void test_worked_example_wide(void **state)
{
    static const char *const units[] = {"é", "猫", "😀"};

    (void)state;
    for (size_t u = 0; u < 3; u++) {
        size_t w = strlen(units[u]);
        char *text = malloc(5000 * w);
        struct text_chunk got[8];

        assert_non_null(text);
        for (size_t i = 0; i < 5000; i++)
            memcpy(text + i * w, units[u], w);
        assert_int_equal(cut_all((struct slice){text, 5000 * w}, &usual, got),
                         6);
        for (size_t i = 0; i < 6; i++) {
            assert_int_equal(got[i].start_char, i * 800);
            assert_int_equal(got[i].end_char, i * 800 + 1000);
            assert_int_equal(got[i].start_byte, i * 800 * w);
            assert_int_equal(got[i].text.len, 1000 * w);
        }
        free(text);
    }
}

/* Where does the first chunk of 3000 letters end, with these put in?  `at` is
 * where a piece begins. */
static size_t first_end(const char *a, size_t at_a, const char *b, size_t at_b)
{
    char *text = letters(3000);
    struct text_chunk got[8];
    size_t end;

    memcpy(text + at_a, a, strlen(a));
    memcpy(text + at_b, b, strlen(b));
    cut_all((struct slice){text, 3000}, &usual, got);
    end = got[0].end_char;
    assert_int_equal(got[1].start_char, end - CHUNK_OVERLAP);
    free(text);
    return end;
}

static void test_kinds_in_order(void **state)
{
    (void)state;
    /* each is cut behind */
    assert_int_equal(first_end("\n\n", 950, "", 0), 952);
    assert_int_equal(first_end(". ", 950, "", 0), 952);
    assert_int_equal(first_end("! ", 950, "", 0), 952);
    assert_int_equal(first_end("? ", 950, "", 0), 952);
    assert_int_equal(first_end(" ", 950, "", 0), 951);
    /* the better kind wins from farther away */
    assert_int_equal(first_end("\n\n", 900, ". ", 998), 902);
    assert_int_equal(first_end(". ", 900, "! ", 998), 902);
    assert_int_equal(first_end(". ", 1098, "? ", 998), 1100);
    assert_int_equal(first_end("? ", 900, " ", 1050), 902);
    /* of one kind, the nearest; ! and ? are one kind */
    assert_int_equal(first_end("\n\n", 950, "\n\n", 1020), 1022);
    assert_int_equal(first_end(". ", 980, ". ", 1050), 982);
    assert_int_equal(first_end("! ", 950, "? ", 1010), 1012);
    assert_int_equal(first_end("? ", 950, "! ", 1010), 1012);
    /* as near: the earlier one */
    assert_int_equal(first_end(". ", 988, ". ", 1008), 990);
    assert_int_equal(first_end("! ", 988, "? ", 1008), 990);
    /* blanks: the last one, not the nearest */
    assert_int_equal(first_end(" ", 999, " ", 1090), 1091);
    /* a full stop without a blank, a single line break: no boundary */
    assert_int_equal(first_end(".", 999, "\n", 990), 1000);
    assert_int_equal(first_end(".\n", 998, "!\t", 990), 1000);
}

static void test_window_edges(void **state)
{
    (void)state;
    assert_int_equal(first_end("\n\n", 898, "", 0), 900);
    assert_int_equal(first_end("\n\n", 897, "", 0), 1000);
    assert_int_equal(first_end("\n\n", 1098, "", 0), 1100);
    assert_int_equal(first_end("\n\n", 1099, "", 0), 1000);
    assert_int_equal(first_end(" ", 899, "", 0), 900);
    assert_int_equal(first_end(" ", 898, "", 0), 1000);
    assert_int_equal(first_end(" ", 1099, "", 0), 1100);
    assert_int_equal(first_end(" ", 1100, "", 0), 1000);
    /* of three line breaks the cut nearest to the target counts */
    assert_int_equal(first_end("\n\n\n", 950, "", 0), 953);
    assert_int_equal(first_end("\n\n\n", 1050, "", 0), 1052);
}

/* Lengths around the size: the end of the text ends the last chunk. */
static void test_short_texts(void **state)
{
    struct text_chunk got[4];
    char *text = letters(1300);

    (void)state;
    assert_int_equal(cut_all(SLICE_NONE, &usual, got), 0);
    for (size_t n = 1; n <= 1000; n++) {
        assert_int_equal(cut_all((struct slice){text, n}, &usual, got), 1);
        assert_int_equal(got[0].end_char, n);
    }
    assert_int_equal(cut_all((struct slice){text, 1001}, &usual, got), 2);
    assert_int_equal(got[0].end_char, 1000);
    assert_int_equal(got[1].start_char, 800);
    assert_int_equal(got[1].end_char, 1001);
    /* a boundary that ends with the text, behind the target */
    memcpy(text + 1048, ". ", 2);
    assert_int_equal(cut_all((struct slice){text, 1050}, &usual, got), 1);
    assert_int_equal(got[0].end_char, 1050);
    /* no boundary is looked for in a text that fits */
    memcpy(text + 950, "\n\n", 2);
    assert_int_equal(cut_all((struct slice){text, 1000}, &usual, got), 1);
    free(text);
}

static void refuses(size_t size, size_t overlap, const char *field,
                    const char *says)
{
    struct chunk_options opt = {size, overlap};
    struct chunker c;
    struct err e = {0};

    assert_int_equal(chunker_init(&c, SLICE("x"), &opt, &e), ERR_INVALID);
    assert_string_equal(e.field, field);
    if (!strstr(e.msg, says))
        fail_msg("'%s' does not say '%s'", e.msg, says);
}

static void test_options(void **state)
{
    struct chunk_options least = {101, 0}, tight = {1000, 899};
    struct err e = {0};

    (void)state;
    assert_int_equal(chunk_check(&least, &e), ERR_NONE);
    assert_int_equal(chunk_check(&tight, &e), ERR_NONE);
    refuses(1000, 900, "chunk_overlap", "here 899; it is 900");
    refuses(1000, SIZE_MAX, "chunk_overlap", "at most chunk_size - 101");
    refuses(101, 1, "chunk_overlap", "here 0; it is 1");
    refuses(100, 0, "chunk_size", "101 to 100000");
    refuses(0, 0, "chunk_size", "it is 0");
    refuses(100001, 0, "chunk_size", "it is 100001");
    {
        struct chunker c;

        assert_int_equal(chunker_init(&c, SLICE("ab\xFFzz"), &usual, &e),
                         ERR_INVALID);
        assert_string_equal(e.field, "text");
        assert_non_null(strstr(e.msg, "byte 2"));
    }
}

/* ---- any text ---- */

static uint32_t seed = 12345;

static uint32_t random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

/* Every scalar value there is can come; some come often. */
static uint32_t random_char(unsigned style)
{
    static const uint32_t common[] = {
        ' ',    '.',     '!',    '?',    '\n',   '\r',     0,     'a',   0x301,
        0x200D, 0x1F469, 0x4E2D, 0xFE0F, 0xFFFF, 0x10FFFF, 0x7FF, 0x800, 0x80};
    uint32_t cp;

    if (random_below(100) < (style & 1 ? 3 : 50))
        return common[random_below(style & 2 ? 5 : 18)];
    cp = style & 4   ? random_below(0x110000)
         : style & 8 ? 0x4E00 + random_below(20000)
                     : 'b';
    return cp >= 0xD800 && cp <= 0xDFFF ? 'c' : cp;
}

/* The rules as they are written, over an array of code points. */
static size_t reference_end(const uint32_t *t, size_t n, size_t start,
                            size_t size)
{
    size_t target = start + size, best = 0, blank = 0;
    int best_rank = 4;

    if (target >= n)
        return n;
    for (size_t c = target - 100; c <= target + 100 && c <= n; c++) {
        uint32_t a = c >= 2 ? t[c - 2] : 0, b = t[c - 1];
        int rank = a == '\n' && b == '\n'               ? 1
                   : a == '.' && b == ' '               ? 2
                   : (a == '!' || a == '?') && b == ' ' ? 3
                                                        : 4;
        size_t d = (size_t)labs((long)c - (long)target);

        if (b == ' ')
            blank = c;
        if (rank < best_rank || (rank < 4 && rank == best_rank &&
                                 d < (size_t)labs((long)best - (long)target))) {
            best = c;
            best_rank = rank;
        }
    }
    return best_rank < 4 ? best : blank ? blank : target;
}

static void check_text(const uint32_t *t, size_t n, struct slice text,
                       const size_t *byte_at, const struct chunk_options *opt,
                       struct text_chunk *got)
{
    size_t count = cut_all(text, opt, got), start = 0;

    assert_int_equal(count == 0, n == 0);
    for (size_t i = 0; i < count; i++) {
        const struct text_chunk *c = &got[i];

        assert_int_equal(c->start_char, start);
        assert_int_equal(c->end_char, reference_end(t, n, start, opt->size));
        assert_int_equal(c->start_byte, byte_at[c->start_char]);
        assert_int_equal(c->end_byte, byte_at[c->end_char]);
        assert_ptr_equal(c->text.p, text.p + c->start_byte);
        assert_int_equal(c->text.len, c->end_byte - c->start_byte);
        assert_true(utf8_valid(c->text));
        assert_true(i == 0 ||
                    (c->start_char > got[i - 1].start_char &&
                     c->end_char > got[i - 1].end_char &&
                     c->start_char + opt->overlap == got[i - 1].end_char));
        start = c->end_char - opt->overlap;
    }
    if (count)
        assert_int_equal(got[count - 1].end_char, n);
}

/* Go on behind any chunk: the rest is the same. */
static void check_resume(struct slice text, const struct chunk_options *opt,
                         const struct text_chunk *got)
{
    struct chunker c;
    struct text_chunk next;
    size_t n, from;

    assert_int_equal(chunker_init(&c, text, opt, NULL), ERR_NONE);
    n = chunker_left(&c);
    if (n == 0)
        return;
    from = random_below((uint32_t)n);
    assert_int_equal(chunker_resume(&c, &got[from], NULL), ERR_NONE);
    for (size_t i = from + 1; i < n; i++) {
        assert_true(chunker_next(&c, &next));
        assert_memory_equal(&next, &got[i], sizeof(next));
    }
    assert_false(chunker_next(&c, &next));
}

static void test_random_unicode(void **state)
{
    enum { MOST = 6000 };
    uint32_t *t = calloc(MOST, sizeof(*t));
    size_t *byte_at = calloc(MOST + 1, sizeof(*byte_at));
    char *bytes = malloc(4 * MOST);
    struct text_chunk *got = calloc(MAX_CHUNKS, sizeof(*got));

    (void)state;
    assert_true(t && byte_at && bytes && got);
    for (int round = 0; round < 400; round++) {
        size_t n = random_below(MOST), len = 0;
        struct chunk_options opt = {101 + random_below(1200), 0};

        for (size_t i = 0; i < n; i++) {
            t[i] = random_char((unsigned)round);
            byte_at[i] = len;
            len += utf8_put(bytes + len, t[i]);
        }
        byte_at[n] = len;
        /* the least and the most overlap too: one code point a chunk */
        opt.overlap = round % 3 == 0   ? opt.size - 101
                      : round % 3 == 1 ? 0
                                       : random_below((uint32_t)opt.size - 100);
        check_text(t, n, (struct slice){bytes, len}, byte_at, &opt, got);
        check_resume((struct slice){bytes, len}, &opt, got);
    }
    free(t);
    free(byte_at);
    free(bytes);
    free(got);
}

/* Every size with every overlap there is, for small sizes. */
static void test_all_options(void **state)
{
    char text[700];
    struct text_chunk *got = calloc(MAX_CHUNKS, sizeof(*got));
    uint32_t t[700];
    size_t byte_at[701];

    (void)state;
    assert_non_null(got);
    for (size_t i = 0; i < 700; i++) {
        t[i] = "ab. c! d\n\n"[random_below(10)];
        text[i] = (char)t[i];
        byte_at[i] = i;
    }
    byte_at[700] = 700;
    for (size_t size = 101; size < 160; size++)
        for (size_t overlap = 0; overlap <= size - 101; overlap++)
            check_text(t, 700, (struct slice){text, 700}, byte_at,
                       &(struct chunk_options){size, overlap}, got);
    free(got);
}

static void test_resume_refuses(void **state)
{
    char *text = letters(3000);
    struct chunker c;
    struct err e = {0};
    static const size_t bad[][2] = {{0, 0},    {5, 4},       {0, 200},
                                    {0, 3001}, {3001, 3002}, {2900, 3100}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct text_chunk last = {.start_char = bad[i][0],
                                  .end_char = bad[i][1]};

        assert_int_equal(
            chunker_init(&c, (struct slice){text, 3000}, &usual, &e), ERR_NONE);
        assert_int_equal(chunker_resume(&c, &last, &e), ERR_INVALID);
    }
    free(text);
}

/* Twenty million characters, hardly any progress a chunk: work must not grow
 * with size x chunks.  Quadratic walking would take minutes. */
static void test_linear(void **state)
{
    size_t len = 20000000;
    char *text = letters(len);
    struct chunk_options opt = {CHUNK_SIZE_MAX, CHUNK_SIZE_MAX - 101};
    struct chunker c;
    struct text_chunk got;
    int64_t from = clock_mono_us();
    size_t n = 0;

    (void)state;
    assert_int_equal(chunker_init(&c, (struct slice){text, len}, &opt, NULL),
                     ERR_NONE);
    while (chunker_next(&c, &got))
        n++;
    assert_true(n > len / 101 - 2000);
    assert_true(clock_mono_us() - from < 20 * 1000000);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worked_example),
        cmocka_unit_test(test_worked_example_wide),
        cmocka_unit_test(test_kinds_in_order),
        cmocka_unit_test(test_window_edges),
        cmocka_unit_test(test_short_texts),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_random_unicode),
        cmocka_unit_test(test_all_options),
        cmocka_unit_test(test_resume_refuses),
        cmocka_unit_test(test_linear),
    };

    return cmocka_run_group_tests_name("chunk", tests, NULL, NULL);
}
