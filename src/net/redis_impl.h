/* redis_impl.h - the inside of redis.h: redis.c (up and down), redis_link.c
 * (connections on the loop), redis_call.c (commands, nodes of a cluster). */
#ifndef NET_REDIS_IMPL_H
#define NET_REDIS_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include <uv.h>

#include "base/redis_url.h"
#include "net/redis.h"
#include "net/redis_lib.h"

#define REDIS_MAX_NODES 64
#define REDIS_SLOTS 16384
#define REDIS_ADDRESS 64 /* a numeric one, with NUL */

struct redis_node_address {
    char ip[REDIS_ADDRESS];
    int port;
};

/* One connection.  Freed when its handle is closed, which is later than its
 * end. */
struct redis_link {
    uv_poll_t poll;
    struct redis *redis; /* NULL: nobody wants to hear of its end */
    redisAsyncContext *ac;
    int events;
    struct redis_node_address at;
    /* Set by whoever opens it; ended() is not called by redis_link_close(). */
    void (*opened)(struct redis_link *l);
    void (*ended)(struct redis_link *l, const char *why);
};

struct redis_sub {
    struct redis_sub *next;
    struct redis *redis;
    redis_heard *heard;
    void *ctx;
    bool pattern;
    char channel[];
};

enum redis_step { REDIS_IDLE, REDIS_RESOLVING, REDIS_CONNECTING, REDIS_UP };

struct redis {
    struct redis_url url;
    struct server *server;
    uv_timer_t timer;
    uv_getaddrinfo_t resolve;
    enum redis_step step;
    bool stopping, complained;
    struct redis_link *commands, *events;
    bool commands_ready, events_ready;
    unsigned attempts; /* since it was up */
    char beat[40];     /* channel of our own */
    int64_t heard_us, heard_mono_us;
    struct redis_sub *subs;
    struct redis_watcher *watchers;

    int64_t waiting, waiting_bytes; /* commands without an answer */
    /* of a cluster */
    struct redis_link *nodes[REDIS_MAX_NODES]; /* NULL: not connected */
    struct redis_node_address known[REDIS_MAX_NODES];
    size_t n_known;
    uint8_t *slots; /* 1 + index into nodes and known; 0: ask the first one */

    atomic_bool is_up;
    _Atomic int64_t connects, published, heard, dropped;
    pthread_mutex_t lock; /* over `why` */
    char why[200];        /* it is not up */
};

/* redis.c */
void redis_lost(struct redis *r, const char *why);

/* redis_link.c */
/* NULL: no memory, no socket. */
struct redis_link *redis_link_open(struct redis *r, const char *ip, int port);
/* Send what waits, as far as the network takes it.  Not in a callback. */
void redis_link_flush(struct redis_link *l);
/* Its callbacks are called, each without a reply. */
void redis_link_close(struct redis_link *l);
/* false: the connection is over. */
bool redis_link_send(struct redis_link *l, redisCallbackFn *fn, void *ctx,
                     const struct slice *args, size_t n);
/* AUTH, if there is a password; fn NULL: an error shows at the next command. */
bool redis_link_login(struct redis_link *l, redisCallbackFn *fn);

/* redis_call.c */
void redis_nodes_close(struct redis *r);

#endif
