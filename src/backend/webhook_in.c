/* webhook_in.c - POST /api/webhooks/scraper-complete/
 *
 * The router has checked the Bearer secret in constant time and the size. Here:
 * content type, the Standard Webhooks signature over the bytes as they came,
 * the payload; then one store call, which is one transaction.  201 is sent
 * after the commit.
 */
#include "backend/handlers.h"

#include "backend/webhook_payload.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"

/* Room for the structs and cleaned texts of a call of 16 MiB. */
#define CALL_ARENA_BYTES (64 * 1024 * 1024)

static void refuse_with(struct request *r, int status, const char *message)
{
    struct jw j;

    jw_init(&j, reply_json(r, status));
    jw_obj(&j);
    jw_kstr(&j, "error", message);
    jw_end_obj(&j);
}

/* "application/json", also with parameters, and "application/...+json". */
static bool is_json_type(struct slice type)
{
    struct slice essence;

    if (!slice_split(&type, ';', &essence))
        return false;
    essence = slice_trim(essence);
    if (slice_is_nocase(essence, "application/json"))
        return true;
    return essence.len > 17 &&
           slice_is_nocase(slice_sub(essence, 0, 12), "application/") &&
           slice_is_nocase(slice_sub(essence, essence.len - 5, essence.len),
                           "+json");
}

static bool is_signed_right(struct request *r, const struct backend *b,
                            int64_t now_us)
{
    struct webhook_headers h = {
        .id = request_header(r, "webhook-id"),
        .timestamp = request_header(r, "webhook-timestamp"),
        .signatures = request_header(r, "webhook-signature"),
    };

    return webhook_verify(&b->signing_secret, &h, r->body, now_us);
}

static void reply_counts(struct request *r, const struct webhook_result *res)
{
    struct jw j;

    jw_init(&j, reply_json(r, 201));
    jw_obj(&j);
    jw_kstr(&j, "status", "success");
    jw_kint(&j, "papers_created", res->created);
    jw_kint(&j, "papers_updated", res->updated);
    jw_kint(&j, "papers_unchanged", res->unchanged);
    jw_end_obj(&j);
}

static enum err_code receive(struct request *r, struct arena *a, int64_t now_us,
                             struct err *e)
{
    struct backend *b = r->ctx;
    struct webhook_in call;
    struct webhook_result res;
    enum err_code rc;

    rc = webhook_payload_read(&call, a, r->body, now_us, e);
    if (rc)
        return rc;
    call.webhook_id = request_header(r, "webhook-id");
    crypto_sha256(call.body_sha256, r->body);
    rc = store_webhook_receive(b->store, &call, &res, e);
    if (rc == ERR_NONE) {
        log_info(
            "backend", res.repeated ? "webhook repeated" : "webhook stored",
            LOG_SL("job", call.job_id), LOG_I("created", res.created),
            LOG_I("updated", res.updated), LOG_I("unchanged", res.unchanged));
        reply_counts(r, &res);
        backend_papers_stored(b);
    }
    return rc;
}

enum err_code webhook_in_post(struct request *r, struct err *e)
{
    int64_t now_us = clock_now_us();
    struct arena *a;
    enum err_code rc;

    if (!is_signed_right(r, r->ctx, now_us)) {
        log_warn("backend", "webhook with a wrong signature",
                 LOG_SL("client", r->client));
        refuse_with(r, 401, "Invalid signature");
        return ERR_NONE;
    }
    if (!is_json_type(request_header(r, "content-type"))) {
        refuse_with(r, 415, "the body must be application/json");
        return ERR_NONE;
    }
    a = arena_new(CALL_ARENA_BYTES);
    if (!a)
        return err_set(e, ERR_UNAVAILABLE, "no memory for the call");
    rc = receive(r, a, now_us, e);
    arena_free(a);
    return rc;
}
