/* test_store_list.c - conformance of store_papers_list and _each: every filter,
 * every ordering, pages and cursors against a list made by hand, search. */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- filters ---- */

static void some_papers(struct store_fixture *f)
{
    struct paper p[5];

    for (int i = 0; i < 5; i++)
        p[i] = a_paper(f, i);
    p[1].category = SLICE("cv");
    p[1].authors = SLICE("Yann LeCun, Kaiming He");
    p[2].source = SLICE("openreview");
    p[2].authors = SLICE("José García-Márquez, 王伟");
    p[3].tags = SLICE("[\"fine-tuning\",\"attention\"]");
    p[3].relevance_score = 0.9;
    p[3].authors = SLICE("Lecun Yann");
    p[4].tags = SLICE("[]");
    p[4].relevance_score = 0.25;
    receive(f, p, 5);
}

static void filters(struct store_fixture *f)
{
    struct paper_query q;

    some_papers(f);
    assert_string_equal("0,1,2,3,4", found(f, everything()));
    q = everything();
    q.category = SLICE("cv");
    assert_string_equal("1", found(f, q));
    q.category = SLICE("no such category");
    assert_string_equal("", found(f, q));
    q = everything();
    q.source = SLICE("openreview");
    assert_string_equal("2", found(f, q));
    q = everything();
    q.tag = SLICE("attention");
    assert_string_equal("0,1,2,3", found(f, q));
    q.tag = SLICE("fine-tuning");
    assert_string_equal("3", found(f, q));
    q.tag = SLICE("fine");
    assert_string_equal("", found(f, q));
    q = everything();
    q.min_relevance = 0.5;
    assert_string_equal("0,1,2,3", found(f, q));
    q.min_relevance = 0.51;
    assert_string_equal("3", found(f, q));
    q.min_relevance = 0;
    assert_string_equal("0,1,2,3,4", found(f, q));
    q = everything();
    q.published_after = NOW - 3 * US_PER_S; /* paper 3: inclusive */
    assert_string_equal("0,1,2,3", found(f, q));
    q.published_before = NOW - 2 * US_PER_S;
    assert_string_equal("2,3", found(f, q));
    q = everything();
    q.category = SLICE("llm");
    q.tag = SLICE("attention");
    q.min_relevance = 0.9;
    q.published_before = NOW;
    q.search = SLICE("number");
    assert_string_equal("3", found(f, q));
}

static void authors(struct store_fixture *f)
{
    struct paper_query q = everything();

    some_papers(f);
    q.author = SLICE("yann lecun"); /* in this order */
    assert_string_equal("1", found(f, q));
    q.author = SLICE("LeCun");
    assert_string_equal("1,3", found(f, q));
    q.author = SLICE("jose garcia"); /* without the accents */
    assert_string_equal("2", found(f, q));
    q.author = SLICE("GARCÍA-MÁRQUEZ");
    assert_string_equal("2", found(f, q));
    q.author = SLICE("王伟");
    assert_string_equal("2", found(f, q));
    q.author = SLICE("number"); /* of the title, of no author */
    assert_string_equal("", found(f, q));
    q.author = SLICE("\" OR title : \"");
    assert_string_equal("", found(f, q));
}

static void bad_queries(struct store_fixture *f)
{
    struct paper_query q = everything();
    struct paper_key key = {.id = 1};
    struct paper_list l;

    q.search = SLICE("the , of");
    GIVES(f, ERR_INVALID, store_papers_list(f->s, f->a, &q, &l, &f->err));
    q.search = SLICE(" -+- \"\" ");
    GIVES(f, ERR_INVALID, store_papers_list(f->s, f->a, &q, &l, &f->err));
    q.search = SLICE("\xff");
    GIVES(f, ERR_INVALID, store_papers_list(f->s, f->a, &q, &l, &f->err));
    q = everything();
    q.author = SLICE(" -, ");
    GIVES(f, ERR_INVALID, store_papers_list(f->s, f->a, &q, &l, &f->err));
    q = everything();
    q.order = PAPER_BY_RANK;
    GIVES(f, ERR_INVALID, store_papers_list(f->s, f->a, &q, &l, &f->err));
    q.search = SLICE("word");
    q.after = &key;
    GIVES(f, ERR_INVALID, store_papers_list(f->s, f->a, &q, &l, &f->err));
    q = everything();
    q.after = q.before = &key;
    GIVES(f, ERR_INVALID, store_papers_list(f->s, f->a, &q, &l, &f->err));
    q = everything();
    q.offset = -1;
    GIVES(f, ERR_INVALID, store_papers_list(f->s, f->a, &q, &l, &f->err));
    q.offset = 0;
    q.limit = STORE_MAX_ROWS + 1;
    GIVES(f, ERR_INVALID, store_papers_list(f->s, f->a, &q, &l, &f->err));
}

static void a_full_arena_is_an_error(struct store_fixture *f)
{
    struct arena *small = arena_new(8192);
    struct paper_query q = everything();
    struct paper_list l;

    for (int i = 0; i < 40; i++)
        receive_one(f, a_paper(f, i));
    GIVES(f, ERR_TOO_LARGE, store_papers_list(f->s, small, &q, &l, &f->err));
    arena_free(small);
    assert_int_equal(list(f, &q).n, 40);
}

/* ---- search ---- */

static void search_papers(struct store_fixture *f)
{
    static const char *const titles[] = {
        "Large language models are few-shot learners",
        "A model of language for the large: vision",
        "Résumé of naïve Bayes",
        "大規模言語モデルの評価",
        "한국어 자연어 처리",
        "The C++ \"quoted\" word's AND OR NOT NEAR(a b)",
    };
    struct paper p[6];

    for (int i = 0; i < 6; i++) {
        p[i] = a_paper(f, i);
        p[i].title = slice_of(titles[i]);
        p[i].authors = SLICE("Somebody");
        p[i].abstract = i == 2 ? SLICE("Mentions language once.") : SLICE("-");
    }
    receive(f, p, 6);
}

static void search_words(struct store_fixture *f)
{
    search_papers(f);
    assert_string_equal("0,1,2", search(f, "language"));
    assert_string_equal("0,1,2", search(f, "LANGUAGE"));
    assert_string_equal("0,1", search(f, "large language"));
    assert_string_equal("0,1", search(f, "language models")); /* stems */
    assert_string_equal("", search(f, "langua")); /* words, not prefixes */
    assert_string_equal("0,1", search(f, "the large of language"));
    assert_string_equal("2", search(f, "resume"));
    assert_string_equal("2", search(f, "NAIVE résumé"));
    assert_string_equal("0", search(f, "few-shot"));
    assert_string_equal("", search(f, "nowhere"));
    assert_string_equal("0,1,2,3,4,5", search(f, "somebody")); /* authors */
}

static void search_phrases_and_exclusion(struct store_fixture *f)
{
    search_papers(f);
    assert_string_equal("0", search(f, "\"language models\""));
    assert_string_equal("0", search(f, "\"large language\""));
    assert_string_equal("0", search(f, "“large language”"));
    assert_string_equal("0", search(f, "\"large language")); /* not closed */
    assert_string_equal("0,2", search(f, "language -vision"));
    assert_string_equal("1,2", search(f, "language -\"large language\""));
    assert_string_equal("2", search(f, "language -vision -shot"));
    assert_string_equal("3,4,5", search(f, "-language"));
    assert_string_equal("0,1,2,4,5", search(f, "-大規模"));
    assert_string_equal("0", search(f, "few-shot -vision"));
}

/* What is found while `text` is being typed. */
static const char *typed(struct store_fixture *f, const char *text)
{
    struct paper_query q = everything();

    q.search = slice_of(text);
    q.prefix = true;
    return found(f, q);
}

static void search_while_typing(struct store_fixture *f)
{
    static const char *const words[] = {"transformers", "attention",
                                        "optimization", "efficiently"};
    struct paper p[4];
    struct paper_query q = everything();

    for (int i = 0; i < 4; i++) {
        p[i] = a_paper(f, i);
        p[i].title = slice_of(arena_printf(f->a, "On %s, few-shot", words[i]));
        p[i].abstract = SLICE("-");
        p[i].authors = SLICE("José Ångström");
    }
    receive(f, p, 4);
    for (int i = 0; i < 4; i++) {
        size_t len = strlen(words[i]);
        const char *alone = arena_printf(f->a, "%d", i);

        /* at no letter does it vanish */
        for (size_t n = 3; n <= len; n++) {
            const char *text = arena_strndup(f->a, words[i], n);

            if (strcmp(alone, typed(f, text)) != 0)
                fail_msg("'%s' finds '%s'", text, typed(f, text));
        }
    }
    assert_string_equal("", search(f, "transf"));
    assert_string_equal("", typed(f, "transf ")); /* the word has ended */
    assert_string_equal("", typed(f, "transf attention"));
    assert_string_equal("0", typed(f, "few-shot TRANSF"));
    assert_string_equal("0,1,2,3", typed(f, "few-sho"));
    assert_string_equal("0,1,2,3", typed(f, "angst"));
    assert_string_equal("", typed(f, "tr")); /* too short to go on */
    assert_string_equal("1,2,3", typed(f, "few -transformers"));
    assert_string_equal("", typed(f, "\"few sho\""));
    assert_string_equal("", typed(f, "shot ranksform"));
    q.search = SLICE("few trans");
    q.order = PAPER_BY_RANK;
    assert_string_equal("", found(f, q)); /* kept apart from: */
    q.prefix = true;
    assert_string_equal("0", found(f, q));
}

static void search_unspaced_scripts(struct store_fixture *f)
{
    search_papers(f);
    assert_string_equal("3", search(f, "言語モデル"));
    assert_string_equal("3", search(f, "言語")); /* below a trigram */
    assert_string_equal("3", search(f, "語"));
    assert_string_equal("4", search(f, "자연어"));
    assert_string_equal("3", search(f, "大規模 評価"));
    assert_string_equal("", search(f, "大規模 자연어"));
    assert_string_equal("3", search(f, "言語 somebody"));
    assert_string_equal("", search(f, "\"言_語\""));
    assert_string_equal("", search(f, "語%"));
}

static void no_text_is_syntax(struct store_fixture *f)
{
    static const char *const texts[] = {
        "\"",  "a\"b",    "AND",        "NOT x",    "NEAR(quoted word)",
        "c++", "title:x", "quo*",       "^quoted",  "(quoted",
        "{",   "quoted)", "a - b",      "' OR 1=1", "word's",
        "--x", "\\",      "x & y | !z", "<-> :*",   "%_%",
        "-",   "\"-\"",   "\"\" x",     "x:*A",     "'quoted'",
    };
    struct paper_query q = everything();
    struct paper_list l;

    search_papers(f);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        enum err_code code;

        q.search = slice_of(texts[i]);
        code = store_papers_list(f->s, f->a, &q, &l, &f->err);
        if (code != ERR_NONE && code != ERR_INVALID)
            fail_msg("search '%s': %s", texts[i], f->err.msg);
    }
    assert_string_equal("5", search(f, "word's"));
    assert_string_equal("5", search(f, "(quoted)"));
    assert_string_equal("5", search(f, "quoted AND near"));
}

static void search_by_rank(struct store_fixture *f)
{
    struct paper p[3] = {a_paper(f, 0), a_paper(f, 1), a_paper(f, 2)};
    struct paper_query q = everything();
    struct paper_list l;

    p[0].abstract = SLICE("Once a zebra is mentioned here, among other things "
                          "that take much more room than a zebra would.");
    p[1].title = SLICE("Zebra");
    p[1].abstract = SLICE("Zebra zebra zebra.");
    receive(f, p, 3);
    q.search = SLICE("zebra");
    q.order = PAPER_BY_RANK;
    l = list(f, &q);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.count, 2);
    assert_true(slice_eq(l.papers[0].url, p[1].url));
    q.offset = 1;
    l = list(f, &q);
    assert_int_equal(l.n, 1);
    assert_true(slice_eq(l.papers[0].url, p[0].url));
}

/* ---- pages and cursors against a list made by hand ---- */

#define MANY 2600

/* The same keys as the papers in the store have. */
struct row {
    int64_t id, published, created;
    double relevance;
    char title[24];
    bool cv;
};

static struct row rows[MANY];

static int compare(const struct row *a, const struct row *b,
                   enum paper_order order)
{
    int by = 0;

    if (order == PAPER_BY_PUBLISHED)
        by = (a->published > b->published) - (a->published < b->published);
    else if (order == PAPER_BY_CREATED)
        by = (a->created > b->created) - (a->created < b->created);
    else if (order == PAPER_BY_RELEVANCE)
        by = (a->relevance > b->relevance) - (a->relevance < b->relevance);
    else
        by = strcmp(a->title, b->title);
    return by ? by : (a->id > b->id) - (a->id < b->id);
}

static enum paper_order sorting_by;
static bool sorting_up;

static int sort_rows(const void *a, const void *b)
{
    int by = compare(a, b, sorting_by);

    return sorting_up ? by : -by;
}

/* Few different keys, so that ties are long; one paper in 13 is of `cv`. */
static void many_papers(struct store_fixture *f)
{
    struct paper p[100];
    struct webhook_in in = {.job_id = SLICE("j"), .papers = p};
    struct webhook_result r;
    struct paper_query q = everything();
    struct paper_list l;
    size_t n = 0;

    srandom(7);
    for (int i = 0; i < MANY; i++) {
        struct paper *one = &p[in.n_papers++];

        *one = a_paper(f, i);
        one->published_at = NOW - random() % 40 * US_PER_DAY;
        one->relevance_score = (double)(random() % 5) / 10;
        one->title =
            slice_of(arena_printf(f->a, "%s %d", i % 2 ? "ALPHA Ä" : "alpha ä",
                                  (int)(random() % 60)));
        one->category = i % 13 ? SLICE("llm") : SLICE("cv");
        if (in.n_papers < 100 && i + 1 < MANY)
            continue;
        in.now_us = NOW + i / 500;
        OK(f, store_webhook_receive(f->s, &in, &r, &f->err));
        in.n_papers = 0;
    }
    for (q.limit = 1000; n < MANY; q.offset += 1000) {
        l = list(f, &q);
        for (size_t i = 0; i < l.n; i++) {
            struct paper *one = &l.papers[i];
            int64_t number = 0;

            slice_to_i64(slice_sub(one->title, strlen("ALPHA Ä "), 99),
                         &number);
            rows[n] = (struct row){one->id,
                                   one->published_at,
                                   one->created_at,
                                   one->relevance_score,
                                   "",
                                   slice_is(one->category, "cv")};
            snprintf(rows[n++].title, sizeof(rows[0].title), "alpha ä %d",
                     (int)number);
        }
    }
}

/* The rows of a query in its order; how many. */
static int expected(const struct paper_query *q, struct row *out)
{
    int n = 0;

    for (int i = 0; i < MANY; i++)
        if (!q->category.len || rows[i].cv)
            out[n++] = rows[i];
    sorting_by = q->order;
    sorting_up = q->ascending;
    qsort(out, (size_t)n, sizeof(*out), sort_rows);
    return n;
}

static void same_ids(const struct paper_list *l, const struct row *want,
                     int n_left, const struct paper_query *q)
{
    size_t n = n_left < 0 ? 0 : (size_t)(n_left < q->limit ? n_left : q->limit);

    assert_int_equal(l->n, n);
    for (size_t i = 0; i < n; i++)
        if (l->papers[i].id != want[i].id)
            fail_msg("order %d up %d offset %d: row %zu is %d, not %d",
                     q->order, q->ascending, (int)q->offset, i,
                     (int)l->papers[i].id, (int)want[i].id);
}

static void each_query(struct store_fixture *f,
                       void (*check)(struct store_fixture *f,
                                     struct paper_query q,
                                     const struct row *want, int n))
{
    static struct row want[MANY];

    for (int order = PAPER_BY_PUBLISHED; order <= PAPER_BY_CREATED; order++)
        for (int up = 0; up <= 1; up++)
            for (int filtered = 0; filtered <= 2; filtered++) {
                struct paper_query q = everything();

                q.order = (enum paper_order)order;
                q.ascending = up;
                if (filtered)
                    q.category = SLICE("cv");
                if (filtered == 2) /* all, found by a word */
                    q.search = SLICE("alpha");
                check(f, q, want, expected(&q, want));
            }
}

static void check_pages(struct store_fixture *f, struct paper_query q,
                        const struct row *want, int n)
{
    static const int offsets[] = {0,   1,    20,   150,  199,
                                  200, 1200, 2599, 2600, 99999};

    q.limit = 17;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
        struct paper_list l;

        q.offset = offsets[i];
        l = list(f, &q);
        assert_int_equal(l.count, n);
        same_ids(&l, want + offsets[i], n - offsets[i], &q);
    }
    q.offset = 0;
    q.limit = 0;
    assert_int_equal(list(f, &q).n, 0);
}

static void pages(struct store_fixture *f)
{
    many_papers(f);
    each_query(f, check_pages);
}

/* What is known of a search is of the papers as they were. */
static void pages_follow(struct store_fixture *f)
{
    static struct row want[MANY];
    struct paper_query q = everything();
    struct paper_list l;
    int n;

    many_papers(f);
    q.category = SLICE("cv");
    q.search = SLICE("alpha");
    q.limit = 17;
    n = expected(&q, want);
    for (int gone = 0; gone < 3; gone++) {
        for (q.offset = 17; q.offset < 3 * 17; q.offset += 17) {
            l = list(f, &q);
            assert_int_equal(l.count, n - gone);
            same_ids(&l, want + gone + q.offset, n, &q);
        }
        OK(f, store_paper_delete(f->s, want[gone].id, NOW, &f->err));
    }
}

/* Forwards to the end, then backwards to the start. */
static void check_cursors(struct store_fixture *f, struct paper_query q,
                          const struct row *want, int n)
{
    struct paper_list l;
    struct paper_key key;
    int at = 0;

    arena_reset(f->a);
    q.limit = 101;
    q.want_count = false;
    do {
        l = list(f, &q);
        same_ids(&l, want + at, n - at, &q);
        at += (int)l.n;
        if (q.after)
            assert_int_equal(l.more, at < n);
        if (l.n) {
            key = paper_key_of(&l.papers[l.n - 1], q.order);
            q.after = &key;
        }
    } while (at < n);
    assert_int_equal(list(f, &q).n, 0); /* behind the last */
    q.after = NULL;
    q.before = &key; /* the last paper's place */
    for (at = n - 1; at > 0; at -= (int)l.n) {
        int first = at > q.limit ? at - q.limit : 0;

        l = list(f, &q);
        same_ids(&l, want + first, at - first, &q);
        assert_int_equal(l.more, first > 0);
        key = paper_key_of(&l.papers[0], q.order);
    }
    l = list(f, &q); /* before the first */
    assert_int_equal(l.n, 0);
    assert_false(l.more);
}

static void cursors(struct store_fixture *f)
{
    many_papers(f);
    each_query(f, check_cursors);
}

/* The place of a paper that has gone is still a place. */
static void cursor_of_a_deleted_paper(struct store_fixture *f)
{
    struct paper_query q = everything();
    struct paper_list l;
    struct paper_key key;

    for (int i = 0; i < 6; i++)
        receive_one(f, a_paper(f, i));
    l = list(f, &q);
    key = paper_key_of(&l.papers[2], q.order);
    OK(f, store_paper_delete(f->s, l.papers[2].id, NOW, &f->err));
    q.after = &key;
    l = list(f, &q);
    assert_int_equal(l.n, 3);
    TEXT("Paper number 3", l.papers[0].title);
    q.after = NULL;
    q.before = &key;
    l = list(f, &q);
    assert_int_equal(l.n, 2);
    TEXT("Paper number 1", l.papers[1].title);
}

/* A far page of a filter whose papers stand all at the end of the ordering: the
 * walk gives up and the list is made. */
static void unevenly_spread(struct store_fixture *f)
{
    struct paper_query q = everything();
    struct paper_list l;
    struct paper_key key;
    int64_t last = 0;

    many_papers(f);
    q.published_before = NOW - 39 * US_PER_DAY;
    q.limit = 10;
    l = list(f, &q);
    assert_true(l.count > 10 && l.count < 200);
    assert_int_equal(l.n, 10);
    for (size_t i = 0; i < l.n; i++) {
        assert_true(l.papers[i].published_at <= q.published_before);
        assert_true(i == 0 || l.papers[i].id < last);
        last = l.papers[i].id;
    }
    key = (struct paper_key){.i = NOW + 1, .id = 1};
    q.after = &key; /* from far above */
    l = list(f, &q);
    assert_int_equal(l.n, 10);
    assert_true(l.more);
    assert_int_equal(l.papers[9].id, last);
}

/* ---- each ---- */

struct seen {
    int64_t n, stop_at;
    int64_t last_id;
    int64_t last_published;
};

static enum err_code see(void *ctx, const struct paper *p, struct err *e)
{
    struct seen *s = ctx;

    if (s->n++ == s->stop_at)
        return err_set(e, ERR_CANCELLED, "enough");
    assert_true(s->n == 1 || p->published_at < s->last_published ||
                (p->published_at == s->last_published && p->id < s->last_id));
    s->last_published = p->published_at;
    s->last_id = p->id;
    return ERR_NONE;
}

static enum err_code count_only(void *ctx, const struct paper *p, struct err *e)
{
    struct seen *s = ctx;

    (void)e;
    assert_true(p->title.len > 0);
    s->n++;
    return ERR_NONE;
}

static void each(struct store_fixture *f)
{
    struct paper_query q = everything();
    struct seen s = {.stop_at = -1};

    many_papers(f);
    q.limit = 3; /* ignored */
    q.offset = 7;
    OK(f, store_papers_each(f->s, &q, see, &s, &f->err));
    assert_int_equal(s.n, MANY);
    s = (struct seen){.stop_at = 150};
    GIVES(f, ERR_CANCELLED, store_papers_each(f->s, &q, see, &s, &f->err));
    assert_int_equal(s.n, 151);
    q.category = SLICE("cv");
    s = (struct seen){.stop_at = -1};
    OK(f, store_papers_each(f->s, &q, see, &s, &f->err));
    assert_int_equal(s.n, MANY / 13);
    q.order = PAPER_BY_TITLE;
    s = (struct seen){0};
    OK(f, store_papers_each(f->s, &q, count_only, &s, &f->err));
    assert_int_equal(s.n, MANY / 13);
    q.search = SLICE("alpha");
    q.order = PAPER_BY_RANK;
    s = (struct seen){0};
    OK(f, store_papers_each(f->s, &q, count_only, &s, &f->err));
    assert_int_equal(s.n, MANY / 13);
}

/* `each` may use the store itself: no transaction is open meanwhile. */
struct deleting {
    struct store_fixture *f;
    int n;
};

static enum err_code delete_it(void *ctx, const struct paper *p, struct err *e)
{
    struct deleting *d = ctx;

    d->n++;
    return store_paper_delete(d->f->s, p->id, NOW, e);
}

static void each_may_write(struct store_fixture *f)
{
    struct paper_query q = everything();
    struct deleting d = {f, 0};

    for (int i = 0; i < 5; i++)
        receive_one(f, a_paper(f, i));
    OK(f, store_papers_each(f->s, &q, delete_it, &d, &f->err));
    assert_int_equal(d.n, 5);
    assert_int_equal(list(f, &q).count, 0);
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(filters),
        CASE(authors),
        CASE(bad_queries),
        CASE(a_full_arena_is_an_error),
        CASE(search_words),
        CASE(search_phrases_and_exclusion),
        CASE(search_while_typing),
        CASE(search_unspaced_scripts),
        CASE(no_text_is_syntax),
        CASE(search_by_rank),
        CASE(pages),
        CASE(pages_follow),
        CASE(cursors),
        CASE(cursor_of_a_deleted_paper),
        CASE(unevenly_spread),
        CASE(each),
        CASE(each_may_write),
    };

    return STORE_SUITE("store_list", cases);
}
