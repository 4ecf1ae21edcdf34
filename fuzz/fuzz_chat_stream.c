/* fuzz_chat_stream.c - what a model server sends, byte by byte against whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "processor/chat_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool on_text(void *ctx, struct slice text)
{
    if (text.len == 0 || !utf8_valid(text))
        abort();
    buf_add_slice(ctx, text);
    return true;
}

static struct err run(struct slice all, size_t step, struct buf *text,
                      struct chat_result *result)
{
    struct chat_stream *s = chat_stream_new(on_text, text);
    struct err e = {0};
    enum err_code rc = ERR_NONE;

    if (!s)
        abort();
    for (size_t i = 0; i < all.len && rc == ERR_NONE; i += step)
        rc = chat_stream_feed(s, slice_sub(all, i, i + step), &e);
    if (rc == ERR_NONE)
        rc = chat_stream_end(s, result, &e);
    if (rc != e.code)
        abort();
    chat_stream_free(s);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = {(const char *)data, size};
    struct chat_result r1 = {0}, r2 = {0};
    struct buf whole, bytes;
    struct err e1, e2;

    buf_init(&whole, CHAT_MAX_ANSWER);
    buf_init(&bytes, CHAT_MAX_ANSWER);
    e1 = run(all, size + 1, &whole, &r1);
    e2 = run(all, 1, &bytes, &r2);
    if (e1.code != e2.code || strcmp(e1.msg, e2.msg) != 0 ||
        !slice_eq(buf_slice(&whole), buf_slice(&bytes)) ||
        r1.finish != r2.finish || strcmp(r1.model, r2.model) != 0)
        abort();
    buf_release(&whole);
    buf_release(&bytes);
    return 0;
}
