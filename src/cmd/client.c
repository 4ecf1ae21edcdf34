/* client.c - see client.h. */
#include "cmd/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cmd/app.h"
#include "cmd/secrets.h"
#include "net/http_client.h"

#define TIMEOUT_MS 60000

struct client {
    struct http_client *http;
    struct app *app; /* when no server was running */
    char url[256];
    char auth[160];
    int64_t timeout_ms;
    bool (*cancelled)(void *ctx);
    void *cancelled_ctx;
};

/* Serve the directory ourselves. */
static enum err_code start_app(struct client *cl, const struct config *c,
                               struct err *e)
{
    enum err_code rc = app_open(&cl->app, c, "127.0.0.1:0", false, e);

    if (rc == ERR_NONE)
        rc = app_start(cl->app, e);
    if (rc == ERR_NONE)
        snprintf(cl->url, sizeof(cl->url), "%s", app_url(cl->app));
    return rc;
}

/* The server that the setting names; without a token one can still read. */
static enum err_code far_server(struct client *cl, const struct config *c,
                                char token[128], struct err *e)
{
    const char *url = config_str(c, "server_url");
    size_t n = strlen(url);
    struct datadir d;
    enum err_code rc;

    while (n > 0 && url[n - 1] == '/')
        n--;
    if (n >= sizeof(cl->url))
        return err_field(e, "server_url", "server_url is too long");
    snprintf(cl->url, sizeof(cl->url), "%.*s", (int)n, url);
    rc = datadir_find(&d, c, e);
    if (rc == ERR_NONE)
        rc = secrets_token(token, c, &d, e);
    if (rc == ERR_NOT_FOUND) {
        token[0] = '\0';
        rc = ERR_NONE;
    }
    return rc;
}

/* The one on the data directory. */
static enum err_code near_server(struct client *cl, const struct config *c,
                                 bool may_start, char token[128], struct err *e)
{
    struct datadir d;
    enum err_code rc;

    if ((rc = datadir_find(&d, c, e)) != ERR_NONE ||
        (rc = datadir_running(&d, cl->url, sizeof(cl->url), e)) != ERR_NONE)
        return rc;
    if (!*cl->url && !may_start)
        return err_set(e, ERR_NOT_FOUND,
                       "no server runs on '%s'; \"sheaf serve\" starts one",
                       d.path);
    if (!*cl->url && (rc = start_app(cl, c, e)) != ERR_NONE)
        return rc;
    return secrets_token(token, c, &d, e);
}

static enum err_code open_client(struct client **out, const struct config *c,
                                 bool may_start, struct err *e)
{
    struct client *cl = calloc(1, sizeof(*cl));
    char token[128];
    enum err_code rc;

    if (!cl)
        abort();
    cl->timeout_ms = TIMEOUT_MS;
    rc = *config_str(c, "server_url") ? far_server(cl, c, token, e)
                                      : near_server(cl, c, may_start, token, e);
    if (rc != ERR_NONE)
        goto out;
    if (*token)
        snprintf(cl->auth, sizeof(cl->auth), "Authorization: Bearer %s", token);
    cl->http = http_client_new("sheaf-cli");
    if (!cl->http) {
        rc = err_set(e, ERR_INTERNAL, "cannot start the HTTP client");
        goto out;
    }
    *out = cl;
    cl = NULL;
out:
    client_close(cl);
    return rc;
}

enum err_code client_open(struct client **out, const struct config *c,
                          struct err *e)
{
    return open_client(out, c, true, e);
}

enum err_code client_attach(struct client **out, const struct config *c,
                            struct err *e)
{
    return open_client(out, c, false, e);
}

void client_close(struct client *c)
{
    if (!c)
        return;
    http_client_free(c->http);
    app_close(c->app);
    free(c);
}

const char *client_url(const struct client *c)
{
    return c->url;
}

void client_set_patience(struct client *c, int64_t timeout_ms,
                         bool (*cancelled)(void *ctx), void *ctx)
{
    c->timeout_ms = timeout_ms;
    c->cancelled = cancelled;
    c->cancelled_ctx = ctx;
}

/* The server's own words: {"error":...}, {"detail":...} or {"message":...}. */
static enum err_code refused(const struct http_answer *a, struct err *e)
{
    enum err_code code = a->status == 404 ? ERR_NOT_FOUND : ERR_INVALID;
    json_t *o = NULL;
    struct slice text = SLICE_NONE;

    if (json_parse(&o, buf_slice(&a->body), NULL) == ERR_NONE) {
        text = json_get_slice(o, "error");
        if (text.len == 0)
            text = json_get_slice(o, "detail");
        if (text.len == 0)
            text = json_get_slice(o, "message");
    }
    if (a->status >= 500)
        code = ERR_UNAVAILABLE;
    if (text.len > 0)
        err_set(e, code, "%.*s", SLICE_ARG(text));
    else
        err_set(e, code, "the server answered %d", a->status);
    json_decref(o);
    return code;
}

/* What every exchange has: address, token, type of what is sent. */
struct sending {
    char url[4096], type[128];
    const char *headers[3];
    struct http_fetch f;
};

static enum err_code begin(struct sending *s, const struct client *c,
                           const char *method, const char *path,
                           const char *type, struct slice body, struct err *e)
{
    int n = snprintf(s->url, sizeof(s->url), "%s%s", c->url, path);
    size_t n_headers = 0;

    if (n < 0 || (size_t)n >= sizeof(s->url))
        return err_set(e, ERR_INVALID, "the request is too long");
    s->headers[0] = s->headers[1] = s->headers[2] = NULL;
    if (*c->auth)
        s->headers[n_headers++] = c->auth;
    if (body.len > 0) {
        snprintf(s->type, sizeof(s->type), "Content-Type: %s",
                 type ? type : "application/json");
        s->headers[n_headers++] = s->type;
    }
    s->f = (struct http_fetch){
        .method = method,
        .url = s->url,
        .headers = s->headers,
        .body = body,
        .timeout_ms = c->timeout_ms,
        .connect_timeout_ms = 5000,
        .max_body = CLIENT_REPLY_MAX,
        .cancelled = c->cancelled,
        .ctx = c->cancelled_ctx,
    };
    return ERR_NONE;
}

static bool is_success(const struct http_answer *a)
{
    return a->status >= 200 && a->status <= 299;
}

enum err_code client_send(struct client *c, const char *method,
                          const char *path, const char *type, struct slice body,
                          struct buf *reply, struct err *e)
{
    struct http_answer a = {.status = 0};
    struct sending s;
    enum err_code rc = begin(&s, c, method, path, type, body, e);

    if (rc != ERR_NONE || (rc = http_fetch(c->http, &s.f, &a, e)) != ERR_NONE)
        return rc;
    if (!is_success(&a))
        rc = refused(&a, e);
    else if (reply)
        buf_add_slice(reply, buf_slice(&a.body));
    http_answer_release(&a);
    if (rc == ERR_NONE && reply && !buf_ok(reply))
        rc = err_set(e, ERR_TOO_LARGE, "the reply is too large");
    return rc;
}

static enum err_code feed(void *ctx, struct slice piece, struct err *e)
{
    return sse_feed(ctx, piece, e);
}

enum err_code client_events(struct client *c, const char *path,
                            struct slice body, sse_on_event *on_event,
                            void *ctx, struct err *e)
{
    struct http_answer a = {.status = 0};
    struct sending s;
    struct sse events;
    enum err_code rc = begin(&s, c, "POST", path, NULL, body, e);

    if (rc != ERR_NONE)
        return rc;
    sse_init(&events, CLIENT_REPLY_MAX, on_event, ctx);
    s.f.timeout_ms = 0;
    s.f.silence_timeout_ms = TIMEOUT_MS;
    s.f.on_body = feed;
    s.f.cancelled = NULL; /* it would get our ctx */
    s.f.ctx = &events;
    rc = http_fetch(c->http, &s.f, &a, e);
    if (rc == ERR_NONE)
        rc = is_success(&a) ? sse_end(&events, e) : refused(&a, e);
    sse_release(&events);
    http_answer_release(&a);
    return rc;
}

enum err_code client_json(struct client *c, const char *method,
                          const char *path, struct slice body, json_t **out,
                          struct err *e)
{
    struct buf reply;
    enum err_code rc;

    buf_init(&reply, CLIENT_REPLY_MAX);
    rc = client_send(c, method, path, NULL, body, &reply, e);
    if (rc == ERR_NONE && out)
        rc = json_parse(out, buf_slice(&reply), e);
    buf_release(&reply);
    return rc;
}

enum err_code client_get(struct client *c, struct buf *path, json_t **out,
                         struct err *e)
{
    enum err_code rc = buf_ok(path)
                           ? client_json(c, "GET", path->p, SLICE_NONE, out, e)
                           : err_set(e, ERR_INVALID, "the request is too long");

    buf_release(path);
    return rc;
}

void client_query(struct buf *path, const char *name, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    struct slice so_far = buf_slice(path);

    buf_add_char(path, slice_find_byte(so_far, '?') < 0 ? '?' : '&');
    buf_add_str(path, name);
    buf_add_char(path, '=');
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
            (*p >= 'A' && *p <= 'Z') || strchr("-._~", *p)) {
            buf_add_char(path, (char)*p);
        } else {
            char out[3] = {'%', hex[*p >> 4], hex[*p & 15]};

            buf_add(path, out, 3);
        }
    }
}
