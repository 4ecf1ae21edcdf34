/* server.c - loop, listening socket, hand-over between threads, orderly stop.
 *
 * What handlers finish comes back through a stack that is pushed with one
 * compare-and-swap and taken whole by the loop; uv_async_send wakes it, many
 * pushes for one wake-up.
 *
 * Stop, as the settings page promises: the listener closes at once; replies
 * say `Connection: close`; idle connections stay open as long as requests run
 * (they can see /readyz say 503); then everything is closed.  After
 * stop_timeout_ms what is left is cut.
 */
#include "net/conn.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"

#define TICK_MS 100
#define SOON_TICK_MS 10 /* for timers that are over in less than SOON_MS */
#define SOON_MS 1000
#define BACKLOG 1024
#define DRAIN_MS 1000    /* for handlers that were told to give up */
#define MAX_SPARE 64     /* exchanges kept for the next requests */
#define QUEUE_FACTOR 128 /* requests that may wait, a thread */
#define OTHER_FILES 256  /* descriptors that are not connections */

/* ---- deadlines ---- */

static void fire_timer(struct wheel_entry *e, void *ctx)
{
    struct server_timer *t = (struct server_timer *)e;

    (void)ctx;
    t->fire(t);
}

static void turn_wheels(struct server *s)
{
    int64_t now = (int64_t)uv_now(&s->loop);

    wheel_turn(&s->wheel, now, conn_deadline, s);
    wheel_turn(&s->timers, now, fire_timer, s);
}

static void on_tick(uv_timer_t *t)
{
    struct server *s = t->data;

    turn_wheels(s);
    if (s->wheel.n + s->timers.n == 0)
        uv_timer_stop(t); /* an idle server sleeps */
}

/* Before a deadline is set: the wheels turn while there are any. */
static void start_ticking(struct server *s)
{
    if (uv_is_active((uv_handle_t *)&s->ticker))
        return;
    turn_wheels(s);
    uv_timer_start(&s->ticker, on_tick, TICK_MS, TICK_MS);
}

void server_set_deadline(struct server *s, struct wheel_entry *e, int64_t ms)
{
    start_ticking(s);
    wheel_set(&s->wheel, e, ms);
}

/* A wheel of their own: what paces events may not be late by a tenth of a
 * second, and ten thousand heartbeats need not be looked at each time. */
static void on_soon_tick(uv_timer_t *t)
{
    struct server *s = t->data;

    wheel_turn(&s->soon, (int64_t)uv_now(&s->loop), fire_timer, s);
    if (s->soon.n == 0)
        uv_timer_stop(t);
}

static void start_soon_ticking(struct server *s)
{
    if (uv_is_active((uv_handle_t *)&s->soon_ticker))
        return;
    wheel_turn(&s->soon, (int64_t)uv_now(&s->loop), fire_timer, s);
    uv_timer_start(&s->soon_ticker, on_soon_tick, SOON_TICK_MS, SOON_TICK_MS);
}

void server_timer_set(struct server *s, struct server_timer *t, int64_t in_ms)
{
    struct wheel *wheel = in_ms < SOON_MS ? &s->soon : &s->timers;

    server_timer_cancel(s, t);
    if (wheel == &s->soon)
        start_soon_ticking(s);
    else
        start_ticking(s);
    t->wheel = wheel;
    wheel_set(wheel, &t->entry, (int64_t)uv_now(&s->loop) + in_ms);
}

void server_timer_cancel(struct server *s, struct server_timer *t)
{
    (void)s;
    if (t->wheel)
        wheel_cancel(t->wheel, &t->entry);
}

/* ---- exchanges ---- */

struct exchange *server_take_exchange(struct server *s)
{
    struct exchange *x = s->spare;

    if (x) {
        s->spare = x->next;
        s->n_spare--;
        x->next = NULL;
        return x;
    }
    x = exchange_new(s, s->router);
    if (!x) {
        log_error("http", "out of memory");
        abort();
    }
    return x;
}

void server_give_exchange(struct server *s, struct exchange *x)
{
#ifdef __SANITIZE_ADDRESS__
    exchange_free(x); /* so that a use after the end is seen */
    (void)s;
#else
    if (s->n_spare >= MAX_SPARE) {
        exchange_free(x);
        return;
    }
    exchange_reset(x);
    x->next = s->spare;
    s->spare = x;
    s->n_spare++;
#endif
}

/* ---- from other threads to the loop ---- */

void server_push_done(struct server *s, struct exchange *x)
{
    x->next = atomic_load_explicit(&s->done, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &s->done, &x->next, x, memory_order_release, memory_order_relaxed))
        ;
    uv_async_send(&s->wake);
}

void server_wake_stream(struct server *s, struct exchange *x)
{
    if (atomic_exchange(&x->wake_queued, true))
        return;
    x->next_wake = atomic_load_explicit(&s->woken, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&s->woken, &x->next_wake, x,
                                                  memory_order_release,
                                                  memory_order_relaxed))
        ;
    uv_async_send(&s->wake);
}

static void begin_stop(struct server *s);

static void on_wake(uv_async_t *a)
{
    struct server *s = a->data;
    struct exchange *done, *woken, *x, *in_order = NULL;

    /* `done` is taken first: a stream's wake-ups were pushed before it was
     * done, so they are in `woken` by now and are handled while it lives. */
    done = atomic_exchange(&s->done, NULL);
    woken = atomic_exchange(&s->woken, NULL);
    while ((x = woken)) {
        woken = x->next_wake;
        atomic_store(&x->wake_queued, false);
        conn_stream_ready(x);
    }
    while ((x = done)) { /* first come, first served */
        done = x->next;
        x->next = in_order;
        in_order = x;
    }
    while ((x = in_order)) {
        in_order = x->next;
        x->next = NULL;
        conn_handled(x);
    }
    loop_run_posts(s);
    if (atomic_load(&s->stop_asked))
        begin_stop(s);
}

/* ---- listening ---- */

static void on_connection(uv_stream_t *h, int status)
{
    struct server *s = h->data;
    int64_t now = (int64_t)uv_now(&s->loop);

    if (status == 0) {
        conn_accept(s);
        return;
    }
    /* libuv holds a descriptor in reserve for this: it has accepted and
     * closed the connection, so that the queue moves on. */
    if (now - s->accept_warned_ms < 1000 && s->accept_warned_ms)
        return;
    s->accept_warned_ms = now;
    log_warn("http", "cannot accept a connection",
             LOG_S("error", uv_strerror(status)));
}

/* "host:port" or "[v6]:port" -> address. */
static enum err_code resolve(const char *listen, struct sockaddr_storage *out,
                             struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(listen, ':');
    char host[256];
    uint64_t port;
    size_t n = colon ? (size_t)(colon - listen) : 0;

    if (!colon || n == 0 || n >= sizeof(host) ||
        !slice_to_u64(slice_of(colon + 1), &port) || port > 65535)
        return err_set(e, ERR_INVALID,
                       "'%s' is no address: use host:port or [v6]:port",
                       listen);
    if (listen[0] == '[' && listen[n - 1] == ']') {
        listen++;
        n -= 2;
    }
    memcpy(host, listen, n);
    host[n] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) || !found)
        return err_set(e, ERR_INVALID, "'%s:%s' is no address to listen on",
                       host, colon + 1);
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return ERR_NONE;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(
            &((const struct sockaddr_in6 *)a)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
}

bool server_listen_is_local(const char *listen)
{
    struct sockaddr_storage addr;
    struct err ignored;

    return resolve(listen, &addr, &ignored) == ERR_NONE && is_loopback(&addr);
}

/* The URL under which a program on this machine finds us. */
static void make_url(struct server *s, struct sockaddr_storage *a)
{
    char host[INET6_ADDRSTRLEN] = "127.0.0.1";
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)a;
    struct sockaddr_in *four = (struct sockaddr_in *)a;
    bool is_six = a->ss_family == AF_INET6;
    unsigned port = ntohs(is_six ? six->sin6_port : four->sin_port);

    if (is_six && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
        memcpy(host, "::1", 4);
    else if (is_six)
        uv_ip6_name(six, host, sizeof(host));
    else if (four->sin_addr.s_addr != htonl(INADDR_ANY))
        uv_ip4_name(four, host, sizeof(host));
    snprintf(s->url, sizeof(s->url), is_six ? "http://[%s]:%u" : "http://%s:%u",
             host, port);
}

static enum err_code listen_failed(const char *listen, int rc, struct err *e)
{
    enum err_code code = rc == UV_EADDRINUSE ? ERR_CONFLICT
                         : rc == UV_EACCES   ? ERR_FORBIDDEN
                                             : ERR_INVALID;

    return err_set(e, code, "cannot listen on '%s': %s", listen,
                   uv_strerror(rc));
}

static enum err_code start_listening(struct server *s, struct err *e)
{
    const char *listen = s->opt.listen;
    struct sockaddr_storage addr = {0};
    int len = sizeof(addr), rc;
    enum err_code code = resolve(listen, &addr, e);

    if (code)
        return code;
    rc = uv_tcp_bind(&s->listener, (struct sockaddr *)&addr, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&s->listener, BACKLOG, on_connection);
    if (rc == 0)
        rc = uv_tcp_getsockname(&s->listener, (struct sockaddr *)&addr, &len);
    if (rc)
        return listen_failed(listen, rc, e);
    s->local = is_loopback(&addr);
    make_url(s, &addr);
    return ERR_NONE;
}

/* ---- stopping ---- */

static void close_connection(uv_handle_t *h, void *arg)
{
    struct server *s = arg;

    if (h->type == UV_TCP && h != (uv_handle_t *)&s->listener && h->data == s)
        conn_close((struct conn *)h);
}

static void finish_stop(struct server *s)
{
    if (s->stop_finished)
        return;
    s->stop_finished = true;
    uv_walk(&s->loop, close_connection, s);
    uv_stop(&s->loop);
}

void server_check_stop(struct server *s)
{
    if (s->stop_begun && s->busy == 0)
        finish_stop(s);
}

static void on_stop_timeout(uv_timer_t *t)
{
    struct server *s = t->data;

    log_warn("http", "requests are cut, since the time to stop is up",
             LOG_I("requests", s->busy));
    finish_stop(s);
}

static void begin_stop(struct server *s)
{
    if (s->stop_begun)
        return;
    s->stop_begun = true;
    atomic_store(&s->stopping, true);
    log_info("http", "stopping", LOG_I("requests", s->busy));
    s->busy++; /* its last words may end requests: not yet the server */
    if (s->opt.on_stop)
        s->opt.on_stop(s->opt.on_stop_ctx);
    s->busy--;
    uv_close((uv_handle_t *)&s->listener, NULL);
    uv_timer_start(&s->stop_timer, on_stop_timeout,
                   (uint64_t)s->opt.stop_timeout_ms, 0);
    server_check_stop(s);
}

static void on_signal(uv_signal_t *h, int number)
{
    struct server *s = h->data;

    if (s->signalled)
        _exit(128 + number); /* a second one: at once */
    s->signalled = true;
    begin_stop(s);
}

void server_stop(struct server *s)
{
    atomic_store(&s->stop_asked, true);
    uv_async_send(&s->wake);
}

bool server_stopping(const struct server *s)
{
    return atomic_load(&s->stopping);
}

bool server_drained(const struct server *s)
{
    return s->drained;
}

/* ---- life ---- */

static void init_handles(struct server *s)
{
    uv_async_init(&s->loop, &s->wake, on_wake);
    uv_timer_init(&s->loop, &s->ticker);
    uv_timer_init(&s->loop, &s->soon_ticker);
    uv_timer_init(&s->loop, &s->stop_timer);
    loop_init(s);
    uv_signal_init(&s->loop, &s->sigterm);
    uv_signal_init(&s->loop, &s->sigint);
    uv_tcp_init(&s->loop, &s->listener);
    s->wake.data = s->ticker.data = s->soon_ticker.data = s->stop_timer.data =
        s;
    s->sigterm.data = s->sigint.data = s->listener.data = s;
}

/* A service manager gives 1,024 descriptors and allows many more to who asks:
 * max_connections would be an empty promise without. */
static void make_room(int max_connections)
{
    rlim_t wanted = (rlim_t)max_connections + OTHER_FILES;
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur >= wanted)
        return;
    lim.rlim_cur = lim.rlim_max < wanted ? lim.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur < wanted)
        log_warn("http", "the system allows fewer connections than set",
                 LOG_I("descriptors", (int64_t)lim.rlim_cur),
                 LOG_I("max_connections", max_connections));
}

static enum err_code start_pools(struct server *s, struct err *e)
{
    int requests = s->opt.pool_requests, streams = s->opt.pool_streams;
    enum err_code rc;

    rc = pool_new(&s->requests, "request", requests,
                  (size_t)requests * QUEUE_FACTOR, e);
    if (!rc)
        rc = pool_new(&s->streams, "stream", streams,
                      (size_t)streams * QUEUE_FACTOR, e);
    return rc;
}

enum err_code server_new(struct server **out, const struct server_options *opt,
                         struct router *rt, struct err *e)
{
    struct server *s = mem_alloc(sizeof(*s));
    enum err_code rc;

    if (!s)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    memset(s, 0, sizeof(*s));
    s->opt = *opt;
    s->router = rt;
    s->drained = true;
    make_room(opt->max_connections);
    crypto_random(&s->next_id, sizeof(s->next_id));
    crypto_random(&s->seed, sizeof(s->seed));
    s->read_buffer = mem_alloc(READ_BUFFER);
    if (!s->read_buffer || uv_loop_init(&s->loop)) {
        mem_free(s->read_buffer);
        mem_free(s);
        return err_set(e, ERR_UNAVAILABLE, "cannot make an event loop");
    }
    wheel_init(&s->wheel, TICK_MS, (int64_t)uv_now(&s->loop));
    wheel_init(&s->timers, TICK_MS, (int64_t)uv_now(&s->loop));
    wheel_init(&s->soon, SOON_TICK_MS, (int64_t)uv_now(&s->loop));
    init_handles(s);
    signal(SIGPIPE, SIG_IGN); /* a client that has gone is no reason to die */
    rc = start_listening(s, e);
    if (!rc)
        rc = start_pools(s, e);
    if (rc) {
        server_free(s);
        return rc;
    }
    *out = s;
    return ERR_NONE;
}

const char *server_url(const struct server *s)
{
    return s->url;
}

bool server_is_local(const struct server *s)
{
    return s->local;
}

struct uv_loop_s *server_loop(struct server *s)
{
    return &s->loop;
}

void server_run(struct server *s)
{
    if (s->opt.handle_signals) {
        uv_signal_start(&s->sigterm, on_signal, SIGTERM);
        uv_signal_start(&s->sigint, on_signal, SIGINT);
    }
    while (!s->stop_finished)
        uv_run(&s->loop, UV_RUN_DEFAULT);
    /* Whoever still runs has been told that the client is gone. */
    s->drained = pool_stop(s->requests, DRAIN_MS);
    s->drained = pool_stop(s->streams, DRAIN_MS) && s->drained;
}

void server_stats(const struct server *s, struct server_stats *out)
{
    int i;

    *out = (struct server_stats){
        .connections = atomic_load(&s->connections),
        .connections_total = atomic_load(&s->connections_total),
        .requests_total = atomic_load(&s->requests_total),
        .queue_requests = (int64_t)pool_waiting(s->requests),
        .queue_streams = (int64_t)pool_waiting(s->streams),
        .rejected_total = atomic_load(&s->rejected_total),
    };
    for (i = 0; i < 6; i++)
        out->by_class[i] = atomic_load(&s->by_class[i]);
}

static void close_own(uv_handle_t *h)
{
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void free_done(struct server *s)
{
    struct exchange *x, *next;

    for (x = atomic_exchange(&s->done, NULL); x; x = next) {
        next = x->next;
        exchange_free(x);
    }
    for (x = s->spare; x; x = next) {
        next = x->next;
        exchange_free(x);
    }
}

void server_free(struct server *s)
{
    if (!s)
        return;
    uv_walk(&s->loop, close_connection, s);
    pool_free(s->requests);
    pool_free(s->streams);
    close_own((uv_handle_t *)&s->listener);
    close_own((uv_handle_t *)&s->wake);
    close_own((uv_handle_t *)&s->ticker);
    close_own((uv_handle_t *)&s->soon_ticker);
    close_own((uv_handle_t *)&s->stop_timer);
    close_own((uv_handle_t *)&s->before_wait);
    close_own((uv_handle_t *)&s->sigterm);
    close_own((uv_handle_t *)&s->sigint);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    free_done(s);
    loop_run_posts(s);
    if (uv_loop_close(&s->loop))
        log_warn("http", "somebody's handles are still open in the loop");
    mem_free(s->read_buffer);
    mem_free(s);
}
