/* json_scan.c - see json_scan.h.  RFC 8259, with a stack of one bit a level. */
#include "base/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/utf8.h"

static void skip_space(struct slice t, size_t *pos)
{
    while (*pos < t.len && (t.p[*pos] == ' ' || t.p[*pos] == '\t' ||
                            t.p[*pos] == '\n' || t.p[*pos] == '\r'))
        (*pos)++;
}

static bool take(struct slice t, size_t *pos, char c)
{
    if (*pos >= t.len || t.p[*pos] != c)
        return false;
    (*pos)++;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
           (c >= 'A' && c <= 'F');
}

static bool skip_escape(struct slice t, size_t *pos)
{
    int i;

    if (*pos >= t.len)
        return false;
    if (t.p[*pos] != 'u')
        return t.p[*pos] && strchr("\"\\/bfnrt", t.p[(*pos)++]);
    for (i = 0, (*pos)++; i < 4; i++, (*pos)++)
        if (*pos >= t.len || !is_hex(t.p[*pos]))
            return false;
    return true;
}

/* Past the bytes of a string that are only themselves, eight at a time: strings
 * may be vectors in base64, megabytes of them. */
static void skip_plain(struct slice t, size_t *pos)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    size_t at = *pos;

    for (; t.len - at >= 8; at += 8) {
        uint64_t x, quote, slash;

        memcpy(&x, t.p + at, 8);
        quote = x ^ ones * '"';
        slash = x ^ ones * '\\';
        /* a byte of zero, or one below 0x20, borrows into its top bit */
        if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
             ((x - ones * 0x20) & ~x)) &
            high)
            break;
    }
    while (at < t.len && (unsigned char)t.p[at] >= 0x20 && t.p[at] != '"' &&
           t.p[at] != '\\')
        at++;
    *pos = at;
}

static bool skip_string(struct slice t, size_t *pos)
{
    if (!take(t, pos, '"'))
        return false;
    for (;;) {
        unsigned char c;

        skip_plain(t, pos);
        if (*pos >= t.len)
            return false;
        c = (unsigned char)t.p[(*pos)++];
        if (c == '"')
            return true;
        if (c != '\\' || !skip_escape(t, pos))
            return false;
    }
}

static bool skip_digits(struct slice t, size_t *pos)
{
    size_t from = *pos;

    while (*pos < t.len && t.p[*pos] >= '0' && t.p[*pos] <= '9')
        (*pos)++;
    return *pos > from;
}

static bool skip_number(struct slice t, size_t *pos)
{
    (void)take(t, pos, '-');
    if (!take(t, pos, '0') && !skip_digits(t, pos))
        return false;
    if (take(t, pos, '.') && !skip_digits(t, pos))
        return false;
    if (!take(t, pos, 'e') && !take(t, pos, 'E'))
        return true;
    if (!take(t, pos, '+'))
        (void)take(t, pos, '-');
    return skip_digits(t, pos);
}

static bool skip_word(struct slice t, size_t *pos, const char *word)
{
    size_t n = strlen(word);

    if (t.len - *pos < n || memcmp(t.p + *pos, word, n) != 0)
        return false;
    *pos += n;
    return true;
}

static bool skip_scalar(struct slice t, size_t *pos)
{
    switch (*pos < t.len ? t.p[*pos] : '\0') {
    case '"':
        return skip_string(t, pos);
    case 't':
        return skip_word(t, pos, "true");
    case 'f':
        return skip_word(t, pos, "false");
    case 'n':
        return skip_word(t, pos, "null");
    default:
        return skip_number(t, pos);
    }
}

static bool skip_key(struct slice t, size_t *pos)
{
    skip_space(t, pos);
    if (!skip_string(t, pos))
        return false;
    skip_space(t, pos);
    return take(t, pos, ':');
}

bool json_skip(struct slice t, size_t *pos)
{
    uint64_t is_array = 0; /* bit 0: the level at hand */
    int depth = 0;
    bool array;

    for (;;) { /* a value is to come */
        skip_space(t, pos);
        array = *pos < t.len && t.p[*pos] == '[';
        if (take(t, pos, array ? '[' : '{')) {
            if (++depth > JSON_MAX_DEPTH)
                return false;
            is_array = is_array << 1 | array;
            skip_space(t, pos);
            if (*pos >= t.len || t.p[*pos] != (array ? ']' : '}')) {
                if (!array && !skip_key(t, pos))
                    return false;
                continue;
            }
        } else if (!skip_scalar(t, pos)) {
            return false;
        }
        for (;;) { /* a value is behind us, or its container is empty */
            if (depth == 0)
                return true;
            skip_space(t, pos);
            array = is_array & 1;
            if (take(t, pos, ',')) {
                if (!array && !skip_key(t, pos))
                    return false;
                break;
            }
            if (!take(t, pos, array ? ']' : '}'))
                return false;
            depth--;
            is_array >>= 1;
        }
    }
}

bool json_scan_valid(struct slice text)
{
    size_t pos = 0;

    if (!json_skip(text, &pos))
        return false;
    skip_space(text, &pos);
    return pos == text.len;
}

bool json_scan_next(struct slice array, size_t *pos, struct slice *element)
{
    size_t from;

    skip_space(array, pos);
    if (*pos >= array.len || array.p[*pos] == ']')
        return false;
    (*pos)++; /* '[' or ',' */
    skip_space(array, pos);
    from = *pos;
    if (!json_skip(array, pos))
        return false; /* "]" of the empty array */
    *element = slice_sub(array, from, *pos);
    return true;
}

bool json_scan_member(struct slice object, size_t *pos, struct slice *key,
                      struct slice *value)
{
    if (!json_scan_next(object, pos, key)) /* '{' or ',', then the key */
        return false;
    skip_space(object, pos);
    (*pos)++; /* ':' */
    skip_space(object, pos);
    *value = slice_sub(object, *pos, object.len);
    if (!json_skip(object, pos))
        return false;
    value->len -= object.len - *pos;
    return true;
}

/* ---- strings ---- */

static uint32_t hex4(struct slice s, size_t at)
{
    uint32_t v = 0;

    for (size_t i = at; i < at + 4 && i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        v = v << 4 | (c <= '9' ? c - 48u : (c | 32u) - 87u);
    }
    return v;
}

size_t json_scan_escape(struct slice s, size_t *pos, char out[4])
{
    static const char plain[] = "b\bf\fn\nr\rt\t";
    char c = *pos + 1 < s.len ? s.p[*pos + 1] : '\\';
    const char *found = c ? strchr(plain, c) : NULL;
    uint32_t cp, low;

    if (c != 'u') {
        *pos += 2;
        out[0] = found && (found - plain) % 2 == 0 ? found[1] : c;
        return 1;
    }
    cp = hex4(s, *pos + 2);
    *pos += 6;
    if (cp >= 0xD800 && cp <= 0xDBFF && *pos + 1 < s.len && s.p[*pos] == '\\' &&
        s.p[*pos + 1] == 'u') {
        low = hex4(s, *pos + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
            *pos += 6;
        }
    }
    return utf8_put(out, cp);
}

bool json_scan_text(struct slice quoted, struct arena *a, struct slice *out)
{
    struct slice raw = slice_sub(quoted, 1, quoted.len - 1);
    size_t pos = 0, len = 0;
    char *p;

    if (slice_find_byte(raw, '\\') < 0) {
        *out = raw;
        return true;
    }
    p = arena_alloc(a, raw.len); /* an escape is longer than what it means */
    if (!p)
        return false;
    while (pos < raw.len) {
        char c[4];
        size_t n = 1;

        if (raw.p[pos] == '\\')
            n = json_scan_escape(raw, &pos, c);
        else
            c[0] = raw.p[pos++];
        memcpy(p + len, c, n);
        len += n;
    }
    *out = (struct slice){p, len};
    return true;
}
