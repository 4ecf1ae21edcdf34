/* where_cache.h - what filters let through, kept until the collection changes.
 *
 * To evaluate a filter is to look at every chunk; most are asked again and
 * again.  So the set that one gave is kept under its text and the version of
 * the collection that it was made from: the sets used last, at most
 * WHERE_CACHE_SETS of them and WHERE_CACHE_BYTES of memory.
 *
 * Ownership: a set lives until the last who got it has given it back.
 * Threads: any.
 */
#ifndef PROCESSOR_WHERE_CACHE_H
#define PROCESSOR_WHERE_CACHE_H

#include "processor/where.h"
#include "vector/index.h"

#define WHERE_CACHE_SETS 64
#define WHERE_CACHE_BYTES ((size_t)8 << 20)

struct where_set; /* of ids */
/* One that is in no cache; it owns the ids.  NULL: out of memory; they are
 * freed. */
struct where_set *where_set_new(struct vector_ids *ids);
const struct vector_ids *where_set_ids(const struct where_set *s);
void where_set_release(struct where_set *s); /* takes NULL */

struct where_cache;
struct where_cache *where_cache_new(void);    /* NULL: out of memory */
void where_cache_free(struct where_cache *c); /* takes NULL */

/* NULL: not there.  Sets of other versions are forgotten. */
struct where_set *where_cache_get(struct where_cache *c, const struct where *w,
                                  uint64_t version);
/* Make a set of the ids, which it owns from now on, and keep it if there is
 * room for it.  NULL: out of memory; the ids are freed. */
struct where_set *where_cache_put(struct where_cache *c, const struct where *w,
                                  uint64_t version, struct vector_ids *ids);

#endif
