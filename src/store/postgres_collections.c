/* postgres_collections.c - Chroma's tenants, databases and collections.
 *
 * Locks.  Who makes, renames or drops something in a database holds its row:
 * FOR KEY SHARE to make a collection, FOR UPDATE for the others.  So two
 * renames to one name cannot both find it free, and nothing is made in a
 * database that goes.  Who writes records holds the collection's row.
 */
#include <string.h>

#include "store/postgres_documents.h"
#include "store/postgres_records.h"

#define MAX_TRIES 5

/* ---- tenants ---- */

/* A statement that inserts a row unless it is there. */
static enum err_code insert_new(struct store *s, const char *sql,
                                const struct pg_args *args, const char *what,
                                struct slice name, struct err *e)
{
    PGresult *r;
    int64_t n;
    enum err_code code = postgres_query(s, &r, sql, args, e);

    if (code != ERR_NONE)
        return code;
    n = pg_changed(r);
    postgres_lib.PQclear(r);
    return n ? ERR_NONE
             : err_set(e, ERR_CONFLICT, "there is a %s '%.*s' already", what,
                       SLICE_ARG(name));
}

static enum err_code tenant_create(struct store *s, struct slice name,
                                   struct err *e)
{
    struct pg_args args = {0};

    pg_arg_text(&args, name);
    return insert_new(s,
                      "INSERT INTO tenants VALUES ($1) ON CONFLICT DO NOTHING",
                      &args, "tenant", name, e);
}

static enum err_code tenant_exists(struct store *s, struct slice name,
                                   bool *exists, struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_text(&args, name);
    code = postgres_query(s, &r, "SELECT 1 FROM tenants WHERE name = $1", &args,
                          e);
    if (code != ERR_NONE)
        return code;
    *exists = postgres_lib.PQntuples(r) > 0;
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

/* ---- databases ---- */

static enum err_code
database_create(struct store *s, const struct record_database *d, struct err *e)
{
    struct pg_args args = {0};

    pg_arg_text(&args, d->id);
    pg_arg_text(&args, d->tenant);
    pg_arg_text(&args, d->name);
    return insert_new(s,
                      "INSERT INTO databases(id, tenant, name)"
                      " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                      &args, "database", d->name, e);
}

static enum err_code no_database(struct slice name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no database '%.*s'", SLICE_ARG(name));
}

static void read_database(struct pg_row *w, void *element)
{
    struct record_database *d = element;

    d->id = pg_row_text(w);
    d->tenant = pg_row_text(w);
    d->name = pg_row_text(w);
}

static enum err_code database_get(struct store *s, struct arena *a,
                                  struct slice tenant, struct slice name,
                                  struct record_database *out, struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    pg_arg_text(&args, tenant);
    pg_arg_text(&args, name);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql = "SELECT id, tenant, name FROM databases"
                                   " WHERE tenant = $1 AND name = $2",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = read_database},
        out, &found, e);
    return code == ERR_NONE && !found ? no_database(name, e) : code;
}

static enum err_code databases_list(struct store *s, struct arena *a,
                                    struct slice tenant, int64_t offset,
                                    int limit, struct record_database **out,
                                    size_t *n, int64_t *count, struct err *e)
{
    struct pg_args args = {0}, count_args = {0};

    pg_arg_text(&count_args, tenant);
    pg_arg_text(&args, tenant);
    pg_arg_i64(&args, limit);
    pg_arg_i64(&args, offset);
    return postgres_select(
        s, a,
        &(struct pg_select){
            .sql = "SELECT id, tenant, name FROM databases WHERE tenant = $1"
                   " ORDER BY name LIMIT $2 OFFSET $3",
            .args = &args,
            .count_sql = "SELECT count(*) FROM databases WHERE tenant = $1",
            .count_args = &count_args,
            .size = sizeof(**out),
            .read = read_database},
        out, n, count, e);
}

/* The number of a database, 0 if there is none; its row is held. */
static enum err_code hold_database(struct pg_conn *c, const char *sql,
                                   struct slice tenant, struct slice name,
                                   int64_t *number, struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_text(&args, tenant);
    pg_arg_text(&args, name);
    code = postgres_ask(c, &r, sql, &args, e);
    if (code != ERR_NONE)
        return code;
    *number = postgres_lib.PQntuples(r) ? pg_i64(r, 0, 0) : 0;
    postgres_lib.PQclear(r);
    return *number ? ERR_NONE : no_database(name, e);
}

struct dropping {
    struct slice tenant, name;
};

static enum err_code do_drop_database(struct pg_conn *c, void *ctx,
                                      struct err *e)
{
    const struct dropping *d = ctx;
    struct pg_args args = {0};
    int64_t number = 0;
    enum err_code code = hold_database(
        c,
        "SELECT number FROM databases WHERE tenant = $1 AND name = $2"
        " FOR UPDATE",
        d->tenant, d->name, &number, e);

    if (code != ERR_NONE)
        return code;
    pg_arg_i64(&args, number);
    pg_do(c,
          "WITH gone AS (DELETE FROM collections WHERE database = $1"
          " RETURNING number)"
          " INSERT INTO collections_gone SELECT number FROM gone",
          &args);
    pg_do(c, "DELETE FROM databases WHERE number = $1", &args);
    return ERR_NONE;
}

static enum err_code database_delete(struct store *s, struct slice tenant,
                                     struct slice name, struct err *e)
{
    struct dropping d = {tenant, name};

    return postgres_transact(s, do_drop_database, &d, e);
}

/* ---- collections ---- */

#define SELECT_COLLECTIONS                                                     \
    "SELECT c.number, c.id, c.name, d.tenant, d.name, c.metadata,"             \
    " c.configuration, c.dim, c.created_at, c.generation, c.count, c.given"    \
    " FROM collections c JOIN databases d ON d.number = c.database"
#define BY_NAME " WHERE d.tenant = $1 AND d.name = $2 AND c.name = $3"

static void read_collection(struct pg_row *w, void *element)
{
    struct record_collection *out = element;
    int64_t generation, count;

    out->number = pg_row_i64(w);
    out->id = pg_row_text(w);
    out->name = pg_row_text(w);
    out->tenant = pg_row_text(w);
    out->database = pg_row_text(w);
    out->metadata = pg_row_text_or_none(w);
    out->configuration = pg_row_text(w);
    out->dim = (int)pg_row_i64(w);
    out->created_at = pg_row_i64(w);
    generation = pg_row_i64(w);
    count = pg_row_i64(w);
    out->state = record_state(generation, count, pg_row_i64(w));
}

static enum err_code no_collection(struct slice name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no collection '%.*s'", SLICE_ARG(name));
}

struct creating {
    const struct record_collection *in;
    struct record_collection *out;
    struct arena *a;
    int64_t database;
    bool existing;
};

static void arg_place(struct pg_args *args, const struct record_collection *in)
{
    pg_arg_text(args, in->tenant);
    pg_arg_text(args, in->database);
    pg_arg_text(args, in->name);
}

static enum err_code find_existing(struct pg_conn *c, struct creating *n,
                                   bool *found, struct err *e)
{
    struct pg_args args = {0};
    struct pg_row w = {.a = n->a};
    PGresult *r;
    enum err_code code;

    arg_place(&args, n->in);
    code = postgres_ask(c, &r, SELECT_COLLECTIONS BY_NAME, &args, e);
    if (code != ERR_NONE)
        return code;
    w.r = r;
    *found = postgres_lib.PQntuples(r) > 0;
    if (*found)
        read_collection(&w, n->out);
    postgres_lib.PQclear(r);
    return pg_row_end(&w, e);
}

/* *number: of the new one, 0: another one is in its way. */
static enum err_code insert_collection(struct pg_conn *c,
                                       const struct creating *n,
                                       int64_t *number, struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_text(&args, n->in->id);
    pg_arg_i64(&args, n->database);
    pg_arg_text(&args, n->in->name);
    pg_arg_text_or_null(&args, n->in->metadata);
    pg_arg_text(&args, n->in->configuration);
    pg_arg_i64(&args, n->in->created_at);
    code = postgres_ask(
        c, &r,
        "INSERT INTO collections(id, database, name, metadata, configuration,"
        " dim, created_at) VALUES ($1, $2, $3, $4, $5, 0, $6)"
        " ON CONFLICT DO NOTHING RETURNING number",
        &args, e);
    if (code != ERR_NONE)
        return code;
    *number = postgres_lib.PQntuples(r) ? pg_i64(r, 0, 0) : 0;
    postgres_lib.PQclear(r);
    return record_check_collection(*number, e);
}

/* It is looked for first: an insertion that meets another one uses up a number.
 * Who is in the way under this name is found the next time, unless it has gone
 * again; who never is found has the id. */
static enum err_code do_create(struct pg_conn *c, void *ctx, struct err *e)
{
    struct creating *n = ctx;
    bool found = false, inserted = false;
    enum err_code code = hold_database(
        c,
        "SELECT number FROM databases WHERE tenant = $1 AND name = $2"
        " FOR KEY SHARE",
        n->in->tenant, n->in->database, &n->database, e);

    for (int i = 0; i < MAX_TRIES && code == ERR_NONE; i++) {
        int64_t number = 0;

        code = find_existing(c, n, &found, e);
        if (code != ERR_NONE || found)
            break;
        code = insert_collection(c, n, &number, e);
        inserted |= number != 0;
    }
    if (code == ERR_NONE && !found)
        code = err_set(e, ERR_CONFLICT,
                       "there is a collection with the id '%.*s' already",
                       SLICE_ARG(n->in->id));
    n->existing = !inserted;
    return code;
}

static enum err_code collection_create(struct store *s, struct arena *a,
                                       const struct record_collection *in,
                                       struct record_collection *out,
                                       bool *existing, struct err *e)
{
    struct creating n = {.in = in, .out = out, .a = a};
    enum err_code code = postgres_transact(s, do_create, &n, e);

    *existing = n.existing;
    return code;
}

/* The one that sql finds with these arguments. */
static enum err_code one_collection(struct store *s, struct arena *a,
                                    const char *sql, const struct pg_args *args,
                                    struct slice name,
                                    struct record_collection *out,
                                    struct err *e)
{
    bool found = false;
    enum err_code code =
        postgres_select_one(s, a,
                            &(struct pg_select){.sql = sql,
                                                .args = args,
                                                .size = sizeof(*out),
                                                .read = read_collection},
                            out, &found, e);

    return code == ERR_NONE && !found ? no_collection(name, e) : code;
}

static enum err_code collection_get(struct store *s, struct arena *a,
                                    struct slice id,
                                    struct record_collection *out,
                                    struct err *e)
{
    struct pg_args args = {0};

    pg_arg_text(&args, id);
    return one_collection(s, a, SELECT_COLLECTIONS " WHERE c.id = $1", &args,
                          id, out, e);
}

static enum err_code collection_find(struct store *s, struct arena *a,
                                     struct slice tenant, struct slice database,
                                     struct slice name,
                                     struct record_collection *out,
                                     struct err *e)
{
    struct record_collection in = {
        .tenant = tenant, .database = database, .name = name};
    struct pg_args args = {0};

    arg_place(&args, &in);
    return one_collection(s, a, SELECT_COLLECTIONS BY_NAME, &args, name, out,
                          e);
}

#define OF_DATABASE                                                            \
    " WHERE c.database = (SELECT number FROM databases"                        \
    " WHERE tenant = $1 AND name = $2)"

static enum err_code collections_list(struct store *s, struct arena *a,
                                      struct slice tenant,
                                      struct slice database, int64_t offset,
                                      int limit, struct record_collection **out,
                                      size_t *n, int64_t *count, struct err *e)
{
    struct pg_args args = {0}, count_args = {0};

    pg_arg_text(&args, tenant);
    pg_arg_text(&args, database);
    count_args = args;
    pg_arg_i64(&args, limit);
    pg_arg_i64(&args, offset);
    return postgres_select(
        s, a,
        &(struct pg_select){
            .sql = SELECT_COLLECTIONS OF_DATABASE
            " ORDER BY c.number LIMIT $3 OFFSET $4",
            .args = &args,
            .count_sql = "SELECT count(*) FROM collections c" OF_DATABASE,
            .count_args = &count_args,
            .size = sizeof(**out),
            .read = read_collection},
        out, n, count, e);
}

/* ---- modify and delete ---- */

struct modifying {
    int64_t number;
    const struct collection_change *change;
};

/* Holds the database, so that nobody takes the name afterwards. */
static enum err_code check_name(struct pg_conn *c, const struct modifying *m,
                                struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&args, m->number);
    pg_do(c,
          "SELECT d.number FROM databases d JOIN collections c"
          " ON c.database = d.number WHERE c.number = $1 FOR UPDATE OF d",
          &args);
    pg_arg_text(&args, m->change->name);
    code = postgres_ask(c, &r,
                        "SELECT 1 FROM collections WHERE name = $2"
                        " AND number <> $1 AND database ="
                        " (SELECT database FROM collections WHERE number = $1)",
                        &args, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r))
        code = err_set(e, ERR_CONFLICT, "there is a collection '%.*s' already",
                       SLICE_ARG(m->change->name));
    postgres_lib.PQclear(r);
    return code;
}

static enum err_code do_modify(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct modifying *m = ctx;
    const struct collection_change *ch = m->change;
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code = ch->name.len ? check_name(c, m, e) : ERR_NONE;

    if (code != ERR_NONE)
        return code;
    pg_arg_i64(&args, m->number);
    pg_arg_text_or_null(&args, ch->name.len ? ch->name : SLICE_NONE);
    pg_arg_bool(&args, ch->set_metadata);
    pg_arg_text_or_null(&args, ch->metadata);
    pg_arg_bool(&args, ch->set_configuration);
    pg_arg_text(&args, ch->configuration);
    code = postgres_ask(
        c, &r,
        "UPDATE collections SET name = coalesce($2, name),"
        " metadata = CASE WHEN $3 THEN $4 ELSE metadata END,"
        " configuration = CASE WHEN $5 THEN $6 ELSE configuration END"
        " WHERE number = $1",
        &args, e);
    if (code != ERR_NONE)
        return code;
    if (pg_changed(r) == 0)
        code = record_no_collection(m->number, e);
    postgres_lib.PQclear(r);
    return code;
}

static enum err_code collection_modify(struct store *s, int64_t number,
                                       const struct collection_change *change,
                                       struct err *e)
{
    struct modifying m = {number, change};

    return postgres_transact(s, do_modify, &m, e);
}

static enum err_code collection_delete(struct store *s, int64_t number,
                                       struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    int64_t n;
    enum err_code code;

    pg_arg_i64(&args, number);
    code =
        postgres_query(s, &r,
                       "WITH gone AS (DELETE FROM collections WHERE number = $1"
                       " RETURNING number)"
                       " INSERT INTO collections_gone SELECT number FROM gone",
                       &args, e);
    if (code != ERR_NONE)
        return code;
    n = pg_changed(r);
    postgres_lib.PQclear(r);
    return n ? ERR_NONE : record_no_collection(number, e);
}

static enum err_code do_reset(struct pg_conn *c, void *ctx, struct err *e)
{
    (void)ctx;
    (void)e;
    pg_do(c, "SELECT number FROM databases ORDER BY number FOR UPDATE", NULL);
    pg_do(c,
          "WITH gone AS (DELETE FROM collections RETURNING number)"
          " INSERT INTO collections_gone SELECT number FROM gone",
          NULL);
    pg_do(c,
          "DELETE FROM databases WHERE tenant <> '" DEFAULT_TENANT
          "' OR name <> '" DEFAULT_DATABASE "'",
          NULL);
    pg_do(c, "DELETE FROM tenants WHERE name <> '" DEFAULT_TENANT "'", NULL);
    pg_do(c,
          "INSERT INTO tenants VALUES ('" DEFAULT_TENANT "')"
          " ON CONFLICT DO NOTHING",
          NULL);
    pg_do(c,
          "INSERT INTO databases(id, tenant, name) VALUES"
          " ('00000000-0000-0000-0000-000000000000', '" DEFAULT_TENANT
          "', '" DEFAULT_DATABASE "') ON CONFLICT DO NOTHING",
          NULL);
    return ERR_NONE;
}

static enum err_code reset(struct store *s, struct err *e)
{
    return postgres_transact(s, do_reset, NULL, e);
}

const struct record_ops postgres_record_ops = {
    .tenant_create = tenant_create,
    .tenant_exists = tenant_exists,
    .database_create = database_create,
    .database_get = database_get,
    .databases_list = databases_list,
    .database_delete = database_delete,
    .collection_create = collection_create,
    .collection_get = collection_get,
    .collection_find = collection_find,
    .collections_list = collections_list,
    .collection_modify = collection_modify,
    .collection_delete = collection_delete,
    .sweep = postgres_records_sweep,
    .reset = reset,
    .put = postgres_records_put,
    .delete_records = postgres_records_delete,
    .find = postgres_records_find,
    .get = postgres_records_get,
    .list = postgres_records_list,
    .each = postgres_records_each,
    .present = postgres_records_present,
};
