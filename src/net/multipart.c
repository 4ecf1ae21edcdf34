/* multipart.c - see multipart.h.
 *
 * A part ends at CRLF, two hyphens and the boundary, wherever they stand: that
 * a boundary occurs in no part is the sender's duty, and what follows one that
 * does is no part.  What may stand between parts, before the first or behind
 * the last in mail (a preamble, blanks, an epilogue) no client writes in a
 * form; only one line end at the very end is usual.
 */
#include "net/multipart.h"

#include <string.h>

#include "base/utf8.h"

#define MAX_HEADERS 8

/* ---- small things ---- */

static enum err_code malformed(const struct multipart *m, const char *what,
                               struct err *e)
{
    return err_set(e, ERR_INVALID,
                   "malformed form data: %s, part %d, at byte %zu", what, m->n,
                   m->at);
}

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_boundary_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c && strchr("'()+_,-./:=? ", c));
}

/* Take the token at the front of *s; empty: there is none. */
static struct slice take_token(struct slice *s)
{
    size_t n = 0;

    while (n < s->len && is_token_char(s->p[n]))
        n++;
    *s = slice_sub(*s, n, s->len);
    return (struct slice){s->p - n, n};
}

/* Take the quoted text at the front of *s: what is between the quotes, still
 * as written.  p == NULL: it does not end. */
static struct slice take_quoted(struct slice *s)
{
    for (size_t n = 1; n < s->len; n++) {
        if (s->p[n] == '\\' && n + 1 < s->len &&
            (s->p[n + 1] == '"' || s->p[n + 1] == '\\')) {
            n++;
        } else if (s->p[n] == '"') {
            struct slice inner = slice_sub(*s, 1, n);

            *s = slice_sub(*s, n + 1, s->len);
            return inner;
        }
    }
    return SLICE_NONE;
}

/* One "; name=value" at the front of *s.  false: it is none. */
static bool take_param(struct slice *s, struct slice *name, struct slice *value)
{
    *s = slice_trim(*s);
    if (!slice_starts(*s, ";"))
        return false;
    *s = slice_trim(slice_sub(*s, 1, s->len));
    *name = take_token(s);
    if (name->len == 0 || !slice_starts(*s, "="))
        return false;
    *s = slice_sub(*s, 1, s->len);
    if (slice_starts(*s, "\"")) {
        *value = take_quoted(s);
        return value->p != NULL;
    }
    *value = take_token(s);
    return value->len > 0;
}

/* ---- the Content-Type ---- */

bool multipart_is(struct slice content_type)
{
    struct slice name = SLICE_NONE;

    slice_split(&content_type, ';', &name);
    return slice_is_nocase(slice_trim(name), "multipart/form-data");
}

static enum err_code no_boundary(struct err *e)
{
    return err_field(e, "Content-Type",
                     "Content-Type needs one boundary of 1 to %d letters, "
                     "digits and '()+_,-./:=?, as in \"multipart/form-data; "
                     "boundary=x\"",
                     MULTIPART_MAX_BOUNDARY);
}

static enum err_code find_boundary(struct slice content_type, struct slice *out,
                                   struct err *e)
{
    ptrdiff_t at = slice_find_byte(content_type, ';');
    struct slice rest, name, value;

    *out = SLICE_NONE;
    if (at < 0)
        return no_boundary(e);
    rest = slice_sub(content_type, (size_t)at, content_type.len);
    while (rest.len) {
        if (!take_param(&rest, &name, &value))
            return no_boundary(e);
        if (!slice_is_nocase(name, "boundary"))
            continue;
        if (out->p)
            return no_boundary(e); /* two of them */
        *out = value;
    }
    if (out->len == 0 || out->len > MULTIPART_MAX_BOUNDARY ||
        out->p[out->len - 1] == ' ')
        return no_boundary(e);
    for (size_t i = 0; i < out->len; i++)
        if (!is_boundary_char(out->p[i]))
            return no_boundary(e);
    return ERR_NONE;
}

enum err_code multipart_open(struct multipart *m, struct slice content_type,
                             struct slice body, struct err *e)
{
    struct slice boundary, first;
    enum err_code code = find_boundary(content_type, &boundary, e);

    if (code != ERR_NONE)
        return code;
    *m = (struct multipart){.body = body};
    memcpy(m->mark, "\r\n--", 4);
    memcpy(m->mark + 4, boundary.p, boundary.len);
    m->delimiter = (struct slice){m->mark, 4 + boundary.len};
    first = slice_sub(m->delimiter, 2, m->delimiter.len);
    if (!slice_eq(slice_sub(body, 0, first.len), first))
        return malformed(
            m, "the body does not begin with \"--\" and the boundary", e);
    m->at = first.len;
    return ERR_NONE;
}

/* ---- a part's headers ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo the five escapes.  false: longer than max. */
static bool unescape(struct slice s, char *out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (c == '\\' && i + 1 < s.len &&
            (s.p[i + 1] == '"' || s.p[i + 1] == '\\')) {
            c = s.p[++i];
        } else if (c == '%' && i + 2 < s.len && hex(s.p[i + 1]) >= 0 &&
                   hex(s.p[i + 2]) >= 0) {
            int v = hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]);

            if (v == '"' || v == '\r' || v == '\n') {
                c = (char)v;
                i += 2;
            }
        }
        if (n == max)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static enum err_code take_disposition(const struct multipart *m,
                                      struct slice value,
                                      struct multipart_part *out, struct err *e)
{
    struct slice kind = take_token(&value), name, text;
    bool named = false;

    if (!slice_is_nocase(kind, "form-data"))
        return malformed(m, "the Content-Disposition is not form-data", e);
    while (value.len) {
        if (!take_param(&value, &name, &text))
            return malformed(m, "the Content-Disposition cannot be read", e);
        if (slice_is_nocase(name, "name") && !named) {
            named = true;
            if (text.len == 0)
                return malformed(m, "the name is empty", e);
            if (!unescape(text, out->name, MULTIPART_MAX_NAME))
                return err_set(e, ERR_TOO_LARGE,
                               "a name in the form is over %d bytes",
                               MULTIPART_MAX_NAME);
        } else if (slice_is_nocase(name, "filename") && !out->is_file) {
            out->is_file = true;
            if (!unescape(text, out->filename, MULTIPART_MAX_FILENAME))
                return err_set(e, ERR_TOO_LARGE,
                               "a file's name is over %d bytes",
                               MULTIPART_MAX_FILENAME);
        } else if (slice_is_nocase(name, "filename*")) {
            return malformed(m,
                             "\"filename*\" is not for forms (RFC 7578): send "
                             "\"filename\" in UTF-8",
                             e);
        } else {
            return malformed(
                m,
                "the Content-Disposition has a parameter twice or an "
                "unknown one",
                e);
        }
    }
    return named ? ERR_NONE
                 : malformed(m, "the Content-Disposition has no name", e);
}

static bool is_plain_encoding(struct slice v)
{
    return slice_is_nocase(v, "binary") || slice_is_nocase(v, "8bit") ||
           slice_is_nocase(v, "7bit");
}

static enum err_code take_header(const struct multipart *m, struct slice line,
                                 struct multipart_part *out, bool *disposed,
                                 struct err *e)
{
    struct slice name = take_token(&line);

    if (name.len == 0 || !slice_starts(line, ":"))
        return malformed(m, "a line of its head is no header", e);
    line = slice_trim(slice_sub(line, 1, line.len));
    if (slice_is_nocase(name, "Content-Disposition")) {
        if (*disposed)
            return malformed(m, "two Content-Dispositions", e);
        *disposed = true;
        return take_disposition(m, line, out, e);
    }
    if (slice_is_nocase(name, "Content-Type")) {
        if (out->type.p)
            return malformed(m, "two Content-Types", e);
        out->type = line;
    } else if (slice_is_nocase(name, "Content-Transfer-Encoding") &&
               !is_plain_encoding(line)) {
        return malformed(m, "a Content-Transfer-Encoding is not for forms", e);
    }
    return ERR_NONE;
}

/* UTF-8 without control characters: nobody writes a line end or a NUL into a
 * header by honest means. */
static bool is_clean(struct slice head)
{
    for (size_t i = 0; i < head.len; i++) {
        unsigned char c = (unsigned char)head.p[i];

        if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7F)
            return false;
    }
    return utf8_valid(head);
}

static enum err_code read_head(const struct multipart *m, struct slice head,
                               struct multipart_part *out, struct err *e)
{
    bool disposed = false;
    int n = 0;

    if (!is_clean(head))
        return malformed(m, "its head is not UTF-8 or has control characters",
                         e);
    while (head.len) {
        ptrdiff_t end = slice_find(head, SLICE("\r\n"));
        struct slice line =
            slice_sub(head, 0, end < 0 ? head.len : (size_t)end);
        enum err_code code;

        if (slice_find_byte(line, '\r') >= 0 ||
            slice_find_byte(line, '\n') >= 0)
            return malformed(m, "a line of its head ends without CRLF", e);
        if (++n > MAX_HEADERS)
            return err_set(e, ERR_TOO_LARGE,
                           "a part of the form has more than %d headers",
                           MAX_HEADERS);
        code = take_header(m, line, out, &disposed, e);
        if (code != ERR_NONE)
            return code;
        head = slice_sub(head, line.len + 2, head.len);
    }
    return disposed ? ERR_NONE : malformed(m, "no Content-Disposition", e);
}

/* ---- parts ---- */

/* Behind a delimiter: the end, or the CRLF before another part. */
static enum err_code read_turn(struct multipart *m, bool *more, struct err *e)
{
    struct slice rest = slice_sub(m->body, m->at, m->body.len);

    *more = slice_starts(rest, "\r\n");
    if (*more) {
        m->at += 2;
        return ERR_NONE;
    }
    if (slice_is(rest, "--") || slice_is(rest, "--\r\n"))
        return ERR_NONE;
    return malformed(m,
                     slice_starts(rest, "--")
                         ? "there is something behind the last boundary"
                         : "a boundary is not followed by a line end",
                     e);
}

enum err_code multipart_next(struct multipart *m, struct multipart_part *out,
                             bool *more, struct err *e)
{
    struct slice rest, head;
    ptrdiff_t end;
    enum err_code code = read_turn(m, more, e);

    if (code != ERR_NONE || !*more)
        return code;
    if (++m->n > MULTIPART_MAX_PARTS)
        return err_set(e, ERR_TOO_LARGE, "the form has more than %d parts",
                       MULTIPART_MAX_PARTS);
    *out = (struct multipart_part){.is_file = false};
    rest = slice_sub(m->body, m->at, m->body.len);
    end = slice_find(slice_sub(rest, 0, MULTIPART_MAX_HEAD + 4),
                     SLICE("\r\n\r\n"));
    if (end < 0 && rest.len > MULTIPART_MAX_HEAD)
        return err_set(e, ERR_TOO_LARGE,
                       "the head of a part of the form is over %d bytes",
                       MULTIPART_MAX_HEAD);
    if (end < 0)
        return malformed(m, "its head does not end", e);
    head = slice_sub(rest, 0, (size_t)end);
    code = read_head(m, head, out, e);
    if (code != ERR_NONE)
        return code;
    m->at += head.len + 4;
    rest = slice_sub(m->body, m->at, m->body.len);
    end = slice_find(rest, m->delimiter);
    if (end < 0)
        return malformed(m, "it does not end with the boundary", e);
    out->data = slice_sub(rest, 0, (size_t)end);
    m->at += out->data.len + m->delimiter.len;
    return ERR_NONE;
}
