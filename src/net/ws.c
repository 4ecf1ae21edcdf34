/* ws.c - see ws.h.
 *
 * The reply to the handshake is the first thing in the queue, so that there is
 * one way out.  While libuv has part of the queue (the client reads slowly),
 * those messages stay in it, at its front.
 */
#include "net/ws.h"

#include <stdio.h>

#include "base/mem.h"
#include "net/conn.h"

#define MAX_PARTS 64    /* messages a system call */
#define MAX_FLUSHED 256 /* clients a system call */

struct ws {
    struct conn *conn; /* NULL: gone, only waiting for libuv */
    const struct ws_events *events;
    void *owner;
    struct ws_reader reader;
    struct ws_queue queue;
    uv_write_t *write; /* while libuv has the first n_flying messages */
    uint32_t n_flying;
    uint32_t sent; /* bytes of the first message that are out */
    bool closing;  /* the close frame is in the queue: nobody listens */
    bool reading;  /* on_data is on the stack */
};

/* ---- life ---- */

static void free_unused(struct ws *w)
{
    if (w->conn || w->reading || w->write)
        return;
    ws_reader_release(&w->reader);
    ws_queue_release(&w->queue);
    mem_free(w);
}

/* Nobody is told more than once, nor after it closed. */
static void tell_closed(struct ws *w, int code)
{
    const struct ws_events *events = w->events;

    w->events = NULL;
    if (events)
        events->closed(w->owner, code);
}

static void on_gone(void *guest)
{
    struct ws *w = guest;

    w->conn = NULL;
    tell_closed(w, WS_CLOSE_NO_CODE);
    free_unused(w);
}

/* ---- writing ---- */

static unsigned gather(const struct ws *w, uv_buf_t *parts)
{
    unsigned n = 0;

    for (; n < MAX_PARTS && n < w->queue.n; n++) {
        struct ws_message *m = ws_queue_at(&w->queue, n);
        uint32_t skip = n == 0 ? w->sent : 0;

        parts[n] = uv_buf_init(m->bytes + skip, m->len - skip);
    }
    return n;
}

/* `n` more bytes are out. */
static void drop_sent(struct ws *w, size_t n)
{
    n += w->sent;
    while (w->queue.n > 0 && n >= ws_queue_at(&w->queue, 0)->len) {
        n -= ws_queue_at(&w->queue, 0)->len;
        ws_queue_drop(&w->queue, 1);
    }
    w->sent = (uint32_t)n;
}

static void on_written(uv_write_t *req, int status)
{
    struct ws *w = req->data;

    w->write = NULL;
    mem_free(req);
    if (!w->conn) {
        free_unused(w);
        return;
    }
    if (status < 0) {
        conn_close(w->conn);
        return;
    }
    w->sent = 0;
    ws_queue_drop(&w->queue, w->n_flying);
    conn_guest_waits(w->conn, false);
    ws_flush(w);
}

/* The kernel is full: libuv writes these when there is room. */
static void write_later(struct ws *w, uv_buf_t *parts, unsigned n)
{
    w->write = mem_need(sizeof(*w->write));
    w->write->data = w;
    w->n_flying = n;
    if (uv_write(w->write, (uv_stream_t *)&w->conn->tcp, parts, n,
                 on_written)) {
        mem_free(w->write);
        w->write = NULL;
        conn_close(w->conn);
        return;
    }
    conn_guest_waits(w->conn, true);
}

/* The kernel took `wrote` bytes, or said -errno; false: that is all for now. */
static bool go_on(struct ws *w, int wrote)
{
    uv_buf_t parts[MAX_PARTS];

    if (wrote < 0 && wrote != UV_EAGAIN) {
        conn_close(w->conn);
        return false;
    }
    if (wrote > 0)
        drop_sent(w, (size_t)wrote);
    if (wrote <= 0 || w->sent > 0) {
        write_later(w, parts, gather(w, parts));
        return false;
    }
    return true;
}

void ws_flush(struct ws *w)
{
    uv_buf_t parts[MAX_PARTS];

    while (w->conn && !w->write && w->queue.n > 0)
        if (!go_on(w, uv_try_write((uv_stream_t *)&w->conn->tcp, parts,
                                   gather(w, parts))))
            return;
    if (w->conn && w->closing && !w->write)
        conn_linger(w->conn);
}

/* Is it one message, and nothing before it in libuv? */
static bool as_outgoing(const struct ws *w, struct outgoing *out)
{
    const struct ws_message *m;
    uv_os_fd_t fd;

    if (!w->conn || w->write || w->queue.n != 1 ||
        uv_stream_get_write_queue_size((uv_stream_t *)&w->conn->tcp) > 0 ||
        uv_fileno((uv_handle_t *)&w->conn->tcp, &fd))
        return false;
    m = ws_queue_at(&w->queue, 0);
    *out = (struct outgoing){m->bytes + w->sent, m->len - w->sent, fd, 0};
    return true;
}

static void flush_some(struct sender *s, struct ws **all, size_t n)
{
    struct outgoing out[MAX_FLUSHED];
    struct ws *whose[MAX_FLUSHED];
    size_t n_out = 0, i;

    for (i = 0; i < n; i++) {
        if (as_outgoing(all[i], &out[n_out]))
            whose[n_out++] = all[i];
        else
            ws_flush(all[i]);
    }
    sender_send(s, out, n_out);
    for (i = 0; i < n_out; i++)
        if (go_on(whose[i], out[i].sent))
            ws_flush(whose[i]);
}

void ws_flush_many(struct sender *s, struct ws **all, size_t n)
{
    size_t part;

    for (; n > 0; all += part, n -= part) {
        part = n < MAX_FLUSHED ? n : MAX_FLUSHED;
        flush_some(s, all, part);
    }
}

void ws_send(struct ws *w, struct ws_message *m)
{
    if (!w->closing)
        ws_queue_push(&w->queue, m);
}

size_t ws_queued(const struct ws *w)
{
    return w->queue.bytes;
}

bool ws_writable(const struct ws *w)
{
    return !w->write;
}

static void send_control(struct ws *w, enum ws_opcode op, struct slice payload)
{
    struct ws_message *m = ws_message_new(op, &payload, 1);

    ws_send(w, m);
    ws_message_unref(m);
}

void ws_close(struct ws *w, int code)
{
    char two[2] = {(char)(code >> 8), (char)code};

    w->events = NULL;
    if (!w->conn || w->closing)
        return;
    send_control(w, WS_CLOSE, (struct slice){two, code ? 2 : 0});
    w->closing = true;
    ws_flush(w);
}

void ws_cut(struct ws *w)
{
    w->events = NULL;
    if (w->conn)
        conn_close(w->conn);
}

void ws_set_owner(struct ws *w, const struct ws_events *events, void *owner)
{
    w->events = events;
    w->owner = owner;
}

/* ---- reading ---- */

/* The client ends it, or must: say so and tell the owner. */
static void end(struct ws *w, int code)
{
    const struct ws_events *events = w->events;
    void *owner = w->owner;

    ws_close(w, code == WS_CLOSE_NO_CODE ? 0 : code);
    if (events)
        events->closed(owner, code);
}

static void handle(struct ws *w, enum ws_read got, struct slice payload)
{
    switch (got) {
    case WS_READ_TEXT:
    case WS_READ_BINARY:
        w->events->message(w->owner, got == WS_READ_TEXT, payload);
        break;
    case WS_READ_PING:
        /* a client that does not read gets no more of them (RFC, 5.5.3) */
        if (ws_writable(w)) {
            send_control(w, WS_PONG, payload);
            ws_flush(w);
        }
        break;
    case WS_READ_CLOSE:
    case WS_READ_BAD:
        end(w, w->reader.close_code);
        break;
    default:
        break;
    }
}

static void on_data(void *guest, char *data, size_t len)
{
    struct ws *w = guest;
    struct slice payload;
    enum ws_read got;
    size_t used;

    w->reading = true;
    while (len > 0 && w->conn && !w->closing) {
        got = ws_reader_feed(&w->reader, data, len, &used, &payload);
        data += used;
        len -= used;
        handle(w, got, payload);
    }
    w->reading = false;
    free_unused(w);
}

static const struct conn_guest guest_ops = {on_data, on_gone};

/* ---- the handshake ---- */

/* Is `word` one of the comma-separated items? */
static bool lists(struct slice value, const char *word)
{
    struct slice item;

    while (slice_split(&value, ',', &item))
        if (slice_is_nocase(slice_trim(item), word))
            return true;
    return false;
}

bool ws_wanted(const struct request *r)
{
    return lists(request_header(r, "Upgrade"), "websocket");
}

static enum err_code check(char accept[WS_ACCEPT_TEXT], struct request *r,
                           struct err *e)
{
    if (r->method != HTTP_GET || r->exchange->head.minor != 1)
        return err_set(e, ERR_INVALID,
                       "a WebSocket begins with GET of "
                       "HTTP/1.1");
    if (!ws_wanted(r) || !lists(request_header(r, "Connection"), "upgrade"))
        return err_field(e, "Upgrade",
                         "a WebSocket begins with the headers \"Upgrade: "
                         "websocket\" and \"Connection: Upgrade\"");
    if (!slice_is(request_header(r, "Sec-WebSocket-Version"), "13")) {
        reply_header(r, "Sec-WebSocket-Version", "13");
        return err_field(e, "Sec-WebSocket-Version",
                         "Sec-WebSocket-Version must be 13");
    }
    if (!ws_accept_key(accept, request_header(r, "Sec-WebSocket-Key")))
        return err_field(e, "Sec-WebSocket-Key",
                         "Sec-WebSocket-Key must be 16 bytes in base64");
    return ERR_NONE;
}

enum err_code ws_accept(struct ws **out, struct request *r, size_t max_message,
                        const struct ws_events *events, void *owner,
                        struct err *e)
{
    char accept[WS_ACCEPT_TEXT], reply[200];
    struct ws_message *m;
    struct slice text = {reply, 0};
    struct ws *w;
    enum err_code rc = check(accept, r, e);

    if (rc)
        return rc;
    w = mem_need(sizeof(*w));
    *w = (struct ws){
        .conn = r->exchange->conn, .events = events, .owner = owner};
    ws_reader_init(&w->reader, max_message);
    text.len = (size_t)snprintf(reply, sizeof(reply),
                                "HTTP/1.1 101 Switching Protocols\r\n"
                                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: %s\r\n\r\n",
                                accept);
    m = ws_message_new(0, &text, 1);
    ws_queue_push(&w->queue, m);
    ws_message_unref(m);
    request_take_over(r, &guest_ops, w);
    *out = w;
    return ERR_NONE;
}
