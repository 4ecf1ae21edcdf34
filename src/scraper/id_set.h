/* id_set.h - the ids a scrape has met, so that a page that has shifted under
 * our reading does not count a paper twice.
 *
 * Ownership: ids are copied into the arena given at the start.
 * Threads: one.
 */
#ifndef SCRAPER_ID_SET_H
#define SCRAPER_ID_SET_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"

struct id_set {
    struct arena *arena;
    struct slice *slots; /* open addressing; p == NULL: free */
    size_t cap, n;
};

/* Room for `max` ids.  false: the arena is full. */
bool id_set_init(struct id_set *s, struct arena *a, size_t max) CHECKED;
bool id_set_has(const struct id_set *s, struct slice id);
/* false: the arena or the set is full.  Adding twice is fine. */
bool id_set_add(struct id_set *s, struct slice id) CHECKED;

#endif
