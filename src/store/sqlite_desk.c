/* sqlite_desk.c - what a reader keeps: marks of papers, saved searches. */
#include <string.h>

#include "store/paper_rules.h"
#include "store/sqlite_impl.h"

static enum err_code marks_get(struct store *base, struct arena *a, int64_t id,
                               struct paper_marks *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    bool found;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT read, starred, note, marked_at FROM " MARKED_PAPERS
            " WHERE id = ? AND deleted_at = 0");
    q_int(&q, id);
    found = q_next(&q);
    if (found) {
        out->read = q_get_int(&q);
        out->starred = q_get_int(&q);
        out->note = q_get_text(&q, a);
        out->marked_at = q_get_int(&q);
    }
    code = q_end(&q, e);
    db_put(s, c);
    return code == ERR_NONE && !found ? paper_missing(id, e) : code;
}

struct marking {
    const int64_t *ids;
    size_t n;
    const struct marks_change *change;
    bool *marked;
};

static enum err_code is_there(struct db *c, int64_t id, bool *out,
                              struct err *e)
{
    struct query q;
    int64_t alive = 0;
    enum err_code code;

    q_start(&q, c, "SELECT deleted_at = 0 FROM papers WHERE id = ?");
    q_int(&q, id);
    code = q_one_int(&q, 0, &alive, e);
    *out = alive;
    return code;
}

/* NULL stands for what is not to be changed.  *changed: is anything new? */
static enum err_code mark_one(struct db *c, int64_t id,
                              const struct marks_change *m, int64_t *changed,
                              struct err *e)
{
    struct query q;

    q_start(&q, c,
            "INSERT INTO paper_marks AS m(paper_id, read, starred, noted,"
            " marked_at, note)"
            " VALUES (?1, coalesce(?2, 0), coalesce(?3, 0),"
            " coalesce(?4, '') <> '', ?5, coalesce(?4, ''))"
            " ON CONFLICT(paper_id) DO UPDATE SET"
            " read = coalesce(?2, read), starred = coalesce(?3, starred),"
            " note = coalesce(?4, note), noted = coalesce(?4, note) <> '',"
            " marked_at = ?5"
            " WHERE (read, starred, note) <> (coalesce(?2, read),"
            " coalesce(?3, starred), coalesce(?4, note))");
    q_int(&q, id);
    q_int_or_null(&q, m->read, m->read && *m->read);
    q_int_or_null(&q, m->starred, m->starred && *m->starred);
    if (m->note)
        q_text(&q, *m->note);
    else
        q_text_or_null(&q, SLICE_NONE);
    q_int(&q, m->now_us);
    return q_run(&q, changed, e);
}

static enum err_code touch_marks(struct db *c, struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c, "UPDATE meta SET marks_generation = marks_generation + 1");
    code = q_run(&q, NULL, e);
    return code == ERR_NONE ? writer_touch(c, false, e) : code;
}

static enum err_code do_mark(struct sqlite_store *s, struct db *c, void *ctx,
                             struct err *e)
{
    struct marking *m = ctx;
    int64_t changed, any = 0;
    enum err_code code = ERR_NONE;

    (void)s;
    for (size_t i = 0; i < m->n && code == ERR_NONE; i++) {
        code = is_there(c, m->ids[i], &m->marked[i], e);
        if (code != ERR_NONE || !m->marked[i])
            continue;
        code = mark_one(c, m->ids[i], m->change, &changed, e);
        any += changed;
    }
    return code == ERR_NONE && any ? touch_marks(c, e) : code;
}

static enum err_code marks_set(struct store *base, const int64_t *ids, size_t n,
                               const struct marks_change *change, bool *marked,
                               struct err *e)
{
    struct marking m = {ids, n, change, marked};

    return writer_run(sqlite_downcast(base), do_mark, &m, e);
}

/* ---- saved searches ---- */

#define SEARCH_COLUMNS "id, name, filters, seen_at, created_at, updated_at"

static enum err_code no_search(int64_t id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no saved search '%lld'", (long long)id);
}

static void read_search(struct query *q, struct arena *a, void *row)
{
    struct saved_search *s = row;

    s->id = q_get_int(q);
    s->name = q_get_text(q, a);
    s->filters = q_get_text(q, a);
    s->seen_at = q_get_int(q);
    s->created_at = q_get_int(q);
    s->updated_at = q_get_int(q);
}

struct saving {
    const struct saved_search *put;
    int64_t now_us, id;
};

static enum err_code replace_search(struct db *c, const struct saving *p,
                                    struct err *e)
{
    struct query q;
    int64_t changed = 0;
    enum err_code code;

    q_start(&q, c,
            "UPDATE saved_searches SET name = ?, filters = ?, seen_at = ?,"
            " updated_at = ? WHERE id = ?");
    q_text(&q, p->put->name);
    q_text(&q, p->put->filters);
    q_int(&q, p->put->seen_at);
    q_int(&q, p->now_us);
    q_int(&q, p->id);
    code = q_run(&q, &changed, e);
    return code == ERR_NONE && !changed ? no_search(p->id, e) : code;
}

static enum err_code insert_search(struct db *c, struct saving *p,
                                   struct err *e)
{
    struct query q;
    int64_t changed = 0;
    enum err_code code;

    q_start(&q, c,
            "INSERT INTO saved_searches(name, filters, seen_at, created_at,"
            " updated_at) SELECT ?1, ?2, ?3, ?4, ?4"
            " WHERE (SELECT count(*) FROM saved_searches) < ?5");
    q_text(&q, p->put->name);
    q_text(&q, p->put->filters);
    q_int(&q, p->put->seen_at);
    q_int(&q, p->now_us);
    q_int(&q, SEARCHES_MAX);
    code = q_run(&q, &changed, e);
    if (code == ERR_NONE && !changed)
        return err_set(e, ERR_CONFLICT,
                       "there are %d saved searches already: delete one first",
                       SEARCHES_MAX);
    p->id = sqlite3_last_insert_rowid(c->db);
    return code;
}

static enum err_code do_save(struct sqlite_store *s, struct db *c, void *ctx,
                             struct err *e)
{
    struct saving *p = ctx;
    enum err_code code;

    (void)s;
    p->id = p->put->id;
    code = p->id ? replace_search(c, p, e) : insert_search(c, p, e);
    return code == ERR_NONE ? writer_touch(c, false, e) : code;
}

static enum err_code search_put(struct store *base,
                                const struct saved_search *put, int64_t now_us,
                                int64_t *id, struct err *e)
{
    struct saving p = {.put = put, .now_us = now_us};
    enum err_code code = writer_run(sqlite_downcast(base), do_save, &p, e);

    if (code == ERR_NONE)
        *id = p.id;
    return code;
}

static enum err_code do_forget(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    const int64_t *id = ctx;
    struct query q;
    int64_t changed = 0;
    enum err_code code;

    (void)s;
    q_start(&q, c, "DELETE FROM saved_searches WHERE id = ?");
    q_int(&q, *id);
    code = q_run(&q, &changed, e);
    if (code == ERR_NONE && !changed)
        return no_search(*id, e);
    return code == ERR_NONE ? writer_touch(c, false, e) : code;
}

static enum err_code search_delete(struct store *base, int64_t id,
                                   struct err *e)
{
    return writer_run(sqlite_downcast(base), do_forget, &id, e);
}

/* All, or (with an id) one. */
static enum err_code read_searches(struct store *base, int64_t id,
                                   struct rows *rows, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT " SEARCH_COLUMNS " FROM saved_searches"
            " WHERE ?1 IN (0, id) ORDER BY id");
    q_int(&q, id);
    code = q_rows(&q, rows, read_search, e);
    db_put(s, c);
    return code;
}

static enum err_code search_get(struct store *base, struct arena *a, int64_t id,
                                struct saved_search *out, struct err *e)
{
    struct rows rows = {.a = a, .size = sizeof(*out)};
    enum err_code code = read_searches(base, id, &rows, e);

    if (code == ERR_NONE && rows.n != 1)
        return no_search(id, e);
    if (code == ERR_NONE)
        memcpy(out, rows.p, sizeof(*out));
    return code;
}

static enum err_code searches_list(struct store *base, struct arena *a,
                                   struct saved_search **out, size_t *n,
                                   struct err *e)
{
    struct rows rows = {.a = a, .size = sizeof(**out)};
    enum err_code code = read_searches(base, 0, &rows, e);

    *out = (struct saved_search *)(void *)rows.p;
    *n = rows.n;
    return code;
}

const struct desk_ops sqlite_desk_ops = {
    .marks_get = marks_get,
    .marks_set = marks_set,
    .search_put = search_put,
    .search_get = search_get,
    .search_delete = search_delete,
    .searches_list = searches_list,
};
