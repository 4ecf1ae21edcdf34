/* redis_url.h - redis://[[user]:password@]host[:port][/database]
 *
 * Threads: pure functions.
 */
#ifndef BASE_REDIS_URL_H
#define BASE_REDIS_URL_H

#include "base/slice.h"

struct redis_url {
    char user[128];     /* percent-decoded; "" is the default user */
    char password[512]; /* the same; "" is none */
    char host[256];     /* without brackets */
    int port;           /* 6379 unless named */
    int database;       /* 0 unless named */
};

/* NULL: it is one.  Otherwise a constant text that says what is wrong and never
 * repeats what was given. */
const char *redis_url_parse(struct redis_url *out, struct slice text);

#endif
