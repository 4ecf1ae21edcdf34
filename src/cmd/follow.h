/* follow.h - wait for a job's end, showing how it gets on.
 *
 * Threads: one thread.
 */
#ifndef CMD_FOLLOW_H
#define CMD_FOLLOW_H

#include "cmd/client.h"

struct follow {
    bool (*ended)(const json_t *job);
    void (*draw)(void *ctx, const json_t *job);
    void *ctx;
    int stop_fd; /* readable: stop waiting; -1: nothing stops it */
};

/* Ask for the job again and again: draw() it each time, until ended() says so.
 * *out is the job as seen last, the caller's.  ERR_CANCELLED: stopped. */
enum err_code job_follow(struct client *c, struct slice id,
                         const struct follow *f, json_t **out, struct err *e)
    CHECKED;

#endif
