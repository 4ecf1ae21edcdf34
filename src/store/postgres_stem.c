/* postgres_stem.c - see postgres_stem.h.
 *
 * The terms of the paper: a word is [C](VC){m}[V], m its "measure"; a rule
 * (condition) S1 -> S2 looks at the measure of what is before S1.
 */
#include "store/postgres_stem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct word {
    char *p;
    size_t len;
    size_t stem; /* bytes before the suffix that ends() has found */
};

struct rule {
    const char *from;
    size_t from_len;
    const char *to;
    size_t to_len;
};
#define RULE(from, to)                                                         \
    {                                                                          \
        from, sizeof(from) - 1, to, sizeof(to) - 1                             \
    }
#define N_RULES(rules) (sizeof(rules) / sizeof(*(rules)))

/* Sets of letters (all bits: any byte), by which most words are seen to have
 * none of the suffixes. */
#define LETTER(c) (UINT32_C(1) << ((c) - 'a'))
struct ends {
    uint32_t before, last; /* the last letter but one, and the last */
};

static bool has_letter(uint32_t set, char c)
{
    return set == UINT32_MAX || (c >= 'a' && c <= 'z' && set & LETTER(c));
}

static bool is_consonant(const struct word *w, size_t i)
{
    switch (w->p[i]) {
    case 'a':
    case 'e':
    case 'i':
    case 'o':
    case 'u':
        return false;
    case 'y':
        return i == 0 || !is_consonant(w, i - 1);
    default:
        return true;
    }
}

/* m of the stem */
static int measure(const struct word *w)
{
    size_t i = 0;
    int m = 0;

    while (i < w->stem && is_consonant(w, i))
        i++;
    while (i < w->stem) {
        while (i < w->stem && !is_consonant(w, i))
            i++;
        if (i == w->stem)
            break;
        m++;
        while (i < w->stem && is_consonant(w, i))
            i++;
    }
    return m;
}

/* *v* */
static bool has_vowel(const struct word *w)
{
    for (size_t i = 0; i < w->stem; i++)
        if (!is_consonant(w, i))
            return true;
    return false;
}

/* *d, of the first n bytes */
static bool is_double(const struct word *w, size_t n)
{
    return n >= 2 && w->p[n - 1] == w->p[n - 2] && is_consonant(w, n - 1);
}

/* *o, of the first n bytes: consonant, vowel, consonant but w, x, y */
static bool is_cvc(const struct word *w, size_t n)
{
    return n >= 3 && is_consonant(w, n - 1) && !is_consonant(w, n - 2) &&
           is_consonant(w, n - 3) && !strchr("wxy", w->p[n - 1]);
}

/* The last byte settles it nearly always. */
static bool ends_in(struct word *w, const char *suffix, size_t n)
{
    if (n > w->len || w->p[w->len - 1] != suffix[n - 1] ||
        memcmp(w->p + w->len - n, suffix, n) != 0)
        return false;
    w->stem = w->len - n;
    return true;
}
#define ENDS(w, suffix) ends_in(w, suffix, sizeof(suffix) - 1)

/* What is behind the stem becomes `to`, for which there is room. */
static void replace(struct word *w, const char *to, size_t n)
{
    memcpy(w->p + w->stem, to, n);
    w->len = w->stem + n;
}
#define REPLACE(w, to) replace(w, to, sizeof(to) - 1)

/* The first rule whose suffix is there is the only one that counts.  No rule
 * counts whose suffix has other last two letters than `ends` allows. */
static bool apply(struct word *w, const struct rule *rules, size_t n,
                  const struct ends *ends, int min_measure)
{
    if (w->len < 2 || !has_letter(ends->before, w->p[w->len - 2]) ||
        !has_letter(ends->last, w->p[w->len - 1]))
        return false;
    for (const struct rule *r = rules; r < rules + n; r++)
        if (ends_in(w, r->from, r->from_len)) {
            if (min_measure == 0 || measure(w) >= min_measure)
                replace(w, r->to, r->to_len);
            return true;
        }
    return false;
}
#define APPLY(w, rules, ends, min_measure)                                     \
    apply(w, rules, N_RULES(rules), ends, min_measure)

/* After -ed or -ing is gone; an e that is added finds the room they left. */
static void repair(struct word *w)
{
    static const struct rule rules[] = {RULE("at", "ate"), RULE("bl", "ble"),
                                        RULE("iz", "ize")};
    static const struct ends ends = {LETTER('a') | LETTER('b') | LETTER('i'),
                                     LETTER('t') | LETTER('l') | LETTER('z')};

    if (APPLY(w, rules, &ends, 0))
        return;
    w->stem = w->len;
    if (is_double(w, w->len) && !strchr("lsz", w->p[w->len - 1]))
        w->len--;
    else if (measure(w) == 1 && is_cvc(w, w->len))
        w->p[w->len++] = 'e';
}

/* plurals, -ed, -ing */
static void step_1(struct word *w)
{
    static const struct rule plural[] = {RULE("sses", "ss"), RULE("ies", "i"),
                                         RULE("ss", "ss"), RULE("s", "")};
    static const struct ends any_s = {UINT32_MAX, LETTER('s')};

    APPLY(w, plural, &any_s, 0);
    if (ENDS(w, "eed")) {
        if (measure(w) > 0)
            REPLACE(w, "ee");
    } else if ((ENDS(w, "ed") || ENDS(w, "ing")) && has_vowel(w)) {
        w->len = w->stem;
        repair(w);
    }
    if (ENDS(w, "y") && has_vowel(w))
        REPLACE(w, "i");
}

static void steps_2_and_3(struct word *w)
{
    static const struct rule double_suffix[] = {
        RULE("ational", "ate"), RULE("tional", "tion"), RULE("enci", "ence"),
        RULE("anci", "ance"),   RULE("izer", "ize"),    RULE("bli", "ble"),
        RULE("alli", "al"),     RULE("entli", "ent"),   RULE("eli", "e"),
        RULE("ousli", "ous"),   RULE("ization", "ize"), RULE("ation", "ate"),
        RULE("ator", "ate"),    RULE("alism", "al"),    RULE("iveness", "ive"),
        RULE("fulness", "ful"), RULE("ousness", "ous"), RULE("aliti", "al"),
        RULE("iviti", "ive"),   RULE("biliti", "ble"),  RULE("logi", "log"),
    };
    static const struct rule suffix[] = {
        RULE("icate", "ic"), RULE("ative", ""),  RULE("alize", "al"),
        RULE("iciti", "ic"), RULE("ical", "ic"), RULE("ful", ""),
        RULE("ness", "")};
    static const struct ends double_ends = {
        LETTER('a') | LETTER('c') | LETTER('e') | LETTER('g') | LETTER('l') |
            LETTER('o') | LETTER('s') | LETTER('t'),
        LETTER('i') | LETTER('l') | LETTER('m') | LETTER('n') | LETTER('r') |
            LETTER('s')};
    static const struct ends ends = {
        LETTER('a') | LETTER('s') | LETTER('t') | LETTER('u') | LETTER('v') |
            LETTER('z'),
        LETTER('e') | LETTER('i') | LETTER('l') | LETTER('s')};

    APPLY(w, double_suffix, &double_ends, 1);
    APPLY(w, suffix, &ends, 1);
}

static void step_4(struct word *w)
{
    static const struct rule suffix[] = {
        RULE("al", ""),    RULE("ance", ""), RULE("ence", ""), RULE("er", ""),
        RULE("ic", ""),    RULE("able", ""), RULE("ible", ""), RULE("ant", ""),
        RULE("ement", ""), RULE("ment", ""), RULE("ent", ""),  RULE("ou", ""),
        RULE("ism", ""),   RULE("ate", ""),  RULE("iti", ""),  RULE("ous", ""),
        RULE("ive", ""),   RULE("ize", ""),
    };
    static const struct ends ends = {
        LETTER('a') | LETTER('c') | LETTER('e') | LETTER('i') | LETTER('l') |
            LETTER('n') | LETTER('o') | LETTER('s') | LETTER('t') |
            LETTER('u') | LETTER('v') | LETTER('z'),
        LETTER('c') | LETTER('e') | LETTER('i') | LETTER('l') | LETTER('m') |
            LETTER('r') | LETTER('s') | LETTER('t') | LETTER('u')};

    if (!ENDS(w, "ion")) {
        APPLY(w, suffix, &ends, 2);
        return;
    }
    if (w->stem > 0 && strchr("st", w->p[w->stem - 1]) && measure(w) > 1)
        w->len = w->stem;
}

static void step_5(struct word *w)
{
    if (ENDS(w, "e")) {
        int m = measure(w);

        if (m > 1 || (m == 1 && !is_cvc(w, w->stem)))
            w->len = w->stem;
    }
    w->stem = w->len;
    if (w->len >= 2 && w->p[w->len - 1] == 'l' && is_double(w, w->len) &&
        measure(w) > 1)
        w->len--;
}

size_t pg_stem(char *word, size_t len)
{
    struct word w = {.p = word, .len = len};

    if (len < 3 || len > 64)
        return len;
    step_1(&w);
    steps_2_and_3(&w);
    step_4(&w);
    step_5(&w);
    return w.len;
}
