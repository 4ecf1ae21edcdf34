/* fuzz_page.c - pages and referrers: what is taken may be stored and shown. */
#include <stdint.h>
#include <stdlib.h>

#include "analytics/page.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice given = {(const char *)data, size}, page, again;
    struct referrer from;
    size_t pos = 0;

    if (page_path(given, &page, NULL) == ERR_NONE) {
        require(page.len > 0 && page.len <= VIEW_MAX_PAGE);
        require(page.p == given.p && utf8_valid(page));
        while (pos < page.len)
            require(!utf8_steers(utf8_next(page, &pos)));
        require(page_path(page, &again, NULL) == ERR_NONE);
        require(slice_eq(page, again));
    }
    if (referrer_host(given, &from, NULL) == ERR_NONE) {
        require(from.len <= VIEW_MAX_REFERRER && (from.len > 0) == (size > 0));
        for (size_t i = 0; i < from.len; i++)
            require(from.host[i] > ' ' && from.host[i] < 0x7F);
    }
    return 0;
}
