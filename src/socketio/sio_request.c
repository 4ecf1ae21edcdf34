/* sio_request.c - what other servers ask of this one, over Redis.
 *
 * Requests are JSON objects, but for one that may hold bytes:
 *
 *     0  sockets in rooms          -> their ids
 *     1  all rooms                 -> their names
 *     2, 3, 4  join, leave, disconnect the sockets that are meant
 *     5  sockets, described        -> id, rooms, ...
 *     6  an event for servers      -> an answer, if one is asked for
 *     7  a broadcast with acks (MessagePack)
 *                                  -> 8, how many clients; then 9 for each
 *
 * Who asks waits until as many have answered as are subscribed to the channel
 * of requests, so each question is answered, even with nothing.  Sockets are
 * meant by {opts: {rooms, except}}, and of old by {sid}, which is answered.
 */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "net/redis.h"
#include "socketio/sio_impl.h"

#define MAX_ANSWER ((size_t)64 << 20)
#define MAX_ID 200         /* bytes of a request's id */
#define ACK_MS 5000        /* unless the request says how long */
#define ACK_MAX_MS 3600000 /* and at most */

enum kind {
    SOCKETS,
    ALL_ROOMS,
    JOIN,
    LEAVE,
    DISCONNECT,
    FETCH,
    SERVER_SIDE_EMIT,
    BROADCAST,
    CLIENT_COUNT,
    CLIENT_ACK
};

/* ---- answers ---- */

struct answer {
    struct sio_bus *bus;
    bool is_awaited;
    struct buf text;
    struct jw j;
};

static void begin_answer(struct answer *a, struct sio_bus *bus, struct slice id)
{
    a->bus = bus;
    a->is_awaited = id.len > 0;
    buf_init(&a->text, MAX_ANSWER);
    jw_init(&a->j, &a->text);
    jw_obj(&a->j);
    jw_kslice(&a->j, "requestId", a->is_awaited ? id : SLICE(""));
}

/* Nobody waits for an answer without an id. */
static void end_answer(struct answer *a)
{
    jw_end_obj(&a->j);
    if (buf_ok(&a->text) && a->is_awaited)
        redis_publish(a->bus->redis, slice_of(a->bus->response),
                      buf_slice(&a->text));
    buf_release(&a->text);
}

static void add_id(struct sio_socket *s, void *ctx)
{
    struct answer *a = ctx;

    jw_str(&a->j, s->id);
}

/* Who joined how is not kept (a client costs 1 kB), so of the handshake there
 * is its form alone. */
static void add_description(struct sio_socket *s, void *ctx)
{
    struct answer *a = ctx;
    struct sio_member *m;

    jw_obj(&a->j);
    jw_kstr(&a->j, "id", s->id);
    jw_kraw(&a->j, "handshake",
            SLICE("{\"headers\":{},\"query\":{},\"auth\":{}}"));
    jw_key(&a->j, "rooms");
    jw_arr(&a->j);
    jw_str(&a->j, s->id);
    for (m = s->rooms; m; m = m->next_room)
        jw_slice(&a->j, (struct slice){m->room->name, m->room->by_name.len});
    jw_end_arr(&a->j);
    jw_kraw(&a->j, "data", SLICE("{}"));
    jw_end_obj(&a->j);
}

static void answer_sockets(struct sio_bus *bus, struct slice id,
                           const struct sio_target *to, sio_visit *add)
{
    struct answer a;

    begin_answer(&a, bus, id);
    jw_key(&a.j, "sockets");
    jw_arr(&a.j);
    sio_each(bus->ns, to, add, &a);
    jw_end_arr(&a.j);
    end_answer(&a);
}

static void answer_rooms(struct sio_bus *bus, struct slice id)
{
    const struct names *tables[] = {&bus->ns->rooms, &bus->ns->sockets};
    struct name_entry *n;
    struct answer a;
    int i;

    begin_answer(&a, bus, id);
    jw_key(&a.j, "rooms");
    jw_arr(&a.j);
    for (i = 0; i < 2; i++)
        for (n = names_next(tables[i], NULL); n; n = names_next(tables[i], n))
            jw_slice(&a.j, (struct slice){n->key, n->len});
    jw_end_arr(&a.j);
    end_answer(&a);
}

/* ---- who is meant ---- */

/* A list of JSON, or none at all.  false: anything else, for a wrong list must
 * not become "everybody". */
static bool names_of(struct sio_bus *bus, const json_t *list,
                     const struct slice **out, size_t *n)
{
    size_t i, len = json_array_size(list);
    struct slice *names = arena_alloc(bus->arena, len * sizeof(*names));

    if (!names || (list && !json_is_array(list)))
        return false;
    for (i = 0; i < len; i++) {
        const json_t *v = json_array_get(list, i);

        if (json_is_string(v))
            names[i] =
                (struct slice){json_string_value(v), json_string_length(v)};
        else if (json_is_integer(v))
            names[i] = slice_of(arena_printf(bus->arena, "%lld",
                                             (long long)json_integer_value(v)));
        else
            return false;
    }
    *out = names;
    *n = len;
    return true;
}

static bool target_of(struct sio_bus *bus, const json_t *opts,
                      struct sio_target *to)
{
    *to = (struct sio_target){.local = true};
    return json_is_object(opts) &&
           names_of(bus, json_object_get(opts, "rooms"), &to->rooms,
                    &to->n_rooms) &&
           names_of(bus, json_object_get(opts, "except"), &to->except,
                    &to->n_except);
}

/* Sockets that are to be moved about, which sio_each() does not allow. */
struct picked {
    struct sio_socket **list;
    size_t n;
};

static void pick(struct sio_socket *s, void *ctx)
{
    struct picked *p = ctx;

    p->list[p->n++] = s;
}

/* ---- orders ---- */

static void obey(struct sio_bus *bus, enum kind kind, const json_t *request,
                 struct sio_socket *s)
{
    const struct slice *rooms;
    size_t n, i;

    if (kind == DISCONNECT) {
        sio_disconnect(s, json_is_true(json_object_get(request, "close")));
        return;
    }
    if (!names_of(bus, json_object_get(request, "rooms"), &rooms, &n))
        return;
    for (i = 0; i < n; i++) {
        if (kind == JOIN)
            sio_join(s, rooms[i]);
        else
            sio_leave(s, rooms[i]);
    }
}

/* {sid, room}: one socket, and who asks wants to know. */
static void obey_old(struct sio_bus *bus, enum kind kind, const json_t *request)
{
    struct sio_socket *s = sio_find(bus->ns, json_get_slice(request, "sid"));
    struct slice room = json_get_slice(request, "room");
    struct answer a;

    if (!s)
        return;
    if (kind == DISCONNECT)
        obey(bus, kind, request, s);
    else if (kind == JOIN)
        sio_join(s, room);
    else
        sio_leave(s, room);
    begin_answer(&a, bus, json_get_slice(request, "requestId"));
    end_answer(&a);
}

static void order(struct sio_bus *bus, enum kind kind, const json_t *request)
{
    const json_t *opts = json_object_get(request, "opts");
    struct picked p = {NULL, 0};
    struct sio_target to;
    size_t i;

    if (!opts) {
        obey_old(bus, kind, request);
        return;
    }
    p.list = arena_alloc(bus->arena, sio_count(bus->ns) * sizeof(*p.list));
    if (!p.list || !target_of(bus, opts, &to))
        return;
    sio_each(bus->ns, &to, pick, &p);
    for (i = 0; i < p.n; i++)
        obey(bus, kind, request, p.list[i]);
}

/* ---- events for servers ---- */

static void server_event(struct sio_bus *bus, const json_t *request)
{
    const json_t *data = json_object_get(request, "data");
    const struct sio_handlers *on = &bus->ns->on;
    struct sio_event ev = {.attachments = NULL};
    struct slice id = json_get_slice(request, "requestId");
    struct jw j;
    size_t i, name_len = 0;
    struct answer a;

    if (slice_is(json_get_slice(request, "uid"), bus->uid))
        return;
    buf_clear(&bus->text);
    for (i = 0; i < json_array_size(data); i++) {
        if (i > 0)
            buf_add_char(&bus->text, ',');
        jw_init(&j, &bus->text);
        jw_value(&j, json_array_get(data, i));
        name_len = i == 0 ? bus->text.len : name_len;
    }
    ev.name = slice_sub(buf_slice(&bus->text), 0, name_len);
    ev.args = slice_sub(buf_slice(&bus->text), name_len + 1, bus->text.len);
    if (on->server_event && i > 0 && buf_ok(&bus->text))
        on->server_event(&ev, on->ctx);
    if (id.len == 0)
        return;
    begin_answer(&a, bus, id);
    jw_kint(&a.j, "type", SERVER_SIDE_EMIT);
    jw_knull(&a.j, "data");
    end_answer(&a);
}

/* ---- broadcasts with acks ---- */

/* Clients that owe an ack to another server. */
struct asked {
    struct sio_bus *bus;
    size_t waiting;
    size_t id_len;
    char id[MAX_ID];
};

static void asked_done(struct asked *a)
{
    if (--a->waiting == 0)
        mem_free(a);
}

static void client_acked(void *ctx, enum err_code rc,
                         const struct sio_event *ev)
{
    struct asked *a = ctx;
    size_t pos = 0;
    struct buf b;

    if (rc == ERR_NONE) {
        buf_init(&b, MAX_ANSWER);
        msgpack_put_map(&b, 3);
        msgpack_put_str(&b, SLICE("type"));
        msgpack_put_int(&b, CLIENT_ACK);
        msgpack_put_str(&b, SLICE("requestId"));
        msgpack_put_str(&b, (struct slice){a->id, a->id_len});
        msgpack_put_str(&b, SLICE("packet"));
        (void)json_skip(ev->args, &pos); /* the first argument alone */
        msgpack_from_json(&b, slice_sub(ev->args, 0, pos), ev->attachments,
                          ev->n_attachments);
        if (buf_ok(&b))
            redis_publish(a->bus->redis, slice_of(a->bus->response),
                          buf_slice(&b));
        buf_release(&b);
    }
    asked_done(a);
}

struct asking {
    struct asked *asked;
    const struct sio_message *m;
    int timeout_ms;
};

static void ask_one(struct sio_socket *s, void *ctx)
{
    struct asking *asking = ctx;

    asking->asked->waiting++;
    sio_emit_ack(s, asking->m, asking->timeout_ms, client_acked, asking->asked);
}

static int timeout_of(struct slice flags)
{
    static const char *const names[] = {"timeout"};
    struct msgpack_value v;
    struct slice f[1];

    if (!flags.len || !sio_bus_fields(flags, names, f, 1) ||
        !msgpack_next(&f[0], &v) || v.type != MSGPACK_UINT)
        return ACK_MS;
    return v.u < ACK_MAX_MS ? (int)v.u : ACK_MAX_MS;
}

static void broadcast_with_ack(struct sio_bus *bus, struct slice id,
                               struct slice packet, struct slice opts)
{
    struct asking asking;
    struct sio_message m;
    struct sio_event ev;
    struct sio_target to;
    struct slice data, flags;
    struct answer a;

    if (!sio_bus_packet(bus, packet, &data) ||
        !sio_bus_target(bus, opts, &to, &flags) ||
        !sio_bus_message(bus, data, &ev, &m))
        return;
    asking =
        (struct asking){mem_need(sizeof(*asking.asked)), &m, timeout_of(flags)};
    *asking.asked = (struct asked){.bus = bus, .waiting = 1, .id_len = id.len};
    memcpy(asking.asked->id, id.p, id.len);
    sio_each(bus->ns, &to, ask_one, &asking);
    begin_answer(&a, bus, id);
    jw_kint(&a.j, "type", CLIENT_COUNT);
    jw_kint(&a.j, "clientCount", (int64_t)asking.asked->waiting - 1);
    end_answer(&a);
    asked_done(asking.asked);
}

static void packed_request(struct sio_bus *bus, struct slice text)
{
    static const char *const names[] = {"uid", "requestId", "type", "packet",
                                        "opts"};
    struct slice f[5];
    struct msgpack_value uid, id, type;

    if (sio_bus_fields(text, names, f, 5) && msgpack_next(&f[0], &uid) &&
        uid.type == MSGPACK_STR && !slice_is(uid.bytes, bus->uid) &&
        msgpack_next(&f[1], &id) && id.type == MSGPACK_STR &&
        id.bytes.len <= MAX_ID && msgpack_next(&f[2], &type) &&
        type.type == MSGPACK_UINT && type.u == BROADCAST)
        broadcast_with_ack(bus, id.bytes, f[3], f[4]);
}

/* ---- requests ---- */

static void request_of(struct sio_bus *bus, const json_t *request)
{
    enum kind kind = (enum kind)json_get_int(request, "type", -1);
    struct slice id = json_get_slice(request, "requestId");
    struct sio_target to = {.local = true};

    switch (kind) {
    case SOCKETS:
        if (names_of(bus, json_object_get(request, "rooms"), &to.rooms,
                     &to.n_rooms))
            answer_sockets(bus, id, &to, add_id);
        break;
    case ALL_ROOMS:
        answer_rooms(bus, id);
        break;
    case JOIN:
    case LEAVE:
    case DISCONNECT:
        order(bus, kind, request);
        break;
    case FETCH:
        if (target_of(bus, json_object_get(request, "opts"), &to))
            answer_sockets(bus, id, &to, add_description);
        break;
    case SERVER_SIDE_EMIT:
        server_event(bus, request);
        break;
    default:
        break;
    }
}

void sio_bus_request(struct sio_bus *bus, struct slice text)
{
    json_t *request;

    if (!slice_starts(text, "{")) {
        packed_request(bus, text);
        return;
    }
    if (json_parse(&request, text, NULL) != ERR_NONE)
        return;
    request_of(bus, request);
    json_decref(request);
}
