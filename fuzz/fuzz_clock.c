/* fuzz_clock.c - times as text, and time zone files.
 *
 * A time that is taken must be written and taken again as the same.  A zone
 * file that is taken must answer, there and back, at all times.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void fuzz_texts(struct slice s)
{
    char out[CLOCK_TEXT];
    int64_t us, again;

    if (clock_parse(s, &us)) {
        size_t n = clock_format(out, us);

        require(clock_parse((struct slice){out, n}, &again) && again == us);
    }
    if (clock_parse_http(s, &us))
        require(clock_format_http(out, us) == s.len);
}

static void ask(const struct zone *z, int64_t us)
{
    int32_t offset = zone_offset(z, us);
    int64_t local = us + offset * US_PER_S, back = zone_to_utc(z, local);

    require(offset > -26 * 3600 && offset < 26 * 3600);
    /* the earlier of two, or this one: never a later one */
    require(back <= us && zone_to_utc(z, local) == back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t times[] = {
        0,
        INT64_C(1762173296000001),
        INT64_C(-2208988800000000),
        INT64_C(4102444800000000),
        INT64_C(253402300799000000),
        INT64_C(-62135596800000000),
    };
    struct slice s = {(const char *)data, size};
    struct zone *z = NULL;
    struct err e = {0};
    size_t i;

    fuzz_texts(s);
    if (zone_read(&z, s, &e) == ERR_NONE) {
        for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
            ask(z, times[i]);
        zone_close(z);
    } else {
        require(z == NULL && e.msg[0]);
    }
    return 0;
}
