/* extract_pdf.c - the text of a PDF, page by page, through pdftotext.
 *
 * A PDF reader is 200,000 lines of C++ that read hostile files; it is better
 * off in a process of its own (extract_run.h), and Debian keeps that one
 * patched.  pdftotext ends each page with a form feed, which is all we need to
 * know pages.  pdfinfo gives the title; it is asked last and may fail.
 *
 * What goes wrong is told apart by exit code and by what it says (poppler
 * 22.12, utils/pdftotext.cc): 1 the file cannot be opened (damaged, or
 * "Incorrect password"), 3 its author forbids copying, 99 anything else.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "processor/extract_impl.h"
#include "processor/extract_run.h"

#define MEMORY (2048ul << 20) /* address space; large scans decode in 1 GB */
#define INFO_SECONDS 10
#define INFO_MAX (1u << 20)
#define SPARSE 20 /* characters a page, below which it is likely a scan */

static enum err_code missing(const struct extraction *j)
{
    return err_set(j->e, ERR_UNAVAILABLE,
                   "PDF files are read with pdftotext, which is not "
                   "installed; install the package poppler-utils");
}

static enum err_code damaged(const struct extraction *j, const char *said)
{
    struct slice first = slice_of(said), line = SLICE_NONE;

    slice_split(&first, '\n', &line);
    line = slice_trim(line);
    return err_field(j->e, "file",
                     "the PDF is damaged and cannot be opened%s%.*s%s; "
                     "download or export it again",
                     line.len ? " (" : "",
                     (int)(line.len < 120 ? line.len : 120),
                     line.p ? line.p : "", line.len ? ")" : "");
}

/* Why there is no text, in words that say what to do. */
static enum err_code explain(const struct extraction *j,
                             const struct run_result *r)
{
    if (strstr(r->said, "ncorrect password") || strstr(r->said, "encrypted"))
        return err_field(j->e, "file",
                         "the PDF is encrypted and needs a password; save a "
                         "copy without one (for example with 'qpdf --decrypt') "
                         "and send that");
    if (r->exit_code == 3)
        return err_field(j->e, "file",
                         "the author of the PDF does not allow its text to be "
                         "copied; ask for another copy");
    if (r->signal == SIGXCPU || r->signal == SIGKILL)
        return err_field(j->e, "file",
                         "the PDF takes more than %d s of processor time; "
                         "split it into parts",
                         EXTRACT_CPU_SECONDS);
    if (strstr(r->said, "ut of memory") || strstr(r->said, "bad_alloc") ||
        r->signal == SIGABRT)
        return err_field(j->e, "file",
                         "the PDF takes more than %lu MiB of memory; split it "
                         "into parts",
                         MEMORY >> 20);
    return damaged(j, r->said);
}

/* ---- pages ---- */

/* Control characters gone, no blanks or empty lines at both ends. */
static void add_page(struct buf *out, struct slice page, size_t *broken)
{
    page = slice_trim(page);
    if (page.len == 0)
        return;
    if (out->len)
        buf_add_str(out, "\n\n");
    *broken += extract_add_clean(out, page);
}

/* Characters from byte `from` on: UTF-8, so all but the tail bytes. */
static size_t chars_since(const struct buf *b, size_t from)
{
    size_t n = 0;

    for (size_t i = from; i < b->len; i++)
        n += ((unsigned char)b->p[i] & 0xC0) != 0x80;
    return n;
}

static size_t count_pages(struct slice text)
{
    size_t n = 0;
    struct slice rest = text, page;

    while (slice_split(&rest, '\f', &page))
        n++;
    /* the last form feed ends a page and begins none */
    return n > 0 && slice_ends(text, "\f") ? n - 1 : n;
}

static enum err_code split_pages(const struct extraction *j, struct slice text,
                                 struct buf *out)
{
    struct extract *x = j->x;
    size_t n = count_pages(text), at = 0, broken = 0;
    struct extract_page *pages =
        arena_alloc(j->arena, (n + 1) * sizeof(*pages));
    struct slice page;

    if (!pages)
        return extract_too_large(j);
    if (n > EXTRACT_MAX_PAGES)
        return err_set(j->e, ERR_TOO_LARGE,
                       "the PDF has more than %d pages; split it",
                       EXTRACT_MAX_PAGES);
    for (size_t i = 0; i < n && slice_split(&text, '\f', &page); i++) {
        size_t before = out->len;

        add_page(out, page, &broken);
        if (out->len == before || !buf_ok(out))
            continue;
        pages[x->n_pages++] = (struct extract_page){
            .page = (int)i + 1, .start_char = at + (before ? 2 : 0)};
        at += chars_since(out, before);
    }
    if (broken)
        extract_warn(j, "%zu bytes of the PDF's text were not UTF-8", broken);
    x->pages = pages;
    x->page_count = (int)n;
    return ERR_NONE;
}

static enum err_code check_pages(const struct extraction *j, size_t chars)
{
    const struct extract *x = j->x;

    if (chars == 0)
        return err_field(j->e, "file",
                         "the PDF has no text on its %d pages: they are "
                         "pictures (a scan); recognise the text first, for "
                         "example with ocrmypdf",
                         x->page_count);
    if (chars < (size_t)x->page_count * SPARSE)
        extract_warn(j,
                     "the PDF has hardly any text (%zu characters on %d "
                     "pages); it may be a scan",
                     chars, x->page_count);
    return ERR_NONE;
}

/* ---- the programs ---- */

static enum err_code keep_text(const struct extraction *j,
                               const struct run_result *r)
{
    struct buf out;
    enum err_code rc;

    if (r->out_full || !buf_ok(&r->out))
        return extract_too_large(j);
    if (r->exit_code != 0)
        return explain(j, r);
    if (strstr(r->said, "Syntax Error"))
        extract_warn(j, "the PDF is damaged in places; some of its text may "
                        "be missing");
    buf_init(&out, EXTRACT_MAX_TEXT_BYTES);
    rc = split_pages(j, buf_slice(&r->out), &out);
    if (rc == ERR_NONE)
        rc = extract_keep(j, &out, &j->x->text);
    if (rc == ERR_NONE)
        rc = check_pages(j, chars_since(&out, 0));
    buf_release(&out);
    return rc;
}

static enum err_code read_text(const struct extraction *j, struct slice bytes)
{
    const char *tool = j->opt->pdftotext ? j->opt->pdftotext : "pdftotext";
    char last[16];
    const char *argv[] = {tool, "-enc", "UTF-8", "-eol", "unix",
                          "-l", last,   "-",     "-",    NULL};
    const struct run_limits limits = {EXTRACT_CPU_SECONDS, MEMORY,
                                      EXTRACT_MAX_TEXT_BYTES};
    struct run_result r;
    enum err_code rc;

    /* one more than allowed shows that there are more */
    snprintf(last, sizeof(last), "%d", EXTRACT_MAX_PAGES + 1);
    rc = extract_run(j, argv, bytes, &limits, &r);
    if (rc == ERR_NOT_FOUND)
        rc = missing(j);
    else if (rc == ERR_NONE)
        rc = keep_text(j, &r);
    buf_release(&r.out);
    return rc;
}

/* "Title:          x" among the lines.  Without it the file's name does. */
static void read_title(const struct extraction *j, struct slice bytes)
{
    const char *tool = j->opt->pdfinfo ? j->opt->pdfinfo : "pdfinfo";
    const char *argv[] = {tool, "-enc", "UTF-8", "-", NULL};
    const struct run_limits limits = {INFO_SECONDS, MEMORY, INFO_MAX};
    struct extraction quiet = *j;
    struct slice rest, line, title;
    struct run_result r;

    quiet.e = NULL;
    if (extract_run(&quiet, argv, bytes, &limits, &r) == ERR_NONE &&
        r.exit_code == 0 && buf_ok(&r.out)) {
        rest = buf_slice(&r.out);
        while (slice_split(&rest, '\n', &line))
            if (slice_starts(line, "Title:")) {
                title = slice_trim(slice_sub(line, 6, line.len));
                /* no memory for it: no title */
                j->x->title = arena_slice(j->arena, title);
                break;
            }
    }
    buf_release(&r.out);
}

enum err_code extract_pdf(const struct extraction *j, struct slice bytes)
{
    enum err_code rc;

    j->x->kind = EXTRACT_PDF;
    rc = read_text(j, bytes);
    if (rc == ERR_NONE)
        read_title(j, bytes);
    return rc == ERR_NONE ? extract_may_go_on(j) : rc;
}
