/* sqlite_import.c - rows from another database.
 *
 * Each batch is one commit, together with the number of rows that the table now
 * has: who is killed goes on behind the last commit.  Papers are put into the
 * full text as they always are, behind the writes; chunks with their batch.
 */
#include <stdio.h>

#include "store/sqlite_documents.h"
#include "store/transfer_impl.h"

/* Than every database has? */
static enum err_code has_more(struct db *c, const struct transfer_table *t,
                              int64_t *out, struct err *e)
{
    struct query q = {.c = c, .rc = SQLITE_OK};
    char sql[200];
    enum err_code code;

    snprintf(sql, sizeof(sql),
             "SELECT EXISTS (SELECT 1 FROM %s LIMIT 1"
             " OFFSET %d)",
             t->name, t->given_rows);
    q.rc = sqlite3_prepare_v2(c->db, sql, -1, &q.st, NULL);
    code = q_one_int(&q, 0, out, e);
    sqlite3_finalize(q.st);
    return code;
}

/* ---- begin ---- */

static enum err_code check_empty(struct db *c, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (const struct transfer_table *t = transfer_tables;
         t->name && code == ERR_NONE; t++) {
        int64_t n = 0;

        if (t->seeded || transfer_is(t, "sequences"))
            continue;
        code = has_more(c, t, &n, e);
        if (code == ERR_NONE && n)
            code = transfer_not_empty(t->name, e);
    }
    return code;
}

static enum err_code note_tables(struct db *c, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (const struct transfer_table *t = transfer_tables;
         t->name && code == ERR_NONE; t++) {
        char sql[200];
        struct query q;

        snprintf(sql, sizeof(sql), "DELETE FROM %s", t->name);
        if (t->given_rows)
            code = db_exec(c, sql, e);
        if (code != ERR_NONE)
            return code;
        q_start(&q, c, "INSERT INTO unfinished_move VALUES (?, 0)");
        q_text(&q, slice_of(t->name));
        code = q_run(&q, NULL, e);
    }
    return code;
}

static enum err_code do_begin(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    int64_t begun = 0;
    struct query q;
    enum err_code code;

    (void)s;
    (void)ctx;
    q_start(&q, c,
            "SELECT count(*) FROM sqlite_schema"
            " WHERE name = 'unfinished_move'");
    code = q_one_int(&q, 0, &begun, e);
    if (code != ERR_NONE || begun)
        return code;
    code = check_empty(c, e);
    if (code == ERR_NONE)
        code = db_exec(c, UNFINISHED_TABLE, e);
    return code == ERR_NONE ? note_tables(c, e) : code;
}

enum err_code sqlite_import_begin(struct store *s, struct err *e)
{
    return writer_run(sqlite_downcast(s), do_begin, NULL, e);
}

enum err_code sqlite_import_done(struct store *base,
                                 const struct transfer_table *t, int64_t *out,
                                 struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c;
    struct query q;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT n FROM unfinished_move WHERE part = ?");
    q_text(&q, slice_of(t->name));
    code = q_one_int(&q, 0, out, e);
    db_put(s, c);
    return code;
}

/* ---- rows ---- */

struct adding {
    const struct transfer_table *t;
    int64_t done;
    const struct transfer_cell *cells;
    size_t n;
    struct arena *scratch;
    struct buf title, text; /* of the chunk in hand */
    int64_t document;       /* whose title that is */
};

static enum err_code prepare(struct query *q, struct db *c,
                             const struct transfer_table *t, struct err *e)
{
    struct buf sql;
    enum err_code code = ERR_NONE;

    *q = (struct query){.c = c, .rc = SQLITE_OK};
    buf_init(&sql, TRANSFER_MAX_SQL);
    if (t->seeded) {
        buf_printf(&sql, "UPDATE %s SET ", t->name);
        for (int i = 1; i < t->n_columns; i++)
            buf_printf(&sql, "%s%s = ?%d", i > 1 ? ", " : "",
                       t->columns[i].name, i + 1);
        buf_printf(&sql, " WHERE %s = ?1", t->columns[0].name);
    } else {
        buf_printf(&sql, "INSERT INTO %s(", t->name);
        transfer_columns(&sql, t);
        buf_add_str(&sql, ") VALUES (");
        for (int i = 0; i < t->n_columns; i++)
            buf_add_str(&sql, i ? ", ?" : "?");
        buf_add_char(&sql, ')');
    }
    if (!buf_ok(&sql))
        code = err_set(e, ERR_INTERNAL, "a statement is too long");
    else if (sqlite3_prepare_v2(c->db, sql.p, -1, &q->st, NULL) != SQLITE_OK)
        code = sqlite_error(c, sqlite3_extended_errcode(c->db), e);
    buf_release(&sql);
    return code;
}

static void bind_cell(struct query *q, enum transfer_type type,
                      const struct transfer_cell *v)
{
    if (v->null) {
        q_int_or_null(q, false, 0);
        return;
    }
    switch (type) {
    case TRANSFER_INT:
    case TRANSFER_BOOL:
        q_int(q, v->i);
        break;
    case TRANSFER_REAL:
        q_double(q, v->d);
        break;
    case TRANSFER_TEXT:
        q_text(q, v->s);
        break;
    case TRANSFER_BYTES:
    case TRANSFER_VECTOR:
        q_blob(q, v->s.p ? v->s.p : "", v->s.len);
        break;
    }
}

static enum err_code add_row(struct query *q, const struct transfer_table *t,
                             const struct transfer_cell *row, struct err *e)
{
    q->bound = 0;
    q->rc = SQLITE_OK;
    for (int i = 0; i < t->n_columns; i++)
        bind_cell(q, t->columns[i].type, &row[i]);
    return q_run(q, NULL, e);
}

static enum err_code add_plain(struct db *c, struct adding *ad, struct err *e)
{
    struct query q;
    enum err_code code = prepare(&q, c, ad->t, e);

    for (size_t i = 0; i < ad->n && code == ERR_NONE; i++)
        code = add_row(&q, ad->t, ad->cells + i * (size_t)ad->t->n_columns, e);
    sqlite3_finalize(q.st);
    return code;
}

static enum err_code add_paper(struct db *c, struct adding *ad,
                               const struct transfer_cell *row, struct err *e)
{
    struct paper p = transfer_paper(row);

    arena_reset(ad->scratch);
    return paper_insert_moved(c, ad->scratch, &p, e);
}

static enum err_code add_text(struct db *c, struct adding *ad,
                              const struct transfer_cell *row, struct err *e)
{
    (void)ad;
    return document_put_text(c, row[0].i, row[1].s, e);
}

/* The words of a chunk whose row is there. */
static enum err_code add_words(struct db *c, struct adding *ad,
                               const struct transfer_cell *row, struct err *e)
{
    static const struct {
        int id, document, from, to;
    } at = {0, 1, 6, 7}; /* in transfer_tables */
    int64_t document = row[at.document].i;
    enum err_code code = ERR_NONE;

    if (document != ad->document) {
        buf_clear(&ad->title);
        code = document_title(c, document, &ad->title, e);
        ad->document = document;
    }
    if (code == ERR_NONE)
        code = document_slice(c, document, row[at.from].i, row[at.to].i,
                              &ad->text, e);
    return code == ERR_NONE
               ? chunk_index(c, row[at.id].i, buf_slice(&ad->title),
                             buf_slice(&ad->text), false, e)
               : code;
}

static enum err_code set_sequence(struct db *c, struct adding *ad,
                                  const struct transfer_cell *row,
                                  struct err *e)
{
    struct query q;
    enum err_code code;

    (void)ad;
    q_start(&q, c, "DELETE FROM sqlite_sequence WHERE name = ?");
    q_text(&q, row[0].s);
    code = q_run(&q, NULL, e);
    q_start(&q, c, "INSERT INTO sqlite_sequence(name, seq) VALUES (?, ?)");
    q_text(&q, row[0].s);
    q_int(&q, row[1].i);
    return q_run(&q, NULL, code == ERR_NONE ? e : NULL);
}

/* Tables whose rows are not, or not only, inserted as they are. */
static const struct {
    const char *table;
    bool plain; /* inserted too */
    enum err_code (*add)(struct db *c, struct adding *ad,
                         const struct transfer_cell *row, struct err *e);
} specials[] = {
    {"papers", false, add_paper},
    {"document_texts", false, add_text},
    {"chunks", true, add_words},
    {"sequences", false, set_sequence},
};
#define N_SPECIALS (sizeof(specials) / sizeof(*specials))

static enum err_code add_all(struct db *c, struct adding *ad, struct err *e)
{
    size_t k = 0;
    enum err_code code = ERR_NONE;

    while (k < N_SPECIALS && !transfer_is(ad->t, specials[k].table))
        k++;
    if (k == N_SPECIALS || specials[k].plain)
        code = add_plain(c, ad, e);
    for (size_t i = 0; k < N_SPECIALS && i < ad->n && code == ERR_NONE; i++)
        code =
            specials[k].add(c, ad, ad->cells + i * (size_t)ad->t->n_columns, e);
    return code;
}

static enum err_code do_rows(struct sqlite_store *s, struct db *c, void *ctx,
                             struct err *e)
{
    struct adding *ad = ctx;
    struct query q;
    int64_t changed = 0;
    enum err_code code;

    (void)s;
    q_start(&q, c,
            "UPDATE unfinished_move SET n = n + ? WHERE part = ? AND n = ?");
    q_int(&q, (int64_t)ad->n);
    q_text(&q, slice_of(ad->t->name));
    q_int(&q, ad->done);
    code = q_run(&q, &changed, e);
    if (code == ERR_NONE && changed != 1)
        code = transfer_overtaken(ad->t->name, e);
    return code == ERR_NONE ? add_all(c, ad, e) : code;
}

enum err_code sqlite_import_rows(struct store *s,
                                 const struct transfer_table *t, int64_t done,
                                 const struct transfer_cell *cells, size_t n,
                                 struct err *e)
{
    struct adding ad = {.t = t, .done = done, .cells = cells, .n = n};
    enum err_code code;

    ad.scratch = arena_new(STORE_MAX_DOCUMENT);
    if (!ad.scratch)
        return err_set(e, ERR_INTERNAL, "out of memory");
    buf_init(&ad.title, STORE_MAX_DOCUMENT);
    buf_init(&ad.text, STORE_MAX_DOCUMENT);
    code = writer_run(sqlite_downcast(s), do_rows, &ad, e);
    buf_release(&ad.text);
    buf_release(&ad.title);
    arena_free(ad.scratch);
    return code;
}

/* ---- anew ---- */

static enum err_code clear_one(struct db *c, const struct transfer_table *t,
                               struct err *e)
{
    char sql[200];
    struct query q;
    enum err_code code = ERR_NONE;

    if (transfer_is(t, "papers"))
        code = db_exec(c,
                       "INSERT INTO papers_fts(papers_fts)"
                       " VALUES ('delete-all');"
                       "INSERT INTO papers_trigram(papers_trigram)"
                       " VALUES ('delete-all');"
                       "DELETE FROM paper_tags;"
                       "UPDATE meta SET texts_through = 0",
                       e);
    else if (transfer_is(t, "chunks"))
        code = db_exec(
            c, "INSERT INTO chunks_fts(chunks_fts) VALUES ('delete-all')", e);
    snprintf(sql, sizeof(sql), "DELETE FROM %s", t->name);
    if (code == ERR_NONE && !t->seeded && !transfer_is(t, "sequences"))
        code = db_exec(c, sql, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "UPDATE unfinished_move SET n = 0 WHERE part = ?");
    q_text(&q, slice_of(t->name));
    return q_run(&q, NULL, e);
}

static enum err_code do_clear(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    const struct transfer_table *from = ctx,
                                *t = transfer_tables + transfer_table_count();
    enum err_code code = ERR_NONE;

    s->text.written = true;
    while (t-- > from && code == ERR_NONE)
        code = clear_one(c, t, e);
    return code;
}

enum err_code sqlite_import_clear(struct store *s,
                                  const struct transfer_table *from,
                                  struct err *e)
{
    return writer_run(sqlite_downcast(s), do_clear, (void *)from, e);
}

/* ---- the end ---- */

static enum err_code do_finish(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    (void)s;
    (void)ctx;
    return db_exec(c,
                   "UPDATE meta SET papers_generation = generation,"
                   " live_papers = (SELECT count(*) FROM papers"
                   "  WHERE deleted_at = 0);"
                   "DROP TABLE unfinished_move",
                   e);
}

enum err_code sqlite_import_finish(struct store *base, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    enum err_code code = text_catch_up(s, e);

    return code == ERR_NONE ? writer_run(s, do_finish, NULL, e) : code;
}
