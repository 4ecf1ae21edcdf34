/* sio_room.c - rooms, and messages to many.
 *
 * A socket's own room (its id) is not kept as one: the table of sockets is
 * asked when no room has the name.  That a socket is in two rooms that are both
 * addressed is noticed by a mark, a number that each broadcast takes anew.
 */
#include <string.h>

#include "base/mem.h"
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

static void send_unmarked(struct sio_socket *s, const struct sio_frames *f,
                          bool is_volatile)
{
    if (s->mark == s->ns->mark)
        return;
    s->mark = s->ns->mark;
    sio_send_frames(s, f, is_volatile);
}

/* f NULL: only mark. */
static void visit_room(struct sio_namespace *ns, struct slice name,
                       const struct sio_frames *f, bool is_volatile)
{
    static const struct sio_frames none;
    struct sio_room *room = find_room(ns, name);
    struct sio_socket *own = room ? NULL : sio_find(ns, name);
    struct sio_member *m;

    if (own)
        send_unmarked(own, f ? f : &none, is_volatile);
    for (m = room ? room->members : NULL; m; m = m->next)
        send_unmarked(m->socket, f ? f : &none, is_volatile);
}

void sio_broadcast(struct sio_namespace *ns, const struct sio_target *to,
                   const struct sio_message *m)
{
    static const struct sio_target everybody;
    struct sio_frames f;
    struct sio_socket *s;
    size_t i;

    to = to ? to : &everybody;
    if (!ns->first)
        return;
    sio_encode(&f, SIO_EVENT, ns, false, 0, m);
    ns->mark++;
    if (to->sender)
        to->sender->mark = ns->mark;
    for (i = 0; i < to->n_except; i++)
        visit_room(ns, to->except[i], NULL, false);
    for (i = 0; i < to->n_rooms; i++)
        visit_room(ns, to->rooms[i], &f, m->is_volatile);
    for (s = to->n_rooms ? NULL : ns->first; s; s = s->peer)
        send_unmarked(s, &f, m->is_volatile);
    sio_drop_frames(&f);
}
