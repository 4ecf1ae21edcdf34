/* etag.h - entity tags: a fast 128-bit hash of the bytes, and conditions.
 *
 * The hash is MurmurHash3 (x64, 128 bits): the same everywhere and in every
 * process, several GB/s.  It tells versions of our own data apart; it is no
 * protection against somebody who makes collisions on purpose, and need not be.
 *
 * Threads: pure functions.
 */
#ifndef NET_ETAG_H
#define NET_ETAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define ETAG_TEXT 40 /* "\"" + 32 hex digits + "-gz" + "\"" + NUL, rounded */

/* A strong tag with its quotes. */
void etag_of(struct slice bytes, char out[ETAG_TEXT]);
/* The compressed form is another representation and so has another tag. */
void etag_for_gzip(const char *etag, char out[ETAG_TEXT]);
/* Does If-None-Match (list or "*") name the tag, in either form?  Comparison
 * is weak, as RFC 9110 13.1.2 asks. */
bool etag_matches(struct slice if_none_match, const char *etag);

/* The hash itself, for tables whose keys come from outside: give a seed. */
uint64_t hash64(struct slice bytes, uint64_t seed);

#endif
