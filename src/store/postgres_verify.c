/* postgres_verify.c - does the database agree with itself?
 *
 * The words of a row are made again from its text by the code that first made
 * them (postgres_text.c), and the server compares, a few hundred rows at a
 * time.  Its own indexes are looked at with its extension amcheck, where that
 * is.
 */
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "store/postgres_documents.h"
#include "store/postgres_text.h"
#include "store/verify_checks.h"

#define BATCH_ROWS 200

static const struct verify_check own_checks[] = {
    {"documents whose text is not all there",
     "SELECT count(*), min(key) FROM documents d LEFT JOIN document_texts t"
     " ON t.document = d.key WHERE d.bytes <> coalesce(length(t.text), 0)"},
    {"chunks without a vector",
     "SELECT count(*), min(id) FROM chunks WHERE id NOT IN"
     " (SELECT chunk FROM chunk_vectors)"},
    {"vectors of chunks that are not there",
     "SELECT count(*), min(chunk) FROM chunk_vectors WHERE chunk NOT IN"
     " (SELECT id FROM chunks)"},
    {"chunks too many or too few in the count of chunks",
     "SELECT abs(n_chunks - (SELECT count(*) FROM chunks c JOIN documents d"
     " ON d.key = c.document WHERE d.visible)), NULL FROM vector_sets"
     " WHERE id = 0"},
    {"words too many or too few in the count of words",
     "SELECT abs(n_words - (SELECT coalesce(sum(c.n_words), 0)::bigint"
     " FROM chunks c JOIN documents d ON d.key = c.document"
     " WHERE d.visible)), NULL FROM vector_sets WHERE id = 0"},
    {0},
};
/* Only bytes can have a wrong length. */
static const struct verify_check byte_checks[] = {
    {"vectors of chunks of a wrong length",
     "SELECT count(*), min(chunk) FROM chunk_vectors"
     " WHERE length(vector) <> 1536"},
    {"vectors of papers of a wrong length",
     "SELECT count(*), min(paper_id) FROM paper_vectors"
     " WHERE length(vector) <> 1536"},
    {0},
};

static enum err_code run_checks(struct pg_conn *c, const struct store_verify *v,
                                const struct verify_check *check, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (; check->what && code == ERR_NONE; check++) {
        PGresult *r;

        code = postgres_ask(c, &r, check->sql, NULL, e);
        if (code != ERR_NONE)
            break;
        verify_told(v, check, pg_i64(r, 0, 0), pg_i64(r, 0, 1));
        postgres_lib.PQclear(r);
    }
    return code;
}

/* ---- indexes ---- */

static enum err_code check_indexes(struct pg_conn *c,
                                   const struct store_verify *v, struct err *e)
{
    struct err why = {0};
    PGresult *r;
    bool installed;
    enum err_code code = pg_query(c, &r,
                                  "SELECT EXISTS (SELECT 1 FROM pg_extension"
                                  " WHERE extname = 'amcheck')",
                                  NULL, e);

    v->step(v->ctx, "indexes");
    if (code != ERR_NONE)
        return code;
    installed = pg_bool(r, 0, 0);
    postgres_lib.PQclear(r);
    if (!installed) {
        verify_note(v, "the server's indexes were not looked at: the database "
                       "has no extension amcheck");
        return ERR_NONE;
    }
    code = pg_query(c, NULL,
                    "SELECT bt_index_check(i.oid::regclass) FROM pg_class i"
                    " JOIN pg_am a ON a.oid = i.relam AND a.amname = 'btree'"
                    " WHERE i.relkind = 'i'"
                    " AND i.relnamespace = current_schema()::regnamespace",
                    NULL, &why);
    if (code == ERR_INTERNAL)
        verify_found(v, "an index: %s", why.msg);
    else if (code != ERR_NONE && e)
        *e = why;
    return code == ERR_INTERNAL ? ERR_NONE : code;
}

/* ---- full text ---- */

/* One kind of rows with words. */
struct worded {
    const char *name;
    const char *rows;    /* $1 id to begin behind, $2 how many; id first */
    const char *differ;  /* $1 ids, $2 words: ids of rows with others */
    const char *correct; /* the same, and makes them those */
    void (*words)(struct buf *out, const PGresult *r, int row);
    bool is_chunk; /* with hash (column 1) and text (column 3) */
};

static void paper_words(struct buf *out, const PGresult *r, int row)
{
    struct paper p = {.title = pg_slice(r, row, 1),
                      .abstract = pg_slice(r, row, 2),
                      .authors = pg_slice(r, row, 3)};

    pg_text_vector(out, &p);
}

static void chunk_words(struct buf *out, const PGresult *r, int row)
{
    struct slice title = pg_slice(r, row, 2);
    struct paper p = {
        .title = title, .abstract = pg_slice(r, row, 3), .authors = title};

    pg_text_vector(out, &p);
}

#define DIFFER                                                                 \
    " FROM unnest($1, $2) AS u(id, words) WHERE t.id = u.id"                   \
    " AND t.words <> u.words"

static const struct worded worded[] = {
    {"papers",
     "SELECT id, title, abstract, authors FROM papers WHERE id > $1"
     " AND deleted_at = 0 ORDER BY id LIMIT $2",
     "SELECT t.id FROM papers t, unnest($1, $2) AS u(id, words)"
     " WHERE t.id = u.id AND t.words <> u.words ORDER BY t.id",
     "UPDATE papers t SET words = u.words" DIFFER " RETURNING t.id",
     paper_words, false},
    {"chunks",
     "SELECT c.id, c.sha256, d.title, substring(x.text FROM"
     " (c.start_byte + 1)::int FOR (c.end_byte - c.start_byte)::int)"
     " FROM chunks c JOIN documents d ON d.key = c.document"
     " JOIN document_texts x ON x.document = c.document"
     " WHERE c.id > $1 AND c.start_byte >= 0 AND c.end_byte >= c.start_byte"
     " ORDER BY c.id LIMIT $2",
     "SELECT t.id FROM chunks t, unnest($1, $2) AS u(id, words)"
     " WHERE t.id = u.id AND t.words <> u.words ORDER BY t.id",
     "UPDATE chunks t SET words = u.words, n_words ="
     " (SELECT coalesce(sum(cardinality(l.positions)), 0)"
     "  FROM unnest(u.words) l)" DIFFER " RETURNING t.id",
     chunk_words, true},
};

struct text_walk {
    const struct worded *of;
    bool repair;
    int64_t after; /* id */
    int rows;      /* of the last batch */
    int64_t differ, first;
    int64_t changed, first_changed; /* chunks whose text is another */
};

static void check_hash(struct text_walk *w, const PGresult *r, int row)
{
    struct slice stored = pg_slice(r, row, 1);
    uint8_t sha256[32];

    crypto_sha256(sha256, pg_slice(r, row, 3));
    if (stored.len == sizeof(sha256) &&
        memcmp(stored.p, sha256, sizeof(sha256)) == 0)
        return;
    if (w->changed++ == 0)
        w->first_changed = pg_i64(r, row, 0);
}

static enum err_code compare(struct pg_conn *c, struct text_walk *w,
                             const PGresult *rows, struct err *e)
{
    struct pg_args a = {0};
    struct buf ids, words;
    PGresult *r;
    enum err_code code;

    pg_array_init(&ids, PG_INT8);
    pg_array_init(&words, PG_TSVECTOR);
    for (int i = 0; i < w->rows; i++) {
        size_t at = pg_array_open(&words);

        w->of->words(&words, rows, i);
        pg_array_close(&words, at);
        pg_array_i64(&ids, pg_i64(rows, i, 0));
        if (w->of->is_chunk)
            check_hash(w, rows, i);
    }
    pg_arg_array(&a, PG_INT8_ARRAY, &ids);
    pg_arg_array(&a, PG_TSVECTOR_ARRAY, &words);
    code =
        postgres_ask(c, &r, w->repair ? w->of->correct : w->of->differ, &a, e);
    buf_release(&words);
    buf_release(&ids);
    if (code != ERR_NONE)
        return code;
    if (w->differ == 0 && postgres_lib.PQntuples(r))
        w->first = pg_i64(r, 0, 0);
    w->differ += postgres_lib.PQntuples(r);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code batch(struct pg_conn *c, struct text_walk *w,
                           struct err *e)
{
    struct pg_args a = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&a, w->after);
    pg_arg_i64(&a, BATCH_ROWS);
    code = postgres_ask(c, &r, w->of->rows, &a, e);
    if (code != ERR_NONE)
        return code;
    w->rows = postgres_lib.PQntuples(r);
    if (w->rows) {
        w->after = pg_i64(r, w->rows - 1, 0);
        code = compare(c, w, r, e);
    }
    postgres_lib.PQclear(r);
    return code;
}

static enum err_code check_text(struct pg_conn *c, const struct store_verify *v,
                                bool *differs, struct err *e)
{
    enum err_code code = ERR_NONE;

    v->step(v->ctx, "full text");
    for (size_t i = 0; i < sizeof(worded) / sizeof(*worded) && code == ERR_NONE;
         i++) {
        struct text_walk w = {.of = &worded[i], .rows = BATCH_ROWS};

        while (code == ERR_NONE && w.rows == BATCH_ROWS)
            code = batch(c, &w, e);
        if (w.differ)
            verify_found(v,
                         "the full text of %s is not that of their texts (%lld "
                         "of them, one: %lld)",
                         w.of->name, (long long)w.differ, (long long)w.first);
        if (w.changed)
            verify_found(v,
                         "%lld chunks whose text is not what it was when they "
                         "were cut (one of them: %lld)",
                         (long long)w.changed, (long long)w.first_changed);
        *differs |= w.differ > 0;
    }
    return code;
}

/* ---- repair ---- */

struct repairing {
    struct text_walk before, after; /* a transaction may run twice */
};

static enum err_code do_batch(struct pg_conn *c, void *ctx, struct err *e)
{
    struct repairing *r = ctx;

    r->after = r->before;
    return batch(c, &r->after, e);
}

static enum err_code do_count(struct pg_conn *c, void *ctx, struct err *e)
{
    (void)ctx;
    (void)e;
    pg_do(c,
          "UPDATE vector_sets SET n_words = (SELECT coalesce(sum(c.n_words),"
          " 0)::bigint FROM chunks c JOIN documents d ON d.key = c.document"
          " WHERE d.visible) WHERE id = 0",
          NULL);
    return ERR_NONE;
}

static enum err_code rebuild(struct store *s, const struct store_verify *v,
                             struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < sizeof(worded) / sizeof(*worded) && code == ERR_NONE;
         i++) {
        struct repairing r = {
            .before = {.of = &worded[i], .rows = BATCH_ROWS, .repair = true}};

        while (code == ERR_NONE && r.before.rows == BATCH_ROWS) {
            code = postgres_transact(s, do_batch, &r, e);
            r.before = r.after;
        }
    }
    if (code == ERR_NONE)
        code = postgres_transact(s, do_count, NULL, e);
    if (code == ERR_NONE)
        verify_note(v, "the full text was made anew");
    return code;
}

/* ---- all of it ---- */

static enum err_code check_all(struct postgres *p, struct pg_conn *c,
                               const struct store_verify *v, bool *differs,
                               struct err *e)
{
    enum err_code code = check_indexes(c, v, e);

    if (code == ERR_NONE)
        code = pg_script(c,
                         "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                         "SET LOCAL statement_timeout = 0",
                         e);
    if (code != ERR_NONE)
        return code;
    v->step(v->ctx, "rows");
    code = run_checks(c, v, verify_checks, e);
    if (code == ERR_NONE)
        code = run_checks(c, v, own_checks, e);
    if (code == ERR_NONE && p->vectors.type == PG_BYTEA)
        code = run_checks(c, v, byte_checks, e);
    return code == ERR_NONE ? check_text(c, v, differs, e) : code;
}

static enum err_code verify(struct store *s, const struct store_verify *v,
                            struct err *e)
{
    struct postgres *p = postgres_of(s);
    struct pg_conn *c;
    bool differs = false;
    enum err_code code = postgres_take(p, &c, e);

    if (code != ERR_NONE)
        return code;
    code = check_all(p, c, v, &differs, e);
    postgres_give(p, c); /* rolls back */
    if (code == ERR_NONE && differs && v->repair)
        code = rebuild(s, v, e);
    return code;
}

const struct verify_ops postgres_verify_ops = {.verify = verify};
