/* atom.h - read one answer of arXiv's API: an Atom feed.
 *
 * Elements are known by namespace and name; nothing depends on their order, on
 * prefixes, or on where namespaces are declared.  What is not known is skipped.
 * A feed is taken whole or not at all: when anything is wrong, no entry of it
 * counts, since a page cut short must not pass for a short page.
 *
 * Ownership: the input is borrowed for the call; everything that comes out is
 * in the arena.
 * Threads: any; no shared state.
 */
#ifndef SCRAPER_ATOM_H
#define SCRAPER_ATOM_H

#include "base/arena.h"
#include "base/err.h"
#include "store/papers.h"

#define ATOM_MAX_BYTES (32u << 20) /* of a feed */
#define ATOM_MAX_ENTRIES 30000     /* what arXiv gives for one query */
#define ATOM_MAX_FIELD (1u << 20)  /* bytes of one text */
#define ATOM_MAX_AUTHORS 10000     /* of one paper; 3,303 have been seen */
/* Longer ones are cut (code points), so that one odd paper cannot make the
 * webhook refuse all that travel with it. */
#define ATOM_MAX_TITLE 1000
#define ATOM_MAX_ABSTRACT 50000
#define ATOM_MAX_NOTE 5000 /* comment, doi, journal_ref */
#define ATOM_MAX_NAME 500
#define ATOM_MAX_CATEGORIES 100

struct atom_feed {
    struct slice title;
    int64_t updated_at;             /* us; 0: none */
    int64_t total, start, per_page; /* opensearch; -1: absent */
    /* In the order of the feed, duplicates kept.  The fields that come from
     * the source are filled: title ... comment; url and pdf_url canonical. */
    struct paper *papers;
    size_t n_papers;
    /* Set with an error: arXiv itself refused the question (an entry titled
     * "Error"); asking again does not help. */
    bool refused;
};

/* ERR_INVALID: not a whole, well-formed Atom feed (with the line), or arXiv's
 * own words when it refused.  ERR_TOO_LARGE: over a limit above, or the arena
 * is full. */
enum err_code atom_parse(struct arena *a, struct slice xml,
                         struct atom_feed *out, struct err *e) CHECKED;

#endif
