/* desk.h - store area: what a reader keeps: marks of papers, saved searches.
 *
 * Marks are of the reader, papers of the world: they lie in tables of their
 * own, so that no webhook can touch them, and a mark rewrites no paper.  A
 * deleted paper keeps its marks, and has them again when it is restored.
 *
 * A change of marks moves store_papers_generation(), because lists show them,
 * but leaves what is kept about lists without filters by marks.
 *
 * A saved search is a name and filters, which only the backend understands.
 * Changes move that generation too.
 *
 * See store.h for errors, ownership and threads.
 */
#ifndef STORE_DESK_H
#define STORE_DESK_H

#include "store/store.h"

#define NOTE_MAX_CHARS 20000
#define MARKS_MAX_PAPERS 500 /* of one call */

struct paper_marks {
    bool read, starred;
    struct slice note; /* Markdown; empty: none */
    int64_t marked_at; /* us; of the last change; 0: never marked */
};

/* What to change; the rest stays. */
struct marks_change {
    const bool *read, *starred; /* NULL: as it was */
    const struct slice *note;   /* NULL: as it was; empty: none any more */
    int64_t now_us;
};

/* ERR_NOT_FOUND: no such paper, or deleted. */
enum err_code store_marks_get(struct store *s, struct arena *a, int64_t id,
                              struct paper_marks *out, struct err *e) CHECKED;
/* Mark n papers, in one commit.  marked[i]: is there a paper ids[i], that was
 * not deleted?  Others are left out.  ERR_INVALID: n > MARKS_MAX_PAPERS, a note
 * that is too long. */
enum err_code store_marks_set(struct store *s, const int64_t *ids, size_t n,
                              const struct marks_change *change, bool *marked,
                              struct err *e) CHECKED;

#define SEARCHES_MAX 100

struct saved_search {
    int64_t id;
    struct slice name, filters; /* filters: JSON object */
    int64_t seen_at;            /* us; papers that came later are new */
    int64_t created_at, updated_at;
};

/* Insert (id 0; *id is set) or replace name, filters and seen_at.
 * ERR_NOT_FOUND: id not there.  ERR_CONFLICT: there are SEARCHES_MAX. */
enum err_code store_search_put(struct store *s, const struct saved_search *put,
                               int64_t now_us, int64_t *id, struct err *e)
    CHECKED;
/* ERR_NOT_FOUND */
enum err_code store_search_get(struct store *s, struct arena *a, int64_t id,
                               struct saved_search *out, struct err *e) CHECKED;
enum err_code store_search_delete(struct store *s, int64_t id, struct err *e)
    CHECKED;
/* All, in the order in which they were saved. */
enum err_code store_searches_list(struct store *s, struct arena *a,
                                  struct saved_search **out, size_t *n,
                                  struct err *e) CHECKED;

#endif
