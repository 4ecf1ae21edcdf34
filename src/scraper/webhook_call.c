/* webhook_call.c - see webhook_call.h. */
#include "scraper/webhook_call.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "scraper/scraper_impl.h"

#define REPLY_MAX (1u << 20)
#define CONNECT_TIMEOUT_MS 5000

enum err_code webhook_call(const struct scraper *s, struct http_client *client,
                           const struct webhook_call *call,
                           struct http_answer *out, struct err *e)
{
    int64_t now_s = clock_now_us() / US_PER_S;
    char id[128], timestamp[64];
    char signature[WEBHOOK_SIGNATURE_MAX + 32] = "webhook-signature: ";
    const char *headers[] = {"Content-Type: application/json",
                             s->webhook_bearer,
                             id,
                             timestamp,
                             NULL,
                             NULL};
    struct http_fetch f = {.method = "POST",
                           .url = s->webhook_url,
                           .headers = headers,
                           .body = call->body,
                           .timeout_ms = s->webhook_timeout_ms,
                           .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                           .max_body = REPLY_MAX,
                           .cancelled = call->cancelled,
                           .ctx = call->ctx};
    enum err_code rc;

    snprintf(id, sizeof(id), "webhook-id: %.*s", SLICE_ARG(call->webhook_id));
    snprintf(timestamp, sizeof(timestamp), "webhook-timestamp: %lld",
             (long long)now_s);
    if (s->webhook_key.len) {
        rc = webhook_sign(signature + strlen(signature), &s->webhook_key,
                          call->webhook_id, now_s, call->body, e);
        if (rc != ERR_NONE)
            return rc;
        headers[4] = signature;
    }
    return http_fetch(client, &f, out, e);
}

struct slice webhook_reply(const struct http_answer *answer,
                           char text[WEBHOOK_REPLY_KEPT + 1])
{
    struct slice s = utf8_cut(buf_slice(&answer->body), WEBHOOK_REPLY_KEPT);
    size_t n = utf8_valid_prefix(s);

    for (size_t i = 0; i < n; i++)
        text[i] = s.p[i] ? s.p[i] : ' ';
    text[n] = '\0';
    return (struct slice){text, n};
}

enum err_code webhook_taken(int status, struct err *e)
{
    if (status >= 200 && status < 300)
        return ERR_NONE;
    return err_set(e, ERR_UNAVAILABLE,
                   status >= 300 && status < 400
                       ? "the backend answered %d; redirects are not followed"
                       : "the backend answered %d",
                   status);
}
