/* extract_html.c - the main text of a web page.
 *
 * libxml2's HTML parser repairs what it is given and calls back for each tag
 * and text; no tree is built, because a tree takes up to forty times the size
 * of a page made for that.  Memory is the text (twice: the whole page, and the
 * main part of it).
 *
 * Text is written with a separator in waiting: blank, table cell, line or
 * paragraph, the strongest one that the tags since the last text asked for.
 * Thus any nesting of blocks gives one empty line, and white space collapses as
 * on a screen; <pre> keeps its own.
 *
 * <main> is copied aside when it ends, and so is each outermost <article>.  The
 * best of (main, articles, page) that has text wins.  Inside those two a
 * <header> is content (it holds the heading), elsewhere it is the site's.  If
 * nothing is left, the page is read once more with structure ignored: a <nav>
 * that is never closed would otherwise hide all that follows.
 */
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "processor/extract_impl.h"
#include "processor/html_lib.h"

#define MAX_DEPTH 1000 /* libxml2 searches its stack at each end tag */
#define MAX_TITLE 4000 /* bytes */
#define ASK_EVERY 4096 /* events */

enum gap { G_NONE, G_BLANK, G_CELL, G_LINE, G_PARAGRAPH };

enum role {
    R_INLINE,
    R_RAW,    /* never text */
    R_CHROME, /* round the text, not of it; unless lenient */
    R_HEADER,
    R_LINE,
    R_ITEM,
    R_CELL,
    R_BLOCK,
    R_PRE,
    R_MAIN,
    R_ARTICLE,
    R_TITLE,
    R_H1,
    R_MATH,
    R_VOID, /* HTML 5 elements without an end, which libxml2 does not know */
};

static const struct {
    char name[12];
    enum role role;
} elements[] = {
    {"address", R_BLOCK},
    {"article", R_ARTICLE},
    {"aside", R_CHROME},
    {"audio", R_RAW},
    {"blockquote", R_BLOCK},
    {"body", R_BLOCK},
    {"br", R_LINE},
    {"button", R_CHROME},
    {"canvas", R_RAW},
    {"caption", R_BLOCK},
    {"center", R_BLOCK},
    {"dd", R_LINE},
    {"details", R_BLOCK},
    {"dialog", R_CHROME},
    {"div", R_BLOCK},
    {"dl", R_BLOCK},
    {"dt", R_LINE},
    {"fieldset", R_BLOCK},
    {"figcaption", R_BLOCK},
    {"figure", R_BLOCK},
    {"footer", R_CHROME},
    {"form", R_BLOCK},
    {"h1", R_H1},
    {"h2", R_BLOCK},
    {"h3", R_BLOCK},
    {"h4", R_BLOCK},
    {"h5", R_BLOCK},
    {"h6", R_BLOCK},
    {"header", R_HEADER},
    {"hr", R_BLOCK},
    {"iframe", R_RAW},
    {"li", R_ITEM},
    {"main", R_MAIN},
    {"math", R_MATH},
    {"nav", R_CHROME},
    {"noscript", R_RAW},
    {"object", R_RAW},
    {"ol", R_BLOCK},
    {"option", R_RAW},
    {"p", R_BLOCK},
    {"pre", R_PRE},
    {"script", R_RAW},
    {"section", R_BLOCK},
    {"select", R_RAW},
    {"source", R_VOID},
    {"style", R_RAW},
    {"summary", R_BLOCK},
    {"svg", R_RAW},
    {"table", R_BLOCK},
    {"td", R_CELL},
    {"template", R_RAW},
    {"textarea", R_RAW},
    {"th", R_CELL},
    {"title", R_TITLE},
    {"tr", R_LINE},
    {"track", R_VOID},
    {"ul", R_BLOCK},
    {"video", R_RAW},
    {"wbr", R_VOID},
};

struct page {
    const struct extraction *j;
    xmlParserCtxtPtr parser;
    bool lenient;
    enum err_code rc; /* why it was stopped */
    unsigned events;

    /* depth of the element that ..., 0: none is open */
    int depth;
    int skip, pre, main, article, title_at, h1_at;

    struct buf out; /* the whole page */
    struct buf main_text, article_text;
    size_t main_from, article_from; /* in out */
    struct buf title, h1;           /* white space as it came */
    bool has_title, has_h1;
    enum gap gap;
    bool bullet; /* the next text begins a list item */
};

/* ---- writing ---- */

static void want(struct page *p, enum gap g)
{
    if (p->bullet && g > G_LINE) /* <li><p>: the item is the block */
        return;
    if (g > p->gap)
        p->gap = g;
}

static void write_gap(struct page *p)
{
    static const char *const text[] = {"", " ", " | ", "\n", "\n\n"};

    if (p->out.len > 0)
        buf_add_str(&p->out, text[p->gap]);
    if (p->bullet)
        buf_add_str(&p->out, "- ");
    p->bullet = false;
    p->gap = G_NONE;
}

static size_t space_at(struct slice s, size_t i)
{
    if (strchr(" \t\n\r\f", s.p[i]))
        return s.p[i] ? 1 : 0;
    return s.p[i] == '\xC2' && i + 1 < s.len && s.p[i + 1] == '\xA0' ? 2 : 0;
}

static void write_text(struct page *p, struct slice s)
{
    size_t from, i = 0, n;

    while (i < s.len) {
        while (i < s.len && (n = space_at(s, i)) > 0) {
            want(p, G_BLANK);
            i += n;
        }
        for (from = i; i < s.len && space_at(s, i) == 0;)
            i++;
        if (i > from) {
            write_gap(p);
            buf_add_slice(&p->out, slice_sub(s, from, i));
        }
    }
}

/* Only its end is where a part is known to be complete. */
static void copy_part(struct page *p, struct buf *to, size_t from)
{
    struct slice part =
        slice_trim(slice_sub(buf_slice(&p->out), from, p->out.len));

    if (part.len == 0)
        return;
    if (to->len)
        buf_add_str(to, "\n\n");
    buf_add_slice(to, part);
}

/* ---- tags ---- */

static enum role role_of(const xmlChar *name)
{
    size_t low = 0, high = sizeof(elements) / sizeof(*elements);

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strcasecmp((const char *)name, elements[mid].name);

        if (c == 0)
            return elements[mid].role;
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return R_INLINE;
}

static const char *attribute(const xmlChar **atts, const char *name)
{
    for (; atts && atts[0]; atts += 2)
        if (!strcasecmp((const char *)atts[0], name))
            return atts[1] ? (const char *)atts[1] : "";
    return NULL;
}

static bool is_one_of(const char *value, const char *const *list)
{
    for (; value && *list; list++)
        if (!strcasecmp(value, *list))
            return true;
    return false;
}

/* Things that a reader of the page does not see, or not as its text. */
static bool is_hidden(const struct page *p, const xmlChar **atts)
{
    static const char *const yes[] = {"true", NULL};
    static const char *const chrome[] = {
        "navigation", "banner", "contentinfo", "search", "complementary", NULL};
    const char *style, *at;

    if (!atts || p->lenient)
        return false;
    if (attribute(atts, "hidden") ||
        is_one_of(attribute(atts, "aria-hidden"), yes) ||
        is_one_of(attribute(atts, "role"), chrome))
        return true;
    style = attribute(atts, "style");
    at = style ? strcasestr(style, "display") : NULL;
    if (!at)
        return false;
    at += strlen("display");
    at += strspn(at, " \t\n:");
    return !strncasecmp(at, "none", 4);
}

static bool is_skipped(const struct page *p, enum role r, const xmlChar **atts)
{
    if (r == R_RAW)
        return true;
    if (r == R_CHROME || (r == R_HEADER && !p->main && !p->article))
        return !p->lenient;
    return r != R_MAIN && is_hidden(p, atts);
}

/* A formula carries its TeX: that is searched, not the marked-up one. */
static bool write_math(struct page *p, const xmlChar **atts)
{
    const char *tex = attribute(atts, "alttext");

    if (!tex || !*tex)
        return false;
    if (!p->skip) {
        write_gap(p);
        buf_add_char(&p->out, '$');
        buf_add_str(&p->out, tex);
        buf_add_char(&p->out, '$');
    }
    return true;
}

static void stop(struct page *p, enum err_code rc)
{
    if (p->rc == ERR_NONE)
        p->rc = rc;
    html_lib.xmlStopParser(p->parser);
}

static bool go_on(struct page *p)
{
    if (p->rc != ERR_NONE)
        return false;
    if (!buf_ok(&p->out))
        stop(p, extract_too_large(p->j));
    else if (p->depth > MAX_DEPTH)
        stop(p, err_field(p->j->e, "file",
                          "the page nests its elements more than %d deep",
                          MAX_DEPTH));
    else if (++p->events % ASK_EVERY == 0) {
        enum err_code rc = extract_may_go_on(p->j);

        if (rc != ERR_NONE)
            stop(p, rc);
    }
    return p->rc == ERR_NONE;
}

static void open_element(struct page *p, enum role r)
{
    switch (r) {
    case R_LINE:
        want(p, G_LINE);
        break;
    case R_ITEM:
        want(p, G_LINE);
        p->bullet = true;
        break;
    case R_CELL:
        want(p, G_CELL);
        break;
    case R_PRE:
        want(p, G_PARAGRAPH);
        if (!p->pre)
            p->pre = p->depth;
        break;
    case R_MAIN:
        want(p, G_PARAGRAPH);
        if (!p->main) {
            p->main = p->depth;
            p->main_from = p->out.len;
        }
        break;
    case R_ARTICLE:
        want(p, G_PARAGRAPH);
        if (!p->article) {
            p->article = p->depth;
            p->article_from = p->out.len;
        }
        break;
    case R_BLOCK:
    case R_HEADER:
    case R_CHROME:
    case R_H1:
        want(p, G_PARAGRAPH);
        break;
    default:
        break;
    }
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar **atts)
{
    struct page *p = ctx;
    enum role r = role_of(name);

    p->depth++;
    if (!go_on(p) || r == R_VOID)
        return;
    if (r == R_H1 && !p->has_h1 && !p->h1_at)
        p->h1_at = p->depth;
    if (p->skip)
        return;
    if (r == R_TITLE) {
        if (!p->has_title)
            p->title_at = p->depth;
        p->skip = p->depth;
    } else if (is_skipped(p, r, atts) || (r == R_MATH && write_math(p, atts))) {
        p->skip = p->depth;
        if (r != R_MATH)
            want(p, r == R_RAW ? G_BLANK : G_PARAGRAPH);
    } else {
        open_element(p, r);
    }
}

/* Blocks end as they begin; the rest is what on_start noted at this depth. */
static void on_end(void *ctx, const xmlChar *name)
{
    struct page *p = ctx;
    enum role r = role_of(name);
    int d = p->depth;

    if (d > 0)
        p->depth--;
    if (p->title_at == d) {
        p->title_at = 0;
        p->has_title = slice_trim(buf_slice(&p->title)).len > 0;
    }
    if (p->h1_at == d) {
        p->h1_at = 0;
        p->has_h1 = slice_trim(buf_slice(&p->h1)).len > 0;
    }
    if (p->skip) {
        if (p->skip == d)
            p->skip = 0;
        return;
    }
    if (p->pre == d) {
        p->pre = 0;
        while (p->out.len && p->out.p[p->out.len - 1] == '\n')
            buf_cut(&p->out, p->out.len - 1);
    }
    if (p->main == d) {
        p->main = 0;
        copy_part(p, &p->main_text, p->main_from);
    }
    if (p->article == d) {
        p->article = 0;
        copy_part(p, &p->article_text, p->article_from);
    }
    if (r == R_ITEM || r == R_LINE) {
        want(p, G_LINE);
        p->bullet = false;
    } else if (r >= R_BLOCK && r <= R_H1 && r != R_TITLE) {
        want(p, G_PARAGRAPH);
    }
}

static void on_text(void *ctx, const xmlChar *text, int len)
{
    struct page *p = ctx;
    struct slice s = {(const char *)text, len > 0 ? (size_t)len : 0};

    if (!go_on(p) || s.len == 0)
        return;
    if (p->title_at)
        buf_add_slice(&p->title, slice_sub(s, 0, MAX_TITLE - p->title.len));
    if (p->h1_at)
        buf_add_slice(&p->h1, slice_sub(s, 0, MAX_TITLE - p->h1.len));
    if (p->skip)
        return;
    if (p->pre) {
        /* the line break behind <pre> is not text */
        if (p->gap == G_PARAGRAPH && s.p[0] == '\n')
            s = slice_sub(s, 1, s.len);
        if (s.len) {
            write_gap(p);
            buf_add_slice(&p->out, s);
        }
        return;
    }
    write_text(p, s);
}

/* ---- a page ---- */

static void init_once(void)
{
    html_lib.xmlInitParser();
}

static enum err_code parse(struct page *p, struct slice bytes,
                           const char *charset)
{
    xmlSAXHandlerPtr sax;
    xmlDocPtr doc;

    p->parser = html_lib.htmlNewParserCtxt();
    if (!p->parser)
        return extract_too_large(p->j);
    sax = p->parser->sax;
    memset(sax, 0, sizeof(*sax));
    sax->startElement = on_start;
    sax->endElement = on_end;
    sax->characters = on_text;
    sax->ignorableWhitespace = on_text;
    sax->cdataBlock = on_text; /* scripts: skipped */
    p->parser->userData = p;
    doc = html_lib.htmlCtxtReadMemory(
        p->parser, bytes.p, (int)bytes.len, NULL, charset,
        HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
            HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
    if (doc)
        html_lib.xmlFreeDoc(doc);
    html_lib.htmlFreeParserCtxt(p->parser);
    /* parts that the end of the page ends */
    if (p->main)
        copy_part(p, &p->main_text, p->main_from);
    if (p->article)
        copy_part(p, &p->article_text, p->article_from);
    return p->rc;
}

static void page_init(struct page *p, const struct extraction *j, bool lenient)
{
    *p = (struct page){.j = j, .lenient = lenient};
    buf_init(&p->out, EXTRACT_MAX_TEXT_BYTES);
    buf_init(&p->main_text, EXTRACT_MAX_TEXT_BYTES);
    buf_init(&p->article_text, EXTRACT_MAX_TEXT_BYTES);
    buf_init(&p->title, MAX_TITLE);
    buf_init(&p->h1, MAX_TITLE);
}

static void page_release(struct page *p)
{
    buf_release(&p->out);
    buf_release(&p->main_text);
    buf_release(&p->article_text);
    buf_release(&p->title);
    buf_release(&p->h1);
}

static const struct buf *best_part(const struct page *p)
{
    return p->main_text.len      ? &p->main_text
           : p->article_text.len ? &p->article_text
                                 : &p->out;
}

/* White space in a title is one blank. */
static enum err_code keep_title(const struct page *p, struct slice *out)
{
    struct slice s = buf_slice(p->has_title ? &p->title : &p->h1);
    struct buf b;
    enum err_code rc;

    buf_init(&b, MAX_TITLE);
    for (size_t i = 0, n; i < s.len; i += n ? n : 1) {
        n = space_at(s, i);
        if (!n)
            buf_add_char(&b, s.p[i]);
        else if (b.len && b.p[b.len - 1] != ' ')
            buf_add_char(&b, ' ');
    }
    rc = extract_keep(p->j, &b, out);
    buf_release(&b);
    return rc;
}

/* libxml2 may know no such encoding: then the page is taken as Windows-1252,
 * which it calls by Latin-1's name. */
static void charset_name(char out[64], struct slice charset)
{
    xmlCharEncodingHandlerPtr handler;
    size_t n = charset.len < 63 ? charset.len : 63;

    memcpy(out, charset.p ? charset.p : "UTF-8", charset.p ? n : 6);
    if (!charset.p)
        return;
    out[n] = '\0';
    handler = html_lib.xmlFindCharEncodingHandler(out);
    if (handler)
        html_lib.xmlCharEncCloseFunc(handler);
    else
        memcpy(out, "windows-1252", sizeof("windows-1252"));
}

enum err_code extract_html_add(const struct extraction *j, struct slice bytes,
                               struct slice charset, struct buf *out,
                               struct slice *title)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    enum err_code rc = html_lib_load(j->e);
    char name[64];
    struct page p;

    if (rc != ERR_NONE)
        return rc;
    pthread_once(&once, init_once);
    charset_name(name, charset);
    page_init(&p, j, false);
    rc = parse(&p, bytes, name);
    if (rc == ERR_NONE && slice_trim(buf_slice(best_part(&p))).len == 0) {
        page_release(&p);
        page_init(&p, j, true);
        rc = parse(&p, bytes, name);
    }
    if (rc == ERR_NONE &&
        !(buf_ok(&p.out) && buf_ok(&p.main_text) && buf_ok(&p.article_text)))
        rc = extract_too_large(j);
    if (rc == ERR_NONE) {
        /* as any text: valid UTF-8, no control characters */
        extract_add_clean(out, buf_slice(best_part(&p)));
        rc = keep_title(&p, title);
    }
    page_release(&p);
    return rc;
}

enum err_code extract_html(const struct extraction *j, struct slice bytes,
                           struct slice charset)
{
    struct slice title;
    struct buf out;
    enum err_code rc;

    j->x->kind = EXTRACT_HTML;
    buf_init(&out, EXTRACT_MAX_TEXT_BYTES);
    rc = extract_html_add(j, bytes, charset, &out, &title);
    if (rc == ERR_NONE)
        rc = extract_keep(j, &out, &j->x->text);
    if (rc == ERR_NONE && !j->x->title.len)
        j->x->title = title;
    buf_release(&out);
    return rc;
}

/* ---- is it HTML? ---- */

static bool begins(struct slice s, const char *word)
{
    size_t n = strlen(word);

    /* "<head" is not "<header" */
    return s.len > n && !strncasecmp(s.p, word, n) &&
           strchr(" \t\r\n/>", s.p[n]) && s.p[n];
}

bool extract_looks_html(struct slice s, bool *fragment)
{
    static const char *const whole[] = {"<!doctype html", "<html",  "<head",
                                        "<body",          "<title", "<meta"};
    static const char *const part[] = {
        "<p",    "<div", "<h1",    "<h2", "<h3",   "<section",   "<article",
        "<main", "<ul",  "<table", "<ol", "<span", "<blockquote"};

    *fragment = false;
    if (slice_starts(s, "\xEF\xBB\xBF"))
        s = slice_sub(s, 3, s.len);
    for (;;) {
        ptrdiff_t n = -1;

        s = slice_trim(s);
        if (slice_starts(s, "<?"))
            n = slice_find(s, SLICE("?>")) + 2;
        else if (slice_starts(s, "<!--"))
            n = slice_find(s, SLICE("-->")) + 3;
        if (n < 4)
            break;
        s = slice_sub(s, (size_t)n, s.len);
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
        if (begins(s, whole[i]))
            return true;
    *fragment = true;
    for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++)
        if (begins(s, part[i]))
            return slice_ends(s, ">");
    return false;
}

struct slice extract_html_charset(struct slice s)
{
    static const char key[] = "charset=";
    size_t to;

    s = slice_sub(s, 0, 2048); /* WHATWG: it must stand in the first 1,024 */
    for (size_t i = 0; i + sizeof(key) < s.len; i++) {
        if (strncasecmp(s.p + i, key, sizeof(key) - 1))
            continue;
        i += sizeof(key) - 1;
        if (s.p[i] == '"' || s.p[i] == '\'')
            i++;
        for (to = i; to < s.len && !strchr("\"' \t\r\n/>;", s.p[to]); to++)
            ;
        return to > i && to < s.len ? slice_sub(s, i, to) : SLICE_NONE;
    }
    return SLICE_NONE;
}
