/* sqlite_verify.c - does the file agree with itself?
 *
 * The full text keeps no texts, so there is nothing to compare it with but
 * another one: it is made again in a temporary file, and both are walked in
 * step, word by word (fts5vocab, "instance").
 */
#include <string.h>

#include "base/crypto.h"
#include "store/sqlite_documents.h"
#include "store/verify_checks.h"

static const struct verify_check own_checks[] = {
    {"documents whose text is not all there",
     "SELECT count(*), min(key) FROM documents d WHERE bytes <>"
     " (SELECT ifnull(sum(length(text)), 0) FROM document_texts t"
     "  WHERE t.document = d.key)"},
    {"vectors of chunks of a wrong length",
     "SELECT count(*), min(id) FROM chunks WHERE length(vector) <> 1536"},
    {"vectors of papers of a wrong length",
     "SELECT count(*), min(paper_id) FROM paper_vectors"
     " WHERE length(vector) <> 1536"},
    {"tags of papers that are not there",
     "SELECT count(*), min(paper_id) FROM paper_tags WHERE paper_id NOT IN"
     " (SELECT id FROM papers WHERE deleted_at = 0)"},
    {0},
};

static enum err_code run_checks(struct db *c, const struct store_verify *v,
                                const struct verify_check *check, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (; check->what && code == ERR_NONE; check++) {
        int64_t n = 0, one = 0;
        struct query q;

        q_start(&q, c, check->sql);
        if (q_next(&q)) {
            n = q_get_int(&q);
            one = q_get_int(&q);
        }
        code = q_end(&q, e);
        if (code == ERR_NONE)
            verify_told(v, check, n, one);
    }
    return code;
}

/* ---- the file ---- */

static enum err_code check_file(struct db *c, const struct store_verify *v,
                                struct err *e)
{
    struct query q;
    enum err_code code;

    v->step(v->ctx, "file");
    q_start(&q, c, "PRAGMA integrity_check(20)");
    while (q_next(&q)) {
        struct slice said = q_peek_text(&q);

        if (!slice_is(said, "ok"))
            verify_found(v, "the file is damaged: %.*s", SLICE_ARG(said));
    }
    code = q_end(&q, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, "PRAGMA foreign_key_check");
    while (q_next(&q)) {
        struct slice table = q_peek_text(&q);

        verify_found(v, "a row of '%.*s' names another one that is not there",
                     SLICE_ARG(table));
    }
    return q_end(&q, e);
}

/* ---- full text made again ---- */

#define MADE_AGAIN                                                             \
    "ATTACH '' AS made;"                                                       \
    "CREATE VIRTUAL TABLE made.papers_fts USING fts5("                         \
    "  title, abstract, authors, content='',"                                  \
    "  tokenize='porter unicode61 remove_diacritics 2');"                      \
    "CREATE VIRTUAL TABLE made.papers_trigram USING fts5("                     \
    "  title, abstract, authors, content='', tokenize='trigram');"             \
    "CREATE VIRTUAL TABLE made.chunks_fts USING fts5("                         \
    "  title, text, content='',"                                               \
    "  tokenize='porter unicode61 remove_diacritics 2');"

#define VOCAB(name, table)                                                     \
    "CREATE VIRTUAL TABLE temp." name "_there USING"                           \
    " fts5vocab('main', '" table "', 'instance');"                             \
    "CREATE VIRTUAL TABLE temp." name "_made USING"                            \
    " fts5vocab('made', '" table "', 'instance');"

/* Those of the snapshot that wait for the full text are none of it yet. */
static enum err_code make_papers(struct db *c, struct err *e)
{
    return db_exec(
        c,
        "INSERT INTO made.papers_fts(rowid, title, abstract, authors)"
        " SELECT id, title, abstract, authors FROM main.papers NOT INDEXED"
        " WHERE deleted_at = 0 AND id <= (SELECT texts_through FROM meta);"
        "INSERT INTO made.papers_trigram(rowid, title, abstract, authors)"
        " SELECT id, title, abstract, authors FROM main.papers NOT INDEXED"
        " WHERE deleted_at = 0 AND unspaced = 1"
        " AND id <= (SELECT texts_through FROM meta)",
        e);
}

struct chunk_texts {
    struct buf title, text;
    int64_t document; /* whose title that is */
};

/* Of the chunk in q: its text, from its document; false in *whole: not as it
 * was when it was cut. */
static enum err_code read_chunk(struct db *c, struct query *q,
                                struct chunk_texts *t, int64_t *id, bool *whole,
                                struct err *e)
{
    uint8_t sha256[32];
    int64_t document, from, to;
    struct slice stored;
    enum err_code code = ERR_NONE;

    *id = q_get_int(q);
    document = q_get_int(q);
    from = q_get_int(q);
    to = q_get_int(q);
    stored = q_peek_blob(q);
    if (document != t->document) {
        buf_clear(&t->title);
        code = document_title(c, document, &t->title, e);
        t->document = document;
    }
    if (code == ERR_NONE)
        code = document_slice(c, document, from, to, &t->text, e);
    crypto_sha256(sha256, buf_slice(&t->text));
    *whole = stored.len == sizeof(sha256) &&
             memcmp(stored.p, sha256, sizeof(sha256)) == 0;
    return code;
}

#define EACH_CHUNK                                                             \
    "SELECT id, document, start_byte, end_byte, sha256 FROM main.chunks"       \
    " ORDER BY id"

static enum err_code put_words(struct db *c, int64_t id,
                               const struct chunk_texts *t, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "INSERT INTO made.chunks_fts(rowid, title, text) VALUES (?, ?, ?)");
    q_int(&q, id);
    q_text(&q, buf_slice(&t->title));
    q_text(&q, buf_slice(&t->text));
    return q_run(&q, NULL, e);
}

static enum err_code make_chunks(struct db *c, const struct store_verify *v,
                                 struct err *e)
{
    struct chunk_texts t = {.document = 0};
    int64_t changed = 0, first = 0;
    struct query q;
    enum err_code ended, code = ERR_NONE;

    buf_init(&t.title, STORE_MAX_DOCUMENT);
    buf_init(&t.text, STORE_MAX_DOCUMENT);
    q_start(&q, c, EACH_CHUNK);
    while (code == ERR_NONE && q_next(&q)) {
        int64_t id;
        bool whole;

        code = read_chunk(c, &q, &t, &id, &whole, e);
        if (code == ERR_NONE)
            code = put_words(c, id, &t, e);
        if (!whole && changed++ == 0)
            first = id;
    }
    ended = q_end(&q, code == ERR_NONE ? e : NULL);
    buf_release(&t.text);
    buf_release(&t.title);
    if (changed)
        verify_found(v,
                     "%lld chunks whose text is not what it was when they were "
                     "cut (one of them: %lld)",
                     (long long)changed, (long long)first);
    return code == ERR_NONE ? ended : code;
}

/* ---- in step ---- */

struct word {
    bool end;
    struct slice term;
    int64_t row;
    struct slice column;
    int64_t place;
};

static void next_word(struct query *q, struct word *w)
{
    w->end = !q_next(q);
    if (w->end)
        return;
    w->term = q_peek_text(q);
    w->row = q_get_int(q);
    w->column = q_peek_text(q);
    w->place = q_get_int(q);
}

static bool same_word(const struct word *a, const struct word *b)
{
    return a->end == b->end &&
           (a->end || (slice_eq(a->term, b->term) && a->row == b->row &&
                       slice_eq(a->column, b->column) && a->place == b->place));
}

static enum err_code compare(struct db *c, const char *there, const char *made,
                             bool *same, struct word *first, struct err *e)
{
    struct query a, b;
    struct word wa, wb;
    enum err_code code;

    q_start(&a, c, there);
    q_start(&b, c, made);
    do {
        next_word(&a, &wa);
        next_word(&b, &wb);
        *same = same_word(&wa, &wb);
    } while (*same && !wa.end);
    *first = wa.end ? wb : wa;
    code = q_end(&b, e);
    /* What it is about is only told as a number: the text goes with q_end. */
    first->term = first->column = SLICE_NONE;
    return q_end(&a, code == ERR_NONE ? e : NULL) == ERR_NONE ? code
                                                              : ERR_INTERNAL;
}

static const struct full_text {
    const char *name, *there, *made;
} full_texts[] = {
    {"papers", "SELECT term, doc, col, offset FROM temp.papers_there",
     "SELECT term, doc, col, offset FROM temp.papers_made"},
    {"papers in scripts without spaces",
     "SELECT term, doc, col, offset FROM temp.trigrams_there",
     "SELECT term, doc, col, offset FROM temp.trigrams_made"},
    {"chunks", "SELECT term, doc, col, offset FROM temp.chunks_there",
     "SELECT term, doc, col, offset FROM temp.chunks_made"},
};

static enum err_code check_text(struct db *c, const struct store_verify *v,
                                bool *differs, struct err *e)
{
    enum err_code code;

    v->step(v->ctx, "full text");
    code = make_papers(c, e);
    if (code == ERR_NONE)
        code = make_chunks(c, v, e);
    for (size_t i = 0;
         i < sizeof(full_texts) / sizeof(*full_texts) && code == ERR_NONE;
         i++) {
        struct word first;
        bool same = true;

        code = compare(c, full_texts[i].there, full_texts[i].made, &same,
                       &first, e);
        if (code != ERR_NONE || same)
            continue;
        *differs = true;
        verify_found(v,
                     "the full text of %s is not that of their texts (first "
                     "seen at %lld)",
                     full_texts[i].name, (long long)first.row);
    }
    return code;
}

/* ---- repair ---- */

/* In one commit: who reads never sees it empty. */
static enum err_code do_rebuild(struct sqlite_store *s, struct db *c, void *ctx,
                                struct err *e)
{
    struct chunk_texts t = {.document = 0};
    struct query q;
    enum err_code ended, code;

    (void)ctx;
    s->text.written = true;
    code = db_exec(
        c,
        "INSERT INTO papers_fts(papers_fts) VALUES ('delete-all');"
        "INSERT INTO papers_trigram(papers_trigram) VALUES ('delete-all');"
        "INSERT INTO chunks_fts(chunks_fts) VALUES ('delete-all');"
        "UPDATE meta SET texts_through = 0",
        e);
    buf_init(&t.title, STORE_MAX_DOCUMENT);
    buf_init(&t.text, STORE_MAX_DOCUMENT);
    q_start(&q, c, EACH_CHUNK);
    while (code == ERR_NONE && q_next(&q)) {
        int64_t id;
        bool whole;

        code = read_chunk(c, &q, &t, &id, &whole, e);
        if (code == ERR_NONE)
            code = chunk_index(c, id, buf_slice(&t.title), buf_slice(&t.text),
                               false, e);
    }
    ended = q_end(&q, code == ERR_NONE ? e : NULL);
    buf_release(&t.text);
    buf_release(&t.title);
    return code == ERR_NONE ? ended : code;
}

static enum err_code rebuild(struct sqlite_store *s,
                             const struct store_verify *v, struct err *e)
{
    enum err_code code = writer_run(s, do_rebuild, NULL, e);

    if (code == ERR_NONE)
        code = text_catch_up(s, e);
    if (code == ERR_NONE)
        verify_note(v, "the full text was made anew");
    return code;
}

/* ---- all of it ---- */

static enum err_code check_all(struct db *c, const struct store_verify *v,
                               bool *differs, struct err *e)
{
    enum err_code code = db_exec(
        c,
        "PRAGMA query_only = OFF;" MADE_AGAIN VOCAB("papers", "papers_fts")
            VOCAB("trigrams", "papers_trigram")
                VOCAB("chunks", "chunks_fts") "BEGIN",
        e);

    if (code == ERR_NONE)
        code = check_file(c, v, e);
    if (code != ERR_NONE)
        return code;
    v->step(v->ctx, "rows");
    code = run_checks(c, v, verify_checks, e);
    if (code == ERR_NONE)
        code = run_checks(c, v, own_checks, e);
    return code == ERR_NONE ? check_text(c, v, differs, e) : code;
}

static enum err_code verify(struct store *base, const struct store_verify *v,
                            struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c = NULL;
    bool differs = false;
    enum err_code code = db_open(s->path, DB_READER, &c, e);

    if (code != ERR_NONE)
        return code;
    code = check_all(c, v, &differs, e);
    db_close(c); /* takes back what was not committed */
    if (code == ERR_NONE && differs && v->repair)
        code = rebuild(s, v, e);
    return code;
}

const struct verify_ops sqlite_verify_ops = {.verify = verify};
