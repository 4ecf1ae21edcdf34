/* transfer_impl.h - what both backends do alike when they carry rows. */
#ifndef STORE_TRANSFER_IMPL_H
#define STORE_TRANSFER_IMPL_H

#include "base/buf.h"
#include "store/store_ops.h"

#define TRANSFER_MAX_SQL 8192

/* First member of each backend's own struct. */
struct store_export {
    struct store *s;
};

/* "a, b, c": the table's columns. */
void transfer_columns(struct buf *out, const struct transfer_table *t);
/* "SELECT a, b, c FROM t ORDER BY a". */
void transfer_select(struct buf *out, const struct transfer_table *t);
/* A row of `papers`; texts are borrowed from the cells. */
struct paper transfer_paper(const struct transfer_cell *row);
bool transfer_is(const struct transfer_table *t, const char *name);
/* Where a column is; it must be there. */
int transfer_column(const struct transfer_table *t, const char *name);

/* Filling was broken off: what a database says that was to be served. */
enum err_code transfer_unfinished(struct err *e);
enum err_code transfer_not_empty(const char *table, struct err *e);
/* Not `done` rows are there. */
enum err_code transfer_overtaken(const char *table, struct err *e);
/* A database of an older schema was opened for reading. */
enum err_code transfer_too_old(int64_t version, int known, struct err *e);

/* Marks a database that is being filled. */
#define UNFINISHED_TABLE                                                       \
    "CREATE TABLE unfinished_move(part TEXT PRIMARY KEY, n BIGINT NOT NULL)"

#endif
