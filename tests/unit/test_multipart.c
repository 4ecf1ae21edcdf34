/* test_multipart.c - forms as clients write them, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/multipart.h"

#define TYPE "multipart/form-data; boundary=x"
#define NAMED "Content-Disposition: form-data; name=\"a\""
/* One part: its head without the name, its bytes. */
#define ONE(head, bytes) "--x\r\n" head "\r\n\r\n" bytes "\r\n--x--\r\n"

/* Read it all; the last part is left in *part. */
static enum err_code read_all(const char *type, struct slice body,
                              struct multipart_part *part, int *n,
                              struct err *e)
{
    struct multipart_part next;
    struct multipart m;
    bool more = true;
    enum err_code code = multipart_open(&m, slice_of(type), body, e);

    *n = 0;
    while (code == ERR_NONE && more) {
        code = multipart_next(&m, &next, &more, e);
        if (code == ERR_NONE && more) {
            *part = next;
            ++*n;
        }
    }
    return code;
}

static void reads(const char *type, struct slice body, const char *name,
                  const char *filename, struct slice data)
{
    struct multipart_part p;
    struct err e = {0};
    int n;

    if (read_all(type, body, &p, &n, &e) != ERR_NONE)
        fail_msg("%.*s: %s", SLICE_ARG(body), e.msg);
    assert_int_equal(n, 1);
    assert_string_equal(p.name, name);
    assert_int_equal(p.is_file, filename != NULL);
    assert_string_equal(p.filename, filename ? filename : "");
    assert_int_equal(p.data.len, data.len);
    assert_memory_equal(p.data.p, data.p, data.len);
}

static void refuses_as(enum err_code code, const char *type, struct slice body,
                       const char *word)
{
    struct multipart_part p;
    struct err e = {0};
    int n;

    assert_int_equal(read_all(type, body, &p, &n, &e), code);
    if (!strstr(e.msg, word))
        fail_msg("'%s' does not say '%s'", e.msg, word);
}

static void refuses(const char *body, const char *word)
{
    refuses_as(ERR_INVALID, TYPE, slice_of(body), word);
}

static void test_parts(void **state)
{
    const struct slice body =
        SLICE("--x\r\n"
              "Content-Disposition: form-data; name=\"title\"\r\n\r\n"
              "A guide\r\n--x\r\n"
              "content-disposition:form-data;filename=\"g.pdf\";name=file\r\n"
              "Content-Type: application/pdf\r\n"
              "X-Other: 1\r\n\r\n"
              "%PDF\r\n--\0\r\n\r\n--x--");
    struct multipart_part p;
    struct multipart m;
    struct err e = {0};
    bool more;

    (void)state;
    assert_int_equal(multipart_open(&m, SLICE(TYPE), body, &e), ERR_NONE);
    assert_int_equal(multipart_next(&m, &p, &more, &e), ERR_NONE);
    assert_true(more && !p.is_file && !p.type.p);
    assert_string_equal(p.name, "title");
    assert_true(slice_is(p.data, "A guide"));
    assert_int_equal(multipart_next(&m, &p, &more, &e), ERR_NONE);
    assert_true(more && p.is_file);
    assert_string_equal(p.name, "file");
    assert_string_equal(p.filename, "g.pdf");
    assert_true(slice_is(p.type, "application/pdf"));
    assert_true(slice_eq(p.data, SLICE("%PDF\r\n--\0\r\n")));
    assert_int_equal(multipart_next(&m, &p, &more, &e), ERR_NONE);
    assert_false(more);
}

static void test_content_types(void **state)
{
    static const char *const good[] = {
        "multipart/form-data; boundary=x", "multipart/form-data;boundary=\"x\"",
        "Multipart/Form-Data ; charset=utf-8 ; BOUNDARY=x", NULL};
    static const char *const bad[] = {"multipart/form-data",
                                      "multipart/form-data; boundary=",
                                      "multipart/form-data; boundary=\"\"",
                                      "multipart/form-data; boundary=\"x",
                                      "multipart/form-data; boundary=\"x \"",
                                      "multipart/form-data; boundary=x\x01",
                                      "multipart/form-data; boundary=x;",
                                      "multipart/form-data; boundary=x y",
                                      "multipart/form-data; charset=x",
                                      "multipart/form-data; boundary=x; "
                                      "boundary=x",
                                      NULL};
    char text[200];

    (void)state;
    for (size_t i = 0; good[i]; i++) {
        assert_true(multipart_is(slice_of(good[i])));
        reads(good[i], SLICE(ONE(NAMED, "1")), "a", NULL, SLICE("1"));
    }
    for (size_t i = 0; bad[i]; i++)
        refuses_as(ERR_INVALID, bad[i], SLICE(ONE(NAMED, "1")), "boundary");
    snprintf(text, sizeof(text), "multipart/form-data; boundary=%071d", 0);
    refuses_as(ERR_INVALID, text, SLICE(""), "boundary");
    assert_false(multipart_is(SLICE("multipart/mixed; boundary=x")));
    assert_false(multipart_is(SLICE("application/json")));
    assert_false(multipart_is(SLICE_NONE));
}

static void test_names(void **state)
{
    (void)state;
    reads(TYPE, SLICE(ONE(NAMED, "")), "a", NULL, SLICE(""));
    reads(TYPE, SLICE(ONE(NAMED "; filename=\"\"", "1")), "a", "", SLICE("1"));
    reads(TYPE,
          SLICE(ONE(NAMED "; filename=\"\\\"\\\\ %22%0d%0A%41 C:\\d\"", "1")),
          "a", "\"\\ \"\r\n%41 C:\\d", SLICE("1"));
    reads(TYPE,
          SLICE(ONE(NAMED "; filename=\"../\xC3\xA4 \xE6\xBC\xA2.md\"", "1")),
          "a", "../\xC3\xA4 \xE6\xBC\xA2.md", SLICE("1"));
}

static void test_malformed(void **state)
{
    (void)state;
    refuses("", "begin");
    refuses("\r\n" ONE(NAMED, "1"), "begin");
    refuses("preamble\r\n" ONE(NAMED, "1"), "begin");
    refuses("--y\r\n" NAMED "\r\n\r\n1\r\n--y--\r\n", "begin");
    refuses("--xx\r\n" NAMED "\r\n\r\n1\r\n--xx--\r\n", "line end");
    refuses("--x\n" NAMED "\n\n1\n--x--\n", "line end");
    refuses("--x \r\n" NAMED "\r\n\r\n1\r\n--x--", "line end");
    refuses(ONE(NAMED, "1") "more", "behind");
    refuses(ONE(NAMED, "1") "\r\n", "behind");
    refuses(ONE(NAMED, "1\r\n--xy"), "line end");
    refuses("--x\r\n" NAMED "\r\n\r\n1\r\n--x\r\n", "head");
    refuses("--x\r\n" NAMED "\r\n\r\n1", "end with");
    refuses("--x\r\n" NAMED "\r\n\r\n1\n--x--", "end with");
    refuses("--x\r\n" NAMED "\r\n\r\n--x--\r\n", "end with");
    refuses("--x\r\n" NAMED, "head does not end");
    refuses("--x\r\n" NAMED "\n\n1\r\n--x--", "head does not end");
    refuses(ONE(NAMED "\nX: 1", "1"), "CRLF");
    refuses(ONE(NAMED "\r\n folded", "1"), "no header");
    refuses(ONE(NAMED "\r\nno colon", "1"), "no header");
    refuses(ONE(NAMED "\r\nX : 1", "1"), "no header");
    refuses(ONE("X: 1", "1"), "no Content-Disposition");
    refuses(ONE("", "1"), "no Content-Disposition");
    refuses(ONE("Content-Disposition: attachment; name=\"a\"", "1"),
            "form-data");
    refuses(ONE("Content-Disposition: form-data", "1"), "no name");
    refuses(ONE("Content-Disposition: form-data; name=\"\"", "1"), "empty");
    refuses(ONE("Content-Disposition: form-data; name=\"a", "1"), "read");
    refuses(ONE("Content-Disposition: form-data; name", "1"), "read");
    refuses(ONE("Content-Disposition: form-data; name=\"a\" b", "1"), "read");
    refuses(ONE(NAMED ";", "1"), "read");
    refuses(ONE(NAMED "; name=\"b\"", "1"), "twice");
    refuses(ONE(NAMED "; size=1", "1"), "unknown");
    refuses(ONE(NAMED "; filename*=utf-8''b", "1"), "RFC 7578");
    refuses(ONE(NAMED "\r\n" NAMED, "1"), "two");
    refuses(ONE(NAMED "\r\nContent-Type: a/b\r\nContent-Type: a/b", "1"),
            "two");
    refuses(ONE(NAMED "\r\nContent-Transfer-Encoding: base64", "1"),
            "Encoding");
    refuses(ONE(NAMED "; filename=\"\xFF\"", "1"), "UTF-8");
    refuses(ONE(NAMED "; filename=\"\x01\"", "1"), "control");
    refuses_as(ERR_INVALID, TYPE, SLICE(ONE(NAMED "; filename=\"\0\"", "1")),
               "control");
}

static struct slice repeat(struct buf *b, const char *before, const char *what,
                           int n, const char *after)
{
    buf_init(b, 1 << 20);
    buf_add_str(b, before);
    for (int i = 0; i < n; i++)
        buf_add_str(b, what);
    buf_add_str(b, after);
    return buf_slice(b);
}

/* At each limit, and one beyond it. */
static void test_limits(void **state)
{
    const struct {
        const char *before, *what, *after, *word;
        int limit;
    } cases[] = {
        {"--x", "\r\n" NAMED "\r\n\r\n1\r\n--x", "--", "parts",
         MULTIPART_MAX_PARTS},
        {"--x\r\nContent-Disposition: form-data; name=\"", "n",
         "\"\r\n\r\n1\r\n--x--", "name", MULTIPART_MAX_NAME},
        {"--x\r\n" NAMED "; filename=\"", "n", "\"\r\n\r\n1\r\n--x--", "name",
         MULTIPART_MAX_FILENAME},
        {"--x\r\n" NAMED, "\r\nX: 1", "\r\n\r\n1\r\n--x--", "headers", 7},
        {"--x\r\n" NAMED "\r\nX: ", "n", "\r\n\r\n1\r\n--x--", "head",
         MULTIPART_MAX_HEAD - (int)strlen(NAMED "\r\nX: ")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct multipart_part p;
        struct err e = {0};
        struct buf b;
        int n;

        if (read_all(TYPE,
                     repeat(&b, cases[i].before, cases[i].what, cases[i].limit,
                            cases[i].after),
                     &p, &n, &e) != ERR_NONE)
            fail_msg("at the limit of '%s': %s", cases[i].word, e.msg);
        buf_release(&b);
        refuses_as(ERR_TOO_LARGE, TYPE,
                   repeat(&b, cases[i].before, cases[i].what,
                          cases[i].limit + 1, cases[i].after),
                   cases[i].word);
        buf_release(&b);
    }
}

/* A form that is cut anywhere is none. */
static void test_every_cut(void **state)
{
    const struct slice body = SLICE(
        "--x\r\n" NAMED "\r\n\r\none\r\n--x\r\n" NAMED
        "; filename=\"f\"\r\nContent-Type: text/plain\r\n\r\ntwo\r\n--x--");

    (void)state;
    for (size_t len = 0; len < body.len; len++) {
        char *copy = malloc(len + 1); /* so that reading on is noticed */
        struct multipart_part p;
        struct err e = {0};
        int n;

        memcpy(copy, body.p, len);
        assert_int_equal(read_all(TYPE, (struct slice){copy, len}, &p, &n, &e),
                         ERR_INVALID);
        assert_true(n <= 2);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),  cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_names),  cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_every_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
