/* place.h - databases that a command works on by itself, without a server.
 *
 * Threads: one thread.
 */
#ifndef CMD_PLACE_H
#define CMD_PLACE_H

#include "base/config.h"
#include "cmd/datadir.h"
#include "store/store.h"

/* Only a setting that somebody made rewrites the vectors that are there. */
enum store_vectors place_vectors(const struct config *c);
/* Is it the file in the data directory, which goes with its lock? */
bool place_is_in_datadir(const char *database_url);
/* A few connections are enough for one thread. */
enum err_code place_open(struct store **out, const char *database_url,
                         const struct datadir *d, enum store_purpose purpose,
                         enum store_vectors vectors, struct err *e) CHECKED;
/* "PostgreSQL 15.5, database x, ...": for people, without a password. */
void place_describe(struct store *s, char *out, size_t n);

/* What move.h tells, drawn at most ten times a second. */
struct place_progress {
    const char *label;
    int64_t started_us; /* monotonic; set at the first call */
    int64_t drawn_us;
    const char *table; /* that was drawn last */
};
enum err_code place_draw(void *progress, const char *table, int64_t rows,
                         int64_t total, struct err *e);

#endif
