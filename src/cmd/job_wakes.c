/* job_wakes.c - see job_wakes.h.
 *
 * A message on KEY-jobs# says "there is work", no more: who hears it asks the
 * database.  Much work queued at once is one message.
 */
#include "cmd/job_wakes.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct job_wakes {
    struct server_post post; /* first, so that the two convert */
    struct redis *redis;
    struct jobs *jobs;
    char *channel;
    pthread_mutex_t lock; /* over what follows */
    struct server *server;
    bool posted, closed;
};

static void heard(void *ctx, struct slice channel, struct slice message)
{
    struct job_wakes *w = ctx;

    (void)channel;
    (void)message;
    if (w->jobs)
        jobs_wake(w->jobs);
}

static void run_post(struct server_post *post)
{
    struct job_wakes *w = (struct job_wakes *)post;

    pthread_mutex_lock(&w->lock);
    w->posted = false;
    pthread_mutex_unlock(&w->lock);
    redis_publish(w->redis, slice_of(w->channel), SLICE("work"));
}

struct job_wakes *job_wakes_new(struct redis *redis, const char *key,
                                struct jobs *jobs)
{
    struct job_wakes *w = mem_need(sizeof(*w));
    size_t size = strlen(key) + sizeof("-jobs#");

    w->post.run = run_post;
    w->redis = redis;
    w->jobs = jobs;
    w->channel = mem_need(size);
    snprintf(w->channel, size, "%s-jobs#", key);
    pthread_mutex_init(&w->lock, NULL);
    redis_subscribe(redis, w->channel, false, heard, w);
    return w;
}

void job_wakes_start(struct job_wakes *w, struct server *s)
{
    pthread_mutex_lock(&w->lock);
    w->server = s;
    pthread_mutex_unlock(&w->lock);
}

void job_wakes_tell(struct job_wakes *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    if (w->server && !w->posted && !w->closed) {
        w->posted = true;
        server_post(w->server, &w->post);
    }
    pthread_mutex_unlock(&w->lock);
}

void job_wakes_close(struct job_wakes *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->closed = true;
    pthread_mutex_unlock(&w->lock);
}

void job_wakes_free(struct job_wakes *w)
{
    if (!w)
        return;
    pthread_mutex_destroy(&w->lock);
    mem_free(w->channel);
    mem_free(w);
}
