/* scan_avx2.c - half a line a register, and no byte dot product.
 *
 * vpmaddubsw adds two products of a byte and a signed byte in 16 bits and
 * saturates.  Codes need all their 8 bits (their error counts for every query),
 * so the query has 7: 2 * 255 * 63 fits.  Its error is known and in the bound.
 */
#include "vector/scan_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

static bool supported(void)
{
    return cpu_features() & CPU_AVX2;
}

KERNEL_TARGET_BEGIN("avx2,fma")

ALWAYS_INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256(p);
}

ALWAYS_INLINE __m256i dot4(__m256i acc, __m256i codes, __m256i q)
{
    __m256i s = _mm256_maddubs_epi16(codes, q);

    return _mm256_add_epi32(acc, _mm256_madd_epi16(s, _mm256_set1_epi16(1)));
}

ALWAYS_INLINE __m256 bounds(const struct scan_query *q,
                            const struct scan_blocks *b, size_t lane,
                            __m256i sum)
{
    __m256 n = _mm256_loadu_ps(b->norm + lane);
    __m256 x = _mm256_mul_ps(_mm256_set1_ps(q->c2),
                             _mm256_loadu_ps(b->residual + lane));
    __m256 s =
        _mm256_mul_ps(_mm256_set1_ps(q->a), _mm256_loadu_ps(b->scale + lane));

    sum = _mm256_sub_epi32(sum, _mm256_set1_epi32(q->zero));
    x = _mm256_fmadd_ps(_mm256_set1_ps(q->c1), n, x);
    x = _mm256_fmadd_ps(s, _mm256_cvtepi32_ps(sum), x);
    if (q->metric == VECTOR_COSINE)
        return _mm256_div_ps(x, _mm256_max_ps(n, _mm256_set1_ps(SCAN_TINY)));
    if (q->metric == VECTOR_L2)
        return _mm256_fmsub_ps(
            _mm256_set1_ps(q->q2), x,
            _mm256_mul_ps(_mm256_set1_ps(q->keep), _mm256_mul_ps(n, n)));
    return x;
}

/* One block; returns the lanes that reach `min`. */
ALWAYS_INLINE unsigned block(const struct scan_query *q,
                             const struct scan_blocks *b, size_t at, float min,
                             float out[SCAN_LANES])
{
    const uint8_t *line = scan_block(q, b, at), *ahead = scan_ahead(q, b, at);
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
    __m256 low = _mm256_set1_ps(min), b0, b1;

    for (size_t g = 0; g < q->dim; g += 8, line += 128, ahead += 128) {
        __m256i q0 = _mm256_set1_epi32(load_i32(q->codes + g));
        __m256i q1 = _mm256_set1_epi32(load_i32(q->codes + g + 4));

        _mm_prefetch((const char *)ahead, _MM_HINT_T0);
        _mm_prefetch((const char *)ahead + 64, _MM_HINT_T0);
        s0 = dot4(s0, load(line), q0);
        s1 = dot4(s1, load(line + 32), q0);
        s2 = dot4(s2, load(line + 64), q1);
        s3 = dot4(s3, load(line + 96), q1);
    }
    b0 = bounds(q, b, at * SCAN_LANES, _mm256_add_epi32(s0, s2));
    b1 = bounds(q, b, at * SCAN_LANES + 8, _mm256_add_epi32(s1, s3));
    _mm256_storeu_ps(out, b0);
    _mm256_storeu_ps(out + 8, b1);
    b0 = _mm256_cmp_ps(b0, low, _CMP_GE_OQ);
    b1 = _mm256_cmp_ps(b1, low, _CMP_GE_OQ);
    return (unsigned)_mm256_movemask_ps(b0) | (unsigned)_mm256_movemask_ps(b1)
                                                  << 8;
}

static size_t next(const struct scan_query *q, const struct scan_blocks *b,
                   size_t from, float min, struct scan_hit *hit)
{
    for (size_t at = from; at < b->n; at++) {
        if (!b->want[at])
            continue;
        hit->lanes = (uint16_t)(block(q, b, at, min, hit->bound) & b->want[at]);
        if (hit->lanes)
            return at;
    }
    return b->n;
}

static void dots(const float *a, const float *b, size_t n, double out[2])
{
    __m256d ab[4], bb[4];
    double s[16], t[16];

    for (size_t j = 0; j < 4; j++)
        ab[j] = bb[j] = _mm256_setzero_pd();
    for (size_t i = 0; i < n; i += 16)
        UNROLL
    for (size_t j = 0; j < 4; j++) {
        __m256d x = _mm256_cvtps_pd(_mm_loadu_ps(a + i + 4 * j));
        __m256d y = _mm256_cvtps_pd(_mm_loadu_ps(b + i + 4 * j));

        ab[j] = _mm256_fmadd_pd(x, y, ab[j]);
        bb[j] = _mm256_fmadd_pd(y, y, bb[j]);
    }
    for (size_t j = 0; j < 4; j++) {
        _mm256_storeu_pd(s + 4 * j, ab[j]);
        _mm256_storeu_pd(t + 4 * j, bb[j]);
    }
    out[0] = scan_add_up(s);
    out[1] = scan_add_up(t);
}

KERNEL_TARGET_END

const struct scan_kernel scan_avx2 = {
    .name = "avx2",
    .supported = supported,
    .query_max = 63,
    .next = next,
    .dots = dots,
};

#endif
