/* fuzz_where.c - a filter, a zero byte, and metadata: any bytes.
 *
 * What JSON takes as an object, both ways of evaluating must see alike.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "processor/where.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* jansson passes over a NUL byte behind a number or a word; we do not. */
static void compare(const struct where *w, struct slice metadata)
{
    enum err_code rc;
    json_t *v = NULL;
    bool text = false;

    rc = where_matches_text(w, metadata, &text, NULL);
    if (slice_find_byte(metadata, '\0') >= 0 ||
        json_parse(&v, metadata, NULL) != ERR_NONE)
        return;
    if (json_is_object(v) && (rc != ERR_NONE || where_matches(w, v) != text))
        abort();
    if (!json_is_object(v) && rc == ERR_NONE)
        abort();
    json_decref(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = {(const char *)data, size}, filter;
    struct where *w = NULL;
    struct err e = {0};

    if (!slice_split(&all, '\0', &filter))
        return 0;
    if (where_parse(&w, filter, &e) != ERR_NONE) {
        if (!e.msg[0] || strcmp(e.field, "where") != 0)
            abort();
        return 0;
    }
    compare(w, all);
    where_free(w);
    return 0;
}
