/* coverage.h - queue a check of what arXiv has against what is stored.
 *
 * Threads: any.
 */
#ifndef SCRAPER_COVERAGE_H
#define SCRAPER_COVERAGE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/jobs.h"

#define COVERAGE_DAYS_MAX 31

struct scraper;
struct scrape_input;

/* Queue a job for the last `days` complete days of in's categories.  `spec`
 * may hold an idempotency key; the rest of it is filled here. */
enum err_code coverage_queue(struct scraper *s, struct arena *a,
                             const struct scrape_input *in, int64_t days,
                             struct job_new *spec, struct job *out,
                             bool *existing, struct err *e) CHECKED;

#endif
