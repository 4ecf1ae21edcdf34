/* test_arxiv_query.c - the question as arXiv gets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "scraper/arxiv_query.h"

static void check(const char *base, struct arxiv_question q,
                  const char *expected)
{
    struct buf b;

    buf_init(&b, 8192);
    arxiv_query_url(&b, base, &q);
    assert_true(buf_ok(&b));
    assert_string_equal(b.p, expected);
    buf_release(&b);
}

static void test_the_drawn_question(void **state)
{
    struct slice categories[] = {SLICE("cs.AI"), SLICE("cs.LG")};

    (void)state;
    /* 2025-11-03T12:34:56Z and seven days before */
    check("https://export.arxiv.org/api/query",
          (struct arxiv_question){.categories = categories,
                                  .n_categories = 2,
                                  .from_us = INT64_C(1761568496) * US_PER_S,
                                  .to_us = INT64_C(1762173296) * US_PER_S,
                                  .start = 100,
                                  .max_results = 50},
          "https://export.arxiv.org/api/query?search_query=%28cat%3Acs.AI%20OR"
          "%20cat%3Acs.LG%29%20AND%20submittedDate%3A%5B202510271234%20TO%20"
          "202511031234%5D&sortBy=submittedDate&sortOrder=descending&start=100"
          "&max_results=50");
}

static void check_terms(const char *query, const char *terms)
{
    struct slice category = SLICE("math.NT");
    struct arxiv_question q = {.categories = &category,
                               .n_categories = 1,
                               .query = slice_of(query),
                               .max_results = 1};
    struct buf b;
    char *end;

    buf_init(&b, 8192);
    arxiv_query_url(&b, "http://x/?a=b", &q);
    assert_true(buf_ok(&b));
    assert_true(slice_starts(buf_slice(&b), "http://x/?a=b&search_query="
                                            "%28cat%3Amath.NT%29%20AND%20%28"));
    end = strstr(b.p, "%29%20AND%20submittedDate");
    assert_non_null(end);
    *end = '\0';
    assert_string_equal(b.p + strlen("http://x/?a=b&search_query=%28cat%3Amath"
                                     ".NT%29%20AND%20%28"),
                        terms);
    buf_release(&b);
}

static void test_terms(void **state)
{
    (void)state;
    check_terms("modular forms", "all%3Amodular%20AND%20all%3Aforms");
    check_terms("\"deep dream\" net", "all%3A%22deep%20dream%22%20AND%20all%3A"
                                      "net");
    check_terms("ti:deep OR au:lecun", "ti%3Adeep%20OR%20au%3Alecun");
    check_terms("a&b=c#d", "all%3Aa%26b%3Dc%23d");
    check_terms("Poincar\xc3\xa9", "all%3APoincar%C3%A9");
}

static void test_accepted(void **state)
{
    static const char *const rows[] = {"deep",
                                       "deep dream",
                                       "\"deep dream\"",
                                       "ti:deep",
                                       "(ti:deep OR abs:\"a (b\") ANDNOT au:x",
                                       "((a))",
                                       "all:\"x y\" AND z"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};

        if (arxiv_query_check(slice_of(rows[i]), &e) != ERR_NONE)
            fail_msg("'%s': %s", rows[i], e.msg);
    }
}

/* Nothing may break out of the parentheses that are put around it. */
static void test_refused(void **state)
{
    static const char *const rows[] = {
        "",        "   ",  "(a",    "a)",   "a) OR (cat:cs.CV", ")(",
        "()",      "\"a",  "a AND", "OR a", "a AND OR b",       "(a AND)",
        "foo:bar", "a\nb", "a\x7f", "\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};

        if (arxiv_query_check(slice_of(rows[i]), &e) != ERR_INVALID)
            fail_msg("'%s' is taken", rows[i]);
        assert_string_equal(e.field, "query");
    }
}

static void test_length(void **state)
{
    char text[600];
    struct err e = {0};

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(arxiv_query_check((struct slice){text, 500}, &e),
                     ERR_NONE);
    assert_int_equal(arxiv_query_check((struct slice){text, 501}, &e),
                     ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_drawn_question),
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_length),
    };

    return cmocka_run_group_tests_name("arxiv_query", tests, NULL, NULL);
}
