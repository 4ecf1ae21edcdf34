/* buf.h - bytes that grow, up to a stated maximum.
 *
 * Failure is sticky: an append that would pass the maximum sets `failed`, and
 * every later append does nothing.  Write as much as you like, then ask
 * buf_ok() once.  Out of memory counts as failed too.
 *
 * Ownership: buf_init takes nothing; buf_release frees; buf_take hands the
 * bytes to the caller (free()).  b->p is NUL-terminated whenever len > 0.
 * Threads: one buf belongs to one thread at a time.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct buf {
    char *p;    /* owned */
    size_t len; /* bytes in use */
    size_t cap;
    size_t max; /* never longer than this */
    bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* empty and not failed; keeps the memory */
bool buf_ok(const struct buf *b) CHECKED;
struct slice
buf_slice(const struct buf *b);             /* borrowed until the next append */
char *buf_take(struct buf *b, size_t *len); /* never NULL unless failed */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *cstr);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_add_i64(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
/* Room for n more bytes to be written at the returned place, then buf_grew().
 * NULL and failed if it would pass the maximum. */
char *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
void buf_cut(struct buf *b, size_t len); /* shorten to len */
void buf_drop(struct buf *b, size_t n);  /* remove n bytes at the front */

#endif
