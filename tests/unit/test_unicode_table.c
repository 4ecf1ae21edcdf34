/* test_unicode_table.c - the made table holds together, and says what is known.
 *
 * That it says what the reference says is checked where that is installed: by
 * gen_unicode.py --check and by tokenizer_reference.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "embed/unicode_table.h"

/* A letter that stays as it is: what a replacement must consist of. */
static int is_plain(uint32_t cp)
{
    uint32_t rule = unicode_rule(cp);

    return unicode_kind(rule) == UNICODE_LETTER && unicode_value(rule) == 0;
}

static void test_every_rule(void **state)
{
    uint32_t cp, n_hangul = 0, n_sequences = 0, i;

    (void)state;
    for (cp = 0; cp <= 0x10FFFF; cp++) {
        uint32_t rule = unicode_rule(cp), value = unicode_value(rule);

        switch (unicode_kind(rule)) {
        case UNICODE_DROP:
        case UNICODE_SPACE:
            assert_int_equal(rule, unicode_kind(rule));
            break;
        case UNICODE_MARK:
            assert_int_equal(value, 0);
            break;
        case UNICODE_LETTER:
            if (value && !is_plain(value))
                fail_msg("U+%04X becomes U+%04X", cp, value);
            break;
        case UNICODE_ALONE:
            assert_int_equal(unicode_class(rule), 0);
            if (value)
                assert_int_equal(unicode_rule(value), UNICODE_ALONE);
            break;
        case UNICODE_SEQUENCE:
            assert_int_equal(unicode_class(rule), 0);
            assert_int_equal(value, n_sequences++); /* each is used once */
            assert_true(cp >= 0x800); /* no more letters than bytes */
            for (i = 0; i < UNICODE_SEQUENCE_MAX; i++)
                if (i < 2 || unicode_sequences[value][i])
                    assert_true(is_plain(unicode_sequences[value][i]));
            break;
        case UNICODE_HANGUL:
            assert_true(cp >= 0xAC00 && cp <= 0xD7A3);
            n_hangul++;
            break;
        default:
            fail_msg("U+%04X is of kind %d", cp, unicode_kind(rule));
        }
    }
    assert_int_equal(n_hangul, 11172);
    assert_true(n_sequences > 10);
}

static void expect(uint32_t cp, enum unicode_kind kind, unsigned class,
                   uint32_t value)
{
    uint32_t rule = unicode_rule(cp);

    if (unicode_kind(rule) != kind || unicode_class(rule) != class ||
        unicode_value(rule) != value)
        fail_msg("U+%04X: kind %d, class %u, value %X", cp, unicode_kind(rule),
                 unicode_class(rule), unicode_value(rule));
}

static void test_known(void **state)
{
    (void)state;
    expect('a', UNICODE_LETTER, 0, 0);
    expect('Q', UNICODE_LETTER, 0, 'q');
    expect('_', UNICODE_ALONE, 0, 0);
    expect('\t', UNICODE_SPACE, 0, 0);
    expect('\f', UNICODE_DROP, 0, 0);
    expect(0, UNICODE_DROP, 0, 0);
    expect(0x85, UNICODE_DROP, 0, 0);
    expect(0xA0, UNICODE_SPACE, 0, 0);
    expect(0xC9, UNICODE_LETTER, 0, 'e');
    expect(0x130, UNICODE_LETTER, 0, 'i');
    expect(0xDF, UNICODE_LETTER, 0, 0);
    expect(0x3C2, UNICODE_LETTER, 0, 0); /* final sigma stays */
    expect(0x37E, UNICODE_ALONE, 0, ';');
    expect(0x301, UNICODE_MARK, 230, 0);
    expect(0x93F, UNICODE_LETTER, 0, 0);
    expect(0x941, UNICODE_MARK, 0, 0);
    expect(0x1B44, UNICODE_LETTER, 9, 0);
    expect(0x4E2D, UNICODE_ALONE, 0, 0);
    expect(0xF900, UNICODE_ALONE, 0, 0x8C48);
    expect(0x3042, UNICODE_LETTER, 0, 0);
    expect(0xFFFD, UNICODE_DROP, 0, 0);
    expect(0xE000, UNICODE_DROP, 0, 0);
    expect(0x10FFFF, UNICODE_LETTER, 0, 0); /* not assigned */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule),
        cmocka_unit_test(test_known),
    };

    return cmocka_run_group_tests_name("unicode_table", tests, NULL, NULL);
}
