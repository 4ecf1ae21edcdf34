/* postgres.c - the PostgreSQL backend: transactions, rows, open and close.
 *
 * Each call takes a connection out of the pool for its time.  PostgreSQL's own
 * parallelism does the rest: there is no writer thread here.  A call whose link
 * breaks is not repeated, since what was sent may have been committed.
 */
#include "store/postgres.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/postgres_documents.h"
#include "store/postgres_listen.h"

#define MAX_TRIES 5 /* of a transaction that meets deadlocks */

struct postgres *postgres_of(struct store *s)
{
    assert(s->ops == &store_postgres_ops);
    return (struct postgres *)s;
}

enum err_code postgres_take(struct postgres *p, struct pg_conn **out,
                            struct err *e)
{
    return pg_pool_take(p->pool, out, e);
}

void postgres_give(struct postgres *p, struct pg_conn *c)
{
    pg_pool_give(p->pool, c);
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

static void release(struct postgres *p)
{
    pg_listener_free(p->listener);
    pg_pool_free(p->pool);
    known_free(p->pages);
    free(p);
}

static enum err_code prepare_schema(struct postgres *p,
                                    enum store_purpose purpose,
                                    enum store_vectors vectors, struct err *e)
{
    struct pg_conn *c;
    enum err_code code = postgres_take(p, &c, e);

    if (code != ERR_NONE)
        return code;
    code = postgres_migrate(c, purpose, e);
    if (code == ERR_NONE)
        code = vector_form_open(&p->vectors, c, vectors, e);
    postgres_give(p, c);
    return code;
}

/* At boot, and in containers, the server is often there some seconds later.
 * What fails although it answers would fail again. */
static enum err_code prepare_when_there(struct postgres *p,
                                        const struct store_options *opt,
                                        struct err *e)
{
    enum err_code code = prepare_schema(p, opt->purpose, opt->vectors, e);

    if (code != ERR_UNAVAILABLE || opt->wait_ms == 0)
        return code;
    pg_pool_await(p->pool, opt->wait_ms * US_PER_MS);
    return prepare_schema(p, opt->purpose, opt->vectors, e);
}

static enum err_code open_store(struct store **out,
                                const struct store_options *opt, struct err *e)
{
    struct postgres *p;
    enum err_code code = postgres_lib_load(e);

    if (code != ERR_NONE)
        return code;
    p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    p->base.finds_vectors = opt->vectors == STORE_VECTORS_PGVECTOR;
    p->idempotency_ttl_us = opt->idempotency_ttl_us;
    p->index_from = opt->index_from;
    p->pages = known_new();
    if (!p->pages)
        code = err_set(e, ERR_UNAVAILABLE, "out of memory");
    if (code == ERR_NONE)
        code = pg_pool_new(&p->pool, opt->database_url, opt->connections,
                           opt->timeout_ms, e);
    if (code == ERR_NONE)
        code = prepare_when_there(p, opt, e);
    if (code != ERR_NONE) {
        release(p);
        return code;
    }
    postgres_index_open(p);
    *out = &p->base;
    return ERR_NONE;
}

static enum err_code
begin_listening(struct store *s, const struct store_hearing *h, struct err *e)
{
    struct postgres *p = postgres_of(s);

    return pg_listener_new(&p->listener, pg_pool_target(p->pool), h, e);
}

static void share(struct store *s, const struct store_news *n)
{
    pg_listener_share(postgres_of(s)->listener, n);
}

static void end_listening(struct store *s)
{
    pg_listener_stop(postgres_of(s)->listener);
}

static bool hears(const struct store *s)
{
    const struct postgres *p = (const struct postgres *)s;

    return p->listener && pg_listener_hears(p->listener);
}

static void close_store(struct store *s)
{
    release(postgres_of(s));
}

static enum err_code check(struct store *s, struct err *e)
{
    struct postgres *p = postgres_of(s);
    struct pg_conn *c;
    PGresult *r = NULL;
    enum err_code code = postgres_take(p, &c, e);

    if (code != ERR_NONE)
        return code;
    code = pg_query(c, &r,
                    "SELECT current_setting('transaction_read_only') = 'on'"
                    " FROM meta",
                    NULL, e);
    if (code == ERR_NONE &&
        (postgres_lib.PQntuples(r) != 1 || pg_bool(r, 0, 0))) {
        pg_retire(c);
        code = err_set(e, ERR_UNAVAILABLE, "PostgreSQL takes no writes now");
    }
    postgres_lib.PQclear(r);
    postgres_give(p, c);
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
    .listen = begin_listening,
    .share = share,
    .listen_end = end_listening,
    .hears = hears,
    .papers = &postgres_paper_ops,
    .jobs = &postgres_job_ops,
    .scrape = &postgres_scrape_ops,
    .documents = &postgres_document_ops,
    .copies = &postgres_copy_ops,
    .events = &postgres_event_ops,
    .desk = &postgres_desk_ops,
    .records = &postgres_record_ops,
    .transfer = &postgres_transfer_ops,
    .verify = &postgres_verify_ops,
};
