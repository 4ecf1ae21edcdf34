/* limiter.c - see limiter.h.
 *
 * arXiv asks for one request per three seconds over one connection, and answers
 * 429 well below that at times.  Counting from the end of an answer, not from
 * its start, leaves a slow server more time.
 *
 * Two gates in a row.  Within the process `in_use`: who leaves nudges the
 * waiting runs, nobody polls.  Between processes the row in the store: a
 * request of another process ends at a moment unknown here, so a waiter looks
 * again after an interval.  A request holds the row for six seconds and renews
 * that while it lasts: one that died with its process does not stop the others
 * for the length of a time-out.
 *
 * What is written there is counted from a moment within the update: before it
 * we may have waited for another process's.
 */
#include "scraper/limiter.h"

#include "base/clock.h"
#include "base/log.h"

#define OPEN_FIRST_US (5 * 60 * US_PER_S)
#define OPEN_MAX_US (3600 * US_PER_S)
#define RETRY_AFTER_MAX INT64_C(86400) /* s; a longer wish is not believed */
#define WAIT_MAX_US (15 * US_PER_S)    /* on a worker; else the job goes back */
#define HOLD_US (6 * US_PER_S)         /* renewed when half is over */
#define SKEW_US (60 * US_PER_S)        /* between clocks of two machines */

void limiter_init(struct limiter *l, struct store *s, const char *name,
                  int64_t interval_ms)
{
    *l = (struct limiter){
        .store = s, .name = name, .interval_us = interval_ms * US_PER_MS};
}

static bool try_in(void *ctx)
{
    struct limiter *l = ctx;
    bool free = false;

    return atomic_compare_exchange_strong(&l->in_use, &free, true);
}

struct entry {
    const struct limiter *limiter;
    int64_t now;        /* in the update */
    int64_t wait_until; /* 0: in */
    bool open;          /* the breaker's fault */
};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool enter_change(struct limiter_state *st, void *ctx)
{
    struct entry *x = ctx;
    int64_t look;

    x->now = clock_now_us();
    look = x->now + later(x->limiter->interval_us, US_PER_MS);
    /* A clock set back must not stop us for longer than any wait we set. */
    if (st->next_at > x->now + RETRY_AFTER_MAX * US_PER_S)
        st->next_at = 0;
    if (st->open_until > x->now + OPEN_MAX_US)
        st->open_until = 0;
    x->wait_until = 0;
    x->open = st->open_until > x->now;
    if (x->open)
        x->wait_until = st->open_until;
    if (st->next_at > x->now)
        x->wait_until = later(x->wait_until, st->next_at);
    if (st->busy_until > x->now && st->busy_until <= x->now + HOLD_US + SKEW_US)
        x->wait_until =
            later(x->wait_until, st->busy_until < look ? st->busy_until : look);
    if (x->wait_until)
        return false;
    st->busy_until = x->now + HOLD_US;
    return true;
}

static enum err_code too_long(const struct entry *x, int64_t failures,
                              struct err *e)
{
    char until[CLOCK_TEXT];

    clock_format(until, x->wait_until);
    if (x->open)
        return err_set(e, ERR_LIMIT,
                       "arXiv failed %d times in a row; next request at %s",
                       (int)failures, until);
    return err_set(e, ERR_LIMIT, "arXiv asked for a pause; next request at %s",
                   until);
}

/* Past the second gate.  The first is ours. */
static enum err_code enter_store(struct limiter *l, struct job_run *r,
                                 int64_t *retry_at, struct err *e)
{
    for (;;) {
        struct entry x = {.limiter = l};
        struct limiter_state after;
        enum err_code rc = store_limiter_update(l->store, l->name, enter_change,
                                                &x, &after, e);

        if (rc != ERR_NONE || !x.wait_until) {
            l->hold_until = x.now + HOLD_US;
            return rc;
        }
        if (x.wait_until - x.now > WAIT_MAX_US) {
            *retry_at = x.wait_until;
            return too_long(&x, after.failures, e);
        }
        if (!job_run_wait(r, x.wait_until))
            return err_set(e, ERR_CANCELLED, "cancelled");
    }
}

static bool hold_change(struct limiter_state *st, void *ctx)
{
    struct limiter *l = ctx;

    l->hold_until = st->busy_until = clock_now_us() + HOLD_US;
    return true;
}

void limiter_hold(struct limiter *l)
{
    int64_t now = clock_now_us();
    struct limiter_state after;
    struct err e = {0};

    if (now < l->hold_until - HOLD_US / 2)
        return;
    l->hold_until = now + HOLD_US; /* if it fails, not at once again */
    if (store_limiter_update(l->store, l->name, hold_change, l, &after, &e) !=
        ERR_NONE)
        log_warn("scraper", "cannot keep the turn at arXiv",
                 LOG_S("error", e.msg));
}

enum err_code limiter_enter(struct limiter *l, struct job_run *r,
                            int64_t *retry_at, struct err *e)
{
    enum err_code rc;

    *retry_at = 0;
    while (!job_run_wait_for(r, clock_now_us() + WAIT_MAX_US, try_in, l))
        if (job_run_cancelled(r))
            return err_set(e, ERR_CANCELLED, "cancelled");
    rc = enter_store(l, r, retry_at, e);
    if (rc != ERR_NONE) {
        atomic_store(&l->in_use, false);
        jobs_nudge(r->engine);
    }
    return rc;
}

struct leaving {
    const struct limiter *limiter;
    int64_t now; /* in the update */
    int64_t retry_after_s;
    enum limiter_outcome outcome;
};

static bool leave_change(struct limiter_state *st, void *ctx)
{
    struct leaving *x = ctx;
    int64_t wish = x->retry_after_s;

    x->now = clock_now_us();
    st->busy_until = 0;
    st->next_at = x->now + x->limiter->interval_us;
    if (wish > 0)
        st->next_at =
            later(st->next_at,
                  x->now + (wish < RETRY_AFTER_MAX ? wish : RETRY_AFTER_MAX) *
                               US_PER_S);
    if (x->outcome == LIMITER_ANSWERED) {
        st->failures = 0;
        st->open_until = 0;
    } else if (x->outcome == LIMITER_FAILED && ++st->failures >= LIMITER_TRIP) {
        int64_t open = OPEN_FIRST_US;

        for (int64_t i = LIMITER_TRIP; i < st->failures && open < OPEN_MAX_US;
             i++)
            open *= 2;
        st->open_until = x->now + (open < OPEN_MAX_US ? open : OPEN_MAX_US);
    }
    return true;
}

void limiter_leave(struct limiter *l, struct job_run *r,
                   enum limiter_outcome outcome, int64_t retry_after_s)
{
    struct leaving x = {
        .limiter = l, .retry_after_s = retry_after_s, .outcome = outcome};
    struct limiter_state after = {0};
    struct err e = {0};

    if (store_limiter_update(l->store, l->name, leave_change, &x, &after, &e) !=
        ERR_NONE)
        log_warn("scraper", "cannot note the end of a request",
                 LOG_S("error", e.msg));
    else if (after.open_until > x.now)
        log_warn("scraper", "arXiv fails again and again; pausing",
                 LOG_I("failures", after.failures),
                 LOG_I("seconds", (after.open_until - x.now) / US_PER_S));
    atomic_store(&l->in_use, false);
    jobs_nudge(r->engine);
}
