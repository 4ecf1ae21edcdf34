/* live_client.h - listen to a server's live events, as a Socket.IO client over
 * long polling.
 *
 * Threads: one thread.
 */
#ifndef CMD_LIVE_CLIENT_H
#define CMD_LIVE_CLIENT_H

#include "cmd/client.h"

struct live_client {
    struct client *client; /* borrowed */
    const char *path;      /* "/socket.io/" */
    /* `data`: the event's first argument, or NULL. */
    void (*on_event)(void *ctx, struct slice name, const json_t *data);
    /* Asked several times a second; true: stop. */
    bool (*stopped)(void *ctx);
    void *ctx;
    bool joined; /* set: the server has let us in */
};

/* Connect to the namespace "/" and pass events on until something ends it,
 * which is always an error: ERR_CANCELLED when stopped; ERR_NOT_FOUND: the
 * server has no live events; ERR_INVALID: it refuses us, or does not know us
 * any more; ERR_INTERNAL: it is no live server; ERR_UNAVAILABLE, ERR_TIMEOUT
 * and what else http_fetch gives: it has gone. */
enum err_code live_listen(struct live_client *l, struct err *e) CHECKED;

#endif
