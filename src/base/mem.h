/* mem.h - the one door through which base/ takes memory.
 *
 * Thin over malloc: what comes out may be given to free().  It exists so that
 * a test can make any single allocation fail and see that the caller reports
 * it and leaks nothing.  jansson allocates through it too (json.c).
 *
 * Threads: any; the countdown is one for the whole process.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* As malloc, realloc and free.  A size of 0 gives a valid pointer. */
void *mem_alloc(size_t n) __attribute__((malloc, warn_unused_result));
void *mem_realloc(void *p, size_t n) __attribute__((warn_unused_result));
void mem_free(void *p); /* takes NULL */
/* n zero bytes; without memory the process ends.  For small things of a fixed
 * size, and what was checked against a maximum: where nobody could go on. */
void *mem_need(size_t n) __attribute__((malloc, warn_unused_result));
/* Copy of n bytes with a NUL behind; NULL: out of memory. */
char *mem_strndup(const char *p, size_t n) __attribute__((warn_unused_result));

/* For tests: the n-th allocation from now (1 is the next) returns NULL, the
 * others work.  0 switches it off. */
void mem_fail_after(unsigned n);
/* For tests: has the failure asked for last taken place? */
bool mem_has_failed(void);

#endif
