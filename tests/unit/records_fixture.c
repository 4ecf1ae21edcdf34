/* records_fixture.c - see records_fixture.h. */
#include "records_fixture.h"

#include <stdio.h>
#include <string.h>

static const char uuid[] = "00000000-0000-4000-8000-000000000000";

/* Another one for each number, in arena. */
struct slice a_uuid(struct store_fixture *f, int n)
{
    char *id = arena_strdup(f->a, uuid);

    assert_non_null(id);
    snprintf(id + 32, 5, "%04x", (unsigned)n);
    return slice_of(id);
}

struct record_collection a_collection(struct store_fixture *f, int n,
                                      const char *name)
{
    return (struct record_collection){.id = a_uuid(f, n),
                                      .name = slice_of(name),
                                      .tenant = SLICE(DEFAULT_TENANT),
                                      .database = SLICE(DEFAULT_DATABASE),
                                      .configuration = SLICE("{}"),
                                      .created_at = NOW};
}

struct record_collection make_collection(struct store_fixture *f, int n,
                                         const char *name)
{
    struct record_collection in = a_collection(f, n, name), out;
    bool existing;

    OK(f, store_collection_create(f->s, f->a, &in, &out, &existing, &f->err));
    assert_false(existing);
    return out;
}

/* As it is now. */
struct record_collection look_at(struct store_fixture *f,
                                 const struct record_collection *c)
{
    struct record_collection out;

    OK(f, store_collection_get(f->s, f->a, c->id, &out, &f->err));
    return out;
}

struct records_state put_records(struct store_fixture *f, int64_t collection,
                                 enum records_put how,
                                 const struct record_new *r, size_t n)
{
    struct record_batch b = {.how = how, .dim = DIM, .records = r, .n = n};
    struct records_state state;

    OK(f, store_records_put(f->s, collection, &b, &state, &f->err));
    return state;
}

void put_record(struct store_fixture *f, int64_t collection,
                enum records_put how, struct record_new r)
{
    put_records(f, collection, how, &r, 1);
}

const float vector_1[DIM] = {1, 0, 0}, vector_2[DIM] = {2, 0, 0},
            vector_3[DIM] = {3, 0, 0};

/* A record with nothing but a vector. */
struct record_new bare_record(const char *id, const float *v)
{
    return (struct record_new){.id = slice_of(id), .vector = v};
}

struct record record_of(struct store_fixture *f, int64_t collection,
                        const char *id)
{
    struct slice ids[] = {slice_of(id)};
    struct record *r;
    int64_t number;
    size_t n;

    OK(f, store_records_find(f->s, collection, ids, 1, &number, &f->err));
    assert_true(number > 0);
    OK(f, store_records_get(f->s, f->a, collection, &number, 1, ALL_FIELDS, &r,
                            &n, &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(r->number, number);
    TEXT(id, r->id);
    return *r;
}

/* "a b c": ids in the order of their numbers. */
const char *ids_listed(struct store_fixture *f, int64_t collection,
                       int64_t offset, int limit)
{
    char *text = arena_calloc(f->a, 1, 1000);
    struct record *r;
    size_t n, len = 0;

    assert_non_null(text);
    OK(f, store_records_list(f->s, f->a, collection, 0, offset, limit, 0, &r,
                             &n, &f->err));
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || r[i].number > r[i - 1].number);
        assert_false(r[i].vector || r[i].document.p || r[i].uri.p ||
                     r[i].metadata.p);
        len += (size_t)snprintf(text + len, 1000 - len, "%s%.*s", i ? " " : "",
                                SLICE_ARG(r[i].id));
    }
    return text;
}
