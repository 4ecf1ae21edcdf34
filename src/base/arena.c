/* arena.c - see arena.h.
 *
 * A list of blocks, newest first; a piece is cut from the newest one.  A piece
 * that would waste more than a quarter of a fresh block gets a block of its
 * own size, put behind the newest one, so that the rest of that stays in use.
 * Under AddressSanitizer every piece is such a block, and each is a malloc.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define ALIGN 16
#define FIRST_BLOCK ((size_t)4 * 1024)
#define LAST_BLOCK ((size_t)256 * 1024)

#if defined(__SANITIZE_ADDRESS__)
#define ONE_PIECE_A_BLOCK true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_PIECE_A_BLOCK true
#endif
#endif
#ifndef ONE_PIECE_A_BLOCK
#define ONE_PIECE_A_BLOCK false
#endif

struct block {
    struct block *next;
    size_t size; /* of bytes[] */
    _Alignas(ALIGN) char bytes[];
};

struct arena {
    struct block *blocks; /* newest first; owned */
    size_t filled;        /* bytes in use of the newest block */
    size_t next_size;     /* of the next block, header included */
    size_t used;          /* bytes handed out */
    size_t max;
};

struct arena *arena_new(size_t max_bytes)
{
    struct arena *a = mem_alloc(sizeof(*a));

    if (a)
        *a = (struct arena){.next_size = FIRST_BLOCK, .max = max_bytes};
    return a;
}

static void free_blocks(struct block *b)
{
    struct block *next;

    for (; b; b = next) {
        next = b->next;
        mem_free(b);
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    free_blocks(a->blocks);
    mem_free(a);
}

void arena_reset(struct arena *a)
{
    struct block **at = &a->blocks, *keep = NULL;

    while (!ONE_PIECE_A_BLOCK && *at && !keep) {
        if ((*at)->size == FIRST_BLOCK - sizeof(struct block)) {
            keep = *at;
            *at = keep->next;
            keep->next = NULL;
        } else {
            at = &(*at)->next;
        }
    }
    free_blocks(a->blocks);
    a->blocks = keep;
    a->filled = 0;
    a->used = 0;
    a->next_size = keep ? FIRST_BLOCK * 2 : FIRST_BLOCK;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

static struct block *block_new(size_t size)
{
    struct block *b = mem_alloc(sizeof(*b) + size);

    if (b)
        b->size = size;
    return b;
}

/* A block for this piece alone, behind the newest one. */
static void *alloc_alone(struct arena *a, size_t n)
{
    struct block *b = block_new(n);

    if (!b)
        return NULL;
    if (a->blocks) {
        b->next = a->blocks->next;
        a->blocks->next = b;
    } else {
        b->next = NULL;
        a->blocks = b;
        a->filled = n;
    }
    return b->bytes;
}

static void *alloc_from_new_block(struct arena *a, size_t n)
{
    struct block *b = block_new(a->next_size - sizeof(*b));

    if (!b)
        return NULL;
    if (a->next_size < LAST_BLOCK)
        a->next_size *= 2;
    b->next = a->blocks;
    a->blocks = b;
    a->filled = n;
    return b->bytes;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t round;
    void *p;

    if (n == 0)
        n = 1;
    if (n > SIZE_MAX / 2)
        return NULL;
    round = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (round > a->max - a->used)
        return NULL;
    if (ONE_PIECE_A_BLOCK) {
        p = alloc_alone(a, n); /* not rounded: an overrun of one byte shows */
    } else if (a->blocks && round <= a->blocks->size - a->filled) {
        p = a->blocks->bytes + a->filled;
        a->filled += round;
    } else if (round > a->next_size / 4) {
        p = alloc_alone(a, round);
    } else {
        p = alloc_from_new_block(a, round);
    }
    if (p)
        a->used += round;
    return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    void *p;

    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    p = arena_alloc(a, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *copy = n < SIZE_MAX ? arena_alloc(a, n + 1) : NULL;

    if (!copy)
        return NULL;
    if (n > 0)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

struct slice arena_slice(struct arena *a, struct slice s)
{
    char *copy = arena_strndup(a, s.p, s.len);

    return copy ? (struct slice){copy, s.len} : SLICE_NONE;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    char *text;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(n >= 0); /* only a broken format or 2 GB of text */
    text = arena_alloc(a, (size_t)n + 1);
    if (!text)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}
