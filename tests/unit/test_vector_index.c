/* test_vector_index.c - searches against brute force, on every kernel.
 *
 * Brute force scores every live vector with the scalar kernel, whose own scores
 * are held against long double; the ids found must be the same, in the same
 * order, ties included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "base/mem.h"
#include "vector/index.h"
#include "vector/scan.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t seed = 1;

static uint32_t random_u32(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

/* About normal. */
static float random_float(void)
{
    float x = 0;

    for (int i = 0; i < 4; i++)
        x += (float)random_u32() / 1073741824.0f - 1;
    return x;
}

static void *need(size_t n)
{
    void *p = malloc(n ? n : 1);

    assert_non_null(p);
    return p;
}

/* ---- brute force ---- */

/* What the index should hold. */
struct model {
    size_t dim, n, cap;
    int64_t *ids;
    float *vectors;
    char *live;
};

static void model_init(struct model *m, size_t dim, size_t cap)
{
    *m = (struct model){.dim = dim, .cap = cap};
    m->ids = need(cap * sizeof(*m->ids));
    m->vectors = need(cap * dim * sizeof(float));
    m->live = need(cap);
}

static void model_release(struct model *m)
{
    free(m->ids);
    free(m->vectors);
    free(m->live);
}

static void model_remove(struct model *m, int64_t id)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->ids[i] == id)
            m->live[i] = 0;
}

static void model_put(struct model *m, int64_t id, const float *v)
{
    assert_true(m->n < m->cap);
    model_remove(m, id);
    m->ids[m->n] = id;
    memcpy(m->vectors + m->n * m->dim, v, m->dim * sizeof(*v));
    m->live[m->n++] = 1;
}

static bool allows(const struct vector_filter *f, int64_t id)
{
    int64_t ids[16] = {id};

    if (f && f->ids && vector_ids_has(f->ids, id) == f->exclude)
        return false;
    return !f || !f->wanted || (f->wanted(f->ctx, ids, 1) & 1);
}

static int by_score(const void *a, const void *b)
{
    const struct vector_hit *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static long double true_score(const float *q, const float *v, size_t dim,
                              enum vector_metric metric)
{
    long double qv = 0, qq = 0, vv = 0, l2 = 0;

    for (size_t i = 0; i < dim; i++) {
        qv += (long double)q[i] * v[i];
        qq += (long double)q[i] * q[i];
        vv += (long double)v[i] * v[i];
        l2 += ((long double)q[i] - v[i]) * ((long double)q[i] - v[i]);
    }
    if (metric == VECTOR_L2)
        return -l2;
    if (metric == VECTOR_IP)
        return qv;
    return qq > 0 && vv > 0 ? qv / sqrtl(qq) / sqrtl(vv) : 0;
}

static struct vector_hit *brute_force(const struct model *m,
                                      const struct vector_query *q, size_t *n)
{
    const struct scan_kernel *scalar = scan_kernel_find("scalar");
    struct vector_hit *all = need(m->n * sizeof(*all));
    struct scan_query sq;
    static const float zero[VECTOR_MAX_DIM];
    float row[VECTOR_MAX_DIM];

    scan_query_init(&sq, scalar, q->vector, m->dim, q->metric);
    *n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const float *v = m->vectors + i * m->dim;
        double score, size;

        if (!m->live[i] || !allows(q->filter, m->ids[i]))
            continue;
        memset(row, 0, sizeof(row));
        memcpy(row, v, m->dim * sizeof(*v));
        score = scan_score(&sq, scalar, row);
        /* Rounding is relative to the lengths, not to what they leave. */
        size = 1;
        if (q->metric != VECTOR_COSINE)
            size =
                sq.square + (double)-true_score(zero, row, m->dim, VECTOR_L2);
        assert_true(fabsl(true_score(q->vector, v, m->dim, q->metric) -
                          score) <= 1e-12 * size);
        all[(*n)++] = (struct vector_hit){m->ids[i], score, 0};
    }
    qsort(all, *n, sizeof(*all), by_score);
    *n = *n < q->k ? *n : q->k;
    return all;
}

static struct vector_effort effort; /* of the last search */
static size_t n_widened, n_searches;

static void same_as_brute_force(const struct vector_view *v,
                                const struct model *m,
                                const struct vector_query *q)
{
    struct vector_hit *want, *got = need(q->k * sizeof(*got));
    size_t n_want, n_got = 12345;
    struct err e = {0};

    want = brute_force(m, q, &n_want);
    assert_int_equal(vector_view_search(v, q, got, &n_got, &effort, &e), 0);
    n_searches++;
    n_widened += effort.widened;
    assert_int_equal(n_got, n_want);
    for (size_t i = 0; i < n_got; i++) {
        assert_int_equal(got[i].id, want[i].id);
        assert_true(got[i].score == want[i].score);
        assert_true(q->metric == VECTOR_L2
                        ? got[i].distance == fmax(0, -got[i].score)
                        : fabs(got[i].distance - (1 - got[i].score)) < 1e-12);
    }
    free(want);
    free(got);
}

/* Together they find what each finds alone. */
static void same_together(const struct vector_view *v,
                          const struct vector_query *q, size_t n)
{
    struct vector_hit **hits = need(n * sizeof(*hits));
    struct vector_hit *alone = need(VECTOR_MAX_K * sizeof(*alone));
    size_t *n_hits = need(n * sizeof(*n_hits)), n_alone;
    struct err e = {0};

    for (size_t i = 0; i < n; i++)
        hits[i] = need(q[i].k * sizeof(*hits[i]));
    assert_int_equal(vector_view_search_many(v, q, n, hits, n_hits, &e), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(
            vector_view_search(v, &q[i], alone, &n_alone, NULL, &e), 0);
        assert_int_equal(n_hits[i], n_alone);
        assert_memory_equal(hits[i], alone, n_alone * sizeof(*alone));
        free(hits[i]);
    }
    free(n_hits);
    free(alone);
    free(hits);
}

static void check_all(struct vector_index *ix, const struct model *m,
                      const float *query, const struct vector_filter *f)
{
    static const size_t ks[] = {1, 10, 100};
    struct vector_view *v = vector_index_pin(ix);

    for (enum vector_metric metric = 0; metric < VECTOR_N_METRICS; metric++)
        for (size_t i = 0; i < COUNT(ks); i++)
            same_as_brute_force(
                v, m, &(struct vector_query){query, metric, ks[i], f});
    vector_view_release(v);
}

/* Run the body for each kernel that this CPU has. */
#define FOR_KERNELS(k)                                                         \
    for (const struct scan_kernel *const *at_ = scan_kernels, *k; (k = *at_);  \
         at_++)                                                                \
        if (k->supported())

static struct vector_index *open_index(size_t dim, const char *kernel,
                                       const char *dir)
{
    struct vector_options o = {.dim = dim, .kernel = kernel, .dir = dir};
    struct vector_index *ix = NULL;
    struct err e = {0};

    assert_int_equal(vector_index_open(&ix, &o, &e), ERR_NONE);
    return ix;
}

static void put(struct vector_index *ix, struct model *m, int64_t id,
                const float *v)
{
    struct err e = {0};

    assert_int_equal(vector_index_put(ix, &id, v, 1, &e), ERR_NONE);
    if (m)
        model_put(m, id, v);
}

/* ---- data ---- */

enum kind {
    RANDOM,
    CLUSTERED,
    SAME,   /* all equal */
    NEARLY, /* differing in the last bit of one number */
    SPREAD, /* lengths from 1e-18 to 1e18, and zeros */
    SPIKE,  /* one number dwarfs the others: bytes keep nothing of them */
    TINY,   /* all near the least length */
    N_KINDS
};

static void make(float *v, size_t dim, enum kind kind, size_t i)
{
    static float centre[8][VECTOR_MAX_DIM];
    double norm = 0, want = 1;

    if (i == 0)
        for (size_t c = 0; c < 8; c++)
            for (size_t j = 0; j < dim; j++)
                centre[c][j] = random_float();
    for (size_t j = 0; j < dim; j++) {
        v[j] = random_float();
        if (kind == CLUSTERED)
            v[j] = centre[i % 8][j] + 0.1f * v[j];
        else if (kind == SAME || kind == NEARLY)
            v[j] = centre[0][j];
        else if (kind == SPIKE && j == i % 3)
            v[j] = 1e6f;
        norm += (double)v[j] * v[j];
    }
    norm = sqrt(norm);
    if (kind == NEARLY)
        v[i % dim] = nextafterf(v[i % dim], i % 2 ? 9 : -9);
    if (kind == SPREAD)
        want = i % 7 == 0 ? 0 : pow(10, (double)(random_u32() % 36) - 17.9);
    if (kind == TINY)
        want = 1.01e-18 + 1e-19 * fabsf(random_float());
    if (kind == RANDOM || kind == SPREAD || kind == TINY)
        for (size_t j = 0; j < dim; j++)
            v[j] = (float)(v[j] / norm * want);
}

static void fill(struct vector_index *ix, struct model *m, enum kind kind,
                 size_t n)
{
    float *v = need(n * m->dim * sizeof(*v));
    int64_t *ids = need(n * sizeof(*ids));
    struct err e = {0};

    for (size_t i = 0; i < n; i++) {
        make(v + i * m->dim, m->dim, kind, i);
        ids[i] = (int64_t)((i * 7919 + 13) % 1000003);
        model_put(m, ids[i], v + i * m->dim);
    }
    assert_int_equal(vector_index_put(ix, ids, v, n, &e), ERR_NONE);
    free(v);
    free(ids);
}

static void test_against_brute_force(void **state)
{
    static const size_t dims[] = {384, 1, 5, 16, 100, 1024, VECTOR_MAX_DIM};

    (void)state;
    FOR_KERNELS(k)
    {
        n_widened = n_searches = 0;
        for (enum kind kind = 0; kind < N_KINDS; kind++)
            for (size_t d = 0; d < COUNT(dims); d++) {
                size_t n = d == 0 ? 1500 : dims[d] > 1024 ? 60 : 300;
                struct vector_index *ix = open_index(dims[d], k->name, NULL);
                struct model m;
                float q[VECTOR_MAX_DIM];

                model_init(&m, dims[d], n);
                fill(ix, &m, kind, n);
                for (size_t i = 1; i < 4; i++) {
                    make(q, dims[d], kind, i);
                    check_all(ix, &m, q, NULL);
                }
                check_all(ix, &m, m.vectors + dims[d], NULL); /* one of them */
                make(q, dims[d], RANDOM, 1);
                check_all(ix, &m, q, NULL);
                memset(q, 0, sizeof(q));
                check_all(ix, &m, q, NULL);
                vector_index_close(ix);
                model_release(&m);
            }
        /* Both ways through a search were gone. */
        assert_true(n_widened > 0 && n_widened < n_searches);
    }
}

/* Over more than one part of the table, with and without a filter. */
static void test_together(void **state)
{
    enum { DIM = 20, N = 9000, QUERIES = 40 };
    struct vector_query q[QUERIES];
    struct vector_filter filter = {0};
    struct vector_ids *some;
    float vectors[QUERIES][DIM];
    struct err e = {0};

    (void)state;
    FOR_KERNELS(k)
    {
        struct vector_index *ix = open_index(DIM, k->name, NULL);
        struct vector_view *v;
        struct vector_hit hit, *hits[3] = {&hit, &hit, &hit};
        struct model m;
        size_t n_hits[3];

        model_init(&m, DIM, N);
        fill(ix, &m, RANDOM, N);
        assert_int_equal(vector_ids_new(&some, m.ids, 50, &e), ERR_NONE);
        filter.ids = some;
        for (size_t i = 0; i < QUERIES; i++) {
            make(vectors[i], DIM, RANDOM, i);
            q[i] = (struct vector_query){
                vectors[i], (enum vector_metric)(i % VECTOR_N_METRICS),
                1 + i * 7, i % 4 == 0 ? &filter : NULL};
        }
        v = vector_index_pin(ix);
        same_together(v, q, QUERIES);
        same_together(v, q, 1);
        same_together(v, q, 0);
        q[0].k = q[1].k = 1;
        q[2].k = 0;
        assert_int_equal(vector_view_search_many(v, q, 3, hits, n_hits, &e),
                         ERR_INVALID);
        vector_view_release(v);
        vector_ids_free(some);
        vector_index_close(ix);
        model_release(&m);
    }
}

/* 1,000 vectors that are easy to tell apart need few exact scores. */
static void test_effort(void **state)
{
    (void)state;
    FOR_KERNELS(k)
    {
        struct vector_index *ix = open_index(384, k->name, NULL);
        struct vector_view *v;
        struct model m;
        float q[384];

        model_init(&m, 384, 1000);
        fill(ix, &m, RANDOM, 1000);
        make(q, 384, RANDOM, 1);
        v = vector_index_pin(ix);
        same_as_brute_force(v, &m,
                            &(struct vector_query){q, VECTOR_COSINE, 10, NULL});
        assert_false(effort.widened);
        assert_in_range(effort.scored, 10, 100);
        assert_int_equal(effort.blocks, 63);
        vector_view_release(v);
        vector_index_close(ix);
        model_release(&m);
    }
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = {0,  1,  15,   16,   17,   31,
                                   32, 33, 1000, 4095, 4096, 4097};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
            struct vector_index *ix =
                open_index(20, NULL, i % 2 ? "/tmp" : NULL);
            struct vector_info info;
            struct model m;
            float v[20];

            model_init(&m, 20, sizes[i] + 1);
            if (one_by_one)
                for (size_t j = 0; j < sizes[i]; j++) {
                    make(v, 20, CLUSTERED, j);
                    put(ix, &m, (int64_t)j, v);
                }
            else
                fill(ix, &m, CLUSTERED, sizes[i]);
            make(v, 20, RANDOM, 1);
            check_all(ix, &m, v, NULL);
            vector_index_info(ix, &info);
            assert_int_equal(info.count, sizes[i]);
            assert_int_equal(info.dead, 0);
            assert_int_equal(info.generation,
                             one_by_one ? sizes[i] : sizes[i] > 0);
            vector_index_close(ix);
            model_release(&m);
        }
}

/* ---- filters ---- */

static uint16_t only_even(void *ctx, const int64_t ids[16], uint16_t live)
{
    uint16_t want = 0;

    ++*(size_t *)ctx;
    for (unsigned i = 0; i < 16; i++)
        if (live >> i & 1 && ids[i] % 2 == 0)
            want |= (uint16_t)(1u << i);
    return want | (uint16_t)~live; /* others do not count */
}

static void test_filters(void **state)
{
    struct vector_index *ix = open_index(384, NULL, NULL);
    size_t asked = 0;
    struct model m;
    float q[384];
    struct err e = {0};

    (void)state;
    model_init(&m, 384, 1001);
    fill(ix, &m, CLUSTERED, 1000);
    make(q, 384, CLUSTERED, 3);
    put(ix, &m, INT64_MAX, q); /* sets with it are tables, not bitmaps */
    make(q, 384, CLUSTERED, 1);
    for (size_t n = 0; n <= 1000; n = n < 3 ? n + 1 : n * 3)
        for (int last = 0; last < 2; last++) {
            struct vector_ids *ids = NULL;
            const int64_t *from = m.ids + (last ? 1001 - n : (1000 - n) / 2);

            assert_int_equal(vector_ids_new(&ids, from, n, &e), 0);
            for (int exclude = 0; exclude < 2; exclude++)
                for (int even = 0; even < 2; even++) {
                    struct vector_filter f = {ids, exclude,
                                              even ? only_even : NULL, &asked};

                    check_all(ix, &m, q, &f);
                }
            vector_ids_free(ids);
        }
    assert_true(asked > 0);
    vector_index_close(ix);
    model_release(&m);
}

/* A block without a wanted lane is not scanned. */
static void test_filter_skips(void **state)
{
    struct vector_index *ix = open_index(384, NULL, NULL);
    struct vector_view *v;
    struct vector_ids *ids = NULL;
    struct vector_filter f = {0};
    struct model m;
    struct err e = {0};

    (void)state;
    model_init(&m, 384, 1000);
    fill(ix, &m, RANDOM, 1000);
    assert_int_equal(vector_ids_new(&ids, m.ids + 20, 3, &e), 0);
    f.ids = ids;
    v = vector_index_pin(ix);
    same_as_brute_force(
        v, &m, &(struct vector_query){m.vectors, VECTOR_COSINE, 10, &f});
    assert_int_equal(effort.blocks, 1);
    assert_int_equal(effort.scored, 3);
    vector_view_release(v);
    vector_ids_free(ids);
    vector_index_close(ix);
    model_release(&m);
}

/* The set gives out what it was made from, each once. */
static void check_list(const struct vector_ids *s, const int64_t from[5])
{
    int64_t list[5];
    size_t n = vector_ids_count(s);

    assert_true(n <= 5);
    vector_ids_list(s, list);
    for (size_t i = 0; i < n; i++) {
        assert_true(vector_ids_has(s, list[i]));
        for (size_t k = 0; k < i; k++)
            assert_true(list[k] != list[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        size_t k = 0;

        while (k < n && list[k] != from[i])
            k++;
        assert_true(k < n);
    }
}

static void test_ids(void **state)
{
    static const int64_t lists[][5] = {
        {1, 2, 3, 2, 1},
        {-5, 0, 5, 63, 64},
        {INT64_MIN, 0, INT64_MAX, -1, 1},
        {INT64_MAX, INT64_MAX - 1, INT64_MAX, INT64_MAX - 70, INT64_MAX - 64},
        {INT64_MIN, INT64_MIN + 1, INT64_MIN + 64, INT64_MIN, INT64_MIN},
        {1, 1000000000000, 2000000000000, 3000000000000, 7}};
    struct vector_ids *s = NULL;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        assert_int_equal(vector_ids_new(&s, lists[i], 5, &e), ERR_NONE);
        for (size_t j = 0; j < 5; j++)
            for (int64_t d = -2; d <= 2; d++) {
                int64_t id = (int64_t)((uint64_t)lists[i][j] + (uint64_t)d);
                bool want = false;

                for (size_t l = 0; l < 5; l++)
                    want |= lists[i][l] == id;
                assert_int_equal(vector_ids_has(s, id), want);
            }
        check_list(s, lists[i]);
        vector_ids_free(s);
    }
    assert_int_equal(vector_ids_new(&s, NULL, 0, &e), ERR_NONE);
    assert_false(vector_ids_has(s, 0));
    assert_false(vector_ids_has(s, INT64_MIN));
    assert_int_equal(vector_ids_count(s), 0);
    vector_ids_free(s);
    vector_ids_free(NULL);
    assert_int_equal(vector_ids_new(&s, (int64_t[]){0, 8000000}, 2, &e), 0);
    assert_in_range(vector_ids_bytes(s), 1000000, 1000100); /* a bitmap */
    vector_ids_free(s);
    assert_int_equal(vector_ids_new(&s, (int64_t[]){0, 80000000}, 2, &e), 0);
    assert_in_range(vector_ids_bytes(s), 128, 300); /* a table of 16 */
    vector_ids_free(s);
}

/* ---- change ---- */

/* A long random life, in which ids die and come back, with files below it. */
static void test_changes(void **state)
{
    enum { IDS = 6000, STEPS = 60, MOST = 400 };
    struct vector_index *ix = open_index(24, NULL, "/tmp");
    int64_t ids[MOST];
    float v[MOST * 24], q[24];
    struct vector_info info;
    struct model m;
    struct err e = {0};

    (void)state;
    model_init(&m, 24, (size_t)STEPS * MOST);
    make(q, 24, CLUSTERED, 0);
    for (size_t step = 0; step < STEPS; step++) {
        size_t n = random_u32() % MOST + 1, removed = 0, live = 0, before = 0;

        for (size_t i = 0; i < m.n; i++)
            before += m.live[i] != 0;
        for (size_t i = 0; i < n; i++) {
            ids[i] = random_u32() % IDS; /* also twice in one call */
            make(v + i * 24, 24, CLUSTERED, 1 + random_u32() % 50);
        }
        if (step % 3 == 2) {
            assert_int_equal(vector_index_remove(ix, ids, n, &removed, &e),
                             ERR_NONE);
            for (size_t i = 0; i < n; i++)
                model_remove(&m, ids[i]);
        } else {
            assert_int_equal(vector_index_put(ix, ids, v, n, &e), ERR_NONE);
            for (size_t i = 0; i < n; i++)
                model_put(&m, ids[i], v + i * 24);
        }
        for (size_t i = 0; i < m.n; i++)
            live += m.live[i] != 0;
        vector_index_info(ix, &info);
        assert_int_equal(info.count, live);
        if (step % 3 == 2)
            assert_int_equal(removed, before - live);
        assert_true(info.dead <= live / 3 + 2 * 64);
        check_all(ix, &m, q, NULL);
    }
    for (int64_t id = 0; id < IDS; id += MOST) {
        for (int64_t i = 0; i < MOST; i++)
            ids[i] = id + i;
        assert_int_equal(vector_index_remove(ix, ids, MOST, NULL, &e), 0);
    }
    m.n = 0;
    check_all(ix, &m, q, NULL);
    vector_index_info(ix, &info);
    assert_int_equal(info.count, 0);
    assert_true(info.dead < 2 * 64);
    vector_index_close(ix);
    model_release(&m);
}

/* In the tail, in a full block, moved, replaced, removed. */
static void test_get(void **state)
{
    enum { N = 100, DIM = 24 };
    struct vector_index *ix = open_index(DIM, NULL, NULL);
    static float v[N][DIM];
    float got[DIM];
    int64_t ids[N];
    struct err e = {0};

    (void)state;
    for (int i = 0; i < N; i++) {
        ids[i] = i * 7;
        make(v[i], DIM, CLUSTERED, (unsigned)i);
    }
    assert_int_equal(vector_index_put(ix, ids, v[0], N, &e), ERR_NONE);
    make(v[3], DIM, CLUSTERED, 1000);
    assert_int_equal(vector_index_put(ix, &ids[3], v[3], 1, &e), ERR_NONE);
    assert_int_equal(vector_index_remove(ix, ids + 50, 40, NULL, &e), ERR_NONE);
    for (int i = 0; i < N; i++) {
        bool there = i < 50 || i >= 90;

        assert_int_equal(vector_index_get(ix, ids[i], got, &e),
                         there ? ERR_NONE : ERR_NOT_FOUND);
        if (there)
            assert_memory_equal(got, v[i], sizeof(got));
    }
    assert_int_equal(vector_index_get(ix, 1, got, &e), ERR_NOT_FOUND);
    vector_index_close(ix);
}

static void test_snapshots(void **state)
{
    struct vector_index *ix = open_index(8, NULL, NULL);
    struct vector_view *views[40];
    struct model models[40], m;
    float v[8];
    struct err e = {0};

    (void)state;
    model_init(&m, 8, 40 * 300);
    for (size_t i = 0; i < 40; i++) {
        int64_t ids[300];
        float w[300 * 8];

        for (size_t j = 0; j < 300; j++) {
            ids[j] = random_u32() % 5000;
            make(w + j * 8, 8, CLUSTERED, 1 + j);
        }
        if (i % 4 == 3) {
            assert_int_equal(vector_index_remove(ix, ids, 300, NULL, &e), 0);
            for (size_t j = 0; j < 300; j++)
                model_remove(&m, ids[j]);
        } else {
            assert_int_equal(vector_index_put(ix, ids, w, 300, &e), ERR_NONE);
            for (size_t j = 0; j < 300; j++)
                model_put(&m, ids[j], w + j * 8);
        }
        views[i] = vector_index_pin(ix);
        assert_int_equal(vector_view_generation(views[i]) > i, true);
        model_init(&models[i], 8, m.n);
        models[i].n = m.n;
        memcpy(models[i].ids, m.ids, m.n * sizeof(*m.ids));
        memcpy(models[i].vectors, m.vectors, m.n * 8 * sizeof(float));
        memcpy(models[i].live, m.live, m.n);
    }
    vector_index_close(ix); /* views outlive it */
    make(v, 8, CLUSTERED, 1);
    for (size_t i = 0; i < 40; i++) {
        for (enum vector_metric metric = 0; metric < VECTOR_N_METRICS; metric++)
            same_as_brute_force(views[i], &models[i],
                                &(struct vector_query){v, metric, 20, NULL});
        vector_view_release(views[i]);
        model_release(&models[i]);
    }
    vector_view_release(NULL);
    model_release(&m);
}

/* ---- threads ---- */

/* Writers put and remove whole groups of ids; the vectors of a group all carry
 * its number.  A search must see a group whole or not at all. */
#define GROUPS 40
#define GROUP 25

static atomic_bool stop;

static void *write_groups(void *arg)
{
    struct vector_index *ix = arg;
    uint64_t r = 7;
    struct err e;

    for (int step = 0; step < 600; step++) {
        int64_t ids[GROUP], group;
        float v[GROUP * 16];

        r = r * 6364136223846793005u + 1442695040888963407u;
        group = (int64_t)(r >> 33) % GROUPS;
        for (int i = 0; i < GROUP; i++) {
            ids[i] = group * GROUP + i;
            for (int d = 0; d < 16; d++)
                v[i * 16 + d] = d == group % 16 ? 1.0f : 0.01f * (float)i;
        }
        if ((step % 3 == 2
                 ? vector_index_remove(ix, ids, GROUP, NULL, &e)
                 : vector_index_put(ix, ids, v, GROUP, &e)) != ERR_NONE)
            return "a write failed";
    }
    return NULL;
}

static void *read_groups(void *arg)
{
    struct vector_index *ix = arg;
    struct vector_hit *hits = malloc(VECTOR_MAX_K * sizeof(*hits));
    const char *wrong = hits ? NULL : "out of memory";
    float q[16];

    for (int d = 0; d < 16; d++)
        q[d] = (float)(d + 1);
    do {
        size_t n = 0, in_group[GROUPS] = {0};
        struct vector_query query = {q, VECTOR_IP, VECTOR_MAX_K, NULL};
        struct vector_view *v = vector_index_pin(ix);
        struct err e;

        if (!wrong &&
            vector_view_search(v, &query, hits, &n, NULL, &e) != ERR_NONE)
            wrong = "a search failed";
        if (n != vector_view_count(v))
            wrong = "a search found less than there is";
        vector_view_release(v);
        for (size_t i = 0; i < n; i++)
            in_group[hits[i].id / GROUP]++;
        for (size_t i = 0; i < GROUPS; i++)
            if (in_group[i] != 0 && in_group[i] != GROUP)
                wrong = "a search saw part of a write";
    } while (!wrong && !atomic_load(&stop));
    free(hits);
    return (void *)(uintptr_t)wrong;
}

static void test_threads(void **state)
{
    struct vector_index *ix = open_index(16, NULL, "/tmp");
    pthread_t readers[3], writers[2];
    void *wrong;

    (void)state;
    atomic_store(&stop, false);
    for (size_t i = 0; i < COUNT(readers); i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_groups, ix), 0);
    for (size_t i = 0; i < COUNT(writers); i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_groups, ix),
                         0);
    for (size_t i = 0; i < COUNT(writers); i++) {
        pthread_join(writers[i], &wrong);
        assert_null(wrong);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < COUNT(readers); i++) {
        pthread_join(readers[i], &wrong);
        if (wrong)
            print_error("%s\n", (const char *)wrong);
        assert_null(wrong);
    }
    vector_index_close(ix);
}

/* ---- wrong input, and none ---- */

static void test_refused_vectors(void **state)
{
    static const float bad[] = {NAN,     INFINITY, -INFINITY, 1e19f,
                                FLT_MAX, 1e-19f,   1e-45f};
    struct vector_index *ix = open_index(3, NULL, NULL);
    struct vector_hit hit;
    struct vector_info info;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        float v[6] = {1, 0, 0, 0, bad[i], 0};
        struct vector_query q = {v + 3, VECTOR_COSINE, 1, NULL};
        struct err e = {0};

        assert_int_equal(vector_index_put(ix, (int64_t[]){1, 2}, v, 2, &e),
                         ERR_INVALID);
        assert_non_null(strstr(e.msg, "vector 1"));
        e.msg[0] = '\0';
        assert_int_equal(vector_index_search(ix, &q, &hit, &n, &e),
                         ERR_INVALID);
        assert_non_null(strstr(e.msg, "query"));
    }
    vector_index_info(ix, &info);
    assert_int_equal(info.count, 0); /* all or nothing */
    vector_index_close(ix);
}

static void test_refused_options(void **state)
{
    static const struct vector_options bad[] = {
        {.dim = 0},
        {.dim = VECTOR_MAX_DIM + 1},
        {.dim = 4, .kernel = "abacus"},
    };
    static const size_t bad_k[] = {0, VECTOR_MAX_K + 1, SIZE_MAX};
    struct vector_options nowhere = {.dim = 4, .dir = "/nonexistent"};
    struct vector_index *ix = NULL;
    struct vector_hit hit;
    float v[64 * 4] = {1};
    int64_t ids[64];
    size_t n = 0;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(vector_index_open(&ix, &bad[i], &e), ERR_INVALID);
    ix = open_index(4, "", NULL);
    for (size_t i = 0; i < COUNT(bad_k); i++) {
        struct vector_query q = {v, VECTOR_IP, bad_k[i], NULL};

        assert_int_equal(vector_index_search(ix, &q, &hit, &n, &e),
                         ERR_INVALID);
        assert_string_equal(e.field, "k");
    }
    assert_int_equal(vector_index_search(
                         ix,
                         &(struct vector_query){v, VECTOR_N_METRICS, 1, NULL},
                         &hit, &n, &e),
                     ERR_INVALID);
    assert_int_equal(vector_index_put(ix, ids, v, 0, &e), ERR_NONE);
    vector_index_close(ix);
    vector_index_close(NULL);

    /* The disk is needed only when there are enough for a segment. */
    assert_int_equal(vector_index_open(&ix, &nowhere, &e), ERR_NONE);
    for (int64_t i = 0; i < 64; i++)
        ids[i] = i;
    assert_int_equal(vector_index_put(ix, ids, v, 5, &e), ERR_NONE);
    assert_int_equal(vector_index_put(ix, ids, v, 64, &e), ERR_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "/nonexistent"));
    assert_int_equal(
        vector_index_search(ix, &(struct vector_query){v, VECTOR_IP, 1, NULL},
                            &hit, &n, &e),
        ERR_NONE);
    assert_int_equal(n, 1);
    vector_index_close(ix);
}

/* Each allocation fails once: the call says so, and nothing has changed. */
static void test_out_of_memory(void **state)
{
    float v[200 * 5], q[5];
    int64_t ids[200];
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        ids[i] = (int64_t)i % 150;
        make(v + i * 5, 5, RANDOM, i + 1);
    }
    make(q, 5, RANDOM, 1);
    for (unsigned fail = 1, failed = 1; failed; fail++) {
        struct vector_options o = {.dim = 5, .dir = "/tmp"};
        struct vector_index *ix = NULL;
        struct vector_ids *set = NULL;
        struct vector_hit hits[10];
        struct model m;
        size_t n = 0;

        model_init(&m, 5, 500);
        mem_fail_after(fail);
        while (vector_index_open(&ix, &o, &e) != ERR_NONE)
            assert_int_equal(e.code, ERR_UNAVAILABLE);
        while (vector_index_put(ix, ids, v, 90, &e) != ERR_NONE) {
            assert_int_equal(e.code, ERR_UNAVAILABLE);
            check_all(ix, &m, q, NULL);
        }
        for (size_t i = 0; i < 90; i++)
            model_put(&m, ids[i], v + i * 5);
        while (vector_index_put(ix, ids + 50, v, 150, &e) != ERR_NONE) {
            assert_int_equal(e.code, ERR_UNAVAILABLE);
            check_all(ix, &m, q, NULL);
        }
        for (size_t i = 0; i < 150; i++)
            model_put(&m, ids[50 + i], v + i * 5);
        while (vector_index_remove(ix, ids, 80, &n, &e) != ERR_NONE) {
            assert_int_equal(e.code, ERR_UNAVAILABLE);
            check_all(ix, &m, q, NULL);
        }
        assert_int_equal(n, 80);
        for (size_t i = 0; i < 80; i++)
            model_remove(&m, ids[i]);
        while (vector_index_search(
                   ix, &(struct vector_query){q, VECTOR_L2, 10, NULL}, hits, &n,
                   &e) != ERR_NONE)
            assert_int_equal(e.code, ERR_UNAVAILABLE);
        while (vector_ids_new(&set, ids, 200, &e) != ERR_NONE)
            assert_int_equal(e.code, ERR_UNAVAILABLE);
        vector_ids_free(set);
        failed = mem_has_failed();
        mem_fail_after(0);
        check_all(ix, &m, q, NULL);
        vector_index_close(ix);
        model_release(&m);
    }
}

/* ---- kernels ---- */

static void test_kernels(void **state)
{
    (void)state;
    assert_null(scan_kernel_find("abacus"));
    assert_string_equal(scan_kernel_find("avx512-bf16")->name, "avx512-vnni");
    assert_true(scan_kernel_best()->supported());
    FOR_KERNELS(k)
    {
        print_message("# this CPU runs %s\n", k->name);
        assert_ptr_equal(scan_kernel_find(k->name), k);
    }
}

/* Scores are the same bits on every kernel. */
static void test_dots(void **state)
{
    const struct scan_kernel *scalar = scan_kernel_find("scalar");
    float *a = need(VECTOR_MAX_DIM * sizeof(*a));
    float *b = need(VECTOR_MAX_DIM * sizeof(*b));

    (void)state;
    FOR_KERNELS(k)
    for (size_t n = 16; n <= VECTOR_MAX_DIM; n += n < 1024 ? 16 : 208) {
        double want[2], got[2];

        for (size_t i = 0; i < n; i++) {
            a[i] = random_float() * powf(10, (float)(random_u32() % 30) - 15);
            b[i] = random_float() * powf(10, (float)(random_u32() % 30) - 15);
        }
        scalar->dots(a, b, n, want);
        k->dots(a, b, n, got);
        assert_memory_equal(got, want, sizeof(want));
    }
    free(a);
    free(b);
}

/* The bound is one, and a tight one, at the extremes of the codes. */
static void test_bounds(void **state)
{
    (void)state;
    FOR_KERNELS(k)
    for (enum vector_metric metric = 0; metric < VECTOR_N_METRICS; metric++)
        for (size_t dim = 16; dim <= VECTOR_MAX_DIM; dim *= 4)
            for (int signs = 0; signs < 4; signs++) {
                uint8_t *codes = need(16 * dim);
                float scale[16], norm[16], residual[16];
                float v[VECTOR_MAX_DIM], q[VECTOR_MAX_DIM];
                uint16_t want = 0xFFFF;
                struct scan_blocks b = {codes, scale, norm, residual, &want, 1};
                struct scan_hit hit = {0};
                struct scan_query sq;
                double score;

                for (size_t i = 0; i < dim; i++) {
                    v[i] = signs & 1 ? -3.0f : 3.0f;
                    q[i] = signs & 2 ? -0.5f : 0.5f;
                }
                for (unsigned l = 0; l < 16; l++)
                    scan_encode(
                        &(struct scan_lane){codes, scale, norm, residual, l}, v,
                        dim);
                scan_query_init(&sq, k, q, dim, metric);
                score = scan_score(&sq, k, v);
                assert_int_equal(
                    k->next(&sq, &b, 0, scan_bound(&sq, score), &hit), 0);
                assert_int_equal(hit.lanes, 0xFFFF);
                /* 1 % above the score nothing is found. */
                assert_int_equal(
                    k->next(&sq, &b, 0,
                            scan_bound(&sq, score + 0.01 * fabs(score)), &hit),
                    1);
                want = 0x0010;
                assert_int_equal(k->next(&sq, &b, 0, -INFINITY, &hit), 0);
                assert_int_equal(hit.lanes, 0x0010);
                want = 0;
                assert_int_equal(k->next(&sq, &b, 0, -INFINITY, &hit), 1);
                free(codes);
            }
}

/* It is one for a query that adds nothing to it, too: there only the lengths
 * count, and how they were rounded. */
static void test_bounds_of_short_queries(void **state)
{
    enum { DIM = 16, N = 9000 };
    static const float lengths[] = {0, 1e-3f, 1};

    (void)state;
    FOR_KERNELS(k)
    for (int i = 0; i < N; i++) {
        uint8_t codes[16 * DIM];
        float scale[16] = {0}, norm[16] = {0}, residual[16] = {0};
        float v[DIM], q[DIM];
        const uint16_t want = 1;
        struct scan_blocks b = {codes, scale, norm, residual, &want, 1};
        struct scan_hit hit = {0};
        struct scan_query sq;

        memset(codes, SCAN_ZERO, sizeof(codes));
        for (size_t j = 0; j < DIM; j++) {
            v[j] = random_float();
            q[j] = random_float() * lengths[i % 3];
        }
        scan_encode(&(struct scan_lane){codes, scale, norm, residual, 0}, v,
                    DIM);
        scan_query_init(&sq, k, q, DIM, (enum vector_metric)(i / 3 % 3));
        assert_int_equal(
            k->next(&sq, &b, 0, scan_bound(&sq, scan_score(&sq, k, v)), &hit),
            0);
    }
}

/* What a chunk may cost. */
static void test_memory(void **state)
{
    enum { N = 20000 };
    struct vector_index *ix = open_index(384, NULL, "/tmp");
    float *v = need((size_t)N * 384 * sizeof(*v));
    int64_t *ids = need(N * sizeof(*ids));
    struct vector_info info;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < N; i++) {
        ids[i] = (int64_t)i;
        for (size_t j = 0; j < 384; j++)
            v[i * 384 + j] = (float)((i * 31 + j * 17) % 101) - 50;
    }
    assert_int_equal(vector_index_put(ix, ids, v, N, &e), ERR_NONE);
    vector_index_info(ix, &info);
    assert_int_equal(info.count, N);
    assert_true(info.memory_bytes <= (size_t)N * 450);
    free(v);
    free(ids);
    vector_index_close(ix);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_dots),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_bounds_of_short_queries),
        cmocka_unit_test(test_against_brute_force),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_effort),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_filter_skips),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refused_vectors),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests_name("vector_index", tests, NULL, NULL);
}
