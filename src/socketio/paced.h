/* paced.h - an event about things that change often: a page's count, a job's
 * progress.
 *
 * What is said of a thing goes out at once, and then not again for a pause;
 * what comes meanwhile waits, the newest only, and goes out when the pause is
 * over.  So clients hear of a thing at most so often, and always the last word.
 *
 * Threads: paced_new and paced_free on one thread, before and after the server
 * runs; the rest on the loop.
 */
#ifndef SOCKETIO_PACED_H
#define SOCKETIO_PACED_H

#include "net/server.h"
#include "socketio/socketio.h"

struct paced;

/* `event` is kept by pointer.  The server's timers may be late, never early. */
struct paced *paced_new(struct sio_namespace *ns, const char *event,
                        int pause_ms);
/* Only clients of this process are told.  Before the server runs. */
void paced_keep_local(struct paced *p);
/* Before the server runs. */
void paced_start(struct paced *p, struct server *s);
/* Broadcast `args` (JSON) about `key`.  `version` grows as the thing changes:
 * what is older than what is known is left out, as long as that is young. */
void paced_tell(struct paced *p, struct slice key, int64_t version,
                struct slice args);
/* Its versions begin anew; what waits is left out. */
void paced_forget(struct paced *p, struct slice key);
/* When the server begins to stop: what waits goes out; nothing after it. */
void paced_stop(struct paced *p);
void paced_free(struct paced *p); /* takes NULL */

#endif
