/* fuzz_chunk.c - any text, size and overlap: chunks are slices that cover the
 * text, go on, overlap as asked, and end. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/utf8.h"
#include "processor/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first four bytes are the options; small ones, so that a small text has
 * several chunks. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chunk_options opt;
    struct slice text;
    struct chunker c;
    struct text_chunk got, last = {0};
    struct err e = {0};
    size_t n = 0;

    if (size < 4)
        return 0;
    opt.size = 90 + (data[0] | (size_t)data[1] << 8) % 1200;
    opt.overlap = (data[2] | (size_t)data[3] << 8) % (opt.size + 10);
    text = (struct slice){(const char *)data + 4, size - 4};
    if (chunker_init(&c, text, &opt, &e) != ERR_NONE) {
        assert(e.code == ERR_INVALID && e.field[0]);
        return 0;
    }
    while (chunker_next(&c, &got)) {
        assert(got.text.p == text.p + got.start_byte);
        assert(got.text.len > 0 && got.end_byte <= text.len);
        assert(utf8_valid(got.text));
        assert(utf8_count(got.text) == got.end_char - got.start_char);
        assert(got.end_char - got.start_char <= opt.size + CHUNK_WINDOW);
        assert(got.index == n);
        if (n++ > 0) {
            assert(got.start_char == last.end_char - opt.overlap);
            assert(got.start_char > last.start_char);
            assert(got.end_char > last.end_char);
        } else {
            assert(got.start_byte == 0);
        }
        last = got;
    }
    assert(text.len == 0 ? n == 0 : last.end_byte == text.len);
    return 0;
}
