/* test_citations.c - what passes, what goes, and that cuts do not matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "processor/citations.h"

/* The whole in one piece. */
static void filter(struct slice text, size_t n, struct citations *c,
                   struct buf *out)
{
    citations_init(c, n);
    citations_feed(c, text, out);
    citations_end(c, out);
    assert_true(buf_ok(out));
}

static void gives(const char *text, size_t n, const char *expected)
{
    struct citations c;
    struct buf b;

    buf_init(&b, 100000);
    filter(slice_of(text), n, &c, &b);
    if (!slice_is(buf_slice(&b), expected))
        fail_msg("'%s' gives '%.*s', not '%s'", text, SLICE_ARG(buf_slice(&b)),
                 expected);
    buf_release(&b);
}

static void kept(void **state)
{
    (void)state;
    gives("", 3, "");
    gives("No marker.", 3, "No marker.");
    gives("A [1]. B [3].", 3, "A [1]. B [3].");
    gives("A[1][2]", 3, "A[1][2]");
    gives("A [1, 2].", 3, "A [1][2].");
    gives("A [1;2 , 3].", 3, "A [1][2][3].");
    gives("A [1-3].", 3, "A [1][2][3].");
    gives("A [1\xE2\x80\x93"
          "3].",
          3, "A [1][2][3].");
    gives("A [ 2 ].", 3, "A [2].");
    gives("A [02].", 3, "A [2].");
    gives("A [2, 1, 2].", 3, "A [1][2].");
    gives("[1] at the start", 3, "[1] at the start");
    gives("[[1]]", 3, "[[1]]");
}

static void removed(void **state)
{
    (void)state;
    gives("A [4].", 3, "A.");
    gives("A [0].", 3, "A.");
    gives("A[9] b", 3, "A b");
    gives("A [9] b", 3, "A b");
    gives("A  [9] b", 3, "A  b");
    gives("A [1, 9].", 3, "A [1].");
    gives("A [8, 9].", 3, "A.");
    gives("A [2-99999999999999999999].", 3, "A [2][3].");
    gives("A [3-1].", 3, "A.");
    gives("A [99999999999999999999999999].", 3, "A.");
    gives("A [8] [9].", 3, "A.");
    gives("A [8][1][9].", 3, "A [1].");
    gives("A [8] [1] [9] b", 3, "A [1] b");
    gives("A [8][9] b", 3, "A b");
    gives("A [9] [x", 3, "A [x");
    gives("Since [2024] x", 3, "Since x");
    gives("A [1].", 0, "A.");
    /* what is left must not become a citation */
    gives("[[9]1]", 3, "[1]");
    gives("[[9]7]", 3, "");
    gives("[[[9]8]7]", 3, "");
    gives("a [ [9]7] b", 3, "a b");
}

static void no_citation(void **state)
{
    (void)state;
    gives("[] [ ] [x] [-] [,] [1.5] [1,] [a1]", 3,
          "[] [ ] [x] [-] [,] [1.5] [1,] [a1]");
    gives("a [link](x) ] 1] (1)", 3, "a [link](x) ] 1] (1)");
    gives("[1\n]", 3, "[1\n]");
    gives("x [1 [2", 3, "x"); /* never closed: half a citation */
    gives("the end [", 3, "the end");
    gives("spaces at the end  ", 3, "spaces at the end  ");
    gives("\xff\xc3 [1\xe2\x82\xac] \xf0\x9f", 3,
          "\xff\xc3 [1\xe2\x82\xac] \xf0\x9f");
}

static void code(void **state)
{
    (void)state;
    gives("`a[0]` and a [7]", 3, "`a[0]` and a");
    gives("``a[0]`b[7]``[7]", 3, "``a[0]`b[7]``");
    gives("```\nx[0]\ny[9] [1\n```\nz [9]", 3, "```\nx[0]\ny[9] [1\n```\nz");
    gives("`open [9]\nnext [9]", 3, "`open [9]\nnext");
    gives("`x` [9]`y`", 3, "`x` `y`");
    gives("[1`]`", 3, "[1`]`");
}

static void what_was_cited(void **state)
{
    struct citations c;
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    filter(SLICE("A [1-2] [2] [128] [7, 129] `[3]` [4"), 128, &c, &b);
    assert_true(citations_has(&c, 1) && citations_has(&c, 2));
    assert_true(citations_has(&c, 7) && citations_has(&c, 128));
    assert_false(citations_has(&c, 3) || citations_has(&c, 4));
    assert_false(citations_has(&c, 0) || citations_has(&c, 129));
    assert_int_equal(citations_count(&c), 4);
    assert_int_equal(c.n_removed, 1);
    buf_release(&b);
}

static void too_long(void **state)
{
    struct citations c;
    struct buf in, out;

    (void)state;
    buf_init(&in, 10000);
    buf_init(&out, 10000);
    buf_add_str(&in, "a [");
    for (int i = 0; i < 1000; i++)
        buf_add_str(&in, "1,");
    buf_add_str(&in, "1] b [1]");
    filter(buf_slice(&in), 3, &c, &out);
    assert_true(slice_is(buf_slice(&out), "a b [1]"));
    buf_clear(&in);
    buf_clear(&out);
    for (int i = 0; i < 3000; i++)
        buf_add_char(&in, ' ');
    buf_add_str(&in, "[9]x");
    filter(buf_slice(&in), 3, &c, &out);
    assert_int_equal(out.len, 3000); /* one space less, and the x */
    buf_release(&in);
    buf_release(&out);
}

/* ---- properties, over texts made of what matters ---- */

static unsigned pick(unsigned n)
{
    static uint64_t x = 88172645463325252;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (unsigned)(x >> 33) % n;
}

static void random_text(struct buf *b)
{
    static const char *const parts[] = {"[",
                                        "]",
                                        "[",
                                        "]",
                                        "1",
                                        "2",
                                        "9",
                                        "0",
                                        ",",
                                        "-",
                                        " ",
                                        " ",
                                        "x",
                                        ".",
                                        "\n",
                                        "`",
                                        "```",
                                        "\xC3\xA9",
                                        "\xE2\x80\x93",
                                        "[1]",
                                        "[9]",
                                        "[1, 2]",
                                        "[2-9]",
                                        " [7]",
                                        "\xE6\x97\xA5"};

    buf_clear(b);
    for (unsigned n = pick(30); n > 0; n--)
        buf_add_str(b, parts[pick(sizeof(parts) / sizeof(*parts))]);
}

/* Every plain "[n]" outside of code must be 1 to n. */
static void assert_only_true(struct slice s, unsigned n)
{
    struct citations again;
    struct buf b;

    buf_init(&b, 100000);
    filter(s, n, &again, &b);
    if (!slice_eq(buf_slice(&b), s) || again.n_removed)
        fail_msg("'%.*s' still changes to '%.*s'", SLICE_ARG(s),
                 SLICE_ARG(buf_slice(&b)));
    buf_release(&b);
    if (slice_find_byte(s, '`') >= 0)
        return;
    for (size_t i = 0; i + 2 < s.len; i++)
        if (s.p[i] == '[' && s.p[i + 2] == ']' && s.p[i + 1] >= '0' &&
            s.p[i + 1] <= '9')
            assert_in_range(s.p[i + 1] - '0', 1, n);
}

static void cuts_do_not_matter(void **state)
{
    struct buf text, whole, pieces;
    struct citations a, b;

    (void)state;
    buf_init(&text, 10000);
    buf_init(&whole, 10000);
    buf_init(&pieces, 10000);
    for (int i = 0; i < 20000; i++) {
        unsigned n = pick(4);

        random_text(&text);
        buf_clear(&whole);
        buf_clear(&pieces);
        filter(buf_slice(&text), n, &a, &whole);
        citations_init(&b, n);
        for (size_t from = 0, to; from < text.len; from = to) {
            size_t before = pieces.len;

            to = from + 1 + pick(3);
            citations_feed(&b, slice_sub(buf_slice(&text), from, to), &pieces);
            assert_true(
                utf8_valid(slice_sub(buf_slice(&pieces), before, pieces.len)));
        }
        citations_end(&b, &pieces);
        if (!slice_eq(buf_slice(&whole), buf_slice(&pieces)))
            fail_msg("'%.*s': '%.*s' and '%.*s'", SLICE_ARG(buf_slice(&text)),
                     SLICE_ARG(buf_slice(&whole)),
                     SLICE_ARG(buf_slice(&pieces)));
        assert_memory_equal(a.cited, b.cited, sizeof(a.cited));
        assert_only_true(buf_slice(&whole), n);
    }
    buf_release(&text);
    buf_release(&whole);
    buf_release(&pieces);
}

/* While it streams, what is out already never ends in half a citation. */
static void nothing_by_halves(void **state)
{
    static const char text[] = "One [1] two [2, 9] three [1-2].";
    struct citations c;
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    citations_init(&c, 2);
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        citations_feed(&c, (struct slice){text + i, 1}, &b);
        for (size_t k = b.len; k > 0 && b.p[k - 1] != ']'; k--)
            assert_int_not_equal(b.p[k - 1], '[');
    }
    citations_end(&c, &b);
    assert_true(slice_is(buf_slice(&b), "One [1] two [2] three [1][2]."));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept),
        cmocka_unit_test(removed),
        cmocka_unit_test(no_citation),
        cmocka_unit_test(code),
        cmocka_unit_test(what_was_cited),
        cmocka_unit_test(too_long),
        cmocka_unit_test(cuts_do_not_matter),
        cmocka_unit_test(nothing_by_halves),
    };

    return cmocka_run_group_tests_name("citations", tests, NULL, NULL);
}
