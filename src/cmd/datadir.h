/* datadir.h - the directory that holds everything sheaf keeps.
 *
 *     lock                    held with flock; {"pid":1,"url":"http://..."}
 *     token                   admin token, 0600
 *     webhook_secret          Bearer secret of the webhook, 0600
 *     webhook_signing_secret  "whsec_...", 0600
 *
 * Threads: use from one thread.
 */
#ifndef CMD_DATADIR_H
#define CMD_DATADIR_H

#include <stdbool.h>

#include "base/config.h"
#include "base/err.h"

struct datadir {
    char path[4096];
    int lock_fd; /* -1: not locked by us */
};

/* Find out where it is (setting, XDG_DATA_HOME, HOME); does not touch it. */
enum err_code datadir_find(struct datadir *d, const struct config *c,
                           struct err *e) CHECKED;
/* "<path>/<name>" into out[n].  ERR_INVALID: too long. */
enum err_code datadir_file(const struct datadir *d, const char *name, char *out,
                           size_t n, struct err *e) CHECKED;
/* Make it (0700) if missing and take the lock.  ERR_CONFLICT: another process
 * has it; the message names its pid and URL. */
enum err_code datadir_lock(struct datadir *d, struct err *e) CHECKED;
/* Tell others where we listen; only while locked. */
enum err_code datadir_publish(struct datadir *d, const char *url, struct err *e)
    CHECKED;
void datadir_unlock(struct datadir *d);

/* The URL of the process that holds the lock, into out[n]; "" if none runs. */
enum err_code datadir_running(const struct datadir *d, char *out, size_t n,
                              struct err *e) CHECKED;

/* A secret kept in a file of its own: read it, or (with `make`) create it as
 * prefix + random.  ERR_NOT_FOUND without `make`.  ERR_INVALID: empty, or
 * longer than n - 1. */
enum err_code datadir_secret(const struct datadir *d, const char *name,
                             const char *prefix, bool make, char *out, size_t n,
                             struct err *e) CHECKED;

#endif
