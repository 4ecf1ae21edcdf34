/* metrics.h - what /metrics says of modules that do not know net/.
 *
 * Threads: any request worker.
 */
#ifndef CMD_METRICS_H
#define CMD_METRICS_H

#include "base/buf.h"
#include "store/jobs.h"

/* By enum job_state. */
extern const char *const job_state_words[JOB_N_STATES];

/* Store calls, errors and seconds by operation; jobs by state.  `store` is a
 * struct store.  For struct ops_collector. */
void metrics_store(struct buf *out, void *store);
/* Live clients and messages.  `sio` is a struct sio. */
void metrics_live(struct buf *out, void *sio);
/* Whether Redis is there, and messages.  `redis` is a struct redis. */
void metrics_redis(struct buf *out, void *redis);

#endif
