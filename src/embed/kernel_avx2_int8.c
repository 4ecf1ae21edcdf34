/* kernel_avx2_int8.c - bytes in 8 lanes, with and without VNNI.
 *
 * One loop, three ways to multiply 4 bytes and add them up:
 *   vpmaddubsw + vpmaddwd + vpaddd   plain AVX2, for activations below 128
 *   {vex} vpdpbusd                   AVX-VNNI
 *   vpdpbusd                         AVX-512 VNNI + VL
 * Inline assembly for the reason given in kernel_avx512_int8.c, and because a
 * compiler may choose the encoding that the CPU lacks.
 */
#include "embed/kernel_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

KERNEL_TARGET_BEGIN("avx2,fma")

#include "embed/kernel_avx2.h"

#define TILE 6

enum dot { DOT_MADD, DOT_VEX, DOT_EVEX };

/* acc + a b; by value, since an accumulator whose address is taken lives in
 * memory. */
ALWAYS_INLINE __m256i dot4(enum dot how, __m256i acc, __m256i a, __m256i b)
{
    switch (how) {
    case DOT_VEX:
        __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));
        return acc;
    case DOT_EVEX:
        __asm__("%{evex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));
        return acc;
    default:
        a = _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
        return _mm256_add_epi32(acc, a);
    }
}

ALWAYS_INLINE void mac(enum dot how, __m256i acc[TILE][2], size_t rows,
                       const uint8_t *a, size_t lda, const int8_t *b, size_t kg)
{
    for (size_t k = 0; k < kg; k++, a += 4, b += 128) {
        __m256i b0 = _mm256_loadu_si256((const __m256i *)(const void *)b);
        __m256i b1 =
            _mm256_loadu_si256((const __m256i *)(const void *)(b + 32));

        UNROLL
        for (size_t r = 0; r < rows; r++) {
            __m256i v = _mm256_set1_epi32(load_i32(a + r * lda));

            acc[r][0] = dot4(how, acc[r][0], v, b0);
            acc[r][1] = dot4(how, acc[r][1], v, b1);
        }
    }
}

/* Sums start at -zero * sum(weights), which takes the zero point out. */
ALWAYS_INLINE void tile(enum dot how, const struct gemm *g, size_t p,
                        size_t half, size_t i, size_t rows)
{
    const struct matrix *w = g->w;
    size_t n = p * KERNEL_PANEL + half * LANES;
    const int8_t *b =
        (const int8_t *)w->panels + p * w->k * KERNEL_PANEL + half * LANES * 4;
    __m256i acc[TILE][2];
    __m256 out[TILE][2];

    UNROLL
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < 2; h++)
            acc[r][h] = _mm256_mullo_epi32(
                _mm256_set1_epi32(-g->a_zero[i + r]),
                _mm256_loadu_si256(
                    (const __m256i *)(const void *)(w->sum + n + 8 * h)));
    mac(how, acc, rows, (const uint8_t *)g->a + i * g->lda, g->lda, b,
        w->k / 4);
    UNROLL
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < 2; h++)
            out[r][h] = _mm256_fmadd_ps(
                _mm256_cvtepi32_ps(acc[r][h]),
                _mm256_mul_ps(_mm256_set1_ps(g->a_scale[i + r]),
                              _mm256_loadu_ps(w->scale + n + 8 * h)),
                _mm256_loadu_ps(w->bias + n + 8 * h));
    store_tile(g, p * g->panel_stride + i * g->ldc + half * LANES, rows, out);
}

ALWAYS_INLINE void tile_madd(const struct gemm *g, size_t p, size_t half,
                             size_t i, size_t rows)
{
    tile(DOT_MADD, g, p, half, i, rows);
}

ALWAYS_INLINE void tile_vex(const struct gemm *g, size_t p, size_t half,
                            size_t i, size_t rows)
{
    tile(DOT_VEX, g, p, half, i, rows);
}

ALWAYS_INLINE void tile_evex(const struct gemm *g, size_t p, size_t half,
                             size_t i, size_t rows)
{
    tile(DOT_EVEX, g, p, half, i, rows);
}

void avx2_gemm_int8(const struct gemm *g)
{
    FOR_HALF_TILES(g, 4, tile_madd); /* two more registers are needed here */
}

void avx_vnni_gemm_int8(const struct gemm *g)
{
    FOR_HALF_TILES(g, TILE, tile_vex);
}

void avx512_vnni256_gemm_int8(const struct gemm *g)
{
    FOR_HALF_TILES(g, TILE, tile_evex);
}

KERNEL_TARGET_END

#endif
