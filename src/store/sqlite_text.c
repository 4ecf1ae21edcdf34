/* sqlite_text.c - what of the papers is in the full text, and its upkeep.
 *
 * To index the texts of 50 papers costs as much as all else that a webhook
 * writes, and adds a segment that has to be merged later.  So a webhook leaves
 * them: ids above meta.texts_through are not indexed.  They are, many at once,
 * in the next pause of the writer, and at the latest when somebody searches.  A
 * search never sees a paper unindexed:
 *   - text_snapshot() has the writer index what waits in its snapshot, and
 * takes another one; it counts itself in `searching` until that stands;
 *   - whose transaction begins meanwhile indexes its papers itself.
 * The papers' generation does not change with it: no answer does.
 *
 * FTS5 merges by itself in every fifth webhook, which then writes 700 pages and
 * not 160: that too is left for when nobody waits.
 */
#include "store/sqlite_impl.h"

#include "base/log.h"
#include "store/search_query.h"

/* Papers that may wait while others write, and how many are indexed at a time:
 * in about 4 ms. */
#define INDEX_BUSY 500
#define INDEX_BATCH 100
/* Segments, when idle (FTS5 merges four or more) and when busy: a search looks
 * into each, which costs it some 10 us. */
#define MERGE_IDLE 4
#define MERGE_BUSY 64
#define MERGE_PAGES 128 /* at a time, about 2 ms */

bool text_is_unspaced(const struct paper *p)
{
    return search_is_unspaced(p->title) || search_is_unspaced(p->abstract) ||
           search_is_unspaced(p->authors);
}

/* ---- papers that wait ---- */

/* Those with after < id <= through; ids only grow, rows are never taken out of
 * `papers`. */
struct waiting {
    int64_t after, through;
};

static enum err_code find_waiting(struct db *c, struct waiting *w,
                                  struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT texts_through, (SELECT max(id) FROM papers) FROM meta");
    if (q_next(&q)) {
        w->after = q_get_int(&q);
        w->through = q_get_int(&q); /* NULL, no papers, is 0 */
    }
    return q_end(&q, e);
}

static enum err_code run(struct db *c, const char *sql, const struct waiting *w,
                         struct err *e)
{
    struct query q;

    q_start(&q, c, sql);
    q_int(&q, w->after);
    q_int(&q, w->through);
    return q_run(&q, NULL, e);
}

/* Of those that wait the oldest, up to `most`.  (Without NOT INDEXED SQLite
 * would go through all papers that are not deleted.) */
static enum err_code index_waiting(struct sqlite_store *s, struct db *c,
                                   int64_t most, struct err *e)
{
    struct waiting w = {0, 0};
    enum err_code code = find_waiting(c, &w, e);

    if (code != ERR_NONE || w.through == w.after)
        return code;
    if (w.through - w.after > most)
        w.through = w.after + most;
    s->text.written = true;
    code = run(c,
               "INSERT INTO papers_fts(rowid, title, abstract, authors)"
               " SELECT id, title, abstract, authors FROM papers NOT INDEXED"
               " WHERE id > ? AND id <= ? AND deleted_at = 0 ORDER BY id",
               &w, e);
    if (code == ERR_NONE)
        code = run(c,
                   "INSERT INTO papers_trigram(rowid, title, abstract, authors)"
                   " SELECT id, title, abstract, authors"
                   " FROM papers NOT INDEXED WHERE id > ? AND id <= ?"
                   " AND deleted_at = 0 AND unspaced = 1 ORDER BY id",
                   &w, e);
    if (code == ERR_NONE)
        code = run(c, "UPDATE meta SET texts_through = max(?, ?)", &w, e);
    return code;
}

static enum err_code do_index(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    const int64_t *most = ctx;

    return index_waiting(s, c, *most, e);
}

enum err_code text_arrived(struct sqlite_store *s, struct db *c, struct err *e)
{
    return atomic_load(&s->searching) ? index_waiting(s, c, INT64_MAX, e)
                                      : ERR_NONE;
}

enum err_code text_catch_up(struct sqlite_store *s, struct err *e)
{
    int64_t batch = INDEX_BATCH;
    enum err_code code = ERR_NONE;

    while (code == ERR_NONE && atomic_load(&s->unindexed) > 0)
        code = writer_run(s, do_index, &batch, e);
    return code;
}

/* A snapshot, and whether papers wait in it: this first read decides which
 * moment it is of. */
static enum err_code try_snapshot(struct sqlite_store *s, struct db **out,
                                  bool *whole, struct err *e)
{
    struct waiting w = {0, 0};
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = find_waiting(c, &w, e);
    *whole = w.after == w.through;
    if (code == ERR_NONE && *whole)
        *out = c;
    else
        db_put(s, c);
    return code;
}

enum err_code text_snapshot(struct sqlite_store *s, struct db **out,
                            struct err *e)
{
    int64_t all = INT64_MAX;
    bool whole = false;
    enum err_code code;

    atomic_fetch_add(&s->searching, 1);
    code = try_snapshot(s, out, &whole, e);
    /* Twice if a transaction was on its way when we came. */
    while (code == ERR_NONE && !whole) {
        code = writer_run(s, do_index, &all, e);
        if (code == ERR_NONE)
            code = try_snapshot(s, out, &whole, e);
    }
    atomic_fetch_sub(&s->searching, 1);
    return code;
}

/* ---- single papers ---- */

static enum err_code write_text(struct db *c, const char *sql,
                                const struct paper *p, struct err *e)
{
    struct query q;

    q_start(&q, c, sql);
    q_int(&q, p->id);
    q_text(&q, p->title);
    q_text(&q, p->abstract);
    q_text(&q, p->authors);
    return q_run(&q, NULL, e);
}

enum err_code text_add(struct sqlite_store *s, struct db *c,
                       const struct paper *p, struct err *e)
{
    enum err_code code =
        write_text(c,
                   "INSERT INTO papers_fts(rowid, title, abstract, authors)"
                   " VALUES (?, ?, ?, ?)",
                   p, e);

    s->text.written = true;
    if (code == ERR_NONE && text_is_unspaced(p))
        code = write_text(
            c,
            "INSERT INTO papers_trigram(rowid, title, abstract, authors)"
            " VALUES (?, ?, ?, ?)",
            p, e);
    return code;
}

enum err_code text_remove(struct sqlite_store *s, struct db *c,
                          const struct paper *old, struct err *e)
{
    enum err_code code =
        index_waiting(s, c, INT64_MAX, e); /* it may be one of them */

    s->text.written = true;
    /* The index keeps no texts: it must be told the old ones. */
    if (code == ERR_NONE)
        code = write_text(
            c,
            "INSERT INTO papers_fts(papers_fts, rowid, title, abstract,"
            " authors) VALUES ('delete', ?, ?, ?, ?)",
            old, e);
    if (code == ERR_NONE && text_is_unspaced(old))
        code = write_text(
            c,
            "INSERT INTO papers_trigram(papers_trigram, rowid, title, abstract,"
            " authors) VALUES ('delete', ?, ?, ?, ?)",
            old, e);
    return code;
}

/* ---- upkeep, on the writer's thread ---- */

static bool should_index(const struct sqlite_store *s, enum lull lull)
{
    return !s->text.failed &&
           atomic_load(&s->unindexed) >= (lull == LULL_NONE ? INDEX_BUSY : 1);
}

static bool should_merge(const struct sqlite_store *s, enum lull lull)
{
    return s->text.segments >= (lull == LULL_IDLE ? MERGE_IDLE : MERGE_BUSY);
}

bool text_has_upkeep(const struct sqlite_store *s, enum lull lull)
{
    return (s->text.merging && lull != LULL_PAUSE) || should_index(s, lull) ||
           should_merge(s, lull);
}

/* Merge some pages; false: there is nothing more to merge.  FTS5 says so by
 * changing less than two rows. */
static bool merge_some(struct db *c)
{
    int64_t before = sqlite3_total_changes64(c->db);
    struct query q;
    struct err err;

    q_start(&q, c,
            "INSERT INTO papers_fts(papers_fts, rank) VALUES ('merge', ?)");
    q_int(&q, MERGE_PAGES);
    if (q_run(&q, NULL, &err) != ERR_NONE) {
        log_warn("store", "full text was not merged", LOG_S("error", err.msg));
        return false;
    }
    return sqlite3_total_changes64(c->db) - before >= 2;
}

void text_upkeep(struct sqlite_store *s, struct db *c, enum lull lull)
{
    int64_t batch = INDEX_BATCH;
    struct err err;

    if (should_index(s, lull)) {
        /* Tried again after the next write, or by the next search. */
        s->text.failed =
            writer_run_here(s, c, do_index, &batch, &err) != ERR_NONE;
        if (s->text.failed)
            log_warn("store", "texts of papers were not indexed",
                     LOG_S("error", err.msg));
    } else {
        if (should_merge(s, lull)) {
            s->text.merging = true;
            s->text.segments = 0;
        }
        if (s->text.merging)
            s->text.merging = merge_some(c);
    }
}
