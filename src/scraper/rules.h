/* rules.h - which category a paper is of, by a table of keywords.
 *
 * categories.tsv, columns by tabs:
 *     category  keyword  weight         llm  large language model  3
 *     category  cat:ID   weight [ask]   cv   cat:cs.CV  1  ask
 * A keyword found in the title counts its weight twice, in the abstract once;
 * the category with the highest sum wins.  `cat:` rows break ties: weight twice
 * for the paper's primary arXiv category, once for another of its categories;
 * then the order of the table.  With `ask` a scrape of that category asks arXiv
 * for that archive instead of the default ones.  Without any keyword found the
 * category is "other".
 *
 * Threads: read-only after rules_load.
 */
#ifndef SCRAPER_RULES_H
#define SCRAPER_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/papers.h"

#define RULES_MAX_CATEGORIES 64
#define RULES_OTHER "other"

struct rules;

/* From categories.tsv in folder `dir`, else the built-in table.  ERR_INVALID
 * with file and line. */
enum err_code rules_load(struct rules **out, const char *dir, struct err *e)
    CHECKED;
/* The same from text; `name` is for messages. */
enum err_code rules_parse(struct rules **out, const char *name,
                          struct slice text, struct err *e) CHECKED;
void rules_free(struct rules *r); /* takes NULL */

/* Names of all categories and "other", in the table's order, NULL-ended. */
const char *const *rules_categories(const struct rules *r);
/* Is it one of them? */
bool rules_knows(const struct rules *r, struct slice category);
/* Archives to ask for a category, NULL-ended; empty: the default ones. */
const char *const *rules_archives(const struct rules *r, struct slice category);

enum rules_by {
    RULES_BY_KEYWORDS,
    RULES_BY_ARXIV,
    RULES_BY_ORDER,
    RULES_BY_NOTHING
};

struct rules_match {
    const char *keyword; /* as the table has it; borrowed from the rules */
    int category;        /* index into rules_categories */
    bool in_title, in_abstract;
};

struct rules_verdict {
    const char *category; /* borrowed from the rules */
    enum rules_by by;
    int scores[RULES_MAX_CATEGORIES]; /* by index; 0: nothing found */
    int n_categories;
    struct rules_match *matches; /* distinct keywords; in arena */
    size_t n_matches;
};

/* Judge title, abstract, arxiv_categories and primary_category of a paper.
 * ERR_TOO_LARGE: the arena is full. */
enum err_code rules_judge(const struct rules *r, struct arena *a,
                          const struct paper *p, struct rules_verdict *out,
                          struct err *e) CHECKED;

#endif
