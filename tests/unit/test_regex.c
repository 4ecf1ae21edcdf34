/* test_regex.c - the dialect, and that no pattern runs for long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "processor/regex.h"

static void matches(void **state)
{
    /* What Chroma's server answered to the same. */
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"^Hello", "Hello World", true},
        {"(?i)hello", "Hello World", true},
        {"hello", "Hello World", false},
        {"w.rld\\n", "hello world\nline two", true},
        {"a{3}", "aaa", true},
        {"a{4}", "aaa", false},
        {"^a{2,}$", "aaa", true},
        {"\\d+%", "100% _under_", true},
        {"", "x", true},
        {"", "", true},
        {"^$", "", true},
        {"^$", "x", false},
        {"^line", "hello world\nline two", false},
        {"(?m)^line", "hello world\nline two", true},
        {"world$", "hello world\n", false},
        {"world.line", "hello world\nline two", false},
        {"(?s)world.line", "hello world\nline two", true},
        {"(?s:d.l)ine", "hello world\nline two", true},
        {"\\p{Han}", "\xe6\x97\xa5\xe6\x9c\xac", true},
        {"\\p{Han}", "nihon", false},
        {"\\bunder", "100% _under_", false},
        {"^\\w+$",
         "stra\xc3\x9f"
         "e",
         true},
        {"^...$", "\xc3\xa4\xc3\xb6\xc3\xbc", true},
        {"(?i)\xc3\x84", "\xc3\xa4", true},
        {"\\x41\\x{42}\\u0043\\u{44}\\U00000045", "ABCDE", true},
        {"[\\x41-C]{3}", "ABC", true},
        {"^\\v$", "\x0b", true},
        {"^\\v$", "\x0c", false},
        {"[[:digit:]]", "a1", true},
        {"[]]", "]", true},
        {"[^]]", "]", false},
        {"[^\\]a]", "a]", false},
        {"(?P<x>a)(?<y>b)(?:c)", "abc", true},
        {"a|b", "b", true},
        {"a+?b??", "a", true},
        {"(?x) a b # c", "ab", true},
        {"\\.\\*\\[\\\\", ".*[\\", true},
        {"(?iu)A", "a", true},
        {"(?i)a(?-i)B", "AB", true},
        {"(?i)a(?-i)B", "Ab", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct regex *r = NULL;
        struct err e = {0};
        bool out = false;

        if (regex_compile(&r, slice_of(cases[i].pattern), &e) != ERR_NONE ||
            regex_matches(r, slice_of(cases[i].text), &out, &e) != ERR_NONE)
            fail_msg("%s: %s", cases[i].pattern, e.msg);
        if (out != cases[i].matches)
            fail_msg("%s over '%s' is %d", cases[i].pattern, cases[i].text,
                     out);
        regex_free(r);
    }
}

static void refused(void **state)
{
    static const struct {
        const char *pattern, *message;
    } cases[] = {
        {"[", "unclosed character class"},
        {"[a", "unclosed character class"},
        {"(", "missing closing parenthesis"},
        {")", "unmatched closing parenthesis"},
        {"*", "quantifier does not follow a repeatable item"},
        {"\\", "the pattern ends with a backslash"},
        {"(a)\\1", "references back are not supported, at byte 3"},
        {"(?P<a>b)\\k<a>", "references back are not supported"},
        {"\\g1", "references back are not supported"},
        {"(?=a)", "look-around"},
        {"(?<!a)", "look-around"},
        {"(?>a)", "unknown flag or kind of group"},
        {"(?|a)", "unknown flag or kind of group"},
        {"(?R)", "unknown flag or kind of group"},
        {"(?1)", "unknown flag or kind of group"},
        {"(?#c)", "unknown flag or kind of group"},
        {"(?C1)a", "unknown flag or kind of group"},
        {"(?-u)a", "unknown flag or kind of group"},
        {"(?i", "unknown flag or kind of group"},
        {"(*UCP)a", "a repetition has nothing to repeat"},
        {"a++", "a repetition is repeated"},
        {"a{2}+", "a repetition is repeated"},
        {"a{", "a repetition in braces is malformed"},
        {"a{,2}", "a repetition in braces is malformed"},
        {"\\Q", "unknown escape"},
        {"\\K", "unknown escape"},
        {"\\R", "unknown escape"},
        {"\\h", "unknown escape"},
        {"\\e", "unknown escape"},
        {"\\xg", "a code point is not hexadecimal"},
        {"\\u12", "a code point is not hexadecimal"},
        {"\\x{110000}", "character code point value"},
        {"\\p{Nonsense}", "unknown property"},
        {"[a[b]]", "classes inside classes are not supported"},
        {"[a&&b]", "&&, -- and ~~"},
        {"[\\b]", "an assertion has no place in a class"},
        {"[b-a]", "range out of order"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct regex *r = NULL;
        struct err e = {0};

        if (regex_compile(&r, slice_of(cases[i].pattern), &e) != ERR_INVALID)
            fail_msg("%s is taken", cases[i].pattern);
        if (!slice_starts(slice_of(e.msg), cases[i].message))
            fail_msg("%s: '%s' does not begin '%s'", cases[i].pattern, e.msg,
                     cases[i].message);
    }
}

static void limits(void **state)
{
    static char pattern[REGEX_MAX_BYTES + 1], text[60000];
    struct regex *r = NULL;
    struct err e = {0};
    bool out = true;

    (void)state;
    memset(pattern, 'a', sizeof(pattern));
    assert_int_equal(
        regex_compile(&r, (struct slice){pattern, REGEX_MAX_BYTES}, &e),
        ERR_NONE);
    regex_free(r);
    assert_int_equal(
        regex_compile(&r, (struct slice){pattern, sizeof(pattern)}, &e),
        ERR_INVALID);
    assert_int_equal(regex_compile(&r, SLICE("((a{1000}){1000}){1000}"), &e),
                     ERR_INVALID);

    /* What would take longer than the universe is old. */
    memset(text, 'x', sizeof(text));
    assert_int_equal(regex_compile(&r, SLICE("(x+x+)+[yz]"), &e), ERR_NONE);
    assert_int_equal(regex_matches(r, (struct slice){text, 40}, &out, &e),
                     ERR_UNPROCESSABLE);
    regex_free(r);

    /* More than the small stack of the compiled form holds. */
    assert_int_equal(regex_compile(&r, SLICE("^(x|a)*$"), &e), ERR_NONE);
    assert_int_equal(
        regex_matches(r, (struct slice){text, sizeof(text)}, &out, &e),
        ERR_NONE);
    assert_true(out);
    regex_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches),
        cmocka_unit_test(refused),
        cmocka_unit_test(limits),
    };

    return cmocka_run_group_tests_name("regex", tests, NULL, NULL);
}
