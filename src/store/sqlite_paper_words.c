/* sqlite_paper_words.c - papers by their numbers, and by their words. */
#include "store/sqlite_documents.h"

static void read_paper(struct query *q, struct arena *a, void *row)
{
    paper_read_marked(q, a, row);
}

enum err_code sqlite_papers_get(struct store *base, struct arena *a,
                                const int64_t *ids, size_t n,
                                struct paper **out, size_t *n_out,
                                struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct paper)};
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = q_rows_by_id(c,
                        "SELECT " MARKED_COLUMNS " FROM " MARKED_PAPERS
                        " WHERE id = ? AND deleted_at = 0",
                        ids, n, &rows, read_paper, e);
    db_put(s, c);
    *out = (struct paper *)(void *)rows.p;
    *n_out = rows.n;
    return code;
}

struct searching {
    bool (*keep)(void *ctx, int64_t paper_id);
    void *ctx;
    struct match_list list;
};

/* Deleted papers are not in the full text. */
static enum err_code search_all(struct db *c, struct slice expression,
                                struct searching *w, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT rowid, bm25(papers_fts, 2.0, 1.0, 0.0) FROM papers_fts"
            " WHERE papers_fts MATCH ?");
    q_text(&q, expression);
    while (q_next(&q)) {
        struct word_match m = {.id = q_get_int(&q)};

        m.score = -q_get_double(&q); /* FTS5's best is the lowest */
        if (match_list_wants(&w->list, m) &&
            (!w->keep || w->keep(w->ctx, m.id)))
            match_list_add(&w->list, m);
    }
    return q_end(&q, e);
}

enum err_code sqlite_papers_words(struct store *base, struct arena *a,
                                  struct slice text, int k,
                                  bool (*keep)(void *ctx, int64_t paper_id),
                                  void *ctx, struct word_match **out, size_t *n,
                                  struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct searching w = {keep, ctx, {.k = (size_t)k}};
    struct buf expression;
    size_t empty;
    struct db *c;
    enum err_code code = ERR_NONE;

    w.list.p = arena_calloc(a, (size_t)k + 1, sizeof(*w.list.p));
    if (!w.list.p)
        return arena_full(e);
    buf_init(&expression, (size_t)32 << 20);
    buf_add_str(&expression, "{title abstract} : (");
    empty = expression.len;
    words_expression(&expression, text);
    if (expression.len > empty && k) {
        buf_add_str(&expression, ")");
        code = text_snapshot(s, &c, e);
        if (code == ERR_NONE) {
            code = search_all(c, buf_slice(&expression), &w, e);
            db_put(s, c);
        }
    }
    buf_release(&expression);
    *out = w.list.p;
    *n = w.list.n;
    return code;
}
