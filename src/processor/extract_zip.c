/* extract_zip.c - see extract_zip.h.
 *
 * Layout (APPNOTE 6.3): members, then the directory, then a record of 22 bytes
 * (and a comment of at most 65,535) that says where the directory is.  Sizes
 * and places are taken from the directory; the member's own header, whose sizes
 * may be zero, only says how long it is itself.
 */
#include "processor/extract_zip.h"

#include <stdint.h>
#include <zlib.h>

#define END_SIZE 22
#define ENTRY_SIZE 46
#define LOCAL_SIZE 30
#define PIECE 65536

struct entry {
    struct slice name;
    unsigned flags, method;
    size_t packed, local;
};

static unsigned u16(struct slice s, size_t at)
{
    const unsigned char *p = (const unsigned char *)s.p + at;

    return p[0] | (unsigned)p[1] << 8;
}

static uint32_t u32(struct slice s, size_t at)
{
    return u16(s, at) | (uint32_t)u16(s, at + 2) << 16;
}

/* The entry at *at, which moves on; false: the directory has ended. */
static bool next_entry(const struct zip *z, size_t *at, struct entry *out)
{
    size_t left = z->directory_end - *at, name, whole;
    struct slice s = slice_sub(z->bytes, *at, z->directory_end);

    if (left < ENTRY_SIZE || !slice_starts(s, "PK\1\2"))
        return false;
    name = u16(s, 28);
    whole = ENTRY_SIZE + name + u16(s, 30) + u16(s, 32);
    if (whole > left)
        return false;
    *out = (struct entry){
        .name = slice_sub(s, ENTRY_SIZE, ENTRY_SIZE + name),
        .flags = u16(s, 8),
        .method = u16(s, 10),
        .packed = u32(s, 20),
        .local = u32(s, 42),
    };
    *at += whole;
    return true;
}

static bool find(const struct zip *z, struct slice name, struct entry *out)
{
    size_t at = z->directory;

    for (int i = 0; i < ZIP_MAX_MEMBERS && next_entry(z, &at, out); i++)
        if (slice_eq(out->name, name))
            return true;
    return false;
}

bool zip_open(struct zip *z, struct slice s)
{
    size_t at, least;

    if (s.len < END_SIZE)
        return false;
    at = s.len - END_SIZE;
    least = at > 65535 ? at - 65535 : 0;
    while (!slice_starts(slice_sub(s, at, s.len), "PK\5\6"))
        if (at-- == least)
            return false;
    *z = (struct zip){.bytes = s,
                      .directory = u32(s, at + 16),
                      .directory_end = at,
                      .left = ZIP_BUDGET};
    return z->directory <= at;
}

bool zip_has(const struct zip *z, struct slice name)
{
    struct entry ignored;

    return find(z, name, &ignored);
}

/* Raw deflate.  Grows by what really comes out, never by what is announced. */
static enum zip_result unpack(struct zip *z, struct slice packed,
                              struct buf *out)
{
    z_stream s = {.next_in = (Bytef *)(uintptr_t)packed.p,
                  .avail_in = (uInt)packed.len};
    enum zip_result result = ZIP_OK;
    int rc;

    if (inflateInit2(&s, -MAX_WBITS) != Z_OK)
        return ZIP_TOO_LARGE;
    do {
        char *room = buf_room(out, PIECE);
        size_t got;

        if (!room || z->left < PIECE) {
            result = ZIP_TOO_LARGE;
            break;
        }
        s.next_out = (Bytef *)room;
        s.avail_out = PIECE;
        rc = inflate(&s, Z_NO_FLUSH);
        got = PIECE - s.avail_out;
        buf_grew(out, got);
        z->left -= got;
        if (rc != Z_OK && rc != Z_STREAM_END)
            result = ZIP_DAMAGED;
    } while (result == ZIP_OK && rc != Z_STREAM_END);
    inflateEnd(&s);
    return result;
}

enum zip_result zip_read(struct zip *z, struct slice name, struct buf *out)
{
    struct slice all = slice_sub(z->bytes, 0, z->directory), packed;
    struct entry e;
    size_t from;

    if (!find(z, name, &e))
        return ZIP_NO_MEMBER;
    if (e.flags & 1)
        return ZIP_ENCRYPTED;
    if (e.local > all.len || all.len - e.local < LOCAL_SIZE ||
        !slice_starts(slice_sub(all, e.local, all.len), "PK\3\4"))
        return ZIP_DAMAGED;
    from =
        e.local + LOCAL_SIZE + u16(all, e.local + 26) + u16(all, e.local + 28);
    if (from > all.len || all.len - from < e.packed)
        return ZIP_DAMAGED;
    packed = slice_sub(all, from, from + e.packed);
    if (e.method == 8)
        return unpack(z, packed, out);
    if (e.method != 0)
        return ZIP_DAMAGED;
    if (packed.len > z->left)
        return ZIP_TOO_LARGE;
    z->left -= packed.len;
    buf_add_slice(out, packed);
    return buf_ok(out) ? ZIP_OK : ZIP_TOO_LARGE;
}
