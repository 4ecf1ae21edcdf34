/* test_token_trie.c - what was put in is found, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "embed/token_trie.h"

/* The number of a word, or -1. */
static int find(const struct token_trie *t, struct slice word)
{
    uint32_t link = t->links[TOKEN_TRIE_ROOT], at = TOKEN_TRIE_ROOT;
    size_t i;

    for (i = 0; i < word.len; i++) {
        uint8_t c = (uint8_t)word.p[i];

        at = token_trie_child(link, c);
        assert_true(at < t->n_units);
        link = t->links[at];
        if (!token_trie_has(link, c))
            return -1;
    }
    return link & TOKEN_TRIE_END ? t->ids[at] : -1;
}

static void test_prefixes(void **state)
{
    static const struct slice words[] = {
        SLICE_INIT("b"),   SLICE_INIT("abc"), SLICE_INIT("a"),
        SLICE_INIT("abd"), SLICE_INIT("##"),  SLICE_INIT("\xff\xfe"),
    };
    static const char *const absent[] = {"",  "ab",   "abcd",         "bb", "c",
                                         "#", "\xff", "\xff\xfe\x01", "aa"};
    struct token_trie t;
    struct err e = {0};
    size_t i;

    (void)state;
    assert_int_equal(token_trie_init(&t, words, 6, &e), ERR_NONE);
    for (i = 0; i < 6; i++)
        assert_int_equal(find(&t, words[i]), i);
    for (i = 0; i < sizeof(absent) / sizeof(*absent); i++)
        assert_int_equal(find(&t, slice_of(absent[i])), -1);
    token_trie_release(&t);
}

static void test_none(void **state)
{
    struct token_trie t;
    struct err e = {0};
    int c;

    (void)state;
    assert_int_equal(token_trie_init(&t, NULL, 0, &e), ERR_NONE);
    for (c = 1; c < 256; c++)
        assert_int_equal(find(&t, (struct slice){(char[]){(char)c}, 1}), -1);
    token_trie_release(&t);
}

/* All words of one byte and all of two: every node is as wide as can be, and
 * every unit that is found under another byte would be a mistake. */
static void test_full(void **state)
{
    static char bytes[255 * 256][2];
    static struct slice words[255 * 256];
    struct token_trie t;
    struct err e = {0};
    size_t n = 0, i;
    int a, b;

    (void)state;
    for (a = 1; a < 256; a++)
        for (b = 0; b < 256; b++) {
            bytes[n][0] = (char)a;
            bytes[n][1] = (char)b;
            words[n] = (struct slice){bytes[n], b ? 2 : 1};
            n++;
        }
    assert_int_equal(token_trie_init(&t, words, (uint16_t)n, &e), ERR_NONE);
    for (i = 0; i < n; i++)
        assert_int_equal(find(&t, words[i]), i);
    for (i = 0; i < n; i += 97) {
        char longer[3] = {words[i].p[0], words[i].p[1], 'x'};

        if (words[i].len == 2)
            assert_int_equal(find(&t, (struct slice){longer, 3}), -1);
    }
    token_trie_release(&t);
}

static void refuse(const struct slice *words, uint16_t n, const char *want)
{
    struct token_trie t;
    struct err e = {0};

    assert_int_equal(token_trie_init(&t, words, n, &e), ERR_INVALID);
    assert_string_equal(e.msg, want);
    assert_null(t.links);
    token_trie_release(&t); /* also after a failure */
}

static void test_wrong_words(void **state)
{
    (void)state;
    refuse((struct slice[]){SLICE("a"), SLICE("")}, 2, "line 2 is empty");
    refuse((struct slice[]){SLICE("a\0")}, 1, "line 1 holds a NUL");
    refuse((struct slice[]){SLICE("abcdefgh1"), SLICE("b"), SLICE("abcdefgh2"),
                            SLICE("abcdefgh1")},
           4, "lines 1 and 4 are the same");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_wrong_words),
    };

    return cmocka_run_group_tests_name("token_trie", tests, NULL, NULL);
}
