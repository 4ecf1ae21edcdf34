/* regex.h - does a text have a match?  The dialect is that of Chroma's server
 * (Rust's regex), as far as PCRE2 means the same by it.
 *
 *   . [a-z] [^a-z] [[:alpha:]] \d \w \s \b \p{Greek} \x41 \x{1F600} \u{1F600}
 *   * + ? {2} {2,} {2,5} and the lazy forms, ( ) (?: ) (?P<name> ) |
 *   ^ $ \A \z, flags i m s x U: (?i) (?i: ) (?-i)
 *
 * Letters, digits and words are those of Unicode, `.` is any character but \n,
 * and without (?m) `^` and `$` are the ends of the text.  Refused, as there:
 * looking around, references back, recursion, and what else cannot be matched
 * in one pass.  Refused here alone: classes inside classes, && -- ~~ in them,
 * (?-u) and (?R).
 *
 * PCRE2 goes back where it must, so a match has a limit of steps: no pattern
 * costs more than some 50 ms a text.
 *
 * Threads: a compiled one never changes; any number of threads may use it.
 */
#ifndef PROCESSOR_REGEX_H
#define PROCESSOR_REGEX_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

#define REGEX_MAX_BYTES 4096

struct regex;

/* Copies the pattern, which is UTF-8.  ERR_INVALID: the message names what is
 * wrong and the byte where.  ERR_UNAVAILABLE: PCRE2 is not installed, or out of
 * memory. */
enum err_code regex_compile(struct regex **out, struct slice pattern,
                            struct err *e) CHECKED;
void regex_free(struct regex *r); /* takes NULL */

/* The text is UTF-8.  ERR_UNPROCESSABLE: over the limit of steps.
 * ERR_UNAVAILABLE: out of memory. */
enum err_code regex_matches(const struct regex *r, struct slice text, bool *out,
                            struct err *e) CHECKED;

#endif
