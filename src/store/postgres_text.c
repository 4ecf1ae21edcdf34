/* postgres_text.c - see postgres_text.h. */
#include "store/postgres_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "store/postgres_conn.h"
#include "store/postgres_fold.h"
#include "store/postgres_stem.h"

/* Limits of tsvector (tsearch/ts_type.h): a lexeme < 2,048 bytes, positions
 * < 16,384 and at most 256 of a lexeme, lexemes < 1 MB in all. */
#define MAX_WORD       200
#define MAX_POSITION   16383
#define MAX_POSITIONS  255
#define MAX_WORD_BYTES 500000
/* Words between title, abstract and authors that no phrase bridges. */
#define GAP 16

enum weight { WEIGHT_C = 1, WEIGHT_B = 2, WEIGHT_A = 3 };

struct occurrence {
    uint32_t at, len; /* in the words */
    uint16_t position; /* with its weight in the upper two bits */
};

/* ---- words ---- */

/* Take the next word of the text, folded and stemmed; false: no more.  Marks
 * that combine with a letter are left out, so that a decomposed letter is the
 * same as a composed one. */
static bool next_word(struct slice text, size_t *pos, char out[MAX_WORD],
                      size_t *len)
{
    size_t n = 0;
    bool inside = false;

    while (*pos < text.len) {
        size_t start = *pos;
        uint32_t cp = utf8_next(text, pos);
        bool mark = cp >= 0x300 && cp <= 0x36F;
        char bytes[4];
        size_t width;

        if (inside && mark)
            continue;
        if (!search_has_word(slice_sub(text, start, *pos))) {
            if (inside)
                break;
            continue;
        }
        inside = true;
        width = utf8_put(bytes, pg_fold(cp));
        if (n + width > MAX_WORD)
            continue;
        memcpy(out + n, bytes, width);
        n += width;
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

static void add_field(struct occurrences *o, struct slice text, enum weight w)
{
    char word[MAX_WORD];
    size_t pos = 0, len;

    while (o->position < MAX_POSITION && next_word(text, &pos, word, &len)) {
        struct occurrence one = {(uint32_t)o->words.len, (uint32_t)len, 0};

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

/* By word, then position: the order in which PostgreSQL keeps them. */
static int compare(const void *x, const void *y, void *ctx)
{
    const struct occurrence *a = x, *b = y;
    int c = slice_cmp(word_of(ctx, a), word_of(ctx, b));

    return c ? c : (a->position & MAX_POSITION) - (b->position & MAX_POSITION);
}

static void write_vector(struct buf *out, const struct occurrences *o)
{
    const struct occurrence *list = (const struct occurrence *)o->list.p;
    size_t n = o->list.len / sizeof(*list), next, count_at = out->len;
    uint32_t n_words = 0;

    pg_put_u32(out, 0);
    for (size_t i = 0; i < n; i = next) {
        size_t used;

        for (next = i + 1; next < n; next++)
            if (!slice_eq(word_of(o, &list[i]), word_of(o, &list[next])))
                break;
        used = next - i < MAX_POSITIONS ? next - i : MAX_POSITIONS;
        buf_add_slice(out, word_of(o, &list[i]));
        buf_add_char(out, 0);
        pg_put_u16(out, (uint16_t)used);
        for (size_t k = 0; k < used; k++)
            pg_put_u16(out, list[i + k].position);
        n_words++;
    }
    pg_patch_u32(out, count_at, n_words);
}

void pg_text_vector(struct buf *out, const struct paper *p)
{
    struct occurrences o = {0};

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
        write_vector(out, &o);
    }
    buf_release(&o.list);
    buf_release(&o.words);
}

/* ---- tsquery ---- */

/* 'word':C <-> 'word':C; the words have no character that needs quoting.
 * false: no word in the text, nothing written. */
static bool add_phrase(struct buf *out, struct slice text, const char *weight)
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
    if (any)
        buf_add_char(out, ')');
    return any;
}

static void add_term(struct buf *out, struct slice text, const char *before,
                     const char *weight)
{
    size_t start = out->len;

    if (start)
        buf_add_str(out, " & ");
    buf_add_str(out, before);
    if (!add_phrase(out, text, weight))
        buf_cut(out, start);
}

void pg_text_query(struct buf *out, const struct search_query *q,
                   struct slice author)
{
    for (size_t i = 0; i < q->n; i++)
        if (!q->terms[i].unspaced)
            add_term(out, q->terms[i].text, q->terms[i].excluded ? "!" : "",
                     "");
    if (author.len)
        add_term(out, author, "", ":C");
}
