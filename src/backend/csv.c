/* csv.c - see export_formats.h. */
#include "backend/export_formats.h"

#include <string.h>

#include "backend/paper_text.h"
#include "base/clock.h"
#include "base/num.h"

/* Texts that a spreadsheet takes for a formula begin with one of these; tab and
 * CR because some skip them first. */
static bool is_formula(struct slice s)
{
    return s.len > 0 && s.p[0] && strchr("=+-@\t\r", s.p[0]);
}

static void cell(struct buf *out, struct slice s)
{
    size_t i;

    if (s.len == 0)
        return;
    buf_add_char(out, '"');
    if (is_formula(s))
        buf_add_char(out, '\'');
    for (i = 0; i < s.len; i++) {
        if (s.p[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, s.p[i]);
    }
    buf_add_char(out, '"');
}

static void text(struct buf *out, struct slice s)
{
    buf_add_char(out, ',');
    cell(out, s);
}

static void list(struct buf *out, struct slice json)
{
    json_t *items = text_list(json);
    struct buf joined;

    buf_init(&joined, json.len * 2 + 2);
    for (size_t i = 0; i < json_array_size(items); i++) {
        buf_add_str(&joined, i > 0 ? "; " : "");
        buf_add_slice(&joined, text_list_at(items, i));
    }
    text(out, buf_slice(&joined));
    buf_release(&joined);
    json_decref(items);
}

static void when(struct buf *out, int64_t us)
{
    char stamp[CLOCK_TEXT];

    buf_add_char(out, ',');
    if (us)
        buf_add(out, stamp, clock_format(stamp, us));
}

void csv_add_header(struct buf *out)
{
    buf_add_str(out, "id,title,abstract,authors,url,pdf_url,source,source_id,"
                     "version,category,relevance_score,tags,arxiv_categories,"
                     "primary_category,doi,journal_ref,comment,published_at,"
                     "source_updated_at,created_at,updated_at\r\n");
}

void csv_add(struct buf *out, const struct paper *p)
{
    char score[NUM_TEXT];

    buf_add_i64(out, p->id);
    text(out, p->title);
    text(out, p->abstract);
    text(out, p->authors);
    text(out, p->url);
    text(out, p->pdf_url);
    text(out, p->source);
    text(out, p->source_id);
    buf_add_char(out, ',');
    if (p->version > 0)
        buf_add_i64(out, p->version);
    text(out, p->category);
    buf_add_char(out, ',');
    buf_add(out, score, num_double(score, p->relevance_score));
    list(out, p->tags);
    list(out, p->arxiv_categories);
    text(out, p->primary_category);
    text(out, p->doi);
    text(out, p->journal_ref);
    text(out, p->comment);
    when(out, p->published_at);
    when(out, p->source_updated_at);
    when(out, p->created_at);
    when(out, p->updated_at);
    buf_add_str(out, "\r\n");
}
