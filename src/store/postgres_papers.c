/* postgres_papers.c - papers one by one, what is counted, scraper jobs.
 *
 * Pages are in postgres_list.c, arrivals in postgres_webhook.c.
 */
#include <string.h>

#include "base/clock.h"
#include "store/paper_rules.h"
#include "store/postgres_documents.h"
#include "store/postgres_jobs.h"
#include "store/postgres_text.h"

/* ---- rows ---- */

void postgres_read_arrival(struct pg_row *w, void *paper)
{
    struct paper *p = paper;

    p->title = pg_row_text(w);
    p->abstract = pg_row_text(w);
    p->authors = pg_row_text(w);
    p->author_list = pg_row_text(w);
    p->url = pg_row_text(w);
    p->pdf_url = pg_row_text(w);
    p->source = pg_row_text(w);
    p->source_id = pg_row_text(w);
    p->version = pg_row_i64(w);
    p->published_at = pg_row_i64(w);
    p->source_updated_at = pg_row_i64(w);
    p->arxiv_categories = pg_row_text(w);
    p->primary_category = pg_row_text(w);
    p->doi = pg_row_text(w);
    p->journal_ref = pg_row_text(w);
    p->comment = pg_row_text(w);
    p->category = pg_row_text(w);
    p->relevance_score = pg_row_f64(w);
    p->relevance = pg_row_text(w);
    p->tags = pg_row_text(w);
}

void postgres_read_paper(struct pg_row *w, void *paper)
{
    struct paper *p = paper;

    *p = (struct paper){.id = pg_row_i64(w)};
    postgres_read_arrival(w, p);
    p->created_at = pg_row_i64(w);
    p->updated_at = pg_row_i64(w);
    p->deleted_at = pg_row_i64(w);
}

void postgres_read_marked(struct pg_row *w, void *paper)
{
    struct paper *p = paper;
    int64_t marks;

    postgres_read_paper(w, p);
    marks = pg_row_i64(w); /* NULL, 0: never marked */
    p->read = marks & 1;
    p->starred = marks & 2;
    p->noted = marks & 4;
}

static enum err_code paper_get(struct store *s, struct arena *a, int64_t id,
                               bool with_deleted, struct paper *out,
                               struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    pg_arg_i64(&args, id);
    pg_arg_bool(&args, with_deleted);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql = "SELECT " MARKED_COLUMNS " FROM papers p"
                                   " WHERE p.id = $1"
                                   " AND (p.deleted_at = 0 OR $2)",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = postgres_read_marked},
        out, &found, e);
    return code == ERR_NONE && !found ? paper_missing(id, e) : code;
}

/* ---- tombstones ---- */

void postgres_touch(struct pg_conn *c, int64_t live)
{
    struct pg_args a = {0};

    pg_arg_i64(&a, live);
    pg_do(c,
          "UPDATE meta SET generation = generation + 1,"
          " live_papers = live_papers + $1",
          &a);
}

struct burial {
    int64_t id, deleted_at, now_us; /* deleted_at 0: bring it back */
};

/* A tombstone keeps its texts, but no words and labels: so what a search finds
 * is alive. */
static void write_burial(struct pg_conn *c, const struct burial *b,
                         const struct paper *p)
{
    static const struct paper nothing;
    const struct paper *shown = b->deleted_at ? &nothing : p;
    struct pg_args a = {0};
    struct buf words, labels;
    size_t at;

    pg_array_init(&words, PG_TSVECTOR);
    at = pg_array_open(&words);
    pg_text_vector(&words, shown);
    pg_array_close(&words, at);
    pg_array_init(&labels, PG_TEXT);
    at = pg_array_open(&labels);
    postgres_labels(&labels, shown);
    pg_array_close(&labels, at);
    pg_arg_i64(&a, b->id);
    pg_arg_i64(&a, b->deleted_at);
    pg_arg_i64(&a, b->now_us);
    pg_arg_array(&a, PG_TSVECTOR_ARRAY, &words);
    pg_arg_array(&a, PG_TEXT_ARRAY, &labels);
    pg_do(c,
          "UPDATE papers SET deleted_at = $2, updated_at = $3,"
          " words = ($4)[1], labels = ($5)[1]::text[] WHERE id = $1",
          &a);
    buf_release(&labels);
    buf_release(&words);
}

static enum err_code bury(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct burial *b = ctx;
    struct pg_args a = {0};
    struct pg_row row = {0};
    struct paper p;
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&a, b->id);
    pg_ask(c,
           "SELECT " PAPER_COLUMNS " FROM papers p WHERE p.id = $1 FOR UPDATE",
           &a);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 0) {
        code = paper_missing(b->id, e);
    } else {
        row.r = r;
        postgres_read_paper(&row, &p);
        if ((p.deleted_at == 0) != (b->deleted_at == 0)) {
            write_burial(c, b, &p);
            if (b->deleted_at == 0)
                postgres_embed_job_insert(c, b->now_us);
            postgres_touch(c, b->deleted_at ? -1 : 1);
        }
    }
    postgres_lib.PQclear(r);
    return code;
}

static enum err_code delete_paper(struct store *s, int64_t id, int64_t now_us,
                                  struct err *e)
{
    struct burial b = {id, now_us, now_us};

    return postgres_transact(s, bury, &b, e);
}

static enum err_code restore(struct store *s, int64_t id, int64_t now_us,
                             struct err *e)
{
    struct burial b = {id, 0, now_us};

    return postgres_transact(s, bury, &b, e);
}

static enum err_code generation(struct store *s, uint64_t *out, struct err *e)
{
    PGresult *r;
    enum err_code code = postgres_query(
        s, &r, "SELECT generation + marks_generation FROM meta", NULL, e);

    if (code != ERR_NONE)
        return code;
    *out = (uint64_t)pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

/* ---- stats ---- */

/* Rows (name, n); with `days` the name is a number of days. */
static enum err_code read_counts(PGresult *r, struct arena *a, bool days,
                                 struct named_count **out, size_t *n,
                                 struct err *e)
{
    int rows = postgres_lib.PQntuples(r);
    struct named_count *list =
        arena_calloc(a, (size_t)(rows ? rows : 1), sizeof(*list));
    bool full = !list;

    for (int i = 0; i < rows && !full; i++) {
        char day[CLOCK_TEXT];
        struct slice name = pg_slice(r, i, 0);

        if (days)
            name = (struct slice){
                day, clock_format_date(day, pg_i64(r, i, 0) * US_PER_DAY)};
        list[i] = (struct named_count){arena_slice(a, name), pg_i64(r, i, 1)};
        full = !list[i].name.p;
    }
    postgres_lib.PQclear(r);
    *out = list;
    *n = (size_t)rows;
    return full ? err_set(e, ERR_TOO_LARGE, "the answer is too large")
                : ERR_NONE;
}

/* Days: jump from day to day in the index; each is counted in it.  (GROUP BY
 * would read all papers.) */
static void ask_stats(struct pg_conn *c, int max_days)
{
    struct pg_args a = {0};

    pg_arg_i64(&a, max_days);
    pg_do(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL);
    pg_ask(c, "SELECT live_papers FROM meta", NULL);
    pg_ask(c,
           "SELECT category, count(*) AS n FROM papers WHERE deleted_at = 0"
           " GROUP BY category ORDER BY n DESC, category",
           NULL);
    pg_ask(c,
           "SELECT source, count(*) AS n FROM papers WHERE deleted_at = 0"
           " GROUP BY source ORDER BY n DESC, source",
           NULL);
    pg_ask(c,
           "SELECT substr(l, 3) AS tag, count(*) AS n FROM papers,"
           " unnest(labels) l WHERE deleted_at = 0 AND l LIKE 't:%'"
           " GROUP BY l ORDER BY n DESC, l LIMIT " STATS_MAX_TAGS,
           NULL);
    pg_ask(c,
           "WITH RECURSIVE d(day, i) AS ("
           " (SELECT (published_at - (published_at % 86400000000 +"
           "   86400000000) % 86400000000) / 86400000000, 1::bigint"
           "  FROM papers WHERE deleted_at = 0 AND published_at <> 0"
           "  ORDER BY published_at DESC, id DESC LIMIT 1)"
           " UNION ALL"
           " SELECT (SELECT (published_at - (published_at % 86400000000 +"
           "    86400000000) % 86400000000) / 86400000000 FROM papers"
           "   WHERE deleted_at = 0 AND published_at <> 0"
           "   AND published_at < d.day * 86400000000"
           "   ORDER BY published_at DESC, id DESC LIMIT 1), d.i + 1"
           "  FROM d WHERE d.day IS NOT NULL AND d.i < $1)"
           " SELECT day, (SELECT count(*) FROM papers WHERE deleted_at = 0"
           "  AND published_at <> 0 AND published_at >= day * 86400000000"
           "  AND published_at < (day + 1) * 86400000000)"
           " FROM d WHERE day IS NOT NULL AND i <= $1",
           &a);
    pg_do(c, "COMMIT", NULL);
}

static enum err_code read_stats(struct pg_conn *c, struct arena *a,
                                struct paper_stats *st, struct err *e)
{
    PGresult *r;
    enum err_code code = pg_flush(c, e);

    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    st->total = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    code = pg_next(c, &r, e);
    if (code == ERR_NONE)
        code = read_counts(r, a, false, &st->categories, &st->n_categories, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code == ERR_NONE)
        code = read_counts(r, a, false, &st->sources, &st->n_sources, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code == ERR_NONE)
        code = read_counts(r, a, false, &st->tags, &st->n_tags, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code == ERR_NONE)
        code = read_counts(r, a, true, &st->days, &st->n_days, e);
    return code == ERR_NONE ? pg_sync(c, e) : code;
}

static enum err_code stats(struct store *s, struct arena *a, int max_days,
                           struct paper_stats *out, struct err *e)
{
    struct postgres *p = postgres_of(s);
    struct paper_stats st = {0};
    struct pg_conn *c;
    enum err_code code = postgres_take(p, &c, e);

    if (code != ERR_NONE)
        return code;
    ask_stats(c, max_days);
    code = read_stats(c, a, &st, e);
    postgres_give(p, c);
    if (code == ERR_NONE)
        *out = st;
    return code;
}

/* ---- scraper jobs ---- */

#define SCRAPER_JOB_COLUMNS                                                    \
    "id, job_id, source, status, error, papers_found, papers_created,"         \
    " papers_updated, papers_unchanged, start_time, end_time, created_at,"     \
    " updated_at"

static void read_scraper_job(struct pg_row *w, void *element)
{
    struct scraper_job *j = element;

    j->id = pg_row_i64(w);
    j->job_id = pg_row_text(w);
    j->source = pg_row_text(w);
    j->status = pg_row_text(w);
    j->error = pg_row_text(w);
    j->papers_found = pg_row_i64(w);
    j->papers_created = pg_row_i64(w);
    j->papers_updated = pg_row_i64(w);
    j->papers_unchanged = pg_row_i64(w);
    j->start_time = pg_row_i64(w);
    j->end_time = pg_row_i64(w);
    j->created_at = pg_row_i64(w);
    j->updated_at = pg_row_i64(w);
}

static enum err_code scraper_jobs_list(struct store *s, struct arena *a,
                                       int64_t offset, int limit,
                                       struct scraper_job **out, size_t *n,
                                       int64_t *count, struct err *e)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, limit);
    pg_arg_i64(&args, offset);
    return postgres_select(
        s, a,
        &(struct pg_select){.sql = "SELECT " SCRAPER_JOB_COLUMNS
                                   " FROM scraper_jobs ORDER BY id DESC"
                                   " LIMIT $1 OFFSET $2",
                            .args = &args,
                            .count_sql = "SELECT count(*) FROM scraper_jobs",
                            .size = sizeof(**out),
                            .read = read_scraper_job},
        out, n, count, e);
}

static enum err_code scraper_job_get(struct store *s, struct arena *a,
                                     int64_t id, struct scraper_job *out,
                                     struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    pg_arg_i64(&args, id);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql = "SELECT " SCRAPER_JOB_COLUMNS
                                   " FROM scraper_jobs WHERE id = $1",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = read_scraper_job},
        out, &found, e);
    if (code == ERR_NONE && !found)
        code =
            err_set(e, ERR_NOT_FOUND, "no scraper job '%lld'", (long long)id);
    return code;
}

const struct paper_ops postgres_paper_ops = {
    .webhook_receive = postgres_webhook_receive,
    .list = postgres_papers_list,
    .get = paper_get,
    .get_many = postgres_papers_get,
    .each = postgres_papers_each,
    .similar = postgres_papers_similar,
    .delete_paper = delete_paper,
    .restore = restore,
    .generation = generation,
    .stats = stats,
    .scraper_jobs_list = scraper_jobs_list,
    .scraper_job_get = scraper_job_get,
};
