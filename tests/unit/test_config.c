/* test_config.c - the table, the three origins, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/config.h"

static struct config *fresh(void)
{
    struct config *c = config_new();

    assert_non_null(c);
    return c;
}

static void set(struct config *c, const char *key, const char *value,
                enum config_origin from)
{
    struct err e = {0};

    if (config_set(c, key, value, from, &e))
        fail_msg("%s", e.msg);
}

static void test_defaults(void **state)
{
    struct config *c = fresh();
    uint16_t port = 0;

    (void)state;
    assert_string_equal(config_str(c, "listen"), "127.0.0.1:8642");
    assert_true(slice_is(config_listen(c, &port), "127.0.0.1"));
    assert_int_equal(port, 8642);
    assert_string_equal(config_str(c, "database_url"), "sqlite:");
    assert_int_equal(config_int(c, "arxiv_interval_ms"), 3000);
    assert_int_equal(config_int(c, "pool_requests"), 8);
    assert_true(config_int(c, "max_connections_per_ip") > 1000);
    assert_false(config_bool(c, "private_reads"));
    assert_string_equal(config_str(c, "log_level"), "info");
    assert_string_equal(config_str(c, "webhook_secret"), "");
    assert_int_equal(config_from(c, "listen"), FROM_DEFAULT);
    assert_true(config_has(c, "services", "scraper"));
    assert_true(config_has(c, "services", "web"));
    assert_false(config_has(c, "services", "scrape"));
    config_free(c);
    config_free(NULL);
}

static void test_data_dir(void **state)
{
    static const struct {
        const char *xdg, *home, *expected;
    } cases[] = {
        {"/x", "/h", "/x/sheaf"},
        {"", "/h", "/h/.local/share/sheaf"},
        {"relative", "/h", "/h/.local/share/sheaf"},
        {NULL, "/h", "/h/.local/share/sheaf"},
        {NULL, NULL, "./sheaf-data"},
    };
    char *home = getenv("HOME");
    char *kept = home ? strdup(home) : NULL;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c;

        if (cases[i].xdg)
            setenv("XDG_DATA_HOME", cases[i].xdg, 1);
        else
            unsetenv("XDG_DATA_HOME");
        if (cases[i].home)
            setenv("HOME", cases[i].home, 1);
        else
            unsetenv("HOME");
        c = fresh();
        assert_string_equal(config_str(c, "data_dir"), cases[i].expected);
        set(c, "data_dir", "", FROM_FLAG); /* not set: the default stays */
        assert_string_equal(config_str(c, "data_dir"), cases[i].expected);
        config_free(c);
    }
    if (kept)
        setenv("HOME", kept, 1);
    free(kept);
}

/* Every default is itself a value that would be taken. */
static void test_table_is_sound(void **state)
{
    struct config *c = fresh();
    const struct config_row *rows;
    size_t n, i, k;

    (void)state;
    rows = config_rows(&n);
    assert_true(n > 30);
    for (i = 0; i < n; i++) {
        assert_non_null(rows[i].key);
        assert_true(strlen(rows[i].meaning) > 10);
        assert_true(rows[i].type != CONFIG_INT || rows[i].min < rows[i].max);
        set(c, rows[i].key, rows[i].dflt, FROM_FLAG);
        for (k = 0; k < i; k++)
            assert_string_not_equal(rows[i].key, rows[k].key);
    }
    config_free(c);
}

static void test_precedence(void **state)
{
    static const enum config_origin orders[][3] = {
        {FROM_FILE, FROM_ENV, FROM_FLAG},
        {FROM_FLAG, FROM_ENV, FROM_FILE},
        {FROM_ENV, FROM_FLAG, FROM_FILE},
        {FROM_FILE, FROM_FLAG, FROM_ENV},
    };
    static const char *const contact[] = {"default", "file", "env", "flag"};
    size_t i, k;

    (void)state;
    for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct config *c = fresh();

        for (k = 0; k < 3; k++)
            set(c, "contact", contact[orders[i][k]], orders[i][k]);
        assert_string_equal(config_str(c, "contact"), "flag");
        assert_int_equal(config_from(c, "contact"), FROM_FLAG);
        config_free(c);
    }
}

static void test_values_taken(void **state)
{
    static const char *const good[][2] = {
        {"listen", "[::1]:0"},
        {"listen", "localhost:65535"},
        {"listen", "0.0.0.0:80"},
        {"listen", "my-host.example:1"},
        {"public_url", "https://papers.example.org/sheaf"},
        {"public_url", ""},
        {"backend_url", "http://[::1]:8642"},
        {"arxiv_url", "http://127.0.0.1:9999/api/query?x=1"},
        {"allowed_origins", "https://a.example, http://b.example:81"},
        {"trusted_proxies", "10.0.0.0/8, ::1,192.168.1.1, fd00::/8"},
        {"services", "backend"},
        {"services", "web, scraper"},
        {"database_url", "postgresql://u:p@h:5432/d?sslmode=require"},
        {"database_url", "postgres:///d"},
        {"vectors", "pgvector"},
        {"redis_url", "redis://:pw@h:6379/0"},
        {"redis_url", "redis://[::1]"},
        {"redis_key", "my:papers"},
        {"live_name", "Copy2"},
        {"admin_token", "sixteen-letters!"},
        {"server_url", "https://desk.example.org/"},
        {"redis_url", "redis://user:a%40b@h:1/15"},
        {"private-reads", "yes"},
        {"precision", "int8"},
        {"log_level", "off"},
        {"pool_jobs", "64"},
        {"pool_jobs", "1"},
        {"webhook_signing_secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"},
        {"webhook_retry_ms", "0, 10,20"},
        {"contact", "M\xC3\xBCller <m@x>"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct config *c = fresh();

        set(c, good[i][0], good[i][1], FROM_ENV);
        if (strcmp(good[i][0], "private-reads") != 0)
            assert_string_equal(config_text(c, good[i][0]), good[i][1]);
        else
            assert_true(config_bool(c, "private_reads"));
        config_free(c);
    }
}

static void test_values_refused(void **state)
{
    static const char *const bad[][2] = {
        {"listen", ""},
        {"listen", "8642"},
        {"listen", ":8642"},
        {"listen", "127.0.0.1"},
        {"listen", "127.0.0.1:"},
        {"listen", "127.0.0.1:65536"},
        {"listen", "127.0.0.1:+80"},
        {"listen", "::1:80"},
        {"listen", "[::1]80"},
        {"listen", "[::g]:80"},
        {"listen", "127.0.1:80"},
        {"listen", "256.0.0.1:80"},
        {"listen", "a b:80"},
        {"listen", "-a:80"},
        {"listen", "a..b:80"},
        {"listen", "http://127.0.0.1:80"},
        {"public_url", "papers.example.org"},
        {"public_url", "ftp://h"},
        {"public_url", "http://"},
        {"public_url", "http://u@h/"},
        {"public_url", "http://h:99999/"},
        {"arxiv_url", ""},
        {"allowed_origins", "https://a.example/"},
        {"allowed_origins", "*"},
        {"allowed_origins", "https://a,"},
        {"trusted_proxies", "10.0.0.0/33"},
        {"trusted_proxies", "proxy"},
        {"trusted_proxies", "::1/129"},
        {"trusted_proxies", "10.0.0.0/"},
        {"services", "backend,scrapper"},
        {"services", ""},
        {"database_url", "mysql://h/d"},
        {"database_url", "sqlite:/x.db"},
        {"vectors", "faiss"},
        {"vectors", ""},
        {"redis_url", "redis:h"},
        {"redis_url", "http://h"},
        {"redis_url", "rediss://h"},
        {"redis_key", ""},
        {"redis_key", "a b"},
        {"live_name", "eight888"},
        {"live_name", "a.b"},
        {"admin_token", "fifteen-letters"},
        {"admin_token", "seventeen letters"},
        {"server_url", "desk.example.org"},
        {"redis_key", "a{b"},
        {"redis_key", "a#"},
        {"redis_url", "redis://"},
        {"redis_url", "redis:///0"},
        {"redis_url", "redis://h:0"},
        {"redis_url", "redis://h:65536"},
        {"redis_url", "redis://h/x"},
        {"redis_url", "redis://h/65536"},
        {"redis_url", "redis://h/0?ssl=1"},
        {"redis_url", "redis://user@h"},
        {"redis_url", "redis://:50%@h"},
        {"redis_url", "redis://:a%00b@h"},
        {"private_reads", "maybe"},
        {"private_reads", ""},
        {"precision", "int4"},
        {"precision", ""},
        {"log_level", "INFO"},
        {"pool_jobs", "0"},
        {"pool_jobs", "65"},
        {"pool_jobs", "4x"},
        {"pool_jobs", ""},
        {"pool_jobs", "99999999999999999999"},
        {"webhook_secret", "with space"},
        {"webhook_secret", "\xC3\xA9"},
        {"webhook_signing_secret", "whsec_short"},
        {"webhook_signing_secret", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"},
        {"webhook_signing_secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0"},
        {"webhook_retry_ms", "0,,5"},
        {"webhook_retry_ms", "-1"},
        {"contact", "a\r\nX-Evil: 1"},
        {"contact", "\xFF"},
        {"contact", "a\x7f"},
    };
    char long_text[5000];
    struct config *c = fresh();
    struct err e = {0};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        e = (struct err){0};
        if (config_set(c, bad[i][0], bad[i][1], FROM_FLAG, &e) != ERR_INVALID)
            fail_msg("%s = '%s' was taken", bad[i][0], bad[i][1]);
        assert_string_equal(e.field, bad[i][0]);
        assert_non_null(strstr(e.msg, bad[i][0]));
        assert_int_equal(config_from(c, bad[i][0]), FROM_DEFAULT);
    }
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_int_equal(config_set(c, "contact", long_text, FROM_FLAG, &e),
                     ERR_INVALID);
    config_free(c);
}

static void test_unknown_key(void **state)
{
    struct config *c = fresh();
    struct err e = {0};

    (void)state;
    assert_int_equal(config_set(c, "arxiv_ulr", "x", FROM_FILE, &e),
                     ERR_INVALID);
    assert_string_equal(
        e.msg, "unknown setting 'arxiv_ulr' (did you mean 'arxiv_url'?)");
    assert_int_equal(config_set(c, "colour", "x", FROM_FILE, &e), ERR_INVALID);
    assert_string_equal(e.msg, "unknown setting 'colour'");
    config_free(c);
}

/* A secret is neither shown nor repeated in an error. */
static void test_secrets(void **state)
{
    static const char *const shown[][3] = {
        {"database_url", "postgresql://u:pa@ss@h/d", "postgresql://u:***@h/d"},
        {"database_url", "postgresql://u:p@h/d", "postgresql://u:*@h/d"},
        {"database_url", "postgresql://u@h/d", "postgresql://u@h/d"},
        {"database_url", "postgresql://h/d?user=u&password=geheim&x=1",
         "postgresql://h/d?user=u&password=***&x=1"},
        {"database_url", "postgresql://h/d?sslpassword=abcdef",
         "postgresql://h/d?sslpassword=***"},
        {"redis_url", "redis://:geheim@h:6379/0", "redis://:***@h:6379/0"},
        {"webhook_secret", "geheim", "***"},
        {"llm_key", "", ""},
        {"arxiv_url", "http://h:80/a?b=c:d@e", "http://h:80/a?b=c:d@e"},
    };
    struct err e = {0};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        struct config *c = fresh();

        set(c, shown[i][0], shown[i][1], FROM_FILE);
        assert_string_equal(config_text(c, shown[i][0]), shown[i][1]);
        assert_string_equal(config_shown(c, shown[i][0]), shown[i][2]);
        assert_int_equal(
            config_set(c, shown[i][0], "geheim\x01", FROM_FLAG, &e),
            ERR_INVALID);
        assert_null(strstr(e.msg, "geheim"));
        config_free(c);
    }
    {
        struct config *c = fresh();

        assert_int_equal(
            config_set(c, "webhook_signing_secret", "geheim", FROM_FLAG, &e),
            ERR_INVALID);
        assert_null(strstr(e.msg, "geheim"));
        assert_int_equal(
            config_set(c, "database_url", "x://u:geheim@h", FROM_FLAG, &e),
            ERR_INVALID);
        assert_null(strstr(e.msg, "geheim"));
        config_free(c);
    }
}

static void test_environment(void **state)
{
    struct config *c = fresh();
    struct err e = {0};

    (void)state;
    setenv("SHEAF_ARXIV_INTERVAL_MS", "5", 1);
    setenv("SHEAF_CONTACT", "", 1); /* counts as not set */
    setenv("WEBHOOK_SECRET", "drawn", 1);
    setenv("SHEAF_TEST_ANYTHING", "1", 1);
    setenv("SHEAF_BIN", "/x", 1);
    setenv("SHEAF_KILLS", "3", 1);
    setenv("SHEAF_SEED", "4", 1);
    assert_int_equal(config_load_env(c, &e), ERR_NONE);
    assert_int_equal(config_int(c, "arxiv_interval_ms"), 5);
    assert_int_equal(config_from(c, "arxiv_interval_ms"), FROM_ENV);
    assert_int_equal(config_from(c, "contact"), FROM_DEFAULT);
    assert_string_equal(config_str(c, "webhook_secret"), "drawn");
    setenv("SHEAF_WEBHOOK_SECRET", "ours", 1);
    assert_int_equal(config_load_env(c, &e), ERR_NONE);
    assert_string_equal(config_str(c, "webhook_secret"), "ours");
    setenv("SHEAF_POOL_JOBS", "many", 1);
    assert_int_equal(config_load_env(c, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "SHEAF_POOL_JOBS"));
    assert_string_equal(e.field, "pool_jobs");
    unsetenv("SHEAF_POOL_JOBS");
    setenv("SHEAF_LISTN", "x", 1);
    assert_int_equal(config_load_env(c, &e), ERR_INVALID);
    assert_string_equal(e.msg, "unknown environment variable 'SHEAF_LISTN' "
                               "(did you mean 'SHEAF_LISTEN'?)");
    unsetenv("SHEAF_LISTN");
    setenv("SHEAF_", "x", 1);
    assert_int_equal(config_load_env(c, &e), ERR_INVALID);
    unsetenv("SHEAF_");
    unsetenv("SHEAF_ARXIV_INTERVAL_MS");
    unsetenv("SHEAF_CONTACT");
    unsetenv("SHEAF_WEBHOOK_SECRET");
    unsetenv("WEBHOOK_SECRET");
    unsetenv("SHEAF_TEST_ANYTHING");
    unsetenv("SHEAF_BIN");
    unsetenv("SHEAF_KILLS");
    unsetenv("SHEAF_SEED");
    config_free(c);
}

static void test_read(void **state)
{
    struct config *c = fresh();
    struct err e = {0};

    (void)state;
    assert_int_equal(config_read(c,
                                 SLICE("# a comment\r\n\n"
                                       "  pool_jobs = 2  \r\n"
                                       "contact=a = b # c\n"
                                       "arxiv-interval-ms = 7\n"
                                       "pool_jobs = 3"),
                                 "sheaf.conf", &e),
                     ERR_NONE);
    assert_int_equal(config_int(c, "pool_jobs"), 3);
    assert_string_equal(config_str(c, "contact"), "a = b # c");
    assert_int_equal(config_int(c, "arxiv_interval_ms"), 7);
    assert_int_equal(config_from(c, "pool_jobs"), FROM_FILE);
    assert_int_equal(config_read(c, SLICE("\n\npool_job = 3\n"), "my.conf", &e),
                     ERR_INVALID);
    assert_string_equal(e.msg, "my.conf, line 3: unknown setting 'pool_job' "
                               "(did you mean 'pool_jobs'?)");
    assert_int_equal(config_read(c, SLICE("pool_jobs\n"), "f", &e),
                     ERR_INVALID);
    assert_string_equal(e.msg, "f, line 1: expected 'key = value'");
    assert_int_equal(config_read(c, SLICE(" = 3"), "f", &e), ERR_INVALID);
    assert_int_equal(config_read(c, SLICE("contact = a\0b"), "f", &e),
                     ERR_INVALID);
    assert_int_equal(config_read(c, SLICE_NONE, "f", &e), ERR_NONE);
    config_free(c);
}

static void test_file(void **state)
{
    char path[] = "/tmp/test_config.XXXXXX";
    struct config *c = fresh();
    struct err e = {0};
    int fd = mkstemp(path), i;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "pool_jobs = 9\n", 14), 14);
    assert_int_equal(config_load_file(c, path, true, &e), ERR_NONE);
    assert_int_equal(config_int(c, "pool_jobs"), 9);
    for (i = 0; i < 300; i++) {
        char block[1024];

        memset(block, '#', sizeof(block));
        assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    }
    assert_int_equal(config_load_file(c, path, true, &e), ERR_TOO_LARGE);
    close(fd);
    unlink(path);
    assert_int_equal(config_load_file(c, path, false, &e), ERR_NONE);
    assert_int_equal(config_load_file(c, path, true, &e), ERR_NOT_FOUND);
    assert_int_equal(config_load_file(c, "/tmp", true, &e), ERR_UNAVAILABLE);
    config_free(c);
}

static enum err_code load_flags(struct config *c, char *line, int *argc,
                                char **argv, const char *const *known,
                                struct err *e)
{
    char *word, *save = line;
    int n = 0;

    while ((word = strsep(&save, " ")))
        argv[n++] = word;
    argv[n] = NULL;
    *argc = n;
    return config_load_flags(c, argc, argv, known, e);
}

static void test_flags(void **state)
{
    static const char *const known[] = {"--json", "--days=", "-h", NULL};
    char line[] = "sheaf scrape --pool-jobs 3 --json --days 7 --days=8 x "
                  "--arxiv-interval-ms=9 --private-reads - -h -- --listen";
    static const char *const left[] = {"sheaf", "scrape",   "--json",  "--days",
                                       "7",     "--days=8", "x",       "-",
                                       "-h",    "--",       "--listen"};
    struct config *c = fresh();
    struct err e = {0};
    char *argv[32];
    int argc, i;

    (void)state;
    if (load_flags(c, line, &argc, argv, known, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(config_int(c, "pool_jobs"), 3);
    assert_int_equal(config_int(c, "arxiv_interval_ms"), 9);
    assert_true(config_bool(c, "private_reads"));
    assert_int_equal(config_from(c, "private_reads"), FROM_FLAG);
    assert_int_equal(argc, 11);
    for (i = 0; i < 11; i++)
        assert_string_equal(argv[i], left[i]);
    assert_null(argv[11]);
    config_free(c);
}

static void test_flags_refused(void **state)
{
    static const char *const cases[][2] = {
        {"s --pool-job 3", "did you mean '--pool-jobs'"},
        {"s --dyas=3", "did you mean '--days'"},
        {"s --json=1", "'--json' takes no value"},
        {"s --days", "'--days' needs a value"},
        {"s --pool-jobs", "'--pool-jobs' needs a value"},
        {"s --pool-jobs=x", "flag --pool-jobs: 'pool_jobs' is not a number"},
        {"s --private-reads=x", "must be on or off"},
        {"s -x", "unknown flag '-x'"},
        {"s --=3", "unknown flag '--'"},
        {"s ---", "unknown flag '---'"},
    };
    static const char *const known[] = {"--json", "--days=", NULL};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = fresh();
        char line[100], *argv[32];
        struct err e = {0};
        int argc;

        snprintf(line, sizeof(line), "%s", cases[i][0]);
        assert_int_equal(load_flags(c, line, &argc, argv, known, &e),
                         ERR_INVALID);
        if (!strstr(e.msg, cases[i][1]))
            fail_msg("'%s' does not say '%s'", e.msg, cases[i][1]);
        config_free(c);
    }
}

static void test_nearest(void **state)
{
    static const char *const words[] = {"page", "page_size", "ordering",
                                        "published_after", NULL};

    (void)state;
    assert_string_equal(nearest_word("pgae", words), "page");
    assert_string_equal(nearest_word("pages", words), "page");
    assert_string_equal(nearest_word("pagesize", words), "page_size");
    assert_string_equal(nearest_word("publishedafter", words),
                        "published_after");
    assert_string_equal(nearest_word("publish_after", words),
                        "published_after");
    assert_null(nearest_word("pp", words));
    assert_null(nearest_word("egap", words));
    assert_null(nearest_word("", words));
    assert_null(nearest_word("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                             words));
    assert_null(nearest_word("page", words + 4));
}

/* The example, with its comment signs taken off the settings, is a file that
 * loads and changes nothing. */
static void test_generators(void **state)
{
    struct config *c = fresh();
    const struct config_row *rows;
    struct buf out, bare;
    struct slice rest, line;
    struct err e = {0};
    size_t n, i, seen = 0;

    (void)state;
    buf_init(&out, 1 << 20);
    buf_init(&bare, 1 << 20);
    config_write_example(&out);
    assert_true(buf_ok(&out));
    rest = buf_slice(&out);
    while (slice_split(&rest, '\n', &line)) {
        assert_true(line.len <= 78 || !slice_starts(line, "# "));
        if (slice_starts(line, "#") && !slice_starts(line, "# ")) {
            buf_add_slice(&bare, slice_sub(line, 1, line.len));
            buf_add_char(&bare, '\n');
        }
    }
    if (config_read(c, buf_slice(&bare), "example", &e))
        fail_msg("%s", e.msg);
    rows = config_rows(&n);
    for (i = 0; i < n; i++) {
        if (strcmp(rows[i].key, "data_dir") != 0)
            assert_string_equal(config_text(c, rows[i].key), rows[i].dflt);
        seen += config_from(c, rows[i].key) == FROM_FILE;
        assert_int_equal(rows[i].for_tests, !memmem(out.p, out.len, rows[i].key,
                                                    strlen(rows[i].key)));
    }
    assert_true(seen > 30);
    buf_clear(&out);
    config_write_markdown(&out);
    assert_true(buf_ok(&out));
    assert_non_null(strstr(out.p, "| `pool_jobs` | `4` | 1 to 64 | "));
    buf_release(&out);
    buf_release(&bare);
    config_free(c);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_data_dir),
        cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_values_taken),
        cmocka_unit_test(test_values_refused),
        cmocka_unit_test(test_unknown_key),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_flags_refused),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_generators),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
