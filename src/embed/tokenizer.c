/* tokenizer.c - the header says what this does; here is how, and why so.
 *
 * The reference makes five passes over a text, each with a copy and an array of
 * offsets: clean, put spaces round Han characters, decompose and drop accents,
 * lower case, split.  Here is one pass without memory, a word at a time:
 *
 *   ASCII words, nearly all of an English text, are read by the trie itself:
 *   every byte is put through a table that gives the lower case, or 0 where the
 *   word ends.  Where that finds the whole word, and it mostly does, the word
 *   has been read exactly once.
 *
 *   Words with anything else in them are first written out in their normalised
 *   form (struct word), by a rule for each code point (unicode_table.h), with
 *   the place in the text that every byte came from.
 *
 * Why a rule for each code point is enough although normalisation is defined on
 * strings: of what decomposition moves about, the marks, nearly all are removed
 * afterwards.  Those that stay are put in order by add_marks().
 *
 * docs/embedding-tokenizer.md tells the whole story.
 */
#include "embed/tokenizer.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "embed/token_trie.h"
#include "embed/unicode_table.h"

#define WORD_MAX_CHARS 100 /* a longer word is one [UNK] */
#define LINE_MAX_BYTES (4 * WORD_MAX_CHARS + 2)
#define VOCAB_MAX_BYTES (1024u * 1024)

/* What a byte is at the place where a word may begin. */
enum byte_kind { BYTE_DROP, BYTE_SPACE, BYTE_WORD, BYTE_ALONE, BYTE_WIDE };

struct tokenizer {
    uint8_t kinds[256];  /* enum byte_kind; BYTE_WIDE: not ASCII */
    uint8_t folded[256]; /* lower case of BYTE_WORD, 0 for others */
    uint16_t alone[128]; /* token of each BYTE_ALONE */
    uint32_t rest_link;  /* the trie from "##" on */
    struct token_trie trie;
    char *vocab;     /* owned copy of the file */
    uint32_t *lines; /* TOKENIZER_VOCAB + 1 positions in it */
};

static const struct {
    uint16_t id;
    struct slice text;
} special_tokens[] = {
    {TOKEN_PAD, SLICE_INIT("[PAD]")},   {TOKEN_UNK, SLICE_INIT("[UNK]")},
    {TOKEN_CLS, SLICE_INIT("[CLS]")},   {TOKEN_SEP, SLICE_INIT("[SEP]")},
    {TOKEN_MASK, SLICE_INIT("[MASK]")},
};

#define N_SPECIAL (sizeof(special_tokens) / sizeof(*special_tokens))

/* One run of tokenizer_encode. */
struct run {
    const struct tokenizer *t;
    struct slice text;
    struct token *out; /* either may be NULL */
    uint16_t *ids;
    size_t max, n; /* n may pass max; nothing is written then */
};

/* A word in its normalised form.  A byte knows the code point of the text that
 * it came from: the first byte of a letter its start, the last byte its end. */
struct word {
    uint8_t bytes[4 * WORD_MAX_CHARS];
    uint32_t starts[4 * WORD_MAX_CHARS], ends[4 * WORD_MAX_CHARS];
    size_t len;          /* bytes, of the first WORD_MAX_CHARS letters */
    size_t n_chars;      /* letters, also those that are no longer stored */
    uint32_t start, end; /* of the whole word */
};

/* A part of a word for which there is a token. */
struct piece {
    uint16_t id;
    uint16_t end; /* in the word */
};

/* ---- writing tokens ------------------------------------------------------ */

static void emit(struct run *r, uint16_t id, size_t start, size_t end)
{
    if (r->n < r->max) {
        if (r->ids)
            r->ids[r->n] = id;
        if (r->out)
            r->out[r->n] = (struct token){id, (uint32_t)start, (uint32_t)end};
    }
    r->n++;
}

/* The longest token at w[from..len) below `link`; 0: none, else its end. */
static size_t longest(const struct token_trie *trie, uint32_t link,
                      const uint8_t *w, size_t from, size_t len, uint16_t *id)
{
    size_t end = 0, i;

    for (i = from; i < len; i++) {
        uint32_t at = token_trie_child(link, w[i]);

        link = trie->links[at];
        if (!token_trie_has(link, w[i]))
            break;
        if (link & TOKEN_TRIE_END) {
            *id = trie->ids[at];
            end = i + 1;
        }
    }
    return end;
}

/* Cut a word (no NUL in it) greedily; 0: it has a part without a token. */
static size_t split(const struct tokenizer *t, const uint8_t *w, size_t len,
                    struct piece pieces[WORD_MAX_CHARS])
{
    uint32_t link = t->trie.links[TOKEN_TRIE_ROOT];
    size_t n = 0, at = 0;

    while (at < len) {
        size_t end = longest(&t->trie, link, w, at, len, &pieces[n].id);

        if (end == 0)
            return 0;
        pieces[n++].end = (uint16_t)end;
        at = end;
        link = t->rest_link;
    }
    return n;
}

static void emit_word(struct run *r, const struct word *w)
{
    struct piece pieces[WORD_MAX_CHARS];
    size_t n, i, at = 0;

    if (w->n_chars == 0)
        return;
    n = w->n_chars > WORD_MAX_CHARS ? 0 : split(r->t, w->bytes, w->len, pieces);
    if (n == 0)
        emit(r, TOKEN_UNK, w->start, w->end);
    for (i = 0; i < n; i++) {
        emit(r, pieces[i].id, w->starts[at], w->ends[pieces[i].end - 1]);
        at = pieces[i].end;
    }
}

/* ---- words of any script ------------------------------------------------- */

static void add_letter(struct word *w, uint32_t cp, size_t start, size_t end)
{
    if (w->n_chars == 0)
        w->start = (uint32_t)start;
    w->end = (uint32_t)end;
    if (w->n_chars++ < WORD_MAX_CHARS) {
        w->starts[w->len] = (uint32_t)start;
        w->len += utf8_put((char *)w->bytes + w->len, cp);
        w->ends[w->len - 1] = (uint32_t)end;
    }
}

/* A mark of the text: a code point with a combining class. */
struct mark {
    uint32_t cp; /* 0: it is removed */
    unsigned ccc;
    size_t start, end;
};

/* The next mark of a row; false: something else comes at *pos.  What is dropped
 * is dropped before marks are sorted, so it does not end a row. */
static bool next_mark(struct slice text, size_t *pos, struct mark *out)
{
    size_t at = *pos;

    while (at < text.len) {
        size_t start = at;
        uint32_t cp = utf8_next(text, &at), rule = unicode_rule(cp);

        if (unicode_kind(rule) == UNICODE_DROP)
            continue;
        if (unicode_class(rule) == 0)
            return false;
        if (unicode_kind(rule) == UNICODE_MARK)
            cp = 0;
        else if (unicode_value(rule))
            cp = unicode_value(rule);
        *out = (struct mark){cp, unicode_class(rule), start, at};
        *pos = at;
        return true;
    }
    return false;
}

/* A row of marks that begins at pos, after a letter whose decomposition ends in
 * the marks head[0..n_head) (n_head may be 0).  Returns where the row ends.
 *
 * Marks are sorted by their class, those of one class keep their order.  The
 * offsets are not sorted along: the reference gives the k-th mark of the sorted
 * row the place of the k-th of the text, and a mark out of a decomposition the
 * place of what now stands before it.  So do we.  Rows can be as long as the
 * text and there is no memory for one; but there are only some ten classes with
 * marks that stay, and each gets a pass. */
static size_t add_marks(struct word *w, size_t pos, struct slice text,
                        struct mark letter, const uint32_t *head, size_t n_head)
{
    uint32_t n_of_class[256] = {0}, before = 0;
    bool stays[256] = {false}, any = n_head > 0;
    size_t end = pos, i;
    struct mark m;
    unsigned ccc;

    while (next_mark(text, &end, &m)) {
        n_of_class[m.ccc]++;
        stays[m.ccc] = stays[m.ccc] || m.cp;
        any = any || m.cp;
    }
    if (!any)
        return end; /* accents: nearly always */
    for (i = 0; i < n_head; i++)
        stays[unicode_class(unicode_rule(head[i]))] = true;
    for (ccc = 1; ccc < 256; before += n_of_class[ccc++]) {
        size_t at = pos, place = pos;
        struct mark here = letter;
        uint32_t k;

        if (!stays[ccc])
            continue;
        for (k = 0; k < before; k++)
            (void)next_mark(text, &place, &here);
        for (i = 0; i < n_head; i++)
            if (unicode_class(unicode_rule(head[i])) == ccc)
                add_letter(w, head[i], here.start, here.end);
        while (next_mark(text, &at, &m)) {
            if (m.ccc != ccc)
                continue;
            (void)next_mark(text, &place, &here);
            if (m.cp)
                add_letter(w, m.cp, here.start, here.end);
        }
    }
    return end;
}

static void add_hangul(struct word *w, uint32_t cp, size_t start, size_t end)
{
    uint32_t index = cp - 0xAC00, tail = index % 28;

    add_letter(w, 0x1100 + index / 588, start, end);
    add_letter(w, 0x1161 + index % 588 / 28, start, end);
    if (tail)
        add_letter(w, 0x11A7 + tail, start, end);
}

/* Letters, and after them marks that stay. */
static size_t add_sequence(struct word *w, const uint32_t *cps,
                           struct slice text, size_t start, size_t end)
{
    size_t n = 0, n_letters;

    while (n < UNICODE_SEQUENCE_MAX && cps[n])
        n++;
    for (n_letters = 0; n_letters < n; n_letters++) {
        if (unicode_class(unicode_rule(cps[n_letters])))
            break;
        add_letter(w, cps[n_letters], start, end);
    }
    if (n_letters == n)
        return end;
    return add_marks(w, end, text, (struct mark){.start = start, .end = end},
                     cps + n_letters, n - n_letters);
}

/* Add the code point of [start, end) by its rule; returns where to go on, or
 * `start` if the word ends before it. */
static size_t add_by_rule(struct word *w, uint32_t cp, struct slice text,
                          size_t start, size_t end)
{
    uint32_t rule = unicode_rule(cp), value = unicode_value(rule);

    switch (unicode_kind(rule)) {
    case UNICODE_DROP:
        return end;
    case UNICODE_SPACE:
    case UNICODE_ALONE:
        return start;
    case UNICODE_SEQUENCE:
        return add_sequence(w, unicode_sequences[value], text, start, end);
    case UNICODE_HANGUL:
        add_hangul(w, cp, start, end);
        return end;
    case UNICODE_MARK:
    case UNICODE_LETTER:
        break;
    }
    if (unicode_class(rule))
        return add_marks(w, start, text, (struct mark){0}, NULL, 0);
    if (unicode_kind(rule) == UNICODE_LETTER)
        add_letter(w, value ? value : cp, start, end);
    return end;
}

/* A code point that is a word by itself. */
static void emit_alone(struct run *r, uint32_t cp, size_t start, size_t end)
{
    uint32_t value = unicode_value(unicode_rule(cp));
    struct word w;

    w.n_chars = w.len = 0;
    add_letter(&w, value ? value : cp, start, end);
    emit_word(r, &w);
}

/* A word that is not only ASCII, or the white space, punctuation or Han
 * character that stands there instead.  Returns where to go on. */
static size_t wide_word(struct run *r, size_t pos)
{
    const struct tokenizer *t = r->t;
    struct word w;

    w.n_chars = w.len = 0;
    while (pos < r->text.len) {
        uint8_t c = (uint8_t)r->text.p[pos];
        size_t end = pos, next;
        uint32_t cp;

        if (t->folded[c]) {
            add_letter(&w, t->folded[c], pos, pos + 1);
            pos++;
            continue;
        }
        cp = utf8_next(r->text, &end);
        next = add_by_rule(&w, cp, r->text, pos, end);
        if (next == pos) {
            if (w.n_chars > 0 || c < 0x80)
                break;
            if (unicode_kind(unicode_rule(cp)) == UNICODE_ALONE)
                emit_alone(r, cp, pos, end);
            return end;
        }
        pos = next;
    }
    emit_word(r, &w);
    return pos;
}

/* ---- ASCII words --------------------------------------------------------- */

/* A word of n ASCII characters at pos which has no token of its own. */
static void emit_parts(struct run *r, size_t pos, size_t n)
{
    struct piece pieces[WORD_MAX_CHARS];
    uint8_t folded[WORD_MAX_CHARS];
    size_t n_pieces = 0, i, at = 0;

    if (n <= WORD_MAX_CHARS) {
        for (i = 0; i < n; i++)
            folded[i] = r->t->folded[(uint8_t)r->text.p[pos + i]];
        n_pieces = split(r->t, folded, n, pieces);
    }
    if (n_pieces == 0)
        emit(r, TOKEN_UNK, pos, pos + n);
    for (i = 0; i < n_pieces; i++) {
        emit(r, pieces[i].id, pos + at, pos + pieces[i].end);
        at = pieces[i].end;
    }
}

/* A word that begins with ASCII at pos.  Returns where to go on. */
static size_t ascii_word(struct run *r, size_t pos)
{
    const struct tokenizer *t = r->t;
    const uint8_t *text = (const uint8_t *)r->text.p;
    const uint32_t *links = t->trie.links;
    uint32_t link = links[TOKEN_TRIE_ROOT], at = TOKEN_TRIE_ROOT;
    size_t len = r->text.len, i = pos;
    uint8_t c = 0, kind;

    for (; i < len && (c = t->folded[text[i]]); i++) {
        at = token_trie_child(link, c);
        link = links[at];
        if (!token_trie_has(link, c)) {
            link = 0;
            break;
        }
    }
    while (i < len && t->folded[text[i]])
        i++;
    kind = i < len ? t->kinds[text[i]] : BYTE_SPACE;
    if (kind == BYTE_WIDE || kind == BYTE_DROP)
        return wide_word(r, pos);
    if ((link & TOKEN_TRIE_END) && i - pos <= WORD_MAX_CHARS)
        emit(r, t->trie.ids[at], pos, i);
    else
        emit_parts(r, pos, i - pos);
    return i;
}

/* An ASCII character that is a word by itself, or the special token that begins
 * with it.  Those stand in the vocabulary as they are written in a text. */
static size_t ascii_alone(struct run *r, size_t pos)
{
    uint8_t c = (uint8_t)r->text.p[pos];
    size_t i;

    for (i = 0; c == '[' && i < N_SPECIAL; i++) {
        struct slice s = special_tokens[i].text;

        if (r->text.len - pos >= s.len &&
            memcmp(r->text.p + pos, s.p, s.len) == 0) {
            emit(r, special_tokens[i].id, pos, pos + s.len);
            return pos + s.len;
        }
    }
    emit(r, r->t->alone[c], pos, pos + 1);
    return pos + 1;
}

size_t tokenizer_encode(const struct tokenizer *t, struct slice text,
                        struct token *out, uint16_t *ids, size_t max,
                        bool *more)
{
    struct run r = {t, text, out, ids, max, 0};
    size_t stop = more && max < SIZE_MAX ? max + 1 : max, pos = 0;

    assert(text.len < UINT32_MAX);
    while (pos < text.len && r.n < stop) {
        switch ((enum byte_kind)t->kinds[(uint8_t)text.p[pos]]) {
        case BYTE_DROP:
        case BYTE_SPACE:
            pos++;
            break;
        case BYTE_WORD:
            pos = ascii_word(&r, pos);
            break;
        case BYTE_ALONE:
            pos = ascii_alone(&r, pos);
            break;
        case BYTE_WIDE:
            pos = wide_word(&r, pos);
            break;
        }
    }
    if (more)
        *more = r.n > max;
    return r.n < max ? r.n : max;
}

/* ---- the vocabulary ------------------------------------------------------ */

/* Cut the file into lines, and check what makes it a BERT vocabulary. */
static enum err_code read_lines(struct tokenizer *t, struct slice vocab,
                                struct slice *words, struct err *e)
{
    struct slice rest = {t->vocab, vocab.len}, line;
    uint32_t n = 0, i;

    if (vocab.len > 0 && vocab.p[vocab.len - 1] == '\n')
        rest.len--;
    while (vocab.len > 0 && slice_split(&rest, '\n', &line)) {
        if (n == TOKENIZER_VOCAB)
            return err_set(e, ERR_INVALID,
                           "the vocabulary has more than %d lines",
                           TOKENIZER_VOCAB);
        if (line.len > LINE_MAX_BYTES)
            return err_set(e, ERR_INVALID,
                           "line %u of the vocabulary is longer than %d bytes",
                           n + 1, LINE_MAX_BYTES);
        if (!utf8_valid(line))
            return err_set(e, ERR_INVALID,
                           "line %u of the vocabulary is not UTF-8", n + 1);
        t->lines[n] = (uint32_t)(line.p - t->vocab);
        words[n++] = line;
    }
    if (n < TOKENIZER_VOCAB)
        return err_set(e, ERR_INVALID,
                       "the vocabulary has %u lines instead of %d", n,
                       TOKENIZER_VOCAB);
    t->lines[n] = (uint32_t)(words[n - 1].p + words[n - 1].len + 1 - t->vocab);
    for (i = 0; i < N_SPECIAL; i++)
        if (!slice_eq(words[special_tokens[i].id], special_tokens[i].text))
            return err_set(
                e, ERR_INVALID, "line %u of the vocabulary is not '%.*s'",
                special_tokens[i].id + 1u, SLICE_ARG(special_tokens[i].text));
    return ERR_NONE;
}

/* The tables of single bytes, taken from the rules and the vocabulary. */
static void fill_tables(struct tokenizer *t)
{
    static const uint8_t kinds[] = {
        [UNICODE_DROP] = BYTE_DROP,
        [UNICODE_SPACE] = BYTE_SPACE,
        [UNICODE_LETTER] = BYTE_WORD,
        [UNICODE_ALONE] = BYTE_ALONE,
    };
    uint32_t root = t->trie.links[TOKEN_TRIE_ROOT], c;

    memset(t->kinds, BYTE_WIDE, sizeof(t->kinds));
    for (c = 0; c < 128; c++) {
        uint32_t rule = unicode_rule(c), value = unicode_value(rule);
        uint8_t byte = (uint8_t)(value ? value : c);

        t->kinds[c] = kinds[unicode_kind(rule)];
        t->folded[c] = t->kinds[c] == BYTE_WORD ? byte : 0;
        if (!longest(&t->trie, root, &byte, 0, 1, &t->alone[c]))
            t->alone[c] = TOKEN_UNK;
    }
    /* Below "##" are the parts that continue a word.  A vocabulary without any
     * has only whole words: then a unit without children stands for it. */
    t->rest_link = 0;
    for (c = 0; c < 2; c++) {
        root = t->trie.links[token_trie_child(root, '#')];
        if (!token_trie_has(root, '#'))
            return;
    }
    t->rest_link = root;
}

static enum err_code build(struct tokenizer *t, struct slice vocab,
                           struct err *e)
{
    struct slice *words;
    enum err_code code;

    if (vocab.len > VOCAB_MAX_BYTES)
        return err_set(e, ERR_INVALID, "the vocabulary is longer than %u bytes",
                       VOCAB_MAX_BYTES);
    t->vocab = mem_strndup(vocab.p ? vocab.p : "", vocab.len);
    t->lines = mem_alloc((TOKENIZER_VOCAB + 1) * sizeof(*t->lines));
    words = mem_alloc(TOKENIZER_VOCAB * sizeof(*words));
    if (!t->vocab || !t->lines || !words) {
        code = err_set(e, ERR_INTERNAL, "out of memory");
        goto out;
    }
    code = read_lines(t, vocab, words, e);
    if (code)
        goto out;
    code = token_trie_init(&t->trie, words, TOKENIZER_VOCAB, e);
    if (code) {
        err_prefix(e, "the vocabulary: ");
        goto out;
    }
    fill_tables(t);
out:
    mem_free(words);
    return code;
}

enum err_code tokenizer_open(struct tokenizer **out, struct slice vocab,
                             struct err *e)
{
    struct tokenizer *t = mem_alloc(sizeof(*t));
    enum err_code code;

    if (!t)
        return err_set(e, ERR_INTERNAL, "out of memory");
    memset(t, 0, sizeof(*t));
    code = build(t, vocab, e);
    if (code) {
        tokenizer_close(t);
        return code;
    }
    *out = t;
    return ERR_NONE;
}

void tokenizer_close(struct tokenizer *t)
{
    if (!t)
        return;
    token_trie_release(&t->trie);
    mem_free(t->vocab);
    mem_free(t->lines);
    mem_free(t);
}

struct slice tokenizer_text(const struct tokenizer *t, uint16_t id)
{
    if (id >= TOKENIZER_VOCAB)
        return SLICE_NONE;
    return (struct slice){t->vocab + t->lines[id],
                          t->lines[id + 1] - t->lines[id] - 1};
}
