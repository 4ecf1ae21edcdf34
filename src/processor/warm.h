/* warm.h - keep the indexes in memory as the store has them, so that no query
 * pays for what others have changed.
 *
 * A thread loads the model, fills both collections, and follows the store: told
 * by warmer_look, at worst once a minute.  Queries do not rely on it: each asks
 * the store whether it has seen all, and mostly finds that it has.
 *
 * Where others find vectors there is nothing to fill: the thread ends when the
 * model is there, unless it is to see to it that a large collection gets an
 * index of the database's (index_job.h).
 *
 * Threads: warmer_look and warmer_is_done from any; the rest from the owner's.
 */
#ifndef PROCESSOR_WARM_H
#define PROCESSOR_WARM_H

#include <stdbool.h>

#include "base/err.h"

struct processor;
struct warmer;

/* ERR_UNAVAILABLE: the system gave no thread. */
enum err_code warmer_start(struct warmer **out, struct processor *p,
                           struct err *e) CHECKED;
/* Something has changed: look now. */
void warmer_look(struct warmer *w); /* takes NULL */
/* Were the indexes filled since the start?  Not to be asked without a model. */
bool warmer_is_done(struct warmer *w) CHECKED; /* takes NULL: true */
void warmer_stop(struct warmer *w);            /* takes NULL */

#endif
