/* loop.c - what others may do on the server's loop: see server.h.
 *
 * Posts come through a stack like that of finished requests (server.c): pushed
 * with one compare-and-swap, taken whole, run in the order of their coming.
 */
#include "net/conn.h"

void server_post(struct server *s, struct server_post *p)
{
    p->next = atomic_load_explicit(&s->posts, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &s->posts, &p->next, p, memory_order_release, memory_order_relaxed))
        ;
    uv_async_send(&s->wake);
}

void loop_run_posts(struct server *s)
{
    struct server_post *taken, *p, *in_order = NULL;

    taken = atomic_exchange(&s->posts, NULL);
    while ((p = taken)) {
        taken = p->next;
        p->next = in_order;
        in_order = p;
    }
    while ((p = in_order)) {
        in_order = p->next;
        p->run(p);
    }
}

static void run_hooks(uv_prepare_t *handle)
{
    struct server *s = handle->data;
    struct server_hook *h;

    for (h = s->hooks; h; h = h->next)
        h->run(h);
}

void loop_init(struct server *s)
{
    uv_prepare_init(&s->loop, &s->before_wait);
    s->before_wait.data = s;
}

void server_before_wait(struct server *s, struct server_hook *h)
{
    h->next = s->hooks;
    s->hooks = h;
    uv_prepare_start(&s->before_wait, run_hooks);
}
