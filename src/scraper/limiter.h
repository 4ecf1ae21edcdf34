/* limiter.h - politeness towards arXiv, for the whole instance.
 *
 * One request at a time and `interval` between an answer and the next request,
 * whatever job, thread or process asks; the state is in the store, so that a
 * restart keeps it.  After LIMITER_TRIP failures in a row the breaker opens:
 * nobody asks for five minutes, then ten, ... at most an hour.
 *
 * Threads: enter and leave from any job's thread.
 */
#ifndef SCRAPER_LIMITER_H
#define SCRAPER_LIMITER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "jobs/engine.h"
#include "store/scrape.h"

#define LIMITER_TRIP 5

struct limiter {
    struct store *store;
    const char *name;    /* of the state in the store */
    int64_t interval_us; /* between an answer and the next request */
    atomic_bool in_use;  /* by a thread of this process */
    int64_t hold_until;  /* as written last; by the thread that is in */
};

enum limiter_outcome {
    LIMITER_ANSWERED, /* the peer is well */
    LIMITER_FAILED,   /* it is not: counts for the breaker */
    LIMITER_UNKNOWN   /* says nothing about it */
};

void limiter_init(struct limiter *l, struct store *s, const char *name,
                  int64_t interval_ms);
/* Wait for our turn.  ERR_CANCELLED: the run was cancelled meanwhile;
 * ERR_LIMIT: the turn comes only at *retry_at, too late to wait for on a
 * worker. */
enum err_code limiter_enter(struct limiter *l, struct job_run *r,
                            int64_t *retry_at, struct err *e) CHECKED;
/* Call it several times a second while the request is under way: it keeps the
 * others out.  When our process dies, they come in a few seconds later. */
void limiter_hold(struct limiter *l);
/* The request is over.  retry_after_s: what the peer asked for, or -1.  A store
 * that fails is logged: the hold runs out by itself. */
void limiter_leave(struct limiter *l, struct job_run *r,
                   enum limiter_outcome outcome, int64_t retry_after_s);

#endif
