/* safetensors.c - see safetensors.h.
 *
 * The JSON goes through base/json, which bounds its depth and refuses duplicate
 * keys.  Then each tensor is checked alone (type, shape, size), and all
 * together: sorted by offset, each begins where the one before ended.
 */
#include "embed/safetensors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "weights are used as they lie in the file");

struct safetensors {
    json_t *header; /* owns the names */
    size_t n;
    struct tensor tensors[];
};

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
    {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
    {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8},
};

static size_t dtype_bytes(const char *name)
{
    for (size_t i = 0; i < sizeof(dtypes) / sizeof(*dtypes); i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return dtypes[i].bytes;
    return 0;
}

static bool get_size(const json_t *v, size_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = (size_t)json_integer_value(v);
    return true;
}

static enum err_code bad(struct err *e, const struct tensor *t,
                         const char *what)
{
    return err_set(e, ERR_INVALID, "weights: tensor '%.100s' %s", t->name,
                   what);
}

static enum err_code read_shape(struct tensor *t, const json_t *shape,
                                struct err *e)
{
    t->n_dims = json_array_size(shape);
    if (!json_is_array(shape) || t->n_dims > SAFETENSORS_MAX_DIMS)
        return bad(e, t, "has no usable shape");
    t->count = 1;
    for (size_t i = 0; i < t->n_dims; i++)
        if (!get_size(json_array_get(shape, i), &t->shape[i]) ||
            __builtin_mul_overflow(t->count, t->shape[i], &t->count))
            return bad(e, t, "has no usable shape");
    return ERR_NONE;
}

/* `data`: what follows the header. */
static enum err_code read_tensor(struct tensor *t, const char *name,
                                 const json_t *o, struct slice data,
                                 struct err *e)
{
    const json_t *offsets = json_object_get(o, "data_offsets");
    size_t size, bytes, from, to;
    enum err_code rc;

    t->name = name;
    t->dtype = json_string_value(json_object_get(o, "dtype"));
    size = t->dtype ? dtype_bytes(t->dtype) : 0;
    if (size == 0)
        return bad(e, t, "has an unknown type");
    rc = read_shape(t, json_object_get(o, "shape"), e);
    if (rc != ERR_NONE)
        return rc;
    if (json_array_size(offsets) != 2 ||
        !get_size(json_array_get(offsets, 0), &from) ||
        !get_size(json_array_get(offsets, 1), &to) || from > to ||
        to > data.len)
        return bad(e, t, "lies outside the file");
    if (__builtin_mul_overflow(t->count, size, &bytes) || bytes != to - from)
        return bad(e, t, "is not as long as its shape says");
    t->data = data.p + from;
    if ((uintptr_t)t->data % size != 0)
        return bad(e, t, "is not aligned");
    return ERR_NONE;
}

static size_t end_of(const struct tensor *t)
{
    return (uintptr_t)t->data + t->count * dtype_bytes(t->dtype);
}

/* By place; empty ones first where two share it. */
static int compare(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;

    if (x->data != y->data)
        return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    return (end_of(x) > end_of(y)) - (end_of(x) < end_of(y));
}

static enum err_code read_tensors(struct safetensors *st, struct slice data,
                                  struct err *e)
{
    uintptr_t at = (uintptr_t)data.p;
    const char *name;
    json_t *o;

    json_object_foreach(st->header, name, o)
    {
        enum err_code rc;

        if (strcmp(name, "__metadata__") == 0)
            continue;
        rc = read_tensor(&st->tensors[st->n], name, o, data, e);
        if (rc != ERR_NONE)
            return rc;
        st->n++;
    }
    qsort(st->tensors, st->n, sizeof(*st->tensors), compare);
    for (size_t i = 0; i < st->n; i++) {
        if ((uintptr_t)st->tensors[i].data != at)
            return bad(e, &st->tensors[i], "overlaps another or leaves a gap");
        at = end_of(&st->tensors[i]);
    }
    if (at != (uintptr_t)data.p + data.len)
        return err_set(e, ERR_INVALID, "weights: bytes behind the last tensor");
    return ERR_NONE;
}

static enum err_code split(struct slice file, struct slice *header,
                           struct slice *data, struct err *e)
{
    uint64_t n;

    if (file.len < sizeof(n))
        return err_set(e, ERR_INVALID, "weights: the file is too short");
    memcpy(&n, file.p, sizeof(n));
    if (n > SAFETENSORS_MAX_HEADER || n > file.len - sizeof(n))
        return err_set(e, ERR_INVALID,
                       "weights: not a safetensors file, or cut short");
    *header = slice_sub(file, sizeof(n), sizeof(n) + (size_t)n);
    *data = slice_sub(file, sizeof(n) + (size_t)n, file.len);
    return ERR_NONE;
}

enum err_code safetensors_open(struct safetensors **out, struct slice file,
                               struct err *e)
{
    struct safetensors *st = NULL;
    struct slice header, data;
    json_t *root = NULL;
    enum err_code rc = split(file, &header, &data, e);

    if (rc == ERR_NONE)
        rc = json_parse(&root, header, e);
    if (rc != ERR_NONE)
        return rc;
    if (!json_is_object(root) ||
        json_object_size(root) > SAFETENSORS_MAX_TENSORS) {
        json_decref(root);
        return err_set(e, ERR_INVALID, "weights: no table of tensors");
    }
    st = mem_alloc(sizeof(*st) + json_object_size(root) * sizeof(*st->tensors));
    if (!st) {
        json_decref(root);
        return err_set(e, ERR_INTERNAL, "out of memory");
    }
    st->header = root;
    st->n = 0;
    rc = read_tensors(st, data, e);
    if (rc != ERR_NONE) {
        safetensors_close(st);
        return rc;
    }
    *out = st;
    return ERR_NONE;
}

void safetensors_close(struct safetensors *st)
{
    if (!st)
        return;
    json_decref(st->header);
    mem_free(st);
}

size_t safetensors_count(const struct safetensors *st)
{
    return st->n;
}

const struct tensor *safetensors_at(const struct safetensors *st, size_t i)
{
    return &st->tensors[i];
}

const struct tensor *safetensors_find(const struct safetensors *st,
                                      const char *name)
{
    for (size_t i = 0; i < st->n; i++)
        if (strcmp(st->tensors[i].name, name) == 0)
            return &st->tensors[i];
    return NULL;
}
