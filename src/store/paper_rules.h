/* paper_rules.h - what an arriving paper does to the one that is there.
 *
 * Both backends ask here, so that they cannot decide differently.
 *
 * Threads: pure functions.
 */
#ifndef STORE_PAPER_RULES_H
#define STORE_PAPER_RULES_H

#include "base/buf.h"
#include "store/papers.h"

enum paper_arrival {
    PAPER_CREATED,
    PAPER_UPDATED,  /* write the arrival over the stored row */
    PAPER_UNCHANGED /* leave the stored row, updated_at too, as it is */
};

/* `stored` NULL: the URL is unknown.  Rules, in this order:
 *   deleted                                  -> UNCHANGED (stays deleted)
 *   both versions known, arrival older       -> UNCHANGED
 *   both versions known, arrival newer       -> UPDATED
 *   content differs (paper_same_content)     -> UPDATED
 *   else                                     -> UNCHANGED
 * An arrival without a version (0) compares by content; so does one that meets
 * a row without. */
enum paper_arrival paper_decide(const struct paper *stored,
                                const struct paper *arrived);

/* Is everything equal that a source or our tables say of a paper?  Not looked
 * at: id, our own times, deleted_at, relevance_score, relevance. */
bool paper_same_content(const struct paper *a, const struct paper *b);

/* The row to be written on UPDATED, in *out (borrows from both): the arrival's
 * fields, with the stored id and created_at; version is the stored one when
 * the arrival has none; updated_at = now_us. */
void paper_merge(const struct paper *stored, const struct paper *arrived,
                 int64_t now_us, struct paper *out);

/* The sort key of PAPER_BY_TITLE: the title with A-Z and the simple upper case
 * letters of Latin, Greek and Cyrillic lowered.  Backends store it in a column
 * and compare bytes, so that no collation of a server has a say.  Appends. */
void paper_title_key(struct buf *out, struct slice title);

/* ERR_NOT_FOUND, with its message. */
enum err_code paper_missing(int64_t id, struct err *e);

#endif
