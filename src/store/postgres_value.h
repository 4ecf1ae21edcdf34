/* postgres_value.h - values to and from PostgreSQL's binary formats.
 *
 * Threads: no shared state.
 */
#ifndef STORE_POSTGRES_VALUE_H
#define STORE_POSTGRES_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "store/postgres_lib.h"

/* ---- arguments ---- */

#define PG_MAX_ARGS 40
/* Types as in pg_type.dat; where a type is asked for, that of an extension will
 * do too. */
enum pg_type {
    PG_BOOL = 16,
    PG_BYTEA = 17,
    PG_INT8 = 20,
    PG_TEXT = 25,
    PG_FLOAT8 = 701,
    PG_BOOL_ARRAY = 1000,
    PG_BYTEA_ARRAY = 1001,
    PG_INT8_ARRAY = 1016,
    PG_TEXT_ARRAY = 1009,
    PG_FLOAT8_ARRAY = 1022,
    PG_TSVECTOR = 3614,
    PG_TSQUERY = 3615,
    PG_TSVECTOR_ARRAY = 3643
};

/* Filled in the order $1, $2...; start with = {0}.  Texts and bytes are
 * borrowed until the statement is queued.  May be copied. */
struct pg_args {
    int n;
    unsigned types[PG_MAX_ARGS];
    const char *values[PG_MAX_ARGS];
    int lengths[PG_MAX_ARGS];
    int formats[PG_MAX_ARGS];
    char scratch[PG_MAX_ARGS][8];
};
void pg_arg_i64(struct pg_args *a, int64_t v);
void pg_arg_f64(struct pg_args *a, double v);
void pg_arg_bool(struct pg_args *a, bool v);
void pg_arg_text(struct pg_args *a, struct slice v); /* p == NULL: '' */
void pg_arg_text_or_null(struct pg_args *a,
                         struct slice v); /* p == NULL: NULL */
void pg_arg_bytes(struct pg_args *a, const void *p, size_t n);
/* A tsquery in its text form. */
void pg_arg_tsquery(struct pg_args *a, struct slice v);
/* A value of any type in its binary form. */
void pg_arg_binary(struct pg_args *a, unsigned type, const void *p, size_t n);
void pg_arg_array(struct pg_args *a, unsigned array_type, const struct buf *b);
/* What libpq is to be given as value i: NULL is SQL's NULL. */
const char *pg_arg_value(const struct pg_args *a, int i);
/* Is there an array that did not fit? */
bool pg_args_failed(const struct pg_args *a);

/* An array argument, written into *b element by element.  At most
 * PG_MAX_ARRAY bytes: more is ERR_TOO_LARGE when the statement is queued. */
#define PG_MAX_ARRAY ((size_t)256 << 20)
void pg_array_init(struct buf *b, unsigned element_type);
void pg_array_i64(struct buf *b, int64_t v);
void pg_array_f64(struct buf *b, double v);
void pg_array_bool(struct buf *b, bool v);
void pg_array_text(struct buf *b, struct slice v);
void pg_array_text_or_null(struct buf *b, struct slice v); /* p == NULL: NULL */
void pg_array_bytes(struct buf *b, const void *p, size_t n);
/* An element in parts: its bytes are appended to b between the two. */
size_t pg_array_open(struct buf *b);
void pg_array_close(struct buf *b, size_t opened);

void pg_put_u16(struct buf *b, uint16_t v); /* network order */
void pg_put_u32(struct buf *b, uint32_t v);
/* Write over the four bytes at `at`. */
void pg_patch_u32(struct buf *b, size_t at, uint32_t v);

/* ---- results: integers of any width, NULL reads as 0, false or empty ---- */

int64_t pg_i64(const PGresult *r, int row, int col);
double pg_f64(const PGresult *r, int row, int col);
bool pg_bool(const PGresult *r, int row, int col);
struct slice pg_slice(const PGresult *r, int row,
                      int col); /* borrowed from r */

/* Reads a row column by column, texts into the arena; without one (a == NULL)
 * they are borrowed from r.  Afterwards `full` tells that there was no room. */
struct pg_row {
    const PGresult *r;
    struct arena *a; /* or NULL */
    int row, col;
    bool full;
};
int64_t pg_row_i64(struct pg_row *w);
double pg_row_f64(struct pg_row *w);
bool pg_row_bool(struct pg_row *w);
struct slice pg_row_text(struct pg_row *w);
/* NULL is none, p == NULL. */
struct slice pg_row_text_or_none(struct pg_row *w);
enum err_code pg_row_end(const struct pg_row *w, struct err *e) CHECKED;
/* How many rows a statement changed. */
int64_t pg_changed(PGresult *r);

#endif
