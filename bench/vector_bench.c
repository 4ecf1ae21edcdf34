/* vector_bench.c - the index's side of bench_vectors.py.
 *
 *     vector_bench VECTORS QUERIES FOLDER
 *
 * Both files hold float32 vectors of 384, one after the other; the floats of
 * the index go to FOLDER.  Prints "ready SECONDS BYTES", BYTES of memory a
 * vector.  Then for each line on stdin it answers every query, k = 10, on one
 * thread, and prints a line for each: microseconds and the ten numbers; so the
 * peers can be measured in between.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "vector/index.h"

#define DIM 384
#define K 10
#define BATCH 1000

static void fail(const char *what)
{
    fprintf(stderr, "vector_bench: %s\n", what);
    exit(1);
}

static FILE *open_file(const char *path)
{
    FILE *f = fopen(path, "rb");

    if (!f)
        fail(path);
    return f;
}

static void fill(struct vector_index *ix, const char *path)
{
    static float v[BATCH][DIM];
    FILE *f = open_file(path);
    int64_t ids[BATCH], next = 0, us = 0;
    struct vector_info info;
    struct err e = {0};
    size_t n;

    while ((n = fread(v, sizeof(v[0]), BATCH, f)) > 0) {
        int64_t start = clock_mono_us();

        for (size_t i = 0; i < n; i++)
            ids[i] = next++;
        if (vector_index_put(ix, ids, v[0], n, &e) != ERR_NONE)
            fail(e.msg);
        us += clock_mono_us() - start;
    }
    fclose(f);
    vector_index_info(ix, &info);
    printf("ready %.3f %.1f\n", (double)us / 1e6,
           next ? (double)info.memory_bytes / (double)next : 0.0);
    fflush(stdout);
}

static void answer(struct vector_index *ix, const float *query)
{
    const struct vector_query q = {query, VECTOR_COSINE, K, NULL};
    struct vector_hit hits[K];
    struct err e = {0};
    int64_t start = clock_mono_us(), us;
    size_t n;

    if (vector_index_search(ix, &q, hits, &n, &e) != ERR_NONE)
        fail(e.msg);
    us = clock_mono_us() - start;
    printf("%" PRId64, us);
    for (size_t i = 0; i < n; i++)
        printf(" %" PRId64, hits[i].id);
    printf("\n");
}

int main(int argc, char **argv)
{
    static float queries[BATCH][DIM];
    struct vector_index *ix;
    struct err e = {0};
    size_t n;
    FILE *f;
    int c;

    if (argc != 4)
        fail("VECTORS QUERIES FOLDER");
    if (vector_index_open(&ix,
                          &(struct vector_options){.dim = DIM, .dir = argv[3]},
                          &e) != ERR_NONE)
        fail(e.msg);
    f = open_file(argv[2]);
    n = fread(queries, sizeof(queries[0]), BATCH, f);
    fclose(f);
    fill(ix, argv[1]);
    while ((c = getchar()) != EOF) {
        if (c != '\n')
            continue;
        for (size_t i = 0; i < n; i++)
            answer(ix, queries[i]);
        fflush(stdout);
    }
    vector_index_close(ix);
    return 0;
}
