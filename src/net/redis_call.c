/* redis_call.c - commands: publishing, keys, and the nodes of a cluster.
 *
 * In a cluster a key belongs to one of 16,384 slots, and a node that has not
 * the slot answers MOVED with the address of the one that has.  That is learned
 * (16 kB, when it happens first), so that the next command goes there at once;
 * ASK is the same for a slot that is on its way, and is not learned.  Channels
 * are heard on all nodes, whichever one they are published on.  Nodes must
 * announce addresses, as they do unless told otherwise: names would have to be
 * looked up here.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/redis_impl.h"

#define MAX_REDIRECTS 5
/* More without an answer: Redis does not keep up, and a new beginning, with
 * whatever its watchers do then, is better than a queue. */
#define MAX_WAITING 20000
#define MAX_WAITING_BYTES ((int64_t)32 << 20)

struct call {
    struct redis *redis;
    redis_answered *answered;
    void *ctx;
    int64_t bytes;
    unsigned slot;
    int redirects;
    size_t n;
    struct slice args[]; /* their bytes stand behind */
};

/* ---- what waits ---- */

static void overrun(uv_timer_t *t)
{
    redis_lost(t->data, "it does not keep up");
}

static bool may_wait(struct redis *r, int64_t bytes)
{
    if (r->waiting >= MAX_WAITING ||
        r->waiting_bytes + bytes > MAX_WAITING_BYTES) {
        uv_timer_start(&r->timer, overrun, 0, 0); /* we may be in a callback */
        return false;
    }
    r->waiting++;
    r->waiting_bytes += bytes;
    return true;
}

static void waits_no_more(struct redis *r, int64_t bytes)
{
    r->waiting--;
    r->waiting_bytes -= bytes;
}

/* ---- publishing ---- */

static void published(redisAsyncContext *ac, void *reply, void *ctx)
{
    struct redis_link *l = ac->data;

    (void)reply;
    waits_no_more(l->redis, (int64_t)(intptr_t)ctx);
}

void redis_publish(struct redis *r, struct slice channel, struct slice message)
{
    struct slice args[] = {SLICE("PUBLISH"), channel, message};
    int64_t bytes = (int64_t)(channel.len + message.len);

    if (!redis_is_up(r) || !may_wait(r, bytes)) {
        atomic_fetch_add(&r->dropped, 1);
        return;
    }
    if (redis_link_send(r->commands, published, (void *)(intptr_t)bytes, args,
                        3)) {
        atomic_fetch_add(&r->published, 1);
    } else { /* it is about to end */
        waits_no_more(r, bytes);
        atomic_fetch_add(&r->dropped, 1);
    }
}

/* ---- nodes ---- */

/* CRC-16/XMODEM of the key, or of what stands between its first { and the next
 * }, unless that is empty. */
static unsigned slot_of(struct slice key)
{
    ptrdiff_t open = slice_find_byte(key, '{');
    struct slice tag = slice_sub(key, (size_t)(open + 1), key.len);
    ptrdiff_t close = open < 0 ? -1 : slice_find_byte(tag, '}');
    unsigned crc = 0;
    size_t i;

    if (close > 0)
        key = slice_sub(tag, 0, (size_t)close);
    for (i = 0; i < key.len; i++) {
        crc ^= (unsigned)(unsigned char)key.p[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
    }
    return crc & (REDIS_SLOTS - 1);
}

/* Its slots may be elsewhere by now: the first node knows. */
static void node_ended(struct redis_link *l, const char *why)
{
    struct redis *r = l->redis;
    size_t i, slot;

    (void)why;
    for (i = 0; i < r->n_known; i++) {
        if (r->nodes[i] != l)
            continue;
        r->nodes[i] = NULL;
        for (slot = 0; r->slots && slot < REDIS_SLOTS; slot++)
            if (r->slots[slot] == i + 1)
                r->slots[slot] = 0;
    }
}

static struct redis_link *node(struct redis *r, size_t i)
{
    struct redis_link *l = r->nodes[i];

    if (l)
        return l;
    l = redis_link_open(r, r->known[i].ip, r->known[i].port);
    if (!l)
        return NULL;
    l->ended = node_ended;
    redis_link_login(l, NULL);
    r->nodes[i] = l;
    return l;
}

void redis_nodes_close(struct redis *r)
{
    for (size_t i = 0; i < r->n_known; i++) {
        struct redis_link *l = r->nodes[i];

        r->nodes[i] = NULL;
        if (l)
            redis_link_close(l);
    }
    mem_free(r->slots);
    r->slots = NULL;
}

/* "7000 127.0.0.1:6381"; without a host it is that of who says so.  false: not
 * an address. */
static bool read_target(struct slice text, const struct redis_link *from,
                        struct redis_node_address *out)
{
    struct slice slot, host;
    uint64_t port;
    size_t colon;
    unsigned char any[16];

    if (!slice_split(&text, ' ', &slot))
        return false;
    for (colon = text.len; colon > 0 && text.p[colon - 1] != ':'; colon--)
        ;
    if (colon == 0 || !slice_to_u64(slice_sub(text, colon, text.len), &port) ||
        port == 0 || port > 65535)
        return false;
    host = slice_sub(text, 0, colon - 1);
    if (host.len == 0)
        host = slice_of(from->at.ip);
    if (host.len >= sizeof(out->ip))
        return false;
    *out = (struct redis_node_address){.port = (int)port};
    memcpy(out->ip, host.p, host.len);
    return uv_inet_pton(AF_INET, out->ip, any) == 0 ||
           uv_inet_pton(AF_INET6, out->ip, any) == 0;
}

/* Where it is in `known`; REDIS_MAX_NODES: there are too many. */
static size_t known_at(struct redis *r, const struct redis_node_address *a)
{
    size_t i;

    for (i = 0; i < r->n_known; i++)
        if (r->known[i].port == a->port && strcmp(r->known[i].ip, a->ip) == 0)
            return i;
    if (i < REDIS_MAX_NODES) {
        r->known[i] = *a;
        r->n_known++;
    }
    return i;
}

/* ---- calls ---- */

static void end_call(struct call *c, enum err_code rc, int64_t number)
{
    waits_no_more(c->redis, c->bytes);
    c->answered(c->ctx, rc, number);
    mem_free(c);
}

static void answered(redisAsyncContext *ac, void *data, void *ctx);

static void send_call(struct call *c, struct redis_link *l)
{
    if (!l || !redis_link_send(l, answered, c, c->args, c->n))
        end_call(c, ERR_UNAVAILABLE, 0);
}

/* true: the answer says that another node is to be asked, and it is. */
static bool redirect(struct call *c, struct redis_link *from, struct slice text)
{
    struct redis *r = c->redis;
    bool moved = slice_starts(text, "MOVED "), ask = slice_starts(text, "ASK ");
    struct slice asking = SLICE("ASKING"), word;
    struct redis_node_address at;
    struct redis_link *l;
    size_t i;

    if ((!moved && !ask) || r->step != REDIS_UP ||
        c->redirects++ == MAX_REDIRECTS || !slice_split(&text, ' ', &word) ||
        !read_target(text, from, &at))
        return false;
    i = known_at(r, &at);
    if (i == REDIS_MAX_NODES)
        return false;
    if (moved && !r->slots)
        r->slots = mem_need(REDIS_SLOTS);
    if (moved)
        r->slots[c->slot] = (uint8_t)(i + 1);
    l = node(r, i);
    if (l && ask)
        redis_link_send(l, NULL, NULL, &asking, 1);
    send_call(c, l);
    return true;
}

static void answered(redisAsyncContext *ac, void *data, void *ctx)
{
    struct call *c = ctx;
    redisReply *reply = data;
    struct slice text;

    if (!reply) {
        end_call(c, ERR_UNAVAILABLE, 0);
        return;
    }
    if (reply->type != REDIS_REPLY_ERROR) {
        end_call(c, ERR_NONE, reply->integer);
        return;
    }
    text = (struct slice){reply->str, reply->len};
    if (redirect(c, ac->data, text))
        return;
    log_debug("redis", "refused", LOG_SL("error", text));
    end_call(c, ERR_INTERNAL, 0);
}

void redis_call(struct redis *r, struct slice key, const struct slice *args,
                size_t n_args, redis_answered *done, void *ctx)
{
    struct call *c;
    size_t bytes = 0, i;
    char *p;

    for (i = 0; i < n_args; i++)
        bytes += args[i].len;
    if (!redis_is_up(r) || !may_wait(r, (int64_t)bytes)) {
        done(ctx, ERR_UNAVAILABLE, 0);
        return;
    }
    c = mem_need(sizeof(*c) + n_args * sizeof(*args) + bytes);
    *c = (struct call){.redis = r,
                       .answered = done,
                       .ctx = ctx,
                       .bytes = (int64_t)bytes,
                       .slot = slot_of(key),
                       .n = n_args};
    p = (char *)&c->args[n_args];
    for (i = 0; i < n_args; i++) {
        c->args[i] = (struct slice){p, args[i].len};
        if (args[i].len)
            memcpy(p, args[i].p, args[i].len);
        p += args[i].len;
    }
    i = r->slots ? r->slots[c->slot] : 0;
    send_call(c, i ? node(r, i - 1) : r->commands);
}
