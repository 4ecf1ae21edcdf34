/* kernel_avx2.c - float, and everything a row at a time, in 8 lanes.
 *
 * With 16 registers a tile is 6 rows by half a panel: 12 accumulators, 2 of
 * weights, 1 broadcast.
 */
#include "embed/kernel_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

KERNEL_TARGET_BEGIN("avx2,fma")

#include "embed/kernel_avx2.h"

#define TILE 6

/* ---- multiplication ---- */

/* acc += rows x 16 of a b over k; b's rows are 32 floats apart. */
ALWAYS_INLINE void mac(__m256 acc[TILE][2], size_t rows, const float *a,
                       size_t lda, const float *b, size_t k)
{
    for (size_t i = 0; i < k; i++, b += KERNEL_PANEL) {
        __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);

        UNROLL
        for (size_t r = 0; r < rows; r++) {
            __m256 v = _mm256_broadcast_ss(a + r * lda + i);

            acc[r][0] = _mm256_fmadd_ps(v, b0, acc[r][0]);
            acc[r][1] = _mm256_fmadd_ps(v, b1, acc[r][1]);
        }
    }
}

ALWAYS_INLINE void tile(const struct gemm *g, size_t p, size_t half, size_t i,
                        size_t rows)
{
    const struct matrix *w = g->w;
    const float *bias = w->bias + p * KERNEL_PANEL + half * LANES;
    const float *b =
        (const float *)w->panels + p * w->k * KERNEL_PANEL + half * LANES;
    const char *a = (const char *)g->a + i * g->lda;
    __m256 acc[TILE][2];

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        acc[r][0] = _mm256_loadu_ps(bias);
        acc[r][1] = _mm256_loadu_ps(bias + 8);
    }
    mac(acc, rows, (const float *)(const void *)a, g->lda / sizeof(float), b,
        w->k);
    store_tile(g, p * g->panel_stride + i * g->ldc + half * LANES, rows, acc);
}

static void gemm_f32(const struct gemm *g)
{
    FOR_HALF_TILES(g, TILE, tile);
}

/* ---- rows ---- */

ALWAYS_INLINE float sum_of(__m256 v)
{
    __m128 s =
        _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

ALWAYS_INLINE float max_of(__m256 v)
{
    __m128 s =
        _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

ALWAYS_INLINE __m256 abs_ps(__m256 v)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}

/* 2^x for x <= 0; about 2^-126 for anything below that. */
ALWAYS_INLINE __m256 exp2_ps(__m256 x)
{
    __m256 n, f, p = _mm256_set1_ps(EXP2_C5);
    __m256i e;

    x = _mm256_max_ps(x, _mm256_set1_ps(EXP2_MIN));
    n = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    f = _mm256_sub_ps(x, n);
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(EXP2_C4));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(EXP2_C3));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(EXP2_C2));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(EXP2_C1));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(EXP2_C0));
    e = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), e));
}

static void add_norm(float *x, const float *y, const float *gain,
                     const float *bias, size_t n)
{
    __m256 sum = _mm256_setzero_ps(), squares = _mm256_setzero_ps(), mean, inv;
    float var;

    for (size_t i = 0; i < n; i += 8) {
        __m256 v =
            _mm256_add_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i));

        sum = _mm256_add_ps(sum, v);
        _mm256_storeu_ps(x + i, v);
    }
    mean = _mm256_set1_ps(sum_of(sum) / (float)n);
    for (size_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_sub_ps(_mm256_loadu_ps(x + i), mean);

        squares = _mm256_fmadd_ps(v, v, squares);
    }
    var = sum_of(squares) / (float)n;
    inv = _mm256_div_ps(_mm256_set1_ps(1),
                        _mm256_sqrt_ps(_mm256_set1_ps(var + KERNEL_NORM_EPS)));
    for (size_t i = 0; i < n; i += 8) {
        __m256 v =
            _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(x + i), mean), inv);

        _mm256_storeu_ps(x + i, _mm256_fmadd_ps(v, _mm256_loadu_ps(gain + i),
                                                _mm256_loadu_ps(bias + i)));
    }
}

static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_loadu_ps(x + i);
        __m256 a = _mm256_min_ps(abs_ps(v), _mm256_set1_ps(GELU_CUT));
        __m256 p = _mm256_set1_ps(GELU_P6);

        p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(GELU_P5));
        p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(GELU_P4));
        p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(GELU_P3));
        p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(GELU_P2));
        p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(GELU_P1));
        p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(GELU_P0));
        v = _mm256_max_ps(v, _mm256_setzero_ps());
        _mm256_storeu_ps(x + i, _mm256_fnmadd_ps(a, exp2_ps(p), v));
    }
}

static float quantize(uint8_t *out, const float *x, size_t n, int act_max,
                      int32_t *zero)
{
    __m256 low = _mm256_setzero_ps(), high = low, inv;
    __m256i shift, top = _mm256_set1_epi32(act_max);
    float from, range;

    for (size_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_loadu_ps(x + i);

        low = _mm256_max_ps(low, _mm256_xor_ps(v, _mm256_set1_ps(-0.0f)));
        high = _mm256_max_ps(high, v);
    }
    from = -max_of(low);
    range = max_of(high) - from;
    *zero = 0;
    if (range < QUANT_MIN) {
        memset(out, 0, n);
        return 0;
    }
    inv = _mm256_set1_ps((float)act_max / range);
    *zero = _mm_cvtss_si32(_mm_set_ss(-from * _mm256_cvtss_f32(inv)));
    shift = _mm256_set1_epi32(*zero);
    for (size_t i = 0; i < n; i += 8) {
        __m256i q =
            _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i), inv));
        __m128i w;

        q = _mm256_min_epi32(_mm256_add_epi32(q, shift), top);
        w = _mm_packus_epi32(_mm256_castsi256_si128(q),
                             _mm256_extracti128_si256(q, 1));
        _mm_storel_epi64((__m128i *)(void *)(out + i), _mm_packus_epi16(w, w));
    }
    return range / (float)act_max;
}

static void to_bf16(uint16_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(out + i),
                         bf16_ps(_mm256_loadu_ps(x + i)));
}

/* ---- attention ---- */

#define MAX_KEYS EMBED_MAX_TOKENS

/* Its parts of the work space. */
struct rooms {
    float kt[MAX_KEYS * KERNEL_PANEL]; /* k: panels of [32 dims][32 keys] */
    float s[TILE * MAX_KEYS];
};
_Static_assert(sizeof(struct rooms) <= KERNEL_WORK, "work space");

/* Lanes of keys that do not exist are 0. */
static size_t transpose_keys(float *kt, const float *k, size_t n)
{
    size_t keys = (n + KERNEL_PANEL - 1) / KERNEL_PANEL * KERNEL_PANEL;

    for (size_t j = 0; j < keys; j++) {
        float *to = kt + j / KERNEL_PANEL * KERNEL_PANEL * KERNEL_PANEL +
                    j % KERNEL_PANEL;

        for (size_t d = 0; d < KERNEL_PANEL; d++)
            to[d * KERNEL_PANEL] = j < n ? k[j * KERNEL_PANEL + d] : 0;
    }
    return keys;
}

/* One row of scores, n of them real, to 2^(s - max); returns 1 / their sum. */
static float softmax2(float *s, size_t n, size_t keys)
{
    __m256 max, sum = _mm256_setzero_ps();

    for (size_t j = n; j < keys; j++)
        s[j] = -__builtin_inff();
    max = _mm256_loadu_ps(s);
    for (size_t j = 8; j < keys; j += 8)
        max = _mm256_max_ps(max, _mm256_loadu_ps(s + j));
    max = _mm256_set1_ps(max_of(max));
    for (size_t j = 0; j < keys; j += 8) {
        __m256 v = exp2_ps(_mm256_sub_ps(_mm256_loadu_ps(s + j), max));

        sum = _mm256_add_ps(sum, v);
        _mm256_storeu_ps(s + j, v);
    }
    return 1 / sum_of(sum);
}

ALWAYS_INLINE void clear(__m256 acc[TILE][2], size_t rows)
{
    UNROLL
    for (size_t r = 0; r < rows; r++)
        acc[r][0] = acc[r][1] = _mm256_setzero_ps();
}

/* Rows i.. of the answer. */
ALWAYS_INLINE void attend_tile(const struct attend *a, struct rooms *w,
                               size_t keys, size_t i, size_t rows)
{
    const float *q = (const float *)a->q + i * KERNEL_PANEL;
    float *out = a->out + i * a->ld;
    float inv[TILE];
    __m256 acc[TILE][2];

    for (size_t j = 0; j < keys; j += LANES) {
        clear(acc, rows);
        mac(acc, rows, q, KERNEL_PANEL,
            w->kt + j / KERNEL_PANEL * KERNEL_PANEL * KERNEL_PANEL +
                j % KERNEL_PANEL,
            KERNEL_PANEL);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            _mm256_storeu_ps(w->s + r * MAX_KEYS + j, acc[r][0]);
            _mm256_storeu_ps(w->s + r * MAX_KEYS + j + 8, acc[r][1]);
        }
    }
    for (size_t r = 0; r < rows; r++)
        inv[r] = softmax2(w->s + r * MAX_KEYS, a->n, keys);
    for (size_t d = 0; d < KERNEL_PANEL; d += LANES) {
        clear(acc, rows);
        mac(acc, rows, w->s, MAX_KEYS, (const float *)a->v + d, a->n);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            __m256 f = _mm256_set1_ps(inv[r]);

            _mm256_storeu_ps(out + r * a->ld + d, _mm256_mul_ps(acc[r][0], f));
            _mm256_storeu_ps(out + r * a->ld + d + 8,
                             _mm256_mul_ps(acc[r][1], f));
        }
    }
}

static void attend(const struct attend *a)
{
    struct rooms *w = a->work;
    size_t keys = transpose_keys(w->kt, a->k, a->n), i = 0;

    for (; a->n - i >= TILE; i += TILE)
        attend_tile(a, w, keys, i, TILE);
    for (; i < a->n; i++)
        attend_tile(a, w, keys, i, 1);
}

KERNEL_TARGET_END

static bool has_avx2(void)
{
    return cpu_features() & CPU_AVX2;
}

static bool has_avx_vnni(void)
{
    return cpu_features() & CPU_AVX_VNNI;
}

static bool has_avx512_vnni(void)
{
    return cpu_features() & CPU_AVX512_VNNI;
}

#define ROWS                                                                   \
    .attend = {attend}, .add_norm = add_norm, .gelu = gelu,                    \
    .quantize = quantize, .to_bf16 = to_bf16

/* Half the range of activations: vpmaddubsw adds two products in 16 bits. */
const struct kernel kernel_avx2 = {
    .name = "avx2",
    .supported = has_avx2,
    .act_max = 127,
    .gemm = {[EMBED_F32] = gemm_f32, [EMBED_INT8] = avx2_gemm_int8},
    ROWS,
};

/* Alder Lake and later without AVX-512. */
const struct kernel kernel_avx_vnni = {
    .name = "avx-vnni",
    .supported = has_avx_vnni,
    .fast_int8 = true,
    .act_max = 255,
    .gemm = {[EMBED_F32] = gemm_f32, [EMBED_INT8] = avx_vnni_gemm_int8},
    ROWS,
};

/* The same loop in the encoding of AVX-512: for CPUs whose clock falls under
 * 512-bit registers, and to prove the loop where AVX-VNNI is not at hand. */
const struct kernel kernel_avx512_vnni256 = {
    .name = "avx512-vnni256",
    .supported = has_avx512_vnni,
    .fast_int8 = true,
    .act_max = 255,
    .gemm = {[EMBED_F32] = gemm_f32, [EMBED_INT8] = avx512_vnni256_gemm_int8},
    ROWS,
};

#endif
