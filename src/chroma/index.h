/* index.h - collections in memory: vectors that are searched, metadata that
 * filters ask.
 *
 * An index is derived from the store and is brought up to date at each use by
 * the collection's generation, so that several processes on one database see
 * each other's writes at once.  What was not needed yet is not read: vectors
 * come with the first query, metadata with the first filter.
 *
 * All that are in memory together stay within a budget, except those in use;
 * those used longest ago go first, and those not used for an hour go anyway.
 *
 * Threads: any.
 */
#ifndef CHROMA_INDEX_H
#define CHROMA_INDEX_H

#include "processor/where_cache.h"
#include "store/records.h"
#include "vector/index.h"

struct indexes;
struct index; /* of one collection */

struct indexes_options {
    struct store *store;
    const char *dir, *kernel; /* as in vector_options, and the next too */
    struct vector_crew *crew;
    size_t memory; /* bytes */
};

enum err_code indexes_new(struct indexes **out,
                          const struct indexes_options *opt, struct err *e)
    CHECKED;
void indexes_free(struct indexes *all); /* takes NULL */

struct indexes_info {
    size_t collections, vectors, memory_bytes;
};
/* Lets go of what has not been used for long. */
void indexes_info(struct indexes *all, struct indexes_info *out);

/* Of this collection; give it back with index_release.  ERR_UNAVAILABLE: out
 * of memory. */
enum err_code index_get(struct index **out, struct indexes *all,
                        const struct record_collection *c, struct err *e)
    CHECKED;
void index_release(struct indexes *all, struct index *ix); /* takes NULL */

/* The collection is deleted.  (Where another process did it the index goes when
 * it was not used for long.) */
void index_forget(struct indexes *all, int64_t collection);

/* In both: c is the collection as it was just read from the store, and what is
 * found is at least as new.  ERR_NOT_FOUND: it is gone. */

/* n queries, as vector_index_search_many.  Their vectors are as long as the
 * collection's. */
enum err_code index_search(struct index *ix, const struct record_collection *c,
                           const struct vector_query *q, size_t n,
                           struct vector_hit *const *hits, size_t *n_hits,
                           struct err *e) CHECKED;

/* The records that match, by number; give *out back with where_set_release.
 * The filter is of where_compile_records.  ERR_UNPROCESSABLE: it takes too
 * long. */
enum err_code index_filter(struct index *ix, const struct record_collection *c,
                           const struct where *w, struct where_set **out,
                           struct err *e) CHECKED;

#endif
