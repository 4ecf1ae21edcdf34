/* live_server.c - a Socket.IO server for the tests and measurements.
 *
 *     live_server [key=value]...     keys: see `numbers` and `sizes` below,
 * path, origins, listen; redis (its address), redis_key
 *
 * Prints its URL and serves until it gets SIGTERM.  On "/" and "/custom":
 *
 *     on joining                     "auth" <what the client sent, or {}>
 *     "message" a b...           ->  "message-back" a b...
 *     "message-with-ack" a b...  ->  ack a b...
 *     "join" room, "leave" room  ->  ack
 *     "to" room a...             ->  "to" a... to the room, but for the sender
 *     "all" a...                 ->  "all" a... to everybody
 *     "local" a...               ->  the same, but only to clients here
 *     "volatile" a...            ->  the same, to who can take it at once
 *     "post" a...                ->  "all" a..., from another thread
 *     "ask" a...                 ->  "question" a... with ack; "answered" <it>
 *     "ask-briefly" a...         ->  the same, but it waits for 50 ms only
 *     "flood" n a                ->  n times "flood" a
 *     "kick", "close"            ->  out of the namespace; and the session
 *     "stats"                    ->  ack {sessions, sockets, slow, rss_kb,
 *                                    redis}
 *
 * What another server sends to servers ("x" a...) comes to all clients of this
 * one as "server-event" "x" a...; "swallow", broadcast by another server, comes
 * to nobody.
 *
 * "/secret" admits {"token":"abc"} only; "/quiet" says and does nothing.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "net/redis.h"
#include "socketio/socketio.h"

static struct sio *sio;
static struct sio_namespace *root;
static struct sio_options options;
static const char *origins = "", *listen_on = "127.0.0.1:0";
static const char *redis_url, *redis_key = "socket.io";
static struct redis *redis;
static int max_connections = 15000;
static int write_timeout_ms = 30000;

#define MAX_ARGS 16

/* The arguments of an event, cut up; [0] is its name without quotes. */
static size_t cut(const struct sio_event *ev, struct slice out[MAX_ARGS])
{
    size_t n = 0, pos = 0;
    char *text = NULL;
    static char *last;

    if (asprintf(&text, "[%.*s]", SLICE_ARG(ev->args)) < 0)
        abort();
    free(last);
    last = text;
    out[n++] = slice_sub(ev->name, 1, ev->name.len - 1);
    while (n < MAX_ARGS && json_scan_next(slice_of(text), &pos, &out[n]))
        n++;
    return n;
}

static struct slice without_quotes(struct slice s)
{
    return slice_sub(s, 1, s.len - 1);
}

/* What follows the first argument. */
static struct slice after(struct slice args, struct slice first)
{
    return slice_sub(args, first.len + 1, args.len);
}

static struct sio_message pass_on(const char *event, const struct sio_event *ev)
{
    return (struct sio_message){.event = slice_of(event),
                                .args = ev->args,
                                .attachments = ev->attachments,
                                .n_attachments = ev->n_attachments};
}

static long rss_kb(void)
{
    long pages = 0, skipped;
    FILE *f = fopen("/proc/self/statm", "r");

    if (!f || fscanf(f, "%ld %ld", &skipped, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void stats(struct sio_socket *s, const struct sio_event *ev)
{
    struct sio_stats st;
    char text[300];
    int n;

    sio_stats(sio, &st);
    n = snprintf(text, sizeof(text),
                 "{\"sessions\":%lld,\"sockets\":%zu,\"slow\":%lld,"
                 "\"rss_kb\":%ld,\"redis\":%s}",
                 (long long)st.sessions, sio_count(root),
                 (long long)st.slow_total, rss_kb(),
                 redis && redis_is_up(redis) ? "true" : "false");
    sio_ack(s, ev->ack_id, &(struct sio_message){.args = {text, (size_t)n}});
}

static void answered(void *ctx, enum err_code rc, const struct sio_event *ev)
{
    struct sio_socket *s = ctx;
    struct sio_message m = {.event = SLICE("answered"),
                            .args = SLICE("\"late\"")};

    if (rc == ERR_CANCELLED)
        return;
    if (rc == ERR_NONE)
        m = pass_on("answered", ev);
    sio_emit(s, &m);
}

/* An event, copied, for a thread of its own. */
static void *post(void *arg)
{
    struct err e;
    char *args = arg;

    if (sio_post(root, SLICE_NONE,
                 &(struct sio_message){.event = SLICE("all"),
                                       .args = slice_of(args)},
                 &e))
        fprintf(stderr, "post: %s\n", e.msg);
    free(args);
    return NULL;
}

static void post_from_thread(struct slice args)
{
    pthread_t t;

    if (pthread_create(&t, NULL, post, strndup(args.p, args.len)))
        abort();
    pthread_detach(t);
}

static void flood(struct sio_socket *s, const struct slice *arg)
{
    struct sio_message m = {.event = SLICE("flood"), .args = arg[2]};
    uint64_t n = 0;

    if (!slice_to_u64(arg[1], &n))
        n = 0;
    for (; n > 0; n--)
        sio_emit(s, &m);
}

static void to_room(struct sio_namespace *ns, struct sio_socket *s,
                    const struct sio_event *ev, const struct slice *arg)
{
    struct slice room = without_quotes(arg[1]);
    struct sio_message m = pass_on("to", ev);

    m.args = after(ev->args, arg[1]);
    sio_broadcast(ns, &(struct sio_target){&room, 1, NULL, 0, s, false}, &m);
}

static void event(struct sio_socket *s, const struct sio_event *ev, void *ctx)
{
    struct sio_namespace *ns = *(struct sio_namespace **)ctx;
    struct slice arg[MAX_ARGS];
    size_t n = cut(ev, arg);
    struct sio_message m = pass_on("all", ev), none = {0};

    if (slice_is(arg[0], "message")) {
        m = pass_on("message-back", ev);
        sio_emit(s, &m);
    } else if (slice_is(arg[0], "message-with-ack") && ev->has_ack) {
        sio_ack(s, ev->ack_id, &m);
    } else if (slice_is(arg[0], "join") && n == 2) {
        sio_join(s, without_quotes(arg[1]));
    } else if (slice_is(arg[0], "leave") && n == 2) {
        sio_leave(s, without_quotes(arg[1]));
    } else if (slice_is(arg[0], "to") && n > 2) {
        to_room(ns, s, ev, arg);
    } else if (slice_is(arg[0], "all")) {
        sio_broadcast(ns, NULL, &m);
    } else if (slice_is(arg[0], "local")) {
        m.event = SLICE("all");
        sio_broadcast(ns, &(struct sio_target){.local = true}, &m);
    } else if (slice_is(arg[0], "volatile")) {
        m.is_volatile = true;
        sio_broadcast(ns, NULL, &m);
    } else if (slice_is(arg[0], "post")) {
        post_from_thread(ev->args);
    } else if (slice_is(arg[0], "ask") || slice_is(arg[0], "ask-briefly")) {
        m = pass_on("question", ev);
        sio_emit_ack(s, &m, slice_is(arg[0], "ask") ? 30000 : 50, answered, s);
    } else if (slice_is(arg[0], "flood") && n == 3) {
        flood(s, arg);
    } else if (slice_is(arg[0], "kick") || slice_is(arg[0], "close")) {
        sio_disconnect(s, slice_is(arg[0], "close"));
    } else if (slice_is(arg[0], "stats") && ev->has_ack) {
        stats(s, ev);
    }
    if (ev->has_ack && (slice_is(arg[0], "join") || slice_is(arg[0], "leave")))
        sio_ack(s, ev->ack_id, &none);
}

/* ---- joining ---- */

static enum err_code admit(struct sio_socket *s, struct sio_connect *c,
                           void *ctx, struct err *e)
{
    size_t n = c->auth.len;

    (void)ctx;
    (void)e;
    sio_set_user(s, n ? strndup(c->auth.p, n) : strdup("{}"));
    return ERR_NONE;
}

static void connected(struct sio_socket *s, void *ctx)
{
    (void)ctx;
    sio_emit(s, &(struct sio_message){.event = SLICE("auth"),
                                      .args = slice_of(sio_user(s))});
}

static void disconnected(struct sio_socket *s, const char *why, void *ctx)
{
    (void)ctx;
    fprintf(stderr, "disconnected %s: %s\n", sio_id(s), why);
    free(sio_user(s));
}

static enum err_code admit_secret(struct sio_socket *s, struct sio_connect *c,
                                  void *ctx, struct err *e)
{
    json_t *auth = NULL;
    bool ok = false;

    (void)s;
    (void)ctx;
    if (c->auth.len > 0 && json_parse(&auth, c->auth, NULL) == ERR_NONE)
        ok = slice_is(json_get_slice(auth, "token"), "abc");
    json_decref(auth);
    c->data = SLICE("{\"code\":7}");
    return ok ? ERR_NONE : err_set(e, ERR_FORBIDDEN, "wrong token");
}

/* ---- other servers ---- */

static bool relayed(const struct sio_event *ev, void *ctx)
{
    (void)ctx;
    return slice_is(ev->name, "\"swallow\"");
}

static void server_event(const struct sio_event *ev, void *ctx)
{
    struct sio_namespace *ns = *(struct sio_namespace **)ctx;
    struct buf args;

    buf_init(&args, 1 << 20);
    buf_add_slice(&args, ev->name);
    if (ev->args.len)
        buf_add_char(&args, ',');
    buf_add_slice(&args, ev->args);
    if (buf_ok(&args))
        sio_broadcast(ns, &(struct sio_target){.local = true},
                      &(struct sio_message){.event = SLICE("server-event"),
                                            .args = buf_slice(&args)});
    buf_release(&args);
}

/* ---- main ---- */

static const struct {
    const char *key;
    int *value;
} numbers[] = {
    {"ping_interval", &options.ping_interval_ms},
    {"ping_timeout", &options.ping_timeout_ms},
    {"upgrade_timeout", &options.upgrade_timeout_ms},
    {"connect_timeout", &options.connect_timeout_ms},
    {"max_connections", &max_connections},
    {"write_timeout", &write_timeout_ms},
};

static const struct {
    const char *key;
    size_t *value;
} sizes[] = {
    {"max_payload", &options.max_payload},
    {"max_event", &options.max_event},
    {"max_waiting", &options.max_waiting},
    {"max_sessions", &options.max_sessions},
    {"max_sessions_per_ip", &options.max_sessions_per_ip},
};

static bool take_option(const char *arg)
{
    const char *value = strchr(arg, '=');
    struct slice key;
    size_t i;

    if (!value)
        return false;
    key = (struct slice){arg, (size_t)(value++ - arg)};
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (slice_is(key, numbers[i].key)) {
            *numbers[i].value = (int)strtol(value, NULL, 10);
            return true;
        }
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (slice_is(key, sizes[i].key)) {
            *sizes[i].value = strtoul(value, NULL, 10);
            return true;
        }
    if (slice_is(key, "path"))
        options.path = value;
    else if (slice_is(key, "origins"))
        origins = value;
    else if (slice_is(key, "listen"))
        listen_on = value;
    else if (slice_is(key, "redis"))
        redis_url = value;
    else if (slice_is(key, "redis_key"))
        redis_key = value;
    else
        return false;
    return true;
}

static void stop(void *ctx)
{
    sio_stop(ctx);
    if (redis)
        redis_stop(redis);
}

static struct sio_namespace *custom;

static void add_namespaces(void)
{
    struct sio_handlers h = {.admit = admit,
                             .connected = connected,
                             .event = event,
                             .disconnected = disconnected,
                             .relayed = relayed,
                             .server_event = server_event,
                             .ctx = &root};

    root = sio_namespace(sio, "/", &h);
    h.ctx = &custom;
    custom = sio_namespace(sio, "/custom", &h);
    sio_namespace(sio, "/secret",
                  &(struct sio_handlers){.admit = admit_secret});
    sio_namespace(sio, "/quiet", &(struct sio_handlers){0});
}

static void serve(struct router *rt)
{
    struct server_options so = {
        .listen = listen_on,
        .pool_requests = 1,
        .pool_streams = 1,
        .max_connections = max_connections,
        .max_connections_per_ip = max_connections,
        .header_timeout_ms = 10000,
        .body_timeout_ms = 10000,
        .idle_timeout_ms = 75000,
        .write_timeout_ms = write_timeout_ms,
        .stop_timeout_ms = 1000,
        .handle_signals = true,
        .on_stop = stop,
        .on_stop_ctx = sio,
    };
    struct server *server;
    struct err e;

    if (server_new(&server, &so, rt, &e)) {
        fprintf(stderr, "live_server: %s\n", e.msg);
        exit(1);
    }
    sio_start(sio, server);
    if (redis)
        redis_start(redis, server);
    printf("%s\n", server_url(server));
    fflush(stdout);
    server_run(server);
    server_free(server);
}

int main(int argc, char **argv)
{
    struct router_options ro = {.local_only = true};
    struct router *rt;
    struct err e;
    int i;

    for (i = 1; i < argc; i++)
        if (!take_option(argv[i])) {
            fprintf(stderr, "live_server: what is '%s'?\n", argv[i]);
            return 2;
        }
    ro.allowed_origins = origins;
    rt = router_new(&ro, &e);
    if (!rt) {
        fprintf(stderr, "live_server: %s\n", e.msg);
        return 1;
    }
    sio = sio_new(&options);
    add_namespaces();
    if (redis_url && redis_new(&redis, redis_url, &e)) {
        fprintf(stderr, "live_server: %s\n", e.msg);
        return 1;
    }
    if (redis)
        sio_use_redis(sio, redis, redis_key);
    sio_add_routes(sio, rt);
    serve(rt);
    sio_free(sio);
    redis_free(redis);
    router_free(rt);
    return 0;
}
