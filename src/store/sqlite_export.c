/* sqlite_export.c - all rows, to be carried to another database.
 *
 * One statement a table, in one snapshot.  What is to be moved away must not
 * change any more: then the file is opened in SQLite's exclusive mode, which
 * neither finds nor lets in anybody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/document_rules.h"
#include "store/sqlite_documents.h"
#include "store/transfer_impl.h"

struct sqlite_export {
    struct store_export base; /* first */
    struct db *c;
    bool own; /* not one of the pool's */
    struct buf text;
};

/* ---- begin and end ---- */

/* Nobody else has it open, nor will. */
static enum err_code open_alone(struct sqlite_store *s, struct db **out,
                                struct err *e)
{
    struct db *c = NULL;
    enum err_code code = db_open(s->path, DB_ALONE, &c, e);

    if (code == ERR_UNAVAILABLE)
        return err_set(e, ERR_CONFLICT,
                       "the database '%s' is open in another program: stop the "
                       "sheaf that serves it first",
                       s->path);
    if (code == ERR_NONE)
        code = db_exec(c, "BEGIN; SELECT count(*) FROM meta", e);
    if (code == ERR_NONE)
        *out = c;
    else
        db_close(c);
    return code;
}

static enum err_code export_begin(struct store *base, bool alone,
                                  struct store_export **out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct sqlite_export *x = calloc(1, sizeof(*x));
    enum err_code code;

    if (!x)
        return err_set(e, ERR_INTERNAL, "out of memory");
    x->base.s = base;
    x->own = alone && !s->in_memory;
    code = x->own ? open_alone(s, &x->c, e) : db_get(s, true, &x->c, e);
    if (code != ERR_NONE) {
        free(x);
        return code;
    }
    buf_init(&x->text, STORE_MAX_DOCUMENT);
    *out = &x->base;
    return ERR_NONE;
}

static void export_end(struct store_export *base)
{
    struct sqlite_export *x = (struct sqlite_export *)base;

    if (x->own)
        db_close(x->c);
    else
        db_put(sqlite_downcast(base->s), x->c);
    buf_release(&x->text);
    free(x);
}

static enum err_code export_others(struct store_export *x, int64_t *out,
                                   struct err *e)
{
    (void)x;
    (void)e;
    *out = 0;
    return ERR_NONE;
}

/* ---- what to read ---- */

/* The names of the tables whose numbers are kept. */
static void add_kept(struct buf *sql)
{
    const char *comma = "";

    for (const struct transfer_table *t = transfer_tables; t->name; t++)
        if (t->numbers_kept) {
            buf_printf(sql, "%s'%s'", comma, t->name);
            comma = ", ";
        }
}

static void write_select(struct buf *sql, const struct transfer_table *t)
{
    if (transfer_is(t, "document_texts")) {
        buf_add_str(sql, "SELECT key, bytes FROM documents ORDER BY key");
    } else if (transfer_is(t, "sequences")) {
        buf_add_str(sql, "SELECT name, seq FROM sqlite_sequence WHERE seq > 0"
                         " AND name IN (");
        add_kept(sql);
        buf_add_str(sql, ") ORDER BY name");
    } else {
        transfer_select(sql, t);
    }
}

static enum err_code prepare(struct query *q, struct db *c, const char *before,
                             const struct transfer_table *t, const char *behind,
                             struct err *e)
{
    struct buf sql;
    enum err_code code = ERR_NONE;

    *q = (struct query){.c = c, .rc = SQLITE_OK};
    buf_init(&sql, TRANSFER_MAX_SQL);
    buf_add_str(&sql, before);
    write_select(&sql, t);
    buf_add_str(&sql, behind);
    if (!buf_ok(&sql))
        code = err_set(e, ERR_INTERNAL, "a statement is too long");
    else if (sqlite3_prepare_v2(c->db, sql.p, -1, &q->st, NULL) != SQLITE_OK)
        code = sqlite_error(c, sqlite3_extended_errcode(c->db), e);
    buf_release(&sql);
    return code;
}

static enum err_code export_count(struct store_export *base,
                                  const struct transfer_table *t, int64_t *out,
                                  struct err *e)
{
    struct sqlite_export *x = (struct sqlite_export *)base;
    struct query q;
    enum err_code code = prepare(&q, x->c, "SELECT count(*) FROM (", t, ")", e);

    if (code == ERR_NONE)
        code = q_one_int(&q, 0, out, e);
    sqlite3_finalize(q.st);
    return code;
}

/* ---- rows ---- */

static void read_cell(struct query *q, enum transfer_type type,
                      struct transfer_cell *out)
{
    *out = (struct transfer_cell){
        .null = sqlite3_column_type(q->st, q->column) == SQLITE_NULL};
    switch (type) {
    case TRANSFER_INT:
    case TRANSFER_BOOL:
        out->i = q_get_int(q);
        break;
    case TRANSFER_REAL:
        out->d = q_get_double(q);
        break;
    case TRANSFER_TEXT:
        out->s = q_peek_text(q);
        break;
    case TRANSFER_BYTES:
    case TRANSFER_VECTOR:
        out->s = q_peek_blob(q);
        break;
    }
}

/* Texts lie in pieces: what was read is their length. */
static enum err_code read_text(struct sqlite_export *x, int64_t bytes,
                               struct transfer_cell *row, struct err *e)
{
    enum err_code code = document_slice(x->c, row[0].i, 0, bytes, &x->text, e);

    if (code == ERR_NONE && (int64_t)x->text.len != bytes)
        code = err_set(e, ERR_INTERNAL,
                       "of the text of document '%lld' %zu of %lld bytes are "
                       "there: `sheaf verify` tells more",
                       (long long)row[0].i, x->text.len, (long long)bytes);
    row[1] = (struct transfer_cell){.s = buf_slice(&x->text)};
    return code;
}

static enum err_code read_row(struct sqlite_export *x, struct query *q,
                              const struct transfer_table *t,
                              struct transfer_cell *row, struct err *e)
{
    if (transfer_is(t, "document_texts")) {
        read_cell(q, TRANSFER_INT, &row[0]);
        return read_text(x, q_get_int(q), row, e);
    }
    for (int i = 0; i < t->n_columns; i++) {
        read_cell(q, t->columns[i].type, &row[i]);
        if (t->columns[i].type == TRANSFER_VECTOR &&
            row[i].s.len != VECTOR_BYTES)
            return err_set(e, ERR_INTERNAL,
                           "the vector of '%lld' in '%s' is damaged: `sheaf "
                           "verify` tells more",
                           (long long)row[0].i, t->name);
    }
    return ERR_NONE;
}

static enum err_code
export_each(struct store_export *base, const struct transfer_table *t,
            enum err_code (*each)(void *ctx, const struct transfer_cell *row,
                                  struct err *e),
            void *ctx, struct err *e)
{
    struct sqlite_export *x = (struct sqlite_export *)base;
    struct transfer_cell row[TRANSFER_MAX_COLUMNS];
    struct query q;
    enum err_code ended, code = prepare(&q, x->c, "", t, "", e);

    if (code != ERR_NONE)
        return code;
    while (code == ERR_NONE && q_next(&q)) {
        code = read_row(x, &q, t, row, e);
        if (code == ERR_NONE)
            code = each(ctx, row, e);
    }
    ended = q_end(&q, code == ERR_NONE ? e : NULL);
    sqlite3_finalize(q.st);
    return code == ERR_NONE ? ended : code;
}

/* ---- all of it as a file ---- */

static enum err_code write_file(struct db *c, const char *path, struct err *e)
{
    struct query q;
    enum err_code code = db_exec(c, "PRAGMA query_only = OFF", e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "VACUUM INTO ?");
    q_text(&q, slice_of(path));
    return q_run(&q, NULL, e);
}

static enum err_code export_file(struct store *base, const char *path,
                                 struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct db *c = NULL;
    enum err_code code = ERR_NONE;

    if (fd < 0)
        return err_set(e, errno == ENOSPC ? ERR_NO_SPACE : ERR_UNAVAILABLE,
                       "cannot make '%s': %s", path, strerror(errno));
    code = db_open(s->path, DB_READER, &c, e);
    if (code == ERR_NONE)
        code = write_file(c, path, e);
    if (code == ERR_NONE && fsync(fd) != 0)
        code = err_set(e, errno == ENOSPC ? ERR_NO_SPACE : ERR_UNAVAILABLE,
                       "cannot write '%s': %s", path, strerror(errno));
    db_close(c);
    close(fd);
    return code;
}

const struct transfer_ops sqlite_transfer_ops = {
    .export_begin = export_begin,
    .export_end = export_end,
    .export_count = export_count,
    .export_each = export_each,
    .export_others = export_others,
    .export_file = export_file,

    .import_begin = sqlite_import_begin,
    .import_done = sqlite_import_done,
    .import_rows = sqlite_import_rows,
    .import_clear = sqlite_import_clear,
    .import_finish = sqlite_import_finish,
};
