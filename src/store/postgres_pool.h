/* postgres_pool.h - connections to PostgreSQL, shared by all threads.
 *
 * At most as many as asked for, opened when first needed.  Who comes first is
 * served first.  Where the server lets us have fewer than asked for, those that
 * there are go round.
 *
 * Threads: any; pg_pool_free when nobody has a connection any more.
 */
#ifndef STORE_POSTGRES_POOL_H
#define STORE_POSTGRES_POOL_H

#include "store/postgres_conn.h"

struct pg_pool;

/* ERR_INVALID: the URL.  Connects to nobody yet. */
enum err_code pg_pool_new(struct pg_pool **out, const char *url, int max_open,
                          int timeout_ms, struct err *e) CHECKED;
void pg_pool_free(struct pg_pool *p); /* takes NULL */
/* Where its connections lead, for one of one's own.  Lives as long as the pool.
 */
const struct pg_target *pg_pool_target(const struct pg_pool *p);

/* One that is alive and idle.  ERR_UNAVAILABLE with the reason: at once while
 * the server is known to be away, after 10 s if all are busy. */
enum err_code pg_pool_take(struct pg_pool *p, struct pg_conn **out,
                           struct err *e) CHECKED;
void pg_pool_give(struct pg_pool *p, struct pg_conn *c);
/* Wait until the server takes connections (pg_answers), at most so long; the
 * next pg_pool_take tries it at once. */
void pg_pool_await(struct pg_pool *p, int64_t us);

/* Attempts that fail, further and further apart (50 ms, doubling), with jitter,
 * so that not all processes come back at the same moment. */
struct backoff {
    int64_t us; /* 0: the last attempt succeeded */
};
/* The pause before the next attempt; us, at most max_us. */
int64_t backoff_next(struct backoff *b, int64_t max_us);

#endif
