/* processor_impl.h - what the parts of the processor share.
 *
 *   processor.c     the model's life, jobs, metrics
 *   openai.c        /v1/embeddings
 *   ingest.c        documents in; ingest_file.c: out of files;
 *                   ingest_routes.c: POST /process/text, /process/file
 *   documents.c     /documents/
 *   search.c        passages; query.c: GET /query; ask.c: POST /ask
 *   answer.c        answers; llm_answer.c: by a language model
 *   collection.c    the vectors in memory; warm.c: kept up to date;
 *                   passage.c: what they stand for
 *   vector_copy.c   the copy of the vectors at a Chroma server, where one finds
 *                   them; repair_routes.c: POST /vectors/repair
 *   embedding.c     the job that embeds papers, and all after a change of the
 *                   model
 *   index_job.c     the job that makes pgvector's approximate index
 */
#ifndef PROCESSOR_PROCESSOR_IMPL_H
#define PROCESSOR_PROCESSOR_IMPL_H

#include <pthread.h>

#include "embed/embed.h"
#include "jobs/engine.h"
#include "jobs/routes.h"
#include "processor/collection.h"
#include "processor/llm_answer.h"
#include "processor/processor.h"
#include "processor/vector_copy.h"

#define PROCESSOR_MAX_DIRS 4
#define PROCESS_MAX_BODY (15u << 20) /* of POST /process/text; bytes */
#define FORM_MAX_REST                                                          \
    (1u << 20)   /* what POST /process/file has but the file                   \
                  */
#define N_SETS 2 /* of enum vector_set */

struct processor {
    struct store *store;
    char *dirs[PROCESSOR_MAX_DIRS];
    size_t n_dirs;
    char *cache_dir, *precision, *kernel;
    struct vector_crew *crew; /* may be NULL; not ours */
    struct warmer *warmer;    /* NULL: not started */
    pthread_mutex_t lock; /* held while the model is loaded; guards the rest */
    struct embed *embed;  /* NULL: not there */
    struct err problem;   /* why */
    int64_t retry_us;
    bool adopted; /* what the store has of another model is taken care of */

    struct llm_options llm;
    int64_t ping_ms;
    struct collection *collections[N_SETS]; /* by enum vector_set */
    struct vector_copy *copy; /* NULL: no Chroma server finds vectors */
    struct jobs *jobs;        /* NULL: run elsewhere */
    struct job_kind ingest, embedding, indexing;
};

/* Does this process find vectors itself?  Not where the store does, or a Chroma
 * server. */
bool processor_keeps_index(const struct processor *p);

/* The model's identity, of a model that is there. */
struct model_id processor_model(struct embed *m);

/* How a run ends that found no model: it waits as long as it takes, so that
 * this does not count as an attempt. */
struct job_end processor_wait_for_model(struct job_run *r);

/* Where a chunk can be seen in its document, as members of an open object: the
 * link alone, or document, offsets, pages and section too. */
void chunk_write_link(struct jw *j, const struct chunk *c);
/* GET /documents/{id}/outline (outline.c) */
enum err_code document_outline(struct request *r, struct err *e);
void chunk_write_place(struct jw *j, const struct chunk *c);

extern const struct route processor_openai_routes[], processor_ingest_routes[],
    processor_document_routes[], processor_query_routes[],
    processor_ask_routes[], processor_repair_routes[];

#endif
