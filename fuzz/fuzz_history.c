/* fuzz_history.c - what is taken as a conversation is one. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"
#include "processor/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct arena *a = arena_new(1 << 20);
    struct prompt_turn *turns;
    struct slice about;
    struct err e = {0};
    json_t *v = NULL;
    size_t n;

    if (!a || json_parse(&v, text, NULL) != ERR_NONE) {
        arena_free(a);
        return 0;
    }
    if (history_read(v, &turns, &n, a, &e) != ERR_NONE) {
        if (n != 0 || !slice_starts(slice_of(e.field), "history"))
            abort();
    } else if (n % 2 != 0 || n > PROMPT_MAX_HISTORY) {
        abort();
    }
    for (size_t i = 0; i < n; i++)
        if (turns[i].assistant != (i % 2 == 1) ||
            slice_trim(turns[i].text).len == 0 || !utf8_valid(turns[i].text))
            abort();
    if (history_search_text(&about, SLICE("q"), turns, n, a, &e) == ERR_NONE &&
        !utf8_valid(about))
        abort();
    json_decref(v);
    arena_free(a);
    return 0;
}
