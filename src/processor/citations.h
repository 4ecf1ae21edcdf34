/* citations.h - lets a model's answer through, but only true citations.
 *
 * A citation is [n], or several in one: [1, 2], [1-3], [1; 4-5], with an ASCII
 * hyphen or a dash, and spaces anywhere inside.  What comes out is always of
 * the form [1][2][3], so that every "[n]" in the answer maps to source n.
 * Numbers without a source are dropped; where nothing is left, so is the space
 * before it.  Everything else passes unchanged, bytes that are not UTF-8 too.
 *
 *   "Pods [1, 7] die [9]. a[x] [ ]"   of 2 sources ->   "Pods [1] die. a[x] [
 * ]"
 *
 * Code between backticks (`x[0]`, or a ``` block) is no citation and passes as
 * it is; a line's end closes `code` that was left open.
 *
 * Streaming: pieces may be cut at any byte.  The output of all calls together
 * depends on the whole input only, never on the cuts; no call gives out half a
 * citation or, if the input is UTF-8, half a character.  What is held back is
 * less than CITATIONS_MAX_HELD bytes.  Digits, commas and brackets that go on
 * for longer than that are no citation, and are dropped.
 *
 * Ownership: no memory of its own.  Threads: one filter belongs to one thread.
 */
#ifndef PROCESSOR_CITATIONS_H
#define PROCESSOR_CITATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

#define CITATIONS_MAX_SOURCES 128
#define CITATIONS_MAX_HELD 512 /* bytes */

struct citations {
    unsigned n_sources;
    uint64_t cited[CITATIONS_MAX_SOURCES / 64 + 1]; /* bit n: source n */
    size_t n_removed; /* numbers that had no source */
    /* the rest is private */
    char held[CITATIONS_MAX_HELD]; /* [ spaces ] [ '[' ... ] */
    size_t n_held;
    size_t n_drop;  /* spaces at the start of held that will not be given out */
    size_t open;    /* the innermost '[' in held; only if in_marker */
    bool in_marker; /* held has a '[' */
    bool overlong;  /* in_marker: more than fits; it will be dropped */
    unsigned ticks; /* backticks in a row, so far */
    unsigned in_code; /* backticks that opened the code we are in; 0: none */
    char last;        /* byte that was given out */
    bool dropped;     /* something was, since then */
    char tail[4];     /* of a character that is not whole yet */
    unsigned n_tail;
};

/* n_sources 0 removes all citations; at most CITATIONS_MAX_SOURCES. */
void citations_init(struct citations *c, size_t n_sources);
/* Append what of `piece`, and of what was held back, may be shown. */
void citations_feed(struct citations *c, struct slice piece, struct buf *out);
/* The end: the rest, without a citation that was never closed. */
void citations_end(struct citations *c, struct buf *out);

bool citations_has(const struct citations *c, size_t n); /* n from 1 */
size_t citations_count(const struct citations *c);       /* distinct sources */

#endif
