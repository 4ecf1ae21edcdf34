/* sio_bus.c - broadcasts to and from other servers, over Redis.
 *
 * The format is that of @socket.io/redis-adapter 8 with classic channels, which
 * @socket.io/redis-emitter 5 speaks, too.  For the key K and a namespace N:
 *
 *     K#N#           broadcasts to many         MessagePack:
 *     K#N#room#      those to one room          [uid, packet, opts]
 *     K-request#N#   questions and orders       sio_request.c
 *     K-response#N#  answers
 *
 *     packet  {type: 2, data: [event, args...], nsp: N}
 *     opts    {rooms: [...], except: [...], flags: {volatile: true...}}
 *
 * A server tells its own messages by their uid.  It delivers them to its own
 * clients before it publishes them: Redis may be away.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/redis.h"
#include "socketio/sio_impl.h"

#define MAX_MESSAGE ((size_t)64 << 20)
#define MAX_NAMES 100000 /* rooms of one message */

/* ---- sending ---- */

static void put_names(struct buf *b, const struct slice *names, size_t n,
                      const struct sio_socket *also)
{
    msgpack_put_array(b, n + (also ? 1 : 0));
    for (size_t i = 0; i < n; i++)
        msgpack_put_str(b, names[i]);
    if (also)
        msgpack_put_str(b, slice_of(also->id));
}

static void put_packet(struct buf *b, const struct sio_namespace *ns,
                       const struct sio_message *m)
{
    struct buf text;
    struct jw j;

    buf_init(&text, MAX_MESSAGE);
    jw_init(&j, &text);
    jw_arr(&j);
    jw_slice(&j, m->event);
    if (m->args.len > 0)
        jw_raw(&j, m->args);
    jw_end_arr(&j);
    b->failed |= !buf_ok(&text);
    msgpack_put_map(b, 3);
    msgpack_put_str(b, SLICE("type"));
    msgpack_put_int(b, SIO_EVENT);
    msgpack_put_str(b, SLICE("data"));
    msgpack_from_json(b, buf_slice(&text), m->attachments, m->n_attachments);
    msgpack_put_str(b, SLICE("nsp"));
    msgpack_put_str(b, slice_of(ns->name));
    buf_release(&text);
}

static void put_opts(struct buf *b, const struct sio_target *to,
                     bool is_volatile)
{
    msgpack_put_map(b, 3);
    msgpack_put_str(b, SLICE("rooms"));
    put_names(b, to->rooms, to->n_rooms, NULL);
    msgpack_put_str(b, SLICE("except"));
    put_names(b, to->except, to->n_except, to->sender);
    msgpack_put_str(b, SLICE("flags"));
    msgpack_put_map(b, is_volatile);
    if (is_volatile) {
        msgpack_put_str(b, SLICE("volatile"));
        msgpack_put_bool(b, true);
    }
}

static bool pack(struct sio_namespace *ns, const struct sio_target *to,
                 const struct sio_message *m, struct buf *channel,
                 struct buf *message)
{
    msgpack_put_array(message, 3);
    msgpack_put_str(message, slice_of(ns->bus->uid));
    put_packet(message, ns, m);
    put_opts(message, to, m->is_volatile);
    buf_add_str(channel, ns->bus->broadcast);
    if (to->n_rooms == 1) {
        buf_add_slice(channel, to->rooms[0]);
        buf_add_char(channel, '#');
    }
    return buf_ok(message) && buf_ok(channel);
}

bool sio_pack(struct sio_namespace *ns, const struct sio_message *m,
              struct buf *channel, struct buf *message)
{
    return ns->bus &&
           pack(ns, &(struct sio_target){.rooms = NULL}, m, channel, message);
}

void sio_bus_publish(struct sio_namespace *ns, const struct sio_target *to,
                     const struct sio_message *m)
{
    struct redis *redis = ns->bus->redis;
    struct buf message, channel;

    if (!redis_is_up(redis))
        return;
    buf_init(&message, MAX_MESSAGE);
    buf_init(&channel, MAX_MESSAGE);
    if (pack(ns, to, m, &channel, &message))
        redis_publish(redis, buf_slice(&channel), buf_slice(&message));
    else
        log_warn("live", "a message does not fit for other servers");
    buf_release(&message);
    buf_release(&channel);
}

/* ---- reading ---- */

bool sio_bus_fields(struct slice map, const char *const *names,
                    struct slice *values, size_t n)
{
    struct msgpack_value head, key;
    size_t i, k;

    for (i = 0; i < n; i++)
        values[i] = SLICE_NONE;
    if (!msgpack_next(&map, &head) || head.type != MSGPACK_MAP)
        return false;
    for (k = 0; k < head.n; k++) {
        struct slice value;

        if (!msgpack_next(&map, &key) || key.type != MSGPACK_STR)
            return false;
        value = map;
        if (!msgpack_skip(&map))
            return false;
        value.len -= map.len;
        for (i = 0; i < n; i++)
            if (slice_is(key.bytes, names[i]))
                values[i] = value;
    }
    return true;
}

/* Rooms are texts, but JavaScript lets them be numbers, too. */
static bool read_name(struct sio_bus *bus, struct slice *rest,
                      struct slice *out)
{
    struct msgpack_value v;

    if (!msgpack_next(rest, &v))
        return false;
    if (v.type == MSGPACK_STR)
        *out = v.bytes;
    else if (v.type == MSGPACK_UINT)
        *out =
            slice_of(arena_printf(bus->arena, "%llu", (unsigned long long)v.u));
    else if (v.type == MSGPACK_INT)
        *out = slice_of(arena_printf(bus->arena, "%lld", (long long)v.i));
    else
        return false;
    return out->p != NULL;
}

static bool read_names(struct sio_bus *bus, struct slice packed,
                       const struct slice **out, size_t *n)
{
    struct msgpack_value head;
    struct slice *list;
    size_t i;

    *out = NULL;
    *n = 0;
    if (packed.len == 0)
        return true;
    if (!msgpack_next(&packed, &head) || head.type == MSGPACK_NIL)
        return head.type == MSGPACK_NIL;
    if (head.type != MSGPACK_ARRAY || head.n > MAX_NAMES)
        return false;
    list = arena_alloc(bus->arena, head.n * sizeof(*list));
    for (i = 0; list && i < head.n; i++)
        if (!read_name(bus, &packed, &list[i]))
            return false;
    *out = list;
    *n = head.n;
    return list != NULL;
}

static bool read_event(struct sio_bus *bus, struct slice data,
                       struct sio_event *out)
{
    struct msgpack_value head;
    size_t name_len, i;

    buf_clear(&bus->text);
    bus->parts.n = 0;
    if (!msgpack_next(&data, &head) || head.type != MSGPACK_ARRAY ||
        head.n == 0 || !msgpack_to_json(&data, &bus->text, &bus->parts))
        return false;
    name_len = bus->text.len;
    for (i = 1; i < head.n; i++) {
        buf_add_char(&bus->text, ',');
        if (!msgpack_to_json(&data, &bus->text, &bus->parts))
            return false;
    }
    *out = (struct sio_event){
        .name = slice_sub(buf_slice(&bus->text), 0, name_len),
        .args = slice_sub(buf_slice(&bus->text), name_len + 1, bus->text.len),
        .attachments = bus->parts.part,
        .n_attachments = bus->parts.n,
    };
    return true;
}

bool sio_bus_message(struct sio_bus *bus, struct slice data,
                     struct sio_event *ev, struct sio_message *out)
{
    struct msgpack_value name;

    if (!read_event(bus, data, ev) || !msgpack_next(&data, &name) ||
        !msgpack_next(&data, &name))
        return false;
    *out = (struct sio_message){
        .event = name.type == MSGPACK_STR ? name.bytes : ev->name,
        .args = ev->args,
        .attachments = ev->attachments,
        .n_attachments = ev->n_attachments,
    };
    return true;
}

static bool is_true(struct slice packed)
{
    struct msgpack_value v;

    return msgpack_next(&packed, &v) && v.type == MSGPACK_BOOL && v.b;
}

static bool is_text(struct slice packed, const char *text)
{
    struct msgpack_value v;

    return msgpack_next(&packed, &v) && v.type == MSGPACK_STR &&
           slice_is(v.bytes, text);
}

bool sio_bus_target(struct sio_bus *bus, struct slice opts,
                    struct sio_target *to, struct slice *flags)
{
    static const char *const names[] = {"rooms", "except", "flags"};
    struct slice f[3];

    *to = (struct sio_target){.local = true};
    if (!sio_bus_fields(opts, names, f, 3) ||
        !read_names(bus, f[0], &to->rooms, &to->n_rooms) ||
        !read_names(bus, f[1], &to->except, &to->n_except))
        return false;
    *flags = f[2];
    return true;
}

bool sio_bus_packet(const struct sio_bus *bus, struct slice packet,
                    struct slice *data)
{
    static const char *const names[] = {"type", "data", "nsp"};
    struct msgpack_value type;
    struct slice f[3];

    if (!sio_bus_fields(packet, names, f, 3) || !msgpack_next(&f[0], &type) ||
        type.type != MSGPACK_UINT || type.u != SIO_EVENT)
        return false;
    *data = f[1];
    return f[2].len ? is_text(f[2], bus->ns->name)
                    : strcmp(bus->ns->name, "/") == 0;
}

static bool is_volatile(struct slice flags)
{
    static const char *const names[] = {"volatile"};
    struct slice f[1];

    return flags.len && sio_bus_fields(flags, names, f, 1) && is_true(f[0]);
}

static void deliver(struct sio_bus *bus, struct slice data,
                    const struct sio_target *to, struct slice flags)
{
    const struct sio_handlers *on = &bus->ns->on;
    struct sio_message m;
    struct sio_event ev;

    if (!sio_bus_message(bus, data, &ev, &m))
        return;
    if (on->relayed && to->n_rooms == 0 && to->n_except == 0 &&
        on->relayed(&ev, on->ctx))
        return;
    m.is_volatile = is_volatile(flags);
    sio_broadcast(bus->ns, to, &m);
}

/* ---- hearing ---- */

static void read_broadcast(struct sio_bus *bus, struct slice message)
{
    struct msgpack_value head;
    struct slice part[3], data, flags;
    struct sio_target to;
    size_t i;

    if (!msgpack_next(&message, &head) || head.type != MSGPACK_ARRAY ||
        head.n < 3)
        return;
    for (i = 0; i < 3; i++) {
        part[i] = message;
        if (!msgpack_skip(&message))
            return;
        part[i].len -= message.len;
    }
    if (!is_text(part[0], bus->uid) && sio_bus_packet(bus, part[1], &data) &&
        sio_bus_target(bus, part[2], &to, &flags))
        deliver(bus, data, &to, flags);
}

static void begin(struct sio_bus *bus)
{
    bus->arena = arena_new(MAX_MESSAGE);
    if (!bus->arena)
        abort();
}

static void end(struct sio_bus *bus)
{
    arena_free(bus->arena);
    bus->arena = NULL;
    buf_release(&bus->text);
}

void sio_bus_came(void *ctx, struct slice channel, struct slice message)
{
    struct sio_bus *bus = ctx;
    size_t len = strlen(bus->broadcast);
    struct slice room;

    if (!slice_starts(channel, bus->broadcast))
        return; /* of another namespace whose name begins as ours */
    room = slice_sub(channel, len, channel.len - 1);
    if (channel.len > len && !sio_has_room(bus->ns, room))
        return;
    begin(bus);
    read_broadcast(bus, message);
    end(bus);
}

void sio_bus_came_request(void *ctx, struct slice channel, struct slice message)
{
    struct sio_bus *bus = ctx;

    (void)channel;
    begin(bus);
    sio_bus_request(bus, message);
    end(bus);
}

/* ---- life ---- */

/* key, what, "#", namespace, "#" */
static char *channel_name(const char *key, const char *what, const char *ns)
{
    char *name;

    if (asprintf(&name, "%s%s#%s#", key, what, ns) < 0)
        abort();
    return name;
}

static void subscribe_all(struct sio_bus *bus)
{
    struct buf pattern;
    const char *p;

    buf_init(&pattern, MAX_MESSAGE);
    for (p = bus->broadcast; *p; p++) {
        if (strchr("*?[]\\", *p))
            buf_add_char(&pattern, '\\');
        buf_add_char(&pattern, *p);
    }
    buf_add_char(&pattern, '*');
    if (!buf_ok(&pattern))
        abort();
    redis_subscribe(bus->redis, pattern.p, true, sio_bus_came, bus);
    redis_subscribe(bus->redis, bus->request, false, sio_bus_came_request, bus);
    buf_release(&pattern);
}

void sio_use_redis(struct sio *sio, struct redis *r, const char *key)
{
    struct sio_namespace *ns;

    sio->redis = r;
    for (ns = sio->namespaces; ns; ns = ns->next) {
        struct sio_bus *bus = mem_need(sizeof(*bus));

        bus->ns = ns;
        bus->redis = r;
        buf_init(&bus->text, MAX_MESSAGE);
        crypto_token(bus->uid, sizeof(bus->uid) - 1);
        bus->broadcast = channel_name(key, "", ns->name);
        bus->request = channel_name(key, "-request", ns->name);
        bus->response = channel_name(key, "-response", ns->name);
        ns->bus = bus;
        subscribe_all(bus);
    }
}

void sio_bus_free(struct sio_bus *bus)
{
    if (!bus)
        return;
    free(bus->broadcast);
    free(bus->request);
    free(bus->response);
    buf_release(&bus->text);
    mem_free(bus);
}
