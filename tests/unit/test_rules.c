/* test_rules.c - phrases, category rules, tags, relevance: the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "scraper/phrases.h"
#include "scraper/relevance.h"

#define NOW (INT64_C(1764000000) * US_PER_S)

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64u << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* ---- phrases ---- */

struct hits {
    uint32_t ids[32];
    int n;
};

static void on_hit(void *ctx, uint32_t id)
{
    struct hits *h = ctx;

    assert_true(h->n < 32);
    h->ids[h->n++] = id;
}

static struct hits scan(const char *const *list, const char *text, bool longest)
{
    struct phrases *p = phrases_new();
    struct hits h = {.n = 0};

    for (uint32_t i = 0; list[i]; i++) {
        uint32_t id;
        struct err e = {0};

        if (phrases_add(p, slice_of(list[i]), &id, &e) != ERR_NONE)
            fail_msg("%s", e.msg);
        assert_int_equal(id, i);
    }
    assert_true(phrases_scan(p, arena, slice_of(text), longest, on_hit, &h));
    phrases_free(p);
    return h;
}

static int count(const char *phrase, const char *text)
{
    const char *const list[] = {phrase, NULL};

    return scan(list, text, false).n;
}

static void test_word_boundaries(void **state)
{
    (void)state;
    assert_int_equal(count("RAG", "A rag, RAG; (Rag)"), 3);
    assert_int_equal(count("RAG", "fragment drag storage ragged"), 0);
    assert_int_equal(count("LLM", "LLMs and llm's, GPT-LLM"), 3);
    assert_int_equal(count("LLM", "LLM2 xLLM"), 0);
    assert_int_equal(count("fine-tuning", "fine tuning, Fine-Tuning, "
                                          "fine\n  tuning"),
                     3);
    assert_int_equal(count("fine-tuning", "fine. Tuning"), 0);
    assert_int_equal(count("vision", ""), 0);
}

static void test_unicode(void **state)
{
    (void)state;
    assert_int_equal(count("GÖDEL", "gödel Gödel"), 2);
    assert_int_equal(count("god", "Gödel god"), 1);
    assert_int_equal(count("нейросеть", "Нейросеть"), 1);
    assert_int_equal(count("模型", "大模型的评估"), 1);
    assert_int_equal(count("image", "imagé \xff image"), 1);
}

static void test_longest(void **state)
{
    static const char *const list[] = {"language model", "large language model",
                                       "model", NULL};
    struct hits h = scan(list, "a large language model is a model", true);

    (void)state;
    assert_int_equal(h.n, 2);
    assert_int_equal(h.ids[0], 1);
    assert_int_equal(h.ids[1], 2);
    assert_int_equal(scan(list, "a large language model", false).n, 3);
}

static void test_bad_phrases(void **state)
{
    struct phrases *p = phrases_new();
    char big[300];
    uint32_t id;
    struct err e = {0};

    (void)state;
    memset(big, 'a', sizeof(big));
    assert_int_equal(phrases_add(p, SLICE("..."), &id, &e), ERR_INVALID);
    assert_int_equal(phrases_add(p, (struct slice){big, 100}, &id, &e),
                     ERR_INVALID);
    assert_int_equal(phrases_add(p, (struct slice){big, 300}, &id, &e),
                     ERR_INVALID);
    assert_int_equal(phrases_add(p, SLICE("a b c d e f g h i"), &id, &e),
                     ERR_INVALID);
    assert_int_equal(phrases_add(p, SLICE("a, b"), &id, &e), ERR_INVALID);
    phrases_free(p);
}

/* ---- rules ---- */

#define TABLE                                                                  \
    "# a comment\n"                                                            \
    "llm\tLLM\t3\nllm\tlanguage model\t2\n"                                    \
    "rag\tretrieval\t3\nrag\tcat:cs.IR\t1\n"                                   \
    "cv\tcat:cs.CV\t1\task\ncv\tvision\t3\ncv\tLLM\t1\n"

static struct rules *rules(const char *text)
{
    struct rules *r = NULL;
    struct err e = {0};

    if (rules_parse(&r, "t.tsv", slice_of(text), &e) != ERR_NONE)
        fail_msg("%s", e.msg);
    return r;
}

static struct rules_verdict judge(const struct rules *r, const char *title,
                                  const char *abstract, const char *primary)
{
    struct paper p = {.title = slice_of(title),
                      .abstract = slice_of(abstract),
                      .primary_category = slice_of(primary),
                      .arxiv_categories = SLICE("[\"cs.IR\",\"cs.XX\"]")};
    struct rules_verdict v;
    struct err e = {0};

    assert_int_equal(rules_judge(r, arena, &p, &v, &e), ERR_NONE);
    return v;
}

static void test_judging(void **state)
{
    struct rules *r = rules(TABLE);
    struct rules_verdict v = judge(r, "An LLM", "for vision", "cs.LG");

    (void)state;
    assert_string_equal(v.category, "llm"); /* 6 to 3 + 2 */
    assert_int_equal(v.scores[0], 6);
    assert_int_equal(v.scores[2], 5);
    assert_int_equal(v.by, RULES_BY_KEYWORDS);
    /* the title counts more: 6 to 3 */
    assert_string_equal(judge(r, "Vision", "retrieval", "cs.LG").category,
                        "cv");
    /* nothing found, whatever arXiv says */
    v = judge(r, "Knots", "and braids", "cs.CV");
    assert_string_equal(v.category, "other");
    assert_int_equal(v.by, RULES_BY_NOTHING);
    rules_free(r);
}

static void test_ties(void **state)
{
    struct rules *r = rules(TABLE);
    struct rules_verdict v = judge(r, "x", "vision retrieval", "cs.CV");

    (void)state;
    assert_string_equal(v.category, "cv"); /* primary: 2 to 1 */
    assert_int_equal(v.by, RULES_BY_ARXIV);
    v = judge(r, "x", "vision retrieval", "cs.LG");
    assert_string_equal(v.category, "rag"); /* cs.IR is among its others */
    v = judge(r, "x", "LLM vision LLM retrieval language model", "cs.XX");
    assert_string_equal(v.category, "llm"); /* 5, 4, 3 */
    rules_free(r);
    r = rules("a\tx\t1\nb\ty\t1\n");
    v = judge(r, "x y", "", "");
    assert_string_equal(v.category, "a");
    assert_int_equal(v.by, RULES_BY_ORDER);
    rules_free(r);
}

static void test_archives(void **state)
{
    struct rules *r = rules(TABLE);

    (void)state;
    assert_string_equal(rules_archives(r, SLICE("cv"))[0], "cs.CV");
    assert_null(rules_archives(r, SLICE("cv"))[1]);
    assert_null(rules_archives(r, SLICE("rag"))[0]);
    assert_null(rules_archives(r, SLICE("all"))[0]);
    assert_true(rules_knows(r, SLICE("other")));
    assert_false(rules_knows(r, SLICE("biology")));
    assert_string_equal(rules_categories(r)[3], "other");
    rules_free(r);
}

static void test_bad_tables(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "holds no keyword"},
        {"llm\tLLM\n", "t.tsv:1: a row is"},
        {"#\n\nllm\tLLM\tmany\n", "t.tsv:3: the third column"},
        {"llm\tLLM\t0\n", "1 to 1000"},
        {"llm\tLLM\t1\nllm\tllm\t2\n", "t.tsv:2: 'llm' stands twice"},
        {"LLM\tLLM\t1\n", "no name of a category"},
        {"other\tLLM\t1\n", "reserved"},
        {"llm\t...\t1\n", "holds no word"},
        {"llm\tcat:68T\t1\n", "no arXiv category"},
        {"llm\tcat:cs.AI\t1\tno\n", "can only be 'ask'"},
        {"llm\tLLM\t1\t2\n", "three columns"},
        {"llm\tL\xffM\t1\n", "t.tsv:1: not UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rules *r;
        struct err e = {0};

        assert_int_equal(rules_parse(&r, "t.tsv", slice_of(rows[i].text), &e),
                         ERR_INVALID);
        if (!strstr(e.msg, rows[i].why))
            fail_msg("'%s' does not say '%s'", e.msg, rows[i].why);
    }
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_folder(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char dir[200], path[300];
    struct rules *r;
    struct tags *t;
    struct err e = {0};

    (void)state;
    snprintf(dir, sizeof(dir), "%s/rules.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/categories.tsv", dir);
    write_text(path, "mine\tquokka\t1\r\n");
    assert_int_equal(rules_load(&r, dir, &e), ERR_NONE);
    assert_true(rules_knows(r, SLICE("mine")));
    assert_false(rules_knows(r, SLICE("llm")));
    rules_free(r);
    assert_int_equal(tags_load(&t, dir, &e), ERR_NONE); /* the built-in one */
    tags_free(t);
    write_text(path, "mine\n");
    assert_int_equal(rules_load(&r, dir, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "categories.tsv:1:"));
    unlink(path);
    rmdir(dir);
    assert_int_equal(rules_load(&r, dir, &e), ERR_INVALID);
}

/* ---- the built-in tables ---- */

static void test_built_in(void **state)
{
    static const struct {
        const char *title, *category;
    } rows[] = {
        {"GPT-4 and the LLM", "llm"},
        {"RAG: retrieval-augmented generation", "rag"},
        {"Object detection in images", "cv"},
        {"Named entity recognition for Finnish", "nlp"},
        {"Policy gradients for reinforcement learning", "rl"},
        {"A humanoid robot that walks", "robotics"},
        {"Automatic speech recognition", "audio"},
        {"Link prediction with graph neural networks", "graph"},
        {"A lower bound on sample complexity", "theory"},
        {"Scheduling GPU kernels in Kubernetes", "systems"},
        {"On the history of tea", "other"},
    };
    struct rules *r;
    struct err e = {0};

    (void)state;
    assert_int_equal(rules_load(&r, "", &e), ERR_NONE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rules_verdict v = judge(r, rows[i].title, "", "cs.LG");

        if (strcmp(v.category, rows[i].category) != 0)
            fail_msg("'%s' is '%s'", rows[i].title, v.category);
    }
    assert_string_equal(rules_archives(r, SLICE("robotics"))[0], "cs.RO");
    assert_string_equal(rules_archives(r, SLICE("nlp"))[0], "cs.CL");
    rules_free(r);
}

/* ---- tags ---- */

static struct slice tags_of(struct tags *t, const char *title,
                            const char *abstract)
{
    struct paper p = {.title = slice_of(title), .abstract = slice_of(abstract)};
    struct slice out;
    struct err e = {0};

    assert_int_equal(tags_find(t, arena, &p, &out, &e), ERR_NONE);
    return out;
}

static void test_tags(void **state)
{
    struct tags *t;
    struct err e = {0};

    (void)state;
    assert_int_equal(tags_parse(&t, "g.tsv",
                                SLICE("transformer\nvision transformer\tViT\t"
                                      "vision transformer\nattention\n"),
                                &e),
                     ERR_NONE);
    assert_true(slice_is(tags_of(t, "A ViT", "attention, Transformers, vit"),
                         "[\"vision transformer\",\"attention\","
                         "\"transformer\"]"));
    assert_true(slice_is(tags_of(t, "Vision transformers", ""),
                         "[\"vision transformer\"]"));
    assert_true(slice_is(tags_of(t, "", ""), "[]"));
    tags_free(t);
}

static void test_ten_tags_at_most(void **state)
{
    struct tags *t;
    struct slice s;
    struct err e = {0};
    int n = 0;

    (void)state;
    assert_int_equal(tags_parse(&t, "g.tsv",
                                SLICE("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n"),
                                &e),
                     ERR_NONE);
    s = tags_of(t, "l k j i h g f e d c b a", "");
    for (size_t i = 0; i < s.len; i++)
        n += s.p[i] == ',';
    assert_int_equal(n, TAGS_MAX - 1);
    assert_true(slice_starts(s, "[\"l\",\"k\""));
    tags_free(t);
}

static void test_bad_tags(void **state)
{
    struct tags *t;
    struct err e = {0};

    (void)state;
    assert_int_equal(tags_parse(&t, "g.tsv", SLICE("a\tx\nb\tx\n"), &e),
                     ERR_INVALID);
    assert_non_null(strstr(e.msg, "g.tsv:2: 'x' is a term of tag 'a'"));
    assert_int_equal(tags_parse(&t, "g.tsv", SLICE("a\na\n"), &e), ERR_INVALID);
    assert_int_equal(tags_parse(&t, "g.tsv", SLICE("a\t!\n"), &e), ERR_INVALID);
}

/* ---- relevance ---- */

static struct paper rate(const char *title, const char *abstract,
                         double age_days, const char *wanted)
{
    struct rules *r = rules("llm\tLLM\t3\nllm\tGPT\t3\nllm\tprompt\t1\n"
                            "llm\tLoRA\t1\nllm\ttoken\t1\ncv\tvision\t1\n");
    struct tags *t;
    struct err e = {0};
    struct paper p = {.title = slice_of(title), .abstract = slice_of(abstract)};

    if (age_days >= 0 || age_days < -0.5)
        p.published_at = NOW - (int64_t)(age_days * (double)US_PER_DAY);
    assert_int_equal(tags_parse(&t, "g.tsv", SLICE("LoRA\n"), &e), ERR_NONE);
    assert_int_equal(relevance_rate(r, t, arena, slice_of(wanted), NOW, &p, &e),
                     ERR_NONE);
    p.category = arena_slice(arena, p.category);
    rules_free(r);
    tags_free(t);
    return p;
}

#define SCORE(expected, p) assert_true((p).relevance_score == (expected))

static void test_relevance(void **state)
{
    struct paper p = rate("An LLM", "GPT and GPT", 0, "llm");

    (void)state;
    SCORE(0.82, p); /* 0.5 + 0.2 + 0.08 + 0.04 */
    if (!slice_is(p.relevance,
                  "{\"base\":0.5,\"recency\":0.2,\"keywords\":0.12,"
                  "\"matched\":[{\"keyword\":\"LLM\",\"in\":\"title\","
                  "\"points\":0.08},{\"keyword\":\"GPT\",\"in\":\"abstract\","
                  "\"points\":0.04}],\"category\":{\"by\":\"keywords\","
                  "\"scores\":{\"llm\":9}}}"))
        fail_msg("%.*s", SLICE_ARG(p.relevance));
    SCORE(0.60, rate("Tea", "", 15, "all")); /* half of the line */
    SCORE(0.50, rate("Tea", "", 30, "all"));
    SCORE(0.50, rate("Tea", "", 400, "all"));
    SCORE(0.70, rate("Tea", "", -3, "all"));   /* from the future: today */
    SCORE(0.50, rate("Tea", "", -0.1, "all")); /* no date */
    /* five keywords in the title are 0.4: capped at 0.3; all together at 1 */
    SCORE(0.80, rate("LLM GPT prompt LoRA token", "", 99, "llm"));
    SCORE(1.00, rate("LLM GPT prompt LoRA token", "", 0, "llm"));
}

/* The keywords of the wanted category count, not those of the one found. */
static void test_wanted_category(void **state)
{
    struct paper p = rate("LLM GPT", "vision", 99, "cv");

    (void)state;
    assert_true(slice_is(p.category, "llm"));
    SCORE(0.54, p);
    SCORE(0.66, rate("LLM GPT", "vision", 99, "all"));
    SCORE(0.50, rate("LLM GPT", "vision", 99, "other"));
}

static void test_found_twice_counts_once(void **state)
{
    (void)state;
    SCORE(0.58, rate("LLM", "LLM LLM", 99, "llm"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word_boundaries),
        cmocka_unit_test(test_unicode),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_bad_phrases),
        cmocka_unit_test(test_judging),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_archives),
        cmocka_unit_test(test_bad_tables),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_built_in),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_ten_tags_at_most),
        cmocka_unit_test(test_bad_tags),
        cmocka_unit_test(test_relevance),
        cmocka_unit_test(test_wanted_category),
        cmocka_unit_test(test_found_twice_counts_once),
    };

    return cmocka_run_group_tests_name("rules", tests, setup, teardown);
}
