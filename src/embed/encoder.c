/* encoder.c - see encoder.h: choice of precision and kernel, and the pass.
 *
 * One micro-batch is T rows; sequences meet only in attention, where each stays
 * among its own.  Per layer:
 *
 *   x  -> operand -> for each head: its panels of q, k and v, T x 32 each
 *                 -> attention, a sequence at a time -> its columns of ctx
 *      -> operand -> proj -> x = norm(x + y)
 *      -> operand -> up -> GELU -> operand -> down -> x = norm(x + y)
 *
 * "Operand" is what the next multiplication reads: x itself in float, a copy in
 * bf16 or in bytes with a scale a row.  Heads come one after another, and the
 * feed-forward part goes through 48 rows at a time, so that q, k and v of a
 * head and the wide middle (48 x 1536 floats) stay in the second-level cache.
 */
#include "embed/encoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "embed/encoder_impl.h"
#include "embed/kernel.h"
#include "embed/pack.h"

#define D EMBED_DIM
#define F MODEL_FFN
#define H MODEL_HEADS
#define FFN_ROWS 48 /* of 12, 24, 48, 96: within 1 % of each other; 48 fits */

struct encoder {
    const struct kernel *kernel;
    enum embed_precision precision;
    enum embed_precision attends; /* in which precision */
    struct pack *pack;
    const struct weights *w;
};

/* Rows are padded to what kernels read (KERNEL_ROW_STEP); EMBED_MAX_BATCH is a
 * multiple of it. */
struct encoder_scratch {
    float *x;      /* T x D: the residual stream */
    float *y;      /* T x D: what is added to it */
    float *ctx;    /* T x D: out of attention */
    void *qkv;     /* 3 x T x 32, float or bf16: of one head */
    float *h;      /* FFN_ROWS x F */
    void *narrow;  /* operand of T x D */
    void *wide;    /* operand of FFN_ROWS x F */
    float *scale;  /* of an operand's rows: T */
    int32_t *zero; /* and their zero points: T */
    void *work;    /* KERNEL_WORK, for attention */
    char memory[];
};

/* ---- opening ---- */

static const char *const precision_names[] = {
    [EMBED_F32] = "f32", [EMBED_BF16] = "bf16", [EMBED_INT8] = "int8"};

const char *embed_precision_name(enum embed_precision p)
{
    return precision_names[p];
}

static bool precision_of(const char *name, enum embed_precision *out)
{
    for (size_t i = 0; i < EMBED_N_PRECISIONS; i++) {
        if (strcmp(precision_names[i], name) == 0) {
            *out = (enum embed_precision)i;
            return true;
        }
    }
    return false;
}

static enum err_code pick_kernel(const struct kernel **out, const char *name,
                                 struct err *e)
{
    *out = kernel_find(name);
    if (!*out)
        return err_field(e, "kernel", "unknown kernel '%.40s'", name);
    if (!(*out)->supported())
        return err_field(e, "kernel", "this CPU cannot run the kernel '%s'",
                         name);
    return ERR_NONE;
}

/* "auto": int8 where the CPU multiplies bytes, else float. */
static enum err_code choose(struct encoder *m,
                            const struct encoder_options *opt, struct err *e)
{
    bool forced = opt->kernel && *opt->kernel;
    enum err_code rc;

    m->kernel = kernel_best(EMBED_INT8);
    if (forced) {
        rc = pick_kernel(&m->kernel, opt->kernel, e);
        if (rc != ERR_NONE)
            return rc;
    }
    if (!opt->precision || strcmp(opt->precision, "auto") == 0)
        m->precision = m->kernel->fast_int8 ? EMBED_INT8 : EMBED_F32;
    else if (!precision_of(opt->precision, &m->precision))
        return err_field(e, "precision", "unknown precision '%.40s'",
                         opt->precision);
    if (!forced)
        m->kernel = kernel_best(m->precision);
    if (!m->kernel->gemm[m->precision])
        return err_field(e, "precision",
                         "the kernel '%s' does not have precision '%s'",
                         m->kernel->name, precision_names[m->precision]);
    m->attends = m->precision;
    while (!m->kernel->attend[m->attends])
        m->attends--;
    return ERR_NONE;
}

enum err_code encoder_open(struct encoder **out,
                           const struct encoder_options *opt, struct err *e)
{
    struct encoder *m = mem_alloc(sizeof(*m));
    struct pack_options pack = {
        .model_path = opt->model_path,
        .cache_dir = opt->cache_dir,
        .check_digest = opt->check_digest,
        .n_vocab = opt->n_vocab,
        .n_layers = opt->n_layers,
    };
    enum err_code rc;

    if (!m)
        return err_set(e, ERR_INTERNAL, "out of memory");
    rc = choose(m, opt, e);
    if (rc == ERR_NONE) {
        pack.precision = m->precision;
        rc = pack_open(&m->pack, &pack, e);
    }
    if (rc != ERR_NONE) {
        mem_free(m);
        return rc;
    }
    m->w = pack_weights(m->pack);
    *out = m;
    return ERR_NONE;
}

void encoder_close(struct encoder *m)
{
    if (!m)
        return;
    pack_close(m->pack);
    mem_free(m);
}

enum embed_precision encoder_precision(const struct encoder *m)
{
    return m->precision;
}

const char *encoder_kernel(const struct encoder *m)
{
    return m->kernel->name;
}

const uint8_t *encoder_digest(const struct encoder *m)
{
    return pack_digest(m->pack);
}

/* ---- working memory ---- */

static size_t operand_bytes(enum embed_precision p)
{
    return p == EMBED_F32 ? 0 : p == EMBED_BF16 ? 2 : 1; /* f32: no copy */
}

struct encoder_scratch *encoder_scratch_new(const struct encoder *m)
{
    const size_t t = EMBED_MAX_BATCH;
    size_t operand = operand_bytes(m->precision);
    struct encoder_scratch *s = NULL;
    const struct {
        size_t at, bytes;
    } rooms[] = {
        {offsetof(struct encoder_scratch, x), t * D * sizeof(float)},
        {offsetof(struct encoder_scratch, y), t * D * sizeof(float)},
        {offsetof(struct encoder_scratch, ctx), t * D * sizeof(float)},
        {offsetof(struct encoder_scratch, qkv),
         3 * t * KERNEL_PANEL * sizeof(float)},
        {offsetof(struct encoder_scratch, h), sizeof(float) * FFN_ROWS * F},
        {offsetof(struct encoder_scratch, narrow), t * D * operand},
        {offsetof(struct encoder_scratch, wide), operand * FFN_ROWS * F},
        {offsetof(struct encoder_scratch, scale), t * sizeof(float)},
        {offsetof(struct encoder_scratch, zero), t * sizeof(int32_t)},
        {offsetof(struct encoder_scratch, work), KERNEL_WORK},
    };
    const size_t n_rooms = sizeof(rooms) / sizeof(*rooms);
    size_t total = sizeof(*s) + PACK_ALIGN;
    char *at;

    for (size_t i = 0; i < n_rooms; i++)
        total += (rooms[i].bytes + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
    s = mem_alloc(total);
    if (!s)
        return NULL;
    memset(s, 0, total);
    at = s->memory + (-(uintptr_t)s->memory & (PACK_ALIGN - 1));
    for (size_t i = 0; i < n_rooms; i++) {
        memcpy((char *)s + rooms[i].at, &at, sizeof(at));
        at += (rooms[i].bytes + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
    }
    return s;
}

void encoder_scratch_free(struct encoder_scratch *s)
{
    mem_free(s);
}

/* ---- the pass ---- */

/* What a multiplication reads, and what it was made of. */
struct operand {
    const float *x;
    size_t width;
    const void *a;
    size_t lda;
    const float *scale;
    const int32_t *zero;
};

/* n rows of `width` floats; `copy` has room for what they become. */
static struct operand operand(const struct encoder *m,
                              const struct encoder_scratch *s, const float *x,
                              size_t n, size_t width, void *copy)
{
    struct operand o = {
        .x = x,
        .width = width,
        .a = copy,
        .lda = width * operand_bytes(m->precision),
        .scale = s->scale,
        .zero = s->zero,
    };

    switch (m->precision) {
    case EMBED_BF16:
        for (size_t i = 0; i < n; i++)
            m->kernel->to_bf16((uint16_t *)copy + i * width, x + i * width,
                               width);
        break;
    case EMBED_INT8:
        for (size_t i = 0; i < n; i++)
            s->scale[i] =
                m->kernel->quantize((uint8_t *)copy + i * width, x + i * width,
                                    width, m->kernel->act_max, &s->zero[i]);
        break;
    default:
        o.a = x;
        o.lda = width * sizeof(*x);
    }
    return o;
}

/* c += x W^T of the weights that stand apart. */
static void add_apart(struct operand o, size_t n, const struct matrix *w,
                      float *c)
{
    const struct apart *end = w->apart + MATRIX_APART;

    for (const struct apart *at = w->apart; at < end && at->w != 0; at++)
        for (size_t i = 0; i < n; i++)
            c[i * w->n + at->n] += o.x[i * o.width + at->k] * at->w;
}

/* c: n x w->n floats, rows one after the other */
static void multiply(const struct encoder *m, struct operand o, size_t n,
                     const struct matrix *w, float *c)
{
    struct gemm g = {
        .m = n,
        .a = o.a,
        .lda = o.lda,
        .a_scale = o.scale,
        .a_zero = o.zero,
        .w = w,
        .c = c,
        .ldc = w->n,
        .panel_stride = KERNEL_PANEL,
    };

    m->kernel->gemm[m->precision](&g);
    if (w->apart)
        add_apart(o, n, w, c);
}

static void embed(const struct encoder *m, struct encoder_scratch *s,
                  const uint16_t *ids, const uint16_t *lens, size_t n)
{
    const struct weights *w = m->w;
    size_t row = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < lens[i]; t++, row++) {
            size_t id = ids[row] < w->n_vocab ? ids[row] : 0;
            float *x = s->x + row * D;

            memcpy(x, w->word + id * D, D * sizeof(*x));
            m->kernel->add_norm(x, w->place + t * D, w->norm_gain, w->norm_bias,
                                D);
        }
    }
}

/* n panels of w. */
static struct matrix panels(const struct encoder *m, const struct matrix *w,
                            size_t first, size_t n)
{
    size_t bytes = operand_bytes(m->precision);
    size_t from = first * KERNEL_PANEL;

    return (struct matrix){
        .n = n * KERNEL_PANEL,
        .k = w->k,
        .panels = (const char *)w->panels + from * w->k * (bytes ? bytes : 4),
        .bias = w->bias + from,
        .scale = w->scale ? w->scale + from : NULL,
        .sum = w->sum ? w->sum + from : NULL,
    };
}

/* Head h of all sequences, whose x is in `o`. */
static void attend_head(const struct encoder *m, struct encoder_scratch *s,
                        const struct layer *l, struct operand o, size_t h,
                        const uint16_t *lens, size_t n, size_t rows)
{
    bool bf16 = m->attends == EMBED_BF16;
    size_t size = bf16 ? sizeof(uint16_t) : sizeof(float);
    size_t part = rows * KERNEL_PANEL * size; /* bytes of q, k or v */
    struct matrix w = panels(m, &l->qkv, 3 * h, 3);
    struct gemm g = {
        .m = rows,
        .a = o.a,
        .lda = o.lda,
        .a_scale = o.scale,
        .a_zero = o.zero,
        .w = &w,
        .c = s->qkv,
        .ldc = KERNEL_PANEL,
        .panel_stride = rows * KERNEL_PANEL,
        .c_bf16 = bf16,
    };

    m->kernel->gemm[m->precision](&g);
    for (size_t i = 0, row = 0; i < n; row += lens[i++]) {
        const char *q = (const char *)s->qkv + row * KERNEL_PANEL * size;
        struct attend a = {
            .n = lens[i],
            .q = q,
            .k = q + part,
            .v = q + 2 * part,
            .out = s->ctx + row * D + h * KERNEL_PANEL,
            .ld = D,
            .work = s->work,
        };

        m->kernel->attend[m->attends](&a);
    }
}

static void add_norm_rows(const struct encoder *m, float *x, const float *y,
                          size_t n, const float *gain, const float *bias)
{
    for (size_t i = 0; i < n; i++)
        m->kernel->add_norm(x + i * D, y + i * D, gain, bias, D);
}

static void feed_forward(const struct encoder *m, struct encoder_scratch *s,
                         const struct layer *l, size_t rows)
{
    for (size_t from = 0; from < rows; from += FFN_ROWS) {
        size_t n = rows - from < FFN_ROWS ? rows - from : FFN_ROWS;
        float *x = s->x + from * D;

        multiply(m, operand(m, s, x, n, D, s->narrow), n, &l->up, s->h);
        for (size_t i = 0; i < n; i++)
            m->kernel->gelu(s->h + i * F, F);
        multiply(m, operand(m, s, s->h, n, F, s->wide), n, &l->down, s->y);
        add_norm_rows(m, x, s->y, n, l->norm2_gain, l->norm2_bias);
    }
}

/* Leaves the hidden states after n_layers in s->x. */
static void forward(const struct encoder *m, struct encoder_scratch *s,
                    const uint16_t *ids, const uint16_t *lens, size_t n,
                    size_t n_layers)
{
    size_t rows = 0;

    for (size_t i = 0; i < n; i++)
        rows += lens[i];
    embed(m, s, ids, lens, n);
    for (size_t i = 0; i < n_layers; i++) {
        const struct layer *l = &m->w->layers[i];
        struct operand o = operand(m, s, s->x, rows, D, s->narrow);

        for (size_t h = 0; h < H; h++)
            attend_head(m, s, l, o, h, lens, n, rows);
        multiply(m, operand(m, s, s->ctx, rows, D, s->narrow), rows, &l->proj,
                 s->y);
        add_norm_rows(m, s->x, s->y, rows, l->norm1_gain, l->norm1_bias);
        feed_forward(m, s, l, rows);
    }
}

/* The mean of n rows, made 1 long.  A zero stays zero, as in torch's
 * normalize(). */
static void pool(const float *x, size_t n, float *out)
{
    double squares = 0;
    float sum[D] = {0}, inv;

    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < D; d++)
            sum[d] += x[i * D + d];
    for (size_t d = 0; d < D; d++)
        squares += (double)sum[d] * sum[d];
    inv = (float)(1 / fmax(sqrt(squares), 1e-12 * (double)n));
    for (size_t d = 0; d < D; d++)
        out[d] = sum[d] * inv;
}

void encoder_run(const struct encoder *m, struct encoder_scratch *s,
                 const uint16_t *ids, const uint16_t *lens, size_t n,
                 float *out)
{
    const float *x = s->x;

    forward(m, s, ids, lens, n, m->w->n_layers);
    for (size_t i = 0; i < n; i++) {
        pool(x, lens[i], out + i * D);
        x += (size_t)lens[i] * D;
    }
}

void encoder_hidden(const struct encoder *m, struct encoder_scratch *s,
                    const uint16_t *ids, uint16_t len, size_t n_layers,
                    float *out)
{
    forward(m, s, ids, &len, 1, n_layers);
    memcpy(out, s->x, (size_t)len * D * sizeof(*out));
}
