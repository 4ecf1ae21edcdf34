/* postgres_conn.c - see postgres_conn.h.
 *
 * Why always pipeline mode: a use case of several statements (BEGIN, two
 * updates, COMMIT) is one round trip, and a statement that is not prepared yet
 * costs none more.  A pipeline stops at its first error by itself, which is
 * just what a transaction wants.
 *
 * `queue` mirrors what was sent and not yet answered, in order.
 *
 * Waiting.  libpq waits for ever: a server that is stopped keeps its sockets
 * open, and its kernel acknowledges what we send.  So it is told not to block,
 * and await() waits, reading and writing as either gets on, so that two full
 * socket buffers cannot block each other; until nothing has come for PATIENCE
 * longer than the server lets a statement run.
 *
 * Plans: every text is written so that one plan suits all values (the choice
 * between plans is made in postgres_list.c, which knows the exact counts), so
 * planning is done once a connection: it would cost more than most of the
 * statements.
 */
#include "store/postgres_conn.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define MIN_SERVER_VERSION 150000
#define MAX_QUEUE 256
#define QUEUE_MARGIN 8   /* a statement, its preparation, syncs */
#define PATIENCE_MS 5000 /* or what a statement may take, if that is less */
#define LOCK_TIMEOUT_MS 10000
#define GO_ON_MS 1000 /* between questions whether to */
/* Room for the statements of all use cases (about 80) and 300 forms of a
 * search; a connection that has met more is replaced by a new one. */
#define MAX_STATEMENTS 384
#define STATEMENT_SLOTS 1024 /* power of two, well over MAX_STATEMENTS */

enum kind {
    PREPARE,
    QUIET, /* pg_do */
    ASKED, /* pg_ask */
    SYNC
};

struct pending {
    enum kind kind;
    uint64_t statement;
};

/* By the hash of its text; name 0: a free slot. */
struct statement {
    uint64_t name;
    bool prepared;
};

struct pg_conn {
    PGconn *c;
    PGnotify *heard;          /* the notification handed out last */
    bool (*go_on)(void *ctx); /* during a long statement; else NULL */
    void *go_on_ctx;
    int timeout_ms; /* of a statement */
    bool broken;    /* the link is gone */
    bool silent;    /* because nothing came any more */
    bool retired;
    bool retry;
    bool open; /* something was sent since the last sync: until there is one,
                  libpq does not know whether a transaction is open */
    struct err failed; /* first error since the last sync; code 0: none */
    struct pending queue[MAX_QUEUE];
    unsigned head, tail; /* free-running */
    unsigned n_statements;
    struct statement statements[STATEMENT_SLOTS];
};

/* ---- errors ---- */

/* libpq's messages end in a newline, and may have several lines and tabs. */
static void one_line(char *out, size_t size, const char *msg)
{
    size_t n = 0;

    for (; *msg && n + 1 < size; msg++)
        if ((unsigned char)*msg > ' ')
            out[n++] = *msg;
        else if (n && out[n - 1] != ' ' && msg[1])
            out[n++] = ' ';
    out[n] = 0;
}

/* Blot out every occurrence of the password. */
static void hide(char *msg, const char *secret)
{
    size_t len = secret ? strlen(secret) : 0;

    if (len == 0)
        return;
    for (char *p = strstr(msg, secret); p; p = strstr(p + len, secret))
        memset(p, '*', len);
}

static enum err_code code_of_state(const char *state)
{
    static const struct {
        const char *prefix;
        enum err_code code;
    } states[] = {
        {"53100", ERR_NO_SPACE},    /* disk_full */
        {"53", ERR_UNAVAILABLE},    /* other resources, connections */
        {"08", ERR_UNAVAILABLE},    /* connection */
        {"57", ERR_UNAVAILABLE},    /* time-out, shutdown, starting up */
        {"55P03", ERR_UNAVAILABLE}, /* lock time-out */
        {"40", ERR_UNAVAILABLE},    /* deadlock, serialisation */
        {"25006", ERR_UNAVAILABLE}, /* a standby: read only */
        {"25P03", ERR_UNAVAILABLE}, /* idle in transaction for too long */
        {"28", ERR_UNAVAILABLE},    /* not let in any more */
    };

    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        if (strncmp(state, states[i].prefix, strlen(states[i].prefix)) == 0)
            return states[i].code;
    return ERR_INTERNAL;
}

static void lost(struct pg_conn *c)
{
    char why[300];

    c->broken = true;
    if (c->failed.code != ERR_NONE)
        return;
    one_line(why, sizeof(why), postgres_lib.PQerrorMessage(c->c));
    err_set(&c->failed, ERR_UNAVAILABLE, "lost the link to PostgreSQL%s%s",
            why[0] ? ": " : "", why);
}

/* Keep the first error; those behind it only follow from it. */
static void failed_with(struct pg_conn *c, PGresult *r)
{
    const char *state = postgres_lib.PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *msg =
        postgres_lib.PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    char text[300];

    if (!state || postgres_lib.PQstatus(c->c) != CONNECTION_OK) {
        lost(c);
        return;
    }
    if (c->failed.code != ERR_NONE)
        return;
    c->retired |= strcmp(state, "25006") == 0; /* read only */
    c->retry = strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
    one_line(text, sizeof(text), msg ? msg : "error without a message");
    err_set(&c->failed, code_of_state(state), "PostgreSQL: %s (%s)", text,
            state);
}

/* The same for a statement of ours, which can only fail in these ways when the
 * tables are not any more what they were when this process was started. */
static void statement_failed_with(struct pg_conn *c, PGresult *r)
{
    static const char *const states[] = {
        "0A000", /* feature_not_supported: a kept plan with other columns */
        "42703", /* undefined_column */
        "42804", /* datatype_mismatch */
        "42883", /* undefined_function, or operator */
    };
    const char *state = postgres_lib.PQresultErrorField(r, PG_DIAG_SQLSTATE);
    bool is_first = c->failed.code == ERR_NONE;

    failed_with(c, r);
    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        if (is_first && state && strcmp(state, states[i]) == 0) {
            err_prefix(&c->failed, "another process has changed the tables, "
                                   "restart this one");
            c->failed.code = ERR_UNAVAILABLE;
        }
}

static enum err_code report(const struct pg_conn *c, struct err *e)
{
    if (c->failed.code != ERR_NONE && e)
        *e = c->failed;
    return c->failed.code;
}

/* ---- waiting ---- */

/* How long nothing may come while a statement runs. */
static int patience_ms(const struct pg_conn *c)
{
    return c->timeout_ms +
           (c->timeout_ms < PATIENCE_MS ? c->timeout_ms : PATIENCE_MS);
}

/* Until there is something to read, or to write to; false: there was nothing
 * for `ms` (-1: for ever). */
static bool poll_link(struct pg_conn *c, bool unsent, int ms)
{
    struct pollfd p = {.fd = postgres_lib.PQsocket(c->c),
                       .events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
    int n;

    do
        n = poll(&p, 1, ms);
    while (n < 0 && errno == EINTR); /* no signals here: it may begin anew */
    return n != 0;
}

/* Ask the server to give up what it does; it answers with an error, or was
 * done before. */
static void cancel(struct pg_conn *c)
{
    PGcancel *order = postgres_lib.PQgetCancel(c->c);
    char why[256];

    if (order && !postgres_lib.PQcancel(order, why, sizeof(why)))
        log_debug("store", "cannot cancel", LOG_S("why", why));
    postgres_lib.PQfreeCancel(order);
    if (c->failed.code == ERR_NONE)
        err_set(&c->failed, ERR_CANCELLED, "cancelled");
    c->go_on = NULL;
}

/* Wait until libpq has an answer.  What goes wrong is found by who fetches it,
 * but for the silence. */
static void await(struct pg_conn *c, int ms)
{
    for (;;) {
        int unsent = postgres_lib.PQflush(c->c);

        if (unsent < 0 || !postgres_lib.PQisBusy(c->c))
            return;
        if (c->go_on && !poll_link(c, unsent > 0, GO_ON_MS)) {
            if (!c->go_on(c->go_on_ctx)) {
                cancel(c);
                ms = patience_ms(c);
            }
            continue;
        }
        if (!c->go_on && !poll_link(c, unsent > 0, ms)) {
            c->broken = c->silent = true;
            if (c->failed.code == ERR_NONE)
                err_set(&c->failed, ERR_UNAVAILABLE,
                        "PostgreSQL has not answered for %d s", ms / 1000);
            return;
        }
        if (!postgres_lib.PQconsumeInput(c->c))
            return;
    }
}

/* A text of statements outside of the pipeline; the first error is kept. */
static void run_text(struct pg_conn *c, const char *sql, int ms)
{
    PGresult *r;

    if (!postgres_lib.PQsendQuery(c->c, sql)) {
        lost(c);
        return;
    }
    for (;;) {
        await(c, ms);
        if (c->broken)
            return;
        r = postgres_lib.PQgetResult(c->c);
        if (!r)
            break;
        if (postgres_lib.PQresultStatus(r) != PGRES_COMMAND_OK &&
            postgres_lib.PQresultStatus(r) != PGRES_TUPLES_OK)
            failed_with(c, r);
        postgres_lib.PQclear(r);
    }
    if (postgres_lib.PQstatus(c->c) != CONNECTION_OK)
        lost(c);
}

/* ---- open and close ---- */

static void drop_notice(void *arg, const char *message)
{
    (void)arg;
    log_debug("store", "notice of PostgreSQL", LOG_S("text", message));
}

/* Everything that a statement of ours relies on, in one round trip.  The times
 * bound what a stuck lock, a runaway statement, or one of us who is frozen or
 * cut off in the middle of a transaction can hold up.  seqscan
 * and sort off: plans are made when the tables may still be empty, and must
 * suit full ones; where there is no index, both are used all the same.
 * No parallel workers, no JIT: they cost more than these statements. */
static const char session[] =
    "SELECT set_config('statement_timeout', '%d', false),"
    " set_config('lock_timeout', '%d', false),"
    " set_config('idle_in_transaction_session_timeout', '10s', false),"
    " set_config('idle_session_timeout', '0', false),"
    " set_config('tcp_keepalives_idle', '30', false),"
    " set_config('tcp_keepalives_interval', '10', false),"
    " set_config('tcp_keepalives_count', '3', false),"
    " set_config('default_transaction_isolation', 'read committed', false),"
    " set_config('plan_cache_mode', 'force_generic_plan', false),"
    " set_config('enable_seqscan', 'off', false),"
    " set_config('enable_sort', 'off', false),"
    " set_config('random_page_cost', '1.1', false),"
    " set_config('max_parallel_workers_per_gather', '0', false),"
    " set_config('jit', 'off', false),"
    " set_config('work_mem', '16MB', false),"
    " CASE current_setting('synchronous_commit') WHEN 'off' THEN"
    " set_config('synchronous_commit', 'on', false) END";

static enum err_code check_server(struct pg_conn *c, struct err *e)
{
    const char *encoding =
        postgres_lib.PQparameterStatus(c->c, "server_encoding");
    int version = postgres_lib.PQserverVersion(c->c);

    if (version < MIN_SERVER_VERSION)
        return err_field(e, "database_url",
                         "PostgreSQL %d.%d is too old: 15 or newer is needed",
                         version / 10000, version % 10000);
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        return err_field(e, "database_url",
                         "the database is encoded in '%s': create one with "
                         "ENCODING 'UTF8'",
                         encoding ? encoding : "?");
    return ERR_NONE;
}

static enum err_code set_session(struct pg_conn *c, struct err *e)
{
    char sql[sizeof(session) + 20];
    enum err_code code = ERR_NONE;

    snprintf(sql, sizeof(sql), session, c->timeout_ms,
             c->timeout_ms < LOCK_TIMEOUT_MS ? c->timeout_ms / 2
                                             : LOCK_TIMEOUT_MS);
    if (postgres_lib.PQsetnonblocking(c->c, 1) != 0)
        return err_set(e, ERR_INTERNAL, "libpq does not stop blocking");
    run_text(c, sql, patience_ms(c));
    code = report(c, e);
    if (code == ERR_NONE && !postgres_lib.PQenterPipelineMode(c->c))
        code = err_set(e, ERR_INTERNAL, "libpq does not enter pipeline mode");
    return code;
}

/* How to connect.  Before the URL: it may say otherwise.  Behind it: it may
 * not. */
static const char *const param_keys[] = {"connect_timeout",
                                         "fallback_application_name",
                                         "keepalives_idle",
                                         "keepalives_interval",
                                         "keepalives_count",
                                         "tcp_user_timeout",
                                         "dbname",
                                         "client_encoding",
                                         NULL};
#define PARAM_VALUES(url)                                                      \
    {                                                                          \
        "5", "sheaf", "30", "10", "3", "30000", (url), "UTF8", NULL            \
    }

bool pg_answers(const struct pg_target *to)
{
    const char *const values[] = PARAM_VALUES(to->url);
    PGPing answer = postgres_lib.PQpingParams(param_keys, values, 1);

    return answer != PQPING_NO_RESPONSE && answer != PQPING_REJECT;
}

enum err_code pg_open(struct pg_conn **out, const struct pg_target *to,
                      struct err *e)
{
    const char *const values[] = PARAM_VALUES(to->url);
    struct pg_conn *c = calloc(1, sizeof(*c));
    enum err_code code;

    if (!c)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    c->timeout_ms = to->timeout_ms;
    c->c = postgres_lib.PQconnectdbParams(param_keys, values, 1);
    if (postgres_lib.PQstatus(c->c) != CONNECTION_OK) {
        char why[350];

        one_line(why, sizeof(why), postgres_lib.PQerrorMessage(c->c));
        hide(why, to->secret);
        code = err_set(e, ERR_UNAVAILABLE, "cannot reach PostgreSQL: %s", why);
    } else {
        postgres_lib.PQsetNoticeProcessor(c->c, drop_notice, NULL);
        code = check_server(c, e);
        if (code == ERR_NONE)
            code = set_session(c, e);
    }
    if (code != ERR_NONE)
        pg_close(c);
    else
        *out = c;
    return code;
}

void pg_close(struct pg_conn *c)
{
    if (!c)
        return;
    postgres_lib.PQfreemem(c->heard);
    postgres_lib.PQfinish(c->c);
    free(c);
}

bool pg_alive(struct pg_conn *c)
{
    if (c->broken || c->retired || c->n_statements > MAX_STATEMENTS)
        return false;
    /* A server that says goodbye sends a message, then closes: two reads. */
    for (int i = 0; i < 3 && postgres_lib.PQstatus(c->c) == CONNECTION_OK;
         i++) {
        struct pollfd p = {.fd = postgres_lib.PQsocket(c->c), .events = POLLIN};

        if (poll(&p, 1, 0) <= 0)
            return true;
        if (!postgres_lib.PQconsumeInput(c->c))
            break;
    }
    c->broken = postgres_lib.PQstatus(c->c) != CONNECTION_OK;
    return !c->broken;
}

bool pg_was_silent(const struct pg_conn *c)
{
    return c->silent;
}

void pg_retire(struct pg_conn *c)
{
    c->retired = true;
}

bool pg_is_retired(const struct pg_conn *c)
{
    return c->retired;
}

bool pg_should_retry(const struct pg_conn *c)
{
    return c->retry && !c->broken;
}

/* ---- sending ---- */

static uint64_t hash(const char *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
    return h ? h : 1;
}

static struct statement *statement_of(struct pg_conn *c, uint64_t name)
{
    size_t i = name & (STATEMENT_SLOTS - 1);

    while (c->statements[i].name && c->statements[i].name != name)
        i = (i + 1) & (STATEMENT_SLOTS - 1);
    return &c->statements[i];
}

static void push(struct pg_conn *c, enum kind kind, uint64_t statement)
{
    assert(c->tail - c->head < MAX_QUEUE);
    c->queue[c->tail++ % MAX_QUEUE] = (struct pending){kind, statement};
}

static void make_room(struct pg_conn *c);

static void queue_statement(struct pg_conn *c, enum kind kind, const char *sql,
                            const struct pg_args *a)
{
    static const struct pg_args none = {0};
    uint64_t key = hash(sql);
    struct statement *st = statement_of(c, key);
    const char *values[PG_MAX_ARGS];
    char name[20];

    if (c->failed.code == ERR_NONE)
        make_room(c);
    if (c->failed.code != ERR_NONE)
        return;
    if (!c->open)
        c->retry = false;
    c->open = true;
    if (!a)
        a = &none;
    if (pg_args_failed(a)) {
        err_set(&c->failed, ERR_TOO_LARGE, "too much data in one call");
        return;
    }
    for (int i = 0; i < a->n; i++)
        values[i] = pg_arg_value(a, i);
    snprintf(name, sizeof(name), "s%016llx", (unsigned long long)key);
    if (!st->prepared) {
        if (!postgres_lib.PQsendPrepare(c->c, name, sql, a->n, a->types)) {
            lost(c);
            return;
        }
        c->n_statements += st->name == 0;
        *st = (struct statement){key, true};
        push(c, PREPARE, key);
    }
    if (!postgres_lib.PQsendQueryPrepared(c->c, name, a->n, values, a->lengths,
                                          a->formats, 1)) {
        lost(c);
        return;
    }
    push(c, kind, key);
}

void pg_do(struct pg_conn *c, const char *sql, const struct pg_args *args)
{
    queue_statement(c, QUIET, sql, args);
}

void pg_ask(struct pg_conn *c, const char *sql, const struct pg_args *args)
{
    queue_statement(c, ASKED, sql, args);
}

/* ---- receiving ---- */

static void check_prepared(struct pg_conn *c, uint64_t name, PGresult *r)
{
    ExecStatusType status = postgres_lib.PQresultStatus(r);

    if (status == PGRES_COMMAND_OK)
        return;
    statement_of(c, name)->prepared = false;
    if (status != PGRES_PIPELINE_ABORTED)
        statement_failed_with(c, r);
}

/* The answer to the oldest thing sent; NULL when the link is lost. */
static PGresult *receive(struct pg_conn *c, enum kind *kind)
{
    struct pending p = c->queue[c->head % MAX_QUEUE];
    PGresult *r = NULL, *end = NULL;

    await(c, patience_ms(c));
    if (c->broken)
        return NULL;
    r = postgres_lib.PQgetResult(c->c);
    if (r && p.kind != SYNC) {
        await(c, patience_ms(c));
        if (c->broken) {
            postgres_lib.PQclear(r);
            return NULL;
        }
        /* NULL ends each statement's answer */
        end = postgres_lib.PQgetResult(c->c);
    }
    if (!r || end || postgres_lib.PQstatus(c->c) == CONNECTION_BAD) {
        if (r)
            failed_with(c, r);
        lost(c);
        postgres_lib.PQclear(end);
        postgres_lib.PQclear(r);
        return NULL;
    }
    c->head++;
    *kind = p.kind;
    if (p.kind == PREPARE)
        check_prepared(c, p.statement, r);
    else if (postgres_lib.PQresultStatus(r) == PGRES_FATAL_ERROR)
        statement_failed_with(c, r);
    return r;
}

enum err_code pg_next(struct pg_conn *c, PGresult **out, struct err *e)
{
    while (c->failed.code == ERR_NONE && !c->broken) {
        enum kind kind;
        PGresult *r;

        assert(c->head != c->tail); /* a pg_ask() must be there */
        r = receive(c, &kind);
        if (r && kind == ASKED && c->failed.code == ERR_NONE) {
            *out = r;
            return ERR_NONE;
        }
        postgres_lib.PQclear(r);
    }
    if (c->failed.code == ERR_NONE)
        lost(c);
    return report(c, e);
}

static void send_sync(struct pg_conn *c)
{
    c->open = false;
    if (c->broken)
        return;
    if (postgres_lib.PQpipelineSync(c->c))
        push(c, SYNC, 0);
    else
        lost(c);
}

/* A sync, which ends no transaction that was begun with BEGIN: behind it the
 * server knows that it waits for us, and its time-out for that runs.  After a
 * flush request none does, and a process that is frozen there, or cut off,
 * would hold its locks for ever. */
void pg_push(struct pg_conn *c)
{
    bool was_open = c->open;

    if (c->failed.code == ERR_NONE)
        send_sync(c);
    c->open = was_open;
}

enum err_code pg_flush(struct pg_conn *c, struct err *e)
{
    pg_push(c);
    return report(c, e);
}

/* Read answers that nobody asked for until the queue is half empty. */
static void make_room(struct pg_conn *c)
{
    if (c->tail - c->head + QUEUE_MARGIN <= MAX_QUEUE)
        return;
    pg_push(c);
    while (!c->broken && c->tail - c->head > MAX_QUEUE / 2) {
        enum kind kind;

        if (c->queue[c->head % MAX_QUEUE].kind == ASKED) {
            err_set(&c->failed, ERR_INTERNAL, "too many questions at once");
            return;
        }
        postgres_lib.PQclear(receive(c, &kind));
    }
}

/* The answers to all that was sent. */
static void read_all(struct pg_conn *c)
{
    while (!c->broken && c->head != c->tail) {
        enum kind kind;

        postgres_lib.PQclear(receive(c, &kind));
    }
}

static void roll_back(struct pg_conn *c)
{
    struct err first = c->failed;
    bool retry = c->retry;

    if (c->broken || postgres_lib.PQtransactionStatus(c->c) == PQTRANS_IDLE)
        return;
    c->failed = (struct err){0};
    pg_do(c, "ROLLBACK", NULL);
    send_sync(c);
    read_all(c);
    if (c->failed.code != ERR_NONE)
        c->broken = true;
    c->failed = first;
    c->retry = retry;
}

/* Nothing is under way.  Behind an error no transaction stays open. */
static enum err_code settle(struct pg_conn *c, struct err *e)
{
    enum err_code code;

    if (c->failed.code != ERR_NONE)
        roll_back(c);
    code = report(c, e);
    c->failed = (struct err){0};
    return code;
}

enum err_code pg_sync(struct pg_conn *c, struct err *e)
{
    send_sync(c);
    read_all(c);
    return settle(c, e);
}

void pg_reset(struct pg_conn *c)
{
    if (c->open) {
        send_sync(c);
        read_all(c);
    }
    roll_back(c);
    c->failed = (struct err){0};
}

enum err_code pg_run(struct pg_conn *c, PGresult **out, struct err *e)
{
    PGresult *r = NULL;
    enum err_code code;

    send_sync(c);
    if (pg_next(c, &r, NULL) != ERR_NONE)
        r = NULL; /* settle() tells why */
    read_all(c);
    code = settle(c, e);
    if (code != ERR_NONE || !out)
        postgres_lib.PQclear(r);
    else
        *out = r;
    return code;
}

enum err_code pg_query(struct pg_conn *c, PGresult **out, const char *sql,
                       const struct pg_args *args, struct err *e)
{
    pg_ask(c, sql, args);
    return pg_run(c, out, e);
}

enum err_code pg_script(struct pg_conn *c, const char *sql, struct err *e)
{
    enum err_code code;

    if (!postgres_lib.PQexitPipelineMode(c->c))
        return err_set(e, ERR_INTERNAL, "a script in the middle of a pipeline");
    run_text(c, sql, -1);
    if (!c->broken && !postgres_lib.PQenterPipelineMode(c->c))
        lost(c);
    code = report(c, e);
    c->failed = (struct err){0};
    return code;
}

enum err_code pg_long_script(struct pg_conn *c, const char *sql,
                             bool (*go_on)(void *ctx), void *ctx, struct err *e)
{
    enum err_code code;

    c->go_on = go_on;
    c->go_on_ctx = ctx;
    code = pg_script(c, sql, e);
    c->go_on = NULL;
    return code;
}

/* ---- notifications ---- */

enum err_code pg_listen(struct pg_conn *c, int wake, int ms, struct err *e)
{
    struct pollfd p[2] = {
        {.fd = postgres_lib.PQsocket(c->c), .events = POLLIN},
        {.fd = wake, .events = POLLIN},
    };

    if (poll(p, 2, ms) < 0 && errno != EINTR)
        return err_set(e, ERR_INTERNAL, "cannot wait: %s", strerror(errno));
    if (p[0].revents && !postgres_lib.PQconsumeInput(c->c)) {
        enum err_code code;

        lost(c);
        code = report(c, e);
        c->failed = (struct err){0};
        return code;
    }
    return ERR_NONE;
}

bool pg_hears(struct pg_conn *c, struct slice *payload)
{
    postgres_lib.PQfreemem(c->heard);
    c->heard = postgres_lib.PQnotifies(c->c);
    if (!c->heard)
        return false;
    *payload = slice_of(c->heard->extra);
    return true;
}
