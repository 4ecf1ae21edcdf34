/* schedules.h - when a repeating scrape runs next, and what it then asks for.
 *
 * Threads: pure functions.
 */
#ifndef SCRAPER_SCHEDULES_H
#define SCRAPER_SCHEDULES_H

#include <stdbool.h>

#include "base/err.h"
#include "store/scrape.h"

#define SCHEDULE_EVERY_MIN_S INT64_C(900) /* 15 min */
#define SCHEDULE_EVERY_MAX_S (INT64_C(365) * 86400)
#define SCHEDULE_OVERLAP_DAYS 2

/* "24h", "90m", "7d" -> seconds; and back (at most 24 bytes with NUL).
 * ERR_INVALID for field "every". */
enum err_code schedule_every_parse(struct slice s, int64_t *seconds,
                                   struct err *e) CHECKED;
void schedule_every_write(char out[24], int64_t seconds);
/* "06:00" -> minutes of the day.  ERR_INVALID for field "at". */
enum err_code schedule_at_parse(struct slice s, int *minutes, struct err *e)
    CHECKED;

/* The first run after `after_us`.
 * With `at`: at that time of the day in zone tz.  Whole days of `every` count
 * civil days, so that it stays 06:00 over a change of the clock; a time that
 * does not exist is the first moment after the gap, one that exists twice is
 * the earlier.  Other values of `every` count hours from the last run. Without:
 * every so many seconds from the last run. `last_us` is the last planned run,
 * 0: there was none.  ERR_INVALID: tz, at. */
enum err_code schedule_next(const struct schedule *s, int64_t last_us,
                            int64_t after_us, int64_t *out, struct err *e)
    CHECKED;
/* Days that a run at now_us asks for: its own, or as many as have passed since
 * the last confirmed success and the overlap, at most 365. */
int64_t schedule_days(const struct schedule *s, int64_t now_us);

#endif
