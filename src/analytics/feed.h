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

/* Makes the namespace "/".  When a client wants a snapshot, ask(ctx) is called:
 * feed_snapshot() answers, to all who want one by then. */
struct feed *feed_new(struct sio *sio, void (*ask)(void *ctx), void *ctx);
/* Before the server runs. */
void feed_start(struct feed *f, struct server *s);
void feed_stop(struct feed *f); /* when the server begins to stop */
void feed_free(struct feed *f); /* takes NULL */

void feed_page(struct feed *f, struct slice page, int64_t count);
void feed_snapshot(struct feed *f, const struct view_totals *t);
/* {"views","pages","bot_views"} */
void totals_write(struct jw *j, const struct view_totals *t);

#endif
