/* transfer.h - store area: everything that a database holds, row by row, in a
 * form that both databases share.
 *
 * One list of tables (transfer_tables.c) says what there is to carry.  A row is
 * an array of cells in the order of its table's columns, and means the same
 * whichever database it came from; what can be made again (full text, orders,
 * labels, counts) is made by the database that takes the rows, and travels
 * nowhere.
 *
 *     export: a snapshot -> each row of a table
 *     import: begin -> rows of one table after the other -> finish
 *
 * A database that is being filled holds the table `unfinished_move`, with the
 * number of rows that are committed of each table: filling can be broken off
 * anywhere and gone on with, and nobody serves such a database (store_open).
 *
 * See store.h for errors and ownership.
 * Threads: an export belongs to one thread; a database is filled by one.
 */
#ifndef STORE_TRANSFER_H
#define STORE_TRANSFER_H

#include "store/store.h"

enum transfer_type {
    TRANSFER_INT,
    TRANSFER_BOOL,
    TRANSFER_REAL,
    TRANSFER_TEXT,
    TRANSFER_BYTES,
    TRANSFER_VECTOR /* STORE_VECTOR_DIM floats, as this machine has them */
};

struct transfer_column {
    const char *name;
    enum transfer_type type;
};

struct transfer_table {
    const char *name;
    const char *order; /* columns that tell rows apart */
    const struct transfer_column *columns;
    int n_columns;
    bool large;     /* a row may have megabytes */
    bool seeded;    /* its rows are there in every database: they are changed */
    int given_rows; /* that a new database has, and that are replaced */
    bool numbers_kept; /* the first column is never given twice, also when the
                          row is gone */
};

#define TRANSFER_MAX_COLUMNS 32
/* In the order in which they can be filled; ended by one without a name. */
extern const struct transfer_table transfer_tables[];
int transfer_table_count(void);

struct transfer_cell {
    bool null;
    int64_t i;      /* TRANSFER_INT, TRANSFER_BOOL */
    double d;       /* TRANSFER_REAL */
    struct slice s; /* the others */
};

/* ---- export ---- */

struct store_export;

/* Rows from now on are of one moment.  With `alone` nobody else may write until
 * the end: ERR_CONFLICT if another program has the database open (SQLite), or
 * writes to it for long (PostgreSQL). */
enum err_code store_export_begin(struct store *s, bool alone,
                                 struct store_export **out, struct err *e)
    CHECKED;
void store_export_end(struct store_export *x); /* takes NULL */
enum err_code store_export_count(struct store_export *x,
                                 const struct transfer_table *t, int64_t *out,
                                 struct err *e) CHECKED;
/* Each row, always in the same order as long as the rows are the same.  Cells
 * are valid during the call; an error of `each` ends it. */
enum err_code store_export_each(
    struct store_export *x, const struct transfer_table *t,
    enum err_code (*each)(void *ctx, const struct transfer_cell *row,
                          struct err *e),
    void *ctx, struct err *e) CHECKED;
/* How many other sessions of sheaf are in the database: 0 for SQLite, which
 * finds out by itself. */
enum err_code store_export_others(struct store_export *x, int64_t *out,
                                  struct err *e) CHECKED;

/* The whole database, as of one moment, as an SQLite file of its own, which
 * must not be there yet; others go on writing meanwhile.  *done false: this
 * database is no file, nothing was written. */
enum err_code store_export_file(struct store *s, const char *path, bool *done,
                                struct err *e) CHECKED;

/* ---- import ---- */

/* The store was opened STORE_TO_FILL.  ERR_CONFLICT: it holds something, and
 * not from a filling that was broken off. */
enum err_code store_import_begin(struct store *s, struct err *e) CHECKED;
/* Rows of the table that are committed. */
enum err_code store_import_done(struct store *s, const struct transfer_table *t,
                                int64_t *out, struct err *e) CHECKED;
/* Add n rows, cells one row after the other, behind `done` that are there, in
 * one commit.  ERR_CONFLICT: other than `done` are there. */
enum err_code store_import_rows(struct store *s, const struct transfer_table *t,
                                int64_t done, const struct transfer_cell *cells,
                                size_t n, struct err *e) CHECKED;
/* Empty the table and all that follow it in the list. */
enum err_code store_import_clear(struct store *s,
                                 const struct transfer_table *from,
                                 struct err *e) CHECKED;
/* All rows are there: make what is made of them; the database can be served
 * from now on. */
enum err_code store_import_finish(struct store *s, struct err *e) CHECKED;

#endif
