/* utf8.h - strict UTF-8 (RFC 3629): no surrogates, no overlong forms, nothing
 * above U+10FFFF.
 *
 * Threads: pure functions.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Length of the longest valid prefix, in bytes: == s.len when all is valid. */
size_t utf8_valid_prefix(struct slice s);
bool utf8_valid(struct slice s);
/* Length (1 to 4) of the valid sequence at pos, 0 if none starts there.  Call
 * only with pos < s.len. */
size_t utf8_sequence(struct slice s, size_t pos);
/* Decode the code point at *pos and move past it.  Not valid there: U+FFFD,
 * and *pos moves by one byte.  Call only with *pos < s.len. */
uint32_t utf8_next(struct slice s, size_t *pos);
/* Write cp (1 to 4 bytes) and return how many; a surrogate or too large a
 * value writes U+FFFD. */
size_t utf8_put(char out[4], uint32_t cp);
/* Number of code points (invalid bytes count one each). */
size_t utf8_count(struct slice s);
/* Longest prefix of at most max_bytes that does not end inside a code point
 * (not even when s itself does). */
struct slice utf8_cut(struct slice s, size_t max_bytes);
/* Scripts that are written without spaces (Han, Kana, Hangul, Thai...). */
bool utf8_is_unspaced(uint32_t cp);
/* What would steer a terminal or hide in a text: C0 but \n and \t, DEL, C1, and
 * what turns the direction of writing around. */
bool utf8_steers(uint32_t cp);

#endif
