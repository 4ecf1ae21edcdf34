/* fuzz_citations.c - an answer byte by byte against whole, and again: what came
 * out once passes unchanged. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "processor/citations.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void filter(struct citations *c, size_t n, struct slice text,
                   size_t step, struct buf *out)
{
    citations_init(c, n);
    for (size_t i = 0; i < text.len; i += step) {
        size_t before = out->len;

        citations_feed(c, slice_sub(text, i, i + step), out);
        if (utf8_valid(text) &&
            !utf8_valid(slice_sub(buf_slice(out), before, out->len)))
            abort();
    }
    citations_end(c, out);
    if (!buf_ok(out))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct citations a, b;
    struct buf whole, bytes, again;
    struct slice text = {(const char *)data + 1, size - 1};
    size_t n;

    if (size < 2 || size > 4096)
        return 0;
    n = data[0] % (CITATIONS_MAX_SOURCES + 1);
    /* a short range may become all sources */
    buf_init(&whole, size * CITATIONS_MAX_SOURCES * 6);
    buf_init(&bytes, size * CITATIONS_MAX_SOURCES * 6);
    buf_init(&again, size * CITATIONS_MAX_SOURCES * 6);
    filter(&a, n, text, size, &whole);
    filter(&b, n, text, 1, &bytes);
    if (!slice_eq(buf_slice(&whole), buf_slice(&bytes)) ||
        memcmp(a.cited, b.cited, sizeof(a.cited)) != 0)
        abort();
    filter(&b, n, buf_slice(&whole), whole.len + 1, &again);
    if (!slice_eq(buf_slice(&whole), buf_slice(&again)) || b.n_removed)
        abort();
    buf_release(&whole);
    buf_release(&bytes);
    buf_release(&again);
    return 0;
}
