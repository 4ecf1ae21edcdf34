/* slice.c - see slice.h. */
#include "base/slice.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

struct slice slice_of(const char *cstr)
{
    return (struct slice){cstr, cstr ? strlen(cstr) : 0};
}

bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool slice_is(struct slice a, const char *cstr)
{
    return slice_eq(a, slice_of(cstr));
}

bool slice_is_nocase(struct slice a, const char *cstr)
{
    size_t i;

    if (a.len != strlen(cstr))
        return false;
    for (i = 0; i < a.len; i++)
        if (lower(a.p[i]) != lower(cstr[i]))
            return false;
    return true;
}

bool slice_starts(struct slice s, const char *prefix)
{
    struct slice p = slice_of(prefix);

    return s.len >= p.len && slice_eq((struct slice){s.p, p.len}, p);
}

bool slice_ends(struct slice s, const char *suffix)
{
    struct slice x = slice_of(suffix);

    return s.len >= x.len && slice_eq(slice_sub(s, s.len - x.len, s.len), x);
}

int slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

    if (c != 0)
        return c;
    return (a.len > b.len) - (a.len < b.len);
}

ptrdiff_t slice_find_byte(struct slice s, char c)
{
    const char *hit = s.len > 0 ? memchr(s.p, c, s.len) : NULL;

    return hit ? hit - s.p : -1;
}

ptrdiff_t slice_find(struct slice s, struct slice needle)
{
    const char *hit;

    if (needle.len == 0)
        return 0;
    if (needle.len > s.len)
        return -1;
    hit = memmem(s.p, s.len, needle.p, needle.len);
    return hit ? hit - s.p : -1;
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_space(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.p[s.len - 1]))
        s.len--;
    return s;
}

struct slice slice_sub(struct slice s, size_t from, size_t to)
{
    if (!s.p)
        return SLICE_NONE;
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return (struct slice){s.p + from, to - from};
}

/* A used-up rest has p == NULL: an empty last part ("a,") still comes out. */
bool slice_split(struct slice *rest, char sep, struct slice *part)
{
    ptrdiff_t at;

    if (!rest->p)
        return false;
    at = slice_find_byte(*rest, sep);
    if (at < 0) {
        *part = *rest;
        *rest = SLICE_NONE;
    } else {
        *part = slice_sub(*rest, 0, (size_t)at);
        *rest = slice_sub(*rest, (size_t)at + 1, rest->len);
    }
    return true;
}

bool slice_to_u64(struct slice s, uint64_t *out)
{
    uint64_t v = 0;
    size_t i;

    if (s.len == 0)
        return false;
    for (i = 0; i < s.len; i++) {
        if (!is_digit(s.p[i]) || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool slice_to_i64(struct slice s, int64_t *out)
{
    bool minus = s.len > 0 && s.p[0] == '-';
    uint64_t v;

    if (!slice_to_u64(slice_sub(s, minus, s.len), &v) ||
        v > (uint64_t)INT64_MAX + minus)
        return false;
    *out = minus ? (int64_t)-v : (int64_t)v;
    return true;
}

static size_t skip_digits(struct slice s, size_t i)
{
    while (i < s.len && is_digit(s.p[i]))
        i++;
    return i;
}

/* number = [ "-" ] int [ frac ] [ exp ], RFC 8259 section 6 */
static bool is_json_number(struct slice s)
{
    size_t i = 0, from;

    if (i < s.len && s.p[i] == '-')
        i++;
    from = i;
    i = skip_digits(s, i);
    if (i == from || (s.p[from] == '0' && i - from > 1))
        return false;
    if (i < s.len && s.p[i] == '.') {
        from = ++i;
        i = skip_digits(s, i);
        if (i == from)
            return false;
    }
    if (i < s.len && lower(s.p[i]) == 'e') {
        i++;
        if (i < s.len && (s.p[i] == '+' || s.p[i] == '-'))
            i++;
        from = i;
        i = skip_digits(s, i);
        if (i == from)
            return false;
    }
    return i == s.len;
}

bool slice_to_double(struct slice s, double *out)
{
    char text[SLICE_DOUBLE_MAX + 1];
    double v;

    if (s.len == 0 || s.len > SLICE_DOUBLE_MAX || !is_json_number(s))
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    v = num_parse(text);
    if (!isfinite(v))
        return false;
    *out = v;
    return true;
}
