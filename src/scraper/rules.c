/* rules.c - see rules.h.  All keywords of all categories are found in one pass
 * over the text (phrases.c), so the size of the table hardly matters. */
#include "scraper/rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gen/assets.h"
#include "scraper/arxiv_id.h"
#include "scraper/phrases.h"
#include "scraper/table.h"

#define MAX_WEIGHT 1000
#define MAX_ARCHIVES 16 /* of one category */

struct keyword { /* one row: a phrase may stand under several categories */
    char *text;
    uint32_t phrase;
    int category, weight;
};

struct archive {
    char id[ARXIV_ID_MAX];
    int category, weight;
};

struct rules {
    const char *names[RULES_MAX_CATEGORIES + 2]; /* owned but for "other" */
    int n;                                       /* categories of the table */
    const char *asked[RULES_MAX_CATEGORIES][MAX_ARCHIVES + 1];
    struct keyword *keywords; /* sorted by phrase */
    size_t n_keywords, keywords_cap;
    struct archive *archives;
    size_t n_archives, archives_cap;
    struct phrases *phrases;
};

static char *dup(struct slice s)
{
    char *p = malloc(s.len + 1);

    if (!p)
        abort(); /* bounded by the table's size */
    memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return p;
}

static void *room_for_one(void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return p;
    *cap = *cap ? *cap * 2 : 64;
    p = reallocarray(p, *cap, size);
    if (!p)
        abort();
    return p;
}

static int category_index(const struct rules *r, struct slice name)
{
    for (int i = 0; i < r->n; i++)
        if (slice_is(name, r->names[i]))
            return i;
    return -1;
}

static bool is_name(struct slice s)
{
    if (s.len == 0 || s.len > 32)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", s.p[i]) ||
            !s.p[i])
            return false;
    return true;
}

static enum err_code row_category(struct rules *r, const struct table *t,
                                  int *out, struct err *e)
{
    struct slice name = t->cells[0];

    if (!is_name(name))
        return table_error(t, e,
                           "'%.*s' is no name of a category: small "
                           "letters, digits, - and _, at most 32",
                           SLICE_ARG(slice_sub(name, 0, 60)));
    if (slice_is(name, RULES_OTHER) || slice_is(name, "all"))
        return table_error(t, e, "'%.*s' is a reserved name", SLICE_ARG(name));
    *out = category_index(r, name);
    if (*out >= 0)
        return ERR_NONE;
    if (r->n == RULES_MAX_CATEGORIES)
        return table_error(t, e, "more than %d categories",
                           RULES_MAX_CATEGORIES);
    *out = r->n;
    r->names[r->n++] = dup(name);
    return ERR_NONE;
}

static enum err_code row_weight(const struct table *t, int *out, struct err *e)
{
    int64_t v;

    if (t->n_cells < 3 || !slice_to_i64(t->cells[2], &v) || v < 1 ||
        v > MAX_WEIGHT)
        return table_error(t, e,
                           "the third column must be a weight from 1 "
                           "to %d",
                           MAX_WEIGHT);
    *out = (int)v;
    return ERR_NONE;
}

static enum err_code add_archive(struct rules *r, const struct table *t,
                                 int category, int weight, struct err *e)
{
    struct slice id = slice_sub(t->cells[1], 4, t->cells[1].len);
    struct archive *a;
    const char **asked = r->asked[category];
    size_t n = 0;

    if (!arxiv_category_valid(id))
        return table_error(t, e, "'%.*s' is no arXiv category",
                           SLICE_ARG(slice_sub(id, 0, 60)));
    if (t->n_cells > 4 || (t->n_cells == 4 && !slice_is(t->cells[3], "ask")))
        return table_error(t, e, "the fourth column can only be 'ask'");
    r->archives =
        room_for_one(r->archives, r->n_archives, &r->archives_cap, sizeof(*a));
    a = &r->archives[r->n_archives++];
    *a = (struct archive){.category = category, .weight = weight};
    memcpy(a->id, id.p, id.len);
    if (t->n_cells < 4)
        return ERR_NONE;
    while (asked[n])
        n++;
    if (n == MAX_ARCHIVES)
        return table_error(t, e, "more than %d archives to ask for",
                           MAX_ARCHIVES);
    asked[n] = dup(id);
    return ERR_NONE;
}

static enum err_code add_keyword(struct rules *r, const struct table *t,
                                 int category, int weight, struct err *e)
{
    struct keyword k = {.category = category, .weight = weight};
    struct err why = {0};

    if (t->n_cells > 3)
        return table_error(t, e, "a keyword has three columns");
    if (phrases_add(r->phrases, t->cells[1], &k.phrase, &why) != ERR_NONE)
        return table_error(t, e, "%s", why.msg);
    for (size_t i = 0; i < r->n_keywords; i++)
        if (r->keywords[i].phrase == k.phrase &&
            r->keywords[i].category == category)
            return table_error(t, e, "'%.*s' stands twice under '%s'",
                               SLICE_ARG(t->cells[1]), r->names[category]);
    r->keywords =
        room_for_one(r->keywords, r->n_keywords, &r->keywords_cap, sizeof(k));
    k.text = dup(t->cells[1]);
    r->keywords[r->n_keywords++] = k;
    return ERR_NONE;
}

static enum err_code add_row(struct rules *r, const struct table *t,
                             struct err *e)
{
    enum err_code rc;
    int category = 0, weight = 0;

    if (t->n_cells < 3)
        return table_error(t, e,
                           "a row is category, keyword and weight, "
                           "parted by tabs");
    rc = row_category(r, t, &category, e);
    if (rc == ERR_NONE)
        rc = row_weight(t, &weight, e);
    if (rc != ERR_NONE)
        return rc;
    if (slice_starts(t->cells[1], "cat:"))
        return add_archive(r, t, category, weight, e);
    return add_keyword(r, t, category, weight, e);
}

static int by_phrase(const void *a, const void *b)
{
    const struct keyword *x = a, *y = b;

    if (x->phrase != y->phrase)
        return x->phrase < y->phrase ? -1 : 1;
    return x->category - y->category;
}

enum err_code rules_parse(struct rules **out, const char *name,
                          struct slice text, struct err *e)
{
    struct rules *r = calloc(1, sizeof(*r));
    struct table t;
    enum err_code rc;
    bool got = true;

    if (!r)
        abort();
    r->phrases = phrases_new();
    rc = table_init(&t, name, text, e);
    while (rc == ERR_NONE && got) {
        rc = table_next(&t, &got, e);
        if (rc == ERR_NONE && got)
            rc = add_row(r, &t, e);
    }
    if (rc == ERR_NONE && r->n_keywords == 0)
        rc = err_set(e, ERR_INVALID, "%s: holds no keyword", name);
    if (rc != ERR_NONE) {
        rules_free(r);
        return rc;
    }
    qsort(r->keywords, r->n_keywords, sizeof(*r->keywords), by_phrase);
    r->names[r->n] = RULES_OTHER;
    *out = r;
    return ERR_NONE;
}

enum err_code rules_load(struct rules **out, const char *dir, struct err *e)
{
    struct slice built_in = {(const char *)asset_categories_tsv,
                             asset_categories_tsv_len};
    struct buf text;
    enum err_code rc;

    buf_init(&text, TABLE_MAX_BYTES);
    rc = table_load(&text, dir, "categories.tsv", built_in, e);
    if (rc == ERR_NONE)
        rc = rules_parse(out, "categories.tsv", buf_slice(&text), e);
    buf_release(&text);
    return rc;
}

void rules_free(struct rules *r)
{
    if (!r)
        return;
    for (int i = 0; i < r->n; i++) {
        free((char *)r->names[i]);
        for (int k = 0; r->asked[i][k]; k++)
            free((char *)r->asked[i][k]);
    }
    for (size_t i = 0; i < r->n_keywords; i++)
        free(r->keywords[i].text);
    free(r->keywords);
    free(r->archives);
    phrases_free(r->phrases);
    free(r);
}

const char *const *rules_categories(const struct rules *r)
{
    return r->names;
}

bool rules_knows(const struct rules *r, struct slice category)
{
    return slice_is(category, RULES_OTHER) || category_index(r, category) >= 0;
}

const char *const *rules_archives(const struct rules *r, struct slice category)
{
    static const char *const none[] = {NULL};
    int i = category_index(r, category);

    return i < 0 ? none : (const char *const *)r->asked[i];
}

/* ---- judging ---- */

enum { IN_TITLE = 1, IN_ABSTRACT = 2 };

struct finder {
    unsigned char *found; /* by phrase: IN_TITLE | IN_ABSTRACT */
    unsigned char where;
};

static void on_hit(void *ctx, uint32_t id)
{
    struct finder *f = ctx;

    f->found[id] |= f->where;
}

static bool find(const struct rules *r, struct arena *a, const struct paper *p,
                 struct finder *f)
{
    f->found = arena_calloc(a, phrases_count(r->phrases), 1);
    if (!f->found)
        return false;
    f->where = IN_TITLE;
    if (!phrases_scan(r->phrases, a, p->title, false, on_hit, f))
        return false;
    f->where = IN_ABSTRACT;
    return phrases_scan(r->phrases, a, p->abstract, false, on_hit, f);
}

static bool add_scores(const struct rules *r, struct arena *a,
                       const struct finder *f, struct rules_verdict *v)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_keywords; i++)
        n += f->found[r->keywords[i].phrase] != 0;
    v->matches = arena_calloc(a, n + 1, sizeof(*v->matches));
    if (!v->matches)
        return false;
    for (size_t i = 0; i < r->n_keywords; i++) {
        const struct keyword *k = &r->keywords[i];
        unsigned char found = f->found[k->phrase];

        if (!found)
            continue;
        v->scores[k->category] += k->weight * ((found & IN_TITLE ? 2 : 0) +
                                               (found & IN_ABSTRACT ? 1 : 0));
        v->matches[v->n_matches++] =
            (struct rules_match){.keyword = k->text,
                                 .category = k->category,
                                 .in_title = found & IN_TITLE,
                                 .in_abstract = found & IN_ABSTRACT};
    }
    return true;
}

/* The paper's arXiv categories are a JSON array of plain ASCII words: a quoted
 * word is found as it stands. */
static int lean(const struct rules *r, const struct paper *p, int category)
{
    int sum = 0;

    for (size_t i = 0; i < r->n_archives; i++) {
        const struct archive *a = &r->archives[i];
        char quoted[ARXIV_ID_MAX + 3];
        size_t len = strlen(a->id);

        if (a->category != category)
            continue;
        quoted[0] = quoted[len + 1] = '"';
        memcpy(quoted + 1, a->id, len);
        if (slice_is(p->primary_category, a->id))
            sum += 2 * a->weight;
        else if (slice_find(p->arxiv_categories,
                            (struct slice){quoted, len + 2}) >= 0)
            sum += a->weight;
    }
    return sum;
}

static void decide(const struct rules *r, const struct paper *p,
                   struct rules_verdict *v)
{
    int best = -1, best_lean = 0, high = 0, tied = 0;
    bool lean_differs = false;

    for (int i = 0; i < r->n; i++)
        if (v->scores[i] > high)
            high = v->scores[i];
    v->category = RULES_OTHER;
    v->by = RULES_BY_NOTHING;
    if (high == 0)
        return;
    for (int i = 0; i < r->n; i++) {
        int l;

        if (v->scores[i] != high)
            continue;
        l = lean(r, p, i);
        lean_differs = lean_differs || (tied && l != best_lean);
        if (!tied++ || l > best_lean) {
            best = i;
            best_lean = l;
        }
    }
    v->category = r->names[best];
    v->by = tied == 1      ? RULES_BY_KEYWORDS
            : lean_differs ? RULES_BY_ARXIV
                           : RULES_BY_ORDER;
}

enum err_code rules_judge(const struct rules *r, struct arena *a,
                          const struct paper *p, struct rules_verdict *out,
                          struct err *e)
{
    struct finder f = {0};

    *out = (struct rules_verdict){.n_categories = r->n};
    if (!find(r, a, p, &f) || !add_scores(r, a, &f, out))
        return err_set(e, ERR_TOO_LARGE, "a text is too long to classify");
    decide(r, p, out);
    return ERR_NONE;
}
