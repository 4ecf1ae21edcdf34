/* vector_lab.c - how fast a search is, beside what memory can do.
 *
 *   make build/bench/vector_lab
 *   build/bench/vector_lab [vectors [folder]]
 *
 * 100,000 vectors of 384 floats by default, in clusters as texts are; their
 * floats go to `folder` (/tmp).  Each kernel that this CPU runs answers the
 * same queries, k = 10, one thread.  For each: milliseconds a query (median and
 * 99th of 100), the bytes of codes read in that time, how many vectors were
 * scored exactly, how many queries needed the second pass, and recall@10
 * against brute force over the floats.  The fastest then does the same with the
 * crew, one thread for each core, and alone through filters.  The
 * last line says how fast one thread only reads the same number of bytes:
 * numbers of different runs, on a machine that others use too, cannot be
 * compared; those can.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "vector/index.h"
#include "vector/scan.h"

#define DIM 384
#define K 10
#define QUERIES 100
#define CHECKED_QUERIES 20 /* of them, against brute force */
#define PER_CLUSTER 50
#define BATCH 1000

static uint64_t state = 1;

static float noise(void)
{
    float x = 0;

    for (int i = 0; i < 4; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        x += (float)(state >> 33) / 1073741824.0f - 1;
    }
    return x;
}

/* Near the centre of its cluster, which its number gives: nothing is stored. */
static void make(float *v, uint64_t cluster, uint64_t member)
{
    double norm = 0;

    state = cluster * 0x9E3779B97F4A7C15 + 1;
    for (int i = 0; i < DIM; i++)
        v[i] = noise();
    state = (cluster * 0x9E3779B97F4A7C15) ^ (member + 2);
    for (int i = 0; i < DIM; i++) {
        v[i] += 0.8f * noise();
        norm += (double)v[i] * v[i];
    }
    for (int i = 0; i < DIM; i++)
        v[i] = (float)(v[i] / sqrt(norm));
}

static void fail(const char *what)
{
    fprintf(stderr, "vector_lab: %s\n", what);
    exit(1);
}

static struct vector_index *build(size_t n, const char *dir, const char *kernel,
                                  struct vector_crew *crew)
{
    struct vector_options o = {
        .dim = DIM, .dir = dir, .kernel = kernel, .crew = crew};
    float *v = malloc(sizeof(*v) * BATCH * DIM);
    int64_t ids[BATCH], start, us = 0;
    struct vector_index *ix;
    struct vector_info info;
    struct err e = {0};

    if (!v || vector_index_open(&ix, &o, &e) != ERR_NONE)
        fail(e.msg);
    for (size_t done = 0; done < n; done += BATCH) {
        size_t m = n - done < BATCH ? n - done : BATCH;

        for (size_t i = 0; i < m; i++) {
            ids[i] = (int64_t)(done + i);
            make(v + i * DIM, (done + i) / PER_CLUSTER, done + i);
        }
        start = clock_mono_us();
        if (vector_index_put(ix, ids, v, m, &e) != ERR_NONE)
            fail(e.msg);
        us += clock_mono_us() - start;
    }
    free(v);
    vector_index_info(ix, &info);
    printf("%zu vectors in %.2f s, %.1f bytes a vector in memory, %.1f in "
           "files\n",
           n, (double)us / 1e6, (double)info.memory_bytes / (double)n,
           (double)info.file_bytes / (double)n);
    return ix;
}

/* Resident memory in bytes: what is ours, and what is mapped from files. */
static void print_resident(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];

    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "RssAnon", 7) == 0 ||
            strncmp(line, "RssFile", 7) == 0)
            printf("%s", line);
    if (f)
        fclose(f);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

struct nearest {
    int64_t id[K];
    double score[K];
};

/* Over vectors made anew, not those of the index. */
static void brute_force(struct nearest *all, float (*queries)[DIM], size_t n)
{
    const struct scan_kernel *k = scan_kernel_best();
    float v[DIM];

    for (size_t q = 0; q < CHECKED_QUERIES; q++)
        for (size_t i = 0; i < K; i++)
            all[q].score[i] = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        make(v, i / PER_CLUSTER, i);
        for (size_t q = 0; q < CHECKED_QUERIES; q++) {
            struct nearest *best = &all[q];
            double dots[2];
            size_t at = K;

            k->dots(queries[q], v, DIM, dots);
            dots[0] /= sqrt(dots[1]);
            for (; at > 0 && dots[0] > best->score[at - 1]; at--)
                if (at < K) {
                    best->score[at] = best->score[at - 1];
                    best->id[at] = best->id[at - 1];
                }
            if (at < K) {
                best->score[at] = dots[0];
                best->id[at] = (int64_t)i;
            }
        }
    }
}

static size_t found(const struct nearest *want, const struct vector_hit *hits,
                    size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < K; j++)
            sum += hits[i].id == want->id[j];
    return sum;
}

static void measure(struct vector_index *ix, const char *name,
                    float (*queries)[DIM], const struct nearest *want,
                    const struct vector_filter *f)
{
    struct vector_view *v = vector_index_pin(ix);
    size_t scored = 0, widened = 0, right = 0, blocks = 0;
    int64_t us[QUERIES];
    struct err e = {0};

    for (size_t i = 0; i < QUERIES; i++) {
        struct vector_query q = {queries[i], VECTOR_COSINE, K, f};
        struct vector_hit hits[K];
        struct vector_effort effort;
        int64_t start = clock_mono_us();
        size_t n;

        if (vector_view_search(v, &q, hits, &n, &effort, &e) != ERR_NONE)
            fail(e.msg);
        us[i] = clock_mono_us() - start;
        scored += effort.scored;
        widened += effort.widened;
        blocks += effort.blocks;
        if (want && i < CHECKED_QUERIES)
            right += found(&want[i], hits, n);
    }
    vector_view_release(v);
    qsort(us, QUERIES, sizeof(us[0]), compare);
    printf("%-22s %8.3f %8.3f %6.1f %8.1f %8.2f", name,
           (double)us[QUERIES / 2] / 1e3, (double)us[QUERIES * 99 / 100] / 1e3,
           (double)blocks / QUERIES * SCAN_LANES * DIM /
               (double)us[QUERIES / 2] / 1e3,
           (double)scored / QUERIES, (double)widened / QUERIES);
    if (want)
        printf(" %9.3f", (double)right / (CHECKED_QUERIES * K));
    printf("\n");
}

static uint16_t one_block_in_ten(void *ctx, const int64_t ids[16],
                                 uint16_t live)
{
    (void)ctx;
    return ids[0] / 16 % 10 == 0 ? live : 0;
}

static void measure_filters(struct vector_index *ix, size_t n,
                            float (*queries)[DIM])
{
    struct vector_filter f = {.wanted = one_block_in_ten};
    int64_t *ids = malloc((n / 2 + 1) * sizeof(*ids));
    struct err e = {0};

    measure(ix, "one block in ten", queries, NULL, &f);
    f.wanted = NULL;
    for (size_t step = 2; ids && step <= 1000; step = step == 2 ? 100 : 1000) {
        struct vector_ids *set = NULL;
        char name[40];

        for (size_t i = 0; i < n / step; i++)
            ids[i] = (int64_t)(i * step);
        if (vector_ids_new(&set, ids, n / step, &e) != ERR_NONE)
            fail(e.msg);
        f.ids = set;
        snprintf(name, sizeof(name), "one vector in %zu", step);
        measure(ix, name, queries, NULL, &f);
        vector_ids_free(set);
        if (step == 1000)
            break;
    }
    free(ids);
}

static void measure_crew(size_t n, const char *dir, float (*queries)[DIM],
                         const struct nearest *want)
{
    struct vector_crew *crew;
    struct vector_index *ix;
    struct err e = {0};

    if (vector_crew_new(&crew, &e) != ERR_NONE)
        fail(e.msg);
    ix = build(n, dir, NULL, crew);
    measure(ix, "with the crew", queries, want, NULL);
    vector_index_close(ix);
    vector_crew_free(crew);
}

static void measure_reading(size_t n)
{
    size_t words = n * DIM / sizeof(uint64_t);
    uint64_t *p = malloc(words * sizeof(*p)), sum = 0;
    int64_t us[QUERIES];

    if (!p)
        fail("out of memory");
    memset(p, 1, words * sizeof(*p));
    for (size_t r = 0; r < QUERIES; r++) {
        uint64_t a = 0, b = 0, c = 0, d = 0;

        us[r] = clock_mono_us();
        for (size_t i = 0; i + 8 <= words; i += 8) {
            a += p[i] ^ p[i + 1];
            b += p[i + 2] ^ p[i + 3];
            c += p[i + 4] ^ p[i + 5];
            d += p[i + 6] ^ p[i + 7];
        }
        sum += a + b + c + d;
        us[r] = clock_mono_us() - us[r];
    }
    qsort(us, QUERIES, sizeof(us[0]), compare);
    printf("%-22s %8.3f %8.3f %6.1f   (checksum %llu)\n", "only reading",
           (double)us[QUERIES / 2] / 1e3, (double)us[QUERIES * 99 / 100] / 1e3,
           (double)n * DIM / (double)us[QUERIES / 2] / 1e3,
           (unsigned long long)sum);
    free(p);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    const char *dir = argc > 2 ? argv[2] : "/tmp";
    static float queries[QUERIES][DIM];
    static struct nearest want[CHECKED_QUERIES];

    if (n < 2 * PER_CLUSTER || n > 100000000)
        fail("from 100 to 100,000,000 vectors");
    for (size_t i = 0; i < QUERIES; i++)
        make(queries[i], i * (n / PER_CLUSTER / QUERIES), n + i);
    brute_force(want, queries, n);
    printf("%-22s %8s %8s %6s %8s %8s %9s\n", "", "p50 ms", "p99 ms", "GB/s",
           "scored", "widened", "recall@10");
    for (const struct scan_kernel *const *k = scan_kernels; *k; k++) {
        struct vector_index *ix;

        if (!(*k)->supported())
            continue;
        ix = build(n, dir, (*k)->name, NULL);
        measure(ix, (*k)->name, queries, want, NULL);
        if (*k == scan_kernel_best()) {
            measure_filters(ix, n, queries);
            print_resident();
        }
        vector_index_close(ix);
        if (*k == scan_kernel_best())
            measure_crew(n, dir, queries, want);
    }
    measure_reading(n);
    return 0;
}
