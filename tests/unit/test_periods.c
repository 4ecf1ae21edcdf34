/* test_periods.c - time cut into the hours and days of a zone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analytics/periods.h"

struct fixture {
    struct arena *a;
    struct zone *z;
    struct periods p;
    struct err e;
};

static struct fixture cut(const char *zone, enum interval by, const char *from,
                          const char *to)
{
    struct fixture f = {.a = arena_new((size_t)1 << 20)};
    int64_t from_us, to_us;

    assert_int_equal(zone_open(&f.z, zone, &f.e), ERR_NONE);
    assert_true(periods_moment(slice_of(from), f.z, false, &from_us));
    assert_true(periods_moment(slice_of(to), f.z, true, &to_us));
    assert_int_equal(periods_cut(&f.p, f.a, f.z, by, from_us, to_us, &f.e),
                     ERR_NONE);
    return f;
}

static void drop(struct fixture *f)
{
    zone_close(f->z);
    arena_free(f->a);
}

static void begins(const struct fixture *f, size_t i, const char *expected)
{
    char text[CLOCK_TEXT];

    clock_format(text, f->p.bounds[i] * US_PER_MINUTE);
    assert_string_equal(text, expected);
}

static void test_days(void **state)
{
    static const struct {
        const char *zone, *first, *second;
        int64_t minutes; /* of the first day */
    } days[] = {
        {"UTC", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z", 1440},
        {"Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z",
         23 * 60},
        {"Asia/Tehran", "2026-03-28T20:30:00Z", "2026-03-29T20:30:00Z", 1440},
        {"Asia/Kathmandu", "2026-03-28T18:15:00Z", "2026-03-29T18:15:00Z",
         1440},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(days) / sizeof(*days); i++) {
        struct fixture f =
            cut(days[i].zone, BY_DAY, "2026-03-29", "2026-03-30");

        assert_int_equal(f.p.n, 2);
        begins(&f, 0, days[i].first);
        begins(&f, 1, days[i].second);
        assert_int_equal(f.p.bounds[1] - f.p.bounds[0], days[i].minutes);
        drop(&f);
    }
}

static void test_the_long_day(void **state)
{
    struct fixture f =
        cut("Europe/Berlin", BY_HOUR, "2026-10-25", "2026-10-25");

    (void)state;
    assert_int_equal(f.p.n, 25);
    begins(&f, 2, "2026-10-25T00:00:00Z"); /* 02:00 the first time */
    begins(&f, 3, "2026-10-25T01:00:00Z"); /* and again */
    drop(&f);
}

/* Samoa went over the date line: 29 December 2011 was followed by the 31st. */
static void test_a_day_that_was_not(void **state)
{
    struct fixture f = cut("Pacific/Apia", BY_DAY, "2011-12-29", "2011-12-31");

    (void)state;
    assert_int_equal(f.p.n, 2);
    assert_int_equal(f.p.bounds[1] - f.p.bounds[0], 1440);
    assert_int_equal(f.p.bounds[2] - f.p.bounds[1], 1440);
    drop(&f);
}

static void test_half_hours(void **state)
{
    struct fixture f = cut("Asia/Kolkata", BY_HOUR, "2026-01-01T12:10:00Z",
                           "2026-01-01T12:40:00Z");

    (void)state;
    assert_int_equal(f.p.n, 2);
    begins(&f, 0, "2026-01-01T11:30:00Z");
    begins(&f, 1, "2026-01-01T12:30:00Z");
    begins(&f, 2, "2026-01-01T13:30:00Z");
    drop(&f);
    /* clocks go back by half an hour at 02:00, here 15:00 UTC */
    f = cut("Australia/Lord_Howe", BY_HOUR, "2026-04-05", "2026-04-05");
    assert_int_equal(f.p.bounds[f.p.n] - f.p.bounds[0], 24 * 60 + 30);
    for (size_t i = 0; i < f.p.n; i++)
        assert_true(f.p.bounds[i] < f.p.bounds[i + 1]);
    begins(&f, f.p.n, "2026-04-05T13:30:00Z");
    drop(&f);
}

static void test_minutes(void **state)
{
    struct fixture f =
        cut("UTC", BY_MINUTE, "2026-01-01T00:00:30Z", "2026-01-01T00:02:00Z");

    (void)state;
    assert_int_equal(f.p.n, 2);
    begins(&f, 0, "2026-01-01T00:00:00Z");
    begins(&f, 2, "2026-01-01T00:02:00Z");
    drop(&f);
}

static void test_limits(void **state)
{
    struct fixture f = cut("UTC", BY_DAY, "2000-01-01", "2027-01-01");
    struct slice bad[] = {SLICE(""), SLICE("yesterday"), SLICE("2026-13-01")};
    int64_t us, day = US_PER_DAY;

    (void)state;
    assert_int_equal(
        periods_cut(&f.p, f.a, f.z, BY_DAY, 0, PERIODS_MAX * day, &f.e),
        ERR_NONE);
    assert_int_equal(f.p.n, PERIODS_MAX);
    assert_int_equal(
        periods_cut(&f.p, f.a, f.z, BY_DAY, 0, PERIODS_MAX * day + 1, &f.e),
        ERR_INVALID);
    assert_string_equal(f.e.field, "interval");
    assert_int_equal(periods_cut(&f.p, f.a, f.z, BY_DAY, day, day, &f.e),
                     ERR_INVALID);
    assert_string_equal(f.e.field, "to");
    for (int i = 0; i < 3; i++)
        assert_false(periods_moment(bad[i], f.z, false, &us));
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_the_long_day),
        cmocka_unit_test(test_a_day_that_was_not),
        cmocka_unit_test(test_half_hours),
        cmocka_unit_test(test_minutes),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests_name("periods", tests, NULL, NULL);
}
