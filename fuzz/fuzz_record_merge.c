/* fuzz_record_merge.c - stored metadata, a zero byte, what is given: any bytes.
 *
 * Where jansson takes both the outcome is that of trees; given a second time it
 * changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "store/record_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_object(struct slice s)
{
    return slice_starts(s, "{") && json_scan_valid(s);
}

static json_t *tree(struct slice s)
{
    json_t *v = NULL;

    return json_parse(&v, s, NULL) == ERR_NONE ? v : NULL;
}

/* Members as the rule has them, from trees; NULL where jansson refuses one. */
static json_t *merged(struct slice stored, struct slice given)
{
    json_t *all = stored.p ? tree(stored) : json_object();
    json_t *change = tree(given), *v, *left = NULL;
    const char *key;

    if (all && change) {
        json_object_update(all, change);
        left = json_object();
        json_object_foreach(all, key, v)
        {
            if (!json_is_null(v))
                json_object_set(left, key, v);
        }
    }
    json_decref(change);
    json_decref(all);
    return left;
}

static void compare(struct slice stored, struct slice given, struct slice out)
{
    json_t *want = merged(stored, given);
    json_t *got = out.p ? tree(out) : json_object();

    if (want && (!got || !json_equal(want, got)))
        abort();
    json_decref(got);
    json_decref(want);
}

static void merge_twice(struct arena *a, struct slice stored,
                        struct slice given)
{
    struct slice once, twice;

    if (record_merge_metadata(a, stored, given, &once, NULL) != ERR_NONE)
        return;
    if (once.p && !is_object(once))
        abort();
    compare(stored, given, once);
    if (record_merge_metadata(a, once, given, &twice, NULL) != ERR_NONE ||
        !slice_eq(once, twice) || !once.p != !twice.p)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice given = {(const char *)data, size}, stored;
    struct arena *a;

    if (!slice_split(&given, '\0', &stored) || !is_object(given) ||
        (stored.len && !is_object(stored)))
        return 0;
    a = arena_new((size_t)64 << 20);
    if (!a)
        abort();
    merge_twice(a, stored.len ? stored : SLICE_NONE, given);
    arena_free(a);
    return 0;
}
