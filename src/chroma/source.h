/* source.h - where the records of a collection come from: the store
 * (source_store.c), or what the processor has (source_builtin.c).
 *
 * Reading is written once, over these.  Records have numbers; those of a
 * collection ascend in the order in which they came.
 *
 * Threads: a source belongs to one request.
 */
#ifndef CHROMA_SOURCE_H
#define CHROMA_SOURCE_H

#include "chroma/configuration.h"
#include "processor/where_cache.h"
#include "store/records.h"

struct chroma_api;
struct request;
struct source;

struct source_ops {
    enum err_code (*count)(struct source *s, int64_t *out, struct err *e);
    /* The numbers of these ids, 0 for one that is not there, into out[n]. */
    enum err_code (*find)(struct source *s, const struct slice *ids, size_t n,
                          int64_t *out, struct err *e);
    /* Numbers, ascending, `offset` of them left out, at most `limit`; malloc'ed
     * for the caller (free()). */
    enum err_code (*list)(struct source *s, int64_t offset, int64_t limit,
                          int64_t **out, size_t *n, struct err *e);
    /* Those that match; give *out back with where_set_release. */
    enum err_code (*filter)(struct source *s, const struct where *w,
                            struct where_set **out, struct err *e);
    /* n queries, as vector_index_search_many. */
    enum err_code (*search)(struct source *s, const struct vector_query *q,
                            size_t n, struct vector_hit *const *hits,
                            size_t *n_hits, struct err *e);
    /* In the order asked for; those that are not there (any more) are left
     * out.  n <= SOURCE_MAX_LOAD. */
    enum err_code (*load)(struct source *s, struct arena *a,
                          const int64_t *numbers, size_t n, unsigned fields,
                          struct record **out, size_t *n_out, struct err *e);
    void (*close)(struct source *s);
};

#define SOURCE_MAX_LOAD 1000

struct source {
    const struct source_ops *ops;
    struct chroma_api *chroma;
    struct record_collection collection; /* dim, name, id, tenant, database */
    struct configuration configuration;
    const char *writer; /* of ours: who writes it; NULL: everybody may */
    void *impl;         /* of the ops, in the request's arena */
};

/* By the id in the path of a request.  Give it back with source_close.
 * ERR_INVALID: no UUID.  ERR_NOT_FOUND. */
enum err_code source_open(struct source *out, struct request *r, struct err *e)
    CHECKED;
/* By name. */
enum err_code source_find(struct source *out, struct request *r,
                          struct slice tenant, struct slice database,
                          struct slice name, struct err *e) CHECKED;
void source_close(struct source *s);
/* ERR_FORBIDDEN: it is one of ours. */
enum err_code source_check_write(const struct source *s, struct err *e) CHECKED;

/* ---- ours (source_builtin.c) ---- */

/* false: none of ours is called so. */
bool builtin_find(struct source *out, struct chroma_api *c, struct slice tenant,
                  struct slice database, struct slice name);
bool builtin_open(struct source *out, struct chroma_api *c, struct slice id);
/* Where ours are. */
bool builtin_is_home(struct slice tenant, struct slice database);
#define N_BUILTIN 2
/* Number i of them. */
void builtin_nth(struct source *out, struct chroma_api *c, size_t i);

/* ---- the store's (source_store.c) ---- */

enum err_code store_source(struct source *out, struct chroma_api *c,
                           struct arena *a,
                           const struct record_collection *collection,
                           struct err *e) CHECKED;

#endif
