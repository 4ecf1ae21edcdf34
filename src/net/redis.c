/* redis.c - see redis.h.
 *
 *         retry                both links are ready
 *   IDLE ------> RESOLVING --> CONNECTING ----------------> UP
 *     ^              |             |                         |
 *     '--------------'-------------'-------------------------'
 *        redis_lost(): an error, no answer in 5 s, no beat for 6 s, a cluster
 *        that is not whole
 *
 * Subscriptions are confirmed in the order in which they were asked for, and
 * that to the beat is the last: when it is confirmed, all are heard.  A beat is
 * its time of sending, so when it comes back we know until when all that others
 * published has come.
 */
#include "net/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/redis_impl.h"
#include "net/server.h"

#define CONNECT_MS 5000
#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 5000
/* A refused command is a remark for so long: who was refused asks again. */
#define REFUSED_US (10 * US_PER_S)

/* ---- lost ---- */

/* 100 ms, 200 ms ... 5 s; somewhere in the upper half of that, so that many
 * processes do not come at once. */
static uint64_t retry_ms(const struct redis *r)
{
    unsigned doublings = r->attempts < 6 ? r->attempts : 6;
    uint64_t ms = RETRY_FIRST_MS << doublings;
    uint32_t any;

    ms = ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
    crypto_random(&any, sizeof(any));
    return ms / 2 + any % (ms / 2 + 1);
}

static void close_links(struct redis *r)
{
    struct redis_link *commands = r->commands, *events = r->events;

    r->commands = r->events = NULL;
    r->commands_ready = r->events_ready = false;
    if (events)
        redis_link_close(events);
    if (commands)
        redis_link_close(commands);
    redis_nodes_close(r);
}

static void try_again(uv_timer_t *t);

void redis_lost(struct redis *r, const char *why)
{
    bool was_up = r->step == REDIS_UP;
    struct redis_watcher *w;

    if (r->step == REDIS_IDLE || r->stopping)
        return;
    pthread_mutex_lock(&r->lock);
    snprintf(r->why, sizeof(r->why), "%s", why);
    pthread_mutex_unlock(&r->lock);
    if (!r->complained)
        log_warn("redis", "away; this process goes on alone",
                 LOG_S("host", r->url.host), LOG_I("port", r->url.port),
                 LOG_S("error", r->why));
    r->complained = true;
    r->step = REDIS_IDLE;
    atomic_store(&r->is_up, false);
    uv_timer_start(&r->timer, try_again, retry_ms(r), 0);
    r->attempts++;
    close_links(r);
    for (w = was_up ? r->watchers : NULL; w; w = w->next)
        w->down(w);
}

static void link_ended(struct redis_link *l, const char *why)
{
    struct redis *r = l->redis;

    if (l == r->commands)
        r->commands = NULL;
    if (l == r->events)
        r->events = NULL;
    redis_lost(r, why);
}

/* ---- up ---- */

void redis_beat(struct redis *r)
{
    char now[24];
    int n = snprintf(now, sizeof(now), "%lld", (long long)clock_now_us());
    struct slice args[] = {
        SLICE("PUBLISH"), slice_of(r->beat), {now, (size_t)n}};

    if (!redis_link_send(r->commands, NULL, NULL, args, 3))
        redis_lost(r, "the connection is closing");
}

static void tick(uv_timer_t *t)
{
    struct redis *r = t->data;

    if (clock_mono_us() - r->heard_mono_us > REDIS_SILENT_MS * US_PER_MS) {
        redis_lost(r, "it is silent");
    } else if (r->is_cluster) {
        redis_nodes_beat(r);
        redis_cluster_check(r);
    } else {
        redis_beat(r);
    }
}

static void is_up(struct redis *r)
{
    struct redis_watcher *w;

    r->step = REDIS_UP;
    r->attempts = 0;
    r->heard_mono_us = clock_mono_us();
    r->heard_us = clock_now_us();
    atomic_store(&r->is_up, true);
    atomic_fetch_add(&r->connects, 1);
    log_info("redis", r->complained ? "it is back" : "connected",
             LOG_S("host", r->commands->at.ip),
             LOG_I("port", r->commands->at.port));
    r->complained = false;
    uv_timer_start(&r->timer, tick, REDIS_BEAT_MS, REDIS_BEAT_MS);
    for (w = r->watchers; w; w = w->next)
        w->up(w);
}

/* ---- connecting ---- */

/* Of AUTH, SELECT, PING: the last one is the answer that counts. */
static void answered_setup(redisAsyncContext *ac, void *reply, void *ctx)
{
    struct redis_link *l = ctx;
    struct redis *r = l->redis;
    char why[200];

    (void)ac;
    if (!reply || (l != r->commands && l != r->events))
        return;
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) {
        snprintf(why, sizeof(why), "%.*s", SLICE_ARG(redis_text(reply)));
        redis_lost(r, why);
    } else if (slice_is(redis_text(reply), "PONG")) {
        r->commands_ready = true;
        if (r->events_ready)
            redis_beat(r);
    }
}

static void commands_opened(struct redis_link *l)
{
    struct redis *r = l->redis;
    char number[24];
    int n = snprintf(number, sizeof(number), "%d", r->url.database);
    struct slice select[] = {SLICE("SELECT"), {number, (size_t)n}};
    struct slice ping = SLICE("PING");

    redis_link_login(l, answered_setup);
    if (r->url.database)
        redis_link_send(l, answered_setup, l, select, 2);
    r->beats = 0;
    redis_cluster_check(r);
    redis_link_send(l, answered_setup, l, &ping, 1);
}

/* "subscribe" channel n; "message" channel text; "pmessage" pattern channel
 * text. */
static void came(redisAsyncContext *ac, void *data, void *ctx)
{
    struct redis_sub *s = ctx;
    struct redis *r = s->redis;
    redisReply *reply = data, **part;
    size_t n = s->pattern ? 4 : 3;

    (void)ac;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != n)
        return;
    part = reply->element;
    if (!slice_is(redis_text(part[0]), s->pattern ? "pmessage" : "message"))
        return;
    atomic_fetch_add(&r->heard, 1);
    s->heard(s->ctx, redis_text(part[n - 2]), redis_text(part[n - 1]));
}

static void came_beat(redisAsyncContext *ac, void *data, void *ctx)
{
    struct redis *r = ctx;
    redisReply *reply = data;
    int64_t sent;

    (void)ac;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return;
    if (slice_is(redis_text(reply->element[0]), "subscribe")) {
        r->events_ready = true;
        if (r->commands_ready)
            redis_beat(r);
        return;
    }
    if (r->step == REDIS_CONNECTING)
        is_up(r);
    r->heard_mono_us = clock_mono_us();
    if (slice_to_i64(redis_text(reply->element[2]), &sent))
        r->heard_us = sent;
}

static void events_opened(struct redis_link *l)
{
    struct redis *r = l->redis;
    struct slice args[2];

    redis_link_login(l, answered_setup);
    for (struct redis_sub *s = r->subs; s; s = s->next) {
        args[0] = s->pattern ? SLICE("PSUBSCRIBE") : SLICE("SUBSCRIBE");
        args[1] = slice_of(s->channel);
        redis_link_send(l, came, s, args, 2);
    }
    args[0] = SLICE("SUBSCRIBE");
    args[1] = slice_of(r->beat);
    redis_link_send(l, came_beat, r, args, 2);
}

static void connect_late(uv_timer_t *t)
{
    redis_lost(t->data, "no answer");
}

static void connect_to(struct redis *r, const char *ip, int port)
{
    r->step = REDIS_CONNECTING;
    r->commands = redis_link_open(r, ip, port);
    r->events = redis_link_open(r, ip, port);
    if (!r->commands || !r->events) {
        redis_lost(r, "cannot connect");
        return;
    }
    r->commands->opened = commands_opened;
    r->events->opened = events_opened;
    r->commands->ended = r->events->ended = link_ended;
    uv_timer_start(&r->timer, connect_late, CONNECT_MS, 0);
}

static void resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct redis *r = req->data;
    struct addrinfo *a;
    char ip[REDIS_ADDRESS] = "";
    unsigned n = 0, pick;

    for (a = list; a; a = a->ai_next)
        n++;
    pick = n ? r->attempts % n : 0;
    for (a = list; a && pick > 0; a = a->ai_next)
        pick--;
    if (a)
        uv_ip_name(a->ai_addr, ip, sizeof(ip));
    uv_freeaddrinfo(list);
    if (r->stopping || r->step != REDIS_RESOLVING)
        return;
    if (status < 0 || !*ip)
        redis_lost(r, status < 0 ? uv_strerror(status) : "no address");
    else
        connect_to(r, ip, r->url.port);
}

static bool is_numeric(const char *host)
{
    struct in6_addr any;

    return uv_inet_pton(AF_INET, host, &any) == 0 ||
           uv_inet_pton(AF_INET6, host, &any) == 0;
}

/* Every second attempt goes to a node that we know of, if it is a cluster: the
 * one that was named may be the one that has gone. */
static void try_again(uv_timer_t *t)
{
    struct redis *r = t->data;
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM};
    int rc;

    if (r->n_known && r->attempts % 2) {
        const struct redis_node_address *at =
            &r->known[r->attempts / 2 % r->n_known];

        connect_to(r, at->ip, at->port);
        return;
    }
    if (is_numeric(r->url.host)) {
        connect_to(r, r->url.host, r->url.port);
        return;
    }
    r->step = REDIS_RESOLVING;
    r->resolve.data = r;
    rc = uv_getaddrinfo(server_loop(r->server), &r->resolve, resolved,
                        r->url.host, NULL, &hints);
    if (rc < 0)
        redis_lost(r, uv_strerror(rc));
}

/* ---- life ---- */

enum err_code redis_new(struct redis **out, const char *url, struct err *e)
{
    struct redis *r = mem_need(sizeof(*r));
    const char *wrong = redis_url_parse(&r->url, slice_of(url));
    char token[17];
    enum err_code rc =
        wrong ? err_field(e, "redis_url", "'redis_url' is not right: %s", wrong)
              : redis_lib_load(e);

    if (rc != ERR_NONE) {
        mem_free(r);
        return rc;
    }
    crypto_token(token, sizeof(token) - 1);
    snprintf(r->beat, sizeof(r->beat), "sheaf-beat#%s", token);
    pthread_mutex_init(&r->lock, NULL);
    snprintf(r->why, sizeof(r->why), "not connected yet");
    *out = r;
    return ERR_NONE;
}

void redis_subscribe(struct redis *r, const char *channel, bool pattern,
                     redis_heard *heard, void *ctx)
{
    size_t len = strlen(channel) + 1;
    struct redis_sub *s = mem_need(sizeof(*s) + len);

    *s = (struct redis_sub){.next = r->subs,
                            .redis = r,
                            .heard = heard,
                            .ctx = ctx,
                            .pattern = pattern};
    memcpy(s->channel, channel, len);
    r->subs = s;
}

void redis_watch(struct redis *r, struct redis_watcher *w)
{
    w->next = r->watchers;
    r->watchers = w;
}

void redis_start(struct redis *r, struct server *s)
{
    r->server = s;
    r->timer.data = r;
    uv_timer_init(server_loop(s), &r->timer);
    uv_timer_start(&r->timer, try_again, 0, 0);
}

void redis_stop(struct redis *r)
{
    if (r->stopping)
        return;
    r->stopping = true;
    atomic_store(&r->is_up, false);
    if (r->step == REDIS_RESOLVING)
        uv_cancel((uv_req_t *)&r->resolve);
    r->step = REDIS_IDLE;
    if (r->commands)
        redis_link_flush(r->commands);
    redis_nodes_flush(r);
    close_links(r);
    uv_close((uv_handle_t *)&r->timer, NULL);
}

void redis_free(struct redis *r)
{
    struct redis_sub *s;

    if (!r)
        return;
    while ((s = r->subs)) {
        r->subs = s->next;
        mem_free(s);
    }
    pthread_mutex_destroy(&r->lock);
    mem_free(r->slots);
    mem_free(r);
}

/* ---- asking ---- */

bool redis_is_up(const struct redis *r)
{
    return r->step == REDIS_UP;
}

int64_t redis_heard_us(const struct redis *r)
{
    return r->heard_us;
}

void redis_stats(const struct redis *r, struct redis_stats *out)
{
    *out = (struct redis_stats){
        .up = atomic_load(&r->is_up),
        .connects_total = atomic_load(&r->connects),
        .published_total = atomic_load(&r->published),
        .heard_total = atomic_load(&r->heard),
        .dropped_total = atomic_load(&r->dropped),
    };
}

enum err_code redis_state(struct redis *r, struct err *e)
{
    bool up = atomic_load(&r->is_up);
    int64_t refused = atomic_load(&r->refused_mono_us);

    if (up && (!refused || clock_mono_us() - refused > REFUSED_US))
        return ERR_NONE;
    pthread_mutex_lock(&r->lock);
    if (up)
        err_set(e, ERR_NONE, "refuses some keys (%s): asked again", r->refusal);
    else
        err_set(e, ERR_NONE, "away (%s): this process goes on alone", r->why);
    pthread_mutex_unlock(&r->lock);
    return ERR_NONE;
}
