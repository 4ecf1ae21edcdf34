/* feed.c - see feed.h.  A page's broadcasts are paced (socketio/paced.h), and
 * with other processes about they go through shared_counts.h first. */
#include "analytics/feed.h"

#include <string.h>

#include "analytics/page.h"
#include "analytics/peers.h"
#include "analytics/shared_counts.h"
#include "base/clock.h"
#include "base/mem.h"
#include "socketio/paced.h"

#define EVENT "new_pageview"
#define PAUSE_MS SHARED_PAUSE_MS /* 20 a second */
#define MAX_EVENT ((size_t)1 << 20)
#define MAX_WANTING ((size_t)8 << 20) /* ids; more clients than may connect */

struct feed {
    struct feed_options opt;
    struct sio_namespace *ns;
    struct paced *pages;
    struct shared_counts *shared; /* NULL: without Redis */
    struct peers *peers;          /* the same */
    struct buf wanting;           /* ids of sockets, each with a NUL */
};

/* ---- snapshot ---- */

static void connected(struct sio_socket *s, void *ctx)
{
    struct feed *f = ctx;
    const char *id = sio_id(s);

    buf_add(&f->wanting, id, strlen(id) + 1);
    f->opt.ask(f->opt.ctx);
    if (f->peers)
        peers_changed(f->peers);
}

static void disconnected(struct sio_socket *s, const char *why, void *ctx)
{
    struct feed *f = ctx;

    (void)s;
    (void)why;
    if (f->peers)
        peers_changed(f->peers);
}

void totals_write(struct jw *j, const struct view_totals *t)
{
    jw_obj(j);
    jw_kint(j, "views", t->views);
    jw_kint(j, "pages", t->pages);
    jw_kint(j, "bot_views", t->bot_views);
    jw_end_obj(j);
}

static void write_snapshot(struct buf *out, const struct view_totals *t,
                           int64_t online)
{
    struct jw j;

    jw_init(&j, out);
    jw_obj(&j);
    jw_key(&j, "totals");
    totals_write(&j, t);
    jw_key(&j, "top_pages");
    jw_arr(&j);
    for (size_t i = 0; i < t->n_top; i++) {
        jw_obj(&j);
        jw_kslice(&j, "page", t->top[i].page);
        jw_kslice(&j, "title", t->top[i].title);
        jw_kint(&j, "count", t->top[i].count);
        jw_end_obj(&j);
    }
    jw_end_arr(&j);
    jw_kint(&j, "online", online);
    jw_end_obj(&j);
}

void feed_snapshot(struct feed *f, const struct view_totals *t)
{
    struct sio_message m = {.event = SLICE("snapshot")};
    struct slice ids = buf_slice(&f->wanting), id;
    struct sio_socket *s;
    struct buf args;

    buf_init(&args, MAX_EVENT);
    write_snapshot(&args, t,
                   (int64_t)sio_count(f->ns) + feed_online_elsewhere(f));
    m.args = buf_slice(&args);
    while (buf_ok(&args) && slice_split(&ids, '\0', &id)) {
        s = id.len ? sio_find(f->ns, id) : NULL; /* it may have left */
        if (s)
            sio_emit(s, &m);
    }
    for (size_t i = 0; f->shared && i < t->n_top; i++)
        shared_counts_known(f->shared, t->top[i].page, t->top[i].count);
    buf_release(&args);
    buf_release(&f->wanting);
    buf_init(&f->wanting, MAX_WANTING);
}

/* ---- pages ---- */

void page_count_write(struct buf *out, struct slice page, int64_t count)
{
    struct jw j;

    jw_init(&j, out);
    jw_obj(&j);
    jw_kslice(&j, "page", page);
    jw_kint(&j, "count", count);
    jw_end_obj(&j);
}

static void tell(void *ctx, struct slice page, int64_t count)
{
    struct feed *f = ctx;
    struct buf args;

    buf_init(&args, MAX_EVENT);
    page_count_write(&args, page, count);
    if (buf_ok(&args))
        paced_tell(f->pages, page, count, buf_slice(&args));
    buf_release(&args);
}

void feed_page(struct feed *f, struct slice page, int64_t count)
{
    if (f->shared)
        shared_counts_own(f->shared, page, count);
    else
        tell(f, page, count);
}

/* ---- other processes ---- */

/* Another process's "new_pageview": taken in, for what clients are told is
 * paced here, and never goes back. */
static bool relayed(const struct sio_event *ev, void *ctx)
{
    struct feed *f = ctx;
    json_t *args = NULL;
    struct slice page;
    int64_t count;
    bool taken;

    if (!f->shared || !slice_is(ev->name, "\"" EVENT "\"") ||
        json_parse(&args, ev->args, NULL) != ERR_NONE)
        return false;
    count = json_get_int(args, "count", 0);
    taken = count > 0 &&
            page_path(json_get_slice(args, "page"), &page, NULL) == ERR_NONE;
    if (taken)
        shared_counts_other(f->shared, page, count);
    json_decref(args);
    return taken;
}

static int64_t clients(void *ctx)
{
    const struct feed *f = ctx;

    return (int64_t)sio_count(f->ns);
}

static void catch_up(void *ctx, int64_t since_us)
{
    const struct feed *f = ctx;

    f->opt.catch_up(f->opt.ctx, since_us);
}

/* What was counted anew before we heard of it was taken for old. */
static void erased_elsewhere(void *ctx, struct slice page)
{
    struct feed *f = ctx;

    shared_counts_forget(f->shared, page);
    paced_forget(f->pages, page);
    f->opt.catch_up(f->opt.ctx, clock_now_us());
}

void feed_erased(struct feed *f, struct slice page)
{
    paced_forget(f->pages, page);
    if (!f->shared)
        return;
    shared_counts_forget(f->shared, page);
    peers_tell_erased(f->peers, page);
}

int64_t feed_online_elsewhere(const struct feed *f)
{
    return f->peers ? peers_online(f->peers) : 0;
}

static void share(struct feed *f)
{
    struct redis *redis = f->opt.redis;

    sio_use_redis(f->opt.sio, redis, f->opt.key);
    paced_keep_local(f->pages); /* the others are told by shared_counts */
    f->shared =
        shared_counts_new(&(struct shared_counts_options){.redis = redis,
                                                          .key = f->opt.key,
                                                          .ns = f->ns,
                                                          .event = EVENT,
                                                          .tell = tell,
                                                          .ctx = f});
    f->peers = peers_new(&(struct peers_options){.redis = redis,
                                                 .key = f->opt.key,
                                                 .clients = clients,
                                                 .catch_up = catch_up,
                                                 .erased = erased_elsewhere,
                                                 .ctx = f});
}

/* ---- life ---- */

struct feed *feed_new(const struct feed_options *opt)
{
    struct feed *f = mem_need(sizeof(*f));

    f->opt = *opt;
    buf_init(&f->wanting, MAX_WANTING);
    f->ns = sio_namespace(opt->sio, "/",
                          &(struct sio_handlers){.connected = connected,
                                                 .disconnected = disconnected,
                                                 .relayed = relayed,
                                                 .ctx = f});
    f->pages = paced_new(f->ns, EVENT, PAUSE_MS);
    if (opt->redis)
        share(f);
    return f;
}

void feed_start(struct feed *f, struct server *s)
{
    paced_start(f->pages, s);
    if (f->shared) {
        shared_counts_start(f->shared, s);
        peers_start(f->peers, s);
    }
}

void feed_stop(struct feed *f)
{
    if (f->shared) {
        shared_counts_stop(f->shared);
        peers_stop(f->peers);
    }
    paced_stop(f->pages);
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    paced_free(f->pages);
    shared_counts_free(f->shared);
    peers_free(f->peers);
    buf_release(&f->wanting);
    mem_free(f);
}
