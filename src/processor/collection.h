/* collection.h - what can be searched: the chunks of all visible documents, or
 * all papers that have a vector.
 *
 * Vectors are found by an index in memory, or outside (nearest.h: by the store
 * itself, by a Chroma server): then only what filters ask is kept, and only
 * when there was one.
 *
 * What is in memory, vectors and what a filter may ask for, is derived from the
 * store, which a thread follows (warm.h), and the first query after a change if
 * that has not seen it yet; it is never the only copy of anything.
 *
 * Vectors are of one model.  Those of another one in the store are not in the
 * index (`stale` counts them); filters know the chunks and papers all the same.
 *
 * Threads: any.
 */
#ifndef PROCESSOR_COLLECTION_H
#define PROCESSOR_COLLECTION_H

#include "processor/nearest.h"
#include "processor/where_cache.h"
#include "store/documents.h"
#include "vector/index.h"

struct collection;

struct collection_options {
    struct store *store;
    enum vector_set set;
    const char *dir;    /* where the index's files lie; NULL: in memory */
    const char *kernel; /* of the index, and who helps to search it */
    struct vector_crew *crew;
    /* Who finds the vectors; the collection's from now on, also when it cannot
     * be made.  NULL: the store if it does, else an index in memory. */
    struct nearest *outside;
};

enum err_code collection_new(struct collection **out,
                             const struct collection_options *opt,
                             struct err *e) CHECKED;
void collection_free(struct collection *c); /* takes NULL */

/* Bring it up to what the store has now, of this model; NULL: as before. */
enum err_code collection_refresh(struct collection *c, const struct model_id *m,
                                 struct err *e) CHECKED;

/* The chunks or papers whose metadata (passage.h) match, by id; give *out back
 * with where_set_release. */
enum err_code collection_filter(struct collection *c, const struct where *w,
                                struct where_set **out, struct err *e) CHECKED;

/* keep (NULL: all): only these. */
enum err_code collection_search(struct collection *c, const float *vector,
                                const struct vector_ids *keep, size_t k,
                                struct vector_hit *hits, size_t *n,
                                struct err *e) CHECKED;

/* Those nearest to the chunk or paper `id`, itself left out; k < VECTOR_MAX_K.
 * ERR_NOT_FOUND: it has no vector of this model. */
enum err_code collection_similar(struct collection *c, int64_t id, size_t k,
                                 struct vector_hit *hits, size_t *n,
                                 struct err *e) CHECKED;

/* All that are known, ascending, malloc'ed (free()); those of another model
 * too, which have no vector here. */
enum err_code collection_ids(struct collection *c, int64_t **out, size_t *n,
                             struct err *e) CHECKED;
/* How many those are. */
enum err_code collection_count(struct collection *c, int64_t *out,
                               struct err *e) CHECKED;
/* Into out[STORE_VECTOR_DIM].  ERR_NOT_FOUND: it has none of this model. */
enum err_code collection_vector(struct collection *c, int64_t id, float *out,
                                struct err *e) CHECKED;

struct collection_info {
    size_t vectors; /* that are searched */
    size_t stale;   /* chunks or papers whose vector is of another model */
    size_t memory_bytes;
    const char *kernel;
};
void collection_info(struct collection *c, struct collection_info *out);

#endif
