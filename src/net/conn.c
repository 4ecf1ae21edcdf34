/* conn.c - one connection, from accept to close.
 *
 *     accept -> IDLE -> HEAD -> BODY -> RUNNING -> WRITING -> IDLE ...
 *                                          `-> STREAMING -'      `-> LINGER
 *
 * Requests of a connection are answered one after the other: what a client
 * sends ahead (pipelining) stays unparsed, at most one read's worth, and then
 * reading stops until its turn comes.
 *
 * Every phase has a deadline that starts with the phase; bytes that trickle in
 * do not renew it.  Bodies and replies, whose length is the client's business,
 * are given more time at the rate of MIN_RATE.
 *
 * A connection ends by shutting down our side and reading on for a moment
 * (LINGER): a close with unread bytes would send a reset, and a reset can
 * destroy a reply that the client has not read yet (RFC 9112, 9.6).
 */
#include "net/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/router_impl.h"

#define MIN_RATE 4 /* bytes a millisecond: 4 kB/s */
#define LINGER_MS 2000
/* A proxy sends on the whole of a body that it has, and takes a reset for the
 * end of us, not for our 413. */
#define LINGER_MAX_BYTES ((size_t)64 << 20)

static void consume(struct conn *c, char *data, size_t len);
static void send_reply(struct conn *c);

/* ---- phases ---- */

static bool is_busy(enum conn_phase p)
{
    return p != CONN_IDLE && p < CONN_PARKED;
}

static void enter(struct conn *c, enum conn_phase phase, int64_t timeout_ms)
{
    struct server *s = c->server;

    s->busy += (int)is_busy(phase) - (int)is_busy(c->phase);
    c->phase = (uint8_t)phase;
    c->phase_began_ms = (int64_t)uv_now(&s->loop);
    c->mark = 0;
    if (timeout_ms >= 0)
        server_set_deadline(s, &c->deadline, c->phase_began_ms + timeout_ms);
    else
        wheel_cancel(&s->wheel, &c->deadline);
}

/* Give the exchange back unless somebody still uses it. */
static void release_unused(struct exchange *x)
{
    if (!x->conn && !x->with_worker && !x->writing)
        server_give_exchange(x->server, x);
}

/* Tell whoever has the connection, though no request is at hand. */
static void tell_gone(struct conn *c)
{
    struct parked *p = c->parked;
    const struct conn_guest *ops = c->guest_ops;

    c->parked = NULL;
    c->guest_ops = NULL;
    if (p) {
        p->gone(p->ctx);
        parked_free(p);
    }
    if (ops)
        ops->gone(c->guest);
}

/* The connection lets go of its exchange. */
static void let_go(struct conn *c)
{
    struct exchange *x = c->x;

    tell_gone(c);
    if (!x)
        return;
    c->x = NULL;
    x->conn = NULL;
    atomic_store(&x->gone, true);
    if (x->has_stream)
        stream_abandon(x);
    release_unused(x);
}

static void on_closed(uv_handle_t *h)
{
    struct conn *c = (struct conn *)h;
    struct server *s = c->server;

    peer_leave(s, c->peer);
    atomic_fetch_sub_explicit(&s->connections, 1, memory_order_relaxed);
    mem_free(c);
    server_check_stop(s);
}

void conn_close(struct conn *c)
{
    if (c->closing)
        return;
    c->closing = true;
    enter(c, CONN_LINGER, -1);
    let_go(c);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* ---- reading ---- */

/* All connections read into one buffer: what is read is used before the next
 * read, or copied. */
static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct conn *c = (struct conn *)h;

    (void)suggested;
    *out = uv_buf_init(c->server->read_buffer, READ_BUFFER);
}

static void on_eof(struct conn *c)
{
    c->eof = true;
    c->reading = false;
    switch ((enum conn_phase)c->phase) {
    case CONN_RUNNING:
    case CONN_STREAMING:
        /* Half a close is a right, and most often all of one.  A stream is
         * cut, since its work may be long and for nobody. */
        if (c->x->has_stream)
            conn_close(c);
        break;
    case CONN_WRITING:
        break;
    case CONN_BODY:
        reply_problem(c->x, 400, NULL, "the request ends before its body does");
        c->x->reply.close = true;
        reply_finish(c->x);
        send_reply(c);
        break;
    default:
        conn_close(c);
        break;
    }
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = (struct conn *)h;

    if (n > 0)
        consume(c, b->base, (size_t)n);
    else if (n == UV_EOF)
        on_eof(c);
    else if (n < 0)
        conn_close(c);
}

static void start_reading(struct conn *c)
{
    if (c->reading || c->eof || c->closing)
        return;
    if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read))
        conn_close(c);
    else
        c->reading = true;
}

/* Bytes of a later request: keep them, and read no more until its turn. */
static void keep_for_later(struct conn *c, const char *data, size_t len)
{
    struct buf *rest = c->parked ? &c->parked->rest : &c->x->rest;

    buf_add(rest, data, len);
    if (!buf_ok(rest)) {
        conn_close(c);
        return;
    }
    uv_read_stop((uv_stream_t *)&c->tcp);
    c->reading = false;
}

static void discard(struct conn *c, size_t len)
{
    c->mark += len;
    if (c->mark > LINGER_MAX_BYTES)
        conn_close(c);
}

/* ---- the end of a reply ---- */

static void note_reply(struct conn *c)
{
    struct exchange *x = c->x;
    struct server *s = c->server;
    int class = x->reply.status / 100;

    if (class >= 1 && class <= 5)
        atomic_fetch_add_explicit(&s->by_class[class], 1, memory_order_relaxed);
    log_debug("http", "request", LOG_I("id", (int64_t)x->r.id),
              LOG_SL("method", x->head.method_text),
              LOG_SL("target", x->head.target),
              LOG_I("status", x->reply.status),
              LOG_I("bytes", (int64_t)x->payload.len),
              LOG_I("us", clock_mono_us() - x->began_us),
              LOG_SL("client", x->r.client));
}

void conn_linger(struct conn *c)
{
    uv_os_fd_t fd;

    let_go(c);
    if (c->eof || uv_fileno((uv_handle_t *)&c->tcp, &fd) ||
        shutdown(fd, SHUT_WR)) {
        conn_close(c);
        return;
    }
    enter(c, CONN_LINGER, LINGER_MS);
    start_reading(c);
    server_check_stop(c->server);
}

/* The reply is out: on to the next request. */
static void reply_done(struct conn *c)
{
    struct exchange *x = c->x;
    struct buf rest;

    note_reply(c);
    c->served = true;
    if (!x->keep_alive || (c->eof && x->rest.len == 0)) {
        conn_linger(c);
        return;
    }
    rest = x->rest;
    buf_init(&x->rest, rest.max);
    c->x = NULL;
    x->conn = NULL;
    release_unused(x);
    enter(c, CONN_IDLE, c->server->opt.idle_timeout_ms);
    if (!c->consuming) {
        consume(c, rest.p, rest.len);
        if (c->eof && !c->closing && c->phase <= CONN_BODY)
            conn_close(c);
        else if (c->phase <= CONN_BODY)
            start_reading(c);
        server_check_stop(c->server);
    }
    buf_release(&rest);
}

/* ---- writing ---- */

static void pump_stream(struct conn *c);

static void on_written(uv_write_t *req, int status)
{
    struct exchange *x = req->data;
    struct conn *c = x->conn;

    x->writing = false;
    if (!c) {
        release_unused(x);
        return;
    }
    if (status < 0) {
        conn_close(c);
        return;
    }
    if (!x->streaming) {
        reply_done(c);
        return;
    }
    stream_taken_written(x);
    pump_stream(c);
}

/* Hand bufs to the kernel; what it does not take at once is written later.
 * true: all is out. */
static bool write_out(struct conn *c, uv_buf_t *bufs, unsigned n)
{
    struct exchange *x = c->x;
    int wrote = uv_try_write((uv_stream_t *)&c->tcp, bufs, n);
    size_t left;

    if (wrote == UV_EAGAIN)
        wrote = 0;
    if (wrote < 0) {
        conn_close(c);
        return false;
    }
    left = (size_t)wrote;
    while (n > 0 && left >= bufs->len) {
        left -= bufs->len;
        bufs++;
        n--;
    }
    if (n == 0)
        return true;
    bufs->base += left;
    bufs->len -= left;
    x->write.data = x;
    if (uv_write(&x->write, (uv_stream_t *)&c->tcp, bufs, n, on_written)) {
        conn_close(c);
        return false;
    }
    x->writing = true;
    enter(c, x->streaming ? CONN_STREAMING : CONN_WRITING,
          c->server->opt.write_timeout_ms);
    c->mark = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
    return false;
}

static void send_reply(struct conn *c)
{
    struct exchange *x = c->x;
    uv_buf_t bufs[2];
    unsigned n = 1;

    bufs[0] = uv_buf_init(x->head_out.p, (unsigned)x->head_out.len);
    if (x->payload.len > 0)
        bufs[n++] = uv_buf_init((char *)x->payload.p, (unsigned)x->payload.len);
    if (write_out(c, bufs, n))
        reply_done(c);
}

/* Write what waits; when there is nothing and the handler is done, end. */
static void pump_stream(struct conn *c)
{
    struct exchange *x = c->x;
    uv_buf_t b;

    while (!x->writing) {
        if (!stream_take(x)) {
            wheel_cancel(&c->server->wheel, &c->deadline);
            if (!x->with_worker)
                reply_done(c);
            return;
        }
        b = uv_buf_init(x->stream.sending.p, (unsigned)x->stream.sending.len);
        if (!write_out(c, &b, 1))
            return; /* under way, or closed */
        stream_taken_written(x);
    }
}

void conn_stream_ready(struct exchange *x)
{
    if (x->conn)
        pump_stream(x->conn);
}

void conn_handled(struct exchange *x)
{
    struct conn *c = x->conn;

    x->with_worker = false;
    if (!c) {
        release_unused(x);
        return;
    }
    if (!x->streaming) {
        send_reply(c);
        return;
    }
    stream_end(x);
    if (x->stream_failed)
        conn_close(c); /* without the last chunk the client knows */
    else
        pump_stream(c);
}

/* ---- requests ---- */

/* Runs on a worker. */
static void run_and_return(void *arg)
{
    struct exchange *x = arg;

    router_run(x);
    server_push_done(x->server, x);
}

/* The handler has parked the request or taken the connection. */
static void no_reply_yet(struct conn *c)
{
    struct exchange *x = c->x;

    c->parked = x->parked;
    c->guest_ops = x->guest_ops;
    c->guest = x->guest;
    c->x = NULL;
    x->conn = NULL;
    x->parked = NULL;
    release_unused(x);
    enter(c, c->parked ? CONN_PARKED : CONN_GUEST, -1);
}

void conn_answer(struct conn *c)
{
    enter(c, CONN_RUNNING, -1);
    send_reply(c);
}

void conn_guest_waits(struct conn *c, bool waits)
{
    enter(c, CONN_GUEST, waits ? c->server->opt.write_timeout_ms : -1);
    if (waits)
        c->mark = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
}

/* The request is complete: let its handler have it. */
static void dispatch(struct conn *c)
{
    struct exchange *x = c->x;
    struct server *s = c->server;
    enum run_where where = x->r.route->run;

    if (where == ON_LOOP) {
        router_run(x);
        if (x->parked || x->guest_ops)
            no_reply_yet(c);
        else
            send_reply(c);
        return;
    }
    enter(c, CONN_RUNNING, -1);
    if (where == ON_STREAM)
        stream_prepare(x);
    x->with_worker = true;
    if (pool_submit(where == ON_STREAM ? s->streams : s->requests,
                    run_and_return, x))
        return;
    x->with_worker = false;
    atomic_fetch_add_explicit(&s->rejected_total, 1, memory_order_relaxed);
    reply_problem(x, 503, NULL,
                  "too many requests are waiting; "
                  "please try again");
    reply_finish(x);
    send_reply(c);
}

/* Answer before the request is complete, or because it never will be. */
static void refuse(struct conn *c, int status, const char *msg)
{
    struct exchange *x = c->x;

    reply_problem(x, status, NULL, msg);
    x->reply.close = true;
    reply_finish(x);
    send_reply(c);
}

static void refuse_fault(struct conn *c, const struct http_fault *f)
{
    const char *msg =
        arena_printf(c->x->r.arena, "%s (at byte %zu)", f->why, f->at);

    refuse(c, f->status, msg ? msg : f->why);
}

static void begin_request(struct conn *c)
{
    struct server *s = c->server;
    struct exchange *x = server_take_exchange(s);

    c->x = x;
    x->conn = c;
    x->began_us = clock_mono_us();
    x->r.id = s->next_id++;
    x->server_url = s->url;
    memcpy(x->peer, c->peer->text, sizeof(x->peer));
    x->r.client = slice_of(x->peer);
    enter(c, CONN_HEAD, s->opt.header_timeout_ms);
}

static bool wants_body(const struct exchange *x)
{
    return x->body_in.state != BODY_FINISHED;
}

/* The head is complete; `more`: bytes of the body are already here. */
static void head_done(struct conn *c, bool more)
{
    struct exchange *x = c->x;
    uv_buf_t go = uv_buf_init("HTTP/1.1 100 Continue\r\n\r\n", 25);

    atomic_fetch_add_explicit(&c->server->requests_total, 1,
                              memory_order_relaxed);
    x->keep_alive = x->head.keep_alive;
    http_body_init(&x->body_in, &x->head);
    router_admit(x);
    if (x->reply.status) {
        if (wants_body(x))
            x->reply.close = true; /* it will not be read */
        reply_finish(x);
        send_reply(c);
        return;
    }
    if (!wants_body(x)) {
        dispatch(c);
        return;
    }
    buf_clear(&x->body);
    x->body.max = x->max_body;
    enter(c, CONN_BODY, c->server->opt.body_timeout_ms);
    if (x->head.expect_continue && !more &&
        uv_try_write((uv_stream_t *)&c->tcp, &go, 1) < 0)
        conn_close(c);
}

static size_t take_head(struct conn *c, const char *data, size_t len)
{
    struct exchange *x = c->x;
    size_t used = 0;

    switch (http_parse_feed(&x->parse, data, len, &used, &x->head)) {
    case HTTP_MORE:
        break;
    case HTTP_DONE:
        head_done(c, used < len);
        break;
    case HTTP_BAD:
        refuse_fault(c, &x->parse.fault);
        return len; /* nothing after it can be understood */
    }
    return used;
}

static size_t take_body(struct conn *c, const char *data, size_t len)
{
    struct exchange *x = c->x;
    struct slice piece;
    size_t used;
    enum http_progress p =
        http_body_feed(&x->body_in, data, len, &used, &piece);

    if (p == HTTP_BAD) {
        refuse_fault(c, &x->body_in.fault);
        return len;
    }
    if (piece.len > 0) {
        buf_add_slice(&x->body, piece);
        if (!buf_ok(&x->body)) {
            refuse(c, 413, "the body is larger than this path takes");
            return len;
        }
    }
    if (p == HTTP_DONE) {
        x->r.body = buf_slice(&x->body);
        dispatch(c);
    }
    return used;
}

static void consume(struct conn *c, char *data, size_t len)
{
    size_t used;

    c->consuming = true;
    while (len > 0 && !c->closing) {
        switch ((enum conn_phase)c->phase) {
        case CONN_IDLE:
            begin_request(c);
            used = take_head(c, data, len);
            break;
        case CONN_HEAD:
            used = take_head(c, data, len);
            break;
        case CONN_BODY:
            used = take_body(c, data, len);
            break;
        case CONN_GUEST:
            c->guest_ops->data(c->guest, data, len);
            used = len;
            break;
        case CONN_LINGER:
            discard(c, len);
            used = len;
            break;
        default:
            keep_for_later(c, data, len);
            used = len;
            break;
        }
        data += used;
        len -= used;
    }
    c->consuming = false;
}

/* ---- deadlines ---- */

/* Moved `n` bytes since the phase began or was last looked at? */
static bool fast_enough(size_t n, int64_t timeout_ms)
{
    return n >= (size_t)timeout_ms * MIN_RATE;
}

static void body_deadline(struct conn *c)
{
    int64_t timeout = c->server->opt.body_timeout_ms;
    size_t got = c->x->body_in.at;

    if (fast_enough(got - c->mark, timeout)) {
        c->mark = got;
        server_set_deadline(c->server, &c->deadline,
                            (int64_t)uv_now(&c->server->loop) + timeout);
        return;
    }
    refuse(c, 408, "the request's body did not come in time");
}

static void write_deadline(struct conn *c)
{
    int64_t timeout = c->server->opt.write_timeout_ms;
    size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);

    if (fast_enough(c->mark - left, timeout)) {
        c->mark = left;
        server_set_deadline(c->server, &c->deadline,
                            (int64_t)uv_now(&c->server->loop) + timeout);
        return;
    }
    conn_close(c);
}

void conn_deadline(struct wheel_entry *e, void *ctx)
{
    struct conn *c =
        (struct conn *)((char *)e - offsetof(struct conn, deadline));

    (void)ctx;
    switch ((enum conn_phase)c->phase) {
    case CONN_HEAD:
        if (http_parse_started(&c->x->parse))
            refuse(c, 408, "the request's head did not come in time");
        else
            conn_close(c);
        break;
    case CONN_BODY:
        body_deadline(c);
        break;
    case CONN_WRITING:
    case CONN_STREAMING:
    case CONN_GUEST:
        write_deadline(c);
        break;
    default:
        conn_close(c);
        break;
    }
}

/* ---- accepting ---- */

static void turn_away(struct conn *c, const char *reply)
{
    uv_buf_t b = uv_buf_init((char *)reply, (unsigned)strlen(reply));

    /* An empty socket takes a line; if not, there is nobody to tell. */
    if (uv_try_write((uv_stream_t *)&c->tcp, &b, 1) < 0)
        conn_close(c);
    else
        conn_linger(c);
}

#define TURNED_AWAY(status, length, msg)                                       \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n"                \
    "Content-Length: " length "\r\nRetry-After: 1\r\n"                         \
    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"             \
    "{\"error\":\"" msg "\"}"

/* So many may be told why they are turned away at a time; more are cut. */
#define MAX_FAREWELLS 256

static void check_room(struct conn *c)
{
    struct server *s = c->server;
    int64_t over = atomic_load_explicit(&s->connections, memory_order_relaxed) -
                   s->opt.max_connections;

    if (over > MAX_FAREWELLS)
        conn_close(c);
    else if (over > 0)
        turn_away(c, TURNED_AWAY("503 Service Unavailable", "37",
                                 "too many open connections"));
    else if (c->peer->n > s->opt.max_connections_per_ip &&
             !router_is_proxy(s->router, slice_of(c->peer->text)))
        turn_away(c, TURNED_AWAY("429 Too Many Requests", "54",
                                 "too many open connections from one address"));
}

/* What the kernel may hold for a client that does not read.  Left to itself it
 * grows that to megabytes each: 1,000 such clients held 1.8 GB. */
#define SEND_BUFFER (128 << 10)

void conn_accept(struct server *s)
{
    struct conn *c = mem_alloc(sizeof(*c));
    struct sockaddr_storage addr = {0};
    int len = sizeof(addr), send_buffer = SEND_BUFFER;

    if (!c) {
        log_error("http", "out of memory");
        abort();
    }
    memset(c, 0, sizeof(*c));
    c->server = s;
    atomic_fetch_add_explicit(&s->connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->connections_total, 1, memory_order_relaxed);
    if (uv_tcp_init(&s->loop, &c->tcp))
        abort();     /* fails only without memory */
    c->tcp.data = s; /* marks our own handles in the loop */
    if (uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&c->tcp) ||
        uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&addr, &len)) {
        c->peer = peer_enter(s, (struct sockaddr *)&addr);
        conn_close(c);
        return;
    }
    c->peer = peer_enter(s, (struct sockaddr *)&addr);
    uv_tcp_nodelay(&c->tcp, 1);
    uv_send_buffer_size((uv_handle_t *)&c->tcp, &send_buffer);
    /* A first request must come as fast as a head must. */
    enter(c, CONN_IDLE, s->opt.header_timeout_ms);
    check_room(c);
    if (!c->closing)
        start_reading(c);
}
