/* test_collection.c - what is searched follows the store, and filters with it.
 */
#include "store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/crypto.h"
#include "processor/collection.h"
#include "store/documents.h"

#define PAPERS 6
#define TEXT_BYTES 40

static const struct model_id model_1 = {{1, 2, 3}};
static const struct model_id model_2 = {{0xff, 2, 3}};

/* A vector that leans to `axis`; another model's leans elsewhere. */
static void lean(float *v, int axis, const struct model_id *m)
{
    memset(v, 0, STORE_VECTOR_DIM * sizeof(*v));
    v[0] = 1;
    v[axis + (m == &model_2 ? 100 : 1)] = 2;
}

static struct collection *open_collection(struct store_fixture *f,
                                          enum vector_set set)
{
    struct collection *c;

    OK(f, collection_new(
              &c, &(struct collection_options){.store = f->s, .set = set},
              &f->err));
    return c;
}

/* ---- papers ---- */

/* Give up to `most` of the papers that have none of this model a vector, which
 * leans to the number in its title. */
static void embed_papers(struct store_fixture *f, const struct model_id *m,
                         int most)
{
    static float vectors[PAPERS][STORE_VECTOR_DIM];
    struct paper_vector put[PAPERS];
    struct paper_text *t;
    size_t n;

    OK(f, store_papers_unembedded(f->s, f->a, m, most, &t, &n, &f->err));
    for (size_t i = 0; i < n; i++) {
        int number = t[i].text.p[sizeof("Paper number ") - 1] - '0';

        lean(vectors[i], number, m);
        put[i] = (struct paper_vector){.id = t[i].id, .vector = vectors[i]};
        memcpy(put[i].sha256, t[i].sha256, sizeof(put[i].sha256));
    }
    OK(f, store_paper_vectors_put(f->s, m, put, n, &f->err));
}

static struct collection *six_papers(struct store_fixture *f)
{
    struct collection *c = open_collection(f, VECTORS_PAPERS);

    for (int i = 1; i <= PAPERS; i++) {
        struct paper p = a_paper(f, i);

        p.category = i % 2 ? SLICE("odd") : SLICE("even");
        receive_one(f, p);
    }
    embed_papers(f, &model_1, PAPERS);
    OK(f, collection_refresh(c, &model_1, &f->err));
    return c;
}

static struct collection_info info_of(struct collection *c)
{
    struct collection_info info;

    collection_info(c, &info);
    return info;
}

/* The nearest to what leans to `axis`; 0: nothing is there. */
static int64_t nearest(struct store_fixture *f, struct collection *c, int axis,
                       const struct model_id *m, const struct vector_ids *keep)
{
    struct vector_hit hit;
    float v[STORE_VECTOR_DIM];
    size_t n;

    lean(v, axis, m);
    OK(f, collection_search(c, v, keep, 1, &hit, &n, &f->err));
    return n ? hit.id : 0;
}

/* How many of the ids a filter lets through. */
static size_t passes(struct store_fixture *f, struct collection *c,
                     const char *filter, const int64_t *ids, size_t n)
{
    struct where_set *set;
    struct where *w;
    size_t in = 0;

    OK(f, where_parse(&w, slice_of(filter), &f->err));
    OK(f, collection_filter(c, w, &set, &f->err));
    for (size_t i = 0; i < n; i++)
        in += vector_ids_has(where_set_ids(set), ids[i]);
    where_set_release(set);
    where_free(w);
    return in;
}

static size_t odd_papers(struct store_fixture *f, struct collection *c)
{
    static const int64_t ids[PAPERS] = {1, 2, 3, 4, 5, 6}; /* of a new store */

    return passes(f, c, "{\"category\":\"odd\"}", ids, PAPERS);
}

static void papers_come_and_go(struct store_fixture *f)
{
    struct collection *c = six_papers(f);
    int64_t two = id_of(f, 2);

    assert_int_equal(info_of(c).vectors, PAPERS);
    assert_int_equal(nearest(f, c, 2, &model_1, NULL), two);
    OK(f, store_paper_delete(f->s, two, NOW, &f->err));
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(info_of(c).vectors, PAPERS - 1);
    assert_int_not_equal(nearest(f, c, 2, &model_1, NULL), two);
    OK(f, store_paper_restore(f->s, two, NOW, &f->err));
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(info_of(c).vectors, PAPERS - 1); /* not yet embedded */
    embed_papers(f, &model_1, PAPERS);
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(nearest(f, c, 2, &model_1, NULL), two);
    collection_free(c);
}

/* Each time from the cache, and after each change anew. */
static void filters_follow(struct store_fixture *f)
{
    struct collection *c = six_papers(f);
    struct paper p = a_paper(f, 2);

    for (int i = 0; i < 3; i++)
        assert_int_equal(odd_papers(f, c), 3);
    p.category = SLICE("odd"); /* its text stays, and so does its vector */
    p.version = 2;
    receive_one(f, p);
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(odd_papers(f, c), 4);
    assert_int_equal(info_of(c).vectors, PAPERS);
    OK(f, store_paper_delete(f->s, id_of(f, 1), NOW, &f->err));
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(info_of(c).vectors, PAPERS - 1);
    assert_int_equal(odd_papers(f, c), 3);
    collection_free(c);
}

/* What has no vector can be found by its words, and so be filtered. */
static void filters_know_who_waits(struct store_fixture *f)
{
    struct collection *c = open_collection(f, VECTORS_PAPERS);
    struct paper p = a_paper(f, 1);

    p.category = SLICE("odd");
    receive_one(f, p);
    OK(f, collection_refresh(c, NULL, &f->err));
    assert_int_equal(odd_papers(f, c), 1);
    p = a_paper(f, 2);
    p.category = SLICE("odd");
    receive_one(f, p);
    OK(f, collection_refresh(c, NULL, &f->err));
    assert_int_equal(odd_papers(f, c), 2);
    p.category = SLICE("even");
    p.version = 2;
    receive_one(f, p);
    OK(f, collection_refresh(c, NULL, &f->err));
    assert_int_equal(odd_papers(f, c), 1);
    embed_papers(f, &model_1, PAPERS);
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(odd_papers(f, c), 1);
    OK(f, store_paper_delete(f->s, id_of(f, 1), NOW, &f->err));
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(odd_papers(f, c), 0);
    collection_free(c);
}

static void another_model(struct store_fixture *f)
{
    struct collection *c = six_papers(f);
    int64_t one = id_of(f, 1), two = id_of(f, 2);

    OK(f, collection_refresh(c, NULL, &f->err)); /* as before */
    assert_int_equal(info_of(c).vectors, PAPERS);
    OK(f, collection_refresh(c, &model_2, &f->err));
    assert_int_equal(info_of(c).vectors, 0);
    assert_int_equal(info_of(c).stale, PAPERS);
    assert_int_equal(nearest(f, c, 1, &model_1, NULL), 0); /* none is left */
    assert_int_equal(odd_papers(f, c), 3); /* filters know them still */

    embed_papers(f, &model_2, 1);
    OK(f, collection_refresh(c, &model_2, &f->err));
    assert_int_equal(info_of(c).vectors, 1);
    assert_int_equal(info_of(c).stale, PAPERS - 1);
    assert_int_equal(nearest(f, c, 2, &model_2, NULL), one);

    embed_papers(f, &model_2, PAPERS);
    OK(f, collection_refresh(c, &model_2, &f->err));
    assert_int_equal(info_of(c).stale, 0);
    assert_int_equal(nearest(f, c, 2, &model_2, NULL), two);
    assert_int_equal(info_of(c).vectors, PAPERS);
    collection_free(c);
}

/* Words are searched before there is a model. */
static void no_model_yet(struct store_fixture *f)
{
    struct collection *c = open_collection(f, VECTORS_PAPERS);

    for (int i = 1; i <= PAPERS; i++) {
        struct paper p = a_paper(f, i);

        p.category = SLICE("odd");
        receive_one(f, p);
    }
    embed_papers(f, &model_1, PAPERS);
    OK(f, collection_refresh(c, NULL, &f->err));
    assert_int_equal(info_of(c).vectors, 0);
    assert_int_equal(odd_papers(f, c), PAPERS);
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(info_of(c).vectors, PAPERS);
    collection_free(c);
}

static void like_a_paper(struct store_fixture *f)
{
    struct collection *c = six_papers(f);
    struct vector_hit hits[PAPERS];
    int64_t two = id_of(f, 2);
    size_t n;

    OK(f, collection_similar(c, two, PAPERS, hits, &n, &f->err));
    assert_int_equal(n, PAPERS - 1);
    for (size_t i = 0; i < n; i++)
        assert_int_not_equal(hits[i].id, two);
    GIVES(f, ERR_NOT_FOUND, collection_similar(c, 99999, 1, hits, &n, &f->err));
    collection_free(c);
}

/* ---- all at once ---- */

#define READERS 3

struct reader {
    struct store_fixture *f;
    struct collection *c;
    pthread_t thread;
    atomic_bool *stop;
    enum err_code code;
    size_t rounds;
};

/* What a query does; whatever it meets, nothing fails. */
static enum err_code ask_once(struct reader *r, const struct where *w)
{
    struct where_set *set;
    struct vector_hit hits[PAPERS];
    float v[STORE_VECTOR_DIM];
    size_t n;
    enum err_code code = collection_refresh(r->c, &model_1, NULL);

    if (code == ERR_NONE)
        code = collection_filter(r->c, w, &set, NULL);
    if (code != ERR_NONE)
        return code;
    lean(v, 1, &model_1);
    code =
        collection_search(r->c, v, where_set_ids(set), PAPERS, hits, &n, NULL);
    for (size_t i = 0; code == ERR_NONE && i < n; i++)
        if (!vector_ids_has(where_set_ids(set), hits[i].id))
            code = ERR_INTERNAL;
    where_set_release(set);
    return code;
}

static void *read_on(void *arg)
{
    struct reader *r = arg;
    struct where *w;

    r->code = where_parse(&w, SLICE("{\"category\":\"odd\"}"), NULL);
    if (r->code != ERR_NONE)
        return NULL;
    while (r->code == ERR_NONE && !atomic_load(r->stop)) {
        r->code = ask_once(r, w);
        r->rounds++;
    }
    where_free(w);
    return NULL;
}

static void many_at_once(struct store_fixture *f)
{
    struct collection *c = six_papers(f);
    struct reader readers[READERS];
    atomic_bool stop = false;

    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.f = f, .c = c, .stop = &stop};
        assert_int_equal(
            pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        struct paper p = a_paper(f, 1 + i % 3);

        p.version = 2 + i;
        p.category = i % 2 ? SLICE("odd") : SLICE("even");
        if (i % 5 == 0)
            p.abstract = slice_of(arena_printf(f->a, "Another text %d.", i));
        receive_one(f, p);
        embed_papers(f, &model_1, PAPERS);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].code, ERR_NONE);
    }
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(info_of(c).vectors, PAPERS);
    /* 1 came last as even, 2 and 3 as odd; 5 never changed */
    assert_int_equal(odd_papers(f, c), 3);
    collection_free(c);
}

/* ---- documents ---- */

/* Two chunks of a document of its own; its key. */
static void ingest(struct store_fixture *f, const char *id, const char *lang,
                   int axis, const struct model_id *m)
{
    static const char text[] = "one two three four five six seven eight ";
    float v[2][STORE_VECTOR_DIM];
    struct chunk_new chunks[2] = {{.vector = v[0]}, {.vector = v[1]}};
    struct job_lease l = running(f, NOW + axis * US_PER_S);
    struct document_new d = {
        .id = slice_of(id),
        .title = SLICE("A text"),
        .metadata = slice_of(arena_printf(f->a, "{\"lang\":\"%s\"}", lang)),
        .text = {text, TEXT_BYTES},
        .chars = TEXT_BYTES,
        .chunk_size = TEXT_BYTES / 2,
        .total_chunks = 2,
        .now_us = NOW};
    struct document_begun begun;
    struct chunk_batch batch = {
        .model = *m, .chunks = chunks, .n = 2, .now_us = NOW};

    d.sha256[0] = (uint8_t)axis;
    for (int i = 0; i < 2; i++) {
        lean(v[i], axis + i, m);
        chunks[i].index = i;
        chunks[i].start_byte = chunks[i].start_char = i * TEXT_BYTES / 2;
        chunks[i].end_byte = chunks[i].end_char = (i + 1) * TEXT_BYTES / 2;
        chunks[i].sha256[0] = (uint8_t)(axis + i);
    }
    OK(f, store_document_begin(f->s, f->a, &l, &d, &begun, &f->err));
    batch.key = begun.key;
    OK(f, store_document_chunks_add(f->s, &l, &batch, &f->err));
    OK(f,
       store_document_finish(f->s, &l, begun.key, SLICE("{}"), NOW, &f->err));
}

static void documents_and_filters(struct store_fixture *f)
{
    struct collection *c = open_collection(f, VECTORS_CHUNKS);
    int64_t ids[4], replaced;

    ingest(f, "doc-a", "en", 10, &model_1);
    ingest(f, "doc-b", "de", 20, &model_1);
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(info_of(c).vectors, 4);
    for (int i = 0; i < 4; i++)
        ids[i] = nearest(f, c, (i / 2 + 1) * 10 + i % 2, &model_1, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(passes(f, c, "{\"lang\":\"de\"}", ids, 4), 2);
        assert_int_equal(passes(f, c, "{\"chunk_index\":1}", ids, 4), 2);
        assert_int_equal(
            passes(f, c, "{\"$and\":[{\"lang\":\"en\"},{\"chunk_index\":0}]}",
                   ids, 4),
            1);
    }
    /* another version: other numbers, and another language */
    ingest(f, "doc-a", "de", 30, &model_1);
    OK(f, collection_refresh(c, &model_1, &f->err));
    replaced = nearest(f, c, 30, &model_1, NULL);
    assert_int_equal(passes(f, c, "{\"lang\":\"de\"}", &replaced, 1), 1);
    assert_int_equal(passes(f, c, "{\"lang\":\"de\"}", ids, 2), 0);
    OK(f, store_document_delete(f->s, SLICE("doc-b"), &f->err));
    OK(f, collection_refresh(c, &model_1, &f->err));
    assert_int_equal(passes(f, c, "{\"lang\":\"de\"}", ids, 4), 0);
    collection_free(c);
}

/* A document of which one chunk is of the model before. */
static void half_a_document(struct store_fixture *f)
{
    struct collection *c = open_collection(f, VECTORS_CHUNKS);
    float v[STORE_VECTOR_DIM];
    struct chunk_text *t;
    size_t n;

    ingest(f, "doc-a", "en", 10, &model_1);
    OK(f, store_chunks_unembedded(f->s, f->a, &model_2, 0, 1, &t, &n, &f->err));
    assert_int_equal(n, 1);
    lean(v, 10, &model_2);
    OK(f, store_chunk_vectors_put(f->s, &model_2, &t[0].id, v, 1, &f->err));
    OK(f, collection_refresh(c, &model_2, &f->err));
    assert_int_equal(info_of(c).vectors, 1);
    assert_int_equal(info_of(c).stale, 1);
    assert_int_equal(nearest(f, c, 11, &model_2, NULL), t[0].id);
    assert_int_equal(passes(f, c, "{\"lang\":\"en\"}", &t[0].id, 1), 1);
    collection_free(c);
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(papers_come_and_go),     CASE(filters_follow),
        CASE(filters_know_who_waits), CASE(another_model),
        CASE(no_model_yet),           CASE(like_a_paper),
        CASE(documents_and_filters),  CASE(half_a_document),
        CASE(many_at_once),
    };

    return STORE_SUITE("collection", cases);
}
