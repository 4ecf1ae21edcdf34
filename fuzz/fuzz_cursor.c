/* fuzz_cursor.c - cursors from outside.
 *
 * Random text never has the right digest, so the bytes are also made into a
 * cursor by their own writer: it must read back as the same. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "backend/cursor.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(struct arena *a, const uint8_t *data, size_t size)
{
    struct cursor c = {0}, back;
    struct slice text;

    c.order = data[0] % PAPER_BY_RANK;
    c.ascending = data[0] & 16;
    c.backward = data[0] & 32;
    memcpy(&c.key.id, data + 1, 8);
    if (c.order == PAPER_BY_RELEVANCE)
        memcpy(&c.key.d, data + 9, 8);
    else
        memcpy(&c.key.i, data + 9, 8);
    if (c.order == PAPER_BY_TITLE)
        c.key.text = (struct slice){(const char *)data + 17, size - 17};
    text = cursor_write(a, &c);
    assert(text.p);
    if (cursor_read(&back, a, text, NULL) != ERR_NONE) {
        assert(c.key.id < 1 || c.key.d != c.key.d || !utf8_valid(c.key.text) ||
               text.len > CURSOR_MAX);
        return;
    }
    assert(back.order == c.order && back.ascending == c.ascending &&
           back.backward == c.backward && back.key.id == c.key.id);
    assert(memcmp(&back.key.d, &c.key.d, sizeof(c.key.d)) == 0);
    assert(back.key.i == c.key.i && slice_eq(back.key.text, c.key.text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(1024 * 1024);
    struct cursor c;

    if (!a)
        return 0;
    if (cursor_read(&c, a, (struct slice){(const char *)data, size}, NULL) ==
        ERR_NONE) {
        struct slice again = cursor_write(a, &c);

        assert(slice_eq(again, (struct slice){(const char *)data, size}));
    }
    if (size >= 17 && size < 4000)
        round_trip(a, data, size);
    arena_free(a);
    return 0;
}
