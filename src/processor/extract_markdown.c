/* extract_markdown.c - front matter and headings of a Markdown text.
 *
 * Not a Markdown parser: the text stays as it is, so only what begins a line
 * matters.  Read line by line: fenced code (in which nothing counts), ATX
 * headings ("## x"), setext headings (a line of = or - below a paragraph's
 * only line).  Rules from CommonMark 0.30, sections 4.2, 4.3, 4.5; block
 * quotes and lists are not entered, so a heading inside of one is no heading.
 *
 * Marks that tell Markdown from plain text: "#" begins a comment in many
 * languages too and lists are everywhere, so two kinds of marks are wanted.
 *
 * Front matter is what Jekyll, Hugo and Docusaurus take for it: "---" (YAML) or
 * "+++" (TOML) as the very first line, and again to end it.  Only plain
 * "key: value" lines are kept.
 */
#include <string.h>

#include "base/utf8.h"
#include "processor/extract_impl.h"

#define MAX_FRONT_BYTES 65536
#define MAX_HEADING 500 /* bytes that are kept */

struct fence {
    char mark; /* '`' or '~'; 0: not in a code block */
    size_t len;
};

/* ---- lines ---- */

/* Without up to three blanks in front; four are code: false. */
static bool unindent(struct slice *line)
{
    size_t n = 0;

    while (n < line->len && line->p[n] == ' ')
        n++;
    *line = slice_sub(*line, n, line->len);
    return n < 4;
}

static size_t run_of(struct slice s, char c)
{
    size_t n = 0;

    while (n < s.len && s.p[n] == c)
        n++;
    return n;
}

/* Does this line open, continue or close a code block? */
static bool in_fence(struct fence *f, struct slice line)
{
    size_t n;

    if (!unindent(&line) || line.len == 0)
        return f->mark != 0;
    if (f->mark) {
        n = run_of(line, f->mark);
        if (n >= f->len && slice_trim(slice_sub(line, n, line.len)).len == 0)
            f->mark = 0;
        return true;
    }
    if (line.p[0] != '`' && line.p[0] != '~')
        return false;
    n = run_of(line, line.p[0]);
    if (n < 3 || (line.p[0] == '`' &&
                  slice_find_byte(slice_sub(line, n, line.len), '`') >= 0))
        return false;
    *f = (struct fence){line.p[0], n};
    return true;
}

/* Level of an ATX heading and its text; 0: it is none. */
static int atx(struct slice line, struct slice *text)
{
    size_t level, n;

    if (!unindent(&line))
        return 0;
    level = run_of(line, '#');
    if (level < 1 || level > 6 ||
        (level < line.len && line.p[level] != ' ' && line.p[level] != '\t'))
        return 0;
    line = slice_trim(slice_sub(line, level, line.len));
    n = line.len;
    while (n > 0 && line.p[n - 1] == '#')
        n--;
    /* closing marks need a blank before them: "C#" is a name */
    if (n == 0 || line.p[n - 1] == ' ' || line.p[n - 1] == '\t')
        line = slice_trim(slice_sub(line, 0, n));
    *text = line;
    return (int)level;
}

/* 1 or 2 for an underline of = or -, else 0. */
static int underline(struct slice line)
{
    char c;

    if (!unindent(&line))
        return 0;
    line = slice_trim(line);
    c = line.len ? line.p[0] : 0;
    if ((c != '=' && c != '-') || run_of(line, c) != line.len)
        return 0;
    return c == '=' ? 1 : 2;
}

/* Can this line be a paragraph that an underline makes a heading? */
static bool is_paragraph(struct slice line)
{
    if (!unindent(&line) || slice_trim(line).len == 0)
        return false;
    if (strchr("#>|<", line.p[0]) ||
        ((line.p[0] == '-' || line.p[0] == '*' || line.p[0] == '+') &&
         (line.len == 1 || line.p[1] == ' ')))
        return false;
    return underline(line) == 0;
}

/* ---- headings ---- */

static bool is_plain_link_end(struct slice s, size_t at, size_t *past)
{
    ptrdiff_t n;

    if (at + 1 >= s.len || s.p[at] != ']' || s.p[at + 1] != '(')
        return false;
    n = slice_find_byte(slice_sub(s, at, s.len), ')');
    *past = n < 0 ? 0 : at + (size_t)n + 1;
    return n >= 0;
}

/* A heading as it is read: without "{#anchor}", `code` and *strong* marks, and
 * of a link only its text. */
static struct slice plain(struct arena *a, struct slice s)
{
    ptrdiff_t anchor = slice_find(s, SLICE("{#"));
    char *out;
    size_t n = 0, past;

    if (anchor >= 0 && slice_ends(s, "}"))
        s = slice_trim(slice_sub(s, 0, (size_t)anchor));
    s = utf8_cut(s, MAX_HEADING);
    out = arena_alloc(a, s.len + 1);
    if (!out)
        return SLICE_NONE;
    for (size_t i = 0; i < s.len; i++) {
        if (is_plain_link_end(s, i, &past)) {
            i = past - 1;
            continue;
        }
        if (s.p[i] == '`' || s.p[i] == '*')
            continue;
        if (s.p[i] == '[' &&
            slice_find(slice_sub(s, i, s.len), SLICE("](")) > 0)
            continue;
        out[n++] = s.p[i];
    }
    return slice_trim((struct slice){out, n});
}

struct scan {
    const struct extraction *j;
    struct extract_heading *list;
    size_t n, cap;
    size_t byte, at; /* how far characters are counted */
    struct slice body;
};

static enum err_code add_heading(struct scan *s, int level, struct slice text,
                                 size_t byte)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 32;
        struct extract_heading *grown =
            arena_alloc(s->j->arena, cap * sizeof(*grown));

        if (!grown)
            return extract_too_large(s->j);
        if (s->n)
            memcpy(grown, s->list, s->n * sizeof(*grown));
        s->list = grown;
        s->cap = cap;
    }
    s->at += utf8_count(slice_sub(s->body, s->byte, byte));
    s->byte = byte;
    text = plain(s->j->arena, text);
    if (!text.p)
        return extract_too_large(s->j);
    s->list[s->n++] = (struct extract_heading){level, s->at, text};
    return ERR_NONE;
}

static enum err_code find_headings(struct scan *s)
{
    struct slice rest = s->body, line, previous = SLICE_NONE, text;
    struct fence f = {0};
    enum err_code rc = ERR_NONE;
    int level;

    /* `previous`: the line before this one, if it is a paragraph's only one */
    bool in_paragraph = false;

    while (rc == ERR_NONE && slice_split(&rest, '\n', &line)) {
        if (s->n == EXTRACT_MAX_HEADINGS) {
            extract_warn(s->j, "only the first %d headings are kept",
                         EXTRACT_MAX_HEADINGS);
            break;
        }
        if (in_fence(&f, line)) {
            previous = SLICE_NONE;
            in_paragraph = false;
        } else if ((level = atx(line, &text)) > 0) {
            rc = add_heading(s, level, text, (size_t)(line.p - s->body.p));
            previous = SLICE_NONE;
            in_paragraph = false;
        } else if (previous.p && (level = underline(line)) > 0) {
            rc = add_heading(s, level, slice_trim(previous),
                             (size_t)(previous.p - s->body.p));
            previous = SLICE_NONE;
            in_paragraph = false;
        } else {
            bool here = is_paragraph(line);

            previous = here && !in_paragraph ? line : SLICE_NONE;
            in_paragraph = here;
        }
    }
    return rc;
}

/* ---- front matter ---- */

/* "key: value" (or = in TOML); anything else, also nested, is false. */
static bool read_pair(struct slice line, char sep, struct extract_meta *m)
{
    ptrdiff_t at = slice_find_byte(line, sep);
    struct slice v;

    if (at <= 0 || line.p[0] == ' ' || line.p[0] == '\t' || line.p[0] == '#' ||
        line.p[0] == '-')
        return false;
    m->key = slice_trim(slice_sub(line, 0, (size_t)at));
    for (size_t i = 0; i < m->key.len; i++) {
        char c = m->key.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
            return false;
    }
    v = slice_trim(slice_sub(line, (size_t)at + 1, line.len));
    if (v.len >= 2 && (v.p[0] == '"' || v.p[0] == '\'') &&
        v.p[v.len - 1] == v.p[0])
        v = slice_sub(v, 1, v.len - 1);
    m->value = v;
    return m->key.len > 0;
}

/* The text behind the front matter; the whole text if there is none.  meta may
 * be NULL; *n counts pairs up to EXTRACT_MAX_META. */
static struct slice skip_front(struct slice text, struct extract_meta *meta,
                               size_t *n)
{
    bool toml = slice_starts(text, "+++");
    const char *mark = toml ? "+++" : "---";
    struct slice rest = slice_sub(text, 0, MAX_FRONT_BYTES), line;
    struct extract_meta m;
    size_t pairs = 0;

    *n = 0;
    if (!slice_starts(text, mark) || !slice_split(&rest, '\n', &line) ||
        slice_trim(line).len != 3)
        return text;
    while (slice_split(&rest, '\n', &line)) {
        struct slice t = slice_trim(line);

        if (slice_is(t, mark) || (!toml && slice_is(t, "..."))) {
            *n = pairs < EXTRACT_MAX_META ? pairs : EXTRACT_MAX_META;
            return pairs ? slice_sub(text,
                                     (size_t)(line.p - text.p) + line.len + 1,
                                     text.len)
                         : text;
        }
        if (!read_pair(line, toml ? '=' : ':', &m))
            continue;
        if (meta && pairs < EXTRACT_MAX_META)
            meta[pairs] = m;
        pairs++;
    }
    return text; /* it does not end: a rule, not front matter */
}

/* ---- the whole ---- */

enum err_code extract_front_matter(const struct extraction *j,
                                   struct slice text, struct slice *body)
{
    struct extract *x = j->x;
    struct extract_meta *meta =
        arena_alloc(j->arena, EXTRACT_MAX_META * sizeof(*meta));

    if (!meta)
        return extract_too_large(j);
    *body = skip_front(text, meta, &x->n_meta);
    x->meta = meta;
    for (size_t i = 0; i < x->n_meta && !x->title.len; i++)
        if (slice_is_nocase(meta[i].key, "title"))
            x->title = meta[i].value;
    while (x->n_meta && body->len && body->p[0] == '\n')
        *body = slice_sub(*body, 1, body->len);
    return ERR_NONE;
}

int extract_markdown_score(struct slice body)
{
    enum { HEADING = 1, FENCE = 2, LINK = 4, LIST = 8, STRONG = 16 };
    /* its beginning is enough */
    struct slice rest = slice_sub(body, 0, 1u << 20), line, ignored;
    struct fence f = {0};
    unsigned seen = 0;

    while (slice_split(&rest, '\n', &line)) {
        if (in_fence(&f, line)) {
            seen |= FENCE;
            continue;
        }
        if (atx(line, &ignored) > 0)
            seen |= HEADING;
        if (slice_find(line, SLICE("](")) > 0)
            seen |= LINK;
        if (slice_starts(line, "* ") || slice_starts(line, "- "))
            seen |= LIST;
        if (slice_find(line, SLICE("**")) >= 0)
            seen |= STRONG;
    }
    /* lists are everywhere, so they count beside something else only */
    return seen == LIST ? 0 : __builtin_popcount(seen);
}

enum err_code extract_markdown(const struct extraction *j, struct slice body)
{
    struct extract *x = j->x;
    struct scan s = {.j = j, .body = body};
    enum err_code rc = find_headings(&s);

    x->kind = EXTRACT_MARKDOWN;
    x->text = body;
    x->headings = s.list;
    x->n_headings = s.n;
    for (size_t i = 0; i < s.n && !x->title.len; i++)
        x->title = s.list[i].text;
    return rc;
}
