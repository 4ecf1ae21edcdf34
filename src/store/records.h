/* records.h - store area: collections of records, as Chroma has them.
 *
 * A tenant has databases, a database has collections, a collection has records:
 * a vector under a text id, with a document, a uri and metadata where they were
 * given.  Words and rules are Chroma's; what it answers over HTTP is made in
 * src/chroma/.  Our own collections (chunks of documents, papers) are not here.
 *
 * Collections and records have numbers, which ascend and are never used again,
 * so that a number that is kept outside either means the same or nothing.
 * Numbers of records are unique over all collections.
 *
 * An index in memory follows a collection by its generation:
 *
 *     store_records_each(since)   what was added or changed, and the state (a
 *                                 moment before it): its generation is `since`
 *                                 next time
 *     store_records_present()     only if state.removed is not what it was the
 *                                 last time: the index drops all others
 *
 * See store.h for errors, ownership and threads.
 */
#ifndef STORE_RECORDS_H
#define STORE_RECORDS_H

#include "store/store.h"

#define DEFAULT_TENANT "default_tenant"
#define DEFAULT_DATABASE "default_database"

/* Limits; more is ERR_INVALID, ERR_TOO_LARGE for the first. */
#define RECORDS_MAX_BATCH 10000 /* records, ids or numbers a call */
#define RECORDS_MAX_DIM 4096
#define RECORDS_MAX_NAME 1024 /* bytes of a name; of a record's id and uri */
#define RECORDS_MAX_URI ((size_t)64 << 10)
#define RECORDS_MAX_METADATA ((size_t)1 << 20) /* bytes of JSON */
#define RECORDS_MAX_DOCUMENT ((size_t)4 << 20)

/* A text that may not be there (document, uri, metadata): p == NULL is none,
 * an empty text is one. */

/* ---- tenants and databases ---- */

/* ERR_CONFLICT: there is one of this name. */
enum err_code store_tenant_create(struct store *s, struct slice name,
                                  struct err *e) CHECKED;
enum err_code store_tenant_exists(struct store *s, struct slice name,
                                  bool *exists, struct err *e) CHECKED;

struct record_database {
    struct slice id; /* a UUID, chosen by who creates it */
    struct slice name, tenant;
};

/* As with Chroma its tenant need not exist.  ERR_CONFLICT: the tenant has one
 * of this name. */
enum err_code store_database_create(struct store *s,
                                    const struct record_database *d,
                                    struct err *e) CHECKED;
/* ERR_NOT_FOUND. */
enum err_code store_database_get(struct store *s, struct arena *a,
                                 struct slice tenant, struct slice name,
                                 struct record_database *out, struct err *e)
    CHECKED;
/* By name; *count is how many the tenant has. */
enum err_code store_databases_list(struct store *s, struct arena *a,
                                   struct slice tenant, int64_t offset,
                                   int limit, struct record_database **out,
                                   size_t *n, int64_t *count, struct err *e)
    CHECKED;
/* With all its collections.  ERR_NOT_FOUND. */
enum err_code store_database_delete(struct store *s, struct slice tenant,
                                    struct slice name, struct err *e) CHECKED;

/* ---- collections ---- */

/* How far a collection is; each commit that changes its records changes the
 * generation. */
struct records_state {
    uint64_t generation;
    int64_t count;   /* records there are */
    int64_t removed; /* records there were, ever; never less than it was */
};

struct record_collection {
    int64_t number;
    struct slice id; /* a UUID, chosen by who creates it: 36 characters */
    struct slice name, tenant, database;
    struct slice metadata;      /* JSON object, or none */
    struct slice configuration; /* kept as it is; may be empty */
    int dim;                    /* 0: no vector came yet */
    int64_t created_at;
    struct records_state state;
};

/* Of *in: id, name, tenant, database, metadata, configuration, created_at.  If
 * the database has one of this name already that one is given, as it is, with
 * *existing (create and get-or-create are this one call: who did not want to
 * get it says that it is there).  ERR_NOT_FOUND: no such database.
 * ERR_CONFLICT: another collection has this id. */
enum err_code store_collection_create(struct store *s, struct arena *a,
                                      const struct record_collection *in,
                                      struct record_collection *out,
                                      bool *existing, struct err *e) CHECKED;
/* ERR_NOT_FOUND; by its id, whatever its database is. */
enum err_code store_collection_get(struct store *s, struct arena *a,
                                   struct slice id,
                                   struct record_collection *out, struct err *e)
    CHECKED;
/* ERR_NOT_FOUND. */
enum err_code store_collection_find(struct store *s, struct arena *a,
                                    struct slice tenant, struct slice database,
                                    struct slice name,
                                    struct record_collection *out,
                                    struct err *e) CHECKED;
/* In the order in which they were created; *count is how many the database has.
 * None if there is no such database. */
enum err_code store_collections_list(struct store *s, struct arena *a,
                                     struct slice tenant, struct slice database,
                                     int64_t offset, int limit,
                                     struct record_collection **out, size_t *n,
                                     int64_t *count, struct err *e) CHECKED;

struct collection_change {
    struct slice name; /* empty: as it is */
    bool set_metadata;
    struct slice metadata; /* none: it has none */
    bool set_configuration;
    struct slice configuration;
};
/* ERR_NOT_FOUND.  ERR_CONFLICT: its database has another one of this name. */
enum err_code store_collection_modify(struct store *s, int64_t number,
                                      const struct collection_change *change,
                                      struct err *e) CHECKED;
/* It is gone at once, in one commit; its records are removed before this
 * returns, in commits of a few thousand, so that nobody waits long for a writer
 * (store_records_sweep).  ERR_NOT_FOUND. */
enum err_code store_collection_delete(struct store *s, int64_t number,
                                      struct err *e) CHECKED;

/* Remove the records of collections that are gone, if who deleted them died
 * before; for the start.  *n is how many collections. */
enum err_code store_records_sweep(struct store *s, int64_t *n, struct err *e)
    CHECKED;
/* Everything is as after the migration: all tenants, databases, collections and
 * records are gone, but the default ones, which are empty. */
enum err_code store_records_reset(struct store *s, struct err *e) CHECKED;

/* ---- writing records ---- */

enum records_put {
    RECORDS_ADD,    /* ids that are there are left as they are */
    RECORDS_UPSERT, /* ids that are there are updated */
    RECORDS_UPDATE  /* ids that are not there are passed over */
};

struct record_new {
    struct slice id;     /* not empty */
    const float *vector; /* dim of the batch; NULL: not given, which only an
                            update may */
    struct slice document, uri;
    struct slice metadata; /* JSON object; a member that is null removes that
                              member when the record is there, and counts for
                              nothing when it is not */
};

struct record_batch {
    enum records_put how;
    int dim; /* of all vectors; 0: there are none */
    const struct record_new *records;
    size_t n; /* 0..RECORDS_MAX_BATCH */
};

/* One commit, in order: an id that comes twice meets what the first one left.
 * An update changes what is given and merges metadata member by member; a
 * record of whose metadata nothing is left has none (record_rules.h).  The
 * first vector, of an update that finds nothing too, sets the dimension.
 * *state is that after the commit.  ERR_NOT_FOUND: the collection is gone.
 * ERR_UNPROCESSABLE: it has vectors of another dimension. */
enum err_code store_records_put(struct store *s, int64_t collection,
                                const struct record_batch *b,
                                struct records_state *state, struct err *e)
    CHECKED;

/* One commit; those that are not there are passed over, *deleted is how many
 * were.  n <= RECORDS_MAX_BATCH.  ERR_NOT_FOUND: the collection is gone. */
enum err_code store_records_delete(struct store *s, int64_t collection,
                                   const int64_t *numbers, size_t n,
                                   int64_t *deleted, struct err *e) CHECKED;

/* ---- reading records ----
 *
 * All of it: ERR_NOT_FOUND, the collection is gone. */

/* What is read beside number and id; the rest is none. */
enum record_fields {
    RECORD_VECTOR = 1,
    RECORD_DOCUMENT = 2,
    RECORD_URI = 4,
    RECORD_METADATA = 8
};

struct record {
    int64_t number;
    struct slice id;
    const float *vector; /* dim of the collection; aligned for float */
    struct slice document, uri, metadata;
};

/* The numbers of these ids, 0 for one that is not there, into out[n].
 * n <= RECORDS_MAX_BATCH. */
enum err_code store_records_find(struct store *s, int64_t collection,
                                 const struct slice *ids, size_t n,
                                 int64_t *out, struct err *e) CHECKED;
/* By number, in the order asked for; those that are not there (any more) are
 * left out.  n <= RECORDS_MAX_BATCH. */
enum err_code store_records_get(struct store *s, struct arena *a,
                                int64_t collection, const int64_t *numbers,
                                size_t n, unsigned fields, struct record **out,
                                size_t *n_out, struct err *e) CHECKED;
/* By number, from the one after `after` (0: the first), `offset` of them left
 * out (quick at any depth where no record was ever removed). */
enum err_code store_records_list(struct store *s, struct arena *a,
                                 int64_t collection, int64_t after,
                                 int64_t offset, int limit, unsigned fields,
                                 struct record **out, size_t *n, struct err *e)
    CHECKED;

/* Every record that was added or changed after the generation `since` (0: all),
 * by number; *state is that of the moment before the first.  In batches, no
 * transaction is open during `each`, which may call the store and returns an
 * error to stop; its argument is valid during the call.  Records that change
 * meanwhile come as they are when their turn comes, or not at all if they are
 * removed. */
enum err_code store_records_each(
    struct store *s, int64_t collection, uint64_t since, unsigned fields,
    enum err_code (*each)(void *ctx, const struct record *r, struct err *e),
    void *ctx, struct records_state *state, struct err *e) CHECKED;

/* The numbers of all records, ascending, malloc'ed (free()), never NULL. */
enum err_code store_records_present(struct store *s, int64_t collection,
                                    int64_t **out, size_t *n, struct err *e)
    CHECKED;

#endif
