/* fuzz_multipart.c - a form: a line of Content-Type, then the body.
 *
 * What is accepted must lie in the body, in order, within the stated limits; a
 * body that is cut anywhere must be refused or end sooner, never be misread. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "net/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(const struct multipart_part *p, struct slice body,
                       const char **behind)
{
    size_t n = strlen(p->name);

    assert(n > 0 && n <= MULTIPART_MAX_NAME);
    assert(strlen(p->filename) <= MULTIPART_MAX_FILENAME);
    assert(p->is_file || p->filename[0] == '\0');
    assert(utf8_valid(slice_of(p->name)) && utf8_valid(slice_of(p->filename)));
    assert(p->data.p >= *behind &&
           p->data.p + p->data.len <= body.p + body.len);
    *behind = p->data.p + p->data.len;
}

static enum err_code read_all(struct slice type, struct slice body, int *n)
{
    struct multipart_part part;
    const char *behind = body.p;
    struct err e = {0};
    struct multipart m;
    bool more = true;
    enum err_code code = multipart_open(&m, type, body, &e);

    *n = 0;
    while (code == ERR_NONE && more) {
        code = multipart_next(&m, &part, &more, &e);
        if (code == ERR_NONE && more) {
            check_part(&part, body, &behind);
            assert(++*n <= MULTIPART_MAX_PARTS);
        }
    }
    assert(code == ERR_NONE || e.msg[0]);
    assert(code == ERR_NONE || code == ERR_INVALID || code == ERR_TOO_LARGE);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size}, type = SLICE_NONE;
    int n, fewer;

    if (size == 0 || size > 20000)
        return 0;
    slice_split(&body, '\n', &type);
    if (!body.p || read_all(type, body, &n) != ERR_NONE)
        return 0;
    /* without the last boundary's hyphens it is no form */
    body.len -= slice_ends(body, "\r\n") ? 3 : 1;
    assert(read_all(type, body, &fewer) != ERR_NONE && fewer <= n);
    return 0;
}
