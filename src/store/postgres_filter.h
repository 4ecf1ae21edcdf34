/* postgres_filter.h - the filters of a paper query, as conditions of SQL.
 *
 * Each condition is there twice: as the walk of an ordering's index has it,
 * where no other index must be tempting (hidden by IS TRUE), and as the set has
 * it, which is found by the condition's own index (postgres_list.c).
 *
 * Threads: a filter belongs to one thread.
 */
#ifndef STORE_POSTGRES_FILTER_H
#define STORE_POSTGRES_FILTER_H

#include "store/postgres_value.h"
#include "store/papers.h"
#include "store/search_query.h"

/* Conditions with their arguments $1...$n, as text for both ways. */
struct pg_filter {
    struct pg_args args;
    struct buf walk, set;                      /* " AND ..." */
    struct buf key;                            /* names the list */
    struct buf words;                          /* tsquery, or empty */
    struct buf patterns[SEARCH_MAX_TERMS + 1]; /* for ILIKE */
    struct buf label, ids;
    int n_patterns;
    int words_arg;      /* its number, or 0 */
    bool alive;         /* the conditions let no tombstone through */
    bool by_index;      /* words, label, pattern, ids or marks: has an index of
                           its own */
    bool selected;      /* by ids: no other index is used */
    bool marked;        /* depends on marks */
    bool only_category; /* or only source: the walk by date is dense */
    bool any;
};

void pg_filter_init(struct pg_filter *f);
void pg_filter_release(struct pg_filter *f);
/* ERR_INVALID: no usable word in search or author, or too much of it all. */
enum err_code pg_filter_make(struct pg_filter *f, const struct paper_query *q,
                             struct err *e) CHECKED;
/* Append the WHERE clause, for the walk or for the set. */
void pg_filter_where(struct buf *sql, const struct pg_filter *f, bool walk);

#endif
