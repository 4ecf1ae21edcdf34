/* pool.h - a bounded pool of threads that run plain, blocking work.
 *
 * Work waits in a queue with a stated maximum; a full queue refuses at once,
 * so that the caller can say so (503) instead of growing without end.
 *
 * Threads: pool_submit and pool_waiting from any; the others from one.
 */
#ifndef NET_POOL_H
#define NET_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pool;

/* `threads` threads named `name` (at most 15 characters), all started, and a
 * queue of at most max_waiting.  ERR_UNAVAILABLE: the system gave no thread or
 * memory. */
enum err_code pool_new(struct pool **out, const char *name, int threads,
                       size_t max_waiting, struct err *e) CHECKED;
/* Run work(arg) on some thread, first come first served.  false: the queue is
 * full or the pool is stopping; work will not run. */
bool pool_submit(struct pool *p, void (*work)(void *arg), void *arg) CHECKED;
size_t pool_waiting(const struct pool *p);
/* Take no more work, let what is queued finish, and wait at most timeout_ms
 * for it.  true: all is done and the threads have ended. */
bool pool_stop(struct pool *p, int64_t timeout_ms);
/* Takes NULL.  Stops first if need be; waits as long as the work takes. */
void pool_free(struct pool *p);

#endif
