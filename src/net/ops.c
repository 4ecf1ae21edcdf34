/* ops.c - see ops.h.
 *
 * The text format is Prometheus' exposition format 0.0.4.  Names follow its
 * conventions: base units, _total for counters, the process_* names that its
 * own client libraries use.
 */
#include "net/ops.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "net/server.h"

struct ops {
    struct ops_options opt;
    const struct server *server;
    int64_t started_us; /* wall clock */
    int64_t started_mono_us;
};

struct ops *ops_new(const struct ops_options *opt)
{
    struct ops *o = calloc(1, sizeof(*o));

    if (!o)
        abort();
    o->opt = *opt;
    o->started_us = clock_now_us();
    o->started_mono_us = clock_mono_us();
    return o;
}

void ops_set_server(struct ops *o, const struct server *s)
{
    o->server = s;
}

void ops_free(struct ops *o)
{
    free(o);
}

/* ---- the text format ---- */

void ops_metric(struct buf *out, const char *name, const char *type,
                const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_label_value(struct buf *out, struct slice s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (s.p[i] == '\n')
            buf_add_str(out, "\\n");
        else if (s.p[i] == '"' || s.p[i] == '\\')
            buf_printf(out, "\\%c", s.p[i]);
        else
            buf_add_char(out, s.p[i]);
    }
}

static void add_number(struct buf *out, double v)
{
    char text[NUM_TEXT];

    /* Whole numbers up to 2^53 without exponent and fraction. */
    if (v >= -9007199254740992.0 && v <= 9007199254740992.0 &&
        v == (double)(int64_t)v)
        buf_add_i64(out, (int64_t)v);
    else
        buf_add(out, text, num_double(text, v));
}

void ops_sample(struct buf *out, const char *name, const char *label,
                struct slice label_value, double v)
{
    buf_add_str(out, name);
    if (label) {
        buf_printf(out, "{%s=\"", label);
        add_label_value(out, label_value);
        buf_add_str(out, "\"}");
    }
    buf_add_char(out, ' ');
    add_number(out, v);
    buf_add_char(out, '\n');
}

static void single(struct buf *out, const char *name, const char *type,
                   const char *help, double v)
{
    ops_metric(out, name, type, help);
    ops_sample(out, name, NULL, SLICE_NONE, v);
}

/* ---- the process ---- */

/* Pages of the process: all, and those in memory. */
static bool read_statm(long *size, long *resident)
{
    FILE *f = fopen("/proc/self/statm", "re");
    bool good;

    if (!f)
        return false;
    good = fscanf(f, "%ld %ld", size, resident) == 2;
    fclose(f);
    return good;
}

static int count_open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    if (!d)
        return 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n - 3; /* ".", ".." and the folder itself */
}

static void collect_process(const struct ops *o, struct buf *out)
{
    long size = 0, resident = 0, page = sysconf(_SC_PAGESIZE);
    struct timespec cpu = {0};

    if (read_statm(&size, &resident)) {
        single(out, "process_virtual_memory_bytes", "gauge",
               "Virtual memory in bytes.", (double)size * (double)page);
        single(out, "process_resident_memory_bytes", "gauge",
               "Resident memory in bytes.", (double)resident * (double)page);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    single(out, "process_cpu_seconds_total", "counter",
           "User and system CPU time in seconds.",
           (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    single(out, "process_open_fds", "gauge", "Open file descriptors.",
           count_open_files());
    single(out, "process_start_time_seconds", "gauge",
           "Start of the process, seconds since 1970.",
           (double)o->started_us / 1e6);
    single(out, "sheaf_uptime_seconds", "gauge", "Seconds since the start.",
           (double)(clock_mono_us() - o->started_mono_us) / 1e6);
    ops_metric(out, "sheaf_build_info", "gauge", "The program's version.");
    ops_sample(out, "sheaf_build_info", "version", slice_of(o->opt.version), 1);
}

/* ---- the server ---- */

static void collect_server(const struct ops *o, struct buf *out)
{
    static const char *const classes[] = {"",    "1xx", "2xx",
                                          "3xx", "4xx", "5xx"};
    struct server_stats s = {0};
    int i;

    if (!o->server)
        return;
    server_stats(o->server, &s);
    single(out, "sheaf_http_connections", "gauge", "Connections now.",
           (double)s.connections);
    single(out, "sheaf_http_connections_total", "counter",
           "Connections accepted.", (double)s.connections_total);
    single(out, "sheaf_http_requests_total", "counter", "Requests received.",
           (double)s.requests_total);
    ops_metric(out, "sheaf_http_replies_total", "counter",
               "Replies sent, by class of status.");
    for (i = 1; i <= 5; i++)
        ops_sample(out, "sheaf_http_replies_total", "class",
                   slice_of(classes[i]), (double)s.by_class[i]);
    ops_metric(out, "sheaf_http_queue", "gauge",
               "Requests that wait for a worker.");
    ops_sample(out, "sheaf_http_queue", "pool", SLICE("requests"),
               (double)s.queue_requests);
    ops_sample(out, "sheaf_http_queue", "pool", SLICE("streams"),
               (double)s.queue_streams);
    single(out, "sheaf_http_rejected_total", "counter",
           "Requests refused because a queue was full.",
           (double)s.rejected_total);
}

/* ---- handlers ---- */

static enum err_code healthz(struct request *r, struct err *e)
{
    struct jw j;

    (void)e;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kstr(&j, "status", "ok");
    jw_end_obj(&j);
    return ERR_NONE;
}

/* Write "name": "ok" or the reason; false if the probe fails. */
static bool write_probe(struct jw *j, const struct ops_probe *p)
{
    struct err why = {0};
    bool good = p->check(p->ctx, &why) == ERR_NONE;

    jw_kstr(j, p->name, good && !*why.msg ? "ok" : why.msg);
    return good;
}

static enum err_code readyz(struct request *r, struct err *e)
{
    const struct ops *o = r->ctx;
    bool stopping = o->server && server_stopping(o->server), ready = !stopping;
    const struct ops_probe *p;
    struct buf checks;
    struct jw j;

    buf_init(&checks, 64 * 1024);
    jw_init(&j, &checks);
    jw_obj(&j);
    jw_kstr(&j, "server", stopping ? "stopping" : "ok");
    for (p = o->opt.probes; p && p->name; p++)
        ready &= write_probe(&j, p);
    jw_end_obj(&j);
    if (!buf_ok(&checks)) {
        buf_release(&checks);
        return err_set(e, ERR_INTERNAL, "the reasons do not fit");
    }
    jw_init(&j, reply_json(r, ready ? 200 : 503));
    jw_obj(&j);
    jw_kstr(&j, "status",
            ready      ? "ready"
            : stopping ? "stopping"
                       : "unavailable");
    jw_kraw(&j, "checks", buf_slice(&checks));
    jw_end_obj(&j);
    buf_release(&checks);
    if (!ready)
        reply_header(r, "Retry-After", "1");
    reply_header(r, "Cache-Control", "no-store");
    return ERR_NONE;
}

static enum err_code metrics(struct request *r, struct err *e)
{
    const struct ops *o = r->ctx;
    const struct ops_collector *c;
    struct buf *out;

    (void)e;
    out = reply_text(r, 200, "text/plain; version=0.0.4; charset=utf-8");
    collect_process(o, out);
    collect_server(o, out);
    for (c = o->opt.collectors; c && c->collect; c++)
        c->collect(out, c->ctx);
    reply_header(r, "Cache-Control", "no-store");
    return ERR_NONE;
}

static void write_memory(struct jw *j)
{
    long size = 0, resident = 0, page = sysconf(_SC_PAGESIZE);

    if (read_statm(&size, &resident))
        jw_kint(j, "memory_bytes", (int64_t)resident * page);
    else
        jw_knull(j, "memory_bytes");
}

static enum err_code status(struct request *r, struct err *e)
{
    const struct ops *o = r->ctx;
    const struct ops_describer *d;
    struct server_stats s = {0};
    struct jw j;

    (void)e;
    if (o->server)
        server_stats(o->server, &s);
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kstr(&j, "version", o->opt.version);
    jw_ktime(&j, "started_at", o->started_us);
    jw_kint(&j, "uptime_s", (clock_mono_us() - o->started_mono_us) / US_PER_S);
    write_memory(&j);
    jw_kint(&j, "connections", (int64_t)s.connections);
    jw_kint(&j, "requests_total", (int64_t)s.requests_total);
    for (d = o->opt.describers; d && d->describe; d++)
        d->describe(&j, r->arena, d->ctx);
    jw_end_obj(&j);
    reply_header(r, "Cache-Control", "no-store");
    return ERR_NONE;
}

const struct route ops_routes[] = {
    {
        .method = HTTP_GET,
        .pattern = "/healthz",
        .handle = healthz,
        .policy = POLICY_PUBLIC,
        .run = ON_LOOP,
        .tag = "Operations",
        .summary = "Is the process alive?",
        .schema = "Health",
        .returns = "{\"status\":\"ok\"}",
    },
    {
        .method = HTTP_GET,
        .pattern = "/readyz",
        .handle = readyz,
        .policy = POLICY_PUBLIC,
        .tag = "Operations",
        .summary = "Can it do its work?",
        .doc = "503 with the reasons while something that it needs does not "
               "answer, and from the moment it was asked to stop.",
        .schema = "Readiness",
        .unready_schema = "Readiness",
        .returns = "{\"status\":\"ready\",\"checks\":{\"server\":\"ok\","
                   "\"store\":\"ok\"}}",
    },
    {
        .method = HTTP_GET,
        .pattern = "/metrics",
        .handle = metrics,
        .policy = POLICY_READ,
        .tag = "Operations",
        .summary = "Numbers for Prometheus",
        .doc = "Prometheus text format 0.0.4.",
        .media = "text/plain",
    },
    {
        .method = HTTP_GET,
        .pattern = "/status/",
        .handle = status,
        .policy = POLICY_ADMIN,
        .tag = "Operations",
        .summary = "The process, its data and its work, for people",
        .doc = "What cannot be told at the moment is null; /readyz says why.",
        .schema = "Status",
        .returns =
            "{\"version\":\"0.1.0\",\"started_at\":\"2025-11-03T06:00:00Z\","
            "\"uptime_s\":3600,\"memory_bytes\":73400320,\"connections\":2,"
            "\"requests_total\":1200,\"services\":[\"scraper\",\"backend\"],"
            "\"data_dir\":\"/var/lib/sheaf\","
            "\"disk\":{\"free_bytes\":42949672960,\"total_bytes\":"
            "107374182400},\"database\":\"SQLite 3.40.1, schema 7\","
            "\"jobs\":{\"queued\":0,\"running\":1,\"completed\":42,"
            "\"failed\":0,\"cancelled\":1},\"live_clients\":2}",
    },
    {0},
};
