/* store_documents.c - the public calls of documents.h (store_front.h). */
#include "store/documents.h"

#include "store/store_front.h"

enum err_code store_document_begin(struct store *s, struct arena *a,
                                   const struct job_lease *l,
                                   const struct document_new *d,
                                   struct document_begun *out, struct err *e)
{
    CHECK(args_lease(l, e));
    CHECK(args_document(d, e));
    RUN(s, document_begin, s->ops->documents->begin(s, a, l, d, out, e));
}

enum err_code store_document_chunks_add(struct store *s,
                                        const struct job_lease *l,
                                        const struct chunk_batch *b,
                                        struct err *e)
{
    CHECK(args_lease(l, e));
    CHECK(args_chunk_batch(b, e));
    RUN_AND_TELL(s, document_chunks_add,
                 s->ops->documents->chunks_add(s, l, b, e),
                 .jobs = {slice_of(l->job_id)});
}

enum err_code store_document_finish(struct store *s, const struct job_lease *l,
                                    int64_t key, struct slice result,
                                    int64_t now_us, struct err *e)
{
    CHECK(args_lease(l, e));
    CHECK(args_text("result", result, e));
    RUN_AND_TELL(s, document_finish,
                 s->ops->documents->finish(s, l, key, result, now_us, e),
                 .jobs = {slice_of(l->job_id)}, .document_ready = true);
}

enum err_code store_document_abandon(struct store *s, struct slice job_id,
                                     struct err *e)
{
    CHECK(args_text("job_id", job_id, e));
    RUN(s, document_abandon, s->ops->documents->abandon(s, job_id, e));
}

enum err_code store_documents_sweep(struct store *s, int64_t *n, struct err *e)
{
    RUN(s, documents_sweep, s->ops->documents->sweep(s, n, e));
}

enum err_code store_document_get(struct store *s, struct arena *a,
                                 struct slice id, struct document *out,
                                 struct err *e)
{
    CHECK(args_text("id", id, e));
    RUN(s, document_get, s->ops->documents->get(s, a, id, out, e));
}

enum err_code store_documents_list(struct store *s, struct arena *a,
                                   const struct document_query *q,
                                   struct document **out, size_t *n,
                                   int64_t *count_out, struct err *e)
{
    CHECK(args_text("source", q->source, e));
    CHECK(args_text("search", q->search, e));
    CHECK(args_page(q->offset, q->limit, e));
    RUN(s, documents_list,
        s->ops->documents->list(s, a, q, out, n, count_out, e));
}

enum err_code store_document_places(struct store *s, struct arena *a,
                                    struct slice id, int64_t offset, int limit,
                                    struct chunk_range **out, size_t *n,
                                    struct err *e)
{
    CHECK(args_text("id", id, e));
    CHECK(args_page(offset, limit, e));
    RUN(s, document_places,
        s->ops->documents->places(s, a, id, offset, limit, out, n, e));
}

enum err_code store_document_text(struct store *s, struct arena *a,
                                  struct slice id, int64_t from, int64_t to,
                                  struct slice *out, struct err *e)
{
    CHECK(args_text("id", id, e));
    from = from < 0 ? 0 : from;
    to = to < from ? from : to;
    RUN(s, document_text, s->ops->documents->text(s, a, id, from, to, out, e));
}

enum err_code store_document_delete(struct store *s, struct slice id,
                                    struct err *e)
{
    CHECK(args_text("id", id, e));
    RUN_AND_TELL(s, document_delete,
                 s->ops->documents->delete_document(s, id, e),
                 .document_gone = id);
}

enum err_code store_document_chunks(struct store *s, struct arena *a,
                                    struct slice id, int64_t offset, int limit,
                                    struct chunk **out, size_t *n,
                                    int64_t *count_out, struct err *e)
{
    CHECK(args_text("id", id, e));
    CHECK(args_page(offset, limit, e));
    RUN(s, document_chunks,
        s->ops->documents->chunks(s, a, id, offset, limit, out, n, count_out,
                                  e));
}

enum err_code store_chunks_get(struct store *s, struct arena *a,
                               const int64_t *ids, size_t n, struct chunk **out,
                               size_t *n_out, struct err *e)
{
    CHECK(args_batch(n, e));
    RUN(s, chunks_get,
        s->ops->documents->chunks_get(s, a, ids, n, out, n_out, e));
}

enum err_code store_chunks_search(struct store *s, struct arena *a,
                                  struct slice text, int k,
                                  bool (*keep)(void *ctx, int64_t chunk_id),
                                  void *ctx, struct word_match **out, size_t *n,
                                  struct err *e)
{
    CHECK(args_text("q", text, e));
    CHECK(args_page(0, k, e));
    RUN(s, chunks_search,
        s->ops->documents->chunks_search(s, a, text, k, keep, ctx, out, n, e));
}

enum err_code store_vectors_generation(struct store *s, enum vector_set set,
                                       uint64_t *out, struct err *e)
{
    CHECK(args_vector_set(set, e));
    RUN(s, vectors_generation,
        s->ops->documents->vectors_generation(s, set, out, e));
}

enum err_code store_vectors_model(struct store *s, enum vector_set set,
                                  struct model_id *out, bool *known,
                                  struct err *e)
{
    CHECK(args_vector_set(set, e));
    RUN(s, vectors_model,
        s->ops->documents->vectors_model(s, set, out, known, e));
}

enum err_code store_vectors_model_set(struct store *s, enum vector_set set,
                                      const struct model_id *m, struct err *e)
{
    CHECK(args_vector_set(set, e));
    RUN(s, vectors_model_set,
        s->ops->documents->vectors_model_set(s, set, m, e));
}

enum err_code store_vectors_present(struct store *s, enum vector_set set,
                                    int64_t **out, size_t *n, struct err *e)
{
    CHECK(args_vector_set(set, e));
    RUN(s, vectors_present,
        s->ops->documents->vectors_present(s, set, out, n, e));
}

enum err_code store_present_count(struct store *s, enum vector_set set,
                                  int64_t *out, struct err *e)
{
    CHECK(args_vector_set(set, e));
    RUN(s, present_count, s->ops->documents->present_count(s, set, out, e));
}

enum err_code
store_chunks_each(struct store *s, const struct model_id *m, uint64_t since,
                  enum err_code (*each)(void *ctx, const struct chunk_vector *v,
                                        struct err *e),
                  void *ctx, uint64_t *generation, struct err *e)
{
    RUN(s, chunks_each,
        s->ops->documents->chunks_each(s, m, since, each, ctx, generation, e));
}

enum err_code store_vectors_cached(struct store *s, const struct model_id *m,
                                   const uint8_t (*sha256)[32], size_t n,
                                   float *out, bool *found, struct err *e)
{
    CHECK(args_batch(n, e));
    RUN(s, vectors_cached,
        s->ops->documents->vectors_cached(s, m, sha256, n, out, found, e));
}

bool store_finds_vectors(const struct store *s)
{
    return s->finds_vectors;
}

bool store_makes_index(const struct store *s)
{
    return s->makes_index;
}

enum err_code store_vector_get(struct store *s, enum vector_set set,
                               const struct model_id *m, int64_t id, float *out,
                               struct err *e)
{
    CHECK(args_vector_set(set, e));
    RUN(s, vector_get, s->ops->documents->vector_get(s, set, m, id, out, e));
}

enum err_code store_vectors_count(struct store *s, enum vector_set set,
                                  const struct model_id *m,
                                  struct vector_count *out, struct err *e)
{
    CHECK(args_vector_set(set, e));
    RUN(s, vectors_count, s->ops->documents->vectors_count(s, set, m, out, e));
}

enum err_code store_vectors_nearest(struct store *s, struct arena *a,
                                    const struct vector_search *q,
                                    struct vector_match **out, size_t *n,
                                    struct err *e)
{
    CHECK(args_vector_search(q, e));
    RUN(s, vectors_nearest,
        s->ops->documents->vectors_nearest(s, a, q, out, n, e));
}

enum err_code store_vectors_index_wanted(struct store *s, enum vector_set set,
                                         bool *out, struct err *e)
{
    RUN(s, vectors_index_wanted,
        s->ops->documents->vectors_index_wanted(s, set, out, e));
}

enum err_code store_vectors_index_make(struct store *s, enum vector_set set,
                                       bool (*each_second)(void *ctx,
                                                           double done),
                                       void *ctx, struct err *e)
{
    RUN(s, vectors_index_make,
        s->ops->documents->vectors_index_make(s, set, each_second, ctx, e));
}

void store_vectors_ways(const struct store *s, uint64_t *exact,
                        uint64_t *approximate)
{
    s->ops->documents->vectors_ways(s, exact, approximate);
}

enum err_code store_chunks_unembedded(struct store *s, struct arena *a,
                                      const struct model_id *m,
                                      int64_t after_id, int limit,
                                      struct chunk_text **out, size_t *n,
                                      struct err *e)
{
    CHECK(args_page(0, limit, e));
    RUN(s, chunks_unembedded,
        s->ops->documents->chunks_unembedded(s, a, m, after_id, limit, out, n,
                                             e));
}

enum err_code store_chunk_vectors_put(struct store *s, const struct model_id *m,
                                      const int64_t *ids, const float *vectors,
                                      size_t n, struct err *e)
{
    CHECK(args_batch(n, e));
    for (size_t i = 0; i < n; i++)
        CHECK(args_vector(vectors + i * STORE_VECTOR_DIM, e));
    RUN(s, chunk_vectors_put,
        s->ops->documents->chunk_vectors_put(s, m, ids, vectors, n, e));
}

enum err_code store_papers_unembedded(struct store *s, struct arena *a,
                                      const struct model_id *m, int limit,
                                      struct paper_text **out, size_t *n,
                                      struct err *e)
{
    CHECK(args_page(0, limit, e));
    RUN(s, papers_unembedded,
        s->ops->documents->papers_unembedded(s, a, m, limit, out, n, e));
}

enum err_code store_paper_vectors_put(struct store *s, const struct model_id *m,
                                      const struct paper_vector *v, size_t n,
                                      struct err *e)
{
    CHECK(args_batch(n, e));
    for (size_t i = 0; i < n; i++)
        CHECK(args_vector(v[i].vector, e));
    RUN(s, paper_vectors_put,
        s->ops->documents->paper_vectors_put(s, m, v, n, e));
}

enum err_code store_paper_vectors_each(
    struct store *s, const struct model_id *m, uint64_t since,
    enum err_code (*each)(void *ctx, const struct paper_vector *v,
                          struct err *e),
    void *ctx, uint64_t *generation, struct err *e)
{
    RUN(s, paper_vectors_each,
        s->ops->documents->paper_vectors_each(s, m, since, each, ctx,
                                              generation, e));
}

enum err_code store_papers_words(struct store *s, struct arena *a,
                                 struct slice text, int k,
                                 bool (*keep)(void *ctx, int64_t paper_id),
                                 void *ctx, struct word_match **out, size_t *n,
                                 struct err *e)
{
    CHECK(args_text("q", text, e));
    CHECK(args_page(0, k, e));
    RUN(s, papers_words,
        s->ops->documents->papers_words(s, a, text, k, keep, ctx, out, n, e));
}

enum err_code store_embed_job(struct store *s, int64_t now_us, struct err *e)
{
    RUN(s, embed_job, s->ops->documents->embed_job(s, now_us, e));
}

enum err_code store_unembedded(struct store *s, const struct model_id *m,
                               struct unembedded *out, struct err *e)
{
    RUN(s, unembedded, s->ops->documents->unembedded(s, m, out, e));
}

enum err_code store_embed_finish(struct store *s, const struct job_lease *l,
                                 const struct model_id *m, struct slice result,
                                 int64_t now_us, struct unembedded *left,
                                 struct err *e)
{
    CHECK(args_lease(l, e));
    CHECK(args_text("result", result, e));
    RUN_AND_TELL(
        s, embed_finish,
        s->ops->documents->embed_finish(s, l, m, result, now_us, left, e),
        .jobs = {slice_of(l->job_id)});
}

enum err_code store_papers_waiting(struct store *s, int64_t **out, size_t *n,
                                   struct err *e)
{
    RUN(s, papers_waiting, s->ops->documents->papers_waiting(s, out, n, e));
}
