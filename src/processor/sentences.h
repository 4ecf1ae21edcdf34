/* sentences.h - where the sentences of a text are.
 *
 * For highlights and for the answerer that quotes: each sentence is a slice of
 * the text, trimmed of white space, without a list marker ("- ", "3. ") or the
 * signs of a heading ("## ").  Sentences follow each other and never overlap.
 *
 * A sentence ends at . ! ? (and their kin: the ellipsis, the Arabic, Devanagari
 * and full-width signs), with quotes and brackets behind it, when white space
 * and no lower-case letter follows; at 。！？ at once.  Not after an
 * abbreviation (Dr. e.g. Fig. et al.), an initial (J. Smith), in a number
 * (3.14) or in `code`.  It also ends at an empty line, and before a list item,
 * a heading, a table row.  A ``` block is one unit, as is a row of a table.
 *
 * Text may be anything; bytes that are not UTF-8 count as a character each.
 * Threads: pure; an iterator belongs to one thread.  Time is linear.
 */
#ifndef PROCESSOR_SENTENCES_H
#define PROCESSOR_SENTENCES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum sentence_kind {
    SENTENCE_PROSE,
    SENTENCE_ITEM, /* begins a list item */
    SENTENCE_HEADING,
    SENTENCE_TABLE, /* a row */
    SENTENCE_CODE   /* a block between ``` lines, without these */
};

struct sentence {
    enum sentence_kind kind;
    size_t start, end;           /* bytes: text[start..end) */
    size_t start_char, end_char; /* the same in code points */
};

struct sentences {
    struct slice text;     /* borrowed */
    size_t pos;            /* bytes */
    size_t block;          /* where the paragraph that pos is in ends */
    size_t counted, chars; /* code points before `counted` */
};

void sentences_init(struct sentences *s, struct slice text);
/* false: there is no further one.  A sentence is never empty. */
bool sentences_next(struct sentences *s, struct sentence *out);

#endif
