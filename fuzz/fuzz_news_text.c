/* fuzz_news_text.c - what is heard from another process: any bytes.
 *
 * What was understood can be said again, and then means the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/news_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(void *items, const struct store_news *n)
{
    news_text_add(items, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct buf first, second, said;

    buf_init(&first, NEWS_TEXT_MAX);
    buf_init(&second, NEWS_TEXT_MAX);
    buf_init(&said, NEWS_TEXT_MAX);
    if (news_text_read(text, "us", again, &first)) {
        news_text_write(&said, "them", buf_slice(&first));
        if (first.len &&
            !news_text_read(buf_slice(&said), "us", again, &second))
            abort();
        if (!slice_eq(buf_slice(&first), buf_slice(&second)))
            abort();
    } else if (first.len) {
        abort();
    }
    buf_release(&first);
    buf_release(&second);
    buf_release(&said);
    return 0;
}
