/* ws.h - a WebSocket on a connection of the server.
 *
 * An ON_LOOP handler answers a GET by ws_accept; when it returns, the
 * connection speaks frames.  Pings are answered and a close is returned by
 * themselves.  Sending puts a message into a queue; ws_flush hands the queue to
 * the kernel, as much as it takes, with one system call for many messages.
 * What the kernel does not take waits, and ws_queued() says how much that is:
 * whoever sends decides when it is too much.
 *
 * No extensions: permessage-deflate would cost a window of memory a client and
 * one compression a client and message, where now a broadcast is encoded once.
 *
 * Ownership: a ws belongs to the connection; it is gone after `closed` was
 * called or ws_close or ws_cut returned.
 * Threads: the loop's.
 */
#ifndef NET_WS_H
#define NET_WS_H

#include "net/request.h"
#include "net/send_many.h"
#include "net/ws_message.h"

struct ws;

struct ws_events {
    /* A whole message; text is UTF-8.  May close the ws. */
    void (*message)(void *owner, bool text, struct slice payload);
    /* The client has closed or left, or broke the protocol.  `code` is from
     * its close frame, or what we sent. */
    void (*closed)(void *owner, int code);
};

/* Does the request ask for a WebSocket? */
bool ws_wanted(const struct request *r);
/* Take the connection over, if the handshake is in order.  `owner` and `events`
 * may be changed later.  ERR_INVALID says what is wrong with it. */
enum err_code ws_accept(struct ws **out, struct request *r, size_t max_message,
                        const struct ws_events *events, void *owner,
                        struct err *e) CHECKED;
void ws_set_owner(struct ws *w, const struct ws_events *events, void *owner);

/* Queue a message (takes its own reference). */
void ws_send(struct ws *w, struct ws_message *m);
void ws_flush(struct ws *w);
/* The same for each of many; what is one message long shares system calls. */
void ws_flush_many(struct sender *s, struct ws **all, size_t n);
/* Bytes that wait, here and in libuv. */
size_t ws_queued(const struct ws *w);
/* Has the kernel taken all that was flushed? */
bool ws_writable(const struct ws *w);
/* Send what waits, a close frame (code 0: an empty one) and end. */
void ws_close(struct ws *w, int code);
/* End at once: for a client that does not read. */
void ws_cut(struct ws *w);

#endif
