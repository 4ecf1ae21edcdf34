/* json_scan.h - JSON checked and cut up where it lies, without a tree.
 *
 * For whoever passes JSON on: the bytes stay what they were (numbers beyond
 * 2^53, escapes, duplicate keys), and nothing is allocated.
 *
 * Threads: pure functions.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct arena;

/* Move *pos past one value and the white space before it.  false: none is
 * there, or it is nested deeper than JSON_MAX_DEPTH.  UTF-8 is not looked at.
 */
bool json_skip(struct slice text, size_t *pos);
/* Is it one value, with nothing behind but white space? */
bool json_scan_valid(struct slice text);
/* Elements of an array that is valid: begin with *pos = 0; false after the
 * last. */
bool json_scan_next(struct slice array, size_t *pos, struct slice *element);
/* The same for an object that is valid; the key is in its quotes. */
bool json_scan_member(struct slice object, size_t *pos, struct slice *key,
                      struct slice *value);

/* What a string of valid JSON says, given in its quotes: borrowed where it has
 * no escapes, else in the arena.  Half of a pair of surrogates is U+FFFD.
 * false: the arena is full. */
bool json_scan_text(struct slice quoted, struct arena *a, struct slice *out);
/* The character that the escape at *pos stands for ("\n", or one or two
 * "\uXXXX"), as UTF-8; *pos moves behind it. */
size_t json_scan_escape(struct slice s, size_t *pos, char out[4]);

#endif
