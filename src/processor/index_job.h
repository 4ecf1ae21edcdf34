/* index_job.h - a large collection in pgvector gets its approximate index.
 *
 * A job of kind "index" for each collection, made when the store says that one
 * is wanted (store_vectors_index_wanted), and run by processes that make some
 * (store_makes_index).  Killed, it begins anew; a second one finds nothing to
 * do.
 *
 * Threads: any.
 */
#ifndef PROCESSOR_INDEX_JOB_H
#define PROCESSOR_INDEX_JOB_H

#include "jobs/engine.h"
#include "jobs/routes.h"

#define INDEX_JOB "index"

struct processor;

/* For job_kind. */
struct job_end index_job_run(struct job_run *r, struct err *e);
/* For job_view. */
enum err_code index_job_view(struct store *s, struct arena *a,
                             const struct job *job, struct jw *j,
                             struct err *e);

/* Queue it for each collection that wants one, unless one waits or runs, or has
 * failed or been cancelled within a day. */
enum err_code index_job_want(struct processor *p, struct err *e) CHECKED;

#endif
