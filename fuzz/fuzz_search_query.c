/* Any bytes as a search: terms are slices of the text, usable, and their FTS5
 * expression is taken by SQLite without a complaint. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "store/search_query.h"
#include "store/sqlite_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One row, so that an expression is really run. */
static sqlite3_stmt *matcher(void)
{
    static sqlite3_stmt *st;
    sqlite3 *db;

    if (st)
        return st;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
        sqlite3_exec(db,
                     "CREATE VIRTUAL TABLE t USING fts5(a, b, tokenize='porter"
                     " unicode61 remove_diacritics 2');"
                     "INSERT INTO t VALUES ('some words', 'and others')",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT rowid FROM t WHERE t MATCH ?", -1, &st,
                           NULL) != SQLITE_OK)
        abort();
    return st;
}

static void run_expression(const struct search_query *q)
{
    sqlite3_stmt *st = matcher();
    struct buf b;
    int rc;

    buf_init(&b, 1u << 20);
    for (size_t i = 0; i < q->n; i++) {
        if (i)
            buf_add_str(&b, " AND ");
        fts_term(&b, &q->terms[i]);
    }
    assert(buf_ok(&b));
    sqlite3_bind_text(st, 1, b.p, (int)b.len, SQLITE_STATIC);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        ;
    assert(rc == SQLITE_DONE);
    sqlite3_reset(st);
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct search_query q;
    size_t wanted = 0;
    bool has_nul = false;

    search_has_word(text);
    search_is_unspaced(text);
    if (search_parse(text, &q, NULL) != ERR_NONE)
        return 0;
    assert(q.n >= 1 && q.n <= SEARCH_MAX_TERMS);
    for (size_t i = 0; i < q.n; i++) {
        const struct search_term *t = &q.terms[i];

        assert(t->text.p >= text.p &&
               t->text.p + t->text.len <= text.p + text.len);
        assert(utf8_valid(t->text) && search_has_word(t->text));
        assert(t->unspaced == search_is_unspaced(t->text));
        wanted += !t->excluded;
        has_nul |= slice_find_byte(t->text, 0) >= 0;
    }
    assert(wanted == q.n_wanted);
    /* store.c lets no NUL pass; to SQLite it would end the expression */
    if (!has_nul)
        run_expression(&q);
    search_open_end(&q, text);
    if (!has_nul)
        run_expression(&q);
    return 0;
}
