/* test_safetensors.c - what is taken, and everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "embed/safetensors.h"

/* A file in memory that is exactly as long as it says, aligned as malloc does:
 * 8 bytes, the header (blanks behind it up to a multiple of 8), `data` bytes
 * 0, 1, 2, ... */
static struct slice make(const char *header, size_t data)
{
    uint64_t n = (strlen(header) + 7) / 8 * 8;
    char *p = malloc(8 + n + data);

    assert_non_null(p);
    memset(p, ' ', 8 + n);
    memcpy(p, &n, 8);
    memcpy(p + 8, header, strlen(header));
    for (size_t i = 0; i < data; i++)
        p[8 + n + i] = (char)i;
    return (struct slice){p, 8 + n + data};
}

static void drop(struct slice s)
{
    free((void *)(uintptr_t)s.p);
}

static void test_good(void **state)
{
    struct slice f = make("{\"__metadata__\":{\"format\":\"pt\"},"
                          "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],"
                          "\"data_offsets\":[8,32]},"
                          "\"a\":{\"dtype\":\"I64\",\"shape\":[],"
                          "\"data_offsets\":[0,8]},"
                          "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,5],"
                          "\"data_offsets\":[8,8]}}",
                          32);
    struct safetensors *st;
    const struct tensor *t;

    (void)state;
    assert_int_equal(safetensors_open(&st, f, NULL), ERR_NONE);
    assert_int_equal(safetensors_count(st), 3);
    assert_string_equal(safetensors_at(st, 0)->name, "a");
    assert_string_equal(safetensors_at(st, 1)->name, "empty");
    t = safetensors_find(st, "b");
    assert_ptr_equal(t, safetensors_at(st, 2));
    assert_string_equal(t->dtype, "F32");
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->shape[0], 2);
    assert_int_equal(t->shape[1], 3);
    assert_int_equal(t->count, 6);
    assert_ptr_equal(t->data, f.p + f.len - 24);
    assert_int_equal(safetensors_find(st, "a")->count, 1);
    assert_null(safetensors_find(st, "__metadata__"));
    safetensors_close(st);
    safetensors_close(NULL);
    drop(f);
}

static void test_no_tensors(void **state)
{
    struct slice f = make("{}", 0);
    struct safetensors *st;

    (void)state;
    assert_int_equal(safetensors_open(&st, f, NULL), ERR_NONE);
    assert_int_equal(safetensors_count(st), 0);
    safetensors_close(st);
    drop(f);
}

static void refuse(struct slice f, const char *why)
{
    struct safetensors *st = NULL;
    struct err e = {0};

    if (safetensors_open(&st, f, &e) != ERR_INVALID)
        fail_msg("taken (or not for being wrong: %s): %.*s", e.msg,
                 SLICE_ARG(f));
    if (!strstr(e.msg, why))
        fail_msg("'%s' does not say '%s'", e.msg, why);
}

#define ONE(body) "{\"x\":{" body "}}"
#define TWO(x, y)                                                              \
    "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" x             \
    "]},\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" y "]}}"

static void test_refused(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        const char *why;
    } cases[] = {
        {"", 0, "JSON"},
        {"[]", 0, "no table"},
        {"17", 0, "no table"},
        {"{\"x\":1}", 0, "type"},
        {"{\"x\":[]}", 0, "type"},
        {ONE("\"shape\":[1],\"data_offsets\":[0,4]"), 4, "type"},
        {ONE("\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]"), 4, "type"},
        {ONE("\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]"), 4,
         "type"},
        {ONE("\"dtype\":\"F32\",\"data_offsets\":[0,4]"), 4, "shape"},
        {ONE("\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]"), 4,
         "shape"},
        {ONE("\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]"), 4,
         "shape"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]"), 4,
         "shape"},
        {ONE("\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]"), 4,
         "shape"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],"
             "\"data_offsets\":[0,4]"),
         4, "shape"},
        {ONE("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
             "\"data_offsets\":[0,0]"),
         0, "shape"},
        {ONE("\"dtype\":\"F32\",\"shape\":[4611686018427387904],"
             "\"data_offsets\":[0,0]"),
         0, "long"},
        {ONE("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]"), 4,
         "long"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1]"), 4, "outside"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]"), 4,
         "outside"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]"), 4,
         "outside"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]"), 4,
         "outside"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]"), 4,
         "outside"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]"), 4,
         "outside"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":"
             "[9223372036854775804,9223372036854775807]"),
         4, "outside"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]"), 6,
         "aligned"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]"), 8,
         "gap"},
        {ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]"), 5,
         "behind"},
        {TWO("0,8", "4,12"), 12, "overlaps"},
        {TWO("0,8", "0,8"), 8, "overlaps"},
        {TWO("0,8", "12,20"), 20, "gap"},
        {"{}", 1, "behind"},
        {"{\"x\":{},\"x\":{}}", 0, "JSON"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct slice f = make(cases[i].header, cases[i].data);

        refuse(f, cases[i].why);
        drop(f);
    }
}

/* Each shorter file, and headers that claim to be longer than the file. */
static void test_cut_short(void **state)
{
    struct slice f = make(TWO("0,8", "8,16"), 16);
    uint64_t n;

    (void)state;
    for (size_t len = 0; len < f.len; len++) {
        char *copy = malloc(len ? len : 1);

        assert_non_null(copy);
        memcpy(copy, f.p, len);
        refuse((struct slice){copy, len}, "");
        free(copy);
    }
    for (int shift = 0; shift < 64; shift++) {
        n = UINT64_MAX >> shift;
        memcpy((char *)(uintptr_t)f.p, &n, sizeof(n));
        refuse(f, "");
    }
    drop(f);
}

static void test_deep(void **state)
{
    char deep[2001];
    struct slice f;

    (void)state;
    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    f = make(deep, 0);
    refuse(f, "JSON");
    drop(f);
}

/* Each allocation fails once: said so, and nothing leaks. */
static void test_no_memory(void **state)
{
    struct slice f = make(TWO("0,8", "8,16"), 16);
    struct safetensors *st;
    unsigned n;

    (void)state;
    for (n = 1;; n++) {
        struct err e = {0};
        enum err_code rc;

        mem_fail_after(n);
        rc = safetensors_open(&st, f, &e);
        mem_fail_after(0);
        if (rc == ERR_NONE)
            break;
        assert_int_equal(rc, ERR_INTERNAL);
        assert_non_null(strstr(e.msg, "memory"));
    }
    assert_true(n > 5);
    safetensors_close(st);
    drop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_no_tensors),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_deep),    cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
