/* regex.c - see regex.h.
 *
 * A pattern is walked through once before PCRE2 sees it.  That refuses what
 * only PCRE2 knows, so that a pattern which is taken here is one that Chroma's
 * server takes too, and writes what the two spell differently the way of PCRE2
 * (docs/decisions/0017-chroma-api.md says why it is PCRE2 at all).
 */
#include "processor/regex.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "processor/pcre2_lib.h"

/* "\v" becomes "\x0B": nothing grows more than that. */
#define MAX_TRANSLATED (2 * REGEX_MAX_BYTES + 16)
/* As far as it went took 1 to 41 ms, over 3,000 times "x" (docs/chroma.md). */
#define MATCH_LIMIT 1000000
#define HEAP_LIMIT_KIB (32u << 10)

struct regex {
    pcre2_code_8 *code;
    pcre2_match_context_8 *context;
};

/* ---- the walk ---- */

struct walk {
    struct slice s;
    size_t pos;
    struct buf out;
    struct err *e;
};

static enum err_code bad(struct walk *w, const char *what)
{
    return err_set(w->e, ERR_INVALID, "%s, at byte %zu of the pattern", what,
                   w->pos);
}

/* The byte at `ahead` from here, or NUL. */
static char peek(const struct walk *w, size_t ahead)
{
    return w->pos + ahead < w->s.len ? w->s.p[w->pos + ahead] : '\0';
}

static void copy(struct walk *w, size_t n)
{
    struct slice part = slice_sub(w->s, w->pos, w->pos + n);

    buf_add_slice(&w->out, part);
    w->pos += part.len;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* \xHH, \uHHHH, \UHHHHHHHH, or with braces: written as \x{...}. */
static enum err_code walk_code_point(struct walk *w)
{
    char kind = peek(w, 1);
    size_t n = kind == 'x' ? 2 : kind == 'u' ? 4 : 8, i;
    bool braces = peek(w, 2) == '{';
    size_t from = braces ? 3 : 2;

    for (i = 0; is_hex(peek(w, from + i)) && (braces || i < n); i++)
        ;
    if (i == 0 || i > 8 || (braces ? peek(w, from + i) != '}' : i < n))
        return bad(w, "a code point is not hexadecimal");
    w->pos += from;
    buf_add_str(&w->out, "\\x{");
    copy(w, i);
    buf_add_char(&w->out, '}');
    w->pos += braces;
    return ERR_NONE;
}

/* \pL, \p{Greek}, \P{^L}: the same in both. */
static enum err_code walk_property(struct walk *w)
{
    size_t n = 3;

    if (peek(w, 2) == '{') {
        while (peek(w, n) && peek(w, n) != '}')
            n++;
        n++;
    }
    copy(w, n);
    return ERR_NONE;
}

static enum err_code walk_escape(struct walk *w, bool in_class)
{
    char c = peek(w, 1);

    switch (c) {
    case '\0':
        return bad(w, "the pattern ends with a backslash");
    case 'x':
    case 'u':
    case 'U':
        return walk_code_point(w);
    case 'p':
    case 'P':
        return walk_property(w);
    case 'v': /* to PCRE2 any vertical space */
        buf_add_str(&w->out, "\\x0B");
        w->pos += 2;
        return ERR_NONE;
    case 'b':
    case 'B':
    case 'A':
    case 'z':
        if (in_class)
            return bad(w, "an assertion has no place in a class");
        break;
    default:
        if (is_digit(c) || c == 'k' || c == 'g')
            return bad(w, "references back are not supported");
        if (((c | 32) >= 'a' && (c | 32) <= 'z' && !strchr("dDsSwWaftnr", c)) ||
            (unsigned char)c >= 0x80)
            return bad(w, "unknown escape");
    }
    copy(w, 2);
    return ERR_NONE;
}

static enum err_code walk_class(struct walk *w)
{
    enum err_code code = ERR_NONE;

    copy(w, 1);
    if (peek(w, 0) == '^')
        copy(w, 1);
    if (peek(w, 0) == ']')
        copy(w, 1);
    while (code == ERR_NONE && peek(w, 0) != ']') {
        char c = peek(w, 0);

        if (w->pos >= w->s.len)
            return bad(w, "unclosed character class");
        if (c == '\\') {
            code = walk_escape(w, true);
        } else if (c == '[' && peek(w, 1) == ':') {
            do
                copy(w, 1);
            while (peek(w, 0) && peek(w, 0) != ']');
            copy(w, 1);
        } else if (c == '[') {
            return bad(w, "classes inside classes are not supported; write "
                          "\\[ for the bracket");
        } else if ((c == '&' || c == '-' || c == '~') && peek(w, 1) == c) {
            return bad(w, "&&, -- and ~~ in classes are not supported");
        } else {
            copy(w, 1);
        }
    }
    copy(w, 1);
    return code;
}

/* "(?i-s)" or "(?i-s:": flags. */
static enum err_code walk_flags(struct walk *w)
{
    bool off = false;

    buf_add_str(&w->out, "(?");
    for (w->pos += 2; peek(w, 0) != ')' && peek(w, 0) != ':';) {
        char c = peek(w, 0);

        if (c == 'u' && !off) { /* is always on */
            w->pos++;
            continue;
        }
        if (c == '\0' || !strchr("imsxU-", c) || (c == '-' && off))
            return bad(w, "unknown flag or kind of group");
        off |= c == '-';
        copy(w, 1);
    }
    copy(w, 1);
    return ERR_NONE;
}

static enum err_code walk_group(struct walk *w)
{
    char c = peek(w, 2), next = peek(w, 3);

    if (peek(w, 1) == '*')
        return bad(w, "a repetition has nothing to repeat");
    if (peek(w, 1) != '?') {
        copy(w, 1);
        return ERR_NONE;
    }
    if (c == '=' || c == '!' || (c == '<' && (next == '=' || next == '!')))
        return bad(w, "look-around, including look-ahead and look-behind, is "
                      "not supported");
    if (c == '<' || (c == 'P' && next == '<')) {
        copy(w, c == 'P' ? 4 : 3);
        return ERR_NONE;
    }
    return walk_flags(w);
}

/* {2}, {2,}, {2,5}: to PCRE2 other braces are themselves. */
static enum err_code walk_braces(struct walk *w)
{
    size_t n = 1, digits;

    while (is_digit(peek(w, n)))
        n++;
    digits = n - 1;
    if (peek(w, n) == ',')
        for (n++; is_digit(peek(w, n)); n++)
            ;
    if (digits == 0 || peek(w, n) != '}')
        return bad(w, "a repetition in braces is malformed; write \\{ for the "
                      "brace");
    copy(w, n + 1);
    return ERR_NONE;
}

static enum err_code walk(struct walk *w)
{
    enum err_code code = ERR_NONE;
    bool repeats = false; /* the token before was a repetition */

    while (code == ERR_NONE && w->pos < w->s.len) {
        char c = peek(w, 0);
        bool is_op = c == '*' || c == '+' || c == '?' || c == '{';

        if (repeats && is_op && c != '?')
            return bad(w, "a repetition is repeated; use a group");
        if (c == '\\')
            code = walk_escape(w, false);
        else if (c == '[')
            code = walk_class(w);
        else if (c == '(')
            code = walk_group(w);
        else if (c == '{')
            code = walk_braces(w);
        else
            copy(w, 1);
        repeats = is_op && !(repeats && c == '?');
    }
    return code;
}

/* ---- PCRE2 ---- */

static enum err_code no_memory(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "out of memory");
}

static enum err_code compile(struct regex *r, struct slice pattern,
                             struct err *e)
{
    pcre2_compile_context_8 *c = pcre2_lib.pcre2_compile_context_create_8(NULL);
    int error = 0;
    size_t at = 0;
    char text[120];

    if (!c)
        return no_memory(e);
    (void)pcre2_lib.pcre2_set_newline_8(c, PCRE2_NEWLINE_LF);
    r->code = pcre2_lib.pcre2_compile_8(
        (PCRE2_SPTR8)(pattern.p ? pattern.p : ""), pattern.len,
        PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C |
            PCRE2_NO_AUTO_CAPTURE,
        &error, &at, c);
    pcre2_lib.pcre2_compile_context_free_8(c);
    if (!r->code) {
        (void)pcre2_lib.pcre2_get_error_message_8(error, (PCRE2_UCHAR8 *)text,
                                                  sizeof(text));
        return err_set(e, ERR_INVALID, "%s, near byte %zu of the pattern", text,
                       at);
    }
    /* Where the system refuses memory that can be executed it interprets. */
    (void)pcre2_lib.pcre2_jit_compile_8(r->code, PCRE2_JIT_COMPLETE);
    r->context = pcre2_lib.pcre2_match_context_create_8(NULL);
    if (!r->context)
        return no_memory(e);
    (void)pcre2_lib.pcre2_set_match_limit_8(r->context, MATCH_LIMIT);
    (void)pcre2_lib.pcre2_set_heap_limit_8(r->context, HEAP_LIMIT_KIB);
    return ERR_NONE;
}

enum err_code regex_compile(struct regex **out, struct slice pattern,
                            struct err *e)
{
    struct walk w = {.s = pattern, .e = e};
    struct regex *r;
    enum err_code code;

    if (pattern.len > REGEX_MAX_BYTES)
        return err_set(e, ERR_INVALID, "the pattern is longer than %d bytes",
                       REGEX_MAX_BYTES);
    code = pcre2_lib_load(e);
    if (code != ERR_NONE)
        return code;
    r = calloc(1, sizeof(*r));
    if (!r)
        return no_memory(e);
    buf_init(&w.out, MAX_TRANSLATED);
    code = walk(&w);
    if (code == ERR_NONE)
        code = buf_ok(&w.out) ? compile(r, buf_slice(&w.out), e) : no_memory(e);
    buf_release(&w.out);
    if (code != ERR_NONE)
        regex_free(r);
    else
        *out = r;
    return code;
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    if (r->code)
        pcre2_lib.pcre2_code_free_8(r->code);
    if (r->context)
        pcre2_lib.pcre2_match_context_free_8(r->context);
    free(r);
}

enum err_code regex_matches(const struct regex *r, struct slice text, bool *out,
                            struct err *e)
{
    pcre2_match_data_8 *data = pcre2_lib.pcre2_match_data_create_8(1, NULL);
    PCRE2_SPTR8 p = (PCRE2_SPTR8)(text.p ? text.p : "");
    int n;

    if (!data)
        return no_memory(e);
    n = pcre2_lib.pcre2_match_8(r->code, p, text.len, 0, PCRE2_NO_UTF_CHECK,
                                data, r->context);
    if (n == PCRE2_ERROR_JIT_STACKLIMIT) /* 32 kB; the other way takes heap */
        n = pcre2_lib.pcre2_match_8(r->code, p, text.len, 0,
                                    PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data,
                                    r->context);
    pcre2_lib.pcre2_match_data_free_8(data);
    if (n < 0 && n != PCRE2_ERROR_NOMATCH)
        return err_set(e, ERR_UNPROCESSABLE,
                       "the pattern takes too many steps over a text of %zu "
                       "bytes",
                       text.len);
    *out = n >= 0;
    return ERR_NONE;
}
