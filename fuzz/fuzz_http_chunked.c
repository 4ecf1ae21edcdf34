/* fuzz_http_chunked.c - the chunked coding alone, byte by byte against whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_head head = {.chunked = true,
                                          .content_length = -1};
    const char *p = (const char *)data;
    struct http_body whole, single;
    enum http_progress a = HTTP_MORE, b = HTTP_MORE;
    size_t i, used, got = 0, got_single = 0;
    struct slice piece;

    http_body_init(&whole, &head);
    for (i = 0; i < size && a == HTTP_MORE; i += used) {
        a = http_body_feed(&whole, p + i, size - i, &used, &piece);
        got += piece.len;
    }
    http_body_init(&single, &head);
    for (i = 0; i < size && b == HTTP_MORE; i += used) {
        b = http_body_feed(&single, p + i, 1, &used, &piece);
        got_single += piece.len;
    }
    if (a != b || got != got_single || whole.at != single.at ||
        whole.fault.status != single.fault.status)
        abort();
    return 0;
}
