/* test_encoder.c - the forward pass, the packing of weights and its cache.
 *
 * Most of it runs on a small model made here (one layer, 64 words).  The real
 * one is compared with tests/reference/golden.txt, where there is a model:
 * SHEAF_TEST_MODEL names its folder (build/model).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "embed/encoder_impl.h"
#include "embed/kernel.h"
#include "embed/pack.h"
#include "embed/safetensors.h"

#define D EMBED_DIM
#define WORDS 64

static char dir[256], model_path[300], cache_dir[300];

static uint64_t seed = 1;

/* Uniform in [-1, 1). */
static float random_float(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(uint32_t)(seed >> 33) / 1073741824.0f - 1;
}

/* ---- a small model ---- */

static const struct {
    const char *name;
    size_t rows, cols;
    float base, range; /* values are base + range * [-1, 1) */
} small[] = {
    {"embeddings.LayerNorm.bias", D, 0, 0, 0.1f},
    {"embeddings.LayerNorm.weight", D, 0, 1, 0.2f},
    {"embeddings.position_embeddings.weight", 512, D, 0, 0.1f},
    {"embeddings.token_type_embeddings.weight", 2, D, 0, 0.1f},
    {"embeddings.word_embeddings.weight", WORDS, D, 0, 1},
#define L0 "encoder.layer.0."
    {L0 "attention.output.LayerNorm.bias", D, 0, 0, 0.1f},
    {L0 "attention.output.LayerNorm.weight", D, 0, 1, 0.2f},
    {L0 "attention.output.dense.bias", D, 0, 0, 0.1f},
    {L0 "attention.output.dense.weight", D, D, 0, 0.1f},
    {L0 "attention.self.key.bias", D, 0, 0, 0.1f},
    {L0 "attention.self.key.weight", D, D, 0, 0.1f},
    {L0 "attention.self.query.bias", D, 0, 0, 0.1f},
    {L0 "attention.self.query.weight", D, D, 0, 0.1f},
    {L0 "attention.self.value.bias", D, 0, 0, 0.1f},
    {L0 "attention.self.value.weight", D, D, 0, 0.1f},
    {L0 "intermediate.dense.bias", MODEL_FFN, 0, 0, 0.1f},
    {L0 "intermediate.dense.weight", MODEL_FFN, D, 0, 0.1f},
    {L0 "output.LayerNorm.bias", D, 0, 0, 0.1f},
    {L0 "output.LayerNorm.weight", D, 0, 1, 0.2f},
    {L0 "output.dense.bias", D, 0, 0, 0.1f},
    {L0 "output.dense.weight", D, MODEL_FFN, 0, 0.1f},
    {"pooler.dense.bias", D, 0, 0, 0.1f},
};
#define N_SMALL (sizeof(small) / sizeof(*small))

/* How the file differs from a good one. */
struct flaw {
    const char *rename, *to; /* a tensor has another name */
    const char *spoil;       /* the last value of a tensor is another */
    float with;
    bool all;         /* and all its values are */
    const char *grow; /* a tensor has a row too many */
};

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static void add_values(struct buf *b, size_t i, size_t n, const struct flaw *w)
{
    for (size_t k = 0; k < n; k++) {
        float v = small[i].base + small[i].range * random_float();

        if (is(w->spoil, small[i].name) && (w->all || k == n - 1))
            v = w->with;
        buf_add(b, &v, sizeof(v));
    }
}

static void write_file(const char *path, const struct buf *a,
                       const struct buf *b)
{
    FILE *f = fopen(path, "wb");
    uint64_t n = a->len;

    assert_non_null(f);
    assert_int_equal(fwrite(&n, sizeof(n), 1, f), 1);
    assert_int_equal(fwrite(a->p, 1, a->len, f), a->len);
    assert_int_equal(fwrite(b->p, 1, b->len, f), b->len);
    assert_int_equal(fclose(f), 0);
}

static void write_model(struct flaw w)
{
    struct buf header, data;

    seed = 1;
    buf_init(&header, 65536);
    buf_init(&data, 64 << 20);
    buf_add_str(&header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < N_SMALL; i++) {
        size_t rows = small[i].rows + is(w.grow, small[i].name);
        size_t cols = small[i].cols, from = data.len;

        add_values(&data, i, rows * (cols ? cols : 1), &w);
        buf_printf(&header, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu",
                   is(w.rename, small[i].name) ? w.to : small[i].name, rows);
        if (cols)
            buf_printf(&header, ",%zu", cols);
        buf_printf(&header, "],\"data_offsets\":[%zu,%zu]}", from, data.len);
    }
    buf_add_char(&header, '}');
    while (header.len % 8)
        buf_add_char(&header, ' ');
    assert_true(buf_ok(&header) && buf_ok(&data));
    write_file(model_path, &header, &data);
    buf_release(&header);
    buf_release(&data);
}

static int setup(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    log_setup(LOG_OFF, false);
    snprintf(dir, sizeof(dir), "%s/sheaf-encoder.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return -1;
    snprintf(model_path, sizeof(model_path), "%s/model.safetensors", dir);
    snprintf(cache_dir, sizeof(cache_dir), "%s/cache", dir);
    if (mkdir(cache_dir, 0700) != 0)
        return -1;
    write_model((struct flaw){0});
    return 0;
}

static void remove_all(const char *path)
{
    char name[600];
    struct dirent *d;
    DIR *p = opendir(path);

    while (p && (d = readdir(p))) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, d->d_name);
        if (unlink(name) != 0)
            remove_all(name);
    }
    if (p)
        closedir(p);
    rmdir(path);
}

static int teardown(void **state)
{
    (void)state;
    remove_all(dir);
    return 0;
}

/* ---- opening ---- */

static enum err_code open_small(struct encoder **m, const char *precision,
                                const char *kernel, struct err *e)
{
    struct encoder_options opt = {.model_path = model_path,
                                  .precision = precision,
                                  .kernel = kernel,
                                  .n_vocab = WORDS,
                                  .n_layers = 1};

    return encoder_open(m, &opt, e);
}

static void test_choice(void **state)
{
    bool bytes = kernel_best(EMBED_INT8)->fast_int8;
    struct encoder *m;
    struct err e = {0};

    (void)state;
    assert_int_equal(open_small(&m, "auto", "", NULL), ERR_NONE);
    assert_int_equal(encoder_precision(m), bytes ? EMBED_INT8 : EMBED_F32);
    encoder_close(m);
    assert_int_equal(open_small(&m, NULL, "scalar", NULL), ERR_NONE);
    assert_int_equal(encoder_precision(m), EMBED_F32);
    assert_string_equal(encoder_kernel(m), "scalar");
    encoder_close(m);
    encoder_close(NULL);
    assert_int_equal(open_small(&m, "f32", "abacus", &e), ERR_INVALID);
    assert_string_equal(e.field, "kernel");
    assert_int_equal(open_small(&m, "f17", "", &e), ERR_INVALID);
    assert_string_equal(e.field, "precision");
    for (const struct kernel *const *k = kernels; *k; k++) {
        for (enum embed_precision p = 0; p < EMBED_N_PRECISIONS; p++) {
            bool has = (*k)->supported() && (*k)->gemm[p];
            enum err_code rc =
                open_small(&m, embed_precision_name(p), (*k)->name, &e);

            assert_int_equal(rc, has ? ERR_NONE : ERR_INVALID);
            if (has)
                encoder_close(m);
            else
                assert_non_null(strstr(e.msg, (*k)->name));
        }
    }
}

static void test_no_model(void **state)
{
    struct encoder_options opt = {.model_path = "/nonexistent/model"};
    struct encoder *m;
    struct err e = {0};

    (void)state;
    assert_int_equal(encoder_open(&m, &opt, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "fetch-model"));
    opt.model_path = dir; /* there, but no file */
    assert_int_equal(encoder_open(&m, &opt, &e), ERR_INVALID);
    opt.model_path = model_path; /* the small one is not the real one */
    assert_int_equal(encoder_open(&m, &opt, &e), ERR_INVALID);
    opt.n_vocab = WORDS;
    opt.n_layers = 1;
    opt.check_digest = true;
    assert_int_equal(encoder_open(&m, &opt, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "SHA-256"));
}

static void assert_bad_model(struct flaw w, const char *why)
{
    struct encoder *m;
    struct err e = {0};

    write_model(w);
    if (open_small(&m, "int8", "", &e) != ERR_INVALID)
        fail_msg("taken, but: %s", why);
    if (!strstr(e.msg, why))
        fail_msg("'%s' does not say '%s'", e.msg, why);
}

static void test_bad_weights(void **state)
{
    static const char *const needed[] = {
        "embeddings.word_embeddings.weight",
        "encoder.layer.0.output.dense.bias",
        "encoder.layer.0.output.LayerNorm.weight"};

    (void)state;
    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
        const char *name = needed[i];

        assert_bad_model((struct flaw){.rename = name, .to = "y"}, name);
        assert_bad_model((struct flaw){.grow = name}, name);
        assert_bad_model((struct flaw){.spoil = name, .with = NAN}, name);
        assert_bad_model((struct flaw){.spoil = name, .with = INFINITY}, name);
        assert_bad_model((struct flaw){.spoil = name, .with = -1000.1f}, name);
    }
    assert_bad_model((struct flaw){.rename = "pooler.dense.bias", .to = "y"},
                     "another model");
    write_model((struct flaw){0});
}

/* ---- packing ---- */

static char *read_model(size_t *len)
{
    FILE *f = fopen(model_path, "rb");
    char *p = malloc(64 << 20);

    assert_non_null(f);
    assert_non_null(p);
    *len = fread(p, 1, 64 << 20, f);
    fclose(f);
    return p;
}

/* Weight [n][k] as the kernels will see it. */
static float unpack(const struct matrix *m, enum embed_precision p, size_t n,
                    size_t k)
{
    size_t group = p == EMBED_F32 ? 1 : p == EMBED_BF16 ? 2 : 4;
    size_t panel = n / KERNEL_PANEL * m->k * KERNEL_PANEL;
    size_t at = panel + k / group * group * KERNEL_PANEL +
                n % KERNEL_PANEL * group + k % group;

    if (p == EMBED_F32)
        return ((const float *)m->panels)[at];
    if (p == EMBED_BF16)
        return kernel_float(((const uint16_t *)m->panels)[at]);
    return (float)((const int8_t *)m->panels)[at] * m->scale[n];
}

/* Every step-th panel of a matrix, from the first on, is the tensor times
 * factor. */
static void check_matrix(const struct safetensors *st, const struct weights *w,
                         const struct matrix *m, size_t first, size_t step,
                         const char *name, float factor)
{
    const struct tensor *weight, *bias;
    char full[100];

    snprintf(full, sizeof(full), L0 "%s.weight", name);
    weight = safetensors_find(st, full);
    snprintf(full, sizeof(full), L0 "%s.bias", name);
    bias = safetensors_find(st, full);
    assert_non_null(weight);
    assert_non_null(bias);
    for (size_t n = 0; n < bias->count; n++) {
        const float *row = (const float *)weight->data + n * m->k;
        size_t at =
            (n / KERNEL_PANEL * step + first) * KERNEL_PANEL + n % KERNEL_PANEL;
        double sum = 0;

        assert_float_equal(m->bias[at], ((const float *)bias->data)[n] * factor,
                           1e-7);
        for (size_t k = 0; k < m->k; k++) {
            float v = unpack(m, w->precision, at, k);
            float most = w->precision == EMBED_INT8 ? 0.501f * m->scale[at]
                                                    : 0x1p-8f * fabsf(v);

            assert_true(fabsf(v - row[k] * factor) <= most);
            sum += v;
        }
        if (w->precision == EMBED_INT8)
            assert_float_equal(sum / m->scale[at], m->sum[at], 0.1);
    }
}

static void test_packing(void **state)
{
    const float q = 1.44269504f / 5.65685425f; /* log2(e) / sqrt(32) */
    struct pack_options opt = {
        .model_path = model_path, .n_vocab = WORDS, .n_layers = 1};
    struct safetensors *st;
    size_t len;
    char *file = read_model(&len);

    (void)state;
    assert_int_equal(safetensors_open(&st, (struct slice){file, len}, NULL),
                     ERR_NONE);
    for (opt.precision = 0; opt.precision < EMBED_N_PRECISIONS;
         opt.precision++) {
        const struct weights *w;
        const struct layer *l;
        struct pack *p;

        assert_int_equal(pack_open(&p, &opt, NULL), ERR_NONE);
        w = pack_weights(p);
        l = &w->layers[0];
        check_matrix(st, w, &l->qkv, 0, 3, "attention.self.query", q);
        check_matrix(st, w, &l->qkv, 1, 3, "attention.self.key", 1);
        check_matrix(st, w, &l->qkv, 2, 3, "attention.self.value", 1);
        check_matrix(st, w, &l->proj, 0, 1, "attention.output.dense", 1);
        check_matrix(st, w, &l->up, 0, 1, "intermediate.dense", 1);
        check_matrix(st, w, &l->down, 0, 1, "output.dense", 1);
        pack_close(p);
    }
    safetensors_close(st);
    free(file);
}

/* ---- the pass ---- */

#define N_SEQ 7
static const uint16_t lens[N_SEQ] = {1, 2, 33, 12, 5, 64, 3};
#define N_IDS 120

static void make_ids(uint16_t ids[N_IDS])
{
    for (size_t i = 0; i < N_IDS; i++)
        ids[i] = (uint16_t)(i * 29 % WORDS);
}

static double cosine(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < D; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

/* All sequences in one batch, on a small model. */
static void run_small(const char *precision, const char *kernel,
                      float out[N_SEQ * D])
{
    struct encoder *m;
    struct encoder_scratch *s;
    uint16_t ids[N_IDS];

    make_ids(ids);
    assert_int_equal(open_small(&m, precision, kernel, NULL), ERR_NONE);
    s = encoder_scratch_new(m);
    assert_non_null(s);
    encoder_run(m, s, ids, lens, N_SEQ, out);
    encoder_scratch_free(s);
    encoder_close(m);
}

#define FOR_EACH(k, p)                                                         \
    for (const struct kernel *const *at_ = kernels, *k; (k = *at_); at_++)     \
        for (enum embed_precision p = 0; p < EMBED_N_PRECISIONS; p++)          \
            if (k->supported() && k->gemm[p])

/* What precision costs, measured on this model, with some room. */
static void test_kernels_agree(void **state)
{
    static const double least[] = {
        [EMBED_F32] = 0.9999999, [EMBED_BF16] = 0.9999, [EMBED_INT8] = 0.998};
    float want[N_SEQ * D], got[N_SEQ * D];

    (void)state;
    run_small("f32", "scalar", want);
    FOR_EACH(k, p)
    {
        run_small(embed_precision_name(p), k->name, got);
        for (size_t i = 0; i < N_SEQ; i++) {
            double c = cosine(want + i * D, got + i * D);
            double one = cosine(got + i * D, got + i * D);

            if (!(c >= least[p]) || !(fabs(one - 1) < 1e-6))
                fail_msg("%s %s: cosine %.8f", k->name, embed_precision_name(p),
                         c);
        }
    }
}

/* Bit for bit the same vector, whoever else is in the batch. */
static void test_batch_does_not_matter(void **state)
{
    float together[N_SEQ * D], alone[D];
    uint16_t ids[N_IDS];

    (void)state;
    make_ids(ids);
    FOR_EACH(k, p)
    {
        const uint16_t *at = ids;
        struct encoder_scratch *s;
        struct encoder *m;

        assert_int_equal(open_small(&m, embed_precision_name(p), k->name, NULL),
                         ERR_NONE);
        s = encoder_scratch_new(m);
        assert_non_null(s);
        encoder_run(m, s, ids, lens, N_SEQ, together);
        for (size_t i = 0; i < N_SEQ; at += lens[i++]) {
            encoder_run(m, s, at, &lens[i], 1, alone);
            if (memcmp(alone, together + i * D, sizeof(alone)) != 0)
                fail_msg("%s %s: sequence %zu", k->name,
                         embed_precision_name(p), i);
        }
        encoder_scratch_free(s);
        encoder_close(m);
    }
}

/* As much as fits: two of the longest.  And ids that the vocabulary lacks. */
static void test_full_batch(void **state)
{
    static const uint16_t two[2] = {EMBED_MAX_TOKENS, EMBED_MAX_TOKENS};
    uint16_t ids[EMBED_MAX_BATCH];
    struct encoder_scratch *s;
    struct encoder *m;
    float out[2 * D];

    (void)state;
    assert_true(2 * EMBED_MAX_TOKENS == EMBED_MAX_BATCH);
    for (size_t i = 0; i < EMBED_MAX_BATCH; i++)
        ids[i] = i % EMBED_MAX_TOKENS % 2 ? 0 : 65535;
    FOR_EACH(k, p)
    {
        assert_int_equal(open_small(&m, embed_precision_name(p), k->name, NULL),
                         ERR_NONE);
        s = encoder_scratch_new(m);
        assert_non_null(s);
        encoder_run(m, s, ids, two, 2, out);
        assert_memory_equal(out, out + D, D * sizeof(*out));
        assert_true(fabs(cosine(out, out) - 1) < 1e-6);
        encoder_scratch_free(s);
        encoder_close(m);
    }
}

/* The most hostile weights that are taken: still numbers. */
/* One weight far beyond its like costs the others of its output nothing. */
static void test_weight_apart(void **state)
{
    struct pack_options opt = {.model_path = model_path,
                               .precision = EMBED_INT8,
                               .n_vocab = WORDS,
                               .n_layers = 1};
    float want[N_SEQ * D], got[N_SEQ * D];
    const struct matrix *m;
    struct pack *p;

    (void)state;
    write_model((struct flaw){.spoil = L0 "output.dense.weight", .with = 5});
    assert_int_equal(pack_open(&p, &opt, NULL), ERR_NONE);
    m = &pack_weights(p)->layers[0].down;
    assert_int_equal(m->apart[0].n, D - 1);
    assert_int_equal(m->apart[0].k, MODEL_FFN - 1);
    assert_true(m->apart[0].w == 5);
    assert_true(m->apart[1].w == 0);
    assert_true(m->scale[D - 1] <= 0.1001f / 127);
    assert_true(unpack(m, EMBED_INT8, D - 1, MODEL_FFN - 1) == 0);
    pack_close(p);
    run_small("f32", "scalar", want);
    FOR_EACH(k, precision)
    {
        if (precision != EMBED_INT8)
            continue;
        run_small("int8", k->name, got);
        for (size_t i = 0; i < N_SEQ; i++)
            assert_true(cosine(want + i * D, got + i * D) > 0.998);
    }
    write_model((struct flaw){0});
}

static void test_extreme_weights(void **state)
{
    static const char *const names[] = {
        L0 "intermediate.dense.weight",   L0 "output.dense.weight",
        L0 "attention.self.query.weight", L0 "output.LayerNorm.weight",
        "embeddings.LayerNorm.weight",    "embeddings.word_embeddings.weight"};
    static const float values[] = {1000, -1000, 0, 1e-38f};
    float out[N_SEQ * D];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
            write_model((struct flaw){
                .spoil = names[i], .with = values[v], .all = true});
            FOR_EACH(k, p)
            {
                if (k == kernel_find("scalar") && p != EMBED_INT8)
                    continue; /* slow, and the same as the others */
                run_small(embed_precision_name(p), k->name, out);
                for (size_t n = 0; n < N_SEQ * D; n++)
                    assert_true(fabsf(out[n]) <= 1.0001f);
            }
        }
    }
    write_model((struct flaw){0});
}

/* ---- the cache ---- */

static struct pack *open_pack(void)
{
    struct pack_options opt = {.model_path = model_path,
                               .cache_dir = cache_dir,
                               .precision = EMBED_INT8,
                               .n_vocab = WORDS,
                               .n_layers = 1};
    struct pack *p;
    struct err e = {0};

    if (pack_open(&p, &opt, &e) != ERR_NONE)
        fail_msg("%s", e.msg);
    return p;
}

#define CACHE_FILE "minilm-l6-int8.pack"

static void cache_path(char path[600])
{
    snprintf(path, 600, "%s/" CACHE_FILE, cache_dir);
}

static size_t files_in_cache(void)
{
    struct dirent *d;
    DIR *p = opendir(cache_dir);
    size_t n = 0;

    assert_non_null(p);
    while ((d = readdir(p)))
        n += d->d_name[0] != '.';
    closedir(p);
    return n;
}

static ino_t cache_inode(void)
{
    char path[600];
    struct stat st;

    cache_path(path);
    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

/* After whatever happened to the file: opening works, gives the same weights,
 * and has put things right for the next time. */
static void assert_mended(const struct pack *good, const char *what)
{
    ino_t before = cache_inode();
    struct pack *p = open_pack();
    const struct weights *a = pack_weights(good), *b = pack_weights(p);
    size_t bytes = (size_t)3 * D * D;

    if (cache_inode() == before)
        fail_msg("used as it was: %s", what);
    assert_int_equal(files_in_cache(), 1);
    assert_true(pack_is_cached(p));
    assert_memory_equal(pack_digest(p), pack_digest(good), 32);
    assert_memory_equal(b->layers[0].qkv.panels, a->layers[0].qkv.panels,
                        bytes);
    assert_memory_equal(b->word, a->word, WORDS * D * sizeof(float));
    pack_close(p);
    before = cache_inode();
    pack_close(open_pack());
    assert_true(cache_inode() == before);
}

/* Change one byte of the cache file; off < 0 counts from its end. */
static void flip(off_t off)
{
    char path[600];
    uint8_t b;
    int fd;

    cache_path(path);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    if (off < 0)
        off += lseek(fd, 0, SEEK_END);
    assert_int_equal(pread(fd, &b, 1, off), 1);
    b ^= 0x10;
    assert_int_equal(pwrite(fd, &b, 1, off), 1);
    close(fd);
}

static void test_cache(void **state)
{
    static const off_t places[] = {0,  7,  8,   12,  16,  24,   32,    40,
                                   48, 56, 88,  96,  103, 4096, 5000,  -1,
                                   -8, -9, -40, -41, -77, -999, 123456};
    char path[600], what[40];
    struct pack *good = open_pack();
    struct stat st;

    (void)state;
    assert_true(pack_is_cached(good));
    assert_int_equal(files_in_cache(), 1);
    cache_path(path);
    assert_int_equal(stat(path, &st), 0);
    /* good keeps its file; the one that is to be damaged is another */
    assert_int_equal(unlink(path), 0);
    pack_close(open_pack());
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        flip(places[i]);
        snprintf(what, sizeof(what), "byte %lld", (long long)places[i]);
        assert_mended(good, what);
    }
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    assert_mended(good, "cut");
    assert_int_equal(truncate(path, st.st_size + 64), 0);
    assert_mended(good, "longer");
    assert_int_equal(truncate(path, 0), 0);
    assert_mended(good, "empty");
    assert_int_equal(truncate(path, 100), 0);
    assert_mended(good, "less than a header");
    pack_close(good);
}

/* A source that was changed counts, even if it is as long as before. */
static void test_stale_cache(void **state)
{
    struct timespec times[2] = {{0, UTIME_NOW}, {12345, 678}};
    struct pack *good = open_pack(), *p;
    uint8_t digest[32];

    (void)state;
    assert_int_equal(utimensat(AT_FDCWD, model_path, times, 0), 0);
    assert_mended(good, "older source");
    memcpy(digest, pack_digest(good), sizeof(digest));
    pack_close(good);
    write_model((struct flaw){
        .spoil = "embeddings.LayerNorm.bias", .with = 0.5f, .all = true});
    p = open_pack();
    assert_memory_not_equal(pack_digest(p), digest, sizeof(digest));
    assert_true(pack_weights(p)->norm_bias[0] == 0.5f);
    pack_close(p);
    write_model((struct flaw){0});
}

static void test_no_place_for_the_cache(void **state)
{
    struct pack_options opt = {.model_path = model_path,
                               .cache_dir = "/nonexistent/folder",
                               .precision = EMBED_F32,
                               .n_vocab = WORDS,
                               .n_layers = 1};
    struct pack *p;

    (void)state;
    assert_int_equal(pack_open(&p, &opt, NULL), ERR_NONE);
    assert_false(pack_is_cached(p));
    assert_true(fabsf(pack_weights(p)->norm_gain[0] - 1) <= 0.2f);
    pack_close(p);
}

/* ---- the real model ---- */

/* What the vectors of golden.txt must agree to.  Least and mean cosine, as
 * measured: f32 1 - 1e-12, bf16 0.99997 and 0.99998, int8 0.9948 and 0.9985
 * (the least is the line of punctuation), with 7 bits 0.988 and 0.9957. */
static const struct {
    double least, mean;
} golden_cosine[] = {
    [EMBED_F32] = {0.9999999, 0.9999999},
    [EMBED_BF16] = {0.9999, 0.99995},
    [EMBED_INT8] = {0.993, 0.998},
};
#define GOLDEN_INT7_LEAST 0.985
#define GOLDEN_INT7_MEAN 0.995
#define GOLDEN_LAYER 1e-5 /* f32, a hidden value; measured 2e-6 */
#define SCALAR_TOKENS 40  /* longer texts take the scalar kernel too long */

struct golden {
    const struct encoder *m;
    struct encoder_scratch *s;
    uint16_t ids[EMBED_MAX_TOKENS], len;
    double sum, least;
    size_t n;
};

static size_t read_ids(uint16_t *ids, char *p)
{
    size_t n = 0;

    for (char *end;; p = end) {
        long v = strtol(p, &end, 10);

        if (end == p)
            return n;
        assert_true(n < EMBED_MAX_TOKENS && v >= 0 && v < MODEL_VOCAB);
        ids[n++] = (uint16_t)v;
    }
}

static void read_floats(float out[D], char *p)
{
    for (size_t i = 0; i < D; i++) {
        char *end;

        out[i] = strtof(p, &end);
        assert_ptr_not_equal(end, p);
        p = end;
    }
}

static void check_layer(struct golden *g, char *p)
{
    static float hidden[EMBED_MAX_TOKENS * D];
    size_t layer = strtoul(p, &p, 10);
    float want[D];

    if (encoder_precision(g->m) != EMBED_F32)
        return;
    read_floats(want, p);
    encoder_hidden(g->m, g->s, g->ids, g->len, layer, hidden);
    for (size_t i = 0; i < D; i++)
        if (!(fabsf(hidden[i] - want[i]) <= GOLDEN_LAYER))
            fail_msg("%s: layer %zu, [%zu] is %.8g instead of %.8g",
                     encoder_kernel(g->m), layer, i, (double)hidden[i],
                     (double)want[i]);
}

static void check_line(struct golden *g, char *line, size_t max_tokens)
{
    char *rest = strchr(line, ' ');
    float want[D], got[D];
    double c;

    assert_non_null(rest);
    *rest++ = '\0';
    if (strcmp(line, "ids") == 0)
        g->len = (uint16_t)read_ids(g->ids, rest);
    if (strcmp(line, "layer") == 0)
        check_layer(g, rest);
    if (strcmp(line, "vector") != 0 || g->len > max_tokens)
        return;
    read_floats(want, rest);
    encoder_run(g->m, g->s, g->ids, &g->len, 1, got);
    c = cosine(want, got);
    g->least = fmin(g->least, c);
    g->sum += c;
    g->n++;
}

static void check_golden(const struct encoder *m, bool scalar, bool int7)
{
    enum embed_precision p = encoder_precision(m);
    struct golden g = {.m = m, .s = encoder_scratch_new(m), .least = 1};
    double least = int7 ? GOLDEN_INT7_LEAST : golden_cosine[p].least;
    double mean = int7 ? GOLDEN_INT7_MEAN : golden_cosine[p].mean;
    FILE *f = fopen("tests/reference/golden.txt", "r");
    char *line = NULL;
    size_t cap = 0;

    assert_non_null(g.s);
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0)
        check_line(&g, line, scalar ? SCALAR_TOKENS : EMBED_MAX_TOKENS);
    free(line);
    fclose(f);
    encoder_scratch_free(g.s);
    assert_true(g.n >= (scalar ? 15 : 20));
    print_message("# %s %s: cosine least %.6f, mean %.6f\n", encoder_kernel(m),
                  embed_precision_name(p), g.least, g.sum / (double)g.n);
    if (!(g.least >= least && g.sum / (double)g.n >= mean))
        fail_msg("%s %s: cosine least %.8f, mean %.8f", encoder_kernel(m),
                 embed_precision_name(p), g.least, g.sum / (double)g.n);
}

static void test_golden(void **state)
{
    const char *folder = getenv("SHEAF_TEST_MODEL");
    struct encoder_options opt = {.cache_dir = cache_dir, .check_digest = true};
    char path[600];

    (void)state;
    snprintf(path, sizeof(path), "%s/model.safetensors",
             folder ? folder : "build/model");
    if (access(path, R_OK) != 0) {
        print_message("# no model at '%s': not compared\n", path);
        skip();
    }
    opt.model_path = path;
    FOR_EACH(k, p)
    {
        struct encoder *m;
        struct err e = {0};

        opt.kernel = k->name;
        opt.precision = embed_precision_name(p);
        if (encoder_open(&m, &opt, &e) != ERR_NONE)
            fail_msg("%s", e.msg);
        check_golden(m, k == kernel_find("scalar"),
                     p == EMBED_INT8 && k->act_max == 127);
        encoder_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_no_model),
        cmocka_unit_test(test_bad_weights),
        cmocka_unit_test(test_packing),
        cmocka_unit_test(test_kernels_agree),
        cmocka_unit_test(test_batch_does_not_matter),
        cmocka_unit_test(test_full_batch),
        cmocka_unit_test(test_weight_apart),
        cmocka_unit_test(test_extreme_weights),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_stale_cache),
        cmocka_unit_test(test_no_place_for_the_cache),
        cmocka_unit_test(test_golden),
    };

    return cmocka_run_group_tests_name("encoder", tests, setup, teardown);
}
