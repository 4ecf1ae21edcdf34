/* server.h - the listening side: loop, connections, worker pools.
 *
 * One loop thread (libuv) owns every socket.  Requests are parsed there; a
 * handler runs on the pool its route names, holds its own copy of the request
 * and an id, and its reply goes back to the loop; when the client has gone by
 * then, it is dropped.
 *
 * Threads: server_new, server_run, server_free on one thread;
 * server_stop and server_stats from any.
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/router.h"
#include "net/wheel.h"

struct server;
struct uv_loop_s;

struct server_options {
    const char *listen; /* "127.0.0.1:8642", "[::1]:0", "localhost:80" */
    int pool_requests, pool_streams; /* threads */
    int max_connections, max_connections_per_ip;
    int header_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms;
    int stop_timeout_ms;
    bool handle_signals; /* SIGTERM and SIGINT stop, a second one exits at once
                          */
    void (*on_stop)(void *ctx); /* on the loop, when stopping begins; or NULL */
    void *on_stop_ctx;
};

struct server_stats {
    int64_t connections, connections_total;
    int64_t requests_total;
    int64_t by_class[6];                   /* replies 1xx..5xx at [1]..[5] */
    int64_t queue_requests, queue_streams; /* waiting now */
    int64_t rejected_total;                /* 503 because a queue was full */
};

/* Binds and listens (so that the port is known) but serves nothing yet.
 * ERR_INVALID: address; ERR_CONFLICT: in use; ERR_FORBIDDEN: not allowed. */
enum err_code server_new(struct server **out, const struct server_options *opt,
                         struct router *rt, struct err *e) CHECKED;
/* "http://127.0.0.1:41234": what to put into the lock file. */
const char *server_url(const struct server *s);
/* True when the address bound is a loopback address. */
bool server_is_local(const struct server *s);
/* Does that address (as in the options) name a loopback interface?  For
 * router_options, before there is a server. */
bool server_listen_is_local(const char *listen);
struct uv_loop_s *server_loop(struct server *s);

/* ---- for what lives on the loop besides connections ---- */

/* Work for the loop from any other thread.  Embed it in what the work needs.
 * What is left when the server is freed is run then. */
struct server_post {
    struct server_post *next;
    void (*run)(struct server_post *p);
};
void server_post(struct server *s, struct server_post *p); /* any thread */

/* A deadline: fires once, never early; late by at most 10 ms if it is less than
 * a second away, otherwise by 100 ms.  Zero: not set. */
struct server_timer {
    struct wheel_entry entry; /* first, so that the two convert */
    void (*fire)(struct server_timer *t);
    struct wheel *wheel; /* the server's, in which it was set last */
};
void server_timer_set(struct server *s, struct server_timer *t, int64_t in_ms);
void server_timer_cancel(struct server *s, struct server_timer *t);

/* Called each time before the loop waits: what was said in one turn can be
 * sent together.  Added before server_run, by the same thread. */
struct server_hook {
    struct server_hook *next;
    void (*run)(struct server_hook *h);
};
void server_before_wait(struct server *s, struct server_hook *h);

/* Serve until stopped; returns when all is finished or the time is up. */
void server_run(struct server *s);
/* Begin an orderly stop: no new connections, running requests finish. */
void server_stop(struct server *s);
bool server_stopping(const struct server *s); /* any thread */
void server_stats(const struct server *s, struct server_stats *out);
/* After server_run: did all handlers return?  If not, their threads still use
 * what they were given, and the only safe thing to do is to end the process. */
bool server_drained(const struct server *s);
/* Waits for handlers that still run.  Takes NULL. */
void server_free(struct server *s);

#endif
