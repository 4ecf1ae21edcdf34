/* processor.h - service 3: documents in, passages and answers out.
 *
 * Today: the embedding model, and OpenAI's embeddings API over it (openai.c).
 *
 * The model is loaded when it is first needed, or in the background after
 * processor_start, so that a server is up at once; who needs it meanwhile
 * waits.  Where there is none, everything that needs it
 * answers 503 with the command that fetches it, and looks again later: a model
 * that is put in place is used without a restart.
 *
 * Threads: processor_new, processor_start and processor_free on one thread,
 * before and after the server runs; the rest from any.
 */
#ifndef PROCESSOR_PROCESSOR_H
#define PROCESSOR_PROCESSOR_H

#include "base/buf.h"
#include "base/err.h"
#include "net/router.h"

struct embed;
struct processor;

struct processor_options {
    const char *const *model_dirs; /* looked at in order; NULL-ended, not empty;
                                      copied */
    const char *cache_dir;         /* packed weights; NULL: none */
    const char *precision, *kernel; /* as in embed_options */
};

struct processor *processor_new(const struct processor_options *opt);
/* Load the model in the background; at most once.  A missing model is no error.
 * ERR_UNAVAILABLE: the system gave no thread. */
enum err_code processor_start(struct processor *p, struct err *e) CHECKED;
void processor_free(struct processor *p); /* takes NULL */

/* The embedding service, which lives as long as the processor.  May block while
 * the model is loaded.  ERR_UNAVAILABLE: there is none; the message says why
 * and what to do. */
enum err_code processor_embed(struct processor *p, struct embed **out,
                              struct err *e) CHECKED;

/* For router_add, with the processor as ctx. */
extern const struct route processor_openai_routes[];

/* A probe for /readyz: is the model there?  `processor` is a struct processor.
 */
enum err_code processor_check(void *processor, struct err *e);
/* Append the processor's lines to /metrics. */
void processor_metrics(struct buf *out, void *processor);

#endif
