/* sio_socket.c - a client in a namespace: sending, acks, leaving. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "socketio/sio_impl.h"

/* ---- life ---- */

struct sio_socket *sio_socket_new(struct sio_client *c,
                                  struct sio_namespace *ns)
{
    struct sio_socket *s = mem_need(sizeof(*s));

    s->ns = ns;
    s->client = c;
    crypto_token(s->id, SIO_ID);
    return s;
}

void sio_socket_enter(struct sio_socket *s)
{
    struct sio_namespace *ns = s->ns;

    s->next = s->client->sockets;
    s->client->sockets = s;
    s->peer = ns->first;
    s->prev = &ns->first;
    if (s->peer)
        s->peer->prev = &s->peer;
    ns->first = s;
    names_add(&ns->sockets, &s->by_id, (struct slice){s->id, SIO_ID});
}

/* The client owes this no more. */
static void end_wait(struct sio_wait *w, enum err_code rc,
                     const struct sio_event *ev)
{
    struct sio_wait **at = &w->socket->waits;
    struct server *server = w->socket->ns->sio->server;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (server)
        server_timer_cancel(server, &w->timer);
    w->acked(w->ctx, rc, ev);
    mem_free(w);
}

void sio_socket_gone(struct sio_socket *s, const char *why)
{
    struct sio_namespace *ns = s->ns;
    struct sio_socket **at = &s->client->sockets;

    if (s->gone)
        return;
    s->gone = true;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    *s->prev = s->peer;
    if (s->peer)
        s->peer->prev = s->prev;
    names_remove(&ns->sockets, &s->by_id);
    sio_leave_all(s);
    while (s->waits)
        end_wait(s->waits, ERR_CANCELLED, NULL);
    if (ns->on.disconnected)
        ns->on.disconnected(s, why, ns->on.ctx);
    s->next = ns->sio->dead;
    ns->sio->dead = s;
}

const char *sio_id(const struct sio_socket *s)
{
    return s->id;
}

struct sio_socket *sio_find(struct sio_namespace *ns, struct slice id)
{
    struct name_entry *t = names_find(&ns->sockets, id);

    return t ? (struct sio_socket *)t : NULL; /* it stands first */
}

void sio_set_user(struct sio_socket *s, void *user)
{
    s->user = user;
}

void *sio_user(const struct sio_socket *s)
{
    return s->user;
}

size_t sio_count(const struct sio_namespace *ns)
{
    return ns->sockets.n;
}

/* ---- sending ---- */

void sio_encode(struct sio_frames *out, enum sio_type type,
                const struct sio_namespace *ns, bool has_id, uint64_t id,
                const struct sio_message *m)
{
    struct buf b;
    struct jw j;
    struct slice text;
    size_t i;

    if (m->n_attachments > 0)
        type = type == SIO_ACK ? SIO_BINARY_ACK : SIO_BINARY_EVENT;
    buf_init(&b, JSON_MAX_BYTES);
    sio_packet_head(&b, type, m->n_attachments, slice_of(ns->name), has_id, id);
    jw_init(&j, &b);
    jw_arr(&j);
    if (type == SIO_EVENT || type == SIO_BINARY_EVENT)
        jw_slice(&j, m->event);
    if (m->args.len > 0)
        jw_raw(&j, m->args);
    jw_end_arr(&j);
    if (!buf_ok(&b)) {
        log_error("live", "out of memory");
        abort();
    }
    text = buf_slice(&b);
    out->n = 0;
    out->m[out->n++] = ws_message_new(WS_TEXT, &text, 1);
    buf_release(&b);
    for (i = 0; i < m->n_attachments && i < SIO_MAX_ATTACHMENTS; i++)
        out->m[out->n++] = ws_message_new(WS_BINARY, &m->attachments[i], 1);
}

void sio_send_frames(struct sio_socket *s, const struct sio_frames *f,
                     bool is_volatile)
{
    size_t i;

    if (s->gone || (is_volatile && !eio_writable(s->client->session)))
        return;
    for (i = 0; i < f->n; i++)
        eio_send(s->client->session, f->m[i]);
}

void sio_drop_frames(struct sio_frames *f)
{
    while (f->n > 0)
        ws_message_unref(f->m[--f->n]);
}

void sio_send_text(struct sio_client *c, struct slice text)
{
    struct ws_message *m = ws_message_new(WS_TEXT, &text, 1);

    eio_send(c->session, m);
    ws_message_unref(m);
}

static void send_one(struct sio_socket *s, enum sio_type type, bool has_id,
                     uint64_t id, const struct sio_message *m)
{
    struct sio_frames f;

    sio_encode(&f, type, s->ns, has_id, id, m);
    sio_send_frames(s, &f, m->is_volatile);
    sio_drop_frames(&f);
}

void sio_emit(struct sio_socket *s, const struct sio_message *m)
{
    send_one(s, SIO_EVENT, false, 0, m);
}

static void ack_late(struct server_timer *t)
{
    end_wait((struct sio_wait *)t, ERR_TIMEOUT, NULL);
}

void sio_emit_ack(struct sio_socket *s, const struct sio_message *m,
                  int timeout_ms, sio_acked *acked, void *ctx)
{
    struct sio_wait *w;

    if (s->gone) {
        acked(ctx, ERR_CANCELLED, NULL);
        return;
    }
    w = mem_need(sizeof(*w));
    w->timer.fire = ack_late;
    w->socket = s;
    w->id = s->next_ack++;
    w->acked = acked;
    w->ctx = ctx;
    w->next = s->waits;
    s->waits = w;
    server_timer_set(s->ns->sio->server, &w->timer, timeout_ms);
    send_one(s, SIO_EVENT, true, w->id, m);
}

void sio_socket_acked(struct sio_socket *s, const struct sio_packet *p,
                      const struct sio_event *ev)
{
    struct sio_wait *w = s->waits;

    while (w && w->id != p->id)
        w = w->next;
    if (w && p->has_id)
        end_wait(w, ERR_NONE, ev);
}

void sio_ack(struct sio_socket *s, uint64_t ack_id, const struct sio_message *m)
{
    send_one(s, SIO_ACK, true, ack_id, m);
}

void sio_disconnect(struct sio_socket *s, bool close)
{
    struct sio_client *c = s->client;
    struct buf b;

    if (s->gone)
        return;
    buf_init(&b, 1 << 16);
    sio_packet_head(&b, SIO_DISCONNECT, 0, slice_of(s->ns->name), false, 0);
    sio_send_text(c, buf_slice(&b));
    buf_release(&b);
    sio_socket_gone(s, "server namespace disconnect");
    if (close)
        eio_close(c->session, "forced server close");
}
