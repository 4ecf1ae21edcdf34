/* cursor.h - a place in an ordered list of papers, as text for a link.
 *
 * To clients a cursor is opaque.  Inside it is URL-safe base64 of
 *
 *     byte 0      form (1)
 *     byte 1      bits 0-3 enum paper_order, bit 4 ascending, bit 5 backward
 *     8 bytes     id, little-endian
 *     8 bytes     published, created; or the bits of the relevance score
 *     n bytes     title (PAPER_BY_TITLE only)
 *     4 bytes     start of the SHA-256 of all before
 *
 * The digest is against damage and guesses, not a secret: a cursor names a
 * place that anybody may read.  It says nothing about filters: those are in the
 * link beside it.
 *
 * Threads: pure functions.
 */
#ifndef BACKEND_CURSOR_H
#define BACKEND_CURSOR_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/papers.h"

#define CURSOR_MAX 6000 /* characters; a request line holds 8,192 bytes */

struct cursor {
    enum paper_order order;
    bool ascending;
    bool backward; /* the rows in front of the place, not those behind it */
    struct paper_key key;
};

/* In arena; SLICE_NONE when the arena is full. */
struct slice cursor_write(struct arena *a, const struct cursor *c);
/* ERR_INVALID "Invalid cursor": anything that cursor_write did not write.
 * key.text is in arena. */
enum err_code cursor_read(struct cursor *out, struct arena *a,
                          struct slice text, struct err *e) CHECKED;

#endif
