/* postgres_documents_read.c - visible documents and their chunks. */
#include <string.h>

#include "store/document_rules.h"
#include "store/postgres_documents.h"

/* ---- documents ---- */

#define DOCUMENT_COLUMNS                                                       \
    "key, id, title, source, metadata, job_id, sha256, bytes, chars,"          \
    " chunk_size, overlap, total_chunks, created_at, updated_at"

static void read_document(struct pg_row *w, void *element)
{
    struct document *d = element;
    struct slice sha256;

    d->key = pg_row_i64(w);
    d->id = pg_row_text(w);
    d->title = pg_row_text(w);
    d->source = pg_row_text(w);
    d->metadata = pg_row_text(w);
    d->job_id = pg_row_text(w);
    sha256 = pg_slice(w->r, w->row, w->col++);
    if (sha256.len == sizeof(d->sha256))
        memcpy(d->sha256, sha256.p, sha256.len);
    d->bytes = pg_row_i64(w);
    d->chars = pg_row_i64(w);
    d->chunk_size = (int)pg_row_i64(w);
    d->overlap = (int)pg_row_i64(w);
    d->chunks = pg_row_i64(w);
    d->created_at = pg_row_i64(w);
    d->updated_at = pg_row_i64(w);
}

static void read_whole_document(struct pg_row *w, void *element)
{
    struct document *d = element;

    read_document(w, d);
    d->pages = pg_row_text(w);
}

enum err_code postgres_document_get(struct store *s, struct arena *a,
                                    struct slice id, struct document *out,
                                    struct err *e)
{
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    pg_arg_text(&args, id);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql = "SELECT " DOCUMENT_COLUMNS ", pages"
                                   " FROM documents WHERE visible AND id = $1",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = read_whole_document},
        out, &found, e);
    return code == ERR_NONE && !found ? postgres_no_document(id, e) : code;
}

/* In the collation "C" case is that of a to z, as it is to SQLite. */
#define LISTED                                                                 \
    " FROM documents WHERE visible AND ($1 = '' OR source = $1)"               \
    " AND ($2 = '' OR title COLLATE \"C\" ILIKE $2"                            \
    " OR source COLLATE \"C\" ILIKE $2)"
#define IN_ORDER(how)                                                          \
    "SELECT " DOCUMENT_COLUMNS LISTED " ORDER BY " how " LIMIT $3 OFFSET $4"
#define TITLE "lower(title COLLATE \"C\")"

static const char *const lists[][2] = {
    /* A version is made later than the one that it replaces. */
    [DOCUMENT_BY_AGE] = {IN_ORDER("key DESC"), IN_ORDER("key")},
    [DOCUMENT_BY_TITLE] = {IN_ORDER(TITLE " DESC, key DESC"),
                           IN_ORDER(TITLE ", key")},
    [DOCUMENT_BY_SIZE] = {IN_ORDER("bytes DESC, key DESC"),
                          IN_ORDER("bytes, key")}};

static enum err_code list_documents(struct store *s, struct arena *a,
                                    const struct document_query *q,
                                    struct slice pattern, struct document **out,
                                    size_t *n, int64_t *count, struct err *e)
{
    struct pg_args all = {0}, page = {0};

    pg_arg_text(&all, q->source);
    pg_arg_text(&all, pattern);
    pg_arg_text(&page, q->source);
    pg_arg_text(&page, pattern);
    pg_arg_i64(&page, q->limit);
    pg_arg_i64(&page, q->offset);
    return postgres_select(
        s, a,
        &(struct pg_select){.sql = lists[q->order][q->ascending],
                            .args = &page,
                            .count_sql = "SELECT count(*)" LISTED,
                            .count_args = &all,
                            .size = sizeof(**out),
                            .read = read_document},
        out, n, count, e);
}

enum err_code postgres_documents_list(struct store *s, struct arena *a,
                                      const struct document_query *q,
                                      struct document **out, size_t *n,
                                      int64_t *count, struct err *e)
{
    struct buf pattern;
    enum err_code code;

    buf_init(&pattern, DOCUMENT_MAX_PATTERN);
    document_like_pattern(&pattern, q->search);
    code = buf_ok(&pattern)
               ? list_documents(s, a, q, buf_slice(&pattern), out, n, count, e)
               : err_set(e, ERR_UNAVAILABLE, "out of memory");
    buf_release(&pattern);
    return code;
}

static void read_text(struct pg_row *w, void *element)
{
    struct slice *text = element;

    *text = pg_row_text(w);
}

enum err_code postgres_document_text(struct store *s, struct arena *a,
                                     struct slice id, int64_t from, int64_t to,
                                     struct slice *out, struct err *e)
{
    const int64_t most = (int64_t)STORE_MAX_DOCUMENT;
    struct pg_args args = {0};
    bool found = false;
    enum err_code code;

    from = from < most ? from : most;
    to = to < most ? to : most;
    pg_arg_text(&args, id);
    pg_arg_i64(&args, from + 1);
    pg_arg_i64(&args, to - from);
    code = postgres_select_one(
        s, a,
        &(struct pg_select){.sql = "SELECT substring(x.text FROM $2::int"
                                   " FOR $3::int) FROM documents d"
                                   " JOIN document_texts x"
                                   " ON x.document = d.key"
                                   " WHERE d.visible AND d.id = $1",
                            .args = &args,
                            .size = sizeof(*out),
                            .read = read_text},
        out, &found, e);
    return code == ERR_NONE && !found ? postgres_no_document(id, e) : code;
}

/* ---- chunks ---- */

#define CHUNK_COLUMNS                                                          \
    "c.id, c.document, c.idx, c.start_char, c.end_char, c.start_byte,"         \
    " c.end_byte, c.page, c.tokens, c.metadata,"                               \
    " substring(x.text FROM (c.start_byte + 1)::int"                           \
    "   FOR (c.end_byte - c.start_byte)::int),"                                \
    " d.id, d.title, d.source, d.metadata, d.job_id"
#define CHUNK_TABLES                                                           \
    " JOIN documents d ON d.key = c.document AND d.visible"                    \
    " JOIN document_texts x ON x.document = c.document"

static void read_chunk(struct pg_row *w, void *element)
{
    struct chunk *ch = element;

    ch->id = pg_row_i64(w);
    ch->document_key = pg_row_i64(w);
    ch->index = pg_row_i64(w);
    ch->start_char = pg_row_i64(w);
    ch->end_char = pg_row_i64(w);
    ch->start_byte = pg_row_i64(w);
    ch->end_byte = pg_row_i64(w);
    ch->page = pg_row_i64(w);
    ch->tokens = pg_row_i64(w);
    ch->metadata = pg_row_text(w);
    ch->text = pg_row_text(w);
    ch->document_id = pg_row_text(w);
    ch->title = pg_row_text(w);
    ch->source = pg_row_text(w);
    ch->document_metadata = pg_row_text(w);
    ch->job_id = pg_row_text(w);
}

/* -1: there is no such document. */
#define COUNT_CHUNKS                                                           \
    "SELECT coalesce((SELECT total_chunks FROM documents"                      \
    " WHERE visible AND id = $1), -1)"

/* The count and the chunks are of one moment,
 * for the document may be replaced in between. */
enum err_code postgres_document_chunks(struct store *s, struct arena *a,
                                       struct slice id, int64_t offset,
                                       int limit, struct chunk **out, size_t *n,
                                       int64_t *count, struct err *e)
{
    struct pg_args all = {0}, page = {0};
    enum err_code code;

    pg_arg_text(&all, id);
    pg_arg_text(&page, id);
    pg_arg_i64(&page, limit);
    pg_arg_i64(&page, offset);
    code = postgres_select(
        s, a,
        &(struct pg_select){.sql = "SELECT " CHUNK_COLUMNS
                                   " FROM chunks c" CHUNK_TABLES
                                   " WHERE d.id = $1 AND c.idx >= $3"
                                   " ORDER BY c.idx LIMIT $2",
                            .args = &page,
                            .count_sql = COUNT_CHUNKS,
                            .count_args = &all,
                            .size = sizeof(**out),
                            .read = read_chunk},
        out, n, count, e);
    return code == ERR_NONE && *count < 0 ? postgres_no_document(id, e) : code;
}

static void read_place(struct pg_row *w, void *element)
{
    struct chunk_range *place = element;

    place->start_char = pg_row_i64(w);
    place->end_char = pg_row_i64(w);
}

enum err_code postgres_document_places(struct store *s, struct arena *a,
                                       struct slice id, int64_t offset,
                                       int limit, struct chunk_range **out,
                                       size_t *n, struct err *e)
{
    struct pg_args all = {0}, page = {0};
    int64_t count = -1;
    enum err_code code;

    pg_arg_text(&all, id);
    pg_arg_text(&page, id);
    pg_arg_i64(&page, limit);
    pg_arg_i64(&page, offset);
    code = postgres_select(
        s, a,
        &(struct pg_select){
            .sql = "SELECT c.start_char, c.end_char FROM chunks c"
                   " JOIN documents d ON d.key = c.document AND d.visible"
                   " WHERE d.id = $1 AND c.idx >= $3"
                   " ORDER BY c.idx LIMIT $2",
            .args = &page,
            .count_sql = COUNT_CHUNKS,
            .count_args = &all,
            .size = sizeof(**out),
            .read = read_place},
        out, n, &count, e);
    return code == ERR_NONE && count < 0 ? postgres_no_document(id, e) : code;
}

enum err_code postgres_chunks_get(struct store *s, struct arena *a,
                                  const int64_t *ids, size_t n,
                                  struct chunk **out, size_t *n_out,
                                  struct err *e)
{
    return postgres_select_ids(
        s, a,
        &(struct pg_select){.sql = "SELECT " CHUNK_COLUMNS
                                   " FROM unnest($1) WITH ORDINALITY o(id, n)"
                                   " JOIN chunks c ON c.id = o.id" CHUNK_TABLES
                                   " ORDER BY o.n",
                            .size = sizeof(**out),
                            .read = read_chunk},
        ids, n, out, n_out, e);
}
