/* fuzz_tokenizer.c - any text, and vocabularies with lines of the fuzzer's.
 *
 * The first byte says which: 'V', and the rest is put over the lines from 200
 * on of a sound vocabulary; or else the rest is a text for that vocabulary.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "embed/tokenizer.h"

#define MAX_TEXT 4096
#define FIRST 200
#define ROOM (MAX_TEXT + 2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

/* A sound vocabulary, and where each of its lines begins. */
static struct buf sound;
static size_t line_at[TOKENIZER_VOCAB];

static void write_sound(void)
{
    static const char *const special[] = {"[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    int i;

    buf_init(&sound, 1 << 20);
    for (i = 0; i < TOKENIZER_VOCAB; i++) {
        line_at[i] = sound.len;
        if (i == TOKEN_PAD)
            buf_add_str(&sound, "[PAD]\n");
        else if (i >= TOKEN_UNK && i <= TOKEN_MASK)
            buf_printf(&sound, "%s\n", special[i - TOKEN_UNK]);
        else
            buf_printf(&sound, "[unused%d]\n", i);
    }
    require(buf_ok(&sound));
}

/* A vocabulary in which `lines` stand from line 200 on. */
static enum err_code open_with(struct tokenizer **t, struct slice lines)
{
    size_t n = 1, i;
    enum err_code code;
    struct err e;
    struct buf b;

    if (sound.len == 0)
        write_sound();
    for (i = 0; i < lines.len; i++)
        n += lines.p[i] == '\n';
    buf_init(&b, 1 << 20);
    buf_add(&b, sound.p, line_at[FIRST]);
    buf_add_slice(&b, lines);
    buf_add_char(&b, '\n');
    buf_add(&b, sound.p + line_at[FIRST + n], sound.len - line_at[FIRST + n]);
    require(buf_ok(&b));
    code = tokenizer_open(t, buf_slice(&b), &e);
    buf_release(&b);
    return code;
}

/* Whole words, parts and letters, so that every way through is taken. */
static const struct tokenizer *fixed(void)
{
    static struct tokenizer *t;

    if (!t)
        require(
            open_with(&t, SLICE("a\nb\nab\nabc\n##a\n##b\n##ab\nthe\n##the\n"
                                "e\n##e\n0\n1\n##0\n.\n[\n]\n\u4e2d\n\u1112\n"
                                "##\u1161\n##\u11ab\n\u0434\n##\u0434\n"
                                "\u05d0\n\u3042\n##\u3042\n\u1b44\n"
                                "##\u1b44\n##\u302e\n=\n;")) == ERR_NONE);
    return t;
}

/* Every token is one of the vocabulary and lies inside the text; the first max
 * are the same whatever max is. */
static size_t check(const struct tokenizer *t, struct slice text,
                    struct token *out)
{
    static uint16_t ids[ROOM];
    size_t n, i, max;
    bool more;

    n = tokenizer_encode(t, text, out, NULL, ROOM, &more);
    require(n <= text.len && !more);
    for (i = 0; i < n; i++) {
        require(out[i].id < TOKENIZER_VOCAB);
        require(out[i].start < out[i].end && out[i].end <= text.len);
        require(tokenizer_text(t, out[i].id).len > 0);
    }
    for (max = 0; max <= n; max = max * 2 + 1) {
        require(tokenizer_encode(t, text, NULL, ids, max, &more) == max);
        require(more == (max < n));
        for (i = 0; i < max; i++)
            require(ids[i] == out[i].id);
    }
    return n;
}

/* A blank parts two texts; nothing on one side changes the other. */
static void check_halves(const struct tokenizer *t, struct slice text)
{
    static struct token whole[ROOM], half[ROOM];
    static char joined[MAX_TEXT + 1];
    size_t cut = text.len / 2, n, k, i;

    memcpy(joined, text.p, cut);
    joined[cut] = ' ';
    memcpy(joined + cut + 1, text.p + cut, text.len - cut);
    n = check(t, (struct slice){joined, text.len + 1}, whole);
    k = check(t, slice_sub(text, 0, cut), half);
    require(k <= n);
    for (i = 0; i < k; i++)
        require(whole[i].id == half[i].id && whole[i].start == half[i].start &&
                whole[i].end == half[i].end);
    require(check(t, slice_sub(text, cut, text.len), half) == n - k);
    for (i = k; i < n; i++)
        require(whole[i].id == half[i - k].id &&
                whole[i].start == half[i - k].start + cut + 1 &&
                whole[i].end == half[i - k].end + cut + 1);
}

/* A soft hyphen after every letter is removed again, but sends every word the
 * long way. */
static void check_both_ways(const struct tokenizer *t, struct slice text)
{
    static struct token plain[ROOM], hyphened[ROOM];
    static char wide[3 * MAX_TEXT];
    size_t at = 0, len = 0, n, i;

    if (slice_find_byte(text, '[') >= 0 || !utf8_valid(text))
        return; /* "[SEP]" must stay in one piece */
    while (at < text.len) {
        size_t from = at;

        (void)utf8_next(text, &at);
        memcpy(wide + len, text.p + from, at - from);
        len += at - from;
        memcpy(wide + len, "\u00ad", 2);
        len += 2;
    }
    n = tokenizer_encode(t, text, plain, NULL, ROOM, NULL);
    require(tokenizer_encode(t, (struct slice){wide, len}, hyphened, NULL, ROOM,
                             NULL) == n);
    for (i = 0; i < n; i++)
        require(plain[i].id == hyphened[i].id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct token tokens[ROOM];
    struct slice rest = {(const char *)data + 1, size - 1};
    struct tokenizer *t = NULL;

    if (size < 2 || size > MAX_TEXT)
        return 0;
    if (data[0] != 'V') {
        (void)check(fixed(), rest, tokens);
        check_halves(fixed(), rest);
        check_both_ways(fixed(), rest);
        return 0;
    }
    if (open_with(&t, rest) == ERR_NONE) {
        (void)check(t, rest, tokens);
        tokenizer_close(t);
    }
    return 0;
}
