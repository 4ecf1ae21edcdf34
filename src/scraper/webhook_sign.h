/* webhook_sign.h - sign what goes out, by Standard Webhooks 1.0.0.
 *
 *     webhook-signature: v1,<base64 of HMAC-SHA256 over id.timestamp.payload>
 *
 * The key is the base64 behind "whsec_"; it is never the Bearer secret.
 *
 * Threads: pure functions.
 */
#ifndef SCRAPER_WEBHOOK_SIGN_H
#define SCRAPER_WEBHOOK_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define WEBHOOK_KEY_MAX 64
#define WEBHOOK_SIGNATURE_MAX 64 /* bytes of a signature, with NUL */

struct webhook_key {
    uint8_t bytes[WEBHOOK_KEY_MAX];
    size_t len; /* 0: none, nothing is signed */
};

/* "" is none.  ERR_INVALID: not "whsec_" and base64 of 24 to 64 bytes. */
enum err_code webhook_key_parse(struct webhook_key *out, const char *secret,
                                struct err *e) CHECKED;
/* Write "v1,...".  ERR_INTERNAL: out of memory. */
enum err_code webhook_sign(char out[WEBHOOK_SIGNATURE_MAX],
                           const struct webhook_key *key, struct slice id,
                           int64_t timestamp_s, struct slice payload,
                           struct err *e) CHECKED;

#endif
