/* pool.c - one lock, two conditions, a ring: measured at well over the rate at
 * which requests can be parsed, so nothing cleverer is needed. */
#include "net/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/thread.h"

struct work {
    void (*run)(void *arg);
    void *arg;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    pthread_cond_t is_idle;
    struct work *ring;
    size_t cap, first, waiting;
    int running; /* threads inside work */
    int idle;    /* threads waiting for work */
    int n_threads;
    bool stopping, joined;
    pthread_t threads[]; /* n_threads */
};

static void *thread_main(void *arg)
{
    struct pool *p = arg;
    struct work w;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->waiting == 0 && !p->stopping) {
            p->idle++;
            pthread_cond_wait(&p->has_work, &p->lock);
            p->idle--;
        }
        if (p->waiting == 0)
            break;
        w = p->ring[p->first];
        p->first = (p->first + 1) % p->cap;
        p->waiting--;
        p->running++;
        pthread_mutex_unlock(&p->lock);
        w.run(w.arg);
        pthread_mutex_lock(&p->lock);
        p->running--;
        if (p->stopping && p->running == 0 && p->waiting == 0)
            pthread_cond_broadcast(&p->is_idle);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static bool start_threads(struct pool *p, const char *name, int threads)
{
    while (p->n_threads < threads &&
           thread_start(&p->threads[p->n_threads], name, thread_main, p))
        p->n_threads++;
    return p->n_threads == threads;
}

enum err_code pool_new(struct pool **out, const char *name, int threads,
                       size_t max_waiting, struct err *e)
{
    struct pool *p =
        mem_alloc(sizeof(*p) + (size_t)threads * sizeof(p->threads[0]));
    pthread_condattr_t monotonic;

    if (!p)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    memset(p, 0, sizeof(*p));
    p->cap = max_waiting ? max_waiting : 1;
    p->ring = mem_alloc(p->cap * sizeof(p->ring[0]));
    if (!p->ring) {
        mem_free(p);
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->has_work, &monotonic);
    pthread_cond_init(&p->is_idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!start_threads(p, name, threads)) {
        pool_free(p);
        return err_set(e, ERR_UNAVAILABLE, "cannot start a thread");
    }
    *out = p;
    return ERR_NONE;
}

bool pool_submit(struct pool *p, void (*run)(void *arg), void *arg)
{
    bool taken = false, wake = false;

    pthread_mutex_lock(&p->lock);
    if (!p->stopping && p->waiting < p->cap) {
        p->ring[(p->first + p->waiting) % p->cap] = (struct work){run, arg};
        p->waiting++;
        taken = true;
        wake = p->idle > 0;
    }
    pthread_mutex_unlock(&p->lock);
    if (wake)
        pthread_cond_signal(&p->has_work);
    return taken;
}

size_t pool_waiting(const struct pool *p)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&p->lock;
    size_t n;

    pthread_mutex_lock(lock);
    n = p->waiting;
    pthread_mutex_unlock(lock);
    return n;
}

static struct timespec monotonic_after(int64_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static void join_all(struct pool *p)
{
    int i;

    for (i = 0; i < p->n_threads && !p->joined; i++)
        pthread_join(p->threads[i], NULL);
    p->joined = true;
}

bool pool_stop(struct pool *p, int64_t timeout_ms)
{
    struct timespec until = monotonic_after(timeout_ms);
    bool done;
    int rc = 0;

    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->has_work);
    while ((p->running || p->waiting) && rc == 0)
        rc = pthread_cond_timedwait(&p->is_idle, &p->lock, &until);
    done = !p->running && !p->waiting;
    pthread_mutex_unlock(&p->lock);
    if (done)
        join_all(p);
    return done;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->has_work);
    pthread_mutex_unlock(&p->lock);
    join_all(p);
    pthread_cond_destroy(&p->is_idle);
    pthread_cond_destroy(&p->has_work);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->ring);
    mem_free(p);
}
