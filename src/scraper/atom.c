/* atom.c - a pull parser of arXiv's Atom feeds over libxml2's xmlTextReader.
 *
 * The reader gives one node at a time, so memory holds one entry and the
 * result, whatever the size of the feed.  Two layouts are in use (until 2025-10
 * and since 2025-11): other order, other prefixes, namespaces declared on the
 * root or again on each element.  So the place of an element is its path of
 * (namespace, name): feed/x, feed/entry/x, feed/entry/author/name.
 *
 * Outside bytes.  Input is UTF-8 (checked here, whatever the declaration
 * says), without NUL, and has no document type: with neither, there is no
 * entity to expand and nothing to fetch.  libxml2's own limits (depth 256, text
 * of 10 MB) stay on; ours are narrower.
 */
#include "scraper/atom.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "scraper/arxiv_id.h"
#include "scraper/xml_lib.h"

#define NS_ATOM "http://www.w3.org/2005/Atom"
#define NS_ARXIV "http://arxiv.org/schemas/atom"
#define NS_SEARCH "http://a9.com/-/spec/opensearch/1.1/"
#define MAX_DEPTH 32

enum field {
    F_NONE,
    /* feed */
    F_FEED_TITLE,
    F_FEED_UPDATED,
    F_TOTAL,
    F_START,
    F_PER_PAGE,
    /* entry */
    F_ID,
    F_TITLE,
    F_SUMMARY,
    F_PUBLISHED,
    F_UPDATED,
    F_COMMENT,
    F_DOI,
    F_JOURNAL_REF,
    F_NAME,
    F_COUNT
};

static const struct place {
    int depth; /* of the element; the root is at 0 */
    const char *ns, *name;
    enum field field;
} places[] = {
    {1, NS_ATOM, "title", F_FEED_TITLE},
    {1, NS_ATOM, "updated", F_FEED_UPDATED},
    {1, NS_SEARCH, "totalResults", F_TOTAL},
    {1, NS_SEARCH, "startIndex", F_START},
    {1, NS_SEARCH, "itemsPerPage", F_PER_PAGE},
    {2, NS_ATOM, "id", F_ID},
    {2, NS_ATOM, "title", F_TITLE},
    {2, NS_ATOM, "summary", F_SUMMARY},
    {2, NS_ATOM, "published", F_PUBLISHED},
    {2, NS_ATOM, "updated", F_UPDATED},
    {2, NS_ARXIV, "comment", F_COMMENT},
    {2, NS_ARXIV, "doi", F_DOI},
    {2, NS_ARXIV, "journal_ref", F_JOURNAL_REF},
    {3, NS_ATOM, "name", F_NAME},
};

struct parser {
    xmlTextReaderPtr reader;
    struct arena *arena;
    struct atom_feed *feed;
    struct err *e;
    size_t papers_cap;
    bool in_entry, in_author;
    struct err fault; /* what libxml2 complained about first */
    bool cut_short;   /* the input does not end as a feed ends */

    enum field capture; /* being read, at capture_depth */
    int capture_depth;
    struct buf text; /* of the captured element */

    /* the entry being read */
    struct slice seen[F_COUNT]; /* normalised text; p == NULL: not there */
    struct buf names;           /* joined: "A, B" */
    struct buf name_list;       /* JSON array */
    struct jw names_jw;
    size_t n_names;
    struct buf categories; /* JSON array */
    struct jw categories_jw;
    size_t n_categories;
    struct buf terms; /* "\ncs.AI\ncs.LG\n", to drop repeated ones */
    struct slice first_category, primary;
    bool has_pdf;
};

static enum err_code too_large(struct parser *p)
{
    return err_set(p->e, ERR_TOO_LARGE, "the feed is too large");
}

/* Of the current node; the parser itself has read on behind it. */
static int line_of(struct parser *p)
{
    xmlNodePtr node = xml_lib.xmlTextReaderCurrentNode(p->reader);
    long line = node ? xml_lib.xmlGetLineNo(node) : 0;

    return line > 0 ? (int)line
                    : xml_lib.xmlTextReaderGetParserLineNumber(p->reader);
}

/* The first complaint is the cause; its text ends in a line break. */
static void on_fault(void *ctx, const char *msg, xmlParserSeverities severity,
                     xmlTextReaderLocatorPtr where)
{
    struct parser *p = ctx;
    struct slice text = slice_trim(slice_of(msg));

    if (p->fault.code || severity == XML_PARSER_SEVERITY_WARNING ||
        severity == XML_PARSER_SEVERITY_VALIDITY_WARNING)
        return;
    err_set(&p->fault, ERR_INVALID, "line %d: %.*s",
            xml_lib.xmlTextReaderLocatorLineNumber(where), SLICE_ARG(text));
}

/* ---- text ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Runs of white space become one blank, none at the ends.  LaTeX and all else
 * stays.  In arena. */
static struct slice normalised(struct arena *a, struct slice s)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t n = 0;
    bool gap = false;

    if (!out)
        return SLICE_NONE;
    for (size_t i = 0; i < s.len; i++) {
        if (is_space(s.p[i])) {
            gap = n > 0;
            continue;
        }
        if (gap)
            out[n++] = ' ';
        gap = false;
        out[n++] = s.p[i];
    }
    out[n] = '\0';
    return (struct slice){out, n};
}

/* The first `max` code points. */
static struct slice cut(struct slice s, size_t max)
{
    size_t pos = 0;

    if (s.len <= max)
        return s;
    while (pos < s.len && max-- > 0)
        utf8_next(s, &pos);
    return slice_sub(s, 0, pos);
}

static enum err_code number(struct parser *p, struct slice s, int64_t *out)
{
    if (!slice_to_i64(s, out) || *out < 0)
        return err_set(p->e, ERR_INVALID, "line %d: '%.*s' is not a number",
                       line_of(p), SLICE_ARG(utf8_cut(s, 60)));
    return ERR_NONE;
}

static enum err_code add_name(struct parser *p, struct slice name)
{
    name = cut(name, ATOM_MAX_NAME);
    if (name.len == 0)
        return ERR_NONE;
    if (++p->n_names > ATOM_MAX_AUTHORS)
        return err_set(p->e, ERR_TOO_LARGE, "line %d: more than %d authors",
                       line_of(p), ATOM_MAX_AUTHORS);
    if (p->names.len)
        buf_add_str(&p->names, ", ");
    buf_add_slice(&p->names, name);
    jw_slice(&p->names_jw, name);
    return ERR_NONE;
}

/* The captured element ends: keep its text.  Of a field that stands twice the
 * first counts. */
static enum err_code end_capture(struct parser *p)
{
    enum field f = p->capture;
    struct slice s;

    p->capture = F_NONE;
    if (!buf_ok(&p->text))
        return err_set(p->e, ERR_TOO_LARGE, "line %d: a text over %u bytes",
                       line_of(p), ATOM_MAX_FIELD);
    s = normalised(p->arena, buf_slice(&p->text));
    if (!s.p)
        return too_large(p);
    switch (f) {
    case F_FEED_TITLE:
        p->feed->title = s;
        return ERR_NONE;
    case F_FEED_UPDATED: /* for people only: any form is fine */
        if (!clock_parse(s, &p->feed->updated_at))
            p->feed->updated_at = 0;
        return ERR_NONE;
    case F_TOTAL:
        return number(p, s, &p->feed->total);
    case F_START:
        return number(p, s, &p->feed->start);
    case F_PER_PAGE:
        return number(p, s, &p->feed->per_page);
    case F_NAME:
        return add_name(p, s);
    default:
        if (!p->seen[f].p)
            p->seen[f] = s;
        return ERR_NONE;
    }
}

/* ---- entries ---- */

static void begin_entry(struct parser *p)
{
    memset(p->seen, 0, sizeof(p->seen));
    buf_clear(&p->names);
    buf_clear(&p->name_list);
    jw_init(&p->names_jw, &p->name_list);
    jw_arr(&p->names_jw);
    p->n_names = 0;
    buf_clear(&p->categories);
    jw_init(&p->categories_jw, &p->categories);
    jw_arr(&p->categories_jw);
    buf_clear(&p->terms);
    buf_add_char(&p->terms, '\n');
    p->first_category = p->primary = SLICE_NONE;
    p->n_categories = 0;
    p->has_pdf = false;
    p->in_entry = true;
}

/* An attribute's value, borrowed until the reader moves; SLICE_NONE. */
static struct slice attribute(struct parser *p, const char *name)
{
    struct slice s = SLICE_NONE;

    if (xml_lib.xmlTextReaderMoveToAttribute(p->reader,
                                             (const xmlChar *)name) == 1)
        s = slice_of((const char *)xml_lib.xmlTextReaderConstValue(p->reader));
    xml_lib.xmlTextReaderMoveToElement(p->reader);
    return s;
}

static bool add_category(struct parser *p, struct slice *into)
{
    struct slice term = slice_trim(attribute(p, "term"));
    char key[ARXIV_ID_MAX + 2];

    if (!arxiv_category_valid(term))
        return true; /* an MSC or ACM class */
    if (!into->p) {
        *into = arena_slice(p->arena, term);
        if (!into->p)
            return false;
    }
    if (into == &p->primary)
        return true;
    key[0] = key[term.len + 1] = '\n';
    memcpy(key + 1, term.p, term.len);
    if (slice_find(buf_slice(&p->terms), (struct slice){key, term.len + 2}) >=
            0 ||
        p->n_categories == ATOM_MAX_CATEGORIES)
        return true;
    p->n_categories++;
    buf_add(&p->terms, key + 1, term.len + 1);
    jw_slice(&p->categories_jw, term);
    return true;
}

/* Elements that say all in their attributes. */
static enum err_code entry_element(struct parser *p, const char *ns,
                                   const char *name)
{
    bool ok = true;

    if (!strcmp(ns, NS_ATOM) && !strcmp(name, "category"))
        ok = add_category(p, &p->first_category);
    else if (!strcmp(ns, NS_ARXIV) && !strcmp(name, "primary_category"))
        ok = add_category(p, &p->primary);
    else if (!strcmp(ns, NS_ATOM) && !strcmp(name, "link") &&
             (slice_is(attribute(p, "title"), "pdf") ||
              slice_is(attribute(p, "type"), "application/pdf")))
        p->has_pdf = true;
    else if (!strcmp(ns, NS_ATOM) && !strcmp(name, "author"))
        p->in_author = true;
    return ok ? ERR_NONE : too_large(p);
}

/* arXiv's way to refuse: one entry, titled Error, whose id leads to
 * /api/errors; the summary says why. */
static bool is_refusal(const struct parser *p)
{
    return slice_is(p->seen[F_TITLE], "Error") &&
           slice_find(p->seen[F_ID], SLICE("/api/errors")) >= 0;
}

static enum err_code refusal(struct parser *p)
{
    struct slice why = p->seen[F_SUMMARY];

    p->feed->refused = true;
    if (!why.len)
        why = SLICE("no reason given");
    return err_set(p->e, ERR_INVALID, "arXiv says: %.*s",
                   SLICE_ARG(utf8_cut(why, 300)));
}

static enum err_code need_time(struct parser *p, enum field f, int64_t *out)
{
    if (p->seen[f].len && !clock_parse(p->seen[f], out))
        return err_set(p->e, ERR_INVALID, "line %d: '%.*s' is not a time",
                       line_of(p), SLICE_ARG(utf8_cut(p->seen[f], 60)));
    return ERR_NONE;
}

static struct slice text_of(const struct parser *p, enum field f, size_t max)
{
    return p->seen[f].p ? cut(p->seen[f], max) : SLICE("");
}

/* Everything but the URLs. */
static enum err_code fill_paper(struct parser *p, struct paper *paper)
{
    enum err_code rc;

    jw_end_arr(&p->names_jw);
    jw_end_arr(&p->categories_jw);
    if (!buf_ok(&p->names) || !buf_ok(&p->name_list) ||
        !buf_ok(&p->categories) || !buf_ok(&p->terms))
        return too_large(p);
    *paper = (struct paper){
        .title = text_of(p, F_TITLE, ATOM_MAX_TITLE),
        .abstract = text_of(p, F_SUMMARY, ATOM_MAX_ABSTRACT),
        .authors = arena_slice(p->arena, buf_slice(&p->names)),
        .author_list = arena_slice(p->arena, buf_slice(&p->name_list)),
        .source = SLICE("arxiv"),
        .arxiv_categories = arena_slice(p->arena, buf_slice(&p->categories)),
        .primary_category = p->primary.p ? p->primary : p->first_category,
        .doi = text_of(p, F_DOI, ATOM_MAX_NOTE),
        .journal_ref = text_of(p, F_JOURNAL_REF, ATOM_MAX_NOTE),
        .comment = text_of(p, F_COMMENT, ATOM_MAX_NOTE),
    };
    if (!paper->authors.p || !paper->author_list.p ||
        !paper->arxiv_categories.p)
        return too_large(p);
    rc = need_time(p, F_PUBLISHED, &paper->published_at);
    if (rc == ERR_NONE)
        rc = need_time(p, F_UPDATED, &paper->source_updated_at);
    return rc;
}

static enum err_code fill_urls(struct parser *p, struct paper *paper)
{
    struct arxiv_id id;
    struct arena *a = p->arena;
    const char *url, *pdf = "", *source_id;

    if (!arxiv_id_parse(p->seen[F_ID], &id))
        return err_set(p->e, ERR_INVALID,
                       "line %d: '%.*s' is not an arXiv paper", line_of(p),
                       SLICE_ARG(text_of(p, F_ID, 100)));
    source_id = arena_strdup(a, id.id);
    url = arena_printf(a, "https://arxiv.org/abs/%s", id.id);
    if (p->has_pdf)
        pdf = id.version ? arena_printf(a, "https://arxiv.org/pdf/%sv%d", id.id,
                                        id.version)
                         : arena_printf(a, "https://arxiv.org/pdf/%s", id.id);
    if (!source_id || !url || !pdf)
        return too_large(p);
    paper->version = id.version;
    paper->source_id = slice_of(source_id);
    paper->url = slice_of(url);
    paper->pdf_url = slice_of(pdf);
    return ERR_NONE;
}

static struct paper *new_paper(struct parser *p)
{
    struct atom_feed *f = p->feed;

    if (f->n_papers == p->papers_cap) {
        size_t cap = p->papers_cap ? p->papers_cap * 2 : 128;
        struct paper *grown = arena_calloc(p->arena, cap, sizeof(*grown));

        if (!grown)
            return NULL;
        if (f->n_papers)
            memcpy(grown, f->papers, f->n_papers * sizeof(*grown));
        f->papers = grown;
        p->papers_cap = cap;
    }
    return &f->papers[f->n_papers++];
}

static enum err_code end_entry(struct parser *p)
{
    struct paper *paper;
    enum err_code rc;

    p->in_entry = false;
    if (is_refusal(p))
        return refusal(p);
    if (!p->seen[F_TITLE].len)
        return err_set(p->e, ERR_INVALID, "line %d: an entry without a title",
                       line_of(p));
    if (p->feed->n_papers == ATOM_MAX_ENTRIES)
        return err_set(p->e, ERR_TOO_LARGE, "more than %d entries",
                       ATOM_MAX_ENTRIES);
    paper = new_paper(p);
    if (!paper)
        return too_large(p);
    rc = fill_paper(p, paper);
    return rc == ERR_NONE ? fill_urls(p, paper) : rc;
}

/* ---- nodes ---- */

static enum field place_of(const struct parser *p, int depth, const char *ns,
                           const char *name)
{
    if (depth > 1 && !p->in_entry)
        return F_NONE;
    if (depth > 2 && !p->in_author)
        return F_NONE;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (places[i].depth == depth && !strcmp(places[i].name, name) &&
            !strcmp(places[i].ns, ns))
            return places[i].field;
    return F_NONE;
}

static enum err_code check_root(struct parser *p, const char *ns,
                                const char *name)
{
    if (!strcmp(ns, NS_ATOM) && !strcmp(name, "feed"))
        return ERR_NONE;
    return err_set(p->e, ERR_INVALID,
                   "line %d: not an Atom feed: the root is '%.40s' of '%.80s'",
                   line_of(p), name, ns);
}

static enum err_code on_end(struct parser *p, int depth)
{
    if (p->capture && depth == p->capture_depth)
        return end_capture(p);
    if (p->in_author && depth == 2)
        p->in_author = false;
    else if (p->in_entry && depth == 1)
        return end_entry(p);
    return ERR_NONE;
}

static enum err_code on_element(struct parser *p, int depth)
{
    const char *ns =
        (const char *)xml_lib.xmlTextReaderConstNamespaceUri(p->reader);
    const char *name =
        (const char *)xml_lib.xmlTextReaderConstLocalName(p->reader);
    bool empty = xml_lib.xmlTextReaderIsEmptyElement(p->reader) == 1;
    enum err_code rc = ERR_NONE;

    ns = ns ? ns : "";
    if (depth > MAX_DEPTH)
        return err_set(p->e, ERR_INVALID, "line %d: nested more than %d deep",
                       line_of(p), MAX_DEPTH);
    if (depth == 0)
        rc = check_root(p, ns, name);
    else if (p->capture)
        return ERR_NONE; /* markup inside a text: only its text counts */
    else if (depth == 1 && !strcmp(ns, NS_ATOM) && !strcmp(name, "entry"))
        begin_entry(p);
    else if ((p->capture = place_of(p, depth, ns, name)) != F_NONE) {
        p->capture_depth = depth;
        buf_clear(&p->text);
    } else if (depth == 2 && p->in_entry)
        rc = entry_element(p, ns, name);
    if (rc == ERR_NONE && empty)
        rc = on_end(p, depth);
    return rc;
}

static enum err_code on_node(struct parser *p)
{
    int depth = xml_lib.xmlTextReaderDepth(p->reader);

    switch (xml_lib.xmlTextReaderNodeType(p->reader)) {
    case XML_READER_TYPE_ELEMENT:
        return on_element(p, depth);
    case XML_READER_TYPE_END_ELEMENT:
        return on_end(p, depth);
    case XML_READER_TYPE_TEXT:
    case XML_READER_TYPE_CDATA:
    case XML_READER_TYPE_WHITESPACE:
    case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
        if (p->capture)
            buf_add_str(&p->text, (const char *)xml_lib.xmlTextReaderConstValue(
                                      p->reader));
        return ERR_NONE;
    case XML_READER_TYPE_DOCUMENT_TYPE:
    case XML_READER_TYPE_ENTITY_REFERENCE:
        return err_set(p->e, ERR_INVALID,
                       "line %d: document types are not accepted", line_of(p));
    default:
        return ERR_NONE;
    }
}

static enum err_code read_all(struct parser *p)
{
    enum err_code rc = ERR_NONE;
    int got;

    while ((got = xml_lib.xmlTextReaderRead(p->reader)) == 1 &&
           !p->fault.code) {
        rc = on_node(p);
        if (rc != ERR_NONE)
            return rc;
    }
    if (p->fault.code || got != 0)
        return err_set(p->e, ERR_INVALID, "%s: %s",
                       p->cut_short ? "the feed is cut short"
                                    : "not well-formed XML",
                       p->fault.code ? p->fault.msg : "cannot be read");
    return ERR_NONE;
}

/* ---- before the parser sees it ---- */

static size_t lines_before(struct slice s, size_t at)
{
    size_t n = 1;

    for (size_t i = 0; i < at && i < s.len; i++)
        n += s.p[i] == '\n';
    return n;
}

/* Where the root element starts, past the declaration, comments, processing
 * instructions; *doctype: a document type comes first. */
static size_t skip_prolog(struct slice s, bool *doctype)
{
    size_t at = slice_starts(s, "\xEF\xBB\xBF") ? 3 : 0;

    *doctype = false;
    for (;;) {
        struct slice rest, end;
        ptrdiff_t n;

        while (at < s.len && is_space(s.p[at]))
            at++;
        rest = slice_sub(s, at, s.len);
        if (slice_starts(rest, "<?"))
            end = SLICE("?>");
        else if (slice_starts(rest, "<!--"))
            end = SLICE("-->");
        else
            break;
        n = slice_find(rest, end);
        if (n < 0)
            break;
        at += (size_t)n + end.len;
    }
    *doctype = slice_starts(slice_sub(s, at, s.len), "<!DOCTYPE");
    return at;
}

static enum err_code check_bytes(struct slice xml, struct err *e)
{
    size_t good = utf8_valid_prefix(xml), root;
    ptrdiff_t nul = slice_find_byte(xml, '\0');
    bool doctype;
    struct slice rest;

    if (xml.len > ATOM_MAX_BYTES)
        return err_set(e, ERR_TOO_LARGE, "the feed is over %u MiB",
                       ATOM_MAX_BYTES >> 20);
    if (slice_trim(xml).len == 0)
        return err_set(e, ERR_INVALID, "the answer is empty");
    if (good < xml.len || nul >= 0)
        return err_set(e, ERR_INVALID, "line %zu: not UTF-8 text",
                       lines_before(xml, nul >= 0 ? (size_t)nul : good));
    root = skip_prolog(xml, &doctype);
    rest = slice_sub(xml, root, xml.len);
    if (rest.len >= 5 && slice_is_nocase(slice_sub(rest, 0, 5), "<html"))
        return err_set(e, ERR_INVALID, "not an Atom feed but an HTML page");
    if (rest.len >= 14 &&
        slice_is_nocase(slice_sub(rest, 0, 14), "<!doctype html"))
        return err_set(e, ERR_INVALID, "not an Atom feed but an HTML page");
    if (doctype)
        return err_set(e, ERR_INVALID,
                       "line %zu: document types are not accepted",
                       lines_before(xml, root));
    if (!slice_starts(rest, "<"))
        return err_set(e, ERR_INVALID, "line %zu: not XML",
                       lines_before(xml, root));
    return ERR_NONE;
}

static void setup_once(void)
{
    xml_lib.xmlInitParser();
}

enum err_code atom_parse(struct arena *a, struct slice xml,
                         struct atom_feed *out, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct parser p = {.arena = a, .feed = out, .e = e};
    enum err_code rc;

    *out = (struct atom_feed){.total = -1, .start = -1, .per_page = -1};
    rc = check_bytes(xml, e);
    if (rc != ERR_NONE)
        return rc;
    if ((rc = xml_lib_load(e)) != ERR_NONE)
        return rc;
    pthread_once(&once, setup_once);
    p.reader = xml_lib.xmlReaderForMemory(
        xml.p, (int)xml.len, NULL, "UTF-8",
        XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_COMPACT);
    if (!p.reader)
        return err_set(e, ERR_INTERNAL, "cannot start the XML reader");
    xml_lib.xmlTextReaderSetErrorHandler(p.reader, on_fault, &p);
    buf_init(&p.text, ATOM_MAX_FIELD);
    buf_init(&p.names, ATOM_MAX_FIELD);
    buf_init(&p.name_list, ATOM_MAX_FIELD);
    buf_init(&p.categories, ATOM_MAX_FIELD);
    buf_init(&p.terms, ATOM_MAX_FIELD);
    p.cut_short = !slice_ends(slice_trim(xml), "feed>");
    rc = read_all(&p);
    buf_release(&p.text);
    buf_release(&p.names);
    buf_release(&p.name_list);
    buf_release(&p.categories);
    buf_release(&p.terms);
    xml_lib.xmlFreeTextReader(p.reader);
    if (rc != ERR_NONE)
        out->n_papers = 0;
    return rc;
}
