/* ws_frame.c - see ws_frame.h.
 *
 *      0               1               2               3
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     |F|R|R|R| opcode|M| length, or  | length in 16 bits (126) or in |
 *     |I|S|S|S|  (4)  |A| 126 or 127  | 64 (127), when it needs them  |
 *     |N|V|V|V|       |S|             |                               |
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     | mask, 4 bytes: always there in what a client sends            |
 *     +----------------------------------------------------------------
 */
#include "net/ws_frame.h"

#include <string.h>

#include "base/crypto.h"
#include "base/utf8.h"

#define FIN 0x80
#define RESERVED 0x70
#define MASKED 0x80

void ws_reader_init(struct ws_reader *r, size_t max_message)
{
    memset(r, 0, sizeof(*r));
    buf_init(&r->message, max_message);
    buf_init(&r->control, WS_MAX_CONTROL);
}

void ws_reader_release(struct ws_reader *r)
{
    buf_release(&r->message);
    buf_release(&r->control);
}

static enum ws_read bad(struct ws_reader *r, enum ws_close_code code)
{
    r->close_code = (uint16_t)code;
    return WS_READ_BAD;
}

static bool is_control(uint8_t opcode)
{
    return opcode & 8;
}

/* Bytes of the head, as far as its beginning tells. */
static size_t head_size(const struct ws_reader *r)
{
    if (r->n_head < 2)
        return 2;
    switch (r->head[1] & 0x7F) {
    case 126:
        return 2 + 2 + 4;
    case 127:
        return 2 + 8 + 4;
    default:
        return 2 + 4;
    }
}

/* The first two bytes are here: all that can be known from them. */
static bool beginning_ok(const struct ws_reader *r)
{
    uint8_t op = r->head[0] & 0x0F;
    bool fin = r->head[0] & FIN;

    if ((r->head[0] & RESERVED) || !(r->head[1] & MASKED))
        return false;
    if (is_control(op))
        return op <= WS_PONG && fin && (r->head[1] & 0x7F) <= WS_MAX_CONTROL;
    if (op == WS_CONTINUATION)
        return r->joining != 0;
    return op <= WS_BINARY && r->joining == 0;
}

static uint64_t big_endian(const uint8_t *p, int n)
{
    uint64_t v = 0;

    while (n-- > 0)
        v = v << 8 | *p++;
    return v;
}

static enum ws_read begin_frame(struct ws_reader *r)
{
    uint64_t len = r->head[1] & 0x7F;

    if (len == 126) {
        len = big_endian(r->head + 2, 2);
        if (len < 126)
            return bad(r, WS_CLOSE_PROTOCOL);
    } else if (len == 127) {
        len = big_endian(r->head + 2, 8);
        if (len <= UINT16_MAX || len >> 63)
            return bad(r, WS_CLOSE_PROTOCOL);
    }
    r->opcode = r->head[0] & 0x0F;
    r->fin = r->head[0] & FIN;
    if (!is_control(r->opcode)) {
        if (len > r->message.max - r->message.len)
            return bad(r, WS_CLOSE_TOO_BIG);
        if (r->opcode != WS_CONTINUATION)
            r->joining = r->opcode;
    }
    /* the mask, where the payload's loop finds it */
    memmove(r->head, r->head + r->n_head - 4, 4);
    r->left = len;
    r->mask_at = 0;
    r->in_payload = true;
    return WS_READ_MORE;
}

/* Take bytes of a head; r->in_payload when it is complete. */
static enum ws_read take_head(struct ws_reader *r, const char *data, size_t len,
                              size_t *used)
{
    for (*used = 0; *used < len;) {
        r->head[r->n_head++] = (uint8_t)data[(*used)++];
        if (r->n_head == 2 && !beginning_ok(r))
            return bad(r, WS_CLOSE_PROTOCOL);
        if (r->n_head == head_size(r))
            return begin_frame(r);
    }
    return WS_READ_MORE;
}

static void unmask(struct ws_reader *r, char *p, size_t n)
{
    uint8_t mask[8];
    uint64_t eight, word;
    size_t i, at = r->mask_at;

    for (i = 0; i < 8; i++)
        mask[i] = r->head[(at + i) & 3];
    memcpy(&eight, mask, 8);
    for (i = 0; i + 8 <= n; i += 8) {
        memcpy(&word, p + i, 8);
        word ^= eight;
        memcpy(p + i, &word, 8);
    }
    for (; i < n; i++)
        p[i] = (char)((uint8_t)p[i] ^ mask[i & 7]);
    r->mask_at = (uint8_t)((at + n) & 3);
}

static bool may_be_sent(uint64_t code)
{
    if (code >= 3000)
        return code <= 4999;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1011);
}

static enum ws_read end_control(struct ws_reader *r, struct slice *payload)
{
    if (r->opcode == WS_PING)
        return WS_READ_PING;
    if (r->opcode == WS_PONG)
        return WS_READ_PONG;
    r->close_code = WS_CLOSE_NO_CODE;
    if (payload->len == 0)
        return WS_READ_CLOSE;
    if (payload->len == 1)
        return bad(r, WS_CLOSE_PROTOCOL);
    r->close_code = (uint16_t)big_endian((const uint8_t *)payload->p, 2);
    if (!may_be_sent(r->close_code))
        return bad(r, WS_CLOSE_PROTOCOL);
    *payload = slice_sub(*payload, 2, payload->len);
    if (!utf8_valid(*payload))
        return bad(r, WS_CLOSE_NOT_UTF8);
    return WS_READ_CLOSE;
}

static enum ws_read end_message(struct ws_reader *r, struct slice payload)
{
    bool text = r->joining == WS_TEXT;

    r->joining = 0;
    if (!text)
        return WS_READ_BINARY;
    return utf8_valid(payload) ? WS_READ_TEXT : bad(r, WS_CLOSE_NOT_UTF8);
}

/* A big buffer is not kept for a message that may never come. */
#define KEEP_BUFFER 512

/* Forget what the last call handed out. */
static void drop_last(struct ws_reader *r)
{
    size_t max = r->message.max;

    if (!r->in_payload || !is_control(r->opcode))
        buf_clear(&r->control);
    if (r->joining)
        return;
    if (r->message.cap <= KEEP_BUFFER) {
        buf_clear(&r->message);
        return;
    }
    buf_release(&r->message);
    buf_init(&r->message, max);
}

static enum ws_read take_payload(struct ws_reader *r, char *data, size_t len,
                                 size_t *used, struct slice *payload)
{
    struct buf *b = is_control(r->opcode) ? &r->control : &r->message;
    size_t n = len < r->left ? len : (size_t)r->left;
    bool whole = n == r->left;

    unmask(r, data, n);
    r->left -= n;
    *used = n;
    if (!whole || b->len > 0 || (!r->fin && n > 0)) {
        buf_add(b, data, n);
        if (!buf_ok(b))
            return bad(r, WS_CLOSE_TOO_BIG);
    }
    if (!whole)
        return WS_READ_MORE;
    r->in_payload = false;
    r->n_head = 0;
    if (!r->fin)
        return WS_READ_MORE;
    *payload = b->len > 0 ? buf_slice(b) : (struct slice){data, n};
    return is_control(r->opcode) ? end_control(r, payload)
                                 : end_message(r, *payload);
}

enum ws_read ws_reader_feed(struct ws_reader *r, char *data, size_t len,
                            size_t *used, struct slice *payload)
{
    size_t n = 0, total = 0;
    enum ws_read got = WS_READ_MORE;

    *payload = SLICE_NONE;
    drop_last(r);
    /* a frame without payload is complete with its head */
    while (got == WS_READ_MORE &&
           (total < len || (r->in_payload && r->left == 0))) {
        if (r->in_payload)
            got = take_payload(r, data + total, len - total, &n, payload);
        else
            got = take_head(r, data + total, len - total, &n);
        total += n;
    }
    *used = total;
    return got;
}

size_t ws_head(uint8_t out[WS_MAX_HEAD], enum ws_opcode op, size_t len)
{
    int i;

    out[0] = (uint8_t)(FIN | op);
    if (len < 126) {
        out[1] = (uint8_t)len;
        return 2;
    }
    if (len <= UINT16_MAX) {
        out[1] = 126;
        out[2] = (uint8_t)(len >> 8);
        out[3] = (uint8_t)len;
        return 4;
    }
    out[1] = 127;
    for (i = 0; i < 8; i++)
        out[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    return 10;
}

bool ws_accept_key(char out[WS_ACCEPT_TEXT], struct slice key)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t decoded[18], digest[20];
    char text[24 + sizeof(guid)];
    size_t n;

    if (key.len != 24 || !crypto_base64_decode(decoded, &n, key) || n != 16)
        return false;
    memcpy(text, key.p, 24);
    memcpy(text + 24, guid, sizeof(guid) - 1);
    crypto_sha1(digest, (struct slice){text, 24 + sizeof(guid) - 1});
    crypto_base64(out, digest, sizeof(digest));
    return true;
}
