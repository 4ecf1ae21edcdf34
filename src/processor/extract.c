/* extract.c - what is it, who reads it, and what all kinds have in common.
 *
 * Order of questions: magic bytes (PDF, ZIP, then a list of what is certainly
 * not read, so that the error can name it); then it must be text; then HTML by
 * its first tag; then Markdown by its marks.  A fragment of HTML at the start
 * of a text with Markdown's marks is Markdown (many README files begin with
 * <p align="center">).
 */
#include "processor/extract.h"

#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "processor/extract_impl.h"

static const struct {
    const char *name, *media_type;
} kinds[EXTRACT_KINDS] = {
    [EXTRACT_TEXT] = {"text", "text/plain"},
    [EXTRACT_MARKDOWN] = {"markdown", "text/markdown"},
    [EXTRACT_HTML] = {"html", "text/html"},
    [EXTRACT_PDF] = {"pdf", "application/pdf"},
    [EXTRACT_EPUB] = {"epub", "application/epub+zip"},
    [EXTRACT_DOCX] = {"docx", "application/vnd.openxmlformats-officedocument."
                              "wordprocessingml.document"},
};

/* Not read, but worth a name in the error. */
static const struct {
    struct slice magic;
    const char *what, *instead;
} foreign[] = {
    {SLICE_INIT("\x89PNG\r\n"), "a PNG picture", "recognise its text (OCR)"},
    {SLICE_INIT("\xFF\xD8\xFF"), "a JPEG picture", "recognise its text (OCR)"},
    {SLICE_INIT("GIF8"), "a GIF picture", "recognise its text (OCR)"},
    {SLICE_INIT("II*\0"), "a TIFF picture", "recognise its text (OCR)"},
    {SLICE_INIT("MM\0*"), "a TIFF picture", "recognise its text (OCR)"},
    {SLICE_INIT("\x1F\x8B"), "compressed (gzip)", "decompress it"},
    {SLICE_INIT("BZh"), "compressed (bzip2)", "decompress it"},
    {SLICE_INIT("\xFD"
                "7zXZ"),
     "compressed (xz)", "decompress it"},
    {SLICE_INIT("\x28\xB5\x2F\xFD"), "compressed (zstd)", "decompress it"},
    {SLICE_INIT("7z\xBC\xAF"), "a 7z archive", "unpack it"},
    {SLICE_INIT("Rar!"), "a RAR archive", "unpack it"},
    {SLICE_INIT("\xD0\xCF\x11\xE0"), "an old Office document (.doc, .xls)",
     "save it as DOCX or PDF"},
    {SLICE_INIT("{\\rtf"), "an RTF document", "save it as DOCX or PDF"},
    {SLICE_INIT("%!PS"), "a PostScript document", "convert it with ps2pdf"},
    {SLICE_INIT("\x7F"
                "ELF"),
     "a program", "choose another file"},
    {SLICE_INIT("SQLite format 3"), "a database", "choose another file"},
};

const char *extract_kind_name(enum extract_kind kind)
{
    return kinds[kind].name;
}

const char *extract_media_type(enum extract_kind kind)
{
    return kinds[kind].media_type;
}

/* ---- shared with the kinds ---- */

enum err_code extract_may_go_on(const struct extraction *j)
{
    if (j->opt->cancelled && j->opt->cancelled(j->opt->cancelled_ctx))
        return err_set(j->e, ERR_CANCELLED, "cancelled");
    if (clock_mono_us() > j->deadline_us)
        return err_field(j->e, "file",
                         "the file takes more than %d s to read; split it",
                         EXTRACT_SECONDS);
    return ERR_NONE;
}

enum err_code extract_too_large(const struct extraction *j)
{
    return err_set(j->e, ERR_TOO_LARGE,
                   "the text of the file is too large (at most %d million "
                   "characters); split it",
                   EXTRACT_MAX_CHARS / 1000000);
}

void extract_warn(const struct extraction *j, const char *fmt, ...)
{
    struct buf b;
    va_list ap;
    const char *text;

    if (j->x->n_warnings == EXTRACT_MAX_WARNINGS)
        return;
    buf_init(&b, 500);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    text = buf_ok(&b) ? arena_strndup(j->arena, b.p, b.len) : NULL;
    if (text)
        j->x->warnings[j->x->n_warnings++] = text;
    buf_release(&b);
}

enum err_code extract_keep(const struct extraction *j, const struct buf *b,
                           struct slice *out)
{
    *out = buf_ok(b) ? arena_slice(j->arena, slice_trim(buf_slice(b)))
                     : SLICE_NONE;
    return out->p ? ERR_NONE : extract_too_large(j);
}

/* ---- which kind ---- */

static enum err_code refuse_foreign(const struct extraction *j, struct slice s)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
        struct slice m = foreign[i].magic;

        if (slice_eq(slice_sub(s, 0, m.len), m))
            return err_field(j->e, "file",
                             "the file is %s, which is not read; %s first.  "
                             "What can be read: " EXTRACT_READABLE,
                             foreign[i].what, foreign[i].instead);
    }
    return ERR_NONE;
}

static bool named(struct slice name, const char *ending)
{
    size_t n = strlen(ending);

    return name.len > n &&
           slice_is_nocase(slice_sub(name, name.len - n, name.len), ending);
}

static enum err_code read_text(const struct extraction *j, struct slice bytes)
{
    struct slice text = SLICE_NONE, name = j->opt->name;
    enum err_code rc;
    bool fragment, html = extract_looks_html(bytes, &fragment);
    int score;

    /* bytes in an encoding that the page itself names */
    if (html && !fragment && !utf8_valid(bytes) &&
        extract_html_charset(bytes).p)
        return extract_html(j, bytes, extract_html_charset(bytes));
    rc = extract_decode(j, bytes, &text);
    if (rc != ERR_NONE)
        return rc;
    /* Jekyll puts it before pages, too */
    rc = extract_front_matter(j, text, &text);
    if (rc != ERR_NONE)
        return rc;
    html = extract_looks_html(text, &fragment);
    if (html && !fragment)
        return extract_html(j, text, SLICE_NONE);
    score = extract_markdown_score(text);
    if (j->x->n_meta || named(name, ".md") || named(name, ".markdown"))
        score += 2;
    if (html && score < 2)
        return extract_html(j, text, SLICE_NONE);
    if (score >= 2)
        return extract_markdown(j, text);
    j->x->kind = EXTRACT_TEXT;
    j->x->text = text;
    return ERR_NONE;
}

static enum err_code read_any(const struct extraction *j, struct slice bytes)
{
    enum err_code rc;

    /* readers accept a PDF that begins within the first kilobyte */
    if (slice_find(slice_sub(bytes, 0, 1024), SLICE("%PDF-")) >= 0)
        return extract_pdf(j, bytes);
    if (slice_starts(bytes, "PK\3\4") || slice_starts(bytes, "PK\5\6"))
        return extract_office(j, bytes);
    rc = refuse_foreign(j, bytes);
    return rc == ERR_NONE ? read_text(j, bytes) : rc;
}

/* ---- afterwards ---- */

/* "dir/some-file.md": "some-file". */
static struct slice stem(struct slice name)
{
    size_t from = name.len, to = name.len;

    while (from > 0 && name.p[from - 1] != '/' && name.p[from - 1] != '\\')
        from--;
    for (size_t i = name.len; i > from + 1; i--)
        if (name.p[i - 1] == '.') {
            to = i - 1;
            break;
        }
    return slice_trim(slice_sub(name, from, to));
}

/* One line of valid UTF-8, not too long. */
static enum err_code settle_title(const struct extraction *j)
{
    struct slice s = j->x->title.len ? j->x->title : stem(j->opt->name);
    enum err_code rc;
    struct buf b;
    size_t at = 0;

    buf_init(&b, EXTRACT_MAX_TEXT_BYTES);
    extract_add_clean(&b, slice_trim(s));
    for (size_t i = 0; i < b.len; i++)
        if (b.p[i] == '\n' || b.p[i] == '\t')
            b.p[i] = ' ';
    s = buf_slice(&b);
    for (int n = 0; n < EXTRACT_MAX_TITLE && at < s.len; n++)
        utf8_next(s, &at);
    buf_cut(&b, at);
    rc = extract_keep(j, &b, &j->x->title);
    buf_release(&b);
    return rc;
}

static bool is_blank(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] > ' ')
            return false;
    return true;
}

static enum err_code finish(const struct extraction *j)
{
    struct extract *x = j->x;

    if (is_blank(x->text))
        return err_field(j->e, "file",
                         "the file has no text in it (read as %s)",
                         kinds[x->kind].name);
    x->n_chars = utf8_count(x->text);
    if (x->n_chars > EXTRACT_MAX_CHARS)
        return extract_too_large(j);
    return settle_title(j);
}

enum err_code extract_file(struct arena *a, struct slice bytes,
                           const struct extract_options *opt,
                           struct extract *out, struct err *e)
{
    struct extraction j = {
        .arena = a,
        .opt = opt,
        .x = out,
        .deadline_us = clock_mono_us() + INT64_C(1000000) * EXTRACT_SECONDS,
        .e = e,
    };
    enum err_code rc;

    *out = (struct extract){.kind = EXTRACT_TEXT};
    if (bytes.len > EXTRACT_MAX_BYTES)
        return err_set(e, ERR_TOO_LARGE,
                       "the file has %zu MiB; at most %u are read: split it",
                       bytes.len >> 20, EXTRACT_MAX_BYTES >> 20);
    if (bytes.len == 0)
        return err_field(e, "file", "the file is empty");
    rc = extract_may_go_on(&j);
    if (rc == ERR_NONE)
        rc = read_any(&j, bytes);
    return rc == ERR_NONE ? finish(&j) : rc;
}

int extract_page_at(const struct extract *x, size_t at_char)
{
    size_t low = 0, high = x->n_pages;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (x->pages[mid].start_char <= at_char)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? x->pages[low - 1].page : x->n_pages ? x->pages[0].page : 0;
}

const struct extract_heading *extract_heading_at(const struct extract *x,
                                                 size_t at_char)
{
    size_t low = 0, high = x->n_headings;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (x->headings[mid].start_char <= at_char)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? &x->headings[low - 1] : NULL;
}

void extract_section_at(const struct extract *x, size_t at_char,
                        struct buf *out)
{
    const struct extract_heading *path[6], *h = extract_heading_at(x, at_char);
    size_t n = 0;

    for (; h; h = h > x->headings ? h - 1 : NULL) {
        if (n && h->level >= path[n - 1]->level)
            continue;
        path[n++] = h;
        if (h->level == 1)
            break;
    }
    while (n-- > 0) {
        if (path[n]->text.len == 0)
            continue;
        if (out->len)
            buf_add_str(out, " > ");
        buf_add_slice(out, path[n]->text);
    }
}
