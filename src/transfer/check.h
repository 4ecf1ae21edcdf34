/* check.h - vectors of a store, one by one.
 *
 * Threads: one thread.
 */
#ifndef TRANSFER_CHECK_H
#define TRANSFER_CHECK_H

#include "store/documents.h"
#include "store/verify.h"

/* Is every number of every vector finite, and is its length 1, as that of all
 * that our model makes?  How many are of another model than their set's is a
 * note: they are made anew by the job that embeds.  What was found is told as
 * store_verify() does. */
enum err_code check_vectors(struct store *s, const struct store_verify *v,
                            struct err *e) CHECKED;

#endif
