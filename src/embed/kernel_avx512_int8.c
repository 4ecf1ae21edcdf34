/* kernel_avx512_int8.c - bytes, with VNNI: 4 products a lane an instruction,
 * in multiplications and in attention.
 *
 * vpdpbusd stands here as inline assembly: with the intrinsic, gcc 12 copies
 * and spills the accumulators of a tile this size, and runs at half the speed
 * (231 instead of 443 G/s, measured).
 */
#include "embed/kernel_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

KERNEL_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")

#include "embed/kernel_avx512.h"

#define DOT(acc, a, b)                                                         \
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b))

ALWAYS_INLINE void mac(__m512i acc[KERNEL_TILE][2], size_t rows,
                       const uint8_t *a, size_t lda, const int8_t *b, size_t kg)
{
    for (size_t k = 0; k < kg; k++, a += 4, b += 128) {
        __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 64);

        _mm_prefetch((const char *)(b + (size_t)8 * 128), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + (size_t)8 * 128 + 64), _MM_HINT_T0);
        UNROLL
        for (size_t i = 0; i < rows; i++) {
            __m512i v = _mm512_set1_epi32(load_i32(a + i * lda));

            DOT(acc[i][0], v, b0);
            DOT(acc[i][1], v, b1);
        }
    }
}

/* Sums start at -zero * sum(weights), which takes the zero point out. */
ALWAYS_INLINE void tile(const struct gemm *g, size_t p, size_t i, size_t rows,
                        size_t live)
{
    const struct matrix *w = g->w;
    size_t n = p * KERNEL_PANEL;
    __m512i sum[2] = {_mm512_loadu_si512(w->sum + n),
                      _mm512_loadu_si512(w->sum + n + 16)};
    __m512i acc[KERNEL_TILE][2];
    __m512 scale[2], bias[2], out[KERNEL_TILE][2];

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        __m512i zero = _mm512_set1_epi32(-g->a_zero[i + (r < live ? r : 0)]);

        acc[r][0] = _mm512_mullo_epi32(zero, sum[0]);
        acc[r][1] = _mm512_mullo_epi32(zero, sum[1]);
    }
    mac(acc, rows, (const uint8_t *)g->a + i * g->lda, g->lda,
        (const int8_t *)w->panels + n * w->k, w->k / 4);
    for (size_t h = 0; h < 2; h++) {
        scale[h] = _mm512_loadu_ps(w->scale + n + 16 * h);
        bias[h] = _mm512_loadu_ps(w->bias + n + 16 * h);
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        __m512 s = _mm512_set1_ps(g->a_scale[i + (r < live ? r : 0)]);

        UNROLL
        for (size_t h = 0; h < 2; h++)
            out[r][h] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[r][h]),
                                        _mm512_mul_ps(s, scale[h]), bias[h]);
    }
    store_tile(g, p, i, rows, live, out);
}

void avx512_gemm_int8(const struct gemm *g)
{
    FOR_TILES(g, tile);
}

/* ---- attention ---- */

#define MAX_KEYS EMBED_MAX_TOKENS
#define Q_ZERO 128         /* q as the unsigned side of the product */
#define P_BITS 7.99435344f /* log2(255): the largest weight is 255 */

/* Its parts of the work space. */
struct rooms {
    float s[KERNEL_TILE * MAX_KEYS];
    int32_t shift[MAX_KEYS]; /* what Q_ZERO adds to a key's sums, negated */
    float k_scale[MAX_KEYS / KERNEL_PANEL];
    float q_scale[MAX_KEYS + KERNEL_TILE];
    uint8_t q[(MAX_KEYS + KERNEL_TILE) * KERNEL_PANEL];
    int8_t k[MAX_KEYS * KERNEL_PANEL];
    int8_t kt[MAX_KEYS * KERNEL_PANEL]; /* k: panels of [8][32][4] */
    int8_t v[MAX_KEYS * KERNEL_PANEL];  /* v: [keys / 4][32][4] */
    uint8_t p[KERNEL_TILE * MAX_KEYS];  /* 255 * 2^(s - max) */
};
_Static_assert(sizeof(struct rooms) <= KERNEL_WORK, "work space");

/* As kernel_scalar.c, but the scale of what counts as 0 is not 0: it meets the
 * -inf of keys that do not exist. */
ALWAYS_INLINE float byte_scale(float top, float *scale)
{
    *scale = top < QUANT_MIN ? 1 : top / 127;
    return top < QUANT_MIN ? 0 : 127 / top;
}

ALWAYS_INLINE __m128i to_bytes(__m512 x, __m512 inv)
{
    return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x, inv)));
}

ALWAYS_INLINE void store_bytes(void *out, __m128i v)
{
    _mm_storeu_si128(out, v);
}

static void mean_of(__m512 mean[2], const float *x, size_t n)
{
    __m512 f = _mm512_set1_ps((float)n);

    mean[0] = mean[1] = _mm512_setzero_ps();
    for (size_t j = 0; j < n; j++, x += KERNEL_PANEL) {
        mean[0] = _mm512_add_ps(mean[0], _mm512_loadu_ps(x));
        mean[1] = _mm512_add_ps(mean[1], _mm512_loadu_ps(x + 16));
    }
    mean[0] = _mm512_div_ps(mean[0], f);
    mean[1] = _mm512_div_ps(mean[1], f);
}

/* max |x - mean|, a lane each */
ALWAYS_INLINE void tops(__m512 top[2], const float *x, size_t n,
                        const __m512 mean[2])
{
    top[0] = top[1] = _mm512_setzero_ps();
    for (size_t j = 0; j < n; j++, x += KERNEL_PANEL) {
        for (size_t h = 0; h < 2; h++) {
            __m512 v = _mm512_sub_ps(_mm512_loadu_ps(x + 16 * h), mean[h]);

            top[h] = _mm512_max_ps(top[h], _mm512_abs_ps(v));
        }
    }
}

static void byte_queries(struct rooms *w, const float *q, size_t n)
{
    const __m128i zero = _mm_set1_epi8((char)Q_ZERO);

    for (size_t i = 0; i < n; i++, q += KERNEL_PANEL) {
        __m512 a = _mm512_loadu_ps(q), b = _mm512_loadu_ps(q + 16), inv;
        float top = _mm512_reduce_max_ps(
            _mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
        uint8_t *to = w->q + i * KERNEL_PANEL;

        inv = _mm512_set1_ps(byte_scale(top, w->q_scale + i));
        store_bytes(to, _mm_add_epi8(to_bytes(a, inv), zero));
        store_bytes(to + 16, _mm_add_epi8(to_bytes(b, inv), zero));
    }
}

static void byte_keys(struct rooms *w, const float *k, size_t n)
{
    const __m512i zero = _mm512_set1_epi8((char)Q_ZERO);
    __m512 mean[2];

    mean_of(mean, k, n);
    for (size_t from = 0; from < n; from += KERNEL_PANEL) {
        size_t to = n - from < KERNEL_PANEL ? n : from + KERNEL_PANEL;
        __m512 top[2], inv;

        tops(top, k + from * KERNEL_PANEL, to - from, mean);
        inv = _mm512_set1_ps(
            byte_scale(_mm512_reduce_max_ps(_mm512_max_ps(top[0], top[1])),
                       w->k_scale + from / KERNEL_PANEL));
        for (size_t i = from * KERNEL_PANEL; i < to * KERNEL_PANEL; i += 16)
            store_bytes(w->k + i,
                        to_bytes(_mm512_sub_ps(_mm512_loadu_ps(k + i),
                                               mean[i % KERNEL_PANEL / 16]),
                                 inv));
    }
    transpose_keys(w->kt, w->k, n, KERNEL_PANEL / 4);
    for (size_t j = 0; j < n; j += 16) {
        const int8_t *at = w->kt +
                           j / KERNEL_PANEL * KERNEL_PANEL * KERNEL_PANEL +
                           j % KERNEL_PANEL * 4;
        __m512i sum = _mm512_setzero_si512();

        for (size_t g = 0; g < KERNEL_PANEL / 4; g++)
            DOT(sum, zero, _mm512_loadu_si512(at + g * 4 * KERNEL_PANEL));
        _mm512_storeu_si512(w->shift + j,
                            _mm512_sub_epi32(_mm512_setzero_si512(), sum));
    }
}

/* Byte i of each of 16 dwords. */
ALWAYS_INLINE __m512i byte_at(__m512i v, unsigned i)
{
    return _mm512_slli_epi32(_mm512_and_si512(v, _mm512_set1_epi32(255)),
                             8 * i);
}

static void byte_values(struct rooms *w, const float *v, size_t n,
                        __m512 mean[2], __m512 scale[2])
{
    __m512 top[2], inv[2];

    mean_of(mean, v, n);
    tops(top, v, n, mean);
    for (size_t h = 0; h < 2; h++) {
        __mmask16 some =
            _mm512_cmp_ps_mask(top[h], _mm512_set1_ps(QUANT_MIN), _CMP_GE_OQ);

        scale[h] = _mm512_maskz_div_ps(some, top[h], _mm512_set1_ps(127));
        inv[h] = _mm512_maskz_div_ps(some, _mm512_set1_ps(127), top[h]);
    }
    for (size_t j = 0; j < n; j += 4) {
        for (size_t h = 0; h < 2; h++) {
            __m512i quad = _mm512_setzero_si512();

            for (unsigned i = 0; i < 4 && j + i < n; i++) {
                __m512 x = _mm512_sub_ps(
                    _mm512_loadu_ps(v + (j + i) * KERNEL_PANEL + 16 * h),
                    mean[h]);

                quad = _mm512_or_si512(
                    quad,
                    byte_at(_mm512_cvtps_epi32(_mm512_mul_ps(x, inv[h])), i));
            }
            _mm512_storeu_si512(w->v + (j * KERNEL_PANEL + 64 * h), quad);
        }
    }
}

/* One row of scores, to be multiplied by `scale`, to p; returns 1 / their sum.
 * n: a multiple of 16. */
ALWAYS_INLINE float softmax2(uint8_t *p, const float *s, size_t n, float scale)
{
    const __m512 f = _mm512_set1_ps(scale), bits = _mm512_set1_ps(P_BITS);
    __m512 max = _mm512_loadu_ps(s), sum = _mm512_setzero_ps();

    for (size_t j = 16; j < n; j += 16)
        max = _mm512_max_ps(max, _mm512_loadu_ps(s + j));
    max = _mm512_set1_ps(_mm512_reduce_max_ps(max));
    for (size_t j = 0; j < n; j += 16) {
        __m512 x = _mm512_fmadd_ps(_mm512_sub_ps(_mm512_loadu_ps(s + j), max),
                                   f, bits);
        __m512 e = rough_exp2(x);

        sum = _mm512_add_ps(sum, e);
        store_bytes(p + j, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(e)));
    }
    return 1 / _mm512_reduce_add_ps(sum);
}

ALWAYS_INLINE void attend_tile(const struct attend *a, struct rooms *w,
                               size_t i, size_t rows, const __m512 mean[2],
                               const __m512 scale[2])
{
    size_t keys = round_up(a->n, KERNEL_PANEL);
    size_t live = a->n - i < rows ? a->n - i : rows;
    __m512i acc[KERNEL_TILE][2];
    float inv[KERNEL_TILE];

    for (size_t j = 0; j < keys; j += KERNEL_PANEL) {
        __m512 f = _mm512_set1_ps(w->k_scale[j / KERNEL_PANEL]);
        __m512 out[KERNEL_TILE][2];

        UNROLL
        for (size_t r = 0; r < rows; r++) {
            acc[r][0] = _mm512_loadu_si512(w->shift + j);
            acc[r][1] = _mm512_loadu_si512(w->shift + j + 16);
        }
        mac(acc, rows, w->q + i * KERNEL_PANEL, KERNEL_PANEL,
            w->kt + j * KERNEL_PANEL, KERNEL_PANEL / 4);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            out[r][0] = _mm512_mul_ps(_mm512_cvtepi32_ps(acc[r][0]), f);
            out[r][1] = _mm512_mul_ps(_mm512_cvtepi32_ps(acc[r][1]), f);
        }
        store_scores(out, rows, w->s, j, a->n);
    }
    for (size_t r = 0; r < live; r++)
        inv[r] = softmax2(w->p + r * MAX_KEYS, w->s + r * MAX_KEYS, keys,
                          w->q_scale[i + r]);
    UNROLL
    for (size_t r = 0; r < rows; r++)
        acc[r][0] = acc[r][1] = _mm512_setzero_si512();
    mac(acc, rows, w->p, MAX_KEYS, w->v, (a->n + 3) / 4);
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        float *out = a->out + (i + r) * a->ld;
        __m512 f;

        if (r >= live)
            break;
        f = _mm512_set1_ps(inv[r]);
        UNROLL
        for (size_t h = 0; h < 2; h++)
            _mm512_storeu_ps(out + 16 * h,
                             _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[r][h]),
                                             _mm512_mul_ps(f, scale[h]),
                                             mean[h]));
    }
}

void avx512_attend_int8(const struct attend *a)
{
    struct rooms *w = a->work;
    __m512 mean[2], scale[2];
    size_t i = 0;

    byte_queries(w, a->q, a->n);
    byte_keys(w, a->k, a->n);
    byte_values(w, a->v, a->n, mean, scale);
    for (; a->n - i >= 12; i += 12)
        attend_tile(a, w, i, 12, mean, scale);
    if (a->n - i > 8)
        attend_tile(a, w, i, 12, mean, scale);
    else if (a->n - i > 4)
        attend_tile(a, w, i, 8, mean, scale);
    else if (a->n > i)
        attend_tile(a, w, i, 4, mean, scale);
}

KERNEL_TARGET_END

#endif
