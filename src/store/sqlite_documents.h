/* sqlite_documents.h - what the files about documents and vectors
 * share. */
#ifndef STORE_SQLITE_DOCUMENTS_H
#define STORE_SQLITE_DOCUMENTS_H

#include "store/document_rules.h"
#include "store/sqlite_impl.h"

/* Bytes [from, to) of a version's text into out (cleared first). */
enum err_code document_slice(struct db *c, int64_t key, int64_t from,
                             int64_t to, struct buf *out, struct err *e)
    CHECKED;
/* In a write: the text of a version that has none. */
enum err_code document_put_text(struct db *c, int64_t key, struct slice text,
                                struct err *e) CHECKED;
/* Appends the title of a version. */
enum err_code document_title(struct db *c, int64_t key, struct buf *out,
                             struct err *e) CHECKED;
/* In a write: the full text of a chunk, or away with it. */
enum err_code chunk_index(struct db *c, int64_t chunk, struct slice title,
                          struct slice text, bool remove, struct err *e)
    CHECKED;
/* In a write: the set's generation moves on, to *now. */
enum err_code vectors_touch(struct db *c, enum vector_set set, int64_t *now,
                            struct err *e) CHECKED;

/* The words of a search as an expression of FTS5: any of them; empty if there
 * are none. */
void words_expression(struct buf *out, struct slice text);

/* Vectors read before they are handed on. */
#define BATCH 256
#define BATCH_BYTES ((size_t)64 << 20)
/* The next column, a vector, into the arena; NULL: there is none. */
const float *vector_read(struct query *q, struct arena *a);

/* The key of a visible document.  ERR_NOT_FOUND. */
enum err_code document_find(struct db *c, struct slice id, int64_t *key,
                            struct err *e) CHECKED;

/* slots of sqlite_documents_read.c */
enum err_code sqlite_document_get(struct store *s, struct arena *a,
                                  struct slice id, struct document *out,
                                  struct err *e) CHECKED;
enum err_code sqlite_documents_list(struct store *s, struct arena *a,
                                    const struct document_query *q,
                                    struct document **out, size_t *n,
                                    int64_t *count, struct err *e) CHECKED;
enum err_code sqlite_document_places(struct store *s, struct arena *a,
                                     struct slice id, int64_t offset, int limit,
                                     struct chunk_range **out, size_t *n,
                                     struct err *e) CHECKED;
enum err_code sqlite_document_text(struct store *s, struct arena *a,
                                   struct slice id, int64_t from, int64_t to,
                                   struct slice *out, struct err *e) CHECKED;
enum err_code sqlite_document_chunks(struct store *s, struct arena *a,
                                     struct slice id, int64_t offset, int limit,
                                     struct chunk **out, size_t *n,
                                     int64_t *count, struct err *e) CHECKED;
enum err_code sqlite_chunks_get(struct store *s, struct arena *a,
                                const int64_t *ids, size_t n,
                                struct chunk **out, size_t *n_out,
                                struct err *e) CHECKED;

/* slots of sqlite_vectors.c */
enum err_code sqlite_chunks_search(struct store *s, struct arena *a,
                                   struct slice text, int k,
                                   bool (*keep)(void *ctx, int64_t chunk_id),
                                   void *ctx, struct word_match **out,
                                   size_t *n, struct err *e) CHECKED;
enum err_code sqlite_vectors_generation(struct store *s, enum vector_set set,
                                        uint64_t *out, struct err *e) CHECKED;
enum err_code sqlite_vectors_model(struct store *s, enum vector_set set,
                                   struct model_id *out, bool *known,
                                   struct err *e) CHECKED;
enum err_code sqlite_vectors_model_set(struct store *s, enum vector_set set,
                                       const struct model_id *m, struct err *e)
    CHECKED;
enum err_code sqlite_vectors_present(struct store *s, enum vector_set set,
                                     int64_t **out, size_t *n, struct err *e)
    CHECKED;
enum err_code sqlite_present_count(struct store *s, enum vector_set set,
                                   int64_t *out, struct err *e);
enum err_code sqlite_papers_waiting(struct store *s, int64_t **out, size_t *n,
                                    struct err *e) CHECKED;
enum err_code sqlite_chunks_each(
    struct store *s, const struct model_id *m, uint64_t since,
    enum err_code (*each)(void *ctx, const struct chunk_vector *v,
                          struct err *e),
    void *ctx, uint64_t *generation, struct err *e) CHECKED;
enum err_code sqlite_vector_get(struct store *s, enum vector_set set,
                                const struct model_id *m, int64_t id,
                                float *out, struct err *e) CHECKED;
enum err_code sqlite_vectors_count(struct store *s, enum vector_set set,
                                   const struct model_id *m,
                                   struct vector_count *out, struct err *e)
    CHECKED;
enum err_code sqlite_vectors_index_wanted(struct store *s, enum vector_set set,
                                          bool *out, struct err *e) CHECKED;
enum err_code sqlite_vectors_index_make(struct store *s, enum vector_set set,
                                        bool (*each_second)(void *ctx,
                                                            double done),
                                        void *ctx, struct err *e) CHECKED;
void sqlite_vectors_ways(const struct store *s, uint64_t *exact,
                         uint64_t *approximate);
enum err_code sqlite_vectors_nearest(struct store *s, struct arena *a,
                                     const struct vector_search *q,
                                     struct vector_match **out, size_t *n,
                                     struct err *e) CHECKED;
enum err_code sqlite_vectors_cached(struct store *s, const struct model_id *m,
                                    const uint8_t (*sha256)[32], size_t n,
                                    float *out, bool *found, struct err *e)
    CHECKED;
enum err_code sqlite_chunks_unembedded(struct store *s, struct arena *a,
                                       const struct model_id *m,
                                       int64_t after_id, int limit,
                                       struct chunk_text **out, size_t *n,
                                       struct err *e) CHECKED;
enum err_code sqlite_chunk_vectors_put(struct store *s,
                                       const struct model_id *m,
                                       const int64_t *ids, const float *vectors,
                                       size_t n, struct err *e) CHECKED;
/* slots of sqlite_paper_vectors.c */
enum err_code sqlite_papers_unembedded(struct store *s, struct arena *a,
                                       const struct model_id *m, int limit,
                                       struct paper_text **out, size_t *n,
                                       struct err *e) CHECKED;
enum err_code sqlite_paper_vectors_put(struct store *s,
                                       const struct model_id *m,
                                       const struct paper_vector *v, size_t n,
                                       struct err *e) CHECKED;
enum err_code sqlite_paper_vectors_each(
    struct store *s, const struct model_id *m, uint64_t since,
    enum err_code (*each)(void *ctx, const struct paper_vector *v,
                          struct err *e),
    void *ctx, uint64_t *generation, struct err *e) CHECKED;
/* slots of sqlite_embed.c */
enum err_code sqlite_embed_job(struct store *s, int64_t now_us, struct err *e)
    CHECKED;
enum err_code sqlite_unembedded(struct store *s, const struct model_id *m,
                                struct unembedded *out, struct err *e) CHECKED;
enum err_code sqlite_embed_finish(struct store *s, const struct job_lease *l,
                                  const struct model_id *m, struct slice result,
                                  int64_t now_us, struct unembedded *left,
                                  struct err *e) CHECKED;
/* slots of sqlite_paper_words.c */
enum err_code sqlite_papers_get(struct store *s, struct arena *a,
                                const int64_t *ids, size_t n,
                                struct paper **out, size_t *n_out,
                                struct err *e) CHECKED;
enum err_code sqlite_papers_words(struct store *s, struct arena *a,
                                  struct slice text, int k,
                                  bool (*keep)(void *ctx, int64_t paper_id),
                                  void *ctx, struct word_match **out, size_t *n,
                                  struct err *e) CHECKED;

#endif
