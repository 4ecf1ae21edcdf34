/* dynlib.h - libraries that are loaded when they are first needed.
 *
 * libpq, libcurl and libxml2 bring thirty more libraries along (LDAP, Kerberos,
 * GnuTLS, ICU, ...).  Linked the ordinary way they cost 5 MB resident and
 * several milliseconds at every start, also of a process that will never use
 * them (docs/decisions/0005-libraries-on-demand.md).
 *
 * A user lists its functions once, in an X-macro:
 *
 *     #define CURL_LIB(X) X(curl_easy_init) X(curl_easy_perform)
 *     DYNLIB_DECLARE(curl_lib, CURL_LIB)                  in the header
 *
 *     #define SYMBOL(f) DYNLIB_SYMBOL(curl_lib, f)        in a .c
 *     DYNLIB_DEFINE(curl_lib, CURL_LIB(SYMBOL), "libcurl.so.4", "libcurl4")
 *
 * and then calls curl_lib.curl_easy_init() once curl_lib_load() has succeeded.
 *
 * Threads: any.
 */
#ifndef BASE_DYNLIB_H
#define BASE_DYNLIB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct dynlib_symbol {
    const char *name;
    size_t offset; /* of its pointer in the struct of pointers */
};

struct dynlib {
    const char *soname;
    const char *package; /* Debian's, for the error message */
    const struct dynlib_symbol *symbols;
    size_t n_symbols;
    pthread_mutex_t lock;
    bool loaded;
};

/* Load it unless it is loaded, and fill `pointers`.  It stays until the process
 * ends.  ERR_UNAVAILABLE: not installed, or too old. */
enum err_code dynlib_load(struct dynlib *lib, void *pointers, struct err *e)
    CHECKED;

#define DYNLIB_POINTER(f) __typeof__(f) *f;
#define DYNLIB_DECLARE(name, LIST)                                             \
    struct name {                                                              \
        LIST(DYNLIB_POINTER)                                                   \
    };                                                                         \
    extern struct name name;                                                   \
    enum err_code name##_load(struct err *e) CHECKED;

#define DYNLIB_SYMBOL(name, f) {#f, offsetof(struct name, f)},
#define DYNLIB_DEFINE(name, SYMBOLS, so, deb)                                  \
    struct name name;                                                          \
    enum err_code name##_load(struct err *e)                                   \
    {                                                                          \
        static const struct dynlib_symbol symbols[] = {SYMBOLS};               \
        static struct dynlib lib = {                                           \
            .soname = (so),                                                    \
            .package = (deb),                                                  \
            .symbols = symbols,                                                \
            .n_symbols = sizeof(symbols) / sizeof(*symbols),                   \
            .lock = PTHREAD_MUTEX_INITIALIZER,                                 \
        };                                                                     \
                                                                               \
        return dynlib_load(&lib, &name, e);                                    \
    }

#endif
