/* vector_copy_send.h - what a pass of vector_copy.c sends and removes.
 *
 * Records are gathered, compared with what the server has, and sent in batches;
 * each batch is progress of the job.  ERR_CANCELLED: the job is to stop.
 *
 * Threads: one.
 */
#ifndef PROCESSOR_VECTOR_COPY_SEND_H
#define PROCESSOR_VECTOR_COPY_SEND_H

#include "jobs/engine.h"
#include "processor/chroma_client.h"
#include "store/copies.h"

#define COPY_BATCH 256

struct copy_send {
    struct job_run *run;
    struct chroma *chroma;
    struct chroma_how how;
    /* of the pass, set by its caller */
    enum vector_set set;
    struct chroma_collection collection;
    bool look; /* the server may have some already */
    /* of the job so far */
    int64_t total; /* there is to do */
    int64_t compared, sent, removed;
    int64_t refused; /* the server does not take them */
    /* private */
    struct arena *arena;
    struct buf body, removing; /* names, each with its NUL */
    int64_t ids[COPY_BATCH];
    float vectors[COPY_BATCH][STORE_VECTOR_DIM];
    size_t n, n_removing;
};

/* *out is NULL after an error. */
enum err_code copy_send_new(struct copy_send **out, struct job_run *r,
                            struct chroma *c, struct err *e) CHECKED;
void copy_send_free(struct copy_send *w); /* takes NULL */
/* So many more records are to be compared. */
void copy_send_expect(struct copy_send *w, int64_t n);
/* The numbers as the job's result. */
struct slice copy_send_result(struct copy_send *w);

/* A chunk or paper that is to be there, with this vector. */
enum err_code copy_send_add(struct copy_send *w, int64_t id,
                            const float *vector, struct err *e) CHECKED;
enum err_code copy_send_flush(struct copy_send *w, struct err *e) CHECKED;

/* The records of what is gone. */
enum err_code copy_send_remove(struct copy_send *w, const struct copy_gone *g,
                               struct err *e) CHECKED;
enum err_code copy_send_flush_removed(struct copy_send *w, struct err *e)
    CHECKED;
/* All records of the collection that stand for nothing here. */
enum err_code copy_send_remove_foreign(struct copy_send *w, struct err *e)
    CHECKED;

#endif
