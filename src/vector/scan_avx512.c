/* scan_avx512.c - a line a register, with VNNI: at the speed of memory.
 *
 * vpdpbusd as inline assembly, for the reason given in
 * embed/kernel_avx512_int8.c.  Four sums, since it takes four cycles and one
 * can start in each.
 */
#include "vector/scan_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

static bool supported(void)
{
    return cpu_features() & CPU_AVX512_VNNI;
}

KERNEL_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")

#define DOT(acc, codes, q)                                                     \
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(codes), "v"(q))

ALWAYS_INLINE __m512 bounds(const struct scan_query *q,
                            const struct scan_blocks *b, size_t lane,
                            __m512i sum)
{
    __m512 n = _mm512_loadu_ps(b->norm + lane);
    __m512 x = _mm512_mul_ps(_mm512_set1_ps(q->c2),
                             _mm512_loadu_ps(b->residual + lane));
    __m512 s =
        _mm512_mul_ps(_mm512_set1_ps(q->a), _mm512_loadu_ps(b->scale + lane));

    x = _mm512_fmadd_ps(_mm512_set1_ps(q->c1), n, x);
    x = _mm512_fmadd_ps(s, _mm512_cvtepi32_ps(sum), x);
    if (q->metric == VECTOR_COSINE)
        return _mm512_div_ps(x, _mm512_max_ps(n, _mm512_set1_ps(SCAN_TINY)));
    if (q->metric == VECTOR_L2)
        return _mm512_fmsub_ps(
            _mm512_set1_ps(q->q2), x,
            _mm512_mul_ps(_mm512_set1_ps(q->keep), _mm512_mul_ps(n, n)));
    return x;
}

ALWAYS_INLINE __m512i sums(const struct scan_query *q, const uint8_t *line,
                           const uint8_t *ahead)
{
    __m512i s[4];

    s[0] = _mm512_set1_epi32(-q->zero);
    s[1] = s[2] = s[3] = _mm512_setzero_si512();
    for (size_t g = 0; g < q->dim; g += 16, line += 256, ahead += 256)
        UNROLL
    for (size_t j = 0; j < 4; j++) {
        __m512i codes = _mm512_loadu_si512(line + 64 * j);
        __m512i v = _mm512_set1_epi32(load_i32(q->codes + g + 4 * j));

        _mm_prefetch((const char *)ahead + 64 * j, _MM_HINT_T0);
        DOT(s[j], codes, v);
    }
    return _mm512_add_epi32(_mm512_add_epi32(s[0], s[1]),
                            _mm512_add_epi32(s[2], s[3]));
}

static size_t next(const struct scan_query *q, const struct scan_blocks *b,
                   size_t from, float min, struct scan_hit *hit)
{
    __m512 low = _mm512_set1_ps(min);

    for (size_t at = from; at < b->n; at++) {
        __m512 bound;

        if (!b->want[at])
            continue;
        bound = bounds(q, b, at * SCAN_LANES,
                       sums(q, scan_block(q, b, at), scan_ahead(q, b, at)));
        hit->lanes =
            _mm512_mask_cmp_ps_mask(b->want[at], bound, low, _CMP_GE_OQ);
        if (hit->lanes) {
            _mm512_storeu_ps(hit->bound, bound);
            return at;
        }
    }
    return b->n;
}

static void dots(const float *a, const float *b, size_t n, double out[2])
{
    __m512d ab[2], bb[2];
    double s[16], t[16];

    for (size_t j = 0; j < 2; j++)
        ab[j] = bb[j] = _mm512_setzero_pd();
    for (size_t i = 0; i < n; i += 16)
        UNROLL
    for (size_t j = 0; j < 2; j++) {
        __m512d x = _mm512_cvtps_pd(_mm256_loadu_ps(a + i + 8 * j));
        __m512d y = _mm512_cvtps_pd(_mm256_loadu_ps(b + i + 8 * j));

        ab[j] = _mm512_fmadd_pd(x, y, ab[j]);
        bb[j] = _mm512_fmadd_pd(y, y, bb[j]);
    }
    for (size_t j = 0; j < 2; j++) {
        _mm512_storeu_pd(s + 8 * j, ab[j]);
        _mm512_storeu_pd(t + 8 * j, bb[j]);
    }
    out[0] = scan_add_up(s);
    out[1] = scan_add_up(t);
}

KERNEL_TARGET_END

const struct scan_kernel scan_avx512_vnni = {
    .name = "avx512-vnni",
    .supported = supported,
    .query_max = 127,
    .next = next,
    .dots = dots,
};

#endif
