/* test_sse.c - server-sent events, whole and cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/sse.h"

#define MAX 100

static enum err_code note(void *ctx, struct slice name, struct slice data,
                          struct err *e)
{
    buf_printf(ctx, "%.*s=%.*s;", SLICE_ARG(name), SLICE_ARG(data));
    return slice_is(data, "stop") ? err_set(e, ERR_CONFLICT, "stopped")
                                  : ERR_NONE;
}

static enum err_code read_in_steps(struct slice all, size_t step,
                                   struct buf *out)
{
    enum err_code rc = ERR_NONE;
    struct sse s;

    sse_init(&s, MAX, note, out);
    for (size_t i = 0; i < all.len && rc == ERR_NONE; i += step)
        rc = sse_feed(&s, slice_sub(all, i, i + step), NULL);
    if (rc == ERR_NONE)
        rc = sse_end(&s, NULL);
    sse_release(&s);
    return rc;
}

static void reads(struct slice all, enum err_code code, const char *expected)
{
    for (size_t step = 1; step <= all.len + 1; step++) {
        struct buf out;

        buf_init(&out, 1000);
        assert_int_equal(read_in_steps(all, step, &out), code);
        if (!slice_is(buf_slice(&out), expected))
            fail_msg("'%.*s' in %zu gives '%.*s', not '%s'", SLICE_ARG(all),
                     step, SLICE_ARG(buf_slice(&out)), expected);
        buf_release(&out);
    }
}

static void events(void **state)
{
    (void)state;
    reads(SLICE(""), ERR_NONE, "");
    reads(SLICE("data: a\n\n"), ERR_NONE, "=a;");
    reads(SLICE("event: x\ndata: a\ndata:b\n\ndata: c\n\n"), ERR_NONE,
          "x=a\nb;=c;");
    reads(SLICE("data: a\r\n\r\ndata: b\r\rdata: c\n\n"), ERR_NONE,
          "=a;=b;=c;");
    reads(SLICE(": ping\n\nid: 1\nretry: 2\nnonsense\n\ndata\n\n"), ERR_NONE,
          "=;");
    reads(SLICE("data:  two spaces\n\n"), ERR_NONE, "= two spaces;");
    reads(SLICE("event: alone\n\ndata: a\n\n"), ERR_NONE, "=a;");
    reads(SLICE("error: {}\ndata: a\n\n"), ERR_NONE, "error={};=a;");
    reads(SLICE("data: a\n\nevent: x\ndata: half"), ERR_NONE, "=a;x=half;");
    reads(SLICE("event: 0123456789012345678901234567890123456789\ndata: a\n\n"),
          ERR_NONE, "01234567890123456789012345678901=a;");
    reads(SLICE("data: stop\n\ndata: b\n\n"), ERR_CONFLICT, "=stop;");
}

static void limits(void **state)
{
    char long_line[MAX + 20];
    struct buf many;

    (void)state;
    memset(long_line, 'x', sizeof(long_line));
    reads((struct slice){long_line, MAX}, ERR_NONE, "");
    reads((struct slice){long_line, MAX + 1}, ERR_TOO_LARGE, "");
    buf_init(&many, 1000);
    for (int i = 0; i < MAX / 8; i++)
        buf_add_str(&many, "data: 1234567\n");
    reads(buf_slice(&many), ERR_NONE,
          "=1234567\n1234567\n1234567\n1234567\n1234567\n1234567\n"
          "1234567\n1234567\n1234567\n1234567\n1234567\n1234567;");
    buf_add_str(&many, "data: 1234567\n\n");
    reads(buf_slice(&many), ERR_TOO_LARGE, "");
    buf_release(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),
        cmocka_unit_test(limits),
    };

    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
