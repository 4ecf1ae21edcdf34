/* sqlite_vectors.c - keyword search over chunks, and vectors.
 *
 * The full text has versions in it that are still being built (and their words
 * in its statistics): of what would be among the best it is asked whether it is
 * visible.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_documents.h"
#include "store/sqlite_filter.h"

/* ---- keyword search ---- */

void words_expression(struct buf *out, struct slice text)
{
    struct slice words[DOCUMENT_MAX_WORDS];
    size_t n = document_words(text, words);

    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_str(out, " OR ");
        fts_quote(out, words[i]);
    }
}

static enum err_code is_visible(struct db *c, int64_t chunk, int64_t *visible,
                                struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT d.visible FROM chunks c JOIN documents d"
            " ON d.key = c.document WHERE c.id = ?");
    q_int(&q, chunk);
    return q_one_int(&q, 0, visible, e);
}

struct searching {
    bool (*keep)(void *ctx, int64_t chunk_id);
    void *ctx;
    struct match_list list;
};

static enum err_code consider(struct db *c, struct searching *w,
                              struct word_match m, struct err *e)
{
    int64_t visible = 0;
    enum err_code code;

    if (!match_list_wants(&w->list, m) || (w->keep && !w->keep(w->ctx, m.id)))
        return ERR_NONE;
    code = is_visible(c, m.id, &visible, e);
    if (code == ERR_NONE && visible)
        match_list_add(&w->list, m);
    return code;
}

static enum err_code search_all(struct db *c, struct slice expression,
                                struct searching *w, struct err *e)
{
    enum err_code code = ERR_NONE, ended;
    struct query q;

    q_start(&q, c,
            "SELECT rowid, bm25(chunks_fts, 2.0, 1.0) FROM chunks_fts"
            " WHERE chunks_fts MATCH ?");
    q_text(&q, expression);
    while (code == ERR_NONE && q_next(&q)) {
        struct word_match m = {.id = q_get_int(&q)};

        m.score = -q_get_double(&q); /* FTS5's best is the lowest */
        code = consider(c, w, m, e);
    }
    ended = q_end(&q, code == ERR_NONE ? e : NULL);
    return code == ERR_NONE ? ended : code;
}

enum err_code sqlite_chunks_search(struct store *base, struct arena *a,
                                   struct slice text, int k,
                                   bool (*keep)(void *ctx, int64_t chunk_id),
                                   void *ctx, struct word_match **out,
                                   size_t *n, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct searching w = {keep, ctx, {.k = (size_t)k}};
    struct buf expression;
    struct db *c;
    enum err_code code = ERR_NONE;

    w.list.p = arena_calloc(a, (size_t)k + 1, sizeof(*w.list.p));
    if (!w.list.p)
        return arena_full(e);
    buf_init(&expression, (size_t)32 << 20);
    words_expression(&expression, text);
    if (expression.len && k)
        code = db_get(s, true, &c, e);
    if (code == ERR_NONE && expression.len && k) {
        code = search_all(c, buf_slice(&expression), &w, e);
        db_put(s, c);
    }
    buf_release(&expression);
    *out = w.list.p;
    *n = w.list.n;
    return code;
}

/* ---- sets ---- */

enum err_code vectors_touch(struct db *c, enum vector_set set, int64_t *now,
                            struct err *e)
{
    struct query q;

    q_start(&q, c,
            "UPDATE vector_sets SET generation = generation + 1"
            " WHERE id = ? RETURNING generation");
    q_int(&q, set);
    *now = q_next(&q) ? q_get_int(&q) : 0;
    return q_run(&q, NULL, e);
}

static enum err_code read_generation(struct db *c, enum vector_set set,
                                     uint64_t *out, struct err *e)
{
    int64_t generation = 0;
    struct query q;
    enum err_code code;

    q_start(&q, c, "SELECT generation FROM vector_sets WHERE id = ?");
    q_int(&q, set);
    code = q_one_int(&q, 0, &generation, e);
    *out = (uint64_t)generation;
    return code;
}

enum err_code sqlite_vectors_generation(struct store *base, enum vector_set set,
                                        uint64_t *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_generation(c, set, out, e);
    db_put(s, c);
    return code;
}

enum err_code sqlite_vectors_model(struct store *base, enum vector_set set,
                                   struct model_id *out, bool *known,
                                   struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    *known = false;
    q_start(&q, c, "SELECT model FROM vector_sets WHERE id = ?");
    q_int(&q, set);
    if (q_next(&q)) {
        struct slice model = q_peek_blob(&q);

        *known = model.len == sizeof(out->fingerprint);
        if (*known)
            memcpy(out->fingerprint, model.p, model.len);
    }
    code = q_end(&q, e);
    db_put(s, c);
    return code;
}

struct setting {
    enum vector_set set;
    const struct model_id *m;
};

static enum err_code do_set(struct sqlite_store *s, struct db *c, void *ctx,
                            struct err *e)
{
    struct setting *set = ctx;
    struct query q;

    (void)s;
    q_start(&q, c, "UPDATE vector_sets SET model = ? WHERE id = ?");
    q_blob(&q, set->m->fingerprint, sizeof(set->m->fingerprint));
    q_int(&q, set->set);
    return q_run(&q, NULL, e);
}

enum err_code sqlite_vectors_model_set(struct store *s, enum vector_set set,
                                       const struct model_id *m, struct err *e)
{
    struct setting setting = {set, m};

    return writer_run(sqlite_downcast(s), do_set, &setting, e);
}

/* ---- lists of numbers ---- */

/* The numbers that a statement without parameters gives, malloc'ed. */
static enum err_code list_ids(struct store *base, const char *sql,
                              int64_t **out, size_t *n, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct id_list ids = {0};
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, sql);
    code = q_ids(&q, &ids, e);
    db_put(s, c);
    if (code != ERR_NONE) {
        free(ids.p);
        return code;
    }
    *out = ids.p;
    *n = ids.n;
    return ERR_NONE;
}

enum err_code sqlite_vectors_present(struct store *s, enum vector_set set,
                                     int64_t **out, size_t *n, struct err *e)
{
    return list_ids(
        s,
        set == VECTORS_CHUNKS
            ? "SELECT key FROM documents WHERE visible = 1 ORDER BY key"
            : "SELECT paper_id FROM paper_vectors ORDER BY paper_id",
        out, n, e);
}

enum err_code sqlite_papers_waiting(struct store *s, int64_t **out, size_t *n,
                                    struct err *e)
{
    return list_ids(s, "SELECT paper_id FROM papers_unembedded ORDER BY 1", out,
                    n, e);
}

enum err_code sqlite_present_count(struct store *base, enum vector_set set,
                                   int64_t *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            set == VECTORS_CHUNKS
                ? "SELECT count(*) FROM documents WHERE visible = 1"
                : "SELECT count(*) FROM paper_vectors");
    code = q_one_int(&q, 0, out, e);
    db_put(s, c);
    return code;
}

/* ---- each chunk ---- */

const float *vector_read(struct query *q, struct arena *a)
{
    struct slice bytes = q_peek_blob(q);
    float *v;

    if (bytes.len == 0)
        return NULL;
    v = arena_calloc(a, 1, VECTOR_BYTES);
    if (!v)
        q->no_memory = true;
    else if (bytes.len == VECTOR_BYTES)
        memcpy(v, bytes.p, VECTOR_BYTES);
    return v;
}

static enum err_code changed_documents(struct sqlite_store *s, uint64_t since,
                                       struct id_list *out,
                                       uint64_t *generation, struct err *e)
{
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = read_generation(c, VECTORS_CHUNKS, generation, e);
    if (code == ERR_NONE) {
        q_start(&q, c,
                "SELECT key FROM documents WHERE visible = 1"
                " AND generation > ? ORDER BY key");
        q_int(&q, (int64_t)since);
        code = q_ids(&q, out, e);
    }
    db_put(s, c);
    return code;
}

#define CHUNK_NUMBERS                                                          \
    "SELECT id, idx, start_char, end_char, page, tokens, metadata"
#define OF_DOCUMENT " FROM chunks WHERE document = ?1 AND idx > ?2"

static enum err_code read_batch(struct sqlite_store *s, int64_t key,
                                int64_t after, const struct model_id *model,
                                struct rows *rows, struct err *e)
{
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            model ? CHUNK_NUMBERS ", iif(model = ?4, vector, NULL)" OF_DOCUMENT
                                  " ORDER BY idx LIMIT ?3"
                  : CHUNK_NUMBERS OF_DOCUMENT " ORDER BY idx LIMIT ?3");
    q_int(&q, key);
    q_int(&q, after);
    q_int(&q, BATCH);
    if (model)
        q_int(&q, document_model(model));
    while (q_next(&q)) {
        struct chunk_vector *v = rows_add(rows);

        if (!v) {
            q.no_memory = true;
            break;
        }
        v->document_key = key;
        v->chunk_id = q_get_int(&q);
        v->index = q_get_int(&q);
        v->start_char = q_get_int(&q);
        v->end_char = q_get_int(&q);
        v->page = q_get_int(&q);
        v->tokens = q_get_int(&q);
        v->metadata = q_get_text(&q, rows->a);
        if (model)
            v->vector = vector_read(&q, rows->a);
    }
    code = q_end(&q, e);
    db_put(s, c);
    return code;
}

struct chunk_visitor {
    enum err_code (*each)(void *ctx, const struct chunk_vector *v,
                          struct err *e);
    void *ctx;
    const struct model_id *model; /* or NULL */
    struct arena *a;
};

static enum err_code visit_document(struct sqlite_store *s, int64_t key,
                                    struct chunk_visitor *w, struct err *e)
{
    int64_t after = -1;
    size_t n = BATCH;
    enum err_code code = ERR_NONE;

    while (n == BATCH && code == ERR_NONE) {
        struct rows rows = {.a = w->a, .size = sizeof(struct chunk_vector)};
        const struct chunk_vector *v;

        arena_reset(w->a);
        code = read_batch(s, key, after, w->model, &rows, e);
        v = (const struct chunk_vector *)(void *)rows.p;
        n = rows.n;
        for (size_t i = 0; i < n && code == ERR_NONE; i++) {
            after = v[i].index;
            code = w->each(w->ctx, &v[i], e);
        }
    }
    return code;
}

enum err_code sqlite_chunks_each(
    struct store *base, const struct model_id *m, uint64_t since,
    enum err_code (*each)(void *ctx, const struct chunk_vector *v,
                          struct err *e),
    void *ctx, uint64_t *generation, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct chunk_visitor w = {each, ctx, m, arena_new(BATCH_BYTES)};
    struct id_list keys = {0};
    enum err_code code = w.a ? changed_documents(s, since, &keys, generation, e)
                             : err_set(e, ERR_INTERNAL, "out of memory");

    for (size_t i = 0; i < keys.n && code == ERR_NONE; i++)
        code = visit_document(s, keys.p[i], &w, e);
    free(keys.p);
    arena_free(w.a);
    return code;
}

/* ---- texts that have a vector ---- */

enum err_code sqlite_vectors_cached(struct store *base,
                                    const struct model_id *m,
                                    const uint8_t (*sha256)[32], size_t n,
                                    float *out, bool *found, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    for (size_t i = 0; i < n && code == ERR_NONE; i++) {
        struct query q;

        q_start(&q, c,
                "SELECT vector FROM chunks WHERE sha256 = ? AND model = ?"
                " LIMIT 1");
        q_blob(&q, sha256[i], sizeof(sha256[i]));
        q_int(&q, document_model(m));
        found[i] = q_next(&q);
        if (found[i]) {
            struct slice v = q_peek_blob(&q);

            found[i] = v.len == VECTOR_BYTES;
            if (found[i])
                memcpy(out + i * STORE_VECTOR_DIM, v.p, VECTOR_BYTES);
        }
        code = q_end(&q, e);
    }
    db_put(s, c);
    return code;
}

/* ---- single vectors, and how many there are ---- */

#define VISIBLE_CHUNKS                                                         \
    " FROM chunks c JOIN documents d ON d.key = c.document AND d.visible = 1"

enum err_code sqlite_vector_get(struct store *base, enum vector_set set,
                                const struct model_id *m, int64_t id,
                                float *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct slice v = SLICE_NONE;
    bool found;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            set == VECTORS_CHUNKS ? "SELECT c.vector" VISIBLE_CHUNKS
                                    " WHERE c.id = ? AND c.model = ?"
                                  : "SELECT vector FROM paper_vectors"
                                    " WHERE paper_id = ? AND model = ?");
    q_int(&q, id);
    q_int(&q, document_model(m));
    if (q_next(&q))
        v = q_peek_blob(&q);
    found = v.len == VECTOR_BYTES;
    if (found)
        memcpy(out, v.p, VECTOR_BYTES);
    code = q_end(&q, e);
    db_put(s, c);
    return code == ERR_NONE && !found ? document_no_vector(id, e) : code;
}

enum err_code sqlite_vectors_count(struct store *base, enum vector_set set,
                                   const struct model_id *m,
                                   struct vector_count *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, false, &c, e);

    *out = (struct vector_count){0};
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            set == VECTORS_CHUNKS
                ? "SELECT count(*), total(c.model <> ?)" VISIBLE_CHUNKS
                : "SELECT count(*), total(model <> ?) FROM paper_vectors");
    q_int(&q, document_model(m));
    if (q_next(&q)) {
        out->all = q_get_int(&q);
        out->stale = q_get_int(&q);
    }
    code = q_end(&q, e);
    db_put(s, c);
    return code;
}

enum err_code sqlite_vectors_nearest(struct store *base, struct arena *a,
                                     const struct vector_search *q,
                                     struct vector_match **out, size_t *n,
                                     struct err *e)
{
    (void)base;
    (void)a;
    (void)q;
    (void)out;
    (void)n;
    return document_no_nearest(e);
}

enum err_code sqlite_vectors_index_wanted(struct store *base,
                                          enum vector_set set, bool *out,
                                          struct err *e)
{
    (void)base;
    (void)set;
    (void)e;
    *out = false;
    return ERR_NONE;
}

enum err_code sqlite_vectors_index_make(struct store *base, enum vector_set set,
                                        bool (*each_second)(void *ctx,
                                                            double done),
                                        void *ctx, struct err *e)
{
    (void)base;
    (void)set;
    (void)each_second;
    (void)ctx;
    return document_no_index(e);
}

void sqlite_vectors_ways(const struct store *base, uint64_t *exact,
                         uint64_t *approximate)
{
    (void)base;
    *exact = *approximate = 0;
}

/* ---- another model ---- */

static enum err_code find_unembedded(struct db *c, int64_t model,
                                     int64_t after_id, int limit,
                                     struct arena *a, struct rows *rows,
                                     struct err *e)
{
    struct query q;
    struct buf buf;
    enum err_code code = ERR_NONE, ended;

    buf_init(&buf, STORE_MAX_DOCUMENT);
    q_start(&q, c,
            "SELECT c.id, c.document, c.start_byte, c.end_byte FROM"
            " (SELECT id FROM chunks WHERE (model < ?1 OR model > ?1)"
            "   AND id > ?2) o"
            " JOIN chunks c ON c.id = o.id"
            " JOIN documents d ON d.key = c.document"
            " WHERE d.visible = 1 ORDER BY c.id LIMIT ?3");
    q_int(&q, model);
    q_int(&q, after_id);
    q_int(&q, limit);
    while (code == ERR_NONE && q_next(&q)) {
        struct chunk_text *t = rows_add(rows);
        int64_t id = q_get_int(&q), key = q_get_int(&q);
        int64_t from = q_get_int(&q), to = q_get_int(&q);

        code = t ? document_slice(c, key, from, to, &buf, e) : arena_full(e);
        if (code != ERR_NONE)
            break;
        t->id = id;
        t->text = arena_slice(a, buf_slice(&buf));
        if (!t->text.p)
            code = arena_full(e);
    }
    ended = q_end(&q, code == ERR_NONE ? e : NULL);
    buf_release(&buf);
    return code == ERR_NONE ? ended : code;
}

enum err_code sqlite_chunks_unembedded(struct store *base, struct arena *a,
                                       const struct model_id *m,
                                       int64_t after_id, int limit,
                                       struct chunk_text **out, size_t *n,
                                       struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct chunk_text)};
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = find_unembedded(c, document_model(m), after_id, limit, a, &rows, e);
    db_put(s, c);
    *out = (struct chunk_text *)(void *)rows.p;
    *n = rows.n;
    return code;
}

struct putting {
    int64_t model;
    const int64_t *ids;
    const float *vectors;
    size_t n;
};

static enum err_code put_chunk_vector(struct db *c, const struct putting *p,
                                      size_t i, int64_t generation,
                                      struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c, "UPDATE chunks SET model = ?, vector = ? WHERE id = ?");
    q_int(&q, p->model);
    q_blob(&q, p->vectors + i * STORE_VECTOR_DIM, VECTOR_BYTES);
    q_int(&q, p->ids[i]);
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "UPDATE documents SET generation = ?1 WHERE visible = 1"
            " AND generation <> ?1"
            " AND key = (SELECT document FROM chunks WHERE id = ?2)");
    q_int(&q, generation);
    q_int(&q, p->ids[i]);
    return q_run(&q, NULL, e);
}

static enum err_code do_put_chunks(struct sqlite_store *s, struct db *c,
                                   void *ctx, struct err *e)
{
    const struct putting *p = ctx;
    int64_t generation = 0;
    enum err_code code = vectors_touch(c, VECTORS_CHUNKS, &generation, e);

    (void)s;
    for (size_t i = 0; i < p->n && code == ERR_NONE; i++)
        code = put_chunk_vector(c, p, i, generation, e);
    return code;
}

enum err_code sqlite_chunk_vectors_put(struct store *s,
                                       const struct model_id *m,
                                       const int64_t *ids, const float *vectors,
                                       size_t n, struct err *e)
{
    struct putting p = {document_model(m), ids, vectors, n};

    return writer_run(sqlite_downcast(s), do_put_chunks, &p, e);
}
