/* search.h - passages by meaning, by words, or by both: what GET /query and
 * POST /ask have in common.
 *
 * Threads: a search belongs to one thread.
 */
#ifndef PROCESSOR_SEARCH_H
#define PROCESSOR_SEARCH_H

#include "processor/passage.h"
#include "processor/processor_impl.h"

#define SEARCH_MAX_K 100

/* Collections, as people call them. */
#define SEARCH_DOCUMENTS "portfolio_documents"
#define SEARCH_PAPERS "papers"
/* The set of this name, as a bit.  ERR_NOT_FOUND, naming those there are. */
enum err_code search_collections_read(unsigned *sets, struct slice name,
                                      struct err *e) CHECKED;

enum search_mode { SEARCH_SEMANTIC, SEARCH_KEYWORD, SEARCH_HYBRID };
extern const char *const search_modes[]; /* as people write them; NULL-ended */
/* Of the collections, by enum vector_set. */
extern const char *const search_set_names[];

struct search {
    struct processor *p;
    struct arena *arena;
    unsigned sets; /* where to look: bits 1 << enum vector_set */
    enum search_mode mode;
    size_t k; /* 1..SEARCH_MAX_K */
    struct slice text;
    struct where *where; /* NULL: all; freed by search_end */

    /* what search_run found: the best first, those left out that were removed
     * meanwhile */
    struct chunk *chunks;
    struct paper **papers; /* papers[i]: chunks[i] stands for it; NULL: it is a
                              document's */
    size_t n;
    struct search_rank {
        double score;    /* of the mode; higher is better */
        double distance; /* NAN: not known, found by its words alone */
    } ranks[SEARCH_MAX_K];
    const char *warning; /* why `mode` is SEARCH_KEYWORD now, though hybrid was
                            asked for; NULL: nothing to say */
    const char *problem; /* why there are no vectors to search by, of an
                            ERR_UNAVAILABLE for this reason: for people */
    double embed_ms, filter_ms, search_ms, load_ms;
    int64_t lap_us; /* private: clock at the end of the last phase */
};

/* Fill in p to where, zero the rest.  Words need no model, hybrid does without
 * (see warning).  ERR_UNAVAILABLE: no model, or all is being embedded again
 * with this one; out of memory. */
enum err_code search_run(struct search *s, struct err *e) CHECKED;
void search_end(struct search *s);
/* Milliseconds since the last phase ended; begins the next one. */
double search_lap(struct search *s);

#endif
