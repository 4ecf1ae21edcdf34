/* test_oom_base.c - base/ with each allocation failing in turn.
 *
 * A scenario does ordinary work with one module and says how it ended.  It is
 * run once for each allocation it makes, with just that one failing: then it
 * must end with "out of memory", not crash, and leak nothing (the sanitizer
 * build sees that).  Without a failure it must end well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "base/mem.h"

enum ending { WELL, OUT_OF_MEMORY, WRONG };

static enum ending from_code(enum err_code rc)
{
    return rc == ERR_NONE ? WELL : rc == ERR_INTERNAL ? OUT_OF_MEMORY : WRONG;
}

static enum ending use_buf(void)
{
    enum ending result;
    struct buf b;
    char *p;
    int i;

    buf_init(&b, 1 << 20);
    for (i = 0; i < 300; i++)
        buf_printf(&b, "line %d, and some more to make it longer\n", i);
    buf_add_u64(&b, 7);
    result = buf_ok(&b) ? WELL : OUT_OF_MEMORY;
    p = buf_take(&b, NULL);
    if (!p != (result == OUT_OF_MEMORY))
        result = WRONG;
    free(p);
    return result;
}

static enum ending use_empty_buf(void)
{
    struct buf b;
    char *p;

    buf_init(&b, 10);
    p = buf_take(&b, NULL);
    if (!p)
        return OUT_OF_MEMORY;
    free(p);
    return WELL;
}

static enum ending use_arena(void)
{
    struct arena *a = arena_new(4 << 20);
    enum ending result = WELL;
    int i;

    if (!a)
        return OUT_OF_MEMORY;
    for (i = 0; i < 200 && result == WELL; i++) {
        if (i == 100)
            arena_reset(a);
        if (!arena_printf(a, "%*d", i * 20, i) || !arena_calloc(a, 1, 5000) ||
            !arena_slice(a, SLICE("text")).p)
            result = OUT_OF_MEMORY;
    }
    arena_free(a);
    return result;
}

static enum ending use_json_parse(void)
{
    json_t *v = NULL;
    struct err e = {0};
    enum err_code rc =
        json_parse(&v,
                   SLICE("{\"a\":[1,2.5,\"text\",{\"b\":null}],\"c\":\"a long "
                         "text that must be copied\",\"d\":{},\"e\":true}"),
                   &e);

    if (rc == ERR_NONE)
        json_decref(v);
    else if (v || !e.msg[0])
        return WRONG;
    return from_code(rc);
}

static enum ending use_json_write(void)
{
    enum ending result;
    struct buf out;
    struct jw j;
    int i;

    buf_init(&out, 1 << 20);
    jw_init(&j, &out);
    jw_arr(&j);
    for (i = 0; i < 500; i++) {
        jw_obj(&j);
        jw_kstr(&j, "title", "with \"quotes\" and \xC3\xA9");
        jw_kdouble(&j, "score", i / 7.0);
        jw_end_obj(&j);
    }
    jw_end_arr(&j);
    result = buf_ok(&out) ? WELL : OUT_OF_MEMORY;
    buf_release(&out);
    return result;
}

static enum ending use_zone(const char *name)
{
    struct zone *z = NULL;
    struct err e = {0};
    enum err_code rc = zone_open(&z, name, &e);

    if (rc == ERR_NONE)
        zone_close(z);
    else if (z || !e.msg[0])
        return WRONG;
    return from_code(rc);
}

static enum ending use_real_zone(void)
{
    return use_zone("Europe/Berlin");
}

static enum ending use_builtin_zone(void)
{
    enum ending result;

    setenv("TZDIR", "/nonexistent", 1);
    result = use_zone("UTC");
    unsetenv("TZDIR");
    return result;
}

static enum ending use_config_with(struct config *c, const char *path)
{
    char name[] = "sheaf", flag[] = "--log-level=debug";
    char *argv[] = {name, flag, NULL};
    struct err e = {0};
    enum err_code rc;
    struct buf out;
    int argc = 2;

    rc = config_load_file(c, path, true, &e);
    if (!rc)
        rc = config_load_env(c, &e);
    if (!rc)
        rc = config_load_flags(c, &argc, argv, NULL, &e);
    if (rc)
        return e.msg[0] ? from_code(rc) : WRONG;
    buf_init(&out, 1 << 20);
    config_write_example(&out);
    config_write_markdown(&out);
    if (!buf_ok(&out))
        rc = ERR_INTERNAL;
    buf_release(&out);
    return from_code(rc);
}

static char conf_path[] = "/tmp/test_oom_base.XXXXXX";

static enum ending use_config(void)
{
    struct config *c = config_new();
    enum ending result;

    if (!c)
        return OUT_OF_MEMORY;
    result = use_config_with(c, conf_path);
    config_free(c);
    return result;
}

static int make_conf(void **state)
{
    static const char text[] = "# settings\nlisten = 127.0.0.1:1\n"
                               "database_url = postgresql://u:p@h/d\n";
    int fd = mkstemp(conf_path);
    ssize_t n = fd < 0 ? -1 : write(fd, text, sizeof(text) - 1);

    (void)state;
    if (fd >= 0)
        close(fd);
    setenv("SHEAF_CONTACT", "someone@example.org", 1);
    return n == (ssize_t)sizeof(text) - 1 ? 0 : -1;
}

static int remove_conf(void **state)
{
    (void)state;
    unsetenv("SHEAF_CONTACT");
    return unlink(conf_path);
}

static void torture(const char *name, enum ending (*scenario)(void),
                    unsigned at_least)
{
    enum ending result;
    unsigned n;

    mem_fail_after(0);
    assert_int_equal(scenario(), WELL); /* and whatever is made once, is */
    for (n = 1;; n++) {
        bool failed;

        mem_fail_after(n);
        result = scenario();
        failed = mem_has_failed();
        mem_fail_after(0);
        if (!failed)
            break;
        if (result != OUT_OF_MEMORY)
            fail_msg("%s: allocation %u failed, and it ended %s", name, n,
                     result == WELL ? "well" : "wrong");
        if (n > 100000)
            fail_msg("%s never ends", name);
    }
    assert_int_equal(result, WELL);
    if (n - 1 < at_least) /* the seam has been lost */
        fail_msg("%s: only %u allocations were seen", name, n - 1);
}

static void test_torture(void **state)
{
    static const struct {
        const char *name;
        enum ending (*scenario)(void);
        unsigned at_least;
    } all[] = {
        {"buf", use_buf, 5},
        {"empty buf", use_empty_buf, 1},
        {"arena", use_arena, 5},
        {"json_parse", use_json_parse, 10},
        {"json writer", use_json_write, 5},
        {"zone", use_real_zone, 3},
        {"zone UTC", use_builtin_zone, 2},
        {"config", use_config, 90},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        torture(all[i].name, all[i].scenario, all[i].at_least);
}

static void test_seam(void **state)
{
    void *p, *more;

    (void)state;
    mem_fail_after(2);
    p = mem_alloc(10);
    assert_non_null(p);
    assert_false(mem_has_failed());
    more = mem_realloc(p, 1000);
    assert_null(more);
    assert_true(mem_has_failed());
    more = mem_realloc(p, 1000); /* only one fails; p is still ours */
    assert_non_null(more);
    mem_free(more);
    mem_fail_after(1);
    assert_null(mem_strndup("x", 1));
    mem_fail_after(0);
    p = mem_alloc(0);
    assert_non_null(p);
    mem_free(p);
    mem_free(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seam),
        cmocka_unit_test_setup_teardown(test_torture, make_conf, remove_conf),
    };

    return cmocka_run_group_tests_name("oom_base", tests, NULL, NULL);
}
