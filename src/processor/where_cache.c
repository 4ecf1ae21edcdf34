/* where_cache.c - see where_cache.h. */
#include "processor/where_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* One filter must not empty the cache. */
#define MOST_BYTES (WHERE_CACHE_BYTES / 4)

struct where_set {
    atomic_uint refs; /* one of them is the cache's, if it is kept */
    struct vector_ids *ids;
    size_t bytes;
    uint64_t used; /* the greatest was used last */
    size_t len;
    char text[];
};

struct where_cache {
    pthread_mutex_t lock; /* of what follows */
    struct where_set *sets[WHERE_CACHE_SETS];
    size_t n, bytes;
    uint64_t version, now;
};

const struct vector_ids *where_set_ids(const struct where_set *s)
{
    return s->ids;
}

void where_set_release(struct where_set *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    vector_ids_free(s->ids);
    free(s);
}

struct where_cache *where_cache_new(void)
{
    struct where_cache *c = calloc(1, sizeof(*c));

    if (c)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

/* ---- under the lock ---- */

static void drop(struct where_cache *c, size_t i)
{
    c->bytes -= c->sets[i]->bytes;
    where_set_release(c->sets[i]);
    c->sets[i] = c->sets[--c->n];
}

static void drop_oldest(struct where_cache *c)
{
    size_t oldest = 0;

    for (size_t i = 1; i < c->n; i++)
        if (c->sets[i]->used < c->sets[oldest]->used)
            oldest = i;
    drop(c, oldest);
}

/* A version never comes again. */
static void become(struct where_cache *c, uint64_t version)
{
    if (version <= c->version)
        return;
    while (c->n)
        drop(c, c->n - 1);
    c->version = version;
}

/* Its number, or c->n. */
static size_t find(const struct where_cache *c, struct slice text)
{
    size_t i = 0;

    while (i < c->n && (c->sets[i]->len != text.len ||
                        memcmp(c->sets[i]->text, text.p, text.len) != 0))
        i++;
    return i;
}

static void keep(struct where_cache *c, struct where_set *s)
{
    size_t same = find(c, (struct slice){s->text, s->len});

    if (same < c->n) /* two made it at once */
        drop(c, same);
    while (c->n == WHERE_CACHE_SETS || c->bytes + s->bytes > WHERE_CACHE_BYTES)
        drop_oldest(c);
    atomic_fetch_add(&s->refs, 1);
    s->used = ++c->now;
    c->sets[c->n++] = s;
    c->bytes += s->bytes;
}

/* ---- for callers ---- */

void where_cache_free(struct where_cache *c)
{
    if (!c)
        return;
    while (c->n)
        drop(c, c->n - 1);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

struct where_set *where_cache_get(struct where_cache *c, const struct where *w,
                                  uint64_t version)
{
    struct where_set *s = NULL;
    size_t i;

    pthread_mutex_lock(&c->lock);
    become(c, version);
    i = c->version == version ? find(c, where_text(w)) : c->n;
    if (i < c->n) {
        s = c->sets[i];
        s->used = ++c->now;
        atomic_fetch_add(&s->refs, 1);
    }
    pthread_mutex_unlock(&c->lock);
    return s;
}

static struct where_set *set_new(struct slice text, struct vector_ids *ids)
{
    struct where_set *s = malloc(sizeof(*s) + text.len);

    if (!s) {
        vector_ids_free(ids);
        return NULL;
    }
    *s = (struct where_set){.refs = 1,
                            .ids = ids,
                            .bytes =
                                sizeof(*s) + text.len + vector_ids_bytes(ids),
                            .len = text.len};
    if (text.len)
        memcpy(s->text, text.p, text.len);
    return s;
}

struct where_set *where_set_new(struct vector_ids *ids)
{
    return set_new(SLICE_NONE, ids);
}

struct where_set *where_cache_put(struct where_cache *c, const struct where *w,
                                  uint64_t version, struct vector_ids *ids)
{
    struct where_set *s = set_new(where_text(w), ids);

    if (!s)
        return NULL;
    pthread_mutex_lock(&c->lock);
    become(c, version);
    if (c->version == version && s->bytes <= MOST_BYTES)
        keep(c, s);
    pthread_mutex_unlock(&c->lock);
    return s;
}
