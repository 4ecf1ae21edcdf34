/* test_tokenizer.c - with a vocabulary made up here, and with the model's own.
 *
 * The made-up one has the few words that a test needs; it shows the rules.  The
 * real one (in the folder SHEAF_TEST_MODEL, or build/model) is held against
 * what Hugging Face tokenizers answered (tests/reference/tokenizer_cases.jsonl,
 * made by tokenizer_reference.py there).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "embed/tokenizer.h"

#define GOLDEN "tests/reference/tokenizer_cases.jsonl"
#define FIRST 200 /* id of words[0] */
#define ROOM 4096

static const char *const words[] = {
    [0] = "the",
    [1] = "cat",
    [2] = "##s",
    [3] = "un",
    [4] = "##aff",
    [5] = "##able",
    [6] = ".",
    [7] = "=",
    [8] = "[",
    [9] = "\u4e2d",
    [10] = "cafe",
    [11] = "\u1112",
    [12] = "##\u1161",
    [13] = "##\u11ab",
    [14] = "a",
    [15] = "b",
    [16] = "##a",
    [17] = "\u03c3",
    [18] = "\u00df",
    [19] = "\U0001d157",
    [20] = "aaaa",
    [21] = "#",
    [22] = "THE",
    [23] = "##\U0001d165",
    /* 101 letters, so never found */
    [24] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
           "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
};

#define N_WORDS (sizeof(words) / sizeof(*words))

static struct tokenizer *made_up, *real;

/* A sound vocabulary; line `at` (if there is one) is `line` instead. */
static void write_vocab(struct buf *b, uint32_t n_lines, uint32_t at,
                        struct slice line)
{
    static const char *const special[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                          "[MASK]"};
    uint32_t i;

    for (i = 0; i < n_lines; i++) {
        if (i == at)
            buf_add_slice(b, line);
        else if (i == TOKEN_PAD)
            buf_printf(b, "%s", special[0]);
        else if (i >= TOKEN_UNK && i <= TOKEN_MASK)
            buf_printf(b, "%s", special[i - TOKEN_UNK + 1]);
        else if (i >= FIRST && i < FIRST + N_WORDS)
            buf_printf(b, "%s", words[i - FIRST]);
        else
            buf_printf(b, "[unused%u]", i);
        buf_printf(b, "\n");
    }
}

static struct slice content(const struct buf *b)
{
    assert_true(buf_ok(b));
    return buf_slice(b);
}

static int open_made_up(void **state)
{
    struct err e = {0};
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    write_vocab(&b, TOKENIZER_VOCAB, UINT32_MAX, SLICE_NONE);
    if (tokenizer_open(&made_up, content(&b), &e))
        print_error("%s\n", e.msg);
    buf_release(&b);
    return made_up ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    tokenizer_close(made_up);
    tokenizer_close(real);
    tokenizer_close(NULL);
    return 0;
}

/* The tokens as text, to be read in a message: "201:4-7 202:7-8". */
static void show(char out[ROOM], const struct token *tokens, size_t n)
{
    size_t i, len = 0;

    out[0] = 0;
    for (i = 0; i < n && len < ROOM - 40; i++)
        len +=
            (size_t)snprintf(out + len, ROOM - len, "%s%u:%u-%u", i ? " " : "",
                             tokens[i].id, tokens[i].start, tokens[i].end);
}

/* Encode with the made-up vocabulary and compare with `want`, written as by
 * show() but with the numbers of words[], and special tokens from 1000 on. */
static void expect(struct slice text, const char *want)
{
    struct token tokens[128];
    char got[ROOM], form[ROOM];
    size_t n, i;
    bool more;

    n = tokenizer_encode(made_up, text, tokens, NULL, 128, &more);
    assert_false(more);
    for (i = 0; i < n; i++)
        if (tokens[i].id >= FIRST)
            tokens[i].id = (uint16_t)(tokens[i].id - FIRST);
        else
            tokens[i].id = (uint16_t)(tokens[i].id + 1000);
    show(got, tokens, n);
    snprintf(form, sizeof(form), "%s", want);
    assert_string_equal(got, form);
}

#define U "1100" /* TOKEN_UNK, as expect() shows it */

static void test_words(void **state)
{
    (void)state;
    expect(SLICE(""), "");
    expect(SLICE_NONE, "");
    expect(SLICE(" \t\r\n"), "");
    expect(SLICE("the cat"), "0:0-3 1:4-7");
    expect(SLICE("THE Cat"), "0:0-3 1:4-7"); /* not the word "THE" */
    expect(SLICE("cats."), "1:0-3 2:3-4 6:4-5");
    expect(SLICE("unaffable"), "3:0-2 4:2-5 5:5-9");
    expect(SLICE("the\xe2\x80\xa8"
                 "cat"),
           "0:0-3 1:6-9"); /* U+2028 */
    expect(SLICE("#s ##s"), "21:0-1 " U ":1-2 21:3-4 21:4-5 " U ":5-6");
}

/* What cannot be cut is one [UNK] as a whole, even if parts were found. */
static void test_unknown(void **state)
{
    (void)state;
    expect(SLICE("dog"), U ":0-3");
    expect(SLICE("unaffordable the"), U ":0-12 0:13-16");
    expect(SLICE("s"), U ":0-1"); /* only as a continuation */
    expect(SLICE("!"), U ":0-1");
    expect(SLICE("the\xe2\x98\x83"), U ":0-6");
    expect(slice_of(words[24]), U ":0-101"); /* too long, though it is there */
}

static void test_offsets_after_normalising(void **state)
{
    (void)state;
    expect(SLICE("caf\u00e9s"), "10:0-5 2:5-6");
    expect(SLICE("CAFE\u0301s"), "10:0-4 2:6-7"); /* e + accent */
    expect(SLICE("\u0301cat\u0301"), "1:2-5");
    expect(SLICE("t\u00adhe"), "0:0-5"); /* soft hyphen */
    expect(SLICE("c\0at"), "1:0-4");
    expect(SLICE("th\x01"), U ":0-2");
    expect(SLICE("\ufeffthe\u200b cat"), "0:3-6 1:10-13");
    expect(SLICE("a\u2260b"), "14:0-1 7:1-4 15:4-5"); /* not equal */
    expect(SLICE("\u03a3"), "17:0-2");
    expect(SLICE("\u1e9e"), "18:0-3"); /* capital sharp s */
}

static void test_scripts(void **state)
{
    (void)state;
    expect(SLICE("\u4e2da\u4e2d\u4e2d"), "9:0-3 14:3-4 9:4-7 9:7-10");
    expect(SLICE("a\u4e2d\u0301a"), "14:0-1 9:1-4 14:6-7");
    /* A syllable is three letters with the same place. */
    expect(SLICE("\ud55c"), "11:0-3 12:0-3 13:0-3");
    expect(SLICE("\ud558"), "11:0-3 12:0-3");
}

static void test_not_utf8(void **state)
{
    (void)state;
    expect(SLICE("c\xff"
                 "at"),
           "1:0-4");
    expect(SLICE("\xed\xa0\x80the"), "0:3-6"); /* a surrogate */
    expect(SLICE("cat\xe4\xb8"), "1:0-3");     /* cut short */
    expect(SLICE("\xc1\xa3"
                 "at"),
           U ":2-4"); /* overlong 'c' */
    expect(SLICE("\x80\xff"), "");
}

static void test_special_tokens(void **state)
{
    (void)state;
    expect(SLICE("[SEP]cat[PAD]"), "1102:0-5 1:5-8 1000:8-13");
    expect(SLICE("\u00e9[CLS]\u00e9[MASK][UNK]"),
           U ":0-2 1101:2-7 " U ":7-9 1103:9-15 1100:15-20");
    expect(SLICE("[sep"), "8:0-1 " U ":1-4");
    expect(SLICE("[SEP"), "8:0-1 " U ":1-4");
    expect(SLICE("["), "8:0-1");
    expect(SLICE("[[CLS]"), "8:0-1 1101:1-6");
}

/* 100 letters are cut, 101 are one [UNK]; marks and what is removed inside do
 * not count. */
static void test_long_words(void **state)
{
    static const char *const letters[] = {"a", "\u00e1", "a\u0301", "a\u00ad",
                                          "A\x7f"};
    size_t i, k, n;

    (void)state;
    for (i = 0; i < sizeof(letters) / sizeof(*letters); i++)
        for (k = 99; k <= 102; k++) {
            struct token tokens[128];
            struct buf b;

            buf_init(&b, 4096);
            for (n = 0; n < k; n++)
                buf_printf(&b, "%s", letters[i]);
            n = tokenizer_encode(made_up, content(&b), tokens, NULL, 128, NULL);
            if (k > 100) {
                assert_int_equal(n, 1);
                assert_int_equal(tokens[0].id, TOKEN_UNK);
            } else {
                assert_int_equal(n, k - 3); /* "aaaa" and the rest */
                assert_int_equal(tokens[0].id, FIRST + 20);
                assert_int_equal(tokens[n - 1].id, FIRST + 16);
            }
            assert_int_equal(tokens[0].start, 0);
            assert_true(tokens[n - 1].end + 2 >= b.len);
            buf_release(&b);
        }
}

/* Marks that stay are sorted; their places are those of the unsorted ones, as
 * the reference has it. */
static void test_marks(void **state)
{
    struct token t[4];
    size_t n;

    (void)state;
    /* U+0300 (class 230), U+1B44 (class 9, stays) */
    n = tokenizer_encode(made_up, SLICE("a\u0300\u1b44 a"), t, NULL, 4, NULL);
    assert_int_equal(n, 2);
    assert_int_equal(t[0].start, 0);
    assert_int_equal(t[0].end, 3);
    n = tokenizer_encode(made_up, SLICE(" \u0301\u1b44"), t, NULL, 4, NULL);
    assert_int_equal(n, 1);
    assert_int_equal(t[0].start, 1);
    assert_int_equal(t[0].end, 3);
    /* What is dropped does not end the row. */
    n = tokenizer_encode(made_up, SLICE("a\u0300\u00ad\u1b44"), t, NULL, 4,
                         NULL);
    assert_int_equal(n, 1);
    assert_int_equal(t[0].end, 3);
    /* U+1D15E ends in a mark that stays: it comes after U+0334 (class 1). */
    expect(SLICE("\U0001d15e"), "19:0-4 23:0-4");
    expect(SLICE("\U0001d15e\u0334"), "19:0-4 23:4-6");
    expect(SLICE("\U0001d157\u0300\U0001d165"), "19:0-4 23:4-6");
}

/* For every max: a prefix of the whole, nothing written behind it. */
static void test_max(void **state)
{
    const struct slice text =
        SLICE("unaffable cats, the \u4e2d[SEP] caf\u00e9s \ud55c  \x01 ");
    struct token all[64], some[64];
    uint16_t ids[64];
    size_t n, max, got, i;
    bool more;

    (void)state;
    n = tokenizer_encode(made_up, text, all, NULL, 64, &more);
    assert_int_equal(n, 14);
    assert_false(more); /* the rest is white space and a control character */
    for (max = 0; max <= n + 1; max++) {
        memset(some, 0xAA, sizeof(some));
        memset(ids, 0xAA, sizeof(ids));
        got = tokenizer_encode(made_up, text, some, ids, max, &more);
        assert_int_equal(got, max < n ? max : n);
        assert_int_equal(more, max < n);
        assert_int_equal(tokenizer_encode(made_up, text, NULL, ids, max, NULL),
                         got);
        for (i = 0; i < 64; i++) {
            assert_int_equal(some[i].id, i < got ? all[i].id : 0xAAAA);
            assert_int_equal(ids[i], i < got ? all[i].id : 0xAAAA);
            if (i < got)
                assert_memory_equal(&some[i].start, &all[i].start, 8);
        }
    }
    assert_int_equal(
        tokenizer_encode(made_up, text, NULL, NULL, SIZE_MAX, &more), n);
    assert_false(more);
}

/* One word of a megabyte, of each way in which one can be read. */
static void test_a_megabyte(void **state)
{
    static const char *const parts[] = {
        "a", "\u00e9", "\u0301", "\u302e", "\u1b44\u0301", "\u200b", "\xff"};
    static const size_t n_tokens[] = {1, 1, 0, 1, 1, 0, 0};
    size_t i, n;

    (void)state;
    for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        struct token t[2];
        struct buf b;

        buf_init(&b, (1 << 20) + 64);
        while (b.len < 1 << 20)
            buf_printf(&b, "%s", parts[i]);
        n = tokenizer_encode(made_up, content(&b), t, NULL, 2, NULL);
        assert_int_equal(n, n_tokens[i]);
        if (n) {
            assert_int_equal(t[0].id, TOKEN_UNK);
            assert_int_equal(t[0].start, 0);
            assert_true(t[0].end > (1 << 19));
        }
        buf_release(&b);
    }
}

static void test_text(void **state)
{
    (void)state;
    assert_true(slice_is(tokenizer_text(made_up, TOKEN_CLS), "[CLS]"));
    assert_true(slice_is(tokenizer_text(made_up, FIRST + 5), "##able"));
    assert_true(slice_is(tokenizer_text(made_up, TOKENIZER_VOCAB - 1),
                         "[unused30521]"));
    assert_null(tokenizer_text(made_up, TOKENIZER_VOCAB).p);
    assert_null(tokenizer_text(made_up, UINT16_MAX).p);
}

/* A vocabulary with one thing wrong is refused, and the message says where. */
static void refuse(uint32_t n_lines, uint32_t at, struct slice line,
                   const char *want)
{
    struct tokenizer *t = NULL;
    struct err e = {0};
    struct buf b;

    buf_init(&b, 1 << 21);
    write_vocab(&b, n_lines, at, line);
    assert_int_equal(tokenizer_open(&t, content(&b), &e), ERR_INVALID);
    assert_null(t);
    if (!strstr(e.msg, want))
        fail_msg("'%s' is not in '%s'", want, e.msg);
    buf_release(&b);
}

static void test_wrong_vocabulary(void **state)
{
    static char big[1 << 20];

    (void)state;
    memset(big, 'x', sizeof(big));
    refuse(0, 0, SLICE_NONE, "has 0 lines");
    refuse(TOKENIZER_VOCAB - 1, 9, SLICE("x"), "has 30521 lines");
    refuse(TOKENIZER_VOCAB + 1, 9, SLICE("x"), "more than 30522 lines");
    refuse(TOKENIZER_VOCAB, 0, SLICE("[UNK]"), "line 1 of");
    refuse(TOKENIZER_VOCAB, 102, SLICE("[sep]"), "line 103 of");
    refuse(TOKENIZER_VOCAB, 103, SLICE("[MASK]\r"), "line 104 of");
    refuse(TOKENIZER_VOCAB, 30000, SLICE(""), "line 30001 is empty");
    refuse(TOKENIZER_VOCAB, 30000, SLICE("a\0b"), "line 30001 holds a NUL");
    refuse(TOKENIZER_VOCAB, 30000, SLICE("\xed\xa0\x80"), "line 30001 of");
    refuse(TOKENIZER_VOCAB, 30000, SLICE("cat"), "lines 202 and 30001");
    refuse(TOKENIZER_VOCAB, 5, SLICE("##able"), "lines 6 and 206");
    refuse(TOKENIZER_VOCAB, 30000, (struct slice){big, 403},
           "line 30001 of the vocabulary is longer");
    refuse(TOKENIZER_VOCAB, 30000, (struct slice){big, sizeof(big)},
           "longer than 1048576 bytes");
}

/* The last line end may be missing. */
static void test_last_line(void **state)
{
    struct tokenizer *t = NULL;
    struct err e = {0};
    struct slice vocab;
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 21);
    write_vocab(&b, TOKENIZER_VOCAB, TOKENIZER_VOCAB - 1, SLICE("last"));
    vocab = content(&b);
    vocab.len--;
    assert_int_equal(tokenizer_open(&t, vocab, &e), ERR_NONE);
    buf_release(&b); /* it keeps a copy */
    assert_true(slice_is(tokenizer_text(t, TOKENIZER_VOCAB - 1), "last"));
    tokenizer_close(t);
}

/* Each allocation fails in turn. */
static void test_out_of_memory(void **state)
{
    struct tokenizer *t;
    struct err e = {0};
    struct buf b;
    unsigned n = 0;

    (void)state;
    buf_init(&b, 1 << 21);
    write_vocab(&b, TOKENIZER_VOCAB, UINT32_MAX, SLICE_NONE);
    do {
        enum err_code code;

        t = NULL;
        mem_fail_after(++n);
        code = tokenizer_open(&t, content(&b), &e);
        assert_int_equal(code, mem_has_failed() ? ERR_INTERNAL : ERR_NONE);
        assert_int_equal(t == NULL, mem_has_failed());
        tokenizer_close(t);
    } while (mem_has_failed());
    mem_fail_after(0);
    assert_true(n > 8);
    buf_release(&b);
}

/* ---- with the model's vocabulary ------------------------------------------
 */

static bool read_file(struct buf *b, const char *path)
{
    FILE *f = fopen(path, "rb");
    char part[65536];
    size_t n;

    buf_init(b, 1 << 24);
    if (!f)
        return false;
    while ((n = fread(part, 1, sizeof(part), f)) > 0)
        buf_add(b, part, n);
    fclose(f);
    return buf_ok(b);
}

static int open_real(void **state)
{
    const char *dir = getenv("SHEAF_TEST_MODEL");
    struct err e = {0};
    char path[4096];
    struct buf b;

    (void)state;
    if (real)
        return 0;
    snprintf(path, sizeof(path), "%s/vocab.txt", dir ? dir : "build/model");
    if (!read_file(&b, path))
        print_message("no %s: set SHEAF_TEST_MODEL\n", path);
    else if (tokenizer_open(&real, content(&b), &e))
        fail_msg("%s: %s", path, e.msg);
    buf_release(&b);
    return 0;
}

static size_t from_hex(char *out, const char *hex)
{
    size_t n = 0;
    unsigned byte;

    for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        out[n++] = (char)byte;
    return n;
}

/* One line of the golden file. */
static void check_case(struct slice line)
{
    static char text[8192];
    static struct token tokens[2048];
    struct err e = {0};
    json_t *root, *want, *tuple;
    const char *what;
    size_t n, i;

    if (json_parse(&root, line, &e))
        fail_msg("%s: %s", GOLDEN, e.msg);
    what = json_string_value(json_object_get(root, "what"));
    n = from_hex(text, json_string_value(json_object_get(root, "hex")));
    n = tokenizer_encode(real, (struct slice){text, n}, tokens, NULL, 2048,
                         NULL);
    want = json_object_get(root, "tokens");
    if (n != json_array_size(want))
        fail_msg("%s: %zu tokens, not %zu: %.*s", what, n,
                 json_array_size(want), SLICE_ARG(line));
    for (i = 0; i < n; i++) {
        tuple = json_array_get(want, i);
        if (tokens[i].id != json_integer_value(json_array_get(tuple, 0)) ||
            tokens[i].start != json_integer_value(json_array_get(tuple, 1)) ||
            tokens[i].end != json_integer_value(json_array_get(tuple, 2)))
            fail_msg("%s: token %zu is %u [%u, %u): %.*s", what, i,
                     tokens[i].id, tokens[i].start, tokens[i].end,
                     SLICE_ARG(line));
    }
    json_decref(root);
}

static void test_golden(void **state)
{
    struct slice rest, line;
    struct buf b;
    size_t n = 0;

    (void)state;
    if (!real)
        skip();
    if (!read_file(&b, GOLDEN))
        fail_msg("cannot read %s: run from the repository's folder", GOLDEN);
    rest = content(&b);
    while (slice_split(&rest, '\n', &line))
        if (line.len) {
            check_case(line);
            n++;
        }
    assert_true(n >= 200);
    buf_release(&b);
}

/* Every word of the vocabulary that is made of letters comes back as itself. */
static void test_whole_vocabulary(void **state)
{
    uint32_t id, n = 0;

    (void)state;
    if (!real)
        skip();
    for (id = 0; id < TOKENIZER_VOCAB; id++) {
        struct slice word = tokenizer_text(real, (uint16_t)id);
        uint16_t got[2];
        size_t i;

        for (i = 0; i < word.len; i++)
            if (word.p[i] < 'a' || word.p[i] > 'z')
                break;
        if (i < word.len)
            continue;
        assert_int_equal(tokenizer_encode(real, word, NULL, got, 2, NULL), 1);
        assert_int_equal(got[0], id);
        n++;
    }
    assert_true(n > 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_offsets_after_normalising),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_special_tokens),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_max),
        cmocka_unit_test(test_a_megabyte),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_wrong_vocabulary),
        cmocka_unit_test(test_last_line),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test_setup(test_golden, open_real),
        cmocka_unit_test_setup(test_whole_vocabulary, open_real),
    };

    return cmocka_run_group_tests_name("tokenizer", tests, open_made_up,
                                       close_all);
}
