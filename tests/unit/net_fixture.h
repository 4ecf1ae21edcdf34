/* net_fixture.h - a real server on a free loopback port, in a thread, and a
 * client that says exactly the bytes it is given. */
#ifndef UNIT_NET_FIXTURE_H
#define UNIT_NET_FIXTURE_H

#include "base/buf.h"
#include "net/router.h"
#include "net/server.h"

struct net_fixture;

/* Zero fields get usable values.  ctx is the handlers'. */
struct net_fixture *fixture_new(const struct route *rows, void *ctx,
                                const struct router_options *ro,
                                const struct server_options *so);
/* Stops in order; returns whether all handlers had returned. */
bool fixture_free(struct net_fixture *f);
struct server *fixture_server(struct net_fixture *f);
struct router *fixture_router(struct net_fixture *f);

/* A connected socket. */
int fixture_connect(struct net_fixture *f);
void fixture_send(int fd, const char *bytes, size_t len);
/* Read until the server closes, or no byte came for 5 s (then the test fails).
 * The text is owned by the caller. */
char *fixture_read_all(int fd, size_t *len);
/* Read until `mark` has come. */
char *fixture_read_until(int fd, const char *mark);
/* connect, send, half-close, read all, close. */
char *fixture_talk(struct net_fixture *f, const char *bytes);

/* Status of the first reply in `text`; its body; the value of a header in it
 * ("" if none), in a buffer of the fixture's until the next call. */
int reply_status(const char *text);
const char *reply_body(const char *text);
const char *reply_value(const char *text, const char *name);

#endif
