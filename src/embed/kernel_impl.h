/* kernel_impl.h - what the kernel files share; for them, and for those of
 * vector/, which are chosen alike. */
#ifndef EMBED_KERNEL_IMPL_H
#define EMBED_KERNEL_IMPL_H

#include <string.h>

#include "embed/kernel.h"

/* Instruction sets are switched on for a stretch of a file, never for the
 * build: the program must start on any CPU.  System headers go before it. */
#define KERNEL_PRAGMA(x) _Pragma(#x)
#if defined(__clang__)
#define KERNEL_TARGET_BEGIN(isa)                                               \
    KERNEL_PRAGMA(clang attribute push(__attribute__((target(isa))),           \
                                       apply_to = function))
#define KERNEL_TARGET_END KERNEL_PRAGMA(clang attribute pop)
#define UNROLL KERNEL_PRAGMA(unroll)
#else
#define KERNEL_TARGET_BEGIN(isa)                                               \
    KERNEL_PRAGMA(GCC push_options) KERNEL_PRAGMA(GCC target(isa))
#define KERNEL_TARGET_END KERNEL_PRAGMA(GCC pop_options)
#define UNROLL KERNEL_PRAGMA(GCC unroll 16)
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* GELU(x) = max(x, 0) - a * 2^P(a), a = |x| cut at 6, where 2^P(a) stands for
 * erfc(a / sqrt 2) / 2.  P by weighted minimax (Lawson), so that the error of
 * GELU itself is even: 1.1e-7 at most, with the rounding of float. */
#define GELU_CUT 6.0f
#define GELU_P0 (-1.0f)
#define GELU_P1 (-1.15114708f)
#define GELU_P2 (-0.458915687f)
#define GELU_P3 (-0.0532381856f)
#define GELU_P4 0.00797746203f
#define GELU_P5 (-0.000739874008f)
#define GELU_P6 2.99241636e-05f

/* 2^f for f in [-0.5, 0.5]: relative error 8e-8 at degree 5. */
#define EXP2_C0 1.0f
#define EXP2_C1 0.693146967f
#define EXP2_C2 0.240221197f
#define EXP2_C3 0.0555071327f
#define EXP2_C4 0.00967554133f
#define EXP2_C5 0.00132764715f
/* The same for f in [0, 1), 7.5e-5 at degree 3: enough for what is rounded to
 * bf16 (4e-3) or to a byte. */
#define EXP2_U0 0.99992520f
#define EXP2_U1 0.69583350f
#define EXP2_U2 0.22606717f
#define EXP2_U3 0.07802454f
#define EXP2_MIN (-126.0f) /* below it 2^x is no normal float */

/* A row that spans less than this counts as zero: 255 divided by it must be
 * finite. */
#define QUANT_MIN 1e-30f

/* 4 bytes from anywhere. */
ALWAYS_INLINE int32_t load_i32(const void *p)
{
    int32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

#define LANES 16 /* columns of half a panel */

/* For CPUs with 16 or 32 narrow registers: all half panels, and in each all
 * rows, `most` (6 or less) at a time and the rest in a tile of its own;
 * tile(g, p, half, i, rows). */
#define FOR_HALF_TILES(g, most, tile)                                          \
    for (size_t p_ = 0; p_ < (g)->w->n / KERNEL_PANEL; p_++) {                 \
        for (size_t h_ = 0; h_ < 2; h_++) {                                    \
            size_t i_ = 0;                                                     \
                                                                               \
            for (; (g)->m - i_ >= (most); i_ += (most))                        \
                tile(g, p_, h_, i_, most);                                     \
            switch ((g)->m - i_) {                                             \
            case 1:                                                            \
                tile(g, p_, h_, i_, 1);                                        \
                break;                                                         \
            case 2:                                                            \
                tile(g, p_, h_, i_, 2);                                        \
                break;                                                         \
            case 3:                                                            \
                tile(g, p_, h_, i_, 3);                                        \
                break;                                                         \
            case 4:                                                            \
                tile(g, p_, h_, i_, 4);                                        \
                break;                                                         \
            case 5:                                                            \
                tile(g, p_, h_, i_, 5);                                        \
                break;                                                         \
            default:                                                           \
                break;                                                         \
            }                                                                  \
        }                                                                      \
    }

/* What the CPU and the system offer, asked once. */
enum cpu_feature {
    CPU_AVX2 = 1, /* with FMA */
    CPU_AVX_VNNI = 2,
    CPU_AVX512 = 4, /* F, BW, DQ, VL */
    CPU_AVX512_VNNI = 8,
    CPU_AVX512_BF16 = 16,
    CPU_AMX = 32,      /* tiles, of bytes and of bf16 */
    CPU_NEON_DOT = 64, /* aarch64: sdot */
};
unsigned cpu_features(void);

extern const struct kernel kernel_scalar;
#if defined(__aarch64__)
extern const struct kernel kernel_neon;
extern const struct kernel kernel_neon_dot;
#endif
#if defined(__x86_64__)
extern const struct kernel kernel_avx2;
extern const struct kernel kernel_avx_vnni;
extern const struct kernel kernel_avx512;
extern const struct kernel kernel_avx512_vnni256;
extern const struct kernel kernel_avx512_vnni;
extern const struct kernel kernel_avx512_bf16;
extern const struct kernel kernel_amx;

/* For the tables, from the files of their own. */
void avx2_gemm_int8(const struct gemm *g);
void avx_vnni_gemm_int8(const struct gemm *g);
void avx512_vnni256_gemm_int8(const struct gemm *g);
void avx512_gemm_int8(const struct gemm *g);
void avx512_gemm_bf16(const struct gemm *g);
void avx512_attend_bf16(const struct attend *a);
void avx512_attend_int8(const struct attend *a);
void amx_gemm_int8(const struct gemm *g);
void amx_gemm_bf16(const struct gemm *g);
void amx_attend_bf16(const struct attend *a);
void avx512_to_bf16(uint16_t *out, const float *x, size_t n);
#endif

#endif
