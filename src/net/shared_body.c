/* shared_body.c - see shared_body.h. */
#include "net/shared_body.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/etag.h"
#include "net/gzip.h"

struct shared_body {
    atomic_int refs;
    char *p; /* owned */
    size_t len;
    char etag[ETAG_TEXT];
    char type[96];
    /* The gzip form is made once; `gzip_done` (release) publishes it. */
    atomic_bool gzip_done;
    pthread_mutex_t gzip_lock;
    char *gz; /* owned; NULL: not smaller */
    size_t gz_len;
};

struct shared_body *shared_body_new(struct buf *bytes, const char *content_type)
{
    struct shared_body *b;
    size_t n = strnlen(content_type, sizeof(b->type) - 1);

    if (!buf_ok(bytes))
        return NULL;
    b = mem_alloc(sizeof(*b));
    if (!b)
        return NULL;
    memset(b, 0, sizeof(*b));
    b->p = buf_take(bytes, &b->len);
    if (!b->p) {
        mem_free(b);
        return NULL;
    }
    atomic_init(&b->refs, 1);
    pthread_mutex_init(&b->gzip_lock, NULL);
    memcpy(b->type, content_type, n);
    etag_of(shared_body_bytes(b), b->etag);
    return b;
}

struct shared_body *shared_body_ref(struct shared_body *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void shared_body_unref(struct shared_body *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&b->gzip_lock);
    mem_free(b->gz);
    mem_free(b->p);
    mem_free(b);
}

struct slice shared_body_bytes(const struct shared_body *b)
{
    return (struct slice){b->p, b->len};
}

const char *shared_body_etag(const struct shared_body *b)
{
    return b->etag;
}

const char *shared_body_type(const struct shared_body *b)
{
    return b->type;
}

/* Called with the lock held. */
static void make_gzip(struct shared_body *b)
{
    struct buf out;
    char *fitted;

    if (b->len < GZIP_MIN || !gzip_type(b->type))
        return;
    buf_init(&out, b->len);
    if (gzip_bytes(shared_body_bytes(b), &out)) {
        b->gz = buf_take(&out, &b->gz_len);
        /* It lives as long as the cache lets it: do not keep the slack. */
        fitted = mem_realloc(b->gz, b->gz_len);
        if (fitted)
            b->gz = fitted;
    }
    buf_release(&out);
}

struct slice shared_body_gzip(struct shared_body *b)
{
    if (!atomic_load_explicit(&b->gzip_done, memory_order_acquire)) {
        pthread_mutex_lock(&b->gzip_lock);
        if (!atomic_load_explicit(&b->gzip_done, memory_order_relaxed)) {
            make_gzip(b);
            atomic_store_explicit(&b->gzip_done, true, memory_order_release);
        }
        pthread_mutex_unlock(&b->gzip_lock);
    }
    return (struct slice){b->gz, b->gz_len};
}
