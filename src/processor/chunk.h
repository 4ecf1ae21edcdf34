/* chunk.h - cut a text into overlapping pieces that end where a reader would
 * pause.
 *
 * From `start` the target is start + size.  If that is not before the end of
 * the text, the chunk is the rest of it.  Otherwise it ends at a place c with
 * target - 100 <= c <= target + 100, chosen by
 *   1. the kind of boundary that ends there: a paragraph ("\n\n"), else a
 *      sentence (". "), else another sentence ("! " or "? ", of one rank);
 *   2. among those of the best kind that the window has, the least distance
 *      to the target, the earlier one on a tie;
 * else at the last place in the window that has a blank (U+0020) before it;
 * else at the target.  The next chunk starts at c - overlap.
 *
 * So a far paragraph is preferred to a near sentence, and it is the cut (the
 * place behind the boundary) that must be in the window, not the boundary's
 * first character.  As overlap <= size - 101, each chunk starts and ends at
 * least one code point after the one before: it always ends, the chunks cover
 * the text, and none lies inside another.
 *
 * Positions and sizes are counted in code points.  Chunks are slices of the
 * text, byte for byte, and never begin or end inside a code point (inside a
 * sequence of combined ones they may, if nothing better is in the window).
 *
 * Ownership: the text is borrowed; nothing is allocated.
 * Threads: a chunker belongs to one thread at a time.
 */
#ifndef PROCESSOR_CHUNK_H
#define PROCESSOR_CHUNK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

#define CHUNK_SIZE 1000   /* the defaults */
#define CHUNK_OVERLAP 200 /* */
#define CHUNK_WINDOW 100  /* how far a cut may be from the target */
#define CHUNK_SIZE_MIN (CHUNK_WINDOW + 1)
#define CHUNK_SIZE_MAX 100000

struct chunk_options {
    size_t size, overlap; /* code points */
};

struct text_chunk {
    size_t index;                /* 0, 1, ... */
    size_t start_char, end_char; /* code points; end is behind the last one */
    size_t start_byte, end_byte;
    struct slice text; /* borrowed */
};

/* A place in the text, both ways of counting. */
struct chunk_place {
    size_t at;   /* code points */
    size_t byte; /* */
};

struct chunker { /* private */
    struct slice text;
    struct chunk_options opt;
    size_t n; /* chunks given so far */
    bool done;
    struct chunk_place start; /* of the next chunk */
    struct chunk_place low;   /* last window's begin; only moves on */
};

/* ERR_INVALID, field "chunk_size": not CHUNK_SIZE_MIN to CHUNK_SIZE_MAX;
 * field "chunk_overlap": more than size - 101. */
enum err_code chunk_check(const struct chunk_options *opt, struct err *e)
    CHECKED;

/* Begin.  ERR_INVALID: as chunk_check; field "text": not UTF-8. */
enum err_code chunker_init(struct chunker *c, struct slice text,
                           const struct chunk_options *opt, struct err *e)
    CHECKED;

/* The next chunk; false: there is none.  A text without a code point has none.
 * All chunks together take time linear in the text plus 200 code points each.
 */
bool chunker_next(struct chunker *c, struct text_chunk *out);

/* Go on behind a chunk that was made earlier from the same text with the same
 * options (a job that is resumed).  Only its index and ends count. ERR_INVALID:
 * it cannot be a chunk of this text. */
enum err_code chunker_resume(struct chunker *c, const struct text_chunk *last,
                             struct err *e) CHECKED;

/* How many chunks are still to come; the chunker stays where it is. */
size_t chunker_left(const struct chunker *c);

#endif
