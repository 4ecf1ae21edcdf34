/* routes.h - /jobs: what runs, what became of it, cancel and retry.
 *
 * The routes are common to all services; each kind of job adds its own fields
 * through a job_view.
 *
 * Threads: request workers; read-only after start.
 */
#ifndef JOBS_ROUTES_H
#define JOBS_ROUTES_H

#include <stddef.h>

#include "base/json.h"
#include "jobs/engine.h"
#include "net/router.h"

/* A process shows jobs of all kinds, whichever it runs itself: they share a
 * store.  So a view stands on that alone. */
struct job_view {
    const char *kind; /* NULL ends a table */
    /* Write the kind's own members into the open object `j`. */
    enum err_code (*fields)(struct store *s, struct arena *a,
                            const struct job *job, struct jw *j, struct err *e);
    bool starts_running; /* waiting is "running" for people, not "pending" */
};

/* The context of jobs_routes. */
struct jobs_api {
    struct store *store;
    struct jobs *jobs; /* woken after cancel and retry; may be NULL */
    const struct job_view *views;
    size_t n_views;
};

/* GET /jobs/, GET /jobs/{id}, DELETE /jobs/{id}, POST /jobs/{id}/retry */
extern const struct route jobs_routes[];

/* The job as GET /jobs/{id} shows it. */
enum err_code job_write(const struct jobs_api *api, struct arena *a,
                        const struct job *job, struct jw *j, struct err *e)
    CHECKED;

/* Make the job that a request asks for: take the request's Idempotency-Key into
 * spec, store it, wake `jobs` (NULL: they run elsewhere).  Errors of
 * job_new_idempotency and store_job_create. */
enum err_code job_submit(struct request *r, struct store *s, struct jobs *jobs,
                         struct job_new *spec, struct job *out, struct err *e)
    CHECKED;
/* Begin the reply that it was accepted, {"job_id", "status": the kind's word
 * for a job that waits, whatever has become of it meanwhile: the same key gets
 * the same reply.  Leaves the object open. */
void job_accepted(struct jw *j, struct request *r, const struct job *job);

/* Read the Idempotency-Key of a request into a job_new: key, route and the
 * body's digest.  ERR_INVALID: over 200 bytes, or not printable ASCII. */
enum err_code job_new_idempotency(struct job_new *spec, const struct request *r,
                                  struct err *e) CHECKED;

#endif
