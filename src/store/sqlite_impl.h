/* sqlite_impl.h - what the parts of the SQLite backend share.
 *
 *   sqlite.c            open, close, check; reader connections; errors
 *   sqlite_stmt.c       statements: prepare once, bind, step, read into an
 * arena sqlite_writer.c     the one writer thread that groups commits
 *   sqlite_vfs.c        the writer's log in large writes
 *   sqlite_migrations.c numbered schema changes
 *   sqlite_papers.c     webhook, single papers, scraper jobs, stats
 *   sqlite_text.c       what of the papers is in the full text, and its upkeep
 *   sqlite_list.c       pages of papers; sqlite_filter.c the sets behind them
 *   sqlite_similar.c    papers with rare words in common
 *   sqlite_jobs.c       jobs
 *   sqlite_scrape.c     results, outbox; sqlite_plans.c schedules, coverage,
 *                       limiter
 *   sqlite_documents.c  documents as they come and go;
 *                       sqlite_documents_read.c reading them;
 *                       sqlite_vectors.c keyword search and vectors;
 *                       sqlite_paper_vectors.c those of papers,
 *                       sqlite_paper_words.c their words;
 *                       sqlite_embed.c the job that makes vectors
 *   sqlite_events.c     page views
 *   sqlite_copies.c     the copy of the vectors outside
 *   sqlite_desk.c       marks
 *   sqlite_collections.c  tenants, databases, collections;
 *                       sqlite_records.c their records
 *   sqlite_export.c     all rows, to another database
 *   sqlite_import.c     and from one
 *
 * Threads: a struct db belongs to one thread at a time.
 */
#ifndef STORE_SQLITE_IMPL_H
#define STORE_SQLITE_IMPL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <time.h>

#include "store/store_ops.h"

/* ---- connections ---- */

/* Statements are kept by the address of their SQL text: always a literal. */
#define CONN_STMTS 512

struct db {
    sqlite3 *db;
    struct db *next; /* in the pool */
    struct {
        const char *sql;
        sqlite3_stmt *st;
    } stmts[CONN_STMTS];
};

struct write_request;
struct filter_cache;

struct sqlite_store {
    struct store base; /* first */
    char *path;        /* of the file; "" in memory */
    char *data_dir;
    int64_t idempotency_ttl_us;
    enum store_purpose purpose;
    bool in_memory; /* one connection for all */

    /* readers, and in memory the writer too */
    pthread_mutex_t pool_lock;
    pthread_cond_t pool_free;
    struct db *idle; /* used last first, so that few caches are warm */
    int n_open, max_open;

    /* the writer */
    pthread_t thread;
    bool thread_runs;
    pthread_mutex_t queue_lock;
    pthread_cond_t queue_filled, queue_done;
    struct write_request *queue_head, **queue_tail;
    int queued;
    bool stopping;
    struct db *writer; /* NULL in memory */
    /* of the writer thread */
    int wal_pages; /* in the log */
    struct text_upkeep {
        bool written; /* by the piece of work in hand */
        int segments; /* since the last merge */
        bool merging;
        bool failed; /* to index, since the last group */
    } text;

    /* as in the last commit */
    _Atomic uint64_t generation;
    _Atomic int64_t unindexed; /* papers that full text waits for */
    _Atomic int searching;     /* threads in text_snapshot */
    struct filter_cache *filters;
};

/* The backend's own struct; asserts that it is one of ours. */
struct sqlite_store *sqlite_downcast(struct store *s);

/* A connection for reading, until db_put.  With `snapshot` everything read
 * until then is of one moment.  ERR_UNAVAILABLE: none free in time. */
enum err_code db_get(struct sqlite_store *s, bool snapshot, struct db **out,
                     struct err *e) CHECKED;
void db_put(struct sqlite_store *s, struct db *c);

/* DB_ALONE: a reader; while it is open nobody else has the file open.
 * ERR_UNAVAILABLE: somebody has. */
enum db_mode { DB_READER, DB_WRITER, DB_ALONE };
/* Open one with all pragmas set. */
enum err_code db_open(const char *path, enum db_mode mode, struct db **out,
                      struct err *e) CHECKED;
void db_close(struct db *c); /* takes NULL */

/* The writer's VFS (sqlite_vfs.c); registered once, before the first open. */
#define SQLITE_VFS_NAME "sheaf"
void sqlite_vfs_register(void);

/* The time `ms` from now, for pthread_cond_timedwait. */
void deadline_in(struct timespec *ts, int ms);

/* What SQLite said, as our error. */
enum err_code sqlite_error(struct db *c, int rc, struct err *e);
enum err_code db_exec(struct db *c, const char *sql, struct err *e) CHECKED;

/* ---- statements (sqlite_stmt.c) ---- */

/* A kept statement on its way: get it with q_start, bind with q_*, run it with
 * q_next or q_done.  The first error sticks and is given by q_end, which must
 * always be called. */
struct query {
    struct db *c;
    sqlite3_stmt *st; /* NULL: preparing failed */
    int bound, column;
    int rc;
    bool no_memory; /* an output did not fit into the arena */
};

/* `sql` must be a string literal (or live as long as the connection). */
void q_start(struct query *q, struct db *c, const char *sql);
/* Bind the next parameter.  Texts are borrowed until q_end. */
void q_int(struct query *q, int64_t v);
void q_int_or_null(struct query *q, bool there, int64_t v);
void q_double(struct query *q, double v);
void q_text(struct query *q, struct slice v); /* p == NULL: '' */
void q_text_or_null(struct query *q, struct slice v);
void q_blob(struct query *q, const void *p, size_t n);
bool q_next(struct query *q); /* a row?  Columns are read from the first. */
/* Read the next column. */
int64_t q_get_int(struct query *q);
double q_get_double(struct query *q);
struct slice q_get_text(struct query *q, struct arena *a);
/* NULL is none, p == NULL. */
struct slice q_get_text_or_none(struct query *q, struct arena *a);
/* The same, borrowed until the next q_next or q_end. */
struct slice q_peek_text(struct query *q);
struct slice q_peek_blob(struct query *q); /* bytes, of any alignment */
void q_skip(struct query *q);
enum err_code q_end(struct query *q, struct err *e) CHECKED;
/* q_next until the end, and q_end: for statements without rows.  *changed (may
 * be NULL) is how many rows were written. */
enum err_code q_run(struct query *q, int64_t *changed, struct err *e) CHECKED;
/* One row with one number; `dflt` when there is none. */
enum err_code q_one_int(struct query *q, int64_t dflt, int64_t *out,
                        struct err *e) CHECKED;

/* Rows of `size` bytes that grow in an arena, up to STORE_MAX_ROWS or what
 * fits. A growing list leaves its old copies in the arena: at most as much
 * again. */
struct rows {
    struct arena *a;
    char *p;
    size_t n, cap, size;
};
void *rows_add(struct rows *r); /* zeroed; NULL: the arena is full */
/* Add what is left of q, each row read by `read` into a new element; and
 * q_end. */
enum err_code q_rows(struct query *q, struct rows *r,
                     void (*read)(struct query *q, struct arena *a, void *row),
                     struct err *e) CHECKED;
/* The same for each of n numbers, which sql takes as its one parameter. */
enum err_code q_rows_by_id(struct db *c, const char *sql, const int64_t *ids,
                           size_t n, struct rows *r,
                           void (*read)(struct query *q, struct arena *a,
                                        void *row),
                           struct err *e) CHECKED;
enum err_code arena_full(struct err *e);

/* Add the numbers in the first column of what is left of q; and q_end.
 * Afterwards p is not NULL, unless it failed; free(p) in any case. */
struct id_list {
    int64_t *p;
    size_t n, cap;
};
enum err_code q_ids(struct query *q, struct id_list *out, struct err *e)
    CHECKED;

/* ---- papers as rows (sqlite_papers.c) ---- */

/* The columns of an arrival, in the order of paper_bind and paper_read. */
#define ARRIVAL_COLUMNS                                                        \
    "title,abstract,authors,author_list,url,pdf_url,source,source_id,version," \
    "published_at,source_updated_at,arxiv_categories,primary_category,doi,"    \
    "journal_ref,comment,category,relevance_score,relevance,tags"
#define ARRIVAL_MARKS "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
#define PAPER_COLUMNS "id," ARRIVAL_COLUMNS ",created_at,updated_at,deleted_at"
/* A paper as it is shown, and where that is found. */
#define MARKED_COLUMNS PAPER_COLUMNS ",read,starred,noted"
#define MARKED_PAPERS "papers LEFT JOIN paper_marks ON paper_id = id"

void arrival_bind(struct query *q, const struct paper *p);
void arrival_read(struct query *q, struct arena *a, struct paper *p);
void paper_read(struct query *q, struct arena *a, struct paper *p);
void paper_read_marked(struct query *q, struct arena *a, struct paper *p);
/* With its marks.  ERR_NOT_FOUND: no row. */
enum err_code paper_load(struct db *c, struct arena *a, int64_t id,
                         struct paper *p, struct err *e) CHECKED;

/* In a write: a paper as it was in another database, with its number and its
 * times.  Its text is found by who looks for what waits (sqlite_text.c). */
enum err_code paper_insert_moved(struct db *c, struct arena *scratch,
                                 const struct paper *p, struct err *e) CHECKED;

/* ---- writing (sqlite_writer.c) ---- */

enum err_code writer_start(struct sqlite_store *s, struct err *e) CHECKED;
void writer_stop(struct sqlite_store *s);

/* Run `work` in the writer's transaction, in a savepoint of its own, and wait
 * until it is on disk.  If it fails, it alone is rolled back and its error is
 * given.  `work` must not wait for anything but the disk. */
typedef enum err_code write_fn(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e);
enum err_code writer_run(struct sqlite_store *s, write_fn *work, void *ctx,
                         struct err *e) CHECKED;
/* The same on the writer's own thread, for upkeep. */
enum err_code writer_run_here(struct sqlite_store *s, struct db *c,
                              write_fn *work, void *ctx, struct err *e) CHECKED;
/* Called by `work`: scraper jobs change, and so does the generation; with
 * `papers` papers change too, and what is kept about them is old. */
enum err_code writer_touch(struct db *c, bool papers, struct err *e) CHECKED;

/* How long nobody has written: what need not be waited for is put off until a
 * pause, what can be put off for longer until the store is idle. */
enum lull { LULL_NONE, LULL_PAUSE, LULL_IDLE };

/* What others must know of the last commit. */
struct committed {
    uint64_t generation;
    int64_t unindexed;
};
enum err_code committed_read(struct db *c, struct committed *out, struct err *e)
    CHECKED;
void committed_publish(struct sqlite_store *s, const struct committed *at);

/* ---- full text (sqlite_text.c) ---- */

/* Has it text in a script written without spaces? */
bool text_is_unspaced(const struct paper *p);
/* As db_get with `snapshot`, for who searches: all papers of the snapshot are
 * indexed. */
enum err_code text_snapshot(struct sqlite_store *s, struct db **out,
                            struct err *e) CHECKED;
/* In a write: papers were inserted.  Others are added and removed at once. */
enum err_code text_arrived(struct sqlite_store *s, struct db *c, struct err *e)
    CHECKED;
/* Index all that waits, a few at a time. */
enum err_code text_catch_up(struct sqlite_store *s, struct err *e) CHECKED;
enum err_code text_add(struct sqlite_store *s, struct db *c,
                       const struct paper *p, struct err *e) CHECKED;
enum err_code text_remove(struct sqlite_store *s, struct db *c,
                          const struct paper *old, struct err *e) CHECKED;
/* On the writer's thread: is there something to do in this lull, and do some of
 * it. */
bool text_has_upkeep(const struct sqlite_store *s, enum lull lull);
void text_upkeep(struct sqlite_store *s, struct db *c, enum lull lull);

/* ---- migrations (sqlite_migrations.c) ---- */

/* Bring the schema up to date, with a snapshot before if there is data. */
enum err_code sqlite_migrate(struct sqlite_store *s, struct db *c,
                             struct err *e) CHECKED;
/* The same for who only reads: is the schema what it should be? */
enum err_code sqlite_check_schema(struct sqlite_store *s, struct db *c,
                                  struct err *e) CHECKED;
/* A copy of the database: <data_dir>/snapshots/schema-<version>-<seconds>.db */
enum err_code sqlite_snapshot(struct sqlite_store *s, struct db *c,
                              int64_t version, struct err *e) CHECKED;
int sqlite_schema_version(void);
#define SQLITE_APPLICATION_ID 0x73686166 /* "shaf" */

/* ---- jobs, from other areas (sqlite_jobs.c) ---- */

enum err_code job_insert(struct db *c, struct arena *a,
                         const struct job_new *spec, int64_t ttl_us,
                         struct job *out, bool *existing, struct err *e)
    CHECKED;
/* store_embed_job() in another write (sqlite_embed.c). */
enum err_code embed_job_insert(struct db *c, struct arena *a, int64_t now_us,
                               struct err *e) CHECKED;
/* The delivery of a webhook job follows it: PENDING or DEAD, unless DELIVERED.
 * Nothing happens for jobs of other kinds. */
enum err_code job_move_delivery(struct db *c, struct slice job_id, bool alive,
                                int64_t now_us, struct err *e) CHECKED;
/* ERR_CONFLICT unless the lease is held. */
enum err_code job_check_lease(struct db *c, const struct job_lease *l,
                              struct err *e) CHECKED;
enum err_code job_write_progress(struct db *c, const struct job_lease *l,
                                 double progress, struct slice checkpoint,
                                 struct slice result, int64_t now_us,
                                 struct err *e) CHECKED;
enum err_code job_write_end(struct db *c, const struct job_lease *l,
                            enum job_state state, struct slice result,
                            struct slice error, int64_t now_us, struct err *e)
    CHECKED;
enum err_code job_write_release(struct db *c, const struct job_lease *l,
                                int64_t run_at, bool count, struct slice error,
                                int64_t now_us, struct err *e) CHECKED;

/* ---- carrying rows (sqlite_export.c, sqlite_import.c) ---- */

enum err_code sqlite_import_begin(struct store *s, struct err *e) CHECKED;
enum err_code sqlite_import_done(struct store *s,
                                 const struct transfer_table *t, int64_t *out,
                                 struct err *e) CHECKED;
enum err_code sqlite_import_rows(struct store *s,
                                 const struct transfer_table *t, int64_t done,
                                 const struct transfer_cell *cells, size_t n,
                                 struct err *e) CHECKED;
enum err_code sqlite_import_clear(struct store *s,
                                  const struct transfer_table *from,
                                  struct err *e) CHECKED;
enum err_code sqlite_import_finish(struct store *s, struct err *e) CHECKED;

/* ---- the areas ---- */

extern const struct paper_ops sqlite_paper_ops;
extern const struct job_ops sqlite_job_ops;
extern const struct scrape_ops sqlite_scrape_ops;
extern const struct document_ops sqlite_document_ops;
extern const struct copy_ops sqlite_copy_ops;
extern const struct event_ops sqlite_event_ops;
extern const struct desk_ops sqlite_desk_ops;
extern const struct record_ops sqlite_record_ops;
extern const struct transfer_ops sqlite_transfer_ops;
extern const struct verify_ops sqlite_verify_ops;

/* slots of sqlite_list.c and sqlite_similar.c */
enum err_code sqlite_papers_list(struct store *s, struct arena *a,
                                 const struct paper_query *q,
                                 struct paper_list *out, struct err *e) CHECKED;
enum err_code sqlite_papers_each(struct store *s, const struct paper_query *q,
                                 enum err_code (*each)(void *ctx,
                                                       const struct paper *p,
                                                       struct err *e),
                                 void *ctx, struct err *e) CHECKED;
enum err_code sqlite_papers_similar(struct store *s, struct arena *a,
                                    int64_t id, int k,
                                    struct paper_similar **out, size_t *n,
                                    struct err *e) CHECKED;

/* slots of sqlite_plans.c */
enum err_code sqlite_schedule_put(struct store *s, const struct schedule *sch,
                                  int64_t now_us, int64_t *id, struct err *e)
    CHECKED;
enum err_code sqlite_schedule_get(struct store *s, struct arena *a, int64_t id,
                                  struct schedule *out, struct err *e) CHECKED;
enum err_code sqlite_schedule_delete(struct store *s, int64_t id, struct err *e)
    CHECKED;
enum err_code sqlite_schedules_list(struct store *s, struct arena *a,
                                    int64_t due_by, int64_t offset, int limit,
                                    struct schedule **out, size_t *n,
                                    int64_t *count, struct err *e) CHECKED;
enum err_code sqlite_schedule_fire(struct store *s, struct arena *a, int64_t id,
                                   int64_t expected, int64_t next,
                                   const struct job_new *spec, struct job *out,
                                   struct err *e) CHECKED;
enum err_code sqlite_coverage_put(struct store *s, struct slice category,
                                  int64_t day, int64_t expected, int64_t now_us,
                                  struct err *e) CHECKED;
enum err_code sqlite_coverage_list(struct store *s, struct arena *a,
                                   struct slice category, int64_t offset,
                                   int limit, struct coverage **out, size_t *n,
                                   int64_t *count, struct err *e) CHECKED;
enum err_code sqlite_limiter_update(struct store *s, const char *name,
                                    bool (*change)(struct limiter_state *st,
                                                   void *ctx),
                                    void *ctx, struct limiter_state *after,
                                    struct err *e) CHECKED;

#endif
