/* secrets.c - see secrets.h. */
#include "cmd/secrets.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "cmd/services.h"

/* From setting `key`; *out is "" when it is not set. */
static enum err_code from_setting(const struct config *c, const char *key,
                                  char out[128], struct err *e)
{
    int n = snprintf(out, 128, "%s", config_str(c, key));

    return n < 128 ? ERR_NONE
                   : err_field(e, key, "%s is longer than 127 characters", key);
}

/* From setting `key`, else from the file of that name. */
static enum err_code webhook_secret(const struct config *c,
                                    const struct datadir *d, const char *key,
                                    const char *prefix, bool must_be_set,
                                    char out[128], struct err *e)
{
    enum err_code rc = from_setting(c, key, out, e);

    if (rc != ERR_NONE || *out)
        return rc;
    if (must_be_set)
        return err_field(e, key,
                         "%s must be set when scraper and backend run in"
                         " different processes; give both the same",
                         key);
    return datadir_secret(d, key, prefix, true, out, 128, e);
}

static enum err_code admin_token(char out[128], const struct config *c,
                                 const struct datadir *d, bool make,
                                 struct err *e)
{
    enum err_code rc = from_setting(c, "admin_token", out, e);

    if (rc != ERR_NONE || *out)
        return rc;
    return datadir_secret(d, "token", "", make, out, 128, e);
}

enum err_code secrets_token(char out[128], const struct config *c,
                            const struct datadir *d, struct err *e)
{
    return admin_token(out, c, d, false, e);
}

/* "whsec_" and base64 of 24 to 64 bytes, as Standard Webhooks 1.0 asks. */
static bool is_signing_secret(const char *s)
{
    uint8_t key[128];
    size_t n = 0;

    return strncmp(s, "whsec_", 6) == 0 && strlen(s) <= 6 + 88 &&
           crypto_base64_decode(key, &n, slice_of(s + 6)) && n >= 24;
}

enum err_code secrets_load(struct secrets *s, const struct config *c,
                           const struct datadir *d, struct err *e)
{
    int services, both = SERVICE_SCRAPER | SERVICE_BACKEND;
    bool split;
    enum err_code rc;

    if ((rc = services_read(&services, c, e)) != ERR_NONE)
        return rc;
    split = (services & both) != 0 && (services & both) != both;
    if ((rc = admin_token(s->token, c, d, true, e)) != ERR_NONE ||
        (rc = webhook_secret(c, d, "webhook_secret", "", split, s->webhook,
                             e)) != ERR_NONE ||
        (rc = webhook_secret(c, d, "webhook_signing_secret", "whsec_", split,
                             s->signing, e)) != ERR_NONE)
        return rc;
    if (!is_signing_secret(s->signing))
        return err_field(e, "webhook_signing_secret",
                         "webhook_signing_secret must be 'whsec_' and base64"
                         " of 24 to 64 bytes");
    return ERR_NONE;
}
