/* test_store_documents.c - conformance of store/documents.h. */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "store/documents.h"

#define SIZE 20 /* bytes of a chunk of the tests' documents */
#define MOST 40 /* chunks of a document here */
/* C17 does not add a const inside an array type by itself. */
#define SHAS(list) ((const uint8_t(*)[32])(list))

static const struct model_id model_1 = {{1, 2, 3}};
static const struct model_id model_2 = {{0xff, 2, 3}};

/* ---- helpers ---- */

static struct document_new a_document(const char *id, const char *source,
                                      const char *text)
{
    struct document_new d = {
        .id = slice_of(id),
        .title = SLICE("A handbook"),
        .source = slice_of(source),
        .metadata = SLICE("{\"lang\":\"en\"}"),
        .text = slice_of(text),
        .pages = SLICE("[0,20]"),
        .chars = (int64_t)strlen(text),
        .chunk_size = SIZE,
        .overlap = 0,
        .total_chunks = (int64_t)(strlen(text) + SIZE - 1) / SIZE,
        .now_us = NOW,
    };

    crypto_sha256(d.sha256, d.text);
    return d;
}

/* Chunks from..to-1 of the document, a vector each that tells its index. */
static enum err_code try_add(struct store_fixture *f, const struct job_lease *l,
                             const struct document_new *d, int64_t key,
                             int64_t from, int64_t to)
{
    static float vectors[MOST][STORE_VECTOR_DIM];
    struct chunk_new chunks[MOST];
    struct chunk_batch b = {
        .key = key,
        .model = model_1,
        .chunks = chunks,
        .n = (size_t)(to - from),
        .progress = 50,
        .result = SLICE("{\"chunks_processed\":1}"),
        .now_us = NOW,
    };

    for (int64_t i = from; i < to; i++) {
        int64_t end = (i + 1) * SIZE;
        struct chunk_new *c = &chunks[i - from];

        if (end > (int64_t)d->text.len)
            end = (int64_t)d->text.len;
        vectors[i][0] = (float)i;
        vectors[i][STORE_VECTOR_DIM - 1] = 0.5f;
        *c = (struct chunk_new){i,   i * SIZE,  end, i * SIZE,
                                end, i + 1,     7,   SLICE("{\"part\":1}"),
                                {0}, vectors[i]};
        crypto_sha256(c->sha256,
                      slice_sub(d->text, (size_t)(i * SIZE), (size_t)end));
    }
    return store_document_chunks_add(f->s, l, &b, &f->err);
}

static struct document_begun begin(struct store_fixture *f,
                                   const struct job_lease *l,
                                   const struct document_new *d)
{
    struct document_begun out;

    OK(f, store_document_begin(f->s, f->a, l, d, &out, &f->err));
    return out;
}

/* From begin to finish, as a job of its own; the version's key. */
static int64_t ingest_at(struct store_fixture *f, const struct document_new *d,
                         int64_t now)
{
    struct job_lease l = running(f, now);
    struct document_begun b = begin(f, &l, d);

    OK(f, try_add(f, &l, d, b.key, 0, d->total_chunks));
    OK(f, store_document_finish(f->s, &l, b.key, SLICE("{\"ok\":1}"), now + 1,
                                &f->err));
    return b.key;
}

static int64_t ingest(struct store_fixture *f, const char *id,
                      const char *source, const char *text)
{
    struct document_new d = a_document(id, source, text);

    return ingest_at(f, &d, NOW);
}

static int64_t count_documents(struct store_fixture *f)
{
    struct document *d;
    int64_t count;
    size_t n;

    OK(f,
       store_documents_list(f->s, f->a, &(struct document_query){.limit = 100},
                            &d, &n, &count, &f->err));
    assert_int_equal(count, n);
    return count;
}

static size_t matches(struct store_fixture *f, const char *text,
                      struct word_match **out)
{
    size_t n;

    OK(f, store_chunks_search(f->s, f->a, slice_of(text), 10, NULL, NULL, out,
                              &n, &f->err));
    return n;
}

/* How many chunks have the words. */
static size_t hits(struct store_fixture *f, const char *text)
{
    struct word_match *m;

    return matches(f, text, &m);
}

struct seen {
    size_t n, others; /* others: of another model */
    int64_t keys[MOST], indexes[MOST], ids[MOST];
    float first[MOST];
};

static enum err_code see(void *ctx, const struct chunk_vector *v, struct err *e)
{
    struct seen *s = ctx;

    if (s->n == MOST)
        return err_set(e, ERR_INTERNAL, "too many chunks");
    if (!v->vector) {
        s->others++;
        return ERR_NONE;
    }
    s->keys[s->n] = v->document_key;
    s->indexes[s->n] = v->index;
    s->ids[s->n] = v->chunk_id;
    s->first[s->n++] = v->vector[0];
    return v->vector[STORE_VECTOR_DIM - 1] == 0.5f
               ? ERR_NONE
               : err_set(e, ERR_INTERNAL, "a vector that is not whole");
}

static struct seen each_since(struct store_fixture *f, const struct model_id *m,
                              uint64_t since, uint64_t *generation)
{
    struct seen s = {0};

    OK(f, store_chunks_each(f->s, m, since, see, &s, generation, &f->err));
    return s;
}

/* Both say the same. */
static enum err_code present_and_counted(struct store_fixture *f,
                                         enum vector_set set, int64_t **present,
                                         size_t *n)
{
    int64_t count = -1;
    enum err_code code = store_vectors_present(f->s, set, present, n, &f->err);

    if (code == ERR_NONE)
        code = store_present_count(f->s, set, &count, &f->err);
    if (code == ERR_NONE)
        assert_int_equal(count, *n);
    return code;
}

static size_t n_vectors(struct store_fixture *f)
{
    uint64_t generation;

    return each_since(f, &model_1, 0, &generation).n;
}

static uint64_t generation_of(struct store_fixture *f, enum vector_set set)
{
    uint64_t g;

    OK(f, store_vectors_generation(f->s, set, &g, &f->err));
    return g;
}

/* 57 bytes: chunks of 20, 20 and 17. */
#define KUBE "deploy to kubernetes with the kubectl command and then go"
/* 62: the last of two. */
#define BREAD "bake bread and cakes with flour, salt, water, yeast and time ok"

/* ---- ingesting ---- */

static void a_whole_document(struct store_fixture *f)
{
    uint64_t before = generation_of(f, VECTORS_CHUNKS);
    int64_t key = ingest(f, "doc-1", "kube.md", KUBE), count;
    struct document d, *list;
    struct chunk *c, *got;
    struct slice text;
    int64_t ids[3];
    size_t n;

    OK(f, store_document_get(f->s, f->a, SLICE("doc-1"), &d, &f->err));
    assert_int_equal(d.key, key);
    TEXT("A handbook", d.title);
    TEXT("kube.md", d.source);
    TEXT("{\"lang\":\"en\"}", d.metadata);
    TEXT("[0,20]", d.pages);
    assert_int_equal(d.bytes, 57);
    assert_int_equal(d.chars, 57);
    assert_int_equal(d.chunk_size, SIZE);
    assert_int_equal(d.chunks, 3);
    assert_int_equal(d.created_at, NOW);
    assert_int_equal(d.updated_at, NOW + 1);
    assert_int_equal(job_get(f, "process-1764000000").state, JOB_COMPLETED);
    TEXT("{\"ok\":1}", job_get(f, "process-1764000000").result);
    assert_true(slice_is(d.job_id, "process-1764000000"));
    assert_true(generation_of(f, VECTORS_CHUNKS) != before);

    OK(f, store_documents_list(
              f->s, f->a,
              &(struct document_query){.source = SLICE("kube.md"), .limit = 10},
              &list, &n, &count, &f->err));
    assert_int_equal(n, 1);
    assert_memory_equal(list[0].sha256, d.sha256, 32);
    OK(f, store_documents_list(
              f->s, f->a,
              &(struct document_query){.source = SLICE("other"), .limit = 10},
              &list, &n, &count, &f->err));
    assert_int_equal(count, 0);
    OK(f, store_document_text(f->s, f->a, d.id, 10, 20, &text, &f->err));
    TEXT("kubernetes", text);
    OK(f, store_document_text(f->s, f->a, d.id, 55, 999, &text, &f->err));
    TEXT("go", text);

    OK(f,
       store_document_chunks(f->s, f->a, d.id, 1, 5, &c, &n, &count, &f->err));
    assert_int_equal(n, 2);
    assert_int_equal(count, 3);
    assert_int_equal(c[0].index, 1);
    assert_int_equal(c[0].start_char, 20);
    assert_int_equal(c[0].end_byte, 40);
    assert_int_equal(c[0].page, 2);
    assert_int_equal(c[0].tokens, 7);
    TEXT(" with the kubectl co", c[0].text);
    TEXT("{\"part\":1}", c[0].metadata);
    TEXT("doc-1", c[0].document_id);
    TEXT("A handbook", c[0].title);
    TEXT("{\"lang\":\"en\"}", c[0].document_metadata);
    ids[0] = c[1].id;
    ids[1] = 999999;
    ids[2] = c[0].id;
    OK(f, store_chunks_get(f->s, f->a, ids, 3, &got, &n, &f->err));
    assert_int_equal(n, 2); /* in the order asked for */
    TEXT("mmand and then go", got[0].text);
    assert_int_equal(got[1].id, c[0].id);
    GIVES(f, ERR_NOT_FOUND,
          store_document_get(f->s, f->a, SLICE("no"), &d, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_document_text(f->s, f->a, SLICE("no"), 0, 1, &text, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_document_chunks(f->s, f->a, SLICE("no"), 0, 1, &c, &n, &count,
                                &f->err));
}

static void nobody_sees_half_of_it(struct store_fixture *f)
{
    struct document_new d = a_document("doc-1", "kube.md", KUBE);
    struct job_lease l = running(f, NOW);
    struct document_begun b = begin(f, &l, &d);
    uint64_t before = generation_of(f, VECTORS_CHUNKS);
    struct document got;
    struct chunk_text *texts;
    int64_t *present;
    size_t n;

    OK(f, try_add(f, &l, &d, b.key, 0, 3));
    assert_true(job_get(f, l.job_id).progress == 50);
    TEXT("{\"chunks_processed\":1}", job_get(f, l.job_id).result);
    assert_int_equal(count_documents(f), 0);
    GIVES(f, ERR_NOT_FOUND,
          store_document_get(f->s, f->a, d.id, &got, &f->err));
    GIVES(f, ERR_NOT_FOUND, store_document_delete(f->s, d.id, &f->err));
    assert_int_equal(hits(f, "kubernetes"), 0);
    assert_int_equal(n_vectors(f), 0);
    OK(f, present_and_counted(f, VECTORS_CHUNKS, &present, &n));
    assert_int_equal(n, 0);
    free(present);
    OK(f, store_chunks_unembedded(f->s, f->a, &model_2, 0, 9, &texts, &n,
                                  &f->err));
    assert_int_equal(n, 0);
    assert_true(generation_of(f, VECTORS_CHUNKS) == before);
    OK(f, store_document_finish(f->s, &l, b.key, SLICE("{}"), NOW, &f->err));
    assert_int_equal(count_documents(f), 1);
    assert_int_equal(hits(f, "kubernetes"), 1);
    assert_int_equal(n_vectors(f), 3);
}

static void goes_on_where_it_was(struct store_fixture *f)
{
    struct document_new d = a_document("doc-1", "kube.md", KUBE);
    struct job_lease l = running(f, NOW), again;
    struct document_begun b = begin(f, &l, &d), c;

    assert_int_equal(b.committed, 0);
    OK(f, try_add(f, &l, &d, b.key, 0, 2));
    OK(f, try_add(f, &l, &d, b.key, 0, 2)); /* sent again: the same */
    GIVES(f, ERR_UNPROCESSABLE,
          store_document_finish(f->s, &l, b.key, SLICE("{}"), NOW, &f->err));
    assert_int_equal(job_get(f, l.job_id).state, JOB_RUNNING);

    /* the worker dies, another one takes over */
    claim(f, "process", NOW + 60 * US_PER_S, &again);
    assert_string_equal(again.job_id, l.job_id);
    GIVES(f, ERR_CONFLICT, try_add(f, &l, &d, b.key, 2, 3));
    GIVES(f, ERR_CONFLICT,
          store_document_finish(f->s, &l, b.key, SLICE("{}"), NOW, &f->err));
    GIVES(f, ERR_CONFLICT,
          store_document_begin(f->s, f->a, &l, &d, &c, &f->err));
    c = begin(f, &again, &d);
    assert_int_equal(c.key, b.key);
    assert_int_equal(c.committed, 2);
    OK(f, try_add(f, &again, &d, b.key, 1, 3)); /* one of them is there */
    OK(f,
       store_document_finish(f->s, &again, b.key, SLICE("{}"), NOW, &f->err));
    assert_int_equal(n_vectors(f), 3);
    assert_int_equal(hits(f, "kubectl"), 1);
}

static void another_content_starts_anew(struct store_fixture *f)
{
    struct document_new d = a_document("doc-1", "kube.md", KUBE);
    struct document_new other = a_document("doc-1", "kube.md", BREAD);
    struct job_lease l = running(f, NOW);
    struct document_begun b = begin(f, &l, &d), c;

    OK(f, try_add(f, &l, &d, b.key, 0, 3));
    c = begin(f, &l, &other);
    assert_int_not_equal(c.key, b.key);
    assert_int_equal(c.committed, 0);
    GIVES(f, ERR_CONFLICT, try_add(f, &l, &d, b.key, 0, 1));
    OK(f, try_add(f, &l, &other, c.key, 0, 4));
    OK(f, store_document_finish(f->s, &l, c.key, SLICE("{}"), NOW, &f->err));
    assert_int_equal(hits(f, "kubernetes"), 0);
    assert_int_equal(hits(f, "flour"), 1);
    assert_int_equal(n_vectors(f), 4);
}

static void abandoned(struct store_fixture *f)
{
    struct document_new d = a_document("doc-1", "", KUBE);
    struct job_lease l = running(f, NOW), l2;
    struct document_begun b = begin(f, &l, &d);
    int64_t n;

    OK(f, try_add(f, &l, &d, b.key, 0, 2));
    OK(f, store_document_abandon(f->s, slice_of(l.job_id), &f->err));
    OK(f, store_document_abandon(f->s, slice_of(l.job_id), &f->err));
    GIVES(f, ERR_CONFLICT, try_add(f, &l, &d, b.key, 2, 3));
    b = begin(f, &l, &d);
    assert_int_equal(b.committed, 0);

    /* swept: what belongs to jobs that have ended, nothing else */
    l2 = running(f, NOW + 5 * US_PER_S);
    begin(f, &l2, &d);
    OK(f, store_documents_sweep(f->s, &n, &f->err));
    assert_int_equal(n, 0);
    OK(f, store_job_finish(f->s, &l, JOB_FAILED, SLICE_NONE, SLICE("x"), NOW,
                           &f->err));
    OK(f, store_documents_sweep(f->s, &n, &f->err));
    assert_int_equal(n, 1);
    OK(f, store_documents_sweep(f->s, &n, &f->err));
    assert_int_equal(n, 0);
}

static void duplicates(struct store_fixture *f)
{
    struct document_new d = a_document("doc-2", "kube.md", KUBE);
    struct job_lease l = running(f, NOW + 9 * US_PER_S);
    struct document_begun b;

    ingest(f, "doc-1", "kube.md", KUBE);
    b = begin(f, &l, &d);
    TEXT("doc-1", b.duplicate_of);
    assert_int_equal(b.key, 0);
    d.metadata = SLICE("{\"lang\":\"de\"}"); /* each of these makes a change */
    b = begin(f, &l, &d);
    assert_int_equal(b.duplicate_of.len, 0);
    TEXT("doc-1", b.replaces);
    d = a_document("doc-2", "kube.md", KUBE);
    d.chunk_size = SIZE + 1;
    assert_int_equal(begin(f, &l, &d).duplicate_of.len, 0);
    d = a_document("doc-2", "elsewhere.md", KUBE);
    b = begin(f, &l, &d);
    assert_int_equal(b.duplicate_of.len, 0);
    assert_int_equal(b.replaces.len, 0);
}

static void takes_the_place_of_its_source(struct store_fixture *f)
{
    struct document_new d = a_document("doc-2", "kube.md", BREAD);
    struct document got;
    uint64_t before, after;
    struct seen seen;
    int64_t *present, old, key;
    size_t n;

    old = ingest(f, "doc-1", "kube.md", KUBE);
    ingest(f, "doc-3", "", KUBE); /* without a source: in nobody's place */
    before = generation_of(f, VECTORS_CHUNKS);
    d.now_us = NOW + 50;
    key = ingest_at(f, &d, NOW + 50);
    assert_int_not_equal(key, old);
    assert_int_equal(count_documents(f), 2);
    GIVES(f, ERR_NOT_FOUND,
          store_document_get(f->s, f->a, SLICE("doc-1"), &got, &f->err));
    OK(f, store_document_get(f->s, f->a, SLICE("doc-2"), &got, &f->err));
    assert_int_equal(got.created_at, NOW); /* of the first one */
    assert_int_equal(got.updated_at, NOW + 51);
    assert_int_equal(hits(f, "kubectl"), 1); /* of doc-3 */
    assert_int_equal(hits(f, "flour"), 1);
    seen = each_since(f, &model_1, before, &after);
    assert_int_equal(seen.n, 4); /* of the new one only */
    assert_int_equal(seen.keys[3], key);
    assert_int_equal(seen.indexes[3], 3);
    assert_true(seen.first[3] == 3);
    assert_true(after > before);
    assert_int_equal(each_since(f, &model_1, after, &before).n, 0);
    OK(f, present_and_counted(f, VECTORS_CHUNKS, &present, &n));
    assert_int_equal(n, 2);
    assert_int_equal(present[1], key);
    free(present);

    ingest(f, "doc-2", "elsewhere", KUBE); /* the same id: its place too */
    assert_int_equal(count_documents(f), 2);
    assert_int_equal(hits(f, "flour"), 0);
}

static void deleted_is_gone(struct store_fixture *f)
{
    uint8_t sha256[1][32];
    float vector[STORE_VECTOR_DIM];
    uint64_t before;
    bool found;

    ingest(f, "doc-1", "", KUBE);
    ingest(f, "doc-2", "", BREAD);
    crypto_sha256(sha256[0], SLICE("mmand and then go"));
    OK(f, store_vectors_cached(f->s, &model_1, SHAS(sha256), 1, vector, &found,
                               &f->err));
    assert_true(found);
    before = generation_of(f, VECTORS_CHUNKS);
    OK(f, store_document_delete(f->s, SLICE("doc-1"), &f->err));
    assert_true(generation_of(f, VECTORS_CHUNKS) != before);
    assert_int_equal(count_documents(f), 1);
    assert_int_equal(n_vectors(f), 4);
    assert_int_equal(hits(f, "kubernetes"), 0);
    OK(f, store_vectors_cached(f->s, &model_1, SHAS(sha256), 1, vector, &found,
                               &f->err));
    assert_false(found);
    GIVES(f, ERR_NOT_FOUND,
          store_document_delete(f->s, SLICE("doc-1"), &f->err));
    ingest(f, "doc-1", "", KUBE); /* and may come again */
    assert_int_equal(hits(f, "kubernetes"), 1);
}

/* Larger than a segment of text, in characters of two bytes. */
static void long_texts(struct store_fixture *f)
{
    size_t bytes = 100000, n;
    char *text = arena_alloc(f->a, bytes + 1);
    struct document_new d;
    struct job_lease l = running(f, NOW);
    struct document_begun b;
    struct chunk_new c = {.index = 0, .start_byte = 16000, .end_byte = 50000};
    float v[STORE_VECTOR_DIM] = {1};
    struct chunk_batch batch = {.chunks = &c, .n = 1, .now_us = NOW};
    struct chunk *got;
    int64_t count;

    for (size_t i = 0; i < bytes; i += 2)
        memcpy(text + i, i % 20 ? "\xc3\xa9" : "x ", 2);
    text[bytes] = 0;
    d = a_document("doc-1", "", text);
    d.total_chunks = 1;
    b = begin(f, &l, &d);
    batch.key = b.key;
    c.vector = v;
    c.start_byte = 16003; /* inside a character */
    GIVES(f, ERR_INVALID, store_document_chunks_add(f->s, &l, &batch, &f->err));
    c.start_byte = 16002;
    OK(f, store_document_chunks_add(f->s, &l, &batch, &f->err));
    OK(f, store_document_finish(f->s, &l, b.key, SLICE("{}"), NOW, &f->err));
    OK(f, store_document_chunks(f->s, f->a, d.id, 0, 1, &got, &n, &count,
                                &f->err));
    assert_int_equal(got[0].text.len, 50000 - 16002);
    assert_memory_equal(got[0].text.p, text + 16002, got[0].text.len);
}

static void no_text_no_chunks(struct store_fixture *f)
{
    struct slice text;

    ingest(f, "doc-1", "", "");
    OK(f,
       store_document_text(f->s, f->a, SLICE("doc-1"), 0, 10, &text, &f->err));
    assert_int_equal(text.len, 0);
    assert_int_equal(n_vectors(f), 0);
}

static void bad_arguments(struct store_fixture *f)
{
    struct document_new d = a_document("doc-1", "", KUBE), bad = d;
    struct job_lease l = running(f, NOW);
    struct document_begun b = begin(f, &l, &d), none;
    float v[STORE_VECTOR_DIM] = {0};
    struct chunk_new c = {.index = 0, .end_byte = 58, .vector = v};
    struct chunk_batch batch = {.key = b.key, .chunks = &c, .n = 1};
    struct word_match *m;
    size_t n;

    bad.id = SLICE_NONE;
    GIVES(f, ERR_INVALID,
          store_document_begin(f->s, f->a, &l, &bad, &none, &f->err));
    bad = d;
    bad.text = SLICE("\xc3");
    GIVES(f, ERR_INVALID,
          store_document_begin(f->s, f->a, &l, &bad, &none, &f->err));
    bad.text = SLICE("a\0b");
    GIVES(f, ERR_INVALID,
          store_document_begin(f->s, f->a, &l, &bad, &none, &f->err));
    bad = d;
    bad.overlap = bad.chunk_size;
    GIVES(f, ERR_INVALID,
          store_document_begin(f->s, f->a, &l, &bad, &none, &f->err));
    GIVES(f, ERR_INVALID, /* beyond the text */
          store_document_chunks_add(f->s, &l, &batch, &f->err));
    c.start_byte = -1;
    c.end_byte = 3;
    GIVES(f, ERR_INVALID, store_document_chunks_add(f->s, &l, &batch, &f->err));
    c.start_byte = 0;
    v[7] = 0.0f / 0.0f;
    GIVES(f, ERR_INVALID, store_document_chunks_add(f->s, &l, &batch, &f->err));
    v[7] = 0;
    c.index = 3; /* one more than announced */
    GIVES(f, ERR_INVALID, store_document_chunks_add(f->s, &l, &batch, &f->err));
    GIVES(f, ERR_INVALID, try_add(f, &l, &d, b.key, 1, 3)); /* a gap */
    GIVES(f, ERR_CONFLICT, try_add(f, &l, &d, b.key + 1, 0, 3));
    assert_true(job_get(f, l.job_id).progress == 0); /* nothing was written */
    batch.n = STORE_MAX_BATCH + 1;
    GIVES(f, ERR_TOO_LARGE,
          store_document_chunks_add(f->s, &l, &batch, &f->err));
    GIVES(f, ERR_INVALID,
          store_chunks_search(f->s, f->a, SLICE("a"), -1, NULL, NULL, &m, &n,
                              &f->err));
    GIVES(f, ERR_INVALID,
          store_vectors_generation(f->s, (enum vector_set)7, &(uint64_t){0},
                                   &f->err));
}

/* ---- keyword search ---- */

static bool only_even(void *ctx, int64_t id)
{
    (void)ctx;
    return id % 2 == 0;
}

static void keyword_search(struct store_fixture *f)
{
    struct document_new d;
    struct word_match *m, *even;
    struct chunk *c;
    double rare, common;
    size_t n, n_even = 0;

    ingest(f, "doc-1", "", KUBE);
    ingest(f, "doc-2", "",
           "one kubernetes here.kubernetes kubernetesbread bread"
           " more of other words");
    d = a_document("doc-3", "", "nothing of the kind ");
    d.title = SLICE("Caf\xc3\xa9 bread");
    ingest_at(f, &d, NOW);
    n = matches(f, "How to deploy to Kubernetes?", &m);
    assert_true(n >= 3); /* any of the words, no stop words */
    assert_true(m[0].score >= m[1].score && m[n - 1].score > 0);
    OK(f, store_chunks_get(f->s, f->a, &m[0].id, 1, &c, &n, &f->err));
    TEXT("doc-1", c[0].document_id); /* deploy is the rare one */
    TEXT("deploy to kubernetes", c[0].text);
    assert_int_equal(hits(f, "DEPLOYING"), 1);       /* stems */
    assert_int_equal(hits(f, "cafe"), 1);            /* titles, no diacritics */
    assert_int_equal(hits(f, "the of and"), 0);      /* stop words */
    assert_int_equal(hits(f, " ?!* \" - "), 0);      /* no words */
    assert_int_equal(hits(f, "\"deploy\" OR ("), 1); /* no syntax */
    assert_int_equal(hits(f, ""), 0);
    assert_int_equal(matches(f, "bread", &m), 2);
    OK(f, store_chunks_get(f->s, f->a, &m[0].id, 1, &c, &n, &f->err));
    TEXT("doc-3", c[0].document_id); /* in the title it counts double */
    assert_true(matches(f, "deploy", &m) == 1);
    rare = m[0].score;
    assert_true(matches(f, "kubernetes", &m) > 1);
    common = m[0].score;
    assert_true(rare > common);
    n = matches(f, "handbook", &m);
    for (size_t i = 0; i < n; i++)
        n_even += m[i].id % 2 == 0;
    assert_true(n_even > 0 && n_even < n);
    OK(f, store_chunks_search(f->s, f->a, SLICE("handbook"), 10, only_even,
                              NULL, &even, &n, &f->err));
    assert_int_equal(n, n_even);
    for (size_t i = 0; i < n; i++)
        assert_true(even[i].id % 2 == 0);
    OK(f, store_chunks_search(f->s, f->a, SLICE("handbook"), 1, NULL, NULL,
                              &even, &n, &f->err));
    assert_int_equal(n, 1); /* the best, of equals the first */
    assert_int_equal(even[0].id, m[0].id);
    OK(f, store_chunks_search(f->s, f->a, SLICE("handbook"), 0, NULL, NULL,
                              &even, &n, &f->err));
    assert_int_equal(n, 0);
}

/* 12 documents of ten words, 4 of them with 1 to 4 times the word: BM25 as of
 * its definition. */
static void scores_are_bm25(struct store_fixture *f)
{
    struct word_match *m;
    double idf, expected;
    char text[400];

    for (int i = 0; i < 12; i++) {
        struct job_lease l = running(f, NOW + i * US_PER_S);
        struct document_new d;
        struct document_begun b;
        float v[STORE_VECTOR_DIM] = {1};
        struct chunk_new c = {.vector = v};
        struct chunk_batch batch = {.chunks = &c, .n = 1, .now_us = NOW};
        const char *word = i < 4 ? "zebra " : "horse ";

        text[0] = 0;
        for (int k = 0; k < 10; k++)
            memcpy(text + (size_t)k * 6, k <= i % 4 ? word : "grass ", 7);
        d = a_document(arena_printf(f->a, "doc-%d", i),
                       arena_printf(f->a, "source-%d", i),
                       arena_strdup(f->a, text));
        d.title = SLICE_NONE;
        d.total_chunks = 1;
        c.end_byte = 60;
        b = begin(f, &l, &d);
        batch.key = b.key;
        OK(f, store_document_chunks_add(f->s, &l, &batch, &f->err));
        OK(f,
           store_document_finish(f->s, &l, b.key, SLICE("{}"), NOW, &f->err));
    }
    assert_int_equal(matches(f, "zebra", &m), 4);
    idf = 0.6359887667199967; /* ln((12 - 4 + 0.5) / (4 + 0.5)) */
    for (int i = 0; i < 4; i++) {
        double tf = 4 - i;

        expected = idf * tf * 2.2 / (tf + 1.2); /* all of average length */
        assert_true(m[i].score > expected - 1e-4 &&
                    m[i].score < expected + 1e-4);
    }
}

/* ---- vectors ---- */

static void models(struct store_fixture *f)
{
    struct model_id m;
    bool known;

    OK(f, store_vectors_model(f->s, VECTORS_CHUNKS, &m, &known, &f->err));
    assert_false(known);
    OK(f, store_vectors_model_set(f->s, VECTORS_CHUNKS, &model_2, &f->err));
    OK(f, store_vectors_model(f->s, VECTORS_CHUNKS, &m, &known, &f->err));
    assert_true(known);
    assert_memory_equal(&m, &model_2, sizeof(m));
    OK(f, store_vectors_model(f->s, VECTORS_PAPERS, &m, &known, &f->err));
    assert_false(known);
}

static void cached_vectors(struct store_fixture *f)
{
    struct document_new d = a_document("doc-1", "", KUBE);
    struct job_lease l = running(f, NOW);
    struct document_begun b = begin(f, &l, &d);
    static float out[3 * STORE_VECTOR_DIM];
    uint8_t sha256[3][32];
    bool found[3];

    OK(f, try_add(f, &l, &d, b.key, 0, 3)); /* not visible yet */
    crypto_sha256(sha256[0], SLICE("something else"));
    crypto_sha256(sha256[1], SLICE("mmand and then go"));
    crypto_sha256(sha256[2], SLICE("deploy to kubernetes"));
    OK(f, store_vectors_cached(f->s, &model_1, SHAS(sha256), 3, out, found,
                               &f->err));
    assert_false(found[0]);
    assert_true(found[1] && found[2]);
    assert_true(out[STORE_VECTOR_DIM] == 2);
    assert_true(out[2 * STORE_VECTOR_DIM] == 0);
    assert_true(out[3 * STORE_VECTOR_DIM - 1] == 0.5f);
    OK(f, store_vectors_cached(f->s, &model_2, SHAS(sha256), 3, out, found,
                               &f->err));
    assert_false(found[1] || found[2]);
}

static void embedded_again(struct store_fixture *f)
{
    static float vectors[2 * STORE_VECTOR_DIM];
    struct chunk_text *t;
    int64_t ids[2];
    uint64_t before, after;
    struct seen seen;
    size_t n;

    ingest(f, "doc-1", "", KUBE);
    OK(f, store_chunks_unembedded(f->s, f->a, &model_1, 0, 9, &t, &n, &f->err));
    assert_int_equal(n, 0);
    OK(f, store_chunks_unembedded(f->s, f->a, &model_2, 0, 2, &t, &n, &f->err));
    assert_int_equal(n, 2);
    TEXT("deploy to kubernetes", t[0].text);
    before = generation_of(f, VECTORS_CHUNKS);
    ids[0] = t[1].id;
    ids[1] = 999999; /* gone meanwhile */
    vectors[0] = 42;
    vectors[STORE_VECTOR_DIM - 1] = 0.5f;
    OK(f, store_chunk_vectors_put(f->s, &model_2, ids, vectors, 2, &f->err));
    seen = each_since(f, &model_2, before, &after);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.others, 2);
    assert_true(seen.first[0] == 42);
    assert_int_equal(seen.ids[0], t[1].id);
    assert_int_equal(each_since(f, &model_1, 0, &after).n, 2);
    OK(f, store_chunks_unembedded(f->s, f->a, &model_2, t[0].id, 9, &t, &n,
                                  &f->err));
    assert_int_equal(n, 1);
    TEXT("mmand and then go", t[0].text);
}

/* ---- papers ---- */

static size_t unembedded(struct store_fixture *f, const struct model_id *m,
                         struct paper_text **out)
{
    size_t n;

    OK(f, store_papers_unembedded(f->s, f->a, m, 10, out, &n, &f->err));
    return n;
}

static void put_papers(struct store_fixture *f, const struct paper_text *t,
                       size_t n)
{
    static float v[STORE_VECTOR_DIM] = {9};
    struct paper_vector p[10];

    for (size_t i = 0; i < n; i++) {
        p[i] = (struct paper_vector){.id = t[i].id, .vector = v};
        memcpy(p[i].sha256, t[i].sha256, 32);
    }
    OK(f, store_paper_vectors_put(f->s, &model_1, p, n, &f->err));
}

static enum err_code see_paper(void *ctx, const struct paper_vector *v,
                               struct err *e)
{
    struct seen *s = ctx;

    if (!v->vector) {
        s->others++;
        return ERR_NONE;
    }
    s->ids[s->n++] = v->id;
    return v->vector[0] == 9 ? ERR_NONE : err_set(e, ERR_INTERNAL, "not 9");
}

static struct seen papers_of(struct store_fixture *f, const struct model_id *m,
                             uint64_t since, uint64_t *generation)
{
    struct seen s = {0};

    OK(f, store_paper_vectors_each(f->s, m, since, see_paper, &s, generation,
                                   &f->err));
    return s;
}

static struct seen papers_since(struct store_fixture *f, uint64_t since,
                                uint64_t *generation)
{
    return papers_of(f, &model_1, since, generation);
}

static void vectors_of_papers(struct store_fixture *f)
{
    struct paper p[3] = {a_paper(f, 1), a_paper(f, 2), a_paper(f, 3)};
    struct paper_text *t, *t2;
    struct seen seen;
    uint64_t g, g2;
    int64_t *present;
    size_t n;

    receive(f, p, 3);
    assert_int_equal(unembedded(f, &model_1, &t), 3);
    TEXT("Paper number 1\n\nWe study things and report results.", t[0].text);
    put_papers(f, t, 2);
    assert_int_equal(unembedded(f, &model_1, &t2), 1);
    assert_int_equal(t2[0].id, t[2].id);
    assert_int_equal(unembedded(f, &model_2, &t2), 3); /* another model */
    seen = papers_since(f, 0, &g);
    assert_int_equal(seen.n, 2);
    put_papers(f, &t[2], 1);
    seen = papers_since(f, g, &g2);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.ids[0], t[2].id);

    p[0].version = 2; /* its text changes: the vector goes */
    p[0].title = SLICE("Another title");
    receive(f, p, 1);
    papers_since(f, 0, &g);
    p[1].tags = SLICE("[\"other\"]"); /* its text does not: it comes again */
    receive(f, &p[1], 1);
    seen = papers_since(f, g, &g2);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.ids[0], t[1].id);
    seen = papers_of(f, &model_2, 0, &g);
    assert_true(seen.n == 0 && seen.others == 2);
    assert_int_equal(unembedded(f, &model_1, &t2), 1);
    assert_int_equal(t2[0].id, t[0].id);
    put_papers(f, &t[0], 1); /* made from the old text: passed over */
    assert_int_equal(papers_since(f, 0, &g).n, 2);
    put_papers(f, t2, 1);
    assert_int_equal(papers_since(f, 0, &g).n, 3);

    g = generation_of(f, VECTORS_PAPERS);
    OK(f, store_paper_delete(f->s, t[1].id, NOW, &f->err));
    assert_true(generation_of(f, VECTORS_PAPERS) > g);
    assert_int_equal(papers_since(f, 0, &g).n, 2);
    assert_int_equal(unembedded(f, &model_2, &t2), 2);
    put_papers(f, &t[1], 1); /* deleted: passed over */
    OK(f, present_and_counted(f, VECTORS_PAPERS, &present, &n));
    assert_int_equal(n, 2);
    assert_int_equal(present[0], t[0].id);
    free(present);
    OK(f, store_papers_waiting(f->s, &present, &n, &f->err));
    assert_int_equal(n, 0);
    free(present);
    OK(f, store_paper_restore(f->s, t[1].id, NOW, &f->err));
    assert_int_equal(unembedded(f, &model_1, &t2), 1);
    assert_int_equal(t2[0].id, t[1].id);
    OK(f, store_papers_waiting(f->s, &present, &n, &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(present[0], t[1].id);
    free(present);
}

/* ---- papers by number and by words ---- */

static void papers_by_number(struct store_fixture *f)
{
    struct paper p[3] = {a_paper(f, 1), a_paper(f, 2), a_paper(f, 3)}, *got;
    int64_t ids[4];
    size_t n;

    receive(f, p, 3);
    ids[0] = id_of(f, 3);
    ids[1] = 999999;
    ids[2] = id_of(f, 1);
    ids[3] = id_of(f, 2);
    OK(f, store_paper_delete(f->s, ids[3], NOW, &f->err));
    OK(f, store_papers_get(f->s, f->a, ids, 4, &got, &n, &f->err));
    assert_int_equal(n, 2);
    assert_int_equal(got[0].id, ids[0]);
    TEXT("Paper number 1", got[1].title);
    OK(f, store_papers_get(f->s, f->a, ids, 0, &got, &n, &f->err));
    assert_int_equal(n, 0);
    GIVES(f, ERR_INVALID,
          store_papers_get(f->s, f->a, ids, STORE_MAX_ROWS + 1, &got, &n,
                           &f->err));
}

static bool is_not(void *ctx, int64_t id)
{
    return id != *(int64_t *)ctx;
}

static void papers_by_words(struct store_fixture *f)
{
    struct paper p[12];
    struct word_match *m;
    int64_t best;
    size_t n;

    for (int i = 0; i < 12; i++) {
        p[i] = a_paper(f, i + 1);
        p[i].abstract = SLICE("grass grass grass grass grass grass");
    }
    p[0].abstract = SLICE("zebras grass grass grass grass grass");
    p[1].abstract = SLICE("zebra zebra zebra grass grass grass");
    p[2].title = SLICE("Zebra number 3");
    p[3].authors = SLICE("A. Zebra");
    receive(f, p, 12);
    OK(f, store_papers_words(f->s, f->a, SLICE("the zebra, or a UNICORN?"), 10,
                             NULL, NULL, &m, &n, &f->err));
    assert_int_equal(n, 3); /* not the author */
    best = id_of(f, 2);
    assert_int_equal(m[0].id, best);
    assert_int_equal(m[1].id, id_of(f, 3)); /* a title counts double */
    assert_int_equal(m[2].id, id_of(f, 1));
    assert_true(m[0].score > m[1].score && m[1].score > m[2].score &&
                m[2].score > 0);
    OK(f, store_papers_words(f->s, f->a, SLICE("zebra"), 1, is_not, &best, &m,
                             &n, &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(m[0].id, id_of(f, 3));
    OK(f, store_paper_delete(f->s, best, NOW, &f->err));
    OK(f, store_papers_words(f->s, f->a, SLICE("zebra \" NEAR("), 10, NULL,
                             NULL, &m, &n, &f->err));
    assert_int_equal(n, 2);
    OK(f, store_papers_words(f->s, f->a, SLICE("the of ?"), 10, NULL, NULL, &m,
                             &n, &f->err));
    assert_int_equal(n, 0);
}

/* ---- the job that embeds ---- */

static int64_t alive(struct store_fixture *f)
{
    static const char *const kinds[] = {EMBED_JOB, NULL};
    struct job_query q = {.kinds = kinds,
                          .states = 1 << JOB_QUEUED | 1 << JOB_RUNNING,
                          .limit = 10};
    struct job *jobs;
    int64_t count;
    size_t n;

    OK(f, store_jobs_list(f->s, f->a, &q, &jobs, &n, &count, &f->err));
    return count;
}

static void embed_end(struct store_fixture *f, const struct job_lease *l,
                      int64_t chunks, int64_t papers)
{
    struct unembedded left, counted;

    OK(f, store_unembedded(f->s, &model_1, &counted, &f->err));
    OK(f, store_embed_finish(f->s, l, &model_1, SLICE("{\"n\":1}"), NOW, &left,
                             &f->err));
    assert_int_equal(left.chunks, chunks);
    assert_int_equal(left.papers, papers);
    assert_memory_equal(&left, &counted, sizeof(left));
}

static void one_job_embeds(struct store_fixture *f)
{
    struct paper p[2] = {a_paper(f, 1), a_paper(f, 2)};
    struct unembedded left;
    struct paper_text *t;
    struct job_lease l;
    struct job job;

    receive(f, NULL, 0);
    assert_int_equal(alive(f), 0); /* nothing to embed */
    receive(f, p, 2);
    receive_one(f, a_paper(f, 3));
    OK(f, store_embed_job(f->s, NOW, &f->err));
    assert_int_equal(alive(f), 1);

    job = claim(f, EMBED_JOB, NOW, &l);
    assert_int_equal(job.max_attempts, EMBED_JOB_MAX_ATTEMPTS);
    receive_one(f, a_paper(f, 4)); /* it will do it too */
    assert_int_equal(alive(f), 1);
    embed_end(f, &l, 0, 4);
    assert_int_equal(unembedded(f, &model_1, &t), 4);
    put_papers(f, t, 4);
    embed_end(f, &l, 0, 0);
    assert_int_equal(alive(f), 0);
    job = job_get(f, l.job_id);
    assert_int_equal(job.state, JOB_COMPLETED);
    TEXT("{\"n\":1}", job.result);

    receive(f, p, 2); /* nothing changed */
    assert_int_equal(alive(f), 0);
    OK(f, store_paper_delete(f->s, t[0].id, NOW, &f->err));
    assert_int_equal(alive(f), 0);
    OK(f, store_paper_restore(f->s, t[0].id, NOW, &f->err));
    assert_int_equal(alive(f), 1);
    claim(f, EMBED_JOB, NOW, &l);
    OK(f, store_job_finish(f->s, &l, JOB_CANCELLED, SLICE_NONE, SLICE_NONE, NOW,
                           &f->err));
    assert_int_equal(unembedded(f, &model_1, &t), 1);
    put_papers(f, t, 1);
    GIVES(f, ERR_CONFLICT,
          store_embed_finish(f->s, &l, &model_1, SLICE_NONE, NOW, &left,
                             &f->err));
    p[1].title = SLICE("Another title");
    p[1].version = 2;
    receive(f, p, 2);
    assert_int_equal(alive(f), 1);
}

/* Of another model: chunks count once they are visible. */
static void what_waits(struct store_fixture *f)
{
    struct document_new d = a_document("doc-2", "", BREAD);
    struct unembedded left;
    struct job_lease l;
    struct paper_text *t;

    receive_one(f, a_paper(f, 1));
    assert_int_equal(unembedded(f, &model_1, &t), 1);
    put_papers(f, t, 1);
    ingest(f, "doc-1", "", KUBE);
    l = running(f, NOW + US_PER_S);
    OK(f, try_add(f, &l, &d, begin(f, &l, &d).key, 0, 2));
    OK(f, store_unembedded(f->s, &model_1, &left, &f->err));
    assert_true(left.chunks == 0 && left.papers == 0);
    OK(f, store_unembedded(f->s, &model_2, &left, &f->err));
    assert_true(left.chunks == 3 && left.papers == 1);
    receive_one(f, a_paper(f, 2));
    OK(f, store_unembedded(f->s, &model_2, &left, &f->err));
    assert_true(left.chunks == 3 && left.papers == 2);
}

static void ingest_titled(struct store_fixture *f, const char *id,
                          const char *source, const char *title,
                          const char *text, int64_t now)
{
    struct document_new d = a_document(id, source, text);

    d.title = slice_of(title);
    ingest_at(f, &d, now);
}

/* The ids that a query lists, as "doc-1 doc-2". */
static void lists(struct store_fixture *f, struct document_query q,
                  const char *ids)
{
    char got[200] = "";
    struct document *d;
    int64_t count;
    size_t n;

    q.limit = q.limit ? q.limit : 10;
    OK(f, store_documents_list(f->s, f->a, &q, &d, &n, &count, &f->err));
    for (size_t i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.*s",
                 i ? " " : "", SLICE_ARG(d[i].id));
    assert_string_equal(got, ids);
    assert_true(count >= (int64_t)n);
}

#define LISTS(ids, ...) lists(f, (struct document_query){__VA_ARGS__}, ids)
#define FINDS(ids, what) LISTS(ids, .search = SLICE(what), .ascending = true)

static void listed_in_order(struct store_fixture *f)
{
    ingest_titled(f, "doc-1", "", "beta", BREAD, NOW);
    ingest_titled(f, "doc-2", "", "Alpha", KUBE, NOW + US_PER_S);
    ingest_titled(f, "doc-3", "", "alpha", BREAD "more of it",
                  NOW + 2 * US_PER_S);
    ingest_titled(f, "doc-4", "", "\xc3\x84rger", "short", NOW + 3 * US_PER_S);
    LISTS("doc-4 doc-3 doc-2 doc-1", .order = DOCUMENT_BY_AGE);
    LISTS("doc-1 doc-2 doc-3 doc-4", .ascending = true);
    LISTS("doc-2 doc-3 doc-1 doc-4", .order = DOCUMENT_BY_TITLE,
          .ascending = true);
    LISTS("doc-4 doc-1 doc-3 doc-2", .order = DOCUMENT_BY_TITLE);
    LISTS("doc-4", .order = DOCUMENT_BY_SIZE, .ascending = true, .limit = 1);
    LISTS("doc-3 doc-1", .order = DOCUMENT_BY_TITLE, .ascending = true,
          .offset = 1, .limit = 2);
}

static void found_by_title(struct store_fixture *f)
{
    ingest_titled(f, "doc-1", "notes/kube.md", "How to bake Bread", BREAD, NOW);
    ingest_titled(f, "doc-2", "", "100% rye_bread", KUBE, NOW + US_PER_S);
    FINDS("doc-1 doc-2", "BREAD");
    FINDS("doc-1", "  bake   bread ");
    FINDS("", "bread bake");
    FINDS("doc-1", "kube");
    FINDS("doc-2", "0% r");
    FINDS("doc-2", "e_b");
    FINDS("", "w_b");
    FINDS("", "\\");
    FINDS("doc-1 doc-2", "  ");
    LISTS("doc-1", .search = SLICE("bread"), .source = SLICE("notes/kube.md"));
}

static void places_of_chunks(struct store_fixture *f)
{
    struct chunk_range *r;
    size_t n;

    ingest(f, "doc-1", "", KUBE);
    OK(f, store_document_places(f->s, f->a, SLICE("doc-1"), 0, 10, &r, &n,
                                &f->err));
    assert_int_equal(n, 3);
    assert_int_equal(r[2].start_char, 40);
    assert_int_equal(r[2].end_char, 57);
    OK(f, store_document_places(f->s, f->a, SLICE("doc-1"), 1, 1, &r, &n,
                                &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(r[0].start_char, 20);
    GIVES(f, ERR_NOT_FOUND,
          store_document_places(f->s, f->a, SLICE("doc-2"), 0, 10, &r, &n,
                                &f->err));
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(a_whole_document),
        CASE(nobody_sees_half_of_it),
        CASE(goes_on_where_it_was),
        CASE(another_content_starts_anew),
        CASE(abandoned),
        CASE(duplicates),
        CASE(takes_the_place_of_its_source),
        CASE(deleted_is_gone),
        CASE(long_texts),
        CASE(no_text_no_chunks),
        CASE(bad_arguments),
        CASE(keyword_search),
        CASE(scores_are_bm25),
        CASE(models),
        CASE(cached_vectors),
        CASE(embedded_again),
        CASE(vectors_of_papers),
        CASE(papers_by_number),
        CASE(papers_by_words),
        CASE(one_job_embeds),
        CASE(what_waits),
        CASE(listed_in_order),
        CASE(found_by_title),
        CASE(places_of_chunks),
    };

    return STORE_SUITE("store_documents", cases);
}
