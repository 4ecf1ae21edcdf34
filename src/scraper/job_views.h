/* job_views.h - what the scraper's jobs show of themselves on /jobs.
 *
 * Threads: request workers.
 */
#ifndef SCRAPER_JOB_VIEWS_H
#define SCRAPER_JOB_VIEWS_H

#include "base/json.h"
#include "store/jobs.h"

/* As job_view.fields (jobs/routes.h); ctx is the struct scraper. */
enum err_code job_view_scrape(void *ctx, struct arena *a, const struct job *job,
                              struct jw *j, struct err *e);
enum err_code job_view_webhook(void *ctx, struct arena *a,
                               const struct job *job, struct jw *j,
                               struct err *e);
enum err_code job_view_coverage(void *ctx, struct arena *a,
                                const struct job *job, struct jw *j,
                                struct err *e);

#endif
