/* etag.c - see the header.  MurmurHash3_x64_128 by Austin Appleby, who put it
 * into the public domain; rewritten here. */
#include "net/etag.h"

#include <string.h>

#define C1 UINT64_C(0x87c37b91114253d5)
#define C2 UINT64_C(0x4cf5ad432745937f)

static uint64_t rotl(uint64_t x, int r)
{
    return (x << r) | (x >> (64 - r));
}

static uint64_t load64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v; /* little-endian, as all machines we run on */
}

static uint64_t mix(uint64_t k)
{
    k ^= k >> 33;
    k *= UINT64_C(0xff51afd7ed558ccd);
    k ^= k >> 33;
    k *= UINT64_C(0xc4ceb9fe1a85ec53);
    return k ^ (k >> 33);
}

static void hash128(struct slice s, uint64_t seed, uint64_t out[2])
{
    uint64_t h1 = seed, h2 = seed;
    const char *p = s.p;
    size_t left = s.len;
    char tail[16] = {0};

    for (; left >= 16; p += 16, left -= 16) {
        h1 ^= rotl(load64(p) * C1, 31) * C2;
        h1 = (rotl(h1, 27) + h2) * 5 + 0x52dce729;
        h2 ^= rotl(load64(p + 8) * C2, 33) * C1;
        h2 = (rotl(h2, 31) + h1) * 5 + 0x38495ab5;
    }
    if (left > 0) {
        memcpy(tail, p, left);
        h2 ^= rotl(load64(tail + 8) * C2, 33) * C1;
        h1 ^= rotl(load64(tail) * C1, 31) * C2;
    }
    h1 ^= s.len;
    h2 ^= s.len;
    h1 += h2;
    h2 += h1;
    h1 = mix(h1);
    h2 = mix(h2);
    h1 += h2;
    h2 += h1;
    out[0] = h1;
    out[1] = h2;
}

uint64_t hash64(struct slice bytes, uint64_t seed)
{
    uint64_t h[2];

    hash128(bytes, seed, h);
    return h[0];
}

void etag_of(struct slice bytes, char out[ETAG_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t h[2];
    int i, k;

    hash128(bytes, 0, h);
    out[0] = '"';
    for (k = 0; k < 2; k++)
        for (i = 0; i < 16; i++)
            out[1 + 16 * k + i] = digits[(h[k] >> (60 - 4 * i)) & 15];
    memcpy(out + 33, "\"", 2);
}

void etag_for_gzip(const char *etag, char out[ETAG_TEXT])
{
    size_t n = strlen(etag);

    memcpy(out, etag, n - 1);
    memcpy(out + n - 1, "-gz\"", 5);
}

/* Two opaque tags with quotes; the mark of the gzip form does not count. */
static bool same_tag(struct slice a, struct slice b)
{
    if (slice_ends(a, "-gz\""))
        a.len -= 4;
    else if (a.len > 0)
        a.len -= 1;
    b.len -= 1;
    return slice_eq(a, b);
}

bool etag_matches(struct slice list, const char *etag)
{
    struct slice ours = slice_of(etag), tag;
    size_t i = 0;

    if (slice_is(slice_trim(list), "*"))
        return true;
    while (i < list.len) {
        if (list.p[i] == ' ' || list.p[i] == '\t' || list.p[i] == ',') {
            i++;
            continue;
        }
        if (slice_starts(slice_sub(list, i, list.len), "W/"))
            i += 2;
        if (i >= list.len || list.p[i] != '"')
            return false; /* malformed: the condition does not hold */
        tag.p = list.p + i;
        for (tag.len = 1; i + tag.len < list.len; tag.len++)
            if (tag.p[tag.len] == '"')
                break;
        if (i + tag.len == list.len)
            return false;
        tag.len++;
        if (same_tag(tag, ours))
            return true;
        i += tag.len;
    }
    return false;
}
