/* peer.c - how many connections each client address has open. */
#include "net/conn.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/etag.h"

static void address_bits(const struct sockaddr *addr, uint8_t out[16])
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};

    memset(out, 0, 16);
    if (addr->sa_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)addr)->sin6_addr, 16);
    } else if (addr->sa_family == AF_INET) {
        memcpy(out, mapped, 12);
        memcpy(out + 12, &((const struct sockaddr_in *)addr)->sin_addr, 4);
    }
}

static void address_text(const uint8_t bits[16], char out[INET6_ADDRSTRLEN])
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    const char *ok;

    if (memcmp(bits, mapped, 12) == 0)
        ok = inet_ntop(AF_INET, bits + 12, out, INET6_ADDRSTRLEN);
    else
        ok = inet_ntop(AF_INET6, bits, out, INET6_ADDRSTRLEN);
    if (!ok)
        out[0] = '\0';
}

static struct peer **bucket(struct server *s, const uint8_t bits[16])
{
    struct slice key = {(const char *)bits, 16};

    return &s->peers[hash64(key, s->seed) % PEER_BUCKETS];
}

struct peer *peer_enter(struct server *s, const struct sockaddr *addr)
{
    struct peer **at, *p;
    uint8_t bits[16];

    address_bits(addr, bits);
    at = bucket(s, bits);
    for (p = *at; p; p = p->chain)
        if (memcmp(p->bits, bits, 16) == 0) {
            p->n++;
            return p;
        }
    p = mem_alloc(sizeof(*p));
    if (!p) {
        log_error("http", "out of memory");
        abort();
    }
    *p = (struct peer){.chain = *at, .n = 1};
    memcpy(p->bits, bits, 16);
    address_text(bits, p->text);
    *at = p;
    return p;
}

void peer_leave(struct server *s, struct peer *p)
{
    struct peer **at;

    if (--p->n > 0)
        return;
    for (at = bucket(s, p->bits); *at != p; at = &(*at)->chain)
        ;
    *at = p->chain;
    mem_free(p);
}
