/* fuzz_chroma_where.c - a filter of records: where, where_document, metadata
 * and a document, with a zero byte between them; any bytes.
 *
 * What metadata alone decide must be what all of it decides.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"
#include "processor/where.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct where *w, struct slice metadata,
                struct slice document)
{
    enum where_verdict verdict = WHERE_NO;
    struct err e = {0};
    bool matches = false;
    enum err_code code = where_matches_metadata(w, metadata, &verdict, &e);

    if (where_matches_record(w, metadata, document, &matches, &e) != ERR_NONE)
        return;
    if (code != ERR_NONE || (verdict == WHERE_YES && !matches) ||
        (verdict == WHERE_NO && matches))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size}, part[3];
    json_t *where = NULL, *document = NULL;
    struct where *w = NULL;
    struct err e = {0};

    for (int i = 0; i < 3; i++)
        if (!slice_split(&rest, '\0', &part[i]))
            return 0;
    if (!utf8_valid(rest))
        return 0;
    (void)!json_parse(&where, part[0], &e);
    (void)!json_parse(&document, part[1], &e);
    if (where_compile_records(&w, where, document, &e) == ERR_NONE) {
        ask(w, part[2], rest);
        ask(w, part[2], SLICE_NONE);
        ask(w, SLICE_NONE, rest);
        where_free(w);
    }
    json_decref(where);
    json_decref(document);
    return 0;
}
