/* names.h - what collections and databases may be called, and their ids.
 *
 * Threads: pure functions.
 */
#ifndef CHROMA_NAMES_H
#define CHROMA_NAMES_H

#include "base/err.h"
#include "base/slice.h"

#define UUID_TEXT 37 /* with NUL */

/* Chroma's rules.  ERR_INVALID. */
enum err_code name_check(struct slice name, struct err *e) CHECKED;

/* A random one. */
void uuid_new(char out[UUID_TEXT]);
/* Is it one, as Chroma's server takes them?  *out is its usual form. */
bool uuid_read(struct slice s, char out[UUID_TEXT]);

#endif
