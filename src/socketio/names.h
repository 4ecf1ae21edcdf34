/* names.h - things found by a text: sessions, sockets, rooms.
 *
 * A hash table of entries that stand inside the things; it allocates nothing
 * but its array of chains, and half of that is given back when it is empty
 * enough.  The hash is seeded: keys come from outside.
 *
 * Threads: one table belongs to one thread (the loop).
 */
#ifndef SOCKETIO_NAMES_H
#define SOCKETIO_NAMES_H

#include <stdint.h>

#include "base/slice.h"

struct name_entry {
    struct name_entry *next;
    const char *key; /* borrowed for as long as it is in the table */
    uint32_t len, hash;
};

struct names {
    struct name_entry **chains;
    uint32_t n_chains, n;
    uint64_t seed;
};

void names_init(struct names *t);
void names_release(struct names *t); /* the entries are not touched */
/* The key must not be there yet. */
void names_add(struct names *t, struct name_entry *e, struct slice key);
struct name_entry *names_find(const struct names *t, struct slice key);
void names_remove(struct names *t, struct name_entry *e);
/* Some entry, or NULL: to empty a table. */
struct name_entry *names_any(const struct names *t);
/* All entries, in no order: begin with NULL; NULL after the last.  The table
 * must not change meanwhile. */
struct name_entry *names_next(const struct names *t,
                              const struct name_entry *after);

#endif
