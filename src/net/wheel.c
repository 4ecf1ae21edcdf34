/* wheel.c - see the header.  Varghese and Lauck, "Hashed and Hierarchical
 * Timing Wheels", scheme 6.  A heap was the alternative: log n for each of the
 * three deadlines that a request sets, for a precision that nobody needs. */
#include "net/wheel.h"

void wheel_init(struct wheel *w, int64_t tick_ms, int64_t now_ms)
{
    *w = (struct wheel){.tick_ms = tick_ms, .now_tick = now_ms / tick_ms};
}

static void link_at(struct wheel *w, struct wheel_entry *e, int64_t tick)
{
    struct wheel_entry **head = &w->slots[tick % WHEEL_SLOTS];

    e->next = *head;
    e->prev = head;
    if (e->next)
        e->next->prev = &e->next;
    *head = e;
    w->n++;
}

void wheel_cancel(struct wheel *w, struct wheel_entry *e)
{
    if (!e->prev)
        return;
    *e->prev = e->next;
    if (e->next)
        e->next->prev = e->prev;
    e->prev = NULL;
    e->next = NULL;
    w->n--;
}

void wheel_set(struct wheel *w, struct wheel_entry *e, int64_t at_ms)
{
    /* The tick at whose end the time has surely come, never one handled. */
    int64_t tick = at_ms / w->tick_ms + 1;

    wheel_cancel(w, e);
    e->at_ms = at_ms;
    link_at(w, e, tick > w->now_tick ? tick : w->now_tick + 1);
}

void wheel_turn(struct wheel *w, int64_t now_ms,
                void (*fire)(struct wheel_entry *e, void *ctx), void *ctx)
{
    int64_t last = now_ms / w->tick_ms;
    struct wheel_entry *e, *due;

    if (last - w->now_tick > WHEEL_SLOTS) /* every slot once is enough */
        w->now_tick = last - WHEEL_SLOTS;
    while (w->now_tick < last) {
        w->now_tick++;
        /* Take the slot's list away first: `fire` may change the wheel, and
         * what it sets must not be met again in this pass. */
        due = w->slots[w->now_tick % WHEEL_SLOTS];
        w->slots[w->now_tick % WHEEL_SLOTS] = NULL;
        if (due)
            due->prev = &due;
        while ((e = due)) {
            wheel_cancel(w, e);
            if (e->at_ms > now_ms)
                wheel_set(w, e, e->at_ms); /* a later turn */
            else
                fire(e, ctx);
        }
    }
}
