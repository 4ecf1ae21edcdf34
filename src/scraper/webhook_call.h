/* webhook_call.h - one signed call of the backend's webhook.
 *
 * Threads: any; the scraper is only read.
 */
#ifndef SCRAPER_WEBHOOK_CALL_H
#define SCRAPER_WEBHOOK_CALL_H

#include "net/http_client.h"

struct scraper;

#define WEBHOOK_REPLY_KEPT 2000 /* bytes shown to people */

struct webhook_call {
    struct slice webhook_id; /* "msg_..." */
    struct slice body;
    bool (*cancelled)(void *ctx);
    void *ctx;
};

/* As http_fetch. */
enum err_code webhook_call(const struct scraper *s, struct http_client *client,
                           const struct webhook_call *call,
                           struct http_answer *out, struct err *e) CHECKED;

/* The reply as text that can be stored and shown: its beginning, in `text`. */
struct slice webhook_reply(const struct http_answer *answer,
                           char text[WEBHOOK_REPLY_KEPT + 1]);

/* ERR_NONE: a 2xx, the call was taken.  Else ERR_UNAVAILABLE, with what the
 * backend said. */
enum err_code webhook_taken(int status, struct err *e);

#endif
