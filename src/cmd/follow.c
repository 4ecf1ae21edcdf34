/* follow.c - see follow.h. */
#include "cmd/follow.h"

#include <stdio.h>
#include <time.h>

#include "cmd/term.h"

/* How often the job is asked for, over HTTP: quickly at first, for what is soon
 * over, then as often as a bar needs to move. */
enum { LOOK_FIRST_MS = 5, LOOK_MS = 200 };

static void wait_ms(int ms)
{
    struct timespec t = {0, ms * 1000000L};

    nanosleep(&t, NULL);
}

enum err_code job_follow(struct client *c, struct slice id,
                         bool (*ended)(const json_t *job),
                         void (*draw)(const json_t *job), json_t **out,
                         struct err *e)
{
    char path[128];
    enum err_code rc;
    int pause = LOOK_FIRST_MS;

    snprintf(path, sizeof(path), "/jobs/%.*s", SLICE_ARG(id));
    for (;;) {
        rc = client_json(c, "GET", path, SLICE_NONE, out, e);
        if (rc != ERR_NONE)
            break;
        draw(*out);
        if (ended(*out))
            break;
        json_decref(*out);
        *out = NULL;
        wait_ms(pause);
        pause = pause * 2 < LOOK_MS ? pause * 2 : LOOK_MS;
    }
    term_progress_end();
    return rc;
}
