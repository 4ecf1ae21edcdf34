/* test_redis_url.c - the parts of an address; what is refused is in
 * test_config.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/redis_url.h"

static void test_parts(void **state)
{
    static const struct {
        const char *text, *user, *password, *host;
        int port, database;
    } cases[] = {
        {"redis://h", "", "", "h", 6379, 0},
        {"redis://127.0.0.1:7000", "", "", "127.0.0.1", 7000, 0},
        {"redis://[::1]", "", "", "::1", 6379, 0},
        {"redis://[::1]:7000/3", "", "", "::1", 7000, 3},
        {"redis://h:1/", "", "", "h", 1, 0},
        {"redis://:pw@h/15", "", "pw", "h", 6379, 15},
        {"redis://me:p:w@h", "me", "p:w", "h", 6379, 0},
        {"redis://me:a@b@h:1", "me", "a@b", "h", 1, 0},
        {"redis://m%65:%2f%3F%25@h", "me", "/?%", "h", 6379, 0},
        {"redis://:@h", "", "", "h", 6379, 0},
    };
    struct redis_url u;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *wrong = redis_url_parse(&u, slice_of(cases[i].text));

        if (wrong)
            fail_msg("%s: %s", cases[i].text, wrong);
        assert_string_equal(u.user, cases[i].user);
        assert_string_equal(u.password, cases[i].password);
        assert_string_equal(u.host, cases[i].host);
        assert_int_equal(u.port, cases[i].port);
        assert_int_equal(u.database, cases[i].database);
    }
}

/* As long as there is room for, and one byte more. */
static void test_long(void **state)
{
    char text[700] = "redis://:";
    size_t n = strlen(text);
    struct redis_url u;

    (void)state;
    memset(text + n, 'x', 511);
    memcpy(text + n + 511, "@h", 3);
    assert_null(redis_url_parse(&u, slice_of(text)));
    assert_int_equal(strlen(u.password), 511);
    memcpy(text + n + 511, "x@h", 4);
    assert_non_null(redis_url_parse(&u, slice_of(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
