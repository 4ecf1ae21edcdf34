/* job_wakes.h - jobs that one process queues are begun by others at once.
 *
 * Idle workers look for the work of other processes every half lease.  With
 * Redis they are told.
 *
 * Threads: job_wakes_new, _start, _close and _free on one thread, as said at
 * each; job_wakes_tell on any.
 */
#ifndef CMD_JOB_WAKES_H
#define CMD_JOB_WAKES_H

#include "jobs/engine.h"
#include "net/redis.h"
#include "net/server.h"

struct job_wakes;

/* Before redis_start.  `jobs`, to be woken, may be NULL; all is borrowed. */
struct job_wakes *job_wakes_new(struct redis *redis, const char *key,
                                struct jobs *jobs);
/* Before the server runs. */
void job_wakes_start(struct job_wakes *w, struct server *s);
/* There is work. */
void job_wakes_tell(struct job_wakes *w); /* takes NULL */
/* Before server_free. */
void job_wakes_close(struct job_wakes *w); /* takes NULL */
void job_wakes_free(struct job_wakes *w);  /* takes NULL */

#endif
