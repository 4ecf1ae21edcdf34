/* exchange.c - the life of an exchange, and what a handler reads and answers
 * with (request.h). */
#include "net/exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "net/shared_body.h"

/* Buffers up to this size are kept for the next request. */
#define KEEP_BUFFER ((size_t)64 << 10)
#define REST_MAX ((size_t)64 << 10) /* what one read can bring */
#define HEAD_MAX ((size_t)64 << 10)

struct exchange *exchange_new(struct server *s, struct router *rt)
{
    struct exchange *x = mem_alloc(sizeof(*x));

    if (!x)
        return NULL;
    memset(x, 0, sizeof(*x));
    x->r.arena = arena_new(EXCHANGE_MAX_ARENA);
    if (!x->r.arena) {
        mem_free(x);
        return NULL;
    }
    x->server = s;
    x->router = rt;
    x->r.exchange = x;
    buf_init(&x->out, REPLY_MAX_BODY);
    buf_init(&x->gz, REPLY_MAX_BODY);
    buf_init(&x->head_out, HEAD_MAX);
    buf_init(&x->body, 0);
    buf_init(&x->rest, REST_MAX);
    http_parse_init(&x->parse, x->r.arena);
    return x;
}

static void slim(struct buf *b)
{
    size_t max = b->max;

    if (b->cap <= KEEP_BUFFER) {
        buf_clear(b);
        return;
    }
    buf_release(b);
    buf_init(b, max);
}

/* What belongs to one request and is not plain memory of the exchange. */
static void drop_request(struct exchange *x)
{
    json_decref(x->json);
    shared_body_unref(x->reply.shared);
    if (x->has_stream) {
        buf_release(&x->stream.waiting);
        buf_release(&x->stream.sending);
        pthread_cond_destroy(&x->stream.room);
        pthread_mutex_destroy(&x->stream.lock);
    }
}

void exchange_reset(struct exchange *x)
{
    struct exchange old = *x;

    drop_request(x);
    arena_reset(old.r.arena);
    slim(&old.out);
    slim(&old.gz);
    slim(&old.head_out);
    slim(&old.body);
    slim(&old.rest);
    memset(x, 0, sizeof(*x));
    x->r.arena = old.r.arena;
    x->r.exchange = x;
    x->server = old.server;
    x->router = old.router;
    x->out = old.out;
    x->gz = old.gz;
    x->head_out = old.head_out;
    x->body = old.body;
    x->rest = old.rest;
    http_parse_init(&x->parse, x->r.arena);
}

void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    drop_request(x);
    buf_release(&x->out);
    buf_release(&x->gz);
    buf_release(&x->head_out);
    buf_release(&x->body);
    buf_release(&x->rest);
    arena_free(x->r.arena);
    mem_free(x);
}

/* ---- reading ---- */

static struct exchange *exchange_of(const struct request *r)
{
    return r->exchange;
}

static const struct param_value *value_of(const struct request *r,
                                          const char *name)
{
    const struct param *p = r->route->params;
    size_t i;

    for (i = 0; p && p[i].name; i++)
        if (strcmp(p[i].name, name) == 0)
            return &exchange_of(r)->values[i];
    assert(!"the route declares no such parameter");
    abort();
}

bool request_has(const struct request *r, const char *name)
{
    return value_of(r, name)->given;
}

struct slice request_str(const struct request *r, const char *name)
{
    return value_of(r, name)->text;
}

int64_t request_int(const struct request *r, const char *name)
{
    return value_of(r, name)->i;
}

double request_num(const struct request *r, const char *name)
{
    return value_of(r, name)->d;
}

bool request_bool(const struct request *r, const char *name)
{
    return value_of(r, name)->i != 0;
}

int64_t request_time(const struct request *r, const char *name)
{
    return value_of(r, name)->i;
}

const json_t *request_value(const struct request *r, const char *name)
{
    return value_of(r, name)->json;
}

struct slice request_file(const struct request *r, const char *name,
                          struct slice *filename)
{
    *filename = value_of(r, name)->filename;
    return value_of(r, name)->text;
}

static void add_digest(struct buf *b, struct slice s)
{
    uint8_t sha256[32];

    crypto_sha256(sha256, s);
    buf_add(b, sha256, sizeof(sha256));
}

void request_digest(const struct request *r, uint8_t sha256[32])
{
    const struct param *p = r->route->params;
    const struct param_value *v = exchange_of(r)->values;
    struct buf b;

    if (!r->route->form_body) {
        crypto_sha256(sha256, r->body);
        return;
    }
    buf_init(&b, 64 << 10);
    for (size_t i = 0; p && p[i].name; i++) {
        if (p[i].in != IN_BODY || !v[i].given)
            continue;
        add_digest(&b, slice_of(p[i].name));
        add_digest(&b, v[i].filename);
        add_digest(&b, v[i].text);
    }
    crypto_sha256(sha256, buf_slice(&b));
    buf_release(&b);
}

struct slice request_header(const struct request *r, const char *name)
{
    struct slice all = SLICE_NONE;
    char *joined;
    size_t i;

    for (i = 0; i < r->n_headers; i++) {
        const struct slice v = r->headers[i].value;

        if (!slice_is_nocase(r->headers[i].name, name))
            continue;
        if (!all.p) {
            all = v;
            continue;
        }
        joined = arena_alloc(r->arena, all.len + v.len + 2);
        if (!joined)
            return all;
        memcpy(joined, all.p, all.len);
        memcpy(joined + all.len, ", ", 2);
        memcpy(joined + all.len + 2, v.p, v.len);
        all = (struct slice){joined, all.len + v.len + 2};
    }
    return all;
}

/* ---- answering ---- */

/* Forget the body that was begun, keep the headers. */
static void begin_reply(struct exchange *x, int status, const char *type)
{
    struct reply *y = &x->reply;
    size_t n = strnlen(type, sizeof(y->type) - 1);

    shared_body_unref(y->shared);
    y->shared = NULL;
    y->fixed = NULL;
    y->out = NULL;
    y->status = status;
    y->has_body = false;
    memcpy(y->type, type, n);
    y->type[n] = '\0';
    buf_clear(&x->out);
}

struct buf *reply_text(struct request *r, int status, const char *content_type)
{
    struct exchange *x = exchange_of(r);

    begin_reply(x, status, content_type);
    x->reply.has_body = true;
    x->reply.out = &x->out;
    return &x->out;
}

struct buf *reply_json(struct request *r, int status)
{
    return reply_text(r, status, "application/json");
}

void reply_shared(struct request *r, int status, struct shared_body *body)
{
    struct exchange *x = exchange_of(r);

    shared_body_ref(body);
    begin_reply(x, status, shared_body_type(body));
    x->reply.has_body = true;
    x->reply.shared = body;
}

void reply_static(struct request *r, int status, const struct static_body *b)
{
    struct exchange *x = exchange_of(r);

    begin_reply(x, status, b->type);
    x->reply.has_body = true;
    x->reply.fixed = b;
}

bool request_gone(const struct request *r)
{
    return atomic_load(&r->exchange->gone);
}

void reply_momentary(struct request *r)
{
    exchange_of(r)->reply.momentary = true;
}

void reply_error(struct request *r, int status, const char *field,
                 const char *msg)
{
    reply_problem(exchange_of(r), status, field, msg);
}

void reply_empty(struct request *r, int status)
{
    begin_reply(exchange_of(r), status, "");
}

void reply_header(struct request *r, const char *name, const char *value)
{
    struct reply *y = &exchange_of(r)->reply;
    struct reply_header *h;
    const char *copy;
    size_t i;

    assert(!strpbrk(name, "\r\n") && !strpbrk(value, "\r\n"));
    copy = arena_strdup(r->arena, value);
    if (!copy)
        return;
    for (i = 0; i < y->n_headers; i++) {
        h = &y->headers[i];
        /* The same name again replaces, but for what may come in numbers. */
        if (strcasecmp(h->name, name) == 0 &&
            strcasecmp(name, "Set-Cookie") != 0)
            break;
    }
    assert(i < REPLY_MAX_HEADERS);
    if (i == y->n_headers)
        y->n_headers++;
    y->headers[i] = (struct reply_header){name, slice_of(copy)};
}
