/* store.h - the database, as use cases.
 *
 * Callers say what happened ("these papers arrived by webhook"), never SQL.
 * Two backends, SQLite (embedded: one file, one process) and PostgreSQL 15+
 * (many processes), pass one conformance suite (tests/unit/test_store.c).  The
 * areas have their own headers: papers, jobs, scrape (results, outbox,
 * schedules, coverage, limiter), documents, events, desk, records.
 *
 * A call that returns ERR_NONE after a write has committed it durably
 * (fsync'ed).  A call that fails has changed nothing.
 *
 * Errors every call may give: ERR_UNAVAILABLE (database away or busy for too
 * long), ERR_NO_SPACE (disk full), ERR_INTERNAL.  They are not repeated below.
 *
 * Texts must be valid UTF-8 without NUL, limits 0..STORE_MAX_ROWS, offsets not
 * negative: ERR_INVALID otherwise (not repeated either).
 *
 * Ownership: inputs are borrowed for the call.  Outputs are in the arena given
 * ("in arena"); ERR_TOO_LARGE when they do not fit.
 * Threads: every call may be made from any thread; it blocks.  Not from the
 * loop.  Exceptions are named.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct store;

/* A list never has more rows than this; greater limits are ERR_INVALID. */
#define STORE_MAX_ROWS 10000

/* Where vectors are kept and who finds the nearest ones. */
enum store_vectors {
    STORE_VECTORS_AS_THEY_ARE, /* whatever the database has; the caller finds */
    STORE_VECTORS_EMBEDDED,    /* bytes in the database; the caller finds */
    STORE_VECTORS_PGVECTOR     /* PostgreSQL with the extension pgvector keeps
                                  and finds them (store_finds_vectors) */
};

/* What a database is opened for. */
enum store_purpose {
    STORE_TO_SERVE,
    STORE_TO_READ, /* it must be there, with this program's schema; nothing is
                      written, and others may serve it meanwhile */
    STORE_TO_FILL  /* as the target of a move (transfer.h) */
};

struct store_options {
    enum store_purpose purpose;
    const char *database_url; /* "sqlite:" (in data_dir), "sqlite:/a/file.db",
                                 "sqlite::memory:", "postgresql://..." */
    const char *data_dir; /* for "sqlite:" and snapshots before migrations */
    int connections;      /* readers kept open; 0: 8 */
    int timeout_ms;       /* of a statement on PostgreSQL; 0: 30 s */
    int wait_ms; /* for a PostgreSQL that is not there when it is opened */
    /* When the database has them in another form they are rewritten, in one
     * transaction; all processes are to agree. */
    enum store_vectors vectors;
    int64_t index_from; /* vectors of a set from which pgvector is to have an
                           approximate index; 0: never */
    int64_t idempotency_ttl_us; /* 0: 24 h */
};

/* Open and migrate.  ERR_INVALID: the URL, or the database is newer than this
 * program, cannot have its vectors as asked for, or was not filled to the end
 * (the message names the fix).  ERR_NOT_FOUND: STORE_TO_READ, and there is
 * none. */
enum err_code store_open(struct store **out, const struct store_options *opt,
                         struct err *e) CHECKED;
void store_close(struct store *s); /* takes NULL */
/* The file that a database_url "sqlite:..." names (":memory:" is none);
 * mem_free() it.  ERR_INVALID: too long. */
enum err_code store_sqlite_path(char **out, const char *database_url,
                                const char *data_dir, struct err *e) CHECKED;
const char *store_name(const struct store *s); /* "sqlite", "postgresql" */
/* Does it answer, can it write?  For /readyz and doctor. */
enum err_code store_check(struct store *s, struct err *e) CHECKED;
/* One line for people: version, file or server, schema version.  In arena. */
enum err_code store_describe(struct store *s, struct arena *a, const char **out,
                             struct err *e) CHECKED;

/* What a commit has changed, for who tells others of it. */
struct store_news {
    struct slice jobs[2];       /* ids; empty: none */
    bool document_ready;        /* the one that jobs[0] brought */
    struct slice document_gone; /* id; empty: none */
    int64_t papers_added;
    int64_t papers_at; /* us; their created_at */
};
/* `watch` is called after every commit of this process that is news, on the
 * thread that made it; it may call the store.  Jobs that a call makes or ends
 * beside its own (a delivery's, one that brought the process down too often)
 * are not told.  Before other threads use the store. */
void store_watch(struct store *s,
                 void (*watch)(void *ctx, const struct store_news *n),
                 void *ctx);

/* What processes that share the database have committed, this one included: a
 * hint to look, within milliseconds of the commit. */
enum store_heard {
    STORE_HEARD_JOBS = 1,   /* there may be work, or a cancel */
    STORE_HEARD_VECTORS = 2 /* a generation of vectors */
};
/* Both are called on a thread of the store's own until store_listen_end has
 * returned, and must not block. */
struct store_hearing {
    /* A set of enum store_heard.  What is missed while the link is away is made
     * up for: then all of them are heard. */
    void (*heard)(void *ctx, unsigned what);
    /* What a commit of another process has changed, if that shares its news;
     * NULL: nobody wants to know.  Some 100 ms behind it at most; what is
     * missed stays so. */
    void (*news)(void *ctx, const struct store_news *n);
    void *ctx;
    bool share; /* tell others the news of this process */
};
/* Copies *h.  SQLite serves one process, and nothing is heard.  A pooler that
 * does not keep sessions swallows it unnoticed: look now and then all the
 * same. */
enum err_code store_listen(struct store *s, const struct store_hearing *h,
                           struct err *e) CHECKED;
void store_listen_end(struct store *s); /* takes NULL */
/* Is there a link to hear by?  Any thread incl. the loop. */
bool store_hears(const struct store *s);

/* For fault tests: the nth call from now (1 = next) fails with `code`, once;
 * 0 switches it off. */
void store_fault_after(struct store *s, int64_t n, enum err_code code);

/* What the calls of one kind have cost since store_open, for /metrics. */
struct store_op_stat {
    const char *name; /* "papers_list", "job_claim": static */
    uint64_t calls;
    uint64_t errors; /* that returned anything but ERR_NONE */
    uint64_t us;     /* time spent, in all */
};
#define STORE_MAX_OPS 192
/* Fill out; returns how many.  Any thread incl. the loop; does not block. */
size_t store_op_stats(const struct store *s,
                      struct store_op_stat out[STORE_MAX_OPS]);

#endif
