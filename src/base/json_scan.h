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

#endif
