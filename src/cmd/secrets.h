/* secrets.h - the three secrets of a data directory.
 *
 * Threads: one thread.
 */
#ifndef CMD_SECRETS_H
#define CMD_SECRETS_H

#include "cmd/datadir.h"

struct secrets {
    char token[128];   /* admin token */
    char webhook[128]; /* Bearer secret of the webhook */
    char signing[128]; /* "whsec_..."; Standard Webhooks */
};

/* From the settings, else from the data directory, where missing ones are
 * made.  ERR_INVALID: malformed, or not set although scraper and backend run in
 * different processes, where each would make its own. */
enum err_code secrets_load(struct secrets *s, const struct config *c,
                           const struct datadir *d, struct err *e) CHECKED;

/* The admin token alone, for who asks a server.  ERR_NOT_FOUND: it is not set,
 * and no server has run on the data directory yet. */
enum err_code secrets_token(char out[128], const struct config *c,
                            const struct datadir *d, struct err *e) CHECKED;

#endif
