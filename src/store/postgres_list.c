/* postgres_list.c - pages of papers.
 *
 * Two ways to a page, and the exact count decides which is cheaper (no planner
 * could guess it from a search expression):
 *   walk   read the index of the ordering, keep what matches, stop when the
 * page is full: good when matches are frequent; set    find all matches by
 * their own index, sort them: good when they are few. Each way has its own text
 * of the statement, in which the other is not possible: for the walk conditions
 * are hidden from the indexes by IS TRUE, for the set they stand in a
 * materialised part without an ordering.
 *
 * Counts, and ids of every 64th row for deep pages, are kept for a generation
 * (postgres_known.h); of a search that goes beyond its first page all ids, so
 * that it is made once and not for each page.  Each page brings the generation
 * of its own snapshot along: when it is the one that was counted, count and
 * page belong together, and all was one round trip.  Otherwise all is found out
 * anew in one snapshot.
 *
 * 100,000 papers, two busy cores, one connection: page 1 0.14 ms, page 2,000
 * 0.2 ms, a word in 23,000 papers 0.35 ms, in 100 papers 0.4 ms; the first time
 * after a change 1 ms, 180-450 ms (the anchors), 65 ms and 4 ms.
 */
#include <stdlib.h>

#include "store/postgres.h"
#include "store/postgres_filter.h"

/* Deeper pages start from an anchor. */
#define SHALLOW 1024
/* Longer pages are not looked up in a list of ids. */
#define MAX_LISTED 128
/* What one row costs, relatively: walked over; walked over and its words
 * looked up; found and sorted. */
#define COST_WALK 1.0
#define COST_WALK_WORDS 6.0
#define COST_SET 1.5

/* ---- orderings ---- */

static const char *key_column(enum paper_order order)
{
    switch (order) {
    case PAPER_BY_RELEVANCE:
        return "relevance_score";
    case PAPER_BY_TITLE:
        return "title_key";
    case PAPER_BY_CREATED:
        return "created_at";
    case PAPER_BY_PUBLISHED:
    case PAPER_BY_RANK:
        break;
    }
    return "published_at";
}

static void add_key_arg(struct pg_args *a, const struct paper_key *k,
                        enum paper_order order, struct buf *text)
{
    switch (order) {
    case PAPER_BY_RELEVANCE:
        pg_arg_f64(a, k->d);
        return;
    case PAPER_BY_TITLE:
        postgres_title_key(text, k->text);
        pg_arg_text(a, buf_slice(text));
        return;
    case PAPER_BY_PUBLISHED:
    case PAPER_BY_CREATED:
    case PAPER_BY_RANK:
        break;
    }
    pg_arg_i64(a, k->i);
}

/* ---- statements ---- */

/* One page to be read. */
struct page {
    const struct paper_query *q;
    struct pg_filter f;
    bool ascending; /* as it is read: turned round for `before` */
    int64_t offset; /* from the anchor, if there is one */
    int limit;
    int64_t anchor; /* id of the first row to skip from; 0: none */
    size_t n_ids;   /* the rows of the page are known: these */
    int64_t ids[MAX_LISTED];
};

/* Rows from a cursor or an anchor on; adds arguments. */
static void add_start(struct buf *sql, const struct page *g,
                      struct pg_args *args, struct buf *key_text_buf)
{
    const struct paper_query *q = g->q;
    const struct paper_key *k = q->after ? q->after : q->before;
    const char *column = key_column(q->order);

    if (k) {
        add_key_arg(args, k, q->order, key_text_buf);
        pg_arg_i64(args, k->id);
        buf_printf(sql, " AND (p.%s, p.id) %s ($%d, $%d)", column,
                   g->ascending ? ">" : "<", args->n - 1, args->n);
    } else if (g->anchor) {
        pg_arg_i64(args, g->anchor);
        buf_printf(sql,
                   " AND (p.%s, p.id) %s= (SELECT k.%s, k.id FROM papers k"
                   " WHERE k.id = $%d)",
                   column, g->ascending ? ">" : "<", column, args->n);
    }
}

/* What a list is made of: marks move only those that ask for them. */
static const char *age_of(const struct pg_filter *f)
{
    return f->marked ? "(SELECT generation + marks_generation FROM meta)"
                     : "(SELECT generation FROM meta)";
}

/* The limit is written out: the plan is made for it.  The offset need not be
 * known to the planner.  Marks are looked up for the page alone, not for the
 * rows in front of it. */
static void add_walk(struct buf *sql, const struct page *g,
                     struct pg_args *args, struct buf *key_text_buf)
{
    const char *column = key_column(g->q->order);
    const char *way = g->ascending ? "" : " DESC";

    buf_printf(sql,
               "SELECT %s, " MARKED_COLUMNS " FROM (SELECT " PAPER_COLUMNS
               ", p.%s AS key FROM papers p",
               age_of(&g->f), column);
    pg_filter_where(sql, &g->f, true);
    add_start(sql, g, args, key_text_buf);
    pg_arg_i64(args, g->offset);
    buf_printf(sql,
               " ORDER BY p.%s%s, p.id%s LIMIT %d OFFSET $%d) p"
               " ORDER BY p.key%s, p.id%s",
               column, way, way, g->limit, args->n, way, way);
}

/* Weights of ts_rank are those of D, C, B, A: nothing, authors, abstract,
 * title. */
static void add_rank_or_key(struct buf *sql, const struct page *g)
{
    if (g->q->order != PAPER_BY_RANK)
        buf_printf(sql, "p.%s", key_column(g->q->order));
    else if (g->f.words_arg)
        buf_printf(sql, "ts_rank('{0,0.3,0.4,1}', p.words, $%d, 1)",
                   g->f.words_arg);
    else
        buf_printf(sql, "0::real");
}

/* OFFSET 0 keeps the planner from joining before the page is cut out. */
static void add_set(struct buf *sql, const struct page *g, struct pg_args *args,
                    struct buf *key_text_buf)
{
    const char *way = g->ascending ? "" : " DESC";

    buf_printf(sql, "WITH m AS MATERIALIZED (SELECT p.id, ");
    add_rank_or_key(sql, g);
    buf_printf(sql, " AS key FROM papers p");
    pg_filter_where(sql, &g->f, false);
    add_start(sql, g, args, key_text_buf);
    pg_arg_i64(args, g->limit);
    pg_arg_i64(args, g->offset);
    buf_printf(sql,
               ") SELECT %s, p.* FROM"
               " (SELECT id, key FROM m ORDER BY key%s, id%s LIMIT $%d"
               " OFFSET $%d) t CROSS JOIN LATERAL (SELECT " MARKED_COLUMNS
               " FROM papers p WHERE p.id = t.id OFFSET 0) p"
               " ORDER BY t.key%s, t.id%s",
               age_of(&g->f), way, way, args->n - 1, args->n, way, way);
}

/* All ids of the set, in order; no arguments are added. */
static void add_ids(struct buf *sql, const struct page *g)
{
    const char *way = g->ascending ? "" : " DESC";

    buf_add_str(sql, "WITH m AS MATERIALIZED (SELECT p.id, ");
    add_rank_or_key(sql, g);
    buf_add_str(sql, " AS key FROM papers p");
    pg_filter_where(sql, &g->f, false);
    buf_printf(sql, ") SELECT id FROM m ORDER BY key%s, id%s", way, way);
}

/* Is the walk cheaper?  count: matches; live: papers. */
static bool should_walk(const struct page *g, int64_t count, int64_t live)
{
    const struct pg_filter *f = &g->f;
    double rows = (double)(g->offset + g->limit), density;

    if (g->q->order == PAPER_BY_RANK)
        return false;
    if (!f->any || (f->only_category && g->q->order == PAPER_BY_PUBLISHED))
        return true;
    if (count <= 0)
        return !f->by_index;
    density = (double)count / (double)(live > count ? live : count);
    return rows / density * (f->by_index ? COST_WALK_WORDS : COST_WALK) <=
           (double)count * COST_SET;
}

/* The page whose ids are known. */
static enum err_code ask_ids(struct pg_conn *c, const struct page *g,
                             struct err *e)
{
    struct pg_args args = {0};
    struct buf sql, ids;
    enum err_code code = ERR_NONE;

    buf_init(&sql, 32768);
    pg_array_init(&ids, PG_INT8);
    for (size_t i = 0; i < g->n_ids; i++)
        pg_array_i64(&ids, g->ids[i]);
    pg_arg_array(&args, PG_INT8_ARRAY, &ids);
    buf_printf(&sql,
               "SELECT %s, p.* FROM unnest($1) WITH ORDINALITY AS t(id, n)"
               " CROSS JOIN LATERAL (SELECT " MARKED_COLUMNS
               " FROM papers p WHERE p.id = t.id OFFSET 0) p ORDER BY t.n",
               age_of(&g->f));
    if (buf_ok(&sql) && buf_ok(&ids))
        pg_ask(c, sql.p, &args);
    else
        code = err_set(e, ERR_UNAVAILABLE, "out of memory");
    buf_release(&ids);
    buf_release(&sql);
    return code;
}

static enum err_code ask_page(struct pg_conn *c, const struct page *g,
                              bool walk, struct err *e)
{
    struct pg_args args = g->f.args;
    struct buf sql, key;
    enum err_code code = ERR_NONE;

    if (g->n_ids)
        return ask_ids(c, g, e);
    buf_init(&sql, 32768);
    buf_init(&key, 65536);
    if (walk)
        add_walk(&sql, g, &args, &key);
    else
        add_set(&sql, g, &args, &key);
    if (buf_ok(&sql) && buf_ok(&key))
        pg_ask(c, sql.p, &args);
    else
        code = err_set(e, ERR_INVALID, "the filters are too long");
    buf_release(&key);
    buf_release(&sql);
    return code;
}

/* ---- counts and anchors ---- */

static struct slice all_papers(void)
{
    return SLICE("*");
}

static struct slice count_key(const struct pg_filter *f)
{
    return f->any ? buf_slice(&f->key) : all_papers();
}

/* The list with its ordering; to be buf_release()d. */
static void anchor_key(struct buf *out, const struct page *g)
{
    buf_init(out, 65536);
    buf_add_slice(out, buf_slice(&g->f.key));
    buf_printf(out, "|%d%c", (int)g->q->order, g->ascending ? '+' : '-');
}

static void ask_count(struct pg_conn *c, const struct pg_filter *f)
{
    struct buf sql;

    buf_init(&sql, 32768);
    buf_add_str(&sql, "SELECT count(*) FROM papers p");
    pg_filter_where(&sql, f, false);
    pg_ask(c, sql.p, &f->args); /* shorter than a page's statement */
    buf_release(&sql);
}

/* Ids of every 64th row.  Matches that have an index of their own are found by
 * it and sorted; others are read in order. */
static void ask_anchors(struct pg_conn *c, const struct page *g)
{
    const char *column = key_column(g->q->order);
    const char *way = g->ascending ? "" : " DESC";
    bool set = g->f.by_index;
    struct buf sql;

    buf_init(&sql, 32768);
    if (set) {
        buf_printf(&sql,
                   "WITH m AS MATERIALIZED (SELECT p.id, p.%s AS key"
                   " FROM papers p",
                   column);
        pg_filter_where(&sql, &g->f, false);
        buf_printf(&sql,
                   ") SELECT id FROM (SELECT id, row_number() OVER"
                   " (ORDER BY key%s, id%s) AS n FROM m) t",
                   way, way);
    } else {
        buf_printf(&sql,
                   "SELECT id FROM (SELECT p.id, row_number() OVER"
                   " (ORDER BY p.%s%s, p.id%s) AS n FROM papers p",
                   column, way, way);
        pg_filter_where(&sql, &g->f, true);
        buf_add_str(&sql, ") t");
    }
    buf_printf(&sql, " WHERE n %% %d = 1 ORDER BY n LIMIT %d", KNOWN_STRIDE,
               KNOWN_MAX_ANCHORS);
    pg_ask(c, sql.p, &g->f.args);
    buf_release(&sql);
}

/* Let the page start from an anchor.  false: none is known. */
static bool use_anchor(struct postgres *p, struct page *g, uint64_t generation)
{
    size_t i = (size_t)(g->q->offset / KNOWN_STRIDE);
    struct buf key;
    bool known;

    anchor_key(&key, g);
    known = known_anchor(p->pages, buf_slice(&key), generation, &i, &g->anchor);
    buf_release(&key);
    if (known)
        g->offset = g->q->offset - (int64_t)i * KNOWN_STRIDE;
    return known;
}

/* The ids that were asked for, to be kept under `key`, which is released. */
static enum err_code keep_ids(struct postgres *p, struct pg_conn *c,
                              struct buf *key, uint64_t generation,
                              struct err *e)
{
    int64_t *ids;
    PGresult *r;
    enum err_code code = pg_flush(c, e);
    int n;

    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code == ERR_NONE) {
        n = postgres_lib.PQntuples(r);
        ids = malloc(((size_t)n + 1) * sizeof(*ids));
        for (int i = 0; i < n && ids; i++)
            ids[i] = pg_i64(r, i, 0);
        postgres_lib.PQclear(r);
        known_put_ids(p->pages, buf_slice(key), generation, ids, (size_t)n);
    }
    buf_release(key);
    return code;
}

static enum err_code find_anchors(struct postgres *p, struct pg_conn *c,
                                  struct page *g, uint64_t generation,
                                  struct err *e)
{
    struct buf key;
    enum err_code code;

    if (use_anchor(p, g, generation))
        return ERR_NONE;
    ask_anchors(c, g);
    anchor_key(&key, g);
    code = keep_ids(p, c, &key, generation, e);
    if (code != ERR_NONE)
        return code;
    (void)use_anchor(p, g, generation); /* else the offset is read over */
    return ERR_NONE;
}

/* ---- whole lists ---- */

static void list_key(struct buf *out, const struct page *g)
{
    anchor_key(out, g);
    buf_add_char(out, '=');
}

/* Take the page's ids from the list.  false: it is not known. */
static bool use_list(struct postgres *p, struct page *g, uint64_t generation)
{
    struct buf key;

    list_key(&key, g);
    g->n_ids = known_ids(p->pages, buf_slice(&key), generation,
                         (size_t)g->q->offset, g->ids, (size_t)g->limit);
    buf_release(&key);
    return g->n_ids > 0;
}

static enum err_code find_list(struct postgres *p, struct pg_conn *c,
                               struct page *g, uint64_t generation,
                               struct err *e)
{
    struct buf sql, key;
    enum err_code code;

    if (use_list(p, g, generation))
        return ERR_NONE;
    buf_init(&sql, 32768);
    add_ids(&sql, g);
    pg_ask(c, sql.p, &g->f.args); /* shorter than a page's statement */
    buf_release(&sql);
    list_key(&key, g);
    code = keep_ids(p, c, &key, generation, e);
    if (code == ERR_NONE)
        (void)use_list(p, g, generation); /* else the set is made again */
    return code;
}

/* ---- pages ---- */

static bool is_deep(const struct page *g)
{
    return g->q->offset > SHALLOW && !g->q->after && !g->q->before &&
           g->q->order != PAPER_BY_RANK;
}

/* Is the page worth a list of all ids?  The first page is read so often that it
 * is not to wait for one. */
static bool should_list(const struct page *g, int64_t count, int64_t live)
{
    const struct paper_query *q = g->q;

    return g->f.by_index && !g->f.selected && !q->after && !q->before &&
           q->offset > 0 && q->offset < count && g->limit <= MAX_LISTED &&
           count <= KNOWN_MAX_IDS && !should_walk(g, count, live);
}

/* r is cleared. */
static enum err_code read_page(PGresult *r, const struct page *g,
                               struct arena *a, struct paper_list *out,
                               struct err *e)
{
    const struct paper_query *q = g->q;
    int rows = postgres_lib.PQntuples(r);
    bool full;

    out->more = rows > q->limit;
    out->n = (size_t)(out->more ? q->limit : rows);
    out->papers = arena_alloc(a, (out->n + 1) * sizeof(*out->papers));
    full = !out->papers;
    for (size_t i = 0; i < out->n && !full; i++) {
        struct pg_row w = {.r = r, .a = a, .row = (int)i, .col = 1};

        postgres_read_marked(&w, &out->papers[q->before ? out->n - 1 - i : i]);
        full = w.full;
    }
    postgres_lib.PQclear(r);
    return full ? err_set(e, ERR_TOO_LARGE, "the answer is too large")
                : ERR_NONE;
}

/* As if nothing but the query were known. */
static void start_page(struct page *g)
{
    g->anchor = 0;
    g->n_ids = 0;
    g->offset = g->q->after || g->q->before ? 0 : g->q->offset;
}

/* By what is known, in one round trip.  *done false: not known, or out of date.
 */
static enum err_code try_known(struct postgres *p, struct pg_conn *c,
                               struct page *g, struct arena *a,
                               struct paper_list *out, bool *done,
                               struct err *e)
{
    const struct paper_query *q = g->q;
    uint64_t generation, live_generation;
    int64_t count, live;
    bool walk;
    PGresult *r;
    enum err_code code;

    *done = false;
    if (!known_count(p->pages, count_key(&g->f), &generation, &count) ||
        !known_count(p->pages, all_papers(), &live_generation, &live))
        return ERR_NONE;
    start_page(g);
    if (should_list(g, count, live)) {
        if (!use_list(p, g, generation))
            return ERR_NONE;
    } else if (is_deep(g) && !use_anchor(p, g, generation))
        return ERR_NONE;
    walk = should_walk(g, count, live);
    code = ask_page(c, g, walk, e);
    if (code == ERR_NONE)
        code = pg_run(c, &r, e);
    if (code != ERR_NONE)
        return code;
    *done = (!q->want_count && !g->anchor && !g->n_ids) ||
            (postgres_lib.PQntuples(r) > 0 &&
             (uint64_t)pg_i64(r, 0, 0) == generation);
    if (!*done) {
        postgres_lib.PQclear(r);
        return ERR_NONE;
    }
    out->count = q->want_count ? count : -1;
    return read_page(r, g, a, out, e);
}

/* The generation, all papers and the matches of one snapshot; it stays open. */
static enum err_code find_count(struct postgres *p, struct pg_conn *c,
                                const struct pg_filter *f, uint64_t *generation,
                                int64_t *live, int64_t *count, struct err *e)
{
    uint64_t papers;
    PGresult *r;
    enum err_code code;

    pg_do(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL);
    pg_ask(c, "SELECT generation, live_papers, marks_generation FROM meta",
           NULL);
    if (f->any)
        ask_count(c, f);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    papers = (uint64_t)pg_i64(r, 0, 0);
    *generation = papers + (f->marked ? (uint64_t)pg_i64(r, 0, 2) : 0);
    *count = *live = pg_i64(r, 0, 1);
    postgres_lib.PQclear(r);
    known_put_count(p->pages, all_papers(), papers, *live);
    if (!f->any)
        return ERR_NONE;
    code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    *count = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    known_put_count(p->pages, count_key(f), *generation, *count);
    return ERR_NONE;
}

static enum err_code find_out(struct postgres *p, struct pg_conn *c,
                              struct page *g, struct arena *a,
                              struct paper_list *out, struct err *e)
{
    const struct paper_query *q = g->q;
    uint64_t generation = 0;
    int64_t live = 0, count = 0;
    PGresult *r = NULL;
    enum err_code code;

    code = find_count(p, c, &g->f, &generation, &live, &count, e);
    start_page(g);
    if (code == ERR_NONE && should_list(g, count, live))
        code = find_list(p, c, g, generation, e);
    else if (code == ERR_NONE && is_deep(g) && g->offset < count)
        code = find_anchors(p, c, g, generation, e);
    if (code == ERR_NONE)
        code = ask_page(c, g, should_walk(g, count, live), e);
    if (code == ERR_NONE) {
        pg_do(c, "COMMIT", NULL);
        code = pg_run(c, &r, e);
    }
    if (code != ERR_NONE)
        return code;
    out->count = q->want_count ? count : -1;
    return read_page(r, g, a, out, e);
}

static enum err_code list(struct postgres *p, struct pg_conn *c, struct page *g,
                          struct arena *a, struct paper_list *out,
                          struct err *e)
{
    struct slice key = count_key(&g->f);
    bool done = false;
    enum err_code code = try_known(p, c, g, a, out, &done, e);

    if (code != ERR_NONE || done)
        return code;
    known_enter(p->pages, key);
    code = try_known(p, c, g, a, out, &done, e); /* somebody found out? */
    if (code == ERR_NONE && !done)
        code = find_out(p, c, g, a, out, e);
    known_leave(p->pages, key);
    return code;
}

enum err_code postgres_papers_list(struct store *s, struct arena *a,
                                   const struct paper_query *q,
                                   struct paper_list *out, struct err *e)
{
    struct postgres *p = postgres_of(s);
    bool cursor = q->after || q->before;
    struct page g = {.q = q,
                     .ascending = q->ascending != (q->before != NULL),
                     .limit = q->limit + cursor};
    struct paper_list result = {0};
    struct pg_conn *c;
    enum err_code code;

    pg_filter_init(&g.f);
    code = pg_filter_make(&g.f, q, e);
    if (code == ERR_NONE)
        code = postgres_take(p, &c, e);
    if (code == ERR_NONE) {
        code = list(p, c, &g, a, &result, e);
        postgres_give(p, c);
    }
    pg_filter_release(&g.f);
    if (code == ERR_NONE)
        *out = result;
    return code;
}

/* ---- each ---- */

#define BATCH 200

struct walk {
    enum err_code (*each)(void *ctx, const struct paper *p, struct err *e);
    void *ctx;
};

/* Papers are read in place; the last one's key is left in *last. */
static enum err_code give_out(const struct walk *w, const PGresult *r,
                              enum paper_order order, struct paper_key *last,
                              struct err *e)
{
    enum err_code code = ERR_NONE;

    for (int i = 0; i < postgres_lib.PQntuples(r) && code == ERR_NONE; i++) {
        struct pg_row row = {.r = r, .row = i, .col = 1};
        struct paper p;

        postgres_read_marked(&row, &p);
        *last = paper_key_of(&p, order);
        code = w->each(w->ctx, &p, e);
    }
    return code;
}

/* No connection is held while papers are given out: `each` may wait for a slow
 * reader.  A batch begins behind the last paper of the one before. */
static enum err_code each_in_order(struct postgres *p, struct page *g,
                                   const struct walk *w, struct err *e)
{
    struct paper_query q = *g->q;
    struct paper_key last;
    PGresult *batch = NULL;
    enum err_code code;

    g->q = &q;
    do {
        PGresult *next = NULL;
        struct pg_conn *c;

        code = postgres_take(p, &c, e);
        if (code != ERR_NONE)
            break;
        code = ask_page(c, g, true, e);
        if (code == ERR_NONE)
            code = pg_run(c, &next, e);
        postgres_give(p, c);
        postgres_lib.PQclear(batch); /* held `last` until here */
        batch = next;
        if (code == ERR_NONE)
            code = give_out(w, batch, q.order, &last, e);
        q.after = &last;
    } while (code == ERR_NONE && postgres_lib.PQntuples(batch) == BATCH);
    postgres_lib.PQclear(batch);
    return code;
}

static enum err_code fetch_ids(struct postgres *p, const struct page *g,
                               PGresult **out, struct err *e)
{
    struct pg_conn *c;
    struct buf sql;
    enum err_code code = postgres_take(p, &c, e);

    if (code != ERR_NONE)
        return code;
    buf_init(&sql, 32768);
    add_ids(&sql, g);
    code = pg_query(c, out, sql.p, &g->f.args, e);
    buf_release(&sql);
    postgres_give(p, c);
    return code;
}

/* What matches a search is found once; papers are fetched in batches. */
static enum err_code each_of_ids(struct store *s, const struct page *g,
                                 const struct walk *w, struct err *e)
{
    PGresult *ids, *batch;
    struct paper_key last;
    enum err_code code = fetch_ids(postgres_of(s), g, &ids, e);

    if (code != ERR_NONE)
        return code;
    for (int i = 0; i < postgres_lib.PQntuples(ids) && code == ERR_NONE;
         i += BATCH) {
        struct pg_args args = {0};
        struct buf some;

        pg_array_init(&some, PG_INT8);
        for (int k = i; k < i + BATCH && k < postgres_lib.PQntuples(ids); k++)
            pg_array_i64(&some, pg_i64(ids, k, 0));
        pg_arg_array(&args, PG_INT8_ARRAY, &some);
        code = postgres_query(
            s, &batch,
            "SELECT t.n, p.* FROM unnest($1) WITH ORDINALITY AS t(id, n)"
            " CROSS JOIN LATERAL (SELECT " MARKED_COLUMNS " FROM papers p"
            " WHERE p.id = t.id AND p.deleted_at = 0 OFFSET 0) p ORDER BY t.n",
            &args, e);
        buf_release(&some);
        if (code == ERR_NONE) {
            code = give_out(w, batch, g->q->order, &last, e);
            postgres_lib.PQclear(batch);
        }
    }
    postgres_lib.PQclear(ids);
    return code;
}

enum err_code postgres_papers_each(struct store *s, const struct paper_query *q,
                                   enum err_code (*each)(void *ctx,
                                                         const struct paper *p,
                                                         struct err *e),
                                   void *ctx, struct err *e)
{
    struct paper_query all = *q;
    struct walk w = {each, ctx};
    struct page g = {.q = &all, .ascending = q->ascending, .limit = BATCH};
    enum err_code code;

    all.after = all.before = NULL;
    all.offset = 0;
    pg_filter_init(&g.f);
    code = pg_filter_make(&g.f, &all, e);
    if (code == ERR_NONE)
        code = g.f.by_index || all.order == PAPER_BY_RANK
                   ? each_of_ids(s, &g, &w, e)
                   : each_in_order(postgres_of(s), &g, &w, e);
    pg_filter_release(&g.f);
    return code;
}
