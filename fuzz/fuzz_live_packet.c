/* fuzz_live_packet.c - what a Socket.IO client sends: a polling payload, its
 * packets, and the Socket.IO packets in them.  What is taken must fall within
 * the input and be what it says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json_scan.h"
#include "socketio/eio_payload.h"
#include "socketio/sio_packet.h"

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void check_packet(struct slice text)
{
    struct sio_packet p, again;
    const char *why = NULL;
    struct buf b;

    if (!sio_packet_read(text, &p, &why)) {
        require(why != NULL);
        return;
    }
    require(p.nsp.len > 0 && p.nsp.p[0] == '/');
    require(p.attachments <= SIO_MAX_ATTACHMENTS);
    if (p.json.len > 0)
        require(json_scan_valid(p.json));
    /* the arguments make an array again */
    buf_init(&b, text.len + 100);
    buf_add_char(&b, '[');
    buf_add_slice(&b, p.args);
    buf_add_char(&b, ']');
    require(json_scan_valid(buf_slice(&b)));
    /* written and read again it is the same */
    buf_clear(&b);
    sio_packet_head(&b, p.type, p.attachments, p.nsp, p.has_id, p.id);
    buf_add_slice(&b, p.json);
    require(sio_packet_read(slice_sub(buf_slice(&b), 1, b.len), &again, NULL));
    require(again.type == p.type && again.attachments == p.attachments &&
            again.has_id == p.has_id && again.id == p.id &&
            slice_eq(again.nsp, p.nsp) && slice_eq(again.json, p.json));
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {size ? (const char *)data : "", size};
    struct eio_packet p;
    struct buf out;
    uint8_t *bytes;
    size_t n;

    while (eio_payload_next(&rest, &p)) {
        if (p.type == EIO_MESSAGE) {
            check_packet(p.data);
        } else if (p.type == EIO_BINARY) {
            bytes = malloc(p.data.len / 4 * 3 + 1);
            if (crypto_base64_decode(bytes, &n, p.data)) {
                buf_init(&out, size + 100);
                eio_payload_add(&out, true,
                                (struct slice){(const char *)bytes, n});
                require(
                    slice_eq(slice_sub(buf_slice(&out), 1, out.len), p.data));
                buf_release(&out);
            }
            free(bytes);
        }
    }
    return 0;
}
