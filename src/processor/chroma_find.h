/* chroma_find.h - the nearest vectors, found by a Chroma server.
 *
 * The server has a copy that follows the database (vector_copy.h).  Answers
 * follow the database at once all the same:
 *
 *   - what changed since the copy was brought up to date is compared exactly,
 *     in memory, and counts instead of what the server has of it;
 *   - what the server finds and the database no longer shows is passed over,
 *     and more is asked for.
 *
 * ERR_UNAVAILABLE: the server does not answer (then nobody waits for it for
 * the next two seconds), or more has changed than is kept in memory.
 *
 * Threads: any.
 */
#ifndef PROCESSOR_CHROMA_FIND_H
#define PROCESSOR_CHROMA_FIND_H

#include "processor/chroma_client.h"
#include "processor/nearest.h"

struct chroma_find_options {
    struct store *store;
    enum vector_set set;
    struct chroma *chroma; /* borrowed */
    /* The server no longer has what was filled; the job that fills it anew is
     * queued.  Any thread. */
    void (*lost)(void *ctx);
    void *ctx;
};

/* NULL: out of memory. */
struct nearest *chroma_find_new(const struct chroma_find_options *opt);

#endif
