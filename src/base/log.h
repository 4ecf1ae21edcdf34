/* log.h - one line an event: level, area, message, named values.
 *
 *     log_info("scraper", "page stored", LOG_S("job", id), LOG_I("papers", n));
 *
 * text:  2026-11-23T10:00:00Z info  scraper page stored job=arxiv-17 papers=50
 * json:  {"time":"…","level":"info","area":"scraper",
 *        "msg":"page stored","job":"arxiv-17","papers":50}
 * Goes to stderr in one write() a line of at most 4,096 bytes.  Messages are
 * cut at 500 bytes, values at 1,000, a pair that no longer fits is left out;
 * quotes, line ends and control characters are escaped. Secrets are never given
 * to it.
 *
 * Threads: any.  log_setup once, before threads start.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

struct log_value {
    const char *key; /* NULL ends the list */
    enum { LOG_IS_STR, LOG_IS_INT, LOG_IS_DOUBLE } is;
    struct slice s;
    int64_t i;
    double d;
};

#define LOG_S(k, cstr)                                                         \
    ((struct log_value){.key = (k), .is = LOG_IS_STR, .s = slice_of(cstr)})
#define LOG_SL(k, sl)                                                          \
    ((struct log_value){.key = (k), .is = LOG_IS_STR, .s = (sl)})
#define LOG_I(k, v) ((struct log_value){.key = (k), .is = LOG_IS_INT, .i = (v)})
#define LOG_D(k, v)                                                            \
    ((struct log_value){.key = (k), .is = LOG_IS_DOUBLE, .d = (v)})

void log_setup(enum log_level level, bool json);
bool log_level_parse(const char *name, enum log_level *out);
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *area, const char *msg,
               const struct log_value *values);

#define log_at(level, area, msg, ...)                                          \
    (log_enabled(level) ? log_write((level), (area), (msg),                    \
                                    (const struct log_value[]){                \
                                        __VA_ARGS__ __VA_OPT__(, ){0}})        \
                        : (void)0)
#define log_debug(area, ...) log_at(LOG_DEBUG, area, __VA_ARGS__)
#define log_info(area, ...) log_at(LOG_INFO, area, __VA_ARGS__)
#define log_warn(area, ...) log_at(LOG_WARN, area, __VA_ARGS__)
#define log_error(area, ...) log_at(LOG_ERROR, area, __VA_ARGS__)

#endif
