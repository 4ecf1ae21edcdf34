/* postgres_records_read.c - Chroma's records: reading, and what an index
 * follows.
 *
 * Numbers come as one array: a row for each of 100,000 takes several times as
 * long.  Pages are cut by their bytes, which the server knows without reading
 * what is long.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres_records.h"

/* Records read before they are handed on: so many, or bytes. */
#define BATCH 2048
#define BATCH_BYTES "8388608"
/* of a batch, with the record that goes beyond */
#define ARENA_BYTES ((size_t)32 << 20)

/* One row after the other, by the primary key: joined otherwise, the planner
 * might read them all, for it makes its plans when there are none yet. */
#define RECORD_OF(number_)                                                     \
    " CROSS JOIN LATERAL (SELECT * FROM records WHERE number = " number_       \
    " OFFSET 0) r"

/* $1 is the fields, r the record. */
#define FIELDS                                                                 \
    "SELECT r.number, r.id, CASE WHEN $1 & 1 <> 0 THEN r.vector END,"          \
    " CASE WHEN $1 & 2 <> 0 THEN r.document END,"                              \
    " CASE WHEN $1 & 4 <> 0 THEN r.uri END,"                                   \
    " CASE WHEN $1 & 8 <> 0 THEN r.metadata END FROM "
_Static_assert(RECORD_VECTOR == 1 && RECORD_DOCUMENT == 2 && RECORD_URI == 4 &&
                   RECORD_METADATA == 8,
               "the SQL has the numbers");

static void read_record(struct pg_row *w, void *element)
{
    struct record *r = element;
    struct slice vector;

    r->number = pg_row_i64(w);
    r->id = pg_row_text(w);
    vector = pg_slice(w->r, w->row, w->col++);
    if (vector.len) {
        float *copy = arena_alloc(w->a, vector.len);

        if (copy)
            memcpy(copy, vector.p, vector.len);
        w->full |= !copy;
        r->vector = copy;
    }
    r->document = pg_row_text_or_none(w);
    r->uri = pg_row_text_or_none(w);
    r->metadata = pg_row_text_or_none(w);
}

/* Rows of a collection that is there. */
static enum err_code select_records(struct store *s, struct arena *a,
                                    int64_t collection, const char *sql,
                                    const struct pg_args *args,
                                    struct record **out, size_t *n,
                                    struct err *e)
{
    struct pg_args there = {0};
    int64_t count = 0;
    enum err_code code;

    pg_arg_i64(&there, collection);
    code = postgres_select(
        s, a,
        &(struct pg_select){
            .sql = sql,
            .args = args,
            .count_sql = "SELECT count(*) FROM collections WHERE number = $1",
            .count_args = &there,
            .size = sizeof(**out),
            .read = read_record},
        out, n, &count, e);
    return code == ERR_NONE && !count ? record_no_collection(collection, e)
                                      : code;
}

/* The array of numbers in a column, malloc'ed; NULL: out of memory.  After a
 * head of 20 bytes (an empty one has 12) each has four of length and eight. */
#define HEAD_BYTES 20
#define ELEMENT_BYTES 12

static int64_t *numbers(const PGresult *r, int col, size_t *n)
{
    struct slice array = pg_slice(r, 0, col);
    int64_t *p;

    *n = array.len < HEAD_BYTES ? 0 : (array.len - HEAD_BYTES) / ELEMENT_BYTES;
    p = malloc((*n + 1) * sizeof(*p));
    for (size_t i = 0; i < *n && p; i++) {
        uint64_t be;

        memcpy(&be, array.p + HEAD_BYTES + i * ELEMENT_BYTES + 4, sizeof(be));
        p[i] = (int64_t)be64toh(be);
    }
    return p;
}

/* The state, and an array of numbers that sql selects beside it for $1, the
 * collection, and $2. */
static enum err_code state_and_numbers(struct store *s, int64_t collection,
                                       const char *sql, int64_t argument,
                                       struct records_state *state,
                                       int64_t **out, size_t *n, struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&args, collection);
    pg_arg_i64(&args, argument);
    code = postgres_query(s, &r, sql, &args, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 0) {
        code = record_no_collection(collection, e);
    } else {
        *state =
            record_state(pg_i64(r, 0, 0), pg_i64(r, 0, 1), pg_i64(r, 0, 2));
        *out = numbers(r, 3, n);
        if (!*out)
            code = err_set(e, ERR_INTERNAL, "out of memory");
    }
    postgres_lib.PQclear(r);
    return code;
}

#define STATE_AND(array)                                                       \
    "SELECT generation, count, given, " array                                  \
    " FROM collections WHERE number = $1"

static enum err_code read_state(struct store *s, int64_t collection,
                                struct records_state *state, struct err *e)
{
    int64_t *none = NULL;
    size_t n;
    enum err_code code = state_and_numbers(
        s, collection, STATE_AND("ARRAY(SELECT $2 WHERE false)"), 0, state,
        &none, &n, e);

    free(none);
    return code;
}

/* ---- by id and number ---- */

enum err_code postgres_records_find(struct store *s, int64_t collection,
                                    const struct slice *ids, size_t n,
                                    int64_t *out, struct err *e)
{
    struct records_state state;
    struct pg_args args = {0};
    struct buf list;
    PGresult *r;
    enum err_code code;

    if (n == 0)
        return read_state(s, collection, &state, e);
    pg_array_init(&list, PG_TEXT);
    for (size_t i = 0; i < n; i++)
        pg_array_text(&list, ids[i]);
    pg_arg_i64(&args, collection);
    pg_arg_array(&args, PG_TEXT_ARRAY, &list);
    code = postgres_query(
        s, &r,
        "SELECT r.number FROM collections c"
        " CROSS JOIN unnest($2) WITH ORDINALITY u(id, n)"
        " LEFT JOIN LATERAL (SELECT number FROM records"
        "  WHERE collection = $1 AND id = u.id OFFSET 0) r ON true"
        " WHERE c.number = $1 ORDER BY u.n",
        &args, e);
    buf_release(&list);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 0)
        code = record_no_collection(collection, e);
    for (size_t i = 0; i < n && code == ERR_NONE; i++)
        out[i] = pg_i64(r, (int)i, 0);
    postgres_lib.PQclear(r);
    return code;
}

static void arg_numbers(struct pg_args *args, struct buf *list,
                        const int64_t *numbers, size_t n)
{
    pg_array_init(list, PG_INT8);
    for (size_t i = 0; i < n; i++)
        pg_array_i64(list, numbers[i]);
    pg_arg_array(args, PG_INT8_ARRAY, list);
}

enum err_code postgres_records_get(struct store *s, struct arena *a,
                                   int64_t collection, const int64_t *numbers,
                                   size_t n, unsigned fields,
                                   struct record **out, size_t *n_out,
                                   struct err *e)
{
    struct pg_args args = {0};
    struct buf list;
    enum err_code code;

    pg_arg_i64(&args, fields);
    pg_arg_i64(&args, collection);
    arg_numbers(&args, &list, numbers, n);
    code = select_records(
        s, a, collection,
        FIELDS "unnest($3) WITH ORDINALITY u(number, n)" RECORD_OF(
            "u.number") " WHERE r.collection = $2 ORDER BY u.n",
        &args, out, n_out, e);
    buf_release(&list);
    return code;
}

/* ---- in order ---- */

enum err_code postgres_records_list(struct store *s, struct arena *a,
                                    int64_t collection, int64_t after,
                                    int64_t offset, int limit, unsigned fields,
                                    struct record **out, size_t *n,
                                    struct err *e)
{
    struct pg_args args = {0};
    struct records_state state;
    int64_t skip = 0;
    enum err_code code = read_state(s, collection, &state, e);

    if (code != ERR_NONE)
        return code;
    pg_arg_i64(&args, fields);
    pg_arg_i64(&args,
               record_page_start(collection, &state, after, offset, &skip));
    pg_arg_i64(&args, record_behind_last(collection));
    pg_arg_i64(&args, limit);
    pg_arg_i64(&args, skip);
    /* what is left out is not read beyond its number */
    return select_records(
        s, a, collection,
        FIELDS "(SELECT number FROM records WHERE number >= $2 AND number < $3"
               "  ORDER BY number LIMIT $4 OFFSET $5) page" RECORD_OF(
                   "page.number") " ORDER BY page.number",
        &args, out, n, e);
}

/* ---- what an index follows ---- */

struct visitor {
    struct store *s;
    int64_t collection;
    unsigned fields;
    enum err_code (*each)(void *ctx, const struct record *r, struct err *e);
    void *ctx;
    struct arena *a;
};

/* The first ones of `page`, which has numbers and bytes, up to 8 MB. */
#define FIRST_OF(page)                                                         \
    "WITH page AS (" page " ORDER BY r.number LIMIT 2048),"                    \
    " run AS (SELECT number, sum(bytes) OVER (ORDER BY number) - bytes"        \
    "  AS before FROM page) " FIELDS                                           \
    "run" RECORD_OF("run.number") " WHERE run.before < " BATCH_BYTES           \
                                  " ORDER BY run.number"
#define NUMBER_AND_BYTES                                                       \
    "SELECT r.number, coalesce(octet_length(r.document), 0)"                   \
    " + coalesce(octet_length(r.metadata), 0)"                                 \
    " + coalesce(octet_length(r.uri), 0) + octet_length(r.vector)"             \
    " AS bytes FROM records r WHERE r.number "
_Static_assert(BATCH == 2048, "the SQL has the number");

/* One batch; *last is the number of its last one, *n == 0: there is none. */
static enum err_code visit(struct visitor *w, const char *sql,
                           const struct pg_args *args, int64_t *last, size_t *n,
                           struct err *e)
{
    struct record *r;
    enum err_code code;

    arena_reset(w->a);
    *n = 0;
    code = select_records(w->s, w->a, w->collection, sql, args, &r, n, e);
    for (size_t i = 0; i < *n && code == ERR_NONE; i++) {
        *last = r[i].number;
        code = w->each(w->ctx, &r[i], e);
    }
    return code;
}

static enum err_code visit_all(struct visitor *w, struct err *e)
{
    int64_t last = record_before_first(w->collection);
    enum err_code code = ERR_NONE;
    size_t n = 1;

    while (n && code == ERR_NONE) {
        struct pg_args args = {0};

        pg_arg_i64(&args, w->fields);
        pg_arg_i64(&args, last);
        pg_arg_i64(&args, record_behind_last(w->collection));
        code = visit(w, FIRST_OF(NUMBER_AND_BYTES "> $2 AND r.number < $3"),
                     &args, &last, &n, e);
    }
    return code;
}

static enum err_code visit_some(struct visitor *w, const int64_t *changed,
                                size_t n_changed, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < n_changed && code == ERR_NONE;) {
        size_t n, asked = n_changed - i < BATCH ? n_changed - i : BATCH;
        struct pg_args args = {0};
        struct buf list;
        int64_t last = changed[i + asked - 1];

        pg_arg_i64(&args, w->fields);
        arg_numbers(&args, &list, changed + i, asked);
        code = visit(w, FIRST_OF(NUMBER_AND_BYTES "= ANY($2)"), &args, &last,
                     &n, e);
        buf_release(&list);
        while (i < n_changed && changed[i] <= last)
            i++;
    }
    return code;
}

enum err_code postgres_records_each(
    struct store *s, int64_t collection, uint64_t since, unsigned fields,
    enum err_code (*each)(void *ctx, const struct record *r, struct err *e),
    void *ctx, struct records_state *state, struct err *e)
{
    struct visitor w = {s,    collection, fields,
                        each, ctx,        arena_new(ARENA_BYTES)};
    int64_t *changed = NULL;
    size_t n = 0;
    enum err_code code =
        !w.a    ? err_set(e, ERR_INTERNAL, "out of memory")
        : since ? state_and_numbers(
                      s, collection,
                      STATE_AND("ARRAY(SELECT number FROM (SELECT number"
                                "  FROM records WHERE collection = $1"
                                "  AND generation > $2 OFFSET 0) changed"
                                " ORDER BY number)"),
                      (int64_t)since, state, &changed, &n, e)
                : read_state(s, collection, state, e);

    if (code == ERR_NONE)
        code = since ? visit_some(&w, changed, n, e) : visit_all(&w, e);
    free(changed);
    arena_free(w.a);
    return code;
}

enum err_code postgres_records_present(struct store *s, int64_t collection,
                                       int64_t **out, size_t *n, struct err *e)
{
    struct records_state state;

    return state_and_numbers(
        s, collection,
        STATE_AND("ARRAY(SELECT number FROM records WHERE number > $2"
                  " AND number < $2 + (1::int8 << 40) ORDER BY number)"),
        record_before_first(collection), &state, out, n, e);
}
