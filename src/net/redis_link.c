/* redis_link.c - one connection of hiredis on libuv's loop.
 *
 * The adapter that comes with hiredis never hears of a refused connection
 * (libuv reports it as an error of the poll, which that adapter passes over),
 * so this is one of our own.  hiredis may free its context within any call;
 * the last thing that it does then is cleanup(), and there a link ends.
 */
#include <string.h>

#include "base/mem.h"
#include "net/redis_impl.h"
#include "net/server.h"

/* A reply or message that is longer ends the connection. */
#define MAX_REPLY ((size_t)64 << 20)
#define MAX_ARGS 16

static void freed(uv_handle_t *h)
{
    mem_free(h->data);
}

static void cleanup(void *data)
{
    struct redis_link *l = data;
    redisAsyncContext *ac = l->ac;

    l->ac = NULL;
    uv_close((uv_handle_t *)&l->poll, freed);
    if (l->ended)
        l->ended(l, ac->err ? ac->errstr : "the connection was closed");
}

static void ready(uv_poll_t *h, int status, int events)
{
    struct redis_link *l = h->data;

    if (l->ac && (status < 0 || (events & UV_READABLE)))
        redis_lib.redisAsyncHandleRead(l->ac);
    if (l->ac && (events & UV_WRITABLE))
        redis_lib.redisAsyncHandleWrite(l->ac);
    if (l->ac && l->ac->c.reader->len > MAX_REPLY)
        redis_lib.redisAsyncFree(l->ac);
}

static void want(struct redis_link *l, int events)
{
    l->events = events;
    if (events)
        uv_poll_start(&l->poll, events, ready);
    else
        uv_poll_stop(&l->poll);
}

static void add_read(void *data)
{
    struct redis_link *l = data;

    want(l, l->events | UV_READABLE);
}

static void del_read(void *data)
{
    struct redis_link *l = data;

    want(l, l->events & ~UV_READABLE);
}

static void add_write(void *data)
{
    struct redis_link *l = data;

    want(l, l->events | UV_WRITABLE);
}

static void del_write(void *data)
{
    struct redis_link *l = data;

    want(l, l->events & ~UV_WRITABLE);
}

static void connected(const redisAsyncContext *ac, int status)
{
    struct redis_link *l = ac->data;

    if (status == REDIS_OK && l->opened)
        l->opened(l);
}

struct redis_link *redis_link_open(struct redis *r, const char *ip, int port)
{
    redisAsyncContext *ac = redis_lib.redisAsyncConnect(ip, port);
    struct redis_link *l;

    if (!ac)
        return NULL;
    l = mem_need(sizeof(*l));
    *l = (struct redis_link){.redis = r, .ac = ac, .at.port = port};
    memcpy(l->at.ip, ip, strnlen(ip, REDIS_ADDRESS - 1));
    l->poll.data = l;
    if (ac->err || uv_poll_init(server_loop(r->server), &l->poll, ac->c.fd)) {
        redis_lib.redisAsyncFree(ac);
        mem_free(l);
        return NULL;
    }
    ac->data = l;
    ac->ev.data = l;
    ac->ev.addRead = add_read;
    ac->ev.delRead = del_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = cleanup;
    redis_lib.redisAsyncSetConnectCallback(ac, connected);
    return l;
}

void redis_link_flush(struct redis_link *l)
{
    if (l->ac)
        redis_lib.redisAsyncHandleWrite(l->ac);
}

void redis_link_close(struct redis_link *l)
{
    l->ended = NULL;
    if (l->ac)
        redis_lib.redisAsyncFree(l->ac);
}

bool redis_link_send(struct redis_link *l, redisCallbackFn *fn, void *ctx,
                     const struct slice *args, size_t n)
{
    const char *argv[MAX_ARGS];
    size_t lens[MAX_ARGS], i;

    if (!l->ac || n > MAX_ARGS)
        return false;
    for (i = 0; i < n; i++) {
        argv[i] = args[i].p ? args[i].p : "";
        lens[i] = args[i].len;
    }
    return redis_lib.redisAsyncCommandArgv(l->ac, fn, ctx, (int)n, argv,
                                           lens) == REDIS_OK;
}

bool redis_link_login(struct redis_link *l, redisCallbackFn *fn)
{
    const struct redis_url *u = &l->redis->url;
    struct slice auth[] = {SLICE("AUTH"), slice_of(u->user),
                           slice_of(u->password)};

    if (!*u->password)
        return true;
    if (*u->user)
        return redis_link_send(l, fn, l, auth, 3);
    auth[1] = auth[2];
    return redis_link_send(l, fn, l, auth, 2);
}

struct slice redis_text(const redisReply *reply)
{
    return reply && reply->str ? (struct slice){reply->str, reply->len}
                               : SLICE_NONE;
}
