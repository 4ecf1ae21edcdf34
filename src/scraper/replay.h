/* replay.h - a recorded answer of arXiv as the input of a job.
 *
 * The feed waits in the job's own input, compressed, so that what was accepted
 * is as durable as the job.
 *
 * Threads: pure functions.
 */
#ifndef SCRAPER_REPLAY_H
#define SCRAPER_REPLAY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define REPLAY_MAX_PACKED (11u << 20) /* bytes of the gzip form */

/* Feed (or its gzip form) -> bytes of the feed; `into` has a maximum.
 * ERR_INVALID: damaged gzip; ERR_TOO_LARGE. */
enum err_code replay_unzip(struct buf *into, struct slice body, struct err *e)
    CHECKED;
/* Feed -> text for the job's input, in arena.  ERR_TOO_LARGE. */
enum err_code replay_pack(struct arena *a, struct slice feed, struct slice *out,
                          struct err *e) CHECKED;
/* And back.  ERR_INVALID. */
enum err_code replay_unpack(struct buf *into, struct slice packed,
                            struct err *e) CHECKED;

#endif
