/* scan_scalar.c - the kernel that says what is right. */
#include "vector/scan_impl.h"

static bool supported(void)
{
    return true;
}

static float bound_of(const struct scan_query *q, const struct scan_blocks *b,
                      size_t lane, int32_t sum)
{
    float n = b->norm[lane];
    float x = q->a * b->scale[lane] * (float)(sum - q->zero) + q->c1 * n +
              q->c2 * b->residual[lane];

    switch (q->metric) {
    case VECTOR_COSINE:
        return x / (n > SCAN_TINY ? n : SCAN_TINY);
    case VECTOR_L2:
        return q->q2 * x - q->keep * n * n;
    default:
        return x;
    }
}

static void sums_of(const struct scan_query *q, const uint8_t *line,
                    int32_t sum[SCAN_LANES])
{
    for (size_t l = 0; l < SCAN_LANES; l++)
        sum[l] = 0;
    for (size_t g = 0; g < q->dim; g += 4, line += 64)
        for (size_t l = 0; l < SCAN_LANES; l++)
            for (size_t d = 0; d < 4; d++)
                sum[l] += line[4 * l + d] * q->codes[g + d];
}

static size_t next(const struct scan_query *q, const struct scan_blocks *b,
                   size_t from, float min, struct scan_hit *hit)
{
    for (size_t at = from; at < b->n; at++) {
        int32_t sum[SCAN_LANES];

        if (!b->want[at])
            continue;
        sums_of(q, scan_block(q, b, at), sum);
        hit->lanes = 0;
        for (size_t l = 0; l < SCAN_LANES; l++) {
            hit->bound[l] = bound_of(q, b, at * SCAN_LANES + l, sum[l]);
            if (hit->bound[l] >= min)
                hit->lanes |= (uint16_t)(1u << l);
        }
        hit->lanes &= b->want[at];
        if (hit->lanes)
            return at;
    }
    return b->n;
}

static void dots(const float *a, const float *b, size_t n, double out[2])
{
    double ab[16] = {0}, bb[16] = {0};

    for (size_t i = 0; i < n; i += 16)
        for (size_t j = 0; j < 16; j++) {
            ab[j] += (double)a[i + j] * b[i + j];
            bb[j] += (double)b[i + j] * b[i + j];
        }
    out[0] = scan_add_up(ab);
    out[1] = scan_add_up(bb);
}

const struct scan_kernel scan_scalar = {
    .name = "scalar",
    .supported = supported,
    .query_max = 127,
    .next = next,
    .dots = dots,
};
