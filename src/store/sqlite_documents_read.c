/* sqlite_documents_read.c - visible documents and their chunks. */
#include "store/sqlite_documents.h"

#include <string.h>

static enum err_code no_document(struct slice id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no document '%.*s'", SLICE_ARG(id));
}

enum err_code document_find(struct db *c, struct slice id, int64_t *key,
                            struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c, "SELECT key FROM documents WHERE visible = 1 AND id = ?");
    q_text(&q, id);
    code = q_one_int(&q, 0, key, e);
    return code == ERR_NONE && !*key ? no_document(id, e) : code;
}

/* ---- documents ---- */

#define DOCUMENT_COLUMNS                                                       \
    "key, id, title, source, metadata, job_id, sha256, bytes, chars,"          \
    " chunk_size, overlap, total_chunks, created_at, updated_at"

static void read_document(struct query *q, struct arena *a, void *row)
{
    struct document *d = row;
    struct slice sha256;

    d->key = q_get_int(q);
    d->id = q_get_text(q, a);
    d->title = q_get_text(q, a);
    d->source = q_get_text(q, a);
    d->metadata = q_get_text(q, a);
    d->job_id = q_get_text(q, a);
    sha256 = q_peek_blob(q);
    if (sha256.len == sizeof(d->sha256))
        memcpy(d->sha256, sha256.p, sha256.len);
    d->bytes = q_get_int(q);
    d->chars = q_get_int(q);
    d->chunk_size = (int)q_get_int(q);
    d->overlap = (int)q_get_int(q);
    d->chunks = q_get_int(q);
    d->created_at = q_get_int(q);
    d->updated_at = q_get_int(q);
}

enum err_code sqlite_document_get(struct store *base, struct arena *a,
                                  struct slice id, struct document *out,
                                  struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct query q;
    struct db *c;
    bool found;
    enum err_code code = db_get(s, false, &c, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT " DOCUMENT_COLUMNS ", pages FROM documents"
            " WHERE visible = 1 AND id = ?");
    q_text(&q, id);
    found = q_next(&q);
    if (found) {
        *out = (struct document){0};
        read_document(&q, a, out);
        out->pages = q_get_text(&q, a);
    }
    code = q_end(&q, e);
    db_put(s, c);
    return code == ERR_NONE && !found ? no_document(id, e) : code;
}

#define LISTED " FROM documents WHERE visible = 1 AND (?1 = '' OR source = ?1)"

static enum err_code list_documents(struct db *c, struct slice source,
                                    int64_t offset, int limit,
                                    struct rows *rows, int64_t *count,
                                    struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c, "SELECT count(*)" LISTED);
    q_text(&q, source);
    code = q_one_int(&q, 0, count, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            "SELECT " DOCUMENT_COLUMNS LISTED
            " ORDER BY key DESC LIMIT ? OFFSET ?");
    q_text(&q, source);
    q_int(&q, limit);
    q_int(&q, offset);
    return q_rows(&q, rows, read_document, e);
}

enum err_code sqlite_documents_list(struct store *base, struct arena *a,
                                    struct slice source, int64_t offset,
                                    int limit, struct document **out, size_t *n,
                                    int64_t *count, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct document)};
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = list_documents(c, source, offset, limit, &rows, count, e);
    db_put(s, c);
    *out = (struct document *)(void *)rows.p;
    *n = rows.n;
    return code;
}

/* ---- texts ---- */

/* Into the arena, through buf. */
static enum err_code slice_into(struct db *c, struct arena *a, int64_t key,
                                int64_t from, int64_t to, struct buf *buf,
                                struct slice *out, struct err *e)
{
    enum err_code code = document_slice(c, key, from, to, buf, e);

    if (code != ERR_NONE)
        return code;
    *out = arena_slice(a, buf_slice(buf));
    return out->p ? ERR_NONE : arena_full(e);
}

enum err_code sqlite_document_text(struct store *base, struct arena *a,
                                   struct slice id, int64_t from, int64_t to,
                                   struct slice *out, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    int64_t key = 0;
    struct buf buf;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    buf_init(&buf, STORE_MAX_DOCUMENT);
    code = document_find(c, id, &key, e);
    if (code == ERR_NONE)
        code = slice_into(c, a, key, from, to, &buf, out, e);
    buf_release(&buf);
    db_put(s, c);
    return code;
}

/* ---- chunks ---- */

#define CHUNKS                                                                 \
    "SELECT c.id, c.document, c.idx, c.start_char, c.end_char, c.start_byte,"  \
    " c.end_byte, c.page, c.tokens, c.metadata, d.id, d.title, d.source,"      \
    " d.metadata, d.job_id FROM chunks c JOIN documents d"                     \
    " ON d.key = c.document WHERE d.visible = 1 AND "

static void read_chunk(struct query *q, struct arena *a, void *row)
{
    struct chunk *ch = row;

    ch->id = q_get_int(q);
    ch->document_key = q_get_int(q);
    ch->index = q_get_int(q);
    ch->start_char = q_get_int(q);
    ch->end_char = q_get_int(q);
    ch->start_byte = q_get_int(q);
    ch->end_byte = q_get_int(q);
    ch->page = q_get_int(q);
    ch->tokens = q_get_int(q);
    ch->metadata = q_get_text(q, a);
    ch->document_id = q_get_text(q, a);
    ch->title = q_get_text(q, a);
    ch->source = q_get_text(q, a);
    ch->document_metadata = q_get_text(q, a);
    ch->job_id = q_get_text(q, a);
}

static enum err_code fill_texts(struct db *c, struct rows *rows, struct err *e)
{
    struct chunk *ch = (struct chunk *)(void *)rows->p;
    struct buf buf;
    enum err_code code = ERR_NONE;

    buf_init(&buf, STORE_MAX_DOCUMENT);
    for (size_t i = 0; i < rows->n && code == ERR_NONE; i++)
        code = slice_into(c, rows->a, ch[i].document_key, ch[i].start_byte,
                          ch[i].end_byte, &buf, &ch[i].text, e);
    buf_release(&buf);
    return code;
}

static enum err_code chunks_of(struct db *c, struct slice id, int64_t offset,
                               int limit, struct rows *rows, int64_t *count,
                               struct err *e)
{
    int64_t key = 0;
    struct query q;
    enum err_code code = document_find(c, id, &key, e);

    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "SELECT count(*) FROM chunks WHERE document = ?");
    q_int(&q, key);
    code = q_one_int(&q, 0, count, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c,
            CHUNKS "c.document = ? AND c.idx >= ? ORDER BY c.idx LIMIT ?");
    q_int(&q, key);
    q_int(&q, offset); /* there are no gaps */
    q_int(&q, limit);
    code = q_rows(&q, rows, read_chunk, e);
    return code == ERR_NONE ? fill_texts(c, rows, e) : code;
}

enum err_code sqlite_document_chunks(struct store *base, struct arena *a,
                                     struct slice id, int64_t offset, int limit,
                                     struct chunk **out, size_t *n,
                                     int64_t *count, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct chunk)};
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = chunks_of(c, id, offset, limit, &rows, count, e);
    db_put(s, c);
    *out = (struct chunk *)(void *)rows.p;
    *n = rows.n;
    return code;
}

enum err_code sqlite_chunks_get(struct store *base, struct arena *a,
                                const int64_t *ids, size_t n,
                                struct chunk **out, size_t *n_out,
                                struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct chunk)};
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = q_rows_by_id(c, CHUNKS "c.id = ?", ids, n, &rows, read_chunk, e);
    if (code == ERR_NONE)
        code = fill_texts(c, &rows, e);
    db_put(s, c);
    *out = (struct chunk *)(void *)rows.p;
    *n_out = rows.n;
    return code;
}
