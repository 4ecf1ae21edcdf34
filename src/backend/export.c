/* export.c - GET /api/papers/export/: every match, as a file.
 *
 * The store hands out papers in batches without holding a transaction open, we
 * write them in pieces of 64 kB, and stream_write blocks while the client is
 * slow: an export of any size costs the same memory.
 */
#include "backend/handlers.h"

#include "backend/export_formats.h"
#include "backend/paper_json.h"
#include "backend/paper_query.h"

#define PIECE_BYTES (64 * 1024)

struct format {
    const char *name;
    const char *content_type;
    const char *disposition;
    void (*head)(struct buf *out); /* may be NULL */
    void (*paper)(struct buf *out, const struct paper *p);
};

static void jsonl_add(struct buf *out, const struct paper *p)
{
    struct jw j;

    jw_init(&j, out);
    paper_json(&j, p);
    buf_add_char(out, '\n');
}

static const struct format formats[] = {
    {"bibtex", "application/x-bibtex; charset=utf-8",
     "attachment; filename=\"papers.bib\"", NULL, bibtex_add},
    {"ris", "application/x-research-info-systems; charset=utf-8",
     "attachment; filename=\"papers.ris\"", NULL, ris_add},
    {"csv", "text/csv; charset=utf-8; header=present",
     "attachment; filename=\"papers.csv\"", csv_add_header, csv_add},
    {"jsonl", "application/jsonl; charset=utf-8",
     "attachment; filename=\"papers.jsonl\"", NULL, jsonl_add},
};

struct export
{
    struct request *r;
    const struct format *format;
    struct buf piece;
    bool begun;
};

/* The reply begins with the first paper, so that a query which the store
 * refuses is still answered by a plain 400. */
static enum err_code begin(struct export *x, struct err *e)
{
    if (x->begun)
        return ERR_NONE;
    x->begun = true;
    reply_header(x->r, "Content-Disposition", x->format->disposition);
    if (x->format->head)
        x->format->head(&x->piece);
    return stream_begin(x->r, 200, x->format->content_type, e);
}

static enum err_code flush(struct export *x, struct err *e)
{
    enum err_code rc;

    if (!buf_ok(&x->piece))
        return err_set(e, ERR_INTERNAL, "a paper is too large to export");
    if (x->piece.len == 0)
        return ERR_NONE;
    rc = stream_write(x->r, buf_slice(&x->piece), e);
    buf_clear(&x->piece);
    return rc;
}

static enum err_code add_paper(void *ctx, const struct paper *p, struct err *e)
{
    struct export *x = ctx;
    enum err_code rc = begin(x, e);

    if (rc)
        return rc;
    x->format->paper(&x->piece, p);
    return x->piece.len >= PIECE_BYTES || x->piece.failed ? flush(x, e)
                                                          : ERR_NONE;
}

enum err_code papers_export(struct request *r, struct err *e)
{
    struct backend *b = r->ctx;
    struct export x = {.r = r};
    struct paper_query q;
    enum err_code rc = paper_query_read(r, &q, e);

    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
        if (slice_is(request_str(r, "format"), formats[i].name))
            x.format = &formats[i];
    buf_init(&x.piece, REPLY_MAX_BYTES);
    rc = store_papers_each(b->store, &q, add_paper, &x, e);
    if (rc == ERR_NONE)
        rc = begin(&x, e);
    if (rc == ERR_NONE)
        rc = flush(&x, e);
    buf_release(&x.piece);
    return rc;
}
