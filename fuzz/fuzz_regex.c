/* fuzz_regex.c - a pattern, a zero byte, and a text: any bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "processor/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size}, pattern;
    struct regex *r = NULL;
    struct err e = {0};
    bool first = false, second = false;

    if (!slice_split(&rest, '\0', &pattern) || !utf8_valid(pattern) ||
        !utf8_valid(rest))
        return 0;
    if (regex_compile(&r, pattern, &e) != ERR_NONE) {
        if (!e.msg[0])
            abort();
        return 0;
    }
    if (regex_matches(r, rest, &first, &e) == ERR_NONE &&
        (regex_matches(r, rest, &second, &e) != ERR_NONE || first != second))
        abort();
    regex_free(r);
    return 0;
}
