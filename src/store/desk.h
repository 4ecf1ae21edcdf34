/* desk.h - store area: what a reader notes about papers.
 *
 * Marks are of the reader, papers of the world: they lie in tables of their
 * own, so that no webhook can touch them, and a mark rewrites no paper.  A
 * deleted paper keeps its marks, and has them again when it is restored.
 *
 * A change of marks moves store_papers_generation(), because lists show them,
 * but leaves what is kept about lists without filters by marks.
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

#endif
