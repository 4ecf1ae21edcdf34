/* sio_client.c - what a client sends: joining, events, acks, attachments.
 *
 * Whatever the protocol does not allow ends the whole session, as with the
 * official server: after it nothing the client says can be trusted to mean what
 * it meant to say.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "socketio/sio_impl.h"

/* ---- life ---- */

static void joined_nothing(struct server_timer *t)
{
    eio_close(((struct sio_client *)t)->session, "forced close");
}

void *sio_client_opened(struct eio_session *session, void *ctx)
{
    struct sio_client *c = mem_need(sizeof(*c));

    c->sio = ctx;
    c->session = session;
    c->timer.fire = joined_nothing;
    server_timer_set(c->sio->server, &c->timer, c->sio->opt.connect_timeout_ms);
    return c;
}

static void drop_pending(struct sio_client *c)
{
    if (!c->pending)
        return;
    buf_release(&c->pending->bytes);
    mem_free(c->pending->text);
    mem_free(c->pending);
    c->pending = NULL;
}

void sio_client_closed(struct eio_session *session, const char *why)
{
    struct sio_client *c = eio_owner(session);

    while (c->sockets)
        sio_socket_gone(c->sockets, why);
    if (c->sio->server)
        server_timer_cancel(c->sio->server, &c->timer);
    drop_pending(c);
    mem_free(c);
}

static void violation(struct sio_client *c, const char *why)
{
    log_debug("live", "a client broke the protocol", LOG_S("why", why));
    eio_close(c->session, "parse error");
}

/* ---- joining ---- */

static struct sio_socket *find_socket(struct sio_client *c, struct slice name)
{
    struct sio_socket *s = c->sockets;

    while (s && !slice_is(name, s->ns->name))
        s = s->next;
    return s;
}

/* CONNECT with a sid, or CONNECT_ERROR with a message. */
static void answer_connect(struct sio_client *c, enum sio_type type,
                           struct slice nsp, const char *key, const char *text,
                           struct slice data)
{
    struct buf b;
    struct jw j;

    buf_init(&b, c->sio->opt.max_payload + data.len + 1000);
    sio_packet_head(&b, type, 0, nsp, false, 0);
    jw_init(&j, &b);
    jw_obj(&j);
    jw_kstr(&j, key, text);
    if (data.len > 0)
        jw_kraw(&j, "data", data);
    jw_end_obj(&j);
    if (buf_ok(&b))
        sio_send_text(c, buf_slice(&b));
    buf_release(&b);
}

static void join(struct sio_client *c, const struct sio_packet *p)
{
    struct sio_namespace *ns = sio_find_namespace(c->sio, p->nsp);
    struct sio_connect asks = {.auth = p->json,
                               .authorized = eio_authorized(c->session)};
    struct sio_socket *s;
    struct err e = {0};

    if (!ns) {
        answer_connect(c, SIO_CONNECT_ERROR, p->nsp, "message",
                       "Invalid namespace", SLICE_NONE);
        return;
    }
    s = sio_socket_new(c, ns);
    if (ns->on.admit && ns->on.admit(s, &asks, ns->on.ctx, &e)) {
        answer_connect(c, SIO_CONNECT_ERROR, p->nsp, "message", e.msg,
                       asks.data);
        mem_free(s);
        return;
    }
    server_timer_cancel(c->sio->server, &c->timer);
    sio_socket_enter(s);
    answer_connect(c, SIO_CONNECT, p->nsp, "sid", s->id, SLICE_NONE);
    if (ns->on.connected)
        ns->on.connected(s, ns->on.ctx);
}

/* ---- packets ---- */

static void deliver(struct sio_client *c, const struct sio_packet *p,
                    const struct slice *attachments)
{
    struct sio_socket *s = find_socket(c, p->nsp);
    struct sio_event ev = {.name = p->event,
                           .args = p->args,
                           .attachments = attachments,
                           .n_attachments = p->attachments,
                           .has_ack = p->has_id,
                           .ack_id = p->id};

    if (!s) {
        violation(c, "a packet for a namespace that was not joined");
        return;
    }
    if (p->type == SIO_ACK || p->type == SIO_BINARY_ACK)
        sio_socket_acked(s, p, &ev);
    else if (p->json.len > 0 && s->ns->on.event)
        s->ns->on.event(s, &ev, s->ns->on.ctx);
}

/* Keep a packet until its attachments are here. */
static void keep(struct sio_client *c, struct slice text)
{
    struct sio_pending *w = mem_need(sizeof(*w));

    w->text = mem_strndup(text.p, text.len);
    if (!w->text ||
        !sio_packet_read((struct slice){w->text, text.len}, &w->packet, NULL))
        abort(); /* it was read before */
    buf_init(&w->bytes, c->sio->opt.max_event);
    c->pending = w;
}

static void receive_text(struct sio_client *c, struct slice text)
{
    struct sio_packet p;
    const char *why = "text instead of an attachment";
    struct sio_socket *s;

    if (c->pending || !sio_packet_read(text, &p, &why)) {
        violation(c, why);
        return;
    }
    s = find_socket(c, p.nsp);
    if (p.type == SIO_CONNECT) {
        if (s)
            violation(c, "the namespace was joined before");
        else
            join(c, &p);
    } else if (p.type == SIO_DISCONNECT && s) {
        sio_socket_gone(s, "client namespace disconnect");
    } else if (p.attachments > 0 && s) {
        keep(c, text);
    } else {
        deliver(c, &p, NULL);
    }
}

static void receive_bytes(struct sio_client *c, struct slice data)
{
    struct sio_pending *w = c->pending;
    struct slice parts[SIO_MAX_ATTACHMENTS];
    uint32_t i;

    if (!w) {
        violation(c, "an attachment of nothing");
        return;
    }
    buf_add_slice(&w->bytes, data);
    if (!buf_ok(&w->bytes)) {
        violation(c, "the attachments are larger than max_event");
        return;
    }
    w->ends[w->n++] = w->bytes.len;
    if (w->n < w->packet.attachments)
        return;
    for (i = 0; i < w->n; i++)
        parts[i] =
            slice_sub(buf_slice(&w->bytes), i ? w->ends[i - 1] : 0, w->ends[i]);
    c->pending = NULL; /* deliver() may end the session */
    deliver(c, &w->packet, parts);
    c->pending = w;
    drop_pending(c);
}

void sio_client_message(struct eio_session *session, bool text,
                        struct slice data)
{
    struct sio_client *c = eio_owner(session);

    if (text)
        receive_text(c, data);
    else
        receive_bytes(c, data);
}
