/* reply_cache.c - the cache of shared_body.h: a chained hash table and a list
 * in order of use, under one lock that is held for a lookup only. */
#include "net/shared_body.h"

#include <pthread.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "net/etag.h"

#define N_BUCKETS 1024

struct entry {
    struct entry *chain;
    struct entry *newer, *older; /* in order of use */
    uint64_t hash, generation;
    struct shared_body *body;
    size_t cost, key_len;
    char key[];
};

struct reply_cache {
    pthread_mutex_t lock;
    size_t max_bytes, bytes;
    uint64_t seed; /* keys come from outside */
    struct entry *newest, *oldest;
    struct entry *buckets[N_BUCKETS];
};

struct reply_cache *reply_cache_new(size_t max_bytes)
{
    struct reply_cache *c = mem_alloc(sizeof(*c));

    if (!c)
        return NULL;
    memset(c, 0, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    c->max_bytes = max_bytes;
    crypto_random(&c->seed, sizeof(c->seed));
    return c;
}

static struct entry **find(struct reply_cache *c, struct slice key,
                           uint64_t hash)
{
    struct entry **at = &c->buckets[hash % N_BUCKETS];

    while (*at && ((*at)->hash != hash ||
                   !slice_eq((struct slice){(*at)->key, (*at)->key_len}, key)))
        at = &(*at)->chain;
    return at;
}

static void list_remove(struct reply_cache *c, struct entry *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void list_add(struct reply_cache *c, struct entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

/* Take the entry at *at out of the cache and free it. */
static void drop(struct reply_cache *c, struct entry **at)
{
    struct entry *e = *at;

    *at = e->chain;
    list_remove(c, e);
    c->bytes -= e->cost;
    shared_body_unref(e->body);
    mem_free(e);
}

static void drop_oldest(struct reply_cache *c)
{
    struct entry *e = c->oldest;

    drop(c, find(c, (struct slice){e->key, e->key_len}, e->hash));
}

void reply_cache_free(struct reply_cache *c)
{
    if (!c)
        return;
    while (c->oldest)
        drop_oldest(c);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

struct shared_body *reply_cache_get(struct reply_cache *c, struct slice key,
                                    uint64_t generation)
{
    uint64_t hash = hash64(key, c->seed);
    struct shared_body *b = NULL;
    struct entry **at;

    pthread_mutex_lock(&c->lock);
    at = find(c, key, hash);
    if (*at && (*at)->generation == generation) {
        list_remove(c, *at);
        list_add(c, *at);
        b = shared_body_ref((*at)->body);
    } else if (*at && (*at)->generation < generation) {
        drop(c, at); /* an older reader must not push out newer data */
    }
    pthread_mutex_unlock(&c->lock);
    return b;
}

void reply_cache_put(struct reply_cache *c, struct slice key,
                     uint64_t generation, struct shared_body *b)
{
    uint64_t hash = hash64(key, c->seed);
    /* The gzip form comes later; papers shrink to a quarter. */
    size_t cost =
        sizeof(struct entry) + key.len + shared_body_bytes(b).len * 5 / 4 + 512;
    struct entry *e, **at;

    if (cost > c->max_bytes / 4)
        return; /* one reply must not empty the cache */
    e = mem_alloc(sizeof(*e) + key.len);
    if (!e)
        return;
    *e = (struct entry){.hash = hash,
                        .generation = generation,
                        .body = shared_body_ref(b),
                        .cost = cost,
                        .key_len = key.len};
    if (key.len)
        memcpy(e->key, key.p, key.len);
    pthread_mutex_lock(&c->lock);
    at = find(c, key, hash);
    if (*at)
        drop(c, at);
    while (c->bytes + cost > c->max_bytes)
        drop_oldest(c);
    at = &c->buckets[hash % N_BUCKETS];
    e->chain = *at;
    *at = e;
    list_add(c, e);
    c->bytes += cost;
    pthread_mutex_unlock(&c->lock);
}
