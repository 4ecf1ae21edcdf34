/* phrases.c - a trie over words, not over letters.
 *
 * The words of all phrases are numbered by a hash table; the trie's edges are
 * (node, word number) pairs in a second one.  A text is cut into words, each is
 * looked up once, and only words that stand in some phrase lead into the trie:
 * for an abstract of 200 words that is some 200 look-ups and a handful of
 * steps.  Aho-Corasick over letters was the alternative: it needs its own
 * boundary checks, and 256-way nodes for 2,000 phrases do not stay in the
 * cache.
 */
#include "scraper/phrases.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define NO_WORD 0 /* word numbers start at 1 */
#define NO_ID UINT32_MAX
#define WORD_MAX 64 /* bytes of a folded word; longer ones match nothing */

struct word_slot {
    uint32_t at, len; /* in pool */
    uint32_t number;  /* NO_WORD: free */
};

struct edge_slot {
    uint32_t node, word; /* word NO_WORD: free */
    uint32_t to;
};

struct phrases {
    char *pool;
    size_t pool_len, pool_cap;
    struct word_slot *words; /* open addressing, n_slots a power of two */
    size_t words_cap, n_words;
    struct edge_slot *edges;
    size_t edges_cap, n_edges;
    uint32_t *ids; /* of each node: the phrase that ends there, or NO_ID */
    size_t nodes_cap, n_nodes; /* node 0 is the root */
    uint32_t n_phrases;
};

/* A word of a text. */
struct token {
    uint32_t exact, singular; /* word numbers */
    bool joined;              /* only blanks or hyphens since the last one */
};

static void *grown(void *p, size_t n, size_t size)
{
    void *q = reallocarray(p, n, size);

    if (!q)
        abort(); /* bounded by PHRASES_MAX: small */
    return q;
}

struct phrases *phrases_new(void)
{
    struct phrases *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    p->words_cap = p->edges_cap = 64;
    p->nodes_cap = 64;
    p->words = calloc(p->words_cap, sizeof(*p->words));
    p->edges = calloc(p->edges_cap, sizeof(*p->edges));
    p->ids = grown(NULL, p->nodes_cap, sizeof(*p->ids));
    if (!p->words || !p->edges)
        abort();
    p->ids[0] = NO_ID;
    p->n_nodes = 1;
    return p;
}

void phrases_free(struct phrases *p)
{
    if (!p)
        return;
    free(p->pool);
    free(p->words);
    free(p->edges);
    free(p->ids);
    free(p);
}

uint32_t phrases_count(const struct phrases *p)
{
    return p->n_phrases;
}

/* ---- words by number ---- */

static uint32_t hash_word(const char *w, size_t len)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)w[i]) * 16777619u;
    return h ^ h >> 15;
}

static struct word_slot *word_slot(const struct phrases *p, const char *w,
                                   size_t len)
{
    size_t i = hash_word(w, len) & (p->words_cap - 1);

    while (p->words[i].number != NO_WORD &&
           (p->words[i].len != len ||
            memcmp(p->pool + p->words[i].at, w, len) != 0))
        i = (i + 1) & (p->words_cap - 1);
    return &p->words[i];
}

static void grow_words(struct phrases *p)
{
    struct word_slot *old = p->words;
    size_t n = p->words_cap;

    p->words_cap *= 2;
    p->words = calloc(p->words_cap, sizeof(*p->words));
    if (!p->words)
        abort();
    for (size_t i = 0; i < n; i++)
        if (old[i].number != NO_WORD)
            *word_slot(p, p->pool + old[i].at, old[i].len) = old[i];
    free(old);
}

static uint32_t add_word(struct phrases *p, const char *w, size_t len)
{
    struct word_slot *slot = word_slot(p, w, len);

    if (slot->number != NO_WORD)
        return slot->number;
    if (p->pool_len + len > p->pool_cap) {
        p->pool_cap = (p->pool_len + len) * 2;
        p->pool = grown(p->pool, p->pool_cap, 1);
    }
    memcpy(p->pool + p->pool_len, w, len);
    *slot = (struct word_slot){(uint32_t)p->pool_len, (uint32_t)len,
                               (uint32_t)++p->n_words};
    p->pool_len += len;
    if (p->n_words * 2 > p->words_cap)
        grow_words(p);
    return (uint32_t)p->n_words;
}

/* ---- edges ---- */

static struct edge_slot *edge_slot(const struct phrases *p, uint32_t node,
                                   uint32_t word)
{
    size_t i = (node * 2654435761u ^ word * 2246822519u) & (p->edges_cap - 1);

    while (p->edges[i].word != NO_WORD &&
           (p->edges[i].word != word || p->edges[i].node != node))
        i = (i + 1) & (p->edges_cap - 1);
    return &p->edges[i];
}

static void grow_edges(struct phrases *p)
{
    struct edge_slot *old = p->edges;
    size_t n = p->edges_cap;

    p->edges_cap *= 2;
    p->edges = calloc(p->edges_cap, sizeof(*p->edges));
    if (!p->edges)
        abort();
    for (size_t i = 0; i < n; i++)
        if (old[i].word != NO_WORD)
            *edge_slot(p, old[i].node, old[i].word) = old[i];
    free(old);
}

/* 0: no such edge (no edge leads back to the root). */
static uint32_t step(const struct phrases *p, uint32_t node, uint32_t word)
{
    const struct edge_slot *s;

    if (word == NO_WORD)
        return 0;
    s = edge_slot(p, node, word);
    return s->word == NO_WORD ? 0 : s->to;
}

static uint32_t add_edge(struct phrases *p, uint32_t node, uint32_t word)
{
    struct edge_slot *s = edge_slot(p, node, word);
    uint32_t to = (uint32_t)p->n_nodes;

    if (s->word != NO_WORD)
        return s->to;
    if (p->n_nodes == p->nodes_cap) {
        p->nodes_cap *= 2;
        p->ids = grown(p->ids, p->nodes_cap, sizeof(*p->ids));
    }
    p->ids[p->n_nodes++] = NO_ID;
    *s = (struct edge_slot){node, word, to};
    if (++p->n_edges * 2 > p->edges_cap)
        grow_edges(p);
    return to;
}

/* ---- text into words ---- */

static uint32_t fold(uint32_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c + 32;
    if (c < 0x80)
        return c;
    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || /* Latin-1 */
        (c >= 0x391 && c <= 0x3A9) ||            /* Greek */
        (c >= 0x410 && c <= 0x42F))              /* Cyrillic */
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    if ((c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177))
        return c | 1; /* Latin Extended-A: capitals are even */
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E))
        return c + (c & 1); /* and here they are odd */
    return c;
}

static bool is_word_char(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
               (c >= 'A' && c <= 'Z');
    /* From Latin-1's letters on everything is a letter but the general
     * punctuation, symbols, and the punctuation of CJK. */
    return c >= 0xC0 && c != 0xD7 && c != 0xF7 &&
           !(c >= 0x2000 && c <= 0x2BFF) && !(c >= 0x3000 && c <= 0x303F) &&
           !(c >= 0xFF00 && c <= 0xFF0F) && c != 0xFFFD;
}

/* Does it part words without parting a phrase? */
static bool is_joint(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '-' ||
           c == '/' || c == 0xA0 || (c >= 0x2010 && c <= 0x2013);
}

/* Next word at *pos, folded.  *len 0: the text is over.  A word over WORD_MAX
 * comes with len WORD_MAX + 1 and is in no phrase. */
static void next_word(struct slice text, size_t *pos, char out[WORD_MAX + 4],
                      size_t *len, bool *joined)
{
    *len = 0;
    *joined = true;
    while (*pos < text.len) {
        size_t at = *pos;
        uint32_t c = utf8_next(text, pos);

        if (!is_word_char(c)) {
            if (*len) {
                *pos = at;
                return;
            }
            *joined = *joined && is_joint(c);
            continue;
        }
        if (utf8_is_unspaced(c) && *len) {
            *pos = at;
            return;
        }
        if (*len <= WORD_MAX)
            *len += utf8_put(out + *len, fold(c));
        if (*len > WORD_MAX)
            *len = WORD_MAX + 1;
        if (utf8_is_unspaced(c))
            return;
    }
}

static struct token look_up(const struct phrases *p, const char *w, size_t len,
                            bool joined)
{
    struct token t = {.joined = joined};

    if (len > WORD_MAX)
        return t;
    t.exact = word_slot(p, w, len)->number;
    if (len > 2 && w[len - 1] == 's')
        t.singular = word_slot(p, w, len - 1)->number;
    return t;
}

enum err_code phrases_add(struct phrases *p, struct slice phrase, uint32_t *id,
                          struct err *e)
{
    char w[WORD_MAX + 4];
    size_t pos = 0, len;
    uint32_t node = 0;
    int n = 0;
    bool joined;

    if (phrase.len > PHRASE_MAX_BYTES)
        return err_set(e, ERR_INVALID, "a phrase is over %d bytes",
                       PHRASE_MAX_BYTES);
    if (p->n_phrases == PHRASES_MAX)
        return err_set(e, ERR_INVALID, "more than %d phrases", PHRASES_MAX);
    for (;;) {
        next_word(phrase, &pos, w, &len, &joined);
        if (!len)
            break;
        if (len > WORD_MAX)
            return err_set(e, ERR_INVALID, "a word of '%.*s' is over %d bytes",
                           SLICE_ARG(phrase), WORD_MAX);
        if (++n > PHRASE_MAX_WORDS)
            return err_set(e, ERR_INVALID, "'%.*s' has more than %d words",
                           SLICE_ARG(phrase), PHRASE_MAX_WORDS);
        if (n > 1 && !joined)
            return err_set(e, ERR_INVALID,
                           "'%.*s' holds punctuation, which parts phrases",
                           SLICE_ARG(phrase));
        node = add_edge(p, node, add_word(p, w, len));
    }
    if (n == 0)
        return err_set(e, ERR_INVALID, "'%.*s' holds no word",
                       SLICE_ARG(phrase));
    if (p->ids[node] == NO_ID)
        p->ids[node] = p->n_phrases++;
    *id = p->ids[node];
    return ERR_NONE;
}

/* ---- scanning ---- */

static struct token *tokens_of(const struct phrases *p, struct arena *a,
                               struct slice text, size_t *n)
{
    /* a word of a spaced script takes two bytes with its gap, one of Han
     * three: there are never more than this */
    struct token *t = arena_alloc(a, (text.len / 2 + 1) * sizeof(*t));
    char w[WORD_MAX + 4];
    size_t pos = 0, len;
    bool joined;

    *n = 0;
    if (!t)
        return NULL;
    for (;;) {
        next_word(text, &pos, w, &len, &joined);
        if (!len)
            return t;
        t[(*n)++] = look_up(p, w, len, joined);
    }
}

/* Walk from word i.  Returns how many words the longest phrase has, 0: none. */
static size_t walk(const struct phrases *p, const struct token *t, size_t n,
                   size_t i, bool longest, void (*hit)(void *, uint32_t),
                   void *ctx)
{
    uint32_t node = 0, best = NO_ID;
    size_t len = 0;

    for (size_t k = i; k < n && (k == i || t[k].joined); k++) {
        uint32_t next = step(p, node, t[k].exact);

        if (!next)
            next = step(p, node, t[k].singular);
        if (!next)
            break;
        node = next;
        if (p->ids[node] == NO_ID)
            continue;
        best = p->ids[node];
        len = k - i + 1;
        if (!longest)
            hit(ctx, best);
    }
    if (longest && best != NO_ID)
        hit(ctx, best);
    return len;
}

bool phrases_scan(const struct phrases *p, struct arena *a, struct slice text,
                  bool longest, void (*hit)(void *ctx, uint32_t id), void *ctx)
{
    size_t n;
    struct token *t = tokens_of(p, a, text, &n);

    if (!t)
        return false;
    for (size_t i = 0; i < n;) {
        size_t len = walk(p, t, n, i, longest, hit, ctx);

        i += longest && len > 1 ? len : 1;
    }
    return true;
}
