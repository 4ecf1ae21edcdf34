/* test_log.c - what a line looks like, and that nobody can forge one.
 *
 * Standard error is a file while a line is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/log.h"

static int file = -1, saved = -1;
static char text[65536];

static void begin(enum log_level level, bool json)
{
    log_setup(level, json);
    file = memfd_create("log", 0);
    saved = dup(STDERR_FILENO);
    assert_true(file >= 0 && saved >= 0);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
}

/* What was written since begin(). */
static const char *end(void)
{
    ssize_t n;

    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    n = pread(file, text, sizeof(text) - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    close(saved);
    close(file);
    return text;
}

static void test_text(void **state)
{
    const char *line;

    (void)state;
    begin(LOG_INFO, false);
    log_info("scraper", "page stored", LOG_S("job", "arxiv-17"),
             LOG_I("papers", -50), LOG_D("took_s", 0.25));
    line = end();
    assert_int_equal(line[4], '-');
    line = strchr(line, ' ');
    assert_non_null(line);
    assert_string_equal(line,
                        " info  scraper page stored job=arxiv-17 papers=-50 "
                        "took_s=0.25\n");
}

static void test_text_quotes(void **state)
{
    const char *line;

    (void)state;
    begin(LOG_DEBUG, false);
    log_error("a", "b\nc", LOG_S("k", "x y"), LOG_S("l", ""),
              LOG_S("m", "p\r\nq=\"\x1b[31m\x7f"),
              LOG_SL("n", SLICE("h\xC3\xA9\0\xFF")), LOG_D("o", NAN));
    line = strchr(end(), ' ');
    assert_non_null(line);
    assert_string_equal(line, " error a b\\nc k=\"x y\" l=\"\" "
                              "m=\"p\\r\\nq=\\\"\\u001b[31m\\u007f\" "
                              "n=\"h\xC3\xA9\\u0000\xEF\xBF\xBD\" o=null\n");
}

static void test_json(void **state)
{
    json_t *v;

    (void)state;
    begin(LOG_INFO, true);
    log_warn("net", "slow \"peer\"", LOG_S("from", "1.2.3.4\nfake"),
             LOG_I("ms", INT64_MIN), LOG_D("x", 1.5), LOG_D("y", INFINITY),
             LOG_SL("bad", SLICE("a\0\xFF\x85")));
    v = json_loads(end(), JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(v);
    assert_string_equal(json_string_value(json_object_get(v, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(v, "area")), "net");
    assert_string_equal(json_string_value(json_object_get(v, "msg")),
                        "slow \"peer\"");
    assert_string_equal(json_string_value(json_object_get(v, "from")),
                        "1.2.3.4\nfake");
    assert_true(json_integer_value(json_object_get(v, "ms")) == INT64_MIN);
    assert_true(json_real_value(json_object_get(v, "x")) == 1.5);
    assert_true(json_is_null(json_object_get(v, "y")));
    assert_int_equal(json_string_length(json_object_get(v, "bad")), 8);
    json_decref(v);
}

/* However much is said, it is one line of valid JSON of at most 4,096 bytes,
 * and the parts that were said first are there. */
static void test_long_lines(void **state)
{
    char big[6000];
    unsigned n;

    (void)state;
    for (n = 0; n < 2000; n += 7) {
        const char *line;
        json_t *v;

        memset(big, n % 2 ? 'x' : '\x01', sizeof(big) - 1);
        big[n] = '\0';
        begin(LOG_INFO, true);
        log_info(big, big, LOG_S("a", big), LOG_S("b", big), LOG_S("c", big),
                 LOG_S("d", big), LOG_S("e", big), LOG_I("f", 1));
        line = end();
        assert_true(strlen(line) <= 4096);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        v = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (!v)
            fail_msg("not JSON: %s", line);
        assert_non_null(json_object_get(v, "msg"));
        json_decref(v);
    }
}

static void test_values_are_cut(void **state)
{
    char big[3001];
    const char *line;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    memcpy(big + 999, "\xC3\xA9", 2); /* across the cut */
    begin(LOG_INFO, false);
    log_info("a", "m", LOG_S("k", big), LOG_I("after", 1));
    line = strstr(end(), "k=");
    assert_non_null(line);
    assert_int_equal(strspn(line + 2, "x"), 999);
    assert_string_equal(line + 2 + 999, " after=1\n");
}

static void test_levels(void **state)
{
    enum log_level level = LOG_OFF;
    int evaluated = 0;

    (void)state;
    begin(LOG_WARN, false);
    log_info("a", "not this", LOG_I("n", ++evaluated));
    log_warn("a", "this");
    log_setup(LOG_OFF, false);
    log_error("a", "nor this");
    assert_non_null(strstr(end(), "a this\n"));
    assert_null(strstr(text, "not this"));
    assert_null(strstr(text, "nor this"));
    assert_int_equal(evaluated, 0);
    assert_true(log_level_parse("debug", &level) && level == LOG_DEBUG);
    assert_true(log_level_parse("off", &level) && level == LOG_OFF);
    assert_false(log_level_parse("Warn", &level));
    assert_false(log_level_parse("", &level));
}

static void test_keeps_errno(void **state)
{
    (void)state;
    begin(LOG_INFO, false);
    close(STDERR_FILENO); /* the write fails too */
    errno = ENOENT;
    log_info("a", "b");
    assert_int_equal(errno, ENOENT);
    end();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_quotes),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_values_are_cut),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_keeps_errno),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
