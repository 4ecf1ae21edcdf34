/* test_vector_crew.c - a search that several threads share finds what one finds
 * alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pthread.h>

#include <cmocka.h>

#include "vector/crew.h"
#include "vector/index.h"

enum { DIM = 384, N = 20000, QUERIES = 20, THREADS = 4 };

static struct vector_crew *crew;
static struct vector_index *alone, *shared;
static float queries[QUERIES][DIM];
static char load_file[] = "/tmp/test_vector_crew-XXXXXX";

static void make(float *v, size_t seed)
{
    uint64_t x = seed * 2654435761u + 1;

    for (size_t j = 0; j < DIM; j++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        v[j] = (float)(int32_t)(uint32_t)(x >> 32) / 2147483648.0f;
    }
}

static void fill(struct vector_index *ix)
{
    static float v[1000][DIM];
    int64_t ids[1000];
    struct err e = {0};

    for (size_t i = 0; i < N; i++) {
        make(v[i % 1000], i);
        ids[i % 1000] = (int64_t)(i * 3);
        if (i % 1000 == 999)
            assert_int_equal(vector_index_put(ix, ids, v[0], 1000, &e),
                             ERR_NONE);
    }
}

/* What the system says of itself. */
static void say_load(const char *text)
{
    FILE *f = fopen(load_file, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int set_up(void **state)
{
    struct vector_options o = {.dim = DIM};
    struct err e = {0};

    (void)state;
    close(mkstemp(load_file));
    say_load("0.1 0.1 0.1 1/99 1\n");
    assert_int_equal(crew_new(&crew, load_file, &e), ERR_NONE);
    assert_int_equal(vector_index_open(&alone, &o, &e), ERR_NONE);
    o.crew = crew;
    assert_int_equal(vector_index_open(&shared, &o, &e), ERR_NONE);
    fill(alone);
    fill(shared);
    for (size_t i = 0; i < QUERIES; i++)
        make(queries[i], N + i);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vector_index_close(alone);
    vector_index_close(shared);
    vector_crew_free(crew);
    remove(load_file);
    return 0;
}

/* Threads that meet: each waits until `want` have come. */
struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t all;
    unsigned want, here, came[CREW_MAX];
};

static void meet(struct meeting *m)
{
    pthread_mutex_lock(&m->lock);
    if (++m->here == m->want)
        pthread_cond_broadcast(&m->all);
    while (m->here < m->want)
        pthread_cond_wait(&m->all, &m->lock);
    pthread_mutex_unlock(&m->lock);
}

static void work(void *ctx, unsigned who)
{
    struct meeting *m = ctx;

    m->came[who]++;
    meet(m);
}

static void test_all_take_part(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct meeting m = {.lock = PTHREAD_MUTEX_INITIALIZER,
                            .all = PTHREAD_COND_INITIALIZER,
                            .want = crew_size(crew)};

        crew_run(crew, work, &m);
        for (unsigned who = 0; who < CREW_MAX; who++)
            assert_int_equal(m.came[who], who < m.want);
    }
}

/* Only idle cores help. */
static void test_size(void **state)
{
    struct vector_crew *other;
    unsigned all = crew_size(crew);
    char text[64];
    struct err e = {0};

    (void)state;
    assert_in_range(all, 1, CREW_MAX);
    snprintf(text, sizeof(text), "0 0 0 %ld/99 1\n",
             sysconf(_SC_NPROCESSORS_ONLN));
    say_load(text);
    assert_int_equal(crew_size(crew), 1);
    say_load("nonsense\n");
    assert_int_equal(crew_size(crew), all);
    say_load("0 0 0 1/99 1\n");
    assert_int_equal(crew_size(crew), all);
    assert_int_equal(crew_size(NULL), 1);
    assert_int_equal(crew_new(&other, "/nowhere/loadavg", &e), ERR_NONE);
    assert_int_equal(crew_size(other), all);
    vector_crew_free(other);
    assert_int_equal(vector_crew_new(&other, &e), ERR_NONE);
    vector_crew_free(other);
    vector_crew_free(NULL);
}

static void work_within(void *ctx, unsigned who)
{
    struct meeting *m = ctx;

    if (who == 0) {
        struct meeting inner = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                .all = PTHREAD_COND_INITIALIZER,
                                .want = 1};

        crew_run(crew, work, &inner); /* taken: nobody else comes */
        m->came[0] = inner.here;
    }
}

static void test_one_at_a_time(void **state)
{
    struct meeting m = {.want = 1};

    (void)state;
    if (crew_size(crew) == 1)
        skip(); /* one core */
    crew_run(crew, work_within, &m);
    assert_int_equal(m.came[0], 1);
}

static void same_hits(const struct vector_query *q, size_t n)
{
    static struct vector_hit room[2][QUERIES][300];
    struct vector_hit *hits[2][QUERIES];
    size_t n_hits[2][QUERIES];
    struct err e = {0};

    for (size_t i = 0; i < QUERIES; i++)
        for (size_t side = 0; side < 2; side++)
            hits[side][i] = room[side][i];
    assert_int_equal(
        vector_index_search_many(alone, q, n, hits[0], n_hits[0], &e), 0);
    assert_int_equal(
        vector_index_search_many(shared, q, n, hits[1], n_hits[1], &e), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(n_hits[1][i], n_hits[0][i]);
        assert_memory_equal(room[1][i], room[0][i],
                            n_hits[0][i] * sizeof(room[0][i][0]));
    }
}

static void test_same_hits(void **state)
{
    static const size_t ks[] = {1, 10, 256, 257};
    struct vector_query q[QUERIES];
    struct vector_ids *some;
    int64_t ids[N / 50];
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < N / 50; i++)
        ids[i] = (int64_t)i * 150;
    assert_int_equal(vector_ids_new(&some, ids, N / 50, &e), ERR_NONE);
    for (size_t k = 0; k < 4; k++)
        for (int filtered = 0; filtered < 2; filtered++) {
            const struct vector_filter filter = {.ids = some};

            for (size_t i = 0; i < QUERIES; i++)
                q[i] = (struct vector_query){
                    queries[i], (enum vector_metric)(i % VECTOR_N_METRICS),
                    ks[k], filtered ? &filter : NULL};
            same_hits(q, QUERIES);
            for (size_t i = 0; i < VECTOR_N_METRICS; i++)
                same_hits(q + i, 1);
        }
    vector_ids_free(some);
}

/* A filter that lets nobody go on before a second thread has come to it. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t both;
    pthread_t first;
    unsigned n;
};

static uint16_t pass_gate(void *ctx, const int64_t ids[16], uint16_t live)
{
    struct gate *g = ctx;

    (void)ids;
    pthread_mutex_lock(&g->lock);
    if (g->n == 0) {
        g->first = pthread_self();
        g->n = 1;
    } else if (g->n == 1 && !pthread_equal(g->first, pthread_self())) {
        g->n = 2;
        pthread_cond_broadcast(&g->both);
    }
    while (g->n < 2)
        pthread_cond_wait(&g->both, &g->lock);
    pthread_mutex_unlock(&g->lock);
    return live;
}

static void test_is_shared(void **state)
{
    struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .both = PTHREAD_COND_INITIALIZER};
    const struct vector_filter filter = {.wanted = pass_gate, .ctx = &gate};
    const struct vector_query q = {queries[0], VECTOR_COSINE, 10, &filter};
    struct vector_hit hits[10], want[10];
    struct err e = {0};
    size_t n;

    (void)state;
    if (crew_size(crew) == 1)
        skip(); /* one core */
    assert_int_equal(vector_index_search(shared, &q, hits, &n, &e), ERR_NONE);
    assert_int_equal(n, 10);
    assert_int_equal(gate.n, 2);
    assert_int_equal(
        vector_index_search(
            alone, &(struct vector_query){queries[0], VECTOR_COSINE, 10, NULL},
            want, &n, &e),
        ERR_NONE);
    assert_memory_equal(hits, want, sizeof(hits));
}

static void *search_on(void *arg)
{
    const struct vector_hit(*want)[10] = arg;
    struct vector_hit hits[10];
    struct err e = {0};
    uintptr_t wrong = 0;
    size_t n;

    for (size_t i = 0; i < 3 * (size_t)QUERIES; i++) {
        const struct vector_query q = {queries[i % QUERIES], VECTOR_COSINE, 10,
                                       NULL};

        wrong += vector_index_search(shared, &q, hits, &n, &e) != ERR_NONE ||
                 n != 10 || memcmp(hits, want[i % QUERIES], sizeof(hits)) != 0;
    }
    return (void *)wrong; /* NOLINT(performance-no-int-to-ptr) */
}

static void test_many_at_once(void **state)
{
    struct vector_hit want[QUERIES][10];
    pthread_t threads[THREADS];
    struct err e = {0};
    void *wrong;
    size_t n;

    (void)state;
    for (size_t i = 0; i < QUERIES; i++)
        assert_int_equal(
            vector_index_search(
                alone,
                &(struct vector_query){queries[i], VECTOR_COSINE, 10, NULL},
                want[i], &n, &e),
            ERR_NONE);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, search_on, want), 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_take_part),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_same_hits),
        cmocka_unit_test(test_is_shared),
        cmocka_unit_test(test_many_at_once),
    };

    return cmocka_run_group_tests_name("vector_crew", tests, set_up, tear_down);
}
