/* test_paper_url.c - one paper, many spellings of its URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/paper_url.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1024 * 1024);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct paper_url parsed(const char *text)
{
    struct paper_url u;
    struct err e = {0};

    if (paper_url_parse(&u, arena, slice_of(text), &e))
        fail_msg("%s: %s", text, e.msg);
    return u;
}

static void assert_slice(struct slice s, const char *want)
{
    if (!slice_is(s, want))
        fail_msg("'%.*s' is not '%s'", SLICE_ARG(s), want);
}

static void test_arxiv(void **state)
{
    static const struct {
        const char *text, *id;
        int version;
    } cases[] = {
        {"https://arxiv.org/abs/2511.01234", "2511.01234", 0},
        {"http://arxiv.org/abs/2511.01234v2", "2511.01234", 2},
        {"HTTPS://WWW.ArXiv.org/abs/2511.01234/", "2511.01234", 0},
        {"https://export.arxiv.org/abs/2511.01234v12", "2511.01234", 12},
        {"https://arxiv.org/pdf/2511.01234", "2511.01234", 0},
        {"https://arxiv.org/pdf/2511.01234v1.pdf", "2511.01234", 1},
        {"https://arxiv.org/pdf/2511.01234.PDF#page=2", "2511.01234", 0},
        {"https://arxiv.org/html/2511.01234v3?x=1", "2511.01234", 3},
        {"https://arxiv.org:443/abs/0704.0001v1", "0704.0001", 1},
        {"http://arxiv.org/abs/hep-ph/0301050v2", "hep-ph/0301050", 2},
        {"https://arxiv.org/abs/math.GT/0309136", "math/0309136", 0},
        {"https://arxiv.org/pdf/cs/0503050v1", "cs/0503050", 1},
        {"https://doi.org/10.48550/arXiv.2511.01234", "2511.01234", 0},
        {"http://dx.doi.org/10.48550/ARXIV.2511.01234v4", "2511.01234", 4},
        {"  https://arxiv.org/abs/2511.01234\n", "2511.01234", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct paper_url u = parsed(cases[i].text);

        assert_true(u.arxiv);
        assert_slice(u.source_id, cases[i].id);
        assert_int_equal(u.version, cases[i].version);
        assert_true(slice_starts(u.url, "https://arxiv.org/abs/"));
        assert_slice(slice_sub(u.url, 22, u.url.len), cases[i].id);
        /* the canonical form is its own */
        assert_true(slice_eq(parsed(u.url.p).url, u.url));
    }
}

static void test_not_a_paper_of_arxiv(void **state)
{
    static const char *const same[] = {
        "https://arxiv.org/list/cs.AI/recent",
        "https://arxiv.org/abs/2511.012",
        "https://arxiv.org/abs/2511.012345",
        "https://arxiv.org/abs/25111.01234",
        "https://arxiv.org/abs/hep-ph/030105",
        "https://arxiv.org/abs/hep-ph.0/0301050",
        "https://arxiv.org/abs",
        "https://notarxiv.org/abs/2511.01234",
        "https://arxiv.org.example.org/abs/2511.01234",
        "https://doi.org/10.1000/182",
        "https://example.org/abs/2511.01234v2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
        struct paper_url u = parsed(same[i]);

        assert_false(u.arxiv);
        assert_int_equal(u.version, 0);
        assert_slice(u.url, same[i]);
    }
}

static void test_generic(void **state)
{
    static const char *const cases[][3] = {
        {"HTTP://Example.ORG/A/b/", "http://example.org/A/b", "b"},
        {"http://example.org", "http://example.org", ""},
        {"http://example.org///", "http://example.org", ""},
        {"http://example.org:80/x", "http://example.org/x", "x"},
        {"https://example.org:443/x", "https://example.org/x", "x"},
        {"https://example.org:8443/x", "https://example.org:8443/x", "x"},
        {"https://example.org/p?id=3&b=/#top", "https://example.org/p?id=3&b=/",
         "p"},
        {"https://example.org?q", "https://example.org?q", ""},
        {"https://example.org/\xC3\xBC\"<>{}",
         "https://example.org/%C3%BC%22%3C%3E%7B%7D", NULL},
        {"https://[2001:DB8::1]:8080/x", "https://[2001:db8::1]:8080/x", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct paper_url u = parsed(cases[i][0]);

        assert_slice(u.url, cases[i][1]);
        if (cases[i][2])
            assert_slice(u.source_id, cases[i][2]);
    }
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "not a url",
        "//example.org/x",
        "ftp://example.org/x",
        "javascript:alert(1)",
        "data:text/html,x",
        "https:/example.org",
        "https://",
        "https:///x",
        "https://a b/x",
        "https://example.org/a b",
        "https://example.org/a\nb",
        "https://user@example.org/",
        "https://arxiv.org@example.org/abs/2511.01234",
        "https://exa$mple/x",
        "https://.example.org/",
        "https://a..b/",
        "https://example.org:x/",
        "https://example.org:65536/",
        "https://[::1/x",
        "https://[::1]x/",
        "https://[]/x",
        "https://example.org\\x",
        "https://[g::1]/",
        "https://\xC3\xBC.org/",
    };
    struct paper_url u;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (paper_url_parse(&u, arena, slice_of(bad[i]), &e) != ERR_INVALID)
            fail_msg("taken: %s", bad[i]);
        assert_true(slice_starts(slice_of(e.msg), "must "));
    }
}

static void test_user_name_is_named(void **state)
{
    struct paper_url u;
    struct err e;

    (void)state;
    assert_int_equal(
        paper_url_parse(&u, arena, SLICE("https://arxiv.org:x@h/"), &e),
        ERR_INVALID);
    assert_string_equal(e.msg, "must not hold a user name");
}

static void test_length(void **state)
{
    char text[PAPER_URL_MAX + 2];
    struct paper_url u;
    struct err e;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "https://x/", 10);
    text[PAPER_URL_MAX] = '\0';
    assert_int_equal(parsed(text).url.len, PAPER_URL_MAX);
    text[PAPER_URL_MAX] = 'a';
    text[PAPER_URL_MAX + 1] = '\0';
    assert_int_equal(paper_url_parse(&u, arena, slice_of(text), &e),
                     ERR_INVALID);
    /* within the limit as sent, over it when encoded */
    memset(text + 10, '{', 1000);
    text[1010] = '\0';
    assert_int_equal(paper_url_parse(&u, arena, slice_of(text), &e),
                     ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_arxiv, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_a_paper_of_arxiv, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_generic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_user_name_is_named, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_length, setup, teardown),
    };

    return cmocka_run_group_tests_name("paper_url", tests, NULL, NULL);
}
