/* recorder.h - page views on their way into the database and back.
 *
 * The loop hands views over and goes on.  One thread takes all that wait, up to
 * VIEW_MAX_BATCH, writes them in one commit, and posts them back to the loop:
 * so under load a commit is shared by what arrived during the one before, and a
 * lonely view waits for nobody.
 *
 * Threads: recorder_new and recorder_free on one thread, before and after the
 * server runs; everything else, callbacks too, on the loop.
 */
#ifndef ANALYTICS_RECORDER_H
#define ANALYTICS_RECORDER_H

#include "net/request.h"
#include "net/server.h"
#include "store/events.h"

struct recorder;

struct recorded {
    struct recorded *next;
    struct parked *parked; /* who waits for the answer; NULL: has left */
    struct page_view view; /* its texts stand behind the struct */
    struct slice who;      /* so does this */
    enum err_code code;    /* ERR_NONE: it is on disk, and view.count is set */
    struct err err;
};

struct recorder_options {
    struct store *store;    /* borrowed */
    int64_t retention_days; /* older views become daily totals; 0: never */
    /* Is in the database, or not (v->code); freed afterwards. */
    void (*recorded)(void *ctx, struct recorded *v);
    /* What was asked for with recorder_ask_totals; later when the database does
     * not answer. */
    void (*totals)(void *ctx, const struct view_totals *t);
    /* What was asked for with recorder_ask_changes, or why it cannot be had;
     * not in order with the views.  May be NULL if nobody asks. */
    void (*changes)(void *ctx, enum err_code rc, const struct page_change *list,
                    size_t n);
    void *ctx;
};

/* ERR_INTERNAL: no thread. */
enum err_code recorder_new(struct recorder **out,
                           const struct recorder_options *opt, struct err *e)
    CHECKED;
/* Before the server runs. */
void recorder_start(struct recorder *r, struct server *s);
/* Takes a copy of `view`.  `who` tells readers apart, as far as one can; only
 * its hash with the day's salt is stored.  Empty: not to be told apart.
 * ERR_UNAVAILABLE: too many wait, or it has stopped.
 */
enum err_code recorder_add(struct recorder *r, const struct page_view *view,
                           struct slice who, struct recorded **out,
                           struct err *e) CHECKED;
/* Read the totals, once for all that ask until then.  They are posted between
 * the views that are in them and those that are not. */
void recorder_ask_totals(struct recorder *r);
/* Read what has changed (store_views_changed), RECORDER_CHANGES at most.  One
 * question at a time. */
#define RECORDER_CHANGES 500
void recorder_ask_changes(struct recorder *r, int64_t from_minute,
                          int64_t after_id);
/* When the server begins to stop: what waits is written, and its callbacks are
 * called.  Blocks for a commit or two. */
void recorder_stop(struct recorder *r);
void recorder_free(struct recorder *r); /* takes NULL */

#endif
