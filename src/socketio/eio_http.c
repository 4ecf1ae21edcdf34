/* eio_http.c - how requests and frames reach a session of Engine.IO.
 *
 * The checks come in the order of the official server, with its codes and
 * words: clients and people that debug them know these.
 *
 * Where we differ, on purpose.  A handshake of a page of another site is
 * refused (403) unless that site is in allowed_origins: a WebSocket is not
 * covered by CORS, so any page that a reader opens could listen.  A malformed
 * POST is answered with 400, not with "ok".
 */
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "net/http_uri.h"
#include "socketio/eio_impl.h"

/* ---- refusals ---- */

enum refusal {
    TRANSPORT_UNKNOWN,
    SESSION_UNKNOWN,
    BAD_HANDSHAKE_METHOD,
    BAD_REQUEST,
    FORBIDDEN,
    UNSUPPORTED_VERSION
};

static const char *const words[] = {
    "Transport unknown", "Session ID unknown", "Bad handshake method",
    "Bad request",       "Forbidden",          "Unsupported protocol version",
};

/* A WebSocket client gets text, as the official server gives it; both get JSON
 * where more is to be said than the usual words. */
static enum err_code refuse(struct request *r, enum refusal why,
                            const char *more)
{
    int status = why == FORBIDDEN ? 403 : 400;
    struct jw j;

    if (ws_wanted(r) && !more) {
        buf_add_str(reply_text(r, status, "text/plain"), words[why]);
        return ERR_NONE;
    }
    jw_init(&j, reply_json(r, status));
    jw_obj(&j);
    jw_kint(&j, "code", why);
    jw_kstr(&j, "message", more ? more : words[why]);
    jw_end_obj(&j);
    return ERR_NONE;
}

/* ---- polling ---- */

static struct buf *reply_packets(struct request *r)
{
    reply_momentary(r);
    return reply_text(r, 200, "text/plain; charset=UTF-8");
}

static void on_get_gone(void *ctx)
{
    struct eio_session *s = ctx;

    s->get = NULL;
    eio_end(s, "transport close", true);
}

void eio_answer_get(struct eio_session *s)
{
    struct request *r = parked_request(s->get);

    s->get = NULL;
    (void)eio_take_queue(s, reply_packets(r));
    request_answer(r);
}

static enum err_code poll(struct request *r, struct eio_session *s)
{
    bool last; /* it gets the close packet */

    if (s->get) {
        eio_end(s, "transport error", false);
        reply_empty(r, 400);
        return ERR_NONE;
    }
    last = s->state == EIO_LEAVING && s->queue.n == 0;
    if (eio_take_queue(s, reply_packets(r))) {
        if (last)
            eio_end(s, s->why, true);
        return ERR_NONE;
    }
    s->get = request_park(r, on_get_gone, s);
    return ERR_NONE;
}

/* A binary message of a payload.  The Java client wraps its lines. */
static void receive_base64(struct eio_session *s, struct slice text)
{
    struct buf *b = &s->engine->scratch;
    struct slice line;
    size_t n;

    buf_clear(b);
    while (slice_split(&text, '\n', &line))
        buf_add_slice(b, line);
    if (!buf_ok(b) ||
        !crypto_base64_decode((uint8_t *)b->p, &n, buf_slice(b))) {
        eio_end(s, "parse error", false);
        return;
    }
    eio_receive_bytes(s, (struct slice){b->p, n});
}

static void receive_payload(struct eio_session *s, struct slice body)
{
    struct eio_packet p;
    struct slice rest = body.p ? body : SLICE("");

    if (!utf8_valid(body)) {
        eio_end(s, "parse error", false);
        return;
    }
    while (s->state == EIO_LIVE && eio_payload_next(&rest, &p)) {
        if (p.type == EIO_BINARY)
            receive_base64(s, p.data);
        else
            eio_receive(s, p);
    }
}

static enum err_code post(struct request *r, struct eio_session *s)
{
    struct slice type = request_header(r, "Content-Type");

    if (slice_is(type, "application/octet-stream")) {
        eio_end(s, "transport error", false);
        return refuse(r, BAD_REQUEST, NULL);
    }
    if (s->state != EIO_LIVE) /* leaving */
        return refuse(r, SESSION_UNKNOWN, NULL);
    receive_payload(s, r->body);
    if (s->state == EIO_ENDING && strcmp(s->why, "parse error") == 0)
        return refuse(r, BAD_REQUEST, NULL);
    reply_momentary(r);
    buf_add_str(reply_text(r, 200, "text/html"), "ok");
    return ERR_NONE;
}

/* ---- WebSocket ---- */

static void on_message(void *owner, bool text, struct slice data)
{
    struct eio_session *s = owner;

    if (text)
        eio_receive(s, eio_packet_read(data, false));
    else
        eio_receive_bytes(s, data);
}

static void on_closed(void *owner, int code)
{
    struct eio_session *s = owner;

    s->ws = NULL;
    eio_end(s,
            code == WS_CLOSE_NO_CODE || code == WS_CLOSE_NORMAL ||
                    code == WS_CLOSE_GOING_AWAY
                ? "transport close"
                : "transport error",
            true);
}

const struct ws_events eio_ws_events = {on_message, on_closed};

static void candidate_message(void *owner, bool text, struct slice data)
{
    struct eio_candidate *c = owner;
    struct eio_session *s = c->session;
    struct slice answer = SLICE("3probe");
    struct ws_message *m;
    struct ws *w = c->ws;

    if (!s) /* refused */
        return;
    if (text && !c->probed && slice_is(data, "2probe")) {
        c->probed = true;
        m = ws_message_new(WS_TEXT, &answer, 1);
        ws_send(w, m);
        ws_message_unref(m);
        eio_touch(s);
        return;
    }
    if (!text || !c->probed || !slice_is(data, "5") || s->state != EIO_LIVE) {
        eio_drop_candidate(s);
        return;
    }
    if (s->get)
        eio_answer_get(s); /* with what waits, or "6" */
    c->ws = NULL;
    eio_drop_candidate(s);
    ws_set_owner(w, &eio_ws_events, s);
    eio_use_ws(s, w);
}

static void candidate_closed(void *owner, int code)
{
    struct eio_candidate *c = owner;

    (void)code;
    c->ws = NULL;
    if (c->session)
        eio_drop_candidate(c->session);
}

static void candidate_late(struct server_timer *t)
{
    eio_drop_candidate(((struct eio_candidate *)t)->session);
}

static const struct ws_events candidate_events = {candidate_message,
                                                  candidate_closed};

/* A WebSocket for a session that polls. */
static enum err_code upgrade(struct request *r, struct eio_session *s,
                             struct err *e)
{
    bool busy = s->is_ws || s->candidate || s->state != EIO_LIVE;
    struct eio_candidate *c;
    enum err_code rc;

    c = mem_need(sizeof(*c));
    *c = (struct eio_candidate){.session = busy ? NULL : s,
                                .timer.fire = candidate_late};
    rc = ws_accept(&c->ws, r, s->engine->opt.max_payload, &candidate_events, c,
                   e);
    if (rc) {
        mem_free(c);
        return refuse(r, BAD_REQUEST, e->msg);
    }
    if (busy) {
        c->next = s->engine->refused;
        s->engine->refused = c;
        return ERR_NONE;
    }
    s->candidate = c;
    server_timer_set(s->engine->server, &c->timer,
                     s->engine->opt.upgrade_timeout_ms);
    eio_touch(s);
    return ERR_NONE;
}

/* ---- the handshake ---- */

static enum err_code open_ws(struct request *r, struct eio *eng, struct err *e)
{
    struct ws *w;

    if (ws_accept(&w, r, eng->opt.max_payload, NULL, NULL, e))
        return refuse(r, BAD_REQUEST, e->msg);
    (void)eio_session_new(eng, r, w);
    return ERR_NONE;
}

static enum err_code open_polling(struct request *r, struct eio *eng)
{
    struct eio_session *s = eio_session_new(eng, r, NULL);
    struct ws_message *m = eio_open_packet(s);

    buf_add_slice(reply_packets(r), ws_message_payload(m));
    ws_message_unref(m);
    return ERR_NONE;
}

static enum err_code open_session(struct request *r, struct eio *eng,
                                  struct err *e)
{
    bool ws = slice_is(request_str(r, "transport"), "websocket");

    if (r->method != HTTP_GET)
        return refuse(r, BAD_HANDSHAKE_METHOD, NULL);
    if (ws != ws_wanted(r))
        return refuse(r, BAD_REQUEST, NULL);
    if (!slice_is(request_str(r, "EIO"), "4"))
        return refuse(r, UNSUPPORTED_VERSION, NULL);
    if (!request_origin_ok(r))
        return refuse(r, FORBIDDEN, NULL);
    if (eng->stopped || eng->sessions.n >= eng->opt.max_sessions)
        return err_set(e, ERR_UNAVAILABLE, "too many live sessions");
    if (!eio_has_room(eng, r))
        return err_set(e, ERR_LIMIT, "too many live sessions of this address");
    return ws ? open_ws(r, eng, e) : open_polling(r, eng);
}

static struct eio_session *find(struct eio *eng, struct slice sid)
{
    struct name_entry *t = names_find(&eng->sessions, sid);
    struct eio_session *s = t ? eio_session_of(t) : NULL;

    if (!s || s->state == EIO_ENDING)
        return NULL;
    if (s->state == EIO_LIVE && eio_now(eng) >= s->dead_at_ms) {
        eio_end(s, "ping timeout", true); /* its timer is coarse */
        return NULL;
    }
    return s;
}

/* As at the official server, where a check of `allowRequest` is one of the
 * handshake: not every client sends its headers with each poll. */
bool eio_vouches(const struct request *r)
{
    struct slice rest = r->query, name, value;
    const struct eio_session *s;

    while (uri_query_next(&rest, &name, &value)) {
        if (!slice_is(name, "sid"))
            continue;
        s = find(r->ctx, value);
        return s && s->authorized;
    }
    return false;
}

enum err_code eio_handle(struct request *r, struct err *e)
{
    struct slice transport = request_str(r, "transport");
    bool ws = slice_is(transport, "websocket");
    struct eio *eng = r->ctx;
    struct eio_session *s;

    reply_header(r, "Cache-Control", "no-store");
    if (!ws && !slice_is(transport, "polling"))
        return refuse(r, TRANSPORT_UNKNOWN, NULL);
    if (!request_has(r, "sid"))
        return open_session(r, eng, e);
    s = find(eng, request_str(r, "sid"));
    if (!s)
        return refuse(r, SESSION_UNKNOWN, NULL);
    if (ws != ws_wanted(r) || (!ws && s->is_ws) ||
        (r->method != HTTP_GET && r->method != HTTP_POST))
        return refuse(r, BAD_REQUEST, NULL);
    if (ws)
        return request_origin_ok(r) ? upgrade(r, s, e)
                                    : refuse(r, FORBIDDEN, NULL);
    return r->method == HTTP_POST ? post(r, s) : poll(r, s);
}
