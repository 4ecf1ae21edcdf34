/* chroma_impl.h - what the parts of Chroma's API share.
 *
 *   chroma_api.c     life, metrics, the tables of routes
 *   system.c         heartbeat, version, what the server can, reset
 *   databases.c      tenants and databases
 *   collections.c    collections
 *   writes.c         add, upsert, update, delete;  batch.c: their bodies
 *   reads.c          get, query, count;  columns.c: their replies
 *   source.h         where records come from;  index.h: what is in memory
 */
#ifndef CHROMA_CHROMA_IMPL_H
#define CHROMA_CHROMA_IMPL_H

#include "base/json.h"
#include "chroma/chroma_api.h"
#include "chroma/index.h"
#include "chroma/source.h"
#include "net/request.h"

struct chroma_api {
    struct store *store;
    struct processor *processor;
    struct indexes *indexes;
    bool reset;
};

/* Calls a minute of one address that may not write. */
#define READS_A_MINUTE 1200

/* `limit` and `offset` of a list, which is read page by page. */
#define LIST_PAGE 1000
struct list_range {
    int64_t offset, left;
};
struct list_range list_range(const struct request *r);
int list_page(const struct list_range *range); /* 0: it is read */
void list_took(struct list_range *range, size_t n, int page);

/* The reply of most calls that change something. */
void reply_done(struct request *r, int status);

/* `where`, `where_document` and `ids` of a body: the records that are meant.
 * ERR_INVALID: a filter is malformed. */
struct selection {
    bool all;               /* no filter, no ids */
    struct where_set *set;  /* give back with selection_release */
    struct vector_ids *ids; /* of ids, those in the set too; NULL: set alone */
};
enum err_code selection_read(struct selection *out, struct request *r,
                             struct source *s, struct err *e) CHECKED;
void selection_release(struct selection *s);
/* NULL: all. */
const struct vector_ids *selection_ids(const struct selection *s);
/* Ascending, `offset` left out, at most `limit` (-1: no limit); malloc'ed. */
enum err_code selection_list(const struct selection *sel, struct source *s,
                             int64_t offset, int64_t limit, int64_t **out,
                             size_t *n, struct err *e) CHECKED;

extern const struct route chroma_system_routes[], chroma_database_routes[],
    chroma_collection_routes[], chroma_read_routes[], chroma_write_routes[];

/* Parameters in the path, for their tables. */
#define TENANT_PARAM                                                           \
    {                                                                          \
        .name = "tenant", .in = IN_PATH, .type = PARAM_STR, .min = 1,          \
        .max = 1024, .example = "default_tenant"                               \
    }
#define DATABASE_PARAM                                                         \
    {                                                                          \
        .name = "database", .in = IN_PATH, .type = PARAM_STR, .min = 1,        \
        .max = 1024, .example = "default_database"                             \
    }
#define COLLECTION_PARAM(doc_)                                                 \
    {                                                                          \
        .name = "collection", .in = IN_PATH, .type = PARAM_STR, .min = 1,      \
        .max = 1024, .doc = (doc_),                                            \
        .example = "ff919b19-92ca-4f15-bf75-e0a8dc48ff0e"                      \
    }
#define LIMIT_PARAMS(in_)                                                      \
    {.name = "limit",                                                          \
     .in = (in_),                                                              \
     .type = PARAM_INT,                                                        \
     .min = 0,                                                                 \
     .max = 4294967295.0,                                                      \
     .doc = "At most so many."},                                               \
    {                                                                          \
        .name = "offset", .in = (in_), .type = PARAM_INT, .min = 0,            \
        .max = 4294967295.0, .doc = "So many are left out first."              \
    }

#define DATABASES "/api/v2/tenants/{tenant}/databases"
#define COLLECTIONS DATABASES "/{database}/collections"

#endif
