/* shared_counts.c - see shared_counts.h.
 *
 * Of a page that moved within the last seconds we know four counts:
 *
 *     known   the highest that was heard of, from wherever
 *     told    the highest that the clients here were told
 *     own     the highest that this process has to share
 *     shared  the highest that went through Redis
 *
 * known > told is told, own > shared is shared; so neither ever goes back, and
 * the last one always gets through.  Who shares asks a script in Redis, for
 * only there is one order of all processes: it publishes a count that is higher
 * than the last one, if the page's pause is over.
 *
 * A page is kept for some seconds after the last news of it: messages that are
 * older than that by no count are not on their way any more.
 */
#include "analytics/shared_counts.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analytics/feed.h"
#include "base/mem.h"
#include "socketio/names.h"

#define KEEP_MS 5000
#define KEY_MS "10000" /* life of a page's key: longer than KEEP_MS */
#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

/* KEYS: highest count.  ARGV: count, channel, message, ms of the pause or 0.
 * 1: published; 0: not higher; -1: the page's pause is not over.  The pause is
 * in the life of the key: with a second key for it, a cluster could do nothing
 * for a page while one of the two is on its way to another node. */
static const char script[] =
    "if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[1]) or '0') then "
    "return 0 end "
    "if redis.call('PTTL', KEYS[1]) > " KEY_MS " - tonumber(ARGV[4]) then "
    "return -1 end "
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', " KEY_MS ") "
    "redis.call('PUBLISH', ARGV[2], ARGV[3]) "
    "return 1";

struct page {
    struct server_timer timer; /* first, so that the two convert */
    struct name_entry name;
    struct shared_counts *all;
    int64_t known, told, own, shared;
    uint64_t serial;
    bool busy; /* Redis is asked, or the pause after that */
    char text[];
};

struct shared_counts {
    struct shared_counts_options opt;
    struct server *server;
    struct names pages;
    uint64_t serials;
    bool stopped;
};

static struct page *page_of(struct name_entry *n)
{
    return (struct page *)(void *)((char *)n - offsetof(struct page, name));
}

static struct page *find(struct shared_counts *c, struct slice text)
{
    struct name_entry *n = names_find(&c->pages, text);

    return n ? page_of(n) : NULL;
}

static void drop(struct page *p)
{
    server_timer_cancel(p->all->server, &p->timer);
    names_remove(&p->all->pages, &p->name);
    mem_free(p);
}

static void raise_to(int64_t *count, int64_t v)
{
    if (v > *count)
        *count = v;
}

/* ---- sharing ---- */

static void name_key(const struct page *p, struct buf *out)
{
    buf_init(out, 8192);
    buf_printf(out, "%s:sheaf:%s:count", p->all->opt.key, p->text);
}

/* What a question to Redis was about. */
struct asked {
    struct shared_counts *all;
    uint64_t serial; /* of the page: it may have been forgotten meanwhile */
    int64_t count;
    char page[];
};

static void pack(const struct page *p, struct buf *channel, struct buf *message)
{
    struct buf args;

    buf_init(channel, 8192);
    buf_init(message, 65536);
    buf_init(&args, 65536);
    page_count_write(&args, (struct slice){p->text, p->name.len}, p->own);
    if (!buf_ok(&args) ||
        !sio_pack(p->all->opt.ns,
                  &(struct sio_message){.event = slice_of(p->all->opt.event),
                                        .args = buf_slice(&args)},
                  channel, message))
        channel->failed = true;
    buf_release(&args);
}

static void share(struct page *p);

static void answered(void *ctx, enum err_code rc, int64_t number)
{
    struct asked *a = ctx;
    struct page *p = find(a->all, slice_of(a->page));
    struct buf channel, message;

    if (p && p->serial != a->serial)
        p = NULL;
    if (p && rc == ERR_INTERNAL) { /* no scripts, no memory: then without */
        pack(p, &channel, &message);
        if (buf_ok(&channel) && buf_ok(&message))
            redis_publish(a->all->opt.redis, buf_slice(&channel),
                          buf_slice(&message));
        buf_release(&channel);
        buf_release(&message);
        number = 1;
    }
    if (p && rc != ERR_UNAVAILABLE && number >= 0)
        raise_to(&p->shared, a->count);
    if (p && !a->all->stopped)
        server_timer_set(a->all->server, &p->timer, SHARED_PAUSE_MS);
    mem_free(a);
}

static void ask(struct page *p, const char *pause_ms)
{
    struct shared_counts *c = p->all;
    struct buf key, channel, message;
    struct asked *a;
    char count[24];
    int n = snprintf(count, sizeof(count), "%lld", (long long)p->own);

    name_key(p, &key);
    pack(p, &channel, &message);
    if (buf_ok(&key) && buf_ok(&channel) && buf_ok(&message)) {
        struct slice args[] = {SLICE("EVAL"),       slice_of(script),
                               SLICE("1"),          buf_slice(&key),
                               {count, (size_t)n},  buf_slice(&channel),
                               buf_slice(&message), slice_of(pause_ms)};

        p->busy = true;
        a = mem_need(sizeof(*a) + p->name.len + 1);
        a->all = c;
        a->serial = p->serial;
        a->count = p->own;
        memcpy(a->page, p->text, p->name.len);
        redis_call(c->opt.redis, args[3], args, 8, answered, a);
    }
    buf_release(&key);
    buf_release(&channel);
    buf_release(&message);
}

/* Whatever happens next, a timer is set. */
static void share(struct page *p)
{
    if (p->busy)
        return;
    server_timer_set(p->all->server, &p->timer, KEEP_MS);
    if (p->own > p->shared && redis_is_up(p->all->opt.redis))
        ask(p, TEXT_OF(SHARED_PAUSE_MS));
}

static void time_over(struct server_timer *t)
{
    struct page *p = (struct page *)t;

    if (!p->busy) {
        drop(p);
        return;
    }
    p->busy = false;
    share(p);
}

/* ---- news ---- */

static struct page *need(struct shared_counts *c, struct slice text)
{
    struct page *p = find(c, text);

    if (p)
        return p;
    p = mem_need(sizeof(*p) + text.len + 1);
    p->all = c;
    p->serial = ++c->serials;
    p->timer.fire = time_over;
    memcpy(p->text, text.p, text.len);
    names_add(&c->pages, &p->name, (struct slice){p->text, text.len});
    return p;
}

static void say(struct page *p)
{
    if (p->known <= p->told)
        return;
    p->told = p->known;
    p->all->opt.tell(p->all->opt.ctx, (struct slice){p->text, p->name.len},
                     p->known);
}

/* NULL: the server stops. */
static struct page *hear(struct shared_counts *c, struct slice page,
                         int64_t count)
{
    struct page *p = c->stopped ? NULL : need(c, page);

    if (p)
        raise_to(&p->known, count);
    return p;
}

void shared_counts_own(struct shared_counts *c, struct slice page,
                       int64_t count)
{
    struct page *p = hear(c, page, count);

    if (!p)
        return;
    raise_to(&p->own, count);
    say(p);
    share(p);
}

void shared_counts_other(struct shared_counts *c, struct slice page,
                         int64_t count)
{
    struct page *p = hear(c, page, count);

    if (!p)
        return;
    raise_to(&p->shared, count);
    say(p);
    share(p);
}

void shared_counts_known(struct shared_counts *c, struct slice page,
                         int64_t count)
{
    struct page *p = hear(c, page, count);

    if (p)
        share(p);
}

static void nothing(void *ctx, enum err_code rc, int64_t number)
{
    (void)ctx;
    (void)rc;
    (void)number;
}

void shared_counts_forget(struct shared_counts *c, struct slice page)
{
    struct page *p;
    struct buf key;

    if (c->stopped)
        return;
    p = need(c, page);
    name_key(p, &key);
    if (buf_ok(&key)) {
        struct slice args[] = {SLICE("DEL"), buf_slice(&key)};

        redis_call(c->opt.redis, args[1], args, 2, nothing, NULL);
    }
    buf_release(&key);
    drop(p);
}

/* ---- life ---- */

struct shared_counts *shared_counts_new(const struct shared_counts_options *opt)
{
    struct shared_counts *c = mem_need(sizeof(*c));

    c->opt = *opt;
    names_init(&c->pages);
    return c;
}

void shared_counts_start(struct shared_counts *c, struct server *s)
{
    c->server = s;
}

void shared_counts_stop(struct shared_counts *c)
{
    struct name_entry *n;

    c->stopped = true;
    while ((n = names_any(&c->pages))) {
        struct page *p = page_of(n);

        if (p->own > p->shared && redis_is_up(c->opt.redis))
            ask(p, "0");
        drop(p);
    }
}

void shared_counts_free(struct shared_counts *c)
{
    if (!c)
        return;
    names_release(&c->pages);
    mem_free(c);
}
