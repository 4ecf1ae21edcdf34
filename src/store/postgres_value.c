/* postgres_value.c - see postgres_value.h. */
#include "store/postgres_value.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* ---- arguments ---- */

/* Stands for "in scratch", so that a struct pg_args can be copied. */
static const char in_scratch[1];

static void next_arg(struct pg_args *a, unsigned type, const void *value,
                     size_t len, int format)
{
    assert(a->n < PG_MAX_ARGS && len <= PG_MAX_ARRAY);
    a->types[a->n] = type;
    a->values[a->n] = value;
    a->lengths[a->n] = (int)len;
    a->formats[a->n] = format;
    a->n++;
}

static void scratch_arg(struct pg_args *a, enum pg_type type, const void *value,
                        size_t len)
{
    assert(a->n < PG_MAX_ARGS);
    memcpy(a->scratch[a->n], value, len);
    next_arg(a, type, in_scratch, len, 1);
}

void pg_arg_i64(struct pg_args *a, int64_t v)
{
    uint64_t be = htobe64((uint64_t)v);

    scratch_arg(a, PG_INT8, &be, 8);
}

void pg_arg_f64(struct pg_args *a, double v)
{
    uint64_t be;

    memcpy(&be, &v, 8);
    be = htobe64(be);
    scratch_arg(a, PG_FLOAT8, &be, 8);
}

void pg_arg_bool(struct pg_args *a, bool v)
{
    scratch_arg(a, PG_BOOL, &(char){v}, 1);
}

void pg_arg_text(struct pg_args *a, struct slice v)
{
    next_arg(a, PG_TEXT, v.p ? v.p : "", v.len, 1);
}

void pg_arg_text_or_null(struct pg_args *a, struct slice v)
{
    next_arg(a, PG_TEXT, v.p, v.len, 1);
}

void pg_arg_bytes(struct pg_args *a, const void *p, size_t n)
{
    pg_arg_binary(a, PG_BYTEA, p, n);
}

void pg_arg_tsquery(struct pg_args *a, struct slice v)
{
    assert(v.p && v.p[v.len] == 0); /* the text format ends with NUL */
    next_arg(a, PG_TSQUERY, v.p, v.len, 0);
}

void pg_arg_binary(struct pg_args *a, unsigned type, const void *p, size_t n)
{
    next_arg(a, type, p, n, 1);
}

void pg_arg_array(struct pg_args *a, unsigned array_type, const struct buf *b)
{
    next_arg(a, array_type, buf_ok(b) ? b->p : NULL, b->len, 1);
}

const char *pg_arg_value(const struct pg_args *a, int i)
{
    return a->values[i] == in_scratch ? a->scratch[i] : a->values[i];
}

bool pg_args_failed(const struct pg_args *a)
{
    for (int i = 0; i < a->n; i++)
        if (!a->values[i] && a->types[i] != PG_TEXT)
            return true;
    return false;
}

void pg_put_u16(struct buf *b, uint16_t v)
{
    v = htobe16(v);
    buf_add(b, &v, 2);
}

void pg_put_u32(struct buf *b, uint32_t v)
{
    v = htobe32(v);
    buf_add(b, &v, 4);
}

void pg_patch_u32(struct buf *b, size_t at, uint32_t v)
{
    if (b->failed)
        return;
    v = htobe32(v);
    memcpy(b->p + at, &v, 4);
}

/* An array: dimensions, has-nulls, element type, length, lower bound; then
 * each element's length and bytes (array_recv). */
#define ARRAY_HAS_NULLS_AT 4
#define ARRAY_LENGTH_AT 12

void pg_array_init(struct buf *b, unsigned element_type)
{
    buf_init(b, PG_MAX_ARRAY);
    pg_put_u32(b, 1);
    pg_put_u32(b, 0);
    pg_put_u32(b, element_type);
    pg_put_u32(b, 0);
    pg_put_u32(b, 1);
}

size_t pg_array_open(struct buf *b)
{
    uint32_t n;

    if (!b->failed) {
        memcpy(&n, b->p + ARRAY_LENGTH_AT, 4);
        pg_patch_u32(b, ARRAY_LENGTH_AT, be32toh(n) + 1);
    }
    pg_put_u32(b, 0);
    return b->len;
}

void pg_array_close(struct buf *b, size_t opened)
{
    if (!b->failed)
        pg_patch_u32(b, opened - 4, (uint32_t)(b->len - opened));
}

void pg_array_bytes(struct buf *b, const void *p, size_t n)
{
    size_t at = pg_array_open(b);

    buf_add(b, p, n);
    pg_array_close(b, at);
}

void pg_array_i64(struct buf *b, int64_t v)
{
    uint64_t be = htobe64((uint64_t)v);

    pg_array_bytes(b, &be, 8);
}

void pg_array_f64(struct buf *b, double v)
{
    uint64_t be;

    memcpy(&be, &v, 8);
    be = htobe64(be);
    pg_array_bytes(b, &be, 8);
}

void pg_array_bool(struct buf *b, bool v)
{
    char byte = v;

    pg_array_bytes(b, &byte, 1);
}

void pg_array_text(struct buf *b, struct slice v)
{
    pg_array_bytes(b, v.p, v.len);
}

void pg_array_text_or_null(struct buf *b, struct slice v)
{
    if (v.p) {
        pg_array_text(b, v);
    } else {
        size_t at = pg_array_open(b);

        pg_patch_u32(b, at - 4, UINT32_MAX);
        pg_patch_u32(b, ARRAY_HAS_NULLS_AT, 1);
    }
}

/* ---- results ---- */

int64_t pg_i64(const PGresult *r, int row, int col)
{
    const char *p = postgres_lib.PQgetvalue(r, row, col);
    uint64_t v8;
    uint32_t v4;
    uint16_t v2;

    switch (postgres_lib.PQgetlength(r, row, col)) {
    case 8:
        memcpy(&v8, p, 8);
        return (int64_t)be64toh(v8);
    case 4:
        memcpy(&v4, p, 4);
        return (int32_t)be32toh(v4);
    case 2:
        memcpy(&v2, p, 2);
        return (int16_t)be16toh(v2);
    default:
        return 0; /* NULL */
    }
}

double pg_f64(const PGresult *r, int row, int col)
{
    uint64_t v = (uint64_t)pg_i64(r, row, col);
    double d;

    memcpy(&d, &v, 8);
    return d;
}

bool pg_bool(const PGresult *r, int row, int col)
{
    return postgres_lib.PQgetlength(r, row, col) == 1 &&
           *postgres_lib.PQgetvalue(r, row, col);
}

struct slice pg_slice(const PGresult *r, int row, int col)
{
    return (struct slice){postgres_lib.PQgetvalue(r, row, col),
                          (size_t)postgres_lib.PQgetlength(r, row, col)};
}

int64_t pg_row_i64(struct pg_row *w)
{
    return pg_i64(w->r, w->row, w->col++);
}

double pg_row_f64(struct pg_row *w)
{
    return pg_f64(w->r, w->row, w->col++);
}

bool pg_row_bool(struct pg_row *w)
{
    return pg_bool(w->r, w->row, w->col++);
}

struct slice pg_row_text(struct pg_row *w)
{
    struct slice s = pg_slice(w->r, w->row, w->col++);

    if (!w->a)
        return s;
    s = arena_slice(w->a, s);
    w->full |= !s.p;
    return s;
}

struct slice pg_row_text_or_none(struct pg_row *w)
{
    if (!postgres_lib.PQgetisnull(w->r, w->row, w->col))
        return pg_row_text(w);
    w->col++;
    return SLICE_NONE;
}

enum err_code pg_row_end(const struct pg_row *w, struct err *e)
{
    return w->full ? err_set(e, ERR_TOO_LARGE, "the answer is too large")
                   : ERR_NONE;
}

int64_t pg_changed(PGresult *r)
{
    int64_t n = 0;

    return slice_to_i64(slice_of(postgres_lib.PQcmdTuples(r)), &n) ? n : 0;
}
