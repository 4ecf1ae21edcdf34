/* live_events.h - the desk is told what happens: jobs that get on, papers and
 * documents that arrive.
 *
 * Every commit of this process that is such news (store_watch) is broadcast on
 * the live server's namespace "/", whose route is a READ: who may not read does
 * not get there (docs/socketio.md has the events).  While nobody listens it
 * costs a look at a counter.
 *
 * Threads: live_events_new, _start, _close and _free on one thread, as said at
 * each; live_events_stop on the loop.
 */
#ifndef CMD_LIVE_EVENTS_H
#define CMD_LIVE_EVENTS_H

#include "jobs/routes.h"
#include "net/server.h"
#include "socketio/socketio.h"

struct live_events;

/* Takes the store's watch.  All is borrowed; `sio` has its namespace "/". */
struct live_events *live_events_new(struct store *store,
                                    const struct jobs_api *jobs,
                                    struct sio *sio);
/* Before the server runs. */
void live_events_start(struct live_events *le, struct server *s);
/* When the server begins to stop, before sio_stop: what waits is told. */
void live_events_stop(struct live_events *le);
/* Before server_free; jobs may still run, and are told of no more. */
void live_events_close(struct live_events *le); /* takes NULL */
/* When nobody uses the store any more. */
void live_events_free(struct live_events *le); /* takes NULL */

#endif
