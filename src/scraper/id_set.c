/* id_set.c - see id_set.h. */
#include "scraper/id_set.h"

#include <stdint.h>

static struct slice *slot_of(const struct id_set *s, struct slice id)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

    for (size_t i = 0; i < id.len; i++)
        h = (h ^ (unsigned char)id.p[i]) * UINT64_C(1099511628211);
    h ^= h >> 32;
    while (s->slots[h & (s->cap - 1)].p &&
           !slice_eq(s->slots[h & (s->cap - 1)], id))
        h++;
    return &s->slots[h & (s->cap - 1)];
}

bool id_set_init(struct id_set *s, struct arena *a, size_t max)
{
    *s = (struct id_set){.arena = a, .cap = 64};
    while (s->cap < max * 2)
        s->cap *= 2;
    s->slots = arena_calloc(a, s->cap, sizeof(*s->slots));
    return s->slots != NULL;
}

bool id_set_has(const struct id_set *s, struct slice id)
{
    return slot_of(s, id)->p != NULL;
}

bool id_set_add(struct id_set *s, struct slice id)
{
    struct slice *slot = slot_of(s, id);

    if (slot->p)
        return true;
    if (s->n + 1 >= s->cap)
        return false;
    *slot = arena_slice(s->arena, id);
    s->n += slot->p != NULL;
    return slot->p != NULL;
}
