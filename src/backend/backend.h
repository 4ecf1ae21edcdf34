/* backend.h - service 2: webhook in, papers, exports, feed, statistics.
 *
 * Everything it knows is in the store; a struct backend holds the store, the
 * webhook's signing secret and a cache of replies that lives as long as the
 * papers do not change (docs/backend.md).
 *
 * Threads: backend_new and backend_free on one thread, before and after the
 * server runs; the rest from any.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/router.h"

struct store;
struct backend;

struct backend_options {
    struct store *store;        /* borrowed, must outlive the backend */
    const char *signing_secret; /* "whsec_..."; NULL or "": calls need not be
                                   signed, and signatures are not looked at */
    size_t cache_bytes;         /* of replies; 0: 32 MiB.  Taken as needed. */
    /* Papers were stored or restored, and with them perhaps a job: called from
     * request workers; NULL: nobody wants to know. */
    void (*papers_stored)(void *ctx);
    /* The papers nearest to paper `id` by meaning, the best first, itself left
     * out: at most k ids and their scores.  An error: it cannot tell, and words
     * decide.  NULL: the vectors are in another process, which has the row of
     * backend_neighbour_routes, too. */
    enum err_code (*similar)(void *ctx, int64_t id, int k, int64_t *ids,
                             double *scores, size_t *n, struct err *e);
    void *ctx;
};

/* ERR_INVALID: the signing secret is malformed. */
enum err_code backend_new(struct backend **out,
                          const struct backend_options *opt, struct err *e)
    CHECKED;
void backend_free(struct backend *b); /* takes NULL */

/* For router_add, with the backend as ctx. */
extern const struct route backend_routes[];
/* What a process with the papers' vectors answers better, with or without the
 * rest of the backend. */
extern const struct route backend_neighbour_routes[];

/* Append the backend's lines to /metrics; `backend` is a struct backend. */
void backend_metrics(struct buf *out, void *backend);

#endif
