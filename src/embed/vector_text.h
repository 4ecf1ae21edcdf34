/* vector_text.h - vectors as text: JSON numbers, base64, and raw bytes.
 *
 * Threads: pure functions.
 */
#ifndef EMBED_VECTOR_TEXT_H
#define EMBED_VECTOR_TEXT_H

#include <stddef.h>

#include "base/buf.h"

/* Longest text of one value: "-1.17549435e-38". */
#define VECTOR_TEXT 16

/* Write a finite value with the digits that read back to the same float (no
 * more than that needs, at most 9; "1.0", not "1"), whatever the locale.
 * Returns the length; no NUL. */
size_t vector_value_text(char out[VECTOR_TEXT], float v);

/* Append "[0.25,-0.5]". */
void vector_add_json(struct buf *out, const float *v, size_t n);
/* Append little-endian float32 in base64, without quotes. */
void vector_add_base64(struct buf *out, const float *v, size_t n);
/* Append little-endian float32. */
void vector_add_raw(struct buf *out, const float *v, size_t n);

#endif
