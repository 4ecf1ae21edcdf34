/* processor.c - see processor.h: the model's life, and what is wired to it. */
#include "processor/processor_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/ops.h"
#include "processor/embedding.h"
#include "processor/index_job.h"
#include "processor/ingest.h"
#include "processor/warm.h"
#include "store/copies.h"

/* After a failure: looking for a file costs nothing, but a damaged model is
 * read whole each time. */
#define RETRY_US (2 * US_PER_S)
#define JOB_RETRY_US (10 * US_PER_S)

/* The first folder that has a model; if none has, the last one, so that the
 * message names the place that belongs to the data. */
static const char *find_model(const struct processor *p)
{
    char path[4200];
    size_t i;

    for (i = 0; i + 1 < p->n_dirs; i++) {
        snprintf(path, sizeof(path), "%s/model.safetensors", p->dirs[i]);
        if (access(path, F_OK) == 0)
            break;
    }
    return p->dirs[i];
}

/* Under the lock. */
static void load(struct processor *p)
{
    struct embed_options opt = {.model_dir = find_model(p),
                                .cache_dir = p->cache_dir,
                                .precision = p->precision,
                                .kernel = p->kernel};
    int64_t began = clock_mono_us();
    struct embed_info info;
    struct err e = {0};

    if (embed_open(&p->embed, &opt, &e) != ERR_NONE) {
        if (strcmp(e.msg, p->problem.msg) != 0)
            log_warn("embed", "no model", LOG_S("dir", opt.model_dir),
                     LOG_S("why", e.msg));
        p->problem = e;
        p->retry_us = clock_mono_us() + RETRY_US;
        return;
    }
    embed_info(p->embed, &info);
    log_info("embed", "model ready", LOG_S("dir", opt.model_dir),
             LOG_S("precision", info.precision), LOG_S("kernel", info.kernel),
             LOG_I("workers", info.workers),
             LOG_I("ms", (clock_mono_us() - began) / US_PER_MS));
}

enum err_code processor_embed(struct processor *p, struct embed **out,
                              struct err *e)
{
    enum err_code rc = ERR_NONE;

    pthread_mutex_lock(&p->lock);
    if (!p->embed && clock_mono_us() >= p->retry_us)
        load(p);
    *out = p->embed;
    if (p->embed && !p->adopted && clock_mono_us() >= p->retry_us) {
        struct model_id id = processor_model(p->embed);

        p->adopted = embedding_adopt(p, &id);
        p->retry_us = clock_mono_us() + RETRY_US;
    }
    if (!p->embed)
        rc = err_set(e, ERR_UNAVAILABLE, "%s", p->problem.msg);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

struct model_id processor_model(struct embed *m)
{
    struct embed_info info;
    struct model_id id;

    embed_info(m, &info);
    memcpy(id.fingerprint, info.fingerprint, sizeof(id.fingerprint));
    return id;
}

bool processor_keeps_index(const struct processor *p)
{
    return !p->copy && !store_finds_vectors(p->store);
}

enum err_code processor_collection(struct processor *p, enum vector_set set,
                                   bool needs_model, struct collection **out,
                                   struct err *e)
{
    struct err why = {0};
    struct embed *m = NULL;
    struct model_id id;
    enum err_code code = processor_embed(p, &m, needs_model ? e : &why);

    if (code != ERR_NONE && needs_model)
        return code;
    if (m)
        id = processor_model(m);
    *out = p->collections[set];
    return collection_refresh(*out, m ? &id : NULL, e);
}

/* Progress, even of nothing, begins the attempts anew. */
struct job_end processor_wait_for_model(struct job_run *r)
{
    struct err ignored = {0};

    (void)!store_job_progress(r->store, r->lease, r->job->progress, SLICE_NONE,
                              SLICE_NONE, clock_now_us(), &ignored);
    return (struct job_end){.outcome = JOB_RUN_RETRY,
                            .retry_at = clock_now_us() + JOB_RETRY_US};
}

enum err_code processor_check(void *processor, struct err *e)
{
    struct embed *m;

    return processor_embed(processor, &m, e);
}

static const char *const set_labels[N_SETS] = {"documents", "papers"};

static void index_metrics(struct buf *out, const struct processor *p)
{
    struct collection_info info[N_SETS];

    for (int i = 0; i < N_SETS; i++)
        collection_info(p->collections[i], &info[i]);
    ops_metric(out, "sheaf_index_vectors", "gauge",
               "Vectors that are searched, by collection.");
    for (int i = 0; i < N_SETS; i++)
        ops_sample(out, "sheaf_index_vectors", "collection",
                   slice_of(set_labels[i]), (double)info[i].vectors);
    ops_metric(out, "sheaf_index_stale", "gauge",
               "Those that another model made, which wait to be made again.");
    for (int i = 0; i < N_SETS; i++)
        ops_sample(out, "sheaf_index_stale", "collection",
                   slice_of(set_labels[i]), (double)info[i].stale);
    if (store_finds_vectors(p->store)) {
        uint64_t exact, approximate;

        store_vectors_ways(p->store, &exact, &approximate);
        ops_metric(out, "sheaf_vector_searches_total", "counter",
                   "Searches that the database answered, by way.");
        ops_sample(out, "sheaf_vector_searches_total", "way", SLICE("exact"),
                   (double)exact);
        ops_sample(out, "sheaf_vector_searches_total", "way", SLICE("hnsw"),
                   (double)approximate);
    }
    ops_metric(out, "sheaf_index_bytes", "gauge", "Memory of the index.");
    for (int i = 0; i < N_SETS; i++)
        ops_sample(out, "sheaf_index_bytes", "collection",
                   slice_of(set_labels[i]), (double)info[i].memory_bytes);
}

void processor_metrics(struct buf *out, void *processor)
{
    struct processor *p = processor;
    struct embed_info info = {0};
    bool there;

    if (pthread_mutex_trylock(&p->lock) != 0)
        return; /* being loaded: no numbers yet */
    there = p->embed != NULL;
    if (there)
        embed_info(p->embed, &info);
    pthread_mutex_unlock(&p->lock);
    ops_metric(out, "sheaf_embed_ready", "gauge", "Is the model loaded?");
    ops_sample(out, "sheaf_embed_ready", NULL, SLICE_NONE, there);
    if (!there)
        return;
    ops_metric(out, "sheaf_embed_info", "gauge", "How the model is run.");
    ops_sample(out, "sheaf_embed_info", "kernel", slice_of(info.kernel), 1);
    ops_metric(out, "sheaf_embed_texts_total", "counter", "Texts embedded.");
    ops_sample(out, "sheaf_embed_texts_total", NULL, SLICE_NONE,
               (double)info.texts);
    ops_metric(out, "sheaf_embed_tokens_total", "counter", "Tokens embedded.");
    ops_sample(out, "sheaf_embed_tokens_total", NULL, SLICE_NONE,
               (double)info.tokens);
    ops_metric(out, "sheaf_embed_queue", "gauge", "Texts that wait.");
    ops_sample(out, "sheaf_embed_queue", NULL, SLICE_NONE, (double)info.queued);
    index_metrics(out, p);
}

/* ---- life ---- */

static char *copy(const char *s)
{
    char *p = s ? strdup(s) : NULL;

    if (s && !p)
        abort();
    return p;
}

static void set_up_jobs(struct processor *p)
{
    p->ingest = (struct job_kind){.name = INGEST_KIND,
                                  .run = ingest_run,
                                  .failed = ingest_failed,
                                  .max_running = 2,
                                  .ctx = p};
    p->embedding = (struct job_kind){
        .name = EMBED_JOB, .run = embedding_run, .max_running = 1, .ctx = p};
    p->indexing = (struct job_kind){
        .name = INDEX_JOB, .run = index_job_run, .max_running = 1, .ctx = p};
}

static enum err_code make_collection(struct processor *p, enum vector_set set,
                                     struct err *e)
{
    struct collection_options opt = {.store = p->store,
                                     .set = set,
                                     .dir = p->cache_dir,
                                     .kernel = p->kernel,
                                     .crew = p->crew};

    if (p->copy) {
        opt.outside = vector_copy_finder(p->copy, set);
        if (!opt.outside)
            return err_set(e, ERR_UNAVAILABLE, "out of memory");
    }
    return collection_new(&p->collections[set], &opt, e);
}

enum err_code processor_new(struct processor **out,
                            const struct processor_options *opt, struct err *e)
{
    struct processor *p = calloc(1, sizeof(*p));
    enum err_code code = ERR_NONE;

    if (!p)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    p->store = opt->store;
    while (p->n_dirs < PROCESSOR_MAX_DIRS && opt->model_dirs[p->n_dirs]) {
        p->dirs[p->n_dirs] = copy(opt->model_dirs[p->n_dirs]);
        p->n_dirs++;
    }
    p->cache_dir = copy(opt->cache_dir);
    p->precision = copy(opt->precision);
    p->kernel = copy(opt->kernel);
    p->crew = opt->crew;
    p->llm = (struct llm_options){
        .url = opt->llm_url,
        .model = opt->llm_model,
        .key = opt->llm_key,
        .context = opt->llm_context,
        .max_tokens = opt->llm_max_tokens,
        .timeout_ms = opt->llm_timeout_ms,
    };
    p->ping_ms = opt->ping_ms;
    pthread_mutex_init(&p->lock, NULL);
    set_up_jobs(p);
    if (opt->chroma)
        code = vector_copy_new(&p->copy, p->store, opt->chroma,
                               opt->chroma_token, e);
    for (int i = 0; i < N_SETS && code == ERR_NONE; i++)
        code = make_collection(p, (enum vector_set)i, e);
    if (code != ERR_NONE) {
        processor_free(p);
        return code;
    }
    *out = p;
    return ERR_NONE;
}

void processor_register(struct processor *p, struct jobs *j)
{
    p->jobs = j;
    jobs_register(j, &p->ingest);
    jobs_register(j, &p->embedding);
    if (store_makes_index(p->store))
        jobs_register(j, &p->indexing);
    if (p->copy)
        jobs_register(j, vector_copy_kind(p->copy, j));
}

const struct job_view processor_job_views[] = {
    {.kind = INGEST_KIND, .fields = ingest_view},
    {.kind = EMBED_JOB, .fields = embedding_view},
    {.kind = COPY_JOB, .fields = vector_copy_view},
    {.kind = INDEX_JOB, .fields = index_job_view},
    {.kind = NULL}};

void processor_add_routes(struct processor *p, struct router *rt)
{
    router_add(rt, processor_openai_routes, p);
    router_add(rt, processor_ingest_routes, p);
    router_add(rt, processor_document_routes, p);
    router_add(rt, processor_query_routes, p);
    router_add(rt, processor_ask_routes, p);
    router_add(rt, processor_repair_routes, p);
}

/* Versions whose job ended without them: nobody will go on with them. */
static void sweep(struct processor *p)
{
    struct err e = {0};
    int64_t n = 0;

    if (store_documents_sweep(p->store, &n, &e) != ERR_NONE)
        log_warn("processor", "left-overs were not removed",
                 LOG_S("error", e.msg));
    else if (n)
        log_info("processor", "left-overs removed", LOG_I("documents", n));
}

enum err_code processor_start(struct processor *p, struct err *e)
{
    enum err_code code = vector_copy_start(p->copy, p->store, e);

    if (code != ERR_NONE)
        return code;
    sweep(p);
    return warmer_start(&p->warmer, p, e);
}

void processor_vectors_changed(struct processor *p)
{
    warmer_look(p->warmer);
}

void processor_free(struct processor *p)
{
    size_t i;

    if (!p)
        return;
    warmer_stop(p->warmer);
    for (i = 0; i < N_SETS; i++)
        collection_free(p->collections[i]);
    vector_copy_free(p->copy);
    embed_close(p->embed);
    pthread_mutex_destroy(&p->lock);
    for (i = 0; i < p->n_dirs; i++)
        free(p->dirs[i]);
    free(p->cache_dir);
    free(p->precision);
    free(p->kernel);
    free(p);
}
