/* client.h - how commands talk to sheaf: over its own HTTP API.
 *
 * The server of the setting server_url is asked, or that which holds the data
 * directory, with the token.  When none runs, the command opens the directory
 * itself and serves it on a free loopback port for as long as it lasts: one
 * code path for all.
 *
 * Threads: one thread.
 */
#ifndef CMD_CLIENT_H
#define CMD_CLIENT_H

#include <jansson.h>

#include "base/buf.h"
#include "cmd/command.h"
#include "net/sse.h"

struct client;

/* The longest reply that is not streamed, as in net/request.h. */
#define CLIENT_REPLY_MAX ((size_t)64 << 20)

enum err_code client_open(struct client **out, const struct config *c,
                          struct err *e) CHECKED;
/* The same, for what makes sense with a running server only.
 * ERR_NOT_FOUND: none runs. */
enum err_code client_attach(struct client **out, const struct config *c,
                            struct err *e) CHECKED;
void client_close(struct client *c); /* takes NULL */
const char *client_url(const struct client *c);

/* How long an exchange may last from now on, and what ends it before with
 * ERR_CANCELLED: `cancelled` is asked several times a second (NULL: nothing).
 * At first it is a minute. */
void client_set_patience(struct client *c, int64_t timeout_ms,
                         bool (*cancelled)(void *ctx), void *ctx);

/* One exchange.  A status other than 2xx is an error with the server's own
 * words.  `body` empty: none; `type` NULL: JSON.  `reply` (or NULL) gets the
 * bytes; the caller has buf_init-ed it. */
enum err_code client_send(struct client *c, const char *method,
                          const char *path, const char *type, struct slice body,
                          struct buf *reply, struct err *e) CHECKED;
/* The same with JSON both ways; *out (or NULL) is owned by the caller. */
enum err_code client_json(struct client *c, const char *method,
                          const char *path, struct slice body, json_t **out,
                          struct err *e) CHECKED;

/* POST JSON, and take the reply's server-sent events as they come, for as long
 * as something does.  Errors as above, and what on_event returns. */
enum err_code client_events(struct client *c, const char *path,
                            struct slice body, sse_on_event *on_event,
                            void *ctx, struct err *e) CHECKED;

/* GET the path that was written into *path, which is released. */
enum err_code client_get(struct client *c, struct buf *path, json_t **out,
                         struct err *e) CHECKED;

/* Append `name=value` to a query, percent-encoded, with '?' or '&'. */
void client_query(struct buf *path, const char *name, const char *value);

#endif
