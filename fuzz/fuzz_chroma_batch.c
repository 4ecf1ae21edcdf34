/* fuzz_chroma_batch.c - the body of add, upsert and update: any bytes.
 *
 * What is taken is JSON, keeps the limits, and is the same in every way of
 * putting that takes it.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "chroma/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const struct record_new *r, int dim, bool update)
{
    if (r->id.len == 0 || r->id.len > RECORDS_MAX_NAME ||
        (!r->vector && !update))
        abort();
    for (int i = 0; r->vector && i < dim; i++)
        if (!isfinite(r->vector[i]))
            abort();
    if (r->metadata.p && !json_scan_valid(r->metadata))
        abort();
}

static void check(struct slice body, enum records_put how)
{
    struct arena *a = arena_new(32u << 20);
    struct record_batch b;
    struct err e = {0};

    if (!a)
        return;
    if (batch_read(&b, a, body, how, &e) == ERR_NONE) {
        if (!json_scan_valid(body))
            abort();
        for (size_t i = 0; i < b.n; i++)
            check_record(&b.records[i], b.dim, how == RECORDS_UPDATE);
    } else if (!e.msg[0]) {
        abort();
    }
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size};

    check(body, RECORDS_ADD);
    check(body, RECORDS_UPDATE);
    return 0;
}
