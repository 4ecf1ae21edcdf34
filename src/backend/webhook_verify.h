/* webhook_verify.h - Standard Webhooks signatures of what comes in.
 *
 * HMAC-SHA256 over "id.timestamp.payload" with a secret of its own ("whsec_"
 * and base64; never the Bearer secret), sent as a list of "v1,<base64>"
 * separated by spaces, so that an old and a new secret may overlap.
 *
 * Threads: pure functions.
 */
#ifndef BACKEND_WEBHOOK_VERIFY_H
#define BACKEND_WEBHOOK_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* 5 minutes: the tolerance that Standard Webhooks recommends against replay */
#define WEBHOOK_TOLERANCE_S 300

struct webhook_secret {
    uint8_t key[64];
    size_t len; /* 0: there is none, nothing is verified */
};

/* ERR_INVALID: not "whsec_" and base64 of 16 to 64 bytes.  Empty text: none. */
enum err_code webhook_secret_parse(struct webhook_secret *out, const char *text,
                                   struct err *e) CHECKED;

struct webhook_headers {
    struct slice id, timestamp, signatures; /* SLICE_NONE: not sent */
};

/* Is the call as its sender signed it, and signed within the tolerance around
 * now_us?  Without a secret, and when none of the three headers was sent: true.
 * Takes constant time over the signature's bytes. */
bool webhook_verify(const struct webhook_secret *secret,
                    const struct webhook_headers *h, struct slice body,
                    int64_t now_us);

#endif
