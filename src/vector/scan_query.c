/* scan_query.c - vectors and queries to bytes, and why the bound holds.
 *
 * With v = s V + v', q = t Q + q' (V, Q bytes; s, t scales; v', q' what is
 * lost):
 *
 *   q.v = s t V.Q + q'.(s V) + q.v'
 *       <= s t V.Q + |q'| (|v| + |v'|) + |q| |v'|        (Cauchy-Schwarz)
 *
 * V.Q is an integer and exact.  n = |v| and r = |v'| are kept for each vector,
 * computed in double from the scale as it is stored and rounded up.  Divided by
 * |q|, so that no product underflows, with e = |q'| / |q|:
 *
 *   q.v / |q| <= (t / |q|) s V.Q + e n + (e + 1) r
 *
 * which is the formula of scan.h with a = t / |q|, c1 = e, c2 = e + 1.  Kernels
 * compute it in float with at most 9 roundings, each of at most 2^-24 of a term
 * no larger than (1 + e)(n + r); one of them is that of V.Q itself, which is
 * below 2^24 for 1,024 dimensions, and not for more.  SLACK is 32 of them,
 * added to c1 and c2; the division of the cosine and the multiplication of l2
 * fit into it too, and `keep` takes off n^2 more than its own roundings can
 * add.
 *
 * Nothing here estimates: a code that is off by one (by another rounding mode,
 * say) makes r larger and the bound wider, never wrong.
 */
#include "vector/scan.h"

#include <math.h>
#include <string.h>

#define SLACK (32 / 16777216.0)
#define ROUND_UP (1 + 1e-6) /* a double to a float that is not below it */
#define CODE_MAX 127
_Static_assert(VECTOR_MAX_DIM <= INT32_MAX / (255 * CODE_MAX),
               "a sum of codes fits an int32_t");
/* n is rounded up by 1e-6 and to a float, so n^2 is up to 2.2e-6 too large; the
 * kernel rounds it three times more. */
#define L2_KEEP (1 - 3e-6)

/* The scores themselves are doubles, with errors of their own: relative to the
 * lengths, some 2^-53 for each of the 4,096 products and 260 additions on the
 * way of each to the sum. */
#define SCORE_SLACK 1e-12

static double norm_of(const float *v, size_t dim)
{
    double sum = 0;

    for (size_t i = 0; i < dim; i++)
        sum += (double)v[i] * v[i];
    return sqrt(sum);
}

enum err_code scan_check(const float *v, size_t dim, const char *what, size_t n,
                         struct err *e)
{
    double norm = norm_of(v, dim);

    if (!isfinite(norm)) /* floats cannot overflow a double */
        return err_set(e, ERR_INVALID, "%s %zu has a number that is not finite",
                       what, n);
    if (norm != 0 && (norm < VECTOR_MIN_NORM || norm > VECTOR_MAX_NORM))
        return err_set(e, ERR_INVALID,
                       "the length %g of %s %zu is not between %g and %g", norm,
                       what, n, VECTOR_MIN_NORM, VECTOR_MAX_NORM);
    return ERR_NONE;
}

/* What a value of 1 in the codes stands for. */
static float scale_of(const float *v, size_t dim, int max)
{
    float most = 0;

    for (size_t i = 0; i < dim; i++)
        most = fmaxf(most, fabsf(v[i]));
    return most / (float)max;
}

static int code_of(float x, float inverse, int max)
{
    float c = x * inverse;
    int code = (int)(c + (c < 0 ? -0.5f : 0.5f));

    return code > max ? max : code < -max ? -max : code;
}

void scan_encode(const struct scan_lane *to, const float *v, size_t dim)
{
    float scale = scale_of(v, dim, CODE_MAX);
    float inverse = scale > 0 ? 1 / scale : 0;
    uint8_t *line = to->codes + (size_t)to->lane * 4;
    double lost = 0, d;

    for (size_t i = 0; i < dim; i++) {
        int code = code_of(v[i], inverse, CODE_MAX);

        line[i / 4 * 64 + i % 4] = (uint8_t)(code + SCAN_ZERO);
        d = (double)v[i] - (double)scale * code;
        lost += d * d;
    }
    to->scale[to->lane] = scale;
    to->norm[to->lane] = (float)(norm_of(v, dim) * ROUND_UP);
    to->residual[to->lane] = (float)(sqrt(lost) * ROUND_UP);
}

void scan_query_init(struct scan_query *q, const struct scan_kernel *k,
                     const float *v, size_t dim, enum vector_metric metric)
{
    float scale = scale_of(v, dim, k->query_max);
    float inverse = scale > 0 ? 1 / scale : 0;
    double lost = 0, dots[2], unit, e, d;
    int32_t sum = 0;

    memset(q, 0, sizeof(*q));
    q->dim = scan_dim(dim);
    q->metric = metric;
    memcpy(q->vector, v, dim * sizeof(*v));
    for (size_t i = 0; i < dim; i++) {
        int code = code_of(v[i], inverse, k->query_max);

        q->codes[i] = (int8_t)code;
        sum += code;
        d = (double)v[i] - (double)scale * code;
        lost += d * d;
    }
    q->zero = SCAN_ZERO * sum;
    k->dots(q->vector, q->vector, q->dim, dots);
    q->square = dots[1];
    q->norm = sqrt(q->square);
    unit = q->norm > 0 ? q->norm : 1;
    e = sqrt(lost) / unit;
    e += SLACK * (1 + e);
    q->a = (float)(scale / unit);
    q->c1 = (float)(e * ROUND_UP);
    q->c2 = (float)((e + 1) * ROUND_UP);
    q->q2 = (float)(2 * q->norm);
    q->keep = (float)L2_KEEP;
}

double scan_score(const struct scan_query *q, const struct scan_kernel *k,
                  const float *v)
{
    double dots[2], product;

    k->dots(q->vector, v, q->dim, dots);
    switch (q->metric) {
    case VECTOR_COSINE:
        product = sqrt(q->square * dots[1]); /* exact for two equal ones */
        return product > 0 ? dots[0] / product : 0;
    case VECTOR_L2:
        return 2 * dots[0] - dots[1] - q->square;
    default:
        return dots[0];
    }
}

float scan_bound(const struct scan_query *q, double score)
{
    double x = score;

    if (q->metric == VECTOR_IP)
        x = score / (q->norm > 0 ? q->norm : 1);
    else if (q->metric == VECTOR_L2)
        x = score + q->square - SCORE_SLACK * q->square;
    return nextafterf((float)x, -INFINITY);
}
