/* test_sentences.c - where sentences begin and end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "processor/sentences.h"

/* The sentences joined by '|', with the kind before those that are no prose. */
static void gives(const char *text, const char *expected)
{
    static const char *const kinds[] = {"",
                                        "item:", "head:", "table:", "code:"};
    struct slice t = slice_of(text);
    struct sentences it;
    struct sentence s;
    struct buf b;

    buf_init(&b, 100000);
    sentences_init(&it, t);
    while (sentences_next(&it, &s)) {
        buf_printf(&b, "%s%s", b.len ? "|" : "", kinds[s.kind]);
        buf_add_slice(&b, slice_sub(t, s.start, s.end));
        assert_int_equal(s.start_char, utf8_count(slice_sub(t, 0, s.start)));
        assert_int_equal(s.end_char, utf8_count(slice_sub(t, 0, s.end)));
    }
    if (!slice_is(buf_slice(&b), expected))
        fail_msg("'%s' gives '%.*s', not '%s'", text, SLICE_ARG(buf_slice(&b)),
                 expected);
    buf_release(&b);
}

static void plain(void **state)
{
    (void)state;
    gives("", "");
    gives(" \n\t ", "");
    gives("One. Two! Three? Four", "One.|Two!|Three?|Four");
    gives("  One.\nTwo\nstill two.  ", "One.|Two\nstill two.");
    gives("He said \"Go.\" Then (they left.) All...", "He said \"Go.\"|Then "
                                                      "(they left.)|All...");
    gives("What?! Really... Yes.", "What?!|Really...|Yes.");
    gives("Really... yes. No", "Really... yes.|No");
    gives("\"Why?\" he asked. So", "\"Why?\" he asked.|So");
    gives("One.\n\nTwo", "One.|Two");
    gives("No stop\n \nhere", "No stop|here");
}

static void not_an_end(void **state)
{
    (void)state;
    gives("Dr. Smith and Mr. Jones met. Then", "Dr. Smith and Mr. Jones "
                                               "met.|Then");
    gives("See Fig. 3 and Eq. 4. Next", "See Fig. 3 and Eq. 4.|Next");
    gives("Shown by Wu et al. Later work", "Shown by Wu et al. Later work");
    gives("Use e.g. Kubernetes, i.e. Pods. Next",
          "Use e.g. Kubernetes, i.e. Pods.|Next");
    gives("It is 3.14 or v1.2.3 of sheaf.conf. Next",
          "It is 3.14 or v1.2.3 of sheaf.conf.|Next");
    gives("J. R. Smith of the U.S. Army. Next",
          "J. R. Smith of the U.S. Army.|Next");
    gives("So did I. Then", "So did I.|Then");
    gives("Run kubectl. kubelet starts. Next", "Run kubectl. kubelet "
                                               "starts.|Next");
    gives("The answer is no. That is all", "The answer is no.|That is all");
    gives("It has no. 7 on it. Next", "It has no. 7 on it.|Next");
    gives("Call `a. B` now. Next `open. Yes", "Call `a. B` now.|Next "
                                              "`open.|Yes");
    gives("In 2020. Then", "In 2020.|Then");
    gives("Etwa z.B. Berlin. Danach", "Etwa z.B. Berlin.|Danach");
}

static void other_scripts(void **state)
{
    (void)state;
    gives("今日は。明日！本当？「はい。」次",
          "今日は。|明日！|本当？|「はい。」|次");
    gives("Привет мир. Как дела? хорошо", "Привет мир.|Как дела? хорошо");
    gives("كيف حالك؟ بخير۔ نعم", "كيف حالك؟|بخير۔|نعم");
    gives("यह है। वह है।", "यह है।|वह है।");
    gives("Á.\xC2\xA0"
          "Á.\xE3\x80\x80É",
          "Á.|Á.|É");
}

static void blocks(void **state)
{
    (void)state;
    gives("# Title one. Two\nText here.", "head:Title one. Two|Text here.");
    gives("Intro:\n- first. More\n- second\n  goes on\n* third",
          "Intro:|item:first.|More|item:second\n  goes on|item:third");
    gives("1. One thing. And\n2) Two\n12. Three",
          "item:One thing.|And|item:Two|item:Three");
    gives("\xE2\x80\xA2 dot\n\xE2\x80\xA2 dot2", "item:dot|item:dot2");
    gives("-\n- \n#\nx", "-|#\nx");
    gives("-1 is less. Yes", "-1 is less.|Yes");
    gives("| a. B | c |\n|---|---|\ntext", "table:| a. B | c "
                                           "||table:|---|---||text");
    gives("Do:\n```sh\nls a. B\n\n# x\n```\nDone.", "Do:|code:ls a. B\n\n# "
                                                    "x|Done.");
    gives("```\nnever. Closed\n", "code:never. Closed");
    gives("```\n```\nx", "x");
    gives("```", "");
}

/* Any text: in order, trimmed, whole characters; and nothing with a letter is
 * left out between them. */
static void check_any(struct slice t)
{
    struct sentences it;
    struct sentence s;
    size_t last = 0, chars = 0;
    bool has_code = slice_find(t, SLICE("```")) >= 0;

    sentences_init(&it, t);
    while (sentences_next(&it, &s)) {
        assert_true(s.start >= last && s.end > s.start && s.end <= t.len);
        assert_true(s.start_char >= chars && s.end_char > s.start_char);
        assert_false(strchr(" \n\t", t.p[s.start]) && t.p[s.start]);
        assert_false(strchr(" \n\t", t.p[s.end - 1]) && t.p[s.end - 1]);
        assert_int_not_equal((unsigned char)t.p[s.start] & 0xC0, 0x80);
        for (size_t i = last; i < s.start && !has_code; i++)
            assert_false(t.p[i] >= 'a' && t.p[i] <= 'z');
        last = s.end;
        chars = s.end_char;
    }
    for (size_t i = last; i < t.len && !has_code; i++)
        assert_false(t.p[i] >= 'a' && t.p[i] <= 'z');
}

static void any_text(void **state)
{
    static const char *const parts[] = {
        "a", "B", ". ", "! ", "\n", "\n\n", "- ",   "1. ",  "# ", "`", "```",
        " ", "|", "。", "é",  "？", "\"",   "Dr. ", "3.14", ".",  ")", "\t"};
    uint64_t x = 88172645463325252;
    struct buf b;

    (void)state;
    buf_init(&b, 10000);
    for (int i = 0; i < 20000; i++) {
        buf_clear(&b);
        for (unsigned k = 0; k < 25; k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            buf_add_str(&b,
                        parts[(x >> 33) % (sizeof(parts) / sizeof(*parts))]);
        }
        check_any(buf_slice(&b));
    }
    buf_release(&b);
}

/* Inputs that are quadratic if one is not careful: a second would be much. */
static void linear(void **state)
{
    static const char *const units[] = {"a\n",  ".",   "a. ", "!x", "` ",
                                        "a.b.", "-\n", "| ",  " "};
    struct buf b;

    (void)state;
    buf_init(&b, 4u << 20);
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        int64_t began = clock_mono_us();
        struct sentences it;
        struct sentence s;

        buf_clear(&b);
        while (b.len < 1000000)
            buf_add_str(&b, units[i]);
        sentences_init(&it, buf_slice(&b));
        while (sentences_next(&it, &s))
            ;
        if (clock_mono_us() - began > 5 * US_PER_S)
            fail_msg("'%s' takes %d ms", units[i],
                     (int)((clock_mono_us() - began) / 1000));
    }
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),         cmocka_unit_test(not_an_end),
        cmocka_unit_test(other_scripts), cmocka_unit_test(blocks),
        cmocka_unit_test(any_text),      cmocka_unit_test(linear),
    };

    return cmocka_run_group_tests_name("sentences", tests, NULL, NULL);
}
