/* webhook_verify.c - see webhook_verify.h. */
#include "backend/webhook_verify.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"

enum { MIN_KEY = 16, MAX_ID = 256, MAX_STAMP = 20, HMAC = 32 };

enum err_code webhook_secret_parse(struct webhook_secret *out, const char *text,
                                   struct err *e)
{
    static const char prefix[] = "whsec_";
    struct slice s = slice_trim(slice_of(text));
    uint8_t key[128];
    size_t n = 0;

    *out = (struct webhook_secret){0};
    if (s.len == 0)
        return ERR_NONE;
    if (!slice_starts(s, prefix))
        return err_set(e, ERR_INVALID,
                       "the webhook's signing secret must begin with '%s'",
                       prefix);
    s = slice_sub(s, sizeof(prefix) - 1, s.len);
    if (s.len / 4 * 3 > sizeof(key) || !crypto_base64_decode(key, &n, s) ||
        n < MIN_KEY || n > sizeof(out->key))
        return err_set(e, ERR_INVALID,
                       "the webhook's signing secret must be '%s' and base64 "
                       "of %d to %zu bytes",
                       prefix, MIN_KEY, sizeof(out->key));
    memcpy(out->key, key, n);
    out->len = n;
    return ERR_NONE;
}

static bool is_timely(struct slice timestamp, int64_t now_us)
{
    uint64_t sent;
    int64_t off;

    if (timestamp.len > MAX_STAMP || !slice_to_u64(timestamp, &sent) ||
        sent > (uint64_t)(INT64_MAX / US_PER_S))
        return false;
    off = (int64_t)sent - now_us / US_PER_S;
    return off <= WEBHOOK_TOLERANCE_S && off >= -WEBHOOK_TOLERANCE_S;
}

/* Is one of the signatures in the list the expected one?  All are looked at. */
static bool has_signature(struct slice list, const uint8_t expected[HMAC])
{
    struct slice part, want = {(const char *)expected, HMAC};
    uint8_t got[CRYPTO_BASE64_LEN(HMAC)];
    bool found = false;
    size_t n;

    while (slice_split(&list, ' ', &part)) {
        if (!slice_starts(part, "v1,"))
            continue;
        part = slice_sub(part, 3, part.len);
        if (part.len == CRYPTO_BASE64_LEN(HMAC) &&
            crypto_base64_decode(got, &n, part))
            found |= crypto_equal((struct slice){(const char *)got, n}, want);
    }
    return found;
}

bool webhook_verify(const struct webhook_secret *secret,
                    const struct webhook_headers *h, struct slice body,
                    int64_t now_us)
{
    uint8_t expected[HMAC];
    struct buf signed_text;
    bool good;

    if (secret->len == 0 || (!h->id.p && !h->timestamp.p && !h->signatures.p))
        return true;
    if (h->id.len == 0 || h->id.len > MAX_ID ||
        !is_timely(h->timestamp, now_us))
        return false;
    buf_init(&signed_text, h->id.len + h->timestamp.len + body.len + 2);
    buf_add_slice(&signed_text, h->id);
    buf_add_char(&signed_text, '.');
    buf_add_slice(&signed_text, h->timestamp);
    buf_add_char(&signed_text, '.');
    buf_add_slice(&signed_text, body);
    good = buf_ok(&signed_text);
    if (good) {
        crypto_hmac_sha256(
            expected, (struct slice){(const char *)secret->key, secret->len},
            buf_slice(&signed_text));
        good = has_signature(h->signatures, expected);
    }
    buf_release(&signed_text);
    return good;
}
