/* exchange.h - one request and its reply, as the server's own files see them.
 *
 * An exchange is made by the connection when the first byte of a request comes
 * and given back when the reply is sent.  It travels: loop (parse, admit) ->
 * the thread its route runs on (check parameters, handle, finish the reply) ->
 * loop (send).  It is whole in itself: when the client leaves meanwhile, the
 * connection dies, `gone` is set, and what comes back is thrown away.
 *
 * Not for handlers: they see request.h.
 *
 * Threads: each field says who may touch it; where nothing is said, the thread
 * that the exchange is with.
 */
#ifndef NET_EXCHANGE_H
#define NET_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "net/etag.h"
#include "net/http_parse.h"
#include "net/request.h"
#include "net/router.h"
#include "net/server.h"

#define REPLY_MAX_BODY ((size_t)64 << 20)
#define REPLY_MAX_HEADERS 16
#define EXCHANGE_MAX_ARENA ((size_t)256 << 20) /* all that a handler makes */
#define STREAM_MAX_WAITING ((size_t)256 << 10)
#define ROUTE_MAX_SEGMENTS 16

struct server;
struct conn;
struct match;
struct parked;
struct conn_guest;

/* Checked value of one parameter; parallel to route->params. */
struct param_value {
    bool given; /* sent, or a default */
    struct slice text;
    int64_t i; /* PARAM_INT, PARAM_BOOL, PARAM_TIME */
    double d;  /* PARAM_NUM */
    const json_t *json;
    struct slice filename; /* PARAM_FILE, whose bytes are `text` */
};

struct reply_header {
    const char *name; /* constant or in the arena */
    struct slice value;
};

struct reply {
    int status;      /* 0: none yet */
    bool has_body;   /* false: 204, 304... */
    struct buf *out; /* &exchange.out, when the handler writes the body */
    char type[96];
    struct shared_body *shared; /* one reference */
    const struct static_body *fixed;
    struct reply_header headers[REPLY_MAX_HEADERS];
    size_t n_headers;
    bool close;     /* the connection cannot go on after it */
    bool momentary; /* neither ETag nor gzip */
};

/* What a streaming handler and the loop share. */
struct stream {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t room;
    struct buf waiting; /* framed bytes for the loop to take */
    struct buf sending; /* loop only: being written */
    size_t in_flight;   /* bytes of `sending`, as the handler may see it */
    bool gone;          /* nobody reads any more */
};

struct exchange {
    struct request r; /* first, so that the two convert */
    struct router *router;
    struct server *server;
    struct conn *conn;     /* loop only; NULL once the client has left */
    struct exchange *next; /* in the loop's lists of done and spare */
    struct exchange *next_wake;
    atomic_bool wake_queued;
    bool with_worker; /* loop only: some other thread has it */
    bool writing;     /* loop only: `write` is under way */
    atomic_bool gone; /* set by the loop, read by anyone */

    /* coming in (loop only) */
    struct http_parse parse;
    struct http_head head;
    struct http_body body_in;
    struct buf body; /* whole request body */
    struct buf rest; /* bytes that came behind this request */
    size_t max_body;
    bool too_large; /* the body passed max_body */
    char peer[INET6_ADDRSTRLEN];
    const char *server_url;
    bool forwarded;    /* came through a proxy, or says so */
    bool peer_trusted; /* ... which is one of ours */
    struct slice host; /* as the client wrote it, checked; may be empty */

    /* found by the router */
    const struct match *match;
    struct slice path_values[ROUTE_MAX_SEGMENTS];
    size_t n_path_values;
    struct param_value *values;
    json_t *json; /* owned: r.json, or the JSON fields of a form */
    enum envelope envelope;
    const char *cors; /* Access-Control-Allow-Origin, or NULL */

    /* instead of a reply now; see later.c */
    struct parked *parked;
    const struct conn_guest *guest_ops;
    void *guest;

    /* going out */
    struct reply reply;
    struct buf out;       /* body that the handler wrote */
    struct buf gz;        /* its gzip form; of `fixed` the plain one */
    struct buf head_out;  /* status line and headers */
    struct slice payload; /* what follows the head on the wire */
    bool keep_alive;
    int64_t began_us;
    uv_write_t write;

    /* streaming */
    bool streaming; /* stream_begin was called */
    bool chunked;
    bool stream_failed;   /* the handler failed after stream_begin: cut */
    struct stream stream; /* initialised for ON_STREAM routes only */
    bool has_stream;
};

/* exchange.c: life, and the finishing of replies. */
struct exchange *exchange_new(struct server *s, struct router *rt);
/* Ready for another request; gives back big buffers. */
void exchange_reset(struct exchange *x);
void exchange_free(struct exchange *x);

/* Replace whatever reply there is by an error in the envelope of the route.
 * `field` may be NULL.  Headers that the handler added stay. */
void reply_problem(struct exchange *x, int status, const char *field,
                   const char *msg);
/* The same from an error, through the table of statuses; 5xx are logged with
 * an id and answered with a fixed text. */
void reply_err(struct exchange *x, const struct err *e);
int http_status_of(enum err_code code);
/* Conditional GET, gzip, ETag, then build head_out and payload. */
void reply_finish(struct exchange *x);
/* Head of a streamed reply. */
void reply_build_stream_head(struct exchange *x);
/* Make ready to stream (loop), before the handler starts. */
void stream_prepare(struct exchange *x);
/* Tell the handler that nobody reads any more (loop). */
void stream_abandon(struct exchange *x);
/* Take what waits into stream.sending (loop).  false: nothing waits. */
bool stream_take(struct exchange *x);
/* What was taken has been written (loop). */
void stream_taken_written(struct exchange *x);
/* The handler has returned: add the end of the body (loop). */
void stream_end(struct exchange *x);

/* server.c: the stream has bytes for the loop.  Any thread. */
void server_wake_stream(struct server *s, struct exchange *x);

#endif
