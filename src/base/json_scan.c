/* json_scan.c - see json_scan.h.  RFC 8259, with a stack of one bit a level. */
#include "base/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "base/json.h"

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

static bool skip_string(struct slice t, size_t *pos)
{
    if (!take(t, pos, '"'))
        return false;
    while (*pos < t.len) {
        unsigned char c = (unsigned char)t.p[(*pos)++];

        if (c == '"')
            return true;
        if (c < 0x20 || (c == '\\' && !skip_escape(t, pos)))
            return false;
    }
    return false;
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
