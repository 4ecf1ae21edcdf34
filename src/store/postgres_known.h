/* postgres_known.h - what is known of lists: counts and page anchors.
 *
 * Counting all matches, or skipping 40,000 rows, costs far more than reading a
 * page of 20.  Both are kept here per list (the filters, for anchors with the
 * ordering) and are true for one generation of the papers: whoever uses them
 * compares generations.  Bounded: 256 lists, the one unused for longest goes,
 * and 8,192 anchors a list (64 kB, half a million rows; what is deeper is
 * skipped to from the last).
 *
 * Threads: any.
 */
#ifndef STORE_POSTGRES_KNOWN_H
#define STORE_POSTGRES_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define KNOWN_STRIDE 64 /* rows between anchors */
#define KNOWN_MAX_ANCHORS 8192

struct known;
struct known *known_new(void);    /* NULL: out of memory */
void known_free(struct known *g); /* takes NULL */

/* What is known of the list named `key`.  false: nothing.  It may be of an
 * older generation, good for an estimate. */
bool known_count(struct known *g, struct slice key, uint64_t *generation,
                 int64_t *count);
void known_put_count(struct known *g, struct slice key, uint64_t generation,
                     int64_t count);

/* The id of row *i * KNOWN_STRIDE, if known for that generation; *i becomes the
 * last known row when there is none so deep. */
bool known_anchor(struct known *g, struct slice key, uint64_t generation,
                  size_t *i, int64_t *id);
/* The anchors of a list, all of them.  Takes `ids` over (malloc; NULL: nothing
 * is kept). */
void known_put_anchors(struct known *g, struct slice key, uint64_t generation,
                       int64_t *ids, size_t n);

/* One thread at a time may find out about a list; others wait here, then look
 * again.  Who enters has a connection already: waiting for one inside could
 * wait for those who wait here. */
void known_enter(struct known *g, struct slice key);
void known_leave(struct known *g, struct slice key);

#endif
