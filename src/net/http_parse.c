/* http_parse.c - the header says what is refused; here is how it is done.
 *
 * A head is collected until its empty line and then parsed in one pass over
 * contiguous bytes.  That is both simpler and faster than a machine with a
 * state for every byte: the search for line ends is memchr, and nearly always
 * the whole head arrives in one read, so that it is copied exactly once.  What
 * must be known early is known early: limits and bare LFs are checked while
 * lines arrive, and a first byte that cannot begin a method (a TLS hello, most
 * often) is refused at once.
 *
 * Limits are formulated on the bytes up to and including a line's LF, so that a
 * cut anywhere gives the same verdict; the tests try every cut.
 *
 * RFC 9110, 9112.
 */
#include "net/http_parse.h"

#include <string.h>

/* ---- character classes ---- */

#define TOKEN 1  /* tchar: RFC 9110, 5.6.2 */
#define VALUE 2  /* field-vchar, SP and HTAB */
#define TARGET 4 /* visible ASCII but '#' */
#define HOST 8   /* reg-name, IP literal, port */

/* The sum of the classes of every byte; a row is 16 of them, from 0x00. */
static const unsigned char classes[256] = {
    /* clang-format off */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  2,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     2, 15,  6,  3, 15, 15, 15, 15, 14, 14, 15, 15, 14, 15, 15,  6,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 14,  6, 14,  6,  6,
     6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14,  6, 14,  7, 15,
     7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  7,  6, 15,  0,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    /* clang-format on */
};

static bool is(char c, int class)
{
    return classes[(unsigned char)c] & class;
}

/* Length of the longest prefix of p[0..len) whose bytes are all in `class`. */
static size_t span(const char *p, size_t len, int class)
{
    size_t i = 0;

    while (i < len && is(p[i], class))
        i++;
    return i;
}

bool http_is_token(struct slice s)
{
    return s.len > 0 && span(s.p, s.len, TOKEN) == s.len;
}

static bool is_port(struct slice s)
{
    uint64_t port;

    return s.len == 0 ||
           (s.len <= 5 && slice_to_u64(s, &port) && port <= 65535);
}

bool http_is_host(struct slice s)
{
    ptrdiff_t end;

    if (s.len == 0 || s.len > 261 || span(s.p, s.len, HOST) != s.len)
        return false;
    if (s.p[0] == '[') {
        end = slice_find_byte(s, ']');
        if (end < 2 || span(s.p + 1, (size_t)end - 1, HOST) + 1 != (size_t)end)
            return false;
        if ((size_t)end + 1 == s.len)
            return true;
        return s.p[end + 1] == ':' &&
               is_port(slice_sub(s, (size_t)end + 2, s.len));
    }
    if (slice_find_byte(s, '[') >= 0 || slice_find_byte(s, ']') >= 0)
        return false;
    end = slice_find_byte(s, ':');
    if (end < 0)
        return true;
    return end > 0 && is_port(slice_sub(s, (size_t)end + 1, s.len));
}

/* ---- names ---- */

static const char *const method_names[] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",
    [HTTP_POST] = "POST",       [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH",     [HTTP_DELETE] = "DELETE",
    [HTTP_OPTIONS] = "OPTIONS", [HTTP_OTHER] = "",
};

const char *http_method_name(enum http_method m)
{
    return method_names[m];
}

static enum http_method method_of(struct slice s)
{
    int m;

    for (m = HTTP_GET; m < HTTP_OTHER; m++)
        if (slice_is(s, method_names[m]))
            return (enum http_method)m;
    return HTTP_OTHER;
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {100, "Continue"},
        {101, "Switching Protocols"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    size_t i;

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

/* ---- the head ---- */

static enum http_progress refuse(struct http_fault *f, int status, size_t at,
                                 const char *why)
{
    *f = (struct http_fault){status, at, why};
    return HTTP_BAD;
}

static enum http_progress bad_head(struct http_parse *p, int status,
                                   const char *at, const char *why)
{
    return refuse(&p->fault, status, (size_t)(at - p->text), why);
}

/* Split an absolute or origin-form target into path, query and authority. */
static enum http_progress parse_target(struct http_parse *p,
                                       struct http_head *h)
{
    struct slice t = h->target;
    size_t end;

    if (slice_is(t, "*") && h->method == HTTP_OPTIONS) {
        h->path = t;
        return HTTP_DONE;
    }
    if (t.p[0] != '/') {
        if (t.len <= 7 || !slice_is_nocase(slice_sub(t, 0, 7), "http://"))
            return bad_head(p, 400, t.p, "the target must be a path");
        t = slice_sub(t, 7, t.len);
        end = 0;
        while (end < t.len && t.p[end] != '/' && t.p[end] != '?')
            end++;
        h->host = slice_sub(t, 0, end);
        if (!http_is_host(h->host))
            return bad_head(p, 400, t.p, "the target's host is malformed");
        t = slice_sub(t, end, t.len);
    }
    end = 0;
    while (end < t.len && t.p[end] != '?')
        end++;
    h->path = end ? slice_sub(t, 0, end) : SLICE("/");
    if (end < t.len)
        h->query = slice_sub(t, end + 1, t.len);
    return HTTP_DONE;
}

static enum http_progress parse_request_line(struct http_parse *p,
                                             const char *s, const char *end,
                                             struct http_head *h)
{
    size_t n = span(s, (size_t)(end - s), TOKEN);
    struct slice version;

    if (n == 0 || s + n == end || s[n] != ' ')
        return bad_head(p, 400, s + n, "malformed method");
    h->method_text = (struct slice){s, n};
    h->method = method_of(h->method_text);
    s += n + 1;
    n = span(s, (size_t)(end - s), TARGET);
    if (n == 0 || s + n == end || s[n] != ' ')
        return bad_head(p, 400, s + n, "malformed request target");
    h->target = (struct slice){s, n};
    s += n + 1;
    version = (struct slice){s, (size_t)(end - s)};
    if (slice_is(version, "HTTP/1.1"))
        h->minor = 1;
    else if (slice_is(version, "HTTP/1.0"))
        h->minor = 0;
    else if (version.len == 8 && slice_starts(version, "HTTP/") &&
             version.p[6] == '.')
        return bad_head(p, 505, s, "only HTTP/1.0 and HTTP/1.1 are spoken");
    else
        return bad_head(p, 400, s, "malformed HTTP version");
    return parse_target(p, h);
}

static enum http_progress parse_header(struct http_parse *p, const char *s,
                                       const char *end, struct http_header *out)
{
    size_t n = span(s, (size_t)(end - s), TOKEN);

    if (n == 0 && (*s == ' ' || *s == '\t'))
        return bad_head(p, 400, s, "folded header lines are not allowed");
    if (n == 0)
        return bad_head(p, 400, s, "malformed header name");
    if (s + n == end)
        return bad_head(p, 400, s + n, "a header line needs a colon");
    if (s[n] != ':')
        return bad_head(p, 400, s + n,
                        s[n] == ' ' || s[n] == '\t'
                            ? "white space before a header's colon"
                            : "malformed header name");
    out->name = (struct slice){s, n};
    s += n + 1;
    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    n = span(s, (size_t)(end - s), VALUE);
    if (s + n != end)
        return bad_head(p, 400, s + n, "control character in a header value");
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    out->value = (struct slice){s, n};
    return HTTP_DONE;
}

/* Header lines that say how the message is framed. */
struct framing {
    int hosts, lengths, codings;
    bool close, keep_alive;
};

static enum http_progress read_length(struct http_parse *p, struct http_head *h,
                                      struct slice v)
{
    uint64_t n;
    size_t i;

    for (i = 0; i < v.len; i++)
        if (v.p[i] < '0' || v.p[i] > '9')
            return bad_head(p, 400, v.p + i, "Content-Length is no number");
    if (v.len == 0)
        return bad_head(p, 400, v.p, "Content-Length is no number");
    /* Beyond any limit is answered as such, once the limit is known. */
    if (!slice_to_u64(v, &n) || n > INT64_MAX)
        n = INT64_MAX;
    h->content_length = (int64_t)n;
    return HTTP_DONE;
}

static void read_connection(struct framing *f, struct slice v)
{
    struct slice word;

    while (slice_split(&v, ',', &word)) {
        word = slice_trim(word);
        if (slice_is_nocase(word, "close"))
            f->close = true;
        else if (slice_is_nocase(word, "keep-alive"))
            f->keep_alive = true;
    }
}

static enum http_progress note_header(struct http_parse *p, struct http_head *h,
                                      struct framing *f,
                                      const struct http_header *x)
{
    switch (x->name.len) {
    case 4:
        if (!slice_is_nocase(x->name, "Host"))
            break;
        if (f->hosts++ > 0)
            return bad_head(p, 400, x->name.p, "more than one Host");
        if (!http_is_host(x->value))
            return bad_head(p, 400, x->value.p, "malformed Host");
        if (h->host.len == 0)
            h->host = x->value;
        break;
    case 6:
        if (!slice_is_nocase(x->name, "Expect") || h->minor == 0)
            break;
        if (!slice_is_nocase(x->value, "100-continue"))
            return bad_head(p, 417, x->value.p,
                            "only '100-continue' can be expected");
        h->expect_continue = true;
        break;
    case 10:
        if (slice_is_nocase(x->name, "Connection"))
            read_connection(f, x->value);
        break;
    case 14:
        if (!slice_is_nocase(x->name, "Content-Length"))
            break;
        if (f->lengths++ > 0)
            return bad_head(p, 400, x->name.p, "more than one Content-Length");
        return read_length(p, h, x->value);
    case 17:
        if (!slice_is_nocase(x->name, "Transfer-Encoding"))
            break;
        if (f->codings++ > 0)
            return bad_head(p, 400, x->name.p,
                            "more than one Transfer-Encoding");
        if (!slice_is_nocase(x->value, "chunked"))
            return bad_head(p, 501, x->value.p,
                            "only the transfer coding 'chunked' is known");
        h->chunked = true;
        break;
    }
    return HTTP_DONE;
}

static enum http_progress check_framing(struct http_parse *p,
                                        struct http_head *h,
                                        const struct framing *f)
{
    const char *end = p->text + p->len;

    if (h->minor == 1 && f->hosts == 0)
        return bad_head(p, 400, end, "Host is missing");
    if (h->chunked && f->lengths)
        return bad_head(p, 400, end,
                        "Content-Length and Transfer-Encoding together");
    if (h->chunked && h->minor == 0)
        return bad_head(p, 400, end, "Transfer-Encoding in HTTP/1.0");
    h->keep_alive = !f->close && (h->minor == 1 || f->keep_alive);
    return HTTP_DONE;
}

/* The whole head is in p->text, every line ends in CRLF, the last is empty. */
static enum http_progress parse_head(struct http_parse *p, struct http_head *h)
{
    const char *s = p->text, *end;
    struct framing f = {0};
    size_t i;

    *h = (struct http_head){.content_length = -1};
    end = memchr(s, '\n', p->len);
    if (parse_request_line(p, s, end - 1, h) == HTTP_BAD)
        return HTTP_BAD;
    h->n_headers = p->n_lines - 1;
    h->headers =
        arena_alloc(p->arena, (h->n_headers + 1) * sizeof(h->headers[0]));
    if (!h->headers)
        return bad_head(p, 431, s, "the headers are too large");
    for (i = 0; i < h->n_headers; i++) {
        s = end + 1;
        end = memchr(s, '\n', p->len - (size_t)(s - p->text));
        if (parse_header(p, s, end - 1, &h->headers[i]) == HTTP_BAD ||
            note_header(p, h, &f, &h->headers[i]) == HTTP_BAD)
            return HTTP_BAD;
    }
    return check_framing(p, h, &f);
}

void http_parse_init(struct http_parse *p, struct arena *a)
{
    *p = (struct http_parse){.arena = a};
}

bool http_parse_started(const struct http_parse *p)
{
    return p->len > 0;
}

/* Keep data[0..n) with the head.  Never called over HTTP_MAX_HEAD. */
static bool collect(struct http_parse *p, const char *data, size_t n)
{
    size_t cap = p->cap;
    char *text;

    if (n == 0)
        return true;
    if (n > cap - p->len) {
        /* The first piece is nearly always all there is: fit it exactly. */
        cap = cap ? cap * 2 : n;
        if (cap < p->len + n)
            cap = p->len + n;
        text = arena_alloc(p->arena, cap);
        if (!text)
            return false;
        if (p->len)
            memcpy(text, p->text, p->len);
        p->text = text;
        p->cap = cap;
    }
    memcpy(p->text + p->len, data, n);
    p->len += n;
    return true;
}

/* Limits on what came so far, data[0..n) included; the line at hand has
 * p->line_len bytes.  `open`: its LF is still to come. */
static enum http_progress check_limits(struct http_parse *p, size_t n,
                                       bool open)
{
    size_t more = open ? 1 : 0;

    if (p->n_lines == 0 && p->line_len + more > HTTP_MAX_LINE + 2)
        return refuse(&p->fault, 414, HTTP_MAX_LINE,
                      "the request line is too long");
    if (p->len + n + more > HTTP_MAX_HEAD)
        return refuse(&p->fault, 431, HTTP_MAX_HEAD,
                      "the headers are too large");
    return HTTP_MORE;
}

/* A line ended at data[i].  HTTP_DONE: it was the empty one. */
static enum http_progress end_line(struct http_parse *p, const char *data,
                                   size_t i)
{
    char before = i > 0 ? data[i - 1] : p->len ? p->text[p->len - 1] : 0;

    if (check_limits(p, i + 1, false) == HTTP_BAD)
        return HTTP_BAD;
    if (p->line_len < 2 || before != '\r')
        return refuse(&p->fault, 400, p->len + i, "a line must end in CR LF");
    if (p->line_len == 2)
        return HTTP_DONE;
    if (++p->n_lines > HTTP_MAX_HEADERS + 1)
        return refuse(&p->fault, 431, p->len + i, "too many headers");
    p->line_len = 0;
    return HTTP_MORE;
}

enum http_progress http_parse_feed(struct http_parse *p, const char *data,
                                   size_t len, size_t *used,
                                   struct http_head *head)
{
    size_t i = 0;
    const char *lf;

    *used = 0;
    if (len > 0 && p->len == 0 && !is(data[0], TOKEN) && data[0] != '\r' &&
        data[0] != '\n')
        return refuse(&p->fault, 400, 0, "this is not HTTP");
    while (i < len && (lf = memchr(data + i, '\n', len - i))) {
        size_t n = (size_t)(lf - data) - i + 1;

        p->line_len += n;
        i += n;
        switch (end_line(p, data, i - 1)) {
        case HTTP_BAD:
            return HTTP_BAD;
        case HTTP_MORE:
            continue;
        case HTTP_DONE:
            break;
        }
        if (p->n_lines == 0) { /* an empty line before the request */
            size_t rest;
            enum http_progress r;

            if (p->skipped_blank)
                return refuse(&p->fault, 400, 0, "empty request");
            http_parse_init(p, p->arena);
            p->skipped_blank = true;
            r = http_parse_feed(p, data + i, len - i, &rest, head);
            *used = i + rest;
            return r;
        }
        if (!collect(p, data, i))
            return refuse(&p->fault, 431, p->len, "the headers are too large");
        *used = i;
        return parse_head(p, head);
    }
    p->line_len += len - i;
    if (check_limits(p, len, true) == HTTP_BAD)
        return HTTP_BAD;
    if (!collect(p, data, len))
        return refuse(&p->fault, 431, p->len, "the headers are too large");
    *used = len;
    return HTTP_MORE;
}
