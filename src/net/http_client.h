/* http_client.h - one blocking HTTP exchange, over libcurl.
 *
 * Redirects are not followed, only http and https are spoken, the body has a
 * maximum, and a caller's `cancelled` is asked several times a second, so that
 * a cancelled job leaves within a second even from a peer that is silent.
 *
 * An answer that comes over a long time is taken as it comes, by `on_body`.
 *
 * Threads: a client may be used from one thread at a time (it keeps the
 * connection for the next exchange).
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

struct http_client;

struct http_fetch {
    const char *method; /* "GET" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-ended; may be NULL */
    struct slice body;
    int64_t timeout_ms; /* for the whole exchange; 0: no limit */
    int64_t connect_timeout_ms;
    /* Longest time without a byte of the answer, from the beginning on; what
     * on_body takes is not counted.  0: no limit of its own. */
    int64_t silence_timeout_ms;
    size_t max_body; /* of the answer */
    /* Asked several times a second, so that it may do other things too. */
    bool (*cancelled)(void *ctx);
    /* Takes the body of a 2xx answer as it comes, in pieces that are never
     * empty and borrowed for the call; answer.body stays empty.  An error ends
     * the exchange and becomes http_fetch's.  NULL, or another status: the body
     * is collected. */
    enum err_code (*on_body)(void *ctx, struct slice piece, struct err *e);
    void *ctx; /* of both */
};

struct http_answer {
    int status;
    struct buf body;        /* released by http_answer_release */
    char content_type[128]; /* "" if none */
    int64_t retry_after_s;  /* seconds from now; -1 if none */
    int64_t took_ms;
};

struct http_client *http_client_new(const char *user_agent);
void http_client_free(struct http_client *c);
/* Any HTTP status is ERR_NONE.  ERR_UNAVAILABLE: no connection, reset, DNS;
 * ERR_TIMEOUT; ERR_TOO_LARGE; ERR_CANCELLED; ERR_INVALID: the URL; and what
 * on_body returns.  *out is filled in, without a body, also after an error. */
enum err_code http_fetch(struct http_client *c, const struct http_fetch *f,
                         struct http_answer *out, struct err *e) CHECKED;
void http_answer_release(struct http_answer *a);

#endif
