/* columns.h - records as Chroma's replies have them: a list for each field.
 *
 *   {"ids": ["a"], "embeddings": null, "documents": ["text"], ...}
 *   {"ids": [["a"], []], ...}               a list for each query
 *
 * A reply that is large is streamed, column by column, where the route can; so
 * a whole collection needs no more memory than a part of it.  Records that are
 * removed meanwhile are left out, or null where their id has been written.
 *
 * Threads: those of the request.
 */
#ifndef CHROMA_COLUMNS_H
#define CHROMA_COLUMNS_H

#include "chroma/source.h"
#include "net/request.h"

enum include {
    INCLUDE_DISTANCES = 1,
    INCLUDE_DOCUMENTS = 2,
    INCLUDE_EMBEDDINGS = 4,
    INCLUDE_METADATAS = 8,
    INCLUDE_URIS = 16
};

/* `include` of a body; `dflt` if it is not there.  ERR_UNPROCESSABLE. */
enum err_code include_read(unsigned *out, const struct request *r,
                           unsigned dflt, struct err *e) CHECKED;

struct columns {
    int64_t *numbers; /* of all records, in order; overwritten */
    float *distances; /* parallel; NULL: not a query's; overwritten */
    size_t n;
    size_t *ends; /* where the list of each query ends; overwritten; NULL:
                     one list */
    size_t n_ends;
    unsigned include;
    bool may_stream; /* the route is one ON_STREAM */
};

/* Answer with them.  ERR_TOO_LARGE: more than a reply may have. */
enum err_code columns_reply(const struct columns *c, struct source *s,
                            struct request *r, struct err *e) CHECKED;

#endif
