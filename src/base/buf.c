/* buf.c - see buf.h.
 *
 * Memory doubles, so that n appended bytes cost O(n) copying; a byte more than
 * asked for is always there for the NUL.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#define FIRST_CAP 256

void buf_init(struct buf *b, size_t max)
{
    assert(max < SIZE_MAX / 4); /* so that doubling cannot wrap */
    *b = (struct buf){.max = max};
}

void buf_release(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->p)
        b->p[0] = '\0';
}

bool buf_ok(const struct buf *b)
{
    return !b->failed;
}

struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->p, b->len};
}

/* Make room for n more bytes and the NUL. */
static bool grow(struct buf *b, size_t n)
{
    size_t need, cap;
    char *p;

    if (b->failed || n > b->max - b->len) {
        b->failed = true;
        return false;
    }
    need = b->len + n + 1;
    cap = b->cap ? b->cap * 2 : FIRST_CAP;
    if (cap > b->max + 1)
        cap = b->max + 1;
    if (cap < need)
        cap = need;
    p = mem_realloc(b->p, cap);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

/* The hot test: true when n more bytes and a NUL fit where we are. */
static inline bool reserve(struct buf *b, size_t n)
{
    if (__builtin_expect(!b->failed && n < b->cap - b->len, 1))
        return true;
    return grow(b, n);
}

char *buf_take(struct buf *b, size_t *len)
{
    char *p;

    if (!reserve(b, 0)) {
        buf_release(b);
        return NULL;
    }
    p = b->p;
    p[b->len] = '\0';
    if (len)
        *len = b->len;
    *b = (struct buf){.max = b->max};
    return p;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0 || !reserve(b, n))
        return;
    memcpy(b->p + b->len, p, n);
    b->len += n;
    b->p[b->len] = '\0';
}

void buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.p, s.len);
}

void buf_add_str(struct buf *b, const char *cstr)
{
    buf_add(b, cstr, strlen(cstr));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    char text[NUM_TEXT];

    buf_add(b, text, num_u64(text, v));
}

void buf_add_i64(struct buf *b, int64_t v)
{
    char text[NUM_TEXT];

    buf_add(b, text, num_i64(text, v));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    size_t room;
    int n;

    if (!reserve(b, 0))
        return;
    room = b->cap - b->len;
    va_copy(again, ap);
    n = vsnprintf(b->p + b->len, room, fmt, ap);
    assert(n >= 0); /* only a broken format or 2 GB of text */
    if ((size_t)n >= room) {
        b->p[b->len] = '\0';
        if (reserve(b, (size_t)n))
            vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
        else
            n = 0;
    }
    va_end(again);
    b->len += (size_t)n;
}

char *buf_room(struct buf *b, size_t n)
{
    return reserve(b, n) ? b->p + b->len : NULL;
}

void buf_grew(struct buf *b, size_t n)
{
    assert(n < b->cap - b->len);
    b->len += n;
    b->p[b->len] = '\0';
}

void buf_cut(struct buf *b, size_t len)
{
    assert(len <= b->len);
    b->len = len;
    if (b->p)
        b->p[len] = '\0';
}

void buf_drop(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->len - n + 1);
    b->len -= n;
}
