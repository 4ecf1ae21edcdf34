/* pack.c - from the tensors of the file to the arrays that kernels read.
 *
 * weights_lay() is the one description of the layout: run over NULL it gives
 * the size, over memory to be filled or over a mapped file the pointers.
 *
 * Folded in here, once: the segment embedding (only segment 0 exists) into the
 * positions; q's factor 1 / sqrt(32), and log2(e) so that softmax works in base
 * 2; what belongs to a head (its panels of q, k and v) stands together; for
 * int8 one scale an output, the sums that take the activations' zero point out
 * again, and the few weights that are too large for bytes.
 */
#include "embed/pack.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "embed/safetensors.h"

#define D EMBED_DIM
#define F MODEL_FFN

/* ---- layout ---- */

struct walk {
    const char *base; /* or NULL */
    size_t at;
};

static const void *take(struct walk *w, size_t count, size_t size)
{
    const char *p = w->base ? w->base + w->at : NULL;

    w->at += (count * size + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
    return p;
}

static const float *take_f32(struct walk *w, size_t count)
{
    return take(w, count, sizeof(float));
}

static size_t weight_bytes(enum embed_precision p)
{
    return p == EMBED_F32 ? 4 : p == EMBED_BF16 ? 2 : 1;
}

static struct matrix take_matrix(struct walk *w, enum embed_precision p,
                                 size_t n, size_t k, bool apart)
{
    struct matrix m = {.n = n, .k = k};

    m.panels = take(w, n * k, weight_bytes(p));
    m.bias = take_f32(w, n);
    if (p == EMBED_INT8) {
        m.scale = take_f32(w, n);
        m.sum = take(w, n, sizeof(int32_t));
        if (apart)
            m.apart = take(w, MATRIX_APART, sizeof(*m.apart));
    }
    return m;
}

/* The words come last: they are touched a row here and there. */
size_t weights_lay(struct weights *w, const char *base)
{
    struct walk walk = {base, 0};

    for (size_t i = 0; i < w->n_layers; i++) {
        struct layer *l = &w->layers[i];

        l->qkv = take_matrix(&walk, w->precision, (size_t)3 * D, D,
                             false); /* has none to speak of */
        l->proj = take_matrix(&walk, w->precision, D, D, true);
        l->up = take_matrix(&walk, w->precision, F, D, true);
        l->down = take_matrix(&walk, w->precision, D, F, true);
        l->norm1_gain = take_f32(&walk, D);
        l->norm1_bias = take_f32(&walk, D);
        l->norm2_gain = take_f32(&walk, D);
        l->norm2_bias = take_f32(&walk, D);
    }
    w->norm_gain = take_f32(&walk, D);
    w->norm_bias = take_f32(&walk, D);
    w->place = take_f32(&walk, (size_t)EMBED_MAX_TOKENS * D);
    w->word = take_f32(&walk, w->n_vocab * D);
    return walk.at;
}

/* ---- source ---- */

struct source {
    const struct safetensors *file;
    size_t used; /* tensors fetched; all others must be known extras */
    struct err *e;
};

static enum err_code check_values(const struct tensor *t, struct err *e)
{
    const float *x = t->data;

    for (size_t i = 0; i < t->count; i++)
        if (!(fabsf(x[i]) <= MODEL_MAX_WEIGHT)) /* NaN fails too */
            return err_set(e, ERR_INVALID,
                           "weights: tensor '%s' holds a value out of range",
                           t->name);
    return ERR_NONE;
}

/* A tensor of rows x cols floats (cols 0: of rows floats). */
static enum err_code fetch(struct source *s, const char *name, size_t rows,
                           size_t cols, const float **out)
{
    const struct tensor *t = safetensors_find(s->file, name);
    enum err_code rc;

    if (!t)
        return err_set(s->e, ERR_INVALID, "weights: no tensor '%s'", name);
    if (strcmp(t->dtype, "F32") != 0 || t->n_dims != (cols ? 2 : 1) ||
        t->shape[0] != rows || (cols && t->shape[1] != cols))
        return err_set(s->e, ERR_INVALID,
                       "weights: tensor '%s' is not %zu x %zu F32", name, rows,
                       cols ? cols : 1);
    rc = check_values(t, s->e);
    if (rc != ERR_NONE)
        return rc;
    s->used++;
    *out = t->data;
    return ERR_NONE;
}

/* Tensors of the model that the embedding does not need. */
static bool is_extra(const char *name)
{
    static const char *const extras[] = {
        "embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"};

    for (size_t i = 0; i < sizeof(extras) / sizeof(*extras); i++)
        if (strcmp(name, extras[i]) == 0)
            return true;
    return false;
}

static enum err_code refuse_others(const struct source *s)
{
    size_t n = safetensors_count(s->file), extras = 0;

    for (size_t i = 0; i < n; i++)
        extras += is_extra(safetensors_at(s->file, i)->name);
    if (s->used + extras != n)
        return err_set(s->e, ERR_INVALID,
                       "weights: %zu tensors that all-MiniLM-L6-v2 does not "
                       "have: another model",
                       n - s->used - extras);
    return ERR_NONE;
}

/* ---- filling ---- */

/* Element of panels where weight [n][k] goes; groups of g, see kernel.h. */
static size_t panel_at(size_t n, size_t k, size_t n_k, size_t g)
{
    size_t lane = n % KERNEL_PANEL;

    return ((n / KERNEL_PANEL * (n_k / g) + k / g) * KERNEL_PANEL + lane) * g +
           k % g;
}

/* From so many times the root mean square of an output's weights on, one is
 * kept apart.  In "down" up to 93 of 589,824 are, the largest 39 times as
 * large; without them the error of its weights is halved. */
#define APART_FROM 8

static float apart_limit(const struct matrix *m, const float *row)
{
    double squares = 0;

    if (!m->apart)
        return INFINITY;
    for (size_t k = 0; k < m->k; k++)
        squares += (double)row[k] * row[k];
    return APART_FROM * (float)sqrt(squares / (double)m->k);
}

/* false: no room, it goes among the bytes after all. */
static bool put_apart(const struct matrix *m, size_t n, size_t k, float w)
{
    struct apart *all = (struct apart *)m->apart;
    size_t i = 0;

    while (i < MATRIX_APART && all[i].w != 0)
        i++;
    if (i == MATRIX_APART)
        return false;
    all[i] = (struct apart){(uint16_t)n, (uint16_t)k, w};
    return true;
}

static void put_int8(const struct matrix *m, size_t n, const float *row,
                     float factor)
{
    int8_t *panels = (int8_t *)m->panels;
    float limit = apart_limit(m, row), max = 0, inv;
    bool in[MODEL_FFN]; /* among the bytes */
    int32_t sum = 0;

    assert(m->k <= MODEL_FFN);
    for (size_t k = 0; k < m->k; k++) {
        in[k] = fabsf(row[k]) <= limit || !put_apart(m, n, k, row[k] * factor);
        if (in[k])
            max = fmaxf(max, fabsf(row[k] * factor));
    }
    inv = max < 1e-30f ? 0 : 127 / max;
    for (size_t k = 0; k < m->k; k++) {
        int32_t q = in[k] ? (int32_t)lrintf(row[k] * factor * inv) : 0;

        panels[panel_at(n, k, m->k, 4)] = (int8_t)q;
        sum += q;
    }
    ((float *)m->scale)[n] = max / 127;
    ((int32_t *)m->sum)[n] = sum;
}

/* Output n of the matrix: a row of weights and its bias, times factor. */
static void put_output(const struct matrix *m, enum embed_precision p, size_t n,
                       const float *row, float bias, float factor)
{
    ((float *)m->bias)[n] = bias * factor;
    if (p == EMBED_INT8) {
        put_int8(m, n, row, factor);
        return;
    }
    for (size_t k = 0; k < m->k; k++) {
        if (p == EMBED_F32)
            ((float *)m->panels)[panel_at(n, k, m->k, 1)] = row[k] * factor;
        else
            ((uint16_t *)m->panels)[panel_at(n, k, m->k, 2)] =
                kernel_bf16(row[k] * factor);
    }
}

/* A dense layer of the file, and where its outputs go: to the first panel,
 * and then to every step-th. */
struct dense {
    const struct matrix *m;
    size_t rows, first, step;
    float factor;
    const char *name;
};

static enum err_code fill_dense(struct source *s, const struct weights *w,
                                const struct dense *d, size_t layer)
{
    const struct matrix *m = d->m;
    const float *weight, *bias;
    char name[96];
    enum err_code rc;

    snprintf(name, sizeof(name), "encoder.layer.%zu.%s.weight", layer, d->name);
    rc = fetch(s, name, d->rows, m->k, &weight);
    if (rc != ERR_NONE)
        return rc;
    snprintf(name, sizeof(name), "encoder.layer.%zu.%s.bias", layer, d->name);
    rc = fetch(s, name, d->rows, 0, &bias);
    for (size_t n = 0; rc == ERR_NONE && n < d->rows; n++) {
        size_t panel = n / KERNEL_PANEL * d->step + d->first;

        put_output(m, w->precision, panel * KERNEL_PANEL + n % KERNEL_PANEL,
                   weight + n * m->k, bias[n], d->factor);
    }
    return rc;
}

/* `prefix` up to and with its last dot. */
static enum err_code fill_norm(struct source *s, const char *prefix,
                               const float *gain, const float *bias)
{
    const float *g, *b;
    char name[96];
    enum err_code rc;

    snprintf(name, sizeof(name), "%sLayerNorm.weight", prefix);
    rc = fetch(s, name, D, 0, &g);
    if (rc != ERR_NONE)
        return rc;
    snprintf(name, sizeof(name), "%sLayerNorm.bias", prefix);
    rc = fetch(s, name, D, 0, &b);
    if (rc != ERR_NONE)
        return rc;
    memcpy((float *)gain, g, D * sizeof(*g));
    memcpy((float *)bias, b, D * sizeof(*b));
    return ERR_NONE;
}

static enum err_code fill_layer(struct source *s, const struct weights *w,
                                size_t i)
{
    const float q = 1.44269504f / sqrtf(KERNEL_PANEL);
    const struct layer *l = &w->layers[i];
    const struct dense dense[] = {
        {&l->qkv, D, 0, 3, q, "attention.self.query"},
        {&l->qkv, D, 1, 3, 1, "attention.self.key"},
        {&l->qkv, D, 2, 3, 1, "attention.self.value"},
        {&l->proj, D, 0, 1, 1, "attention.output.dense"},
        {&l->up, F, 0, 1, 1, "intermediate.dense"},
        {&l->down, D, 0, 1, 1, "output.dense"},
    };
    enum err_code rc = ERR_NONE;
    char prefix[64];

    for (size_t k = 0; k < sizeof(dense) / sizeof(*dense); k++) {
        rc = fill_dense(s, w, &dense[k], i);
        if (rc != ERR_NONE)
            return rc;
    }
    snprintf(prefix, sizeof(prefix), "encoder.layer.%zu.attention.output.", i);
    rc = fill_norm(s, prefix, l->norm1_gain, l->norm1_bias);
    if (rc != ERR_NONE)
        return rc;
    snprintf(prefix, sizeof(prefix), "encoder.layer.%zu.output.", i);
    return fill_norm(s, prefix, l->norm2_gain, l->norm2_bias);
}

static enum err_code fill_embeddings(struct source *s, const struct weights *w)
{
    const size_t positions = 512; /* max_position_embeddings */
    const float *word, *position, *segment;
    float *place = (float *)w->place;
    enum err_code rc;

    rc = fetch(s, "embeddings.word_embeddings.weight", w->n_vocab, D, &word);
    if (rc == ERR_NONE)
        rc = fetch(s, "embeddings.position_embeddings.weight", positions, D,
                   &position);
    if (rc == ERR_NONE)
        rc =
            fetch(s, "embeddings.token_type_embeddings.weight", 2, D, &segment);
    if (rc != ERR_NONE)
        return rc;
    memcpy((float *)w->word, word, w->n_vocab * D * sizeof(*word));
    for (size_t i = 0; i < EMBED_MAX_TOKENS; i++)
        for (size_t d = 0; d < D; d++)
            place[i * D + d] = position[i * D + d] + segment[d];
    return fill_norm(s, "embeddings.", w->norm_gain, w->norm_bias);
}

enum err_code weights_fill(struct weights *w, struct slice file, struct err *e)
{
    struct safetensors *st;
    enum err_code rc = safetensors_open(&st, file, e);
    struct source s = {.e = e};

    if (rc != ERR_NONE)
        return rc;
    s.file = st;
    rc = fill_embeddings(&s, w);
    for (size_t i = 0; rc == ERR_NONE && i < w->n_layers; i++)
        rc = fill_layer(&s, w, i);
    if (rc == ERR_NONE)
        rc = refuse_others(&s);
    safetensors_close(st);
    return rc;
}
