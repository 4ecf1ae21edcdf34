/* http_uri.h - paths and queries: strict percent-decoding and normal form.
 *
 * Threads: pure functions; memory comes from the caller's arena.
 */
#ifndef NET_HTTP_URI_H
#define NET_HTTP_URI_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/* Decode a raw path and drop its trailing slash ("/" stays).  ERR_INVALID, so
 * that no two readers can see different paths: a malformed escape, an escaped
 * slash, a backslash, a control character, an empty, "." or ".." segment, and
 * what is not UTF-8.  *out is `raw` itself where nothing was to be done. */
enum err_code uri_path(struct arena *a, struct slice raw, struct slice *out,
                       struct err *e) CHECKED;

/* Next name and value of a raw query ("a=1&b"), both still raw; empty pairs
 * are skipped.  false: none left. */
bool uri_query_next(struct slice *rest, struct slice *name,
                    struct slice *value);

/* Decode a name or value of a query: escapes, and '+' for a space.
 * ERR_INVALID: a malformed escape, NUL, not UTF-8.  *out is `raw` itself where
 * nothing was to be done. */
enum err_code uri_query_decode(struct arena *a, struct slice raw,
                               struct slice *out, struct err *e) CHECKED;

#endif
