/* fuzz_msgpack.c - MessagePack from other servers.  What is taken must become
 * valid JSON, and stay the same there and back. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "socketio/msgpack.h"

#define MAX_JSON (1 << 20)

static void require(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = {size ? (const char *)data : "", size}, rest = all;
    struct msgpack_parts parts = {.n = 0}, again = {.n = 0};
    struct buf json, packed, back;

    buf_init(&json, MAX_JSON);
    buf_init(&packed, MAX_JSON);
    buf_init(&back, MAX_JSON);
    if (msgpack_to_json(&rest, &json, &parts)) {
        struct slice skipped = all;

        require(msgpack_skip(&skipped) && skipped.len == rest.len);
        require(json_scan_valid(buf_slice(&json)));
        msgpack_from_json(&packed, buf_slice(&json), parts.part, parts.n);
        if (buf_ok(&packed)) {
            rest = buf_slice(&packed);
            require(msgpack_to_json(&rest, &back, &again) && rest.len == 0);
            require(slice_eq(buf_slice(&json), buf_slice(&back)));
        }
    }
    /* any JSON at all */
    if (size < MAX_JSON / 8 && json_scan_valid(all)) {
        buf_clear(&packed);
        msgpack_from_json(&packed, all, NULL, 0);
        require(buf_ok(&packed));
        rest = buf_slice(&packed);
        require(msgpack_skip(&rest) && rest.len == 0);
    }
    buf_release(&json);
    buf_release(&packed);
    buf_release(&back);
    return 0;
}
