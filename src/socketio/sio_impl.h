/* sio_impl.h - the inside of Socket.IO: socketio.c (server, namespaces),
 * sio_client.c (what clients send), sio_socket.c (sockets), sio_room.c (rooms,
 * broadcasts). */
#ifndef SOCKETIO_SIO_IMPL_H
#define SOCKETIO_SIO_IMPL_H

#include "base/buf.h"
#include "net/ws_message.h"
#include "socketio/eio.h"
#include "socketio/msgpack.h"
#include "socketio/sio_packet.h"
#include "socketio/socketio.h"
#include "socketio/names.h"

#define SIO_ID 20 /* the Redis adapter takes names of 20 for private rooms */

/* A binary packet whose attachments are on their way. */
struct sio_pending {
    char *text; /* packet, owned; `packet` points into it */
    struct sio_packet packet;
    struct buf bytes; /* attachments, one after the other */
    size_t ends[SIO_MAX_ATTACHMENTS];
    uint32_t n;
};

/* One session; owner of its eio_session. */
struct sio_client {
    struct server_timer timer; /* to join a namespace; first: they convert */
    struct sio *sio;
    struct eio_session *session;
    struct sio_socket *sockets; /* one for each namespace joined */
    struct sio_pending *pending;
};

/* An ack that the client owes. */
struct sio_wait {
    struct server_timer timer; /* first, so that the two convert */
    struct sio_wait *next;
    struct sio_socket *socket;
    uint64_t id;
    sio_acked *acked;
    void *ctx;
};

struct sio_room {
    struct name_entry by_name;
    struct sio_member *members;
    char name[];
};

/* One socket in one room. */
struct sio_member {
    struct sio_member *next, **prev; /* of the room */
    struct sio_member *next_room;    /* of the socket */
    struct sio_socket *socket;
    struct sio_room *room;
};

struct sio_socket {
    struct name_entry by_id;
    struct sio_namespace *ns;
    struct sio_client *client;
    struct sio_socket *next;         /* of the client; of the dead */
    struct sio_socket *peer, **prev; /* of the namespace */
    struct sio_member *rooms;
    struct sio_wait *waits;
    void *user;
    uint64_t next_ack;
    uint32_t mark; /* of the broadcast that has seen it last */
    char id[SIO_ID + 1];
    bool gone; /* left; freed at the end of the turn */
};

struct sio_namespace {
    struct sio *sio;
    struct sio_namespace *next;
    struct sio_handlers on;
    struct names sockets, rooms;
    struct sio_socket *first;
    struct sio_bus *bus; /* NULL: no other servers */
    uint32_t mark;
    char name[];
};

/* What other servers say about one namespace, and we to them. */
struct sio_bus {
    struct sio_namespace *ns;
    struct redis *redis;
    struct arena *arena; /* of the message at hand */
    struct buf text;     /* the same */
    struct msgpack_parts parts;
    char uid[7];
    char *broadcast, *request, *response; /* channels, owned */
};

struct sio {
    struct server_hook hook; /* first, so that the two convert */
    struct eio *eio;
    struct server *server;
    struct redis *redis; /* NULL: no other servers */
    struct sio_options opt;
    struct sio_namespace *namespaces;
    struct sio_socket *dead;
};

/* A packet ready to send: its text, then its attachments. */
struct sio_frames {
    struct ws_message *m[1 + SIO_MAX_ATTACHMENTS];
    size_t n;
};

/* sio_client.c */
void *sio_client_opened(struct eio_session *session, void *ctx);
void sio_client_message(struct eio_session *session, bool text,
                        struct slice data);
void sio_client_closed(struct eio_session *session, const char *why);

/* sio_socket.c */
struct sio_socket *sio_socket_new(struct sio_client *c,
                                  struct sio_namespace *ns);
/* It is in the namespace from now. */
void sio_socket_enter(struct sio_socket *s);
void sio_socket_gone(struct sio_socket *s, const char *why);
void sio_socket_free(struct sio_socket *s);
void sio_socket_acked(struct sio_socket *s, const struct sio_packet *p,
                      const struct sio_event *ev);
/* type: EVENT or ACK; made binary where there are attachments. */
void sio_encode(struct sio_frames *out, enum sio_type type,
                const struct sio_namespace *ns, bool has_id, uint64_t id,
                const struct sio_message *m);
void sio_send_frames(struct sio_socket *s, const struct sio_frames *f,
                     bool is_volatile);
void sio_drop_frames(struct sio_frames *f);
/* Send text that is a whole packet. */
void sio_send_text(struct sio_client *c, struct slice text);

/* sio_room.c */
void sio_leave_all(struct sio_socket *s);
/* Each socket that a broadcast would reach, once.  visit() must not change who
 * is where. */
typedef void sio_visit(struct sio_socket *s, void *ctx);
void sio_each(struct sio_namespace *ns, const struct sio_target *to,
              sio_visit *visit, void *ctx);
/* Is anybody here in it?  Sockets' own rooms count. */
bool sio_has_room(struct sio_namespace *ns, struct slice name);

/* sio_bus.c */
void sio_bus_publish(struct sio_namespace *ns, const struct sio_target *to,
                     const struct sio_message *m);
void sio_bus_free(struct sio_bus *bus); /* takes NULL */
/* Of redis_subscribe(), with the bus as ctx. */
void sio_bus_came(void *ctx, struct slice channel, struct slice message);
void sio_bus_came_request(void *ctx, struct slice channel,
                          struct slice message);
/* Parts of messages, packed.  What comes out borrows from the message and from
 * the bus, for as long as the message is at hand.  false: it is not for us, or
 * malformed. */
bool sio_bus_packet(const struct sio_bus *bus, struct slice packet,
                    struct slice *data);
/* `data` of a packet as an event and as a message to send. */
bool sio_bus_message(struct sio_bus *bus, struct slice data,
                     struct sio_event *ev, struct sio_message *out);
bool sio_bus_target(struct sio_bus *bus, struct slice opts,
                    struct sio_target *to, struct slice *flags);
/* The values of a map, packed; SLICE_NONE for those that it has not. */
bool sio_bus_fields(struct slice map, const char *const *names,
                    struct slice *values, size_t n);

/* sio_request.c */
void sio_bus_request(struct sio_bus *bus, struct slice text);

#endif
