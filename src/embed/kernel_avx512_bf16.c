/* kernel_avx512_bf16.c - bf16 products summed in float: 2 a lane an
 * instruction.  Also the attention of int8, where float would cost a third of
 * the whole.
 */
#include "embed/kernel_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

KERNEL_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")

#include "embed/kernel_avx512.h"
#include "embed/kernel_avx512_bf16.h"

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

/* Its parts of the work space. */
struct rooms {
    float s[KERNEL_TILE * MAX_KEYS];
    uint16_t kt[MAX_KEYS * KERNEL_PANEL]; /* k: panels of [16][32][2] */
    uint16_t v[MAX_KEYS * KERNEL_PANEL];  /* v: [keys / 2][32][2] */
    uint16_t p[KERNEL_TILE * MAX_KEYS];   /* 2^(s - max) */
};
_Static_assert(sizeof(struct rooms) <= KERNEL_WORK, "work space");

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
    pair_values(w->v, a->v, a->n, 2);
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
