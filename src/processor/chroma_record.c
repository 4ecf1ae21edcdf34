/* chroma_record.c - see chroma_record.h. */
#include "processor/chroma_record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CHUNK "_chunk_"
#define PAPER "paper_"
#define ROUNDING 1e-6

/* ---- ids ---- */

bool chroma_name_write(char out[CHROMA_NAME], enum vector_set set,
                       struct copy_name name)
{
    int n =
        set == VECTORS_PAPERS
            ? snprintf(out, CHROMA_NAME, PAPER "%lld", (long long)name.number)
            : snprintf(out, CHROMA_NAME, "%.*s" CHUNK "%lld",
                       SLICE_ARG(name.document), (long long)name.number);

    return n > 0 && n < CHROMA_NAME;
}

/* A number as we write it: no sign, no zero in front. */
static bool take_number(struct slice s, int64_t *out)
{
    return s.len > 0 && s.p[0] >= '0' && s.p[0] <= '9' &&
           (s.len == 1 || s.p[0] != '0') && slice_to_i64(s, out);
}

bool chroma_name_read(struct copy_name *out, enum vector_set set,
                      struct slice text)
{
    size_t at = text.len;

    *out = (struct copy_name){.document = SLICE_NONE};
    if (set == VECTORS_PAPERS)
        return slice_starts(text, PAPER) &&
               take_number(slice_sub(text, strlen(PAPER), text.len),
                           &out->number);
    while (at > 0 && text.p[at - 1] != '_')
        at--;
    if (!take_number(slice_sub(text, at, text.len), &out->number))
        return false;
    out->document = slice_sub(text, 0, at);
    if (!slice_ends(out->document, CHUNK))
        return false;
    out->document.len -= strlen(CHUNK);
    return out->document.len > 0;
}

/* n <= STORE_MAX_BATCH */
static enum err_code find_batch(struct store *s, enum vector_set set,
                                const struct slice *names, size_t n,
                                int64_t *ids, struct err *e)
{
    struct copy_name parsed[STORE_MAX_BATCH] = {{.number = 0}};
    size_t at[STORE_MAX_BATCH], m = 0;
    int64_t found[STORE_MAX_BATCH];
    enum err_code code;

    for (size_t i = 0; i < n; i++) {
        ids[i] = 0;
        if (chroma_name_read(&parsed[m], set, names[i]))
            at[m++] = i;
    }
    code = store_copy_find(s, set, parsed, m, found, e);
    for (size_t i = 0; i < m && code == ERR_NONE; i++)
        ids[at[i]] = found[i];
    return code;
}

enum err_code chroma_names_find(struct store *s, enum vector_set set,
                                const struct slice *names, size_t n,
                                int64_t *ids, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < n && code == ERR_NONE; i += STORE_MAX_BATCH)
        code = find_batch(s, set, names + i,
                          n - i < STORE_MAX_BATCH ? n - i : STORE_MAX_BATCH,
                          ids + i, e);
    return code;
}

/* ---- metadata ---- */

static bool is_scalar(const json_t *v)
{
    return json_is_string(v) || json_is_number(v) || json_is_boolean(v);
}

/* Whole numbers and others are two kinds, true and false are one. */
static int kind_of(const json_t *v)
{
    return json_is_boolean(v) ? JSON_TRUE : (int)json_typeof(v);
}

static bool is_list(const json_t *v)
{
    size_t n = json_array_size(v);

    for (size_t i = 0; i < n; i++)
        if (!is_scalar(json_array_get(v, i)) ||
            kind_of(json_array_get(v, i)) != kind_of(json_array_get(v, 0)))
            return false;
    return n > 0;
}

json_t *chroma_metadata(const json_t *o)
{
    json_t *out = json_object(), *v;
    const char *key;

    if (!out)
        return NULL;
    json_object_foreach((json_t *)o, key,
                        v) if (key[0] && key[0] != '#' &&
                               (is_scalar(v) || is_list(v)) &&
                               json_object_set(out, key, v) != 0)
    {
        json_decref(out);
        return NULL;
    }
    return out;
}

/* ---- comparing ---- */

static bool same_vector(const json_t *embedding, const float *vector)
{
    if (json_array_size(embedding) != STORE_VECTOR_DIM)
        return false;
    for (size_t i = 0; i < STORE_VECTOR_DIM; i++)
        if (fabs(json_number_value(json_array_get(embedding, i)) -
                 (double)vector[i]) > ROUNDING)
            return false;
    return true;
}

bool chroma_record_same(const json_t *embedding, const json_t *document,
                        const json_t *metadata, const float *vector,
                        struct slice text, const json_t *wanted)
{
    return json_is_string(document) &&
           slice_eq((struct slice){json_string_value(document),
                                   json_string_length(document)},
                    text) &&
           json_equal(metadata, wanted) && same_vector(embedding, vector);
}
