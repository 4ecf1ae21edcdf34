/* paper_url.c - see paper_url.h.
 *
 * A URL is first cut into host, port, path and query and checked as any URL;
 * only then is it looked at as one of arXiv's.  A link to arXiv that names no
 * paper (a listing, a search) is an ordinary URL.
 */
#include "backend/paper_url.h"

#include <string.h>

#include "base/buf.h"

struct parts {
    bool https;
    struct slice host;  /* as sent */
    struct slice port;  /* digits, or empty */
    struct slice path;  /* from '/', or empty */
    struct slice query; /* from '?', or empty */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool starts_nocase(struct slice s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.len >= n && slice_is_nocase(slice_sub(s, 0, n), prefix);
}

/* The part of s up to the first byte that is one of `stops`; s goes on there.
 */
static struct slice take_until(struct slice *s, const char *stops)
{
    size_t n = 0;
    struct slice part;

    while (n < s->len && !(s->p[n] && strchr(stops, s->p[n])))
        n++;
    part = slice_sub(*s, 0, n);
    *s = slice_sub(*s, n, s->len);
    return part;
}

/* ---- cutting and checking ---- */

static bool host_is_valid(struct slice host)
{
    size_t i;

    if (host.len == 0 || host.len > 253)
        return false;
    if (host.p[0] == '[') { /* IPv6: the brackets have been matched already */
        for (i = 1; i + 1 < host.len; i++)
            if (!is_digit(host.p[i]) && host.p[i] != ':' && host.p[i] != '.' &&
                (lower(host.p[i]) < 'a' || lower(host.p[i]) > 'f'))
                return false;
        return host.len > 2;
    }
    for (i = 0; i < host.len; i++) {
        char c = host.p[i];

        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '_' && c != '.')
            return false;
        if (c == '.' && (i == 0 || host.p[i - 1] == '.'))
            return false;
    }
    return true;
}

static enum err_code cut_authority(struct parts *p, struct slice authority,
                                   struct err *e)
{
    uint64_t port;
    ptrdiff_t colon;

    /* What stands before '@' is shown to people as if it were the host. */
    if (slice_find_byte(authority, '@') >= 0)
        return err_set(e, ERR_INVALID, "must not hold a user name");
    colon = slice_find_byte(authority, ']');
    p->host = authority;
    if (colon >= 0) {
        p->host = slice_sub(authority, 0, (size_t)colon + 1);
        authority = slice_sub(authority, (size_t)colon + 1, authority.len);
        colon = slice_find_byte(authority, ':');
        if (authority.len > 0 && colon != 0)
            return err_set(e, ERR_INVALID, "must have a valid host");
    } else {
        colon = slice_find_byte(authority, ':');
        if (colon >= 0)
            p->host = slice_sub(authority, 0, (size_t)colon);
    }
    if (colon >= 0)
        p->port = slice_sub(authority, (size_t)colon + 1, authority.len);
    if (!host_is_valid(p->host))
        return err_set(e, ERR_INVALID, "must have a valid host");
    if (p->port.len > 0 && (!slice_to_u64(p->port, &port) || port > 65535))
        return err_set(e, ERR_INVALID, "must have a valid port");
    return ERR_NONE;
}

static enum err_code cut(struct parts *p, struct slice s, struct err *e)
{
    struct slice authority;
    enum err_code rc;
    size_t i;

    *p = (struct parts){0};
    s = slice_trim(s);
    if (s.len > PAPER_URL_MAX)
        return err_set(e, ERR_INVALID, "must be at most %d bytes long",
                       PAPER_URL_MAX);
    p->https = starts_nocase(s, "https://");
    if (!p->https && !starts_nocase(s, "http://"))
        return err_set(e, ERR_INVALID, "must be an http or https URL");
    for (i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7F)
            return err_set(e, ERR_INVALID,
                           "must not hold white space or control characters");
    s = slice_sub(s, p->https ? 8 : 7, s.len);
    authority = take_until(&s, "/?#");
    rc = cut_authority(p, authority, e);
    if (rc)
        return rc;
    p->path = take_until(&s, "?#");
    p->query = take_until(&s, "#");
    return ERR_NONE;
}

/* ---- arXiv ---- */

static bool host_is(struct slice host, const char *name)
{
    return slice_is_nocase(host, name);
}

/* arxiv.org and its other names: www, export, the mirrors. */
static bool host_is_arxiv(struct slice host)
{
    static const char domain[] = "arxiv.org";
    size_t n = sizeof(domain) - 1;

    if (host.len > n && host.p[host.len - n - 1] == '.')
        host = slice_sub(host, host.len - n, host.len);
    return host_is(host, domain);
}

/* Take 'v' and a number off the end of s.  0 if there is none. */
static int64_t take_version(struct slice *s)
{
    size_t at = s->len;
    uint64_t v;

    while (at > 0 && is_digit(s->p[at - 1]))
        at--;
    if (at == s->len || s->len - at > 4 || at < 2 ||
        lower(s->p[at - 1]) != 'v' || s->p[at] == '0' ||
        !slice_to_u64(slice_sub(*s, at, s->len), &v))
        return 0;
    *s = slice_sub(*s, 0, at - 1);
    return (int64_t)v;
}

static size_t count_digits(struct slice s, size_t from)
{
    size_t n = 0;

    while (from + n < s.len && is_digit(s.p[from + n]))
        n++;
    return n;
}

/* 2511.01234, 0704.0001 */
static bool is_new_id(struct slice s)
{
    size_t after;

    if (count_digits(s, 0) != 4 || s.len < 5 || s.p[4] != '.')
        return false;
    after = count_digits(s, 5);
    return (after == 4 || after == 5) && s.len == 5 + after;
}

/* hep-ph/0301050, math.GT/0309136: *archive is the part that counts. */
static bool is_old_id(struct slice s, struct slice *archive)
{
    ptrdiff_t slash = slice_find_byte(s, '/');
    size_t i = 0, n = (size_t)slash;

    if (slash < 1 || s.len != n + 8 || count_digits(s, n + 1) != 7)
        return false;
    while (i < n && (is_alpha(s.p[i]) || s.p[i] == '-'))
        i++;
    *archive = slice_sub(s, 0, i);
    if (i == n)
        return i > 0;
    if (i == 0 || s.p[i] != '.' || i + 1 == n)
        return false;
    for (i++; i < n; i++)
        if (!is_alpha(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

/* The id and version that a path names; false if it names no paper. */
static bool arxiv_path(struct slice path, struct slice *id, int64_t *version)
{
    static const char *const folders[] = {
        "/abs/", "/pdf/", "/html/", "/ps/", "/format/", "/src/", "/e-print/"};
    size_t i;

    for (i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        if (starts_nocase(path, folders[i]))
            break;
    if (i == sizeof(folders) / sizeof(*folders))
        return false;
    *id = slice_sub(path, strlen(folders[i]), path.len);
    if (id->len > 4 &&
        slice_is_nocase(slice_sub(*id, id->len - 4, id->len), ".pdf"))
        *id = slice_sub(*id, 0, id->len - 4);
    *version = take_version(id);
    return true;
}

/* DataCite's DOI of an arXiv paper. */
static bool doi_path(struct slice path, struct slice *id, int64_t *version)
{
    static const char prefix[] = "/10.48550/arxiv.";

    if (!starts_nocase(path, prefix))
        return false;
    *id = slice_sub(path, sizeof(prefix) - 1, path.len);
    *version = take_version(id);
    return true;
}

/* Write the id as arXiv writes it; false if it is none. */
static bool add_arxiv_id(struct buf *out, struct slice id)
{
    struct slice archive;
    size_t i;

    if (is_new_id(id)) {
        buf_add_slice(out, id);
        return true;
    }
    if (!is_old_id(id, &archive))
        return false;
    for (i = 0; i < archive.len; i++)
        buf_add_char(out, lower(archive.p[i]));
    buf_add_slice(out, slice_sub(id, id.len - 8, id.len));
    return true;
}

static bool is_arxiv(const struct parts *p, struct paper_url *out,
                     struct buf *url)
{
    static const char base[] = "https://arxiv.org/abs/";
    struct slice path = p->path, id;

    while (path.len > 1 && path.p[path.len - 1] == '/')
        path = slice_sub(path, 0, path.len - 1);
    if (host_is_arxiv(p->host)) {
        if (!arxiv_path(path, &id, &out->version))
            return false;
    } else if (!(host_is(p->host, "doi.org") ||
                 host_is(p->host, "dx.doi.org")) ||
               !doi_path(path, &id, &out->version)) {
        return false;
    }
    buf_add_str(url, base);
    out->arxiv = add_arxiv_id(url, id);
    if (out->arxiv)
        out->source_id = slice_sub(buf_slice(url), sizeof(base) - 1, url->len);
    else
        buf_clear(url);
    return out->arxiv;
}

/* ---- any URL ---- */

/* Bytes that RFC 3986 does not allow are percent-encoded, as browsers do. */
static void add_encoded(struct buf *out, struct slice s)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t i;

    for (i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c > ' ' && c < 0x7F && !strchr("\"<>\\^`{|}", c)) {
            buf_add_char(out, (char)c);
        } else {
            buf_add_char(out, '%');
            buf_add_char(out, hex[c >> 4]);
            buf_add_char(out, hex[c & 15]);
        }
    }
}

static void add_generic(struct buf *out, const struct parts *p)
{
    struct slice path = p->path;
    size_t i;

    buf_add_str(out, p->https ? "https://" : "http://");
    for (i = 0; i < p->host.len; i++)
        buf_add_char(out, lower(p->host.p[i]));
    if (p->port.len > 0 && !slice_is(p->port, p->https ? "443" : "80")) {
        buf_add_char(out, ':');
        buf_add_slice(out, p->port);
    }
    while (path.len > 0 && path.p[path.len - 1] == '/')
        path = slice_sub(path, 0, path.len - 1);
    add_encoded(out, path);
    add_encoded(out, p->query);
}

static struct slice last_part(struct slice path)
{
    size_t from;

    while (path.len > 0 && path.p[path.len - 1] == '/')
        path = slice_sub(path, 0, path.len - 1);
    from = path.len;
    while (from > 0 && path.p[from - 1] != '/')
        from--;
    return slice_sub(path, from, path.len);
}

enum err_code paper_url_parse(struct paper_url *out, struct arena *a,
                              struct slice text, struct err *e)
{
    struct paper_url u = {0};
    struct parts p;
    struct buf url;
    enum err_code rc;

    rc = cut(&p, text, e);
    if (rc)
        return rc;
    buf_init(&url, PAPER_URL_MAX);
    if (!is_arxiv(&p, &u, &url)) {
        u = (struct paper_url){.source_id = last_part(p.path)};
        add_generic(&url, &p);
    }
    if (!buf_ok(&url)) {
        rc = err_set(e, ERR_INVALID, "must be at most %d bytes long",
                     PAPER_URL_MAX);
        goto out;
    }
    u.url = arena_slice(a, buf_slice(&url));
    u.source_id = arena_slice(a, u.source_id);
    if (!u.url.p || !u.source_id.p) {
        rc = err_set(e, ERR_TOO_LARGE, "the call needs too much memory");
        goto out;
    }
    *out = u;
out:
    buf_release(&url);
    return rc;
}
