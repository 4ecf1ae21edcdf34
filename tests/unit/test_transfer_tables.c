/* test_transfer_tables.c - the list of tables is what the migrations made. */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "store/sqlite_impl.h"
#include "store/transfer.h"
#include "store_fixture.h"

/* What is made of the rest, or is about the database itself. */
static const char *const made[] = {
    /* SQLite: full text with its tables, tags, numbers given */
    "papers_fts*", "papers_trigram*", "chunks_fts*", "paper_tags",
    "sqlite_sequence",
    /* PostgreSQL: the vectors of chunks, the steps taken */
    "chunk_vectors", "schema_versions",
    /* what a Chroma server has is compared anew */
    "vector_copy", "vector_copies",
    /* columns */
    "meta.papers_generation", "meta.live_papers", "meta.texts_through",
    "papers.unspaced", "papers.title_key", "papers.labels", "papers.words",
    "jobs.due_at", "chunks.words", "chunks.n_words", "vector_sets.n_chunks",
    "vector_sets.n_words", "document_texts.at", NULL};
/* PostgreSQL has these elsewhere (chunk_vectors). */
static const char *const elsewhere[] = {"chunks.model", "chunks.vector", NULL};

static bool listed(const char *const *list, const char *name)
{
    for (; *list; list++) {
        size_t n = strlen(*list);

        if ((*list)[n - 1] == '*' ? strncmp(*list, name, n - 1) == 0
                                  : strcmp(*list, name) == 0)
            return true;
    }
    return false;
}

static bool carried(const char *table, const char *column)
{
    for (const struct transfer_table *t = transfer_tables; t->name; t++)
        for (int i = 0; strcmp(t->name, table) == 0 && i < t->n_columns; i++)
            if (strcmp(t->columns[i].name, column) == 0)
                return true;
    return false;
}

/* ",table.column,...": what the database has. */
static void read_sqlite(struct store_fixture *f, struct buf *out)
{
    struct db *c;
    struct query q;

    OK(f, db_get(sqlite_downcast(f->s), false, &c, &f->err));
    q_start(&q, c,
            "SELECT t.name, c.name FROM sqlite_schema t"
            " JOIN pragma_table_info(t.name) c WHERE t.type = 'table'");
    while (q_next(&q)) {
        struct slice table = q_peek_text(&q), column = q_peek_text(&q);

        buf_printf(out, "%.*s.%.*s,", SLICE_ARG(table), SLICE_ARG(column));
    }
    OK(f, q_end(&q, &f->err));
    db_put(sqlite_downcast(f->s), c);
}

static void read_postgres(struct store_fixture *f, struct buf *out)
{
    const char *const schema[] = {f->schema};
    PGconn *c = PQconnectdb(f->server);
    PGresult *r = PQexecParams(c,
                               "SELECT table_name || '.' || column_name"
                               " FROM information_schema.columns"
                               " WHERE table_schema = $1",
                               1, NULL, schema, NULL, NULL, 0);

    assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
    for (int i = 0; i < PQntuples(r); i++)
        buf_printf(out, "%s,", PQgetvalue(r, i, 0));
    PQclear(r);
    PQfinish(c);
}

static void read_schema(struct store_fixture *f, struct buf *out)
{
    buf_init(out, 1 << 20);
    buf_add_char(out, ',');
    if (strcmp(store_name(f->s), "sqlite") == 0)
        read_sqlite(f, out);
    else
        read_postgres(f, out);
    assert_true(buf_ok(out));
}

static void every_column_is_listed(struct store_fixture *f)
{
    struct slice rest, name;
    struct buf b;
    int n = 0;

    read_schema(f, &b);
    rest = buf_slice(&b);
    while (slice_split(&rest, ',', &name)) {
        char both[200], table[200], *column;

        if (name.len == 0)
            continue;
        snprintf(both, sizeof(both), "%.*s", SLICE_ARG(name));
        snprintf(table, sizeof(table), "%s", both);
        column = strchr(table, '.');
        *column++ = '\0';
        n++;
        if (!carried(table, column) && !listed(made, both) &&
            !listed(made, table))
            fail_msg("'%s' is not in transfer_tables.c", both);
    }
    assert_true(n > 100);
    buf_release(&b);
}

static void every_listed_column_is_there(struct store_fixture *f)
{
    bool sqlite = strcmp(store_name(f->s), "sqlite") == 0;
    struct buf b;

    read_schema(f, &b);
    for (const struct transfer_table *t = transfer_tables; t->name; t++)
        for (int i = 0; i < t->n_columns; i++) {
            char both[200], wanted[202];

            snprintf(both, sizeof(both), "%s.%s", t->name, t->columns[i].name);
            snprintf(wanted, sizeof(wanted), ",%s,", both);
            if (strcmp(t->name, "sequences") != 0 &&
                (sqlite || !listed(elsewhere, both)) && !strstr(b.p, wanted))
                fail_msg("the database has no '%s'", both);
        }
    buf_release(&b);
}

static const struct store_case cases[] = {
    CASE(every_column_is_listed),
    CASE(every_listed_column_is_there),
};

int main(void)
{
    return STORE_SUITE("transfer_tables", cases);
}
