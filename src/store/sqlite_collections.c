/* sqlite_collections.c - Chroma's tenants, databases and collections.
 *
 * A collection that is deleted leaves its number in collections_gone, in the
 * same commit; its records are removed afterwards (sqlite_records_sweep), for
 * that of many takes longer than others should wait for the writer.
 */
#include <string.h>

#include "store/sqlite_records.h"

/* ---- tenants ---- */

static enum err_code do_tenant(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    const struct slice *name = ctx;
    int64_t changed = 0;
    struct query q;
    enum err_code code;

    (void)s;
    q_start(&q, c, "INSERT INTO tenants VALUES (?) ON CONFLICT DO NOTHING");
    q_text(&q, *name);
    code = q_run(&q, &changed, e);
    return code == ERR_NONE && !changed
               ? err_set(e, ERR_CONFLICT, "there is a tenant '%.*s' already",
                         SLICE_ARG(*name))
               : code;
}

static enum err_code tenant_create(struct store *s, struct slice name,
                                   struct err *e)
{
    return writer_run(sqlite_downcast(s), do_tenant, &name, e);
}

static enum err_code tenant_exists(struct store *base, struct slice name,
                                   bool *exists, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    int64_t there = 0;
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT 1 FROM tenants WHERE name = ?");
    q_text(&q, name);
    code = q_one_int(&q, 0, &there, e);
    db_put(s, c);
    *exists = there != 0;
    return code;
}

/* ---- databases ---- */

static enum err_code do_database(struct sqlite_store *s, struct db *c,
                                 void *ctx, struct err *e)
{
    const struct record_database *d = ctx;
    int64_t changed = 0;
    struct query q;
    enum err_code code;

    (void)s;
    q_start(&q, c,
            "INSERT INTO databases(id, tenant, name) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING");
    q_text(&q, d->id);
    q_text(&q, d->tenant);
    q_text(&q, d->name);
    code = q_run(&q, &changed, e);
    return code == ERR_NONE && !changed
               ? err_set(e, ERR_CONFLICT, "there is a database '%.*s' already",
                         SLICE_ARG(d->name))
               : code;
}

static enum err_code
database_create(struct store *s, const struct record_database *d, struct err *e)
{
    struct record_database copy = *d;

    return writer_run(sqlite_downcast(s), do_database, &copy, e);
}

static enum err_code no_database(struct slice name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no database '%.*s'", SLICE_ARG(name));
}

static void read_database(struct query *q, struct arena *a, void *row)
{
    struct record_database *d = row;

    d->id = q_get_text(q, a);
    d->tenant = q_get_text(q, a);
    d->name = q_get_text(q, a);
}

static enum err_code database_get(struct store *base, struct arena *a,
                                  struct slice tenant, struct slice name,
                                  struct record_database *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(*out)};
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT id, tenant, name FROM databases"
            " WHERE tenant = ? AND name = ?");
    q_text(&q, tenant);
    q_text(&q, name);
    code = q_rows(&q, &rows, read_database, e);
    db_put(s, c);
    if (code == ERR_NONE && rows.n == 0)
        return no_database(name, e);
    if (code == ERR_NONE)
        memcpy(out, rows.p, sizeof(*out));
    return code;
}

static enum err_code databases_list(struct store *base, struct arena *a,
                                    struct slice tenant, int64_t offset,
                                    int limit, struct record_database **out,
                                    size_t *n, int64_t *count, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(**out)};
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT count(*) FROM databases WHERE tenant = ?");
    q_text(&q, tenant);
    code = q_one_int(&q, 0, count, e);
    if (code == ERR_NONE) {
        q_start(&q, c,
                "SELECT id, tenant, name FROM databases WHERE tenant = ?"
                " ORDER BY name LIMIT ? OFFSET ?");
        q_text(&q, tenant);
        q_int(&q, limit);
        q_int(&q, offset);
        code = q_rows(&q, &rows, read_database, e);
    }
    db_put(s, c);
    *out = (struct record_database *)(void *)rows.p;
    *n = rows.n;
    return code;
}

/* 0: there is none. */
static enum err_code find_database(struct db *c, struct slice tenant,
                                   struct slice name, int64_t *number,
                                   struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT number FROM databases WHERE tenant = ? AND name = ?");
    q_text(&q, tenant);
    q_text(&q, name);
    return q_one_int(&q, 0, number, e);
}

/* Run a statement that takes one number. */
static enum err_code with_number(struct db *c, const char *sql, int64_t number,
                                 int64_t *changed, struct err *e)
{
    struct query q;

    q_start(&q, c, sql);
    q_int(&q, number);
    return q_run(&q, changed, e);
}

struct dropping {
    struct slice tenant, name;
};

static enum err_code do_drop_database(struct sqlite_store *s, struct db *c,
                                      void *ctx, struct err *e)
{
    const struct dropping *d = ctx;
    int64_t number = 0;
    enum err_code code = find_database(c, d->tenant, d->name, &number, e);

    (void)s;
    if (code == ERR_NONE && !number)
        return no_database(d->name, e);
    if (code == ERR_NONE)
        code = with_number(c,
                           "INSERT INTO collections_gone SELECT number"
                           " FROM collections WHERE database = ?",
                           number, NULL, e);
    if (code == ERR_NONE)
        code = with_number(c, "DELETE FROM collections WHERE database = ?",
                           number, NULL, e);
    return code == ERR_NONE
               ? with_number(c, "DELETE FROM databases WHERE number = ?",
                             number, NULL, e)
               : code;
}

static enum err_code database_delete(struct store *s, struct slice tenant,
                                     struct slice name, struct err *e)
{
    struct dropping d = {tenant, name};

    return writer_run(sqlite_downcast(s), do_drop_database, &d, e);
}

/* ---- collections ---- */

#define SELECT_COLLECTIONS                                                     \
    "SELECT c.number, c.id, c.name, d.tenant, d.name, c.metadata,"             \
    " c.configuration, c.dim, c.created_at, c.generation, c.count, c.given"    \
    " FROM collections c JOIN databases d ON d.number = c.database"

static void read_collection(struct query *q, struct arena *a, void *row)
{
    struct record_collection *out = row;
    int64_t generation, count;

    out->number = q_get_int(q);
    out->id = q_get_text(q, a);
    out->name = q_get_text(q, a);
    out->tenant = q_get_text(q, a);
    out->database = q_get_text(q, a);
    out->metadata = q_get_text_or_none(q, a);
    out->configuration = q_get_text(q, a);
    out->dim = (int)q_get_int(q);
    out->created_at = q_get_int(q);
    generation = q_get_int(q);
    count = q_get_int(q);
    out->state = record_state(generation, count, q_get_int(q));
}

/* The one collection that q finds; *found false: none. */
static enum err_code one_collection(struct query *q, struct arena *a,
                                    struct record_collection *out, bool *found,
                                    struct err *e)
{
    struct rows rows = {.a = a, .size = sizeof(*out)};
    enum err_code code = q_rows(q, &rows, read_collection, e);

    *found = code == ERR_NONE && rows.n;
    if (*found)
        memcpy(out, rows.p, sizeof(*out));
    return code;
}

static enum err_code no_collection(struct slice name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no collection '%.*s'", SLICE_ARG(name));
}

struct creating {
    const struct record_collection *in;
    struct record_collection *out;
    struct arena *a;
    bool existing;
};

static enum err_code find_collection(struct db *c, const struct creating *n,
                                     bool *found, struct err *e)
{
    struct query q;

    q_start(&q, c,
            SELECT_COLLECTIONS
            " WHERE d.tenant = ? AND d.name = ? AND c.name = ?");
    q_text(&q, n->in->tenant);
    q_text(&q, n->in->database);
    q_text(&q, n->in->name);
    return one_collection(&q, n->a, n->out, found, e);
}

static enum err_code insert_collection(struct db *c, const struct creating *n,
                                       int64_t database, struct err *e)
{
    const struct record_collection *in = n->in;
    int64_t changed = 0;
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "INSERT INTO collections(id, database, name, metadata,"
            " configuration, dim, created_at) VALUES (?, ?, ?, ?, ?, 0, ?)"
            " ON CONFLICT DO NOTHING");
    q_text(&q, in->id);
    q_int(&q, database);
    q_text(&q, in->name);
    q_text_or_null(&q, in->metadata);
    q_text(&q, in->configuration);
    q_int(&q, in->created_at);
    code = q_run(&q, &changed, e);
    if (code == ERR_NONE && !changed)
        return err_set(e, ERR_CONFLICT,
                       "there is a collection with the id '%.*s' already",
                       SLICE_ARG(in->id));
    return code == ERR_NONE
               ? record_check_collection(sqlite3_last_insert_rowid(c->db), e)
               : code;
}

static enum err_code do_create(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    struct creating *n = ctx;
    int64_t database = 0;
    bool found;
    enum err_code code =
        find_database(c, n->in->tenant, n->in->database, &database, e);

    (void)s;
    if (code == ERR_NONE && !database)
        return no_database(n->in->database, e);
    if (code == ERR_NONE)
        code = find_collection(c, n, &n->existing, e);
    if (code != ERR_NONE || n->existing)
        return code;
    code = insert_collection(c, n, database, e);
    return code == ERR_NONE ? find_collection(c, n, &found, e) : code;
}

static enum err_code collection_create(struct store *s, struct arena *a,
                                       const struct record_collection *in,
                                       struct record_collection *out,
                                       bool *existing, struct err *e)
{
    struct creating n = {.in = in, .out = out, .a = a};
    enum err_code code = writer_run(sqlite_downcast(s), do_create, &n, e);

    *existing = n.existing;
    return code;
}

static enum err_code collection_get(struct store *base, struct arena *a,
                                    struct slice id,
                                    struct record_collection *out,
                                    struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    bool found;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, SELECT_COLLECTIONS " WHERE c.id = ?");
    q_text(&q, id);
    code = one_collection(&q, a, out, &found, e);
    db_put(s, c);
    return code == ERR_NONE && !found ? no_collection(id, e) : code;
}

static enum err_code collection_find(struct store *base, struct arena *a,
                                     struct slice tenant, struct slice database,
                                     struct slice name,
                                     struct record_collection *out,
                                     struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct record_collection in = {
        .tenant = tenant, .database = database, .name = name};
    struct creating n = {.in = &in, .out = out, .a = a};
    struct db *c;
    bool found;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    code = find_collection(c, &n, &found, e);
    db_put(s, c);
    return code == ERR_NONE && !found ? no_collection(name, e) : code;
}

static enum err_code collections_list(struct store *base, struct arena *a,
                                      struct slice tenant,
                                      struct slice database, int64_t offset,
                                      int limit, struct record_collection **out,
                                      size_t *n, int64_t *count, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(**out)};
    int64_t number = 0;
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = find_database(c, tenant, database, &number, e);
    if (code == ERR_NONE) {
        q_start(&q, c, "SELECT count(*) FROM collections WHERE database = ?");
        q_int(&q, number);
        code = q_one_int(&q, 0, count, e);
    }
    if (code == ERR_NONE) {
        q_start(&q, c,
                SELECT_COLLECTIONS
                " WHERE c.database = ? ORDER BY c.number LIMIT ? OFFSET ?");
        q_int(&q, number);
        q_int(&q, limit);
        q_int(&q, offset);
        code = q_rows(&q, &rows, read_collection, e);
    }
    db_put(s, c);
    *out = (struct record_collection *)(void *)rows.p;
    *n = rows.n;
    return code;
}

/* ---- modify and delete ---- */

struct modifying {
    int64_t number;
    const struct collection_change *change;
};

static enum err_code check_name(struct db *c, const struct modifying *m,
                                struct err *e)
{
    int64_t taken = 0;
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "SELECT 1 FROM collections WHERE name = ?1 AND number <> ?2"
            " AND database = (SELECT database FROM collections"
            "  WHERE number = ?2)");
    q_text(&q, m->change->name);
    q_int(&q, m->number);
    code = q_one_int(&q, 0, &taken, e);
    return code == ERR_NONE && taken
               ? err_set(e, ERR_CONFLICT,
                         "there is a collection '%.*s' already",
                         SLICE_ARG(m->change->name))
               : code;
}

static enum err_code do_modify(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    const struct modifying *m = ctx;
    const struct collection_change *ch = m->change;
    int64_t changed = 0;
    struct query q;
    enum err_code code = ch->name.len ? check_name(c, m, e) : ERR_NONE;

    (void)s;
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "UPDATE collections SET name = iif(?, ?, name),"
            " metadata = iif(?, ?, metadata),"
            " configuration = iif(?, ?, configuration) WHERE number = ?");
    q_int(&q, ch->name.len > 0);
    q_text(&q, ch->name);
    q_int(&q, ch->set_metadata);
    q_text_or_null(&q, ch->metadata);
    q_int(&q, ch->set_configuration);
    q_text(&q, ch->configuration);
    q_int(&q, m->number);
    code = q_run(&q, &changed, e);
    return code == ERR_NONE && !changed ? record_no_collection(m->number, e)
                                        : code;
}

static enum err_code collection_modify(struct store *s, int64_t number,
                                       const struct collection_change *change,
                                       struct err *e)
{
    struct modifying m = {number, change};

    return writer_run(sqlite_downcast(s), do_modify, &m, e);
}

static enum err_code do_delete(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    const int64_t *number = ctx;
    int64_t changed = 0;
    enum err_code code = with_number(
        c, "DELETE FROM collections WHERE number = ?", *number, &changed, e);

    (void)s;
    if (code == ERR_NONE && !changed)
        return record_no_collection(*number, e);
    return code == ERR_NONE
               ? with_number(c, "INSERT INTO collections_gone VALUES (?)",
                             *number, NULL, e)
               : code;
}

static enum err_code collection_delete(struct store *s, int64_t number,
                                       struct err *e)
{
    return writer_run(sqlite_downcast(s), do_delete, &number, e);
}

static enum err_code do_reset(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    (void)s;
    (void)ctx;
    return db_exec(c,
                   "INSERT INTO collections_gone SELECT number"
                   " FROM collections;"
                   "DELETE FROM collections;"
                   "DELETE FROM databases WHERE tenant <> '" DEFAULT_TENANT
                   "' OR name <> '" DEFAULT_DATABASE "';"
                   "DELETE FROM tenants WHERE name <> '" DEFAULT_TENANT "';"
                   "INSERT INTO tenants VALUES ('" DEFAULT_TENANT "')"
                   " ON CONFLICT DO NOTHING;"
                   "INSERT INTO databases(id, tenant, name) VALUES"
                   " ('00000000-0000-0000-0000-000000000000',"
                   " '" DEFAULT_TENANT "', '" DEFAULT_DATABASE "')"
                   " ON CONFLICT DO NOTHING;",
                   e);
}

static enum err_code reset(struct store *s, struct err *e)
{
    return writer_run(sqlite_downcast(s), do_reset, NULL, e);
}

const struct record_ops sqlite_record_ops = {
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
    .sweep = sqlite_records_sweep,
    .reset = reset,
    .put = sqlite_records_put,
    .delete_records = sqlite_records_delete,
    .find = sqlite_records_find,
    .get = sqlite_records_get,
    .list = sqlite_records_list,
    .each = sqlite_records_each,
    .present = sqlite_records_present,
};
