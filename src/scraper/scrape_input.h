/* scrape_input.h - what a scrape was asked to do: the job's input, as JSON.
 *
 *     {"source":"arxiv","category":"llm","days":7,"max_results":50,
 *      "query":"...","arxiv_categories":["cs.AI"],"replay":"<base64 of gzip>"}
 *
 * Threads: pure functions.
 */
#ifndef SCRAPER_SCRAPE_INPUT_H
#define SCRAPER_SCRAPE_INPUT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "scraper/arxiv_query.h"
#include "scraper/rules.h"

#define SCRAPE_DAYS_MAX 365
#define SCRAPE_RESULTS_MAX 2000
#define SCRAPE_LOOK_MAX 2000 /* papers that one scrape looks at */

struct scrape_input {
    struct slice source, category, query;
    int64_t days, max_results;
    struct slice categories[ARXIV_CATEGORIES_MAX]; /* arXiv's; none: default */
    size_t n_categories;
    struct slice replay; /* a recorded answer instead of arXiv; p NULL: none */
};

/* Are category, query and arxiv_categories as they should be?  ERR_INVALID,
 * with the field. */
enum err_code scrape_input_check(const struct scrape_input *in,
                                 const struct rules *r, struct err *e) CHECKED;
/* The strings of a JSON array as categories.  ERR_INVALID. */
enum err_code scrape_input_categories(struct scrape_input *in, struct arena *a,
                                      const json_t *list, struct err *e)
    CHECKED;
/* As JSON, in arena.  ERR_TOO_LARGE. */
enum err_code scrape_input_write(const struct scrape_input *in, struct arena *a,
                                 struct slice *out, struct err *e) CHECKED;
/* Texts are in arena.  ERR_INVALID: not such a JSON. */
enum err_code scrape_input_read(struct scrape_input *in, struct arena *a,
                                struct slice json, struct err *e) CHECKED;
/* Categories to ask arXiv for: those given, else those of the category's
 * rules, else cs.AI and cs.LG. */
void scrape_input_defaults(struct scrape_input *in, const struct rules *r);

#endif
