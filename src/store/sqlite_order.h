/* sqlite_order.h - papers in one of the orderings: walks along an index, and
 * ordered lists that are kept.
 *
 * Threads: as struct db.
 */
#ifndef STORE_SQLITE_ORDER_H
#define STORE_SQLITE_ORDER_H

#include "store/sqlite_filter.h"

/* A walk over the papers of a set, from one end or from a key on. */
struct walk {
    struct db *c;
    const struct kept *set;
    enum paper_order order;
    bool ascending;
    const struct paper_key *from; /* rows behind it; NULL: from the end */
    struct slice title_key;       /* from->text, as it is stored */
    enum { WALK_ALL, WALK_TIES, WALK_REST, WALK_OVER } phase;
    int64_t budget; /* index rows it may still look at */
};

/* Start one; title keys are made in `a`.  Not for PAPER_BY_RANK. */
enum err_code walk_init(struct walk *w, struct db *c, struct arena *a,
                        const struct kept *set, enum paper_order order,
                        bool ascending, const struct paper_key *from,
                        int64_t budget, struct err *e) CHECKED;
/* Skip `skip` papers and collect up to `want` ids.  *n < want: the end, or the
 * budget is spent (w->budget <= 0).  Once for each walk. */
enum err_code walk_collect(struct walk *w, int64_t skip, int64_t want,
                           int64_t *ids, int64_t *n, struct err *e) CHECKED;

/* The set in the (descending) order, kept. */
enum err_code ordered_list(struct sqlite_store *s, struct db *c,
                           struct arena *a, const struct paper_query *q,
                           const struct kept *set, struct data_age age,
                           int64_t live, struct kept **out, struct err *e)
    CHECKED;
/* Numbers first .. first+n-1 of the descending list. */
enum err_code ordered_range(struct db *c, struct arena *a,
                            const struct kept *list, const struct kept *set,
                            enum paper_order order, int64_t first, int64_t n,
                            int64_t *ids, struct err *e) CHECKED;
/* How many of a list with stride 1 are above the key (or, with `or_equal`, at
 * it). */
enum err_code ordered_above(struct db *c, struct arena *a,
                            const struct kept *list, enum paper_order order,
                            const struct paper_key *key, bool or_equal,
                            int64_t *out, struct err *e) CHECKED;

#endif
