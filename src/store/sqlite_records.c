/* sqlite_records.c - Chroma's records: writing and removing.
 *
 * What a batch does is decided by record_rules.h; here it is looked up what is
 * there, and the outcome written.  A batch of 5,000 vectors of 384 floats keeps
 * the one writer for about 100 ms (docs/store.md has the numbers).
 */
#include <string.h>

#include "store/sqlite_records.h"

/* Records a commit when a collection is removed. */
#define SWEEP_PIECE 1000
/* What a batch may need beside itself: stored metadata, merged. */
#define PLAN_BYTES ((size_t)256 << 20)

enum err_code collection_row_read(struct db *c, int64_t number,
                                  struct collection_row *out, struct err *e)
{
    bool found;
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "SELECT dim, generation, count, given FROM collections"
            " WHERE number = ?");
    q_int(&q, number);
    found = q_next(&q);
    if (found) {
        out->dim = (int)q_get_int(&q);
        out->generation = q_get_int(&q);
        out->count = q_get_int(&q);
        out->given = q_get_int(&q);
    }
    code = q_end(&q, e);
    return code == ERR_NONE && !found ? record_no_collection(number, e) : code;
}

enum err_code collection_row_write(struct db *c, int64_t number,
                                   const struct collection_row *row,
                                   struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE collections SET dim = ?, generation = ?, count = ?,"
            " given = ? WHERE number = ?");
    q_int(&q, row->dim);
    q_int(&q, row->generation);
    q_int(&q, row->count);
    q_int(&q, row->given);
    q_int(&q, number);
    return q_run(&q, NULL, e);
}

/* ---- put ---- */

struct putting {
    int64_t collection;
    const struct record_batch *batch;
    struct records_state *state;
    struct record_plan plan;
    struct collection_row row;
};

static enum err_code look_up(struct db *c, const struct putting *p,
                             struct record_slot *slot, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT number, iif(?3, metadata, NULL) FROM records"
            " WHERE collection = ?1 AND id = ?2");
    q_int(&q, p->collection);
    q_text(&q, slot->id);
    q_int(&q, slot->merges);
    if (q_next(&q)) {
        slot->number = q_get_int(&q);
        slot->metadata = q_get_text_or_none(&q, p->plan.a);
    }
    return q_end(&q, e);
}

static enum err_code insert(struct db *c, const struct putting *p,
                            const struct record_slot *slot, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "INSERT INTO records(number, collection, generation, id, uri,"
            " metadata, document, vector) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    q_int(&q, slot->number);
    q_int(&q, p->collection);
    q_int(&q, p->row.generation);
    q_text(&q, slot->id);
    q_text_or_null(&q, slot->uri);
    q_text_or_null(&q, slot->metadata);
    q_text_or_null(&q, slot->document);
    q_blob(&q, slot->vector, (size_t)p->batch->dim * sizeof(float));
    return q_run(&q, NULL, e);
}

static enum err_code update(struct db *c, const struct putting *p,
                            const struct record_slot *slot, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE records SET generation = ?, uri = coalesce(?, uri),"
            " metadata = iif(?, ?, metadata),"
            " document = coalesce(?, document), vector = coalesce(?, vector)"
            " WHERE number = ?");
    q_int(&q, p->row.generation);
    q_text_or_null(&q, slot->uri);
    q_int(&q, slot->set_metadata);
    q_text_or_null(&q, slot->metadata);
    q_text_or_null(&q, slot->document);
    q_blob(&q, slot->vector, (size_t)p->batch->dim * sizeof(float));
    q_int(&q, slot->number);
    return q_run(&q, NULL, e);
}

static enum err_code write_slots(struct db *c, const struct putting *p,
                                 struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < p->plan.n && code == ERR_NONE; i++) {
        const struct record_slot *slot = &p->plan.slots[i];

        if (slot->insert)
            code = insert(c, p, slot, e);
        else if (slot->update)
            code = update(c, p, slot, e);
    }
    return code;
}

static enum err_code do_put(struct sqlite_store *s, struct db *c, void *ctx,
                            struct err *e)
{
    struct putting *p = ctx;
    size_t inserted = 0, updated = 0;
    enum err_code code = collection_row_read(c, p->collection, &p->row, e);

    (void)s;
    if (code == ERR_NONE)
        code = record_check_dim(p->row.dim, p->batch, e);
    for (size_t i = 0; i < p->plan.n && p->row.count && code == ERR_NONE; i++)
        code = look_up(c, p, &p->plan.slots[i], e);
    if (code == ERR_NONE)
        code = record_plan_decide(&p->plan, p->collection, &p->row.given,
                                  &inserted, &updated, e);
    if (code != ERR_NONE)
        return code;
    p->row.dim = p->row.dim ? p->row.dim : p->batch->dim;
    p->row.generation += inserted || updated;
    p->row.count += (int64_t)inserted;
    code = write_slots(c, p, e);
    if (code == ERR_NONE)
        code = collection_row_write(c, p->collection, &p->row, e);
    *p->state = record_state(p->row.generation, p->row.count, p->row.given);
    return code;
}

enum err_code sqlite_records_put(struct store *s, int64_t collection,
                                 const struct record_batch *b,
                                 struct records_state *state, struct err *e)
{
    struct putting p = {.collection = collection, .batch = b, .state = state};
    struct arena *a = arena_new(PLAN_BYTES);
    enum err_code code = a ? record_plan_make(&p.plan, a, b, e)
                           : err_set(e, ERR_INTERNAL, "out of memory");

    if (code == ERR_NONE)
        code = writer_run(sqlite_downcast(s), do_put, &p, e);
    arena_free(a);
    return code;
}

/* ---- delete ---- */

struct deleting {
    int64_t collection;
    const int64_t *numbers;
    size_t n;
    int64_t deleted;
};

static enum err_code do_delete(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    struct deleting *d = ctx;
    struct collection_row row = {0};
    enum err_code code = collection_row_read(c, d->collection, &row, e);

    (void)s;
    for (size_t i = 0; i < d->n && code == ERR_NONE; i++) {
        int64_t changed = 0;
        struct query q;

        q_start(&q, c,
                "DELETE FROM records WHERE number = ? AND collection = ?");
        q_int(&q, d->numbers[i]);
        q_int(&q, d->collection);
        code = q_run(&q, &changed, e);
        d->deleted += changed;
    }
    if (code != ERR_NONE || !d->deleted)
        return code;
    row.count -= d->deleted;
    row.generation++;
    return collection_row_write(c, d->collection, &row, e);
}

enum err_code sqlite_records_delete(struct store *s, int64_t collection,
                                    const int64_t *numbers, size_t n,
                                    int64_t *deleted, struct err *e)
{
    struct deleting d = {collection, numbers, n, 0};
    enum err_code code = writer_run(sqlite_downcast(s), do_delete, &d, e);

    *deleted = code == ERR_NONE ? d.deleted : 0;
    return code;
}

/* ---- sweep ---- */

struct sweeping {
    int64_t collection; /* 0: there is none any more */
    bool whole;         /* all of its records are gone */
};

/* The last record of the next piece, or all there could be. */
static enum err_code piece_end(struct db *c, int64_t collection, int64_t *last,
                               struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT number FROM records WHERE number > ? AND number < ?"
            " ORDER BY number LIMIT 1 OFFSET ?");
    q_int(&q, record_before_first(collection));
    q_int(&q, record_behind_last(collection));
    q_int(&q, SWEEP_PIECE - 1);
    return q_one_int(&q, record_behind_last(collection) - 1, last, e);
}

static enum err_code do_sweep(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    struct sweeping *w = ctx;
    int64_t last = 0, removed = 0;
    struct query q;
    enum err_code code;

    (void)s;
    w->whole = false;
    q_start(&q, c, "SELECT number FROM collections_gone LIMIT 1");
    code = q_one_int(&q, 0, &w->collection, e);
    if (code != ERR_NONE || !w->collection)
        return code;
    code = piece_end(c, w->collection, &last, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "DELETE FROM records WHERE number > ? AND number <= ?");
    q_int(&q, record_before_first(w->collection));
    q_int(&q, last);
    code = q_run(&q, &removed, e);
    w->whole = removed < SWEEP_PIECE;
    if (code != ERR_NONE || !w->whole)
        return code;
    q_start(&q, c, "DELETE FROM collections_gone WHERE number = ?");
    q_int(&q, w->collection);
    return q_run(&q, NULL, e);
}

enum err_code sqlite_records_sweep(struct store *s, int64_t *n, struct err *e)
{
    struct sweeping w = {.collection = 1};
    enum err_code code = ERR_NONE;

    *n = 0;
    while (w.collection && code == ERR_NONE) {
        code = writer_run(sqlite_downcast(s), do_sweep, &w, e);
        *n += code == ERR_NONE && w.whole;
    }
    return code;
}
