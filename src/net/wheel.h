/* wheel.h - deadlines of many connections, coarse and cheap.
 *
 * A hashed timing wheel: setting, moving and cancelling a deadline each touch
 * two pointers, and one timer serves all.  Deadlines fire late by at most one
 * tick.  A deadline further away than one turn stays in its slot and is looked
 * at once a turn.
 *
 * Threads: one wheel belongs to one thread (the loop).
 */
#ifndef NET_WHEEL_H
#define NET_WHEEL_H

#include <stddef.h>
#include <stdint.h>

#define WHEEL_SLOTS 256

struct wheel_entry { /* embedded in what has a deadline; zero: not set */
    struct wheel_entry *next, **prev;
    int64_t at_ms;
};

struct wheel {
    struct wheel_entry *slots[WHEEL_SLOTS];
    int64_t tick_ms;
    int64_t now_tick; /* ticks up to this one were handled */
    size_t n;         /* entries set */
};

void wheel_init(struct wheel *w, int64_t tick_ms, int64_t now_ms);
/* Set or move. */
void wheel_set(struct wheel *w, struct wheel_entry *e, int64_t at_ms);
void wheel_cancel(struct wheel *w, struct wheel_entry *e); /* also if not set */
/* Call `fire` for each entry whose time has come, having cancelled it.  It may
 * set and cancel any entry. */
void wheel_turn(struct wheel *w, int64_t now_ms,
                void (*fire)(struct wheel_entry *e, void *ctx), void *ctx);

#endif
