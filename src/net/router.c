/* router.c - rows into a tree of path segments, and a request through it. */
#include "net/router_impl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/http_uri.h"
#include "net/multipart.h"

#define DEFAULT_MAX_BODY ((size_t)64 << 10)

static _Noreturn void out_of_memory(void)
{
    log_error("http", "out of memory");
    abort();
}

/* A mistake in a route table: say which row, for whoever is writing it. */
static void check_row(bool ok, const struct route *row, const char *why)
{
    if (ok)
        return;
    log_error("http", "bad route", LOG_S("pattern", row->pattern),
              LOG_S("why", why));
    assert(!"bad route");
    abort();
}

/* ---- the tree ---- */

/* Position of the child for `segment`, or where it would be. */
static size_t position(const struct node *n, struct slice segment, bool *found)
{
    size_t lo = 0, hi = n->n_kids;

    *found = false;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int order = slice_cmp(n->kids[mid]->segment, segment);

        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct node *new_node(struct slice segment)
{
    struct node *n = mem_alloc(sizeof(*n));

    if (!n)
        out_of_memory();
    *n = (struct node){.segment = segment};
    return n;
}

/* "{name...}" */
static bool is_tail(struct slice segment)
{
    return segment.p[0] == '{' && slice_ends(segment, "...}");
}

static struct node *child_for(struct node *n, struct slice segment)
{
    bool found;
    size_t at;

    if (segment.len > 1 && segment.p[0] == '{') {
        struct node **kid = is_tail(segment) ? &n->tail : &n->any;

        if (!*kid)
            *kid = new_node(segment);
        return *kid;
    }
    at = position(n, segment, &found);
    if (found)
        return n->kids[at];
    n->kids = mem_realloc(n->kids, (n->n_kids + 1) * sizeof(n->kids[0]));
    if (!n->kids)
        out_of_memory();
    memmove(n->kids + at + 1, n->kids + at,
            (n->n_kids - at) * sizeof(n->kids[0]));
    n->kids[at] = new_node(segment);
    n->n_kids++;
    return n->kids[at];
}

static void free_kids(struct node *n)
{
    size_t i;

    for (i = 0; i < n->n_kids; i++) {
        free_kids(n->kids[i]);
        mem_free(n->kids[i]);
    }
    if (n->any) {
        free_kids(n->any);
        mem_free(n->any);
    }
    mem_free(n->tail);
    mem_free(n->kids);
}

static bool has_any_method(const struct node *n)
{
    int m;

    for (m = 0; m < HTTP_OTHER; m++)
        if (n->by_method[m])
            return true;
    return false;
}

/* Literal segments win over "{name}", which is tried when they lead nowhere,
 * and that over "{name...}". */
static const struct node *walk(const struct node *n, struct slice rest,
                               struct exchange *x, size_t depth)
{
    struct slice whole = rest, segment;
    const struct node *end;
    bool found;
    size_t at;

    if (!slice_split(&rest, '/', &segment)) {
        x->n_path_values = depth;
        return has_any_method(n) ? n : NULL;
    }
    at = position(n, segment, &found);
    if (found) {
        end = walk(n->kids[at], rest, x, depth);
        if (end)
            return end;
    }
    if (depth == ROUTE_MAX_SEGMENTS)
        return NULL;
    if (n->any) {
        x->path_values[depth] = segment;
        end = walk(n->any, rest, x, depth + 1);
        if (end)
            return end;
    }
    if (n->tail) {
        x->path_values[depth] = whole;
        x->n_path_values = depth + 1;
    }
    return n->tail;
}

/* ---- adding ---- */

static size_t param_index(const struct route *row, struct slice name)
{
    size_t i;

    for (i = 0; row->params && row->params[i].name; i++)
        if (row->params[i].in == IN_PATH && slice_is(name, row->params[i].name))
            return i;
    check_row(false, row, "a {segment} is not declared as an IN_PATH param");
    return 0;
}

static void add_row(struct router *rt, const struct route *row, void *ctx)
{
    struct match *m = mem_alloc(sizeof(*m));
    struct slice rest = slice_of(row->pattern), segment;
    struct node *n = &rt->root;

    if (!m)
        out_of_memory();
    *m = (struct match){.route = row, .ctx = ctx, .service = rt->service};
    check_row(row->pattern[0] == '/', row, "a pattern begins with a slash");
    check_row(row->method < HTTP_OPTIONS && row->method != HTTP_HEAD, row,
              "HEAD and OPTIONS are automatic");
    check_row(row->handle != NULL, row, "no handler");
    check_row(!row->returns || row->schema, row, "an example without a schema");
    (void)slice_split(&rest, '/', &segment); /* the empty one in front */
    while (slice_split(&rest, '/', &segment)) {
        if (segment.len == 0)
            break; /* trailing slash */
        if (segment.p[0] == '{') {
            size_t dots = is_tail(segment) ? 3 : 0;

            check_row(!dots || !rest.p, row, "{name...} must be the last");
            check_row(m->n_path_params < ROUTE_MAX_SEGMENTS, row, "too deep");
            m->path_params[m->n_path_params++] =
                param_index(row, slice_sub(segment, 1, segment.len - 1 - dots));
        }
        n = child_for(n, segment);
    }
    check_row(!n->by_method[row->method], row, "the row is there already");
    n->by_method[row->method] = m;
    if (rt->n_rows == rt->cap_rows) {
        rt->cap_rows = rt->cap_rows ? rt->cap_rows * 2 : 64;
        rt->rows = mem_realloc(rt->rows, rt->cap_rows * sizeof(rt->rows[0]));
        if (!rt->rows)
            out_of_memory();
    }
    rt->rows[rt->n_rows++] = m;
}

void router_add(struct router *rt, const struct route *rows, void *ctx)
{
    for (; rows->pattern; rows++)
        add_row(rt, rows, ctx);
}

void router_service(struct router *rt, const char *name)
{
    size_t i = 0;

    rt->service = name;
    while (name && i < rt->n_services && strcmp(rt->services[i], name) != 0)
        i++;
    if (!name || i < rt->n_services)
        return;
    assert(rt->n_services < ROUTER_MAX_SERVICES);
    rt->services[rt->n_services++] = name;
}

void router_set_whole(struct router *rt, const struct router *whole,
                      bool reached)
{
    rt->whole = whole;
    rt->whole_reached = reached;
}

const struct router *router_at_address(const struct router *rt)
{
    return rt->whole && rt->whole_reached ? rt->whole : rt;
}

void router_add_docs(struct router *rt)
{
    router_add(rt, docs_routes, NULL);
}

void router_add_session(struct router *rt)
{
    router_add(rt, session_routes, rt);
}

struct router *router_new(const struct router_options *opt, struct err *e)
{
    struct router *rt = mem_alloc(sizeof(*rt));

    if (!rt)
        out_of_memory();
    memset(rt, 0, sizeof(*rt));
    if (policy_setup(rt, opt, e)) {
        router_free(rt);
        return NULL;
    }
    return rt;
}

void router_free(struct router *rt)
{
    size_t i;

    if (!rt)
        return;
    for (i = 0; i < rt->n_rows; i++)
        mem_free(rt->rows[i]);
    mem_free(rt->rows);
    free_kids(&rt->root);
    policy_release(rt);
    mem_free(rt);
}

/* ---- one request ---- */

/* "GET, HEAD, OPTIONS": what a path answers to. */
static const char *allowed(struct exchange *x, const struct node *n)
{
    char text[64];
    size_t len = 0;
    int m;

    for (m = 0; m < HTTP_OTHER; m++)
        if (n->by_method[m] || (m == HTTP_HEAD && n->by_method[HTTP_GET]) ||
            m == HTTP_OPTIONS)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
                                    len ? ", " : "",
                                    http_method_name((enum http_method)m));
    return arena_printf(x->r.arena, "%s", text);
}

static void answer_options(struct exchange *x, const struct node *n)
{
    struct slice wanted =
        request_header(&x->r, "Access-Control-Request-Method");
    const char *allow = allowed(x, n);
    const struct match *m = NULL;
    int k;

    for (k = 0; k < HTTP_OTHER; k++)
        if (n->by_method[k] &&
            (!m || slice_is(wanted, http_method_name((enum http_method)k))))
            m = n->by_method[k];
    policy_cors(x, m->route->policy);
    reply_empty(&x->r, 204);
    if (allow)
        reply_header(&x->r, "Allow", allow);
    if (!wanted.p || !x->cors || !allow)
        return;
    reply_header(&x->r, "Access-Control-Allow-Methods", allow);
    reply_header(&x->r, "Access-Control-Allow-Headers",
                 "Authorization, Content-Type, Idempotency-Key, "
                 "If-None-Match");
    reply_header(&x->r, "Access-Control-Max-Age", "600");
}

static void answer_no_method(struct exchange *x, const struct node *n)
{
    const char *allow = allowed(x, n), *msg;
    int m;

    for (m = 0; m < HTTP_OTHER; m++)
        if (n->by_method[m])
            x->envelope = n->by_method[m]->route->envelope;
    if (x->envelope == ENVELOPE_DRF)
        msg = arena_printf(x->r.arena, "Method \"%.*s\" not allowed.",
                           SLICE_ARG(x->head.method_text));
    else
        msg = arena_printf(x->r.arena,
                           "method %.*s is not allowed here; allowed: %s",
                           SLICE_ARG(x->head.method_text), allow);
    reply_problem(x, 405, NULL, msg ? msg : "method not allowed");
    if (allow)
        reply_header(&x->r, "Allow", allow);
}

void reply_not_found(struct exchange *x)
{
    reply_problem(x, 404, NULL,
                  x->envelope == ENVELOPE_DRF ? "Not found." : "not found");
}

/* No row of ours: is it one of a service that runs elsewhere? */
static void answer_no_path(struct exchange *x, struct slice path)
{
    const struct router *rt = x->router;
    const struct node *n =
        rt->whole ? walk(&rt->whole->root, path, x, 0) : NULL;
    const struct match *m = NULL;
    struct buf msg;

    for (int k = 0; n && k < HTTP_OTHER; k++)
        if (n->by_method[k])
            m = n->by_method[k];
    if (!m) {
        reply_not_found(x);
        return;
    }
    x->envelope = m->route->envelope;
    policy_cors(x, m->route->policy);
    buf_init(&msg, 300);
    buf_printf(&msg, "the service '%s' does not run in this process, which has",
               m->service);
    for (size_t i = 0; i < rt->n_services; i++)
        buf_printf(&msg, "%s '%s'", i ? "," : "", rt->services[i]);
    reply_problem(x, 404, NULL, buf_ok(&msg) ? msg.p : "not found");
    buf_release(&msg);
}

/* Must a body come with this row? */
static bool needs_body(const struct route *row)
{
    const struct param *p;

    if (row->raw_body)
        return true;
    for (p = row->params; p && p->name; p++)
        if (p->in == IN_BODY && p->required)
            return true;
    return false;
}

static bool is_json_type(struct slice type, bool or_text)
{
    struct slice name, param;

    if (!slice_split(&type, ';', &name))
        return false;
    name = slice_trim(name);
    if (!slice_is_nocase(name, "application/json") &&
        !(or_text && slice_is_nocase(name, "text/plain")) &&
        !(name.len > 5 &&
          slice_is_nocase(slice_sub(name, name.len - 5, name.len), "+json")))
        return false;
    while (slice_split(&type, ';', &param)) {
        param = slice_trim(param);
        if (param.len >= 8 &&
            slice_is_nocase(slice_sub(param, 0, 8), "charset=") &&
            !slice_is_nocase(slice_sub(param, 8, param.len), "utf-8") &&
            !slice_is_nocase(slice_sub(param, 8, param.len), "\"utf-8\""))
            return false;
    }
    return true;
}

/* false: a reply is ready. */
static bool check_type(struct exchange *x, const struct route *row)
{
    struct slice type = request_header(&x->r, "Content-Type");

    if (row->raw_body || (row->form_body ? multipart_is(type)
                                         : is_json_type(type, row->text_body)))
        return true;
    reply_problem(x, 415, "Content-Type",
                  row->form_body ? "the body must be a form: send "
                                   "Content-Type: multipart/form-data"
                                 : "the body must be JSON: send "
                                   "Content-Type: application/json");
    return false;
}

/* What the head tells about the body.  false: a reply is ready. */
static bool admit_body(struct exchange *x, const struct route *row)
{
    int64_t length = x->head.content_length;
    bool sends = row->method != HTTP_GET;
    const char *msg;

    x->max_body = row->max_body ? row->max_body : sends ? DEFAULT_MAX_BODY : 0;
    if (row->method == HTTP_POST && length < 0 && !x->head.chunked &&
        needs_body(row)) {
        reply_problem(x, 411, NULL,
                      "a body is needed: send it with Content-Length or "
                      "chunked");
        /* who forgets the length may send the body all the same, and that
         * must not be read as a request */
        x->keep_alive = false;
        return false;
    }
    if (length > 0 && (uint64_t)length > x->max_body) {
        msg = arena_printf(x->r.arena,
                           "the body is larger than the %zu bytes that are "
                           "taken here",
                           x->max_body);
        reply_problem(x, 413, NULL, msg ? msg : "the body is too large");
        return false;
    }
    if ((length > 0 || x->head.chunked) && sends)
        return check_type(x, row);
    return true;
}

static void admit_route(struct exchange *x, const struct node *n)
{
    enum http_method m = x->r.method == HTTP_HEAD ? HTTP_GET : x->r.method;
    const struct match *match;

    if (m == HTTP_OPTIONS) {
        answer_options(x, n);
        return;
    }
    match = m < HTTP_OTHER ? n->by_method[m] : NULL;
    if (!match) {
        answer_no_method(x, n);
        return;
    }
    x->envelope = match->route->envelope;
    x->match = match;
    x->r.route = match->route;
    x->r.ctx = match->ctx;
    policy_cors(x, match->route->policy);
    if (policy_route(x, match->route))
        (void)admit_body(x, match->route);
}

void router_admit(struct exchange *x)
{
    struct request *r = &x->r;
    const struct node *n;
    struct slice path;
    struct err e = {0};

    r->method = x->head.method;
    r->headers = x->head.headers;
    r->n_headers = x->head.n_headers;
    r->query = x->head.query;
    r->raw_path = x->head.path;
    if (slice_is(x->head.path, "*")) {
        reply_empty(r, 204);
        reply_header(r, "Allow",
                     "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        return;
    }
    if (slice_starts(x->head.path, "/api/v2"))
        x->envelope = ENVELOPE_CHROMA;
    else if (slice_starts(x->head.path, "/api/"))
        x->envelope = ENVELOPE_DRF;
    else if (slice_starts(x->head.path, "/v1/"))
        x->envelope = ENVELOPE_OPENAI;
    if (uri_path(r->arena, x->head.path, &r->path, &e)) {
        reply_err(x, &e);
        return;
    }
    if (!policy_host(x))
        return;
    path = r->path.len > 1 ? slice_sub(r->path, 1, r->path.len) : SLICE_NONE;
    n = walk(&x->router->root, path, x, 0);
    if (n)
        admit_route(x, n);
    else
        answer_no_path(x, path);
}

void router_run(struct exchange *x)
{
    struct err e = {0};
    enum err_code rc = params_check(x, &e);

    if (!rc)
        rc = x->r.route->handle(&x->r, &e);
    if (x->parked || x->guest_ops) {
        assert(!rc);
        return;
    }
    if (x->streaming) {
        x->stream_failed = rc && x->r.method != HTTP_HEAD;
        return;
    }
    if (rc) {
        e.code = rc;
        reply_err(x, &e);
    } else if (!x->reply.status) {
        (void)err_set(&e, ERR_INTERNAL, "the handler gave no reply");
        reply_err(x, &e);
    }
    reply_finish(x);
}
