/* paced.c - see paced.h.
 *
 * A thing of which something was just said is `hot`: it has a timer, and until
 * that fires what comes is only noted.  If nothing came meanwhile it is hot no
 * more, so there are as many hot things as changed within the last moments,
 * however many things there are.
 */
#include "socketio/paced.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "socketio/names.h"

struct hot {
    struct server_timer timer; /* first, so that the two convert */
    struct name_entry name;
    struct paced *paced;
    int64_t version;
    char *waiting; /* what was not said yet; NULL: nothing */
    size_t len;
    char key[];
};

struct paced {
    struct sio_namespace *ns;
    struct server *server;
    const char *event;
    int pause_ms;
    struct names hot;
    struct sio_target to;
    bool stopped;
};

static struct hot *hot_of(struct name_entry *n)
{
    return (struct hot *)(void *)((char *)n - offsetof(struct hot, name));
}

static void say(struct hot *h, struct slice args)
{
    struct paced *p = h->paced;

    sio_broadcast(
        p->ns, &p->to,
        &(struct sio_message){.event = slice_of(p->event), .args = args});
    server_timer_set(p->server, &h->timer, p->pause_ms);
}

static void say_waiting(struct hot *h)
{
    char *text = h->waiting;

    h->waiting = NULL;
    say(h, (struct slice){text, h->len});
    mem_free(text);
}

static void cool(struct hot *h)
{
    server_timer_cancel(h->paced->server, &h->timer);
    names_remove(&h->paced->hot, &h->name);
    mem_free(h->waiting);
    mem_free(h);
}

static void pause_over(struct server_timer *t)
{
    struct hot *h = (struct hot *)t;

    if (h->waiting)
        say_waiting(h);
    else
        cool(h);
}

static void note(struct hot *h, int64_t version, struct slice args)
{
    if (version < h->version)
        return;
    h->version = version;
    mem_free(h->waiting);
    h->waiting = mem_strndup(args.p, args.len); /* without memory: not told */
    h->len = args.len;
}

void paced_tell(struct paced *p, struct slice key, int64_t version,
                struct slice args)
{
    struct name_entry *n = names_find(&p->hot, key);
    struct hot *h;

    if (p->stopped)
        return;
    if (n) {
        note(hot_of(n), version, args);
        return;
    }
    if (!sio_is_heard(p->ns, &p->to))
        return;
    h = mem_need(sizeof(*h) + key.len);
    *h = (struct hot){.timer.fire = pause_over, .paced = p, .version = version};
    memcpy(h->key, key.p, key.len);
    names_add(&p->hot, &h->name, (struct slice){h->key, key.len});
    say(h, args);
}

void paced_forget(struct paced *p, struct slice key)
{
    struct name_entry *n = names_find(&p->hot, key);

    if (n)
        cool(hot_of(n));
}

/* ---- life ---- */

struct paced *paced_new(struct sio_namespace *ns, const char *event,
                        int pause_ms)
{
    struct paced *p = mem_need(sizeof(*p));

    *p = (struct paced){.ns = ns, .event = event, .pause_ms = pause_ms};
    names_init(&p->hot);
    return p;
}

void paced_keep_local(struct paced *p)
{
    p->to.local = true;
}

void paced_start(struct paced *p, struct server *s)
{
    p->server = s;
}

void paced_stop(struct paced *p)
{
    struct name_entry *n;

    p->stopped = true;
    while ((n = names_any(&p->hot))) {
        struct hot *h = hot_of(n);

        if (h->waiting)
            say_waiting(h);
        cool(h);
    }
}

void paced_free(struct paced *p)
{
    if (!p)
        return;
    names_release(&p->hot);
    mem_free(p);
}
