/* test_chroma.c - a Chroma server's address, what it answers, and how a passage
 * becomes a record of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/chroma_url.h"
#include "processor/chroma_record.h"
#include "processor/chroma_reply.h"

/* ---- the address ---- */

static void url_parts(void **state)
{
    static const struct {
        const char *text, *server, *tenant, *database;
    } cases[] = {
        {"chroma:http://h:8000", "http://h:8000", "default_tenant",
         "default_database"},
        {"chroma:https://chroma.example.org", "https://chroma.example.org",
         "default_tenant", "default_database"},
        {"chroma:http://[::1]:8000/", "http://[::1]:8000", "default_tenant",
         "default_database"},
        {"chroma:http://127.0.0.1:1/team-a/desk_2", "http://127.0.0.1:1",
         "team-a", "desk_2"},
    };
    struct chroma_url u;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *wrong = chroma_url_parse(&u, slice_of(cases[i].text));

        if (wrong)
            fail_msg("%s: %s", cases[i].text, wrong);
        assert_string_equal(u.server, cases[i].server);
        assert_string_equal(u.tenant, cases[i].tenant);
        assert_string_equal(u.database, cases[i].database);
    }
}

static void url_refused(void **state)
{
    static const char *const cases[] = {
        "chroma:",
        "chroma:h:8000",
        "chroma:ftp://h:8000",
        "http://h:8000",
        "chroma:http://",
        "chroma:http://h:0",
        "chroma:http://h:65536",
        "chroma:http://h/tenant",
        "chroma:http://h/tenant/",
        "chroma:http://h/ab/database",
        "chroma:http://h/tenant/data/base",
        "chroma:http://h/tenant/da%20ta",
        "chroma:http://h/../../x",
        "chroma:http://h/.../database",
        "chroma:http://h/tenant/database?x=1",
        "chroma:http://h/tenant/database#x",
        "chroma:http://me:secret@h:8000",
    };
    struct chroma_url u;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (!chroma_url_parse(&u, slice_of(cases[i])))
            fail_msg("%s was taken", cases[i]);
    assert_non_null(
        strstr(chroma_url_parse(&u, SLICE("chroma:http://me:pw@h")), "token"));
}

/* ---- replies ---- */

static void collections(void **state)
{
    static const struct {
        const char *body;
        enum err_code code;
        const char *said; /* the id, or what is said */
    } cases[] = {
        {"{\"id\":\"8a77-b\",\"name\":\"papers\",\"dimension\":null,"
         "\"configuration_json\":{\"hnsw\":{\"space\":\"cosine\"}}}",
         ERR_NONE, "8a77-b"},
        {"{\"id\":\"1\",\"dimension\":4}", ERR_NONE, "1"},
        {"{\"id\":\"1\",\"configuration_json\":{\"spann\":{\"space\":"
         "\"cosine\"}}}",
         ERR_NONE, "1"},
        {"{\"id\":\"1\",\"name\":\"papers\",\"configuration_json\":{\"hnsw\":"
         "{\"space\":\"l2\"}}}",
         ERR_CONFLICT, "'papers' of the Chroma server measures by 'l2'"},
        {"{\"id\":\"1\",\"dimension\":768}", ERR_CONFLICT, "768 numbers"},
        {"{\"id\":\"../x\"}", ERR_UNAVAILABLE, "API v2"},
        {"{\"id\":\"\"}", ERR_UNAVAILABLE, "API v2"},
        {"{\"id\":\"00000000000000000000000000000000"
         "000000000000000000000000000000000\"}",
         ERR_UNAVAILABLE, "API v2"},
        {"{\"id\":7}", ERR_UNAVAILABLE, "API v2"},
        {"[]", ERR_UNAVAILABLE, "API v2"},
        {"<html>", ERR_UNAVAILABLE, "API v2"},
        {"", ERR_UNAVAILABLE, "API v2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct chroma_collection c;
        struct err e = {0};

        assert_int_equal(
            chroma_reply_collection(slice_of(cases[i].body), 4, &c, &e),
            cases[i].code);
        if (cases[i].code == ERR_NONE)
            assert_string_equal(c.id, cases[i].said);
        else if (!strstr(e.msg, cases[i].said))
            fail_msg("%s: %s", cases[i].body, e.msg);
    }
}

static void marks(void **state)
{
    static const char *const cases[][2] = {
        {"{\"id\":\"1\",\"metadata\":{\"sheaf\":\"17\",\"x\":1}}", "17"},
        {"{\"id\":\"1\",\"metadata\":{\"sheaf\":17}}", ""},
        {"{\"id\":\"1\",\"metadata\":null}", ""},
        {"{\"id\":\"1\",\"metadata\":{\"sheaf\":\"00000000000000000000000000000"
         "000000000000000000000000000000000000\"}}",
         ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct chroma_collection c;

        assert_int_equal(
            chroma_reply_collection(slice_of(cases[i][0]), 4, &c, NULL),
            ERR_NONE);
        assert_string_equal(c.mark, cases[i][1]);
    }
}

static void counts(void **state)
{
    int64_t n = 0;

    (void)state;
    assert_int_equal(chroma_reply_count(SLICE("17"), &n, NULL), ERR_NONE);
    assert_int_equal(n, 17);
    assert_int_equal(chroma_reply_count(SLICE("-1"), &n, NULL),
                     ERR_UNAVAILABLE);
    assert_int_equal(chroma_reply_count(SLICE("\"1\""), &n, NULL),
                     ERR_UNAVAILABLE);
}

static void hits(void **state)
{
    static const char *const strange[] = {
        "{}",
        "{\"ids\":[[\"a\"]],\"distances\":null}",
        "{\"ids\":[[\"a\"]],\"distances\":[[]]}",
        "{\"ids\":[[\"a\"],[\"b\"]],\"distances\":[[1],[2]]}",
        "{\"ids\":[[1]],\"distances\":[[1]]}",
        "{\"ids\":[[\"a\"]],\"distances\":[[null]]}",
        "{\"ids\":[[\"a\"]],\"distances\":[[\"1\"]]}",
        "{\"ids\":{\"a\":[]},\"distances\":{\"a\":[]}}",
    };
    struct arena *a = arena_new(1 << 16), *tiny = arena_new(16);
    struct chroma_hit *h;
    size_t n;

    (void)state;
    assert_non_null(a);
    assert_int_equal(
        chroma_reply_query(SLICE("{\"ids\":[[\"x\",\"\"]],\"distances\":"
                                 "[[0.25,1]],\"documents\":null}"),
                           a, &h, &n, NULL),
        ERR_NONE);
    assert_int_equal(n, 2);
    assert_true(slice_is(h[0].name, "x") && h[0].distance == 0.25);
    assert_true(h[1].name.len == 0 && h[1].distance == 1);
    assert_int_equal(
        chroma_reply_query(SLICE("{\"ids\":[[]],\"distances\":[[]]}"), a, &h,
                           &n, NULL),
        ERR_NONE);
    assert_int_equal(n, 0);
    for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++)
        assert_int_equal(
            chroma_reply_query(slice_of(strange[i]), a, &h, &n, NULL),
            ERR_UNAVAILABLE);
    assert_int_equal(
        chroma_reply_query(SLICE("{\"ids\":[[\"x\"]],\"distances\":[[1]]}"),
                           tiny, &h, &n, NULL),
        ERR_TOO_LARGE);
    arena_free(a);
    arena_free(tiny);
}

static void records(void **state)
{
    static const char *const strange[] = {
        "{}",
        "{\"ids\":[1]}",
        "{\"ids\":\"a\"}",
        "{\"ids\":[\"a\"],\"documents\":[]}",
        "{\"ids\":[\"a\"],\"metadatas\":{}}",
        "{\"ids\":[\"a\"],\"embeddings\":[[1],[2]]}",
    };
    struct chroma_records r;

    (void)state;
    assert_int_equal(
        chroma_reply_records(SLICE("{\"ids\":[\"a\",\"b\"],\"embeddings\":null,"
                                   "\"documents\":[\"t\",null],"
                                   "\"metadatas\":[{\"k\":1},null]}"),
                             &r, NULL),
        ERR_NONE);
    assert_int_equal(r.n, 2);
    assert_true(slice_is(chroma_records_name(&r, 1), "b"));
    assert_null(r.embeddings);
    assert_non_null(r.documents);
    chroma_records_release(&r);
    for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++)
        assert_int_equal(chroma_reply_records(slice_of(strange[i]), &r, NULL),
                         ERR_UNAVAILABLE);
}

static void errors(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(
        chroma_reply_error(400,
                           SLICE("{\"error\":\"InvalidArgumentError\","
                                 "\"message\":\"no\\nsuch thing\"}"),
                           &e),
        ERR_UNPROCESSABLE);
    assert_non_null(strstr(e.msg, "(status 400: no such thing)"));
    assert_int_equal(chroma_reply_error(404, SLICE("<html>"), &e),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "(status 404)"));
    assert_int_equal(chroma_reply_error(401, SLICE_NONE, &e), ERR_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "chroma_token"));
    assert_int_equal(chroma_reply_error(500, SLICE_NONE, &e), ERR_INTERNAL);
    assert_int_equal(chroma_reply_error(503, SLICE_NONE, &e), ERR_UNAVAILABLE);
    assert_int_equal(chroma_reply_error(302, SLICE_NONE, &e), ERR_UNAVAILABLE);
}

/* ---- records ---- */

static void names(void **state)
{
    static const char *const none[] = {"",
                                       "doc-a",
                                       "doc-a_chunk_",
                                       "doc-a_chunk_-1",
                                       "_chunk_1",
                                       "doc-a_chunk_x",
                                       "doc-a_chunk_1x",
                                       "doc-a_chunk_01",
                                       "doc-a_chunk_99999999999999999999",
                                       "paper_1"};
    char text[CHROMA_NAME], id[CHROMA_NAME];
    struct copy_name n;

    (void)state;
    assert_true(chroma_name_write(
        text, VECTORS_CHUNKS, (struct copy_name){SLICE("doc_chunk_2"), 10}));
    assert_string_equal(text, "doc_chunk_2_chunk_10");
    assert_true(chroma_name_read(&n, VECTORS_CHUNKS, slice_of(text)));
    assert_true(slice_is(n.document, "doc_chunk_2") && n.number == 10);
    assert_true(chroma_name_write(text, VECTORS_PAPERS,
                                  (struct copy_name){.number = 7}));
    assert_string_equal(text, "paper_7");
    assert_true(chroma_name_read(&n, VECTORS_PAPERS, slice_of(text)));
    assert_int_equal(n.number, 7);
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
        assert_false(chroma_name_read(&n, VECTORS_CHUNKS, slice_of(none[i])));
    assert_false(chroma_name_read(&n, VECTORS_PAPERS, SLICE("paper_")));
    assert_false(chroma_name_read(&n, VECTORS_PAPERS, SLICE("a_chunk_1")));
    memset(id, 'x', sizeof(id)); /* one byte too long for its end */
    assert_false(chroma_name_write(
        text, VECTORS_CHUNKS,
        (struct copy_name){{id, CHROMA_NAME - strlen("_chunk_0")}, 0}));
    assert_true(chroma_name_write(
        text, VECTORS_CHUNKS,
        (struct copy_name){{id, CHROMA_NAME - 1 - strlen("_chunk_0")}, 0}));
}

static json_t *json(const char *text)
{
    json_t *v;

    assert_int_equal(json_parse(&v, slice_of(text), NULL), ERR_NONE);
    return v;
}

static void metadata(void **state)
{
    static const char *const cases[][2] = {
        {"{\"a\":1,\"b\":2.5,\"c\":\"x\",\"d\":true}",
         "{\"a\":1,\"b\":2.5,\"c\":\"x\",\"d\":true}"},
        {"{\"a\":null,\"b\":{\"c\":1},\"#x\":1,\"\":2}", "{}"},
        {"{\"a\":[\"x\",\"y\"],\"b\":[1,2],\"c\":[true,false]}",
         "{\"a\":[\"x\",\"y\"],\"b\":[1,2],\"c\":[true,false]}"},
        {"{\"a\":[],\"b\":[1,\"x\"],\"c\":[1,2.5],\"d\":[null],\"e\":[[1]]}",
         "{}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *from = json(cases[i][0]), *to = json(cases[i][1]);
        json_t *made = chroma_metadata(from);

        if (!json_equal(made, to))
            fail_msg("%s", cases[i][0]);
        json_decref(from);
        json_decref(to);
        json_decref(made);
    }
}

static void same(void **state)
{
    float v[STORE_VECTOR_DIM] = {0.6f, 0.8f};
    json_t *embedding = json_array(), *document = json_string("text");
    json_t *there = json("{\"a\":1}"), *wanted = json("{\"a\":1}");

    (void)state;
    for (int i = 0; i < STORE_VECTOR_DIM; i++)
        json_array_append_new(embedding,
                              json_real((double)v[i] + (i ? 0 : 5e-8)));
#define SAME                                                                   \
    chroma_record_same(embedding, document, there, v, SLICE("text"), wanted)
    assert_true(SAME);
    v[383] = 1e-4f;
    assert_false(SAME);
    v[383] = 0;
    json_object_set_new(there, "b", json_true());
    assert_false(SAME);
    json_object_del(there, "b");
    json_string_set(document, "other");
    assert_false(SAME);
    json_string_set(document, "text");
    assert_true(SAME);
    json_array_remove(embedding, 0);
    assert_false(SAME);
    assert_false(
        chroma_record_same(NULL, document, there, v, SLICE("text"), wanted));
    assert_false(
        chroma_record_same(NULL, NULL, NULL, v, SLICE("text"), wanted));
    json_decref(embedding);
    json_decref(document);
    json_decref(there);
    json_decref(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_parts),   cmocka_unit_test(url_refused),
        cmocka_unit_test(collections), cmocka_unit_test(counts),
        cmocka_unit_test(marks),       cmocka_unit_test(hits),
        cmocka_unit_test(records),     cmocka_unit_test(errors),
        cmocka_unit_test(names),       cmocka_unit_test(metadata),
        cmocka_unit_test(same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
