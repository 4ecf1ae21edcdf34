/* backend.c - see backend.h; also what the handlers share (handlers.h).
 *
 * The reply cache: a list of papers is asked for far more often than papers
 * arrive, and is the same bytes for everybody.  So a reply is kept under the
 * request as sent, together with the store's generation, which changes with
 * every commit that touches what the reply is made of.  The generation is read
 * before the data: a commit in between makes the reply newer than its label,
 * and it is rendered again at the next request, but never older.
 */
#include "backend/backend.h"

#include <stdlib.h>

#include "backend/handlers.h"
#include "base/json.h"
#include "net/ops.h"

#define CACHE_BYTES (32 * 1024 * 1024)

enum err_code backend_new(struct backend **out,
                          const struct backend_options *opt, struct err *e)
{
    struct webhook_secret secret;
    struct backend *b;
    enum err_code rc;

    rc = webhook_secret_parse(&secret, opt->signing_secret, e);
    if (rc)
        return rc;
    b = calloc(1, sizeof(*b));
    if (!b)
        abort();
    b->store = opt->store;
    b->signing_secret = secret;
    b->papers_stored = opt->papers_stored;
    b->similar = opt->similar;
    b->ctx = opt->ctx;
    b->replies =
        reply_cache_new(opt->cache_bytes ? opt->cache_bytes : CACHE_BYTES);
    *out = b;
    return ERR_NONE;
}

void backend_free(struct backend *b)
{
    if (!b)
        return;
    reply_cache_free(b->replies);
    free(b);
}

void backend_papers_stored(const struct backend *b)
{
    if (b->papers_stored)
        b->papers_stored(b->ctx);
}

/* Everything a reply depends on besides the data. */
static struct slice cache_key(struct request *r)
{
    char *key = arena_printf(r->arena, "%.*s%.*s?%.*s", SLICE_ARG(r->base_url),
                             SLICE_ARG(r->raw_path), SLICE_ARG(r->query));

    return slice_of(key);
}

static struct shared_body *rendered(struct request *r, const char *content_type,
                                    render_fn *render, struct err *e)
{
    struct shared_body *body = NULL;
    struct buf out;

    buf_init(&out, REPLY_MAX_BYTES);
    if (render(r, &out, e) == ERR_NONE) {
        body = shared_body_new(&out, content_type);
        if (!body)
            err_set(e, ERR_TOO_LARGE, "the reply is too large");
    }
    buf_release(&out);
    return body;
}

enum err_code reply_cached(struct request *r, const char *content_type,
                           render_fn *render, struct err *e)
{
    struct backend *b = r->ctx;
    struct slice key = cache_key(r);
    struct shared_body *body;
    uint64_t generation;
    enum err_code rc;

    if (!key.p)
        return err_set(e, ERR_TOO_LARGE, "the request is too large");
    rc = store_papers_generation(b->store, &generation, e);
    if (rc)
        return rc;
    body = reply_cache_get(b->replies, key, generation);
    if (!body) {
        body = rendered(r, content_type, render, e);
        if (!body)
            return e->code;
        reply_cache_put(b->replies, key, generation, body);
    }
    reply_shared(r, 200, body);
    shared_body_unref(body);
    return ERR_NONE;
}

void short_list_open(struct jw *j, size_t n)
{
    jw_obj(j);
    jw_kint(j, "count", (int64_t)n);
    jw_knull(j, "next");
    jw_knull(j, "previous");
    jw_key(j, "results");
}

void backend_metrics(struct buf *out, void *backend)
{
    struct backend *b = backend;
    struct arena *a = arena_new(1024 * 1024);
    struct paper_stats stats;
    size_t i;

    /* A store that does not answer shows in its own lines and in /readyz. */
    if (a && store_papers_stats(b->store, a, 0, &stats, NULL) == ERR_NONE) {
        ops_metric(out, "sheaf_papers", "gauge", "Papers kept, by source.");
        for (i = 0; i < stats.n_sources; i++)
            ops_sample(out, "sheaf_papers", "source", stats.sources[i].name,
                       (double)stats.sources[i].n);
    }
    arena_free(a);
}
