/* sqlite_documents.c - documents as versions, chunk by chunk.
 *
 * A text is kept in segments, so that the slice of a chunk is found without
 * reading the text in front of it.  Chunks have no text of their own.  Full
 * text is written with the chunks, for to do it all at the end would hold the
 * writer for seconds; a search asks of what it found whether it is visible
 * (sqlite_vectors.c).  The index holds no texts: a word is taken out by giving
 * it the same text again.
 */
#include "store/sqlite_documents.h"

#include <string.h>

#define SEGMENT 16384 /* bytes of text in a row */

/* ---- texts ---- */

enum err_code document_put_text(struct db *c, int64_t key, struct slice text,
                                struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t at = 0; at < text.len && code == ERR_NONE; at += SEGMENT) {
        struct slice part = slice_sub(text, at, at + SEGMENT);
        struct query q;

        q_start(&q, c, "INSERT INTO document_texts VALUES (?, ?, ?)");
        q_int(&q, key);
        q_int(&q, (int64_t)at);
        q_blob(&q, part.p, part.len);
        code = q_run(&q, NULL, e);
    }
    return code;
}

enum err_code document_slice(struct db *c, int64_t key, int64_t from,
                             int64_t to, struct buf *out, struct err *e)
{
    struct query q;
    enum err_code code;

    buf_clear(out);
    q_start(&q, c,
            "SELECT at, text FROM document_texts"
            " WHERE document = ? AND at >= ? AND at < ? ORDER BY at");
    q_int(&q, key);
    q_int(&q, from - from % SEGMENT);
    q_int(&q, to);
    while (q_next(&q)) {
        int64_t at = q_get_int(&q);
        struct slice part = q_peek_blob(&q);

        buf_add_slice(out, slice_sub(part, (size_t)(from > at ? from - at : 0),
                                     (size_t)(to - at)));
    }
    code = q_end(&q, e);
    return code == ERR_NONE && !buf_ok(out) ? arena_full(e) : code;
}

/* ---- full text ---- */

enum err_code chunk_index(struct db *c, int64_t chunk, struct slice title,
                          struct slice text, bool remove, struct err *e)
{
    struct query q;

    if (remove)
        q_start(&q, c,
                "INSERT INTO chunks_fts(chunks_fts, rowid, title, text)"
                " VALUES ('delete', ?, ?, ?)");
    else
        q_start(&q, c,
                "INSERT INTO chunks_fts(rowid, title, text) VALUES (?, ?, ?)");
    q_int(&q, chunk);
    q_text(&q, title);
    q_text(&q, text);
    return q_run(&q, NULL, e);
}

/* ---- removing a version ---- */

enum err_code document_title(struct db *c, int64_t key, struct buf *out,
                             struct err *e)
{
    struct query q;

    q_start(&q, c, "SELECT title FROM documents WHERE key = ?");
    q_int(&q, key);
    if (q_next(&q))
        buf_add_slice(out, q_peek_text(&q));
    return q_end(&q, e);
}

static enum err_code unindex(struct db *c, int64_t key, struct err *e)
{
    struct buf title, text;
    struct query q;
    enum err_code code, ended;

    buf_init(&title, STORE_MAX_DOCUMENT);
    buf_init(&text, STORE_MAX_DOCUMENT);
    code = document_title(c, key, &title, e);
    q_start(&q, c,
            "SELECT id, start_byte, end_byte FROM chunks WHERE document = ?");
    q_int(&q, key);
    while (code == ERR_NONE && q_next(&q)) {
        int64_t id = q_get_int(&q), from = q_get_int(&q), to = q_get_int(&q);

        code = document_slice(c, key, from, to, &text, e);
        if (code == ERR_NONE)
            code = chunk_index(c, id, buf_slice(&title), buf_slice(&text), true,
                               e);
    }
    ended = q_end(&q, code == ERR_NONE ? e : NULL);
    buf_release(&text);
    buf_release(&title);
    return code == ERR_NONE ? ended : code;
}

static enum err_code run_with(struct db *c, const char *sql, int64_t key,
                              struct err *e)
{
    struct query q;

    q_start(&q, c, sql);
    q_int(&q, key);
    return q_run(&q, NULL, e);
}

static enum err_code remove_version(struct db *c, int64_t key, struct err *e)
{
    enum err_code code = unindex(c, key, e);

    if (code == ERR_NONE)
        code = run_with(c, "DELETE FROM chunks WHERE document = ?", key, e);
    if (code == ERR_NONE)
        code = run_with(c, "DELETE FROM document_texts WHERE document = ?", key,
                        e);
    return code == ERR_NONE
               ? run_with(c, "DELETE FROM documents WHERE key = ?", key, e)
               : code;
}

/* ---- begin ---- */

struct beginning {
    struct arena *a;
    const struct job_lease *l;
    const struct document_new *d;
    struct document_begun *out;
};

/* What makes two versions the same, in the order of bind_identity(). */
#define SAME_CONTENT                                                           \
    " AND sha256 = ? AND source = ? AND title = ? AND metadata = ?"            \
    " AND chunk_size = ? AND overlap = ?"

static void bind_identity(struct query *q, const struct document_new *d)
{
    q_blob(q, d->sha256, sizeof(d->sha256));
    q_text(q, d->source);
    q_text(q, d->title);
    q_text(q, d->metadata);
    q_int(q, d->chunk_size);
    q_int(q, d->overlap);
}

static enum err_code find_others(struct db *c, struct beginning *b,
                                 struct err *e)
{
    const struct document_new *d = b->d;
    struct query q;
    enum err_code code;

    q_start(&q, c, "SELECT id FROM documents WHERE visible = 1" SAME_CONTENT);
    bind_identity(&q, d);
    if (q_next(&q))
        b->out->duplicate_of = q_get_text(&q, b->a);
    code = q_end(&q, e);
    if (code != ERR_NONE || b->out->duplicate_of.len)
        return code;
    q_start(&q, c,
            "SELECT id FROM documents WHERE visible = 1 AND id = ?1"
            " UNION ALL SELECT id FROM documents WHERE visible = 1"
            " AND source = ?2 AND ?2 <> '' LIMIT 1");
    q_text(&q, d->id);
    q_text(&q, d->source);
    if (q_next(&q))
        b->out->replaces = q_get_text(&q, b->a);
    return q_end(&q, e);
}

/* The version that the job is building, if it is the same: *key, else 0. */
static enum err_code find_begun(struct db *c, const struct beginning *b,
                                int64_t *key, struct err *e)
{
    const struct document_new *d = b->d;
    struct query q;

    q_start(&q, c,
            "SELECT key FROM documents WHERE visible = 0 AND job_id = ?"
            " AND id = ? AND bytes = ? AND chars = ? AND total_chunks = ?"
            " AND pages = ?" SAME_CONTENT);
    q_text(&q, slice_of(b->l->job_id));
    q_text(&q, d->id);
    q_int(&q, (int64_t)d->text.len);
    q_int(&q, d->chars);
    q_int(&q, d->total_chunks);
    q_text(&q, d->pages);
    bind_identity(&q, d);
    return q_one_int(&q, 0, key, e);
}

static enum err_code insert_version(struct db *c, const struct beginning *b,
                                    int64_t *key, struct err *e)
{
    const struct document_new *d = b->d;
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "INSERT INTO documents(sha256, source, title, metadata, chunk_size,"
            " overlap, id, job_id, bytes, chars, total_chunks, pages,"
            " created_at, updated_at, visible, generation)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)");
    bind_identity(&q, d);
    q_text(&q, d->id);
    q_text(&q, slice_of(b->l->job_id));
    q_int(&q, (int64_t)d->text.len);
    q_int(&q, d->chars);
    q_int(&q, d->total_chunks);
    q_text(&q, d->pages);
    q_int(&q, d->now_us);
    q_int(&q, d->now_us);
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        return code;
    *key = sqlite3_last_insert_rowid(c->db);
    return document_put_text(c, *key, d->text, e);
}

static enum err_code remove_begun(struct db *c, struct slice job_id,
                                  struct err *e)
{
    int64_t key = 0;
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "SELECT key FROM documents WHERE visible = 0 AND job_id = ?");
    q_text(&q, job_id);
    code = q_one_int(&q, 0, &key, e);
    return code == ERR_NONE && key ? remove_version(c, key, e) : code;
}

static enum err_code count_chunks(struct db *c, int64_t key, int64_t *n,
                                  struct err *e)
{
    struct query q;

    q_start(&q, c, "SELECT count(*) FROM chunks WHERE document = ?");
    q_int(&q, key);
    return q_one_int(&q, 0, n, e);
}

static enum err_code do_begin(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    struct beginning *b = ctx;
    enum err_code code = job_check_lease(c, b->l, e);

    (void)s;
    *b->out = (struct document_begun){0};
    if (code == ERR_NONE)
        code = find_others(c, b, e);
    if (code != ERR_NONE || b->out->duplicate_of.len)
        return code;
    code = find_begun(c, b, &b->out->key, e);
    if (code == ERR_NONE && b->out->key)
        return count_chunks(c, b->out->key, &b->out->committed, e);
    if (code == ERR_NONE)
        code = remove_begun(c, slice_of(b->l->job_id), e);
    return code == ERR_NONE ? insert_version(c, b, &b->out->key, e) : code;
}

static enum err_code begin(struct store *s, struct arena *a,
                           const struct job_lease *l,
                           const struct document_new *d,
                           struct document_begun *out, struct err *e)
{
    struct beginning b = {a, l, d, out};

    return writer_run(sqlite_downcast(s), do_begin, &b, e);
}

/* ---- chunks ---- */

struct adding {
    const struct job_lease *l;
    const struct chunk_batch *b;
    int64_t bytes, total; /* of the version */
    struct buf title, text;
};

static enum err_code no_version(int64_t key, struct err *e)
{
    return err_set(e, ERR_CONFLICT, "no version '%lld' of this job",
                   (long long)key);
}

static enum err_code load_version(struct db *c, struct adding *ad,
                                  struct err *e)
{
    struct query q;
    bool found;
    enum err_code code;

    q_start(&q, c,
            "SELECT bytes, total_chunks, title FROM documents"
            " WHERE key = ? AND visible = 0 AND job_id = ?");
    q_int(&q, ad->b->key);
    q_text(&q, slice_of(ad->l->job_id));
    found = q_next(&q);
    if (found) {
        ad->bytes = q_get_int(&q);
        ad->total = q_get_int(&q);
        buf_clear(&ad->title);
        buf_add_slice(&ad->title, q_peek_text(&q));
    }
    code = q_end(&q, e);
    return code == ERR_NONE && !found ? no_version(ad->b->key, e) : code;
}

static enum err_code insert_chunk(struct db *c, struct adding *ad,
                                  const struct chunk_new *ch, struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "INSERT INTO chunks(document, idx, model, start_char, end_char,"
            " start_byte, end_byte, page, tokens, sha256, metadata, vector)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    q_int(&q, ad->b->key);
    q_int(&q, ch->index);
    q_int(&q, document_model(&ad->b->model));
    q_int(&q, ch->start_char);
    q_int(&q, ch->end_char);
    q_int(&q, ch->start_byte);
    q_int(&q, ch->end_byte);
    q_int(&q, ch->page);
    q_int(&q, ch->tokens);
    q_blob(&q, ch->sha256, sizeof(ch->sha256));
    q_text(&q, ch->metadata);
    q_blob(&q, ch->vector, VECTOR_BYTES);
    code = q_run(&q, NULL, e);
    return code == ERR_NONE ? chunk_index(c, sqlite3_last_insert_rowid(c->db),
                                          buf_slice(&ad->title),
                                          buf_slice(&ad->text), false, e)
                            : code;
}

static enum err_code add_chunk(struct db *c, struct adding *ad,
                               const struct chunk_new *ch, struct err *e)
{
    enum err_code code = document_check_slice(ch, ad->bytes, e);

    if (code == ERR_NONE)
        code = document_slice(c, ad->b->key, ch->start_byte, ch->end_byte,
                              &ad->text, e);
    if (code == ERR_NONE)
        code = document_check_text(ch, buf_slice(&ad->text), e);
    return code == ERR_NONE ? insert_chunk(c, ad, ch, e) : code;
}

static enum err_code do_add(struct sqlite_store *s, struct db *c, void *ctx,
                            struct err *e)
{
    struct adding *ad = ctx;
    const struct chunk_batch *b = ad->b;
    int64_t committed = 0;
    size_t i = 0;
    enum err_code code = job_write_progress(
        c, ad->l, b->progress, b->checkpoint, b->result, b->now_us, e);

    (void)s;
    if (code == ERR_NONE)
        code = load_version(c, ad, e);
    if (code == ERR_NONE)
        code = count_chunks(c, b->key, &committed, e);
    if (code == ERR_NONE)
        code = document_first_new(b, committed, ad->total, &i, e);
    for (; i < b->n && code == ERR_NONE; i++)
        code = add_chunk(c, ad, &b->chunks[i], e);
    return code;
}

static enum err_code chunks_add(struct store *s, const struct job_lease *l,
                                const struct chunk_batch *b, struct err *e)
{
    struct adding ad = {.l = l, .b = b};
    enum err_code code;

    buf_init(&ad.title, STORE_MAX_DOCUMENT);
    buf_init(&ad.text, STORE_MAX_DOCUMENT);
    code = writer_run(sqlite_downcast(s), do_add, &ad, e);
    buf_release(&ad.text);
    buf_release(&ad.title);
    return code;
}

/* ---- finish ---- */

struct ending {
    const struct job_lease *l;
    int64_t key;
    struct slice result;
    int64_t now_us;
};

static enum err_code check_whole(struct db *c, const struct ending *end,
                                 struct err *e)
{
    int64_t total = -1, n = 0;
    struct query q;
    enum err_code code;

    q_start(&q, c,
            "SELECT total_chunks FROM documents"
            " WHERE key = ? AND visible = 0 AND job_id = ?");
    q_int(&q, end->key);
    q_text(&q, slice_of(end->l->job_id));
    code = q_one_int(&q, -1, &total, e);
    if (code == ERR_NONE && total < 0)
        code = no_version(end->key, e);
    if (code == ERR_NONE)
        code = count_chunks(c, end->key, &n, e);
    if (code == ERR_NONE && n != total)
        code = err_set(e, ERR_UNPROCESSABLE, "%lld of %lld chunks are missing",
                       (long long)(total - n), (long long)total);
    return code;
}

/* One whose place is taken: *key 0, none (any more). */
static enum err_code next_victim(struct db *c, int64_t version, int64_t *key,
                                 int64_t *created_at, struct err *e)
{
    struct query q;

    *key = 0;
    q_start(&q, c,
            "SELECT o.key, o.created_at FROM documents n JOIN documents o"
            " ON o.visible = 1 AND o.id = n.id WHERE n.key = ?1"
            " UNION ALL SELECT o.key, o.created_at FROM documents n"
            " JOIN documents o ON o.visible = 1 AND o.source = n.source"
            " WHERE n.key = ?1 AND n.source <> '' LIMIT 1");
    q_int(&q, version);
    if (q_next(&q)) {
        *key = q_get_int(&q);
        *created_at = q_get_int(&q);
    }
    return q_end(&q, e);
}

static enum err_code take_place(struct db *c, const struct ending *end,
                                int64_t *created_at, struct err *e)
{
    int64_t key = 0, created;
    enum err_code code;

    *created_at = INT64_MAX;
    do {
        code = next_victim(c, end->key, &key, &created, e);
        if (code != ERR_NONE || !key)
            return code;
        if (created < *created_at)
            *created_at = created;
        code = remove_version(c, key, e);
    } while (code == ERR_NONE);
    return code;
}

static enum err_code show(struct db *c, const struct ending *end,
                          int64_t created_at, struct err *e)
{
    int64_t generation = 0;
    struct query q;
    enum err_code code = vectors_touch(c, VECTORS_CHUNKS, &generation, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "UPDATE documents SET visible = 1, generation = ?,"
            " created_at = min(created_at, ?), updated_at = ? WHERE key = ?");
    q_int(&q, generation);
    q_int(&q, created_at);
    q_int(&q, end->now_us);
    q_int(&q, end->key);
    return q_run(&q, NULL, e);
}

static enum err_code do_finish(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    struct ending *end = ctx;
    int64_t created_at = 0;
    enum err_code code = job_write_end(c, end->l, JOB_COMPLETED, end->result,
                                       SLICE_NONE, end->now_us, e);

    (void)s;
    if (code == ERR_NONE)
        code = check_whole(c, end, e);
    if (code == ERR_NONE)
        code = take_place(c, end, &created_at, e);
    return code == ERR_NONE ? show(c, end, created_at, e) : code;
}

static enum err_code finish(struct store *s, const struct job_lease *l,
                            int64_t key, struct slice result, int64_t now_us,
                            struct err *e)
{
    struct ending end = {l, key, result, now_us};

    return writer_run(sqlite_downcast(s), do_finish, &end, e);
}

/* ---- what goes ---- */

static enum err_code do_abandon(struct sqlite_store *s, struct db *c, void *ctx,
                                struct err *e)
{
    const struct slice *job_id = ctx;

    (void)s;
    return remove_begun(c, *job_id, e);
}

static enum err_code abandon(struct store *s, struct slice job_id,
                             struct err *e)
{
    return writer_run(sqlite_downcast(s), do_abandon, &job_id, e);
}

_Static_assert(JOB_QUEUED == 0 && JOB_RUNNING == 1, "the SQL has the numbers");

static enum err_code do_sweep(struct sqlite_store *s, struct db *c, void *ctx,
                              struct err *e)
{
    int64_t *n = ctx, key;
    enum err_code code;

    (void)s;
    for (*n = 0;; ++*n) {
        struct query q;

        q_start(&q, c,
                "SELECT key FROM documents d WHERE visible = 0 AND NOT EXISTS"
                " (SELECT 1 FROM jobs j WHERE j.id = d.job_id"
                " AND j.state IN (0, 1)) LIMIT 1");
        code = q_one_int(&q, 0, &key, e);
        if (code == ERR_NONE && key)
            code = remove_version(c, key, e);
        if (code != ERR_NONE || !key)
            return code;
    }
}

static enum err_code sweep(struct store *s, int64_t *n, struct err *e)
{
    return writer_run(sqlite_downcast(s), do_sweep, n, e);
}

static enum err_code do_delete(struct sqlite_store *s, struct db *c, void *ctx,
                               struct err *e)
{
    const struct slice *id = ctx;
    int64_t key = 0, generation;
    enum err_code code = document_find(c, *id, &key, e);

    (void)s;
    if (code == ERR_NONE)
        code = remove_version(c, key, e);
    return code == ERR_NONE ? vectors_touch(c, VECTORS_CHUNKS, &generation, e)
                            : code;
}

static enum err_code delete_document(struct store *s, struct slice id,
                                     struct err *e)
{
    return writer_run(sqlite_downcast(s), do_delete, &id, e);
}

const struct document_ops sqlite_document_ops = {
    .begin = begin,
    .chunks_add = chunks_add,
    .finish = finish,
    .abandon = abandon,
    .sweep = sweep,
    .delete_document = delete_document,

    .get = sqlite_document_get,
    .list = sqlite_documents_list,
    .places = sqlite_document_places,
    .text = sqlite_document_text,
    .chunks = sqlite_document_chunks,
    .chunks_get = sqlite_chunks_get,

    .chunks_search = sqlite_chunks_search,
    .papers_words = sqlite_papers_words,
    .vectors_generation = sqlite_vectors_generation,
    .vectors_model = sqlite_vectors_model,
    .vectors_model_set = sqlite_vectors_model_set,
    .vectors_present = sqlite_vectors_present,
    .present_count = sqlite_present_count,
    .chunks_each = sqlite_chunks_each,
    .vectors_cached = sqlite_vectors_cached,
    .vector_get = sqlite_vector_get,
    .vectors_count = sqlite_vectors_count,
    .vectors_nearest = sqlite_vectors_nearest,
    .vectors_index_wanted = sqlite_vectors_index_wanted,
    .vectors_index_make = sqlite_vectors_index_make,
    .vectors_ways = sqlite_vectors_ways,
    .chunks_unembedded = sqlite_chunks_unembedded,
    .chunk_vectors_put = sqlite_chunk_vectors_put,
    .papers_unembedded = sqlite_papers_unembedded,
    .papers_waiting = sqlite_papers_waiting,
    .paper_vectors_put = sqlite_paper_vectors_put,
    .paper_vectors_each = sqlite_paper_vectors_each,

    .embed_job = sqlite_embed_job,
    .unembedded = sqlite_unembedded,
    .embed_finish = sqlite_embed_finish,
};
