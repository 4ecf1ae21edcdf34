/* test_store_news.c - conformance: who watches the store hears of each commit
 * that changes a job, a document or the papers, and of nothing else. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "store/documents.h"
#include "store_fixture.h"

static struct buf heard; /* a line for each call of the watch */

static const char *const words[] = {"queued", "running", "completed", "failed",
                                    "cancelled"};

/* A job as it is when the watch is called: the kind, state and progress. */
static void note_job(struct store_fixture *f, struct slice id)
{
    struct job j;

    OK(f, store_job_get(f->s, f->a, id, &j, &f->err));
    buf_printf(&heard, "%.*s %s %g\n", SLICE_ARG(j.kind), words[j.state],
               j.progress);
}

static void note(void *ctx, const struct store_news *n)
{
    for (size_t i = 0; i < 2; i++)
        if (n->jobs[i].len)
            note_job(ctx, n->jobs[i]);
    if (n->document_ready)
        buf_add_str(&heard, "document ready\n");
    if (n->document_gone.len)
        buf_printf(&heard, "document gone: %.*s\n",
                   SLICE_ARG(n->document_gone));
    if (n->papers_added)
        buf_printf(&heard, "papers: %lld at %lld\n", (long long)n->papers_added,
                   (long long)(n->papers_at - NOW));
}

static void watch(struct store_fixture *f)
{
    buf_release(&heard);
    buf_init(&heard, 10000);
    store_watch(f->s, note, f);
}

/* What was heard since the last look. */
static void hears(const char *expected)
{
    assert_true(buf_ok(&heard));
    assert_string_equal(heard.len ? heard.p : "", expected);
    buf_clear(&heard);
}

static void a_job_that_gets_on(struct store_fixture *f)
{
    struct job_lease l, lost;

    watch(f);
    l = running(f, NOW);
    hears("process queued 0\nprocess running 0\n");
    OK(f, store_job_progress(f->s, &l, 12.5, SLICE_NONE, SLICE_NONE, NOW,
                             &f->err));
    hears("process running 12.5\n");
    OK(f, store_job_release(f->s, &l, NOW, true, SLICE("later"), NOW, &f->err));
    hears("process queued 12.5\n");
    lost = l;
    claim(f, "process", NOW, &l);
    hears("process running 12.5\n");
    GIVES(f, ERR_CONFLICT,
          store_job_finish(f->s, &lost, JOB_COMPLETED, SLICE_NONE, SLICE_NONE,
                           NOW, &f->err));
    hears("");
    OK(f, store_job_finish(f->s, &l, JOB_COMPLETED, SLICE_NONE, SLICE_NONE, NOW,
                           &f->err));
    hears("process completed 100\n");
}

static void a_job_that_people_move(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job j, again;
    bool existing;

    watch(f);
    spec.idem_key = SLICE("key");
    spec.idem_route = SLICE("/scrape");
    j = create(f, &spec);
    hears("scrape queued 0\n");
    OK(f, store_job_create(f->s, f->a, &spec, &again, &existing, &f->err));
    assert_true(existing);
    hears("");
    OK(f, store_job_cancel(f->s, j.id, NOW, &f->err));
    hears("scrape cancelled 0\n");
    GIVES(f, ERR_CONFLICT, store_job_cancel(f->s, j.id, NOW, &f->err));
    hears("");
    OK(f, store_job_restart(f->s, j.id, NOW, &f->err));
    hears("scrape queued 0\n");
}

static void a_scrape_and_its_delivery(struct store_fixture *f)
{
    const struct delivery_new d = {SLICE("msg_1"), SLICE("{}")};
    struct job_new spec = a_job("scrape", NOW);
    struct job job = create(f, &spec);
    struct paper p = a_paper(f, 1);
    struct delivery_outcome o = {.scrape_id = job.id,
                                 .attempt = {.at = NOW, .status = 201},
                                 .status = DELIVERY_DELIVERED,
                                 .now_us = NOW};
    struct job_lease l;
    struct delivery *out;
    int64_t count;
    size_t n;

    claim(f, "scrape", NOW, &l);
    watch(f);
    OK(f, store_scrape_page(f->s, &l, &p, 1, 50, SLICE("{}"), SLICE("{}"), NOW,
                            &f->err));
    hears("scrape running 50\n");
    OK(f, store_scrape_finish(f->s, &l, JOB_COMPLETED, SLICE("{}"), SLICE_NONE,
                              &d, 1, NOW, &f->err));
    hears("scrape completed 100\n");
    claim(f, "webhook", NOW, &l);
    hears("webhook running 0\n");
    OK(f, store_deliveries_list(f->s, f->a, -1, SLICE_NONE, 0, 1, &out, &n,
                                &count, &f->err));
    o.delivery_id = out[0].id;
    OK(f, store_delivery_report(f->s, &l, &o, &f->err));
    hears("webhook completed 100\nscrape completed 100\n");
}

static void a_schedule_that_fires(struct store_fixture *f)
{
    struct schedule sch = {.source = SLICE("arxiv"),
                           .tz = SLICE("UTC"),
                           .every_s = 3600,
                           .enabled = true,
                           .next_run_at = NOW};
    struct job_new spec = a_job("scrape", NOW);
    struct job job;

    watch(f);
    OK(f, store_schedule_put(f->s, &sch, NOW, &sch.id, &f->err));
    hears("");
    OK(f, store_schedule_fire(f->s, f->a, sch.id, NOW, NOW + 1, &spec, &job,
                              &f->err));
    hears("scrape queued 0\n");
}

static void papers(struct store_fixture *f)
{
    struct paper p[] = {a_paper(f, 1), a_paper(f, 2)};
    struct webhook_in in = {.webhook_id = SLICE("msg_1"),
                            .job_id = SLICE("job"),
                            .source = SLICE("arxiv"),
                            .papers = p,
                            .n_papers = 2,
                            .now_us = NOW + 7};
    struct webhook_result out;

    watch(f);
    OK(f, store_webhook_receive(f->s, &in, &out, &f->err));
    hears("papers: 2 at 7\n");
    OK(f, store_webhook_receive(f->s, &in, &out, &f->err));
    assert_true(out.repeated);
    hears("");
    p[0].title = SLICE("Another title");
    p[0].version = 2;
    receive(f, p, 2);
    hears("");
    list(f, &(struct paper_query){.min_relevance = -1, .limit = 1});
    OK(f, store_paper_delete(f->s, id_of(f, 1), NOW, &f->err));
    hears("");
}

static void a_document(struct store_fixture *f)
{
    const struct model_id model = {{1}};
    float vector[STORE_VECTOR_DIM] = {1};
    struct chunk_new chunk = {.end_char = 4, .end_byte = 4, .vector = vector};
    struct chunk_batch batch = {.model = model,
                                .chunks = &chunk,
                                .n = 1,
                                .progress = 100,
                                .result = SLICE("{}"),
                                .now_us = NOW};
    struct document_new d = {.id = SLICE("doc-1"),
                             .title = SLICE("T"),
                             .metadata = SLICE("{}"),
                             .text = SLICE("text"),
                             .pages = SLICE("[]"),
                             .chars = 4,
                             .chunk_size = 1000,
                             .total_chunks = 1,
                             .now_us = NOW};
    struct document_begun b;
    struct job_lease l = running(f, NOW);

    crypto_sha256(d.sha256, d.text);
    crypto_sha256(chunk.sha256, d.text);
    watch(f);
    OK(f, store_document_begin(f->s, f->a, &l, &d, &b, &f->err));
    hears("");
    batch.key = b.key;
    OK(f, store_document_chunks_add(f->s, &l, &batch, &f->err));
    hears("process running 100\n");
    OK(f, store_document_finish(f->s, &l, b.key, SLICE("{}"), NOW, &f->err));
    hears("process completed 100\ndocument ready\n");
    OK(f, store_document_delete(f->s, SLICE("doc-1"), &f->err));
    hears("document gone: doc-1\n");
    GIVES(f, ERR_NOT_FOUND,
          store_document_delete(f->s, SLICE("doc-1"), &f->err));
    hears("");
}

/* What failed has changed nothing. */
static void faults(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job job;
    bool existing;

    watch(f);
    store_fault_after(f->s, 1, ERR_NO_SPACE);
    GIVES(f, ERR_NO_SPACE,
          store_job_create(f->s, f->a, &spec, &job, &existing, &f->err));
    hears("");
    store_watch(f->s, NULL, NULL);
    create(f, &spec);
    hears("");
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(a_job_that_gets_on),
        CASE(a_job_that_people_move),
        CASE(a_scrape_and_its_delivery),
        CASE(a_schedule_that_fires),
        CASE(papers),
        CASE(a_document),
        CASE(faults),
    };
    int status = STORE_SUITE("store_news", cases);

    buf_release(&heard);
    return status;
}
