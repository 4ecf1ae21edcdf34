/* arxiv_id.h - arXiv's identifiers, in all the ways they are written.
 *
 * 2511.01234v2, hep-ph/0301050v2, math.GT/0309136, arXiv:2511.01234,
 * http(s)://[www.|export.]arxiv.org/abs/..., /pdf/....pdf, with ?query,
 * #fragment or a slash behind.
 *
 * Threads: pure functions.
 */
#ifndef SCRAPER_ARXIV_ID_H
#define SCRAPER_ARXIV_ID_H

#include <stdbool.h>

#include "base/slice.h"

#define ARXIV_ID_MAX 40 /* bytes of the longest id, with NUL */

struct arxiv_id {
    char id[ARXIV_ID_MAX]; /* canonical: no version, no subject class */
    int version;           /* 0: none written */
};

/* false: no arXiv identifier. */
bool arxiv_id_parse(struct slice text, struct arxiv_id *out);
/* Is it a category as arXiv names them ("cs.AI", "hep-ph", "physics.acc-ph"),
 * and not an MSC or ACM class ("68T07, 68T50", "H.3.1; J.3")? */
bool arxiv_category_valid(struct slice s);

#endif
