/* outline.c - GET /documents/{id}/outline: what a reader needs beside the text.
 *
 * Pages and chunks are stored.  Headings are not: of a Markdown text they are
 * found anew, which takes a few milliseconds a megabyte, by the code that found
 * them when it came in; other kinds have none.
 */
#include "base/json.h"
#include "processor/extract.h"
#include "processor/processor_impl.h"

static void write_pages(struct jw *j, struct slice stored)
{
    json_t *pages = NULL, *page;
    size_t i;

    jw_key(j, "pages");
    jw_arr(j);
    if (stored.len && json_parse(&pages, stored, NULL) == ERR_NONE)
        json_array_foreach(pages, i, page)
        {
            jw_obj(j);
            jw_kint(j, "page", json_integer_value(json_array_get(page, 0)));
            jw_kint(j, "start_char",
                    json_integer_value(json_array_get(page, 1)));
            jw_end_obj(j);
        }
    json_decref(pages);
    jw_end_arr(j);
}

static bool is_markdown(struct slice metadata)
{
    json_t *m = NULL;
    bool is;

    if (json_parse(&m, metadata, NULL) != ERR_NONE)
        return false;
    is = slice_is(json_get_slice(m, "type"),
                  extract_kind_name(EXTRACT_MARKDOWN));
    json_decref(m);
    return is;
}

static enum err_code find_headings(struct request *r, const struct document *d,
                                   struct extract *out, struct err *e)
{
    struct processor *p = r->ctx;
    struct slice text;
    enum err_code code;

    if (!is_markdown(d->metadata))
        return ERR_NONE;
    code =
        store_document_text(p->store, r->arena, d->id, 0, d->bytes, &text, e);
    if (code == ERR_NONE)
        code = extract_file(r->arena, text,
                            &(struct extract_options){.name = SLICE("x.md")},
                            out, e);
    /* Not the text that came in: its second front matter, say, was taken off;
     * then no heading is where it seems to be. */
    if (code == ERR_NONE && out->n_chars != (size_t)d->chars)
        *out = (struct extract){0};
    return code;
}

static void write_headings(struct jw *j, const struct extract *x)
{
    jw_key(j, "headings");
    jw_arr(j);
    for (size_t i = 0; i < x->n_headings; i++) {
        jw_obj(j);
        jw_kint(j, "level", x->headings[i].level);
        jw_kslice(j, "title", x->headings[i].text);
        jw_kint(j, "start_char", (int64_t)x->headings[i].start_char);
        jw_end_obj(j);
    }
    jw_end_arr(j);
}

static enum err_code write_chunks(struct request *r, struct jw *j,
                                  struct slice id, struct err *e)
{
    struct processor *p = r->ctx;
    struct chunk_range *rows;
    int64_t offset = 0;
    size_t n;

    jw_key(j, "chunks");
    jw_arr(j);
    do {
        enum err_code code = store_document_places(
            p->store, r->arena, id, offset, STORE_MAX_ROWS, &rows, &n, e);

        if (code != ERR_NONE)
            return code;
        for (size_t i = 0; i < n; i++) {
            jw_arr(j);
            jw_int(j, rows[i].start_char);
            jw_int(j, rows[i].end_char);
            jw_end_arr(j);
        }
        offset += (int64_t)n;
    } while (n == STORE_MAX_ROWS);
    jw_end_arr(j);
    return ERR_NONE;
}

enum err_code document_outline(struct request *r, struct err *e)
{
    struct processor *p = r->ctx;
    struct extract x = {0};
    struct document d;
    struct jw j;
    enum err_code code =
        store_document_get(p->store, r->arena, request_str(r, "id"), &d, e);

    if (code == ERR_NONE)
        code = find_headings(r, &d, &x, e);
    if (code != ERR_NONE)
        return code;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kslice(&j, "document_id", d.id);
    jw_kint(&j, "chars", d.chars);
    write_pages(&j, d.pages);
    write_headings(&j, &x);
    code = write_chunks(r, &j, d.id, e);
    jw_end_obj(&j);
    return code;
}
