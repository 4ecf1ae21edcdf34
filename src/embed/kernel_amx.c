/* kernel_amx.c - tiles: 16 x 16 sums of bytes or bf16, 16 dwords deep, an
 * instruction.
 *
 * A tile register has 16 rows of 64 bytes.  tdpbusd multiplies 16 rows of
 * activations (64 bytes of k) with 16 columns of weights and adds to 16 x 16
 * sums, in 16 cycles: 8 times what vpdpbusd does.  The panels' layout is what
 * it wants: 16 groups are the rows of a tile, 128 bytes apart, and a panel is
 * two tiles wide.  So nothing is packed anew, and the cache file is the same.
 *
 * Two tiles of rows by two of columns are summed at a time: four chains hide
 * the latency (52 cycles), and four tiles are read for four multiplications.
 * Sums leave through memory, where AVX-512 scales them: half as long as the
 * multiplications take.  (Spreading that over the next block's steps was no
 * faster: 6.0 ms a pass either way.)
 *
 * A multiplication whose k is no whole number of tiles (the model has none) is
 * left to AVX-512.  The registers are configured by each call and given back at
 * its end: their state is per thread, and a system that finds them in use saves
 * 8 kB more at each switch.
 */
#include "embed/kernel_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

KERNEL_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,"
                    "amx-tile,amx-int8,amx-bf16,avx2,fma")

#include "embed/kernel_avx512.h"
#include "embed/kernel_avx512_bf16.h"

#define TILE 16       /* rows; also columns of sums */
#define TILE_BYTES 64 /* of a row */

/* What ldtilecfg reads: all eight registers of 16 rows of 64 bytes. */
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} configuration = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {TILE, TILE, TILE, TILE, TILE, TILE, TILE, TILE},
};
_Static_assert(sizeof(configuration) == 64, "tile configuration");

#define GROUP_BYTES (KERNEL_PANEL * 4)
#define STEP_BYTES ((size_t)TILE * GROUP_BYTES) /* of weights a step */

/* gcc 12 does not know that tile loads read memory. */
ALWAYS_INLINE void writes_done(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Registers 0 to 3 are sums, [rows of 16][columns of 16]; 4 and 5 hold rows, 6
 * and 7 columns. */
ALWAYS_INLINE void clear_sums(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

#define DOT(bytes, to, rows, columns)                                          \
    do {                                                                       \
        if (bytes)                                                             \
            _tile_dpbusd(to, rows, columns);                                   \
        else                                                                   \
            _tile_dpbf16ps(to, rows, columns);                                 \
    } while (0)

/* sums += 32 rows (16 if not `both`) times one panel, 64 bytes of k. */
ALWAYS_INLINE void step(const void *a, size_t lda, const void *b, bool both,
                        bool bytes)
{
    _tile_loadd(6, b, GROUP_BYTES);
    _tile_loadd(4, a, lda);
    DOT(bytes, 0, 4, 6);
    _tile_loadd(7, (const char *)b + TILE_BYTES, GROUP_BYTES);
    DOT(bytes, 1, 4, 7);
    if (both) {
        _tile_loadd(5, (const char *)a + TILE * lda, lda);
        DOT(bytes, 2, 5, 6);
        DOT(bytes, 3, 5, 7);
    }
}

ALWAYS_INLINE void store_sums(void *to, size_t ld, bool both)
{
    char *low = (char *)to + TILE * ld;

    _tile_stored(0, to, ld);
    _tile_stored(1, (char *)to + TILE_BYTES, ld);
    if (both) {
        _tile_stored(2, low, ld);
        _tile_stored(3, low + TILE_BYTES, ld);
    }
}

/* ---- multiplication ---- */

/* The sums of up to 32 rows of a panel, and where they belong. */
struct block {
    _Alignas(64) char sums[2 * TILE][GROUP_BYTES];
    size_t panel, row, rows;
};

ALWAYS_INLINE void put(const struct gemm *g, size_t at, __m512 a, __m512 b)
{
    if (g->c_bf16) {
        __m512i both = (__m512i)_mm512_cvtne2ps_pbh(b, a);

        _mm512_storeu_si512((uint16_t *)g->c + at, both);
        return;
    }
    _mm512_storeu_ps((float *)g->c + at, a);
    _mm512_storeu_ps((float *)g->c + at + 16, b);
}

ALWAYS_INLINE void scale_int8(const struct gemm *g, const struct block *b)
{
    const struct matrix *w = g->w;
    size_t n = b->panel * KERNEL_PANEL;
    __m512i sum[2];
    __m512 scale[2], bias[2];

    for (size_t h = 0; h < 2; h++) {
        sum[h] = _mm512_loadu_si512(w->sum + n + 16 * h);
        scale[h] = _mm512_loadu_ps(w->scale + n + 16 * h);
        bias[h] = _mm512_loadu_ps(w->bias + n + 16 * h);
    }
    for (size_t r = 0; r < b->rows; r++) {
        size_t i = b->row + r;
        __m512i zero = _mm512_set1_epi32(g->a_zero[i]);
        __m512 f = _mm512_set1_ps(g->a_scale[i]), out[2];

        for (size_t h = 0; h < 2; h++) {
            __m512i acc = _mm512_load_si512(b->sums[r] + TILE_BYTES * h);

            acc = _mm512_sub_epi32(acc, _mm512_mullo_epi32(zero, sum[h]));
            out[h] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc),
                                     _mm512_mul_ps(f, scale[h]), bias[h]);
        }
        put(g, place(g, b->panel, i), out[0], out[1]);
    }
}

ALWAYS_INLINE void add_bias(const struct gemm *g, const struct block *b)
{
    const float *bias = g->w->bias + b->panel * KERNEL_PANEL;
    __m512 b0 = _mm512_loadu_ps(bias), b1 = _mm512_loadu_ps(bias + 16);

    for (size_t r = 0; r < b->rows; r++)
        put(g, place(g, b->panel, b->row + r),
            _mm512_add_ps(b0, _mm512_load_ps(b->sums[r])),
            _mm512_add_ps(b1, _mm512_load_ps(b->sums[r] + TILE_BYTES)));
}

/* All panels, and in each all rows, 32 at a time. */
ALWAYS_INLINE void multiply(const struct gemm *g, bool bytes)
{
    const size_t panel_bytes = g->w->k * KERNEL_PANEL * (bytes ? 1 : 2);
    const size_t steps = panel_bytes / STEP_BYTES;
    struct block b;

    _tile_loadconfig(&configuration);
    for (size_t p = 0; p < g->w->n / KERNEL_PANEL; p++) {
        const char *panel = (const char *)g->w->panels + p * panel_bytes;

        for (size_t i = 0; i < g->m; i += (size_t)2 * TILE) {
            const char *a = (const char *)g->a + i * g->lda;
            bool both = g->m - i > TILE;

            clear_sums();
            for (size_t k = 0; k < steps; k++)
                step(a + k * TILE_BYTES, g->lda, panel + k * STEP_BYTES, both,
                     bytes);
            store_sums(b.sums, GROUP_BYTES, both);
            b.panel = p;
            b.row = i;
            b.rows = g->m - i < 2 * TILE ? g->m - i : 2 * TILE;
            if (bytes)
                scale_int8(g, &b);
            else
                add_bias(g, &b);
        }
    }
    _tile_release();
}

void amx_gemm_int8(const struct gemm *g)
{
    if (g->w->k % TILE_BYTES)
        avx512_gemm_int8(g);
    else
        multiply(g, true);
}

void amx_gemm_bf16(const struct gemm *g)
{
    if (g->w->k % (TILE_BYTES / 2))
        avx512_gemm_bf16(g);
    else
        multiply(g, false);
}

/* ---- attention ---- */

/* All of it stands on its side: a row for each key, a column for each query.
 * So the keys are read as they lie, and softmax goes down the columns, 16
 * queries a register, without a sum or a maximum across one.  (A row for each
 * query took twice as long.) */

#define QUERIES KERNEL_PANEL /* columns at a time */

/* Its parts of the work space. */
struct rooms {
    uint32_t qt[MAX_KEYS * KERNEL_PANEL / 2];    /* q: panels of [16][32][2] */
    uint32_t pairs[MAX_KEYS / 2 * KERNEL_PANEL]; /* v: [keys / 2][32][2] */
    uint16_t vt[KERNEL_PANEL][MAX_KEYS];
    float s[MAX_KEYS][QUERIES];
    uint32_t p[MAX_KEYS / 2][QUERIES]; /* 2^(s - max) of two keys, in bf16 */
    float out[KERNEL_PANEL][QUERIES];
};
_Static_assert(sizeof(struct rooms) <= KERNEL_WORK, "work space");

/* vt is what tiles want as rows; keys that are missing to a multiple of 32 are
 * 0. */
static void turn_values(struct rooms *w, const uint16_t *v, size_t n)
{
    const __m512i step = lanes_by(KERNEL_PANEL);

    pair_values((uint16_t *)w->pairs, v, n, KERNEL_PANEL);
    for (size_t j = 0; j < n; j += KERNEL_PANEL)
        for (size_t d = 0; d < KERNEL_PANEL; d++)
            _mm512_store_si512(
                &w->vt[d][j],
                _mm512_i32gather_epi32(step,
                                       w->pairs + j / 2 * KERNEL_PANEL + d, 4));
}

/* Both in bf16, rounded; they are not negative. */
ALWAYS_INLINE __m512i pair_bf16(__m512 low, __m512 high)
{
    const __m512i half = _mm512_set1_epi32(0x8000);
    __m512i a = _mm512_add_epi32(_mm512_castps_si512(low), half);
    __m512i b = _mm512_add_epi32(_mm512_castps_si512(high), half);

    return _mm512_mask_blend_epi16(0xAAAAAAAA, _mm512_srli_epi32(a, 16), b);
}

/* Columns c.. of s to p; returns 1 / their sums. */
ALWAYS_INLINE __m512 softmax_columns(struct rooms *w, size_t n, size_t c)
{
    __m512 max = _mm512_load_ps(&w->s[0][c]);
    __m512 sum0 = _mm512_setzero_ps(), sum1 = sum0;
    size_t j;

    for (j = 1; j < n; j++)
        max = _mm512_max_ps(max, _mm512_load_ps(&w->s[j][c]));
    for (j = 0; j + 1 < n; j += 2) {
        __m512 a = rough_exp2(_mm512_sub_ps(_mm512_load_ps(&w->s[j][c]), max));
        __m512 b =
            rough_exp2(_mm512_sub_ps(_mm512_load_ps(&w->s[j + 1][c]), max));

        sum0 = _mm512_add_ps(sum0, a);
        sum1 = _mm512_add_ps(sum1, b);
        _mm512_store_si512(&w->p[j / 2][c], pair_bf16(a, b));
    }
    if (j < n) {
        __m512 a = rough_exp2(_mm512_sub_ps(_mm512_load_ps(&w->s[j][c]), max));

        sum0 = _mm512_add_ps(sum0, a);
        _mm512_store_si512(&w->p[j / 2][c], pair_bf16(a, _mm512_setzero_ps()));
        j += 2;
    }
    for (; j < round_up(n, KERNEL_PANEL); j += 2)
        _mm512_store_si512(&w->p[j / 2][c], _mm512_setzero_si512());
    return _mm512_div_ps(_mm512_set1_ps(1), _mm512_add_ps(sum0, sum1));
}

/* Rows i.. of the answer out of its columns. */
ALWAYS_INLINE void turn_back(const struct attend *a, struct rooms *w, size_t i,
                             const __m512 inv[2])
{
    const __m512i step = lanes_by(QUERIES);

    for (size_t d = 0; d < KERNEL_PANEL; d++)
        for (size_t h = 0; h < 2; h++) {
            float *at = w->out[d] + LANES * h;

            _mm512_store_ps(at, _mm512_mul_ps(_mm512_load_ps(at), inv[h]));
        }
    for (size_t r = 0; r < QUERIES && i + r < a->n; r++)
        for (size_t h = 0; h < 2; h++)
            _mm512_storeu_ps(
                a->out + (i + r) * a->ld + LANES * h,
                _mm512_i32gather_ps(step, &w->out[LANES * h][r], 4));
}

void amx_attend_bf16(const struct attend *a)
{
    struct rooms *w = a->work;

    transpose_keys(w->qt, a->q, a->n, KERNEL_PANEL / 2);
    turn_values(w, a->v, a->n);
    writes_done();
    _tile_loadconfig(&configuration);
    for (size_t i = 0; i < a->n; i += QUERIES) {
        const uint32_t *q = w->qt + i * KERNEL_PANEL / 2;
        __m512 inv[2];

        for (size_t j = 0; j < a->n; j += (size_t)2 * TILE) {
            bool both = a->n - j > TILE;

            clear_sums();
            step((const uint16_t *)a->k + j * KERNEL_PANEL,
                 KERNEL_PANEL * sizeof(uint16_t), q, both, false);
            store_sums(w->s[j], sizeof(*w->s), both);
        }
        inv[0] = softmax_columns(w, a->n, 0);
        inv[1] = softmax_columns(w, a->n, LANES);
        writes_done();
        clear_sums();
        for (size_t j = 0; j < a->n; j += KERNEL_PANEL)
            step(&w->vt[0][j], sizeof(*w->vt), w->p[j / 2], true, false);
        store_sums(w->out, sizeof(*w->out), true);
        turn_back(a, w, i, inv);
    }
    _tile_release();
}

KERNEL_TARGET_END

#endif
