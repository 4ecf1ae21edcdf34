/* follow.h - wait for a job's end, showing how it gets on.
 *
 * Threads: one thread.
 */
#ifndef CMD_FOLLOW_H
#define CMD_FOLLOW_H

#include "cmd/client.h"

/* Ask for the job again and again: draw() it each time, until ended() says so.
 * *out is the job as seen last, the caller's. */
enum err_code job_follow(struct client *c, struct slice id,
                         bool (*ended)(const json_t *job),
                         void (*draw)(const json_t *job), json_t **out,
                         struct err *e) CHECKED;

#endif
