/* test_news_text.c - news as text, there and back, and what is no such text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/news_text.h"

static struct buf items, heard;

static int setup(void **state)
{
    (void)state;
    buf_init(&items, NEWS_TEXT_MAX);
    buf_init(&heard, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&items);
    buf_release(&heard);
    return 0;
}

static void note(void *ctx, const struct store_news *n)
{
    (void)ctx;
    assert_int_equal(n->jobs[1].len, 0);
    if (n->jobs[0].len)
        buf_printf(&heard, "%s %.*s\n", n->document_ready ? "ready" : "job",
                   SLICE_ARG(n->jobs[0]));
    if (n->document_gone.len)
        buf_printf(&heard, "gone %.*s\n", SLICE_ARG(n->document_gone));
    if (n->papers_added)
        buf_printf(&heard, "papers %lld %lld\n", (long long)n->papers_added,
                   (long long)n->papers_at);
}

static void reads(const char *text, bool known, const char *expected)
{
    buf_clear(&heard);
    assert_int_equal(news_text_read(slice_of(text), "us", note, NULL), known);
    assert_string_equal(heard.len ? heard.p : "", expected);
}

/* What another one hears of what is in `items`. */
static void says(const char *expected)
{
    struct buf text;

    buf_init(&text, NEWS_TEXT_MAX);
    news_text_write(&text, "them", buf_slice(&items));
    assert_true(buf_ok(&text));
    buf_add_char(&text, '\0');
    reads(text.p, true, expected);
    buf_release(&text);
    buf_clear(&items);
}

#define ADD(...) news_text_add(&items, &(struct store_news){__VA_ARGS__})

static void there_and_back(void **state)
{
    (void)state;
    ADD(.jobs = {SLICE("webhook-1"), SLICE("arxiv-1")});
    says("job webhook-1\njob arxiv-1\n");
    ADD(.jobs = {SLICE("text-1")}, .document_ready = true);
    ADD(.document_gone = SLICE("\"d\", [1]\\\n\xC3\xA9"));
    ADD(.papers_added = 35, .papers_at = 1762123331000001);
    says("ready text-1\ngone \"d\", [1]\\\n\xC3\xA9\n"
         "papers 35 1762123331000001\n");
    ADD(.jobs = {SLICE_NONE});
    assert_int_equal(items.len, 0);
}

/* A job that gets on ten times is read once; papers are counted each time. */
static void once(void **state)
{
    (void)state;
    ADD(.jobs = {SLICE("a")});
    ADD(.jobs = {SLICE("ab")});
    ADD(.jobs = {SLICE("a")});
    ADD(.jobs = {SLICE("a")}, .document_ready = true);
    ADD(.papers_added = 1, .papers_at = 5);
    ADD(.papers_added = 1, .papers_at = 5);
    says("job a\njob ab\nready a\npapers 1 5\npapers 1 5\n");
}

static void no_room(void **state)
{
    char id[2000], last[60];
    struct buf text;

    (void)state;
    memset(id, 'x', sizeof(id));
    ADD(.document_gone = {id, sizeof(id)});
    assert_int_equal(items.len, 0);
    for (int i = 0; i < 2000; i++) {
        snprintf(id, sizeof(id), "job-%d", i);
        ADD(.jobs = {slice_of(id)});
    }
    assert_true(buf_ok(&items));
    buf_init(&text, NEWS_TEXT_MAX);
    news_text_write(&text, "12345678", buf_slice(&items));
    assert_true(buf_ok(&text));
    buf_clear(&heard);
    assert_true(news_text_read(buf_slice(&text), "us", note, NULL));
    snprintf(last, sizeof(last), "job job-%d\n", 400);
    assert_non_null(strstr(heard.p, last));
    buf_release(&text);
    buf_clear(&items);
}

static void what_is_none(void **state)
{
    (void)state;
    reads("", false, "");
    reads("jobs", false, "");
    reads("[", false, "");
    reads("[]", false, "");
    reads("{\"job\":1}", false, "");
    reads("[5,[\"job\",\"a\"]]", false, "");
    reads("[\"\",[\"job\",\"a\"]]", false, "");
    reads("[\"us\",[\"job\",\"a\"]]", true, "");
    /* of a newer program, or of none */
    reads("[\"them\",[\"moon\",\"a\"],7,null,[],[\"job\"],[\"job\",5],"
          "[\"job\",\"\"],[\"gone\",{}],[\"papers\"],[\"papers\",0,5],"
          "[\"papers\",-3,5],[\"papers\",\"9\",5],[\"job\",\"b\",1]]",
          true, "job b\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(once),
        cmocka_unit_test(no_room),
        cmocka_unit_test(what_is_none),
    };

    return cmocka_run_group_tests_name("news_text", tests, setup, teardown);
}
