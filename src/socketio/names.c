/* names.c - see names.h. */
#include "socketio/names.h"

#include <assert.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "net/etag.h"

#define MIN_CHAINS 16

void names_init(struct names *t)
{
    *t = (struct names){0};
    crypto_random(&t->seed, sizeof(t->seed));
}

void names_release(struct names *t)
{
    mem_free(t->chains);
    *t = (struct names){0};
}

static struct name_entry **chain(const struct names *t, uint32_t hash)
{
    return &t->chains[hash & (t->n_chains - 1)];
}

static void resize(struct names *t, uint32_t n_chains)
{
    struct name_entry **old = t->chains, *e, *next;
    uint32_t n_old = t->n_chains, i;

    t->chains = mem_need(n_chains * sizeof(t->chains[0]));
    t->n_chains = n_chains;
    for (i = 0; i < n_old; i++) {
        for (e = old[i]; e; e = next) {
            next = e->next;
            e->next = *chain(t, e->hash);
            *chain(t, e->hash) = e;
        }
    }
    mem_free(old);
}

void names_add(struct names *t, struct name_entry *e, struct slice key)
{
    assert(!names_find(t, key));
    if (t->n == t->n_chains)
        resize(t, t->n_chains ? t->n_chains * 2 : MIN_CHAINS);
    e->key = key.p;
    e->len = (uint32_t)key.len;
    e->hash = (uint32_t)hash64(key, t->seed);
    e->next = *chain(t, e->hash);
    *chain(t, e->hash) = e;
    t->n++;
}

struct name_entry *names_find(const struct names *t, struct slice key)
{
    uint32_t hash;
    struct name_entry *e;

    if (t->n == 0)
        return NULL;
    hash = (uint32_t)hash64(key, t->seed);
    for (e = *chain(t, hash); e; e = e->next)
        if (e->hash == hash && slice_eq(key, (struct slice){e->key, e->len}))
            return e;
    return NULL;
}

void names_remove(struct names *t, struct name_entry *e)
{
    struct name_entry **at = chain(t, e->hash);

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    t->n--;
    if (t->n == 0) {
        mem_free(t->chains);
        t->chains = NULL;
        t->n_chains = 0;
    } else if (t->n_chains > MIN_CHAINS && t->n < t->n_chains / 8) {
        resize(t, t->n_chains / 2);
    }
}

struct name_entry *names_any(const struct names *t)
{
    return names_next(t, NULL);
}

struct name_entry *names_next(const struct names *t,
                              const struct name_entry *after)
{
    uint32_t i = 0;

    if (after && after->next)
        return after->next;
    if (after)
        i = (uint32_t)(chain(t, after->hash) - t->chains) + 1;
    for (; i < t->n_chains; i++)
        if (t->chains[i])
            return t->chains[i];
    return NULL;
}
