/* encoder.h - all-MiniLM-L6-v2's forward pass: token ids in, 384 floats out.
 *
 * Shapes, everywhere in embed/:
 *   L = 6 layers, D = 384 width, H = 12 heads of 32, F = 1536, V = 30522,
 *   T = tokens of all sequences of a micro-batch, concatenated without padding.
 *
 * The weights are read once from model.safetensors, checked, packed for the
 * kernel chosen, and written to a checksummed cache file that later starts map
 * read-only.  A kernel set (kernel_<isa>.c) is chosen for the CPU it runs on;
 * the scalar one defines what is right.
 *
 * Threads: a struct encoder is read-only after encoder_open; each thread has
 * its own struct encoder_scratch.
 */
#ifndef EMBED_ENCODER_H
#define EMBED_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define EMBED_DIM 384
#define EMBED_MAX_TOKENS 256 /* a sequence, [CLS] and [SEP] included */
#define EMBED_MAX_BATCH 512  /* tokens of a micro-batch */

enum embed_precision { EMBED_F32, EMBED_BF16, EMBED_INT8, EMBED_N_PRECISIONS };
const char *embed_precision_name(enum embed_precision p); /* "int8" */

struct encoder;
struct encoder_scratch;

struct encoder_options {
    const char *model_path;   /* model.safetensors */
    const char *cache_dir;    /* for the packed weights; NULL: keep in memory */
    const char *precision;    /* "auto", "f32", "bf16", "int8" */
    const char *kernel;       /* "" : the best that the CPU has, or its name */
    bool check_digest;        /* SHA-256 of the file must be the known one */
    size_t n_vocab, n_layers; /* 0: the model's; smaller ones are for tests */
};

/* ERR_NOT_FOUND: no model file (the message names the command that fetches it).
 * ERR_INVALID: damaged or another model, unknown kernel, or one that this CPU
 * or this precision does not have. */
enum err_code encoder_open(struct encoder **out,
                           const struct encoder_options *opt, struct err *e)
    CHECKED;
void encoder_close(struct encoder *m); /* takes NULL */
enum embed_precision encoder_precision(const struct encoder *m);
const char *encoder_kernel(const struct encoder *m); /* "avx512-vnni" */
/* SHA-256 over weights, vocabulary-independent: model identity. */
const uint8_t *encoder_digest(const struct encoder *m); /* 32 bytes */

/* Working memory of one thread, sized once; NULL: out of memory. */
struct encoder_scratch *encoder_scratch_new(const struct encoder *m);
void encoder_scratch_free(struct encoder_scratch *s);

/* Run n sequences: ids holds them one after the other, lens[i] tokens each
 * (1..EMBED_MAX_TOKENS, special tokens included), sum(lens) <= EMBED_MAX_BATCH.
 * An id that the vocabulary does not have counts as 0, [PAD].  out: n x
 * EMBED_DIM, mean-pooled and L2-normalised; the same bit for bit whoever else
 * is in the batch.  About 256 tokens a call are best for the caches.  Cannot
 * fail, allocates nothing. */
void encoder_run(const struct encoder *m, struct encoder_scratch *s,
                 const uint16_t *ids, const uint16_t *lens, size_t n,
                 float *out);

#endif
