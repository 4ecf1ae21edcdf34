/* num.h - numbers to text and back, whatever the locale.
 *
 * Threads: pure functions.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

#define NUM_TEXT 40 /* bytes that the longest number needs, with NUL */

/* Write the number with a NUL behind it; return its length. */
size_t num_u64(char out[NUM_TEXT], uint64_t v);
size_t num_i64(char out[NUM_TEXT], int64_t v);
/* The shortest form that reads back equal, always with a '.' or an exponent
 * ("1.0", "0.85", "1e-07"), as Python's repr() writes it.  v is finite. */
size_t num_double(char out[NUM_TEXT], double v);

/* For qsort() and bsearch() over int64_t, the lowest first. */
int num_order_i64(const void *a, const void *b);

/* strtod of the C locale. */
double num_parse(const char *cstr);

#endif
