/* eio_payload.c - see eio_payload.h.
 *
 * Splitting at 0x1E is safe: JSON has it only escaped, base64 never.
 */
#include "socketio/eio_payload.h"

#include "base/crypto.h"

#define SEPARATOR '\x1e'

struct eio_packet eio_packet_read(struct slice text, bool in_payload)
{
    struct eio_packet p = {.type = EIO_BAD};

    if (text.len == 0)
        return p;
    if ((text.p[0] >= EIO_OPEN && text.p[0] <= EIO_NOOP) ||
        (in_payload && text.p[0] == EIO_BINARY))
        p.type = (enum eio_type)text.p[0];
    p.data = slice_sub(text, 1, text.len);
    return p;
}

bool eio_payload_next(struct slice *rest, struct eio_packet *out)
{
    struct slice text;

    if (!slice_split(rest, SEPARATOR, &text))
        return false;
    *out = eio_packet_read(text, true);
    return true;
}

void eio_payload_add(struct buf *out, bool binary, struct slice packet)
{
    size_t n = CRYPTO_BASE64_LEN(packet.len);
    char *room;

    if (out->len > 0)
        buf_add_char(out, SEPARATOR);
    if (!binary) {
        buf_add_slice(out, packet);
        return;
    }
    buf_add_char(out, EIO_BINARY);
    room = buf_room(out, n + 1); /* and a NUL, which is not kept */
    if (!room)
        return;
    crypto_base64(room, (const uint8_t *)packet.p, packet.len);
    buf_grew(out, n);
}
