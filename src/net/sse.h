/* sse.h - server-sent events, cut anywhere, as the HTML standard reads them:
 * a line is "field: value" or a comment (": ..."), lines end by \n, \r\n or
 * \r, an empty line ends the event, its data lines are joined by \n.
 *
 * Beyond it, the last event counts even if its empty line is missing, and a
 * line "error: ..." is an event "error" of its own: so older llama.cpp servers
 * say that they failed.
 *
 * Threads: one reader belongs to one thread.
 */
#ifndef NET_SSE_H
#define NET_SSE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#define SSE_MAX_NAME 32 /* bytes; a longer name is cut */

/* `name` is "" where none was given; both are borrowed for the call.  An error
 * ends sse_feed, which returns it. */
typedef enum err_code sse_on_event(void *ctx, struct slice name,
                                   struct slice data, struct err *e);

struct sse { /* private */
    sse_on_event *on_event;
    void *ctx;
    struct buf line; /* not ended yet */
    struct buf data; /* data lines so far */
    char name[SSE_MAX_NAME];
    size_t n_name;
    bool has_data;
    bool after_cr; /* a \n now belongs to the \r before */
};

/* max: bytes of a line, and of an event's data. */
void sse_init(struct sse *s, size_t max, sse_on_event *on_event, void *ctx);
void sse_release(struct sse *s);
/* Take some bytes.  ERR_TOO_LARGE: a line or an event over the maximum; or what
 * on_event returns.  After an error nothing more may be fed. */
enum err_code sse_feed(struct sse *s, struct slice bytes, struct err *e)
    CHECKED;
/* The connection has ended: what has no line end yet counts. */
enum err_code sse_end(struct sse *s, struct err *e) CHECKED;

#endif
