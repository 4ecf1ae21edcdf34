/* test_json_tree.c - the fast reader says what json_parse() says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/json_tree.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(8 * 1024 * 1024);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Exactly as long as the text, so that a byte too far is seen. */
static struct slice exact(const char *text)
{
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1);

    assert_non_null(copy);
    memcpy(copy, text, n);
    return (struct slice){copy, n};
}

static void check(const char *text)
{
    struct slice s = exact(text);
    const struct json_node *fast;
    json_t *slow = NULL;
    struct err e = {0}, f = {0};
    enum err_code want = json_parse(&slow, s, &e);
    enum err_code rc = json_tree_parse(&fast, arena, s, &f);
    struct buf a, b;
    struct jw j;

    if (rc != want)
        fail_msg("%s: %d, not %d", text, rc, want);
    if (rc) {
        assert_string_equal(f.msg, e.msg);
    } else {
        buf_init(&a, 100000);
        buf_init(&b, 100000);
        jw_init(&j, &a);
        jw_value(&j, slow);
        jw_init(&j, &b);
        assert_true(json_tree_write(&j, fast));
        if (!slice_eq(buf_slice(&a), buf_slice(&b)))
            fail_msg("%s: %.*s", text, SLICE_ARG(buf_slice(&b)));
        buf_release(&a);
        buf_release(&b);
    }
    json_decref(slow);
    free((char *)s.p);
}

static void test_as_json_parse(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "12",
        "-12",
        "1.5",
        "1e3",
        "1E-2",
        "0.1e+1",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "1e999",
        "-1e999",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "- 1",
        "\"\"",
        "\"a\"",
        "\"a",
        "\"",
        "\"\\\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\x\"",
        "\"\\",
        "\"\\u00e9\"",
        "\"\\u00E9\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ude00\"",
        "\"a\nb\"",
        "\"a\x01\"",
        "\"\xC3\xA9\"",
        "\"\xC3\"",
        "\"\xED\xA0\x80\"",
        "[]",
        "[ ]",
        "[1,2 , 3]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "[1",
        "]",
        "{}",
        "{\"a\":1}",
        " { \"a\" : 1 , \"b\" : [ { } ] } ",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\\u0000\":1}",
        "{",
        "{\"a\":1",
        "nul",
        "nullx",
        "truefalse",
        "1 2",
        "\t1\r\n",
        "",
        " ",
        "\xEF\xBB\xBF"
        "1",
        "NaN",
        "Infinity",
        "'a'",
        "// x\n1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        check(texts[i]);
}

static void test_depth(void **state)
{
    char text[2 * JSON_MAX_DEPTH + 3];

    (void)state;
    for (int depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        check(text);
    }
}

static void test_values(void **state)
{
    const struct json_node *v, *m;

    (void)state;
    assert_int_equal(json_tree_parse(&v, arena,
                                     SLICE("{\"a\":[1,\"x\\ny\"],\"b\":2.5}"),
                                     NULL),
                     ERR_NONE);
    assert_int_equal(v->kids.n, 2);
    m = json_tree_get(v, "a");
    assert_int_equal(m->kids.n, 2);
    assert_int_equal(m->kids.first->i, 1);
    assert_true(slice_is(m->kids.first->next->s, "x\ny"));
    assert_true(json_tree_get(v, "b")->d == 2.5);
    assert_null(json_tree_get(v, "c"));
    assert_null(json_tree_get(m, "a"));
    assert_null(json_tree_get(NULL, "a"));
}

static void test_nul_is_let_through(void **state)
{
    const struct json_node *v;
    struct buf out;
    struct jw j;

    (void)state;
    assert_int_equal(json_tree_parse(&v, arena, SLICE("[\"a\\u0000b\"]"), NULL),
                     ERR_NONE);
    assert_true(slice_eq(v->kids.first->s, SLICE("a\0b")));
    buf_init(&out, 100);
    jw_init(&j, &out);
    assert_false(json_tree_write(&j, v));
    buf_release(&out);
}

static void test_limits(void **state)
{
    struct arena *small = arena_new(1000);
    const struct json_node *v;
    struct err e;
    struct buf text;

    (void)state;
    buf_init(&text, 100000);
    buf_add_char(&text, '{');
    for (int i = 0; i < JSON_TREE_MAX_MEMBERS; i++)
        buf_printf(&text, "%s\"%d\":0", i ? "," : "", i);
    buf_add_char(&text, '}');
    assert_int_equal(json_tree_parse(&v, arena, buf_slice(&text), &e),
                     ERR_NONE);
    assert_int_equal(json_tree_parse(&v, small, buf_slice(&text), &e),
                     ERR_TOO_LARGE);
    buf_cut(&text, text.len - 1);
    buf_add_str(&text, ",\"x\":0}");
    assert_int_equal(json_tree_parse(&v, arena, buf_slice(&text), &e),
                     ERR_INVALID);
    assert_non_null(strstr(e.msg, "members"));
    buf_release(&text);
    arena_free(small);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_as_json_parse),      TEST(test_depth),  TEST(test_values),
        TEST(test_nul_is_let_through), TEST(test_limits),
    };

    return cmocka_run_group_tests_name("json_tree", tests, NULL, NULL);
}
