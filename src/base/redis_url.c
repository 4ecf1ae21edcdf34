/* redis_url.c - see redis_url.h. */
#include "base/redis_url.h"

#include <stdio.h>
#include <string.h>

#include "base/config_table.h"

#define MAX_DATABASE 65535

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* false: a broken escape, a zero byte, or longer than there is room. */
static bool decode(char *out, size_t size, struct slice s)
{
    size_t n = 0, i;

    for (i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (c == '%') {
            int high = i + 2 < s.len ? hex_digit(s.p[i + 1]) : -1;
            int low = i + 2 < s.len ? hex_digit(s.p[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

/* Behind the last '@', so that a password may hold one. */
static bool take_login(struct redis_url *u, struct slice *authority)
{
    struct slice login, user = SLICE_NONE;
    size_t at = authority->len;
    ptrdiff_t colon;

    while (at > 0 && authority->p[at - 1] != '@')
        at--;
    if (at == 0)
        return true;
    login = slice_sub(*authority, 0, at - 1);
    *authority = slice_sub(*authority, at, authority->len);
    colon = slice_find_byte(login, ':');
    if (colon < 0)
        return false; /* a user without a password */
    user = slice_sub(login, 0, (size_t)colon);
    return decode(u->user, sizeof(u->user), user) &&
           decode(u->password, sizeof(u->password),
                  slice_sub(login, (size_t)colon + 1, login.len));
}

static bool take_host(struct redis_url *u, struct slice s)
{
    char text[300];
    struct slice host;
    uint16_t port;

    if (!config_parse_listen(s, &host, &port)) {
        int n = snprintf(text, sizeof(text), "%.*s:6379", SLICE_ARG(s));

        if (n < 0 || (size_t)n >= sizeof(text) ||
            !config_parse_listen((struct slice){text, (size_t)n}, &host, &port))
            return false;
    }
    if (port == 0 || host.len >= sizeof(u->host))
        return false;
    memcpy(u->host, host.p, host.len);
    u->host[host.len] = '\0';
    u->port = port;
    return true;
}

const char *redis_url_parse(struct redis_url *out, struct slice text)
{
    static const char form[] = "expected redis://[[user]:password@]host[:port]"
                               "[/database]";
    struct slice rest, authority;
    uint64_t database = 0;
    ptrdiff_t slash;

    *out = (struct redis_url){.port = 0};
    if (slice_starts(text, "rediss:"))
        return "rediss:// (TLS) is not supported: use redis:// on a trusted "
               "network or through a tunnel";
    if (!slice_starts(text, "redis://"))
        return form;
    rest = slice_sub(text, strlen("redis://"), text.len);
    if (slice_find_byte(rest, '?') >= 0 || slice_find_byte(rest, '#') >= 0)
        return "parameters behind ? or # are not known; in a password write "
               "%3F and %23";
    slash = slice_find_byte(rest, '/');
    authority = slice_sub(rest, 0, slash < 0 ? rest.len : (size_t)slash);
    rest =
        slash < 0 ? SLICE_NONE : slice_sub(rest, (size_t)slash + 1, rest.len);
    if (rest.len > 0 &&
        (!slice_to_u64(rest, &database) || database > MAX_DATABASE))
        return "expected the number of a database behind host:port/ (in a "
               "password write %2F for /)";
    if (!take_login(out, &authority))
        return "expected user:password or :password before the @ (at most 127 "
               "and 511 bytes; % begins an escape)";
    if (!take_host(out, authority))
        return form;
    out->database = (int)database;
    return NULL;
}
