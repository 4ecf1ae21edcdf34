/* shared_counts.h - pages' counts that several processes tell, over Redis.
 *
 * Each process tells its own clients at once, and all others through Redis: as
 * the broadcast "new_pageview" on the bus of the Socket.IO server, which
 * official servers pass on to their clients, and which our processes take in
 * here.  Counts come from one database, so the higher one is the newer one, and
 * nobody is told a lower one than before.  What goes through Redis is at most
 * one message every SHARED_PAUSE_MS for a page, whoever sends it.
 *
 * While Redis is away there is nothing to share; whoever notices that it is
 * back reads what has changed from the database and gives it to
 * shared_counts_own().
 *
 * Threads: shared_counts_new and shared_counts_free on one thread, before and
 * after the server runs; the rest on the loop.
 */
#ifndef ANALYTICS_SHARED_COUNTS_H
#define ANALYTICS_SHARED_COUNTS_H

#include "net/redis.h"
#include "net/server.h"
#include "socketio/socketio.h"

#define SHARED_PAUSE_MS 50

struct shared_counts;

struct shared_counts_options {
    struct redis *redis; /* borrowed, as all of this */
    const char *key;     /* before the names of our keys */
    struct sio_namespace *ns;
    const char *event;
    /* Tell the clients of this process. */
    void (*tell)(void *ctx, struct slice page, int64_t count);
    void *ctx;
};

struct shared_counts *
shared_counts_new(const struct shared_counts_options *opt);
/* Before the server runs. */
void shared_counts_start(struct shared_counts *c, struct server *s);
/* Counted here: told here, and shared. */
void shared_counts_own(struct shared_counts *c, struct slice page,
                       int64_t count);
/* What another process shared: told here. */
void shared_counts_other(struct shared_counts *c, struct slice page,
                         int64_t count);
/* Some clients have just been told; others follow with the next news. */
void shared_counts_known(struct shared_counts *c, struct slice page,
                         int64_t count);
/* The page was erased, and is counted from 1 again. */
void shared_counts_forget(struct shared_counts *c, struct slice page);
/* When the server begins to stop, before redis_stop: what was held back is
 * shared. */
void shared_counts_stop(struct shared_counts *c);
void shared_counts_free(struct shared_counts *c); /* takes NULL */

#endif
