/* chunk_vectors.c - see chunk_vectors.h. */
#include "processor/chunk_vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define MAX_PARTS_BYTES ((size_t)64 << 20)

struct part {
    struct slice text;
    size_t of; /* which text */
    double weight;
};

/* Where to halve: behind the space nearest to the middle, else on the code
 * point there.  0 < place < len for a text of more than one code point. */
static size_t middle_of(struct slice text)
{
    size_t half = text.len / 2;

    for (size_t d = 0; d < half; d++) {
        if (text.p[half - d - 1] == ' ' && half - d < text.len)
            return half - d;
        if (text.p[half + d] == ' ' && half + d + 1 < text.len)
            return half + d + 1;
    }
    while (half > 0 && ((unsigned char)text.p[half] & 0xC0) == 0x80)
        half--;
    return half;
}

/* Depth is the logarithm of the length.  Returns the tokens of the text. */
static size_t add_parts(struct buf *parts, struct embed *m, struct slice text,
                        size_t of)
{
    size_t tokens = embed_count_tokens(m, text);
    size_t at = tokens > CHUNK_PART_TOKENS ? middle_of(text) : 0;
    struct part p = {text, of, tokens ? (double)tokens : 1};

    if (at == 0) { /* it fits, or is one code point */
        buf_add(parts, &p, sizeof(p));
    } else {
        add_parts(parts, m, slice_sub(text, 0, at), of);
        add_parts(parts, m, slice_sub(text, at, text.len), of);
    }
    return tokens;
}

/* Add the parts' vectors up into those of their texts, at length 1. */
static void join(const struct part *parts, size_t n, const float *vectors,
                 float *out, size_t n_texts)
{
    memset(out, 0, n_texts * EMBED_DIM * sizeof(*out));
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < EMBED_DIM; d++)
            out[parts[i].of * EMBED_DIM + d] +=
                (float)parts[i].weight * vectors[i * EMBED_DIM + d];
    for (size_t t = 0; t < n_texts; t++) {
        float *v = out + t * EMBED_DIM;
        double sum = 0;

        for (size_t d = 0; d < EMBED_DIM; d++)
            sum += (double)v[d] * v[d];
        for (size_t d = 0; d < EMBED_DIM && sum > 0; d++)
            v[d] = (float)(v[d] / sqrt(sum));
    }
}

static enum err_code embed_parts(struct embed *m, const struct embed_how *how,
                                 const struct part *parts, size_t n, float *out,
                                 size_t n_texts, struct err *e)
{
    struct slice *texts = calloc(n, sizeof(*texts));
    float *vectors = calloc(n, EMBED_DIM * sizeof(*vectors));
    enum err_code code = ERR_NONE;

    if (!texts || !vectors)
        code = err_set(e, ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < n && code == ERR_NONE; i++)
        texts[i] = parts[i].text;
    if (code == ERR_NONE)
        code = embed_texts(m, how, texts, n, vectors, NULL, e);
    if (code == ERR_NONE)
        join(parts, n, vectors, out, n_texts);
    free(vectors);
    free(texts);
    return code;
}

enum err_code chunk_vectors(struct embed *m, const struct embed_how *how,
                            const struct slice *texts, size_t n, float *out,
                            int64_t *tokens, struct err *e)
{
    struct buf parts;
    enum err_code code;

    if (n == 0)
        return ERR_NONE;
    buf_init(&parts, MAX_PARTS_BYTES);
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int64_t)add_parts(&parts, m, texts[i], i);
    code = buf_ok(&parts)
               ? embed_parts(m, how, (const struct part *)(void *)parts.p,
                             parts.len / sizeof(struct part), out, n, e)
               : err_set(e, ERR_TOO_LARGE, "too much text in one call");
    buf_release(&parts);
    return code;
}
