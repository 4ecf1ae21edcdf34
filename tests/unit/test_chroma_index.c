/* test_chroma_index.c - indexes of collections follow the store. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "chroma/index.h"
#include "records_fixture.h"

static struct indexes *make_indexes(struct store_fixture *f, size_t memory)
{
    struct indexes *all = NULL;

    OK(f, indexes_new(
              &all, &(struct indexes_options){.store = f->s, .memory = memory},
              &f->err));
    return all;
}

/* One query, of the hits' room. */
static enum err_code find(struct index *ix, const struct record_collection *c,
                          const struct vector_filter *keep, size_t k,
                          struct vector_hit *hits, size_t *n, struct err *e)
{
    const struct vector_query q = {
        .vector = vector_1, .metric = VECTOR_L2, .k = k, .filter = keep};

    return index_search(ix, c, &q, 1, &hits, n, e);
}

static struct where *filter(const char *text)
{
    struct where *w = NULL;
    struct err e = {0};
    json_t *v = NULL;

    if (json_parse(&v, slice_of(text), &e) != ERR_NONE ||
        where_compile_records(&w, v, NULL, &e) != ERR_NONE)
        fail_msg("%s: %s", text, e.msg);
    json_decref(v);
    return w;
}

/* How many the filter (NULL: none) lets through, asked in both ways. */
static size_t matching(struct store_fixture *f, struct indexes *all,
                       const struct record_collection *c, const char *where)
{
    struct record_collection now = look_at(f, c);
    struct where *w = where ? filter(where) : NULL;
    struct where_set *set = NULL;
    struct vector_hit hits[100];
    struct vector_filter keep = {0};
    struct index *ix = NULL;
    size_t n = 0;

    OK(f, index_get(&ix, all, &now, &f->err));
    if (w)
        OK(f, index_filter(ix, &now, w, &set, &f->err));
    if (w)
        keep.ids = where_set_ids(set);
    OK(f, find(ix, &now, w ? &keep : NULL, 100, hits, &n, &f->err));
    if (w)
        assert_int_equal(vector_ids_count(keep.ids), n);
    where_set_release(set);
    where_free(w);
    index_release(all, ix);
    return n;
}

static struct record_new record(const char *id, const char *metadata,
                                const char *document)
{
    struct record_new r = bare_record(id, vector_2);

    r.metadata = slice_of(metadata);
    r.document = slice_of(document);
    return r;
}

static void follow(struct store_fixture *f, struct indexes *all)
{
    static const char even[] = "{\"even\":true}";
    static const char red[] = "{\"#document\":{\"$contains\":\"red\"}}";
    struct record_collection c = make_collection(f, 1, "c");
    int64_t number = 0, deleted = 0;
    struct slice id = SLICE("b");

    put_record(f, c.number, RECORDS_ADD, record("a", even, "red"));
    put_record(f, c.number, RECORDS_ADD, record("b", even, NULL));
    put_record(f, c.number, RECORDS_ADD, record("c", NULL, "a red fox"));
    assert_int_equal(matching(f, all, &c, NULL), 3);
    assert_int_equal(matching(f, all, &c, even), 2);
    assert_int_equal(matching(f, all, &c, red), 2);
    assert_int_equal(matching(f, all, &c, red), 2);
    put_record(f, c.number, RECORDS_UPSERT,
               record("a", "{\"even\":false}", "blue"));
    put_record(f, c.number, RECORDS_ADD, record("d", even, "red"));
    assert_int_equal(matching(f, all, &c, even), 2);
    assert_int_equal(matching(f, all, &c, red), 2);
    OK(f, store_records_find(f->s, c.number, &id, 1, &number, &f->err));
    OK(f, store_records_delete(f->s, c.number, &number, 1, &deleted, &f->err));
    assert_int_equal(matching(f, all, &c, even), 1);
    assert_int_equal(matching(f, all, &c, NULL), 3);
    OK(f, store_collection_delete(f->s, c.number, &f->err));
    index_forget(all, c.number);
}

static void changes_are_followed(struct store_fixture *f)
{
    struct indexes *all = make_indexes(f, 64u << 20);
    struct indexes_info info;

    follow(f, all);
    indexes_info(all, &info);
    assert_int_equal(info.collections, 0);
    indexes_free(all);
}

/* Made anew each time: the same answers, and nothing stays. */
static void without_memory(struct store_fixture *f)
{
    struct indexes *all = make_indexes(f, 0);
    struct indexes_info info;

    follow(f, all);
    indexes_info(all, &info);
    assert_int_equal(info.collections, 0);
    indexes_free(all);
}

static void the_oldest_goes_first(struct store_fixture *f)
{
    struct record_collection c[3];
    struct indexes *all = make_indexes(f, 64u << 20);
    struct indexes_info one, three;
    char name[] = "c0";

    for (int i = 0; i < 3; i++) {
        name[1] = (char)('0' + i);
        c[i] = make_collection(f, i + 1, name);
        put_record(f, c[i].number, RECORDS_ADD, bare_record("a", vector_1));
        assert_int_equal(matching(f, all, &c[i], NULL), 1);
        if (i == 0)
            indexes_info(all, &one);
    }
    indexes_info(all, &three);
    assert_int_equal(one.collections, 1);
    assert_int_equal(three.collections, 3);
    assert_int_equal(three.vectors, 3);
    indexes_free(all);
    all = make_indexes(f, one.memory_bytes * 5 / 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(matching(f, all, &c[i], NULL), 1);
    indexes_info(all, &three);
    assert_int_equal(three.collections, 2);
    indexes_free(all);
}

static void a_collection_that_is_gone(struct store_fixture *f)
{
    struct record_collection c = make_collection(f, 1, "c"), now;
    struct indexes *all = make_indexes(f, 64u << 20);
    struct vector_hit hits[3];
    struct index *ix = NULL;
    size_t n = 0;

    put_record(f, c.number, RECORDS_ADD, bare_record("a", vector_1));
    now = look_at(f, &c);
    OK(f, store_collection_delete(f->s, c.number, &f->err));
    OK(f, index_get(&ix, all, &now, &f->err));
    GIVES(f, ERR_NOT_FOUND, find(ix, &now, NULL, 3, hits, &n, &f->err));
    index_forget(all, c.number); /* in use: stays until it is given back */
    index_release(all, ix);
    indexes_free(all);
}

/* ---- at once ---- */

#define READERS 4
#define WRITES 40

struct at_once {
    struct store_fixture *f;
    struct indexes *all;
    struct record_collection c;
    atomic_bool done;
    atomic_int wrong;
};

/* One look: as many as the collection said, or more by now. */
static bool look(struct at_once *o, struct arena *a, const struct where *w)
{
    struct record_collection now;
    struct where_set *set = NULL;
    struct vector_hit hits[WRITES + 1];
    struct index *ix = NULL;
    struct err e = {0};
    size_t n = 0;
    bool ok;

    arena_reset(a);
    if (store_collection_get(o->f->s, a, o->c.id, &now, &e) != ERR_NONE ||
        index_get(&ix, o->all, &now, &e) != ERR_NONE)
        return false;
    ok = index_filter(ix, &now, w, &set, &e) == ERR_NONE &&
         (int64_t)vector_ids_count(where_set_ids(set)) >= now.state.count;
    ok = ok && now.dim &&
         find(ix, &now, NULL, WRITES + 1, hits, &n, &e) == ERR_NONE &&
         (int64_t)n >= now.state.count;
    where_set_release(set);
    index_release(o->all, ix);
    return ok;
}

static void *read_on(void *arg)
{
    struct at_once *o = arg;
    struct arena *a = arena_new(1u << 20);
    struct where *w = filter("{\"k\":1}");

    while (a && !o->done)
        if (!look(o, a, w))
            o->wrong++;
    where_free(w);
    arena_free(a);
    return NULL;
}

static void readers_and_a_writer(struct store_fixture *f)
{
    struct at_once o = {.f = f, .c = make_collection(f, 1, "c")};
    pthread_t readers[READERS];

    o.all = make_indexes(f, 64u << 20);
    put_record(f, o.c.number, RECORDS_ADD, record("first", "{\"k\":1}", NULL));
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &o), 0);
    for (int i = 1; i < WRITES; i++) {
        char id[20];

        snprintf(id, sizeof(id), "id%d", i);
        put_record(f, o.c.number, RECORDS_ADD, record(id, "{\"k\":1}", NULL));
    }
    o.done = true;
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(o.wrong, 0);
    assert_int_equal(matching(f, o.all, &o.c, "{\"k\":1}"), WRITES);
    indexes_free(o.all);
}

int main(void)
{
    const struct store_case cases[] = {
        CASE(changes_are_followed),  CASE(without_memory),
        CASE(the_oldest_goes_first), CASE(a_collection_that_is_gone),
        CASE(readers_and_a_writer),
    };

    return STORE_SUITE("chroma_index", cases);
}
