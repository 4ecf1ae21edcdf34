/* postgres_lib.c - see postgres_lib.h. */
#include "store/postgres_lib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

struct postgres_lib pq;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char failure[200]; /* empty: loaded */

static void load(void)
{
    static const struct {
        const char *name;
        size_t offset;
    } functions[] = {
#define X(f) {#f, offsetof(struct postgres_lib, f)},
        POSTGRES_LIB(X)
#undef X
    };
    void *lib = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);

    if (!lib) {
        snprintf(failure, sizeof(failure),
                 "PostgreSQL needs libpq.so.5 (Debian package libpq5): %s",
                 dlerror());
        return;
    }
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
        void *f = dlsym(lib, functions[i].name);

        if (!f) {
            snprintf(failure, sizeof(failure),
                     "libpq is too old: it has no %s; 14 or newer is needed",
                     functions[i].name);
            return;
        }
        /* POSIX lets a pointer to a function be stored this way. */
        *(void **)((char *)&pq + functions[i].offset) = f;
    }
}

enum err_code postgres_lib_load(struct err *e)
{
    pthread_once(&once, load);
    return failure[0] ? err_set(e, ERR_UNAVAILABLE, "%s", failure) : ERR_NONE;
}
