/* metadata.h - metadata of records and collections, as it comes and is kept.
 *
 * An object whose members are texts, numbers, truth values, or lists of one of
 * these kinds.  What is kept is JSON again, without what stood for nothing.
 *
 * Threads: pure functions.
 */
#ifndef CHROMA_METADATA_H
#define CHROMA_METADATA_H

#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/* ERR_INVALID: a key that is not allowed.  ERR_UNPROCESSABLE: a value that is
 * not.  The message begins with `what`.  nulls: a member may be null (in
 * updates, where it removes). */
enum err_code metadata_check(const json_t *o, const char *what, bool nulls,
                             struct err *e) CHECKED;

/* Its text, in the arena.  ERR_TOO_LARGE. */
enum err_code metadata_text(const json_t *o, struct arena *a, struct slice *out,
                            struct err *e) CHECKED;

#endif
