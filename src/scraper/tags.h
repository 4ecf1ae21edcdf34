/* tags.h - known terms in a paper.
 *
 * tags.tsv, columns by tabs: tag, then the terms that mean it; a row of one
 * column is its own term.  Of terms that begin at the same word the longest
 * counts.  A paper has at most TAGS_MAX tags, in the order in which they come
 * in title and abstract.
 *
 * Threads: read-only after tags_load.
 */
#ifndef SCRAPER_TAGS_H
#define SCRAPER_TAGS_H

#include "base/arena.h"
#include "base/err.h"
#include "store/papers.h"

#define TAGS_MAX 10

struct tags;

/* From tags.tsv in folder `dir`, else the built-in table.  ERR_INVALID with
 * file and line. */
enum err_code tags_load(struct tags **out, const char *dir, struct err *e)
    CHECKED;
enum err_code tags_parse(struct tags **out, const char *name, struct slice text,
                         struct err *e) CHECKED;
void tags_free(struct tags *t); /* takes NULL */
/* The tags of title and abstract as a JSON array, in arena.  ERR_TOO_LARGE:
 * the arena is full. */
enum err_code tags_find(const struct tags *t, struct arena *a,
                        const struct paper *p, struct slice *out, struct err *e)
    CHECKED;

#endif
