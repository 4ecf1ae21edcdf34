/* fuzz_export.c - any text, written into BibTeX, RIS, CSV and Atom, stays
 * inside its field. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "backend/atom_feed.h"
#include "backend/export_formats.h"
#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count(const struct buf *b, const char *what)
{
    struct slice rest = buf_slice(b);
    size_t n = 0;
    ptrdiff_t at;

    while ((at = slice_find(rest, slice_of(what))) >= 0) {
        n++;
        rest = slice_sub(rest, (size_t)at + 1, rest.len);
    }
    return n;
}

/* As BibTeX counts: every brace, and the entry ends with the last one. */
static void check_bibtex(struct buf *out, const struct paper *p)
{
    long depth = 0;

    bibtex_add(out, p);
    assert(buf_ok(out));
    for (size_t i = 0; i < out->len; i++) {
        depth += out->p[i] == '{';
        depth -= out->p[i] == '}';
        assert(depth > 0 || i < 6 || i >= out->len - 3);
    }
    assert(depth == 0);
    buf_clear(out);
}

static void check_ris(struct buf *out, const struct paper *p)
{
    ris_add(out, p);
    assert(buf_ok(out));
    assert(slice_starts(buf_slice(out), "TY  - "));
    assert(count(out, "\r\nER  - ") == 1 && count(out, "\nTY") == 0);
    /* every line end is CR LF */
    assert(count(out, "\n") == count(out, "\r\n"));
    assert(count(out, "\r") == count(out, "\r\n"));
    buf_clear(out);
}

/* Read as RFC 4180 does: 21 cells, and nothing that a spreadsheet would run. */
static void check_csv(struct buf *out, const struct paper *p)
{
    size_t cells = 1, i;
    bool quoted = false;

    csv_add(out, p);
    assert(buf_ok(out));
    for (i = 0; i < out->len; i++) {
        if (out->p[i] == '"')
            quoted = !quoted;
        else if (out->p[i] == ',' && !quoted)
            cells++;
        else if (out->p[i] == '\n' && !quoted)
            break;
    }
    assert(cells == 21 && i == out->len - 1);
    assert(count(out, ",\"=") == 0 || memchr(p->title.p, ',', p->title.len));
    buf_clear(out);
}

static void check_atom(struct buf *out, const struct paper *p)
{
    atom_feed(out, p->title, SLICE("http://localhost/"), p, 1);
    assert(buf_ok(out));
    assert(utf8_valid(buf_slice(out)));
    assert(count(out, "<") == count(out, ">"));
    assert(count(out, "<entry>") == 1 && count(out, "</entry>") == 1);
    for (size_t i = 0; i < out->len; i++)
        assert((unsigned char)out->p[i] >= ' ' || out->p[i] == '\n' ||
               out->p[i] == '\t');
    buf_clear(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct paper p = {.id = 1,
                      .source = SLICE("arxiv"),
                      .url = text,
                      .title = text,
                      .abstract = text,
                      .authors = text,
                      .source_id = text,
                      .category = text,
                      .doi = text,
                      .primary_category = text,
                      .journal_ref = text,
                      .comment = text,
                      .pdf_url = text,
                      .published_at = 1};
    struct buf out, list;
    struct jw j;

    if (size > 4096 || !utf8_valid(text) || (size && memchr(data, 0, size)))
        return 0; /* what the webhook never lets through */
    buf_init(&out, 4 * 1024 * 1024);
    buf_init(&list, 64 * 1024);
    jw_init(&j, &list);
    jw_arr(&j);
    jw_slice(&j, text);
    jw_slice(&j, text);
    jw_end_arr(&j);
    p.author_list = p.tags = p.arxiv_categories = buf_slice(&list);
    check_bibtex(&out, &p);
    check_ris(&out, &p);
    check_csv(&out, &p);
    check_atom(&out, &p);
    buf_release(&list);
    buf_release(&out);
    return 0;
}
