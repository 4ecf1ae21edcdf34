/* postgres.c - the PostgreSQL backend: pool, open, close.
 *
 * A pool of connections, opened when needed and at most as many as asked for;
 * each call takes one for its time.  PostgreSQL's own parallelism does the
 * rest: there is no writer thread here.  After a failed attempt to connect, new
 * ones wait (50 ms, doubling to 2 s, with jitter) and calls meanwhile fail at
 * once with the reason.  A connection that died while idle is noticed before
 * anything is sent, and another is taken; a call whose link breaks afterwards
 * is not repeated, since what was sent may have been committed.
 */
#include "store/postgres.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"

#define MIN_BACKOFF_US (50 * US_PER_MS)
#define MAX_BACKOFF_US (2 * US_PER_S)
#define WAIT_S 10   /* for a connection when all are busy */
#define MAX_TRIES 5 /* of a transaction that meets deadlocks */

struct postgres *postgres_of(struct store *s)
{
    assert(s->ops == &store_postgres_ops);
    return (struct postgres *)s;
}

/* ---- pool ---- */

/* Called with the lock held. */
static void note_attempt(struct postgres *p, const struct err *failed)
{
    int64_t next = p->backoff_us * 2;
    uint32_t jitter;

    if (!failed) {
        if (p->backoff_us)
            log_info("store", "PostgreSQL is back");
        p->backoff_us = p->retry_at = 0;
        return;
    }
    if (!p->backoff_us)
        log_warn("store", "PostgreSQL is away", LOG_S("reason", failed->msg));
    crypto_random(&jitter, sizeof(jitter));
    p->backoff_us = next < MIN_BACKOFF_US   ? MIN_BACKOFF_US
                    : next > MAX_BACKOFF_US ? MAX_BACKOFF_US
                                            : next;
    p->retry_at = clock_mono_us() + p->backoff_us / 2 +
                  (int64_t)(jitter % (uint32_t)(p->backoff_us / 2));
    p->last_error = *failed;
}

/* Called with the lock held; releases it while connecting. */
static enum err_code connect_one(struct postgres *p, struct pg_conn **out,
                                 struct err *e)
{
    struct err why = {0};
    enum err_code code;

    if (clock_mono_us() < p->retry_at) {
        if (e)
            *e = p->last_error;
        return p->last_error.code;
    }
    p->n_open++;
    pthread_mutex_unlock(&p->lock);
    code = pg_open(out, p->url, p->secret, &why);
    pthread_mutex_lock(&p->lock);
    if (code == ERR_NONE) {
        note_attempt(p, NULL);
        return code;
    }
    p->n_open--;
    if (code == ERR_UNAVAILABLE)
        note_attempt(p, &why);
    pthread_cond_signal(&p->given);
    if (e)
        *e = why;
    return code;
}

/* Called with the lock held: one that is alive, or NULL. */
static struct pg_conn *idle_one(struct postgres *p)
{
    while (p->n_idle > 0) {
        struct pg_conn *c = p->idle[--p->n_idle];

        if (pg_alive(c))
            return c;
        pg_close(c);
        p->n_open--;
    }
    return NULL;
}

enum err_code postgres_take(struct postgres *p, struct pg_conn **out,
                            struct err *e)
{
    enum err_code code = ERR_NONE;
    struct pg_conn *c;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        c = idle_one(p);
        if (c)
            break;
        if (p->n_open < p->max_open) {
            code = connect_one(p, &c, e);
            break;
        }
        if (pthread_cond_timedwait(&p->given, &p->lock, &until) == ETIMEDOUT) {
            code = err_set(e, ERR_UNAVAILABLE,
                           "all %d connections to PostgreSQL are busy",
                           p->max_open);
            break;
        }
    }
    pthread_mutex_unlock(&p->lock);
    if (code == ERR_NONE)
        *out = c;
    return code;
}

void postgres_give(struct postgres *p, struct pg_conn *c)
{
    bool alive;

    pg_reset(c);
    alive = pg_alive(c);
    if (!alive)
        pg_close(c);
    pthread_mutex_lock(&p->lock);
    if (alive)
        p->idle[p->n_idle++] = c;
    else
        p->n_open--;
    pthread_cond_signal(&p->given);
    pthread_mutex_unlock(&p->lock);
}

enum err_code postgres_query(struct store *s, PGresult **out, const char *sql,
                             const struct pg_args *args, struct err *e)
{
    struct postgres *p = postgres_of(s);
    struct pg_conn *c;
    enum err_code code = postgres_take(p, &c, e);

    if (code != ERR_NONE)
        return code;
    code = pg_query(c, out, sql, args, e);
    postgres_give(p, c);
    return code;
}

enum err_code postgres_transact(struct store *s,
                                enum err_code (*body)(struct pg_conn *c,
                                                      void *ctx, struct err *e),
                                void *ctx, struct err *e)
{
    struct postgres *p = postgres_of(s);
    struct pg_conn *c;
    enum err_code code = postgres_take(p, &c, e);

    if (code != ERR_NONE)
        return code;
    for (int i = 1;; i++) {
        pg_do(c, "BEGIN", NULL);
        code = body(c, ctx, e);
        if (code == ERR_NONE) {
            pg_do(c, "COMMIT", NULL);
            code = pg_sync(c, e);
        } else {
            pg_reset(c);
        }
        if (code == ERR_NONE || !pg_should_retry(c) || i == MAX_TRIES)
            break;
    }
    postgres_give(p, c);
    return code;
}

/* ---- rows ---- */

enum err_code postgres_read_rows(PGresult *r, struct arena *a,
                                 const struct pg_select *q, void *out,
                                 size_t *n, struct err *e)
{
    int rows = postgres_lib.PQntuples(r);
    char *list = arena_calloc(a, rows ? (size_t)rows : 1, q->size);
    bool full = !list;

    for (int i = 0; i < rows && !full; i++) {
        struct pg_row w = {.r = r, .a = a, .row = i};

        q->read(&w, list + (size_t)i * q->size);
        full = w.full;
    }
    postgres_lib.PQclear(r);
    if (full)
        return err_set(e, ERR_TOO_LARGE, "the answer is too large");
    memcpy(out, &list, sizeof(list)); /* *out is of any pointer type */
    *n = (size_t)rows;
    return ERR_NONE;
}

static enum err_code select_counted(struct pg_conn *c, struct arena *a,
                                    const struct pg_select *q, void *out,
                                    size_t *n, int64_t *count, struct err *e)
{
    PGresult *r;
    enum err_code code;

    pg_do(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL);
    pg_ask(c, q->count_sql, q->count_args);
    pg_ask(c, q->sql, q->args);
    pg_do(c, "COMMIT", NULL);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    *count = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    code = pg_next(c, &r, e);
    if (code == ERR_NONE)
        code = postgres_read_rows(r, a, q, out, n, e);
    return code == ERR_NONE ? pg_sync(c, e) : code;
}

enum err_code postgres_select(struct store *s, struct arena *a,
                              const struct pg_select *q, void *out, size_t *n,
                              int64_t *count, struct err *e)
{
    struct postgres *p = postgres_of(s);
    struct pg_conn *c;
    PGresult *r;
    enum err_code code = postgres_take(p, &c, e);

    if (code != ERR_NONE)
        return code;
    if (q->count_sql) {
        code = select_counted(c, a, q, out, n, count, e);
    } else {
        code = pg_query(c, &r, q->sql, q->args, e);
        if (code == ERR_NONE)
            code = postgres_read_rows(r, a, q, out, n, e);
    }
    postgres_give(p, c);
    return code;
}

enum err_code postgres_select_ids(struct store *s, struct arena *a,
                                  const struct pg_select *q, const int64_t *ids,
                                  size_t n, void *out, size_t *n_out,
                                  struct err *e)
{
    struct pg_args args = {0};
    struct pg_select select = *q;
    struct buf list;
    enum err_code code;

    pg_array_init(&list, PG_INT8);
    for (size_t i = 0; i < n; i++)
        pg_array_i64(&list, ids[i]);
    pg_arg_array(&args, PG_INT8_ARRAY, &list);
    select.args = &args;
    code = postgres_select(s, a, &select, out, n_out, NULL, e);
    buf_release(&list);
    return code;
}

enum err_code postgres_select_one(struct store *s, struct arena *a,
                                  const struct pg_select *q, void *out,
                                  bool *found, struct err *e)
{
    char *row;
    size_t n;
    enum err_code code = postgres_select(s, a, q, &row, &n, NULL, e);

    if (code != ERR_NONE)
        return code;
    *found = n > 0;
    if (*found)
        memcpy(out, row, q->size);
    return ERR_NONE;
}

/* ---- open and close ---- */

/* Is the URL one, and what is the password in it?  libpq's own message may
 * repeat the URL, so it is not shown. */
static enum err_code find_secret(struct postgres *p, struct err *e)
{
    char *why = NULL;
    PQconninfoOption *options = postgres_lib.PQconninfoParse(p->url, &why);

    postgres_lib.PQfreemem(why);
    if (!options)
        return err_field(e, "database_url",
                         "'database_url' is not of the form postgresql://"
                         "user:password@host:port/database?option=value with "
                         "libpq's options; special characters are written "
                         "%%XX");
    for (PQconninfoOption *o = options; o->keyword; o++)
        if (strcmp(o->keyword, "password") == 0 && o->val) {
            p->secret = strdup(o->val);
            if (!p->secret)
                abort();
        }
    postgres_lib.PQconninfoFree(options);
    return ERR_NONE;
}

static void release(struct postgres *p)
{
    for (int i = 0; i < p->n_idle; i++)
        pg_close(p->idle[i]);
    known_free(p->pages);
    pthread_cond_destroy(&p->given);
    pthread_mutex_destroy(&p->lock);
    free(p->idle);
    free(p->secret);
    free(p->url);
    free(p);
}

static enum err_code prepare_schema(struct postgres *p,
                                    enum store_vectors vectors, struct err *e)
{
    struct pg_conn *c;
    enum err_code code = postgres_take(p, &c, e);

    if (code != ERR_NONE)
        return code;
    code = postgres_migrate(c, e);
    if (code == ERR_NONE)
        code = vector_form_open(&p->vectors, c, vectors, e);
    postgres_give(p, c);
    return code;
}

static struct postgres *new_store(const struct store_options *opt)
{
    struct postgres *p = calloc(1, sizeof(*p));
    pthread_condattr_t monotonic;

    if (!p)
        return NULL;
    p->base.finds_vectors = opt->vectors == STORE_VECTORS_PGVECTOR;
    p->max_open = opt->connections;
    p->idempotency_ttl_us = opt->idempotency_ttl_us;
    p->url = strdup(opt->database_url);
    p->idle = calloc((size_t)p->max_open, sizeof(struct pg_conn *));
    p->pages = known_new();
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->given, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (p->url && p->idle && p->pages)
        return p;
    release(p);
    return NULL;
}

static enum err_code open_store(struct store **out,
                                const struct store_options *opt, struct err *e)
{
    struct postgres *p;
    enum err_code code = postgres_lib_load(e);

    if (code != ERR_NONE)
        return code;
    p = new_store(opt);
    if (!p)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    code = find_secret(p, e);
    if (code == ERR_NONE)
        code = prepare_schema(p, opt->vectors, e);
    if (code == ERR_NONE)
        *out = &p->base;
    else
        release(p);
    return code;
}

static void close_store(struct store *s)
{
    release(postgres_of(s));
}

static enum err_code check(struct store *s, struct err *e)
{
    PGresult *r;
    enum err_code code =
        postgres_query(s, &r,
                       "SELECT current_setting('transaction_read_only') = 'on'"
                       " FROM meta",
                       NULL, e);

    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) != 1 || pg_bool(r, 0, 0))
        code = err_set(e, ERR_UNAVAILABLE, "PostgreSQL takes no writes now");
    postgres_lib.PQclear(r);
    return code;
}

static enum err_code describe(struct store *s, struct arena *a,
                              const char **out, struct err *e)
{
    PGresult *r;
    char *text;
    enum err_code code =
        postgres_query(s, &r,
                       "SELECT 'PostgreSQL ' || current_setting("
                       "'server_version') || ', database ' ||"
                       " current_database() || ', namespace ' ||"
                       " current_schema() || ', schema ' ||"
                       " (SELECT max(version) FROM schema_versions) ||"
                       " coalesce((SELECT ', pgvector ' || x.extversion"
                       "  FROM pg_extension x JOIN pg_attribute a"
                       "  ON a.attrelid = to_regclass('chunk_vectors')"
                       "  AND a.attname = 'vector' AND a.atttypid <>"
                       "  'bytea'::regtype WHERE x.extname = 'vector'), '')",
                       NULL, e);

    if (code != ERR_NONE)
        return code;
    text = arena_strndup(a, pg_slice(r, 0, 0).p, pg_slice(r, 0, 0).len);
    postgres_lib.PQclear(r);
    if (!text)
        return err_set(e, ERR_TOO_LARGE, "the answer is too large");
    *out = text;
    return ERR_NONE;
}

static const char *const schemes[] = {"postgresql://", "postgres://", NULL};

const struct store_ops store_postgres_ops = {
    .name = "postgresql",
    .schemes = schemes,
    .open = open_store,
    .close = close_store,
    .check = check,
    .describe = describe,
    .papers = &postgres_paper_ops,
    .jobs = &postgres_job_ops,
    .scrape = &postgres_scrape_ops,
    .documents = &postgres_document_ops,
    .events = &postgres_event_ops,
    .desk = &postgres_desk_ops,
};
