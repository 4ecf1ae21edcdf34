/* record_rules.h - what a batch does to the records that are there.
 *
 * Both backends ask here, so that they cannot decide differently.
 *
 * Threads: pure functions.
 */
#ifndef STORE_RECORD_RULES_H
#define STORE_RECORD_RULES_H

#include "store/records.h"

/* A record's number has its collection's in front, so that the records of one
 * collection lie together in the table, in the order in which they came. */
#define RECORD_BITS 40
#define RECORDS_MAX_COLLECTION ((INT64_C(1) << (63 - RECORD_BITS)) - 2)
/* All numbers of its records are between the two, without them. */
int64_t record_before_first(int64_t collection);
int64_t record_behind_last(int64_t collection);

/* The state of a collection which gave `given` records a number, in all. */
struct records_state record_state(int64_t generation, int64_t count,
                                  int64_t given);
/* The number from which a page begins: `offset` records behind `after`.  Where
 * none was ever removed that is arithmetic; else *skip says how many rows the
 * database has to step over. */
int64_t record_page_start(int64_t collection, const struct records_state *state,
                          int64_t after, int64_t offset, int64_t *skip);

/* ERR_UNPROCESSABLE; `dim` is the collection's, 0: it has none yet. */
enum err_code record_check_dim(int dim, const struct record_batch *b,
                               struct err *e) CHECKED;
/* ERR_TOO_LARGE: no more collections than RECORDS_MAX_COLLECTION, ever. */
enum err_code record_check_collection(int64_t number, struct err *e) CHECKED;
enum err_code record_no_collection(int64_t number, struct err *e) CHECKED;
enum err_code record_no_room(struct err *e) CHECKED;

/* Metadata as it becomes: the members of `stored`, with those of `given` in
 * their place or behind them; a member that is given as null is left out.  None
 * if nothing is left.  Either may be none; both are valid JSON.  Bytes of
 * values stay what they are.  ERR_TOO_LARGE: the arena is full, or it would be
 * longer than RECORDS_MAX_METADATA. */
enum err_code record_merge_metadata(struct arena *a, struct slice stored,
                                    struct slice given, struct slice *out,
                                    struct err *e) CHECKED;

/* ---- a batch ---- */

/* One id of the batch.  Borrows from it, and from the plan's arena. */
struct record_slot {
    struct slice id;
    bool merges; /* metadata is given: the stored one has to be read */
    /* filled in by the backend, if it is there */
    int64_t number;
    struct slice metadata; /* if `merges` */
    /* what is to be done */
    bool insert, update;
    bool set_metadata;   /* to `metadata`; else it stays */
    const float *vector; /* these: NULL and none, it stays */
    struct slice document, uri;
};

struct record_plan {
    const struct record_batch *batch;
    struct arena *a;
    struct record_slot *slots; /* each id once, as they came first */
    size_t n;
    uint32_t *slot_of; /* each record of the batch */
};

/* ERR_TOO_LARGE: the arena is full. */
enum err_code record_plan_make(struct record_plan *p, struct arena *a,
                               const struct record_batch *b, struct err *e)
    CHECKED;
/* Once the slots say what is there.  New records get the numbers after
 * collection's `given` ones, *given moves on; *inserted and *updated are how
 * many rows are to be written. */
enum err_code record_plan_decide(struct record_plan *p, int64_t collection,
                                 int64_t *given, size_t *inserted,
                                 size_t *updated, struct err *e) CHECKED;

#endif
