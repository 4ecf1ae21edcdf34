/* kernel_avx512.h - what the three AVX-512 files share.  It is included inside
 * their target region, so that its functions are compiled for it.
 */
#ifndef EMBED_KERNEL_AVX512_H
#define EMBED_KERNEL_AVX512_H

ALWAYS_INLINE size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* bf16 by integer arithmetic, as kernel_bf16 does: vcvtneps2bf16 would flush
 * denormals, and not every AVX-512 has it. */
ALWAYS_INLINE __m256i bf16_ps(__m512 v)
{
    __m512i u = _mm512_castps_si512(v);
    __m512i odd =
        _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));

    u = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(u, 16));
}

/* 2^x; 2^-126 for anything below that. */
ALWAYS_INLINE __m512 exp2_ps(__m512 x)
{
    __m512 n, f, p = _mm512_set1_ps(EXP2_C5);

    x = _mm512_max_ps(x, _mm512_set1_ps(EXP2_MIN));
    n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT);
    f = _mm512_sub_ps(x, n);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_C4));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_C3));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_C2));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_C1));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_C0));
    return _mm512_scalef_ps(p, n);
}

/* 2^x, no better than bf16 or a byte needs.  vscalef rounds its exponent down
 * by itself, and both it and vreduce are at ease with -inf. */
ALWAYS_INLINE __m512 rough_exp2(__m512 x)
{
    __m512 part = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF);
    __m512 p = _mm512_set1_ps(EXP2_U3);

    p = _mm512_fmadd_ps(p, part, _mm512_set1_ps(EXP2_U2));
    p = _mm512_fmadd_ps(p, part, _mm512_set1_ps(EXP2_U1));
    p = _mm512_fmadd_ps(p, part, _mm512_set1_ps(EXP2_U0));
    return _mm512_scalef_ps(p, x);
}

/* 0, n, 2n, ... 15n: what gathers a column. */
ALWAYS_INLINE __m512i lanes_by(size_t n)
{
    return _mm512_mullo_epi32(
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
        _mm512_set1_epi32((int)n));
}

/* Where row i of panel p begins, in elements. */
ALWAYS_INLINE size_t place(const struct gemm *g, size_t p, size_t i)
{
    return p * g->panel_stride + i * g->ldc;
}

ALWAYS_INLINE void store_tile(const struct gemm *g, size_t p, size_t i,
                              size_t rows, size_t live,
                              __m512 acc[KERNEL_TILE][2])
{
    if (g->c_bf16) {
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            uint16_t *c = (uint16_t *)g->c + place(g, p, i + r);

            if (r >= live)
                break;
            _mm256_storeu_si256((__m256i *)(void *)c, bf16_ps(acc[r][0]));
            _mm256_storeu_si256((__m256i *)(void *)(c + 16),
                                bf16_ps(acc[r][1]));
        }
        return;
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        float *c = (float *)g->c + place(g, p, i + r);

        if (r >= live)
            break;
        _mm512_storeu_ps(c, acc[r][0]);
        _mm512_storeu_ps(c + 16, acc[r][1]);
    }
}

/* All panels, and in each all rows: 12 at a time, then a smaller tile, which
 * may read up to KERNEL_ROW_STEP - 1 rows too many.  A panel stays in the
 * first-level cache while all rows meet it. */
#define FOR_TILES(g, tile)                                                     \
    for (size_t p_ = 0; p_ < (g)->w->n / KERNEL_PANEL; p_++) {                 \
        size_t i_ = 0;                                                         \
                                                                               \
        for (; (g)->m - i_ >= 12; i_ += 12)                                    \
            tile(g, p_, i_, 12, 12);                                           \
        if ((g)->m - i_ > 8)                                                   \
            tile(g, p_, i_, 12, (g)->m - i_);                                  \
        else if ((g)->m - i_ > 4)                                              \
            tile(g, p_, i_, 8, (g)->m - i_);                                   \
        else if ((g)->m > i_)                                                  \
            tile(g, p_, i_, 4, (g)->m - i_);                                   \
    }

/* Keys k (n rows of `groups` times 4 bytes) as panels of 32 lanes: each 16 x 16
 * block of dwords is turned over.  Lanes of keys that do not exist are 0. */
ALWAYS_INLINE void transpose_keys(void *out, const void *k, size_t n,
                                  size_t groups)
{
    const __m512i step = lanes_by(groups);

    for (size_t j = 0; j < round_up(n, KERNEL_PANEL); j += 16) {
        size_t left = n > j ? n - j : 0;
        __mmask16 there = left >= 16 ? 0xFFFF : (__mmask16)((1u << left) - 1);
        const int *from = (const int *)k + j * groups;
        int *to = (int *)out + j / KERNEL_PANEL * KERNEL_PANEL * groups +
                  j % KERNEL_PANEL;

        for (size_t d = 0; d < groups; d++)
            _mm512_storeu_si512(
                to + d * KERNEL_PANEL,
                _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), there, step,
                                            from + d, 4));
    }
}

ALWAYS_INLINE void clear(__m512 acc[KERNEL_TILE][2], size_t rows)
{
    UNROLL
    for (size_t r = 0; r < rows; r++)
        acc[r][0] = acc[r][1] = _mm512_setzero_ps();
}

/* Scores of keys j..j+31; -inf where there is no key, so that its weight
 * vanishes. */
ALWAYS_INLINE void store_scores(__m512 acc[KERNEL_TILE][2], size_t rows,
                                float *s, size_t j, size_t n)
{
    const __m512 none = _mm512_set1_ps(-__builtin_inff());
    uint32_t there = n - j >= 32 ? 0xFFFFFFFF : (1u << (n - j)) - 1;

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        float *row = s + r * EMBED_MAX_TOKENS + j;

        _mm512_storeu_ps(row,
                         _mm512_mask_mov_ps(none, (__mmask16)there, acc[r][0]));
        _mm512_storeu_ps(
            row + 16,
            _mm512_mask_mov_ps(none, (__mmask16)(there >> 16), acc[r][1]));
    }
}

ALWAYS_INLINE void store_row(float *out, const __m512 acc[2], float factor)
{
    __m512 f = _mm512_set1_ps(factor);

    _mm512_storeu_ps(out, _mm512_mul_ps(acc[0], f));
    _mm512_storeu_ps(out + 16, _mm512_mul_ps(acc[1], f));
}

#endif
