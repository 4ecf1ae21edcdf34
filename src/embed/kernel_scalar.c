/* kernel_scalar.c - the truth, in portable C.
 *
 * It is written to be read and to be right, not to be fast; but the inner loops
 * run over the 32 lanes of a group, so that a compiler turns them into whatever
 * vectors the baseline of the machine has (SSE2, NEON).
 */
#include "embed/kernel_impl.h"

#include <math.h>

static bool anywhere(void)
{
    return true;
}

/* ---- multiplication ---- */

static void put(const struct gemm *g, size_t panel, size_t row, size_t lane,
                float v)
{
    size_t at = panel * g->panel_stride + row * g->ldc + lane;

    if (g->c_bf16)
        ((uint16_t *)g->c)[at] = kernel_bf16(v);
    else
        ((float *)g->c)[at] = v;
}

/* One row of floats (or what bf16 stands for) times a panel. */
static void row_f32(float sum[KERNEL_PANEL], const float *a, const float *b,
                    size_t k)
{
    for (size_t i = 0; i < k; i++, b += KERNEL_PANEL)
        for (size_t j = 0; j < KERNEL_PANEL; j++)
            sum[j] += a[i] * b[j];
}

static void gemm_f32(const struct gemm *g)
{
    const struct matrix *w = g->w;

    for (size_t p = 0; p < w->n / KERNEL_PANEL; p++) {
        const float *b = (const float *)w->panels + p * w->k * KERNEL_PANEL;

        for (size_t i = 0; i < g->m; i++) {
            const char *row = (const char *)g->a + i * g->lda;
            float sum[KERNEL_PANEL] = {0};

            row_f32(sum, (const float *)(const void *)row, b, w->k);
            for (size_t j = 0; j < KERNEL_PANEL; j++)
                put(g, p, i, j, sum[j] + w->bias[p * KERNEL_PANEL + j]);
        }
    }
}

static void row_bf16(float sum[KERNEL_PANEL], const uint16_t *a,
                     const uint16_t *b, size_t k)
{
    for (size_t i = 0; i < k; i += 2, b += (size_t)2 * KERNEL_PANEL)
        for (size_t j = 0; j < KERNEL_PANEL; j++)
            sum[j] += kernel_float(a[i]) * kernel_float(b[2 * j]) +
                      kernel_float(a[i + 1]) * kernel_float(b[2 * j + 1]);
}

static void gemm_bf16(const struct gemm *g)
{
    const struct matrix *w = g->w;

    for (size_t p = 0; p < w->n / KERNEL_PANEL; p++) {
        const uint16_t *b =
            (const uint16_t *)w->panels + p * w->k * KERNEL_PANEL;

        for (size_t i = 0; i < g->m; i++) {
            const char *row = (const char *)g->a + i * g->lda;
            float sum[KERNEL_PANEL] = {0};

            row_bf16(sum, (const uint16_t *)(const void *)row, b, w->k);
            for (size_t j = 0; j < KERNEL_PANEL; j++)
                put(g, p, i, j, sum[j] + w->bias[p * KERNEL_PANEL + j]);
        }
    }
}

static void row_int8(int32_t sum[KERNEL_PANEL], const uint8_t *a,
                     const int8_t *b, size_t k)
{
    for (size_t i = 0; i < k; i += 4, b += (size_t)4 * KERNEL_PANEL)
        for (size_t j = 0; j < KERNEL_PANEL; j++)
            sum[j] += a[i] * b[4 * j] + a[i + 1] * b[4 * j + 1] +
                      a[i + 2] * b[4 * j + 2] + a[i + 3] * b[4 * j + 3];
}

static void gemm_int8(const struct gemm *g)
{
    const struct matrix *w = g->w;

    for (size_t p = 0; p < w->n / KERNEL_PANEL; p++) {
        const int8_t *b = (const int8_t *)w->panels + p * w->k * KERNEL_PANEL;
        size_t n = p * KERNEL_PANEL;

        for (size_t i = 0; i < g->m; i++) {
            int32_t sum[KERNEL_PANEL] = {0};

            row_int8(sum, (const uint8_t *)g->a + i * g->lda, b, w->k);
            for (size_t j = 0; j < KERNEL_PANEL; j++)
                put(g, p, i, j,
                    (float)(sum[j] - g->a_zero[i] * w->sum[n + j]) *
                            (g->a_scale[i] * w->scale[n + j]) +
                        w->bias[n + j]);
        }
    }
}

/* ---- attention ---- */

/* p = 2^(s - max s), rounded to bf16 if asked; returns their sum.  The sum is
 * of the unrounded ones: what rounding takes away here it adds there. */
static float softmax2(float *s, size_t n, bool round)
{
    float max = s[0], sum = 0;

    for (size_t j = 1; j < n; j++)
        max = s[j] > max ? s[j] : max;
    for (size_t j = 0; j < n; j++) {
        s[j] = exp2f(s[j] - max);
        sum += s[j];
        if (round)
            s[j] = kernel_float(kernel_bf16(s[j]));
    }
    return sum;
}

/* q, k, v: n x 32 floats; s: n floats */
static void attend_row(const struct attend *a, const float *q, const float *k,
                       const float *v, size_t i, float *s, bool round)
{
    float *out = a->out + i * a->ld;
    float sum;

    for (size_t j = 0; j < a->n; j++) {
        s[j] = 0;
        for (size_t d = 0; d < KERNEL_PANEL; d++)
            s[j] += q[i * KERNEL_PANEL + d] * k[j * KERNEL_PANEL + d];
    }
    sum = softmax2(s, a->n, round);
    memset(out, 0, KERNEL_PANEL * sizeof(*out));
    for (size_t j = 0; j < a->n; j++)
        for (size_t d = 0; d < KERNEL_PANEL; d++)
            out[d] += s[j] * v[j * KERNEL_PANEL + d];
    for (size_t d = 0; d < KERNEL_PANEL; d++)
        out[d] /= sum;
}

static void attend_f32(const struct attend *a)
{
    for (size_t i = 0; i < a->n; i++)
        attend_row(a, a->q, a->k, a->v, i, a->work, false);
}

static const float *widen(float *out, const uint16_t *bf16, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = kernel_float(bf16[i]);
    return out;
}

#define SEQUENCE (EMBED_MAX_TOKENS * KERNEL_PANEL)
_Static_assert((2 * SEQUENCE + KERNEL_PANEL + EMBED_MAX_TOKENS) *
                       sizeof(float) <=
                   KERNEL_WORK,
               "attend_bf16 needs more work space");

static void attend_bf16(const struct attend *a)
{
    size_t n = a->n * KERNEL_PANEL;
    float *work = a->work;
    const float *k = widen(work, a->k, n);
    const float *v = widen(work + SEQUENCE, a->v, n);
    float *q = work + (size_t)2 * SEQUENCE, *s = q + KERNEL_PANEL;
    struct attend row = *a;

    for (size_t i = 0; i < a->n; i++) {
        widen(q, (const uint16_t *)a->q + i * KERNEL_PANEL, KERNEL_PANEL);
        row.out = a->out + i * a->ld;
        attend_row(&row, q, k, v, 0, s, true);
    }
}

/* What the attention of bytes works on, for one head. */
struct byte_heads {
    int8_t k[EMBED_MAX_TOKENS][KERNEL_PANEL], v[EMBED_MAX_TOKENS][KERNEL_PANEL];
    float k_scale[EMBED_MAX_TOKENS / KERNEL_PANEL]; /* of 32 keys */
    float v_scale[KERNEL_PANEL], v_mean[KERNEL_PANEL];
    float s[EMBED_MAX_TOKENS];
};
_Static_assert(sizeof(struct byte_heads) <= KERNEL_WORK, "work space");

/* 127 is `top`; returns what to multiply by, 0 for what counts as 0. */
static float byte_scale(float top, float *scale)
{
    *scale = top < QUANT_MIN ? 0 : top / 127;
    return top < QUANT_MIN ? 0 : 127 / top;
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

static void mean_of(float mean[KERNEL_PANEL], const float *x, size_t n)
{
    for (size_t d = 0; d < KERNEL_PANEL; d++) {
        mean[d] = 0;
        for (size_t j = 0; j < n; j++)
            mean[d] += x[j * KERNEL_PANEL + d];
        mean[d] /= (float)n;
    }
}

static void byte_keys(struct byte_heads *w, const float *k, size_t n)
{
    float mean[KERNEL_PANEL];

    mean_of(mean, k, n);
    for (size_t from = 0; from < n; from += KERNEL_PANEL) {
        size_t to = n - from < KERNEL_PANEL ? n : from + KERNEL_PANEL;
        float top = 0, inv;

        for (size_t i = from * KERNEL_PANEL; i < to * KERNEL_PANEL; i++)
            top = larger(top, fabsf(k[i] - mean[i % KERNEL_PANEL]));
        inv = byte_scale(top, &w->k_scale[from / KERNEL_PANEL]);
        for (size_t i = from * KERNEL_PANEL; i < to * KERNEL_PANEL; i++)
            w->k[i / KERNEL_PANEL][i % KERNEL_PANEL] =
                (int8_t)lrintf((k[i] - mean[i % KERNEL_PANEL]) * inv);
    }
}

static void byte_values(struct byte_heads *w, const float *v, size_t n)
{
    mean_of(w->v_mean, v, n);
    for (size_t d = 0; d < KERNEL_PANEL; d++) {
        float top = 0, inv;

        for (size_t j = 0; j < n; j++)
            top = larger(top, fabsf(v[j * KERNEL_PANEL + d] - w->v_mean[d]));
        inv = byte_scale(top, &w->v_scale[d]);
        for (size_t j = 0; j < n; j++)
            w->v[j][d] =
                (int8_t)lrintf((v[j * KERNEL_PANEL + d] - w->v_mean[d]) * inv);
    }
}

static void byte_scores(struct byte_heads *w, const float *q, size_t n)
{
    float top = 0, scale, inv;

    for (size_t d = 0; d < KERNEL_PANEL; d++)
        top = larger(top, fabsf(q[d]));
    inv = byte_scale(top, &scale);
    for (size_t j = 0; j < n; j++) {
        int32_t sum = 0;

        for (size_t d = 0; d < KERNEL_PANEL; d++)
            sum += (int32_t)lrintf(q[d] * inv) * w->k[j][d];
        w->s[j] = (float)sum * w->k_scale[j / KERNEL_PANEL] * scale;
    }
}

static void attend_int8(const struct attend *a)
{
    struct byte_heads *w = a->work;

    byte_keys(w, a->k, a->n);
    byte_values(w, a->v, a->n);
    for (size_t i = 0; i < a->n; i++) {
        int32_t sums[KERNEL_PANEL] = {0};
        float *out = a->out + i * a->ld, total;

        byte_scores(w, (const float *)a->q + i * KERNEL_PANEL, a->n);
        total = softmax2(w->s, a->n, false);
        for (size_t j = 0; j < a->n; j++)
            for (size_t d = 0; d < KERNEL_PANEL; d++)
                sums[d] += (int32_t)lrintf(255 * w->s[j]) * w->v[j][d];
        for (size_t d = 0; d < KERNEL_PANEL; d++)
            out[d] =
                w->v_mean[d] + w->v_scale[d] * (float)sums[d] / (255 * total);
    }
}

/* ---- rows ---- */

static void add_norm(float *x, const float *y, const float *gain,
                     const float *bias, size_t n)
{
    double sum = 0, squares = 0;
    float mean, inv;

    for (size_t i = 0; i < n; i++) {
        x[i] += y[i];
        sum += x[i];
    }
    mean = (float)(sum / (double)n);
    for (size_t i = 0; i < n; i++)
        squares += (double)(x[i] - mean) * (x[i] - mean);
    inv = (float)(1 / sqrt(squares / (double)n + KERNEL_NORM_EPS));
    for (size_t i = 0; i < n; i++)
        x[i] = (x[i] - mean) * inv * gain[i] + bias[i];
}

static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.70710678f));
}

static float quantize(uint8_t *out, const float *x, size_t n, int act_max,
                      int32_t *zero)
{
    float low = 0, high = 0, inv;

    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    *zero = 0;
    if (high - low < QUANT_MIN) {
        memset(out, 0, n);
        return 0;
    }
    inv = (float)act_max / (high - low);
    *zero = (int32_t)lrintf(-low * inv);
    for (size_t i = 0; i < n; i++) {
        int32_t q = (int32_t)lrintf(x[i] * inv) + *zero;

        out[i] = (uint8_t)(q < act_max ? q : act_max); /* two halves: +1 */
    }
    return (high - low) / (float)act_max;
}

static void to_bf16(uint16_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = kernel_bf16(x[i]);
}

const struct kernel kernel_scalar = {
    .name = "scalar",
    .supported = anywhere,
    .act_max = 255,
    .gemm = {[EMBED_F32] = gemm_f32,
             [EMBED_BF16] = gemm_bf16,
             [EMBED_INT8] = gemm_int8},
    .attend = {attend_f32, attend_bf16, attend_int8},
    .add_norm = add_norm,
    .gelu = gelu,
    .quantize = quantize,
    .to_bf16 = to_bf16,
};
