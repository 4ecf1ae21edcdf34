/* page.c - see page.h.
 *
 * Of a referrer only the host is kept: paths and queries of other sites are
 * seldom equal and often private.
 */
#include "analytics/page.h"

#include "base/utf8.h"

#define MAX_URL 2048 /* bytes, of a referrer */

static bool shows(struct slice s)
{
    size_t pos = 0;

    while (pos < s.len) {
        uint32_t cp = utf8_next(s, &pos);

        if (cp == '\n' || cp == '\t' || utf8_steers(cp))
            return false;
    }
    return true;
}

enum err_code page_path(struct slice given, struct slice *out, struct err *e)
{
    size_t end = 0;

    if (given.len == 0 || given.p[0] != '/')
        return err_field(e, "page", "'page' must be a path: begin with '/'");
    while (end < given.len && given.p[end] != '?' && given.p[end] != '#')
        end++;
    given.len = end;
    if (given.len > VIEW_MAX_PAGE)
        return err_field(e, "page", "'page' is longer than %d bytes",
                         VIEW_MAX_PAGE);
    if (!utf8_valid(given))
        return err_field(e, "page", "'page' is not UTF-8");
    if (!shows(given))
        return err_field(e, "page", "'page' has control characters");
    *out = given;
    return ERR_NONE;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

/* "user@Host:80" -> "host"; an address in brackets keeps them. */
static bool read_host(struct slice authority, struct referrer *out)
{
    ptrdiff_t at, end;
    bool bracketed;

    while ((at = slice_find_byte(authority, '@')) >= 0)
        authority = slice_sub(authority, (size_t)at + 1, authority.len);
    bracketed = slice_starts(authority, "[");
    end = slice_find_byte(authority, bracketed ? ']' : ':');
    if (bracketed && end < 0)
        return false;
    if (end >= 0)
        authority.len = (size_t)end + bracketed;
    if (authority.len == 0 || authority.len > sizeof(out->host))
        return false;
    for (size_t i = 0; i < authority.len; i++) {
        char c = authority.p[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (!is_host_char(c) &&
            !(bracketed && (c == '[' || c == ']' || c == ':')))
            return false;
        out->host[i] = c;
    }
    out->len = authority.len;
    return true;
}

enum err_code referrer_host(struct slice given, struct referrer *out,
                            struct err *e)
{
    static const char *const schemes[] = {"https://", "http://",
                                          "android-app://", NULL};
    size_t begin = 0, end;

    out->len = 0;
    if (given.len == 0)
        return ERR_NONE;
    if (given.len > MAX_URL)
        return err_field(e, "referrer", "'referrer' is longer than %d bytes",
                         MAX_URL);
    for (const char *const *s = schemes; *s && !begin; s++)
        if (slice_starts(given, *s))
            begin = slice_of(*s).len;
    for (end = begin; end < given.len; end++)
        if (given.p[end] == '/' || given.p[end] == '?' || given.p[end] == '#')
            break;
    if (!begin || !read_host(slice_sub(given, begin, end), out))
        return err_field(e, "referrer",
                         "'referrer' must be a URL: \"https://...\"");
    return ERR_NONE;
}
