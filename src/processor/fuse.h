/* fuse.h - one ranking out of several, and a choice that does not repeat
 * itself.
 *
 * Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009): an item
 * gets weight / (k + rank) from each list it is in, ranks from 1.  Scores of
 * different kinds (BM25, cosine) never have to be compared.
 *
 * Threads: pure functions.
 */
#ifndef PROCESSOR_FUSE_H
#define PROCESSOR_FUSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* The paper takes 60; measured on judged questions 10 is better, since it lets
 * the first places of a ranking count for more: docs/retrieval.md. */
#define FUSE_K 10.0
#define FUSE_MAX_LISTS 8
#define FUSE_MAX_ITEMS 100000 /* of all lists together */

struct fuse_list {
    const int64_t *ids; /* best first; an id that comes again is not counted */
    size_t n;
    double weight; /* 0: 1 */
};

struct fused {
    int64_t id;
    double score;
    unsigned lists;     /* bit i: it is in list i */
    uint32_t best_rank; /* from 1, over all lists */
};

/* The best max_out of all lists, best first, in the arena.  k <= 0: FUSE_K.
 * Ties: the better single rank, then the earlier list that gave it, then the
 * smaller id; so the same input always gives the same order.  ERR_INVALID: too
 * many lists or items, or a negative weight.  ERR_TOO_LARGE: the arena's cap.
 */
enum err_code fuse_ranks(const struct fuse_list *lists, size_t n_lists,
                         double k, size_t max_out, struct arena *a,
                         struct fused **out, size_t *n_out, struct err *e)
    CHECKED;

struct fuse_span {
    int64_t document;
    size_t start, end; /* half open; any unit, the same for all */
};

/* Choose at most `want` spans of in[0..n), which come best first, so that none
 * overlaps more than one other: of three chunks in a row the worst is left out.
 * Writes their indexes, in order, to picked (room for `want`) and returns how
 * many; fewer than `want` is normal. */
size_t fuse_pick(const struct fuse_span *in, size_t n, size_t want,
                 size_t *picked);

#endif
