/* postgres_known.c - see postgres_known.h.
 *
 * 256 entries are searched one by one, by a hash first: 0.1 us, nothing beside
 * the round trip that follows.
 */
#include "store/postgres_known.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define N_ENTRIES 256
#define N_GATES 16
#define MAX_IDS (2u << 20) /* of all: 16 MB */

struct entry {
    uint64_t hash, used; /* used: the clock below; 0: free */
    char *key;
    size_t key_len;
    uint64_t generation;
    int64_t count;
    int64_t *ids;
    size_t n_ids;
};

struct known {
    pthread_mutex_t lock;
    uint64_t clock;
    size_t n_ids;
    struct entry entries[N_ENTRIES];
    pthread_mutex_t gates[N_GATES];
};

struct known *known_new(void)
{
    struct known *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    pthread_mutex_init(&g->lock, NULL);
    for (int i = 0; i < N_GATES; i++)
        pthread_mutex_init(&g->gates[i], NULL);
    return g;
}

static void clear(struct known *g, struct entry *t)
{
    g->n_ids -= t->n_ids;
    free(t->key);
    free(t->ids);
    *t = (struct entry){0};
}

void known_free(struct known *g)
{
    if (!g)
        return;
    for (int i = 0; i < N_ENTRIES; i++)
        clear(g, &g->entries[i]);
    for (int i = 0; i < N_GATES; i++)
        pthread_mutex_destroy(&g->gates[i]);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static uint64_t hash(struct slice key)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (size_t i = 0; i < key.len; i++)
        h = (h ^ (unsigned char)key.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* The following are called with the lock held. */
static struct entry *find(struct known *g, struct slice key)
{
    uint64_t h = hash(key);

    for (int i = 0; i < N_ENTRIES; i++) {
        struct entry *t = &g->entries[i];

        if (t->used && t->hash == h &&
            slice_eq((struct slice){t->key, t->key_len}, key)) {
            t->used = ++g->clock;
            return t;
        }
    }
    return NULL;
}

/* The one unused for longest; with_ids: of those that have any, if there are.
 */
static struct entry *find_oldest(struct known *g, bool with_ids)
{
    struct entry *oldest = NULL;

    for (int i = 0; i < N_ENTRIES; i++) {
        struct entry *t = &g->entries[i];

        if ((!with_ids || t->n_ids) && (!oldest || t->used < oldest->used))
            oldest = t;
    }
    return oldest;
}

/* Found, or made in the place of the one unused for longest.  NULL: out of
 * memory; then nothing is kept, and nothing is wrong. */
static struct entry *make(struct known *g, struct slice key)
{
    struct entry *t = find(g, key), *oldest;
    char *copy;

    if (t)
        return t;
    copy = malloc(key.len + 1);
    if (!copy)
        return NULL;
    oldest = find_oldest(g, false);
    clear(g, oldest);
    memcpy(copy, key.p, key.len);
    *oldest = (struct entry){
        .hash = hash(key), .used = ++g->clock, .key = copy, .key_len = key.len};
    return oldest;
}

bool known_count(struct known *g, struct slice key, uint64_t *generation,
                 int64_t *count)
{
    struct entry *t;

    pthread_mutex_lock(&g->lock);
    t = find(g, key);
    if (t) {
        *generation = t->generation;
        *count = t->count;
    }
    pthread_mutex_unlock(&g->lock);
    return t != NULL;
}

void known_put_count(struct known *g, struct slice key, uint64_t generation,
                     int64_t count)
{
    struct entry *t;

    pthread_mutex_lock(&g->lock);
    t = make(g, key);
    if (t && generation >= t->generation) {
        t->generation = generation;
        t->count = count;
    }
    pthread_mutex_unlock(&g->lock);
}

bool known_anchor(struct known *g, struct slice key, uint64_t generation,
                  size_t *i, int64_t *id)
{
    struct entry *t;
    bool known;

    pthread_mutex_lock(&g->lock);
    t = find(g, key);
    known = t && t->generation == generation && t->n_ids > 0;
    if (known) {
        *i = *i < t->n_ids ? *i : t->n_ids - 1;
        *id = t->ids[*i];
    }
    pthread_mutex_unlock(&g->lock);
    return known;
}

size_t known_ids(struct known *g, struct slice key, uint64_t generation,
                 size_t from, int64_t *ids, size_t n)
{
    struct entry *t;

    pthread_mutex_lock(&g->lock);
    t = find(g, key);
    if (!t || t->generation != generation || from >= t->n_ids)
        n = 0;
    else if (n > t->n_ids - from)
        n = t->n_ids - from;
    if (n)
        memcpy(ids, t->ids + from, n * sizeof(*ids));
    pthread_mutex_unlock(&g->lock);
    return n;
}

void known_put_ids(struct known *g, struct slice key, uint64_t generation,
                   int64_t *ids, size_t n)
{
    struct entry *t;

    if (!ids)
        return;
    pthread_mutex_lock(&g->lock);
    t = make(g, key);
    if (t && generation >= t->generation) {
        free(t->ids);
        g->n_ids += n - t->n_ids;
        t->ids = ids;
        t->n_ids = n;
        t->generation = generation;
        ids = NULL;
        while (g->n_ids > MAX_IDS)
            clear(g, find_oldest(g, true));
    }
    pthread_mutex_unlock(&g->lock);
    free(ids);
}

void known_enter(struct known *g, struct slice key)
{
    pthread_mutex_lock(&g->gates[hash(key) % N_GATES]);
}

void known_leave(struct known *g, struct slice key)
{
    pthread_mutex_unlock(&g->gates[hash(key) % N_GATES]);
}
