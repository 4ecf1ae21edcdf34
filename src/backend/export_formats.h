/* export_formats.h - one paper as BibTeX, RIS and CSV.
 *
 * Texts of papers come from strangers and end up in other people's programs:
 * each writer makes sure that a text stays a text there.
 *
 * BibTeX (bibtex.c).  Titles and abstracts of arXiv are LaTeX already: commands
 * and mathematics stay, and of the rest what TeX would take as its own is
 * escaped.  A text that is not sound LaTeX (braces or dollars that do not
 * match), or that uses a command that reads files or redefines things, is
 * written literally instead.  Keys are like "lecun2015deep-1502.01852": family
 * name, year, first word of weight, and the source's id, which makes them
 * unique and the same in every export.
 *
 * RIS (ris.c).  CR LF, one value a line, "Family, Given" for authors.
 *
 * CSV (csv.c).  RFC 4180 with a header line, UTF-8 without byte-order mark.
 * A text that begins with = + - @ is preceded by an apostrophe, for
 * spreadsheets would run it as a formula.
 *
 * Threads: pure functions.
 */
#ifndef BACKEND_EXPORT_FORMATS_H
#define BACKEND_EXPORT_FORMATS_H

#include "base/buf.h"
#include "store/papers.h"

void bibtex_add(struct buf *out, const struct paper *p);
void bibtex_add_key(struct buf *out, const struct paper *p);
/* A text as LaTeX source that prints as what is meant; never unbalanced. */
void bibtex_add_text(struct buf *out, struct slice s);

void ris_add(struct buf *out, const struct paper *p);

void csv_add_header(struct buf *out);
void csv_add(struct buf *out, const struct paper *p);

#endif
