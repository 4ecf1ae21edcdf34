/* feed.c - see feed.h.
 *
 * A page that was just broadcast is `hot`: it has a timer, and until that fires
 * its counts are only noted.  If nothing came meanwhile it is hot no more, so
 * there are as many hot pages as were viewed within the last moments, however
 * many pages there are.
 */
#include "analytics/feed.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "socketio/names.h"

/* 20 a second.  The server's timers may be late, never early. */
#define PAUSE_MS 50
#define MAX_EVENT ((size_t)1 << 20)
#define MAX_WANTING ((size_t)8 << 20) /* ids; more clients than may connect */

struct hot_page {
    struct server_timer timer;
    struct name_entry name;
    struct feed *feed;
    int64_t count;
    bool moved; /* since the last broadcast */
    char page[];
};

struct feed {
    struct sio_namespace *ns;
    struct server *server;
    void (*ask)(void *ctx);
    void *ctx;
    struct names hot;
    struct buf wanting; /* ids of sockets, each with a NUL */
    bool stopped;
};

/* ---- snapshot ---- */

static void connected(struct sio_socket *s, void *ctx)
{
    struct feed *f = ctx;
    const char *id = sio_id(s);

    buf_add(&f->wanting, id, strlen(id) + 1);
    f->ask(f->ctx);
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
                           size_t online)
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
    jw_kint(&j, "online", (int64_t)online);
    jw_end_obj(&j);
}

void feed_snapshot(struct feed *f, const struct view_totals *t)
{
    struct sio_message m = {.event = SLICE("snapshot")};
    struct slice ids = buf_slice(&f->wanting), id;
    struct sio_socket *s;
    struct buf args;

    buf_init(&args, MAX_EVENT);
    write_snapshot(&args, t, sio_count(f->ns));
    m.args = buf_slice(&args);
    while (buf_ok(&args) && slice_split(&ids, '\0', &id)) {
        s = id.len ? sio_find(f->ns, id) : NULL; /* it may have left */
        if (s)
            sio_emit(s, &m);
    }
    buf_release(&args);
    buf_release(&f->wanting);
    buf_init(&f->wanting, MAX_WANTING);
}

/* ---- pages ---- */

static void broadcast(struct feed *f, struct slice page, int64_t count)
{
    struct buf args;
    struct jw j;

    buf_init(&args, MAX_EVENT);
    jw_init(&j, &args);
    jw_obj(&j);
    jw_kslice(&j, "page", page);
    jw_kint(&j, "count", count);
    jw_end_obj(&j);
    if (buf_ok(&args))
        sio_broadcast(f->ns, NULL,
                      &(struct sio_message){.event = SLICE("new_pageview"),
                                            .args = buf_slice(&args)});
    buf_release(&args);
}

static void tell(struct hot_page *h)
{
    h->moved = false;
    broadcast(h->feed, (struct slice){h->page, h->name.len}, h->count);
    server_timer_set(h->feed->server, &h->timer, PAUSE_MS);
}

static void cool(struct hot_page *h)
{
    server_timer_cancel(h->feed->server, &h->timer);
    names_remove(&h->feed->hot, &h->name);
    mem_free(h);
}

static void pause_over(struct server_timer *t)
{
    struct hot_page *h = (struct hot_page *)t;

    if (h->moved)
        tell(h);
    else
        cool(h);
}

static struct hot_page *hot_of(struct name_entry *n)
{
    return (struct hot_page *)(void *)((char *)n -
                                       offsetof(struct hot_page, name));
}

void feed_page(struct feed *f, struct slice page, int64_t count)
{
    struct name_entry *n = names_find(&f->hot, page);
    struct hot_page *h;

    if (f->stopped || (sio_count(f->ns) == 0 && !n))
        return;
    if (n) {
        h = hot_of(n);
        if (count > h->count)
            h->count = count;
        h->moved = true;
        return;
    }
    h = mem_need(sizeof(*h) + page.len);
    h->feed = f;
    h->timer.fire = pause_over;
    h->count = count;
    memcpy(h->page, page.p, page.len);
    names_add(&f->hot, &h->name, (struct slice){h->page, page.len});
    tell(h);
}

/* ---- life ---- */

struct feed *feed_new(struct sio *sio, void (*ask)(void *ctx), void *ctx)
{
    struct feed *f = mem_need(sizeof(*f));

    f->ask = ask;
    f->ctx = ctx;
    names_init(&f->hot);
    buf_init(&f->wanting, MAX_WANTING);
    f->ns = sio_namespace(
        sio, "/", &(struct sio_handlers){.connected = connected, .ctx = f});
    return f;
}

void feed_start(struct feed *f, struct server *s)
{
    f->server = s;
}

void feed_stop(struct feed *f)
{
    struct name_entry *n;

    f->stopped = true;
    while ((n = names_any(&f->hot))) {
        struct hot_page *h = hot_of(n);

        if (h->moved)
            tell(h);
        cool(h);
    }
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    names_release(&f->hot);
    buf_release(&f->wanting);
    mem_free(f);
}
