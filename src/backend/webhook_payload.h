/* webhook_payload.h - the body of a scraper's call, checked and cleaned.
 *
 *     {"job_id","source","papers":[{"title","url",…}],"total_papers",
 *      "timestamp","status":"completed"|"failed","error",
 *      "started_at","ended_at"}
 *
 * Strict about what is there, tolerant about what is not: job_id, source and
 * papers must be there, of a paper only title and url; null counts as absent;
 * members that we do not know are ignored, for the sender may be somebody
 * else's.  The whole call is refused for one wrong value, which the message
 * names by its path: "papers[3].title" must be a string.
 *
 * What is cleaned: white space in title and names becomes single spaces; the
 * URL becomes canonical (paper_url.h), and gives source_id, version and pdf_url
 * where the call does not; relevance_score is rounded to two decimals; a call
 * that does not say when the scrape began has it in its job_id
 * ("arxiv-1762123331").
 *
 * Threads: pure functions.
 */
#ifndef BACKEND_WEBHOOK_PAYLOAD_H
#define BACKEND_WEBHOOK_PAYLOAD_H

#include "base/arena.h"
#include "base/err.h"
#include "store/papers.h"

#define PAYLOAD_MAX_PAPERS 20000
#define PAYLOAD_MAX_TITLE                                                      \
    1000 /* code points, as all below: a cursor by                             \
            title must fit into a link */
#define PAYLOAD_MAX_ABSTRACT 50000
#define PAYLOAD_MAX_AUTHORS 10000 /* names; 3,303 have been seen */
#define PAYLOAD_MAX_NAME 500
#define PAYLOAD_MAX_LIST 100        /* tags, arXiv's categories */
#define PAYLOAD_MAX_WORD 200        /* one tag or category, ids */
#define PAYLOAD_MAX_NOTE 5000       /* comment, journal_ref, doi, error */
#define PAYLOAD_MAX_RELEVANCE 20000 /* bytes of JSON */

/* Fill all of *out but webhook_id and body_sha256.  Texts are borrowed from the
 * body or in arena.  ERR_INVALID, with e->field; ERR_TOO_LARGE: the arena is
 * full. */
enum err_code webhook_payload_read(struct webhook_in *out, struct arena *a,
                                   struct slice body, int64_t now_us,
                                   struct err *e) CHECKED;

#endif
