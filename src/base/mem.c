/* mem.c - see mem.h. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static atomic_uint fail_in; /* 0: never */
static atomic_bool has_failed;

/* Out of line: only a test gets here. */
static __attribute__((noinline, cold)) bool count_down(void)
{
    if (atomic_fetch_sub(&fail_in, 1) != 1)
        return false;
    atomic_store(&has_failed, true);
    return true;
}

static inline bool must_fail(void)
{
    unsigned n = atomic_load_explicit(&fail_in, memory_order_relaxed);

    return __builtin_expect(n != 0, 0) && count_down();
}

void *mem_alloc(size_t n)
{
    return must_fail() ? NULL : malloc(n ? n : 1);
}

void *mem_realloc(void *p, size_t n)
{
    return must_fail() ? NULL : realloc(p, n ? n : 1);
}

void mem_free(void *p)
{
    free(p);
}

void *mem_need(size_t n)
{
    void *p = mem_alloc(n);

    if (!p) {
        log_error("memory", "out of memory", LOG_I("bytes", (int64_t)n));
        abort();
    }
    memset(p, 0, n);
    return p;
}

char *mem_strndup(const char *p, size_t n)
{
    char *copy = mem_alloc(n + 1);

    if (!copy)
        return NULL;
    if (n > 0)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

void mem_fail_after(unsigned n)
{
    atomic_store(&has_failed, false);
    atomic_store(&fail_in, n);
}

bool mem_has_failed(void)
{
    return atomic_load(&has_failed);
}
