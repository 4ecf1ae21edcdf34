/* chroma_api.c - see chroma_api.h: life, metrics, what is wired. */
#include "chroma/chroma_api.h"

#include <stdlib.h>

#include "base/log.h"
#include "chroma/chroma_impl.h"
#include "net/ops.h"

/* What a process left behind that died while it deleted a collection. */
static void sweep(struct chroma_api *c)
{
    struct err e = {0};
    int64_t n = 0;

    if (store_records_sweep(c->store, &n, &e) != ERR_NONE)
        log_warn("chroma", "left-overs were not removed",
                 LOG_S("error", e.msg));
    else if (n)
        log_info("chroma", "left-overs removed", LOG_I("collections", n));
}

enum err_code chroma_api_new(struct chroma_api **out,
                             const struct chroma_api_options *opt,
                             struct err *e)
{
    const struct indexes_options indexes = {.store = opt->store,
                                            .dir = opt->cache_dir,
                                            .kernel = opt->kernel,
                                            .crew = opt->crew,
                                            .memory = opt->memory};
    struct chroma_api *c = calloc(1, sizeof(*c));
    enum err_code code;

    if (!c)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    *c = (struct chroma_api){
        .store = opt->store, .processor = opt->processor, .reset = opt->reset};
    code = indexes_new(&c->indexes, &indexes, e);
    if (code != ERR_NONE) {
        chroma_api_free(c);
        return code;
    }
    sweep(c);
    *out = c;
    return ERR_NONE;
}

void chroma_api_free(struct chroma_api *c)
{
    if (!c)
        return;
    indexes_free(c->indexes);
    free(c);
}

void chroma_api_add_routes(struct chroma_api *c, struct router *rt)
{
    router_add(rt, chroma_system_routes, c);
    router_add(rt, chroma_database_routes, c);
    router_add(rt, chroma_collection_routes, c);
    router_add(rt, chroma_read_routes, c);
    router_add(rt, chroma_write_routes, c);
}

void chroma_api_metrics(struct buf *out, void *chroma)
{
    struct chroma_api *c = chroma;
    struct indexes_info info;

    indexes_info(c->indexes, &info);
    ops_metric(out, "sheaf_chroma_indexes", "gauge",
               "Collections of Chroma's API that are in memory.");
    ops_sample(out, "sheaf_chroma_indexes", NULL, SLICE_NONE,
               (double)info.collections);
    ops_metric(out, "sheaf_chroma_vectors", "gauge",
               "Vectors of theirs that are searched.");
    ops_sample(out, "sheaf_chroma_vectors", NULL, SLICE_NONE,
               (double)info.vectors);
    ops_metric(out, "sheaf_chroma_bytes", "gauge", "Memory of these.");
    ops_sample(out, "sheaf_chroma_bytes", NULL, SLICE_NONE,
               (double)info.memory_bytes);
}
