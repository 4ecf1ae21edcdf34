/* test_kernels.c - every kernel that this CPU runs, against the scalar one.
 *
 * Shapes are chosen to hit every tail; memory is exactly as large as the
 * contract in kernel.h says and, where it may be, not aligned, so that a
 * sanitizer sees a step too far.  Bytes must come out equal, floats within the
 * tolerance written beside the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "embed/kernel.h"
#include "embed/pack.h"

#define MAX_K 1536

static const struct kernel *scalar;

static uint64_t seed;

static uint32_t random_u32(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

/* Uniform in [-1, 1). */
static float random_float(void)
{
    return (float)random_u32() / 1073741824.0f - 1;
}

static void *need(size_t n)
{
    void *p = malloc(n);

    assert_non_null(p);
    return p;
}

/* Run the body for each kernel that this CPU has, other than the scalar one. */
#define FOR_KERNELS(k)                                                         \
    for (const struct kernel *const *at_ = kernels, *k; (k = *at_); at_++)     \
        if (k != scalar && k->supported())

static int setup(void **state)
{
    (void)state;
    scalar = kernel_find("scalar");
    seed = 42;
    return scalar ? 0 : -1;
}

/* ---- which there are ---- */

static void test_choice(void **state)
{
    size_t n = 0;

    (void)state;
    assert_null(kernel_find("abacus"));
    assert_null(kernel_find(""));
    for (; kernels[n]; n++) {
        assert_ptr_equal(kernel_find(kernels[n]->name), kernels[n]);
        assert_true(kernels[n]->act_max == 255 || kernels[n]->act_max == 127);
        if (kernels[n]->supported())
            print_message("# this CPU runs %s\n", kernels[n]->name);
    }
    assert_ptr_equal(kernels[n - 1], scalar);
    for (enum embed_precision p = 0; p < EMBED_N_PRECISIONS; p++) {
        const struct kernel *best = kernel_best(p);

        assert_true(best->supported() && best->gemm[p]);
        assert_non_null(scalar->gemm[p]);
        for (size_t i = 0; kernels[i] != best; i++)
            assert_true(!kernels[i]->supported() || !kernels[i]->gemm[p]);
    }
}

static void test_bf16(void **state)
{
    (void)state;
    assert_int_equal(kernel_bf16(1), 0x3F80);
    assert_int_equal(kernel_bf16(-2), 0xC000);
    assert_int_equal(kernel_bf16(0), 0);
    assert_int_equal(kernel_bf16(1 + 0x1p-8f), 0x3F80);           /* tie */
    assert_int_equal(kernel_bf16(1 + 0x1p-7f + 0x1p-8f), 0x3F82); /* tie */
    assert_int_equal(kernel_bf16(1 + 0x1p-8f + 0x1p-20f), 0x3F81);
    assert_true(kernel_float(0x3F80) == 1);
    for (uint32_t u = 0; u < 0x10000; u++)
        if ((u & 0x7F80) != 0x7F80) /* finite */
            assert_int_equal(kernel_bf16(kernel_float((uint16_t)u)), u);
}

/* ---- multiplication ---- */

enum fill { FILL_RANDOM, FILL_EXTREME };

/* A matrix and rows to multiply with it, in one precision. */
struct problem {
    enum embed_precision p;
    size_t m, n, k, lda;
    char *a_memory, *a, *panels_memory;
    float *a_scale;
    int32_t *a_zero;
    struct matrix w;
    bool bf16_out;
    int act_max;
};

static size_t element(enum embed_precision p)
{
    return p == EMBED_F32 ? 4 : p == EMBED_BF16 ? 2 : 1;
}

static void put_element(enum embed_precision p, void *at, float v, int q)
{
    uint16_t h = kernel_bf16(v);

    if (p == EMBED_F32)
        memcpy(at, &v, sizeof(v));
    else if (p == EMBED_BF16)
        memcpy(at, &h, sizeof(h));
    else
        *(uint8_t *)at = (uint8_t)q;
}

static void fill_rows(struct problem *t, enum fill fill)
{
    size_t rows =
        (t->m + KERNEL_ROW_STEP - 1) / KERNEL_ROW_STEP * KERNEL_ROW_STEP;
    size_t size = element(t->p);

    /* bytes need no alignment at all, the others that of their type */
    t->lda = t->k * size + (t->p == EMBED_INT8 ? 3 : 2 * size);
    t->a_memory = need(rows * t->lda + size);
    t->a = t->a_memory + size;
    memset(t->a_memory, 1, rows * t->lda + size);
    t->a_scale = need(t->m * sizeof(float));
    t->a_zero = need(t->m * sizeof(int32_t));
    for (size_t i = 0; i < t->m; i++) {
        t->a_scale[i] = 0.01f + 0.01f * (float)i;
        t->a_zero[i] = i % 2 ? t->act_max : (int32_t)(i % 5 * 20);
        for (size_t k = 0; k < t->k; k++) {
            int q = fill == FILL_EXTREME
                        ? (i % 3 == 0 ? 0 : t->act_max)
                        : (int)(random_u32() % ((unsigned)t->act_max + 1));

            put_element(t->p, t->a + i * t->lda + k * size, random_float(), q);
        }
    }
}

static void fill_matrix(struct problem *t, enum fill fill)
{
    size_t size = element(t->p), n = t->n * t->k;
    float *bias = need(t->n * sizeof(float));
    float *scale = need(t->n * sizeof(float));
    int32_t *sum = need(t->n * sizeof(*sum));
    size_t group = 4 / size;

    t->panels_memory = need((n + 1) * size);
    t->w = (struct matrix){.n = t->n,
                           .k = t->k,
                           .panels = t->panels_memory + size,
                           .bias = bias,
                           .scale = scale,
                           .sum = sum};
    for (size_t i = 0; i < t->n; i++) {
        bias[i] = random_float();
        scale[i] = 0.001f * (float)(1 + i % 7);
        sum[i] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        size_t panel = i / (t->k * KERNEL_PANEL);
        size_t out = panel * KERNEL_PANEL + i / group % KERNEL_PANEL;
        int q = fill == FILL_EXTREME ? (out % 2 ? 127 : -127)
                                     : (int)(random_u32() % 255) - 127;

        put_element(t->p, t->panels_memory + (i + 1) * size, random_float(), q);
        sum[out] += q;
    }
}

static void release(struct problem *t)
{
    free(t->a_memory);
    free(t->a_scale);
    free(t->a_zero);
    free(t->panels_memory);
    free((void *)(uintptr_t)t->w.bias);
    free((void *)(uintptr_t)t->w.scale);
    free((void *)(uintptr_t)t->w.sum);
}

#define GAP 5 /* elements between the rows of an output: must stay as it is */
#define GUARD 0x5A

/* Multiply into a fresh output of *len bytes, filled with GUARD before. */
static char *run(const struct problem *t, const struct kernel *k, size_t *len)
{
    size_t size = t->bf16_out ? 2 : 4, ldc = KERNEL_PANEL + GAP;
    struct gemm g = {
        .m = t->m,
        .a = t->a,
        .lda = t->lda,
        .a_scale = t->a_scale,
        .a_zero = t->a_zero,
        .w = &t->w,
        .ldc = ldc,
        .panel_stride = t->m * ldc,
        .c_bf16 = t->bf16_out,
    };

    *len = t->m * ldc * (t->n / KERNEL_PANEL) * size;
    g.c = need(*len);
    memset(g.c, GUARD, *len);
    k->gemm[t->p](&g);
    return g.c;
}

static float value(const struct problem *t, const char *c, size_t i)
{
    uint16_t h;
    float v;

    if (t->bf16_out) {
        memcpy(&h, c + i * 2, 2);
        return kernel_float(h);
    }
    memcpy(&v, c + i * 4, 4);
    return v;
}

/* Sums of k products of numbers below 1, in another order: 1e-6 * k.  int8 is
 * exact up to the last multiplication, which may be fused.  bf16 outputs may
 * fall on either side of a tie. */
static void compare(const struct problem *t, const struct kernel *k,
                    const char *want, const char *got, size_t len)
{
    size_t size = t->bf16_out ? 2 : 4, ldc = KERNEL_PANEL + GAP;
    float tolerance = t->p == EMBED_INT8 ? 1e-6f : 1e-6f * (float)t->k;

    for (size_t i = 0; i < len / size; i++) {
        float x = value(t, want, i), y = value(t, got, i);
        float most = tolerance + 2e-6f * fabsf(x);

        if (t->bf16_out)
            most += fabsf(x) * 0x1p-7f;
        if (i % ldc >= KERNEL_PANEL) {
            assert_memory_equal(want + i * size, got + i * size, size);
            assert_int_equal(got[i * size], GUARD);
        } else if (!(fabsf(x - y) <= most))
            fail_msg("%s, precision %d, %zux%zux%zu: %g instead of %g at %zu",
                     k->name, t->p, t->m, t->n, t->k, (double)y, (double)x, i);
    }
}

static void check(enum embed_precision p, size_t m, size_t n, size_t k,
                  enum fill fill, bool bf16_out, int act_max)
{
    struct problem t = {.p = p,
                        .m = m,
                        .n = n,
                        .k = k,
                        .bf16_out = bf16_out,
                        .act_max = act_max};
    size_t len;
    char *want;

    fill_rows(&t, fill);
    fill_matrix(&t, fill);
    want = run(&t, scalar, &len);
    FOR_KERNELS(other)
    {
        if (other->gemm[p] && other->act_max >= act_max) {
            char *got = run(&t, other, &len);

            compare(&t, other, want, got, len);
            free(got);
        }
    }
    free(want);
    release(&t);
}

static const size_t widths[] = {4, 8, 12, 36, 100, 384};

static void check_shapes(enum embed_precision p, int act_max)
{
    for (size_t m = 1; m <= 40; m++)
        for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++)
            check(p, m, 64, widths[i], FILL_RANDOM, m % 2, act_max);
    check(p, 61, 32, MAX_K, FILL_RANDOM, false, act_max);
    check(p, 0, 32, 4, FILL_RANDOM, false, act_max);
}

static void test_gemm_f32(void **state)
{
    (void)state;
    check_shapes(EMBED_F32, 255);
}

static void test_gemm_bf16(void **state)
{
    (void)state;
    check_shapes(EMBED_BF16, 255);
}

static void test_gemm_int8(void **state)
{
    (void)state;
    check_shapes(EMBED_INT8, 255);
    check_shapes(EMBED_INT8, 127);
}

/* The largest sums there can be: where 16 bits or a saturating instruction
 * would give way. */
static void test_gemm_extremes(void **state)
{
    (void)state;
    for (size_t m = 1; m <= 13; m++) {
        check(EMBED_INT8, m, 32, MAX_K, FILL_EXTREME, false, 255);
        check(EMBED_INT8, m, 32, MAX_K, FILL_EXTREME, false, 127);
    }
}

/* The scalar one itself, by hand: 2 x 4 times 4 x 32. */
static void test_scalar_gemm(void **state)
{
    int8_t panels[4 * 32];
    uint8_t a[4 * 4] = {129, 130, 131, 132, 0, 255, 1, 1};
    float scale[32], bias[32], a_scale[2] = {2, 1}, c[2 * 32];
    int32_t sum[32], a_zero[2] = {128, 1};
    struct matrix w = {.n = 32,
                       .k = 4,
                       .panels = panels,
                       .bias = bias,
                       .scale = scale,
                       .sum = sum};
    struct gemm g = {.m = 2,
                     .a = a,
                     .lda = 4,
                     .a_scale = a_scale,
                     .a_zero = a_zero,
                     .w = &w,
                     .c = c,
                     .ldc = 32,
                     .panel_stride = 32};

    (void)state;
    for (int n = 0; n < 32; n++) {
        for (int k = 0; k < 4; k++)
            panels[n * 4 + k] = (int8_t)(n + k);
        sum[n] = 4 * n + 6;
        scale[n] = 0.5f;
        bias[n] = (float)n;
    }
    scalar->gemm[EMBED_INT8](&g);
    for (int n = 0; n < 32; n++) {
        /* (1 2 3 4) . (n n+1 n+2 n+3) and (-1 254 0 0) . */
        assert_true(c[n] == (float)(10 * n + 20) * 2 * 0.5f + (float)n);
        assert_true(c[32 + n] == (float)(253 * n + 254) * 0.5f + (float)n);
    }
}

/* ---- attention ---- */

/* n x 32 of q, k or v, with the rows that may be read beyond. */
static void *heads(size_t n, float range, enum embed_precision p)
{
    size_t rows = (n + KERNEL_ROW_STEP - 1) / KERNEL_ROW_STEP * KERNEL_ROW_STEP;
    size_t count = rows * KERNEL_PANEL, size = p == EMBED_BF16 ? 2 : 4;
    char *at = need(count * size);

    for (size_t i = 0; i < count; i++)
        put_element(p == EMBED_BF16 ? EMBED_BF16 : EMBED_F32, at + i * size,
                    range * random_float(), 0);
    return at;
}

static float *attend_with(const struct kernel *k, struct attend *a,
                          enum embed_precision p)
{
    size_t len = a->n * a->ld;

    a->out = need(len * sizeof(float));
    for (size_t i = 0; i < len; i++)
        a->out[i] = 123;
    k->attend[p](a);
    for (size_t i = 0; i < len; i++)
        if (i % a->ld >= KERNEL_PANEL)
            assert_true(a->out[i] == 123);
    return a->out;
}

/* Outputs are averages of v, which is below 1.  float: 1e-5 (large scores lose
 * digits); bf16: 2^-8 for p rounded twice and summed in another order; int8:
 * means summed in another order move what is near a half to the next byte. */
static void check_attention(size_t n, float range, enum embed_precision p,
                            void *work)
{
    const float tolerances[] = {
        [EMBED_F32] = 1e-6f * (10 + 32 * range * range),
        [EMBED_BF16] = 4e-3f,
        [EMBED_INT8] = 8e-3f,
    };
    float tolerance = tolerances[p];
    void *q = heads(n, range, p);
    char *k = heads(n, range, p);
    char *v = heads(n, 1, p);
    struct attend a = {n, q, k, v, NULL, KERNEL_PANEL + 3, work};
    float *want = attend_with(scalar, &a, p);

    FOR_KERNELS(other)
    {
        float *got;

        if (!other->attend[p])
            continue;
        memset(work, 0xFF, KERNEL_WORK); /* NaN wherever one looks */
        got = attend_with(other, &a, p);
        for (size_t i = 0; i < n * a.ld; i++)
            if (!(fabsf(want[i] - got[i]) <= tolerance))
                fail_msg("%s, %zu tokens, range %g: %g instead of %g",
                         other->name, n, (double)range, (double)got[i],
                         (double)want[i]);
        free(got);
    }
    free(want);
    free(q);
    free(k);
    free(v);
}

static void check_attentions(enum embed_precision p)
{
    void *work = aligned_alloc(64, KERNEL_WORK);

    assert_non_null(work);
    for (size_t n = 1; n <= 70; n++)
        check_attention(n, 1, p, work);
    check_attention(255, 1, p, work);
    check_attention(EMBED_MAX_TOKENS, 1, p, work);
    check_attention(33, 0, p, work);  /* all alike */
    check_attention(45, 12, p, work); /* one takes it all */
    free(work);
}

static void test_attend(void **state)
{
    (void)state;
    check_attentions(EMBED_F32);
}

static void test_attend_bf16(void **state)
{
    (void)state;
    check_attentions(EMBED_BF16);
}

static void test_attend_int8(void **state)
{
    (void)state;
    check_attentions(EMBED_INT8);
}

/* What bytes are allowed to lose against float: 1 % of the range of v where
 * scores are ordinary. */
static void test_attend_int8_is_near_float(void **state)
{
    enum { N = 200 };
    void *work = aligned_alloc(64, KERNEL_WORK);
    float *q = heads(N, 1, EMBED_F32), *k = heads(N, 1, EMBED_F32);
    float *v = heads(N, 1, EMBED_F32), *want, *got;
    struct attend a = {N, q, k, v, NULL, KERNEL_PANEL, work};

    (void)state;
    assert_non_null(work);
    for (size_t i = 0; i < N * KERNEL_PANEL; i++) {
        k[i] += 40; /* what all keys have in common is free */
        v[i] += 5;
    }
    want = attend_with(scalar, &a, EMBED_F32);
    got = attend_with(scalar, &a, EMBED_INT8);
    for (size_t i = 0; i < N * KERNEL_PANEL; i++)
        assert_float_equal(got[i], want[i], 0.01);
    free(want);
    free(got);
    free(q);
    free(k);
    free(v);
    free(work);
}

/* Scores far beyond what a sum of powers could hold: the largest wins. */
static void test_attend_huge(void **state)
{
    float q[4 * 32], k[4 * 32] = {0}, v[4 * 32];
    float work_at_16[KERNEL_WORK / 4] __attribute__((aligned(64)));
    float out[3 * 32];

    (void)state;
    for (size_t i = 0; i < 4 * 32; i++) {
        q[i] = 1e9f;
        v[i] = (float)(i / 32);
    }
    for (size_t d = 0; d < 32; d++)
        k[32 + d] = 1e9f; /* the second key: score 3.2e19 */
    for (const struct kernel *const *at = kernels; *at; at++) {
        struct attend a = {3, q, k, v, out, 32, work_at_16};

        if (!(*at)->supported())
            continue;
        for (int p = 0; p < EMBED_N_PRECISIONS; p++) {
            if (p == EMBED_BF16 || !(*at)->attend[p])
                continue;
            (*at)->attend[p](&a);
            for (size_t i = 0; i < 3 * 32; i++)
                assert_float_equal(out[i], 1, 1e-6);
        }
    }
}

/* ---- rows ---- */

#define ROW 384

/* Rows of all kinds of size, not aligned. */
static float *make_row(float memory[ROW + 1], float range)
{
    for (size_t i = 0; i < ROW; i++)
        memory[i + 1] = range * random_float();
    return memory + 1;
}

static const float ranges[] = {0, 1e-20f, 1e-3f, 1, 30, 1e6f, 1e15f};
#define N_RANGES (sizeof(ranges) / sizeof(*ranges))
#define QUANT_ZERO 1e-30f /* a row that spans less counts as zeros */

static void test_add_norm(void **state)
{
    float m[4][ROW + 1], x[ROW], z[ROW];

    (void)state;
    for (size_t r = 0; r < N_RANGES; r++) {
        const float *from = make_row(m[0], ranges[r]);
        const float *y = make_row(m[1], ranges[r]);
        const float *gain = make_row(m[2], 2), *bias = make_row(m[3], 1);

        memcpy(x, from, sizeof(x));
        scalar->add_norm(x, y, gain, bias, ROW);
        FOR_KERNELS(k)
        {
            memcpy(z, from, sizeof(z));
            k->add_norm(z, y, gain, bias, ROW);
            for (size_t i = 0; i < ROW; i++)
                assert_float_equal(z[i], x[i], 2e-5);
        }
    }
}

/* Against erf in double precision, the scalar one too: 2.5e-7, or in relation
 * to the result for large ones. */
static void test_gelu(void **state)
{
    (void)state;
    for (const struct kernel *const *at = kernels; *at; at++) {
        if (!(*at)->supported())
            continue;
        for (int from = -1280; from < 1280; from++) {
            float x[16];

            for (int i = 0; i < 16; i++)
                x[i] = (float)(from * 16 + i) / 2048;
            (*at)->gelu(x, 16);
            for (int i = 0; i < 16; i++) {
                double v = (from * 16 + i) / 2048.0;
                double want = 0.5 * v * (1 + erf(v * 0.70710678118654752));

                if (!(fabs(x[i] - want) <= 2.5e-7 + 1e-7 * fabs(v)))
                    fail_msg("%s: gelu(%g) is %.9g instead of %.9g",
                             (*at)->name, v, (double)x[i], want);
            }
        }
    }
}

static void test_gelu_far_out(void **state)
{
    (void)state;
    for (const struct kernel *const *at = kernels; *at; at++) {
        float x[16] = {1e15f, -1e15f, 100, -100, 1e-30f, -1e-30f, 0};

        if (!(*at)->supported())
            continue;
        (*at)->gelu(x, 16);
        assert_true(x[0] == 1e15f && x[2] == 100 && x[6] == 0);
        assert_true(fabsf(x[1]) < 1e-7f && fabsf(x[3]) < 1e-7f);
        assert_true(fabsf(x[4]) < 1e-29f && fabsf(x[5]) < 1e-29f);
    }
}

/* Within half a step; 0 exactly; the range used up.  And bit for bit the same
 * everywhere. */
static void check_quantize(const float *x, int max)
{
    uint8_t want[ROW], got[ROW + 1];
    int32_t zero = -1, other;
    float scale = scalar->quantize(want, x, ROW, max, &zero);
    int low = max, high = 0;

    assert_in_range(zero, 0, max);
    for (size_t i = 0; i < ROW; i++) {
        assert_in_range(want[i], 0, max);
        assert_true(fabsf((float)(want[i] - zero) * scale - x[i]) <=
                    0.501f * scale + QUANT_ZERO);
        low = want[i] < low ? want[i] : low;
        high = want[i] > high ? want[i] : high;
    }
    if (scale > 0) {
        assert_true(low == 0 || low >= zero);
        assert_true(high >= max - 1 || high <= zero);
    }
    FOR_KERNELS(k)
    {
        other = -1;
        assert_true(k->quantize(got + 1, x, ROW, max, &other) == scale);
        assert_int_equal(other, zero);
        assert_memory_equal(got + 1, want, ROW);
    }
}

static void test_quantize(void **state)
{
    float memory[ROW + 1], one_sided[ROW];

    (void)state;
    for (size_t r = 0; r < N_RANGES; r++) {
        const float *x = make_row(memory, ranges[r]);

        check_quantize(x, 255);
        check_quantize(x, 127);
        for (int sign = -1; sign <= 1; sign += 2) {
            for (size_t i = 0; i < ROW; i++)
                one_sided[i] = (float)sign * (fabsf(x[i]) + ranges[r]);
            check_quantize(one_sided, 255);
            check_quantize(one_sided, 127);
        }
    }
}

static void test_to_bf16(void **state)
{
    float memory[ROW + 1];
    uint16_t want[ROW], got[ROW];

    (void)state;
    for (size_t r = 0; r < N_RANGES; r++) {
        const float *x = make_row(memory, ranges[r]);

        scalar->to_bf16(want, x, ROW);
        FOR_KERNELS(k)
        {
            k->to_bf16(got, x, ROW);
            assert_memory_equal(got, want, sizeof(want));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_choice, setup),
        cmocka_unit_test_setup(test_bf16, setup),
        cmocka_unit_test_setup(test_scalar_gemm, setup),
        cmocka_unit_test_setup(test_gemm_f32, setup),
        cmocka_unit_test_setup(test_gemm_bf16, setup),
        cmocka_unit_test_setup(test_gemm_int8, setup),
        cmocka_unit_test_setup(test_gemm_extremes, setup),
        cmocka_unit_test_setup(test_attend, setup),
        cmocka_unit_test_setup(test_attend_bf16, setup),
        cmocka_unit_test_setup(test_attend_int8, setup),
        cmocka_unit_test_setup(test_attend_int8_is_near_float, setup),
        cmocka_unit_test_setup(test_attend_huge, setup),
        cmocka_unit_test_setup(test_add_norm, setup),
        cmocka_unit_test_setup(test_gelu, setup),
        cmocka_unit_test_setup(test_gelu_far_out, setup),
        cmocka_unit_test_setup(test_quantize, setup),
        cmocka_unit_test_setup(test_to_bf16, setup),
    };

    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
