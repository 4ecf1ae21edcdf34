/* openai_input.c - see openai_input.h. */
#include "processor/openai_input.h"

/* Ids beyond what the model sees are checked, but not kept. */
#define KEPT_TOKENS EMBED_MAX_TOKENS

static enum err_code too_large(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the request is too large");
}

static enum err_code read_text(const json_t *v, struct slice *out, size_t i,
                               struct err *e)
{
    if (!json_is_string(v))
        return err_field(e, "input",
                         "\"input\" must hold texts only, or token lists only; "
                         "item %zu is something else",
                         i);
    *out = (struct slice){json_string_value(v), json_string_length(v)};
    if (out->len == 0)
        return err_field(e, "input",
                         "\"input\" must not hold an empty text; item %zu is "
                         "one",
                         i);
    return ERR_NONE;
}

static enum err_code read_ids(const json_t *v, struct embed_ids *out, size_t i,
                              struct arena *a, struct err *e)
{
    size_t n = json_array_size(v), kept = n < KEPT_TOKENS ? n : KEPT_TOKENS, k;
    uint16_t *ids;

    if (!json_is_array(v) || n == 0)
        return err_field(e, "input",
                         "\"input\" must hold texts only, or token lists only, "
                         "none empty; item %zu is something else",
                         i);
    ids = arena_alloc(a, kept * sizeof(*ids));
    if (!ids)
        return too_large(e);
    for (k = 0; k < n; k++) {
        const json_t *id = json_array_get(v, k);

        if (!json_is_integer(id))
            return err_field(e, "input",
                             "token %zu of item %zu is not a whole number", k,
                             i);
        if (json_integer_value(id) < 0 || json_integer_value(id) >= EMBED_VOCAB)
            return err_field(e, "input",
                             "token %zu of item %zu is outside the vocabulary "
                             "of %s (0 to %d); tokens of another model mean "
                             "nothing here: send text",
                             k, i, EMBED_MODEL, EMBED_VOCAB - 1);
        if (k < kept)
            ids[k] = (uint16_t)json_integer_value(id);
    }
    *out = (struct embed_ids){.ids = ids, .n = kept};
    return ERR_NONE;
}

static enum err_code read_texts(struct openai_input *out, const json_t *input,
                                struct arena *a, struct err *e)
{
    struct slice *texts = arena_calloc(a, out->n, sizeof(*texts));
    bool one = json_is_string(input);
    enum err_code rc = texts ? ERR_NONE : too_large(e);
    size_t i;

    for (i = 0; i < out->n && rc == ERR_NONE; i++)
        rc = read_text(one ? input : json_array_get(input, i), &texts[i], i, e);
    out->texts = texts;
    return rc;
}

static enum err_code read_lists(struct openai_input *out, const json_t *input,
                                bool one, struct arena *a, struct err *e)
{
    struct embed_ids *lists = arena_calloc(a, out->n, sizeof(*lists));
    enum err_code rc = lists ? ERR_NONE : too_large(e);
    size_t i;

    for (i = 0; i < out->n && rc == ERR_NONE; i++)
        rc = read_ids(one ? input : json_array_get(input, i), &lists[i], i, a,
                      e);
    out->lists = lists;
    return rc;
}

enum err_code openai_input_read(struct openai_input *out, const json_t *input,
                                struct arena *a, struct err *e)
{
    const json_t *first = json_array_get(input, 0);

    *out = (struct openai_input){.n = 1};
    if (json_is_string(input))
        return read_texts(out, input, a, e);
    if (!json_is_array(input))
        return err_field(e, "input",
                         "\"input\" must be a text, a list of texts, a list of "
                         "tokens, or a list of such lists");
    if (!first)
        return err_field(e, "input", "\"input\" must not be empty");
    if (json_is_integer(first))
        return read_lists(out, input, true, a, e);
    out->n = json_array_size(input);
    if (out->n > OPENAI_MAX_INPUTS)
        return err_field(e, "input",
                         "\"input\" must have at most %d items; it has %zu",
                         OPENAI_MAX_INPUTS, out->n);
    return json_is_array(first) ? read_lists(out, input, false, a, e)
                                : read_texts(out, input, a, e);
}
