/* test_store_records.c - conformance of store/records.h: what is in Chroma's
 * collections. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records_fixture.h"

static bool has(struct store_fixture *f, int64_t collection, const char *id)
{
    struct slice ids[] = {slice_of(id)};
    int64_t number;

    OK(f, store_records_find(f->s, collection, ids, 1, &number, &f->err));
    return number != 0;
}

static void delete_ids(struct store_fixture *f, int64_t collection,
                       const char *const *names, size_t n, int64_t expected)
{
    struct slice ids[10];
    int64_t numbers[10], deleted;

    for (size_t i = 0; i < n; i++)
        ids[i] = slice_of(names[i]);
    OK(f, store_records_find(f->s, collection, ids, n, numbers, &f->err));
    OK(f,
       store_records_delete(f->s, collection, numbers, n, &deleted, &f->err));
    assert_int_equal(deleted, expected);
}

/* ---- writing records ---- */

static void added_records_are_kept(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c");
    const float odd[DIM] = {0.1f, -0.0f, 3.4e38f};
    struct record_new r[2] = {
        {.id = SLICE("ü/1"),
         .vector = odd,
         .document = SLICE("a text"),
         .uri = SLICE("file:///a"),
         .metadata = SLICE("{\"n\":9007199254740993,\"f\":0.1,\"l\":[1, 2]}")},
        {.id = SLICE("2"), .vector = vector_2, .document = SLICE("")}};
    struct records_state state = put_records(f, c.number, RECORDS_ADD, r, 2);
    struct record got = record_of(f, c.number, "ü/1");

    assert_int_equal(state.count, 2);
    assert_int_equal(state.removed, 0);
    assert_memory_equal(got.vector, odd, sizeof(odd));
    TEXT("a text", got.document);
    TEXT("file:///a", got.uri);
    TEXT("{\"n\":9007199254740993,\"f\":0.1,\"l\":[1, 2]}", got.metadata);
    got = record_of(f, c.number, "2");
    assert_true(got.document.p && got.document.len == 0);
    assert_true(!got.uri.p && !got.metadata.p);
    c = look_at(f, &c);
    assert_int_equal(c.dim, DIM);
    assert_int_equal(c.state.count, 2);
    assert_int_equal(c.state.generation, state.generation);
    assert_true(state.generation > 0);
}

static void add_leaves_what_is_there(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c");
    struct record_new r[] = {bare_record("a", vector_2),
                             bare_record("x", vector_2),
                             bare_record("x", vector_3)};
    struct records_state state;

    r[0].document = SLICE("new");
    r[2].document = SLICE("second");
    put_record(f, c.number, RECORDS_ADD, bare_record("a", vector_1));
    state = put_records(f, c.number, RECORDS_ADD, r, 3);
    assert_int_equal(state.count, 2);
    assert_true(record_of(f, c.number, "a").vector[0] == 1);
    assert_null(record_of(f, c.number, "a").document.p);
    assert_true(record_of(f, c.number, "x").vector[0] == 2);
    assert_null(record_of(f, c.number, "x").document.p);
    assert_int_equal(put_records(f, c.number, RECORDS_ADD, r, 3).generation,
                     state.generation);
    assert_string_equal(ids_listed(f, c.number, 0, 10), "a x");
}

static void update_changes_what_is_given(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c");
    struct record_new all = {.id = SLICE("a"),
                             .vector = vector_1,
                             .document = SLICE("text"),
                             .uri = SLICE("u"),
                             .metadata = SLICE("{\"k\":1,\"z\":\"q\"}")};
    struct record_new r = {.id = SLICE("a")};
    struct record got;
    uint64_t before;

    put_record(f, c.number, RECORDS_ADD, all);
    before = look_at(f, &c).state.generation;
    put_record(f, c.number, RECORDS_UPDATE, r);
    assert_int_equal(look_at(f, &c).state.generation, before);
    r.vector = vector_2;
    put_record(f, c.number, RECORDS_UPDATE, r);
    got = record_of(f, c.number, "a");
    assert_true(got.vector[0] == 2);
    TEXT("text", got.document);
    TEXT("u", got.uri);
    TEXT("{\"k\":1,\"z\":\"q\"}", got.metadata);
    r = (struct record_new){.id = SLICE("a"), .document = SLICE("")};
    put_record(f, c.number, RECORDS_UPDATE, r);
    r = (struct record_new){.id = SLICE("a"),
                            .metadata = SLICE("{\"k\":null,\"n\":[1]}"),
                            .uri = SLICE("v")};
    put_record(f, c.number, RECORDS_UPDATE, r);
    got = record_of(f, c.number, "a");
    assert_true(got.vector[0] == 2 && got.document.len == 0 && got.document.p);
    TEXT("v", got.uri);
    TEXT("{\"z\":\"q\",\"n\":[1]}", got.metadata);
    r = (struct record_new){.id = SLICE("nobody"), .vector = vector_2};
    assert_int_equal(put_records(f, c.number, RECORDS_UPDATE, &r, 1).count, 1);
    assert_false(has(f, c.number, "nobody"));
}

static void upsert_adds_or_updates(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c");
    struct record_new r[] = {bare_record("a", vector_1),
                             bare_record("b", vector_1),
                             bare_record("a", vector_2)};
    struct record got;

    r[0].metadata = SLICE("{\"a\":1,\"gone\":null}");
    r[2].metadata = SLICE("{\"b\":2}");
    r[2].document = SLICE("second");
    assert_int_equal(put_records(f, c.number, RECORDS_UPSERT, r, 3).count, 2);
    got = record_of(f, c.number, "a");
    assert_true(got.vector[0] == 2);
    TEXT("{\"a\":1,\"b\":2}", got.metadata);
    TEXT("second", got.document);
    r[1].metadata = SLICE("{\"x\":null}");
    r[2].metadata = SLICE("{\"b\":3}");
    r[2].vector = vector_3;
    assert_int_equal(put_records(f, c.number, RECORDS_UPSERT, r + 1, 2).count,
                     2);
    got = record_of(f, c.number, "a");
    assert_true(got.vector[0] == 3);
    TEXT("{\"a\":1,\"b\":3}", got.metadata);
    assert_null(record_of(f, c.number, "b").metadata.p);
    assert_string_equal(ids_listed(f, c.number, 0, 10), "a b");
}

static void metadata_merges_by_member(struct store_fixture *f)
{
    static const struct {
        const char *stored, *given, *merged; /* NULL: none */
    } cases[] = {
        {NULL, "{}", NULL},
        {NULL, "{\"a\":null}", NULL},
        {NULL, "{ \"a\" : 1.50 , \"b\" : \"x, y\" }",
         "{\"a\":1.50,\"b\":\"x, y\"}"},
        {"{\"a\":1}", "{\"a\":null}", NULL},
        {"{\"a\":1}", "{\"a\":\"null\"}", "{\"a\":\"null\"}"},
        {"{\"a\":1,\"b\":2,\"c\":3}", "{\"d\":4,\"b\":5,\"c\":null}",
         "{\"a\":1,\"b\":5,\"d\":4}"},
        {"{\"a\":1}", "{\"\\u0061\":2}", "{\"\\u0061\":2}"},
        {"{\"a\":1}", "{\"b\":1,\"b\":2}", "{\"a\":1,\"b\":2}"},
        {"{\"a\":1}", "{\"b\":1,\"b\":null}", "{\"a\":1}"},
    };
    struct record_collection c = make_collection(f, 1, "c");

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char id[] = "0";
        struct record_new r;
        struct record got;

        id[0] = (char)('0' + i);
        r = bare_record(id, vector_1);
        r.metadata = slice_of(cases[i].stored);
        put_record(f, c.number, RECORDS_ADD, r);
        r.metadata = slice_of(cases[i].given);
        put_record(f, c.number, RECORDS_UPSERT, r);
        got = record_of(f, c.number, id);
        if (cases[i].merged)
            TEXT(cases[i].merged, got.metadata);
        else
            assert_null(got.metadata.p);
    }
}

static void dimensions_do_not_mix(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c");
    const float four[4] = {1, 2, 3, 4};
    struct record_new r = bare_record("nobody", four);
    struct record_batch b = {RECORDS_UPDATE, 4, &r, 1};
    struct records_state state;
    struct err err;

    OK(f, store_records_put(f->s, c.number, &b, &state, &f->err));
    assert_int_equal(look_at(f, &c).dim, 4);
    r = bare_record("a", vector_1);
    b = (struct record_batch){RECORDS_ADD, DIM, &r, 1};
    assert_int_equal(store_records_put(f->s, c.number, &b, &state, &err),
                     ERR_UNPROCESSABLE);
    assert_string_equal(
        err.msg, "Collection expecting embedding with dimension of 4, got 3");
    assert_int_equal(look_at(f, &c).state.count, 0);
    r.vector = NULL;
    b = (struct record_batch){RECORDS_UPDATE, 0, &r, 1};
    OK(f, store_records_put(f->s, c.number, &b, &state, &f->err));
}

static void long_vectors_are_kept(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c");
    float *v = arena_alloc(f->a, RECORDS_MAX_DIM * sizeof(*v));
    struct record_new r = {.id = SLICE("a"), .vector = v};
    struct record_batch b = {RECORDS_ADD, RECORDS_MAX_DIM, &r, 1};
    struct records_state state;

    assert_non_null(v);
    for (int i = 0; i < RECORDS_MAX_DIM; i++)
        v[i] = (float)i / 7;
    OK(f, store_records_put(f->s, c.number, &b, &state, &f->err));
    assert_memory_equal(record_of(f, c.number, "a").vector, v,
                        RECORDS_MAX_DIM * sizeof(*v));
    b.dim = RECORDS_MAX_DIM + 1;
    GIVES(f, ERR_INVALID,
          store_records_put(f->s, c.number, &b, &state, &f->err));
}

static void bad_records_are_refused(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c");
    const float bad[DIM] = {0, __builtin_inff(), 0};
    struct record_new r[2] = {bare_record("good", vector_1)};
    struct record_batch b = {RECORDS_ADD, DIM, r, 2};
    struct records_state state;
    const struct record_new wrong[] = {
        bare_record("", vector_1),
        bare_record("x", bad),
        bare_record("x", NULL),
        {.id = SLICE("x\0y"), .vector = vector_1},
        {.id = SLICE("x"), .vector = vector_1, .document = SLICE("\xff")},
        {.id = SLICE("x"), .vector = vector_1, .metadata = SLICE("1")},
        {.id = SLICE("x"), .vector = vector_1, .metadata = SLICE("{\"a\":1")},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct err err;

        r[1] = wrong[i];
        assert_int_equal(store_records_put(f->s, c.number, &b, &state, &err),
                         ERR_INVALID);
        assert_true(err.field[0] != 0);
    }
    b.n = RECORDS_MAX_BATCH + 1;
    GIVES(f, ERR_TOO_LARGE,
          store_records_put(f->s, c.number, &b, &state, &f->err));
    assert_int_equal(look_at(f, &c).state.count, 0);
    GIVES(f, ERR_NOT_FOUND,
          store_records_put(f->s, c.number + 1,
                            &(struct record_batch){.dim = DIM}, &state,
                            &f->err));
}

static void merged_metadata_has_a_limit(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c");
    char *text = arena_alloc(f->a, RECORDS_MAX_METADATA);
    size_t len = RECORDS_MAX_METADATA / 2 + 100;
    struct record_new r = bare_record("a", vector_1);
    struct record_batch b = {RECORDS_UPSERT, DIM, &r, 1};
    struct records_state state;

    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + len - 2, "\"}", 2);
    r.metadata = (struct slice){text, len};
    OK(f, store_records_put(f->s, c.number, &b, &state, &f->err));
    text[2] = 'b';
    GIVES(f, ERR_TOO_LARGE,
          store_records_put(f->s, c.number, &b, &state, &f->err));
    assert_true(slice_starts(record_of(f, c.number, "a").metadata, "{\"a\""));
}

static void deleted_records_are_gone(struct store_fixture *f)
{
    static const char *const names[] = {"b", "nobody", "d"};
    struct record_collection c = make_collection(f, 1, "c"),
                             other = make_collection(f, 2, "o");
    struct record_new r[] = {
        bare_record("a", vector_1), bare_record("b", vector_1),
        bare_record("c", vector_1), bare_record("d", vector_1)};
    struct records_state state = put_records(f, c.number, RECORDS_ADD, r, 4);
    int64_t last = record_of(f, c.number, "d").number, theirs, deleted;
    uint64_t before = state.generation;

    put_records(f, other.number, RECORDS_ADD, r, 2);
    delete_ids(f, c.number, names, 3, 2);
    assert_string_equal(ids_listed(f, c.number, 0, 10), "a c");
    state = look_at(f, &c).state;
    assert_true(state.generation > before);
    assert_int_equal(state.count, 2);
    assert_int_equal(state.removed, 2);
    delete_ids(f, c.number, names, 3, 0);
    assert_int_equal(look_at(f, &c).state.generation, state.generation);
    put_record(f, c.number, RECORDS_ADD, r[3]);
    assert_true(record_of(f, c.number, "d").number > last);
    assert_string_equal(ids_listed(f, c.number, 0, 10), "a c d");
    /* a number of another collection is none of this one */
    theirs = record_of(f, other.number, "a").number;
    OK(f, store_records_delete(f->s, c.number, &theirs, 1, &deleted, &f->err));
    assert_int_equal(deleted, 0);
    assert_string_equal(ids_listed(f, other.number, 0, 10), "a b");
}

/* ---- reading records ---- */

static void pages_begin_anywhere(struct store_fixture *f)
{
    static const char *const first[] = {"a"};
    struct record_collection c = make_collection(f, 1, "c");
    struct record_new r[] = {
        bare_record("a", vector_1), bare_record("b", vector_1),
        bare_record("c", vector_1), bare_record("d", vector_1),
        bare_record("e", vector_1)};
    struct record *list;
    int64_t after;
    size_t n;

    put_records(f, c.number, RECORDS_ADD, r, 5);
    put_records(f, make_collection(f, 2, "next").number, RECORDS_ADD, r, 5);
    assert_string_equal(ids_listed(f, c.number, 1, 2), "b c");
    assert_string_equal(ids_listed(f, c.number, 4, 9), "e");
    assert_string_equal(ids_listed(f, c.number, 5, 9), "");
    assert_string_equal(ids_listed(f, c.number, INT64_MAX, 9), "");
    assert_string_equal(ids_listed(f, c.number, 0, 0), "");
    after = record_of(f, c.number, "b").number;
    for (int i = 0; i < 2; i++) { /* with and without a gap */
        OK(f, store_records_list(f->s, f->a, c.number, after, 1, 1,
                                 RECORD_VECTOR, &list, &n, &f->err));
        assert_int_equal(n, 1);
        TEXT("d", list[0].id);
        assert_true(list[0].vector[0] == 1);
        delete_ids(f, c.number, first, 1, i == 0);
    }
    assert_string_equal(ids_listed(f, c.number, 1, 2), "c d");
    assert_string_equal(ids_listed(f, c.number, 3, 2), "e");
    assert_string_equal(ids_listed(f, c.number, 4, 2), "");
    assert_string_equal(ids_listed(f, c.number, INT64_MAX, 2), "");
}

static void records_come_as_asked_for(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c"),
                             other = make_collection(f, 2, "o");
    struct record_new r[] = {bare_record("a", vector_1),
                             bare_record("b", vector_2)};
    int64_t numbers[4];
    struct record *list;
    size_t n;

    r[0].document = r[0].uri = SLICE("x");
    r[0].metadata = SLICE("{\"a\":1}");
    put_records(f, c.number, RECORDS_ADD, r, 2);
    numbers[0] = record_of(f, c.number, "b").number;
    numbers[1] = numbers[0] + 1;
    numbers[2] = record_of(f, c.number, "a").number;
    put_records(f, other.number, RECORDS_ADD, r, 2);
    numbers[3] = record_of(f, other.number, "a").number;
    OK(f, store_records_get(f->s, f->a, c.number, numbers, 4, RECORD_DOCUMENT,
                            &list, &n, &f->err));
    assert_int_equal(n, 2);
    TEXT("b", list[0].id);
    TEXT("a", list[1].id);
    TEXT("x", list[1].document);
    assert_true(!list[1].vector && !list[1].uri.p && !list[1].metadata.p);
    OK(f, store_records_get(f->s, f->a, c.number, numbers, 4,
                            RECORD_URI | RECORD_METADATA, &list, &n, &f->err));
    TEXT("x", list[1].uri);
    TEXT("{\"a\":1}", list[1].metadata);
    assert_true(!list[1].vector && !list[1].document.p);
    OK(f, store_records_get(f->s, f->a, c.number, numbers, 0, 0, &list, &n,
                            &f->err));
    assert_int_equal(n, 0);
}

/* ---- what an index follows ---- */

struct seen {
    size_t n;
    int64_t last;
    char ids[1000];
    size_t bytes;
    size_t stop_at; /* 0: never */
};

static enum err_code see(void *ctx, const struct record *r, struct err *e)
{
    struct seen *w = ctx;

    assert_true(r->number > w->last);
    w->last = r->number;
    w->bytes += r->document.len;
    if (w->n++ < 20) {
        size_t len = strlen(w->ids);

        snprintf(w->ids + len, sizeof(w->ids) - len, "%.*s ", SLICE_ARG(r->id));
    }
    return w->n == w->stop_at ? err_set(e, ERR_CANCELLED, "stop") : ERR_NONE;
}

static struct records_state follow(struct store_fixture *f, int64_t collection,
                                   uint64_t since, const char *expected)
{
    struct seen seen = {0};
    struct records_state state;

    OK(f, store_records_each(f->s, collection, since, RECORD_VECTOR, see, &seen,
                             &state, &f->err));
    if (expected)
        assert_string_equal(seen.ids, expected);
    return state;
}

static void present(struct store_fixture *f, int64_t collection, size_t n)
{
    int64_t *numbers;
    size_t there;

    OK(f, store_records_present(f->s, collection, &numbers, &there, &f->err));
    assert_non_null(numbers);
    assert_int_equal(there, n);
    for (size_t i = 1; i < n; i++)
        assert_true(numbers[i] > numbers[i - 1]);
    free(numbers);
}

static void an_index_follows(struct store_fixture *f)
{
    static const char *const names[] = {"b"};
    struct record_collection c = make_collection(f, 1, "c"),
                             other = make_collection(f, 2, "o");
    struct record_new r[] = {
        bare_record("a", vector_1), bare_record("b", vector_1),
        bare_record("c", vector_1), bare_record("z", vector_1)};
    struct records_state first, state = follow(f, c.number, 0, "");

    assert_int_equal(state.generation, 0);
    present(f, c.number, 0);
    put_records(f, c.number, RECORDS_ADD, r, 4);
    put_records(f, other.number, RECORDS_ADD, r, 4);
    first = follow(f, c.number, 0, "a b c z ");
    follow(f, c.number, first.generation, "");
    put_record(f, c.number, RECORDS_UPDATE, bare_record("c", vector_2));
    put_record(f, c.number, RECORDS_ADD, bare_record("d", vector_2));
    put_record(f, c.number, RECORDS_UPDATE, bare_record("a", vector_2));
    delete_ids(f, c.number, names, 1, 1);
    state = follow(f, c.number, first.generation, "a c d ");
    assert_int_equal(state.count, 4);
    assert_int_equal(state.removed, first.removed + 1);
    present(f, c.number, 4);
    present(f, other.number, 4);
    follow(f, c.number, state.generation, "");
    follow(f, c.number, 0, "a c z d ");
}

static void many_records_are_followed(struct store_fixture *f)
{
    enum { N = 2500 }; /* more than a batch in either database */
    struct record_collection c = make_collection(f, 1, "c");
    struct record_new *r = arena_calloc(f->a, N, sizeof(*r));
    struct seen seen = {.stop_at = 700};
    struct records_state state, after;
    int64_t *numbers, deleted;
    size_t n;

    assert_non_null(r);
    for (int i = 0; i < N; i++) {
        r[i] = bare_record(arena_printf(f->a, "id-%d", i * 7919 % N), vector_1);
        r[i].document = SLICE("x");
    }
    state = put_records(f, c.number, RECORDS_ADD, r, N);
    assert_int_equal(state.count, N);
    GIVES(
        f, ERR_CANCELLED,
        store_records_each(f->s, c.number, 0, 0, see, &seen, &after, &f->err));
    assert_int_equal(seen.n, 700);
    for (uint64_t since = 0; since < 2; since++) {
        seen = (struct seen){0};
        put_records(f, c.number, RECORDS_UPSERT, r, N);
        OK(f, store_records_each(f->s, c.number, since, RECORD_DOCUMENT, see,
                                 &seen, &after, &f->err));
        assert_int_equal(seen.n, N);
        assert_int_equal(seen.bytes, N);
    }
    OK(f, store_records_present(f->s, c.number, &numbers, &n, &f->err));
    assert_int_equal(n, N);
    OK(f, store_records_delete(f->s, c.number, numbers, N, &deleted, &f->err));
    assert_int_equal(deleted, N);
    free(numbers);
    present(f, c.number, 0);
    assert_int_equal(look_at(f, &c).state.removed, N);
    put_records(f, c.number, RECORDS_ADD, r, N);
    present(f, c.number, N);
    OK(f, store_collection_delete(f->s, c.number, &f->err));
}

/* More in one batch of each() than its memory holds at once. */
static void large_documents_are_followed(struct store_fixture *f)
{
    enum { N = 12 };
    struct record_collection c = make_collection(f, 1, "c");
    char *text = arena_alloc(f->a, RECORDS_MAX_DOCUMENT);
    struct seen seen = {0};
    struct records_state state;

    assert_non_null(text);
    memset(text, 'x', RECORDS_MAX_DOCUMENT);
    for (int i = 0; i < N; i++) {
        struct record_new r =
            bare_record(arena_printf(f->a, "%d", i), vector_1);

        r.document = (struct slice){text, RECORDS_MAX_DOCUMENT};
        put_record(f, c.number, RECORDS_ADD, r);
    }
    OK(f, store_records_each(f->s, c.number, 0, ALL_FIELDS, see, &seen, &state,
                             &f->err));
    assert_int_equal(seen.bytes, N * RECORDS_MAX_DOCUMENT);
    put_record(f, c.number, RECORDS_UPDATE, bare_record("0", vector_2));
    seen = (struct seen){0};
    OK(f, store_records_each(f->s, c.number, 1, ALL_FIELDS, see, &seen, &state,
                             &f->err));
    assert_int_equal(seen.bytes, N * RECORDS_MAX_DOCUMENT);
}

struct writer {
    struct store *s;
    int64_t collection;
    int n;
    enum err_code code;
};

#define ROUNDS 20

static void *write_some(void *arg)
{
    struct writer *w = arg;

    for (int i = 0; i < ROUNDS && w->code == ERR_NONE; i++) {
        char own[20], shared[20];
        struct record_new r[2];
        struct record_batch b = {RECORDS_UPSERT, DIM, r, 2};
        struct records_state state;
        struct err err;

        snprintf(own, sizeof(own), "%d-%d", w->n, i);
        snprintf(shared, sizeof(shared), "%d", (i * 7 + w->n) % 10);
        r[0] = bare_record(w->n % 2 ? own : shared, vector_1);
        r[1] = bare_record(w->n % 2 ? shared : own, vector_2);
        w->code = store_records_put(w->s, w->collection, &b, &state, &err);
    }
    return NULL;
}

static void writers_do_not_lose_each_other(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c");
    struct writer w[4];
    pthread_t threads[4];
    struct records_state state;

    for (int i = 0; i < 4; i++) {
        w[i] = (struct writer){f->s, c.number, i, ERR_NONE};
        assert_int_equal(pthread_create(&threads[i], NULL, write_some, &w[i]),
                         0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(w[i].code, ERR_NONE);
    }
    state = look_at(f, &c).state;
    assert_int_equal(state.count, 4 * ROUNDS + 10);
    assert_int_equal(state.removed, 0);
    assert_int_equal(state.generation, 4 * ROUNDS);
    present(f, c.number, 4 * ROUNDS + 10);
}

static void records_survive_a_restart(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c"), again;
    struct store *s;

    put_record(f, c.number, RECORDS_ADD, bare_record("a", vector_1));
    s = store_reopen(f);
    OK(f, store_collection_get(s, f->a, c.id, &again, &f->err));
    assert_int_equal(again.number, c.number);
    assert_int_equal(again.state.count, 1);
    store_close(s);
}

int main(void)
{
    const struct store_case cases[] = {
        CASE(added_records_are_kept),
        CASE(add_leaves_what_is_there),
        CASE(update_changes_what_is_given),
        CASE(upsert_adds_or_updates),
        CASE(metadata_merges_by_member),
        CASE(dimensions_do_not_mix),
        CASE(long_vectors_are_kept),
        CASE(bad_records_are_refused),
        CASE(merged_metadata_has_a_limit),
        CASE(deleted_records_are_gone),
        CASE(pages_begin_anywhere),
        CASE(records_come_as_asked_for),
        CASE(an_index_follows),
        CASE(many_records_are_followed),
        CASE(large_documents_are_followed),
        CASE(writers_do_not_lose_each_other),
        CASE_WHERE(ON_DISK, records_survive_a_restart),
    };

    return STORE_SUITE("store_records", cases);
}
