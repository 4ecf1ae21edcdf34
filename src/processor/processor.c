/* processor.c - see processor.h: the model's life. */
#include "processor/processor.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "embed/embed.h"
#include "net/ops.h"

#define MAX_DIRS 4
/* After a failure: looking for a file costs nothing, but a damaged model is
 * read whole each time. */
#define RETRY_US (2 * US_PER_S)

struct processor {
    char *dirs[MAX_DIRS];
    size_t n_dirs;
    char *cache_dir, *precision, *kernel;
    pthread_t loader;
    bool loader_started;
    pthread_mutex_t lock; /* held while the model is loaded; guards the rest */
    struct embed *embed;  /* NULL: not there */
    struct err problem;   /* why */
    int64_t retry_us;
};

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
    if (!p->embed)
        rc = err_set(e, ERR_UNAVAILABLE, "%s", p->problem.msg);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

static void *load_first(void *arg)
{
    struct embed *m;
    struct err e = {0};

    /* Told to whoever asks; here there is nobody yet. */
    (void)!processor_embed(arg, &m, &e);
    return NULL;
}

enum err_code processor_check(void *processor, struct err *e)
{
    struct embed *m;

    return processor_embed(processor, &m, e);
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
}

/* ---- life ---- */

static char *copy(const char *s)
{
    char *p = s ? strdup(s) : NULL;

    if (s && !p)
        abort();
    return p;
}

struct processor *processor_new(const struct processor_options *opt)
{
    struct processor *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    while (p->n_dirs < MAX_DIRS && opt->model_dirs[p->n_dirs]) {
        p->dirs[p->n_dirs] = copy(opt->model_dirs[p->n_dirs]);
        p->n_dirs++;
    }
    p->cache_dir = copy(opt->cache_dir);
    p->precision = copy(opt->precision);
    p->kernel = copy(opt->kernel);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

enum err_code processor_start(struct processor *p, struct err *e)
{
    sigset_t all, before;

    sigfillset(&all); /* signals are for the loop's thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    p->loader_started = pthread_create(&p->loader, NULL, load_first, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p->loader_started
               ? ERR_NONE
               : err_set(e, ERR_UNAVAILABLE, "cannot start a thread");
}

void processor_free(struct processor *p)
{
    size_t i;

    if (!p)
        return;
    if (p->loader_started)
        pthread_join(p->loader, NULL);
    embed_close(p->embed);
    pthread_mutex_destroy(&p->lock);
    for (i = 0; i < p->n_dirs; i++)
        free(p->dirs[i]);
    free(p->cache_dir);
    free(p->precision);
    free(p->kernel);
    free(p);
}
