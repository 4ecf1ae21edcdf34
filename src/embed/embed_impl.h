/* embed_impl.h - the embedding service's inside, for embed.c (its life) and
 * embed_call.c (its work).
 *
 * One lock guards the queue and all counters; it is held for list surgery only.
 * A window belongs to its call and is on the caller's heap; the queue links the
 * batches inside it, so that queueing cannot fail.
 */
#ifndef EMBED_EMBED_IMPL_H
#define EMBED_EMBED_IMPL_H

#include <pthread.h>

#include "embed/embed.h"
#include "embed/pack_batch.h"
#include "embed/tokenizer.h"

struct call;

/* Consecutive texts of one call. */
struct window {
    struct call *call;
    size_t first; /* of the call's texts */
    size_t n;
    size_t left; /* batches not done; under the lock */
    uint16_t lens[PACK_MAX_TEXTS];
    uint16_t order[PACK_MAX_TEXTS]; /* texts, batch after batch */
    struct batch {
        struct window *window;
        struct batch *next; /* in the queue */
        struct pack_span span;
    } batches[PACK_MAX_TEXTS];
    uint16_t ids[]; /* n rows of EMBED_MAX_TOKENS */
};

/* One embed_texts or embed_tokens; on its caller's stack. */
struct call {
    struct embed *m;
    const struct embed_how *how;
    const struct encoder *encoder;
    /* Put the tokens of text i, special ones included, into ids[256]. */
    uint16_t (*tokens_of)(const struct call *c, size_t i, uint16_t *ids);
    const struct slice *texts;
    const struct embed_ids *lists;
    size_t n;
    float *out;
    uint32_t *n_tokens;
    pthread_cond_t progress; /* a batch is done */
    size_t taken;            /* texts that a worker took; under the lock */
    size_t running;          /* batches with a worker; under the lock */
    bool no_memory;          /* under the lock */
};

struct worker {
    struct embed *m;
    pthread_t thread;
    struct encoder_scratch *scratch[EMBED_N_PRECISIONS]; /* when first needed */
    uint16_t ids[EMBED_MAX_BATCH], lens[PACK_MAX_TEXTS];
    float *vectors; /* of one batch: PACK_MAX_TEXTS x EMBED_DIM */
};

struct queue {
    struct batch *head, **tail;
};

struct embed {
    struct tokenizer *tokenizer;
    char *model_path, *cache_dir, *kernel;
    bool any_weights;
    size_t max_queue;
    uint8_t fingerprint[32];
    enum embed_precision precision;

    pthread_mutex_t opening; /* held while an encoder is opened */
    struct encoder *encoders[EMBED_N_PRECISIONS]; /* written under both locks */

    pthread_mutex_t lock;   /* guards the rest */
    pthread_cond_t wake;    /* there is work, or the end */
    struct queue queues[2]; /* by enum embed_priority */
    size_t queued;
    uint64_t texts, tokens;
    int ingesting;         /* workers that are at it */
    int64_t last_query_us; /* when one was taken */
    bool stopping;
    struct worker *workers;
    int n_workers; /* started */
};
/* So long after a query one worker is kept for the next, if there are two. */
#define EMBED_QUERY_US (500 * INT64_C(1000))

/* embed.c: the encoder of a precision, opened if need be; NULL or "auto" is the
 * service's own. */
enum err_code embed_find_encoder(struct embed *m, const char *precision,
                                 const struct encoder **out, struct err *e)
    CHECKED;
/* embed_call.c: the main function of a thread; its argument is a worker. */
void *embed_work(void *worker);
void embed_queue_init(struct queue *q);
enum err_code embed_no_memory(struct err *e);

#endif
