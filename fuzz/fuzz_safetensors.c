/* fuzz_safetensors.c - whatever the file says, tensors lie inside it, apart
 * from each other, and every byte of them can be read. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "embed/pack.h"
#include "embed/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void read_all(const struct safetensors *st, size_t size)
{
    size_t n = safetensors_count(st), total = 0;
    const char *end = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct tensor *t = safetensors_at(st, i);
        size_t count = 1;

        assert((const char *)t->data >= end || !end);
        assert(safetensors_find(st, t->name));
        for (size_t k = 0; k < t->n_dims; k++)
            count *= t->shape[k];
        assert(count == t->count && count <= size);
        /* a byte an element at least */
        for (size_t k = 0; k < count; k++)
            sink ^= ((const uint8_t *)t->data)[k];
        end = (const char *)t->data + count;
        total += count;
    }
    assert(total <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* aligned and exactly as long, as a mapped file is to its checker */
    char *copy = malloc(size ? size : 1);
    struct slice file = {copy, size};
    struct weights w = {.precision = EMBED_INT8, .n_vocab = 1, .n_layers = 0};
    struct safetensors *st;
    struct err e = {0};

    if (!copy)
        return 0;
    memcpy(copy, data, size);
    if (safetensors_open(&st, file, &e) == ERR_NONE) {
        char *memory = malloc(weights_lay(&w, NULL));

        read_all(st, size);
        safetensors_close(st);
        if (memory) {
            weights_lay(&w, memory);
            /* too short to be the model: always refused */
            if (size < (size_t)512 * EMBED_DIM * sizeof(float))
                assert(weights_fill(&w, file, &e) == ERR_INVALID);
        }
        free(memory);
    } else {
        assert(e.code == ERR_INVALID && e.msg[0]);
    }
    free(copy);
    return 0;
}
