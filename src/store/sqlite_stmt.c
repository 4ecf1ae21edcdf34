/* sqlite_stmt.c - statements that are prepared once for each connection.
 *
 * A backend that runs some thousand statements a second must not parse SQL for
 * each, and must not write twelve lines for each either.  A struct query walks
 * through parameters and columns by itself and remembers the first error, so
 * that a use case reads as its SQL, its parameters and its columns.
 */
#include "store/sqlite_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static sqlite3_stmt *kept_statement(struct query *q, const char *sql)
{
    struct db *c = q->c;
    size_t at = ((uintptr_t)sql >> 3) % CONN_STMTS;

    for (size_t i = 0; i < CONN_STMTS; i++, at = (at + 1) % CONN_STMTS) {
        if (c->stmts[at].sql == sql)
            return c->stmts[at].st;
        if (c->stmts[at].sql)
            continue;
        q->rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                   &c->stmts[at].st, NULL);
        if (q->rc != SQLITE_OK)
            return NULL;
        c->stmts[at].sql = sql;
        return c->stmts[at].st;
    }
    assert(!"more statements than CONN_STMTS");
    return NULL;
}

void q_start(struct query *q, struct db *c, const char *sql)
{
    *q = (struct query){.c = c, .rc = SQLITE_OK};
    q->st = kept_statement(q, sql);
    /* The same statement twice at once would be one cursor for both. */
    assert(!q->st || !sqlite3_stmt_busy(q->st));
}

static bool can_bind(struct query *q)
{
    q->bound++;
    return q->rc == SQLITE_OK;
}

void q_int(struct query *q, int64_t v)
{
    if (can_bind(q))
        q->rc = sqlite3_bind_int64(q->st, q->bound, v);
}

void q_int_or_null(struct query *q, bool there, int64_t v)
{
    if (there)
        q_int(q, v);
    else if (can_bind(q))
        q->rc = sqlite3_bind_null(q->st, q->bound);
}

void q_double(struct query *q, double v)
{
    if (can_bind(q))
        q->rc = sqlite3_bind_double(q->st, q->bound, v);
}

void q_text(struct query *q, struct slice v)
{
    if (can_bind(q))
        q->rc = sqlite3_bind_text(q->st, q->bound, v.p ? v.p : "", (int)v.len,
                                  SQLITE_STATIC);
}

void q_text_or_null(struct query *q, struct slice v)
{
    if (v.p)
        q_text(q, v);
    else if (can_bind(q))
        q->rc = sqlite3_bind_null(q->st, q->bound);
}

void q_blob(struct query *q, const void *p, size_t n)
{
    if (can_bind(q))
        q->rc = sqlite3_bind_blob(q->st, q->bound, p, (int)n, SQLITE_STATIC);
}

bool q_next(struct query *q)
{
    if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW)
        return false;
    if (q->no_memory)
        return false;
    q->rc = sqlite3_step(q->st);
    q->column = 0;
    return q->rc == SQLITE_ROW;
}

int64_t q_get_int(struct query *q)
{
    return sqlite3_column_int64(q->st, q->column++);
}

double q_get_double(struct query *q)
{
    return sqlite3_column_double(q->st, q->column++);
}

struct slice q_peek_text(struct query *q)
{
    struct slice s;

    s.p = (const char *)sqlite3_column_text(q->st, q->column);
    s.len = (size_t)sqlite3_column_bytes(q->st, q->column);
    q->column++;
    return s;
}

struct slice q_peek_blob(struct query *q)
{
    struct slice s;

    s.p = sqlite3_column_blob(q->st, q->column);
    s.len = (size_t)sqlite3_column_bytes(q->st, q->column);
    q->column++;
    return s;
}

struct slice q_get_text(struct query *q, struct arena *a)
{
    struct slice s = arena_slice(a, q_peek_text(q));

    if (!s.p)
        q->no_memory = true;
    return s;
}

struct slice q_get_text_or_none(struct query *q, struct arena *a)
{
    struct slice s = q_peek_text(q);

    if (!s.p)
        return SLICE_NONE;
    s = arena_slice(a, s);
    q->no_memory |= !s.p;
    return s;
}

void q_skip(struct query *q)
{
    q->column++;
}

enum err_code arena_full(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the answer does not fit into its memory");
}

enum err_code q_end(struct query *q, struct err *e)
{
    enum err_code code = ERR_NONE;

    if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW && q->rc != SQLITE_DONE)
        code = sqlite_error(q->c, q->rc, e);
    else if (q->no_memory)
        code = arena_full(e);
    if (q->st) {
        sqlite3_reset(q->st);
        sqlite3_clear_bindings(q->st); /* they borrow the caller's memory */
    }
    return code;
}

enum err_code q_run(struct query *q, int64_t *changed, struct err *e)
{
    while (q_next(q))
        ;
    if (changed)
        *changed = q->rc == SQLITE_DONE ? sqlite3_changes64(q->c->db) : 0;
    return q_end(q, e);
}

enum err_code q_one_int(struct query *q, int64_t dflt, int64_t *out,
                        struct err *e)
{
    *out = q_next(q) ? q_get_int(q) : dflt;
    return q_end(q, e);
}

void *rows_add(struct rows *r)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        char *p = arena_alloc(r->a, cap * r->size);

        if (!p)
            return NULL;
        if (r->n)
            memcpy(p, r->p, r->n * r->size);
        r->p = p;
        r->cap = cap;
    }
    return memset(r->p + r->n++ * r->size, 0, r->size);
}

enum err_code q_rows(struct query *q, struct rows *r,
                     void (*read)(struct query *q, struct arena *a, void *row),
                     struct err *e)
{
    while (q_next(q)) {
        void *row = rows_add(r);

        if (row)
            read(q, r->a, row);
        else
            q->no_memory = true;
    }
    return q_end(q, e);
}

enum err_code q_rows_by_id(
    struct db *c, const char *sql, const int64_t *ids, size_t n, struct rows *r,
    void (*read)(struct query *q, struct arena *a, void *row), struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < n && code == ERR_NONE; i++) {
        struct query q;

        q_start(&q, c, sql);
        q_int(&q, ids[i]);
        code = q_rows(&q, r, read, e);
    }
    return code;
}

static bool make_room(struct id_list *l)
{
    size_t cap = l->cap ? l->cap * 2 : 1024;
    int64_t *p;

    if (l->n < l->cap)
        return true;
    p = realloc(l->p, cap * sizeof(*p));
    if (!p)
        return false;
    l->p = p;
    l->cap = cap;
    return true;
}

enum err_code q_ids(struct query *q, struct id_list *out, struct err *e)
{
    bool room = make_room(out);

    while (room && q_next(q)) {
        out->p[out->n++] = q_get_int(q);
        room = make_room(out);
    }
    q->no_memory |= !room;
    return q_end(q, e);
}
