/* llm_answer.h - an answer by a language model behind `llm_url`, from sources
 * only, with citations that were checked.
 *
 * Threads: any.
 */
#ifndef PROCESSOR_LLM_ANSWER_H
#define PROCESSOR_LLM_ANSWER_H

#include "base/arena.h"
#include "processor/prompt.h"

struct llm_options {
    const char *url;   /* "" : there is no model */
    const char *model; /* "" : the server's own */
    const char *key;   /* "" : none */
    int64_t context;   /* tokens that it sees; 0: not known */
};

struct llm_answer {
    struct slice text;  /* every [n] in it is source n */
    struct slice model; /* that answered, as it calls itself */
    bool grounded;      /* it cites a source, and does not say it cannot */
};

/* Ask.  `gone` (ctx) is asked several times a second: true ends it with
 * ERR_CANCELLED.  ERR_INVALID, field "question": too long.  Otherwise the
 * errors of chat_ask: the server is away, refuses, or sends what is no answer.
 */
enum err_code llm_ask(const struct llm_options *opt, struct slice question,
                      const struct prompt_source *sources, size_t n,
                      bool (*gone)(void *ctx), void *ctx, struct arena *a,
                      struct llm_answer *out, struct err *e) CHECKED;

#endif
