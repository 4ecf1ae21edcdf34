/* The four forms of `input`, their limits, and what is said about the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "processor/openai_input.h"

static struct arena *arena;
static struct openai_input in;
static struct err err;
static json_t *json;

static enum err_code read_json(const char *text)
{
    struct err e = {0};

    json_decref(json);
    json = NULL;
    arena_reset(arena);
    assert_int_equal(json_parse(&json, slice_of(text), &e), ERR_NONE);
    memset(&err, 0, sizeof(err));
    return openai_input_read(&in, json, arena, &err);
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(json);
    json = NULL;
    arena_free(arena);
    return 0;
}

static void test_texts(void **state)
{
    (void)state;
    assert_int_equal(read_json("\"caf\\u00e9\""), ERR_NONE);
    assert_int_equal(in.n, 1);
    assert_null(in.lists);
    assert_true(slice_is(in.texts[0], "caf\xC3\xA9"));
    assert_int_equal(read_json("[\"a\",\" \",\"c\"]"), ERR_NONE);
    assert_int_equal(in.n, 3);
    assert_true(slice_is(in.texts[2], "c"));
}

static void test_tokens(void **state)
{
    (void)state;
    assert_int_equal(read_json("[0,30521]"), ERR_NONE);
    assert_int_equal(in.n, 1);
    assert_null(in.texts);
    assert_int_equal(in.lists[0].n, 2);
    assert_int_equal(in.lists[0].ids[1], 30521);
    assert_int_equal(read_json("[[1],[2,3]]"), ERR_NONE);
    assert_int_equal(in.n, 2);
    assert_int_equal(in.lists[1].ids[1], 3);
}

/* Kept is what the model can see; the rest is checked all the same. */
static void test_long_list(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 10000);
    buf_add_str(&text, "[7");
    for (int i = 0; i < 999; i++)
        buf_add_str(&text, ",7");
    buf_add_str(&text, "]");
    assert_int_equal(read_json(text.p), ERR_NONE);
    assert_int_equal(in.lists[0].n, EMBED_MAX_TOKENS);
    buf_cut(&text, text.len - 1);
    buf_add_str(&text, ",30522]");
    assert_int_equal(read_json(text.p), ERR_INVALID);
    assert_non_null(strstr(err.msg, "token 1000 of item 0"));
    buf_release(&text);
}

static void test_number_of_inputs(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 100000);
    buf_add_str(&text, "[\"a\"");
    for (int i = 1; i < OPENAI_MAX_INPUTS; i++)
        buf_add_str(&text, ",\"a\"");
    buf_add_str(&text, "]");
    assert_int_equal(read_json(text.p), ERR_NONE);
    assert_int_equal(in.n, OPENAI_MAX_INPUTS);
    buf_cut(&text, text.len - 1);
    buf_add_str(&text, ",\"a\"]");
    assert_int_equal(read_json(text.p), ERR_INVALID);
    assert_non_null(strstr(err.msg, "at most 10000 items; it has 10001"));
    buf_release(&text);
}

static void test_wrong(void **state)
{
    static const char *const wrong[][2] = {
        {"\"\"", "item 0"},
        {"[]", "must not be empty"},
        {"[\"a\",\"\"]", "item 1"},
        {"[\"a\",5]", "item 1"},
        {"[\"a\",[5]]", "item 1"},
        {"[5,\"a\"]", "token 1 of item 0"},
        {"[[5],\"a\"]", "item 1"},
        {"[[5],[]]", "item 1"},
        {"[-1]", "vocabulary"},
        {"[30522]", "vocabulary"},
        {"[9223372036854775807]", "vocabulary"},
        {"[[1,2.0]]", "token 1 of item 0"},
        {"[1.5]", "item 0"},
        {"[true]", "item 0"},
        {"[null]", "item 0"},
        {"null", "must be a text"},
        {"5", "must be a text"},
        {"{}", "must be a text"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        if (read_json(wrong[i][0]) != ERR_INVALID ||
            strcmp(err.field, "input") != 0 || !strstr(err.msg, wrong[i][1]))
            fail_msg("%s: '%s' (%s)", wrong[i][0], err.msg, err.field);
    }
}

static void test_small_arena(void **state)
{
    (void)state;
    arena_free(arena);
    arena = arena_new(64);
    assert_int_equal(read_json("[\"a\",\"b\",\"c\",\"d\",\"e\"]"),
                     ERR_TOO_LARGE);
    assert_int_equal(read_json("[[1],[2],[3],[4],[5]]"), ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_long_list),
        cmocka_unit_test(test_number_of_inputs),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_small_arena),
    };

    return cmocka_run_group_tests_name("openai_input", tests, setup, teardown);
}
