/* test_postgres_text.c - words, stems, tsvector, tsquery, without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/postgres_fold.h"
#include "store/postgres_stem.h"
#include "store/postgres_text.h"

/* ---- stems ---- */

/* What FTS5's porter makes of these, step by step of the paper. */
static void stems(void **state)
{
    static const struct {
        const char *word, *stem;
    } cases[] = {
        {"caresses", "caress"},
        {"ponies", "poni"},
        {"caress", "caress"},
        {"cats", "cat"},
        {"feed", "feed"},
        {"agreed", "agre"},
        {"plastered", "plaster"},
        {"bled", "bled"},
        {"motoring", "motor"},
        {"sing", "sing"},
        {"conflated", "conflat"},
        {"troubled", "troubl"},
        {"sized", "size"},
        {"hopping", "hop"},
        {"falling", "fall"},
        {"hissing", "hiss"},
        {"fizzed", "fizz"},
        {"failing", "fail"},
        {"filing", "file"},
        {"happy", "happi"},
        {"sky", "sky"},
        {"relational", "relat"},
        {"conditional", "condit"},
        {"rational", "ration"},
        {"digitizer", "digit"},
        {"radically", "radic"},
        {"vietnamization", "vietnam"},
        {"hopefulness", "hope"},
        {"sensibility", "sensibl"},
        {"triplicate", "triplic"},
        {"electrical", "electr"},
        {"goodness", "good"},
        {"revival", "reviv"},
        {"inference", "infer"},
        {"adjustment", "adjust"},
        {"adoption", "adopt"},
        {"activate", "activ"},
        {"effective", "effect"},
        {"probate", "probat"},
        {"rate", "rate"},
        {"cease", "ceas"},
        {"controll", "control"},
        {"roll", "roll"},
        {"analogy", "analog"},
        {"generalizations", "gener"},
        {"learning", "learn"},
        {"models", "model"},
        {"attention", "attent"},
        {"as", "as"},
        {"2s", "2s"},
        {"y", "y"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char word[32];
        size_t len = strlen(cases[i].word);

        memcpy(word, cases[i].word, len);
        len = pg_stem(word, len);
        word[len] = 0;
        assert_string_equal(word, cases[i].stem);
    }
}

static void long_words_have_no_stem(void **state)
{
    char word[65];

    (void)state;
    memset(word, 'a', sizeof(word));
    word[63] = 's';
    assert_int_equal(pg_stem(word, 64), 63);
    word[64] = 's';
    assert_int_equal(pg_stem(word, 65), 65);
}

static void folding(void **state)
{
    (void)state;
    assert_int_equal(pg_fold('A'), 'a');
    assert_int_equal(pg_fold('z'), 'z');
    assert_int_equal(pg_fold(0xC9), 'e');      /* E acute */
    assert_int_equal(pg_fold(0x17C), 'z');     /* z with dot */
    assert_int_equal(pg_fold(0x1EA4), 'a');    /* A circumflex, acute */
    assert_int_equal(pg_fold(0xD8), 0xF8);     /* O with stroke: a letter */
    assert_int_equal(pg_fold(0xDF), 0xDF);     /* sharp s */
    assert_int_equal(pg_fold(0x3A9), 0x3C9);   /* Omega */
    assert_int_equal(pg_fold(0x416), 0x436);   /* Zhe */
    assert_int_equal(pg_fold(0x4E2D), 0x4E2D); /* Han */
}

/* ---- tsquery ---- */

static void expect_query(const char *search, const char *author,
                         const char *expected)
{
    struct search_query q = {.n = 0};
    struct buf b;

    buf_init(&b, 65536);
    if (*search)
        assert_int_equal(search_parse(slice_of(search), &q, NULL), ERR_NONE);
    pg_text_query(&b, &q, slice_of(author));
    assert_true(buf_ok(&b));
    assert_string_equal(b.len ? b.p : "", expected);
    buf_release(&b);
}

static void queries(void **state)
{
    (void)state;
    expect_query("Models", "", "('model')");
    expect_query("large \"language models\" -vision", "",
                 "('larg') & ('languag' <-> 'model') & !('vision')");
    expect_query("fine-tuning", "", "('fine' <-> 'tune')");
    expect_query("na\xC3\xAFve", "", "('naiv')");
    expect_query("nai\xCC\x88ve", "", "('naiv')"); /* decomposed */
    expect_query("-vision", "", "!('vision')");
    expect_query("", "Yann Le'Cun", "('yann':C <-> 'le':C <-> 'cun':C)");
    expect_query("deep", "LeCun", "('deep') & ('lecun':C)");
    /* substrings are not its business */
    expect_query("\xE4\xB8\xAD\xE6\x96\x87", "", "");
    expect_query("\xE4\xB8\xAD\xE6\x96\x87 deep", "", "('deep')");
    /* nothing that a person types becomes syntax */
    expect_query("'a'&!b|c:*\\ \"x<->y\"", "",
                 "('a' <-> 'b' <-> 'c') & ('x' <-> 'y')");
}

/* ---- tsvector ---- */

/* As PostgreSQL shows one: 'word':1A,2B */
static void show(struct slice v, char *out, size_t size)
{
    const unsigned char *p = (const unsigned char *)v.p, *end = p + v.len;
    unsigned n_words = 0, n = 0;
    size_t used = 0;

    *out = 0;
    assert_true(v.len >= 4);
    for (int i = 0; i < 4; i++)
        n_words = n_words << 8 | *p++;
    for (; p < end; n++) {
        unsigned count;

        used += (size_t)snprintf(out + used, size - used,
                                 "%s'%s':", n ? " " : "", (const char *)p);
        p += strlen((const char *)p) + 1;
        count = (unsigned)p[0] << 8 | p[1];
        p += 2;
        for (unsigned k = 0; k < count; k++, p += 2) {
            unsigned pos = (unsigned)p[0] << 8 | p[1];

            used +=
                (size_t)snprintf(out + used, size - used, "%s%u%c",
                                 k ? "," : "", pos & 0x3FFF, "DCBA"[pos >> 14]);
        }
    }
    assert_int_equal(n, n_words);
    assert_ptr_equal(p, end);
}

static void expect_vector(const struct paper *p, size_t n, const char *expected)
{
    char text[1000];
    struct buf b;

    buf_init(&b, 1u << 20);
    assert_int_equal(pg_text_vector(&b, p), n);
    assert_true(buf_ok(&b));
    show(buf_slice(&b), text, sizeof(text));
    assert_string_equal(text, expected);
    buf_release(&b);
}

static void vectors(void **state)
{
    struct paper p = {.title = SLICE("Learning to learn"),
                      .abstract = SLICE("We learn."),
                      .authors = SLICE("Zo\xC3\xAB Li")};

    (void)state;
    expect_vector(&(struct paper){.id = 1}, 0, "");
    expect_vector(&p, 7,
                  "'learn':1A,3A,21B 'li':39C 'to':2A 'we':20B 'zoe':38C");
    p = (struct paper){.title = SLICE("abcdefghz abcdefgh abcdefgha b a")};
    expect_vector(&p, 5,
                  "'a':5A 'abcdefgh':2A 'abcdefgha':3A 'abcdefghz':1A"
                  " 'b':4A");
}

/* 20,000 times the same word: PostgreSQL takes 255 positions up to 16,383. */
static void limits(void **state)
{
    struct paper p = {.id = 1};
    struct buf text, v;

    (void)state;
    buf_init(&text, 1u << 20);
    buf_init(&v, 1u << 20);
    for (int i = 0; i < 20000; i++)
        buf_add_str(&text, "x ");
    p.abstract = buf_slice(&text);
    assert_int_equal(pg_text_vector(&v, &p), 255);
    assert_true(buf_ok(&v));
    assert_int_equal(v.len, 4 + 2 + 2 + 2 * 255);
    buf_clear(&text);
    buf_clear(&v);
    for (int i = 0; i < 300; i++)
        buf_add_char(&text, 'w');
    p.abstract = buf_slice(&text);
    assert_int_equal(pg_text_vector(&v, &p), 1);
    assert_int_equal(v.len, 4 + 200 + 1 + 2 + 2);
    buf_release(&v);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stems),   cmocka_unit_test(long_words_have_no_stem),
        cmocka_unit_test(folding), cmocka_unit_test(queries),
        cmocka_unit_test(vectors), cmocka_unit_test(limits),
    };

    return cmocka_run_group_tests_name("postgres_text", tests, NULL, NULL);
}
