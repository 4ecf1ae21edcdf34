/* scan.h - the arithmetic of a search, one table a kind of CPU.
 *
 * Vectors lie in blocks of 16.  For each group of 4 dimensions a block has one
 * line of 64 bytes, 16 lanes by 4 dimensions:
 *
 *   codes[block][dim / 4][16][4]   uint8, 128 + round(x / scale)
 *
 * so that one instruction (vpdpbusd) adds 4 dimensions to 16 sums, the query's
 * 4 bytes being broadcast, and nothing is ever summed across a register.
 *
 * What a scan yields is not a score but an upper bound of it, in units of the
 * kernel (scan_query.c): with a lane's scale s, length n and residual r (the
 * length of what rounding to bytes lost), all of them floats,
 *
 *   x  = a * s * (codes . q - zero) + c1 * n + c2 * r
 *   ip: x    cosine: x / n    l2: q2 * x - keep * n^2
 *
 * Memory: no pointer needs an alignment beyond that of its type.
 * Threads: pure functions over their arguments.
 */
#ifndef VECTOR_SCAN_H
#define VECTOR_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vector/index.h"

#define SCAN_LANES 16
#define SCAN_DIM_STEP 16 /* dimensions are padded to a multiple, with zeros */
#define SCAN_ZERO 128    /* the code of 0 */

static inline size_t scan_dim(size_t dim)
{
    return (dim + SCAN_DIM_STEP - 1) / SCAN_DIM_STEP * SCAN_DIM_STEP;
}

/* A query, prepared.  The fields after `metric` are those of the formula. */
struct scan_query {
    size_t dim; /* padded */
    enum vector_metric metric;
    int32_t zero;
    float a, c1, c2, q2, keep;
    double square, norm; /* |q|^2, as the scores have it, and |q| */
    int8_t codes[VECTOR_MAX_DIM];
    float vector[VECTOR_MAX_DIM];
};

struct scan_blocks {
    const uint8_t *codes;                 /* [n][dim / 4][16][4] */
    const float *scale, *norm, *residual; /* [n][16] */
    const uint16_t *want;                 /* [n], bit i: lane i */
    size_t n;
};

struct scan_hit {
    uint16_t lanes;
    float bound[SCAN_LANES]; /* of those lanes */
};

struct scan_kernel {
    const char *name;
    bool (*supported)(void);
    /* Queries are quantised to -query_max..query_max: 127, or 63 where the
     * instruction would saturate. */
    int query_max;
    /* The first block at `from` or after it with a wanted lane whose bound is
     * at least `min`; b->n: there is none.  A block without a wanted lane is
     * not read. */
    size_t (*next)(const struct scan_query *q, const struct scan_blocks *b,
                   size_t from, float min, struct scan_hit *hit);
    /* out = {a.b, b.b} in double; n is a multiple of SCAN_DIM_STEP.  Element i
     * is added to partial sum i % 16, and these are added up in halves, so the
     * result is the same bits on every kernel: a product of two floats is exact
     * in a double, fused or not. */
    void (*dots)(const float *a, const float *b, size_t n, double out[2]);
};

/* Best first, the scalar one last; NULL at the end. */
extern const struct scan_kernel *const scan_kernels[];
/* By our name, or the nearest to one of embed/.  NULL: no such name. */
const struct scan_kernel *scan_kernel_find(const char *name);
const struct scan_kernel *scan_kernel_best(void);

/* ---- vectors and queries to bytes (scan_query.c) ---- */

/* A place for one vector in a block. */
struct scan_lane {
    uint8_t *codes; /* of the block */
    float *scale, *norm, *residual;
    unsigned lane;
};

/* ERR_INVALID: not finite, or of a length that is refused.  `what` begins the
 * message, `n` follows it: "vector 3". */
enum err_code scan_check(const float *v, size_t dim, const char *what, size_t n,
                         struct err *e) CHECKED;

/* v has `dim` (padded) floats and has passed scan_check. */
void scan_encode(const struct scan_lane *to, const float *v, size_t dim);

/* v has `dim` floats, not padded, and has passed scan_check. */
void scan_query_init(struct scan_query *q, const struct scan_kernel *k,
                     const float *v, size_t dim, enum vector_metric metric);

/* The score of a vector (padded). */
double scan_score(const struct scan_query *q, const struct scan_kernel *k,
                  const float *v);
/* A vector with this score or a better one has a bound of at least this. */
float scan_bound(const struct scan_query *q, double score);

#endif
