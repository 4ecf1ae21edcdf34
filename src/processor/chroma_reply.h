/* chroma_reply.h - read what a Chroma server (API v2) answers.
 *
 * Bytes from outside: anything that is not of the stated form is
 * ERR_UNAVAILABLE with a message that says so, for who speaks like that is no
 * Chroma server.
 *
 * Threads: pure functions.
 */
#ifndef PROCESSOR_CHROMA_REPLY_H
#define PROCESSOR_CHROMA_REPLY_H

#include "base/arena.h"
#include "base/json.h"

#define CHROMA_MAX_REPLY ((size_t)JSON_MAX_BYTES)
#define CHROMA_MAX_ID 64 /* bytes of a collection's id */

struct chroma_collection {
    char id[CHROMA_MAX_ID + 1];
    char mark[CHROMA_MAX_ID + 1]; /* what chroma_mark() left; "": nothing */
};
#define CHROMA_MARK "sheaf" /* its key in the collection's metadata */
/* A collection of vectors of `dim` numbers.  ERR_CONFLICT: it measures by
 * another distance than the cosine, or has vectors of another length. */
enum err_code chroma_reply_collection(struct slice body, int64_t dim,
                                      struct chroma_collection *out,
                                      struct err *e) CHECKED;

enum err_code chroma_reply_count(struct slice body, int64_t *out, struct err *e)
    CHECKED;

struct chroma_hit {
    struct slice name; /* in the arena */
    double distance;
};
/* The hits of the one vector that was asked for.  ERR_TOO_LARGE: the arena is
 * full. */
enum err_code chroma_reply_query(struct slice body, struct arena *a,
                                 struct chroma_hit **out, size_t *n,
                                 struct err *e) CHECKED;

/* What `get` answers. */
struct chroma_records {
    json_t *root;
    const json_t *ids; /* n texts */
    /* n values each, or NULL where they were not asked for */
    const json_t *embeddings, *documents, *metadatas;
    size_t n;
};
enum err_code chroma_reply_records(struct slice body,
                                   struct chroma_records *out, struct err *e)
    CHECKED;
void chroma_records_release(struct chroma_records *r);
struct slice chroma_records_name(const struct chroma_records *r, size_t i);

/* The error that a status other than 2xx is: ERR_NOT_FOUND for what is not
 * there (any more), ERR_UNPROCESSABLE for what the server does not take,
 * ERR_INTERNAL when it failed by itself (500), ERR_UNAVAILABLE for the rest. */
enum err_code chroma_reply_error(int status, struct slice body, struct err *e);

#endif
