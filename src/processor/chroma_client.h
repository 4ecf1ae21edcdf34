/* chroma_client.h - a Chroma server, over its REST API v2.
 *
 * Each call is one exchange with a deadline.  Connections are kept, one for
 * each thread that calls at the same time.  ERR_UNAVAILABLE: the server is not
 * there, does not answer in time, or refuses the token; ERR_NOT_FOUND: the
 * collection is not there any more; ERR_UNPROCESSABLE: it does not take what it
 * is sent; ERR_INTERNAL: it failed by itself.
 *
 * Threads: any.
 */
#ifndef PROCESSOR_CHROMA_CLIENT_H
#define PROCESSOR_CHROMA_CLIENT_H

#include "base/chroma_url.h"
#include "processor/chroma_reply.h"

struct chroma;

/* Copies both; token "": none.  NULL: out of memory. */
struct chroma *chroma_new(const struct chroma_url *url, const char *token);
void chroma_free(struct chroma *c); /* takes NULL */
const char *chroma_server(const struct chroma *c);

/* How long a call may take, and what ends it before with ERR_CANCELLED. */
struct chroma_how {
    int64_t timeout_ms;
    bool (*cancelled)(void *ctx); /* or NULL */
    void *ctx;
};

/* The version that the server says it has, in the arena. */
enum err_code chroma_version(struct chroma *c, const struct chroma_how *how,
                             struct arena *a, const char **out, struct err *e)
    CHECKED;
/* The collection of this name, which is made if need be: by cosine, of vectors
 * of `dim` numbers.  ERR_CONFLICT: it is there and of another kind. */
enum err_code chroma_open(struct chroma *c, const struct chroma_how *how,
                          const char *name, int64_t dim,
                          struct chroma_collection *out, struct err *e) CHECKED;

/* The rest is about a collection. */
/* Leave a text in its metadata, which chroma_open() finds; at most
 * CHROMA_MAX_ID bytes. */
enum err_code chroma_mark(struct chroma *c, const struct chroma_how *how,
                          const char *id, const char *mark, struct err *e)
    CHECKED;
enum err_code chroma_count(struct chroma *c, const struct chroma_how *how,
                           const char *id, int64_t *out, struct err *e) CHECKED;
/* At most n nearest ones by cosine, the best first. */
enum err_code chroma_query(struct chroma *c, const struct chroma_how *how,
                           const char *id, const float *vector, size_t dim,
                           size_t n, struct arena *a, struct chroma_hit **out,
                           size_t *n_out, struct err *e) CHECKED;
/* What is there of these names; release *out. */
enum err_code chroma_get(struct chroma *c, const struct chroma_how *how,
                         const char *id, const struct slice *names, size_t n,
                         struct chroma_records *out, struct err *e) CHECKED;
/* A page of all records, their names only. */
enum err_code chroma_list(struct chroma *c, const struct chroma_how *how,
                          const char *id, int64_t offset, int64_t limit,
                          struct chroma_records *out, struct err *e) CHECKED;
/* body: ids, embeddings, documents, metadatas. */
enum err_code chroma_upsert(struct chroma *c, const struct chroma_how *how,
                            const char *id, struct slice body, struct err *e)
    CHECKED;
/* Those that are not there are passed over. */
enum err_code chroma_delete(struct chroma *c, const struct chroma_how *how,
                            const char *id, const struct slice *names, size_t n,
                            struct err *e) CHECKED;

#endif
