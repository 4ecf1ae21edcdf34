/* test_paging.c - Django REST framework's envelope and its links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "net/paging.h"
#include "net_fixture.h"

#define COUNT 50

static enum err_code list(struct request *r, struct err *e)
{
    struct page p = paging_read(r);
    enum err_code rc = paging_check(&p, COUNT, e);
    struct jw j;

    if (rc)
        return rc;
    jw_init(&j, reply_json(r, 200));
    if (request_has(r, "cursor"))
        paging_open_cursor(&j, r, SLICE("a=b c"), SLICE(""));
    else
        paging_open(&j, r, &p, COUNT);
    jw_arr(&j);
    jw_end_arr(&j);
    jw_end_obj(&j);
    return ERR_NONE;
}

static const struct param params[] = {
    PAGING_PARAMS,
    {"search", IN_QUERY, .type = PARAM_STR},
    {"cursor", IN_QUERY, .type = PARAM_STR},
    {0},
};

static const struct route rows[] = {
    {HTTP_GET, "/api/papers/", list, .policy = POLICY_READ,
     .envelope = ENVELOPE_DRF, .params = params},
    {0},
};

static struct net_fixture *fixture;

static int setup(void **state)
{
    (void)state;
    fixture = fixture_new(rows, NULL, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_free(fixture);
    return 0;
}

static void check(const char *target, const char *body)
{
    char request[400], *text;

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: localhost:8\r\n\r\n", target);
    text = fixture_talk(fixture, request);
    assert_string_equal(reply_body(text), body);
    free(text);
}

#define U "\"http://localhost:8/api/papers/"

static void test_pages(void **state)
{
    (void)state;
    check("/api/papers/", "{\"count\":50,\"next\":" U "?page=2\","
                          "\"previous\":null,\"results\":[]}");
    check("/api/papers/?page=2", "{\"count\":50,\"next\":" U "?page=3\","
                                 "\"previous\":" U "\",\"results\":[]}");
    check("/api/papers/?page=3", "{\"count\":50,\"next\":null,"
                                 "\"previous\":" U "?page=2\",\"results\":[]}");
    check("/api/papers/?page=2&page_size=10",
          "{\"count\":50,\"next\":" U "?page=3&page_size=10\",\"previous\":" U
          "?page_size=10\",\"results\":[]}");
    check("/api/papers/?search=%22a+b%22&page_size=50",
          "{\"count\":50,\"next\":null,\"previous\":null,\"results\":[]}");
    check("/api/papers/?search=%22a%20b%22",
          "{\"count\":50,\"next\":" U "?page=2&search=%22a+b%22\","
          "\"previous\":null,\"results\":[]}");
    check("/api/papers/?page=4", "{\"detail\":\"Invalid page.\"}");
}

static void test_path_as_sent(void **state)
{
    (void)state;
    check("/api/papers", "{\"count\":50,\"next\":"
                         "\"http://localhost:8/api/papers?page=2\","
                         "\"previous\":null,\"results\":[]}");
}

static void test_cursor(void **state)
{
    (void)state;
    check("/api/papers/?cursor=x&page_size=5",
          "{\"count\":null,\"next\":" U "?cursor=a%3Db+c&page_size=5\","
          "\"previous\":null,\"results\":[]}");
}

static void test_first_page_of_nothing(void **state)
{
    struct page first = {1, 20, 0}, second = {2, 20, 20};
    struct err e;

    (void)state;
    assert_int_equal(paging_check(&first, 0, &e), ERR_NONE);
    assert_int_equal(paging_check(&second, 20, &e), ERR_NOT_FOUND);
    assert_int_equal(paging_check(&second, 21, &e), ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_path_as_sent),
        cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_first_page_of_nothing),
    };

    log_setup(LOG_OFF, false);
    return cmocka_run_group_tests_name("paging", tests, setup, teardown);
}
