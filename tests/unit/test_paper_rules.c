#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/paper_rules.h"

static struct paper a_stored_paper(void)
{
    return (struct paper){
        .id = 7,
        .title = SLICE("Title"),
        .url = SLICE("https://arxiv.org/abs/2511.00001"),
        .version = 2,
        .tags = SLICE("[]"),
        .relevance_score = 0.5,
        .created_at = 10,
        .updated_at = 11,
    };
}

static void decisions(void **state)
{
    struct paper s = a_stored_paper(), a = s;

    (void)state;
    assert_int_equal(paper_decide(NULL, &a), PAPER_CREATED);
    assert_int_equal(paper_decide(&s, &a), PAPER_UNCHANGED);
    a.version = 1;
    a.title = SLICE("Older");
    assert_int_equal(paper_decide(&s, &a), PAPER_UNCHANGED);
    a.version = 2;
    assert_int_equal(paper_decide(&s, &a), PAPER_UPDATED);
    a = s;
    a.version = 3;
    assert_int_equal(paper_decide(&s, &a), PAPER_UPDATED);
    a.version = 0;
    assert_int_equal(paper_decide(&s, &a), PAPER_UNCHANGED);
    a.doi = SLICE("10.1/x");
    assert_int_equal(paper_decide(&s, &a), PAPER_UPDATED);
    a = s;
    a.relevance_score = 0.9;
    a.relevance = SLICE("{}");
    assert_int_equal(paper_decide(&s, &a), PAPER_UNCHANGED);
    a.version = 9;
    s.deleted_at = 12;
    assert_int_equal(paper_decide(&s, &a), PAPER_UNCHANGED);
}

/* Each field of the content counts, and nothing else does. */
static void content(void **state)
{
    static const size_t texts[] = {
        offsetof(struct paper, title),
        offsetof(struct paper, abstract),
        offsetof(struct paper, authors),
        offsetof(struct paper, author_list),
        offsetof(struct paper, pdf_url),
        offsetof(struct paper, source),
        offsetof(struct paper, source_id),
        offsetof(struct paper, arxiv_categories),
        offsetof(struct paper, primary_category),
        offsetof(struct paper, doi),
        offsetof(struct paper, journal_ref),
        offsetof(struct paper, comment),
        offsetof(struct paper, category),
        offsetof(struct paper, tags),
    };
    static const size_t numbers[] = {
        offsetof(struct paper, version),
        offsetof(struct paper, published_at),
        offsetof(struct paper, source_updated_at),
    };
    struct paper a = a_stored_paper(), b;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        b = a;
        *(struct slice *)(void *)((char *)&b + texts[i]) = SLICE("other");
        assert_false(paper_same_content(&a, &b));
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        b = a;
        *(int64_t *)(void *)((char *)&b + numbers[i]) = 99;
        assert_false(paper_same_content(&a, &b));
    }
    b = a;
    b.id = b.created_at = b.updated_at = b.deleted_at = 99;
    b.relevance_score = 0.1;
    b.relevance = SLICE("{\"x\":1}");
    assert_true(paper_same_content(&a, &b));
}

static void merging(void **state)
{
    struct paper s = a_stored_paper(), a = s, m;

    (void)state;
    a.id = 0;
    a.title = SLICE("New");
    a.version = 0;
    a.created_at = a.deleted_at = 99;
    paper_merge(&s, &a, 50, &m);
    assert_int_equal(m.id, 7);
    assert_true(slice_is(m.title, "New"));
    assert_int_equal(m.version, 2);
    assert_int_equal(m.created_at, 10);
    assert_int_equal(m.updated_at, 50);
    assert_int_equal(m.deleted_at, 0);
    a.version = 3;
    paper_merge(&s, &a, 50, &m);
    assert_int_equal(m.version, 3);
}

static void title_keys(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"ABC xyz 12", "abc xyz 12"},
        {"ÄÖÜ×ÞŸ", "äöü×þŸ"},
        {"ŁÓDŹ ŻĄĘ ČŠŽ İ", "łódź żąę čšž İ"},
        {"ΑΒΓ ΣΩ", "αβγ σω"},
        {"ЖЯ Ё Ѡ", "жя ё ѡ"},
        {"言語 한", "言語 한"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        struct buf b;

        buf_init(&b, 100);
        paper_title_key(&b, slice_of(pairs[i][0]));
        assert_true(buf_ok(&b));
        if (!slice_is(buf_slice(&b), pairs[i][1]))
            fail_msg("'%s' gives '%.*s'", pairs[i][0],
                     SLICE_ARG(buf_slice(&b)));
        buf_release(&b);
    }
}

static void keys(void **state)
{
    struct paper p = a_stored_paper();

    (void)state;
    p.published_at = 5;
    assert_int_equal(paper_key_of(&p, PAPER_BY_PUBLISHED).i, 5);
    assert_int_equal(paper_key_of(&p, PAPER_BY_CREATED).i, 10);
    assert_true(paper_key_of(&p, PAPER_BY_RELEVANCE).d == 0.5);
    assert_true(slice_is(paper_key_of(&p, PAPER_BY_TITLE).text, "Title"));
    for (int o = PAPER_BY_PUBLISHED; o <= PAPER_BY_RANK; o++)
        assert_int_equal(paper_key_of(&p, (enum paper_order)o).id, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions), cmocka_unit_test(content),
        cmocka_unit_test(merging),   cmocka_unit_test(title_keys),
        cmocka_unit_test(keys),
    };

    return cmocka_run_group_tests_name("paper_rules", tests, NULL, NULL);
}
