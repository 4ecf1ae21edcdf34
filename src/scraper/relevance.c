/* relevance.c - see relevance.h.  Points are counted in hundredths: sums of
 * 0.08 and 0.04 come out exact. */
#include "scraper/relevance.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define BASE 50 /* hundredths */
#define IN_TITLE 8
#define IN_ABSTRACT 4
#define KEYWORDS_MAX 30
#define RECENCY_MAX 20
#define RECENCY_DAYS 30
#define MATCHED_MAX 50              /* shown; all count */
#define RELEVANCE_BYTES (20u << 10) /* of the JSON; what the webhook takes */

/* Hundredths, with fractions: the line is not cut into steps. */
static double recency(int64_t published_at, int64_t now_us)
{
    double age;

    if (!published_at)
        return 0;
    age = (double)(now_us - published_at) / (double)US_PER_DAY;
    if (age < 0)
        age = 0; /* their clock is ahead of ours */
    return age >= RECENCY_DAYS ? 0 : RECENCY_MAX * (1 - age / RECENCY_DAYS);
}

static int points_of(const struct rules_match *m)
{
    return m->in_title ? IN_TITLE : IN_ABSTRACT;
}

static double rounded(double v, double to)
{
    return round(v * to) / to;
}

static const char *by_word(enum rules_by by)
{
    switch (by) {
    case RULES_BY_KEYWORDS:
        return "keywords";
    case RULES_BY_ARXIV:
        return "arxiv";
    case RULES_BY_ORDER:
        return "order";
    case RULES_BY_NOTHING:
        break;
    }
    return "nothing";
}

static void write_matched(struct jw *j, const struct rules_verdict *v,
                          int wanted)
{
    int shown = 0;

    jw_key(j, "matched");
    jw_arr(j);
    for (size_t i = 0; i < v->n_matches && shown < MATCHED_MAX; i++) {
        const struct rules_match *m = &v->matches[i];

        if (m->category != wanted)
            continue;
        shown++;
        jw_obj(j);
        jw_kstr(j, "keyword", m->keyword);
        jw_kstr(j, "in", m->in_title ? "title" : "abstract");
        jw_kdouble(j, "points", points_of(m) / 100.0);
        jw_end_obj(j);
    }
    jw_end_arr(j);
}

static void write_category(struct jw *j, const struct rules *r,
                           const struct rules_verdict *v)
{
    jw_key(j, "category");
    jw_obj(j);
    jw_kstr(j, "by", by_word(v->by));
    jw_key(j, "scores");
    jw_obj(j);
    for (int i = 0; i < v->n_categories; i++)
        if (v->scores[i])
            jw_kint(j, rules_categories(r)[i], v->scores[i]);
    jw_end_obj(j);
    jw_end_obj(j);
}

/* Index of the category whose keywords count, -1: none. */
static int wanted_index(const struct rules *r, const struct rules_verdict *v,
                        struct slice wanted)
{
    if (slice_is(wanted, "all"))
        wanted = slice_of(v->category);
    for (int i = 0; i < v->n_categories; i++)
        if (slice_is(wanted, rules_categories(r)[i]))
            return i;
    return -1;
}

enum err_code relevance_rate(const struct rules *r, const struct tags *t,
                             struct arena *a, struct slice wanted,
                             int64_t now_us, struct paper *p, struct err *e)
{
    struct rules_verdict v;
    double recent = recency(p->published_at, now_us), score;
    int keywords = 0, category;
    struct buf text;
    struct jw j;
    enum err_code rc = rules_judge(r, a, p, &v, e);

    if (rc == ERR_NONE)
        rc = tags_find(t, a, p, &p->tags, e);
    if (rc != ERR_NONE)
        return rc;
    category = wanted_index(r, &v, wanted);
    for (size_t i = 0; i < v.n_matches; i++)
        if (v.matches[i].category == category)
            keywords += points_of(&v.matches[i]);
    if (keywords > KEYWORDS_MAX)
        keywords = KEYWORDS_MAX;
    score = (BASE + recent + keywords) / 100.0;
    p->relevance_score = rounded(score > 1 ? 1 : score, 100);
    p->category = slice_of(v.category);

    buf_init(&text, RELEVANCE_BYTES);
    jw_init(&j, &text);
    jw_obj(&j);
    jw_kdouble(&j, "base", BASE / 100.0);
    jw_kdouble(&j, "recency", rounded(recent / 100.0, 10000));
    jw_kdouble(&j, "keywords", keywords / 100.0);
    write_matched(&j, &v, category);
    write_category(&j, r, &v);
    jw_end_obj(&j);
    if (buf_ok(&text))
        p->relevance = arena_slice(a, buf_slice(&text));
    else
        p->relevance = SLICE_NONE;
    buf_release(&text);
    return p->relevance.p
               ? ERR_NONE
               : err_set(e, ERR_TOO_LARGE, "the papers are too large");
}
