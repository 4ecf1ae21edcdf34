/* embedding.c - see embedding.h. */
#include "processor/embedding.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "processor/chunk_vectors.h"
#include "processor/processor_impl.h"
#include "processor/warm.h"

/* Texts in a commit: about half a second of embedding on two cores, so that
 * progress is seen and a cancel is soon heeded. */
#define BATCH 64

struct embedding {
    struct job_run *run;
    struct processor *p;
    struct embed *embed;
    struct model_id model;
    bool later;          /* it is not for this process now */
    int64_t done, total; /* committed by this job; and what there is to do */
    float (*vectors)[EMBED_DIM];
};

/* ---- progress ---- */

static struct slice result_of(const struct embedding *m, struct arena *a)
{
    char *text = arena_printf(a, "{\"embedded\":%lld,\"total\":%lld}",
                              (long long)m->done, (long long)m->total);

    return text ? slice_of(text) : SLICE_NONE;
}

static void read_result(struct embedding *m)
{
    json_t *result = NULL;

    if (m->run->job->result.len)
        (void)!json_parse(&result, m->run->job->result, NULL);
    m->done = json_get_int(result, "embedded", 0);
    json_decref(result);
}

/* After a batch was committed. */
static enum err_code note_progress(struct embedding *m, struct arena *a,
                                   size_t n, struct err *e)
{
    m->done += (int64_t)n;
    if (m->total < m->done) /* papers arrived meanwhile */
        m->total = m->done;
    return store_job_progress(m->run->store, m->run->lease,
                              100.0 * (double)m->done / (double)m->total,
                              SLICE_NONE, result_of(m, a), clock_now_us(), e);
}

/* ---- batches ---- */

/* Go on?  Not if a person does not want it, or another model is wanted. */
static enum err_code may_go_on(struct embedding *m, struct err *e)
{
    struct model_id wanted;
    bool known = false;
    enum err_code code;

    if (job_run_cancelled(m->run))
        return err_set(e, ERR_CANCELLED, "cancelled");
    code =
        store_vectors_model(m->run->store, VECTORS_PAPERS, &wanted, &known, e);
    if (code == ERR_NONE && known &&
        memcmp(&wanted, &m->model, sizeof(wanted)) != 0) {
        m->later = true;
        return err_set(e, ERR_UNAVAILABLE,
                       "the model of this process is not the one that the "
                       "store's vectors should be of");
    }
    return code;
}

static enum err_code embed(struct embedding *m, const struct slice *texts,
                           size_t n, struct err *e)
{
    const struct embed_how how = {.priority = EMBED_INGEST,
                                  .cancelled = job_run_cancelled,
                                  .ctx = m->run};
    int64_t tokens[BATCH];

    return chunk_vectors(m->embed, &how, texts, n, m->vectors[0], tokens, e);
}

static enum err_code embed_papers(struct embedding *m, struct arena *a,
                                  size_t *n, struct err *e)
{
    struct paper_vector put[BATCH];
    struct slice texts[BATCH];
    struct paper_text *t;
    enum err_code code =
        store_papers_unembedded(m->run->store, a, &m->model, BATCH, &t, n, e);

    if (code != ERR_NONE || *n == 0)
        return code;
    for (size_t i = 0; i < *n; i++) {
        texts[i] = t[i].text;
        put[i] = (struct paper_vector){.id = t[i].id, .vector = m->vectors[i]};
        memcpy(put[i].sha256, t[i].sha256, sizeof(put[i].sha256));
    }
    code = embed(m, texts, *n, e);
    return code == ERR_NONE
               ? store_paper_vectors_put(m->run->store, &m->model, put, *n, e)
               : code;
}

static enum err_code embed_chunks(struct embedding *m, struct arena *a,
                                  size_t *n, struct err *e)
{
    struct slice texts[BATCH];
    struct chunk_text *t;
    int64_t ids[BATCH];
    enum err_code code = store_chunks_unembedded(m->run->store, a, &m->model, 0,
                                                 BATCH, &t, n, e);

    if (code != ERR_NONE || *n == 0)
        return code;
    for (size_t i = 0; i < *n; i++) {
        texts[i] = t[i].text;
        ids[i] = t[i].id;
    }
    code = embed(m, texts, *n, e);
    return code == ERR_NONE ? store_chunk_vectors_put(m->run->store, &m->model,
                                                      ids, m->vectors[0], *n, e)
                            : code;
}

typedef enum err_code batch_fn(struct embedding *m, struct arena *a, size_t *n,
                               struct err *e);

static enum err_code embed_all(struct embedding *m, batch_fn *batch,
                               struct err *e)
{
    struct arena *a = arena_new((size_t)64 << 20);
    size_t n = 1;
    enum err_code code =
        a ? ERR_NONE : err_set(e, ERR_UNAVAILABLE, "out of memory");

    while (code == ERR_NONE && n) {
        arena_reset(a);
        code = may_go_on(m, e);
        if (code == ERR_NONE)
            code = batch(m, a, &n, e);
        if (code == ERR_NONE && n)
            code = note_progress(m, a, n, e);
    }
    arena_free(a);
    return code;
}

/* ---- the job ---- */

static enum err_code begin(struct embedding *m, struct err *e)
{
    enum err_code code = processor_embed(m->p, &m->embed, e);

    if (code != ERR_NONE) {
        m->later = code == ERR_UNAVAILABLE;
        return code;
    }
    m->model = processor_model(m->embed);
    m->vectors = calloc(BATCH, sizeof(*m->vectors));
    read_result(m);
    return m->vectors ? ERR_NONE : err_set(e, ERR_UNAVAILABLE, "out of memory");
}

/* ERR_NONE: the end is written. */
static enum err_code embed_everything(struct embedding *m, struct err *e)
{
    struct job_run *r = m->run;
    struct unembedded left;
    enum err_code code = store_unembedded(r->store, &m->model, &left, e);

    while (code == ERR_NONE) {
        m->total = m->done + left.chunks + left.papers;
        code = embed_all(m, embed_papers, e);
        if (code == ERR_NONE)
            code = embed_all(m, embed_chunks, e);
        if (code == ERR_NONE)
            code = may_go_on(m, e);
        if (code == ERR_NONE)
            code = store_embed_finish(r->store, r->lease, &m->model,
                                      result_of(m, r->arena), clock_now_us(),
                                      &left, e);
        if (code == ERR_NONE && left.chunks == 0 && left.papers == 0)
            break;
    }
    return code;
}

struct job_end embedding_run(struct job_run *r, struct err *e)
{
    struct embedding m = {.run = r, .p = r->ctx};
    enum err_code code = begin(&m, e);

    if (code == ERR_NONE)
        code = embed_everything(&m, e);
    free(m.vectors);
    if (code == ERR_NONE) {
        log_info("processor", "all is embedded", LOG_SL("job", r->job->id),
                 LOG_I("texts", m.done));
        return (struct job_end){.outcome = JOB_RUN_WRITTEN};
    }
    return m.later ? processor_wait_for_model(r)
                   : (struct job_end){.outcome = JOB_RUN_RETRY};
}

enum err_code embedding_view(struct store *s, struct arena *a,
                             const struct job *job, struct jw *j, struct err *e)
{
    json_t *result = NULL;

    (void)s;
    (void)a;
    if (job->result.len && json_parse(&result, job->result, e) != ERR_NONE)
        return ERR_INTERNAL;
    jw_kint(j, "embedded", json_get_int(result, "embedded", 0));
    jw_kint(j, "total", json_get_int(result, "total", 0));
    json_decref(result);
    return ERR_NONE;
}

/* ---- who wants it ---- */

static enum err_code want(struct processor *p, const struct model_id *m,
                          struct err *e)
{
    struct unembedded left;
    enum err_code code = store_unembedded(p->store, m, &left, e);

    if (code != ERR_NONE || (left.chunks == 0 && left.papers == 0))
        return code;
    log_info("processor", "texts wait for their vectors",
             LOG_I("chunks", left.chunks), LOG_I("papers", left.papers));
    code = store_embed_job(p->store, clock_now_us(), e);
    if (code == ERR_NONE && p->jobs)
        jobs_wake(p->jobs);
    return code;
}

static bool is_good(enum err_code code, const struct err *e)
{
    if (code != ERR_NONE)
        log_warn("processor", "cannot see what waits for its vectors",
                 LOG_S("error", e->msg));
    return code == ERR_NONE;
}

bool embedding_want(struct processor *p, const struct model_id *m)
{
    struct err e = {0};

    return is_good(want(p, m, &e), &e);
}

static enum err_code adopt(struct processor *p, const struct model_id *m,
                           struct err *e)
{
    enum err_code code = ERR_NONE;

    for (int i = 0; i < N_SETS && code == ERR_NONE; i++) {
        struct model_id before;
        bool known = false, other;

        code = store_vectors_model(p->store, (enum vector_set)i, &before,
                                   &known, e);
        other = !known || memcmp(&before, m, sizeof(before)) != 0;
        if (code == ERR_NONE && known && other)
            log_info("processor", "the model has changed: all is embedded "
                                  "again");
        if (code == ERR_NONE && other)
            code = store_vectors_model_set(p->store, (enum vector_set)i, m, e);
    }
    return code == ERR_NONE ? want(p, m, e) : code;
}

bool embedding_adopt(struct processor *p, const struct model_id *m)
{
    struct err e = {0};

    return is_good(adopt(p, m, &e), &e);
}

enum err_code processor_check_vectors(void *processor, struct err *e)
{
    struct processor *p = processor;
    struct unembedded left;
    struct embed *m;
    struct model_id id;
    struct err ignored = {0};

    if (processor_embed(p, &m, &ignored) != ERR_NONE)
        return ERR_NONE; /* there is a probe for that */
    id = processor_model(m);
    if (!warmer_is_done(p->warmer))
        err_set(e, ERR_NONE, "being read into memory; queries wait for it");
    else if (store_unembedded(p->store, &id, &left, &ignored) == ERR_NONE &&
             (left.chunks || left.papers))
        err_set(e, ERR_NONE, "%lld chunks and %lld papers wait for vectors",
                (long long)left.chunks, (long long)left.papers);
    else if (p->copy)
        vector_copy_remark(p->copy, e);
    return ERR_NONE;
}
