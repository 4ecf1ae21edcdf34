/* extract.h - from the bytes of a file to the text that is searched.
 *
 * What a file is, is told by its content: magic bytes, then structure.  Its
 * name decides one thing only, namely whether text without any sign of either
 * is Markdown, and is the title of last resort.
 *
 *   plain text  UTF-8 (with or without a byte-order mark), UTF-16 with one,
 *               else Windows-1252 with a warning
 *   Markdown    the text as it is, without its front matter
 *   HTML        the main text: <main>, else <article>s, else the page, without
 *               scripts, navigation and what is hidden
 *   PDF         through pdftotext (Debian's poppler-utils), a child process
 *               with limits
 *   EPUB, DOCX  the chapters in reading order; the paragraphs
 *
 * In every kind line ends become "\n" and the text is valid UTF-8 without NUL.
 * Positions are code points of `text`.
 *
 * Ownership: results are in the arena or borrowed from the input; both must
 * stay for as long as they are used.  An arena of EXTRACT_ARENA bytes is enough
 * for anything within the limits.
 * Threads: any; a call blocks (up to EXTRACT_SECONDS), so not the loop's.
 */
#ifndef PROCESSOR_EXTRACT_H
#define PROCESSOR_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#define EXTRACT_MAX_BYTES (50u << 20) /* of a file */
#define EXTRACT_MAX_CHARS 20000000    /* of the text */
#define EXTRACT_MAX_PAGES 10000
#define EXTRACT_MAX_HEADINGS 10000
#define EXTRACT_MAX_META 50   /* lines of front matter */
#define EXTRACT_MAX_TITLE 500 /* code points; longer ones are cut */
#define EXTRACT_MAX_WARNINGS 8
#define EXTRACT_CPU_SECONDS 60 /* of processor time, for a PDF */
#define EXTRACT_SECONDS 120    /* by the clock, for any file */
#define EXTRACT_ARENA (400u << 20)

enum extract_kind {
    EXTRACT_TEXT,
    EXTRACT_MARKDOWN,
    EXTRACT_HTML,
    EXTRACT_PDF,
    EXTRACT_EPUB,
    EXTRACT_DOCX,
    EXTRACT_KINDS
};

struct extract_page {
    int page; /* 1, 2, ... as the file counts; pages without text are left out
               */
    size_t start_char;
};

struct extract_heading {
    int level;         /* 1 to 6 */
    size_t start_char; /* of its line */
    struct slice text; /* without its marks; may be empty */
};

struct extract_meta {
    struct slice key, value; /* one line each, quotes removed */
};

struct extract_options {
    struct slice name; /* of the file, or SLICE_NONE */
    /* Asked now and then; true: stop with ERR_CANCELLED.  NULL: never. */
    bool (*cancelled)(void *ctx);
    void *cancelled_ctx;
    /* Programs to run in place of those in PATH; NULL: "pdftotext" and
     * "pdfinfo". */
    const char *pdftotext, *pdfinfo;
};

struct extract {
    enum extract_kind kind;
    struct slice text; /* not empty, not only white space */
    size_t n_chars;
    /* What the file says, else its first heading, else its name without the
     * ending, else "". */
    struct slice title;
    const struct extract_page *pages; /* PDF only, ascending */
    size_t n_pages;
    int page_count;                         /* with those without text; PDF */
    const struct extract_heading *headings; /* Markdown only, ascending */
    size_t n_headings;
    const struct extract_meta *meta; /* front matter, one-line values only */
    size_t n_meta;
    const char *warnings[EXTRACT_MAX_WARNINGS]; /* whole sentences */
    size_t n_warnings;
};

/* Extract.  Errors, all of them sentences for the person whose file it is:
 * ERR_INVALID, field "file": no kind that is read, damaged, encrypted, without
 *   text, too slow; says what can be done about it.
 * ERR_TOO_LARGE: over a limit above.
 * ERR_UNAVAILABLE: pdftotext or libxml2 is not installed; says which package.
 * ERR_CANCELLED: asked to stop.  ERR_INTERNAL: the system has no processes or
 *   descriptors left. */
enum err_code extract_file(struct arena *a, struct slice bytes,
                           const struct extract_options *opt,
                           struct extract *out, struct err *e) CHECKED;

const char *extract_kind_name(enum extract_kind kind);  /* "markdown" */
const char *extract_media_type(enum extract_kind kind); /* "text/markdown" */

/* The page that this character is on, 0 if there are no pages.  Of a piece of
 * text: ask for its first and its last character. */
int extract_page_at(const struct extract *x, size_t at_char);
/* The heading that this character stands under (or in), NULL: none. */
const struct extract_heading *extract_heading_at(const struct extract *x,
                                                 size_t at_char);
/* Append the headings that this character stands under, the outermost first:
 * "Services > Types > ClusterIP".  Nothing: there are none. */
void extract_section_at(const struct extract *x, size_t at_char,
                        struct buf *out);

#endif
