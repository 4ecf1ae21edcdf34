/* chroma_url.c - see chroma_url.h.
 *
 * Tenant and database go into paths as they are, so they are of what needs no
 * escape there.
 */
#include "base/chroma_url.h"

#include <stdio.h>
#include <string.h>

#include "base/config_table.h"

#define SCHEME "chroma:"

bool chroma_url_is(struct slice text)
{
    return slice_starts(text, SCHEME);
}

static bool is_authority(struct slice s)
{
    char text[300];
    struct slice host;
    uint16_t port;
    int n;

    if (config_parse_listen(s, &host, &port))
        return port != 0;
    n = snprintf(text, sizeof(text), "%.*s:8000", SLICE_ARG(s));
    return n > 0 && (size_t)n < sizeof(text) &&
           config_parse_listen((struct slice){text, (size_t)n}, &host, &port);
}

/* The rules of Chroma's names, which are also ours. */
static bool take_name(char *out, size_t size, struct slice s)
{
    if (s.len < 3 || s.len >= size)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              (c == '.' && i > 0)))
            return false;
    }
    memcpy(out, s.p, s.len);
    out[s.len] = '\0';
    return true;
}

static bool take_names(struct chroma_url *out, struct slice path)
{
    ptrdiff_t slash;

    if (path.len == 0)
        return true;
    slash = slice_find_byte(path, '/');
    return slash > 0 &&
           take_name(out->tenant, sizeof(out->tenant),
                     slice_sub(path, 0, (size_t)slash)) &&
           take_name(out->database, sizeof(out->database),
                     slice_sub(path, (size_t)slash + 1, path.len));
}

const char *chroma_url_parse(struct chroma_url *out, struct slice text)
{
    static const char form[] =
        "expected chroma:http://host:port or chroma:https://host:port, with "
        "/tenant/database behind it if they are not the default ones";
    struct slice rest = slice_sub(text, strlen(SCHEME), text.len), authority;
    size_t scheme = slice_starts(rest, "https://")  ? 8
                    : slice_starts(rest, "http://") ? 7
                                                    : 0;
    ptrdiff_t slash;

    *out = (struct chroma_url){.tenant = "default_tenant",
                               .database = "default_database"};
    if (!chroma_url_is(text) || scheme == 0)
        return form;
    authority = slice_sub(rest, scheme, rest.len);
    if (slice_find_byte(authority, '@') >= 0)
        return "a login in the address is not known: give the token as "
               "chroma_token";
    slash = slice_find_byte(authority, '/');
    if (slash >= 0) {
        rest = slice_sub(rest, 0, scheme + (size_t)slash);
        if (!take_names(out,
                        slice_sub(authority, (size_t)slash + 1, authority.len)))
            return form;
        authority = slice_sub(authority, 0, (size_t)slash);
    }
    if (!is_authority(authority) || rest.len >= sizeof(out->server))
        return form;
    memcpy(out->server, rest.p, rest.len);
    out->server[rest.len] = '\0';
    return NULL;
}
