/* follow.c - see follow.h. */
#include "cmd/follow.h"

#include <stdio.h>

#include "cmd/stop.h"
#include "cmd/term.h"

/* How often the job is asked for, over HTTP: quickly at first, for what is soon
 * over, then as often as a bar needs to move. */
enum { LOOK_FIRST_MS = 5, LOOK_MS = 200 };

enum err_code job_follow(struct client *c, struct slice id,
                         const struct follow *f, json_t **out, struct err *e)
{
    char path[128];
    enum err_code rc;
    int pause = LOOK_FIRST_MS;

    snprintf(path, sizeof(path), "/jobs/%.*s", SLICE_ARG(id));
    for (;;) {
        rc = client_json(c, "GET", path, SLICE_NONE, out, e);
        if (rc != ERR_NONE)
            break;
        f->draw(f->ctx, *out);
        if (f->ended(*out))
            break;
        json_decref(*out);
        *out = NULL;
        if (stop_wait(f->stop_fd, pause)) {
            rc = err_set(e, ERR_CANCELLED, "stopped");
            break;
        }
        pause = pause * 2 < LOOK_MS ? pause * 2 : LOOK_MS;
    }
    term_progress_end();
    return rc;
}
