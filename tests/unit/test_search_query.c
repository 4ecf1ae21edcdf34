#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "store/search_query.h"

/* The terms as text: phrases in brackets, '!' excluded, '~' unspaced. */
static void gives(const char *text, const char *expected)
{
    struct search_query q;
    struct buf b;
    size_t wanted = 0;

    assert_int_equal(search_parse(slice_of(text), &q, NULL), ERR_NONE);
    buf_init(&b, 10000);
    for (size_t i = 0; i < q.n; i++) {
        const struct search_term *t = &q.terms[i];

        wanted += !t->excluded;
        buf_printf(&b, "%s%s%s%s%.*s%s", i ? " | " : "", t->excluded ? "!" : "",
                   t->unspaced ? "~" : "", t->phrase ? "[" : "",
                   SLICE_ARG(t->text), t->phrase ? "]" : "");
    }
    assert_int_equal(wanted, q.n_wanted);
    if (!slice_is(buf_slice(&b), expected))
        fail_msg("'%s' gives '%.*s', not '%s'", text, SLICE_ARG(buf_slice(&b)),
                 expected);
    buf_release(&b);
}

static void terms(void **state)
{
    (void)state;
    gives("large models", "large | models");
    gives("  a\tgap\n here ", "gap");
    gives("\"language model\"", "[language model]");
    gives("“language model” x", "[language model] | x");
    gives("«mot clé»", "[mot clé]");
    gives("\"not closed", "[not closed]");
    gives("-vision", "!vision");
    gives("-\"computer vision\" llm", "![computer vision] | llm");
    gives("--x", "!-x");
    gives("few-shot", "few-shot"); /* '-' inside a word is text */
    gives("C++", "C++");
    gives("x\u3000y\u00a0z", "x | y | z"); /* wide and hard spaces */
    gives("a\"b c", "a\"b | c");
    gives("x AND y", "x | y"); /* "and" is a stop word, not an operator */
    gives("NEAR(x", "NEAR(x");
}

static void unspaced(void **state)
{
    (void)state;
    gives("言語モデル bert", "~言語モデル | bert");
    gives("\"大規模 評価\"", "~[大規模 評価]");
    gives("-한국어 x", "!~한국어 | x");
    gives("GPT模型", "~GPT模型");
    assert_false(search_is_unspaced(SLICE("Ünïcödé α β ж")));
    assert_true(search_is_unspaced(SLICE("x 語")));
    assert_false(search_is_unspaced(SLICE("")));
}

static void stop_words(void **state)
{
    (void)state;
    gives("the transformer", "transformer");
    gives("The OF transformer", "transformer");
    gives("\"state of the art\"", "[state of the art]"); /* kept in phrases */
    gives("\"to be\" x", "x");
    gives("don't panic", "panic");
}

static void unusable(void **state)
{
    static const char *const texts[] = {
        "",   " ",     "\"\"", "-",    "+ - *",    "the",        "\"of the\"",
        "!?", "— … ’", "-the", "\xff", "a \xc3 b", "\U0001F600",
    };
    struct search_query q;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        e = (struct err){0};
        if (search_parse(slice_of(texts[i]), &q, &e) != ERR_INVALID)
            fail_msg("'%s' is taken", texts[i]);
        assert_string_equal(e.field, "search");
    }
}

static void limits(void **state)
{
    char text[SEARCH_MAX_BYTES + 2];
    struct search_query q;
    struct slice s = {text, 0};

    (void)state;
    for (int i = 0; i < SEARCH_MAX_TERMS; i++, s.len += 2)
        memcpy(text + s.len, "x ", 2);
    assert_int_equal(search_parse(s, &q, NULL), ERR_NONE);
    assert_int_equal(q.n, SEARCH_MAX_TERMS);
    memcpy(text + s.len, "x", 1);
    s.len++;
    assert_int_equal(search_parse(s, &q, NULL), ERR_INVALID);
    memset(text, 'x', sizeof(text));
    s.len = SEARCH_MAX_BYTES;
    assert_int_equal(search_parse(s, &q, NULL), ERR_NONE);
    s.len++;
    assert_int_equal(search_parse(s, &q, NULL), ERR_INVALID);
}

static void has_word(void **state)
{
    (void)state;
    assert_true(search_has_word(SLICE("- 1")));
    assert_true(search_has_word(SLICE("é")));
    assert_true(search_has_word(SLICE("語")));
    assert_false(search_has_word(SLICE(" -,;…— ")));
    assert_false(search_has_word(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms),      cmocka_unit_test(unspaced),
        cmocka_unit_test(stop_words), cmocka_unit_test(unusable),
        cmocka_unit_test(limits),     cmocka_unit_test(has_word),
    };

    return cmocka_run_group_tests_name("search_query", tests, NULL, NULL);
}
