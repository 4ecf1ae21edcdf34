/* postgres_desk.c - what a reader keeps: marks of papers, saved searches. */
#include "store/paper_rules.h"
#include "store/postgres.h"

static void read_marks(struct pg_row *w, void *element)
{
    struct paper_marks *m = element;

    m->read = pg_row_bool(w);
    m->starred = pg_row_bool(w);
    m->note = pg_row_text(w);
    m->marked_at = pg_row_i64(w);
}

static enum err_code marks_get(struct store *s, struct arena *a, int64_t id,
                               struct paper_marks *out, struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    pg_arg_i64(&args, id);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql = "SELECT m.read, m.starred, m.note,"
                                   " m.marked_at FROM papers p"
                                   " LEFT JOIN paper_marks m"
                                   " ON m.paper_id = p.id"
                                   " WHERE p.id = $1 AND p.deleted_at = 0",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = read_marks},
        out, &found, e);
    return code == ERR_NONE && !found ? paper_missing(id, e) : code;
}

struct marking {
    const int64_t *ids;
    size_t n;
    const struct marks_change *change;
    bool *marked;
};

/* In the order of their numbers, so that two calls cannot wait for each other.
 * Gives the places in $1 whose papers are there, each with how many were
 * changed in all. */
#define SQL_MARK                                                               \
    "WITH there AS (SELECT p.id FROM papers p WHERE p.id = ANY ($1)"           \
    "  AND p.deleted_at = 0 ORDER BY p.id),"                                   \
    " changed AS (INSERT INTO paper_marks AS m(paper_id, read, starred,"       \
    "   noted, marked_at, note)"                                               \
    "  SELECT id, $2 AND $3, $4 AND $5, coalesce($6, '') <> '', $7,"           \
    "   coalesce($6, '') FROM there"                                           \
    "  ON CONFLICT (paper_id) DO UPDATE SET"                                   \
    "   read = CASE WHEN $2 THEN $3 ELSE m.read END,"                          \
    "   starred = CASE WHEN $4 THEN $5 ELSE m.starred END,"                    \
    "   note = coalesce($6, m.note), noted = coalesce($6, m.note) <> '',"      \
    "   marked_at = $7"                                                        \
    "  WHERE (m.read, m.starred, m.note) <> (CASE WHEN $2 THEN $3"             \
    "   ELSE m.read END, CASE WHEN $4 THEN $5 ELSE m.starred END,"             \
    "   coalesce($6, m.note))"                                                 \
    "  RETURNING 1)"                                                           \
    " SELECT i.n, (SELECT count(*) FROM changed)"                              \
    " FROM unnest($1) WITH ORDINALITY AS i(id, n) JOIN there USING (id)"

static void ask_mark(struct pg_conn *c, const struct marking *m)
{
    const struct marks_change *change = m->change;
    struct pg_args a = {0};
    struct buf ids;

    pg_array_init(&ids, PG_INT8);
    for (size_t i = 0; i < m->n; i++)
        pg_array_i64(&ids, m->ids[i]);
    pg_arg_array(&a, PG_INT8_ARRAY, &ids);
    pg_arg_bool(&a, change->read);
    pg_arg_bool(&a, change->read && *change->read);
    pg_arg_bool(&a, change->starred);
    pg_arg_bool(&a, change->starred && *change->starred);
    if (change->note)
        pg_arg_text(&a, *change->note);
    else
        pg_arg_text_or_null(&a, SLICE_NONE);
    pg_arg_i64(&a, change->now_us);
    pg_ask(c, SQL_MARK, &a);
    buf_release(&ids);
}

/* The other generation says whether counts of lists still hold: they do. */
static void touch_desk(struct pg_conn *c)
{
    pg_do(c, "UPDATE meta SET marks_generation = marks_generation + 1", NULL);
}

static enum err_code do_mark(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct marking *m = ctx;
    PGresult *r;
    enum err_code code;
    int rows;

    ask_mark(c, m);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    rows = postgres_lib.PQntuples(r);
    for (size_t i = 0; i < m->n; i++)
        m->marked[i] = false;
    for (int i = 0; i < rows; i++)
        m->marked[pg_i64(r, i, 0) - 1] = true;
    if (rows && pg_i64(r, 0, 1))
        touch_desk(c);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code marks_set(struct store *s, const int64_t *ids, size_t n,
                               const struct marks_change *change, bool *marked,
                               struct err *e)
{
    struct marking m = {ids, n, change, marked};

    return postgres_transact(s, do_mark, &m, e);
}

/* ---- saved searches ---- */

#define SEARCH_COLUMNS "id, name, filters, seen_at, created_at, updated_at"

static enum err_code no_search(int64_t id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no saved search '%lld'", (long long)id);
}

static void read_search(struct pg_row *w, void *element)
{
    struct saved_search *s = element;

    s->id = pg_row_i64(w);
    s->name = pg_row_text(w);
    s->filters = pg_row_text(w);
    s->seen_at = pg_row_i64(w);
    s->created_at = pg_row_i64(w);
    s->updated_at = pg_row_i64(w);
}

struct saving {
    const struct saved_search *put;
    int64_t now_us, id;
};

static void ask_save(struct pg_conn *c, const struct saving *p)
{
    struct pg_args a = {0};

    pg_arg_text(&a, p->put->name);
    pg_arg_text(&a, p->put->filters);
    pg_arg_i64(&a, p->put->seen_at);
    pg_arg_i64(&a, p->now_us);
    pg_arg_i64(&a, p->put->id ? p->put->id : SEARCHES_MAX);
    pg_ask(c,
           p->put->id
               ? "UPDATE saved_searches SET name = $1, filters = $2,"
                 " seen_at = $3, updated_at = $4 WHERE id = $5 RETURNING id"
               : "INSERT INTO saved_searches(name, filters, seen_at,"
                 " created_at, updated_at) SELECT $1, $2, $3, $4, $4"
                 " WHERE (SELECT count(*) FROM saved_searches) < $5"
                 " RETURNING id",
           &a);
}

static enum err_code do_save(struct pg_conn *c, void *ctx, struct err *e)
{
    struct saving *p = ctx;
    PGresult *r;
    enum err_code code;

    ask_save(c, p);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 1)
        p->id = pg_i64(r, 0, 0);
    else if (p->put->id)
        code = no_search(p->put->id, e);
    else
        code = err_set(e, ERR_CONFLICT,
                       "there are %d saved searches already: delete one first",
                       SEARCHES_MAX);
    postgres_lib.PQclear(r);
    touch_desk(c);
    return code;
}

static enum err_code search_put(struct store *s, const struct saved_search *put,
                                int64_t now_us, int64_t *id, struct err *e)
{
    struct saving p = {.put = put, .now_us = now_us};
    enum err_code code = postgres_transact(s, do_save, &p, e);

    if (code == ERR_NONE)
        *id = p.id;
    return code;
}

static enum err_code do_forget(struct pg_conn *c, void *ctx, struct err *e)
{
    const int64_t *id = ctx;
    struct pg_args a = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&a, *id);
    pg_ask(c, "DELETE FROM saved_searches WHERE id = $1", &a);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    if (pg_changed(r) == 0)
        code = no_search(*id, e);
    postgres_lib.PQclear(r);
    touch_desk(c);
    return code;
}

static enum err_code search_delete(struct store *s, int64_t id, struct err *e)
{
    return postgres_transact(s, do_forget, &id, e);
}

static enum err_code search_get(struct store *s, struct arena *a, int64_t id,
                                struct saved_search *out, struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    pg_arg_i64(&args, id);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql = "SELECT " SEARCH_COLUMNS
                                   " FROM saved_searches WHERE id = $1",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = read_search},
        out, &found, e);
    return code == ERR_NONE && !found ? no_search(id, e) : code;
}

static enum err_code searches_list(struct store *s, struct arena *a,
                                   struct saved_search **out, size_t *n,
                                   struct err *e)
{
    return postgres_select(
        s, a,
        &(struct pg_select){.sql = "SELECT " SEARCH_COLUMNS
                                   " FROM saved_searches ORDER BY id",
                            .size = sizeof(**out),
                            .read = read_search},
        out, n, NULL, e);
}

const struct desk_ops postgres_desk_ops = {
    .marks_get = marks_get,
    .marks_set = marks_set,
    .search_put = search_put,
    .search_get = search_get,
    .search_delete = search_delete,
    .searches_list = searches_list,
};
