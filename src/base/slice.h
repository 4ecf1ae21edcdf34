/* slice.h - a piece of text or bytes that somebody else owns.
 *
 * Never NUL-terminated, may hold NUL.  The empty slice may have p == NULL.
 * Threads: values; share them as you would share what they point to.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *p; /* borrowed */
    size_t len;    /* bytes */
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
/* the same where C wants a constant: in static tables */
#define SLICE_INIT(literal)                                                    \
    {                                                                          \
        "" literal, sizeof(literal) - 1                                        \
    }
#define SLICE_NONE ((struct slice){NULL, 0})
/* for printf("%.*s", SLICE_ARG(s)) */
#define SLICE_ARG(s) (int)(s).len, (s).p ? (s).p : ""

struct slice slice_of(const char *cstr); /* NULL gives SLICE_NONE */
bool slice_eq(struct slice a, struct slice b);
bool slice_is(struct slice a, const char *cstr);
bool slice_is_nocase(struct slice a, const char *cstr); /* ASCII only */
bool slice_starts(struct slice s, const char *prefix);
bool slice_ends(struct slice s, const char *suffix);
/* memcmp order, shorter first on a tie: <0, 0, >0 */
int slice_cmp(struct slice a, struct slice b);
/* Position of the byte or text, or -1.  An empty needle is at 0. */
ptrdiff_t slice_find_byte(struct slice s, char c);
ptrdiff_t slice_find(struct slice s, struct slice needle);
/* Without ASCII white space at both ends. */
struct slice slice_trim(struct slice s);
struct slice slice_sub(struct slice s, size_t from, size_t to); /* clamped */
/* Cut at the first `sep`: the part before it is put into *part, *rest goes on
 * after it.  false once *rest is used up: call until then.  "a,,b," has the
 * parts "a", "", "b", ""; SLICE_NONE has none, but SLICE("") has one. */
bool slice_split(struct slice *rest, char sep, struct slice *part);

/* Whole slice as a decimal number: digits, for i64 one leading '-'.  No white
 * space, no '+', no overflow; false if it is anything else. */
bool slice_to_u64(struct slice s, uint64_t *out);
bool slice_to_i64(struct slice s, int64_t *out);
#define SLICE_DOUBLE_MAX 400 /* bytes; a longer text is no number to us */
/* Decimal number as JSON writes it; finite; locale does not matter. */
bool slice_to_double(struct slice s, double *out);

#endif
