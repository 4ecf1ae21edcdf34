/* test_clock.c - times as text, the calendar, time zones.
 *
 * The zone tables below were printed by Python's zoneinfo (3.11) over the same
 * tz database; a gap's expected moment is the transition itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static int64_t at(const char *text)
{
    int64_t us = -1;

    if (!clock_parse(slice_of(text), &us))
        fail_msg("'%s' is not a time", text);
    return us;
}

static void test_format_and_parse(void **state)
{
    static const struct {
        int64_t us;
        const char *text, *date, *http;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z", "1970-01-01",
         "Thu, 01 Jan 1970 00:00:00 GMT"},
        {INT64_C(1762173296000000), "2025-11-03T12:34:56Z", "2025-11-03",
         "Mon, 03 Nov 2025 12:34:56 GMT"},
        {INT64_C(1762173296000001), "2025-11-03T12:34:56.000001Z", "2025-11-03",
         NULL},
        {-1, "1969-12-31T23:59:59.999999Z", "1969-12-31", NULL},
        {INT64_C(951782400000000), "2000-02-29T00:00:00Z", "2000-02-29",
         "Tue, 29 Feb 2000 00:00:00 GMT"},
        {INT64_C(-62135596800000000), "0001-01-01T00:00:00Z", "0001-01-01",
         "Mon, 01 Jan 0001 00:00:00 GMT"},
        {INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z",
         "9999-12-31", NULL},
    };
    char out[CLOCK_TEXT];
    int64_t us;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(clock_format(out, cases[i].us), strlen(cases[i].text));
        assert_string_equal(out, cases[i].text);
        assert_int_equal(at(cases[i].text), cases[i].us);
        assert_int_equal(clock_format_date(out, cases[i].us), 10);
        assert_string_equal(out, cases[i].date);
        if (!cases[i].http)
            continue;
        assert_int_equal(clock_format_http(out, cases[i].us), 29);
        assert_string_equal(out, cases[i].http);
        assert_true(clock_parse_http(slice_of(out), &us));
        assert_int_equal(us, cases[i].us);
    }
    clock_format(out, INT64_MIN);
    assert_string_equal(out, "0001-01-01T00:00:00Z");
    clock_format_http(out, INT64_MAX);
    assert_string_equal(out, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void test_parse_forms(void **state)
{
    (void)state;
    assert_int_equal(at("2025-11-03"), at("2025-11-03T00:00:00Z"));
    assert_int_equal(at("2025-11-03t12:00:00z"), at("2025-11-03T12:00:00Z"));
    assert_int_equal(at("2025-11-03T13:30:00+05:30"),
                     at("2025-11-03T08:00:00Z"));
    assert_int_equal(at("2025-11-03T13:30:00-00:30"),
                     at("2025-11-03T14:00:00Z"));
    assert_int_equal(at("2025-11-03T00:00:00.5Z") - at("2025-11-03T00:00:00Z"),
                     500000);
    assert_int_equal(at("2025-11-03T00:00:00.123456789Z") -
                         at("2025-11-03T00:00:00Z"),
                     123456);
    assert_int_equal(at("2016-12-31T23:59:60Z"), at("2016-12-31T23:59:59Z"));
    assert_int_equal(at("2017-01-01T08:59:60+09:00"),
                     at("2016-12-31T23:59:59Z"));
}

static void test_parse_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "2025",
        "2025-11",
        "2025-11-3",
        "2025-11-03T",
        "25-11-03",
        "2025-13-01",
        "2025-00-01",
        "2025-04-31",
        "2025-02-29",
        "1900-02-29",
        "2025-11-00",
        "0000-01-01",
        "2025-11-03T12:00",
        "2025-11-03T12:00Z",
        "2025-11-03T12:00:00",
        "2025-11-03 12:00:00Z",
        "2025-11-03T24:00:00Z",
        "2025-11-03T12:60:00Z",
        "2025-11-03T12:00:61Z",
        "2025-11-03T12:00:60Z", /* not the end of a UTC day */
        "2025-11-03T12:00:00.Z",
        "2025-11-03T12:00:00.1234567890Z",
        "2025-11-03T12:00:00,5Z",
        "2025-11-03T12:00:00+0530",
        "2025-11-03T12:00:00+24:00",
        "2025-11-03T12:00:00+05:60",
        "2025-11-03T12:00:00Zx",
        " 2025-11-03",
        "2025-11-03 ",
        "+025-11-03",
        "2025-1a-03",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };
    static const char *const bad_http[] = {
        "",
        "Mon, 03 Nov 2025 12:34:56",
        "Sun, 03 Nov 2025 12:34:56 GMT",
        "Mon, 3 Nov 2025 12:34:56 GMT",
        "Mon, 03 nov 2025 12:34:56 GMT",
        "Mon, 03 Nov 2025 12:34:56 UTC",
        "Mon, 03 Nov 2025 12:34:56 GMT ",
        "Monday, 03-Nov-25 12:34:56 GMT",
        "Mon Nov  3 12:34:56 2025",
        "Mon, 31 Feb 2025 12:34:56 GMT",
        "Mon, 03 Xyz 2025 12:34:56 GMT",
    };
    int64_t us = 42;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (clock_parse(slice_of(bad[i]), &us))
            fail_msg("'%s' was taken as a time", bad[i]);
    for (i = 0; i < sizeof(bad_http) / sizeof(bad_http[0]); i++)
        if (clock_parse_http(slice_of(bad_http[i]), &us))
            fail_msg("'%s' was taken as a time", bad_http[i]);
    assert_false(clock_parse((struct slice){"2025-11-03T\0", 12}, &us));
    assert_int_equal(us, 42);
}

/* Every day of 1600 to 2500, counted on beside gmtime. */
static void test_calendar(void **state)
{
    int64_t first = clock_days(1600, 1, 1), last = clock_days(2500, 12, 31), d;
    int year, month, day;

    (void)state;
    assert_int_equal(clock_days(1970, 1, 1), 0);
    assert_int_equal(clock_days(2000, 3, 1), 11017);
    assert_int_equal(clock_days(1, 1, 1), -719162);
    for (d = first; d <= last; d++) {
        time_t t = (time_t)(d * 86400);
        struct tm tm;

        clock_civil(d, &year, &month, &day);
        gmtime_r(&t, &tm);
        if (year != tm.tm_year + 1900 || month != tm.tm_mon + 1 ||
            day != tm.tm_mday || clock_days(year, month, day) != d)
            fail_msg("day %lld is not %d-%d-%d", (long long)d, year, month,
                     day);
    }
}

static struct zone *zone(const char *name)
{
    struct zone *z = NULL;
    struct err e = {0};

    if (zone_open(&z, name, &e))
        fail_msg("%s: %s", name, e.msg);
    return z;
}

static void test_zone_offsets(void **state)
{
    static const struct {
        const char *zone, *utc;
        int offset;
    } cases[] = {
        {"Europe/Berlin", "1970-01-01T00:00:00Z", 3600},
        {"Europe/Berlin", "1970-07-01T12:00:00Z", 3600},
        {"Europe/Berlin", "2011-12-30T09:59:59Z", 3600},
        {"Europe/Berlin", "2011-12-30T10:00:00Z", 3600},
        {"Europe/Berlin", "2022-09-21T20:00:00Z", 7200},
        {"Europe/Berlin", "2026-01-15T00:00:00Z", 3600},
        {"Europe/Berlin", "2026-03-29T00:59:59Z", 3600},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 7200},
        {"Europe/Berlin", "2026-04-04T15:00:00Z", 7200},
        {"Europe/Berlin", "2026-07-15T00:00:00Z", 7200},
        {"Europe/Berlin", "2026-10-03T15:30:00Z", 7200},
        {"Europe/Berlin", "2026-10-25T00:59:59Z", 7200},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 3600},
        {"Europe/Berlin", "2026-11-01T05:59:59Z", 3600},
        {"Europe/Berlin", "2026-11-01T06:00:00Z", 3600},
        {"Europe/Berlin", "2037-07-01T00:00:00Z", 7200},
        {"Europe/Berlin", "2038-07-01T00:00:00Z", 7200},
        {"Europe/Berlin", "2050-01-01T00:00:00Z", 3600},
        {"Europe/Berlin", "2077-10-31T01:00:00Z", 3600},
        {"Europe/Berlin", "2100-03-28T00:59:59Z", 3600},
        {"Europe/Berlin", "2100-03-28T01:00:00Z", 7200},
        {"Europe/Berlin", "2100-12-31T23:59:59Z", 3600},
        {"America/New_York", "1970-01-01T00:00:00Z", -18000},
        {"America/New_York", "1970-07-01T12:00:00Z", -14400},
        {"America/New_York", "2011-12-30T09:59:59Z", -18000},
        {"America/New_York", "2011-12-30T10:00:00Z", -18000},
        {"America/New_York", "2022-09-21T20:00:00Z", -14400},
        {"America/New_York", "2026-01-15T00:00:00Z", -18000},
        {"America/New_York", "2026-03-29T00:59:59Z", -14400},
        {"America/New_York", "2026-03-29T01:00:00Z", -14400},
        {"America/New_York", "2026-04-04T15:00:00Z", -14400},
        {"America/New_York", "2026-07-15T00:00:00Z", -14400},
        {"America/New_York", "2026-10-03T15:30:00Z", -14400},
        {"America/New_York", "2026-10-25T00:59:59Z", -14400},
        {"America/New_York", "2026-10-25T01:00:00Z", -14400},
        {"America/New_York", "2026-11-01T05:59:59Z", -14400},
        {"America/New_York", "2026-11-01T06:00:00Z", -18000},
        {"America/New_York", "2037-07-01T00:00:00Z", -14400},
        {"America/New_York", "2038-07-01T00:00:00Z", -14400},
        {"America/New_York", "2050-01-01T00:00:00Z", -18000},
        {"America/New_York", "2077-10-31T01:00:00Z", -14400},
        {"America/New_York", "2100-03-28T00:59:59Z", -14400},
        {"America/New_York", "2100-03-28T01:00:00Z", -14400},
        {"America/New_York", "2100-12-31T23:59:59Z", -18000},
        {"Asia/Kolkata", "1970-01-01T00:00:00Z", 19800},
        {"Asia/Kolkata", "1970-07-01T12:00:00Z", 19800},
        {"Asia/Kolkata", "2011-12-30T09:59:59Z", 19800},
        {"Asia/Kolkata", "2011-12-30T10:00:00Z", 19800},
        {"Asia/Kolkata", "2022-09-21T20:00:00Z", 19800},
        {"Asia/Kolkata", "2026-01-15T00:00:00Z", 19800},
        {"Asia/Kolkata", "2026-03-29T00:59:59Z", 19800},
        {"Asia/Kolkata", "2026-03-29T01:00:00Z", 19800},
        {"Asia/Kolkata", "2026-04-04T15:00:00Z", 19800},
        {"Asia/Kolkata", "2026-07-15T00:00:00Z", 19800},
        {"Asia/Kolkata", "2026-10-03T15:30:00Z", 19800},
        {"Asia/Kolkata", "2026-10-25T00:59:59Z", 19800},
        {"Asia/Kolkata", "2026-10-25T01:00:00Z", 19800},
        {"Asia/Kolkata", "2026-11-01T05:59:59Z", 19800},
        {"Asia/Kolkata", "2026-11-01T06:00:00Z", 19800},
        {"Asia/Kolkata", "2037-07-01T00:00:00Z", 19800},
        {"Asia/Kolkata", "2038-07-01T00:00:00Z", 19800},
        {"Asia/Kolkata", "2050-01-01T00:00:00Z", 19800},
        {"Asia/Kolkata", "2077-10-31T01:00:00Z", 19800},
        {"Asia/Kolkata", "2100-03-28T00:59:59Z", 19800},
        {"Asia/Kolkata", "2100-03-28T01:00:00Z", 19800},
        {"Asia/Kolkata", "2100-12-31T23:59:59Z", 19800},
        {"Asia/Tehran", "1970-01-01T00:00:00Z", 12600},
        {"Asia/Tehran", "1970-07-01T12:00:00Z", 12600},
        {"Asia/Tehran", "2011-12-30T09:59:59Z", 12600},
        {"Asia/Tehran", "2011-12-30T10:00:00Z", 12600},
        {"Asia/Tehran", "2022-09-21T20:00:00Z", 12600},
        {"Asia/Tehran", "2026-01-15T00:00:00Z", 12600},
        {"Asia/Tehran", "2026-03-29T00:59:59Z", 12600},
        {"Asia/Tehran", "2026-03-29T01:00:00Z", 12600},
        {"Asia/Tehran", "2026-04-04T15:00:00Z", 12600},
        {"Asia/Tehran", "2026-07-15T00:00:00Z", 12600},
        {"Asia/Tehran", "2026-10-03T15:30:00Z", 12600},
        {"Asia/Tehran", "2026-10-25T00:59:59Z", 12600},
        {"Asia/Tehran", "2026-10-25T01:00:00Z", 12600},
        {"Asia/Tehran", "2026-11-01T05:59:59Z", 12600},
        {"Asia/Tehran", "2026-11-01T06:00:00Z", 12600},
        {"Asia/Tehran", "2037-07-01T00:00:00Z", 12600},
        {"Asia/Tehran", "2038-07-01T00:00:00Z", 12600},
        {"Asia/Tehran", "2050-01-01T00:00:00Z", 12600},
        {"Asia/Tehran", "2077-10-31T01:00:00Z", 12600},
        {"Asia/Tehran", "2100-03-28T00:59:59Z", 12600},
        {"Asia/Tehran", "2100-03-28T01:00:00Z", 12600},
        {"Asia/Tehran", "2100-12-31T23:59:59Z", 12600},
        {"Australia/Lord_Howe", "1970-01-01T00:00:00Z", 36000},
        {"Australia/Lord_Howe", "1970-07-01T12:00:00Z", 36000},
        {"Australia/Lord_Howe", "2011-12-30T09:59:59Z", 39600},
        {"Australia/Lord_Howe", "2011-12-30T10:00:00Z", 39600},
        {"Australia/Lord_Howe", "2022-09-21T20:00:00Z", 37800},
        {"Australia/Lord_Howe", "2026-01-15T00:00:00Z", 39600},
        {"Australia/Lord_Howe", "2026-03-29T00:59:59Z", 39600},
        {"Australia/Lord_Howe", "2026-03-29T01:00:00Z", 39600},
        {"Australia/Lord_Howe", "2026-04-04T15:00:00Z", 37800},
        {"Australia/Lord_Howe", "2026-07-15T00:00:00Z", 37800},
        {"Australia/Lord_Howe", "2026-10-03T15:30:00Z", 39600},
        {"Australia/Lord_Howe", "2026-10-25T00:59:59Z", 39600},
        {"Australia/Lord_Howe", "2026-10-25T01:00:00Z", 39600},
        {"Australia/Lord_Howe", "2026-11-01T05:59:59Z", 39600},
        {"Australia/Lord_Howe", "2026-11-01T06:00:00Z", 39600},
        {"Australia/Lord_Howe", "2037-07-01T00:00:00Z", 37800},
        {"Australia/Lord_Howe", "2038-07-01T00:00:00Z", 37800},
        {"Australia/Lord_Howe", "2050-01-01T00:00:00Z", 39600},
        {"Australia/Lord_Howe", "2077-10-31T01:00:00Z", 39600},
        {"Australia/Lord_Howe", "2100-03-28T00:59:59Z", 39600},
        {"Australia/Lord_Howe", "2100-03-28T01:00:00Z", 39600},
        {"Australia/Lord_Howe", "2100-12-31T23:59:59Z", 39600},
        {"Pacific/Apia", "1970-01-01T00:00:00Z", -39600},
        {"Pacific/Apia", "1970-07-01T12:00:00Z", -39600},
        {"Pacific/Apia", "2011-12-30T09:59:59Z", -36000},
        {"Pacific/Apia", "2011-12-30T10:00:00Z", 50400},
        {"Pacific/Apia", "2022-09-21T20:00:00Z", 46800},
        {"Pacific/Apia", "2026-01-15T00:00:00Z", 46800},
        {"Pacific/Apia", "2026-03-29T00:59:59Z", 46800},
        {"Pacific/Apia", "2026-03-29T01:00:00Z", 46800},
        {"Pacific/Apia", "2026-04-04T15:00:00Z", 46800},
        {"Pacific/Apia", "2026-07-15T00:00:00Z", 46800},
        {"Pacific/Apia", "2026-10-03T15:30:00Z", 46800},
        {"Pacific/Apia", "2026-10-25T00:59:59Z", 46800},
        {"Pacific/Apia", "2026-10-25T01:00:00Z", 46800},
        {"Pacific/Apia", "2026-11-01T05:59:59Z", 46800},
        {"Pacific/Apia", "2026-11-01T06:00:00Z", 46800},
        {"Pacific/Apia", "2037-07-01T00:00:00Z", 46800},
        {"Pacific/Apia", "2038-07-01T00:00:00Z", 46800},
        {"Pacific/Apia", "2050-01-01T00:00:00Z", 46800},
        {"Pacific/Apia", "2077-10-31T01:00:00Z", 46800},
        {"Pacific/Apia", "2100-03-28T00:59:59Z", 46800},
        {"Pacific/Apia", "2100-03-28T01:00:00Z", 46800},
        {"Pacific/Apia", "2100-12-31T23:59:59Z", 46800},
        {"Europe/Dublin", "1970-01-01T00:00:00Z", 3600},
        {"Europe/Dublin", "1970-07-01T12:00:00Z", 3600},
        {"Europe/Dublin", "2011-12-30T09:59:59Z", 0},
        {"Europe/Dublin", "2011-12-30T10:00:00Z", 0},
        {"Europe/Dublin", "2022-09-21T20:00:00Z", 3600},
        {"Europe/Dublin", "2026-01-15T00:00:00Z", 0},
        {"Europe/Dublin", "2026-03-29T00:59:59Z", 0},
        {"Europe/Dublin", "2026-03-29T01:00:00Z", 3600},
        {"Europe/Dublin", "2026-04-04T15:00:00Z", 3600},
        {"Europe/Dublin", "2026-07-15T00:00:00Z", 3600},
        {"Europe/Dublin", "2026-10-03T15:30:00Z", 3600},
        {"Europe/Dublin", "2026-10-25T00:59:59Z", 3600},
        {"Europe/Dublin", "2026-10-25T01:00:00Z", 0},
        {"Europe/Dublin", "2026-11-01T05:59:59Z", 0},
        {"Europe/Dublin", "2026-11-01T06:00:00Z", 0},
        {"Europe/Dublin", "2037-07-01T00:00:00Z", 3600},
        {"Europe/Dublin", "2038-07-01T00:00:00Z", 3600},
        {"Europe/Dublin", "2050-01-01T00:00:00Z", 0},
        {"Europe/Dublin", "2077-10-31T01:00:00Z", 0},
        {"Europe/Dublin", "2100-03-28T00:59:59Z", 0},
        {"Europe/Dublin", "2100-03-28T01:00:00Z", 3600},
        {"Europe/Dublin", "2100-12-31T23:59:59Z", 0},
        {"UTC", "1970-01-01T00:00:00Z", 0},
        {"UTC", "1970-07-01T12:00:00Z", 0},
        {"UTC", "2011-12-30T09:59:59Z", 0},
        {"UTC", "2011-12-30T10:00:00Z", 0},
        {"UTC", "2022-09-21T20:00:00Z", 0},
        {"UTC", "2026-01-15T00:00:00Z", 0},
        {"UTC", "2026-03-29T00:59:59Z", 0},
        {"UTC", "2026-03-29T01:00:00Z", 0},
        {"UTC", "2026-04-04T15:00:00Z", 0},
        {"UTC", "2026-07-15T00:00:00Z", 0},
        {"UTC", "2026-10-03T15:30:00Z", 0},
        {"UTC", "2026-10-25T00:59:59Z", 0},
        {"UTC", "2026-10-25T01:00:00Z", 0},
        {"UTC", "2026-11-01T05:59:59Z", 0},
        {"UTC", "2026-11-01T06:00:00Z", 0},
        {"UTC", "2037-07-01T00:00:00Z", 0},
        {"UTC", "2038-07-01T00:00:00Z", 0},
        {"UTC", "2050-01-01T00:00:00Z", 0},
        {"UTC", "2077-10-31T01:00:00Z", 0},
        {"UTC", "2100-03-28T00:59:59Z", 0},
        {"UTC", "2100-03-28T01:00:00Z", 0},
        {"UTC", "2100-12-31T23:59:59Z", 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct zone *z = zone(cases[i].zone);
        int offset = zone_offset(z, at(cases[i].utc));

        zone_close(z);
        if (offset != cases[i].offset)
            fail_msg("%s at %s: %d, not %d", cases[i].zone, cases[i].utc,
                     offset, cases[i].offset);
    }
}

static void test_zone_to_utc(void **state)
{
    static const struct {
        const char *zone, *local, *utc;
    } cases[] = {
        {"Europe/Berlin", "2026-03-29T01:59:59Z", "2026-03-29T00:59:59Z"},
        {"Europe/Berlin", "2026-03-29T02:30:00Z",
         "2026-03-29T01:00:00Z"}, /* gap */
        {"Europe/Berlin", "2026-03-29T02:59:59Z",
         "2026-03-29T01:00:00Z"}, /* gap */
        {"Europe/Berlin", "2026-03-29T03:00:00Z", "2026-03-29T01:00:00Z"},
        {"Europe/Berlin", "2026-10-25T02:30:00Z",
         "2026-10-25T00:30:00Z"}, /* overlap */
        {"Europe/Berlin", "2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z"},
        {"Europe/Berlin", "2100-03-28T02:00:00Z",
         "2100-03-28T01:00:00Z"}, /* gap */
        {"Europe/Berlin", "2100-10-31T02:59:59Z",
         "2100-10-31T00:59:59Z"}, /* overlap */
        {"America/New_York", "2026-03-08T02:15:00Z",
         "2026-03-08T07:00:00Z"}, /* gap */
        {"America/New_York", "2026-11-01T01:30:00Z",
         "2026-11-01T05:30:00Z"}, /* overlap */
        {"America/New_York", "2099-11-01T01:00:00Z",
         "2099-11-01T05:00:00Z"}, /* overlap */
        {"Asia/Kolkata", "2026-06-01T05:30:00Z", "2026-06-01T00:00:00Z"},
        {"Asia/Tehran", "2026-06-01T03:30:00Z", "2026-06-01T00:00:00Z"},
        {"Asia/Tehran", "2022-03-22T00:30:00Z",
         "2022-03-21T20:30:00Z"}, /* gap */
        {"Asia/Tehran", "2022-09-21T23:30:00Z",
         "2022-09-21T19:00:00Z"}, /* overlap */
        {"Australia/Lord_Howe", "2026-10-04T02:15:00Z",
         "2026-10-03T15:30:00Z"}, /* gap */
        {"Australia/Lord_Howe", "2026-04-05T01:45:00Z",
         "2026-04-04T14:45:00Z"}, /* overlap */
        {"Australia/Lord_Howe", "2060-04-04T01:45:00Z",
         "2060-04-03T14:45:00Z"}, /* overlap */
        {"Pacific/Apia", "2011-12-30T12:00:00Z",
         "2011-12-30T10:00:00Z"}, /* gap */
        {"Pacific/Apia", "2011-12-29T23:59:59Z", "2011-12-30T09:59:59Z"},
        {"Pacific/Apia", "2011-12-31T00:00:00Z", "2011-12-30T10:00:00Z"},
        {"Europe/Dublin", "2026-03-29T01:30:00Z",
         "2026-03-29T01:00:00Z"}, /* gap */
        {"Europe/Dublin", "2026-10-25T01:30:00Z",
         "2026-10-25T00:30:00Z"}, /* overlap */
        {"UTC", "2026-03-29T02:30:00Z", "2026-03-29T02:30:00Z"},
        {"Europe/Berlin", "1970-01-01T01:00:00Z", "1970-01-01T00:00:00Z"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct zone *z = zone(cases[i].zone);
        char out[CLOCK_TEXT];

        clock_format(out, zone_to_utc(z, at(cases[i].local)));
        zone_close(z);
        if (strcmp(out, cases[i].utc) != 0)
            fail_msg("%s in %s: %s, not %s", cases[i].local, cases[i].zone, out,
                     cases[i].utc);
    }
}

/* There and back, fractions of a second included, also before 1970. */
static void test_zone_round_trip(void **state)
{
    static const char *const names[] = {"Europe/Berlin", "Asia/Kolkata",
                                        "Australia/Lord_Howe", "UTC"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct zone *z = zone(names[i]);
        int64_t us;

        for (us = at("1950-01-01") + 123456; us < at("2101-01-01");
             us += 31 * US_PER_DAY + 7777777) {
            int64_t local = us + zone_offset(z, us) * US_PER_S;
            int64_t back = zone_to_utc(z, local);

            /* an overlap answers with the earlier of the two */
            if (back != us && back + zone_offset(z, back) * US_PER_S != local)
                fail_msg("%s: %lld came back as %lld", names[i], (long long)us,
                         (long long)back);
        }
        zone_close(z);
    }
}

static void test_zone_names(void **state)
{
    static const char *const bad[] = {
        "",
        "/etc/passwd",
        "../../../etc/passwd",
        "Europe/../UTC",
        "Europe",
        "Europe/",
        "Europe//Berlin",
        "Europe/Berlin\n",
        "Europe/Atlantis",
        "tzdata.zi",
        "Area/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaa",
    };
    struct zone *z = NULL;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = {0};

        assert_int_equal(zone_open(&z, bad[i], &e), ERR_INVALID);
        assert_true(e.msg[0]);
    }
    assert_null(z);
}

static void test_zone_without_zoneinfo(void **state)
{
    struct zone *z = NULL;
    struct err e = {0};

    (void)state;
    setenv("TZDIR", "/nonexistent", 1);
    assert_int_equal(zone_open(&z, "Europe/Berlin", &e), ERR_INVALID);
    assert_int_equal(zone_open(&z, "UTC", &e), ERR_NONE);
    assert_int_equal(zone_offset(z, at("2026-07-01")), 0);
    zone_close(z);
    unsetenv("TZDIR");
}

/* ---- TZif made by hand ----------------------------------------------------
 */

/* A version 2 file without transitions: UTC as type 0, and that footer. */
static size_t make_tzif(char *out, const char *footer)
{
    static const char header[44] = {'T', 'Z',      'i',     'f',
                                    '2', [39] = 1, [43] = 4};
    static const char data[10] = {0, 0, 0, 0, 0, 0, 'U', 'T', 'C', 0};
    size_t n = 0, i;

    for (i = 0; i < 2; i++) {
        memcpy(out + n, header, sizeof(header));
        memcpy(out + n + sizeof(header), data, sizeof(data));
        n += sizeof(header) + sizeof(data);
    }
    return n + (size_t)snprintf(out + n, 128, "\n%s\n", footer);
}

static int footer_offset(const char *footer, const char *when)
{
    struct zone *z = NULL;
    struct err e = {0};
    char file[256];
    int offset;

    if (zone_read(&z, (struct slice){file, make_tzif(file, footer)}, &e))
        return -1;
    offset = zone_offset(z, at(when));
    zone_close(z);
    return offset;
}

static void test_footer_forms(void **state)
{
    static const struct {
        const char *footer, *when;
        int offset;
    } cases[] = {
        {"UTC0", "2026-07-01", 0},
        {"<-03>3", "2026-07-01", -10800},
        {"<+0545>-5:45", "2026-07-01", 20700},
        {"AAA-1:02:03", "2026-07-01", 3723},
        /* J60 is 1 March in every year, 59 (from 0) only in common ones */
        {"AAA0BBB,J60/0,J365/23", "2024-02-29T23:59:59Z", 0},
        {"AAA0BBB,J60/0,J365/23", "2024-03-01T00:00:00Z", 3600},
        {"AAA0BBB,J60/0,J365/23", "2025-03-01T00:00:00Z", 3600},
        {"AAA0BBB,59/0,364/23", "2024-02-29T00:00:00Z", 3600},
        {"AAA0BBB,59/0,364/23", "2025-02-28T23:59:59Z", 0},
        {"AAA0BBB,59/0,364/23", "2025-03-01T00:00:00Z", 3600},
        /* southern hemisphere, and a change at -1 o'clock */
        {"AAA-10BBB,M10.1.0,M4.1.0/3", "2026-01-01", 39600},
        {"AAA-10BBB,M10.1.0,M4.1.0/3", "2026-07-01", 36000},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -7200},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -3600},
        /* the last Sunday of March 2029 is the 25th: a fifth is in April */
        {"AAA0BBB,M3.5.0/0,M10.5.0/0", "2029-03-24T23:59:59Z", 0},
        {"AAA0BBB,M3.5.0/0,M10.5.0/0", "2029-03-25T00:00:00Z", 3600},
        /* refused */
        {"AA0", "2026-07-01", -1},
        {"AAA", "2026-07-01", -1},
        {"AAA25", "2026-07-01", -1},
        {"AAA0BBB", "2026-07-01", -1},
        {"AAA0BBB,M13.1.0,M4.1.0", "2026-07-01", -1},
        {"AAA0BBB,M3.6.0,M4.1.0", "2026-07-01", -1},
        {"AAA0BBB,M3.1.7,M4.1.0", "2026-07-01", -1},
        {"AAA0BBB,M3.1.0/168,M4.1.0", "2026-07-01", -1},
        {"AAA0BBB,J0,J100", "2026-07-01", -1},
        {"AAA0BBB,366,100", "2026-07-01", -1},
        {"AAA0BBB,M3.1.0,M4.1.0x", "2026-07-01", -1},
        {"<AAA0", "2026-07-01", -1},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int offset = footer_offset(cases[i].footer, cases[i].when);

        if (offset != cases[i].offset)
            fail_msg("'%s' at %s: %d, not %d", cases[i].footer, cases[i].when,
                     offset, cases[i].offset);
    }
}

/* Each way to cut a good file short must be noticed. */
static void test_truncated_tzif(void **state)
{
    struct zone *z = NULL;
    struct err e = {0};
    char file[256];
    size_t n = make_tzif(file, "UTC0"), i;

    (void)state;
    for (i = 0; i < n; i++)
        assert_int_equal(zone_read(&z, (struct slice){file, i}, &e),
                         ERR_INVALID);
    assert_int_equal(zone_read(&z, (struct slice){file, n}, &e), ERR_NONE);
    zone_close(z);
}

/* A version 1 file with two transitions, the second at that time. */
static enum err_code read_two_transitions(int8_t second, int8_t type)
{
    char file[] = "TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" /* header */
                  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\1\0\0\0\4"
                  "\0\0\0\5\0\0\0\0\0\0" /* times 5 and ?, their types */
                  "\0\0\0\0\0\0UTC";     /* type 0 */
    struct slice s = {file, sizeof(file)};
    struct zone *z = NULL;
    struct err e = {0};
    enum err_code rc;

    file[44 + 7] = (char)second;
    file[44 + 9] = (char)type;
    rc = zone_read(&z, s, &e);
    zone_close(z);
    return rc;
}

static void test_damaged_tzif(void **state)
{
    (void)state;
    assert_int_equal(read_two_transitions(6, 0), ERR_NONE);
    assert_int_equal(read_two_transitions(5, 0), ERR_INVALID);
    assert_int_equal(read_two_transitions(4, 0), ERR_INVALID);
    assert_int_equal(read_two_transitions(6, 1), ERR_INVALID);
}

static void test_clocks_go_on(void **state)
{
    int64_t mono = clock_mono_us();

    (void)state;
    assert_true(clock_now_us() > at("2024-01-01"));
    assert_true(clock_now_us() < at("2200-01-01"));
    assert_true(clock_mono_us() >= mono);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_and_parse),
        cmocka_unit_test(test_parse_forms),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_zone_offsets),
        cmocka_unit_test(test_zone_to_utc),
        cmocka_unit_test(test_zone_round_trip),
        cmocka_unit_test(test_zone_names),
        cmocka_unit_test(test_zone_without_zoneinfo),
        cmocka_unit_test(test_footer_forms),
        cmocka_unit_test(test_truncated_tzif),
        cmocka_unit_test(test_damaged_tzif),
        cmocka_unit_test(test_clocks_go_on),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
