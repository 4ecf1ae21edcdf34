/* sqlite_writer.c - one thread writes; concurrent use cases share a commit.
 *
 * With synchronous=FULL a commit costs an fsync, and SQLite has one writer at a
 * time anyway.  So callers queue their work and sleep; the thread takes all
 * that waits, runs each piece in a savepoint, commits once and wakes them.
 * Under load the group grows to what arrived during the last fsync; a lonely
 * write waits for nobody.  No timer is involved.
 *
 * Checkpoints (moving pages from the log into the file) also cost an fsync or
 * two, and more the later they come the fewer: a page that changed twice is
 * moved once.  Full text is kept up behind the writes too (sqlite_text.c). Both
 * are done when nobody has written for a moment, so that nobody waits for them;
 * only when the log has grown far, or much text waits, between two groups.
 */
#include "store/sqlite_impl.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"

/* Callers are at most some dozens of workers; more waiting means that the disk
 * does not keep up, and the caller should say 503. */
#define MAX_QUEUED 256
#define MAX_GROUP 64
#define PAUSE_MS 20
#define IDLE_MS 100
/* Pages of log, when idle (4 MB) and when busy (32 MB). */
#define CHECKPOINT_IDLE 1000
#define CHECKPOINT_BUSY 8000
struct write_request {
    write_fn *work;
    void *ctx;
    enum err_code code;
    struct err err;
    bool done;
    struct write_request *next;
};

enum err_code writer_touch(struct db *c, bool papers, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE meta SET generation = generation + 1,"
            " papers_generation = papers_generation + ?");
    q_int(&q, papers);
    return q_run(&q, NULL, e);
}

static enum err_code simple(struct db *c, const char *sql, struct err *e)
{
    struct query q;

    q_start(&q, c, sql);
    return q_run(&q, NULL, e);
}

/* One piece of work in its savepoint.  false: the transaction is gone (SQLite
 * rolls all back by itself when the disk is full, for example). */
static bool run_of_many(struct sqlite_store *s, struct db *c,
                        struct write_request *r)
{
    r->code = simple(c, "SAVEPOINT one", &r->err);
    s->text.written = false;
    if (r->code == ERR_NONE) {
        r->code = r->work(s, c, r->ctx, &r->err);
        if (sqlite3_get_autocommit(c->db))
            return false;
        if (r->code != ERR_NONE && simple(c, "ROLLBACK TO one", NULL))
            return false;
        if (simple(c, "RELEASE one", r->code == ERR_NONE ? &r->err : NULL))
            return false;
        s->text.segments += s->text.written; /* FTS5 flushes at a savepoint */
    }
    return true;
}

/* A lonely piece of work needs no savepoint, for which SQLite would copy each
 * page before its first change.  false: the transaction is to be taken back. */
static bool run_alone(struct sqlite_store *s, struct db *c,
                      struct write_request *r)
{
    s->text.written = false;
    r->code = r->work(s, c, r->ctx, &r->err);
    s->text.segments += s->text.written;
    return r->code == ERR_NONE;
}

/* Everybody in the group who believes to have succeeded is told otherwise. */
static void fail_group(struct write_request *group, enum err_code code,
                       const struct err *err)
{
    for (struct write_request *r = group; r; r = r->next) {
        if (r->code != ERR_NONE)
            continue;
        r->code = code;
        r->err = *err;
    }
}

enum err_code committed_read(struct db *c, struct committed *out, struct err *e)
{
    struct query q;

    *out = (struct committed){0};
    q_start(&q, c,
            "SELECT generation,"
            " ifnull((SELECT max(id) FROM papers), 0) - texts_through"
            " FROM meta");
    if (q_next(&q)) {
        out->generation = (uint64_t)q_get_int(&q);
        out->unindexed = q_get_int(&q);
    }
    return q_end(&q, e);
}

void committed_publish(struct sqlite_store *s, const struct committed *at)
{
    atomic_store(&s->unindexed, at->unindexed);
    atomic_store(&s->generation, at->generation);
}

static enum err_code commit(struct sqlite_store *s, struct db *c, struct err *e)
{
    struct committed at;
    enum err_code code = committed_read(c, &at, e);

    if (code == ERR_NONE)
        code = simple(c, "COMMIT", e);
    /* After the commit: who reads the number first and the data then never
     * takes older data for this generation. */
    if (code == ERR_NONE)
        committed_publish(s, &at);
    return code;
}

static void run_group(struct sqlite_store *s, struct db *c,
                      struct write_request *group)
{
    struct err err = {0};
    enum err_code code = simple(c, "BEGIN IMMEDIATE", &err);
    bool (*run)(struct sqlite_store *, struct db *, struct write_request *) =
        group->next ? run_of_many : run_alone;

    for (struct write_request *r = group; r && code == ERR_NONE; r = r->next)
        if (!run(s, c, r)) {
            code = r->code != ERR_NONE
                       ? r->code
                       : err_set(&r->err, ERR_UNAVAILABLE,
                                 "the database gave up the transaction");
            err = r->err;
        }
    if (code == ERR_NONE)
        code = commit(s, c, &err);
    if (code != ERR_NONE) {
        fail_group(group, code, &err);
        if (!sqlite3_get_autocommit(c->db) && simple(c, "ROLLBACK", &err))
            log_error("store", "rollback failed", LOG_S("error", err.msg));
    }
}

static void checkpoint(struct sqlite_store *s, struct db *c)
{
    int left = 0, moved = 0;
    int rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                       &left, &moved);

    /* Readers in the way or a full disk: the log grows, the next commit tries
     * again. */
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        log_warn("store", "checkpoint failed",
                 LOG_S("error", sqlite3_errstr(rc)));
    s->wal_pages = 0;
}

static int count_pages(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct sqlite_store *s = ctx;

    (void)db;
    (void)name;
    s->wal_pages = pages;
    return SQLITE_OK;
}

/* The next group, NULL when stopping.  Called with queue_lock held. */
static struct write_request *take_group(struct sqlite_store *s)
{
    struct write_request *group = s->queue_head, *last = group;

    for (int n = 1; last && last->next && n < MAX_GROUP; n++)
        last = last->next;
    if (!last)
        return NULL;
    s->queue_head = last->next;
    if (!s->queue_head)
        s->queue_tail = &s->queue_head;
    last->next = NULL;
    return group;
}

static void finish_group(struct sqlite_store *s, struct write_request *group)
{
    /* `done` frees the caller's stack, and with it `next`. */
    for (struct write_request *r = group, *next; r; r = next) {
        next = r->next;
        r->done = true;
        s->queued--;
    }
    pthread_cond_broadcast(&s->queue_done);
}

static struct db *writer_conn(struct sqlite_store *s)
{
    struct db *c = s->writer;
    struct err err = {0};

    /* In memory the only connection is shared; nobody keeps it for long, so
     * waiting for it again is right. */
    while (!c && db_get(s, false, &c, &err) != ERR_NONE)
        log_warn("store", "writer waits", LOG_S("error", err.msg));
    return c;
}

/* ---- upkeep ---- */

enum err_code writer_run_here(struct sqlite_store *s, struct db *c,
                              write_fn *work, void *ctx, struct err *e)
{
    struct write_request r = {.work = work, .ctx = ctx};

    run_group(s, c, &r);
    if (r.code != ERR_NONE)
        *e = r.err;
    return r.code;
}

static bool should_checkpoint(const struct sqlite_store *s, enum lull lull)
{
    return s->wal_pages >=
           (lull == LULL_IDLE ? CHECKPOINT_IDLE : CHECKPOINT_BUSY);
}

static bool has_upkeep(const struct sqlite_store *s, enum lull lull)
{
    return text_has_upkeep(s, lull) || should_checkpoint(s, lull);
}

static bool has_work(struct sqlite_store *s)
{
    bool has;

    pthread_mutex_lock(&s->queue_lock);
    has = s->queue_head != NULL || s->stopping;
    pthread_mutex_unlock(&s->queue_lock);
    return has;
}

/* In a lull until all is done or work arrives, else a little. */
static void do_upkeep(struct sqlite_store *s, enum lull lull)
{
    struct db *c = writer_conn(s);

    while (text_has_upkeep(s, lull)) {
        text_upkeep(s, c, lull);
        if (lull == LULL_NONE || has_work(s))
            break;
    }
    if (should_checkpoint(s, lull))
        checkpoint(s, c);
    if (!s->writer)
        db_put(s, c);
}

/* ---- the thread ---- */

/* Wait for work, with queue_lock held, or for the lull that suffices for the
 * upkeep there is.  LULL_NONE: there is work, or we stop. */
static enum lull wait_for_work(struct sqlite_store *s)
{
    enum lull lull = has_upkeep(s, LULL_PAUSE) ? LULL_PAUSE : LULL_IDLE;
    struct timespec until;
    int rc = 0;

    deadline_in(&until, lull == LULL_PAUSE ? PAUSE_MS : IDLE_MS);
    while (!s->queue_head && !s->stopping && rc != ETIMEDOUT)
        rc = has_upkeep(s, lull)
                 ? pthread_cond_timedwait(&s->queue_filled, &s->queue_lock,
                                          &until)
                 : pthread_cond_wait(&s->queue_filled, &s->queue_lock);
    return s->queue_head || s->stopping ? LULL_NONE : lull;
}

/* One group, with queue_lock held, but not while it is written. */
static void serve_group(struct sqlite_store *s, struct write_request *group)
{
    struct db *c;

    pthread_mutex_unlock(&s->queue_lock);
    c = writer_conn(s);
    run_group(s, c, group);
    s->text.failed = false;
    if (!s->writer)
        db_put(s, c);
    pthread_mutex_lock(&s->queue_lock);
    finish_group(s, group);
}

static void *writer_main(void *arg)
{
    struct sqlite_store *s = arg;

    pthread_mutex_lock(&s->queue_lock);
    for (;;) {
        enum lull lull = wait_for_work(s);
        struct write_request *group = take_group(s);

        if (group)
            serve_group(s, group);
        else if (s->stopping)
            break;
        if (has_upkeep(s, lull)) {
            pthread_mutex_unlock(&s->queue_lock);
            do_upkeep(s, lull);
            pthread_mutex_lock(&s->queue_lock);
        }
    }
    pthread_mutex_unlock(&s->queue_lock);
    return NULL;
}

enum err_code writer_start(struct sqlite_store *s, struct err *e)
{
    s->queue_tail = &s->queue_head;
    if (s->writer)
        sqlite3_wal_hook(s->writer->db, count_pages, s);
    if (!thread_start(&s->thread, "writer", writer_main, s))
        return err_set(e, ERR_INTERNAL, "no thread for the writer: '%s'",
                       strerror(errno));
    s->thread_runs = true;
    return ERR_NONE;
}

void writer_stop(struct sqlite_store *s)
{
    if (!s->thread_runs)
        return;
    pthread_mutex_lock(&s->queue_lock);
    s->stopping = true;
    pthread_cond_signal(&s->queue_filled);
    pthread_mutex_unlock(&s->queue_lock);
    pthread_join(s->thread, NULL);
    s->thread_runs = false;
}

enum err_code writer_run(struct sqlite_store *s, write_fn *work, void *ctx,
                         struct err *e)
{
    struct write_request r = {.work = work, .ctx = ctx};

    pthread_mutex_lock(&s->queue_lock);
    if (s->queued >= MAX_QUEUED || s->stopping) {
        pthread_mutex_unlock(&s->queue_lock);
        return err_set(e, ERR_UNAVAILABLE, "too many writes are waiting");
    }
    s->queued++;
    *s->queue_tail = &r;
    s->queue_tail = &r.next;
    pthread_cond_signal(&s->queue_filled);
    while (!r.done)
        pthread_cond_wait(&s->queue_done, &s->queue_lock);
    pthread_mutex_unlock(&s->queue_lock);
    if (r.code != ERR_NONE && e)
        *e = r.err;
    return r.code;
}
