/* redis_impl.h - the inside of redis.h: redis.c (up and down), redis_link.c
 * (connections on the loop), redis_call.c (commands), redis_cluster.c (nodes of
 * a cluster). */
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
#define REDIS_BEAT_MS 2000
#define REDIS_SILENT_MS (3 * REDIS_BEAT_MS)
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
    int64_t heard_mono_us; /* of a node: its last answer */
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
    bool is_cluster;
    unsigned beats;                            /* since it was connected */
    struct redis_link *nodes[REDIS_MAX_NODES]; /* NULL: not connected */
    struct redis_node_address known[REDIS_MAX_NODES];
    size_t n_known;
    uint8_t *slots; /* 1 + index into nodes and known; 0: ask the first one */

    atomic_bool is_up;
    _Atomic int64_t connects, published, heard, dropped;
    _Atomic int64_t refused_mono_us; /* a command, and none answered since */
    pthread_mutex_t lock;            /* over the texts */
    char why[200];                   /* it is not up */
    char refusal[200];
};

/* redis.c */
void redis_lost(struct redis *r, const char *why);
void redis_beat(struct redis *r);

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

/* A text or an error; of anything else, and of NULL, nothing. */
struct slice redis_text(const redisReply *reply);

/* redis_cluster.c */
unsigned redis_slot_of(struct slice key);
/* The node that has the slot, as far as we know; NULL: no connection. */
struct redis_link *redis_node_of(struct redis *r, unsigned slot);
/* Of what `from` answered: "ADDRESS:PORT".  slot: it has that from now on; -1:
 * that is not said.  false: not an address, or one too many. */
bool redis_node_named(struct redis *r, struct slice address,
                      const struct redis_link *from, int slot,
                      struct redis_link **out);
/* Each node must answer, too. */
void redis_nodes_beat(struct redis *r);
void redis_nodes_flush(struct redis *r);
void redis_nodes_close(struct redis *r);
/* Is it a cluster, and is it whole?  If not: redis_lost(); if so, and it is up:
 * redis_beat(). */
void redis_cluster_check(struct redis *r);

#endif
