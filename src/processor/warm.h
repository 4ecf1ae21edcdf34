/* warm.h - keep the indexes in memory as the store has them, so that no query
 * pays for what others have changed.
 *
 * A thread loads the model, fills both collections, and follows the store: told
 * by warmer_look, at worst once a minute.  Queries do not rely on it: each asks
 * the store whether it has seen all, and mostly finds that it has.
 *
 * Where the database finds vectors there is nothing to fill: then the thread
 * sees to it that a large collection gets its index (index_job.h).  Where a
 * Chroma server finds them it ends when the model is there.
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
