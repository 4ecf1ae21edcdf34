/* llm_answer.h - an answer by a language model behind `llm_url`, from sources
 * only, with citations that are checked while it comes.
 *
 * Threads: any.
 */
#ifndef PROCESSOR_LLM_ANSWER_H
#define PROCESSOR_LLM_ANSWER_H

#include "base/arena.h"
#include "processor/chat_client.h"
#include "processor/prompt.h"

struct llm_options {
    const char *url;    /* "" : there is no model */
    const char *model;  /* "" : the server's own */
    const char *key;    /* "" : none */
    int64_t context;    /* tokens that it sees; 0: not known */
    int64_t max_tokens; /* of an answer */
    int64_t timeout_ms; /* longest silence of the server */
};

/* Lay out what it is asked: `in` without fence and budget, which are made here.
 * out->n_sources are shown to it, at least one.  ERR_INVALID, field "question":
 * too long.  ERR_UNPROCESSABLE: its context has no room for question and a
 * source. */
enum err_code llm_prepare(struct prompt *out, const struct llm_options *opt,
                          const struct prompt_input *in, struct arena *a,
                          struct err *e) CHECKED;

/* Who waits for the answer. */
struct llm_reader {
    /* Asked several times a second: true ends it. */
    bool (*gone)(void *ctx);
    /* Gets what may be shown, as it comes, without control characters; false
     * ends it.  NULL: only the whole answer counts. */
    bool (*on_text)(void *ctx, struct slice text);
    void *ctx; /* of both */
};

struct llm_answer {
    struct slice text;  /* every [n] in it is source n; what on_text got */
    struct slice model; /* that answered, as it calls itself */
    bool grounded;      /* it cites a source, and does not say it cannot */
    enum chat_finish finish;
};

/* Ask.  Errors of chat_ask: the server is away, refuses, sends what is no
 * answer, or breaks off; ERR_CANCELLED: the reader has gone.  Also after an
 * error *out is what was said until then. */
enum err_code llm_ask(const struct llm_options *opt,
                      const struct prompt *prompt, const struct llm_reader *r,
                      struct arena *a, struct llm_answer *out, struct err *e)
    CHECKED;

#endif
