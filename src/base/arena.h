/* arena.h - memory for one unit of work, freed in one place.
 *
 * An arena has a cap.  Sizes that come from outside are checked against it: a
 * request over the cap, or one that the system has no memory for, returns NULL
 * and the caller reports ERR_TOO_LARGE.
 * Memory is taken in blocks that double from 4 kB to 256 kB; arena_reset keeps
 * one small block, so that a parked owner costs little.  In sanitizer builds
 * each allocation is its own malloc, so that overruns and use after reset are
 * caught.
 *
 * Ownership: everything allocated dies with arena_reset or arena_free.
 * Threads: one arena belongs to one thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

struct arena;

/* A new arena that never hands out more than max_bytes in all (each piece
 * rounded up to 16).  NULL: out of memory. */
struct arena *arena_new(size_t max_bytes) CHECKED;
void arena_free(struct arena *a); /* takes NULL */
void arena_reset(struct arena *a);
size_t arena_used(const struct arena *a);

/* n bytes, aligned to 16, not cleared / cleared.  NULL: over the cap
 * or out of memory. */
void *arena_alloc(struct arena *a, size_t n) CHECKED;
void *arena_calloc(struct arena *a, size_t n, size_t size) CHECKED;
/* Copies, each with a NUL behind it.  NULL, for slices p == NULL: as above
 * (a copy of an empty slice has p != NULL). */
char *arena_strdup(struct arena *a, const char *s) CHECKED;
char *arena_strndup(struct arena *a, const char *s, size_t n) CHECKED;
struct slice arena_slice(struct arena *a, struct slice s) CHECKED;
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
