/* fuzz_utf8.c - the fast scan against code point by code point. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

/* Length of the valid prefix, by utf8_sequence; *n counts all code points. */
static size_t walk(struct slice s, size_t *n)
{
    size_t at = 0, valid = 0, before;
    bool good = true;

    for (*n = 0; at < s.len; ++*n) {
        size_t length = utf8_sequence(s, at);
        char text[4];
        uint32_t cp;

        before = at;
        cp = utf8_next(s, &at);
        require(at - before == (length ? length : 1));
        if (length == 0)
            good = false;
        else
            require(utf8_put(text, cp) == length &&
                    memcmp(text, s.p + before, length) == 0);
        if (good)
            valid = at;
    }
    return valid;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};
    size_t n, valid = walk(s, &n), max;

    require(utf8_valid_prefix(s) == valid);
    require(utf8_valid(s) == (valid == size));
    require(utf8_count(s) == n);
    for (max = 0; max <= size && max < 64; max++) {
        struct slice cut = utf8_cut(s, max);

        require(cut.len <= max && max - cut.len < 4);
        if (valid == size)
            require(utf8_valid(cut));
    }
    return 0;
}
