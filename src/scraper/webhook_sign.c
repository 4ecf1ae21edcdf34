/* webhook_sign.c - see webhook_sign.h. */
#include "scraper/webhook_sign.h"

#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"

#define KEY_MIN 24 /* what the specification asks for */

enum err_code webhook_key_parse(struct webhook_key *out, const char *secret,
                                struct err *e)
{
    struct slice text = slice_of(secret);
    uint8_t bytes[WEBHOOK_KEY_MAX + 3];

    *out = (struct webhook_key){.len = 0};
    if (!text.len)
        return ERR_NONE;
    if (!slice_starts(text, "whsec_"))
        goto bad;
    text = slice_sub(text, 6, text.len);
    if (text.len > CRYPTO_BASE64_LEN(WEBHOOK_KEY_MAX) ||
        !crypto_base64_decode(bytes, &out->len, text) || out->len < KEY_MIN ||
        out->len > WEBHOOK_KEY_MAX)
        goto bad;
    memcpy(out->bytes, bytes, out->len);
    return ERR_NONE;
bad:
    out->len = 0;
    return err_field(e, "webhook_signing_secret",
                     "webhook_signing_secret must be 'whsec_' and the base64 "
                     "of %d to %d bytes",
                     KEY_MIN, WEBHOOK_KEY_MAX);
}

enum err_code webhook_sign(char out[WEBHOOK_SIGNATURE_MAX],
                           const struct webhook_key *key, struct slice id,
                           int64_t timestamp_s, struct slice payload,
                           struct err *e)
{
    uint8_t digest[32];
    struct buf text;

    buf_init(&text, id.len + 24 + payload.len);
    buf_add_slice(&text, id);
    buf_add_char(&text, '.');
    buf_add_i64(&text, timestamp_s);
    buf_add_char(&text, '.');
    buf_add_slice(&text, payload);
    if (!buf_ok(&text)) {
        buf_release(&text);
        return err_set(e, ERR_INTERNAL, "out of memory for a signature");
    }
    crypto_hmac_sha256(digest,
                       (struct slice){(const char *)key->bytes, key->len},
                       buf_slice(&text));
    buf_release(&text);
    memcpy(out, "v1,", 3);
    crypto_base64(out + 3, digest, sizeof(digest));
    return ERR_NONE;
}
