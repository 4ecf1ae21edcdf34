/* arxiv_query.h - write a question to arXiv's API as a URL.
 *
 * Threads: pure functions.
 */
#ifndef SCRAPER_ARXIV_QUERY_H
#define SCRAPER_ARXIV_QUERY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define ARXIV_QUERY_MAX 500 /* code points of a person's own terms */
#define ARXIV_CATEGORIES_MAX 20

struct arxiv_question {
    const struct slice *categories; /* any of them; valid ids */
    size_t n_categories;
    struct slice query;     /* a person's own terms, checked; empty: none */
    int64_t from_us, to_us; /* submitted in this window, to the minute (GMT) */
    int64_t start, max_results;
};

/* Is `query` something that can stand in parentheses?  Words ("deep dream")
 * must all be there, anywhere; or arXiv's own syntax: ti:, au:, abs:, all:...,
 * AND, OR, ANDNOT, parentheses, "phrases".  ERR_INVALID for field "query". */
enum err_code arxiv_query_check(struct slice query, struct err *e) CHECKED;
/* Append `base` with the question; newest submission first. */
void arxiv_query_url(struct buf *out, const char *base,
                     const struct arxiv_question *q);

#endif
