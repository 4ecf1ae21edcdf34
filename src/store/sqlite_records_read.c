/* sqlite_records_read.c - Chroma's records: reading, and what an index
 * follows.
 *
 * Rows are read by ranges of their number.  Fields that were not asked for are
 * not touched: iif() reads the branch that it takes, and what is long lies at
 * the end of the row, on pages of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_records.h"

/* Records read before they are handed on: so many, or bytes. */
#define BATCH 256
#define BATCH_BYTES ((size_t)8 << 20)
/* and the one that goes beyond */
#define ARENA_BYTES (BATCH_BYTES * 2 + ((size_t)16 << 20))

/* ?1 is the fields. */
#define FIELDS                                                                 \
    "SELECT number, id, iif(?1 & 1, vector, NULL),"                            \
    " iif(?1 & 2, document, NULL), iif(?1 & 4, uri, NULL),"                    \
    " iif(?1 & 8, metadata, NULL) FROM records"
_Static_assert(RECORD_VECTOR == 1 && RECORD_DOCUMENT == 2 && RECORD_URI == 4 &&
                   RECORD_METADATA == 8,
               "the SQL has the numbers");

static void read_record(struct query *q, struct arena *a, void *row)
{
    struct record *r = row;
    struct slice vector;
    float *copy;

    r->number = q_get_int(q);
    r->id = q_get_text(q, a);
    vector = q_peek_blob(q);
    if (vector.len) {
        copy = arena_alloc(a, vector.len);
        if (copy)
            memcpy(copy, vector.p, vector.len);
        q->no_memory |= !copy;
        r->vector = copy;
    }
    r->document = q_get_text_or_none(q, a);
    r->uri = q_get_text_or_none(q, a);
    r->metadata = q_get_text_or_none(q, a);
}

static enum err_code read_state(struct db *c, int64_t collection,
                                struct records_state *out, struct err *e)
{
    struct collection_row row = {0};
    enum err_code code = collection_row_read(c, collection, &row, e);

    *out = record_state(row.generation, row.count, row.given);
    return code;
}

/* ---- by id and number ---- */

enum err_code sqlite_records_find(struct store *base, int64_t collection,
                                  const struct slice *ids, size_t n,
                                  int64_t *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct records_state state;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_state(c, collection, &state, e);
    for (size_t i = 0; i < n && code == ERR_NONE; i++) {
        struct query q;

        q_start(&q, c,
                "SELECT number FROM records WHERE collection = ? AND id = ?");
        q_int(&q, collection);
        q_text(&q, ids[i]);
        code = q_one_int(&q, 0, &out[i], e);
    }
    db_put(s, c);
    return code;
}

static enum err_code read_numbers(struct db *c, int64_t collection,
                                  const int64_t *numbers, size_t n,
                                  unsigned fields, struct rows *rows,
                                  struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < n && code == ERR_NONE; i++) {
        struct query q;

        q_start(&q, c, FIELDS " WHERE number = ?2 AND collection = ?3");
        q_int(&q, fields);
        q_int(&q, numbers[i]);
        q_int(&q, collection);
        code = q_rows(&q, rows, read_record, e);
    }
    return code;
}

enum err_code sqlite_records_get(struct store *base, struct arena *a,
                                 int64_t collection, const int64_t *numbers,
                                 size_t n, unsigned fields, struct record **out,
                                 size_t *n_out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(**out)};
    struct records_state state;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_state(c, collection, &state, e);
    if (code == ERR_NONE)
        code = read_numbers(c, collection, numbers, n, fields, &rows, e);
    db_put(s, c);
    *out = (struct record *)(void *)rows.p;
    *n_out = rows.n;
    return code;
}

/* ---- in order ---- */

/* The number from which on `skip` records are left out. */
static enum err_code step_over(struct db *c, int64_t collection, int64_t skip,
                               int64_t *from, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT number FROM records WHERE number >= ? AND number < ?"
            " ORDER BY number LIMIT 1 OFFSET ?");
    q_int(&q, *from);
    q_int(&q, record_behind_last(collection));
    q_int(&q, skip);
    return q_one_int(&q, record_behind_last(collection), from, e);
}

enum err_code sqlite_records_list(struct store *base, struct arena *a,
                                  int64_t collection, int64_t after,
                                  int64_t offset, int limit, unsigned fields,
                                  struct record **out, size_t *n, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(**out)};
    struct records_state state;
    int64_t from = 0, skip = 0;
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_state(c, collection, &state, e);
    if (code == ERR_NONE)
        from = record_page_start(collection, &state, after, offset, &skip);
    if (code == ERR_NONE && skip)
        code = step_over(c, collection, skip, &from, e);
    if (code == ERR_NONE) {
        q_start(&q, c,
                FIELDS " WHERE number >= ?2 AND number < ?3 ORDER BY number"
                       " LIMIT ?4");
        q_int(&q, fields);
        q_int(&q, from);
        q_int(&q, record_behind_last(collection));
        q_int(&q, limit);
        code = q_rows(&q, &rows, read_record, e);
    }
    db_put(s, c);
    *out = (struct record *)(void *)rows.p;
    *n = rows.n;
    return code;
}

/* ---- what an index follows ---- */

struct visitor {
    int64_t collection;
    unsigned fields;
    enum err_code (*each)(void *ctx, const struct record *r, struct err *e);
    void *ctx;
    struct arena *a;
};

static enum err_code hand_on(struct visitor *w, const struct rows *rows,
                             struct err *e)
{
    const struct record *r = (const struct record *)(void *)rows->p;
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < rows->n && code == ERR_NONE; i++)
        code = w->each(w->ctx, &r[i], e);
    return code;
}

/* The next batch behind *after, which moves on; *more false: it was the last.
 */
static enum err_code read_range(struct sqlite_store *s, struct visitor *w,
                                int64_t *after, struct rows *rows, bool *more,
                                struct err *e)
{
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, FIELDS " WHERE number > ?2 AND number < ?3 ORDER BY number");
    q_int(&q, w->fields);
    q_int(&q, *after);
    q_int(&q, record_behind_last(w->collection));
    *more = false;
    while (!*more && q_next(&q)) {
        struct record *r = rows_add(rows);

        if (r)
            read_record(&q, w->a, r);
        else
            q.no_memory = true;
        *after = r ? r->number : *after;
        *more = rows->n == BATCH || arena_used(w->a) > BATCH_BYTES;
    }
    code = q_end(&q, e);
    db_put(s, c);
    return code;
}

static enum err_code visit_all(struct sqlite_store *s, struct visitor *w,
                               struct err *e)
{
    int64_t after = record_before_first(w->collection);
    enum err_code code = ERR_NONE;
    bool more = true;

    while (more && code == ERR_NONE) {
        struct rows rows = {.a = w->a, .size = sizeof(struct record)};

        arena_reset(w->a);
        code = read_range(s, w, &after, &rows, &more, e);
        if (code == ERR_NONE)
            code = hand_on(w, &rows, e);
    }
    return code;
}

static enum err_code visit_some(struct sqlite_store *s, struct visitor *w,
                                const struct id_list *changed, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < changed->n && code == ERR_NONE;) {
        struct rows rows = {.a = w->a, .size = sizeof(struct record)};
        struct db *c;

        arena_reset(w->a);
        code = db_get(s, false, &c, e);
        if (code != ERR_NONE)
            return code;
        for (size_t n = 0; n < BATCH && i < changed->n && code == ERR_NONE &&
                           arena_used(w->a) <= BATCH_BYTES;
             n++, i++)
            code = read_numbers(c, w->collection, &changed->p[i], 1, w->fields,
                                &rows, e);
        db_put(s, c);
        if (code == ERR_NONE)
            code = hand_on(w, &rows, e);
    }
    return code;
}

/* The state, and the numbers of what changed since. */
static enum err_code find_changed(struct sqlite_store *s, int64_t collection,
                                  uint64_t since, struct records_state *state,
                                  struct id_list *changed, struct err *e)
{
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_state(c, collection, state, e);
    if (code == ERR_NONE && since && since < state->generation) {
        q_start(&q, c,
                "SELECT number FROM records WHERE collection = ?"
                " AND generation > ? ORDER BY number");
        q_int(&q, collection);
        q_int(&q, (int64_t)since);
        code = q_ids(&q, changed, e);
    }
    db_put(s, c);
    return code;
}

enum err_code sqlite_records_each(
    struct store *base, int64_t collection, uint64_t since, unsigned fields,
    enum err_code (*each)(void *ctx, const struct record *r, struct err *e),
    void *ctx, struct records_state *state, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct visitor w = {collection, fields, each, ctx, arena_new(ARENA_BYTES)};
    struct id_list changed = {0};
    enum err_code code =
        w.a ? find_changed(s, collection, since, state, &changed, e)
            : err_set(e, ERR_INTERNAL, "out of memory");

    if (code == ERR_NONE)
        code = since ? visit_some(s, &w, &changed, e) : visit_all(s, &w, e);
    free(changed.p);
    arena_free(w.a);
    return code;
}

enum err_code sqlite_records_present(struct store *base, int64_t collection,
                                     int64_t **out, size_t *n, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct records_state state;
    struct id_list numbers = {0};
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_state(c, collection, &state, e);
    if (code == ERR_NONE) {
        /* the rows themselves are a hundred times as large as their index */
        q_start(&q, c,
                "SELECT number FROM records INDEXED BY records_by_change"
                " WHERE collection = ? ORDER BY number");
        q_int(&q, collection);
        code = q_ids(&q, &numbers, e);
    }
    db_put(s, c);
    if (code != ERR_NONE) {
        free(numbers.p);
        return code;
    }
    *out = numbers.p;
    *n = numbers.n;
    return ERR_NONE;
}
