/* full_store.c - see full_store.h. */
#include "full_store.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "store/desk.h"
#include "store/events.h"
#include "store/records.h"

#define SIZE 40 /* bytes of a chunk */

static const struct model_id model = {{7, 7, 1}};
static const bool yes = true;

/* ---- papers and what is about them ---- */

static void add_papers(struct store_fixture *f)
{
    static float v[FULL_PAPERS][STORE_VECTOR_DIM];
    struct paper p[FULL_PAPERS];
    struct paper_text *t;
    struct paper_vector put[FULL_PAPERS];
    struct webhook_in in = {.webhook_id = SLICE("msg_in"),
                            .body_sha256 = {3},
                            .job_id = SLICE("arxiv-1"),
                            .source = SLICE("arxiv"),
                            .papers = p,
                            .n_papers = FULL_PAPERS,
                            .now_us = NOW};
    struct webhook_result out;
    size_t n;

    for (int i = 0; i < FULL_PAPERS; i++)
        p[i] = a_paper(f, i);
    p[3].title = SLICE("深度学习 in an unspaced script");
    p[4].tags = SLICE("[\"rag\",\"agents \\\"quoted\\\"\"]");
    p[5].abstract = SLICE("");
    p[5].relevance_score = 0.1 + 0.2;
    OK(f, store_webhook_receive(f->s, &in, &out, &f->err));
    /* One waits for its vector. */
    OK(f, store_papers_unembedded(f->s, f->a, &model, FULL_PAPERS, &t, &n,
                                  &f->err));
    assert_int_equal(n, FULL_PAPERS);
    for (size_t i = 0; i < n; i++) {
        v[i][i % STORE_VECTOR_DIM] = 1;
        put[i] = (struct paper_vector){.id = t[i].id, .vector = v[i]};
        memcpy(put[i].sha256, t[i].sha256, sizeof(put[i].sha256));
    }
    OK(f, store_paper_vectors_put(f->s, &model, put, n - 1, &f->err));
    OK(f, store_vectors_model_set(f->s, VECTORS_PAPERS, &model, &f->err));
    OK(f, store_paper_delete(f->s, id_of(f, 7), NOW + 1, &f->err));
}

static void add_desk(struct store_fixture *f)
{
    struct saved_search s = {.name = SLICE("agents"),
                             .filters = SLICE("{\"q\":\"agents\"}"),
                             .seen_at = NOW};
    struct slice note = SLICE("**good**, 看");
    int64_t id = id_of(f, 2);
    bool marked;

    OK(f, store_marks_set(f->s, &id, 1,
                          &(struct marks_change){
                              .starred = &yes, .note = &note, .now_us = NOW},
                          &marked, &f->err));
    id = 0;
    OK(f, store_search_put(f->s, &s, NOW, &id, &f->err));
    /* A number that was given and is not to be given again. */
    s.name = SLICE("gone");
    id = 0;
    OK(f, store_search_put(f->s, &s, NOW, &id, &f->err));
    OK(f, store_search_delete(f->s, id, &f->err));
}

/* ---- jobs and scrapes ---- */

static void add_jobs(struct store_fixture *f)
{
    struct job_new spec = a_job("process", NOW);

    spec.file = SLICE("%PDF-1.4 \x00\xff bytes");
    spec.idem_key = SLICE("k1");
    spec.idem_route = SLICE("/process/file");
    spec.run_at = NOW + US_PER_DAY; /* nobody takes it */
    create(f, &spec);
}

static bool touch_limiter(struct limiter_state *st, void *ctx)
{
    (void)ctx;
    st->next_at = NOW;
    return true;
}

static void add_scrape(struct store_fixture *f)
{
    const struct delivery_new d[] = {{SLICE("msg_1"), SLICE("{\"n\":1}")}};
    struct paper p = a_paper(f, 70);
    struct job_new spec = a_job("scrape", NOW);
    struct delivery_outcome o = {
        .attempt = {.at = NOW, .took_ms = 12, .status = 201},
        .status = DELIVERY_DELIVERED,
        .now_us = NOW};
    struct schedule sch = {.source = SLICE("arxiv"),
                           .category = SLICE("llm"),
                           .query = SLICE("ti:agents"),
                           .arxiv_categories = SLICE("[\"cs.AI\"]"),
                           .at = SLICE("06:00"),
                           .tz = SLICE("Europe/Berlin"),
                           .every_s = 86400,
                           .days = 7,
                           .max_results = 50,
                           .enabled = true,
                           .next_run_at = NOW + 1};
    struct job_lease l;
    struct limiter_state st;
    struct delivery *list;
    int64_t id = 0, count;
    size_t n;

    create(f, &spec);
    claim(f, "scrape", NOW, &l);
    OK(f, store_scrape_page(f->s, &l, &p, 1, 40, SLICE("{}"), SLICE("{}"), NOW,
                            &f->err));
    OK(f, store_scrape_finish(f->s, &l, JOB_COMPLETED, SLICE("{\"found\":1}"),
                              SLICE_NONE, d, 1, NOW, &f->err));
    OK(f, store_deliveries_list(f->s, f->a, -1, SLICE_NONE, 0, 10, &list, &n,
                                &count, &f->err));
    assert_int_equal(n, 1);
    claim(f, "webhook", NOW, &l);
    o.delivery_id = list[0].id;
    OK(f, store_delivery_report(f->s, &l, &o, &f->err));
    OK(f, store_schedule_put(f->s, &sch, NOW, &id, &f->err));
    OK(f, store_coverage_put(f->s, SLICE("cs.AI"), 20416, 5, NOW, &f->err));
    OK(f,
       store_limiter_update(f->s, "arxiv", touch_limiter, NULL, &st, &f->err));
}

/* ---- documents ---- */

static void add_chunks(struct store_fixture *f, const struct job_lease *l,
                       const struct document_new *d, int64_t key, int64_t n)
{
    static float vectors[FULL_CHUNKS][STORE_VECTOR_DIM];
    struct chunk_new chunks[FULL_CHUNKS];
    struct chunk_batch b = {.key = key,
                            .model = model,
                            .chunks = chunks,
                            .n = (size_t)n,
                            .progress = 50,
                            .now_us = NOW};

    for (int64_t i = 0; i < n; i++) {
        int64_t from = i * SIZE, to = from + SIZE;
        struct slice text = slice_sub(d->text, (size_t)from, (size_t)to);

        memset(vectors[i], 0, sizeof(vectors[i]));
        vectors[i][i] = 1;
        chunks[i] = (struct chunk_new){
            i,   from,      to, from, to, i + 1, 9, SLICE("{\"part\":1}"),
            {0}, vectors[i]};
        crypto_sha256(chunks[i].sha256, text);
    }
    OK(f, store_document_chunks_add(f->s, l, &b, &f->err));
}

static void add_document(struct store_fixture *f, const char *id, bool ready)
{
    char *text = arena_alloc(f->a, (size_t)FULL_CHUNKS * SIZE + 1);
    struct job_lease l = running(f, NOW);
    struct document_begun b;
    struct document_new d = {.id = slice_of(id),
                             .title = SLICE("A handbook"),
                             .source = slice_of(id),
                             .metadata = SLICE("{\"lang\":\"en\"}"),
                             .pages = SLICE("[0,20]"),
                             .chars = (int64_t)FULL_CHUNKS * SIZE,
                             .chunk_size = SIZE,
                             .total_chunks = FULL_CHUNKS,
                             .now_us = NOW};

    assert_non_null(text);
    for (size_t i = 0; i < FULL_CHUNKS; i++)
        snprintf(text + i * SIZE, SIZE + 1, "%-*s", SIZE,
                 i % 2 ? "Even numbers are odd" : "Gradients vanish slowly");
    d.text = slice_of(text);
    crypto_sha256(d.sha256, d.text);
    OK(f, store_document_begin(f->s, f->a, &l, &d, &b, &f->err));
    add_chunks(f, &l, &d, b.key, ready ? FULL_CHUNKS : 3);
    if (ready)
        OK(f,
           store_document_finish(f->s, &l, b.key, SLICE("{}"), NOW, &f->err));
}

/* ---- page views ---- */

static void add_views(struct store_fixture *f)
{
    int64_t today = NOW / US_PER_DAY;
    uint8_t salt[VISITOR_SALT];
    struct page_view v[] = {
        {.page = SLICE("/projects"),
         .title = SLICE("Projects"),
         .referrer = SLICE("example.org"),
         .at_us = NOW,
         .has_visitor = true,
         .visitor = {1, 2}},
        {.page = SLICE("/projects"),
         .title = SLICE("Projects"),
         .bot = SLICE("crawler"),
         .at_us = NOW},
    };
    bool is_there;

    for (int day = 0; day < 2; day++) {
        OK(f, store_visitor_salt(f->s, today + day, salt, &is_there, &f->err));
        assert_true(is_there);
        OK(f, store_views_add(f->s, v, 2, &f->err));
        v[0].at_us = v[1].at_us = NOW + US_PER_DAY;
    }
}

/* ---- collections ---- */

static struct record_collection the_collection(struct store_fixture *f)
{
    struct record_collection c;

    OK(f, store_collection_find(f->s, f->a, SLICE("team"), SLICE("lab"),
                                SLICE("notes"), &c, &f->err));
    return c;
}

static void add_records(struct store_fixture *f)
{
    static const float v[2][3] = {{1, 2, 3}, {-0.5f, 0, 1e-30f}};
    const struct record_new r[] = {
        {.id = SLICE("a"),
         .vector = v[0],
         .document = SLICE("a text"),
         .metadata = SLICE("{\"n\":1}")},
        {.id = SLICE("b"), .vector = v[1], .uri = SLICE("file:///b")},
    };
    const struct record_batch b = {RECORDS_ADD, 3, r, 2};
    struct record_collection c = {
        .id = SLICE("11111111-1111-4111-8111-111111111111"),
        .name = SLICE("notes"),
        .tenant = SLICE("team"),
        .database = SLICE("lab"),
        .configuration = SLICE("{}"),
        .created_at = NOW};
    struct record_database d = {
        .id = SLICE("22222222-2222-4222-8222-222222222222"),
        .name = SLICE("lab"),
        .tenant = SLICE("team")};
    struct record_collection out;
    struct records_state state;
    bool existing;

    OK(f, store_tenant_create(f->s, SLICE("team"), &f->err));
    OK(f, store_database_create(f->s, &d, &f->err));
    OK(f, store_collection_create(f->s, f->a, &c, &out, &existing, &f->err));
    OK(f, store_records_put(f->s, out.number, &b, &state, &f->err));
}

static void check_records(struct store_fixture *f)
{
    struct record_collection c = the_collection(f);
    const struct slice ids[] = {SLICE("a"), SLICE("b")};
    const float expected[3] = {-0.5f, 0, 1e-30f};
    int64_t numbers[2];
    struct record *r;
    size_t n;

    assert_int_equal(c.state.count, 2);
    assert_int_equal(c.dim, 3);
    OK(f, store_records_find(f->s, c.number, ids, 2, numbers, &f->err));
    OK(f, store_records_get(f->s, f->a, c.number, numbers, 2, ~0u, &r, &n,
                            &f->err));
    assert_int_equal(n, 2);
    TEXT("a text", r[0].document);
    assert_null(r[1].document.p);
    TEXT("file:///b", r[1].uri);
    assert_memory_equal(r[1].vector, expected, sizeof(expected));
}

void full_store_fill(struct store_fixture *f)
{
    add_papers(f);
    add_desk(f);
    add_document(f, "doc-ready", true);
    OK(f, store_vectors_model_set(f->s, VECTORS_CHUNKS, &model, &f->err));
    add_document(f, "doc-begun", false);
    add_scrape(f);
    add_jobs(f);
    add_views(f);
    add_records(f);
}

/* ---- what it answers ---- */

static void check_papers(struct store_fixture *f)
{
    struct paper_query q = everything();
    struct paper p;

    assert_int_equal(list(f, &q).count, FULL_PAPERS - 1);
    assert_string_equal(search(f, "unspaced"), "3");
    assert_string_equal(search(f, "学习"), "3");
    q.tag = SLICE("rag");
    assert_string_equal(found(f, q), "4");
    q = everything();
    q.starred = MARK_IS_SET;
    assert_string_equal(found(f, q), "2");
    OK(f, store_paper_get(f->s, f->a, id_of(f, 5), false, &p, &f->err));
    assert_true(p.relevance_score == 0.1 + 0.2);
    GIVES(f, ERR_NOT_FOUND,
          store_paper_get(f->s, f->a, 8, false, &p, &f->err)); /* number 7 */
    OK(f, store_paper_get(f->s, f->a, 8, true, &p, &f->err));
}

static void check_documents(struct store_fixture *f)
{
    float vector[STORE_VECTOR_DIM];
    struct word_match *m;
    struct slice text;
    struct document d;
    size_t n;

    OK(f, store_document_get(f->s, f->a, SLICE("doc-ready"), &d, &f->err));
    assert_int_equal(d.chunks, FULL_CHUNKS);
    OK(f, store_document_text(f->s, f->a, SLICE("doc-ready"), 0, SIZE, &text,
                              &f->err));
    TEXT("Gradients vanish slowly                 ", text);
    GIVES(f, ERR_NOT_FOUND,
          store_document_get(f->s, f->a, SLICE("doc-begun"), &d, &f->err));
    OK(f, store_chunks_search(f->s, f->a, SLICE("gradient"), 100, NULL, NULL,
                              &m, &n, &f->err));
    assert_int_equal(n, FULL_CHUNKS / 2);
    OK(f, store_vector_get(f->s, VECTORS_CHUNKS, &model, m[0].id, vector,
                           &f->err));
}

static void check_numbers(struct store_fixture *f)
{
    struct saved_search s = {.name = SLICE("new"), .filters = SLICE("{}")};
    struct visitor_count *days;
    struct view_totals t;
    int64_t id = 0, recent;
    size_t n;

    OK(f, store_views_totals(f->s, f->a, 10, &t, &f->err));
    assert_int_equal(t.views, 2);
    assert_int_equal(t.bot_views, 2);
    OK(f, store_visitors(f->s, f->a, 10, 0, &days, &n, &recent, &f->err));
    assert_int_equal(n, 2);
    /* The deleted search's number is not given again. */
    OK(f, store_search_put(f->s, &s, NOW, &id, &f->err));
    assert_int_equal(id, 3);
}

/* New rows do not meet the old ones. */
static void check_going_on(struct store_fixture *f)
{
    struct job_new spec = a_job("process", NOW + US_PER_DAY);
    int64_t max = id_of(f, FULL_PAPERS - 1);

    receive_one(f, a_paper(f, 90));
    assert_true(id_of(f, 90) > max);
    create(f, &spec);
    add_document(f, "doc-new", true);
}

void full_store_check(struct store_fixture *f)
{
    check_papers(f);
    check_documents(f);
    check_numbers(f);
    check_records(f);
    check_going_on(f);
}
