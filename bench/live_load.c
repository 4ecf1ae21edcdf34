/* live_load.c - load for a Socket.IO server: many WebSocket clients in one
 * process, on raw sockets, so that the server is what is measured.
 *
 *     live_load PORT PID broadcast CLIENTS WINDOW SECONDS
 *     live_load PORT PID paced CLIENTS PER_SECOND SECONDS
 *     live_load PORT PID idle CLIENTS
 *     live_load PORT PID hold CLIENTS SECONDS
 *     live_load PORT PID connect websocket|polling COUNT
 *     live_load PORT PID views CLIENTS PAGES PER_SECOND SECONDS
 *
 * broadcast: one client says "all" and always has WINDOW of them on their way;
 * paced: it says so at a fixed rate, and the time to the last client is taken.
 * idle: the server's VmRSS is read before and after they come; hold: they stay
 * and answer pings.  views: page views are posted, of PAGES pages in turn, at a
 * fixed rate (0: as many as are answered); how long until each is answered, and
 * until the last client knows.
 * Prints one JSON object; cpu_s is the server's, from /proc/PID/stat.
 *
 * A frame is looked at as far as its head and first bytes, no more: this side
 * should cost a fraction of the other.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_SEQ 1000000
#define N_SENDERS 256
#define PAGE "{\"page\":\"/projects\",\"count\":142}"

struct client {
    int fd;
    size_t n; /* bytes of a frame that is not whole */
    char part[512];
};

static struct client *clients;
static int n_clients;
static int port, server_pid;
static int epoll_fd;
static uint64_t delivered;
static double *sent_at, *last_at; /* by number of the message */
static int *seen;                 /* how many clients had it */
static int n_pages;
static int *known; /* by client and page: the count that it was told */

static void fail(const char *what)
{
    fprintf(stderr, "live_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds of processor time that the server has used, all its threads. */
static double server_cpu(void)
{
    char path[64], text[1024], *at;
    unsigned long user, sys;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", server_pid);
    f = fopen(path, "r");
    if (!f || !fgets(text, sizeof(text), f))
        fail(path);
    fclose(f);
    at = strrchr(text, ')');
    if (!at ||
        sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
               &user, &sys) != 2)
        fail("format of stat");
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

static long server_rss_kb(void)
{
    char path[64], line[256];
    long kb = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", server_pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}

/* ---- one client, blocking ---- */

static int open_socket(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void say(int fd, const char *text, size_t len)
{
    if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        fail("send");
}

/* Read until `mark` has come; the text is kept for the caller. */
static char *await(int fd, const char *mark)
{
    static char text[65536];
    size_t n = 0;
    ssize_t got;

    text[0] = '\0';
    while (!memmem(text, n, mark, strlen(mark))) {
        got = recv(fd, text + n, sizeof(text) - 1 - n, 0);
        if (got <= 0) {
            fprintf(stderr, "live_load: closed before '%s': %s\n", mark, text);
            exit(1);
        }
        n += (size_t)got;
        text[n] = '\0';
    }
    return text;
}

/* A text frame whose mask is zero. */
static size_t frame(char *out, const char *text)
{
    size_t n = strlen(text);

    if (n > 125)
        fail("a text too long");
    out[0] = (char)0x81;
    out[1] = (char)(0x80 | n);
    memset(out + 2, 0, 4);
    memcpy(out + 6, text, n);
    return n + 6;
}

static void say_frame(int fd, const char *text)
{
    char bytes[140];

    say(fd, bytes, frame(bytes, text));
}

static int join_websocket(void)
{
    static const char hello[] =
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
        "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    int fd = open_socket();

    say(fd, hello, sizeof(hello) - 1);
    await(fd, "maxPayload");
    say_frame(fd, "40");
    await(fd, "40{\"sid\"");
    return fd;
}

static void post(int fd, const char *sid, const char *body)
{
    char text[512];
    int n = snprintf(text, sizeof(text),
                     "POST /socket.io/?EIO=4&transport=polling&sid=%s "
                     "HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n"
                     "%s",
                     sid, strlen(body), body);

    say(fd, text, (size_t)n);
    await(fd, "\r\n\r\nok");
}

static const char *poll_once(int fd, const char *query, const char *mark)
{
    char text[512];
    int n = snprintf(text, sizeof(text),
                     "GET /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\n"
                     "Host: localhost\r\n\r\n",
                     query);

    say(fd, text, (size_t)n);
    return await(fd, mark);
}

/* A whole session over polling: open, join, fetch the answer, close. */
static void session_by_polling(void)
{
    int fd = open_socket();
    char sid[64], query[80];
    const char *at = strstr(poll_once(fd, "", "maxPayload"), "\"sid\":\"");

    if (!at || sscanf(at + 7, "%63[^\"]", sid) != 1)
        fail("open packet");
    snprintf(query, sizeof(query), "&sid=%s", sid);
    post(fd, sid, "40");
    poll_once(fd, query, "40{\"sid\"");
    post(fd, sid, "1");
    close(fd);
}

/* ---- many clients ---- */

static void watch(int who, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)who};

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev))
        fail("epoll_ctl");
}

static void join_all(int n)
{
    struct rlimit lim;
    int i;

    getrlimit(RLIMIT_NOFILE, &lim);
    lim.rlim_cur = lim.rlim_max;
    setrlimit(RLIMIT_NOFILE, &lim);
    clients = calloc((size_t)n + 1, sizeof(*clients));
    sent_at = calloc(MAX_SEQ, sizeof(*sent_at));
    last_at = calloc(MAX_SEQ, sizeof(*last_at));
    seen = calloc(MAX_SEQ, sizeof(*seen));
    epoll_fd = epoll_create1(0);
    if (!clients || !sent_at || !last_at || !seen || epoll_fd < 0)
        fail("memory");
    for (i = 0; i < n; i++) {
        clients[i].fd = join_websocket();
        watch(i, clients[i].fd);
    }
    n_clients = n;
}

static void say_all(int seq)
{
    char text[120];

    snprintf(text, sizeof(text), "42[\"all\",%d," PAGE "]", seq);
    if (seq >= MAX_SEQ)
        fail("too many messages");
    sent_at[seq] = now();
    say_frame(clients[0].fd, text);
}

static bool keep_saying; /* client 0 says the next one when one comes back */
static int next_seq;

/* View number v is of page v % n_pages, and makes its count v / n_pages + 1. */
static void one_count(int i, const char *payload, double at)
{
    char *end;
    int page = (int)strtol(payload, &end, 10), *had, count;

    if (strncmp(end, "\",\"count\":", 10) != 0 || page >= n_pages)
        fail("new_pageview");
    count = (int)strtol(end + 10, NULL, 10);
    had = &known[i * n_pages + page];
    for (; *had < count; ++*had) {
        int view = *had * n_pages + page;

        seen[view]++;
        last_at[view] = at;
    }
}

static void one_frame(int i, const char *payload, size_t n, double at)
{
    static const char view[] = "42[\"new_pageview\",{\"page\":\"/";
    int seq;

    if (n == 1 && payload[0] == '2') {
        say_frame(clients[i].fd, "3");
        return;
    }
    if (n > sizeof(view) && memcmp(payload, view, sizeof(view) - 1) == 0)
        one_count(i, payload + sizeof(view) - 1, at);
    if (n < 9 || memcmp(payload, "42[\"all\",", 9) != 0)
        return;
    delivered++;
    seq = (int)strtol(payload + 9, NULL, 10);
    seen[seq]++;
    last_at[seq] = at;
    if (i == 0 && keep_saying)
        say_all(next_seq++);
}

static void read_client(int i, double at)
{
    static char data[1 << 18];
    struct client *c = &clients[i];
    size_t n = c->n, pos = 0, head, len;
    ssize_t got;

    memcpy(data, c->part, n);
    got = recv(c->fd, data + n, sizeof(data) - n, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail("a client was closed");
    n += (size_t)got;
    while (n - pos >= 2) {
        len = (uint8_t)data[pos + 1];
        head = len == 126 ? 4 : 2;
        if (n - pos < head)
            break;
        if (len == 126)
            len = (size_t)(uint8_t)data[pos + 2] << 8 | (uint8_t)data[pos + 3];
        if (n - pos < head + len)
            break;
        one_frame(i, data + pos + head, len, at);
        pos += head + len;
    }
    c->n = n - pos;
    if (c->n > sizeof(c->part))
        fail("a frame too long");
    memcpy(c->part, data + pos, c->n);
}

/* ---- page views: senders, which epoll knows by numbers after the clients' */

static struct sender {
    int fd, view; /* view: which is not answered yet */
    size_t n;
    char reply[1024];
} senders[N_SENDERS];
static struct sender *idle_senders[N_SENDERS];
static int n_idle;
static double *answered_at; /* by number of the view */

static void post_view(int view)
{
    struct sender *s = idle_senders[--n_idle];
    char body[64], text[256];
    int n = snprintf(body, sizeof(body), "{\"page\":\"/%d\"}", view % n_pages);

    n = snprintf(text, sizeof(text),
                 "POST /events/pageview HTTP/1.1\r\nHost: localhost\r\n"
                 "Content-Type: application/json\r\n"
                 "Content-Length: %d\r\n\r\n%s",
                 n, body);
    s->view = view;
    s->n = 0;
    say(s->fd, text, (size_t)n);
}

/* A reply is whole when the object that is its body ends. */
static void read_sender(struct sender *s, double at)
{
    ssize_t got =
        recv(s->fd, s->reply + s->n, sizeof(s->reply) - 1 - s->n, MSG_DONTWAIT);

    if (got <= 0)
        fail("a sender was closed");
    s->n += (size_t)got;
    s->reply[s->n] = '\0';
    if (s->reply[s->n - 1] != '}')
        return;
    if (strncmp(s->reply, "HTTP/1.1 202", 12) != 0) {
        fprintf(stderr, "live_load: a view was refused: %s\n", s->reply);
        exit(1);
    }
    answered_at[s->view] = at;
    idle_senders[n_idle++] = s;
}

static void turn_until(double when)
{
    struct epoll_event ev[1024];
    double left = when - now();
    long ns = left > 0 ? (long)(left * 1e9) : 0;
    struct timespec wait = {ns / 1000000000, ns % 1000000000};
    int n = epoll_pwait2(epoll_fd, ev, 1024, &wait, NULL), i;
    double at = now();

    for (i = 0; i < n; i++) {
        int who = (int)ev[i].data.u32;

        if (who < n_clients)
            read_client(who, at);
        else
            read_sender(&senders[who - n_clients], at);
    }
}

static void turn(int wait_ms)
{
    turn_until(now() + wait_ms / 1000.0);
}

/* Until all clients have all messages. */
static void drain(void)
{
    double end = now() + 20;
    int seq = 0;

    while (now() < end && seq < next_seq) {
        while (seq < next_seq && seen[seq] == n_clients)
            seq++;
        if (seq < next_seq)
            turn(10);
    }
    if (seq < next_seq)
        fail("messages were lost");
}

static void broadcast(int window, double seconds)
{
    double begin, cpu, end;
    int i;

    for (i = 0; i < 50; i++)
        turn(1); /* greetings */
    begin = now();
    cpu = server_cpu();
    end = begin + seconds;
    keep_saying = true;
    for (i = 0; i < window; i++)
        say_all(next_seq++);
    while (now() < end)
        turn(10);
    keep_saying = false;
    drain();
    cpu = server_cpu() - cpu;
    printf("{\"deliveries\":%llu,\"seconds\":%.3f,\"cpu_s\":%.3f}\n",
           (unsigned long long)delivered, now() - begin, cpu);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* p50 and p99 of until - since, in ms, as members of an object. */
static void print_spread(const char *what, const double *until,
                         const double *since, int n)
{
    double *ms = calloc((size_t)n + 1, sizeof(*ms));
    int i;

    for (i = 0; ms && i < n; i++)
        ms[i] = (until[i] - since[i]) * 1000;
    if (!ms || n == 0)
        fail("nothing was measured");
    qsort(ms, (size_t)n, sizeof(*ms), by_value);
    printf("\"%sp50_ms\":%.3f,\"%sp99_ms\":%.3f,", what, ms[n / 2], what,
           ms[n * 99 / 100]);
    free(ms);
}

static void paced(int per_second, double seconds)
{
    double begin = now(), cpu = server_cpu();
    int total = (int)(seconds * per_second);

    while (next_seq < total) {
        if (now() >= begin + (double)next_seq / per_second)
            say_all(next_seq++);
        turn(1);
    }
    drain();
    cpu = server_cpu() - cpu;
    printf("{");
    print_spread("", last_at, sent_at, total);
    printf("\"cpu_s\":%.3f}\n", cpu);
}

static void open_senders(int pages)
{
    n_pages = pages;
    known = calloc((size_t)n_clients * (size_t)pages + 1, sizeof(*known));
    answered_at = calloc(MAX_SEQ, sizeof(*answered_at));
    if (!known || !answered_at)
        fail("memory");
    for (int i = 0; i < N_SENDERS; i++) {
        senders[i].fd = open_socket();
        watch(n_clients + i, senders[i].fd);
        idle_senders[n_idle++] = &senders[i];
    }
}

/* A view waits in vain for a sender when none is idle: its time runs from when
 * it was due. */
static void views(int pages, int per_second, double seconds)
{
    double begin, end, cpu, took;
    int total = per_second ? (int)(per_second * seconds) : MAX_SEQ;

    open_senders(pages);
    cpu = server_cpu();
    begin = now();
    end = begin + seconds;
    while (next_seq < total && (per_second || now() < end)) {
        double due = per_second ? begin + (double)next_seq / per_second : now();

        if (n_idle > 0 && now() >= due) {
            sent_at[next_seq] = due;
            post_view(next_seq++);
        } else {
            turn_until(n_idle > 0 ? due : now() + 1);
        }
    }
    while (n_idle < N_SENDERS)
        turn(1000);
    took = now() - begin;
    cpu = server_cpu() - cpu;
    printf("{\"views\":%d,\"seconds\":%.3f,\"cpu_s\":%.3f,", next_seq, took,
           cpu);
    print_spread("answer_", answered_at, sent_at, next_seq);
    if (n_clients > 0) {
        drain();
        print_spread("told_", last_at, sent_at, next_seq);
    }
    printf("\"clients\":%d}\n", n_clients);
}

/* The server has done all that was asked before, and Node has collected its
 * garbage. */
static void settle(int fd)
{
    say_frame(fd, "420[\"stats\"]");
    await(fd, "430[");
}

static void idle(int n)
{
    long before;
    /* what the first one needs is not counted */
    int first = join_websocket();

    settle(first);
    before = server_rss_kb();
    join_all(n);
    settle(first);
    printf("{\"clients\":%d,\"before_kb\":%ld,\"after_kb\":%ld}\n", n, before,
           server_rss_kb());
}

static void hold(double seconds)
{
    double end = now() + seconds, cpu = server_cpu();

    while (now() < end)
        turn(100);
    printf("{\"clients\":%d,\"seconds\":%.0f,\"rss_kb\":%ld,"
           "\"cpu_s\":%.3f}\n",
           n_clients, seconds, server_rss_kb(), server_cpu() - cpu);
}

static void connect_many(bool websocket, int count)
{
    double begin = now(), cpu = server_cpu();
    int i;

    for (i = 0; i < count; i++) {
        if (websocket)
            close(join_websocket());
        else
            session_by_polling();
    }
    printf("{\"connections\":%d,\"seconds\":%.3f,\"cpu_s\":%.3f}\n", count,
           now() - begin, server_cpu() - cpu);
}

int main(int argc, char **argv)
{
#define ARG(i) (argc > (i) ? (int)strtol(argv[i], NULL, 10) : 0)
    if (argc < 5)
        return 2;
    port = ARG(1);
    server_pid = ARG(2);
    if (strcmp(argv[3], "connect") == 0) {
        connect_many(strcmp(argv[4], "websocket") == 0, ARG(5));
        return 0;
    }
    if (strcmp(argv[3], "idle") == 0) {
        idle(ARG(4));
        return 0;
    }
    join_all(ARG(4));
    if (strcmp(argv[3], "broadcast") == 0)
        broadcast(ARG(5), ARG(6));
    else if (strcmp(argv[3], "hold") == 0)
        hold(ARG(5));
    else if (strcmp(argv[3], "views") == 0)
        views(ARG(5), ARG(6), ARG(7));
    else
        paced(ARG(5), ARG(6));
    return 0;
}
