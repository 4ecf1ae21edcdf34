/* sqlite_papers.c - papers one by one: the webhook, delete, restore; what is
 * counted; scraper jobs.  Pages are in sqlite_list.c. */
#include "store/sqlite_documents.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/paper_rules.h"

/* Scratch of one use case: the stored row a paper meets, its sort key. */
#define SCRATCH_BYTES (96u << 20)

/* ---- rows ---- */

void arrival_bind(struct query *q, const struct paper *p)
{
    q_text(q, p->title);
    q_text(q, p->abstract);
    q_text(q, p->authors);
    q_text(q, p->author_list);
    q_text(q, p->url);
    q_text(q, p->pdf_url);
    q_text(q, p->source);
    q_text(q, p->source_id);
    q_int(q, p->version);
    q_int(q, p->published_at);
    q_int(q, p->source_updated_at);
    q_text(q, p->arxiv_categories);
    q_text(q, p->primary_category);
    q_text(q, p->doi);
    q_text(q, p->journal_ref);
    q_text(q, p->comment);
    q_text(q, p->category);
    q_double(q, p->relevance_score);
    q_text(q, p->relevance);
    q_text(q, p->tags);
}

void arrival_read(struct query *q, struct arena *a, struct paper *p)
{
    p->title = q_get_text(q, a);
    p->abstract = q_get_text(q, a);
    p->authors = q_get_text(q, a);
    p->author_list = q_get_text(q, a);
    p->url = q_get_text(q, a);
    p->pdf_url = q_get_text(q, a);
    p->source = q_get_text(q, a);
    p->source_id = q_get_text(q, a);
    p->version = q_get_int(q);
    p->published_at = q_get_int(q);
    p->source_updated_at = q_get_int(q);
    p->arxiv_categories = q_get_text(q, a);
    p->primary_category = q_get_text(q, a);
    p->doi = q_get_text(q, a);
    p->journal_ref = q_get_text(q, a);
    p->comment = q_get_text(q, a);
    p->category = q_get_text(q, a);
    p->relevance_score = q_get_double(q);
    p->relevance = q_get_text(q, a);
    p->tags = q_get_text(q, a);
}

void paper_read(struct query *q, struct arena *a, struct paper *p)
{
    p->id = q_get_int(q);
    arrival_read(q, a, p);
    p->created_at = q_get_int(q);
    p->updated_at = q_get_int(q);
    p->deleted_at = q_get_int(q);
    p->read = p->starred = p->noted = false;
}

void paper_read_marked(struct query *q, struct arena *a, struct paper *p)
{
    paper_read(q, a, p);
    p->read = q_get_int(q);
    p->starred = q_get_int(q);
    p->noted = q_get_int(q);
}

enum err_code paper_load(struct db *c, struct arena *a, int64_t id,
                         struct paper *p, struct err *e)
{
    struct query q;
    bool found;
    enum err_code code;

    q_start(&q, c,
            "SELECT " MARKED_COLUMNS " FROM " MARKED_PAPERS " WHERE id = ?");
    q_int(&q, id);
    found = q_next(&q);
    if (found)
        paper_read_marked(&q, a, p);
    code = q_end(&q, e);
    return code == ERR_NONE && !found ? paper_missing(id, e) : code;
}

/* ---- tags ---- */

/* Run sql for each tag; what is no JSON array of strings has none. */
static enum err_code each_tag(struct db *c, const char *sql,
                              const struct paper *p, struct err *e)
{
    json_t *names = NULL, *name;
    size_t i;
    enum err_code code = ERR_NONE;

    if (p->tags.len <= 2 || json_parse(&names, p->tags, NULL) != ERR_NONE)
        return ERR_NONE;
    json_array_foreach(names, i, name)
    {
        struct query q;

        if (!json_is_string(name) || code != ERR_NONE)
            continue;
        q_start(&q, c, sql);
        q_text(&q, (struct slice){json_string_value(name),
                                  json_string_length(name)});
        q_int(&q, p->id);
        code = q_run(&q, NULL, e);
    }
    json_decref(names);
    return code;
}

static enum err_code add_tags(struct db *c, const struct paper *p,
                              struct err *e)
{
    return each_tag(c, "INSERT OR IGNORE INTO paper_tags VALUES (?, ?)", p, e);
}

static enum err_code remove_tags(struct db *c, const struct paper *old,
                                 struct err *e)
{
    return each_tag(c, "DELETE FROM paper_tags WHERE tag = ? AND paper_id = ?",
                    old, e);
}

/* ---- arrivals ---- */

struct arrivals {
    const struct webhook_in *in;
    struct webhook_result *out;
    struct arena *scratch;
    int64_t created; /* to be added to meta.live_papers */
    bool changed;
};

static enum err_code title_key(struct arena *a, struct slice title,
                               struct slice *out, struct err *e)
{
    struct buf b;

    /* lower-casing may lengthen a letter by a byte */
    buf_init(&b, title.len * 2 + 16);
    paper_title_key(&b, title);
    *out = buf_ok(&b) ? arena_slice(a, buf_slice(&b)) : SLICE_NONE;
    buf_release(&b);
    return out->p ? ERR_NONE : arena_full(e);
}

static enum err_code insert_paper(struct db *c, struct arrivals *ar,
                                  const struct paper *arrived, struct err *e)
{
    struct paper p = *arrived;
    struct slice key;
    struct query q;
    enum err_code code = title_key(ar->scratch, p.title, &key, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "INSERT INTO papers(" ARRIVAL_COLUMNS ", created_at, updated_at,"
            " deleted_at, unspaced, title_key)"
            " VALUES (" ARRIVAL_MARKS ", ?, ?, 0, ?, ?)");
    arrival_bind(&q, &p);
    q_int(&q, ar->in->now_us);
    q_int(&q, ar->in->now_us);
    q_int(&q, text_is_unspaced(&p));
    q_text(&q, key);
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        return code;
    p.id = sqlite3_last_insert_rowid(c->db);
    code = add_tags(c, &p, e); /* its text: sqlite_text.c */
    ar->created++;
    ar->out->created++;
    ar->changed = true;
    return code;
}

enum err_code paper_insert_moved(struct db *c, struct arena *scratch,
                                 const struct paper *p, struct err *e)
{
    struct slice key;
    struct query q;
    enum err_code code = title_key(scratch, p->title, &key, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "INSERT INTO papers(" ARRIVAL_COLUMNS ", id, created_at,"
            " updated_at, deleted_at, unspaced, title_key)"
            " VALUES (" ARRIVAL_MARKS ", ?, ?, ?, ?, ?, ?)");
    arrival_bind(&q, p);
    q_int(&q, p->id);
    q_int(&q, p->created_at);
    q_int(&q, p->updated_at);
    q_int(&q, p->deleted_at);
    q_int(&q, text_is_unspaced(p));
    q_text(&q, key);
    code = q_run(&q, NULL, e);
    return code == ERR_NONE && p->deleted_at == 0 ? add_tags(c, p, e) : code;
}

static enum err_code write_paper(struct db *c, struct arena *scratch,
                                 const struct paper *p, struct err *e)
{
    struct slice key;
    struct query q;
    enum err_code code = title_key(scratch, p->title, &key, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "UPDATE papers SET (" ARRIVAL_COLUMNS ", updated_at, deleted_at,"
            " unspaced, title_key) = (" ARRIVAL_MARKS ", ?, ?, ?, ?)"
            " WHERE id = ?");
    arrival_bind(&q, p);
    q_int(&q, p->updated_at);
    q_int(&q, p->deleted_at);
    q_int(&q, text_is_unspaced(p));
    q_text(&q, key);
    q_int(&q, p->id);
    return q_run(&q, NULL, e);
}

static bool same_text(const struct paper *a, const struct paper *b)
{
    return slice_eq(a->title, b->title) && slice_eq(a->abstract, b->abstract) &&
           slice_eq(a->authors, b->authors);
}

/* The indexes are left alone where what they hold stays: most updates are a
 * comment or a journal reference. */
static enum err_code update_paper(struct sqlite_store *s, struct db *c,
                                  struct arrivals *ar,
                                  const struct paper *stored,
                                  const struct paper *arrived, struct err *e)
{
    struct paper p;
    bool new_text, new_tags;
    enum err_code code = ERR_NONE;

    paper_merge(stored, arrived, ar->in->now_us, &p);
    new_text = !same_text(stored, &p);
    new_tags = !slice_eq(stored->tags, p.tags);
    if (new_tags)
        code = remove_tags(c, stored, e);
    if (code == ERR_NONE && new_text)
        code = text_remove(s, c, stored, e);
    if (code == ERR_NONE)
        code = write_paper(c, ar->scratch, &p, e);
    if (code == ERR_NONE && new_text)
        code = text_add(s, c, &p, e);
    if (code == ERR_NONE && new_tags)
        code = add_tags(c, &p, e);
    ar->out->updated++;
    ar->changed = true;
    return code;
}

static enum err_code receive_paper(struct sqlite_store *s, struct db *c,
                                   struct arrivals *ar,
                                   const struct paper *arrived, struct err *e)
{
    struct paper stored;
    struct query q;
    bool known;
    enum err_code code;

    arena_reset(ar->scratch);
    q_start(&q, c, "SELECT " PAPER_COLUMNS " FROM papers WHERE url = ?");
    q_text(&q, arrived->url);
    known = q_next(&q);
    if (known)
        paper_read(&q, ar->scratch, &stored);
    code = q_end(&q, e);
    if (code != ERR_NONE)
        return code;
    switch (paper_decide(known ? &stored : NULL, arrived)) {
    case PAPER_CREATED:
        return insert_paper(c, ar, arrived, e);
    case PAPER_UPDATED:
        return update_paper(s, c, ar, &stored, arrived, e);
    case PAPER_UNCHANGED:
        ar->out->updated++;
        ar->out->unchanged++;
        break;
    }
    return ERR_NONE;
}

/* ---- the webhook ---- */

/* *out->repeated: the receipt is there. */
static enum err_code find_receipt(struct db *c, const struct webhook_in *in,
                                  struct webhook_result *out, struct err *e)
{
    struct query q;
    bool same = true;
    enum err_code code;

    if (in->webhook_id.len == 0)
        return ERR_NONE;
    q_start(&q, c,
            "SELECT body_sha256 = ?, papers_created, papers_updated,"
            " papers_unchanged FROM webhook_receipts WHERE webhook_id = ?");
    q_blob(&q, in->body_sha256, sizeof(in->body_sha256));
    q_text(&q, in->webhook_id);
    if (q_next(&q)) {
        same = q_get_int(&q);
        out->created = q_get_int(&q);
        out->updated = q_get_int(&q);
        out->unchanged = q_get_int(&q);
        out->repeated = true;
    }
    code = q_end(&q, e);
    if (code == ERR_NONE && !same)
        code = err_set(e, ERR_CONFLICT,
                       "webhook '%.*s' was received before with another body",
                       SLICE_ARG(in->webhook_id));
    return code;
}

static enum err_code write_receipt(struct db *c, const struct webhook_in *in,
                                   const struct webhook_result *out,
                                   struct err *e)
{
    struct query q;

    if (in->webhook_id.len == 0)
        return ERR_NONE;
    q_start(&q, c, "INSERT INTO webhook_receipts VALUES (?, ?, ?, ?, ?, ?)");
    q_text(&q, in->webhook_id);
    q_blob(&q, in->body_sha256, sizeof(in->body_sha256));
    q_int(&q, out->created);
    q_int(&q, out->updated);
    q_int(&q, out->unchanged);
    q_int(&q, in->now_us);
    return q_run(&q, NULL, e);
}

/* ?14: add to the numbers that are there (another delivery of the job), or
 * replace them (perhaps the same one again). */
static enum err_code write_scraper_job(struct db *c,
                                       const struct webhook_in *in,
                                       const struct webhook_result *out,
                                       struct err *e)
{
    struct query q;

    q_start(
        &q, c,
        "INSERT INTO scraper_jobs(job_id, source, status, error, papers_found,"
        " papers_created, papers_updated, papers_unchanged, start_time,"
        " end_time, created_at, updated_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
        " ON CONFLICT(job_id) DO UPDATE SET source = excluded.source,"
        " status = excluded.status, error = excluded.error,"
        " papers_found = papers_found * ?13 + excluded.papers_found,"
        " papers_created = papers_created * ?13 + excluded.papers_created,"
        " papers_updated = papers_updated * ?13 + excluded.papers_updated,"
        " papers_unchanged ="
        "   papers_unchanged * ?13 + excluded.papers_unchanged,"
        " start_time = CASE WHEN excluded.start_time = 0 THEN start_time"
        "   ELSE excluded.start_time END,"
        " end_time = max(end_time, excluded.end_time),"
        " updated_at = excluded.updated_at");
    q_text(&q, in->job_id);
    q_text(&q, in->source);
    q_text(&q, in->failed ? SLICE("failed") : SLICE("completed"));
    q_text(&q, in->error);
    q_int(&q, (int64_t)in->n_papers);
    q_int(&q, out->created);
    q_int(&q, out->updated);
    q_int(&q, out->unchanged);
    q_int(&q, in->started_at);
    q_int(&q, in->ended_at);
    q_int(&q, in->now_us);
    q_int(&q, in->now_us);
    q_int(&q, in->webhook_id.len != 0);
    return q_run(&q, NULL, e);
}

static enum err_code add_live(struct db *c, int64_t n, struct err *e)
{
    struct query q;

    q_start(&q, c, "UPDATE meta SET live_papers = live_papers + ?");
    q_int(&q, n);
    return q_run(&q, NULL, e);
}

/* The last `n` papers have no vector yet.  In one statement: a trigger would
 * make each insert keep a journal of its own. */
static enum err_code wants_vectors(struct db *c, int64_t n, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "INSERT INTO papers_unembedded SELECT id FROM papers NOT INDEXED"
            " WHERE id > (SELECT max(id) FROM papers) - ?");
    q_int(&q, n);
    return q_run(&q, NULL, e);
}

static enum err_code receive(struct sqlite_store *s, struct db *c, void *ctx,
                             struct err *e)
{
    struct arrivals *ar = ctx;
    const struct webhook_in *in = ar->in;
    enum err_code code;

    *ar->out = (struct webhook_result){0};
    code = find_receipt(c, in, ar->out, e);
    if (code != ERR_NONE || ar->out->repeated)
        return code;
    for (size_t i = 0; i < in->n_papers && code == ERR_NONE; i++)
        code = receive_paper(s, c, ar, &in->papers[i], e);
    if (code == ERR_NONE && ar->created)
        code = add_live(c, ar->created, e);
    if (code == ERR_NONE && ar->created)
        code = text_arrived(s, c, e);
    if (code == ERR_NONE && ar->created)
        code = wants_vectors(c, ar->created, e);
    if (code == ERR_NONE && ar->changed)
        code = embed_job_insert(c, ar->scratch, in->now_us, e);
    if (code == ERR_NONE)
        code = write_scraper_job(c, in, ar->out, e);
    if (code == ERR_NONE)
        code = write_receipt(c, in, ar->out, e);
    if (code == ERR_NONE)
        code = writer_touch(c, ar->changed, e);
    return code;
}

static enum err_code webhook_receive(struct store *base,
                                     const struct webhook_in *in,
                                     struct webhook_result *out, struct err *e)
{
    struct webhook_result result;
    struct arrivals ar = {.in = in, .out = &result};
    enum err_code code;

    ar.scratch = arena_new(SCRATCH_BYTES);
    if (!ar.scratch)
        return err_set(e, ERR_INTERNAL, "out of memory");
    code = writer_run(sqlite_downcast(base), receive, &ar, e);
    arena_free(ar.scratch);
    if (code == ERR_NONE)
        *out = result;
    return code;
}

/* ---- one paper ---- */

static enum err_code paper_get(struct store *base, struct arena *a, int64_t id,
                               bool with_deleted, struct paper *out,
                               struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct paper p;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    code = paper_load(c, a, id, &p, e);
    db_put(s, c);
    if (code == ERR_NONE && p.deleted_at && !with_deleted)
        code = paper_missing(id, e);
    if (code == ERR_NONE)
        *out = p;
    return code;
}

struct tombstone {
    int64_t id, deleted_at, now_us; /* deleted_at 0: bring it back */
    struct arena *scratch;
};

static enum err_code set_deleted(struct db *c, const struct tombstone *t,
                                 struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE papers SET deleted_at = ?, updated_at = ? WHERE id = ?");
    q_int(&q, t->deleted_at);
    q_int(&q, t->now_us);
    q_int(&q, t->id);
    return q_run(&q, NULL, e);
}

static enum err_code bury(struct sqlite_store *s, struct db *c, void *ctx,
                          struct err *e)
{
    struct tombstone *t = ctx;
    bool bring_back = t->deleted_at == 0;
    struct paper p;
    enum err_code code = paper_load(c, t->scratch, t->id, &p, e);

    if (code != ERR_NONE || (p.deleted_at == 0) == bring_back)
        return code; /* not there, or in the wished state already */
    code = bring_back ? text_add(s, c, &p, e) : text_remove(s, c, &p, e);
    if (code == ERR_NONE)
        code = bring_back ? add_tags(c, &p, e) : remove_tags(c, &p, e);
    if (code == ERR_NONE)
        code = set_deleted(c, t, e);
    if (code == ERR_NONE && bring_back)
        code = embed_job_insert(c, t->scratch, t->now_us, e);
    if (code == ERR_NONE)
        code = add_live(c, bring_back ? 1 : -1, e);
    if (code == ERR_NONE)
        code = writer_touch(c, true, e);
    return code;
}

static enum err_code run_bury(struct store *base, struct tombstone *t,
                              struct err *e)
{
    enum err_code code;

    t->scratch = arena_new(SCRATCH_BYTES);
    if (!t->scratch)
        return err_set(e, ERR_INTERNAL, "out of memory");
    code = writer_run(sqlite_downcast(base), bury, t, e);
    arena_free(t->scratch);
    return code;
}

static enum err_code delete_paper(struct store *base, int64_t id,
                                  int64_t now_us, struct err *e)
{
    struct tombstone t = {.id = id, .deleted_at = now_us, .now_us = now_us};

    return run_bury(base, &t, e);
}

static enum err_code restore(struct store *base, int64_t id, int64_t now_us,
                             struct err *e)
{
    struct tombstone t = {.id = id, .now_us = now_us};

    return run_bury(base, &t, e);
}

static enum err_code generation(struct store *base, uint64_t *out,
                                struct err *e)
{
    (void)e;
    *out = atomic_load(&sqlite_downcast(base)->generation);
    return ERR_NONE;
}

/* ---- stats ---- */

static void read_count(struct query *q, struct arena *a, void *row)
{
    struct named_count *count = row;

    count->name = q_get_text(q, a);
    count->n = q_get_int(q);
}

static enum err_code count_names(struct db *c, const char *sql, struct arena *a,
                                 struct named_count **out, size_t *n,
                                 struct err *e)
{
    struct rows rows = {.a = a, .size = sizeof(struct named_count)};
    struct query q;
    enum err_code code;

    q_start(&q, c, sql);
    code = q_rows(&q, &rows, read_count, e);
    *out = (struct named_count *)(void *)rows.p;
    *n = rows.n;
    return code;
}

static int64_t day_of(int64_t us)
{
    return us / US_PER_DAY - (us % US_PER_DAY < 0);
}

/* Walks the index from the newest paper and stops after max_days days: SQL's
 * GROUP BY would sort all papers first. */
static enum err_code count_days(struct db *c, struct arena *a, int max_days,
                                struct paper_stats *out, struct err *e)
{
    struct rows rows = {.a = a, .size = sizeof(struct named_count)};
    struct named_count *row = NULL;
    int64_t day = 0;
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "SELECT published_at FROM papers"
            " WHERE deleted_at = 0 AND published_at <> 0"
            " ORDER BY published_at DESC");
    while (q_next(&q)) {
        int64_t at = q_get_int(&q);
        char text[CLOCK_TEXT];
        size_t len;

        if (!row || day_of(at) != day) {
            if (rows.n == (size_t)max_days)
                break;
            day = day_of(at);
            len = clock_format_date(text, at);
            row = rows_add(&rows);
            if (row)
                row->name = arena_slice(a, (struct slice){text, len});
            q.no_memory = !row || !row->name.p;
            if (q.no_memory)
                break;
        }
        row->n++;
    }
    code = q_end(&q, e);
    out->days = (struct named_count *)(void *)rows.p;
    out->n_days = rows.n;
    return code;
}

static enum err_code stats(struct store *base, struct arena *a, int max_days,
                           struct paper_stats *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct paper_stats st = {0};
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT live_papers FROM meta");
    code = q_one_int(&q, 0, &st.total, e);
    if (code == ERR_NONE)
        code = count_names(c,
                           "SELECT category, count(*) AS n FROM papers"
                           " INDEXED BY papers_by_category"
                           " WHERE deleted_at = 0 GROUP BY category"
                           " ORDER BY n DESC, category",
                           a, &st.categories, &st.n_categories, e);
    if (code == ERR_NONE)
        code = count_names(c,
                           "SELECT source, count(*) AS n FROM papers"
                           " INDEXED BY papers_by_source"
                           " WHERE deleted_at = 0 GROUP BY source"
                           " ORDER BY n DESC, source",
                           a, &st.sources, &st.n_sources, e);
    if (code == ERR_NONE) /* deleted papers are not in it */
        code = count_names(c,
                           "SELECT tag, count(*) AS n FROM paper_tags"
                           " GROUP BY tag ORDER BY n DESC, tag"
                           " LIMIT " STATS_MAX_TAGS,
                           a, &st.tags, &st.n_tags, e);
    if (code == ERR_NONE && max_days > 0)
        code = count_days(c, a, max_days, &st, e);
    db_put(s, c);
    if (code == ERR_NONE)
        *out = st;
    return code;
}

/* ---- scraper jobs ---- */

#define SCRAPER_JOB_COLUMNS                                                    \
    "id, job_id, source, status, error, papers_found, papers_created,"         \
    " papers_updated, papers_unchanged, start_time, end_time, created_at,"     \
    " updated_at"

static void read_scraper_job(struct query *q, struct arena *a, void *row)
{
    struct scraper_job *j = row;

    j->id = q_get_int(q);
    j->job_id = q_get_text(q, a);
    j->source = q_get_text(q, a);
    j->status = q_get_text(q, a);
    j->error = q_get_text(q, a);
    j->papers_found = q_get_int(q);
    j->papers_created = q_get_int(q);
    j->papers_updated = q_get_int(q);
    j->papers_unchanged = q_get_int(q);
    j->start_time = q_get_int(q);
    j->end_time = q_get_int(q);
    j->created_at = q_get_int(q);
    j->updated_at = q_get_int(q);
}

static enum err_code scraper_jobs_list(struct store *base, struct arena *a,
                                       int64_t offset, int limit,
                                       struct scraper_job **out, size_t *n,
                                       int64_t *count, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct scraper_job)};
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT count(*) FROM scraper_jobs");
    code = q_one_int(&q, 0, count, e);
    if (code == ERR_NONE) {
        q_start(&q, c,
                "SELECT " SCRAPER_JOB_COLUMNS " FROM scraper_jobs"
                " ORDER BY id DESC LIMIT ? OFFSET ?");
        q_int(&q, limit);
        q_int(&q, offset);
        code = q_rows(&q, &rows, read_scraper_job, e);
    }
    db_put(s, c);
    *out = (struct scraper_job *)(void *)rows.p;
    *n = rows.n;
    return code;
}

static enum err_code scraper_job_get(struct store *base, struct arena *a,
                                     int64_t id, struct scraper_job *out,
                                     struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    bool found;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT " SCRAPER_JOB_COLUMNS " FROM scraper_jobs WHERE id = ?");
    q_int(&q, id);
    found = q_next(&q);
    if (found)
        read_scraper_job(&q, a, out);
    code = q_end(&q, e);
    db_put(s, c);
    if (code == ERR_NONE && !found)
        code =
            err_set(e, ERR_NOT_FOUND, "no scraper job '%lld'", (long long)id);
    return code;
}

const struct paper_ops sqlite_paper_ops = {
    .webhook_receive = webhook_receive,
    .list = sqlite_papers_list,
    .get = paper_get,
    .get_many = sqlite_papers_get,
    .each = sqlite_papers_each,
    .similar = sqlite_papers_similar,
    .delete_paper = delete_paper,
    .restore = restore,
    .generation = generation,
    .stats = stats,
    .scraper_jobs_list = scraper_jobs_list,
    .scraper_job_get = scraper_job_get,
};
