/* sqlite_copies.c - see copies.h.
 *
 * The job is made by a trigger (sqlite_migrations.c), when a set's generation
 * moves: so it is made by every write that moves one, whatever it is.
 */
#include <string.h>

#include "store/copies.h"
#include "store/sqlite_documents.h"

/* ---- on and off ---- */

/* The trigger does it for a set that moves; this is for one that stands. */
static enum err_code make_job(struct db *c, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE vector_copy SET wanted = wanted + 1 WHERE set_id = 0");
    return q_run(&q, NULL, e);
}

static enum err_code do_on(struct sqlite_store *s, struct db *c, void *ctx,
                           struct err *e)
{
    struct query q;
    enum err_code code;

    (void)s;
    (void)ctx;
    q_start(&q, c,
            "INSERT OR IGNORE INTO vector_copy(set_id, collection, generation,"
            " repair, wanted) VALUES (0, '', 0, 1, 0), (1, '', 0, 1, 0)");
    code = q_run(&q, NULL, e);
    return code == ERR_NONE ? make_job(c, e) : code;
}

static enum err_code sqlite_copies_on(struct store *s, struct err *e)
{
    return writer_run(sqlite_downcast(s), do_on, NULL, e);
}

static enum err_code do_off(struct sqlite_store *s, struct db *c, void *ctx,
                            struct err *e)
{
    static const char *const all[] = {
        "DELETE FROM vector_copy", "DELETE FROM vector_copies",
        "DELETE FROM jobs WHERE kind = '" COPY_JOB "' AND state = 0"};
    enum err_code code = ERR_NONE;

    (void)s;
    (void)ctx;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all) && code == ERR_NONE;
         i++) {
        struct query q;

        q_start(&q, c, all[i]);
        code = q_run(&q, NULL, e);
    }
    return code;
}

static enum err_code sqlite_copies_off(struct store *s, struct err *e)
{
    return writer_run(sqlite_downcast(s), do_off, NULL, e);
}

/* ---- what is remembered ---- */

static enum err_code read_state(struct db *c, enum vector_set set,
                                struct copy_state *out, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT collection, generation, repair FROM vector_copy"
            " WHERE set_id = ?");
    q_int(&q, set);
    out->on = q_next(&q);
    if (out->on) {
        struct slice id = q_peek_text(&q);

        memcpy(out->collection, id.p, id.len);
        out->collection[id.len] = '\0';
        out->generation = (uint64_t)q_get_int(&q);
        out->repair = q_get_int(&q);
    }
    return q_end(&q, e);
}

static enum err_code count_waiting(struct db *c, enum vector_set set,
                                   struct copy_state *out, struct err *e)
{
    struct query q;

    q_start(&q, c,
            set == VECTORS_CHUNKS
                ? "SELECT CAST(total(total_chunks) AS INTEGER) FROM documents"
                  " WHERE visible = 1 AND generation > ?"
                : "SELECT count(*) FROM paper_vectors WHERE generation > ?");
    q_int(&q, (int64_t)out->generation);
    return q_one_int(&q, 0, &out->waiting, e);
}

static enum err_code sqlite_copy_state(struct store *base, enum vector_set set,
                                       struct copy_state *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    *out = (struct copy_state){.on = false};
    if (code != ERR_NONE)
        return code;
    code = read_state(c, set, out, e);
    if (code == ERR_NONE && out->on)
        code = count_waiting(c, set, out, e);
    db_put(s, c);
    return code;
}

struct adopting {
    enum vector_set set;
    struct slice collection;
};

static enum err_code do_adopt(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    const struct adopting *ad = ctx;
    struct query q;
    enum err_code code;

    (void)s;
    q_start(&q, c,
            "UPDATE vector_copy SET collection = ?, generation = 0, repair = 1"
            " WHERE set_id = ?");
    q_text(&q, ad->collection);
    q_int(&q, ad->set);
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "DELETE FROM vector_copies WHERE set_id = ?");
    q_int(&q, ad->set);
    return q_run(&q, NULL, e);
}

static enum err_code sqlite_copy_adopt(struct store *s, enum vector_set set,
                                       struct slice collection, struct err *e)
{
    struct adopting ad = {set, collection};

    return writer_run(sqlite_downcast(s), do_adopt, &ad, e);
}

struct repairing {
    struct arena *a;
    struct slice *job_id;
};

static enum err_code do_repair(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    const struct repairing *r = ctx;
    struct query q;
    int64_t changed = 0;
    enum err_code code;

    (void)s;
    q_start(&q, c, "UPDATE vector_copy SET repair = 1");
    code = q_run(&q, &changed, e);
    if (code == ERR_NONE && !changed)
        return document_no_copy(e);
    if (code == ERR_NONE)
        code = make_job(c, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT id FROM jobs WHERE kind = '" COPY_JOB "'"
            " AND state IN (0, 1) ORDER BY seq DESC");
    if (q_next(&q))
        *r->job_id = q_get_text(&q, r->a);
    return q_end(&q, e);
}

static enum err_code sqlite_copies_repair(struct store *s, struct arena *a,
                                          struct slice *job_id, struct err *e)
{
    struct repairing r = {a, job_id};

    return writer_run(sqlite_downcast(s), do_repair, &r, e);
}

/* ---- what was sent ---- */

struct noting {
    enum vector_set set;
    const struct copy_note *notes; /* or NULL: keys are forgotten */
    const int64_t *keys;
    size_t n;
};

static enum err_code do_note(struct sqlite_store *s, struct db *c, void *ctx,
                             struct err *e)
{
    const struct noting *w = ctx;
    enum err_code code = ERR_NONE;

    (void)s;
    for (size_t i = 0; i < w->n && code == ERR_NONE; i++) {
        struct query q;

        q_start(&q, c,
                "INSERT INTO vector_copies VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET name = excluded.name,"
                " records = max(records, excluded.records)");
        q_int(&q, w->set);
        q_int(&q, w->notes[i].key);
        q_text(&q, w->notes[i].name);
        q_int(&q, w->notes[i].records);
        code = q_run(&q, NULL, e);
    }
    return code;
}

static enum err_code sqlite_copy_note(struct store *s, enum vector_set set,
                                      const struct copy_note *notes, size_t n,
                                      struct err *e)
{
    struct noting w = {.set = set, .notes = notes, .n = n};

    return writer_run(sqlite_downcast(s), do_note, &w, e);
}

static enum err_code do_forget(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    const struct noting *w = ctx;
    enum err_code code = ERR_NONE;

    (void)s;
    for (size_t i = 0; i < w->n && code == ERR_NONE; i++) {
        struct query q;

        q_start(&q, c,
                "DELETE FROM vector_copies WHERE set_id = ? AND key = ?");
        q_int(&q, w->set);
        q_int(&q, w->keys[i]);
        code = q_run(&q, NULL, e);
    }
    return code;
}

static enum err_code sqlite_copy_forget(struct store *s, enum vector_set set,
                                        const int64_t *keys, size_t n,
                                        struct err *e)
{
    struct noting w = {.set = set, .keys = keys, .n = n};

    return writer_run(sqlite_downcast(s), do_forget, &w, e);
}

static void read_gone(struct query *q, struct arena *a, void *row)
{
    struct copy_gone *g = row;

    g->note.key = q_get_int(q);
    g->note.name = q_get_text(q, a);
    g->note.records = q_get_int(q);
    g->kept = q_get_int(q);
}

static enum err_code sqlite_copy_gone(struct store *base, struct arena *a,
                                      enum vector_set set, int limit,
                                      struct copy_gone **out, size_t *n,
                                      struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(**out)};
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            set == VECTORS_CHUNKS
                ? "SELECT c.key, c.name, c.records, coalesce(d.total_chunks, 0)"
                  " FROM vector_copies c LEFT JOIN documents d"
                  "  ON d.id = c.name AND d.visible = 1"
                  " WHERE c.set_id = 0 AND c.key NOT IN"
                  "  (SELECT key FROM documents WHERE visible = 1)"
                  " ORDER BY c.key LIMIT ?"
                : "SELECT key, name, records, 0 FROM vector_copies"
                  " WHERE set_id = 1 AND key NOT IN"
                  "  (SELECT paper_id FROM paper_vectors)"
                  " ORDER BY key LIMIT ?");
    q_int(&q, limit);
    code = q_rows(&q, &rows, read_gone, e);
    db_put(s, c);
    *out = (struct copy_gone *)(void *)rows.p;
    *n = rows.n;
    return code;
}

/* ---- the end ---- */

struct doing {
    enum vector_set set;
    uint64_t generation;
    bool repaired;
};

static enum err_code do_done(struct sqlite_store *s, struct db *c, void *ctx,
                             struct err *e)
{
    const struct doing *d = ctx;
    struct query q;

    (void)s;
    q_start(&q, c,
            "UPDATE vector_copy SET generation = ?1,"
            " repair = iif(?2, 0, repair) WHERE set_id = ?3");
    q_int(&q, (int64_t)d->generation);
    q_int(&q, d->repaired);
    q_int(&q, d->set);
    return q_run(&q, NULL, e);
}

static enum err_code sqlite_copy_done(struct store *s, enum vector_set set,
                                      uint64_t generation, bool repaired,
                                      struct err *e)
{
    struct doing d = {set, generation, repaired};

    return writer_run(sqlite_downcast(s), do_done, &d, e);
}

struct ending {
    const struct job_lease *l;
    struct slice result;
    int64_t now_us;
    bool *done;
};

static enum err_code do_finish(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    const struct ending *end = ctx;
    int64_t waits = 0;
    struct query q;
    enum err_code code;

    (void)s;
    q_start(&q, c,
            "SELECT EXISTS (SELECT 1 FROM vector_copy c JOIN vector_sets v"
            " ON v.id = c.set_id WHERE c.repair OR c.generation"
            " <> v.generation)");
    code = q_one_int(&q, 0, &waits, e);
    *end->done = !waits;
    return code == ERR_NONE && !waits
               ? job_write_end(c, end->l, JOB_COMPLETED, end->result,
                               SLICE_NONE, end->now_us, e)
               : code;
}

static enum err_code sqlite_copies_finish(struct store *s,
                                          const struct job_lease *l,
                                          struct slice result, int64_t now_us,
                                          bool *done, struct err *e)
{
    struct ending end = {l, result, now_us, done};

    return writer_run(sqlite_downcast(s), do_finish, &end, e);
}

/* ---- names ---- */

static enum err_code sqlite_copy_find(struct store *base, enum vector_set set,
                                      const struct copy_name *names, size_t n,
                                      int64_t *ids, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    for (size_t i = 0; i < n && code == ERR_NONE; i++) {
        struct query q;

        q_start(&q, c,
                set == VECTORS_CHUNKS
                    ? "SELECT c.id FROM documents d JOIN chunks c"
                      " ON c.document = d.key AND c.idx = ?1"
                      " WHERE d.id = ?2 AND d.visible = 1"
                    : "SELECT paper_id FROM paper_vectors WHERE paper_id = ?1");
        q_int(&q, names[i].number);
        if (set == VECTORS_CHUNKS)
            q_text(&q, names[i].document);
        code = q_one_int(&q, 0, &ids[i], e);
    }
    db_put(s, c);
    return code;
}

static enum err_code get_vector(struct db *c, enum vector_set set,
                                int64_t model, int64_t id, float *out,
                                bool *found, struct err *e)
{
    struct slice v = SLICE_NONE;
    struct query q;

    q_start(&q, c,
            set == VECTORS_CHUNKS
                ? "SELECT c.vector FROM chunks c JOIN documents d"
                  " ON d.key = c.document AND d.visible = 1"
                  " WHERE c.id = ? AND c.model = ?"
                : "SELECT vector FROM paper_vectors"
                  " WHERE paper_id = ? AND model = ?");
    q_int(&q, id);
    q_int(&q, model);
    if (q_next(&q))
        v = q_peek_blob(&q);
    *found = v.len == VECTOR_BYTES;
    if (*found)
        memcpy(out, v.p, VECTOR_BYTES);
    return q_end(&q, e);
}

static enum err_code sqlite_vectors_get(struct store *base, enum vector_set set,
                                        const struct model_id *m,
                                        const int64_t *ids, size_t n,
                                        float *out, bool *found, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    for (size_t i = 0; i < n && code == ERR_NONE; i++)
        code = get_vector(c, set, document_model(m), ids[i],
                          out + i * STORE_VECTOR_DIM, &found[i], e);
    db_put(s, c);
    return code;
}

const struct copy_ops sqlite_copy_ops = {
    .on = sqlite_copies_on,
    .off = sqlite_copies_off,
    .state = sqlite_copy_state,
    .adopt = sqlite_copy_adopt,
    .repair = sqlite_copies_repair,
    .note = sqlite_copy_note,
    .gone = sqlite_copy_gone,
    .forget = sqlite_copy_forget,
    .done = sqlite_copy_done,
    .finish = sqlite_copies_finish,
    .find = sqlite_copy_find,
    .vectors = sqlite_vectors_get,
};
