/* kernel_avx512_bf16.c - bf16 products summed in float: 2 a lane an
 * instruction.  Also the attention of int8, where float would cost a third of
 * the whole.
 */
#include "embed/kernel_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

KERNEL_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")

#include "embed/kernel_avx512.h"

ALWAYS_INLINE void mac(__m512 acc[KERNEL_TILE][2], size_t rows, const char *a,
                       size_t lda, const uint16_t *b, size_t kg)
{
    for (size_t k = 0; k < kg; k++, a += 4, b += 64) {
        __m512bh b0 = (__m512bh)_mm512_loadu_si512(b);
        __m512bh b1 = (__m512bh)_mm512_loadu_si512(b + 32);

        _mm_prefetch((const char *)(b + (size_t)8 * 64), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + (size_t)8 * 64 + 32), _MM_HINT_T0);
        UNROLL
        for (size_t i = 0; i < rows; i++) {
            __m512bh v = (__m512bh)_mm512_set1_epi32(load_i32(a + i * lda));

            acc[i][0] = _mm512_dpbf16_ps(acc[i][0], v, b0);
            acc[i][1] = _mm512_dpbf16_ps(acc[i][1], v, b1);
        }
    }
}

ALWAYS_INLINE void tile(const struct gemm *g, size_t p, size_t i, size_t rows,
                        size_t live)
{
    const struct matrix *w = g->w;
    const float *bias = w->bias + p * KERNEL_PANEL;
    __m512 acc[KERNEL_TILE][2];

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        acc[r][0] = _mm512_loadu_ps(bias);
        acc[r][1] = _mm512_loadu_ps(bias + 16);
    }
    mac(acc, rows, (const char *)g->a + i * g->lda, g->lda,
        (const uint16_t *)w->panels + p * w->k * KERNEL_PANEL, w->k / 2);
    store_tile(g, p, i, rows, live, acc);
}

void avx512_gemm_bf16(const struct gemm *g)
{
    FOR_TILES(g, tile);
}

/* ---- attention ---- */

#define MAX_KEYS EMBED_MAX_TOKENS

/* Its parts of the work space. */
struct rooms {
    float s[KERNEL_TILE * MAX_KEYS];
    uint16_t kt[MAX_KEYS * KERNEL_PANEL]; /* k: panels of [16][32][2] */
    uint16_t v[MAX_KEYS * KERNEL_PANEL];  /* v: [keys / 2][32][2] */
    uint16_t p[KERNEL_TILE * MAX_KEYS];   /* 2^(s - max) */
};
_Static_assert(sizeof(struct rooms) <= KERNEL_WORK, "work space");

/* Two rows of v become one of pairs; a missing last row is 0. */
static void pair_values(uint16_t *out, const uint16_t *v, size_t n)
{
    static const uint16_t pairs[32] = {
        0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
        8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    const __m512i low = _mm512_loadu_si512(pairs);
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));

    for (size_t j = 0; j < n; j += 2, v += 64, out += 64) {
        __m512i a = _mm512_loadu_si512(v), b = _mm512_setzero_si512();

        if (j + 1 < n)
            b = _mm512_loadu_si512(v + 32);
        _mm512_storeu_si512(out, _mm512_permutex2var_epi16(a, low, b));
        _mm512_storeu_si512(out + 32, _mm512_permutex2var_epi16(a, high, b));
    }
}

/* 2^x as exp2_ps, but no better than bf16 needs. */
ALWAYS_INLINE __m512 rough_exp2(__m512 x)
{
    __m512 n, f, p = _mm512_set1_ps(EXP2_D3);

    x = _mm512_max_ps(x, _mm512_set1_ps(EXP2_MIN));
    n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT);
    f = _mm512_sub_ps(x, n);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_D2));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_D1));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_D0));
    return _mm512_scalef_ps(p, n);
}

/* One row of scores to p; returns 1 / their sum.  n: a multiple of 32. */
ALWAYS_INLINE float softmax2(uint16_t *p, const float *s, size_t n)
{
    __m512 m0 = _mm512_loadu_ps(s), m1 = _mm512_loadu_ps(s + 16), max;
    __m512 sum0 = _mm512_setzero_ps(), sum1 = sum0;

    for (size_t j = 32; j < n; j += 32) {
        m0 = _mm512_max_ps(m0, _mm512_loadu_ps(s + j));
        m1 = _mm512_max_ps(m1, _mm512_loadu_ps(s + j + 16));
    }
    max = _mm512_set1_ps(_mm512_reduce_max_ps(_mm512_max_ps(m0, m1)));
    for (size_t j = 0; j < n; j += 32) {
        __m512 a = rough_exp2(_mm512_sub_ps(_mm512_loadu_ps(s + j), max));
        __m512 b = rough_exp2(_mm512_sub_ps(_mm512_loadu_ps(s + j + 16), max));

        sum0 = _mm512_add_ps(sum0, a);
        sum1 = _mm512_add_ps(sum1, b);
        _mm512_storeu_si512(p + j, (__m512i)_mm512_cvtne2ps_pbh(b, a));
    }
    return 1 / _mm512_reduce_add_ps(_mm512_add_ps(sum0, sum1));
}

ALWAYS_INLINE void attend_tile(const struct attend *a, struct rooms *w,
                               size_t i, size_t rows)
{
    size_t keys = round_up(a->n, KERNEL_PANEL);
    size_t live = a->n - i < rows ? a->n - i : rows;
    const char *q = (const char *)((const uint16_t *)a->q + i * KERNEL_PANEL);
    __m512 acc[KERNEL_TILE][2];
    float inv[KERNEL_TILE];

    for (size_t j = 0; j < keys; j += KERNEL_PANEL) {
        clear(acc, rows);
        mac(acc, rows, q, KERNEL_PANEL * sizeof(uint16_t),
            w->kt + j * KERNEL_PANEL, KERNEL_PANEL / 2);
        store_scores(acc, rows, w->s, j, a->n);
    }
    for (size_t r = 0; r < live; r++)
        inv[r] = softmax2(w->p + r * MAX_KEYS, w->s + r * MAX_KEYS, keys);
    clear(acc, rows);
    mac(acc, rows, (const char *)w->p, MAX_KEYS * sizeof(uint16_t), w->v,
        (a->n + 1) / 2);
    UNROLL
    for (size_t r = 0; r < rows; r++)
        if (r < live)
            store_row(a->out + (i + r) * a->ld, acc[r], inv[r]);
}

void avx512_attend_bf16(const struct attend *a)
{
    struct rooms *w = a->work;
    size_t i = 0;

    transpose_keys(w->kt, a->k, a->n, KERNEL_PANEL / 2);
    pair_values(w->v, a->v, a->n);
    for (; a->n - i >= 12; i += 12)
        attend_tile(a, w, i, 12);
    if (a->n - i > 8)
        attend_tile(a, w, i, 12);
    else if (a->n - i > 4)
        attend_tile(a, w, i, 8);
    else if (a->n > i)
        attend_tile(a, w, i, 4);
}

KERNEL_TARGET_END

#endif
