/* atom_feed.h - papers as an Atom feed (RFC 4287).
 *
 * Texts are type="text": whatever stands in them is shown, never run.
 * Characters that XML cannot hold are left out.
 *
 * Threads: pure functions.
 */
#ifndef BACKEND_ATOM_FEED_H
#define BACKEND_ATOM_FEED_H

#include "base/buf.h"
#include "store/papers.h"

/* self: the feed's own address, which is also its id; site: where people find
 * the papers. */
void atom_feed(struct buf *out, struct slice self, struct slice site,
               const struct paper *papers, size_t n);

#endif
