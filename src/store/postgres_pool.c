/* postgres_pool.c - see postgres_pool.h.
 *
 * After a failed attempt to connect, the next waits; calls meanwhile fail at
 * once with the reason, unless connections are out that may come back: a server
 * without room for more (max_connections) answers through those that it has.
 * While the server is away one thread at a time tries it, for an attempt may
 * hang for as long as connect_timeout.
 *
 * A connection that died while idle is noticed before anything is sent, and
 * another is taken.  One whose server fell silent, or takes no writes any more,
 * takes the idle ones with it: the next call would only fare the same.
 *
 * Waiting threads stand in a queue.  Without it a thread that gives a
 * connection back and asks again at once would mostly win against one that is
 * being woken.
 */
#include "store/postgres_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"

#define MIN_BACKOFF_US (50 * US_PER_MS)
#define MAX_BACKOFF_US (2 * US_PER_S)
#define WAIT_S 10 /* for a connection when all are busy */

struct waiter {
    struct waiter *next;
};

struct pg_pool {
    struct pg_target target; /* texts owned */
    int max_open;

    pthread_mutex_t lock;   /* over what follows */
    pthread_cond_t changed; /* for those who wait */
    struct pg_conn **idle;  /* owned; the last given is the first taken */
    int n_idle, n_open;     /* open: idle, taken or being connected */
    int n_probing;          /* of these, to see whether the server is back */
    struct waiter *first;   /* on the stacks of their threads */
    struct waiter **last;
    bool silent; /* since somebody waited in vain */
    struct backoff backoff;
    int64_t retry_at;      /* monotonic us: no new connection before */
    struct err last_error; /* of the last attempt */
};

int64_t backoff_next(struct backoff *b, int64_t max_us)
{
    int64_t next = b->us ? b->us * 2 : MIN_BACKOFF_US;
    uint32_t jitter;

    b->us = next < max_us ? next : max_us;
    crypto_random(&jitter, sizeof(jitter));
    return b->us / 2 + (int64_t)(jitter % (uint32_t)(b->us / 2));
}

/* ---- connecting; all with the lock held ---- */

static bool is_away(const struct pg_pool *p)
{
    return p->backoff.us != 0;
}

static void note_success(struct pg_pool *p)
{
    if (is_away(p))
        log_info("store", "PostgreSQL is back");
    p->backoff.us = p->retry_at = 0;
    p->silent = false;
}

static void note_failure(struct pg_pool *p, const struct err *why)
{
    if (!is_away(p))
        log_warn("store", "PostgreSQL is away", LOG_S("reason", why->msg));
    p->retry_at = clock_mono_us() + backoff_next(&p->backoff, MAX_BACKOFF_US);
    p->last_error = *why;
}

/* May a new one be opened now? */
static bool may_connect(const struct pg_pool *p)
{
    return p->n_open < p->max_open && clock_mono_us() >= p->retry_at &&
           !(is_away(p) && p->n_probing);
}

/* Releases the lock while connecting. */
static enum err_code connect_one(struct pg_pool *p, struct pg_conn **out,
                                 struct err *e)
{
    struct err why = {0};
    bool probing = is_away(p);
    enum err_code code;

    p->n_open++;
    p->n_probing += probing;
    pthread_mutex_unlock(&p->lock);
    code = pg_open(out, &p->target, &why);
    pthread_mutex_lock(&p->lock);
    p->n_probing -= probing;
    if (code == ERR_NONE) {
        note_success(p);
    } else {
        p->n_open--;
        if (code == ERR_UNAVAILABLE)
            note_failure(p, &why);
        if (e)
            *e = why;
    }
    pthread_cond_broadcast(&p->changed);
    return code;
}

static void close_idle(struct pg_pool *p)
{
    while (p->n_idle > 0) {
        pg_close(p->idle[--p->n_idle]);
        p->n_open--;
    }
}

/* One that is alive, or NULL. */
static struct pg_conn *idle_one(struct pg_pool *p)
{
    while (p->n_idle > 0) {
        struct pg_conn *c = p->idle[--p->n_idle];

        if (pg_alive(c))
            return c;
        pg_close(c);
        p->n_open--;
    }
    return NULL;
}

/* ---- the queue; all with the lock held ---- */

static void join_queue(struct pg_pool *p, struct waiter *w)
{
    w->next = NULL;
    *p->last = w;
    p->last = &w->next;
}

static void leave_queue(struct pg_pool *p, struct waiter *w)
{
    struct waiter **at = &p->first;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (p->last == &w->next)
        p->last = at;
    if (p->first)
        pthread_cond_broadcast(&p->changed);
}

/* Are there connections that may be had soon?  Also those on their way since
 * before the server was known to be away: of many that are asked for at once it
 * may grant some. */
static bool may_come(const struct pg_pool *p)
{
    return p->n_open > p->n_probing && !p->silent;
}

/* What the first in the queue does; true: it is over, with *code.  Who connects
 * leaves the queue for that time. */
static bool try_take(struct pg_pool *p, struct waiter *w, struct pg_conn **out,
                     enum err_code *code, struct err *e)
{
    *code = ERR_NONE;
    *out = idle_one(p);
    if (*out)
        return true;
    if (may_connect(p)) {
        leave_queue(p, w);
        *code = connect_one(p, out, e);
        join_queue(p, w);
        return *code != ERR_UNAVAILABLE || !may_come(p);
    }
    if (!is_away(p) || may_come(p))
        return false;
    if (e)
        *e = p->last_error;
    *code = p->last_error.code;
    return true;
}

/* ---- taking and giving ---- */

static enum err_code too_busy(const struct pg_pool *p, struct err *e)
{
    if (is_away(p))
        return err_set(e, ERR_UNAVAILABLE, "%s", p->last_error.msg);
    return err_set(e, ERR_UNAVAILABLE,
                   "all %d connections to PostgreSQL are busy", p->n_open);
}

enum err_code pg_pool_take(struct pg_pool *p, struct pg_conn **out,
                           struct err *e)
{
    enum err_code code = ERR_NONE;
    struct waiter w;
    struct timespec until;
    bool late = false;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&p->lock);
    join_queue(p, &w);
    while (p->first != &w || !try_take(p, &w, out, &code, e)) {
        if (p->first == &w && p->n_idle > 0)
            continue; /* given back while it tried in vain to connect */
        if (late) {
            code = too_busy(p, e);
            break;
        }
        late =
            pthread_cond_timedwait(&p->changed, &p->lock, &until) == ETIMEDOUT;
    }
    leave_queue(p, &w);
    pthread_mutex_unlock(&p->lock);
    return code;
}

void pg_pool_give(struct pg_pool *p, struct pg_conn *c)
{
    bool alive, silent, retired;

    pg_reset(c);
    alive = pg_alive(c);
    silent = pg_was_silent(c);
    retired = pg_is_retired(c);
    if (!alive)
        pg_close(c);
    pthread_mutex_lock(&p->lock);
    if (alive)
        p->idle[p->n_idle++] = c;
    else
        p->n_open--;
    if (silent && !p->silent) {
        p->silent = true;
        note_failure(p, &(struct err){ERR_UNAVAILABLE, "",
                                      "PostgreSQL does not answer"});
    }
    if (silent || retired)
        close_idle(p);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

/* Nobody tells when a server begins to listen: it has to be tried. */
void pg_pool_await(struct pg_pool *p, int64_t us)
{
    int64_t until = clock_mono_us() + us;
    struct backoff b = {0};

    while (!pg_answers(&p->target) && clock_mono_us() < until) {
        bool is_first = b.us == 0;
        int64_t pause = backoff_next(&b, US_PER_S);
        struct timespec ts = {.tv_sec = pause / US_PER_S,
                              .tv_nsec = pause % US_PER_S * 1000};

        if (is_first)
            log_info("store", "waiting for PostgreSQL",
                     LOG_I("at_most_s", us / US_PER_S));
        nanosleep(&ts, NULL);
    }
    pthread_mutex_lock(&p->lock);
    p->retry_at = 0;
    pthread_mutex_unlock(&p->lock);
}

/* ---- life ---- */

/* Is the URL one, and what is the password in it?  libpq's own message may
 * repeat the URL, so it is not shown. */
static enum err_code find_secret(struct pg_target *to, struct err *e)
{
    char *why = NULL;
    PQconninfoOption *options = postgres_lib.PQconninfoParse(to->url, &why);

    postgres_lib.PQfreemem(why);
    if (!options)
        return err_field(e, "database_url",
                         "'database_url' is not of the form postgresql://"
                         "user:password@host:port/database?option=value with "
                         "libpq's options; special characters are written "
                         "%%XX");
    for (PQconninfoOption *o = options; o->keyword; o++)
        if (strcmp(o->keyword, "password") == 0 && o->val) {
            to->secret = strdup(o->val);
            if (!to->secret)
                abort();
        }
    postgres_lib.PQconninfoFree(options);
    return ERR_NONE;
}

enum err_code pg_pool_new(struct pg_pool **out, const char *url, int max_open,
                          int timeout_ms, struct err *e)
{
    struct pg_pool *p = calloc(1, sizeof(*p));
    pthread_condattr_t monotonic;
    enum err_code code;

    if (!p)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    p->max_open = max_open;
    p->last = &p->first;
    p->target =
        (struct pg_target){.url = strdup(url), .timeout_ms = timeout_ms};
    p->idle = calloc((size_t)max_open, sizeof(struct pg_conn *));
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    code = p->idle && p->target.url
               ? find_secret(&p->target, e)
               : err_set(e, ERR_UNAVAILABLE, "out of memory");
    if (code == ERR_NONE)
        *out = p;
    else
        pg_pool_free(p);
    return code;
}

void pg_pool_free(struct pg_pool *p)
{
    if (!p)
        return;
    close_idle(p);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p->idle);
    free((char *)p->target.secret);
    free((char *)p->target.url);
    free(p);
}

const struct pg_target *pg_pool_target(const struct pg_pool *p)
{
    return &p->target;
}
