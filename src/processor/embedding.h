/* embedding.h - what is stored gets its vectors: papers, and after a change of
 * the model everything.
 *
 * A job of kind "embed" (store/documents.h) embeds what has no vector of the
 * model: first papers, for the many that arrive are the few that wait, then the
 * chunks of documents.  A batch of vectors is a commit, so that the job goes on
 * where it was after kill -9; its progress counts committed vectors.
 *
 * The store says which model its vectors should be of.  A processor writes that
 * of its own when it has loaded it: the last one started decides.  One with
 * another model leaves the job to it.
 *
 * Threads: any.
 */
#ifndef PROCESSOR_EMBEDDING_H
#define PROCESSOR_EMBEDDING_H

#include "jobs/engine.h"
#include "jobs/routes.h"
#include "store/documents.h"

struct processor;

/* For job_kind: ctx is the struct processor. */
struct job_end embedding_run(struct job_run *r, struct err *e);
/* For job_view. */
enum err_code embedding_view(struct store *s, struct arena *a,
                             const struct job *job, struct jw *j,
                             struct err *e);

/* This model is the one from now on: say so in the store, and queue the job if
 * anything has no vector of it.  false: the store does not answer; ask again.
 */
bool embedding_adopt(struct processor *p, const struct model_id *m);
/* Queue the job if anything has no vector of this model. */
bool embedding_want(struct processor *p, const struct model_id *m);

#endif
