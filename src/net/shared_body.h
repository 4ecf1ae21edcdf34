/* shared_body.h - reply bytes shared by many replies, and a cache of them.
 *
 * A body is immutable: bytes, content type, strong ETag, and a gzip form made
 * at first need.  The cache maps a key to a body, valid for one generation of
 * the data: asked with another generation, the entry is gone.  So a cached
 * reply is never stale, whoever wrote.
 *
 * Threads: everything here may be called from any thread.
 */
#ifndef NET_SHARED_BODY_H
#define NET_SHARED_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct shared_body;

/* Takes the bytes out of `bytes` (left empty).  One reference, the caller's.
 * NULL: out of memory or bytes failed. */
struct shared_body *shared_body_new(struct buf *bytes,
                                    const char *content_type);
struct shared_body *shared_body_ref(struct shared_body *b);
void shared_body_unref(struct shared_body *b); /* takes NULL */
struct slice shared_body_bytes(const struct shared_body *b);
const char *shared_body_etag(const struct shared_body *b); /* quoted */
const char *shared_body_type(const struct shared_body *b);
/* gzip form, or SLICE_NONE when it would not be smaller. */
struct slice shared_body_gzip(struct shared_body *b);

struct reply_cache;

struct reply_cache *reply_cache_new(size_t max_bytes);
void reply_cache_free(struct reply_cache *c);
/* A new reference, or NULL. */
struct shared_body *reply_cache_get(struct reply_cache *c, struct slice key,
                                    uint64_t generation);
/* Put takes its own reference.  Least recently used entries make room. */
void reply_cache_put(struct reply_cache *c, struct slice key,
                     uint64_t generation, struct shared_body *b);

#endif
