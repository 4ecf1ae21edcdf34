/* kernel_avx512.c - float, and everything a row at a time, in 16 lanes.
 *
 * A tile is 12 rows by one panel: 24 accumulators, 2 registers of weights, 1
 * broadcast, so that 24 of every 27 instructions multiply.  Larger tiles (14
 * rows) spill, smaller ones load more; see docs/embedding.md for the numbers.
 */
#include "embed/kernel_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

KERNEL_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

#include "embed/kernel_avx512.h"

/* ---- multiplication ---- */

/* acc += rows x 32 of a b over kg groups; `rows` is a constant. */
ALWAYS_INLINE void mac(__m512 acc[KERNEL_TILE][2], size_t rows, const char *a,
                       size_t lda, const float *b, size_t kg)
{
    for (size_t k = 0; k < kg; k++, a += 4, b += KERNEL_PANEL) {
        __m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + 16);

        _mm_prefetch((const char *)(b + (size_t)8 * KERNEL_PANEL), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + (size_t)8 * KERNEL_PANEL + 16),
                     _MM_HINT_T0);
        UNROLL
        for (size_t i = 0; i < rows; i++) {
            __m512 v =
                _mm512_castsi512_ps(_mm512_set1_epi32(load_i32(a + i * lda)));

            acc[i][0] = _mm512_fmadd_ps(v, b0, acc[i][0]);
            acc[i][1] = _mm512_fmadd_ps(v, b1, acc[i][1]);
        }
    }
}

/* Rows i.. of panel p; the first `live` of them are stored. */
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
        (const float *)w->panels + p * w->k * KERNEL_PANEL, w->k);
    store_tile(g, p, i, rows, live, acc);
}

static void gemm_f32(const struct gemm *g)
{
    FOR_TILES(g, tile);
}

/* ---- attention ---- */

#define MAX_KEYS EMBED_MAX_TOKENS

/* One row of scores to 2^(s - max); returns 1 / their sum. */
static float softmax2(float *s, size_t n)
{
    __m512 max = _mm512_loadu_ps(s), sum = _mm512_setzero_ps();

    for (size_t j = 16; j < n; j += 16)
        max = _mm512_max_ps(max, _mm512_loadu_ps(s + j));
    max = _mm512_set1_ps(_mm512_reduce_max_ps(max));
    for (size_t j = 0; j < n; j += 16) {
        __m512 v = exp2_ps(_mm512_sub_ps(_mm512_loadu_ps(s + j), max));

        sum = _mm512_add_ps(sum, v);
        _mm512_storeu_ps(s + j, v);
    }
    return 1 / _mm512_reduce_add_ps(sum);
}

/* Rows i.. of the answer.  kt: k as panels of 32 keys; s: rows x keys. */
ALWAYS_INLINE void attend_tile(const struct attend *a, const float *kt,
                               float *s, size_t i, size_t rows)
{
    size_t keys = round_up(a->n, KERNEL_PANEL);
    size_t live = a->n - i < rows ? a->n - i : rows;
    const char *q = (const char *)a->q + i * KERNEL_PANEL * sizeof(float);
    __m512 acc[KERNEL_TILE][2];
    float inv[KERNEL_TILE];

    for (size_t j = 0; j < keys; j += KERNEL_PANEL) {
        clear(acc, rows);
        mac(acc, rows, q, KERNEL_PANEL * sizeof(float), kt + j * KERNEL_PANEL,
            KERNEL_PANEL);
        store_scores(acc, rows, s, j, a->n);
    }
    for (size_t r = 0; r < live; r++)
        inv[r] = softmax2(s + r * MAX_KEYS, keys);
    clear(acc, rows);
    mac(acc, rows, (const char *)s, MAX_KEYS * sizeof(float), a->v, a->n);
    UNROLL
    for (size_t r = 0; r < rows; r++)
        if (r < live)
            store_row(a->out + (i + r) * a->ld, acc[r], inv[r]);
}

static void attend(const struct attend *a)
{
    float *kt = a->work;
    float *s = kt + (size_t)MAX_KEYS * KERNEL_PANEL;
    size_t i = 0;

    _Static_assert((MAX_KEYS * KERNEL_PANEL + MAX_KEYS * KERNEL_TILE) *
                           sizeof(float) <=
                       KERNEL_WORK,
                   "attend needs more work space");
    transpose_keys(kt, a->k, a->n, KERNEL_PANEL);
    for (; a->n - i >= 12; i += 12)
        attend_tile(a, kt, s, i, 12);
    if (a->n - i > 8)
        attend_tile(a, kt, s, i, 12);
    else if (a->n - i > 4)
        attend_tile(a, kt, s, i, 8);
    else if (a->n > i)
        attend_tile(a, kt, s, i, 4);
}

/* ---- rows ---- */

static void add_norm(float *x, const float *y, const float *gain,
                     const float *bias, size_t n)
{
    __m512 sum = _mm512_setzero_ps(), squares = _mm512_setzero_ps(), mean, inv;
    float var;

    for (size_t i = 0; i < n; i += 16) {
        __m512 v =
            _mm512_add_ps(_mm512_loadu_ps(x + i), _mm512_loadu_ps(y + i));

        sum = _mm512_add_ps(sum, v);
        _mm512_storeu_ps(x + i, v);
    }
    mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / (float)n);
    for (size_t i = 0; i < n; i += 16) {
        __m512 v = _mm512_sub_ps(_mm512_loadu_ps(x + i), mean);

        squares = _mm512_fmadd_ps(v, v, squares);
    }
    var = _mm512_reduce_add_ps(squares) / (float)n;
    inv = _mm512_div_ps(_mm512_set1_ps(1),
                        _mm512_sqrt_ps(_mm512_set1_ps(var + KERNEL_NORM_EPS)));
    for (size_t i = 0; i < n; i += 16) {
        __m512 v =
            _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), mean), inv);

        _mm512_storeu_ps(x + i, _mm512_fmadd_ps(v, _mm512_loadu_ps(gain + i),
                                                _mm512_loadu_ps(bias + i)));
    }
}

static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __m512 v = _mm512_loadu_ps(x + i);
        __m512 a = _mm512_min_ps(_mm512_abs_ps(v), _mm512_set1_ps(GELU_CUT));
        __m512 p = _mm512_set1_ps(GELU_P6);

        p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(GELU_P5));
        p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(GELU_P4));
        p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(GELU_P3));
        p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(GELU_P2));
        p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(GELU_P1));
        p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(GELU_P0));
        v = _mm512_max_ps(v, _mm512_setzero_ps());
        _mm512_storeu_ps(x + i, _mm512_fnmadd_ps(a, exp2_ps(p), v));
    }
}

static float quantize(uint8_t *out, const float *x, size_t n, int act_max,
                      int32_t *zero)
{
    __m512 low = _mm512_setzero_ps(), high = low, inv;
    __m512i shift, top = _mm512_set1_epi32(act_max);
    float from, range;

    for (size_t i = 0; i < n; i += 16) {
        __m512 v = _mm512_loadu_ps(x + i);

        low = _mm512_min_ps(low, v);
        high = _mm512_max_ps(high, v);
    }
    from = _mm512_reduce_min_ps(low);
    range = _mm512_reduce_max_ps(high) - from;
    *zero = 0;
    if (range < QUANT_MIN) {
        memset(out, 0, n);
        return 0;
    }
    inv = _mm512_set1_ps((float)act_max / range);
    *zero = _mm_cvtss_si32(_mm_set_ss(-from * _mm512_cvtss_f32(inv)));
    shift = _mm512_set1_epi32(*zero);
    for (size_t i = 0; i < n; i += 16) {
        __m512i q =
            _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), inv));

        q = _mm512_min_epi32(_mm512_add_epi32(q, shift), top);
        _mm_storeu_si128((__m128i *)(void *)(out + i), _mm512_cvtepi32_epi8(q));
    }
    return range / (float)act_max;
}

void avx512_to_bf16(uint16_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16)
        _mm256_storeu_si256((__m256i *)(void *)(out + i),
                            bf16_ps(_mm512_loadu_ps(x + i)));
}

KERNEL_TARGET_END

static bool has_avx512(void)
{
    return cpu_features() & CPU_AVX512;
}

static bool has_vnni(void)
{
    return cpu_features() & CPU_AVX512_VNNI;
}

static bool has_bf16(void)
{
    return cpu_features() & CPU_AVX512_BF16 && has_vnni();
}

static bool has_amx(void)
{
    return cpu_features() & CPU_AMX && has_bf16();
}

#define ROWS                                                                   \
    .act_max = 255, .add_norm = add_norm, .gelu = gelu, .quantize = quantize,  \
    .to_bf16 = avx512_to_bf16

/* Bytes attend in bf16: its multiplications cost next to nothing here. */
const struct kernel kernel_amx = {
    .name = "amx",
    .supported = has_amx,
    .fast_int8 = true,
    .gemm = {gemm_f32, amx_gemm_bf16, amx_gemm_int8},
    .attend = {attend, amx_attend_bf16},
    ROWS,
};

const struct kernel kernel_avx512 = {
    .name = "avx512",
    .supported = has_avx512,
    .gemm = {[EMBED_F32] = gemm_f32},
    .attend = {[EMBED_F32] = attend},
    ROWS,
};

/* Ice Lake: bytes, but no bf16. */
const struct kernel kernel_avx512_vnni = {
    .name = "avx512-vnni",
    .supported = has_vnni,
    .fast_int8 = true,
    .gemm = {[EMBED_F32] = gemm_f32, [EMBED_INT8] = avx512_gemm_int8},
    .attend = {[EMBED_F32] = attend, [EMBED_INT8] = avx512_attend_int8},
    ROWS,
};

/* Zen 4, Sapphire Rapids. */
const struct kernel kernel_avx512_bf16 = {
    .name = "avx512-bf16",
    .supported = has_bf16,
    .fast_int8 = true,
    .gemm = {[EMBED_F32] = gemm_f32,
             [EMBED_BF16] = avx512_gemm_bf16,
             [EMBED_INT8] = avx512_gemm_int8},
    .attend = {attend, avx512_attend_bf16, avx512_attend_int8},
    ROWS,
};

#endif
