/* crew.c - one piece of work at a time, whose owner never waits for a thread to
 * come.
 *
 * Waking a thread takes some 50 us, which is a part of a search.  So the owner
 * begins at once, and closes the work when it finds nothing left to do: a
 * thread that comes later finds it closed.  The owner waits only for those that
 * are inside, each of which ends with what it has in hand.
 */
#include "vector/crew.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"

struct vector_crew {
    pthread_mutex_t in_use; /* held by the owner of the work */
    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t has_work, is_left;
    void (*work)(void *ctx, unsigned who); /* NULL: there is none */
    void *ctx;
    uint64_t number; /* of the work */
    unsigned n_came, n_inside;
    bool stopping;
    int load;     /* the file; -1: unknown */
    long n_cores; /* of the machine, whose tasks the file counts */
    unsigned n_threads;
    pthread_t threads[]; /* n_threads */
};

static void *help(void *arg)
{
    struct vector_crew *c = arg;
    uint64_t seen = 0;

    pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        void (*work)(void *ctx, unsigned who) = c->work;
        void *ctx = c->ctx;
        unsigned who;

        if (!work || seen == c->number) {
            pthread_cond_wait(&c->has_work, &c->lock);
            continue;
        }
        seen = c->number;
        who = ++c->n_came;
        c->n_inside++;
        pthread_mutex_unlock(&c->lock);
        work(ctx, who);
        pthread_mutex_lock(&c->lock);
        if (--c->n_inside == 0)
            pthread_cond_signal(&c->is_left);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* Tasks that run or want to, who calls included: "0.41 0.5 0.52 3/321 4711". */
static long tasks(int file)
{
    char text[128], *at = text;
    ssize_t n = file < 0 ? 0 : pread(file, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    for (int i = 0; at && i < 3; i++)
        at = strchr(at + (i > 0), ' ');
    return at ? strtol(at, NULL, 10) : 0;
}

unsigned crew_size(const struct vector_crew *c)
{
    if (!c || c->n_threads == 0 || tasks(c->load) >= c->n_cores)
        return 1;
    return c->n_threads + 1;
}

void crew_run(struct vector_crew *c, void (*work)(void *ctx, unsigned who),
              void *ctx)
{
    if (c->n_threads == 0 || pthread_mutex_trylock(&c->in_use) != 0) {
        work(ctx, 0);
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->work = work;
    c->ctx = ctx;
    c->number++;
    c->n_came = 0;
    pthread_cond_broadcast(&c->has_work);
    pthread_mutex_unlock(&c->lock);

    work(ctx, 0);

    pthread_mutex_lock(&c->lock);
    c->work = NULL;
    while (c->n_inside > 0)
        pthread_cond_wait(&c->is_left, &c->lock);
    pthread_mutex_unlock(&c->lock);
    pthread_mutex_unlock(&c->in_use);
}

/* ---- life ---- */

/* One for each core but the caller's. */
static unsigned threads_wanted(void)
{
    cpu_set_t set;
    int cores =
        sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return cores < CREW_MAX ? (unsigned)cores - 1 : CREW_MAX - 1;
}

enum err_code vector_crew_new(struct vector_crew **out, struct err *e)
{
    return crew_new(out, "/proc/loadavg", e);
}

enum err_code crew_new(struct vector_crew **out, const char *load_file,
                       struct err *e)
{
    unsigned n = threads_wanted();
    struct vector_crew *c =
        mem_alloc(sizeof(*c) + (size_t)n * sizeof(c->threads[0]));

    if (!c)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    *c = (struct vector_crew){
        .load = open(load_file, O_RDONLY | O_CLOEXEC),
        .n_cores = sysconf(_SC_NPROCESSORS_ONLN),
    };
    pthread_mutex_init(&c->in_use, NULL);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->has_work, NULL);
    pthread_cond_init(&c->is_left, NULL);
    while (c->n_threads < n &&
           thread_start(&c->threads[c->n_threads], "search", help, c))
        c->n_threads++;
    if (c->n_threads < n) {
        vector_crew_free(c);
        return err_set(e, ERR_UNAVAILABLE, "cannot start a thread");
    }
    *out = c;
    return ERR_NONE;
}

void vector_crew_free(struct vector_crew *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_broadcast(&c->has_work);
    pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < c->n_threads; i++)
        pthread_join(c->threads[i], NULL);
    if (c->load >= 0)
        close(c->load);
    pthread_cond_destroy(&c->has_work);
    pthread_cond_destroy(&c->is_left);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->in_use);
    mem_free(c);
}
