/* openai_input.h - the `input` of POST /v1/embeddings: four forms, one list.
 *
 *   "text"   ["text", "text"]   [15496, 995]   [[15496], [995, 11]]
 *
 * Threads: pure functions.
 */
#ifndef PROCESSOR_OPENAI_INPUT_H
#define PROCESSOR_OPENAI_INPUT_H

#include <jansson.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "embed/embed.h"

/* Most inputs of one call.  OpenAI takes 2,048. */
#define OPENAI_MAX_INPUTS 10000

struct openai_input {
    size_t n;
    const struct slice *texts;     /* n, or NULL; borrowed from the JSON */
    const struct embed_ids *lists; /* n, or NULL; each cut where the model
                                       cuts */
};

/* Read it; memory comes from the arena.  ERR_INVALID, field "input": another
 * type, nothing in it, an empty text or list, more than OPENAI_MAX_INPUTS, an
 * id outside the vocabulary; the message says which item.  ERR_TOO_LARGE: over
 * the arena's cap. */
enum err_code openai_input_read(struct openai_input *out, const json_t *input,
                                struct arena *a, struct err *e) CHECKED;

#endif
