/* processor.h - service 3: documents in, passages and answers out.
 *
 * The embedding model and OpenAI's embeddings API over it, documents as durable
 * jobs, and search in them by meaning, by words and by both.
 *
 * The model is loaded when it is first needed, or in the background after
 * processor_start, so that a server is up at once; who needs it meanwhile
 * waits.  Where there is none, everything that needs it answers 503 with the
 * command that fetches it, and looks again later: a model that is put in place
 * is used without a restart.
 *
 * Threads: processor_new, processor_start and processor_free on one thread,
 * before and after the server runs; the rest from any.
 */
#ifndef PROCESSOR_PROCESSOR_H
#define PROCESSOR_PROCESSOR_H

#include "base/buf.h"
#include "base/err.h"
#include "jobs/routes.h"
#include "net/router.h"
#include "store/documents.h"

struct embed;
struct processor;
struct store;

struct processor_options {
    struct store *store;
    const char *const *model_dirs; /* looked at in order; NULL-ended, not empty;
                                      copied */
    const char *cache_dir; /* packed weights, vectors' files; NULL: none */
    const char *precision, *kernel; /* as in embed_options */
    struct vector_crew *crew; /* as in vector_options; outlives the processor */
    /* A Chroma server that finds vectors (base/chroma_url.h), and its token;
     * NULL: it is none that does. */
    const char *chroma, *chroma_token;
    /* The language model of /ask; borrowed for as long as the processor lives.
     * llm_url "": answers are extracts. */
    const char *llm_url, *llm_model, *llm_key;
    int64_t llm_context;    /* tokens; 0: not known */
    int64_t llm_max_tokens; /* of an answer */
    int64_t llm_timeout_ms; /* longest silence of its server */
    int64_t ping_ms;        /* a stream with nothing to say sends a comment */
};

/* ERR_UNAVAILABLE: out of memory, or no room for the vectors' files.
 * ERR_INVALID: chroma is no such address. */
enum err_code processor_new(struct processor **out,
                            const struct processor_options *opt, struct err *e)
    CHECKED;
/* Its kinds of jobs, before jobs_start. */
void processor_register(struct processor *p, struct jobs *j);
/* How /jobs shows them, in every process. */
extern const struct job_view processor_job_views[];
/* Load the model in the background, then the vectors; at most once.  A missing
 * model is no error.  Begin, or end, to keep a copy of the vectors at a Chroma
 * server, which need not be there.  ERR_UNAVAILABLE: the system gave no thread;
 * errors of the store. */
enum err_code processor_start(struct processor *p, struct err *e) CHECKED;
/* Somebody has changed vectors in the store (STORE_HEARD_VECTORS).  Does not
 * block; any thread. */
void processor_vectors_changed(struct processor *p);
void processor_free(struct processor *p); /* takes NULL */

/* The embedding service, which lives as long as the processor.  May block while
 * the model is loaded.  ERR_UNAVAILABLE: there is none; the message says why
 * and what to do. */
enum err_code processor_embed(struct processor *p, struct embed **out,
                              struct err *e) CHECKED;

/* The papers nearest to paper `id` by meaning, the best first, itself left out:
 * at most k (1..100) ids and their cosines; *n: how many.  ERR_NOT_FOUND: it
 * has no vector (yet).  ERR_UNAVAILABLE: there is no model, or its vectors are
 * being made. */
enum err_code processor_similar_papers(struct processor *p, int64_t id, int k,
                                       int64_t *ids, double *scores, size_t *n,
                                       struct err *e) CHECKED;

/* A collection for who shows it to others, with the vectors of the model if
 * that is there (needs_model: else ERR_UNAVAILABLE), as the store has it now.
 */
struct collection;
enum err_code processor_collection(struct processor *p, enum vector_set set,
                                   bool needs_model, struct collection **out,
                                   struct err *e) CHECKED;

/* Add all its routes. */
void processor_add_routes(struct processor *p, struct router *rt);

/* A probe for /readyz: is the model there?  `processor` is a struct processor.
 */
enum err_code processor_check(void *processor, struct err *e);
/* Another, which never fails: its remark says what waits for its vectors. */
enum err_code processor_check_vectors(void *processor, struct err *e);
/* Append the processor's lines to /metrics. */
void processor_metrics(struct buf *out, void *processor);

#endif
