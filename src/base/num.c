/* num.c - see num.h.
 *
 * Doubles: nearly all of ours are scores and percentages with few decimals.
 * If r = round(v * 10^6) divided by 10^6 gives v again, then the decimal
 * r / 10^6 is a text that reads back as v, because one division of two exactly
 * representable numbers rounds just as reading the text does; and while r is
 * below 2^52 no other number with six decimals does.  Everything else
 * goes through printf with 15, 16 and 17 digits until it reads back.
 */
#include "base/num.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char PAIRS[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536"
    "37383940414243444546474849505152535455565758596061626364656667686970717273"
    "7475767778798081828384858687888990919293949596979899";

static size_t put_digits(char *out, uint64_t v)
{
    char tmp[20];
    size_t at = sizeof(tmp);

    while (v >= 100) {
        at -= 2;
        memcpy(tmp + at, PAIRS + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10) {
        at -= 2;
        memcpy(tmp + at, PAIRS + v * 2, 2);
    } else {
        tmp[--at] = (char)('0' + v);
    }
    memcpy(out, tmp + at, sizeof(tmp) - at);
    out[sizeof(tmp) - at] = '\0';
    return sizeof(tmp) - at;
}

size_t num_u64(char out[NUM_TEXT], uint64_t v)
{
    return put_digits(out, v);
}

size_t num_i64(char out[NUM_TEXT], int64_t v)
{
    if (v >= 0)
        return put_digits(out, (uint64_t)v);
    out[0] = '-';
    return 1 + put_digits(out + 1, -(uint64_t)v);
}

/* glibc keeps one constant object for the C locale: this allocates nothing. */
static locale_t c_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

double num_parse(const char *cstr)
{
    return strtod_l(cstr, NULL, c_locale());
}

/* v = whole + micros / 10^6, both not negative. */
static size_t put_decimal(char *out, uint64_t whole, unsigned micros)
{
    size_t n = put_digits(out, whole);
    unsigned unit = 100000;

    out[n++] = '.';
    do {
        out[n++] = (char)('0' + micros / unit);
        micros %= unit;
        unit /= 10;
    } while (micros > 0);
    out[n] = '\0';
    return n;
}

static size_t put_general(char out[NUM_TEXT], double v)
{
    locale_t old = uselocale(c_locale());
    size_t n;
    int digits;

    /* 15 digits always survive a double, but a subnormal one has fewer */
    digits = fabs(v) < DBL_MIN ? 1 : 15;
    for (; digits <= 17; digits++) {
        snprintf(out, NUM_TEXT, "%.*g", digits, v);
        if (num_parse(out) == v)
            break;
    }
    uselocale(old);
    n = strlen(out);
    if (!strpbrk(out, ".e")) {
        memcpy(out + n, ".0", 3);
        n += 2;
    }
    return n;
}

size_t num_double(char out[NUM_TEXT], double v)
{
    double mag = fabs(v), micros;
    size_t sign = signbit(v) ? 1 : 0;

    out[0] = '-';
    if (mag < 9007199254740992.0 && mag == floor(mag))
        return sign + put_decimal(out + sign, (uint64_t)mag, 0);
    micros = rint(mag * 1e6);
    /* below 10^-4 the general form has an exponent, and so do we */
    if (mag >= 1e-4 && micros < 4e15 && micros / 1e6 == mag) {
        uint64_t u = (uint64_t)micros;

        return sign +
               put_decimal(out + sign, u / 1000000, (unsigned)(u % 1000000));
    }
    return put_general(out, v);
}

int num_order_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}
