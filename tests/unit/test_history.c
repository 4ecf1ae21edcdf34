/* test_history.c - the turns before a question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "processor/history.h"

/* What is looked for with the question "q", if the history is right. */
static enum err_code read_text(const char *text, struct arena *a,
                               struct slice *about, size_t *n, struct err *e)
{
    struct prompt_turn *turns;
    json_t *v = NULL;
    enum err_code code;

    assert_int_equal(json_parse(&v, slice_of(text), NULL), ERR_NONE);
    code = history_read(v, &turns, n, a, e);
    if (code == ERR_NONE)
        code = history_search_text(about, SLICE("q"), turns, *n, a, e);
    json_decref(v);
    return code;
}

#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define ASSISTANT(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"

static void turns(void **state)
{
    static const struct {
        const char *text, *about;
        size_t n;
    } cases[] = {
        {"[]", "q", 0},
        {"[" USER("a") "," ASSISTANT("b") "]", "q\nq\na", 2},
        {"[" USER("a") "," ASSISTANT("b") "," USER("c") "," ASSISTANT("d") "]",
         "q\nq\nc\na", 4},
        {"[" USER("a") "," ASSISTANT("b") "," USER("c") "," ASSISTANT(
             "d") "," USER("e") "," ASSISTANT("f") "]",
         "q\nq\ne\nc", 6},
    };
    struct arena *a = arena_new(1 << 20);
    struct slice about;
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(read_text(cases[i].text, a, &about, &n, NULL),
                         ERR_NONE);
        assert_int_equal(n, cases[i].n);
        assert_true(slice_is(about, cases[i].about));
    }
    arena_free(a);
}

/* Each names its place. */
static void errors(void **state)
{
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"null", "history"},
        {"{}", "history"},
        {"[null]", "history[0]"},
        {"[{\"role\":\"user\",\"content\":\"a\",\"x\":1}]", "history[0]"},
        {"[{\"role\":\"system\",\"content\":\"a\"}]", "history[0].role"},
        {"[" ASSISTANT("a") "]", "history[0].role"},
        {"[" USER("a") "," USER("b") "]", "history[1].role"},
        {"[" USER("a") "]", "history[0].role"},
        {"[{\"role\":\"user\"}]", "history[0].content"},
        {"[" USER("a") "," ASSISTANT("  ") "]", "history[1].content"},
    };
    struct arena *a = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = {0};
        struct slice about;
        size_t n = 7;

        assert_int_equal(read_text(cases[i].text, a, &about, &n, &e),
                         ERR_INVALID);
        assert_string_equal(e.field, cases[i].field);
        assert_int_equal(n, 0);
    }
    arena_free(a);
}

static void long_turns(void **state)
{
    const struct prompt_turn turns[] = {{false, SLICE_INIT("a")},
                                        {true, SLICE_INIT("b")}};
    struct prompt_turn large[2] = {turns[0], turns[1]};
    struct arena *a = arena_new(1 << 20);
    struct slice about;
    struct buf b;

    (void)state;
    buf_init(&b, 10000);
    for (int i = 0; i < 1000; i++)
        buf_add_str(&b, "\xC3\xA9");
    large[0].text = buf_slice(&b);
    assert_int_equal(history_search_text(&about, SLICE("q"), large, 2, a, NULL),
                     ERR_NONE);
    assert_int_equal(about.len, 4 + 300);
    buf_release(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns),
        cmocka_unit_test(errors),
        cmocka_unit_test(long_turns),
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
