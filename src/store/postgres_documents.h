/* postgres_documents.h - what the files about documents and vectors share. */
#ifndef STORE_POSTGRES_DOCUMENTS_H
#define STORE_POSTGRES_DOCUMENTS_H

#include "store/document_rules.h"
#include "store/postgres.h"

/* Queue the move of the set's generation; who sees it moved is the only one in
 * the set until its transaction ends. */
void postgres_vectors_touch(struct pg_conn *c, enum vector_set set);
/* Ask inside a transaction and fetch; *out is to be PQclear()ed. */
enum err_code postgres_ask(struct pg_conn *c, PGresult **out, const char *sql,
                           const struct pg_args *args, struct err *e) CHECKED;
/* Run a search for any of the words of a text: $1 is an array with a tsquery
 * for each, $2 how many rows (id, score) are wanted, the best first. */
enum err_code postgres_word_matches(struct store *s, struct arena *a,
                                    const char *sql, struct slice text, int k,
                                    bool (*keep)(void *ctx, int64_t id),
                                    void *ctx, struct word_match **out,
                                    size_t *n, struct err *e) CHECKED;

/* Vectors read before they are handed on. */
#define BATCH 256
#define BATCH_BYTES ((size_t)64 << 20)
enum err_code postgres_no_document(struct slice id, struct err *e);

/* slots of postgres_documents_read.c */
enum err_code postgres_document_get(struct store *s, struct arena *a,
                                    struct slice id, struct document *out,
                                    struct err *e) CHECKED;
enum err_code postgres_documents_list(struct store *s, struct arena *a,
                                      const struct document_query *q,
                                      struct document **out, size_t *n,
                                      int64_t *count, struct err *e) CHECKED;
enum err_code postgres_document_places(struct store *s, struct arena *a,
                                       struct slice id, int64_t offset,
                                       int limit, struct chunk_range **out,
                                       size_t *n, struct err *e) CHECKED;
enum err_code postgres_document_text(struct store *s, struct arena *a,
                                     struct slice id, int64_t from, int64_t to,
                                     struct slice *out, struct err *e) CHECKED;
enum err_code postgres_document_chunks(struct store *s, struct arena *a,
                                       struct slice id, int64_t offset,
                                       int limit, struct chunk **out, size_t *n,
                                       int64_t *count, struct err *e) CHECKED;
enum err_code postgres_chunks_get(struct store *s, struct arena *a,
                                  const int64_t *ids, size_t n,
                                  struct chunk **out, size_t *n_out,
                                  struct err *e) CHECKED;

/* slots of postgres_vectors.c */
enum err_code postgres_chunks_search(struct store *s, struct arena *a,
                                     struct slice text, int k,
                                     bool (*keep)(void *ctx, int64_t chunk_id),
                                     void *ctx, struct word_match **out,
                                     size_t *n, struct err *e) CHECKED;
enum err_code postgres_vectors_generation(struct store *s, enum vector_set set,
                                          uint64_t *out, struct err *e) CHECKED;
enum err_code postgres_vectors_model(struct store *s, enum vector_set set,
                                     struct model_id *out, bool *known,
                                     struct err *e) CHECKED;
enum err_code postgres_vectors_model_set(struct store *s, enum vector_set set,
                                         const struct model_id *m,
                                         struct err *e) CHECKED;
enum err_code postgres_vectors_present(struct store *s, enum vector_set set,
                                       int64_t **out, size_t *n, struct err *e)
    CHECKED;
enum err_code postgres_present_count(struct store *s, enum vector_set set,
                                     int64_t *out, struct err *e);
enum err_code postgres_papers_waiting(struct store *s, int64_t **out, size_t *n,
                                      struct err *e) CHECKED;
enum err_code postgres_chunks_each(
    struct store *s, const struct model_id *m, uint64_t since,
    enum err_code (*each)(void *ctx, const struct chunk_vector *v,
                          struct err *e),
    void *ctx, uint64_t *generation, struct err *e) CHECKED;
enum err_code postgres_vectors_cached(struct store *s, const struct model_id *m,
                                      const uint8_t (*sha256)[32], size_t n,
                                      float *out, bool *found, struct err *e)
    CHECKED;
enum err_code postgres_chunks_unembedded(struct store *s, struct arena *a,
                                         const struct model_id *m,
                                         int64_t after_id, int limit,
                                         struct chunk_text **out, size_t *n,
                                         struct err *e) CHECKED;
enum err_code postgres_chunk_vectors_put(struct store *s,
                                         const struct model_id *m,
                                         const int64_t *ids,
                                         const float *vectors, size_t n,
                                         struct err *e) CHECKED;
/* slots of postgres_nearest.c */
enum err_code postgres_vector_get(struct store *s, enum vector_set set,
                                  const struct model_id *m, int64_t id,
                                  float *out, struct err *e) CHECKED;
enum err_code postgres_vectors_count(struct store *s, enum vector_set set,
                                     const struct model_id *m,
                                     struct vector_count *out, struct err *e)
    CHECKED;
enum err_code postgres_vectors_nearest(struct store *s, struct arena *a,
                                       const struct vector_search *q,
                                       struct vector_match **out, size_t *n,
                                       struct err *e) CHECKED;
/* slots of postgres_hnsw.c */
enum err_code postgres_vectors_index_wanted(struct store *s,
                                            enum vector_set set, bool *out,
                                            struct err *e) CHECKED;
enum err_code postgres_vectors_index_make(struct store *s, enum vector_set set,
                                          bool (*each_second)(void *ctx,
                                                              double done),
                                          void *ctx, struct err *e) CHECKED;
void postgres_vectors_ways(const struct store *s, uint64_t *exact,
                           uint64_t *approximate);
/* Does the setting ask for it, and can this server's pgvector? */
void postgres_index_open(struct postgres *p);
/* pg_ask() whether it is there, whole: a row of one bool. */
void postgres_ask_index(struct pg_conn *c, enum vector_set set);
/* slots of postgres_paper_vectors.c */
enum err_code postgres_papers_unembedded(struct store *s, struct arena *a,
                                         const struct model_id *m, int limit,
                                         struct paper_text **out, size_t *n,
                                         struct err *e) CHECKED;
enum err_code postgres_paper_vectors_put(struct store *s,
                                         const struct model_id *m,
                                         const struct paper_vector *v, size_t n,
                                         struct err *e) CHECKED;
enum err_code postgres_paper_vectors_each(
    struct store *s, const struct model_id *m, uint64_t since,
    enum err_code (*each)(void *ctx, const struct paper_vector *v,
                          struct err *e),
    void *ctx, uint64_t *generation, struct err *e) CHECKED;
/* slots of postgres_embed.c */
enum err_code postgres_embed_job(struct store *s, int64_t now_us, struct err *e)
    CHECKED;
enum err_code postgres_unembedded(struct store *s, const struct model_id *m,
                                  struct unembedded *out, struct err *e)
    CHECKED;
enum err_code postgres_embed_finish(struct store *s, const struct job_lease *l,
                                    const struct model_id *m,
                                    struct slice result, int64_t now_us,
                                    struct unembedded *left, struct err *e)
    CHECKED;
/* slots of postgres_paper_words.c */
enum err_code postgres_papers_get(struct store *s, struct arena *a,
                                  const int64_t *ids, size_t n,
                                  struct paper **out, size_t *n_out,
                                  struct err *e) CHECKED;
enum err_code postgres_papers_words(struct store *s, struct arena *a,
                                    struct slice text, int k,
                                    bool (*keep)(void *ctx, int64_t paper_id),
                                    void *ctx, struct word_match **out,
                                    size_t *n, struct err *e) CHECKED;

#endif
