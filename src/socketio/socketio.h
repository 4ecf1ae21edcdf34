/* socketio.h - a Socket.IO 5 server for the program: namespaces, rooms, events.
 *
 * A client opens a session (eio.h) and joins namespaces; in each it is a
 * `struct sio_socket`.  Sockets are in rooms, which exist as long as somebody
 * is in them; each is also in one named by its id.  A message to many is
 * encoded once, and all receivers share its bytes.
 *
 * Arguments travel as JSON text, values with commas between, and are passed on
 * as they came.  In them {"_placeholder":true,"num":k} stands for attachment k.
 *
 *     static void hello(struct sio_socket *s, const struct sio_event *ev,
 *                       void *ctx)
 *     {
 *         if (ev->has_ack)
 *             sio_ack(s, ev->ack_id, &(struct sio_message){.args = ev->args});
 *     }
 *     ...
 *     ns = sio_namespace(sio, "/", &(struct sio_handlers){.event = hello});
 *     sio_broadcast(ns, NULL, &(struct sio_message){
 *         .event = SLICE("news"), .args = SLICE("{\"n\":1}")});
 *
 * A client that does not read is cut once `max_waiting` bytes wait for it.
 *
 * Ownership: a socket lives until its `disconnected` has been called and the
 * turn of the loop is over; whoever needs it longer keeps its id.  Slices given
 * to callbacks are borrowed for the call.
 * Threads: everything is on the loop, callbacks too, but for sio_post and
 * sio_stats, which any thread may call.
 */
#ifndef SOCKETIO_SOCKETIO_H
#define SOCKETIO_SOCKETIO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/router.h"
#include "net/server.h"

struct redis;
struct sio;
struct sio_namespace;
struct sio_socket;

/* 0 or NULL: the default of the official server. */
struct sio_options {
    const char *path;       /* "/socket.io/"; kept by pointer */
    const char *name;       /* ids of sessions begin with it: eio.h */
    int ping_interval_ms;   /* 25 s */
    int ping_timeout_ms;    /* 20 s */
    int upgrade_timeout_ms; /* 10 s */
    int connect_timeout_ms; /* 45 s to join a namespace */
    size_t max_payload;     /* 1,000,000 bytes: a message, a POST */
    size_t max_event;       /* an event with its attachments; 4 MiB */
    size_t max_waiting;     /* bytes for a client that does not read; 1 MiB */
    size_t max_sessions;    /* 100,000 */
    size_t max_sessions_per_ip; /* of one client address; as many */
};

struct sio_message {
    struct slice event; /* its name as text; not of acks */
    struct slice args;  /* JSON values with commas between; may be empty */
    const struct slice *attachments;
    size_t n_attachments; /* at most 10 */
    bool is_volatile;     /* not worth waiting for a slow client */
};

struct sio_event {
    struct slice name; /* JSON: in quotes, or a number */
    struct slice args;
    const struct slice *attachments;
    size_t n_attachments;
    bool has_ack; /* the client waits for sio_ack with ack_id */
    uint64_t ack_id;
};

struct sio_connect {
    struct slice auth; /* JSON object that the client sent, or empty */
    bool authorized;   /* its handshake carried the admin token */
    struct slice data; /* with a refusal: JSON for the client, or empty */
};

struct sio_handlers { /* each may be NULL */
    /* May the client join?  Nothing can be sent yet.  The message of an error
     * is what the client sees. */
    enum err_code (*admit)(struct sio_socket *s, struct sio_connect *c,
                           void *ctx, struct err *e);
    void (*connected)(struct sio_socket *s, void *ctx);
    void (*event)(struct sio_socket *s, const struct sio_event *ev, void *ctx);
    /* `why`: a constant in the official server's words. */
    void (*disconnected)(struct sio_socket *s, const char *why, void *ctx);
    /* With Redis: another server's broadcast to the whole namespace.  false:
     * nothing special, it is passed on to the clients here. */
    bool (*relayed)(const struct sio_event *ev, void *ctx);
    /* With Redis: what another server sent to servers (serverSideEmit). */
    void (*server_event)(const struct sio_event *ev, void *ctx);
    void *ctx;
};

/* Who gets a broadcast: members of any of the rooms (none named: the whole
 * namespace), each once, but for members of `except` and the sender. */
struct sio_target {
    const struct slice *rooms;
    size_t n_rooms;
    const struct slice *except;
    size_t n_except;
    struct sio_socket *sender; /* or NULL */
    bool local;                /* clients of this process only */
};

struct sio_stats {
    int64_t sessions, sessions_total; /* clients */
    int64_t sent_total, received_total;
    int64_t slow_total; /* clients cut because they did not read */
    bool has_others;    /* there are other servers, for all one knows */
};

struct sio *sio_new(const struct sio_options *opt); /* NULL: all defaults */
/* Clients may join it from now on.  Before the server runs, or on the loop.
 * Both texts are copied.  "/" is the one that clients join unasked. */
struct sio_namespace *sio_namespace(struct sio *sio, const char *name,
                                    const struct sio_handlers *handlers);
/* NULL: there is none of that name. */
struct sio_namespace *sio_find_namespace(struct sio *sio, struct slice name);
/* Mount it; before the server is made. */
void sio_add_routes(struct sio *sio, struct router *rt);
/* Broadcasts reach the clients of all servers that use this Redis with the same
 * key, those of the official server with @socket.io/redis-adapter included, and
 * theirs reach ours (sio_bus.c); "socket.io" is its default key.  For the
 * namespaces that there are; before redis_start.  `r` is borrowed. */
void sio_use_redis(struct sio *sio, struct redis *r, const char *key);
/* Before server_run. */
void sio_start(struct sio *sio, struct server *s);
/* On the loop, when the server begins to stop: clients are told to go. */
void sio_stop(struct sio *sio);
/* After server_free.  Takes NULL. */
void sio_free(struct sio *sio);
void sio_stats(const struct sio *sio, struct sio_stats *out);

/* ---- sockets ---- */

const char *sio_id(const struct sio_socket *s);
struct sio_socket *sio_find(struct sio_namespace *ns, struct slice id);
void sio_set_user(struct sio_socket *s, void *user);
void *sio_user(const struct sio_socket *s);
size_t sio_count(const struct sio_namespace *ns); /* sockets in it */

void sio_emit(struct sio_socket *s, const struct sio_message *m);
/* The same, and `acked` is called once: with ERR_NONE and the client's answer,
 * ERR_TIMEOUT, or ERR_CANCELLED when the client has gone. */
typedef void sio_acked(void *ctx, enum err_code rc, const struct sio_event *ev);
void sio_emit_ack(struct sio_socket *s, const struct sio_message *m,
                  int timeout_ms, sio_acked *acked, void *ctx);
/* Answer an event that has_ack; once for each. */
void sio_ack(struct sio_socket *s, uint64_t ack_id,
             const struct sio_message *m);
/* Out of the namespace; with `close` the client's session ends, too. */
void sio_disconnect(struct sio_socket *s, bool close);

/* ---- many ---- */

void sio_join(struct sio_socket *s, struct slice room);
void sio_leave(struct sio_socket *s, struct slice room);
/* `to` may be NULL: everybody. */
void sio_broadcast(struct sio_namespace *ns, const struct sio_target *to,
                   const struct sio_message *m);

/* May anybody get such a broadcast?  Other servers may have clients. */
bool sio_is_heard(const struct sio_namespace *ns, const struct sio_target *to);
/* What sio_broadcast would publish for other servers, and where: for who
 * publishes it himself.  false: there is no Redis, or it does not fit. */
bool sio_pack(struct sio_namespace *ns, const struct sio_message *m,
              struct buf *channel, struct buf *message) CHECKED;

/* From any thread: copy the message and broadcast it on the loop, to a room or
 * (empty) to the whole namespace; attachments are not taken.  Between sio_start
 * and server_free.  ERR_TOO_LARGE: over max_payload. */
enum err_code sio_post(struct sio_namespace *ns, struct slice room,
                       const struct sio_message *m, struct err *e) CHECKED;

#endif
