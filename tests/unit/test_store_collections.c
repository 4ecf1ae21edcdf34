/* test_store_collections.c - conformance of store/records.h: Chroma's tenants,
 * databases and collections. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "records_fixture.h"

/* ---- tenants and databases ---- */

static void defaults_are_there(struct store_fixture *f)
{
    struct record_database d;
    bool exists;

    OK(f, store_tenant_exists(f->s, SLICE(DEFAULT_TENANT), &exists, &f->err));
    assert_true(exists);
    OK(f, store_database_get(f->s, f->a, SLICE(DEFAULT_TENANT),
                             SLICE(DEFAULT_DATABASE), &d, &f->err));
    TEXT("00000000-0000-0000-0000-000000000000", d.id);
    TEXT(DEFAULT_DATABASE, d.name);
    TEXT(DEFAULT_TENANT, d.tenant);
}

static void tenants_have_one_name(struct store_fixture *f)
{
    bool exists;

    OK(f, store_tenant_create(f->s, SLICE("acme"), &f->err));
    GIVES(f, ERR_CONFLICT, store_tenant_create(f->s, SLICE("acme"), &f->err));
    OK(f, store_tenant_exists(f->s, SLICE("acme"), &exists, &f->err));
    assert_true(exists);
    OK(f, store_tenant_exists(f->s, SLICE("Acme"), &exists, &f->err));
    assert_false(exists);
    GIVES(f, ERR_INVALID, store_tenant_create(f->s, SLICE(""), &f->err));
}

static void databases_are_listed(struct store_fixture *f)
{
    static const char *const names[] = {"b", "a", "c"};
    struct record_database *list, d;
    int64_t count;
    size_t n;

    for (int i = 0; i < 3; i++) {
        d = (struct record_database){a_uuid(f, i), slice_of(names[i]),
                                     SLICE("acme")};
        OK(f, store_database_create(f->s, &d, &f->err));
    }
    d.id = a_uuid(f, 9);
    GIVES(f, ERR_CONFLICT, store_database_create(f->s, &d, &f->err));
    d = (struct record_database){a_uuid(f, 4), SLICE("c"), SLICE("other")};
    OK(f, store_database_create(f->s, &d, &f->err));
    OK(f, store_databases_list(f->s, f->a, SLICE("acme"), 1, 2, &list, &n,
                               &count, &f->err));
    assert_int_equal(n, 2);
    assert_int_equal(count, 3);
    TEXT("b", list[0].name);
    assert_true(slice_eq(list[0].id, a_uuid(f, 0)));
    TEXT("c", list[1].name);
    TEXT("acme", list[1].tenant);
    OK(f, store_databases_list(f->s, f->a, SLICE("none"), 0, 5, &list, &n,
                               &count, &f->err));
    assert_int_equal(n + (size_t)count, 0);
    GIVES(f, ERR_NOT_FOUND,
          store_database_get(f->s, f->a, SLICE("other"), SLICE("a"), &d,
                             &f->err));
    d = (struct record_database){SLICE("no uuid"), SLICE("x"), SLICE("y")};
    GIVES(f, ERR_INVALID, store_database_create(f->s, &d, &f->err));
}

static void a_database_goes_with_all_it_has(struct store_fixture *f)
{
    struct record_database d = {a_uuid(f, 1), SLICE("db"), SLICE("acme")};
    struct record_collection in = a_collection(f, 2, "c"), out, kept;
    struct record *r;
    size_t n;
    bool existing;

    in.tenant = d.tenant;
    in.database = d.name;
    GIVES(f, ERR_NOT_FOUND,
          store_collection_create(f->s, f->a, &in, &out, &existing, &f->err));
    OK(f, store_database_create(f->s, &d, &f->err));
    OK(f, store_collection_create(f->s, f->a, &in, &out, &existing, &f->err));
    TEXT("acme", out.tenant);
    TEXT("db", out.database);
    kept = make_collection(f, 3, "c");
    put_record(f, out.number, RECORDS_ADD, bare_record("x", vector_1));
    put_record(f, kept.number, RECORDS_ADD, bare_record("x", vector_2));
    OK(f, store_database_delete(f->s, SLICE("acme"), SLICE("db"), &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_database_delete(f->s, SLICE("acme"), SLICE("db"), &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_collection_get(f->s, f->a, out.id, &out, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_records_list(f->s, f->a, out.number, 0, 0, 9, 0, &r, &n,
                             &f->err));
    assert_true(record_of(f, kept.number, "x").vector[0] == 2);
}

/* ---- collections ---- */

static void a_collection_is_kept(struct store_fixture *f)
{
    struct record_collection in = a_collection(f, 1, "c"), out, found;
    bool existing;

    in.metadata = SLICE("{\"a\":1}");
    in.configuration = SLICE("{\"hnsw\": {}}");
    OK(f, store_collection_create(f->s, f->a, &in, &out, &existing, &f->err));
    assert_false(existing);
    OK(f, store_collection_find(f->s, f->a, in.tenant, in.database, in.name,
                                &found, &f->err));
    assert_int_equal(found.number, out.number);
    assert_true(slice_eq(found.id, in.id));
    TEXT("c", found.name);
    TEXT("{\"a\":1}", found.metadata);
    TEXT("{\"hnsw\": {}}", found.configuration);
    assert_int_equal(found.dim, 0);
    assert_int_equal(found.created_at, NOW);
    assert_int_equal(found.state.generation, 0);
    assert_int_equal(found.state.count + found.state.removed, 0);
    out = make_collection(f, 2, "d");
    assert_true(out.number > found.number);
    assert_null(look_at(f, &out).metadata.p);
    GIVES(f, ERR_NOT_FOUND,
          store_collection_find(f->s, f->a, in.tenant, SLICE("x"), in.name,
                                &found, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_collection_get(f->s, f->a, a_uuid(f, 9), &found, &f->err));
}

static void a_name_is_taken_once(struct store_fixture *f)
{
    struct record_collection in = a_collection(f, 2, "c"), out;
    struct record_collection first = make_collection(f, 1, "c");
    bool existing;

    in.metadata = SLICE("{\"new\":true}");
    OK(f, store_collection_create(f->s, f->a, &in, &out, &existing, &f->err));
    assert_true(existing);
    assert_int_equal(out.number, first.number);
    assert_true(slice_eq(out.id, first.id));
    assert_null(out.metadata.p);
    in = a_collection(f, 1, "other name");
    GIVES(f, ERR_CONFLICT,
          store_collection_create(f->s, f->a, &in, &out, &existing, &f->err));
    in = a_collection(f, 3, "");
    GIVES(f, ERR_INVALID,
          store_collection_create(f->s, f->a, &in, &out, &existing, &f->err));
    in = a_collection(f, 3, "x");
    in.metadata = SLICE("[1]");
    GIVES(f, ERR_INVALID,
          store_collection_create(f->s, f->a, &in, &out, &existing, &f->err));
    in.metadata = SLICE("{\"a\":}");
    GIVES(f, ERR_INVALID,
          store_collection_create(f->s, f->a, &in, &out, &existing, &f->err));
}

struct creator {
    struct store *s;
    int n;
    char id[40];
    int64_t number;
    bool existing;
    enum err_code code;
};

static void *create_c(void *arg)
{
    struct creator *w = arg;
    struct arena *a = arena_new(1 << 20);
    struct record_collection out, in = {.id = slice_of(w->id),
                                        .name = SLICE("the same"),
                                        .tenant = SLICE(DEFAULT_TENANT),
                                        .database = SLICE(DEFAULT_DATABASE),
                                        .configuration = SLICE("{}")};
    struct err err = {0};

    w->code = store_collection_create(w->s, a, &in, &out, &w->existing, &err);
    w->number = w->code == ERR_NONE ? out.number : 0;
    arena_free(a);
    return NULL;
}

static void many_create_one(struct store_fixture *f)
{
    struct creator w[6];
    pthread_t threads[6];
    int created = 0;

    for (int i = 0; i < 6; i++) {
        w[i] = (struct creator){.s = f->s, .n = i};
        snprintf(w[i].id, sizeof(w[i].id), "%.*s", SLICE_ARG(a_uuid(f, i)));
        assert_int_equal(pthread_create(&threads[i], NULL, create_c, &w[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(w[i].code, ERR_NONE);
        assert_int_equal(w[i].number, w[0].number);
        created += !w[i].existing;
    }
    assert_int_equal(created, 1);
}

static void collections_are_listed(struct store_fixture *f)
{
    struct record_collection *list;
    int64_t count;
    size_t n;

    make_collection(f, 1, "zed");
    make_collection(f, 2, "alpha");
    make_collection(f, 3, "mid");
    OK(f, store_collections_list(f->s, f->a, SLICE(DEFAULT_TENANT),
                                 SLICE(DEFAULT_DATABASE), 0, 2, &list, &n,
                                 &count, &f->err));
    assert_int_equal(n, 2);
    assert_int_equal(count, 3);
    TEXT("zed", list[0].name);
    TEXT("alpha", list[1].name);
    OK(f, store_collections_list(f->s, f->a, SLICE(DEFAULT_TENANT),
                                 SLICE(DEFAULT_DATABASE), 2, 2, &list, &n,
                                 &count, &f->err));
    assert_int_equal(n, 1);
    TEXT("mid", list[0].name);
    OK(f,
       store_collections_list(f->s, f->a, SLICE(DEFAULT_TENANT), SLICE("none"),
                              0, 2, &list, &n, &count, &f->err));
    assert_int_equal(n + (size_t)count, 0);
}

static void a_collection_is_modified(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c"), now;
    struct collection_change ch = {.set_metadata = true,
                                   .metadata = SLICE("{\"b\":2}")};

    make_collection(f, 2, "taken");
    OK(f, store_collection_modify(f->s, c.number, &ch, &f->err));
    now = look_at(f, &c);
    TEXT("{\"b\":2}", now.metadata);
    TEXT("c", now.name);
    TEXT("{}", now.configuration);
    ch = (struct collection_change){.name = SLICE("d"),
                                    .set_configuration = true,
                                    .configuration = SLICE("{\"x\":1}")};
    OK(f, store_collection_modify(f->s, c.number, &ch, &f->err));
    now = look_at(f, &c);
    TEXT("d", now.name);
    TEXT("{\"b\":2}", now.metadata);
    TEXT("{\"x\":1}", now.configuration);
    OK(f, store_collection_modify(f->s, c.number, &ch, &f->err));
    ch = (struct collection_change){.set_metadata = true};
    OK(f, store_collection_modify(f->s, c.number, &ch, &f->err));
    assert_null(look_at(f, &c).metadata.p);
    ch = (struct collection_change){.name = SLICE("taken")};
    GIVES(f, ERR_CONFLICT,
          store_collection_modify(f->s, c.number, &ch, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_collection_modify(f->s, c.number + 99, &ch, &f->err));
    TEXT("d", look_at(f, &c).name);
}

static void a_collection_is_deleted(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c"), again;
    struct record_new r = bare_record("a", vector_1);
    struct record_batch b = {RECORDS_ADD, DIM, &r, 1};
    struct records_state state;
    int64_t deleted, *numbers, number;
    struct record *list;
    size_t n;

    put_record(f, c.number, RECORDS_ADD, r);
    number = record_of(f, c.number, "a").number;
    OK(f, store_collection_delete(f->s, c.number, &f->err));
    GIVES(f, ERR_NOT_FOUND, store_collection_delete(f->s, c.number, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_records_put(f->s, c.number, &b, &state, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_records_delete(f->s, c.number, &number, 1, &deleted, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_records_find(f->s, c.number, &r.id, 1, &number, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_records_get(f->s, f->a, c.number, &number, 1, 0, &list, &n,
                            &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_records_present(f->s, c.number, &numbers, &n, &f->err));
    again = make_collection(f, 1, "c");
    assert_true(again.number > c.number);
    assert_string_equal(ids_listed(f, again.number, 0, 10), "");
    OK(f, store_records_sweep(f->s, &deleted, &f->err));
    assert_int_equal(deleted, 0);
}

static void reset_leaves_the_defaults(struct store_fixture *f)
{
    struct record_database d = {a_uuid(f, 1), SLICE("db"), SLICE("acme")};
    struct record_collection c = make_collection(f, 1, "c"), again;
    bool exists;

    put_record(f, c.number, RECORDS_ADD, bare_record("a", vector_1));
    OK(f, store_tenant_create(f->s, SLICE("acme"), &f->err));
    OK(f, store_database_create(f->s, &d, &f->err));
    OK(f, store_database_delete(f->s, SLICE(DEFAULT_TENANT),
                                SLICE(DEFAULT_DATABASE), &f->err));
    OK(f, store_records_reset(f->s, &f->err));
    OK(f, store_tenant_exists(f->s, SLICE("acme"), &exists, &f->err));
    assert_false(exists);
    GIVES(f, ERR_NOT_FOUND,
          store_database_get(f->s, f->a, SLICE("acme"), SLICE("db"), &d,
                             &f->err));
    defaults_are_there(f);
    again = make_collection(f, 1, "c");
    assert_true(again.number > c.number);
    OK(f, store_records_reset(f->s, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_collection_get(f->s, f->a, again.id, &again, &f->err));
}

int main(void)
{
    const struct store_case cases[] = {
        CASE(defaults_are_there),        CASE(tenants_have_one_name),
        CASE(databases_are_listed),      CASE(a_database_goes_with_all_it_has),
        CASE(a_collection_is_kept),      CASE(a_name_is_taken_once),
        CASE(many_create_one),           CASE(collections_are_listed),
        CASE(a_collection_is_modified),  CASE(a_collection_is_deleted),
        CASE(reset_leaves_the_defaults),
    };

    return STORE_SUITE("store_collections", cases);
}
