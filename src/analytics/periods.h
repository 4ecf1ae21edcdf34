/* periods.h - a stretch of time cut into minutes, hours or days of a zone.
 *
 * Views are kept by UTC minute, so any zone's hours and days can be made of
 * them: also those that begin at half past, and days of 23 and 25 hours.
 *
 * Threads: pure functions.
 */
#ifndef ANALYTICS_PERIODS_H
#define ANALYTICS_PERIODS_H

#include "base/arena.h"
#include "base/clock.h"

enum interval { BY_MINUTE, BY_HOUR, BY_DAY };
#define PERIODS_MAX 10000

struct periods {
    int64_t *bounds; /* n + 1 minutes since 1970 (UTC); in arena */
    size_t n;
};

/* The periods from the one that holds from_us up to the last that begins before
 * to_us.  ERR_INVALID: more than PERIODS_MAX, or none. */
enum err_code periods_cut(struct periods *out, struct arena *a,
                          const struct zone *z, enum interval by,
                          int64_t from_us, int64_t to_us, struct err *e)
    CHECKED;

/* A moment (RFC 3339), or a date alone: where that day begins in the zone, or
 * with `end` where it ends. */
bool periods_moment(struct slice text, const struct zone *z, bool end,
                    int64_t *us);

#endif
