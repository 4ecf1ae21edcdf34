/* fuzz_rules.c - any bytes as a table, and what follows the first NUL as the
 * paper that is judged by it; and as a person's own search terms. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "scraper/arxiv_query.h"
#include "scraper/relevance.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rate(const struct rules *r, const struct tags *t, struct arena *a,
                 struct slice text)
{
    struct paper p = {.title = slice_sub(text, 0, text.len / 4),
                      .abstract = text,
                      .arxiv_categories = SLICE("[\"cs.AI\"]"),
                      .published_at = 1};
    struct err e = {0};

    if (relevance_rate(r, t, a, SLICE("all"), 2, &p, &e) != ERR_NONE)
        return;
    assert(p.relevance_score >= 0.5 && p.relevance_score <= 1);
    assert(p.category.len && p.tags.len && p.relevance.len);
    assert(utf8_valid(p.relevance) && utf8_valid(p.tags));
}

/* What is accepted must be a query that stays in its parentheses. */
static void ask(struct slice query)
{
    struct slice category = SLICE("cs.AI");
    struct arxiv_question q = {.categories = &category,
                               .n_categories = 1,
                               .query = query,
                               .max_results = 1};
    struct err e = {0};
    struct buf b;

    if (arxiv_query_check(query, &e) != ERR_NONE)
        return;
    buf_init(&b, 65536);
    arxiv_query_url(&b, "http://a/", &q);
    assert(buf_ok(&b));
    for (size_t i = 0; i < b.len; i++)
        assert(b.p[i] > ' ' && b.p[i] < 0x7F);
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = {(const char *)data, size}, table = all, text = all;
    const char *nul = size ? memchr(data, 0, size) : NULL;
    struct rules *r = NULL;
    struct tags *t = NULL;
    struct err e = {0};
    struct arena *a = arena_new(16u << 20);

    if (!a)
        return 0;
    if (nul) {
        table.len = (size_t)(nul - all.p);
        text = slice_sub(all, table.len + 1, size);
    }
    if (tags_parse(&t, "tags", table, &e) != ERR_NONE)
        assert(tags_parse(&t, "tags", SLICE("a\nb c\n"), &e) == ERR_NONE);
    if (rules_parse(&r, "table", table, &e) != ERR_NONE)
        assert(rules_parse(&r, "table", SLICE("a\tb c\t1\nd\tb\t2\n"), &e) ==
               ERR_NONE);
    rate(r, t, a, text);
    ask(text);
    rules_free(r);
    tags_free(t);
    arena_free(a);
    return 0;
}
