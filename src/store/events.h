/* events.h - page views: counted as they come, read as totals.
 *
 * Views are kept as counts, not one by one: a row is a minute (UTC), a page,
 * where its readers came from, and what kind of robot they were, if any.  So a
 * page that is read a thousand times in a minute costs one row.  Readers are
 * told apart within a day, by a hash that goes with the day.
 */
#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H

#include "store/store.h"

#define VIEW_MAX_PAGE 2048    /* bytes */
#define VIEW_MAX_TITLE 2000   /* bytes */
#define VIEW_MAX_REFERRER 255 /* bytes */
#define VISITOR_HASH 16       /* bytes */
#define VISITOR_SALT 32
#define VIEW_MAX_BATCH 1000 /* views in one call */

struct page_view {
    struct slice page;     /* "/projects" */
    struct slice title;    /* the page's, as of now; may be empty */
    struct slice referrer; /* host that the reader came from; may be empty */
    struct slice bot;      /* why it is no person; empty: it may be one */
    int64_t at_us;
    /* Who it was, in a form that nobody can go back from once the day's salt is
     * gone (store_visitor_salt). */
    bool has_visitor;
    uint8_t visitor[VISITOR_HASH];
    int64_t count; /* out: views of the page by people, this one included */
};

/* Count them all in one commit, in their order.  ERR_INVALID: a text over its
 * maximum, no page, more than VIEW_MAX_BATCH. */
enum err_code store_views_add(struct store *s, struct page_view *views,
                              size_t n, struct err *e) CHECKED;

/* The salt of a day (since 1970, UTC): the same for all processes, random, and
 * gone as soon as a later day's is asked for; and so are that day's visitors,
 * but for their number.  *found false: a later day has begun. */
enum err_code store_visitor_salt(struct store *s, int64_t day,
                                 uint8_t salt[VISITOR_SALT], bool *found,
                                 struct err *e) CHECKED;

struct visitor_count {
    int64_t day, visitors;
};
/* Visitors by day, the newest first, days without any left out; and how many
 * of today's have been seen since `since_us`. */
enum err_code store_visitors(struct store *s, struct arena *a, int limit,
                             int64_t since_us, struct visitor_count **out,
                             size_t *n, int64_t *recent, struct err *e) CHECKED;

struct page_count {
    struct slice page, title;
    int64_t count;
};
struct view_totals {
    int64_t views, pages; /* by people; pages that people have viewed */
    int64_t bot_views;
    struct page_count *top; /* in arena; most views first, then by name */
    size_t n_top;
};
/* All there is, with the `limit` pages that were viewed most. */
enum err_code store_views_totals(struct store *s, struct arena *a, int limit,
                                 struct view_totals *out, struct err *e)
    CHECKED;

struct page_change {
    int64_t id; /* of the page */
    struct slice page;
    int64_t count;
};
/* Pages that people viewed in the minutes from `from` on (since 1970, UTC),
 * with all their views: those with an id over `after`, by id, at most `limit`.
 */
enum err_code store_views_changed(struct store *s, struct arena *a,
                                  int64_t from, int64_t after, int limit,
                                  struct page_change **out, size_t *n,
                                  struct err *e) CHECKED;

/* Forget a page: its total and all its views.  ERR_NOT_FOUND. */
enum err_code store_page_erase(struct store *s, struct slice page,
                               struct err *e) CHECKED;

/* Make one day's views (UTC) before `before_day` into a daily total: that of
 * the day's first minute, by page, referrer and robot as before.  The oldest
 * day that has others; *more false: there was none. */
enum err_code store_views_roll_up(struct store *s, int64_t before_day,
                                  bool *more, struct err *e) CHECKED;

struct view_count {
    int64_t views, bot_views;
};
/* Views by period: out[i] is of the minutes bounds[i] <= m < bounds[i + 1]
 * (since 1970, UTC), for i < n; bounds ascend.  `page` empty: all pages; one
 * that was never viewed has none.  ERR_INVALID: n over STORE_MAX_ROWS, or
 * bounds that do not ascend. */
enum err_code store_views_series(struct store *s, struct slice page,
                                 const int64_t *bounds, size_t n,
                                 struct view_count *out, struct err *e) CHECKED;

enum view_group { VIEWS_BY_PAGE, VIEWS_BY_REFERRER, VIEWS_BY_BOT };
/* Pages or referrers of people's views, or what kinds of robots there were
 * (in `page`, the latter two without title), in the minutes from <= m < to:
 * most views first, then by name.  Views without a referrer are not listed by
 * referrer. */
enum err_code store_views_top(struct store *s, struct arena *a,
                              enum view_group by, int64_t from, int64_t to,
                              int limit, struct page_count **out, size_t *n,
                              struct err *e) CHECKED;

#endif
