/* clock.h - time: microseconds since 1970-01-01T00:00:00Z, RFC 3339, zones.
 *
 * All stored times are UTC microseconds in an int64_t (`_us`); 0 means "none".
 * Zones are read from the system's zoneinfo (TZif, RFC 8536) because glibc can
 * only convert in the process's own zone without changing it for all threads.
 *
 * Threads: everything here may be called from any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define US_PER_S INT64_C(1000000)
#define US_PER_MS INT64_C(1000)
#define US_PER_MINUTE (60 * US_PER_S)
#define US_PER_DAY (86400 * US_PER_S)

int64_t clock_now_us(void); /* wall clock */
int64_t
clock_mono_us(void); /* never goes back; only differences mean something */

/* Times outside the years 1 to 9999 are written as the nearest inside. */
#define CLOCK_TEXT 32 /* bytes that the longest form needs, with NUL */
/* "2025-11-03T12:34:56Z", with ".123456" only when it is not whole seconds.
 * Returns the length without NUL. */
size_t clock_format(char out[CLOCK_TEXT], int64_t us);
size_t clock_format_date(char out[CLOCK_TEXT], int64_t us); /* "2025-11-03" */
/* "Mon, 03 Nov 2025 12:34:56 GMT" (IMF-fixdate, RFC 9110) */
size_t clock_format_http(char out[CLOCK_TEXT], int64_t us);
/* RFC 3339 date-time with Z or an offset, years 0001-9999, up to 9 digits of
 * fraction (cut to 6); a date alone is midnight UTC.  A leap second, 23:59:60
 * UTC, counts as 23:59:59.  false: anything else. */
bool clock_parse(struct slice s, int64_t *us);
/* IMF-fixdate only, with the right day of the week. */
bool clock_parse_http(struct slice s, int64_t *us);

/* Civil fields <-> days since 1970-01-01 (proleptic Gregorian). */
int64_t clock_days(int year, int month, int day);
void clock_civil(int64_t days, int *year, int *month, int *day);

struct zone; /* one IANA zone; read-only, so threads may share it */
/* Open "Europe/Berlin", "UTC", ...  ERR_INVALID: no such zone, or a name that
 * is no zone name ("../etc/passwd").  ERR_INTERNAL: out of memory. */
enum err_code zone_open(struct zone **out, const char *name, struct err *e)
    CHECKED;
/* The same from the bytes of a TZif file, which are not kept. */
enum err_code zone_read(struct zone **out, struct slice tzif, struct err *e)
    CHECKED;
void zone_close(struct zone *z); /* takes NULL */
/* Offset from UTC in seconds in force at that moment. */
int32_t zone_offset(const struct zone *z, int64_t us);
/* Wall-clock time in the zone -> UTC.  In a gap: the first moment after it; in
 * an overlap: the earlier of the two. */
int64_t zone_to_utc(const struct zone *z, int64_t local_us);

#endif
