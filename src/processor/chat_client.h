/* chat_client.h - what an OpenAI-compatible chat server is sent, and what it
 * answers.
 *
 *   POST {url}/chat/completions, url as in "http://127.0.0.1:8080/v1"
 *
 * A stream is asked for always: who only wants the whole answer still learns
 * that the server is alive, and can leave it at once.  Reading is apart from
 * the network: bytes go in, text comes out.  Nothing that a server sends is
 * trusted; messages of its own are shortened and cleaned.
 *
 * Threads: a stream belongs to one thread; the rest is pure.
 */
#ifndef PROCESSOR_CHAT_CLIENT_H
#define PROCESSOR_CHAT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/http_client.h"
#include "processor/prompt.h"

#define CHAT_MAX_ANSWER (256 * 1024)      /* bytes of text */
#define CHAT_MAX_EVENT (1024 * 1024)      /* bytes of one event */
#define CHAT_MAX_BYTES (64 * 1024 * 1024) /* of a whole stream */
#define CHAT_MAX_REQUEST (16 * 1024 * 1024)

/* ---- the request ---- */

struct chat_request {
    const char *model;
    const struct prompt_message *messages;
    size_t n_messages;
    int64_t max_tokens; /* of the answer; 0: the server's own limit */
    double temperature; /* below 0: the server's own */
};

/* Append its JSON.  ERR_TOO_LARGE: over CHAT_MAX_REQUEST or out's maximum. */
enum err_code chat_request_write(struct buf *out, const struct chat_request *r,
                                 struct err *e) CHECKED;
/* Append url + "/chat/completions", with a NUL behind.  ERR_INVALID: the url is
 * not http or https, or has a '?', '#', white space or control characters. */
enum err_code chat_url_write(struct buf *out, struct slice url, struct err *e)
    CHECKED;

/* ---- how an answer ended ---- */

enum chat_finish {
    CHAT_UNFINISHED, /* no reason was given */
    CHAT_STOP,
    CHAT_LENGTH, /* cut: the token limit was reached */
    CHAT_FILTERED,
    CHAT_OTHER
};

struct chat_result {
    enum chat_finish finish;
    char model[128];                          /* "" if not given */
    int64_t prompt_tokens, completion_tokens; /* -1: not given */
};

/* ---- asking ---- */

/* What an HTTP status other than 200 means, with the server's own words if
 * there are some; retry_after_s below 0: it names no time.  ERR_UNAVAILABLE for
 * most; ERR_LIMIT: 429; ERR_UNPROCESSABLE: 400, 413 and 422 (too long for the
 * model, mostly); ERR_TIMEOUT: 408, 504.  401, 403, 404: ERR_UNAVAILABLE, and
 * the message says which setting may be wrong. */
enum err_code chat_status_error(int status, int64_t retry_after_s,
                                struct slice body, struct err *e) CHECKED;

struct chat_server {
    struct http_client *http;
    const char *url;
    const char *api_key;        /* NULL or "": none is sent */
    int64_t timeout_ms;         /* of the whole exchange */
    int64_t silence_timeout_ms; /* longest time without a byte */
    /* Asked several times a second; may be NULL. */
    bool (*cancelled)(void *ctx);
    /* Gets each piece: never empty, UTF-8, borrowed for the call; false: stop
     * (the reader has left). */
    bool (*on_text)(void *ctx, struct slice text);
    void *ctx; /* of both */
};

/* Ask, and wait for the end of the answer.  ERR_UNAVAILABLE, ERR_TIMEOUT: the
 * server is away or silent (the message does not name its address, which is not
 * for everybody; the log does); ERR_CANCELLED; errors of chat_status_error and
 * of the stream below; ERR_INVALID: the address, or a key with a line break.
 * *out is what was learnt, also after an error. */
enum err_code chat_ask(const struct chat_server *s,
                       const struct chat_request *r, struct chat_result *out,
                       struct err *e) CHECKED;

/* ---- reading an answer ---- */

/* Server-sent events as they come, cut anywhere.  A server that answers with
 * one JSON object after all (some know no streams) is understood too. */
struct chat_stream;

/* on_text as above.  NULL: out of memory. */
struct chat_stream *
chat_stream_new(bool (*on_text)(void *ctx, struct slice text), void *ctx)
    CHECKED;
void chat_stream_free(struct chat_stream *s); /* takes NULL */

/* Take some bytes.  An error stays: later calls return it again.
 * ERR_CANCELLED: on_text said so.  ERR_UNAVAILABLE: the server reports an
 * error, or sends what is no event.  ERR_TOO_LARGE: over one of the limits.
 * Bytes after the end of the answer are ignored. */
enum err_code chat_stream_feed(struct chat_stream *s, struct slice bytes,
                               struct err *e) CHECKED;
/* The connection has ended in order.  ERR_UNAVAILABLE: the answer had not, or
 * has no text. */
enum err_code chat_stream_end(struct chat_stream *s, struct chat_result *out,
                              struct err *e) CHECKED;
bool chat_stream_is_done(const struct chat_stream *s); /* "[DONE]" has come */

#endif
