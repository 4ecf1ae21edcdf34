/* fuzz_json_tree.c - the fast reader against json_parse(): the same texts are
 * taken, with the same values. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "backend/json_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What each reader made of the text, written by the same writer. */
static void compare(const json_t *slow, const struct json_node *fast)
{
    struct buf a, b;
    struct jw j;

    buf_init(&a, 1024 * 1024);
    buf_init(&b, 1024 * 1024);
    jw_init(&j, &a);
    jw_value(&j, slow);
    jw_init(&j, &b);
    assert(json_tree_write(&j, fast));
    assert(buf_ok(&a) == buf_ok(&b));
    assert(slice_eq(buf_slice(&a), buf_slice(&b)));
    buf_release(&a);
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct arena *a = arena_new(64 * 1024 * 1024);
    const struct json_node *fast;
    json_t *slow = NULL;
    struct err e = {0};
    enum err_code rc, want;

    if (!a)
        return 0;
    want = json_parse(&slow, text, NULL);
    rc = json_tree_parse(&fast, a, text, &e);
    if (rc == ERR_NONE && want == ERR_NONE)
        compare(slow, fast);
    else if (rc == ERR_NONE)
        assert(slice_find(text, SLICE("\\u0000")) >= 0);
    else if (want == ERR_NONE)
        assert(strstr(e.msg, "members"));
    else
        assert(e.code == want);
    json_decref(slow);
    arena_free(a);
    return 0;
}
