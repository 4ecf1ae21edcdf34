/* redis_call.c - commands: publishing, and what is about a key.
 *
 * A node of a cluster that has not the key's slot answers MOVED or ASK, and the
 * command is sent again where that says (redis_cluster.c knows the nodes).
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
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

/* ---- calls ---- */

static void end_call(struct call *c, enum err_code rc, int64_t number)
{
    waits_no_more(c->redis, c->bytes);
    c->answered(c->ctx, rc, number);
    mem_free(c);
}

/* For redis_state(). */
static void note_refusal(struct redis *r, struct slice why)
{
    pthread_mutex_lock(&r->lock);
    snprintf(r->refusal, sizeof(r->refusal), "%.*s", SLICE_ARG(why));
    pthread_mutex_unlock(&r->lock);
    atomic_store(&r->refused_mono_us, clock_mono_us());
}

static void out_of_reach(struct call *c)
{
    note_refusal(c->redis, SLICE("a node does not answer"));
    end_call(c, ERR_UNAVAILABLE, 0);
}

static void answered(redisAsyncContext *ac, void *data, void *ctx);

static void send_call(struct call *c, struct redis_link *l)
{
    if (!l || !redis_link_send(l, answered, c, c->args, c->n))
        out_of_reach(c);
}

/* true: the answer says that another node is to be asked, and it is. */
static bool redirect(struct call *c, struct redis_link *from, struct slice text)
{
    bool moved = slice_starts(text, "MOVED "), ask = slice_starts(text, "ASK ");
    struct slice asking = SLICE("ASKING"), slot;
    struct redis *r = c->redis;
    struct redis_link *l;

    if ((!moved && !ask) || r->step != REDIS_UP ||
        c->redirects++ == MAX_REDIRECTS)
        return false;
    text = slice_sub(text, moved ? 6 : 4, text.len);
    if (!slice_split(&text, ' ', &slot) ||
        !redis_node_named(r, text, from, moved ? (int)c->slot : -1, &l))
        return false;
    if (l && ask)
        redis_link_send(l, NULL, NULL, &asking, 1);
    send_call(c, l);
    return true;
}

/* What is over soon, if one asks again. */
static bool is_passing(struct slice error)
{
    return slice_starts(error, "CLUSTERDOWN ") ||
           slice_starts(error, "TRYAGAIN ") ||
           slice_starts(error, "MASTERDOWN ") ||
           slice_starts(error, "LOADING ");
}

static void refused(struct call *c, struct redis_link *from, struct slice error)
{
    struct redis *r = c->redis;
    bool passing = is_passing(error);

    log_debug("redis", "refused", LOG_SL("error", error));
    note_refusal(r, error);
    if (passing && from != r->commands && r->slots)
        r->slots[c->slot] = 0; /* it may have left the cluster */
    end_call(c, passing ? ERR_UNAVAILABLE : ERR_INTERNAL, 0);
}

static void answered(redisAsyncContext *ac, void *data, void *ctx)
{
    struct call *c = ctx;
    redisReply *reply = data;
    struct slice text;

    if (!reply) {
        out_of_reach(c);
        return;
    }
    if (reply->type != REDIS_REPLY_ERROR) {
        atomic_store(&c->redis->refused_mono_us, 0);
        end_call(c, ERR_NONE, reply->integer);
        return;
    }
    text = redis_text(reply);
    if (!redirect(c, ac->data, text))
        refused(c, ac->data, text);
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
                       .slot = redis_slot_of(key),
                       .n = n_args};
    p = (char *)&c->args[n_args];
    for (i = 0; i < n_args; i++) {
        c->args[i] = (struct slice){p, args[i].len};
        if (args[i].len)
            memcpy(p, args[i].p, args[i].len);
        p += args[i].len;
    }
    send_call(c, redis_node_of(r, c->slot));
}
