/* copies.h - store area: the copy of the vectors that a server outside has.
 *
 * The database owns the vectors.  Where a Chroma server is to find them
 * (setting `vectors`), it gets a copy, which a job of kind "chroma" brings up
 * to date.  Here is what has to be remembered for that: for each set the
 * collection that was filled, the generation up to which all changes are in it,
 * and what was sent, so that it can be removed when it is gone here.
 *
 * While the copy is on, every commit that moves a set's generation makes the
 * job in the same commit, unless one waits or runs: whoever changes something
 * cannot forget it.
 *
 * See store.h for errors, ownership and threads.
 */
#ifndef STORE_COPIES_H
#define STORE_COPIES_H

#include "store/documents.h"

#define COPY_JOB "chroma"
#define COPY_JOB_MAX_ATTEMPTS 5
#define COPY_MAX_COLLECTION 64 /* bytes of a collection's id */

/* Keep a copy from now on; whatever waits has its job afterwards. */
enum err_code store_copies_on(struct store *s, struct err *e) CHECKED;
/* Keep none: what was remembered is forgotten, and a job that waits is gone. */
enum err_code store_copies_off(struct store *s, struct err *e) CHECKED;

struct copy_state {
    bool on;
    char collection[COPY_MAX_COLLECTION + 1]; /* ""; none was filled yet */
    uint64_t generation; /* all changes up to here are in the copy */
    bool repair;         /* it is to be looked through as a whole */
    int64_t waiting;     /* chunks or papers that changed since */
};
enum err_code store_copy_state(struct store *s, enum vector_set set,
                               struct copy_state *out, struct err *e) CHECKED;

/* From now on the copy is this collection, of which nothing is known. */
enum err_code store_copy_adopt(struct store *s, enum vector_set set,
                               struct slice collection, struct err *e) CHECKED;
/* Both sets are to be looked through; the id of the job that does it is made in
 * `a`.  ERR_CONFLICT: no copy is kept. */
enum err_code store_copies_repair(struct store *s, struct arena *a,
                                  struct slice *job_id, struct err *e) CHECKED;

/* A document's chunks, or a paper. */
struct copy_note {
    int64_t key;       /* of the version; the paper's id */
    struct slice name; /* the document's id; empty for a paper */
    int64_t records;   /* chunks; 1 for a paper */
};
/* These are about to be sent; a number of records only grows.  No key twice;
 * n <= STORE_MAX_BATCH. */
enum err_code store_copy_note(struct store *s, enum vector_set set,
                              const struct copy_note *notes, size_t n,
                              struct err *e) CHECKED;

struct copy_gone {
    struct copy_note note;
    int64_t kept; /* so many chunks has the version that has the name now */
};
/* What was sent and has no vectors here any more: versions that were replaced
 * or deleted; papers that were deleted, or wait for another vector. */
enum err_code store_copy_gone(struct store *s, struct arena *a,
                              enum vector_set set, int limit,
                              struct copy_gone **out, size_t *n, struct err *e)
    CHECKED;
/* They were removed from the copy.  n <= STORE_MAX_BATCH. */
enum err_code store_copy_forget(struct store *s, enum vector_set set,
                                const int64_t *keys, size_t n, struct err *e)
    CHECKED;

/* All changes up to this generation are in the copy; repaired: and it was
 * looked through as a whole. */
enum err_code store_copy_done(struct store *s, enum vector_set set,
                              uint64_t generation, bool repaired, struct err *e)
    CHECKED;
/* The job ends COMPLETED if nothing waits (or no copy is kept any more), else
 * *done is false and nothing is written.  One commit: a change meanwhile
 * either is among what waits or makes the next job.  ERR_CONFLICT: lease lost.
 */
enum err_code store_copies_finish(struct store *s, const struct job_lease *l,
                                  struct slice result, int64_t now_us,
                                  bool *done, struct err *e) CHECKED;

/* ---- from a record of the copy to what it stands for ---- */

/* The name of a record taken apart: a chunk is its document's id and a number,
 * a paper has a number alone. */
struct copy_name {
    struct slice document;
    int64_t number;
};
/* ids[i]: the visible chunk, or the paper with a vector, of this name; 0: there
 * is none.  n <= STORE_MAX_BATCH. */
enum err_code store_copy_find(struct store *s, enum vector_set set,
                              const struct copy_name *names, size_t n,
                              int64_t *ids, struct err *e) CHECKED;
/* The vectors of visible chunks or of papers, vector i into out + i *
 * STORE_VECTOR_DIM if found[i]: it has one of this model.  n <=
 * STORE_MAX_BATCH. */
enum err_code store_vectors_get(struct store *s, enum vector_set set,
                                const struct model_id *m, const int64_t *ids,
                                size_t n, float *out, bool *found,
                                struct err *e) CHECKED;

#endif
