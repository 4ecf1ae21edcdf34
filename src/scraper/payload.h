/* payload.h - papers as JSON: in the webhook's body and on GET /papers.
 *
 * Threads: pure functions.
 */
#ifndef SCRAPER_PAYLOAD_H
#define SCRAPER_PAYLOAD_H

#include "base/json.h"
#include "store/scrape.h"

#define PAYLOAD_MAX_BYTES (15u << 20) /* of a body; a receiver takes 16 MiB */
#define PAYLOAD_MAX_BODIES 64

/* One paper as an object; `authors` and the like are lists. */
void payload_write_paper(struct jw *j, const struct paper *p);

/* The webhook calls that report a scrape. */
struct payload {
    struct delivery_new items[PAYLOAD_MAX_BODIES];
    struct buf bodies[PAYLOAD_MAX_BODIES];
    char ids[PAYLOAD_MAX_BODIES][40];
    size_t n;
};

struct payload_report {
    struct slice job_id, source;
    struct slice error; /* p != NULL: the scrape failed, without papers */
    int64_t started_at, ended_at;
    const struct paper *papers;
    size_t n_papers;
};

/* As few calls as the limit allows, at least one.  ERR_TOO_LARGE: one paper is
 * over the limit, or there are too many.  Release in any case. */
enum err_code payload_build(struct payload *out, const struct payload_report *r,
                            struct err *e) CHECKED;
void payload_release(struct payload *p);

#endif
