/* test_page.c - what page views say about themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analytics/page.h"
#include "analytics/user_agent.h"

static void test_paths(void **state)
{
    static const struct {
        const char *given, *path;
    } good[] = {
        {"/", "/"},         {"/projects", "/projects"},
        {"/a/?q=1", "/a/"}, {"/a#b?c", "/a"},
        {"/?#", "/"},       {"/\xC3\xA9%20x", "/\xC3\xA9%20x"},
    };
    static const char *const bad[] = {
        "",
        "a",
        "?x",
        "https://x.org/",
        " /a",
        "/a\nb",
        "/a\tb",
        "/a\x7F",
        "/a\x1B[2J",
        "/\xC3",
        "/\xFF?",
        "/\xC2\x85x",
        "/\xE2\x80\xAEx",
    };
    struct slice out;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(page_path(slice_of(good[i].given), &out, &e),
                         ERR_NONE);
        assert_true(slice_is(out, good[i].path));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (page_path(slice_of(bad[i]), &out, &e) != ERR_INVALID)
            fail_msg("'%s' was taken", bad[i]);
        assert_string_equal(e.field, "page");
    }
}

static void test_longest_path(void **state)
{
    static char page[VIEW_MAX_PAGE + 100];
    struct slice out;
    struct err e;

    (void)state;
    memset(page, 'x', sizeof(page));
    page[0] = '/';
    page[VIEW_MAX_PAGE] = '?'; /* what is dropped does not count */
    assert_int_equal(page_path((struct slice){page, sizeof(page)}, &out, &e),
                     ERR_NONE);
    assert_int_equal(out.len, VIEW_MAX_PAGE);
    page[VIEW_MAX_PAGE] = 'x';
    assert_int_equal(page_path((struct slice){page, sizeof(page)}, &out, &e),
                     ERR_INVALID);
    assert_string_equal(e.field, "page");
}

static void test_referrers(void **state)
{
    static const struct {
        const char *given, *host;
    } good[] = {
        {"", ""},
        {"https://Example.ORG/a/b?c", "example.org"},
        {"http://localhost:8642", "localhost"},
        {"https://me:pw@x.org:1/", "x.org"},
        {"https://[2001:db8::1]:80/", "[2001:db8::1]"},
        {"https://x.org?q", "x.org"},
        {"https://x.org#f", "x.org"},
        {"android-app://com.google.android.gm/", "com.google.android.gm"},
    };
    static const char *const bad[] = {
        "x.org",         "javascript:alert(1)", "https://",
        "https:///path", "https://[::1",        "https://a b/",
        "//x.org",       "https://x\n.org/",    "https://\xC3\xA9.org/",
    };
    static char longest[8 + 254];
    struct referrer out;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(referrer_host(slice_of(good[i].given), &out, &e),
                         ERR_NONE);
        assert_true(slice_is((struct slice){out.host, out.len}, good[i].host));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (referrer_host(slice_of(bad[i]), &out, &e) != ERR_INVALID)
            fail_msg("'%s' was taken", bad[i]);
        assert_string_equal(e.field, "referrer");
    }
    memset(longest, 'x', sizeof(longest));
    memcpy(longest, "https://", 8);
    assert_int_equal(
        referrer_host((struct slice){longest, sizeof(longest)}, &out, &e),
        ERR_NONE);
}

static void test_long_referrer(void **state)
{
    static char url[3000];
    struct referrer out;
    struct err e;

    (void)state;
    memset(url, 'x', sizeof(url));
    memcpy(url, "https://", 8);
    assert_int_equal(referrer_host((struct slice){url, 8 + 256}, &out, &e),
                     ERR_INVALID);
    url[8 + 100] = '/';
    assert_int_equal(referrer_host((struct slice){url, 2048}, &out, &e),
                     ERR_NONE);
    assert_int_equal(out.len, 100);
    assert_int_equal(referrer_host((struct slice){url, 2049}, &out, &e),
                     ERR_INVALID);
}

#define CHROME                                                                 \
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "  \
    "Chrome/130.0.0.0 Safari/537.36"

static void test_user_agents(void **state)
{
    static const struct {
        const char *header, *reason;
    } cases[] = {
        {"", ""},
        {CHROME, ""},
        {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
         "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 "
         "Safari/604.1",
         ""},
        {"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 "
         "Firefox/132.0",
         ""},
        {"Mozilla/5.0 (Linux; Android 11; CUBOT) AppleWebKit/537.36", ""},
        {"Mozilla/5.0 (Linux; Android 9; CUBOT_X19) Chrome/80 CUBOT", ""},
        {"curl/8.5.0", ""},
        {"python-requests/2.32", ""},
        {"Mozilla/5.0 (compatible; Googlebot/2.1; "
         "+http://www.google.com/bot.html)",
         "crawler"},
        {"Mozilla/5.0 (compatible; bingbot/2.0; +http://x/bing.htm) " CHROME,
         "crawler"},
        {"SomeBot", "crawler"},
        {"Mozilla/5.0 (X11) HeadlessChrome/130.0.0.0 Safari/537.36",
         "headless"},
        {"facebookexternalhit/1.1 (+http://www.facebook.com/x.php)", "preview"},
        {"Mozilla/5.0 (compatible; UptimeRobot/2.0)", "monitor"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (!slice_is(user_agent_bot(slice_of(cases[i].header)),
                      cases[i].reason))
            fail_msg("%s", cases[i].header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_longest_path),
        cmocka_unit_test(test_referrers),
        cmocka_unit_test(test_long_referrer),
        cmocka_unit_test(test_user_agents),
    };

    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
