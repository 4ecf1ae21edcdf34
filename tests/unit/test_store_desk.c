/* test_store_desk.c - conformance: marks of papers, saved searches. */
#include <stdio.h>
#include <string.h>

#include "store/desk.h"
#include "store_fixture.h"

static const bool yes = true, no = false;

static void some_papers(struct store_fixture *f, int n)
{
    struct paper p[70];

    for (int i = 0; i < n; i++)
        p[i] = a_paper(f, i);
    receive(f, p, (size_t)n);
}

static struct paper_marks marks(struct store_fixture *f, int64_t id)
{
    struct paper_marks m;

    OK(f, store_marks_get(f->s, f->a, id, &m, &f->err));
    return m;
}

static uint64_t generation(struct store_fixture *f)
{
    uint64_t g;

    OK(f, store_papers_generation(f->s, &g, &f->err));
    return g;
}

/* Change a paper that is there. */
static void change(struct store_fixture *f, int64_t id, struct marks_change c)
{
    bool marked;

    OK(f, store_marks_set(f->s, &id, 1, &c, &marked, &f->err));
    assert_true(marked);
}

static void star(struct store_fixture *f, int n)
{
    change(f, id_of(f, n), (struct marks_change){.starred = &yes});
}

static void note(struct store_fixture *f, int n, const char *text)
{
    struct slice s = slice_of(text);

    change(f, id_of(f, n), (struct marks_change){.note = &s, .now_us = NOW});
}

static void marks_are_kept(struct store_fixture *f)
{
    struct slice text = SLICE("**good**\n\n看 [1]");
    struct paper_marks m;
    struct paper p;
    int64_t id;

    some_papers(f, 1);
    id = id_of(f, 0);
    m = marks(f, id);
    assert_false(m.read || m.starred || m.note.len || m.marked_at);
    change(f, id, (struct marks_change){.read = &yes, .now_us = NOW});
    m = marks(f, id);
    assert_true(m.read && !m.starred && !m.note.len && m.marked_at == NOW);
    change(f, id, (struct marks_change){.note = &text, .now_us = NOW + 1});
    change(f, id, (struct marks_change){.starred = &yes, .now_us = NOW + 2});
    m = marks(f, id);
    assert_true(m.read && m.starred && m.marked_at == NOW + 2);
    assert_true(slice_eq(m.note, text));
    change(f, id, (struct marks_change){.read = &no, .starred = &no});
    text = SLICE_NONE;
    OK(f, store_paper_get(f->s, f->a, id, false, &p, &f->err));
    assert_true(!p.read && !p.starred && p.noted);
    change(f, id, (struct marks_change){.note = &text});
    OK(f, store_paper_get(f->s, f->a, id, false, &p, &f->err));
    assert_false(p.noted);
    assert_int_equal(marks(f, id).note.len, 0);
}

static void rows_show_marks(struct store_fixture *f)
{
    struct paper_query q = everything();
    struct paper_similar *near;
    struct paper *papers;
    struct paper_list l;
    int64_t ids[2];
    size_t n;

    some_papers(f, 3);
    star(f, 1);
    note(f, 2, "x");
    ids[0] = id_of(f, 1);
    ids[1] = id_of(f, 2);
    l = list(f, &q); /* a walk */
    assert_int_equal(l.n, 3);
    assert_false(l.papers[0].starred || l.papers[0].noted);
    assert_true(l.papers[1].starred && !l.papers[1].noted);
    assert_true(l.papers[2].noted && !l.papers[2].read);
    q.search = SLICE("number"); /* a set */
    q.order = PAPER_BY_RANK;
    l = list(f, &q);
    assert_int_equal(l.n, 3);
    for (size_t i = 0; i < l.n; i++)
        assert_int_equal(l.papers[i].starred, l.papers[i].id == ids[0]);
    OK(f, store_papers_get(f->s, f->a, ids, 2, &papers, &n, &f->err));
    assert_true(n == 2 && papers[0].starred && papers[1].noted);
    OK(f, store_papers_similar(f->s, f->a, id_of(f, 0), 5, &near, &n, &f->err));
    for (size_t i = 0; i < n; i++)
        assert_int_equal(near[i].paper.starred, near[i].paper.id == ids[0]);
}

static enum err_code count_starred(void *ctx, const struct paper *p,
                                   struct err *e)
{
    (void)e;
    *(int *)ctx += p->starred;
    return ERR_NONE;
}

static void each_shows_marks(struct store_fixture *f)
{
    struct paper_query q = everything();
    int n = 0;

    some_papers(f, 3);
    star(f, 1);
    OK(f, store_papers_each(f->s, &q, count_starred, &n, &f->err));
    assert_int_equal(n, 1);
    q.starred = MARK_IS_SET;
    OK(f, store_papers_each(f->s, &q, count_starred, &n, &f->err));
    assert_int_equal(n, 2);
    q = everything();
    q.search = SLICE("number");
    OK(f, store_papers_each(f->s, &q, count_starred, &n, &f->err));
    assert_int_equal(n, 3);
}

static const char *marked(struct store_fixture *f, enum mark_filter read,
                          enum mark_filter starred, enum mark_filter noted)
{
    struct paper_query q = everything();

    q.read = read;
    q.starred = starred;
    q.noted = noted;
    return found(f, q);
}

#define SET MARK_IS_SET
#define NOT MARK_IS_NOT_SET
#define ANY MARK_ANY

static void filters(struct store_fixture *f)
{
    struct paper_query q = everything();
    struct marks_change read = {.read = &yes};
    int64_t ids[2];
    bool there[2];

    some_papers(f, 5);
    assert_string_equal("", marked(f, SET, ANY, ANY));
    assert_string_equal("0,1,2,3,4", marked(f, NOT, NOT, NOT));
    ids[0] = id_of(f, 0);
    ids[1] = id_of(f, 2);
    OK(f, store_marks_set(f->s, ids, 2, &read, there, &f->err));
    star(f, 2);
    star(f, 3);
    note(f, 3, "n");
    assert_string_equal("0,2", marked(f, SET, ANY, ANY));
    assert_string_equal("1,3,4", marked(f, NOT, ANY, ANY));
    assert_string_equal("2,3", marked(f, ANY, SET, ANY));
    assert_string_equal("2", marked(f, SET, SET, ANY));
    assert_string_equal("3", marked(f, NOT, SET, SET));
    assert_string_equal("0,1,2,4", marked(f, ANY, ANY, NOT));
    q.starred = MARK_IS_SET;
    q.search = SLICE("\"number 2\"");
    assert_string_equal("2", found(f, q));
    q.starred = MARK_IS_NOT_SET;
    assert_string_equal("", found(f, q));
    q.search = SLICE("-\"number 2\"");
    assert_string_equal("0,1,4", found(f, q));
}

/* Asked for before: what is kept about the list must not outlive the mark. */
static void filters_follow_marks(struct store_fixture *f)
{
    uint64_t before;

    some_papers(f, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal("0,1,2", marked(f, ANY, ANY, ANY));
        before = generation(f);
        star(f, i);
        assert_int_not_equal(before, generation(f));
        before = generation(f);
        star(f, i); /* nothing new */
        assert_int_equal(before, generation(f));
        assert_string_equal(i == 0   ? "0"
                            : i == 1 ? "0,1"
                                     : "0,1,2",
                            marked(f, ANY, SET, ANY));
        assert_string_equal(i == 0   ? "1,2"
                            : i == 1 ? "2"
                                     : "",
                            marked(f, ANY, NOT, ANY));
    }
}

/* Counts of other lists hold: papers and marks move in turns, and no count is
 * taken for that of another moment. */
static void counts_stay_exact(struct store_fixture *f)
{
    for (int i = 0; i < 6; i++) {
        struct paper_query q = everything(), starred = everything();

        receive_one(f, a_paper(f, i));
        starred.starred = MARK_IS_SET;
        assert_int_equal(list(f, &starred).count, i);
        assert_int_equal(list(f, &q).count, i + 1);
        star(f, i);
        assert_int_equal(list(f, &q).count, i + 1);
        assert_int_equal(list(f, &starred).count, i + 1);
        receive_one(f, a_paper(f, 100 + i));
        OK(f, store_paper_delete(f->s, id_of(f, 100 + i), NOW, &f->err));
        assert_int_equal(list(f, &q).count, i + 1);
        assert_int_equal(list(f, &starred).count, i + 1);
    }
}

static void deleted_papers_keep_marks(struct store_fixture *f)
{
    struct marks_change c = {.read = &yes};
    struct paper_marks m;
    int64_t ids[3];
    bool there[3];

    some_papers(f, 2);
    star(f, 0);
    ids[0] = id_of(f, 0);
    ids[1] = 4711;
    ids[2] = id_of(f, 1);
    OK(f, store_paper_delete(f->s, ids[0], NOW, &f->err));
    assert_string_equal("", marked(f, ANY, SET, ANY));
    assert_string_equal("1", marked(f, NOT, NOT, ANY));
    GIVES(f, ERR_NOT_FOUND, store_marks_get(f->s, f->a, ids[0], &m, &f->err));
    GIVES(f, ERR_NOT_FOUND, store_marks_get(f->s, f->a, ids[1], &m, &f->err));
    OK(f, store_marks_set(f->s, ids, 3, &c, there, &f->err));
    assert_true(!there[0] && !there[1] && there[2]);
    OK(f, store_paper_restore(f->s, ids[0], NOW, &f->err));
    m = marks(f, ids[0]);
    assert_true(m.starred && !m.read);
    assert_string_equal("0", marked(f, ANY, SET, ANY));
}

static void webhooks_leave_marks_alone(struct store_fixture *f)
{
    struct paper p = a_paper(f, 0);

    receive_one(f, p);
    star(f, 0);
    note(f, 0, "mine");
    p.version = 2;
    p.title = SLICE("Another title of paper 0");
    receive_one(f, p);
    TEXT("mine", marks(f, id_of(f, 0)).note);
    assert_string_equal("0", marked(f, ANY, SET, SET));
}

static void limits_of_marks(struct store_fixture *f)
{
    struct slice text = {arena_calloc(f->a, NOTE_MAX_CHARS + 1, 1),
                         NOTE_MAX_CHARS + 1};
    struct marks_change c = {.note = &text};
    int64_t ids[MARKS_MAX_PAPERS + 1] = {0};
    bool there[MARKS_MAX_PAPERS + 1];

    some_papers(f, 1);
    ids[0] = ids[1] = id_of(f, 0); /* twice */
    memset((char *)text.p, 'x', text.len);
    GIVES(f, ERR_INVALID, store_marks_set(f->s, ids, 1, &c, there, &f->err));
    text.len--;
    OK(f, store_marks_set(f->s, ids, 2, &c, there, &f->err));
    assert_true(there[0] && there[1]);
    assert_int_equal(marks(f, ids[0]).note.len, NOTE_MAX_CHARS);
    text = SLICE("\xff");
    GIVES(f, ERR_INVALID, store_marks_set(f->s, ids, 1, &c, there, &f->err));
    c.note = NULL;
    OK(f, store_marks_set(f->s, ids, 0, &c, there, &f->err));
    OK(f, store_marks_set(f->s, ids, MARKS_MAX_PAPERS, &c, there, &f->err));
    GIVES(f, ERR_INVALID,
          store_marks_set(f->s, ids, MARKS_MAX_PAPERS + 1, &c, there, &f->err));
}

static void by_numbers(struct store_fixture *f)
{
    struct paper_query q = everything();
    int64_t ids[] = {0, 0, INT64_MAX, -1, 1000000};

    some_papers(f, 4);
    ids[0] = id_of(f, 3);
    ids[1] = id_of(f, 1);
    q.ids = ids;
    q.n_ids = 5;
    assert_string_equal("1,3", found(f, q));
    q.n_ids = 1;
    assert_string_equal("3", found(f, q));
    q.search = SLICE("nowhere");
    assert_string_equal("", found(f, q));
    q.search = SLICE_NONE;
    q.n_ids = 0; /* of none */
    assert_string_equal("", found(f, q));
    OK(f, store_paper_delete(f->s, ids[0], NOW, &f->err));
    q.n_ids = 5;
    assert_string_equal("1", found(f, q));
    q.n_ids = QUERY_MAX_IDS + 1;
    GIVES(f, ERR_INVALID,
          store_papers_list(f->s, f->a, &q, &(struct paper_list){0}, &f->err));
}

static void by_arrival(struct store_fixture *f)
{
    struct paper_query q = everything();

    for (int i = 0; i < 4; i++) {
        struct paper p = a_paper(f, i);
        struct webhook_in in = {.job_id = SLICE("job"),
                                .papers = &p,
                                .n_papers = 1,
                                .now_us = NOW + i * US_PER_S};
        struct webhook_result out;

        OK(f, store_webhook_receive(f->s, &in, &out, &f->err));
    }
    q.created_after = NOW + US_PER_S; /* inclusive */
    assert_string_equal("1,2,3", found(f, q));
    q.created_before = NOW + 2 * US_PER_S;
    assert_string_equal("1,2", found(f, q));
    q.created_after = 0;
    assert_string_equal("0,1,2", found(f, q));
    q.created_before--;
    assert_string_equal("0,1", found(f, q));
    q.published_after = NOW; /* paper 0 */
    assert_string_equal("0", found(f, q));
}

/* Whether few papers are left, that are looked at one by one, or many: the same
 * are found. */
static void a_selection_narrows_every_filter(struct store_fixture *f)
{
    struct paper p[6];
    int64_t ids[6];

    for (int i = 0; i < 6; i++)
        p[i] = a_paper(f, i);
    p[0].category = p[1].category = SLICE("cv");
    p[2].source = SLICE("openreview");
    p[3].relevance_score = 0.9;
    p[4].tags = SLICE("[\"rare\"]");
    p[5].title = SLICE("量子 about zebras");
    p[5].authors = SLICE("王伟, Ann Other");
    receive(f, p, 6);
    star(f, 0);
    note(f, 3, "n");
    for (int i = 0; i < 6; i++)
        ids[i] = id_of(f, i);
    for (int selected = 0; selected < 2; selected++) {
        struct paper_query all = everything(), q;

        if (selected) {
            all.ids = ids;
            all.n_ids = 5; /* not number 5 */
        }
        assert_string_equal(selected ? "0,1,2,3,4" : "0,1,2,3,4,5",
                            found(f, all));
        q = all;
        q.category = SLICE("cv");
        assert_string_equal("0,1", found(f, q));
        q.starred = MARK_IS_SET;
        assert_string_equal("0", found(f, q));
        q.starred = MARK_IS_NOT_SET;
        assert_string_equal("1", found(f, q));
        q = all;
        q.source = SLICE("openreview");
        assert_string_equal("2", found(f, q));
        q = all;
        q.min_relevance = 0.8;
        assert_string_equal("3", found(f, q));
        q.noted = MARK_IS_NOT_SET;
        assert_string_equal("", found(f, q));
        q = all;
        q.noted = MARK_IS_SET;
        q.read = MARK_IS_NOT_SET;
        assert_string_equal("3", found(f, q));
        q = all;
        q.tag = SLICE("rare");
        assert_string_equal("4", found(f, q));
        q = all;
        q.search = SLICE("zebras");
        assert_string_equal(selected ? "" : "5", found(f, q));
        q.search = SLICE("量");
        assert_string_equal(selected ? "" : "5", found(f, q));
        q.search = SLICE("-\"number 1\" -量");
        assert_string_equal("0,2,3,4", found(f, q));
        q.search = SLICE_NONE;
        q.author = SLICE("ann");
        assert_string_equal(selected ? "" : "5", found(f, q));
        q.author = SLICE("王伟");
        assert_string_equal(selected ? "" : "5", found(f, q));
        q.author = SLICE("alan turing");
        assert_string_equal("0,1,2,3,4", found(f, q));
        q.published_after = NOW - 3 * US_PER_S;
        q.published_before = NOW - 1 * US_PER_S;
        assert_string_equal("1,2,3", found(f, q));
    }
}

/* ---- saved searches ---- */

static int64_t save(struct store_fixture *f, struct saved_search s)
{
    int64_t id;

    OK(f, store_search_put(f->s, &s, NOW + 5, &id, &f->err));
    return id;
}

static struct saved_search saved(struct store_fixture *f, int64_t id)
{
    struct saved_search s;

    OK(f, store_search_get(f->s, f->a, id, &s, &f->err));
    return s;
}

static size_t how_many(struct store_fixture *f)
{
    struct saved_search *list;
    size_t n;

    OK(f, store_searches_list(f->s, f->a, &list, &n, &f->err));
    for (size_t i = 1; i < n; i++)
        assert_true(list[i - 1].id < list[i].id);
    return n;
}

static void searches(struct store_fixture *f)
{
    struct saved_search s = {.name = SLICE("Retrieval \"quoted\" 検索"),
                             .filters = SLICE("{\"category\":\"rag\"}"),
                             .seen_at = NOW};
    int64_t one = save(f, s), two = save(f, s), id;

    assert_int_not_equal(one, two);
    s = saved(f, one);
    assert_int_equal(s.id, one);
    TEXT("Retrieval \"quoted\" 検索", s.name);
    TEXT("{\"category\":\"rag\"}", s.filters);
    assert_true(s.seen_at == NOW && s.created_at == NOW + 5 &&
                s.updated_at == NOW + 5);
    s.name = SLICE("Other");
    s.seen_at = NOW + 9;
    OK(f, store_search_put(f->s, &s, NOW + 7, &id, &f->err));
    assert_int_equal(id, one);
    s = saved(f, one);
    TEXT("Other", s.name);
    assert_true(s.seen_at == NOW + 9 && s.created_at == NOW + 5 &&
                s.updated_at == NOW + 7);
    TEXT("Retrieval \"quoted\" 検索", saved(f, two).name);
    OK(f, store_search_delete(f->s, one, &f->err));
    assert_int_equal(how_many(f), 1);
    GIVES(f, ERR_NOT_FOUND, store_search_delete(f->s, one, &f->err));
    GIVES(f, ERR_NOT_FOUND, store_search_get(f->s, f->a, one, &s, &f->err));
    s.id = one;
    GIVES(f, ERR_NOT_FOUND, store_search_put(f->s, &s, NOW, &id, &f->err));
    assert_int_not_equal(save(f, (struct saved_search){0}), one);
}

static void searches_move_the_generation(struct store_fixture *f)
{
    struct saved_search s = {.name = SLICE("a"), .filters = SLICE("{}")};
    uint64_t before = generation(f);

    s.id = save(f, s);
    assert_int_not_equal(before, generation(f));
    before = generation(f);
    save(f, s);
    assert_int_not_equal(before, generation(f));
    before = generation(f);
    OK(f, store_search_delete(f->s, s.id, &f->err));
    assert_int_not_equal(before, generation(f));
}

static void limits_of_searches(struct store_fixture *f)
{
    struct saved_search s = {.name = SLICE("a"), .filters = SLICE("{}")};
    int64_t id = 0;

    for (int i = 0; i < SEARCHES_MAX; i++)
        id = save(f, s);
    GIVES(f, ERR_CONFLICT, store_search_put(f->s, &s, NOW, &id, &f->err));
    assert_int_equal(how_many(f), SEARCHES_MAX);
    OK(f, store_search_delete(f->s, id, &f->err));
    save(f, s);
    s.name = SLICE("\xff");
    GIVES(f, ERR_INVALID, store_search_put(f->s, &s, NOW, &id, &f->err));
}

static const struct store_case cases[] = {
    CASE(marks_are_kept),
    CASE(rows_show_marks),
    CASE(each_shows_marks),
    CASE(filters),
    CASE(filters_follow_marks),
    CASE(counts_stay_exact),
    CASE(deleted_papers_keep_marks),
    CASE(webhooks_leave_marks_alone),
    CASE(limits_of_marks),
    CASE(by_numbers),
    CASE(by_arrival),
    CASE(a_selection_narrows_every_filter),
    CASE(searches),
    CASE(searches_move_the_generation),
    CASE(limits_of_searches),
};

int main(void)
{
    return STORE_SUITE("store_desk", cases);
}
