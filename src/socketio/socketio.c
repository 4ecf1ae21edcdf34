/* socketio.c - the server: options, namespaces, start and stop.  See
 * socketio.h; the parts are listed in sio_impl.h. */
#include "socketio/socketio.h"

#include <string.h>

#include "base/mem.h"
#include "net/redis.h"
#include "socketio/sio_impl.h"

static void free_dead(struct server_hook *h)
{
    struct sio *sio = (struct sio *)h;
    struct sio_socket *s;

    while ((s = sio->dead)) {
        sio->dead = s->next;
        mem_free(s);
    }
}

struct sio *sio_new(const struct sio_options *opt)
{
    struct sio *sio = mem_need(sizeof(*sio));
    struct sio_options *o = &sio->opt;
    struct eio_options eo;

    *sio = (struct sio){.hook.run = free_dead};
    if (opt)
        *o = *opt;
    o->connect_timeout_ms =
        o->connect_timeout_ms ? o->connect_timeout_ms : 45000;
    o->max_event = o->max_event ? o->max_event : 4 << 20;
    eo = (struct eio_options){
        .path = o->path,
        .name = o->name,
        .ping_interval_ms = o->ping_interval_ms,
        .ping_timeout_ms = o->ping_timeout_ms,
        .upgrade_timeout_ms = o->upgrade_timeout_ms,
        .max_payload = o->max_payload,
        .max_waiting = o->max_waiting,
        .max_sessions = o->max_sessions,
        .max_sessions_per_ip = o->max_sessions_per_ip,
        .opened = sio_client_opened,
        .message = sio_client_message,
        .closed = sio_client_closed,
        .ctx = sio,
    };
    sio->eio = eio_new(&eo);
    o->max_payload = eio_options(sio->eio)->max_payload;
    return sio;
}

struct sio_namespace *sio_namespace(struct sio *sio, const char *name,
                                    const struct sio_handlers *handlers)
{
    size_t len = strlen(name);
    struct sio_namespace *ns = mem_need(sizeof(*ns) + len + 1);

    *ns = (struct sio_namespace){
        .sio = sio, .next = sio->namespaces, .on = *handlers};
    memcpy(ns->name, name, len + 1);
    names_init(&ns->sockets);
    names_init(&ns->rooms);
    sio->namespaces = ns;
    return ns;
}

struct sio_namespace *sio_find_namespace(struct sio *sio, struct slice name)
{
    struct sio_namespace *ns = sio->namespaces;

    while (ns && !slice_is(name, ns->name))
        ns = ns->next;
    return ns;
}

void sio_add_routes(struct sio *sio, struct router *rt)
{
    router_add(rt, eio_routes(sio->eio), sio->eio);
}

void sio_start(struct sio *sio, struct server *s)
{
    sio->server = s;
    server_before_wait(s, &sio->hook);
    eio_start(sio->eio, s); /* its hook runs first */
}

void sio_stop(struct sio *sio)
{
    eio_stop(sio->eio);
}

void sio_free(struct sio *sio)
{
    struct sio_namespace *ns;

    if (!sio)
        return;
    sio->server = NULL;
    eio_free(sio->eio); /* its clients leave */
    free_dead(&sio->hook);
    while ((ns = sio->namespaces)) {
        sio->namespaces = ns->next;
        names_release(&ns->sockets);
        names_release(&ns->rooms);
        sio_bus_free(ns->bus);
        mem_free(ns);
    }
    mem_free(sio);
}

void sio_stats(const struct sio *sio, struct sio_stats *out)
{
    struct redis_stats r = {.up = false};
    struct eio_stats e;

    if (sio->redis)
        redis_stats(sio->redis, &r);
    eio_stats(sio->eio, &e);
    *out = (struct sio_stats){
        .sessions = e.sessions,
        .sessions_total = e.sessions_total,
        .sent_total = e.sent_total,
        .received_total = e.received_total,
        .slow_total = e.slow_total,
        .has_others = r.up,
    };
}

/* ---- from other threads ---- */

struct post {
    struct server_post post; /* first, so that the two convert */
    struct sio_namespace *ns;
    struct slice room;
    struct sio_message message; /* points behind the struct */
};

static void run_post(struct server_post *sp)
{
    struct post *p = (struct post *)sp;
    struct sio_target to = {.rooms = &p->room, .n_rooms = p->room.len > 0};

    sio_broadcast(p->ns, &to, &p->message);
    mem_free(p);
}

static struct slice put(char **at, struct slice s)
{
    struct slice copy = {*at, s.len};

    if (s.len > 0)
        memcpy(*at, s.p, s.len);
    *at += s.len;
    return copy;
}

enum err_code sio_post(struct sio_namespace *ns, struct slice room,
                       const struct sio_message *m, struct err *e)
{
    size_t len = room.len + m->event.len + m->args.len;
    struct post *p;
    char *at;

    if (len > ns->sio->opt.max_payload)
        return err_set(e, ERR_TOO_LARGE,
                       "an event of %zu bytes is over the maximum of %zu", len,
                       ns->sio->opt.max_payload);
    p = mem_alloc(sizeof(*p) + len);
    if (!p)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    at = (char *)(p + 1);
    *p = (struct post){.post.run = run_post, .ns = ns};
    p->room = put(&at, room);
    p->message = (struct sio_message){.event = put(&at, m->event),
                                      .args = put(&at, m->args),
                                      .is_volatile = m->is_volatile};
    server_post(ns->sio->server, &p->post);
    return ERR_NONE;
}
