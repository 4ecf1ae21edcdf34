/* sio_packet.h - packets of Socket.IO 5 out of text and into text.
 *
 *     type [attachments "-"] [namespace ","] [ack id] [JSON]
 *
 * Reading checks all that the protocol says about the payload of each type, so
 * that what comes out can be used as it is.  JSON stays the bytes that came.
 *
 * Threads: pure functions.
 */
#ifndef SOCKETIO_SIO_PACKET_H
#define SOCKETIO_SIO_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

#define SIO_MAX_ATTACHMENTS 10 /* as the official server has it */
#define SIO_MAX_ACK_ID ((UINT64_C(1) << 53) - 1) /* JavaScript's */

enum sio_type {
    SIO_CONNECT,
    SIO_DISCONNECT,
    SIO_EVENT,
    SIO_ACK,
    SIO_CONNECT_ERROR,
    SIO_BINARY_EVENT,
    SIO_BINARY_ACK
};

struct sio_packet {
    enum sio_type type;
    uint32_t attachments; /* that follow, as binary messages */
    bool has_id;
    uint64_t id;
    struct slice nsp;   /* "/" where none is named */
    struct slice json;  /* whole payload; empty: none */
    struct slice event; /* EVENT: its name as JSON, a string or number */
    struct slice args;  /* EVENT, ACK: what follows, values and commas */
};

/* `text` is what stands behind the 4 of Engine.IO and is UTF-8.  false: the
 * protocol does not allow it; *why (may be NULL) is a constant text. */
bool sio_packet_read(struct slice text, struct sio_packet *out,
                     const char **why);

/* The beginning of a packet, "4" of Engine.IO included, up to the JSON.
 * has_id: false leaves the id out. */
void sio_packet_head(struct buf *out, enum sio_type type, size_t attachments,
                     struct slice nsp, bool has_id, uint64_t id);

#endif
