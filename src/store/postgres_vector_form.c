/* postgres_vector_form.c - see postgres_vector_form.h.
 *
 * The type of the column chunk_vectors.vector is the truth about the form:
 * there is no flag that could disagree with it.
 *
 * Conversion.  SQL has no function from bytes to floats, so the vectors come
 * here and go back, a batch at a time, into a temporary table; then ALTER TABLE
 * takes each row's vector from there while it writes the table anew, so that
 * nothing is left of the old form and indexes and keys stay as they are.  All
 * of it is one transaction with both tables locked: who dies in it has changed
 * nothing.
 *
 * pgvector's binary form (vector_send): 16 bits of length, 16 of nothing, then
 * floats in network order.
 *
 * Names of the extension are always written with its schema, for it need not be
 * in the connection's search_path.
 */
#include "store/postgres_vector_form.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/document_rules.h"
#include "store/postgres.h"

#define HEADER_BYTES 4
#define BATCH_ROWS 512

/* ---- values ---- */

static void put_vector(struct buf *b, const struct vector_form *form,
                       const float *vector)
{
    if (form->type == PG_BYTEA) {
        buf_add(b, vector, VECTOR_BYTES);
        return;
    }
    pg_put_u16(b, STORE_VECTOR_DIM);
    pg_put_u16(b, 0);
    for (size_t i = 0; i < STORE_VECTOR_DIM; i++) {
        uint32_t bits;

        memcpy(&bits, &vector[i], sizeof(bits));
        pg_put_u32(b, bits);
    }
}

void vector_form_add(struct buf *array, const struct vector_form *form,
                     const float *vector)
{
    size_t at = pg_array_open(array);

    put_vector(array, form, vector);
    pg_array_close(array, at);
}

void vector_form_arg(struct pg_args *a, struct buf *scratch,
                     const struct vector_form *form, const float *vector)
{
    buf_init(scratch, HEADER_BYTES + VECTOR_BYTES);
    put_vector(scratch, form, vector);
    pg_arg_binary(a, form->type, buf_ok(scratch) ? scratch->p : NULL,
                  scratch->len);
}

bool vector_form_read(struct slice value, float *out)
{
    if (value.len == VECTOR_BYTES) {
        memcpy(out, value.p, VECTOR_BYTES);
        return true;
    }
    if (value.len != HEADER_BYTES + VECTOR_BYTES)
        return false;
    for (size_t i = 0; i < STORE_VECTOR_DIM; i++) {
        uint32_t bits;

        memcpy(&bits, value.p + HEADER_BYTES + i * sizeof(bits), sizeof(bits));
        bits = be32toh(bits);
        memcpy(&out[i], &bits, sizeof(bits));
    }
    return true;
}

const float *vector_form_row(struct pg_row *w)
{
    struct slice value = pg_slice(w->r, w->row, w->col++);
    float *v;

    if (value.len == 0)
        return NULL;
    v = arena_calloc(w->a, 1, VECTOR_BYTES);
    w->full |= !v;
    if (v && !vector_form_read(value, v))
        log_error("store", "a stored vector is damaged",
                  LOG_I("bytes", value.len));
    return v;
}

/* ---- which form it is ---- */

#define FORM                                                                   \
    "SELECT t.oid::bigint, t.typarray::bigint, quote_ident(n.nspname),"        \
    " (SELECT regexp_match(x.extversion, '^([0-9]+)[.]([0-9]+)')::int[]"       \
    "  >= ARRAY[0, 8] FROM pg_extension x WHERE x.extname = 'vector')"         \
    " FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "

/* *out is left alone if there is no such type. */
static enum err_code ask_form(struct vector_form *out, struct pg_conn *c,
                              const char *sql, struct err *e)
{
    PGresult *r;
    enum err_code code = pg_query(c, &r, sql, NULL, e);

    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 1) {
        *out = (struct vector_form){.type = (unsigned)pg_i64(r, 0, 0),
                                    .array = (unsigned)pg_i64(r, 0, 1)};
        if (out->type != PG_BYTEA) {
            snprintf(out->schema, sizeof(out->schema), "%.*s",
                     SLICE_ARG(pg_slice(r, 0, 2)));
            out->iterates = pg_bool(r, 0, 3);
        }
    }
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code ask_present_form(struct vector_form *out,
                                      struct pg_conn *c, struct err *e)
{
    enum err_code code;

    out->type = 0;
    code = ask_form(out, c,
                    FORM "JOIN pg_attribute a ON a.atttypid = t.oid"
                         " WHERE a.attrelid = to_regclass('chunk_vectors')"
                         " AND a.attname = 'vector'",
                    e);
    if (code == ERR_NONE && !out->type)
        code = err_set(e, ERR_INTERNAL, "there is no table of vectors");
    return code;
}

/* ---- pgvector ---- */

static enum err_code no_pgvector(struct err *e, const struct err *why)
{
    if (why->code != ERR_INTERNAL) { /* the link, not the extension */
        if (e)
            *e = *why;
        return why->code;
    }
    return err_field(
        e, "vectors",
        "'vectors' = pgvector: %s; install the extension pgvector "
        "on the database's server and let a user who may run "
        "CREATE EXTENSION vector in the database, or set 'vectors' "
        "= embedded",
        why->msg);
}

/* Two schemas of one database may want it at the same time. */
static enum err_code make_extension(struct vector_form *out, struct pg_conn *c,
                                    struct err *e)
{
    struct err why = {0};
    enum err_code code = pg_script(
        c,
        "SELECT pg_advisory_xact_lock(1936221542, 0);"
        "DO $do$ BEGIN"
        "  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')"
        "  THEN CREATE EXTENSION vector SCHEMA public;"
        "  END IF;"
        "END $do$",
        &why);

    if (code != ERR_NONE)
        return no_pgvector(e, &why);
    out->type = 0;
    code = ask_form(out, c,
                    FORM "JOIN pg_extension x ON x.extnamespace = n.oid"
                         " WHERE x.extname = 'vector'"
                         " AND t.typname = 'vector'",
                    e);
    if (code == ERR_NONE && !out->type)
        code = err_field(e, "vectors",
                         "'vectors' = pgvector: the database's extension "
                         "'vector' is not pgvector");
    return code;
}

/* ---- conversion ---- */

/* The form's type, as a column has it. */
static void type_name(char out[160], const struct vector_form *form)
{
    if (form->type == PG_BYTEA)
        snprintf(out, 160, "bytea");
    else
        snprintf(out, 160, "%s.vector(%d)", form->schema, STORE_VECTOR_DIM);
}

/* Fetch the rows behind *after into the two arrays, in the new form; *n is how
 * many. */
static enum err_code take_batch(struct pg_conn *c, const char *sql,
                                const struct vector_form *form, int64_t *after,
                                struct buf *ids, struct buf *vectors, int *n,
                                struct err *e)
{
    struct pg_args args = {0};
    float vector[STORE_VECTOR_DIM];
    PGresult *r;
    enum err_code code;

    pg_array_init(ids, PG_INT8);
    pg_array_init(vectors, form->type);
    pg_arg_i64(&args, *after);
    pg_arg_i64(&args, BATCH_ROWS);
    code = pg_query(c, &r, sql, &args, e);
    if (code != ERR_NONE)
        return code;
    *n = postgres_lib.PQntuples(r);
    for (int i = 0; i < *n && code == ERR_NONE; i++) {
        *after = pg_i64(r, i, 0);
        if (!vector_form_read(pg_slice(r, i, 1), vector))
            code = err_set(e, ERR_INTERNAL, "the vector of '%lld' is damaged",
                           (long long)*after);
        pg_array_i64(ids, *after);
        vector_form_add(vectors, form, vector);
    }
    postgres_lib.PQclear(r);
    return code;
}

/* All vectors of the table, in the new form, into the temporary one. */
static enum err_code fill_converted(struct pg_conn *c, const char *select,
                                    const struct vector_form *form, int64_t *n,
                                    struct err *e)
{
    int64_t after = INT64_MIN;
    int rows = BATCH_ROWS;
    enum err_code code = ERR_NONE;

    while (rows == BATCH_ROWS && code == ERR_NONE) {
        struct pg_args args = {0};
        struct buf ids, vectors;

        code = take_batch(c, select, form, &after, &ids, &vectors, &rows, e);
        pg_arg_array(&args, PG_INT8_ARRAY, &ids);
        pg_arg_array(&args, form->array, &vectors);
        if (code == ERR_NONE)
            code = pg_query(
                c, NULL,
                "INSERT INTO pg_temp.converted SELECT * FROM unnest($1, $2)",
                &args, e);
        *n += rows;
        buf_release(&vectors);
        buf_release(&ids);
    }
    return code;
}

static enum err_code convert_table(struct pg_conn *c, const char *table,
                                   const char *key,
                                   const struct vector_form *form, int64_t *n,
                                   struct err *e)
{
    char type[160], sql[900];
    enum err_code code;

    type_name(type, form);
    snprintf(sql, sizeof(sql),
             "CREATE TEMPORARY TABLE converted(id bigint PRIMARY KEY,"
             " vector %s NOT NULL)",
             type);
    code = pg_script(c, sql, e);
    snprintf(sql, sizeof(sql),
             "SELECT %s, vector FROM %s WHERE %s > $1 ORDER BY %s LIMIT $2",
             key, table, key, key);
    if (code == ERR_NONE)
        code = fill_converted(c, sql, form, n, e);
    snprintf(sql, sizeof(sql),
             "CREATE FUNCTION pg_temp.converted_of(bigint) RETURNS %s"
             " LANGUAGE sql STABLE AS"
             " 'SELECT vector FROM pg_temp.converted WHERE id = $1';"
             "ALTER TABLE %s ALTER COLUMN vector TYPE %s"
             "  USING pg_temp.converted_of(%s),"
             "  ALTER COLUMN vector SET STORAGE PLAIN;"
             "DROP FUNCTION pg_temp.converted_of(bigint);"
             "DROP TABLE pg_temp.converted",
             type, table, type, key);
    return code == ERR_NONE ? pg_script(c, sql, e) : code;
}

static enum err_code convert(struct vector_form *out, struct pg_conn *c,
                             enum store_vectors wanted, struct err *e)
{
    struct vector_form form = {.type = PG_BYTEA, .array = PG_BYTEA_ARRAY};
    int64_t n = 0, started = clock_mono_us();
    enum err_code code = ERR_NONE;

    if (wanted == STORE_VECTORS_PGVECTOR)
        code = make_extension(&form, c, e);
    if (code == ERR_NONE)
        code = pg_script(c,
                         "LOCK TABLE chunk_vectors, paper_vectors"
                         " IN ACCESS EXCLUSIVE MODE",
                         e);
    if (code != ERR_NONE)
        return code;
    code = pg_script(c,
                     "DROP INDEX IF EXISTS chunk_vectors_hnsw,"
                     " paper_vectors_hnsw",
                     e);
    if (code != ERR_NONE)
        return code;
    log_info("store", "vectors are rewritten",
             LOG_S("form", form.schema[0] ? "pgvector" : "bytes"));
    code = convert_table(c, "chunk_vectors", "chunk", &form, &n, e);
    if (code == ERR_NONE)
        code = convert_table(c, "paper_vectors", "paper_id", &form, &n, e);
    if (code != ERR_NONE)
        return code;
    log_info("store", "vectors were rewritten", LOG_I("vectors", n),
             LOG_I("ms", (clock_mono_us() - started) / US_PER_MS));
    *out = form;
    return ERR_NONE;
}

static bool is_wanted(const struct vector_form *form, enum store_vectors wanted)
{
    return wanted == STORE_VECTORS_AS_THEY_ARE ||
           (wanted == STORE_VECTORS_PGVECTOR) == (form->type != PG_BYTEA);
}

enum err_code vector_form_open(struct vector_form *out, struct pg_conn *c,
                               enum store_vectors wanted, struct err *e)
{
    enum err_code code = ask_present_form(out, c, e);

    if (code != ERR_NONE || is_wanted(out, wanted))
        return code;
    code = postgres_begin_alone(c, e);
    if (code == ERR_NONE) /* another process may have been first */
        code = ask_present_form(out, c, e);
    if (code == ERR_NONE && !is_wanted(out, wanted))
        code = convert(out, c, wanted, e);
    if (code == ERR_NONE)
        code = pg_script(c, "COMMIT", e);
    if (code != ERR_NONE)
        pg_reset(c);
    return code;
}
