/* table.c - see table.h. */
#include "vector/table.h"

#include <string.h>

#include "base/mem.h"
#include "vector/hash.h"

void table_release(struct table *t)
{
    mem_free(t->slots);
    *t = (struct table){0};
}

/* Where the id is, or the free place where it would be. */
static size_t seek(const struct table *t, const struct vector_view *v,
                   int64_t id)
{
    size_t i = hash_id(id) & (t->cap - 1);

    while (t->slots[i] != TABLE_NONE && view_id(v, t->slots[i]) != id)
        i = (i + 1) & (t->cap - 1);
    return i;
}

enum err_code table_reserve(struct table *t, const struct vector_view *v,
                            size_t n, struct err *e)
{
    struct table bigger = {.cap = 16, .n = t->n};

    if (n <= t->cap / 4 * 3)
        return ERR_NONE;
    while (n > bigger.cap / 4 * 3)
        bigger.cap *= 2;
    bigger.slots = mem_alloc(bigger.cap * sizeof(*bigger.slots));
    if (!bigger.slots)
        return err_set(e, ERR_UNAVAILABLE, "vector index: out of memory");
    memset(bigger.slots, 0xFF, bigger.cap * sizeof(*bigger.slots));
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i] != TABLE_NONE)
            bigger.slots[seek(&bigger, v, view_id(v, t->slots[i]))] =
                t->slots[i];
    mem_free(t->slots);
    *t = bigger;
    return ERR_NONE;
}

uint32_t table_find(const struct table *t, const struct vector_view *v,
                    int64_t id)
{
    return t->n > 0 ? t->slots[seek(t, v, id)] : TABLE_NONE;
}

uint32_t table_set(struct table *t, const struct vector_view *v, int64_t id,
                   uint32_t slot)
{
    size_t i = seek(t, v, id);
    uint32_t old = t->slots[i];

    t->n += old == TABLE_NONE;
    t->slots[i] = slot;
    return old;
}

uint32_t table_remove(struct table *t, const struct vector_view *v, int64_t id)
{
    size_t hole, i, mask = t->cap - 1;
    uint32_t old;

    if (t->n == 0)
        return TABLE_NONE;
    hole = seek(t, v, id);
    old = t->slots[hole];
    if (old == TABLE_NONE)
        return old;
    /* Whoever would not be found across the hole moves into it. */
    for (i = (hole + 1) & mask; t->slots[i] != TABLE_NONE; i = (i + 1) & mask) {
        size_t home = hash_id(view_id(v, t->slots[i])) & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = TABLE_NONE;
    t->n--;
    return old;
}
