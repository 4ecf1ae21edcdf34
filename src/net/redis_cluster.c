/* redis_cluster.c - the nodes of a Redis Cluster, and whether it is one.
 *
 * A key belongs to one of 16,384 slots, and a node that has not the slot
 * answers MOVED with the address of the one that has.  That is learned (16 kB,
 * when it happens first), so that the next command goes there at once; ASK is
 * the same for a slot that is on its way, and is not learned.  Nodes must
 * announce addresses, as they do unless told otherwise: names would have to be
 * looked up here.
 *
 * Channels are heard on all nodes, whichever one they are published on, but
 * only as long as the node is one of them.  One that was taken out of the
 * cluster, or is cut off from most of it, takes and sends messages as before:
 * so before each beat it is asked for the cluster's state, and if that is not
 * "ok" we go elsewhere.  Where to is known from CLUSTER SLOTS, which lists
 * replicas, too.
 *
 * A node that keeps its connection and says nothing would keep commands for
 * ever, so each gets a PING with the beat.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/redis_impl.h"

/* Nodes are asked for every so many beats: a minute. */
#define BEATS_PER_LIST 30

/* CRC-16/XMODEM of the key, or of what stands between its first { and the next
 * }, unless that is empty. */
unsigned redis_slot_of(struct slice key)
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

/* ---- connections ---- */

/* Whose slots they are now, the first node knows. */
static void forget_slots(struct redis *r, size_t i)
{
    for (size_t slot = 0; r->slots && slot < REDIS_SLOTS; slot++)
        if (r->slots[slot] == i + 1)
            r->slots[slot] = 0;
}

static void node_ended(struct redis_link *l, const char *why)
{
    struct redis *r = l->redis;

    (void)why;
    for (size_t i = 0; i < r->n_known; i++) {
        if (r->nodes[i] == l) {
            r->nodes[i] = NULL;
            forget_slots(r, i);
        }
    }
}

static struct redis_link *connected(struct redis *r, size_t i)
{
    struct redis_link *l = r->nodes[i];

    if (l)
        return l;
    l = redis_link_open(r, r->known[i].ip, r->known[i].port);
    if (!l)
        return NULL;
    l->ended = node_ended;
    l->heard_mono_us = clock_mono_us();
    redis_link_login(l, NULL);
    r->nodes[i] = l;
    return l;
}

struct redis_link *redis_node_of(struct redis *r, unsigned slot)
{
    unsigned i = r->slots ? r->slots[slot] : 0;

    return i ? connected(r, i - 1) : r->commands;
}

static void close_node(struct redis *r, size_t i)
{
    struct redis_link *l = r->nodes[i];

    r->nodes[i] = NULL;
    if (l)
        redis_link_close(l);
}

void redis_nodes_flush(struct redis *r)
{
    for (size_t i = 0; i < r->n_known; i++)
        if (r->nodes[i])
            redis_link_flush(r->nodes[i]);
}

void redis_nodes_close(struct redis *r)
{
    for (size_t i = 0; i < r->n_known; i++)
        close_node(r, i);
    mem_free(r->slots);
    r->slots = NULL;
}

static void node_answered(redisAsyncContext *ac, void *reply, void *ctx)
{
    struct redis_link *l = ac->data;

    (void)ctx;
    if (reply)
        l->heard_mono_us = clock_mono_us();
}

void redis_nodes_beat(struct redis *r)
{
    struct slice ping = SLICE("PING");

    for (size_t i = 0; i < r->n_known; i++) {
        struct redis_link *l = r->nodes[i];

        if (!l)
            continue;
        if (clock_mono_us() - l->heard_mono_us > REDIS_SILENT_MS * US_PER_MS) {
            forget_slots(r, i);
            close_node(r, i);
        } else {
            redis_link_send(l, node_answered, NULL, &ping, 1);
        }
    }
}

/* ---- addresses ---- */

/* Without a host it is that of who says so.  false: not an address. */
static bool read_address(struct slice host, int64_t port,
                         const struct redis_link *from,
                         struct redis_node_address *out)
{
    unsigned char any[16];

    if (host.len == 0)
        host = slice_of(from->at.ip);
    if (host.len >= sizeof(out->ip) || port < 1 || port > 65535)
        return false;
    *out = (struct redis_node_address){.port = (int)port};
    memcpy(out->ip, host.p, host.len);
    return uv_inet_pton(AF_INET, out->ip, any) == 0 ||
           uv_inet_pton(AF_INET6, out->ip, any) == 0;
}

/* "127.0.0.1:6381" */
static bool read_target(struct slice text, const struct redis_link *from,
                        struct redis_node_address *out)
{
    size_t colon;
    int64_t port;

    for (colon = text.len; colon > 0 && text.p[colon - 1] != ':'; colon--)
        ;
    return colon > 0 && slice_to_i64(slice_sub(text, colon, text.len), &port) &&
           read_address(slice_sub(text, 0, colon - 1), port, from, out);
}

/* Where it is in `known`, and who is not connected makes room;
 * REDIS_MAX_NODES: there are too many. */
static size_t known_at(struct redis *r, const struct redis_node_address *a)
{
    size_t i;

    for (i = 0; i < r->n_known; i++)
        if (r->known[i].port == a->port && strcmp(r->known[i].ip, a->ip) == 0)
            return i;
    if (i == REDIS_MAX_NODES)
        for (i = 0; i < REDIS_MAX_NODES && r->nodes[i]; i++)
            ;
    if (i == REDIS_MAX_NODES)
        return i;
    forget_slots(r, i);
    r->known[i] = *a;
    if (i == r->n_known)
        r->n_known++;
    return i;
}

bool redis_node_named(struct redis *r, struct slice address,
                      const struct redis_link *from, int slot,
                      struct redis_link **out)
{
    struct redis_node_address at;
    size_t i;

    if (!read_target(address, from, &at))
        return false;
    i = known_at(r, &at);
    if (i == REDIS_MAX_NODES)
        return false;
    if (slot >= 0 && !r->slots)
        r->slots = mem_need(REDIS_SLOTS);
    if (slot >= 0)
        r->slots[slot] = (uint8_t)(i + 1);
    *out = connected(r, i);
    return true;
}

/* ---- state ---- */

/* [[first slot, last slot, [host, port, ...] of the master, of a replica...]]
 */
static void listed(redisAsyncContext *ac, void *data, void *ctx)
{
    redisReply *reply = data;
    struct redis_link *l = ac->data;
    struct redis_node_address at;

    (void)ctx;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || !l->redis)
        return;
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *range = reply->element[i];

        for (size_t k = 2; k < range->elements; k++) {
            const redisReply *node = range->element[k];

            if (node->type == REDIS_REPLY_ARRAY && node->elements >= 2 &&
                read_address(redis_text(node->element[0]),
                             node->element[1]->integer, l, &at))
                known_at(l->redis, &at);
        }
    }
}

static void said_state(redisAsyncContext *ac, void *data, void *ctx)
{
    redisReply *reply = data;
    struct redis_link *l = ac->data;
    struct redis *r = l->redis;
    struct slice text, line;

    (void)ctx;
    if (!reply || l != r->commands)
        return;
    r->is_cluster = reply->type == REDIS_REPLY_STRING;
    text = r->is_cluster ? redis_text(reply) : SLICE_NONE;
    while (slice_split(&text, '\n', &line)) {
        if (slice_starts(line, "cluster_state:") &&
            !slice_starts(line, "cluster_state:ok")) {
            redis_lost(r, "the cluster is down, or this node not of it");
            return;
        }
    }
    if (r->step == REDIS_UP)
        redis_beat(r);
}

void redis_cluster_check(struct redis *r)
{
    struct slice info[] = {SLICE("CLUSTER"), SLICE("INFO")};
    struct slice list[] = {SLICE("CLUSTER"), SLICE("SLOTS")};

    if (r->beats++ % BEATS_PER_LIST == 0)
        redis_link_send(r->commands, listed, NULL, list, 2);
    redis_link_send(r->commands, said_state, NULL, info, 2);
}
