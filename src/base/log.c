/* log.c - see log.h.
 *
 * A line is built on the stack and leaves in one write(), so no lock is needed
 * and lines of several threads never mix (a pipe takes up to 4,096 bytes in
 * one piece, which is why a line is no longer than that).  Nothing here
 * allocates: the log works when memory is short.
 */
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/utf8.h"

#define LINE_BYTES 4096
#define AREA_BYTES 64
#define MSG_BYTES 500 /* with the area, six times escaped, fits in a line */
#define VALUE_BYTES 1000
/* the last three bytes are for what closes a line: quote, brace, line end */
#define BODY_BYTES (LINE_BYTES - 3)

struct line {
    char text[LINE_BYTES];
    size_t len;
};

static enum log_level least = LOG_INFO;
static bool as_json;

static const char *const level_names[] = {"debug", "info", "warn", "error",
                                          "off"};

void log_setup(enum log_level level, bool json)
{
    least = level;
    as_json = json;
}

bool log_level_parse(const char *name, enum log_level *out)
{
    unsigned i;

    for (i = 0; i <= LOG_OFF; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return level >= least && level < LOG_OFF;
}

/* All or nothing, leaving room for the closing bytes. */
static bool put(struct line *l, const char *p, size_t n)
{
    if (l->len + n > BODY_BYTES)
        return false;
    memcpy(l->text + l->len, p, n);
    l->len += n;
    return true;
}

static bool put_str(struct line *l, const char *s)
{
    return put(l, s, strlen(s));
}

/* May use the bytes that put() keeps free. */
static void close_with(struct line *l, char c)
{
    l->text[l->len++] = c;
}

/* One code point as it may stand in a line, in `out` (6 bytes are enough). */
static size_t escape(char out[8], uint32_t cp)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
    const char *hit = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;

    if (hit) {
        out[0] = '\\';
        out[1] = to[hit - from];
        return 2;
    }
    if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0)) {
        memcpy(out, "\\u00", 4);
        out[4] = hex[cp >> 4];
        out[5] = hex[cp & 15];
        return 6;
    }
    return utf8_put(out, cp);
}

static void put_escaped(struct line *l, struct slice s)
{
    size_t at = 0;
    char out[8];

    while (at < s.len) {
        uint32_t cp = utf8_next(s, &at);

        if (!put(l, out, escape(out, cp)))
            return;
    }
}

static void put_quoted(struct line *l, struct slice s)
{
    if (!put(l, "\"", 1))
        return;
    put_escaped(l, s);
    close_with(l, '"');
}

/* In text form quotes stand only where a reader would lose his way. */
static bool needs_quotes(struct slice s)
{
    size_t i;

    for (i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] <= ' ' || strchr("\"\\=", s.p[i]))
            return true;
    return s.len == 0;
}

static void put_string(struct line *l, struct slice s, size_t max_bytes)
{
    if (s.len > max_bytes)
        s = utf8_cut(s, max_bytes);
    if (as_json || needs_quotes(s))
        put_quoted(l, s);
    else
        put_escaped(l, s);
}

static void put_value(struct line *l, const struct log_value *v)
{
    char text[NUM_TEXT];

    switch (v->is) {
    case LOG_IS_STR:
        put_string(l, v->s, VALUE_BYTES);
        break;
    case LOG_IS_INT:
        put(l, text, num_i64(text, v->i));
        break;
    case LOG_IS_DOUBLE:
        if (isfinite(v->d))
            put(l, text, num_double(text, v->d));
        else
            put_str(l, "null");
        break;
    }
}

/* `,"key":value` or ` key=value`; left out whole when it would not fit. */
static void put_pair(struct line *l, const struct log_value *v)
{
    size_t key = strlen(v->key);

    /* 40: punctuation and the longest number, or the start of a text */
    if (l->len + key + 40 > BODY_BYTES)
        return;
    if (as_json) {
        if (put(l, ",\"", 2) && put(l, v->key, key) && put(l, "\":", 2))
            put_value(l, v);
    } else if (put(l, " ", 1) && put(l, v->key, key) && put(l, "=", 1)) {
        put_value(l, v);
    }
}

static void put_head(struct line *l, enum log_level level, const char *area,
                     const char *msg)
{
    char time[CLOCK_TEXT];

    clock_format(time, clock_now_us());
    if (as_json) {
        put_str(l, "{\"time\":\"");
        put_str(l, time);
        put_str(l, "\",\"level\":\"");
        put_str(l, level_names[level]);
        put_str(l, "\",\"area\":");
        put_quoted(l, utf8_cut(slice_of(area), AREA_BYTES));
        put_str(l, ",\"msg\":");
        put_quoted(l, utf8_cut(slice_of(msg), MSG_BYTES));
    } else {
        put_str(l, time);
        put_str(l, " ");
        put_str(l, level_names[level]);
        put_str(l, strlen(level_names[level]) < 5 ? "  " : " ");
        put_escaped(l, utf8_cut(slice_of(area), AREA_BYTES));
        put_str(l, " ");
        put_escaped(l, utf8_cut(slice_of(msg), MSG_BYTES));
    }
}

/* Nobody could be told about a failure here, so it is let go. */
static void send_line(const struct line *l)
{
    size_t done = 0;
    ssize_t n;

    while (done < l->len) {
        n = write(STDERR_FILENO, l->text + done, l->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        done += (size_t)n;
    }
}

void log_write(enum log_level level, const char *area, const char *msg,
               const struct log_value *values)
{
    int saved = errno; /* a caller may still want to look at it */
    struct line l;

    if (!log_enabled(level))
        return;
    l.len = 0;
    put_head(&l, level, area, msg);
    for (; values->key; values++)
        put_pair(&l, values);
    if (as_json)
        close_with(&l, '}');
    close_with(&l, '\n');
    send_line(&l);
    errno = saved;
}
