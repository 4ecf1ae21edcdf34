/* chroma_api.h - Chroma's REST API v2, served by us (docs/chroma.md).
 *
 * Tenants, databases, collections and records lie in our database
 * (store/records.h), vectors that are searched in an index in memory.  Our own
 * collections, `portfolio_documents` and `papers`, are among those of
 * default_tenant/default_database: they can be read, and only the processor
 * writes them.
 *
 * It belongs to the service `processor`.
 */
#ifndef CHROMA_CHROMA_API_H
#define CHROMA_CHROMA_API_H

#include "base/buf.h"
#include "net/router.h"
#include "processor/processor.h"

struct chroma_api;

struct chroma_api_options {
    struct store *store;
    struct processor *processor;
    const char *cache_dir; /* vectors' files; NULL: in memory */
    const char *kernel;    /* as in vector_options, and the next too */
    struct vector_crew *crew;
    size_t memory; /* of all indexes, as far as they are not in use */
    bool reset;    /* POST /api/v2/reset empties everything */
};

/* Borrows what the options point to, except the texts. */
enum err_code chroma_api_new(struct chroma_api **out,
                             const struct chroma_api_options *opt,
                             struct err *e) CHECKED;
void chroma_api_free(struct chroma_api *c); /* takes NULL */

void chroma_api_add_routes(struct chroma_api *c, struct router *rt);
/* Append its lines to /metrics; `chroma` is a struct chroma_api. */
void chroma_api_metrics(struct buf *out, void *chroma);

#endif
