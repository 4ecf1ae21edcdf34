/* answer.c - see answer.h. */
#include "processor/answer.h"

#include <assert.h>

#include "base/log.h"
#include "processor/extractive.h"

/* Below it the best sentence says too little about the question.  Measured:
 * 95 % of 300 answerable questions reach it, 1 to 12 % of those on other
 * matters; docs/answers.md has the table. */
#define THRESHOLD 0.40F

enum err_code answer_prepare(struct answer *a, struct err *e)
{
    struct err why = {0};
    enum err_code code;

    assert(a->in.n_sources <= ANSWER_MAX_SOURCES);
    a->n_sources = a->in.n_sources;
    if (!*a->p->llm.url || a->in.n_sources == 0)
        return ERR_NONE;
    code = llm_prepare(&a->prompt, &a->p->llm, &a->in, a->arena, &why);
    if (code == ERR_INVALID) {
        *e = why;
        return code;
    }
    a->by_model = code == ERR_NONE;
    if (a->by_model)
        a->n_sources = a->prompt.n_sources;
    else
        a->warning = arena_printf(a->arena, "%s", why.msg);
    return ERR_NONE;
}

/* ---- without a model ---- */

static enum err_code embed_sentences(void *ctx, const struct slice *texts,
                                     size_t n, float *out, struct err *e)
{
    return embed_texts(ctx, NULL, texts, n, out, NULL, e);
}

static enum err_code extract(struct answer *a, struct err *e)
{
    const struct extractive_options opt = {.threshold = THRESHOLD};
    struct extractive_source sources[ANSWER_MAX_SOURCES];
    struct extractive_embedder embedder = {.embed = embed_sentences};
    struct extractive out;
    struct embed *m;
    enum err_code code = processor_embed(a->p, &m, e);

    if (code != ERR_NONE)
        return code;
    embedder.ctx = m;
    for (size_t i = 0; i < a->n_sources; i++)
        sources[i] = (struct extractive_source){a->in.sources[i].text,
                                                a->in.sources[i].title};
    code = extractive_answer(&out, a->about, sources, a->n_sources, &opt,
                             &embedder, a->arena, e);
    if (code != ERR_NONE)
        return code;
    a->text = out.answer;
    a->model = SLICE("extractive");
    a->grounded = out.grounded;
    a->whole = true;
    if (a->reader.on_text && !a->reader.on_text(a->reader.ctx, a->text))
        return err_set(e, ERR_CANCELLED, "the reader has gone");
    return ERR_NONE;
}

/* ---- with one ---- */

static void take(struct answer *a, const struct llm_answer *said)
{
    a->text = said->text;
    a->model = said->model;
    a->grounded = said->grounded;
    a->whole = said->finish != CHAT_LENGTH && said->finish != CHAT_FILTERED;
    if (said->finish == CHAT_LENGTH)
        a->warning = arena_printf(a->arena,
                                  "the answer was cut at its limit of %lld "
                                  "tokens",
                                  (long long)a->p->llm.max_tokens);
    else if (said->finish == CHAT_FILTERED)
        a->warning = "the model server held back a part of the answer";
}

enum err_code answer_make(struct answer *a, struct err *e)
{
    struct llm_answer said;
    struct err why = {0};
    enum err_code code;

    if (!a->by_model)
        return extract(a, e);
    code = llm_ask(&a->p->llm, &a->prompt, &a->reader, a->arena, &said, &why);
    if (code == ERR_CANCELLED) {
        *e = why;
        return code;
    }
    if (code == ERR_NONE) {
        take(a, &said);
        return ERR_NONE;
    }
    log_warn("processor", "no answer from the language model",
             LOG_S("error", why.msg));
    if (a->reader.on_text && said.text.len > 0) {
        take(a, &said);
        a->whole = false;
        a->warning =
            arena_printf(a->arena, "the answer is not whole: %s", why.msg);
        return ERR_NONE;
    }
    a->warning = arena_printf(a->arena, "no answer from the language model: %s",
                              why.msg);
    return extract(a, e);
}
