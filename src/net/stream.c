/* stream.c - the handler's side of a streamed reply.
 *
 * The handler's thread frames bytes into `waiting` and wakes the loop, which
 * takes the whole buffer and writes it.  Bytes that wait or are being written
 * are bounded: at the bound the handler sleeps on `room` until the client has
 * read, or has gone.
 */
#include "net/exchange.h"

#include <stdio.h>
#include <string.h>

/* Pieces that large bodies are cut into. */
#define PIECE ((size_t)32 << 10)

void stream_prepare(struct exchange *x)
{
    struct stream *st = &x->stream;

    pthread_mutex_init(&st->lock, NULL);
    pthread_cond_init(&st->room, NULL);
    /* One piece may come on top of the bound, and the head. */
    buf_init(&st->waiting, STREAM_MAX_WAITING + 4 * PIECE);
    buf_init(&st->sending, STREAM_MAX_WAITING + 4 * PIECE);
    x->has_stream = true;
}

void stream_abandon(struct exchange *x)
{
    pthread_mutex_lock(&x->stream.lock);
    x->stream.gone = true;
    pthread_cond_broadcast(&x->stream.room);
    pthread_mutex_unlock(&x->stream.lock);
}

bool stream_take(struct exchange *x)
{
    struct stream *st = &x->stream;
    struct buf empty = st->sending;
    bool any;

    buf_clear(&empty);
    pthread_mutex_lock(&st->lock);
    any = st->waiting.len > 0;
    if (any) {
        st->sending = st->waiting;
        st->waiting = empty;
        st->in_flight = st->sending.len;
    }
    pthread_mutex_unlock(&st->lock);
    return any;
}

void stream_taken_written(struct exchange *x)
{
    pthread_mutex_lock(&x->stream.lock);
    x->stream.in_flight = 0;
    pthread_cond_signal(&x->stream.room);
    pthread_mutex_unlock(&x->stream.lock);
}

void stream_end(struct exchange *x)
{
    if (!x->chunked || x->r.method == HTTP_HEAD)
        return;
    pthread_mutex_lock(&x->stream.lock);
    buf_add(&x->stream.waiting, "0\r\n\r\n", 5);
    if (x->stream.waiting.failed) /* out of memory: the end must not lie */
        x->stream_failed = true;
    pthread_mutex_unlock(&x->stream.lock);
}

enum err_code stream_begin(struct request *r, int status,
                           const char *content_type, struct err *e)
{
    struct exchange *x = r->exchange;
    struct stream *st = &x->stream;
    size_t n = strnlen(content_type, sizeof(x->reply.type) - 1);

    if (!x->has_stream)
        return err_set(e, ERR_INTERNAL, "the route is not ON_STREAM");
    memcpy(x->reply.type, content_type, n);
    x->reply.type[n] = '\0';
    x->reply.status = status;
    x->chunked = x->head.minor == 1;
    if (!x->chunked || server_stopping(x->server))
        x->keep_alive = false;
    reply_build_stream_head(x);
    x->streaming = true;
    pthread_mutex_lock(&st->lock);
    buf_add_slice(&st->waiting, buf_slice(&x->head_out));
    pthread_mutex_unlock(&st->lock);
    server_wake_stream(x->server, x);
    return ERR_NONE;
}

/* Called with the lock held. */
static void frame(struct exchange *x, struct slice data)
{
    struct buf *b = &x->stream.waiting;
    char size[16];

    if (!x->chunked) {
        buf_add_slice(b, data);
        return;
    }
    buf_add(b, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", data.len));
    buf_add_slice(b, data);
    buf_add(b, "\r\n", 2);
}

static enum err_code write_piece(struct exchange *x, struct slice piece,
                                 struct err *e)
{
    struct stream *st = &x->stream;
    bool gone, failed;

    pthread_mutex_lock(&st->lock);
    while (!st->gone && st->waiting.len + st->in_flight > 0 &&
           st->waiting.len + st->in_flight + piece.len > STREAM_MAX_WAITING)
        pthread_cond_wait(&st->room, &st->lock);
    gone = st->gone;
    if (!gone)
        frame(x, piece);
    failed = st->waiting.failed;
    pthread_mutex_unlock(&st->lock);
    if (gone)
        return err_set(e, ERR_CANCELLED, "the client has gone");
    if (failed)
        return err_set(e, ERR_INTERNAL, "out of memory");
    server_wake_stream(x->server, x);
    return ERR_NONE;
}

enum err_code stream_write(struct request *r, struct slice data, struct err *e)
{
    struct exchange *x = r->exchange;
    size_t at, n;
    enum err_code rc = ERR_NONE;

    if (!x->streaming)
        return err_set(e, ERR_INTERNAL, "stream_write before stream_begin");
    if (r->method == HTTP_HEAD) /* there is nothing more to say */
        return err_set(e, ERR_CANCELLED, "HEAD has no body");
    for (at = 0; at < data.len && !rc; at += n) {
        n = data.len - at < PIECE ? data.len - at : PIECE;
        rc = write_piece(x, (struct slice){data.p + at, n}, e);
    }
    return rc;
}
