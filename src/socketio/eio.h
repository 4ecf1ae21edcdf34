/* eio.h - an Engine.IO 4 server: sessions over long polling and WebSocket.
 *
 * A session is a two-way channel of messages, text or bytes, in order, at most
 * once.  It begins on either transport and may move from polling to WebSocket.
 * The server pings; who does not answer is closed.
 *
 * Nothing here calls its owner out of eio_send or eio_close: `closed` comes
 * later in the same turn of the loop, after which the session is no more.  So
 * whoever walks over sessions and sends is safe.  What is said in one turn goes
 * out at its end together.
 *
 * A client that does not read is not waited for: when more than `max_waiting`
 * bytes wait for it, it is cut.
 *
 * Threads: the loop's; eio_stats from any.
 */
#ifndef SOCKETIO_EIO_H
#define SOCKETIO_EIO_H

#include "net/router.h"
#include "net/server.h"
#include "net/ws_message.h"

struct eio;
struct eio_session;

#define EIO_NAME 7 /* characters of a name */

struct eio_options {
    const char *path; /* "/socket.io/" */
    int ping_interval_ms, ping_timeout_ms, upgrade_timeout_ms;
    /* "" or NULL, or up to EIO_NAME characters of [A-Za-z0-9]: ids of sessions
     * begin with it and a dot.  Kept by pointer. */
    const char *name;
    size_t max_payload; /* bytes of a message, and of a POST */
    size_t max_waiting; /* bytes for a client that does not read */
    size_t max_sessions, max_sessions_per_ip;
    /* A session begins: returns its owner.  May send, but the client has its
     * open packet first. */
    void *(*opened)(struct eio_session *s, void *ctx);
    void (*message)(struct eio_session *s, bool text, struct slice data);
    /* `why` is a constant in the words of the official server. */
    void (*closed)(struct eio_session *s, const char *why);
    void *ctx;
};

struct eio_stats {
    int64_t sessions, sessions_total;
    int64_t sent_total, received_total; /* messages */
    int64_t slow_total;                 /* clients cut: they did not read */
};

/* All 0 or NULL but the callbacks: the official server's defaults. */
struct eio *eio_new(const struct eio_options *opt);
/* For router_add, with the eio as ctx. */
const struct route *eio_routes(const struct eio *e);
/* Before server_run. */
void eio_start(struct eio *e, struct server *s);
/* On the loop: close all sessions, refuse new ones. */
void eio_stop(struct eio *e);
/* After server_free.  Takes NULL. */
void eio_free(struct eio *e);
void eio_stats(const struct eio *e, struct eio_stats *out);
struct server *eio_server(const struct eio *e);
const struct eio_options *eio_options(const struct eio *e);

void *eio_owner(const struct eio_session *s);
/* Did the handshake carry the admin token? */
bool eio_authorized(const struct eio_session *s);
/* Queue a message (keeps a reference of its own).  Text begins with the digit 4
 * of Engine.IO. */
void eio_send(struct eio_session *s, struct ws_message *m);
/* Would what is sent now leave at once? */
bool eio_writable(const struct eio_session *s);
/* What was sent before still goes out. */
void eio_close(struct eio_session *s, const char *why);

#endif
