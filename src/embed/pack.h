/* pack.h - the model's weights, laid out for the kernels.
 *
 * Made once from model.safetensors: every tensor that the model has and no
 * other, of the right shape, finite.  Then written to a cache file that later
 * starts map read-only:
 *
 *   4,096 bytes   struct pack_header: what it was made from and how, checksums
 *   the rest      the weights, each array aligned to 64
 *
 * A cache file that is damaged, of another version, or older than its source is
 * made anew.  It is written beside its place and renamed, so a reader sees the
 * old one or the new one; nobody may change or cut it while it is mapped.
 *
 * Threads: read-only after pack_open.
 */
#ifndef EMBED_PACK_H
#define EMBED_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "embed/encoder.h"
#include "embed/kernel.h"

#define MODEL_VOCAB 30522
#define MODEL_LAYERS 6
#define MODEL_HEADS 12
#define MODEL_FFN 1536
/* Largest weight taken (the model's own is 7.9).  It bounds every sum of the
 * forward pass far below the largest float, so that no result is NaN. */
#define MODEL_MAX_WEIGHT 1000.0f

/* V, L: see encoder.h */
struct layer {
    struct matrix qkv;  /* 3D x D: a panel of q, k and v for each head; q is
                           scaled by log2(e) / sqrt(32) */
    struct matrix proj; /* D x D */
    struct matrix up;   /* F x D */
    struct matrix down; /* D x F */
    const float *norm1_gain, *norm1_bias; /* D each, after attention */
    const float *norm2_gain, *norm2_bias; /* after the feed-forward part */
};

struct weights {
    enum embed_precision precision;
    size_t n_vocab, n_layers;
    const float *word;  /* V x D, float in every precision */
    const float *place; /* EMBED_MAX_TOKENS x D: position + segment 0 */
    const float *norm_gain, *norm_bias; /* D */
    struct layer layers[MODEL_LAYERS];
};

struct pack;

struct pack_options {
    const char *model_path;
    const char *cache_dir; /* NULL: none is read or written */
    enum embed_precision precision;
    bool check_digest;
    size_t n_vocab, n_layers; /* 0: the model's; smaller ones are for tests */
};

/* Errors as encoder_open's. */
enum err_code pack_open(struct pack **out, const struct pack_options *opt,
                        struct err *e) CHECKED;
void pack_close(struct pack *p); /* takes NULL */
const struct weights *pack_weights(const struct pack *p);
const uint8_t *pack_digest(const struct pack *p); /* of the source, 32 bytes */
bool pack_is_cached(const struct pack *p);        /* mapped from a cache file */

/* For pack.c and pack_cache.c, and their tests. */

#define PACK_ALIGN 64

/* Point w's arrays into `base`, for w's precision and sizes; returns the bytes
 * that they take.  base may be NULL: only the size is of interest. */
size_t weights_lay(struct weights *w, const char *base);
/* Fill w's arrays (writable memory) from the bytes of model.safetensors. */
enum err_code weights_fill(struct weights *w, struct slice file, struct err *e)
    CHECKED;

#endif
