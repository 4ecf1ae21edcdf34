/* schedules.c - see schedules.h.
 *
 * A run that was missed while the machine was off is caught up once, however
 * many were missed: the next one is planned after now, and the window of the
 * one that runs covers the gap.  The gap counts from the last success that the
 * backend has confirmed, not from the last run: a sync that found nothing, or
 * whose delivery failed, has covered nothing.
 */
#include "scraper/schedules.h"

#include <stdio.h>

#include "base/clock.h"
#include "scraper/scrape_input.h"

static enum err_code bad_every(struct err *e)
{
    return err_field(e, "every",
                     "\"every\" must be a number with m, h or d, from \"15m\" "
                     "to \"365d\"");
}

enum err_code schedule_every_parse(struct slice s, int64_t *seconds,
                                   struct err *e)
{
    int64_t n, unit;

    if (s.len < 2 || s.len > 8)
        return bad_every(e);
    switch (s.p[s.len - 1]) {
    case 'm':
        unit = 60;
        break;
    case 'h':
        unit = 3600;
        break;
    case 'd':
        unit = 86400;
        break;
    default:
        return bad_every(e);
    }
    if (!slice_to_i64(slice_sub(s, 0, s.len - 1), &n) || n < 1 ||
        n * unit < SCHEDULE_EVERY_MIN_S || n * unit > SCHEDULE_EVERY_MAX_S)
        return bad_every(e);
    *seconds = n * unit;
    return ERR_NONE;
}

void schedule_every_write(char out[24], int64_t seconds)
{
    if (seconds % 86400 == 0 && seconds != 86400)
        snprintf(out, 24, "%lldd", (long long)(seconds / 86400));
    else if (seconds % 3600 == 0)
        snprintf(out, 24, "%lldh", (long long)(seconds / 3600));
    else
        snprintf(out, 24, "%lldm", (long long)(seconds / 60));
}

enum err_code schedule_at_parse(struct slice s, int *minutes, struct err *e)
{
    uint64_t h, m;

    if (s.len != 5 || s.p[2] != ':' || !slice_to_u64(slice_sub(s, 0, 2), &h) ||
        !slice_to_u64(slice_sub(s, 3, 5), &m) || h > 23 || m > 59)
        return err_field(e, "at", "\"at\" must be a time as in \"06:00\"");
    *minutes = (int)(h * 60 + m);
    return ERR_NONE;
}

static int64_t floor_days(int64_t us)
{
    return us >= 0 ? us / US_PER_DAY : -((-us + US_PER_DAY - 1) / US_PER_DAY);
}

/* Local day of a moment. */
static int64_t local_day(const struct zone *z, int64_t us)
{
    return floor_days(us + zone_offset(z, us) * US_PER_S);
}

static int64_t at_day(const struct zone *z, int64_t day, int minutes)
{
    return zone_to_utc(z, day * US_PER_DAY + minutes * 60 * US_PER_S);
}

/* Every so many civil days at a time of the day. */
static int64_t next_by_day(const struct zone *z, int64_t step, int minutes,
                           int64_t last_us, int64_t after_us)
{
    int64_t day;

    if (!last_us) { /* the first one: the next time it is that time */
        day = local_day(z, after_us);
        while (at_day(z, day, minutes) <= after_us)
            day++;
        return at_day(z, day, minutes);
    }
    day = local_day(z, last_us);
    if (local_day(z, after_us) > day)
        day += (local_day(z, after_us) - day) / step * step;
    while (at_day(z, day, minutes) <= after_us)
        day += step;
    return at_day(z, day, minutes);
}

static int64_t next_by_interval(int64_t every_us, int64_t last_us,
                                int64_t after_us)
{
    if (after_us < last_us)
        return last_us;
    return last_us + ((after_us - last_us) / every_us + 1) * every_us;
}

enum err_code schedule_next(const struct schedule *s, int64_t last_us,
                            int64_t after_us, int64_t *out, struct err *e)
{
    char name[80];
    struct zone *z;
    int minutes;
    enum err_code rc;

    if (!s->at.len) {
        *out = next_by_interval(s->every_s * US_PER_S,
                                last_us ? last_us : after_us, after_us);
        return ERR_NONE;
    }
    rc = schedule_at_parse(s->at, &minutes, e);
    if (rc != ERR_NONE)
        return rc;
    snprintf(name, sizeof(name), "%.*s", SLICE_ARG(s->tz));
    rc = zone_open(&z, s->tz.len ? name : "UTC", e);
    if (rc != ERR_NONE)
        return err_field(e, "tz",
                         "\"tz\" must be the name of a time zone such as "
                         "\"Europe/Berlin\"");
    if (last_us && s->every_s % 86400 != 0)
        *out = next_by_interval(s->every_s * US_PER_S, last_us, after_us);
    else
        *out = next_by_day(z, last_us ? s->every_s / 86400 : 1, minutes,
                           last_us, after_us);
    zone_close(z);
    return ERR_NONE;
}

int64_t schedule_days(const struct schedule *s, int64_t now_us)
{
    int64_t days = s->days;

    if (s->last_confirmed_at > 0 && now_us > s->last_confirmed_at) {
        int64_t gap =
            (now_us - s->last_confirmed_at + US_PER_DAY - 1) / US_PER_DAY;

        if (gap + SCHEDULE_OVERLAP_DAYS > days)
            days = gap + SCHEDULE_OVERLAP_DAYS;
    } else if (!s->last_confirmed_at && s->last_run_at > 0) {
        /* nothing was ever confirmed: everything since it was made is open */
        days += (now_us - s->created_at) / US_PER_DAY + 1;
    }
    return days < SCRAPE_DAYS_MAX ? days : SCRAPE_DAYS_MAX;
}
