/* fuzz_json.c - any bytes into the reader, what it takes through the writer.
 *
 * The writer's output must be read again as an equal tree, and any bytes at
 * all written as a string must come out as JSON that jansson takes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void write_and_read_tree(json_t *v)
{
    json_t *again = NULL;
    struct err e = {0};
    struct buf out;
    struct jw j;

    buf_init(&out, 64 << 20);
    jw_init(&j, &out);
    jw_value(&j, v);
    require(buf_ok(&out));
    require(json_parse(&again, buf_slice(&out), &e) == ERR_NONE);
    require(json_equal(v, again));
    json_decref(again);
    buf_release(&out);
}

static void write_and_read_string(struct slice s)
{
    struct buf out;
    struct jw j;
    json_t *v;

    buf_init(&out, 64 << 20);
    jw_init(&j, &out);
    jw_slice(&j, s);
    require(buf_ok(&out));
    v = json_loadb(out.p, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    require(v != NULL);
    if (utf8_valid(s))
        require(slice_eq(
            s, (struct slice){json_string_value(v), json_string_length(v)}));
    json_decref(v);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};
    struct err e = {0};
    json_t *v = NULL;

    write_and_read_string(s);
    if (json_parse(&v, s, &e) == ERR_NONE) {
        write_and_read_tree(v);
        json_decref(v);
    } else {
        require(v == NULL && e.msg[0]);
    }
    return 0;
}
