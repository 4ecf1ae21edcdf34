/* kernel_neon.c - aarch64: float in 4 lanes, and bytes where there is sdot.
 *
 * A tile is 6 rows by half a panel: 24 accumulators of the 32 registers, 4 of
 * weights, 1 broadcast.  sdot multiplies signed bytes: an activation q, which
 * is unsigned, becomes q - 128 by turning its highest bit over as it is read,
 * and sums start with what that takes away.
 */
#include "embed/kernel_impl.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define TILE 6
#define TILE_INT8 5 /* gcc 12 holds all rows' broadcasts at once */
#define QUAD 4      /* vectors of half a panel */

/* ---- multiplication ---- */

ALWAYS_INLINE void clear(float32x4_t acc[TILE][QUAD], size_t rows)
{
    UNROLL
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < QUAD; c++)
            acc[r][c] = vdupq_n_f32(0);
}

/* acc += rows x 16 of a b over k; b's rows are 32 floats apart. */
ALWAYS_INLINE void mac(float32x4_t acc[TILE][QUAD], size_t rows, const float *a,
                       size_t lda, const float *b, size_t k)
{
    for (size_t i = 0; i < k; i++, b += KERNEL_PANEL) {
        float32x4_t w[QUAD];

        UNROLL
        for (size_t c = 0; c < QUAD; c++)
            w[c] = vld1q_f32(b + 4 * c);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            float32x4_t v = vld1q_dup_f32(a + r * lda + i);

            UNROLL
            for (size_t c = 0; c < QUAD; c++)
                acc[r][c] = vfmaq_f32(acc[r][c], v, w[c]);
        }
    }
}

/* bf16 by integer arithmetic, as kernel_bf16 does. */
ALWAYS_INLINE uint16x4_t bf16_ps(float32x4_t v)
{
    uint32x4_t u = vreinterpretq_u32_f32(v);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));

    return vshrn_n_u32(vaddq_u32(u, vaddq_u32(odd, vdupq_n_u32(0x7FFF))), 16);
}

/* `c`: element of the output where the tile's first row begins */
ALWAYS_INLINE void store_tile(const struct gemm *g, size_t c, size_t rows,
                              float32x4_t acc[TILE][QUAD])
{
    UNROLL
    for (size_t r = 0; r < rows; r++, c += g->ldc) {
        UNROLL
        for (size_t q = 0; q < QUAD; q++) {
            if (g->c_bf16)
                vst1_u16((uint16_t *)g->c + c + 4 * q, bf16_ps(acc[r][q]));
            else
                vst1q_f32((float *)g->c + c + 4 * q, acc[r][q]);
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
    float32x4_t acc[TILE][QUAD];

    UNROLL
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < QUAD; c++)
            acc[r][c] = vld1q_f32(bias + 4 * c);
    mac(acc, rows, (const float *)(const void *)a, g->lda / sizeof(float), b,
        w->k);
    store_tile(g, p * g->panel_stride + i * g->ldc + half * LANES, rows, acc);
}

static void gemm_f32(const struct gemm *g)
{
    FOR_HALF_TILES(g, TILE, tile);
}

/* ---- bytes ---- */

KERNEL_TARGET_BEGIN("arch=armv8.2-a+dotprod")

ALWAYS_INLINE void mac_int8(int32x4_t acc[TILE][QUAD], size_t rows,
                            const uint8_t *a, size_t lda, const int8_t *b,
                            size_t kg)
{
    for (size_t k = 0; k < kg; k++, a += 4, b += (size_t)4 * KERNEL_PANEL) {
        int8x16_t w[QUAD];

        UNROLL
        for (size_t c = 0; c < QUAD; c++)
            w[c] = vld1q_s8(b + 16 * c);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            uint32_t q = (uint32_t)load_i32(a + r * lda) ^ 0x80808080;
            int8x16_t v = vreinterpretq_s8_u32(vdupq_n_u32(q));

            UNROLL
            for (size_t c = 0; c < QUAD; c++)
                acc[r][c] = vdotq_s32(acc[r][c], w[c], v);
        }
    }
}

ALWAYS_INLINE void tile_int8(const struct gemm *g, size_t p, size_t half,
                             size_t i, size_t rows)
{
    const struct matrix *w = g->w;
    size_t n = p * KERNEL_PANEL + half * LANES;
    const int8_t *b =
        (const int8_t *)w->panels + p * w->k * KERNEL_PANEL + half * LANES * 4;
    int32x4_t acc[TILE][QUAD];
    float32x4_t out[TILE][QUAD];

    UNROLL
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < QUAD; c++)
            acc[r][c] = vmulq_n_s32(vld1q_s32(w->sum + n + 4 * c),
                                    128 - g->a_zero[i + r]);
    mac_int8(acc, rows, (const uint8_t *)g->a + i * g->lda, g->lda, b,
             w->k / 4);
    UNROLL
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < QUAD; c++)
            out[r][c] = vfmaq_f32(vld1q_f32(w->bias + n + 4 * c),
                                  vcvtq_f32_s32(acc[r][c]),
                                  vmulq_n_f32(vld1q_f32(w->scale + n + 4 * c),
                                              g->a_scale[i + r]));
    store_tile(g, p * g->panel_stride + i * g->ldc + half * LANES, rows, out);
}

static void gemm_int8(const struct gemm *g)
{
    FOR_HALF_TILES(g, TILE_INT8, tile_int8);
}

KERNEL_TARGET_END

/* ---- rows ---- */

/* 2^x for x <= 0; about 2^-126 for anything below that. */
ALWAYS_INLINE float32x4_t exp2_ps(float32x4_t x)
{
    float32x4_t n, f, p = vdupq_n_f32(EXP2_C4);
    int32x4_t e;

    x = vmaxq_f32(x, vdupq_n_f32(EXP2_MIN));
    n = vrndnq_f32(x);
    f = vsubq_f32(x, n);
    p = vfmaq_f32(p, f, vdupq_n_f32(EXP2_C5));
    p = vfmaq_f32(vdupq_n_f32(EXP2_C3), p, f);
    p = vfmaq_f32(vdupq_n_f32(EXP2_C2), p, f);
    p = vfmaq_f32(vdupq_n_f32(EXP2_C1), p, f);
    p = vfmaq_f32(vdupq_n_f32(EXP2_C0), p, f);
    e = vshlq_n_s32(vcvtq_s32_f32(n), 23);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), e));
}

static void add_norm(float *x, const float *y, const float *gain,
                     const float *bias, size_t n)
{
    float32x4_t sum = vdupq_n_f32(0), squares = sum, mean, inv;
    float var;

    for (size_t i = 0; i < n; i += 4) {
        float32x4_t v = vaddq_f32(vld1q_f32(x + i), vld1q_f32(y + i));

        sum = vaddq_f32(sum, v);
        vst1q_f32(x + i, v);
    }
    mean = vdupq_n_f32(vaddvq_f32(sum) / (float)n);
    for (size_t i = 0; i < n; i += 4) {
        float32x4_t v = vsubq_f32(vld1q_f32(x + i), mean);

        squares = vfmaq_f32(squares, v, v);
    }
    var = vaddvq_f32(squares) / (float)n;
    inv = vdivq_f32(vdupq_n_f32(1),
                    vsqrtq_f32(vdupq_n_f32(var + KERNEL_NORM_EPS)));
    for (size_t i = 0; i < n; i += 4) {
        float32x4_t v = vmulq_f32(vsubq_f32(vld1q_f32(x + i), mean), inv);

        vst1q_f32(x + i,
                  vfmaq_f32(vld1q_f32(bias + i), v, vld1q_f32(gain + i)));
    }
}

static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 4) {
        float32x4_t v = vld1q_f32(x + i);
        float32x4_t a = vminq_f32(vabsq_f32(v), vdupq_n_f32(GELU_CUT));
        float32x4_t p = vdupq_n_f32(GELU_P6);

        p = vfmaq_f32(vdupq_n_f32(GELU_P5), p, a);
        p = vfmaq_f32(vdupq_n_f32(GELU_P4), p, a);
        p = vfmaq_f32(vdupq_n_f32(GELU_P3), p, a);
        p = vfmaq_f32(vdupq_n_f32(GELU_P2), p, a);
        p = vfmaq_f32(vdupq_n_f32(GELU_P1), p, a);
        p = vfmaq_f32(vdupq_n_f32(GELU_P0), p, a);
        v = vmaxq_f32(v, vdupq_n_f32(0));
        vst1q_f32(x + i, vfmsq_f32(v, a, exp2_ps(p)));
    }
}

static float quantize(uint8_t *out, const float *x, size_t n, int act_max,
                      int32_t *zero)
{
    float32x4_t low = vdupq_n_f32(0), high = low;
    uint16x8_t top = vdupq_n_u16((uint16_t)act_max);
    float from, range, inv;
    int16x8_t shift;

    for (size_t i = 0; i < n; i += 4) {
        low = vminq_f32(low, vld1q_f32(x + i));
        high = vmaxq_f32(high, vld1q_f32(x + i));
    }
    from = vminvq_f32(low);
    range = vmaxvq_f32(high) - from;
    *zero = 0;
    if (range < QUANT_MIN) {
        memset(out, 0, n);
        return 0;
    }
    inv = (float)act_max / range;
    *zero = vcvtns_s32_f32(-from * inv);
    shift = vdupq_n_s16((int16_t)*zero);
    for (size_t i = 0; i < n; i += 8) {
        int32x4_t a = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + i), inv));
        int32x4_t b = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + i + 4), inv));
        int16x8_t q = vcombine_s16(vmovn_s32(a), vmovn_s32(b));

        vst1_u8(out + i, vmovn_u16(vminq_u16(
                             vreinterpretq_u16_s16(vaddq_s16(q, shift)), top)));
    }
    return range / (float)act_max;
}

static void to_bf16(uint16_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 4)
        vst1_u16(out + i, bf16_ps(vld1q_f32(x + i)));
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
    float32x4_t max, sum = vdupq_n_f32(0);

    for (size_t j = n; j < keys; j++)
        s[j] = -__builtin_inff();
    max = vld1q_f32(s);
    for (size_t j = 4; j < keys; j += 4)
        max = vmaxq_f32(max, vld1q_f32(s + j));
    max = vdupq_n_f32(vmaxvq_f32(max));
    for (size_t j = 0; j < keys; j += 4) {
        float32x4_t v = exp2_ps(vsubq_f32(vld1q_f32(s + j), max));

        sum = vaddq_f32(sum, v);
        vst1q_f32(s + j, v);
    }
    return 1 / vaddvq_f32(sum);
}

/* Rows i.. of the answer. */
ALWAYS_INLINE void attend_tile(const struct attend *a, struct rooms *w,
                               size_t keys, size_t i, size_t rows)
{
    const float *q = (const float *)a->q + i * KERNEL_PANEL;
    float *out = a->out + i * a->ld;
    float inv[TILE];
    float32x4_t acc[TILE][QUAD];

    for (size_t j = 0; j < keys; j += LANES) {
        clear(acc, rows);
        mac(acc, rows, q, KERNEL_PANEL,
            w->kt + j / KERNEL_PANEL * KERNEL_PANEL * KERNEL_PANEL +
                j % KERNEL_PANEL,
            KERNEL_PANEL);
        UNROLL
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < QUAD; c++)
                vst1q_f32(w->s + r * MAX_KEYS + j + 4 * c, acc[r][c]);
    }
    for (size_t r = 0; r < rows; r++)
        inv[r] = softmax2(w->s + r * MAX_KEYS, a->n, keys);
    for (size_t d = 0; d < KERNEL_PANEL; d += LANES) {
        clear(acc, rows);
        mac(acc, rows, w->s, MAX_KEYS, (const float *)a->v + d, a->n);
        UNROLL
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < QUAD; c++)
                vst1q_f32(out + r * a->ld + d + 4 * c,
                          vmulq_n_f32(acc[r][c], inv[r]));
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

static bool anywhere(void)
{
    return true; /* every aarch64 has it */
}

static bool has_dot(void)
{
    return cpu_features() & CPU_NEON_DOT;
}

#define ROWS                                                                   \
    .act_max = 255, .attend = {attend}, .add_norm = add_norm, .gelu = gelu,    \
    .quantize = quantize, .to_bf16 = to_bf16

const struct kernel kernel_neon = {
    .name = "neon",
    .supported = anywhere,
    .gemm = {[EMBED_F32] = gemm_f32},
    ROWS,
};

/* Cortex-A76, Neoverse, Apple's: since about 2018. */
const struct kernel kernel_neon_dot = {
    .name = "neon-dotprod",
    .supported = has_dot,
    .fast_int8 = true,
    .gemm = {[EMBED_F32] = gemm_f32, [EMBED_INT8] = gemm_int8},
    ROWS,
};

#endif
