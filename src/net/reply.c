/* reply.c - from what a handler said to the bytes on the wire: errors in the
 * right envelope, conditions, compression, headers. */
#include "net/exchange.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "net/gzip.h"
#include "net/shared_body.h"

/* The one table from what went wrong to what the client is told.  A text here
 * hides the error's own: what is inside stays inside. */
static const struct {
    int status;
    const char *text;
} statuses[ERR_N] = {
    [ERR_NONE] = {200, NULL},
    [ERR_INVALID] = {400, NULL},
    [ERR_UNAUTHORIZED] = {401, NULL},
    [ERR_FORBIDDEN] = {403, NULL},
    [ERR_NOT_FOUND] = {404, NULL},
    [ERR_CONFLICT] = {409, NULL},
    [ERR_TOO_LARGE] = {413, NULL},
    [ERR_UNPROCESSABLE] = {422, NULL},
    [ERR_LIMIT] = {429, NULL},
    [ERR_INTERNAL] = {500, "internal error"},
    [ERR_UNAVAILABLE] = {503, "temporarily unavailable; please try again"},
    [ERR_TIMEOUT] = {504, "a service behind this one did not answer in time"},
    [ERR_NO_SPACE] = {507, "the disk is full: reading goes on, and writing "
                           "resumes by itself when there is room"},
    [ERR_CANCELLED] = {503, "the server is stopping; please try again"},
};

int http_status_of(enum err_code code)
{
    return code < ERR_N ? statuses[code].status : 500;
}

/* ---- errors ---- */

#define ID_TEXT 17

static void id_text(const struct exchange *x, char out[ID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    int i;

    for (i = 0; i < 16; i++)
        out[i] = digits[(x->r.id >> (60 - 4 * i)) & 15];
    out[16] = '\0';
}

static bool has_header(const struct exchange *x, const char *name)
{
    size_t i;

    for (i = 0; i < x->reply.n_headers; i++)
        if (strcasecmp(x->reply.headers[i].name, name) == 0)
            return true;
    return false;
}

/* As OpenAI's servers write it: its clients look at type and code. */
static void write_openai_problem(struct jw *j, int status, const char *field,
                                 const char *msg, const char *error_id)
{
    const char *type = status == 429   ? "requests"
                       : status >= 500 ? "server_error"
                                       : "invalid_request_error";
    const char *code = NULL;

    if (status == 429)
        code = "rate_limit_exceeded";
    else if (status == 401)
        code = "invalid_api_key";
    else if (status == 404 && field && strcmp(field, "model") == 0)
        code = "model_not_found";
    jw_obj(j);
    jw_key(j, "error");
    jw_obj(j);
    jw_kstr(j, "message", msg);
    jw_kstr(j, "type", type);
    jw_kstr(j, "param", field && field[0] ? field : NULL);
    jw_kstr(j, "code", code);
    if (error_id)
        jw_kstr(j, "error_id", error_id);
    jw_end_obj(j);
    jw_end_obj(j);
}

/* Engine.IO's codes: 4 is "Forbidden", 3 "Bad request". */
static void write_engine_problem(struct jw *j, int status, const char *msg,
                                 const char *error_id)
{
    jw_obj(j);
    jw_kint(j, "code", status == 401 || status == 403 ? 4 : 3);
    jw_kstr(j, "message", msg);
    if (error_id)
        jw_kstr(j, "error_id", error_id);
    jw_end_obj(j);
}

/* As Chroma's server writes it: its Python client makes an exception of the
 * name, its JavaScript client one of the status.  Where a status has no name of
 * its own the server says ChromaError. */
static void write_chroma_problem(struct jw *j, int status, const char *msg,
                                 const char *error_id)
{
    static const struct {
        int status;
        const char *name;
    } names[] = {{400, "InvalidArgumentError"}, {401, "AuthorizationError"},
                 {404, "NotFoundError"},        {413, "BatchSizeExceededError"},
                 {429, "RateLimitError"},       {500, "InternalError"},
                 {503, "InternalError"},        {504, "InternalError"},
                 {507, "InternalError"}};
    const char *name = "ChromaError";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].status == status)
            name = names[i].name;
    jw_obj(j);
    jw_kstr(j, "error", name);
    jw_kstr(j, "message", msg);
    if (error_id)
        jw_kstr(j, "error_id", error_id);
    jw_end_obj(j);
}

static void write_own_problem(struct jw *j, bool drf, const char *field,
                              const char *msg, const char *error_id)
{
    jw_obj(j);
    jw_kstr(j, drf ? "detail" : "error", msg);
    if (field && field[0] && !drf) {
        jw_key(j, "detail");
        jw_obj(j);
        jw_kstr(j, "field", field);
        jw_end_obj(j);
    }
    if (error_id)
        jw_kstr(j, "error_id", error_id);
    jw_end_obj(j);
}

static void write_problem(struct exchange *x, int status, const char *field,
                          const char *msg, const char *error_id)
{
    struct jw j;

    jw_init(&j, reply_json(&x->r, status));
    if (x->envelope == ENVELOPE_OPENAI)
        write_openai_problem(&j, status, field, msg, error_id);
    else if (x->envelope == ENVELOPE_ENGINE)
        write_engine_problem(&j, status, msg, error_id);
    else if (x->envelope == ENVELOPE_CHROMA)
        write_chroma_problem(&j, status, msg, error_id);
    else
        write_own_problem(&j, x->envelope == ENVELOPE_DRF, field, msg,
                          error_id);
    if ((status == 429 || status == 503) && !has_header(x, "Retry-After"))
        reply_header(&x->r, "Retry-After", "1");
}

void reply_problem(struct exchange *x, int status, const char *field,
                   const char *msg)
{
    write_problem(x, status, field, msg, NULL);
}

void reply_err(struct exchange *x, const struct err *e)
{
    enum err_code code = e->code < ERR_N ? e->code : ERR_INTERNAL;
    int status = statuses[code].status;
    const char *text = statuses[code].text;
    char id[ID_TEXT];

    if (!text) {
        write_problem(x, status, e->field, e->msg, NULL);
        return;
    }
    id_text(x, id);
    log_at(code == ERR_INTERNAL ? LOG_ERROR : LOG_WARN, "http",
           "request failed", LOG_S("error_id", id),
           LOG_SL("method", x->head.method_text), LOG_SL("path", x->r.path),
           LOG_S("code", err_name(code)), LOG_S("error", e->msg));
    write_problem(x, status, NULL, text, id);
}

/* ---- the head ---- */

/* Sent with every reply.  Replies that are pages set a policy of their own. */
static const char security_headers[] = "X-Content-Type-Options: nosniff\r\n"
                                       "Referrer-Policy: no-referrer\r\n"
                                       "X-Frame-Options: DENY\r\n";
static const char csp_data[] =
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";
static const char csp_page[] =
    "Content-Security-Policy: default-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; object-src 'none'\r\n";

static void add_literal(struct buf *b, const char *s, size_t len)
{
    buf_add(b, s, len);
}
#define ADD(b, literal) add_literal((b), "" literal, sizeof(literal) - 1)

static void add_status(struct buf *b, int status)
{
    if (status == 200) {
        ADD(b, "HTTP/1.1 200 OK\r\n");
        return;
    }
    ADD(b, "HTTP/1.1 ");
    buf_add_u64(b, (uint64_t)status);
    buf_add_char(b, ' ');
    buf_add_str(b, http_reason(status));
    ADD(b, "\r\n");
}

/* The text of Date changes once a second; each thread keeps its own. */
static void add_date(struct buf *b)
{
    static _Thread_local char text[CLOCK_TEXT];
    static _Thread_local int64_t second = -1;
    static _Thread_local size_t len;
    int64_t now = clock_now_us() / US_PER_S;

    if (now != second) {
        second = now;
        len = clock_format_http(text, now * US_PER_S);
    }
    ADD(b, "Date: ");
    buf_add(b, text, len);
    ADD(b, "\r\n");
}

static void add_connection(struct exchange *x, struct buf *b)
{
    if (!x->keep_alive)
        ADD(b, "Connection: close\r\n");
    else if (x->head.minor == 0)
        ADD(b, "Connection: keep-alive\r\n");
}

static void add_own_headers(struct exchange *x, struct buf *b)
{
    const struct reply *y = &x->reply;
    char id[ID_TEXT];
    size_t i;

    id_text(x, id);
    ADD(b, "X-Request-Id: ");
    buf_add(b, id, ID_TEXT - 1);
    ADD(b, "\r\n");
    add_literal(b, security_headers, sizeof(security_headers) - 1);
    if (!has_header(x, "Content-Security-Policy"))
        buf_add_str(b, strncmp(y->type, "text/html", 9) == 0 ? csp_page
                                                             : csp_data);
    if (x->cors) {
        ADD(b, "Access-Control-Allow-Origin: ");
        buf_add_str(b, x->cors);
        ADD(b, "\r\nAccess-Control-Expose-Headers: "
               "ETag, Retry-After, X-Request-Id\r\n");
    }
    for (i = 0; i < y->n_headers; i++) {
        buf_add_str(b, y->headers[i].name);
        ADD(b, ": ");
        buf_add_slice(b, y->headers[i].value);
        ADD(b, "\r\n");
    }
}

static void add_vary(struct exchange *x, struct buf *b, bool encoding)
{
    bool origin = x->cors && strcmp(x->cors, "*") != 0;

    if (encoding && origin)
        ADD(b, "Vary: Accept-Encoding, Origin\r\n");
    else if (encoding)
        ADD(b, "Vary: Accept-Encoding\r\n");
    else if (origin)
        ADD(b, "Vary: Origin\r\n");
}

/* What is known about the body when the head is written. */
struct entity {
    struct slice bytes;
    const char *etag; /* "" : none */
    bool varies;      /* by Accept-Encoding */
    bool gzip;
};

static void build_head(struct exchange *x, const struct entity *body)
{
    struct reply *y = &x->reply;
    struct buf *b = &x->head_out;
    bool get = x->r.method == HTTP_GET || x->r.method == HTTP_HEAD;

    add_status(b, y->status);
    add_date(b);
    if (y->has_body) {
        ADD(b, "Content-Type: ");
        buf_add_str(b, y->type);
        ADD(b, "\r\n");
    }
    if (y->status != 204 && y->status != 304) {
        ADD(b, "Content-Length: ");
        buf_add_u64(b, body->bytes.len);
        ADD(b, "\r\n");
    }
    if (body->gzip && y->has_body)
        ADD(b, "Content-Encoding: gzip\r\n");
    if (body->etag[0]) {
        ADD(b, "ETag: ");
        buf_add_str(b, body->etag);
        ADD(b, "\r\n");
    }
    if (!has_header(x, "Cache-Control"))
        buf_add_str(b, get && body->etag[0] ? "Cache-Control: no-cache\r\n"
                                            : "Cache-Control: no-store\r\n");
    add_vary(x, b, body->varies);
    add_connection(x, b);
    add_own_headers(x, b);
    ADD(b, "\r\n");
}

/* ---- finishing ---- */

static bool takes_gzip(const struct exchange *x)
{
    return gzip_accepted(request_header(&x->r, "Accept-Encoding"));
}

/* A file of the program that is kept packed, for a client that takes it only
 * plain: unpack it.  false: that failed. */
static bool unpack_fixed(struct exchange *x)
{
    const struct static_body *b = x->reply.fixed;

    buf_clear(&x->gz);
    return !b || !b->gzip || takes_gzip(x) ||
           gunzip_bytes(b->kept, b->len, &x->gz);
}

/* Choose the form of the body that the client takes. */
static void negotiate(struct exchange *x, struct entity *body)
{
    struct reply *y = &x->reply;
    struct slice small;

    if (y->fixed) {
        body->varies = y->fixed->gzip;
        body->gzip = y->fixed->gzip && takes_gzip(x);
        if (y->fixed->gzip && !body->gzip)
            body->bytes = buf_slice(&x->gz);
        return;
    }
    if (y->momentary || body->bytes.len < GZIP_MIN || !gzip_type(y->type) ||
        has_header(x, "Content-Encoding"))
        return;
    body->varies = true;
    if (!takes_gzip(x))
        return;
    if (y->shared) {
        small = shared_body_gzip(y->shared);
    } else {
        buf_clear(&x->gz);
        small =
            gzip_bytes(body->bytes, &x->gz) ? buf_slice(&x->gz) : SLICE_NONE;
    }
    if (!small.p)
        return;
    body->bytes = small;
    body->gzip = true;
}

/* Is the copy that the client has still good? */
static bool not_modified(struct exchange *x, const char *etag)
{
    struct slice held = request_header(&x->r, "If-None-Match");

    return held.p && etag_matches(held, etag);
}

static void spoilt(struct exchange *x, const char *why)
{
    struct err e = {0};

    (void)err_set(&e, ERR_INTERNAL, "%s", why);
    reply_err(x, &e);
}

void reply_finish(struct exchange *x)
{
    struct reply *y = &x->reply;
    struct entity body = {.etag = ""};
    char etag[ETAG_TEXT], gzip_etag[ETAG_TEXT];
    bool get = x->r.method == HTTP_GET || x->r.method == HTTP_HEAD;

    if (y->out && !buf_ok(y->out))
        spoilt(x, "the reply passed its maximum");
    else if (!unpack_fixed(x))
        spoilt(x, "a file of the program does not unpack");
    if (y->shared)
        body.bytes = shared_body_bytes(y->shared);
    else if (y->fixed)
        body.bytes = y->fixed->kept;
    else if (y->out)
        body.bytes = buf_slice(y->out);
    if (get && y->status == 200 && y->has_body && !y->momentary &&
        !has_header(x, "ETag")) {
        if (y->shared)
            memcpy(etag, shared_body_etag(y->shared), ETAG_TEXT);
        else if (y->fixed)
            snprintf(etag, sizeof(etag), "%s", y->fixed->etag);
        else
            etag_of(body.bytes, etag);
        body.etag = etag;
    }
    if (y->has_body && !(body.etag[0] && not_modified(x, etag)))
        negotiate(x, &body);
    else if (body.etag[0]) {
        y->status = 304;
        y->has_body = false;
        body.bytes = SLICE_NONE;
        body.varies = gzip_type(y->type);
    }
    if (body.gzip && body.etag[0]) {
        etag_for_gzip(etag, gzip_etag);
        body.etag = gzip_etag;
    }
    if (y->close || server_stopping(x->server))
        x->keep_alive = false;
    buf_clear(&x->head_out);
    build_head(x, &body);
    x->payload = x->r.method == HTTP_HEAD ? SLICE_NONE : body.bytes;
}

void reply_build_stream_head(struct exchange *x)
{
    struct buf *b = &x->head_out;

    buf_clear(b);
    add_status(b, x->reply.status);
    add_date(b);
    ADD(b, "Content-Type: ");
    buf_add_str(b, x->reply.type);
    ADD(b, "\r\n");
    if (x->chunked)
        ADD(b, "Transfer-Encoding: chunked\r\n");
    if (!has_header(x, "Cache-Control"))
        ADD(b, "Cache-Control: no-store\r\n");
    ADD(b, "X-Accel-Buffering: no\r\n"); /* or a proxy holds events back */
    add_vary(x, b, false);
    add_connection(x, b);
    add_own_headers(x, b);
    ADD(b, "\r\n");
}
