/* postgres_stem.h - the stem of an English word, as M. F. Porter's algorithm
 * makes it ("An algorithm for suffix stripping", Program 14/3, 1980, with the
 * two departures of his own program), which FTS5's "porter" uses too.
 *
 * Threads: pure functions.
 */
#ifndef STORE_POSTGRES_STEM_H
#define STORE_POSTGRES_STEM_H

#include <stddef.h>

/* Stem the word in place and return its new length, never longer.  Lower case
 * ASCII letters count as letters, other bytes as consonants.  Words of fewer
 * than 3 or more than 64 bytes stay as they are. */
size_t pg_stem(char *word, size_t len);

#endif
