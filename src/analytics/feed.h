/* feed.h - what live clients are told: a snapshot, then counts that move.
 *
 * A page is broadcast at most 20 times a second, with its latest count: what
 * comes in between is told when its turn comes.
 *
 * Threads: feed_new and feed_free on one thread, before and after the server
 * runs; the rest on the loop.
 */
#ifndef ANALYTICS_FEED_H
#define ANALYTICS_FEED_H

#include "base/json.h"
#include "net/server.h"
#include "socketio/socketio.h"
#include "store/events.h"

struct feed;

struct feed_options {
    struct sio *sio;     /* borrowed */
    struct redis *redis; /* borrowed; NULL: this process is the only one */
    const char *key;     /* of the bus, and before our names in Redis */
    /* A client wants a snapshot: feed_snapshot() answers, to all who want one
     * by then. */
    void (*ask)(void *ctx);
    /* With Redis: what was counted since then may not have been told here. Give
     * it to feed_page(). */
    void (*catch_up)(void *ctx, int64_t since_us);
    void *ctx;
};

/* Makes the namespace "/", and has it on the bus. */
struct feed *feed_new(const struct feed_options *opt);
/* Before the server runs. */
void feed_start(struct feed *f, struct server *s);
void feed_stop(struct feed *f); /* when the server begins to stop */
void feed_free(struct feed *f); /* takes NULL */

void feed_page(struct feed *f, struct slice page, int64_t count);
void feed_erased(struct feed *f,
                 struct slice page); /* it counts from 1 again */
void feed_snapshot(struct feed *f, const struct view_totals *t);
/* Clients of other processes; any thread. */
int64_t feed_online_elsewhere(const struct feed *f);
/* {"page","count"} */
void page_count_write(struct buf *out, struct slice page, int64_t count);
/* {"views","pages","bot_views"} */
void totals_write(struct jw *j, const struct view_totals *t);

#endif
