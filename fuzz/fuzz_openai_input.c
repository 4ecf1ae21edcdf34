/* fuzz_openai_input.c - the `input` of /v1/embeddings, as any JSON.
 *
 * What is accepted must be within every stated limit and be the JSON's. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "processor/openai_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct openai_input *in)
{
    size_t i, k;

    assert(in->n >= 1 && in->n <= OPENAI_MAX_INPUTS);
    assert((in->texts == NULL) != (in->lists == NULL));
    for (i = 0; i < in->n; i++) {
        if (in->texts) {
            assert(in->texts[i].len > 0 && in->texts[i].p);
            continue;
        }
        assert(in->lists[i].n >= 1 && in->lists[i].n <= EMBED_MAX_TOKENS);
        for (k = 0; k < in->lists[i].n; k++)
            assert(in->lists[i].ids[k] < EMBED_VOCAB);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct arena *a = arena_new(1 << 20);
    struct openai_input in;
    struct err e = {0};
    json_t *v = NULL;

    if (a && json_parse(&v, text, &e) == ERR_NONE) {
        if (openai_input_read(&in, v, a, &e) == ERR_NONE)
            check(&in);
        else
            assert(e.code == ERR_TOO_LARGE ||
                   (e.code == ERR_INVALID && e.msg[0] && e.field[0]));
    }
    json_decref(v);
    arena_free(a);
    return 0;
}
