/* postgres_text.c - see postgres_text.h. */
#include "store/postgres_text.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "store/postgres_conn.h"
#include "store/postgres_fold.h"
#include "store/postgres_stem.h"

/* Limits of tsvector (tsearch/ts_type.h): a lexeme < 2,048 bytes, positions
 * < 16,384 and at most 256 of a lexeme, lexemes < 1 MB in all. */
#define MAX_WORD 200
#define MAX_POSITION 16383
#define MAX_POSITIONS 255
#define MAX_WORD_BYTES 500000
/* Words between title, abstract and authors that no phrase bridges. */
#define GAP 16

enum weight { WEIGHT_C = 1, WEIGHT_B = 2, WEIGHT_A = 3 };

struct occurrence {
    uint64_t head; /* the first eight bytes as a number: decides most orders */
    uint32_t at;   /* in the words */
    uint16_t len;
    uint16_t position; /* with its weight in the upper two bits */
};

/* ---- words ---- */

/* The next character that belongs to a word, folded: its bytes in out, how many
 * of them returned; 0: none of a word, or a mark. */
static size_t next_letter(struct slice text, size_t *pos, char out[4],
                          bool *mark)
{
    unsigned char c = (unsigned char)text.p[*pos];
    size_t start = *pos;
    uint32_t cp;

    *mark = false;
    if (c < 0x80) { /* nearly all of them */
        ++*pos;
        out[0] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        return (out[0] >= 'a' && out[0] <= 'z') || (c >= '0' && c <= '9');
    }
    cp = utf8_next(text, pos);
    *mark = cp >= 0x300 && cp <= 0x36F;
    if (!search_has_word(slice_sub(text, start, *pos)))
        return 0;
    return utf8_put(out, pg_fold(cp));
}

/* Take the next word of the text, folded and stemmed; false: no more.  Marks
 * that combine with a letter are left out, so that a decomposed letter is the
 * same as a composed one. */
static bool next_word(struct slice text, size_t *pos, char out[MAX_WORD],
                      size_t *len)
{
    size_t n = 0;
    bool inside = false;

    while (*pos < text.len) {
        char bytes[4];
        bool mark;
        size_t width = next_letter(text, pos, bytes, &mark);

        if (width == 0) {
            if (inside && !mark)
                break;
            continue;
        }
        inside = true;
        if (n + width > MAX_WORD)
            continue;
        for (size_t i = 0; i < width; i++)
            out[n++] = bytes[i];
    }
    *len = pg_stem(out, n);
    return inside;
}

/* ---- tsvector ---- */

struct occurrences {
    struct buf words; /* their bytes */
    struct buf list;  /* struct occurrence */
    int position;
};

static uint64_t head_of(const char *word, size_t len)
{
    uint64_t head = 0;

    memcpy(&head, word, len < 8 ? len : 8);
    return be64toh(head);
}

static void add_field(struct occurrences *o, struct slice text, enum weight w)
{
    char word[MAX_WORD];
    size_t pos = 0, len;

    while (o->position < MAX_POSITION && next_word(text, &pos, word, &len)) {
        struct occurrence one = {.head = head_of(word, len),
                                 .at = (uint32_t)o->words.len,
                                 .len = (uint16_t)len};

        o->position++;
        one.position = (uint16_t)((unsigned)w << 14 | (unsigned)o->position);
        if (o->words.len + len > MAX_WORD_BYTES)
            return;
        buf_add(&o->words, word, len);
        buf_add(&o->list, &one, sizeof(one));
    }
    o->position += GAP;
}

static struct slice word_of(const struct occurrences *o,
                            const struct occurrence *one)
{
    return (struct slice){o->words.p + one->at, one->len};
}

static int compare_words(const struct occurrences *o,
                         const struct occurrence *a, const struct occurrence *b)
{
    if (a->head != b->head)
        return a->head < b->head ? -1 : 1;
    if (a->len <= 8 && b->len <= 8) /* no word has a NUL */
        return 0;
    return slice_cmp(word_of(o, a), word_of(o, b));
}

/* By word, then position: the order in which PostgreSQL keeps them. */
static int compare(const void *x, const void *y, void *ctx)
{
    const struct occurrence *a = x, *b = y;
    int c = compare_words(ctx, a, b);

    return c ? c : (a->position & MAX_POSITION) - (b->position & MAX_POSITION);
}

static size_t write_vector(struct buf *out, const struct occurrences *o)
{
    const struct occurrence *list = (const struct occurrence *)o->list.p;
    size_t n = o->list.len / sizeof(*list), next, count_at = out->len,
           n_positions = 0;
    uint32_t n_words = 0;

    pg_put_u32(out, 0);
    for (size_t i = 0; i < n; i = next) {
        size_t used;

        for (next = i + 1; next < n; next++)
            if (compare_words(o, &list[i], &list[next]) != 0)
                break;
        used = next - i < MAX_POSITIONS ? next - i : MAX_POSITIONS;
        buf_add_slice(out, word_of(o, &list[i]));
        buf_add_char(out, 0);
        pg_put_u16(out, (uint16_t)used);
        for (size_t k = 0; k < used; k++)
            pg_put_u16(out, list[i + k].position);
        n_words++;
        n_positions += used;
    }
    pg_patch_u32(out, count_at, n_words);
    return n_positions;
}

size_t pg_text_vector(struct buf *out, const struct paper *p)
{
    struct occurrences o = {0};
    size_t n = 0;

    buf_init(&o.words, MAX_WORD_BYTES);
    buf_init(&o.list, (MAX_POSITION + 1) * sizeof(struct occurrence));
    add_field(&o, p->title, WEIGHT_A);
    add_field(&o, p->abstract, WEIGHT_B);
    add_field(&o, p->authors, WEIGHT_C);
    if (!buf_ok(&o.words) || !buf_ok(&o.list)) {
        out->failed = true;
    } else {
        if (o.list.len)
            qsort_r(o.list.p, o.list.len / sizeof(struct occurrence),
                    sizeof(struct occurrence), compare, &o);
        n = write_vector(out, &o);
    }
    buf_release(&o.list);
    buf_release(&o.words);
    return n;
}

/* ---- tsquery ---- */

/* 'word':C <-> 'word':C; the words have no character that needs quoting. `last`
 * is put behind the last one.  false: no word in the text, nothing written. */
static bool add_phrase(struct buf *out, struct slice text, const char *weight,
                       const char *last)
{
    char word[MAX_WORD];
    size_t pos = 0, len;
    bool any = false;

    while (next_word(text, &pos, word, &len)) {
        buf_add_str(out, any ? " <-> '" : "('");
        buf_add(out, word, len);
        buf_add_char(out, '\'');
        buf_add_str(out, weight);
        any = true;
    }
    if (any) {
        buf_add_str(out, last);
        buf_add_char(out, ')');
    }
    return any;
}

static void add_term(struct buf *out, struct slice text, const char *before,
                     const char *weight)
{
    size_t start = out->len;

    if (start)
        buf_add_str(out, " & ");
    buf_add_str(out, before);
    if (!add_phrase(out, text, weight, ""))
        buf_cut(out, start);
}

/* (('transf':*) | ('transfed') | ...) */
static void add_open_term(struct buf *out, struct slice text)
{
    struct search_completion list[SEARCH_MAX_COMPLETIONS];
    size_t n = search_completions(text, list), start = out->len;
    struct buf word;

    buf_add_str(out, start ? " & (" : "(");
    if (!add_phrase(out, text, "", ":*")) {
        buf_cut(out, start);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        buf_init(&word, 2 * SEARCH_MAX_BYTES);
        buf_add_slice(&word, slice_sub(text, 0, list[i].keep));
        buf_add_str(&word, list[i].end);
        buf_add_str(out, " | ");
        add_phrase(out, buf_slice(&word), "", "");
        buf_release(&word);
    }
    buf_add_char(out, ')');
}

void pg_text_query(struct buf *out, const struct search_query *q,
                   struct slice author)
{
    for (size_t i = 0; i < q->n; i++) {
        const struct search_term *t = &q->terms[i];

        if (t->prefix)
            add_open_term(out, t->text);
        else if (!t->unspaced)
            add_term(out, t->text, t->excluded ? "!" : "", "");
    }
    if (author.len)
        add_term(out, author, "", ":C");
}
