/* view.h - where vectors lie, and the versions of that; inside vector/ only.
 *
 * A segment has room for 256 blocks of 16 vectors, and is only ever appended
 * to, a whole block at a time.  A view is one version of the index: the
 * segments, how many blocks of each it has, and which lanes live (a mask).  The
 * vectors that do not fill a block yet are the view's tail, a segment of one
 * block that belongs to this view alone.
 *
 * A writer works on a draft: a copy of the newest view, private until it is
 * published.  What readers can see is never written again:
 *   - a block that is appended lies behind those of every older view, and so
 *     does its mask;
 *   - a lane that dies is cleared in a copy of the mask (view_own_mask);
 *   - the tail is copied with the view.
 * A draft that is given up leaves nothing behind.
 *
 * A slot names a vector: part * SEG_SLOTS + place in it.  The vectors of the
 * tail have the slots that they will have in the segment which is being filled.
 *
 * Threads: counts of references are atomic, any thread may drop the last one.
 */
#ifndef VECTOR_VIEW_H
#define VECTOR_VIEW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vector/scan.h"

#define SEG_BLOCKS 256
#define SEG_SLOTS (SEG_BLOCKS * SCAN_LANES)

struct segment {
    atomic_uint refs;
    size_t n_blocks; /* room */
    uint8_t *codes;  /* as in scan.h */
    float *scale, *norm, *residual;
    int64_t *ids;
    float *rows;  /* [n_blocks * 16][dim], as they were given */
    int fd;       /* for writing rows; -1: they are in memory, or it is full */
    bool mapped;  /* rows are a mapped file */
    size_t bytes; /* of memory */
    size_t row_bytes;
};

struct mask {
    atomic_uint refs;
    uint16_t live[SEG_BLOCKS];
};

struct part {
    struct segment *seg; /* NULL: the number is free */
    struct mask *mask;
    uint32_t n_blocks; /* of those in seg; the others are not of this view */
    uint32_t n_dead;   /* lanes in these blocks that do not live */
};

struct vector_view {
    atomic_uint refs;
    const struct scan_kernel *kernel;
    struct vector_crew *crew; /* may be NULL; not ours */
    size_t given_dim, dim;    /* as given, and padded */
    uint64_t generation;
    size_t n_live;
    uint32_t n_parts, cap_parts;
    uint32_t fill; /* the part that the tail goes to; below n_parts */
    uint32_t n_tail;
    struct part tail; /* n_blocks: 1 if n_tail > 0 */
    struct part parts[];
};

/* rows: in a file in `dir`, or in memory if it is NULL. */
enum err_code segment_new(struct segment **out, size_t dim, size_t n_blocks,
                          const char *dir, struct err *e) CHECKED;

/* An empty view, with one reference. */
enum err_code view_new(struct vector_view **out, const struct scan_kernel *k,
                       struct vector_crew *crew, size_t dim, struct err *e)
    CHECKED;

/* A copy of `v` to work on, with room for n_more vectors. */
enum err_code view_draft(struct vector_view **out, const struct vector_view *v,
                         size_t n_more, struct err *e) CHECKED;
void view_unref(struct vector_view *v); /* takes NULL */

/* ---- on drafts ---- */

/* Append a vector (padded, checked).  On an error the draft is to be dropped.
 */
enum err_code view_append(struct vector_view *v, const char *dir, int64_t id,
                          const float *row, uint32_t *slot, struct err *e)
    CHECKED;
/* Close the part being filled, with what is in the tail, and begin another. */
enum err_code view_seal(struct vector_view *v, const char *dir, struct err *e)
    CHECKED;
/* Must come before view_kill for a slot that an older view has. */
enum err_code view_own_mask(struct vector_view *v, uint32_t slot, struct err *e)
    CHECKED;
void view_kill(struct vector_view *v, uint32_t slot);
/* Forget a part that the table has no slot of any more. */
void view_drop_part(struct vector_view *v, uint32_t part);

int64_t view_id(const struct vector_view *v, uint32_t slot);
const float *view_row(const struct vector_view *v, uint32_t slot);

/* The parts to scan are 0..n_parts - 1 and the tail, as number n_parts. */
static inline const struct part *view_part(const struct vector_view *v,
                                           uint32_t i)
{
    return i < v->n_parts ? &v->parts[i] : &v->tail;
}

#endif
