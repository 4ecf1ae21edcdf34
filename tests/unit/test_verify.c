/* test_verify.c - each kind of damage is found, and nothing in what is whole.
 */
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "full_store.h"
#include "transfer/check.h"

struct told {
    char text[4000];
    int found, notes;
};

static void step(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
}

static void on_found(void *ctx, const char *text)
{
    struct told *t = ctx;
    size_t n = strlen(t->text);

    t->found++;
    snprintf(t->text + n, sizeof(t->text) - n, "%s\n", text);
}

static void note(void *ctx, const char *text)
{
    struct told *t = ctx;

    (void)text;
    t->notes++;
}

static struct told verify(struct store_fixture *f, bool repair)
{
    struct told t = {.found = 0};
    const struct store_verify v = {.repair = repair,
                                   .step = step,
                                   .found = on_found,
                                   .note = note,
                                   .ctx = &t};

    OK(f, store_verify(f->s, &v, &f->err));
    OK(f, check_vectors(f->s, &v, &f->err));
    return t;
}

/* Behind the store's back. */
static void do_sqlite(struct store_fixture *f, const char *sql)
{
    char path[300];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/sheaf.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("'%s': %s", sql, sqlite3_errmsg(db));
    assert_true(sqlite3_total_changes(db) > 0);
    sqlite3_close(db);
}

static void do_postgres(struct store_fixture *f, const char *sql)
{
    PGconn *c = PQconnectdb(f->url);
    PGresult *r = PQexec(c, sql);

    if (PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("'%s': %s", sql, PQerrorMessage(c));
    assert_string_not_equal(PQcmdTuples(r), "0"); /* it hit something */
    PQclear(r);
    PQfinish(c);
}

/* What is done, and what is to be said of it.  For `on`: b both, s SQLite, p
 * PostgreSQL, y PostgreSQL with vectors as bytes. */
static const struct damage {
    char on;
    const char *sql, *said;
} damages[] = {
    {'b', "DELETE FROM chunks WHERE idx = 3 AND document = 1",
     "chunks are not all there"},
    {'b', "DELETE FROM chunks WHERE idx = 3 AND document = 1", "a gap"},
    {'s', "UPDATE chunks SET document = 99 WHERE id = 3",
     "belong to no document"},
    {'s', "DELETE FROM documents WHERE key = 2", "texts that belong to no"},
    {'b', "UPDATE chunks SET end_byte = 1000000 WHERE id = 2",
     "reach beyond their document's text"},
    {'b', "UPDATE documents SET generation = 99 WHERE visible",
     "later generation"},
    {'b', "INSERT INTO papers_unembedded VALUES (99)",
     "wait for a vector and are not there"},
    {'b', "DELETE FROM papers_unembedded", "wait for none"},
    {'b', "UPDATE meta SET live_papers = live_papers + 2",
     "2 papers too many or too few"},
    {'b', "UPDATE paper_marks SET paper_id = 99", "marks of papers"},
    {'b', "UPDATE job_files SET job_id = 'gone'", "files of jobs"},
    {'b', "DELETE FROM pages", "views of pages"},
    {'b', "UPDATE collections SET database = 99", "of databases that are not"},
    {'b', "DELETE FROM collections", "of collections that are not"},
    {'b', "DELETE FROM records WHERE id = 'a'", "number of records is wrong"},
    {'b', "UPDATE collections SET dim = 4", "their collection's length"},
    /* SQLite only */
    {'s', "DELETE FROM document_texts WHERE document = 1",
     "text is not all there"},
    {'s',
     "UPDATE document_texts SET text = CAST(replace(CAST(text AS TEXT),"
     " 'vanish', 'fanish') AS BLOB)",
     "not what it was when they were cut"},
    {'s', "UPDATE chunks SET vector = x'00' WHERE id = 2",
     "chunks of a wrong length"},
    {'s', "UPDATE paper_vectors SET vector = x'00' WHERE paper_id = 2",
     "papers of a wrong length"},
    {'s', "UPDATE chunks SET vector = zeroblob(1536) WHERE id = 2",
     "not of length 1"},
    {'s',
     "UPDATE chunks SET vector = CAST(x'0000c07f' ||"
     " zeroblob(1532) AS BLOB) WHERE id = 2",
     "not finite"},
    {'s', "INSERT INTO paper_tags VALUES ('x', 99)", "tags of papers"},
    {'s',
     "INSERT INTO papers_fts(papers_fts, rowid, title, abstract, authors)"
     " SELECT 'delete', id, title, abstract, authors FROM papers"
     " WHERE id = 3",
     "full text of papers is not"},
    {'s', "INSERT INTO papers_trigram(papers_trigram) VALUES ('delete-all')",
     "scripts without spaces"},
    {'s', "INSERT INTO chunks_fts(rowid, title, text) VALUES (2, 'x', 'more')",
     "full text of chunks is not"},
    {'s', "INSERT INTO delivery_attempts VALUES (99, 1, 0, 0, 0, '', '')",
     "attempts of deliveries"},
    /* PostgreSQL only */
    {'p', "DELETE FROM document_texts WHERE document = 1",
     "text is not all there"},
    {'p',
     "UPDATE document_texts SET text = convert_to(replace(convert_from("
     "text, 'UTF8'), 'vanish', 'fanish'), 'UTF8')",
     "not what it was when they were cut"},
    {'p', "DELETE FROM chunk_vectors WHERE chunk = 2", "without a vector"},
    {'p',
     "INSERT INTO chunk_vectors SELECT 99, document, model, vector FROM"
     " chunk_vectors LIMIT 1",
     "vectors of chunks that are not there"},
    {'y', "UPDATE chunk_vectors SET vector = '\\x00' WHERE chunk = 2",
     "chunks of a wrong length"},
    {'y',
     "UPDATE paper_vectors SET vector = decode(repeat('00', 1536), 'hex')"
     " WHERE paper_id = 2",
     "not of length 1"},
    {'p', "UPDATE papers SET words = words || 'strange:1' WHERE id = 3",
     "full text of papers is not"},
    {'p', "UPDATE chunks SET words = '' WHERE id = 3",
     "full text of chunks is not"},
    {'p', "UPDATE vector_sets SET n_chunks = n_chunks + 1 WHERE id = 0",
     "count of chunks"},
    {'p', "UPDATE vector_sets SET n_words = n_words + 1 WHERE id = 0",
     "count of words"},
};
#define N_DAMAGES (sizeof(damages) / sizeof(*damages))

static bool is_sqlite(const struct store_fixture *f)
{
    return strcmp(store_name(f->s), "sqlite") == 0;
}

static bool applies(const struct store_fixture *f, const struct damage *d)
{
    if (is_sqlite(f))
        return d->on == 's' || d->on == 'b';
    return d->on == 'p' || d->on == 'b' ||
           (d->on == 'y' && f->vectors != STORE_VECTORS_PGVECTOR);
}

static void do_sql(struct store_fixture *f, const char *sql)
{
    if (is_sqlite(f))
        do_sqlite(f, sql);
    else
        do_postgres(f, sql);
}

/* Empty again, and filled. */
static void renew(struct store_fixture *f)
{
    static const char *const endings[] = {"", "-wal", "-shm"};

    store_close(f->s);
    if (f->schema[0]) {
        char sql[200];

        snprintf(sql, sizeof(sql),
                 "SET client_min_messages = warning;"
                 "DROP SCHEMA %s CASCADE; CREATE SCHEMA %s",
                 f->schema, f->schema);
        do_postgres(f, sql);
    }
    for (int i = 0; !f->schema[0] && i < 3; i++) {
        char path[300];

        snprintf(path, sizeof(path), "%s/sheaf.db%s", f->dir, endings[i]);
        unlink(path);
    }
    f->s = store_reopen(f);
    full_store_fill(f);
    search(f, "unspaced"); /* what waits for the full text goes in */
}

static void damage_is_found(struct store_fixture *f)
{
    full_store_fill(f);
    assert_string_equal(verify(f, false).text, "");
    for (size_t i = 0; i < N_DAMAGES; i++) {
        struct told t;

        if (!applies(f, &damages[i]))
            continue;
        renew(f);
        do_sql(f, damages[i].sql);
        t = verify(f, false);
        if (!t.found || !strstr(t.text, damages[i].said))
            fail_msg("'%s' was not found behind '%s', but: %s", damages[i].said,
                     damages[i].sql, t.text);
    }
}

static void full_text_is_repaired(struct store_fixture *f)
{
    struct told t;

    full_store_fill(f);
    search(f, "unspaced");
    if (is_sqlite(f)) {
        do_sqlite(f,
                  "INSERT INTO papers_fts(papers_fts) VALUES ('delete-all')");
        do_sqlite(f,
                  "INSERT INTO chunks_fts(chunks_fts) VALUES ('delete-all')");
    } else {
        do_postgres(f, "UPDATE papers SET words = 'other:1'");
        do_postgres(f, "UPDATE chunks SET words = 'other:1', n_words = 1");
    }
    assert_true(verify(f, false).found >= 2);
    t = verify(f, true);
    assert_true(t.found >= 2);
    assert_string_equal(verify(f, false).text, "");
    full_store_check(f);
}

static const struct store_case cases[] = {
    CASE_WHERE(ON_DISK, damage_is_found),
    CASE_WHERE(ON_DISK, full_text_is_repaired),
};

int main(void)
{
    return STORE_SUITE("verify", cases);
}
