/* router.h - the route table: one row drives routing, checks, policy and docs.
 *
 * Each service has a `const struct route xxx_routes[]`.  From the rows come:
 * finding the handler, 404 and 405 with Allow, the checks of path, query and
 * body parameters (an unknown one is a 400 that names it and suggests the
 * nearest), the auth policy, the thread it runs on, the error envelope,
 * /openapi.json and the /docs page.
 *
 * Every pattern is served with and without its trailing slash.  One that ends
 * in "{name...}" takes all that follows, slashes too, when nothing else fits.
 *
 * Threads: rows are added before the server starts; then read-only.
 */
#ifndef NET_ROUTER_H
#define NET_ROUTER_H

#include "net/request.h"

enum policy {
    POLICY_PUBLIC,  /* anybody; CORS '*' */
    POLICY_READ,    /* anybody, or the token when private_reads is on */
    POLICY_WRITE,   /* local and unproxied, or the token; Origin checked */
    POLICY_ADMIN,   /* as WRITE, also for reading */
    POLICY_WEBHOOK, /* the webhook's Bearer secret, constant time */
};

enum run_where {
    ON_WORKER, /* request pool (default) */
    ON_LOOP,   /* must not block */
    ON_STREAM  /* stream pool; may take long */
};

enum envelope {
    ENVELOPE_OWN,    /* {"error": "...", "detail": {...}} */
    ENVELOPE_DRF,    /* {"detail": "..."} */
    ENVELOPE_OPENAI, /* {"error": {"message", "type", "param", "code"}} */
    ENVELOPE_ENGINE, /* {"code": 3, "message": "..."}, as Engine.IO has it */
    ENVELOPE_CHROMA  /* {"error": "NotFoundError", "message": "..."} */
};

enum param_type {
    PARAM_STR,  /* min..max: code points; UTF-8 without NUL */
    PARAM_INT,  /* min..max */
    PARAM_NUM,  /* min..max */
    PARAM_BOOL, /* true/false, in a query also 1/0 */
    PARAM_TIME, /* RFC 3339 or a date */
    PARAM_ENUM, /* one of `choices` */
    PARAM_LIST, /* JSON array of strings, at most max of them; body only */
    PARAM_JSON, /* JSON object; body only */
    PARAM_ANY,  /* any JSON; the handler checks it; body only */
    PARAM_FILE  /* bytes with a name; only where .form_body is set */
};

enum param_in { IN_QUERY, IN_BODY, IN_PATH };

struct param {
    const char *name; /* NULL ends the list */
    enum param_in in;
    enum param_type type;
    bool required;
    double min, max;            /* both 0: not limited (text: 10,000) */
    const char *const *choices; /* NULL-ended, PARAM_ENUM */
    const char *dflt;           /* as text; NULL: none */
    const char *doc;            /* one sentence for the API page */
    const char *example;
};

typedef enum err_code route_handler(struct request *r, struct err *e);

struct route {
    enum http_method method; /* GET also serves HEAD; OPTIONS is automatic */
    const char *pattern;     /* "/api/papers/{id}/"; NULL ends the table */
    route_handler *handle;
    enum policy policy;
    enum run_where run;
    enum envelope envelope;
    const struct param *params; /* may be NULL */
    size_t max_body;            /* bytes; 0: 64 KiB for POST/PUT/PATCH */
    bool raw_body;              /* the handler reads r->body; no field checks */
    bool form_body;             /* the body is multipart/form-data, not JSON */
    bool text_body;             /* JSON may call itself text/plain: that is what
                                   pages of other sites can send unasked */
    bool open_query;            /* unknown query parameters are let through */
    bool open_body;             /* unknown fields of the body are */
    int per_minute; /* calls that one client address may make when it needs the
                       token to write and does not carry it; over it: 429 with
                       Retry-After.  0: not limited */
    /* A READ may know who asks by other means: true lets a request in that has
     * no token.  On the loop, before anything is parsed but the path.  NULL:
     * there are none. */
    bool (*vouches)(const struct request *r);
    bool hidden; /* not among the documents: it is there to say no in the words
                    of a protocol */
    const char *tag;     /* group on the API page: "Papers" */
    const char *summary; /* "List papers" */
    const char *doc;     /* a paragraph, may be NULL */
    int status;          /* of success, for the docs; 0: 200 */
    /* Of success too.  All names of schemas are from the file of them all,
     * src/assets/components.json; the integration tests hold each reply against
     * its schema. */
    const char *schema;         /* of the JSON; NULL: it answers none */
    const char *returns;        /* an example of it, may be NULL */
    const char *media;          /* types of what is no JSON, with a space
                                   between them, or any; may be NULL */
    const char *unready_schema; /* of a 503 that is no error; NULL: none is */
};

struct router;

struct router_options {
    const char *public_url;      /* "" : none */
    const char *allowed_origins; /* comma list, "" : none */
    const char *trusted_proxies; /* comma list of addresses or CIDR */
    bool private_reads;
    bool local_only;            /* listening on a loopback address */
    const char *admin_token;    /* "" : none is accepted */
    const char *webhook_secret; /* for POLICY_WEBHOOK */
};

/* Copies the options.  NULL and e set on a malformed one. */
struct router *router_new(const struct router_options *opt, struct err *e);
void router_free(struct router *rt);
/* Is this address one of trusted_proxies? */
bool router_is_proxy(const struct router *rt, struct slice address);
/* Add a table (kept by pointer, up to its NULL pattern).  `ctx` is passed to
 * its handlers.  Asserts that no two rows collide. */
void router_add(struct router *rt, const struct route *rows, void *ctx);
/* Rows that are added from now on are of this service (kept by pointer); NULL:
 * they are in every process, as at first. */
void router_service(struct router *rt, const char *name);
/* `whole` (kept by pointer) has the rows of all services: a path that only it
 * knows is a 404 which says whose it is.  `reached`: they all are at our
 * address, through a proxy, and the documents and /session say so. */
void router_set_whole(struct router *rt, const struct router *whole,
                      bool reached);
/* Rows for /openapi.json, /docs (offline page). */
void router_add_docs(struct router *rt);
/* Append what /openapi.json says to a client that reaches us at base_url. */
void router_describe(const struct router *rt, struct slice base_url,
                     struct buf *out);
/* Rows for POST /login, POST /logout, GET /session: the admin token against an
 * HttpOnly cookie, for browsers, and which services there are. */
void router_add_session(struct router *rt);

#endif
