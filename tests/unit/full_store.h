/* full_store.h - a store that has something of everything. */
#ifndef TESTS_FULL_STORE_H
#define TESTS_FULL_STORE_H

#include "store/documents.h"
#include "store_fixture.h"

#define FULL_PAPERS 40
#define FULL_CHUNKS 30 /* of the document that is ready */

/* At least one row of every table of transfer_tables.c, through the store's
 * calls.  f->s is empty. */
void full_store_fill(struct store_fixture *f);
/* Fails the test unless f->s answers as one that was filled so. */
void full_store_check(struct store_fixture *f);

#endif
