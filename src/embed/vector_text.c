/* vector_text.c - see vector_text.h.
 *
 * Nine significant digits tell every float from its neighbours, and of a value
 * between 1e-5 and 10 they are one multiplication and one rounding in double
 * away.  printf would cost ten times as much, and a reply of 10,000 vectors has
 * four million of them.  Where fewer digits read back to the same float, fewer
 * are written: for half of all values eight will do, and 0.1 is "0.1".
 */
#include "embed/vector_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

#define DIGITS 9

/* |v| = d * 10^(exponent - 8) with d of nine digits: v is not zero. */
static uint32_t nine_digits(double v, int *exponent)
{
    int x = (int)floor(log10(v));
    double d = rint(v * pow(10, 8 - x));

    /* log10 may be off by one next to a power of ten, rounding may carry */
    if (d < 1e8)
        d = rint(v * pow(10, 8 - --x));
    if (d >= 1e9)
        d = rint(v * pow(10, 8 - ++x));
    *exponent = x;
    return (uint32_t)d;
}

/* The same for the range of nearly every value, from a table. */
static uint32_t nine_digits_common(double v, int *exponent)
{
    static const double scale[] = {1e8, 1e9, 1e10, 1e11, 1e12, 1e13};
    int i = 0;
    double d;

    while (v * scale[i] < 99999999.5) /* rounds to fewer than nine digits */
        i++;
    d = rint(v * scale[i]);
    *exponent = -i;
    return (uint32_t)d;
}

/* d * 10^exponent as a reader would round it.  Exact in double on both sides,
 * and so rounded once, for what shorten() asks of it. */
static float value_of(uint32_t d, int exponent)
{
    static const double powers[] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    return exponent < 0 ? (float)(d / powers[-exponent])
                        : (float)(d * powers[exponent]);
}

/* d has n digits, the first one of the weight 10^exponent: leave out the last
 * as long as that is the same float.  What is far from 1 keeps them. */
static void shorten(uint32_t *d, size_t *n, int *exponent, float v)
{
    static const uint32_t ones[] = {1,      10,      100,      1000,     10000,
                                    100000, 1000000, 10000000, 100000000};

    while (*n > 1 && *exponent >= -13 && *exponent <= 22) {
        uint32_t shorter = (*d + 5) / 10;
        int last = *exponent - (int)*n + 2; /* weight of its last digit */

        if (value_of(shorter, last) != v)
            return;
        *n -= 1;
        if (shorter == ones[*n]) { /* 9.99 became 10.0 */
            *d = 1;
            *n = 1;
            ++*exponent;
            return;
        }
        *d = shorter;
    }
}

static size_t put_digits(char *out, uint32_t d, size_t n)
{
    size_t i;

    for (i = n; i-- > 0; d /= 10)
        out[i] = (char)('0' + d % 10);
    return n;
}

/* The digits, a point behind the first, and the exponent. */
static size_t put_scientific(char *out, uint32_t d, size_t n, int exponent)
{
    char digits[DIGITS];
    size_t len = 0;

    put_digits(digits, d, n);
    out[len++] = digits[0];
    if (n > 1) {
        out[len++] = '.';
        memcpy(out + len, digits + 1, n - 1);
        len += n - 1;
    }
    out[len++] = 'e';
    out[len++] = exponent < 0 ? '-' : '+';
    return len + put_digits(out + len, (uint32_t)abs(exponent), 2);
}

size_t vector_value_text(char out[VECTOR_TEXT], float v)
{
    double a = fabs((double)v);
    size_t len = 0, n = DIGITS;
    int exponent = 0;
    uint32_t d;

    if (signbit(v))
        out[len++] = '-';
    if (v == 0) {
        memcpy(out + len, "0.0", 3);
        return len + 3;
    }
    d = a >= 1e-5 && a < 9 ? nine_digits_common(a, &exponent)
                           : nine_digits(a, &exponent);
    shorten(&d, &n, &exponent, v < 0 ? -v : v);
    while (n > 1 && d % 10 == 0) {
        d /= 10;
        n--;
    }
    if (exponent > 0 || exponent < -4)
        return len + put_scientific(out + len, d, n, exponent);
    if (exponent == 0 && n == 1) {
        len += put_digits(out + len, d, 1);
        memcpy(out + len, ".0", 2);
        return len + 2;
    }
    if (exponent == 0) {
        put_digits(out + len + 1, d, n);
        out[len] = out[len + 1];
        out[len + 1] = '.';
        return len + n + 1;
    }
    memcpy(out + len, "0.000", 5);
    len += (size_t)(1 - exponent);
    return len + put_digits(out + len, d, n);
}

void vector_add_json(struct buf *out, const float *v, size_t n)
{
    char *room = buf_room(out, n * (VECTOR_TEXT + 1) + 2);
    size_t len = 0, i;

    if (!room)
        return;
    room[len++] = '[';
    for (i = 0; i < n; i++) {
        if (i > 0)
            room[len++] = ',';
        len += vector_value_text(room + len, v[i]);
    }
    room[len++] = ']';
    buf_grew(out, len);
}

/* Little-endian bytes of a value, whatever the machine's order. */
static void put_value(uint8_t out[4], float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof(bits));
    out[0] = (uint8_t)bits;
    out[1] = (uint8_t)(bits >> 8);
    out[2] = (uint8_t)(bits >> 16);
    out[3] = (uint8_t)(bits >> 24);
}

void vector_add_base64(struct buf *out, const float *v, size_t n)
{
    enum { PIECE = 96 }; /* values whose bytes are a multiple of three */
    uint8_t bytes[PIECE * 4];
    size_t i, k;

    for (i = 0; i < n; i += k) {
        char *room = buf_room(out, CRYPTO_BASE64_LEN(sizeof(bytes)) + 1);

        if (!room)
            return;
        for (k = 0; k < PIECE && i + k < n; k++)
            put_value(bytes + 4 * k, v[i + k]);
        buf_grew(out, crypto_base64(room, bytes, 4 * k));
    }
}

void vector_add_raw(struct buf *out, const float *v, size_t n)
{
    uint8_t *room = (uint8_t *)buf_room(out, n * 4);
    size_t i;

    if (!room)
        return;
    for (i = 0; i < n; i++)
        put_value(room + 4 * i, v[i]);
    buf_grew(out, n * 4);
}
