/* configuration.h - how a collection is configured.
 *
 * To us only the space and the embedding function mean something (which a
 * client keeps here for its own use): the index is exact and has nothing to be
 * tuned.  The numbers of Chroma's HNSW index are kept and given back, because
 * clients read and change them.
 *
 * Ownership: texts are borrowed from what they were read from, or in the arena.
 * Threads: pure functions.
 */
#ifndef CHROMA_CONFIGURATION_H
#define CHROMA_CONFIGURATION_H

#include <jansson.h>

#include "base/arena.h"
#include "base/json.h"
#include "vector/index.h"

struct configuration {
    enum vector_metric space;
    int64_t ef_construction, ef_search, max_neighbors, num_threads, batch_size,
        sync_threshold;
    double resize_factor;
    struct slice embedding_function; /* JSON as it came, or none */
};

/* Of a new collection: `configuration` wins, unless it says nothing of the
 * index; then "hnsw:space" and the like in `metadata` count; or it all comes
 * from `schema`.  Each may be NULL.  ERR_INVALID, ERR_UNPROCESSABLE: as Chroma
 * refuses it. */
enum err_code configuration_new(struct configuration *out, struct arena *a,
                                const json_t *configuration,
                                const json_t *metadata, const json_t *schema,
                                struct err *e) CHECKED;
/* Of a collection that is there. */
enum err_code configuration_change(struct configuration *c, struct arena *a,
                                   const json_t *change, struct err *e) CHECKED;

/* As it is kept in the store, and back; what is not there is as by default. */
void configuration_keep(const struct configuration *c, struct buf *out);
enum err_code configuration_read(struct configuration *out, struct arena *a,
                                 struct slice kept, struct err *e) CHECKED;

/* "configuration_json" and "schema", as members of an open object. */
void configuration_write(const struct configuration *c, struct jw *j);

#endif
