/* relevance.h - category, score and tags of a paper, and why.
 *
 *     relevance_score = clamp(0.5 + recency + keywords, 0, 1), two decimals
 *
 * recency falls in a straight line from 0.2 for a paper of today to 0 at 30
 * days; keywords is 0.08 for each keyword of the wanted category that stands in
 * the title, 0.04 for each that stands in the abstract only, at most 0.3.  When
 * all categories are wanted, the keywords of the category found count.
 * The parts go with the paper as JSON (`relevance`):
 *   {"base":0.5,"recency":0.18,"keywords":0.12,
 *    "matched":[{"keyword":"LLM","in":"title","points":0.08}, ...],
 *    "category":{"by":"keywords","scores":{"llm":6,"rag":2}}}
 *
 * Threads: any.
 */
#ifndef SCRAPER_RELEVANCE_H
#define SCRAPER_RELEVANCE_H

#include "scraper/rules.h"
#include "scraper/tags.h"

/* Fill category, relevance_score, relevance and tags of `p`, in arena.
 * `wanted` is a category or "all".  ERR_TOO_LARGE: the arena is full. */
enum err_code relevance_rate(const struct rules *r, const struct tags *t,
                             struct arena *a, struct slice wanted,
                             int64_t now_us, struct paper *p, struct err *e)
    CHECKED;

#endif
