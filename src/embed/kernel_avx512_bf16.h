/* kernel_avx512_bf16.h - what the kernels share whose attention is in bf16.  It
 * is included inside their target region, after kernel_avx512.h.
 */
#ifndef EMBED_KERNEL_AVX512_BF16_H
#define EMBED_KERNEL_AVX512_BF16_H

#define MAX_KEYS EMBED_MAX_TOKENS

/* Two rows of v become one of pairs; rows that are missing to a multiple of
 * `step`, an even number, are 0. */
ALWAYS_INLINE void pair_values(uint16_t *out, const uint16_t *v, size_t n,
                               size_t step)
{
    static const uint16_t pairs[32] = {
        0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
        8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    const __m512i low = _mm512_loadu_si512(pairs);
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));

    for (size_t j = 0; j < round_up(n, step); j += 2, v += 64, out += 64) {
        __m512i a = _mm512_setzero_si512(), b = a;

        if (j < n)
            a = _mm512_loadu_si512(v);
        if (j + 1 < n)
            b = _mm512_loadu_si512(v + 32);
        _mm512_storeu_si512(out, _mm512_permutex2var_epi16(a, low, b));
        _mm512_storeu_si512(out + 32, _mm512_permutex2var_epi16(a, high, b));
    }
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

#endif
