/* atom_feed.c - see atom_feed.h.
 *
 * A feed's `updated` is that of its newest entry and not the time of the
 * request, so that nothing changes while no paper does: readers that ask again
 * get 304.
 */
#include "backend/atom_feed.h"

#include "backend/paper_text.h"
#include "base/clock.h"
#include "base/utf8.h"

/* ---- XML ---- */

static bool is_xml_char(uint32_t cp)
{
    return cp == '\t' || cp == '\n' ||
           (cp >= 0x20 && cp != 0x7F && cp != 0xFFFE && cp != 0xFFFF);
}

static void xml_add(struct buf *out, struct slice s)
{
    size_t pos = 0;
    char bytes[4];

    while (pos < s.len) {
        uint32_t cp = utf8_next(s, &pos);

        if (cp == '&')
            buf_add_str(out, "&amp;");
        else if (cp == '<')
            buf_add_str(out, "&lt;");
        else if (cp == '>')
            buf_add_str(out, "&gt;");
        else if (cp == '"')
            buf_add_str(out, "&quot;");
        else if (is_xml_char(cp))
            buf_add(out, bytes, utf8_put(bytes, cp));
    }
}

static void element(struct buf *out, const char *name, struct slice text)
{
    buf_printf(out, "<%s>", name);
    xml_add(out, text);
    buf_printf(out, "</%s>\n", name);
}

static void time_element(struct buf *out, const char *name, int64_t us)
{
    char stamp[CLOCK_TEXT];
    size_t n = clock_format(stamp, us);

    element(out, name, (struct slice){stamp, n});
}

static void link_element(struct buf *out, const char *rel, const char *type,
                         struct slice href)
{
    buf_printf(out, "<link rel=\"%s\" type=\"%s\" href=\"", rel, type);
    xml_add(out, href);
    buf_add_str(out, "\"/>\n");
}

/* ---- Atom ---- */

static void add_authors(struct buf *out, const struct paper *p)
{
    json_t *names = text_list(p->author_list);

    for (size_t i = 0; i < json_array_size(names); i++) {
        buf_add_str(out, "<author>");
        element(out, "name", text_list_at(names, i));
        buf_add_str(out, "</author>\n");
    }
    json_decref(names);
}

static void add_categories(struct buf *out, const struct paper *p)
{
    json_t *terms = text_list(p->arxiv_categories);

    for (size_t i = 0; i <= json_array_size(terms); i++) {
        struct slice term = i == 0 ? p->category : text_list_at(terms, i - 1);

        if (term.len == 0)
            continue;
        buf_add_str(out, "<category term=\"");
        xml_add(out, term);
        buf_add_str(out, "\"/>\n");
    }
    json_decref(terms);
}

static int64_t updated_of(const struct paper *p)
{
    return p->source_updated_at ? p->source_updated_at
           : p->published_at    ? p->published_at
                                : p->created_at;
}

static void add_entry(struct buf *out, const struct paper *p)
{
    buf_add_str(out, "<entry>\n");
    element(out, "id", p->url);
    element(out, "title", p->title);
    time_element(out, "updated", updated_of(p));
    if (p->published_at)
        time_element(out, "published", p->published_at);
    add_authors(out, p);
    link_element(out, "alternate", "text/html", p->url);
    if (p->pdf_url.len > 0)
        link_element(out, "related", "application/pdf", p->pdf_url);
    add_categories(out, p);
    if (p->abstract.len > 0)
        element(out, "summary", p->abstract);
    buf_add_str(out, "</entry>\n");
}

void atom_feed(struct buf *out, struct slice self, struct slice site,
               const struct paper *papers, size_t n)
{
    int64_t newest = 0;

    for (size_t i = 0; i < n; i++)
        if (updated_of(&papers[i]) > newest)
            newest = updated_of(&papers[i]);
    buf_add_str(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                     "<feed xmlns=\"http://www.w3.org/2005/Atom\">\n");
    element(out, "id", self);
    element(out, "title", SLICE("Papers"));
    /* Stands for the entries whose authors are not known. */
    buf_add_str(out, "<author><name>sheaf</name></author>\n");
    time_element(out, "updated", newest);
    link_element(out, "self", "application/atom+xml", self);
    link_element(out, "alternate", "text/html", site);
    for (size_t i = 0; i < n; i++)
        add_entry(out, &papers[i]);
    buf_add_str(out, "</feed>\n");
}
