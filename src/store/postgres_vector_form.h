/* postgres_vector_form.h - the form in which PostgreSQL keeps vectors.
 *
 * Bytes (1,536 of them, floats as this machine has them), or the type that the
 * extension pgvector brings.  Who reads or writes vectors goes through here and
 * need not know which; statements are the same for both, only the types of
 * their arguments differ.
 *
 * Threads: a form does not change once the store is open.
 */
#ifndef STORE_POSTGRES_VECTOR_FORM_H
#define STORE_POSTGRES_VECTOR_FORM_H

#include "store/postgres_conn.h"
#include "store/store.h"

struct vector_form {
    unsigned type, array; /* OIDs; PG_BYTEA or those of pgvector's type */
    char schema[140];     /* pgvector's, quoted for SQL; "": bytes */
    bool iterates;        /* pgvector 0.8 or newer: hnsw.iterative_scan */
};

/* The form that the database has, after it was made the wanted one: all vectors
 * are then rewritten, in one transaction.  ERR_INVALID, field "vectors": it
 * cannot have pgvector; the message says what to do. */
enum err_code vector_form_open(struct vector_form *out, struct pg_conn *c,
                               enum store_vectors wanted, struct err *e)
    CHECKED;

/* A vector, as an element of an array that was begun with form->type. */
void vector_form_add(struct buf *array, const struct vector_form *form,
                     const float *vector);
/* The next argument; `scratch` holds it (released by the caller) until the
 * statement is queued. */
void vector_form_arg(struct pg_args *a, struct buf *scratch,
                     const struct vector_form *form, const float *vector);

/* Of either form into out[STORE_VECTOR_DIM]; false: it is no vector. */
bool vector_form_read(struct slice value, float *out);
/* The next column, into the arena; NULL: there is none. */
const float *vector_form_row(struct pg_row *w);

#endif
