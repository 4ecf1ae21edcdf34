/* postgres_export.c - all rows, to be carried to another database.
 *
 * One cursor a table, in one transaction that sees one moment.  Rows that may
 * be large are fetched one by one, but many requests at a time, so that only
 * one of them is here at once.  What is to be moved away must not change any
 * more: then all tables are locked against writing first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres_documents.h"
#include "store/transfer_impl.h"

#define FETCH_ROWS 250
#define FETCHES 64 /* on their way, of one row each */

struct postgres_export {
    struct store_export base; /* first */
    struct pg_conn *c;
    float vector[STORE_VECTOR_DIM];
};

/* ---- begin and end ---- */

static enum err_code lock_tables(struct pg_conn *c, struct err *e)
{
    struct buf sql;
    enum err_code code;

    buf_init(&sql, TRANSFER_MAX_SQL);
    buf_add_str(&sql, "LOCK TABLE chunk_vectors");
    for (const struct transfer_table *t = transfer_tables; t->name; t++)
        if (!transfer_is(t, "sequences"))
            buf_printf(&sql, ", %s", t->name);
    buf_add_str(&sql, " IN SHARE MODE");
    code = buf_ok(&sql) ? pg_script(c, sql.p, e)
                        : err_set(e, ERR_INTERNAL, "a statement is too long");
    buf_release(&sql);
    if (code == ERR_UNAVAILABLE)
        err_prefix(e, "somebody writes to the database");
    return code;
}

static enum err_code begin(struct pg_conn *c, bool alone, struct err *e)
{
    enum err_code code =
        pg_script(c,
                  "BEGIN ISOLATION LEVEL REPEATABLE READ;"
                  "SET LOCAL statement_timeout = 0;"
                  "SET LOCAL idle_in_transaction_session_timeout = 0",
                  e);

    return code == ERR_NONE && alone ? lock_tables(c, e) : code;
}

static enum err_code export_begin(struct store *s, bool alone,
                                  struct store_export **out, struct err *e)
{
    struct postgres_export *x = calloc(1, sizeof(*x));
    enum err_code code;

    if (!x)
        return err_set(e, ERR_INTERNAL, "out of memory");
    x->base.s = s;
    code = postgres_take(postgres_of(s), &x->c, e);
    if (code == ERR_NONE) {
        code = begin(x->c, alone, e);
        if (code != ERR_NONE)
            postgres_give(postgres_of(s), x->c);
    }
    if (code == ERR_NONE)
        *out = &x->base;
    else
        free(x);
    return code;
}

static void export_end(struct store_export *base)
{
    struct postgres_export *x = (struct postgres_export *)base;

    postgres_give(postgres_of(base->s), x->c); /* rolls back */
    free(x);
}

static enum err_code ask_number(struct pg_conn *c, const char *sql,
                                int64_t *out, struct err *e)
{
    PGresult *r;
    enum err_code code = postgres_ask(c, &r, sql, NULL, e);

    if (code != ERR_NONE)
        return code;
    *out = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

/* They say so themselves (postgres_conn.c), and our own are not counted. */
static enum err_code export_others(struct store_export *base, int64_t *out,
                                   struct err *e)
{
    struct postgres_export *x = (struct postgres_export *)base;

    return ask_number(x->c,
                      "SELECT count(*) FROM pg_stat_activity a WHERE"
                      " a.datname = current_database()"
                      " AND a.application_name = 'sheaf'"
                      " AND a.pid <> pg_backend_pid()",
                      out, e);
}

/* ---- what to read ---- */

static void select_chunks(struct buf *sql, const struct transfer_table *t)
{
    buf_add_str(sql, "SELECT ");
    for (int i = 0; i < t->n_columns; i++) {
        const char *name = t->columns[i].name;
        bool other = strcmp(name, "model") == 0 || strcmp(name, "vector") == 0;

        buf_printf(sql, "%s%s.%s", i ? ", " : "", other ? "v" : "c", name);
    }
    buf_add_str(sql, " FROM chunks c LEFT JOIN chunk_vectors v ON v.chunk ="
                     " c.id ORDER BY c.id");
}

static void select_sequences(struct buf *sql)
{
    const char *between = "SELECT * FROM (";

    for (const struct transfer_table *t = transfer_tables; t->name; t++)
        if (t->numbers_kept) {
            buf_printf(sql,
                       "%sSELECT '%s' AS name, pg_sequence_last_value("
                       "pg_get_serial_sequence('%s', '%s')::regclass) AS last",
                       between, t->name, t->name, t->columns[0].name);
            between = " UNION ALL ";
        }
    buf_add_str(sql, ") s WHERE last > 0 ORDER BY name");
}

static void write_select(struct buf *sql, const struct transfer_table *t)
{
    if (transfer_is(t, "chunks"))
        select_chunks(sql, t);
    else if (transfer_is(t, "sequences"))
        select_sequences(sql);
    else
        transfer_select(sql, t);
}

static enum err_code export_count(struct store_export *base,
                                  const struct transfer_table *t, int64_t *out,
                                  struct err *e)
{
    struct postgres_export *x = (struct postgres_export *)base;
    struct buf sql;
    enum err_code code;

    buf_init(&sql, TRANSFER_MAX_SQL);
    buf_add_str(&sql, "SELECT count(*) FROM (");
    write_select(&sql, t);
    buf_add_str(&sql, ") x");
    code = buf_ok(&sql) ? ask_number(x->c, sql.p, out, e)
                        : err_set(e, ERR_INTERNAL, "a statement is too long");
    buf_release(&sql);
    return code;
}

/* ---- rows ---- */

struct walk {
    struct postgres_export *x;
    const struct transfer_table *t;
    enum err_code (*each)(void *ctx, const struct transfer_cell *row,
                          struct err *e);
    void *ctx;
    char fetch[100];
};

static enum err_code read_cell(struct walk *w, const PGresult *r, int row,
                               int col, struct transfer_cell *out,
                               struct err *e)
{
    *out = (struct transfer_cell){
        .null = postgres_lib.PQgetisnull(r, row, col) != 0};
    switch (w->t->columns[col].type) {
    case TRANSFER_INT:
        out->i = pg_i64(r, row, col);
        break;
    case TRANSFER_BOOL:
        out->i = pg_bool(r, row, col);
        break;
    case TRANSFER_REAL:
        out->d = pg_f64(r, row, col);
        break;
    case TRANSFER_TEXT:
    case TRANSFER_BYTES:
        out->s = pg_slice(r, row, col);
        break;
    case TRANSFER_VECTOR:
        if (!vector_form_read(pg_slice(r, row, col), w->x->vector))
            return err_set(e, ERR_INTERNAL,
                           "the vector of '%lld' in '%s' is damaged or "
                           "missing: `sheaf verify` tells more",
                           (long long)pg_i64(r, row, 0), w->t->name);
        out->s = (struct slice){(const char *)w->x->vector, VECTOR_BYTES};
        break;
    }
    return ERR_NONE;
}

static enum err_code give_rows(struct walk *w, const PGresult *r, struct err *e)
{
    struct transfer_cell row[TRANSFER_MAX_COLUMNS];
    enum err_code code = ERR_NONE;
    int n = postgres_lib.PQntuples(r);

    for (int i = 0; i < n && code == ERR_NONE; i++) {
        for (int k = 0; k < w->t->n_columns && code == ERR_NONE; k++)
            code = read_cell(w, r, i, k, &row[k], e);
        if (code == ERR_NONE)
            code = w->each(w->ctx, row, e);
    }
    return code;
}

/* The answers to `fetches` requests; *more false: a request found less than it
 * asked for. */
static enum err_code take(struct walk *w, int fetches, int rows, bool *more,
                          struct err *e)
{
    enum err_code code;

    for (int i = 0; i < fetches; i++)
        pg_ask(w->x->c, w->fetch, NULL);
    code = pg_flush(w->x->c, e);
    for (int i = 0; i < fetches && code == ERR_NONE; i++) {
        PGresult *r;

        code = pg_next(w->x->c, &r, e);
        if (code != ERR_NONE)
            break;
        *more = *more && postgres_lib.PQntuples(r) == rows;
        code = give_rows(w, r, e);
        postgres_lib.PQclear(r);
    }
    return code;
}

static enum err_code walk(struct walk *w, struct err *e)
{
    int rows = w->t->large ? 1 : FETCH_ROWS,
        fetches = w->t->large ? FETCHES : 1;
    char close[100];
    struct buf sql;
    bool more = true;
    enum err_code code = ERR_NONE;

    /* A name of its own for each table: requests are prepared statements. */
    snprintf(w->fetch, sizeof(w->fetch), "FETCH %d FROM each_of_%s", rows,
             w->t->name);
    snprintf(close, sizeof(close), "CLOSE each_of_%s", w->t->name);
    buf_init(&sql, TRANSFER_MAX_SQL);
    buf_printf(&sql, "DECLARE each_of_%s NO SCROLL CURSOR FOR ", w->t->name);
    write_select(&sql, w->t);
    if (!buf_ok(&sql))
        code = err_set(e, ERR_INTERNAL, "a statement is too long");
    else
        pg_do(w->x->c, sql.p, NULL);
    buf_release(&sql);
    while (more && code == ERR_NONE)
        code = take(w, fetches, rows, &more, e);
    if (code == ERR_NONE)
        pg_do(w->x->c, close, NULL);
    return code;
}

static enum err_code
export_each(struct store_export *x, const struct transfer_table *t,
            enum err_code (*each)(void *ctx, const struct transfer_cell *row,
                                  struct err *e),
            void *ctx, struct err *e)
{
    struct walk w = {
        .x = (struct postgres_export *)x, .t = t, .each = each, .ctx = ctx};

    return walk(&w, e);
}

const struct transfer_ops postgres_transfer_ops = {
    .export_begin = export_begin,
    .export_end = export_end,
    .export_count = export_count,
    .export_each = export_each,
    .export_others = export_others,

    .import_begin = postgres_import_begin,
    .import_done = postgres_import_done,
    .import_rows = postgres_import_rows,
    .import_clear = postgres_import_clear,
    .import_finish = postgres_import_finish,
};
