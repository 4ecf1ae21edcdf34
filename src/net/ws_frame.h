/* ws_frame.h - WebSocket frames (RFC 6455) out of bytes and into bytes: no
 * sockets.
 *
 * The reader is the server's side: it takes input in pieces of any size and
 * yields whole messages (fragments joined, text checked to be UTF-8) and
 * control frames in between.  What it refuses, each with the close code that
 * the RFC names: an unmasked frame, reserved bits, unknown opcodes, fragmented
 * or long control frames, a continuation of nothing, a message inside a
 * message, a length in more bytes than it needs, a message over the maximum
 * (1009), text or a close reason that is not UTF-8 (1007), a close code that
 * may not be sent.
 *
 * Nothing is allocated by a length that a frame claims: memory grows with the
 * bytes that have come.  A message that lies whole in the input is handed out
 * where it is.
 *
 * Threads: one reader belongs to one thread.
 */
#ifndef NET_WS_FRAME_H
#define NET_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};

enum ws_close_code {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_NO_CODE = 1005, /* never on the wire: the frame had none */
    WS_CLOSE_NOT_UTF8 = 1007,
    WS_CLOSE_TOO_BIG = 1009
};

#define WS_MAX_HEAD 10     /* of a frame that is sent: no mask */
#define WS_MAX_CONTROL 125 /* payload of a control frame */

enum ws_read {
    WS_READ_MORE,   /* all input used; give more */
    WS_READ_TEXT,   /* a whole message */
    WS_READ_BINARY, /* a whole message */
    WS_READ_PING,
    WS_READ_PONG,
    WS_READ_CLOSE, /* see close_code; payload is the reason */
    WS_READ_BAD    /* see close_code: the connection cannot go on */
};

struct ws_reader {
    struct buf message; /* fragments so far */
    struct buf control; /* of a control frame that came in pieces */
    uint64_t left;      /* payload of this frame still to come */
    uint16_t close_code;
    uint8_t head[14];
    uint8_t n_head; /* bytes of it so far */
    uint8_t mask_at;
    uint8_t opcode;  /* of the frame at hand */
    uint8_t joining; /* opcode of the message at hand; 0: none */
    bool in_payload, fin;
};

void ws_reader_init(struct ws_reader *r, size_t max_message);
void ws_reader_release(struct ws_reader *r);
/* Take input, which is unmasked where it lies.  *payload is borrowed until the
 * next call.  Call again with what `used` left over. */
enum ws_read ws_reader_feed(struct ws_reader *r, char *data, size_t len,
                            size_t *used, struct slice *payload);

/* Head of a frame that is a whole message; returns its length. */
size_t ws_head(uint8_t out[WS_MAX_HEAD], enum ws_opcode op, size_t len);

/* Value of Sec-WebSocket-Accept for a Sec-WebSocket-Key.  false: not a key (16
 * bytes in base64). */
#define WS_ACCEPT_TEXT 29
bool ws_accept_key(char out[WS_ACCEPT_TEXT], struct slice key);

#endif
