/* vector_copy.h - a Chroma server gets a copy of all vectors.
 *
 * Setting `vectors = chroma:...`.  The database keeps what it has without: the
 * copy is derived from it, follows it by a job of kind "chroma"
 * (store/copies.h), at least once, and can be made anew at any time.  The
 * collections "portfolio_documents" and "papers" there are ours alone.
 *
 * The server may be away for as long as it likes: the job waits for it and
 * nothing else does but search by meaning (chroma_find.h).  A collection that
 * was lost is filled anew.  What can go wrong beyond that (the server was set
 * back to an older state, somebody wrote into our collections) is found when a
 * process starts, if numbers differ, and mended by a repair: everything is
 * compared, what is missing or differs is sent, what is not ours removed.
 *
 * Threads: vector_copy_start before the jobs run; the rest from any.
 */
#ifndef PROCESSOR_VECTOR_COPY_H
#define PROCESSOR_VECTOR_COPY_H

#include "jobs/engine.h"
#include "jobs/routes.h"
#include "processor/nearest.h"

struct vector_copy;

/* `vectors` is the setting, which was checked.  ERR_INVALID: it is no
 * chroma:...; ERR_UNAVAILABLE: out of memory. */
enum err_code vector_copy_new(struct vector_copy **out, struct store *s,
                              const char *vectors, const char *token,
                              struct err *e) CHECKED;
void vector_copy_free(struct vector_copy *v); /* takes NULL */
/* Who finds the vectors of a set, for its collection.  NULL: out of memory. */
struct nearest *vector_copy_finder(struct vector_copy *v, enum vector_set set);
/* The job's kind, to be registered; kept by pointer. */
const struct job_kind *vector_copy_kind(struct vector_copy *v, struct jobs *j);
enum err_code vector_copy_view(struct store *s, struct arena *a,
                               const struct job *job, struct jw *j,
                               struct err *e);

/* Keep the copy from now on.  v NULL: none, forget what there was. */
enum err_code vector_copy_start(struct vector_copy *v, struct store *s,
                                struct err *e) CHECKED;

/* What waits, and what the server said last, as a remark in *e; "" if nothing.
 */
void vector_copy_remark(struct vector_copy *v, struct err *e);

#endif
