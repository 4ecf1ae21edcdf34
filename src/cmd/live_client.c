/* live_client.c - see live_client.h.
 *
 * Polls one after the other, on one connection: what the server says comes with
 * the answer of a GET, and what we have to say (that we join, that we are still
 * there) goes out before the next one.
 */
#include "cmd/live_client.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "socketio/eio_payload.h"
#include "socketio/sio_packet.h"

#define MAX_SID 200
#define MAX_WAIT_MS 3600000
#define ANSWER_MS 10000 /* for an answer that is not waited for */

struct session {
    struct live_client *l;
    char target[1000]; /* path and query */
    int64_t patience_ms;
    bool owes_pong;
};

static enum err_code odd(struct err *e)
{
    return err_set(e, ERR_INTERNAL, "the server says what no live server says");
}

/* ---- requests ---- */

static enum err_code get(struct session *s, int64_t timeout_ms,
                         struct buf *reply, struct err *e)
{
    const struct live_client *l = s->l;

    client_set_patience(l->client, timeout_ms, l->stopped, l->ctx);
    return client_send(l->client, "GET", s->target, NULL, SLICE_NONE, reply, e);
}

static enum err_code say(struct session *s, struct slice packet, struct err *e)
{
    const struct live_client *l = s->l;

    client_set_patience(l->client, ANSWER_MS, l->stopped, l->ctx);
    return client_send(l->client, "POST", s->target, "text/plain;charset=UTF-8",
                       packet, NULL, e);
}

/* ---- the handshake ---- */

static void set_target(struct session *s, const char *sid)
{
    struct buf b;

    buf_init(&b, sizeof(s->target) - 1);
    buf_add_str(&b, s->l->path);
    client_query(&b, "EIO", "4");
    client_query(&b, "transport", "polling");
    if (sid)
        client_query(&b, "sid", sid);
    snprintf(s->target, sizeof(s->target), "%s", buf_ok(&b) ? b.p : "/");
    buf_release(&b);
}

static int64_t bounded(int64_t ms)
{
    return ms < 1 ? 1 : ms > MAX_WAIT_MS ? MAX_WAIT_MS : ms;
}

static enum err_code read_open(struct session *s, struct slice json,
                               struct err *e)
{
    json_t *o = NULL;
    struct slice sid;
    enum err_code rc = json_parse(&o, json, e);

    if (rc != ERR_NONE)
        return odd(e);
    sid = json_get_slice(o, "sid");
    if (sid.len == 0 || sid.len > MAX_SID) {
        rc = odd(e);
    } else {
        set_target(s, sid.p); /* jansson ends it with a NUL */
        s->patience_ms = bounded(json_get_int(o, "pingInterval", 25000)) +
                         bounded(json_get_int(o, "pingTimeout", 20000));
    }
    json_decref(o);
    return rc;
}

static enum err_code handshake(struct session *s, struct err *e)
{
    struct eio_packet p;
    struct slice rest;
    struct buf reply;
    enum err_code rc;

    set_target(s, NULL);
    buf_init(&reply, CLIENT_REPLY_MAX);
    rc = get(s, ANSWER_MS, &reply, e);
    if (rc == ERR_NOT_FOUND)
        err_set(e, rc,
                "there are no live events: the server's setting 'services' "
                "does not hold analytics");
    rest = buf_slice(&reply);
    if (rc == ERR_NONE && (!utf8_valid(rest) || !eio_payload_next(&rest, &p) ||
                           p.type != EIO_OPEN))
        rc = odd(e);
    if (rc == ERR_NONE)
        rc = read_open(s, p.data, e);
    buf_release(&reply);
    return rc == ERR_NONE ? say(s, SLICE("40"), e) : rc;
}

/* ---- what it says ---- */

/* ["name", data, ...] */
static void pass_event(struct session *s, struct slice json)
{
    json_t *o = NULL;
    const json_t *name;

    if (json_parse(&o, json, NULL) == ERR_NONE) {
        name = json_array_get(o, 0);
        if (json_is_string(name))
            s->l->on_event(s->l->ctx,
                           (struct slice){json_string_value(name),
                                          json_string_length(name)},
                           json_array_get(o, 1));
    }
    json_decref(o);
}

static enum err_code refused(struct slice json, struct err *e)
{
    json_t *o = NULL;
    struct slice why = SLICE_NONE;

    if (json_parse(&o, json, NULL) == ERR_NONE)
        why = json_get_slice(o, "message");
    err_set(e, ERR_INVALID, "the server refuses us: %.*s", SLICE_ARG(why));
    json_decref(o);
    return ERR_INVALID;
}

static enum err_code take_message(struct session *s, struct slice text,
                                  struct err *e)
{
    struct sio_packet p;

    if (!sio_packet_read(text, &p, NULL))
        return odd(e);
    switch (p.type) {
    case SIO_CONNECT:
        s->l->joined = true;
        break;
    case SIO_EVENT:
        pass_event(s, p.json);
        break;
    case SIO_CONNECT_ERROR:
        return refused(p.json, e);
    case SIO_DISCONNECT:
        return err_set(e, ERR_UNAVAILABLE, "the server has sent us away");
    case SIO_ACK:
    case SIO_BINARY_EVENT: /* nothing of the product's */
    case SIO_BINARY_ACK:
        break;
    }
    return ERR_NONE;
}

static enum err_code take_payload(struct session *s, struct slice rest,
                                  struct err *e)
{
    enum err_code rc = utf8_valid(rest) ? ERR_NONE : odd(e);
    struct eio_packet p;

    while (rc == ERR_NONE && eio_payload_next(&rest, &p)) {
        if (p.type == EIO_PING)
            s->owes_pong = true;
        else if (p.type == EIO_MESSAGE)
            rc = take_message(s, p.data, e);
        else if (p.type == EIO_CLOSE)
            rc = err_set(e, ERR_UNAVAILABLE, "the server has gone");
        else if (p.type == EIO_BAD)
            rc = odd(e);
    }
    return rc;
}

static enum err_code poll_once(struct session *s, struct err *e)
{
    struct buf reply;
    enum err_code rc;

    buf_init(&reply, CLIENT_REPLY_MAX);
    rc = get(s, s->patience_ms, &reply, e);
    if (rc == ERR_NONE)
        rc = take_payload(s, buf_slice(&reply), e);
    buf_release(&reply);
    if (rc == ERR_NONE && s->owes_pong) {
        s->owes_pong = false;
        rc = say(s, SLICE("3"), e);
    }
    return rc;
}

enum err_code live_listen(struct live_client *l, struct err *e)
{
    struct session s = {.l = l};
    enum err_code rc;

    l->joined = false;
    rc = handshake(&s, e);
    while (rc == ERR_NONE)
        rc = poll_once(&s, e);
    return rc;
}
