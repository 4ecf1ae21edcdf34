/* clock.c - see clock.h; zones are in zone.c.
 *
 * The civil calendar is computed in eras of 400 years, which all have 146,097
 * days, with the year beginning on 1 March, so that the leap day is the last
 * one (Howard Hinnant, "chrono-compatible low-level date algorithms").
 * Texts are written by hand: three times a paper in every list are on the hot
 * path, and strftime would ask for the locale.
 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#define FIRST_US (INT64_C(-62135596800) * US_PER_S) /* 0001-01-01T00:00:00Z */
#define LAST_US (INT64_C(253402300800) * US_PER_S - 1) /* end of year 9999 */

static const char day_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    /* cannot fail: both clocks exist on every Linux */
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t clock_days(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           719468;
}

void clock_civil(int64_t days, int *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t d = z - era * 146097;
    int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    int64_t of_year = d - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;

    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(y + era * 400 + (*month <= 2));
}

struct fields {
    int year, month, day, hour, minute, second, micros;
    int weekday; /* 0: Sunday */
};

static struct fields split(int64_t us)
{
    struct fields f;
    int64_t days, rest;

    us = us < FIRST_US ? FIRST_US : us > LAST_US ? LAST_US : us;
    days = floor_div(us, US_PER_DAY);
    rest = us - days * US_PER_DAY;
    clock_civil(days, &f.year, &f.month, &f.day);
    f.weekday = (int)((days % 7 + 11) % 7); /* 1970-01-01 was a Thursday */
    f.micros = (int)(rest % US_PER_S);
    rest /= US_PER_S;
    f.hour = (int)(rest / 3600);
    f.minute = (int)(rest / 60 % 60);
    f.second = (int)(rest % 60);
    return f;
}

/* `width` digits, then the byte `end`. */
static char *put(char *p, int v, int width, char end)
{
    int i;

    for (i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + v % 10);
        v /= 10;
    }
    p[width] = end;
    return p + width + 1;
}

static char *put_time(char *p, const struct fields *f, char end)
{
    p = put(p, f->hour, 2, ':');
    p = put(p, f->minute, 2, ':');
    return put(p, f->second, 2, end);
}

static char *put_date(char *p, const struct fields *f, char end)
{
    p = put(p, f->year, 4, '-');
    p = put(p, f->month, 2, '-');
    return put(p, f->day, 2, end);
}

size_t clock_format(char out[CLOCK_TEXT], int64_t us)
{
    struct fields f = split(us);
    char *p = put_date(out, &f, 'T');

    p = put_time(p, &f, f.micros ? '.' : 'Z');
    if (f.micros)
        p = put(p, f.micros, 6, 'Z');
    *p = '\0';
    return (size_t)(p - out);
}

size_t clock_format_date(char out[CLOCK_TEXT], int64_t us)
{
    struct fields f = split(us);

    return (size_t)(put_date(out, &f, '\0') - out) - 1;
}

size_t clock_format_http(char out[CLOCK_TEXT], int64_t us)
{
    struct fields f = split(us);
    char *p = out;

    memcpy(p, day_names + f.weekday * 3, 3);
    memcpy(p + 3, ", ", 2);
    p = put(p + 5, f.day, 2, ' ');
    memcpy(p, month_names + (f.month - 1) * 3, 3);
    p[3] = ' ';
    p = put(p + 4, f.year, 4, ' ');
    p = put_time(p, &f, ' ');
    memcpy(p, "GMT", 4);
    return (size_t)(p + 3 - out);
}

/* Exactly n digits at *at, which moves past them. */
static bool digits(struct slice s, size_t *at, size_t n, int *out)
{
    int v = 0;
    size_t i;

    if (s.len - *at < n)
        return false;
    for (i = 0; i < n; i++) {
        char c = s.p[(*at)++];

        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
    }
    *out = v;
    return true;
}

static bool byte(struct slice s, size_t *at, char c)
{
    if (*at >= s.len || s.p[*at] != c)
        return false;
    (*at)++;
    return true;
}

static bool byte_nocase(struct slice s, size_t *at, char upper)
{
    return byte(s, at, upper) || byte(s, at, (char)(upper | 0x20));
}

static int days_of_month(int year, int month)
{
    static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

static bool date_is_real(const struct fields *f)
{
    return f->year >= 1 && f->month >= 1 && f->month <= 12 && f->day >= 1 &&
           f->day <= days_of_month(f->year, f->month);
}

/* A second 60 can only be the last one of a UTC day (RFC 3339, 5.7), which the
 * caller checks once it knows the offset. */
static bool time_is_real(const struct fields *f)
{
    return f->hour <= 23 && f->minute <= 59 && f->second <= 60;
}

static bool parse_date(struct slice s, size_t *at, struct fields *f)
{
    return digits(s, at, 4, &f->year) && byte(s, at, '-') &&
           digits(s, at, 2, &f->month) && byte(s, at, '-') &&
           digits(s, at, 2, &f->day) && date_is_real(f);
}

static bool parse_time(struct slice s, size_t *at, struct fields *f)
{
    return digits(s, at, 2, &f->hour) && byte(s, at, ':') &&
           digits(s, at, 2, &f->minute) && byte(s, at, ':') &&
           digits(s, at, 2, &f->second) && time_is_real(f);
}

/* "" or ".123…": one to nine digits, those after the sixth dropped. */
static bool parse_fraction(struct slice s, size_t *at, int *micros)
{
    int n = 0, digit;

    *micros = 0;
    if (!byte(s, at, '.'))
        return true;
    while (*at < s.len && s.p[*at] >= '0' && s.p[*at] <= '9') {
        digit = s.p[(*at)++] - '0';
        if (n++ < 6)
            *micros = *micros * 10 + digit;
    }
    if (n < 1 || n > 9)
        return false;
    for (; n < 6; n++)
        *micros *= 10;
    return true;
}

/* "Z" or "+hh:mm" */
static bool parse_offset(struct slice s, size_t *at, int *seconds)
{
    int hours, minutes, sign = 1;

    *seconds = 0;
    if (byte_nocase(s, at, 'Z'))
        return true;
    if (byte(s, at, '-'))
        sign = -1;
    else if (!byte(s, at, '+'))
        return false;
    if (!digits(s, at, 2, &hours) || !byte(s, at, ':') ||
        !digits(s, at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool join(const struct fields *f, int offset, int64_t *us)
{
    int second = f->second == 60 ? 59 : f->second;
    int64_t s = clock_days(f->year, f->month, f->day) * 86400 + f->hour * 3600 +
                f->minute * 60 + second - offset;
    int64_t result = s * US_PER_S + f->micros;

    if (f->second == 60 && (s % 86400 + 86400) % 86400 != 86399)
        return false;
    if (result < FIRST_US || result > LAST_US)
        return false;
    *us = result;
    return true;
}

bool clock_parse(struct slice s, int64_t *us)
{
    struct fields f = {0};
    size_t at = 0;
    int offset = 0;

    if (!parse_date(s, &at, &f))
        return false;
    if (at < s.len &&
        (!byte_nocase(s, &at, 'T') || !parse_time(s, &at, &f) ||
         !parse_fraction(s, &at, &f.micros) || !parse_offset(s, &at, &offset)))
        return false;
    return at == s.len && join(&f, offset, us);
}

/* Index of the three letters at *at in a table of such names, or -1. */
static int name_at(struct slice s, size_t *at, const char *names)
{
    int i;

    if (s.len - *at < 3)
        return -1;
    for (i = 0; names[i * 3]; i++) {
        if (memcmp(s.p + *at, names + i * 3, 3) == 0) {
            *at += 3;
            return i;
        }
    }
    return -1;
}

bool clock_parse_http(struct slice s, int64_t *us)
{
    struct fields f = {0};
    size_t at = 0;
    int64_t result;

    f.weekday = name_at(s, &at, day_names);
    if (f.weekday < 0 || !byte(s, &at, ',') || !byte(s, &at, ' ') ||
        !digits(s, &at, 2, &f.day) || !byte(s, &at, ' '))
        return false;
    f.month = 1 + name_at(s, &at, month_names);
    if (!byte(s, &at, ' ') || !digits(s, &at, 4, &f.year) ||
        !byte(s, &at, ' ') || !date_is_real(&f) || !parse_time(s, &at, &f) ||
        !slice_is(slice_sub(s, at, s.len), " GMT") || !join(&f, 0, &result) ||
        split(result).weekday != f.weekday)
        return false;
    *us = result;
    return true;
}
