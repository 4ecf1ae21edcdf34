/* periods.c - see periods.h.
 *
 * A day begins where the zone's clock shows midnight, or first shows anything
 * after it.  An hour begins where the clock shows a full hour; where it is set
 * by half an hour (Lord Howe) a shorter piece stands beside the change.
 */
#include "analytics/periods.h"

#define US_PER_HOUR (60 * US_PER_MINUTE)

static int64_t floor_to(int64_t v, int64_t step)
{
    int64_t rest = v % step;

    return v - (rest < 0 ? rest + step : rest);
}

static int64_t local(const struct zone *z, int64_t us)
{
    return us + zone_offset(z, us) * US_PER_S;
}

static int64_t day_begin(const struct zone *z, int64_t day)
{
    return zone_to_utc(z, day * US_PER_DAY);
}

/* The day of the zone that holds `us`. */
static int64_t day_of(const struct zone *z, int64_t us)
{
    return floor_to(local(z, us), US_PER_DAY) / US_PER_DAY;
}

static int64_t begin_of(const struct zone *z, enum interval by, int64_t us)
{
    int64_t step = by == BY_HOUR ? US_PER_HOUR : US_PER_MINUTE;

    if (by == BY_DAY)
        return day_begin(z, day_of(z, us));
    return us - (local(z, us) - floor_to(local(z, us), step));
}

static int64_t next_of(const struct zone *z, enum interval by, int64_t us)
{
    int64_t step = by == BY_HOUR ? US_PER_HOUR : US_PER_MINUTE, day, next;

    if (by != BY_DAY)
        return us + step - (local(z, us) - floor_to(local(z, us), step));
    day = day_of(z, us);
    do /* a zone may have left a day out */
        next = day_begin(z, ++day);
    while (next <= us);
    return next;
}

enum err_code periods_cut(struct periods *out, struct arena *a,
                          const struct zone *z, enum interval by,
                          int64_t from_us, int64_t to_us, struct err *e)
{
    int64_t *bounds = arena_calloc(a, PERIODS_MAX + 1, sizeof(*bounds));
    int64_t at = begin_of(z, by, from_us);
    size_t n = 0;

    if (!bounds)
        return err_set(e, ERR_TOO_LARGE, "the answer is too large");
    if (from_us >= to_us)
        return err_field(e, "to", "'to' must be later than 'from'");
    bounds[0] = floor_to(at, US_PER_MINUTE) / US_PER_MINUTE;
    while (at < to_us) {
        if (n == PERIODS_MAX)
            return err_field(e, "interval",
                             "that would be more than %d points: take a longer"
                             " interval or less time",
                             PERIODS_MAX);
        at = next_of(z, by, at);
        bounds[++n] = floor_to(at, US_PER_MINUTE) / US_PER_MINUTE;
    }
    *out = (struct periods){bounds, n};
    return ERR_NONE;
}

bool periods_moment(struct slice text, const struct zone *z, bool end,
                    int64_t *us)
{
    if (!clock_parse(text, us))
        return false;
    if (text.len == 10) /* "2025-11-03" */
        *us = day_begin(z, *us / US_PER_DAY + end);
    return true;
}
