/* eio.c - sessions of Engine.IO: life, heartbeat, sending, ending.
 *
 *     LIVE -> ENDING -> freed                      (WebSocket, or broken)
 *                  `--> LEAVING -> freed           (polling without a held GET)
 *
 * One rule keeps this simple: during a turn of the loop sessions are only
 * marked (eio_touch); at its end, before the loop waits, settle() sends, tells
 * and frees.  So no caller finds a session gone under its hands, ten messages
 * to one client cost one system call, and a GET carries all that a turn said.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "socketio/eio_impl.h"

#define FLUSHED 256    /* clients whose messages leave together */
#define LEAVE_MS 10000 /* for a polling client to fetch the close packet */

static void settle_all(struct server_hook *h);

/* ---- the engine ---- */

static const struct param params[] = {
    {.name = "EIO",
     .type = PARAM_STR,
     .doc = "Version of the protocol: 4.",
     .example = "4"},
    {.name = "transport",
     .type = PARAM_STR,
     .doc = "`polling` or `websocket`.",
     .example = "polling"},
    {.name = "sid",
     .type = PARAM_STR,
     .doc = "The session, from the reply to the first request."},
    {0},
};

static const struct route rows[] = {
    {HTTP_GET, NULL, eio_handle, POLICY_READ, ON_LOOP, ENVELOPE_ENGINE, params,
     .open_query = true, .tag = "Live",
     .summary = "Socket.IO: open a session, poll, or become a WebSocket",
     .media = "text/plain",
     .doc = "Engine.IO 4 and Socket.IO 5, for the official clients."},
    {HTTP_POST, NULL, eio_handle, POLICY_READ, ON_LOOP, ENVELOPE_ENGINE, params,
     .raw_body = true, .open_query = true, .tag = "Live",
     .summary = "Socket.IO: packets from a polling client",
     .media = "text/html"},
    {HTTP_PUT, NULL, eio_handle, POLICY_READ, ON_LOOP, ENVELOPE_ENGINE, params,
     .raw_body = true, .open_query = true, .hidden = true},
    {HTTP_PATCH, NULL, eio_handle, POLICY_READ, ON_LOOP, ENVELOPE_ENGINE,
     params, .raw_body = true, .open_query = true, .hidden = true},
    {HTTP_DELETE, NULL, eio_handle, POLICY_READ, ON_LOOP, ENVELOPE_ENGINE,
     params, .open_query = true, .hidden = true},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

struct eio *eio_new(const struct eio_options *opt)
{
    struct eio *e = mem_need(sizeof(*e));
    struct eio_options *o;
    size_t i;

    e->opt = *opt;
    o = &e->opt;
    o->path = o->path ? o->path : "/socket.io/";
    o->ping_interval_ms = o->ping_interval_ms ? o->ping_interval_ms : 25000;
    o->ping_timeout_ms = o->ping_timeout_ms ? o->ping_timeout_ms : 20000;
    o->upgrade_timeout_ms =
        o->upgrade_timeout_ms ? o->upgrade_timeout_ms : 10000;
    o->max_payload = o->max_payload ? o->max_payload : 1000000;
    o->max_waiting = o->max_waiting ? o->max_waiting : 1 << 20;
    o->max_sessions = o->max_sessions ? o->max_sessions : 100000;
    o->max_sessions_per_ip =
        o->max_sessions_per_ip ? o->max_sessions_per_ip : o->max_sessions;
    e->hook.run = settle_all;
    names_init(&e->sessions);
    names_init(&e->addresses);
    buf_init(&e->scratch, o->max_payload);
    e->sender = sender_new(true);
    for (i = 0; i < N_ROWS; i++) {
        e->rows[i] = rows[i];
        e->rows[i].pattern = o->path;
        e->rows[i].vouches = eio_vouches;
    }
    e->rows[1].max_body = o->max_payload;
    return e;
}

const struct route *eio_routes(const struct eio *e)
{
    return e->rows;
}

void eio_start(struct eio *e, struct server *s)
{
    e->server = s;
    server_before_wait(s, &e->hook);
}

struct server *eio_server(const struct eio *e)
{
    return e->server;
}

const struct eio_options *eio_options(const struct eio *e)
{
    return &e->opt;
}

void eio_stats(const struct eio *e, struct eio_stats *out)
{
    *out = (struct eio_stats){
        .sessions = atomic_load(&e->n_sessions),
        .sessions_total = atomic_load(&e->sessions_total),
        .sent_total = atomic_load(&e->sent_total),
        .received_total = atomic_load(&e->received_total),
        .slow_total = atomic_load(&e->slow_total),
    };
}

void *eio_owner(const struct eio_session *s)
{
    return s->owner;
}

bool eio_authorized(const struct eio_session *s)
{
    return s->authorized;
}

static void count(_Atomic int64_t *n, int64_t by)
{
    atomic_fetch_add_explicit(n, by, memory_order_relaxed);
}

/* ---- life of a session ---- */

static void on_timer(struct server_timer *t);

int64_t eio_now(const struct eio *e)
{
    return (int64_t)uv_now(server_loop(e->server));
}

static void arm_ping(struct eio_session *s)
{
    const struct eio_options *o = &s->engine->opt;

    s->pong_due = false;
    s->dead_at_ms =
        eio_now(s->engine) + o->ping_interval_ms + o->ping_timeout_ms;
    server_timer_set(s->engine->server, &s->timer, o->ping_interval_ms);
}

/* The address's text stands behind its name's entry. */
static struct eio_address *find_address(const struct eio *e, struct slice text)
{
    return (struct eio_address *)names_find(&e->addresses, text);
}

bool eio_has_room(const struct eio *e, const struct request *r)
{
    const struct eio_address *a = find_address(e, r->client);

    return !a || a->n < e->opt.max_sessions_per_ip;
}

static struct eio_address *enter_address(struct eio *e, struct slice text)
{
    struct eio_address *a = find_address(e, text);

    if (!a) {
        a = mem_need(sizeof(*a) + text.len);
        memcpy(a->text, text.p, text.len);
        names_add(&e->addresses, &a->by_text,
                  (struct slice){a->text, text.len});
    }
    a->n++;
    return a;
}

static void leave_address(struct eio *e, struct eio_address *a)
{
    if (--a->n > 0)
        return;
    names_remove(&e->addresses, &a->by_text);
    mem_free(a);
}

static void make_sid(struct eio_session *s)
{
    const char *name = s->engine->opt.name;
    int n = name && *name ? snprintf(s->sid, sizeof(s->sid), "%s.", name) : 0;

    assert(n >= 0 && n <= EIO_NAME + 1);
    crypto_token(s->sid + n, EIO_SID);
}

struct eio_session *eio_session_new(struct eio *e, struct request *r,
                                    struct ws *w)
{
    struct eio_session *s = mem_need(sizeof(*s));
    struct ws_message *m;

    s->engine = e;
    s->address = enter_address(e, r->client);
    s->authorized = r->authorized;
    s->timer.fire = on_timer;
    make_sid(s);
    names_add(&e->sessions, &s->by_sid, slice_of(s->sid));
    count(&e->n_sessions, 1);
    count(&e->sessions_total, 1);
    arm_ping(s);
    if (w) {
        s->ws = w;
        s->is_ws = true;
        ws_set_owner(w, &eio_ws_events, s);
        m = eio_open_packet(s);
        ws_send(w, m);
        ws_message_unref(m);
        eio_touch(s);
    }
    s->owner = e->opt.opened(s, e->opt.ctx);
    return s;
}

struct ws_message *eio_open_packet(const struct eio_session *s)
{
    const struct eio_options *o = &s->engine->opt;
    struct ws_message *m;
    struct slice text;
    struct buf b;
    struct jw j;

    buf_init(&b, 1000);
    buf_add_char(&b, EIO_OPEN);
    jw_init(&j, &b);
    jw_obj(&j);
    jw_kstr(&j, "sid", s->sid);
    jw_key(&j, "upgrades");
    jw_arr(&j);
    if (!s->is_ws)
        jw_str(&j, "websocket");
    jw_end_arr(&j);
    jw_kint(&j, "pingInterval", o->ping_interval_ms);
    jw_kint(&j, "pingTimeout", o->ping_timeout_ms);
    jw_kint(&j, "maxPayload", (int64_t)o->max_payload);
    jw_end_obj(&j);
    text = buf_slice(&b);
    m = ws_message_new(WS_TEXT, &text, 1);
    buf_release(&b);
    return m;
}

static void free_session(struct eio_session *s)
{
    struct eio *e = s->engine;

    assert(!s->ws && !s->get && !s->candidate && !s->dirty);
    if (e->server)
        server_timer_cancel(e->server, &s->timer);
    names_remove(&e->sessions, &s->by_sid);
    leave_address(e, s->address);
    ws_queue_release(&s->queue);
    count(&e->n_sessions, -1);
    mem_free(s);
}

void eio_touch(struct eio_session *s)
{
    if (s->dirty)
        return;
    s->dirty = true;
    s->next_dirty = s->engine->dirty;
    s->engine->dirty = s;
}

void eio_end(struct eio_session *s, const char *why, bool cut)
{
    if (s->state == EIO_LEAVING && cut)
        s->state = EIO_ENDING; /* not even the close packet */
    else if (s->state != EIO_LIVE)
        return;
    s->state = EIO_ENDING;
    s->cut = cut;
    s->why = why;
    eio_touch(s);
}

void eio_close(struct eio_session *s, const char *why)
{
    eio_end(s, why, false);
}

void eio_drop_candidate(struct eio_session *s)
{
    struct eio_candidate *c = s->candidate;

    if (!c)
        return;
    s->candidate = NULL;
    server_timer_cancel(s->engine->server, &c->timer);
    if (c->ws)
        ws_close(c->ws, 0);
    mem_free(c);
}

/* ---- sending ---- */

static void queue_text(struct eio_session *s, const char *packet)
{
    struct slice text = slice_of(packet);
    struct ws_message *m = ws_message_new(WS_TEXT, &text, 1);

    if (s->ws)
        ws_send(s->ws, m);
    else
        ws_queue_push(&s->queue, m);
    ws_message_unref(m);
    eio_touch(s);
}

static size_t waiting(const struct eio_session *s)
{
    return s->ws ? ws_queued(s->ws) : s->queue.bytes;
}

/* Is there room for `more` bytes?  What was said in this turn has not been
 * offered to the kernel yet: it counts only after that. */
static bool has_room(struct eio_session *s, size_t more)
{
    size_t max = s->engine->opt.max_waiting;

    if (waiting(s) > 0 && waiting(s) + more > max && s->ws)
        ws_flush(s->ws);
    return s->state == EIO_LIVE &&
           (waiting(s) == 0 || waiting(s) + more <= max);
}

void eio_send(struct eio_session *s, struct ws_message *m)
{
    if (s->state != EIO_LIVE)
        return;
    if (!has_room(s, m->len)) {
        if (s->state == EIO_LIVE)
            count(&s->engine->slow_total, 1);
        eio_end(s, "transport error", true);
        return;
    }
    count(&s->engine->sent_total, 1);
    if (s->ws)
        ws_send(s->ws, m);
    else
        ws_queue_push(&s->queue, m);
    eio_touch(s);
}

bool eio_writable(const struct eio_session *s)
{
    if (s->state != EIO_LIVE)
        return false;
    return s->ws ? ws_writable(s->ws) : s->get && !s->candidate;
}

bool eio_take_queue(struct eio_session *s, struct buf *out)
{
    uint32_t i;

    for (i = 0; i < s->queue.n; i++) {
        struct ws_message *m = ws_queue_at(&s->queue, i);

        eio_payload_add(out, m->opcode == WS_BINARY, ws_message_payload(m));
    }
    ws_queue_release(&s->queue);
    if (out->len > 0) /* the close packet has a reply of its own: the clients
                         would act on it before what comes with it */
        return true;
    if (s->state == EIO_ENDING || s->state == EIO_LEAVING)
        eio_payload_add(out, false, s->by_client ? SLICE("6") : SLICE("1"));
    else if (s->candidate && s->candidate->probed)
        eio_payload_add(out, false, SLICE("6")); /* or the upgrade stalls */
    return out->len > 0;
}

/* ---- heartbeat ---- */

static void on_timer(struct server_timer *t)
{
    struct eio_session *s = (struct eio_session *)t;

    if (s->state == EIO_LEAVING) {
        eio_end(s, s->why, true);
    } else if (s->state == EIO_ENDING) {
        return;
    } else if (s->pong_due) {
        eio_end(s, "ping timeout", true);
    } else {
        s->pong_due = true;
        queue_text(s, "2");
        server_timer_set(s->engine->server, t, s->engine->opt.ping_timeout_ms);
    }
}

/* ---- receiving ---- */

void eio_receive_bytes(struct eio_session *s, struct slice data)
{
    if (s->state != EIO_LIVE)
        return;
    count(&s->engine->received_total, 1);
    s->engine->opt.message(s, false, data);
}

void eio_receive(struct eio_session *s, struct eio_packet p)
{
    if (s->state != EIO_LIVE)
        return;
    switch (p.type) {
    case EIO_MESSAGE:
        count(&s->engine->received_total, 1);
        s->engine->opt.message(s, true, p.data);
        break;
    case EIO_PONG:
        arm_ping(s);
        break;
    case EIO_CLOSE:
        s->by_client = true;
        eio_end(s, "transport close", false);
        break;
    case EIO_OPEN:
    case EIO_UPGRADE:
    case EIO_NOOP:
        break; /* the official server lets them pass */
    case EIO_PING:
        eio_end(s, "transport error", false); /* in version 4 we ping */
        break;
    default:
        eio_end(s, "parse error", false);
        break;
    }
}

void eio_use_ws(struct eio_session *s, struct ws *w)
{
    uint32_t i;

    s->ws = w;
    s->is_ws = true;
    for (i = 0; i < s->queue.n; i++)
        ws_send(w, ws_queue_at(&s->queue, i));
    ws_queue_release(&s->queue);
    if (s->pong_due) /* the answer may be lost with the old transport */
        arm_ping(s);
    eio_touch(s);
}

/* ---- the end of a turn ---- */

static void tell(struct eio_session *s)
{
    if (s->told)
        return;
    s->told = true;
    s->engine->opt.closed(s, s->why);
}

/* The last words, as far as there is somebody to hear them. */
static void end_session(struct eio_session *s)
{
    struct ws *w = s->ws;

    tell(s);
    eio_drop_candidate(s);
    s->ws = NULL;
    if (w && s->cut)
        ws_cut(w);
    else if (w)
        ws_close(w, 0);
    if (s->cut || s->by_client)
        ws_queue_release(&s->queue);
    if (s->get && s->queue.n > 0)
        eio_answer_get(s);
    if (!s->is_ws && !s->cut && !s->by_client && !s->get) {
        s->state = EIO_LEAVING;
        server_timer_set(s->engine->server, &s->timer, LEAVE_MS);
        return;
    }
    if (s->get)
        eio_answer_get(s);
    free_session(s);
}

static void settle(struct eio_session *s)
{
    if (s->state == EIO_ENDING) {
        end_session(s);
        return;
    }
    if (s->candidate)
        ws_flush(s->candidate->ws);
    if (s->ws)
        ws_flush(s->ws);
    else if (s->get &&
             (s->queue.n > 0 || (s->candidate && s->candidate->probed)))
        eio_answer_get(s);
}

static void close_refused(struct eio *e)
{
    struct eio_candidate *c;

    while ((c = e->refused)) {
        e->refused = c->next;
        if (c->ws)
            ws_close(c->ws, 0);
        mem_free(c);
    }
}

/* Those that have nothing but messages to send, as in a broadcast, first and
 * together.  Nothing is freed meanwhile: a client that turns out to be gone is
 * only marked, like anyone else. */
static void flush_all(struct eio *e)
{
    struct ws *some[FLUSHED];
    struct eio_session *s;
    size_t n = 0;

    for (s = e->dirty; s; s = s->next_dirty) {
        if (s->state == EIO_LIVE && s->ws && !s->candidate)
            some[n++] = s->ws;
        if (n == FLUSHED || (!s->next_dirty && n > 0)) {
            ws_flush_many(e->sender, some, n);
            n = 0;
        }
    }
}

static void settle_all(struct server_hook *h)
{
    struct eio *e = (struct eio *)h;
    struct eio_session *s;

    close_refused(e);
    flush_all(e);
    while ((s = e->dirty)) {
        e->dirty = s->next_dirty;
        s->dirty = false;
        settle(s);
    }
}

/* ---- stopping ---- */

struct eio_session *eio_session_of(struct name_entry *t)
{
    return (struct eio_session *)((char *)t -
                                  offsetof(struct eio_session, by_sid));
}

void eio_stop(struct eio *e)
{
    uint32_t i;
    struct name_entry *t;

    e->stopped = true;
    for (i = 0; i < e->sessions.n_chains; i++)
        for (t = e->sessions.chains[i]; t; t = t->next)
            eio_end(eio_session_of(t), "server shutting down", false);
    settle_all(&e->hook);
}

void eio_free(struct eio *e)
{
    struct name_entry *t;
    struct eio_session *s;

    if (!e)
        return;
    e->server = NULL; /* and its connections with it */
    close_refused(e);
    while ((t = names_any(&e->sessions))) {
        s = eio_session_of(t);
        s->state = EIO_ENDING;
        s->why = s->why ? s->why : "server shutting down";
        s->dirty = false;
        tell(s);
        free_session(s);
    }
    names_release(&e->sessions);
    names_release(&e->addresses);
    buf_release(&e->scratch);
    sender_free(e->sender);
    mem_free(e);
}
