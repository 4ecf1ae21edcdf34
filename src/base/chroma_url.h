/* chroma_url.h - chroma:http[s]://host[:port][/tenant/database]
 *
 * Threads: pure functions.
 */
#ifndef BASE_CHROMA_URL_H
#define BASE_CHROMA_URL_H

#include "base/slice.h"

struct chroma_url {
    char server[300];   /* "http://host:port", without a slash at the end */
    char tenant[128];   /* "default_tenant" unless named */
    char database[128]; /* "default_database" unless named */
};

/* Does the setting `vectors` name a Chroma server? */
bool chroma_url_is(struct slice text);

/* NULL: it is one.  Otherwise a constant text that says what is wrong and never
 * repeats what was given. */
const char *chroma_url_parse(struct chroma_url *out, struct slice text);

#endif
