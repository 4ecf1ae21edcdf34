/* warm.c - see warm.h. */
#include "processor/warm.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "processor/index_job.h"
#include "processor/processor_impl.h"

/* Others are heard of at once, if at all (store_listen). */
#define LOOK_US (60 * US_PER_S)
#define MIN_RETRY_US (US_PER_S / 4)
#define MAX_RETRY_US (10 * US_PER_S)

struct warmer {
    struct processor *p;
    pthread_t thread;
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t look;
    bool changed, stopping, done;
};

/* Until it is time to look, or to go. */
static bool wait_for_change(struct warmer *w, int64_t us)
{
    int64_t until = clock_mono_us() + us;
    struct timespec ts = {.tv_sec = until / US_PER_S,
                          .tv_nsec = until % US_PER_S * 1000};
    bool late = false, go_on;

    pthread_mutex_lock(&w->lock);
    while (!w->changed && !w->stopping && !late)
        late = pthread_cond_timedwait(&w->look, &w->lock, &ts) != 0;
    w->changed = false;
    go_on = !w->stopping;
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

static enum err_code look(struct processor *p, struct err *e)
{
    struct embed *m;
    struct model_id id;
    enum err_code code = processor_embed(p, &m, e);

    if (code != ERR_NONE || p->copy)
        return code;
    if (store_finds_vectors(p->store))
        return store_makes_index(p->store) ? index_job_want(p, e) : ERR_NONE;
    id = processor_model(m);
    for (int i = 0; i < N_SETS && code == ERR_NONE; i++)
        code = collection_refresh(p->collections[i], &id, e);
    return code;
}

static void note_done(struct warmer *w, int64_t began)
{
    bool first;

    pthread_mutex_lock(&w->lock);
    first = !w->done;
    w->done = true;
    pthread_mutex_unlock(&w->lock);
    if (first && processor_keeps_index(w->p))
        log_info("processor", "the index is filled",
                 LOG_I("ms", (clock_mono_us() - began) / US_PER_MS));
}

/* A change that is told while we look is looked at afterwards.  What fails is
 * told to who asks for it: here it is tried again. */
static void *warm_main(void *arg)
{
    struct warmer *w = arg;
    int64_t pause = 0;

    do {
        int64_t began = clock_mono_us();
        struct err e = {0};

        if (look(w->p, &e) == ERR_NONE) {
            note_done(w, began);
            if (!processor_keeps_index(w->p) && !store_makes_index(w->p->store))
                break;
            pause = 0;
        } else {
            pause = pause ? pause * 2 : MIN_RETRY_US;
            if (pause > MAX_RETRY_US)
                pause = MAX_RETRY_US;
        }
    } while (wait_for_change(w, pause ? pause : LOOK_US));
    return NULL;
}

enum err_code warmer_start(struct warmer **out, struct processor *p,
                           struct err *e)
{
    struct warmer *w = calloc(1, sizeof(*w));
    pthread_condattr_t monotonic;

    if (!w)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    w->p = p;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->look, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (thread_start(&w->thread, "vectors", warm_main, w)) {
        *out = w;
        return ERR_NONE;
    }
    pthread_cond_destroy(&w->look);
    pthread_mutex_destroy(&w->lock);
    free(w);
    return err_set(e, ERR_UNAVAILABLE, "cannot start a thread");
}

void warmer_look(struct warmer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->changed = true;
    pthread_cond_signal(&w->look);
    pthread_mutex_unlock(&w->lock);
}

bool warmer_is_done(struct warmer *w)
{
    bool done = true;

    if (!w)
        return done;
    pthread_mutex_lock(&w->lock);
    done = w->done;
    pthread_mutex_unlock(&w->lock);
    return done;
}

void warmer_stop(struct warmer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->look);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->look);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
