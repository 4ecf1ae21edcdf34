/* postgres_conn.h - one connection to PostgreSQL: statements and results.
 *
 * A connection is always in libpq's pipeline mode.  Work is queued with
 * pg_do() (result not wanted) and pg_ask() (result fetched later with
 * pg_next()), and costs a round trip only at pg_flush() or pg_sync():
 *
 *     pg_do(c, "BEGIN", NULL);
 *     pg_ask(c, "SELECT ... FOR UPDATE", &args);
 *     code = pg_flush(c, e);            // sent; the transaction stays open
 *     code = pg_next(c, &res, e);
 *     pg_do(c, "UPDATE ...", &args2);
 *     pg_do(c, "COMMIT", NULL);
 *     code = pg_sync(c, e);             // the first error of all of it
 *
 * The first error is kept, everything queued behind it does nothing, and
 * pg_next() and pg_sync() report it.  Each distinct statement is prepared once
 * a connection, in the same round trip as its first use.
 *
 * Nothing waits for ever: a server that is silent for longer than its own
 * statement_timeout allows (it was stopped, or the network swallows all) counts
 * as a lost link.
 *
 * Threads: a connection belongs to one thread at a time.
 */
#ifndef STORE_POSTGRES_CONN_H
#define STORE_POSTGRES_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/postgres_value.h"

struct pg_conn;

struct pg_target {
    const char *url;
    const char *secret; /* the password, blotted out of messages; or NULL */
    int timeout_ms;     /* of a statement */
};

/* Connect and set the session up.  ERR_UNAVAILABLE with libpq's reason.
 * ERR_INVALID: older than 15, or a database that is not UTF-8. */
enum err_code pg_open(struct pg_conn **out, const struct pg_target *to,
                      struct err *e) CHECKED;
void pg_close(struct pg_conn *c); /* takes NULL */
/* Is there a server that takes connections, though perhaps not this one? false:
 * nobody answers, or it is starting or stopping. */
bool pg_answers(const struct pg_target *to) CHECKED;
/* Can it be used?  false once the link is gone; looks at the socket, so that a
 * server that went away is noticed before anything is sent. */
bool pg_alive(struct pg_conn *c) CHECKED;
/* Was it given up because the server was silent? */
bool pg_was_silent(const struct pg_conn *c) CHECKED;
/* Its server takes no writes (a standby, perhaps since another one took over):
 * it is not alive from now on.  A write that was refused does that itself. */
void pg_retire(struct pg_conn *c);
bool pg_is_retired(const struct pg_conn *c) CHECKED;
/* Give up what is queued or open: afterwards idle and without transaction, or
 * not alive. */
void pg_reset(struct pg_conn *c);
/* Several statements in one text, without arguments, each sent at once and its
 * result dropped; for migrations, which may take as long as they like.  The
 * connection is idle. */
enum err_code pg_script(struct pg_conn *c, const char *sql, struct err *e)
    CHECKED;
/* One statement that may take minutes.  go_on is asked about once a second;
 * when it says false the server is told to give up: ERR_CANCELLED. */
enum err_code pg_long_script(struct pg_conn *c, const char *sql,
                             bool (*go_on)(void *ctx), void *ctx, struct err *e)
    CHECKED;
/* Did the last error mean "run the transaction again" (deadlock,
 * serialisation)? */
bool pg_should_retry(const struct pg_conn *c);

/* Wait until a notification has come (pg_hears then takes it), or `wake`, a
 * file descriptor, can be read, or for `ms`; ERR_UNAVAILABLE: the link is lost.
 * -1: as long as it takes; a dead link is found by TCP's keepalives.  The
 * connection is idle. */
enum err_code pg_listen(struct pg_conn *c, int wake, int ms, struct err *e)
    CHECKED;
/* The next notification that has come, with its payload; false: no more.  The
 * payload stays until the next call. */
bool pg_hears(struct pg_conn *c, struct slice *payload);

/* ---- statements ---- */

/* Queue.  `sql` is one statement; args NULL: none. */
void pg_do(struct pg_conn *c, const char *sql, const struct pg_args *args);
void pg_ask(struct pg_conn *c, const char *sql, const struct pg_args *args);
/* Let the server begin with what is queued; waits only if it does not read. */
void pg_push(struct pg_conn *c);
/* Send what is queued and ask for the results so far, without ending the
 * transaction. */
enum err_code pg_flush(struct pg_conn *c, struct err *e) CHECKED;
/* The result of the oldest pg_ask() not fetched yet; PQclear() it. */
enum err_code pg_next(struct pg_conn *c, PGresult **out, struct err *e) CHECKED;
/* Send what is queued, wait for all of it.  Every pg_ask() that was not
 * fetched is dropped. */
enum err_code pg_sync(struct pg_conn *c, struct err *e) CHECKED;
/* pg_sync, with the result of the oldest pg_ask() in *out (NULL: not wanted).
 */
enum err_code pg_run(struct pg_conn *c, PGresult **out, struct err *e) CHECKED;
/* pg_ask and pg_run. */
enum err_code pg_query(struct pg_conn *c, PGresult **out, const char *sql,
                       const struct pg_args *args, struct err *e) CHECKED;

#endif
