/* utf8.c - see utf8.h.
 *
 * Runs of ASCII go eight bytes at a time: a word has a byte above 127 exactly
 * when one of its top bits is set.  For the rest the first byte alone gives
 * the length, and only the second has limits of its own (RFC 3629, table of
 * section 4): they exclude overlong forms, surrogates and values > U+10FFFF.
 */
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

static inline bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the valid sequence that starts at p (left >= 1), 0 if none does. */
static inline size_t sequence(const unsigned char *p, size_t left)
{
    unsigned char lo = 0x80, hi = 0xBF;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2)
        return 0;
    if (p[0] < 0xE0)
        return left >= 2 && is_tail(p[1]) ? 2 : 0;
    if (p[0] < 0xF0) {
        if (p[0] == 0xE0)
            lo = 0xA0;
        else if (p[0] == 0xED)
            hi = 0x9F;
        return left >= 3 && p[1] >= lo && p[1] <= hi && is_tail(p[2]) ? 3 : 0;
    }
    if (p[0] > 0xF4)
        return 0;
    if (p[0] == 0xF0)
        lo = 0x90;
    else if (p[0] == 0xF4)
        hi = 0x8F;
    return left >= 4 && p[1] >= lo && p[1] <= hi && is_tail(p[2]) &&
                   is_tail(p[3])
               ? 4
               : 0;
}

static inline uint64_t load64(const unsigned char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return w;
}

static inline size_t skip_ascii(const unsigned char *p, size_t i, size_t len)
{
    while (len - i >= 32 && !((load64(p + i) | load64(p + i + 8) |
                               load64(p + i + 16) | load64(p + i + 24)) &
                              HIGH_BITS))
        i += 32;
    while (len - i >= 8 && !(load64(p + i) & HIGH_BITS))
        i += 8;
    while (i < len && p[i] < 0x80)
        i++;
    return i;
}

size_t utf8_valid_prefix(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0, n;

    while (i < s.len) {
        if (p[i] < 0x80) {
            i = skip_ascii(p, i, s.len);
            continue;
        }
        n = sequence(p + i, s.len - i);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

bool utf8_valid(struct slice s)
{
    return utf8_valid_prefix(s) == s.len;
}

size_t utf8_sequence(struct slice s, size_t pos)
{
    assert(pos < s.len);
    return sequence((const unsigned char *)s.p + pos, s.len - pos);
}

uint32_t utf8_next(struct slice s, size_t *pos)
{
    const unsigned char *p = (const unsigned char *)s.p + *pos;
    size_t n;

    assert(*pos < s.len);
    n = sequence(p, s.len - *pos);
    *pos += n ? n : 1;
    switch (n) {
    case 1:
        return p[0];
    case 2:
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    case 3:
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 |
               (p[2] & 0x3F);
    case 4:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
               (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
    default:
        return 0xFFFD;
    }
}

size_t utf8_put(char out[4], uint32_t cp)
{
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        cp = 0xFFFD;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

size_t utf8_count(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0, n = 0, from;

    while (i < s.len) {
        if (p[i] < 0x80) {
            from = i;
            i = skip_ascii(p, i, s.len);
            n += i - from;
            continue;
        }
        from = sequence(p + i, s.len - i);
        i += from ? from : 1;
        n++;
    }
    return n;
}

/* Step back over at most three tail bytes to a lead byte whose sequence would
 * go on behind the cut.  Bytes that belong to no sequence move nothing. */
struct slice utf8_cut(struct slice s, size_t max_bytes)
{
    size_t n = s.len < max_bytes ? s.len : max_bytes, start;

    for (start = n; start > 0 && n - start < 3;) {
        unsigned char c = (unsigned char)s.p[--start];

        if (c < 0x80 || c > 0xF4)
            break;
        if (c >= 0xC2) {
            size_t want = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;

            return slice_sub(s, 0, start + want > n ? start : n);
        }
    }
    return slice_sub(s, 0, n);
}

bool utf8_is_unspaced(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x0E00, 0x0EFF},   /* Thai, Lao */
        {0x0F00, 0x0FFF},   /* Tibetan */
        {0x1000, 0x109F},   /* Myanmar */
        {0x1100, 0x11FF},   /* Hangul jamo */
        {0x1780, 0x17FF},   /* Khmer */
        {0x2E80, 0x2FDF},   /* Han radicals */
        {0x3005, 0x3007},   /* Han iteration mark, closing mark, zero */
        {0x3021, 0x3029},   /* Hangzhou numerals */
        {0x3031, 0x303B},   /* kana repeat marks, Hangzhou numerals */
        {0x3041, 0x31FF},   /* Kana, Bopomofo, Hangul compatibility jamo */
        {0x3400, 0x4DBF},   /* Han extension A */
        {0x4E00, 0x9FFF},   /* Han */
        {0xA960, 0xA97F},   /* Hangul jamo extended A */
        {0xAC00, 0xD7FF},   /* Hangul syllables, jamo extended B */
        {0xF900, 0xFAFF},   /* Han compatibility */
        {0xFF66, 0xFFDC},   /* half-width Kana and Hangul */
        {0x1AFF0, 0x1B16F}, /* Kana extended and supplement */
        {0x20000, 0x323AF}, /* Han extensions B to H */
    };
    size_t i;

    if (cp < ranges[0].first)
        return false;
    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (cp <= ranges[i].last)
            return cp >= ranges[i].first;
    return false;
}

bool utf8_steers(uint32_t cp)
{
    return (cp < 0x20 && cp != '\n' && cp != '\t') ||
           (cp >= 0x7F && cp <= 0x9F) || (cp >= 0x202A && cp <= 0x202E) ||
           (cp >= 0x2066 && cp <= 0x2069);
}
