/* test_store_vectors.c - conformance of store/documents.h: vectors that the
 * database finds itself, and the forms in which it keeps them. */
#include "store_fixture.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "store/documents.h"

#define N 60      /* vectors of a document here */
#define NEAR 1e-6 /* what single precision may be off */

static const struct model_id model_1 = {{1, 2, 3}};
static const struct model_id model_2 = {{0xff, 2, 3}};

/* ---- helpers ---- */

/* Of length 1, another for each seed; the same on every run. */
static void fill(float *v, uint32_t seed)
{
    uint64_t x = seed * UINT64_C(2654435761) + 12345;
    double sum = 0;

    for (int i = 0; i < STORE_VECTOR_DIM; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        v[i] = (float)((double)(x >> 33) / (double)(1u << 30) - 1);
        sum += (double)v[i] * (double)v[i];
    }
    for (int i = 0; i < STORE_VECTOR_DIM; i++)
        v[i] = (float)((double)v[i] / sqrt(sum));
}

/* As a job of its own; visible only if it is finished.  Each chunk is a byte of
 * the text. */
static void add_document(struct store_fixture *f, const char *id, int64_t now,
                         const struct model_id *m,
                         float (*vectors)[STORE_VECTOR_DIM], size_t n,
                         bool finished)
{
    static char text[N];
    struct job_lease l = running(f, now);
    struct chunk_new chunks[N];
    struct document_begun begun;
    struct document_new d = {.id = slice_of(id),
                             .metadata = SLICE("{}"),
                             .text = {text, n},
                             .chars = (int64_t)n,
                             .chunk_size = 1,
                             .total_chunks = (int64_t)n,
                             .now_us = now};
    struct chunk_batch b = {
        .model = *m, .chunks = chunks, .n = n, .result = SLICE("{}")};

    memset(text, 'x', sizeof(text));
    crypto_sha256(d.sha256, slice_of(id));
    OK(f, store_document_begin(f->s, f->a, &l, &d, &begun, &f->err));
    b.key = begun.key;
    for (size_t i = 0; i < n; i++) {
        int64_t at = (int64_t)i;

        chunks[i] = (struct chunk_new){.index = at,
                                       .start_char = at,
                                       .end_char = at + 1,
                                       .start_byte = at,
                                       .end_byte = at + 1,
                                       .page = at / 10 + 1,
                                       .tokens = 1,
                                       .metadata = SLICE("{\"a\":1}"),
                                       .vector = vectors[i]};
        crypto_sha256(chunks[i].sha256, SLICE("x"));
    }
    OK(f, store_document_chunks_add(f->s, &l, &b, &f->err));
    if (finished)
        OK(f,
           store_document_finish(f->s, &l, b.key, SLICE("{}"), now, &f->err));
}

/* All chunks that have a vector of the model, or without vectors. */
struct all {
    bool of_model; /* only what has a vector of the model */
    size_t n;
    int64_t ids[4 * N], indexes[4 * N];
    float vectors[4 * N][STORE_VECTOR_DIM];
};

static enum err_code take(void *ctx, const struct chunk_vector *v,
                          struct err *e)
{
    struct all *all = ctx;

    if (all->of_model && !v->vector)
        return ERR_NONE;
    if (all->n == 4 * N)
        return err_set(e, ERR_INTERNAL, "too many chunks");
    all->ids[all->n] = v->chunk_id;
    all->indexes[all->n] = v->index;
    if (v->vector)
        memcpy(all->vectors[all->n], v->vector, sizeof(all->vectors[0]));
    all->n++;
    return v->page == v->index / 10 + 1 && slice_is(v->metadata, "{\"a\":1}")
               ? ERR_NONE
               : err_set(e, ERR_INTERNAL, "not what was added");
}

static struct all *all_chunks(struct store_fixture *f, struct store *s,
                              const struct model_id *m)
{
    struct all *all = arena_calloc(f->a, 1, sizeof(*all));
    uint64_t generation;

    assert_non_null(all);
    all->of_model = m != NULL;
    OK(f, store_chunks_each(s, m, 0, take, all, &generation, &f->err));
    return all;
}

static double distance(enum vector_distance kind, const float *a,
                       const float *b)
{
    double dot = 0, aa = 0, bb = 0, d = 0;

    for (int i = 0; i < STORE_VECTOR_DIM; i++) {
        dot += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
        d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    }
    if (kind == DISTANCE_COSINE)
        return aa == 0 || bb == 0 ? 1 : 1 - dot / sqrt(aa * bb);
    return kind == DISTANCE_IP ? 1 - dot : d;
}

static size_t nearest(struct store_fixture *f, const struct vector_search *q,
                      struct vector_match **out)
{
    size_t n;

    OK(f, store_vectors_nearest(f->s, f->a, q, out, &n, &f->err));
    return n;
}

/* The answer is the one that comparing with every vector gives. */
static void check_nearest(struct store_fixture *f,
                          const struct vector_search *q, const struct all *all,
                          bool (*wanted)(int64_t id))
{
    struct vector_match *got;
    size_t n = nearest(f, q, &got), n_wanted = 0;

    for (size_t i = 0; i < all->n; i++) {
        double d = distance(q->distance, q->vector, all->vectors[i]);
        size_t k = 0;

        if (wanted && !wanted(all->ids[i]))
            continue;
        n_wanted++;
        while (k < n && got[k].id != all->ids[i])
            k++;
        if (k < n) /* it is there: with this distance */
            assert_true(fabs(got[k].distance - d) < NEAR);
        else /* it is not: because it is no nearer than the last */
            assert_true(n == (size_t)q->k && d > got[n - 1].distance - NEAR);
    }
    assert_int_equal(n, n_wanted < (size_t)q->k ? n_wanted : (size_t)q->k);
    for (size_t i = 1; i < n; i++)
        assert_true(got[i].distance > got[i - 1].distance ||
                    (got[i].distance == got[i - 1].distance &&
                     got[i].id > got[i - 1].id));
}

static bool is_odd(int64_t id)
{
    return id % 2 != 0;
}

/* A document of model 1 with a vector of zeros and two that are equal, one of
 * model 2, one that is not visible. */
static void stock(struct store_fixture *f)
{
    static float v[N][STORE_VECTOR_DIM];

    for (uint32_t i = 0; i < N; i++)
        fill(v[i], i);
    memset(v[3], 0, sizeof(v[3]));
    memcpy(v[9], v[8], sizeof(v[9]));
    add_document(f, "doc-1", NOW, &model_1, v, N, true);
    for (uint32_t i = 0; i < N; i++)
        fill(v[i], N + i);
    add_document(f, "doc-2", NOW + US_PER_S, &model_2, v, N, true);
    for (uint32_t i = 0; i < N; i++)
        fill(v[i], 2 * N + i);
    add_document(f, "doc-3", NOW + 2 * US_PER_S, &model_1, v, N, true);
    for (uint32_t i = 0; i < N; i++)
        fill(v[i], 3 * N + i);
    add_document(f, "doc-4", NOW + 3 * US_PER_S, &model_1, v, N, false);
}

/* ---- nearest ---- */

static void who_does_not_find_says_so(struct store_fixture *f)
{
    static float v[STORE_VECTOR_DIM] = {1};
    const struct vector_search q = {.vector = v, .k = 1, .model = model_1};
    struct vector_match *m;
    size_t n;

    assert_int_equal(store_finds_vectors(f->s),
                     strcmp(f->backend, "pgvector") == 0);
    if (!store_finds_vectors(f->s))
        GIVES(f, ERR_UNAVAILABLE,
              store_vectors_nearest(f->s, f->a, &q, &m, &n, &f->err));
}

static void nearest_chunks(struct store_fixture *f)
{
    float query[STORE_VECTOR_DIM];
    int64_t odd[4 * N];
    struct vector_match *m;
    struct vector_search q = {
        .set = VECTORS_CHUNKS, .model = model_1, .vector = query, .k = 10};
    struct all *all;
    size_t n_odd = 0;

    if (!store_finds_vectors(f->s))
        return;
    assert_int_equal(nearest(f, &q, &m), 0);
    stock(f);
    all = all_chunks(f, f->s, &model_1);
    assert_int_equal(all->n, 2 * N);
    for (size_t i = 0; i < all->n; i++)
        if (is_odd(all->ids[i]))
            odd[n_odd++] = all->ids[i];
    for (uint32_t i = 0; i < 30; i++) {
        fill(query, 1000 + i);
        q.distance = i % 3;
        q.k = i % 5 == 0 ? 1000 : 1 + (int)i;
        q.ids = i % 2 ? odd : NULL;
        q.n_ids = n_odd;
        check_nearest(f, &q, all, q.ids ? is_odd : NULL);
    }
    q.ids = odd;
    q.n_ids = 0; /* none of them */
    assert_int_equal(nearest(f, &q, &m), 0);
    q.ids = NULL;
    q.k = 0;
    assert_int_equal(nearest(f, &q, &m), 0);
}

static void equal_ones_by_id(struct store_fixture *f)
{
    struct vector_search q = {.model = model_1, .k = 3};
    struct vector_match *m;
    struct all *all;

    if (!store_finds_vectors(f->s))
        return;
    stock(f);
    all = all_chunks(f, f->s, &model_1);
    q.vector = all->vectors[8];
    assert_int_equal(nearest(f, &q, &m), 3);
    assert_int_equal(m[0].id, all->ids[8]);
    assert_int_equal(m[1].id, all->ids[9]);
    assert_true(fabs(m[1].distance) < NEAR && m[2].distance > 0.1);
    q.vector = all->vectors[3]; /* zeros: as far from all */
    q.k = 2;
    assert_int_equal(nearest(f, &q, &m), 2);
    assert_int_equal(m[0].id, all->ids[0]);
    assert_true(m[0].distance == 1 && m[1].distance == 1);
}

static void nearest_follows_changes(struct store_fixture *f)
{
    static float v[1][STORE_VECTOR_DIM], w[STORE_VECTOR_DIM];
    struct vector_search q = {.model = model_1, .vector = v[0], .k = 3};
    struct vector_match *m;
    int64_t id;

    if (!store_finds_vectors(f->s))
        return;
    fill(v[0], 1);
    fill(w, 2);
    add_document(f, "doc-1", NOW, &model_1, v, 1, true);
    assert_int_equal(nearest(f, &q, &m), 1);
    id = m[0].id;
    OK(f, store_chunk_vectors_put(f->s, &model_2, &id, w, 1, &f->err));
    assert_int_equal(nearest(f, &q, &m), 0);
    q.model = model_2;
    q.vector = w;
    assert_int_equal(nearest(f, &q, &m), 1);
    assert_true(fabs(m[0].distance) < NEAR);
    OK(f, store_document_delete(f->s, SLICE("doc-1"), &f->err));
    assert_int_equal(nearest(f, &q, &m), 0);
}

/* ---- the approximate index ---- */

static struct store *open_with_index_from(struct store_fixture *f, int64_t from)
{
    const struct store_options opt = {.database_url = f->url,
                                      .data_dir = f->dir,
                                      .vectors = f->vectors,
                                      .index_from = from};
    struct store *s = NULL;

    OK(f, store_open(&s, &opt, &f->err));
    return s;
}

static bool wants_index(struct store_fixture *f, struct store *s,
                        enum vector_set set)
{
    bool wanted;

    OK(f, store_vectors_index_wanted(s, set, &wanted, &f->err));
    return wanted;
}

static bool go_on(void *ctx, double done)
{
    (void)ctx;
    return done >= 0 && done <= 1;
}

/* From the number of visible chunks on, and in pgvector alone. */
static void who_wants_an_index(struct store_fixture *f)
{
    struct store *s;

    stock(f);
    s = open_with_index_from(f, 3 * N + 1);
    assert_false(wants_index(f, s, VECTORS_CHUNKS));
    store_close(s);
    s = open_with_index_from(f, 3 * N);
    assert_int_equal(store_makes_index(s), store_finds_vectors(s));
    assert_int_equal(wants_index(f, s, VECTORS_CHUNKS), store_makes_index(s));
    assert_false(wants_index(f, s, VECTORS_PAPERS));
    assert_false(wants_index(f, f->s, VECTORS_CHUNKS)); /* 0: never */
    GIVES(f, ERR_INVALID,
          store_vectors_index_make(f->s, VECTORS_CHUNKS, go_on, NULL, &f->err));
    if (!store_makes_index(s)) {
        store_close(s);
        return;
    }
    for (int i = 0; i < 2; i++) /* there is nothing left to do */
        OK(f,
           store_vectors_index_make(s, VECTORS_CHUNKS, go_on, NULL, &f->err));
    assert_false(wants_index(f, s, VECTORS_CHUNKS));
    store_close(s);
    s = open_with_index_from(f, 1); /* another process sees it */
    assert_false(wants_index(f, s, VECTORS_CHUNKS));
    store_close(s);
}

/* What is found, what is not, and which way it was. */
static void found_by_the_index(struct store_fixture *f)
{
    struct store *without = f->s;
    struct vector_search q = {.model = model_1, .k = 3};
    struct vector_match *m;
    struct all *all;
    uint64_t exact, approximate;

    if (!store_finds_vectors(f->s))
        return;
    stock(f);
    all = all_chunks(f, f->s, &model_1);
    f->s = open_with_index_from(f, 1);
    OK(f, store_vectors_index_make(f->s, VECTORS_CHUNKS, go_on, NULL, &f->err));
    for (size_t i = 10; i < 30; i++) { /* each finds itself */
        q.vector = all->vectors[i];
        assert_int_equal(nearest(f, &q, &m), 3);
        assert_int_equal(m[0].id, all->ids[i]);
        assert_true(fabs(m[0].distance) < NEAR && m[1].distance > NEAR);
        assert_true(m[1].distance <= m[2].distance);
    }
    store_vectors_ways(f->s, &exact, &approximate);
    assert_int_equal(exact, 0);
    assert_int_equal(approximate, 20);
    q.k = 2 * N; /* zeros are not in the index: all are looked for exactly */
    check_nearest(f, &q, all, NULL);
    q.k = 1000; /* and there are no more */
    check_nearest(f, &q, all, NULL);
    q.distance = DISTANCE_L2;
    check_nearest(f, &q, all, NULL);
    q.distance = DISTANCE_COSINE;
    q.ids = all->ids;
    q.n_ids = 5;
    assert_int_equal(nearest(f, &q, &m), 5);
    store_vectors_ways(f->s, &exact, &approximate);
    assert_int_equal(exact, 4);
    assert_int_equal(approximate, 20);
    OK(f, store_document_delete(f->s, SLICE("doc-1"), &f->err));
    q = (struct vector_search){
        .model = model_1, .vector = all->vectors[10], .k = 3};
    assert_int_equal(nearest(f, &q, &m), 3);
    assert_true(m[0].id > all->ids[N - 1]);
    store_close(f->s);
    f->s = without;
}

static void single_vectors(struct store_fixture *f)
{
    float v[STORE_VECTOR_DIM];
    struct vector_count n;
    struct all *all;

    OK(f, store_vectors_count(f->s, VECTORS_CHUNKS, &model_1, &n, &f->err));
    assert_int_equal(n.all, 0);
    stock(f);
    all = all_chunks(f, f->s, &model_1);
    for (size_t i = 0; i < all->n; i++) {
        GIVES(f, ERR_NOT_FOUND,
              store_vector_get(f->s, VECTORS_CHUNKS, &model_2, all->ids[i], v,
                               &f->err));
        OK(f, store_vector_get(f->s, VECTORS_CHUNKS, &model_1, all->ids[i], v,
                               &f->err));
        assert_memory_equal(v, all->vectors[i], sizeof(v));
    }
    /* not visible: the one behind the last */
    GIVES(f, ERR_NOT_FOUND,
          store_vector_get(f->s, VECTORS_CHUNKS, &model_1,
                           all->ids[all->n - 1] + 1, v, &f->err));
    OK(f, store_vectors_count(f->s, VECTORS_CHUNKS, &model_1, &n, &f->err));
    assert_int_equal(n.all, 3 * N);
    assert_int_equal(n.stale, N);
    OK(f, store_vectors_count(f->s, VECTORS_CHUNKS, &model_2, &n, &f->err));
    assert_int_equal(n.stale, 2 * N);
}

/* ---- papers ---- */

static enum err_code take_paper(void *ctx, const struct paper_vector *v,
                                struct err *e)
{
    ++*(size_t *)ctx;
    return v->vector ? err_set(e, ERR_INTERNAL, "a vector was read") : ERR_NONE;
}

/* More than fit into a pipeline one by one, one of them twice. */
static void papers_at_once(struct store_fixture *f)
{
    enum { PAPERS = 300 };
    static float v[PAPERS][STORE_VECTOR_DIM];
    struct paper *papers = arena_calloc(f->a, PAPERS, sizeof(*papers));
    struct paper_vector put[PAPERS + 1];
    struct vector_search q = {
        .set = VECTORS_PAPERS, .model = model_1, .vector = v[7], .k = 2};
    struct vector_match *m;
    struct paper_text *t;
    struct vector_count count;
    float got[STORE_VECTOR_DIM];
    uint64_t generation;
    int64_t *present;
    size_t n;

    for (int i = 0; i < PAPERS; i++)
        papers[i] = a_paper(f, i + 1);
    receive(f, papers, PAPERS);
    OK(f,
       store_papers_unembedded(f->s, f->a, &model_1, PAPERS, &t, &n, &f->err));
    assert_int_equal(n, PAPERS);
    for (uint32_t i = 0; i < PAPERS; i++) {
        fill(v[i], i);
        put[i] = (struct paper_vector){.id = t[i].id, .vector = v[i]};
        memcpy(put[i].sha256, t[i].sha256, sizeof(put[i].sha256));
    }
    put[PAPERS] = put[7];
    put[7].vector = v[8];
    OK(f, store_paper_vectors_put(f->s, &model_1, put, PAPERS + 1, &f->err));
    OK(f, store_vectors_present(f->s, VECTORS_PAPERS, &present, &n, &f->err));
    free(present);
    assert_int_equal(n, PAPERS);
    OK(f,
       store_papers_unembedded(f->s, f->a, &model_1, PAPERS, &t, &n, &f->err));
    assert_int_equal(n, 0);
    n = 0;
    OK(f, store_paper_vectors_each(f->s, NULL, 0, take_paper, &n, &generation,
                                   &f->err));
    assert_int_equal(n, PAPERS);
    OK(f, store_vectors_count(f->s, VECTORS_PAPERS, &model_2, &count, &f->err));
    assert_int_equal(count.all, PAPERS);
    assert_int_equal(count.stale, PAPERS);
    OK(f, store_vectors_count(f->s, VECTORS_PAPERS, &model_1, &count, &f->err));
    assert_int_equal(count.stale, 0);
    OK(f, store_vector_get(f->s, VECTORS_PAPERS, &model_1, put[9].id, got,
                           &f->err));
    assert_memory_equal(got, v[9], sizeof(got));
    GIVES(f, ERR_NOT_FOUND,
          store_vector_get(f->s, VECTORS_PAPERS, &model_2, put[9].id, got,
                           &f->err));
    if (!store_finds_vectors(f->s))
        return;
    assert_int_equal(nearest(f, &q, &m), 2);
    assert_int_equal(m[0].id, put[PAPERS].id); /* the later one counts */
    assert_true(fabs(m[0].distance) < NEAR && m[1].distance > 0.1);
    OK(f, store_paper_delete(f->s, m[0].id, NOW, &f->err));
    assert_int_equal(nearest(f, &q, &m), 2);
    assert_true(m[0].distance > 0.1);
}

/* ---- forms ---- */

static void numbers_without_vectors(struct store_fixture *f)
{
    struct all *of_model, *of_any;

    stock(f);
    of_model = all_chunks(f, f->s, &model_2);
    of_any = all_chunks(f, f->s, NULL);
    assert_int_equal(of_model->n, N);
    assert_int_equal(of_any->n, 3 * N);
    assert_memory_equal(of_any->ids + N, of_model->ids,
                        N * sizeof(of_any->ids[0]));
    assert_int_equal(of_any->indexes[2 * N - 1], N - 1);
}

static enum err_code open_as(struct store_fixture *f, enum store_vectors form,
                             struct store **out)
{
    const struct store_options opt = {
        .database_url = f->url, .data_dir = f->dir, .vectors = form};

    return store_open(out, &opt, &f->err);
}

/* To bytes and back; floats are the same bits, and a store that does not care
 * reads, and writes, whatever form there is. */
static void both_ways(struct store_fixture *f)
{
    static const enum store_vectors forms[] = {
        STORE_VECTORS_EMBEDDED, STORE_VECTORS_AS_THEY_ARE,
        STORE_VECTORS_PGVECTOR, STORE_VECTORS_AS_THEY_ARE};
    static float odd[1][STORE_VECTOR_DIM] = {
        {-0.0f, 1e-40f, 3e38f, 1.17549435e-38f, -1, 0.1f}};
    struct store *first = f->s;
    struct vector_search q = {.model = model_1, .vector = odd[0], .k = 1};
    struct vector_match *m;
    struct all *before, *after;
    const char *text;
    uint64_t g;
    size_t n;

    if (!store_finds_vectors(f->s))
        return;
    stock(f);
    add_document(f, "odd", NOW + 5 * US_PER_S, &model_1, odd, 1, true);
    before = all_chunks(f, f->s, &model_1);
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        char id[10] = {'d', '-', (char)('0' + i), 0};
        bool is_pgvector = i >= 2;

        OK(f, open_as(f, forms[i], &f->s));
        assert_int_equal(store_finds_vectors(f->s),
                         forms[i] == STORE_VECTORS_PGVECTOR);
        OK(f, store_describe(f->s, f->a, &text, &f->err));
        assert_int_equal(strstr(text, "pgvector ") != NULL, is_pgvector);
        if (!is_pgvector) { /* who was there before is told to restart */
            GIVES(f, ERR_UNAVAILABLE,
                  store_vectors_nearest(first, f->a, &q, &m, &n, &f->err));
            GIVES(f, ERR_UNAVAILABLE,
                  store_chunks_each(first, &model_1, 0, take, before, &g,
                                    &f->err));
        }
        after = all_chunks(f, f->s, &model_1);
        assert_int_equal(after->n, before->n);
        assert_memory_equal(after, before, sizeof(*before));
        add_document(f, id, NOW + (int64_t)(6 + i) * US_PER_S, &model_1, odd, 1,
                     true);
        before = all_chunks(f, f->s, &model_1);
        store_close(f->s);
    }
    f->s = first;
}

struct opener {
    pthread_t thread;
    const struct store_options *opt;
    enum err_code code;
    struct err err;
};

static void *open_one(void *arg)
{
    struct opener *o = arg;
    struct store *s = NULL;

    o->code = store_open(&s, o->opt, &o->err);
    store_close(s);
    return NULL;
}

static void several_convert_at_once(struct store_fixture *f)
{
    const struct store_options opt = {.database_url = f->url,
                                      .vectors = STORE_VECTORS_PGVECTOR};
    struct opener o[4];
    struct store *s;

    if (!store_finds_vectors(f->s))
        return;
    stock(f);
    OK(f, open_as(f, STORE_VECTORS_EMBEDDED, &s));
    for (int i = 0; i < 4; i++) {
        o[i] = (struct opener){.opt = &opt};
        assert_int_equal(pthread_create(&o[i].thread, NULL, open_one, &o[i]),
                         0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(o[i].thread, NULL);
        if (o[i].code != ERR_NONE)
            fail_msg("%s", o[i].err.msg);
    }
    store_close(s);
    s = store_reopen(f);
    assert_int_equal(all_chunks(f, s, &model_1)->n, 2 * N);
    store_close(s);
}

static void there_and_back_without_index(struct store_fixture *f)
{
    struct store *s;

    if (!store_finds_vectors(f->s))
        return;
    stock(f);
    s = open_with_index_from(f, 1);
    OK(f, store_vectors_index_make(s, VECTORS_CHUNKS, go_on, NULL, &f->err));
    store_close(s);
    OK(f, open_as(f, STORE_VECTORS_EMBEDDED, &s));
    store_close(s);
    s = open_with_index_from(f, 1); /* in pgvector again */
    assert_true(wants_index(f, s, VECTORS_CHUNKS));
    store_close(s);
}

static void cannot_have_pgvector(struct store_fixture *f)
{
    struct store *s = NULL;
    const char *fix = strcmp(f->backend, "postgresql") == 0
                          ? "install the extension pgvector"
                          : "'database_url'";

    if (store_finds_vectors(f->s))
        return;
    if (open_as(f, STORE_VECTORS_PGVECTOR, &s) == ERR_NONE) {
        assert_true(
            store_finds_vectors(s)); /* a server that happens to have it */
        store_close(s);
        return;
    }
    assert_string_equal(f->err.field, "vectors");
    assert_non_null(strstr(f->err.msg, fix));
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(who_does_not_find_says_so),
        CASE(nearest_chunks),
        CASE(equal_ones_by_id),
        CASE(nearest_follows_changes),
        CASE_WHERE(ON_DISK, who_wants_an_index),
        CASE(found_by_the_index),
        CASE(single_vectors),
        CASE(papers_at_once),
        CASE(numbers_without_vectors),
        CASE(both_ways),
        CASE(several_convert_at_once),
        CASE(there_and_back_without_index),
        CASE_WHERE(ON_DISK, cannot_have_pgvector),
    };

    return STORE_SUITE("store_vectors", cases);
}
