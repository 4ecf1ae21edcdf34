/* request.h - what a handler sees: the request, and how it answers.
 *
 * The server parses, the router checks method, parameters, body and policy
 * against the route's row; then the handler runs, on a request worker or (for
 * ON_LOOP routes) on the loop.  It reads typed values, writes one reply, and
 * returns.  A returned error becomes the reply, in the route's envelope.
 *
 * Ownership: everything reachable from the request lives until the handler
 * returns and dies with the request's arena.  What must live longer is copied.
 * The client may have left meanwhile: the reply is then dropped.
 * Threads: a request belongs to the thread that runs its handler.
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER
};

struct route;
struct param;
struct exchange;    /* the server's side of a request: server.c knows it */
struct shared_body; /* reply bytes with a reference count: shared_body.h */
struct parked;      /* a request that is answered later */

struct http_header {
    struct slice name;  /* as sent; compare without case */
    struct slice value; /* trimmed */
};

struct request {
    struct arena *arena;
    uint64_t id; /* in every log line of this request */
    enum http_method method;
    struct slice path; /* percent-decoded, checked UTF-8, no trailing slash */
    struct slice raw_path; /* as sent, for links */
    struct slice query;    /* raw, without '?' */
    const struct http_header *headers;
    size_t n_headers;
    struct slice body;  /* whole */
    const json_t *json; /* a JSON body, when the route declares body fields */
    struct slice base_url; /* "http://127.0.0.1:8642" or public_url; no slash */
    struct slice client;   /* address, behind trusted proxies the real one */
    bool authorized;       /* carries the admin token (header or cookie) */
    const struct route *route;
    void *ctx; /* given with the routes to router_add */
    struct exchange *exchange;
};

/* ---- reading: typed values, checked against route->params ---- */

/* The parameter called `name` must be declared by the route (assert).  The
 * value is the one sent, else the declared default; has_ says if there is any.
 */
bool request_has(const struct request *r, const char *name);
struct slice request_str(const struct request *r, const char *name);
int64_t request_int(const struct request *r, const char *name);
double request_num(const struct request *r, const char *name);
bool request_bool(const struct request *r, const char *name);
int64_t request_time(const struct request *r,
                     const char *name); /* us; 0 none */
/* PARAM_JSON, PARAM_LIST, PARAM_ANY of the body; NULL if absent. */
const json_t *request_value(const struct request *r, const char *name);
/* PARAM_FILE: its bytes, in the body, and the name that the client gave it,
 * which may be empty and is to be trusted in nothing. */
struct slice request_file(const struct request *r, const char *name,
                          struct slice *filename);
/* The members of `object`, checked against the IN_QUERY rows of `params` as if
 * they had been sent as a query (texts as there, numbers and booleans also as
 * JSON has them): *out is a request of which the functions above read them. For
 * queries that are kept.  It borrows from all three and has no reply.  Errors
 * are as those of a query. */
enum err_code request_of_object(const struct request *r,
                                const struct param *params,
                                const json_t *object, struct request **out,
                                struct err *e) CHECKED;
/* A digest of what the body says: the same for one request sent twice, also
 * where the client invents a new boundary for its form each time. */
void request_digest(const struct request *r, uint8_t sha256[32]);
/* Header value, or SLICE_NONE.  Without case; several are joined by ", ". */
struct slice request_header(const struct request *r, const char *name);

/* No Origin, or ours, or one of allowed_origins?  For protocols that browsers
 * speak across sites without asking (WebSocket). */
bool request_origin_ok(const struct request *r);

/* Does it carry the admin token, or come from where none is needed: may it do
 * what POLICY_WRITE asks for?  For READ routes that show some more then. */
bool request_may_write(const struct request *r);

/* Has the client left?  Then the work is for nobody. */
bool request_gone(const struct request *r);

/* ---- answering ---- */

/* Start a JSON reply and get the buf to write it to (owned by the request;
 * at most 64 MiB).  Content-Length, ETag for GET 200, gzip and HEAD are done
 * by the server. */
struct buf *reply_json(struct request *r, int status);
/* The same for another content type. */
struct buf *reply_text(struct request *r, int status, const char *content_type);
/* Answer with shared bytes (keeps its own reference). */
void reply_shared(struct request *r, int status, struct shared_body *body);

/* A file inside the program, kept in one form only. */
struct static_body {
    struct slice kept; /* the bytes, or ... */
    bool gzip;         /* ... their gzip form, */
    size_t len;        /* so long when unpacked */
    const char *type;
    const char *etag; /* of the plain form, with quotes */
};

/* Answer with such a file, which stays for ever: nothing is copied, and only a
 * client that does not take gzip has it unpacked. */
void reply_static(struct request *r, int status, const struct static_body *b);
/* An error in the handler's own words, in the envelope of the route: for a 5xx
 * that shall say why, which a returned error does not.  `field` may be NULL. */
void reply_error(struct request *r, int status, const char *field,
                 const char *msg);
/* 204, or any status without a body. */
void reply_empty(struct request *r, int status);
/* Add a header to the reply; value is copied.  At most 16; no CR or LF
 * (assert). */
void reply_header(struct request *r, const char *name, const char *value);

/* This reply is for one client at one moment: neither ETag nor gzip. */
void reply_momentary(struct request *r);

/* Replies that come later, only for routes with .run = ON_LOOP.  A handler that
 * parks its request returns without a reply; the connection then costs no more
 * than an idle one.  When the answer is there, the loop calls parked_request,
 * writes a reply to what that returns and ends with request_answer.  If the
 * client leaves before, gone(ctx) is called instead, and `p` is no more.
 * Never both from inside the handler that parks. */
struct parked *request_park(struct request *r, void (*gone)(void *ctx),
                            void *ctx);
/* The request again, as far as a reply needs it: no headers, no query, no body.
 * `p` is no more. */
struct request *parked_request(struct parked *p);
void request_answer(struct request *r);
/* The same with an error, as if a handler had returned it. */
void request_answer_err(struct request *r, const struct err *e);

/* Streamed replies, only for routes with .run = ON_STREAM: chunked for 1.1.
 * stream_write blocks while the client is slow (at most 256 kB are waiting)
 * and returns ERR_CANCELLED once the client has gone or the server stops.
 * After stream_begin a returned error cuts the connection. */
enum err_code stream_begin(struct request *r, int status,
                           const char *content_type, struct err *e) CHECKED;
enum err_code stream_write(struct request *r, struct slice data, struct err *e)
    CHECKED;

#endif
