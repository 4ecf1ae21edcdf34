/* postgres_known.h - what is known of lists: counts and page anchors.
 *
 * Counting all matches, or skipping 40,000 rows, costs far more than reading a
 * page of 20, and so does finding what a search matches.  So counts, anchors
 * (the ids of some rows) and whole lists of ids are kept here per list (the
 * filters, for ids with the ordering) and are true for one generation of the
 * papers: whoever uses them compares generations.  Bounded: 256 lists and 16 MB
 * of ids, what is unused for longest goes; 8,192 anchors a list (half a million
 * rows; what is deeper is skipped to from the last), 65,536 ids of a whole one.
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
#define KNOWN_MAX_IDS 65536

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
/* At most n ids of a whole list from row `from` on, if it is known for that
 * generation; returns how many. */
size_t known_ids(struct known *g, struct slice key, uint64_t generation,
                 size_t from, int64_t *ids, size_t n);
/* The anchors of a list, all of them, or all ids; not both under one key. Takes
 * `ids` over (malloc; NULL: nothing is kept). */
void known_put_ids(struct known *g, struct slice key, uint64_t generation,
                   int64_t *ids, size_t n);

/* One thread at a time may find out about a list; others wait here, then look
 * again.  Who enters has a connection already: waiting for one inside could
 * wait for those who wait here. */
void known_enter(struct known *g, struct slice key);
void known_leave(struct known *g, struct slice key);

#endif
