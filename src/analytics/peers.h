/* peers.h - the other processes that count page views, over Redis.
 *
 * Each says how many clients it has, when that changes and every few seconds.
 * One that is not heard of any more has no clients; and as it may have counted
 * what it could not tell any more, whoever uses this is asked to catch up:
 * also when Redis was away itself.
 *
 * Threads: peers_new, peers_start and peers_free on one thread, before and
 * after the server runs; peers_online on any; the rest on the loop.
 */
#ifndef ANALYTICS_PEERS_H
#define ANALYTICS_PEERS_H

#include "net/redis.h"
#include "net/server.h"

struct peers;

struct peers_options {
    struct redis *redis;           /* borrowed */
    const char *key;               /* before the name of the channel */
    int64_t (*clients)(void *ctx); /* how many there are here */
    /* What was counted since then may not have been told here. */
    void (*catch_up)(void *ctx, int64_t since_us);
    /* Another process erased a page. */
    void (*erased)(void *ctx, struct slice page);
    void *ctx;
};

/* Before redis_start. */
struct peers *peers_new(const struct peers_options *opt);
/* Before the server runs. */
void peers_start(struct peers *p, struct server *s);
/* The number of clients here is another one. */
void peers_changed(struct peers *p);
void peers_tell_erased(struct peers *p, struct slice page);
/* Clients of the others. */
int64_t peers_online(const struct peers *p);
/* When the server begins to stop, before redis_stop. */
void peers_stop(struct peers *p);
void peers_free(struct peers *p); /* takes NULL */

#endif
