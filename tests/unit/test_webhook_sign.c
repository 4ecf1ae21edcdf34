/* test_webhook_sign.c - the signature of Standard Webhooks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scraper/webhook_sign.h"

/* The example in the reference implementations' own tests. */
static void test_known_signature(void **state)
{
    struct webhook_key key;
    struct err e = {0};
    char out[WEBHOOK_SIGNATURE_MAX];

    (void)state;
    assert_int_equal(
        webhook_key_parse(&key, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &e),
        ERR_NONE);
    assert_int_equal(
        webhook_sign(out, &key, SLICE("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                     1614265330, SLICE("{\"test\": 2432232314}"), &e),
        ERR_NONE);
    assert_string_equal(out, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void test_keys(void **state)
{
    static const char *const wrong[] = {
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_",
        "whsec_c2hvcnQ=", "whsec_not base64 at all, is it?!",
        /* 66 bytes */
        "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3"
        "ODkwMTIzNDU2Nzg5MDEyMzQ1"};
    struct webhook_key key;
    struct err e = {0};

    (void)state;
    assert_int_equal(webhook_key_parse(&key, "", &e), ERR_NONE);
    assert_int_equal(key.len, 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(webhook_key_parse(&key, wrong[i], &e), ERR_INVALID);
        assert_string_equal(e.field, "webhook_signing_secret");
        assert_int_equal(key.len, 0);
        /* a secret is not printed */
        assert_true(strlen(wrong[i]) < 8 || !strstr(e.msg, wrong[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_signature),
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests_name("webhook_sign", tests, NULL, NULL);
}
