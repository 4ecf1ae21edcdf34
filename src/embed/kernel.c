/* kernel.c - which kernels there are, and which of them run here.
 *
 * The CPU is asked by cpuid and the system by xgetbv: a CPU may have AVX-512
 * under a system (or a hypervisor) that does not save its registers, and
 * using it then is SIGILL or, worse, lost registers.
 */
#include "embed/kernel.h"

#include "embed/kernel_impl.h"

const struct kernel *const kernels[] = {
#if defined(__aarch64__)
    &kernel_neon_dot,
    &kernel_neon,
#elif defined(__x86_64__)
    &kernel_amx,         &kernel_avx512_bf16,
    &kernel_avx512_vnni, &kernel_avx512_vnni256,
    &kernel_avx_vnni,    &kernel_avx512,
    &kernel_avx2,
#endif
    &kernel_scalar,
    NULL,
};

const struct kernel *kernel_find(const char *name)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        if (strcmp((*k)->name, name) == 0)
            return *k;
    return NULL;
}

const struct kernel *kernel_best(enum embed_precision p)
{
    const struct kernel *const *k = kernels;

    while (!(*k)->supported() || !(*k)->gemm[p])
        k++; /* ends: the scalar one runs everywhere and has them all */
    return *k;
}

#if defined(__x86_64__)

#include <cpuid.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bits of XCR0: the registers that the system saves. */
#define XCR0_YMM 0x06u      /* xmm, ymm */
#define XCR0_ZMM 0xE6u      /* and opmask, both halves of zmm */
#define XCR0_TILES 0x60000u /* tile configuration and data */

static uint32_t saved_registers(void)
{
    uint32_t lo, hi;

    __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

/* Linux (5.16) saves tiles only for processes that have asked for it; the
 * numbers are those of its <asm/prctl.h>, which older headers lack. */
static bool tiles_allowed(void)
{
#if defined(__linux__)
    const long req_xcomp_perm = 0x1023, xtiledata = 18;

    return syscall(SYS_arch_prctl, req_xcomp_perm, xtiledata) == 0;
#else
    return false;
#endif
}

static unsigned features;

static void ask(void)
{
    const uint32_t amx = 1u << 22 | 1u << 24 | 1u << 25; /* bf16, tile, int8 */
    const uint32_t f_bw_dq_vl = 1u << 16 | 1u << 30 | 1u << 17 | 1u << 31;
    uint32_t a, b, c, d, b7, c7, d7, a71 = 0, saved;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27)) /* OSXSAVE */
        return;
    saved = saved_registers();
    if ((saved & XCR0_YMM) != XCR0_YMM || !(c & 1u << 12) || !(c & 1u << 28) ||
        !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7) || !(b7 & 1u << 5))
        return; /* FMA, AVX, AVX2 */
    features |= CPU_AVX2;
    if (a >= 1 && __get_cpuid_count(7, 1, &a71, &b, &c, &d) && a71 & 1u << 4)
        features |= CPU_AVX_VNNI;
    if ((saved & XCR0_ZMM) != XCR0_ZMM || (b7 & f_bw_dq_vl) != f_bw_dq_vl)
        return;
    features |= CPU_AVX512;
    if (c7 & 1u << 11)
        features |= CPU_AVX512_VNNI;
    if (a71 & 1u << 5)
        features |= CPU_AVX512_BF16;
    if ((d7 & amx) == amx && (saved & XCR0_TILES) == XCR0_TILES &&
        tiles_allowed())
        features |= CPU_AMX;
}

unsigned cpu_features(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, ask);
    return features;
}

#endif

#if defined(__aarch64__)

#include <sys/auxv.h>

unsigned cpu_features(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? CPU_NEON_DOT : 0;
}

#endif
