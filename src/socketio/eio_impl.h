/* eio_impl.h - the inside of Engine.IO: eio.c (sessions) and eio_http.c (how
 * requests reach them) share it. */
#ifndef SOCKETIO_EIO_IMPL_H
#define SOCKETIO_EIO_IMPL_H

#include <stdatomic.h>

#include "net/ws.h"
#include "socketio/eio.h"
#include "socketio/eio_payload.h"
#include "socketio/names.h"

#define EIO_SID 20 /* random; before it may be a name and a dot */

enum eio_state {
    EIO_LIVE,
    EIO_ENDING, /* eio_close, or broken: settled at the end of the turn */
    EIO_LEAVING /* polling: the next GET gets the rest and the close packet */
};

/* A WebSocket that wants to take over from polling; or (session NULL) one that
 * is closed again at the end of the turn. */
struct eio_candidate {
    struct server_timer timer; /* first, so that the two convert */
    struct eio_session *session;
    struct eio_candidate *next;
    struct ws *ws;
    bool probed;
};

/* One address that clients come from. */
struct eio_address {
    struct name_entry by_text;
    size_t n; /* its sessions */
    char text[];
};

struct eio_session {
    struct server_timer timer; /* first, so that the two convert */
    struct name_entry by_sid;
    struct eio *engine;
    struct eio_address *address;
    void *owner;
    struct ws *ws; /* NULL: polling */
    struct eio_candidate *candidate;
    struct parked *get;    /* polling: the held GET */
    struct ws_queue queue; /* polling: for the next GET */
    struct eio_session *next_dirty;
    const char *why;
    int64_t dead_at_ms; /* without a pong */
    char sid[EIO_NAME + 1 + EIO_SID + 1];
    uint8_t state;
    bool dirty;
    bool pong_due;
    bool authorized;
    bool cut;       /* ENDING: do not try to send */
    bool is_ws;     /* is, or was */
    bool told;      /* `closed` was called */
    bool by_client; /* ENDING: the client said so */
};

struct eio {
    struct server_hook hook; /* first, so that the two convert */
    struct eio_options opt;
    struct server *server;
    struct route rows[6];
    struct names sessions, addresses;
    struct eio_session *dirty;
    struct eio_candidate *refused;
    struct buf scratch; /* base64 decoded */
    struct sender *sender;
    bool stopped;
    _Atomic int64_t n_sessions, sessions_total, sent_total, received_total;
    _Atomic int64_t slow_total;
};

/* eio.c */
int64_t eio_now(const struct eio *e); /* of the loop, ms */
struct eio_session *eio_session_of(struct name_entry *t);
/* May the client of this request have one more? */
bool eio_has_room(const struct eio *e, const struct request *r);
/* `w` is NULL for one that polls; it has its open packet queued. */
struct eio_session *eio_session_new(struct eio *e, struct request *r,
                                    struct ws *w);
struct ws_message *eio_open_packet(const struct eio_session *s);
/* Something is to be done for it at the end of this turn. */
void eio_touch(struct eio_session *s);
void eio_end(struct eio_session *s, const char *why, bool cut);
/* A packet has come, by whichever transport. */
void eio_receive(struct eio_session *s, struct eio_packet p);
void eio_receive_bytes(struct eio_session *s, struct slice data);
/* Write what a GET gets.  False: nothing is there yet. */
bool eio_take_queue(struct eio_session *s, struct buf *out);
/* The session is on a WebSocket from now. */
void eio_use_ws(struct eio_session *s, struct ws *w);
void eio_drop_candidate(struct eio_session *s);

/* eio_http.c */
extern const struct ws_events eio_ws_events;
enum err_code eio_handle(struct request *r, struct err *e);
/* For its route: whose handshake had the token need not send it again. */
bool eio_vouches(const struct request *r);
void eio_answer_get(struct eio_session *s);

#endif
