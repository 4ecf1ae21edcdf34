/* extractive.c - see extractive.h.
 *
 * Words are compared as the embedding model's normaliser folds them (case and
 * accents gone), with a plural -s off; scripts without spaces give a word for
 * each pair of characters.  A word is kept as a 64-bit hash: with a few
 * thousand words, two of them are taken for the same once in 10^12 questions.
 *
 * The weight of a word is its inverse document frequency over the sentences at
 * hand, so "the" and "kubernetes" (in every sentence here) count for little,
 * whatever the language, and no list of stop words is needed.
 */
#include "processor/extractive.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "embed/unicode_table.h"
#include "processor/citations.h"

/* Meaning and words, as they add up; and how much repetition costs. */
#define WEIGHT_MEANING 0.7f
#define WEIGHT_WORDS 0.3f
#define WEIGHT_TITLE 0.5f /* a word only in the title counts half */
#define LAMBDA 0.7f
#define SAME 0.9f   /* more alike is the same sentence */
#define NEARLY 0.7f /* of the best score: what a further sentence needs */
#define FRAGMENT_WORDS 4
#define MAX_WORDS 64   /* of a sentence or question that are looked at */
#define MAX_FOUND 4000 /* sentences in all sources */

struct words {
    uint64_t hash[MAX_WORDS]; /* sorted, each once */
    size_t n;
    size_t total; /* as they stand, repeated ones too */
};

struct candidate {
    size_t source;
    struct sentence where;
    struct slice text;
    struct words words;
    float overlap, similarity, score;
    bool poor;           /* only if there is nothing else */
    bool skip;           /* the same text again */
    const float *vector; /* EMBED_DIM, or NULL */
};

struct pool {
    struct candidate **items;
    size_t n;
    struct arena *a;
};

static enum err_code full(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the sources are too long to answer from");
}

/* ---- words ---- */

static uint64_t mix(uint64_t h, uint32_t c)
{
    return (h ^ c) * UINT64_C(1099511628211); /* FNV-1a, a code point a step */
}

static void add_word(struct words *w, uint64_t hash)
{
    size_t at = w->n;

    w->total++;
    for (size_t i = 0; i < w->n; i++)
        if (w->hash[i] == hash)
            return;
    if (w->n == MAX_WORDS)
        return;
    for (; at > 0 && w->hash[at - 1] > hash; at--)
        w->hash[at] = w->hash[at - 1];
    w->hash[at] = hash;
    w->n++;
}

/* A letter as the model sees it; 0: it ends a word, 1: it is no letter, but
 * inside of one. */
static uint32_t fold(uint32_t cp)
{
    uint32_t rule = unicode_rule(cp);

    if (cp == '\'' || cp == 0x2019)
        return 0;
    switch (unicode_kind(rule)) {
    case UNICODE_DROP:
    case UNICODE_MARK:
        return 1;
    case UNICODE_LETTER:
        return unicode_value(rule) ? unicode_value(rule) : cp;
    case UNICODE_SEQUENCE:
    case UNICODE_HANGUL:
        return cp;
    case UNICODE_ALONE: /* Han, and punctuation */
        return utf8_is_unspaced(cp) ? cp : 0;
    default:
        return 0;
    }
}

#define HASH_START UINT64_C(14695981039346656037)

static void find_words(struct slice s, struct words *w)
{
    uint64_t h = HASH_START, before_s = 0;
    uint32_t last = 0, unspaced = 0;
    size_t length = 0;

    for (size_t pos = 0; pos <= s.len;) {
        uint32_t c = 0;

        if (pos < s.len)
            c = fold(utf8_next(s, &pos));
        else
            pos++;
        if (c == 1)
            continue;
        if (c && !utf8_is_unspaced(c)) {
            before_s = h;
            h = mix(h, c);
            last = c;
            length++;
            unspaced = 0;
            continue;
        }
        if (length > 0)
            add_word(w, length > 3 && last == 's' ? before_s : h);
        h = HASH_START;
        length = 0;
        if (c && unspaced)
            add_word(w, mix(mix(HASH_START, unspaced), c));
        unspaced = c;
    }
}

static bool has_word(const struct words *w, uint64_t hash)
{
    size_t low = 0, high = w->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (w->hash[mid] == hash)
            return true;
        if (w->hash[mid] < hash)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* Words in both over words in either. */
static float jaccard(const struct words *a, const struct words *b)
{
    size_t common = 0;

    for (size_t i = 0; i < a->n; i++)
        common += has_word(b, a->hash[i]);
    if (a->n + b->n == common)
        return 1;
    return (float)common / (float)(a->n + b->n - common);
}

static void score_words(struct pool *pool, const struct words *question,
                        const struct words *titles)
{
    float weight[MAX_WORDS], all = 0;

    for (size_t i = 0; i < question->n; i++) {
        size_t df = 0;

        for (size_t k = 0; k < pool->n; k++)
            df += has_word(&pool->items[k]->words, question->hash[i]);
        weight[i] = logf(1 + ((float)pool->n + 1) / ((float)df + 1));
        all += weight[i];
    }
    for (size_t k = 0; k < pool->n && all > 0; k++) {
        struct candidate *c = pool->items[k];
        float sum = 0;

        for (size_t i = 0; i < question->n; i++) {
            if (has_word(&c->words, question->hash[i]))
                sum += weight[i];
            else if (titles && has_word(&titles[c->source], question->hash[i]))
                sum += weight[i] * WEIGHT_TITLE;
        }
        c->overlap = sum / all;
        c->score = c->overlap;
    }
}

/* ---- candidates ---- */

static bool is_poor(const struct candidate *c)
{
    struct slice t = c->text;

    return c->where.kind == SENTENCE_HEADING ||
           c->where.kind == SENTENCE_CODE || c->where.kind == SENTENCE_TABLE ||
           c->words.total < FRAGMENT_WORDS ||
           c->where.end_char - c->where.start_char > EXTRACTIVE_MAX_CHARS ||
           slice_ends(t, "?") || slice_ends(t, "\xEF\xBC\x9F") ||
           slice_ends(t, ":");
}

static enum err_code add_sentences(struct pool *pool, size_t source,
                                   struct slice text, struct err *e)
{
    struct sentences it;
    struct sentence where;

    sentences_init(&it, text);
    while (pool->n < MAX_FOUND && sentences_next(&it, &where)) {
        struct candidate *c = arena_calloc(pool->a, 1, sizeof(*c));

        if (!c)
            return full(e);
        c->source = source;
        c->where = where;
        c->text = slice_sub(text, where.start, where.end);
        find_words(c->text, &c->words);
        c->poor = is_poor(c);
        pool->items[pool->n++] = c;
    }
    return ERR_NONE;
}

/* Best first; ties in the order of the sources and of the text. */
static int by_score(const void *pa, const void *pb)
{
    const struct candidate *a = *(struct candidate *const *)pa;
    const struct candidate *b = *(struct candidate *const *)pb;

    if (a->poor != b->poor)
        return a->poor ? 1 : -1;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return (a->where.start > b->where.start) -
           (a->where.start < b->where.start);
}

/* Chunks overlap, so the same sentence comes twice: once is enough. */
static void skip_repeated(struct pool *pool)
{
    size_t kept = 0;

    for (size_t i = 0; i < pool->n; i++) {
        struct candidate *c = pool->items[i];

        for (size_t k = 0; k < kept && !c->skip; k++)
            c->skip = slice_eq(pool->items[k]->text, c->text);
        if (!c->skip)
            pool->items[kept++] = c;
    }
    pool->n = kept;
}

static float dot(const float *a, const float *b)
{
    float sum = 0;

    for (size_t i = 0; i < EMBED_DIM; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Embed the question and the first items; the rest keeps its score from words,
 * of which it has fewest. */
static enum err_code score_meaning(struct pool *pool, struct slice question,
                                   const struct extractive_embedder *m,
                                   struct err *e)
{
    size_t n =
        pool->n < EXTRACTIVE_MAX_SENTENCES ? pool->n : EXTRACTIVE_MAX_SENTENCES;
    struct slice *texts = arena_calloc(pool->a, n + 1, sizeof(*texts));
    float *v = arena_calloc(pool->a, (n + 1) * EMBED_DIM, sizeof(*v));
    enum err_code rc;

    if (!texts || !v)
        return full(e);
    texts[0] = question;
    for (size_t i = 0; i < n; i++)
        texts[i + 1] = pool->items[i]->text;
    rc = m->embed(m->ctx, texts, n + 1, v, e);
    if (rc)
        return rc;
    for (size_t i = 0; i < pool->n; i++) {
        struct candidate *c = pool->items[i];

        c->vector = i < n ? v + (i + 1) * EMBED_DIM : NULL;
        c->similarity = c->vector ? dot(v, c->vector) : 0;
        c->score = WEIGHT_WORDS * c->overlap;
        if (c->similarity > 0)
            c->score += WEIGHT_MEANING * c->similarity;
    }
    return ERR_NONE;
}

/* All sentences, scored, best first. */
static enum err_code make_pool(struct pool *pool, struct slice question,
                               const struct extractive_source *sources,
                               size_t n, const struct extractive_embedder *m,
                               struct arena *a, bool repeated, struct err *e)
{
    struct words *titles = arena_calloc(a, n + 1, sizeof(*titles));
    struct words asked = {.n = 0};
    enum err_code rc = ERR_NONE;

    *pool = (struct pool){.a = a};
    if (n > EXTRACTIVE_MAX_SOURCES)
        return err_set(e, ERR_INVALID, "more than %d sources",
                       EXTRACTIVE_MAX_SOURCES);
    pool->items = arena_calloc(a, MAX_FOUND, sizeof(struct candidate *));
    if (!titles || !pool->items)
        return full(e);
    for (size_t i = 0; i < n && rc == ERR_NONE; i++) {
        find_words(sources[i].title, &titles[i]);
        rc = add_sentences(pool, i, sources[i].text, e);
    }
    if (rc || pool->n == 0)
        return rc;
    find_words(question, &asked);
    score_words(pool, &asked, titles);
    qsort(pool->items, pool->n, sizeof(struct candidate *), by_score);
    if (!repeated)
        skip_repeated(pool);
    if (m && m->embed)
        rc = score_meaning(pool, question, m, e);
    if (rc == ERR_NONE)
        qsort(pool->items, pool->n, sizeof(struct candidate *), by_score);
    return rc;
}

/* ---- choosing ---- */

static float likeness(const struct candidate *a, const struct candidate *b)
{
    return a->vector && b->vector ? dot(a->vector, b->vector)
                                  : jaccard(&a->words, &b->words);
}

/* What is worth saying after `chosen`; NULL if nothing is. */
static struct candidate *next_pick(const struct pool *pool,
                                   struct candidate *const *chosen, size_t n)
{
    struct candidate *best = NULL;
    float best_value = 0;

    for (size_t i = 0; i < pool->n; i++) {
        struct candidate *c = pool->items[i];
        float most = 0, value;

        if (c->poor != chosen[0]->poor || c->score < NEARLY * chosen[0]->score)
            continue;
        for (size_t k = 0; k < n; k++) {
            float like = c == chosen[k] ? 1 : likeness(c, chosen[k]);

            most = like > most ? like : most;
        }
        if (most >= SAME)
            continue;
        value = LAMBDA * c->score - (1 - LAMBDA) * most;
        if (!best || value > best_value) {
            best = c;
            best_value = value;
        }
    }
    return best;
}

static void choose(struct extractive *out, const struct pool *pool, size_t max)
{
    struct candidate *chosen[EXTRACTIVE_MAX_PICKS], *c = pool->items[0];

    while (c && out->n < max) {
        chosen[out->n] = c;
        out->picks[out->n++] =
            (struct extractive_pick){.source = c->source,
                                     .where = c->where,
                                     .score = c->score,
                                     .similarity = c->similarity};
        c = next_pick(pool, chosen, out->n);
    }
}

/* ---- the answer's text ---- */

static bool is_white(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool has_open_code(struct slice text)
{
    bool open = false;

    for (size_t i = 0; i < text.len; i++)
        open ^= text.p[i] == '`';
    return open;
}

/* Single spaces; a citation in the source means another list than ours.  A
 * backtick without its partner would make code of what follows. */
static void write_sentence(struct buf *b, struct slice text)
{
    bool white = false, open_code = has_open_code(text);
    struct citations c;

    citations_init(&c, 0);
    for (size_t i = 0; i < text.len; i++) {
        if (open_code && text.p[i] == '`')
            continue;
        if (is_white(text.p[i])) {
            white = true;
            continue;
        }
        if (white)
            citations_feed(&c, SLICE(" "), b);
        white = false;
        citations_feed(&c, slice_sub(text, i, i + 1), b);
    }
    citations_end(&c, b);
}

static enum err_code write_answer(struct extractive *out,
                                  const struct extractive_source *sources,
                                  struct arena *a, struct err *e)
{
    enum err_code rc = ERR_NONE;
    struct buf b;

    if (!out->grounded) {
        out->answer = SLICE(EXTRACTIVE_NO_EVIDENCE);
        return ERR_NONE;
    }
    buf_init(&b, 1024 * 1024);
    for (size_t i = 0; i < out->n; i++) {
        const struct extractive_pick *p = &out->picks[i];

        if (i)
            buf_add_char(&b, ' ');
        write_sentence(&b, slice_sub(sources[p->source].text, p->where.start,
                                     p->where.end));
        buf_printf(&b, " [%zu]", p->source + 1);
    }
    out->answer = buf_ok(&b) ? arena_slice(a, buf_slice(&b)) : SLICE_NONE;
    if (!out->answer.p)
        rc = full(e);
    buf_release(&b);
    return rc;
}

enum err_code extractive_answer(struct extractive *out, struct slice question,
                                const struct extractive_source *sources,
                                size_t n, const struct extractive_options *opt,
                                const struct extractive_embedder *embedder,
                                struct arena *a, struct err *e)
{
    size_t max = opt->max_picks;
    struct pool pool;
    enum err_code rc;

    *out = (struct extractive){.n = 0};
    rc = make_pool(&pool, question, sources, n, embedder, a, false, e);
    if (rc)
        return rc;
    if (pool.n > 0) {
        out->best = pool.items[0]->score;
        out->grounded = out->best > 0 && out->best >= opt->threshold;
    }
    if (max == 0 || max > EXTRACTIVE_MAX_PICKS)
        max = EXTRACTIVE_MAX_PICKS;
    if (out->grounded)
        choose(out, &pool, max);
    return write_answer(out, sources, a, e);
}

enum err_code extractive_highlight(struct sentence *out, struct slice question,
                                   const struct slice *texts, size_t n,
                                   const struct extractive_embedder *embedder,
                                   struct arena *a, struct err *e)
{
    struct extractive_source *sources =
        arena_calloc(a, n + 1, sizeof(*sources));
    struct pool pool;
    enum err_code rc;

    if (!sources)
        return full(e);
    for (size_t i = 0; i < n; i++) {
        out[i] = (struct sentence){.start = 0};
        sources[i].text = texts[i];
    }
    rc = make_pool(&pool, question, sources, n, embedder, a, true, e);
    for (size_t i = 0; i < pool.n && rc == ERR_NONE; i++) {
        struct sentence *best = &out[pool.items[i]->source];

        if (best->start == best->end)
            *best = pool.items[i]->where;
    }
    return rc;
}
