/* net_fixture.c - see net_fixture.h. */
#include "net_fixture.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 5000

struct net_fixture {
    struct router *router;
    struct server *server;
    pthread_t thread;
    uint16_t port;
};

static int number(const char *digits)
{
    return (int)strtol(digits, NULL, 10);
}

static void *serve(void *arg)
{
    server_run(arg);
    return NULL;
}

static int or_default(int v, int dflt)
{
    return v ? v : dflt;
}

struct net_fixture *fixture_new(const struct route *rows, void *ctx,
                                const struct router_options *ro,
                                const struct server_options *so)
{
    struct router_options r =
        ro ? *ro : (struct router_options){.local_only = true};
    struct server_options s = so ? *so : (struct server_options){0};
    struct net_fixture *f = calloc(1, sizeof(*f));
    struct err e = {0};

    s.listen = "127.0.0.1:0";
    s.pool_requests = or_default(s.pool_requests, 2);
    s.pool_streams = or_default(s.pool_streams, 2);
    s.max_connections = or_default(s.max_connections, 500);
    s.max_connections_per_ip = or_default(s.max_connections_per_ip, 500);
    s.header_timeout_ms = or_default(s.header_timeout_ms, 5000);
    s.body_timeout_ms = or_default(s.body_timeout_ms, 5000);
    s.idle_timeout_ms = or_default(s.idle_timeout_ms, 5000);
    s.write_timeout_ms = or_default(s.write_timeout_ms, 5000);
    s.stop_timeout_ms = or_default(s.stop_timeout_ms, 5000);
    f->router = router_new(&r, &e);
    if (!f->router)
        fail_msg("router_new: %s", e.msg);
    router_add(f->router, rows, ctx);
    router_add_docs(f->router);
    router_add_session(f->router);
    if (server_new(&f->server, &s, f->router, &e))
        fail_msg("server_new: %s", e.msg);
    f->port = (uint16_t)number(strrchr(server_url(f->server), ':') + 1);
    pthread_create(&f->thread, NULL, serve, f->server);
    return f;
}

bool fixture_free(struct net_fixture *f)
{
    bool drained;

    server_stop(f->server);
    pthread_join(f->thread, NULL);
    drained = server_drained(f->server);
    server_free(f->server);
    router_free(f->router);
    free(f);
    return drained;
}

struct server *fixture_server(struct net_fixture *f)
{
    return f->server;
}

struct router *fixture_router(struct net_fixture *f)
{
    return f->router;
}

int fixture_connect(struct net_fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(f->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

void fixture_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the server has had enough: its reply says why */
        bytes += n;
        len -= (size_t)n;
    }
}

/* One read into b; 0: the end. */
static ssize_t read_some(int fd, struct buf *b)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char piece[16384];
    ssize_t n;

    if (poll(&p, 1, PATIENCE_MS) != 1)
        fail_msg("the server said nothing more after: %s", b->p ? b->p : "");
    n = read(fd, piece, sizeof(piece));
    if (n > 0)
        buf_add(b, piece, (size_t)n);
    return n > 0 ? n : 0;
}

char *fixture_read_all(int fd, size_t *len)
{
    struct buf b;
    size_t n;

    buf_init(&b, 64 << 20);
    while (read_some(fd, &b) > 0)
        ;
    return buf_take(&b, len ? len : &n);
}

char *fixture_read_until(int fd, const char *mark)
{
    struct buf b;
    size_t n;

    buf_init(&b, 64 << 20);
    while (!b.p || !strstr(b.p, mark))
        if (read_some(fd, &b) == 0)
            fail_msg("the server closed before '%s': %s", mark, b.p ? b.p : "");
    return buf_take(&b, &n);
}

char *fixture_talk(struct net_fixture *f, const char *bytes)
{
    int fd = fixture_connect(f);
    char *text;

    fixture_send(fd, bytes, strlen(bytes));
    shutdown(fd, SHUT_WR);
    text = fixture_read_all(fd, NULL);
    close(fd);
    return text;
}

int reply_status(const char *text)
{
    return strncmp(text, "HTTP/1.1 ", 9) == 0 ? number(text + 9) : 0;
}

const char *reply_body(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");

    return end ? end + 4 : "";
}

const char *reply_value(const char *text, const char *name)
{
    static char value[1024];
    const char *line = strstr(text, "\r\n"), *end;
    size_t n = strlen(name);

    value[0] = '\0';
    while (line && strncmp(line, "\r\n\r\n", 4) != 0) {
        line += 2;
        end = strstr(line, "\r\n");
        if (end && strncasecmp(line, name, n) == 0 && line[n] == ':' &&
            (size_t)(end - line) < sizeof(value) + n) {
            memcpy(value, line + n + 2, (size_t)(end - line) - n - 2);
            value[(size_t)(end - line) - n - 2] = '\0';
            break;
        }
        line = end;
    }
    return value;
}
