/* replay.c - see replay.h. */
#include "scraper/replay.h"

#include <string.h>
#include <zlib.h>

#include "base/crypto.h"

#define GZIP_WINDOW (15 + 16) /* zlib's way to say gzip */
#define STEP (64u << 10)

static enum err_code inflate_all(z_stream *z, struct buf *into, struct err *e)
{
    int got = Z_OK;

    while (got == Z_OK) {
        char *room = buf_room(into, STEP);

        if (!room)
            return err_set(e, ERR_TOO_LARGE, "the feed is over %zu MiB",
                           into->max >> 20);
        z->next_out = (Bytef *)room;
        z->avail_out = STEP;
        got = inflate(z, Z_NO_FLUSH);
        buf_grew(into, STEP - z->avail_out);
        if (got == Z_OK && z->avail_in == 0 && z->avail_out != 0)
            break; /* cut short */
    }
    return got == Z_STREAM_END ? ERR_NONE
                               : err_set(e, ERR_INVALID, "damaged gzip data");
}

enum err_code replay_unzip(struct buf *into, struct slice body, struct err *e)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)body.p,
                  .avail_in = (uInt)body.len};
    enum err_code rc;

    if (!slice_starts(body, "\x1f\x8b")) {
        buf_add_slice(into, body);
        return buf_ok(into)
                   ? ERR_NONE
                   : err_set(e, ERR_TOO_LARGE, "the feed is over %zu MiB",
                             into->max >> 20);
    }
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return err_set(e, ERR_INTERNAL, "out of memory for zlib");
    rc = inflate_all(&z, into, e);
    inflateEnd(&z);
    return rc;
}

/* The gzip form, at most REPLAY_MAX_PACKED bytes. */
static enum err_code deflate_all(struct buf *out, struct slice feed,
                                 struct err *e)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)feed.p,
                  .avail_in = (uInt)feed.len};
    int got = Z_OK;

    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(e, ERR_INTERNAL, "out of memory for zlib");
    while (got == Z_OK) {
        char *room = buf_room(out, STEP);

        if (!room)
            break;
        z.next_out = (Bytef *)room;
        z.avail_out = STEP;
        got = deflate(&z, Z_FINISH);
        buf_grew(out, STEP - z.avail_out);
    }
    deflateEnd(&z);
    return got == Z_STREAM_END
               ? ERR_NONE
               : err_set(e, ERR_TOO_LARGE,
                         "the feed is too large, even compressed");
}

enum err_code replay_pack(struct arena *a, struct slice feed, struct slice *out,
                          struct err *e)
{
    struct buf packed;
    enum err_code rc;
    char *text;

    buf_init(&packed, REPLAY_MAX_PACKED + STEP);
    rc = deflate_all(&packed, feed, e);
    if (rc == ERR_NONE) {
        text = arena_alloc(a, CRYPTO_BASE64_LEN(packed.len) + 1);
        if (text)
            *out = (struct slice){
                text,
                crypto_base64(text, (const uint8_t *)packed.p, packed.len)};
        else
            rc = err_set(e, ERR_TOO_LARGE, "the feed is too large");
    }
    buf_release(&packed);
    return rc;
}

enum err_code replay_unpack(struct buf *into, struct slice packed,
                            struct err *e)
{
    struct buf zipped;
    size_t n;
    char *room;
    enum err_code rc;

    buf_init(&zipped, packed.len + 4);
    room = buf_room(&zipped, packed.len / 4 * 3 + 4);
    if (room && crypto_base64_decode((uint8_t *)room, &n, packed)) {
        buf_grew(&zipped, n);
        rc = replay_unzip(into, buf_slice(&zipped), e);
    } else {
        rc = err_set(e, ERR_INVALID, "a recorded answer is damaged");
    }
    buf_release(&zipped);
    return rc;
}
