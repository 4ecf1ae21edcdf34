/* app.c - see app.h.
 *
 * Stopping: the server refuses new connections and lets running requests
 * finish; at the same moment the jobs are asked to stop and give their leases
 * back (their webhooks may still need this very server, so it goes last).
 */
#include "cmd/app.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analytics/analytics.h"
#include "backend/backend.h"
#include "base/chroma_url.h"
#include "base/clock.h"
#include "base/log.h"
#include "chroma/chroma_api.h"
#include "cmd/live_events.h"
#include "cmd/metrics.h"
#include "cmd/model.h"
#include "cmd/place.h"
#include "cmd/secrets.h"
#include "cmd/services.h"
#include "cmd/status.h"
#include "jobs/engine.h"
#include "jobs/routes.h"
#include "net/ops.h"
#include "net/redis.h"
#include "net/router.h"
#include "net/server.h"
#include "net/settings.h"
#include "processor/processor.h"
#include "scraper/scraper.h"
#include "socketio/socketio.h"
#include "store/store.h"
#include "vector/index.h"
#include "web/web.h"

#define MAX_VIEWS 8
/* Longer than PostgreSQL takes to go through its log after a crash, mostly;
 * who started us tries again. */
#define DATABASE_WAIT_MS 30000
#define READER_MS 500 /* for one row, when the server stops */

struct app {
    const struct config *config;
    bool serves; /* until a signal; else for a command, which ends soon */
    struct datadir dir;
    struct secrets secrets;
    int services; /* set of enum service */
    struct store *store;
    struct jobs *jobs; /* NULL: no service here has any */
    struct job_view views[MAX_VIEWS];
    struct jobs_api jobs_api;
    struct ops_probe probes[5];
    struct ops_collector collectors[7];
    struct ops_describer describers[5];
    struct ops *ops;
    struct router *router;
    struct app *whole; /* all services, described; NULL: they are all here */
    struct server *server;
    struct scraper *scraper;     /* NULL: runs elsewhere */
    struct backend *backend;     /* NULL: neither it nor the vectors are here */
    struct processor *processor; /* NULL: runs elsewhere */
    struct chroma_api *chroma;   /* as the processor */
    struct vector_crew *crew;    /* helps both to search */
    struct redis *redis;         /* NULL: no redis_url */
    struct sio *live;            /* NULL: nobody could hear of anything */
    struct analytics *analytics; /* NULL: runs elsewhere */
    struct live_events *events;  /* NULL: nobody can listen here */
    pthread_t thread;
    bool threaded; /* app_start was called */
};

static int setting(const struct app *a, const char *key)
{
    return (int)config_int(a->config, key);
}

/* ---- making the parts ---- */

static enum err_code open_store(struct app *a, struct err *e)
{
    struct store_options opt = {
        .database_url = config_str(a->config, "database_url"),
        .data_dir = a->dir.path,
        /* whoever may ask at the same time: all pools, the keeper of the jobs
         * and that of the vectors */
        .connections = setting(a, "pool_requests") + setting(a, "pool_jobs") +
                       setting(a, "pool_streams") + 2,
        .timeout_ms = setting(a, "database_timeout_ms"),
        .wait_ms = a->serves ? DATABASE_WAIT_MS : 0,
        .idempotency_ttl_us =
            config_int(a->config, "idempotency_ttl_s") * US_PER_S,
        .vectors = place_vectors(a->config),
        .index_from = config_int(a->config, "hnsw_from"),
    };

    return store_open(&a->store, &opt, e);
}

static enum err_code make_scraper(struct app *a, struct err *e)
{
    const char *backend_url = config_str(a->config, "backend_url");
    struct scraper_options opt = {
        .store = a->store,
        .arxiv_url = config_str(a->config, "arxiv_url"),
        .arxiv_interval_ms = config_int(a->config, "arxiv_interval_ms"),
        .arxiv_timeout_ms = config_int(a->config, "arxiv_timeout_ms"),
        .contact = config_str(a->config, "contact"),
        .backend_url = backend_url,
        .webhook_secret = a->secrets.webhook,
        .webhook_signing_secret = a->secrets.signing,
        .webhook_timeout_ms = config_int(a->config, "webhook_timeout_ms"),
        .webhook_retry_ms = config_str(a->config, "webhook_retry_ms"),
        .rules_dir = config_str(a->config, "rules_dir"),
    };

    if (!(a->services & SERVICE_SCRAPER))
        return ERR_NONE;
    if (!*backend_url && !(a->services & SERVICE_BACKEND))
        return err_field(e, "backend_url",
                         "backend_url must say where to deliver, because the"
                         " backend does not run in this process");
    return scraper_new(&a->scraper, &opt, e);
}

static void add_views(struct app *a, const struct job_view *views)
{
    for (; views->kind; views++) {
        assert(a->jobs_api.n_views < MAX_VIEWS);
        a->views[a->jobs_api.n_views++] = *views;
    }
}

static void make_jobs(struct app *a)
{
    struct jobs_options opt = {
        .workers = setting(a, "pool_jobs"),
        .lease_ms = config_int(a->config, "job_lease_ms"),
        .backoff_ms = config_int(a->config, "job_backoff_ms"),
        .tick_ms = config_int(a->config, "schedule_tick_ms"),
        .tick = a->scraper ? scraper_tick : NULL,
        .tick_ctx = a->scraper,
    };

    a->jobs_api = (struct jobs_api){.store = a->store, .views = a->views};
    add_views(a, scraper_job_views);
    add_views(a, processor_job_views);
    if (!a->scraper && !a->processor)
        return;
    a->jobs = jobs_new(a->store, &opt);
    a->jobs_api.jobs = a->jobs;
    if (a->scraper)
        scraper_register(a->scraper, a->jobs);
    if (a->processor)
        processor_register(a->processor, a->jobs);
}

/* They want vectors: the job is queued, and here are its workers. */
static void papers_stored(void *ctx)
{
    struct app *a = ctx;

    if (a->jobs)
        jobs_wake(a->jobs);
}

/* The papers' vectors, if they are in this process. */
static enum err_code similar_papers(void *ctx, int64_t id, int k, int64_t *ids,
                                    double *scores, size_t *n, struct err *e)
{
    struct app *a = ctx;

    return processor_similar_papers(a->processor, id, k, ids, scores, n, e);
}

static enum err_code make_backend(struct app *a, struct err *e)
{
    struct backend_options opt = {
        .store = a->store,
        .signing_secret = a->secrets.signing,
        .papers_stored = papers_stored,
        .similar = a->services & SERVICE_PROCESSOR ? similar_papers : NULL,
        .ctx = a,
    };

    if (!(a->services & (SERVICE_BACKEND | SERVICE_PROCESSOR)))
        return ERR_NONE;
    return backend_new(&a->backend, &opt, e);
}

static enum err_code make_chroma(struct app *a, const char *cache_dir,
                                 struct err *e)
{
    return chroma_api_new(
        &a->chroma,
        &(struct chroma_api_options){
            .store = a->store,
            .processor = a->processor,
            .cache_dir = cache_dir,
            .kernel = config_str(a->config, "kernel"),
            .crew = a->crew,
            .memory = (size_t)config_int(a->config, "chroma_memory_mb") << 20,
            .reset = config_bool(a->config, "chroma_reset"),
        },
        e);
}

static enum err_code make_processor(struct app *a, struct err *e)
{
    char cache[4200];
    struct model_dirs dirs;
    struct processor_options opt = {
        .store = a->store,
        .model_dirs = dirs.list,
        .cache_dir = cache,
        .precision = config_str(a->config, "precision"),
        .kernel = config_str(a->config, "kernel"),
        .chroma_token = config_str(a->config, "chroma_token"),
        .llm_url = config_str(a->config, "llm_url"),
        .llm_model = config_str(a->config, "llm_model"),
        .llm_key = config_str(a->config, "llm_key"),
        .llm_context = config_int(a->config, "llm_context"),
        .llm_max_tokens = config_int(a->config, "llm_max_tokens"),
        .llm_timeout_ms = config_int(a->config, "llm_timeout_ms"),
        .ping_ms = config_int(a->config, "ask_ping_ms"),
    };
    enum err_code rc;

    if (!(a->services & SERVICE_PROCESSOR))
        return ERR_NONE;
    if (chroma_url_is(slice_of(config_str(a->config, "vectors"))))
        opt.chroma = config_str(a->config, "vectors");
    rc = model_dirs_find(&dirs, a->config, &a->dir, e);
    if (rc == ERR_NONE)
        rc = datadir_file(&a->dir, "cache", cache, sizeof(cache), e);
    if (rc == ERR_NONE && mkdir(cache, 0700) != 0 && errno != EEXIST)
        opt.cache_dir = NULL; /* it only makes the next start faster */
    if (rc == ERR_NONE)
        rc = vector_crew_new(&a->crew, e);
    opt.crew = a->crew;
    if (rc == ERR_NONE)
        rc = processor_new(&a->processor, &opt, e);
    return rc == ERR_NONE ? make_chroma(a, opt.cache_dir, e) : rc;
}

static void make_sio(struct app *a)
{
    struct sio_options opt = {
        .path = config_str(a->config, "live_path"),
        .name = config_str(a->config, "live_name"),
        .ping_interval_ms = setting(a, "live_ping_interval_ms"),
        .ping_timeout_ms = setting(a, "live_ping_timeout_ms"),
        .connect_timeout_ms = setting(a, "live_connect_timeout_ms"),
        .max_payload = (size_t)setting(a, "live_max_payload"),
        .max_sessions = (size_t)setting(a, "max_connections"),
        .max_sessions_per_ip = (size_t)setting(a, "max_connections_per_ip"),
    };

    a->live = sio_new(&opt);
}

static enum err_code make_redis(struct app *a, struct err *e)
{
    const char *url = config_str(a->config, "redis_url");

    return *url ? redis_new(&a->redis, url, e) : ERR_NONE;
}

/* What readers see live.  Its route is a READ, so private_reads holds here.
 * Where it is not served, what happens is still told to the clients of other
 * processes, if there is a way. */
static enum err_code make_live(struct app *a, struct err *e)
{
    const char *key = config_str(a->config, "redis_key");
    enum err_code rc = ERR_NONE;

    if (!(a->services & SERVICE_ANALYTICS) && !a->redis)
        return ERR_NONE;
    make_sio(a);
    if (a->services & SERVICE_ANALYTICS) {
        rc = analytics_new(
            &a->analytics,
            &(struct analytics_options){
                .store = a->store,
                .sio = a->live,
                .redis = a->redis,
                .redis_key = key,
                .retention_days = config_int(a->config, "retention_days")},
            e);
    } else {
        sio_namespace(a->live, "/", &(struct sio_handlers){.ctx = NULL});
        sio_use_redis(a->live, a->redis, key);
    }
    if (rc == ERR_NONE)
        a->events = live_events_new(a->store, &a->jobs_api, a->live);
    return rc;
}

static enum err_code check_store(void *ctx, struct err *e)
{
    return store_check(ctx, e);
}

static void describe_parts(struct app *a)
{
    int n = 0;

    a->describers[n++] =
        (struct ops_describer){status_settings, (void *)a->config};
    a->describers[n++] = (struct ops_describer){status_datadir, &a->dir};
    a->describers[n++] = (struct ops_describer){status_store, a->store};
    if (a->analytics)
        a->describers[n++] = (struct ops_describer){status_live, a->live};
}

static enum err_code check_redis(void *ctx, struct err *e)
{
    return redis_state(ctx, e);
}

static void add_probes(struct app *a)
{
    int n = 0;

    a->probes[n++] = (struct ops_probe){"store", check_store, a->store};
    if (a->processor) {
        a->probes[n++] =
            (struct ops_probe){"model", processor_check, a->processor};
        a->probes[n++] = (struct ops_probe){"vectors", processor_check_vectors,
                                            a->processor};
    }
    if (a->redis)
        a->probes[n++] = (struct ops_probe){"redis", check_redis, a->redis};
}

static void make_ops(struct app *a)
{
    int n = 0;

    add_probes(a);
    a->collectors[n++] = (struct ops_collector){metrics_store, a->store};
    if (a->services & SERVICE_BACKEND)
        a->collectors[n++] =
            (struct ops_collector){backend_metrics, a->backend};
    if (a->processor)
        a->collectors[n++] =
            (struct ops_collector){processor_metrics, a->processor};
    if (a->chroma)
        a->collectors[n++] =
            (struct ops_collector){chroma_api_metrics, a->chroma};
    if (a->analytics)
        a->collectors[n++] = (struct ops_collector){metrics_live, a->live};
    if (a->redis)
        a->collectors[n++] = (struct ops_collector){metrics_redis, a->redis};
    describe_parts(a);
    a->ops = ops_new(&(struct ops_options){
        .version = SHEAF_VERSION,
        .probes = a->probes,
        .collectors = a->collectors,
        .describers = a->describers,
    });
}

/* Does it run here?  Then the rows to come are its own. */
static bool begin_rows(struct app *a, enum service one)
{
    if (a->services & one)
        router_service(a->router, service_name(one));
    return a->services & one;
}

/* Every service's rows; of those that are not in this process, none. */
static void add_routes(struct app *a)
{
    if (begin_rows(a, SERVICE_SCRAPER)) {
        router_add(a->router, scraper_routes, a->scraper);
        router_add(a->router, scraper_schedule_routes, a->scraper);
        router_add(a->router, scraper_delivery_routes, a->scraper);
    }
    router_service(a->router, NULL);
    router_add(a->router, jobs_routes, &a->jobs_api);
    if (begin_rows(a, SERVICE_BACKEND))
        router_add(a->router, backend_routes, a->backend);
    if (begin_rows(a, SERVICE_BACKEND) || begin_rows(a, SERVICE_PROCESSOR))
        router_add(a->router, backend_neighbour_routes, a->backend);
    if (begin_rows(a, SERVICE_PROCESSOR)) {
        processor_add_routes(a->processor, a->router);
        chroma_api_add_routes(a->chroma, a->router);
    }
    if (begin_rows(a, SERVICE_ANALYTICS)) {
        sio_add_routes(a->live, a->router);
        router_add(a->router, analytics_routes, a->analytics);
        router_add(a->router, analytics_stats_routes, a->analytics);
    }
    if (begin_rows(a, SERVICE_WEB))
        router_add(a->router, web_routes, (void *)&web_files);
    router_service(a->router, NULL);
    router_add(a->router, ops_routes, a->ops);
    router_add(a->router, settings_routes, (void *)a->config);
    router_add_session(a->router);
    router_add_docs(a->router);
}

static enum err_code make_description(struct app **out, const struct config *c,
                                      int services, struct err *e);

/* The desk is for all services at its address.  With a public_url that is a
 * proxy's, which leads to those that are not in this process. */
static enum err_code make_whole(struct app *a, struct err *e)
{
    enum err_code rc;

    if (a->services == SERVICES_ALL)
        return ERR_NONE;
    rc = make_description(&a->whole, a->config, SERVICES_ALL, e);
    if (rc == ERR_NONE)
        router_set_whole(a->router, a->whole->router,
                         a->services & SERVICE_WEB &&
                             *config_str(a->config, "public_url"));
    return rc;
}

static enum err_code make_router(struct app *a, const char *listen,
                                 struct err *e)
{
    enum err_code rc;
    struct router_options opt = {
        .public_url = config_str(a->config, "public_url"),
        .allowed_origins = config_str(a->config, "allowed_origins"),
        .trusted_proxies = config_str(a->config, "trusted_proxies"),
        .private_reads = config_bool(a->config, "private_reads"),
        .local_only = server_listen_is_local(listen),
        .admin_token = a->secrets.token,
        .webhook_secret = a->secrets.webhook,
    };

    a->router = router_new(&opt, e);
    if (!a->router)
        return e ? e->code : ERR_INVALID;
    if ((rc = make_whole(a, e)) != ERR_NONE)
        return rc;
    add_routes(a);
    return ERR_NONE;
}

/* On the loop, when the server begins to stop. */
static void stopping(void *ctx)
{
    struct app *a = ctx;

    if (a->analytics)
        analytics_stop(a->analytics);
    if (a->live) {
        live_events_stop(a->events);
        sio_stop(a->live);
    }
    if (a->redis)
        redis_stop(a->redis);
    if (a->jobs)
        jobs_stop_begin(a->jobs);
}

static enum err_code make_server(struct app *a, const char *listen,
                                 bool signals, struct err *e)
{
    struct server_options opt = {
        .listen = listen,
        .pool_requests = setting(a, "pool_requests"),
        .pool_streams = setting(a, "pool_streams"),
        .max_connections = setting(a, "max_connections"),
        .max_connections_per_ip = setting(a, "max_connections_per_ip"),
        .header_timeout_ms = setting(a, "http_header_timeout_ms"),
        .body_timeout_ms = setting(a, "http_body_timeout_ms"),
        .idle_timeout_ms = setting(a, "http_idle_timeout_ms"),
        .write_timeout_ms = setting(a, "http_write_timeout_ms"),
        .stop_timeout_ms = setting(a, "stop_timeout_ms"),
        .handle_signals = signals,
        .on_stop = stopping,
        .on_stop_ctx = a,
    };
    enum err_code rc = server_new(&a->server, &opt, a->router, e);

    if (rc != ERR_NONE)
        return rc;
    ops_set_server(a->ops, a->server);
    if (a->live) {
        sio_start(a->live, a->server);
        live_events_start(a->events, a->server);
    }
    if (a->analytics)
        analytics_start(a->analytics, a->server);
    if (a->redis)
        redis_start(a->redis, a->server);
    if (a->scraper && !*config_str(a->config, "backend_url"))
        scraper_set_backend_url(a->scraper, server_url(a->server));
    return datadir_publish(&a->dir, server_url(a->server), e);
}

/* ---- life ---- */

/* Nothing is under way yet that would not stand a kill -9.  (The first process
 * of a container is not ended by a signal that it does not handle.) */
static void end_at_once(int signal)
{
    (void)signal;
    _exit(0);
}

enum err_code app_open(struct app **out, const struct config *c,
                       const char *listen, bool signals, struct err *e)
{
    struct app *a = calloc(1, sizeof(*a));
    enum err_code rc;

    if (!a)
        abort();
    a->config = c;
    a->serves = signals;
    a->dir.lock_fd = -1;
    if (signals) { /* until the server takes them */
        signal(SIGTERM, end_at_once);
        signal(SIGINT, end_at_once);
    }
    if (!listen)
        listen = config_str(c, "listen");
    if ((rc = services_read(&a->services, c, e)) != ERR_NONE ||
        (rc = datadir_find(&a->dir, c, e)) != ERR_NONE ||
        (rc = datadir_lock(&a->dir, e)) != ERR_NONE ||
        (rc = secrets_load(&a->secrets, c, &a->dir, e)) != ERR_NONE ||
        (rc = open_store(a, e)) != ERR_NONE ||
        (rc = make_scraper(a, e)) != ERR_NONE ||
        (rc = make_backend(a, e)) != ERR_NONE ||
        (rc = make_processor(a, e)) != ERR_NONE)
        goto out;
    make_jobs(a);
    if ((rc = make_redis(a, e)) != ERR_NONE ||
        (rc = make_live(a, e)) != ERR_NONE)
        goto out;
    make_ops(a);
    if ((rc = make_router(a, listen, e)) != ERR_NONE ||
        (rc = make_server(a, listen, signals, e)) != ERR_NONE)
        goto out;
    *out = a;
    a = NULL;
out:
    app_close(a);
    return rc;
}

const char *app_url(const struct app *a)
{
    return server_url(a->server);
}

const char *app_data_dir(const struct app *a)
{
    return a->dir.path;
}

/* One that only can be described. */
static enum err_code make_description(struct app **out, const struct config *c,
                                      int services, struct err *e)
{
    struct app *a = calloc(1, sizeof(*a));
    enum err_code rc;

    if (!a)
        abort();
    a->config = c;
    a->services = services;
    a->dir.lock_fd = -1;
    make_sio(a); /* it makes its rows itself */
    rc = make_router(a, config_str(c, "listen"), e);
    if (rc != ERR_NONE)
        app_close(a);
    else
        *out = a;
    return rc;
}

enum err_code app_describe(struct buf *out, const struct config *c,
                           struct err *e)
{
    const char *url = config_str(c, "public_url");
    struct app *a = NULL;
    int services;
    enum err_code rc;

    if ((rc = services_read(&services, c, e)) != ERR_NONE ||
        (rc = make_description(&a, c, services, e)) != ERR_NONE)
        return rc;
    router_describe(a->router, slice_of(*url ? url : "/"), out);
    app_close(a);
    return ERR_NONE;
}

static void *serve(void *arg)
{
    struct app *a = arg;

    server_run(a->server);
    return NULL;
}

/* What processes on the same database have committed, on the store's thread. */
static void heard(void *ctx, unsigned what)
{
    struct app *a = ctx;

    if (a->jobs && what & STORE_HEARD_JOBS)
        jobs_wake(a->jobs);
    if (a->processor && what & STORE_HEARD_VECTORS)
        processor_vectors_changed(a->processor);
}

static void others_news(void *ctx, const struct store_news *n)
{
    struct app *a = ctx;

    live_events_hear(a->events, n);
}

/* With a Redis what is told live reaches the others over that. */
static enum err_code listen_to_others(struct app *a, struct err *e)
{
    struct store_hearing h = {
        .heard = heard,
        .news = a->events && !a->redis ? others_news : NULL,
        .ctx = a,
        .share = !a->redis,
    };

    return store_listen(a->store, &h, e);
}

static enum err_code start_work(struct app *a, struct err *e)
{
    enum err_code rc = a->jobs ? jobs_start(a->jobs, e) : ERR_NONE;

    if (rc == ERR_NONE && a->processor)
        rc = processor_start(a->processor, e);
    return rc == ERR_NONE ? listen_to_others(a, e) : rc;
}

enum err_code app_run(struct app *a, struct err *e)
{
    enum err_code rc = start_work(a, e);

    if (rc == ERR_NONE)
        serve(a);
    return rc;
}

enum err_code app_start(struct app *a, struct err *e)
{
    enum err_code rc = a->jobs ? jobs_start(a->jobs, e) : ERR_NONE;

    if (rc != ERR_NONE)
        return rc;
    if (pthread_create(&a->thread, NULL, serve, a) != 0)
        return err_set(e, ERR_INTERNAL, "cannot start a thread");
    a->threaded = true;
    return ERR_NONE;
}

void app_close(struct app *a)
{
    bool told;

    if (!a)
        return;
    if (a->threaded) {
        server_stop(a->server);
        pthread_join(a->thread, NULL);
    }
    store_listen_end(a->store);
    if (a->jobs)
        jobs_stop(a->jobs, config_int(a->config, "stop_timeout_ms"));
    told = live_events_close(a->events, READER_MS);
    if (a->server && (!server_drained(a->server) || !told)) {
        /* A handler is stuck and still uses the parts below.  What was
         * acknowledged is on disk; the kernel does the rest. */
        log_warn("app", "a request did not end in time");
        datadir_unlock(&a->dir);
        _exit(EXIT_SUCCESS);
    }
    server_free(a->server);
    analytics_free(a->analytics);
    sio_free(a->live);
    redis_free(a->redis);
    jobs_free(a->jobs);
    router_free(a->router);
    app_close(a->whole);
    ops_free(a->ops);
    backend_free(a->backend);
    chroma_api_free(a->chroma);
    processor_free(a->processor);
    vector_crew_free(a->crew);
    scraper_free(a->scraper);
    live_events_free(a->events);
    store_close(a->store);
    datadir_unlock(&a->dir);
    free(a);
}
