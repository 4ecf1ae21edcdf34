/* test_extractive.c - sentences that answer, with a toy embedder. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "processor/extractive.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64u << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static size_t n_embedded;

/* Letters by their counts in the text: texts with the same letters are alike.
 */
static enum err_code by_letters(void *ctx, const struct slice *texts, size_t n,
                                float *out, struct err *e)
{
    if (ctx)
        return err_set(e, ERR_UNAVAILABLE, "no model");
    n_embedded = n;
    for (size_t i = 0; i < n; i++) {
        float *v = out + i * EMBED_DIM, length = 0;

        memset(v, 0, EMBED_DIM * sizeof(*v));
        for (size_t k = 0; k < texts[i].len; k++)
            v[(unsigned char)texts[i].p[k] & 0x7F] += 1;
        v[' '] = 0;
        for (size_t k = 0; k < EMBED_DIM; k++)
            length += v[k] * v[k];
        for (size_t k = 0; k < EMBED_DIM && length > 0; k++)
            v[k] /= sqrtf(length);
    }
    return ERR_NONE;
}

static const struct extractive_embedder letters = {by_letters, NULL};
static const struct extractive_embedder words_only = {NULL, NULL};
static const struct extractive_options usual = {.threshold = 0.2f};

#define PODS                                                                   \
    "Some introduction comes before it. A Pod is the smallest deployable "     \
    "unit. The weather was fine on that day."

static void best_sentence(void **state)
{
    const struct extractive_source src[] = {
        {SLICE_INIT("Nothing of interest is told here."), SLICE_INIT("Other")},
        {SLICE_INIT(PODS), SLICE_INIT("Pods")},
    };
    struct extractive x;

    (void)state;
    assert_int_equal(extractive_answer(&x,
                                       SLICE("what is the smallest "
                                             "deployable unit"),
                                       src, 2, &usual, &letters, arena, NULL),
                     ERR_NONE);
    assert_true(x.grounded);
    assert_int_equal(x.picks[0].source, 1);
    assert_int_equal(x.picks[0].where.start, 35);
    assert_int_equal(x.picks[0].where.end, 73);
    assert_true(
        slice_starts(x.answer, "A Pod is the smallest deployable unit. [2]"));
    assert_true(x.picks[0].score == x.best && x.best <= 1);
    assert_true(x.picks[0].similarity > 0.5f);
    assert_int_equal(n_embedded, 5); /* the question, and four */
}

static void words_alone(void **state)
{
    const struct extractive_source src[] = {
        {SLICE_INIT(PODS), SLICE_INIT("Pods")}};
    struct extractive x;

    (void)state;
    assert_int_equal(extractive_answer(&x, SLICE("SMALLEST unit?"), src, 1,
                                       &usual, &words_only, arena, NULL),
                     ERR_NONE);
    assert_int_equal(x.n, 1);
    assert_true(
        slice_is(x.answer, "A Pod is the smallest deployable unit. [1]"));
    assert_true(x.picks[0].similarity == 0);
    /* accents and plurals do not matter, nor do scripts without spaces */
    assert_int_equal(extractive_answer(&x, SLICE("deployable \xC3\xBCnits"),
                                       src, 1, &usual, &words_only, arena,
                                       NULL),
                     ERR_NONE);
    assert_int_equal(x.picks[0].where.start, 35);
    {
        const struct extractive_source han[] = {
            {SLICE_INIT("天気は良いです。最小の単位はポッドです。"),
             SLICE_INIT("")}};

        assert_int_equal(extractive_answer(&x, SLICE("最小の単位"), han, 1,
                                           &usual, &words_only, arena, NULL),
                         ERR_NONE);
        assert_true(slice_is(x.answer, "最小の単位はポッドです。 [1]"));
    }
}

static void no_repetition(void **state)
{
    /* overlapping chunks: the same sentence in both */
    const struct extractive_source src[] = {
        {SLICE_INIT("Pods share one network. Rain falls on the hill."),
         SLICE_INIT("")},
        {SLICE_INIT("Pods share one network. All pods share volumes too. "
                    "Pods share one network here."),
         SLICE_INIT("")},
    };
    struct extractive x;

    (void)state;
    assert_int_equal(extractive_answer(&x, SLICE("what do pods share"), src, 2,
                                       &usual, &words_only, arena, NULL),
                     ERR_NONE);
    assert_true(x.n >= 2 && x.n <= 3);
    for (size_t i = 0; i < x.n; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(slice_eq(
                slice_sub(src[x.picks[i].source].text, x.picks[i].where.start,
                          x.picks[i].where.end),
                slice_sub(src[x.picks[k].source].text, x.picks[k].where.start,
                          x.picks[k].where.end)));
    assert_int_equal(x.picks[0].source, 0); /* the better ranked source */
}

static void not_grounded(void **state)
{
    const struct extractive_source src[] = {
        {SLICE_INIT(PODS), SLICE_INIT("Pods")}};
    const struct extractive_options strict = {.threshold = 0.99f};
    struct extractive x;

    (void)state;
    assert_int_equal(extractive_answer(&x, SLICE("deployable zebra quagga"),
                                       src, 1, &strict, &letters, arena, NULL),
                     ERR_NONE);
    assert_false(x.grounded);
    assert_int_equal(x.n, 0);
    assert_true(x.best > 0 && x.best < 0.99f);
    assert_true(slice_is(x.answer, EXTRACTIVE_NO_EVIDENCE));
    assert_int_equal(extractive_answer(&x, SLICE("x"), src, 0, &usual, &letters,
                                       arena, NULL),
                     ERR_NONE);
    assert_false(x.grounded);
    assert_int_equal(extractive_answer(&x, SLICE("zebra"), src, 1,
                                       &(struct extractive_options){0},
                                       &words_only, arena, NULL),
                     ERR_NONE);
    assert_false(x.grounded); /* no word in common is no evidence */
}

static void poor_sentences_wait(void **state)
{
    const struct extractive_source src[] = {
        {SLICE_INIT("# What is a deployment plan really\n\n"
                    "What is a deployment plan really?\n\n"
                    "A deployment plan:\n\n```\nwhat is a deployment plan "
                    "really\n```\n\nEach plan states how things go live."),
         SLICE_INIT("")}};
    const struct extractive_source heading[] = {
        {SLICE_INIT("# A deployment plan"), SLICE_INIT("")}};
    struct extractive x;

    (void)state;
    assert_int_equal(extractive_answer(&x, SLICE("what is a deployment plan"),
                                       src, 1, &(struct extractive_options){0},
                                       &words_only, arena, NULL),
                     ERR_NONE);
    assert_true(slice_is(x.answer, "Each plan states how things go live. [1]"));
    assert_int_equal(extractive_answer(&x, SLICE("deployment plan"), heading, 1,
                                       &(struct extractive_options){0},
                                       &words_only, arena, NULL),
                     ERR_NONE);
    assert_true(slice_is(x.answer, "A deployment plan [1]"));
}

static void foreign_citations(void **state)
{
    const struct extractive_source src[] = {
        {SLICE_INIT("Pods are\n  small [12], as `shown [3]. By others."),
         SLICE_INIT("")}};
    struct extractive x;

    (void)state;
    assert_int_equal(extractive_answer(&x, SLICE("pods small"), src, 1, &usual,
                                       &words_only, arena, NULL),
                     ERR_NONE);
    assert_true(slice_is(x.answer, "Pods are small, as shown. [1]"));
}

static void limits_and_errors(void **state)
{
    static struct extractive_source many[EXTRACTIVE_MAX_SOURCES + 1];
    struct extractive_embedder broken = {by_letters, &n_embedded};
    struct arena *small = arena_new(2000);
    struct extractive x;

    (void)state;
    for (size_t i = 0; i <= EXTRACTIVE_MAX_SOURCES; i++)
        many[i].text = SLICE(PODS);
    assert_int_equal(extractive_answer(&x, SLICE("unit"), many,
                                       EXTRACTIVE_MAX_SOURCES + 1, &usual,
                                       &letters, arena, NULL),
                     ERR_INVALID);
    assert_int_equal(extractive_answer(&x, SLICE("unit"), many,
                                       EXTRACTIVE_MAX_SOURCES, &usual, &letters,
                                       arena, NULL),
                     ERR_NONE);
    assert_int_equal(n_embedded, 4); /* each different one once */
    assert_int_equal(extractive_answer(&x, SLICE("unit"), many, 1, &usual,
                                       &broken, arena, NULL),
                     ERR_UNAVAILABLE);
    assert_int_equal(extractive_answer(&x, SLICE("unit"), many, 1, &usual,
                                       &letters, small, NULL),
                     ERR_TOO_LARGE);
    arena_free(small);
}

static void at_most_five(void **state)
{
    struct extractive_source src[1] = {{SLICE_NONE, SLICE_NONE}};
    struct extractive x;
    struct buf b;

    (void)state;
    buf_init(&b, 1000000);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "Pods number%d aaa%d bbb%d ccc%d ddd%d. ", i, i, i, i,
                   i);
    src[0].text = buf_slice(&b);
    assert_int_equal(extractive_answer(&x, SLICE("pods"), src, 1, &usual,
                                       &words_only, arena, NULL),
                     ERR_NONE);
    assert_int_equal(x.n, EXTRACTIVE_MAX_PICKS);
    assert_int_equal(
        extractive_answer(&x, SLICE("pods"), src, 1,
                          &(struct extractive_options){.max_picks = 2},
                          &letters, arena, NULL),
        ERR_NONE);
    assert_in_range(x.n, 1, 2);
    assert_int_equal(n_embedded, EXTRACTIVE_MAX_SENTENCES + 1);
    buf_release(&b);
}

static void highlights(void **state)
{
    const struct slice texts[] = {
        SLICE_INIT(PODS), SLICE_INIT(" \n "), SLICE_INIT(PODS),
        SLICE_INIT("Nothing in common at all. Really nothing at all.")};
    struct sentence out[4];

    (void)state;
    assert_int_equal(extractive_highlight(out, SLICE("smallest unit"), texts, 4,
                                          NULL, arena, NULL),
                     ERR_NONE);
    assert_int_equal(out[0].start, 35);
    assert_int_equal(out[0].end, 73);
    assert_int_equal(out[1].start, out[1].end);
    assert_int_equal(out[2].start, 35); /* the same text again has one too */
    assert_int_equal(out[3].start, 0);
    assert_int_equal(out[3].end, 25);
    assert_int_equal(extractive_highlight(out, SLICE("fine weather"), texts, 1,
                                          &letters, arena, NULL),
                     ERR_NONE);
    assert_int_equal(out[0].start, 74);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_sentence),
        cmocka_unit_test(words_alone),
        cmocka_unit_test(no_repetition),
        cmocka_unit_test(not_grounded),
        cmocka_unit_test(poor_sentences_wait),
        cmocka_unit_test(foreign_citations),
        cmocka_unit_test(limits_and_errors),
        cmocka_unit_test(at_most_five),
        cmocka_unit_test(highlights),
    };

    return cmocka_run_group_tests_name("extractive", tests, setup, teardown);
}
