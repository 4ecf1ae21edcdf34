/* gzip.c - zlib, at the level that was measured to pay (GZIP_LEVEL).
 *
 * The state of deflate is made anew for every body: it is memory that malloc
 * has at hand, and keeping one per thread would hold 270 kB in each of a dozen
 * threads for ever.
 */
#include "net/gzip.h"

#include <string.h>
#include <zlib.h>

/* A 36 kB page of papers: see docs/http.md for the table that decided. */
#define GZIP_LEVEL 3

bool gzip_bytes(struct slice in, struct buf *out)
{
    z_stream z = {0};
    char *room;
    int rc;

    if (in.len < 64 || in.len > UINT32_MAX / 2)
        return false;
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    room = buf_room(out, in.len - 1);
    if (!room) {
        deflateEnd(&z);
        return false;
    }
    z.next_in = (Bytef *)in.p;
    z.avail_in = (uInt)in.len;
    z.next_out = (Bytef *)room;
    z.avail_out = (uInt)(in.len - 1);
    rc = deflate(&z, Z_FINISH);
    deflateEnd(&z);
    if (rc != Z_STREAM_END)
        return false;
    buf_grew(out, z.total_out);
    return true;
}

bool gunzip_bytes(struct slice in, size_t len, struct buf *out)
{
    z_stream z = {0};
    char *room = len <= UINT32_MAX ? buf_room(out, len) : NULL;
    int rc;

    if (!room || in.len > UINT32_MAX || inflateInit2(&z, 15 + 16) != Z_OK)
        return false;
    z.next_in = (Bytef *)in.p;
    z.avail_in = (uInt)in.len;
    z.next_out = (Bytef *)room;
    z.avail_out = (uInt)len;
    rc = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    if (rc != Z_STREAM_END || z.total_out != len)
        return false;
    buf_grew(out, len);
    return true;
}

bool gzip_type(const char *content_type)
{
    static const char *const types[] = {"text/",
                                        "application/json",
                                        "application/xml",
                                        "application/atom+xml",
                                        "application/javascript",
                                        "application/x-ndjson",
                                        "image/svg+xml"};
    size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strncmp(content_type, types[i], strlen(types[i])) == 0)
            return true;
    return strstr(content_type, "+json") != NULL;
}

/* "q=0.5" in thousandths; 1000 where there is none, -1 if malformed. */
static int quality(struct slice params)
{
    struct slice part;
    double q;

    while (slice_split(&params, ';', &part)) {
        part = slice_trim(part);
        if (part.len < 2 || (part.p[0] != 'q' && part.p[0] != 'Q') ||
            part.p[1] != '=')
            continue;
        if (!slice_to_double(slice_sub(part, 2, part.len), &q) || q < 0 ||
            q > 1)
            return -1;
        return (int)(q * 1000 + 0.5);
    }
    return 1000;
}

bool gzip_accepted(struct slice accept)
{
    int gzip = -1, any = -1, identity = -1, q;
    struct slice item, name;

    while (slice_split(&accept, ',', &item)) {
        struct slice params = item;

        if (!slice_split(&params, ';', &name))
            continue;
        name = slice_trim(name);
        q = quality(params);
        if (slice_is_nocase(name, "gzip") || slice_is_nocase(name, "x-gzip"))
            gzip = q;
        else if (slice_is(name, "*"))
            any = q;
        else if (slice_is_nocase(name, "identity"))
            identity = q;
    }
    if (gzip < 0)
        gzip = any;
    return gzip > 0 && gzip >= identity;
}
