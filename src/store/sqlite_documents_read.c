/* sqlite_documents_read.c - visible documents and their chunks. */
#include "store/sqlite_documents.h"

#include <string.h>

#include "store/document_rules.h"

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

#define LISTED                                                                 \
    " FROM documents WHERE visible = 1 AND (?1 = '' OR source = ?1)"           \
    " AND (?2 = '' OR title LIKE ?2 ESCAPE '\\' OR source LIKE ?2 ESCAPE "     \
    "'\\')"
#define IN_ORDER(how)                                                          \
    "SELECT " DOCUMENT_COLUMNS LISTED " ORDER BY " how " LIMIT ? OFFSET ?"

static const char *const lists[][2] = {
    /* A version is made later than the one that it replaces. */
    [DOCUMENT_BY_AGE] = {IN_ORDER("key DESC"), IN_ORDER("key")},
    [DOCUMENT_BY_TITLE] = {IN_ORDER("title COLLATE NOCASE DESC, key DESC"),
                           IN_ORDER("title COLLATE NOCASE, key")},
    [DOCUMENT_BY_SIZE] = {IN_ORDER("bytes DESC, key DESC"),
                          IN_ORDER("bytes, key")}};

static enum err_code list_documents(struct db *c,
                                    const struct document_query *dq,
                                    struct slice pattern, struct rows *rows,
                                    int64_t *count, struct err *e)
{
    struct query q;
    enum err_code code;

    q_start(&q, c, "SELECT count(*)" LISTED);
    q_text(&q, dq->source);
    q_text(&q, pattern);
    code = q_one_int(&q, 0, count, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, lists[dq->order][dq->ascending]);
    q_text(&q, dq->source);
    q_text(&q, pattern);
    q_int(&q, dq->limit);
    q_int(&q, dq->offset);
    return q_rows(&q, rows, read_document, e);
}

enum err_code sqlite_documents_list(struct store *base, struct arena *a,
                                    const struct document_query *q,
                                    struct document **out, size_t *n,
                                    int64_t *count, struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct document)};
    struct buf pattern;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    buf_init(&pattern, DOCUMENT_MAX_PATTERN);
    document_like_pattern(&pattern, q->search);
    code = buf_ok(&pattern)
               ? list_documents(c, q, buf_slice(&pattern), &rows, count, e)
               : arena_full(e);
    buf_release(&pattern);
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

static void read_place(struct query *q, struct arena *a, void *row)
{
    struct chunk_range *place = row;

    (void)a;
    place->start_char = q_get_int(q);
    place->end_char = q_get_int(q);
}

enum err_code sqlite_document_places(struct store *base, struct arena *a,
                                     struct slice id, int64_t offset, int limit,
                                     struct chunk_range **out, size_t *n,
                                     struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct rows rows = {.a = a, .size = sizeof(struct chunk_range)};
    int64_t key = 0;
    struct query q;
    struct db *c;
    enum err_code code = db_get(s, true, &c, e);

    if (code != ERR_NONE)
        return code;
    code = document_find(c, id, &key, e);
    if (code == ERR_NONE) {
        q_start(&q, c,
                "SELECT start_char, end_char FROM chunks"
                " WHERE document = ? AND idx >= ? ORDER BY idx LIMIT ?");
        q_int(&q, key);
        q_int(&q, offset); /* there are no gaps */
        q_int(&q, limit);
        code = q_rows(&q, &rows, read_place, e);
    }
    db_put(s, c);
    *out = (struct chunk_range *)(void *)rows.p;
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
