/* test_webhook_in.c - signatures, and what is taken from the body of a call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/webhook_payload.h"
#include "backend/webhook_verify.h"
#include "base/clock.h"
#include "base/crypto.h"

#define NOW (INT64_C(1762200000) * US_PER_S)

static struct arena *arena;
static struct webhook_in call;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    call = (struct webhook_in){0};
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

#define assert_slice(s, want)                                                  \
    do {                                                                       \
        struct slice got_ = (s);                                               \
        if (!slice_is(got_, want))                                             \
            fail_msg("'%.*s' is not '%s'", SLICE_ARG(got_), want);             \
    } while (0)

/* ---- signatures ---- */

/* The example of the Standard Webhooks specification's reference libraries. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define STAMP "1614265330"
#define BODY "{\"test\": 2432232314}"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define THEN (INT64_C(1614265330) * US_PER_S)

static bool verify(const char *id, const char *stamp, const char *signatures,
                   int64_t now_us)
{
    struct webhook_secret secret;
    struct webhook_headers h = {slice_of(id), slice_of(stamp),
                                slice_of(signatures)};

    assert_int_equal(webhook_secret_parse(&secret, SECRET, NULL), ERR_NONE);
    return webhook_verify(&secret, &h, SLICE(BODY), now_us);
}

static void test_signature(void **state)
{
    (void)state;
    assert_true(verify(ID, STAMP, SIGNATURE, THEN));
    assert_true(verify(ID, STAMP, "v2,x v1,AAAA " SIGNATURE " v1a,b", THEN));
    assert_true(verify(NULL, NULL, NULL, THEN)); /* not signed at all */

    assert_false(verify("msg_x", STAMP, SIGNATURE, THEN));
    assert_false(verify(ID, "1614265331", SIGNATURE, THEN));
    assert_false(verify(ID, "01614265330", SIGNATURE, THEN));
    assert_false(verify(ID, STAMP, "v1,", THEN));
    assert_false(verify(ID, STAMP, "", THEN));
    assert_false(verify(ID, STAMP, "v1,!!!not-base64!!!", THEN));
    assert_false(verify(ID, STAMP, "v1a" SIGNATURE, THEN));
    assert_false(verify(ID, STAMP, SIGNATURE "=", THEN));
    assert_false(verify(
        ID, STAMP, "v1,h0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", THEN));
}

static void test_missing_headers(void **state)
{
    (void)state;
    assert_false(verify(NULL, STAMP, SIGNATURE, THEN));
    assert_false(verify("", STAMP, SIGNATURE, THEN));
    assert_false(verify(ID, NULL, SIGNATURE, THEN));
    assert_false(verify(ID, STAMP, NULL, THEN));
    assert_false(verify(NULL, NULL, SIGNATURE, THEN));
}

static void test_tolerance(void **state)
{
    (void)state;
    assert_true(verify(ID, STAMP, SIGNATURE, THEN + 300 * US_PER_S));
    assert_true(verify(ID, STAMP, SIGNATURE, THEN - 300 * US_PER_S));
    assert_false(verify(ID, STAMP, SIGNATURE, THEN + 301 * US_PER_S));
    assert_false(verify(ID, STAMP, SIGNATURE, THEN - 301 * US_PER_S));
    assert_false(verify(ID, "-1", SIGNATURE, THEN));
    assert_false(verify(ID, "soon", SIGNATURE, THEN));
    assert_false(verify(ID, "18446744073709551615", SIGNATURE, THEN));
}

/* Signed right, but by a sender whose repeats could not be told apart. */
static void test_empty_id(void **state)
{
    struct webhook_secret secret;
    struct webhook_headers h = {.id = SLICE(""), .timestamp = SLICE(STAMP)};
    char signature[64] = "v1,";
    uint8_t mac[32];

    (void)state;
    assert_int_equal(webhook_secret_parse(&secret, SECRET, NULL), ERR_NONE);
    crypto_hmac_sha256(mac, (struct slice){(char *)secret.key, secret.len},
                       SLICE("." STAMP "." BODY));
    crypto_base64(signature + 3, mac, sizeof(mac));
    h.signatures = slice_of(signature);
    assert_false(webhook_verify(&secret, &h, SLICE(BODY), THEN));
    h.id = SLICE("x");
    crypto_hmac_sha256(mac, (struct slice){(char *)secret.key, secret.len},
                       SLICE("x." STAMP "." BODY));
    crypto_base64(signature + 3, mac, sizeof(mac));
    assert_true(webhook_verify(&secret, &h, SLICE(BODY), THEN));
}

static void test_no_secret(void **state)
{
    struct webhook_secret none;
    struct webhook_headers h = {SLICE("x"), SLICE("y"), SLICE("z")};

    (void)state;
    assert_int_equal(webhook_secret_parse(&none, NULL, NULL), ERR_NONE);
    assert_int_equal(none.len, 0);
    assert_true(webhook_verify(&none, &h, SLICE(BODY), THEN));
}

static void test_bad_secret(void **state)
{
    static const char *const bad[] = {
        "secret", "whsec_", "whsec_!!!!",
        "whsec_c2hvcnQ=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"};
    struct webhook_secret s;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(webhook_secret_parse(&s, bad[i], &e), ERR_INVALID);
}

/* ---- bodies ---- */

static void take(const char *body)
{
    struct err e = {0};

    if (webhook_payload_read(&call, arena, slice_of(body), NOW, &e))
        fail_msg("%s: %s", body, e.msg);
}

/* The body of a call with one paper that has these members too. */
static const char *with(const char *members)
{
    return arena_printf(arena,
                        "{\"job_id\":\"arxiv-1762123331\",\"source\":\"arxiv\","
                        "\"papers\":[{\"title\":\"T\","
                        "\"url\":\"https://arxiv.org/abs/2511.01234\"%s}]}",
                        members);
}

static void refuse(const char *body, const char *field)
{
    struct webhook_in in;
    struct err e = {0};

    if (webhook_payload_read(&in, arena, slice_of(body), NOW, &e) !=
        ERR_INVALID)
        fail_msg("taken: %s", body);
    if (strcmp(e.field, field) != 0)
        fail_msg("%s: blames '%s', not '%s': %s", body, e.field, field, e.msg);
    if (*field && !strstr(e.msg, field))
        fail_msg("%s: does not name the field: %s", body, e.msg);
}

static void test_least(void **state)
{
    const struct paper *p;

    (void)state;
    take(with(""));
    p = call.papers;
    assert_int_equal(call.n_papers, 1);
    assert_slice(call.job_id, "arxiv-1762123331");
    assert_slice(call.source, "arxiv");
    assert_false(call.failed);
    assert_int_equal(call.started_at, INT64_C(1762123331) * US_PER_S);
    assert_int_equal(call.ended_at, NOW);
    assert_slice(p->title, "T");
    assert_slice(p->abstract, "");
    assert_slice(p->authors, "");
    assert_slice(p->author_list, "[]");
    assert_slice(p->url, "https://arxiv.org/abs/2511.01234");
    assert_slice(p->pdf_url, "https://arxiv.org/pdf/2511.01234");
    assert_slice(p->source, "arxiv");
    assert_slice(p->source_id, "2511.01234");
    assert_slice(p->category, "other");
    assert_slice(p->tags, "[]");
    assert_slice(p->arxiv_categories, "[]");
    assert_slice(p->relevance, "");
    assert_int_equal(p->version, 0);
    assert_int_equal(p->published_at, 0);
    assert_true(p->relevance_score == 0);
}

static void test_whole(void **state)
{
    const struct paper *p;

    (void)state;
    take("{\"job_id\":\"j\",\"source\":\"elsewhere\",\"total_papers\":1,"
         "\"timestamp\":\"2025-11-03T12:00:00Z\",\"status\":\"completed\","
         "\"started_at\":\"2025-11-03T11:00:00+01:00\",\"unknown\":{},"
         "\"papers\":[{\"title\":\" A\\n  long\\ttitle \",\"abstract\":"
         "\" Two\\nlines \",\"authors\":[\" Ann  Lee\",\"\",\"Bo \\\"X\\\"\"],"
         "\"url\":\"http://Example.org/p/7/\",\"pdf_url\":"
         "\"http://Example.org/p/7.pdf\",\"version\":3,"
         "\"published_at\":\"2025-11-01T00:00:00Z\",\"updated_at\":"
         "\"2025-11-02\",\"arxiv_categories\":[\"cs.AI\",\"68T07, 68T50\"],"
         "\"primary_category\":\"cs.AI\",\"doi\":\"10.1/x\",\"journal_ref\":"
         "\"J\",\"comment\":\"12\\n  pages\",\"category\":\"llm\","
         "\"relevance_score\":0.919,\"relevance\":{\"base\":0.5},\"tags\":"
         "[\"a\"],\"surprise\":[1]}]}");
    p = call.papers;
    assert_int_equal(call.started_at, call.ended_at - 7200 * US_PER_S);
    assert_slice(p->title, "A long title");
    assert_slice(p->abstract, "Two\nlines");
    assert_slice(p->authors, "Ann Lee, Bo \"X\"");
    assert_slice(p->author_list, "[\"Ann Lee\",\"Bo \\\"X\\\"\"]");
    assert_slice(p->url, "http://example.org/p/7");
    assert_slice(p->pdf_url, "http://example.org/p/7.pdf");
    assert_slice(p->source, "elsewhere");
    assert_slice(p->source_id, "7");
    assert_int_equal(p->version, 3);
    assert_int_equal(p->source_updated_at - p->published_at, US_PER_DAY);
    assert_slice(p->arxiv_categories, "[\"cs.AI\",\"68T07, 68T50\"]");
    assert_slice(p->comment, "12 pages");
    assert_true(p->relevance_score == 0.92);
    assert_slice(p->relevance, "{\"base\":0.5}");
}

static void test_null_is_absent(void **state)
{
    (void)state;
    take(with(",\"abstract\":null,\"authors\":null,\"version\":null,"
              "\"doi\":null,\"tags\":null,\"relevance\":null,"
              "\"relevance_score\":null,\"published_at\":null,"
              "\"category\":null,\"pdf_url\":null,\"source_id\":null"));
    assert_slice(call.papers[0].category, "other");
}

static void test_authors_as_text(void **state)
{
    (void)state;
    take(with(",\"authors\":\"Ann Lee,  Bo Wu\""));
    assert_slice(call.papers[0].author_list, "[\"Ann Lee\",\"Bo Wu\"]");
    assert_slice(call.papers[0].authors, "Ann Lee, Bo Wu");
    take(with(",\"authors\":\"Lee, Ann; Wu, Bo;\""));
    assert_slice(call.papers[0].author_list, "[\"Lee, Ann\",\"Wu, Bo\"]");
}

static void test_version_of_the_url(void **state)
{
    static const char body[] =
        "{\"job_id\":\"j\",\"source\":\"arxiv\",\"papers\":[{\"title\":\"T\","
        "\"url\":\"https://arxiv.org/pdf/2511.01234v7\",\"source_id\":"
        "\"2511.01234v7\"%s}]}";

    (void)state;
    take(arena_printf(arena, body, ""));
    assert_int_equal(call.papers[0].version, 7);
    assert_slice(call.papers[0].source_id, "2511.01234");
    assert_slice(call.papers[0].pdf_url, "https://arxiv.org/pdf/2511.01234v7");
    take(arena_printf(arena, body, ",\"version\":2"));
    assert_int_equal(call.papers[0].version, 2);
}

static void test_failed_scrape(void **state)
{
    (void)state;
    take("{\"job_id\":\"j\",\"source\":\"arxiv\",\"status\":\"failed\","
         "\"error\":\"no answer\",\"papers\":[]}");
    assert_true(call.failed);
    assert_slice(call.error, "no answer");
    take("{\"job_id\":\"j\",\"source\":\"arxiv\",\"status\":\"failed\"}");
    assert_int_equal(call.n_papers, 0);
    refuse("{\"job_id\":\"j\",\"source\":\"arxiv\",\"status\":\"failed\","
           "\"papers\":[{\"title\":\"T\",\"url\":\"http://x/y\"}]}",
           "papers");
}

static void test_wrong_call(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"{", ""},
        {"[]", ""},
        {"\"x\"", ""},
        {"{\"source\":\"a\",\"papers\":[]}", "job_id"},
        {"{\"job_id\":5,\"source\":\"a\",\"papers\":[]}", "job_id"},
        {"{\"job_id\":\" \",\"source\":\"a\",\"papers\":[]}", "job_id"},
        {"{\"job_id\":\"j\",\"papers\":[]}", "source"},
        {"{\"job_id\":\"j\",\"source\":[],\"papers\":[]}", "source"},
        {"{\"job_id\":\"j\",\"source\":\"a\"}", "papers"},
        {"{\"job_id\":\"j\",\"source\":\"a\",\"papers\":null}", "papers"},
        {"{\"job_id\":\"j\",\"source\":\"a\",\"papers\":{}}", "papers"},
        {"{\"job_id\":\"j\",\"source\":\"a\",\"papers\":[],"
         "\"total_papers\":\"many\"}",
         "total_papers"},
        {"{\"job_id\":\"j\",\"source\":\"a\",\"papers\":[],"
         "\"timestamp\":\"yesterday\"}",
         "timestamp"},
        {"{\"job_id\":\"j\",\"source\":\"a\",\"papers\":[],"
         "\"status\":\"maybe\"}",
         "status"},
        {"{\"job_id\":\"j\",\"source\":\"a\",\"papers\":[7]}", "papers[0]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        refuse(cases[i][0], cases[i][1]);
}

static void test_wrong_member(void **state)
{
    static const char *const cases[][2] = {
        {"\"authors\":[\"A\",1]", "papers[0].authors[1]"},
        {"\"authors\":{}", "papers[0].authors"},
        {"\"tags\":\"a,b\"", "papers[0].tags"},
        {"\"tags\":[null]", "papers[0].tags[0]"},
        {"\"relevance_score\":\"high\"", "papers[0].relevance_score"},
        {"\"relevance_score\":1.5", "papers[0].relevance_score"},
        {"\"relevance_score\":-0.1", "papers[0].relevance_score"},
        {"\"relevance\":[]", "papers[0].relevance"},
        {"\"relevance\":{\"a\":[\"\\u0000\"]}", "papers[0].relevance"},
        {"\"version\":\"two\"", "papers[0].version"},
        {"\"version\":1.5", "papers[0].version"},
        {"\"version\":-2", "papers[0].version"},
        {"\"published_at\":\"2025-13-40T00:00:00Z\"", "papers[0].published_at"},
        {"\"published_at\":5", "papers[0].published_at"},
        {"\"pdf_url\":\"javascript:alert(1)\"", "papers[0].pdf_url"},
        {"\"abstract\":{}", "papers[0].abstract"},
        {"\"abstract\":\"a\\u0000b\"", "papers[0].abstract"},
        {"\"category\":false", "papers[0].category"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        refuse(with(arena_printf(arena, ",%s", cases[i][0])), cases[i][1]);
}

static void test_wrong_paper(void **state)
{
    static const char *const cases[][2] = {
        {"{\"url\":\"http://x/y\"}", "papers[1].title"},
        {"{\"title\":\" \",\"url\":\"http://x/y\"}", "papers[1].title"},
        {"{\"title\":7,\"url\":\"http://x/y\"}", "papers[1].title"},
        {"{\"title\":\"T\"}", "papers[1].url"},
        {"{\"title\":\"T\",\"url\":\"\"}", "papers[1].url"},
        {"{\"title\":\"T\",\"url\":\"not a url\"}", "papers[1].url"},
        {"{\"title\":\"T\",\"url\":7}", "papers[1].url"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        refuse(arena_printf(arena,
                            "{\"job_id\":\"j\",\"source\":\"a\",\"papers\":["
                            "{\"title\":\"T\",\"url\":\"http://x/1\"},%s]}",
                            cases[i][0]),
               cases[i][1]);
}

/* Nobody reads it, so nobody minds. */
static void test_nul_in_unknown_member(void **state)
{
    (void)state;
    take(with(",\"surprise\":\"a\\u0000b\""));
}

static void test_limits(void **state)
{
    size_t n = PAYLOAD_MAX_TITLE;
    char *title = arena_alloc(arena, n * 2 + 3);
    struct buf body;
    struct err e;

    (void)state;
    assert_non_null(title);
    for (size_t i = 0; i <= n; i++)
        memcpy(title + 2 * i, "\xC3\xA9", 2); /* code points count */
    title[2 * n] = '\0';
    take(arena_printf(arena,
                      "{\"job_id\":\"j\",\"source\":\"a\",\"papers\":["
                      "{\"title\":\"%s\",\"url\":\"http://x/1\"}]}",
                      title));
    title[2 * n] = '\xC3';
    title[2 * n + 2] = '\0';
    refuse(arena_printf(arena,
                        "{\"job_id\":\"j\",\"source\":\"a\",\"papers\":["
                        "{\"title\":\"%s\",\"url\":\"http://x/1\"}]}",
                        title),
           "papers[0].title");

    buf_init(&body, 4 * 1024 * 1024);
    buf_add_str(&body, "{\"job_id\":\"j\",\"source\":\"a\",\"papers\":[0");
    for (int i = 0; i < PAYLOAD_MAX_PAPERS; i++)
        buf_add_str(&body, ",0");
    buf_add_str(&body, "]}");
    refuse(body.p, "papers");
    buf_release(&body);

    assert_int_equal(
        webhook_payload_read(&call, arena, SLICE("{\"a\":}"), NOW, &e),
        ERR_INVALID);
}

/* A call that needs more than its arena is refused, not half taken. */
static void test_small_arena(void **state)
{
    struct arena *small = arena_new(256);
    struct webhook_in in;
    struct err e;

    (void)state;
    assert_non_null(small);
    assert_int_equal(
        webhook_payload_read(&in, small, slice_of(with("")), NOW, &e),
        ERR_TOO_LARGE);
    arena_free(small);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_signature),
        TEST(test_missing_headers),
        TEST(test_tolerance),
        TEST(test_empty_id),
        TEST(test_no_secret),
        TEST(test_bad_secret),
        TEST(test_least),
        TEST(test_whole),
        TEST(test_null_is_absent),
        TEST(test_authors_as_text),
        TEST(test_version_of_the_url),
        TEST(test_failed_scrape),
        TEST(test_wrong_call),
        TEST(test_wrong_member),
        TEST(test_wrong_paper),
        TEST(test_nul_in_unknown_member),
        TEST(test_limits),
        TEST(test_small_arena),
    };

    return cmocka_run_group_tests_name("webhook_in", tests, NULL, NULL);
}
