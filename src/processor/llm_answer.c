/* llm_answer.c - see llm_answer.h. */
#include "processor/llm_answer.h"

#include "base/crypto.h"
#include "processor/chat_client.h"
#include "processor/citations.h"

/* What is assumed of a server that does not say: the smallest window that one
 * has out of the box. */
#define CONTEXT_UNKNOWN 4096
#define ANSWER_TOKENS 600
#define TIMEOUT_MS 120000
#define FENCE_BYTES 12

static enum err_code build(const struct llm_options *opt, struct slice question,
                           const struct prompt_source *sources, size_t n,
                           struct arena *a, struct prompt *out, struct err *e)
{
    int64_t context = opt->context ? opt->context : CONTEXT_UNKNOWN;
    uint8_t random[FENCE_BYTES];
    char fence[2 * FENCE_BYTES + 1];
    struct prompt_input in = {.question = question,
                              .sources = sources,
                              .n_sources = n,
                              .fence = fence};

    in.max_tokens = context > 2 * ANSWER_TOKENS
                        ? (size_t)(context - ANSWER_TOKENS)
                        : (size_t)context / 2;
    crypto_random(random, sizeof(random));
    crypto_hex(fence, random, sizeof(random));
    return prompt_build(out, &in, a, e);
}

/* The text without invented citations. */
static enum err_code check(struct slice said, size_t n_sources, struct arena *a,
                           struct llm_answer *out, struct err *e)
{
    struct citations c;
    struct buf text;

    buf_init(&text, CHAT_MAX_ANSWER * 2);
    citations_init(&c, n_sources);
    citations_feed(&c, said, &text);
    citations_end(&c, &text);
    out->text = buf_ok(&text) ? arena_slice(a, buf_slice(&text)) : SLICE_NONE;
    buf_release(&text);
    if (!out->text.p)
        return err_set(e, ERR_TOO_LARGE, "the model's answer is too long");
    out->grounded = citations_count(&c) > 0 &&
                    !slice_starts(slice_trim(out->text), PROMPT_NO_EVIDENCE);
    return ERR_NONE;
}

enum err_code llm_ask(const struct llm_options *opt, struct slice question,
                      const struct prompt_source *sources, size_t n,
                      bool (*gone)(void *ctx), void *ctx, struct arena *a,
                      struct llm_answer *out, struct err *e)
{
    struct chat_server server = {.url = opt->url,
                                 .api_key = opt->key,
                                 .timeout_ms = TIMEOUT_MS,
                                 .cancelled = gone,
                                 .ctx = ctx};
    struct chat_request ask = {
        .model = opt->model, .max_tokens = ANSWER_TOKENS, .temperature = 0};
    struct chat_result result;
    struct prompt prompt;
    struct buf said;
    enum err_code code = build(opt, question, sources, n, a, &prompt, e);

    if (code != ERR_NONE)
        return code;
    ask.messages = prompt.messages;
    ask.n_messages = prompt.n;
    buf_init(&said, CHAT_MAX_ANSWER + 1);
    server.http = http_client_new("sheaf");
    code = chat_ask(&server, &ask, &said, &result, e);
    http_client_free(server.http);
    if (code == ERR_NONE)
        code = check(buf_slice(&said), prompt.n_sources, a, out, e);
    buf_release(&said);
    if (code == ERR_NONE)
        out->model =
            arena_slice(a, slice_of(*result.model ? result.model : opt->model));
    return code;
}
