/* postgres_import.c - rows from another database.
 *
 * Each batch is one transaction, together with the number of rows that the
 * table now has: who is killed goes on behind the last commit.  Commits are not
 * waited for but the last: what the server may lose are whole batches, the
 * latest ones, with their numbers.  Rows travel as one array a column; what is
 * made of a row (words, labels) is made here, as when it first arrived.
 *
 * Indexes that only readers need are taken away at the beginning and made at
 * the end, from all rows at once, as pg_restore does: that of the words took
 * half of the time when each batch went into it.  `unfinished_indexes` has
 * their definitions, until the last of them is made.
 */
#include <stdio.h>
#include <string.h>

#include "store/postgres_documents.h"
#include "store/postgres_text.h"
#include "store/search_query.h"
#include "store/transfer_impl.h"

/* ---- begin ---- */

/* Than every database has. */
static enum err_code has_more(struct pg_conn *c, const struct transfer_table *t,
                              bool *out, struct err *e)
{
    char sql[200];
    PGresult *r;
    enum err_code code;

    snprintf(sql, sizeof(sql), "SELECT EXISTS (SELECT 1 FROM %s OFFSET %d)",
             t->name, t->given_rows);
    code = postgres_ask(c, &r, sql, NULL, e);
    if (code != ERR_NONE)
        return code;
    *out = pg_bool(r, 0, 0);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code check_empty(struct pg_conn *c, struct err *e)
{
    bool rows = false;
    enum err_code code = ERR_NONE;

    for (const struct transfer_table *t = transfer_tables;
         t->name && code == ERR_NONE; t++) {
        if (t->seeded || transfer_is(t, "sequences"))
            continue;
        code = has_more(c, t, &rows, e);
        if (code == ERR_NONE && rows)
            code = transfer_not_empty(t->name, e);
    }
    return code;
}

/* Those of the tables that are filled, but what keeps rows unique. */
static void put_indexes_off(struct pg_conn *c)
{
    pg_do(c,
          "CREATE TABLE unfinished_indexes AS"
          " SELECT c.relname::text AS name,"
          "  pg_get_indexdef(c.oid) AS definition"
          " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
          " JOIN pg_class t ON t.oid = i.indrelid"
          " WHERE t.relnamespace = current_schema()::regnamespace"
          " AND NOT i.indisunique AND (t.relname = 'chunk_vectors'"
          "  OR t.relname IN (SELECT part FROM unfinished_move))",
          NULL);
    pg_do(c,
          "DO $do$ DECLARE i record; BEGIN"
          "  FOR i IN SELECT name FROM unfinished_indexes LOOP"
          "    EXECUTE format('DROP INDEX %I', i.name);"
          "  END LOOP;"
          "END $do$",
          NULL);
}

static enum err_code do_begin(struct pg_conn *c, void *ctx, struct err *e)
{
    PGresult *r;
    bool begun;
    enum err_code code;

    (void)ctx;
    code = postgres_ask(
        c, &r, "SELECT to_regclass('unfinished_move') IS NOT NULL", NULL, e);
    if (code != ERR_NONE)
        return code;
    begun = pg_bool(r, 0, 0);
    postgres_lib.PQclear(r);
    if (!begun)
        code = check_empty(c, e);
    if (begun || code != ERR_NONE)
        return code;
    pg_do(c, UNFINISHED_TABLE, NULL);
    for (const struct transfer_table *t = transfer_tables; t->name; t++) {
        struct pg_args a = {0};

        char sql[200];

        snprintf(sql, sizeof(sql), "DELETE FROM %s", t->name);
        if (t->given_rows)
            pg_do(c, sql, NULL);
        pg_arg_text(&a, slice_of(t->name));
        pg_do(c, "INSERT INTO unfinished_move VALUES ($1, 0)", &a);
    }
    put_indexes_off(c);
    return ERR_NONE;
}

enum err_code postgres_import_begin(struct store *s, struct err *e)
{
    return postgres_transact(s, do_begin, NULL, e);
}

enum err_code postgres_import_done(struct store *s,
                                   const struct transfer_table *t, int64_t *out,
                                   struct err *e)
{
    struct pg_args a = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_text(&a, slice_of(t->name));
    code = postgres_query(
        s, &r,
        "SELECT coalesce(max(n), 0) FROM unfinished_move WHERE part ="
        " $1",
        &a, e);
    if (code != ERR_NONE)
        return code;
    *out = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

/* ---- rows as columns ---- */

#define MAX_DERIVED 4

struct adding {
    const struct transfer_table *t;
    const struct vector_form *form;
    int64_t done;
    const struct transfer_cell *cells;
    size_t n;
    struct buf columns[TRANSFER_MAX_COLUMNS], derived[MAX_DERIVED];
};

static const struct transfer_cell *row_of(const struct adding *ad, size_t i)
{
    return ad->cells + i * (size_t)ad->t->n_columns;
}

static unsigned element_type(enum transfer_type type,
                             const struct vector_form *form)
{
    static const unsigned types[] = {
        [TRANSFER_INT] = PG_INT8,    [TRANSFER_BOOL] = PG_BOOL,
        [TRANSFER_REAL] = PG_FLOAT8, [TRANSFER_TEXT] = PG_TEXT,
        [TRANSFER_BYTES] = PG_BYTEA,
    };

    return type == TRANSFER_VECTOR ? form->type : types[type];
}

static unsigned array_type(enum transfer_type type,
                           const struct vector_form *form)
{
    static const unsigned types[] = {
        [TRANSFER_INT] = PG_INT8_ARRAY,    [TRANSFER_BOOL] = PG_BOOL_ARRAY,
        [TRANSFER_REAL] = PG_FLOAT8_ARRAY, [TRANSFER_TEXT] = PG_TEXT_ARRAY,
        [TRANSFER_BYTES] = PG_BYTEA_ARRAY,
    };

    return type == TRANSFER_VECTOR ? form->array : types[type];
}

static void add_cell(struct buf *b, enum transfer_type type,
                     const struct vector_form *form,
                     const struct transfer_cell *v)
{
    if (v->null) {
        pg_array_text_or_null(b, SLICE_NONE); /* of any type */
        return;
    }
    switch (type) {
    case TRANSFER_INT:
        pg_array_i64(b, v->i);
        break;
    case TRANSFER_BOOL:
        pg_array_bool(b, v->i != 0);
        break;
    case TRANSFER_REAL:
        pg_array_f64(b, v->d);
        break;
    case TRANSFER_TEXT:
        pg_array_text(b, v->s);
        break;
    case TRANSFER_BYTES:
        pg_array_bytes(b, v->s.p, v->s.len);
        break;
    case TRANSFER_VECTOR: {
        float vector[STORE_VECTOR_DIM]; /* the cell may lie anywhere */

        memcpy(vector, v->s.p, sizeof(vector));
        vector_form_add(b, form, vector);
        break;
    }
    }
}

static void columns_make(struct adding *ad)
{
    for (int k = 0; k < ad->t->n_columns; k++) {
        enum transfer_type type = ad->t->columns[k].type;

        pg_array_init(&ad->columns[k], element_type(type, ad->form));
        for (size_t i = 0; i < ad->n; i++)
            add_cell(&ad->columns[k], type, ad->form, &row_of(ad, i)[k]);
    }
}

static void columns_release(struct adding *ad)
{
    for (int k = 0; k < TRANSFER_MAX_COLUMNS; k++)
        buf_release(&ad->columns[k]);
    for (int k = 0; k < MAX_DERIVED; k++)
        buf_release(&ad->derived[k]);
}

static void column_args(const struct adding *ad, struct pg_args *a)
{
    for (int k = 0; k < ad->t->n_columns; k++)
        pg_arg_array(a, array_type(ad->t->columns[k].type, ad->form),
                     &ad->columns[k]);
}

/* A transaction may run twice. */
static void derived_init(struct adding *ad, int k, enum pg_type type)
{
    buf_release(&ad->derived[k]);
    pg_array_init(&ad->derived[k], type);
}

/* "unnest($1, $2, ...)" of the first n arguments. */
static void write_unnest(struct buf *sql, int n)
{
    buf_add_str(sql, "unnest(");
    for (int i = 1; i <= n; i++)
        buf_printf(sql, "%s$%d", i > 1 ? ", " : "", i);
    buf_add_char(sql, ')');
}

/* ---- the statements ---- */

static enum err_code run_sql(struct pg_conn *c, const struct buf *sql,
                             const struct pg_args *a, struct err *e)
{
    if (!buf_ok(sql))
        return err_set(e, ERR_INTERNAL, "a statement is too long");
    pg_do(c, sql->p, a);
    return ERR_NONE;
}

static enum err_code add_plain(struct pg_conn *c, struct adding *ad,
                               struct err *e)
{
    const struct transfer_table *t = ad->t;
    struct pg_args a = {0};
    struct buf sql;
    enum err_code code;

    column_args(ad, &a);
    buf_init(&sql, TRANSFER_MAX_SQL);
    if (t->seeded) {
        buf_printf(&sql, "UPDATE %s t SET ", t->name);
        for (int i = 1; i < t->n_columns; i++)
            buf_printf(&sql, "%s%s = u.%s", i > 1 ? ", " : "",
                       t->columns[i].name, t->columns[i].name);
        buf_add_str(&sql, " FROM ");
        write_unnest(&sql, t->n_columns);
        buf_add_str(&sql, " AS u(");
        transfer_columns(&sql, t);
        buf_printf(&sql, ") WHERE t.%s = u.%s", t->columns[0].name,
                   t->columns[0].name);
    } else {
        buf_printf(&sql, "INSERT INTO %s(", t->name);
        transfer_columns(&sql, t);
        buf_add_str(&sql, ") OVERRIDING SYSTEM VALUE SELECT * FROM ");
        write_unnest(&sql, t->n_columns);
    }
    code = run_sql(c, &sql, &a, e);
    buf_release(&sql);
    return code;
}

/* Of a tombstone no words and no labels, as in postgres_papers.c. */
static void derive_paper(struct adding *ad, const struct paper *p)
{
    static const struct paper nothing;
    const struct paper *shown = p->deleted_at ? &nothing : p;
    struct buf *d = ad->derived;
    size_t at;

    pg_array_bool(&d[0], search_is_unspaced(p->title) ||
                             search_is_unspaced(p->abstract) ||
                             search_is_unspaced(p->authors));
    at = pg_array_open(&d[1]);
    postgres_title_key(&d[1], p->title);
    pg_array_close(&d[1], at);
    at = pg_array_open(&d[2]);
    postgres_labels(&d[2], shown);
    pg_array_close(&d[2], at);
    at = pg_array_open(&d[3]);
    pg_text_vector(&d[3], shown);
    pg_array_close(&d[3], at);
}

static enum err_code add_papers(struct pg_conn *c, struct adding *ad,
                                struct err *e)
{
    struct pg_args a = {0}, ids = {0};
    struct buf sql;
    enum err_code code;

    derived_init(ad, 0, PG_BOOL);
    derived_init(ad, 1, PG_TEXT);
    derived_init(ad, 2, PG_TEXT);
    derived_init(ad, 3, PG_TSVECTOR);
    for (size_t i = 0; i < ad->n; i++) {
        struct paper p = transfer_paper(row_of(ad, i));

        derive_paper(ad, &p);
    }
    column_args(ad, &a);
    pg_arg_array(&a, PG_BOOL_ARRAY, &ad->derived[0]);
    pg_arg_array(&a, PG_TEXT_ARRAY, &ad->derived[1]);
    pg_arg_array(&a, PG_TEXT_ARRAY, &ad->derived[2]);
    pg_arg_array(&a, PG_TSVECTOR_ARRAY, &ad->derived[3]);
    buf_init(&sql, TRANSFER_MAX_SQL);
    buf_add_str(&sql, "INSERT INTO papers(");
    transfer_columns(&sql, ad->t);
    buf_add_str(&sql, ", unspaced, title_key, labels, words)"
                      " OVERRIDING SYSTEM VALUE SELECT ");
    transfer_columns(&sql, ad->t);
    buf_add_str(&sql, ", unspaced, title_key, labels::text[], words FROM ");
    write_unnest(&sql, a.n);
    buf_add_str(&sql, " AS u(");
    transfer_columns(&sql, ad->t);
    buf_add_str(&sql, ", unspaced, title_key, labels, words)");
    code = run_sql(c, &sql, &a, e);
    buf_release(&sql);
    /* What waits for a vector is a table of its own: take back what the
     * trigger did. */
    pg_arg_array(&ids, PG_INT8_ARRAY,
                 &ad->columns[transfer_column(ad->t, "id")]);
    pg_do(c, "DELETE FROM papers_unembedded WHERE paper_id = ANY ($1)", &ids);
    return code;
}

/* The titles and texts of the chunks, a row each. */
static enum err_code ask_texts(struct pg_conn *c, const struct adding *ad,
                               PGresult **out, struct err *e)
{
    const struct buf *of = ad->columns;
    struct pg_args a = {0};

    pg_arg_array(&a, PG_INT8_ARRAY, &of[transfer_column(ad->t, "document")]);
    pg_arg_array(&a, PG_INT8_ARRAY, &of[transfer_column(ad->t, "start_byte")]);
    pg_arg_array(&a, PG_INT8_ARRAY, &of[transfer_column(ad->t, "end_byte")]);
    return postgres_ask(
        c, out,
        "SELECT d.title, substring(x.text FROM (u.s + 1)::int"
        " FOR (u.e - u.s)::int)"
        " FROM unnest($1, $2, $3) WITH ORDINALITY AS u(document, s, e, n)"
        " LEFT JOIN documents d ON d.key = u.document"
        " LEFT JOIN document_texts x ON x.document = u.document ORDER BY u.n",
        &a, e);
}

/* As in postgres_documents.c: the title once more as authors, so that it counts
 * double. */
static void derive_words(struct buf *words, struct buf *n_words,
                         const PGresult *texts, int i)
{
    struct slice title = pg_slice(texts, i, 0);
    struct paper p = {
        .title = title, .abstract = pg_slice(texts, i, 1), .authors = title};
    size_t at = pg_array_open(words);

    pg_array_i64(n_words, (int64_t)pg_text_vector(words, &p));
    pg_array_close(words, at);
}

/* Every column but model and vector; the words, and how many they are. */
static void insert_chunks(struct pg_conn *c, const struct adding *ad)
{
    static const char *const names[] = {"id",         "document", "idx",
                                        "start_char", "end_char", "start_byte",
                                        "end_byte",   "page",     "tokens",
                                        "sha256",     "metadata"};
    struct pg_args a = {0};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        int k = transfer_column(ad->t, names[i]);

        pg_arg_array(&a, array_type(ad->t->columns[k].type, ad->form),
                     &ad->columns[k]);
    }
    pg_arg_array(&a, PG_TSVECTOR_ARRAY, &ad->derived[0]);
    pg_arg_array(&a, PG_INT8_ARRAY, &ad->derived[1]);
    pg_do(c,
          "INSERT INTO chunks(id, document, idx, start_char, end_char,"
          " start_byte, end_byte, page, tokens, sha256, metadata, words,"
          " n_words) OVERRIDING SYSTEM VALUE SELECT * FROM"
          " unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
          &a);
}

static enum err_code add_chunks(struct pg_conn *c, struct adding *ad,
                                struct err *e)
{
    const struct buf *of = ad->columns;
    struct pg_args a = {0};
    PGresult *texts;
    enum err_code code = ask_texts(c, ad, &texts, e);

    if (code != ERR_NONE)
        return code;
    derived_init(ad, 0, PG_TSVECTOR);
    derived_init(ad, 1, PG_INT8);
    for (size_t i = 0; i < ad->n; i++)
        derive_words(&ad->derived[0], &ad->derived[1], texts, (int)i);
    postgres_lib.PQclear(texts);
    insert_chunks(c, ad);
    pg_arg_array(&a, PG_INT8_ARRAY, &of[transfer_column(ad->t, "id")]);
    pg_arg_array(&a, PG_INT8_ARRAY, &of[transfer_column(ad->t, "document")]);
    pg_arg_array(&a, PG_INT8_ARRAY, &of[transfer_column(ad->t, "model")]);
    pg_arg_array(&a, ad->form->array, &of[transfer_column(ad->t, "vector")]);
    pg_do(c,
          "INSERT INTO chunk_vectors(chunk, document, model, vector)"
          " SELECT * FROM unnest($1, $2, $3, $4)",
          &a);
    return ERR_NONE;
}

static enum err_code set_sequences(struct pg_conn *c, struct adding *ad,
                                   struct err *e)
{
    for (size_t i = 0; i < ad->n; i++) {
        const struct transfer_table *t = transfer_tables;
        struct pg_args a = {0};

        while (t->name && !slice_is(row_of(ad, i)[0].s, t->name))
            t++;
        if (!t->name || !t->numbers_kept)
            return err_set(e, ERR_INVALID, "no numbers of '%.*s' are kept",
                           SLICE_ARG(row_of(ad, i)[0].s));
        pg_arg_text(&a, slice_of(t->name));
        pg_arg_text(&a, slice_of(t->columns[0].name));
        pg_arg_i64(&a, row_of(ad, i)[1].i);
        pg_do(c, "SELECT setval(pg_get_serial_sequence($1, $2), $3)", &a);
    }
    return ERR_NONE;
}

/* A batch may take its time, and its commit is not waited for. */
static const char for_many_rows[] =
    "SELECT set_config('statement_timeout', '0', true),"
    " set_config('synchronous_commit', 'off', true)";

static enum err_code do_rows(struct pg_conn *c, void *ctx, struct err *e)
{
    struct adding *ad = ctx;
    struct pg_args a = {0};
    PGresult *r;
    bool ours;
    enum err_code code;

    pg_do(c, for_many_rows, NULL);
    pg_arg_text(&a, slice_of(ad->t->name));
    pg_arg_i64(&a, (int64_t)ad->n);
    pg_arg_i64(&a, ad->done);
    code = postgres_ask(c, &r,
                        "UPDATE unfinished_move SET n = n + $2"
                        " WHERE part = $1 AND n = $3",
                        &a, e);
    if (code != ERR_NONE)
        return code;
    ours = pg_changed(r) == 1;
    postgres_lib.PQclear(r);
    if (!ours)
        return transfer_overtaken(ad->t->name, e);
    if (transfer_is(ad->t, "papers"))
        return add_papers(c, ad, e);
    if (transfer_is(ad->t, "chunks"))
        return add_chunks(c, ad, e);
    if (transfer_is(ad->t, "sequences"))
        return set_sequences(c, ad, e);
    return add_plain(c, ad, e);
}

enum err_code postgres_import_rows(struct store *s,
                                   const struct transfer_table *t, int64_t done,
                                   const struct transfer_cell *cells, size_t n,
                                   struct err *e)
{
    struct adding ad = {.t = t,
                        .form = &postgres_of(s)->vectors,
                        .done = done,
                        .cells = cells,
                        .n = n};
    enum err_code code;

    columns_make(&ad);
    code = postgres_transact(s, do_rows, &ad, e);
    columns_release(&ad);
    return code;
}

/* ---- anew ---- */

static enum err_code do_clear(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct transfer_table *from = ctx,
                                *t = transfer_tables + transfer_table_count();

    (void)e;
    pg_do(c, "SET LOCAL statement_timeout = 0", NULL);
    while (t-- > from) {
        struct pg_args a = {0};
        char sql[200];

        snprintf(sql, sizeof(sql), "DELETE FROM %s", t->name);
        if (!t->seeded && !transfer_is(t, "sequences"))
            pg_do(c, sql, NULL);
        pg_arg_text(&a, slice_of(t->name));
        pg_do(c, "UPDATE unfinished_move SET n = 0 WHERE part = $1", &a);
    }
    return ERR_NONE;
}

enum err_code postgres_import_clear(struct store *s,
                                    const struct transfer_table *from,
                                    struct err *e)
{
    return postgres_transact(s, do_clear, (void *)from, e);
}

/* ---- the end ---- */

/* Numbers go on behind the greatest. */
static const char continue_numbers[] =
    "DO $do$ DECLARE t record; BEGIN"
    "  FOR t IN SELECT c.relname AS name, a.attname AS col,"
    "    pg_get_serial_sequence(c.relname, a.attname) AS seq"
    "    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    "    WHERE c.relnamespace = current_schema()::regnamespace"
    "    AND a.attidentity <> '' LOOP"
    "    EXECUTE format('SELECT setval(%L, m) FROM (SELECT greatest("
    "max(%I), pg_sequence_last_value(%L::regclass)) AS m FROM %I) x"
    " WHERE m > 0', t.seq, t.col, t.seq, t.name);"
    "  END LOOP;"
    "END $do$";

/* *ctx, a bool: none was left to make. */
static enum err_code do_index(struct pg_conn *c, void *ctx, struct err *e)
{
    bool *none = ctx;
    struct pg_args a = {0};
    PGresult *r;
    enum err_code code = postgres_ask(
        c, &r, "SELECT name, definition FROM unfinished_indexes LIMIT 1", NULL,
        e);

    if (code != ERR_NONE)
        return code;
    *none = postgres_lib.PQntuples(r) == 0;
    if (!*none) {
        pg_do(c, "SET LOCAL statement_timeout = 0", NULL);
        pg_do(c, POSTGRES_INDEX_MEMORY("256MB", "true"), NULL);
        pg_do(c, postgres_lib.PQgetvalue(r, 0, 1), NULL);
        pg_arg_text(&a, pg_slice(r, 0, 0));
        pg_do(c, "DELETE FROM unfinished_indexes WHERE name = $1", &a);
    }
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code do_finish(struct pg_conn *c, void *ctx, struct err *e)
{
    (void)ctx;
    (void)e;
    pg_do(c, "SET LOCAL statement_timeout = 0", NULL);
    pg_do(c, continue_numbers, NULL);
    pg_do(c,
          "UPDATE meta SET live_papers = (SELECT count(*) FROM papers"
          " WHERE deleted_at = 0)",
          NULL);
    pg_do(c,
          "UPDATE vector_sets SET n_chunks = x.n, n_words = x.words"
          " FROM (SELECT count(*) AS n, coalesce(sum(c.n_words), 0)::bigint AS"
          "  words FROM chunks c JOIN documents d ON d.key = c.document"
          "  WHERE d.visible) x WHERE id = 0",
          NULL);
    pg_do(c, "DROP TABLE unfinished_move, unfinished_indexes", NULL);
    return ERR_NONE;
}

enum err_code postgres_import_finish(struct store *s, struct err *e)
{
    bool none = false;
    enum err_code code = ERR_NONE;

    while (code == ERR_NONE && !none) /* each is kept, whatever comes then */
        code = postgres_transact(s, do_index, &none, e);
    return code == ERR_NONE ? postgres_transact(s, do_finish, NULL, e) : code;
}
