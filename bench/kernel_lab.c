/* kernel_lab.c - how near each kernel comes to what its instruction can do.
 *
 *     kernel_lab [--rounds N] [--model DIR] [--kernel NAME]
 *
 * For every kernel and precision that this CPU runs, the four multiplications
 * of a layer are first compared with the scalar kernel and then timed, in turn
 * with a loop that does nothing but that instruction on registers.  The number
 * to look at is the last one, the share of that peak: absolute speeds move by
 * a factor on a shared machine, the ratio hardly does.  --model adds whole
 * forward passes.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "embed/encoder.h"
#include "embed/kernel.h"
#include "embed/kernel_impl.h"

#define MAX_ROUNDS 1000

static int rounds = 31;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- peaks ---- */

/* Multiplications and additions a call. */
struct peak {
    const char *instruction;
    void (*run)(void);
    double operations;
};

#define LOOPS 20000

#if defined(__x86_64__)

#include <immintrin.h>

/* One instruction on 12 registers in turn: more chains than
 * latency times throughput needs.  The registers are named here so that no
 * compiler moves them to memory. */
#define OP(op, width, n)                                                       \
    op " %%" width "mm15, %%" width "mm15, %%" width "mm" #n "\n\t"
#define OPS_8(op, width)                                                       \
    OP(op, width, 0)                                                           \
    OP(op, width, 1)                                                           \
    OP(op, width, 2)                                                           \
    OP(op, width, 3)                                                           \
    OP(op, width, 4)                                                           \
    OP(op, width, 5)                                                           \
    OP(op, width, 6)                                                           \
    OP(op, width, 7)
#define OPS_12(op, width)                                                      \
    OPS_8(op, width)                                                           \
    OP(op, width, 8)                                                           \
    OP(op, width, 9)                                                           \
    OP(op, width, 10)                                                          \
    OP(op, width, 11)
#define PAIR(n)                                                                \
    "vpmaddubsw %%ymm15, %%ymm15, %%ymm14\n\t"                                 \
    "vpmaddwd %%ymm15, %%ymm14, %%ymm14\n\t"                                   \
    "vpaddd %%ymm14, %%ymm" #n ", %%ymm" #n "\n\t"

#define PEAK(name, isa, text)                                                  \
    __attribute__((target(isa))) static void name(void)                        \
    {                                                                          \
        __asm__ volatile("vpxor %%xmm15, %%xmm15, %%xmm15" ::: "xmm15");       \
        for (int k = 0; k < LOOPS; k++)                                        \
            __asm__ volatile(text ::                                           \
                                 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",     \
                                   "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",     \
                                   "xmm10", "xmm11", "xmm12", "xmm13",         \
                                   "xmm14", "xmm15");                          \
        __asm__ volatile("vzeroupper" ::: "memory");                           \
    }

PEAK(peak_f32_512, "avx512f", OPS_12("vfmadd231ps", "z"))
PEAK(peak_int8_512, "avx512f", OPS_12("vpdpbusd", "z"))
PEAK(peak_bf16_512, "avx512f", OPS_12("vdpbf16ps", "z"))
PEAK(peak_f32_256, "avx2", OPS_12("vfmadd231ps", "y"))
PEAK(peak_int8_256, "avx2", OPS_12("%{evex%} vpdpbusd", "y"))
PEAK(peak_madd_256, "avx2",
     PAIR(0) PAIR(1) PAIR(2) PAIR(3) PAIR(4) PAIR(5) PAIR(6) PAIR(7))

/* Four tiles of sums in turn, as the kernel has them. */
static void peak_tiles(void)
{
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } all = {.palette = 1,
             .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
             .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

    __asm__ volatile(
        "ldtilecfg %0\n\ttilezero %%tmm6\n\ttilezero %%tmm7" ::"m"(all));
    for (int k = 0; k < LOOPS / 16; k++)
        __asm__ volatile("tdpbusd %tmm7, %tmm6, %tmm0\n\t"
                         "tdpbusd %tmm7, %tmm6, %tmm1\n\t"
                         "tdpbusd %tmm7, %tmm6, %tmm2\n\t"
                         "tdpbusd %tmm7, %tmm6, %tmm3");
    __asm__ volatile("tilerelease");
}

static const struct peak peaks[] = {
    {"vfmadd231ps zmm", peak_f32_512, 12.0 * LOOPS * 32},
    {"vpdpbusd zmm", peak_int8_512, 12.0 * LOOPS * 128},
    {"vdpbf16ps zmm", peak_bf16_512, 12.0 * LOOPS * 64},
    {"vfmadd231ps ymm", peak_f32_256, 12.0 * LOOPS * 16},
    {"vpdpbusd ymm", peak_int8_256, 12.0 * LOOPS * 64},
    {"vpmaddubsw ymm", peak_madd_256, 8.0 * LOOPS * 64},
    {"tdpbusd", peak_tiles, 4.0 * (LOOPS / 16) * 16 * 16 * 128},
    /* at the same rate, of half as many products */
    {"tdpbf16ps", peak_tiles, 4.0 * (LOOPS / 16) * 16 * 16 * 64},
};

/* NULL: there is no single instruction to compare with. */
static const struct peak *peak_of(const struct kernel *k,
                                  enum embed_precision p)
{
    bool wide = k != &kernel_avx2 && k != &kernel_avx_vnni &&
                k != &kernel_avx512_vnni256;

    if (k == &kernel_scalar)
        return NULL;
    if (p == EMBED_F32)
        return wide ? &peaks[0] : &peaks[3];
    if (k == &kernel_amx)
        return p == EMBED_INT8 ? &peaks[6] : &peaks[7];
    if (p == EMBED_BF16)
        return &peaks[2];
    if (wide)
        return &peaks[1];
    return k == &kernel_avx2 ? &peaks[5] : &peaks[4];
}

#else

static const struct peak *peak_of(const struct kernel *k,
                                  enum embed_precision p)
{
    (void)k;
    (void)p;
    return NULL;
}

#endif

/* ---- multiplications ---- */

#define MAX_M 512
#define MAX_N 1536
#define MAX_K 1536

static const struct shape {
    const char *name;
    size_t n, k;
} shapes[] = {
    {"qkv", 1152, 384},
    {"proj", 384, 384},
    {"up", 1536, 384},
    {"down", 384, 1536},
};
#define N_SHAPES (sizeof(shapes) / sizeof(*shapes))

/* One set of buffers for everything. */
static struct {
    char *a, *panels;
    float *a_scale, *bias, *scale, *c, *want;
    int32_t *sum, *a_zero;
} room;

static void *need(size_t n)
{
    void *p = aligned_alloc(64, (n + 63) / 64 * 64);

    if (!p) {
        fprintf(stderr, "kernel_lab: out of memory\n");
        exit(1);
    }
    memset(p, 0, n);
    return p;
}

static void make_room(void)
{
    room.a = need((size_t)MAX_M * MAX_K * 4);
    room.panels = need((size_t)MAX_N * MAX_K * 4);
    room.c = need((size_t)MAX_M * MAX_N * 4);
    room.want = need((size_t)MAX_M * MAX_N * 4);
    room.a_scale = need(MAX_M * sizeof(float));
    room.bias = need(MAX_N * sizeof(float));
    room.scale = need(MAX_N * sizeof(float));
    room.sum = need(MAX_N * sizeof(int32_t));
    room.a_zero = need(MAX_M * sizeof(int32_t));
}

static void fill_elements(enum embed_precision p, char *at, size_t n,
                          unsigned mask, int offset)
{
    uint32_t r = 12345;

    for (size_t i = 0; i < n; i++) {
        float v;

        r = r * 1664525 + 1013904223;
        v = (float)(int32_t)r / 2147483648.0f;
        if (p == EMBED_F32)
            memcpy(at + 4 * i, &v, 4);
        else if (p == EMBED_BF16)
            memcpy(at + 2 * i, &(uint16_t){kernel_bf16(v)}, 2);
        else
            at[i] = (char)((int)(r >> 24 & mask) - offset);
    }
}

static void fill(enum embed_precision p, const struct kernel *k,
                 const struct shape *s)
{
    fill_elements(p, room.a, (size_t)MAX_M * s->k, (unsigned)k->act_max, 0);
    fill_elements(p, room.panels, s->n * s->k, 255, 128);
    for (size_t i = 0; i < s->n; i++) {
        room.scale[i] = 0.001f;
        room.bias[i] = 1;
        room.sum[i] = (int32_t)i;
    }
    for (size_t i = 0; i < MAX_M; i++) {
        room.a_scale[i] = 0.01f;
        room.a_zero[i] = (int32_t)(i % 128);
    }
}

static void multiply(const struct kernel *k, enum embed_precision p,
                     const struct shape *s, size_t m, float *c)
{
    size_t size = p == EMBED_F32 ? 4 : p == EMBED_BF16 ? 2 : 1;
    struct matrix w = {.n = s->n,
                       .k = s->k,
                       .panels = room.panels,
                       .bias = room.bias,
                       .scale = room.scale,
                       .sum = room.sum};
    struct gemm g = {
        .m = m,
        .a = room.a,
        .lda = s->k * size,
        .a_scale = room.a_scale,
        .a_zero = room.a_zero,
        .w = &w,
        .c = c,
        .ldc = s->n,
        .panel_stride = KERNEL_PANEL,
    };

    k->gemm[p](&g);
}

static bool valid(const struct kernel *k, enum embed_precision p,
                  const struct shape *s)
{
    const size_t m = 23;

    multiply(&kernel_scalar, p, s, m, room.want);
    multiply(k, p, s, m, room.c);
    for (size_t i = 0; i < m * s->n; i++) {
        float most = 2e-6f * (float)s->k + 2e-6f * fabsf(room.want[i]);

        if (!(fabsf(room.want[i] - room.c[i]) <= most)) {
            fprintf(stderr, "kernel_lab: %s is wrong at %zu: %g, not %g\n",
                    k->name, i, (double)room.c[i], (double)room.want[i]);
            return false;
        }
    }
    return true;
}

/* Operations a second of a layer's four multiplications, and of the peak: each
 * the best of all rounds, which are short enough that some go undisturbed. */
static void time_layer(const struct kernel *k, enum embed_precision p, size_t m,
                       double each[N_SHAPES], double *layer, double *peak)
{
    const struct peak *top = peak_of(k, p);
    double operations = 0, seconds = 0, t_peak = INFINITY;

    for (size_t i = 0; i < N_SHAPES; i++) {
        double work = 2.0 * (double)(m * shapes[i].n * shapes[i].k);
        double t = INFINITY;

        fill(p, k, &shapes[i]);
        for (int r = 0; r < rounds; r++) {
            double start = now(), middle;

            if (top)
                top->run();
            middle = now();
            multiply(k, p, &shapes[i], m, room.c);
            t = fmin(t, now() - middle);
            t_peak = fmin(t_peak, middle - start);
        }
        seconds += t;
        each[i] = work / t;
        operations += work;
    }
    *layer = operations / seconds;
    *peak = top ? top->operations / t_peak : NAN;
}

static void report(const struct kernel *k, enum embed_precision p)
{
    static const size_t ms[] = {12, 64, 256, 512};

    for (size_t i = 0; i < sizeof(ms) / sizeof(*ms); i++) {
        double each[N_SHAPES], layer, peak;

        time_layer(k, p, ms[i], each, &layer, &peak);
        printf("%-15s %-4s %4zu", k->name, embed_precision_name(p), ms[i]);
        for (size_t s = 0; s < N_SHAPES; s++)
            printf(" %7.1f", each[s] * 1e-9);
        printf(" %7.1f", layer * 1e-9);
        if (isnan(peak))
            printf("       -     -\n");
        else
            printf(" %7.1f %5.2f  %s\n", peak * 1e-9, layer / peak,
                   peak_of(k, p)->instruction);
    }
}

/* ---- whole passes ---- */

static void time_pass(const struct encoder *m, uint16_t len)
{
    struct encoder_scratch *s = encoder_scratch_new(m);
    uint16_t ids[EMBED_MAX_TOKENS];
    float out[EMBED_DIM];
    double t = INFINITY;

    if (!s)
        return;
    for (uint16_t i = 0; i < len; i++)
        ids[i] = (uint16_t)(1000 + i * 37);
    for (int r = 0; r < rounds; r++) {
        double start = now();

        encoder_run(m, s, ids, &len, 1, out);
        t = fmin(t, now() - start);
    }
    printf("  %4d tokens %8.3f ms, %7.1f a second\n", len, t * 1e3, 1 / t);
    encoder_scratch_free(s);
}

static void passes(const char *dir, const struct kernel *k,
                   enum embed_precision p)
{
    char path[4096];
    struct encoder_options opt = {.model_path = path,
                                  .kernel = k->name,
                                  .precision = embed_precision_name(p)};
    struct encoder *m;
    struct err e = {0};

    snprintf(path, sizeof(path), "%s/model.safetensors", dir);
    if (encoder_open(&m, &opt, &e) != ERR_NONE) {
        fprintf(stderr, "kernel_lab: %s\n", e.msg);
        exit(1);
    }
    time_pass(m, 220);
    time_pass(m, 32);
    time_pass(m, 12);
    encoder_close(m);
}

/* ---- */

/* false: it is wrong. */
static bool examine(const struct kernel *k, enum embed_precision p,
                    const char *model)
{
    for (size_t i = 0; i < N_SHAPES; i++) {
        fill(p, k, &shapes[i]);
        if (!valid(k, p, &shapes[i]))
            return false;
    }
    report(k, p);
    if (model)
        passes(model, k, p);
    return true;
}

int main(int argc, char **argv)
{
    const char *model = NULL, *only = NULL;
    bool ok = true;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--model") == 0 && i + 1 < argc)
            model = argv[++i];
        else if (strcmp(argv[i], "--kernel") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = (int)strtol(argv[++i], NULL, 10);
        else
            rounds = 0;
    }
    if (rounds < 1 || rounds > MAX_ROUNDS) {
        fprintf(stderr,
                "usage: kernel_lab [--rounds 1..%d] [--model DIR] "
                "[--kernel NAME]\n",
                MAX_ROUNDS);
        return 2;
    }
    make_room();
    printf("%-15s %-4s %4s %7s %7s %7s %7s %7s %7s %5s\n", "kernel", "", "M",
           "qkv", "proj", "up", "down", "layer", "peak", "share");
    for (const struct kernel *const *k = kernels; *k; k++)
        for (enum embed_precision p = 0; p < EMBED_N_PRECISIONS; p++)
            if ((*k)->supported() && (*k)->gemm[p] &&
                (!only || strcmp((*k)->name, only) == 0))
                ok = examine(*k, p, model) && ok;
    return ok ? 0 : 1;
}
