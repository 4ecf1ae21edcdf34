/* extract_office.c - EPUB and DOCX: XML in a ZIP archive.
 *
 * EPUB: META-INF/container.xml names the package; its manifest gives files
 * their ids, its spine puts ids in reading order; each is a web page.
 * DOCX: word/document.xml holds paragraphs (w:p) of runs of text (w:t); the
 * title is in docProps/core.xml.
 *
 * The XML is read with libxml2's SAX interface without any handler for
 * declarations: entities are never declared, so none can grow or be fetched.
 * Names are compared with the prefixes that every writer uses (w:, dc:), or
 * without any (opf:item is item).
 */
#include <pthread.h>
#include <string.h>

#include "processor/extract_impl.h"
#include "processor/extract_zip.h"
#include "processor/html_lib.h"

#define MAX_PATH 1000
#define MAX_ITEMS 10000
#define MAX_XML (100u << 20)

struct item {
    struct slice id, href;
    bool page; /* to be read: XHTML, and not the table of contents */
};

/* What is gathered from one XML file after another. */
struct office {
    const struct extraction *j;
    struct zip zip;
    bool failed; /* the arena is full */

    struct slice package; /* path of the OPF */
    struct item *items;   /* EPUB: the manifest */
    struct slice *spine;  /* ids */
    size_t n_items, n_spine;

    struct buf title; /* text of dc:title */
    bool in_title;
    struct buf text; /* DOCX */
    int in_text;     /* inside w:t */
    int fallback;    /* depth inside mc:Fallback, the same text once more */
};

/* ---- XML ---- */

static bool is_element(const xmlChar *name, const char *what)
{
    const char *n = (const char *)name, *colon = strchr(n, ':');

    return !strcmp(n, what) || (colon && !strcmp(colon + 1, what));
}

static const char *attribute(const xmlChar **atts, const char *name)
{
    for (; atts && atts[0]; atts += 2)
        if (is_element(atts[0], name))
            return (const char *)atts[1];
    return NULL;
}

static struct slice keep(struct office *o, const char *s)
{
    struct slice copy = arena_slice(o->j->arena, slice_of(s ? s : ""));

    o->failed |= !copy.p;
    return copy;
}

static void start_package(struct office *o, const xmlChar *name,
                          const xmlChar **atts)
{
    const char *type, *properties;

    if (is_element(name, "item") && o->n_items < MAX_ITEMS) {
        type = attribute(atts, "media-type");
        properties = attribute(atts, "properties");
        o->items[o->n_items++] =
            (struct item){.id = keep(o, attribute(atts, "id")),
                          .href = keep(o, attribute(atts, "href")),
                          .page = type && strstr(type, "html") &&
                                  !(properties && strstr(properties, "nav"))};
    } else if (is_element(name, "itemref") && o->n_spine < MAX_ITEMS) {
        o->spine[o->n_spine++] = keep(o, attribute(atts, "idref"));
    } else if (is_element(name, "rootfile") && !o->package.len) {
        o->package = keep(o, attribute(atts, "full-path"));
    }
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar **atts)
{
    struct office *o = ctx;

    if (is_element(name, "Fallback") || o->fallback) {
        o->fallback++;
        return;
    }
    if (o->items)
        start_package(o, name, atts);
    if (is_element(name, "title"))
        o->in_title = o->title.len == 0;
    else if (!strcmp((const char *)name, "w:t"))
        o->in_text = 1;
    else if (!strcmp((const char *)name, "w:tab"))
        buf_add_char(&o->text, '\t');
    else if (!strcmp((const char *)name, "w:br") ||
             !strcmp((const char *)name, "w:cr"))
        buf_add_char(&o->text, '\n');
}

/* An empty paragraph is only a gap: gaps do not add up. */
static void end_paragraph(struct buf *b)
{
    while (b->len && (b->p[b->len - 1] == '\n' || b->p[b->len - 1] == '\t' ||
                      b->p[b->len - 1] == ' '))
        buf_cut(b, b->len - 1);
    if (b->len)
        buf_add_str(b, "\n\n");
}

static void on_end(void *ctx, const xmlChar *name)
{
    struct office *o = ctx;

    if (o->fallback) {
        o->fallback--;
        return;
    }
    if (is_element(name, "title"))
        o->in_title = false;
    else if (!strcmp((const char *)name, "w:t"))
        o->in_text = 0;
    else if (!strcmp((const char *)name, "w:p"))
        end_paragraph(&o->text);
}

static void on_text(void *ctx, const xmlChar *text, int len)
{
    struct office *o = ctx;
    struct slice s = {(const char *)text, len > 0 ? (size_t)len : 0};

    if (o->fallback)
        return;
    if (o->in_title)
        buf_add_slice(&o->title, s);
    else if (o->in_text)
        extract_add_clean(&o->text, s);
}

static void init_once(void)
{
    html_lib.xmlInitParser();
}

static enum err_code zip_error(const struct extraction *j, enum zip_result z)
{
    if (z == ZIP_TOO_LARGE)
        return err_set(j->e, ERR_TOO_LARGE,
                       "the file unpacks to more than %u MiB; split it",
                       ZIP_BUDGET >> 20);
    if (z == ZIP_ENCRYPTED)
        return err_field(j->e, "file",
                         "the file is encrypted; save a copy without a "
                         "password and send that");
    return err_field(j->e, "file",
                     "the %s file is damaged (its archive does not hold what "
                     "it should); save or download it again",
                     extract_kind_name(j->x->kind));
}

static enum err_code read_xml(struct office *o, struct slice name)
{
    xmlSAXHandler sax = {.startElement = on_start,
                         .endElement = on_end,
                         .characters = on_text,
                         .ignorableWhitespace = on_text,
                         .cdataBlock = on_text};
    enum zip_result z;
    struct buf b;
    enum err_code rc = ERR_NONE;

    buf_init(&b, MAX_XML);
    z = zip_read(&o->zip, name, &b);
    if (z != ZIP_OK)
        rc = zip_error(o->j, z);
    else if (b.len == 0 ||
             html_lib.xmlSAXUserParseMemory(&sax, o, b.p, (int)b.len) != 0)
        rc = zip_error(o->j, ZIP_DAMAGED);
    else if (o->failed || !buf_ok(&o->text))
        rc = extract_too_large(o->j);
    buf_release(&b);
    return rc == ERR_NONE ? extract_may_go_on(o->j) : rc;
}

/* ---- EPUB ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The member that href names, seen from the package: "%20" undone, "../"
 * followed, "#part" dropped. */
static struct slice resolve(char out[MAX_PATH], struct slice package,
                            struct slice href)
{
    size_t n = 0;

    for (size_t i = package.len; i > 0 && n == 0; i--)
        if (package.p[i - 1] == '/')
            n = i;
    if (n >= MAX_PATH)
        return SLICE_NONE;
    memcpy(out, package.p, n);
    for (size_t i = 0; i < href.len && href.p[i] != '#'; i++) {
        struct slice rest = slice_sub(href, i, href.len);
        char c = href.p[i];

        if (slice_starts(rest, "../") && (i == 0 || href.p[i - 1] == '/')) {
            if (n > 0)
                n--;
            while (n > 0 && out[n - 1] != '/')
                n--;
            i += 2;
            continue;
        }
        if (c == '%' && rest.len > 2 && hex(rest.p[1]) >= 0 &&
            hex(rest.p[2]) >= 0) {
            c = (char)(hex(rest.p[1]) << 4 | hex(rest.p[2]));
            i += 2;
        }
        if (n == MAX_PATH)
            return SLICE_NONE;
        out[n++] = c;
    }
    return (struct slice){out, n};
}

static const struct item *item_of(const struct office *o, struct slice id)
{
    for (size_t i = 0; i < o->n_items; i++)
        if (slice_eq(o->items[i].id, id))
            return &o->items[i];
    return NULL;
}

static enum err_code add_chapter(struct office *o, const struct item *item,
                                 size_t *missing)
{
    char path[MAX_PATH];
    struct slice ignored;
    struct buf page;
    enum zip_result z;
    enum err_code rc = extract_may_go_on(o->j);

    if (rc != ERR_NONE)
        return rc;
    buf_init(&page, MAX_XML);
    z = zip_read(&o->zip, resolve(path, o->package, item->href), &page);
    if (z == ZIP_NO_MEMBER)
        ++*missing;
    else if (z != ZIP_OK)
        rc = zip_error(o->j, z);
    else if (page.len > 0) {
        if (o->text.len)
            buf_add_str(&o->text, "\n\n");
        rc = extract_html_add(o->j, buf_slice(&page), SLICE_NONE, &o->text,
                              &ignored);
    }
    buf_release(&page);
    return rc;
}

static enum err_code read_epub(struct office *o)
{
    struct arena *a = o->j->arena;
    size_t missing = 0;
    enum err_code rc;

    o->j->x->kind = EXTRACT_EPUB;
    o->items = arena_alloc(a, MAX_ITEMS * sizeof(*o->items));
    o->spine = arena_alloc(a, MAX_ITEMS * sizeof(*o->spine));
    if (!o->items || !o->spine)
        return extract_too_large(o->j);
    rc = read_xml(o, SLICE("META-INF/container.xml"));
    if (rc == ERR_NONE)
        rc = read_xml(o, o->package);
    for (size_t i = 0; rc == ERR_NONE && i < o->n_spine; i++) {
        const struct item *item = item_of(o, o->spine[i]);

        if (!item)
            missing++;
        else if (item->page)
            rc = add_chapter(o, item, &missing);
    }
    if (rc == ERR_NONE && missing)
        extract_warn(o->j, "%zu parts of the book are missing in the file",
                     missing);
    return rc;
}

/* ---- DOCX ---- */

static enum err_code read_docx(struct office *o)
{
    struct err ignored = {0};
    struct extraction quiet = *o->j;
    enum err_code rc;

    o->j->x->kind = EXTRACT_DOCX;
    rc = read_xml(o, SLICE("word/document.xml"));
    if (rc != ERR_NONE)
        return rc;
    /* without its properties it has no title, which is no error */
    quiet.e = &ignored;
    if (zip_has(&o->zip, SLICE("docProps/core.xml"))) {
        const struct extraction *j = o->j;

        o->j = &quiet;
        rc = read_xml(o, SLICE("docProps/core.xml"));
        o->j = j;
        if (rc == ERR_CANCELLED)
            return err_set(j->e, ERR_CANCELLED, "cancelled");
    }
    return ERR_NONE;
}

static enum err_code read_archive(struct office *o)
{
    if (zip_has(&o->zip, SLICE("META-INF/container.xml")))
        return read_epub(o);
    if (zip_has(&o->zip, SLICE("word/document.xml")))
        return read_docx(o);
    return err_field(
        o->j->e, "file",
        "the file is an archive (ZIP) that is neither EPUB nor "
        "DOCX; unpack it, or save a table, a presentation or an "
        "OpenDocument text as PDF.  What can be read: " EXTRACT_READABLE);
}

enum err_code extract_office(const struct extraction *j, struct slice bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct office o = {.j = j};
    enum err_code rc = html_lib_load(j->e);

    if (rc != ERR_NONE)
        return rc;
    pthread_once(&once, init_once);
    if (!zip_open(&o.zip, bytes))
        return err_field(j->e, "file",
                         "the file begins as an archive (ZIP: EPUB, DOCX) but "
                         "is damaged or cut short; save or download it again");
    buf_init(&o.title, 4000);
    buf_init(&o.text, EXTRACT_MAX_TEXT_BYTES);
    rc = read_archive(&o);
    if (rc == ERR_NONE)
        rc = extract_keep(j, &o.text, &j->x->text);
    if (rc == ERR_NONE && buf_ok(&o.title))
        rc = extract_keep(j, &o.title, &j->x->title);
    buf_release(&o.title);
    buf_release(&o.text);
    return rc;
}
