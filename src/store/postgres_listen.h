/* postgres_listen.h - hear what others commit (LISTEN), and tell them (NOTIFY),
 * on a thread with a connection of its own.  See store_listen() for the
 * contract.
 */
#ifndef STORE_POSTGRES_LISTEN_H
#define STORE_POSTGRES_LISTEN_H

#include "store/postgres_conn.h"
#include "store/store.h"

struct pg_listener;

/* Copies *h and *to, whose texts must live as long. */
enum err_code pg_listener_new(struct pg_listener **out,
                              const struct pg_target *to,
                              const struct store_hearing *h, struct err *e)
    CHECKED;
/* Say what a commit has changed, soon; from any thread, does not block. */
void pg_listener_share(struct pg_listener *l, const struct store_news *n);
/* Returns when nobody is called any more; what waits to be said is said, if the
 * server takes it.  Sharing does nothing from then on.  Takes NULL. */
void pg_listener_stop(struct pg_listener *l);
/* Stops first; nobody shares any more.  Takes NULL. */
void pg_listener_free(struct pg_listener *l);
bool pg_listener_hears(const struct pg_listener *l);

#endif
