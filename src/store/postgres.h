/* postgres.h - what the files of the PostgreSQL backend share.
 *
 * Included by postgres*.c only.
 */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H

#include <stdatomic.h>

#include "store/postgres_conn.h"
#include "store/postgres_known.h"
#include "store/postgres_pool.h"
#include "store/postgres_vector_form.h"
#include "store/store_ops.h"

struct pg_listener;

struct postgres {
    struct store base;
    int64_t idempotency_ttl_us;
    struct known *pages; /* owned; counts and anchors of lists */
    struct vector_form vectors;
    int64_t index_from;      /* vectors; 0: never */
    _Atomic bool indexed[2]; /* by enum vector_set: HNSW is there, as the last
                                search saw it */
    _Atomic uint64_t n_exact, n_approximate; /* searches */
    struct pg_pool *pool;                    /* owned */
    struct pg_listener *listener;            /* owned; NULL: nobody listens */
};

struct postgres *postgres_of(struct store *s); /* checked downcast */

/* Take a connection out of the pool (postgres_pool.h); give it back in any
 * state. */
enum err_code postgres_take(struct postgres *p, struct pg_conn **out,
                            struct err *e) CHECKED;
void postgres_give(struct postgres *p, struct pg_conn *c);

/* One statement; *out (NULL: not wanted) is to be PQclear()ed. */
enum err_code postgres_query(struct store *s, PGresult **out, const char *sql,
                             const struct pg_args *args, struct err *e) CHECKED;
/* One transaction: BEGIN, body, COMMIT; what body queued last travels with the
 * COMMIT.  An error of body rolls back.  body runs again, from the start,
 * after a deadlock. */
enum err_code postgres_transact(struct store *s,
                                enum err_code (*body)(struct pg_conn *c,
                                                      void *ctx, struct err *e),
                                void *ctx, struct err *e) CHECKED;

/* Rows into an array in arena, read one by one; with count_sql also a count of
 * the same moment. */
struct pg_select {
    const char *sql;
    const struct pg_args *args;
    const char *count_sql; /* or NULL */
    const struct pg_args *count_args;
    size_t size; /* of an element */
    void (*read)(struct pg_row *w, void *element);
};
enum err_code postgres_select(struct store *s, struct arena *a,
                              const struct pg_select *q, void *out, size_t *n,
                              int64_t *count, struct err *e) CHECKED;
/* The rows of r into an array; r is cleared. */
enum err_code postgres_read_rows(PGresult *r, struct arena *a,
                                 const struct pg_select *q, void *out,
                                 size_t *n, struct err *e) CHECKED;
/* Rows by their numbers: $1 of q->sql is `ids`, an int8[]; q->args is not used.
 */
enum err_code postgres_select_ids(struct store *s, struct arena *a,
                                  const struct pg_select *q, const int64_t *ids,
                                  size_t n, void *out, size_t *n_out,
                                  struct err *e) CHECKED;
/* The one row, or *found == false. */
enum err_code postgres_select_one(struct store *s, struct arena *a,
                                  const struct pg_select *q, void *out,
                                  bool *found, struct err *e) CHECKED;

/* A statement: who makes an index has at least this memory (as '256MB'),
 * "true": until the transaction ends, "false": the session.  In little memory
 * it is written several times. */
#define POSTGRES_INDEX_MEMORY(least, local)                                    \
    "SELECT set_config('maintenance_work_mem', '" least "', " local ")"        \
    " WHERE pg_size_bytes(current_setting('maintenance_work_mem'))"            \
    " < pg_size_bytes('" least "')"

/* ---- carrying rows (postgres_export.c, postgres_import.c) ---- */

enum err_code postgres_import_begin(struct store *s, struct err *e) CHECKED;
enum err_code postgres_import_done(struct store *s,
                                   const struct transfer_table *t, int64_t *out,
                                   struct err *e) CHECKED;
enum err_code postgres_import_rows(struct store *s,
                                   const struct transfer_table *t, int64_t done,
                                   const struct transfer_cell *cells, size_t n,
                                   struct err *e) CHECKED;
enum err_code postgres_import_clear(struct store *s,
                                    const struct transfer_table *from,
                                    struct err *e) CHECKED;
enum err_code postgres_import_finish(struct store *s, struct err *e) CHECKED;

/* Bring the schema up to date, one process at a time; only look at it if it is
 * to be read.  ERR_INVALID: it is newer than this program, or was not filled to
 * the end. */
enum err_code postgres_migrate(struct pg_conn *c, enum store_purpose purpose,
                               struct err *e) CHECKED;
/* Begin a transaction that changes tables, of one process at a time and as long
 * as it takes. */
enum err_code postgres_begin_alone(struct pg_conn *c, struct err *e) CHECKED;

/* Columns in the order in which postgres_read_paper() takes them. */
#define PAPER_COLUMNS                                                          \
    "p.id, p.title, p.abstract, p.authors, p.author_list, p.url, p.pdf_url,"   \
    " p.source, p.source_id, p.version, p.published_at, p.source_updated_at,"  \
    " p.arxiv_categories, p.primary_category, p.doi, p.journal_ref,"           \
    " p.comment, p.category, p.relevance_score, p.relevance, p.tags,"          \
    " p.created_at, p.updated_at, p.deleted_at"
void postgres_read_paper(struct pg_row *w, void *paper);
/* A paper as it is shown. */
#define MARKED_COLUMNS                                                         \
    PAPER_COLUMNS ", (SELECT m.read::int + 2 * m.starred::int"                 \
                  " + 4 * m.noted::int FROM paper_marks m"                     \
                  " WHERE m.paper_id = p.id) AS marks"
void postgres_read_marked(struct pg_row *w, void *paper);

/* Columns of an arriving paper, as parallel arrays that fill $first on. */
#define ARRIVAL_COLUMNS                                                        \
    "title, abstract, authors, author_list, url, pdf_url, source, source_id,"  \
    " version, published_at, source_updated_at, arxiv_categories,"             \
    " primary_category, doi, journal_ref, comment, category,"                  \
    " relevance_score, relevance, tags"
#define N_ARRIVAL_COLUMNS 20
struct pg_columns {
    struct buf b[N_ARRIVAL_COLUMNS];
};
void postgres_columns_init(struct pg_columns *t);
void postgres_columns_release(struct pg_columns *t);
void postgres_columns_add(struct pg_columns *t, const struct paper *p);
void postgres_columns_args(const struct pg_columns *t, struct pg_args *a);

#define PG_ARRIVAL_PARAMS                                                      \
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"   \
    " $17, $18, $19, $20"
/* Reads the arrival's columns only. */
void postgres_read_arrival(struct pg_row *w, void *paper);
/* Appends what is derived from a paper: the key of the order by title (at most
 * 2,000 bytes), and the labels as the text of an array. */
void postgres_title_key(struct buf *out, struct slice title);
void postgres_labels(struct buf *out, const struct paper *p);
/* Queue the move of the generation, the last statement of a transaction that
 * touches papers or scraper jobs; `live` more papers that are not deleted. */
void postgres_touch(struct pg_conn *c, int64_t live);

enum err_code postgres_webhook_receive(struct store *s,
                                       const struct webhook_in *in,
                                       struct webhook_result *out,
                                       struct err *e) CHECKED;
enum err_code postgres_papers_list(struct store *s, struct arena *a,
                                   const struct paper_query *q,
                                   struct paper_list *out, struct err *e)
    CHECKED;
enum err_code postgres_papers_each(struct store *s, const struct paper_query *q,
                                   enum err_code (*each)(void *ctx,
                                                         const struct paper *p,
                                                         struct err *e),
                                   void *ctx, struct err *e) CHECKED;
enum err_code postgres_papers_similar(struct store *s, struct arena *a,
                                      int64_t id, int k,
                                      struct paper_similar **out, size_t *n,
                                      struct err *e) CHECKED;

extern const struct paper_ops postgres_paper_ops;
extern const struct job_ops postgres_job_ops;
extern const struct scrape_ops postgres_scrape_ops;
extern const struct document_ops postgres_document_ops;
extern const struct copy_ops postgres_copy_ops;
extern const struct event_ops postgres_event_ops;
extern const struct desk_ops postgres_desk_ops;
extern const struct record_ops postgres_record_ops;
extern const struct transfer_ops postgres_transfer_ops;
extern const struct verify_ops postgres_verify_ops;

#endif
