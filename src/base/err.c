/* err.c - see err.h.
 *
 * Messages are formatted into a scratch buffer first, so that the old message
 * may be an argument of the new one.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Format into out[size]; what is too long is cut between code points. */
static __attribute__((format(printf, 3, 0))) void
format(char *out, size_t size, const char *fmt, va_list ap)
{
    int n = vsnprintf(out, size, fmt, ap);

    if (n < 0)
        out[0] = '\0';
    else if ((size_t)n >= size)
        out[utf8_cut((struct slice){out, size - 1}, size - 1).len] = '\0';
}

/* Both source and destination are terminated; a field too long is cut. */
static void set_field(struct err *e, const char *field)
{
    struct slice s = utf8_cut(slice_of(field), sizeof(e->field) - 1);

    if (s.len > 0)
        memcpy(e->field, s.p, s.len);
    e->field[s.len] = '\0';
}

static __attribute__((format(printf, 4, 0))) void
set(struct err *e, enum err_code code, const char *field, const char *fmt,
    va_list ap)
{
    char msg[sizeof(e->msg)];

    format(msg, sizeof(msg), fmt, ap);
    set_field(e, field);
    e->code = code;
    memcpy(e->msg, msg, sizeof(msg));
}

enum err_code err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    if (e) {
        va_start(ap, fmt);
        set(e, code, "", fmt, ap);
        va_end(ap);
    }
    return code;
}

enum err_code err_field(struct err *e, const char *field, const char *fmt, ...)
{
    va_list ap;

    if (e) {
        va_start(ap, fmt);
        set(e, ERR_INVALID, field, fmt, ap);
        va_end(ap);
    }
    return ERR_INVALID;
}

void err_prefix(struct err *e, const char *fmt, ...)
{
    char msg[sizeof(e->msg)];
    va_list ap;
    size_t n;

    if (!e || e->code == ERR_NONE)
        return;
    va_start(ap, fmt);
    format(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    n = strlen(msg);
    if (n + 2 < sizeof(msg)) {
        struct slice rest = utf8_cut(slice_of(e->msg), sizeof(msg) - n - 3);

        memcpy(msg + n, ": ", 2);
        memcpy(msg + n + 2, rest.p, rest.len);
        msg[n + 2 + rest.len] = '\0';
    }
    memcpy(e->msg, msg, strlen(msg) + 1);
}

const char *err_name(enum err_code code)
{
    static const char *const names[ERR_N] = {
        [ERR_NONE] = "none",
        [ERR_INVALID] = "invalid",
        [ERR_UNAUTHORIZED] = "unauthorized",
        [ERR_FORBIDDEN] = "forbidden",
        [ERR_NOT_FOUND] = "not_found",
        [ERR_CONFLICT] = "conflict",
        [ERR_TOO_LARGE] = "too_large",
        [ERR_UNPROCESSABLE] = "unprocessable",
        [ERR_LIMIT] = "limit",
        [ERR_INTERNAL] = "internal",
        [ERR_UNAVAILABLE] = "unavailable",
        [ERR_TIMEOUT] = "timeout",
        [ERR_NO_SPACE] = "no_space",
        [ERR_CANCELLED] = "cancelled",
    };

    return (unsigned)code < ERR_N ? names[code] : "unknown";
}
