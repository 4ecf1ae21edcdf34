/* test_store.c - conformance of store/papers.h: webhook, papers, stats.
 *
 * Pages and search are in test_store_list.c, jobs in test_store_jobs.c, the
 * scraper's part in test_store_scrape.c, faults and crashes in
 * test_store_faults.c.
 */
#include "store_fixture.h"

#include <stdlib.h>
#include <string.h>

/* ---- the webhook ---- */

static void created_then_unchanged(struct store_fixture *f)
{
    struct paper p[3];
    struct webhook_result r;

    for (int i = 0; i < 3; i++)
        p[i] = a_paper(f, i);
    r = receive(f, p, 3);
    assert_int_equal(r.created, 3);
    assert_int_equal(r.updated, 0);
    assert_int_equal(r.unchanged, 0);
    assert_false(r.repeated);
    r = receive(f, p, 3);
    assert_int_equal(r.created, 0);
    assert_int_equal(r.updated, 3);
    assert_int_equal(r.unchanged, 3);
}

/* More statements than a connection keeps in mind at once. */
static void thousands_in_a_call(struct store_fixture *f)
{
    enum { MANY = 3000 };
    struct paper *p = calloc(MANY, sizeof(*p));

    assert_non_null(p);
    for (int i = 0; i < MANY; i++)
        p[i] = a_paper(f, i);
    assert_int_equal(receive(f, p, MANY).created, MANY);
    for (int i = 0; i < MANY; i += 2)
        p[i].version = 2;
    assert_int_equal(receive(f, p, MANY).unchanged, MANY / 2);
    free(p);
}

static void same_paper_twice_in_a_call(struct store_fixture *f)
{
    struct paper p[2] = {a_paper(f, 1), a_paper(f, 1)};
    struct webhook_result r = receive(f, p, 2);

    assert_int_equal(r.created, 1);
    assert_int_equal(r.updated, 1);
    assert_int_equal(r.unchanged, 1);
    p[1].title = SLICE("Another title");
    p[1].version = 2;
    r = receive(f, p, 2);
    assert_int_equal(r.updated, 2);
    assert_int_equal(r.unchanged, 1);
}

static void all_fields_come_back(struct store_fixture *f)
{
    struct paper p = a_paper(f, 7), got;
    int64_t id;

    p.title =
        SLICE("Ünïcode 'quotes' \"double\" \\ and $x^2$ \xf0\x9f\xa6\x89");
    p.doi = SLICE("10.1000/182");
    p.journal_ref = SLICE("J. Test 1 (2025)");
    p.comment = SLICE("12 pages");
    p.version = 3;
    p.relevance_score = 0.87;
    p.relevance = SLICE("{\"base\":0.5,\"keywords\":[\"llm\"]}");
    receive_one(f, p);
    id = id_of(f, 7);
    OK(f, store_paper_get(f->s, f->a, id, false, &got, &f->err));
    assert_int_equal(got.id, id);
    assert_true(slice_eq(got.title, p.title));
    assert_true(slice_eq(got.abstract, p.abstract));
    assert_true(slice_eq(got.authors, p.authors));
    TEXT("[\"Ada Lovelace\",\"Alan Turing\"]", got.author_list);
    assert_true(slice_eq(got.url, p.url));
    assert_true(slice_eq(got.pdf_url, p.pdf_url));
    TEXT("arxiv", got.source);
    assert_true(slice_eq(got.source_id, p.source_id));
    assert_int_equal(got.version, 3);
    assert_int_equal(got.published_at, p.published_at);
    assert_int_equal(got.source_updated_at, NOW);
    TEXT("[\"cs.AI\",\"cs.LG\"]", got.arxiv_categories);
    TEXT("cs.AI", got.primary_category);
    TEXT("10.1000/182", got.doi);
    TEXT("J. Test 1 (2025)", got.journal_ref);
    TEXT("12 pages", got.comment);
    TEXT("llm", got.category);
    assert_true(got.relevance_score == 0.87);
    assert_true(slice_eq(got.relevance, p.relevance));
    TEXT("[\"attention\"]", got.tags);
    assert_int_equal(got.created_at, NOW);
    assert_int_equal(got.updated_at, NOW);
    assert_int_equal(got.deleted_at, 0);
}

static struct paper stored(struct store_fixture *f, int n)
{
    struct paper p;

    OK(f, store_paper_get(f->s, f->a, id_of(f, n), false, &p, &f->err));
    return p;
}

static void versions(struct store_fixture *f)
{
    struct paper p = a_paper(f, 1);

    p.version = 2;
    receive_one(f, p);
    p.version = 1; /* older: nothing */
    p.title = SLICE("The old title");
    assert_int_equal(receive(f, &p, 1).unchanged, 1);
    TEXT("Paper number 1", stored(f, 1).title);
    p.version = 2; /* the same, other content */
    p.title = SLICE("A corrected title");
    assert_int_equal(receive(f, &p, 1).unchanged, 0);
    TEXT("A corrected title", stored(f, 1).title);
    p.version = 3; /* newer, nothing else */
    assert_int_equal(receive(f, &p, 1).unchanged, 0);
    assert_int_equal(stored(f, 1).version, 3);
    p.version = 0; /* unknown, same content */
    assert_int_equal(receive(f, &p, 1).unchanged, 1);
    assert_int_equal(stored(f, 1).version, 3);
    p.title = SLICE("From a source without versions");
    assert_int_equal(receive(f, &p, 1).unchanged, 0);
    assert_int_equal(stored(f, 1).version, 3);
}

static void a_score_alone_is_no_change(struct store_fixture *f)
{
    struct paper p = a_paper(f, 1);
    struct webhook_in in = {.job_id = SLICE("j"), .papers = &p, .n_papers = 1};
    struct webhook_result r;

    receive_one(f, p);
    p.relevance_score = 0.9;
    p.relevance = SLICE("{\"other\":1}");
    in.now_us = NOW + US_PER_DAY;
    OK(f, store_webhook_receive(f->s, &in, &r, &f->err));
    assert_int_equal(r.unchanged, 1);
    assert_true(stored(f, 1).relevance_score == 0.5);
    assert_int_equal(stored(f, 1).updated_at, NOW);
    p.tags = SLICE("[\"other\"]"); /* with another change it comes along */
    OK(f, store_webhook_receive(f->s, &in, &r, &f->err));
    assert_int_equal(r.unchanged, 0);
    assert_true(stored(f, 1).relevance_score == 0.9);
    assert_int_equal(stored(f, 1).created_at, NOW);
    assert_int_equal(stored(f, 1).updated_at, NOW + US_PER_DAY);
}

static void repeated_webhook(struct store_fixture *f)
{
    struct paper p[2] = {a_paper(f, 1), a_paper(f, 2)};
    struct webhook_in in = {
        .webhook_id = SLICE("msg_1"),
        .body_sha256 = {1, 2, 3, 0, 255},
        .job_id = SLICE("job-1"),
        .source = SLICE("arxiv"),
        .papers = p,
        .n_papers = 2,
        .now_us = NOW,
    };
    struct webhook_result r;
    struct scraper_job *jobs;
    uint64_t before, after;
    size_t n;
    int64_t count;

    OK(f, store_webhook_receive(f->s, &in, &r, &f->err));
    assert_int_equal(r.created, 2);
    OK(f, store_papers_generation(f->s, &before, &f->err));
    for (int i = 0; i < 2; i++) { /* the numbers of the first time */
        OK(f, store_webhook_receive(f->s, &in, &r, &f->err));
        assert_true(r.repeated);
        assert_int_equal(r.created, 2);
        assert_int_equal(r.updated, 0);
    }
    OK(f, store_papers_generation(f->s, &after, &f->err));
    assert_int_equal(before, after);
    in.body_sha256[4] = 254;
    GIVES(f, ERR_CONFLICT, store_webhook_receive(f->s, &in, &r, &f->err));
    OK(f,
       store_scraper_jobs_list(f->s, f->a, 0, 10, &jobs, &n, &count, &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(jobs[0].papers_found, 2);
}

static void all_or_nothing(struct store_fixture *f)
{
    struct paper p[2] = {a_paper(f, 1), a_paper(f, 2)};
    struct webhook_in in = {
        .job_id = SLICE("j"), .papers = p, .n_papers = 2, .now_us = NOW};
    struct webhook_result r;
    struct paper_query q = everything();

    p[1].title = SLICE("not UTF-8: \xff");
    GIVES(f, ERR_INVALID, store_webhook_receive(f->s, &in, &r, &f->err));
    p[1].title = SLICE("a NUL: \0.");
    GIVES(f, ERR_INVALID, store_webhook_receive(f->s, &in, &r, &f->err));
    p[1] = a_paper(f, 2);
    p[1].url = SLICE_NONE;
    GIVES(f, ERR_INVALID, store_webhook_receive(f->s, &in, &r, &f->err));
    in.job_id = SLICE_NONE;
    in.n_papers = 1;
    GIVES(f, ERR_INVALID, store_webhook_receive(f->s, &in, &r, &f->err));
    assert_int_equal(list(f, &q).count, 0);
}

static void odd_papers_are_stored(struct store_fixture *f)
{
    /* Labels that are no JSON, or no array of strings, are kept as they are and
     * can just not be asked for; the empty paper has nothing but its URL. */
    struct paper p[3] = {a_paper(f, 1), a_paper(f, 2), {0}};

    p[0].tags = SLICE("not json");
    p[1].tags = SLICE("[1,null,{\"a\":[]},\"\",\"x\",\"x\"]");
    p[2].url = SLICE("https://arxiv.org/abs/2511.00003");
    assert_int_equal(receive(f, p, 3).created, 3);
    TEXT("not json", stored(f, 1).tags);
    TEXT("", stored(f, 3).title);
    assert_int_equal(receive(f, p, 3).unchanged, 3);
}

/* ---- scraper jobs ---- */

static struct scraper_job scraper_job(struct store_fixture *f, int64_t *count)
{
    struct scraper_job *jobs;
    size_t n;

    OK(f,
       store_scraper_jobs_list(f->s, f->a, 0, 10, &jobs, &n, count, &f->err));
    assert_true(n >= 1);
    return jobs[0];
}

static void scraper_jobs(struct store_fixture *f)
{
    struct paper p[3] = {a_paper(f, 1), a_paper(f, 2), a_paper(f, 3)};
    struct webhook_in in = {
        .webhook_id = SLICE("msg_a"),
        .job_id = SLICE("arxiv-1"),
        .source = SLICE("arxiv"),
        .started_at = NOW - 10,
        .ended_at = NOW - 5,
        .papers = p,
        .n_papers = 2,
        .now_us = NOW,
    };
    struct webhook_result r;
    struct scraper_job j, got;
    int64_t count;

    OK(f, store_webhook_receive(f->s, &in, &r, &f->err));
    j = scraper_job(f, &count);
    assert_int_equal(count, 1);
    TEXT("arxiv-1", j.job_id);
    TEXT("arxiv", j.source);
    TEXT("completed", j.status);
    TEXT("", j.error);
    assert_int_equal(j.papers_found, 2);
    assert_int_equal(j.papers_created, 2);
    assert_int_equal(j.start_time, NOW - 10);
    assert_int_equal(j.end_time, NOW - 5);
    assert_int_equal(j.created_at, NOW);

    in.webhook_id = SLICE("msg_b"); /* another delivery of the job: added */
    in.papers = p + 1;
    in.now_us = NOW + 1;
    OK(f, store_webhook_receive(f->s, &in, &r, &f->err));
    j = scraper_job(f, &count);
    assert_int_equal(count, 1);
    assert_int_equal(j.papers_found, 4);
    assert_int_equal(j.papers_created, 3);
    assert_int_equal(j.papers_updated, 1);
    assert_int_equal(j.papers_unchanged, 1);
    assert_int_equal(j.created_at, NOW);
    assert_int_equal(j.updated_at, NOW + 1);

    in.webhook_id = SLICE_NONE; /* no id, may be the same again: replaced */
    OK(f, store_webhook_receive(f->s, &in, &r, &f->err));
    j = scraper_job(f, &count);
    assert_int_equal(j.papers_found, 2);
    assert_int_equal(j.papers_created, 0);

    in = (struct webhook_in){.job_id = SLICE("arxiv-2"),
                             .failed = true,
                             .error = SLICE("arXiv is down"),
                             .now_us = NOW};
    OK(f, store_webhook_receive(f->s, &in, &r, &f->err));
    j = scraper_job(f, &count); /* newest first */
    assert_int_equal(count, 2);
    TEXT("failed", j.status);
    TEXT("arXiv is down", j.error);
    OK(f, store_scraper_job_get(f->s, f->a, j.id, &got, &f->err));
    TEXT("arxiv-2", got.job_id);
    GIVES(f, ERR_NOT_FOUND,
          store_scraper_job_get(f->s, f->a, 9999, &got, &f->err));
}

/* ---- tombstones ---- */

static void deleted_stays_deleted(struct store_fixture *f)
{
    struct paper p[2] = {a_paper(f, 1), a_paper(f, 2)}, got;
    struct paper_query q = everything();
    int64_t id;
    struct paper_query tagged = everything();

    p[1].title = SLICE("Unmistakable");
    receive(f, p, 2);
    id = id_of(f, 2);
    OK(f, store_paper_delete(f->s, id, NOW + 5, &f->err));
    OK(f, store_paper_delete(f->s, id, NOW + 6, &f->err)); /* twice is fine */
    assert_int_equal(list(f, &q).count, 1);
    assert_string_equal("", search(f, "unmistakable"));
    tagged.tag = SLICE("attention");
    assert_string_equal("1", found(f, tagged));
    GIVES(f, ERR_NOT_FOUND,
          store_paper_get(f->s, f->a, id, false, &got, &f->err));
    OK(f, store_paper_get(f->s, f->a, id, true, &got, &f->err));
    assert_int_equal(got.deleted_at, NOW + 5);
    p[1].version = 9; /* a new version does not bring it back */
    assert_int_equal(receive(f, p, 2).unchanged, 2);
    assert_int_equal(list(f, &q).count, 1);

    OK(f, store_paper_restore(f->s, id, NOW + 7, &f->err));
    OK(f, store_paper_restore(f->s, id, NOW + 8, &f->err));
    assert_int_equal(list(f, &q).count, 2);
    assert_string_equal("2", search(f, "unmistakable"));
    assert_string_equal("1,2", found(f, tagged));
    OK(f, store_paper_get(f->s, f->a, id, false, &got, &f->err));
    assert_int_equal(got.deleted_at, 0);
    assert_int_equal(got.version, 1);

    GIVES(f, ERR_NOT_FOUND, store_paper_delete(f->s, 9999, NOW, &f->err));
    GIVES(f, ERR_NOT_FOUND, store_paper_restore(f->s, 9999, NOW, &f->err));
}

static void full_text_follows_updates(struct store_fixture *f)
{
    struct paper p = a_paper(f, 1);

    p.title = SLICE("Giraffes and 大規模言語模型");
    receive_one(f, p);
    assert_string_equal("1", search(f, "giraffe"));
    assert_string_equal("1", search(f, "言語模"));
    p.title = SLICE("Elephants");
    p.version = 2;
    receive_one(f, p);
    assert_string_equal("", search(f, "giraffe"));
    assert_string_equal("", search(f, "言語模"));
    assert_string_equal("1", search(f, "elephant"));
}

/* ---- generation, stats, check ---- */

static void generation(struct store_fixture *f)
{
    uint64_t g[5];
    struct job_new spec = a_job("scrape", NOW);

    OK(f, store_papers_generation(f->s, &g[0], &f->err));
    receive_one(f, a_paper(f, 1));
    OK(f, store_papers_generation(f->s, &g[1], &f->err));
    assert_true(g[1] != g[0]);
    OK(f, store_paper_delete(f->s, id_of(f, 1), NOW, &f->err));
    OK(f, store_papers_generation(f->s, &g[2], &f->err));
    assert_true(g[2] != g[1]);
    create(f, &spec); /* no business of papers */
    OK(f, store_papers_generation(f->s, &g[3], &f->err));
    assert_true(g[3] == g[2]);
    receive(f, NULL, 0); /* but a scraper job is */
    OK(f, store_papers_generation(f->s, &g[4], &f->err));
    assert_true(g[4] != g[3]);
}

static void counts_change_with_the_papers(struct store_fixture *f)
{
    struct paper_query q = everything(), by_search = everything();

    by_search.search = SLICE("paper");
    for (int i = 1; i <= 5; i++) {
        receive_one(f, a_paper(f, i));
        assert_int_equal(list(f, &q).count, i);
        assert_int_equal(list(f, &by_search).count, i);
    }
    OK(f, store_paper_delete(f->s, id_of(f, 3), NOW, &f->err));
    assert_int_equal(list(f, &q).count, 4);
    assert_int_equal(list(f, &by_search).count, 4);
    q.want_count = false;
    assert_int_equal(list(f, &q).count, -1);
}

static void stats(struct store_fixture *f)
{
    struct paper p[6];
    struct paper_stats st;

    OK(f, store_papers_stats(f->s, f->a, 10, &st, &f->err));
    assert_int_equal(st.total, 0);
    assert_int_equal(st.n_categories + st.n_sources + st.n_days + st.n_tags, 0);
    for (int i = 0; i < 6; i++) {
        p[i] = a_paper(f, i);
        p[i].published_at = NOW - (i / 2) * US_PER_DAY;
        p[i].category = i < 4 ? SLICE("cv") : SLICE("llm");
    }
    p[5].published_at = 0; /* unknown: of no day */
    p[4].tags = SLICE("[\"a:b\",\"attention\"]");
    p[5].tags = SLICE("[\"a:b\",\"2\"]");
    receive(f, p, 6);
    OK(f, store_paper_delete(f->s, id_of(f, 0), NOW, &f->err));
    OK(f, store_papers_stats(f->s, f->a, 2, &st, &f->err));
    assert_int_equal(st.total, 5);
    assert_int_equal(st.n_categories, 2);
    TEXT("cv", st.categories[0].name);
    assert_int_equal(st.categories[0].n, 3);
    TEXT("llm", st.categories[1].name);
    assert_int_equal(st.categories[1].n, 2);
    assert_int_equal(st.n_sources, 1);
    TEXT("arxiv", st.sources[0].name);
    assert_int_equal(st.sources[0].n, 5);
    assert_int_equal(st.n_tags, 3); /* of equal ones by name */
    TEXT("attention", st.tags[0].name);
    assert_int_equal(st.tags[0].n, 4);
    TEXT("a:b", st.tags[1].name);
    assert_int_equal(st.tags[1].n, 2);
    TEXT("2", st.tags[2].name);
    assert_int_equal(st.n_days, 2);
    TEXT("2025-11-24", st.days[0].name);
    assert_int_equal(st.days[0].n, 1);
    TEXT("2025-11-23", st.days[1].name);
    assert_int_equal(st.days[1].n, 2);
    OK(f, store_papers_stats(f->s, f->a, 10, &st, &f->err));
    assert_int_equal(st.n_days, 3);
}

static void check_and_describe(struct store_fixture *f)
{
    const char *text = NULL;

    OK(f, store_check(f->s, &f->err));
    OK(f, store_describe(f->s, f->a, &text, &f->err));
    assert_non_null(strstr(text, "schema"));
    if (f->server)
        assert_string_equal(store_name(f->s), "postgresql");
    else
        assert_string_equal(store_name(f->s), "sqlite");
}

static void calls_are_counted(struct store_fixture *f)
{
    struct store_op_stat st[STORE_MAX_OPS];
    size_t n;
    bool seen = false;
    struct paper p;

    GIVES(f, ERR_NOT_FOUND, store_paper_get(f->s, f->a, 1, false, &p, &f->err));
    n = store_op_stats(f->s, st);
    for (size_t i = 0; i < n; i++)
        if (strcmp(st[i].name, "paper_get") == 0) {
            seen = true;
            assert_int_equal(st[i].calls, 1);
            assert_int_equal(st[i].errors, 1);
        }
    assert_true(seen);
}

/* ---- similar ---- */

static void similar(struct store_fixture *f)
{
    struct paper p[4];
    struct paper_similar *out;
    size_t n;

    for (int i = 0; i < 4; i++)
        p[i] = a_paper(f, i);
    p[0].abstract = SLICE("Quantization of sparse transformers on microwaves");
    p[1].abstract = SLICE("Quantizing sparse transformers on a microwave");
    p[2].abstract = SLICE("Transformers");
    p[3].title = SLICE("Botany");
    p[3].abstract = SLICE("Ferns");
    receive(f, p, 4);
    OK(f, store_papers_similar(f->s, f->a, id_of(f, 0), 2, &out, &n, &f->err));
    assert_int_equal(n, 2);
    assert_true(slice_eq(out[0].paper.url, p[1].url));
    assert_true(out[0].score > out[1].score);
    assert_true(out[0].score <= 1.0 && out[1].score > 0);
    GIVES(f, ERR_NOT_FOUND,
          store_papers_similar(f->s, f->a, 9999, 2, &out, &n, &f->err));
    OK(f, store_paper_delete(f->s, id_of(f, 1), NOW, &f->err));
    OK(f, store_papers_similar(f->s, f->a, id_of(f, 0), 9, &out, &n, &f->err));
    for (size_t i = 0; i < n; i++)
        assert_false(slice_eq(out[i].paper.url, p[1].url));
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(created_then_unchanged),
        CASE(thousands_in_a_call),
        CASE(same_paper_twice_in_a_call),
        CASE(all_fields_come_back),
        CASE(versions),
        CASE(a_score_alone_is_no_change),
        CASE(repeated_webhook),
        CASE(all_or_nothing),
        CASE(odd_papers_are_stored),
        CASE(scraper_jobs),
        CASE(deleted_stays_deleted),
        CASE(full_text_follows_updates),
        CASE(generation),
        CASE(counts_change_with_the_papers),
        CASE(stats),
        CASE(check_and_describe),
        CASE(calls_are_counted),
        CASE(similar),
    };

    return STORE_SUITE("store", cases);
}
