/* crypto.h - digests, signatures, random bytes, text codings (over libcrypto).
 *
 * Threads: any.
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

void crypto_random(void *out, size_t n); /* aborts if the system has none */
void crypto_sha256(uint8_t out[32], struct slice data);
/* The same for what comes in parts; the end frees it. */
struct crypto_hash;
struct crypto_hash *crypto_hash_new(void);
void crypto_hash_add(struct crypto_hash *h, const void *p, size_t n);
void crypto_hash_end(struct crypto_hash *h, uint8_t out[32]);
/* Only where a protocol prescribes it (RFC 6455): it protects nothing. */
void crypto_sha1(uint8_t out[20], struct slice data);
void crypto_hmac_sha256(uint8_t out[32], struct slice key, struct slice data);
/* Equal?  In time that depends on the lengths only. */
bool crypto_equal(struct slice a, struct slice b);

void crypto_hex(char *out, const uint8_t *p, size_t n); /* 2n + 1 bytes */
#define CRYPTO_BASE64_LEN(n) ((((n) + 2) / 3) * 4)
/* Standard padded base64; out has CRYPTO_BASE64_LEN(n) + 1 bytes. */
size_t crypto_base64(char *out, const uint8_t *p, size_t n);
/* Strict decoding (padding required, no white space).  out has at least
 * s.len / 4 * 3 bytes; false: not base64. */
bool crypto_base64_decode(uint8_t *out, size_t *n, struct slice s);
/* Random text of URL-safe base64 characters: n_chars + 1 bytes at out. */
void crypto_token(char *out, size_t n_chars);

#endif
