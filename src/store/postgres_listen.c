/* postgres_listen.c - see postgres_listen.h.
 *
 * Two things go over one channel.  Triggers (postgres_migrations.c) notify in
 * the commit itself that there is work or another generation of vectors, so who
 * dies right behind it has told the others all the same.  News (news_text.h)
 * are for people who look at a screen: they are sent behind the commit, all of
 * some moments together, so that a hundred commits a second are ten
 * notifications; and each notification locks out, for its commit, those of all
 * others.  The channel is named after the number of our schema: names of
 * schemas may be too long for one.
 *
 * A burst of notifications is one call of `heard`.  Between them the thread
 * sleeps in poll(), and nothing is sent.
 */
#include "store/postgres_listen.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/news_text.h"
#include "store/postgres_pool.h"

#define MAX_BACKOFF_US (5 * US_PER_S)
#define EVERYTHING (STORE_HEARD_JOBS | STORE_HEARD_VECTORS)
#define PAUSE_US (US_PER_S / 10) /* between two notifications of news */
#define SOON (NEWS_TEXT_MAX / 2) /* bytes that do not wait for that */
/* Its statements are small ones, and who stops waits for them. */
#define TIMEOUT_MS 1000

struct pg_listener {
    struct pg_target to;
    struct store_hearing h;
    char id[9]; /* who we are, among those that share */
    char channel[40];
    pthread_t thread;
    bool joined;
    int wake; /* an eventfd: readable when there is something to look at */
    atomic_bool stop, hears;
    int64_t shared_us; /* when we notified last */
    pthread_mutex_t lock;
    struct buf news; /* items that wait; under the lock */
};

/* Is it time to go?  Waits so long for that. */
static bool is_stopping(struct pg_listener *l, int64_t wait_us)
{
    struct pollfd p = {.fd = l->wake, .events = POLLIN};
    eventfd_t n;

    if (poll(&p, 1, (int)(wait_us / US_PER_MS)) > 0)
        (void)eventfd_read(l->wake, &n);
    return atomic_load(&l->stop);
}

static enum err_code begin(struct pg_listener *l, struct pg_conn *c,
                           struct err *e)
{
    char sql[60];
    PGresult *r;
    enum err_code code = pg_query(c, &r,
                                  "SELECT relnamespace::bigint FROM pg_class"
                                  " WHERE oid = 'jobs'::regclass",
                                  NULL, e);

    if (code != ERR_NONE)
        return code;
    snprintf(l->channel, sizeof(l->channel), "sheaf_%lld",
             (long long)pg_i64(r, 0, 0));
    postgres_lib.PQclear(r);
    snprintf(sql, sizeof(sql), "LISTEN %s", l->channel);
    /* a notification of news stands for nothing that must not be lost */
    pg_do(c, "SET synchronous_commit = off", NULL);
    return pg_query(c, NULL, sql, NULL, e);
}

/* ---- telling ---- */

/* How long may what waits go on waiting?  0: not at all; -1: nothing waits. */
static int64_t patience_us(struct pg_listener *l)
{
    int64_t left = l->shared_us + PAUSE_US - clock_mono_us();
    size_t n;

    pthread_mutex_lock(&l->lock);
    n = l->news.len;
    pthread_mutex_unlock(&l->lock);
    return n == 0 ? -1 : n >= SOON || left < 0 ? 0 : left;
}

static enum err_code tell(struct pg_listener *l, struct pg_conn *c,
                          struct err *e)
{
    struct pg_args args = {0};
    struct buf text;
    enum err_code code;

    buf_init(&text, NEWS_TEXT_MAX);
    pthread_mutex_lock(&l->lock);
    news_text_write(&text, l->id, buf_slice(&l->news));
    buf_clear(&l->news);
    pthread_mutex_unlock(&l->lock);
    l->shared_us = clock_mono_us();
    pg_arg_text(&args, slice_of(l->channel));
    pg_arg_text(&args, buf_slice(&text));
    code = pg_query(c, NULL, "SELECT pg_notify($1, $2)", &args, e);
    buf_release(&text);
    return code;
}

void pg_listener_share(struct pg_listener *l, const struct store_news *n)
{
    size_t before, after;

    pthread_mutex_lock(&l->lock);
    before = l->news.len;
    news_text_add(&l->news, n);
    after = l->news.len;
    pthread_mutex_unlock(&l->lock);
    /* in between the thread knows when to look */
    if (atomic_load(&l->hears) &&
        ((before == 0 && after > 0) || (before < SOON && after >= SOON)))
        eventfd_write(l->wake, 1);
}

/* ---- hearing ---- */

static void no_news(void *ctx, const struct store_news *n)
{
    (void)ctx;
    (void)n;
}

/* All that has come. */
static unsigned take_all(struct pg_listener *l, struct pg_conn *c)
{
    struct slice payload;
    unsigned what = 0;

    while (pg_hears(c, &payload)) {
        if (slice_is(payload, "jobs"))
            what |= STORE_HEARD_JOBS;
        else if (slice_is(payload, "vectors"))
            what |= STORE_HEARD_VECTORS;
        else if (!news_text_read(payload, l->id,
                                 l->h.news ? l->h.news : no_news, l->h.ctx))
            log_debug("store", "a notification is not understood",
                      LOG_SL("payload", payload));
    }
    return what;
}

/* Until the link is lost or it is time to go.  What was committed before we
 * listened is not heard of: look at everything. */
static void hear(struct pg_listener *l, struct pg_conn *c, struct err *e)
{
    unsigned what = EVERYTHING;
    enum err_code code = ERR_NONE;
    int64_t wait_us;

    do {
        if (what)
            l->h.heard(l->h.ctx, what);
        wait_us = patience_us(l);
        if (wait_us == 0)
            code = tell(l, c, e);
        else
            code =
                pg_listen(c, l->wake,
                          wait_us < 0 ? -1 : (int)(wait_us / US_PER_MS) + 1, e);
        what = take_all(l, c);
    } while (code == ERR_NONE && !is_stopping(l, 0));
    if (code == ERR_NONE && patience_us(l) >= 0)
        (void)!tell(l, c, e);
}

/* One connection's life.  Does the pool tell that the server is away?  Then
 * there is no need to say so twice. */
static void listen_once(struct pg_listener *l, struct backoff *b)
{
    struct pg_conn *c = NULL;
    struct err e = {0};
    enum err_code code = pg_open(&c, &l->to, &e);

    if (code == ERR_NONE)
        code = begin(l, c, &e);
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

/* ---- life ---- */

static void release(struct pg_listener *l)
{
    if (l->wake >= 0)
        close(l->wake);
    buf_release(&l->news);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

enum err_code pg_listener_new(struct pg_listener **out,
                              const struct pg_target *to,
                              const struct store_hearing *h, struct err *e)
{
    struct pg_listener *l = calloc(1, sizeof(*l));

    if (!l)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    l->to = *to;
    if (l->to.timeout_ms > TIMEOUT_MS)
        l->to.timeout_ms = TIMEOUT_MS;
    l->h = *h;
    crypto_token(l->id, sizeof(l->id) - 1);
    pthread_mutex_init(&l->lock, NULL);
    buf_init(&l->news, NEWS_TEXT_MAX);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake >= 0 && thread_start(&l->thread, "listen", listen_main, l)) {
        *out = l;
        return ERR_NONE;
    }
    release(l);
    return err_set(e, ERR_UNAVAILABLE, "cannot start a thread");
}

void pg_listener_stop(struct pg_listener *l)
{
    if (!l || l->joined)
        return;
    atomic_store(&l->stop, true);
    eventfd_write(l->wake, 1);
    pthread_join(l->thread, NULL);
    l->joined = true;
}

void pg_listener_free(struct pg_listener *l)
{
    pg_listener_stop(l);
    if (l)
        release(l);
}

bool pg_listener_hears(const struct pg_listener *l)
{
    return atomic_load(&l->hears);
}
