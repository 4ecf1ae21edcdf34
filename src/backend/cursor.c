/* cursor.c - see cursor.h. */
#include "backend/cursor.h"

#include <string.h>

#include "base/crypto.h"
#include "base/utf8.h"

enum { FORM = 1, HEAD = 18, DIGEST = 4, ASCENDING = 1 << 4, BACKWARD = 1 << 5 };

static void put_u64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get_u64(const uint8_t *p)
{
    uint64_t v = 0;

    for (int i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static void digest(uint8_t out[32], const uint8_t *p, size_t n)
{
    crypto_sha256(out, (struct slice){(const char *)p, n});
}

/* Change between the standard alphabet and the one that URLs may hold. */
static void swap_alphabet(char *p, size_t n, const char *from, const char *to)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] == from[0] ? to[0] : p[i] == from[1] ? to[1] : p[i];
}

struct slice cursor_write(struct arena *a, const struct cursor *c)
{
    bool by_title = c->order == PAPER_BY_TITLE;
    size_t n_text = by_title ? c->key.text.len : 0, n = HEAD + n_text;
    uint8_t sum[32], *raw = arena_alloc(a, n + DIGEST);
    char *text = arena_alloc(a, CRYPTO_BASE64_LEN(n + DIGEST) + 1);
    uint64_t place = (uint64_t)c->key.i;
    size_t len;

    if (!raw || !text)
        return SLICE_NONE;
    if (c->order == PAPER_BY_RELEVANCE)
        memcpy(&place, &c->key.d, sizeof(place));
    raw[0] = FORM;
    raw[1] = (uint8_t)((unsigned)c->order | (c->ascending ? ASCENDING : 0) |
                       (c->backward ? BACKWARD : 0));
    put_u64(raw + 2, (uint64_t)c->key.id);
    put_u64(raw + 10, place);
    if (n_text > 0)
        memcpy(raw + HEAD, c->key.text.p, n_text);
    digest(sum, raw, n);
    memcpy(raw + n, sum, DIGEST);
    len = crypto_base64(text, raw, n + DIGEST);
    while (len > 0 && text[len - 1] == '=')
        len--;
    swap_alphabet(text, len, "+/", "-_");
    return (struct slice){text, len};
}

/* Bytes of the cursor without its digest, or NULL. */
static const uint8_t *decode(struct arena *a, struct slice text, size_t *n)
{
    size_t padded = (text.len + 3) / 4 * 4;
    uint8_t sum[32], *raw;
    char *copy;

    if (text.len == 0 || text.len > CURSOR_MAX || text.len % 4 == 1)
        return NULL;
    /* '+', '/' and '=' are not of the URL-safe alphabet: no second spelling. */
    if (slice_find_byte(text, '+') >= 0 || slice_find_byte(text, '/') >= 0 ||
        slice_find_byte(text, '=') >= 0)
        return NULL;
    copy = arena_alloc(a, padded);
    raw = arena_alloc(a, padded / 4 * 3);
    if (!copy || !raw)
        return NULL;
    memset(copy, '=', padded);
    memcpy(copy, text.p, text.len);
    swap_alphabet(copy, text.len, "-_", "+/");
    if (!crypto_base64_decode(raw, n, (struct slice){copy, padded}) ||
        *n < HEAD + DIGEST)
        return NULL;
    *n -= DIGEST;
    digest(sum, raw, *n);
    return memcmp(sum, raw + *n, DIGEST) == 0 ? raw : NULL;
}

enum err_code cursor_read(struct cursor *out, struct arena *a,
                          struct slice text, struct err *e)
{
    size_t n = 0;
    const uint8_t *raw = decode(a, text, &n);
    struct cursor c = {0};
    uint64_t place;

    if (!raw || raw[0] != FORM || raw[1] & ~(15 | ASCENDING | BACKWARD) ||
        (raw[1] & 15) >= PAPER_BY_RANK)
        return err_field(e, "cursor", "Invalid cursor");
    c.order = (enum paper_order)(raw[1] & 15);
    c.ascending = raw[1] & ASCENDING;
    c.backward = raw[1] & BACKWARD;
    c.key.id = (int64_t)get_u64(raw + 2);
    place = get_u64(raw + 10);
    if (c.order == PAPER_BY_RELEVANCE)
        memcpy(&c.key.d, &place, sizeof(place));
    else
        c.key.i = (int64_t)place;
    c.key.text = (struct slice){(const char *)raw + HEAD, n - HEAD};
    if ((c.order != PAPER_BY_TITLE && n != HEAD) || c.key.id < 1 ||
        !utf8_valid(c.key.text) || c.key.d != c.key.d)
        return err_field(e, "cursor", "Invalid cursor");
    *out = c;
    return ERR_NONE;
}
