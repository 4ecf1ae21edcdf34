/* postgres_listen.h - hear what others commit (LISTEN), on a thread with a
 * connection of its own.  See store_listen() for the contract.
 */
#ifndef STORE_POSTGRES_LISTEN_H
#define STORE_POSTGRES_LISTEN_H

#include "store/postgres_conn.h"

struct pg_listener;

/* `to` must live as long. */
enum err_code pg_listener_new(struct pg_listener **out,
                              const struct pg_target *to,
                              void (*heard)(void *ctx, unsigned what),
                              void *ctx, struct err *e) CHECKED;
/* Returns when `heard` is called no more. */
void pg_listener_free(struct pg_listener *l); /* takes NULL */
bool pg_listener_hears(const struct pg_listener *l);

#endif
