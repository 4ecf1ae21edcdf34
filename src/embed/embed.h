/* embed.h - the embedding service: texts in, vectors out, for all of sheaf.
 *
 * A call is cut into windows of texts; each window is tokenised by the caller's
 * thread and packed into micro-batches (encoder.h), which one worker a core
 * takes whole from a bounded queue.  So the next window is tokenised while the
 * last one is computed, no worker waits for another inside a forward pass, and
 * a call of any length needs little memory.  Queries overtake ingestion: they
 * wait for at most the micro-batch that a worker is at, and for half a second
 * after one a worker of several is kept for the next.
 *
 * Precisions: a service runs in the one it was opened with.  Another one, asked
 * for by a call, is opened at the first such call and stays.
 *
 * Threads: any may call, at the same time; a call blocks until its vectors are
 * there, so the event loop must not.
 */
#ifndef EMBED_EMBED_H
#define EMBED_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "embed/encoder.h"

/* What people call the model, and where it comes from. */
#define EMBED_MODEL "all-MiniLM-L6-v2"
#define EMBED_MODEL_OWNER "sentence-transformers"

struct embed;

struct embed_options {
    const char *model_dir;          /* holds model.safetensors and vocab.txt */
    const char *cache_dir;          /* packed weights; NULL: none is written */
    const char *precision, *kernel; /* as in encoder_options; NULL: "auto" and
                                       the best */
    int workers;                    /* 0: one a core that we may run on */
    size_t max_queue;               /* texts waiting; 0: 65,536 */
    bool any_weights; /* for tests: files other than the known ones, too */
};

enum embed_priority { EMBED_QUERY, EMBED_INGEST };

/* How a call is to be done.  All zero: a query, in the precision of the
 * service, that cannot be cancelled. */
struct embed_how {
    enum embed_priority priority;
    const char *precision; /* NULL or "auto": the service's */
    /* Asked by the calling thread about every 50 ms and whenever a micro-batch
     * is done; NULL: never. */
    bool (*cancelled)(void *ctx);
    void *ctx;
};

/* ERR_NOT_FOUND: no model there; the message says how to get it.  ERR_INVALID:
 * wrong vocabulary, or as encoder_open. */
enum err_code embed_open(struct embed **out, const struct embed_options *opt,
                         struct err *e) CHECKED;
/* Takes NULL.  Waits for its workers; no call may be under way. */
void embed_close(struct embed *m);

/* Embed n texts, each cut at EMBED_MAX_TOKENS as sentence-transformers does.  A
 * text may be anything, the empty one too.  out: n x EMBED_DIM, each of length
 * 1.  n_tokens (may be NULL): tokens used of each, special ones included.
 * how may be NULL.  On an error what is in out and n_tokens means nothing.
 * ERR_INVALID: a precision that this CPU does not have.  ERR_UNAVAILABLE: the
 * queue is full (a call that is larger than the whole queue is taken when
 * nothing else waits), or out of memory.  ERR_CANCELLED. */
enum err_code embed_texts(struct embed *m, const struct embed_how *how,
                          const struct slice *texts, size_t n, float *out,
                          uint32_t *n_tokens, struct err *e) CHECKED;

/* Token ids of the model's vocabulary, without special tokens. */
struct embed_ids {
    const uint16_t *ids;
    size_t n;
};
#define EMBED_VOCAB 30522 /* ids are below it */

/* The same for tokens.  ERR_INVALID also: an id out of range. */
enum err_code embed_tokens(struct embed *m, const struct embed_how *how,
                           const struct embed_ids *lists, size_t n, float *out,
                           uint32_t *n_tokens, struct err *e) CHECKED;

/* Tokens of a text, special ones not counted and not cut. */
size_t embed_count_tokens(struct embed *m, struct slice text);

struct embed_info {
    const char *precision, *kernel; /* "int8", "avx512-vnni" */
    int workers;
    /* Of weights, vocabulary, pooling and maximum length; the same for every
     * kernel and precision. */
    uint8_t fingerprint[32];
    size_t queued;          /* texts waiting now */
    uint64_t texts, tokens; /* embedded since the start */
};
void embed_info(struct embed *m, struct embed_info *out);

#endif
