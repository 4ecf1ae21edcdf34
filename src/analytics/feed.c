/* feed.c - see feed.h.  A page's broadcasts are paced (socketio/paced.h). */
#include "analytics/feed.h"

#include <string.h>

#include "base/mem.h"
#include "socketio/paced.h"

#define PAUSE_MS 50 /* 20 a second */
#define MAX_EVENT ((size_t)1 << 20)
#define MAX_WANTING ((size_t)8 << 20) /* ids; more clients than may connect */

struct feed {
    struct sio_namespace *ns;
    struct paced *pages;
    void (*ask)(void *ctx);
    void *ctx;
    struct buf wanting; /* ids of sockets, each with a NUL */
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

void feed_page(struct feed *f, struct slice page, int64_t count)
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
        paced_tell(f->pages, page, count, buf_slice(&args));
    buf_release(&args);
}

/* ---- life ---- */

struct feed *feed_new(struct sio *sio, void (*ask)(void *ctx), void *ctx)
{
    struct feed *f = mem_need(sizeof(*f));

    f->ask = ask;
    f->ctx = ctx;
    buf_init(&f->wanting, MAX_WANTING);
    f->ns = sio_namespace(
        sio, "/", &(struct sio_handlers){.connected = connected, .ctx = f});
    f->pages = paced_new(f->ns, "new_pageview", PAUSE_MS);
    return f;
}

void feed_start(struct feed *f, struct server *s)
{
    paced_start(f->pages, s);
}

void feed_stop(struct feed *f)
{
    paced_stop(f->pages);
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    paced_free(f->pages);
    buf_release(&f->wanting);
    mem_free(f);
}
