/* router_impl.h - the router's inside, for its own files and the connection. */
#ifndef NET_ROUTER_IMPL_H
#define NET_ROUTER_IMPL_H

#include "base/slice.h"
#include "net/exchange.h"
#include "net/router.h"

/* One row added. */
struct match {
    const struct route *route;
    void *ctx;
    const char *service; /* NULL: every process has it */
    /* The i-th "{name}" of the pattern is params[path_params[i]]. */
    size_t path_params[ROUTE_MAX_SEGMENTS];
    size_t n_path_params;
};

/* A tree over path segments; a lookup costs one binary search a segment. */
struct node {
    struct slice segment;
    struct node **kids; /* sorted by segment */
    size_t n_kids;
    struct node *any;  /* the "{name}" child */
    struct node *tail; /* the "{name...}" child, which has no children */
    struct match *by_method[HTTP_OTHER];
};

/* Failed tokens of one address; see policy.c. */
struct attempts {
    uint64_t key;
    int64_t window_s;
    int failed;
};
#define ATTEMPT_SLOTS 256

/* Calls of one address to one limited route in this minute; see policy.c. */
struct calls {
    uint64_t key;
    int64_t minute;
    int n;
};
#define CALL_SLOTS 1024

#define ROUTER_MAX_SERVICES 8

struct cidr {
    uint8_t bits[16]; /* IPv4 as ::ffff:a.b.c.d */
    int prefix;
};

struct router {
    char *public_url; /* without trailing slash; "" */
    struct slice public_host, public_origin;
    char *origins_text;
    struct slice *origins;
    size_t n_origins;
    struct cidr *proxies;
    size_t n_proxies;
    bool private_reads, local_only, public_https;
    char *admin_token, *webhook_secret;
    struct node root;
    struct match **rows; /* in the order added, for the documents */
    size_t n_rows, cap_rows;
    const char *service; /* of the rows that are being added */
    const char *services[ROUTER_MAX_SERVICES]; /* that have rows */
    size_t n_services;
    const struct router *whole; /* NULL: there are no others */
    bool whole_reached;
    uint64_t seed;
    struct attempts attempts[ATTEMPT_SLOTS]; /* loop only */
    struct calls calls[CALL_SLOTS];          /* loop only */
};

/* The head of x is complete: find the route and check all that can be known
 * before the body.  Either x->match is set and x->reply.status is 0, or a
 * reply is ready.  Loop only. */
void router_admit(struct exchange *x);
/* Check parameters and body, run the handler, finish the reply.  On the thread
 * that the route names. */
void router_run(struct exchange *x);

void reply_not_found(struct exchange *x);
/* That which has the rows of all services at our address. */
const struct router *router_at_address(const struct router *rt);

/* policy.c */
enum err_code policy_setup(struct router *rt, const struct router_options *opt,
                           struct err *e) CHECKED;
void policy_release(struct router *rt);
/* Client address, base_url and Host.  false: a reply is ready. */
bool policy_host(struct exchange *x);
/* Origin, tokens, rate.  false: a reply is ready. */
bool policy_route(struct exchange *x, const struct route *route);
/* Set x->cors for a route of that policy. */
void policy_cors(struct exchange *x, enum policy policy);
/* No Origin, or one that may write? */
bool policy_origin_ok(const struct exchange *x);
/* For /login: is it the admin token?  ERR_LIMIT after too many wrong ones. */
enum err_code policy_try_token(struct exchange *x, struct slice token,
                               struct err *e) CHECKED;
/* Does a write from this client need the token? */
bool policy_needs_token(const struct exchange *x);
/* Value of a new session cookie, at most 96 bytes with NUL. */
#define SESSION_TEXT 96
#define SESSION_DAYS 30
void policy_session(const struct router *rt, char out[SESSION_TEXT]);
bool policy_https(const struct exchange *x);

/* params.c */
enum err_code params_check(struct exchange *x, struct err *e) CHECKED;

/* openapi.c, session.c */
extern const struct route docs_routes[];
extern const struct route session_routes[];

#endif
