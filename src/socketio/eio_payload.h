/* eio_payload.h - packets of Engine.IO 4 in text, and payloads of several.
 *
 * A packet is a digit and text; in a polling payload also "b" and base64, which
 * is a binary message.  A payload is packets with 0x1E between them.
 *
 * Threads: pure functions.
 */
#ifndef SOCKETIO_EIO_PAYLOAD_H
#define SOCKETIO_EIO_PAYLOAD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

enum eio_type {
    EIO_OPEN = '0',
    EIO_CLOSE = '1',
    EIO_PING = '2',
    EIO_PONG = '3',
    EIO_MESSAGE = '4',
    EIO_UPGRADE = '5',
    EIO_NOOP = '6',
    EIO_BINARY = 'b', /* a message of bytes */
    EIO_BAD = 0
};

struct eio_packet {
    enum eio_type type;
    struct slice data; /* behind the type; of EIO_BINARY still base64 */
};

/* One text packet; EIO_BAD when empty or of unknown type.  "b" counts only in
 * a payload. */
struct eio_packet eio_packet_read(struct slice text, bool in_payload);
/* Cut the next packet off a payload; false when there is none left.  The empty
 * payload has one, which is bad.  Begin with *rest = the body. */
bool eio_payload_next(struct slice *rest, struct eio_packet *out);

/* Append a packet: text with its digit in front, or the bytes of a binary
 * message. */
void eio_payload_add(struct buf *out, bool binary, struct slice packet);

#endif
