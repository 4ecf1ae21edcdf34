/* search_query.c - see search_query.h. */
#include "store/search_query.h"

#include <stdint.h>

#include "base/utf8.h"

/* ---- characters ---- */

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200B) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool is_quote(uint32_t c)
{
    return c == '"' || c == 0x201C || c == 0x201D || c == 0x201E || c == 0xAB ||
           c == 0xBB;
}

/* Blocks of punctuation and symbols.  Coarse on purpose: a character wrongly
 * taken for a letter gives a term that finds nothing, and no error. */
static bool is_word(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } symbols[] = {
        {0x80, 0xA9},       {0xAB, 0xB1},       {0xB4, 0xB4},
        {0xB6, 0xB8},       {0xBB, 0xBB},       {0xBF, 0xBF},
        {0xD7, 0xD7},       {0xF7, 0xF7},       {0x2C2, 0x2DF},
        {0x300, 0x36F},     {0x2000, 0x206F},   {0x207A, 0x207E},
        {0x20A0, 0x20FF},   {0x2190, 0x245F},   {0x2500, 0x2775},
        {0x2794, 0x2BFF},   {0x2E00, 0x2E7F},   {0x3000, 0x3004},
        {0x3008, 0x3020},   {0x3030, 0x3030},   {0xFE00, 0xFE6F},
        {0xFF00, 0xFF0F},   {0xFF1A, 0xFF20},   {0xFFF0, 0xFFFF},
        {0x1F000, 0x1FAFF}, {0xE0000, 0xE01EF},
    };

    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
               (c >= 'A' && c <= 'Z');
    for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++)
        if (c >= symbols[i].first && c <= symbols[i].last)
            return false;
    return true;
}

bool search_is_unspaced(struct slice text)
{
    for (size_t pos = 0; pos < text.len;) {
        if ((unsigned char)text.p[pos] < 0x80)
            pos++;
        else if (utf8_is_unspaced(utf8_next(text, &pos)))
            return true;
    }
    return false;
}

bool search_has_word(struct slice text)
{
    for (size_t pos = 0; pos < text.len;)
        if (is_word(utf8_next(text, &pos)))
            return true;
    return false;
}

/* ---- stop words ---- */

/* english.stop of PostgreSQL 15, in order. */
static const char *const stop_words[] = {
    "a",          "about",  "above",   "after",   "again",  "against",
    "all",        "am",     "an",      "and",     "any",    "are",
    "as",         "at",     "be",      "because", "been",   "before",
    "being",      "below",  "between", "both",    "but",    "by",
    "can",        "did",    "do",      "does",    "doing",  "don",
    "down",       "during", "each",    "few",     "for",    "from",
    "further",    "had",    "has",     "have",    "having", "he",
    "her",        "here",   "hers",    "herself", "him",    "himself",
    "his",        "how",    "i",       "if",      "in",     "into",
    "is",         "it",     "its",     "itself",  "just",   "me",
    "more",       "most",   "my",      "myself",  "no",     "nor",
    "not",        "now",    "of",      "off",     "on",     "once",
    "only",       "or",     "other",   "our",     "ours",   "ourselves",
    "out",        "over",   "own",     "s",       "same",   "she",
    "should",     "so",     "some",    "such",    "t",      "than",
    "that",       "the",    "their",   "theirs",  "them",   "themselves",
    "then",       "there",  "these",   "they",    "this",   "those",
    "through",    "to",     "too",     "under",   "until",  "up",
    "very",       "was",    "we",      "were",    "what",   "when",
    "where",      "which",  "while",   "who",     "whom",   "why",
    "will",       "with",   "you",     "your",    "yours",  "yourself",
    "yourselves",
};

static bool is_stop_word(struct slice word)
{
    for (size_t i = 0; i < sizeof(stop_words) / sizeof(*stop_words); i++)
        if (slice_is_nocase(word, stop_words[i]))
            return true;
    return false;
}

/* Is there a word besides stop words? */
static bool is_usable(struct slice text)
{
    size_t pos = 0;

    while (pos < text.len) {
        size_t start = pos, end = pos;

        while (pos < text.len && is_word(utf8_next(text, &pos)))
            end = pos;
        if (end > start &&
            !is_stop_word((struct slice){text.p + start, end - start}))
            return true;
    }
    return false;
}

/* ---- terms ---- */

struct scanner {
    struct slice text;
    size_t pos;
};

/* The character at pos, without moving; 0 at the end (the text has no NUL that
 * would matter: it is no word). */
static uint32_t peek(const struct scanner *s, size_t *next)
{
    *next = s->pos;
    return s->pos < s->text.len ? utf8_next(s->text, next) : 0;
}

static struct slice phrase(struct scanner *s)
{
    size_t start = s->pos, next;

    while (s->pos < s->text.len) {
        if (is_quote(peek(s, &next))) {
            struct slice inside = slice_sub(s->text, start, s->pos);

            s->pos = next;
            return inside;
        }
        s->pos = next;
    }
    return slice_sub(s->text, start, s->pos);
}

static struct slice word(struct scanner *s)
{
    size_t start = s->pos, next;

    while (s->pos < s->text.len && !is_space(peek(s, &next)))
        s->pos = next;
    return slice_sub(s->text, start, s->pos);
}

/* The next term, usable or not; false at the end. */
static bool next_term(struct scanner *s, struct search_term *t)
{
    size_t next;
    uint32_t c;

    while (is_space(c = peek(s, &next)))
        s->pos = next;
    if (s->pos >= s->text.len)
        return false;
    *t = (struct search_term){.excluded = c == '-'};
    if (t->excluded) {
        s->pos = next;
        c = peek(s, &next);
    }
    t->phrase = is_quote(c);
    if (t->phrase) {
        s->pos = next;
        t->text = phrase(s);
    } else {
        t->text = word(s);
    }
    t->unspaced = search_is_unspaced(t->text);
    return true;
}

enum err_code search_parse(struct slice text, struct search_query *out,
                           struct err *e)
{
    struct scanner s = {.text = text};
    struct search_term t;

    out->n = out->n_wanted = 0;
    if (text.len > SEARCH_MAX_BYTES)
        return err_field(e, "search", "'search' is longer than %d bytes",
                         SEARCH_MAX_BYTES);
    if (!utf8_valid(text))
        return err_field(e, "search", "'search' is not valid UTF-8");
    while (next_term(&s, &t)) {
        if (!is_usable(t.text))
            continue;
        if (out->n == SEARCH_MAX_TERMS)
            return err_field(e, "search", "'search' has more than %d terms",
                             SEARCH_MAX_TERMS);
        out->terms[out->n++] = t;
        out->n_wanted += !t.excluded;
    }
    if (out->n == 0)
        return err_field(e, "search", "'search' has no usable word");
    return ERR_NONE;
}

bool search_has_term(struct slice text)
{
    struct scanner s = {.text = text};
    struct search_term t;

    while (next_term(&s, &t))
        if (is_usable(t.text))
            return true;
    return false;
}

void search_like_pattern(struct buf *out, struct slice text)
{
    buf_add_char(out, '%');
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '%' || text.p[i] == '_' || text.p[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, text.p[i]);
    }
    buf_add_char(out, '%');
}

/* ---- a word that is being typed ---- */

#define PREFIX_MIN 3 /* letters: fewer begin thousands of words */

void search_open_end(struct search_query *q, struct slice text)
{
    struct search_term *last = q->n ? &q->terms[q->n - 1] : NULL;
    size_t pos = 0, run = 0;

    if (!last || last->excluded || last->phrase || last->unspaced ||
        last->text.p + last->text.len != text.p + text.len)
        return;
    while (pos < last->text.len)
        run = is_word(utf8_next(last->text, &pos)) ? run + 1 : 0;
    last->prefix = run >= PREFIX_MIN;
}

/* Ends that Porter's stemmer takes off. */
static const char *const ends[SEARCH_MAX_COMPLETIONS] = {
    "ing",  "ed",  "er",   "es",   "ion",  "ation", "ative", "ator",
    "ize",  "ive", "ity",  "al",   "ally", "ly",    "ment",  "ness",
    "able", "ent", "ence", "ency", "ant",  "ance",  "ism",   "ous",
};

size_t search_completions(struct slice text,
                          struct search_completion out[SEARCH_MAX_COMPLETIONS])
{
    size_t n = 0;

    for (size_t i = 0; i < SEARCH_MAX_COMPLETIONS; i++) {
        struct slice end = slice_of(ends[i]);

        /* the longest beginning of it that is typed already */
        for (size_t k = end.len - 1; k > 0; k--) {
            if (text.len < k + PREFIX_MIN ||
                !slice_eq(slice_sub(text, text.len - k, text.len),
                          slice_sub(end, 0, k)))
                continue;
            out[n++] = (struct search_completion){text.len - k, ends[i]};
            break;
        }
    }
    return n;
}
