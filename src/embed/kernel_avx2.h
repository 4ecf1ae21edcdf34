/* kernel_avx2.h - what the two AVX2 files share.  It is included inside their
 * target region, so that its functions are compiled for it.
 */
#ifndef EMBED_KERNEL_AVX2_H
#define EMBED_KERNEL_AVX2_H

/* bf16 by integer arithmetic, as kernel_bf16 does. */
ALWAYS_INLINE __m128i bf16_ps(__m256 v)
{
    __m256i u = _mm256_castps_si256(v);
    __m256i odd =
        _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));

    u = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
    u = _mm256_srli_epi32(u, 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(u),
                            _mm256_extracti128_si256(u, 1));
}

/* `c`: element of the output where the tile's first row begins */
ALWAYS_INLINE void store_tile(const struct gemm *g, size_t c, size_t rows,
                              __m256 acc[][2])
{
    UNROLL
    for (size_t r = 0; r < rows; r++, c += g->ldc) {
        if (g->c_bf16) {
            uint16_t *out = (uint16_t *)g->c + c;

            _mm_storeu_si128((__m128i *)(void *)out, bf16_ps(acc[r][0]));
            _mm_storeu_si128((__m128i *)(void *)(out + 8), bf16_ps(acc[r][1]));
        } else {
            _mm256_storeu_ps((float *)g->c + c, acc[r][0]);
            _mm256_storeu_ps((float *)g->c + c + 8, acc[r][1]);
        }
    }
}

#endif
