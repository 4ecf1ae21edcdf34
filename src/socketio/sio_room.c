/* sio_room.c - rooms, and messages to many.
 *
 * A socket's own room (its id) is not kept as one: the table of sockets is
 * asked when no room has the name.  That a socket is in two rooms that are both
 * addressed is noticed by a mark, a number that each broadcast takes anew.
 */
#include <string.h>

#include "base/mem.h"
#include "net/redis.h"
#include "socketio/sio_impl.h"

static struct sio_room *find_room(struct sio_namespace *ns, struct slice name)
{
    return (struct sio_room *)names_find(&ns->rooms, name); /* stands first */
}

static struct sio_room *new_room(struct sio_namespace *ns, struct slice name)
{
    struct sio_room *room = mem_need(sizeof(*room) + name.len);

    if (name.len > 0)
        memcpy(room->name, name.p, name.len);
    names_add(&ns->rooms, &room->by_name, (struct slice){room->name, name.len});
    return room;
}

void sio_join(struct sio_socket *s, struct slice name)
{
    struct sio_room *room = find_room(s->ns, name);
    struct sio_member *m;

    if (s->gone)
        return;
    for (m = s->rooms; m; m = m->next_room)
        if (m->room == room)
            return;
    if (!room)
        room = new_room(s->ns, name);
    m = mem_need(sizeof(*m));
    *m = (struct sio_member){.next = room->members,
                             .prev = &room->members,
                             .next_room = s->rooms,
                             .socket = s,
                             .room = room};
    if (m->next)
        m->next->prev = &m->next;
    room->members = m;
    s->rooms = m;
}

/* Take the first of a socket's memberships away. */
static void drop_member(struct sio_member **at)
{
    struct sio_member *m = *at;
    struct sio_room *room = m->room;

    *at = m->next_room;
    *m->prev = m->next;
    if (m->next)
        m->next->prev = m->prev;
    if (!room->members) {
        names_remove(&m->socket->ns->rooms, &room->by_name);
        mem_free(room);
    }
    mem_free(m);
}

void sio_leave(struct sio_socket *s, struct slice name)
{
    struct sio_room *room = find_room(s->ns, name);
    struct sio_member **at;

    for (at = &s->rooms; *at; at = &(*at)->next_room) {
        if ((*at)->room == room) {
            drop_member(at);
            return;
        }
    }
}

void sio_leave_all(struct sio_socket *s)
{
    while (s->rooms)
        drop_member(&s->rooms);
}

/* ---- broadcast ---- */

struct visiting {
    sio_visit *visit; /* NULL: only mark */
    void *ctx;
};

static void visit_unmarked(struct sio_socket *s, const struct visiting *v)
{
    if (s->mark == s->ns->mark)
        return;
    s->mark = s->ns->mark;
    if (v->visit)
        v->visit(s, v->ctx);
}

static void visit_room(struct sio_namespace *ns, struct slice name,
                       const struct visiting *v)
{
    struct sio_room *room = find_room(ns, name);
    struct sio_socket *own = room ? NULL : sio_find(ns, name);
    struct sio_member *m;

    if (own)
        visit_unmarked(own, v);
    for (m = room ? room->members : NULL; m; m = m->next)
        visit_unmarked(m->socket, v);
}

void sio_each(struct sio_namespace *ns, const struct sio_target *to,
              sio_visit *visit, void *ctx)
{
    struct visiting none = {NULL, NULL}, v = {visit, ctx};
    struct sio_socket *s;
    size_t i;

    ns->mark++;
    if (to->sender)
        to->sender->mark = ns->mark;
    for (i = 0; i < to->n_except; i++)
        visit_room(ns, to->except[i], &none);
    for (i = 0; i < to->n_rooms; i++)
        visit_room(ns, to->rooms[i], &v);
    for (s = to->n_rooms ? NULL : ns->first; s; s = s->peer)
        visit_unmarked(s, &v);
}

bool sio_has_room(struct sio_namespace *ns, struct slice name)
{
    return find_room(ns, name) || sio_find(ns, name);
}

bool sio_is_heard(const struct sio_namespace *ns, const struct sio_target *to)
{
    return ns->first || (ns->bus && !to->local && redis_is_up(ns->bus->redis));
}

struct sending {
    struct sio_frames frames;
    bool is_volatile;
};

static void send(struct sio_socket *s, void *ctx)
{
    const struct sending *sending = ctx;

    sio_send_frames(s, &sending->frames, sending->is_volatile);
}

void sio_broadcast(struct sio_namespace *ns, const struct sio_target *to,
                   const struct sio_message *m)
{
    static const struct sio_target everybody;
    struct sending sending = {.is_volatile = m->is_volatile};

    to = to ? to : &everybody;
    if (ns->bus && !to->local)
        sio_bus_publish(ns, to, m);
    if (!ns->first)
        return;
    sio_encode(&sending.frames, SIO_EVENT, ns, false, 0, m);
    sio_each(ns, to, send, &sending);
    sio_drop_frames(&sending.frames);
}
