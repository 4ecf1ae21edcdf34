/* sqlite.c - the SQLite backend: one file, one process.
 *
 * The database is in WAL mode: readers see the last commit and never wait for
 * the writer, the writer never waits for readers.  Readers are connections in a
 * pool, opened when first needed; one thread owns the connection that writes
 * (sqlite_writer.c).
 *
 * "sqlite::memory:" has one connection for all: several cannot share a database
 * in memory without locking each other's tables.
 */
#include "store/sqlite_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/sqlite_filter.h"

/* How long a caller waits for a free reader, and SQLite for another process's
 * lock (a backup tool's, ours has the directory to itself). */
#define WAIT_MS 5000

struct sqlite_store *sqlite_downcast(struct store *s)
{
    assert(s->ops == &store_sqlite_ops);
    return (struct sqlite_store *)s;
}

/* ---- errors ---- */

static bool is_disk_full(struct db *c, int rc)
{
    int os;

    if ((rc & 0xff) == SQLITE_FULL)
        return true;
    if ((rc & 0xff) != SQLITE_IOERR)
        return false;
    os = sqlite3_system_errno(c->db);
    return os == ENOSPC || os == EDQUOT || os == EFBIG ||
           rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_FSYNC ||
           rc == SQLITE_IOERR_TRUNCATE || rc == SQLITE_IOERR_SHMSIZE;
}

enum err_code sqlite_error(struct db *c, int rc, struct err *e)
{
    const char *said = sqlite3_errmsg(c->db);

    if (is_disk_full(c, rc))
        return err_set(e, ERR_NO_SPACE, "no room for the database: %s", said);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return err_set(e, ERR_UNAVAILABLE, "the database is away: %s", said);
    case SQLITE_TOOBIG:
        return err_set(e, ERR_TOO_LARGE, "too large for the database");
    case SQLITE_NOTADB:
        return err_field(e, "database_url",
                         "'%s' is no SQLite database; move it away or name "
                         "another one in 'database_url'",
                         sqlite3_db_filename(c->db, "main"));
    case SQLITE_CORRUPT:
        return err_set(e, ERR_INTERNAL,
                       "the database file is damaged (%s): restore a snapshot",
                       said);
    default:
        return err_set(e, ERR_INTERNAL, "database: %s", said);
    }
}

enum err_code db_exec(struct db *c, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK
               ? ERR_NONE
               : sqlite_error(c, sqlite3_extended_errcode(c->db), e);
}

/* ---- connections ---- */

/* Before SQLite's first use in the process: its own memory statistics would
 * put one lock around every allocation of every thread. */
static void set_up_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite_vfs_register();
}

enum err_code db_open(const char *path, enum db_mode mode, struct db **out,
                      struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    struct db *c = calloc(1, sizeof(*c));
    bool writer = mode == DB_WRITER;
    enum err_code code = ERR_NONE;

    if (!c)
        return err_set(e, ERR_INTERNAL, "out of memory");
    pthread_once(&once, set_up_library);
    if (writer)
        flags |= SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(path, &c->db, flags, writer ? SQLITE_VFS_NAME : NULL) !=
        SQLITE_OK) {
        code = err_set(e, ERR_UNAVAILABLE, "cannot open '%s': %s", path,
                       c->db ? sqlite3_errmsg(c->db) : "out of memory");
        db_close(c);
        return code;
    }
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, WAIT_MS);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (mode == DB_ALONE) /* before the first look into the file */
        code = db_exec(c, "PRAGMA locking_mode = EXCLUSIVE", e);
    /* Pages that are read often are in the system's cache already; 2 MB holds
     * the inner nodes of the trees.  The writer also keeps what it changes: a
     * webhook of 50 papers touches some 800 pages, and those that do not fit
     * are written to the log twice. */
    if (code == ERR_NONE)
        code = db_exec(c,
                       writer ? "PRAGMA cache_size = -16000"
                              : "PRAGMA cache_size = -2000",
                       e);
    if (code == ERR_NONE)
        code = db_exec(c,
                       "PRAGMA foreign_keys = ON;"
                       "PRAGMA temp_store = MEMORY;",
                       e);
    /* A reader sees the first gigabyte of the file where the system has it, and
     * does not copy a page for each row: 20 papers are read a fifth faster.
     * The writer's errors must stay errors: a bad disk under a map is a signal.
     */
    if (code == ERR_NONE && !writer)
        code = db_exec(c,
                       "PRAGMA query_only = ON;"
                       "PRAGMA mmap_size = 1073741824;",
                       e);
    if (code != ERR_NONE) {
        db_close(c);
        return code;
    }
    *out = c;
    return ERR_NONE;
}

void db_close(struct db *c)
{
    if (!c)
        return;
    for (int i = 0; i < CONN_STMTS; i++)
        sqlite3_finalize(c->stmts[i].st);
    sqlite3_close(c->db);
    free(c);
}

void deadline_in(struct timespec *ts, int ms)
{
    clock_gettime(CLOCK_REALTIME, ts);
    ts->tv_sec += ms / 1000;
    ts->tv_nsec += ms % 1000 * 1000000L;
    if (ts->tv_nsec >= 1000000000L) {
        ts->tv_sec++;
        ts->tv_nsec -= 1000000000L;
    }
}

/* An idle connection, or a place for a new one (*out NULL). */
static enum err_code pool_take(struct sqlite_store *s, struct db **out,
                               struct err *e)
{
    enum err_code code = ERR_NONE;
    struct timespec until;

    *out = NULL;
    deadline_in(&until, WAIT_MS);
    pthread_mutex_lock(&s->pool_lock);
    while (!s->idle && s->n_open >= s->max_open && code == ERR_NONE)
        if (pthread_cond_timedwait(&s->pool_free, &s->pool_lock, &until) ==
            ETIMEDOUT)
            code = err_set(e, ERR_UNAVAILABLE, "all readers are busy");
    if (s->idle) {
        code = ERR_NONE;
        *out = s->idle;
        s->idle = s->idle->next;
    } else if (code == ERR_NONE) {
        s->n_open++;
    }
    pthread_mutex_unlock(&s->pool_lock);
    return code;
}

static void pool_give(struct sqlite_store *s, struct db *c)
{
    pthread_mutex_lock(&s->pool_lock);
    if (c) {
        c->next = s->idle;
        s->idle = c;
    } else {
        s->n_open--;
    }
    pthread_cond_signal(&s->pool_free);
    pthread_mutex_unlock(&s->pool_lock);
}

enum err_code db_get(struct sqlite_store *s, bool snapshot, struct db **out,
                     struct err *e)
{
    struct db *c;
    enum err_code code = pool_take(s, &c, e);

    if (code == ERR_NONE && !c) {
        code = db_open(s->path, DB_READER, &c, e);
        if (code != ERR_NONE)
            pool_give(s, NULL);
    }
    if (code == ERR_NONE && snapshot) {
        struct query q;

        q_start(&q, c, "BEGIN");
        code = q_run(&q, NULL, e);
        if (code != ERR_NONE)
            pool_give(s, c);
    }
    if (code == ERR_NONE)
        *out = c;
    return code;
}

void db_put(struct sqlite_store *s, struct db *c)
{
    if (!sqlite3_get_autocommit(c->db)) {
        struct query q;
        struct err err;

        /* Ends a read transaction: there is nothing to lose. */
        q_start(&q, c, "COMMIT");
        if (q_run(&q, NULL, &err) != ERR_NONE)
            sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    }
    pool_give(s, c);
}

/* ---- open and close ---- */

enum err_code store_sqlite_path(char **out, const char *database_url,
                                const char *data_dir, struct err *e)
{
    const char *rest = database_url + strlen("sqlite:");
    struct buf b;

    if (strncmp(rest, "//", 2) == 0) /* sqlite:///a/file.db */
        rest += 2;
    buf_init(&b, 4096);
    if (*rest)
        buf_add_str(&b, rest);
    else
        buf_printf(&b, "%s/sheaf.db", data_dir);
    if (!buf_ok(&b)) {
        buf_release(&b);
        return err_field(e, "database_url", "'database_url' is too long");
    }
    *out = buf_take(&b, NULL);
    return ERR_NONE;
}

static enum err_code find_path(struct sqlite_store *s,
                               const struct store_options *opt, struct err *e)
{
    enum err_code code =
        store_sqlite_path(&s->path, opt->database_url, opt->data_dir, e);

    if (code != ERR_NONE)
        return code;
    s->in_memory = strcmp(s->path, ":memory:") == 0;
    s->data_dir = mem_strndup(opt->data_dir, strlen(opt->data_dir));
    return s->data_dir ? ERR_NONE : err_set(e, ERR_INTERNAL, "out of memory");
}

/* The file is its owner's alone; SQLite gives -wal and -shm the same mode. */
static enum err_code make_private(struct sqlite_store *s, struct err *e)
{
    int fd;

    if (s->in_memory)
        return ERR_NONE;
    fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, errno == ENOSPC ? ERR_NO_SPACE : ERR_UNAVAILABLE,
                       "cannot open '%s': %s", s->path, strerror(errno));
    close(fd);
    return ERR_NONE;
}

/* The connection that writes, on a file that exists and has our schema. */
static enum err_code prepare_file(struct sqlite_store *s, struct db **out,
                                  struct err *e)
{
    struct db *c = NULL;
    struct committed at;
    enum err_code code = make_private(s, e);

    if (code == ERR_NONE)
        code = db_open(s->path, DB_WRITER, &c, e);
    /* Only for a new file does the change to WAL write anything, and then not
     * to the log, which must have FULL (sqlite_vfs.c).  There is
     * nothing to lose yet, so it need not be waited for (four fsyncs); when the
     * file becomes durable is in sqlite_migrate. */
    if (code == ERR_NONE)
        code = db_exec(c,
                       "PRAGMA page_size = 4096;"
                       "PRAGMA synchronous = OFF;"
                       "PRAGMA journal_mode = WAL;"
                       "PRAGMA synchronous = FULL;"
                       "PRAGMA wal_autocheckpoint = 0;"
                       "PRAGMA journal_size_limit = 67108864;",
                       e);
    if (code == ERR_NONE)
        code = sqlite_migrate(s, c, e);
    if (code == ERR_NONE)
        code = committed_read(c, &at, e);
    if (code != ERR_NONE) {
        db_close(c);
        return code;
    }
    committed_publish(s, &at);
    *out = c;
    return ERR_NONE;
}

/* Nothing is made, and nothing of ours keeps the file open. */
static enum err_code check_file(struct sqlite_store *s, struct err *e)
{
    struct db *c = NULL;
    enum err_code code;

    if (access(s->path, F_OK) != 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
                       "cannot open the database '%s': %s", s->path,
                       strerror(errno));
    code = db_open(s->path, DB_READER, &c, e);
    if (code == ERR_NONE)
        code = sqlite_check_schema(s, c, e);
    db_close(c);
    return code;
}

static enum err_code start(struct sqlite_store *s, struct err *e)
{
    struct db *c = NULL;
    enum err_code code;

    if (s->purpose == STORE_TO_READ) {
        s->stopping = true; /* there is no writer */
        return check_file(s, e);
    }
    code = prepare_file(s, &c, e);
    if (code == ERR_NONE && s->in_memory) {
        s->n_open = s->max_open = 1;
        s->idle = c;
    } else if (code == ERR_NONE) {
        s->writer = c;
    }
    return code == ERR_NONE ? writer_start(s, e) : code;
}

static void sqlite_close(struct store *base)
{
    struct sqlite_store *s = (struct sqlite_store *)base;
    struct db *next;

    writer_stop(s);
    for (struct db *c = s->idle; c; c = next) {
        next = c->next;
        db_close(c);
    }
    db_close(s->writer); /* the last one: moves the log into the file */
    filter_cache_free(s->filters);
    pthread_cond_destroy(&s->queue_done);
    pthread_cond_destroy(&s->queue_filled);
    pthread_mutex_destroy(&s->queue_lock);
    pthread_cond_destroy(&s->pool_free);
    pthread_mutex_destroy(&s->pool_lock);
    mem_free(s->data_dir);
    mem_free(s->path);
    free(s);
}

static enum err_code sqlite_open(struct store **out,
                                 const struct store_options *opt, struct err *e)
{
    struct sqlite_store *s;
    enum err_code code;

    if (opt->vectors == STORE_VECTORS_PGVECTOR)
        return err_field(e, "vectors",
                         "'vectors' = pgvector needs a 'database_url' that "
                         "begins with postgresql://");
    s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(e, ERR_INTERNAL, "out of memory");
    pthread_mutex_init(&s->pool_lock, NULL);
    pthread_cond_init(&s->pool_free, NULL);
    pthread_mutex_init(&s->queue_lock, NULL);
    pthread_cond_init(&s->queue_filled, NULL);
    pthread_cond_init(&s->queue_done, NULL);
    s->purpose = opt->purpose;
    s->idempotency_ttl_us = opt->idempotency_ttl_us;
    s->max_open = opt->connections;
    s->filters = filter_cache_new();
    code = s->filters ? find_path(s, opt, e)
                      : err_set(e, ERR_INTERNAL, "out of memory");
    if (code == ERR_NONE)
        code = start(s, e);
    if (code != ERR_NONE) {
        sqlite_close(&s->base);
        return code;
    }
    *out = &s->base;
    return ERR_NONE;
}

/* ---- check and describe ---- */

static enum err_code touch(struct sqlite_store *s, struct db *c, void *ctx,
                           struct err *e)
{
    struct query q;

    (void)s;
    (void)ctx;
    /* Writes a page and a log record, changes nothing. */
    q_start(&q, c, "UPDATE meta SET generation = generation");
    return q_run(&q, NULL, e);
}

static enum err_code sqlite_check(struct store *base, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c;
    struct query q;
    int64_t papers;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT live_papers FROM meta");
    code = q_one_int(&q, 0, &papers, e);
    db_put(s, c);
    return code == ERR_NONE ? writer_run(s, touch, NULL, e) : code;
}

static enum err_code sqlite_describe(struct store *base, struct arena *a,
                                     const char **out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    char *text = arena_printf(
        a, "SQLite %s, %s, schema %d", sqlite3_libversion(),
        s->in_memory ? "in memory" : s->path, sqlite_schema_version());

    if (!text)
        return arena_full(e);
    *out = text;
    return ERR_NONE;
}

/* There are no other processes. */
static enum err_code sqlite_listen(struct store *s,
                                   const struct store_hearing *h, struct err *e)
{
    (void)s;
    (void)h;
    (void)e;
    return ERR_NONE;
}

static void sqlite_share(struct store *s, const struct store_news *n)
{
    (void)s;
    (void)n;
}

static void sqlite_listen_end(struct store *s)
{
    (void)s;
}

static bool sqlite_hears(const struct store *s)
{
    (void)s;
    return true;
}

static const char *const schemes[] = {"sqlite:", NULL};

const struct store_ops store_sqlite_ops = {
    .name = "sqlite",
    .schemes = schemes,

    .open = sqlite_open,
    .close = sqlite_close,
    .check = sqlite_check,
    .describe = sqlite_describe,
    .listen = sqlite_listen,
    .share = sqlite_share,
    .listen_end = sqlite_listen_end,
    .hears = sqlite_hears,

    .papers = &sqlite_paper_ops,
    .jobs = &sqlite_job_ops,
    .scrape = &sqlite_scrape_ops,
    .documents = &sqlite_document_ops,
    .copies = &sqlite_copy_ops,
    .events = &sqlite_event_ops,
    .desk = &sqlite_desk_ops,
    .records = &sqlite_record_ops,
    .transfer = &sqlite_transfer_ops,
    .verify = &sqlite_verify_ops,
};
