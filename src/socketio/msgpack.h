/* msgpack.h - MessagePack, as the Socket.IO adapter for Redis uses it.
 *
 * Reading takes every form there is; writing takes the shortest, as the
 * official library does.  Values go from and to JSON text, which is what the
 * server passes on.  What JSON has no form for is an attachment there (see
 * socketio.h), and bytes here.
 *
 * Threads: pure functions.
 */
#ifndef SOCKETIO_MSGPACK_H
#define SOCKETIO_MSGPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "socketio/sio_packet.h"

enum msgpack_type {
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_INT,  /* below 0 */
    MSGPACK_UINT, /* and all others */
    MSGPACK_DOUBLE,
    MSGPACK_STR, /* not checked to be UTF-8 */
    MSGPACK_BIN,
    MSGPACK_EXT,
    MSGPACK_ARRAY, /* `n` values follow */
    MSGPACK_MAP    /* `n` pairs follow */
};

struct msgpack_value {
    enum msgpack_type type;
    int8_t ext; /* kind of MSGPACK_EXT */
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double d;
        struct slice bytes; /* borrowed: STR, BIN, EXT */
        size_t n;           /* never more than the bytes that are left */
    };
};

/* The value at the front of *rest; of an array or map only its size.  false:
 * there is none, or it is cut off. */
bool msgpack_next(struct slice *rest, struct msgpack_value *out);
/* Past one whole value, however deep. */
bool msgpack_skip(struct slice *rest);

/* Attachments, in the order of their numbers. */
struct msgpack_parts {
    struct slice part[SIO_MAX_ATTACHMENTS]; /* borrowed from the message */
    size_t n;
};

/* One whole value as JSON; bytes become placeholders, and are added to `parts`.
 * Times are text, as JavaScript has it; NaN and infinities null.  false:
 * malformed, deeper than JSON_MAX_DEPTH - 1, a key that is no text or whole
 * number, more than SIO_MAX_ATTACHMENTS, or `json` is full. */
bool msgpack_to_json(struct slice *rest, struct buf *json,
                     struct msgpack_parts *parts);

/* `json` is valid (json_scan_valid); its placeholders stand for attachments
 * that are there.  Halves of surrogates become U+FFFD. */
void msgpack_from_json(struct buf *out, struct slice json,
                       const struct slice *attachments, size_t n_attachments);

void msgpack_put_array(struct buf *out, size_t n);
void msgpack_put_map(struct buf *out, size_t n);
void msgpack_put_int(struct buf *out, int64_t v);
void msgpack_put_bool(struct buf *out, bool v);
void msgpack_put_str(struct buf *out, struct slice s);

#endif
