/* llm_answer.c - see llm_answer.h.
 *
 * What the model says passes two filters before anybody sees it: control
 * characters go (they would steer a terminal, and inside "[\x01 9]" they would
 * hide a citation from the second filter), then citations that are not true.
 */
#include "processor/llm_answer.h"

#include "base/crypto.h"
#include "base/utf8.h"
#include "processor/citations.h"

/* What is assumed of a server that does not say: the smallest window that one
 * has out of the box. */
#define CONTEXT_UNKNOWN 4096
/* A model on a slow processor, at a few tokens a second. */
#define TOTAL_MS 600000
#define FENCE_BYTES 12

/* ---- the question ---- */

enum err_code llm_prepare(struct prompt *out, const struct llm_options *opt,
                          const struct prompt_input *in, struct arena *a,
                          struct err *e)
{
    int64_t context = opt->context ? opt->context : CONTEXT_UNKNOWN;
    uint8_t random[FENCE_BYTES];
    char fence[2 * FENCE_BYTES + 1];
    struct prompt_input whole = *in;
    enum err_code code;

    whole.fence = fence;
    whole.max_tokens = context > 2 * opt->max_tokens
                           ? (size_t)(context - opt->max_tokens)
                           : (size_t)context / 2;
    crypto_random(random, sizeof(random));
    crypto_hex(fence, random, sizeof(random));
    code = prompt_build(out, &whole, a, e);
    if (code == ERR_NONE && out->n_sources == 0)
        code = err_set(e, ERR_UNPROCESSABLE,
                       "the model's context of %lld tokens has no room for a "
                       "source",
                       (long long)context);
    return code;
}

/* ---- the answer ---- */

struct telling {
    const struct llm_reader *reader;
    struct citations filter;
    struct buf clean; /* one piece, without control characters */
    struct buf text;  /* what may be shown */
    size_t shown;     /* bytes of it that were */
    bool full;
};

static struct slice clean(struct telling *t, struct slice piece)
{
    char bytes[4];
    uint32_t c;

    buf_clear(&t->clean);
    for (size_t pos = 0; pos < piece.len;) {
        c = utf8_next(piece, &pos);
        if (t->text.len == 0 && t->clean.len == 0 &&
            (c == ' ' || c == '\n' || c == '\t'))
            continue; /* many models begin with a space */
        if (!utf8_steers(c))
            buf_add(&t->clean, bytes, utf8_put(bytes, c));
    }
    return buf_slice(&t->clean);
}

static bool show(struct telling *t)
{
    struct slice fresh = slice_sub(buf_slice(&t->text), t->shown, t->text.len);

    t->full = !buf_ok(&t->text) || !buf_ok(&t->clean);
    t->shown = t->text.len;
    if (t->full)
        return false;
    return fresh.len == 0 || !t->reader->on_text ||
           t->reader->on_text(t->reader->ctx, fresh);
}

static bool on_text(void *ctx, struct slice piece)
{
    struct telling *t = ctx;

    citations_feed(&t->filter, clean(t, piece), &t->text);
    return show(t);
}

static bool gone(void *ctx)
{
    const struct llm_reader *r = ((struct telling *)ctx)->reader;

    return r->gone(r->ctx);
}

static enum err_code finish(struct telling *t, enum err_code code,
                            const char *model, struct arena *a,
                            struct llm_answer *out, struct err *e)
{
    citations_end(&t->filter, &t->text);
    if (!show(t) && code == ERR_NONE)
        code = err_set(e, ERR_CANCELLED, "the reader has gone");
    if (t->full)
        code = err_set(e, ERR_TOO_LARGE, "the model's answer is too long");
    out->text = arena_slice(a, buf_slice(&t->text));
    out->model = arena_slice(a, slice_of(model));
    out->grounded = citations_count(&t->filter) > 0 &&
                    !slice_starts(out->text, PROMPT_NO_EVIDENCE);
    return code;
}

enum err_code llm_ask(const struct llm_options *opt,
                      const struct prompt *prompt, const struct llm_reader *r,
                      struct arena *a, struct llm_answer *out, struct err *e)
{
    struct telling t = {.reader = r};
    struct chat_server server = {.http = http_client_new("sheaf"),
                                 .url = opt->url,
                                 .api_key = opt->key,
                                 .timeout_ms = TOTAL_MS,
                                 .silence_timeout_ms = opt->timeout_ms,
                                 .cancelled = gone,
                                 .on_text = on_text,
                                 .ctx = &t};
    struct chat_request ask = {.model = opt->model,
                               .messages = prompt->messages,
                               .n_messages = prompt->n,
                               .max_tokens = opt->max_tokens,
                               .temperature = 0};
    struct chat_result result = {.model = ""};
    enum err_code code;

    *out = (struct llm_answer){.text = SLICE_NONE};
    if (!server.http)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    buf_init(&t.clean, CHAT_MAX_ANSWER + 1);
    buf_init(&t.text, 2 * CHAT_MAX_ANSWER);
    citations_init(&t.filter, prompt->n_sources);
    code = chat_ask(&server, &ask, &result, e);
    code =
        finish(&t, code, *result.model ? result.model : opt->model, a, out, e);
    out->finish = result.finish;
    buf_release(&t.clean);
    buf_release(&t.text);
    http_client_free(server.http);
    return code;
}
