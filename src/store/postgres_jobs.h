/* postgres_jobs.h - jobs as parts of other use cases' transactions. */
#ifndef STORE_POSTGRES_JOBS_H
#define STORE_POSTGRES_JOBS_H

#include "store/postgres.h"

/* As store_job_create(), in the open transaction. */
enum err_code postgres_job_insert(struct pg_conn *c, struct arena *a,
                                  const struct job_new *spec, int64_t ttl_us,
                                  struct job *out, bool *existing,
                                  struct err *e) CHECKED;

/* Queue store_embed_job() in the open transaction. */
void postgres_embed_job_insert(struct pg_conn *c, int64_t now_us);

/* Queue a write under a lease; postgres_next_held() fetches what became of it:
 * ERR_CONFLICT when the lease is lost.  `cancel` (or NULL): was asked for. */
void postgres_ask_progress(struct pg_conn *c, const struct job_lease *l,
                           double progress, struct slice checkpoint,
                           struct slice result, int64_t now_us);
void postgres_ask_end(struct pg_conn *c, const struct job_lease *l,
                      enum job_state state, struct slice result,
                      struct slice error, int64_t now_us);
void postgres_ask_release(struct pg_conn *c, const struct job_lease *l,
                          int64_t run_at, bool count, struct slice error,
                          int64_t now_us);
enum err_code postgres_next_held(struct pg_conn *c, const struct job_lease *l,
                                 bool *cancel, struct err *e) CHECKED;

#endif
