/* fuzz_query.c - paths, queries, and the lists in headers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "net/etag.h"
#include "net/gzip.h"
#include "net/http_parse.h"
#include "net/http_uri.h"

static void check_path(struct arena *a, struct slice raw)
{
    struct slice path;
    struct err e;

    if (uri_path(a, raw, &path, &e))
        return;
    /* What got through has one reading only. */
    if (path.len == 0 || path.p[0] != '/' || memchr(path.p, 0, path.len) ||
        memchr(path.p, '\\', path.len) || !utf8_valid(path))
        abort();
    if (slice_find(path, SLICE("//")) >= 0 ||
        slice_find(path, SLICE("/../")) >= 0 || slice_ends(path, "/..") ||
        slice_find(path, SLICE("/./")) >= 0 || slice_ends(path, "/."))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size}, rest = text, name, value;
    struct arena *a = arena_new(1 << 20);
    struct err e;

    if (!a)
        abort();
    if (utf8_valid(text))
        check_path(a, text);
    while (uri_query_next(&rest, &name, &value)) {
        if (uri_query_decode(a, name, &name, &e) == ERR_NONE && name.len > size)
            abort();
        if (uri_query_decode(a, value, &value, &e) == ERR_NONE &&
            value.len > size)
            abort();
    }
    (void)etag_matches(text, "\"00000000000000000000000000000000\"");
    (void)gzip_accepted(text);
    (void)http_is_host(text);
    arena_free(a);
    return 0;
}
