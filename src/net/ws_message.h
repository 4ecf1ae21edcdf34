/* ws_message.h - a message to send: framed once, shared by all who get it.
 *
 * The frame's head stands before the payload, so that a WebSocket writes the
 * bytes as they are; who wants the payload alone (long polling) gets it too.
 *
 * Ownership: reference counts.  Threads: the loop's (counts are not atomic).
 */
#ifndef NET_WS_MESSAGE_H
#define NET_WS_MESSAGE_H

#include "net/ws_frame.h"

struct ws_message {
    uint32_t refs;
    uint32_t len;   /* whole frame */
    uint8_t head;   /* bytes of it that are the frame's head */
    uint8_t opcode; /* 0: raw bytes, not a frame */
    char bytes[];
};

/* The payload is the parts, one after the other; one reference, the caller's.
 * op 0: the bytes stay without a frame.  Aborts without memory: sizes are
 * checked before, and shared by all receivers. */
struct ws_message *ws_message_new(int op, const struct slice *parts, size_t n);
struct ws_message *ws_message_ref(struct ws_message *m);
void ws_message_unref(struct ws_message *m);
struct slice ws_message_payload(const struct ws_message *m);

/* Messages that wait, first in, first out.  Costs nothing while empty. */
struct ws_queue {
    struct ws_message **ring; /* NULL while empty */
    uint32_t cap, first, n;
    size_t bytes;
};

void ws_queue_release(struct ws_queue *q);
/* Takes a reference of its own. */
void ws_queue_push(struct ws_queue *q, struct ws_message *m);
/* i < q->n, counted from the oldest. */
struct ws_message *ws_queue_at(const struct ws_queue *q, uint32_t i);
/* Drop the oldest n. */
void ws_queue_drop(struct ws_queue *q, uint32_t n);

#endif
