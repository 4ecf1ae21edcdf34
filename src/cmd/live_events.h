/* live_events.h - the desk is told what happens: jobs that get on, papers and
 * documents that arrive.
 *
 * Every commit of this process that is such news (store_watch), and of others
 * that share theirs, is broadcast on the live server's namespace "/", whose
 * route is a READ: who may not read does not get there (docs/socketio.md has
 * the events).  While nobody listens it costs a look at a counter.
 *
 * Threads: live_events_new, _start, _close and _free on one thread, as said at
 * each; live_events_stop on the loop.
 */
#ifndef CMD_LIVE_EVENTS_H
#define CMD_LIVE_EVENTS_H

#include "jobs/routes.h"
#include "net/server.h"
#include "socketio/socketio.h"
#include "store/store.h"

struct live_events;

/* Takes the store's watch.  All is borrowed; `sio` has its namespace "/". */
struct live_events *live_events_new(struct store *store,
                                    const struct jobs_api *jobs,
                                    struct sio *sio);
/* Before the server runs. */
void live_events_start(struct live_events *le, struct server *s);
/* What a commit of another process has changed: told as if it were one of ours,
 * by a thread that is there for it.  On one thread; does not wait for the
 * database. */
void live_events_hear(struct live_events *le, const struct store_news *n);
/* When the server begins to stop, before sio_stop: what waits is told. */
void live_events_stop(struct live_events *le);
/* Before server_free; jobs may still run, and are told of no more.  false: the
 * thread that reads for the news of others did not end in time, and still uses
 * the store.  Takes NULL. */
bool live_events_close(struct live_events *le, int64_t timeout_ms);
/* When nobody uses the store any more. */
void live_events_free(struct live_events *le); /* takes NULL */

#endif
