/* bibtex.c - see export_formats.h.
 *
 * BibTeX itself counts every brace, also one behind a backslash, so a literal
 * brace is written by its name.  The list of commands that make a text literal
 * is a guard for people who paste a bibliography into their paper, where
 * "\input{...}" in a title would be run; it is no proof against a TeX wizard.
 */
#include "backend/export_formats.h"

#include <string.h>

#include "backend/paper_text.h"
#include "base/clock.h"
#include "base/utf8.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- is it sound LaTeX? ---- */

/* Length of the command at s.p[i], which is a backslash, with it. */
static size_t command_length(struct slice s, size_t i)
{
    size_t n = 1;

    while (i + n < s.len && is_letter(s.p[i + n]))
        n++;
    return n > 1 ? n : 2;
}

/* Is it one of the words in the list, which are separated by spaces? */
static bool is_listed(struct slice s, struct slice list)
{
    struct slice word;

    while (slice_split(&list, ' ', &word))
        if (slice_eq(s, word))
            return true;
    return false;
}

static bool is_unsafe(struct slice command)
{
    static const char names[] =
        "input include includeonly includegraphics InputIfFileExists "
        "IfFileExists write immediate openin openout read readline newread "
        "newwrite closein closeout catcode def edef gdef xdef let futurelet "
        "global long outer protected csname endcsname newcommand renewcommand "
        "providecommand DeclareRobustCommand usepackage RequirePackage "
        "documentclass directlua latelua luaexec luadirect ShellEscape special "
        "verbatiminput verb lstinputlisting expandafter noexpand scantokens "
        "detokenize unexpanded afterassignment aftergroup loop repeat "
        "lowercase uppercase makeatletter output shipout message errmessage "
        "show batchmode endinput begin end bye stop jobname pdfximage pdfobj";
    struct slice name = slice_sub(command, 1, command.len);

    return slice_starts(name, "every") || is_listed(name, slice_of(names));
}

static bool is_sound(struct slice s)
{
    long depth = 0, dollars = 0;
    size_t i = 0;

    if (slice_find(s, SLICE("^^")) >= 0)
        return false; /* TeX's own way to write any byte */
    while (i < s.len) {
        char c = s.p[i];

        if (c == '\\') {
            size_t n = command_length(s, i);

            if (i + n > s.len || is_unsafe(slice_sub(s, i, i + n)))
                return false;
            if (n > 2 || (s.p[i + 1] != '{' && s.p[i + 1] != '}')) {
                i += n;
                continue;
            }
            i++; /* an escaped brace counts like any other */
            c = s.p[i];
        }
        if (c == '{')
            depth++;
        else if (c == '}' && --depth < 0)
            return false;
        else if (c == '$')
            dollars++;
        i++;
    }
    return depth == 0 && dollars % 2 == 0;
}

/* ---- writing text ---- */

/* What TeX would take as its own, written so that it prints; NULL: as it is. */
static const char *escaped(char c)
{
    switch (c) {
    case '&':
        return "\\&";
    case '%':
        return "\\%";
    case '#':
        return "\\#";
    case '_':
        return "\\_";
    case '$':
        return "\\$";
    case '^':
        return "\\textasciicircum{}";
    case '~':
        return "\\textasciitilde{}";
    case '\\':
        return "\\textbackslash{}";
    case '{':
        return "\\textbraceleft{}";
    case '}':
        return "\\textbraceright{}";
    default:
        return NULL;
    }
}

static void add_byte(struct buf *out, char c)
{
    buf_add_char(out, (unsigned char)c < ' ' || c == 0x7F ? ' ' : c);
}

static void add_literal(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char *with = escaped(s.p[i]);

        if (with)
            buf_add_str(out, with);
        else
            add_byte(out, s.p[i]);
    }
}

static bool opens_math(struct slice command)
{
    return slice_is(command, "\\(") || slice_is(command, "\\[");
}

static bool closes_math(struct slice command)
{
    return slice_is(command, "\\)") || slice_is(command, "\\]");
}

static void add_latex(struct buf *out, struct slice s)
{
    bool math = false;
    size_t i = 0, n;

    for (; i < s.len; i += n) {
        char c = s.p[i];

        n = 1;
        if (c == '\\') {
            n = command_length(s, i);
            math = (math || opens_math(slice_sub(s, i, i + n))) &&
                   !closes_math(slice_sub(s, i, i + n));
            /* a backslash before a line break is a forced space */
            add_byte(out, c);
            for (size_t k = 1; k < n; k++)
                add_byte(out, s.p[i + k]);
        } else if (c == '$') {
            math = !math;
            buf_add_char(out, c);
        } else if (c == '%' || c == '#' ||
                   (!math && (c == '&' || c == '_' || c == '^' || c == '~'))) {
            buf_add_str(out, escaped(c));
        } else {
            add_byte(out, c);
        }
    }
}

void bibtex_add_text(struct buf *out, struct slice s)
{
    if (is_sound(s))
        add_latex(out, s);
    else
        add_literal(out, s);
}

/* ---- keys ---- */

/* The ASCII letters under those of U+00C0 to U+017F. */
static const char base_letters[] =
    "aaaaaaaceeeeiiiidnooooo ouuuuyts"
    "aaaaaaaceeeeiiiidnooooo ouuuuyty"
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllllllln"
    "nnnnnnnnoooooooorrrrrrsssssssstttttt"
    "uuuuuuuuuuuuwwyyyzzzzzzs";

/* The code point as a lower-case ASCII letter or digit, or 0. */
static char folded(uint32_t cp)
{
    if (cp >= 'A' && cp <= 'Z')
        return (char)(cp - 'A' + 'a');
    if ((cp >= 'a' && cp <= 'z') || (cp >= '0' && cp <= '9'))
        return (char)cp;
    if (cp >= 0xC0 && cp <= 0x17F && base_letters[cp - 0xC0] != ' ')
        return base_letters[cp - 0xC0];
    return 0;
}

static void add_folded(struct buf *out, struct slice s)
{
    size_t pos = 0;

    while (pos < s.len) {
        char c = folded(utf8_next(s, &pos));

        if (c)
            buf_add_char(out, c);
    }
}

static bool is_small_word(struct slice s)
{
    return is_listed(s, SLICE("a an the on of in for to and or with by at is "
                              "are towards toward via using from how what "
                              "why"));
}

static bool has_letter(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (is_letter(s.p[i]))
            return true;
    return false;
}

/* The first word of the title that says something; mathematics, commands and
 * numbers are no words. */
static void add_title_word(struct buf *out, struct slice title)
{
    struct slice word, first;
    struct buf plain;

    buf_init(&plain, title.len + 1);
    while (slice_split(&title, ' ', &word)) {
        if (slice_find_byte(word, '$') >= 0 || slice_find_byte(word, '\\') >= 0)
            continue;
        buf_clear(&plain);
        if (slice_split(&word, '-', &first))
            add_folded(&plain, first);
        if (has_letter(buf_slice(&plain)) && !is_small_word(buf_slice(&plain)))
            break;
        buf_clear(&plain);
    }
    buf_add_slice(out, buf_slice(&plain));
    buf_release(&plain);
}

static void add_id(struct buf *out, const struct paper *p)
{
    size_t i;

    buf_add_char(out, '-');
    if (!slice_is(p->source, "arxiv") || p->source_id.len == 0) {
        buf_add_char(out, 'p');
        buf_add_i64(out, p->id);
        return;
    }
    for (i = 0; i < p->source_id.len; i++) {
        char c = p->source_id.p[i];

        buf_add_char(
            out, is_letter(c) || (c >= '0' && c <= '9') || c == '.' ? c : '-');
    }
}

static int year_of(const struct paper *p)
{
    int year, month, day;

    clock_civil(p->published_at / US_PER_DAY, &year, &month, &day);
    return year;
}

void bibtex_add_key(struct buf *out, const struct paper *p)
{
    json_t *names = text_list(p->author_list);
    size_t before = out->len;

    add_folded(out, person_cut(text_list_at(names, 0)).family);
    json_decref(names);
    if (out->len == before)
        buf_add_str(out, "paper");
    if (p->published_at)
        buf_printf(out, "%d", year_of(p));
    add_title_word(out, p->title);
    add_id(out, p);
}

/* ---- an entry ---- */

static void begin_field(struct buf *out, const char *name)
{
    buf_printf(out, ",\n  %s = {", name);
}

static void text_field(struct buf *out, const char *name, struct slice s)
{
    if (s.len == 0)
        return;
    begin_field(out, name);
    bibtex_add_text(out, s);
    buf_add_char(out, '}');
}

/* Ids and URLs, which packages read verbatim: nothing is escaped, and what
 * could end the field is percent-encoded. */
static void plain_field(struct buf *out, const char *name, struct slice s)
{
    if (s.len == 0)
        return;
    begin_field(out, name);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= ' ' || c >= 0x7F || strchr("{}\\\"", c))
            buf_printf(out, "%%%02X", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '}');
}

static bool needs_braces(struct slice name)
{
    struct slice word;

    if (slice_find_byte(name, ',') >= 0)
        return true;
    while (slice_split(&name, ' ', &word))
        if (slice_is_nocase(word, "and"))
            return true;
    return false;
}

static void author_field(struct buf *out, const struct paper *p)
{
    json_t *names = text_list(p->author_list);
    size_t i, n = json_array_size(names);

    if (n > 0)
        begin_field(out, "author");
    for (i = 0; i < n; i++) {
        struct slice name = text_list_at(names, i);
        bool braces = needs_braces(name);

        buf_add_str(out, i > 0 ? " and " : "");
        buf_add_str(out, braces ? "{" : "");
        bibtex_add_text(out, name);
        buf_add_str(out, braces ? "}" : "");
    }
    if (n > 0)
        buf_add_char(out, '}');
    json_decref(names);
}

static void date_fields(struct buf *out, const struct paper *p)
{
    static const char months[][4] = {"jan", "feb", "mar", "apr", "may", "jun",
                                     "jul", "aug", "sep", "oct", "nov", "dec"};
    int year, month, day;

    if (!p->published_at)
        return;
    clock_civil(p->published_at / US_PER_DAY, &year, &month, &day);
    buf_printf(out, ",\n  year = {%d},\n  month = %s", year, months[month - 1]);
}

static void keyword_field(struct buf *out, const struct paper *p)
{
    json_t *tags = text_list(p->tags);
    size_t i, n = json_array_size(tags);

    if (n > 0)
        begin_field(out, "keywords");
    for (i = 0; i < n; i++) {
        buf_add_str(out, i > 0 ? ", " : "");
        bibtex_add_text(out, text_list_at(tags, i));
    }
    if (n > 0)
        buf_add_char(out, '}');
    json_decref(tags);
}

void bibtex_add(struct buf *out, const struct paper *p)
{
    buf_add_str(out, "@misc{");
    bibtex_add_key(out, p);
    text_field(out, "title", p->title);
    author_field(out, p);
    date_fields(out, p);
    if (slice_is(p->source, "arxiv")) {
        plain_field(out, "eprint", p->source_id);
        buf_add_str(out, ",\n  archivePrefix = {arXiv}");
        plain_field(out, "primaryClass", p->primary_category);
    }
    plain_field(out, "doi", p->doi);
    plain_field(out, "url", p->url);
    text_field(out, "note", p->journal_ref);
    keyword_field(out, p);
    text_field(out, "abstract", p->abstract);
    buf_add_str(out, "\n}\n\n");
}
