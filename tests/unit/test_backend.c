/* test_backend.c - the backend's routes over a real server and a database in
 * memory: webhook in, what is read afterwards, the reply cache, operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "base/json.h"
#include "base/log.h"
#include "net/http_client.h"
#include "net/ops.h"
#include "net/server.h"
#include "store/store.h"

#define SECRET "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

struct fixture {
    struct store *store;
    struct backend *backend;
    struct ops *ops;
    struct router *router;
    struct server *server;
    pthread_t thread;
    struct http_client *client;
    struct http_answer answer;
    enum err_code probe;
};

static struct fixture f;

/* ---- a server around the routes ---- */

static enum err_code probe(void *ctx, struct err *e)
{
    enum err_code rc = *(enum err_code *)ctx;

    return rc ? err_set(e, rc, "it is gone") : ERR_NONE;
}

static void *serve(void *arg)
{
    server_run(arg);
    return NULL;
}

static void start_server(void)
{
    static struct ops_probe probes[2];
    static struct ops_collector collectors[2];
    struct server_options opt = {
        .listen = "127.0.0.1:0",
        .pool_requests = 2,
        .pool_streams = 1,
        .max_connections = 100,
        .max_connections_per_ip = 100,
        .header_timeout_ms = 5000,
        .body_timeout_ms = 5000,
        .idle_timeout_ms = 5000,
        .write_timeout_ms = 5000,
        .stop_timeout_ms = 5000,
    };
    struct err e = {0};

    probes[0] = (struct ops_probe){"thing", probe, &f.probe};
    collectors[0] = (struct ops_collector){backend_metrics, f.backend};
    f.ops = ops_new(&(struct ops_options){
        .version = "1.2", .probes = probes, .collectors = collectors});
    f.router = router_new(&(struct router_options){.public_url = "",
                                                   .allowed_origins = "",
                                                   .trusted_proxies = "",
                                                   .local_only = true,
                                                   .admin_token = "",
                                                   .webhook_secret = "bearer"},
                          &e);
    assert_non_null(f.router);
    router_add(f.router, backend_routes, f.backend);
    router_add(f.router, backend_neighbour_routes, f.backend);
    router_add(f.router, ops_routes, f.ops);
    if (server_new(&f.server, &opt, f.router, &e))
        fail_msg("%s", e.msg);
    ops_set_server(f.ops, f.server);
    assert_int_equal(pthread_create(&f.thread, NULL, serve, f.server), 0);
}

static int setup(void **state)
{
    struct store_options store = {.database_url = "sqlite::memory:"};
    struct backend_options opt = {.signing_secret = SECRET};
    struct err e = {0};

    (void)state;
    memset(&f, 0, sizeof(f));
    if (store_open(&f.store, &store, &e))
        fail_msg("%s", e.msg);
    opt.store = f.store;
    assert_int_equal(backend_new(&f.backend, &opt, &e), ERR_NONE);
    start_server();
    f.client = http_client_new("test");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_answer_release(&f.answer);
    http_client_free(f.client);
    server_stop(f.server);
    pthread_join(f.thread, NULL);
    server_free(f.server);
    router_free(f.router);
    ops_free(f.ops);
    backend_free(f.backend);
    store_close(f.store);
    return 0;
}

/* ---- asking ---- */

static struct slice ask(const char *method, const char *path,
                        const char *const *headers, const char *body,
                        int status)
{
    char url[1000];
    struct http_fetch q = {
        .method = method,
        .url = url,
        .headers = headers,
        .body = slice_of(body),
        .timeout_ms = 10000,
        .connect_timeout_ms = 5000,
        .max_body = 16 * 1024 * 1024,
    };
    struct err e = {0};

    http_answer_release(&f.answer);
    memset(&f.answer, 0, sizeof(f.answer));
    snprintf(url, sizeof(url), "%s%s", server_url(f.server), path);
    if (http_fetch(f.client, &q, &f.answer, &e))
        fail_msg("%s %s: %s", method, path, e.msg);
    if (f.answer.status != status)
        fail_msg("%s %s: status %d, not %d: %.*s", method, path,
                 f.answer.status, status, SLICE_ARG(buf_slice(&f.answer.body)));
    return buf_slice(&f.answer.body);
}

static struct slice get(const char *path, int status)
{
    return ask("GET", path, NULL, NULL, status);
}

static json_t *get_json(const char *path)
{
    json_t *v;
    struct err e = {0};

    if (json_parse(&v, get(path, 200), &e))
        fail_msg("%s: %s", path, e.msg);
    return v;
}

static int64_t count_of(const char *path)
{
    json_t *v = get_json(path);
    int64_t n = json_get_int(v, "count", -1);

    json_decref(v);
    return n;
}

static bool holds(struct slice body, const char *what)
{
    return slice_find(body, slice_of(what)) >= 0;
}

static const char *const bearer[] = {"Authorization: Bearer bearer",
                                     "Content-Type: application/json", NULL};

/* Papers first..first + n - 1, each an hour older than the one before. */
static void deliver(const char *job_id, int first, int n, const char *counts)
{
    struct buf body;
    struct slice reply;

    buf_init(&body, 1024 * 1024);
    buf_printf(&body, "{\"job_id\":\"%s\",\"source\":\"arxiv\",\"papers\":[",
               job_id);
    for (int i = first; i < first + n; i++)
        buf_printf(&body,
                   "%s{\"title\":\"Paper %02d on zebras\",\"abstract\":"
                   "\"The text of paper %d.\",\"authors\":[\"Ann Lee%d\"],"
                   "\"url\":\"https://arxiv.org/abs/2511.%05d\","
                   "\"category\":\"%s\",\"relevance_score\":0.5,"
                   "\"published_at\":\"2025-11-03T%02d:00:00Z\"}",
                   i > first ? "," : "", i, i, i, i, i % 2 ? "llm" : "rag",
                   23 - i);
    buf_add_str(&body, "]}");
    assert_true(buf_ok(&body));
    reply = ask("POST", "/api/webhooks/scraper-complete/", bearer, body.p, 201);
    if (!slice_is(reply, counts))
        fail_msg("%.*s is not %s", SLICE_ARG(reply), counts);
    buf_release(&body);
}

#define CREATED(n)                                                             \
    "{\"status\":\"success\",\"papers_created\":" #n                           \
    ",\"papers_updated\":0,\"papers_unchanged\":0}"

/* ---- the webhook ---- */

static void test_webhook(void **state)
{
    (void)state;
    deliver("arxiv-1", 0, 5, CREATED(5));
    deliver("arxiv-2", 0, 5,
            "{\"status\":\"success\",\"papers_created\":0,"
            "\"papers_updated\":5,\"papers_unchanged\":5}");
    assert_int_equal(count_of("/api/papers/"), 5);
    assert_int_equal(count_of("/api/scraper-jobs"), 2);
    assert_true(
        holds(get("/api/scraper-jobs/1/", 200), "\"job_id\":\"arxiv-1\""));
    assert_true(slice_is(get("/api/scraper-jobs/9/", 404),
                         "{\"detail\":\"Not found.\"}"));
}

static void test_webhook_refused(void **state)
{
    static const char *const wrong[] = {"Authorization: Bearer wrong",
                                        "Content-Type: application/json", NULL};
    static const char *const text[] = {"Authorization: Bearer bearer",
                                       "Content-Type: text/plain", NULL};
    static const char *const forged[] = {"Authorization: Bearer bearer",
                                         "Content-Type: application/json",
                                         "webhook-id: msg_1",
                                         "webhook-timestamp: 1762200000",
                                         "webhook-signature: v1,AAAA",
                                         NULL};
    static const char path[] = "/webhooks/scraper-complete";
    static const char body[] = "{\"job_id\":\"j\",\"source\":\"s\","
                               "\"papers\":[{\"title\":7}]}";

    (void)state;
    assert_true(slice_is(ask("POST", path, wrong, body, 401),
                         "{\"error\":\"Invalid signature\"}"));
    assert_true(slice_is(ask("POST", path, forged, body, 401),
                         "{\"error\":\"Invalid signature\"}"));
    (void)ask("POST", path, text, body, 415);
    assert_true(holds(ask("POST", path, bearer, body, 400), "papers[0].title"));
    assert_int_equal(count_of("/api/papers/"), 0);
}

/* ---- lists ---- */

static void test_pages(void **state)
{
    json_t *page;

    (void)state;
    deliver("arxiv-1", 0, 9, CREATED(9));
    page = get_json("/api/papers/?page=2&page_size=4");
    assert_int_equal(json_get_int(page, "count", 0), 9);
    assert_int_equal(json_array_size(json_object_get(page, "results")), 4);
    assert_true(slice_ends(json_get_slice(page, "next"),
                           "/api/papers/?page=3&page_size=4"));
    assert_true(slice_ends(json_get_slice(page, "previous"),
                           "/api/papers/?page_size=4"));
    json_decref(page);
    assert_int_equal(count_of("/api/papers/?category=llm"), 4);
    assert_int_equal(count_of("/api/papers/?search=zebra&ordering=-rank"), 9);
    assert_true(slice_is(get("/api/papers/?page=9", 404),
                         "{\"detail\":\"Invalid page.\"}"));
    assert_true(holds(get("/api/papers/?ordering=-rank", 400), "search"));
    assert_true(
        holds(get("/api/papers/?min_relevance=2", 400), "min_relevance"));
    assert_true(holds(get("/api/papers/?categry=llm", 400), "category"));
}

/* Forward to the end, back to the start: the same rows. */
static void test_cursors(void **state)
{
    char path[8000];
    json_t *page;
    struct slice link;
    int rows = 0, back = 0;

    (void)state;
    deliver("arxiv-1", 0, 11, CREATED(11));
    snprintf(path, sizeof(path),
             "/api/papers/?cursor=&page_size=4&ordering=title");
    for (;;) {
        page = get_json(path);
        assert_true(json_is_null(json_object_get(page, "count")));
        rows += (int)json_array_size(json_object_get(page, "results"));
        link = json_get_slice(page, "next");
        if (!link.p)
            break;
        snprintf(
            path, sizeof(path), "%.*s",
            SLICE_ARG(slice_sub(link, strlen(server_url(f.server)), link.len)));
        json_decref(page);
    }
    assert_int_equal(rows, 11);
    while ((link = json_get_slice(page, "previous")).p) {
        snprintf(
            path, sizeof(path), "%.*s",
            SLICE_ARG(slice_sub(link, strlen(server_url(f.server)), link.len)));
        json_decref(page);
        page = get_json(path);
        back += (int)json_array_size(json_object_get(page, "results"));
    }
    assert_int_equal(back, 8);
    json_decref(page);
    assert_true(holds(get("/api/papers/?cursor=AAAA", 400), "Invalid cursor"));
    assert_true(holds(get("/api/papers/?cursor=&page=2", 400), "page"));
    assert_true(holds(
        get("/api/papers/?cursor=&search=zebra&ordering=-rank", 400), "rank"));
}

/* What was answered once is answered from the cache, until something changes.
 */
static void test_cache(void **state)
{
    (void)state;
    deliver("arxiv-1", 0, 3, CREATED(3));
    assert_int_equal(count_of("/api/papers/"), 3);
    /* A fault on the first call of a request: reading the generation. */
    store_fault_after(f.store, 1, ERR_UNAVAILABLE);
    (void)get("/api/papers/", 503);
    /* On the second: nothing but the generation is read for a hit. */
    store_fault_after(f.store, 2, ERR_UNAVAILABLE);
    assert_int_equal(count_of("/api/papers/"), 3);
    store_fault_after(f.store, 0, ERR_NONE);
    deliver("arxiv-2", 3, 2, CREATED(2));
    assert_int_equal(count_of("/api/papers/"), 5);
    (void)ask("DELETE", "/api/papers/1/", NULL, NULL, 204);
    assert_int_equal(count_of("/api/papers/"), 4);
}

/* ---- one paper ---- */

static void test_paper(void **state)
{
    (void)state;
    deliver("arxiv-1", 0, 3, CREATED(3));
    assert_true(holds(get("/api/papers/2", 200), "\"source_id\":\"2511."));
    (void)ask("DELETE", "/api/papers/2/", NULL, NULL, 204);
    assert_true(
        slice_is(get("/api/papers/2/", 404), "{\"detail\":\"Not found.\"}"));
    assert_true(holds(ask("POST", "/api/papers/2/restore/", NULL, "", 200),
                      "\"id\":2,"));
    (void)get("/api/papers/2/", 200);
    (void)ask("DELETE", "/api/papers/99/", NULL, NULL, 404);
    (void)ask("POST", "/api/papers/99/restore/", NULL, "", 404);
    (void)get("/api/papers/99/similar/", 404);
    assert_int_equal(count_of("/api/papers/1/similar/?k=2"), 2);
    assert_true(holds(get("/api/papers/1/similar/?k=0", 400), "k"));
}

/* ---- files ---- */

static void test_export(void **state)
{
    struct slice body;

    (void)state;
    deliver("arxiv-1", 0, 4, CREATED(4));
    body = get("/api/papers/export/?format=bibtex", 200);
    assert_true(holds(body, "@misc{lee02025paper-2511.00000,"));
    assert_string_equal(f.answer.content_type,
                        "application/x-bibtex; charset=utf-8");
    assert_true(holds(get("/api/papers/export/?format=ris&category=llm", 200),
                      "AU  - Lee1, Ann\r\n"));
    assert_true(
        slice_starts(get("/api/papers/export/?format=csv", 200), "id,title,"));
    body = get("/api/papers/export?format=jsonl&search=zebra", 200);
    assert_true(slice_starts(body, "{\"id\":"));
    assert_true(slice_ends(body, "}\n"));
    assert_int_equal(get("/api/papers/export?format=jsonl&category=x", 200).len,
                     0);
    /* what cannot be asked is a 400, not a broken file */
    assert_true(holds(get("/api/papers/export/", 400), "format"));
    (void)get("/api/papers/export/?format=csv&search=-", 400);
    store_fault_after(f.store, 1, ERR_UNAVAILABLE);
    (void)get("/api/papers/export/?format=csv", 503);
}

static void test_feed_and_stats(void **state)
{
    json_t *stats;
    struct slice body;

    (void)state;
    deliver("arxiv-1", 0, 3, CREATED(3));
    body = get("/api/papers/feed/?category=llm", 200);
    assert_string_equal(f.answer.content_type,
                        "application/atom+xml; charset=utf-8");
    assert_true(holds(body, "/api/papers/feed/?category=llm</id>"));
    assert_true(holds(body, "<title>Paper 01 on zebras</title>"));
    assert_false(holds(body, "<title>Paper 02 on zebras</title>"));
    stats = get_json("/api/stats/papers/");
    assert_int_equal(json_get_int(stats, "total", 0), 3);
    assert_int_equal(json_array_size(json_object_get(stats, "categories")), 2);
    assert_int_equal(
        json_get_int(json_array_get(json_object_get(stats, "days"), 0), "count",
                     0),
        3);
    json_decref(stats);
}

/* ---- operations ---- */

static void test_operations(void **state)
{
    struct slice body;

    (void)state;
    deliver("arxiv-1", 0, 3, CREATED(3));
    assert_true(slice_is(get("/healthz", 200), "{\"status\":\"ok\"}"));
    assert_true(slice_is(get("/readyz", 200),
                         "{\"status\":\"ready\",\"checks\":{\"server\":\"ok\","
                         "\"thing\":\"ok\"}}"));
    f.probe = ERR_UNAVAILABLE;
    assert_true(slice_is(get("/readyz", 503),
                         "{\"status\":\"unavailable\",\"checks\":{\"server\":"
                         "\"ok\",\"thing\":\"it is gone\"}}"));
    body = get("/metrics", 200);
    assert_true(holds(body, "\nprocess_resident_memory_bytes "));
    assert_true(holds(body, "\nsheaf_build_info{version=\"1.2\"} 1\n"));
    assert_true(holds(body, "\nsheaf_http_replies_total{class=\"2xx\"} "));
    assert_true(holds(body, "\nsheaf_papers{source=\"arxiv\"} 3\n"));
}

static void test_metric_text(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    ops_metric(&out, "x_total", "counter", "Help.");
    ops_sample(&out, "x_total", "l", SLICE("a\"\\\nb"), 12345678901.0);
    ops_sample(&out, "x_total", NULL, SLICE_NONE, 0.25);
    assert_true(slice_is(buf_slice(&out),
                         "# HELP x_total Help.\n# TYPE x_total counter\n"
                         "x_total{l=\"a\\\"\\\\\\nb\"} 12345678901\n"
                         "x_total 0.25\n"));
    buf_release(&out);
}

static void test_bad_signing_secret(void **state)
{
    struct backend *b;
    struct err e;

    (void)state;
    assert_int_equal(
        backend_new(&b, &(struct backend_options){.signing_secret = "bearer"},
                    &e),
        ERR_INVALID);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_webhook),
        TEST(test_webhook_refused),
        TEST(test_pages),
        TEST(test_cursors),
        TEST(test_cache),
        TEST(test_paper),
        TEST(test_export),
        TEST(test_feed_and_stats),
        TEST(test_operations),
        cmocka_unit_test(test_metric_text),
        cmocka_unit_test(test_bad_signing_secret),
    };

    log_setup(LOG_OFF, false);
    return cmocka_run_group_tests_name("backend", tests, NULL, NULL);
}
