/* sqlite_cache.c - what is kept about filters; see sqlite_filter.h.
 *
 * A list with the most recently used in front.  It has some dozens of entries
 * (16 MB at up to 1 MB each, most are small), so a walk is cheaper than the
 * bookkeeping of a hash table would be.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/sqlite_filter.h"

#define MAX_ENTRIES 256

struct filter_cache {
    pthread_mutex_t lock;
    pthread_cond_t made;
    struct kept *first;
    size_t bytes;
    int n;
};

struct filter_cache *filter_cache_new(void)
{
    struct filter_cache *f = calloc(1, sizeof(*f));

    if (f) {
        pthread_mutex_init(&f->lock, NULL);
        pthread_cond_init(&f->made, NULL);
    }
    return f;
}

static void kept_free(struct kept *k)
{
    free(k->key);
    free(k->bits);
    free(k->ids);
    free(k);
}

static void drop_ref(struct kept *k)
{
    if (--k->refs == 0)
        kept_free(k);
}

/* Take the entry at *at out of the list; the list's reference goes. */
static void unlink_at(struct filter_cache *f, struct kept **at)
{
    struct kept *k = *at;

    *at = k->next;
    f->bytes -= k->bytes;
    f->n--;
    drop_ref(k);
}

void filter_cache_free(struct filter_cache *f)
{
    if (!f)
        return;
    while (f->first)
        unlink_at(f, &f->first);
    pthread_cond_destroy(&f->made);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void kept_release(struct sqlite_store *s, struct kept *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&s->filters->lock);
    drop_ref(k);
    pthread_mutex_unlock(&s->filters->lock);
}

/* ---- keys ---- */

static void key_text(struct buf *b, struct slice s)
{
    buf_add_u64(b, s.len); /* lengths keep the parts apart */
    buf_add_char(b, ':');
    buf_add_slice(b, s);
}

static void make_key(struct buf *b, const struct paper_query *q, char order,
                     uint64_t marks)
{
    buf_add_char(b, order);
    key_text(b, q->category);
    key_text(b, q->source);
    key_text(b, q->tag);
    key_text(b, q->author);
    key_text(b, q->search);
    buf_printf(b, "%a,%lld,%lld,%lld,%lld,",
               q->min_relevance < 0 ? -1. : q->min_relevance,
               (long long)q->published_after, (long long)q->published_before,
               (long long)q->created_after, (long long)q->created_before);
    if (q->prefix)
        buf_add_char(b, '*');
    if (q->ids)
        key_text(b, (struct slice){(const char *)q->ids,
                                   q->n_ids * sizeof(*q->ids)});
    if (filter_asks_marks(q))
        buf_printf(b, "m%d%d%d,%llu", (int)q->read, (int)q->starred,
                   (int)q->noted, (unsigned long long)marks);
}

/* ---- get and make ---- */

static bool is_it(const struct kept *k, struct slice key, uint64_t generation)
{
    return k->generation == generation && k->key_len == key.len &&
           memcmp(k->key, key.p, key.len) == 0;
}

/* Found: moved to the front.  Called with the lock held. */
static struct kept *find(struct filter_cache *f, struct slice key,
                         uint64_t generation)
{
    for (struct kept **at = &f->first; *at; at = &(*at)->next) {
        struct kept *k = *at;

        if (!is_it(k, key, generation))
            continue;
        *at = k->next;
        k->next = f->first;
        f->first = k;
        return k;
    }
    return NULL;
}

/* An entry that is being made, with a reference of the list and the maker's. */
static struct kept *add_unmade(struct filter_cache *f, struct slice key,
                               uint64_t generation)
{
    struct kept *k = calloc(1, sizeof(*k));

    if (k)
        k->key = malloc(key.len);
    if (!k || !k->key) {
        free(k);
        return NULL;
    }
    memcpy(k->key, key.p, key.len);
    k->key_len = key.len;
    k->generation = generation;
    k->refs = 2;
    k->next = f->first;
    f->first = k;
    f->n++;
    return k;
}

enum err_code kept_get(struct sqlite_store *s, const struct paper_query *q,
                       char order, struct data_age age, struct kept **out,
                       bool *make, struct err *e)
{
    struct filter_cache *f = s->filters;
    struct buf key;
    struct kept *k = NULL;

    *make = false;
    buf_init(&key, 64u << 20);
    make_key(&key, q, order, age.marks);
    pthread_mutex_lock(&f->lock);
    while (buf_ok(&key) && (k = find(f, buf_slice(&key), age.papers))) {
        if (k->ready) {
            k->refs++;
            break;
        }
        pthread_cond_wait(&f->made, &f->lock);
    }
    if (!k && buf_ok(&key)) {
        k = add_unmade(f, buf_slice(&key), age.papers);
        *make = true;
    }
    pthread_mutex_unlock(&f->lock);
    buf_release(&key);
    *out = k;
    return k ? ERR_NONE : err_set(e, ERR_INTERNAL, "out of memory");
}

/* Old generations first: nobody comes back for them.  Then the least recently
 * used.  What is being made stays.  Called with the lock held. */
static void make_room(struct filter_cache *f, uint64_t newest)
{
    struct kept **at = &f->first, **last;

    while (*at) {
        if ((*at)->ready && (*at)->generation < newest)
            unlink_at(f, at);
        else
            at = &(*at)->next;
    }
    while (f->bytes > FILTER_CACHE_BYTES || f->n > MAX_ENTRIES) {
        last = NULL;
        for (at = &f->first; *at; at = &(*at)->next)
            if ((*at)->ready)
                last = at;
        if (!last)
            break;
        unlink_at(f, last);
    }
}

void kept_made(struct sqlite_store *s, struct kept *k, bool ok)
{
    struct filter_cache *f = s->filters;
    struct kept **at;

    pthread_mutex_lock(&f->lock);
    for (at = &f->first; *at != k; at = &(*at)->next)
        ;
    if (ok) {
        k->ready = true;
        k->bytes = sizeof(*k) + k->key_len + k->n_words * sizeof(*k->bits) +
                   k->n_ids * sizeof(*k->ids);
        f->bytes += k->bytes;
        make_room(f, k->generation);
    } else {
        unlink_at(f, at);
        drop_ref(k); /* the maker's */
    }
    pthread_cond_broadcast(&f->made);
    pthread_mutex_unlock(&f->lock);
}
