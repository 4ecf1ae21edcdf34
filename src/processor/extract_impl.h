/* extract_impl.h - what the parts of extract share; nobody else includes it.
 *
 * Each kind has a function that fills in text, title and what else it knows;
 * extract.c does what all kinds need before and after.
 */
#ifndef PROCESSOR_EXTRACT_IMPL_H
#define PROCESSOR_EXTRACT_IMPL_H

#include <stdint.h>

#include "base/buf.h"
#include "processor/extract.h"

#define EXTRACT_MAX_TEXT_BYTES ((size_t)EXTRACT_MAX_CHARS * 4)
/* What is said wherever a file is of no use. */
#define EXTRACT_READABLE "plain text, Markdown, HTML, PDF, EPUB and DOCX"

/* One extraction. */
struct extraction {
    struct arena *arena;
    const struct extract_options *opt;
    struct extract *x;
    int64_t deadline_us; /* clock_mono_us() */
    struct err *e;
};

/* ERR_NONE: go on; else cancelled or out of time, and the error is set. */
enum err_code extract_may_go_on(const struct extraction *j) CHECKED;
enum err_code extract_too_large(const struct extraction *j); /* arena, memory */
/* Note a warning, a sentence; beyond the maximum they are dropped. */
void extract_warn(const struct extraction *j, const char *fmt, ...)
    PRINTF_LIKE(2, 3);
/* The buffer's bytes into the arena, trimmed.  ERR_TOO_LARGE: the buffer has
 * failed, or the arena is full. */
enum err_code extract_keep(const struct extraction *j, const struct buf *b,
                           struct slice *out) CHECKED;

/* extract_decode.c: bytes to UTF-8 with "\n" line ends and no NUL.  Borrows
 * from the input when there is nothing to change. */
enum err_code extract_decode(const struct extraction *j, struct slice bytes,
                             struct slice *text) CHECKED;
/* Append these bytes as UTF-8: what is not becomes U+FFFD; control characters
 * but tab and line break go.  Returns how many bytes were not UTF-8. */
size_t extract_add_clean(struct buf *out, struct slice bytes);

/* extract_markdown.c */
/* Take the front matter off: meta and title are filled in, *body is the rest.
 */
enum err_code extract_front_matter(const struct extraction *j,
                                   struct slice text, struct slice *body)
    CHECKED;
/* How much looks like Markdown: how many kinds of marks there are, 0 to 5; two
 * are convincing. */
int extract_markdown_score(struct slice body);
enum err_code extract_markdown(const struct extraction *j, struct slice body)
    CHECKED;

/* extract_html.c.  `charset`: SLICE_NONE for UTF-8. */
enum err_code extract_html(const struct extraction *j, struct slice bytes,
                           struct slice charset) CHECKED;
/* Does it begin as an HTML page does?  *fragment: only as a piece of one. */
bool extract_looks_html(struct slice text, bool *fragment);
/* The charset that the page itself names (<meta>), or SLICE_NONE. */
struct slice extract_html_charset(struct slice bytes);
/* One chapter: append its text; *title as the page has it, in arena. */
enum err_code extract_html_add(const struct extraction *j, struct slice bytes,
                               struct slice charset, struct buf *out,
                               struct slice *title) CHECKED;

/* extract_pdf.c */
enum err_code extract_pdf(const struct extraction *j, struct slice bytes)
    CHECKED;

/* extract_office.c: a ZIP archive that is an EPUB or a DOCX, or neither. */
enum err_code extract_office(const struct extraction *j, struct slice bytes)
    CHECKED;

#endif
