/* kernel.h - the arithmetic of the forward pass, one table a kind of CPU.
 *
 * A kernel (kernel_<isa>.c) is a table of small functions.  The scalar one says
 * what is right; every other is proven against it (tests/unit/test_kernels.c).
 * docs/embedding.md explains the layouts and how to change one.
 *
 * Packed weights: a matrix of N outputs by K inputs is cut into N/32 panels of
 * 32 outputs.  A panel is a run of groups, a group 32 lanes of 4 bytes:
 *
 *   f32    1 k a group:  [k][32] float
 *   bf16   2 k a group:  [k/2][32][2] bf16
 *   int8   4 k a group:  [k/4][32][4] int8
 *
 * so that every precision has the same loop: 4 bytes of a row of activations
 * are broadcast and meet 32 lanes of weights.  The layout depends on the
 * precision only, not on the CPU.
 *
 * int8: activations are q = zero + round(x / scale), 0..255, or 0..127 where
 * the instruction would saturate (AVX2), with a scale and a zero point for each
 * row; weights are signed with one scale an output.  Sums are exact: below 2^27
 * in 32 bits.
 *
 * Memory: no pointer needs an alignment beyond that of its type, unless said.
 * Threads: pure functions over their arguments.
 */
#ifndef EMBED_KERNEL_H
#define EMBED_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "embed/encoder.h"

#define KERNEL_PANEL 32    /* outputs of a panel; also the width of a head */
#define KERNEL_TILE 12     /* rows that AVX-512 takes at a time, at most */
#define KERNEL_ROW_STEP 16 /* rows are read (not written) up to a multiple */

/* A weight that is left out of the bytes: see matrix.apart. */
struct apart {
    uint16_t n, k;
    float w; /* 0: none, and none behind it */
};

/* y = x W^T + bias.  Borrowed from the packed weights. */
struct matrix {
    size_t n, k;        /* n: a multiple of 32, k: of 4, at most 4,096 */
    const void *panels; /* see above */
    const float *bias;  /* n */
    const float *scale; /* n; int8 only */
    const int32_t *sum; /* n; int8 only: the sum of an output's weights */
    /* MATRIX_APART, or NULL; int8 only.  Weights so large that bytes which
     * reach them would be too coarse for all others of the output.  Kernels do
     * not look at them: who multiplies adds them in float. */
    const struct apart *apart;
};
#define MATRIX_APART 128

/* One multiplication.  `a` has m rows of w->k elements; rows up to the next
 * multiple of KERNEL_ROW_STEP must be readable.  Output n of row i goes to
 * c[(n / 32) * panel_stride + i * ldc + n % 32], and nowhere else. */
struct gemm {
    size_t m;
    const void *a;
    size_t lda;            /* bytes from row to row */
    const float *a_scale;  /* m; int8 only */
    const int32_t *a_zero; /* m; int8 only */
    const struct matrix *w;
    void *c; /* float, or bf16 if c_bf16 */
    size_t ldc, panel_stride;
    bool c_bf16;
};

/* Attention of one head over one sequence: out = softmax2(q k^T) v, where
 * softmax2 is the softmax in base 2 (its factor is folded into the weights of
 * q).  q, k, v: n rows of 32, bf16 for attend[EMBED_BF16], else float; q and k
 * are readable up to a multiple of KERNEL_ROW_STEP rows.
 *
 * In int8 both products are of bytes, after SageAttention (Zhang and others,
 * 2024): the mean of the keys is taken from each, which moves all scores of a
 * query alike and so nothing; q has a scale a row, k one for 32 keys.  The
 * mean of the values is taken from them as well and added to the answer, so
 * that weights too small for a byte, which are lost, stand for the mean and not
 * for 0; v has a scale a column, weights are round(255 * 2^(s - max)), but
 * their sum is that of the unrounded ones. */
struct attend {
    size_t n; /* 1..EMBED_MAX_TOKENS */
    const void *q, *k, *v;
    float *out;
    size_t ld;  /* floats from row to row of out */
    void *work; /* KERNEL_WORK bytes, aligned to 64 */
};
#define KERNEL_WORK (112 * 1024)

struct kernel {
    const char *name;
    bool (*supported)(void); /* asks the CPU and the system we run on */
    bool fast_int8; /* has a byte dot product: precision "auto" takes int8 */
    int act_max;    /* int8: the largest activation, 255 or 127 */
    /* NULL: this kernel does not have this precision. */
    void (*gemm[EMBED_N_PRECISIONS])(const struct gemm *g);
    /* NULL, never for float: that of the precision before it is used. */
    void (*attend[EMBED_N_PRECISIONS])(const struct attend *a);

    /* The rest works on one row of n elements, n a multiple of 16. */
    /* x = normalise(x + y) * gain + bias */
    void (*add_norm)(float *x, const float *y, const float *gain,
                     const float *bias, size_t n);
    void (*gelu)(float *x, size_t n); /* the erf form, in place */
    /* To 0..act_max as above: 0 is always exact, and the smallest and the
     * largest value span the range.  Returns the scale, 0 for a row of zeros.
     */
    float (*quantize)(uint8_t *out, const float *x, size_t n, int act_max,
                      int32_t *zero);
    void (*to_bf16)(uint16_t *out, const float *x, size_t n);
};

/* All kernels of this build, best first, the scalar one last; NULL at the end.
 * Some may not be supported by this CPU. */
extern const struct kernel *const kernels[];
/* By name; NULL: none of that name in this build. */
const struct kernel *kernel_find(const char *name);
/* The first that runs here and has the precision. */
const struct kernel *kernel_best(enum embed_precision p);

#define KERNEL_NORM_EPS 1e-12f /* layer_norm_eps of the model's config.json */

/* float to bf16, to nearest, ties to even; x is finite. */
static inline uint16_t kernel_bf16(float x)
{
    uint32_t u;

    memcpy(&u, &x, sizeof(u));
    return (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}

static inline float kernel_float(uint16_t bf16)
{
    uint32_t u = (uint32_t)bf16 << 16;
    float x;

    memcpy(&x, &u, sizeof(x));
    return x;
}

#endif
