/* fuzz_ws_frame.c - a client's WebSocket frames.  The first byte says where the
 * input is cut: whole and in two pieces the outcome must be the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "net/ws_frame.h"

#define MAX_MESSAGE 1000

/* Everything that is said, one after the other. */
static void read_all(const uint8_t *data, size_t len, size_t cut,
                     struct buf *out)
{
    struct ws_reader r;
    char *copy = malloc(len + 1);
    enum ws_read got = WS_READ_MORE;
    struct slice payload;
    size_t at = 0, used;

    memcpy(copy, data, len);
    ws_reader_init(&r, MAX_MESSAGE);
    while (at < len && got != WS_READ_BAD) {
        size_t n = (at < cut ? cut : len) - at;

        got = ws_reader_feed(&r, copy + at, n, &used, &payload);
        if (used > n || payload.len > MAX_MESSAGE)
            abort();
        at += used;
        if (got == WS_READ_MORE)
            continue;
        if (got == WS_READ_TEXT && !utf8_valid(payload))
            abort();
        buf_add_char(out, (char)got);
        buf_add_u64(out, r.close_code);
        if (got != WS_READ_BAD)
            buf_add_slice(out, payload);
    }
    ws_reader_release(&r);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, cut;

    if (size < 2)
        return 0;
    buf_init(&whole, 1 << 24);
    buf_init(&cut, 1 << 24);
    read_all(data + 1, size - 1, size - 1, &whole);
    read_all(data + 1, size - 1, (size_t)data[0] * (size - 1) / 255, &cut);
    if (!slice_eq(buf_slice(&whole), buf_slice(&cut)))
        abort();
    buf_release(&whole);
    buf_release(&cut);
    return 0;
}
