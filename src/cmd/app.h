/* app.h - one sheaf process: every module wired together.
 *
 * The order in which parts are made here is the order in which they depend on
 * each other; they are taken down in reverse.
 *
 * Threads: app_open, app_run, app_close on one thread; with app_start the
 * server runs on a thread of its own until app_close.
 */
#ifndef CMD_APP_H
#define CMD_APP_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "cmd/datadir.h"

struct app;

/* Lock the data directory, open the store, recover jobs, bind.  Serves nothing
 * yet.  `listen` overrides the setting unless NULL; `signals`: SIGTERM and
 * SIGINT stop it. */
enum err_code app_open(struct app **out, const struct config *c,
                       const char *listen, bool signals, struct err *e) CHECKED;
const char *app_url(const struct app *a);
const char *app_data_dir(const struct app *a);
/* Serve until stopped by a signal. */
enum err_code app_run(struct app *a, struct err *e) CHECKED;
/* Serve on a thread of its own; returns at once. */
enum err_code app_start(struct app *a, struct err *e) CHECKED;
/* Append what a server with these settings says under /openapi.json, without
 * opening anything. */
enum err_code app_describe(struct buf *out, const struct config *c,
                           struct err *e) CHECKED;
/* Stop if it still serves, and take everything down.  Takes NULL. */
void app_close(struct app *a);

#endif
