/* redis.h - a Redis server, or a Redis Cluster, on the loop.
 *
 * What other processes shall hear is published, and what they publish is heard.
 * Redis may be away at any time: nothing here waits for it, nothing fails, and
 * what is published meanwhile is dropped.  Watchers are told when it has gone
 * and when it is back; whoever needs more than "at most once" catches up then.
 *
 * Two connections, one for commands and one for what is heard, and in a cluster
 * one more to each node that has keys of ours.  Each process publishes a beat
 * that it must hear itself: so a connection that hangs is noticed, too.
 * Attempts to come back are a fraction of a second apart at first, then up to
 * 5 s, with jitter.
 *
 * Threads: redis_new and redis_free on one thread, before and after the server
 * runs; redis_stats and redis_state on any; the rest, callbacks too, on the
 * loop, or before it runs.
 */
#ifndef NET_REDIS_H
#define NET_REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct redis;
struct server;

/* ERR_INVALID: no address (redis_url.h), with the field `redis_url`;
 * ERR_UNAVAILABLE: hiredis is not installed. */
enum err_code redis_new(struct redis **out, const char *url, struct err *e)
    CHECKED;
/* Before server_run.  It connects once the loop turns. */
void redis_start(struct redis *r, struct server *s);
/* On the loop, when the server begins to stop.  What was published is still
 * sent, as far as the network takes it. */
void redis_stop(struct redis *r);
/* After server_free.  Takes NULL. */
void redis_free(struct redis *r);

/* A message on a channel; the pattern is what was subscribed to. */
typedef void redis_heard(void *ctx, struct slice channel, struct slice message);
/* Before redis_start; the text is copied.  `pattern`: * ? [] mean something. */
void redis_subscribe(struct redis *r, const char *channel, bool pattern,
                     redis_heard *heard, void *ctx);

/* To be told of changes: up() when all that was subscribed to is heard, down()
 * when that is over.  Kept by pointer; before redis_start. */
struct redis_watcher {
    struct redis_watcher *next;
    void (*up)(struct redis_watcher *w);
    void (*down)(struct redis_watcher *w);
};
void redis_watch(struct redis *r, struct redis_watcher *w);

bool redis_is_up(const struct redis *r);
/* When something was last heard, on the clock of clock_now_us(): what others
 * published until shortly before has reached us.  0: never. */
int64_t redis_heard_us(const struct redis *r);

void redis_publish(struct redis *r, struct slice channel, struct slice message);

/* A command that is about one key, and answers with a number.  In a cluster it
 * goes to the node that has the key.  ERR_UNAVAILABLE: nobody knows whether it
 * was done.  ERR_INTERNAL: Redis refused it. */
typedef void redis_answered(void *ctx, enum err_code rc, int64_t number);
void redis_call(struct redis *r, struct slice key, const struct slice *args,
                size_t n_args, redis_answered *answered, void *ctx);

struct redis_stats {
    bool up;
    int64_t connects_total;  /* times that it came (back) */
    int64_t published_total; /* messages */
    int64_t heard_total;
    int64_t dropped_total; /* not published because it was away */
};
void redis_stats(const struct redis *r, struct redis_stats *out);
/* For people: ERR_NONE, and a remark in e->msg while it is away. */
enum err_code redis_state(struct redis *r, struct err *e) CHECKED;

/* Connect, log in, say PING, and wait for the answer; needs no loop.  On
 * success *version is Redis' own, such as "7.0.15".  ERR_UNAVAILABLE: why not.
 */
enum err_code redis_probe(const char *url, char version[32], struct err *e)
    CHECKED;

#endif
