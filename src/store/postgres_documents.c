/* postgres_documents.c - documents as versions, chunk by chunk.
 *
 * As in sqlite_documents.c, but that a text is one value of which the server
 * cuts slices without reading the rest, and that the chunks' words are in their
 * rows.  What changes what is visible takes the lock of the set first
 * (postgres_vectors_touch): two versions for one source cannot both find that
 * there is no other.
 */
#include <string.h>

#include "store/postgres_documents.h"
#include "store/postgres_jobs.h"
#include "store/postgres_text.h"

enum err_code postgres_ask(struct pg_conn *c, PGresult **out, const char *sql,
                           const struct pg_args *args, struct err *e)
{
    enum err_code code;

    pg_ask(c, sql, args);
    code = pg_flush(c, e);
    return code == ERR_NONE ? pg_next(c, out, e) : code;
}

enum err_code postgres_no_document(struct slice id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no document '%.*s'", SLICE_ARG(id));
}

void postgres_vectors_touch(struct pg_conn *c, enum vector_set set)
{
    struct pg_args a = {0};

    pg_arg_i64(&a, set);
    pg_do(c, "UPDATE vector_sets SET generation = generation + 1 WHERE id = $1",
          &a);
}

/* The number in the first row, 0 if there is none. */
static enum err_code ask_number(struct pg_conn *c, int64_t *out,
                                const char *sql, const struct pg_args *args,
                                struct err *e)
{
    PGresult *r;
    enum err_code code = postgres_ask(c, &r, sql, args, e);

    if (code != ERR_NONE)
        return code;
    *out = postgres_lib.PQntuples(r) ? pg_i64(r, 0, 0) : 0;
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

/* The text in the first row, empty if there is none. */
static enum err_code ask_text(struct pg_conn *c, struct arena *a,
                              struct slice *out, const char *sql,
                              const struct pg_args *args, struct err *e)
{
    PGresult *r;
    struct pg_row w = {.a = a};
    enum err_code code = postgres_ask(c, &r, sql, args, e);

    if (code != ERR_NONE)
        return code;
    w.r = r;
    *out = postgres_lib.PQntuples(r) ? pg_row_text(&w) : SLICE_NONE;
    postgres_lib.PQclear(r);
    return pg_row_end(&w, e);
}

/* ---- begin ---- */

struct beginning {
    struct arena *a;
    const struct job_lease *l;
    const struct document_new *d;
    struct document_begun *out;
};

/* Holds the job's row until the transaction ends. */
static void ask_lease(struct pg_conn *c, const struct job_lease *l)
{
    struct pg_args a = {0};

    pg_arg_text(&a, slice_of(l->job_id));
    pg_arg_text(&a, slice_of(l->owner));
    pg_arg_i64(&a, l->attempt);
    pg_ask(c,
           "SELECT cancel_requested FROM jobs WHERE id = $1 AND state = 1"
           " AND owner = $2 AND claims = $3 FOR UPDATE",
           &a);
}

/* What makes two versions the same, in the order of arg_identity(). */
#define SAME_CONTENT                                                           \
    " AND sha256 = $1 AND source = $2 AND title = $3 AND metadata = $4"        \
    " AND chunk_size = $5 AND overlap = $6"

static void arg_identity(struct pg_args *a, const struct document_new *d)
{
    pg_arg_bytes(a, d->sha256, sizeof(d->sha256));
    pg_arg_text(a, d->source);
    pg_arg_text(a, d->title);
    pg_arg_text(a, d->metadata);
    pg_arg_i64(a, d->chunk_size);
    pg_arg_i64(a, d->overlap);
}

static enum err_code find_others(struct pg_conn *c, struct beginning *b,
                                 struct err *e)
{
    struct pg_args same = {0}, place = {0};
    enum err_code code;

    arg_identity(&same, b->d);
    code = ask_text(c, b->a, &b->out->duplicate_of,
                    "SELECT id FROM documents WHERE visible" SAME_CONTENT
                    " LIMIT 1",
                    &same, e);
    if (code != ERR_NONE || b->out->duplicate_of.len)
        return code;
    pg_arg_text(&place, b->d->id);
    pg_arg_text(&place, b->d->source);
    return ask_text(c, b->a, &b->out->replaces,
                    "SELECT id FROM documents WHERE visible AND id = $1"
                    " UNION ALL SELECT id FROM documents WHERE visible"
                    " AND source = $2 AND $2 <> '' LIMIT 1",
                    &place, e);
}

/* The rest of what must not have changed, as $7 and so on. */
static void arg_version(struct pg_args *a, const struct beginning *b)
{
    const struct document_new *d = b->d;

    arg_identity(a, d);
    pg_arg_text(a, d->id);
    pg_arg_text(a, slice_of(b->l->job_id));
    pg_arg_i64(a, (int64_t)d->text.len);
    pg_arg_i64(a, d->chars);
    pg_arg_i64(a, d->total_chunks);
    pg_arg_text(a, d->pages);
}

static enum err_code insert_version(struct pg_conn *c,
                                    const struct beginning *b, struct err *e)
{
    const struct document_new *d = b->d;
    struct pg_args job = {0}, version = {0}, text = {0};
    enum err_code code;

    pg_arg_text(&job, slice_of(b->l->job_id));
    pg_do(c, "DELETE FROM documents WHERE NOT visible AND job_id = $1", &job);
    arg_version(&version, b);
    pg_arg_i64(&version, d->now_us);
    code = ask_number(
        c, &b->out->key,
        "INSERT INTO documents(sha256, source, title, metadata,"
        " chunk_size, overlap, id, job_id, bytes, chars, total_chunks, pages,"
        " created_at, updated_at, visible, generation) VALUES ($1, $2, $3, $4,"
        " $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, false, 0)"
        " RETURNING key",
        &version, e);
    if (code != ERR_NONE)
        return code;
    pg_arg_i64(&text, b->out->key);
    pg_arg_bytes(&text, d->text.len ? d->text.p : "", d->text.len);
    pg_do(c, "INSERT INTO document_texts VALUES ($1, $2)", &text);
    return ERR_NONE;
}

static enum err_code count_chunks(struct pg_conn *c, int64_t key, int64_t *n,
                                  struct err *e)
{
    struct pg_args a = {0};

    pg_arg_i64(&a, key);
    return ask_number(c, n, "SELECT count(*) FROM chunks WHERE document = $1",
                      &a, e);
}

static enum err_code do_begin(struct pg_conn *c, void *ctx, struct err *e)
{
    struct beginning *b = ctx;
    struct pg_args version = {0};
    enum err_code code;

    *b->out = (struct document_begun){0};
    ask_lease(c, b->l);
    code = postgres_next_held(c, b->l, NULL, e);
    if (code == ERR_NONE)
        code = find_others(c, b, e);
    if (code != ERR_NONE || b->out->duplicate_of.len)
        return code;
    arg_version(&version, b);
    code = ask_number(c, &b->out->key,
                      "SELECT key FROM documents WHERE NOT visible"
                      " AND id = $7 AND job_id = $8 AND bytes = $9"
                      " AND chars = $10 AND total_chunks = $11"
                      " AND pages = $12" SAME_CONTENT,
                      &version, e);
    if (code == ERR_NONE && b->out->key)
        return count_chunks(c, b->out->key, &b->out->committed, e);
    return code == ERR_NONE ? insert_version(c, b, e) : code;
}

static enum err_code begin(struct store *s, struct arena *a,
                           const struct job_lease *l,
                           const struct document_new *d,
                           struct document_begun *out, struct err *e)
{
    struct beginning b = {a, l, d, out};

    return postgres_transact(s, do_begin, &b, e);
}

/* ---- chunks ---- */

struct adding {
    const struct job_lease *l;
    const struct chunk_batch *b;
    const struct vector_form *form;
};

static enum err_code no_version(int64_t key, struct err *e)
{
    return err_set(e, ERR_CONFLICT, "no version '%lld' of this job",
                   (long long)key);
}

/* The version's row, locked: bytes, total_chunks, title. */
static enum err_code load_version(struct pg_conn *c, const struct job_lease *l,
                                  int64_t key, PGresult **out, struct err *e)
{
    struct pg_args a = {0};
    enum err_code code;

    pg_arg_i64(&a, key);
    pg_arg_text(&a, slice_of(l->job_id));
    code = postgres_ask(c, out,
                        "SELECT bytes, total_chunks, title FROM documents"
                        " WHERE key = $1 AND NOT visible AND job_id = $2"
                        " FOR UPDATE",
                        &a, e);
    if (code == ERR_NONE && postgres_lib.PQntuples(*out) == 0) {
        postgres_lib.PQclear(*out);
        code = no_version(key, e);
    }
    return code;
}

/* The texts of chunks from..n-1, a row each. */
static enum err_code ask_texts(struct pg_conn *c, const struct chunk_batch *b,
                               size_t from, PGresult **out, struct err *e)
{
    struct pg_args a = {0};
    struct buf starts, ends;
    enum err_code code;

    pg_array_init(&starts, PG_INT8);
    pg_array_init(&ends, PG_INT8);
    for (size_t i = from; i < b->n; i++) {
        pg_array_i64(&starts, b->chunks[i].start_byte);
        pg_array_i64(&ends, b->chunks[i].end_byte);
    }
    pg_arg_i64(&a, b->key);
    pg_arg_array(&a, PG_INT8_ARRAY, &starts);
    pg_arg_array(&a, PG_INT8_ARRAY, &ends);
    code = postgres_ask(
        c, out,
        "SELECT substring(x.text FROM (u.s + 1)::int FOR (u.e - u.s)::int)"
        " FROM unnest($2, $3) WITH ORDINALITY AS u(s, e, n),"
        " document_texts x WHERE x.document = $1 ORDER BY u.n",
        &a, e);
    buf_release(&ends);
    buf_release(&starts);
    return code;
}

enum {
    C_IDX,
    C_START,
    C_END,
    C_FROM,
    C_TO,
    C_PAGE,
    C_TOKENS,
    C_WORDS,
    N_NUMBERS
};

struct columns {
    const struct vector_form *form;
    struct buf numbers[N_NUMBERS], metadata, words, sha256, vectors;
};

static void columns_init(struct columns *t, const struct vector_form *form)
{
    t->form = form;
    for (int i = 0; i < N_NUMBERS; i++)
        pg_array_init(&t->numbers[i], PG_INT8);
    pg_array_init(&t->metadata, PG_TEXT);
    pg_array_init(&t->words, PG_TSVECTOR);
    pg_array_init(&t->sha256, PG_BYTEA);
    pg_array_init(&t->vectors, form->type);
}

static void columns_release(struct columns *t)
{
    buf_release(&t->vectors);
    buf_release(&t->sha256);
    buf_release(&t->words);
    buf_release(&t->metadata);
    for (int i = 0; i < N_NUMBERS; i++)
        buf_release(&t->numbers[i]);
}

/* The words are those of a paper with the text for an abstract; the title once
 * more as its authors, so that it counts double. */
static void columns_add(struct columns *t, const struct chunk_new *ch,
                        struct slice title, struct slice text)
{
    const struct paper p = {.title = title, .abstract = text, .authors = title};
    int64_t numbers[N_NUMBERS] = {
        [C_IDX] = ch->index,     [C_START] = ch->start_char,
        [C_END] = ch->end_char,  [C_FROM] = ch->start_byte,
        [C_TO] = ch->end_byte,   [C_PAGE] = ch->page,
        [C_TOKENS] = ch->tokens,
    };
    size_t at;

    at = pg_array_open(&t->words);
    numbers[C_WORDS] = (int64_t)pg_text_vector(&t->words, &p);
    pg_array_close(&t->words, at);
    for (int i = 0; i < N_NUMBERS; i++)
        pg_array_i64(&t->numbers[i], numbers[i]);
    pg_array_text(&t->metadata, ch->metadata);
    pg_array_bytes(&t->sha256, ch->sha256, sizeof(ch->sha256));
    vector_form_add(&t->vectors, t->form, ch->vector);
}

/* Indexes have no gaps, so they tell which vector belongs to a chunk. */
static void insert_chunks(struct pg_conn *c, const struct chunk_batch *b,
                          const struct columns *t, int64_t first_index)
{
    struct pg_args a = {0};

    pg_arg_i64(&a, b->key);
    pg_arg_i64(&a, document_model(&b->model));
    for (int i = 0; i < N_NUMBERS; i++)
        pg_arg_array(&a, PG_INT8_ARRAY, &t->numbers[i]);
    pg_arg_array(&a, PG_TEXT_ARRAY, &t->metadata);
    pg_arg_array(&a, PG_TSVECTOR_ARRAY, &t->words);
    pg_arg_array(&a, PG_BYTEA_ARRAY, &t->sha256);
    pg_arg_array(&a, t->form->array, &t->vectors);
    pg_arg_i64(&a, first_index);
    pg_do(c,
          "WITH added AS (INSERT INTO chunks(document, idx, start_char,"
          " end_char, start_byte, end_byte, page, tokens, metadata, words,"
          " n_words, sha256) SELECT $1, t.idx, t.start_char, t.end_char,"
          " t.start_byte, t.end_byte, t.page, t.tokens, t.metadata, t.words,"
          " t.n_words, t.sha256"
          " FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
          " AS t(idx, start_char, end_char, start_byte, end_byte, page, tokens,"
          " n_words, metadata, words, sha256) RETURNING id, idx)"
          " INSERT INTO chunk_vectors(chunk, document, model, vector)"
          " SELECT added.id, $1, $2, v.vector FROM unnest($14) WITH ORDINALITY"
          " v(vector, n) JOIN added ON added.idx = $15 + v.n - 1",
          &a);
}

static enum err_code add_new(struct pg_conn *c, const struct adding *ad,
                             size_t first, struct slice title, struct err *e)
{
    const struct chunk_batch *b = ad->b;
    struct columns t;
    PGresult *texts;
    enum err_code code = ask_texts(c, b, first, &texts, e);

    if (code != ERR_NONE)
        return code;
    columns_init(&t, ad->form);
    for (size_t i = first; i < b->n && code == ERR_NONE; i++) {
        struct slice text = pg_slice(texts, (int)(i - first), 0);

        code = document_check_text(&b->chunks[i], text, e);
        columns_add(&t, &b->chunks[i], title, text);
    }
    if (code == ERR_NONE)
        insert_chunks(c, b, &t, b->chunks[first].index);
    columns_release(&t);
    postgres_lib.PQclear(texts);
    return code;
}

/* r: the version's row. */
static enum err_code add_to(struct pg_conn *c, const struct adding *ad,
                            const PGresult *r, struct err *e)
{
    const struct chunk_batch *b = ad->b;
    int64_t committed = 0;
    size_t first = 0;
    enum err_code code = count_chunks(c, b->key, &committed, e);

    if (code == ERR_NONE)
        code = document_first_new(b, committed, pg_i64(r, 0, 1), &first, e);
    for (size_t i = first; i < b->n && code == ERR_NONE; i++)
        code = document_check_slice(&b->chunks[i], pg_i64(r, 0, 0), e);
    return code == ERR_NONE && first < b->n
               ? add_new(c, ad, first, pg_slice(r, 0, 2), e)
               : code;
}

static enum err_code do_add(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct adding *ad = ctx;
    const struct chunk_batch *b = ad->b;
    PGresult *version;
    enum err_code code;

    postgres_ask_progress(c, ad->l, b->progress, b->checkpoint, b->result,
                          b->now_us);
    code = postgres_next_held(c, ad->l, NULL, e);
    if (code == ERR_NONE)
        code = load_version(c, ad->l, b->key, &version, e);
    if (code != ERR_NONE)
        return code;
    code = add_to(c, ad, version, e);
    postgres_lib.PQclear(version);
    return code;
}

static enum err_code chunks_add(struct store *s, const struct job_lease *l,
                                const struct chunk_batch *b, struct err *e)
{
    struct adding ad = {l, b, &postgres_of(s)->vectors};

    return postgres_transact(s, do_add, &ad, e);
}

/* ---- what becomes visible, and what goes ---- */

/* Queue: visible chunks of the documents that `which` selects are more or fewer
 * from now on. */
#define SQL_COUNT(sign, which)                                                 \
    "UPDATE vector_sets SET n_chunks = n_chunks " sign " x.n,"                 \
    " n_words = n_words " sign " x.words"                                      \
    " FROM (SELECT count(*) AS n, coalesce(sum(n_words), 0)::bigint AS words"  \
    "  FROM chunks WHERE document IN (" which ")) x WHERE id = 0"

#define SQL_VICTIMS                                                            \
    "SELECT o.key FROM documents o JOIN documents n ON n.key = $1"             \
    " WHERE o.visible AND o.key <> $1"                                         \
    " AND (o.id = n.id OR (o.source = n.source AND n.source <> ''))"

struct ending {
    const struct job_lease *l;
    int64_t key;
    struct slice result;
    int64_t now_us;
};

static enum err_code check_whole(struct pg_conn *c, const struct ending *end,
                                 struct err *e)
{
    PGresult *r;
    int64_t total, n = 0;
    enum err_code code = load_version(c, end->l, end->key, &r, e);

    if (code != ERR_NONE)
        return code;
    total = pg_i64(r, 0, 1);
    postgres_lib.PQclear(r);
    code = count_chunks(c, end->key, &n, e);
    if (code == ERR_NONE && n != total)
        code = err_set(e, ERR_UNPROCESSABLE, "%lld of %lld chunks are missing",
                       (long long)(total - n), (long long)total);
    return code;
}

static enum err_code do_finish(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct ending *end = ctx;
    struct pg_args key = {0}, show = {0};
    enum err_code code;

    postgres_ask_end(c, end->l, JOB_COMPLETED, end->result, SLICE_NONE,
                     end->now_us);
    code = postgres_next_held(c, end->l, NULL, e);
    if (code == ERR_NONE)
        code = check_whole(c, end, e);
    if (code != ERR_NONE)
        return code;
    postgres_vectors_touch(c, VECTORS_CHUNKS);
    pg_arg_i64(&key, end->key);
    pg_do(c,
          "UPDATE documents SET created_at = least(created_at, (SELECT"
          " min(created_at) FROM documents WHERE key IN (" SQL_VICTIMS
          "))) WHERE key = $1",
          &key);
    pg_do(c, SQL_COUNT("-", SQL_VICTIMS), &key);
    pg_do(c, "DELETE FROM documents WHERE key IN (" SQL_VICTIMS ")", &key);
    pg_do(c, SQL_COUNT("+", "$1"), &key);
    pg_arg_i64(&show, end->key);
    pg_arg_i64(&show, end->now_us);
    pg_do(c,
          "UPDATE documents SET visible = true, updated_at = $2, generation ="
          " (SELECT generation FROM vector_sets WHERE id = 0) WHERE key = $1",
          &show);
    return ERR_NONE;
}

static enum err_code finish(struct store *s, const struct job_lease *l,
                            int64_t key, struct slice result, int64_t now_us,
                            struct err *e)
{
    struct ending end = {l, key, result, now_us};

    return postgres_transact(s, do_finish, &end, e);
}

static enum err_code abandon(struct store *s, struct slice job_id,
                             struct err *e)
{
    struct pg_args a = {0};

    pg_arg_text(&a, job_id);
    return postgres_query(
        s, NULL, "DELETE FROM documents WHERE NOT visible AND job_id = $1", &a,
        e);
}

_Static_assert(JOB_QUEUED == 0 && JOB_RUNNING == 1, "the SQL has the numbers");

static enum err_code sweep(struct store *s, int64_t *n, struct err *e)
{
    PGresult *r;
    enum err_code code = postgres_query(
        s, &r,
        "DELETE FROM documents d WHERE NOT visible AND NOT EXISTS (SELECT 1"
        " FROM jobs j WHERE j.id = d.job_id AND j.state IN (0, 1))",
        NULL, e);

    if (code != ERR_NONE)
        return code;
    *n = pg_changed(r);
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code do_delete(struct pg_conn *c, void *ctx, struct err *e)
{
    const struct slice *id = ctx;
    struct pg_args a = {0}, by_key = {0};
    int64_t key = 0;
    enum err_code code;

    postgres_vectors_touch(c, VECTORS_CHUNKS);
    pg_arg_text(&a, *id);
    code = ask_number(
        c, &key, "SELECT key FROM documents WHERE visible AND id = $1", &a, e);
    if (code == ERR_NONE && !key)
        code = postgres_no_document(*id, e);
    if (code != ERR_NONE)
        return code;
    pg_arg_i64(&by_key, key);
    pg_do(c, SQL_COUNT("-", "$1"), &by_key);
    pg_do(c, "DELETE FROM documents WHERE key = $1", &by_key);
    return ERR_NONE;
}

static enum err_code delete_document(struct store *s, struct slice id,
                                     struct err *e)
{
    return postgres_transact(s, do_delete, &id, e);
}

const struct document_ops postgres_document_ops = {
    .begin = begin,
    .chunks_add = chunks_add,
    .finish = finish,
    .abandon = abandon,
    .sweep = sweep,
    .delete_document = delete_document,

    .get = postgres_document_get,
    .list = postgres_documents_list,
    .places = postgres_document_places,
    .text = postgres_document_text,
    .chunks = postgres_document_chunks,
    .chunks_get = postgres_chunks_get,

    .chunks_search = postgres_chunks_search,
    .papers_words = postgres_papers_words,
    .vectors_generation = postgres_vectors_generation,
    .vectors_model = postgres_vectors_model,
    .vectors_model_set = postgres_vectors_model_set,
    .vectors_present = postgres_vectors_present,
    .present_count = postgres_present_count,
    .chunks_each = postgres_chunks_each,
    .vectors_cached = postgres_vectors_cached,
    .vector_get = postgres_vector_get,
    .vectors_count = postgres_vectors_count,
    .vectors_nearest = postgres_vectors_nearest,
    .vectors_index_wanted = postgres_vectors_index_wanted,
    .vectors_index_make = postgres_vectors_index_make,
    .vectors_ways = postgres_vectors_ways,
    .chunks_unembedded = postgres_chunks_unembedded,
    .chunk_vectors_put = postgres_chunk_vectors_put,
    .papers_unembedded = postgres_papers_unembedded,
    .papers_waiting = postgres_papers_waiting,
    .paper_vectors_put = postgres_paper_vectors_put,
    .paper_vectors_each = postgres_paper_vectors_each,

    .embed_job = postgres_embed_job,
    .unembedded = postgres_unembedded,
    .embed_finish = postgres_embed_finish,
};
