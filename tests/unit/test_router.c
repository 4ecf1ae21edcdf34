/* test_router.c - routes, parameter checks with their messages, and policies,
 * each asked over a real connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "net_fixture.h"

/* Answers with what it was given, so that the test can see it. */
static enum err_code show(struct request *r, struct err *e)
{
    const struct param *p;
    struct slice bytes, filename;
    struct jw j;

    (void)e;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kstr(&j, "pattern", r->route->pattern);
    jw_kslice(&j, "base", r->base_url);
    jw_kslice(&j, "client", r->client);
    jw_kbool(&j, "authorized", r->authorized);
    for (p = r->route->params; p && p->name; p++) {
        if (!request_has(r, p->name))
            continue;
        jw_key(&j, p->name);
        switch (p->type) {
        case PARAM_INT:
            jw_int(&j, request_int(r, p->name));
            break;
        case PARAM_NUM:
            jw_double(&j, request_num(r, p->name));
            break;
        case PARAM_BOOL:
            jw_bool(&j, request_bool(r, p->name));
            break;
        case PARAM_TIME:
            jw_time(&j, request_time(r, p->name));
            break;
        case PARAM_LIST:
        case PARAM_JSON:
            jw_value(&j, request_value(r, p->name));
            break;
        case PARAM_FILE:
            bytes = request_file(r, p->name, &filename);
            jw_arr(&j);
            jw_slice(&j, filename);
            jw_slice(&j, bytes);
            jw_end_arr(&j);
            break;
        default:
            jw_slice(&j, request_str(r, p->name));
            break;
        }
    }
    jw_end_obj(&j);
    return ERR_NONE;
}

/* Answers with the body's digest. */
static enum err_code digest(struct request *r, struct err *e)
{
    uint8_t sha256[32];
    char hex[65];

    (void)e;
    request_digest(r, sha256);
    crypto_hex(hex, sha256, sizeof(sha256));
    buf_add_str(reply_text(r, 200, "text/plain"), hex);
    return ERR_NONE;
}

static enum err_code fails(struct request *r, struct err *e)
{
    static const enum err_code codes[] = {
        ERR_INVALID,  ERR_UNAUTHORIZED, ERR_FORBIDDEN,     ERR_NOT_FOUND,
        ERR_CONFLICT, ERR_TOO_LARGE,    ERR_UNPROCESSABLE, ERR_LIMIT,
        ERR_INTERNAL, ERR_UNAVAILABLE,  ERR_TIMEOUT,       ERR_NO_SPACE,
    };

    return err_set(e, codes[request_int(r, "code")], "the message");
}

static const char *const colours[] = {"red", "green", "blue", NULL};

static const struct param query_params[] = {
    {"page_size", IN_QUERY, PARAM_INT, .min = 1, .max = 100, .dflt = "20"},
    {"score", IN_QUERY, PARAM_NUM, .min = 0, .max = 1},
    {"flag", IN_QUERY, .type = PARAM_BOOL},
    {"after", IN_QUERY, .type = PARAM_TIME},
    {"colour", IN_QUERY, PARAM_ENUM, .choices = colours},
    {"word", IN_QUERY, PARAM_STR, .min = 1, .max = 5},
    {0},
};
static const struct param body_params[] = {
    {"title", IN_BODY, PARAM_STR, .required = true, .min = 1, .max = 50},
    {"days", IN_BODY, PARAM_INT, .min = 1, .max = 365, .dflt = "7"},
    {"ratio", IN_BODY, .type = PARAM_NUM},
    {"deep", IN_BODY, .type = PARAM_BOOL},
    {"tags", IN_BODY, PARAM_LIST, .max = 2},
    {"metadata", IN_BODY, .type = PARAM_JSON},
    {0},
};
static const struct param form_params[] = {
    {"file", IN_BODY, PARAM_FILE, .required = true},
    {"title", IN_BODY, PARAM_STR, .min = 1, .max = 5},
    {"days", IN_BODY, PARAM_INT, .min = 1, .max = 365, .dflt = "7"},
    {"metadata", IN_BODY, .type = PARAM_JSON},
    {0},
};
static const struct param id_params[] = {
    {"id", IN_PATH, PARAM_INT, .min = 1, .max = 1e9}, {0}};
static const struct param job_params[] = {{"id", IN_PATH, .type = PARAM_STR},
                                          {0}};
static const struct param code_params[] = {
    {"code", IN_QUERY, PARAM_INT, .dflt = "0"}, {0}};

static const struct param rest_params[] = {
    {"rest", IN_PATH, PARAM_STR, .min = 1, .max = 40}, {0}};

static const struct route rows[] = {
    {HTTP_GET, "/api/papers/", show, .policy = POLICY_READ,
     .envelope = ENVELOPE_DRF, .params = query_params},
    {HTTP_GET, "/api/papers/{id}/", show, .policy = POLICY_READ,
     .envelope = ENVELOPE_DRF, .params = id_params},
    {HTTP_DELETE, "/api/papers/{id}/", show, .policy = POLICY_WRITE,
     .envelope = ENVELOPE_DRF, .params = id_params},
    {HTTP_GET, "/api/papers/export/", show, .policy = POLICY_READ,
     .envelope = ENVELOPE_DRF},
    {HTTP_GET, "/query", show, .policy = POLICY_READ, .params = query_params},
    {HTTP_GET, "/jobs/{id}", show, .policy = POLICY_READ, .params = job_params},
    {HTTP_POST, "/scrape", show, .policy = POLICY_WRITE, .params = body_params},
    {HTTP_POST, "/form", show, .policy = POLICY_WRITE, .params = form_params,
     .form_body = true},
    {HTTP_POST, "/digest", digest, .policy = POLICY_WRITE,
     .params = form_params, .form_body = true},
    {HTTP_GET, "/admin", show, .policy = POLICY_ADMIN},
    {HTTP_POST, "/hook", show, .policy = POLICY_WEBHOOK,
     .envelope = ENVELOPE_DRF, .raw_body = true},
    {HTTP_GET, "/public", show, .policy = POLICY_PUBLIC, .run = ON_LOOP},
    {HTTP_GET, "/open", show, .policy = POLICY_READ, .open_query = true},
    {HTTP_GET, "/fails", fails, .policy = POLICY_READ, .params = code_params},
    {HTTP_GET, "/", show, .policy = POLICY_READ},
    {HTTP_GET, "/files/{rest...}", show, .policy = POLICY_READ,
     .params = rest_params},
    {HTTP_GET, "/files/{id}/parts/", show, .policy = POLICY_READ,
     .params = job_params},
    {HTTP_GET, "/files/list", show, .policy = POLICY_READ},
    {0},
};

static struct net_fixture *fixture;

static int setup(void **state)
{
    struct router_options ro = {.local_only = true,
                                .admin_token = "the-token",
                                .webhook_secret = "the-secret",
                                .allowed_origins = "https://friend.example"};

    (void)state;
    fixture = fixture_new(rows, NULL, &ro, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_free(fixture);
    return 0;
}

/* "GET /x", extra header lines (each with CRLF), body. */
static char *ask_of(struct net_fixture *f, const char *line,
                    const char *headers, const char *body)
{
    struct buf b;
    char *text;

    buf_init(&b, 1 << 20);
    buf_printf(&b, "%s HTTP/1.1\r\n%s%s", line,
               strncmp(headers, "Host:", 5) == 0 ? "" : "Host: localhost\r\n",
               headers);
    if (body)
        buf_printf(&b, "Content-Length: %zu\r\n", strlen(body));
    buf_printf(&b, "\r\n%s", body ? body : "");
    text = fixture_talk(f, b.p);
    buf_release(&b);
    return text;
}

static void check_of(struct net_fixture *f, const char *line,
                     const char *headers, const char *body, int status,
                     const char *part)
{
    char *text = ask_of(f, line, headers, body);

    if (reply_status(text) != status || !strstr(reply_body(text), part))
        fail_msg("%s\nwanted %d %s\ngot %s", line, status, part, text);
    free(text);
}

static void check(const char *line, int status, const char *part)
{
    check_of(fixture, line, "", NULL, status, part);
}

static void post(const char *body, int status, const char *part)
{
    check_of(fixture, "POST /scrape", "Content-Type: application/json\r\n",
             body, status, part);
}

static void test_patterns(void **state)
{
    (void)state;
    check("GET /api/papers", 200, "\"pattern\":\"/api/papers/\"");
    check("GET /api/papers/", 200, "\"pattern\":\"/api/papers/\"");
    check("GET /api/papers/17/", 200, "\"id\":17");
    check("GET /api/papers/export", 200, "/api/papers/export/");
    check("DELETE /api/papers/3", 200, "\"id\":3");
    check("GET /jobs/arxiv-1%2e5%20x", 200, "\"id\":\"arxiv-1.5 x\"");
    check("GET /", 200, "\"pattern\":\"/\"");
    check("GET /api/papers/abc/", 404, "{\"detail\":\"Not found.\"}");
    check("GET /api/papers/0/", 404, "{\"detail\":\"Not found.\"}");
    check("GET /api/papers/1/2/", 404, "{\"detail\":\"Not found.\"}");
    check("GET /api", 404, "{\"error\":\"not found\"}");
}

/* "{rest...}" takes what nothing else takes. */
static void test_tails(void **state)
{
    (void)state;
    check("GET /files/a", 200, "\"rest\":\"a\"");
    check("GET /files/a/", 200, "\"rest\":\"a\"");
    check("GET /files/a/b%20c/d.e", 200, "\"rest\":\"a/b c/d.e\"");
    check("GET /files/list", 200, "\"pattern\":\"/files/list\"");
    check("GET /files/list/a", 200, "\"rest\":\"list/a\"");
    check("GET /files/4/parts", 200, "\"id\":\"4\"");
    check("GET /files/4/parts/5", 200, "\"rest\":\"4/parts/5\"");
    check("GET /files", 404, "not found");
    check("GET /files/", 404, "not found");
    check("GET /files/a/../b", 400, "error");
    check("DELETE /files/a", 405, "allowed: GET, HEAD, OPTIONS");
    check("GET /files/12345678901234567890/12345678901234567890", 404, "");
    check("GET /nope", 404, "{\"error\":\"not found\"}");
    check("PUT /api/papers/", 405,
          "{\"detail\":\"Method \\\"PUT\\\" not allowed.\"}");
    check("PUT /query", 405, "allowed: GET, HEAD, OPTIONS");
}

static void test_options_and_allow(void **state)
{
    char *text = ask_of(fixture, "OPTIONS /api/papers/4/", "", NULL);

    (void)state;
    assert_int_equal(reply_status(text), 204);
    assert_string_equal(reply_value(text, "Allow"),
                        "GET, HEAD, DELETE, OPTIONS");
    assert_string_equal(reply_value(text, "Access-Control-Allow-Origin"), "");
    free(text);
    text = ask_of(fixture, "OPTIONS /scrape",
                  "Origin: https://friend.example\r\n"
                  "Access-Control-Request-Method: POST\r\n",
                  NULL);
    assert_string_equal(reply_value(text, "Access-Control-Allow-Origin"),
                        "https://friend.example");
    assert_non_null(
        strstr(reply_value(text, "Access-Control-Allow-Methods"), "POST"));
    assert_string_equal(reply_value(text, "Vary"), "Origin");
    free(text);
    text = ask_of(fixture, "OPTIONS /public", "", NULL);
    assert_string_equal(reply_value(text, "Access-Control-Allow-Origin"), "*");
    free(text);
}

static void test_query_params(void **state)
{
    (void)state;
    check("GET /query", 200, "\"page_size\":20");
    check("GET /query?page_size=7&flag=1&score=0.5&colour=red", 200,
          "\"page_size\":7,\"score\":0.5,\"flag\":true,\"colour\":\"red\"");
    check("GET /query?after=2025-11-03", 200,
          "\"after\":\"2025-11-03T00:00:00Z\"");
    check("GET /query?word=a+b%2B", 200, "\"word\":\"a b+\"");
    check("GET /query?word=%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9", 200, "word");
    check("GET /query?page_size=0", 400,
          "{\"error\":\"\\\"page_size\\\" must be between 1 and 100\","
          "\"detail\":{\"field\":\"page_size\"}}");
    check("GET /query?page_size=x", 400, "must be a whole number");
    check("GET /query?page_size=99999999999999999999", 400, "whole number");
    check("GET /query?pagesize=5", 400,
          "unknown parameter \\\"pagesize\\\"; did you mean "
          "\\\"page_size\\\"?");
    check("GET /query?zzzzzz=5", 400, "unknown parameter \\\"zzzzzz\\\"\"");
    check("GET /query?flag=maybe", 400, "must be true or false");
    check("GET /query?score=1.5", 400, "between 0 and 1");
    check("GET /query?score=nan", 400, "must be a number");
    check("GET /query?after=yesterday", 400, "2025-11-03");
    check("GET /query?colour=gren", 400,
          "must be one of red, green, blue; did you mean \\\"green\\\"?");
    check("GET /query?word=", 400, "must not be empty");
    check("GET /query?word=abcdef", 400, "at most 5 characters");
    check("GET /query?word=a&word=b", 400, "given twice");
    check("GET /query?word=%zz", 400, "percent-escape");
    check("GET /query?word=%ff", 400, "UTF-8");
    check("GET /query?word=%00", 400, "NUL");
    check("GET /api/papers/?pagesize=5", 400, "{\"detail\":\"unknown");
    check("GET /open?any=thing", 200, "pattern");
}

static void test_body_params(void **state)
{
    (void)state;
    post("{\"title\":\"a\"}", 200, "\"title\":\"a\",\"days\":7");
    post("{\"title\":\"a\",\"days\":30,\"ratio\":0.5,\"deep\":true,"
         "\"tags\":[\"x\"],\"metadata\":{\"k\":1}}",
         200, "\"tags\":[\"x\"],\"metadata\":{\"k\":1}");
    post("{\"title\":\"a\",\"days\":null}", 200, "\"days\":7");
    post("{}", 400, "\\\"title\\\" is required");
    post("", 400, "\\\"title\\\" is required");
    check_of(fixture, "POST /scrape", "", NULL, 411, "body");
    post("[]", 400, "must be a JSON object");
    post("{\"title\":\"a\"", 400, "line 1");
    post("{\"title\":\"\xff\"}", 400, "UTF-8");
    post("{\"title\":5}", 400, "\\\"title\\\" must be a string");
    post("{\"title\":\"a\",\"days\":\"7\"}", 400, "must be a whole number");
    post("{\"title\":\"a\",\"days\":7.5}", 400, "must be a whole number");
    post("{\"title\":\"a\",\"days\":0}", 400, "between 1 and 365");
    post("{\"title\":\"a\",\"deep\":1}", 400, "must be true or false");
    post("{\"title\":\"a\",\"tags\":[1]}", 400, "list of strings");
    post("{\"title\":\"a\",\"tags\":[\"1\",\"2\",\"3\"]}", 400,
         "at most 2 items");
    post("{\"title\":\"a\",\"metadata\":[]}", 400, "must be an object");
    post("{\"titel\":\"a\"}", 400, "did you mean \\\"title\\\"?");
    check_of(fixture, "POST /scrape", "Content-Type: text/plain\r\n",
             "{\"title\":\"a\"}", 415, "application/json");
    check_of(fixture, "POST /scrape", "", "{\"title\":\"a\"}", 415, "JSON");
    check_of(fixture, "POST /scrape",
             "Content-Type: application/json; charset=latin1\r\n",
             "{\"title\":\"a\"}", 415, "JSON");
    check_of(fixture, "POST /scrape",
             "Content-Type: application/x+json; charset=\"UTF-8\"\r\n",
             "{\"title\":\"a\"}", 200, "title");
}

#define FIELD(name, more, value)                                               \
    "--x\r\nContent-Disposition: form-data; name=\"" name "\"" more            \
    "\r\n\r\n" value "\r\n"
#define FILE_PART FIELD("file", "; filename=\"a.md\"", "# A\r\n")

static void post_form(const char *body, int status, const char *part)
{
    check_of(fixture, "POST /form",
             "Content-Type: multipart/form-data; boundary=x\r\n", body, status,
             part);
}

static void test_form_params(void **state)
{
    (void)state;
    post_form(FILE_PART "--x--", 200,
              "\"file\":[\"a.md\",\"# A\\r\\n\"],\"days\":7");
    post_form(FIELD("file", "", "") "--x--", 200, "\"file\":[\"\",\"\"]");
    post_form(FIELD("title", "", "T") FIELD("days", "", "30")
                  FIELD("metadata", "", "{\"k\":[1]}") FILE_PART "--x--",
              200, "\"title\":\"T\",\"days\":30,\"metadata\":{\"k\":[1]}");
    post_form(FIELD("title", "", "") FILE_PART "--x--", 200, "\"days\":7");
    post_form("--x--", 400, "\\\"file\\\" is required");
    post_form(FILE_PART, 400, "malformed form data");
    post_form(FILE_PART FILE_PART "--x--", 400, "\\\"file\\\" is given twice");
    post_form(FIELD("titel", "", "T") FILE_PART "--x--", 400,
              "did you mean \\\"title\\\"?");
    post_form(FIELD("title", "", "too long") FILE_PART "--x--", 400,
              "5 characters");
    post_form(FIELD("title", "", "\xff") FILE_PART "--x--", 400, "UTF-8");
    post_form(FIELD("title", "; filename=\"t\"", "T") FILE_PART "--x--", 400,
              "not a file");
    post_form(FIELD("days", "", "7.5") FILE_PART "--x--", 400, "whole number");
    post_form(FIELD("metadata", "", "[]") FILE_PART "--x--", 400, "an object");
    post_form(FIELD("metadata", "", "{") FILE_PART "--x--", 400,
              "\\\"metadata\\\" is no JSON");
    check_of(fixture, "POST /form", "Content-Type: application/json\r\n", "{}",
             415, "multipart/form-data");
    check_of(fixture, "POST /form", "Content-Type: multipart/form-data\r\n",
             "--x--", 400, "boundary");
    check_of(fixture, "POST /scrape",
             "Content-Type: multipart/form-data; boundary=x\r\n", "--x--", 415,
             "JSON");
}

static char *digest_of(const char *boundary, const char *filename,
                       const char *bytes)
{
    char type[100], body[300], *text, *hex;

    snprintf(type, sizeof(type),
             "Content-Type: multipart/form-data; boundary=%s\r\n", boundary);
    snprintf(body, sizeof(body),
             "--%s\r\nContent-Disposition: form-data; name=\"file\"; "
             "filename=\"%s\"\r\n\r\n%s\r\n--%s--",
             boundary, filename, bytes, boundary);
    text = ask_of(fixture, "POST /digest", type, body);
    assert_int_equal(reply_status(text), 200);
    hex = strdup(reply_body(text));
    free(text);
    return hex;
}

/* A form that is sent again has another boundary, but says the same. */
static void test_digest_of_forms(void **state)
{
    char *one = digest_of("x", "a", "1"), *again = digest_of("yy", "a", "1"),
         *name = digest_of("x", "b", "1"), *bytes = digest_of("x", "a", "2");

    (void)state;
    assert_string_equal(one, again);
    assert_string_not_equal(one, name);
    assert_string_not_equal(one, bytes);
    free(one);
    free(again);
    free(name);
    free(bytes);
}

static void test_statuses_of_errors(void **state)
{
    static const int wanted[] = {400, 401, 403, 404, 409, 413,
                                 422, 429, 500, 503, 504, 507};
    char line[40];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        snprintf(line, sizeof(line), "GET /fails?code=%zu", i);
        check(line, wanted[i], wanted[i] < 500 ? "the message" : "error_id");
    }
}

static void test_host(void **state)
{
    (void)state;
    check_of(fixture, "GET /query", "Host: 127.0.0.1:1\r\n", NULL, 200, "");
    check_of(fixture, "GET /query", "Host: [::1]\r\n", NULL, 200,
             "\"base\":\"http://[::1]\"");
    check_of(fixture, "GET /query", "Host: a.localhost\r\n", NULL, 200, "");
    check_of(fixture, "GET /query", "Host: evil.example\r\n", NULL, 403,
             "evil.example");
    check_of(fixture, "GET /public", "Host: evil.example\r\n", NULL, 403, "");
    check_of(fixture, "GET /query", "Host: 192.168.1.2\r\n", NULL, 403, "");
    check_of(fixture, "GET /query", "Host: localhost.evil.example\r\n", NULL,
             403, "");
    check_of(fixture, "GET http://evil.example/query", "", NULL, 403, "");
}

static void test_origin(void **state)
{
    const char *json = "Content-Type: application/json\r\n";
    char headers[200];
    static const struct {
        const char *origin;
        int status;
    } cases[] = {
        {"http://localhost", 200},       {"http://localhost:99", 403},
        {"https://friend.example", 200}, {"https://friend.example.evil", 403},
        {"http://evil.example", 403},    {"null", 403}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(headers, sizeof(headers), "Origin: %s\r\n%s", cases[i].origin,
                 json);
        check_of(fixture, "POST /scrape", headers, "{\"title\":\"a\"}",
                 cases[i].status, "");
        check_of(fixture, "GET /admin", headers, NULL, cases[i].status, "");
        check_of(fixture, "GET /query", headers, NULL, 200, "");
    }
}

static void test_token_behind_a_proxy(void **state)
{
    static const char *const signs[] = {
        "Forwarded: for=1.2.3.4\r\n", "X-Forwarded-For: 1.2.3.4\r\n",
        "x-forwarded-proto: https\r\n", "X-Real-IP: 1.2.3.4\r\n"};
    char headers[200], *text;
    size_t i;

    (void)state;
    check("GET /admin", 200, "\"authorized\":false");
    for (i = 0; i < 4; i++) {
        check_of(fixture, "GET /admin", signs[i], NULL, 401, "sheaf token");
        check_of(fixture, "GET /query", signs[i], NULL, 200, "");
        snprintf(headers, sizeof(headers),
                 "%sAuthorization: Bearer the-token\r\n", signs[i]);
        check_of(fixture, "GET /admin", headers, NULL, 200,
                 "\"authorized\":true");
    }
    text = ask_of(fixture, "GET /admin", signs[0], NULL);
    assert_string_equal(reply_value(text, "WWW-Authenticate"), "Bearer");
    free(text);
}

static void test_webhook_secret(void **state)
{
    static const char *const wrong[] = {"",
                                        "Authorization: Bearer the-secre\r\n",
                                        "Authorization: Bearer the-secret2\r\n",
                                        "Authorization: Bearer the-token\r\n",
                                        "Authorization: Basic the-secret\r\n",
                                        "Authorization: Bearer the-secret\r\n"
                                        "Authorization: Bearer the-secret\r\n"};
    size_t i;

    (void)state;
    check_of(fixture, "POST /hook", "Authorization: Bearer the-secret\r\n",
             "{}", 200, "");
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        check_of(fixture, "POST /hook", wrong[i], "{}", 401,
                 "{\"error\":\"Invalid signature\"}");
}

static void test_session(void **state)
{
    const char *proxied = "X-Forwarded-For: 1.2.3.4\r\n";
    const char *json = "Content-Type: application/json\r\n"
                       "X-Forwarded-For: 1.2.3.4\r\n";
    char headers[400], cookie[200], *text;

    (void)state;
    check_of(fixture, "GET /session", proxied, NULL, 200,
             "{\"authorized\":false,\"required\":true,\"services\":[]}");
    check("GET /session", 200,
          "{\"authorized\":false,\"required\":false,\"services\":[]}");
    check_of(fixture, "POST /login", json, "{\"token\":\"wrong\"}", 401, "");
    text = ask_of(fixture, "POST /login", json, "{\"token\":\"the-token\"}");
    assert_int_equal(reply_status(text), 200);
    assert_non_null(strstr(reply_value(text, "Set-Cookie"),
                           "; Path=/; Max-Age=2592000; HttpOnly; "
                           "SameSite=Strict"));
    assert_null(strstr(text, "the-token"));
    snprintf(cookie, sizeof(cookie), "%.*s",
             (int)strcspn(reply_value(text, "Set-Cookie"), ";"),
             reply_value(text, "Set-Cookie"));
    free(text);
    snprintf(headers, sizeof(headers), "Cookie: a=b; %s\r\n%s", cookie,
             proxied);
    check_of(fixture, "GET /admin", headers, NULL, 200, "\"authorized\":true");
    cookie[strlen(cookie) - 1] ^= 1;
    snprintf(headers, sizeof(headers), "Cookie: %s\r\n%s", cookie, proxied);
    check_of(fixture, "GET /admin", headers, NULL, 401, "");
    snprintf(headers, sizeof(headers), "Origin: http://evil.example\r\n%s",
             json);
    check_of(fixture, "POST /login", headers, "{\"token\":\"the-token\"}", 403,
             "");
    text = ask_of(fixture, "POST /logout", proxied, NULL);
    assert_non_null(strstr(reply_value(text, "Set-Cookie"), "Max-Age=0"));
    free(text);
}

static void test_public_url(void **state)
{
    struct router_options ro = {.local_only = true,
                                .public_url = "https://desk.example/",
                                .admin_token = "t",
                                .trusted_proxies = "127.0.0.0/8, 10.0.0.1"};
    struct net_fixture *f = fixture_new(rows, NULL, &ro, NULL);

    (void)state;
    check_of(f, "GET /query", "Host: desk.example\r\n", NULL, 200,
             "\"base\":\"https://desk.example\"");
    check_of(f, "GET /query", "Host: other.example\r\n", NULL, 403, "");
    check_of(f, "GET /admin", "Host: desk.example\r\n", NULL, 401, "");
    check_of(f, "GET /admin",
             "Host: x.localhost\r\nOrigin: https://desk.example\r\n"
             "Authorization: Bearer t\r\n",
             NULL, 200, "");
    check_of(f, "GET /query", "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.1\r\n",
             NULL, 200, "\"client\":\"1.2.3.4\"");
    check_of(f, "GET /query", "X-Forwarded-For: 6.6.6.6, nonsense\r\n", NULL,
             200, "\"client\":\"127.0.0.1\"");
    check_of(f, "POST /login", "Content-Type: application/json\r\n",
             "{\"token\":\"t\"}", 200, "");
    fixture_free(f);
}

static void test_untrusted_forwarding(void **state)
{
    struct router_options ro = {.local_only = true};
    struct net_fixture *f = fixture_new(rows, NULL, &ro, NULL);

    (void)state;
    check_of(f, "GET /query",
             "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n"
             "X-Forwarded-Host: evil.example\r\n",
             NULL, 200,
             "\"base\":\"http://localhost\",\"client\":\"127.0.0.1\"");
    fixture_free(f);
    ro.trusted_proxies = "127.0.0.1";
    f = fixture_new(rows, NULL, &ro, NULL);
    check_of(f, "GET /query",
             "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n", NULL,
             200, "\"base\":\"https://localhost\",\"client\":\"1.2.3.4\"");
    fixture_free(f);
}

static void test_private_reads(void **state)
{
    struct router_options ro = {
        .local_only = true, .private_reads = true, .admin_token = "t"};
    struct net_fixture *f = fixture_new(rows, NULL, &ro, NULL);

    (void)state;
    check_of(f, "GET /query", "", NULL, 401, "");
    check_of(f, "GET /public", "", NULL, 200, "");
    check_of(f, "GET /query", "Authorization: Bearer t\r\n", NULL, 200, "");
    fixture_free(f);
}

static void test_listening_to_the_network(void **state)
{
    struct router_options ro = {.local_only = false, .admin_token = "t"};
    struct net_fixture *f = fixture_new(rows, NULL, &ro, NULL);
    int i;

    (void)state;
    check_of(f, "GET /query", "Host: any.example\r\n", NULL, 200, "");
    check_of(f, "GET /admin", "Host: any.example\r\n", NULL, 401, "");
    for (i = 0; i < 10; i++) /* guessing is slow */
        check_of(f, "GET /admin", "Authorization: Bearer x\r\n", NULL, 401, "");
    check_of(f, "GET /admin", "Authorization: Bearer t\r\n", NULL, 429, "");
    fixture_free(f);
}

static void test_bad_options(void **state)
{
    static const struct router_options bad[] = {
        {.public_url = "desk.example"},
        {.public_url = "ftp://desk.example"},
        {.public_url = "https://desk.example?x"},
        {.allowed_origins = "*"},
        {.allowed_origins = "https://a.example/path"},
        {.trusted_proxies = "10.0.0.0/33"},
        {.trusted_proxies = "proxy.example"},
    };
    struct err e;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        e.code = ERR_NONE;
        assert_null(router_new(&bad[i], &e));
        assert_int_equal(e.code, ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_tails),
        cmocka_unit_test(test_options_and_allow),
        cmocka_unit_test(test_query_params),
        cmocka_unit_test(test_body_params),
        cmocka_unit_test(test_form_params),
        cmocka_unit_test(test_digest_of_forms),
        cmocka_unit_test(test_statuses_of_errors),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_token_behind_a_proxy),
        cmocka_unit_test(test_webhook_secret),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_public_url),
        cmocka_unit_test(test_untrusted_forwarding),
        cmocka_unit_test(test_private_reads),
        cmocka_unit_test(test_listening_to_the_network),
        cmocka_unit_test(test_bad_options),
    };

    log_setup(LOG_OFF, false);
    return cmocka_run_group_tests_name("router", tests, setup, teardown);
}
