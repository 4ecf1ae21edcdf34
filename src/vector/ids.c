/* ids.c - sets of ids (index.h): a bitmap if that is small, else a hash table.
 */
#include <string.h>

#include "base/mem.h"
#include "vector/hash.h"
#include "vector/ids.h"

/* A bitmap may take this much, or as much as the hash table would. */
#define BITMAP_BYTES ((uint64_t)1 << 20)

struct vector_ids {
    size_t n;
    int64_t least;
    uint64_t range; /* of the bitmap; 0: there is a table */
    size_t cap;     /* of the table, a power of two; 0: there is a bitmap */
    bool has_none;  /* NONE is in the set */
    /* bitmap or table */
    union {
        uint64_t *bits;
        int64_t *table;
    };
};

#define NONE INT64_MIN /* a free place of the table */

static void table_add(struct vector_ids *s, int64_t id)
{
    size_t i = hash_id(id) & (s->cap - 1);

    if (id == NONE) {
        s->n += !s->has_none;
        s->has_none = true;
        return;
    }
    while (s->table[i] != NONE && s->table[i] != id)
        i = (i + 1) & (s->cap - 1);
    s->n += s->table[i] != id;
    s->table[i] = id;
}

static bool make_bitmap(struct vector_ids *s, const int64_t *ids, size_t n)
{
    size_t words = (size_t)(s->range / 64 + 1);

    s->bits = mem_alloc(words * sizeof(*s->bits));
    if (!s->bits)
        return false;
    memset(s->bits, 0, words * sizeof(*s->bits));
    for (size_t i = 0; i < n; i++) {
        uint64_t at = (uint64_t)ids[i] - (uint64_t)s->least;
        uint64_t bit = (uint64_t)1 << at % 64;

        s->n += !(s->bits[at / 64] & bit);
        s->bits[at / 64] |= bit;
    }
    return true;
}

static bool make_table(struct vector_ids *s, const int64_t *ids, size_t n)
{
    s->range = 0;
    s->cap = 16;
    while (s->cap / 2 < n)
        s->cap *= 2;
    s->table = mem_alloc(s->cap * sizeof(*s->table));
    if (!s->table)
        return false;
    for (size_t i = 0; i < s->cap; i++)
        s->table[i] = NONE;
    for (size_t i = 0; i < n; i++)
        table_add(s, ids[i]);
    return true;
}

enum err_code vector_ids_new(struct vector_ids **out, const int64_t *ids,
                             size_t n, struct err *e)
{
    struct vector_ids *s;
    int64_t most = n > 0 ? ids[0] : 0;
    uint64_t range;
    bool ok;

    if (n > VECTOR_MAX_COUNT)
        return err_set(e, ERR_TOO_LARGE, "a set of %zu ids, more than %u", n,
                       VECTOR_MAX_COUNT);
    s = mem_alloc(sizeof(*s));
    if (!s)
        return err_set(e, ERR_UNAVAILABLE, "set of ids: out of memory");
    *s = (struct vector_ids){.least = most};
    for (size_t i = 0; i < n; i++) {
        s->least = ids[i] < s->least ? ids[i] : s->least;
        most = ids[i] > most ? ids[i] : most;
    }
    range = (uint64_t)most - (uint64_t)s->least; /* less one: may be 2^64 - 1 */
    if (range / 8 < BITMAP_BYTES || range / 8 < (uint64_t)n * 16) {
        s->range = n > 0 ? range + 1 : 0;
        ok = make_bitmap(s, ids, n);
    } else {
        ok = make_table(s, ids, n);
    }
    if (!ok) {
        mem_free(s);
        return err_set(e, ERR_UNAVAILABLE, "set of ids: out of memory");
    }
    *out = s;
    return ERR_NONE;
}

enum err_code vector_ids_of(struct vector_ids **out, const struct buf *ids,
                            struct err *e)
{
    if (!buf_ok(ids))
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    return vector_ids_new(out, (const int64_t *)(const void *)ids->p,
                          ids->len / sizeof(int64_t), e);
}

void vector_ids_free(struct vector_ids *s)
{
    if (s)
        mem_free(s->bits); /* or the table: they share the place */
    mem_free(s);
}

size_t vector_ids_bytes(const struct vector_ids *s)
{
    return sizeof(*s) + (s->cap
                             ? s->cap * sizeof(*s->table)
                             : (size_t)(s->range / 64 + 1) * sizeof(*s->bits));
}

bool vector_ids_has(const struct vector_ids *s, int64_t id)
{
    uint64_t at = (uint64_t)id - (uint64_t)s->least;
    size_t i;

    if (s->cap == 0)
        return at < s->range && s->bits[at / 64] >> at % 64 & 1;
    if (id == NONE)
        return s->has_none;
    i = hash_id(id) & (s->cap - 1);
    while (s->table[i] != NONE && s->table[i] != id)
        i = (i + 1) & (s->cap - 1);
    return s->table[i] == id;
}

size_t vector_ids_count(const struct vector_ids *s)
{
    return s->n;
}

void vector_ids_list(const struct vector_ids *s, int64_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < s->cap; i++)
        if (s->table[i] != NONE)
            out[n++] = s->table[i];
    if (s->has_none)
        out[n++] = NONE;
    for (uint64_t at = 0; s->cap == 0 && at < s->range; at++)
        if (s->bits[at / 64] >> at % 64 & 1)
            out[n++] = (int64_t)((uint64_t)s->least + at);
}

uint16_t ids_in_set(const struct vector_ids *s, const int64_t ids[16])
{
    unsigned in = 0;

    if (s->cap > 0) {
        for (unsigned i = 0; i < 16; i++)
            in |= (unsigned)vector_ids_has(s, ids[i]) << i;
        return (uint16_t)in;
    }
    /* The common case, without a call or a likely misprediction. */
    for (unsigned i = 0; i < 16; i++) {
        uint64_t at = (uint64_t)ids[i] - (uint64_t)s->least;

        if (at < s->range)
            in |= (unsigned)(s->bits[at / 64] >> at % 64 & 1) << i;
    }
    return (uint16_t)in;
}
