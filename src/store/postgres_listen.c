/* postgres_listen.c - see postgres_listen.h.
 *
 * Triggers (postgres_migrations.c) notify in the commit itself, so who dies
 * right behind it has told the others all the same.  The channel is named after
 * the number of our schema: names of schemas may be too long for one.
 *
 * A burst of notifications is one call of `heard`.  Between them the thread
 * sleeps in poll(), and nothing is sent.
 */
#include "store/postgres_listen.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/postgres_pool.h"
#include "store/store.h"

#define MAX_BACKOFF_US (5 * US_PER_S)
#define EVERYTHING (STORE_HEARD_JOBS | STORE_HEARD_VECTORS)

struct pg_listener {
    const struct pg_target *to;
    void (*heard)(void *ctx, unsigned what);
    void *ctx;
    pthread_t thread;
    int stop; /* an eventfd: readable when it is time to go */
    atomic_bool hears;
};

static bool is_stopping(const struct pg_listener *l, int64_t wait_us)
{
    struct pollfd p = {.fd = l->stop, .events = POLLIN};

    return poll(&p, 1, (int)(wait_us / US_PER_MS)) > 0;
}

static enum err_code begin(struct pg_conn *c, struct err *e)
{
    char sql[60];
    PGresult *r;
    enum err_code code = pg_query(c, &r,
                                  "SELECT relnamespace::bigint FROM pg_class"
                                  " WHERE oid = 'jobs'::regclass",
                                  NULL, e);

    if (code != ERR_NONE)
        return code;
    snprintf(sql, sizeof(sql), "LISTEN sheaf_%lld", (long long)pg_i64(r, 0, 0));
    postgres_lib.PQclear(r);
    return pg_query(c, NULL, sql, NULL, e);
}

/* All that has come. */
static unsigned take_all(struct pg_conn *c)
{
    struct slice payload;
    unsigned what = 0;

    while (pg_hears(c, &payload)) {
        if (slice_is(payload, "jobs"))
            what |= STORE_HEARD_JOBS;
        else if (slice_is(payload, "vectors"))
            what |= STORE_HEARD_VECTORS;
    }
    return what;
}

/* Until the link is lost or it is time to go.  What was committed before we
 * listened is not heard of: look at everything. */
static void hear(struct pg_listener *l, struct pg_conn *c, struct err *e)
{
    unsigned what = EVERYTHING;

    do {
        if (what)
            l->heard(l->ctx, what);
        if (pg_listen(c, l->stop, e) != ERR_NONE)
            return;
        what = take_all(c);
    } while (!is_stopping(l, 0));
}

/* One connection's life.  Does the pool tell that the server is away?  Then
 * there is no need to say so twice. */
static void listen_once(struct pg_listener *l, struct backoff *b)
{
    struct pg_conn *c = NULL;
    struct err e = {0};
    enum err_code code = pg_open(&c, l->to, &e);

    if (code == ERR_NONE)
        code = begin(c, &e);
    if (code == ERR_NONE) {
        b->us = 0;
        atomic_store(&l->hears, true);
        hear(l, c, &e);
        atomic_store(&l->hears, false);
    }
    if (e.code != ERR_NONE)
        log_debug("store", "others are not heard", LOG_S("why", e.msg));
    pg_close(c);
}

static void *listen_main(void *arg)
{
    struct pg_listener *l = arg;
    struct backoff b = {0};

    do
        listen_once(l, &b);
    while (!is_stopping(l, backoff_next(&b, MAX_BACKOFF_US)));
    return NULL;
}

enum err_code pg_listener_new(struct pg_listener **out,
                              const struct pg_target *to,
                              void (*heard)(void *ctx, unsigned what),
                              void *ctx, struct err *e)
{
    struct pg_listener *l = calloc(1, sizeof(*l));
    sigset_t all, before;
    bool ok;

    if (!l)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    l->to = to;
    l->heard = heard;
    l->ctx = ctx;
    l->stop = eventfd(0, EFD_CLOEXEC);
    sigfillset(&all); /* signals are for the loop's thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = l->stop >= 0 && pthread_create(&l->thread, NULL, listen_main, l) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok) {
        pthread_setname_np(l->thread, "listen");
        *out = l;
        return ERR_NONE;
    }
    if (l->stop >= 0)
        close(l->stop);
    free(l);
    return err_set(e, ERR_UNAVAILABLE, "cannot start a thread");
}

void pg_listener_free(struct pg_listener *l)
{
    if (!l)
        return;
    eventfd_write(l->stop, 1);
    pthread_join(l->thread, NULL);
    close(l->stop);
    free(l);
}

bool pg_listener_hears(const struct pg_listener *l)
{
    return atomic_load(&l->hears);
}
