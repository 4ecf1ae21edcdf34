/* analytics.h - service 4: page views counted, and told to who looks on.
 *
 * A view is answered when it is on disk; live clients hear of it at the same
 * moment (docs/analytics.md).
 *
 * Threads: made and freed on one thread, before and after the server runs;
 * analytics_stop on the loop.
 */
#ifndef ANALYTICS_ANALYTICS_H
#define ANALYTICS_ANALYTICS_H

#include "base/err.h"
#include "net/router.h"
#include "net/server.h"

struct analytics;
struct redis;
struct sio;
struct store;

struct analytics_options {
    struct store *store; /* borrowed, outlives it; so does sio */
    struct sio *sio;
    struct redis *redis;    /* borrowed, until analytics_free; NULL: alone */
    const char *redis_key;  /* kept by pointer */
    int64_t retention_days; /* older views become daily totals; 0: never */
};

/* ERR_INTERNAL: no thread. */
enum err_code analytics_new(struct analytics **out,
                            const struct analytics_options *opt, struct err *e)
    CHECKED;
/* For router_add, with the analytics as ctx. */
extern const struct route analytics_routes[], analytics_stats_routes[];
/* Before server_run. */
void analytics_start(struct analytics *a, struct server *s);
/* On the loop, when the server begins to stop, before sio_stop and redis_stop:
 * views that wait are written, answered and shared. */
void analytics_stop(struct analytics *a);
/* After server_free.  Takes NULL. */
void analytics_free(struct analytics *a);

#endif
