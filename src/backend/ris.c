/* ris.c - see export_formats.h. */
#include "backend/export_formats.h"

#include "backend/paper_text.h"
#include "base/clock.h"

static void line(struct buf *out, const char *tag, struct slice s)
{
    if (s.len == 0)
        return;
    buf_printf(out, "%s  - ", tag);
    text_add_line(out, s); /* a line break would begin another value */
    buf_add_str(out, "\r\n");
}

static void add_author(struct buf *out, struct slice name)
{
    struct person p = person_cut(name);

    buf_add_str(out, "AU  - ");
    text_add_line(out, p.family);
    if (p.given.len > 0) {
        buf_add_str(out, ", ");
        text_add_line(out, p.given);
    }
    if (p.suffix.len > 0) {
        buf_add_str(out, ", ");
        text_add_line(out, p.suffix);
    }
    buf_add_str(out, "\r\n");
}

static void add_list(struct buf *out, const char *tag, struct slice json)
{
    json_t *list = text_list(json);

    for (size_t i = 0; i < json_array_size(list); i++) {
        if (tag)
            line(out, tag, text_list_at(list, i));
        else
            add_author(out, text_list_at(list, i));
    }
    json_decref(list);
}

static void add_date(struct buf *out, int64_t us)
{
    int year, month, day;

    if (!us)
        return;
    clock_civil(us / US_PER_DAY, &year, &month, &day);
    buf_printf(out, "PY  - %d\r\nDA  - %04d/%02d/%02d\r\n", year, year, month,
               day);
}

void ris_add(struct buf *out, const struct paper *p)
{
    /* a paper that says where it appeared is an article, else a preprint */
    buf_add_str(out,
                p->journal_ref.len > 0 ? "TY  - JOUR\r\n" : "TY  - UNPB\r\n");
    line(out, "ID", p->source_id);
    line(out, "TI", p->title);
    add_list(out, NULL, p->author_list);
    add_date(out, p->published_at);
    line(out, "AB", p->abstract);
    add_list(out, "KW", p->tags);
    line(out, "JO", p->journal_ref);
    line(out, "DO", p->doi);
    line(out, "UR", p->url);
    line(out, "L1", p->pdf_url);
    line(out, "N1", p->comment);
    buf_add_str(out, "ER  - \r\n\r\n");
}
