/* move.h - everything of one database into another one, whichever kinds they
 * are.
 *
 * Table by table, in batches: memory does not grow with the database, only with
 * its largest row.  Each batch is a commit of the target.  Who is interrupted,
 * by kill -9 too, is run again and goes on behind the last commit.  After each
 * table both sides are read and compared: number of rows, and a checksum that
 * does not depend on their order.  If what an earlier run left does not fit
 * (the source has changed since) the table is done anew.  To move once more
 * what was moved is fine: both sides are compared.
 *
 * Ownership: both stores are the caller's.
 * Threads: one move is of one thread.
 */
#ifndef TRANSFER_MOVE_H
#define TRANSFER_MOVE_H

#include "store/transfer.h"

struct move_sum {
    int64_t rows;
    uint64_t checksum; /* the sum of a hash of each row */
};

#define MOVE_MAX_TABLES 64

struct move_result {
    int64_t rows;      /* of all tables */
    int64_t kept;      /* of them, committed by an earlier run */
    int64_t restarted; /* tables that were done anew */
    struct move_sum tables[MOVE_MAX_TABLES]; /* as in transfer_tables */
};

struct move_options {
    struct store *from; /* STORE_TO_READ */
    struct store *to;   /* STORE_TO_FILL */
    /* Nobody may write to the source meanwhile (store_export_begin). */
    bool alone;
    /* Every batch and every table: rows that are read so far, of `total`; then
     * once, of "indexes", which may take long.  An error ends the move, which
     * can be gone on with.  May be NULL. */
    enum err_code (*progress)(void *ctx, const char *what, int64_t rows,
                              int64_t total, struct err *e);
    void *ctx;
};

/* ERR_CONFLICT: the target is not empty, or the source is served. */
enum err_code move_run(const struct move_options *opt, struct move_result *out,
                       struct err *e) CHECKED;
/* What there is to move: rows by table.  Nothing is written. */
enum err_code move_count(struct store *from, bool alone,
                         struct move_result *out, struct err *e) CHECKED;
/* Number of rows and checksum of one table. */
enum err_code move_sum_table(struct store_export *x,
                             const struct transfer_table *t,
                             struct move_sum *out, struct err *e) CHECKED;

#endif
