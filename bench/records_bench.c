/* records_bench.c - what the store under Chroma's API costs, without HTTP.
 *
 *     records_bench DATABASE_URL DATA_DIR [RECORDS [DIM [BATCH]]]
 *
 * Makes a collection of random vectors with documents and metadata, works on it
 * and deletes it.  Meanwhile another thread writes a small thing again and
 * again (a mark of a paper that is not there): "others wait" is the longest
 * that such a write took while the line before it ran.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "store/desk.h"
#include "store/records.h"

#define ID "00000000-0000-4000-8000-00000000beac"

static struct err err;

static void check(enum err_code code, const char *what)
{
    if (code == ERR_NONE)
        return;
    fprintf(stderr, "records_bench: %s: %s\n", what, err.msg);
    exit(1);
}

/* ---- the other writer ---- */

static _Atomic bool stopping;
static _Atomic int64_t longest;

static void *write_small(void *arg)
{
    struct store *s = arg;
    struct err mine;

    while (!atomic_load(&stopping)) {
        const bool read = true;
        const int64_t id = 1;
        bool marked;
        int64_t began = clock_mono_us(), took;

        if (store_marks_set(s, &id, 1, &(struct marks_change){.read = &read},
                            &marked, &mine) != ERR_NONE)
            break;
        took = clock_mono_us() - began;
        if (took > atomic_load(&longest))
            atomic_store(&longest, took);
    }
    return NULL;
}

/* ---- timing ---- */

static int64_t started;

static void start(void)
{
    atomic_store(&longest, 0);
    started = clock_mono_us();
}

static void stop(const char *what, int64_t n)
{
    int64_t us = clock_mono_us() - started;

    printf("%-36s %9.1f ms  %10.1f us each, others wait %.1f ms\n", what,
           (double)us / 1e3, (double)us / (double)(n ? n : 1),
           (double)atomic_load(&longest) / 1e3);
}

/* ---- records ---- */

struct made {
    struct arena *a;
    struct record_new *records;
    float *vectors;
    size_t n;
    int dim, batch;
};

static struct made make_records(size_t n, int dim, int batch)
{
    struct made m = {
        .a = arena_new((size_t)16 << 30), .n = n, .dim = dim, .batch = batch};

    m.records = arena_calloc(m.a, n, sizeof(*m.records));
    m.vectors = arena_alloc(m.a, n * (size_t)dim * sizeof(float));
    if (!m.records || !m.vectors)
        exit(1);
    for (size_t i = 0; i < n * (size_t)dim; i++)
        m.vectors[i] = (float)random() / (float)RAND_MAX - 0.5f;
    for (size_t i = 0; i < n; i++)
        m.records[i] = (struct record_new){
            .id = slice_of(arena_printf(m.a, "record-%zu", i)),
            .vector = m.vectors + i * (size_t)dim,
            .document = slice_of(
                arena_printf(m.a,
                             "Document %zu says a thing or two about attention,"
                             " retrieval and graphs, as an abstract does.",
                             i)),
            .metadata = slice_of(arena_printf(
                m.a, "{\"year\":%zu,\"source\":\"bench\",\"even\":%s}",
                2000 + i % 25, i % 2 ? "false" : "true"))};
    return m;
}

static void put(struct store *s, int64_t collection, const struct made *m,
                enum records_put how, size_t n)
{
    for (size_t i = 0; i < n; i += (size_t)m->batch) {
        struct record_batch b = {how, m->dim, m->records + i,
                                 n - i < (size_t)m->batch ? n - i
                                                          : (size_t)m->batch};
        struct records_state state;

        check(store_records_put(s, collection, &b, &state, &err), "put");
    }
}

static enum err_code count_one(void *ctx, const struct record *r, struct err *e)
{
    (void)e;
    *(int64_t *)ctx += r->number != 0;
    return ERR_NONE;
}

static void each(struct store *s, int64_t collection, uint64_t since,
                 unsigned fields, const char *what)
{
    struct records_state state;
    int64_t n = 0;

    start();
    check(store_records_each(s, collection, since, fields, count_one, &n,
                             &state, &err),
          "each");
    stop(what, n);
}

static void read_some(struct store *s, int64_t collection, const int64_t *there,
                      size_t n)
{
    enum { RUNS = 1000 };
    struct arena *a = arena_new((size_t)64 << 20);
    struct record_collection c;
    struct record *list;
    size_t got;

    start();
    for (int i = 0; i < RUNS; i++) {
        int64_t numbers[10];

        arena_reset(a);
        for (int j = 0; j < 10; j++)
            numbers[j] = there[(size_t)random() % n];
        check(store_records_get(s, a, collection, numbers, 10,
                                RECORD_DOCUMENT | RECORD_METADATA, &list, &got,
                                &err),
              "get");
    }
    stop("get 10 by number, without vectors", RUNS);
    start();
    for (int i = 0; i < RUNS; i++) {
        arena_reset(a);
        check(store_collection_get(s, a, SLICE(ID), &c, &err), "collection");
    }
    stop("look at the collection", RUNS);
    start();
    for (int i = 0; i < 20; i++) {
        arena_reset(a);
        check(store_records_list(s, a, collection, 0, random() % (int64_t)n,
                                 100, RECORD_DOCUMENT, &list, &got, &err),
              "list");
    }
    stop("a page of 100 anywhere", 20);
    arena_free(a);
}

static int64_t *present(struct store *s, int64_t collection, size_t *n)
{
    int64_t *there;

    start();
    check(store_records_present(s, collection, &there, n, &err), "present");
    stop("numbers that are there", (int64_t)*n);
    return there;
}

static void work(struct store *s, const struct made *m, int64_t collection)
{
    struct records_state state;
    int64_t *there, deleted;
    size_t n;

    start();
    put(s, collection, m, RECORDS_ADD, m->n);
    stop("add", (int64_t)m->n);
    each(s, collection, 0, RECORD_VECTOR, "read all vectors");
    each(s, collection, 0, RECORD_DOCUMENT | RECORD_METADATA,
         "read all documents and metadata");
    there = present(s, collection, &n);
    read_some(s, collection, there, n);
    start();
    put(s, collection, m, RECORDS_ADD, m->n);
    stop("add the same again", (int64_t)m->n);
    start();
    put(s, collection, m, RECORDS_UPSERT, 1000);
    stop("upsert 1,000", 1000);
    start();
    for (size_t i = 0; i < 100; i++) {
        struct record_batch b = {RECORDS_UPSERT, m->dim, m->records + i, 1};

        check(store_records_put(s, collection, &b, &state, &err), "put");
    }
    stop("upsert one, 100 times", 100);
    each(s, collection, state.generation - 1, RECORD_VECTOR, "read the last");
    start();
    check(store_records_delete(s, collection, there, 1000, &deleted, &err),
          "delete");
    stop("delete 1,000", 1000);
    free(there);
    start();
    check(store_collection_delete(s, collection, &err), "delete");
    stop("delete the collection", (int64_t)m->n);
}

int main(int argc, char **argv)
{
    struct record_collection out, in = {.id = SLICE(ID),
                                        .name = SLICE("bench"),
                                        .tenant = SLICE(DEFAULT_TENANT),
                                        .database = SLICE(DEFAULT_DATABASE)};
    struct arena *a = arena_new(1 << 20);
    struct store *s;
    struct made m;
    pthread_t other;
    bool existing;

    if (argc < 3) {
        fprintf(stderr, "usage: records_bench DATABASE_URL DATA_DIR"
                        " [RECORDS [DIM [BATCH]]]\n");
        return 2;
    }
    m = make_records(argc > 3 ? strtoul(argv[3], NULL, 10) : 10000,
                     argc > 4 ? (int)strtol(argv[4], NULL, 10) : 384,
                     argc > 5 ? (int)strtol(argv[5], NULL, 10) : 5000);
    check(store_open(&s,
                     &(struct store_options){.database_url = argv[1],
                                             .data_dir = argv[2]},
                     &err),
          "open");
    check(store_collection_create(s, a, &in, &out, &existing, &err), "create");
    pthread_create(&other, NULL, write_small, s);
    work(s, &m, out.number);
    atomic_store(&stopping, true);
    pthread_join(other, NULL);
    store_close(s);
    arena_free(m.a);
    arena_free(a);
    return 0;
}
