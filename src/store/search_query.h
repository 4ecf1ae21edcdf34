/* search_query.h - what a person typed into the search field, as terms.
 *
 *     large "language model" -vision   ->  large & (language model) & !vision
 *
 * Terms are joined by AND.  Double quotes (also the typographic ones) make a
 * phrase, one that is not closed reaches to the end; '-' directly before a term
 * at the start or after white space excludes it.  Nothing else is special: AND,
 * OR, *, ^, brackets are text.  Terms without a letter or digit are dropped,
 * and so are English stop words (PostgreSQL's list), alone or as a phrase of
 * nothing else: both backends leave them out, and they would match everything.
 *
 * Folding of case and diacritics, and stemming, are the backend's.
 *
 * Threads: pure functions.
 */
#ifndef STORE_SEARCH_QUERY_H
#define STORE_SEARCH_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#define SEARCH_MAX_TERMS 32
#define SEARCH_MAX_BYTES 1000

struct search_term {
    struct slice text; /* borrowed from the input; may hold any punctuation,
                          double quotes only inside a word: a"b */
    bool phrase;       /* words that follow each other */
    bool excluded;
    bool prefix;   /* its last word may go on: search_open_end */
    bool unspaced; /* holds a script written without spaces: to be found as a
                      substring, not as words */
};

struct search_query {
    struct search_term terms[SEARCH_MAX_TERMS];
    size_t n;
    size_t n_wanted; /* terms that are not excluded; may be 0: "-vision" */
};

/* ERR_INVALID: no usable term, more than SEARCH_MAX_TERMS terms, longer than
 * SEARCH_MAX_BYTES, or not valid UTF-8. */
enum err_code search_parse(struct slice text, struct search_query *out,
                           struct err *e) CHECKED;

/* Is there a usable term?  The text must be valid UTF-8. */
bool search_has_term(struct slice text);

/* Somebody is still typing: if `text`, which was parsed, ends in a word of
 * three letters or more, that word may go on.  It is to be found as the
 * beginning of a word and, since words are kept as their stems ("transform"),
 * as each word of search_completions ("transformi" -> "transforming"). */
void search_open_end(struct search_query *q, struct slice text);
/* The first `keep` bytes of a text, then `end`. */
struct search_completion {
    size_t keep;
    const char *end;
};
#define SEARCH_MAX_COMPLETIONS 24
size_t search_completions(struct slice text,
                          struct search_completion out[SEARCH_MAX_COMPLETIONS]);

/* Append what LIKE (with ESCAPE '\\') finds anywhere in a text: %text%. */
void search_like_pattern(struct buf *out, struct slice text);

/* Does the text hold a script written without spaces?  Papers that do are
 * indexed for substrings too. */
bool search_is_unspaced(struct slice text);
/* Is there a letter or a digit? */
bool search_has_word(struct slice text);

#endif
