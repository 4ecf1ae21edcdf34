/* zone.c - see clock.h: time zones.
 *
 * A TZif file (RFC 8536, RFC 9636) holds a header and two data blocks: one with
 * 32-bit times for old readers, and, from version 2, one with 64-bit times and
 * a footer, the POSIX TZ rule that holds after the last transition.  We read
 * the last block there is:
 *
 *   header   "TZif" version 15 unused, six big-endian counts:
 *            isutcnt isstdcnt leapcnt timecnt typecnt charcnt
 *   block    timecnt times (4 or 8 bytes), timecnt type numbers (1),
 *            typecnt types (6: offset, is DST, name), charcnt bytes of names,
 *            leapcnt leap seconds (time + 4), isstdcnt + isutcnt flags
 *   footer   "\n" rule "\n"
 *
 * Files are short (under 4 kB) and are checked once, when opened.  Leap seconds
 * are left out: our times, as POSIX's, do not count them.
 */
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define ZONEINFO "/usr/share/zoneinfo"
#define MAX_NAME 64
#define MAX_FILE ((size_t)64 * 1024)
#define MAX_OFFSET (26 * 3600) /* RFC 9636: -25 h to 26 h */
#define HEADER_BYTES 44
#define DAY_S INT64_C(86400)

/* When in a year a rule changes the offset. */
struct change_rule {
    enum { JULIAN, DAY_OF_YEAR, WEEKDAY } kind; /* Jn, n, Mm.w.d */
    int month, week, day;
    int32_t time_s; /* wall clock, may be negative or beyond a day */
};

/* The footer: "CET-1CEST,M3.5.0,M10.5.0/3". */
struct rule {
    bool present, has_dst;
    int32_t std, dst; /* seconds east of UTC */
    struct change_rule to_dst, to_std;
};

struct zone {
    size_t n;
    int64_t *at;     /* n instants in seconds, ascending; owned */
    int32_t *offset; /* n: in force from at[i] on; inside the same allocation */
    int32_t first;   /* before at[0] */
    struct rule rule; /* from at[n - 1] on */
};

/* ---- the footer rule ---------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take(struct slice *s, char c)
{
    if (s->len == 0 || s->p[0] != c)
        return false;
    *s = slice_sub(*s, 1, s->len);
    return true;
}

/* One to three digits, at most max. */
static bool take_number(struct slice *s, int max, int *out)
{
    int v = 0, n = 0;

    while (s->len > 0 && is_digit(s->p[0])) {
        if (++n > 3)
            return false;
        v = v * 10 + (s->p[0] - '0');
        *s = slice_sub(*s, 1, s->len);
    }
    *out = v;
    return n > 0 && v <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool take_hms(struct slice *s, int max_hours, int32_t *out)
{
    int hours, minutes = 0, seconds = 0, sign = 1;

    if (take(s, '-'))
        sign = -1;
    else
        (void)take(s, '+');
    if (!take_number(s, max_hours, &hours))
        return false;
    if (take(s, ':')) {
        if (!take_number(s, 59, &minutes))
            return false;
        if (take(s, ':') && !take_number(s, 59, &seconds))
            return false;
    }
    *out = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

/* An abbreviation: three or more letters, or anything within <>. */
static bool take_name(struct slice *s)
{
    size_t n = 0;

    if (take(s, '<')) {
        ptrdiff_t end = slice_find_byte(*s, '>');

        if (end < 1)
            return false;
        *s = slice_sub(*s, (size_t)end + 1, s->len);
        return true;
    }
    while (n < s->len && ((s->p[n] >= 'A' && s->p[n] <= 'Z') ||
                          (s->p[n] >= 'a' && s->p[n] <= 'z')))
        n++;
    *s = slice_sub(*s, n, s->len);
    return n >= 3;
}

static bool take_change(struct slice *s, struct change_rule *c)
{
    if (!take(s, ','))
        return false;
    if (take(s, 'M')) {
        c->kind = WEEKDAY;
        if (!take_number(s, 12, &c->month) || c->month < 1 || !take(s, '.') ||
            !take_number(s, 5, &c->week) || c->week < 1 || !take(s, '.') ||
            !take_number(s, 6, &c->day))
            return false;
    } else {
        c->kind = take(s, 'J') ? JULIAN : DAY_OF_YEAR;
        if (!take_number(s, 365, &c->day) || (c->kind == JULIAN && c->day < 1))
            return false;
    }
    c->time_s = 2 * 3600;
    return !take(s, '/') || take_hms(s, 167, &c->time_s);
}

/* The sign in a rule says how to get to UTC: west is positive. */
static bool parse_rule(struct slice s, struct rule *r)
{
    int32_t west;

    *r = (struct rule){0};
    if (s.len == 0)
        return true;
    if (!take_name(&s) || !take_hms(&s, 24, &west))
        return false;
    r->present = true;
    r->std = -west;
    if (s.len == 0)
        return true;
    if (!take_name(&s))
        return false;
    r->has_dst = true;
    r->dst = r->std + 3600;
    if (s.len > 0 && s.p[0] != ',') {
        if (!take_hms(&s, 24, &west))
            return false;
        r->dst = -west;
    }
    return take_change(&s, &r->to_dst) && take_change(&s, &r->to_std) &&
           s.len == 0;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Wall-clock second of a change in that year, counted from 1970. */
static int64_t change_in_year(const struct change_rule *c, int year)
{
    int64_t day;

    if (c->kind == WEEKDAY) {
        int64_t first = clock_days(year, c->month, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 0: Sunday */
        int64_t next = c->month == 12 ? clock_days(year + 1, 1, 1)
                                      : clock_days(year, c->month + 1, 1);

        day = first + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
        if (day >= next) /* week 5 is "the last" */
            day -= 7;
    } else {
        day = clock_days(year, 1, 1) + c->day;
        /* Jn counts from 1 and never counts 29 February */
        if (c->kind == JULIAN && !(is_leap(year) && c->day >= 60))
            day--;
    }
    return day * DAY_S + c->time_s;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int year_of(int64_t s)
{
    int year, month, day;

    clock_civil(floor_div(s, DAY_S), &year, &month, &day);
    return year;
}

static int32_t rule_offset(const struct rule *r, int64_t s)
{
    int64_t dst_from, std_from;
    bool dst;
    int year;

    if (!r->has_dst)
        return r->std;
    year = year_of(s + r->std);
    dst_from = change_in_year(&r->to_dst, year) - r->std;
    std_from = change_in_year(&r->to_std, year) - r->dst;
    if (dst_from < std_from)
        dst = s >= dst_from && s < std_from;
    else /* southern hemisphere: summer goes over the new year */
        dst = s >= dst_from || s < std_from;
    return dst ? r->dst : r->std;
}

/* First change by the rule after s; INT64_MAX: there is none. */
static int64_t rule_next(const struct rule *r, int64_t s)
{
    int64_t best = INT64_MAX, at[2];
    int year = year_of(s), y, i;

    if (!r->has_dst)
        return INT64_MAX;
    for (y = year - 1; y <= year + 1; y++) {
        at[0] = change_in_year(&r->to_dst, y) - r->std;
        at[1] = change_in_year(&r->to_std, y) - r->dst;
        for (i = 0; i < 2; i++)
            if (at[i] > s && at[i] < best)
                best = at[i];
    }
    return best;
}

/* ---- the file ----------------------------------------------------------- */

/* One header and where its data block lies. */
struct block {
    size_t times, types, chars, leaps, is_std, is_utc;
    size_t time_bytes; /* 4 or 8 */
    const unsigned char *data;
    size_t size;
    char version;
};

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static int64_t get_time(const unsigned char *p, size_t bytes)
{
    if (bytes == 4)
        return (int32_t)get32(p);
    return (int64_t)((uint64_t)get32(p) << 32 | get32(p + 4));
}

/* Counts are below 2^32, so the sum cannot wrap in 64 bits. */
static bool read_header(struct slice *s, size_t time_bytes, struct block *b)
{
    const unsigned char *p = (const unsigned char *)s->p;

    if (s->len < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
        return false;
    *b = (struct block){
        .version = (char)p[4],
        .is_utc = get32(p + 20),
        .is_std = get32(p + 24),
        .leaps = get32(p + 28),
        .times = get32(p + 32),
        .types = get32(p + 36),
        .chars = get32(p + 40),
        .time_bytes = time_bytes,
        .data = p + HEADER_BYTES,
    };
    b->size = b->times * (time_bytes + 1) + b->types * 6 + b->chars +
              b->leaps * (time_bytes + 4) + b->is_std + b->is_utc;
    if (b->size > s->len - HEADER_BYTES)
        return false;
    *s = slice_sub(*s, HEADER_BYTES + b->size, s->len);
    return b->types >= 1 && b->types <= 256;
}

/* The rule stands between two line ends. */
static bool read_footer(struct slice s, struct rule *r)
{
    ptrdiff_t end;

    if (!take(&s, '\n'))
        return false;
    end = slice_find_byte(s, '\n');
    return end >= 0 && parse_rule(slice_sub(s, 0, (size_t)end), r);
}

static bool type_offset(const struct block *b, size_t type, int32_t *out)
{
    const unsigned char *types = b->data + b->times * (b->time_bytes + 1);

    if (type >= b->types)
        return false;
    *out = (int32_t)get32(types + type * 6);
    return *out > -MAX_OFFSET && *out < MAX_OFFSET;
}

static bool fill(struct zone *z, const struct block *b)
{
    const unsigned char *type = b->data + b->times * b->time_bytes;
    size_t i;

    if (!type_offset(b, 0, &z->first))
        return false;
    for (i = 0; i < b->times; i++) {
        z->at[i] = get_time(b->data + i * b->time_bytes, b->time_bytes);
        if ((i > 0 && z->at[i] <= z->at[i - 1]) ||
            !type_offset(b, type[i], &z->offset[i]))
            return false;
    }
    return true;
}

static struct zone *zone_new(size_t times)
{
    struct zone *z = mem_alloc(sizeof(*z));

    if (!z)
        return NULL;
    *z = (struct zone){.n = times};
    z->at = mem_alloc(times * (sizeof(*z->at) + sizeof(*z->offset)));
    if (!z->at) {
        mem_free(z);
        return NULL;
    }
    z->offset = (int32_t *)(z->at + times);
    return z;
}

enum err_code zone_read(struct zone **out, struct slice tzif, struct err *e)
{
    struct rule rule = {0};
    struct block b;
    struct zone *z;

    if (!read_header(&tzif, 4, &b) ||
        (b.version >= '2' &&
         (!read_header(&tzif, 8, &b) || !read_footer(tzif, &rule))))
        return err_set(e, ERR_INVALID, "not a time zone file");
    z = zone_new(b.times);
    if (!z)
        return err_set(e, ERR_INTERNAL, "out of memory for a time zone");
    z->rule = rule;
    if (!fill(z, &b)) {
        zone_close(z);
        return err_set(e, ERR_INVALID, "damaged time zone file");
    }
    *out = z;
    return ERR_NONE;
}

/* "Area/City": no dot, so there is no way up, and no empty part. */
static bool name_is_safe(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "0123456789_+-/";
    size_t n = strlen(name);

    return n > 0 && n <= MAX_NAME && strspn(name, allowed) == n &&
           name[0] != '/' && name[n - 1] != '/' && !strstr(name, "//");
}

/* The whole file at the end of `into`; false: not readable. */
static bool read_file(struct buf *into, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = -1;
    char *p;

    if (fd < 0)
        return false;
    while ((p = buf_room(into, 4096))) {
        n = read(fd, p, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        buf_grew(into, (size_t)n);
    }
    close(fd);
    return n == 0;
}

enum err_code zone_open(struct zone **out, const char *name, struct err *e)
{
    const char *dir = getenv("TZDIR");
    char path[PATH_MAX];
    enum err_code rc;
    struct buf file;
    bool have;

    if (!name_is_safe(name))
        return err_set(e, ERR_INVALID, "'%s' is not the name of a time zone",
                       name);
    if (!dir || !*dir)
        dir = ZONEINFO;
    if (strlen(dir) + MAX_NAME + 2 > sizeof(path))
        return err_set(e, ERR_INVALID, "the path in TZDIR is too long");
    memcpy(path, dir, strlen(dir));
    path[strlen(dir)] = '/';
    memcpy(path + strlen(dir) + 1, name, strlen(name) + 1);
    buf_init(&file, MAX_FILE);
    have = read_file(&file, path);
    if (have)
        rc = zone_read(out, buf_slice(&file), e);
    else if (file.failed && file.len + 4096 <= file.max)
        rc = err_set(e, ERR_INTERNAL, "out of memory for a time zone");
    else if (strcmp(name, "UTC") == 0) /* also where no zoneinfo is installed */
        rc = (*out = zone_new(0))
                 ? ERR_NONE
                 : err_set(e, ERR_INTERNAL, "out of memory for a time zone");
    else
        rc = err_set(e, ERR_INVALID, "unknown time zone '%s'", name);
    if (rc && have)
        err_prefix(e, "time zone '%s'", name);
    buf_release(&file);
    return rc;
}

void zone_close(struct zone *z)
{
    if (!z)
        return;
    mem_free(z->at);
    mem_free(z);
}

/* ---- questions ---------------------------------------------------------- */

/* How many transitions are at or before s. */
static size_t passed(const struct zone *z, int64_t s)
{
    size_t lo = 0, hi = z->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (z->at[mid] <= s)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int32_t offset_at(const struct zone *z, int64_t s)
{
    size_t i = passed(z, s);

    if (i == z->n && z->rule.present)
        return rule_offset(&z->rule, s);
    return i > 0 ? z->offset[i - 1] : z->first;
}

/* First moment after s at which the offset may change. */
static int64_t next_change(const struct zone *z, int64_t s)
{
    size_t i = passed(z, s);

    if (i < z->n)
        return z->at[i];
    return z->rule.present ? rule_next(&z->rule, s) : INT64_MAX;
}

int32_t zone_offset(const struct zone *z, int64_t us)
{
    return offset_at(z, floor_div(us, US_PER_S));
}

/* Walk the stretches of constant offset around the time, oldest first.  In
 * each, one UTC second would show this wall clock; the first that lies in its
 * own stretch is the answer.  If it lies before its stretch, the wall clock
 * has jumped over the time, and the stretch's start is the answer. */
int64_t zone_to_utc(const struct zone *z, int64_t local_us)
{
    int64_t local = floor_div(local_us, US_PER_S);
    int64_t micros = local_us - local * US_PER_S;
    int64_t from = local - 2 * DAY_S, end, utc;

    for (;; from = end) {
        utc = local - offset_at(z, from);
        end = next_change(z, from);
        if (utc < from)
            return from * US_PER_S;
        if (utc < end)
            return utc * US_PER_S + micros;
    }
}
