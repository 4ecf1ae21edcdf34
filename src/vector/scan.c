/* scan.c - which scan kernels there are, and which of them run here. */
#include "vector/scan.h"

#include <string.h>

#include "vector/scan_impl.h"

const struct scan_kernel *const scan_kernels[] = {
#if defined(__x86_64__)
    &scan_avx512_vnni,
    &scan_avx2,
#endif
    &scan_scalar,
    NULL,
};

/* One setting forces the kernels of embed/ and ours; there are more of those.
 */
static const struct {
    const char *theirs, *ours;
} nearest[] = {
    {"avx512-bf16", "avx512-vnni"},
    {"avx512-vnni256", "avx2"},
    {"avx512", "avx2"},
    {"avx-vnni", "avx2"},
    {"neon-dotprod", "scalar"},
    {"neon", "scalar"},
};

const struct scan_kernel *scan_kernel_find(const char *name)
{
    for (size_t i = 0; i < sizeof(nearest) / sizeof(nearest[0]); i++)
        if (strcmp(nearest[i].theirs, name) == 0)
            name = nearest[i].ours;
    for (const struct scan_kernel *const *k = scan_kernels; *k; k++)
        if (strcmp((*k)->name, name) == 0)
            return *k;
    return NULL;
}

const struct scan_kernel *scan_kernel_best(void)
{
    const struct scan_kernel *const *k = scan_kernels;

    while (!(*k)->supported())
        k++; /* ends: the scalar one runs everywhere */
    return *k;
}
