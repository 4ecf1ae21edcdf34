/* fuzz_json_scan.c - whatever jansson takes the scanner takes, too, and cuts
 * arrays into as many elements. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size}, element;
    bool valid = json_scan_valid(text);
    json_t *v = NULL;
    size_t pos = 0, n = 0;

    if (size > 0 && memchr(data, 0, size))
        return 0; /* jansson may take one for the end */
    if (json_parse(&v, text, NULL) == ERR_NONE) {
        if (!valid)
            abort();
        while (json_is_array(v) && json_scan_next(text, &pos, &element)) {
            if (!json_scan_valid(element))
                abort();
            n++;
        }
        if (n != json_array_size(v))
            abort();
        json_decref(v);
    }
    return 0;
}
