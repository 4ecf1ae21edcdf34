/* err.h - how a function says that it could not do what was asked.
 *
 * A function that can fail returns enum err_code and takes `struct err *e`
 * last.  The message is set once, at the cause, and can be logged or shown as
 * it stands: lower case, no full stop, the subject in single quotes.  Callers
 * branch on the code and pass the message up.  `e` is left alone on success.
 *
 * Threads: no shared state.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define CHECKED __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* What went wrong, as far as a caller can act on it.  net/ maps each to an
 * HTTP status in one table (the number beside it). */
enum err_code {
    ERR_NONE = 0,
    ERR_INVALID,       /* the input is wrong: 400 */
    ERR_UNAUTHORIZED,  /* no or wrong credentials: 401 */
    ERR_FORBIDDEN,     /* credentials do not help: 403 */
    ERR_NOT_FOUND,     /* 404 */
    ERR_CONFLICT,      /* not in this state, or already there: 409 */
    ERR_TOO_LARGE,     /* over a stated size: 413 */
    ERR_UNPROCESSABLE, /* understood, but cannot be: 422 */
    ERR_LIMIT,         /* too many, slow down: 429 */
    ERR_INTERNAL,      /* our bug: 500 */
    ERR_UNAVAILABLE,   /* a backend is down or a queue is full: 503 */
    ERR_TIMEOUT,       /* a peer did not answer in time: 504 */
    ERR_NO_SPACE,      /* the disk is full: 507 */
    ERR_CANCELLED,     /* somebody asked us to stop; not a fault */
    ERR_N
};

struct err {
    enum err_code code;
    char field[64]; /* the input field that is wrong, or "" */
    char msg[400];
};

/* Set code and message; returns `code` so that it can end a function.  `e` may
 * be NULL.  A message too long is cut at a code point. */
enum err_code err_set(struct err *e, enum err_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* The same for a wrong input: ERR_INVALID, and the name of the field. */
enum err_code err_field(struct err *e, const char *field, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Put "prefix: " before the message that is there (context added on the way
 * up).  Does nothing to an error without a code. */
void err_prefix(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "invalid", "not_found", ...: for logs. */
const char *err_name(enum err_code code);

#endif
