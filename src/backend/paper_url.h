/* paper_url.h - a paper's URL, in the one form by which we know the paper.
 *
 * The URL is a paper's identity, and the same paper is linked in many ways:
 *
 *     http://arxiv.org/abs/2511.01234v2 https://www.arxiv.org/abs/2511.01234/
 *     https://export.arxiv.org/pdf/2511.01234v1.pdf
 *     https://doi.org/10.48550/arXiv.2511.01234
 *
 * are all https://arxiv.org/abs/2511.01234.  Old-style ids lose their subject
 * class, as in arXiv's own feed: math.GT/0309136 is math/0309136.
 *
 * Any other http or https URL keeps its path and query; scheme and host are
 * lower-cased, the default port, the fragment and trailing slashes go, and
 * characters that no URL may hold are percent-encoded.
 *
 * Threads: pure functions.
 */
#ifndef BACKEND_PAPER_URL_H
#define BACKEND_PAPER_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#define PAPER_URL_MAX 2000 /* bytes, as sent and in canonical form */

struct paper_url {
    struct slice url;       /* canonical; in arena */
    struct slice source_id; /* arXiv: its id without version; else the last
                               part of the path, or empty; in arena */
    int64_t version;        /* arXiv: as the URL says; 0: it does not */
    bool arxiv;
};

/* ERR_INVALID: not an absolute http or https URL, one with a user name in it,
 * or too long; the message is a predicate ("must be ...") to put behind the
 * field's name.  ERR_TOO_LARGE: the arena is full. */
enum err_code paper_url_parse(struct paper_url *out, struct arena *a,
                              struct slice text, struct err *e) CHECKED;

#endif
