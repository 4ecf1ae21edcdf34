/* postgres_webhook.c - papers that arrive, in one transaction.
 *
 * Four round trips, however many papers there are: (1) take the turn, look for
 * the receipt, fetch the rows that the arrivals meet; decide here, by
 * paper_rules.c, what each does; (2) write everything and commit.  Rows travel
 * as one array a column.
 *
 * Webhooks take turns (an advisory lock) since otherwise two that bring the
 * same new papers would meet in the unique index, one waiting for the other in
 * the middle of its work, and deadlock when their order differs.  One takes a
 * few milliseconds, and they could not commit at the same time anyway: the last
 * thing each does is to move the generation, a single row.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "store/paper_rules.h"
#include "store/postgres_jobs.h"
#include "store/postgres_text.h"
#include "store/search_query.h"

/* An index entry of B-tree takes 2,704 bytes.  Titles that agree in so much are
 * ordered by id. */
#define MAX_TITLE_KEY 2000
#define MAX_LABEL 298 /* nobody can ask for a longer one */
/* Papers in a statement: to cut a paper into words takes us nearly as long as
 * the server needs to store it, and both go on at the same time. */
#define BATCH 10

/* ---- columns ---- */

/* by their place in ARRIVAL_COLUMNS: version and the two times; the score */
static bool is_integer(int column)
{
    return column >= 8 && column <= 10;
}

static bool is_double(int column)
{
    return column == 17;
}

void postgres_columns_init(struct pg_columns *t)
{
    for (int i = 0; i < N_ARRIVAL_COLUMNS; i++)
        pg_array_init(&t->b[i], is_integer(i)  ? PG_INT8
                                : is_double(i) ? PG_FLOAT8
                                               : PG_TEXT);
}

void postgres_columns_release(struct pg_columns *t)
{
    for (int i = 0; i < N_ARRIVAL_COLUMNS; i++)
        buf_release(&t->b[i]);
}

void postgres_columns_add(struct pg_columns *t, const struct paper *p)
{
    struct buf *b = t->b;

    pg_array_text(b++, p->title);
    pg_array_text(b++, p->abstract);
    pg_array_text(b++, p->authors);
    pg_array_text(b++, p->author_list);
    pg_array_text(b++, p->url);
    pg_array_text(b++, p->pdf_url);
    pg_array_text(b++, p->source);
    pg_array_text(b++, p->source_id);
    pg_array_i64(b++, p->version);
    pg_array_i64(b++, p->published_at);
    pg_array_i64(b++, p->source_updated_at);
    pg_array_text(b++, p->arxiv_categories);
    pg_array_text(b++, p->primary_category);
    pg_array_text(b++, p->doi);
    pg_array_text(b++, p->journal_ref);
    pg_array_text(b++, p->comment);
    pg_array_text(b++, p->category);
    pg_array_f64(b++, p->relevance_score);
    pg_array_text(b++, p->relevance);
    pg_array_text(b, p->tags);
}

void postgres_columns_args(const struct pg_columns *t, struct pg_args *a)
{
    for (int i = 0; i < N_ARRIVAL_COLUMNS; i++)
        pg_arg_array(a,
                     is_integer(i)  ? PG_INT8_ARRAY
                     : is_double(i) ? PG_FLOAT8_ARRAY
                                    : PG_TEXT_ARRAY,
                     &t->b[i]);
}

/* ---- what is derived from a paper ---- */

void postgres_title_key(struct buf *out, struct slice title)
{
    size_t start = out->len;

    paper_title_key(out, title);
    if (buf_ok(out) && out->len - start > MAX_TITLE_KEY)
        buf_cut(out, start + utf8_cut((struct slice){out->p + start,
                                                     out->len - start},
                                      MAX_TITLE_KEY)
                                 .len);
}

static void add_label(struct buf *out, char kind, const json_t *name)
{
    const char *p = json_string_value(name);
    size_t n = json_string_length(name);

    if (n == 0 || n > MAX_LABEL)
        return;
    buf_printf(out, "%s\"%c:", out->p[out->len - 1] == '{' ? "" : ",", kind);
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '"' || p[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, p[i]);
    }
    buf_add_char(out, '"');
}

/* What is no JSON array of strings has no labels. */
static void add_labels(struct buf *out, char kind, struct slice array)
{
    json_t *names = NULL, *name;
    size_t i;

    if (array.len <= 2 || json_parse(&names, array, NULL) != ERR_NONE)
        return;
    json_array_foreach(names, i, name) if (json_is_string(name))
        add_label(out, kind, name);
    json_decref(names);
}

void postgres_labels(struct buf *out, const struct paper *p)
{
    buf_add_char(out, '{');
    if (!buf_ok(out))
        return;
    add_labels(out, 't', p->tags);
    add_labels(out, 'a', p->arxiv_categories);
    buf_add_char(out, '}');
}

static bool is_unspaced(const struct paper *p)
{
    return search_is_unspaced(p->title) || search_is_unspaced(p->abstract) ||
           search_is_unspaced(p->authors);
}

/* Columns of papers besides those of an arrival. */
struct derived {
    struct buf ids, created, unspaced, keys, labels, words;
};

static void derived_init(struct derived *d)
{
    pg_array_init(&d->ids, PG_INT8);
    pg_array_init(&d->created, PG_INT8);
    pg_array_init(&d->unspaced, PG_BOOL);
    pg_array_init(&d->keys, PG_TEXT);
    pg_array_init(&d->labels, PG_TEXT);
    pg_array_init(&d->words, PG_TSVECTOR);
}

static void derived_release(struct derived *d)
{
    buf_release(&d->ids);
    buf_release(&d->created);
    buf_release(&d->unspaced);
    buf_release(&d->keys);
    buf_release(&d->labels);
    buf_release(&d->words);
}

static void derived_add(struct derived *d, const struct paper *p)
{
    size_t at;

    pg_array_i64(&d->ids, p->id);
    pg_array_i64(&d->created, p->created_at);
    pg_array_bool(&d->unspaced, is_unspaced(p));
    at = pg_array_open(&d->keys);
    postgres_title_key(&d->keys, p->title);
    pg_array_close(&d->keys, at);
    at = pg_array_open(&d->labels);
    postgres_labels(&d->labels, p);
    pg_array_close(&d->labels, at);
    at = pg_array_open(&d->words);
    pg_text_vector(&d->words, p);
    pg_array_close(&d->words, at);
}

static void derived_args(const struct derived *d, struct pg_args *a)
{
    pg_arg_array(a, PG_INT8_ARRAY, &d->ids);
    pg_arg_array(a, PG_INT8_ARRAY, &d->created);
    pg_arg_array(a, PG_BOOL_ARRAY, &d->unspaced);
    pg_arg_array(a, PG_TEXT_ARRAY, &d->keys);
    pg_arg_array(a, PG_TEXT_ARRAY, &d->labels);
    pg_arg_array(a, PG_TSVECTOR_ARRAY, &d->words);
}

/* ---- the decision ---- */

/* One URL of the call: what is stored, and what it becomes. */
struct fate {
    struct slice url;
    bool stored;  /* there before this call */
    bool present; /* there, or made by this call: `now` is valid */
    bool write;
    struct paper now;
};

struct receipt {
    const struct webhook_in *in;
    struct webhook_result out;
    struct fate *fates; /* by URL */
    size_t n_fates;
    struct arena *scratch;
};

static int by_url(const void *x, const void *y)
{
    return slice_cmp(((const struct fate *)x)->url,
                     ((const struct fate *)y)->url);
}

static struct fate *fate_of(struct receipt *w, struct slice url)
{
    struct fate key = {.url = url};

    return bsearch(&key, w->fates, w->n_fates, sizeof(key), by_url);
}

static enum err_code list_urls(struct receipt *w, struct err *e)
{
    size_t n = w->in->n_papers, kept = 0;

    w->fates = arena_calloc(w->scratch, n ? n : 1, sizeof(*w->fates));
    if (!w->fates)
        return err_set(e, ERR_TOO_LARGE, "too many papers in one call");
    for (size_t i = 0; i < n; i++)
        w->fates[i].url = w->in->papers[i].url;
    qsort(w->fates, n, sizeof(*w->fates), by_url);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !slice_eq(w->fates[kept - 1].url, w->fates[i].url))
            w->fates[kept++] = w->fates[i];
    w->n_fates = kept;
    return ERR_NONE;
}

/* The second arrival of a paper meets what the first has made of it. */
static void decide_one(struct receipt *w, const struct paper *p)
{
    struct fate *f = fate_of(w, p->url);

    switch (paper_decide(f->present ? &f->now : NULL, p)) {
    case PAPER_CREATED:
        f->now = *p;
        f->now.id = 0;
        f->now.created_at = f->now.updated_at = w->in->now_us;
        f->now.deleted_at = 0;
        f->present = f->write = true;
        w->out.created++;
        break;
    case PAPER_UPDATED: {
        struct paper merged;

        paper_merge(&f->now, p, w->in->now_us, &merged);
        f->now = merged;
        f->write = true;
        w->out.updated++;
        break;
    }
    case PAPER_UNCHANGED:
        w->out.updated++;
        w->out.unchanged++;
        break;
    }
}

/* ---- first round trip ---- */

static void ask_receipt(struct pg_conn *c, const struct webhook_in *in)
{
    struct pg_args a = {0};

    pg_arg_bytes(&a, in->body_sha256, sizeof(in->body_sha256));
    pg_arg_text(&a, in->webhook_id);
    pg_ask(c,
           "SELECT body_sha256 = $1, papers_created, papers_updated,"
           " papers_unchanged FROM webhook_receipts WHERE webhook_id = $2",
           &a);
}

static enum err_code read_receipt(struct pg_conn *c, struct receipt *w,
                                  struct err *e)
{
    PGresult *r;
    enum err_code code = pg_next(c, &r, e);

    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 1) {
        w->out = (struct webhook_result){.created = pg_i64(r, 0, 1),
                                         .updated = pg_i64(r, 0, 2),
                                         .unchanged = pg_i64(r, 0, 3),
                                         .repeated = true};
        if (!pg_bool(r, 0, 0))
            code = err_set(e, ERR_CONFLICT,
                           "webhook '%.*s' was received before with another "
                           "body",
                           SLICE_ARG(w->in->webhook_id));
    }
    postgres_lib.PQclear(r);
    return code;
}

static void ask_stored(struct pg_conn *c, const struct receipt *w)
{
    struct pg_args a = {0};
    struct buf urls;

    pg_array_init(&urls, PG_TEXT);
    for (size_t i = 0; i < w->n_fates; i++)
        pg_array_text(&urls, w->fates[i].url);
    pg_arg_array(&a, PG_TEXT_ARRAY, &urls);
    pg_ask(c,
           "SELECT " PAPER_COLUMNS " FROM papers p WHERE p.url = ANY ($1)"
           " FOR UPDATE",
           &a);
    buf_release(&urls);
}

static enum err_code read_stored(struct pg_conn *c, struct receipt *w,
                                 struct err *e)
{
    PGresult *r;
    enum err_code code = pg_next(c, &r, e);

    if (code != ERR_NONE)
        return code;
    for (int i = 0; i < postgres_lib.PQntuples(r) && code == ERR_NONE; i++) {
        struct pg_row row = {.r = r, .a = w->scratch, .row = i};
        struct paper p;
        struct fate *f;

        postgres_read_paper(&row, &p);
        code = pg_row_end(&row, e);
        f = code == ERR_NONE ? fate_of(w, p.url) : NULL;
        if (f) {
            f->now = p;
            f->stored = f->present = true;
        }
    }
    postgres_lib.PQclear(r);
    return code;
}

/* ---- second round trip ---- */

static void insert_papers(struct pg_conn *c, const struct pg_columns *t,
                          const struct derived *d)
{
    struct pg_args a = {0};

    postgres_columns_args(t, &a);
    pg_arg_array(&a, PG_INT8_ARRAY, &d->created);
    pg_arg_array(&a, PG_BOOL_ARRAY, &d->unspaced);
    pg_arg_array(&a, PG_TEXT_ARRAY, &d->keys);
    pg_arg_array(&a, PG_TEXT_ARRAY, &d->labels);
    pg_arg_array(&a, PG_TSVECTOR_ARRAY, &d->words);
    pg_do(c,
          "INSERT INTO papers(" ARRIVAL_COLUMNS ", created_at, unspaced,"
          " title_key, labels, words, updated_at)"
          " SELECT u.*, u.created_at FROM (SELECT " ARRIVAL_COLUMNS
          ", created_at, unspaced, title_key, labels::text[], words"
          " FROM unnest(" PG_ARRIVAL_PARAMS ", $21, $22, $23, $24, $25)"
          " AS a(" ARRIVAL_COLUMNS ", created_at, unspaced, title_key, labels,"
          " words)) u",
          &a);
}

static void update_papers(struct pg_conn *c, const struct pg_columns *t,
                          const struct derived *d, int64_t now_us)
{
    struct pg_args a = {0};

    postgres_columns_args(t, &a);
    derived_args(d, &a);
    pg_arg_i64(&a, now_us);
    pg_do(c,
          "UPDATE papers p SET (" ARRIVAL_COLUMNS ", unspaced, title_key,"
          " labels, words, updated_at) = (SELECT u.title, u.abstract,"
          " u.authors, u.author_list, u.url, u.pdf_url, u.source, u.source_id,"
          " u.version, u.published_at, u.source_updated_at,"
          " u.arxiv_categories, u.primary_category, u.doi, u.journal_ref,"
          " u.comment, u.category, u.relevance_score, u.relevance, u.tags,"
          " u.unspaced, u.title_key, u.labels::text[], u.words, $27)"
          " FROM unnest(" PG_ARRIVAL_PARAMS ", $21, $22, $23, $24, $25, $26)"
          " AS u(" ARRIVAL_COLUMNS ", id, created_at, unspaced, title_key,"
          " labels, words) WHERE p.id = u.id",
          &a);
}

/* Rows to be inserted, or to be updated. */
struct batch {
    struct pg_columns columns;
    struct derived derived;
    size_t n;
};

static void batch_init(struct batch *b)
{
    postgres_columns_init(&b->columns);
    derived_init(&b->derived);
    b->n = 0;
}

static void batch_release(struct batch *b)
{
    derived_release(&b->derived);
    postgres_columns_release(&b->columns);
}

/* Send what there is; the server works on it while we go on. */
static void send_batch(struct pg_conn *c, const struct receipt *w,
                       struct batch *b, bool stored)
{
    if (b->n == 0)
        return;
    if (stored)
        update_papers(c, &b->columns, &b->derived, w->in->now_us);
    else
        insert_papers(c, &b->columns, &b->derived);
    pg_push(c);
    batch_release(b);
    batch_init(b);
}

/* The rows that are written; inserted ones in the order of their arrival. */
static void write_papers(struct pg_conn *c, struct receipt *w)
{
    struct batch batches[2]; /* [stored] */

    batch_init(&batches[false]);
    batch_init(&batches[true]);
    for (size_t i = 0; i < w->in->n_papers; i++) {
        struct fate *f = fate_of(w, w->in->papers[i].url);
        struct batch *b = &batches[f->stored];

        if (!f->write)
            continue;
        f->write = false; /* once */
        postgres_columns_add(&b->columns, &f->now);
        derived_add(&b->derived, &f->now);
        if (++b->n == BATCH)
            send_batch(c, w, b, f->stored);
    }
    send_batch(c, w, &batches[false], false);
    send_batch(c, w, &batches[true], true);
    batch_release(&batches[true]);
    batch_release(&batches[false]);
}

/* $13: add to the numbers that are there (another delivery of the job), or
 * replace them (perhaps the same one again). */
static void write_scraper_job(struct pg_conn *c, const struct receipt *w)
{
    const struct webhook_in *in = w->in;
    struct pg_args a = {0};

    pg_arg_text(&a, in->job_id);
    pg_arg_text(&a, in->source);
    pg_arg_text(&a, in->failed ? SLICE("failed") : SLICE("completed"));
    pg_arg_text(&a, in->error);
    pg_arg_i64(&a, (int64_t)in->n_papers);
    pg_arg_i64(&a, w->out.created);
    pg_arg_i64(&a, w->out.updated);
    pg_arg_i64(&a, w->out.unchanged);
    pg_arg_i64(&a, in->started_at);
    pg_arg_i64(&a, in->ended_at);
    pg_arg_i64(&a, in->now_us);
    pg_arg_i64(&a, in->webhook_id.len != 0);
    pg_do(c,
          "INSERT INTO scraper_jobs AS j(job_id, source, status, error,"
          " papers_found, papers_created, papers_updated, papers_unchanged,"
          " start_time, end_time, created_at, updated_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)"
          " ON CONFLICT (job_id) DO UPDATE SET source = excluded.source,"
          " status = excluded.status, error = excluded.error,"
          " papers_found = j.papers_found * $12 + excluded.papers_found,"
          " papers_created = j.papers_created * $12 + excluded.papers_created,"
          " papers_updated = j.papers_updated * $12 + excluded.papers_updated,"
          " papers_unchanged ="
          "   j.papers_unchanged * $12 + excluded.papers_unchanged,"
          " start_time = CASE WHEN excluded.start_time = 0 THEN j.start_time"
          "   ELSE excluded.start_time END,"
          " end_time = greatest(j.end_time, excluded.end_time),"
          " updated_at = excluded.updated_at",
          &a);
}

static void write_receipt(struct pg_conn *c, const struct receipt *w)
{
    const struct webhook_in *in = w->in;
    struct pg_args a = {0};

    if (in->webhook_id.len == 0)
        return;
    pg_arg_text(&a, in->webhook_id);
    pg_arg_bytes(&a, in->body_sha256, sizeof(in->body_sha256));
    pg_arg_i64(&a, w->out.created);
    pg_arg_i64(&a, w->out.updated);
    pg_arg_i64(&a, w->out.unchanged);
    pg_arg_i64(&a, in->now_us);
    pg_do(c, "INSERT INTO webhook_receipts VALUES ($1, $2, $3, $4, $5, $6)",
          &a);
}

static enum err_code receive(struct pg_conn *c, void *ctx, struct err *e)
{
    struct receipt *w = ctx;
    enum err_code code;

    arena_reset(w->scratch);
    w->out = (struct webhook_result){0};
    code = list_urls(w, e);
    if (code != ERR_NONE)
        return code;
    pg_do(
        c,
        "SELECT pg_advisory_xact_lock(1936221543, hashtext(current_schema()))",
        NULL);
    ask_receipt(c, w->in);
    ask_stored(c, w);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = read_receipt(c, w, e);
    if (code != ERR_NONE || w->out.repeated)
        return code;
    code = read_stored(c, w, e);
    if (code != ERR_NONE)
        return code;
    for (size_t i = 0; i < w->in->n_papers; i++)
        decide_one(w, &w->in->papers[i]);
    write_papers(c, w);
    write_scraper_job(c, w);
    write_receipt(c, w);
    if (w->out.created || w->out.updated > w->out.unchanged)
        postgres_embed_job_insert(c, w->in->now_us);
    postgres_touch(c, w->out.created);
    return ERR_NONE;
}

enum err_code postgres_webhook_receive(struct store *s,
                                       const struct webhook_in *in,
                                       struct webhook_result *out,
                                       struct err *e)
{
    struct receipt w = {.in = in};
    enum err_code code;

    w.scratch = arena_new((size_t)512 << 20);
    if (!w.scratch)
        return err_set(e, ERR_INTERNAL, "out of memory");
    code = postgres_transact(s, receive, &w, e);
    if (code == ERR_NONE)
        *out = w.out;
    arena_free(w.scratch);
    return code;
}
