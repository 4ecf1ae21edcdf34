/* conn.h - server and connection, as server.c and conn.c share them.
 *
 * A connection that waits for its next request is small: the socket's handle,
 * a deadline, and no buffer.  The exchange is borrowed from the server while a
 * request is at hand; bytes are read into one buffer that all share.
 *
 * Threads: the loop's, but for what is atomic.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdatomic.h>
#include <uv.h>

#include "net/exchange.h"
#include "net/pool.h"
#include "net/server.h"
#include "net/wheel.h"

#define READ_BUFFER ((size_t)64 << 10)
#define PEER_BUCKETS 1024

/* A client address with open connections. */
struct peer {
    struct peer *chain;
    int n;
    uint8_t bits[16]; /* IPv4 as ::ffff:a.b.c.d */
    char text[INET6_ADDRSTRLEN];
};

enum conn_phase {
    CONN_IDLE,      /* between requests */
    CONN_HEAD,      /* some of a head is here */
    CONN_BODY,      /* some of a body is awaited */
    CONN_RUNNING,   /* the handler has it */
    CONN_WRITING,   /* the reply is on its way */
    CONN_STREAMING, /* both at once */
    CONN_PARKED,    /* the reply comes later, and the exchange was given back */
    CONN_GUEST,     /* another protocol has the connection */
    CONN_LINGER,    /* all said; waiting for the client to close */
};

/* What takes a connection over from HTTP (a WebSocket).  After gone() the
 * connection is no more to it. */
struct conn_guest {
    void (*data)(void *guest, char *data, size_t len); /* may be changed */
    void (*gone)(void *guest);
};

/* A request whose exchange was given back: what its reply will need. */
struct parked {
    struct conn *conn;
    void (*gone)(void *ctx);
    void *ctx;
    const struct route *route;
    uint64_t id;
    int64_t began_us;
    struct buf rest; /* bytes that came behind the request */
    char *cors;
    enum http_method method;
    int minor;
    bool keep_alive;
};

struct conn {
    uv_tcp_t tcp; /* first, so that the two convert */
    struct server *server;
    struct exchange *x; /* the request at hand; NULL while idle */
    struct parked *parked;
    const struct conn_guest *guest_ops;
    void *guest;
    struct peer *peer;
    struct wheel_entry deadline;
    int64_t phase_began_ms;
    size_t mark; /* bytes: left to write, or read, at the last deadline */
    uint8_t phase;
    bool eof;       /* the client will send no more */
    bool closing;   /* uv_close was called */
    bool reading;   /* uv_read_start is in force */
    bool consuming; /* conn_consume is on the stack */
    bool served;    /* at least one request was */
};

struct server {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_async_t wake;
    uv_timer_t ticker, soon_ticker, stop_timer;
    uv_prepare_t before_wait;
    uv_signal_t sigterm, sigint;
    struct router *router;
    struct server_options opt;
    char url[128];
    bool local;
    struct wheel wheel, timers, soon; /* of connections; of others */
    struct server_hook *hooks;
    struct pool *requests, *streams;
    struct exchange *spare;
    size_t n_spare;
    uint64_t next_id;
    uint64_t seed; /* of the table of peers */
    int64_t accept_warned_ms;
    struct peer *peers[PEER_BUCKETS];
    int busy; /* connections with a request at hand */
    bool stop_begun, stop_finished, drained, signalled;
    bool closing_listener;
    char *read_buffer;

    /* from other threads */
    _Atomic(struct exchange *) done, woken;
    _Atomic(struct server_post *) posts;
    atomic_bool stop_asked, stopping;

    /* read from other threads */
    _Atomic int64_t connections, connections_total, requests_total;
    _Atomic int64_t by_class[6], rejected_total;
};

/* server.c */
struct exchange *server_take_exchange(struct server *s);
void server_give_exchange(struct server *s, struct exchange *x);
void server_set_deadline(struct server *s, struct wheel_entry *e, int64_t ms);
/* Hand a handled exchange back to the loop.  Any thread. */
void server_push_done(struct server *s, struct exchange *x);
/* Some connection became free of work or closed. */
void server_check_stop(struct server *s);

/* peer.c */
struct peer *peer_enter(struct server *s, const struct sockaddr *addr);
void peer_leave(struct server *s, struct peer *p);

/* conn.c */
void conn_accept(struct server *s);
void conn_close(struct conn *c);
void conn_deadline(struct wheel_entry *e, void *ctx);
/* The exchange is back from its worker. */
void conn_handled(struct exchange *x);
/* A streaming handler has bytes ready. */
void conn_stream_ready(struct exchange *x);
/* The reply of c->x, which was parked, is finished. */
void conn_answer(struct conn *c);
/* Say goodbye: no more from us, and a moment for the client to read it.  What
 * is in libuv's queue must be out. */
void conn_linger(struct conn *c);
/* The guest waits for the client to read what is in libuv's queue: as for a
 * reply, a client that takes nothing is cut.  false: it waits no more. */
void conn_guest_waits(struct conn *c, bool waits);

/* later.c */
void parked_free(struct parked *p);
/* Handler only: once it returns, the connection belongs to the guest. */
void request_take_over(struct request *r, const struct conn_guest *ops,
                       void *guest);

/* loop.c */
void loop_init(struct server *s);
void loop_run_posts(struct server *s);

#endif
