/* postgres_copies.c - see copies.h.
 *
 * The job is made by a trigger (postgres_migrations.c), when a set's generation
 * moves.  Who makes or ends it holds a lock until the end of his transaction:
 * so who makes it sees whether it has ended, and who ends it every change of
 * those that found it alive.
 */
#include <string.h>

#include "store/copies.h"
#include "store/postgres_documents.h"
#include "store/postgres_jobs.h"

static void lock(struct pg_conn *c)
{
    pg_do(
        c,
        "SELECT pg_advisory_xact_lock(1936221548, hashtext(current_schema()))",
        NULL);
}

/* ---- on and off ---- */

#define WANT_JOB "UPDATE vector_copy SET wanted = wanted + 1 WHERE set_id = 0"

static enum err_code do_on(struct pg_conn *c, void *ctx, struct err *e)
{
    (void)ctx;
    (void)e;
    pg_do(c,
          "INSERT INTO vector_copy(set_id, collection, generation, repair,"
          " wanted) VALUES (0, '', 0, true, 0), (1, '', 0, true, 0)"
          " ON CONFLICT DO NOTHING",
          NULL);
    pg_do(c, WANT_JOB, NULL);
    return ERR_NONE;
}

static enum err_code postgres_copies_on(struct store *s, struct err *e)
{
    return postgres_transact(s, do_on, NULL, e);
}

static enum err_code do_off(struct pg_conn *c, void *ctx, struct err *e)
{
    (void)ctx;
    (void)e;
    lock(c);
    pg_do(c, "DELETE FROM vector_copy", NULL);
    pg_do(c, "DELETE FROM vector_copies", NULL);
    pg_do(c, "DELETE FROM jobs WHERE kind = '" COPY_JOB "' AND state = 0",
          NULL);
    return ERR_NONE;
}

static enum err_code postgres_copies_off(struct store *s, struct err *e)
{
    return postgres_transact(s, do_off, NULL, e);
}

/* ---- what is remembered ---- */

static void read_state(struct pg_row *w, void *element)
{
    struct copy_state *out = element;
    struct slice id = pg_row_text(w);

    out->on = true;
    memcpy(out->collection, id.p, id.len);
    out->generation = (uint64_t)pg_row_i64(w);
    out->repair = pg_row_bool(w);
    out->waiting = pg_row_i64(w);
}

static enum err_code postgres_copy_state(struct store *s, enum vector_set set,
                                         struct copy_state *out, struct err *e)
{
    struct arena *a = arena_new(1 << 16);
    struct pg_args args = {0};
    bool found;
    enum err_code code;

    *out = (struct copy_state){.on = false};
    if (!a)
        return err_set(e, ERR_INTERNAL, "out of memory");
    pg_arg_i64(&args, set);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){
            .sql = set == VECTORS_CHUNKS
                       ? "SELECT collection, generation, repair,"
                         " (SELECT coalesce(sum(total_chunks), 0)::int8"
                         "   FROM documents d WHERE d.visible"
                         "   AND d.generation > c.generation)"
                         " FROM vector_copy c WHERE set_id = $1"
                       : "SELECT collection, generation, repair,"
                         " (SELECT count(*) FROM paper_vectors v"
                         "   WHERE v.generation > c.generation)"
                         " FROM vector_copy c WHERE set_id = $1",
            .args = &args,
            .size = sizeof(*out),
            .read = read_state},
        out, &found, e);
    arena_free(a);
    return code;
}

struct adopting {
    enum vector_set set;
    struct slice collection;
};

static enum err_code do_adopt(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct adopting *ad = ctx;
    struct pg_args put = {0}, forget = {0};

    (void)e;
    pg_arg_text(&put, ad->collection);
    pg_arg_i64(&put, ad->set);
    pg_do(c,
          "UPDATE vector_copy SET collection = $1, generation = 0,"
          " repair = true WHERE set_id = $2",
          &put);
    pg_arg_i64(&forget, ad->set);
    pg_do(c, "DELETE FROM vector_copies WHERE set_id = $1", &forget);
    return ERR_NONE;
}

static enum err_code postgres_copy_adopt(struct store *s, enum vector_set set,
                                         struct slice collection, struct err *e)
{
    struct adopting ad = {set, collection};

    return postgres_transact(s, do_adopt, &ad, e);
}

struct repairing {
    struct arena *a;
    struct slice *job_id;
};

static enum err_code do_repair(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct repairing *w = ctx;
    PGresult *r;
    enum err_code code;
    bool on;

    code = postgres_ask(c, &r, "UPDATE vector_copy SET repair = true", NULL, e);
    if (code != ERR_NONE)
        return code;
    on = pg_changed(r) > 0;
    postgres_lib.PQclear(r);
    if (!on)
        return document_no_copy(e);
    pg_do(c, WANT_JOB, NULL);
    code = postgres_ask(c, &r,
                        "SELECT id FROM jobs WHERE kind = '" COPY_JOB "'"
                        " AND state IN (0, 1) ORDER BY seq DESC LIMIT 1",
                        NULL, e);
    if (code != ERR_NONE)
        return code;
    if (postgres_lib.PQntuples(r) == 1)
        *w->job_id = arena_slice(w->a, pg_slice(r, 0, 0));
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code postgres_copies_repair(struct store *s, struct arena *a,
                                            struct slice *job_id, struct err *e)
{
    struct repairing w = {a, job_id};

    return postgres_transact(s, do_repair, &w, e);
}

/* ---- what was sent ---- */

static enum err_code postgres_copy_note(struct store *s, enum vector_set set,
                                        const struct copy_note *notes, size_t n,
                                        struct err *e)
{
    struct pg_args args = {0};
    struct buf keys, names, records;
    enum err_code code;

    pg_array_init(&keys, PG_INT8);
    pg_array_init(&names, PG_TEXT);
    pg_array_init(&records, PG_INT8);
    for (size_t i = 0; i < n; i++) {
        pg_array_i64(&keys, notes[i].key);
        pg_array_text(&names, notes[i].name);
        pg_array_i64(&records, notes[i].records);
    }
    pg_arg_i64(&args, set);
    pg_arg_array(&args, PG_INT8_ARRAY, &keys);
    pg_arg_array(&args, PG_TEXT_ARRAY, &names);
    pg_arg_array(&args, PG_INT8_ARRAY, &records);
    code = postgres_query(
        s, NULL,
        "INSERT INTO vector_copies(set_id, key, name, records)"
        " SELECT $1, o.key, o.name, o.records"
        " FROM unnest($2, $3, $4) o(key, name, records)"
        " ON CONFLICT (set_id, key) DO UPDATE SET name = excluded.name,"
        " records = greatest(vector_copies.records, excluded.records)",
        &args, e);
    buf_release(&keys);
    buf_release(&names);
    buf_release(&records);
    return code;
}

static enum err_code postgres_copy_forget(struct store *s, enum vector_set set,
                                          const int64_t *keys, size_t n,
                                          struct err *e)
{
    struct pg_args args = {0};
    struct buf array;
    enum err_code code;

    pg_array_init(&array, PG_INT8);
    for (size_t i = 0; i < n; i++)
        pg_array_i64(&array, keys[i]);
    pg_arg_i64(&args, set);
    pg_arg_array(&args, PG_INT8_ARRAY, &array);
    code = postgres_query(
        s, NULL,
        "DELETE FROM vector_copies WHERE set_id = $1 AND key = ANY($2)", &args,
        e);
    buf_release(&array);
    return code;
}

static void read_gone(struct pg_row *w, void *element)
{
    struct copy_gone *g = element;

    g->note.key = pg_row_i64(w);
    g->note.name = pg_row_text(w);
    g->note.records = pg_row_i64(w);
    g->kept = pg_row_i64(w);
}

static enum err_code postgres_copy_gone(struct store *s, struct arena *a,
                                        enum vector_set set, int limit,
                                        struct copy_gone **out, size_t *n,
                                        struct err *e)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, limit);
    return postgres_select(
        s, a,
        &(struct pg_select){
            .sql = set == VECTORS_CHUNKS
                       ? "SELECT c.key, c.name, c.records,"
                         " coalesce(d.total_chunks, 0)::int8"
                         " FROM vector_copies c LEFT JOIN documents d"
                         "  ON d.id = c.name AND d.visible"
                         " WHERE c.set_id = 0 AND NOT EXISTS (SELECT 1"
                         "  FROM documents v WHERE v.key = c.key"
                         "  AND v.visible) ORDER BY c.key LIMIT $1"
                       : "SELECT c.key, c.name, c.records, 0::int8"
                         " FROM vector_copies c WHERE c.set_id = 1"
                         " AND NOT EXISTS (SELECT 1 FROM paper_vectors v"
                         "  WHERE v.paper_id = c.key)"
                         " ORDER BY c.key LIMIT $1",
            .args = &args,
            .size = sizeof(**out),
            .read = read_gone},
        out, n, NULL, e);
}

/* ---- the end ---- */

static enum err_code postgres_copy_done(struct store *s, enum vector_set set,
                                        uint64_t generation, bool repaired,
                                        struct err *e)
{
    struct pg_args args = {0};

    pg_arg_i64(&args, set);
    pg_arg_i64(&args, (int64_t)generation);
    pg_arg_bool(&args, repaired);
    return postgres_query(s, NULL,
                          "UPDATE vector_copy SET generation = $2,"
                          " repair = repair AND NOT $3 WHERE set_id = $1",
                          &args, e);
}

struct ending {
    const struct job_lease *l;
    struct slice result;
    int64_t now_us;
    bool *done;
};

static enum err_code do_finish(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct ending *end = ctx;
    PGresult *r;
    enum err_code code;

    lock(c);
    code = postgres_ask(c, &r,
                        "SELECT EXISTS (SELECT 1 FROM vector_copy c"
                        " JOIN vector_sets v ON v.id = c.set_id"
                        " WHERE c.repair OR c.generation <> v.generation)",
                        NULL, e);
    if (code != ERR_NONE)
        return code;
    *end->done = !pg_bool(r, 0, 0);
    postgres_lib.PQclear(r);
    if (!*end->done)
        return ERR_NONE;
    postgres_ask_end(c, end->l, JOB_COMPLETED, end->result, SLICE_NONE,
                     end->now_us);
    return postgres_next_held(c, end->l, NULL, e);
}

static enum err_code postgres_copies_finish(struct store *s,
                                            const struct job_lease *l,
                                            struct slice result, int64_t now_us,
                                            bool *done, struct err *e)
{
    struct ending end = {l, result, now_us, done};

    return postgres_transact(s, do_finish, &end, e);
}

/* ---- names ---- */

static enum err_code postgres_copy_find(struct store *s, enum vector_set set,
                                        const struct copy_name *names, size_t n,
                                        int64_t *ids, struct err *e)
{
    struct pg_args args = {0};
    struct buf documents, numbers;
    PGresult *r = NULL;
    enum err_code code;

    pg_array_init(&documents, PG_TEXT);
    pg_array_init(&numbers, PG_INT8);
    for (size_t i = 0; i < n; i++) {
        pg_array_text(&documents, names[i].document);
        pg_array_i64(&numbers, names[i].number);
        ids[i] = 0;
    }
    if (set == VECTORS_CHUNKS)
        pg_arg_array(&args, PG_TEXT_ARRAY, &documents);
    pg_arg_array(&args, PG_INT8_ARRAY, &numbers);
    code = postgres_query(
        s, &r,
        set == VECTORS_CHUNKS
            ? "SELECT o.n, c.id FROM unnest($1, $2) WITH ORDINALITY"
              " o(document, number, n) JOIN documents d ON d.id = o.document"
              " AND d.visible JOIN chunks c ON c.document = d.key"
              " AND c.idx = o.number"
            : "SELECT o.n, v.paper_id FROM unnest($1) WITH ORDINALITY"
              " o(number, n) JOIN paper_vectors v ON v.paper_id = o.number",
        &args, e);
    buf_release(&documents);
    buf_release(&numbers);
    if (code != ERR_NONE)
        return code;
    for (int i = 0; i < postgres_lib.PQntuples(r); i++)
        ids[pg_i64(r, i, 0) - 1] = pg_i64(r, i, 1);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code postgres_vectors_get(struct store *s, enum vector_set set,
                                          const struct model_id *m,
                                          const int64_t *ids, size_t n,
                                          float *out, bool *found,
                                          struct err *e)
{
    struct pg_args args = {0};
    struct buf array;
    PGresult *r = NULL;
    enum err_code code;

    pg_array_init(&array, PG_INT8);
    for (size_t i = 0; i < n; i++) {
        pg_array_i64(&array, ids[i]);
        found[i] = false;
    }
    pg_arg_array(&args, PG_INT8_ARRAY, &array);
    pg_arg_i64(&args, document_model(m));
    code = postgres_query(
        s, &r,
        set == VECTORS_CHUNKS
            ? "SELECT o.n, v.vector FROM unnest($1) WITH ORDINALITY o(id, n)"
              " JOIN chunk_vectors v ON v.chunk = o.id JOIN documents d"
              " ON d.key = v.document AND d.visible WHERE v.model = $2"
            : "SELECT o.n, v.vector FROM unnest($1) WITH ORDINALITY o(id, n)"
              " JOIN paper_vectors v ON v.paper_id = o.id WHERE v.model = $2",
        &args, e);
    buf_release(&array);
    if (code != ERR_NONE)
        return code;
    for (int i = 0; i < postgres_lib.PQntuples(r); i++) {
        size_t at = (size_t)pg_i64(r, i, 0) - 1;

        found[at] =
            vector_form_read(pg_slice(r, i, 1), out + at * STORE_VECTOR_DIM);
    }
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

const struct copy_ops postgres_copy_ops = {
    .on = postgres_copies_on,
    .off = postgres_copies_off,
    .state = postgres_copy_state,
    .adopt = postgres_copy_adopt,
    .repair = postgres_copies_repair,
    .note = postgres_copy_note,
    .gone = postgres_copy_gone,
    .forget = postgres_copy_forget,
    .done = postgres_copy_done,
    .finish = postgres_copies_finish,
    .find = postgres_copy_find,
    .vectors = postgres_vectors_get,
};
