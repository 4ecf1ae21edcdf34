/* http_uri.c - see the header.  RFC 3986; the query as HTML forms write it. */
#include "net/http_uri.h"

#include <string.h>

#include "base/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decode into the arena; `plus`: '+' is a space. */
static enum err_code decode(struct arena *a, struct slice raw, bool plus,
                            struct slice *out, struct err *e)
{
    size_t i, n = 0;
    char *p;

    if (slice_find_byte(raw, '%') < 0 &&
        (!plus || slice_find_byte(raw, '+') < 0)) {
        *out = raw;
        return ERR_NONE;
    }
    p = arena_alloc(a, raw.len);
    if (!p)
        return err_set(e, ERR_TOO_LARGE, "the request is too large");
    for (i = 0; i < raw.len; i++) {
        if (raw.p[i] == '%') {
            int hi = i + 1 < raw.len ? hex_digit(raw.p[i + 1]) : -1;
            int lo = i + 2 < raw.len ? hex_digit(raw.p[i + 2]) : -1;

            if (hi < 0 || lo < 0)
                return err_set(e, ERR_INVALID,
                               "malformed percent-escape at byte %zu of '%.*s'",
                               i, (int)(raw.len < 80 ? raw.len : 80), raw.p);
            p[n++] = (char)(hi * 16 + lo);
            i += 2;
        } else {
            p[n++] = plus && raw.p[i] == '+' ? ' ' : raw.p[i];
        }
    }
    *out = (struct slice){p, n};
    if (!utf8_valid(*out))
        return err_set(e, ERR_INVALID, "the address is not UTF-8");
    if (memchr(p, 0, n))
        return err_set(e, ERR_INVALID, "the address holds a NUL");
    return ERR_NONE;
}

static bool has_escaped_slash(struct slice raw)
{
    size_t i;

    for (i = 0; i + 2 < raw.len; i++)
        if (raw.p[i] == '%' && raw.p[i + 1] == '2' &&
            (raw.p[i + 2] == 'F' || raw.p[i + 2] == 'f'))
            return true;
    return false;
}

static enum err_code check_segments(struct slice path, struct err *e)
{
    struct slice rest = slice_sub(path, 1, path.len), part;
    size_t i;

    for (i = 0; i < path.len; i++)
        if ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7F ||
            path.p[i] == '\\')
            return err_set(e, ERR_INVALID,
                           "the path holds a character that is not allowed");
    while (slice_split(&rest, '/', &part)) {
        if (part.len == 0)
            return err_set(e, ERR_INVALID, "the path has an empty segment");
        if (slice_is(part, ".") || slice_is(part, ".."))
            return err_set(e, ERR_INVALID, "the path has a dot segment");
    }
    return ERR_NONE;
}

enum err_code uri_path(struct arena *a, struct slice raw, struct slice *out,
                       struct err *e)
{
    struct slice path;
    enum err_code rc;

    if (has_escaped_slash(raw))
        return err_set(e, ERR_INVALID, "the path has an escaped slash");
    rc = decode(a, raw, false, &path, e);
    if (rc)
        return rc;
    if (path.len == 0 || path.p[0] != '/')
        return err_set(e, ERR_INVALID, "a path must begin with a slash");
    if (path.len > 1 && path.p[path.len - 1] == '/')
        path.len--;
    if (path.len > 1) {
        rc = check_segments(path, e);
        if (rc)
            return rc;
    }
    *out = path;
    return ERR_NONE;
}

bool uri_query_next(struct slice *rest, struct slice *name, struct slice *value)
{
    struct slice pair;
    ptrdiff_t eq;

    while (slice_split(rest, '&', &pair)) {
        if (pair.len == 0)
            continue;
        eq = slice_find_byte(pair, '=');
        if (eq < 0) {
            *name = pair;
            *value = SLICE("");
        } else {
            *name = slice_sub(pair, 0, (size_t)eq);
            *value = slice_sub(pair, (size_t)eq + 1, pair.len);
        }
        return true;
    }
    return false;
}

enum err_code uri_query_decode(struct arena *a, struct slice raw,
                               struct slice *out, struct err *e)
{
    return decode(a, raw, true, out, e);
}
