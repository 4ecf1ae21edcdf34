/* fuzz_live_bus.c - what other servers publish: broadcasts and requests.  There
 * are no clients and no Redis, so nothing comes of it; what is passed on as an
 * event must be JSON. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "net/redis.h"
#include "socketio/sio_impl.h"

static void require(bool ok)
{
    if (!ok)
        abort();
}

static bool relayed(const struct sio_event *ev, void *ctx)
{
    struct buf b;

    (void)ctx;
    require(json_scan_valid(ev->name));
    require(ev->n_attachments <= SIO_MAX_ATTACHMENTS);
    buf_init(&b, ev->args.len + 2);
    buf_add_char(&b, '[');
    buf_add_slice(&b, ev->args);
    buf_add_char(&b, ']');
    require(json_scan_valid(buf_slice(&b)));
    buf_release(&b);
    return ev->n_attachments == 0; /* others are broadcast */
}

static void server_event(const struct sio_event *ev, void *ctx)
{
    (void)relayed(ev, ctx);
}

static struct sio_bus *make_bus(void)
{
    static const struct sio_handlers on = {.relayed = relayed,
                                           .server_event = server_event};
    struct sio *sio = sio_new(NULL);
    struct sio_namespace *ns = sio_namespace(sio, "/", &on);
    struct redis *redis;

    require(redis_new(&redis, "redis://127.0.0.1", NULL) == ERR_NONE);
    sio_use_redis(sio, redis, "socket.io");
    return ns->bus;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sio_bus *bus;
    struct slice message = {size ? (const char *)data : "", size};

    if (!bus)
        bus = make_bus();
    sio_bus_came(bus, SLICE("socket.io#/#"), message);
    sio_bus_came_request(bus, SLICE("socket.io-request#/#"), message);
    return 0;
}
