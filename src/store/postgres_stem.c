/* postgres_stem.c - see postgres_stem.h.
 *
 * The terms of the paper: a word is [C](VC){m}[V], m its "measure"; a rule
 * (condition) S1 -> S2 looks at the measure of what is before S1.
 */
#include "store/postgres_stem.h"

#include <stdbool.h>
#include <string.h>

struct word {
    char *p;
    size_t len;
    size_t stem; /* bytes before the suffix that ends() has found */
};

struct rule {
    const char *from, *to;
};

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

static bool ends(struct word *w, const char *suffix)
{
    size_t n = strlen(suffix);

    if (n > w->len || memcmp(w->p + w->len - n, suffix, n) != 0)
        return false;
    w->stem = w->len - n;
    return true;
}

/* The suffix found becomes `to`, which is never longer. */
static void replace(struct word *w, const char *to)
{
    size_t n = strlen(to);

    memcpy(w->p + w->stem, to, n);
    w->len = w->stem + n;
}

/* The first rule whose suffix is there is the only one that counts. */
static void apply(struct word *w, const struct rule *rules, int min_measure)
{
    for (; rules->from; rules++)
        if (ends(w, rules->from)) {
            if (measure(w) >= min_measure)
                replace(w, rules->to);
            return;
        }
}

/* plurals, -ed, -ing */
static void step_1(struct word *w)
{
    static const struct rule plural[] = {
        {"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}, {NULL, NULL}};
    static const struct rule repair[] = {
        {"at", "ate"}, {"bl", "ble"}, {"iz", "ize"}, {NULL, NULL}};
    size_t len;

    apply(w, plural, 0);
    if (ends(w, "eed")) {
        if (measure(w) > 0)
            replace(w, "ee");
    } else if ((ends(w, "ed") || ends(w, "ing")) && has_vowel(w)) {
        replace(w, "");
        len = w->len;
        for (const struct rule *r = repair; r->from; r++)
            if (ends(w, r->from)) { /* the one case of growing: by the room */
                replace(w, r->to);  /* that -ed or -ing left */
                break;
            }
        if (w->len == len) {
            w->stem = len;
            if (is_double(w, len) && !strchr("lsz", w->p[len - 1]))
                w->len--;
            else if (measure(w) == 1 && is_cvc(w, len))
                w->p[w->len++] = 'e';
        }
    }
    if (ends(w, "y") && has_vowel(w))
        replace(w, "i");
}

static void steps_2_and_3(struct word *w)
{
    static const struct rule double_suffix[] = {
        {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},
        {"anci", "ance"},   {"izer", "ize"},    {"bli", "ble"},
        {"alli", "al"},     {"entli", "ent"},   {"eli", "e"},
        {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
        {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"},
        {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},
        {"iviti", "ive"},   {"biliti", "ble"},  {"logi", "log"},
        {NULL, NULL}};
    static const struct rule suffix[] = {
        {"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
        {"ical", "ic"},  {"ful", ""},   {"ness", ""},    {NULL, NULL}};

    apply(w, double_suffix, 1);
    apply(w, suffix, 1);
}

static void step_4(struct word *w)
{
    static const char *const suffixes[] = {
        "al",    "ance", "ence", "er",  "ic",  "able", "ible", "ant", "ement",
        "ment",  "ent",  "ion",  "ou",  "ism", "ate",  "iti",  "ous", "ive",
        "ize",   NULL};

    for (const char *const *s = suffixes; *s; s++) {
        if (!ends(w, *s))
            continue;
        if (strcmp(*s, "ion") == 0 &&
            (w->stem == 0 || !strchr("st", w->p[w->stem - 1])))
            return;
        if (measure(w) > 1)
            replace(w, "");
        return;
    }
}

static void step_5(struct word *w)
{
    if (ends(w, "e")) {
        int m = measure(w);

        if (m > 1 || (m == 1 && !is_cvc(w, w->stem)))
            replace(w, "");
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
