/* store_records.c - the public calls of records.h (store_front.h). */
#include "store/records.h"

#include "base/log.h"
#include "store/store_front.h"

enum err_code store_tenant_create(struct store *s, struct slice name,
                                  struct err *e)
{
    CHECK(args_record_name("name", name, e));
    RUN(s, tenant_create, s->ops->records->tenant_create(s, name, e));
}

enum err_code store_tenant_exists(struct store *s, struct slice name,
                                  bool *exists, struct err *e)
{
    CHECK(args_text("tenant", name, e));
    RUN(s, tenant_exists, s->ops->records->tenant_exists(s, name, exists, e));
}

enum err_code store_database_create(struct store *s,
                                    const struct record_database *d,
                                    struct err *e)
{
    CHECK(args_record_id(d->id, e));
    CHECK(args_record_name("tenant", d->tenant, e));
    CHECK(args_record_name("name", d->name, e));
    RUN(s, database_create, s->ops->records->database_create(s, d, e));
}

enum err_code store_database_get(struct store *s, struct arena *a,
                                 struct slice tenant, struct slice name,
                                 struct record_database *out, struct err *e)
{
    CHECK(args_text("tenant", tenant, e));
    CHECK(args_text("database", name, e));
    RUN(s, database_get,
        s->ops->records->database_get(s, a, tenant, name, out, e));
}

enum err_code store_databases_list(struct store *s, struct arena *a,
                                   struct slice tenant, int64_t offset,
                                   int limit, struct record_database **out,
                                   size_t *n, int64_t *count, struct err *e)
{
    CHECK(args_text("tenant", tenant, e));
    CHECK(args_page(offset, limit, e));
    RUN(s, databases_list,
        s->ops->records->databases_list(s, a, tenant, offset, limit, out, n,
                                        count, e));
}

/* After a deletion that is committed: what this leaves is swept the next time.
 */
static void sweep(struct store *s)
{
    struct err err = {0};
    int64_t n;

    if (store_records_sweep(s, &n, &err) != ERR_NONE)
        log_warn("store", "records of a deleted collection are still there",
                 LOG_S("error", err.msg));
}

enum err_code store_database_delete(struct store *s, struct slice tenant,
                                    struct slice name, struct err *e)
{
    CHECK(args_text("tenant", tenant, e));
    CHECK(args_text("database", name, e));
    CALL(s, database_delete,
         s->ops->records->database_delete(s, tenant, name, e));
    if (code_ == ERR_NONE)
        sweep(s);
    return code_;
}

enum err_code store_collection_create(struct store *s, struct arena *a,
                                      const struct record_collection *in,
                                      struct record_collection *out,
                                      bool *existing, struct err *e)
{
    CHECK(args_record_collection(in, e));
    RUN(s, collection_create,
        s->ops->records->collection_create(s, a, in, out, existing, e));
}

enum err_code store_collection_get(struct store *s, struct arena *a,
                                   struct slice id,
                                   struct record_collection *out, struct err *e)
{
    CHECK(args_text("collection", id, e));
    RUN(s, collection_get, s->ops->records->collection_get(s, a, id, out, e));
}

enum err_code store_collection_find(struct store *s, struct arena *a,
                                    struct slice tenant, struct slice database,
                                    struct slice name,
                                    struct record_collection *out,
                                    struct err *e)
{
    CHECK(args_text("tenant", tenant, e));
    CHECK(args_text("database", database, e));
    CHECK(args_text("collection", name, e));
    RUN(s, collection_find,
        s->ops->records->collection_find(s, a, tenant, database, name, out, e));
}

enum err_code store_collections_list(struct store *s, struct arena *a,
                                     struct slice tenant, struct slice database,
                                     int64_t offset, int limit,
                                     struct record_collection **out, size_t *n,
                                     int64_t *count, struct err *e)
{
    CHECK(args_text("tenant", tenant, e));
    CHECK(args_text("database", database, e));
    CHECK(args_page(offset, limit, e));
    RUN(s, collections_list,
        s->ops->records->collections_list(s, a, tenant, database, offset, limit,
                                          out, n, count, e));
}

enum err_code store_collection_modify(struct store *s, int64_t number,
                                      const struct collection_change *change,
                                      struct err *e)
{
    CHECK(args_collection_change(change, e));
    RUN(s, collection_modify,
        s->ops->records->collection_modify(s, number, change, e));
}

enum err_code store_collection_delete(struct store *s, int64_t number,
                                      struct err *e)
{
    CALL(s, collection_delete,
         s->ops->records->collection_delete(s, number, e));
    if (code_ == ERR_NONE)
        sweep(s);
    return code_;
}

enum err_code store_records_sweep(struct store *s, int64_t *n, struct err *e)
{
    RUN(s, records_sweep, s->ops->records->sweep(s, n, e));
}

enum err_code store_records_reset(struct store *s, struct err *e)
{
    CALL(s, records_reset, s->ops->records->reset(s, e));
    if (code_ == ERR_NONE)
        sweep(s);
    return code_;
}

enum err_code store_records_put(struct store *s, int64_t collection,
                                const struct record_batch *b,
                                struct records_state *state, struct err *e)
{
    CHECK(args_record_batch(b, e));
    RUN(s, records_put, s->ops->records->put(s, collection, b, state, e));
}

enum err_code store_records_delete(struct store *s, int64_t collection,
                                   const int64_t *numbers, size_t n,
                                   int64_t *deleted, struct err *e)
{
    CHECK(args_record_count(n, e));
    RUN(s, records_delete,
        s->ops->records->delete_records(s, collection, numbers, n, deleted, e));
}

enum err_code store_records_find(struct store *s, int64_t collection,
                                 const struct slice *ids, size_t n,
                                 int64_t *out, struct err *e)
{
    CHECK(args_record_count(n, e));
    for (size_t i = 0; i < n; i++)
        CHECK(args_text("ids", ids[i], e));
    RUN(s, records_find, s->ops->records->find(s, collection, ids, n, out, e));
}

enum err_code store_records_get(struct store *s, struct arena *a,
                                int64_t collection, const int64_t *numbers,
                                size_t n, unsigned fields, struct record **out,
                                size_t *n_out, struct err *e)
{
    CHECK(args_record_count(n, e));
    RUN(s, records_get,
        s->ops->records->get(s, a, collection, numbers, n, fields, out, n_out,
                             e));
}

enum err_code store_records_list(struct store *s, struct arena *a,
                                 int64_t collection, int64_t after,
                                 int64_t offset, int limit, unsigned fields,
                                 struct record **out, size_t *n, struct err *e)
{
    CHECK(args_page(offset, limit, e));
    RUN(s, records_list,
        s->ops->records->list(s, a, collection, after, offset, limit, fields,
                              out, n, e));
}

enum err_code store_records_each(
    struct store *s, int64_t collection, uint64_t since, unsigned fields,
    enum err_code (*each)(void *ctx, const struct record *r, struct err *e),
    void *ctx, struct records_state *state, struct err *e)
{
    RUN(s, records_each,
        s->ops->records->each(s, collection, since, fields, each, ctx, state,
                              e));
}

enum err_code store_records_present(struct store *s, int64_t collection,
                                    int64_t **out, size_t *n, struct err *e)
{
    RUN(s, records_present, s->ops->records->present(s, collection, out, n, e));
}
