/* test_openapi.c - the description made from the route table, and its page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"
#include "net_fixture.h"

static enum err_code nothing(struct request *r, struct err *e)
{
    (void)e;
    reply_empty(r, 204);
    return ERR_NONE;
}

static const char *const kinds[] = {"new", "old", NULL};

static const struct param params[] = {
    {"id", IN_PATH, PARAM_INT, .min = 1, .max = 9, .example = "4",
     .doc = "Which one."},
    {"kind", IN_QUERY, PARAM_ENUM, .choices = kinds, .dflt = "new"},
    {"title", IN_BODY, PARAM_STR, .required = true, .max = 80, .example = "T"},
    {"tags", IN_BODY, PARAM_LIST, .max = 10, .example = "[\"a\"]"},
    {0},
};

static const struct param tail_params[] = {{"path", IN_PATH, .type = PARAM_STR},
                                           {0}};

static const struct param form_params[] = {
    {"file", IN_BODY, PARAM_FILE, .required = true}, {0}};

static const struct route rows[] = {
    {HTTP_POST, "/things/{id}/", nothing, .policy = POLICY_WRITE,
     .envelope = ENVELOPE_DRF, .params = params, .tag = "Things",
     .summary = "Change a thing", .doc = "More about it.", .status = 202,
     .schema = "Health", .returns = "{\"id\":4}"},
    {HTTP_GET, "/things/{id}/", nothing, .policy = POLICY_READ,
     .params = params, .tag = "Things", .summary = "A thing",
     .schema = "Health", .unready_schema = "Readiness"},
    {HTTP_POST, "/form", nothing, .policy = POLICY_WRITE, .params = form_params,
     .form_body = true, .summary = "A form",
     .media = "text/csv application/jsonl"},
    {HTTP_POST, "/hook", nothing, .policy = POLICY_WEBHOOK, .raw_body = true,
     .summary = "Hook", .schema = "Health", .returns = "no JSON at all"},
    {HTTP_GET, "/files/{path...}", nothing, .policy = POLICY_READ,
     .params = tail_params, .summary = "A file"},
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

static const json_t *at(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    if (!v)
        fail_msg("no \"%s\"", key);
    return v;
}

static void is_text(const json_t *o, const char *key, const char *wanted)
{
    assert_string_equal(json_string_value(at(o, key)), wanted);
}

static json_t *fetch(void)
{
    char *text = fixture_talk(fixture, "GET /openapi.json HTTP/1.1\r\n"
                                       "Host: localhost\r\n\r\n");
    json_t *doc = NULL;
    struct err e;

    assert_int_equal(reply_status(text), 200);
    assert_int_equal(json_parse(&doc, slice_of(reply_body(text)), &e),
                     ERR_NONE);
    free(text);
    return doc;
}

static void test_operation(void **state)
{
    json_t *doc = fetch();
    const json_t *post = at(at(at(doc, "paths"), "/things/{id}/"), "post");
    const json_t *list = at(post, "parameters"), *body, *p;

    (void)state;
    is_text(doc, "openapi", "3.1.0");
    is_text(post, "operationId", "post_things_id");
    is_text(post, "summary", "Change a thing");
    is_text(post, "x-policy", "write");
    assert_int_equal(json_array_size(list), 2);
    p = json_array_get(list, 0);
    is_text(p, "in", "path");
    assert_true(json_is_true(at(p, "required")));
    assert_int_equal(json_integer_value(at(p, "example")), 4);
    assert_int_equal(json_integer_value(at(at(p, "schema"), "maximum")), 9);
    p = json_array_get(list, 1);
    assert_int_equal(json_array_size(at(at(p, "schema"), "enum")), 2);
    is_text(at(p, "schema"), "default", "new");
    body = at(at(at(at(post, "requestBody"), "content"), "application/json"),
              "schema");
    assert_int_equal(json_array_size(at(body, "required")), 1);
    is_text(at(at(body, "properties"), "title"), "type", "string");
    assert_true(
        json_is_array(at(at(at(body, "properties"), "tags"), "example")));
    json_decref(doc);
}

static const json_t *json_reply(const json_t *operation, const char *status)
{
    return at(at(at(at(operation, "responses"), status), "content"),
              "application/json");
}

static void is_reference(const json_t *reply, const char *wanted)
{
    is_text(at(reply, "schema"), "$ref", wanted);
}

static void test_replies(void **state)
{
    json_t *doc = fetch();
    const json_t *thing = at(at(doc, "paths"), "/things/{id}/"), *content,
                 *post = at(thing, "post"), *get = at(thing, "get");

    (void)state;
    is_reference(json_reply(post, "202"), "#/components/schemas/Health");
    assert_int_equal(
        json_integer_value(at(at(json_reply(post, "202"), "example"), "id")),
        4);
    is_reference(json_reply(post, "400"), "#/components/schemas/Detail");
    is_reference(json_reply(post, "404"), "#/components/schemas/Detail");
    is_reference(json_reply(post, "413"), "#/components/schemas/Detail");
    is_reference(json_reply(post, "503"), "#/components/schemas/Detail");
    is_reference(json_reply(post, "default"), "#/components/schemas/Detail");
    is_reference(json_reply(get, "503"), "#/components/schemas/Readiness");
    content = at(
        at(at(at(at(at(doc, "paths"), "/form"), "post"), "responses"), "200"),
        "content");
    assert_int_equal(json_object_size(content), 2);
    is_text(at(at(content, "text/csv"), "schema"), "type", "string");
    is_text(at(at(content, "application/jsonl"), "schema"), "type", "string");
    /* What is no JSON is left out, not written into it. */
    post = json_reply(at(at(at(doc, "paths"), "/hook"), "post"), "200");
    is_reference(post, "#/components/schemas/Health");
    assert_null(json_object_get(post, "example"));
    json_decref(doc);
}

static void test_tail(void **state)
{
    json_t *doc = fetch();
    const json_t *get = at(at(at(doc, "paths"), "/files/{path}"), "get");

    (void)state;
    is_text(get, "operationId", "get_files_path");
    is_text(json_array_get(at(get, "parameters"), 0), "name", "path");
    assert_true(json_is_true(
        at(json_array_get(at(get, "parameters"), 0), "x-slashes")));
    get = at(at(at(doc, "paths"), "/things/{id}/"), "get");
    assert_null(
        json_object_get(json_array_get(at(get, "parameters"), 0), "x-slashes"));
    json_decref(doc);
}

static void test_form(void **state)
{
    json_t *doc = fetch();
    const json_t *post = at(at(at(doc, "paths"), "/form"), "post"),
                 *schema = at(at(at(at(post, "requestBody"), "content"),
                                 "multipart/form-data"),
                              "schema");

    (void)state;
    is_text(at(at(schema, "properties"), "file"), "format", "binary");
    json_decref(doc);
}

static void test_references_resolve(void **state)
{
    json_t *doc = fetch();
    const json_t *parts = at(doc, "components");

    (void)state;
    (void)at(at(parts, "schemas"), "Error");
    (void)at(at(parts, "schemas"), "Detail");
    (void)at(at(parts, "securitySchemes"), "token");
    (void)at(at(parts, "securitySchemes"), "session");
    (void)at(at(parts, "securitySchemes"), "webhook");
    (void)at(at(at(at(doc, "paths"), "/hook"), "post"), "responses");
    json_decref(doc);
}

static void check_page(const char *path, const char *type)
{
    char *text, request[100] = "GET ";

    strncat(request, path, 30);
    strncat(request, " HTTP/1.1\r\nHost: localhost\r\n\r\n", 60);
    text = fixture_talk(fixture, request);
    assert_int_equal(reply_status(text), 200);
    assert_non_null(strstr(reply_value(text, "Content-Type"), type));
    assert_non_null(strstr(reply_value(text, "Content-Security-Policy"),
                           "default-src 'none'; script-src 'self'"));
    /* Offline: nothing from elsewhere, and nothing inline for the policy. */
    assert_null(strstr(reply_body(text), "http://"));
    assert_null(strstr(reply_body(text), "https://"));
    assert_null(strstr(reply_body(text), "style="));
    assert_null(strstr(reply_body(text), "onclick=\""));
    free(text);
}

static void test_page(void **state)
{
    (void)state;
    check_page("/docs", "text/html");
    check_page("/docs/docs.css", "text/css");
    check_page("/docs/docs.js", "text/javascript");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operation),
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_references_resolve),
        cmocka_unit_test(test_page),
    };

    log_setup(LOG_OFF, false);
    return cmocka_run_group_tests_name("openapi", tests, setup, teardown);
}
