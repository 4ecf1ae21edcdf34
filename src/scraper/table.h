/* table.h - read the tables that a person may edit: tab-separated text.
 *
 * One row a line, cells between tabs, white space around a cell does not count;
 * `#` starts a comment line, empty lines are skipped.  At most 1 MiB of UTF-8.
 *
 * Threads: a table belongs to one thread.
 */
#ifndef SCRAPER_TABLE_H
#define SCRAPER_TABLE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#define TABLE_MAX_BYTES (1u << 20)
#define TABLE_MAX_CELLS 32

struct table {
    const char *name;  /* for messages: file name; borrowed */
    struct slice rest; /* not yet read; borrowed */
    int line;          /* of the row read last */
    struct slice cells[TABLE_MAX_CELLS];
    size_t n_cells;
};

/* Take the text of `file` in folder `dir` into `into`; where `dir` is empty or
 * has no such file, the built-in text.  ERR_INVALID: the folder is not there
 * or the file cannot be read; ERR_TOO_LARGE. */
enum err_code table_load(struct buf *into, const char *dir, const char *file,
                         struct slice built_in, struct err *e) CHECKED;
/* Begin to read.  ERR_INVALID: not UTF-8. */
enum err_code table_init(struct table *t, const char *name, struct slice text,
                         struct err *e) CHECKED;
/* The next row that holds anything; *got = false at the end.  ERR_INVALID, with
 * file and line: too many cells. */
enum err_code table_next(struct table *t, bool *got, struct err *e) CHECKED;
/* ERR_INVALID "<name>:<line>: ...". */
enum err_code table_error(const struct table *t, struct err *e, const char *fmt,
                          ...) PRINTF_LIKE(3, 4);

#endif
