/* crypto.c - see crypto.h. */
#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const char STANDARD[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL_SAFE[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* A digest or random bytes that are missing must never be passed over. */
static void require(bool ok, const char *what)
{
    if (ok)
        return;
    log_error("crypto", "the system's cryptography failed",
              LOG_S("call", what));
    abort();
}

void crypto_random(void *out, size_t n)
{
    unsigned char *p = out;

    while (n > 0) {
        int part = n > INT_MAX ? INT_MAX : (int)n;

        require(RAND_bytes(p, part) == 1, "RAND_bytes");
        p += part;
        n -= (size_t)part;
    }
}

void crypto_sha256(uint8_t out[32], struct slice data)
{
    require(SHA256((const unsigned char *)(data.p ? data.p : ""), data.len,
                   out) != NULL,
            "SHA256");
}

/* A name for libcrypto's own struct. */
struct crypto_hash *crypto_hash_new(void)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    require(c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1,
            "EVP_DigestInit_ex");
    return (struct crypto_hash *)c;
}

void crypto_hash_add(struct crypto_hash *h, const void *p, size_t n)
{
    require(EVP_DigestUpdate((EVP_MD_CTX *)h, p, n) == 1, "EVP_DigestUpdate");
}

void crypto_hash_end(struct crypto_hash *h, uint8_t out[32])
{
    require(EVP_DigestFinal_ex((EVP_MD_CTX *)h, out, NULL) == 1,
            "EVP_DigestFinal_ex");
    EVP_MD_CTX_free((EVP_MD_CTX *)h);
}

void crypto_sha1(uint8_t out[20], struct slice data)
{
    require(SHA1((const unsigned char *)(data.p ? data.p : ""), data.len,
                 out) != NULL,
            "SHA1");
}

void crypto_hmac_sha256(uint8_t out[32], struct slice key, struct slice data)
{
    unsigned len = 0;

    require(key.len <= INT_MAX, "HMAC key length");
    require(HMAC(EVP_sha256(), key.p ? key.p : "", (int)key.len,
                 (const unsigned char *)(data.p ? data.p : ""), data.len, out,
                 &len) != NULL &&
                len == 32,
            "HMAC");
}

bool crypto_equal(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    return a.len == 0 || CRYPTO_memcmp(a.p, b.p, a.len) == 0;
}

void crypto_hex(char *out, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    for (i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

size_t crypto_base64(char *out, const uint8_t *p, size_t n)
{
    char *start = out;
    size_t i;

    for (i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;

        if (i + 1 < n)
            v |= (uint32_t)p[i + 1] << 8;
        if (i + 2 < n)
            v |= p[i + 2];
        *out++ = STANDARD[v >> 18];
        *out++ = STANDARD[v >> 12 & 63];
        *out++ = i + 1 < n ? STANDARD[v >> 6 & 63] : '=';
        *out++ = i + 2 < n ? STANDARD[v & 63] : '=';
    }
    *out = '\0';
    return (size_t)(out - start);
}

/* Value of a base64 character, -1 if it is none. */
static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, the last `pads` of which are '='.  Bits that no byte uses
 * must be 0, or two texts would stand for the same bytes. */
static bool decode_group(uint8_t *out, const char *p, size_t pads)
{
    uint32_t v = 0;
    size_t i;

    for (i = 0; i < 4; i++) {
        int six = i < 4 - pads ? sextet(p[i]) : 0;

        if (six < 0)
            return false;
        v = v << 6 | (uint32_t)six;
    }
    if (v & ((UINT32_C(1) << 8 * pads) - 1))
        return false;
    for (i = 0; i < 3 - pads; i++)
        out[i] = (uint8_t)(v >> (16 - 8 * i));
    return true;
}

bool crypto_base64_decode(uint8_t *out, size_t *n, struct slice s)
{
    size_t i, pads = 0;

    if (s.len % 4 != 0)
        return false;
    while (pads < 2 && s.len > 0 && s.p[s.len - 1 - pads] == '=')
        pads++;
    for (i = 0; i < s.len; i += 4) {
        size_t here = i + 4 == s.len ? pads : 0;

        if (!decode_group(out + i / 4 * 3, s.p + i, here))
            return false;
    }
    *n = s.len / 4 * 3 - pads;
    return true;
}

void crypto_token(char *out, size_t n_chars)
{
    uint8_t bytes[64];
    size_t i;

    for (i = 0; i < n_chars; i++) {
        if (i % sizeof(bytes) == 0)
            crypto_random(bytes, sizeof(bytes));
        out[i] = URL_SAFE[bytes[i % sizeof(bytes)] & 63];
    }
    out[n_chars] = '\0';
    OPENSSL_cleanse(bytes, sizeof(bytes));
}
