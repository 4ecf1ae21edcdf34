/* postgres_records.c - Chroma's records: writing and removing.
 *
 * Who writes records of a collection holds its row until the commit.  So
 * generations are committed in their order: who has read one has seen all that
 * is older.  What a batch does is decided by record_rules.h; rows are sent as
 * arrays of a few MB, and the server stores one while the next is made.
 *
 * LATERAL with OFFSET 0, and the needless ANY: plans are made when the table is
 * still empty and a scan of it looks cheap; so they go by the index.
 */
#include <string.h>

#include "store/postgres_documents.h"
#include "store/postgres_records.h"

#define SWEEP_PIECE 5000 /* records a commit when a collection is removed */
/* What a batch may need beside itself: stored metadata, merged. */
#define PLAN_BYTES ((size_t)256 << 20)
#define PIECE_BYTES ((size_t)4 << 20)

#define SQL_HOLD                                                               \
    "SELECT dim, generation, count, given FROM collections WHERE number = $1"  \
    " FOR UPDATE"

struct putting {
    int64_t collection;
    const struct record_batch *batch;
    struct records_state *state;
    struct arena *a;
    struct record_plan plan;
    int dim;
    int64_t generation, count, given;
};

static void ask_what_is_there(struct pg_conn *c, const struct putting *p)
{
    struct pg_args hold = {0}, args = {0};
    struct buf ids, merges;

    pg_array_init(&ids, PG_TEXT);
    pg_array_init(&merges, PG_BOOL);
    for (size_t i = 0; i < p->plan.n; i++) {
        pg_array_text(&ids, p->plan.slots[i].id);
        pg_array_bool(&merges, p->plan.slots[i].merges);
    }
    pg_arg_i64(&hold, p->collection);
    pg_ask(c, SQL_HOLD, &hold);
    pg_arg_i64(&args, p->collection);
    pg_arg_array(&args, PG_TEXT_ARRAY, &ids);
    pg_arg_array(&args, PG_BOOL_ARRAY, &merges);
    pg_ask(c,
           "SELECT u.n, r.number, CASE WHEN u.merges THEN r.metadata END"
           " FROM unnest($2, $3) WITH ORDINALITY AS u(id, merges, n)"
           " CROSS JOIN LATERAL (SELECT number, metadata FROM records"
           "  WHERE collection = $1 AND id = u.id OFFSET 0) r",
           &args);
    buf_release(&merges);
    buf_release(&ids);
}

static enum err_code next_row(struct pg_conn *c, struct putting *p,
                              struct err *e)
{
    PGresult *r;
    enum err_code code = pg_next(c, &r, e);

    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 0) {
        code = record_no_collection(p->collection, e);
    } else {
        p->dim = (int)pg_i64(r, 0, 0);
        p->generation = pg_i64(r, 0, 1);
        p->count = pg_i64(r, 0, 2);
        p->given = pg_i64(r, 0, 3);
    }
    postgres_lib.PQclear(r);
    return code;
}

static enum err_code next_slots(struct pg_conn *c, struct putting *p,
                                struct err *e)
{
    struct pg_row w = {.a = p->a};
    PGresult *r;
    enum err_code code = pg_next(c, &r, e);

    if (code != ERR_NONE)
        return code;
    w.r = r;
    for (w.row = 0; w.row < postgres_lib.PQntuples(r); w.row++) {
        struct record_slot *slot;

        w.col = 0;
        slot = &p->plan.slots[pg_row_i64(&w) - 1];
        slot->number = pg_row_i64(&w);
        slot->metadata = pg_row_text_or_none(&w);
    }
    postgres_lib.PQclear(r);
    return pg_row_end(&w, e);
}

/* Rows on their way, column by column. */
struct columns {
    struct buf numbers, ids, uris, sets, metadata, documents, vectors;
    size_t n;
};

static void columns_init(struct columns *t)
{
    t->n = 0;
    pg_array_init(&t->numbers, PG_INT8);
    pg_array_init(&t->ids, PG_TEXT);
    pg_array_init(&t->uris, PG_TEXT);
    pg_array_init(&t->sets, PG_BOOL);
    pg_array_init(&t->metadata, PG_TEXT);
    pg_array_init(&t->documents, PG_TEXT);
    pg_array_init(&t->vectors, PG_BYTEA);
}

static void columns_release(struct columns *t)
{
    buf_release(&t->numbers);
    buf_release(&t->ids);
    buf_release(&t->uris);
    buf_release(&t->sets);
    buf_release(&t->metadata);
    buf_release(&t->documents);
    buf_release(&t->vectors);
}

static void columns_add(struct columns *t, const struct record_slot *slot,
                        int dim)
{
    struct slice vector = {(const char *)slot->vector,
                           (size_t)dim * sizeof(float)};

    t->n++;
    pg_array_i64(&t->numbers, slot->number);
    pg_array_text(&t->ids, slot->id);
    pg_array_text_or_null(&t->uris, slot->uri);
    pg_array_bool(&t->sets, slot->set_metadata);
    pg_array_text_or_null(&t->metadata, slot->metadata);
    pg_array_text_or_null(&t->documents, slot->document);
    pg_array_text_or_null(&t->vectors, vector);
}

static bool columns_are_full(const struct columns *t)
{
    return t->vectors.len + t->documents.len + t->metadata.len + t->uris.len >
           PIECE_BYTES;
}

static void send(struct pg_conn *c, const struct putting *p,
                 const struct columns *t, bool insert)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, p->generation);
    pg_arg_array(&args, PG_INT8_ARRAY, &t->numbers);
    pg_arg_array(&args, PG_TEXT_ARRAY, &t->uris);
    pg_arg_array(&args, PG_TEXT_ARRAY, &t->metadata);
    pg_arg_array(&args, PG_TEXT_ARRAY, &t->documents);
    pg_arg_array(&args, PG_BYTEA_ARRAY, &t->vectors);
    if (insert) {
        pg_arg_array(&args, PG_TEXT_ARRAY, &t->ids);
        pg_arg_i64(&args, p->collection);
    } else {
        pg_arg_array(&args, PG_BOOL_ARRAY, &t->sets);
    }
    pg_do(c,
          insert ? "INSERT INTO records(number, collection, generation, id,"
                   " uri, metadata, document, vector) SELECT u.number, $8, $1,"
                   " u.id, u.uri, u.metadata, u.document, u.vector"
                   " FROM unnest($2, $3, $4, $5, $6, $7) AS u(number, uri,"
                   " metadata, document, vector, id)"
                 : "UPDATE records r SET generation = $1,"
                   " uri = coalesce(u.uri, r.uri), metadata ="
                   " CASE WHEN u.sets THEN u.metadata ELSE r.metadata END,"
                   " document = coalesce(u.document, r.document),"
                   " vector = coalesce(u.vector, r.vector)"
                   " FROM unnest($2, $3, $4, $5, $6, $7) AS u(number, uri,"
                   " metadata, document, vector, sets)"
                   " WHERE r.number = u.number AND r.number = ANY($2)",
          &args);
    pg_push(c);
}

/* Those to be inserted, or updated. */
static void send_slots(struct pg_conn *c, const struct putting *p, bool insert)
{
    struct columns t;

    columns_init(&t);
    for (size_t i = 0; i < p->plan.n; i++) {
        const struct record_slot *slot = &p->plan.slots[i];

        if (!(insert ? slot->insert : slot->update))
            continue;
        columns_add(&t, slot, p->batch->dim);
        if (columns_are_full(&t)) {
            send(c, p, &t, insert);
            columns_release(&t);
            columns_init(&t);
        }
    }
    if (t.n)
        send(c, p, &t, insert);
    columns_release(&t);
}

static void write_row(struct pg_conn *c, const struct putting *p)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, p->collection);
    pg_arg_i64(&args, p->dim ? p->dim : p->batch->dim);
    pg_arg_i64(&args, p->generation);
    pg_arg_i64(&args, p->count);
    pg_arg_i64(&args, p->given);
    pg_do(c,
          "UPDATE collections SET dim = $2, generation = $3, count = $4,"
          " given = $5 WHERE number = $1",
          &args);
}

/* The plan is made here, for after a deadlock this runs again. */
static enum err_code do_put(struct pg_conn *c, void *ctx, struct err *e)
{
    struct putting *p = ctx;
    size_t inserted = 0, updated = 0;
    enum err_code code;

    arena_reset(p->a);
    code = record_plan_make(&p->plan, p->a, p->batch, e);
    if (code != ERR_NONE)
        return code;
    ask_what_is_there(c, p);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = next_row(c, p, e);
    if (code == ERR_NONE)
        code = record_check_dim(p->dim, p->batch, e);
    if (code == ERR_NONE)
        code = next_slots(c, p, e);
    if (code == ERR_NONE)
        code = record_plan_decide(&p->plan, p->collection, &p->given, &inserted,
                                  &updated, e);
    if (code != ERR_NONE)
        return code;
    p->generation += inserted || updated;
    p->count += (int64_t)inserted;
    if (inserted)
        send_slots(c, p, true);
    if (updated)
        send_slots(c, p, false);
    write_row(c, p);
    *p->state = record_state(p->generation, p->count, p->given);
    return ERR_NONE;
}

enum err_code postgres_records_put(struct store *s, int64_t collection,
                                   const struct record_batch *b,
                                   struct records_state *state, struct err *e)
{
    struct putting p = {.collection = collection,
                        .batch = b,
                        .state = state,
                        .a = arena_new(PLAN_BYTES)};
    enum err_code code = p.a ? postgres_transact(s, do_put, &p, e)
                             : err_set(e, ERR_INTERNAL, "out of memory");

    arena_free(p.a);
    return code;
}

/* ---- delete ---- */

struct deleting {
    int64_t collection;
    const int64_t *numbers;
    size_t n;
    int64_t *deleted;
};

static void ask_delete(struct pg_conn *c, const struct deleting *d)
{
    struct pg_args args = {0};
    struct buf numbers;

    pg_arg_i64(&args, d->collection);
    pg_ask(c, SQL_HOLD, &args);
    pg_array_init(&numbers, PG_INT8);
    for (size_t i = 0; i < d->n; i++)
        pg_array_i64(&numbers, d->numbers[i]);
    pg_arg_array(&args, PG_INT8_ARRAY, &numbers);
    pg_ask(c,
           "WITH gone AS (DELETE FROM records WHERE collection = $1"
           "  AND number = ANY($2) RETURNING 1)"
           " UPDATE collections SET count = count - g.n,"
           " generation = generation + (g.n > 0)::int"
           " FROM (SELECT count(*) AS n FROM gone) g WHERE number = $1"
           " RETURNING g.n",
           &args);
    buf_release(&numbers);
}

static enum err_code do_delete(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct deleting *d = ctx;
    PGresult *r;
    enum err_code code;

    ask_delete(c, d);
    code = pg_flush(c, e);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 0)
        code = record_no_collection(d->collection, e);
    postgres_lib.PQclear(r);
    if (code == ERR_NONE)
        code = pg_next(c, &r, e);
    if (code != ERR_NONE)
        return code;
    *d->deleted = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

enum err_code postgres_records_delete(struct store *s, int64_t collection,
                                      const int64_t *numbers, size_t n,
                                      int64_t *deleted, struct err *e)
{
    struct deleting d = {collection, numbers, n, deleted};

    *deleted = 0;
    return postgres_transact(s, do_delete, &d, e);
}

/* ---- sweep ---- */

struct sweeping {
    int64_t collection; /* 0: there is none any more, or others are at it */
    bool whole;         /* all of its records are gone */
};

static enum err_code ask_number(struct pg_conn *c, const char *sql,
                                const struct pg_args *args, int64_t *out,
                                struct err *e)
{
    PGresult *r;
    enum err_code code = postgres_ask(c, &r, sql, args, e);

    if (code != ERR_NONE)
        return code;
    *out = postgres_lib.PQntuples(r) ? pg_i64(r, 0, 0) : 0;
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code do_sweep(struct pg_conn *c, void *ctx, struct err *e)
{
    struct sweeping *w = ctx;
    struct pg_args piece = {0}, done = {0};
    int64_t removed = 0;
    enum err_code code = ask_number(c,
                                    "SELECT number FROM collections_gone"
                                    " LIMIT 1 FOR UPDATE SKIP LOCKED",
                                    NULL, &w->collection, e);

    w->whole = false;
    if (code != ERR_NONE || !w->collection)
        return code;
    pg_arg_i64(&piece, record_before_first(w->collection));
    pg_arg_i64(&piece, record_behind_last(w->collection));
    pg_arg_i64(&piece, SWEEP_PIECE);
    code = ask_number(
        c,
        "WITH gone AS (DELETE FROM records WHERE number = ANY(ARRAY("
        "  SELECT number FROM records WHERE number > $1 AND number < $2"
        "  ORDER BY number LIMIT $3)) RETURNING 1) SELECT count(*) FROM gone",
        &piece, &removed, e);
    w->whole = removed < SWEEP_PIECE;
    if (code != ERR_NONE || !w->whole)
        return code;
    pg_arg_i64(&done, w->collection);
    pg_do(c, "DELETE FROM collections_gone WHERE number = $1", &done);
    return ERR_NONE;
}

enum err_code postgres_records_sweep(struct store *s, int64_t *n, struct err *e)
{
    struct sweeping w = {.collection = 1};
    enum err_code code = ERR_NONE;

    *n = 0;
    while (w.collection && code == ERR_NONE) {
        code = postgres_transact(s, do_sweep, &w, e);
        *n += code == ERR_NONE && w.whole;
    }
    return code;
}
