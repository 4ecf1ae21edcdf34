/* scan_impl.h - what the scan kernels share; for them only. */
#ifndef VECTOR_SCAN_IMPL_H
#define VECTOR_SCAN_IMPL_H

/* cpu_features, and instruction sets for a stretch of a file. */
#include "embed/kernel_impl.h"

#include "vector/scan.h"

/* Divisor of the cosine for a zero vector, whose x is 0; far below
 * VECTOR_MIN_NORM. */
#define SCAN_TINY 1e-30f

static inline const uint8_t *scan_block(const struct scan_query *q,
                                        const struct scan_blocks *b, size_t at)
{
    return b->codes + at * q->dim * SCAN_LANES;
}

/* What to prefetch while a block is summed up: the one after the next, 12 kB
 * away for 384 dimensions.  With that a scan of 100,000 took 1.3 ms, with 2 kB
 * 1.7, with nothing but reading 1.2.  If that block is not wanted: this one,
 * which costs nothing. */
static inline const uint8_t *scan_ahead(const struct scan_query *q,
                                        const struct scan_blocks *b, size_t at)
{
    size_t ahead = at + 2 < b->n && b->want[at + 2] ? at + 2 : at;

    return scan_block(q, b, ahead);
}

/* The order in which partial sums are added up. */
static inline double scan_add_up(double s[16])
{
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            s[i] += s[i + half];
    return s[0];
}

extern const struct scan_kernel scan_scalar;
#if defined(__x86_64__)
extern const struct scan_kernel scan_avx2;
extern const struct scan_kernel scan_avx512_vnni;
#endif

#endif
