/* peers.c - see peers.h.
 *
 * On the channel KEY-sheaf# each process says
 *
 *     {"from":"<id>","online":3}               and every 5 s
 *     {"from":"<id>","online":3,"hello":true}  others answer at once
 *     {"from":"<id>","bye":true}
 *     {"from":"<id>","erased":"/page"}
 *
 * No key with an expiry: the snapshot of a client wants the number at once, and
 * in a cluster the keys would be on several nodes.
 */
#include "analytics/peers.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"

#define SAY_MS 5000             /* at least so often */
#define CHANGE_MS 200           /* after a change */
#define LOST_US (15 * US_PER_S) /* not heard for so long */
#define MAX_PEERS 1000
#define MAX_CLIENTS 10000000 /* that are believed */
#define MAX_MESSAGE ((size_t)64 << 10)

struct peer {
    char id[17];
    int64_t online;
    int64_t heard_us; /* monotonic */
    int64_t heard_at; /* wall clock */
};

struct peers {
    struct redis_watcher watcher; /* first, so that the two convert */
    struct peers_options opt;
    struct server *server;
    struct server_timer timer;
    char id[17];
    char *channel;
    struct peer *list;
    size_t n;
    int64_t away_since; /* wall clock */
    bool up, due, stopped;
    _Atomic int64_t online;
};

static void sum_up(struct peers *p)
{
    int64_t all = 0;

    for (size_t i = 0; i < p->n; i++)
        all += p->list[i].online;
    atomic_store(&p->online, all);
}

/* ---- saying ---- */

static void begin_text(struct peers *p, struct buf *b, struct jw *j)
{
    buf_init(b, MAX_MESSAGE);
    jw_init(j, b);
    jw_obj(j);
    jw_kstr(j, "from", p->id);
}

static void send_text(struct peers *p, struct buf *b, struct jw *j)
{
    jw_end_obj(j);
    if (buf_ok(b))
        redis_publish(p->opt.redis, slice_of(p->channel), buf_slice(b));
    buf_release(b);
}

static void say_online(struct peers *p, bool hello)
{
    struct buf b;
    struct jw j;

    begin_text(p, &b, &j);
    jw_kint(&j, "online", p->opt.clients(p->opt.ctx));
    if (hello)
        jw_kbool(&j, "hello", true);
    send_text(p, &b, &j);
    p->due = false;
    server_timer_set(p->server, &p->timer, SAY_MS);
}

void peers_changed(struct peers *p)
{
    if (!p->up || p->due || p->stopped)
        return;
    p->due = true;
    server_timer_set(p->server, &p->timer, CHANGE_MS);
}

void peers_tell_erased(struct peers *p, struct slice page)
{
    struct buf b;
    struct jw j;

    begin_text(p, &b, &j);
    jw_kslice(&j, "erased", page);
    send_text(p, &b, &j);
}

/* ---- hearing ---- */

static void remove_at(struct peers *p, size_t i)
{
    p->list[i] = p->list[--p->n];
    sum_up(p);
}

static void forget_silent(struct peers *p)
{
    int64_t now = clock_mono_us(), since = INT64_MAX;

    for (size_t i = p->n; i-- > 0;) {
        if (now - p->list[i].heard_us < LOST_US)
            continue;
        since = p->list[i].heard_at < since ? p->list[i].heard_at : since;
        remove_at(p, i);
    }
    if (since < INT64_MAX)
        p->opt.catch_up(p->opt.ctx, since);
}

static void time_over(struct server_timer *t)
{
    struct peers *p = (void *)((char *)t - offsetof(struct peers, timer));

    forget_silent(p);
    say_online(p, false);
}

static struct peer *peer_of(struct peers *p, const char *id)
{
    size_t i;

    for (i = 0; i < p->n; i++)
        if (strcmp(p->list[i].id, id) == 0)
            return &p->list[i];
    if (p->n == MAX_PEERS)
        return NULL;
    if (!p->list)
        p->list = mem_need(MAX_PEERS * sizeof(*p->list));
    p->list[p->n] = (struct peer){.online = 0};
    memcpy(p->list[p->n].id, id, strlen(id) + 1);
    return &p->list[p->n++];
}

static void heard_online(struct peers *p, const char *id, const json_t *said)
{
    int64_t online = json_get_int(said, "online", -1);
    struct peer *peer;

    if (online < 0 || online > MAX_CLIENTS)
        return;
    peer = peer_of(p, id);
    if (!peer)
        return;
    peer->online = online;
    peer->heard_us = clock_mono_us();
    peer->heard_at = clock_now_us();
    sum_up(p);
}

static void heard_bye(struct peers *p, const char *id)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->list[i].id, id) == 0) {
            remove_at(p, i);
            return;
        }
    }
}

static void heard(void *ctx, struct slice channel, struct slice message)
{
    struct peers *p = ctx;
    json_t *said = NULL;
    struct slice from, erased;

    (void)channel;
    if (p->stopped || !p->up || message.len > MAX_MESSAGE ||
        json_parse(&said, message, NULL) != ERR_NONE)
        return;
    from = json_get_slice(said, "from");
    erased = json_get_slice(said, "erased");
    if (from.len == sizeof(p->id) - 1 && !slice_is(from, p->id)) {
        if (json_is_true(json_object_get(said, "bye")))
            heard_bye(p, from.p);
        else
            heard_online(p, from.p, said);
        if (erased.len)
            p->opt.erased(p->opt.ctx, erased);
        if (json_is_true(json_object_get(said, "hello")))
            say_online(p, false);
    }
    json_decref(said);
}

/* ---- Redis comes and goes ---- */

static void up(struct redis_watcher *w)
{
    struct peers *p = (struct peers *)w;

    if (p->stopped)
        return;
    p->up = true;
    say_online(p, true);
    p->opt.catch_up(p->opt.ctx, p->away_since);
}

/* Each goes on alone.  Of a cluster that fell apart one part may have been
 * heard for longer than the others. */
static void down(struct redis_watcher *w)
{
    struct peers *p = (struct peers *)w;

    p->up = p->due = false;
    p->away_since = redis_heard_us(p->opt.redis);
    while (p->n > 0)
        if (p->list[--p->n].heard_at < p->away_since)
            p->away_since = p->list[p->n].heard_at;
    sum_up(p);
    server_timer_cancel(p->server, &p->timer);
}

/* ---- life ---- */

struct peers *peers_new(const struct peers_options *opt)
{
    struct peers *p = mem_need(sizeof(*p));
    size_t size = strlen(opt->key) + sizeof("-sheaf#");

    p->opt = *opt;
    p->watcher.up = up;
    p->watcher.down = down;
    p->timer.fire = time_over;
    p->away_since = clock_now_us();
    crypto_token(p->id, sizeof(p->id) - 1);
    p->channel = mem_need(size);
    snprintf(p->channel, size, "%s-sheaf#", opt->key);
    redis_subscribe(opt->redis, p->channel, false, heard, p);
    redis_watch(opt->redis, &p->watcher);
    return p;
}

void peers_start(struct peers *p, struct server *s)
{
    p->server = s;
}

int64_t peers_online(const struct peers *p)
{
    return atomic_load(&p->online);
}

void peers_stop(struct peers *p)
{
    struct buf b;
    struct jw j;

    p->stopped = true;
    begin_text(p, &b, &j);
    jw_kbool(&j, "bye", true);
    send_text(p, &b, &j);
    server_timer_cancel(p->server, &p->timer);
}

void peers_free(struct peers *p)
{
    if (!p)
        return;
    mem_free(p->channel);
    mem_free(p->list);
    mem_free(p);
}
