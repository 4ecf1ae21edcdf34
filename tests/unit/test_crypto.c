/* test_crypto.c - against the vectors of the standards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"

static void assert_hex(const uint8_t *p, size_t n, const char *expected)
{
    char text[129];

    crypto_hex(text, p, n);
    assert_string_equal(text, expected);
}

static void test_sha256(void **state)
{
    uint8_t out[32];

    (void)state;
    crypto_sha256(out, SLICE("abc")); /* FIPS 180-4 */
    assert_hex(out, 32,
               "ba7816bf8f01cfea414140de5dae2223"
               "b00361a396177a9cb410ff61f20015ad");
    crypto_sha256(out, SLICE_NONE);
    assert_hex(out, 32,
               "e3b0c44298fc1c149afbf4c8996fb924"
               "27ae41e4649b934ca495991b7852b855");
}

static void test_sha256_in_parts(void **state)
{
    struct crypto_hash *h = crypto_hash_new();
    uint8_t out[32];

    (void)state;
    crypto_hash_add(h, "a", 1);
    crypto_hash_add(h, "", 0);
    crypto_hash_add(h, "bc", 2);
    crypto_hash_end(h, out);
    assert_hex(out, 32,
               "ba7816bf8f01cfea414140de5dae2223"
               "b00361a396177a9cb410ff61f20015ad");
}

static void test_hmac(void **state)
{
    uint8_t out[32];
    char key[131];

    (void)state;
    /* RFC 4231, cases 2 and 6 */
    crypto_hmac_sha256(out, SLICE("Jefe"),
                       SLICE("what do ya want for nothing?"));
    assert_hex(out, 32,
               "5bdcc146bf60754e6a042426089575c7"
               "5a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    crypto_hmac_sha256(
        out, (struct slice){key, sizeof(key)},
        SLICE("Test Using Larger Than Block-Size Key - Hash Key First"));
    assert_hex(out, 32,
               "60e431591ee0b67f0d8a26aacbf5b77f"
               "8e0bc6213728c5140546040f0ee37f54");
    crypto_hmac_sha256(out, SLICE_NONE, SLICE_NONE);
    assert_hex(out, 32,
               "b613679a0814d9ec772f95d778c35fc5"
               "ff1697c493715653c6c712144292c5ad");
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(crypto_equal(SLICE("secret"), SLICE("secret")));
    assert_false(crypto_equal(SLICE("secret"), SLICE("secreT")));
    assert_false(crypto_equal(SLICE("secret"), SLICE("secre")));
    assert_false(crypto_equal(SLICE(""), SLICE("s")));
    assert_true(crypto_equal(SLICE_NONE, SLICE("")));
}

/* RFC 4648, section 10 */
static void test_base64(void **state)
{
    static const char *const texts[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xFB\xFF\xBF", "+/+/"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *plain = texts[i][0], *code = texts[i][1];
        char out[16];
        uint8_t back[16];
        size_t n = 99;

        assert_int_equal(
            crypto_base64(out, (const uint8_t *)plain, strlen(plain)),
            CRYPTO_BASE64_LEN(strlen(plain)));
        assert_string_equal(out, code);
        assert_true(crypto_base64_decode(back, &n, slice_of(code)));
        assert_int_equal(n, strlen(plain));
        assert_memory_equal(back, plain, n);
    }
}

static void test_base64_refuses(void **state)
{
    static const char *const bad[] = {
        "Z",        "Zg",    "Zg=",
        "Zg==\n",   " Zg==", "Zh==" /* unused bits */,
        "Zm9=",     "Z===",  "====",
        "Zg==Zg==", "Zm-v",  "Zm_v",
        "Zm9v=",    "Z=9v",  "Zm9\xC3",
        "=Zm9"};
    uint8_t out[16];
    size_t n, i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (crypto_base64_decode(out, &n, slice_of(bad[i])))
            fail_msg("'%s' was taken as base64", bad[i]);
}

static void test_random(void **state)
{
    char tokens[50][44];
    uint8_t a[64] = {0}, b[64] = {0};
    int i, k;

    (void)state;
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    crypto_random(a, 0);
    for (i = 0; i < 50; i++) {
        crypto_token(tokens[i], 43);
        assert_int_equal(strlen(tokens[i]), 43);
        assert_int_equal(strspn(tokens[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "abcdefghijklmnopqrstuvwxyz"
                                           "0123456789-_"),
                         43);
        for (k = 0; k < i; k++)
            assert_string_not_equal(tokens[i], tokens[k]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256), cmocka_unit_test(test_sha256_in_parts),
        cmocka_unit_test(test_hmac),   cmocka_unit_test(test_equal),
        cmocka_unit_test(test_base64), cmocka_unit_test(test_base64_refuses),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
